/*
 * core/whole.c - does who takes one call of the library take all of it?
 *
 * A linker takes from an archive what is asked for.  A program that took a few
 * calls would give those to a shared object that has the library too, in place
 * of the object's own, and each would know nothing of what the other keeps: two
 * locks, two words for forked children.  So each room with calls refers to this
 * table (USDT__WHOLE), and it to each such room.
 */
#include "core/provider.h"

void (*const usdt__whole[])(void) = {
	(void (*)(void))usdt_create_provider,
	(void (*)(void))usdt_create_probe,
	(void (*)(void))usdt_provider_observe,
	(void (*)(void))usdt_provider_status,
	(void (*)(void))usdt_probe_fire,
	(void (*)(void))usdt_errstr,
};
