/* Finding a server, connecting to its sessions, and what they say. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utlist.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "tmux/tmux_priv.h"

enum {
	LOOK_MIN_MS = 100,
	LOOK_MAX_MS = 30 * 1000, /* the directory is watched, too */
	LOOK_UNWATCHED_MS = 2000,
	LOOK_EVERY_MS = 5000, /* also a sign of life */
	STOPPED_MS = 3000,
	QUIET_MS = 100, /* without a notification, before a connection is made */
	QUIET_MAX_MS = 3000,
	PULSE_MS = 2000,
	DEAF_MS = 8000, /* without an answer, while tmux answers others */
	ANSWER_MAX = 4 * 1024 * 1024,
};

#define CLIENT "\tclient\t" /* between the secret and what follows */

char *
tmux_socket_path(const char *name)
{
	const char *dir = getenv("TMUX_TMPDIR");

	if (name != NULL && strchr(name, '/') != NULL)
		return xstrdup(name);
	return xasprintf("%s/tmux-%u/%s", dir != NULL && *dir != '\0' ? dir : "/tmp",
	    (unsigned)getuid(), name != NULL ? name : "default");
}

bool
tmux_captures_only(const struct tmux *t)
{
	return t->capture_only || (t->version != 0 && t->version < TMUX_VERSION_MIN);
}

/* "3.3a", "next-3.4", "openbsd-7.4"; what has no number is taken for new. */
static unsigned
parse_version(const char *s)
{
	unsigned major, minor;

	s += strcspn(s, "0123456789");
	if (sscanf(s, "%u.%u", &major, &minor) != 2 || minor > 99)
		return 9999;
	return major * 100 + minor;
}

/* Looking. */

static void look_later(struct tmux *t);

/* A client like ours: of a process before this one, and about to go. tmux tells all others then. */
static bool
read_client(const struct tmux *t, const char *line)
{
	size_t n = strlen(t->secret);
	int pid;

	if (strncmp(line, t->secret, n) != 0 || sscanf(line + n, CLIENT "%d", &pid) != 1 ||
	    strstr(line, "control-mode") == NULL || strstr(line, "ignore-size") == NULL ||
	    strstr(line, "pause-after=") == NULL)
		return false;
	tmux_client_end_orphan(pid);
	return true;
}

/* A line of the answer: the secret, version, pid, start, session. Returns whether it is one. */
static bool
read_session(struct tmux *t, char *line, uint32_t *session)
{
	char *fields[5], *at = line;
	uint64_t pid, start, id;

	for (int i = 0; i < 5; i++)
		fields[i] = strsep(&at, "\t");
	if (fields[4] == NULL || strcmp(fields[0], t->secret) != 0 || fields[4][0] != '$' ||
	    str_u64(fields[4] + 1, 0, UINT32_MAX - 1, &id) != 0 ||
	    str_u64(fields[2], 1, INT32_MAX, &pid) != 0)
		return false;
	if (str_u64(fields[3], 0, INT64_MAX, &start) != 0)
		start = 0;
	if ((pid_t)pid != t->pid || (int64_t)start != t->started_s)
		tmux_list_all_gone(t); /* another server */
	t->pid = (pid_t)pid;
	t->started_s = (int64_t)start;
	snprintf(t->version_text, sizeof t->version_text, "%s", fields[1]);
	t->version = parse_version(fields[1]);
	*session = (uint32_t)id;
	return true;
}

static void
on_looked(void *arg, const char *data, size_t len)
{
	struct tmux *t = arg;
	char *text = xstrndup(data != NULL ? data : "", len), *at = text, *line;
	uint32_t session;
	bool any = false;

	t->run = NULL;
	if (t->settling)
		t->noticed = uv_now(t->loop);
	t->settling = false;
	if (data == NULL)
		snprintf(t->message, sizeof t->message, "tmux cannot be run");
	while ((line = strsep(&at, "\n")) != NULL) {
		if (read_client(t, line)) {
			t->settling = true;
			t->noticed = uv_now(t->loop);
		} else if (read_session(t, line, &session)) {
			any = true;
			if (!tmux_captures_only(t))
				tmux_connect(t, session);
		} else if (*line != '\0') {
			snprintf(t->message, sizeof t->message, "%s", line);
		}
	}
	free(text);
	if (any)
		t->message[0] = '\0';
	t->there = any;
	if (any && (tmux_captures_only(t) || t->waits_since != 0))
		t->backoff_ms = LOOK_MIN_MS;
	if (any && tmux_captures_only(t))
		tmux_list(t);
	if (!any)
		tmux_list_all_gone(t);
	if (t->links == NULL)
		look_later(t);
}

