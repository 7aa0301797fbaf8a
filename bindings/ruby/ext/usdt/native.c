/*
 * native.c - how do Ruby's providers and probes become libusdt's?
 *
 * lib/usdt/provider.rb has the interface and turns declared types into those
 * of C; it alone calls the private methods here.
 *
 * Lifetimes.  A Provider and each of its Probes hold a struct home, which is
 * counted; none of them holds another object of Ruby's that can change.  So a
 * provider is freed when neither it nor one of its probes is left, no thread
 * can fire while it is freed, and a probe can be shared by Ractors.
 *
 * Threads.  Calls that may wait for a helper let other threads of Ruby run.
 * A fire never does.  Freeing can't, because the garbage collector does it.
 *
 * Values.  What is Ruby's own code runs first, for all values of a fire.  Only
 * then are pointers taken, because that code may change strings.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ruby.h>
#include <ruby/encoding.h>
#include <ruby/thread.h>

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "usdt.h"
#include "vouch.h"

/* How a value becomes a word; provider.rb gives one letter for each type. */
enum kind {
	KIND_INTEGER = 'i',
	KIND_TEXT = 't',
	KIND_JSON = 'j',
	KIND_POINTER = 'p'	/* bytes, or an address */
};

/*
 * The memory that the collector counts for a provider.  A provider's few Ruby
 * objects alone would not make it run before the process is out of mappings.
 */
#define WEIGHT	(64 * 1024)

struct home {
	usdt_provider_t *provider;
	unsigned references;
	int live;			/* enabled by the program */
	pthread_mutex_t lock;		/* of the text of its errors */
	pid_t pid;			/* whose lock that is; < 0: see home_lock */
};

struct probe {
	usdt_probedef_t *probedef;
	struct home *home;
	VALUE arguments;		/* as they were declared */
	int vouched;
	char kinds[USDT_ARG_MAX + 1];
};

static VALUE class_probe, class_error, values_module, encode_options;
static ID id_json, id_to_i, id_to_ptr;

/* --- errors and strings ----------------------------------------------------- */

NORETURN(static void raise_text(const char *text));

static void
raise_text(const char *text)
{
	rb_exc_raise(rb_exc_new_str(class_error, rb_utf8_str_new_cstr(text)));
}

/* A Symbol or String for the library: *NAME keeps it.  A String of the program's
 * may change while the library has it, so it gets one that does not. */
static const char *
c_string(VALUE *name, const char *what)
{
	VALUE text = SYMBOL_P(*name) ? rb_sym2str(*name) : *name;

	if (!RB_TYPE_P(text, T_STRING))
		rb_raise(rb_eTypeError, "%s must be a Symbol or a String, not "
		    "%"PRIsVALUE, what, rb_inspect(*name));
	text = rb_str_conv_enc(text, rb_enc_get(text), rb_utf8_encoding());
	text = rb_str_new_frozen(text);
	*name = text;
	if (memchr(RSTRING_PTR(text), 0, (size_t)RSTRING_LEN(text)) != NULL)
		rb_raise(rb_eArgError, "%s has a NUL in it", what);
	return StringValueCStr(*name);
}

/* --- what a provider and its probes share ------------------------------------ */

