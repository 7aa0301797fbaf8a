/* bunyan.js - a program that logs, with the bunyan of $PROJECT. */
/* SPDX-License-Identifier: BSD-2-Clause */
'use strict';

const { sites, project, awaitTracer } = require('./project.js');
const bunyan = project('bunyan');
const log = bunyan.createLogger({ name: 'app', hostname: 'h', streams: [] });

const probes = ['log-trace', 'log-info', 'log-error'];

sites('bunyan', probes);
awaitTracer(probes);
log.trace('not so important');
log.info({ n: 42, o: { s: 'text' } }, 'hello %s', 'world');
log.error(new TypeError('mine'), 'failed');
