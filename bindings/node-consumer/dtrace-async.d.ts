/* dtrace-async.d.ts - the interface of dtrace-async, for TypeScript. */
/* SPDX-License-Identifier: BSD-2-Clause */
/// <reference types="node" />
import { EventEmitter } from 'events';

export interface AsyncProbe {
	provider: string;
	module: string;
	func: string;
	name: string;
}

export type Datum = number | string;
export type Ranges = [[number, number], number][];

export interface DTraceConsumer extends EventEmitter {
	strcompile(program: string, callback: (error: Error | null) => void):
		void;
	go(callback: (error: Error | null) => void): void;
	stop(callback: (error: Error | null) => void): void;
	setopt(option: string, value?: unknown): void;
	/* Without a record: the firing's records end. */
	consume(callback: (probe: AsyncProbe, record?: { data: Datum }) => void):
		void;
	aggwalk(callback: (id: number, key: Datum[],
		value: number | Ranges) => void): void;
	version(): string;
	close(): void;
}

export function createConsumer(): DTraceConsumer;
