/*
 * tracer.js - what does a real tracer see of a program?
 *
 * A program runs twice.  The first run, untraced, prints where its probes are.
 * Paths are the same in each run, so a tracer can attach there before the second
 * run, and sees it from the start.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const PATIENCE = Number(process.env.USDT_TEST_PATIENCE || 300) * 1000;
const TOP = path.join(__dirname, '..', '..', '..', '..');

/* A driver may set another bpftrace, such as another system's. */
const BPFTRACE = (process.env.USDT_TEST_BPFTRACE || 'bpftrace').split(' ');
const WATCH = process.env.USDT_TEST_WATCH ||
	path.join(process.env.USDT_BUILD || TOP, 'usdt');

const images = fs.mkdtempSync('/tmp/usdt-test-node-');
process.on('exit', () => fs.rmSync(images, { recursive: true, force: true }));

let serial = 0;

/* A provider's name that no other test has. */
function fresh()
{
	return 'n' + process.pid + 'x' +
		String.fromCharCode(97 + serial++ % 26) + 'n';
}

/* A child process, with what it printed. */
class Run {
	constructor(command, env)
	{
		this.out = '';
		this.err = '';
		this.waiting = [];
		this.command = command.join(' ');
		this.child = spawn(command[0], command.slice(1), {
			env: Object.assign({}, process.env,
				{ LC_ALL: 'C', USDT_IMAGE_DIR: images }, env),
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		this.child.stdout.on('data', (data) => {
			this.out += data;
			this.look();
		});
		this.child.stderr.on('data', (data) => {
			this.err += data;
			this.look();
		});
		this.ended = new Promise((resolve) => {
			this.child.on('error', (error) => {
				this.err += error.message;
				this.over = true;
				this.look();
				resolve(-1);
			});
			this.child.on('close', (code, signal) => {
				this.over = true;
				this.look();
				resolve(signal || code);
			});
		});
	}

	look()
	{
		this.waiting = this.waiting.filter((wait) => !wait());
	}

	/* Waits until CONDITION holds, the process ends, or the time is over. */
	until(condition, ms = PATIENCE)
	{
		return new Promise((resolve) => {
			const timer = setTimeout(() => resolve(false), ms);
			const wait = () => {
				if (!condition() && !this.over)
					return false;
				clearTimeout(timer);
				resolve(condition());
				return true;
			};
			if (!wait())
				this.waiting.push(wait);
		});
	}

	async end()
	{
		if (await this.until(() => this.over))
			return this.ended;
		this.child.kill('SIGKILL');
		throw new Error('does not end:\n' + this.report());
	}

	lines()
	{
		return this.out.split('\n').slice(0, -1);
	}

	report()
	{
		return `--- ${this.command}\n${this.out}${this.err}---\n`;
	}
}

/* Run a program of lib/traced.js with node; its lines "site" and "say". */
async function program(name, provider, options)
{
	const command = options.command || [process.execPath, '--expose-gc',
		options.script || path.join(__dirname, 'traced.js'), name];
	const run = new Run([...command, provider], options.env);
	const status = await run.end();

	if (status !== 0)
		throw new Error(`ended with ${status}\n` + run.report());
	return {
		sites: [...new Set(run.lines().filter((line) =>
			line.startsWith('site ')).map((line) =>
			line.slice(5)))].sort(),
		said: run.lines().filter((line) =>
			line.startsWith('say ')).map((line) => line.slice(4)),
	};
}

function sleep(ms)
{
	return new Promise((resolve) => setTimeout(resolve, ms));
}

/* ARGS: { probe: [format, expression...] }, as bpftrace has them. */
async function bpftrace(sites, args, strlen)
{
	let script = 'BEGIN { printf("ready\\n"); }\n';

	for (const site of sites) {
		const [file, provider, probe] = site.split(' ');
		const [format, ...values] = args[probe] || [''];
		const list = [`"> ${probe} ${format}\\n"`, ...values];

		script += `usdt:${file}:${provider}:${probe} ` +
			`{ printf(${list.join(', ')}); }\n`;
	}
	const run = new Run([...BPFTRACE, '-e', script],
		{ BPFTRACE_STRLEN: String(strlen) });

	if (!await run.until(() => /^ready$/m.test(run.out)))
		throw new Error('bpftrace did not attach\n' + run.report());
	return run;
}

async function watch(sites)
{
	const run = new Run([WATCH, 'watch', ...sites.map((site) =>
		site.split(' ').join(':'))]);

	if (!await run.until(() => run.err.includes('watching ' + sites.length)))
		throw new Error('watch did not attach\n' + run.report());
	return run;
}

/* Waits for COUNT lines, ends the tracer, and returns all its lines. */
async function finish(run, pattern, count)
{
	const events = () => run.lines().map((line) => pattern.exec(line))
		.filter((match) => match !== null).map((match) => match[1]);

	await run.until(() => events().length >= count);
	await sleep(300);
	/* bpftrace 0.17 misses a signal that comes while it prints; a second
	 * SIGINT would end it while it detaches. */
	const end = Date.now() + PATIENCE;
	for (let signal = 'SIGINT'; !run.over && Date.now() < end;
		signal = 'SIGTERM') {
		run.child.kill(signal);
		await run.until(() => run.over, 1000);
	}
	if (!run.over)
		run.child.kill('SIGKILL');
	await run.ended;
	return events();
}

/*
 * observe(NAME, COUNT, OPTIONS): the COUNT events that the tracer printed of
 * the program NAME, and what the program said: { events, said, untraced }.
 */
async function observe(name, count, options = {})
{
	const provider = options.provider || fresh();
	const first = await program(name, provider, options);
	const tracer = options.watch ? await watch(first.sites) :
		await bpftrace(first.sites, options.args || {},
			options.strlen || 64);

	try {
		const second = await program(name, provider, options);

		if (second.sites.join() !== first.sites.join())
			throw new Error('paths differ from run to run:\n' +
				first.sites.join('\n') + '\n' +
				second.sites.join('\n'));
		const events = await finish(tracer, options.watch ?
			/^[\d:.]+ +\d+ \S+ (\S+.*)$/ : /^> (.*?) ?$/, count);
		return { provider, sites: first.sites, events,
			said: second.said, untraced: first.said };
	} catch (error) {
		error.message += '\n' + tracer.report();
		throw error;
	} finally {
		if (!tracer.over)
			tracer.child.kill('SIGKILL');
	}
}

module.exports = { observe, program, fresh, Run, images, PATIENCE, TOP };
