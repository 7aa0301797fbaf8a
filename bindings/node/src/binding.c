/*
 * binding.c - how do JavaScript's providers and probes become libusdt's?
 *
 * dtrace-provider.js has the interface and checks what users pass.  It alone
 * calls the functions here, with objects that it got from them.
 *
 * Lifetimes.  A provider of libusdt lives as long as its JavaScript object,
 * which its probes hold too.  A weak reference becomes empty when the garbage
 * collector has freed the object.  A finalizer for each object would be
 * simpler, but Node runs finalizers only when the event loop turns: a program
 * that makes providers in a loop would run out of mappings.  So all references
 * are checked ("sweep") whenever the number of providers has doubled, and after
 * each collection.  For the latter one object that nobody holds, the canary,
 * has a finalizer, which makes the next canary.
 *
 * Threads.  Each worker has its own environment and instance.  They share the
 * table of numbers for modules, under its lock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "napi.h"
#include "usdt.h"
#include "vouch.h"

/* libusdt refuses or cuts longer names and types anyway. */
#define NAME_SIZE	256

/* Longer names of modules are cut, as dtrace-provider did at 127. */
#define MODULE_MAX	63

/* The number of providers at the first sweep. */
#define SWEEP_AT	64

/* So much memory outside of JavaScript's heap makes V8 collect at once. */
#define PRESSURE	((int64_t)1 << 33)

/* Strings of one fire that fit in here need no allocation. */
#define ARENA_SIZE	4096

struct probe {
	struct probe *next;		/* of its provider */
	usdt_probedef_t *probedef;
	const uint32_t *never;		/* the gate while it is not visible */
	const uint32_t *viewed;		/* the gate that JavaScript sees */
	char kinds[USDT_ARG_MAX];
};

enum kind {
	KIND_STRING = 't',
	KIND_SIGNED = 'i',
	KIND_UNSIGNED = 'u',
	KIND_POINTER = 'p'
};

struct numbered;

struct provider {
	struct provider *next;		/* of its instance */
	usdt_provider_t *provider;
	struct probe *probes;
	struct numbered *numbered;	/* for the module, if we named it */
	napi_ref object;		/* weak */
};

struct instance {
	struct provider *providers;
	size_t count, sweep_at;
	int ending;
	unsigned references;		/* the hook's and the canary's */
};

/* --- default module names ----------------------------------------------- */

/*
 * The first provider of a name gets the module "mod-1", the next "mod-2", and
 * so on, as long as one of that name lives.  So modules are distinct within the
 * process, and the same in each run.
 */
struct numbered {
	struct numbered *next;
	unsigned live, last;
	char name[];
};

static struct numbered *numbered_names[1024];
static pthread_mutex_t numbered_lock = PTHREAD_MUTEX_INITIALIZER;

static struct numbered **
numbered_find(const char *name)
{
	struct numbered **link;
	unsigned hash = 5381;
	const char *p;

	for (p = name; *p != '\0'; p++)
		hash = hash * 33 + (unsigned char)*p;
	link = &numbered_names[hash % 1024];
	while (*link != NULL && strcmp((*link)->name, name) != 0)
		link = &(*link)->next;
	return link;
}

static struct numbered *
numbered_take(const char *name, unsigned *number)
{
	struct numbered **link, *entry;

	pthread_mutex_lock(&numbered_lock);
	link = numbered_find(name);
	entry = *link;
	if (entry == NULL) {
		entry = calloc(1, sizeof *entry + strlen(name) + 1);
		if (entry != NULL) {
			strcpy(entry->name, name);
			*link = entry;
		}
	}
	if (entry != NULL) {
		entry->live++;
		*number = ++entry->last;
	}
	pthread_mutex_unlock(&numbered_lock);
	return entry;
}

static void
numbered_drop(struct numbered *entry)
{
	pthread_mutex_lock(&numbered_lock);
	if (--entry->live == 0) {
		*numbered_find(entry->name) = entry->next;
		free(entry);
	}
	pthread_mutex_unlock(&numbered_lock);
}

