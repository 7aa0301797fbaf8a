/* restify.js - a server that answers itself, with the restify of $PROJECT. */
/* SPDX-License-Identifier: BSD-2-Clause */
'use strict';

const http = require('http');
const { sites, project, awaitTracer } = require('./project.js');
const restify = project('restify');
const server = restify.createServer({ name: 'shop', dtrace: true });

server.get({ name: 'hello', path: '/hello/:who' }, function greet(req, res,
	next) {
	res.header('x-answer', 'yes');
	res.send(201, 'hello ' + req.params.who);
	next();
});
server.listen(0, '127.0.0.1', () => {
	const probes = ['route-start', 'handler-start', 'handler-done',
		'route-done'];

	sites('restify', probes);
	awaitTracer(probes);
	http.get({ host: '127.0.0.1', port: server.address().port,
		path: '/hello/world', agent: false,
		headers: { 'x-test': 'h\u00e9' } }, (response) => {
		response.resume();
		response.on('end', () => server.close(() => process.exit(0)));
	});
});
