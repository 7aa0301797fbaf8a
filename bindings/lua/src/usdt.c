/*
 * usdt.c - how do Lua's providers and probes become libusdt's?
 *
 * One source for Lua 5.1 to 5.4 and LuaJIT.
 *
 * Lifetimes.  A provider and each of its probes hold a struct home, which is
 * counted.  So a provider is freed when the program can reach neither it nor
 * one of its probes, and neither has to hold another object of Lua's.  All of
 * it belongs to one Lua state, which only one thread runs at a time.
 *
 * Cost.  A method has to look whether its object is one of ours.  Asking for its
 * metatable would cost more than the rest, so objects begin with a mark.  The
 * closures of probe:functions() need not look: their probe is an upvalue, which
 * no program can change.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#include "usdt.h"
#include "values.h"
#include "vouch.h"

#if LUA_VERSION_NUM < 502
#define lua_rawlen	lua_objlen
#endif

/*
 * What a provider takes, for the collector.  Its few objects of Lua's would not
 * make the collector run before the process has no more mappings.
 */
#define WEIGHT		(16 * 1024)

struct home {
	usdt_provider_t *provider;
	unsigned references;
	int live;			/* enabled by the program */
};

/*
 * What an object begins with, while it is not collected: the address of one of
 * the two names.  No other module's object has that.
 */
struct mark {
	const char *what;
};

static const char a_provider[] = "provider", a_probe[] = "probe";

struct provider {
	struct mark mark;
	struct home *home;		/* NULL: collected */
	char weight[WEIGHT];
};

struct probe {
	struct mark mark;
	usdt_probedef_t *probedef;	/* NULL: collected */
	struct home *home;
	char kinds[USDT_ARG_MAX];
	char declared[1];		/* types, one after the other */
};

/* What each function has as upvalues: the metatables. */
#define PROVIDER	lua_upvalueindex(1)
#define PROBE		lua_upvalueindex(2)

/* --- objects ---------------------------------------------------------------- */

/* nil and the text of the library's error. */
static int
refused(lua_State *L, const char *text)
{
	lua_pushnil(L);
	lua_pushstring(L, text);
	return 2;
}

static int
done(lua_State *L)
{
	lua_pushboolean(L, 1);
	return 1;
}

static void *
object(lua_State *L, int index, int metatable, const char *what)
{
	struct mark *found = lua_touserdata(L, index);

	if (found != NULL && lua_rawlen(L, index) >= sizeof(*found) &&
	    found->what == what)
		return found;
	if (found != NULL && lua_getmetatable(L, index)) {
		int same = lua_rawequal(L, -1, metatable);

		lua_pop(L, 1);
		if (same)
			return found;	/* collected */
	}
	luaL_argerror(L, index, lua_pushfstring(L, "%s expected, got %s", what,
	    luaL_typename(L, index)));
	return NULL;
}

/* While a state is closed, code may still run with objects that are collected. */
static struct home *
home_of(lua_State *L)
{
	struct provider *self = object(L, 1, PROVIDER, a_provider);

	if (self->home == NULL)
		luaL_error(L, "the provider is collected");
	return self->home;
}

static struct probe *
probe_at(lua_State *L, int index)
{
	struct probe *probe = object(L, index, PROBE, a_probe);

	if (probe->probedef == NULL)
		luaL_error(L, "the probe is collected");
	return probe;
}

static void
home_release(struct home *home)
{
	if (home == NULL || --home->references > 0)
		return;
	usdt_provider_free(home->provider);
	free(home);
}

/* A string for the library. */
static const char *
c_string(lua_State *L, int index)
{
	size_t length;
	const char *text = luaL_checklstring(L, index, &length);

	if (strlen(text) != length)
		luaL_argerror(L, index, "there is a NUL in it");
	return text;
}

/* --- firing ----------------------------------------------------------------- */

static int
tested(const struct probe *probe)
{
	return probe->probedef != NULL && usdt_probe_enabled(probe->probedef);
}

