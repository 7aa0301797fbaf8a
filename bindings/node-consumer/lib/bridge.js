/*
 * bridge.js - how does a program wait for a helper without its event loop?
 *
 * A worker thread has the helpers of all consumers of this thread.  A
 * synchronous call sleeps until the worker wakes this thread; an asynchronous
 * one gets a callback.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const path = require('path');
const { MessageChannel, Worker, receiveMessageOnPort } =
	require('worker_threads');

/* Limits in ms against a library that hangs. */
const PATIENCE = 60000;
const BOUNDS = { work: PATIENCE, aggregations: PATIENCE, clear: PATIENCE,
	stop: 5000 };

let shared = null;

class Bridge {
	constructor()
	{
		const now = new MessageChannel(), later = new MessageChannel();

		this.flag = new Int32Array(new SharedArrayBuffer(4));
		this.now = now.port1;
		this.later = later.port1;
		this.callbacks = new Map();
		this.last = 0;
		this.worker = new Worker(path.join(__dirname, 'worker.js'), {
			workerData: { flag: this.flag, now: now.port2,
				later: later.port2 },
			transferList: [now.port2, later.port2],
			execArgv: [], stdin: false,
		});
		this.later.on('message', (message) => this.#answered(message));
		this.later.unref();
		this.now.unref();
		this.worker.unref();
	}

	post(message)
	{
		const n = ++this.last;

		this.worker.postMessage({ ...message, n,
			bound: BOUNDS[message.command] });
		return n;
	}

	/* Returns { ok, lines, ... } or { ok: false, code, message }. */
	sync(message)
	{
		Atomics.store(this.flag, 0, 0);
		this.post({ ...message, sync: true });
		Atomics.wait(this.flag, 0, 0);
		return receiveMessageOnPort(this.now).message;
	}

	/* The process does not end before the answer has come. */
	async(message, callback)
	{
		if (this.callbacks.size === 0)
			this.later.ref();
		this.callbacks.set(this.post(message), callback);
	}

	#answered({ n, answer })
	{
		const callback = this.callbacks.get(n);

		this.callbacks.delete(n);
		if (this.callbacks.size === 0)
			this.later.unref();
		callback(answer);
	}
}

function bridge()
{
	if (!shared)
		shared = new Bridge();
	return shared;
}

/* Closes consumers that the garbage collector has taken. */
const forgotten = new FinalizationRegistry((id) =>
	bridge().worker.postMessage({ id, command: null }));

let consumers = 0;

/* One helper, behind the bridge. */
class Link {
	constructor()
	{
		this.id = ++consumers;
		this.closed = false;
		/* The environment of now, not of the worker's start. */
		bridge().worker.postMessage({ id: this.id, command: undefined,
			env: { ...process.env } });
		forgotten.register(this, this.id, this);
	}

	sync(command, members = {})
	{
		return bridge().sync({ id: this.id, command, members });
	}

	async(command, members, callback)
	{
		bridge().async({ id: this.id, command, members }, callback);
	}

	close()
	{
		if (this.closed)
			return;
		this.closed = true;
		forgotten.unregister(this);
		bridge().worker.postMessage({ id: this.id, command: null });
	}
}

module.exports = { Link };
