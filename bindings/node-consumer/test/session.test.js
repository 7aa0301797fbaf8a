/*
 * session.test.js - does a program receive what is traced, as values?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { test } = require('node:test');
const { counts, directory, helper, library, played, string, until, words } =
	require('./lib/tools.js');
const { trace, available, check, probes, DTraceError, Aggregations } =
	require('../index.js');
const { locate } = require('../lib/locate.js');

const PROBE = { id: 7, provider: 'p', module: 'm', function: 'f', name: 'n' };

/* All events of a program that ends by itself. */
async function events(program, options)
{
	const session = await trace(program, options);
	const list = [];

	for await (const event of session)
		list.push(event);
	return list;
}

/* The event of one firing. */
async function fired(records, options)
{
	const [event] = await events(`probe 7 p m f n 2\n${records}\nexit`,
		options);

	return event;
}

test('an event', async () => {
	const event = await fired('rec 1 4 4 1 05000000\n' + string('tëxt'));

	assert.deepStrictEqual({ ...event }, { type: 'event', probe: PROBE,
		cpu: 2, values: [5, 'tëxt'], text: '', args: [],
		raw: undefined, exit: undefined });
});

test('integers: numbers up to 2^53, BigInts beyond, or as int64 says',
	async () => {
	const records = 'rec 1 8 8 1 ' + words(9007199254740992n) +
		'\nrec 1 8 8 1 ' + words(-9007199254740993n) +
		'\nrec 1 8 8 0 ' + words(-1) + '\nrec 1 4 4 0 ffffffff';

	assert.deepStrictEqual((await fired(records)).values,
		[9007199254740992, -9007199254740993n, 2n ** 64n - 1n,
			4294967295]);
	assert.deepStrictEqual((await fired(records, { int64: 'bigint' }))
		.values, [9007199254740992n, -9007199254740993n, 2n ** 64n - 1n,
		4294967295]);
	assert.deepStrictEqual((await fired(records, { int64: 'number' }))
		.values, [9007199254740992, -9007199254740992, 2 ** 64,
		4294967295]);
});

test('strings that are not UTF-8 keep their bytes', async () => {
	const { values, raw } = await fired(string('fine') +
		'\nrec 1 8 1 4 61ff62');

	assert.deepStrictEqual(values, ['fine', 'a\ufffdb']);
	assert.deepStrictEqual(raw, { 1: Buffer.from('61ff62', 'hex') });
});

test('bytes, stacks, printf and its arguments, exit', async () => {
	const event = await fired('rec 1 12 4 4 00ff\nrec 6 4 1 1 01020304\n' +
		'rec 1025 16 8 0 -\nsay \\n   a+0x1\\n   b\\n\n' +
		'rec 257 16 8 0 -\nsay   0x5\\n\n' +
		'rec 3 1 1 0 f9 %d %s %u;\nsay -7 x 18446744073709551615;\n' +
		'rec 3 4 1 0 78\nrec 3 8 8 0 ' + words(-1) +
		'\nrec 3 0 1 0 - end\nsay end\nrec 2 4 4 0 03000000');

	assert.deepStrictEqual(event.values, [Buffer.from('00ff'.padEnd(24, '0'),
		'hex'), Buffer.from([1, 2, 3, 4]),
	{ frames: ['a+0x1', 'b'], user: false },
	{ frames: ['0x5'], user: true }]);
	assert.strictEqual(event.text, '-7 x 18446744073709551615;end');
	assert.deepStrictEqual(event.args, [-7, 'x', 2n ** 64n - 1n]);
	assert.strictEqual(event.exit, 3);
});

test('JSON arguments are parsed on request', async () => {
	const records = ['{"a":[1]}', '[]', '{bad', 'plain'].map(string)
		.join('\n');

	assert.deepStrictEqual((await fired(records, { json: true })).values,
		[{ a: [1] }, [], '{bad', 'plain']);
	assert.deepStrictEqual((await fired(records)).values,
		['{"a":[1]}', '[]', '{bad', 'plain']);
});

