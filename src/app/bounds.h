/*
 * Bounds: one table of what may grow, how far, and what happens beyond it.
 *
 * panescry.conf(5) has the same table in its section BOUNDS, and a unit test compares the two, so
 * that neither can have a row that the other has not. Those that can be set are read by
 * cli/conf.c from this table; the others are constants of the parts that keep them.
 *
 * Any thread: constant data.
 */
#ifndef APP_BOUNDS_H
#define APP_BOUNDS_H

#include <stddef.h>
#include <stdint.h>

enum bound_kind {
	BOUND_FIXED,   /* cannot be set */
	BOUND_COUNT,   /* unsigned */
	BOUND_SIZE,    /* size_t, bytes: K, M and G may follow */
	BOUND_NUMBER,  /* uint64_t */
	BOUND_BYTES,   /* uint64_t, bytes: K, M and G may follow */
	BOUND_SECONDS, /* unsigned */
};

struct bound {
	const char *name; /* of the setting, or in words where it is fixed */
	enum bound_kind kind;
	size_t offset;        /* in struct app_limits */
	uint64_t least, most; /* the same where it is fixed */
	const char *unit;     /* plural */
	const char *beyond;   /* what happens: a status and its code, a close code, or words */
};

/* Ends with a NULL name. */
extern const struct bound bounds[];

/* NULL: there is none. */
const struct bound *bound_find(const char *name);

struct app_limits;

/* The value in `limits`; of a fixed one the constant. */
uint64_t bound_value(const struct bound *b, const struct app_limits *limits);
void bound_set(const struct bound *b, struct app_limits *limits, uint64_t value);

#endif
