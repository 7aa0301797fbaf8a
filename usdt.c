/*
 * usdt.c - what is the life of a provider?
 *
 * Create, add, enable, change, disable, free; and what is told of it: errors
 * and status.  This is the only room that knows the order of steps.
 *
 * Enabling lays out the probes that have no stub yet as a generation: a probe
 * image, mapped, with its DOF inside.  A provider keeps its generations while
 * it lives, so that disabling and enabling deliver the same ones again and
 * tracers stay attached.  A generation is
 *
 *	current		its probes are visible whenever the provider is enabled
 *	retired		no probe uses it any more; its memory stays mapped,
 *			since a thread may just be reading a gate there, and is
 *			used again if the same definition comes back
 *
 * A probe that is removed leaves a hole in its generation, which is laid out
 * anew, without it, when the provider is enabled after having been disabled.
 *
 * One lock serialises all calls but those that test and fire.  It is taken
 * around fork too, so that the child finds everything whole.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "usdt_internal.h"

#define ERROR_SIZE	(USDT_TEXT_SIZE + 64)

struct usdt__generation {
	struct usdt__generation *next;	/* of this provider, newest first */
	struct usdt__image *image;
	uint8_t id[USDT__ID_SIZE];	/* of its bytes */
	size_t document;		/* offsets in the image: DOF, */
	size_t text;			/* first stub, */
	size_t gates;			/* first gate */
	size_t gate_count;
	uint32_t *gate_of;		/* each stub's; NULL: 0, 1, 2 ... */
	size_t count;			/* stubs */
	size_t live;			/* probes that have one */
	int stale;			/* this enabling lays it out anew */
	usdt_probedef_t **probes;	/* by stub; NULL: removed */
	int dof_taken;			/* the helper has it ... */
	int dof_generation;		/* ... under this number */
	unsigned references;		/* the provider's and its probes' */
};

struct usdt_provider_state {
	struct usdt__probeset set;
	struct usdt__generation *current, *retired;
	usdt_provider_t *next;		/* of all that are enabled */
	int enabled;
	int idle;			/* enabled, but USDT_DISABLE is set */
	struct usdt__why dof_why, sdt_why;	/* text "": taken */
	char device[USDT_PATH_SIZE];	/* helper in use */
	char error[ERROR_SIZE];
};

