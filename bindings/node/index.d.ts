/* index.d.ts - the package's interface, for TypeScript. */
/* SPDX-License-Identifier: BSD-2-Clause */

/* "int" has 32 bits for tracers. */
type BaseType =
	| 'int' | 'char *' | 'json'
	| 'int8_t' | 'int16_t' | 'int32_t' | 'int64_t'
	| 'uint8_t' | 'uint16_t' | 'uint32_t' | 'uint64_t';

/*
 * The type of an argument.  Each may have a name that tracers show: "int
 * status", "char *path", "json user".  At run time other texts count by their
 * beginning: int, json or char *; anything else is a string.
 *	A pointer to a struct, "struct request *req", takes an array or a buffer,
 * or an address.
 */
export type ArgumentType = BaseType | `struct ${string}*${string}` |
	`const struct ${string}*${string}` | `${BaseType} ${string}` |
	`char *${string}`;

/* One value for each type. */
export type Values<Types extends readonly unknown[]> =
	{ -readonly [K in keyof Types]: unknown };

/* Types that are known only at run time have any number of values. */
export interface DTraceProbe<Types extends readonly unknown[] = any[]> {
	/* Does a tracer use the probe? */
	readonly enabled: boolean;

	/*
	 * If a tracer uses the probe, call the callback with the probe as
	 * `this` and the extra arguments, and pass its result to the tracers.
	 * Returns true if the probe was fired.
	 */
	fire<Extra extends unknown[]>(
		callback: (this: DTraceProbe<Types>, ...extra: Extra) =>
			Values<Types>,
		...extra: Extra): true | undefined;
}

export interface BackendStatus {
	taken: boolean;
	errno: number;
	generation: number;
	path: string;
	reason: string;
}

export interface ProviderStatus {
	/* false: a stub, whose only other member is `enabled`. */
	native: boolean;
	enabled: boolean;
	name?: string;
	module?: string;
	probes?: number;
	waiting?: number;
	images?: number;
	dof?: BackendStatus;
	sdt?: BackendStatus;
	note?: string;
}

export class DTraceProvider {
	constructor(name: string, module?: string);

	addProbe<Types extends ArgumentType[]>(name: string, ...types: Types):
		DTraceProbe<Types>;
	/*
	 * Tell tracers the layout of a struct: its size in bytes, and for each
	 * field, declared as in C ("int id"), its offset.
	 */
	addStruct(name: string, size: number,
		fields: { readonly [declaration: string]: number }): void;
	removeProbe(probe: DTraceProbe): true;
	enable(): void;
	disable(): void;
	fire<Extra extends unknown[]>(name: string,
		callback: (this: DTraceProbe, ...extra: Extra) => unknown,
		...extra: Extra): true | undefined;
	status(): ProviderStatus;

	/* Each probe is a property too, under its name. */
	[probe: string]: any;
}

export function createDTraceProvider(name: string,
	module?: string): DTraceProvider;

/* Why providers are stubs here, or null if they are not. */
export function loadError(): Error | null;
