/*
 * traced.js - programs for tests to trace: they act and judge nothing.
 *
 *	node traced.js NAME[,NAME...] PROVIDER
 *
 * They print "site PATH PROVIDER PROBE" for what a tracer can attach to, and
 * "say ..." for what else a test may want to know.  Of several, each has a
 * provider of its own: PROVIDER, its name and "_x".
 *
 * Some tracers come after the probes.  USDT_TEST_AWAIT=SECONDS is how long
 * programs wait for them, each time that they have enabled probes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const path = require('path');
const { MessageChannel, Worker, isMainThread, workerData } =
	require('worker_threads');
const dtrace = require(process.env.USDT_TEST_PACKAGE ||
	path.join(__dirname, '..', '..', 'dtrace-provider.js'));

const names = isMainThread ? process.argv[2].split(',') : [workerData.name];
const await_ms = Number(process.env.USDT_TEST_AWAIT || 0) * 1000;
const lines = [];
let prov = isMainThread ? process.argv[3] : workerData.provider;

function say(...words)
{
	lines.push('say ' + words.map(String).join(' '));
}

/* Where are the probes of the newest image? */
function site(provider, ...probes)
{
	const status = provider.status();

	for (const probe of probes)
		lines.push(`site ${status.sdt.path} ${status.name} ` +
			probe.replace(/-/g, '__'));
}

/* Waits until each of these is traced, or the time is over. */
async function awaitTracer(...probes)
{
	const end = Date.now() + await_ms;

	for (const probe of probes) {
		while (!probe.enabled && Date.now() < end)
			await new Promise((resolve) => setTimeout(resolve, 20));
	}
}

/* A provider with probes, [NAME, TYPE...] each, enabled. */
async function live(...probes)
{
	const provider = dtrace.createDTraceProvider(prov);

	for (const probe of probes)
		provider.addProbe(...probe);
	provider.enable();
	site(provider, ...probes.map((probe) => probe[0]));
	await awaitTracer(...probes.map((probe) => provider[probe[0]]));
	return provider;
}

function attempt(what, action)
{
	try {
		say(what, 'gives', String(action()));
	} catch (error) {
		say(what, 'throws', error.constructor.name + ':',
			error.message);
	}
}

function collect()
{
	for (let i = 0; i < 4; i++)
		global.gc();
	return new Promise((resolve) => setImmediate(resolve));
}

function repeat(count, value)
{
	return Array.from({ length: count }, (unused, i) => value(i));
}

