/*
 * leak.test.js - do a process's memory and mappings stay the same over many
 * lives of providers, each with a new name, left to the garbage collector?
 *
 * USDT_TEST_LIVES=1000000 makes it a million lives of each kind; an enabled
 * one takes half a millisecond, for its file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { test } = require('node:test');
const { Run, images } = require('./lib/tracer.js');

const LIVES = Number(process.env.USDT_TEST_LIVES || 0);
const CI = process.env.USDT_NO_SKIP === '1';

/* Images usually are in memory; on a disk they take several times as long. */
const place = fs.existsSync('/dev/shm') ?
	fs.mkdtempSync('/dev/shm/usdt-test-node-') : images;
process.on('exit', () => fs.rmSync(place, { recursive: true, force: true }));

async function lives(way, count)
{
	const run = new Run([process.execPath, '--expose-gc',
		path.join(__dirname, 'lib', 'lives.js'), way,
		String(LIVES || count)], { USDT_IMAGE_DIR: place });
	const ended = await run.until(() => run.over, 24 * 3600 * 1000);
	const [before, early, late, end] = run.lines().map((line) =>
		line.split(' ').map(Number));

	assert(ended && end, run.report());
	/* kB; a provider with its probe takes more than 200 bytes. */
	assert(late[0] - early[0] < 16384, 'memory grew\n' + run.report());
	for (const [, maps] of [early, late])
		assert(maps < before[1] + 500, 'too many mappings\n' +
			run.report());
	/* After a turn of the event loop all providers are freed. */
	assert(end[1] < before[1] + 50, 'mappings stay\n' + run.report());
}

/* Node frees its records of a view only when the event loop turns, so lives with
 * views need turns. */
test('described and forgotten', () => lives('described', 50000));
test('disabled and forgotten', () => lives('disabled', CI ? 10000 : 1000));
test('enabled, forgotten, in a loop that never ends', () =>
	lives('enabled', CI ? 50000 : 1000));
test('enabled, with views of their gates', () => lives('fired', 1000));
test('in a program that waits now and then', () => lives('turning', 1000));
test('the same with views of their gates', () =>
	lives('turning-fired', CI ? 10000 : 1000));
