/*
 * usdt.c - what is the life of a provider?
 *
 * Create, add, enable, change, disable, free.  This
 * is the only room that knows the order of steps.
 *
 * Enabling lays out the probes that have no stub yet as a generation
 * (core/generation.c) and hands all generations to tracers.  A provider keeps
 * them while it lives, so that disabling and enabling deliver the same ones
 * again and tracers stay attached.  A probe that is removed leaves a hole in
 * its generation, which is laid out anew, without it, when the provider is
 * enabled after having been disabled, or, while a tracer is attached there, at
 * the first enabling that finds nobody.
 *
 * One lock (core/lock.c) serialises all calls but those that test and fire.
 */
#include "core/provider.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

USDT__WHOLE;

/* What the environment says at this enabling. */
struct options {
	int disable;
	const char *backends;		/* as they were named, or NULL */
	int dof, sdt;			/* those to try */
	const char *device;
};

/*
 * Under the lock.  States, not providers: a binding of 1.x frees the provider
 * itself, with free(), and must not leave a dangling pointer here.
 */
static struct usdt_provider_state *listed_states;	/* or about to be enabled */
static unsigned inherited_states;	/* a child has yet to register them */

/* --- steps -------------------------------------------------------------- */

/* Retire what is to be laid out anew, or only what no probe uses. */
static void
retire_stale(usdt_provider_t *provider, int only_empty)
{
	struct usdt__generation **link = &provider->state->current;

	while (*link != NULL)
		if (only_empty ? (*link)->live == 0 : (*link)->stale)
			usdt__generation_retire(provider, link);
		else
			link = &(*link)->next;
}

static void
list(struct usdt_provider_state *state)
{
	if (state->link != NULL)
		return;
	state->next = listed_states;
	state->link = &listed_states;
	if (state->next != NULL)
		state->next->link = &state->next;
	listed_states = state;
}

static void
unlist(struct usdt_provider_state *state)
{
	if (state->link == NULL)
		return;
	*state->link = state->next;
	if (state->next != NULL)
		state->next->link = state->link;
	state->next = NULL;
	state->link = NULL;
}

static void
bind_all(const struct usdt_provider_state *state)
{
	const struct usdt__generation *g;

	for (g = state->current; g != NULL; g = g->next)
		usdt__generation_bind(g);
}

static void
unbind_all(const struct usdt_provider_state *state)
{
	const struct usdt__generation *g;

	for (g = state->current; g != NULL; g = g->next)
		usdt__generation_unbind(g);
}

/* What is being enabled is.  Where there are images, no memory is taken or
 * given back: a child does this too. */
static void
commit(usdt_provider_t *provider)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *newest = state->newest;

	retire_stale(provider, 0);
	if (newest != NULL) {
		usdt__generation_adopt(newest, state->probes);
		newest->next = state->current;
		state->current = newest;
		state->newest = NULL;
	}
	list(state);
	state->enabled = 1;
	bind_all(state);
}

/* It is not enabled any more, or was not after all. */
static void
hide(struct usdt_provider_state *state)
{
	unlist(state);
	state->enabled = 0;
}

/* --- fork --------------------------------------------------------------- */

/*
 * A forked child has its parent's probes, but not all that kernels and helpers
 * made for them.  Only system calls, and pointers are set: the parent may have
 * had other threads, one of them in a call that the child finishes.
 */

/* What a thread of the parent was about to do.  Of what was not busy nothing is
 * written: it would be copied, for each of ten thousand providers. */
static void
finish(struct usdt_provider_state *state)
{
	usdt_provider_t provider = { state->name, state->module, state };

	if (!state->busy)
		return;
	if (state->turning == USDT__ENABLING) {
		commit(&provider);
	} else if (state->turning == USDT__DISABLING) {
		unbind_all(state);
		hide(state);
	} else if (!state->enabled) {
		hide(state);
	}
	if (state->newest != NULL) {		/* was just being given up */
		usdt__generation_keep(&provider, state->newest);
		state->newest = NULL;
	}
	state->turning = USDT__SETTLED;
	state->busy = 0;
}

