/*
 * host.c - does a binding load and fire where no Node is available?
 *
 *	host BINDING PROVIDER
 *
 * A runtime with the part of Node-API that the binding uses.  It makes a provider
 * with a probe, prints its place like traced.js, and fires it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/napi.h"

#define CALL(name)	__attribute__((visibility("default"))) napi_status name

struct napi_value__ {
	napi_valuetype type;
	double number;
	uint64_t bits;			/* of a BigInt */
	const char *text;
	void *data;
	napi_callback callback;
	const char *name;		/* as a property ... */
	napi_value next;		/* ... of an object, whose first is */
	napi_value first;
};

struct napi_callback_info__ {
	size_t argc;
	napi_value *argv;
	void *data;
};

static const char *thrown;

static napi_value
value(napi_valuetype type)
{
	napi_value made = calloc(1, sizeof *made);

	if (made == NULL)
		abort();
	made->type = type;
	return made;
}

static napi_status
give(napi_value *result, napi_value made)
{
	*result = made;
	return napi_ok;
}

static const napi_status wrong = (napi_status)1;

CALL(napi_get_cb_info)(napi_env env, napi_callback_info info, size_t *argc,
    napi_value *argv, napi_value *self, void **data)
{
	size_t i;

	(void)env;
	(void)self;
	for (i = 0; i < *argc; i++)
		argv[i] = i < info->argc ? info->argv[i] :
		    value(napi_undefined);
	*argc = info->argc;
	if (data != NULL)
		*data = info->data;
	return napi_ok;
}

CALL(napi_typeof)(napi_env env, napi_value v, napi_valuetype *type)
{
	(void)env;
	*type = v->type;
	return napi_ok;
}

CALL(napi_get_undefined)(napi_env env, napi_value *result)
{
	(void)env;
	return give(result, value(napi_undefined));
}

CALL(napi_get_null)(napi_env env, napi_value *result)
{
	(void)env;
	return give(result, value(napi_null));
}

CALL(napi_get_boolean)(napi_env env, bool is, napi_value *result)
{
	(void)env;
	*result = value(napi_boolean);
	(*result)->number = is;
	return napi_ok;
}

CALL(napi_create_int32)(napi_env env, int32_t number, napi_value *result)
{
	(void)env;
	*result = value(napi_number);
	(*result)->number = number;
	return napi_ok;
}

CALL(napi_create_string_utf8)(napi_env env, const char *text, size_t length,
    napi_value *result)
{
	(void)env;
	*result = value(napi_string);
	(*result)->text = length == NAPI_AUTO_LENGTH ? strdup(text) :
	    strndup(text, length);
	return napi_ok;
}

CALL(napi_create_object)(napi_env env, napi_value *result)
{
	(void)env;
	return give(result, value(napi_object));
}

CALL(napi_create_function)(napi_env env, const char *name, size_t length,
    napi_callback callback, void *data, napi_value *result)
{
	(void)env;
	(void)name;
	(void)length;
	*result = value(napi_function);
	(*result)->callback = callback;
	(*result)->data = data;
	return napi_ok;
}

CALL(napi_create_external)(napi_env env, void *data, napi_finalize finalize,
    void *hint, napi_value *result)
{
	(void)env;
	(void)finalize;
	(void)hint;
	*result = value(napi_external);
	(*result)->data = data;
	return napi_ok;
}

CALL(napi_create_external_arraybuffer)(napi_env env, void *data, size_t size,
    napi_finalize finalize, void *hint, napi_value *result)
{
	(void)size;
	return napi_create_external(env, data, finalize, hint, result);
}

CALL(napi_set_named_property)(napi_env env, napi_value object,
    const char *name, napi_value v)
{
	(void)env;
	v->name = strdup(name);
	v->next = object->first;
	object->first = v;
	return napi_ok;
}

CALL(napi_get_value_external)(napi_env env, napi_value v, void **result)
{
	(void)env;
	*result = v->data;
	return v->type == napi_external ? napi_ok : wrong;
}

CALL(napi_get_value_double)(napi_env env, napi_value v, double *result)
{
	(void)env;
	*result = v->number;
	return v->type == napi_number ? napi_ok : wrong;
}

CALL(napi_get_value_int64)(napi_env env, napi_value v, int64_t *result)
{
	(void)env;
	*result = (int64_t)v->number;
	return v->type == napi_number ? napi_ok : wrong;
}

CALL(napi_get_value_bigint_uint64)(napi_env env, napi_value v,
    uint64_t *result, bool *lossless)
{
	(void)env;
	*result = v->bits;
	*lossless = true;
	return v->type == napi_bigint ? napi_ok : wrong;
}

CALL(napi_get_value_string_utf8)(napi_env env, napi_value v, char *buffer,
    size_t size, size_t *result)
{
	(void)env;
	if (v->type != napi_string)
		return wrong;
	*result = strlen(v->text);
	if (buffer != NULL)
		*result = (size_t)snprintf(buffer, size, "%s", v->text);
	if (buffer != NULL && *result >= size)
		*result = size - 1;
	return napi_ok;
}

