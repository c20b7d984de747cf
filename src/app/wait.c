/* POST /api/v1/panes/ID/wait: the answer comes when a line matches, or the time is over. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "app/app_priv.h"
#include "app/lookout.h"
#include "app/search_json.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "proto/json.h"
#include "search/captures.h"
#include "search/pattern.h"

#define TIMEOUT_MAX_MS (7ull * 86400 * 1000)

enum { TIMEOUT_MS = 60000, TURN_MS = 5 };

struct waiting {
	struct app *app;
	struct http_req *req; /* NULL: the client has gone */
	struct pattern *pattern;
	struct lookout *lookout;
	uv_timer_t timer;
	bool timer_closed, lookout_freed;
};

/* Two things have to let go of it. */
static void
free_if_over(struct waiting *w)
{
	if (!w->timer_closed || !w->lookout_freed)
		return;
	pattern_free(w->pattern);
	free(w);
}

static void
on_timer_closed(uv_handle_t *h)
{
	struct waiting *w = h->data;

	w->timer_closed = true;
	free_if_over(w);
}

static void
on_lookout_freed(void *arg)
{
	struct waiting *w = arg;

	w->lookout_freed = true;
	free_if_over(w);
}

static void
end(struct waiting *w)
{
	w->req = NULL;
	w->app->wait_count--;
	uv_close((uv_handle_t *)&w->timer, on_timer_closed);
	lookout_free(w->lookout, on_lookout_freed);
}

static void
asker_gone(void *arg)
{
	end(arg);
}

cJSON *
sighting_json(const struct sighting *s)
{
	cJSON *o = json_object(), *list;
	char iso[CLOCK_ISO_LEN];

	cJSON_AddStringToObject(o, "pane", s->pane);
	cJSON_AddNumberToObject(o, "line", (double)s->line);
	clock_iso(s->time_ms, iso);
	cJSON_AddStringToObject(o, "time", iso);
	json_add_text(o, "content", s->text);
	list = cJSON_AddArrayToObject(o, "spans");
	if (s->nspans != 0) {
		int pair[] = {(int)s->spans[0].from, (int)s->spans[0].to};
		cJSON_AddItemToArray(list, cJSON_CreateIntArray(pair, 2));
	}
	list = cJSON_AddArrayToObject(o, "captures");
	for (size_t i = 1; i < s->nspans; i++) {
		const struct span *g = &s->spans[i];
		char *text;

		if (g->from == CAPTURE_UNSET.from) {
			cJSON_AddItemToArray(list, cJSON_CreateNull());
			continue;
		}
		text = xstrndup(s->text + g->from, g->to - g->from);
		json_add_item(list, text);
		free(text);
	}
	return o;
}

static void
on_found(struct lookout *l, const struct sighting *s, void *arg)
{
	struct waiting *w = arg;
	struct http_req *r = w->req;

	(void)l;
	end(w);
	http_reply_json_take(r, 200, sighting_json(s));
}

static void
on_over(struct lookout *l, void *arg)
{
	struct waiting *w = arg;
	struct http_req *r = w->req;

	(void)l;
	end(w);
	http_reply_error(r, 409, "pane_exited", "the pane ended without such a line");
}

static void
on_timeout(uv_timer_t *t)
{
	struct waiting *w = t->data;
	struct http_req *r = w->req;

	/* Even without any time it is looked once. */
	if (lookout_pending(w->lookout)) {
		uv_timer_start(t, on_timeout, TURN_MS, 0);
		return;
	}
	end(w);
	http_reply_error(r, 408, "timeout", "no such line came in time");
}

static void
start(struct http_req *r, struct entry *e, struct pattern *take, uint64_t ms,
    uint64_t from_line, const char *seen)
{
	static const struct lookout_callbacks callbacks = {on_found, on_over};
	struct waiting *w = xcalloc(1, sizeof *w);

	w->app = e->app;
	w->app->wait_count++;
	w->req = r;
	w->pattern = take;
	uv_timer_init(e->app->loop, &w->timer);
	w->timer.data = w;
	uv_timer_start(&w->timer, on_timeout, ms, 0);
	http_on_gone(r, asker_gone, w);
	w->lookout = lookout_new(e, take, from_line, seen, &callbacks, w);
}

unsigned
pattern_flags_from_json(const cJSON *o)
{
	unsigned flags = PATTERN_GROUPS;

	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "icase")))
		flags |= PATTERN_ICASE;
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "fixed")))
		flags |= PATTERN_FIXED;
	return flags;
}

static bool
is_switch(const cJSON *o, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);

	return item == NULL || cJSON_IsBool(item);
}

/* NULL, or a pattern; then there has been an answer where it is NULL. */
struct pattern *
pattern_from_json(struct http_req *r, const cJSON *o)
{
	const char *text = json_string(o, "pattern"), *wrong = NULL;
	struct pattern_error error = {0};
	struct pattern *p = NULL;
	char *cause = NULL;
	unsigned flags = pattern_flags_from_json(o);

	if (!is_switch(o, wrong = "icase") || !is_switch(o, wrong = "fixed"))
		http_reply_error(r, 400, "bad_params", "%s must be true or false", wrong);
	else if (text == NULL || *text == '\0' || strlen(text) > PATTERN_MAX)
		http_reply_error(
		    r, 400, "bad_params", "pattern must have 1 to %d bytes", PATTERN_MAX);
	else if (pattern_new(&p, text, strlen(text), flags, &error, &cause) != 0)
		http_reply_json_take(r, 400, search_json_bad_pattern(false, &error, cause));
	free(cause);
	return p;
}

void
panes_wait(struct http_req *r, void *arg)
{
	struct entry *e = panes_resolve(r, arg);
	cJSON *o = e != NULL ? http_body_json(r) : NULL;
	uint64_t ms = TIMEOUT_MS, line = 0;
	struct pattern *p;
	const char *from;

	if (o == NULL)
		return;
	if (e->app->wait_count >= e->app->cfg.limits.waits_max) {
		http_reply_error(r, 503, "too_many_waits",
		    "%u requests wait for a line already", e->app->wait_count);
		cJSON_Delete(o);
		return;
	}
	from = json_string(o, "from");
	if (cJSON_HasObjectItem(o, "from") &&
	    (from == NULL || (strcmp(from, "now") != 0 && strcmp(from, "start") != 0)))
		http_reply_error(r, 400, "bad_params", "from must be now or start");
	else if (json_u64(o, "from_line", 1, JSON_INT_MAX, &line) == -EINVAL)
		http_reply_error(r, 400, "bad_params", "from_line must be a line's number");
	else if (cJSON_HasObjectItem(o, "seen") && json_string(o, "seen") == NULL)
		http_reply_error(r, 400, "bad_params", "seen must be the text of a line");
	else if (json_u64(o, "timeout_ms", 0, TIMEOUT_MAX_MS, &ms) == -EINVAL)
		http_reply_error(r, 400, "bad_params",
		    "timeout_ms must be a number of milliseconds, at most a week's");
	else if ((p = pattern_from_json(r, o)) != NULL)
		start(r, e, p, ms, line == 0 && from != NULL && *from == 's' ? 1 : line,
		    json_string(o, "seen"));
	cJSON_Delete(o);
}
