/*
 * core/type.c - which size and sign does a C type have?
 *
 * SDT notes describe an argument by its size and sign, so that a tracer shows
 * an int -1 as -1 and not as 4294967295.  The type is a C type's name, as in a
 * declaration.  An unknown name is a machine word.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/platform.h"

#define WORD	0	/* as wide as a pointer */

/*
 * Names from the headers that C programs use, with size and sign.  The sign has
 * a column of its own, because -WORD is WORD.
 */
static const struct {
	const char *name;
	signed char size;
	signed char is_signed;
} known[] = {
	{ "int8_t", 1, 1 }, { "int16_t", 2, 1 },
	{ "int32_t", 4, 1 }, { "int64_t", 8, 1 },
	{ "uint8_t", 1, 0 }, { "uint16_t", 2, 0 },
	{ "uint32_t", 4, 0 }, { "uint64_t", 8, 0 },
	{ "int_least8_t", 1, 1 }, { "int_least16_t", 2, 1 },
	{ "int_least32_t", 4, 1 }, { "int_least64_t", 8, 1 },
	{ "uint_least8_t", 1, 0 }, { "uint_least16_t", 2, 0 },
	{ "uint_least32_t", 4, 0 }, { "uint_least64_t", 8, 0 },
	{ "int_fast8_t", 1, 1 }, { "int_fast16_t", WORD, 1 },
	{ "int_fast32_t", WORD, 1 }, { "int_fast64_t", 8, 1 },
	{ "uint_fast8_t", 1, 0 }, { "uint_fast16_t", WORD, 0 },
	{ "uint_fast32_t", WORD, 0 }, { "uint_fast64_t", 8, 0 },
	{ "intmax_t", 8, 1 }, { "uintmax_t", 8, 0 },
	{ "intptr_t", WORD, 1 }, { "uintptr_t", WORD, 0 },
	{ "ptrdiff_t", WORD, 1 }, { "size_t", WORD, 0 },
	{ "ssize_t", WORD, 1 }, { "off_t", WORD, 1 },
	{ "off64_t", 8, 1 }, { "loff_t", 8, 1 },
	{ "time_t", WORD, 1 }, { "clock_t", WORD, 1 },
	{ "suseconds_t", WORD, 1 }, { "useconds_t", 4, 0 },
	{ "hrtime_t", 8, 1 },
	{ "pid_t", 4, 1 }, { "id_t", 4, 0 },
	{ "uid_t", 4, 0 }, { "gid_t", 4, 0 },
	{ "mode_t", 4, 0 }, { "dev_t", 8, 0 },
	{ "ino_t", WORD, 0 }, { "ino64_t", 8, 0 },
	{ "nlink_t", WORD, 0 }, { "blksize_t", WORD, 1 },
	{ "blkcnt_t", WORD, 1 }, { "socklen_t", 4, 0 },
	{ "sa_family_t", 2, 0 }, { "in_port_t", 2, 0 },
	{ "in_addr_t", 4, 0 }, { "wchar_t", 4, 1 },
	{ "wint_t", 4, 0 }, { "char16_t", 2, 0 },
	{ "char32_t", 4, 0 },
	{ "bool", 1, 0 }, { "_Bool", 1, 0 },
	{ "boolean_t", 4, 1 },
	{ "u_char", 1, 0 }, { "u_short", 2, 0 },
	{ "u_int", 4, 0 }, { "u_long", WORD, 0 },
	{ "uchar_t", 1, 0 }, { "ushort_t", 2, 0 },
	{ "uint_t", 4, 0 }, { "ulong_t", WORD, 0 },
	{ "ushort", 2, 0 }, { "uint", 4, 0 },
	{ "ulong", WORD, 0 },
	{ "u_int8_t", 1, 0 }, { "u_int16_t", 2, 0 },
	{ "u_int32_t", 4, 0 }, { "u_int64_t", 8, 0 },
	/* A word passes their bits. */
	{ "float", 4, 0 }, { "double", 8, 0 },
};

/* The words of which C's own integer types are made. */
struct words {
	int chars, shorts, ints, longs, signeds, unsigneds, enums, others;
};

static int
is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

static int
word_is(const char *word, size_t length, const char *what)
{
	return *what == *word && strlen(what) == length &&
	    memcmp(word, what, length) == 0;
}

