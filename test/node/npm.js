/*
 * npm.js - how do the tests of packages run npm and other programs?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const assert = require('assert');
const { spawnSync } = require('child_process');

/* { status, out: standard output, all: with standard error } */
function run(command, args, options = {})
{
	const env = { ...process.env, ...options.env };

	/* Inside a test runner, a test runner would print for the outer one. */
	delete env.NODE_TEST_CONTEXT;
	delete env.MAKEFLAGS;
	const result = spawnSync(command, args, { encoding: 'utf8',
		timeout: 3000000, ...options, env });

	return { status: result.status, out: result.stdout,
		all: String(result.stdout) + result.stderr + (result.error ||
			'') };
}

function succeeded(result, command, args)
{
	assert.strictEqual(result.status, 0, `${command} ${args.join(' ')}\n` +
		result.all);
	return result.out;
}

function succeed(command, args, options)
{
	return succeeded(run(command, args, options), command, args);
}

const QUIET = ['--no-audit', '--no-fund', '--no-update-notifier'];

function npm(args, options)
{
	return succeed('npm', [...args, ...QUIET], options);
}

const UNREACHABLE = new RegExp('\\b(E(NOTFOUND|AI_AGAIN|CONNREFUSED|' +
	'CONNRESET|TIMEDOUT|NETUNREACH|HOSTUNREACH)|ERR_SOCKET_TIMEOUT|' +
	'SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT\\w*)\\b');

/* Installs packages of npm's registry in a directory.  false: the registry can't
 * be reached; this is no failure of ours, so the test T is skipped. */
function fetched(t, directory, ...packages)
{
	const unreachable = 'npm\'s registry can not be reached';

	if (process.env.USDT_NO_REGISTRY) {
		t.skip(unreachable);
		return false;
	}
	const args = ['install', '--ignore-scripts', ...packages, ...QUIET];
	const result = run('npm', args, { cwd: directory });
	const [trouble] = UNREACHABLE.exec(result.all) || [];

	if (result.status !== 0 && trouble !== undefined) {
		t.skip(`${unreachable}: ${trouble}`);
		return false;
	}
	succeeded(result, 'npm', args);
	return true;
}

module.exports = { fetched, npm, run, succeed };