test('END\'s events come, then the end, and stop() may be repeated',
	async () => {
	const session = await trace('probe 7 p m f n\nstage end\n' +
		'probe 8 p m f e\nrec 1 4 4 1 09000000');
	const names = [];

	for await (const { probe } of session) {
		names.push(probe.name);
		session.stop();
	}
	assert.deepStrictEqual(names, ['n', 'e']);
	await session.stop();
	await session.stop();
	assert.strictEqual(session.ended, true);
	assert.strictEqual(session.status, 0);
});

test('exit() ends a trace, and its status arrives', async () => {
	const session = await trace('stage tick\nprobe 7 p m f n\n' +
		'rec 2 4 4 0 05000000\nexit\nstage end\nprobe 8 p m f e');
	const done = new Promise((resolve) => session.on('done', resolve));
	const names = [];

	for await (const { probe } of session)
		names.push(probe.name);
	assert.deepStrictEqual(names, ['n', 'e']);
	assert.strictEqual((await done).status, 5);
	assert.strictEqual(session.status, 5);
	await session.stop();
});

test('as an EventEmitter: events, errors of clauses, drops, the end',
	async () => {
	const session = await trace('probe 7 p m f n\nerror bad address\\n\n' +
		'drop 0 3 9 9 drops\nprobe 7 p m f n\nexit');
	const seen = [];

	for (const name of ['event', 'error', 'drop', 'done'])
		session.on(name, (item) => seen.push([name, item.type,
			item.message]));
	await until(() => session.ended, 'the end');
	await until(() => seen.length === 5, 'all of it');
	assert.deepStrictEqual(seen.sort(), [
		['done', 'done', undefined], ['drop', 'drop', '9 drops'],
		['error', 'error', 'bad address'],
		['event', 'event', undefined], ['event', 'event', undefined]]);
});

/* What a program prints that has TRACE, these OPTIONS, and SEEN, a list. */
function said(options, program, ...before)
{
	const text = `const { trace } = require(${JSON.stringify(
		path.join(__dirname, '../index.js'))}), seen = [];
		const options = ${JSON.stringify(options)}; ${program}`;
	const [file, ...args] = [...before, process.execPath, '-e', text];

	return execFileSync(file, args, { encoding: 'utf8' }).trim();
}

test('what a listener throws is uncaught, and nothing is lost by it', () => {
	const at = { probe: PROBE, cpu: 0 };

	assert.strictEqual(said(played({ go: [{ ...at, data: [1] },
		{ ...at, data: [2] }, 'answer', { ...at, data: [3] },
		{ ...at, data: [4] }, { done: { status: 0 } }] }), `
		process.on('uncaughtException', (error) =>
			seen.push(error.message));
		trace('', options).then(async (session) => {
			session.on('event', ({ values }) => {
				seen.push('event ' + values[0]);
				throw new Error('thrown ' + values[0]);
			});
			session.on('done', () => {
				throw new Error('thrown last');
			});
			while (!session.ended)
				await new Promise(setImmediate);
			await session.stop();
			setImmediate(() => console.log(seen.sort().join()));
		});`), 'event 1,event 2,event 3,event 4,thrown 1,thrown 2,' +
		'thrown 3,thrown 4,thrown last');
});

test('"done" comes when there can be a listener', async () => {
	const session = await trace('', played({ go: [{ done: { status: 5 } }],
		aggregations: ['{"id":3,"ok":true}\n{"id":4,"ok":true}\n'] }));
	let status;

	session.on('done', (done) => {
		({ status } = done);
	});
	await until(() => status === 5, 'the end');
	await session.stop();
});

test('a trace that fails is an error, also if nobody listens', () => {
	assert.strictEqual(said(played({ go: ['answer', { done: { status: 0,
		code: 'EWORK', message: 'broken' } }] }), `
		process.on('uncaughtException', ({ code, message }) =>
			console.log(code, message));
		trace('', options);`), 'EWORK broken');
});

test('without descriptors for a helper, starting fails', () => {
	assert.match(said(played({}), `
		process.on('uncaughtException', () => console.log('thrown'));
		try {
			for (;;)
				require('fs').openSync('/dev/null');
		} catch (error) {
			trace('', options).catch(({ code, message }) =>
				console.log(code, message));
		}`, 'sh', '-c', 'ulimit -n 100 && exec "$@"', 'sh'),
	/^ENOHELPER .* cannot be run: too many open files$/);
});

