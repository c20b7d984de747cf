/* What the running totals of a stream come to; and what its parser keeps. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/claude_stream.h"
#include "base/buf.h"
#include "base/xmalloc.h"
#include "proto/json.h"

enum { STATE_VERSION = 1, CLASSES = 7 };

/* A usage's classes, one after the other. */
static int64_t *
class_of(struct agent_usage *u, int i)
{
	int64_t *classes[CLASSES] = {&u->input, &u->output, &u->cache_read, &u->cache_write_5m,
	    &u->cache_write_1h, &u->reasoning, &u->searches};

	return classes[i];
}

static int64_t
known(int64_t n)
{
	return n > 0 ? n : 0;
}

/* Both splits of what was written to the cache as one, as totals have it. */
static struct agent_usage
unsplit(struct agent_usage u)
{
	u.cache_write_5m = known(u.cache_write_5m) + known(u.cache_write_1h);
	u.cache_write_1h = AGENT_UNKNOWN;
	return u;
}

static struct agent_usage
total_of(struct jv v)
{
	struct agent_usage u = agent_usage_unknown;

	u.input = jv_count(jv_get(v, "inputTokens"));
	u.output = jv_count(jv_get(v, "outputTokens"));
	u.cache_read = jv_count(jv_get(v, "cacheReadInputTokens"));
	u.cache_write_5m = jv_count(jv_get(v, "cacheCreationInputTokens"));
	u.reasoning = jv_count(jv_get(v, "thinkingTokens"));
	u.searches = jv_count(jv_get(v, "webSearchRequests"));
	return u;
}

/* Whether a is at least b, of what is billed. */
static bool
covers(struct agent_usage a, struct agent_usage b)
{
	for (int i = 0; i < 4; i++)
		if (known(*class_of(&a, i)) < known(*class_of(&b, i)))
			return false;
	return true;
}

/* a - b, unknown where a is. */
static struct agent_usage
less(struct agent_usage a, struct agent_usage b)
{
	for (int i = 0; i < CLASSES; i++) {
		int64_t *n = class_of(&a, i);
		if (*n != AGENT_UNKNOWN)
			*n = known(*n - known(*class_of(&b, i)));
	}
	return a;
}

void
stream_reset(struct stream *s)
{
	for (unsigned i = 0; i < s->models_n; i++)
		free(s->models[i].model);
	s->models_n = 0;
	s->usd = 0;
	free(s->counted);
	s->counted = NULL;
}

static struct stream_total *
model_of(struct stream *s, struct jv name)
{
	for (unsigned i = 0; i < s->models_n; i++)
		if (jv_eq(name, s->models[i].model))
			return &s->models[i];
	return NULL;
}

/* Whether these totals go on from those that were read last. */
static bool
goes_on(struct stream *s, struct jv all, struct agent_usage turn, struct jv index)
{
	struct agent_usage sum = agent_usage_unknown, before = agent_usage_unknown;
	struct jv at = all, name, v;
	unsigned found = 0;

	while (jv_next(&at, &name, &v)) {
		struct stream_total *m = model_of(s, name);
		struct agent_usage u = total_of(v);
		agent_usage_add(&sum, &u);
		if (m == NULL)
			continue;
		found++;
		if (!covers(u, m->usage))
			return false;
	}
	if (found < s->models_n)
		return false;
	if (jv_count(index) > 0)
		return true;
	/* It may be the first of a process: of this turn alone, or of the earlier ones as well.
	 * Old versions do not number them, and seldom are two processes in one stream. */
	if (jv_count(index) != 0)
		return s->models_n == 0 || !covers(turn, sum);
	for (unsigned i = 0; i < s->models_n; i++)
		agent_usage_add(&before, &s->models[i].usage);
	agent_usage_add(&before, &turn);
	return !covers(turn, sum) && covers(sum, before);
}

