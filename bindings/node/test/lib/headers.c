/* headers.c - does napi.h declare the same as Node's own headers? */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <node_api.h>

/* From here on each declaration that differs is an error. */
#include "../../src/napi.h"

_Static_assert(napi_ok == 0, "napi_ok");
_Static_assert(napi_undefined == 0 && napi_null == 1 && napi_boolean == 2 &&
    napi_number == 3 && napi_string == 4 && napi_symbol == 5 &&
    napi_object == 6 && napi_function == 7 && napi_external == 8 &&
    napi_bigint == 9, "napi_valuetype");
_Static_assert(napi_int8_array == 0, "napi_typedarray_type");
_Static_assert(sizeof(napi_typedarray_type) == sizeof(int), "its size");
_Static_assert(sizeof(napi_status) == sizeof(int), "napi_status");
_Static_assert(NAPI_AUTO_LENGTH == SIZE_MAX, "NAPI_AUTO_LENGTH");