/* What the environment says at this enabling. */
struct options {
	int disable;
	int dof, sdt;			/* backends to try */
	const char *device;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static usdt_provider_t *enabled_providers;	/* under the lock */
static __thread char thread_error[ERROR_SIZE];	/* usdt_errstr(NULL) */

/* --- errors ------------------------------------------------------------- */

static const char *const error_texts[] = {
	[USDT_ERROR_MALLOC] = "failed to allocate memory",
	[USDT_ERROR_VALLOC] = "failed to allocate page-aligned memory",
	[USDT_ERROR_NOPROBES] = "no probes defined",
	[USDT_ERROR_LOADDOF] = "failed to load DOF: %s",
	[USDT_ERROR_ALREADYENABLED] = "provider is already enabled",
	[USDT_ERROR_UNLOADDOF] = "failed to unload DOF: %s",
	[USDT_ERROR_DUP_PROBE] = "probe named %s:%s:%s:%s already exists",
	[USDT_ERROR_REMOVE_PROBE] = "failed to remove probe %s:%s:%s:%s",
	[USDT_ERROR_INVALID] = "invalid argument: %s",
	[USDT_ERROR_OWNED] = "probe %s is in a provider already",
	[USDT_ERROR_IMAGE] = "failed to place the probe image: %s",
	[USDT_ERROR_TOO_LARGE] = "provider is too large: %s",
};

static void
set_error(usdt_provider_t *provider, usdt_error_t error, va_list args)
{
	char *out = provider != NULL ? provider->state->error : thread_error;

	if ((unsigned)error < sizeof error_texts / sizeof error_texts[0])
		vsnprintf(out, ERROR_SIZE, error_texts[error], args);
	else
		snprintf(out, ERROR_SIZE, "unknown error %d", (int)error);
}

void
usdt_error(usdt_provider_t *provider, usdt_error_t error, ...)
{
	va_list args;

	va_start(args, error);
	set_error(provider, error, args);
	va_end(args);
}

char *
usdt_errstr(usdt_provider_t *provider)
{
	return provider != NULL ? provider->state->error : thread_error;
}

/* Text of an error, and the -1 that goes with it. */
static int
fail(usdt_provider_t *provider, usdt_error_t error, ...)
{
	va_list args;

	va_start(args, error);
	set_error(provider, error, args);
	va_end(args);
	return -1;
}

static int
fail_probe(usdt_provider_t *provider, usdt_error_t error,
    const usdt_probedef_t *probedef)
{
	return fail(provider, error, provider->name, provider->module,
	    probedef->function, probedef->name);
}

/* --- generations -------------------------------------------------------- */

static void
generation_release(struct usdt__generation *generation)
{
	if (--generation->references > 0)
		return;
	if (generation->image != NULL)
		usdt__image_drop(generation->image);
	free(generation->probes);
	free(generation->gate_of);
	free(generation);
}

/* Take a probe out of the generation that it has a stub in, if any. */
static void
probe_leave(usdt_probedef_t *probedef)
{
	struct usdt_probe_state *state = probedef->state;
	struct usdt__generation *generation = state->generation;

	usdt__probe_unbind(probedef);
	if (generation == NULL)
		return;
	generation->probes[state->slot] = NULL;
	generation->live--;
	state->generation = NULL;
	generation_release(generation);
}

/* Give each probe of a list the stub of its place. */
static void
generation_adopt(struct usdt__generation *generation,
    usdt_probedef_t *const *probes)
{
	size_t i;

	for (i = 0; i < generation->count; i++) {
		struct usdt_probe_state *state = probes[i]->state;

		probe_leave(probes[i]);
		generation->probes[i] = probes[i];
		generation->references++;
		generation->live++;
		state->generation = generation;
		state->slot = i;
	}
}

static void
generation_bind(const struct usdt__generation *generation)
{
	uint8_t *base = generation->image->base;
	uint32_t *gates = (void *)(base + generation->gates);
	size_t i;

	for (i = 0; i < generation->count; i++)
		if (generation->probes[i] != NULL)
			usdt__probe_bind(generation->probes[i],
			    &gates[generation->gate_of != NULL ?
			    generation->gate_of[i] : i],
			    base + generation->text + i * USDT__STUB_SIZE);
}

static void
generation_unbind(const struct usdt__generation *generation)
{
	size_t i;

	for (i = 0; i < generation->count; i++)
		if (generation->probes[i] != NULL)
			usdt__probe_unbind(generation->probes[i]);
}

/* Say to all gates whether the helper has their probes. */
static void
generation_set_helper(struct usdt__generation *generation, int has)
{
	uint32_t *gates =
	    (void *)(generation->image->base + generation->gates);
	size_t i;

	for (i = 0; i < generation->gate_count; i++)
		usdt__gate_set_helper(&gates[i], has);
	generation->dof_taken = has;
}

static int
generation_add_dof(struct usdt__generation *generation, const char *device,
    const char *module, struct usdt__why *why)
{
	uint8_t *base = generation->image->base;

	if (usdt__helper_add(usdt__native_platform(), device, module, base,
	    base + generation->document, &generation->dof_generation, why) < 0)
		return -1;
	generation_set_helper(generation, 1);
	return 0;
}

static int
generation_remove_dof(struct usdt__generation *generation, const char *device,
    struct usdt__why *why)
{
	if (!generation->dof_taken)
		return 0;
	generation_set_helper(generation, 0);
	if (usdt__helper_remove(usdt__native_platform(), device,
	    generation->dof_generation, why) == 0)
		return 0;
	generation_set_helper(generation, 1);
	return -1;
}

/* Move a generation from the list LINK points into to the retired ones. */
static void
generation_retire(usdt_provider_t *provider, struct usdt__generation **link)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *generation = *link;
	size_t i;

	generation_remove_dof(generation, state->device, NULL);
	for (i = 0; i < generation->count; i++)
		if (generation->probes[i] != NULL)
			probe_leave(generation->probes[i]);
	*link = generation->next;
	generation->next = state->retired;
	state->retired = generation;
}

/*
 * A retired generation of these bytes, ready to be used again, or NULL.  It
 * is taken off the list.
 */
static struct usdt__generation *
generation_reuse(usdt_provider_t *provider, const uint8_t id[USDT__ID_SIZE])
{
	struct usdt__generation **link, *generation;

	for (link = &provider->state->retired; *link != NULL;
	    link = &(*link)->next) {
		generation = *link;
		if (memcmp(generation->id, id, USDT__ID_SIZE) == 0 &&
		    usdt__image_present(generation->image)) {
			*link = generation->next;
			return generation;
		}
	}
	return NULL;
}

