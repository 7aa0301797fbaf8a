/*
 * lives.js - does memory stay the same over many lives of providers?
 *
 *	node --expose-gc lives.js WAY[-WAY] COUNT
 *
 * Prints the resident memory in kB and the number of mappings four times: before
 * the lives, after a tenth, after all, and after turns of the event loop.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const fs = require('fs');
const path = require('path');
const dtrace = require(path.join(__dirname, '..', '..',
	'dtrace-provider.js'));

const ways = process.argv[2].split('-');
const count = Number(process.argv[3]);

function callback()
{
	return [1];
}

/* A life of a provider; its end is left to the garbage collector. */
function live(i)
{
	const p = dtrace.createDTraceProvider('leak' + i + 'x');
	const probe = p.addProbe('p1', 'int', 'char *');

	if (ways.includes('described'))
		return;
	p.enable();
	for (let j = 0; j < (ways.includes('fired') ? 20 : 1); j++)
		probe.fire(callback);
	if (ways.includes('disabled'))
		p.disable();
}

function report()
{
	const statm = fs.readFileSync('/proc/self/status', 'utf8');
	const maps = fs.readFileSync('/proc/self/maps', 'utf8');

	console.log(/VmRSS:\s+(\d+)/.exec(statm)[1],
		maps.split('\n').length);
}

function turn()
{
	return new Promise((resolve) => setImmediate(resolve));
}

/* "turning" gives the event loop a turn now and then, the other ways only at the
 * end. */
async function main()
{
	const first = Math.floor(count / 10);

	report();
	for (let i = 0; i < count; i++) {
		if (i === first) {
			global.gc();
			report();
		}
		live(i);
		if (ways.includes('turning') && i % 100 === 0)
			await turn();
	}
	global.gc();
	report();
	for (let i = 0; i < 4; i++) {
		global.gc();
		await turn();
	}
	report();
}

main();
