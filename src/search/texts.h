/*
 * Scanning texts of some lines each, such as messages.
 *
 * Texts are copied into a buffer, one behind the other, and looked through together when it is
 * full, as many lines at a time as scan.h describes: a thousand short ones cost what one long one
 * does. A line ends at '\n'; behind the last there is none, so an empty text has no lines. What
 * is longer than HISTORY_LINE_MAX bytes is cut, as in a history. Lines have numbers from 1 on.
 *
 * A hit is a line that has a match, as far as many lines tell: texts_spans matches it once more by
 * itself, for its spans, and finds none where a limit of PCRE2 was in the way.
 *
 * One thread at a time; the pattern is borrowed. The memory is TEXTS_BYTES and the largest text.
 */
#ifndef SEARCH_TEXTS_H
#define SEARCH_TEXTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "search/matcher.h"

struct pattern;
struct texts;

enum { TEXTS_BYTES = 256 * 1024 };

/* A line. Pointers are valid during the call. */
struct texts_hit {
	size_t which; /* of the texts in the buffer, in the order in which they were added */
	uint64_t line;
	const char *content; /* with its '\n' behind it */
	uint32_t len;
	const char *text; /* all lines of it, each with '\n' behind it */
	size_t text_len;
};

struct texts_stats {
	uint64_t lines, bytes; /* looked at */
	bool partial;          /* the deadline, cancelling or PCRE2's limits left out some */
};

/* deadline_us is of clock_mono_us(), 0 for none; cancel may be NULL. */
struct texts *texts_new(
    const struct pattern *p, uint64_t deadline_us, const atomic_int *cancel);
void texts_free(struct texts *t);

/* Whether there is something in the buffer, and that many bytes have no room beside it. */
bool texts_full(const struct texts *t, size_t len);

/* Also where there is no room. Returns how many there were before it. */
size_t texts_add(struct texts *t, const char *text, size_t len);

/* Looks through what was added, and forgets it. False when the time is over. */
bool texts_scan(struct texts *t, void (*cb)(void *arg, const struct texts_hit *hit), void *arg);

/* Whether the time is over; then what was not scanned makes the stats partial. */
bool texts_over(struct texts *t);

/* The matches of a line that was found, up to max; for the callback of texts_scan. */
size_t texts_spans(
    struct texts *t, const struct texts_hit *hit, struct span *spans, size_t max);

/* Since texts_new. */
void texts_stats(const struct texts *t, struct texts_stats *stats);

/* The lines before or behind a hit, each call one farther. *at begins as the hit's content. */
bool texts_before(const struct texts_hit *hit, const char **at, uint32_t *len);
bool texts_after(const struct texts_hit *hit, const char **at, uint32_t *len);

#endif
