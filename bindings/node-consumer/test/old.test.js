/*
 * old.test.js - do programs for dtrace-async and libdtrace still work?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const assert = require('assert');
const { execFileSync, spawnSync } = require('child_process');
const path = require('path');
const { test } = require('node:test');
const { counts, string, words } = require('./lib/tools.js');
const { createConsumer } = require('../dtrace-async.js');
const { Consumer } = require('../libdtrace.js');

/* A consumer that is ready. */
function ready()
{
	const consumer = createConsumer();

	return new Promise((resolve, reject) => {
		consumer.on('ready', () => resolve(consumer));
		consumer.on('error', reject);
	});
}

/* consumer.METHOD(..., callback) as a promise of the callback's arguments. */
function called(consumer, method, ...args)
{
	return new Promise((resolve) => consumer[method](...args, resolve));
}

function gathered(consumer, method)
{
	const list = [];

	consumer[method]((...args) => list.push(args));
	return list;
}

const N = { provider: 'p', module: 'm', func: 'f', name: 'n' };
const S = { provider: 'p', module: 'm', function: 'f', name: 'n' };
const RECORDS = 'probe 1 p m f n\nrec 1 8 8 1 ' + words(-5) +
	'\nrec 1 4 4 1 ffffffff\nrec 1 2 2 1 feff\nrec 1 1 1 1 fd\n' +
	string('text') + '\nrec 3 4 4 0 05000000 %d\nsay hello 5\n' +
	'rec 1026 8 8 0 10\nrec 1027 8 8 0 10\nrec 1027 8 8 0 00\n' +
	'rec 259 16 8 0 ' + words(1, 16) + '\nrec 261 16 8 0 ' + words(1, 16) +
	'\nrec 1 12 4 4 616200\nprobe 1 p m f n';
const TEXTS = ['text', 'hello 5', 'vmlinux`sym_10', 'vmlinux', '<unknown>',
	'node`fun_10', 'node`fun_10+0x8', 'ab'];
const llq = (10n << 48n | 1n << 32n | 10n).toString();
const lq = (10n << 48n | 10n << 32n).toString();
const ENTRIES = ['agg a 1 0x701 0 1 ' + words(5), 'key 1 8 1 61',
	'key 1 4 4 ffffffff', 'key 1 2 2 ffff', 'key 1 8 8 ' + words(-1),
	'agg b 2 0x708 0 1 ' + words(6), 'agg c 3 0x705 0 1 ' + words(-7),
	'agg d 4 0x704 0 1 ' + words(8), 'agg e 5 0x700 0 1 ' + words(2, 31),
	'agg q 6 0x706 0 1 ' + counts(127, { 57: 2, 63: 1 }),
	`agg l 7 0x703 ${lq} 1 ` + counts(12, { 0: 1, 11: 2 }),
	`agg ll 8 0x702 ${llq} 1 ` + counts(39, { 20: 1, 38: 3 })].join('\n');
const VALUES = [6, -7, 8, 15.5, [[[-63, -32], 2], [[0, 0], 1]],
	[[[-(2 ** 63), -1], 1], [[100, 2 ** 63], 2]],
	[[[1, 1], 1], [[100, 2 ** 63], 3]]];

test('hello, world of dtrace-async', async () => {
	const consumer = await ready();
	const seen = [];

	assert.strictEqual(await called(consumer, 'strcompile',
		'probe 1 dtrace - - BEGIN\n' + string('hello, world')), null);
	assert.strictEqual(await called(consumer, 'go'), null);
	consumer.consume((probe, rec) => seen.push([probe.name, rec]));
	assert.strictEqual(await called(consumer, 'stop'), null);
	assert.deepStrictEqual(seen, [['BEGIN', { data: 'hello, world' }],
		['BEGIN', undefined]]);
	consumer.close();
});

test('records of dtrace-async: func, and small integers unsigned', async () => {
	const consumer = await ready();

	await called(consumer, 'strcompile', RECORDS);
	await called(consumer, 'go');
	const list = gathered(consumer, 'consume');

	assert.deepStrictEqual(list.map(([probe]) => probe),
		list.map(() => N));
	assert.deepStrictEqual(list.map(([, rec]) => rec && rec.data),
		[-5, 4294967295, 65534, 253, ...TEXTS, undefined, undefined]);
	assert.deepStrictEqual(list.map((args) => args.length).slice(-2),
		[1, 1]);
	consumer.close();
});

