/*
 * values.h - how do declared types become those of C, and values words?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef VALUES_H
#define VALUES_H

#include <lua.h>

/* How a value becomes a word. */
enum kind {
	KIND_INTEGER = 'i',
	KIND_TEXT = 't',
	KIND_JSON = 'j',
	KIND_POINTER = 'p'	/* bytes, or an address */
};

/* The library refuses longer types. */
#define TYPE_SIZE	128

/*
 * How values of a declared type become words.  OUT gets the type that tracers
 * see: DECLARED, but "char *" for what is sent as a text.
 */
enum kind values_type(const char *declared, char out[TYPE_SIZE]);

/*
 * The word of the value at INDEX, which is not negative.  If the word is a
 * pointer, what it points to takes the value's place on the stack.  The only
 * error that it raises is that memory ran out.
 */
void *values_word(lua_State *L, int index, enum kind kind);

/* How many values has the table at INDEX, which is not negative?  Allocating
 * memory may run finalizers, which may change it. */
int values_count(lua_State *L, int index);

#endif
