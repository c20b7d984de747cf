/*
 * A ledger of usage: rows by key, each counted once, and what they cost.
 *
 * Rows come in any order and any number of times. Of those with one key the one of the highest rank
 * counts, whoever said it; the session that said it first keeps it. So copies and forks of a
 * transcript change nothing. What streams say in sums (AGENT_STREAM_KEY) is in no sum of a session
 * of which, or of whose sub-agents, another source said anything; it stays in the rows.
 *
 * Pure; one thread at a time.
 */
#ifndef AGENT_LEDGER_H
#define AGENT_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"

struct ledger;
struct prices;

struct ledger *ledger_new(void);
void ledger_free(struct ledger *l);

/* Of AGENT_USAGE events. Returns whether it changed anything. */
bool ledger_add(struct ledger *l, const struct agent_event *e);

struct ledger_row {
	const char *key, *session, *model;
	int64_t time_ms;
	struct agent_usage usage;
	double stated_usd; /* below 0: not */
	bool fast;
	uint64_t rank;
};
size_t ledger_rows(const struct ledger *l);
const struct ledger_row *ledger_row(const struct ledger *l, size_t i); /* in order of arrival */

enum cost_source { COST_UNKNOWN, COST_COMPUTED, COST_STATED, COST_MIXED };

struct ledger_sum {
	struct agent_usage usage;
	double cost_usd; /* of what has a price */
	enum cost_source source;
	size_t rows, unpriced; /* unpriced: rows whose cost is not known */
};

/* Of a session (NULL: all). A stated cost above 0 counts before a computed one. */
void ledger_sum(const struct ledger *l, const char *session, const struct prices *p,
    struct ledger_sum *out);

#endif
