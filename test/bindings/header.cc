/* header.cc - can a program in C++ call everything in usdt.h? */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "header.h"
