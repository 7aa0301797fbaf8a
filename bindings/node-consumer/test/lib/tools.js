/*
 * tools.js - what do the tests share?
 *
 * They run the helper of this checkout with a fake libdtrace, whose "D programs"
 * are lists of events (test/consumer/fake_libdtrace.c), or a fake helper.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { execFileSync } = require('child_process');

const TOP = path.join(__dirname, '../../../..');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'usdt-consumer-'));
const library = path.join(directory, 'libdtrace.so.2');

process.on('exit', () => fs.rmSync(directory,
	{ recursive: true, force: true }));

execFileSync('cc', ['-std=gnu99', '-O2', '-shared', '-fPIC', '-o', library,
	path.join(TOP, 'test/consumer/fake_libdtrace.c')]);

/* With the fake library. */
const helper = process.env.USDT_DTRACE ||
	path.join(process.env.USDT_BUILD || TOP, 'usdt-dtrace');

process.env.USDT_DTRACE = helper;
process.env.USDT_LIBDTRACE = library;
process.env.USDT_DTRACE_UNCHECKED = '1';

/* Options for a helper that plays a script: lib/fake-helper.js. */
function played(script, more = {})
{
	return { helper: path.join(__dirname, 'fake-helper.js'),
		env: { ...process.env, FAKE_SCRIPT: JSON.stringify(script) },
		...more };
}

/* 64-bit numbers in hexadecimal, as in records. */
function words(...numbers)
{
	const bytes = Buffer.alloc(8 * numbers.length);

	numbers.forEach((number, i) => bytes.writeBigInt64LE(
		BigInt.asIntN(64, BigInt(number)), 8 * i));
	return bytes.toString('hex');
}

/* SIZE buckets with the counts { bucket: count }. */
function counts(size, at)
{
	return words(...Array.from({ length: size }, (none, i) => at[i] || 0));
}

function string(text)
{
	return `rec 1 ${Buffer.byteLength(text) + 2} 1 4 ` +
		Buffer.from(text).toString('hex');
}

/* Waits until test() is true; throws only after a minute. */
async function until(test, what)
{
	for (let i = 0; i < 6000; i++) {
		if (test())
			return;
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
	throw new Error(`never: ${what}`);
}

/* The pids of the helpers that run WHAT. */
function running(what = helper)
{
	return fs.readdirSync('/proc').filter((name) => {
		if (!/^\d+$/.test(name))
			return false;
		try {
			const words_ = fs.readFileSync(`/proc/${name}/cmdline`,
				'latin1').split('\0');

			return words_.includes(what) &&
				words_.includes('--serve');
		} catch (error) {
			return false;
		}
	}).map(Number);
}

module.exports = { TOP, counts, directory, helper, library, played, running,
	string, until, words };
