/*
 * bench.js - what does it cost to receive events?
 *
 *	node bench.js [--json FILE]
 *
 * A fake libdtrace costs next to nothing, so the helper and this package are
 * measured.  Where possible both share one processor (taskset) and have priority
 * over other programs (chrt, for root).  Each figure is the median of some
 * rounds; rows have their bounds.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { execFileSync, spawnSync } = require('child_process');
const { monitorEventLoopDelay } = require('perf_hooks');

const TOP = path.join(__dirname, '../..');
const ROUNDS = 5;
const EVENTS = 600000;

/* On one processor and with priority, as far as possible. */
const BEFORE = [['taskset', '-c', '0'], ['chrt', '-r', '1']].filter((words) =>
	spawnSync(words[0], [...words.slice(1), 'true']).status === 0).flat();

if (!process.env.USDT_BENCH_CHILD) {
	const [command, ...words] = [...BEFORE, process.execPath,
		...process.argv.slice(1)];
	const { status } = spawnSync(command, words, { stdio: 'inherit',
		env: { ...process.env, USDT_BENCH_CHILD: '1' } });

	process.exit(status);
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'usdt-bench-'));
const library = path.join(directory, 'libdtrace.so.2');

execFileSync('cc', ['-std=gnu99', '-O2', '-shared', '-fPIC', '-o', library,
	path.join(TOP, 'test/consumer/fake_libdtrace.c')]);
process.env.USDT_LIBDTRACE = library;
process.env.USDT_DTRACE_UNCHECKED = '1';

const { trace } = require('./index.js');
const { Channel } = require('./lib/channel.js');

function median(values)
{
	return values.sort((a, b) => a - b)[values.length >> 1];
}

const rows = [];

/* BOUND: [least or most, which]. */
function row(name, value, unit, bound)
{
	const holds = !bound || (bound[0] === 'least' ? value >= bound[1]
		: value <= bound[1]);

	rows.push({ name, value, unit, bound, holds });
	console.log(`${value.toFixed(unit === 'ms' ? 1 : 0).padStart(12)} ` +
		`${unit.padEnd(9)} ${name}` + (bound ? `  (at ${bound[0]} ` +
		`${bound[1]}: ${holds ? 'holds' : 'DOES NOT HOLD'})` : ''));
}

/* Events and bytes per second, for events with two integers. */
async function throughput()
{
	const rates = [];

	for (let round = 0; round < ROUNDS; round++) {
		const session = await trace(`flood ${EVENTS} 5000`,
			{ options: { switchrate: '1us' } });
		const from = process.hrtime.bigint();
		let count = 0;

		for await (const { values } of session) {
			if (values[0] === EVENTS - 1)
				break;
			count++;
		}
		const seconds = Number(process.hrtime.bigint() - from) / 1e9;

		await session.stop();
		rates.push(count / seconds);
	}
	row('small events to an iterator, helper and Node on one processor',
		median(rates), 'events/s', ['least', 300000]);
	row('their lines', median(rates) * await lineLength(), 'bytes/s');
}

/* The length of such an event's line, newline included. */
function lineLength()
{
	return new Promise((resolve) => {
		let length = 0, lines = 0;
		const channel = new Channel({}, { line() {}, end() {} });

		channel.child.stdout.on('data', (chunk) => {
			length += chunk.length;
			lines += chunk.filter((byte) => byte === 10).length;
		});
		(async () => {
			await channel.ask('open');
			await channel.ask('compile',
				{ program: 'flood 10000 10000' });
			await channel.ask('go');
			channel.close();
			resolve(length / lines);
		})();
	});
}

/* The longest turn of the event loop during WORK, less the timer's
 * resolution. */
async function delay(name, work)
{
	const worst = [];

	for (let round = 0; round < ROUNDS; round++) {
		const histogram = monitorEventLoopDelay({ resolution: 1 });

		histogram.enable();
		await work();
		histogram.disable();
		worst.push(histogram.max / 1e6 - 1);
	}
	row(name, median(worst), 'ms', ['most', 20]);
}

async function main()
{
	await throughput();
	await delay('longest turn of the event loop while a trace is opened ' +
		'and compiled for 1 s', async () => {
		const session = await trace('slow compile 1000');

		await session.stop();
	});
	await delay('the same in 1 s of 100,000 events/s to a listener',
		async () => {
		const session = await trace('flood 100000 1000',
			{ options: { switchrate: '10ms' } });

		await new Promise((resolve) => session.on('event',
			({ values }) => values[0] === 99999 && resolve()));
		await session.stop();
	});
	await delay('the same, to an iterator', async () => {
		const session = await trace('flood 100000 1000',
			{ options: { switchrate: '10ms' } });

		for await (const { values } of session)
			if (values[0] === 99999)
				break;
		await session.stop();
	});
	const at = process.argv.indexOf('--json');

	if (at !== -1)
		fs.writeFileSync(process.argv[at + 1], JSON.stringify(rows));
	fs.rmSync(directory, { recursive: true });
	process.exitCode = rows.every(({ holds }) => holds) ? 0 : 1;
}

main();