static void
on_look(uv_timer_t *timer)
{
	struct tmux *t = timer->data;
	char format[160];
	char client[96];
	const char *const words[] = {
	    "list-clients", "-F", client, ";", "list-sessions", "-F", format, NULL};
	struct stat st;

	if (t->run != NULL || (t->links != NULL))
		return;
	if (stat(t->socket, &st) != 0) {
		t->there = false;
		tmux_list_all_gone(t);
		look_later(t);
		return;
	}
	snprintf(
	    client, sizeof client, "%s" CLIENT "#{client_pid}\t#{client_flags}", t->secret);
	snprintf(format, sizeof format, "%s\t#{version}\t#{pid}\t#{start_time}\t#{session_id}",
	    t->secret);
	t->run = tmux_run(t->loop, t->socket, words, ANSWER_MAX, on_looked, t);
}

void
tmux_look_soon(struct tmux *t)
{
	t->backoff_ms = LOOK_MIN_MS;
	uv_timer_start(&t->look, on_look, 20, 0);
}

static void
on_dir(uv_fs_event_t *h, const char *name, int events, int status)
{
	struct tmux *t = h->data;

	(void)name;
	(void)events;
	(void)status;
	if (t->links == NULL && t->run == NULL)
		tmux_look_soon(t);
}

/* The directory comes with the first server. */
static void
watch_dir(struct tmux *t)
{
	char *dir, *slash;

	if (t->watching)
		return;
	dir = xstrdup(t->socket);
	slash = strrchr(dir, '/');
	if (slash != NULL && slash != dir) {
		*slash = '\0';
		t->watching = uv_fs_event_start(&t->dir, on_dir, dir, 0) == 0;
	}
	free(dir);
}

static void
look_later(struct tmux *t)
{
	unsigned ms = t->backoff_ms, most;

	watch_dir(t);
	most = t->there ? LOOK_EVERY_MS : t->watching ? LOOK_MAX_MS : LOOK_UNWATCHED_MS;
	t->backoff_ms = ms * 2 < most ? ms * 2 : most;
	uv_timer_start(&t->look, on_look, ms < most ? ms : most, 0);
}

/* Connections. */

struct link *
tmux_link(struct tmux *t, uint32_t session)
{
	struct link *l;

	DL_FOREACH (t->links, l)
		if (l->session == session && !l->gone && !l->silent)
			return l;
	return NULL;
}

struct link *
tmux_any_link(struct tmux *t)
{
	struct link *l;

	DL_FOREACH (t->links, l)
		if (!l->gone && !l->silent && tmux_client_ready(l->client))
			return l;
	return NULL;
}

void
tmux_unfollow(struct followed *f)
{
	f->live = f->told = f->pausing = f->held = false;
	buf_release(&f->early);
	buf_init(&f->early, TMUX_EARLY_MAX);
}

static void
drop_link(struct link *l)
{
	struct tmux *t = l->tmux;
	struct followed *f, *next;

	l->gone = true;
	t->noticed = uv_now(t->loop); /* the other clients are told */
	HASH_ITER (hh, t->panes, f, next) {
		if (f->link != l)
			continue;
		f->link = NULL;
		tmux_unfollow(f);
	}
	DL_DELETE(t->links, l);
	tmux_list_unhear(l);
	tmux_client_free(l->client);
	free(l);
	if (t->freed)
		return;
	if (t->links != NULL && t->links->silent && t->links->next == NULL) {
		drop_link(t->links);
		return;
	}
	tmux_list_feed(t);
	if (t->links == NULL)
		tmux_look_soon(t);
	else
		tmux_list(t);
}