/* --- lifetimes ---------------------------------------------------------- */

static void
probe_free(struct probe *probe)
{
	usdt_probe_release(probe->probedef);
	free(probe);
}

static void
provider_free(napi_env env, struct provider *provider)
{
	struct probe *probe, *next;

	usdt_provider_free(provider->provider);
	for (probe = provider->probes; probe != NULL; probe = next) {
		next = probe->next;
		probe_free(probe);
	}
	if (provider->numbered != NULL)
		numbered_drop(provider->numbered);
	if (provider->object != NULL)
		napi_delete_reference(env, provider->object);
	free(provider);
}

/* Free the providers whose objects are gone. */
static void
sweep(napi_env env, struct instance *instance)
{
	struct provider **link = &instance->providers, *provider;
	napi_handle_scope scope;
	napi_value object;

	if (napi_open_handle_scope(env, &scope) != napi_ok)
		return;
	while ((provider = *link) != NULL) {
		object = NULL;
		if (napi_get_reference_value(env, provider->object,
		    &object) == napi_ok && object == NULL) {
			*link = provider->next;
			instance->count--;
			provider_free(env, provider);
		} else {
			link = &provider->next;
		}
	}
	instance->sweep_at = instance->count < SWEEP_AT / 2 ? SWEEP_AT :
	    2 * instance->count;
	napi_close_handle_scope(env, scope);
}

/*
 * The same when there are many.  To V8 a provider is a small object, no reason
 * to collect, but each enabled one holds mappings and a file.  So report a
 * large amount of memory to V8, which makes it collect; then take that back.
 */
static void
sweep_hard(napi_env env, struct instance *instance)
{
	size_t count = instance->count;
	int64_t total;

	sweep(env, instance);
	if (instance->count <= count / 2)
		return;
	napi_adjust_external_memory(env, PRESSURE, &total);
	napi_adjust_external_memory(env, -PRESSURE, &total);
	sweep(env, instance);
}

static void
instance_release(struct instance *instance)
{
	if (--instance->references == 0)
		free(instance);
}

static void canary_make(napi_env env, struct instance *instance);

static void
canary_gone(napi_env env, void *data, void *hint)
{
	struct instance *instance = data;

	(void)hint;
	if (!instance->ending) {
		sweep(env, instance);
		canary_make(env, instance);
	}
	instance_release(instance);
}

static void
canary_make(napi_env env, struct instance *instance)
{
	napi_handle_scope scope;
	napi_value object;

	if (napi_open_handle_scope(env, &scope) != napi_ok)
		return;
	if (napi_create_object(env, &object) == napi_ok) {
		instance->references++;
		if (napi_wrap(env, object, instance, canary_gone, NULL,
		    NULL) != napi_ok)
			instance->references--;
	}
	napi_close_handle_scope(env, scope);
}

/* State for the environment's end, when no more JavaScript runs in it. */
struct ending {
	napi_env env;
	struct instance *instance;
};

static void
environment_ends(void *data)
{
	struct ending *ending = data;
	struct instance *instance = ending->instance;
	struct provider *provider;

	instance->ending = 1;
	while ((provider = instance->providers) != NULL) {
		instance->providers = provider->next;
		provider_free(ending->env, provider);
	}
	instance_release(instance);
	free(ending);
}

/* --- values ------------------------------------------------------------- */

static napi_value
undefined(napi_env env)
{
	napi_value value = NULL;

	napi_get_undefined(env, &value);
	return value;
}

static napi_value
boolean(napi_env env, int is)
{
	napi_value value = NULL;

	napi_get_boolean(env, is != 0, &value);
	return value;
}

static napi_value
fail(napi_env env, const char *text)
{
	napi_throw_error(env, NULL, text);
	return NULL;
}

/*
 * Copy a name to OUT, of NAME_SIZE bytes.  A longer name is cut, and is then
 * still longer than any that libusdt accepts.  A NUL would end the name early:
 * it becomes a control character, which libusdt refuses with its own text.
 */
