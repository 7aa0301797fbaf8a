/*
 * locate.js - where is the helper for this machine?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const fs = require('fs');
const path = require('path');
const { failure } = require('./error.js');

const TOP = path.join(__dirname, '..');

/* The package contains helpers for these. */
const PREBUILT = ['linux-x64', 'linux-arm64'];

function isMusl()
{
	if (process.platform !== 'linux' || !process.report)
		return false;
	return process.report.getReport().header.glibcVersionRuntime ===
		undefined;
}

function here()
{
	return { platform: process.platform, arch: process.arch,
		musl: isMusl(), top: TOP };
}

/* Why this machine has no helper. */
function lack(machine)
{
	const name = machine.platform + '-' + machine.arch;

	if (machine.musl)
		return 'DTrace for Linux needs glibc 2.38 or later, and this ' +
			'system has musl';
	if (machine.platform === 'win32')
		return 'there is no helper for Windows, which has another ' +
			'DTrace';
	if (PREBUILT.includes(name))
		return 'the helper usdt-dtrace has not been built; `make ' +
			'usdt-dtrace` in a checkout of libusdt builds it';
	return `there is no helper for ${name}; \`make usdt-dtrace\` in a ` +
		'checkout of libusdt builds one where there is a <dtrace.h>; ' +
		'set USDT_DTRACE to its path';
}

/* The helper's path; throws a DTraceError if there is none. */
function locate(options = {}, machine = here())
{
	const given = options.helper || process.env.USDT_DTRACE;
	const places = given ? [given] : [
		path.join(machine.top, 'prebuilds',
			machine.platform + '-' + machine.arch, 'usdt-dtrace'),
		path.join(machine.top, '..', '..', 'usdt-dtrace'),
	];
	const found = places.find((place) => fs.existsSync(place));

	if (given && !found)
		throw failure('ENOHELPER', `there is no helper ${given}`);
	if (!found || (!given && machine.musl))
		throw failure('ENOHELPER', lack(machine));
	return path.resolve(found);
}

module.exports = { locate };
