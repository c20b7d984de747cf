/* Which panes there are, and who feeds them. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/str.h"
#include "base/xmalloc.h"
#include "term/term.h"
#include "tmux/tmux_priv.h"

enum {
	LIST_MS = 10,
	LIST_EVERY_MS = 2000, /* of options nothing else tells */
	LIST_UNCONNECTED_MS = 100,
	FIELDS = 20,
	ANSWER_MAX = 16 * 1024 * 1024,
	TEXT_MAX = 4096, /* bytes of a field */
};

/* Behind the secret. Text that people and programs choose comes last. */
static const char list_format[] =
    "#{session_id}\t#{window_id}\t#{pane_id}\t#{window_index}\t#{pane_index}\t#{window_panes}\t"
    "#{pane_width}\t#{pane_height}\t#{pane_pid}\t#{pane_dead}\t#{alternate_on}\t"
    "#{pane-border-status}\t#{@panescry}\t#{session_name}\t#{window_name}\t#{@panescry-name}\t"
    "#{pane_current_command}\t#{pane_title}\t#{pane_current_path}\t#{pane_start_command}";

enum field {
	F_SESSION,
	F_WINDOW,
	F_PANE,
	F_WINDOW_INDEX,
	F_PANE_INDEX,
	F_WINDOW_PANES,
	F_COLS,
	F_ROWS,
	F_PID,
	F_DEAD,
	F_ALTERNATE,
	F_BORDER,
	F_OFF,
	F_SESSION_NAME,
	F_WINDOW_NAME,
	F_NAME,
	F_COMMAND,
	F_TITLE,
	F_PATH,
	F_START_COMMAND,
};

