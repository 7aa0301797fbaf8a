/*
 * dtrace-async.js - what did the package dtrace-async offer?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const assert = require('assert');
const { EventEmitter } = require('events');
const { Link } = require('./lib/bridge.js');
const { Reader, version, walkError } = require('./lib/old.js');

const TRACING = 'Operation illegal when tracing is active';
const STATES = { uninit: 'not yet ready', error: 'failed to initialize',
	destroyed: 'already destroyed' };

/* Throws unless each argument has the expected type. */
function expect(method, types, given)
{
	for (const [i, expected] of types.entries()) {
		const found = typeof given[i];

		if (found !== expected)
			throw new Error(`${method}: arg${i}: expected type ` +
				`"${expected}" (found "${found}")`);
	}
}

class DTraceConsumer extends EventEmitter {
	#link = new Link();
	#reader = new Reader((size) => size === 8, () => '<unknown action>');
	#status = 'uninit';
	#busy = true;
	#consuming = false;
	#went = false;

	constructor()
	{
		super();
		this.#link.async('open', { sized: true }, (answer) => {
			this.#busy = false;
			if (this.#status === 'destroyed')
				return;
			if (answer.ok) {
				this.#status = 'ready';
				this.emit('ready');
				return;
			}
			this.#status = 'error';
			this.#link.close();
			this.emit('error', new Error('dtrace_open: ' +
				answer.message));
		});
	}

	#checkReady()
	{
		if (this.#status !== 'ready')
			throw new Error('DTraceConsumer ' +
				STATES[this.#status]);
	}

	#checkIdle()
	{
		if (this.#busy || this.#consuming)
			throw new Error('consumer is busy');
	}

	/* Starts a command, one at a time: callback(null or an Error). */
	#begin(command, members, what, callback)
	{
		this.#checkIdle();
		this.#busy = true;
		this.#link.async(command, members, (answer) => {
			this.#busy = false;
			if (answer.ok && command === 'go')
				this.#went = true;
			callback(answer.ok ? null : new Error(
				`couldn't ${what}: ${answer.message}`));
		});
	}

	strcompile(program, callback)
	{
		this.#checkReady();
		expect('strcompile', ['string', 'function'], arguments);
		if (!this.#went) {
			this.#begin('compile', { program },
				`compile '${program}'`, callback);
			return;
		}
		this.#checkIdle();
		this.#busy = true;
		setImmediate(() => {
			this.#busy = false;
			callback(new Error(`couldn't execute '${program}': ` +
				TRACING));
		});
	}

	go(callback)
	{
		this.#checkReady();
		expect('go', ['function'], arguments);
		this.#begin('go', { pull: true }, 'enable tracing', callback);
	}

	stop(callback)
	{
		this.#checkReady();
		expect('stop', ['function'], arguments);
		this.#begin('stop', {}, 'disable tracing', callback);
	}

	setopt(option, value)
	{
		this.#checkReady();
		assert.equal(typeof option, 'string',
			'setopt: expected string argument');
		this.#checkIdle();
		const answer = this.#link.sync('set', { option,
			value: arguments.length > 1 ? `${value}` : null });

		if (!answer.ok)
			throw new Error(`couldn't set option '${option}': ` +
				answer.message);
	}

	/* Calls use(answer); meanwhile no other command may be given. */
	#deliver(command, members, use)
	{
		this.#checkIdle();
		this.#consuming = true;
		try {
			use(this.#link.sync(command, members));
		} finally {
			this.#consuming = false;
		}
	}

	consume(callback)
	{
		this.#checkReady();
		assert.equal(typeof callback, 'function',
			'consume: expected function argument');
		this.#deliver('work', {}, (answer) => {
			if (answer.code === 'ELOST')
				throw new Error('couldn\'t consume: ' +
					answer.message);
			this.#reader.records(answer.lines, (given, data) => {
				const probe = { provider: given.provider,
					module: given.module,
					func: given.function, name: given.name };

				if (data.length > 0)
					callback(probe, { data: data[0] });
				else
					callback(probe);
			});
		});
	}

	aggwalk(callback)
	{
		this.#checkReady();
		assert.equal(typeof callback, 'function',
			'aggwalk: expected function argument');
		this.#deliver('aggregations', { remove: true, strict: true },
			(answer) => {
				if (!answer.ok)
					throw walkError(answer);
				this.#reader.entries(answer.lines, (line) =>
					'unsupported aggregating action ' +
					`${line.function}() in aggregation ` +
					`"${line.name}"`, callback);
			});
	}

	/* Works in any state. */
	version()
	{
		return version(this.#link);
	}

	/* New: ends the helper now; otherwise the garbage collector does. */
	close()
	{
		this.#status = 'destroyed';
		this.#link.close();
	}
}

function createConsumer()
{
	return new DTraceConsumer();
}

module.exports = { createConsumer };
