/*
 * node.cc - does node-dtrace-provider 0.8.8 still work?
 *
 * Its calls, in its order and with the members that it reads, without Node.js:
 * where it would throw this prints the text, and where the garbage collector
 * would run a destructor the test does, in every order. test/bindings.t checks
 * the output.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "usdt.h"

namespace {

const char *integer_type = "int";
const char *string_type = "char *";

/* Types are recognized by their first letters. */
const char *
type_of(const std::string &type)
{
	if (type.compare(0, 4, "json") == 0)
		return string_type;
	if (type.compare(0, 6, "char *") == 0)
		return string_type;
	if (type.compare(0, 3, "int") == 0)
		return integer_type;
	return string_type;
}

class Probe {
public:
	usdt_probedef_t *probedef;
	size_t argc;

	Probe() : probedef(NULL), argc(0) {}

	~Probe()
	{
		usdt_probe_release(probedef);
	}

	/* probe.fire(callback): was the callback called? */
	bool
	fire(int *called)
	{
		if (usdt_is_enabled(probedef->probe) == 0)
			return false;
		++*called;

		void *argv[USDT_ARG_MAX];
		for (size_t i = 0; i < argc; i++) {
			if (strcmp(probedef->types[i], integer_type) == 0)
				argv[i] = reinterpret_cast<void *>(42L);
			else
				argv[i] = strdup("text");
		}
		usdt_fire_probe(probedef->probe, argc, argv);
		for (size_t i = 0; i < argc; i++)
			if (strcmp(probedef->types[i], integer_type) != 0)
				free(argv[i]);
		return true;
	}
};

class Provider {
public:
	usdt_provider_t *provider;

	Provider() : provider(NULL) {}

	/* This also runs for a provider that could not be created. */
	~Provider()
	{
		usdt_provider_disable(provider);
		usdt_provider_free(provider);
	}

	bool
	create(const char *name, const char *module)
	{
		char buffer[128];

		if (module != NULL)
			snprintf(buffer, sizeof(buffer), "%s", module);
		else
			snprintf(buffer, sizeof(buffer), "mod-%p",
			    static_cast<void *>(this));
		provider = usdt_create_provider(name, buffer);
		if (provider == NULL)
			printf("throw usdt_create_provider failed\n");
		return provider != NULL;
	}

	/* It ignores the result of adding. */
	Probe *
	add(const char *name, const std::vector<std::string> &declared)
	{
		const char *types[USDT_ARG_MAX];
		Probe *probe = new Probe();

		for (size_t i = 0; i < USDT_ARG_MAX; i++) {
			if (i < declared.size()) {
				types[i] = strdup(type_of(declared[i]));
				probe->argc++;
			}
		}
		probe->probedef = usdt_create_probe(name, name, probe->argc,
		    types);
		usdt_provider_add_probe(provider, probe->probedef);
		for (size_t i = 0; i < probe->argc; i++)
			free(const_cast<char *>(types[i]));
		return probe;
	}

	void
	remove(Probe *probe)
	{
		std::string name(probe->probedef->name);

		if (usdt_provider_remove_probe(provider, probe->probedef) != 0)
			printf("throw %s\n", usdt_errstr(provider));
		else
			printf("removed %s\n", name.c_str());
	}

	void
	enable()
	{
		if (usdt_provider_enable(provider) != 0)
			printf("throw %s\n", usdt_errstr(provider));
		else
			printf("enabled\n");
	}

	void
	disable()
	{
		if (usdt_provider_disable(provider) != 0)
			printf("throw %s\n", usdt_errstr(provider));
		else
			printf("disabled\n");
	}
};

std::vector<std::string>
list(const char *a = NULL, const char *b = NULL, const char *c = NULL,
    const char *d = NULL)
{
	const char *all[] = { a, b, c, d };
	std::vector<std::string> types;

	for (size_t i = 0; i < 4 && all[i] != NULL; i++)
		types.push_back(all[i]);
	return types;
}