/* The helper knows nothing of this process. */
static void
inherit(struct usdt_provider_state *state)
{
	struct usdt__generation *g;
	int wanted = 0;

	for (g = state->current; g != NULL; g = g->next)
		wanted |= usdt__generation_inherit_dof(g, state->enabled);
	for (g = state->retired; g != NULL; g = g->next)
		usdt__generation_inherit_dof(g, 0);
	if (state->inherited != wanted)
		state->inherited = wanted;
	inherited_states += wanted;
}

static void
disinherit(struct usdt_provider_state *state)
{
	inherited_states -= state->inherited;
	state->inherited = 0;
}

/* Tell the helper of what was inherited; PATIENTLY, or as long as it is quick.
 * A provider that is busy stays listed. */
static void
tell_inherited(int patiently)
{
	struct usdt_provider_state *state;
	struct usdt__answer answer;
	struct usdt__generation *g;

	for (state = listed_states; state != NULL && inherited_states > 0;
	    state = state->next) {
		if (!state->inherited || state->busy)
			continue;
		state->busy = 1;
		for (g = state->current; g != NULL && (patiently ||
		    usdt__helper_is_quick()); g = g->next)
			if (g->dof_wanted && usdt__generation_add_inherited(g,
			    state->module, &answer) < 0)
				state->refusal = answer;
		if (g == NULL)
			disinherit(state);
		state->busy = 0;
		usdt__mark_gone();
	}
}

static void
mend_child(int forked)
{
	struct usdt_provider_state *state, *next;

	usdt__images_renew();
	usdt__guard_renew();
	if (usdt__native_platform()->fork != USDT__FORK_NOTHING)
		return;
	usdt__helper_forget(forked);
	usdt__stash_forget(forked);
	usdt__documents_forget();
	inherited_states = 0;
	for (state = listed_states; state != NULL; state = next) {
		next = state->next;
		finish(state);
		inherit(state);
	}
	tell_inherited(0);
}

/* --- turns -------------------------------------------------------------- */

void
usdt__lock_provider(usdt_provider_t *provider)
{
	usdt__lock();
	if (provider->state->inherited)
		tell_inherited(1);
	while (provider->state->busy)
		usdt__wait_for_mark();
}

/* The same for a call that may have to lend the lock: until it ends no other
 * one changes the provider.  ASK: it asks the helper anyway. */
static void
begin(usdt_provider_t *provider, int ask)
{
	usdt__lock();
	if (ask)
		tell_inherited(1);
	while (provider->state->busy)
		usdt__wait_for_mark();
	provider->state->busy = 1;
}

static void
end(usdt_provider_t *provider)
{
	provider->state->busy = 0;
	usdt__mark_gone();
	usdt__unlock();
}

/* --- creating and freeing ----------------------------------------------- */

static int
is_disabled(void)
{
	const char *value = usdt__getenv("USDT_DISABLE");

	return value != NULL && *value != '\0' && strcmp(value, "0") != 0;
}

/*
 * Once, before there are probes: enabling asks whether it failed.  From then on
 * taking the lock asks no kernel which process this is.
 */
static void
prepare_guard(void)
{
	static int prepared;
	const struct usdt__stub *stub;

	if (__atomic_load_n(&prepared, __ATOMIC_ACQUIRE) || is_disabled())
		return;
	usdt__lock();
	stub = usdt__stub_choose();
	if (!prepared && stub != NULL && stub->nop != 1) {
		usdt__guard_renew();	/* first: others see at once that it
					 * is kept */
		usdt__guard_make();
	}
	__atomic_store_n(&prepared, 1, __ATOMIC_RELEASE);
	usdt__unlock();
}

