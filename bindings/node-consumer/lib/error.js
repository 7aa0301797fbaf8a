/*
 * error.js - how are failures described?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

/* What the user can do; for available(). */
const ADVICE = {
	ENOLIBDTRACE: 'install DTrace 2.0 (Debian: libdtrace2; it needs glibc ' +
		'2.38 or later)',
	EPRIVILEGES: 'run as root, or give the helper its privileges by ' +
		'{ command: [\'sudo\', \'-n\'] }',
};

class DTraceError extends Error {
	/* `answer` is the helper's: code, errno, message. */
	constructor(answer, program)
	{
		const [, line, rest] =
			/^line (\d+): ([^]*)$/.exec(answer.message) || [];

		super(rest === undefined ? answer.message : rest);
		this.name = 'DTraceError';
		this.code = answer.code;
		if (answer.errno)
			this.errno = answer.errno;
		if (program !== undefined)
			this.program = program;
		if (line !== undefined)
			this.line = Number(line);
	}
}

function failure(code, message)
{
	return new DTraceError({ code, message });
}

module.exports = { ADVICE, DTraceError, failure };
