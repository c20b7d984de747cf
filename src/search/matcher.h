/*
 * One thread's means of matching a pattern, and what a match may cost.
 *
 * PCRE2 counts the steps from each place at which a match is tried. A call gets few of them at
 * first; where they do not suffice it is repeated with more, up to a most that becomes less with
 * every line that needed it in vain, so that a runaway pattern costs the same for a thousand
 * lines as for ten. What is given up counts as not matching, and `partial` says so.
 *
 * The text must not change; it need not be valid UTF-8 (what is not matches nothing). Used by
 * one thread at a time; the pattern is borrowed and shared.
 */
#ifndef SEARCH_MATCHER_H
#define SEARCH_MATCHER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern;
struct matcher;

struct span {
	uint32_t from, to; /* bytes of a line; from <= to */
};

enum match {
	MATCH_NONE = 0,
	MATCH_FOUND = 1,
	MATCH_LIMIT = -1, /* the limits forbade to find out */
};

struct matcher *matcher_new(const struct pattern *p);
void matcher_free(struct matcher *m);

/* deadline_us is of clock_mono_us(), 0 for none; cancel may be NULL. Begins anew: not partial. */
void matcher_start(struct matcher *m, uint64_t deadline_us, const atomic_int *cancel);

/* Whether the time is over or the search was cancelled. Reads the clock. */
bool matcher_over(struct matcher *m);
bool matcher_partial(const struct matcher *m);

/* The line that `from`, a line's beginning in lines with '\n' behind each, or a later one has a
 * match: *at is a byte in the first that does, its newline being part of it. One attempt only,
 * with so many steps from each place. The pattern must be one for many lines. */
enum match matcher_many(
    struct matcher *m, const char *text, size_t len, size_t from, size_t steps, size_t *at);

/* Looks whether a text is valid UTF-8 in one go, for the lines of it that are tried next. It must
 * stay until others are trusted or the next matcher_start. */
void matcher_trust(struct matcher *m, const char *text, size_t len);

/* Whether a line matches. */
enum match matcher_line(struct matcher *m, const char *text, size_t len);

/* All matches of a line that do not overlap, up to max; returns how many. Where the limits end
 * it, those so far. */
size_t matcher_spans(
    struct matcher *m, const char *text, size_t len, struct span *spans, size_t max);

#endif