/* With the values from FIRST on. */
static int
fire(lua_State *L, struct probe *self, int first)
{
	void *words[USDT_ARG_MAX];
	size_t argc = self->probedef->argc, i;
	int given = lua_gettop(L) - first + 1;

	if (given < 0)
		given = 0;
	if ((size_t)given < argc)
		argc = (size_t)given;
	luaL_checkstack(L, LUA_MINSTACK, "no room for values");
	for (i = 0; i < argc; i++)
		words[i] = values_word(L, first + (int)i,
		    (enum kind)self->kinds[i]);
	usdt_probe_fire(self->probedef, argc, words);
	return done(L);
}

static int
not_fired(lua_State *L)
{
	lua_pushboolean(L, 0);
	return 1;
}

/* With what the function at INDEX returns for the values behind it. */
static int
fire_lazily(lua_State *L, struct probe *self, int index)
{
	lua_call(L, lua_gettop(L) - index, LUA_MULTRET);
	return fire(L, self, index);
}

static int
closure_fire(lua_State *L)
{
	struct probe *self = lua_touserdata(L, lua_upvalueindex(1));

	return tested(self) ? fire(L, self, 1) : not_fired(L);
}

static int
closure_enabled(lua_State *L)
{
	lua_pushboolean(L, tested(lua_touserdata(L, lua_upvalueindex(1))));
	return 1;
}

static int
closure_lazy(lua_State *L)
{
	struct probe *self = lua_touserdata(L, lua_upvalueindex(1));

	return tested(self) ? fire_lazily(L, self, 1) : not_fired(L);
}

/* probe:fire(...): whether somebody traced it. */
static int
probe_fire(lua_State *L)
{
	struct probe *self = object(L, 1, PROBE, a_probe);

	return tested(self) ? fire(L, self, 2) : not_fired(L);
}

/* probe:enabled(): is somebody tracing it? */
static int
probe_enabled(lua_State *L)
{
	lua_pushboolean(L, tested(object(L, 1, PROBE, a_probe)));
	return 1;
}

/* probe:lazy(f, ...): fires with what f(...) returns. */
static int
probe_lazy(lua_State *L)
{
	struct probe *self = object(L, 1, PROBE, a_probe);

	luaL_checkany(L, 2);
	return tested(self) ? fire_lazily(L, self, 2) : not_fired(L);
}

/* --- probes ----------------------------------------------------------------- */

/* probe:functions(): fire, enabled and lazy without their first argument. */
static int
probe_functions(lua_State *L)
{
	static const lua_CFunction closures[] = {
		closure_fire, closure_enabled, closure_lazy
	};
	int i;

	probe_at(L, 1);
	for (i = 0; i < 3; i++) {
		lua_pushvalue(L, 1);
		lua_pushcclosure(L, closures[i], 1);
	}
	return 3;
}

static int
probe_name(lua_State *L)
{
	lua_pushstring(L, probe_at(L, 1)->probedef->name);
	return 1;
}

static int
probe_func(lua_State *L)
{
	lua_pushstring(L, probe_at(L, 1)->probedef->function);
	return 1;
}

/* probe:types(): as they were declared. */
static int
probe_types(lua_State *L)
{
	struct probe *self = probe_at(L, 1);
	const char *type = self->declared;
	size_t i;

	lua_createtable(L, (int)self->probedef->argc, 0);
	for (i = 0; i < self->probedef->argc; i++) {
		lua_pushstring(L, type);
		lua_rawseti(L, -2, (int)i + 1);
		type += strlen(type) + 1;
	}
	return 1;
}

static int
probe_tostring(lua_State *L)
{
	struct probe *self = object(L, 1, PROBE, a_probe);

	if (self->probedef == NULL)
		lua_pushliteral(L, "probe (collected)");
	else
		lua_pushfstring(L, "probe %s:%s:%s:%s",
		    self->home->provider->name, self->home->provider->module,
		    self->probedef->function, self->probedef->name);
	return 1;
}

static int
probe_gc(lua_State *L)
{
	struct probe *self = object(L, 1, PROBE, a_probe);

	self->mark.what = NULL;
	usdt_probe_release(self->probedef);
	self->probedef = NULL;
	home_release(self->home);
	self->home = NULL;
	return 0;
}