usdt_provider_t *
usdt_create_provider(const char *name, const char *module)
{
	const struct usdt__platform *row = usdt__native_platform();
	struct {
		struct usdt_provider_state state;
		char strings[];
	} *block;
	usdt_provider_t *provider;
	struct usdt__why why;
	size_t name_size, module_size;

	if (usdt__name_check_provider(row, name, &why) < 0 ||
	    usdt__name_check_module(row, module, &why) < 0) {
		usdt__fail(NULL, USDT_ERROR_INVALID, why.text);
		return NULL;
	}
	name_size = strlen(name) + 1;
	module_size = strlen(module) + 1;
	block = calloc(1, sizeof *block + name_size + module_size);
	provider = malloc(sizeof *provider);
	usdt__watch_fork(mend_child);	/* before the host's own */
	prepare_guard();
	if (block == NULL || provider == NULL) {
		free(block);
		free(provider);
		usdt__fail(NULL, USDT_ERROR_MALLOC);
		return NULL;
	}
	provider->name = memcpy(block->strings, name, name_size);
	provider->module = memcpy(block->strings + name_size, module,
	    module_size);
	provider->state = &block->state;
	block->state.name = provider->name;
	block->state.module = provider->module;
	return provider;
}

/* Are a probe's names, count and types such as every tracer takes? */
static int
check_probe(const char *func, const char *name, size_t argc,
    const char **types, struct usdt__why *why)
{
	const struct usdt__platform *row = usdt__native_platform();
	size_t i;

	/* The name first: bindings take it for the function's, too. */
	if (usdt__name_check_probe(row, name, why) < 0 ||
	    usdt__name_check_function(row, func, why) < 0)
		return -1;
	if (argc > USDT_ARG_MAX)
		return usdt__because(why, 0, "probe %s has %zu arguments, at "
		    "most %d are taken", name, argc, USDT_ARG_MAX);
	if (argc > 0 && types == NULL)
		return usdt__because(why, 0, "types is NULL for %zu arguments",
		    argc);
	for (i = 0; i < argc; i++)
		if (usdt__name_check_type(row, types[i], i, why) < 0)
			return -1;
	return 0;
}

/* Copy a string to where *AT points, and move that on. */
static char *
copy(char **at, const char *string)
{
	size_t size = strlen(string) + 1;
	char *start = memcpy(*at, string, size);

	*at += size;
	return start;
}

usdt_probedef_t *
usdt_create_probe(const char *func, const char *name, size_t argc,
    const char **types)
{
	struct usdt__probe_block *block;
	struct usdt__why why;
	size_t i, size;
	int respelt;
	char *at;

	if (check_probe(func, name, argc, types, &why) < 0) {
		usdt__fail(NULL, USDT_ERROR_INVALID, why.text);
		return NULL;
	}
	size = sizeof *block + argc * sizeof *block->types +
	    strlen(func) + 1 + strlen(name) + 1;
	respelt = strstr(name, "__") != NULL;
	if (respelt)
		size += strlen(name) + 1;
	for (i = 0; i < argc; i++)
		size += strlen(types[i]) + 1;
	block = calloc(1, size);
	if (block == NULL) {
		usdt__fail(NULL, USDT_ERROR_MALLOC);
		return NULL;
	}
	at = (char *)&block->types[argc];
	block->def.function = copy(&at, func);
	block->def.name = copy(&at, name);
	block->def.argc = argc;
	block->def.types = block->types;
	for (i = 0; i < argc; i++)
		block->types[i] = copy(&at, types[i]);
	if (respelt)
		usdt__name_dof(name, at);
	else
		at = (char *)block->def.name;
	block->def.state = &block->state;
	block->def.probe = &block->state.probe;
	block->state.references = 1;
	block->state.dof_name = at;
	block->state.hash = usdt__probeset_hash(func, at);
	block->state.probe.argc = (uint16_t)argc;
	usdt__probe_unbind(&block->def);
	return &block->def;
}

/* Under the lock. */
static void
probe_release(usdt_probedef_t *probedef)
{
	if (--probedef->state->references > 0)
		return;
	usdt__probe_leave(probedef);
	free(probedef);
}

void
usdt_probe_release(usdt_probedef_t *probedef)
{
	if (probedef == NULL)
		return;
	usdt__lock();
	probe_release(probedef);
	usdt__unlock();
}

/* --- changing ----------------------------------------------------------- */

/* Is one of them NULL?  Then that is the error's text. */
static int
is_null(usdt_provider_t *provider, const usdt_probedef_t *probedef)
{
	if (provider != NULL && probedef != NULL)
		return 0;
	usdt_error(provider, USDT_ERROR_INVALID,
	    provider == NULL ? "provider is NULL" : "probe is NULL");
	return 1;
}

