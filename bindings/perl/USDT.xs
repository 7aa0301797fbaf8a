/*
 * USDT.xs - how do Perl's providers and probes become libusdt's?
 *
 * Devel/USDT.pm has the interface, and turns declared types into those of C.
 *
 * Lifetimes.  Objects of Perl count references to structs of C.  A probe's
 * struct has a reference to its provider's, and no struct refers to Perl: there
 * are no cycles, and a provider is freed when neither it nor one of its probes
 * is left.  So no thread can fire while it is freed.
 *
 * Threads.  Each thread of Perl has its own objects.  A new thread gets copies
 * of its creator's objects, which refer to the same structs, so both fire the
 * same probes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "usdt.h"
#include "vouch.h"

/* How a value becomes a word; USDT.pm gives one letter for each type. */
enum kind {
	KIND_INTEGER = 'i',
	KIND_TEXT = 't',
	KIND_JSON = 'j',
	KIND_POINTER = 'p',	/* bytes, or an address */
	/* the same for Devel::DTrace::Provider, which refuses wrong values */
	KIND_OLD_INTEGER = 'I',
	KIND_OLD_TEXT = 'T',
	KIND_OLD_JSON = 'J'
};

struct provider {
	usdt_provider_t *provider;
	unsigned references;
#ifdef USE_ITHREADS
	perl_mutex lock;	/* of the text of its errors */
	pid_t pid;		/* whose lock that is */
#endif
};

struct probe {
	usdt_probedef_t *probedef;
	struct provider *provider;
	unsigned references;
	int vouched;
	unsigned kept;		/* compiled code may refer to it: see gate() */
	char kinds[USDT_ARG_MAX + 1];
};

/* --- objects ---------------------------------------------------------------- */

static void
refer(unsigned *references)
{
	__atomic_fetch_add(references, 1, __ATOMIC_RELAXED);
}

/* Was it the last reference? */
static int
drop(unsigned *references)
{
	return __atomic_sub_fetch(references, 1, __ATOMIC_ACQ_REL) == 0;
}

static void
provider_drop(struct provider *self)
{
	if (!drop(&self->references))
		return;
	usdt_provider_free(self->provider);
#ifdef USE_ITHREADS
	if (self->pid == getpid())
		MUTEX_DESTROY(&self->lock);
#endif
	PerlMemShared_free(self);
}

static int
provider_freed(pTHX_ SV *sv, MAGIC *magic)
{
	PERL_UNUSED_CONTEXT;
	PERL_UNUSED_ARG(sv);
	provider_drop((struct provider *)(void *)magic->mg_ptr);
	return 0;
}

static int
probe_freed(pTHX_ SV *sv, MAGIC *magic)
{
	struct probe *self = (struct probe *)(void *)magic->mg_ptr;

	PERL_UNUSED_CONTEXT;
	PERL_UNUSED_ARG(sv);
	if (!drop(&self->references))
		return 0;
	usdt_probe_release(self->probedef);
	provider_drop(self->provider);
	PerlMemShared_free(self);
	return 0;
}

#ifdef USE_ITHREADS
static int
provider_cloned(pTHX_ MAGIC *magic, CLONE_PARAMS *unused)
{
	PERL_UNUSED_CONTEXT;
	PERL_UNUSED_ARG(unused);
	refer(&((struct provider *)(void *)magic->mg_ptr)->references);
	return 0;
}

static int
probe_cloned(pTHX_ MAGIC *magic, CLONE_PARAMS *unused)
{
	PERL_UNUSED_CONTEXT;
	PERL_UNUSED_ARG(unused);
	refer(&((struct probe *)(void *)magic->mg_ptr)->references);
	return 0;
}
#else
#define provider_cloned	NULL
#define probe_cloned	NULL
#endif

static MGVTBL provider_magic = {
	NULL, NULL, NULL, NULL, provider_freed, NULL, provider_cloned, NULL
};
static MGVTBL probe_magic = {
	NULL, NULL, NULL, NULL, probe_freed, NULL, probe_cloned, NULL
};

