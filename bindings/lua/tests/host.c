/* host.c - what do tests need that Lua does not have: processes and threads. */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#define THREADS		4

/* fork(): the child's pid; 0 in the child. */
static int
host_fork(lua_State *L)
{
	lua_pushinteger(L, fork());
	return 1;
}

/* wait(pid) */
static int
host_wait(lua_State *L)
{
	waitpid((pid_t)luaL_checkinteger(L, 1), NULL, 0);
	return 0;
}

/* exit(): at once, without what Lua does at its end. */
static int
host_exit(lua_State *L)
{
	(void)L;
	_exit(0);
}

static int
host_pid(lua_State *L)
{
	lua_pushinteger(L, getpid());
	return 1;
}

/* address(string): of its bytes, as light userdata. */
static int
host_address(lua_State *L)
{
	lua_pushlightuserdata(L, (void *)(uintptr_t)luaL_checkstring(L, 1));
	return 1;
}

static int
host_sleep(lua_State *L)
{
	usleep((useconds_t)(luaL_checknumber(L, 1) * 1e6));
	return 0;
}

struct job {
	pthread_t thread;
	const char *source;
	int number;
	char *result;
};

/* A state of its own for the thread. */
static void *
work(void *data)
{
	struct job *job = data;
	lua_State *L = luaL_newstate();

	luaL_openlibs(L);
	if (luaL_loadstring(L, job->source) == 0) {
		lua_pushinteger(L, job->number);
		if (lua_pcall(L, 1, 1, 0) == 0 && lua_isstring(L, -1))
			job->result = strdup(lua_tostring(L, -1));
	}
	if (job->result == NULL)
		job->result = strdup(lua_tostring(L, -1));
	lua_close(L);
	return NULL;
}

/* threads(source): what the source returns in four threads, for 0 to 3. */
static int
host_threads(lua_State *L)
{
	struct job jobs[THREADS];
	int i;

	memset(jobs, 0, sizeof(jobs));
	for (i = 0; i < THREADS; i++) {
		jobs[i].source = luaL_checkstring(L, 1);
		jobs[i].number = i;
		pthread_create(&jobs[i].thread, NULL, work, &jobs[i]);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(jobs[i].thread, NULL);
		lua_pushstring(L, jobs[i].result);
		free(jobs[i].result);
	}
	return THREADS;
}

int luaopen_host(lua_State *L);

int
luaopen_host(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "fork", host_fork },
		{ "wait", host_wait },
		{ "exit", host_exit },
		{ "pid", host_pid },
		{ "sleep", host_sleep },
		{ "address", host_address },
		{ "threads", host_threads },
		{ NULL, NULL }
	};
	const luaL_Reg *f;

	lua_newtable(L);
	for (f = functions; f->name != NULL; f++) {
		lua_pushcfunction(L, f->func);
		lua_setfield(L, -2, f->name);
	}
	return 1;
}