int
usdt_provider_add_probe(usdt_provider_t *provider, usdt_probedef_t *probedef)
{
	int result = 0;

	if (is_null(provider, probedef))
		return -1;
	usdt__lock_provider(provider);
	if (usdt__probeset_find(&provider->state->set, probedef) != NULL) {
		result = usdt__fail_probe(provider, USDT_ERROR_DUP_PROBE, probedef);
	} else if (probedef->state->provider != NULL) {
		result = usdt__fail(provider, USDT_ERROR_OWNED, probedef->name);
	} else if (usdt__probeset_add(&provider->state->set, probedef) != 0) {
		result = usdt__fail(provider, USDT_ERROR_MALLOC);
	} else {
		usdt__probe_leave(probedef);	/* a provider that was freed */
		probedef->state->references++;
		probedef->state->provider = provider;
	}
	usdt__unlock();
	return result;
}

int
usdt_provider_remove_probe(usdt_provider_t *provider,
    usdt_probedef_t *probedef)
{
	usdt_probedef_t *found;
	int result = 0;

	if (is_null(provider, probedef))
		return -1;
	usdt__lock_provider(provider);
	found = usdt__probeset_find(&provider->state->set, probedef);
	if (provider->state->set.count == 0) {
		result = usdt__fail(provider, USDT_ERROR_NOPROBES);
	} else if (found == NULL) {
		result = usdt__fail_probe(provider, USDT_ERROR_REMOVE_PROBE,
		    probedef);
	} else {
		usdt__probeset_remove(&provider->state->set, found);
		usdt__probe_leave(found);
		found->state->provider = NULL;
		probe_release(found);
	}
	usdt__unlock();
	return result;
}

/* --- enabling ----------------------------------------------------------- */

static void
read_options(struct options *options)
{
	const struct usdt__platform *row = usdt__native_platform();
	const char *value = usdt__getenv("USDT_BACKENDS");

	options->disable = is_disabled();
	options->backends = value;
	options->dof = value == NULL || strstr(value, "dof") != NULL;
	options->sdt = row->image &&
	    (value == NULL || strstr(value, "sdt") != NULL);
	value = usdt__getenv("USDT_HELPER");
	options->device = value != NULL && *value != '\0' ? value :
	    row->helper;
}

/*
 * Is this generation to be laid out anew?  Those who are attached to it would
 * lose its probes: so removed ones stay listed until nobody is.
 */
static int
is_stale(const usdt_provider_t *provider, struct usdt__generation *generation,
    int notes)
{
	if (generation->live == 0)
		return 1;
	if (!usdt__native_platform()->reuse_stubs)
		return !provider->state->enabled || !generation->dof_taken;
	if (!provider->state->enabled && generation->notes != notes)
		return 1;
	if (generation->live < generation->count &&
	    (!provider->state->enabled || generation->overdue)) {
		generation->overdue = usdt__generation_is_traced(generation);
		if (!generation->overdue)
			return 1;
	}
	if (usdt__image_present(generation->image))
		return 0;
	/* The host has closed a memfd: those who have attached go on. */
	return !provider->state->enabled || generation->image->fd < 0 ||
	    !usdt__generation_is_traced(generation);
}

/* Are there probes without a stub? */
static int
has_new_probes(const usdt_provider_t *provider)
{
	const usdt_probedef_t *p;

	for (p = provider->state->set.first; p != NULL; p = p->state->next)
		if (p->state->generation == NULL)
			return 1;
	return 0;
}

/* Does a probe get a stub by this enabling? */
static int
needs_stub(const usdt_probedef_t *p)
{
	return p->state->generation == NULL || p->state->generation->stale;
}

static size_t
count_needing(const usdt_provider_t *provider)
{
	const usdt_probedef_t *p;
	size_t n = 0;

	for (p = provider->state->set.first; p != NULL; p = p->state->next)
		n += (size_t)needs_stub(p);
	return n;
}

#define IMAGES_MAX	32	/* of a provider, in use */
#define MAPPINGS_MAX	256	/* with what is left of others */

