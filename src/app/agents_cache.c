/*
 * How well caches of prompts were hit.
 *
 * A provider can reuse what a prompt begins with if it is the same to the byte as in an earlier
 * call. What that is, no agent says; it is made of the agent's own instructions and tools, which
 * differ by agent and model, of what the project adds to them, and of the first thing that the
 * user said. So calls whose sessions have these four in common are taken to share a prefix, and
 * its key is a sum (FNV-1a, 64 bits) over them and the first PROMPT characters of that prompt.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <uthash.h>

#include "app/agents.h"
#include "app/agents_query.h"
#include "base/xmalloc.h"
#include "proto/json.h"
#include "store/sessions_timeline.h"

enum { PROMPT = 256, KEY_SIZE = 512 };

enum { BY_SESSION, BY_MODEL, BY_PREFIX };
static const char *const groups[] = {"session", "model", "prefix"};

struct prompt {
	int64_t session;
	char *text;
	UT_hash_handle hh;
};

struct group {
	char *key;
	char *agent, *project, *model, *title; /* what it stands for */
	struct usage_sum sum;
	struct hit_rate hits;
	uint64_t calls;
	UT_hash_handle hh;
};

struct report {
	struct question_db *q;
	struct prompt *prompts;
	struct group *groups;
	struct group total;
};

static bool
on_prompt(void *arg, int64_t session, const char *text)
{
	struct report *rep = arg;
	struct prompt *p = xcalloc(1, sizeof *p);

	p->session = session;
	p->text = xstrdup(text);
	HASH_ADD(hh, rep->prompts, session, sizeof p->session, p);
	return true;
}

static const char *
prompt_of(const struct report *rep, int64_t session)
{
	struct prompt *p;

	HASH_FIND(hh, rep->prompts, &session, sizeof session, p);
	return p != NULL ? p->text : NULL;
}

/* With the NUL, so that no two lists of texts are one. */
static uint64_t
sum_text(uint64_t h, const char *s)
{
	if (s == NULL)
		s = "";
	do
		h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
	while (*s++ != '\0');
	return h;
}

static void
key_of(const struct report *rep, const struct sessions_usage_row *row, char out[KEY_SIZE])
{
	const char *model = row->usage.model != NULL ? row->usage.model : "unknown";
	uint64_t h = 0xcbf29ce484222325ull;

	if (rep->q->by == BY_SESSION) {
		snprintf(out, KEY_SIZE, "%s", row->session);
	} else if (rep->q->by == BY_MODEL) {
		snprintf(out, KEY_SIZE, "%s", model);
	} else {
		h = sum_text(sum_text(h, row->agent), model);
		h = sum_text(sum_text(h, row->cwd), prompt_of(rep, row->id));
		snprintf(out, KEY_SIZE, "%016llx", (unsigned long long)h);
	}
}

static char *
copy(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static struct group *
group_of(struct report *rep, const struct sessions_usage_row *row)
{
	char key[KEY_SIZE];
	struct group *g;

	key_of(rep, row, key);
	HASH_FIND_STR(rep->groups, key, g);
	if (g != NULL)
		return g;
	g = xcalloc(1, sizeof *g);
	g->key = xstrdup(key);
	g->sum.usage = agent_usage_unknown;
	if (rep->q->by != BY_MODEL) {
		const char *prompt = prompt_of(rep, row->id);

		g->agent = copy(row->agent);
		g->project = copy(row->cwd);
		g->title =
		    copy(rep->q->by == BY_SESSION && row->title != NULL ? row->title : prompt);
	}
	if (rep->q->by == BY_PREFIX)
		g->model = copy(row->usage.model);
	HASH_ADD_KEYPTR(hh, rep->groups, g->key, strlen(g->key), g);
	return g;
}

static bool
on_usage(void *arg, const struct sessions_usage_row *row)
{
	struct report *rep = arg;
	struct usage_sum sum = {.usage = agent_usage_unknown};
	struct group *to[] = {NULL, &rep->total};
	double cost;

	if (!usage_sum_row(&sum, rep->q->app, row, &cost))
		return true;
	to[0] = group_of(rep, row);
	for (int i = 0; i < 2; i++) {
		agent_usage_add(&to[i]->sum.usage, &sum.usage);
		hit_rate_add(&to[i]->hits, &row->usage);
		to[i]->calls++;
	}
	return true;
}

static void
add_counts(cJSON *o, const struct group *g)
{
	const struct agent_usage *u = &g->sum.usage;
	int64_t writes = u->cache_write_5m;

	if (u->cache_write_1h >= 0)
		writes = (writes > 0 ? writes : 0) + u->cache_write_1h;
	question_add_count(o, "input_tokens", u->input);
	question_add_count(o, "cache_read_tokens", u->cache_read);
	question_add_count(o, "cache_write_tokens", writes);
	hit_rate_json(o, "hit_rate", &g->hits);
	cJSON_AddNumberToObject(o, "calls", (double)g->calls);
}

static cJSON *
group_json(const struct question_db *q, const struct group *g)
{
	cJSON *o = json_object();

	json_add_text(o, "key", g->key);
	add_counts(o, g);
	if (q->by == BY_MODEL)
		return o;
	json_add_text(o, "agent", g->agent);
	json_add_text(o, "project", g->project);
	if (q->by == BY_PREFIX)
		json_add_text(o, "model", g->model);
	question_add_shown(q, o, q->by == BY_PREFIX ? "prompt" : "title", g->title);
	return o;
}

/* Those that the most was read for first. */
static int
by_size(const struct group *a, const struct group *b)
{
	if (a->hits.all != b->hits.all)
		return a->hits.all < b->hits.all ? 1 : -1;
	return strcmp(a->key, b->key);
}

static cJSON *
report_json(struct report *rep)
{
	cJSON *o = json_object(), *rows;
	struct group *g, *next;

	cJSON_AddStringToObject(o, "by", groups[rep->q->by]);
	rows = cJSON_AddArrayToObject(o, "rows");
	HASH_SORT(rep->groups, by_size);
	HASH_ITER (hh, rep->groups, g, next) {
		cJSON_AddItemToArray(rows, group_json(rep->q, g));
		HASH_DEL(rep->groups, g);
		free(g->key);
		free(g->agent);
		free(g->project);
		free(g->model);
		free(g->title);
		free(g);
	}
	add_counts(cJSON_AddObjectToObject(o, "totals"), &rep->total);
	return o;
}

static int
run_cache(struct question_db *q, sqlite3 *db)
{
	struct report rep = {.q = q, .total = {.sum = {.usage = agent_usage_unknown}}};
	struct prompt *p, *next;
	int rc = 0;

	if (q->by != BY_MODEL)
		rc = sessions_read_prompts(db, PROMPT, on_prompt, &rep);
	if (rc == 0)
		rc = sessions_read_usage(db, q->from_ms, q->to_ms, on_usage, &rep);
	q->answer = report_json(&rep);
	HASH_ITER (hh, rep.prompts, p, next) {
		HASH_DEL(rep.prompts, p);
		free(p->text);
		free(p);
	}
	return rc;
}

void
usage_cache(struct http_req *r, void *arg)
{
	const char *by = http_query(r, "by");
	struct question_db *q;
	unsigned i = 0;

	while (by != NULL && i < sizeof groups / sizeof *groups && strcmp(by, groups[i]) != 0)
		i++;
	if (i == sizeof groups / sizeof *groups) {
		http_reply_error(r, 400, "bad_params", "by must be session, model or prefix");
		return;
	}
	q = question_new(r, arg, run_cache);
	if (q == NULL)
		return;
	q->by = i;
	question_ask(q);
}
