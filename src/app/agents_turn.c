/* What an agent was at in a pane at a time: one turn, found in the store. */
#include "config.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "app/agents.h"
#include "app/agents_priv.h"
#include "app/agents_query.h"
#include "base/clock.h"
#include "base/str.h"
#include "proto/json.h"
#include "store/sessions_live.h"
#include "store/sessions_timeline.h"

enum { PANE_TEXT = 0, SHOWN = 2000 /* bytes of a prompt */ };

static void
on_turn(void *arg, const struct sessions_turn_at *t)
{
	struct question_db *q = arg;
	cJSON *o = json_object();

	cJSON_AddNumberToObject(o, "session", (double)t->session);
	json_add_text(o, "agent", t->agent);
	json_add_text(o, "agent_session", t->native);
	question_add_shown(q, o, "title", t->title);
	json_add_text(o, "state", session_state_name(t->state));
	cJSON_AddNumberToObject(o, "turn", (double)t->turn);
	question_add_time(o, "started", t->started_ms);
	question_add_time(o, "ended", t->ended_ms);
	json_add_text(o, "outcome", question_outcome(t->outcome));
	question_add_shown(q, o, "prompt", t->prompt);
	json_add_text(o, "model", t->model);
	cJSON_ReplaceItemInObjectCaseSensitive(q->answer, "turn", o);
}

static int
run_turn(struct question_db *q, sqlite3 *db)
{
	q->answer = json_object();
	cJSON_AddNullToObject(q->answer, "turn");
	return sessions_read_turn_at(db, q->texts[PANE_TEXT], q->to_ms, on_turn, q);
}

void
turns_at(struct http_req *r, void *arg)
{
	const char *pane = http_query(r, "pane"), *time = http_query(r, "time");
	int64_t now = clock_wall_ms(), ms = now;
	struct question_db *q;

	if (pane == NULL || !str_id_valid(pane)) {
		http_reply_error(r, 400, "bad_params", "pane must be the id of one");
		return;
	}
	if (time != NULL && clock_parse(time, now, &ms) != 0) {
		http_reply_error(r, 400, "bad_params",
		    "time must be one as 2026-11-21T02:03:04Z, or how long ago as 10m");
		return;
	}
	q = question_new(r, arg, run_turn);
	if (q == NULL)
		return;
	question_keep(q, PANE_TEXT, pane);
	q->to_ms = ms;
	q->text_max = SHOWN;
	question_ask(q);
}
