/* types.mts - does TypeScript read the declarations, for ES modules? */
/* SPDX-License-Identifier: BSD-2-Clause */
import { trace, available, createConsumer, Consumer } from 'usdt-consumer';
import { createConsumer as other } from 'usdt-consumer/dtrace-async';

const session = await trace(['BEGIN {}', 'END {}']);

for await (const { values } of session)
	values.length;
export const all = [available, createConsumer, Consumer, other];