static void
on_ready(struct tmux_client *c, void *arg)
{
	struct link *l = arg;
	struct tmux *t = l->tmux;

	(void)c;
	tmux_list(t);
	tmux_list_feed(t);
}

static void
on_output(struct tmux_client *c, uint32_t pane, const char *data, size_t len, void *arg)
{
	struct link *l = arg;
	struct followed *f;

	(void)c;
	HASH_FIND_INT(l->tmux->panes, &pane, f);
	if (f == NULL || f->link != l) {
		tmux_list_hear(l, pane);
		return;
	}
	f->outputs++;
	if (f->live)
		l->tmux->cb.output(l->tmux, &f->pane, data, len, l->tmux->arg);
	else if (f->held)
		tmux_capture_early(f, data, len);
}

/* It was asked to by hush() or a capture, or has thrown away what this client did not read in time. */
static void
on_pause(struct link *l, uint32_t pane)
{
	struct followed *f;
	char command[64];

	HASH_FIND_INT(l->tmux->panes, &pane, f);
	if (f == NULL || f->link != l) {
		tmux_list_hear(l, pane)->paused = true;
		return;
	}
	if (f->pausing)
		return;
	snprintf(command, sizeof command, "refresh-client -A '%%%" PRIu32 ":continue'", pane);
	tmux_client_tell(l->client, command, NULL, NULL);
	f->pauses++;
	if (f->live) {
		tmux_unfollow(f);
		tmux_list_feed(l->tmux);
	}
}

static void
on_notice(struct tmux_client *c, const struct control_notice *n, void *arg)
{
	struct link *l = arg;

	(void)c;
	if (n->kind != CONTROL_PAUSE && n->kind != CONTROL_CONTINUE)
		l->tmux->noticed = uv_now(l->tmux->loop);
	switch (n->kind) {
	case CONTROL_PAUSE:
		on_pause(l, n->pane);
		break;
	case CONTROL_LAYOUT:
		tmux_list_layout(l->tmux, l, n->text);
		tmux_list_layout(l->tmux, l, n->rest);
		tmux_list(l->tmux);
		break;
	case CONTROL_SESSION_CHANGED:
		/* Its session was killed, and tmux moved it to another one: detach-on-destroy off. */
		if (n->session != l->session)
			drop_link(l);
		break;
	case CONTROL_WINDOW_ADD:
	case CONTROL_WINDOW_CLOSE:
	case CONTROL_WINDOW_RENAMED:
	case CONTROL_SESSION_RENAMED:
	case CONTROL_SESSIONS_CHANGED:
		tmux_list(l->tmux);
		break;
	default:
		break;
	}
}

static void
on_gone(struct tmux_client *c, const char *why, void *arg)
{
	struct link *l = arg;

	(void)c;
	log_debug("tmux", "%s: session %" PRIu32 ": %s", l->tmux->socket, l->session,
	    *why != '\0' ? why : "closed");
	if (*why != '\0')
		snprintf(l->tmux->message, sizeof l->tmux->message, "%s", why);
	drop_link(l);
}

/*
 * One after the other, while nothing else happens: tmux up to 3.6 crashes when it has a notification
 * for a control client that it knows of, but which has not said all yet.
 */
static bool
may_connect(struct tmux *t)
{
	uint64_t now = uv_now(t->loop);
	bool quiet = t->noticed == 0 || now >= t->noticed + QUIET_MS ||
		     (t->waits_since != 0 && now >= t->waits_since + QUIET_MAX_MS);
	struct link *l;

	DL_FOREACH (t->links, l)
		quiet &= tmux_client_ready(l->client);
	t->unconnected |= !quiet;
	if (quiet)
		t->waits_since = 0;
	else if (t->waits_since == 0)
		t->waits_since = now;
	return quiet;
}

