/* The turns of a session, with what was used in each, and the lines of its pane at that time. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/agents.h"
#include "app/agents_query.h"
#include "base/xmalloc.h"
#include "pane/record.h"
#include "proto/json.h"
#include "store/sessions_timeline.h"

enum { PANE_TEXT = 5, WORKING = 0 };

struct turn {
	int64_t seq, from_ms, to_ms;
	cJSON *json; /* until it is in the answer */
	struct usage_sum sum;
	struct hit_rate hits;
	char *model;
	int64_t model_ms;
};

/* When a turn was: what is left of it for the loop. */
struct span {
	int64_t from_ms, to_ms; /* to_ms INT64_MAX: it goes on */
};

struct timeline {
	struct question_db *q;
	int64_t session, updated_ms;
	bool working;
	struct turn *turns;
	size_t n;
};

static bool
on_session(void *arg, const struct sessions_row *s)
{
	struct timeline *t = arg;

	t->session = s->id;
	t->updated_ms = s->updated_ms;
	t->working = s->state == WORKING;
	question_keep(t->q, PANE_TEXT, s->pane);
	return false;
}

/* Of a turn that has no end yet: the last that was heard of the session. */
static int64_t
open_end(const struct timeline *t, int64_t started_ms)
{
	if (t->working)
		return INT64_MAX;
	return t->updated_ms > started_ms ? t->updated_ms : started_ms;
}

static bool
on_turn(void *arg, const struct sessions_turn_row *r)
{
	struct timeline *t = arg;
	struct turn *turn = &t->turns[t->n++];
	cJSON *o = turn->json = json_object();

	turn->seq = r->seq;
	turn->sum.usage = agent_usage_unknown;
	turn->from_ms = r->started_ms;
	turn->to_ms = r->until_ms != 0 ? r->until_ms : open_end(t, r->started_ms);
	cJSON_AddNumberToObject(o, "turn", (double)r->seq);
	question_add_time(o, "started", r->started_ms);
	question_add_time(o, "ended", r->ended_ms);
	question_add_count(o, "duration_ms", r->duration_ms);
	question_add_shown(t->q, o, "prompt", r->prompt);
	json_add_text(o, "outcome", question_outcome(r->outcome));
	question_add_shown(t->q, o, "error", r->error);
	cJSON_AddNumberToObject(o, "tools", (double)r->tools);
	cJSON_AddNumberToObject(o, "tools_failed", (double)r->tools_failed);
	return true;
}

static int
by_seq(const void *key, const void *turn)
{
	int64_t a = *(const int64_t *)key, b = ((const struct turn *)turn)->seq;

	return a < b ? -1 : a > b;
}

static bool
on_usage(void *arg, const struct sessions_usage_row *row)
{
	struct timeline *t = arg;
	struct turn *turn = bsearch(&row->turn, t->turns, t->n, sizeof *t->turns, by_seq);
	double cost;

	if (turn == NULL || !usage_sum_row(&turn->sum, t->q->app, row, &cost))
		return true;
	hit_rate_add(&turn->hits, &row->usage);
	if (row->usage.model != NULL &&
	    (turn->model == NULL || row->usage.time_ms >= turn->model_ms)) {
		free(turn->model);
		turn->model = xstrdup(row->usage.model);
		turn->model_ms = row->usage.time_ms;
	}
	return true;
}

static cJSON *
take_turns(struct timeline *t)
{
	struct span *spans = xcalloc(t->n + 1, sizeof *spans);
	cJSON *data = json_array();

	for (size_t i = 0; i < t->n; i++) {
		struct turn *turn = &t->turns[i];

		json_add_text(turn->json, "model", turn->model);
		usage_sum_json(turn->json, &turn->sum);
		hit_rate_json(turn->json, "cache_hit_rate", &turn->hits);
		cJSON_AddItemToArray(data, turn->json);
		spans[i] = (struct span){turn->from_ms, turn->to_ms};
		free(turn->model);
	}
	t->q->more = spans;
	return data;
}

static int
run_timeline(struct question_db *q, sqlite3 *db)
{
	int64_t after = (int64_t)q->after, offset = after == 0 ? (int64_t)q->offset : 0;
	struct timeline t = {.q = q};
	int64_t total = 0, next;
	int rc = sessions_read_list(db, &q->filter, 1, 0, NULL, on_session, &t);

	if (rc == 0 && t.session == 0)
		rc = -ENOENT;
	if (rc != 0)
		return rc;
	t.turns = xcalloc(q->limit, sizeof *t.turns);
	rc = sessions_count_turns(db, t.session, &total);
	if (rc == 0)
		rc = sessions_read_turns(
		    db, t.session, after, (int64_t)q->limit, offset, on_turn, &t);
	if (rc == 0)
		rc = sessions_read_usage_of(db, t.session, on_usage, &t);
	next = t.n == q->limit ? t.turns[t.n - 1].seq : -1;
	q->answer = question_page(q, take_turns(&t), total, next);
	free(t.turns);
	return rc;
}

/* On the loop. */

static struct entry *
find_pane(struct app *a, const char *id)
{
	struct entry *e;

	DL_FOREACH (a->entries, e)
		if (id != NULL && e->listed && strcmp(pane_id(e->pane), id) == 0)
			return e;
	return NULL;
}

/* Lines that were completed in that time; those of the screen, which have no time yet, if nothing
 * was printed since. False: none. */
static bool
find_lines(const struct entry *e, const struct span *s, uint64_t *first, uint64_t *last)
{
	struct record *r = pane_record(e->pane);

	if (s->from_ms == 0)
		return false;
	*first = record_find_time(r, s->from_ms);
	*last = s->to_ms == INT64_MAX ? record_history_last(r)
				      : record_find_time(r, s->to_ms + 1) - 1;
	if (*last == record_history_last(r) && s->to_ms >= pane_last_activity(e->pane))
		*last = record_last_line(r);
	return *first <= *last;
}

static void
add_lines(struct question_db *q)
{
	const char *id = q->texts[PANE_TEXT];
	const struct entry *e = find_pane(q->app, id);
	const struct span *span = q->more;
	uint64_t first = 0, last = 0;
	cJSON *o;

	cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(q->answer, "data")) {
		bool found = e != NULL && find_lines(e, span++, &first, &last);

		json_add_text(o, "pane", id);
		question_add_count(o, "first_line", found ? (int64_t)first : -1);
		question_add_count(o, "last_line", found ? (int64_t)last : -1);
	}
}

void
sessions_timeline(struct http_req *r, void *arg)
{
	struct question_db *q = question_of_session(r, arg, run_timeline);

	if (q == NULL)
		return;
	q->complete = add_lines;
	question_ask(q);
}
