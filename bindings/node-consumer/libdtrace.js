/*
 * libdtrace.js - what did the (synchronous) package libdtrace offer?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { Link } = require('./lib/bridge.js');
const { Reader, version, walkError } = require('./lib/old.js');

const TRACING = 'Operation illegal when tracing is active';

function failed(what, answer)
{
	return new Error(`couldn't ${what}: ${answer.message}`);
}

class Consumer {
	#link;
	#reader = new Reader((size) => size >= 4,
		(action) => `<unknown action 0x${action.toString(16)}>`);
	#went = false;

	constructor()
	{
		this.#link = new Link();
		const answer = this.#link.sync('open', { sized: true });

		if (!answer.ok) {
			this.#link.close();
			throw new Error(answer.message);
		}
	}

	strcompile(program)
	{
		if (typeof program !== 'string')
			throw new TypeError('expected program');
		if (this.#went)
			throw failed(`execute '${program}'`,
				{ message: TRACING });
		const answer = this.#link.sync('compile', { program });

		if (!answer.ok)
			throw failed(`compile '${program}'`, answer);
	}

	setopt(option, value)
	{
		if (typeof option !== 'string')
			throw new TypeError('expected an option to set');
		if (Array.isArray(value))
			throw new TypeError('option value can\'t be an array');
		if (arguments.length > 1 && value !== null &&
		    (typeof value === 'object' || typeof value === 'function'))
			throw new TypeError('option value can\'t be an object');
		const answer = this.#link.sync('set', { option,
			value: arguments.length > 1 ? String(value) : null });

		if (!answer.ok)
			throw failed(`set option '${option}'`, answer);
	}

	go()
	{
		const answer = this.#link.sync('go', { pull: true });

		if (!answer.ok)
			throw failed('enable tracing', answer);
		this.#went = true;
	}

	stop()
	{
		const answer = this.#link.sync('stop');

		if (!answer.ok)
			throw failed('disable tracing', answer);
	}

	consume(callback)
	{
		if (typeof callback !== 'function')
			throw new TypeError('expected function as argument');
		const answer = this.#link.sync('work');

		/* Like the old package: only a lost helper is an error. */
		if (answer.code === 'ELOST')
			throw failed('consume', answer);
		this.#reader.records(answer.lines, (given, data) => {
			const { provider, module, function: func, name } = given;
			const probe = { provider, module, function: func, name };

			if (data.length > 0)
				callback.call(this, probe, { data: data[0] });
			else
				callback.call(this, probe);
		});
	}

	aggwalk(callback)
	{
		if (typeof callback !== 'function')
			throw new TypeError('expected function as argument');
		const answer = this.#link.sync('aggregations',
			{ remove: true, strict: true });

		if (!answer.ok)
			throw walkError(answer);
		this.#reader.entries(answer.lines, (line) =>
			'unsupported aggregating action  ' +
			`${line.function}() in aggregation "${line.name}"`,
			(id, key, value) => callback.call(this, id, key, value));
	}

	aggclear()
	{
		this.#link.sync('clear');
	}

	aggmin()
	{
		return -(2 ** 63);
	}

	aggmax()
	{
		return 2 ** 63;
	}

	version()
	{
		return version(this.#link);
	}

	/* New: ends the helper now; otherwise the garbage collector does. */
	close()
	{
		this.#link.close();
	}
}

module.exports = { Consumer };