static void
make_link(struct tmux *t, uint32_t session, bool silent)
{
	static const struct tmux_client_callbacks cb = {
	    on_ready, on_output, on_notice, on_gone};
	struct link *l = xcalloc(1, sizeof *l);
	int rc;

	l->tmux = t;
	l->session = session;
	l->silent = silent;
	rc = tmux_client_new(t->loop, t->socket, session, silent, &cb, l, &l->client);
	if (rc != 0) {
		snprintf(
		    t->message, sizeof t->message, "tmux cannot be run: %s", strerror(-rc));
		free(l);
		return;
	}
	DL_APPEND(t->links, l);
}

void
tmux_connect(struct tmux *t, uint32_t session)
{
	if (tmux_link(t, session) != NULL)
		return;
	if (may_connect(t))
		make_link(t, session, false);
}

/*
 * When none of a server's clients takes more output, tmux reads no pane, and the programs wait. So
 * they would for this process, should it be stopped, while no other client is there. One that wants
 * no output always counts as taking more; the others are paused in time.
 */
void
tmux_connect_silent(struct tmux *t)
{
	struct link *l;

	DL_FOREACH (t->links, l)
		if (l->silent)
			return;
	l = tmux_any_link(t);
	if (l != NULL && !t->unconnected && may_connect(t))
		make_link(t, l->session, true);
}

/*
 * tmux (3.3a at least) can come to never answer a client any more whose output it had to throw
 * away for long. When it answers a command by itself meanwhile, the connection is made anew.
 */

static struct link *
deaf_link(struct tmux *t)
{
	struct link *l;

	DL_FOREACH (t->links, l) {
		uint64_t since = tmux_client_waiting(l->client);

		if (since != 0 && uv_now(t->loop) > since + DEAF_MS)
			return l;
	}
	return NULL;
}

static void
on_probed(void *arg, const char *data, size_t len)
{
	struct tmux *t = arg;
	struct link *l = deaf_link(t);

	t->probe = NULL;
	if (l == NULL || len == 0 || data == NULL ||
	    strncmp(data, t->secret, strlen(t->secret)) != 0)
		return;
	log_warn("tmux", "%s: session %" PRIu32 " does not answer: connecting anew", t->socket,
	    l->session);
	t->listing = false; /* if the answer was to come from there */
	drop_link(l);
}

static void
on_pulse(uv_timer_t *timer)
{
	struct tmux *t = timer->data;
	const char *const words[] = {"display-message", "-p", t->secret, NULL};

	if (t->probe == NULL && deaf_link(t) != NULL)
		t->probe = tmux_run(t->loop, t->socket, words, ANSWER_MAX, on_probed, t);
}

/* Coming and going. */

static void
on_closed(uv_handle_t *h)
{
	struct tmux *t = h->data;

	if (--t->handles != 0)
		return;
	free(t->socket);
	free(t);
}

struct tmux *
tmux_new(uv_loop_t *loop, const char *socket, bool capture_only,
    const struct tmux_callbacks *cb, void *arg)
{
	struct tmux *t = xcalloc(1, sizeof *t);
	unsigned char random[12] = {0};

	t->loop = loop;
	t->socket = xstrdup(socket);
	t->capture_only = capture_only;
	t->cb = *cb;
	t->arg = arg;
	if (os_random(random, sizeof random) != 0)
		log_warn("tmux", "no random numbers");
	str_hex(random, sizeof random, t->secret);
	uv_timer_init(loop, &t->look);
	uv_timer_init(loop, &t->list);
	uv_timer_init(loop, &t->capture_timer);
	uv_timer_init(loop, &t->pulse);
	uv_fs_event_init(loop, &t->dir);
	t->look.data = t->list.data = t->capture_timer.data = t->dir.data = t->pulse.data = t;
	t->handles = 5;
	t->backoff_ms = LOOK_MIN_MS;
	t->settling = true;
	uv_timer_start(&t->look, on_look, 0, 0);
	uv_timer_start(&t->pulse, on_pulse, PULSE_MS, PULSE_MS);
	return t;
}

