/*
 * locate.js - where is the helper for this machine?
 */
'use strict';

const fs = require('fs');
const path = require('path');
const { failure } = require('./error.js');

const TOP = path.join(__dirname, '..');

/* Those are the ones for which the package brings it. */
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

/* Why there is none for such a machine. */
function lack(machine)
{
	const name = machine.platform + '-' + machine.arch;

	if (machine.musl)
		return 'DTrace for Linux needs glibc 2.38 or later, and this ' +
			'system has musl';
	if (machine.platform === 'win32')
		return 'there is no helper for Windows, whose DTrace is ' +
			'another one';
	if (PREBUILT.includes(name))
		return 'the helper usdt-dtrace has not been built; `make ' +
			'usdt-dtrace` in a checkout of libusdt builds it';
	return `there is no helper for ${name}; \`make usdt-dtrace\` in a ` +
		'checkout of libusdt builds one where there is a <dtrace.h>, ' +
		'and USDT_DTRACE tells its path';
}

/* Its path; throws a DTraceError. */
function locate(options = {}, machine = here())
{
	const told = options.helper || process.env.USDT_DTRACE;
	const places = told ? [told] : [
		path.join(machine.top, 'prebuilds',
			machine.platform + '-' + machine.arch, 'usdt-dtrace'),
		path.join(machine.top, '..', '..', 'usdt-dtrace'),
	];
	const found = places.find((place) => fs.existsSync(place));

	if (told && !found)
		throw failure('ENOHELPER', `there is no helper ${told}`);
	if (!found || (!told && machine.musl))
		throw failure('ENOHELPER', lack(machine));
	return path.resolve(found);
}

module.exports = { locate };
