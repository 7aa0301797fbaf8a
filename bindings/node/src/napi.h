/*
 * napi.h - which part of Node's C interface does the binding use?
 *
 * Node-API promises that these functions keep their names, arguments and
 * numbers in all later versions, so they can be declared here: a machine that
 * builds the binding needs no headers of Node.  All of them are in version 8,
 * which Node 16 has.  test/package.test.js compares them with Node's own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef NAPI_H
#define NAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BINDING_API_VERSION	8

#ifndef SRC_NODE_API_H_	/* unless Node's own header came first */
typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_ref__ *napi_ref;
typedef struct napi_handle_scope__ *napi_handle_scope;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);
typedef void (*napi_finalize)(napi_env env, void *data, void *hint);

typedef enum {
	napi_ok = 0
	/* every other number is a failure */
} napi_status;

typedef enum {
	napi_undefined,
	napi_null,
	napi_boolean,
	napi_number,
	napi_string,
	napi_symbol,
	napi_object,
	napi_function,
	napi_external,
	napi_bigint
} napi_valuetype;

typedef enum {
	napi_int8_array
	/* and others, which are never asked for */
} napi_typedarray_type;

#define NAPI_AUTO_LENGTH	SIZE_MAX

#endif

napi_status napi_get_cb_info(napi_env env, napi_callback_info info,
    size_t *argc, napi_value *argv, napi_value *self, void **data);
napi_status napi_typeof(napi_env env, napi_value value, napi_valuetype *type);

napi_status napi_get_undefined(napi_env env, napi_value *result);
napi_status napi_get_null(napi_env env, napi_value *result);
napi_status napi_get_boolean(napi_env env, bool value, napi_value *result);
napi_status napi_create_int32(napi_env env, int32_t value, napi_value *result);
napi_status napi_create_string_utf8(napi_env env, const char *text,
    size_t length, napi_value *result);
napi_status napi_create_object(napi_env env, napi_value *result);
napi_status napi_create_function(napi_env env, const char *name, size_t length,
    napi_callback callback, void *data, napi_value *result);
napi_status napi_create_external(napi_env env, void *data,
    napi_finalize finalize, void *hint, napi_value *result);
napi_status napi_create_external_arraybuffer(napi_env env, void *data,
    size_t size, napi_finalize finalize, void *hint, napi_value *result);
napi_status napi_set_named_property(napi_env env, napi_value object,
    const char *name, napi_value value);

napi_status napi_get_value_external(napi_env env, napi_value value,
    void **result);
napi_status napi_get_value_double(napi_env env, napi_value value,
    double *result);
napi_status napi_get_value_int64(napi_env env, napi_value value,
    int64_t *result);
napi_status napi_get_value_bigint_uint64(napi_env env, napi_value value,
    uint64_t *result, bool *lossless);
napi_status napi_get_value_string_utf8(napi_env env, napi_value value,
    char *buffer, size_t size, size_t *result);

napi_status napi_get_array_length(napi_env env, napi_value value,
    uint32_t *result);
napi_status napi_get_element(napi_env env, napi_value object, uint32_t index,
    napi_value *result);
napi_status napi_get_typedarray_info(napi_env env, napi_value value,
    napi_typedarray_type *type, size_t *length, void **data,
    napi_value *buffer, size_t *offset);

napi_status napi_create_reference(napi_env env, napi_value value,
    uint32_t count, napi_ref *result);
napi_status napi_delete_reference(napi_env env, napi_ref ref);
napi_status napi_get_reference_value(napi_env env, napi_ref ref,
    napi_value *result);
napi_status napi_wrap(napi_env env, napi_value object, void *data,
    napi_finalize finalize, void *hint, napi_ref *result);
napi_status napi_open_handle_scope(napi_env env, napi_handle_scope *result);
napi_status napi_close_handle_scope(napi_env env, napi_handle_scope scope);
napi_status napi_adjust_external_memory(napi_env env, int64_t change,
    int64_t *result);
napi_status napi_add_env_cleanup_hook(napi_env env, void (*hook)(void *),
    void *data);

napi_status napi_throw_error(napi_env env, const char *code,
    const char *text);

#endif /* NAPI_H */
