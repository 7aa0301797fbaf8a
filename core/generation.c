/*
 * core/generation.c - what is laid out together?
 *
 * A generation is a set of probes with stubs in one probe image, mapped, with
 * its DOF inside; where the system has no images, with stubs and DOF in pages
 * of their own.  Of a provider's generations some are
 *
 *	current		their probes are visible whenever it is enabled
 *	retired		no probe uses them any more.  At the next chance they
 *			are buried: tombstones take the place of their images
 *			(image/place.c), and their addresses are used again if
 *			the same definition comes back.  Without images nothing
 *			is kept: stubs are used only once
 *
 * All of this happens under the library's lock.
 */
#include "core/provider.h"

#include <errno.h>
#include <stdlib.h>

void
usdt__generation_release(struct usdt__generation *generation)
{
	if (--generation->references > 0)
		return;
	if (generation->image != NULL)
		usdt__image_drop(generation->image);
	/* A document that could not be taken back may still be read. */
	if (generation->pages.document != NULL && !generation->dof_taken)
		usdt__pages_drop(&generation->pages, generation->told);
	free(generation->probes);
	free(generation->gate_of);
	free(generation->device);
	free(generation);
}

/* Take a probe out of the generation that it has a stub in, if any. */
void
usdt__probe_leave(usdt_probedef_t *probedef)
{
	struct usdt_probe_state *state = probedef->state;
	struct usdt__generation *generation = state->generation;

	usdt__probe_unbind(probedef);
	if (generation == NULL)
		return;
	generation->probes[state->slot] = NULL;
	generation->live--;
	state->generation = NULL;
	usdt__generation_release(generation);
}

/* Give each probe of a list the stub of its place. */
void
usdt__generation_adopt(struct usdt__generation *generation,
    usdt_probedef_t *const *probes)
{
	size_t i;

	for (i = 0; i < generation->count; i++) {
		struct usdt_probe_state *state = probes[i]->state;

		usdt__probe_leave(probes[i]);
		generation->probes[i] = probes[i];
		generation->references++;
		generation->live++;
		state->generation = generation;
		state->slot = (uint32_t)i;
	}
}

void
usdt__generation_bind(const struct usdt__generation *generation)
{
	const uint32_t *gate = NULL;
	size_t i;

	for (i = 0; i < generation->count; i++) {
		usdt_probedef_t *p = generation->probes[i];

		if (p == NULL)
			continue;
		if (generation->gates != NULL)
			gate = &generation->gates[generation->gate_of != NULL ?
			    generation->gate_of[i] : i];
		usdt__probe_bind(p, gate,
		    generation->stubs + i * USDT__STUB_SIZE,
		    p->state->provider->state->observer);
	}
}

void
usdt__generation_unbind(const struct usdt__generation *generation)
{
	size_t i;

	for (i = 0; i < generation->count; i++)
		if (generation->probes[i] != NULL)
			usdt__probe_unbind(generation->probes[i]);
}

/* A helper's stubs are asked: DTrace goes on answering after a removal. */
int
usdt__generation_is_traced(const struct usdt__generation *generation)
{
	size_t i;

	for (i = 0; generation->gates != NULL && i < generation->gate_count;
	    i++)
		if (usdt__gate_is_counted(&generation->gates[i]))
			return 1;
	for (i = 0; generation->told && i < generation->count; i++)
		if (usdt__stub_is_enabled(generation->stubs +
		    i * USDT__STUB_SIZE))
			return 1;
	return 0;
}

/* Say to all gates whether the helper has their probes. */
void
usdt__generation_set_helper(struct usdt__generation *generation, int has)
{
	size_t i;

	if (generation->gates != NULL)
		for (i = 0; i < generation->gate_count; i++)
			usdt__gate_set_helper(&generation->gates[i], has);
	generation->dof_taken = has;
}

/* Documents that helpers have of this process, or are just being told of. */
static unsigned documents;

int
usdt__generation_want_dof(struct usdt__generation *generation,
    const char *device, struct usdt__why *why)
{
	char *copy = strdup(device);

	if (copy == NULL)
		return usdt__no_memory(why);
	free(generation->device);
	generation->device = copy;
	generation->dof_wanted = 1;
	return 0;
}

