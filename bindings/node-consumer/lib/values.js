/*
 * values.js - which JavaScript values do the helper's values become?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

/* An integer beyond 2^53: a BigInt, or for "number" a Number. */
function integer(text, int64)
{
	return int64 === 'number' ? Number(text) : BigInt(text);
}

/* [size, value]: in keys of aggregations, and everywhere for "bigint". */
function sized([size, value], int64)
{
	if (typeof value === 'object')
		return integer(value.int, int64);
	return size === 8 && int64 === 'bigint' ? BigInt(value) : value;
}

/* A value; calls raw(bytes) for a string that is not UTF-8. */
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
