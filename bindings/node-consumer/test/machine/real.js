/*
 * real.js - what does the real DTrace deliver?
 *
 * Runs in the machine that has it (test/dtrace/consumer.t), as root.  Each start
 * takes seconds there, so one program has all actions and one all aggregations.
 * /dlib has DTrace's libraries without translators, which saves half of the time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { execFileSync, spawn } = require('child_process');
const { test } = require('node:test');

const libraries = process.env.LD_LIBRARY_PATH;

/* These libraries are for Node, not for libdtrace. */
delete process.env.LD_LIBRARY_PATH;

const { trace, available, check, probes, createConsumer, Consumer } =
	require('../../index.js');

const FAST = { syslibdir: '/dlib', strsize: 64 };
const EVENTS = '/sys/kernel/tracing/uprobe_events';
const HELPER = path.join(__dirname, '../../../../usdt-dtrace');

async function until(test_, what)
{
	for (let i = 0; i < 2400; i++) {
		if (test_())
			return;
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
	throw new Error(`never: ${what}`);
}

/* All events of a program that ends by itself. */
async function everything(program, options = {})
{
	const session = await trace(program, { stopTimeout: 120000, ...options,
		options: { ...FAST, ...options.options } });
	const list = [];

	for await (const item of session.everything())
		list.push(item);
	return { list, session,
		events: list.filter(({ type }) => type === 'event') };
}

function processes(word)
{
	return fs.readdirSync('/proc').filter((name) => {
		if (!/^\d+$/.test(name))
			return false;
		try {
			return fs.readFileSync(`/proc/${name}/cmdline`,
				'latin1').includes(word);
		} catch (error) {
			return false;
		}
	});
}

/* Descriptors of BPF programs in all processes. */
function bpf()
{
	return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))
		.flatMap((name) => {
			try {
				return fs.readdirSync(`/proc/${name}/fd`)
					.map((fd) => fs.readlinkSync(
						`/proc/${name}/fd/${fd}`));
			} catch (error) {
				return [];
			}
		}).filter((link) => link.includes('bpf-prog'));
}

async function nothingIsLeft()
{
	await until(() => processes('--serve').length === 0, 'no helper');
	await until(() => !/dt_\d+_dtrace/.test(fs.readFileSync(EVENTS, 'utf8')),
		'no uprobe of BEGIN and END');
	assert.deepStrictEqual(bpf(), [], 'no BPF program');
}

test('available', async () => {
	const { ok, reason, version, library } = await available();

	assert.strictEqual(reason, null);
	assert.strictEqual(ok, true);
	assert.match(version, /^D 2\.0\./);
	assert.match(library, /libdtrace\.so\.2/);
});

/* With all of DTrace's libraries. */
test('all actions', async () => {
	const { events, session } = await everything(`
		BEGIN
		{
			@a["k"] = count();
			trace(1); trace(1ULL << 63); trace((char)-7); trace(-1);
			trace("text"); trace(9223372036854775807);
			printf("a %d %s", 7, "x"); printf("only");
			printf("%d %u %x %c", (char)-7, (char)-7, 255, 'c');
			printf("%*d", 5, 42);
			stack(3); ustack(3); printa(@a);
			tracemem(&\`linux_banner, 16);
			tracemem(&\`linux_banner, 64, 5);
			sym((uintptr_t)&\`linux_banner);
			mod((uintptr_t)&\`linux_banner);
			usym(0x1234); umod(0x1234); uaddr(0x1234);
			trace(execname);
			system("echo from system %d", 5);
			normalize(@a, 2); clear(@a); trunc(@a);
			setopt("quiet");
			trace(9);
		}
		BEGIN { exit(3); }`, { destructive: true, stopTimeout: 240000,
		options: { syslibdir: undefined } });
	const [event] = events;
	const frames = event.values.splice(6, 2);

	assert.deepStrictEqual(event.values, [1, 2n ** 63n, -7, -1, 'text',
		2n ** 63n - 1n, Buffer.from('Linux version 6.'),
		Buffer.from('Linux'), 'vmlinux`linux_banner', 'vmlinux',
		'0x1234', '<unknown>', '0x1234', 'usdt-dtrace', 9]);
	assert.strictEqual(frames[0].user, false);
	assert.deepStrictEqual([frames[1].user, frames[1].frames[0]],
		[true, 'libdtrace.so.2.0.0`BEGIN_probe']);
	assert.match(event.text,
		/^a 7 xonly-7 249 ff c {3}42\n {2}k +1\n$/);
	assert.deepStrictEqual(event.args, [7, 'x', -7, 249, 255, 99, 5, 42]);
	assert.strictEqual(session.status, 3);
	assert.deepStrictEqual(event.probe, { id: event.probe.id,
		provider: 'dtrace', module: '', function: '', name: 'BEGIN' });
	await nothingIsLeft();
});

