#!/usr/bin/env node
/*
 * build.js - how does a machine for which the package has no binary get one?
 *
 *	npx dtrace-provider-build
 *
 * It builds the binding with cc and make, unless there is one, and says which
 * file that is.  npm does not run this: packages that do nothing when they are
 * installed need nobody's trust.  MAKE names make, else gmake and make are tried.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { spawnSync } = require('child_process');
const { load, platform } = require('./load.js');

/* Runs in src with relative paths only: make can't handle blanks in others. */
function build()
{
	const makes = process.env.MAKE ? [process.env.MAKE] :
		['gmake', 'make'];
	const env = Object.assign({}, process.env);

	delete env.MAKEFLAGS;
	delete env.MAKELEVEL;
	for (const make of makes) {
		const run = spawnSync(make, ['-C', 'src'], { cwd: __dirname, env,
			encoding: 'utf8' });

		if (run.error && run.error.code === 'ENOENT')
			continue;
		return (run.stdout || '') + (run.stderr || '') +
			(run.error ? run.error.message + '\n' : '');
	}
	return 'there is no make here (tried: ' + makes.join(', ') + ')\n';
}

let found = load();
let said = '';

if (found.binding === null) {
	said = build();
	found = load();
}
if (found.binding === null) {
	process.stderr.write(said + 'dtrace-provider: no binding for ' +
		platform() + ' could be built\n');
	process.exitCode = 1;
} else {
	process.stdout.write('binding: ' + found.path + '\n');
}
