/*
 * dtrace-provider.js - what may a user of the package rely on?
 *
 * Providers and probes with the interface of dtrace-provider 0.8.8, on libusdt.
 * Arguments for the binding are checked and converted here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

const { load } = require('./load.js');
const stub = require('./stub.js');

const ARG_MAX = 32;

/*
 * A probe's gate is a word that is 0 while no tracer uses the probe.  In one
 * halfword the kernel counts tracers.  If only the other one is not 0, the library
 * knows whether the probe is traced: DTrace has it, or the process records it.
 */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const KERNEL = LITTLE_ENDIAN ? 0x0000ffff : 0xffff0000;

/* Gates that replace the real one. */
const NOBODY = new Uint32Array([0]);
const ASK = new Uint32Array([~KERNEL]);

/*
 * A view of the real gate holds some hundred bytes that Node frees only when
 * the event loop turns, so probes with short lives get none.
 */
const ASKED_BEFORE_VIEW = 8;

const EXACT = new Set(['int8_t', 'int16_t', 'int32_t', 'int64_t',
	'uint8_t', 'uint16_t', 'uint32_t', 'uint64_t']);

/* A type with a name, as C declares arguments: "int id", "char *url". */
const NAMED = /^(?:(u?int(?:8|16|32|64)_t|int|json) +|char *\* *)([A-Za-z_]\w*)$/;
/* A pointer to a struct: "struct request *", "const struct request *req". */
const POINTER = /^(?:const +)?struct +[A-Za-z_]\w* *\*/;
/* Words of C's that are no names: "int long" counts as "int". */
const WORDS = new Set(('auto break case char const continue default do double ' +
	'else enum extern float for goto if inline int long register restrict ' +
	'return short signed sizeof static struct switch typedef union ' +
	'unsigned void volatile while _Bool').split(' '));

/*
 * The binding frees a provider whose object is gone.  So each call passes the
 * object too, though it is not read, and a view holds its probe.
 */
let native = null;	/* the binding's functions */

/* --- types and values ----------------------------------------------------- */

/* The binding cuts numbers that are not integers, or are too large. */
function toInteger(value)
{
	return typeof value === 'bigint' ? value : Number(value);
}

function isBuffer(value)
{
	return value instanceof ArrayBuffer ||
		value instanceof SharedArrayBuffer;
}

/* The memory of arrays and buffers, or an address.  There is none if it was
 * transferred, for example to a worker. */
function toPointer(value)
{
	if (!ArrayBuffer.isView(value) && !isBuffer(value))
		return toInteger(value);
	try {
		return isBuffer(value) ? new Uint8Array(value) :
			new Uint8Array(value.buffer, value.byteOffset,
				value.byteLength);
	} catch (error) {
		return 0;
	}
}

/* Keeps the JSON.stringify of now, even if the program replaces it later. */
function jsonConverter()
{
	const stringify = JSON.stringify;

	return function toJson(value) {
		try {
			return String(stringify.call(JSON, value));
		} catch (error) {
			return '{ "error": "stringify failed" }';
		}
	};
}

/* The type without the argument's name, and the name or ''. */
function typeAndName(text)
{
	const [, type = 'char *', name] = NAMED.exec(text) || [];

	return name === undefined || WORDS.has(name) ? [text, ''] : [type, name];
}

/* The argument's type for tracers, and the function that converts values. */
function argument(declared)
{
	const [text, name] = typeAndName(String(declared));

	if (EXACT.has(text))
		return { type: `${text} ${name}`.trim(), convert: toInteger };
	if (text.startsWith('int'))
		return { type: `int ${name}`.trim(), convert: toInteger };
	if (POINTER.test(text))
		return { type: text, convert: toPointer };
	if (text.startsWith('json'))
		return { type: `char *${name}`, convert: jsonConverter() };
	return { type: `char *${name}`, convert: String };
}

/* A size or an offset. */
function isBytes(value)
{
	return Number.isInteger(value) && value >= 0;
}

/* The value of an argument that the callback did not return. */
function missing(convert)
{
	return convert === toInteger || convert === toPointer ? 0 : 'undefined';
}

/* --- probes --------------------------------------------------------------- */

class DTraceProbe {
	#gate = NOBODY;
	#view = null;		/* the real gate's view, for later */
	#asked = 0;
	#name;
	#handle;
	#converters;

	constructor(provider, name, handle, converters)
	{
		this.#name = name;
		this.#handle = handle;
		this.#converters = converters;
		Object.defineProperty(this, '__prov__', { value: provider });
	}

