/* Small files of the state directory, written on the thread pool, one after the other: they may
 * share a temporary file, and an older text must not replace a newer one. One that could not be
 * written, as on a full disk, is tried again until it can. */
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

enum { AGAIN_MS = 2000 };

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
	if (s->err == -ENOENT && file_make_dirs(s->app->state_dir) == 0)
		s->err = file_replace(s->path, s->text, strlen(s->text));
}

static void save_done(uv_work_t *w, int status);
static void add(struct app *a, const char *path, char *(*dump)(struct app *),
    void (*done)(int err, void *), void *arg);

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
free_save(struct save *s)
{
	free(s->path);
	free(s->text);
	free(s);
}

static struct save *
find_unsaved(struct app *a, const char *path)
{
	struct save *s;

	DL_FOREACH (a->unsaved, s)
		if (strcmp(s->path, path) == 0)
			break;
	return s;
}

static void
on_again(uv_timer_t *t)
{
	struct app *a = t->data;
	struct save *s, *next;

	DL_FOREACH_SAFE (a->unsaved, s, next)
		add(a, s->path, s->dump, NULL, NULL);
}

/* What is not written is said once, and its place kept until it is. */
static void
note(struct save *s)
{
	struct app *a = s->app;
	struct save *before = find_unsaved(a, s->path), *kept;

	if (s->err == 0 && before != NULL) {
		log_info("app", "%s can be written again", s->path);
		DL_DELETE(a->unsaved, before);
		free_save(before);
	}
	if (s->err == 0)
		return;
	if (before == NULL)
		log_error("app", "cannot write %s: %s", s->path, strerror(-s->err));
	if (a->closed)
		return;
	if (before == NULL) {
		kept = xcalloc(1, sizeof *kept);
		kept->path = xstrdup(s->path);
		kept->dump = s->dump;
		DL_APPEND(a->unsaved, kept);
	}
	uv_timer_start(&a->save_again, on_again, AGAIN_MS, 0);
}

static void
save_done(uv_work_t *w, int status)
{
	struct save *s = w->data;

	DL_DELETE(s->app->saves, s);
	save_first(s->app);
	if (status != 0)
		s->err = status;
	note(s);
	if (s->done != NULL)
		s->done(s->err, s->arg);
	free_save(s);
}

static void
add(struct app *a, const char *path, char *(*dump)(struct app *), void (*done)(int err, void *),
    void *arg)
{
	struct save *s = xcalloc(1, sizeof *s);

	s->app = a;
	s->path = xstrdup(path);
	s->dump = dump;
	s->done = done;
	s->arg = arg;
	s->work.data = s;
	DL_APPEND(a->saves, s);
	if (a->saves == s)
		save_first(a);
}

void
saves_open(struct app *a)
{
	uv_timer_init(a->loop, &a->save_again);
	a->save_again.data = a;
}

void
saves_close(struct app *a)
{
	struct save *s, *next;

	DL_FOREACH_SAFE (a->unsaved, s, next)
		free_save(s);
	a->unsaved = NULL;
	uv_close((uv_handle_t *)&a->save_again, NULL);
}

void
saves_add(struct app *a, const char *name, char *(*dump)(struct app *),
    void (*done)(int err, void *), void *arg)
{
	char *path = xasprintf("%s/%s", a->state_dir, name);

	add(a, path, dump, done, arg);
	free(path);
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
	} else if (n->json == NULL) {
		http_reply(n->req, n->status, NULL, NULL, 0);
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
