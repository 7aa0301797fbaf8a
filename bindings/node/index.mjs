/* index.mjs - the package's interface, for import. */
/* SPDX-License-Identifier: BSD-2-Clause */
import provider from './dtrace-provider.js';

export const { DTraceProvider, createDTraceProvider, loadError } = provider;
export default provider;
