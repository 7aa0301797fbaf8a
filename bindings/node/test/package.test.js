/*
 * package.test.js - does the package of `npm pack` install anywhere, and do
 * programs for dtrace-provider work with it unchanged?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { before, test } = require('node:test');
const { observe, program, fresh, images, TOP } = require('./lib/tracer.js');
const { fetched, npm, run, succeed } = require('../../../test/node/npm.js');

const PACKAGE = path.join(__dirname, '..');
const PLATFORMS = ['linux-x64-glibc', 'linux-x64-musl', 'linux-arm64-glibc',
	'linux-arm64-musl'];
/* make and shells stumble over such names. */
const ODD = path.join(images, 'an odd [path] (1)');

let tarball;

/* A directory with package.json. */
function project(directory, contents)
{
	fs.mkdirSync(directory, { recursive: true });
	fs.writeFileSync(path.join(directory, 'package.json'),
		JSON.stringify(contents));
	return directory;
}

/* Commands of PATH, without compilers. */
function commands(...names)
{
	const directory = fs.mkdtempSync(path.join(images, 'bin-'));

	for (const name of names)
		fs.symlinkSync(succeed('sh', ['-c', `command -v ${name}`])
			.trim(), path.join(directory, name));
	return directory;
}

/* An installed copy, with neither prebuilt nor built bindings. */
function bare(name)
{
	const directory = path.join(images, name);

	fs.cpSync(path.join(ODD, 'node_modules', 'dtrace-provider'), directory,
		{ recursive: true });
	fs.rmSync(path.join(directory, 'prebuilds'), { recursive: true });
	return directory;
}

/* The text of an installed copy's loadError(). */
function loadError(directory)
{
	return succeed(process.execPath, ['-e',
		'console.log(String(require(process.argv[1]).loadError()))',
		directory]).trim();
}

before(() => {
	npm(['pack', '--pack-destination', images], { cwd: PACKAGE });
	tarball = path.join(images, fs.readdirSync(images).find((name) =>
		name.endsWith('.tgz')));
	project(ODD, { dependencies: {
		'dtrace-provider': 'file:' + tarball } });
	npm(['install', '--offline'], { cwd: ODD });
});

