/*
 * Captures: a few at a time, each tried again until it shows one moment of one screen.
 *
 * Of a pane that is followed, what comes behind the capture has to go on where it ends. But tmux (up to
 * 3.8 at least) sends what a pane prints after a command before the command's answer when another
 * pane's output is in the way, even in one message with what it printed before. So a capture counts
 * only when nothing came of the pane since it was asked for. Otherwise, and when it will be long, the
 * pane is paused first, which makes tmux forget what it has not sent; the capture's command list
 * ends with its continuation. Whatever comes once the pause has been answered follows the capture.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "tmux/tmux_priv.h"

enum {
	RUNNING_MAX = 4,
	TRIES_MAX = 50, /* of a pane that changes its screen, or updates it */
	TRIES_TRY = 10, /* of one that may be done without */
	TRIES_QUICK = 2,
	RETRY_MS = 20,
	COMMAND_SIZE = 1280,
};

struct capture {
	struct capture *prev, *next;
	struct tmux *tmux;
	tmux_capture_cb *cb;
	void *arg;
	uint32_t pane;
	unsigned lines, tries, pauses;
	uint64_t outputs; /* when it was asked for */
	bool follow, plain, patient, alt, running, resting;
	bool unsure; /* the pane printed meanwhile: it is to be paused */
	bool paused; /* it is, or will be continued by what was asked */
	struct link *link;
	struct tmux_run *run;
};

void
tmux_capture_early(struct followed *f, const char *data, size_t len)
{
	if (buf_append(&f->early, data, len) != 0)
		f->pauses++; /* once more, then */
}

static void
resume(struct capture *c, const struct followed *f)
{
	char command[64];

	if (!c->paused || f == NULL || f->link != c->link ||
	    !tmux_client_ready(f->link->client))
		return;
	snprintf(
	    command, sizeof command, "refresh-client -A '%%%" PRIu32 ":continue'", c->pane);
	tmux_client_tell(f->link->client, command, NULL, NULL);
}

static void
pass_early(struct tmux *t, uint32_t pane, struct buf *early)
{
	struct followed *f;

	HASH_FIND_INT(t->panes, &pane, f);
	if (f != NULL && f->live && early->len != 0)
		t->cb.output(t, &f->pane, early->data, early->len, t->arg);
	buf_release(early);
}

static void
finish(struct capture *c, int err, const char *why, struct seed *seed)
{
	struct tmux *t = c->tmux;
	uint32_t pane = c->pane;
	struct followed *f;
	struct buf early;

	buf_init(&early, BUF_NO_MAX);
	DL_DELETE(t->captures, c);
	if (c->running)
		t->capturing--;
	HASH_FIND_INT(t->panes, &pane, f);
	if (c->follow && f != NULL && err != -EBUSY) {
		early = f->early;
		buf_init(&f->early, TMUX_EARLY_MAX);
		tmux_unfollow(f);
		f->live = err == 0;
		f->told = f->live; /* it is told again with the next list */
	}
	if (err != 0)
		resume(c, f);
	c->cb(c->arg, err, why, seed);
	pass_early(t, pane, &early);
	free(c);
	if (!t->freed)
		tmux_captures_next(t);
}

static bool
may_fail(const struct capture *c, const struct followed *f)
{
	return c->patient && f != NULL && f->live;
}

static void
rest(struct capture *c)
{
	struct tmux *t = c->tmux;
	struct followed *f;
	bool may;

	c->running = false;
	c->paused = false;
	t->capturing--;
	HASH_FIND_INT(t->panes, &c->pane, f);
	may = may_fail(c, f);
	if (++c->tries >= (may ? TRIES_TRY : TRIES_MAX)) {
		finish(c, may ? -EBUSY : -EIO, "it never stands still", NULL);
		return;
	}
	c->resting = c->tries > TRIES_QUICK;
	tmux_captures_next(t);
}

static void
take(struct capture *c, const struct seed_part *parts, size_t n)
{
	struct followed *f;
	struct seed *seed;
	int rc = seed_new(c->alt, parts, n, &seed);

	HASH_FIND_INT(c->tmux->panes, &c->pane, f);
	if (rc == -EAGAIN) {
		c->alt = !c->alt;
		rest(c);
		return;
	}
	if (rc == 0 && f != NULL && c->follow) {
		c->unsure = !c->paused && f->outputs != c->outputs;
		if (c->unsure || f->link != c->link || f->pauses != c->pauses) {
			seed_free(seed);
			rest(c);
			return;
		}
	}
	if (rc != 0) {
		finish(c, -EIO, "tmux's answer makes no sense", NULL);
		return;
	}
	finish(c, 0, NULL, seed);
}

