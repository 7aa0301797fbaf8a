/* index.d.ts - the package's interface, for TypeScript. */
/* SPDX-License-Identifier: BSD-2-Clause */
/// <reference types="node" />
import { EventEmitter } from 'events';

/* A 64-bit integer is a number up to 2^53, and a bigint beyond. */
export type Integer = number | bigint;

export interface Frames {
	frames: string[];
	/* true: a process's stack; false: the kernel's. */
	user: boolean;
}

/* A Buffer is a structure, or bytes that tracemem() copied. */
export type Value = Integer | string | Buffer | Frames;

export interface Probe {
	readonly id: number;
	readonly provider: string;
	readonly module: string;
	readonly function: string;
	readonly name: string;
}

export interface TracedEvent<V = Value> {
	readonly type: 'event';
	readonly probe: Probe;
	readonly cpu: number;
	/* Of trace(), tracemem(), stack(), sym() and the like, in order. */
	readonly values: V[];
	/* Of printf(), printa() and print(). */
	readonly text: string;
	/* Of printf(), typed by the conversions. */
	readonly args: V[];
	/* The bytes of strings that are not UTF-8, by their index in values. */
	readonly raw: { [index: number]: Buffer } | undefined;
	/* The status given to exit(). */
	readonly exit: number | undefined;
}

export class DTraceError extends Error {
	/* ENOHELPER, ENOLIBDTRACE, EVERSION, EPRIVILEGES, EKERNEL, EOPEN,
	 * EOPTION, ETARGET, ECOMPILE, EENABLE, EWORK, ELOST, ESTATE, ENOMEM,
	 * ECOMMAND, ECLAUSE and those of aggregations: ESTATUS, ESNAP, EWALK. */
	readonly code: string;
	/* libdtrace's number, if it has one. */
	readonly errno?: number;
	/* Of ECOMPILE. */
	readonly program?: string;
	readonly line?: number;
}

/* An error in a clause while it ran. */
export interface ClauseError extends DTraceError {
	readonly type: 'error';
	readonly code: 'ECLAUSE';
	readonly fault: string;
	readonly address: string;
	readonly cpu: number;
	readonly probe?: Probe;
}

export interface Drop {
	readonly type: 'drop';
	readonly kind: string;
	readonly cpu: number;
	readonly drops: number;
	readonly total: number;
	readonly message: string;
}

export interface Done {
	readonly type: 'done';
	readonly status: number | undefined;
	readonly error: DTraceError | undefined;
}

export interface Bucket {
	min: Integer;
	max: Integer;
	count: Integer;
}

/* The buckets that are not empty; toString() draws them as dtrace(1) does. */
export class Distribution extends Array<Bucket> {
	readonly kind: 'quantize' | 'lquantize' | 'llquantize';
	toString(): string;
}

export interface Deviation {
	count: Integer;
	mean: number;
	stddev: number;
}

export type AggregationValue = Integer | Distribution | Deviation;

export class Aggregation implements Iterable<[Value[], AggregationValue]> {
	readonly name: string;
	readonly id: number;
	readonly kind: string;
	readonly size: number;
	get(...key: unknown[]): AggregationValue | undefined;
	has(...key: unknown[]): boolean;
	entries(): IterableIterator<[Value[], AggregationValue]>;
	keys(): IterableIterator<Value[]>;
	values(): IterableIterator<AggregationValue>;
	[Symbol.iterator](): IterableIterator<[Value[], AggregationValue]>;
	toString(): string;
}

/* By name without the @; "_" is the aggregation without a name. */
export class Aggregations extends Map<string, Aggregation> {
	toString(): string;
}

export interface HelperOptions {
	/* The command that runs the helper, such as ['sudo', '-n']. */
	command?: string[];
	/* The helper's path (default: the package's). */
	helper?: string;
	env?: { [name: string]: string | undefined };
	/* A library that hangs when its helper should end is killed after so
	 * many milliseconds. */
	grace?: number;
}

export interface CompileOptions extends HelperOptions {
	/* $1, $2 ... of the program. */
	args?: string[];
	/* Probes may match nothing yet. */
	zdefs?: boolean;
	/* Run the C preprocessor first. */
	cpp?: boolean;
	destructive?: boolean;
	/* DTrace's own options; true for those without a value. */
	options?: { [name: string]: string | number | boolean | null | undefined };
}

export interface TraceOptions extends CompileOptions {
	/* A process: $target; the trace ends with it. */
	target?: number;
	/* A command to start, likewise. */
	run?: string;
	int64?: 'auto' | 'bigint' | 'number';
	/* Parse strings that are JSON. */
	json?: boolean;
	/* false: user addresses stay addresses; finding names takes long. */
	resolve?: boolean;
	/* So many events wait for their reader; then the helper waits. */
	highWaterMark?: number;
	/* Milliseconds in which stop() settles. */
	stopTimeout?: number;
	signal?: AbortSignal;
}

export interface SessionEvents {
	event: [TracedEvent];
	error: [ClauseError | DTraceError];
	drop: [Drop];
	done: [Done];
	log: [string];
}

export class Session extends EventEmitter
	implements AsyncIterable<TracedEvent> {
	private constructor();

	readonly ended: boolean;
	readonly status: number | undefined;
	aggregations(): Promise<Aggregations>;
	clear(): Promise<void>;
	snapshots(interval: number | string, options?: { delta?: boolean }):
		AsyncGenerator<Aggregations, void, void>;
	/* END's events still arrive.  Always settles. */
	stop(): Promise<void>;
	[Symbol.asyncIterator](): AsyncIterableIterator<TracedEvent>;
	everything(): AsyncIterableIterator<TracedEvent | ClauseError | Drop>;

	on<E extends keyof SessionEvents>(name: E,
		listener: (...args: SessionEvents[E]) => void): this;
	once<E extends keyof SessionEvents>(name: E,
		listener: (...args: SessionEvents[E]) => void): this;
	off<E extends keyof SessionEvents>(name: E,
		listener: (...args: SessionEvents[E]) => void): this;
}

/* For `await using`, where TypeScript and Node have it. */
declare global {
	interface SymbolConstructor {
		readonly asyncDispose: unique symbol;
	}
}
export interface Session {
	[Symbol.asyncDispose](): Promise<void>;
}

export function trace(program: string | string[],
	options?: TraceOptions): Promise<Session>;

export interface Availability {
	ok: boolean;
	/* What is missing, and what to do. */
	reason: string | null;
	code: string | null;
	version: string | null;
	library: string | null;
}
export function available(options?: HelperOptions): Promise<Availability>;

export function probes(pattern?: string,
	options?: HelperOptions): Promise<Probe[]>;

/* Resolves to null if the program compiles. */
export function check(program: string,
	options?: CompileOptions): Promise<DTraceError | null>;

export { createConsumer } from './dtrace-async';
export { Consumer } from './libdtrace';
