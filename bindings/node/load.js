/*
 * load.js - where is the binding for this machine?
 *
 * First it tries the binding that was built here, then the package's own.  It
 * prints nothing; loadError() says what failed.  It opens the files instead of
 * requiring them, so that bundlers do not look for them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const fs = require('fs');
const path = require('path');

const NAME = 'DTraceProviderBindings.node';

/*
 * musl or glibc?  The path of Node's own loader says it; it is in the first
 * bytes.
 */
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

/* This machine, as in "linux-x64-glibc". */
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

/* { binding, path, error }: either binding or error is null. */
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
	return { binding: null, path: null,
		error: new Error('dtrace-provider: no binding for ' +
			platform() + ', ' + (errors.length === 0 ?
			'neither built nor in the package' :
			errors.map((error) => error.message).join(', ')) +
			'; `npx dtrace-provider-build\' builds one with cc ' +
			'and make') };
}

module.exports = { load, platform };
