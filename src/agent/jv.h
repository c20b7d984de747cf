/*
 * JSON of agents, looked at in place.
 *
 * A line is checked once, for its grammar and depth; what is asked for is then found in it by
 * scanning, and only what is shown is copied. Lines have megabytes that nobody asks for, and a
 * tree of them would cost more than everything else.
 *
 * A view is a value's first byte to behind its last one; borrowed from the line. One that is not
 * there is empty, and can be asked like any other. Pure; any thread.
 */
#ifndef AGENT_JV_H
#define AGENT_JV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jv {
	const char *s, *e;
};

enum { JV_DEPTH_MAX = 64 };

/* The object that is this line; false when it is none, or is nested deeper. */
bool jv_object(const char *data, size_t len, struct jv *out);

/* Nothing but white space. */
bool jv_blank(const char *data, size_t len);

/* A member; of several with one name the first. Names with escapes are not found. */
struct jv jv_get(struct jv object, const char *name);
struct jv jv_path(struct jv object, const char *name, const char *name2);

/* What follows in an array or an object; *at begins as the view of it. False: nothing. Name may
 * be NULL for an array. */
bool jv_next(struct jv *at, struct jv *name, struct jv *value);

bool jv_is_string(struct jv v);
bool jv_is_object(struct jv v);
bool jv_is_array(struct jv v);
bool jv_true(struct jv v);
bool jv_eq(struct jv v, const char *s);  /* a string of just that, written without escapes */
bool jv_has(struct jv v, const char *s); /* these bytes are somewhere in it */

/* A whole number of 0 to 2^53 - 1, or -1. */
int64_t jv_count(struct jv v);
/* A finite number, or `otherwise`. */
double jv_double(struct jv v, double otherwise);

/* A string, to be freed: escapes resolved; NUL, lone surrogates and what is no UTF-8 replaced by
 * U+FFFD. NULL when it is none. */
char *jv_text(struct jv v);
/* The value as it is written, to be freed; its strings written anew where what stands in them is
 * not what RFC 8259 allows (as jv_text has them), so that every parser takes it. NULL when it is
 * not there. */
char *jv_raw(struct jv v);

/* A moment: RFC 3339, or milliseconds since 1970; 0 when it is none. */
int64_t jv_time(struct jv v);

uint64_t jv_hash(const void *data, size_t len);

#endif
