/* lua_empty.c - what does Lua take for a function of C that only returns false? */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <lauxlib.h>
#include <lua.h>

static int
call(lua_State *L)
{
	lua_pushboolean(L, 0);
	return 1;
}

int luaopen_lua_empty(lua_State *L);

int
luaopen_lua_empty(lua_State *L)
{
	lua_pushcfunction(L, call);
	return 1;
}
