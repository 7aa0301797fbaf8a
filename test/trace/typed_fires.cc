/*
 * typed_fires.cc - what typed_fires.c does, by usdt.hpp.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <cinttypes>
#include <cstdio>
#include <tuple>
#include <unistd.h>

#include "usdt.hpp"

int
main(int argc, char **argv)
{
	usdt::provider provider(argc > 1 ? argv[1] : "typed", "typed");
	usdt::probe<int, std::int64_t, const char *, double, std::uint64_t,
	    float> declared(provider, "f", "declared", "small", "big", "text",
	    "took", "all", "ratio"), made(provider, "f", "made");
	int evaluated = 0;
	char line[80];

	if (!provider.enable()) {
		std::printf("failed: %s\n", provider.error());
		return 1;
	}
	std::printf("ready %d\n", static_cast<int>(getpid()));
	std::fflush(stdout);
	while (std::fgets(line, sizeof line, stdin) != nullptr) {
		declared.lazily([&] {
			return std::tuple((evaluated++, -5), -5000000000,
			    "declared", 3.25, 12345678901234567890u, 0.5f);
		});
		made.lazily([&] {
			return std::tuple((evaluated++, -6), -6000000000,
			    "made", -0.75, 0xfedcba9876543210, 1.5f);
		});
		std::printf("evaluated %d\n", evaluated);
		std::fflush(stdout);
	}
	return 0;
}
