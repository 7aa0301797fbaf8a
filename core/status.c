/*
 * core/status.c - what shows a provider to tracers, or why does nothing?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <errno.h>
#include <stdio.h>

static void
set_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}

/* The helper did not get the document yet, or did not answer. */
static void
status_of_waiting(const struct usdt_provider_state *state,
    usdt_backend_status_t *dof)
{
	long took = usdt__helper_took();

	if (!state->inherited)
		set_text(dof->reason, sizeof dof->reason,
		    "the helper has not answered yet");
	else if (took < 0)
		set_text(dof->reason, sizeof dof->reason, "not yet registered "
		    "with the helper in this child: it had not answered when "
		    "the child was made; enable asks it again");
	else
		snprintf(dof->reason, sizeof dof->reason, "not yet registered "
		    "with the helper in this child: its last answer took %ld "
		    "s; enable asks it again", took);
}

static void
status_of_dof(struct usdt_provider_state *state, usdt_backend_status_t *dof)
{
	const struct usdt__generation *newest = state->generations.current;

	if (state->refusal.error != 0 && newest != NULL)
		usdt__helper_explain(usdt__native_platform(), newest->device,
		    &state->refusal, &state->dof_why);
	state->refusal.error = 0;
	dof->generation = -1;
	set_text(dof->path, sizeof dof->path, state->device);
	dof->error = state->dof_why.error;
	set_text(dof->reason, sizeof dof->reason, state->dof_why.text);
	if (newest != NULL && newest->dof_taken) {
		set_text(dof->path, sizeof dof->path, newest->device);
		dof->taken = 1;
		dof->generation = newest->dof_generation;
	} else if (newest != NULL && newest->dof_wanted) {
		status_of_waiting(state, dof);
	}
}

static void
status_of_sdt(const struct usdt_provider_state *state,
    usdt_backend_status_t *sdt)
{
	const struct usdt__generation *newest = state->generations.current;
	int present;

	sdt->generation = -1;
	sdt->error = state->sdt_why.error;
	set_text(sdt->reason, sizeof sdt->reason, state->sdt_why.text);
	if (newest == NULL)
		return;
	present = usdt__delivery()->find(newest, sdt->path);
	if (state->sdt_why.text[0] != '\0')
		return;
	if (present) {
		sdt->taken = 1;
	} else {
		sdt->error = ENOENT;
		set_text(sdt->reason, sizeof sdt->reason, "the image file has "
		    "been removed; enable makes it again (systemd removes "
		    "/dev/shm of a user at the last logout, and what is old "
		    "in /tmp: usdt doctor)");
	}
}

/* Append a remark for people to the note. */
static void
remark(usdt_status_t *status, const char *about, const char *text)
{
	size_t n = strlen(status->note);

	snprintf(status->note + n, sizeof status->note - n, "%s%s%s",
	    n > 0 ? "; " : "", about, text);
}

/* A D script can't contain the function's name as it is. */
static void
remark_function(usdt_status_t *status, const char *function)
{
	char about[USDT_TEXT_SIZE];

	if (usdt__native_platform()->helper == NULL)
		return;
	snprintf(about, sizeof about, "the function name \"%s\": ", function);
	remark(status, about, "DTrace's probe descriptions cannot spell all of "
	    "it, '?' matches any character");
}

/* Probes that an earlier enable did not see. */
static void
remark_waiting(usdt_status_t *status)
{
	char about[64];

	snprintf(about, sizeof about, status->waiting == 1 ?
	    "%u probe waits" : "%u probes wait", status->waiting);
	remark(status, about, " for the next usdt_provider_enable");
}

/* The first slip of each kind. */
static void
remark_slips(usdt_status_t *status, const struct usdt_provider_state *state)
{
	const usdt_probedef_t *p;
	char text[USDT_TEXT_SIZE];

	for (p = state->set.first; p != NULL; p = p->state->next)
		if (usdt__slip_of_type(p, text)) {
			remark(status, text, "");
			break;
		}
	for (p = state->set.first; p != NULL; p = p->state->next)
		if (usdt__slip_of_order(p)) {
			snprintf(text, sizeof text, "probe %s of function %s: ",
			    p->name, p->function);
			remark(status, text, USDT__SWAPPED);
			break;
		}
}

/* Why no backend has a provider; WHY is a backend's last failure. */
static const char *
unseen_reason(const struct usdt_provider_state *state,
    const struct usdt__why *why)
{
	if (!usdt__native_supported() ||
	    state->mode == USDT__UNSUPPORTED)
		return "not supported here";
	if (state->mode == USDT__OFF)
		return "USDT_DISABLE is set";
	return why->text[0] != '\0' ? why->text : "not enabled";
}

int
usdt_provider_status(const usdt_provider_t *provider, usdt_status_t *status)
{
	struct usdt_provider_state *state;
	const struct usdt__generation *g;
	const usdt_probedef_t *p;
	const char *odd = NULL;
	size_t length;
	int visible;

	if (provider == NULL || status == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID, provider == NULL ?
		    "provider is NULL" : "status is NULL");
	memset(status, 0, sizeof *status);
	usdt__lock();
	state = provider->state;
	status->enabled = state->mode != USDT__DISABLED;
	visible = state->mode == USDT__ENABLED;
	for (p = state->set.first; p != NULL; p = p->state->next) {
		if (visible && p->state->generation != NULL)
			status->probes++;
		else
			status->waiting++;
		if (odd == NULL && !usdt__name_spells(p->function))
			odd = p->function;
	}
	for (g = state->generations.current; g != NULL; g = g->next)
		status->images++;
	status->mappings = usdt__delivery()->mappings(state);
	if (visible) {
		status_of_dof(state, &status->dof);
		status_of_sdt(state, &status->sdt);
	} else {
		status->dof.generation = status->sdt.generation = -1;
		status->dof.error = state->dof_why.error;
		status->sdt.error = state->sdt_why.error;
		set_text(status->dof.reason, sizeof status->dof.reason,
		    unseen_reason(state, &state->dof_why));
		set_text(status->sdt.reason, sizeof status->sdt.reason,
		    unseen_reason(state, &state->sdt_why));
	}
	length = strlen(provider->name);
	if (provider->name[length - 1] >= '0' &&
	    provider->name[length - 1] <= '9')
		remark(status, "the provider's name ends in a digit: ",
		    "DTrace on Linux cannot tell it from the pid");
	if (odd != NULL)
		remark_function(status, odd);
	if (visible && status->waiting > 0)
		remark_waiting(status);
	remark_slips(status, state);
	g = state->generations.current;
	if (status->sdt.taken && g->image->passed_over[0] != '\0')
		remark(status, "the image could not be elsewhere: ",
		    g->image->passed_over);
	usdt__unlock();
	return 0;
}