test('what is in it', () => {
	const files = succeed('tar', ['-tzf', tarball]).split('\n')
		.map((file) => file.replace(/^package\//, ''));

	for (const file of ['dtrace-provider.js', 'stub.js', 'index.mjs',
	    'index.d.ts', 'README.md', 'LICENSE', 'src/binding.c', 'src/napi.h',
	    'src/Makefile', 'libusdt/usdt.h', 'libusdt/Makefile',
	    ...PLATFORMS.map((platform) => 'prebuilds/' + platform +
		    '/DTraceProviderBindings.node')])
		assert(files.includes(file), file);
	assert.deepStrictEqual(files.filter((file) =>
		/test|build\//.test(file)), []);
	assert(!fs.existsSync(path.join(PACKAGE, 'libusdt')));
	assert(!fs.existsSync(path.join(PACKAGE, 'prebuilds')));
});

test('installed offline, without scripts, below blanks and brackets', () => {
	const directory = path.join(ODD, 'node_modules', 'dtrace-provider');

	assert(!fs.existsSync(path.join(directory, 'src', 'build')));
	assert.strictEqual(loadError(directory), 'null');
	return observe('basic', 2, { env: { USDT_TEST_PACKAGE: directory },
		args: { p1: ['%d %s', '(int32)arg0', 'str(arg1)'] } })
		.then(({ events }) => assert.deepStrictEqual(events,
			['p1 1 two', 'p1 -3 four']));
});

/* npm asks its users before it runs such scripts. */
test('nothing runs when it is installed', () => {
	const directory = path.join(ODD, 'node_modules', 'dtrace-provider');
	const { scripts } = JSON.parse(fs.readFileSync(path.join(directory,
		'package.json')));

	for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
		assert(!(name in scripts), name);
	assert(!fs.existsSync(path.join(directory, 'binding.gyp')));
});

test('nothing is built where a binary fits', () => {
	const directory = path.join(ODD, 'node_modules', 'dtrace-provider');
	const result = run(process.execPath, ['build.js'], { cwd: directory,
		env: { PATH: commands('node') } });

	assert.match(result.all, /^binding: .*\/prebuilds\/linux-x64-glibc\//);
	assert.strictEqual(result.status, 0);
	assert(!fs.existsSync(path.join(directory, 'src', 'build')));
});

test('where none fits it is built with cc and make', async () => {
	const directory = bare('to build [here]');

	assert.match(loadError(directory),
		/no binding for linux-x64-glibc, .*; `npx dtrace-provider-build' /);
	const result = run(process.execPath, ['build.js'], { cwd: directory });

	assert.match(result.all, /^binding: .*DTraceProviderBindings\.node\n$/);
	assert.strictEqual(result.status, 0);
	assert.strictEqual(loadError(directory), 'null');
	const { events } = await observe('basic', 2, {
		env: { USDT_TEST_PACKAGE: directory },
		args: { p1: ['%d %s', '(int32)arg0', 'str(arg1)'] } });

	assert.deepStrictEqual(events, ['p1 1 two', 'p1 -3 four']);
});

/* The text that loadError() and the README have. */
test('npx builds it', () => {
	const directory = project(path.join(images, 'by npx'), { dependencies: {
		'dtrace-provider': 'file:' + tarball } });
	const inside = path.join(directory, 'node_modules', 'dtrace-provider');

	npm(['install', '--offline'], { cwd: directory });
	fs.rmSync(path.join(inside, 'prebuilds'), { recursive: true });
	const result = succeed('npx', ['--offline', 'dtrace-provider-build'],
		{ cwd: directory });
	assert.match(result, /^binding: .*DTraceProviderBindings\.node\n$/);
	assert.strictEqual(loadError(inside), 'null');
});

test('$MAKE names make', () => {
	const directory = bare('other make');
	const make = path.join(images, 'mymake');

	fs.writeFileSync(make, '#!/bin/sh\necho "mine $*"\n', { mode: 0o755 });
	const result = run(process.execPath, ['build.js'],
		{ cwd: directory, env: { MAKE: make } });

	assert.match(result.all, /^mine -C src\n/);
	assert.strictEqual(result.status, 1);
});

test('a build that fails says why, and leaves a stub that is silent', () => {
	for (const [name, env, why] of [
	    ['no compiler', { CC: 'false' }, /Error 1/],
	    ['no make', { PATH: commands('node', 'sh') }, /no make here/]]) {
		const directory = bare(name);
		const result = run(process.execPath, ['build.js'],
			{ cwd: directory, env });

		assert.match(result.all, why);
		assert.match(result.all,
			/no binding for linux-x64-glibc could be built\n$/);
		assert.strictEqual(result.status, 1);
		assert.match(loadError(directory), /no binding for linux-/);
	}
});

/* The binary for that platform, of the installed package. */
function binary(platform)
{
	return path.join(ODD, 'node_modules', 'dtrace-provider', 'prebuilds',
		platform, 'DTraceProviderBindings.node');
}

test('the binaries need no newer glibc than Node does', () => {
	for (const platform of PLATFORMS.filter((p) => /glibc/.test(p))) {
		const needs = [...succeed('readelf', ['-V', binary(platform)])
			.matchAll(/GLIBC_2\.(\d+)/g)]
			.map((match) => Number(match[1]));

		assert(needs.length > 0);
		assert(Math.max(...needs) <= 28,
			`glibc 2.${Math.max(...needs)}`);
	}
});

test('napi.h says what Node\'s own headers say', (t) => {
	const directory = project(path.join(images, 'headers'), {});

	if (!fetched(t, directory, 'node-api-headers@1.1.0'))
		return;
	succeed(process.env.CC || 'cc', ['-std=gnu11', '-Wall', '-Wextra',
		'-Werror', '-DNAPI_VERSION=8', '-fsyntax-only', '-I' + path.join(
		directory, 'node_modules', 'node-api-headers', 'include'),
		path.join(__dirname, 'lib', 'headers.c')]);
});

test('the declarations for TypeScript', (t) => {
	if (!fetched(t, ODD, 'typescript@5.4.5'))
		return;
	for (const name of ['common.cts', 'module.mts'])
		fs.copyFileSync(path.join(__dirname, 'types', name),
			path.join(ODD, name));
	succeed(process.execPath, ['node_modules/typescript/bin/tsc',
		'--strict', '--target', 'es2022', '--module', 'node16',
		'--moduleResolution', 'node16', 'common.cts', 'module.mts'],
		{ cwd: ODD });
	assert.strictEqual(succeed(process.execPath, ['module.mjs'],
		{ cwd: ODD, env: { USDT_IMAGE_DIR: images } }),
		'true true true\n');
	succeed(process.execPath, ['common.cjs'], { cwd: ODD,
		env: { USDT_IMAGE_DIR: images } });
});

/* Not every libc has a Node here: a small host takes its place. */
function smallHost(platform, compiler)
{
	const host = path.join(images, 'host-' + platform);

	succeed(compiler, ['-std=gnu99', '-Wall', '-Wextra', '-Werror',
		'-rdynamic', '-o', host, path.join(__dirname, 'lib', 'host.c'),
		'-ldl']);
	return host;
}

for (const [libc, compiler] of [['glibc', 'gcc'], ['musl', 'musl-gcc']]) {
	test(`the binary for x64 and ${libc}, in a host of that`, async () => {
		const platform = 'linux-x64-' + libc;
		const { events, said } = await observe('', 1, {
			command: [smallHost(platform, compiler),
				binary(platform)],
			args: { p1: ['%d %s %lx', '(int32)arg0',
				'str(arg1)', 'arg2'] } });

		assert.deepStrictEqual(events,
			['p1 -7 in a small host ffffffffffffffff']);
		assert.deepStrictEqual(said, ['enabled 1']);
	});
}

/* An emulator runs programs for the other processor, but no tracer sees them.
 * test/arm64/node.t shows in a machine that these binaries fire. */
const CROSS = succeed(path.join(TOP, 'test', 'setup'), ['--cross-root'])
	.trim();
const EMULATOR = [path.join(CROSS, 'bin', 'qemu-aarch64'), '-L',
	path.join(CROSS, 'arm64')];

for (const libc of ['glibc', 'musl']) {
	test(`the binary for arm64 and ${libc}, in a host of that`, async () => {
		const platform = 'linux-arm64-' + libc;
		const compiler = libc === 'glibc' ? 'aarch64-linux-gnu-gcc' :
			'aarch64-linux-musl-gcc';
		const { sites, said } = await program('', fresh(), {
			command: [...EMULATOR, smallHost(platform,
				path.join(CROSS, 'bin', compiler)),
				binary(platform)] });

		assert.strictEqual(sites.length, 1);
		assert.deepStrictEqual(said, ['enabled 0']);
	});
}

test('the package in an arm64 Node.js', async () => {
	const { sites, said } = await program('notEnabled', fresh(), {
		command: [...EMULATOR, path.join(CROSS, 'arm64', 'usr', 'bin',
			'node'), path.join(__dirname, 'lib', 'traced.js'),
			'notEnabled'],
		env: { USDT_TEST_PACKAGE: path.join(ODD, 'node_modules',
			'dtrace-provider'),
			NODE_DTRACE_PROVIDER_REQUIRE: 'hard' } });

	assert.strictEqual(sites.length, 1);
	assert.deepStrictEqual(said, ['fire undefined', 'provider.fire true',
		'called 0']);
});

/* --- in place of dtrace-provider ------------------------------------------ */

/* Where an unmodified package from npm's registry is, with ours in place of
 * dtrace-provider. */
function other(t, wanted)
{
	const directory = project(path.join(images, wanted), {
		overrides: { 'dtrace-provider': 'file:' + tarball } });

	if (!fetched(t, directory, wanted))
		return undefined;
	assert.strictEqual(JSON.parse(fs.readFileSync(path.join(directory,
		'node_modules', 'dtrace-provider', 'package.json'))).name,
		'usdt-dtrace-provider');
	return directory;
}

for (const version of ['1.8.15', '2.0.5']) {
	test(`bunyan ${version}`, async (t) => {
		const PROJECT = other(t, `bunyan@${version}`);

		if (PROJECT === undefined)
			return;
		const { events } = await observe('', 3, {
			script: path.join(__dirname, 'lib', 'bunyan.js'),
			env: { PROJECT },
			strlen: 100,
			args: { log__trace: ['%s', 'str(arg0)'],
				log__info: ['%s', 'str(arg0)'],
				log__error: ['%s', 'str(arg0)'] },
		});
		const about = (level) => new RegExp('{"name":"app",' +
			`"hostname":"h","pid":\\d+,"level":${level},`);

		assert.match(events[0], /^log__trace {/);
		assert.match(events[0], about(10));
		assert.match(events[0], /"msg":"not so impor/);
		assert.match(events[1], about(30));
		assert.match(events[1], /,"n":42,"o":{"s":"text"},"msg":"hel/);
		assert.match(events[2], /^log__error {/);
		assert.match(events[2], about(50));
		assert.strictEqual(events.length, 3);
	});
}

test('restify 11.1.0', async (t) => {
	const PROJECT = other(t, 'restify@11.1.0');

	if (PROJECT === undefined)
		return;
	const { events } = await observe('', 4, {
		script: path.join(__dirname, 'lib', 'restify.js'),
		env: { PROJECT, NODE_NO_WARNINGS: '1' },
		args: {
			route__start: ['%s %s %d %s %s %s', 'str(arg0)',
				'str(arg1)', '(int32)arg2', 'str(arg3)',
				'str(arg4)', 'str(arg5)'],
			handler__start: ['%s %s %s %d', 'str(arg0)',
				'str(arg1)', 'str(arg2)', '(int32)arg3'],
			handler__done: ['%s %s %s %d', 'str(arg0)',
				'str(arg1)', 'str(arg2)', '(int32)arg3'],
			route__done: ['%s %s %d %d %s', 'str(arg0)',
				'str(arg1)', '(int32)arg2', '(int32)arg3',
				'str(arg4)'],
		},
	});

	assert.strictEqual(events.length, 4);
	/* restify itself passes an undefined route and undefined headers. */
	assert.match(events[0],
		/^route__start shop hello 1 GET \/hello\/world {"x-test":"h/);
	assert.match(events[1], /^handler__start shop undefined greet 1$/);
	assert.match(events[2], /^handler__done shop undefined greet 1$/);
	assert.match(events[3],
		/^route__done shop hello 1 201 undefined$/);
});
