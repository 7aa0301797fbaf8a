/* index.mjs - the package's interface, for import. */
import provider from './dtrace-provider.js';

export const { DTraceProvider, createDTraceProvider, loadError } = provider;
export default provider;
