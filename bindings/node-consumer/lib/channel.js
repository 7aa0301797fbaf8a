/*
 * channel.js - how does the package talk to a helper?
 *
 * Each channel has a process of its own, which answers commands in order.  There
 * are three kinds of lines: answers, results of the command that is answered
 * next, and events.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { spawn } = require('child_process');
const { DTraceError, failure } = require('./error.js');
const { locate } = require('./locate.js');

const NEWLINE = 10;
/* This much of the helper's last output goes into an error. */
const KEPT_LOG = 2000;

/* Parses all lines at once: several times faster than one by one. */
function parse(text)
{
	return JSON.parse('[' + text.replaceAll('\n', ',') + ']');
}

class Channel {
	/*
	 * handlers: line(object), log(text), end(error or null).  collect: all
	 * lines belong to the command that is answered next.
	 */
	constructor(options, handlers, collect = false)
	{
		const { command = [], grace = 2000 } = options;
		const words = [...command, locate(options), '--serve',
			`--grace=${grace}`];

		this.pending = [];
		this.ended = false;
		this.log = '';
		this.rest = [];
		this.lastId = 0;
		this.handlers = handlers;
		this.collect = collect;
		this.wanted = true;
		this.child = spawn(words[0], words.slice(1), {
			stdio: ['pipe', 'pipe', 'pipe'],
			env: options.env || process.env, windowsHide: true,
		});
		this.child.on('error', (error) => this.#end(failure('ENOHELPER',
			`${words[0]} cannot be run: ${error.message}`)));
		this.child.on('close', (code, signal) =>
			this.#end(this.#death(code, signal)));
		/* Node makes no streams then. */
		if (!this.child.stdin) {
			this.ended = failure('ENOHELPER', `${words[0]} cannot ` +
				'be run: too many open files');
			throw this.ended;
		}
		/* "close" reports that the helper is gone. */
		this.child.stdin.on('error', () => {});
		this.child.stdout.on('error', () => {});
		this.child.stdout.on('data', (chunk) => this.#read(chunk));
		this.child.stderr.setEncoding('utf8');
		this.child.stderr.on('data', (text) => this.#hear(text));
	}

	/* Resolves to the answer, with `lines`; rejects if it is a failure. */
	ask(command, members = {}, program = undefined)
	{
		const id = ++this.lastId;

		return new Promise((resolve, reject) => {
			if (this.ended) {
				reject(this.ended);
				return;
			}
			this.pending.push({ id, resolve, reject, program,
				lines: [] });
			this.child.stdout.resume();
			this.child.stdin.write(JSON.stringify(
				{ id, do: command, ...members }) + '\n');
		});
	}

	/* Lets lines come or stops them.  While a command waits for its answer
	 * they come in any case. */
	flow(wanted)
	{
		this.wanted = wanted;
		if (wanted || this.pending.length > 0)
			this.child.stdout.resume();
		else
			this.child.stdout.pause();
	}

	/* Ends the helper, which takes at most its --grace. */
	close()
	{
		if (this.closed)
			return;
		this.closed = true;
		this.child.stdin.end();
		this.child.stdout.resume();
	}

	/* The helper no longer keeps this process alive. */
	unref()
	{
		this.child.unref();
		for (const stream of this.child.stdio)
			stream.unref();
	}

	#read(chunk)
	{
		const last = chunk.lastIndexOf(NEWLINE);

		if (last === -1) {
			this.rest.push(chunk);
			return;
		}
		this.rest.push(chunk.subarray(0, last));
		const text = this.rest.length === 1 ? this.rest[0].toString()
			: Buffer.concat(this.rest).toString();

		this.rest = last + 1 < chunk.length
			? [chunk.subarray(last + 1)] : [];
		this.#obey(text);
	}

	/* Text that is not JSON comes from a command before the helper. */
	#obey(text)
	{
		let shown = text;

		try {
			for (const line of parse(text)) {
				shown = line;
				this.#take(line);
			}
		} catch (error) {
			if (shown !== text)
				shown = JSON.stringify(shown);
			this.#end(failure('EPROTOCOL', 'the helper did not ' +
				`print this: ${shown.slice(0, 200)}`));
			this.close();
		}
	}

	#take(line)
	{
		if (line.id !== undefined) {
			this.#answered(line);
			return;
		}
		const [next] = this.pending;

		if (next && (this.collect || line.aggregation || line.listed))
			next.lines.push(line);
		else
			this.handlers.line(line);
	}

	#answered(answer)
	{
		const { id, resolve, reject, program, lines } =
			this.pending.shift();

		/* It is null if the command could not be read. */
		if (answer.id !== id && answer.id !== null) {
			reject(failure('EPROTOCOL', 'the helper answered ' +
				'another command'));
			throw new Error('not this one');
		}
		if (answer.ok) {
			resolve({ ...answer, lines });
		} else {
			const error = new DTraceError(answer, program);

			error.lines = lines;
			Object.defineProperty(error, 'lines',
				{ enumerable: false });
			reject(error);
		}
		if (this.pending.length === 0 && !this.wanted)
			this.child.stdout.pause();
	}

	#hear(text)
	{
		this.log = (this.log + text).slice(-KEPT_LOG);
		if (this.handlers.log)
			this.handlers.log(text);
	}

	#death(code, signal)
	{
		const how = signal ? `was ended by ${signal}`
			: code > 128 ? `was ended by signal ${code - 128}`
			: `ended with status ${code}`;
		const said = this.log.trim();

		return failure('ELOST', `the helper ${how}` +
			(said ? `: ${said}` : ''));
	}

	#end(error)
	{
		if (this.ended)
			return;
		this.ended = error;
		this.child.stdout.removeAllListeners('data').resume();
		for (const { reject } of this.pending.splice(0))
			reject(error);
		this.handlers.end(error);
	}
}

module.exports = { Channel };