/* This runtime collects nothing. */
CALL(napi_create_reference)(napi_env env, napi_value v, uint32_t count,
    napi_ref *result)
{
	(void)env;
	(void)count;
	*result = (napi_ref)v;
	return napi_ok;
}

CALL(napi_delete_reference)(napi_env env, napi_ref ref)
{
	(void)env;
	(void)ref;
	return napi_ok;
}

CALL(napi_get_reference_value)(napi_env env, napi_ref ref, napi_value *result)
{
	(void)env;
	return give(result, (napi_value)ref);
}

CALL(napi_get_array_length)(napi_env env, napi_value value, uint32_t *result)
{
	(void)env;
	(void)value;
	*result = 0;
	return napi_ok;
}

CALL(napi_get_element)(napi_env env, napi_value object, uint32_t index,
    napi_value *result)
{
	(void)env;
	(void)index;
	*result = object;
	return napi_ok;
}

CALL(napi_get_typedarray_info)(napi_env env, napi_value value,
    napi_typedarray_type *type, size_t *length, void **data,
    napi_value *buffer, size_t *offset)
{
	(void)env;
	(void)value;
	(void)type;
	(void)length;
	(void)buffer;
	(void)offset;
	*data = NULL;
	return napi_ok;
}

CALL(napi_wrap)(napi_env env, napi_value object, void *data,
    napi_finalize finalize, void *hint, napi_ref *result)
{
	(void)env;
	(void)object;
	(void)data;
	(void)finalize;
	(void)hint;
	(void)result;
	return napi_ok;
}

CALL(napi_open_handle_scope)(napi_env env, napi_handle_scope *result)
{
	(void)env;
	*result = NULL;
	return napi_ok;
}

CALL(napi_close_handle_scope)(napi_env env, napi_handle_scope scope)
{
	(void)env;
	(void)scope;
	return napi_ok;
}

CALL(napi_adjust_external_memory)(napi_env env, int64_t change,
    int64_t *result)
{
	(void)env;
	*result = change;
	return napi_ok;
}

static void (*at_end)(void *);
static void *at_end_data;

CALL(napi_add_env_cleanup_hook)(napi_env env, void (*hook)(void *),
    void *data)
{
	(void)env;
	at_end = hook;
	at_end_data = data;
	return napi_ok;
}

CALL(napi_throw_error)(napi_env env, const char *code, const char *text)
{
	(void)env;
	(void)code;
	thrown = strdup(text);
	return napi_ok;
}

/* --- the program ---------------------------------------------------------- */

static napi_value
property(napi_value object, const char *name)
{
	napi_value v;

	for (v = object->first; v != NULL; v = v->next)
		if (strcmp(v->name, name) == 0)
			return v;
	fprintf(stderr, "no property %s\n", name);
	exit(1);
}

static napi_value
call(napi_value exports, const char *name, size_t argc, napi_value *argv)
{
	napi_value function = property(exports, name);
	struct napi_callback_info__ info = { argc, argv, function->data };
	napi_value result = function->callback(NULL, &info);

	if (thrown != NULL) {
		fprintf(stderr, "%s throws %s\n", name, thrown);
		exit(1);
	}
	return result;
}

static napi_value
text(const char *characters)
{
	napi_value v;

	napi_create_string_utf8(NULL, characters, NAPI_AUTO_LENGTH, &v);
	return v;
}

int
main(int argc, char **argv)
{
	napi_value (*set_up)(napi_env, napi_value);
	napi_value exports = value(napi_object), provider, probe, v[8];
	void *binding;

	if (argc != 3)
		return 2;
	binding = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	if (binding == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	*(void **)&set_up = dlsym(binding, "napi_register_module_v1");
	if (set_up == NULL)
		return 1;
	set_up(NULL, exports);
	v[0] = text(argv[2]);
	v[1] = value(napi_undefined);
	v[2] = value(napi_object);
	provider = call(exports, "create", 3, v);
	v[0] = provider;
	v[1] = text("p1");
	v[2] = text("int");
	v[3] = text("char *");
	v[4] = text("uint64_t");
	probe = call(exports, "add", 5, v);
	v[0] = provider;
	call(exports, "enable", 1, v);
	printf("site %s %s p1\n", property(property(call(exports, "status", 1,
	    v), "sdt"), "path")->text, argv[2]);
	v[0] = probe;
	printf("say enabled %d\n",
	    (int)call(exports, "enabled", 1, v)->number);
	napi_create_int32(NULL, -7, &v[1]);
	v[2] = text("in a small host");
	v[3] = value(napi_bigint);
	v[3]->bits = UINT64_MAX;
	call(exports, "fire", 4, v);
	at_end(at_end_data);
	return 0;
}