const COUNTED = `
	BEGIN
	{
		@q["a"] = quantize(1); @q["a"] = quantize(7);
		@q["a"] = quantize(-32); @q["b"] = quantize(0);
		@l = lquantize(5, 0, 100, 10); @l = lquantize(-5, 0, 100, 10);
		@l = lquantize(55, 0, 100, 10); @l = lquantize(555, 0, 100, 10);
		@ll = llquantize(5, 10, 0, 3, 10);
		@ll = llquantize(555, 10, 0, 3, 10);
		@ll = llquantize(-55, 10, 0, 3, 10);
		@ll = llquantize(-99999, 10, 0, 3, 10);
		@ll = llquantize(99999, 10, 0, 3, 10);
		@ll = llquantize(0, 10, 0, 3, 10);
		@fine = llquantize(1, 10, 0, 2, 20);
		@fine = llquantize(7, 10, 0, 2, 20);
		@fine = llquantize(42, 10, 0, 2, 20);
	}`;

test('all aggregations, drawn as dtrace(1) does', async () => {
	const { session } = await everything([COUNTED, `
		BEGIN
		{
			@c = count(); @s = sum(5); @s = sum(6); @mi = min(3);
			@ma = max(9); @av = avg(1); @av = avg(2);
			@sd = stddev(1); @sd = stddev(5); @sd = stddev(9);
			@k[1, "x", (char)-1, -1LL] = count();
			@us[ustack(2)] = count();
			@sy[sym((uintptr_t)&\`linux_banner)] = count();
			@n = sum(1000); normalize(@n, 10);
			@big = sum(0x7fffffffffffffff); @ = count();
		}
		BEGIN { exit(0); }`]);
	const all = await session.aggregations();
	const get = (name, ...key) => all.get(name).get(...key);

	assert.deepStrictEqual(['c', 's', 'mi', 'ma', 'av', 'n', 'big', '_']
		.map((name) => get(name)), [1, 11, 3, 9, 1.5, 100,
		2n ** 63n - 1n, 1]);
	assert.deepStrictEqual([get('sd').count, get('sd').mean,
		get('sd').stddev.toFixed(3)], [3, 5, '3.266']);
	assert.deepStrictEqual([...all.get('k').keys()], [[1, 'x', 255, -1]]);
	assert.strictEqual([...all.get('us').keys()][0][0].frames[0],
		'libdtrace.so.2.0.0`BEGIN_probe');
	assert.strictEqual(get('sy', 'vmlinux`linux_banner'), 1);
	assert.deepStrictEqual([...get('q', 'a')], [
		{ min: -63, max: -32, count: 1 }, { min: 1, max: 1, count: 1 },
		{ min: 4, max: 7, count: 1 }]);
	assert.deepStrictEqual([...get('l')].map(({ min }) => min),
		[-(2n ** 63n), 0, 50, 100]);
	const drawn = execFileSync('/usr/sbin/dtrace', ['-q',
		'-xsyslibdir=/dlib', '-xstrsize=64', '-n',
		COUNTED + 'BEGIN { exit(0); }'], { encoding: 'utf8' });

	for (const [name, ...key] of [['q', 'a'], ['q', 'b'], ['l'], ['ll'],
		['fine']])
		assert(drawn.includes(String(get(name, ...key))),
			`${name}:\n${get(name, ...key)}\n${drawn}`);
	await nothingIsLeft();
});

test('END, predicates, errors in clauses, probes that are not there yet',
	async () => {
	const { list, events, session } = await everything(`
		nosuch*:::probe { trace(1); }
		BEGIN { trace(*(int *)16); }
		BEGIN { trace(1 / (pid - pid)); }
		BEGIN /0/ { trace(1); }
		BEGIN /1/ { trace(2); }
		tick-100ms { exit(7); }
		END { trace("end"); }`, { zdefs: true });
	const of = (name) => events.filter(({ probe }) => probe.name === name)
		.flatMap(({ values }) => values);
	const errors = list.filter(({ type }) => type === 'error');

	assert.deepStrictEqual(of('BEGIN'), [2]);
	assert.deepStrictEqual(of('END'), ['end']);
	assert.deepStrictEqual(errors.map(({ code, fault }) => [code, fault]),
		[['ECLAUSE', 'BADADDR'], ['ECLAUSE', 'DIVZERO']]);
	assert.match(errors[0].message, /invalid address \(0x10\)/);
	assert.strictEqual(session.status, 7);
	await nothingIsLeft();
});