/*
 * Before there are too many images for one more, with COUNT probes, to be
 * made: those that nobody is attached to are laid out together with it.  If
 * there are any that have no more probes, only these: so a probe moves seldom,
 * however many come one by one.
 */
static int
merge(usdt_provider_t *provider, size_t count, struct usdt__why *why)
{
	struct usdt__generation *g;
	size_t images = 0, merged = 0, mappings;
	int any;

	if (!usdt__native_platform()->image)
		return 0;
	mappings = usdt__arena_mappings(provider->state->arena);
	if (mappings + USDT__IMAGE_MAPPINGS + 1 > MAPPINGS_MAX)
		return usdt__because(why, ENOSPC, "the provider has %zu memory "
		    "mappings, at most %d are taken, most by what is left of "
		    "images of removed probes: free it and make another",
		    mappings, MAPPINGS_MAX);
	for (g = provider->state->current; g != NULL; g = g->next)
		images += !g->stale;
	if (images < IMAGES_MAX)
		return 0;
	for (any = 0; any < 2 && merged == 0; any++)
		for (g = provider->state->current; g != NULL; g = g->next) {
			if (g->stale || (!any && g->live > count) ||
			    usdt__generation_is_traced(g))
				continue;
			g->stale = 1;
			count += g->live;
			merged++;
		}
	if (merged == 0)
		return usdt__because(why, EBUSY, "the provider has %zu images, "
		    "at most %d are taken, and tracers are attached to each",
		    images, IMAGES_MAX);
	return 0;
}

/*
 * The probes that need a stub: those without one, and those of stale
 * generations.  Sets *PROBES to a list to be freed, or NULL if there are none
 * or it fails.
 */
static int
collect(usdt_provider_t *provider, int notes, usdt_probedef_t ***probes,
    size_t *count, struct usdt__why *why)
{
	struct usdt__generation *g;
	usdt_probedef_t *p;
	size_t n;
	int all = usdt__native_platform()->one_document &&
	    has_new_probes(provider);

	*probes = NULL;
	for (g = provider->state->current; g != NULL; g = g->next)
		g->stale = all || is_stale(provider, g, notes);
	n = count_needing(provider);
	if (n > 0) {
		if (merge(provider, n, why) < 0)
			return -1;
		n = count_needing(provider);
	}
	*count = n;
	if (n == 0)
		return 0;
	*probes = malloc(n * sizeof **probes);
	if (*probes == NULL)
		return usdt__no_memory(why);
	n = 0;
	for (p = provider->state->set.first; p != NULL; p = p->state->next)
		if (needs_stub(p))
			(*probes)[n++] = p;
	return 0;
}

/* What is laid out anew, or was, is taken back: dtprobed would take a probe that
 * two documents have out of both ... */
static void
withdraw_stale(usdt_provider_t *provider)
{
	struct usdt__generation *g;

	if (!usdt__native_platform()->image)
		return;
	usdt__generations_tidy(provider);
	for (g = provider->state->current; g != NULL; g = g->next) {
		g->withdrawn = g->stale && g->dof_taken;
		if (g->withdrawn)
			usdt__generation_remove_dof(g, NULL);
	}
}

/* ... and handed over again if nothing comes of it. */
static void
hand_back_stale(usdt_provider_t *provider)
{
	struct usdt__generation *g;

	for (g = provider->state->current; g != NULL; g = g->next)
		if (g->withdrawn) {
			g->withdrawn = 0;
			if (!g->dof_taken)
				usdt__generation_add_dof(g, provider->module,
				    NULL);
		}
}

/* Nothing more is to be handed over. */
static void
want_no_dof(struct usdt_provider_state *state)
{
	struct usdt__generation *g;

	if (state->newest != NULL)
		state->newest->dof_wanted = 0;
	for (g = state->current; g != NULL; g = g->next)
		g->dof_wanted = 0;
}

/*
 * Hand one generation to the helper, which first drops what it has of a program
 * that this process was before.
 */
static int
tell_helper(const usdt_provider_t *provider, const char *device,
    struct usdt__generation *generation, struct usdt__why *why)
{
	const struct usdt__platform *row = usdt__native_platform();
	struct usdt__why left = { .error = 0 }, refused;

