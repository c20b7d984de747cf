#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/codex_priv.h"
#include "base/str.h"
#include "base/xmalloc.h"

enum { SAME_MS = 100 }; /* between lines that were written at once: no request is that fast */

static int64_t
first_count(const cJSON *o, const char *const *names)
{
	int64_t n = AGENT_UNKNOWN;

	for (; n < 0 && *names != NULL; names++)
		n = get_count(o, *names);
	return n;
}

/* Input includes what the cache was read and written for; output includes reasoning. */
struct agent_usage
codex_usage(const cJSON *o)
{
	static const char *const input[] = {"input_tokens", "prompt_tokens", NULL};
	static const char *const cached[] = {
	    "cached_input_tokens", "cache_read_input_tokens", "cached_tokens", NULL};
	static const char *const written[] = {
	    "cache_write_input_tokens", "cache_creation_input_tokens", NULL};
	static const char *const output[] = {"output_tokens", "completion_tokens", NULL};
	static const char *const reasoning[] = {
	    "reasoning_output_tokens", "reasoning_tokens", NULL};
	struct agent_usage u = {.input = first_count(o, input),
	    .cache_read = first_count(o, cached),
	    .cache_write_5m = first_count(o, written),
	    .cache_write_1h = AGENT_UNKNOWN,
	    .output = first_count(o, output),
	    .reasoning = first_count(o, reasoning)};

	if (u.input >= 0 && u.cache_read > u.input)
		u.cache_read = u.input;
	u.input = count_less(u.input, u.cache_read);
	if (u.cache_write_5m <= u.input)
		u.input = count_less(u.input, u.cache_write_5m);
	return u;
}

char *
codex_total_key(const char *thread, const struct agent_usage *t)
{
	return xasprintf("codex:%s=%lld,%lld,%lld", thread, (long long)t->input,
	    (long long)(t->cache_read > 0 ? t->cache_read : 0), (long long)t->output);
}

static bool
is_same(const struct agent_usage *a, const struct agent_usage *b)
{
	return a->input == b->input && a->cache_read == b->cache_read &&
	       a->output == b->output &&
	       count_sum(a->reasoning, 0) == count_sum(b->reasoning, 0);
}

static bool
is_nothing(const struct agent_usage *u)
{
	return u->input <= 0 && u->cache_read <= 0 && u->cache_write_5m <= 0 && u->output <= 0;
}

static void
add(struct agent_usage *a, const struct agent_usage *b)
{
	a->input = count_sum(a->input, b->input);
	a->cache_read = count_sum(a->cache_read, b->cache_read);
	a->cache_write_5m = count_sum(a->cache_write_5m, b->cache_write_5m);
	a->output = count_sum(a->output, b->output);
	a->reasoning = count_sum(a->reasoning, b->reasoning);
}

/* What a total is more than the one before it. One that went down began anew. */
static struct agent_usage
more_of(const struct agent_parser *p, const struct agent_usage *now)
{
	const struct agent_usage *old = &p->total;

	if (!p->has_total || now->input < old->input || now->cache_read < old->cache_read ||
	    now->output < old->output)
		return *now;
	return (struct agent_usage){.input = count_less(now->input, old->input),
	    .cache_read = count_less(now->cache_read, old->cache_read),
	    .cache_write_5m = count_less(now->cache_write_5m, old->cache_write_5m),
	    .cache_write_1h = AGENT_UNKNOWN,
	    .output = count_less(now->output, old->output),
	    .reasoning = count_less(now->reasoning, old->reasoning)};
}

static void
give(const struct agent_parser *p, const struct agent_usage *u, const char *key, uint64_t rank)
{
	struct agent_event e = source_event(&p->s, AGENT_USAGE);
	char *made = NULL;

	if (key == NULL)
		made = xasprintf("codex:%lld:%s:%lld,%lld,%lld,%lld,%lld",
		    (long long)p->s.time_ms, p->model == NULL ? "" : p->model,
		    (long long)u->input, (long long)u->cache_read, (long long)u->cache_write_5m,
		    (long long)u->output, (long long)u->reasoning);
	e.id = key != NULL ? key : made;
	e.rank = rank;
	e.model = p->model;
	e.usage = *u;
	source_give(&p->s, &e);
	free(made);
}

