/* index.mjs - the package's interface, for import. */
/* SPDX-License-Identifier: BSD-2-Clause */
import consumer from './index.js';

export const { trace, available, check, probes, Session, DTraceError,
	Aggregation, Aggregations, Distribution, createConsumer, Consumer } =
	consumer;
export default consumer;
