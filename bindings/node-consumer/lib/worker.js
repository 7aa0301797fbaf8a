/*
 * worker.js - how do the old interfaces' helpers work while the main thread
 * sleeps?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { parentPort, workerData } = require('worker_threads');
const { Channel } = require('./channel.js');
const { failure } = require('./error.js');

const { flag, now, later } = workerData;
const channels = new Map();

/* If the helper is missing, the first command fails. */
function open(id, env)
{
	try {
		channels.set(id, new Channel({ env }, { line() {}, end() {} },
			true));
	} catch (error) {
		channels.set(id, { ask: () => Promise.reject(error),
			close() {} });
	}
}

function close(id)
{
	const channel = channels.get(id);

	channels.delete(id);
	if (channel)
		channel.close();
}

/* Ends a helper that hangs, and fails its command. */
function bounded(channel, command, members, bound)
{
	const asked = channel.ask(command, members);

	if (!bound)
		return asked;
	let timer;
	const late = new Promise((resolve, reject) => {
		timer = setTimeout(() => {
			reject(failure('ELOST', `libdtrace has not answered ` +
				`for ${bound / 1000} s, and is ended`));
			channel.close();
		}, bound);
	});

	return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

async function answerTo({ id, command, members, bound })
{
	try {
		return await bounded(channels.get(id), command, members, bound);
	} catch (error) {
		return { ok: false, code: error.code, errno: error.errno,
			message: error.message, lines: error.lines || [] };
	}
}

/* The message whose answer the main thread waits for. */
let sleeper = null;

function reply(message, answer)
{
	if (message === sleeper)
		sleeper = null;

	if (!message.sync) {
		later.postMessage({ n: message.n, answer });
		return;
	}
	now.postMessage(answer);
	Atomics.store(flag, 0, 1);
	Atomics.notify(flag, 0);
}

parentPort.on('message', (message) => {
	if (message.command === undefined)
		open(message.id, message.env);
	else if (message.command === null)
		close(message.id);
	else {
		if (message.sync)
			sleeper = message;
		answerTo(message).then((answer) => reply(message, answer));
	}
});

/* An uncaught error here must not leave the main thread asleep. */
process.on('uncaughtException', (error) => {
	if (sleeper)
		reply(sleeper, { ok: false, code: 'ELOST', lines: [],
			message: String(error) });
	else
		throw error;
});
