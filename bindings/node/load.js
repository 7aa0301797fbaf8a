/*
 * load.js - where is the binding for this machine?
 *
 * First what was built here, then what came with the package.  Nothing is
 * printed: who wants to know asks loadError().  The files are not required but
 * opened, so that bundlers do not look for them.
 */
'use strict';

const fs = require('fs');
const path = require('path');

const NAME = 'DTraceProviderBindings.node';

/* musl or glibc?  Node's own loader tells: its path is in the first bytes. */
function libc()
{
	let file;

	try {
		file = fs.openSync(process.execPath, 'r');
		const head = Buffer.alloc(4096);
		const length = fs.readSync(file, head, 0, head.length, 0);

		return head.toString('latin1', 0, length).includes('/ld-musl-') ?
			'musl' : 'glibc';
	} catch (error) {
		return 'glibc';
	} finally {
		if (file !== undefined)
			fs.closeSync(file);
	}
}

/* Of this machine: "linux-x64-glibc". */
function platform()
{
	const base = process.platform + '-' + process.arch;

	return process.platform === 'linux' ? base + '-' + libc() : base;
}

function candidates()
{
	return [
		path.join(__dirname, 'src', 'build', 'Release', NAME),
		path.join(__dirname, 'prebuilds', platform(), NAME),
	];
}

/* { binding, path, error }: of binding and error one is null. */
function load()
{
	const errors = [];

	for (const file of candidates()) {
		if (!fs.existsSync(file))
			continue;
		try {
			const module = { exports: {} };

			process.dlopen(module, file);
			return { binding: module.exports, path: file,
				error: null };
		} catch (error) {
			errors.push(error);
		}
	}
	return { binding: null, path: null, error: errors[0] ||
		new Error('dtrace-provider: no binding for ' + platform() +
			', neither built nor in the package') };
}

module.exports = { load, platform };
