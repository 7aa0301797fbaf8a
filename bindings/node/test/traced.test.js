/*
 * traced.test.js - does a real tracer see what programs fire?
 *
 * The first part has the cases of dtrace-provider's own tests, under their
 * names; the second has its faults, and cases for which it had no tests.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const assert = require('assert');
const { test } = require('node:test');
const { observe, program, fresh } = require('./lib/tracer.js');

const INT = ['%d', '(int32)arg0'];
const INT_STRING = ['%d %s', '(int32)arg0', 'str(arg1)'];
const STRING = ['%s', 'str(arg0)'];

/* Buffers are per processor: lines need not come in the order of firing. */
async function sees(name, args, expected, options)
{
	const seen = await observe(name, expected.length,
		Object.assign({ args }, options));

	assert.deepStrictEqual(seen.events.sort(), expected.slice().sort());
	return seen;
}

function numbers(from, to)
{
	return Array.from({ length: to - from + 1 }, (unused, i) => from + i);
}

/* --- the cases of 0.8.8 --------------------------------------------------- */

test('basic', () => sees('basic', { p1: INT_STRING },
	['p1 1 two', 'p1 -3 four']));

test('32probe', async () => {
	const provider = fresh();

	await sees('ints32', null, numbers(1, 32).map((n) =>
		`${provider}:p1 ` + numbers(1, 32).map((i) =>
			i <= n ? i : 0).join(' ')), { watch: true, provider });
});

test('32probe-char', async () => {
	const provider = fresh();

	await sees('strings32', null, [`${provider}:p1 ` + numbers(0, 31).map(
		(i) => `"text${i}"`).join(' ')], { watch: true, provider });
});

test('add-probes', () => {
	const args = {};
	const expected = ['p0 0'];

	for (const i of numbers(0, 9)) {
		args['p' + i] = INT;
		for (const j of numbers(1, i))
			expected.push(`p${j} ${i}`);
	}
	assert.strictEqual(expected.length, 46);
	return sees('addProbes', args, expected);
});

test('args-after-cb-1', async () => {
	const { said } = await sees('extraOfProbe', { p1: INT_STRING },
		['p1 7 seven', 'p1 0 none']);

	assert.deepStrictEqual(said, ['this is the probe true 2',
		'traced true']);
});

test('args-after-cb-2', async () => {
	const { said, untraced } = await sees('extraOfProvider',
		{ p1: INT_STRING }, ['p1 8 eight', 'p1 0 none']);

	assert.deepStrictEqual(said, ['this is the probe true 2',
		'traced true']);
	assert.deepStrictEqual(untraced, ['traced true']);
});

test('bad-probe', async () => {
	const { said } = await sees('badProbe', { p1: INT }, ['p1 2']);

	assert.strictEqual(said.length, 14);
	assert.strictEqual(said.pop(), 'p1 gives true');
	for (const line of said)
		assert.match(line, / gives undefined$/);
});

test('create-destroy', async () => {
	const { sites } = await sees('createDestroy', { p1: INT },
		numbers(0, 9).map((i) => `p1 ${i}`));

	assert.deepStrictEqual(sites.map((site) =>
		/\/([^/ ]+) /.exec(site)[1]).sort(),
		numbers(1, 10).map((i) => `mod-${i}`).sort());
});

test('disambiguation', async () => {
	const { said } = await sees('disambiguation', { p1: INT },
		['p1 0', 'p1 1', 'p1 2', 'p1 3']);

	assert.deepStrictEqual(said, ['mod-1', 'mod-2', 'mymod', 'othermod']);
});

test('enabled-disabled', async () => {
	const { said } = await sees('enabledDisabled', { p1: INT },
		numbers(1, 11).map((i) => `p1 ${i}`));

	assert.deepStrictEqual(said, [...Array(5).fill('enabled false'),
		'fired 11']);
});

test('enabledagain', async () => {
	const { said } = await sees('enabledAgain', { p1: INT },
		['p1 1', 'p1 2']);

	assert.deepStrictEqual(said, ['again undefined', 'images 1']);
});

test('fewer-args', () => sees('fewer',
	{ p1: ['%d %s %d %s', '(int32)arg0', 'str(arg1)', '(int32)arg2',
		'str(arg3)'] },
	['p1 1 a 0 undefined', 'p1 0 undefined 0 undefined',
		'p1 0 null 0 undefined']));

test('fewer-args-json', () => sees('fewerJson',
	{ p1: ['%s %s', 'str(arg0)', 'str(arg1)'] },
	['p1 {"a":[1,"x"]} undefined', 'p1 undefined null']));

test('more-args', () => sees('more', { p1: INT_STRING, none: [''] },
	['p1 1 a', 'none']));

test('json-args', () => sees('json',
	{ p1: ['%s %s', 'str(arg0)', 'str(arg1)'] },
	['p1 obj {"n":42,"s":"text","u":"h\u00e9"}']));

test('multiple-json-args', () => sees('jsonMany',
	{ p1: ['%s %s', 'str(arg0)', 'str(arg1)'] },
	['p1 {"a":1} [{"b":2},"c"]']));

test('gc', () => sees('gc', { p1: INT }, ['p1 0', 'p1 2']));

test('gc-provider', async () => {
	const { said } = await sees('gcProvider', { p1: INT },
		['p1 1', 'p1 2']);

	assert.deepStrictEqual(said, ['provider true']);
});