/* Whether a child's line is of before it was one. */
static bool
is_replayed(struct agent_parser *p)
{
	if (p->replay == REPLAY_MAYBE && p->s.time_ms - p->replay_ms < SAME_MS) {
		p->replay_ms = p->s.time_ms;
		return true;
	}
	if (p->replay == REPLAY_MAYBE)
		p->replay = REPLAY_NONE;
	return p->replay != REPLAY_NONE;
}

/* Of both, own is what counts and total is by which repeats are known; either may be NULL. */
static void
count(struct agent_parser *p, const struct agent_usage *own, const struct agent_usage *total,
    const char *key)
{
	bool replayed = is_replayed(p), is_base = false;
	struct agent_usage u;

	if (own == NULL && total == NULL)
		return;
	if (total != NULL && p->has_total && is_same(total, &p->total))
		return;
	if (own == NULL && p->inherits && !p->has_total)
		is_base =
		    !(p->has_total = p->parent != NULL && p->s.sink.baseline != NULL &&
				     p->s.sink.baseline(p->s.sink.arg, p->parent, &p->total));
	u = own != NULL ? *own : more_of(p, total);
	if (total != NULL)
		p->total = *total;
	else if (p->has_total)
		add(&p->total, own);
	else
		p->total = *own;
	p->has_total = true;
	if (!replayed && !is_base && !is_nothing(&u))
		give(p, &u, key, key != NULL ? CODEX_RANK_RECORD : CODEX_RANK_COUNT);
}

static const struct agent_usage *
usage_if(const cJSON *o, const char *name, struct agent_usage *u)
{
	*u = codex_usage(get(o, name));
	return u->input < 0 && u->output < 0 ? NULL : u;
}

static void
count_limits(struct agent_parser *p, const cJSON *limits)
{
	char *text = text_of(limits);
	uint64_t h;

	if (text == NULL)
		return;
	h = hash_text(1469598103934665603u, text) >> 12; /* a number that JSON can hold */
	if (h != p->limits && p->replay != REPLAY_LINES)
		source_note(&p->s, "rate_limit", text);
	p->limits = h;
	free(text);
}

void
codex_cancel_total(const struct agent_parser *p)
{
	static const struct agent_usage nothing = {
	    0, AGENT_UNKNOWN, AGENT_UNKNOWN, AGENT_UNKNOWN, 0, AGENT_UNKNOWN, AGENT_UNKNOWN};
	char *key;

	if (!p->has_total)
		return;
	key = codex_total_key(p->s.session, &p->total);
	give(p, &nothing, key, CODEX_RANK_COUNT);
	free(key);
}

void
codex_count(struct agent_parser *p, const cJSON *payload)
{
	const cJSON *info = get(payload, "info");
	struct agent_usage own, total;
	const char *model = get_string(info, "model");

	if (model != NULL) {
		free(p->model);
		p->model = xstrdup(model);
	}
	count(p, usage_if(info, "last_token_usage", &own),
	    usage_if(info, "total_token_usage", &total), NULL);
	/* Older versions do not say where a turn ends: any of these may be its last. */
	if (p->exec && !p->tasks && p->replay == REPLAY_NONE && cJSON_IsObject(info))
		codex_cancel_total(p);
	count_limits(p, get(payload, "rate_limits"));
}

void
codex_record(struct agent_parser *p, const cJSON *payload)
{
	const char *turn = get_string(payload, "turn_id");
	const char *response = get_string(payload, "response_id");
	struct agent_usage own, total;
	char *key = NULL;

	if (response != NULL)
		key = xasprintf("codex:%s:%s", turn != NULL ? turn : p->s.session, response);
	count(p, usage_if(payload, "usage", &own),
	    usage_if(payload, "thread_token_usage", &total), key);
	free(key);
}
