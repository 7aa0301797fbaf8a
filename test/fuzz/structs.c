/*
 * structs.c - does a provider accept the structs that usdt.h says, and does the
 * text of an image give every field its place?
 *
 * The bytes are tables of fields.  A model marks the bytes of each field in a
 * map and so knows which tables are valid.  The text of the accepted ones goes
 * to the command's reader, which lays structs out as compilers do.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "feed.h"
#include "tools/common/common.h"

#define STRUCTS	6
#define FIELDS	8
#define ROOM	512		/* bytes of the largest struct here */

/* Types in two parts, the name stands between.  SIZE is that of one element; 0:
 * none is known, -1: a pointer's; or struct number OF. */
static const struct {
	const char *before, *after;
	int size;
	size_t elements;
	int of;
} kinds[] = {
	{ "char ", "", 1, 1, -1 }, { "int ", "", 4, 1, -1 },
	{ "unsigned short ", "", 2, 1, -1 }, { "uint64_t ", "", 8, 1, -1 },
	{ "double ", "", 8, 1, -1 }, { "float ", "[3]", 4, 3, -1 },
	{ "char ", "[ 0x11 ]", 1, 17, -1 }, { "char *", "", -1, 1, -1 },
	{ "struct s0 *", "[2]", -1, 2, -1 }, { "foo_t *", "", -1, 1, -1 },
	{ "const struct nosuch *", "", -1, 1, -1 },
	{ "int (*", ")(struct s1 *, char)", -1, 1, -1 },
	{ "enum color ", "", 4, 1, -1 }, { "union u *", "", -1, 1, -1 },
	{ "struct s0 ", "", 0, 1, 0 }, { "struct s1 ", "[3]", 0, 3, 1 },
	{ "struct s2 ", "", 0, 1, 2 }, { "struct s3 ", "[2]", 0, 2, 3 },
	/* Refused. */
	{ "foo_t ", "", 0, 1, -1 }, { "void ", "", 0, 1, -1 },
	{ "char ", "[]", 0, 1, -1 }, { "char ", "[N]", 0, 1, -1 },
	{ "int ", "[2][2]", 0, 1, -1 }, { "union u ", "", 0, 1, -1 },
	{ "struct nosuch ", "", 0, 1, -1 }, { "int ", " : 3", 0, 1, -1 },
	{ "int ", "-x", 0, 1, -1 }, { "char ", "[0]", 0, 1, -1 },
	{ "long double ", "", 0, 1, -1 }, { "char ", "[9000000000]", 0, 1, -1 },
};
#define KINDS	(sizeof kinds / sizeof kinds[0])

struct table {
	char texts[FIELDS][64];
	usdt_field_t fields[FIELDS];
	size_t names[FIELDS];
	size_t count, size;
	int valid;		/* as far as it can be seen without others */
};

static struct table accepted[STRUCTS];

/* The bytes of one element; 0: such a field is refused. */
static size_t
element(size_t kind)
{
	if (kinds[kind].of >= 0)
		return accepted[kinds[kind].of].size;
	return kinds[kind].size < 0 ? sizeof(void *) :
	    (size_t)kinds[kind].size;
}

/* Read a table, and whether each field has a place and a name of its own. */
static void
feed_table(struct table *table, struct feed *feed)
{
	uint8_t used[ROOM] = { 0 }, names[16] = { 0 };
	size_t i, k, at = 0, size;

	memset(table, 0, sizeof *table);
	table->size = feed_byte(feed) * 2u;
	table->count = feed_byte(feed) % (FIELDS + 1);
	table->valid = table->count > 0 && table->size > 0;
	for (i = 0; i < table->count; i++) {
		size_t kind = feed_byte(feed) % KINDS;
		unsigned choice = feed_byte(feed);

		size = element(kind) * kinds[kind].elements;
		at = choice & 16 ? feed_byte(feed) * 2u + (choice >> 7) :
		    usdt__align(at, choice & 32 ? 1 : 8);
		table->names[i] = choice % 16;
		snprintf(table->texts[i], sizeof table->texts[i], "%sf%zu%s",
		    kinds[kind].before, table->names[i], kinds[kind].after);
		table->fields[i].declarator = table->texts[i];
		table->fields[i].offset = at;
		if (size == 0 || at > table->size || size > table->size - at ||
		    names[table->names[i]]++ > 0)
			table->valid = 0;
		for (k = at; k < at + size && k < ROOM; k++)
			if (used[k]++ > 0)
				table->valid = 0;
		at += size;
	}
}

