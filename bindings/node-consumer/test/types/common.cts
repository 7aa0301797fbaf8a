/* types.cts - does TypeScript read the declarations, for CommonJS? */
/* SPDX-License-Identifier: BSD-2-Clause */
import consumer = require('usdt-consumer');
import { createConsumer } from 'usdt-consumer/dtrace-async';
import { Consumer } from 'usdt-consumer/libdtrace';

async function use(): Promise<void>
{
	const session: consumer.Session = await consumer.trace('BEGIN {}', {
		args: ['x'], zdefs: true, int64: 'bigint', target: 1,
		options: { strsize: 256, quiet: true },
		command: ['sudo', '-n'], signal: new AbortController().signal });

	for await (const event of session) {
		const name: string = event.probe.name;
		const [first] = event.values;

		if (typeof first === 'object' && 'frames' in first)
			first.frames.map((frame) => frame.length + name.length);
	}
	for await (const item of session.everything()) {
		if (item.type === 'event')
			item.values.length;
		else if (item.type === 'drop')
			item.drops.toFixed();
		else
			item.address.length;
	}
	session.on('event', (event) => event.text.length)
		.on('done', ({ status }) => status)
		.on('error', (error) => error.code)
		.on('log', (line) => line.length);
	const value = (await session.aggregations()).get('a')?.get('x', 1);

	if (value instanceof consumer.Distribution)
		value[0].count.toString();
	for await (const all of session.snapshots('1s', { delta: true }))
		all.size;
	const why: string | null = (await consumer.available()).reason;
	const list: consumer.Probe[] = await consumer.probes('a:::');
	const error: consumer.DTraceError | null = await consumer.check('x');

	error?.line?.toFixed();
	await session.stop();
	// @ts-expect-error
	await consumer.trace(5);
	// @ts-expect-error
	await consumer.trace('', { int64: 'x' });
	// @ts-expect-error
	new consumer.Session();
	void [why, list];
}

const old = createConsumer();

old.on('ready', () => old.strcompile('', (error) => error?.message));
old.consume((probe, record) => [probe.func, record?.data]);
const sync = new Consumer();

sync.consume((probe, record) => [probe.function, record?.data]);
sync.aggwalk((id, key, value) => [id, key.length, value]);
// @ts-expect-error
sync.strcompile(5);

export { use };
