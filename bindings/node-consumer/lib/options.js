/*
 * options.js - which options may a caller give?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

function wrong(what)
{
	throw new TypeError(what);
}

function isStrings(value)
{
	return Array.isArray(value) &&
		value.every((one) => typeof one === 'string');
}

/* The check of each option, and its words for the error. */
const CHECKS = {
	args: [isStrings, 'an array of strings'],
	command: [isStrings, 'an array of strings'],
	target: [(v) => Number.isInteger(v) && v > 0, 'a process id'],
	run: [(v) => typeof v === 'string', 'a string'],
	helper: [(v) => typeof v === 'string', 'a string'],
	options: [(v) => typeof v === 'object' && v !== null, 'an object'],
	env: [(v) => typeof v === 'object' && v !== null, 'an object'],
	int64: [(v) => ['auto', 'bigint', 'number'].includes(v),
		'"auto", "bigint" or "number"'],
	destructive: [(v) => typeof v === 'boolean', 'a boolean'],
	zdefs: [(v) => typeof v === 'boolean', 'a boolean'],
	cpp: [(v) => typeof v === 'boolean', 'a boolean'],
	json: [(v) => typeof v === 'boolean', 'a boolean'],
	resolve: [(v) => typeof v === 'boolean', 'a boolean'],
	highWaterMark: [(v) => Number.isInteger(v) && v > 0,
		'a positive integer'],
	stopTimeout: [(v) => Number.isFinite(v) && v >= 0,
		'a number of milliseconds'],
	grace: [(v) => Number.isInteger(v) && v >= 0,
		'a number of milliseconds'],
	signal: [(v) => typeof v === 'object' && v !== null &&
		'aborted' in v, 'an AbortSignal'],
};

const DEFAULTS = { args: [], int64: 'auto', options: {}, highWaterMark: 10000,
	stopTimeout: 5000 };

/* The options with defaults; throws on unknown or invalid ones. */
function checked(options)
{
	if (typeof options !== 'object' || options === null)
		wrong('options must be an object');
	for (const [name, value] of Object.entries(options)) {
		if (value === undefined)
			continue;
		if (!Object.hasOwn(CHECKS, name))
			wrong(`there is no option "${name}"`);
		const [test, what] = CHECKS[name];

		if (!test(value))
			wrong(`option "${name}" must be ${what}`);
	}
	if (options.target !== undefined && options.run !== undefined)
		wrong('options "target" and "run" exclude each other');
	const given = Object.fromEntries(Object.entries(options).filter(
		([, value]) => value !== undefined));

	return { ...DEFAULTS, ...given };
}

/* DTrace's own options in its form: [name, text or null] ... */
function dtraceOptions(options)
{
	const list = Object.entries(options.options).filter(
		([, value]) => value !== undefined && value !== false).map(
		([name, value]) => [name, value === true || value === null
			? null : String(value)]);

	if (options.destructive)
		list.push(['destructive', null]);
	if (options.resolve === false)
		list.push(['noresolve', null]);
	return list;
}

/* '250ms', '1s' or 2000 in milliseconds. */
function milliseconds(interval)
{
	const units = { ms: 1, s: 1000, m: 60000 };
	const [, digits, unit] =
		/^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(interval) || [];
	const result = typeof interval === 'number' ? interval
		: Number(digits) * units[unit];

	if (!(result > 0 && result <= 0x7fffffff))
		wrong('an interval must be like 500, "500ms", "1s" or "1m"');
	return result;
}

module.exports = { checked, dtraceOptions, milliseconds };
