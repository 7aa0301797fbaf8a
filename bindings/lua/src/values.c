/*
 * values.c - how do declared types become those of C, and values words?
 *
 * A value's own code runs for its text only (__tostring).  JSON is made of what
 * tables hold themselves, without their metatables.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#include "values.h"

/* LuaJIT's numbers of 64 bits have a type of their own. */
#define TYPE_CDATA	10

/* --- types ------------------------------------------------------------------ */

/* A word or another character of a type. */
struct token {
	const char *at;
	size_t length;
};

/* More than a type of text has. */
#define TOKENS		12

static int
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

/* The tokens of TEXT, and whether it ends with them or at a single ':'. */
static int
split(const char *text, struct token *tokens, int *translated)
{
	int count = 0;

	for (;;) {
		text += strspn(text, " ");
		*translated = *text == ':' && text[1] != ':';
		if (*text == '\0' || *translated)
			return count;
		if (count == TOKENS)
			return 0;
		tokens[count].at = text;
		tokens[count].length = 1;
		if (is_word(*text))
			while (is_word(text[tokens[count].length]))
				tokens[count].length++;
		text += tokens[count++].length;
	}
}

static int
is(const struct token *token, const char *word)
{
	return strlen(word) == token->length &&
	    memcmp(token->at, word, token->length) == 0;
}

static int
is_one_of(const struct token *token, const char *const *words)
{
	for (; *words != NULL; words++)
		if (is(token, *words))
			return 1;
	return 0;
}

/* Are the tokens from I on a name, or none at all? */
static int
end_with_name(const struct token *tokens, int count, int i)
{
	return i == count || (i + 1 == count && is_word(*tokens[i].at));
}

/* "char *", "const char *url" */
static int
is_text(const struct token *tokens, int count)
{
	static const char *const around[] = {
		"const", "volatile", "signed", "unsigned", NULL
	};
	static const char *const behind[] = {
		"const", "volatile", "restrict", NULL
	};
	int i = 0, chars = 0;

	for (; i < count && (is(&tokens[i], "char") ||
	    is_one_of(&tokens[i], around)); i++)
		chars += is(&tokens[i], "char");
	if (chars != 1 || i == count || !is(&tokens[i++], "*"))
		return 0;
	while (i < count && is_one_of(&tokens[i], behind))
		i++;
	return end_with_name(tokens, count, i);
}

/* How many tokens are a type that is sent as text, because no tracer reads it? */
static int
sent_as_text(const struct token *tokens, int count)
{
	static const char *const types[] = { "json", "float", "double", NULL };

	if (count > 0 && is_one_of(tokens, types))
		return 1;
	if (count > 1 && is(tokens, "long") && is(&tokens[1], "double"))
		return 2;
	return 0;
}

enum kind
values_type(const char *declared, char out[TYPE_SIZE])
{
	struct token tokens[TOKENS];
	int translated, count, type;

	if (strlen(declared) >= TYPE_SIZE)
		return KIND_INTEGER;
	strcpy(out, declared);
	count = split(declared, tokens, &translated);
	type = sent_as_text(tokens, count);
	if (type > 0 && !translated && end_with_name(tokens, count, type)) {
		snprintf(out, TYPE_SIZE, "char *%.*s",
		    type < count ? (int)tokens[type].length : 0,
		    type < count ? tokens[type].at : "");
		return is(tokens, "json") ? KIND_JSON : KIND_TEXT;
	}
	if (is_text(tokens, count))
		return KIND_TEXT;
	return strchr(declared, '*') != NULL ? KIND_POINTER : KIND_INTEGER;
}

/* --- integers --------------------------------------------------------------- */

/* A number modulo 2^64, cut towards 0. */
static uint64_t
wrapped(double number)
{
	double rest;

	if (!isfinite(number))
		return 0;
	rest = fmod(trunc(number), 18446744073709551616.0);
	return rest < 0 ? -(uint64_t)-rest : (uint64_t)rest;
}

/* Decimal digits, with END behind them, modulo 2^64. */
static int
read_digits(const char *text, size_t length, const char *end, uint64_t *out)
{
	const char *stop = text + length, *first;
	uint64_t number = 0;
	int minus;

	while (text < stop && *text == ' ')
		text++;
	minus = text < stop && *text == '-';
	if (text < stop && (*text == '-' || *text == '+'))
		text++;
	for (first = text; text < stop && *text >= '0' && *text <= '9'; text++)
		number = number * 10 + (uint64_t)(*text - '0');
	if (text == first)
		return 0;
	while (text < stop && *text == ' ')
		text++;
	if ((size_t)(stop - text) != strlen(end) ||
	    memcmp(text, end, strlen(end)) != 0)
		return 0;
	*out = minus ? -number : number;
	return 1;
}