test('drops', async () => {
	const { list } = await everything(`
		profile-4000hz { trace("some text to fill the buffer"); }
		tick-3s { exit(0); }`,
	{ options: { bufsize: '4k', switchrate: '1s' } });
	const [drop] = list.filter(({ type }) => type === 'drop');

	assert.strictEqual(drop.kind, 'principal');
	assert(drop.drops > 0);
	assert.match(drop.message, /drops? on CPU/);
	await nothingIsLeft();
});

test('programs that do not compile', async () => {
	const error = await check('BEGIN\n{\n\ttrace(nosuch);\n}',
		{ options: FAST });

	assert.deepStrictEqual([error.code, error.line], ['ECOMPILE', 3]);
	assert.match(error.message, /failed to resolve nosuch/);
	await assert.rejects(trace('nosuch:::probe', { options: FAST }),
		{ code: 'ECOMPILE', message: /does not match any probes/ });
	await assert.rejects(trace('BEGIN { system("true"); }',
		{ options: FAST }), { code: 'EENABLE',
		message: 'Destructive actions not allowed' });
	const lone = await trace('BEGIN', { options: FAST,
		stopTimeout: 120000 });
	const { value } = await lone[Symbol.asyncIterator]().next();

	assert.strictEqual(value.probe.name, 'BEGIN');
	await lone.stop();
	assert.deepStrictEqual((await probes('dtrace:::')).map(
		({ name }) => name).sort(), ['BEGIN', 'END', 'ERROR']);
	await nothingIsLeft();
});

test('two at a time, and snapshots of one', async () => {
	const program = (n) => `BEGIN { trace(${n}); } tick-200ms { @t = count(); }
		END { trace("end ${n}"); }`;
	const sessions = await Promise.all([1, 2].map((n) =>
		trace(program(n), { options: FAST, stopTimeout: 120000 })));
	let last = 0;

	for await (const all of sessions[0].snapshots('500ms')) {
		const now = all.has('t') ? all.get('t').get() : 0;

		assert(now >= last);
		last = now;
		if (now >= 3)
			break;
	}
	const seen = [];

	for (const [i, session] of sessions.entries()) {
		session.stop();
		for await (const { values } of session)
			seen.push(...values);
		assert(i >= 0);
	}
	assert.deepStrictEqual(seen, [1, 'end 1', 2, 'end 2']);
	await nothingIsLeft();
});

test('what our dtrace-provider fires, with its JSON', async () => {
	const provider = spawn('/usr/bin/setpriv', ['--reuid', '65534',
		'--clear-groups', process.execPath, '-e', `
		const { createDTraceProvider } =
			require(${JSON.stringify(process.env.USDT_TEST_PROVIDER)});
		const p = createDTraceProvider('nodeapp');
		const probe = p.addProbe('request-start', 'int', 'char *', 'json');
		p.enable();
		let n = 0;
		setInterval(() => probe.fire(() => [++n, '/héllo',
			{ user: { name: 'x', ids: [1, 2] } }]), 50);
		console.log('ready');`], {
		env: { ...process.env, LD_LIBRARY_PATH: libraries },
		stdio: ['ignore', 'pipe', 'inherit'] });

	try {
		await new Promise((resolve) => provider.stdout.on('data',
			resolve));
		const session = await trace('nodeapp*:::request-start ' +
			'{ trace((int)arg0); trace(copyinstr(arg1)); ' +
			'trace(copyinstr(arg2)); }', { zdefs: true, json: true,
			options: { ...FAST, strsize: 256 },
			stopTimeout: 120000 });
		const seen = [];

		for await (const { probe, values } of session) {
			seen.push(values);
			assert.deepStrictEqual([probe.provider, probe.name],
				[`nodeapp${provider.pid}`, 'request-start']);
			if (seen.length === 5)
				break;
		}
		await session.stop();
		/* Events of different processors are not in order. */
		const numbers = seen.map(([number]) => number);

		assert.strictEqual(new Set(numbers).size, 5);
		assert(numbers.every((number) => number > 0));
		assert.deepStrictEqual(seen, numbers.map((number) =>
			[number, '/héllo', { user: { name: 'x', ids: [1, 2] } }]));
	} finally {
		provider.kill();
	}
	await nothingIsLeft();
});

