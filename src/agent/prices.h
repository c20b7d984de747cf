/*
 * What models cost: a table in LiteLLM's format (model_prices_and_context_window.json).
 *
 * A copy is part of the program (src/agent/prices.json, MIT; prices.README beside it says which); a
 * user's file in the same format is laid over it, model by model and field by field.
 *
 * A model is found by its name, in which '.' and '@' count as '-', and letters as small ones;
 * failing that by the shortest name in the table that is it with a date behind or a provider before
 * it; failing that by the longest one that is a part of it. Parts are whole words and numbers:
 * "gpt-5" is not found in "gpt-50", nor in "gpt-5-9" or "gpt-5.9", whose price is not known from
 * another version's; a date may follow. What is not found has no price: unknown, never 0.
 *
 * Pure; any thread once it is made.
 */
#ifndef AGENT_PRICES_H
#define AGENT_PRICES_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/agent.h"

struct prices;

/* The table of the program, with `overrides` (JSON, may be NULL) over it. -EINVAL and a cause when
 * that is not such a table; *out is then the program's alone. */
int prices_new(const char *overrides, size_t len, struct prices **out, char **cause);
void prices_free(struct prices *p);

/* In USD, below 0 when unknown. Counts that are unknown cost nothing. */
double prices_cost(
    const struct prices *p, const char *model, const struct agent_usage *usage, bool fast);

#endif