	usdt__stash_clear(row, device, generation->image, &left);
	if (usdt__generation_add_dof(generation, provider->module, why) == 0)
		return 0;
	if (why->error == EINVAL && left.text[0] != '\0') {
		refused = *why;
		usdt__because(why, EINVAL, "%.200s; %s: %.200s", refused.text,
		    row->stale, left.text);
	}
	return -1;
}

/*
 * Hand to the helper what it does not have of the newest and all current
 * generations.  All are marked first, for a child that is forked meanwhile.
 */
static int
deliver_dof(usdt_provider_t *provider, const char *device,
    struct usdt__why *why)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *g, *newest = state->newest;
	int result = 0;

	if (newest != NULL)
		result = usdt__generation_want_dof(newest, device, why);
	for (g = state->current; g != NULL && result == 0; g = g->next)
		if (!g->dof_taken && !g->stale)
			result = usdt__generation_want_dof(g, device, why);
	if (result == 0)
		withdraw_stale(provider);
	if (newest != NULL && result == 0)
		result = tell_helper(provider, device, newest, why);
	for (g = state->current; g != NULL && result == 0; g = g->next)
		if (g->dof_wanted)
			result = tell_helper(provider, device, g, why);
	want_no_dof(state);
	return result;
}

/*
 * After a failure: take back what the helper got, and keep the new generation
 * for the next attempt.
 */
static void
undo(usdt_provider_t *provider)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *g;

	if (!state->enabled)
		for (g = state->current; g != NULL; g = g->next)
			usdt__generation_remove_dof(g, NULL);
	if (state->newest != NULL) {
		usdt__generation_remove_dof(state->newest, NULL);
		usdt__generation_keep(provider, state->newest);
		state->newest = NULL;
	}
	if (state->enabled)
		hand_back_stale(provider);
	else
		unlist(state);
}

/* Where a name has one document: fail if another provider has it. */
static int
check_name_is_free(const usdt_provider_t *provider, struct usdt__why *why)
{
	const struct usdt__platform *row = usdt__native_platform();
	const struct usdt_provider_state *state;

	if (!row->one_document)
		return 0;
	for (state = listed_states; state != NULL; state = state->next)
		if (state != provider->state &&
		    strcmp(state->name, provider->name) == 0)
			return usdt__because(why, EEXIST, "another provider "
			    "named %s is enabled, and %s can take back one of "
			    "a name only", provider->name, row->name);
	return 0;
}

/*
 * Where a name has one document: take back what the provider has before the
 * helper gets another.  Fails, with nothing changed, if that can't be done.
 */
static int
clear_document(usdt_provider_t *provider, struct usdt__why *why)
{
	struct usdt__generation *g;

	if (!usdt__native_platform()->one_document)
		return 0;
	usdt__generations_tidy(provider);
	for (g = provider->state->current; g != NULL; g = g->next) {
		usdt__generation_unbind(g);
		if (usdt__generation_remove_dof(g, why) < 0) {
			usdt__generation_bind(g);
			return -1;
		}
	}
	return 0;
}

/* Ask the helper, and let a child that is forked meanwhile do what is left. */
static int
ask_helper(usdt_provider_t *provider, const char *device,
    struct usdt__why *why)
{
	int result;

	list(provider->state);
	provider->state->turning = USDT__ENABLING;
	result = deliver_dof(provider, device, why);
	provider->state->turning = USDT__SETTLED;
	return result;
}

/*
 * Make what is in the set visible: the newest generation holds the probes that
 * had no stub, or there is none.  Where notes make them visible that is done
 * first, since a helper may be slow.  Fails, with nothing changed, if no
 * backend took them; but if their old document had to be taken back first, the
 * provider is disabled.
 */