static void
home_release(struct home *home)
{
	if (home == NULL ||
	    __atomic_sub_fetch(&home->references, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	usdt_provider_free(home->provider);
	if (home->pid == getpid())
		pthread_mutex_destroy(&home->lock);
	xfree(home);
	rb_gc_adjust_memory_usage(-WEIGHT);
}

/*
 * The text of a provider's error stays until the next call that names it.  In
 * a forked child a thread that is not there may hold the lock: the first call
 * makes another, and the process's number is negative until it has.
 */
static void
home_lock(struct home *home)
{
	pid_t me = getpid(), pid = __atomic_load_n(&home->pid, __ATOMIC_ACQUIRE);

	while (pid != me) {
		if (pid == -me) {
			sched_yield();
			pid = __atomic_load_n(&home->pid, __ATOMIC_ACQUIRE);
		} else if (__atomic_compare_exchange_n(&home->pid, &pid, -me, 0,
		    __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
			pthread_mutex_init(&home->lock, NULL);
			__atomic_store_n(&home->pid, me, __ATOMIC_RELEASE);
			pid = me;
		}
	}
	pthread_mutex_lock(&home->lock);
}

typedef int call_t(usdt_provider_t *, void *);

struct call {
	struct home *home;
	call_t *call;
	void *argument;
	int done, result;
	char *error;
};

/* Without the interpreter's lock. */
static void *
call_unlocked(void *data)
{
	struct call *c = data;

	home_lock(c->home);
	c->result = c->call(c->home->provider, c->argument);
	if (c->result < 0)
		c->error = strdup(usdt_errstr(c->home->provider));
	pthread_mutex_unlock(&c->home->lock);
	c->done = 1;
	return NULL;
}

/*
 * A call that changes the provider.  Returns its result; if it is negative,
 * *ERROR is a String.  An exception of another thread's comes before the call
 * or after it, never instead of its result.
 */
static int
home_call(struct home *home, call_t *call, void *argument, VALUE *error)
{
	struct call c = { home, call, argument, 0, 0, NULL };

	while (!c.done) {
		rb_thread_call_without_gvl2(call_unlocked, &c, NULL, NULL);
		if (!c.done)
			rb_thread_check_ints();
	}
	if (c.result < 0) {
		*error = rb_utf8_str_new_cstr(c.error != NULL ? c.error :
		    "out of memory");
		free(c.error);
	}
	return c.result;
}

static void
home_change(struct home *home, call_t *call, void *argument)
{
	VALUE error = Qnil;

	if (home_call(home, call, argument, &error) < 0)
		rb_exc_raise(rb_exc_new_str(class_error, error));
}

/* --- firing ------------------------------------------------------------------ */

static VALUE
integer_of(VALUE value)
{
	if (RB_INTEGER_TYPE_P(value))
		return value;
	if (RB_FLOAT_TYPE_P(value)) {
		double d = RFLOAT_VALUE(value);

		if (!isfinite(d))
			return INT2FIX(0);
		return FIXABLE(d) ? LONG2FIX((long)d) : rb_dbl2big(d);
	}
	if (value == Qtrue)
		return INT2FIX(1);
	return SPECIAL_CONST_P(value) ? INT2FIX(0) : rb_check_to_int(value);
}

/* UTF-8 and bytes as they are; of other encodings what UTF-8 has. */
static VALUE
text_of(VALUE value)
{
	int encoding;

	if (NIL_P(value))
		return Qnil;
	value = SYMBOL_P(value) ? rb_sym2str(value) : rb_obj_as_string(value);
	encoding = rb_enc_get_index(value);
	if (encoding == rb_utf8_encindex() ||
	    encoding == rb_usascii_encindex() ||
	    encoding == rb_ascii8bit_encindex())
		return value;
	return rb_str_encode(value, rb_enc_from_encoding(rb_utf8_encoding()),
	    ECONV_INVALID_REPLACE | ECONV_UNDEF_REPLACE, encode_options);
}

/* A String's bytes are sent; of memory, as Fiddle's and FFI's, the address. */
static VALUE
pointer_of(VALUE value)
{
	VALUE found;

	if (NIL_P(value) || RB_INTEGER_TYPE_P(value) ||
	    RB_TYPE_P(value, T_STRING))
		return value;
	found = rb_check_funcall(value, id_to_ptr, 0, NULL);
	if (found != Qundef)
		value = found;
	found = rb_check_funcall(value, id_to_i, 0, NULL);
	return RB_INTEGER_TYPE_P(found) ? found : Qnil;
}

struct conversion {
	int kind;
	VALUE value;
};

static VALUE
convert(VALUE data)
{
	struct conversion *c = (struct conversion *)data;

	switch (c->kind) {
	case KIND_TEXT:
		return text_of(c->value);
	case KIND_JSON:
		return text_of(rb_funcall(values_module, id_json, 1, c->value));
	case KIND_POINTER:
		return pointer_of(c->value);
	default:
		return integer_of(c->value);
	}
}

static VALUE
forgive(VALUE unused, VALUE error)
{
	(void)unused;
	(void)error;
	return Qnil;
}

/*
 * An Integer or a String, or nil.  What a value's own code raises is no error
 * of the program's that fires; what ends programs or threads comes out.
 */
static VALUE
converted(int kind, VALUE value)
{
	struct conversion c = { kind, value };

	if (FIXNUM_P(value) && kind == KIND_INTEGER)
		return value;
	return rb_rescue2(convert, (VALUE)&c, forgive, Qnil, rb_eStandardError,
	    rb_eScriptError, rb_eSysStackError, (VALUE)0);
}

/* No code of Ruby's runs in here. */
static uint64_t
word_of(VALUE *value)
{
	uint64_t n = 0;

	if (FIXNUM_P(*value)) {
		n = (uint64_t)FIX2LONG(*value);
	} else if (RB_TYPE_P(*value, T_BIGNUM)) {
		rb_integer_pack(*value, &n, 1, sizeof(n), 0,
		    INTEGER_PACK_NATIVE_BYTE_ORDER | INTEGER_PACK_LSWORD_FIRST |
		    INTEGER_PACK_2COMP);
	} else if (RB_TYPE_P(*value, T_STRING)) {
		/* A part of another string has no NUL behind it. */
		if (RSTRING_PTR(*value)[RSTRING_LEN(*value)] != '\0')
			*value = rb_str_new(RSTRING_PTR(*value),
			    RSTRING_LEN(*value));
		n = (uintptr_t)RSTRING_PTR(*value);
	}
	return n;
}

static void
fire(struct probe *self, long count, const VALUE *values)
{
	VALUE given[USDT_ARG_MAX], held[USDT_ARG_MAX];
	uint64_t words[USDT_ARG_MAX] = { 0 };
	size_t argc = self->probedef->argc, i;

	if ((size_t)count < argc)
		argc = (size_t)count;
	/* VALUES may be an array's, which the values' code may change. */
	for (i = 0; i < argc; i++)
		given[i] = values[i];
	for (i = 0; i < argc; i++)
		held[i] = converted(self->kinds[i], given[i]);
	for (i = 0; i < argc; i++)
		words[i] = word_of(&held[i]);
	usdt_probe_fire64(self->probedef, argc, words);
	for (i = 0; i < argc; i++) {
		RB_GC_GUARD(given[i]);	/* the memory of an address */
		RB_GC_GUARD(held[i]);
	}
}

/*
 * A probe is made only here, and can't be copied: no need to look whether SELF
 * is one.
 */
#define PROBE(self)	((struct probe *)RTYPEDDATA_DATA(self))

/*
 * call-seq:
 *   fire(*values) -> true or false
 *   fire(*args) { |*args| values } -> true or false
 *
 * Fires the probe if somebody traces it; true if so.  The block is called only
 * then, and returns an Array of values, or one value.  What it raises comes
 * out.  Values that are missing are 0 or NULL, surplus ones are ignored, and no
 * value raises an exception.
 */
static VALUE
probe_fire(int argc, VALUE *argv, VALUE self)
{
	VALUE returned;

	if (!usdt_probe_enabled(PROBE(self)->probedef))
		return Qfalse;
	if (!rb_block_given_p()) {
		fire(PROBE(self), argc, argv);
		return Qtrue;
	}
	returned = rb_yield_values2(argc, argv);
	if (RB_TYPE_P(returned, T_ARRAY))
		fire(PROBE(self), RARRAY_LEN(returned),
		    RARRAY_CONST_PTR(returned));
	else
		fire(PROBE(self), 1, &returned);
	RB_GC_GUARD(returned);
	return Qtrue;
}

/* --- probes ------------------------------------------------------------------ */

static void
probe_mark(void *data)
{
	rb_gc_mark(((struct probe *)data)->arguments);
}

static void
probe_free(void *data)
{
	struct probe *probe = data;

	usdt_probe_release(probe->probedef);
	home_release(probe->home);
	xfree(probe);
}

static size_t
probe_size(const void *data)
{
	(void)data;
	return sizeof(struct probe);
}

static const rb_data_type_t probe_type = {
	.wrap_struct_name = "USDT::Probe",
	.function = { probe_mark, probe_free, probe_size },
	.flags = RUBY_TYPED_FREE_IMMEDIATELY | RUBY_TYPED_WB_PROTECTED
#ifdef RUBY_TYPED_FROZEN_SHAREABLE
	    | RUBY_TYPED_FROZEN_SHAREABLE
#endif
};

/* Is somebody tracing it? */
static VALUE
probe_enabled(VALUE self)
{
	return usdt_probe_enabled(PROBE(self)->probedef) ? Qtrue : Qfalse;
}

static VALUE
symbol(const char *text)
{
	VALUE string = rb_utf8_str_new_cstr(text);

	if (rb_enc_str_coderange(string) == ENC_CODERANGE_BROKEN)
		rb_enc_associate(string, rb_ascii8bit_encoding());
	return rb_str_intern(string);
}

/* What tracers call it: a Symbol. */
static VALUE
probe_name(VALUE self)
{
	return symbol(PROBE(self)->probedef->name);
}

/* The function that DTrace shows: a Symbol. */
static VALUE
probe_function(VALUE self)
{
	return symbol(PROBE(self)->probedef->function);
}

/* The types of the arguments, as they were declared. */
static VALUE
probe_arguments(VALUE self)
{
	return PROBE(self)->arguments;
}

static VALUE
probe_inspect(VALUE self)
{
	struct probe *probe = PROBE(self);

	return rb_sprintf("#<%"PRIsVALUE" %s:%s:%s:%s>", rb_obj_class(self),
	    probe->home->provider->name, probe->home->provider->module,
	    probe->probedef->function, probe->probedef->name);
}

/* --- providers ---------------------------------------------------------------- */

static void
provider_free(void *data)
{
	home_release(data);
}

static size_t
provider_size(const void *data)
{
	return data != NULL ? sizeof(struct home) : 0;
}

static const rb_data_type_t provider_type = {
	.wrap_struct_name = "USDT::Provider",
	.function = { NULL, provider_free, provider_size },
	.flags = RUBY_TYPED_FREE_IMMEDIATELY | RUBY_TYPED_WB_PROTECTED
#ifdef RUBY_TYPED_FROZEN_SHAREABLE
	    | RUBY_TYPED_FROZEN_SHAREABLE
#endif
};

static struct home *
home_of(VALUE self)
{
	struct home *home = rb_check_typeddata(self, &provider_type);

	if (home == NULL)
		rb_raise(rb_eRuntimeError, "%"PRIsVALUE" is not initialized: "
		    "its initialize must call super", rb_obj_class(self));
	return home;
}

static VALUE
provider_alloc(VALUE class)
{
	return TypedData_Wrap_Struct(class, &provider_type, NULL);
}

/*
 * call-seq: new(name, mod = :ruby)
 *
 * A provider without probes.  Tracers show its name, and its module as the last
 * part of the path where its probes are.
 */
static VALUE
provider_initialize(int argc, VALUE *argv, VALUE self)
{
	VALUE name, mod;
	const char *c_name, *c_mod = "ruby";
	struct home *home;

	rb_scan_args(argc, argv, "11", &name, &mod);
	if (rb_check_typeddata(self, &provider_type) != NULL)
		rb_raise(rb_eRuntimeError, "a provider is initialized once");
	c_name = c_string(&name, "the name of a provider");
	if (argc > 1)
		c_mod = c_string(&mod, "the module of a provider");
	home = ALLOC(struct home);
	memset(home, 0, sizeof(*home));
	home->provider = usdt_create_provider(c_name, c_mod);
	if (home->provider == NULL) {
		xfree(home);
		raise_text(usdt_errstr(NULL));
	}
	usdt_provider_set_texts(home->provider, 1);
	RB_GC_GUARD(name);
	RB_GC_GUARD(mod);
	pthread_mutex_init(&home->lock, NULL);
	home->pid = getpid();
	home->references = 1;
	RTYPEDDATA_DATA(self) = home;
	rb_gc_adjust_memory_usage(WEIGHT);
	return self;
}

/* For dup, clone, and Ractors that get what they can't share. */
static VALUE
provider_initialize_copy(VALUE self, VALUE original)
{
	(void)original;
	rb_raise(rb_eTypeError, "a %"PRIsVALUE" can't be copied; Ractors can "
	    "share it after Ractor.make_shareable", rb_obj_class(self));
}

static int
enable(usdt_provider_t *provider, void *unused)
{
	(void)unused;
	return usdt_provider_enable(provider);
}

static int
disable(usdt_provider_t *provider, void *unused)
{
	(void)unused;
	return usdt_provider_disable(provider);
}

static int
add_probe(usdt_provider_t *provider, void *argument)
{
	const struct probe *probe = argument;

	return vouch_add(provider, probe->probedef, probe->vouched);
}

static int
remove_probe(usdt_provider_t *provider, void *probedef)
{
	return usdt_provider_remove_probe(provider, probedef);
}

struct table {
	const char *name;
	size_t size, count;
	usdt_field_t *fields;
};

static int
add_struct(usdt_provider_t *provider, void *argument)
{
	const struct table *table = argument;

	return usdt_provider_add_struct(provider, table->name, table->size,
	    table->count, table->fields);
}

/*
 * Makes the probes visible to tracers.  USDT::Error says why nothing on this
 * machine shows them.
 */
static VALUE
provider_enable(VALUE self)
{
	struct home *home = home_of(self);

	home_change(home, enable, NULL);
	__atomic_store_n(&home->live, 1, __ATOMIC_RELAXED);
	RB_GC_GUARD(self);
	return Qtrue;
}

/* Hides the probes: none of them fires. */
static VALUE
provider_disable(VALUE self)
{
	struct home *home = home_of(self);

	__atomic_store_n(&home->live, 0, __ATOMIC_RELAXED);
	home_change(home, disable, NULL);
	RB_GC_GUARD(self);
	return Qtrue;
}

/* ARRAY's types to C[]; *HELD keeps them.  How many there are. */
static size_t
c_types(VALUE array, const char **c, VALUE *held)
{
	long count = RARRAY_LEN(array), i;

	for (i = 0; i < count && i < USDT_ARG_MAX; i++) {
		held[i] = RARRAY_AREF(array, i);
		c[i] = c_string(&held[i], "the type of an argument");
	}
	return (size_t)count;
}

/* add(function, name, C types, kinds, arguments): a Probe; disabled as yet. */
static VALUE
provider_add(VALUE self, VALUE function, VALUE name, VALUE types, VALUE kinds,
    VALUE arguments)
{
	struct home *home = home_of(self);
	const char *c[USDT_ARG_MAX], *c_function, *c_name;
	VALUE held[USDT_ARG_MAX], object;
	struct probe *probe;
	size_t count, i;

	Check_Type(types, T_ARRAY);
	Check_Type(kinds, T_STRING);
	if (RARRAY_LEN(types) != RSTRING_LEN(kinds))
		rb_raise(rb_eArgError, "each type has one kind");
	c_function = c_string(&function, "the function of a probe");
	c_name = c_string(&name, "the name of a probe");
	count = c_types(types, c, held);
	/* ObjectSpace does not show an object without a class. */
	object = TypedData_Make_Struct(0, struct probe, &probe_type, probe);
	/* Too many are refused by the library, before it looks at them. */
	probe->probedef = usdt_create_probe(c_function, c_name, count, c);
	if (probe->probedef == NULL)
		raise_text(usdt_errstr(NULL));
	memcpy(probe->kinds, RSTRING_PTR(kinds), count);
	probe->vouched = vouch_for(count, c, probe->kinds, "tj");
	RB_GC_GUARD(function);
	RB_GC_GUARD(name);
	for (i = 0; i < count; i++)
		RB_GC_GUARD(held[i]);
	RB_OBJ_WRITE(object, &probe->arguments, arguments);
	__atomic_add_fetch(&home->references, 1, __ATOMIC_RELAXED);
	probe->home = home;
	rb_obj_reveal(object, class_probe);
	home_change(home, add_probe, probe);
	RB_GC_GUARD(self);
	return rb_obj_freeze(object);
}

/*
 * call-seq: remove_probe(probe) -> true
 *
 * Takes a probe out: it never fires for this provider again.
 */
static VALUE
provider_remove_probe(VALUE self, VALUE probe)
{
	struct home *home = home_of(self);

	if (rb_obj_class(probe) != class_probe)
		rb_raise(rb_eTypeError, "what is removed must be a "
		    "USDT::Probe, not %"PRIsVALUE, rb_inspect(probe));
	home_change(home, remove_probe, PROBE(probe)->probedef);
	RB_GC_GUARD(self);
	RB_GC_GUARD(probe);
	return Qtrue;
}

/* add_struct(name, size, declarations, offsets) */
static VALUE
provider_add_struct(VALUE self, VALUE name, VALUE size, VALUE declarations,
    VALUE offsets)
{
	struct home *home = home_of(self);
	struct table table;
	VALUE held, memory;
	size_t i;

	Check_Type(declarations, T_ARRAY);
	Check_Type(offsets, T_ARRAY);
	if (RARRAY_LEN(declarations) != RARRAY_LEN(offsets))
		rb_raise(rb_eArgError, "each field has one offset");
	held = rb_ary_new();
	table.name = c_string(&name, "the name of a struct");
	table.size = NUM2SIZET(size);
	table.count = (size_t)RARRAY_LEN(declarations);
	table.fields = ALLOCV_N(usdt_field_t, memory, table.count + 1);
	for (i = 0; i < table.count; i++) {
		VALUE declaration = rb_ary_entry(declarations, (long)i);

		table.fields[i].declarator = c_string(&declaration,
		    "the field of a struct");
		table.fields[i].offset = NUM2SIZET(rb_ary_entry(offsets,
		    (long)i));
		rb_ary_push(held, declaration);
	}
	home_change(home, add_struct, &table);
	ALLOCV_END(memory);
	RB_GC_GUARD(held);
	RB_GC_GUARD(name);
	RB_GC_GUARD(self);
	return Qtrue;
}

/* Has the program enabled it? */
static VALUE
provider_live(VALUE self)
{
	return __atomic_load_n(&home_of(self)->live, __ATOMIC_RELAXED) ?
	    Qtrue : Qfalse;
}

static VALUE
truth(int is)
{
	return is ? Qtrue : Qfalse;
}

static VALUE
backend_array(const usdt_backend_status_t *backend)
{
	return rb_ary_new_from_args(5, truth(backend->taken),
	    INT2NUM(backend->error), INT2NUM(backend->generation),
	    rb_filesystem_str_new_cstr(backend->path),
	    rb_utf8_str_new_cstr(backend->reason));
}

/* usdt_status_t as an Array, in the order of provider.rb's Status. */
static VALUE
provider_status(VALUE self)
{
	struct home *home = home_of(self);
	usdt_status_t s;

	if (usdt_provider_status(home->provider, &s) < 0)
		raise_text(usdt_errstr(NULL));
	return rb_ary_new_from_args(8, truth(s.enabled), UINT2NUM(s.probes),
	    UINT2NUM(s.waiting), UINT2NUM(s.images), backend_array(&s.dof),
	    backend_array(&s.sdt), rb_utf8_str_new_cstr(s.note),
	    SIZET2NUM(s.mappings));
}

/* Its name: a Symbol. */
static VALUE
provider_name(VALUE self)
{
	return symbol(home_of(self)->provider->name);
}

/* Its module: a Symbol. */
static VALUE
provider_mod(VALUE self)
{
	return symbol(home_of(self)->provider->module);
}

/* --- the module ---------------------------------------------------------------- */

static void
define_provider(VALUE module)
{
	VALUE class = rb_define_class_under(module, "Provider", rb_cObject);

	rb_define_alloc_func(class, provider_alloc);
	rb_define_method(class, "initialize", provider_initialize, -1);
	rb_define_private_method(class, "initialize_copy",
	    provider_initialize_copy, 1);
	rb_define_method(class, "enable", provider_enable, 0);
	rb_define_method(class, "disable", provider_disable, 0);
	rb_define_method(class, "remove_probe", provider_remove_probe, 1);
	rb_define_method(class, "name", provider_name, 0);
	rb_define_method(class, "mod", provider_mod, 0);
	rb_define_private_method(class, "add", provider_add, 5);
	rb_define_private_method(class, "add_struct", provider_add_struct, 4);
	rb_define_private_method(class, "live?", provider_live, 0);
	rb_define_private_method(class, "status_values", provider_status, 0);
}

static void
define_probe(VALUE module)
{
	class_probe = rb_define_class_under(module, "Probe", rb_cObject);
	rb_gc_register_mark_object(class_probe);
	rb_undef_alloc_func(class_probe);
	rb_undef_method(rb_singleton_class(class_probe), "new");
	rb_define_method(class_probe, "enabled?", probe_enabled, 0);
	rb_define_method(class_probe, "fire", probe_fire, -1);
	rb_define_method(class_probe, "name", probe_name, 0);
	rb_define_method(class_probe, "function", probe_function, 0);
	rb_define_method(class_probe, "arguments", probe_arguments, 0);
	rb_define_method(class_probe, "inspect", probe_inspect, 0);
}

RUBY_FUNC_EXPORTED void
Init_native(void)
{
	VALUE module = rb_define_module("USDT");

#ifdef HAVE_RB_EXT_RACTOR_SAFE
	rb_ext_ractor_safe(true);
#endif
	class_error = rb_define_class_under(module, "Error", rb_eRuntimeError);
	rb_gc_register_mark_object(class_error);
	values_module = rb_define_module_under(module, "Values");
	rb_gc_register_mark_object(values_module);
	encode_options = rb_hash_new();
	rb_gc_register_mark_object(encode_options);
	rb_hash_aset(encode_options, ID2SYM(rb_intern("replace")),
	    rb_str_freeze(rb_utf8_str_new_cstr("?")));
	rb_obj_freeze(encode_options);
	id_json = rb_intern("json");
	id_to_i = rb_intern("to_i");
	id_to_ptr = rb_intern("to_ptr");
	define_provider(module);
	define_probe(module);
}
