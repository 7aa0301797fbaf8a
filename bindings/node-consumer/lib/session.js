/*
 * session.js - which steps make the life of a trace, for a program?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { EventEmitter } = require('events');
const { Aggregations } = require('./aggregations.js');
const { Channel } = require('./channel.js');
const { DTraceError, failure } = require('./error.js');
const { EventMaker } = require('./event.js');
const { checked, dtraceOptions, milliseconds } = require('./options.js');

/* Older versions of Node lack Symbol.asyncDispose. */
const ASYNC_DISPOSE = Symbol.asyncDispose ||
	Symbol.for('nodejs.asyncDispose');

/* What is printed without an end of line is kept up to so many characters. */
const LONG_LOG = 65536;

/* Rejects with `error` if the promise takes too long. */
function within(ms, promise, error)
{
	let timer;
	const late = new Promise((resolve, reject) => {
		timer = setTimeout(() => reject(error()), ms);
	});

	return Promise.race([promise, late]).finally(() =>
		clearTimeout(timer));
}

/* A queue whose elements stay in place when the first one leaves. */
class Queue {
	constructor()
	{
		this.items = [];
		this.head = 0;
	}

	get size()
	{
		return this.items.length - this.head;
	}

	push(item)
	{
		this.items.push(item);
	}

	shift()
	{
		const item = this.items[this.head];

		this.items[this.head++] = undefined;
		if (this.head === this.items.length) {
			this.items.length = 0;
			this.head = 0;
		} else if (this.head > 4096 &&
		    this.head * 2 > this.items.length) {
			this.items.splice(0, this.head);
			this.head = 0;
		}
		return item;
	}
}

function errorEvent(line)
{
	const error = new DTraceError({ code: 'ECLAUSE',
		message: line.message });

	return Object.assign(error, { type: 'error', fault: line.fault,
		address: line.address, cpu: line.cpu, probe: line.probe });
}

