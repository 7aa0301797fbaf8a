/* common.cts - does TypeScript read the declarations, for CommonJS? */
/* SPDX-License-Identifier: BSD-2-Clause */
import dtrace = require('dtrace-provider');

const provider: dtrace.DTraceProvider = dtrace.createDTraceProvider('types');
const probe = provider.addProbe('p1', 'int', 'char *path', 'json user',
	'uint64_t', 'char *');
const loose: dtrace.DTraceProbe = probe;
const list: dtrace.ArgumentType[] = ['int', 'json'];
const dynamic = provider.addProbe('p3', ...list);
const pointers = provider.addProbe('p5', 'struct request *req',
	'const struct peer*');
const none = provider.addProbe('p4');

provider.enable();
const fired: true | undefined = probe.fire(() => [1, 'text', {}, 1n, 'x']);
provider.fire('p1', function (a, b) {
	const self: dtrace.DTraceProbe = this;

	return [a.toFixed(), b.length, self.enabled];
}, 1, 'two');
provider.p1.fire(() => []);
loose.fire(() => [1, 2]);
dynamic.fire(() => [1, 2]);
none.fire(() => []);
provider.addStruct('request', 16, { 'int id': 0, 'char path[12]': 4 });
pointers.fire(() => [new Uint8Array(16), 0]);
const enabled: boolean = probe.enabled;
const path: string | undefined = provider.status().sdt?.path;
const removed: true = provider.removeProbe(probe);
const why: Error | null = dtrace.loadError();
const made = new dtrace.DTraceProvider('types', 'module');

/* TypeScript must report each of these errors; the function is not called. */
function wrong()
{
	// @ts-expect-error
	dtrace.createDTraceProvider();
	// @ts-expect-error
	new dtrace.DTraceProvider(5);
	// @ts-expect-error
	provider.addProbe('p2', 5);
	// @ts-expect-error
	provider.addProbe('p2', 'flaot');
	// @ts-expect-error
	provider.addProbe('p2', 'int', 'another');
	// @ts-expect-error
	provider.addProbe('p2', 'struct request');
	// @ts-expect-error
	provider.addStruct('request', 16, { 'int id': 'first' });
	// @ts-expect-error
	probe.fire(() => [1, 'text', {}, 1n]);
	// @ts-expect-error
	probe.fire(() => [1, 'text', {}, 1n, 'x', 'y']);
	// @ts-expect-error
	none.fire(() => [1]);
	// @ts-expect-error
	probe.fire(() => 5);
	// @ts-expect-error
	probe.fire('text');
	// @ts-expect-error
	loose.fire((a: string) => [a], 5);
	// @ts-expect-error
	probe.enabled = true;
}

export { wrong, fired, enabled, path, removed, why, made };
