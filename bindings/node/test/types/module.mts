/* module.mts - does TypeScript read the declarations, for ES modules? */
/* SPDX-License-Identifier: BSD-2-Clause */
import dtrace, { DTraceProvider, createDTraceProvider, loadError }
	from 'dtrace-provider';
import type { DTraceProbe, ProviderStatus } from 'dtrace-provider';

const provider: DTraceProvider = createDTraceProvider('types', 'module');
const probe: DTraceProbe = provider.addProbe('p1', 'int8_t');
const status: ProviderStatus = provider.status();
const other: DTraceProvider = new dtrace.DTraceProvider('types');

probe.fire((n) => [n], 5);
// @ts-expect-error
probe.fire((n: string) => [n], 5);
console.log(other instanceof DTraceProvider, status.native,
	loadError() === null);
