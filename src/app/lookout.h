/*
 * Looking out for a pattern in what a pane prints from now on: what wait and watch are made of.
 *
 * A lookout sees each line of its pane once, when it is complete: when the cursor has gone on to
 * another line, or the pane has ended. The line that the cursor is on is looked at, too, as often
 * as it changes, since prompts end without a newline; it is told once all the same. Lines of the
 * alternate screen are not seen.
 *
 * Matching is the thread pool's business: when a pane has written something, a view of what is
 * new goes there, one at a time for each pane. `found` is called on the loop afterwards.
 *
 * Loop's thread.
 */
#ifndef APP_LOOKOUT_H
#define APP_LOOKOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "search/matcher.h"

struct entry;
struct lookout;
struct pattern;

/* A line that matches; borrowed during the call. */
struct sighting {
	const char *pane; /* id */
	uint64_t line;
	int64_t time_ms;
	const char *text;
	const struct span *spans; /* the match and its groups (search/captures.h) */
	size_t nspans;
};

struct lookout_callbacks {
	/* May free the lookout. */
	void (*found)(struct lookout *, const struct sighting *s, void *arg);
	/* The pane has ended and all has been looked at, or it is removed: there will be nothing
	 * more. The lookout is still its owner's to free. */
	void (*over)(struct lookout *, void *arg);
};

/* Lines from that number on, the first not while its text is `seen` (may be NULL); with 0 those
 * that are not complete yet, and what is begun counts when it changes. The pattern is borrowed,
 * and must stay until lookout_free has called `freed`. */
struct lookout *lookout_new(struct entry *e, const struct pattern *p, uint64_t from_line,
    const char *seen, const struct lookout_callbacks *cb, void *arg);

/* Nothing is called back any more, but `freed` (may be NULL) when no thread uses the pattern. */
void lookout_free(struct lookout *l, void (*freed)(void *arg));

/* What was there when it was made has not been looked at yet. */
bool lookout_pending(const struct lookout *l);

/* Told by the pane's owner. */
void lookouts_output(struct entry *e); /* it has written, or ended */
void lookouts_gone(struct entry *e);   /* it is being removed */

#endif
