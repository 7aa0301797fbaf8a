/*
 * native.c - how do Python's providers and probes become libusdt's?
 *
 * usdt/provider.py has the interface and turns declared types into those of C;
 * it alone makes the objects here.
 *
 * Lifetimes.  A Probe holds its Provider, and a Provider holds no Python
 * object: there are no cycles, and a provider is freed when neither it nor one
 * of its probes is left.  So no thread can fire while it is freed.
 *
 * Threads.  Calls that may wait for a helper let other threads of Python run.
 * A fire never does.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pythread.h>

#include <string.h>
#include <unistd.h>

#include "usdt.h"
#include "vouch.h"

/* How a value becomes a word; provider.py gives one letter for each type. */
enum kind {
	KIND_INTEGER = 'i',
	KIND_TEXT = 't',
	KIND_JSON = 'j',
	KIND_POINTER = 'p',	/* bytes, or an address */
	KIND_VALUE = 'v'	/* text if the value is text, else an integer */
};

struct state {
	PyTypeObject *probe_type;
	PyObject *error;
};

struct provider {
	PyObject_HEAD
	usdt_provider_t *provider;
	PyThread_type_lock lock;	/* of the text of its errors */
	pid_t pid;			/* whose lock that is */
};

struct probe {
	PyObject_HEAD
	usdt_probedef_t *probedef;
	PyObject *provider;
	PyObject *types;	/* as they were declared: a tuple */
	PyObject *to_json;	/* a function, or NULL */
	int vouched;
	char kinds[USDT_ARG_MAX + 1];
};

/* --- what providers and probes share --------------------------------------- */