/* A tracer attaches or detaches. */
void
trace(Probe *probe, int on)
{
	*reinterpret_cast<volatile unsigned short *>(
	    const_cast<uint32_t *>(probe->probedef->gate)) =
	    static_cast<unsigned short>(on);
}

void
fire(const char *what, Probe *probe)
{
	int called = 0;
	bool fired = probe->fire(&called);

	printf("%s: %s, callback called %d times\n", what,
	    fired ? "true" : "undefined", called);
}

void
test_life()
{
	Provider p;

	p.create("nodeapp", "mod1");
	p.enable();
	Probe *a = p.add("a", list("int", "char *", "json", "uint32_t"));
	printf("%s %s %lu:", a->probedef->function, a->probedef->name,
	    static_cast<unsigned long>(a->probedef->argc));
	for (size_t i = 0; i < a->probedef->argc; i++)
		printf(" %s", a->probedef->types[i]);
	printf("\n");
	fire("before enabling", a);
	p.enable();
	fire("not traced", a);
	trace(a, 1);
	fire("traced", a);
	p.enable();
	fire("enabled again", a);
	Probe *late = p.add("late", list("int64_t"));
	fire("added later", late);
	p.disable();
	p.disable();
	fire("disabled", a);
	p.enable();
	fire("still traced", a);
	trace(late, 1);
	fire("the later one, traced", late);
	Probe *twice = p.add("a", list());
	fire("added twice", twice);
	fire("the first of that name", a);
	p.remove(a);
	fire("removed", a);
	p.remove(a);
	p.remove(late);
	p.remove(late);
	Probe *again = p.add("a", list());
	p.disable();
	p.enable();
	trace(again, 1);
	fire("added again", again);
	delete again;
	delete twice;
	delete late;
	delete a;
}

void
test_limits()
{
	std::vector<std::string> many(40, "int");
	Provider p, bad, other;

	bad.create("", "mod");
	bad.create("a b", NULL);
	p.create("nodeapp2", NULL);
	Probe *probe = p.add("many", many);
	printf("%lu of 40 types\n",
	    static_cast<unsigned long>(probe->probedef->argc));
	p.enable();
	trace(probe, 1);
	fire("32 arguments", probe);
	/* A second provider of the same name, as two copies of a package
	 * create. */
	other.create("nodeapp2", NULL);
	Probe *same = other.add("many", many);
	other.enable();
	fire("the same in another provider", same);
	trace(same, 1);
	fire("traced there", same);
	delete probe;
	delete same;
}

/* Destructors in the order of the letters: p is the provider, 0 to 2 are
 * probes. */
void
collect(const char *order, bool enabled, bool removed)
{
	Provider *p = new Provider();
	Probe *probes[3];
	char name[8];

	p->create("nodegc", "mod");
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "gc%d", i);
		probes[i] = p->add(name, list("int"));
	}
	if (enabled && usdt_provider_enable(p->provider) != 0)
		printf("throw %s\n", usdt_errstr(p->provider));
	if (removed && usdt_provider_remove_probe(p->provider,
	    probes[1]->probedef) != 0)
		printf("throw %s\n", usdt_errstr(p->provider));
	for (const char *c = order; *c != '\0'; c++) {
		if (*c == 'p') {
			delete p;
		} else {
			int called = 0;

			probes[*c - '0']->fire(&called);
			delete probes[*c - '0'];
		}
	}
}

void
test_collecting()
{
	static const char *const orders[] = {
		"p012", "0p12", "01p2", "012p", "210p", "p210", "1p02"
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		for (int k = 0; k < 4; k++)
			collect(orders[i], (k & 1) != 0, (k & 2) != 0);
	printf("collected\n");
}

} // namespace

int
main()
{
	test_life();
	test_limits();
	test_collecting();
	return 0;
}