static void
give(struct stream *s, const char *name, const char *model, struct agent_usage u, double usd,
    bool fast)
{
	struct agent_event e = claude_event(&s->out, AGENT_USAGE);
	char *key = xasprintf("%s%s/%s/%s", AGENT_STREAM_KEY, s->out.session, name, model);
	bool any = usd > 0;

	for (int i = 0; i < CLASSES; i++)
		any = any || *class_of(&u, i) > 0;
	if (any) {
		e.id = key;
		if (e.time_ms == 0)
			e.time_ms = s->last_ms;
		e.model = model;
		e.usage = u;
		e.rank = (uint64_t)known(u.output);
		e.cost_usd = usd;
		e.fast = fast;
		claude_emit(&s->out, &e);
	}
	free(key);
}

/* Totals do not say for how long the cache was written; what the turn says of it does. */
static void
split_writes(struct agent_usage *u, struct agent_usage *turn)
{
	int64_t hour = known(turn->cache_write_1h), all = known(u->cache_write_5m);

	if (hour == 0)
		return;
	u->cache_write_1h = hour < all ? hour : all;
	u->cache_write_5m = all - u->cache_write_1h;
	turn->cache_write_1h -= u->cache_write_1h;
}

static void
count_model(struct stream *s, struct jv name, struct jv v, struct agent_usage *turn, bool fast,
    const char *line)
{
	struct stream_total *m = model_of(s, name);
	struct agent_usage now = total_of(v), u;
	double usd = jv_double(jv_get(v, "costUSD"), -1);

	if (m == NULL) {
		if (s->models_n == STREAM_MODELS)
			return;
		m = &s->models[s->models_n++];
		m->model = jv_text(name);
		m->usage = agent_usage_unknown;
		m->usd = 0;
	}
	u = less(now, m->usage);
	if (s->model == NULL || strcmp(s->model, m->model) == 0)
		split_writes(&u, turn);
	give(s, line, m->model, u, m->usd >= 0 && usd >= m->usd ? usd - m->usd : -1, fast);
	m->usage = now;
	if (usd >= 0)
		m->usd = usd;
}

/* Of a session that other sources told of: taken off, where there is one model to take it off. */
static void
take_baseline(struct stream *s, struct jv all, struct agent_usage turn)
{
	struct agent_usage base, sum, now;
	struct jv name, v, more, other;

	if (s->out.sink.baseline == NULL ||
	    !s->out.sink.baseline(s->out.sink.arg, s->out.session, &base) ||
	    !jv_next(&all, &name, &v) || jv_next(&all, &more, &other))
		return;
	base = unsplit(base);
	sum = base;
	now = total_of(v);
	agent_usage_add(&sum, &turn);
	if (covers(turn, now) || !covers(now, sum))
		return;
	s->models[0] = (struct stream_total){jv_text(name), base, -1};
	s->models_n = 1;
}

void
stream_usage(struct stream *s, struct jv line, const char *name)
{
	struct jv usage = jv_get(line, "usage"), all = jv_get(line, "modelUsage"), at = all, m,
		  v;
	double usd = jv_double(jv_get(line, "total_cost_usd"), -1);
	bool fast = jv_eq(jv_get(usage, "speed"), "fast"), said;
	struct agent_usage turn, flat;

	said = claude_usage(usage, &turn);
	flat = unsplit(turn);
	if (!jv_is_object(all) || !jv_next(&at, &m, &v)) {
		/* Of the whole turn's cost only what is not of earlier ones. */
		if (said)
			give(s, name, s->model != NULL ? s->model : "", turn,
			    usd > s->usd ? usd - s->usd : -1, fast);
		if (usd > 0)
			s->usd = usd;
		return;
	}
	if (s->counted == NULL || strcmp(s->counted, s->out.session) != 0) {
		stream_reset(s);
		s->counted = xstrdup(s->out.session);
		take_baseline(s, all, flat);
	} else if (!goes_on(s, all, flat, jv_get(line, "result_index"))) {
		stream_reset(s);
		s->counted = xstrdup(s->out.session);
	}
	for (at = all; jv_next(&at, &m, &v);)
		if (jv_is_object(v))
			count_model(s, m, v, &turn, fast, name);
	if (usd >= 0)
		s->usd = usd;
}

/* What is kept. */

static char **
text_at(struct stream *s, int i)
{
	char **texts[] = {&s->session, &s->model, &s->turn, &s->counted};

	return texts[i];
}