test('aggwalk of dtrace-async: values, keys, and entries removed', async () => {
	const consumer = await ready();

	await called(consumer, 'strcompile', ENTRIES);
	await called(consumer, 'go');
	const list = gathered(consumer, 'aggwalk');

	assert.deepStrictEqual(list[0], [1, ['a', 4294967295, 65535, -1], 5]);
	assert.deepStrictEqual(list.slice(1).map(([, , value]) => value), VALUES);
	assert.deepStrictEqual(list.map(([id]) => id), [1, 2, 3, 4, 5, 6, 7, 8]);
	assert.deepStrictEqual(gathered(consumer, 'aggwalk'), []);
	consumer.close();
});

test('states and arguments of dtrace-async', async () => {
	const consumer = createConsumer();
	const all = [['strcompile', '', () => {}], ['go', () => {}],
		['stop', () => {}], ['setopt', 'x'], ['consume', () => {}],
		['aggwalk', () => {}]];
	const each = (message) => {
		for (const [method, ...args] of all)
			assert.throws(() => consumer[method](...args),
				{ message }, method);
	};

	each('DTraceConsumer not yet ready');
	assert.strictEqual(consumer.version(), 'D 2.0.7');
	await new Promise((resolve) => consumer.on('ready', resolve));
	for (const [method, args, message] of [
		['strcompile', [], 'strcompile: arg0: expected type "string" ' +
			'(found "undefined")'],
		['strcompile', [''], 'strcompile: arg1: expected type ' +
			'"function" (found "undefined")'],
		['go', [5], 'go: arg0: expected type "function" (found ' +
			'"number")'],
		['stop', [{}], 'stop: arg0: expected type "function" (found ' +
			'"object")'],
		['setopt', [], 'setopt: expected string argument'],
		['consume', ['x'], 'consume: expected function argument'],
		['aggwalk', [], 'aggwalk: expected function argument']])
		assert.throws(() => consumer[method](...args), { message });
	assert.throws(() => consumer.setopt('nosuch', 5),
		{ message: 'couldn\'t set option \'nosuch\': Invalid option ' +
			'name' });
	consumer.setopt('bufsize', '1m');
	consumer.setopt('quiet');
	const compiled = called(consumer, 'strcompile', 'what?');

	each('consumer is busy');
	assert.strictEqual((await compiled).message,
		'couldn\'t compile \'what?\': syntax error near "what?"');
	assert.doesNotThrow(() => consumer.consume(() => {}),
		'before go nothing comes');
	assert.throws(() => consumer.aggwalk(() => {}),
		{ message: 'couldn\'t snap aggregate: Invalid argument' });
	assert.strictEqual(await called(consumer, 'stop'), null);
	assert.strictEqual(await called(consumer, 'strcompile',
		'probe 1 p m f n\nprobe 1 p m f n'), null);
	assert.strictEqual(await called(consumer, 'go'), null);
	assert.strictEqual((await called(consumer, 'go')).message,
		'couldn\'t enable tracing: Invalid argument');
	assert.strictEqual((await called(consumer, 'strcompile', 'x')).message,
		'couldn\'t execute \'x\': Operation illegal when tracing is ' +
		'active');
	consumer.consume(() => {
		each('consumer is busy');
	});
	assert.throws(() => {
		consumer.consume(() => {});
		throw new Error('after');
	}, /after/);
	consumer.close();
	each('DTraceConsumer already destroyed');
});