static PyObject *
decoded(const char *text)
{
	return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *
raise(PyTypeObject *type, const char *text)
{
	struct state *state = PyType_GetModuleState(type);
	PyObject *message = decoded(text);

	if (state != NULL && message != NULL)
		PyErr_SetObject(state->error, message);
	Py_XDECREF(message);
	return NULL;
}

/* A string for the library.  NULL: an exception is set. */
static const char *
c_string(PyObject *object, const char *what)
{
	Py_ssize_t length;
	const char *text;

	if (!PyUnicode_Check(object)) {
		PyErr_Format(PyExc_TypeError, "%s must be a str, not %R", what,
		    (PyObject *)Py_TYPE(object));
		return NULL;
	}
	text = PyUnicode_AsUTF8AndSize(object, &length);
	if (text != NULL && strlen(text) != (size_t)length) {
		PyErr_Format(PyExc_ValueError, "%s has a NUL in it", what);
		return NULL;
	}
	return text;
}

static void
object_free(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	freefunc tp_free = (freefunc)PyType_GetSlot(type, Py_tp_free);

	tp_free(self);
	Py_DECREF(type);
}

/* --- firing ----------------------------------------------------------------- */

/*
 * Clears an exception that a value's own code raised, since a fire does not
 * raise it.  0: it ends programs (KeyboardInterrupt, SystemExit), and stays.
 */
static int
forgiven(void)
{
	if (!PyErr_ExceptionMatches(PyExc_Exception))
		return 0;
	PyErr_Clear();
	return 1;
}

/* 0: an exception is set. */
static int
integer_word(PyObject *value, void **word)
{
	PyObject *number = NULL;
	unsigned long long n = 0;

	if (PyLong_Check(value)) {
		n = PyLong_AsUnsignedLongLongMask(value);
	} else if (PyFloat_Check(value) || PyIndex_Check(value)) {
		number = PyFloat_Check(value) ? PyNumber_Long(value) :
		    PyNumber_Index(value);
		if (number == NULL && !forgiven())
			return 0;
		if (number != NULL)
			n = PyLong_AsUnsignedLongLongMask(number);
		Py_XDECREF(number);
	}
	*word = (void *)(uintptr_t)n;
	return 1;
}

/* The bytes of a str with surrogates, which UTF-8 can't encode. */
static PyObject *
escaped(PyObject *string)
{
	PyObject *bytes = PyUnicode_AsEncodedString(string, "utf-8",
	    "surrogateescape");

	if (bytes != NULL || !PyErr_ExceptionMatches(PyExc_UnicodeError))
		return bytes;
	PyErr_Clear();
	return PyUnicode_AsEncodedString(string, "utf-8", "replace");
}

/* VALUE's text, which *HELD keeps alive.  0: an exception is set. */
static int
text_word(PyObject *value, void **word, PyObject **held)
{
	const char *text = NULL;

	if (value == Py_None) {
		*word = NULL;
		return 1;
	}
	if (PyUnicode_Check(value)) {
		*held = value;
		Py_INCREF(value);
	} else if (PyBytes_Check(value)) {
		*held = value;
		Py_INCREF(value);
	} else if (PyByteArray_Check(value) || PyMemoryView_Check(value)) {
		*held = PyBytes_FromObject(value);
	} else {
		*held = PyObject_Str(value);
	}
	if (*held != NULL && PyUnicode_Check(*held)) {
		text = PyUnicode_AsUTF8AndSize(*held, NULL);
		if (text == NULL &&
		    PyErr_ExceptionMatches(PyExc_UnicodeError)) {
			PyObject *string = *held;

			PyErr_Clear();
			*held = escaped(string);
			Py_DECREF(string);
		}
	}
	if (*held != NULL && text == NULL && PyBytes_Check(*held))
		text = PyBytes_AsString(*held);
	*word = (void *)(uintptr_t)text;
	return text != NULL || forgiven();
}

static int
json_word(struct probe *self, PyObject *value, void **word, PyObject **held)
{
	PyObject *text = PyObject_CallFunctionObjArgs(self->to_json, value,
	    NULL);
	int done;

	if (text == NULL) {
		*word = NULL;
		return forgiven();
	}
	done = text_word(text, word, held);
	Py_DECREF(text);
	return done;
}

/*
 * An integer is an address.  Of bytes, and objects of ctypes, *HELD is a copy:
 * the stable interface has no views of buffers before Python 3.11.
 */
static int
pointer_word(PyObject *value, void **word, PyObject **held)
{
	PyObject *view;

	*word = NULL;
	if (value == Py_None)
		return 1;
	if (PyLong_Check(value) || PyFloat_Check(value) || PyIndex_Check(value))
		return integer_word(value, word);
	if (PyBytes_Check(value)) {
		*held = value;
		Py_INCREF(value);
	} else {
		view = PyMemoryView_FromObject(value);
		if (view == NULL)
			return forgiven();
		*held = PyBytes_FromObject(view);
		Py_DECREF(view);
		if (*held == NULL)
			return forgiven();
	}
	*word = PyBytes_AsString(*held);
	return 1;
}

static int
is_text(PyObject *value)
{
	return PyUnicode_Check(value) || PyBytes_Check(value) ||
	    PyByteArray_Check(value) || PyMemoryView_Check(value);
}

static int
word_of(struct probe *self, size_t i, PyObject *value, void **word,
    PyObject **held)
{
	switch (self->kinds[i]) {
	case KIND_TEXT:
		return text_word(value, word, held);
	case KIND_JSON:
		return json_word(self, value, word, held);
	case KIND_POINTER:
		return pointer_word(value, word, held);
	case KIND_VALUE:
		return is_text(value) ? text_word(value, word, held) :
		    integer_word(value, word);
	default:
		return integer_word(value, word);
	}
}

static PyObject *
fire(struct probe *self, PyObject *const *args, Py_ssize_t count)
{
	size_t argc = self->probedef->argc, i;
	PyObject *held[USDT_ARG_MAX] = { NULL };
	void *words[USDT_ARG_MAX] = { NULL };
	int whole = 1;

	if ((size_t)count < argc)
		argc = (size_t)count;
	for (i = 0; i < argc && whole; i++)
		whole = word_of(self, i, args[i], &words[i], &held[i]);
	if (whole)
		usdt_probe_fire(self->probedef, argc, words);
	for (i = 0; i < argc; i++)
		Py_XDECREF(held[i]);
	return whole ? PyBool_FromLong(1) : NULL;
}

PyDoc_STRVAR(probe_fire_doc,
"fire(*values) -> bool\n\n"
"Fire the probe if somebody traces it; True if so.  Values that are missing\n"
"are 0 or NULL, surplus ones are ignored, and no value raises an exception.");

static PyObject *
probe_fire(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
	struct probe *self = (struct probe *)object;

	if (!usdt_probe_enabled(self->probedef))
		Py_RETURN_FALSE;
	return fire(self, args, count);
}

/* The values that a function returned: a tuple, a list, or one value. */
static PyObject *
fire_returned(struct probe *self, PyObject *returned)
{
	PyObject *tuple, *result, *values[USDT_ARG_MAX];
	Py_ssize_t count, i;

	if (!PyTuple_Check(returned) && !PyList_Check(returned))
		return fire(self, &returned, 1);
	tuple = PySequence_Tuple(returned);
	if (tuple == NULL)
		return NULL;
	count = PyTuple_Size(tuple);
	if (count > USDT_ARG_MAX)
		count = USDT_ARG_MAX;
	for (i = 0; i < count; i++)
		values[i] = PyTuple_GetItem(tuple, i);
	result = fire(self, values, count);
	Py_DECREF(tuple);
	return result;
}

PyDoc_STRVAR(probe_lazy_doc,
"lazy(function, *args) -> bool\n\n"
"If somebody traces the probe call function(*args), and fire with what it\n"
"returns: a tuple or list of values, or one value.  What it raises comes out.");

static PyObject *
probe_lazy(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
	struct probe *self = (struct probe *)object;
	PyObject *more, *returned = NULL, *result = NULL;
	Py_ssize_t i;

	if (count < 1) {
		PyErr_SetString(PyExc_TypeError,
		    "lazy() takes a function as its first argument");
		return NULL;
	}
	if (!usdt_probe_enabled(self->probedef))
		Py_RETURN_FALSE;
	more = PyTuple_New(count - 1);
	if (more == NULL)
		return NULL;
	for (i = 1; i < count; i++) {
		Py_INCREF(args[i]);
		PyTuple_SetItem(more, i - 1, args[i]);
	}
	returned = PyObject_CallObject(args[0], more);
	Py_DECREF(more);
	if (returned != NULL)
		result = fire_returned(self, returned);
	Py_XDECREF(returned);
	return result;
}

/* --- probes ----------------------------------------------------------------- */

static int
probe_bool(PyObject *self)
{
	return usdt_probe_enabled(((struct probe *)self)->probedef) != 0;
}

static PyObject *
probe_enabled(PyObject *self, void *unused)
{
	(void)unused;
	return PyBool_FromLong(probe_bool(self));
}

static PyObject *
probe_name(PyObject *self, void *unused)
{
	(void)unused;
	return decoded(((struct probe *)self)->probedef->name);
}

static PyObject *
probe_function(PyObject *self, void *unused)
{
	(void)unused;
	return decoded(((struct probe *)self)->probedef->function);
}

static PyObject *
probe_types(PyObject *self, void *unused)
{
	PyObject *types = ((struct probe *)self)->types;

	(void)unused;
	Py_INCREF(types);
	return types;
}

static PyObject *
probe_repr(PyObject *object)
{
	struct probe *self = (struct probe *)object;
	usdt_provider_t *provider =
	    ((struct provider *)self->provider)->provider;

	return PyUnicode_FromFormat("<usdt.Probe %s:%s:%s:%s>",
	    provider->name, provider->module, self->probedef->function,
	    self->probedef->name);
}

static void
probe_dealloc(PyObject *object)
{
	struct probe *self = (struct probe *)object;

	usdt_probe_release(self->probedef);
	Py_XDECREF(self->provider);
	Py_XDECREF(self->types);
	Py_XDECREF(self->to_json);
	object_free(object);
}

static PyMethodDef probe_methods[] = {
	{ "fire", (PyCFunction)(void (*)(void))probe_fire, METH_FASTCALL,
	    probe_fire_doc },
	{ "lazy", (PyCFunction)(void (*)(void))probe_lazy, METH_FASTCALL,
	    probe_lazy_doc },
	{ NULL, NULL, 0, NULL }
};

static PyGetSetDef probe_getters[] = {
	{ "enabled", probe_enabled, NULL, "Is somebody tracing it?", NULL },
	{ "name", probe_name, NULL, "What tracers call it.", NULL },
	{ "function", probe_function, NULL,
	    "The function that DTrace shows.", NULL },
	{ "types", probe_types, NULL, "The declared types.", NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};

PyDoc_STRVAR(probe_doc,
"A probe, which Provider.probe makes.  It is true while somebody traces it:\n\n"
"    if probe:\n"
"        probe.fire(status, path)");

static PyType_Slot probe_slots[] = {
	{ Py_tp_doc, (void *)(uintptr_t)probe_doc },
	{ Py_tp_dealloc, probe_dealloc },
	{ Py_tp_repr, probe_repr },
	{ Py_tp_methods, probe_methods },
	{ Py_tp_getset, probe_getters },
	{ Py_nb_bool, probe_bool },
	{ 0, NULL }
};

static PyType_Spec probe_spec = {
	.name = "usdt.Probe",
	.basicsize = sizeof(struct probe),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = probe_slots,
};

/* --- providers --------------------------------------------------------------- */

/*
 * A provider's error text is valid until the next call with that provider, so a
 * lock protects it.  A forked child gets a new lock, since another thread of
 * its parent may have held the old one.
 */
static int
provider_lock(struct provider *self)
{
	if (self->pid != getpid()) {
		PyThread_type_lock lock = PyThread_allocate_lock();

		if (lock == NULL) {
			PyErr_NoMemory();
			return 0;
		}
		self->lock = lock;
		self->pid = getpid();
	}
	if (PyThread_acquire_lock(self->lock, NOWAIT_LOCK))
		return 1;
	Py_BEGIN_ALLOW_THREADS
	PyThread_acquire_lock(self->lock, WAIT_LOCK);
	Py_END_ALLOW_THREADS
	return 1;
}

typedef int call_t(usdt_provider_t *, void *);

/* Makes a call that changes the provider, and raises its error. */
static int
provider_call(struct provider *self, call_t *call, void *argument)
{
	int result;

	if (!provider_lock(self))
		return 0;
	Py_BEGIN_ALLOW_THREADS
	result = call(self->provider, argument);
	Py_END_ALLOW_THREADS
	if (result < 0)
		raise(Py_TYPE((PyObject *)self), usdt_errstr(self->provider));
	PyThread_release_lock(self->lock);
	return result >= 0;
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
	Py_ssize_t size, count;
	usdt_field_t *fields;
};

static int
add_struct(usdt_provider_t *provider, void *argument)
{
	const struct table *table = argument;

	return usdt_provider_add_struct(provider, table->name,
	    (size_t)table->size, (size_t)table->count, table->fields);
}

static PyObject *
provider_enable(PyObject *self, PyObject *unused)
{
	(void)unused;
	if (!provider_call((struct provider *)self, enable, NULL))
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *
provider_disable(PyObject *self, PyObject *unused)
{
	(void)unused;
	if (!provider_call((struct provider *)self, disable, NULL))
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *
provider_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	static char *const names[] = { "name", "module", NULL };
	PyObject *py_name, *py_module, *object;
	const char *name, *module;
	struct provider *self;
	allocfunc allocate;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO:Provider",
	    (char **)(uintptr_t)names, &py_name, &py_module))
		return NULL;
	name = c_string(py_name, "the name of a provider");
	if (name == NULL)
		return NULL;
	module = c_string(py_module, "the module of a provider");
	if (module == NULL)
		return NULL;
	allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	object = allocate(type, 0);
	if (object == NULL)
		return NULL;
	self = (struct provider *)object;
	self->pid = getpid();
	self->lock = PyThread_allocate_lock();
	if (self->lock == NULL) {
		PyErr_NoMemory();
	} else {
		self->provider = usdt_create_provider(name, module);
		if (self->provider != NULL) {
			usdt_provider_set_texts(self->provider, 1);
			return object;
		}
		raise(type, usdt_errstr(NULL));
	}
	Py_DECREF(object);
	return NULL;
}

static void
provider_dealloc(PyObject *object)
{
	struct provider *self = (struct provider *)object;

	if (self->provider != NULL) {
		Py_BEGIN_ALLOW_THREADS
		usdt_provider_free(self->provider);
		Py_END_ALLOW_THREADS
	}
	if (self->lock != NULL && self->pid == getpid())
		PyThread_free_lock(self->lock);
	object_free(object);
}

/* TYPES to C[]; how many, or -1 with an exception. */
static Py_ssize_t
c_types(PyObject *types, const char **c)
{
	Py_ssize_t count = PyTuple_Size(types), i;

	for (i = 0; i < count && i < USDT_ARG_MAX; i++) {
		c[i] = c_string(PyTuple_GetItem(types, i),
		    "the type of an argument");
		if (c[i] == NULL)
			return -1;
	}
	return count;
}

/* add(name, function, C types, kinds, declared types, to_json): a Probe. */
static PyObject *
provider_add(PyObject *object, PyObject *args)
{
	struct provider *self = (struct provider *)object;
	struct state *state = PyType_GetModuleState(Py_TYPE(object));
	PyObject *py_name, *py_function, *types, *declared, *to_json;
	const char *name, *function, *kinds, *c[USDT_ARG_MAX];
	struct probe *probe;
	allocfunc allocate;
	Py_ssize_t count;

	if (state == NULL || !PyArg_ParseTuple(args, "OOO!sO!O:add", &py_name,
	    &py_function, &PyTuple_Type, &types, &kinds, &PyTuple_Type,
	    &declared, &to_json))
		return NULL;
	name = c_string(py_name, "the name of a probe");
	if (name == NULL)
		return NULL;
	function = c_string(py_function, "the function of a probe");
	if (function == NULL)
		return NULL;
	count = c_types(types, c);
	if (count < 0)
		return NULL;
	if (strlen(kinds) != (size_t)count) {
		PyErr_SetString(PyExc_ValueError, "each type has one kind");
		return NULL;
	}
	allocate = (allocfunc)PyType_GetSlot(state->probe_type, Py_tp_alloc);
	probe = (struct probe *)allocate(state->probe_type, 0);
	if (probe == NULL)
		return NULL;
	/* The library refuses too many types before it reads them. */
	probe->probedef = usdt_create_probe(function, name, (size_t)count, c);
	if (probe->probedef == NULL) {
		raise(Py_TYPE(object), usdt_errstr(NULL));
		Py_DECREF((PyObject *)probe);
		return NULL;
	}
	memcpy(probe->kinds, kinds, strlen(kinds));
	probe->vouched = vouch_for((size_t)count, c, kinds, "tj");
	probe->provider = object;
	Py_INCREF(object);
	probe->types = declared;
	Py_INCREF(declared);
	probe->to_json = to_json;
	Py_INCREF(to_json);
	if (!provider_call(self, add_probe, probe)) {
		Py_DECREF((PyObject *)probe);
		return NULL;
	}
	return (PyObject *)probe;
}

static PyObject *
provider_remove(PyObject *object, PyObject *probe)
{
	struct state *state = PyType_GetModuleState(Py_TYPE(object));

	if (state == NULL)
		return NULL;
	if (Py_TYPE(probe) != state->probe_type) {
		PyErr_SetString(PyExc_TypeError,
		    "what is removed must be a usdt.Probe");
		return NULL;
	}
	if (!provider_call((struct provider *)object, remove_probe,
	    ((struct probe *)probe)->probedef))
		return NULL;
	Py_RETURN_NONE;
}

/* FIELDS, a tuple of a declarator and an offset for each, to the table. */
static int
read_fields(struct table *table, PyObject *fields)
{
	PyObject *declarator;
	Py_ssize_t i, offset;

	for (i = 0; i < table->count; i++) {
		if (!PyArg_ParseTuple(PyTuple_GetItem(fields, i), "On",
		    &declarator, &offset))
			return 0;
		table->fields[i].declarator = c_string(declarator,
		    "the type of a field");
		table->fields[i].offset = (size_t)offset;
		if (table->fields[i].declarator == NULL)
			return 0;
	}
	return 1;
}

/* struct(name, size, fields) */
static PyObject *
provider_struct(PyObject *object, PyObject *args)
{
	PyObject *py_name, *fields;
	struct table table;
	int done;

	if (!PyArg_ParseTuple(args, "OnO!:struct", &py_name, &table.size,
	    &PyTuple_Type, &fields))
		return NULL;
	table.name = c_string(py_name, "the name of a struct");
	if (table.name == NULL)
		return NULL;
	table.count = PyTuple_Size(fields);
	table.fields = PyMem_Calloc((size_t)table.count + 1,
	    sizeof *table.fields);
	if (table.fields == NULL)
		return PyErr_NoMemory();
	done = read_fields(&table, fields) &&
	    provider_call((struct provider *)object, add_struct, &table);
	PyMem_Free(table.fields);
	if (!done)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *
backend_tuple(const usdt_backend_status_t *backend)
{
	return Py_BuildValue("(NiiNN)", PyBool_FromLong(backend->taken),
	    backend->error, backend->generation,
	    PyUnicode_DecodeFSDefault(backend->path), decoded(backend->reason));
}

/* status(): usdt_status_t as a tuple, in the order of provider.py's Status. */
static PyObject *
provider_status(PyObject *object, PyObject *unused)
{
	struct provider *self = (struct provider *)object;
	usdt_status_t s;

	(void)unused;
	if (usdt_provider_status(self->provider, &s) < 0)
		return raise(Py_TYPE(object), usdt_errstr(NULL));
	return Py_BuildValue("(NIIINNNn)", PyBool_FromLong(s.enabled),
	    s.probes, s.waiting, s.images, backend_tuple(&s.dof),
	    backend_tuple(&s.sdt), decoded(s.note), (Py_ssize_t)s.mappings);
}

static PyMethodDef provider_methods[] = {
	{ "add", provider_add, METH_VARARGS, NULL },
	{ "remove", provider_remove, METH_O, NULL },
	{ "struct", provider_struct, METH_VARARGS, NULL },
	{ "enable", provider_enable, METH_NOARGS, NULL },
	{ "disable", provider_disable, METH_NOARGS, NULL },
	{ "status", provider_status, METH_NOARGS, NULL },
	{ NULL, NULL, 0, NULL }
};

static PyType_Slot provider_slots[] = {
	{ Py_tp_new, provider_new },
	{ Py_tp_dealloc, provider_dealloc },
	{ Py_tp_methods, provider_methods },
	{ 0, NULL }
};

static PyType_Spec provider_spec = {
	.name = "usdt._native.Provider",
	.basicsize = sizeof(struct provider),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = provider_slots,
};

/* --- the module --------------------------------------------------------------- */

static int
module_exec(PyObject *module)
{
	struct state *state = PyModule_GetState(module);
	PyObject *provider, *probe;
	int done;

	state->error = PyErr_NewExceptionWithDoc("usdt.Error",
	    "What the library refuses or can't do; the text says why.", NULL,
	    NULL);
	probe = PyType_FromModuleAndSpec(module, &probe_spec, NULL);
	state->probe_type = (PyTypeObject *)probe;
	if (state->error == NULL || probe == NULL)
		return -1;
	provider = PyType_FromModuleAndSpec(module, &provider_spec, NULL);
	if (provider == NULL)
		return -1;
	done = PyModule_AddObjectRef(module, "Provider", provider) == 0 &&
	    PyModule_AddObjectRef(module, "Probe", probe) == 0 &&
	    PyModule_AddObjectRef(module, "Error", state->error) == 0;
	Py_DECREF(provider);
	return done ? 0 : -1;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
	struct state *state = PyModule_GetState(module);

	Py_VISIT(state->probe_type);
	Py_VISIT(state->error);
	return 0;
}

static int
module_clear(PyObject *module)
{
	struct state *state = PyModule_GetState(module);

	Py_CLEAR(state->probe_type);
	Py_CLEAR(state->error);
	return 0;
}

static void
module_free(void *module)
{
	module_clear((PyObject *)module);
}

static PyModuleDef_Slot module_slots[] = {
	{ Py_mod_exec, module_exec },
	{ 0, NULL }
};

static struct PyModuleDef module_def = {
	PyModuleDef_HEAD_INIT,
	.m_name = "usdt._native",
	.m_doc = "libusdt for the package usdt, which has the interface.",
	.m_size = sizeof(struct state),
	.m_slots = module_slots,
	.m_traverse = module_traverse,
	.m_clear = module_clear,
	.m_free = module_free,
};

PyMODINIT_FUNC
PyInit__native(void)
{
	return PyModuleDef_Init(&module_def);
}