/* Makes an object for a struct, which keeps DECLARED (or NULL). */
static SV *
object(pTHX_ void *self, MGVTBL *type, SV *declared, const char *class)
{
	SV *sv = newSV(0);
	SV *reference = sv_2mortal(newRV_noinc(sv));
	MAGIC *magic = sv_magicext(sv, declared, PERL_MAGIC_ext, type,
	    (const char *)self, 0);

#ifdef USE_ITHREADS
	magic->mg_flags |= MGf_DUP;
#else
	PERL_UNUSED_VAR(magic);
#endif
	sv_bless(reference, gv_stashpv(class, GV_ADD));
	SvREADONLY_on(sv);
	return reference;
}

static MAGIC *
magic_of(pTHX_ SV *reference, MGVTBL *type, const char *what)
{
	MAGIC *magic = NULL;

	SvGETMAGIC(reference);
	if (SvROK(reference) && SvTYPE(SvRV(reference)) >= SVt_PVMG)
		magic = mg_findext(SvRV(reference), PERL_MAGIC_ext, type);
	if (magic == NULL)
		croak("this is not a %s of Devel::USDT", what);
	return magic;
}

/* The magic is nearly always the object's first. */
static inline struct probe *
probe_of(pTHX_ SV *reference)
{
	MAGIC *magic = NULL;

	if (SvROK(reference) && !SvGMAGICAL(reference) &&
	    SvTYPE(SvRV(reference)) == SVt_PVMG)
		magic = SvMAGIC(SvRV(reference));
	if (UNLIKELY(magic == NULL || magic->mg_virtual != &probe_magic))
		magic = magic_of(aTHX_ reference, &probe_magic, "probe");
	return (struct probe *)(void *)magic->mg_ptr;
}

static struct provider *
provider_of(pTHX_ SV *reference)
{
	return (struct provider *)(void *)magic_of(aTHX_ reference,
	    &provider_magic, "provider")->mg_ptr;
}

/* --- values ------------------------------------------------------------------- */

#define MODULUS	18446744073709551616.0	/* 2^64 */

/* Cut towards 0, modulo 2^64. */
static uint64_t
from_float(NV value)
{
	if (!Perl_isfinite(value))
		return 0;
	if (value < 0)
		return 0 - (uint64_t)Perl_fmod(-value, MODULUS);
	return (uint64_t)Perl_fmod(value, MODULUS);
}

