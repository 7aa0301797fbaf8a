/*
 * core/generation.c - which probes are laid out together?
 *
 * A generation is a set of probes with their stubs and DOF, in one mapped image
 * or, on systems without images, in pages.  All of this is called under the
 * library's lock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <errno.h>
#include <stdlib.h>

void
usdt__generation_release(struct usdt__generation *generation)
{
	if (--generation->references > 0)
		return;
	usdt__delivery()->drop(generation);
	free(generation->probes);
	free(generation->gate_of);
	free(generation->device);
	free(generation);
}

/* Take a probe out of its generation, if it has one. */
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

/* Give each probe of a list the stub at its index. */
void
usdt__generation_adopt(struct usdt__generation *generation,
    usdt_probedef_t *const *probes)
{
	size_t i, at = generation->stubs_size;

	for (i = 0; i < generation->count; i++) {
		struct usdt_probe_state *state = probes[i]->state;

		if (state->code != NULL) {
			state->code->at = usdt__code_place(state->code, at);
			at = state->code->at + state->code->size;
		}
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
	struct usdt__binding to = {
		.stubs = generation->direct ? generation->stubs : NULL,
		.plain = generation->plain,
		/* Without gates each test asks the stub. */
		.helped = generation->gates == NULL || generation->dof_taken
	};
	size_t i;

	for (i = 0; i < generation->count; i++) {
		usdt_probedef_t *p = generation->probes[i];

		if (p == NULL)
			continue;
		if (generation->gates != NULL)
			to.gate = &generation->gates[generation->gate_of !=
			    NULL ? generation->gate_of[i] : i];
		to.stub = generation->stubs + i * generation->stub_size;
		to.observer = p->state->provider->state->observer;
		to.vouched = p->state->provider->state->vouched;
		usdt__probe_bind(p, &to);
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

/* If a helper ever had the document, this asks the stubs, too, because DTrace
 * goes on answering after a removal. */
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
		    i * generation->stub_size))
			return 1;
	return 0;
}

/* Record in all probes whether the helper has them. */
void
usdt__generation_set_helper(struct usdt__generation *generation, int has)
{
	size_t i;

	for (i = 0; generation->gates != NULL && i < generation->count; i++)
		if (generation->probes[i] != NULL)
			usdt__probe_set_helped(generation->probes[i], has);
	generation->dof_taken = has;
}

/* Documents of this process that helpers have or are receiving. */
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

/* Count the document first, and mark it as wanted, so that a child that is
 * forked while the helper works can hand it over again. */
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
		usdt__generation_set_helper(generation, 0);
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
		return usdt__because(why, ENOSPC, "%s accepts %u providers of a "
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
		return 0;		/* no write: the page stays shared */
	/* Its probes go on asking the stubs, which say no until the helper has
	 * the child's document. */
	generation->dof_taken = 0;
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

struct usdt__generation *
usdt__generation_make(usdt_probedef_t *const *probes, size_t count, int notes,
    struct usdt__why *why)
{
	struct usdt__generation *generation = calloc(1, sizeof *generation);
	size_t i;

	if (generation == NULL) {
		usdt__no_memory(why);
		return NULL;
	}
	generation->references = 1;
	generation->notes = notes;
	generation->count = count;
	for (i = 0; i < count; i++)
		generation->coded |= probes[i]->state->code != NULL;
	generation->probes = calloc(count, sizeof *generation->probes);
	generation->gate_of = calloc(count, sizeof *generation->gate_of);
	if (generation->probes != NULL && generation->gate_of != NULL)
		generation->gate_count = usdt__number_names(probes, count,
		    generation->gate_of);
	if (generation->gate_count == 0) {
		usdt__no_memory(why);
		usdt__generation_release(generation);
		return NULL;
	}
	if (generation->gate_count == count) {	/* each name is unique */
		free(generation->gate_of);
		generation->gate_of = NULL;
	}
	return generation;
}