/* The same fields, in whatever order? */
static int
is_same(const struct table *a, const struct table *b)
{
	size_t i, k;

	if (a->size != b->size || a->count != b->count)
		return 0;
	for (i = 0; i < a->count; i++) {
		for (k = 0; k < b->count; k++)
			if (a->fields[i].offset == b->fields[k].offset &&
			    strcmp(a->texts[i], b->texts[k]) == 0)
				break;
		if (k == b->count)
			return 0;
	}
	return 1;
}

static void
add(usdt_provider_t *p, size_t which, const struct table *table)
{
	struct table *old = &accepted[which];
	int expected = table->valid && (old->count == 0 ||
	    is_same(old, table)) ? 0 : -1;
	const char *text;
	char name[8];
	size_t i;

	snprintf(name, sizeof name, "s%zu", which);
	must(usdt_provider_add_struct(p, name, table->size, table->count,
	    table->fields) == expected);
	if (expected == 0) {
		*old = *table;
		for (i = 0; i < old->count; i++)
			old->fields[i].declarator = old->texts[i];
		return;
	}
	text = usdt_errstr(p);
	must(strncmp(text, "invalid argument: ", 18) == 0);
	must(strstr(text, name) != NULL);
}

/* --- the text ------------------------------------------------------------- */

struct collector {
	struct usdt__sink sink;
	char *text;
	size_t length;
};

static int
collect(struct usdt__sink *sink, const uint8_t *bytes, size_t size)
{
	struct collector *c = (struct collector *)sink;

	c->text = realloc(c->text, c->length + size);
	must(c->text != NULL);
	memcpy(c->text + c->length, bytes, size);
	c->length += size;
	return 0;
}

static const struct type_member *
member(const struct type_struct *type, size_t name)
{
	char text[8];
	size_t i;

	snprintf(text, sizeof text, "f%zu", name);
	for (i = 0; i < type->count; i++)
		if (strcmp(type->members[i].name, text) == 0)
			return &type->members[i];
	return NULL;
}

static void
check_text(const usdt_provider_t *p)
{
	uint64_t buffer[16];
	const struct usdt__description description = {
		.provider = p->name, .module = p->module,
		.structs = &p->state->structs
	};
	struct collector c = { .sink = {
		.buffer = (uint8_t *)buffer, .size = sizeof buffer,
		.drain = collect
	} };
	const struct type_struct *type;
	const struct type_member *found;
	struct types *types;
	char name[8];
	size_t i, k;

	usdt__types_emit(&description, usdt__native_arch(), &c.sink);
	must(usdt__sink_end(&c.sink) == 0 && c.length > 0 &&
	    strlen(c.text) == c.length - 1);
	types = types_read(c.text, c.length, usdt__native_arch());
	for (i = 0; i < STRUCTS; i++) {
		snprintf(name, sizeof name, "s%zu", i);
		type = types_struct(types, name, strlen(name));
		must((type != NULL) == (accepted[i].count > 0));
		if (type == NULL)
			continue;
		must(type->size == accepted[i].size);
		for (k = 0; k < accepted[i].count; k++) {
			found = member(type, accepted[i].names[k]);
			must(found != NULL && found->offset ==
			    accepted[i].fields[k].offset);
		}
	}
	types_free(types);
	free(c.text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct feed feed = { bytes, size };
	usdt_provider_t *p = usdt_create_provider("structs", "m");
	struct table table;

	must(p != NULL);
	memset(accepted, 0, sizeof accepted);
	while (feed.left > 0) {
		size_t which = feed_byte(&feed) % STRUCTS;

		feed_table(&table, &feed);
		add(p, which, &table);
	}
	check_text(p);
	usdt_provider_free(p);
	return 0;
}