static void
get_name(napi_env env, napi_value value, char *out)
{
	size_t length = 0, i;

	if (napi_get_value_string_utf8(env, value, out, NAME_SIZE,
	    &length) != napi_ok)
		length = 0;
	for (i = 0; i < length; i++) {
		if (out[i] == '\0')
			out[i] = '\1';
	}
	out[length] = '\0';
}

static void *
get_pointer(napi_env env, napi_value value)
{
	void *pointer = NULL;

	if (napi_get_value_external(env, value, &pointer) != napi_ok)
		return NULL;
	return pointer;
}

/* Arguments of a call into ARGV[MAX]; the missing ones are undefined. */
static struct instance *
get_arguments(napi_env env, napi_callback_info info, size_t max,
    napi_value *argv)
{
	void *data = NULL;

	napi_get_cb_info(env, info, &max, argv, NULL, &data);
	return data;
}

/* --- providers ---------------------------------------------------------- */

/* create(name, module or undefined, object): a provider. */
static napi_value
create(napi_env env, napi_callback_info info)
{
	napi_value argv[3], result = NULL;
	struct instance *instance = get_arguments(env, info, 3, argv);
	struct provider *provider;
	napi_valuetype type;
	char name[NAME_SIZE], module[NAME_SIZE];
	unsigned number;

	if (instance->count >= instance->sweep_at)
		sweep_hard(env, instance);
	provider = calloc(1, sizeof *provider);
	if (provider == NULL)
		return fail(env, "failed to allocate memory");
	get_name(env, argv[0], name);
	napi_typeof(env, argv[1], &type);
	if (type == napi_string) {
		get_name(env, argv[1], module);
		module[MODULE_MAX] = '\0';
	} else {
		provider->numbered = numbered_take(name, &number);
		if (provider->numbered == NULL) {
			fail(env, "failed to allocate memory");
			goto fail;
		}
		snprintf(module, sizeof module, "mod-%u", number);
	}
	provider->provider = usdt_create_provider(name, module);
	if (provider->provider == NULL) {
		fail(env, usdt_errstr(NULL));
		goto fail;
	}
	usdt_provider_set_texts(provider->provider, 1);
	if (napi_create_reference(env, argv[2], 0,
	    &provider->object) != napi_ok ||
	    napi_create_external(env, provider, NULL, NULL,
	    &result) != napi_ok) {
		fail(env, "failed to allocate memory");
		goto fail;
	}
	provider->next = instance->providers;
	instance->providers = provider;
	instance->count++;
	return result;
fail:
	provider_free(env, provider);
	return NULL;
}

static napi_value
change(napi_env env, napi_callback_info info, int (*call)(usdt_provider_t *))
{
	napi_value argv[1];
	struct provider *provider;

	get_arguments(env, info, 1, argv);
	provider = get_pointer(env, argv[0]);
	if (call(provider->provider) < 0)
		return fail(env, usdt_errstr(provider->provider));
	return undefined(env);
}

/* enable(provider) */
static napi_value
enable(napi_env env, napi_callback_info info)
{
	return change(env, info, usdt_provider_enable);
}

/* disable(provider) */
static napi_value
disable(napi_env env, napi_callback_info info)
{
	return change(env, info, usdt_provider_disable);
}

static void
set(napi_env env, napi_value object, const char *name, napi_value value)
{
	napi_set_named_property(env, object, name, value);
}

static void
set_number(napi_env env, napi_value object, const char *name, int number)
{
	napi_value value;

	if (napi_create_int32(env, number, &value) == napi_ok)
		set(env, object, name, value);
}

static void
set_text(napi_env env, napi_value object, const char *name, const char *text)
{
	napi_value value;

	if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH,
	    &value) == napi_ok)
		set(env, object, name, value);
}

static void
set_backend(napi_env env, napi_value object, const char *name,
    const usdt_backend_status_t *backend)
{
	napi_value value;

	if (napi_create_object(env, &value) != napi_ok)
		return;
	set(env, value, "taken", boolean(env, backend->taken));
	set_number(env, value, "errno", backend->error);
	set_number(env, value, "generation", backend->generation);
	set_text(env, value, "path", backend->path);
	set_text(env, value, "reason", backend->reason);
	set(env, object, name, value);
}

