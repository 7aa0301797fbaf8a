/*
 * aggregation.c - what has been counted?
 *
 * A distribution is written as buckets [least, greatest, count]: those that are
 * not empty, all between them, and one more at each end.  So readers can draw
 * it without knowing how the function cuts its buckets.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <string.h>

#include "consumer.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof *(a))

/* Each aggregating function's number on this system, and its value's form. */
enum shape { SCALAR, AVERAGE, DEVIATION, POWERS, LINEAR, LOG_LINEAR };
static const struct {
	unsigned action;
	const char *name;
	enum shape shape;
} functions[] = {
	{ DTRACEAGG_COUNT, "count", SCALAR },
	{ DTRACEAGG_SUM, "sum", SCALAR },
	{ DTRACEAGG_MIN, "min", SCALAR },
	{ DTRACEAGG_MAX, "max", SCALAR },
	{ DTRACEAGG_AVG, "avg", AVERAGE },
	{ DTRACEAGG_STDDEV, "stddev", DEVIATION },
	{ DTRACEAGG_QUANTIZE, "quantize", POWERS },
	{ DTRACEAGG_LQUANTIZE, "lquantize", LINEAR },
	{ DTRACEAGG_LLQUANTIZE, "llquantize", LOG_LINEAR },
};

/* --- how distributions are cut ------------------------------------------------ */

struct cut {
	enum shape shape;
	uint64_t parameters;
	int buckets;
};

/* quantize: the powers of two, on both sides of zero. */
#define POWERS_ZERO 63
#define POWERS_BUCKETS 127

static int64_t
power_of(int i)
{
	if (i < POWERS_ZERO)
		return -(int64_t)((uint64_t)1 << (POWERS_ZERO - 1 - i));
	return i == POWERS_ZERO ? 0 : (int64_t)1 << (i - POWERS_ZERO - 1);
}

static void
powers_range(int i, int64_t *least, int64_t *greatest)
{
	if (i <= POWERS_ZERO) {
		*greatest = power_of(i);
		*least = i == POWERS_ZERO ? 0 : INT64_MIN;
		if (i > 0 && i < POWERS_ZERO)
			*least = power_of(i - 1) + 1;
		return;
	}
	*least = power_of(i);
	*greatest = i + 1 < POWERS_BUCKETS ? power_of(i + 1) - 1 : INT64_MAX;
}

/* lquantize: step, levels, base from the top. */
static void
linear_range(const struct cut *cut, int i, int64_t *least, int64_t *greatest)
{
	int64_t base = (int32_t)(cut->parameters & 0xffffffff);
	int64_t levels = (int64_t)(cut->parameters >> 32 & 0xffff);
	int64_t step = (int64_t)(cut->parameters >> 48 & 0xffff);

	*least = i == 0 ? INT64_MIN : base + (i - 1) * step;
	*greatest = i > levels ? INT64_MAX : base + i * step - 1;
}

/* FACTOR to the power of N, or the greatest number. */
static int64_t
factor_power(unsigned factor, unsigned n)
{
	int64_t value = 1;

	while (n-- > 0) {
		if (factor > 1 && value > INT64_MAX / factor)
			return INT64_MAX;
		value *= factor;
	}
	return value;
}

/* The buckets of one magnitude: from steps/factor to steps - 1. */
static int
log_linear_count(uint64_t p)
{
	unsigned factor = LLQUANTIZE_FACTOR(p), steps = LLQUANTIZE_STEPS(p);

	return factor ? (int)(steps - steps / factor) : 0;
}

/* The I-th bucket above f^low, from 0; the last has no end. */
static void
log_linear_above(uint64_t p, int i, int64_t *least, int64_t *greatest)
{
	unsigned factor = LLQUANTIZE_FACTOR(p), steps = LLQUANTIZE_STEPS(p);
	int in_one = log_linear_count(p);
	unsigned magnitude = LLQUANTIZE_LOW(p) + (unsigned)(i / in_one);
	int64_t next = factor_power(factor, magnitude + 1), first, s;
	int64_t width = next / steps;

	if (magnitude > LLQUANTIZE_HIGH(p)) {
		*least = factor_power(factor, LLQUANTIZE_HIGH(p) + 1);
		*greatest = INT64_MAX;
		return;
	}
	first = steps / factor;
	s = first + i % in_one;
	/* Steps finer than integers: some buckets contain none. */
	if (width == 0) {
		*least = (s * next + steps - 1) / steps;
		*greatest = ((s + 1) * next + steps - 1) / steps - 1;
		return;
	}
	*least = s * width;
	*greatest = *least + width - 1;
}

