/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LOCALE_H
#define LOCALE_H
#endif
