/*
 * project.js - packages of $PROJECT, and where the probes are that they made,
 * which tell nobody: in the maps of this process.
 */
'use strict';

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

exports.project = createRequire(path.join(process.env.PROJECT, 'x.js'));

exports.sites = function (provider, probes)
{
	const maps = fs.readFileSync('/proc/self/maps', 'utf8');
	const files = new Set(maps.match(
		new RegExp(`/\\S*/${provider}/\\S+/mod-1$`, 'gm')));

	for (const file of files) {
		for (const probe of probes)
			fs.writeSync(1, `site ${file} ${provider} ` +
				probe.replace(/-/g, '__') + '\n');
	}
};