static const char *own_text(lua_State *L, int index);

/* LuaJIT's 64 bits are read from their text, which is pushed; NULL: it is none
 * of a number. */
static const char *
push_cdata(lua_State *L, int index, uint64_t *out)
{
	const char *text;

	lua_pushvalue(L, index);
	text = own_text(L, lua_gettop(L));
	return text != NULL &&
	    (read_digits(text, strlen(text), "LL", out) ||
	    read_digits(text, strlen(text), "ULL", out)) ? text : NULL;
}

static int
read_cdata(lua_State *L, int index, uint64_t *out)
{
	int read = push_cdata(L, index, out) != NULL;

	lua_pop(L, 1);
	return read;
}

static uint64_t
integer(lua_State *L, int index)
{
	uint64_t number = 0;
	const char *text;
	size_t length;

	switch (lua_type(L, index)) {
	case LUA_TNUMBER:
#if LUA_VERSION_NUM >= 503
		if (lua_isinteger(L, index))
			return (uint64_t)lua_tointeger(L, index);
#endif
		return wrapped((double)lua_tonumber(L, index));
	case LUA_TSTRING:
		text = lua_tolstring(L, index, &length);
		if (!read_digits(text, length, "", &number) &&
		    lua_isnumber(L, index))
			number = wrapped((double)lua_tonumber(L, index));
		return number;
	case LUA_TBOOLEAN:
		return (uint64_t)lua_toboolean(L, index);
	case LUA_TLIGHTUSERDATA:
		return (uint64_t)(uintptr_t)lua_touserdata(L, index);
	case TYPE_CDATA:
		read_cdata(L, index, &number);
		return number;
	default:
		return 0;
	}
}

/* --- tables ----------------------------------------------------------------- */

int
values_count(lua_State *L, int index)
{
	int count = 0;

	for (lua_pushnil(L); lua_next(L, index); count++)
		lua_pop(L, 1);
	return count;
}

/* --- text ------------------------------------------------------------------- */

/* What __tostring makes of the value, in its place; NULL if it raises. */
static const char *
called_text(lua_State *L, int index)
{
	lua_pushvalue(L, index);
	if (lua_pcall(L, 1, 1, 0) != 0 || !lua_isstring(L, -1)) {
		lua_pop(L, 1);
		return NULL;
	}
	lua_replace(L, index);
	return lua_tostring(L, index);
}

/* What tostring would return, in the value's place; NULL if it would raise. */
static const char *
own_text(lua_State *L, int index)
{
	const char *name;

	if (luaL_getmetafield(L, index, "__tostring"))
		return called_text(L, index);
	if (lua_type(L, index) == LUA_TBOOLEAN) {
		lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
	} else {
		name = luaL_typename(L, index);
#if LUA_VERSION_NUM >= 503
		if (luaL_getmetafield(L, index, "__name")) {
			if (lua_type(L, -1) == LUA_TSTRING)
				name = lua_tostring(L, -1);
			lua_pop(L, 1);	/* its metatable holds it */
		}
#endif
		lua_pushfstring(L, "%s: %p", name, lua_topointer(L, index));
	}
	lua_replace(L, index);
	return lua_tostring(L, index);
}

static const char *
text_of(lua_State *L, int index)
{
	switch (lua_type(L, index)) {
	case LUA_TNIL:
		return NULL;
	case LUA_TSTRING:
	case LUA_TNUMBER:
		return lua_tostring(L, index);
	default:
		return own_text(L, index);
	}
}

/* --- pointers --------------------------------------------------------------- */

/*
 * LuaJIT's text of a struct, an array or a pointer ends with the address of the
 * memory.  Types may have a __tostring of their own.
 */
static uint64_t
cdata_address(lua_State *L, int index)
{
	uint64_t address = 0;
	const char *text, *at;

	if (read_cdata(L, index, &address))
		return address;
	lua_pushvalue(L, index);
	text = own_text(L, lua_gettop(L));
	at = text != NULL && strncmp(text, "cdata<", 6) == 0 ?
	    strstr(text, ">: 0x") : NULL;
	if (at != NULL)
		address = strtoull(at + 3, NULL, 16);
	lua_pop(L, 1);
	return address;
}

static uint64_t
pointer(lua_State *L, int index)
{
	switch (lua_type(L, index)) {
	case LUA_TSTRING:
		return (uint64_t)(uintptr_t)lua_tostring(L, index);
	case LUA_TUSERDATA:
		return (uint64_t)(uintptr_t)lua_touserdata(L, index);
	case TYPE_CDATA:
		return cdata_address(L, index);
	default:
		return integer(L, index);
	}
}

