/* What Codex's rollouts and its exec streams say in the same way. */
#ifndef AGENT_CODEX_H
#define AGENT_CODEX_H

#include "agent/source.h"

struct agent_usage codex_usage(const cJSON *o);

/* The key of all that a thread used up to some moment. A stream says only this; a rollout that has
 * the requests one by one gives it with a usage of 0, and a higher rank. To be freed. */
char *codex_total_key(const char *thread, const struct agent_usage *total);

enum { CODEX_RANK_STREAM = 1, CODEX_RANK_COUNT, CODEX_RANK_RECORD };

#endif