test('notenabled', async () => {
	const { said } = await sees('notEnabled', { p1: INT }, ['p1 2']);

	assert.deepStrictEqual(said, ['fire undefined', 'provider.fire true',
		'called 0']);
});

/* --- its faults, and cases for which it had no tests ---------------------- */

test('both collected: the provider is gone', async () => {
	const { said } = await sees('gcBoth', { p1: INT }, ['p1 1']);

	assert.deepStrictEqual(said, ['mapped false']);
});

test('a probe that is added to a live provider', async () => {
	const { said, untraced } = await sees('addLive',
		{ first: INT, second: INT }, ['first 1', 'second 2', 'first 3']);

	assert.deepStrictEqual(said, ['enabled true true']);
	assert.deepStrictEqual(untraced, ['enabled false false']);
});

test('removeProbe', async () => {
	const provider = fresh();
	const { said } = await sees('remove', { a: INT, b: INT },
		['a 1', 'b 4'], { provider });

	assert.deepStrictEqual(said, [
		'remove gives true',
		'property false enabled false',
		'fire gives undefined',
		'provider.fire gives undefined',
		`again throws Error: failed to remove probe ${provider}:` +
			'mod-1:a:a',
		'the last gives true',
		'none left throws Error: no probes defined',
	]);
});

test('a name that is added twice', async () => {
	const { said } = await sees('twice', { p1: INT }, ['p1 1']);

	assert.deepStrictEqual(said, ['property true',
		'second gives undefined', 'first gives true']);
});

test('a callback that throws', async () => {
	const { said } = await sees('throwing', { p1: INT }, ['p1 9']);

	assert.deepStrictEqual(said, [
		'throwing throws Mine: my own',
		'provider throws Mine: my own',
		'conversion throws Mine: no number',
		'not an array gives undefined',
		'array-like gives undefined',
		'afterwards gives true',
	]);
});

test('values without JSON', () => sees('badJson', { p1: STRING }, [
	...Array(3).fill('p1 { "error": "stringify failed" }'),
	'p1 undefined']));

test('JSON.stringify of the time of adding', () => sees('jsonReplaced',
	{ p1: STRING, p2: STRING }, ['p1 {"a":1}', 'p2 "mine"']));

test('integers of all sizes', async () => {
	const provider = fresh();
	const events = [];
	const add = (probe, ...values) => values.forEach((value) =>
		events.push(`${provider}:${probe} ${value}`));

	for (const probe of ['s8', 's16', 's32', 's64', 'i'])
		add(probe, -1, -128);
	for (const probe of ['u8', 'u16', 'u32', 'u64'])
		add(probe, 255);
	add('u64', '18446744073709551615', '18446744073709551615',
		'9223372036854775808', '18446744073709551615');
	add('s64', '-9223372036854775808', '9007199254740992',
		'9007199254740993', '9223372036854775807');
	add('i', 2147483647, -1, 42, 0, 0, 0, 1, 17, 5);
	await sees('integers', null, events, { watch: true, provider });
});

test('types go by how they begin', async () => {
	const provider = fresh();

	await sees('prefixes', null,
		[`${provider}:p1 arg0=1 arg1=2 arg2="[3]" x="4" ` +
			'arg4="null" arg5="6"'],
		{ watch: true, provider });
});

test('names of arguments', async () => {
	const provider = fresh();

	await sees('declared', null, [`${provider}:p1 id=-1 url="/" ` +
		'body="{\\"a\\":1}" verb=1'], { watch: true, provider });
});

test('members of structs', async () => {
	const provider = fresh();
	const event = (id, path) => `${provider}:p1 request={id=${id}, ` +
		`path="${path}"}`;

	await sees('structs', null, [event(-7, '/buffer'), event(-8, '/view'),
		event(-9, '/memory'),
		...Array(6).fill(`${provider}:p1 request=NULL`)],
		{ watch: true, provider });
});

test('strings of all kinds', () => sees('strings', { p1: STRING }, [
	'p1', 'p1 h\u00e9\u4e16\ud83d\ude00', 'p1 cut', 'p1 1', 'p1 null',
	'p1 undefined', 'p1 true', 'p1 3', 'p1 1,2', 'p1 [object Object]',
	'p1 Symbol(s)', 'p1 ' + 'x'.repeat(50)]));

test('strings of all lengths', () => sees('longStrings',
	{ p1: ['%s %s %d', 'str(arg0 + (uint64)(int32)arg2 - 5)',
		'str(arg1 + 3 * (uint64)(int32)arg2)', '(int32)arg2'] },
	[4000, 4087, 4088, 4096, 5000, 1 << 20].map((length) =>
		`p1 atail ende ${length}`)));

test('a name with a dash', () => sees('names', { request__start: INT },
	['request__start 1', 'request__start 2']));

test('probe.enabled', async () => {
	const { said, untraced } = await sees('enabled', { p1: INT },
		['p1 1']);

	assert.deepStrictEqual(untraced, ['0'.repeat(42)]);
	assert.deepStrictEqual(said, ['0' + '1'.repeat(20) + '0' +
		'1'.repeat(20)]);
});

test('worker threads', () => sees('worker', { p1: INT },
	['p1 0', 'p1 1', 'p1 2', 'p1 100', 'p1 101']));

test('a worker that is ended while it fires', async () => {
	const { said } = await program('terminated', fresh(), {});

	assert.deepStrictEqual(said, ['ended 1', 'mapped false']);
});

test('a forked child', () => sees('cluster', { p1: INT },
	['p1 1', 'p1 2']));