static void
log_linear_range(const struct cut *cut, int i, int64_t *least,
    int64_t *greatest)
{
	uint64_t p = cut->parameters;
	int64_t middle = factor_power(LLQUANTIZE_FACTOR(p), LLQUANTIZE_LOW(p));
	int zero = LLQUANTIZE_HAS_NEGATIVE ? cut->buckets / 2 : 0;
	int64_t swap;

	if (i == zero) {
		*least = LLQUANTIZE_HAS_NEGATIVE ? 1 - middle : 0;
		*greatest = middle - 1;
	} else if (i > zero) {
		log_linear_above(p, i - zero - 1, least, greatest);
	} else {
		log_linear_above(p, zero - i - 1, least, greatest);
		swap = -*least;
		*least = *greatest == INT64_MAX ? INT64_MIN : -*greatest;
		*greatest = swap;
	}
}

static void
range(const struct cut *cut, int i, int64_t *least, int64_t *greatest)
{
	if (cut->shape == POWERS)
		powers_range(i, least, greatest);
	else if (cut->shape == LINEAR)
		linear_range(cut, i, least, greatest);
	else
		log_linear_range(cut, i, least, greatest);
}

/* Is the number of buckets the one that the parameters give? */
static int
is_sound(const struct cut *cut)
{
	uint64_t p = cut->parameters;
	int in_one;

	if (cut->shape == POWERS)
		return cut->buckets == POWERS_BUCKETS;
	if (cut->shape == LINEAR)
		return cut->buckets == (int)(p >> 32 & 0xffff) + 2;
	in_one = log_linear_count(p);
	if (in_one <= 0 || LLQUANTIZE_HIGH(p) < LLQUANTIZE_LOW(p))
		return 0;
	in_one *= (int)(LLQUANTIZE_HIGH(p) - LLQUANTIZE_LOW(p) + 1);
	return cut->buckets == (LLQUANTIZE_HAS_NEGATIVE ? 2 * in_one + 3
							: in_one + 2);
}

/* --- values --------------------------------------------------------------------- */

static int64_t
word(const char *data, int i)
{
	int64_t v;

	memcpy(&v, data + 8 * i, 8);
	return v;
}

/* Buckets for negative values may have negative counts. */
static int64_t
count_of(const char *data, int i)
{
	int64_t v = word(data, i);

	return v < 0 && v != INT64_MIN ? -v : v;
}

static void
distribution(const struct cut *cut, const char *data)
{
	int first = -1, last = -1, n = 0, i;
	int64_t least, greatest;

	for (i = 0; i < cut->buckets; i++) {
		if (word(data, i) == 0)
			continue;
		if (first == -1)
			first = i;
		last = i;
	}
	json_raw(",\"buckets\":[");
	if (first > 0)
		first--;
	if (last != -1 && last + 1 < cut->buckets)
		last++;
	for (i = first; first != -1 && i <= last; i++) {
		range(cut, i, &least, &greatest);
		if (least > greatest)
			continue;
		json_raw(n++ ? ",[" : "[");
		json_int(least);
		json_raw(",");
		json_int(greatest);
		json_raw(",");
		json_int(count_of(data, i));
		json_raw("]");
	}
	json_raw("]");
}

static void
member(const char *label, int64_t value)
{
	json_raw(label);
	json_int(value);
}

static void
squares(const char *data)
{
	char text[40];

	snprintf(text, sizeof text, "\"0x%016" PRIx64 "%016" PRIx64 "\"",
	    (uint64_t)word(data, 3), (uint64_t)word(data, 2));
	json_raw(",\"squares\":");
	json_raw(text);
}