/* status(provider): usdt_status_t as an object. */
static napi_value
status(napi_env env, napi_callback_info info)
{
	napi_value argv[1], result = NULL;
	struct provider *provider;
	usdt_status_t s;

	get_arguments(env, info, 1, argv);
	provider = get_pointer(env, argv[0]);
	if (usdt_provider_status(provider->provider, &s) < 0)
		return fail(env, usdt_errstr(NULL));
	if (napi_create_object(env, &result) != napi_ok)
		return NULL;
	set_text(env, result, "name", provider->provider->name);
	set_text(env, result, "module", provider->provider->module);
	set(env, result, "enabled", boolean(env, s.enabled));
	set_number(env, result, "probes", (int)s.probes);
	set_number(env, result, "waiting", (int)s.waiting);
	set_number(env, result, "images", (int)s.images);
	set_backend(env, result, "dof", &s.dof);
	set_backend(env, result, "sdt", &s.sdt);
	set_text(env, result, "note", s.note);
	return result;
}

/* --- probes ------------------------------------------------------------- */

static enum kind
kind_of(const char *type)
{
	if (strncmp(type, "int", 3) == 0)
		return KIND_SIGNED;
	if (strncmp(type, "uint", 4) == 0)
		return KIND_UNSIGNED;
	if (strncmp(type, "struct ", 7) == 0 || strncmp(type, "const ", 6) == 0)
		return KIND_POINTER;
	return KIND_STRING;
}

/*
 * add(provider, name, type...): a probe.  If the provider already has such a
 * probe, the result is a probe that never fires, as in dtrace-provider.
 */
static napi_value
add(napi_env env, napi_callback_info info)
{
	napi_value argv[2 + USDT_ARG_MAX], result = NULL;
	const char *types[USDT_ARG_MAX];
	char texts[USDT_ARG_MAX][NAME_SIZE], name[NAME_SIZE];
	struct provider *provider;
	struct probe *probe;
	size_t argc = 2 + USDT_ARG_MAX, i;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	if (argc > 2 + USDT_ARG_MAX)
		argc = 2 + USDT_ARG_MAX;
	provider = get_pointer(env, argv[0]);
	get_name(env, argv[1], name);
	probe = calloc(1, sizeof *probe);
	if (probe == NULL)
		return fail(env, "failed to allocate memory");
	for (i = 0; i < argc - 2; i++) {
		get_name(env, argv[2 + i], texts[i]);
		types[i] = texts[i];
		probe->kinds[i] = (char)kind_of(texts[i]);
	}
	probe->probedef = usdt_create_probe(name, name, argc - 2, types);
	if (probe->probedef == NULL) {
		free(probe);
		return fail(env, usdt_errstr(NULL));
	}
	probe->never = probe->probedef->gate;
	if (napi_create_external(env, probe, NULL, NULL, &result) != napi_ok) {
		probe_free(probe);
		return fail(env, "failed to allocate memory");
	}
	vouch_add(provider->provider, probe->probedef, vouch_for(argc - 2,
	    types, probe->kinds, "t"));
	probe->next = provider->probes;
	provider->probes = probe;
	return result;
}

static uint32_t
get_uint32(napi_env env, napi_value value)
{
	int64_t number = 0;

	napi_get_value_int64(env, value, &number);
	return number < 0 || number > UINT32_MAX ? UINT32_MAX :
	    (uint32_t)number;
}

