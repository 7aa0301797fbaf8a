/*
 * image/identity.c - how are images told apart?
 *
 * Pure.  Processes with the same probes build images of the same identity, and
 * map one file.  It is in the file's name, and is the image's build-id.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

/* The finalizer of SplitMix64: every bit of the input changes all others. */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t
rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

/*
 * A hash to tell images apart.  It need not resist an attacker: a file is
 * compared byte for byte before it is used.
 */
struct hash {
	struct usdt__sink sink;		/* first */
	uint64_t a, b;
	uint8_t last;			/* byte */
};

/* Add bytes: whole words, except at the end. */
static void
hash(struct hash *state, const uint8_t *p, size_t size)
{
	uint64_t a = state->a, b = state->b, w;
	size_t n;

	if (size > 0)
		state->last = p[size - 1];
	for (; size > 0; p += n, size -= n) {
		if (size >= sizeof w) {
			n = sizeof w;
			memcpy(&w, p, sizeof w);
		} else {
			n = size;
			w = 0;
			memcpy(&w, p, n);
		}
		a = rotate((a ^ w) * 0x9e3779b97f4a7c15u, 29) + b;
		b = rotate((b + w) * 0xc2b2ae3d27d4eb4fu, 31) ^ a;
	}
	state->a = a;
	state->b = b;
}

static void
hash_end(struct hash *state)
{
	state->a = mix(state->a + state->last);
	state->b = mix(state->b + state->a);
}

static int
drain_to_hash(struct usdt__sink *sink, const uint8_t *bytes, size_t size)
{
	hash((struct hash *)sink, bytes, size);
	return 0;
}

/* The hash becomes the build-id, so it is of an image without one. */
void
usdt__elf_identify(const struct usdt__elf *elf, uint8_t *window, size_t size,
    uint8_t id[USDT__ID_SIZE])
{
	const char *module = elf->description->module;
	struct hash state = {
		.sink = { .buffer = window, .size = size,
		    .drain = drain_to_hash },
		.a = USDT__LAYOUT,
		.b = elf->size
	};

	usdt__elf_emit(elf, NULL, &state.sink);
	usdt__sink_end(&state.sink);
	hash_end(&state);
	hash(&state, (const uint8_t *)module, strlen(module) + 1);
	hash_end(&state);
	usdt__store(id, 8, state.a, 1);
	usdt__store(id + 8, 8, state.b, 1);
	usdt__store(id + 16, 4, mix(state.a ^ rotate(state.b, 32)), 1);
	if (size >= elf->size) {
		struct usdt__sink note = {
			.buffer = window + elf->build_id,
			.size = USDT__BUILD_ID_SIZE
		};

		usdt__build_id_write(elf, id, &note);
	}
}