/* What is told about memory that there is not. */
static int
no_memory(struct usdt__why *why)
{
	return usdt__because(why, ENOMEM, "%s", strerror(ENOMEM));
}

/* Build the bytes of a generation's image and map it, or find it retired. */
static int
generation_place(usdt_provider_t *provider,
    struct usdt__generation **generation, usdt_probedef_t *const *probes,
    int notes, struct usdt__why *why)
{
	struct usdt__generation *new = *generation, *old;
	const struct usdt__description description = {
		provider->name, provider->module, new->count, probes,
		new->gate_count, new->gate_of
	};
	struct usdt__elf elf;
	uint8_t *bytes;
	int result = 0;

	if (usdt__elf_layout(&elf, &description, usdt__native_platform(),
	    usdt__native_arch(), usdt__stub_choose(), notes, why) < 0) {
		why->error = E2BIG;
		return -1;
	}
	bytes = calloc(1, elf.size);
	if (bytes == NULL)
		return no_memory(why);
	usdt__elf_write(&elf, bytes, new->id);
	new->document = elf.document;
	new->text = elf.text;
	new->gates = elf.gates;
	old = generation_reuse(provider, new->id);
	if (old != NULL) {
		generation_release(new);
		*generation = old;
	} else {
		result = usdt__image_take(&elf, bytes, new->id, &new->image,
		    why);
	}
	free(bytes);
	return result;
}

/* A generation for a list of probes, which do not use it yet. */
static struct usdt__generation *
generation_make(usdt_provider_t *provider, usdt_probedef_t *const *probes,
    size_t count, int notes, struct usdt__why *why)
{
	struct usdt__generation *generation = calloc(1, sizeof *generation);

	if (generation == NULL) {
		no_memory(why);
		return NULL;
	}
	generation->references = 1;
	generation->count = count;
	generation->probes = calloc(count, sizeof *generation->probes);
	generation->gate_of = calloc(count, sizeof *generation->gate_of);
	if (generation->probes != NULL && generation->gate_of != NULL)
		generation->gate_count = usdt__number_names(probes, count,
		    generation->gate_of);
	if (generation->gate_count == count) {	/* no name comes twice */
		free(generation->gate_of);
		generation->gate_of = NULL;
	}
	if (generation->gate_count == 0)
		no_memory(why);
	else if (generation_place(provider, &generation, probes, notes,
	    why) == 0)
		return generation;
	generation_release(generation);
	return NULL;
}

/* --- fork --------------------------------------------------------------- */

static void
before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void
after_fork_in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

/*
 * A forked child has its parent's probes, but on some systems no helper knows
 * of it.  Only system calls here: the parent may have had other threads.
 */
static void
after_fork_in_child(void)
{
	usdt_provider_t *provider;
	struct usdt__generation *g;

	for (provider = enabled_providers; provider != NULL;
	    provider = provider->state->next)
		for (g = provider->state->current; g != NULL; g = g->next) {
			if (!g->dof_taken)
				continue;
			generation_set_helper(g, 0);
			generation_add_dof(g, provider->state->device,
			    provider->module, NULL);
		}
	pthread_mutex_unlock(&lock);
}

/* Once a process; under the lock.  Returns 0 or an errno. */
static int
watch_fork(void)
{
	static int watching;
	int error;

	if (watching)
		return 0;
	error = pthread_atfork(before_fork, after_fork_in_parent,
	    usdt__native_platform()->fork == USDT__FORK_NOTHING ?
	    after_fork_in_child : after_fork_in_parent);
	watching = error == 0;
	return error;
}

/* --- creating and freeing ----------------------------------------------- */