/* --- JSON ------------------------------------------------------------------- */

/* Tables in tables, and slots of the stack that each takes. */
#define DEPTH		100
#define SLOTS		8

struct writer {
	lua_State *L;
	int slot;		/* of the userdata that has the bytes */
	char *bytes;
	size_t length, size;
	char why[80];		/* there is no JSON */
};

static void
put(struct writer *w, const char *bytes, size_t length)
{
	if (length > w->size - w->length) {
		size_t size = (w->size + length) * 2;
		char *more = lua_newuserdata(w->L, size);

		memcpy(more, w->bytes, w->length);
		lua_replace(w->L, w->slot);
		w->bytes = more;
		w->size = size;
	}
	memcpy(w->bytes + w->length, bytes, length);
	w->length += length;
}

/* How many bytes are one character of UTF-8; 0: none. */
static size_t
utf8_length(const unsigned char *s, size_t left)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 :
	    s[0] < 0xf0 ? 3 : s[0] < 0xf8 ? 4 : 0, i;
	unsigned code;

	if (length < 2 || length > left)
		return length == 1;
	code = s[0] & (0x7fu >> length);
	for (i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3fu);
	}
	return code < least[length] || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

static void
put_string(struct writer *w, const char *text, size_t length)
{
	static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	const char *stop = text + length, *name;
	char escape[8];
	size_t bytes;

	put(w, "\"", 1);
	for (; text < stop; text += bytes) {
		bytes = utf8_length((const unsigned char *)text,
		    (size_t)(stop - text));
		for (name = named; *name != '\0' && *name != *text; name += 2)
			;
		if (*name != '\0') {
			escape[0] = '\\';
			escape[1] = name[1];
			put(w, escape, 2);
		} else if (*text >= 0 && *text < 0x20) {
			snprintf(escape, sizeof(escape), "\\u%04x",
			    (unsigned)*text);
			put(w, escape, 6);
		} else if (bytes == 0) {
			put(w, "?", 1);
			bytes = 1;
		} else {
			put(w, text, bytes);
		}
	}
	put(w, "\"", 1);
}

/* The shortest text that is this number again, without the locale's point. */
static int
number_text(double number, char out[32])
{
	int digits = 14, i;

	if (!isfinite(number))
		return 0;
	do {
		snprintf(out, 32, "%.*g", digits, number);
	} while (strtod(out, NULL) != number && digits++ < 17);
	for (i = 0; out[i] != '\0'; i++)
		if (strchr("+-0123456789e", out[i]) == NULL)
			out[i] = '.';
	return 1;
}

/* The number at INDEX, or why there is none. */
static int
number_at(lua_State *L, int index, char out[32])
{
#if LUA_VERSION_NUM >= 503
	if (lua_isinteger(L, index)) {
		snprintf(out, 32, "%lld", (long long)lua_tointeger(L, index));
		return 1;
	}
#endif
	return number_text((double)lua_tonumber(L, index), out);
}

/* A key of an object. */
struct key {
	const char *text;	/* NULL: it is NUMBER */
	size_t length;
	int position;		/* of its value */
	char number[32];
};

static const char *
key_text(const struct key *key)
{
	return key->text != NULL ? key->text : key->number;
}

static int
compare(const void *one, const void *other)
{
	const struct key *a = one, *b = other;
	size_t shorter = a->length < b->length ? a->length : b->length;
	int order = memcmp(key_text(a), key_text(b), shorter);

	if (order == 0)
		order = (a->length > b->length) - (a->length < b->length);
	return order;
}

static int
lacks(struct writer *w, const char *what)
{
	snprintf(w->why, sizeof(w->why), "%s has no JSON", what);
	return 0;
}

static int put_value(struct writer *w, int index, int depth);

static int
put_array(struct writer *w, int index, int count, int depth)
{
	int i, whole = 1;

	put(w, "[", 1);
	for (i = 1; i <= count && whole; i++) {
		if (i > 1)
			put(w, ",", 1);
		lua_rawgeti(w->L, index, i);
		whole = put_value(w, lua_gettop(w->L), depth);
		lua_pop(w->L, 1);
	}
	put(w, "]", 1);
	return whole;
}

/* The table's keys to KEYS, of COUNT, and its values and keys to the array at
 * VALUES, which keeps them.  How many, or -1. */
