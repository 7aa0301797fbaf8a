/*
 * package.test.js - does the package of `npm pack` install anywhere, with its two
 * helpers, and do all its entries load?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { before, test } = require('node:test');
const { TOP, directory } = require('./lib/tools.js');
const { fetched, npm, succeed } = require('../../../test/node/npm.js');

const PACKAGE = path.join(__dirname, '..');
const ODD = path.join(directory, 'an odd [path] (1)');

let tarballs;

before(() => {
	fs.mkdirSync(ODD, { recursive: true });
	/* A copy, since another test may also be packing. */
	const copy = path.join(directory, 'copy');

	fs.mkdirSync(path.join(copy, 'test'), { recursive: true });
	for (const name of ['bindings/node-consumer', 'bindings/dtrace-async',
		'bindings/libdtrace', 'consumer', 'LICENSE', 'test/setup'])
		fs.cpSync(path.join(TOP, name), path.join(copy, name),
			{ recursive: true, verbatimSymlinks: true });
	for (const name of ['node-consumer', 'dtrace-async', 'libdtrace'])
		npm(['pack', '--pack-destination', directory],
			{ cwd: path.join(copy, 'bindings', name) });
	tarballs = Object.fromEntries(['usdt-consumer', 'dtrace-async',
		'libdtrace'].map((name) => [name, 'file:' + path.join(directory,
		`${name}-1.0.0.tgz`)]));
	fs.writeFileSync(path.join(ODD, 'package.json'),
		JSON.stringify({ dependencies: tarballs }));
	npm(['install', '--offline', '--ignore-scripts'], { cwd: ODD });
});

test('what is in it', () => {
	const files = succeed('tar', ['-tzf',
		tarballs['usdt-consumer'].slice(5)]).trim().split('\n')
		.map((file) => file.replace(/^package\//, ''));

	for (const file of ['index.js', 'index.mjs', 'index.d.ts',
		'dtrace-async.js', 'libdtrace.js', 'README.md', 'LICENSE',
		'prebuilds/linux-x64/usdt-dtrace',
		'prebuilds/linux-arm64/usdt-dtrace'])
		assert(files.includes(file), file);
	assert.deepStrictEqual(files.filter((file) => /test|pack\.mk/.test(file)),
		[]);
	for (const name of ['dtrace-async', 'libdtrace'])
		assert.deepStrictEqual(succeed('tar', ['-tzf',
			tarballs[name].slice(5)]).trim().split('\n').sort(),
		['package/index.js', 'package/package.json']);
});

test('installed offline, without scripts, below blanks and brackets', () => {
	const script = `
		const assert = require('assert');
		const { trace, createConsumer } = require('usdt-consumer');
		assert.strictEqual(require('dtrace-async').createConsumer,
			createConsumer);
		assert(require('libdtrace').Consumer);
		assert.throws(() => require('usdt-consumer/lib/session.js'));
		trace('probe 1 p m f n\\nexit').then(async (session) => {
			for await (const { probe } of session)
				console.log(probe.name);
		});`;
	const out = succeed(process.execPath, ['-e', script],
		{ cwd: ODD, env: { USDT_DTRACE: '' } });

	assert.strictEqual(out, 'n\n');
});

test('import', () => {
	const out = succeed(process.execPath, ['--input-type=module', '-e', `
		import { trace, Session } from 'usdt-consumer';
		import whole from 'usdt-consumer';
		import { createConsumer } from 'usdt-consumer/dtrace-async';
		import { Consumer } from 'usdt-consumer/libdtrace';
		const session = await trace('probe 1 p m f n\\nexit');
		for await (const { probe } of session)
			console.log(probe.name, session instanceof Session,
				whole.trace === trace, typeof createConsumer,
				typeof Consumer);`], { cwd: ODD });

	assert.strictEqual(out, 'n true true function function\n');
});

/* Runs under qemu-user, with the fake library for that processor. */
test('the helper for arm64 reads the same', () => {
	const cross = succeed(path.join(TOP, 'test/setup'), ['--cross-root'])
		.trim();
	const library = path.join(directory, 'arm64.so');

	succeed(path.join(cross, 'bin/aarch64-linux-gnu-gcc'), ['-std=gnu99',
		'-O2', '-shared', '-fPIC', '-o', library,
		path.join(TOP, 'test/consumer/fake_libdtrace.c')]);
	const out = succeed(path.join(cross, 'bin/qemu-aarch64'), ['-L',
		path.join(cross, 'root/usr/aarch64-linux-gnu'),
		path.join(ODD, 'node_modules/usdt-consumer',
			'prebuilds/linux-arm64/usdt-dtrace'), '-n',
		'probe 7 p m f n\nrec 1 8 8 0 ffffffffffffffff\n' +
		'rec 3 1 1 0 f9 %d\nsay -7\nexit\n' +
		'agg a 1 0x701 0 1 0500000000000000'],
	{ env: { USDT_LIBDTRACE: library } });
	const [event, entry] = out.trim().split('\n').map((line) =>
		JSON.parse(line));

	assert.deepStrictEqual(event.data, [{ int: '18446744073709551615' },
		{ printf: '-7', args: [-7] }]);
	assert.strictEqual(entry.aggregation.value, 5);
});

test('before anything is built all entries load, and give a reason', () => {
	const bare = path.join(directory, 'bare', 'bindings');

	for (const name of ['node-consumer', 'dtrace-async', 'libdtrace'])
		fs.cpSync(path.join(TOP, 'bindings', name),
			path.join(bare, name),
			{ recursive: true, verbatimSymlinks: true });
	fs.rmSync(path.join(bare, 'node-consumer', 'prebuilds'),
		{ recursive: true, force: true });
	const out = succeed(process.execPath, ['-e', `
		const [a, b, c] = process.argv.slice(1).map(require);
		a.available().then(({ ok, reason }) =>
			console.log(ok, reason, b.createConsumer ===
			a.createConsumer, c.Consumer === a.Consumer));`,
	...['node-consumer', 'dtrace-async', 'libdtrace'].map((name) =>
		path.join(bare, name))], { env: { USDT_DTRACE: '' } });

	assert.match(out,
		/^false .*has not been built; `make usdt-dtrace`.* true true\n$/);
});

test('TypeScript reads the declarations', (t) => {
	if (!fetched(t, ODD, 'typescript@5.4.5', '@types/node@20.12.7'))
		return;
	for (const name of ['common.cts', 'module.mts'])
		fs.copyFileSync(path.join(PACKAGE, 'test/types', name),
			path.join(ODD, name));
	succeed(process.execPath, ['node_modules/typescript/bin/tsc',
		'--noEmit', '--strict', '--module', 'node16', '--target',
		'es2022', '--lib', 'es2022', '--types', 'node', 'common.cts',
		'module.mts'], { cwd: ODD });
});
