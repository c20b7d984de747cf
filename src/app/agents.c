#include "config.h"

#include "app/agents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "agent/agent.h"
#include "agent/ingest.h"
#include "app/agents_priv.h"
#include "app/agents_remove.h"
#include "app/app_priv.h"
#include "app/live.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "proto/json.h"
#include "store/sessions_read.h"

enum { RETRY_MS = 100, FAILED_RETRY_MS = 1000 };

struct agents {
	struct app *app;
	struct ingest *ingest; /* NULL: not begun, or ended */
	bool reading;          /* what the store knows is being read */
	bool started;
	uv_timer_t begin;
	uv_async_t ready;
	uv_work_t work;
	int rc;   /* of the work */
	int said; /* what that was before */
	unsigned writing, handles;
};

/* What was submitted is still called back for when the handles have gone. */
static void
release(struct agents *g)
{
	if (g->handles == 0 && g->writing == 0)
		free(g);
}

/* Writing. */

static void
on_written(int rc, void *arg)
{
	struct agents *g = arg;

	g->writing--;
	if (g->ingest != NULL)
		ingest_written(g->ingest, rc);
	release(g);
}

static void
on_ready(uv_async_t *h)
{
	struct agents *g = h->data;
	struct sessions_batch *b;

	if (g->ingest == NULL || (b = ingest_take(g->ingest)) == NULL)
		return;
	g->writing++;
	live_submit(g->app, b, on_written, g);
}

static void
notify(void *arg)
{
	uv_async_send(&((struct agents *)arg)->ready);
}

/* Beginning. */

static bool
add_known(void *arg, const struct sessions_source *s)
{
	ingest_known(arg, s);
	return true;
}

static void
read_work(uv_work_t *w)
{
	struct agents *g = w->data;
	sqlite3 *db;

	g->rc = store_reader_open(g->app->store, &db, NULL);
	if (g->rc != 0)
		return;
	g->rc = sessions_read_sources(db, add_known, g->ingest);
	sqlite3_close(db);
}

static void begin(struct agents *g);

static void
on_begin(uv_timer_t *t)
{
	begin(t->data);
}

static void
read_done(uv_work_t *w, int status)
{
	struct agents *g = w->data;

	(void)status;
	g->reading = false;
	stored_unuse(g->app);
	if (g->app->closed) {
		agents_close(g->app);
		return;
	}
	if (g->rc == 0) {
		g->rc = ingest_start(g->ingest);
		g->started = g->rc == 0;
		if (g->rc != 0)
			log_warn("sessions", "transcripts are not read: %s", strerror(-g->rc));
		return;
	}
	if (g->rc != -EAGAIN && g->rc != g->said)
		log_warn("sessions", "transcripts are not read: %s", strerror(-g->rc));
	g->said = g->rc;
	/* There is no file yet, or none any more: then nothing is remembered. */
	if (g->rc != -EROFS)
		uv_timer_start(
		    &g->begin, on_begin, g->rc == -EAGAIN ? RETRY_MS : FAILED_RETRY_MS, 0);
}

static void
begin(struct agents *g)
{
	g->reading = true;
	g->work.data = g;
	stored_use(g->app);
	uv_queue_work(g->app->loop, &g->work, read_work, read_done);
}

void
agents_open(struct app *a)
{
	struct agents *g = xcalloc(1, sizeof *g);
	struct ingest_config cfg = {.ready = notify, .arg = g};
	const char *home = getenv("HOME");
	struct agent_place *places;

	live_open(a);
	a->agents = g;
	g->app = a;
	uv_timer_init(a->loop, &g->begin);
	uv_async_init(a->loop, &g->ready, on_ready);
	g->begin.data = g->ready.data = g;
	g->handles = 2;
	retention_open(a);
	if (!a->cfg.limits.sessions)
		return;
	cfg.nplaces = agent_places(home != NULL ? home : "/", environ, &places);
	cfg.places = places;
	g->ingest = ingest_new(&cfg);
	agent_places_free(places, cfg.nplaces);
	begin(g);
}

static void
on_closed(uv_handle_t *h)
{
	struct agents *g = h->data;

	g->handles--;
	release(g);
}

void
agents_close(struct app *a)
{
	struct agents *g = a->agents;
	struct ingest *ingest;

	retention_close(a);
	if (g == NULL || g->reading)
		return; /* its work ends first */
	a->agents = NULL;
	ingest = g->ingest;
	g->ingest = NULL;
	ingest_free(ingest);
	uv_close((uv_handle_t *)&g->ready, on_closed);
	uv_close((uv_handle_t *)&g->begin, on_closed);
}

const struct prices *
agents_prices(const struct app *a)
{
	return a->prices;
}

bool
agents_settled(const struct app *a)
{
	struct ingest_status st = {.settled = true};

	if (a->agents != NULL && a->agents->ingest != NULL)
		ingest_status(a->agents->ingest, &st);
	return st.settled;
}

void
agents_json(struct app *a, cJSON *info)
{
	cJSON *o = cJSON_AddObjectToObject(info, "sessions");
	struct ingest_status st = {0};

	if (a->agents != NULL && a->agents->ingest != NULL)
		ingest_status(a->agents->ingest, &st);
	cJSON_AddBoolToObject(o, "enabled", a->cfg.limits.sessions);
	cJSON_AddBoolToObject(o, "settled", st.settled);
	if (st.settled)
		cJSON_AddNumberToObject(o, "settled_ms", (double)st.settled_us / 1000);
	else
		cJSON_AddNullToObject(o, "settled_ms");
	cJSON_AddNumberToObject(o, "files", (double)st.files);
	cJSON_AddNumberToObject(o, "bytes_read", (double)st.bytes);
	cJSON_AddNumberToObject(o, "passed_over", (double)st.passed);
}