static void
release(struct tmux_pane *p)
{
	free(p->session_name);
	free(p->window_name);
	free(p->name);
	free(p->title);
	free(p->command);
	free(p->path);
	free(p->start_command);
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool
same(const struct tmux_pane *a, const struct tmux_pane *b)
{
	return a->window == b->window && a->session == b->session &&
	       a->window_index == b->window_index && a->pane_index == b->pane_index &&
	       a->window_panes == b->window_panes && a->cols == b->cols && a->rows == b->rows &&
	       a->pid == b->pid && a->dead == b->dead && a->off == b->off &&
	       same_text(a->session_name, b->session_name) &&
	       same_text(a->window_name, b->window_name) && same_text(a->name, b->name) &&
	       same_text(a->title, b->title) && same_text(a->command, b->command) &&
	       same_text(a->path, b->path);
}

static bool
number(const char *s, uint64_t max, uint64_t *out)
{
	return str_u64(s, 0, max, out) == 0;
}

static bool
id(const char *s, char kind, uint32_t *out)
{
	uint64_t n;

	if (s[0] != kind || !number(s + 1, UINT32_MAX - 1, &n))
		return false;
	*out = (uint32_t)n;
	return true;
}

static char *
text(const char *s)
{
	return xstrndup(s, TEXT_MAX);
}

/* Sizes beyond what a terminal here can be are cut: tmux has windows of up to 10,000 columns. */
static bool
read_numbers(char *const f[FIELDS], struct tmux_pane *p)
{
	uint64_t window, pane, panes, cols, rows, pid;

	if (!id(f[F_SESSION], '$', &p->session) || !id(f[F_WINDOW], '@', &p->window) ||
	    !id(f[F_PANE], '%', &p->id) || !number(f[F_WINDOW_INDEX], INT32_MAX, &window) ||
	    !number(f[F_PANE_INDEX], INT32_MAX, &pane) ||
	    !number(f[F_WINDOW_PANES], INT32_MAX, &panes) ||
	    !number(f[F_COLS], INT32_MAX, &cols) || !number(f[F_ROWS], INT32_MAX, &rows))
		return false;
	p->window_index = (unsigned)window;
	p->pane_index = (unsigned)pane;
	p->window_panes = (unsigned)panes;
	p->cols = cols < 1 ? 1 : cols > TERM_SIZE_MAX ? TERM_SIZE_MAX : (unsigned)cols;
	p->rows = rows < 1 ? 1 : rows > TERM_SIZE_MAX ? TERM_SIZE_MAX : (unsigned)rows;
	p->pid = number(f[F_PID], INT32_MAX, &pid) ? (pid_t)pid : 0;
	p->dead = strcmp(f[F_DEAD], "1") == 0;
	p->alternate = strcmp(f[F_ALTERNATE], "1") == 0;
	p->off = strcmp(f[F_OFF], "off") == 0;
	return true;
}

/* A line of the list; it is taken apart. */
static bool
read_pane(const struct tmux *t, char *line, struct tmux_pane *p, bool *bordered)
{
	char *f[FIELDS], *secret = strsep(&line, "\t");

	for (int i = 0; i < FIELDS; i++) {
		f[i] = i < FIELDS - 1 ? strsep(&line, "\t") : line;
		if (f[i] == NULL)
			return false;
	}
	*p = (struct tmux_pane){0};
	if (strcmp(secret, t->secret) != 0 || !read_numbers(f, p))
		return false;
	*bordered = strcmp(f[F_BORDER], "off") != 0 && *f[F_BORDER] != '\0';
	p->session_name = text(f[F_SESSION_NAME]);
	p->window_name = text(f[F_WINDOW_NAME]);
	p->name = text(f[F_NAME]);
	p->command = text(f[F_COMMAND]);
	p->title = text(f[F_TITLE]);
	p->path = text(f[F_PATH]);
	p->start_command = text(f[F_START_COMMAND]);
	return true;
}

static bool
ready(struct tmux *t, uint32_t session)
{
	const struct link *l = tmux_link(t, session);

	return l != NULL && tmux_client_ready(l->client);
}

/* Of the sessions that a pane's window is linked into, the one that feeds it is kept; otherwise one
 * that can. */
static bool
is_better(struct tmux *t, struct followed *f, uint32_t session)
{
	bool feeds = f->link != NULL && f->link->session == session;

	if (!f->listed) {
		f->kept = feeds;
		return true;
	}
	if (f->kept || (!feeds && (ready(t, f->pane.session) || !ready(t, session))))
		return false;
	f->kept = feeds;
	return true;
}

static void
take_pane(struct tmux *t, struct tmux_pane *take, bool bordered)
{
	struct followed *f;

	HASH_FIND_INT(t->panes, &take->id, f);
	if (f == NULL) {
		f = xcalloc(1, sizeof *f);
		f->pane.id = take->id;
		f->fresh = true;
		buf_init(&f->early, TMUX_EARLY_MAX);
		HASH_ADD_INT(t->panes, pane.id, f);
	}
	if (is_better(t, f, take->session)) {
		f->changed |= !same(&f->pane, take);
		take->user = f->pane.user;
		release(&f->pane);
		f->pane = *take;
	} else {
		release(take);
	}
	f->bordered = bordered;
	f->listed = true;
}

static void
remove_pane(struct tmux *t, struct followed *f)
{
	HASH_DEL(t->panes, f);
	if (!f->fresh && !t->freed)
		t->cb.gone(t, &f->pane, t->arg);
	release(&f->pane);
	buf_release(&f->early);
	free(f);
}

static void
tell(struct tmux *t)
{
	struct followed *f, *next;

	HASH_ITER (hh, t->panes, f, next) {
		if (!f->listed)
			remove_pane(t, f);
	}
	HASH_ITER (hh, t->panes, f, next) {
		bool fresh = f->fresh, changed = f->changed;

		f->listed = f->fresh = f->changed = false;
		if (fresh)
			t->cb.appeared(t, &f->pane, t->arg);
		else if (changed)
			t->cb.changed(t, &f->pane, t->arg);
	}
}

/* Connections that a pane is not fed by. */

struct heard *
tmux_list_hear(struct link *l, uint32_t pane)
{
	struct heard *h;

	HASH_FIND_INT(l->heard, &pane, h);
	if (h == NULL) {
		h = xcalloc(1, sizeof *h);
		h->pane = pane;
		HASH_ADD_INT(l->heard, pane, h);
	}
	return h;
}

void
tmux_list_unhear(struct link *l)
{
	struct heard *h, *next;

	HASH_ITER (hh, l->heard, h, next) {
		HASH_DEL(l->heard, h);
		free(h);
	}
}

/*
 * Each pane is paused on all connections but the one that feeds it: also those whose session it
 * has left. For them tmux up to 3.3 would keep all that the pane prints from then on, without
 * bound, and crash when it is respawned.
 */
static void
hush(struct tmux *t, struct link *l)
{
	struct heard *h, *next;
	struct followed *f;
	char command[64];
	bool pause;

	HASH_ITER (hh, l->heard, h, next) {
		HASH_FIND_INT(t->panes, &h->pane, f);
		pause = f != NULL && f->link != l;
		if (f == NULL || pause == h->paused)
			continue;
		h->paused = pause;
		snprintf(command, sizeof command, "refresh-client -A '%%%" PRIu32 ":%s'",
		    h->pane, pause ? "pause" : "continue");
		tmux_client_tell(l->client, command, NULL, NULL);
	}
}

static void
forget_gone(struct tmux *t, struct link *l)
{
	struct heard *h, *next;
	struct followed *f;

	HASH_ITER (hh, l->heard, h, next) {
		HASH_FIND_INT(t->panes, &h->pane, f);
		if (f != NULL)
			continue;
		HASH_DEL(l->heard, h);
		free(h);
	}
}

bool
tmux_list_read(struct tmux *t, const char *data, size_t len)
{
	char *copy = xstrndup(data, len), *at = copy, *line;
	struct tmux_pane p;
	struct link *l;
	bool any = false, bordered;

	t->unconnected = false;
	while ((line = strsep(&at, "\n")) != NULL) {
		if (!read_pane(t, line, &p, &bordered))
			continue;
		any = true;
		if (!tmux_captures_only(t))
			tmux_connect(t, p.session);
		if ((l = tmux_link(t, p.session)) != NULL)
			tmux_list_hear(l, p.id);
		take_pane(t, &p, bordered);
	}
	free(copy);
	if (!any)
		return false;
	tell(t);
	DL_FOREACH (t->links, l)
		forget_gone(t, l);
	tmux_list_feed(t);
	tmux_connect_silent(t);
	return true;
}

void
tmux_list_feed(struct tmux *t)
{
	struct followed *f, *next;
	struct link *l;

	HASH_ITER (hh, t->panes, f, next) {
		l = tmux_link(t, f->pane.session);
		if (f->link == l)
			continue;
		f->link = l;
		tmux_unfollow(f);
	}
	DL_FOREACH (t->links, l)
		if (tmux_client_ready(l->client))
			hush(t, l);
	HASH_ITER (hh, t->panes, f, next) {
		l = f->link;
		if (l == NULL || !tmux_client_ready(l->client) || f->told || f->fresh)
			continue;
		f->told = true;
		t->cb.behind(t, &f->pane, t->arg);
	}
}

void
tmux_list_all_gone(struct tmux *t)
{
	struct followed *f, *next;

	HASH_ITER (hh, t->panes, f, next)
		remove_pane(t, f);
}

void
tmux_list_layout(struct tmux *t, struct link *l, const char *layout)
{
	static struct control_cell cells[CONTROL_CELLS_MAX];
	int n = control_layout(layout, cells, CONTROL_CELLS_MAX);

	for (int i = 0; i < n; i++) {
		struct followed *f;
		unsigned cols = cells[i].cols, rows = cells[i].rows;

		HASH_FIND_INT(t->panes, &cells[i].pane, f);
		if (f == NULL || f->link != l || f->bordered || cols > TERM_SIZE_MAX ||
		    rows > TERM_SIZE_MAX || (f->pane.cols == cols && f->pane.rows == rows))
			continue;
		f->pane.cols = cols;
		f->pane.rows = rows;
		t->cb.changed(t, &f->pane, t->arg);
	}
}

/* Asking. */

static void on_list(uv_timer_t *timer);

static void
listed(struct tmux *t, const char *data, size_t len)
{
	bool any = data != NULL && tmux_list_read(t, data, len);

	t->listing = false;
	if (tmux_captures_only(t) && !any)
		tmux_look_soon(t);
	else if (tmux_captures_only(t) || t->links != NULL)
		uv_timer_start(&t->list, on_list,
		    t->list_again    ? LIST_MS
		    : t->unconnected ? LIST_UNCONNECTED_MS
				     : LIST_EVERY_MS,
		    0);
	t->list_again = false;
}

static void
on_answer(void *arg, int err, const char *why, const struct seed_part *parts, size_t n)
{
	struct tmux *t = arg;

	(void)why;
	if (t->freed)
		return;
	listed(t, err == 0 && n == 1 ? parts->data : NULL, n == 1 ? parts->len : 0);
}

static void
on_run(void *arg, const char *data, size_t len)
{
	struct tmux *t = arg;

	t->run = NULL;
	listed(t, data, len);
}

static void
ask(struct tmux *t, struct tmux_client *c, const char *format)
{
	char *command = xasprintf("list-panes -a -F \"%s\"", format);
	const char *const words[] = {"list-panes", "-a", "-F", format, NULL};

	t->listing = true;
	if (c != NULL) {
		const char *list[] = {command};
		tmux_client_ask(c, list, 1, on_answer, t);
	} else {
		t->run = tmux_run(t->loop, t->socket, words, ANSWER_MAX, on_run, t);
	}
	free(command);
}

static void
on_list(uv_timer_t *timer)
{
	struct tmux *t = timer->data;
	struct link *l = tmux_any_link(t);
	char *format;

	if (t->listing) {
		t->list_again = true;
		return;
	}
	if (l == NULL && (!tmux_captures_only(t) || t->run != NULL))
		return;
	format = xasprintf("%s\t%s", t->secret, list_format);
	ask(t, l != NULL ? l->client : NULL, format);
	free(format);
}

void
tmux_list(struct tmux *t)
{
	if (t->listing)
		t->list_again = true;
	else if (!uv_is_active((uv_handle_t *)&t->list) ||
		 uv_timer_get_due_in(&t->list) > LIST_MS)
		uv_timer_start(&t->list, on_list, LIST_MS, 0);
}