test('errors of dtrace-async: actions, stddev, keys, stop', async () => {
	for (const [record, name] of [['rec 2 4 4 0 05000000', 'exit()'],
		['rec 1025 16 8 0 -', 'stack()'], ['rec 257 16 8 0 -', 'ustack()'],
		['rec 6 4 1 1 00', '<unknown action>'],
		['rec 4 4 4 0 -', 'printa()']]) {
		const consumer = await ready();
		let count = 0;

		await called(consumer, 'strcompile',
			'probe 1 p m f n\nrec 1 1 1 0 05\n' + record);
		await called(consumer, 'go');
		assert.throws(() => consumer.consume(() => count++),
			{ message: `unsupported action ${name} in record for ` +
				'p:m:f:n' });
		assert.strictEqual(count, 1, 'earlier records are delivered');
		consumer.close();
	}
	const consumer = await ready();

	await called(consumer, 'strcompile', 'agg a 1 0x701 0 1 ' + words(1) +
		'\nagg d 2 0x707 0 1 ' + words(1, 1, 1, 0) +
		'\nfail stop 5 No stop');
	await called(consumer, 'go');
	let count = 0;

	assert.throws(() => consumer.aggwalk(() => count++),
		{ message: 'unsupported aggregating action stddev() in ' +
			'aggregation "d"' });
	assert.strictEqual(count, 1);
	assert.strictEqual((await called(consumer, 'stop')).message,
		'couldn\'t disable tracing: No stop');
	consumer.close();
	const keyed = await ready();

	await called(keyed, 'strcompile', 'agg a 1 0x701 0 1 ' + words(1) +
		'\nkey 1 4 4 00\nkey 1025 16 8 -');
	await called(keyed, 'go');
	assert.throws(() => keyed.aggwalk(() => {}), { message: 'unsupported ' +
		'action stack() as key #2 in aggregation "a"' });
	keyed.close();
});

test('a consumer that can\'t open: the error event, with the old text', async () => {
	process.env.FAKE_OPEN = 'DTrace requires additional privileges';
	try {
		const consumer = createConsumer();
		const error = await new Promise((resolve) =>
			consumer.on('error', resolve));

		assert.strictEqual(error.message,
			'dtrace_open: DTrace requires additional privileges');
		assert.throws(() => consumer.go(() => {}),
			{ message: 'DTraceConsumer failed to initialize' });
		assert.throws(() => new Consumer(),
			{ message: 'DTrace requires additional privileges' });
	} finally {
		delete process.env.FAKE_OPEN;
	}
});

test('hello, world of libdtrace', () => {
	const consumer = new Consumer();
	const seen = [];

	consumer.strcompile('probe 1 dtrace - - BEGIN\n' +
		string('hello, world') + '\nstage end\nprobe 2 dtrace - - END\n' +
		string('bye'));
	consumer.go();
	consumer.consume((probe, rec) => seen.push([probe.name, rec]));
	consumer.stop();
	consumer.consume((probe, rec) => seen.push([probe.name, rec]));
	assert.deepStrictEqual(seen, [['BEGIN', { data: 'hello, world' }],
		['BEGIN', undefined], ['END', { data: 'bye' }],
		['END', undefined]]);
	consumer.close();
});

test('records of libdtrace: function, and 4 bytes signed', () => {
	const consumer = new Consumer();

	consumer.strcompile(RECORDS);
	consumer.go();
	const list = gathered(consumer, 'consume');

	assert.deepStrictEqual(list.map(([probe]) => probe),
		list.map(() => S));
	assert.deepStrictEqual(list.map(([, rec]) => rec && rec.data),
		[-5, -1, 65534, 253, ...TEXTS, undefined, undefined]);
	consumer.close();
});

test('aggregations of libdtrace', () => {
	const consumer = new Consumer();

	assert.strictEqual(consumer.aggmin(), -9223372036854775808);
	assert.strictEqual(consumer.aggmax(), 9223372036854775807);
	assert.strictEqual(consumer.version(), 'D 2.0.7');
	consumer.strcompile(ENTRIES);
	assert.throws(() => consumer.aggwalk(() => {}),
		{ message: 'couldn\'t snap aggregate: Invalid argument' });
	consumer.go();
	const list = gathered(consumer, 'aggwalk');

	assert.deepStrictEqual(list[0], [1, ['a', -1, 65535, -1], 5]);
	assert.deepStrictEqual(list.slice(1).map(([, , value]) => value), VALUES);
	assert.deepStrictEqual(gathered(consumer, 'aggwalk'), []);
	consumer.aggclear();
	consumer.close();
});

