/*
 * interface.test.js - is the interface that of dtrace-provider 0.8.8?
 *
 * What needs no tracer: exports, the rules for arguments, errors and their
 * texts, properties, the stub, the environment.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawnSync } = require('child_process');
const { pathToFileURL } = require('url');
const { test } = require('node:test');

const PACKAGE = path.join(__dirname, '..');
const images = fs.mkdtempSync('/tmp/usdt-test-node-');

process.env.USDT_IMAGE_DIR = images;
process.on('exit', () => fs.rmSync(images, { recursive: true, force: true }));

const dtrace = require('../dtrace-provider.js');
const { DTraceProvider } = dtrace;

function throwsOnly(action, type, message)
{
	assert.throws(action, (error) => {
		assert.strictEqual(error.constructor, type);
		assert.strictEqual(error.message, message);
		return true;
	});
}

function callback()
{
	throw new Error('the callback was called');
}

/* What `node -e CODE` prints; CODE has the package as `d`. */
function inNode(code, env, directory = PACKAGE)
{
	const run = spawnSync(process.execPath, ['-e', `const d = require(${
		JSON.stringify(directory + '/dtrace-provider.js')}); ${code}`],
		{ encoding: 'utf8', env: Object.assign({}, process.env, env) });

	return { status: run.status, out: run.stdout, err: run.stderr };
}

/* A copy of the package without a binding, or with BINDING as its bytes. */
function copyWithout(binding)
{
	const to = fs.mkdtempSync(path.join(images, 'copy-'));

	for (const file of fs.readdirSync(PACKAGE)) {
		if (/\.(js|mjs|json)$/.test(file))
			fs.copyFileSync(path.join(PACKAGE, file),
				path.join(to, file));
	}
	if (binding !== undefined) {
		const release = path.join(to, 'src', 'build', 'Release');

		fs.mkdirSync(release, { recursive: true });
		fs.writeFileSync(path.join(release,
			'DTraceProviderBindings.node'), binding);
	}
	return to;
}

test('arguments have names', () => {
	const provider = dtrace.createDTraceProvider('nodenames');

	provider.addProbe('p1', 'int id', 'char *url', 'json body',
		'uint64_t bytes_that_were_sent', 'int long', 'integer x', 'char * path', 'json');
	provider.enable();
	const image = fs.readFileSync(provider.status().sdt.path, 'latin1');
	assert.ok(image.includes('void p1(int id, char *url, char *body, ' +
		'uint64_t bytes_that_were_sent, int arg4, int arg5, char *path, char *arg7);'));
	assert.throws(() => provider.addProbe('p2', 'int id', 'char *id'),
		/name that another argument/);
});