/* addStruct(provider, name, size, [declaration...], [offset...]) */
static napi_value
add_struct(napi_env env, napi_callback_info info)
{
	napi_value argv[5], element;
	struct provider *provider;
	usdt_field_t *fields;
	char name[NAME_SIZE], (*texts)[NAME_SIZE];
	uint32_t count = 0, i;
	int result;

	get_arguments(env, info, 5, argv);
	provider = get_pointer(env, argv[0]);
	get_name(env, argv[1], name);
	napi_get_array_length(env, argv[3], &count);
	fields = calloc(count + 1, sizeof *fields + sizeof *texts);
	if (fields == NULL)
		return fail(env, "failed to allocate memory");
	texts = (void *)(fields + count + 1);
	for (i = 0; i < count; i++) {
		if (napi_get_element(env, argv[3], i, &element) == napi_ok)
			get_name(env, element, texts[i]);
		fields[i].declarator = texts[i];
		if (napi_get_element(env, argv[4], i, &element) == napi_ok)
			fields[i].offset = get_uint32(env, element);
	}
	result = usdt_provider_add_struct(provider->provider, name,
	    get_uint32(env, argv[2]), count, fields);
	free(fields);
	if (result < 0)
		return fail(env, usdt_errstr(provider->provider));
	return undefined(env);
}

/* remove(provider, name): the name decides, not the probe. */
static napi_value
remove_probe(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	struct provider *provider;
	usdt_probedef_t *like;
	char name[NAME_SIZE];
	int result;

	get_arguments(env, info, 2, argv);
	provider = get_pointer(env, argv[0]);
	get_name(env, argv[1], name);
	like = usdt_create_probe(name, name, 0, NULL);
	if (like == NULL)
		return fail(env, usdt_errstr(NULL));
	result = usdt_provider_remove_probe(provider->provider, like);
	usdt_probe_release(like);
	if (result < 0)
		return fail(env, usdt_errstr(provider->provider));
	return boolean(env, 1);
}

/* enabled(probe): does a tracer use it? */
static napi_value
enabled(napi_env env, napi_callback_info info)
{
	napi_value argv[1];
	struct probe *probe;

	get_arguments(env, info, 1, argv);
	probe = get_pointer(env, argv[0]);
	return boolean(env, usdt_probe_enabled(probe->probedef));
}

/*
 * view(probe): the word that says whether a tracer may use it, as an
 * ArrayBuffer over the word itself.  null: no tracer can use it now.  true: it
 * is the word of the last view.  undefined: this runtime allows no such
 * buffers.
 *
 * The buffer has no finalizer: the word stays mapped as long as the provider's
 * object lives, and with it the only holder of the buffer.
 */
static napi_value
view(napi_env env, napi_callback_info info)
{
	napi_value argv[1], result = NULL;
	struct probe *probe;
	const uint32_t *gate;

	get_arguments(env, info, 1, argv);
	probe = get_pointer(env, argv[0]);
	gate = probe->probedef->gate;
	if (gate == probe->never) {
		napi_get_null(env, &result);
		return result;
	}
	if (gate == probe->viewed)
		return boolean(env, 1);
	if (napi_create_external_arraybuffer(env, (void *)(uintptr_t)gate,
	    sizeof *gate, NULL, NULL, &result) != napi_ok)
		return undefined(env);
	probe->viewed = gate;
	return result;
}

/* --- firing ------------------------------------------------------------- */

struct arena {
	size_t used;
	char *allocated[USDT_ARG_MAX];
	size_t count;
	char bytes[ARENA_SIZE];
};

/* A string's UTF-8, in the arena if it fits.  NULL: no memory. */
static char *
string_word(napi_env env, napi_value value, struct arena *arena)
{
	size_t left = ARENA_SIZE - arena->used, length = 0;
	char *text = arena->bytes + arena->used;

	/* Cut strings end at most 3 bytes early: whole characters only. */
	if (left > 8 && napi_get_value_string_utf8(env, value, text, left,
	    &length) == napi_ok && length < left - 4) {
		arena->used += length + 1;
		return text;
	}
	if (napi_get_value_string_utf8(env, value, NULL, 0,
	    &length) != napi_ok)
		length = 0;
	text = malloc(length + 1);
	if (text == NULL)
		return NULL;
	arena->allocated[arena->count++] = text;
	text[0] = '\0';
	napi_get_value_string_utf8(env, value, text, length + 1, &length);
	return text;
}

/*
 * A Number or BigInt as a machine word: cut like ToInteger, then to 64 bits.  A
 * Number out of range becomes the nearest in range.
 */