/* --- providers -------------------------------------------------------------- */

/* usdt.provider(name [, module]) */
static int
provider_new(lua_State *L)
{
	const char *name = c_string(L, 1), *module = "lua";
	struct provider *self;

	if (!lua_isnoneornil(L, 2))
		module = c_string(L, 2);
	self = lua_newuserdata(L, sizeof(*self));
	self->mark.what = a_provider;
	self->home = NULL;
	lua_pushvalue(L, PROVIDER);
	lua_setmetatable(L, -2);
	self->home = calloc(1, sizeof(*self->home));
	if (self->home == NULL)
		return refused(L, "failed to allocate memory");
	self->home->references = 1;
	self->home->provider = usdt_create_provider(name, module);
	if (self->home->provider == NULL)
		return refused(L, usdt_errstr(NULL));
	usdt_provider_set_texts(self->home->provider, 1);
	return 1;
}

/* provider:enable(): true, or nil and why nothing shows the probes. */
static int
provider_enable(lua_State *L)
{
	struct home *home = home_of(L);

	if (usdt_provider_enable(home->provider) < 0)
		return refused(L, usdt_errstr(home->provider));
	home->live = 1;
	return done(L);
}

/* provider:disable(): true, or nil and a text. */
static int
provider_disable(lua_State *L)
{
	struct home *home = home_of(L);

	home->live = 0;
	if (usdt_provider_disable(home->provider) < 0)
		return refused(L, usdt_errstr(home->provider));
	return done(L);
}

/*
 * The types from INDEX on: DECLARED gets them one after the other, C pointers
 * to those for tracers, in OUT.
 */
static void
c_types(lua_State *L, int index, int count, struct probe *probe, const char **c,
    char out[][TYPE_SIZE])
{
	char *declared = probe->declared;
	int i;

	for (i = 0; i < count; i++) {
		strcpy(declared, lua_tostring(L, index + i));
		probe->kinds[i] = (char)values_type(declared, out[i]);
		c[i] = strlen(declared) < TYPE_SIZE ? out[i] : declared;
		declared += strlen(declared) + 1;
	}
}

/* The bytes that the types from INDEX on take, which are checked. */
static size_t
types_size(lua_State *L, int index, int count)
{
	size_t size = 0;
	int i;

	for (i = 0; i < count; i++) {
		luaL_checktype(L, index + i, LUA_TSTRING);
		size += strlen(c_string(L, index + i)) + 1;
	}
	return size;
}

/* provider:probe(func, name, ...types): a probe, or nil and why not. */
static int
provider_probe(lua_State *L)
{
	struct home *home = home_of(L);
	const char *func = c_string(L, 2), *name = c_string(L, 3);
	int given = lua_gettop(L) - 3;
	int count = given < USDT_ARG_MAX ? given : USDT_ARG_MAX;
	size_t size = types_size(L, 4, count);
	char out[USDT_ARG_MAX][TYPE_SIZE];
	const char *c[USDT_ARG_MAX];
	struct probe *probe;

	luaL_checkstack(L, LUA_MINSTACK, "no room for a probe");
	probe = lua_newuserdata(L, sizeof(*probe) + size);
	memset(probe, 0, sizeof(*probe));
	probe->mark.what = a_probe;
	lua_pushvalue(L, PROBE);
	lua_setmetatable(L, -2);
	c_types(L, 4, count, probe, c, out);
	/* The library refuses too many types before it reads them. */
	probe->probedef = usdt_create_probe(func, name, (size_t)given, c);
	if (probe->probedef == NULL)
		return refused(L, usdt_errstr(NULL));
	probe->home = home;
	home->references++;
	if (vouch_add(home->provider, probe->probedef, vouch_for((size_t)count,
	    c, probe->kinds, "tj")) < 0)
		return refused(L, usdt_errstr(home->provider));
	if (home->live && usdt_provider_enable(home->provider) < 0) {
		refused(L, usdt_errstr(home->provider));
		usdt_provider_remove_probe(home->provider, probe->probedef);
		return 2;
	}
	return 1;
}