/* Count one word.  Qualifiers don't matter. */
static void
count_word(struct words *words, const char *word, size_t length)
{
	if (word_is(word, length, "const") ||
	    word_is(word, length, "volatile") ||
	    word_is(word, length, "restrict"))
		return;
	if (word_is(word, length, "char"))
		words->chars++;
	else if (word_is(word, length, "short"))
		words->shorts++;
	else if (word_is(word, length, "int"))
		words->ints++;
	else if (word_is(word, length, "long"))
		words->longs++;
	else if (word_is(word, length, "signed"))
		words->signeds++;
	else if (word_is(word, length, "unsigned"))
		words->unsigneds++;
	else if (word_is(word, length, "enum"))
		words->enums++;
	else
		words->others++;
}

/* The size of a type made of C's own words, or 0 if it has others. */
static int
words_size(const struct words *words, int word_bytes)
{
	int size;

	if (words->enums == 1)
		return -4;
	if (words->others > 0 || words->enums > 0)
		return 0;
	if (words->chars)
		size = 1;
	else if (words->shorts)
		size = 2;
	else if (words->longs >= 2)
		size = 8;
	else if (words->longs == 1)
		size = word_bytes;
	else if (words->ints || words->signeds || words->unsigneds)
		size = 4;
	else
		return 0;
	return words->unsigneds ? size : -size;
}

/* Is it passed as a pointer? */
static int
is_pointer(const char *type, size_t length)
{
	for (; length > 0; type++, length--)
		if (*type == '*' || *type == '[' || *type == '&')
			return 1;
	return 0;
}

/* The words of a type. */
struct kind {
	struct words words;	/* of C's own ... */
	const char *only;	/* ... and the last other one */
	size_t only_length;
};

static void
read_words(struct kind *kind, const char *type, size_t length)
{
	const char *end = type + length;
	int before;

	memset(kind, 0, sizeof *kind);
	for (; type < end; type += length) {
		length = 0;
		while (type + length < end && is_word_char(type[length]))
			length++;
		if (length == 0) {
			length = 1;
			continue;
		}
		before = kind->words.others;
		count_word(&kind->words, type, length);
		if (kind->words.others > before) {
			kind->only = type;
			kind->only_length = length;
		}
	}
}

/* It does not fit in a machine word. */
static int
is_long_double(const struct kind *kind)
{
	return kind->words.longs > 0 &&
	    word_is(kind->only, kind->only_length, "double");
}

/* The size of a type, or 0 if it is unknown. */
static int
known_size(const struct kind *kind, const struct usdt__arch *arch)
{
	const struct usdt__own_type *own;
	size_t i;
	int size;

	if ((size = words_size(&kind->words, arch->word)) != 0)
		return size;
	if (kind->words.others != 1 || is_long_double(kind))
		return 0;
	for (own = arch->types; own != NULL && own->name != NULL; own++)
		if (word_is(kind->only, kind->only_length, own->name))
			return own->size;
	for (i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (!word_is(kind->only, kind->only_length, known[i].name))
			continue;
		size = known[i].size ? known[i].size : arch->word;
		return known[i].is_signed ? -size : size;
	}
	return 0;
}

int
usdt__type_size_of(const char *type, size_t length,
    const struct usdt__arch *arch)
{
	struct kind kind;
	int size;

	if (is_pointer(type, length))
		return arch->word;
	read_words(&kind, type, length);
	size = known_size(&kind, arch);
	return size != 0 ? size : arch->word;
}

int
usdt__type_is_known(const char *type, size_t length,
    const struct usdt__arch *arch)
{
	struct kind kind;

	read_words(&kind, type, length);
	return known_size(&kind, arch) != 0;
}

int
usdt__type_is_float(const char *type, size_t length)
{
	struct kind kind;

	read_words(&kind, type, length);
	return kind.words.others == 1 && !is_long_double(&kind) &&
	    (word_is(kind.only, kind.only_length, "float") ||
	    word_is(kind.only, kind.only_length, "double"));
}

/* --- misspelled types --------------------------------------------------- */

/* Words of C that stand in types and are not in "known". */
static const char *const of_c[] = {
	"char", "short", "int", "long", "signed", "unsigned", "void", "struct",
	"union", "enum", "const", "volatile", "restrict"
};