test('lines that no helper prints end the trace', async () => {
	for (const line of ['null', '{"probe":1}', '{"probe":null,"data":[]}',
		'{"id":99,"ok":true}', '[', '{"aggregation":1}\n{"id":"x"}']) {
		await assert.rejects(events('', played({
			go: ['answer', line + '\n'] })), { code: 'EPROTOCOL' },
		line);
		await assert.rejects(events('', played({
			go: [line + '\n', 'answer'] })), { code: 'EPROTOCOL' },
		line);
	}
});

test('output without an end of line is not kept for ever', async () => {
	const file = path.join(directory, 'go');
	const session = await trace('', played({}, { command: ['sh', '-c',
		'while [ ! -e "$0" ]; do sleep 0.02; done | ' +
		'{ cat; head -c 300000 /dev/zero | tr "\\0" x; } >&2 & exec "$@"',
		file] }));
	let length = 0;

	session.on('log', (text) => {
		length += text.length;
	});
	fs.writeFileSync(file, '');
	await until(() => length > 200000, 'the log');
	await session.stop();
});

test('an iterator that is left twice is one less, not two', async () => {
	const session = await trace('', played({ go: ['answer'] }));
	const [one, other] = [session.everything(), session.everything()];

	await one.return();
	await one.return();
	assert.deepStrictEqual(await one.next(),
		{ value: undefined, done: true });
	session.on('log', () => {});
	session.emit('log', '');
	await session.stop();
	assert.deepStrictEqual(await other.next(),
		{ value: undefined, done: true });
});

test('an error of a clause that nobody listens to is not thrown', async () => {
	const session = await trace('error bad address\nprobe 7 p m f n\nexit');
	const all = [];

	for await (const item of session.everything())
		all.push(item);
	assert.strictEqual(all[0].type, 'error');
	assert(all[0] instanceof DTraceError);
	assert.deepStrictEqual([all[0].code, all[0].fault, all[0].address,
		all[0].probe.name], ['ECLAUSE', 'BADADDR', '0x10', 'BEGIN']);
	assert.strictEqual(all[1].type, 'event');
});

test('errors before the start: a DTraceError with code and place', async () => {
	await assert.rejects(trace('probe 7 p m f n\n\nwhat?'), (error) => {
		assert(error instanceof DTraceError);
		assert.deepStrictEqual([error.code, error.line, error.errno,
			error.message, error.program], ['ECOMPILE', 3, 1005,
			'syntax error near "what?"', 'probe 7 p m f n\n\nwhat?']);
		return true;
	});
	await assert.rejects(trace('fail go 1051 Destructive actions not ' +
		'allowed'), { code: 'EENABLE', errno: 1051,
		message: 'Destructive actions not allowed' });
	await assert.rejects(trace('', { options: { nosuch: 1 } }),
		{ code: 'EOPTION', message: 'Invalid option name' });
});

test('options are checked', async () => {
	for (const [options, text] of [
		[{ nosuch: 1 }, /there is no option "nosuch"/],
		[{ args: 'x' }, /"args" must be an array of strings/],
		[{ target: 'x' }, /"target" must be a process id/],
		[{ int64: 'x' }, /"int64" must be/],
		[{ highWaterMark: 0 }, /positive integer/],
		[{ target: 1, run: 'x' }, /exclude each other/],
		[{ signal: {} }, /AbortSignal/], [5, /must be an object/]])
		await assert.rejects(trace('', options), (error) =>
			error instanceof TypeError && text.test(error.message));
	await assert.rejects(trace(5), /a program must be a string/);
	await assert.rejects(trace([]), /a program must be a string/);
	const session = await trace('');

	assert.throws(() => session.snapshots('1x'), /an interval must be/);
	assert.throws(() => session.snapshots(-1), /an interval must be/);
	await session.stop();
});

test('several programs, arguments, options', async () => {
	const session = await trace(['probe 7 p m f n', 'probe 8 p m f o\nexit'],
		{ args: ['a', 'b'], zdefs: true, destructive: true,
			resolve: true, target: process.pid,
			options: { strsize: 100, quiet: true, bufsize: '1m',
				left: undefined, out: false } });
	const names = [];

	for await (const { probe } of session)
		names.push(probe.name);
	assert.deepStrictEqual(names, ['n', 'o']);
});

