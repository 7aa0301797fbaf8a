/*
 * aggregations.js - what has been counted, and how is it drawn?
 *
 * Values are divided by the divisor of normalize(), as in dtrace(1).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { plain } = require('./values.js');

const LEAST = -(2n ** 63n), GREATEST = 2n ** 63n - 1n;
const WIDTH = 40;

function small(value)
{
	return value >= BigInt(Number.MIN_SAFE_INTEGER) &&
		value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/* The BigInt of an integer from the helper, or of ours. */
function big(value)
{
	return BigInt(typeof value === 'object' ? value.int : value);
}

/* The buckets that are not empty; `all` also has those between them. */
class Distribution extends Array {
	static get [Symbol.species]()
	{
		return Array;
	}

	static from_(kind, all, int64)
	{
		const it = new Distribution();
		const number = int64 === 'bigint' ? BigInt : small;

		for (const [min, max, count] of all)
			if (count !== 0n)
				it.push({ min: number(min), max: number(max),
					count: number(count) });
		Object.defineProperty(it, 'kind', { value: kind });
		Object.defineProperty(it, 'all', { value: all });
		return it;
	}

	/* As dtrace(1) draws it. */
	toString()
	{
		const total = Number(this.all.reduce((sum, [, , count]) =>
			sum + count, 0n));
		let text = `${'value'.padStart(16)} ` +
			`${' ------------- Distribution ------------- '}` +
			`${'count'.padEnd(9)}\n`;

		for (const [min, max, count] of this.all) {
			const share = total === 0 ? 0
				: Number(count) * WIDTH / total;
			const bar = '@'.repeat(Math.floor(share + 0.5));

			text += `${label(this.kind, min, max).padStart(16)} |` +
				`${bar.padEnd(WIDTH)} ` +
				`${String(count).padEnd(9)}\n`;
		}
		return text;
	}
}

/* A bucket's label is its end that is nearer to zero. */
function label(kind, min, max)
{
	if (kind !== 'quantize' && min === LEAST)
		return kind === 'lquantize' ? `< ${max + 1n}` : `<= ${max}`;
	if (kind !== 'quantize' && max === GREATEST)
		return `>= ${min}`;
	if (min < 0n && max > 0n)
		return '0';
	return String(max <= 0n ? max : min);
}

/* One key's value, in a form that can be subtracted. */
function measure(line)
{
	const normal = big(line.normal) || 1n;

	switch (line.function) {
	case 'count':
	case 'sum':
	case 'min':
	case 'max':
		return { kind: line.function, value: big(line.value), normal };
	case 'avg':
	case 'stddev':
		return { kind: line.function, count: big(line.count),
			sum: big(line.sum), squares: big(line.squares || 0),
			normal };
	case 'quantize':
	case 'lquantize':
	case 'llquantize':
		return { kind: line.function, normal, buckets: line.buckets.map(
			(bucket) => bucket.map(big)) };
	default:
		return { kind: line.function, bytes: plain(line.unknown) };
	}
}

function subtractBuckets(now, before)
{
	const old = new Map(before.map(([min, , count]) => [min, count]));

	return now.map(([min, max, count]) =>
		[min, max, count - (old.get(min) || 0n)]);
}

/* The difference from `before`; min() and max() have none. */
function since(now, before)
{
	if (!before || now.kind !== before.kind)
		return now;
	if (now.kind === 'count' || now.kind === 'sum')
		return { ...now, value: now.value - before.value };
	if (now.buckets)
		return { ...now, buckets: subtractBuckets(now.buckets,
			before.buckets) };
	if (now.count !== undefined)
		return { ...now, count: now.count - before.count,
			sum: now.sum - before.sum,
			squares: now.squares - before.squares };
	return now;
}

function average({ count, sum, normal })
{
	return count === 0n ? 0 : Number(sum) / Number(count) / Number(normal);
}

/* The integer root; numbers of 128 bits are too large for Math.sqrt. */
function root(n)
{
	if (n < 2n)
		return n < 0n ? 0n : n;
	let x = BigInt(Math.floor(Math.sqrt(Number(n))));

	while (x * x > n)
		x--;
	while ((x + 1n) * (x + 1n) <= n)
		x++;
	return x;
}

function deviation({ count, sum, squares, normal })
{
	if (count === 0n)
		return 0;
	/* count^2 times the variance: exact, no rounding before the root. */
	const scaled = count * squares - sum * sum;
	const exact = scaled < 2n ** 53n ? Math.sqrt(Number(scaled))
		: Number(root(scaled));

	return exact / Number(count) / Number(normal);
}

/* The value for the user. */
function value(m, int64)
{
	const number = int64 === 'bigint' ? BigInt
		: int64 === 'number' ? Number : small;

	if (m.value !== undefined)
		return number(m.value / m.normal);
	if (m.buckets)
		return Distribution.from_(m.kind, m.buckets.map(
			([min, max, count]) => [min, max, count / m.normal]),
			int64);
	if (m.kind === 'avg')
		return average(m);
	if (m.kind === 'stddev')
		return { count: number(m.count), mean: average(m),
			stddev: deviation(m) };
	return m.bytes;
}

/* A text that identifies the key. */
function canonical(key)
{
	return JSON.stringify(key, (name, part) => typeof part === 'bigint'
		? { int: String(part) } : part);
}

class Aggregation {
	constructor(name, id, kind)
	{
		this.name = name;
		this.id = id;
		this.kind = kind;
		this.map = new Map();
		Object.defineProperty(this, 'map', { enumerable: false });
	}

	get size()
	{
		return this.map.size;
	}

	/* get('GET', 200): the value under these keys. */
	get(...key)
	{
		const entry = this.map.get(canonical(key));

		return entry && entry.value;
	}

	has(...key)
	{
		return this.map.has(canonical(key));
	}

	*entries()
	{
		for (const { key, value: v } of this.map.values())
			yield [key, v];
	}

	*keys()
	{
		for (const [key] of this.entries())
			yield key;
	}

	*values()
	{
		for (const [, v] of this.entries())
			yield v;
	}

	[Symbol.iterator]()
	{
		return this.entries();
	}

	toString()
	{
		let text = '';

		for (const [key, v] of this) {
			const name = key.map((part) => part && part.frames
				? part.frames.join('\n  ') : String(part))
				.join('  ');

			text += v instanceof Distribution
				? `\n  ${name}\n${v}`
				: `  ${name.padEnd(50)} ${shown(v)}\n`;
		}
		return text;
	}
}

function shown(v)
{
	return typeof v === 'object' && v !== null && 'stddev' in v
		? String(v.stddev) : String(v);
}

/* Maps names to Aggregations. */
class Aggregations extends Map {
	/* From the helper's lines; subtracts the Aggregations `before`. */
	static of(lines, int64 = 'auto', before = undefined)
	{
		const all = new Aggregations();

		for (const { aggregation: line } of lines) {
			const key = line.keys.map((part) => plain(part, int64));
			const text = canonical(key);
			const m = measure(line);
			const old = before && before.has(line.name) &&
				before.get(line.name).map.get(text);

			if (!all.has(line.name))
				all.set(line.name, new Aggregation(line.name,
					line.id, line.function));
			all.get(line.name).map.set(text, { key, measure: m,
				value: value(old ? since(m, old.measure) : m,
					int64) });
		}
		return all;
	}

	toString()
	{
		return [...this.values()].map(String).join('\n');
	}
}

module.exports = { Aggregation, Aggregations, Distribution };