usdt_provider_t *
usdt_create_provider(const char *name, const char *module)
{
	const struct usdt__platform *row = usdt__native_platform();
	struct {
		usdt_provider_t provider;
		struct usdt_provider_state state;
		char strings[];
	} *block;
	struct usdt__why why;
	size_t name_size, module_size;

	if (usdt__name_check_provider(row, name, &why) < 0 ||
	    usdt__name_check_module(row, module, &why) < 0) {
		fail(NULL, USDT_ERROR_INVALID, why.text);
		return NULL;
	}
	name_size = strlen(name) + 1;
	module_size = strlen(module) + 1;
	block = calloc(1, sizeof *block + name_size + module_size);
	if (block == NULL) {
		fail(NULL, USDT_ERROR_MALLOC);
		return NULL;
	}
	block->provider.name = memcpy(block->strings, name, name_size);
	block->provider.module = memcpy(block->strings + name_size, module,
	    module_size);
	block->provider.state = &block->state;
	return &block->provider;
}

/* Are a probe's names, count and types such as every tracer takes? */
static int
check_probe(const char *func, const char *name, size_t argc,
    const char **types, struct usdt__why *why)
{
	const struct usdt__platform *row = usdt__native_platform();
	size_t i;

	if (usdt__name_check_function(row, func, why) < 0 ||
	    usdt__name_check_probe(row, name, why) < 0)
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
	struct {
		usdt_probedef_t def;
		struct usdt_probe_state state;
		char *types[];
	} *block;
	struct usdt__why why;
	size_t i, size;
	char *at;

	if (check_probe(func, name, argc, types, &why) < 0) {
		fail(NULL, USDT_ERROR_INVALID, why.text);
		return NULL;
	}
	size = sizeof *block + argc * sizeof *block->types +
	    strlen(func) + 1 + 2 * (strlen(name) + 1);
	for (i = 0; i < argc; i++)
		size += strlen(types[i]) + 1;
	block = calloc(1, size);
	if (block == NULL) {
		fail(NULL, USDT_ERROR_MALLOC);
		return NULL;
	}
	at = (char *)&block->types[argc];
	block->def.function = copy(&at, func);
	block->def.name = copy(&at, name);
	block->def.argc = argc;
	block->def.types = block->types;
	for (i = 0; i < argc; i++)
		block->types[i] = copy(&at, types[i]);
	usdt__name_dof(name, at);
	block->def.state = &block->state;
	block->def.probe = &block->state.probe;
	block->state.references = 1;
	block->state.dof_name = at;
	block->state.hash = usdt__probeset_hash(func, at);
	block->state.probe.argc = argc;
	usdt__probe_unbind(&block->def);
	return &block->def;
}

/* Under the lock. */
static void
probe_release(usdt_probedef_t *probedef)
{
	if (--probedef->state->references > 0)
		return;
	probe_leave(probedef);
	free(probedef);
}

void
usdt_probe_release(usdt_probedef_t *probedef)
{
	if (probedef == NULL)
		return;
	pthread_mutex_lock(&lock);
	probe_release(probedef);
	pthread_mutex_unlock(&lock);
}

/* --- changing ----------------------------------------------------------- */

int
usdt_provider_add_probe(usdt_provider_t *provider, usdt_probedef_t *probedef)
{
	int result = 0;

	if (provider == NULL || probedef == NULL)
		return fail(provider, USDT_ERROR_INVALID, provider == NULL ?
		    "provider is NULL" : "probe is NULL");
	pthread_mutex_lock(&lock);
	if (usdt__probeset_find(&provider->state->set, probedef) != NULL) {
		result = fail_probe(provider, USDT_ERROR_DUP_PROBE, probedef);
	} else if (probedef->state->provider != NULL) {
		result = fail(provider, USDT_ERROR_OWNED, probedef->name);
	} else if (usdt__probeset_add(&provider->state->set, probedef) != 0) {
		result = fail(provider, USDT_ERROR_MALLOC);
	} else {
		probe_leave(probedef);	/* a provider that was freed */
		probedef->state->references++;
		probedef->state->provider = provider;
	}
	pthread_mutex_unlock(&lock);
	return result;
}

