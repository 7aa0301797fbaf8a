/*
 * stop.test.js - does a trace always end, and does it leave nothing?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const { test } = require('node:test');
const { played, running, until } = require('./lib/tools.js');
const { trace } = require('../index.js');

const TICK = 'stage tick\nprobe 1 p m f n\nstage end\nprobe 2 p m f e';

function sleep(ms)
{
	return new Promise((resolve) => setTimeout(resolve, ms));
}

async function nothingIsLeft()
{
	await until(() => running().length === 0, 'no helper');
}

/* Stops a trace whose library does HOW in CALL. */
async function stopped(how, call, options = {})
{
	const session = await trace(`${TICK}\n${how} ${call}`,
		{ stopTimeout: 300, grace: 100, ...options });

	session.on('error', () => {});
	const error = await session.stop().then(() => null, (why) => why);

	assert.strictEqual(session.ended, true);
	return error;
}

test('a library that hangs, aborts or exits: stop() settles with ELOST',
	async () => {
	for (const how of ['hang', 'abort', 'quit'])
		assert.strictEqual((await stopped(how, 'stop')).code, 'ELOST',
			how);
	await nothingIsLeft();
});

test('the same while the library works and the helper reads no command',
	async () => {
	/* Only the first works come before the answer to "go". */
	const session = await trace(TICK + '\nslow work 400',
		{ stopTimeout: 100, grace: 100 });
	const error = await session.stop().catch((why) => why);

	assert.strictEqual(error.code, 'ELOST');
	assert.match(error.message, /did not stop within 100 ms/);
	await nothingIsLeft();
});

test('a library that fails to stop says so', async () => {
	const session = await trace(TICK + '\nfail stop 5 No stop',
		{ grace: 100 });

	await assert.rejects(session.stop(), { message: 'No stop' });
	await nothingIsLeft();
});

test('a library that hangs, aborts or exits at the start: trace() rejects',
	async () => {
	for (const call of ['compile', 'go', 'exec'])
		for (const how of ['abort', 'quit'])
			await assert.rejects(trace(`${how} ${call}`,
				{ grace: 100 }), { code: 'ELOST' });
	for (const step of ['open', 'compile', 'go'])
		await assert.rejects(trace('', played({ [step]: ['exit'] })),
			{ code: 'ELOST', message: /ended with status 3/ });
	await nothingIsLeft();
});

test('a lost helper: the iterator rejects once, and then is done', async () => {
	const session = await trace(TICK + '\nabort status', { grace: 100 });
	const iterator = session[Symbol.asyncIterator]();

	await iterator.next();
	session.aggregations().catch(() => {});
	let error;

	for (;;) {
		const result = await iterator.next().catch((why) => {
			error = why;
			return null;
		});

		if (!result)
			break;
		assert.strictEqual(result.done, false);
	}
	assert.strictEqual(error.code, 'ELOST');
	assert.match(error.message, /was ended by signal 6/);
	assert.strictEqual((await iterator.next()).done, true);
	await session.stop();
	await assert.rejects(session.aggregations(), { code: 'ELOST' });
});

test('a lost helper that nobody iterates is an error event', async () => {
	const session = await trace(TICK + '\nabort status', { grace: 100 });
	const error = new Promise((resolve) => session.on('error', resolve));

	session.aggregations().catch(() => {});
	assert.strictEqual((await error).code, 'ELOST');
});

test('50 starts and stops at random moments leave nothing', async () => {
	/* The same moments in each run. */
	let seed = 12345;
	const random = () => {
		seed = (seed * 1103515245 + 12345) % 2147483648;
		return seed / 2147483648;
	};

	for (let round = 0; round < 50; round++) {
		const controller = new AbortController();
		const timer = setTimeout(() => controller.abort(),
			random() * 60);
		const session = await trace(TICK, {
			signal: controller.signal,
			options: { switchrate: '1ms' } }).catch((error) => {
			assert.strictEqual(error.name, 'AbortError');
			return null;
		});

		if (!session)
			continue;
		if (random() < 0.5) {
			await session.stop();
		} else {
			let last;

			for await (const { probe } of session)
				last = probe.name;
			assert.strictEqual(last, 'e', 'END came');
		}
		clearTimeout(timer);
	}
	await nothingIsLeft();
});

test('kill -9 of the program, and of the helper\'s two processes', async () => {
	const script = `
		const { trace } = require(${JSON.stringify(
		path.join(__dirname, '../index.js'))});
		trace(process.argv[1], { grace: 100 }).then((session) => {
			session.on('event', () => {});
			console.log('going');
			setInterval(() => {}, 1000);
		});`;

	for (const program of [TICK, TICK + '\nhang status\nhang stop',
		'flood 1000000000 1000']) {
		const child = spawn(process.execPath, ['-e', script, program],
			{ stdio: ['ignore', 'pipe', 'inherit'] });

		await new Promise((resolve) => child.stdout.on('data', resolve));
		assert.notStrictEqual(running().length, 0);
		child.kill('SIGKILL');
		await nothingIsLeft();
	}
	const session = await trace(TICK);

	session.on('error', () => {});
	for (const pid of running())
		process.kill(pid, 'SIGKILL');
	await until(() => session.ended, 'the end');
	await nothingIsLeft();
});

test('the event loop turns while a library hangs', async () => {
	const session = await trace(TICK + '\nhang stop',
		{ stopTimeout: 200, grace: 100 });
	const stopping = session.stop().catch(() => {});
	let turns = 0;
	const timer = setInterval(() => turns++, 1);

	await stopping;
	clearInterval(timer);
	assert(turns > 1, `${turns} turns`);
	await nothingIsLeft();
});

test('a million events in flat memory, and no descriptors are left', async () => {
	const descriptors = () => fs.readdirSync('/proc/self/fd').length;
	const before = descriptors();
	const session = await trace('flood 1000000 20000',
		{ options: { switchrate: '1us' }, highWaterMark: 1000 });
	let count = 0, early = 0;

	for await (const { values } of session) {
		assert.strictEqual(values[0], count);
		if (++count === 200000) {
			global.gc();
			early = process.memoryUsage().heapUsed;
		}
		if (count === 1000000)
			break;
	}
	global.gc();
	const grown = process.memoryUsage().heapUsed - early;

	await session.stop();
	assert(grown < 20e6, `${grown} bytes more`);
	await nothingIsLeft();
	await until(() => descriptors() <= before, 'descriptors as before');
});

test('a program that only counts does not stand still', async () => {
	const session = await trace('stage tick\n' +
		'probe 1 p m f n\n'.repeat(50) + 'agg a 1 0x701 0 1 ' +
		'0500000000000000', { highWaterMark: 10,
		options: { switchrate: '1ms' } });

	for (let i = 0; i < 20; i++) {
		await sleep(5);
		assert.strictEqual((await session.aggregations()).get('a')
			.get(), 5);
	}
	await session.stop();
});
