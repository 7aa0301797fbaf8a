/*
 * event.js - what does a program get for one firing?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { plain } = require('./values.js');

class TracedEvent {
	constructor(probe, cpu, values)
	{
		this.type = 'event';
		this.probe = probe;
		this.cpu = cpu;
		this.values = values;	/* of trace(), stack() and the like */
		this.text = '';		/* of printf(), printa(), print() */
		this.args = [];		/* of printf() */
		this.raw = undefined;	/* index in values: bytes, not UTF-8 */
		this.exit = undefined;
	}
}

/* Our provider's arguments of type "json" arrive as texts. */
function parsed(value)
{
	if (typeof value !== 'string' || !/^[[{]/.test(value))
		return value;
	try {
		return JSON.parse(value);
	} catch (error) {
		return value;
	}
}

class EventMaker {
	constructor(options)
	{
		this.int64 = options.int64;
		this.json = options.json;
		this.probes = new Map();
	}

	#probe(given)
	{
		if (typeof given === 'number')
			return this.probes.get(given);
		Object.freeze(given);
		this.probes.set(given.id, given);
		return given;
	}

	#value(event, value)
	{
		const raw = (bytes) => {
			event.raw = event.raw || {};
			event.raw[event.values.length] = bytes;
		};
		const made = plain(value, this.int64, raw);

		event.values.push(this.json ? parsed(made) : made);
	}

	#typed(event, value)
	{
		if (value.printf !== undefined) {
			event.text += plain(value.printf);
			for (const argument of value.args || []) {
				const made = plain(argument, this.int64);

				event.args.push(this.json ? parsed(made) : made);
			}
		} else if (value.print !== undefined) {
			event.text += plain(value.print);
		} else if (value.tracemem !== undefined) {
			this.#value(event, value.tracemem);
		} else if (value.exit !== undefined) {
			event.exit = value.exit;
		} else if (value.refused === undefined) {
			this.#value(event, value);
		}
	}

	make(line)
	{
		const { data } = line;
		let simple = !this.json;

		for (let i = 0; simple && i < data.length; i++)
			simple = typeof data[i] !== 'object';
		const event = new TracedEvent(this.#probe(line.probe), line.cpu,
			simple ? data : []);

		for (let i = 0; !simple && i < data.length; i++) {
			if (typeof data[i] === 'object' &&
			    !Array.isArray(data[i]))
				this.#typed(event, data[i]);
			else
				this.#value(event, data[i]);
		}
		return event;
	}
}

module.exports = { EventMaker, TracedEvent };
