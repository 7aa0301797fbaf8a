/*
 * old.js - what do the two old packages have in common?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

/* Actions whose values they did not support, by the helper's names. */
const REFUSED = { exit: 'exit()', stack: 'stack()', ustack: 'ustack()',
	print: 'printa()', tracemem: '<unknown action 0x6>',
	refused: 'freopen()' };
const KEY_ACTIONS = { 0x101: 'ustack()', 0x102: 'jstack()', 0x401: 'stack()' };

/* The text up to the first zero byte, since they had C strings. */
function text(hex)
{
	const bytes = Buffer.from(hex, 'hex'), end = bytes.indexOf(0);

	return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

/* Integers are [size, value]; isSigned(size) says which were signed. */
function integer([size, value], isSigned)
{
	const number = typeof value === 'object' ? BigInt(value.int)
		: BigInt(value);

	return Number(isSigned(size) ? BigInt.asIntN(8 * size, number)
		: BigInt.asUintN(8 * size, number));
}

/* The datum of a record or key; undefined: they did not support it. */
function datum(value, isSigned)
{
	if (typeof value === 'string')
		return value;
	if (Array.isArray(value))
		return integer(value, isSigned);
	if (value.printf !== undefined)
		return typeof value.printf === 'string' ? value.printf
			: value.printf.text;
	if (value.text !== undefined)
		return value.text;
	if (value.hex !== undefined)
		return text(value.hex);
	return undefined;
}

function number(value)
{
	return Number(typeof value === 'object' ? value.int : value);
}

/* An aggregation's value in their form; undefined: they did not support it. */
function value(line)
{
	switch (line.function) {
	case 'count':
	case 'sum':
	case 'min':
	case 'max':
		return number(line.value);
	case 'avg':
		return number(line.sum) / number(line.count);
	case 'quantize':
	case 'lquantize':
	case 'llquantize':
		return line.buckets.filter((bucket) => bucket[2] !== 0).map(
			([min, max, count]) => [[number(min), number(max)],
				number(count)]);
	default:
		return undefined;
	}
}

/*
 * Calls record(probe, [datum]) for each record of the lines, and record(probe,
 * []) at the end of each firing.  Throws on a record that they did not support.
 */
class Reader {
	constructor(isSigned, unknown)
	{
		this.isSigned = isSigned;
		this.unknown = unknown;
		this.probes = new Map();
	}

	#probe(given)
	{
		if (typeof given !== 'number')
			this.probes.set(given.id, given);
		return typeof given === 'number' ? this.probes.get(given) : given;
	}

	records(lines, record)
	{
		/* Remember all names first, since a callback may throw. */
		const fired = lines.filter((line) => line.probe !== undefined)
			.map((line) => [this.#probe(line.probe), line.data]);

		for (const [probe, data] of fired) {
			for (const one of data)
				record(probe, [this.#datum(probe, one)]);
			record(probe, []);
		}
	}

	#datum(probe, one)
	{
		const made = datum(one, this.isSigned);

		if (made !== undefined)
			return made;
		const [action] = Object.keys(one);
		const { provider, module, function: func, name } = probe;

		throw new Error('unsupported action ' +
			`${this.#name(REFUSED[action])} in record for ` +
			`${provider}:${module}:${func}:${name}`);
	}

	#name(name)
	{
		return /^<unknown/.test(name) ? this.unknown(6) : name;
	}

	/* Calls entry(id, keys, value) for each entry. */
	entries(lines, refusal, entry)
	{
		for (const { aggregation: line } of lines) {
			if (!line)
				continue;
			if (line.refusedKey)
				throw new Error('unsupported action ' +
					(KEY_ACTIONS[line.refusedAction] ||
					this.unknown(line.refusedAction)) +
					` as key #${line.refusedKey} in ` +
					`aggregation "${line.name}"`);
			const made = value(line);

			if (made === undefined)
				throw new Error(refusal(line));
			entry(line.id, line.keys.map((key) =>
				datum(key, this.isSigned)), made);
		}
	}
}

/* libdtrace's version, by way of a consumer's link. */
function version(link)
{
	const answer = link.sync('version');

	if (!answer.ok)
		throw new Error(answer.message);
	return answer.version;
}

/* The error that names the step in which aggwalk() failed. */
function walkError(answer)
{
	const steps = { ESTATUS: 'get status', EWALK: 'walk aggregate' };

	return new Error(`couldn't ${steps[answer.code] || 'snap aggregate'}: ` +
		answer.message);
}

module.exports = { Reader, version, walkError };
