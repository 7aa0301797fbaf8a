/*
 * calls.c - do any calls in any order do what a simple model predicts?
 *
 * Every two bytes are one call of the library, or an event around it: a tracer
 * comes or goes, an image directory is emptied.  The model knows who holds
 * which probe and what is visible; after every call all of it is compared.
 * Calls that the header forbids (using freed objects) are not made.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* nftw */
#endif
#include "feed.h"
#include "test/unit/scratch.h"

#define PROVIDERS	3
#define PROBES		7

static const char *const provider_names[] = {
	"one", "two", "one", "three3", "", "pid", "a b", NULL
};
static const char *const probe_names[] = {
	"a-b", "a__b", "c", "d", "", "x_-y", "e:f", NULL
};
static const char *const functions[] = { "f", "g", "h i", NULL };
static const char *types[] = {
	"int a", "char *b", "uint8_t", "struct x *", "long", "int8_t c"
};

struct held_probe {		/* a probe that exists */
	usdt_probedef_t *def;
	int ours;		/* we hold a reference */
	int in;			/* the provider that has it, or -1 */
	int visible;
};

struct held_provider {
	usdt_provider_t *p;
	int enabled;
	int observed;
	int coded;		/* it had a probe with code */
	size_t structs[2];	/* size and count of "s0" and "s1"; 0: none */
};

static struct held_provider providers[PROVIDERS];
static struct held_probe probes[PROBES];
static unsigned long told;	/* fires that the observer saw */
static const usdt_probedef_t *told_of;
static size_t told_argc;

static void
observe(const usdt_probedef_t *probedef, size_t argc, void *const *argv,
    void *data)
{
	size_t i;

	must(data == &told);
	for (i = 0; i < argc; i++)
		must(argv[i] == NULL || argv[i] == (void *)(i + 1));
	told++;
	told_of = probedef;
	told_argc = argc;
}

/* --- the model ---------------------------------------------------------- */

static int
same(const usdt_probedef_t *a, const usdt_probedef_t *b)
{
	char one[64], other[64];

	usdt__name_dof(a->name, one);
	usdt__name_dof(b->name, other);
	return strcmp(one, other) == 0 && strcmp(a->function, b->function) == 0;
}

/* The probe of a provider with this one's name, or -1. */
static int
find(int provider, const usdt_probedef_t *like)
{
	int i;

	for (i = 0; i < PROBES; i++)
		if (probes[i].def != NULL && probes[i].in == provider &&
		    same(probes[i].def, like))
			return i;
	return -1;
}

static unsigned
count(int provider, int visible)
{
	unsigned i, n = 0;

	for (i = 0; i < PROBES; i++)
		n += probes[i].def != NULL && probes[i].in == provider &&
		    (!visible || probes[i].visible);
	return n;
}

static void
take_out(struct held_probe *probe)
{
	probe->in = -1;
	probe->visible = 0;
	if (!probe->ours)
		probe->def = NULL;	/* it was freed */
}

/* A call without a provider failed. */
static void
failed(const char *text)
{
	must(strncmp(usdt_errstr(NULL), text, strlen(text)) == 0);
	must(strchr(usdt_errstr(NULL), '\n') == NULL);
}

static void
failed_of(int provider, const char *text)
{
	const char *said = usdt_errstr(providers[provider].p);

	must(strncmp(said, text, strlen(text)) == 0);
	must(strchr(said, '\n') == NULL);
}

/* --- calls -------------------------------------------------------------- */

static void
create_provider(int which, unsigned choice)
{
	struct held_provider *to = &providers[which];
	const char *name = provider_names[choice % 8];
	const char *module = choice & 64 ? "" : choice & 32 ? "m" : "n";

	if (to->p != NULL)
		return;
	memset(to, 0, sizeof *to);
	to->p = usdt_create_provider(name, module);
	if (choice % 8 >= 4 || *module == '\0') {
		must(to->p == NULL);
		failed("invalid argument: ");
		return;
	}
	must(to->p != NULL && strcmp(to->p->name, name) == 0 &&
	    strcmp(to->p->module, module) == 0);
	must(*usdt_errstr(to->p) == '\0');
}