static void
on_answer(void *arg, int err, const char *why, const struct seed_part *parts, size_t n)
{
	struct capture *c = arg;

	if (err != 0)
		finish(c, err, why, NULL);
	else
		take(c, parts, n);
}

/* Of a server that is only asked, the same commands as words of one command line. */

struct words {
	char *text[192];
	size_t n;
};

static void
add_word(struct words *w, const char *s, size_t len)
{
	if (w->n < sizeof w->text / sizeof *w->text - 1)
		w->text[w->n++] = xstrndup(s, len);
}

static void
add_words(struct words *w, const char *s)
{
	while (*s != '\0') {
		bool quoted = *s == '"';
		size_t n = strcspn(s += quoted, quoted ? "\"" : " ");

		add_word(w, s, n);
		s += n + quoted * (s[n] == '"');
		s += strspn(s, " ");
	}
}

static void
on_run(void *arg, const char *data, size_t len)
{
	struct capture *c = arg;
	struct seed_part parts[SEED_PARTS_MAX] = {0};
	char *mark = xasprintf("%s\n", c->tmux->secret);
	const char *at = data, *end = data != NULL ? data + len : NULL;
	size_t n = 0;

	c->run = NULL;
	while (at != NULL && at < end && n < SEED_PARTS_MAX) {
		const char *next = memmem(at, (size_t)(end - at), mark, strlen(mark));

		if (next == NULL)
			break;
		parts[n++] = (struct seed_part){at, (size_t)(next - at) - (next > at)};
		at = next + strlen(mark);
	}
	if (n == 0)
		finish(c, -EIO, data != NULL ? data : "tmux cannot be run", NULL);
	else
		take(c, parts, n);
	free(mark);
}

/* Asking. */

/* A command of the list, for so many lines of history, with or without colours. */
static void
put_command(const struct capture *c, const char *command, char out[COMMAND_SIZE])
{
	static const char all[] = " -S - ", colours[] = " -pe";
	const char *history = c->lines != 0 ? strstr(command, all) : NULL;
	char *e;

	if (history == NULL)
		snprintf(out, COMMAND_SIZE, "%s%" PRIu32, command, c->pane);
	else
		snprintf(out, COMMAND_SIZE, "%.*s -S -%u %s%" PRIu32, (int)(history - command),
		    command, c->lines, history + strlen(all), c->pane);
	e = c->plain ? strstr(out, colours) : NULL;
	if (e != NULL)
		memmove(e + 3, e + 4, strlen(e + 4) + 1);
}

static size_t
commands(const struct capture *c, char (*out)[COMMAND_SIZE])
{
	const char *const *list = c->alt ? seed_commands_alt : seed_commands;
	size_t n = 1;

	snprintf(out[0], sizeof out[0], "display-message -p -t %%%" PRIu32 " %s", c->pane,
	    seed_state_format);
	for (size_t i = 0; list[i] != NULL && n < SEED_PARTS_MAX; i++)
		put_command(c, list[i], out[n++]);
	return n;
}

static void
run(struct capture *c, char (*text)[COMMAND_SIZE], size_t n)
{
	struct words w = {.n = 0};

	for (size_t i = 0; i < n; i++) {
		add_words(&w, text[i]);
		add_word(&w, ";", 1);
		add_words(&w, "display-message -p");
		add_word(&w, c->tmux->secret, SIZE_MAX);
		if (i + 1 < n)
			add_word(&w, ";", 1);
	}
	w.text[w.n] = NULL;
	c->run = tmux_run(c->tmux->loop, c->tmux->socket, (const char *const *)w.text,
	    TMUX_ANSWER_MAX, on_run, c);
	while (w.n > 0)
		free(w.text[--w.n]);
}