static uint64_t
integer_word(napi_env env, napi_value value, enum kind kind)
{
	int64_t word = 0;
	uint64_t big;
	double number;
	bool lossless;

	if (kind == KIND_UNSIGNED && napi_get_value_double(env, value,
	    &number) == napi_ok && number >= 9223372036854775808.0)
		return number < 18446744073709551616.0 ? (uint64_t)number :
		    UINT64_MAX;
	if (napi_get_value_int64(env, value, &word) == napi_ok)
		return (uint64_t)word;
	if (napi_get_value_bigint_uint64(env, value, &big,
	    &lossless) == napi_ok)
		return big;
	return 0;
}

/* The address of an Uint8Array's memory, or the one that a number is. */
static uint64_t
pointer_word(napi_env env, napi_value value)
{
	napi_valuetype type;
	void *data;

	if (napi_typeof(env, value, &type) != napi_ok || type != napi_object)
		return integer_word(env, value, KIND_UNSIGNED);
	return napi_get_typedarray_info(env, value, NULL, NULL, &data, NULL,
	    NULL) == napi_ok ? (uint64_t)(uintptr_t)data : 0;
}

/* fire(probe, value...): one value for each type, which the kind can read. */
static napi_value
fire(napi_env env, napi_callback_info info)
{
	napi_value argv[1 + USDT_ARG_MAX];
	void *words[USDT_ARG_MAX];
	struct arena arena;
	struct probe *probe;
	size_t i, argc;
	int whole = 1;

	get_arguments(env, info, 1 + USDT_ARG_MAX, argv);
	probe = get_pointer(env, argv[0]);
	argc = probe->probedef->argc;
	arena.used = arena.count = 0;
	for (i = 0; i < argc && whole; i++) {
		enum kind kind = (enum kind)probe->kinds[i];

		if (kind == KIND_STRING) {
			words[i] = string_word(env, argv[1 + i], &arena);
			whole = words[i] != NULL;
		} else if (kind == KIND_POINTER) {
			words[i] = (void *)(uintptr_t)pointer_word(env,
			    argv[1 + i]);
		} else {
			words[i] = (void *)(uintptr_t)integer_word(env,
			    argv[1 + i], kind);
		}
	}
	if (whole)
		usdt_probe_fire(probe->probedef, argc, words);
	for (i = 0; i < arena.count; i++)
		free(arena.allocated[i]);
	return whole ? boolean(env, 1) :
	    fail(env, "failed to allocate memory");
}

/* --- the module --------------------------------------------------------- */

static const struct {
	const char *name;
	napi_callback call;
} calls[] = {
	{ "create", create },
	{ "enable", enable },
	{ "disable", disable },
	{ "status", status },
	{ "add", add },
	{ "addStruct", add_struct },
	{ "remove", remove_probe },
	{ "enabled", enabled },
	{ "view", view },
	{ "fire", fire },
};

#define EXPORT	__attribute__((visibility("default")))

EXPORT int32_t node_api_module_get_api_version_v1(void);
EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports);

int32_t
node_api_module_get_api_version_v1(void)
{
	return BINDING_API_VERSION;
}

/* Node calls this by its name, once for each environment. */
napi_value
napi_register_module_v1(napi_env env, napi_value exports)
{
	struct instance *instance = calloc(1, sizeof *instance);
	struct ending *ending = calloc(1, sizeof *ending);
	napi_value function;
	size_t i;

	if (instance == NULL || ending == NULL)
		goto fail;
	instance->sweep_at = SWEEP_AT;
	instance->references = 1;
	ending->env = env;
	ending->instance = instance;
	for (i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		if (napi_create_function(env, calls[i].name, NAPI_AUTO_LENGTH,
		    calls[i].call, instance, &function) != napi_ok)
			goto fail;
		set(env, exports, calls[i].name, function);
	}
	if (napi_add_env_cleanup_hook(env, environment_ends,
	    ending) != napi_ok)
		goto fail;
	canary_make(env, instance);
	return exports;
fail:
	free(instance);
	free(ending);
	return fail(env, "the binding could not be set up");
}
