/*
 * What models cost: a table in LiteLLM's format (model_prices_and_context_window.json).
 *
 * A copy is part of the program (src/agent/prices.json, MIT; which revision is said there); a
 * user's file in the same format is laid over it, model by model and field by field.
 *
 * A model is found by its name; failing that by the longest name in the table that is a part of
 * it, or it of that one, and ends at a boundary (not within a word or a number: "gpt-5" is not found in "gpt-50");
 * '.' and '@' count as '-', and a date of eight digits at the end may be missing. What is not
 * found has no price: unknown, never 0.
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
