/*
 * usdt.c - which steps make the life of a provider?
 *
 * Create, add, enable, change, disable, free: only this room knows the order.
 *
 * Enabling collects the probes that have no stub yet, lays them out as a
 * generation, places it, delivers the documents of all generations to the
 * helper, and binds the probes to their stubs.  A provider keeps its
 * generations while it lives: disabling and enabling deliver the same ones
 * again, and tracers stay attached.  A removed probe leaves a hole in its
 * generation.  The next enabling after a disable lays that generation out again
 * without the probe.  While a tracer is attached to it, it stays until an
 * enabling finds no tracer.
 *
 * All calls take one lock (core/lock.c), except those that test and fire.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The environment's settings at this enabling. */
struct options {
	int disable;
	int strict;			/* slips are errors */
	const char *backends;		/* the variable's text, or NULL */
	int dof, sdt;			/* those to try */
	const char *device;
};

/* --- creating and freeing ----------------------------------------------- */

static int
is_on(const char *variable)
{
	const char *value = usdt__getenv(variable);

	return value != NULL && *value != '\0' && strcmp(value, "0") != 0;
}

/*
 * Make the guard once, before there are probes; enabling checks whether that
 * failed.  From then on taking the lock needs no getpid.
 */
static void
prepare_guard(void)
{
	static int prepared;
	const struct usdt__stub *stub;
	int direct = usdt__delivery()->notes && usdt__native_arch() != NULL &&
	    usdt__native_arch()->direct;

	if (__atomic_load_n(&prepared, __ATOMIC_ACQUIRE) || is_on("USDT_DISABLE"))
		return;
	usdt__lock();
	stub = usdt__stub_choose(0);
	if (!prepared && stub != NULL && (stub->nop != 1 || direct)) {
		usdt__guard_renew();	/* first: other threads read it as
					 * soon as it is made */
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
	usdt__watch_fork(usdt__child_mend);	/* before the host's own */
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

/* --- changing ----------------------------------------------------------- */

/* Is one of them NULL?  If so, set the error. */
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
		result = usdt__fail_probe(provider, USDT_ERROR_DUP_PROBE,
		    probedef);
	} else if (probedef->state->provider != NULL) {
		result = usdt__fail(provider, USDT_ERROR_OWNED, probedef->name);
	} else if (usdt__probeset_add(&provider->state->set, probedef) != 0) {
		result = usdt__fail(provider, USDT_ERROR_MALLOC);
	} else {
		usdt__probe_leave(probedef);	/* of a freed provider */
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
		usdt__probe_release(found);
	}
	usdt__unlock();
	return result;
}

int
usdt_provider_add_struct(usdt_provider_t *provider, const char *name,
    size_t size, size_t count, const usdt_field_t *fields)
{
	struct usdt__why why;
	int result;

	if (provider == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID, "provider is NULL");
	usdt__lock_provider(provider);
	result = usdt__structs_add(&provider->state->structs,
	    usdt__native_arch(), name, size, count, fields, &why);
	if (result < 0 && why.kind == USDT__NO_MEMORY)
		usdt__fail(provider, USDT_ERROR_MALLOC);
	else if (result < 0)
		usdt__fail(provider, USDT_ERROR_INVALID, why.text);
	usdt__unlock();
	return result;
}

int
usdt_provider_set_texts(usdt_provider_t *provider, int vouched)
{
	if (provider == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID, "provider is NULL");
	usdt__lock_provider(provider);
	provider->state->vouched = vouched != 0;
	if (provider->state->mode == USDT__ENABLED)
		usdt__generations_bind(provider->state);
	usdt__unlock();
	return 0;
}

/* --- enabling ----------------------------------------------------------- */

static void
read_options(struct options *options)
{
	const struct usdt__platform *row = usdt__native_platform();
	const char *value = usdt__getenv("USDT_BACKENDS");

	options->disable = is_on("USDT_DISABLE");
	options->strict = is_on("USDT_STRICT");
	options->backends = value;
	options->dof = value == NULL || strstr(value, "dof") != NULL;
	options->sdt = usdt__delivery()->notes &&
	    (value == NULL || strstr(value, "sdt") != NULL);
	value = usdt__getenv("USDT_HELPER");
	options->device = value != NULL && *value != '\0' ? value :
	    row->helper;
}

