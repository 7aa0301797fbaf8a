/*
 * values.js - what becomes of the helper's values?
 */
'use strict';

/* A 64-bit integer, as the user wants it: Number up to 2^53 and BigInt beyond
 * ("auto"), or always one of them. */
function integer(text, int64)
{
	return int64 === 'number' ? Number(text) : BigInt(text);
}

/* [size, value]; keys of aggregations and, for int64: "bigint", all. */
function sized([size, value], int64)
{
	if (typeof value === 'object')
		return integer(value.int, int64);
	return size === 8 && int64 === 'bigint' ? BigInt(value) : value;
}

/* Integers, strings, bytes; raw(bytes) is told of a string that is not UTF-8. */
function plain(value, int64, raw)
{
	if (typeof value !== 'object')
		return value;
	if (Array.isArray(value))
		return sized(value, int64);
	if (value.int !== undefined)
		return integer(value.int, int64);
	if (value.text !== undefined) {
		if (raw)
			raw(Buffer.from(value.hex, 'hex'));
		return value.text;
	}
	if (value.hex !== undefined)
		return Buffer.from(value.hex, 'hex');
	if (value.stack || value.ustack)
		return { frames: (value.stack || value.ustack).map((frame) =>
			plain(frame)), user: value.ustack !== undefined };
	return value;
}

module.exports = { plain };
