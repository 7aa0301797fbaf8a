/*
 * install.js - is there a binding, or can one be built?
 *
 * Without a binding the package is still installed, in silence, and its
 * providers are stubs.  V=1 prints the output of the build;
 * NODE_DTRACE_PROVIDER_REQUIRE=hard makes a missing binding an error.  MAKE
 * names make, else gmake and make are tried.
 */
'use strict';

const { spawnSync } = require('child_process');
const { load, platform } = require('./load.js');

const verbose = process.env.V === '1';

/* Runs in src with relative paths only: make can't handle blanks in others. */
function build()
{
	const makes = process.env.MAKE ? [process.env.MAKE] :
		['gmake', 'make'];
	const env = Object.assign({}, process.env);
	let said = '';

	delete env.MAKEFLAGS;
	delete env.MAKELEVEL;
	delete env.V;
	for (const make of makes) {
		const run = spawnSync(make, ['-C', 'src'], { cwd: __dirname, env,
			encoding: 'utf8' });

		if (run.error && run.error.code === 'ENOENT')
			continue;
		said += (run.stdout || '') + (run.stderr || '') +
			(run.error ? run.error.message + '\n' : '');
		break;
	}
	return said || 'there is no make here (tried: ' + makes.join(', ') +
		')\n';
}

let found = load();
let said = '';

if (found.binding === null && process.platform !== 'win32') {
	said = build();
	found = load();
}
if (verbose)
	process.stdout.write(said + (found.path ? 'binding: ' + found.path :
		'no binding: ' + found.error.message) + '\n');
if (found.binding === null &&
    process.env.NODE_DTRACE_PROVIDER_REQUIRE === 'hard') {
	process.stderr.write(said + 'dtrace-provider: no binding for ' +
		platform() + ': ' + found.error.message + '\n');
	process.exitCode = 1;
}
