/* Which servers are followed, and the entries of their panes. */
#include "config.h"

#include "app/mux.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/archiver.h"
#include "app/mux_priv.h"
#include "app/watch.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "pane/record.h"
#include "proto/json.h"
#include "store/archive.h"

enum {
	START_MS = 20,       /* between looks at whether the archive is ready */
	START_MAX_MS = 3000, /* and then it has to do without */
	LOST_MS = 10 * 1000, /* a restored pane whose server is not there */
	PREFIX_NAME = 24,
};

/* The entry's part. */

struct mux_pane *
mux_ref(struct mux_pane *m)
{
	m->refs++;
	return m;
}

void
mux_unref(struct mux_pane *m)
{
	if (--m->refs != 0)
		return;
	mux_past_free(m->past);
	seed_free(m->preview);
	free(m);
}

void
mux_entry_gone(struct entry *e)
{
	struct mux_pane *m = e->mux;

	if (m == NULL)
		return;
	mux_feed_drop(m);
	mux_tell_waiters(m);
	if (pane_state(e->pane) == PANE_EXITED && !e->app->closed)
		watches_pane_gone(e->app, pane_id(e->pane));
	if (m->server->tmux != NULL)
		tmux_set_user(m->server->tmux, m->id, NULL);
	m->entry = NULL;
	e->mux = NULL;
	mux_unref(m);
}

const struct tmux_pane *
mux_pane(const struct entry *e)
{
	const struct mux_pane *m = e->mux;

	return m != NULL && m->server->tmux != NULL ? tmux_find(m->server->tmux, m->id) : NULL;
}

bool
mux_catching_up(const struct entry *e)
{
	return e->mux != NULL && (!e->mux->shown || e->mux->fed_first);
}

int
mux_capture(struct entry *e, tmux_capture_cb *cb, void *arg)
{
	if (mux_pane(e) == NULL)
		return -ENOTCONN;
	tmux_capture(e->mux->server->tmux, e->mux->id, 0, TMUX_PLAIN, cb, arg);
	return 0;
}

struct seed *
mux_preview(const struct entry *e)
{
	return e->mux != NULL ? e->mux->preview : NULL;
}

bool
mux_captures_only(const struct entry *e)
{
	struct tmux_status st;

	if (mux_pane(e) == NULL)
		return false;
	tmux_status(e->mux->server->tmux, &st);
	return st.state == TMUX_CAPTURE;
}

/* tmux says when a server was started in seconds. */
static struct archive_run
run_of(struct mux_server *s)
{
	struct tmux_status st;

	tmux_status(s->tmux, &st);
	return (struct archive_run){st.started_s * 1000, st.pid};
}

size_t
mux_runs(struct app *a, struct archive_run runs[MUX_SERVERS_MAX])
{
	size_t n = 0;

	for (unsigned i = 0; a->mux != NULL && i < a->mux->n; i++)
		if (a->mux->servers[i].tmux != NULL)
			runs[n++] = run_of(&a->mux->servers[i]);
	return n;
}

static void
attach(struct entry *e, struct mux_server *s, uint32_t id)
{
	struct mux_pane *m = xcalloc(1, sizeof *m);

	m->entry = e;
	m->server = s;
	m->id = id;
	m->refs = 1;
	buf_init(&m->held, BUF_NO_MAX);
	e->archive_run = run_of(s);
	m->shown = ring_end(pane_ring(e->pane)) != 0;
	e->mux = m;
	tmux_set_user(s->tmux, id, m);
}

/* Wishes. */

struct sent {
	struct mux_pane *pane;
	size_t len;
};

static void
on_taken(void *arg, int err, const char *why, const struct seed_part *parts, size_t n)
{
	struct sent *s = arg;
	struct mux_pane *m = s->pane;
	size_t before = m->pending;

	(void)parts;
	(void)n;
	if (err != 0 && err != -ECANCELED)
		log_warn("tmux", "input for %%%" PRIu32 " was not taken: %s", m->id, why);
	m->pending -= s->len;
	if (m->entry != NULL && before > PANE_INPUT_LOW && m->pending <= PANE_INPUT_LOW)
		pane_input_drained(m->entry->pane);
	mux_unref(m);
	free(s);
}