static void
create_probe(int which, unsigned choice)
{
	struct held_probe *to = &probes[which];
	const char *name = probe_names[choice % 8];
	const char *function = functions[choice / 8 % 4];
	size_t argc = choice & 128 ? choice % 7 : choice / 32 % 4;
	int many = choice == 255;

	if (to->def != NULL)
		return;
	to->def = usdt_create_probe(function, name, many ? USDT_ARG_MAX + 1 :
	    argc, choice == 254 ? NULL : types);
	if (choice % 8 >= 4 || choice / 8 % 4 >= 2 || many) {
		must(to->def == NULL);
		failed("invalid argument: ");
		return;
	}
	must(to->def != NULL && to->def->argc == argc);
	must(strcmp(to->def->name, name) == 0 &&
	    strcmp(to->def->function, function) == 0);
	to->ours = 1;
	to->in = -1;
	to->visible = 0;
}

static void
add(int provider, int probe)
{
	struct held_provider *to = &providers[provider];
	struct held_probe *what = &probes[probe];
	int result;

	if (to->p == NULL || what->def == NULL) {
		result = usdt_provider_add_probe(to->p, what->def);
		must(result == -1);
		if (to->p == NULL)
			failed("invalid argument: provider is NULL");
		else
			failed_of(provider, "invalid argument: probe is NULL");
		return;
	}
	result = usdt_provider_add_probe(to->p, what->def);
	if (find(provider, what->def) >= 0) {
		must(result == -1);
		failed_of(provider, "probe named ");
	} else if (what->in >= 0) {
		must(result == -1);
		failed_of(provider, "probe ");
	} else {
		must(result == 0);
		what->in = provider;
		what->visible = 0;
		to->coded |= what->def->state->code != NULL;
	}
}

static void
remove_probe(int provider, int probe)
{
	struct held_provider *from = &providers[provider];
	struct held_probe *what = &probes[probe];
	int found, none, result;

	if (from->p == NULL || what->def == NULL) {
		result = usdt_provider_remove_probe(from->p, what->def);
		must(result == -1);
		return;
	}
	none = count(provider, 0) == 0;
	found = find(provider, what->def);
	result = usdt_provider_remove_probe(from->p, what->def);
	if (found < 0) {
		must(result == -1);
		failed_of(provider, none ? "no probes defined" :
		    "failed to remove probe ");
		return;
	}
	must(result == 0);
	take_out(&probes[found]);
}

static void
make_visible(int provider)
{
	int i;

	for (i = 0; i < PROBES; i++)
		if (probes[i].def != NULL && probes[i].in == provider)
			probes[i].visible = 1;
}

static void
enable(int provider)
{
	struct held_provider *what = &providers[provider];
	int result = usdt_provider_enable(what->p);

	if (what->p == NULL) {
		must(result == -1);
		failed("invalid argument: provider is NULL");
		return;
	}
	if (count(provider, 0) == 0) {
		must(result == -1);
		failed_of(provider, "no probes defined");
		return;
	}
	if (result < 0 && what->coded) {	/* old images with code stay */
		failed_of(provider, "failed to place the probe image: the "
		    "provider has ");
		return;
	}
	must(result == 0);
	what->enabled = 1;
	make_visible(provider);
}

/* It can fail only because a helper is missing. */
static void
enable_in_vain(int provider)
{
	struct held_provider *what = &providers[provider];
	int result;

	if (what->p == NULL || count(provider, 0) == 0)
		return;
	setenv("USDT_BACKENDS", "dof", 1);
	result = usdt_provider_enable(what->p);
	unsetenv("USDT_BACKENDS");
	if (result < 0 && what->coded)
		failed_of(provider, "failed to ");
	else if (result < 0)
		failed_of(provider, "failed to load DOF: ");
	else	/* nothing was new */
		must(what->enabled &&
		    count(provider, 1) == count(provider, 0));
}

static void
disable(int provider)
{
	struct held_provider *what = &providers[provider];
	int i, result = usdt_provider_disable(what->p);

	must(result == (what->p == NULL ? -1 : 0));
	what->enabled = 0;
	for (i = 0; i < PROBES; i++)
		if (probes[i].def != NULL && probes[i].in == provider)
			probes[i].visible = 0;
}

static void
free_provider(int provider)
{
	int i;

	usdt_provider_free(providers[provider].p);
	if (providers[provider].p == NULL)
		return;
	for (i = 0; i < PROBES; i++)
		if (probes[i].def != NULL && probes[i].in == provider)
			take_out(&probes[i]);
	memset(&providers[provider], 0, sizeof providers[provider]);
}

static void
release(int probe)
{
	struct held_probe *what = &probes[probe];

	if (what->def != NULL && !what->ours)
		return;			/* we hold no reference */
	usdt_probe_release(what->def);
	what->ours = 0;
	if (what->in < 0)
		what->def = NULL;
}

