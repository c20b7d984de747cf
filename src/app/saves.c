/* Small files of the state directory, written on the thread pool, one after the other: they may
 * share a temporary file, and an older text must not replace a newer one. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/xmalloc.h"

struct save {
	struct save *prev, *next;
	uv_work_t work;
	struct app *app;
	char *path, *text;
	char *(*dump)(struct app *);
	int err;
	void (*done)(int err, void *);
	void *arg;
};

static void
save_work(uv_work_t *w)
{
	struct save *s = w->data;

	s->err = file_replace(s->path, s->text, strlen(s->text));
}

static void save_done(uv_work_t *w, int status);

static void
save_first(struct app *a)
{
	struct save *s = a->saves;

	if (s == NULL)
		return;
	s->text = s->dump(a);
	uv_queue_work(a->loop, &s->work, save_work, save_done);
}

static void
save_done(uv_work_t *w, int status)
{
	struct save *s = w->data;

	DL_DELETE(s->app->saves, s);
	save_first(s->app);
	if (status != 0)
		s->err = status;
	if (s->err != 0)
		log_error("app", "cannot write %s: %s", s->path, strerror(-s->err));
	if (s->done != NULL)
		s->done(s->err, s->arg);
	free(s->path);
	free(s->text);
	free(s);
}

void
saves_add(struct app *a, const char *name, char *(*dump)(struct app *),
    void (*done)(int err, void *), void *arg)
{
	struct save *s = xcalloc(1, sizeof *s);

	s->app = a;
	s->path = xasprintf("%s/%s", a->state_dir, name);
	s->dump = dump;
	s->done = done;
	s->arg = arg;
	s->work.data = s;
	DL_APPEND(a->saves, s);
	if (a->saves == s)
		save_first(a);
}

/* A request whose answer waits until the file is written. */
struct answer {
	struct http_req *req; /* NULL: the client has gone */
	int status;
	cJSON *json;
};

static void
asker_gone(void *arg)
{
	((struct answer *)arg)->req = NULL;
}

static void
answer(int err, void *arg)
{
	struct answer *n = arg;

	if (n->req == NULL) {
		cJSON_Delete(n->json);
	} else if (err != 0) {
		cJSON_Delete(n->json);
		http_reply_error(
		    n->req, 500, "not_saved", "it could not be saved: %s", strerror(-err));
	} else {
		http_reply_json_take(n->req, n->status, n->json);
	}
	free(n);
}

void
saves_answer(struct app *a, const char *name, char *(*dump)(struct app *), struct http_req *r,
    int status, cJSON *take)
{
	struct answer *n = xcalloc(1, sizeof *n);

	*n = (struct answer){r, status, take};
	http_on_gone(r, asker_gone, n);
	saves_add(a, name, dump, answer, n);
}

void
saves_set_aside(const char *path, const char *outcome)
{
	char iso[CLOCK_ISO_LEN], *to;

	clock_iso(clock_wall_ms(), iso);
	to = xasprintf("%s.damaged-%s", path, iso);
	if (rename(path, to) != 0)
		log_warn("app", "%s is damaged, and stays: %s", path, strerror(errno));
	else
		log_warn("app", "%s is damaged, and is now %s: %s", path, to, outcome);
	free(to);
}