static int
remote_input(struct pane *p, const void *data, size_t len, void *arg)
{
	struct mux_pane *m = ((struct entry *)arg)->mux;
	struct sent *s;
	int rc;

	(void)p;
	if (len == 0)
		return 0;
	if (m == NULL || m->server->tmux == NULL)
		return -EPIPE;
	if (len > PANE_INPUT_MAX - m->pending)
		return -ENOBUFS;
	s = xcalloc(1, sizeof *s);
	s->pane = mux_ref(m);
	s->len = len;
	m->pending += len;
	rc = tmux_input(m->server->tmux, m->id, data, len, on_taken, s);
	if (rc != 0) {
		m->pending -= len;
		mux_unref(m);
		free(s);
		return -EPIPE;
	}
	return 0;
}

static size_t
remote_pending(const struct pane *p, void *arg)
{
	const struct mux_pane *m = ((const struct entry *)arg)->mux;

	(void)p;
	return m != NULL ? m->pending : 0;
}

/*
 * A viewer's size is that of one more client, which tmux heeds only while nobody else looks at the
 * session: this client has the flag ignore-size. Of a window with more panes, it stays as it is.
 */
static int
remote_resize(struct pane *p, unsigned cols, unsigned rows, void *arg)
{
	struct mux_pane *m = ((struct entry *)arg)->mux;
	const struct tmux_pane *t = mux_pane(arg);
	char command[96];

	(void)p;
	if (t == NULL || t->window_panes != 1 ||
	    (m->asked_cols == cols && m->asked_rows == rows))
		return 0;
	m->asked_cols = cols;
	m->asked_rows = rows;
	snprintf(command, sizeof command, "refresh-client -C @%" PRIu32 ":%ux%u", t->window,
	    cols, rows);
	tmux_tell(m->server->tmux, m->id, command, NULL, NULL);
	return 0;
}

static void
remote_end(struct pane *p, void *arg)
{
	struct mux_pane *m = ((struct entry *)arg)->mux;
	char command[48];

	(void)p;
	if (m == NULL || m->server->tmux == NULL)
		return;
	snprintf(command, sizeof command, "kill-pane -t %%%" PRIu32, m->id);
	tmux_tell(m->server->tmux, m->id, command, NULL, NULL);
}

const struct pane_remote mux_remote = {remote_input, remote_pending, remote_resize, remote_end};

/* Panes that come. */

static char *
origin(struct mux_server *s, uint32_t id)
{
	struct tmux_status st;

	tmux_status(s->tmux, &st);
	return xasprintf(
	    "tmux %" PRIu32 " %d %lld %s", id, (int)st.pid, (long long)st.started_s, s->socket);
}

struct archive_run
mux_origin_run(const char *text)
{
	long long started = 0;
	int pid = 0;

	if (sscanf(text, "tmux %*u %d %lld", &pid, &started) != 2)
		started = pid = 0;
	return (struct archive_run){started * 1000, pid};
}

/* One that a worker before this one had. */
static struct entry *
find_restored(struct app *a, const char *from)
{
	struct entry *e;

	DL_FOREACH (a->entries, e) {
		if (e->mux == NULL && e->job == NULL && e->pane != NULL &&
		    pane_is_remote(e->pane) && pane_state(e->pane) != PANE_EXITED &&
		    strcmp(pane_origin(e->pane), from) == 0)
			return e;
	}
	return NULL;
}

/* tmux quotes a command of one word. */
static char *
shown_command(const struct tmux_pane *info)
{
	const char *s = *info->start_command != '\0' ? info->start_command : info->command;
	size_t n = strlen(s), len = 0;
	char *out;

	if (n < 2 || s[0] != '"' || s[n - 1] != '"')
		return xstrdup(s);
	out = xmalloc(n);
	for (size_t i = 1; i + 1 < n; i++) {
		if (s[i] == '\\' && i + 2 < n)
			i++;
		out[len++] = s[i];
	}
	out[len] = '\0';
	return out;
}

