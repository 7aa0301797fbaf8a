/*
 * channel.js - how is a helper spoken with?
 *
 * One process for each channel.  Commands are answered in order.  Lines are of
 * three kinds: answers, what the command that is next to be answered brings,
 * and what comes by itself.
 */
'use strict';

const { spawn } = require('child_process');
const { DTraceError, failure } = require('./error.js');
const { locate } = require('./locate.js');

const NEWLINE = 10;
/* Of what the helper printed last, for an error. */
const KEPT_LOG = 2000;

/* All lines of a chunk at once: that is several times faster than one by one. */
function parse(text)
{
	return JSON.parse('[' + text.replaceAll('\n', ',') + ']');
}

class Channel {
	/*
	 * handlers: line(object), log(text), end(error or null).  collect: all
	 * lines belong to the command that is next to be answered.
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
			`${words[0]} can not be run: ${error.message}`)));
		this.child.on('close', (code, signal) =>
			this.#end(this.#death(code, signal)));
		/* That it is gone is told by "close". */
		this.child.stdin.on('error', () => {});
		this.child.stdout.on('error', () => {});
		this.child.stdout.on('data', (chunk) => this.#read(chunk));
		this.child.stderr.setEncoding('utf8');
		this.child.stderr.on('data', (text) => this.#hear(text));
	}

	/* A promise of the answer, with `lines`; failures reject. */
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

	/* May lines come?  They do in any case while an answer is awaited. */
	flow(wanted)
	{
		this.wanted = wanted;
		if (wanted || this.pending.length > 0)
			this.child.stdout.resume();
		else
			this.child.stdout.pause();
	}

	/* The helper ends, at the latest when its patience does. */
	close()
	{
		if (this.closed)
			return;
		this.closed = true;
		this.child.stdin.end();
		this.child.stdout.resume();
	}

	/* It does not keep this process alive any more. */
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

	/* What is no JSON is not the helper's: a command before it may print. */
	#obey(text)
	{
		let lines;

		try {
			lines = parse(text);
		} catch (error) {
			this.#end(failure('EPROTOCOL', 'this is not the ' +
				`helper's: ${text.slice(0, 200)}`));
			this.close();
			return;
		}
		for (const line of lines)
			this.#take(line);
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
		const { resolve, reject, program, lines } = this.pending.shift();

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