test('aggregations: keys, and exact numbers', async () => {
	const session = await trace([
		'agg c 1 0x701 0 1 ' + words(5), 'key 1 8 1 474554',
		'key 1 4 4 c8000000', 'agg c 1 0x701 0 1 ' + words(2n ** 60n),
		'key 1 8 1 505554', 'key 1 4 4 ffffffff',
		'agg n 2 0x708 0 10 ' + words(105),
		'agg a 3 0x700 0 1 ' + words(2, 31),
		'agg d 4 0x707 0 1 ' + words(3, 15, 107, 0),
		'agg u 5 0x777 0 1 ' + words(1)].join('\n'));
	const all = await session.aggregations();

	assert(all instanceof Aggregations);
	assert.deepStrictEqual([...all.keys()], ['c', 'n', 'a', 'd', 'u']);
	assert.deepStrictEqual([...all.get('c')], [[['GET', 200], 5],
		[['PUT', -1], 2n ** 60n]]);
	assert.strictEqual(all.get('c').get('GET', 200), 5);
	assert.strictEqual(all.get('c').get('GET', 201), undefined);
	assert.strictEqual(all.get('c').has('PUT', -1), true);
	assert.strictEqual(all.get('c').size, 2);
	assert.strictEqual(all.get('c').kind, 'count');
	assert.strictEqual(all.get('n').get(), 10);
	assert.strictEqual(all.get('a').get(), 15.5);
	const { count, mean, stddev } = all.get('d').get();

	assert.deepStrictEqual([count, mean, stddev.toFixed(6)],
		[3, 5, '3.265986']);
	assert(Buffer.isBuffer(all.get('u').get()));
	await session.stop();
	assert.strictEqual((await session.aggregations()).get('n').get(), 10);
});

/* As dtrace(1) of 2.0.7 printed it for the same values. */
const DRAWN = `           value  ------------- Distribution ------------- count    
             -64 |                                         0        
             -32 |@@@@@@@@@@@@@                            1        
             -16 |                                         0        
              -8 |                                         0        
              -4 |                                         0        
              -2 |                                         0        
              -1 |                                         0        
               0 |                                         0        
               1 |@@@@@@@@@@@@@                            1        
               2 |                                         0        
               4 |@@@@@@@@@@@@@                            1        
               8 |                                         0        
`;
const DRAWN_LINEAR = `           value  ------------- Distribution ------------- count    
             < 0 |@@@@@@@@@@                               1        
               0 |@@@@@@@@@@                               1        
              10 |                                         0        
              20 |                                         0        
              30 |                                         0        
              40 |                                         0        
              50 |@@@@@@@@@@                               1        
              60 |                                         0        
              70 |                                         0        
              80 |                                         0        
              90 |                                         0        
          >= 100 |@@@@@@@@@@                               1        
`;
const DRAWN_FINE = `           value  ------------- Distribution ------------- count    
               0 |                                         0        
               1 |@@@@@@@@@@@@@                            1        
               2 |                                         0        
               3 |                                         0        
               4 |                                         0        
               5 |                                         0        
               6 |                                         0        
               7 |@@@@@@@@@@@@@                            1        
               8 |                                         0        
               9 |                                         0        
              10 |                                         0        
              15 |                                         0        
              20 |                                         0        
              25 |                                         0        
              30 |                                         0        
              35 |                                         0        
              40 |@@@@@@@@@@@@@                            1        
              45 |                                         0        
`;

test('distributions: buckets, and drawn as dtrace(1) does', async () => {
	const lq = (10n << 48n | 10n << 32n).toString();
	/* steps 20, high 2, low 0, factor 10: 111 buckets, 55 is zero's. */
	const fine = (20n << 48n | 2n << 32n | 10n).toString();
	const session = await trace([
		'agg q 1 0x706 0 1 ' + counts(127, { 57: 1, 64: 1, 66: 1 }),
		`agg l 2 0x703 ${lq} 1 ` + counts(12, { 0: 1, 1: 1, 6: 1, 11: 1 }),
		`agg f 3 0x702 ${fine} 1 ` + counts(111, { 56: 1, 68: 1, 80: 1 }),
		'agg e 4 0x706 0 1 ' + counts(127, { 0: 1 })].join('\n'));
	const all = await session.aggregations();
	const q = all.get('q').get();

	await session.stop();
	assert.deepStrictEqual([...q], [{ min: -63, max: -32, count: 1 },
		{ min: 1, max: 1, count: 1 }, { min: 4, max: 7, count: 1 }]);
	assert.strictEqual(String(q), DRAWN);
	assert.strictEqual(String(all.get('l').get()), DRAWN_LINEAR);
	assert.strictEqual(String(all.get('f').get()), DRAWN_FINE);
	assert.strictEqual(all.get('e').get()[0].min, -(2n ** 63n));
	assert(String(all).includes(DRAWN));
	assert.deepStrictEqual(q.map(({ count }) => count), [1, 1, 1]);
	assert.strictEqual(all.get('l').get().filter(({ min }) => min > 40)
		.length, 2);
});