static int
deliver(usdt_provider_t *provider, const struct options *options)
{
	const struct usdt__platform *row = usdt__native_platform();
	struct usdt_provider_state *state = provider->state;
	struct usdt__why dof_why = { .error = 0 }, sdt_why = { .error = 0 };
	int was_enabled = state->enabled, dof = 0;

	if (state->newest != NULL && options->dof &&
	    (check_name_is_free(provider, &dof_why) < 0 ||
	    clear_document(provider, &dof_why) < 0)) {
		if (!state->enabled)
			state->dof_why = dof_why;
		return usdt__fail(provider, USDT_ERROR_LOADDOF, dof_why.text);
	}
	if (!row->image)
		usdt__because(&sdt_why, 0, "not on %s", row->name);
	else if (!options->sdt)
		usdt__because(&sdt_why, 0, "not in USDT_BACKENDS");
	if (options->sdt) {
		snprintf(state->device, sizeof state->device, "%s",
		    options->device);
		state->dof_why = dof_why;
		state->sdt_why = sdt_why;
		state->refusal.error = 0;
		commit(provider);
	}
	if (!options->dof && strstr(options->backends, "sdt") == NULL)
		usdt__because(&dof_why, 0, "USDT_BACKENDS=%.64s names neither "
		    "dof nor sdt", options->backends);
	else if (!options->dof)
		usdt__because(&dof_why, 0, "not in USDT_BACKENDS");
	else
		dof = ask_helper(provider, options->device, &dof_why) == 0;
	usdt__debug("dof: %s", dof ? "taken" : dof_why.text);
	if (!was_enabled || dof || options->sdt) {
		state->dof_why = dof_why;
		state->sdt_why = sdt_why;
		state->refusal.error = 0;
	}
	if (!dof && !options->sdt) {
		if (state->enabled && row->one_document && options->dof) {
			state->dof_why = dof_why;
			hide(state);
		}
		return usdt__fail(provider, USDT_ERROR_LOADDOF, dof_why.text);
	}
	if (!options->sdt) {
		snprintf(state->device, sizeof state->device, "%s",
		    options->device);
		commit(provider);
	}
	return 0;
}

/* The error that a generation which can't be made comes to. */
static int
fail_generation(usdt_provider_t *provider, const struct usdt__why *why)
{
	static const usdt_error_t errors[] = {
		[USDT__SYSTEM] = USDT_ERROR_IMAGE,
		[USDT__NO_MEMORY] = USDT_ERROR_MALLOC,
		[USDT__TOO_LARGE] = USDT_ERROR_TOO_LARGE
	};

	return usdt__fail(provider, errors[why->kind], why->text);
}

/* Under the lock; the provider is marked as busy. */
static int
enable(usdt_provider_t *provider, const struct options *options)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__why why = { .error = 0 };
	size_t count;
	int result;

	usdt__guard_renew();
	retire_stale(provider, 1);
	if (usdt__native_platform()->image)
		usdt__generations_tidy(provider);
	free(state->probes);		/* a forked child may have one */
	if (collect(provider, options->sdt, &state->probes, &count, &why) < 0)
		return fail_generation(provider, &why);
	if (state->enabled && count == 0) {
		/* A helper that came later gets what it has not. */
		if (options->dof && ask_helper(provider, options->device,
		    &why) == 0) {
			state->dof_why = why;
			state->refusal.error = 0;
		}
		usdt__fail(provider, USDT_ERROR_ALREADYENABLED);
		return 0;
	}
	if (count > 0) {
		state->newest = usdt__generation_make(provider, state->probes,
		    count, options->sdt, &why);
		if (state->newest == NULL) {
			if (!state->enabled)
				state->sdt_why = why;
			return fail_generation(provider, &why);
		}
	}
	result = deliver(provider, options);
	if (result < 0)
		undo(provider);
	return result;
}

/* Nothing becomes visible, and it is enabled all the same.  One that is
 * visible already is left as it is. */
static int
idle(usdt_provider_t *provider, enum usdt__idle why)
{
	if (provider->state->enabled) {
		usdt__fail(provider, USDT_ERROR_ALREADYENABLED);
	} else {
		provider->state->enabled = 1;
		provider->state->idle = why;
	}
	return 0;
}

