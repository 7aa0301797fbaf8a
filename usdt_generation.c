/*
 * usdt_generation.c - what is laid out together?
 *
 * A generation is a set of probes with stubs in one probe image, mapped, with
 * its DOF inside.  Of a provider's generations some are
 *
 *	current		their probes are visible whenever it is enabled
 *	retired		no probe uses them any more; the memory stays mapped,
 *			since a thread may just be reading a gate there, and is
 *			used again if the same definition comes back
 *
 * All of this happens under the library's lock.
 */
#include <errno.h>
#include <stdlib.h>

#include "usdt_internal.h"

/* What is told about memory that there is not. */
static int
no_memory(struct usdt__why *why)
{
	return usdt__because(why, ENOMEM, "%s", strerror(ENOMEM));
}

void
usdt__generation_release(struct usdt__generation *generation)
{
	if (--generation->references > 0)
		return;
	if (generation->image != NULL)
		usdt__image_drop(generation->image);
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
	uint8_t *base = generation->image->base;
	uint32_t *gates = (void *)(base + generation->gates);
	size_t i;

	for (i = 0; i < generation->count; i++) {
		usdt_probedef_t *p = generation->probes[i];

		if (p == NULL)
			continue;
		usdt__probe_bind(p, &gates[generation->gate_of != NULL ?
		    generation->gate_of[i] : i],
		    base + generation->text + i * USDT__STUB_SIZE,
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

/* Say to all gates whether the helper has their probes. */
void
usdt__generation_set_helper(struct usdt__generation *generation, int has)
{
	uint32_t *gates =
	    (void *)(generation->image->base + generation->gates);
	size_t i;

	for (i = 0; i < generation->gate_count; i++)
		usdt__gate_set_helper(&gates[i], has);
	generation->dof_taken = has;
}

int
usdt__generation_add_dof(struct usdt__generation *generation,
    const char *device, const char *module, struct usdt__why *why)
{
	uint8_t *base = generation->image->base;
	char *copy = NULL;

	if (device != NULL && (copy = strdup(device)) == NULL)
		return no_memory(why);
	if (usdt__helper_add(usdt__native_platform(),
	    device != NULL ? device : generation->device, module, base,
	    base + generation->document, &generation->dof_generation,
	    why) < 0) {
		free(copy);
		return -1;
	}
	if (copy != NULL) {
		free(generation->device);
		generation->device = copy;
	}
	usdt__generation_set_helper(generation, 1);
	return 0;
}

int
usdt__generation_remove_dof(struct usdt__generation *generation,
    struct usdt__why *why)
{
	if (!generation->dof_taken)
		return 0;
	usdt__generation_set_helper(generation, 0);
	if (usdt__helper_remove(usdt__native_platform(), generation->device,
	    generation->dof_generation, why) == 0)
		return 0;
	usdt__generation_set_helper(generation, 1);
	return -1;
}

/* Move a generation from the list LINK points into to the retired ones. */
void
usdt__generation_retire(usdt_provider_t *provider,
    struct usdt__generation **link)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *generation = *link;
	size_t i;

	usdt__generation_remove_dof(generation, NULL);
	for (i = 0; i < generation->count; i++)
		if (generation->probes[i] != NULL)
			usdt__probe_leave(generation->probes[i]);
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
		usdt__generation_release(new);
		*generation = old;
	} else {
		result = usdt__image_take(&elf, bytes, new->id, &new->image,
		    why);
	}
	free(bytes);
	return result;
}

/* A generation for a list of probes, which do not use it yet. */
struct usdt__generation *
usdt__generation_make(usdt_provider_t *provider, usdt_probedef_t *const *probes,
    size_t count, int notes, struct usdt__why *why)
{
	struct usdt__generation *generation = calloc(1, sizeof *generation);

	if (generation == NULL) {
		no_memory(why);
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
		no_memory(why);
	else if (generation_place(provider, &generation, probes, notes,
	    why) == 0)
		return generation;
	usdt__generation_release(generation);
	return NULL;
}
