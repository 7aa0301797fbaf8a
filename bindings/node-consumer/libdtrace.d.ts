/* libdtrace.d.ts - the interface of libdtrace, for TypeScript. */
/* SPDX-License-Identifier: BSD-2-Clause */
export interface SyncProbe {
	provider: string;
	module: string;
	function: string;
	name: string;
}

export type Datum = number | string;
export type Ranges = [[number, number], number][];

export class Consumer {
	constructor();
	strcompile(program: string): void;
	setopt(option: string, value?: string | number | boolean): void;
	go(): void;
	stop(): void;
	/* Without a record: the firing's records end. */
	consume(callback: (probe: SyncProbe, record?: { data: Datum }) => void):
		void;
	aggwalk(callback: (id: number, key: Datum[],
		value: number | Ranges) => void): void;
	aggclear(): void;
	aggmin(): number;
	aggmax(): number;
	version(): string;
	close(): void;
}