/* The integer in a text of digits, modulo 2^64.  0: there is none. */
static int
from_digits(const char *text, STRLEN length, uint64_t *number)
{
	STRLEN i = 0;
	uint64_t n = 0;
	int negative;

	while (length > 0 && isSPACE(text[length - 1]))
		length--;
	while (i < length && isSPACE(text[i]))
		i++;
	negative = i < length && text[i] == '-';
	if (negative || (i < length && text[i] == '+'))
		i++;
	if (i == length)
		return 0;
	for (; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*number = negative ? 0 - n : n;
	return 1;
}

/* The word of a value that is plain. */
static uint64_t
integer_word(pTHX_ SV *value)
{
	uint64_t number = 0;
	const char *text;
	STRLEN length;

	if (SvIOK(value)) {
		number = SvIsUV(value) ? (uint64_t)SvUVX(value) :
		    (uint64_t)SvIVX(value);
	} else if (SvNOK(value)) {
		number = from_float(SvNVX(value));
	} else if (SvPOK(value)) {
		text = SvPVX_const(value);
		length = SvCUR(value);
		if (!from_digits(text, length, &number) &&
		    looks_like_number(value))
			number = from_float(my_atof(text));
	}
	return number;
}

/*
 * Perl's UTF-8 may hold surrogates and characters above U+10FFFF, which other
 * programs refuse.  Returns the length of such a character at TEXT, or 0.
 */
static size_t
beyond(const unsigned char *text)
{
	if ((text[0] == 0xed && text[1] >= 0xa0) || text[0] > 0xf4 ||
	    (text[0] == 0xf4 && text[1] >= 0x90))
		return UTF8SKIP(text);
	return 0;
}

/* A copy of TEXT with '?' in place of these, or NULL if there are none. */
static const char *
replaced(pTHX_ const char *text, STRLEN length)
{
	const unsigned char *from = (const unsigned char *)text;
	const unsigned char *end = from + length;
	char *copy = NULL, *to = NULL;
	size_t skipped;

	for (; from < end; from++) {
		skipped = beyond(from);
		if (skipped > 0 && copy == NULL) {
			copy = SvPVX(sv_2mortal(newSV(length + 1)));
			to = copy + (from - (const unsigned char *)text);
			memcpy(copy, text, (size_t)(to - copy));
		}
		if (copy != NULL)
			*to++ = skipped > 0 ? '?' : (char)*from;
		if (skipped > 0)
			from += skipped - 1;
	}
	if (copy != NULL)
		*to = '\0';
	return copy;
}

/* The word of a value that is plain.  Callers have SAVETMPS. */
static uint64_t
text_word(pTHX_ SV *value)
{
	const char *text, *other;
	STRLEN length;

	if (!SvOK(value))
		return 0;
	/* A copy, since Perl would store the number's text in the variable. */
	if (!SvPOK(value))
		value = sv_2mortal(newSVsv(value));
	text = SvPV_nomg(value, length);
	/* Of memory that is not Perl's, such as a mapped file, there may be no
	 * zero behind it. */
	if (SvLEN(value) <= length && !SvIsCOW(value)) {
		value = sv_2mortal(newSVpvn_flags(text, length, SvUTF8(value)));
		text = SvPVX(value);
	}
	other = SvUTF8(value) ? replaced(aTHX_ text, length) : NULL;
	return (uint64_t)(uintptr_t)(other != NULL ? other : text);
}

/* The same: a number is an address, of a text the bytes are sent.  Numbers have
 * texts once they were printed. */
static uint64_t
pointer_word(pTHX_ SV *value)
{
	STRLEN length;

	if (SvIOK(value) || SvNOK(value) || !SvPOK(value))
		return integer_word(aTHX_ value);
	return (uint64_t)(uintptr_t)SvPV_nomg(value, length);
}

/* Calls a function of USDT.pm with a value. */
static SV *
converted(pTHX_ const char *function, SV *value)
{
	dSP;
	SV *result;

	PUSHMARK(SP);
	XPUSHs(value);
	PUTBACK;
	call_pv(function, G_SCALAR);
	SPAGAIN;
	result = POPs;
	PUTBACK;
	return result;
}

/* Replaces a value that is not plain by one that is. */
static SV *
plain(pTHX_ char kind, SV *value)
{
	switch (kind) {
	case KIND_JSON:
		return converted(aTHX_ "Devel::USDT::_json", value);
	case KIND_OLD_JSON:
		return converted(aTHX_ "Devel::DTrace::Probe::_json", value);
	case KIND_INTEGER:
		return converted(aTHX_ "Devel::USDT::_number", value);
	case KIND_TEXT:
		return converted(aTHX_ "Devel::USDT::_text", value);
	case KIND_POINTER:
		return converted(aTHX_ "Devel::USDT::_address", value);
	default:
		return sv_mortalcopy(value);
	}
}

/* Can it be read without running code of Perl?  Overloaded operators, tied
 * variables and JSON do. */
static int
is_plain(pTHX_ char kind, SV *value)
{
	return kind != KIND_JSON && kind != KIND_OLD_JSON &&
	    !SvGMAGICAL(value) && !(SvROK(value) && SvAMAGIC(value));
}

static uint64_t
word_of(pTHX_ char kind, SV *value)
{
	switch (kind) {
	case KIND_OLD_INTEGER:
		if (!SvIOK(value))
			croak("Argument type mismatch: should be integer");
		return integer_word(aTHX_ value);
	case KIND_OLD_TEXT:
		if (!SvPOK(value))
			croak("Argument type mismatch: should be string");
		return text_word(aTHX_ value);
	case KIND_INTEGER:
		return integer_word(aTHX_ value);
	case KIND_POINTER:
		return pointer_word(aTHX_ value);
	default:
		return text_word(aTHX_ value);
	}
}

/* --- firing ------------------------------------------------------------------- */

/*
 * Fires with COUNT values from the stack, at OFFSET.  Values that run code are
 * replaced first: the code may move the stack, change other values, whose
 * texts are passed without a copy, or drop the last reference to the probe.
 */
static void
fire(pTHX_ SV *reference, SSize_t offset, size_t count)
{
	struct probe *self = probe_of(aTHX_ reference);
	size_t argc = self->probedef->argc, i;
	SV *values[USDT_ARG_MAX];
	uint64_t words[USDT_ARG_MAX];
	int all_plain = 1;

	if (count < argc)
		argc = count;
	ENTER;
	SAVETMPS;
	for (i = 0; i < argc; i++) {
		values[i] = PL_stack_base[offset + (SSize_t)i];
		all_plain = all_plain &&
		    is_plain(aTHX_ self->kinds[i], values[i]);
	}
	if (!all_plain) {
		sv_2mortal(SvREFCNT_inc_NN(SvRV(reference)));
		for (i = 0; i < argc; i++)
			sv_2mortal(SvREFCNT_inc_NN(values[i]));
		for (i = 0; i < argc; i++)
			if (!is_plain(aTHX_ self->kinds[i], values[i]))
				values[i] = plain(aTHX_ self->kinds[i],
				    values[i]);
	}
	for (i = 0; i < argc; i++)
		words[i] = word_of(aTHX_ self->kinds[i], values[i]);
	usdt_probe_fire64(self->probedef, argc, words);
	FREETMPS;
	LEAVE;
}

/* Calls CODE with COUNT values from the stack, at OFFSET, and fires with what
 * it returns. */
static void
fire_returned(pTHX_ SV *reference, SV *code, SSize_t offset, size_t count)
{
	dSP;
	size_t returned, i;

	ENTER;
	SAVETMPS;
	reference = sv_2mortal(newRV_inc(SvRV(reference)));
	PUSHMARK(SP);
	EXTEND(SP, (SSize_t)count);
	for (i = 0; i < count; i++)
		PUSHs(PL_stack_base[offset + (SSize_t)i]);
	PUTBACK;
	returned = (size_t)call_sv(code, G_ARRAY);
	SPAGAIN;
	fire(aTHX_ reference, SP - PL_stack_base + 1 - (SSize_t)returned, returned);
	SPAGAIN;
	SP -= returned;
	PUTBACK;
	FREETMPS;
	LEAVE;
}

/* --- blocks ---------------------------------------------------------------------
 *
 * Perl asks a sub's call checker what to compile for a call.  For the subs of
 * Devel::DTrace::Provider::Builder the test goes into the caller:
 *
 *	probe { ... }		becomes	GATE && probe { ... }
 *	probe_enabled		becomes	GATE
 *
 * So Perl does not even make the block of an untraced probe.  Threads share
 * compiled code, so the gate refers to the struct, which is never freed then.
 */
#if PERL_VERSION >= 22

#ifdef PL_sv_zero
#define UNTRACED	&PL_sv_zero
#else
#define UNTRACED	&PL_sv_no
#endif

static XOP gate_xop;

static OP *
pp_gate(pTHX)
{
	dSP;
	struct probe *self = (struct probe *)(void *)cUNOP_AUX->op_aux;

	XPUSHs(usdt_probe_enabled(self->probedef) ? &PL_sv_yes : UNTRACED);
	RETURN;
}

static OP *
gate(pTHX_ SV *reference)
{
	OP *op = newUNOP_AUX(OP_CUSTOM, 0, NULL,
	    (UNOP_AUX_item *)(void *)probe_of(aTHX_ reference));

	op->op_ppaddr = pp_gate;
	return op;
}

static OP *
check_block(pTHX_ OP *call, GV *name, SV *reference)
{
	call = ck_entersub_args_proto(call, name, sv_2mortal(newSVpvs("&")));
	return newLOGOP(OP_AND, 0, gate(aTHX_ reference), call);
}

static OP *
check_enabled(pTHX_ OP *call, GV *name, SV *reference)
{
	op_free(ck_entersub_args_proto(call, name, sv_2mortal(newSVpvs(""))));
	return gate(aTHX_ reference);
}

static void
prepare_checkers(pTHX)
{
	XopENTRY_set(&gate_xop, xop_name, "usdt_gate");
	XopENTRY_set(&gate_xop, xop_desc, "test of a probe");
	XopENTRY_set(&gate_xop, xop_class, OA_UNOP_AUX);
	Perl_custom_op_register(aTHX_ pp_gate, &gate_xop);
}

static void
set_checker(pTHX_ SV *sub, SV *reference, Perl_call_checker checker)
{
	struct probe *self = probe_of(aTHX_ reference);

	if (!SvROK(sub) || SvTYPE(SvRV(sub)) != SVt_PVCV)
		croak("this is not a function");
	if (!__atomic_exchange_n(&self->kept, 1, __ATOMIC_RELAXED))
		refer(&self->references);
	cv_set_call_checker((CV *)SvRV(sub), checker,
	    sv_2mortal(newRV_inc(SvRV(reference))));
}

#else	/* such subs are called */

#define check_block	NULL
#define check_enabled	NULL
#define prepare_checkers(context)
#define set_checker(context, ...)

#endif

/* --- providers ---------------------------------------------------------------- */

typedef int call_t(usdt_provider_t *, void *);

/*
 * Makes a call that changes the provider.  Returns the text of its error, or "".
 * An error text is valid until the next call with that provider, so a lock
 * protects it.  A forked child gets a new lock, since another thread of its
 * parent may have held the old one.
 */
static SV *
provider_call(pTHX_ struct provider *self, call_t *call, void *argument)
{
	SV *why = sv_2mortal(newSVpvs(""));
#ifdef USE_ITHREADS
	if (self->pid != getpid()) {
		MUTEX_INIT(&self->lock);
		self->pid = getpid();
	}
	MUTEX_LOCK(&self->lock);
#endif
	if (call(self->provider, argument) < 0) {
		sv_setpv(why, usdt_errstr(self->provider));
		sv_utf8_decode(why);
	}
#ifdef USE_ITHREADS
	MUTEX_UNLOCK(&self->lock);
#endif
	return why;
}

static int
enable(usdt_provider_t *provider, void *unused)
{
	PERL_UNUSED_ARG(unused);
	return usdt_provider_enable(provider);
}

static int
disable(usdt_provider_t *provider, void *unused)
{
	PERL_UNUSED_ARG(unused);
	return usdt_provider_disable(provider);
}

static int
add_probe(usdt_provider_t *provider, void *argument)
{
	const struct probe *probe = argument;

	return vouch_add(provider, probe->probedef, probe->vouched);
}

static int
remove_probe(usdt_provider_t *provider, void *argument)
{
	const struct probe *probe = argument;

	return usdt_provider_remove_probe(provider, probe->probedef);
}

struct table {
	const char *name;
	size_t size, count;
	usdt_field_t *fields;
};

static int
add_struct(usdt_provider_t *provider, void *argument)
{
	const struct table *table = argument;

	return usdt_provider_add_struct(provider, table->name, table->size,
	    table->count, table->fields);
}

/* FIELDS: a declaration and an offset for each. */
static SV *
new_struct(pTHX_ struct provider *self, const char *name, UV size, AV *fields)
{
	struct table table = { name, size, (size_t)(av_len(fields) + 1) / 2,
		NULL };
	size_t i;

	Newx(table.fields, table.count + 1, usdt_field_t);
	SAVEFREEPV(table.fields);
	for (i = 0; i < table.count; i++) {
		table.fields[i].declarator = SvPV_nolen(*av_fetch(fields,
		    (SSize_t)(2 * i), 1));
		table.fields[i].offset = SvUV(*av_fetch(fields,
		    (SSize_t)(2 * i + 1), 1));
	}
	return provider_call(aTHX_ self, add_struct, &table);
}

static SV *
decoded(pTHX_ const char *text)
{
	SV *sv = newSVpv(text, 0);

	sv_utf8_decode(sv);
	return sv;
}

static SV *
backend(pTHX_ const usdt_backend_status_t *status)
{
	HV *hash = newHV();

	(void)hv_stores(hash, "taken", newSViv(status->taken));
	(void)hv_stores(hash, "errno", newSViv(status->error));
	(void)hv_stores(hash, "generation", newSViv(status->generation));
	(void)hv_stores(hash, "path", newSVpv(status->path, 0));
	(void)hv_stores(hash, "reason", decoded(aTHX_ status->reason));
	return newRV_noinc((SV *)hash);
}

static SV *
status_of(pTHX_ struct provider *self)
{
	HV *hash = newHV();
	SV *reference = sv_2mortal(newRV_noinc((SV *)hash));
	usdt_status_t status;

	if (usdt_provider_status(self->provider, &status) < 0)
		croak("%s", usdt_errstr(NULL));
	(void)hv_stores(hash, "enabled", newSViv(status.enabled));
	(void)hv_stores(hash, "probes", newSVuv(status.probes));
	(void)hv_stores(hash, "waiting", newSVuv(status.waiting));
	(void)hv_stores(hash, "images", newSVuv(status.images));
	(void)hv_stores(hash, "mappings", newSVuv(status.mappings));
	(void)hv_stores(hash, "note", decoded(aTHX_ status.note));
	(void)hv_stores(hash, "dof", backend(aTHX_ &status.dof));
	(void)hv_stores(hash, "sdt", backend(aTHX_ &status.sdt));
	return reference;
}

static SV *
new_provider(pTHX_ const char *name, const char *module, const char *class)
{
	struct provider *self = PerlMemShared_malloc(sizeof(*self));

	if (self == NULL)
		return sv_2mortal(newSVpvs("no memory"));
	self->provider = usdt_create_provider(name, module);
	if (self->provider == NULL) {
		PerlMemShared_free(self);
		return sv_2mortal(decoded(aTHX_ usdt_errstr(NULL)));
	}
	usdt_provider_set_texts(self->provider, 1);
	self->references = 1;
#ifdef USE_ITHREADS
	MUTEX_INIT(&self->lock);
	self->pid = getpid();
#endif
	return object(aTHX_ self, &provider_magic, NULL, class);
}

/* A probe that is in no provider yet. */
static SV *
new_probe(pTHX_ struct provider *provider, const char *class, const char *name,
    const char *function, const char *kinds, AV *types, SV *declared)
{
	struct probe *self = PerlMemShared_calloc(1, sizeof(*self));
	size_t count = (size_t)(av_len(types) + 1), i;
	const char *c[USDT_ARG_MAX];

	if (self == NULL)
		return sv_2mortal(newSVpvs("no memory"));
	for (i = 0; i < count && i < USDT_ARG_MAX; i++) {
		c[i] = SvPV_nolen(*av_fetch(types, (SSize_t)i, 1));
		self->kinds[i] = kinds[i];
	}
	/* The library refuses too many types before it reads them. */
	self->probedef = usdt_create_probe(function, name, count, c);
	if (self->probedef == NULL) {
		PerlMemShared_free(self);
		return sv_2mortal(decoded(aTHX_ usdt_errstr(NULL)));
	}
	self->vouched = vouch_for(count, c, kinds, "tjTJ");
	self->references = 1;
	self->provider = provider;
	refer(&provider->references);
	return object(aTHX_ self, &probe_magic, declared, class);
}

MODULE = Devel::USDT	PACKAGE = Devel::USDT::Native

PROTOTYPES: DISABLE

# A provider, or the text of an error.
void
provider(name, module)
	const char *name
	const char *module
    PPCODE:
	XPUSHs(new_provider(aTHX_ name, module, "Devel::USDT::Native"));

# A probe, or the text of an error.
void
probe(self, class, name, function, kinds, types, declared)
	SV *self
	const char *class
	const char *name
	const char *function
	const char *kinds
	AV *types
	AV *declared
    PPCODE:
	XPUSHs(new_probe(aTHX_ provider_of(aTHX_ self), class, name, function,
	    kinds, types, (SV *)declared));

# The text of an error, or "".
void
add(self, probe)
	SV *self
	SV *probe
    ALIAS:
	remove = 1
    PPCODE:
	XPUSHs(provider_call(aTHX_ provider_of(aTHX_ self),
	    ix ? remove_probe : add_probe, probe_of(aTHX_ probe)));

# The same.
void
add_struct(self, name, size, fields)
	SV *self
	const char *name
	UV size
	AV *fields
    PPCODE:
	ENTER;
	PUSHs(new_struct(aTHX_ provider_of(aTHX_ self), name, size, fields));
	LEAVE;

void
enable(self)
	SV *self
    ALIAS:
	disable = 1
    PPCODE:
	XPUSHs(provider_call(aTHX_ provider_of(aTHX_ self),
	    ix ? disable : enable, NULL));

void
status(self)
	SV *self
    PPCODE:
	XPUSHs(status_of(aTHX_ provider_of(aTHX_ self)));

# The call checkers of a Builder's subs.
void
check_block(sub, probe)
	SV *sub
	SV *probe
    PPCODE:
	set_checker(aTHX_ sub, probe, check_block);

void
check_enabled(sub, probe)
	SV *sub
	SV *probe
    PPCODE:
	set_checker(aTHX_ sub, probe, check_enabled);

BOOT:
	prepare_checkers(aTHX);

MODULE = Devel::USDT	PACKAGE = Devel::USDT::Probe

void
enabled(self)
	SV *self
    PPCODE:
	if (usdt_probe_enabled(probe_of(aTHX_ self)->probedef))
		XSRETURN_YES;
	XSRETURN_NO;

void
fire(self, ...)
	SV *self
    PPCODE:
	if (!usdt_probe_enabled(probe_of(aTHX_ self)->probedef))
		XSRETURN_NO;
	fire(aTHX_ self, ax + 1, (size_t)items - 1);
	XSRETURN_YES;

void
lazy(self, code, ...)
	SV *self
	SV *code
    PPCODE:
	if (!SvROK(code))
		croak("lazy takes a function");
	if (!usdt_probe_enabled(probe_of(aTHX_ self)->probedef))
		XSRETURN_NO;
	fire_returned(aTHX_ self, code, ax + 2, (size_t)items - 2);
	XSRETURN_YES;

void
name(self)
	SV *self
    ALIAS:
	function = 1
    PREINIT:
	usdt_probedef_t *probedef;
    PPCODE:
	probedef = probe_of(aTHX_ self)->probedef;
	PUSHs(sv_2mortal(decoded(aTHX_ ix ? probedef->function :
	    probedef->name)));

void
types(self)
	SV *self
    PREINIT:
	AV *declared;
	SSize_t i, count;
    PPCODE:
	declared = (AV *)magic_of(aTHX_ self, &probe_magic, "probe")->mg_obj;
	count = av_len(declared) + 1;
	EXTEND(SP, count);
	for (i = 0; i < count; i++)
		PUSHs(sv_2mortal(newSVsv(*av_fetch(declared, i, 1))));

MODULE = Devel::USDT	PACKAGE = Devel::DTrace::Probe

void
fire(self, ...)
	SV *self
    PREINIT:
	struct probe *probe;
    PPCODE:
	probe = probe_of(aTHX_ self);
	if ((size_t)items - 1 != probe->probedef->argc)
		croak("Probe takes %ld arguments, %ld provided",
		    (long)probe->probedef->argc, (long)items - 1);
	if (usdt_probe_enabled(probe->probedef))
		fire(aTHX_ self, ax + 1, (size_t)items - 1);
	XSRETURN_IV(1);

void
is_enabled(self)
	SV *self
    PPCODE:
	XSRETURN_IV(usdt_probe_enabled(probe_of(aTHX_ self)->probedef) != 0);
