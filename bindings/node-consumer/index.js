/*
 * index.js - what does the package offer?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { Aggregation, Aggregations, Distribution } =
	require('./lib/aggregations.js');
const { available, check, probes } = require('./lib/ask.js');
const { DTraceError } = require('./lib/error.js');
const { Session } = require('./lib/session.js');

function trace(program, options = {})
{
	return Session.start(program, options);
}

module.exports = { trace, available, check, probes, Session, DTraceError,
	Aggregation, Aggregations, Distribution };

/* The interfaces of the old packages, loaded at their first use. */
Object.defineProperty(module.exports, 'createConsumer', { enumerable: true,
	get: () => require('./dtrace-async.js').createConsumer });
Object.defineProperty(module.exports, 'Consumer', { enumerable: true,
	get: () => require('./libdtrace.js').Consumer });