test('snapshots, and the differences between them', async () => {
	const line = (value) => ({ aggregation: { name: 'a', id: 1, keys: ['k'],
		function: 'count', normal: 1, value } });
	const quantized = (count) => ({ aggregation: { name: 'q', id: 2,
		keys: [], function: 'quantize', normal: 1,
		buckets: [[0, 0, 0], [1, 1, count], [2, 3, 0]] } });
	const session = await trace('', played({ aggregations: [line(5),
		quantized(3), 'answer', ] }));
	const deltas = [];

	for await (const all of session.snapshots(20, { delta: true })) {
		deltas.push([all.get('a').get('k'), all.get('q').get().length]);
		if (deltas.length === 2)
			break;
	}
	assert.deepStrictEqual(deltas, [[5, 1], [0, 0]]);
	await session.stop();
	const last = [];

	for await (const all of session.snapshots('1m'))
		last.push(all.get('a').get('k'));
	assert.deepStrictEqual(last, [5]);
});

test('lines in pieces, of any length', async () => {
	const long = 'é'.repeat(200000);

	for (const [piece, more] of [[3, 'é'], [7000, long.slice(0, 20000)]]) {
		const options = played({ go: [
			{ probe: PROBE, cpu: 0, data: ['ü€🐎'] },
			{ probe: 7, cpu: 1, data: [more] },
			{ done: { status: 0 } }, 'answer'] });

		options.env.FAKE_PIECE = String(piece);
		const list = await events('', options);

		assert.deepStrictEqual(list.map(({ probe, values }) =>
			[probe, ...values]), [[PROBE, 'ü€🐎'], [PROBE, more]]);
	}
	const [event] = await events(`probe 7 p m f n\n${string(long)}\nexit`);

	assert.strictEqual(event.values[0], long);
});

test('events that nobody reads stop the helper, and memory does not grow',
	async () => {
	const session = await trace('flood 2000000 1000',
		{ highWaterMark: 100, options: { switchrate: '1ms' } });
	const iterator = session[Symbol.asyncIterator]();
	const { value } = await iterator.next();

	assert.deepStrictEqual(value.values, [0, 7]);
	await new Promise((resolve) => setTimeout(resolve, 300));
	assert((await session.aggregations()) instanceof Map,
		'commands are still answered');
	let count = 1;

	for (; count < 50000; count++)
		assert.strictEqual((await iterator.next()).value.values[0],
			count);
	await session.stop();
});

test('AbortSignal: before, while it starts, and later', async () => {
	await assert.rejects(trace('', { signal: AbortSignal.abort() }),
		{ name: 'AbortError' });
	const early = new AbortController();
	const starting = trace('hang compile', { signal: early.signal,
		grace: 100 });

	setTimeout(() => early.abort(), 200);
	await assert.rejects(starting, { name: 'AbortError' });
	const late = new AbortController();
	const session = await trace('stage tick\nprobe 7 p m f n\nstage end\n' +
		'probe 8 p m f e', { signal: late.signal });
	let last;

	for await (const { probe } of session) {
		last = probe.name;
		late.abort();
	}
	assert.strictEqual(last, 'e');
});

test('asyncDispose stops', async () => {
	const session = await trace('stage tick\nprobe 7 p m f n');

	await session[Symbol.asyncDispose ||
		Symbol.for('nodejs.asyncDispose')]();
	assert.strictEqual(session.ended, true);
});

