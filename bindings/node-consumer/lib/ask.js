/*
 * ask.js - which questions does libdtrace answer without a trace?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { Channel } = require('./channel.js');
const { ADVICE, DTraceError } = require('./error.js');
const { checked, dtraceOptions } = require('./options.js');

/* Calls work(ask) with a helper of its own. */
async function withHelper(options, work)
{
	const channel = new Channel(options, { line() {}, end() {} });

	try {
		return await work(channel.ask.bind(channel));
	} finally {
		channel.close();
		channel.unref();
	}
}

/* Can this machine trace?  Never rejects. */
async function available(given = {})
{
	const result = { ok: false, reason: null, code: null, version: null,
		library: null };

	try {
		await withHelper(checked(given), async (ask) => {
			const { version, library } = await ask('version');

			Object.assign(result, { version, library });
			await ask('ready');
		});
		result.ok = true;
	} catch (error) {
		const advice = ADVICE[error.code];

		result.code = error.code || 'ERROR';
		result.reason = error.message + (advice ? ` (${advice})` : '');
	}
	return result;
}

/* The probes that a description like "syscall:::entry" matches. */
async function probes(pattern = ':::', given = {})
{
	const options = checked(given);

	if (typeof pattern !== 'string')
		throw new TypeError('a pattern must be a string');
	return withHelper(options, async (ask) => {
		await ask('open', { compileOnly: true });
		const { lines } = await ask('probes', { pattern });

		return lines.map(({ listed }) => listed);
	});
}

/* Does a program compile?  null, or the DTraceError.  Needs no privileges. */
async function check(program, given = {})
{
	const options = checked(given);

	if (typeof program !== 'string')
		throw new TypeError('a program must be a string');
	try {
		await withHelper(options, async (ask) => {
			await ask('open', { compileOnly: true });
			for (const [option, value] of dtraceOptions(options))
				await ask('set', { option, value });
			await ask('compile', { program, args: options.args,
				zdefs: Boolean(options.zdefs),
				cpp: Boolean(options.cpp), lines: true },
				program);
		});
	} catch (error) {
		if (error instanceof DTraceError && error.code === 'ECOMPILE')
			return error;
		throw error;
	}
	return null;
}

module.exports = { available, check, probes };