/* Words of the observer's pattern, by either call. */
static void
fire_words(usdt_probedef_t *def, unsigned choice)
{
	void *argv[8];
	uint64_t words[8];
	size_t i;

	for (i = 0; i < 8; i++) {
		argv[i] = (void *)(i + 1);
		words[i] = i + 1;
	}
	if (choice & 128)
		usdt_probe_fire64(def, choice / 2 % 8,
		    choice & 64 ? NULL : words);
	else
		usdt_probe_fire(def, choice / 2 % 8,
		    choice & 64 ? NULL : argv);
}

/* A tracer attaches to one probe, all are tested and fired, it detaches. */
static void
fire(int probe, unsigned choice)
{
	struct held_probe *what = &probes[probe];
	int observed, traced = choice & 1;
	unsigned long before = told;

	if (what->def == NULL) {
		must(usdt_is_enabled(NULL) == 0);
		usdt_fire_probe(NULL, 3, NULL);
		return;
	}
	observed = what->visible && providers[what->in].observed;
	if (traced && what->visible && !observed)
		*(volatile uint32_t *)(uintptr_t)what->def->gate =
		    choice & 32 ? 0x10001 : 1;	/* a reader, too */
	must(usdt_is_enabled(what->def->probe) ==
	    (observed || (traced && what->visible)));
	must((usdt_probe_enabled(what->def) != 0) ==
	    (observed || (traced && what->visible)));
	fire_words(what->def, choice);
	if (traced && what->visible && !observed)
		*(volatile uint32_t *)(uintptr_t)what->def->gate = 0;
	must(told - before == (unsigned long)observed);
	must(!observed || (told_of == what->def &&
	    told_argc == what->def->argc));
}

static void
change_observer(int provider, int on)
{
	struct held_provider *what = &providers[provider];
	int result = usdt_provider_observe(what->p, on ? observe : NULL,
	    &told);

	must(result == (what->p == NULL ? -1 : 0));
	what->observed = what->p != NULL && on;
	/* The words that are fired are no texts. */
	must(usdt_provider_set_texts(what->p, 0) == result);
}

/* Structs of which some are valid, and some are only after others. */
static void
add_struct(int provider, unsigned choice)
{
	static const usdt_field_t fields[] = {
		{ "int a", 0 }, { "char *b", 8 }, { "struct s0 c", 16 }
	};
	static const char *const names[] = { "s0", "s1", "x y", NULL };
	struct held_provider *to = &providers[provider];
	unsigned which = choice % 4, fields_of = choice / 4 % 4;
	size_t size = choice & 16 ? 64 : 16;
	int expected = -1, result;

	if (to->p != NULL && which < 2 && fields_of > 0 && fields_of < 3 &&
	    (to->structs[which] == 0 ||
	    to->structs[which] == size + fields_of))
		expected = 0;
	if (to->p != NULL && which == 1 && fields_of == 3 && size == 64 &&
	    to->structs[0] > 0 && to->structs[0] < 64 &&
	    (to->structs[1] == 0 || to->structs[1] == size + fields_of))
		expected = 0;
	result = usdt_provider_add_struct(to->p, names[which], size, fields_of,
	    fields);
	if (to->p == NULL) {
		must(result == -1);
		failed("invalid argument: provider is NULL");
		return;
	}
	if (sizeof(void *) < 8)		/* the model is for 64 bits */
		return;
	/* A struct of 64 bytes has no room for itself and others. */
	must(result == expected);
	if (result < 0)
		failed_of(provider, "invalid argument: ");
	else
		to->structs[which] = size + fields_of;
}

USDT_PROBE(declared_probe, "f", "declared", (int, number), (char *, text));
USDT_PROVIDER(declared, "one", "declared", &declared_probe);

static void
use_declared(unsigned choice)
{
	switch (choice % 4) {
	case 0:
		must(usdt_static_enable(&declared) == 0);
		must(declared.provider != NULL);
		break;
	case 1:
		must(usdt_static_disable(&declared) == 0);
		break;
	case 2:
		usdt_static_free(&declared);
		must(declared.provider == NULL);
		break;
	case 3:
		must(usdt_static_enable(NULL) == -1);
		failed("invalid argument: ");
		must(usdt_static_create(&declared) == 0);
		must(declared.provider != NULL);
		break;
	}
	must(!declared_probe_enabled());
	declared_probe_fire(1, NULL);
}