int
usdt_provider_remove_probe(usdt_provider_t *provider,
    usdt_probedef_t *probedef)
{
	usdt_probedef_t *found;
	int result = 0;

	if (provider == NULL || probedef == NULL)
		return fail(provider, USDT_ERROR_INVALID, provider == NULL ?
		    "provider is NULL" : "probe is NULL");
	pthread_mutex_lock(&lock);
	found = usdt__probeset_find(&provider->state->set, probedef);
	if (provider->state->set.count == 0) {
		result = fail(provider, USDT_ERROR_NOPROBES);
	} else if (found == NULL) {
		result = fail_probe(provider, USDT_ERROR_REMOVE_PROBE,
		    probedef);
	} else {
		usdt__probeset_remove(&provider->state->set, found);
		probe_leave(found);
		found->state->provider = NULL;
		probe_release(found);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

/* --- enabling ----------------------------------------------------------- */

static void
read_options(struct options *options)
{
	const struct usdt__platform *row = usdt__native_platform();
	const char *value = usdt__getenv("USDT_DISABLE");

	options->disable = value != NULL && *value != '\0' &&
	    strcmp(value, "0") != 0;
	value = usdt__getenv("USDT_BACKENDS");
	options->dof = value == NULL || strstr(value, "dof") != NULL;
	options->sdt = value == NULL || strstr(value, "sdt") != NULL;
	value = usdt__getenv("USDT_HELPER");
	options->device = value != NULL && *value != '\0' ? value :
	    row->helper;
}

/* Is this generation to be laid out anew? */
static int
is_stale(const usdt_provider_t *provider,
    const struct usdt__generation *generation)
{
	if (generation->live == 0)
		return 1;
	if (!provider->state->enabled && generation->live < generation->count)
		return 1;
	return !usdt__image_present(generation->image);
}

/*
 * The probes that need a stub: those without one, and those of stale
 * generations.  Sets *PROBES to a list to be freed, or NULL if there are none
 * or (returning -1) no memory.
 */
static int
collect(usdt_provider_t *provider, usdt_probedef_t ***probes, size_t *count)
{
	struct usdt__generation *g;
	usdt_probedef_t *p;
	size_t n = 0;

	*probes = NULL;
	for (g = provider->state->current; g != NULL; g = g->next)
		g->stale = is_stale(provider, g);
	for (p = provider->state->set.first; p != NULL; p = p->state->next)
		if (p->state->generation == NULL || p->state->generation->stale)
			n++;
	*count = n;
	if (n == 0)
		return 0;
	*probes = malloc(n * sizeof **probes);
	if (*probes == NULL)
		return -1;
	n = 0;
	for (p = provider->state->set.first; p != NULL; p = p->state->next)
		if (p->state->generation == NULL || p->state->generation->stale)
			(*probes)[n++] = p;
	return 0;
}

/* Hand all current generations to the helper that it does not have. */
static int
deliver_dof(usdt_provider_t *provider, struct usdt__generation *newest)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *g;

	state->dof_why.text[0] = '\0';
	state->dof_why.error = 0;
	if (newest != NULL && generation_add_dof(newest, state->device,
	    provider->module, &state->dof_why) < 0)
		return -1;
	for (g = state->current; g != NULL; g = g->next)
		if (!g->dof_taken && !g->stale && generation_add_dof(g,
		    state->device, provider->module, &state->dof_why) < 0)
			return -1;
	return 0;
}

/* Retire what is to be laid out anew, or only what no probe uses. */
static void
retire_stale(usdt_provider_t *provider, int only_empty)
{
	struct usdt__generation **link = &provider->state->current;

	while (*link != NULL)
		if (only_empty ? (*link)->live == 0 : (*link)->stale)
			generation_retire(provider, link);
		else
			link = &(*link)->next;
}

/*
 * After a failure: take back what the helper got, and keep the new generation
 * for the next attempt.
 */
static void
undo(usdt_provider_t *provider, struct usdt__generation *newest)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *g;

	if (!state->enabled)
		for (g = state->current; g != NULL; g = g->next)
			generation_remove_dof(g, state->device, NULL);
	if (newest == NULL)
		return;
	generation_remove_dof(newest, state->device, NULL);
	newest->next = state->retired;
	state->retired = newest;
}

static void
link_enabled(usdt_provider_t *provider)
{
	provider->state->next = enabled_providers;
	enabled_providers = provider;
	provider->state->enabled = 1;
}

static void
unlink_enabled(usdt_provider_t *provider)
{
	usdt_provider_t **link = &enabled_providers;

	while (*link != NULL && *link != provider)
		link = &(*link)->state->next;
	if (*link != NULL)
		*link = provider->state->next;
	provider->state->next = NULL;
	provider->state->enabled = 0;
}

/*
 * Make what is in the set visible: NEWEST holds the COUNT PROBES that had no
 * stub, or is NULL.  Fails, with nothing changed, if no backend took them.
 */