	/* Does a tracer use this probe? */
	get enabled()
	{
		const word = this.#gate[0];

		return word !== 0 && ((word & KERNEL) !== 0 || this.#ask());
	}

	fire(callback, ...extra)
	{
		if (typeof callback !== 'function')
			throw new TypeError('Must give probe value callback ' +
				'as first argument');
		if (this.#gate[0] === 0)
			return undefined;
		return this.#traced(callback, extra);
	}

	/* Fire if the probe is traced; the gate is not 0. */
	#traced(callback, extra)
	{
		if (!this.enabled)
			return undefined;
		const values = Reflect.apply(callback, this, extra);
		if (!Array.isArray(values))
			return undefined;
		const converters = this.#converters;
		const words = [this.#handle];
		for (let i = 0; i < converters.length; i++) {
			words.push(i < values.length ?
				converters[i](values[i]) :
				missing(converters[i]));
		}
		native.fire.apply(this, words);
		return true;
	}

	/* Ask the binding, and after some times view the gate itself. */
	#ask()
	{
		if (this.#gate === ASK && ++this.#asked > ASKED_BEFORE_VIEW)
			this.#look();
		return native.enabled(this.#handle, this);
	}

	#look()
	{
		const view = native.view(this.#handle, this);

		if (view === undefined) {
			this.#asked = -Infinity;	/* not allowed here */
		} else if (view === null) {
			this.#gate = NOBODY;
		} else {
			if (view !== true) {
				this.#view = new Uint32Array(view);
				this.#view.holder = this;
			}
			this.#gate = this.#view;
		}
	}

	/* The name under which the probe was added. */
	static nameOf(probe)
	{
		return probe.#name;
	}

	/* The provider was enabled or disabled: the gate may have changed. */
	static reset(probe, enabled)
	{
		probe.#gate = enabled ? ASK : NOBODY;
		if (probe.#view !== null && enabled)
			probe.#look();
		else
			probe.#asked = 0;
	}
}

/* Kept here and removed from the class, so that users can't call them. */
const { nameOf, reset: resetProbe } = DTraceProbe;
delete DTraceProbe.nameOf;
delete DTraceProbe.reset;

/* --- providers ------------------------------------------------------------ */

class DTraceProvider {
	#handle;
	#probes = new Map();	/* by name, without removed ones */
	#enabled = false;

	constructor(name, module)
	{
		if (typeof name !== 'string')
			throw new TypeError('Must give provider name ' +
				'as argument');
		if (arguments.length > 2)
			throw new Error('Expected only provider name and ' +
				'module as arguments');
		if (arguments.length === 2 && typeof module !== 'string')
			throw new TypeError('Must give module name ' +
				'as argument');
		try {
			this.#handle = native.create(name, module, this);
		} catch (cause) {
			const error = new Error('usdt_create_provider failed');

			Object.defineProperty(error, 'cause', { value: cause,
				configurable: true, writable: true });
			throw error;
		}
	}

	addProbe(name, ...types)
	{
		const text = String(name);
		const args = types.slice(0, ARG_MAX).map(argument);
		const handle = native.add(this.#handle, text,
			...args.map((arg) => arg.type));
		const probe = new DTraceProbe(this, text, handle,
			args.map((arg) => arg.convert));

		/* Of several probes of one name the first one fires. */
		if (!this.#probes.has(text))
			this.#probes.set(text, probe);
		Object.defineProperty(this, text, { value: probe,
			configurable: true, enumerable: true, writable: true });
		if (this.#enabled)
			this.#deliver();
		return probe;
	}

	/* What arguments "struct NAME *" point to: fields have offsets. */
	addStruct(name, size, fields)
	{
		if (typeof name !== 'string')
			throw new TypeError('Must give struct name ' +
				'as first argument');
		if (!isBytes(size))
			throw new TypeError('Must give struct size ' +
				'as second argument');
		if (fields === null || typeof fields !== 'object' ||
		    !Object.values(fields).every(isBytes))
			throw new TypeError('Must give offsets by field ' +
				'as third argument');
		native.addStruct(this.#handle, name, size, Object.keys(fields),
			Object.values(fields), this);
	}

	removeProbe(probe)
	{
		if (!(probe instanceof DTraceProbe))
			throw new TypeError('Must give probe as argument');
		const name = nameOf(probe);

		native.remove(this.#handle, name, this);
		if (this.#probes.has(name))
			resetProbe(this.#probes.get(name), false);
		this.#probes.delete(name);
		this.#reset();
		delete this[name];
		return true;
	}

	enable()
	{
		native.enable(this.#handle, this);
		this.#enabled = true;
		this.#reset();
	}

	disable()
	{
		native.disable(this.#handle, this);
		this.#enabled = false;
		this.#reset();
	}

	fire(name, callback, ...extra)
	{
		if (typeof name !== 'string')
			throw new TypeError('Must give probe name ' +
				'as first argument');
		if (typeof callback !== 'function')
			throw new TypeError('Must give probe value callback ' +
				'as second argument');
		const probe = this[name];
		if (!(probe instanceof DTraceProbe) || probe.__prov__ !== this)
			return undefined;
		if (probe.enabled)
			Reflect.apply(fireProbe, probe, [callback, ...extra]);
		return true;
	}

	/* What accepted the provider, and if nothing did, why? */
	status()
	{
		return Object.assign({ native: true },
			native.status(this.#handle, this));
	}

	/* A probe was added to an enabled provider: status has any failure. */
	#deliver()
	{
		try {
			native.enable(this.#handle, this);
		} catch (error) {
			return;
		}
		this.#reset();
	}

	#reset()
	{
		for (const probe of this.#probes.values())
			resetProbe(probe, this.#enabled);
	}
}

const fireProbe = DTraceProbe.prototype.fire;

/* --- the module ----------------------------------------------------------- */

const loaded = load();

native = loaded.binding;
if (native === null && process.env.NODE_DTRACE_PROVIDER_REQUIRE === 'hard')
	throw loaded.error;

exports.DTraceProvider = native === null ? stub.DTraceProvider :
	DTraceProvider;

/* The constructor is looked up when called, so that tests can replace it. */
exports.createDTraceProvider = function createDTraceProvider(name, module)
{
	if (arguments.length === 2)
		return new exports.DTraceProvider(name, module);
	return new exports.DTraceProvider(name);
};

/* Why providers here are stubs that do nothing: an Error, or null. */
exports.loadError = function ()
{
	return loaded.error;
};