/* What other languages and programs call them. */
static const struct {
	const char *word, *meant;
} elsewhere[] = {
	{ "string", "char *" }, { "str", "char *" },
	{ "integer", "int" }, { "boolean", "bool" }, { "byte", "uint8_t" },
	{ "i8", "int8_t" }, { "i16", "int16_t" }, { "i32", "int32_t" },
	{ "i64", "int64_t" }, { "s8", "int8_t" }, { "s16", "int16_t" },
	{ "s32", "int32_t" }, { "s64", "int64_t" }, { "u8", "uint8_t" },
	{ "u16", "uint16_t" }, { "u32", "uint32_t" }, { "u64", "uint64_t" },
	{ "f32", "float" }, { "f64", "double" }, { "usize", "size_t" },
	{ "isize", "ssize_t" }
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* How many of their first characters are the same, but for case? */
static size_t
common(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t i = 0;

	while (i < a_length && i < b_length && lower(a[i]) == lower(b[i]))
		i++;
	return i;
}

/*
 * May a name with another letter be meant?  node_t, uuid_t and timer_t are types
 * of their own, and so is int128_t.
 */
static int
tells_letters(const char *right, char letter)
{
	size_t size = strlen(right);

	if (letter >= '0' && letter <= '9')
		return 0;
	return letter == '_' || strpbrk(right, "0123456789") != NULL ||
	    size < 3 || strcmp(right + size - 2, "_t") != 0;
}

/*
 * Is WORD one slip away from RIGHT: the case of letters, a letter too many or
 * too few, two that changed places, a wrong one, or a missing "_t"?  In short
 * words a wrong letter makes another word.
 */
static int
is_slip(const char *word, size_t length, const char *right)
{
	const char *whole = right;
	size_t size = strlen(right), same, rest;

	same = common(word, length, right, size);
	if (length + 2 == size && same == length)
		return right[size - 2] == '_';
	if (length + 1 < size || length > size + 1)
		return 0;
	if (same == length && same == size)
		return 1;
	word += same;
	right += same;
	length -= same;
	size -= same;
	if (length < size)		/* one too few */
		return tells_letters(whole, *right) &&
		    common(word, length, right + 1, size - 1) == length;
	if (length > size)
		return tells_letters(whole, *word) &&
		    common(word + 1, length - 1, right, size) == size;
	rest = common(word + 1, length - 1, right + 1, size - 1);
	if (rest == length - 1)
		return same + length >= 5 && tells_letters(whole, *word) &&
		    tells_letters(whole, *right);
	return length >= 2 && lower(word[0]) == lower(right[1]) &&
	    lower(word[1]) == lower(right[0]) &&
	    common(word + 2, length - 2, right + 2, size - 2) == length - 2;
}

/* The known word that a word of at least 3 letters is a slip of, or NULL. */
static const char *
meant_by(const char *word, size_t length)
{
	size_t i;

	for (i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
		if (word_is(word, length, elsewhere[i].word))
			return elsewhere[i].meant;
	if (length < 3)
		return NULL;
	for (i = 0; i < sizeof of_c / sizeof of_c[0]; i++)
		if (is_slip(word, length, of_c[i]))
			return of_c[i];
	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (is_slip(word, length, known[i].name))
			return known[i].name;
	return NULL;
}

/* Is it a word of C, or a type that the library knows? */
static int
is_right(const char *word, size_t length)
{
	size_t i;

	for (i = 0; i < sizeof of_c / sizeof of_c[0]; i++)
		if (word_is(word, length, of_c[i]))
			return 1;
	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (word_is(word, length, known[i].name))
			return 1;
	return 0;
}

const char *
usdt__type_meant(const char *type, const char **word, size_t *length)
{
	size_t i;

	/* The names of another language are not misspelled C. */
	if (strstr(type, "::") != NULL || strchr(type, '<') != NULL)
		return NULL;
	for (;;) {
		while (*type == ' ')
			type++;
		for (i = 0; is_word_char(type[i]);)
			i++;
		if (!word_is(type, i, "const") && !word_is(type, i,
		    "volatile") && !word_is(type, i, "restrict"))
			break;
		type += i;
	}
	/* A type begins with it.  A word that C knows begins a type of C. */
	if (i == 0 || is_right(type, i))
		return NULL;
	*word = type;
	*length = i;
	return meant_by(type, i);
}

int
usdt__type_size(const char *type, const struct usdt__arch *arch)
{
	return usdt__type_size_of(type, strlen(type), arch);
}

int
usdt__type_word_size(const char *type, const struct usdt__arch *arch)
{
	int size = usdt__type_size(type, arch);
	int most = arch->wide_format != NULL ? 8 : arch->word;

	if (size > most)
		return most;
	return size < -most ? -most : size;
}

int
usdt__is_wide(int size, const struct usdt__arch *arch)
{
	return size > arch->word || size < -arch->word;
}