const programs = {
	async basic()
	{
		const p = await live(['p1', 'int', 'char *']);

		p.fire('p1', () => [1, 'two']);
		p.p1.fire(() => [-3, 'four']);
	},

	async ints32()
	{
		const p = await live(['p1', ...repeat(32, () => 'int')]);

		for (let i = 1; i <= 32; i++)
			p.fire('p1', () => repeat(i, (j) => j + 1));
	},

	async strings32()
	{
		const p = await live(['p1', ...repeat(32, () => 'char *')]);

		p.fire('p1', () => repeat(32, (i) => 'text' + i));
	},

	/* 1 + (1 + 2 + ... + 9) = 46 */
	async addProbes()
	{
		const p = await live(['p0', 'int']);

		p.fire('p0', () => [0]);
		for (let i = 1; i <= 9; i++) {
			p.disable();
			p.addProbe('p' + i, 'int');
			p.enable();
			site(p, 'p' + i);
			await awaitTracer(p['p' + i]);
			for (let j = 1; j <= i; j++)
				p.fire('p' + j, () => [i]);
		}
	},

	async addLive()
	{
		const p = await live(['first', 'int']);

		p.fire('first', () => [1]);
		const second = p.addProbe('second', 'int');
		site(p, 'second');
		await awaitTracer(second);
		second.fire(() => [2]);
		p.first.fire(() => [3]);
		say('enabled', p.first.enabled, second.enabled);
	},

	async extraOfProbe()
	{
		const p = await live(['p1', 'int', 'char *']);

		say('traced', p.p1.fire(function (a, b) {
			say('this is the probe', this === p.p1,
				arguments.length);
			return [a, b];
		}, 7, 'seven'));
		p.p1.fire((...all) => [all.length, 'none']);
	},

	async extraOfProvider()
	{
		const p = await live(['p1', 'int', 'char *']);

		say('traced', p.fire('p1', function (a, b) {
			say('this is the probe', this === p.p1,
				arguments.length);
			return [a, b];
		}, 8, 'eight'));
		p.fire('p1', (...all) => [all.length, 'none']);
	},

	async badProbe()
	{
		const p = await live(['p1', 'int']);
		const other = new dtrace.DTraceProvider(prov + 'other');

		p.nothing = null;
		p.object = { fire() { throw new Error('called'); } };
		p.number = 42;
		p.provider = other;
		p.foreign = other.addProbe('foreign', 'int');
		for (const bad of ['unknown', 'fire', 'enable', 'addProbe',
		    'nothing', 'object', 'number', 'provider', 'foreign',
		    'toString', 'constructor', '__proto__', ''])
			attempt(`'${bad}'`, () => p.fire(bad, () => [1]));
		attempt('p1', () => p.fire('p1', () => [2]));
	},

	async createDestroy()
	{
		await Promise.all(repeat(10, async (i) => {
			const p = await live(['p1', 'int']);

			p.fire('p1', () => [i]);
		}));
	},

	async disambiguation()
	{
		const all = [dtrace.createDTraceProvider(prov),
			dtrace.createDTraceProvider(prov),
			dtrace.createDTraceProvider(prov, 'mymod'),
			dtrace.createDTraceProvider(prov, 'othermod')];

		all.forEach((p, i) => {
			p.addProbe('p1', 'int');
			p.enable();
			site(p, 'p1');
			say(p.status().module);
		});
		await awaitTracer(...all.map((p) => p.p1));
		all.forEach((p, i) => p.fire('p1', () => [i]));
	},

	async enabledDisabled()
	{
		const p = await live(['p1', 'int']);
		let count = 0;
		const fire = () => p.fire('p1', () => [++count]);

		fire();
		for (let i = 0; i < 5; i++) {
			p.disable();
			fire();
			say('enabled', p.p1.enabled);
			p.enable();
			await awaitTracer(p.p1);
			fire();
			fire();
		}
		p.disable();
		fire();
		say('fired', count);
	},

	async enabledAgain()
	{
		const p = await live(['p1', 'int']);

		p.fire('p1', () => [1]);
		say('again', p.enable());
		p.fire('p1', () => [2]);
		say('images', p.status().images);
	},

	async fewer()
	{
		const p = await live(['p1', 'int', 'char *', 'int', 'char *']);

		p.fire('p1', () => [1, 'a']);
		p.fire('p1', () => []);
		p.fire('p1', () => [undefined, null, null, undefined]);
	},

	async fewerJson()
	{
		const p = await live(['p1', 'json', 'json']);

		p.fire('p1', () => [{ a: [1, 'x'] }]);
		p.fire('p1', () => [undefined, null]);
	},

	async more()
	{
		const p = await live(['p1', 'int', 'char *'], ['none']);

		p.fire('p1', () => [1, 'a', 2, 'b']);
		p.fire('none', () => [1]);
	},

	async json()
	{
		const p = await live(['p1', 'char *', 'json']);

		p.fire('p1', () => ['obj', { n: 42, s: 'text', u: 'h\u00e9' }]);
	},

	async jsonMany()
	{
		const p = await live(['p1', 'json', 'json']);

		p.fire('p1', () => [{ a: 1 }, [{ b: 2 }, 'c']]);
	},

	async gc()
	{
		const p = await live(['p1', 'int']);

		await collect();
		p.fire('p1', () => []);
		p.fire('p1', () => [2]);
	},

	async gcProvider()
	{
		const probe = (await live(['p1', 'int'])).p1;

		await collect();
		probe.fire(() => [1]);
		await collect();
		probe.fire(() => [2]);
		say('provider', probe.__prov__.p1 === probe);
	},

	async gcBoth()
	{
		await (async () => {
			(await live(['p1', 'int'])).fire('p1', () => [1]);
		})();
		await collect();
		await collect();
		say('mapped', require('fs').readFileSync('/proc/self/maps',
			'utf8').includes('/' + prov + '/'));
	},

	async notEnabled()
	{
		const p = dtrace.createDTraceProvider(prov);
		const probe = p.addProbe('p1', 'int');
		let called = 0;

		say('fire', probe.fire(() => { called++; return [1]; }));
		say('provider.fire', p.fire('p1', () => {
			called++;
			return [1];
		}));
		say('called', called);
		p.enable();
		site(p, 'p1');
		await awaitTracer(p.p1);
		p.fire('p1', () => [2]);
	},

	/* --- cases for which 0.8.8 had no tests ----------------------------- */

	async remove()
	{
		const p = await live(['a', 'int'], ['b', 'int']);
		const { a, b } = p;

		p.fire('a', () => [1]);
		attempt('remove', () => p.removeProbe(a));
		say('property', 'a' in p, 'enabled', a.enabled);
		attempt('fire', () => a.fire(() => [2]));
		attempt('provider.fire', () => p.fire('a', () => [3]));
		attempt('again', () => p.removeProbe(a));
		p.fire('b', () => [4]);
		attempt('the last', () => p.removeProbe(b));
		attempt('none left', () => p.removeProbe(b));
	},

	async twice()
	{
		const p = await live(['p1', 'int']);
		const first = p.p1;
		const second = p.addProbe('p1', 'int');

		say('property', p.p1 === second);
		attempt('second', () => second.fire(() => [2]));
		attempt('first', () => first.fire(() => [1]));
	},

	async throwing()
	{
		const p = await live(['p1', 'int']);

		class Mine extends Error {}
		attempt('throwing', () => p.p1.fire(() => {
			throw new Mine('my own');
		}));
		attempt('provider', () => p.fire('p1', () => {
			throw new Mine('my own');
		}));
		attempt('conversion', () => p.p1.fire(() => [{
			valueOf() { throw new Mine('no number'); } }]));
		attempt('not an array', () => p.p1.fire(() => 5));
		attempt('array-like', () => p.p1.fire(() => ({ 0: 1,
			length: 1 })));
		attempt('afterwards', () => p.p1.fire(() => [9]));
	},

	async badJson()
	{
		const p = await live(['p1', 'json']);
		const circular = {};

		circular.self = circular;
		p.p1.fire(() => [circular]);
		p.p1.fire(() => [10n]);
		p.p1.fire(() => [{ toJSON() { throw new Error('no'); } }]);
		p.p1.fire(() => [() => 1]);
	},

	/* A probe uses the JSON.stringify of the time when it was added. */
	async jsonReplaced()
	{
		const p = await live(['p1', 'json']);
		const before = JSON.stringify;

		JSON.stringify = () => '"mine"';
		const second = p.addProbe('p2', 'json');
		site(p, 'p2');
		p.p1.fire(() => [{ a: 1 }]);
		second.fire(() => [{ a: 1 }]);
		JSON.stringify = before;
	},

	async integers()
	{
		const p = await live(['s8', 'int8_t'], ['s16', 'int16_t'],
			['s32', 'int32_t'], ['s64', 'int64_t'],
			['u8', 'uint8_t'], ['u16', 'uint16_t'],
			['u32', 'uint32_t'], ['u64', 'uint64_t'],
			['i', 'int']);

		for (const n of ['s8', 's16', 's32', 's64', 'i']) {
			p[n].fire(() => [-1]);
			p[n].fire(() => [-128n]);
		}
		for (const n of ['u8', 'u16', 'u32', 'u64'])
			p[n].fire(() => [255]);
		p.u64.fire(() => [-1]);
		p.u64.fire(() => [2n ** 64n - 1n]);
		p.u64.fire(() => [2 ** 63]);
		p.u64.fire(() => [1e300]);
		p.s64.fire(() => [-(2n ** 63n)]);
		p.s64.fire(() => [2 ** 53]);
		p.s64.fire(() => [9007199254740993n]);
		p.s64.fire(() => [1e300]);
		p.i.fire(() => [2147483647.9]);
		p.i.fire(() => [-1.9]);
		p.i.fire(() => ['42']);
		p.i.fire(() => ['no number']);
		p.i.fire(() => [NaN]);
		p.i.fire(() => [Infinity]);
		p.i.fire(() => [true]);
		p.i.fire(() => [{ valueOf: () => 17 }]);
		p.i.fire(() => [2n ** 64n + 5n]);
	},

	/* Values are converted by the types without the names. */
	async declared()
	{
		const p = await live(['p1', 'int id', 'char *url', 'json body',
			'uint8_t verb']);

		p.p1.fire(() => [-1, '/', { a: 1 }, 257]);
	},

	/* What has memory, and what has none. */
	async structs()
	{
		const p = dtrace.createDTraceProvider(prov);

		p.addStruct('request', 16, { 'int id': 0, 'char path[12]': 4 });
		p.addProbe('p1', 'struct request *request');
		p.enable();
		site(p, 'p1');
		await awaitTracer(p.p1);
		const packed = (id, path) => {
			const bytes = Buffer.alloc(16);

			bytes.writeInt32LE(id);
			bytes.write(path, 4);
			return bytes;
		};
		const memory = (...of) => Uint8Array.from(packed(...of)).buffer;
		const gone = memory(-10, '/gone');
		const views = [new Uint32Array(gone), new DataView(gone)];
		const { port1 } = new MessageChannel();

		port1.postMessage(0, [gone]);
		port1.close();
		for (const value of [packed(-7, '/buffer'),
		    new Uint32Array(memory(-8, '/view')),
		    memory(-9, '/memory'), null, {}, 'text', gone, ...views])
			p.p1.fire(() => [value]);
	},

	/* Declared types count by their beginning. */
	async prefixes()
	{
		const p = await live(['p1', 'integer', 'int64', 'jsonp', 'char *x',
			'whatever', 'unsigned']);

		p.p1.fire(() => [1.5, '2', [3], 4, null, 6]);
	},

	async strings()
	{
		const p = await live(['p1', 'char *']);

		for (const value of ['', 'h\u00e9\u4e16\ud83d\ude00', 'cut\0off',
		    1, null, undefined, true, 3n, [1, 2], {}, Symbol('s'),
		    'x'.repeat(50)])
			p.p1.fire(() => [value]);
	},

	/* Longer than the binding's arena, and than tracers read. */
	async longStrings()
	{
		const p = await live(['p1', 'char *', 'char *', 'int']);

		for (const length of [4000, 4087, 4088, 4096, 5000, 1 << 20])
			p.p1.fire(() => ['a'.repeat(length - 4) + 'tail',
				'\u4e16'.repeat(length) + 'ende', length]);
	},

	async names()
	{
		const p = await live(['request-start', 'int']);

		p['request-start'].fire(() => [1]);
		p.fire('request-start', () => [2]);
	},

	enabled()
	{
		const p = dtrace.createDTraceProvider(prov);
		const probe = p.addProbe('p1', 'int');
		const seen = [probe.enabled];

		p.enable();
		site(p, 'p1');
		for (let i = 0; i < 20; i++)
			seen.push(probe.enabled);
		p.disable();
		seen.push(probe.enabled);
		p.enable();
		for (let i = 0; i < 20; i++)
			seen.push(probe.enabled);
		say(seen.map(Number).join(''));
		probe.fire(() => [1]);
	},

	async worker()
	{
		const p = await live(['p1', 'int']);
		await Promise.all(repeat(3, (i) => new Promise((resolve) => {
			new Worker(__filename, { workerData: { name: 'inWorker',
				provider: prov, number: i } })
			    .on('exit', resolve);
		})));
		p.fire('p1', () => [100]);
		await collect();
		p.fire('p1', () => [101]);
	},

	inWorker()
	{
		const provider = new dtrace.DTraceProvider(prov,
			'worker' + workerData.number);

		provider.addProbe('p1', 'int');
		provider.enable();
		site(provider, 'p1');
		provider.fire('p1', () => [workerData.number]);
	},

	/* A worker that is terminated while its providers are alive. */
	async terminated()
	{
		const worker = new Worker(`
			const d = require(${JSON.stringify(require.resolve(
				path.join(__dirname, '..', '..',
					'dtrace-provider.js')))});
			const p = d.createDTraceProvider('${prov}');
			p.addProbe('p1', 'int');
			p.enable();
			for (let i = 0; i < 100; i++)
				p.p1.enabled;
			require('worker_threads').parentPort.postMessage('up');
			for (;;)
				p.p1.fire(() => [1]);
		`, { eval: true });

		await new Promise((resolve) => worker.once('message', resolve));
		say('ended', await worker.terminate());
		say('mapped', require('fs').readFileSync('/proc/self/maps',
			'utf8').includes('/' + prov + '/'));
	},

	async cluster()
	{
		const { fork } = require('child_process');
		const p = await live(['p1', 'int']);

		p.fire('p1', () => [1]);
		const child = fork(__filename, ['clusterChild', prov],
			{ stdio: 'ignore' });
		await new Promise((resolve) => child.on('exit', resolve));
	},

	async clusterChild()
	{
		(await live(['p1', 'int'])).fire('p1', () => [2]);
	},

	/* A child and two workers, which run this program again; each fires
	 * its own pid. */
	async family()
	{
		const { fork } = require('child_process');
		const cluster = require('cluster');
		const p = await live(['p1', 'int']);

		cluster.setupPrimary({ exec: __filename,
			args: ['relative', prov] });
		await Promise.all([fork(__filename, ['relative', prov]),
			cluster.fork(), cluster.fork()].map((child) =>
			new Promise((resolve) => child.on('exit', resolve))));
		p.fire('p1', () => [process.pid]);
		say('taken', process.pid, p.status().dof.taken);
	},

	async relative()
	{
		const p = await live(['p1', 'int']);

		p.fire('p1', () => [process.pid]);
		say('taken', process.pid, p.status().dof.taken);
		process.disconnect();
	},
};

/* Runs the programs side by side, since waiting for tracers takes long.  Each
 * uses the name of its provider before it first waits. */
async function main()
{
	const base = prov;

	await Promise.all(names.map((name) => {
		if (names.length > 1)
			prov = `${base}${name}_x`;
		return programs[name]();
	}));
}

main().then(() => {
	require('fs').writeSync(1, lines.map((line) => line + '\n').join(''));
}, (error) => {
	require('fs').writeSync(2, error.stack + '\n');
	process.exitCode = 1;
});