/* Code that only has a site, at the right place or not. */
static void
set_code(int probe, unsigned choice)
{
	struct held_probe *what = &probes[probe];
	usdt_site_t site = { choice & 1, NULL };
	static const char *const constants[] = {
		[USDT__SYNTAX_ATT] = " 1@$1",
		[USDT__SYNTAX_ARM32] = " 1@#1",
		[USDT__SYNTAX_POWER] = " 1@i1"
	};
	enum usdt__syntax syntax = usdt__native_arch()->syntax;
	const char *one = syntax < sizeof constants / sizeof *constants &&
	    constants[syntax] != NULL ? constants[syntax] : " 1@1";
	uint8_t code[1 + USDT_SITE_MAX] = { 0x5a };
	size_t size = 1 + usdt_site_nops(code + 1), i;
	char operands[64] = " ";
	int expected = -1;

	if (what->def == NULL) {
		must(usdt_probe_set_code(NULL, code, size, &site) == -1);
		must(usdt_probe_code(NULL) == NULL);
		return;
	}
	for (i = 0; i < what->def->argc; i++)
		strcat(operands, one + (i == 0));
	site.operands = operands + 1;
	if (what->def->state->generation == NULL && choice & 1)
		expected = 0;
	must(usdt_probe_set_code(what->def, code, size, &site) == expected);
	if (expected < 0)
		failed("invalid argument: ");
	else if (what->in >= 0)
		providers[what->in].coded = 1;
}

/* Image files are removed. */
static int
clear(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return ftw->level > 0 ? scratch_remove(path, st, type, ftw) : 0;
}

/* --- all together ------------------------------------------------------- */

static void
compare(void)
{
	usdt_status_t status;
	int i;

	for (i = 0; i < PROVIDERS; i++) {
		struct held_provider *what = &providers[i];

		if (what->p == NULL) {
			must(usdt_provider_status(NULL, &status) == -1);
			continue;
		}
		must(usdt_provider_status(what->p, &status) == 0);
		must(status.enabled == what->enabled);
		must(status.probes == count(i, 1));
		must(status.waiting == count(i, 0) - count(i, 1));
		must(!status.dof.taken);
		must(usdt_errstr(what->p) != NULL);
	}
	for (i = 0; i < PROBES; i++)
		if (probes[i].def != NULL) {
			must((usdt_probe_code(probes[i].def) != NULL) ==
			    (probes[i].visible &&
			    probes[i].def->state->code != NULL));
			must(usdt_is_enabled(probes[i].def->probe) ==
			    (probes[i].visible &&
			    providers[probes[i].in].observed));
		}
	must(usdt_errstr(NULL) != NULL);
}

static void
call(unsigned what, unsigned choice)
{
	int provider = (int)(what / 16 % PROVIDERS);
	int probe = (int)(choice % PROBES);

	switch (what % 16) {
	case 0: create_provider(provider, choice); break;
	case 1: create_probe((int)(what / 16 % PROBES), choice); break;
	case 2: case 3: add(provider, probe); break;
	case 4: remove_probe(provider, probe); break;
	case 5: case 6: enable(provider); break;
	case 7: enable_in_vain(provider); break;
	case 8: disable(provider); break;
	case 9: free_provider(provider); break;
	case 10:
		if (choice & 64)
			set_code(probe, choice);
		else
			release(probe);
		break;
	case 11: case 12: fire(probe, choice); break;
	case 13: change_observer(provider, choice & 1); break;
	case 14:
		nftw(scratch, clear, 8, FTW_DEPTH | FTW_PHYS);
		break;
	case 15:
		if (choice & 128) {
			add_struct(provider, choice);
			break;
		}
		if (choice & 64) {
			use_declared(choice);
			break;
		}
		usdt_error(providers[provider].p, (usdt_error_t)(choice % 4),
		    "of ours");
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static unsigned runs;
	struct feed feed = { bytes, size };
	int i, look, fds = 0;

	if (scratch[0] == '\0')
		scratch_begin();
	look = runs++ % 32 == 0;	/* reading /proc is slow */
	if (look)
		fds = count_fds();
	while (feed.left >= 2) {
		unsigned what = feed_byte(&feed);

		call(what, feed_byte(&feed));
		compare();
	}
	/* Probes first, or providers first. */
	for (i = 0; i < PROBES; i++)
		if (size & 1)
			release(i);
	for (i = 0; i < PROVIDERS; i++)
		free_provider(i);
	for (i = 0; i < PROBES; i++)
		release(i);
	memset(probes, 0, sizeof probes);
	usdt_static_free(&declared);
	if (look)
		must(count_maps(scratch) == 0 && count_fds() == fds);
	return 0;
}