static const char *const text_names[] = {"session", "model", "turn", "counted"};

enum { TEXTS = sizeof text_names / sizeof *text_names };

void
stream_save(const struct agent_parser *p, struct buf *b)
{
	struct stream *s = (struct stream *)p; /* only read */
	cJSON *o = json_object(), *list;
	char *text;

	cJSON_AddNumberToObject(o, "state_version", STATE_VERSION);
	for (int i = 0; i < TEXTS; i++)
		if (*text_at(s, i) != NULL)
			cJSON_AddStringToObject(o, text_names[i], *text_at(s, i));
	cJSON_AddBoolToObject(o, "turn_open", s->turn_open);
	cJSON_AddNumberToObject(o, "state", s->last_state);
	cJSON_AddNumberToObject(o, "usd", s->usd);
	cJSON_AddNumberToObject(o, "last_ms", (double)s->last_ms);
	list = cJSON_AddArrayToObject(o, "models");
	for (unsigned i = 0; i < s->models_n; i++) {
		cJSON *m = json_object(), *n = cJSON_AddArrayToObject(m, "usage");
		cJSON_AddStringToObject(m, "model", s->models[i].model);
		cJSON_AddNumberToObject(m, "usd", s->models[i].usd);
		for (int k = 0; k < CLASSES; k++)
			cJSON_AddItemToArray(
			    n, cJSON_CreateNumber((double)*class_of(&s->models[i].usage, k)));
		cJSON_AddItemToArray(list, m);
	}
	claude_save_blocks(&s->out, o);
	text = json_print_take(o);
	buf_puts(b, text);
	free(text);
}

void
stream_forget(struct stream *s)
{
	stream_reset(s);
	for (int i = 0; i < TEXTS; i++) {
		free(*text_at(s, i));
		*text_at(s, i) = NULL;
	}
}

static void
restore_model(struct stream *s, const cJSON *m)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(m, "usage");
	const cJSON *usd = cJSON_GetObjectItemCaseSensitive(m, "usd");
	struct stream_total *t = &s->models[s->models_n];

	if (json_string(m, "model") == NULL || s->models_n == STREAM_MODELS)
		return;
	t->model = xstrdup(json_string(m, "model"));
	t->usd = cJSON_IsNumber(usd) ? usd->valuedouble : 0;
	t->usage = agent_usage_unknown;
	for (int k = 0; k < CLASSES; k++) {
		const cJSON *n = cJSON_GetArrayItem(list, k);
		if (cJSON_IsNumber(n) && n->valuedouble >= 0 &&
		    n->valuedouble <= (double)JSON_INT_MAX)
			*class_of(&t->usage, k) = (int64_t)n->valuedouble;
	}
	s->models_n++;
}

bool
stream_restore(struct agent_parser *p, const char *json, size_t len)
{
	struct stream *s = (struct stream *)p;
	cJSON *o = json_parse(json, len);
	uint64_t version, state = AGENT_DEAD, last_ms = 0;
	const cJSON *m, *usd = cJSON_GetObjectItemCaseSensitive(o, "usd");

	if (o == NULL ||
	    json_u64(o, "state_version", STATE_VERSION, STATE_VERSION, &version) != 0) {
		cJSON_Delete(o);
		return false;
	}
	stream_forget(s);
	for (int i = 0; i < TEXTS; i++)
		if (json_string(o, text_names[i]) != NULL)
			*text_at(s, i) = xstrdup(json_string(o, text_names[i]));
	s->turn_open = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "turn_open"));
	json_u64(o, "state", 0, AGENT_DEAD, &state);
	s->last_state = (enum agent_state)state;
	json_u64(o, "last_ms", 0, JSON_INT_MAX, &last_ms);
	s->last_ms = (int64_t)last_ms;
	s->usd = cJSON_IsNumber(usd) ? usd->valuedouble : 0;
	cJSON_ArrayForEach (m, cJSON_GetObjectItemCaseSensitive(o, "models")) {
		restore_model(s, m);
	}
	claude_restore_blocks(&s->out, o);
	cJSON_Delete(o);
	return true;
}