/* Set why a backend does not have the probes; text "": it has them. */
static void
set_reasons(struct usdt_provider_state *state, const struct usdt__why *dof_why,
    const struct usdt__why *sdt_why)
{
	state->dof_why = *dof_why;
	state->sdt_why = *sdt_why;
	state->refusal.error = 0;
}

/* Say why a backend that is not tried does not have the probes. */
static void
explain_untried(const struct options *options, struct usdt__why *dof_why,
    struct usdt__why *sdt_why)
{
	if (!usdt__delivery()->notes)
		usdt__because(sdt_why, 0, "not on %s",
		    usdt__native_platform()->name);
	else if (!options->sdt)
		usdt__because(sdt_why, 0, "not in USDT_BACKENDS");
	if (options->dof)
		return;
	if (strstr(options->backends, "sdt") == NULL)
		usdt__because(dof_why, 0, "USDT_BACKENDS=%.64s names neither "
		    "dof nor sdt", options->backends);
	else
		usdt__because(dof_why, 0, "not in USDT_BACKENDS");
}

static void
bind(struct usdt_provider_state *state, const struct options *options)
{
	snprintf(state->device, sizeof state->device, "%s", options->device);
	usdt__show(state);
}

/*
 * Hand the placed probes to tracers, and bind them.  If notes make them
 * visible, bind them first, since a helper may be slow.  Fails if no backend
 * accepted them.  Then nothing has changed, except that the provider is
 * disabled if its old document had to be taken back first.
 */
static int
deliver_and_bind(usdt_provider_t *provider, const struct options *options)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__why dof_why = { .error = 0 }, sdt_why = { .error = 0 };
	int was_enabled = state->mode == USDT__ENABLED;
	int dof = 0, gone = 0;

	if (state->generations.newest != NULL && options->dof) {
		gone = usdt__delivery()->make_way(provider, &dof_why);
		if (gone < 0 && !was_enabled)
			state->dof_why = dof_why;
		if (gone < 0)
			return usdt__fail(provider, USDT_ERROR_LOADDOF,
			    dof_why.text);
	}
	explain_untried(options, &dof_why, &sdt_why);
	if (options->sdt) {
		set_reasons(state, &dof_why, &sdt_why);
		bind(state, options);
	}
	if (options->dof)
		dof = usdt__deliver(provider, options->device, &dof_why) == 0;
	usdt__debug("dof: %s", dof ? "taken" : dof_why.text);
	if (!was_enabled || dof || options->sdt)
		set_reasons(state, &dof_why, &sdt_why);
	if (options->sdt)
		return 0;
	if (dof) {
		bind(state, options);
		return 0;
	}
	if (was_enabled && gone) {
		state->dof_why = dof_why;
		usdt__hide(state);
	}
	return usdt__fail(provider, USDT_ERROR_LOADDOF, dof_why.text);
}

/* Fail because a generation can't be made or placed. */
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

/* There are no new probes; but a helper that came later gets the documents. */
static int
enable_again(usdt_provider_t *provider, const struct options *options)
{
	struct usdt__why why = { .error = 0 };

	if (options->dof && usdt__deliver(provider, options->device,
	    &why) == 0) {
		provider->state->dof_why = why;
		provider->state->refusal.error = 0;
	}
	usdt__fail(provider, USDT_ERROR_ALREADYENABLED);
	return 0;
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
	usdt__generations_retire_empty(provider);
	if (usdt__generations_collect(provider, options->sdt, &count,
	    &why) < 0)
		return fail_generation(provider, &why);
	if (state->mode == USDT__ENABLED && count == 0)
		return enable_again(provider, options);
	if (count > 0 && (usdt__generations_lay_out(provider, count,
	    options->sdt, &why) < 0 ||
	    usdt__generations_place(provider, &why) < 0)) {
		if (state->mode != USDT__ENABLED)
			state->sdt_why = why;
		return fail_generation(provider, &why);
	}
	result = deliver_and_bind(provider, options);
	if (result < 0)
		usdt__deliver_undo(provider);
	return result;
}