test('probes(), check(), clear()', async () => {
	assert.deepStrictEqual(await probes('a:::'), []);
	await assert.rejects(probes('{'), { code: 'ECOMPILE' });
	assert.strictEqual(await check('probe 1 p m f n'), null);
	const error = await check('\nwhat?');

	assert.deepStrictEqual([error.code, error.line], ['ECOMPILE', 2]);
	await assert.rejects(check(''.padEnd(3), { options: { nosuch: 1 } }),
		{ code: 'EOPTION' });
	const session = await trace('agg a 1 0x701 0 1 ' + words(5));

	await session.clear();
	assert.strictEqual((await session.aggregations()).get('a').get(), 0);
	await session.stop();
});

test('a command before the helper, as sudo is', async () => {
	const session = await trace('probe 7 p m f n\nexit',
		{ command: ['env', 'VARIABLE=1'] });

	await session.stop();
	await assert.rejects(trace('', { command: ['/nonexistent/sudo'] }),
		{ code: 'ENOHELPER', message: /nonexistent\/sudo cannot be run/ });
	await assert.rejects(trace('', { command: ['false'] }),
		{ code: 'ELOST', message: 'the helper ended with status 1' });
});

test('the helper\'s stderr becomes a log; only the helper prints to stdout',
	async () => {
	const shell = (script) => ({ command: ['sh', '-c',
		`${script}; exec "$@"`, 'sh'] });

	await assert.rejects(trace('', shell('echo first')),
		{ code: 'EPROTOCOL', message: /did not print this: first/ });
	const session = await trace('', { command: ['sh', '-c',
		'(sleep 0.5; echo said >&2) & exec "$@"', 'sh'] });
	const said = await new Promise((resolve) => session.on('log', resolve));

	assert.strictEqual(said, 'said');
	await session.stop();
});

test('available() says what is missing, and what to do', async () => {
	assert.deepStrictEqual(await available(), await available());
	const none = await available({ env: { ...process.env,
		USDT_LIBDTRACE: path.join(directory, 'none.so') } });

	assert.deepStrictEqual([none.ok, none.code, none.version],
		[false, 'ENOLIBDTRACE', null]);
	assert.match(none.reason, /cannot open.*install DTrace 2\.0/);
	const sys = path.join(directory, 'sys');
	const kernel = await available({ env: { ...process.env,
		USDT_DTRACE_SYS: sys } });

	assert.strictEqual(kernel.library, library);
	assert.strictEqual(kernel.version, 'D 2.0.7');
	assert.match(kernel.code, /^(EKERNEL|EPRIVILEGES)$/);
	const lost = await available(played({ version: ['exit'] }));

	assert.deepStrictEqual([lost.ok, lost.code], [false, 'ELOST']);
	const privileges = await available(played({ ready: [{ fail:
		{ code: 'EPRIVILEGES', message: 'DTrace requires additional ' +
			'privileges' } }], version: [{ more:
		{ version: 'D 2.0.7', library: 'x' } }] }));

	assert.match(privileges.reason,
		/^DTrace requires additional privileges \(run as root, or .*sudo/);
	const odd = await available({ nosuch: 1 });

	assert.match(odd.reason, /there is no option/);
	assert.strictEqual((await available(played({ version: [{ more:
		{ version: 'D 2.0.7', library: 'x' } }] }))).ok, true);
});

test('without a helper: a clear reason on each system', () => {
	const saved = process.env.USDT_DTRACE;
	const lack = (platform, arch, musl = false) => {
		try {
			return locate({}, { platform, arch, musl,
				top: directory });
		} catch (error) {
			assert.strictEqual(error.code, 'ENOHELPER');
			return error.message;
		}
	};

	delete process.env.USDT_DTRACE;
	try {
		assert.match(lack('darwin', 'arm64'), /no helper for darwin-arm64/);
		assert.match(lack('win32', 'x64'), /Windows/);
		assert.match(lack('linux', 'x64', true), /glibc.*musl/);
		assert.match(lack('linux', 'x64'), /has not been built/);
		assert.match(lack('linux', 's390x'), /no helper for linux-s390x/);
	} finally {
		process.env.USDT_DTRACE = saved;
	}
	assert.throws(() => locate({ helper: '/nonexistent' }),
		/there is no helper \/nonexistent/);
	assert.strictEqual(locate({ helper }), path.resolve(helper));
});
