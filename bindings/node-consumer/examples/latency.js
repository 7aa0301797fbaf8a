#!/usr/bin/env node
/*
 * latency.js - how long do system calls take?  Draws a growing histogram.
 *
 *	latency.js [SYSTEM-CALL [SECONDS]]
 *
 * Needs root.  quantize() counts in the kernel; this program fetches the buckets
 * once a second.  It ends after SECONDS, or when it is interrupted.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { trace, available } = require('usdt-consumer');

const PROGRAM = `
	syscall::$1:entry { self->from = timestamp; }
	syscall::$1:return /self->from/
	{
		@["ns"] = quantize(timestamp - self->from);
		self->from = 0;
	}`;

async function main()
{
	const [call = 'read', seconds] = process.argv.slice(2);
	const { ok, reason } = await available();

	if (!ok) {
		console.error(`There are no traces here: ${reason}`);
		process.exitCode = 1;
		return;
	}
	const session = await trace(PROGRAM, { args: [call] });
	const clear = process.stdout.isTTY ? '\x1b[H\x1b[J' : '';

	process.once('SIGINT', () => session.stop());
	if (seconds)
		setTimeout(() => session.stop(), Number(seconds) * 1000);
	for await (const all of session.snapshots('1s')) {
		const times = all.has('_') && all.get('_').get('ns');

		console.log(`${clear}${call}(2), nanoseconds\n` +
			(times ? String(times) : 'none yet\n'));
	}
}

main();