/* With USDT_STRICT, a type that looks misspelled is an error. */
static int
check_slips(usdt_provider_t *provider, const struct options *options)
{
	const usdt_probedef_t *p;
	char text[USDT_TEXT_SIZE];

	usdt__slips_debug(provider);
	if (!options->strict)
		return 0;
	for (p = provider->state->set.first; p != NULL; p = p->state->next)
		if (usdt__slip_of_type(p, text))
			return usdt__fail(provider, USDT_ERROR_INVALID, text);
	return 0;
}

/* Enable a provider without making it visible.  A visible one stays so. */
static void
enable_unseen(usdt_provider_t *provider, enum usdt__mode mode)
{
	if (provider->state->mode == USDT__DISABLED)
		provider->state->mode = mode;
	else
		usdt__fail(provider, USDT_ERROR_ALREADYENABLED);
}

int
usdt_provider_enable(usdt_provider_t *provider)
{
	struct options options;
	int result = 0;

	if (provider == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID, "provider is NULL");
	read_options(&options);
	if (usdt__watch_fork(usdt__child_mend) != 0) {
		usdt_error(provider, USDT_ERROR_MALLOC);
		return -1;
	}
	usdt__begin(provider, 1);
	if (provider->state->set.count == 0) {
		result = usdt__fail(provider, USDT_ERROR_NOPROBES);
	} else if (provider->state->mode == USDT__OFF) {
		usdt__fail(provider, USDT_ERROR_ALREADYENABLED);
	} else if (provider->state->mode == USDT__UNSUPPORTED) {
		usdt__observe_unsupported(provider);
		usdt__fail(provider, USDT_ERROR_ALREADYENABLED);
	} else if (options.disable) {
		usdt__debug("USDT_DISABLE is set: nothing becomes visible");
		enable_unseen(provider, USDT__OFF);
	} else if (check_slips(provider, &options) < 0) {
		result = -1;
	} else if (!usdt__native_supported() || usdt__stub_choose(0) == NULL) {
		enable_unseen(provider, USDT__UNSUPPORTED);
		usdt__observe_unsupported(provider);
	} else {
		result = enable(provider, &options);
		usdt__generations_tidy(provider);
		free(provider->state->probes);
		provider->state->probes = NULL;
	}
	usdt__end(provider);
	return result;
}

/* --- disabling ---------------------------------------------------------- */

/* Under the lock; the provider is marked as busy. */
static int
disable(usdt_provider_t *provider)
{
	static const struct usdt__why none;
	struct usdt_provider_state *state = provider->state;
	struct usdt__why why = { .error = 0 };

	usdt__child_disown(state);
	if (usdt__take_back(provider, &why) < 0)
		return usdt__fail(provider, USDT_ERROR_UNLOADDOF, why.text);
	usdt__hide(state);
	set_reasons(state, &none, &none);
	return 0;
}

int
usdt_provider_disable(usdt_provider_t *provider)
{
	usdt_probedef_t *p;
	int result = 0;

	if (provider == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID, "provider is NULL");
	usdt__begin(provider, 0);
	switch (provider->state->mode) {
	case USDT__DISABLED:
		break;
	case USDT__ENABLED:
		result = disable(provider);
		break;
	case USDT__OFF:
	case USDT__UNSUPPORTED:
		for (p = provider->state->set.first; p != NULL;
		    p = p->state->next)
			usdt__probe_unbind(p);
		provider->state->mode = USDT__DISABLED;
		break;
	}
	usdt__end(provider);
	return result;
}

void
usdt_provider_free(usdt_provider_t *provider)
{
	struct usdt_provider_state *state;
	usdt_probedef_t *p, *next;

	if (provider == NULL)
		return;
	state = provider->state;
	usdt__begin(provider, 0);
	if (state->mode == USDT__ENABLED && disable(provider) < 0) {
		/* Only the helper keeps it. */
		usdt__generations_unbind(state);
		usdt__hide(state);
	}
	for (p = state->set.first; p != NULL; p = next) {
		next = p->state->next;
		p->state->provider = NULL;
		p->state->next = p->state->previous = p->state->chain = NULL;
		usdt__probe_unbind(p);
		usdt__probe_release(p);
	}
	free(state->set.buckets);
	usdt__generations_free(state);
	usdt__unlock();
	usdt__structs_free(&state->structs);
	usdt__observers_free(provider);
	free(state);
	free(provider);
}
