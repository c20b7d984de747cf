#include "config.h"

#include "app/late.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/agent.h"
#include "app/app_priv.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "os/os.h"

enum { LOOK_MS = 2000 };

struct late {
	struct app *app;
	char **dirs; /* that were missing */
	size_t n;
	uv_timer_t timer;
	uv_work_t work;
	bool started, busy, closed;
	bool found; /* one is there now; the pool's while busy */
};

void
late_open(struct app *a)
{
	const char *home = getenv("HOME");
	struct late *l = xcalloc(1, sizeof *l);
	struct agent_place *places;
	size_t n = agent_places(home != NULL ? home : "/", environ, &places);

	l->app = a;
	l->dirs = xcalloc(n + 1, sizeof *l->dirs);
	for (size_t i = 0; i < n; i++)
		if (access(places[i].dir, F_OK) != 0)
			l->dirs[l->n++] = xstrdup(places[i].dir);
	agent_places_free(places, n);
	a->late = l;
}

static void
look(uv_work_t *work)
{
	struct late *l = work->data;

	for (size_t i = 0; i < l->n && !l->found; i++)
		l->found = access(l->dirs[i], F_OK) == 0;
}

static void
on_looked(uv_work_t *work, int status)
{
	struct late *l = work->data;

	(void)status;
	l->busy = false;
	if (!l->found || l->closed)
		return;
	log_info(
	    "app", "an agent's directory has come to be: a worker that can read it follows");
	keep_say_text(l->app->keep, KEEP_UPGRADE, 0, "");
	late_close(l->app); /* once; should that fail, the next start sees it */
}

static void
on_timer(uv_timer_t *t)
{
	struct late *l = t->data;

	if (!l->busy && uv_queue_work(l->app->loop, &l->work, look, on_looked) == 0)
		l->busy = true;
}

void
late_start(struct app *a)
{
	struct late *l = a->late;

	if (l == NULL || l->n == 0 || l->started || !a->cfg.limits.sessions)
		return;
	l->started = true;
	uv_timer_init(a->loop, &l->timer);
	l->timer.data = l->work.data = l;
	uv_timer_start(&l->timer, on_timer, LOOK_MS, LOOK_MS);
}

void
late_close(struct app *a)
{
	struct late *l = a->late;

	if (l == NULL || !l->started || l->closed)
		return;
	l->closed = true;
	uv_close((uv_handle_t *)&l->timer, NULL);
}

void
late_free(struct app *a)
{
	struct late *l = a->late;

	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n; i++)
		free(l->dirs[i]);
	free(l->dirs);
	free(l);
	a->late = NULL;
}