test('arguments and errors of libdtrace', () => {
	const consumer = new Consumer();

	for (const [method, args, message] of [
		['strcompile', [], 'expected program'],
		['strcompile', [5], 'expected program'],
		['setopt', [], 'expected an option to set'],
		['setopt', ['x', []], 'option value can\'t be an array'],
		['setopt', ['x', {}], 'option value can\'t be an object'],
		['consume', [], 'expected function as argument'],
		['aggwalk', ['x'], 'expected function as argument']])
		assert.throws(() => consumer[method](...args), (error) =>
			error instanceof TypeError && error.message === message);
	assert.throws(() => consumer.setopt('nosuch'),
		{ message: 'couldn\'t set option \'nosuch\': Invalid option ' +
			'name' });
	assert.throws(() => consumer.strcompile('what?'), { message:
		'couldn\'t compile \'what?\': syntax error near "what?"' });
	consumer.consume(() => assert.fail('before go nothing comes'));
	consumer.stop();
	consumer.strcompile('agg d 1 0x707 0 1 ' + words(1, 1, 1, 0) +
		'\nprobe 1 p m f n\nrec 6 4 1 1 00');
	consumer.setopt('bufsize', '1m');
	consumer.go();
	assert.throws(() => consumer.go(),
		{ message: 'couldn\'t enable tracing: Invalid argument' });
	assert.throws(() => consumer.setopt('bufsize', '1m'), { message:
		'couldn\'t set option \'bufsize\': Operation illegal when ' +
		'tracing is active' });
	assert.throws(() => consumer.strcompile('x'), { message:
		'couldn\'t execute \'x\': Operation illegal when tracing is ' +
		'active' });
	assert.throws(() => consumer.consume(() => {}), { message:
		'unsupported action <unknown action 0x6> in record for p:m:f:n' });
	assert.throws(() => consumer.aggwalk(() => {}), { message:
		'unsupported aggregating action  stddev() in aggregation "d"' });
	const failing = new Consumer();

	failing.strcompile('fail go 1051 Destructive actions not allowed');
	assert.throws(() => failing.go(), { message: 'couldn\'t enable ' +
		'tracing: Destructive actions not allowed' });
	failing.close();
	consumer.close();
});

test('consume() throws what its callback throws; a callback may call stop()',
	() => {
	const consumer = new Consumer();
	let count = 0;

	consumer.strcompile('stage tick\nprobe 1 p m f n');
	consumer.go();
	consumer.consume(() => {});
	assert.throws(() => consumer.consume(() => {
		throw new Error('mine');
	}), /^Error: mine$/);
	consumer.consume(function () {
		assert.strictEqual(this, consumer);
		count++;
		consumer.stop();
	});
	assert.strictEqual(count, 1);
	consumer.close();
});

test('the packages of one line, and all entries by path', () => {
	const bindings = path.join(__dirname, '../..');

	for (const [name, entry] of [
		['dtrace-async', 'createConsumer'], ['libdtrace', 'Consumer']]) {
		const it = require(path.join(bindings, name));

		assert.deepStrictEqual(Object.keys(it), [entry]);
		assert.strictEqual(it[entry], require('../index.js')[entry]);
	}
});

test('a program that has nothing more to do ends, with its helpers', () => {
	const script = `
		const { Consumer } = require(${JSON.stringify(
		path.join(__dirname, '../libdtrace.js'))});
		const consumer = new Consumer();
		consumer.strcompile('');
		consumer.go();
		const { createConsumer } = require(${JSON.stringify(
		path.join(__dirname, '../dtrace-async.js'))});
		createConsumer().on('ready', () => console.log('ready'));`;
	const { status, stdout, stderr } = spawnSync(process.execPath,
		['-e', script], { encoding: 'utf8', timeout: 60000 });

	assert.deepStrictEqual([status, stdout, stderr], [0, 'ready\n', '']);
});

test('require() works without a helper', () => {
	const script = `
		const { createConsumer, available, trace } = require(${
		JSON.stringify(path.join(__dirname, '../index.js'))});
		createConsumer().on('error', ({ message }) =>
			console.log(message));
		try {
			new (require(${JSON.stringify(path.join(__dirname,
		'../libdtrace.js'))}).Consumer)();
		} catch ({ message }) {
			console.log(message);
		}
		available().then(({ code }) => console.log(code));
		trace('').catch(({ code }) => console.log(code));`;
	const out = execFileSync(process.execPath, ['-e', script], {
		encoding: 'utf8', timeout: 60000,
		env: { ...process.env, USDT_DTRACE: '/nonexistent' } });

	assert.deepStrictEqual(out.trim().split('\n').sort(), ['ENOHELPER',
		'ENOHELPER', 'dtrace_open: there is no helper /nonexistent',
		'there is no helper /nonexistent']);
});
