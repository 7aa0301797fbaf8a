/*
 * project.js - the packages of $PROJECT, and the paths of their probes
 *
 * The packages do not show the paths, so this reads the process's own maps.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const project = createRequire(path.join(process.env.PROJECT, 'x.js'));
const dtrace = project('dtrace-provider');
const made = [];

/* The constructor is looked up when it is called. */
dtrace.DTraceProvider = class extends dtrace.DTraceProvider {
	constructor(...all)
	{
		super(...all);
		made.push(this);
	}
};

exports.project = project;

/* Some tracers come after the probes: waits until they have these of all
 * providers, at most the seconds in USDT_TEST_AWAIT. */
exports.awaitTracer = function (probes)
{
	const end = Date.now() +
		Number(process.env.USDT_TEST_AWAIT || 0) * 1000;
	const never = new Int32Array(new SharedArrayBuffer(4));

	for (const provider of made) {
		for (const probe of probes) {
			while (!provider[probe].enabled && Date.now() < end)
				Atomics.wait(never, 0, 0, 20);
		}
	}
};

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