static struct entry *
create(struct mux_server *s, const struct tmux_pane *info, const char *from)
{
	struct app *a = s->app;
	char *id = xasprintf("%s%%%" PRIu32, s->prefix, info->id), *cause = NULL;
	char *command = shown_command(info), *argv[] = {command, NULL};
	struct pane_spec spec = {
	    .id = id,
	    .argv = argv,
	    .cwd = info->path,
	    .cols = info->cols,
	    .rows = info->rows,
	    .record = &a->cfg.limits.record,
	    .ring_size = a->cfg.limits.ring_size,
	    .remote = &mux_remote,
	    .origin = from,
	};
	struct entry *e = registry_add(a, NULL);

	if (pane_new(a->loop, &spec, &app_pane_callbacks, e, &e->pane, &cause) != 0) {
		log_error("tmux", "no pane %s: %s", id, cause);
		registry_remove(e);
		e = NULL;
	} else {
		e->number = KEEP_REMOTE | ++a->remote_number;
		worker_born(e);
	}
	free(cause);
	free(command);
	free(id);
	return e;
}

static void
on_appeared(struct tmux *t, const struct tmux_pane *info, void *arg)
{
	struct mux_server *s = arg;
	struct app *a = s->app;
	struct entry *e;
	char *from;

	(void)t;
	if (info->off || a->stopping)
		return;
	from = origin(s, info->id);
	e = find_restored(a, from);
	if (e == NULL && !registry_make_room(a)) {
		if (!a->mux->full)
			log_warn("tmux", "there are %u panes already: some are left out",
			    a->cfg.limits.panes_max);
		a->mux->full = true;
	} else if (e != NULL || (e = create(s, info, from)) != NULL) {
		bool listed = e->listed;

		attach(e, s, info->id);
		pane_set_pid(e->pane, info->pid);
		pane_pause(e->pane, false);
		if (!listed)
			entry_started(e);
		mux_created(e);
	}
	free(from);
}

static void
on_gone(struct tmux *t, const struct tmux_pane *info, void *arg)
{
	struct mux_pane *m = info->user;

	(void)t;
	(void)arg;
	if (m == NULL || m->entry == NULL)
		return;
	mux_feed_drop(m);
	m->entry->remove = true;
	pane_gone(m->entry->pane); /* it and the entry may be freed now */
}

static void
on_changed(struct tmux *t, const struct tmux_pane *info, void *arg)
{
	struct mux_pane *m = info->user;

	if (m == NULL) {
		on_appeared(t, info, arg); /* no longer off */
		if (info->user != NULL)
			mux_behind(info->user);
		return;
	}
	if (info->off) {
		on_gone(t, info, arg);
		return;
	}
	pane_set_pid(m->entry->pane, info->pid);
	mux_created(m->entry);
	if (info->cols == pane_cols(m->entry->pane) && info->rows == pane_rows(m->entry->pane))
		return;
	m->asked_cols = m->asked_rows = 0;
	if (m->seed == NULL && !m->behind)
		pane_resized(m->entry->pane, info->cols, info->rows);
	mux_recapture(m);
}

static void
on_behind(struct tmux *t, const struct tmux_pane *info, void *arg)
{
	(void)t;
	(void)arg;
	if (info->user != NULL)
		mux_behind(info->user);
}

static void
on_output(struct tmux *t, const struct tmux_pane *info, const char *data, size_t len, void *arg)
{
	(void)t;
	(void)arg;
	if (info->user != NULL)
		mux_output(info->user, data, len);
}

/* Servers. */

static char *
make_prefix(const struct mux *x, const char *socket)
{
	char *standard = tmux_socket_path(NULL), name[PREFIX_NAME + 1], *prefix;
	const char *base = strrchr(socket, '/');
	size_t n = 0;

	if (strcmp(standard, socket) == 0) {
		free(standard);
		return xstrdup("t");
	}
	free(standard);
	for (base = base != NULL ? base + 1 : socket; *base != '\0' && n < PREFIX_NAME; base++)
		name[n++] = isalnum((unsigned char)*base) ? *base : '_';
	name[n] = '\0';
	prefix = xasprintf("t-%s", name);
	for (unsigned i = 0; i < x->n; i++) {
		if (strcmp(x->servers[i].prefix, prefix) == 0) {
			free(prefix);
			return xasprintf("t-%s.%u", name, x->n);
		}
	}
	return prefix;
}