int
usdt_provider_enable(usdt_provider_t *provider)
{
	struct options options;
	int result;

	if (provider == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID, "provider is NULL");
	read_options(&options);
	if (usdt__watch_fork(mend_child) != 0) {
		usdt_error(provider, USDT_ERROR_MALLOC);
		return -1;
	}
	begin(provider, 1);
	if (provider->state->set.count == 0) {
		result = usdt__fail(provider, USDT_ERROR_NOPROBES);
	} else if (provider->state->idle != USDT__IDLE_NOT) {
		if (provider->state->idle == USDT__IDLE_UNSUPPORTED)
			usdt__observe_unsupported(provider);
		usdt__fail(provider, USDT_ERROR_ALREADYENABLED);
		result = 0;
	} else if (options.disable) {
		usdt__debug("USDT_DISABLE is set: nothing becomes visible");
		result = idle(provider, USDT__IDLE_DISABLED);
	} else if (!usdt__native_supported() || usdt__stub_choose() == NULL) {
		result = idle(provider, USDT__IDLE_UNSUPPORTED);
		usdt__observe_unsupported(provider);
	} else {
		result = enable(provider, &options);
		usdt__generations_tidy(provider);
		free(provider->state->probes);
		provider->state->probes = NULL;
	}
	end(provider);
	return result;
}

/* --- disabling ---------------------------------------------------------- */

/*
 * Under the lock; the provider is marked as busy.  Probes are off before the
 * helper hears of it: a running dtrace goes on answering is-enabled and
 * counting after a removal.
 */
static int
disable(usdt_provider_t *provider)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *g;
	struct usdt__why why = { .error = 0 };
	int failed = 0;

	disinherit(state);
	unbind_all(state);
	state->turning = USDT__DISABLING;
	for (g = state->current; g != NULL; g = g->next) {
		g->dof_wanted = g->dof_taken;	/* if all comes back */
		g->stale = 0;
		if (usdt__generation_remove_dof(g, &why) < 0)
			failed = 1;
	}
	if (failed) {
		/* As it was. */
		state->turning = USDT__ENABLING;
		for (g = state->current; g != NULL; g = g->next)
			if (g->dof_wanted && !g->dof_taken)
				usdt__generation_add_dof(g, provider->module,
				    NULL);
		bind_all(state);
	}
	state->turning = USDT__SETTLED;
	want_no_dof(state);
	if (failed)
		return usdt__fail(provider, USDT_ERROR_UNLOADDOF, why.text);
	hide(state);
	memset(&state->dof_why, 0, sizeof state->dof_why);
	memset(&state->sdt_why, 0, sizeof state->sdt_why);
	state->refusal.error = 0;
	return 0;
}

int
usdt_provider_disable(usdt_provider_t *provider)
{
	usdt_probedef_t *p;
	int result = 0;

	if (provider == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID, "provider is NULL");
	begin(provider, 0);
	if (provider->state->idle != USDT__IDLE_NOT) {
		for (p = provider->state->set.first; p != NULL;
		    p = p->state->next)
			usdt__probe_unbind(p);
		provider->state->idle = USDT__IDLE_NOT;
		provider->state->enabled = 0;
	} else if (provider->state->enabled) {
		result = disable(provider);
	}
	end(provider);
	return result;
}

static void
release_list(struct usdt__generation *generation)
{
	struct usdt__generation *next;

	for (; generation != NULL; generation = next) {
		next = generation->next;
		usdt__generation_release(generation);
	}
}

void
usdt_provider_free(usdt_provider_t *provider)
{
	struct usdt_provider_state *state;
	usdt_probedef_t *p, *next;

	if (provider == NULL)
		return;
	state = provider->state;
	begin(provider, 0);
	if (state->enabled && !state->idle && disable(provider) < 0) {
		/* The helper keeps it; nobody else does. */
		unbind_all(state);
		hide(state);
	}
	for (p = state->set.first; p != NULL; p = next) {
		next = p->state->next;
		p->state->provider = NULL;
		p->state->next = p->state->previous = p->state->chain = NULL;
		usdt__probe_unbind(p);
		probe_release(p);
	}
	free(state->set.buckets);
	free(state->probes);
	usdt__arena_release(state->arena);
	release_list(state->current);
	release_list(state->retired);
	usdt__unlock();
	usdt__observers_free(provider);
	free(state);
	free(provider);
}
