/*
 * old.js - what do the two old packages have in common?
 */
'use strict';

/* The actions that they had no values for, by the helper's names. */
const REFUSED = { exit: 'exit()', stack: 'stack()', ustack: 'ustack()',
	print: 'printa()', tracemem: '<unknown action 0x6>',
	refused: 'freopen()' };
const KEY_ACTIONS = { 0x101: 'ustack()', 0x102: 'jstack()', 0x401: 'stack()' };

/* Up to what is no character: they had texts of C. */
function text(hex)
{
	const bytes = Buffer.from(hex, 'hex'), end = bytes.indexOf(0);

	return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

/* Integers are [size, value]; signed(size) tells which were signed. */
function integer([size, value], isSigned)
{
	const number = typeof value === 'object' ? BigInt(value.int)
		: BigInt(value);

	return Number(isSigned(size) ? BigInt.asIntN(8 * size, number)
		: BigInt.asUintN(8 * size, number));
}

/* The datum of a record or key, or undefined if there was none such. */
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

/* What they made of an aggregation's value; undefined: they did not know it. */
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
 * Calls record(probe, datum or undefined) for each record of the lines, and
 * once more for each firing; throws what they did not support.
 */
class Reader {
	constructor(isSigned, unknown)
	{
		this.isSigned = isSigned;
		this.unknown = unknown;
		this.probes = new Map();
	}

	#probe(told)
	{
		if (typeof told !== 'number')
			this.probes.set(told.id, told);
		return typeof told === 'number' ? this.probes.get(told) : told;
	}

	records(lines, record)
	{
		/* All names first: a callback may throw. */
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

	/* Calls entry(id, keys, value) for each. */
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

/* In which step an aggwalk() failed. */
function walkError(answer)
{
	const steps = { ESTATUS: 'get status', EWALK: 'walk aggregate' };

	return new Error(`couldn't ${steps[answer.code] || 'snap aggregate'}: ` +
		answer.message);
}

module.exports = { Reader, walkError };