class Session extends EventEmitter {
	#options;
	#maker;
	#channel;
	#queue = new Queue();
	#waiting = [];
	#listened = 0;		/* number of iterators */
	#started = false;
	#stopping = null;
	#end = null;		/* { status } or { error } */
	#last = null;		/* the last aggregations' lines, a promise */
	#finishing = null;	/* a promise of the end */
	#handOver = null;	/* the program has the session ... */
	#handed = new Promise((resolve) => {
		this.#handOver = resolve;
	});			/* ... and could add listeners */
	#onAbort = null;
	#log = '';

	constructor(options)
	{
		super();
		this.#options = options;
		this.#maker = new EventMaker(options);
		this.on('newListener', (name) => {
			if (name === 'event')
				setImmediate(() => this.#drain());
		});
	}

	/* --- starting ---------------------------------------------------------- */

	static async start(programs, given)
	{
		const options = checked(given);
		const texts = Array.isArray(programs) ? programs : [programs];

		if (texts.length === 0 ||
		    texts.some((text) => typeof text !== 'string'))
			throw new TypeError('a program must be a string');
		const session = new Session(options);

		await session.#start(texts);
		return session;
	}

	async #start(programs)
	{
		const { signal } = this.#options;

		if (signal && signal.aborted)
			throw signal.reason;
		this.#channel = new Channel(this.#options, {
			line: (line) => this.#take(line),
			log: (text) => this.#hear(text),
			end: (error) => this.#lost(error),
		});
		const aborted = new Promise((resolve, reject) => {
			this.#onAbort = () => reject(signal.reason);
			if (signal)
				signal.addEventListener('abort', this.#onAbort,
					{ once: true });
		});

		try {
			await Promise.race([aborted, this.#commands(programs)]);
			/* It was lost behind its last answer. */
			if (this.#channel.ended)
				throw this.#channel.ended;
		} catch (error) {
			this.#stopping = Promise.resolve();
			this.#channel.close();
			throw error;
		} finally {
			if (signal)
				signal.removeEventListener('abort',
					this.#onAbort);
		}
		this.#started = true;
		if (signal) {
			this.#onAbort = () => this.stop().catch(() => {});
			signal.addEventListener('abort', this.#onAbort,
				{ once: true });
		}
		setImmediate(this.#handOver);
		this.#flow();
	}

	async #commands(programs)
	{
		const { args, zdefs, cpp, target, run, int64 } = this.#options;
		const channel = this.#channel;

		await channel.ask('open', { sized: int64 === 'bigint' });
		for (const [option, value] of dtraceOptions(this.#options))
			await channel.ask('set', { option, value });
		if (target !== undefined)
			await channel.ask('grab', { pid: target });
		if (run !== undefined)
			await channel.ask('create', { command: run });
		for (const program of programs)
			await channel.ask('compile', { program, args,
				zdefs: Boolean(zdefs), cpp: Boolean(cpp),
				lines: true }, program);
		await channel.ask('go');
	}

	/* --- events ------------------------------------------------------------ */

	#take(line)
	{
		if (line.probe !== undefined)
			this.#give(this.#maker.make(line));
		else if (line.error)
			this.#give(errorEvent(line.error));
		else if (line.drop)
			this.#give({ type: 'drop', ...line.drop });
		else if (line.done)
			this.#done(line.done);
	}

	#give(item)
	{
		if (this.#waiting.length > 0 && this.#queue.size === 0) {
			for (let i = 0; i < this.#waiting.length; i++) {
				const { wants, resolve } = this.#waiting[i];

				if (!wants(item))
					continue;
				this.#waiting.splice(i, 1);
				resolve({ value: item, done: false });
				this.#tell(item);
				return;
			}
		}
		if (!this.#tell(item) || this.#listened > 0)
			this.#keep(item);
	}

	/* What a listener throws is an uncaught exception, as with every emitter,
	 * but what comes behind this item is still delivered. */
	#call(name, item)
	{
		try {
			this.emit(name, item);
		} catch (error) {
			process.nextTick(() => {
				throw error;
			});
		}
	}

	/* Calls the listeners.  false: there is none. */
	#tell(item)
	{
		if (!this.#started || this.listenerCount(item.type) === 0)
			return false;
		this.#call(item.type, item);
		return true;
	}

	/* When the queue is full and nothing iterates yet, drops firings
	 * without data: a D program that only counts must not stand still. */
	#keep(item)
	{
		const isFull = this.#queue.size >= this.#options.highWaterMark;

		if (isFull && this.#listened === 0 && item.type === 'event' &&
		    item.values.length === 0 && item.text === '')
			return;
		this.#queue.push(item);
		if (this.#queue.size >= this.#options.highWaterMark)
			this.#channel.flow(false);
	}

	/* Delivers what came before there was a listener. */
	#drain()
	{
		while (this.#started && this.#listened === 0 &&
		    this.#queue.size > 0) {
			const item = this.#queue.shift();

			if (this.listenerCount(item.type) > 0)
				this.#call(item.type, item);
		}
		this.#flow();
	}

	#flow()
	{
		if (this.#queue.size < this.#options.highWaterMark)
			this.#channel.flow(true);
	}

	#hear(text)
	{
		const lines = (this.#log + text).split('\n');

		this.#log = lines.pop();
		if (this.#log.length > LONG_LOG) {
			lines.push(this.#log);
			this.#log = '';
		}
		for (const line of lines)
			this.#call('log', line);
	}

	#next(wants)
	{
		while (this.#queue.size > 0) {
			const item = this.#queue.shift();

			if (this.#queue.size * 2 === this.#options.highWaterMark)
				this.#flow();
			if (wants(item))
				return Promise.resolve({ value: item,
					done: false });
		}
		this.#flow();
		if (this.#end && this.#end.error) {
			const { error } = this.#end;

			this.#end.error = undefined;
			return Promise.reject(error);
		}
		if (this.#end)
			return Promise.resolve({ value: undefined, done: true });
		return new Promise((resolve, reject) =>
			this.#waiting.push({ wants, resolve, reject }));
	}

	#iterate(wants)
	{
		let left = false;
		const leave = (value) => {
			if (!left)
				this.#listened--;
			left = true;
			return Promise.resolve({ value, done: true });
		};

		this.#listened++;
		return {
			next: () => left ? leave() : this.#next(wants),
			return: leave,
			[Symbol.asyncIterator]()
			{
				return this;
			},
		};
	}

	[Symbol.asyncIterator]()
	{
		return this.#iterate((item) => item.type === 'event');
	}

	/* Also iterates errors of clauses and drops. */
	everything()
	{
		return this.#iterate(() => true);
	}

	/* --- the end ----------------------------------------------------------- */

	/* Fetches the last aggregations, then ends the helper. */
	#done(line)
	{
		if (this.#end || this.#last)
			return;
		const error = line.code ? new DTraceError(line) : undefined;

		this.#last = this.#channel.ask('aggregations').then(
			({ lines }) => lines, (why) => {
				if (why.code === 'ELOST')
					throw why;
				return [];
			});
		this.#finishing = Promise.allSettled([this.#last,
			this.#handed]).then(() => {
			this.#channel.close();
			this.#finish({ status: line.status, error });
		});
	}

	#lost(error)
	{
		if (this.#end || !this.#started)
			return;
		/* The helper had already delivered everything. */
		const isExpected = this.#last !== null;

		this.#finish(isExpected ? { status: 0 } : { error });
	}

	#finish(end)
	{
		if (this.#end)
			return;
		const { signal } = this.#options;
		const { error } = end;

		this.#end = end;
		if (signal)
			signal.removeEventListener('abort', this.#onAbort);
		this.#channel.close();
		this.#channel.unref();
		const waiting = this.#waiting.splice(0);

		for (const [i, { resolve, reject }] of waiting.entries())
			if (i === 0 && error)
				reject(error);
			else
				resolve({ value: undefined, done: true });
		if (waiting.length > 0)
			end.error = undefined;
		this.#call('done', { type: 'done', status: end.status, error });
		if (error && waiting.length === 0 && this.#listened === 0 &&
		    !this.#stopping)
			this.#call('error', error);
	}

	get ended()
	{
		return this.#end !== null;
	}

	/* The status given to exit(); undefined while the trace runs. */
	get status()
	{
		return this.#end ? this.#end.status : undefined;
	}

	stop()
	{
		if (!this.#stopping)
			this.#stopping = this.#stop();
		return this.#stopping;
	}

	async #stop()
	{
		const { stopTimeout } = this.#options;
		const late = () => failure('ELOST', 'the helper did not stop ' +
			`within ${stopTimeout} ms, and is ended: the events ` +
			'of END are lost');

		if (this.#end)
			return;
		try {
			await within(stopTimeout, this.#asked(), late);
		} catch (error) {
			this.#finish({ error });
			throw error;
		} finally {
			this.#channel.close();
		}
		this.#finish({ status: 0 });
	}

	/* "done" comes before the answer, and asks for the last aggregations. */
	async #asked()
	{
		if (!this.#last)
			await this.#channel.ask('stop');
		this.#done({ status: 0 });
		await this.#finishing;
		await this.#last;
	}

	async [ASYNC_DISPOSE]()
	{
		await this.stop();
	}

	/* --- aggregations ------------------------------------------------------ */

	async #lines()
	{
		if (this.#last)
			return this.#last;
		try {
			return (await this.#channel.ask('aggregations')).lines;
		} catch (error) {
			/* The trace may have ended meanwhile. */
			if (this.#last)
				return this.#last;
			throw error;
		}
	}

	async aggregations()
	{
		return Aggregations.of(await this.#lines(),
			this.#options.int64);
	}

	/* Sets all values to 0; the keys stay. */
	async clear()
	{
		if (!this.#last)
			await this.#channel.ask('clear');
	}

	/* Aggregations every INTERVAL, and once more when the trace has ended.
	 * delta: only what came since the previous ones. */
	snapshots(interval, { delta = false } = {})
	{
		return this.#snapshots(milliseconds(interval), delta);
	}

	async *#snapshots(ms, delta)
	{
		let before;

		for (;;) {
			const isLast = await this.#pause(ms);
			const lines = await this.#lines();
			const { int64 } = this.#options;

			yield Aggregations.of(lines, int64, delta ? before
				: undefined);
			if (isLast)
				return;
			before = Aggregations.of(lines, int64);
		}
	}

	/* true: the trace has ended meanwhile. */
	#pause(ms)
	{
		return new Promise((resolve) => {
			if (this.#end) {
				resolve(true);
				return;
			}
			const ended = () => {
				clearTimeout(timer);
				resolve(true);
			};
			const timer = setTimeout(() => {
				this.removeListener('done', ended);
				resolve(false);
			}, ms);

			this.once('done', ended);
		});
	}
}

module.exports = { Session };
