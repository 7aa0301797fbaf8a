/* python_empty.c - what does Python take for a method of C that does nothing? */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <Python.h>

static PyObject *
call(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
	(void)self;
	(void)args;
	(void)count;
	Py_RETURN_FALSE;
}

static PyMethodDef methods[] = {
	{ "call", (PyCFunction)(void (*)(void))call, METH_FASTCALL, NULL },
	{ NULL, NULL, 0, NULL }
};

static PyType_Slot slots[] = {
	{ Py_tp_methods, methods },
	{ 0, NULL }
};

static PyType_Spec spec = {
	.name = "python_empty.Empty",
	.basicsize = sizeof(PyObject),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = slots,
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "python_empty",
	.m_size = -1,
};

PyMODINIT_FUNC
PyInit_python_empty(void)
{
	PyObject *module = PyModule_Create(&definition);

	if (module != NULL)
		PyModule_AddObject(module, "Empty", PyType_FromSpec(&spec));
	return module;
}