test('structs', () => {
	const provider = dtrace.createDTraceProvider('nodestructs');
	const add = (...args) => provider.addStruct(...args);

	add('peer', 4, { 'uint16_t port': 0, 'char flags[2]': 2 });
	add('request', 16, { 'int64_t sent': 8, 'int id': 0,
		'struct peer peer': 4 });
	provider.addProbe('p1', 'struct request *request',
		'const  struct peer*');
	provider.enable();
	const image = fs.readFileSync(provider.status().sdt.path, 'latin1');
	for (const told of ['struct peer { uint16_t port; char flags[2]; };\n',
	    'struct request { int id; struct peer peer; int64_t sent; };\n',
	    'void p1(struct request *request, const  struct peer*arg1);\n'])
		assert.ok(image.includes(told), told);
	assert.throws(() => add('a', 8, { 'struct other o': 0 }),
		/needs struct other, which/);
	assert.throws(() => add('a', 8, {}), /0 fields/);
	assert.throws(() => add('a', 4, { 'int a': 2 }), /at offset 2/);
	assert.throws(() => add('a', 4, { 'int a': 2 ** 33 }), /at offset 4/);
	assert.throws(() => add('a', 4, { ['x'.repeat(300)]: 0 }), Error);
	assert.throws(() => add('while', 4, { 'int a': 0 }), /of C's/);
	for (const [wrong, which] of [[[1, 4, { 'int a': 0 }], /first/],
	    [['a', -1, { 'int a': 0 }], /second/],
	    [['a', 4, null], /third/], [['a', 4, { 'int a': 0.5 }], /third/]])
		assert.throws(() => add(...wrong),
			{ name: 'TypeError', message: which });
});

test('the binding is there', () => {
	assert.strictEqual(dtrace.loadError(), null);
});

test('exports', async () => {
	assert.strictEqual(typeof dtrace.DTraceProvider, 'function');
	assert.strictEqual(typeof dtrace.createDTraceProvider, 'function');
	const module = await import(pathToFileURL(
		path.join(PACKAGE, 'index.mjs')));

	assert.strictEqual(module.default, dtrace);
	assert.strictEqual(module.DTraceProvider, DTraceProvider);
	assert.strictEqual(module.createDTraceProvider,
		dtrace.createDTraceProvider);
	assert.strictEqual(module.loadError, dtrace.loadError);
});

test('createDTraceProvider passes a module if there are two arguments', () => {
	const made = [];
	const original = dtrace.DTraceProvider;

	dtrace.DTraceProvider = class {
		constructor(...all)
		{
			made.push(all);
		}
	};
	try {
		assert(dtrace.createDTraceProvider('a') instanceof
			dtrace.DTraceProvider);
		dtrace.createDTraceProvider('a', 'b');
		dtrace.createDTraceProvider('a', 'b', 'c');
		dtrace.createDTraceProvider();
	} finally {
		dtrace.DTraceProvider = original;
	}
	assert.deepStrictEqual(made, [['a'], ['a', 'b'], ['a'], [undefined]]);
});

test('the arguments of the constructor', () => {
	for (const bad of [undefined, null, 5, {}, [], new String('x')])
		throwsOnly(() => new DTraceProvider(bad), TypeError,
			'Must give provider name as argument');
	throwsOnly(() => new DTraceProvider(), TypeError,
		'Must give provider name as argument');
	throwsOnly(() => new DTraceProvider(1, 2, 3), TypeError,
		'Must give provider name as argument');
	for (const bad of [undefined, null, 5, {}])
		throwsOnly(() => new DTraceProvider('name', bad), TypeError,
			'Must give module name as argument');
	throwsOnly(() => new DTraceProvider('name', 'module', undefined), Error,
		'Expected only provider name and module as arguments');
	throwsOnly(() => new DTraceProvider('name', 5, 5), Error,
		'Expected only provider name and module as arguments');
});

test('a provider with an invalid name', () => {
	for (const [name, text] of [['', /name/], ['a b', /a b/],
	    ['nul\0byte', /nul/], ['x'.repeat(1000), /53/]]) {
		assert.throws(() => new DTraceProvider(name), (error) => {
			assert.strictEqual(error.message,
				'usdt_create_provider failed');
			assert.strictEqual(error.constructor, Error);
			assert.match(error.cause.message, text);
			return true;
		});
	}
});

test('addProbe', () => {
	const provider = new DTraceProvider('addprobe', 'mod');
	const probe = provider.addProbe('p1', 'int', 'json');
	const property = Object.getOwnPropertyDescriptor(provider, 'p1');
	const holder = Object.getOwnPropertyDescriptor(probe, '__prov__');

	assert.deepStrictEqual(property, { value: probe, writable: true,
		enumerable: true, configurable: true });
	assert.deepStrictEqual(holder, { value: provider, writable: false,
		enumerable: false, configurable: false });
	assert.deepStrictEqual(Object.keys(probe), []);
	/* Anything is a name and a type, as text. */
	assert.strictEqual(provider.addProbe(5, 6, null), provider['5']);
	assert.strictEqual(provider.addProbe(), provider['undefined']);
	assert.throws(() => provider.addProbe({ toString() {
		throw new RangeError('mine'); } }), RangeError);
	/* It may hide a method, or what all objects have. */
	assert.strictEqual(provider.addProbe('fire'), provider.fire);
	const odd = provider.addProbe('__proto__');
	assert.strictEqual(Object.getOwnPropertyDescriptor(provider,
		'__proto__').value, odd);
	assert(provider instanceof DTraceProvider);
	assert.strictEqual(provider.status().waiting, 5);
});

test('a long module is cut', () => {
	const provider = new DTraceProvider('long', 'm'.repeat(200));

	assert.strictEqual(provider.status().module, 'm'.repeat(63));
});

test('a probe with an invalid name', () => {
	const provider = new DTraceProvider('badprobes', 'mod');

	/* libusdt refuses the function's name; the error says "probe name". */
	assert.throws(() => provider.addProbe('a b'), /probe name "a b"/);
	for (const length of [100, 500])
		assert.throws(() => provider.addProbe('x'.repeat(length)),
			/probe name .* accepts 63/);
	assert.throws(() => provider.addProbe('nul\0byte'), Error);
	assert.deepStrictEqual(Object.keys(provider), []);
	assert.strictEqual(provider.status().waiting, 0);
});

test('more than 32 types', () => {
	const provider = new DTraceProvider('types', 'mod');
	let converted = 0;
	const type = { toString: () => { converted++; return 'int'; } };

	provider.addProbe('p1', ...Array(40).fill(type));
	provider.enable();
	assert.strictEqual(converted, 32);
});

test('the arguments of fire', () => {
	const provider = new DTraceProvider('fire', 'mod');
	const probe = provider.addProbe('p1', 'int');

	for (const state of ['new', 'enabled', 'disabled']) {
		if (state === 'enabled')
			provider.enable();
		if (state === 'disabled')
			provider.disable();
		for (const bad of [undefined, null, 5, {}, 'text'])
			throwsOnly(() => probe.fire(bad), TypeError,
				'Must give probe value callback as ' +
				'first argument');
		for (const bad of [undefined, null, 5, {}])
			throwsOnly(() => provider.fire(bad, callback),
				TypeError, 'Must give probe name as ' +
				'first argument');
		for (const bad of [undefined, null, 5, {}])
			throwsOnly(() => provider.fire('p1', bad), TypeError,
				'Must give probe value callback as ' +
				'second argument');
		throwsOnly(() => provider.fire(), TypeError,
			'Must give probe name as first argument');
		assert.strictEqual(probe.fire(callback), undefined);
		assert.strictEqual(provider.fire('p1', callback), true);
		assert.strictEqual(provider.fire('p2', callback), undefined);
	}
	assert.throws(() => Reflect.apply(probe.fire, {}, [callback]),
		TypeError);
});

/* V8 reports each garbage collection: ten million fires must cause none, once it
 * has compiled them. */
test('fire with a disabled probe allocates nothing', () => {
	const use = (each) => `
		const p = d.createDTraceProvider('allocates');
		const probe = p.addProbe('p1', 'int');
		const callback = () => [1];
		let kept;
		p.enable();
		const loop = (n) => { for (let i = 0; i < n; i++) { ${each} } };
		loop(1e5);
		loop(1e5);
		console.log('begin');
		loop(1e7);
		console.log('end');`;
	const collections = (each) => {
		const run = spawnSync(process.execPath, ['--trace-gc', '-e',
			`const d = require(${JSON.stringify(PACKAGE +
			'/dtrace-provider.js')}); ${use(each)}`],
			{ encoding: 'utf8' });

		assert.strictEqual(run.status, 0, run.stderr);
		return /begin\n([^]*)end\n/.exec(run.stdout)[1]
			.split('\n').length - 1;
	};

	assert.strictEqual(collections('probe.fire(callback);'), 0);
	assert.strictEqual(collections('probe.fire(callback, i, p);'), 0);
	assert.strictEqual(collections('p.fire("p1", callback);'), 0);
	/* The check of the check: a program that allocates. */
	assert(collections('kept = [i]; probe.fire(callback);') > 0);
});

test('enable and disable', () => {
	const provider = new DTraceProvider('enable', 'mod');

	throwsOnly(() => provider.enable(), Error, 'no probes defined');
	assert.strictEqual(provider.disable(), undefined);
	provider.addProbe('p1');
	assert.strictEqual(provider.enable(), undefined);
	assert.strictEqual(provider.enable(), undefined);
	assert.strictEqual(provider.disable(), undefined);
	assert.strictEqual(provider.disable(), undefined);
	assert.strictEqual(provider.enable(), undefined);
	assert.strictEqual(provider.status().images, 1);
});

test('removeProbe takes probes', () => {
	const provider = new DTraceProvider('remove', 'mod');

	provider.addProbe('p1');
	for (const bad of [undefined, null, 'p1', {}])
		assert.throws(() => provider.removeProbe(bad), TypeError);
	const other = new DTraceProvider('remove', 'other');
	const probe = other.addProbe('p2');

	throwsOnly(() => provider.removeProbe(probe), Error,
		'failed to remove probe remove:mod:p2:p2');
	assert.strictEqual(other.p2, probe);
});

test('status', () => {
	const provider = new DTraceProvider('status', 'mymodule');

	provider.addProbe('p1');
	assert.strictEqual(provider.status().enabled, false);
	provider.enable();
	const status = provider.status();

	assert.strictEqual(status.native, true);
	assert.strictEqual(status.name, 'status');
	assert.strictEqual(status.module, 'mymodule');
	assert.strictEqual(status.enabled, true);
	assert.strictEqual(status.probes, 1);
	assert.strictEqual(status.images, 1);
	assert.strictEqual(status.sdt.taken, true);
	assert(status.sdt.path.startsWith(images));
	assert(fs.existsSync(status.sdt.path));
	assert.strictEqual(typeof status.dof.reason, 'string');
});

test('default modules: the same in each run, distinct within one', () => {
	const code = `
		const all = ['one', 'two', 'one', 'one'].map((name) =>
			new d.DTraceProvider(name).status());
		console.log(all.map((s) => s.name + ' ' + s.module).join());`;
	const expected = 'one mod-1,two mod-1,one mod-2,one mod-3\n';

	assert.strictEqual(inNode(code).out, expected);
	assert.strictEqual(inNode(code).out, expected);
});

test('USDT_DISABLE: nothing happens', () => {
	const { out, err } = inNode(`
		const p = d.createDTraceProvider('disabled');
		const probe = p.addProbe('p1', 'int');
		p.enable();
		for (let i = 0; i < 20; i++)
			if (probe.enabled || probe.fire(() => [1]))
				throw new Error('enabled');
		console.log(p.status().sdt.taken);`, { USDT_DISABLE: '1' });

	assert.strictEqual(out + err, 'false\n');
});

test('enable throws if no backend accepts the provider', () => {
	const { out } = inNode(`
		const p = d.createDTraceProvider('none');
		p.addProbe('p1');
		try {
			p.enable();
		} catch (error) {
			console.log(error.constructor.name, error.message);
		}`, { USDT_BACKENDS: 'dof', USDT_HELPER: '/nonexistent' });

	assert.match(out, /^Error failed to load DOF: .*No such file/);
});

/* --- the stub ------------------------------------------------------------- */

const USE = `
	const p = d.createDTraceProvider();
	const probe = p.addProbe('p1', 'int', 5);
	const say = (...all) => console.log(...all);
	say(p.p1 === probe, probe.enabled);
	say(p.enable(), p.fire(), p.disable(), probe.fire(), probe.fire(5));
	say(probe.fire(() => { throw new Error('called'); }));
	say(p.fire('p1', () => { throw new Error('called'); }));
	say(p.removeProbe(probe), p.p1, p.removeProbe(probe), p.removeProbe());
	say(p.status());
	say(p instanceof d.DTraceProvider);
	say(String(d.loadError()));`;
const USED = `true false
undefined undefined undefined undefined undefined
undefined
undefined
true undefined true true
{ native: false, enabled: false }
true
`;

test('without a binding there is a stub, which is silent', () => {
	const { status, out, err } = inNode(USE, {}, copyWithout());

	assert.strictEqual(err, '');
	assert.strictEqual(status, 0);
	assert(out.startsWith(USED), out);
	assert.match(out.slice(USED.length),
		/^Error: dtrace-provider: no binding for linux-\w+-\w+, /);
});

test('the same with a binding that does not load', () => {
	const { status, out, err } = inNode(USE, {},
		copyWithout('not a shared object'));

	assert.strictEqual(err, '');
	assert.strictEqual(status, 0);
	assert(out.startsWith(USED), out);
	assert.match(out.slice(USED.length),
		/^Error: .* no binding .*, .*DTraceProviderBindings\.node: .*; /);
});

test('with NODE_DTRACE_PROVIDER_REQUIRE=hard, require throws', () => {
	const { status, err } = inNode(USE,
		{ NODE_DTRACE_PROVIDER_REQUIRE: 'hard' }, copyWithout());

	assert.notStrictEqual(status, 0);
	assert.match(err, /no binding for/);
	assert.strictEqual(inNode('', { NODE_DTRACE_PROVIDER_REQUIRE: 'hard' })
		.status, 0);
});

test('the file for bundles needs nothing', () => {
	const directory = fs.mkdtempSync(path.join(images, 'bundle-'));

	fs.copyFileSync(path.join(PACKAGE, 'stub.js'),
		path.join(directory, 'dtrace-provider.js'));
	const { out, err } = inNode(USE, {}, directory);

	assert.strictEqual(err, '');
	assert(out.startsWith(USED), out);
});

test('two copies of the package in one process', () => {
	const copy = copyWithout(fs.readFileSync(path.join(PACKAGE, 'src',
		'build', 'Release', 'DTraceProviderBindings.node')));
	const { out, err } = inNode(`
		const e = require(${JSON.stringify(copy)});
		const all = [d, e].map((m) => {
			const p = m.createDTraceProvider('copies');
			p.addProbe('p1', 'int');
			p.enable();
			return p;
		});
		const paths = all.map((p) => p.status().sdt.path);
		console.log(d !== e, paths[0] !== paths[1],
			all.map((p) => p.status().sdt.taken).join());
		console.log(all[0].fire('p1', () => [1]));`);

	assert.strictEqual(out + err, 'true true true,true\ntrue\n');
});
