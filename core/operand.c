/*
 * core/operand.c - where may a site of the caller's have arguments?
 *
 * A note says for each argument its size, negative if it is signed, and its
 * place: "8@%rbx -4@-8(%rbp) 4@$5".  Readers of notes differ in what they
 * understand; what is accepted here suits all of them.  So registers have their
 * whole names, there are no index registers, and numbers have 32 bits.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/platform.h"

/* A place in the text. */
struct parser {
	const char *at;
	const struct usdt__arch *arch;
};

static int
accept(struct parser *p, const char *text)
{
	size_t length = strlen(text);

	if (strncmp(p->at, text, length) != 0)
		return 0;
	p->at += length;
	return 1;
}

/* Is this a letter or a digit of a register's name? */
static int
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static int
accept_register(struct parser *p)
{
	const char *const *name;

	for (name = p->arch->operands; *name != NULL; name++) {
		const char *start = p->at;

		if (accept(p, *name) && !is_name(*p->at))
			return 1;
		p->at = start;
	}
	return 0;
}

/* A decimal number of 32 bits with a sign. */
static int
accept_number(struct parser *p)
{
	int negative = accept(p, "-"), digits;
	uint64_t number = 0;

	for (digits = 0; *p->at >= '0' && *p->at <= '9' && digits < 10;
	    digits++)
		number = number * 10 + (uint64_t)(*p->at++ - '0');
	return digits > 0 && number <= (uint64_t)INT32_MAX + (negative != 0);
}

/* The size, which is returned; 0: it is not valid. */
static int
accept_size(struct parser *p)
{
	int size;

	accept(p, "-");
	size = *p->at - '0';
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return 0;
	p->at++;
	return accept(p, "@") ? size : 0;
}

static int
accept_memory(struct parser *p)
{
	switch (p->arch->syntax) {
	case USDT__SYNTAX_ATT:		/* [OFFSET](%REGISTER) */
		return (*p->at == '(' || accept_number(p)) &&
		    accept(p, "(") && accept_register(p) && accept(p, ")");
	case USDT__SYNTAX_RISCV:	/* OFFSET(REGISTER) */
	case USDT__SYNTAX_S390:
	case USDT__SYNTAX_POWER:
		return accept_number(p) && accept(p, "(") &&
		    accept_register(p) && accept(p, ")");
	case USDT__SYNTAX_ARM:		/* [REGISTER[, OFFSET]] */
		return accept(p, "[") && accept_register(p) &&
		    (!accept(p, ", ") || accept_number(p)) && accept(p, "]");
	case USDT__SYNTAX_ARM32:	/* [REGISTER[, #OFFSET]] */
		return accept(p, "[") && accept_register(p) &&
		    (!accept(p, ", #") || accept_number(p)) && accept(p, "]");
	case USDT__SYNTAX_SPARC:	/* [%REGISTER[+OFFSET]] */
		return accept(p, "[") && accept_register(p) &&
		    (*p->at == ']' || ((*p->at == '-' || accept(p, "+")) &&
		    accept_number(p))) && accept(p, "]");
	}
	return 0;
}

/* What stands before a constant. */
static const char *const constants[] = {
	[USDT__SYNTAX_ATT] = "$",
	[USDT__SYNTAX_ARM] = "",
	[USDT__SYNTAX_SPARC] = "",
	[USDT__SYNTAX_RISCV] = "",
	[USDT__SYNTAX_S390] = "",
	[USDT__SYNTAX_ARM32] = "#",
	[USDT__SYNTAX_POWER] = "i"
};

static int
accept_operand(struct parser *p)
{
	int size = accept_size(p);
	const char *start = p->at;

	if (size == 0)
		return 0;
	if (accept_register(p))
		return size <= p->arch->word;
	if (accept(p, constants[p->arch->syntax]) && accept_number(p) &&
	    (*p->at == ' ' || *p->at == '\0'))
		return 1;
	p->at = start;
	return accept_memory(p);
}

/* What an operand may be, for error texts. */
static const char *const forms[] = {
	[USDT__SYNTAX_ATT] = "%REGISTER, OFFSET(%REGISTER) or $NUMBER",
	[USDT__SYNTAX_ARM] = "REGISTER, [REGISTER, OFFSET] or NUMBER",
	[USDT__SYNTAX_SPARC] = "%REGISTER, [%REGISTER+OFFSET] or NUMBER",
	[USDT__SYNTAX_RISCV] = "REGISTER, OFFSET(REGISTER) or NUMBER",
	[USDT__SYNTAX_S390] = "%REGISTER, OFFSET(%REGISTER) or NUMBER",
	[USDT__SYNTAX_ARM32] = "REGISTER, [REGISTER, #OFFSET] or #NUMBER",
	[USDT__SYNTAX_POWER] = "%REGISTER, OFFSET(%REGISTER) or iNUMBER"
};

int
usdt__operands_check(const char *operands, const char *name, size_t argc,
    const struct usdt__arch *arch, struct usdt__why *why)
{
	struct parser p = { operands, arch };
	const char *start;
	size_t n = 0;

	if (argc > USDT__NOTE_ARGS)
		return usdt__because(why, 0, "probe %s has %zu arguments, at "
		    "most %d can have operands", name, argc, USDT__NOTE_ARGS);
	while (*p.at != '\0') {
		start = p.at;
		if (!accept_operand(&p) || (*p.at != '\0' && *p.at != ' '))
			return usdt__because(why, 0, "operand %zu, \"%.64s\", "
			    "is not a size (1, 2, 4, 8, negative if signed), @, "
			    "and %s", n, start, forms[arch->syntax]);
		n++;
		if (*p.at == ' ' && *++p.at == '\0')
			return usdt__because(why, 0, "the operands end with a "
			    "blank");
		if (n > argc)
			break;
	}
	if (n != argc)
		return usdt__because(why, 0, "probe %s has %zu arguments, and "
		    "%s%zu operands", name, argc, n > argc ? "at least " : "",
		    n);
	return 0;
}