static int
list_members(struct writer *w, int index, struct key *keys, int count,
    int values)
{
	int i = 0;

	for (lua_pushnil(w->L); lua_next(w->L, index); i++) {
		struct key *key = &keys[i];

		if (lua_type(w->L, -2) == LUA_TSTRING) {
			key->text = lua_tolstring(w->L, -2, &key->length);
		} else if (lua_type(w->L, -2) == LUA_TNUMBER &&
		    number_at(w->L, -2, key->number)) {
			key->text = NULL;
			key->length = strlen(key->number);
		} else {
			lua_pop(w->L, 2);
			lacks(w, "a key that is neither text nor a "
			    "finite number");
			return -1;
		}
		key->position = i + 1;
		lua_rawseti(w->L, values, key->position);
		lua_pushvalue(w->L, -1);
		lua_rawseti(w->L, values, count + key->position);
	}
	return i;
}

static int
put_object(struct writer *w, int index, int depth)
{
	int count, values, whole, i;
	struct key *keys;

	for (;;) {
		count = values_count(w->L, index);
		keys = lua_newuserdata(w->L, ((size_t)count + 1) *
		    sizeof(*keys));
		lua_createtable(w->L, 2 * count, 0);
		/* Finalizers may have run, and have added members. */
		if (values_count(w->L, index) <= count)
			break;
		lua_pop(w->L, 2);
	}
	values = lua_gettop(w->L);
	count = list_members(w, index, keys, count, values);
	whole = count >= 0;
	if (whole)
		qsort(keys, (size_t)count, sizeof(*keys), compare);
	put(w, "{", 1);
	for (i = 0; i < count && whole; i++) {
		if (i > 0)
			put(w, ",", 1);
		put_string(w, key_text(&keys[i]), keys[i].length);
		put(w, ":", 1);
		lua_rawgeti(w->L, values, keys[i].position);
		whole = put_value(w, values + 1, depth);
		lua_pop(w->L, 1);
	}
	put(w, "}", 1);
	lua_pop(w->L, 2);
	return whole;
}

/* A table whose keys are 1 to n is an array, unless it is empty. */
static int
put_table(struct writer *w, int index, int depth)
{
	int count = 0, numbered = 0;

	if (depth == DEPTH || !lua_checkstack(w->L, SLOTS))
		return lacks(w, "a table in itself, or in 100 others,");
	for (lua_pushnil(w->L); lua_next(w->L, index); count++) {
		lua_pop(w->L, 1);
		lua_rawgeti(w->L, index, count + 1);
		numbered += !lua_isnil(w->L, -1);
		lua_pop(w->L, 1);
	}
	return count > 0 && numbered == count ?
	    put_array(w, index, count, depth + 1) :
	    put_object(w, index, depth + 1);
}

static int
put_value(struct writer *w, int index, int depth)
{
	const char *text;
	char number[32];
	size_t length;
	uint64_t n;

	switch (lua_type(w->L, index)) {
	case LUA_TNIL:
		put(w, "null", 4);
		return 1;
	case LUA_TBOOLEAN:
		text = lua_toboolean(w->L, index) ? "true" : "false";
		put(w, text, strlen(text));
		return 1;
	case LUA_TNUMBER:
		if (!number_at(w->L, index, number))
			return lacks(w, "a number that is not finite");
		put(w, number, strlen(number));
		return 1;
	case LUA_TSTRING:
		text = lua_tolstring(w->L, index, &length);
		put_string(w, text, length);
		return 1;
	case LUA_TTABLE:
		return put_table(w, index, depth);
	case LUA_TLIGHTUSERDATA:
		if (lua_touserdata(w->L, index) != NULL)
			break;
		put(w, "null", 4);
		return 1;
	case TYPE_CDATA:
		text = push_cdata(w->L, index, &n);
		if (text != NULL)
			put(w, text, strspn(text, "-0123456789"));
		lua_pop(w->L, 1);
		if (text == NULL)
			break;
		return 1;
	}
	snprintf(number, sizeof(number), "a %s", luaL_typename(w->L, index));
	return lacks(w, number);
}

static const char *
json_of(lua_State *L, int index)
{
	struct writer w = { L, 0, NULL, 0, 256, "" };

	w.bytes = lua_newuserdata(L, w.size);
	w.slot = lua_gettop(L);
	if (!put_value(&w, index, 0)) {
		lua_settop(L, w.slot);
		w.length = 0;
		put(&w, "{\"error\":", 9);
		put_string(&w, w.why, strlen(w.why));
		put(&w, "}", 1);
	}
	put(&w, "", 1);
	lua_replace(L, index);
	return w.bytes;
}

/* ---------------------------------------------------------------------------- */

void *
values_word(lua_State *L, int index, enum kind kind)
{
	switch (kind) {
	case KIND_TEXT:
		return (void *)(uintptr_t)text_of(L, index);
	case KIND_JSON:
		return (void *)(uintptr_t)json_of(L, index);
	case KIND_POINTER:
		return (void *)(uintptr_t)pointer(L, index);
	default:
		return (void *)(uintptr_t)integer(L, index);
	}
}