/* A size or an offset in bytes. */
static size_t
bytes_at(lua_State *L, int index, int argument)
{
	lua_Number number = lua_tonumber(L, index);

	if (lua_type(L, index) != LUA_TNUMBER || !(number >= 0) ||
	    number > INT_MAX || number != (lua_Number)(int)number)
		luaL_argerror(L, argument, "not a number of bytes");
	return (size_t)number;
}

/*
 * The fields of the table at INDEX, from declarations, which it keeps, to
 * offsets; in a userdata, on the stack behind it.
 */
static usdt_field_t *
fields_at(lua_State *L, int index, size_t *count)
{
	usdt_field_t *fields;
	size_t i = 0, room;

	luaL_checktype(L, index, LUA_TTABLE);
	lua_settop(L, index + 1);
	do {
		room = (size_t)values_count(L, index);
		fields = lua_newuserdata(L, (room + 1) * sizeof(*fields));
		lua_replace(L, index + 1);
		*count = (size_t)values_count(L, index);
	} while (*count > room);
	for (lua_pushnil(L); lua_next(L, index); i++) {
		fields[i].declarator = lua_type(L, -2) == LUA_TSTRING ?
		    lua_tostring(L, -2) : NULL;
		if (fields[i].declarator == NULL ||
		    strlen(fields[i].declarator) != lua_rawlen(L, -2))
			luaL_argerror(L, index, "a field is a string without "
			    "NUL");
		fields[i].offset = bytes_at(L, -1, index);
		lua_pop(L, 1);
	}
	return fields;
}

/* provider:struct(name, size, fields): what arguments of such a type point to */
static int
provider_struct(lua_State *L)
{
	struct home *home = home_of(L);
	const char *name = c_string(L, 2);
	size_t size = bytes_at(L, 3, 3), count;
	usdt_field_t *fields = fields_at(L, 4, &count);

	if (usdt_provider_add_struct(home->provider, name, size, count,
	    fields) < 0)
		return refused(L, usdt_errstr(home->provider));
	return done(L);
}

/* provider:remove(probe): it never fires for this provider again. */
static int
provider_remove(lua_State *L)
{
	struct home *home = home_of(L);
	struct probe *probe = probe_at(L, 2);

	if (usdt_provider_remove_probe(home->provider, probe->probedef) < 0)
		return refused(L, usdt_errstr(home->provider));
	return done(L);
}

static void
set_boolean(lua_State *L, const char *name, int value)
{
	lua_pushboolean(L, value);
	lua_setfield(L, -2, name);
}

static void
set_number(lua_State *L, const char *name, lua_Integer value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, name);
}

static void
set_text(lua_State *L, const char *name, const char *value)
{
	lua_pushstring(L, value);
	lua_setfield(L, -2, name);
}

static void
set_backend(lua_State *L, const char *name, const usdt_backend_status_t *from)
{
	lua_createtable(L, 0, 5);
	set_boolean(L, "taken", from->taken);
	set_number(L, "errno", from->error);
	set_number(L, "generation", from->generation);
	set_text(L, "path", from->path);
	set_text(L, "reason", from->reason);
	lua_setfield(L, -2, name);
}

/* provider:status(): what shows the probes, where, and if nothing, why. */
static int
provider_status(lua_State *L)
{
	struct home *home = home_of(L);
	usdt_status_t s;

	if (usdt_provider_status(home->provider, &s) < 0)
		return refused(L, usdt_errstr(NULL));
	lua_createtable(L, 0, 8);
	set_boolean(L, "enabled", s.enabled);
	set_number(L, "probes", (lua_Integer)s.probes);
	set_number(L, "waiting", (lua_Integer)s.waiting);
	set_number(L, "images", (lua_Integer)s.images);
	set_backend(L, "dof", &s.dof);
	set_backend(L, "sdt", &s.sdt);
	set_text(L, "note", s.note);
	set_number(L, "mappings", (lua_Integer)s.mappings);
	return 1;
}