static int
deliver(usdt_provider_t *provider, const struct options *options,
    struct usdt__generation *newest, usdt_probedef_t **probes)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *g;
	int dof = 0;

	if (!options->dof)
		usdt__because(&state->dof_why, 0, "not in USDT_BACKENDS");
	else
		dof = deliver_dof(provider, newest) == 0;
	usdt__debug("dof: %s", dof ? "taken" : state->dof_why.text);
	if (!options->sdt)
		usdt__because(&state->sdt_why, 0, "not in USDT_BACKENDS");
	else
		state->sdt_why.text[0] = '\0';
	if (!dof && !options->sdt)
		return fail(provider, USDT_ERROR_LOADDOF, state->dof_why.text);

	retire_stale(provider, 0);
	if (newest != NULL) {
		generation_adopt(newest, probes);
		newest->next = state->current;
		state->current = newest;
	}
	if (!state->enabled)
		link_enabled(provider);
	for (g = state->current; g != NULL; g = g->next)
		generation_bind(g);
	return 0;
}

/* Under the lock. */
static int
enable(usdt_provider_t *provider, const struct options *options)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *newest = NULL;
	usdt_probedef_t **probes;
	struct usdt__why why = { 0, "" };
	size_t count;
	int result;

	retire_stale(provider, 1);
	if (collect(provider, &probes, &count) < 0)
		return fail(provider, USDT_ERROR_MALLOC);
	if (state->enabled && count == 0) {
		fail(provider, USDT_ERROR_ALREADYENABLED);
		return 0;
	}
	if (watch_fork() != 0) {
		free(probes);
		return fail(provider, USDT_ERROR_MALLOC);
	}
	snprintf(state->device, sizeof state->device, "%s", options->device);
	if (count > 0) {
		newest = generation_make(provider, probes, count,
		    options->sdt, &why);
		if (newest == NULL) {
			if (!state->enabled)
				state->sdt_why = why;
			free(probes);
			return fail(provider, why.error == E2BIG ?
			    USDT_ERROR_TOO_LARGE : USDT_ERROR_IMAGE, why.text);
		}
	}
	result = deliver(provider, options, newest, probes);
	if (result < 0)
		undo(provider, newest);
	free(probes);
	return result;
}