static void
add_server(struct app *a, const char *name)
{
	struct mux *x = a->mux;
	char *socket = tmux_socket_path(name);

	for (unsigned i = 0; i < x->n; i++) {
		if (strcmp(x->servers[i].socket, socket) == 0) {
			free(socket);
			return;
		}
	}
	if (x->n == MUX_SERVERS_MAX) {
		log_warn(
		    "tmux", "no more than %d servers: %s is left out", MUX_SERVERS_MAX, socket);
		free(socket);
		return;
	}
	x->servers[x->n] = (struct mux_server){a, NULL, socket, make_prefix(x, socket)};
	x->n++;
}

static void
follow_all(struct app *a)
{
	static const struct tmux_callbacks cb = {
	    on_appeared, on_changed, on_gone, on_behind, on_output};
	bool capture = a->cfg.limits.tmux_mode == MUX_CAPTURE;

	for (unsigned i = 0; i < a->mux->n; i++) {
		struct mux_server *s = &a->mux->servers[i];
		if (s->tmux == NULL)
			s->tmux = tmux_new(a->loop, s->socket, capture, &cb, s);
	}
}

/* Restored panes whose server has not been found. */
static void
drop_lost(struct app *a)
{
	struct entry *e, *next;

	DL_FOREACH_SAFE (a->entries, e, next) {
		if (e->mux != NULL || e->job != NULL || e->pane == NULL ||
		    !pane_is_remote(e->pane) || pane_state(e->pane) == PANE_EXITED)
			continue;
		e->remove = true;
		pane_pause(e->pane, false);
		pane_gone(e->pane);
	}
}

static void
on_lost(uv_timer_t *timer)
{
	drop_lost(timer->data);
}

/* The archive knows the numbers that lines of these panes had before. */
static void
on_start(uv_timer_t *timer)
{
	struct app *a = timer->data;
	struct archive_status st = {.state = ARCHIVE_OFF};
	bool wait;

	if (a->archive != NULL)
		archive_status(a->archive, &st);
	wait = st.state == ARCHIVE_OPENING;
	archive_status_release(&st);
	if (wait && uv_now(a->loop) * 1000 < a->started_us + START_MAX_MS * 1000)
		return;
	a->mux->started = true;
	if (!a->mux->paused)
		follow_all(a);
	uv_timer_start(timer, on_lost, LOST_MS, 0);
}

void
mux_open(struct app *a)
{
	const char *names = a->cfg.limits.tmux_sockets;
	struct mux *x = xcalloc(1, sizeof *x);

	a->mux = x;
	uv_timer_init(a->loop, &x->start);
	uv_idle_init(a->loop, &x->feed);
	x->start.data = x->feed.data = a;
	if (a->cfg.limits.tmux_mode == MUX_OFF) {
		uv_timer_start(&x->start, on_lost, LOST_MS, 0);
		return;
	}
	while (*names != '\0') {
		size_t n = strcspn(names, "\n");
		char *name = xstrndup(names, n);

		if (*name != '\0')
			add_server(a, strcmp(name, "default") != 0 ? name : NULL);
		free(name);
		names += n + (names[n] != '\0');
	}
	uv_timer_start(&x->start, on_start, 0, START_MS);
}

static void
let_go(struct app *a)
{
	for (unsigned i = 0; i < a->mux->n; i++) {
		struct mux_server *s = &a->mux->servers[i];
		struct tmux *t = s->tmux;

		s->tmux = NULL;
		tmux_free(t);
	}
}

