/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INTTYPES_H
#define INTTYPES_H
#include <stdint.h>
#define PRIx64	__UINT64_FMTx__
#endif