static void
ask(struct capture *c)
{
	struct tmux *t = c->tmux;
	char text[SEED_PARTS_MAX][COMMAND_SIZE];
	const char *list[SEED_PARTS_MAX];
	size_t n = commands(c, text), len;

	for (size_t i = 0; i < n; i++)
		list[i] = text[i];
	if (c->paused) {
		len = strlen(text[n - 1]);
		snprintf(text[n - 1] + len, COMMAND_SIZE - len,
		    " ; refresh-client -A '%%%" PRIu32 ":continue'", c->pane);
	}
	if (tmux_captures_only(t))
		run(c, text, n);
	else
		tmux_client_ask(c->link->client, list, n, on_answer, c);
}

static void
on_paused(void *arg, int err, const char *why, const struct seed_part *parts, size_t n)
{
	struct capture *c = arg;
	struct followed *f;

	(void)parts;
	(void)n;
	HASH_FIND_INT(c->tmux->panes, &c->pane, f);
	if (err != 0 || f == NULL) {
		finish(c, err != 0 ? err : -ENOENT, why, NULL);
		return;
	}
	f->pausing = false;
	if (f->link != c->link) {
		rest(c);
		return;
	}
	f->held = true;
	ask(c);
}

static void
ask_paused(struct capture *c, struct followed *f)
{
	bool live = f->live;
	char command[64];

	tmux_unfollow(f);
	f->told = true;
	f->pausing = true;
	c->paused = true;
	snprintf(command, sizeof command, "refresh-client -A '%%%" PRIu32 ":pause'", c->pane);
	tmux_client_tell(c->link->client, command, on_paused, c);
	if (live)
		c->tmux->cb.behind(c->tmux, &f->pane, c->tmux->arg);
}

static void
start(struct capture *c)
{
	struct tmux *t = c->tmux;
	struct followed *f;

	HASH_FIND_INT(t->panes, &c->pane, f);
	c->link = f != NULL ? f->link : NULL;
	c->pauses = f != NULL ? f->pauses : 0;
	if (f == NULL || (!tmux_captures_only(t) &&
			     (c->link == NULL || !tmux_client_ready(c->link->client)))) {
		finish(c, f == NULL ? -ENOENT : -ENOTCONN, "not connected", NULL);
		return;
	}
	if (c->tries == 0)
		c->alt = f->pane.alternate;
	c->outputs = f->outputs;
	c->running = true;
	t->capturing++;
	if (c->follow && !tmux_captures_only(t) &&
	    ((c->unsure && !may_fail(c, f)) || c->lines == 0))
		ask_paused(c, f);
	else
		ask(c);
}

static void
on_timer(uv_timer_t *timer)
{
	struct tmux *t = timer->data;
	struct capture *c;

	DL_FOREACH (t->captures, c)
		c->resting = false;
	tmux_captures_next(t);
}

void
tmux_captures_next(struct tmux *t)
{
	struct capture *c;
	bool again = true, resting = false;

	while (again && t->capturing < RUNNING_MAX) {
		again = false;
		resting = false;
		DL_FOREACH (t->captures, c) {
			resting |= c->resting;
			if (c->running || c->resting)
				continue;
			start(c); /* it may be gone then */
			again = true;
			break;
		}
	}
	if (resting && !uv_is_active((uv_handle_t *)&t->capture_timer))
		uv_timer_start(&t->capture_timer, on_timer, RETRY_MS, 0);
}

void
tmux_capture(struct tmux *t, uint32_t pane, unsigned lines, unsigned flags, tmux_capture_cb *cb,
    void *arg)
{
	struct capture *c = xcalloc(1, sizeof *c);

	c->tmux = t;
	c->pane = pane;
	c->lines = lines;
	c->follow = (flags & TMUX_FOLLOW) != 0;
	c->plain = (flags & TMUX_PLAIN) != 0;
	c->patient = (flags & TMUX_TRY) != 0;
	c->cb = cb;
	c->arg = arg;
	DL_APPEND(t->captures, c);
	tmux_captures_next(t);
}

bool
tmux_captures_reaped(struct tmux *t, pid_t pid)
{
	struct capture *c;

	DL_FOREACH (t->captures, c) {
		if (c->run != NULL && tmux_run_pid(c->run) == pid) {
			tmux_run_reaped(c->run);
			return true;
		}
	}
	return false;
}

/* Those on a connection are failed with it. */
void
tmux_captures_cancel(struct tmux *t)
{
	struct capture *c, *next;

	DL_FOREACH_SAFE (t->captures, c, next) {
		if (c->running && c->run == NULL)
			continue;
		tmux_run_cancel(c->run);
		finish(c, -ECANCELED, "", NULL);
	}
}
