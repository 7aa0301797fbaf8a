#!/usr/bin/env node
/*
 * fake-helper.js - a helper that plays a script
 *
 * $FAKE_SCRIPT has a list of steps for each command.  "answer" answers, { fail }
 * answers with a failure, any other object is a line, any other text is written
 * unchanged; "exit" and "abort" end the helper, "hang" leaves the command without
 * an answer.  A command without a list is answered.  $FAKE_PIECE: writes so many
 * bytes at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const fs = require('fs');

const script = JSON.parse(process.env.FAKE_SCRIPT || '{}');
const piece = Number(process.env.FAKE_PIECE || 1 << 20);

function write(text)
{
	const bytes = Buffer.from(text);

	for (let i = 0; i < bytes.length; i += piece)
		fs.writeSync(1, bytes, i, Math.min(piece, bytes.length - i));
}

function act(command)
{
	const answer = { id: command.id, ok: true };

	for (const step of script[command.do] || ['answer']) {
		if (step === 'answer')
			write(JSON.stringify(answer) + '\n');
		else if (step === 'exit')
			process.exit(3);
		else if (step === 'abort')
			process.abort();
		else if (step === 'hang')
			return;
		else if (typeof step === 'string')
			write(step);
		else if (step.fail)
			write(JSON.stringify({ id: command.id, ok: false,
				errno: 0, ...step.fail }) + '\n');
		else if (step.more)
			write(JSON.stringify({ ...answer, ...step.more }) +
				'\n');
		else
			write(JSON.stringify(step) + '\n');
	}
}

let rest = '';

process.stdin.setEncoding('utf8').on('data', (text) => {
	const lines = (rest + text).split('\n');

	rest = lines.pop();
	for (const line of lines)
		act(JSON.parse(line));
}).on('end', () => process.exit(0));