test('hello, world of dtrace-async', async () => {
	const consumer = createConsumer();
	const call = (method, ...args) => new Promise((resolve, reject) =>
		consumer[method](...args, (error) => error ? reject(error)
			: resolve()));
	const seen = [];

	await new Promise((resolve, reject) => consumer.on('ready', resolve)
		.on('error', reject));
	consumer.setopt('syslibdir', '/dlib');
	await call('strcompile', 'BEGIN{ trace("hello, world"); ' +
		'printf("%d %s", 5, "x"); @a["k"] = quantize(5); }');
	await call('go');
	consumer.consume((probe, rec) => seen.push([probe.func, probe.name,
		rec && rec.data]));
	consumer.aggwalk((...entry) => seen.push(entry));
	await call('stop');
	assert.deepStrictEqual(seen, [['', 'BEGIN', 'hello, world'],
		['', 'BEGIN', '5 x'], ['', 'BEGIN', undefined],
		[1, ['k'], [[[4, 7], 1]]]]);
	consumer.close();
	await nothingIsLeft();
});

test('hello, world of libdtrace', async () => {
	const consumer = new Consumer();
	const seen = [];
	const see = (probe, rec) => seen.push([probe.function, probe.name,
		rec && rec.data]);

	consumer.setopt('syslibdir', '/dlib');
	consumer.strcompile('BEGIN { trace("hello, world"); trace(-1); } ' +
		'END { trace("bye"); }');
	consumer.go();
	consumer.consume(see);
	consumer.stop();
	consumer.consume(see);
	assert.deepStrictEqual(seen, [['', 'BEGIN', 'hello, world'],
		['', 'BEGIN', -1], ['', 'BEGIN', undefined], ['', 'END', 'bye'],
		['', 'END', undefined]]);
	consumer.close();
	await nothingIsLeft();
});

test('the example: a histogram of what system calls take', async () => {
	const busy = setInterval(() => fs.readFileSync('/proc/self/stat'), 20);

	try {
		const child = spawn(process.execPath, [path.join(__dirname,
			'../../examples/latency.js'), 'read', '4'], {
			env: { ...process.env, LD_LIBRARY_PATH: libraries },
			stdio: ['ignore', 'pipe', 'inherit'] });
		let out = '';

		child.stdout.on('data', (text) => {
			out += text;
		});
		const status = await new Promise((resolve) =>
			child.on('close', resolve));

		assert.strictEqual(status, 0);
		assert.match(out, /^read\(2\), nanoseconds\n/);
		assert.match(out, /- Distribution -.*\n(.*\|@* *\d+ *\n)+/);
	} finally {
		clearInterval(busy);
	}
	await nothingIsLeft();
});

test('without root', async () => {
	const out = execFileSync('/usr/bin/setpriv', ['--reuid', '65534',
		'--clear-groups', process.execPath, '-e', `
		const { createConsumer, available, check } = require(${
		JSON.stringify(path.join(__dirname, '../../index.js'))});
		delete process.env.LD_LIBRARY_PATH;
		createConsumer().on('error', async ({ message }) => {
			const { ok, code, reason } = await available();
			console.log(JSON.stringify([message, ok, code, reason,
				await check('BEGIN { trace(1); }',
				{ options: { syslibdir: '/dlib' } })]));
		});`], { encoding: 'utf8',
		env: { ...process.env, LD_LIBRARY_PATH: libraries } });
	const [message, ok, code, reason, error] = JSON.parse(out);

	assert.strictEqual(message,
		'dtrace_open: DTrace requires additional privileges');
	assert.deepStrictEqual([ok, code, error], [false, 'EPRIVILEGES', null]);
	assert.match(reason, /sudo/);
});

test('kill -9 of Node leaves nothing, nor does a stop at any moment', async () => {
	for (const wait of [200, 4000]) {
		const child = spawn(process.execPath, ['-e', `
			const { trace } = require(${JSON.stringify(path.join(
		__dirname, '../../index.js'))});
			delete process.env.LD_LIBRARY_PATH;
			trace('BEGIN { trace(1); } tick-10ms { trace(2); }',
				{ options: ${JSON.stringify(FAST)} })
				.then((session) => session.on('event', () => {}));
			console.log('starts');`], {
			env: { ...process.env, LD_LIBRARY_PATH: libraries },
			stdio: ['ignore', 'pipe', 'inherit'] });

		await new Promise((resolve) => child.stdout.on('data', resolve));
		await until(() => processes('--serve').length > 0, 'a helper');
		if (wait > 1000)
			await until(() => /dt_\d+_dtrace/.test(
				fs.readFileSync(EVENTS, 'utf8')), 'a trace');
		child.kill('SIGKILL');
		await nothingIsLeft();
	}
	const controller = new AbortController();
	const session = await trace('BEGIN { trace(1); } tick-10ms { trace(2); }',
		{ options: FAST, signal: controller.signal,
			stopTimeout: 120000 });

	session.on('event', () => {});
	controller.abort();
	await until(() => session.ended, 'the end');
	await nothingIsLeft();
	assert(fs.existsSync(HELPER));
});