/* A thread that forks meanwhile finds the document counted, and its generation
 * with all that it takes to hand it over once more. */
static int
hand_over(struct usdt__generation *generation, const char *module,
    struct usdt__answer *answer)
{
	int result;

	documents++;
	generation->dof_wanted = 1;
	result = usdt__helper_add(usdt__native_platform(), generation->device,
	    module, generation->address, generation->document,
	    &generation->dof_generation, answer);
	generation->dof_wanted = 0;
	if (result < 0) {
		documents--;
		return -1;
	}
	generation->told = 1;
	usdt__generation_set_helper(generation, 1);
	return 0;
}

int
usdt__generation_add_dof(struct usdt__generation *generation,
    const char *module, struct usdt__why *why)
{
	const struct usdt__platform *row = usdt__native_platform();
	struct usdt__answer answer;

	if (row->max_documents != 0 && documents >= row->max_documents)
		return usdt__because(why, ENOSPC, "%s takes %u providers of a "
		    "process, and has them", row->name, row->max_documents);
	return hand_over(generation, module, &answer) < 0 ?
	    usdt__helper_explain(row, generation->device, &answer, why) : 0;
}

int
usdt__generation_remove_dof(struct usdt__generation *generation,
    struct usdt__why *why)
{
	const struct usdt__platform *row = usdt__native_platform();
	struct usdt__answer answer;

	if (!generation->dof_taken)
		return 0;
	usdt__generation_set_helper(generation, 0);
	if (usdt__helper_remove(row, generation->device,
	    generation->dof_generation, &answer) == 0) {
		documents--;
		return 0;
	}
	usdt__generation_set_helper(generation, 1);
	return usdt__helper_explain(row, generation->device, &answer, why);
}

int
usdt__generation_inherit_dof(struct usdt__generation *generation, int wanted)
{
	if (!generation->dof_taken && !generation->dof_wanted)
		return 0;		/* nothing is written, nor copied */
	if (generation->dof_taken)
		usdt__generation_set_helper(generation, 0);
	generation->dof_wanted = wanted;
	return wanted;
}

int
usdt__generation_add_inherited(struct usdt__generation *generation,
    const char *module, struct usdt__answer *answer)
{
	return hand_over(generation, module, answer);
}

void
usdt__documents_forget(void)
{
	documents = 0;
}

/* Only pointers are set: a forked child does this too. */
void
usdt__generation_keep(usdt_provider_t *provider,
    struct usdt__generation *generation)
{
	generation->next = provider->state->retired;
	provider->state->retired = generation;
}

/* Move a generation from the list LINK points into to the retired ones. */
void
usdt__generation_retire(usdt_provider_t *provider,
    struct usdt__generation **link)
{
	struct usdt__generation *generation = *link;
	size_t i;

	for (i = 0; i < generation->count; i++)
		if (generation->probes[i] != NULL)
			usdt__probe_leave(generation->probes[i]);
	*link = generation->next;
	usdt__generation_keep(provider, generation);
}

void
usdt__generations_tidy(usdt_provider_t *provider)
{
	struct usdt__generation **link = &provider->state->retired, *generation;

	while ((generation = *link) != NULL) {
		usdt__generation_remove_dof(generation, NULL);
		if (generation->image != NULL && (generation->dof_taken ||
		    generation->references > 1 ||
		    usdt__image_bury(generation->image) != 0)) {
			link = &generation->next;	/* another time */
		} else {
			generation->image = NULL;
			*link = generation->next;
			usdt__generation_release(generation);
		}
	}
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
			generation->stale = 0;
			return generation;
		}
	}
	return NULL;
}