/* 0: the value has a size that this function's should not have. */
static int
value(const dtrace_aggdesc_t *desc, enum shape shape, size_t size,
    const char *data)
{
	struct cut cut = { shape, 0, (int)(size / 8) };
	size_t least = shape == SCALAR ? 8 : shape == AVERAGE ? 16 : 32;
	int64_t first = 0;

	if (shape <= DEVIATION) {
		if (size < least)
			return 0;
		if (shape == SCALAR) {
			member(",\"value\":", word(data, 0));
			return 1;
		}
		member(",\"count\":", word(data, 0));
		member(",\"sum\":", word(data, 1));
		if (shape == DEVIATION)
			squares(data);
		return 1;
	}
	if (shape != POWERS) {
		if (AGG_PARAMETER_WORDS && size >= 8)
			first = word(data, 0);
		cut.parameters = AGG_PARAMETERS(desc, &first);
		cut.buckets -= AGG_PARAMETER_WORDS;
		data += 8 * AGG_PARAMETER_WORDS;
	}
	(void)desc;
	(void)first;
	if (!is_sound(&cut))
		return 0;
	distribution(&cut, data);
	return 1;
}

/* --- entries ---------------------------------------------------------------------- */

/* Did the old packages accept this kind of key? */
static int
is_old_key(unsigned action)
{
	return action == DTRACEACT_DIFEXPR || action == DTRACEACT_SYM ||
	    action == DTRACEACT_MOD || action == DTRACEACT_USYM ||
	    action == DTRACEACT_UMOD || action == DTRACEACT_UADDR;
}

/* Returns the index of the first key that the old packages refused, or 0. */
static int
keys(const struct aggregation_walk *walk, const dtrace_aggdata_t *g)
{
	const dtrace_aggdesc_t *desc = g->dtada_desc;
	const dtrace_recdesc_t *rec;
	int i, refused = 0;

	json_raw(",\"keys\":[");
	for (i = 1; i < AGG_KEY_END(desc); i++) {
		rec = AGG_KEY(desc, i);
		if (i > 1)
			json_raw(",");
		if (!is_old_key(rec->dtrd_action) && !refused)
			refused = i;
		value_key(walk->lib, walk->dtp, rec,
		    AGG_KEYS(g) + rec->dtrd_offset);
	}
	json_raw("]");
	return refused;
}

int
aggregation_on_entry(const dtrace_aggdata_t *g, void *argument)
{
	struct aggregation_walk *walk = argument;
	const dtrace_aggdesc_t *desc = g->dtada_desc;
	const dtrace_recdesc_t *rec = AGG_VALUE(desc);
	int refused_key, known = 0, sized = value_sized;
	size_t i;

	json_raw("{\"aggregation\":{\"name\":");
	json_string(desc->dtagd_name ? desc->dtagd_name : "_");
	json_raw(",\"id\":");
	json_uint(desc->dtagd_varid);
	/* Lines for people have no sizes. */
	value_sized = !record_alone;
	refused_key = keys(walk, g);
	value_sized = sized;
	for (i = 0; i < ARRAY_SIZE(functions); i++)
		if (functions[i].action == rec->dtrd_action)
			break;
	json_raw(",\"function\":");
	json_string(i < ARRAY_SIZE(functions) ? functions[i].name : "unknown");
	json_raw(",\"normal\":");
	json_uint(AGG_NORMAL(g));
	if (i < ARRAY_SIZE(functions))
		known = value(desc, functions[i].shape, rec->dtrd_size,
		    g->dtada_data + rec->dtrd_offset);
	if (!known) {
		json_raw(",\"unknown\":");
		json_bytes(g->dtada_data + rec->dtrd_offset, rec->dtrd_size);
	}
	if (refused_key) {
		json_raw(",\"refusedKey\":");
		json_int(refused_key);
		json_raw(",\"refusedAction\":");
		json_uint(AGG_KEY(desc, refused_key)->dtrd_action);
	}
	json_raw("}}\n");
	if (walk->strict && (refused_key || !known ||
	    rec->dtrd_action == DTRACEAGG_STDDEV)) {
		walk->refused = 1;
		return DTRACE_AGGWALK_ERROR;
	}
	return walk->remove ? DTRACE_AGGWALK_REMOVE : DTRACE_AGGWALK_NEXT;
}
