/*
 * stub.js - what do providers do without a binding?
 *
 * They do nothing, in silence, and check nothing.  Bundlers for browsers use
 * this file instead of dtrace-provider.js.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
'use strict';

/* Maps each stub to the name under which it was added. */
const names = new WeakMap();

function DTraceProviderStub()
{
}

DTraceProviderStub.prototype.addProbe = function (name)
{
	const probe = { enabled: false, fire() {} };

	this[name] = probe;
	names.set(probe, name);
	return probe;
};

DTraceProviderStub.prototype.removeProbe = function (probe)
{
	if (names.has(probe) && this[names.get(probe)] === probe)
		delete this[names.get(probe)];
	return true;
};

DTraceProviderStub.prototype.addStruct = function () {};
DTraceProviderStub.prototype.enable = function () {};
DTraceProviderStub.prototype.disable = function () {};
DTraceProviderStub.prototype.fire = function () {};

DTraceProviderStub.prototype.status = function ()
{
	return { native: false, enabled: false };
};

exports.DTraceProvider = DTraceProviderStub;

exports.createDTraceProvider = function createDTraceProvider(name, module)
{
	if (arguments.length === 2)
		return new exports.DTraceProvider(name, module);
	return new exports.DTraceProvider(name);
};

exports.loadError = function ()
{
	return new Error('dtrace-provider: this is the stub for bundles');
};