/* Give a generation stubs and a document in pages, fresh ones. */
static int
place_in_pages(struct usdt__generation *new,
    const struct usdt__description *description, struct usdt__why *why)
{
	const struct usdt__stub *stub = usdt__stub_choose();
	const struct usdt__sites sites = {
		stub->isenabled_site, stub->dof_site
	};
	struct usdt__dof dof;
	uint64_t address;

	if (usdt__dof_layout(&dof, description, usdt__native_platform(),
	    usdt__native_arch(), why) < 0) {
		why->error = E2BIG;
		why->kind = USDT__TOO_LARGE;
		return -1;
	}
	if (usdt__pages_take(stub, new->count, dof.size, &new->pages, why) < 0)
		return -1;
	new->stubs = new->pages.stubs;
	new->address = new->document = new->pages.document;
	address = (uint64_t)(uintptr_t)new->document;
	usdt__dof_write(&dof, &sites, (uint64_t)(uintptr_t)new->stubs,
	    address, new->pages.document);
	return usdt__pages_seal(&new->pages, why);
}

/* A window through which SIZE bytes are built, and compared with a file's. */
static int
make_window(struct usdt__window *window, size_t size,
    struct usdt__why *why)
{
	window->size = usdt__align(size < USDT__WINDOW ? size : USDT__WINDOW,
	    8);
	window->file_size = window->size < USDT__FILE_WINDOW ? window->size :
	    USDT__FILE_WINDOW;
	window->bytes = malloc(window->size + window->file_size);
	if (window->bytes == NULL)
		return usdt__no_memory(why);
	window->file = window->bytes + window->size;
	return 0;
}

/* Build the bytes of a generation's image and map it, or find it retired. */
static int
place_measured(usdt_provider_t *provider,
    struct usdt__generation **generation,
    const struct usdt__description *description, int notes,
    struct usdt__why *why)
{
	struct usdt__generation *new = *generation, *old;
	struct usdt__window window;
	struct usdt__elf elf;
	int result = 0;

	if (provider->state->arena == NULL)
		provider->state->arena = usdt__arena_make();
	if (provider->state->arena == NULL)
		return usdt__no_memory(why);
	if (usdt__elf_layout(&elf, description, usdt__native_platform(),
	    usdt__native_arch(), usdt__stub_choose(), notes, why) < 0) {
		why->error = E2BIG;
		why->kind = USDT__TOO_LARGE;
		return -1;
	}
	if (make_window(&window, elf.size, why) < 0)
		return -1;
	usdt__elf_identify(&elf, window.bytes, window.size, new->id);
	old = generation_reuse(provider, new->id);
	if (old != NULL) {
		usdt__generation_release(new);
		*generation = old;
	} else {
		result = usdt__image_take(&elf, &window, new->id,
		    provider->state->arena, &new->image, why);
	}
	free(window.bytes);
	if (old == NULL && result == 0) {
		new->address = new->image->base;
		new->document = new->address + elf.document;
		new->stubs = new->address + elf.text;
		new->gates = (void *)(new->image->base + elf.gates);
	}
	return result;
}

static int
place_in_image(usdt_provider_t *provider,
    struct usdt__generation **generation,
    const struct usdt__description *description, int notes,
    struct usdt__why *why)
{
	struct usdt__description measured = *description;
	int result;

	measured.extents = malloc(measured.count * sizeof *measured.extents);
	if (measured.extents == NULL)
		return usdt__no_memory(why);
	result = place_measured(provider, generation, &measured, notes, why);
	free(measured.extents);
	return result;
}

static int
generation_place(usdt_provider_t *provider,
    struct usdt__generation **generation, usdt_probedef_t *const *probes,
    int notes, struct usdt__why *why)
{
	struct usdt__generation *new = *generation;
	const struct usdt__description description = {
		provider->name, provider->module, new->count, probes,
		new->gate_count, new->gate_of, NULL
	};

	return usdt__native_platform()->image ?
	    place_in_image(provider, generation, &description, notes, why) :
	    place_in_pages(new, &description, why);
}

/* A generation for a list of probes, which do not use it yet. */
struct usdt__generation *
usdt__generation_make(usdt_provider_t *provider, usdt_probedef_t *const *probes,
    size_t count, int notes, struct usdt__why *why)
{
	struct usdt__generation *generation = calloc(1, sizeof *generation);

	if (generation == NULL) {
		usdt__no_memory(why);
		return NULL;
	}
	generation->references = 1;
	generation->notes = notes;
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
		usdt__no_memory(why);
	else if (generation_place(provider, &generation, probes, notes,
	    why) == 0)
		return generation;
	usdt__generation_release(generation);
	return NULL;
}
