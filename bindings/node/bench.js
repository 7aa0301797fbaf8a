/*
 * bench.js - what does a probe cost?
 *
 *	node bench.js [PATH-OF-ANOTHER-PACKAGE]
 *
 * Nanoseconds for each call, the least of some rounds.  The other package is
 * dtrace-provider itself; its stub is measured for comparison.  The cost of
 * enabled probes is measured if bpftrace can be run.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { spawn } = require('child_process');
const dtrace = require('./dtrace-provider.js');

const ROUNDS = 7;

function callback()
{
	return [1, 'text'];
}

/*
 * Each measurement has a loop of its own: V8 would make one function of equal
 * texts, and compile it for the objects of all.
 */
function measure(name, count, body, object)
{
	const loop = new Function('o', 'callback', 'n',
		`/* ${name} */ let s = 0; for (let i = 0; i < n; i++) { ${body}; } return s;`);
	let least = Infinity;

	for (let round = 0; round < ROUNDS; round++) {
		const from = process.hrtime.bigint();

		loop(object, callback, count);
		const took = Number(process.hrtime.bigint() - from) / count;

		least = Math.min(least, took);
	}
	console.log(`${least.toFixed(2).padStart(10)}  ${name}`);
	return least;
}

function probeOf(module)
{
	const provider = module.createDTraceProvider('nodebench');

	provider.addProbe('p1', 'int', 'char *');
	provider.enable();
	return provider;
}

function rest(ms)
{
	return new Promise((resolve) => setTimeout(resolve, ms));
}

/* Wait until a tracer uses the probe, or the tracer has ended. */
async function traced(probe, tracer)
{
	for (let i = 0; i < 2000 && !probe.enabled && !tracer.over; i++)
		await rest(50);
	return probe.enabled;
}

/* bpftrace 0.17 loses a signal that comes just before it sleeps. */
async function end(tracer)
{
	for (let i = 0; i < 30 && !tracer.over; i++) {
		tracer.kill(i === 0 ? 'SIGINT' : 'SIGTERM');
		for (let j = 0; j < 20 && !tracer.over; j++)
			await rest(50);
	}
	if (!tracer.over)
		tracer.kill('SIGKILL');
}

async function main()
{
	const provider = probeOf(dtrace);
	const N = 2e7;

	if (dtrace.loadError() !== null)
		throw dtrace.loadError();
	console.log(`node ${process.version} ${process.platform} ` +
		`${process.arch}, ns per call`);
	const empty = measure('an empty method', N, 'o.fire(callback)',
		new (class { fire(cb) {} })());
	if (process.argv[2] !== undefined)
		measure("the original's stub, probe.fire(cb)", N,
			'o.fire(callback)',
			probeOf(require(process.argv[2])).p1);
	const fire = measure('disabled probe.fire(cb)', N,
		'o.fire(callback)', provider.p1);
	measure('disabled probe.fire(cb, a, b)', N,
		'o.fire(callback, i, o)', provider.p1);
	measure('disabled probe.enabled', N, 's += o.enabled', provider.p1);
	measure('disabled provider.fire(name, cb)', N / 10,
		"o.fire('p1', callback)", provider);
	console.log(`${(fire - empty).toFixed(2).padStart(10)}  ` +
		'disabled probe.fire(cb) above an empty method');

	const before = process.memoryUsage().heapUsed;
	new Function('o', 'callback',
		'for (let i = 0; i < 1e7; i++) o.fire(callback)')(
		provider.p1, callback);
	console.log(`${((process.memoryUsage().heapUsed - before) / 1e7)
		.toFixed(4).padStart(10)}  bytes allocated by one of 10000000`);

	const tracer = spawn('bpftrace', ['-e',
		`usdt:${provider.status().sdt.path}:nodebench:p1 ` +
		'{ @ = count(); }'], { stdio: 'ignore' });
	tracer.over = false;
	for (const how of ['error', 'exit'])
		tracer.on(how, () => { tracer.over = true; });
	if (await traced(provider.p1, tracer))
		measure('enabled probe.fire(cb), an int and a string', 2e5,
			'o.fire(callback)', provider.p1);
	else
		console.log('  (bpftrace did not come)');
	await end(tracer);
}

main();