void
tmux_free(struct tmux *t)
{
	if (t == NULL || t->freed)
		return;
	t->freed = true;
	tmux_captures_cancel(t);
	tmux_run_cancel(t->run);
	tmux_run_cancel(t->probe);
	while (t->links != NULL)
		drop_link(t->links);
	tmux_list_all_gone(t);
	uv_close((uv_handle_t *)&t->look, on_closed);
	uv_close((uv_handle_t *)&t->list, on_closed);
	uv_close((uv_handle_t *)&t->capture_timer, on_closed);
	uv_close((uv_handle_t *)&t->dir, on_closed);
	uv_close((uv_handle_t *)&t->pulse, on_closed);
}

bool
tmux_reaped(struct tmux *t, pid_t pid)
{
	struct link *l;

	if (tmux_captures_reaped(t, pid))
		return true;
	if (t->run != NULL && tmux_run_pid(t->run) == pid) {
		tmux_run_reaped(t->run);
		return true;
	}
	if (t->probe != NULL && tmux_run_pid(t->probe) == pid) {
		tmux_run_reaped(t->probe);
		return true;
	}
	DL_FOREACH (t->links, l) {
		if (tmux_client_pid(l->client) == pid) {
			tmux_client_reaped(l->client);
			return true;
		}
	}
	return false;
}

/* What it is. */

static bool
is_stopped(struct tmux *t)
{
	struct link *l;

	DL_FOREACH (t->links, l) {
		uint64_t since = tmux_client_waiting(l->client);

		if (since != 0 && uv_now(t->loop) > since + STOPPED_MS)
			return true;
	}
	return false;
}

void
tmux_status(struct tmux *t, struct tmux_status *out)
{
	const struct link *l;

	*out = (struct tmux_status){.socket = t->socket,
	    .panes = HASH_COUNT(t->panes),
	    .message = t->message,
	    .pid = t->pid,
	    .started_s = t->started_s};
	snprintf(out->version, sizeof out->version, "%s", t->version_text);
	DL_FOREACH (t->links, l)
		out->sessions += !l->silent;
	out->too_old = t->version != 0 && t->version < TMUX_VERSION_MIN;
	if (is_stopped(t))
		out->state = TMUX_STOPPED;
	else if (t->links != NULL)
		out->state = tmux_any_link(t) != NULL ? TMUX_CONNECTED : TMUX_LOOKING;
	else if (t->there && tmux_captures_only(t))
		out->state = TMUX_CAPTURE;
	else
		out->state = t->there ? TMUX_LOOKING : TMUX_ABSENT;
}

const char *
tmux_state_name(enum tmux_state state)
{
	static const char *const names[] = {
	    "absent", "looking", "connected", "capture", "stopped"};

	return names[state];
}

const struct tmux_pane *
tmux_find(struct tmux *t, uint32_t pane)
{
	struct followed *f;

	HASH_FIND_INT(t->panes, &pane, f);
	return f != NULL ? &f->pane : NULL;
}

void
tmux_set_user(struct tmux *t, uint32_t pane, void *user)
{
	struct followed *f;

	HASH_FIND_INT(t->panes, &pane, f);
	if (f != NULL)
		f->pane.user = user;
}

/* Commands. */

static struct tmux_client *
client_for(struct tmux *t, uint32_t pane)
{
	struct followed *f = NULL;
	struct link *l;

	if (pane != CONTROL_NONE)
		HASH_FIND_INT(t->panes, &pane, f);
	l = f != NULL ? f->link : NULL;
	if (l == NULL || !tmux_client_ready(l->client))
		l = tmux_any_link(t);
	return l != NULL ? l->client : NULL;
}

int
tmux_tell(struct tmux *t, uint32_t pane, const char *commands, tmux_answer_cb *cb, void *arg)
{
	struct tmux_client *c = client_for(t, pane);

	if (c == NULL)
		return -ENOTCONN;
	tmux_client_tell(c, commands, cb, arg);
	return 0;
}

int
tmux_ask(struct tmux *t, uint32_t pane, const char *const *commands, size_t n,
    tmux_answer_cb *cb, void *arg)
{
	struct tmux_client *c = client_for(t, pane);

	if (c == NULL)
		return -ENOTCONN;
	tmux_client_ask(c, commands, n, cb, arg);
	return 0;
}
