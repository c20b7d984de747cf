/*
 * What opencode says of messages and their parts, wherever it says it: in streams, in files and in
 * its database. Usage has the message's key: a stream adds up its steps, and what knows the message
 * as a whole ranks higher. Rows change in place: of what knows equally much, more tokens count.
 */
#ifndef AGENT_OPENCODE_H
#define AGENT_OPENCODE_H

#include "agent/source.h"

enum opencode_rank { OPENCODE_STEP, OPENCODE_MESSAGE, OPENCODE_ALL };

struct opencode_sum {
	struct agent_usage usage;
	double cost_usd;
	unsigned steps;
};

struct agent_usage opencode_usage(const cJSON *tokens);
void opencode_sum_add(struct opencode_sum *sum, const cJSON *step);
void opencode_give_usage(const struct source *s, const char *message, const char *model,
    const struct opencode_sum *sum, enum opencode_rank rank);
void opencode_give_session(
    const struct source *s, const cJSON *session); /* {id, parentID, directory...} */
/* Text, reasoning, tools; id and message where they are not in the part itself, or NULL. */
void opencode_give_part(const struct source *s, const cJSON *part, const char *id,
    const char *message, enum agent_role role);
void opencode_give_error(const struct source *s, const cJSON *error);

#endif