void
mux_pause(struct app *a, bool pause)
{
	struct entry *e;

	if (a->mux == NULL || a->mux->paused == pause)
		return;
	a->mux->paused = pause;
	if (pause) {
		let_go(a);
		/* Found again, they are as those that another worker left. */
		DL_FOREACH (a->entries, e)
			mux_entry_gone(e);
	} else if (a->mux->started) {
		follow_all(a);
	}
}

void
mux_close(struct app *a)
{
	struct mux *x = a->mux;

	if (x == NULL)
		return;
	mux_creates_cancel(a);
	let_go(a);
	uv_close((uv_handle_t *)&x->start, NULL);
	uv_close((uv_handle_t *)&x->feed, NULL);
}

void
mux_free(struct app *a)
{
	for (unsigned i = 0; a->mux != NULL && i < a->mux->n; i++) {
		free(a->mux->servers[i].socket);
		free(a->mux->servers[i].prefix);
	}
	free(a->mux);
	a->mux = NULL;
}

bool
mux_reaped(struct app *a, pid_t pid)
{
	for (unsigned i = 0; a->mux != NULL && i < a->mux->n; i++)
		if (a->mux->servers[i].tmux != NULL &&
		    tmux_reaped(a->mux->servers[i].tmux, pid))
			return true;
	return false;
}

char *
mux_id_of(struct app *a, const char *socket, const char *pane)
{
	char *prefix, *id;

	if (a->mux == NULL)
		return NULL;
	for (unsigned i = 0; i < a->mux->n; i++)
		if (strcmp(a->mux->servers[i].socket, socket) == 0)
			return xasprintf("%s%s", a->mux->servers[i].prefix, pane);
	prefix = make_prefix(a->mux, socket);
	id = xasprintf("%s%s", prefix, pane);
	free(prefix);
	return id;
}

/* What is shown. */

/* Until a program sets one, tmux has the host's name there. */
const char *
mux_title(const struct tmux_pane *t)
{
	char host[256] = "";

	gethostname(host, sizeof host - 1);
	return strcmp(t->title, host) != 0 ? t->title : "";
}

void
mux_pane_json(const struct entry *e, cJSON *o)
{
	const struct tmux_pane *t = mux_pane(e);
	cJSON *part;

	if (t == NULL)
		return;
	part = cJSON_AddObjectToObject(o, "tmux");
	json_add_text(part, "session", t->session_name);
	cJSON_AddNumberToObject(part, "window", t->window_index);
	cJSON_AddNumberToObject(part, "pane", t->pane_index);
	json_add_text(part, "window_name", t->window_name);
	json_add_text(part, "socket", e->mux->server->socket);
}

static const char *
limited(const struct tmux_status *st)
{
	if (st->too_old)
		return "older than tmux 3.2: its panes are searched by capture, and not "
		       "followed";
	return st->state == TMUX_STOPPED ? "it does not answer" : st->message;
}

void
mux_json(struct app *a, cJSON *info)
{
	static const char *const modes[] = {"on", "off", "capture"};
	cJSON *o = cJSON_AddObjectToObject(info, "tmux"), *list;

	cJSON_AddStringToObject(o, "mode", modes[a->cfg.limits.tmux_mode]);
	list = cJSON_AddArrayToObject(o, "servers");
	for (unsigned i = 0; i < a->mux->n; i++) {
		const struct mux_server *s = &a->mux->servers[i];
		struct tmux_status st = {.socket = s->socket, .message = ""};
		cJSON *item = json_object();

		if (s->tmux != NULL)
			tmux_status(s->tmux, &st);
		json_add_text(item, "socket", s->socket);
		cJSON_AddStringToObject(item, "prefix", s->prefix);
		cJSON_AddStringToObject(
		    item, "state", st.too_old ? "too_old" : tmux_state_name(st.state));
		json_add_text(item, "version", *st.version != '\0' ? st.version : NULL);
		cJSON_AddNumberToObject(item, "sessions", st.sessions);
		cJSON_AddNumberToObject(item, "panes", st.panes);
		json_add_text(item, "message", *limited(&st) != '\0' ? limited(&st) : NULL);
		cJSON_AddItemToArray(list, item);
	}
}