static int
provider_name(lua_State *L)
{
	lua_pushstring(L, home_of(L)->provider->name);
	return 1;
}

static int
provider_module(lua_State *L)
{
	lua_pushstring(L, home_of(L)->provider->module);
	return 1;
}

static int
provider_tostring(lua_State *L)
{
	struct provider *self = object(L, 1, PROVIDER, a_provider);

	if (self->home == NULL)
		lua_pushliteral(L, "provider (collected)");
	else
		lua_pushfstring(L, "provider %s:%s", self->home->provider->name,
		    self->home->provider->module);
	return 1;
}

/* The end of the block of "local provider <close>". */
static int
provider_close(lua_State *L)
{
	return provider_disable(L) == 1 ? 0 : lua_error(L);
}

static int
provider_gc(lua_State *L)
{
	struct provider *self = object(L, 1, PROVIDER, a_provider);

	self->mark.what = NULL;
	home_release(self->home);
	self->home = NULL;
	return 0;
}

/* --- the module ------------------------------------------------------------- */

static const luaL_Reg provider_methods[] = {
	{ "probe", provider_probe },
	{ "struct", provider_struct },
	{ "remove", provider_remove },
	{ "enable", provider_enable },
	{ "disable", provider_disable },
	{ "status", provider_status },
	{ "name", provider_name },
	{ "module", provider_module },
	{ NULL, NULL }
};

static const luaL_Reg provider_events[] = {
	{ "__gc", provider_gc },
	{ "__close", provider_close },
	{ "__tostring", provider_tostring },
	{ NULL, NULL }
};

static const luaL_Reg probe_methods[] = {
	{ "fire", probe_fire },
	{ "enabled", probe_enabled },
	{ "lazy", probe_lazy },
	{ "functions", probe_functions },
	{ "name", probe_name },
	{ "func", probe_func },
	{ "types", probe_types },
	{ NULL, NULL }
};

static const luaL_Reg probe_events[] = {
	{ "__gc", probe_gc },
	{ "__tostring", probe_tostring },
	{ NULL, NULL }
};

/* To the table on top, with the metatables, at 1 and 2, as upvalues. */
static void
set_functions(lua_State *L, const luaL_Reg *functions)
{
	for (; functions->name != NULL; functions++) {
		lua_pushvalue(L, 1);
		lua_pushvalue(L, 2);
		lua_pushcclosure(L, functions->func, 2);
		lua_setfield(L, -2, functions->name);
	}
}

static void
fill_metatable(lua_State *L, int index, const char *name,
    const luaL_Reg *methods, const luaL_Reg *events)
{
	lua_pushvalue(L, index);
	set_functions(L, events);
	set_text(L, "__name", name);
	set_text(L, "__metatable", name);
	lua_newtable(L);
	set_functions(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
}

static int
load_error(lua_State *L)
{
	lua_pushnil(L);
	return 1;
}

/* Like modules of Lua 5.1, the module is a global variable, too. */
static void
set_global(lua_State *L, const char *name)
{
#if LUA_VERSION_NUM >= 502
	lua_pushglobaltable(L);
#else
	lua_pushvalue(L, LUA_GLOBALSINDEX);
#endif
	lua_pushstring(L, name);
	lua_pushvalue(L, -3);
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

__attribute__((visibility("default"))) int luaopen_usdt(lua_State *L);

int
luaopen_usdt(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "provider", provider_new },
		{ "load_error", load_error },
		{ NULL, NULL }
	};

#if LUA_VERSION_NUM >= 502
	luaL_checkversion(L);
#endif
	lua_settop(L, 0);
	lua_newtable(L);
	lua_newtable(L);
	fill_metatable(L, 1, "usdt.provider", provider_methods,
	    provider_events);
	fill_metatable(L, 2, "usdt.probe", probe_methods, probe_events);
	lua_newtable(L);
	set_functions(L, functions);
	set_text(L, "_VERSION", USDT_VERSION);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	set_global(L, "usdt");
	return 1;
}
