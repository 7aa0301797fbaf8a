/*
 * typed.cc - a program that uses usdt.hpp, with an observer in a tracer's stead.
 *
 * It prints what it does; bindings.t knows what it has to print.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <cstdio>
#include <cstring>
#include <tuple>

#include "usdt.hpp"

enum class verb : std::uint8_t { get, put };
struct request;

template <>
inline constexpr const char *usdt::type_of<request *> =
    "struct myapp_request *";

static void
show(const usdt_probedef_t *probedef, std::size_t argc, void *const *argv,
    void *)
{
	std::printf("%s:%s", probedef->function, probedef->name);
	for (std::size_t i = 0; i < argc; i++) {
		const char *type = probedef->types[i];

		if (std::strncmp(type, "char *", 6) == 0)
			std::printf(" %s=\"%s\"", type,
			    static_cast<const char *>(argv[i]));
		else
			std::printf(" %s=%lld", type, static_cast<long long>(
			    reinterpret_cast<std::intptr_t>(argv[i])));
	}
	std::printf("\n");
}

static int computed;

static int
compute(int value)
{
	computed++;
	return value;
}

template <typename P>
static void
tell(const char *what, const P &object)
{
	std::printf("%s: %s, \"%s\"\n", what, object ? "made" : "not made",
	    object.error());
}

int
main()
{
	usdt::provider myapp("myapp", "mymodule"), bad("a b", "m");
	usdt::probe<int, const char *, verb, float> start(myapp, "handle",
	    "request-start", "status", "url", "verb", "took");
	usdt::probe<> idle(myapp, "loop", "idle");
	usdt::probe<bool, char, signed char, unsigned char, short,
	    unsigned short, unsigned, std::int64_t, std::uint64_t, request *,
	    const volatile void *, double, char *> kinds(myapp, "f", "kinds");
	usdt::probe<int> again(myapp, "loop", "idle");
	usdt::probe<int> nameless(myapp, "f", "a b");
	usdt::probe<int> keyword(myapp, "f", "n", "a b");
	usdt::probe<> homeless(bad, "f", "n");

	char nothing[] = "";

	tell("myapp", myapp);
	tell("bad", bad);
	tell("start", start);
	tell("again", again);
	tell("nameless", nameless);
	tell("keyword", keyword);
	tell("homeless", homeless);
	again(1);
	homeless();
	start.lazily([] { return std::tuple(compute(1), "", verb::get, 0); });
	std::printf("disabled: %d, computed %d\n", start.enabled(), computed);
	if (!myapp.enable())
		std::printf("enable: %s\n", myapp.error());
	std::printf("bad: %d %d\n", bad.enable(), bad.disable());
	start.lazily([] { return std::tuple(compute(1), "", verb::get, 0); });
	std::printf("untraced: %d, computed %d\n", start.enabled(), computed);
	usdt_provider_observe(myapp.get(), show, nullptr);
	start(-1, "/index", verb::put, 0.5f);
	start.lazily([] {
		return std::tuple(compute(7), "/lazy", verb::get, 2);
	});
	idle();
	idle.lazily([] { return std::tuple(); });
	kinds(true, 'x', -1, 255, -2, 65535, 4000000000u, -3, 1u << 31, nullptr,
	    nullptr, 0.0, nothing);
	std::printf("computed %d\n", computed);
	std::printf("%d\n", myapp.disable());
	start(1, "", verb::get, 0);
	return 0;
}