int
usdt_provider_enable(usdt_provider_t *provider)
{
	struct options options;
	int result;

	if (provider == NULL)
		return fail(NULL, USDT_ERROR_INVALID, "provider is NULL");
	read_options(&options);
	pthread_mutex_lock(&lock);
	if (provider->state->set.count == 0) {
		result = fail(provider, USDT_ERROR_NOPROBES);
	} else if (options.disable || usdt__stub_choose() == NULL ||
	    !usdt__native_platform()->image) {
		result = 0;
		if (provider->state->enabled)
			fail(provider, USDT_ERROR_ALREADYENABLED);
		else
			provider->state->enabled = provider->state->idle = 1;
	} else if (provider->state->idle) {
		fail(provider, USDT_ERROR_ALREADYENABLED);
		result = 0;
	} else {
		result = enable(provider, &options);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

/* --- disabling ---------------------------------------------------------- */

/*
 * Under the lock.  Probes are off before the helper hears of it: a running
 * dtrace goes on answering is-enabled and counting after a removal.
 */
static int
disable(usdt_provider_t *provider)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *g;
	struct usdt__why why = { 0, "" };
	int failed = 0;

	for (g = state->current; g != NULL; g = g->next)
		generation_unbind(g);
	for (g = state->current; g != NULL; g = g->next)
		if (generation_remove_dof(g, state->device, &why) < 0)
			failed = 1;
	if (failed) {
		/* As it was. */
		deliver_dof(provider, NULL);
		for (g = state->current; g != NULL; g = g->next)
			generation_bind(g);
		return fail(provider, USDT_ERROR_UNLOADDOF, why.text);
	}
	unlink_enabled(provider);
	memset(&state->dof_why, 0, sizeof state->dof_why);
	memset(&state->sdt_why, 0, sizeof state->sdt_why);
	return 0;
}

int
usdt_provider_disable(usdt_provider_t *provider)
{
	int result = 0;

	if (provider == NULL)
		return fail(NULL, USDT_ERROR_INVALID, "provider is NULL");
	pthread_mutex_lock(&lock);
	if (provider->state->idle) {
		provider->state->idle = 0;
		provider->state->enabled = 0;
	} else if (provider->state->enabled) {
		result = disable(provider);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

static void
release_list(struct usdt__generation *generation)
{
	struct usdt__generation *next;

	for (; generation != NULL; generation = next) {
		next = generation->next;
		generation_release(generation);
	}
}

void
usdt_provider_free(usdt_provider_t *provider)
{
	struct usdt_provider_state *state;
	struct usdt__generation *g;
	usdt_probedef_t *p, *next;

	if (provider == NULL)
		return;
	state = provider->state;
	pthread_mutex_lock(&lock);
	if (state->enabled && !state->idle && disable(provider) < 0) {
		/* The helper keeps it; nobody else does. */
		for (g = state->current; g != NULL; g = g->next)
			generation_unbind(g);
		unlink_enabled(provider);
	}
	for (p = state->set.first; p != NULL; p = next) {
		next = p->state->next;
		p->state->provider = NULL;
		p->state->next = p->state->previous = p->state->chain = NULL;
		probe_release(p);
	}
	free(state->set.buckets);
	release_list(state->current);
	release_list(state->retired);
	pthread_mutex_unlock(&lock);
	free(provider);
}

/* --- status ------------------------------------------------------------- */

static void
set_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}

static void
status_of_dof(const struct usdt_provider_state *state,
    usdt_backend_status_t *dof)
{
	dof->generation = -1;
	set_text(dof->path, sizeof dof->path, state->device);
	if (state->current != NULL && state->current->dof_taken) {
		dof->taken = 1;
		dof->generation = state->current->dof_generation;
	}
	dof->error = state->dof_why.error;
	set_text(dof->reason, sizeof dof->reason, state->dof_why.text);
}

static void
status_of_sdt(const struct usdt_provider_state *state,
    usdt_backend_status_t *sdt)
{
	sdt->generation = -1;
	sdt->error = state->sdt_why.error;
	set_text(sdt->reason, sizeof sdt->reason, state->sdt_why.text);
	if (state->current == NULL)
		return;
	usdt__image_path(state->current->image, sdt->path);
	if (state->sdt_why.text[0] != '\0')
		return;
	if (usdt__image_present(state->current->image)) {
		sdt->taken = 1;
	} else {
		sdt->error = ENOENT;
		set_text(sdt->reason, sizeof sdt->reason, "the image file has "
		    "been removed; enable makes it again");
	}
}

/* Why a provider is visible by nothing; WHY is a backend's last failure. */
static const char *
idle_reason(const struct usdt_provider_state *state,
    const struct usdt__why *why)
{
	if (!usdt__native_platform()->image || usdt__stub_count == 0)
		return "not supported here";
	if (state->idle)
		return "USDT_DISABLE is set";
	return why->text[0] != '\0' ? why->text : "not enabled";
}

int
usdt_provider_status(const usdt_provider_t *provider, usdt_status_t *status)
{
	const struct usdt_provider_state *state;
	const struct usdt__generation *g;
	const usdt_probedef_t *p;
	size_t length;

	if (provider == NULL || status == NULL)
		return fail(NULL, USDT_ERROR_INVALID, provider == NULL ?
		    "provider is NULL" : "status is NULL");
	memset(status, 0, sizeof *status);
	pthread_mutex_lock(&lock);
	state = provider->state;
	status->enabled = state->enabled;
	for (p = state->set.first; p != NULL; p = p->state->next)
		if (state->enabled && p->state->generation != NULL)
			status->probes++;
		else
			status->waiting++;
	for (g = state->current; g != NULL; g = g->next)
		status->images++;
	if (state->enabled && !state->idle) {
		status_of_dof(state, &status->dof);
		status_of_sdt(state, &status->sdt);
	} else {
		status->dof.generation = status->sdt.generation = -1;
		status->dof.error = state->dof_why.error;
		status->sdt.error = state->sdt_why.error;
		set_text(status->dof.reason, sizeof status->dof.reason,
		    idle_reason(state, &state->dof_why));
		set_text(status->sdt.reason, sizeof status->sdt.reason,
		    idle_reason(state, &state->sdt_why));
	}
	length = strlen(provider->name);
	if (provider->name[length - 1] >= '0' &&
	    provider->name[length - 1] <= '9')
		set_text(status->note, sizeof status->note, "the provider's "
		    "name ends in a digit: DTrace on Linux cannot tell it "
		    "from the pid");
	pthread_mutex_unlock(&lock);
	return 0;
}
