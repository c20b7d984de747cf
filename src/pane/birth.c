/* How a pane begins: with a command that is started, or with one that another process left. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/xmalloc.h"
#include "os/spawn.h"
#include "pane/pane_priv.h"
#include "pane/pty.h"

static void
not_started(struct pane *p, int err, char *cause)
{
	p->cb.started(p, err, cause, p->arg);
	free(cause);
}

/* The process id comes first, if another process starts the command; the end of the pipe without
 * that is one that could not. */
void
pane_read_status(struct pane *p)
{
	struct spawn_report r = {0};
	char *cause = NULL;
	ssize_t n = 0;

	while (p->status_fd >= 0 && (n = read(p->status_fd, &r, sizeof r)) == sizeof r &&
	       r.step == SPAWN_PID)
		p->pid = r.err;
	if (p->status_fd < 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	pane_close_fd(&p->status, &p->status_fd);
	if (n == (ssize_t)sizeof r) {
		err_sys(&cause, -r.err, "cannot %s", spawn_step_name(r.step));
		not_started(p, r.err, cause);
	} else if (p->pid < 0) {
		err_set(&cause, -EAGAIN, "the keeper started no process: see the log");
		not_started(p, EAGAIN, cause);
	} else {
		p->state = PANE_RUNNING;
		p->cb.started(p, 0, NULL, p->arg);
		pane_check_end(p);
	}
}

static void
on_status(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	pane_read_status(h->data);
}

static void
on_reply(const char *data, size_t len, void *arg)
{
	/* A program that does not read its input gets no answer; it did not wait for one. */
	pane_input(arg, data, len);
}

/* The program that has the terminal gives the answers. */
static void
no_reply(const char *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	(void)arg;
}

static void
on_title(const char *title, void *arg)
{
	(void)title;
	viewers_titled(arg);
}

static void
on_bell(void *arg)
{
	viewers_belled(arg);
}

static const struct record_callbacks record_callbacks = {on_reply, on_title, on_bell};
static const struct record_callbacks remote_callbacks = {no_reply, on_title, on_bell};

static const struct record_callbacks *
callbacks_of(const struct pane *p)
{
	return p->remote != NULL ? &remote_callbacks : &record_callbacks;
}

/* What has no descriptor was never opened, or is closed already. */
static void
init_handles(struct pane *p)
{
	if (p->master >= 0) {
		uv_poll_init(p->loop, &p->io, p->master);
		p->open_handles++;
	}
	if (p->status_fd >= 0) {
		uv_poll_init(p->loop, &p->status, p->status_fd);
		uv_poll_start(&p->status, UV_READABLE, on_status);
		p->open_handles++;
	}
	uv_timer_init(p->loop, &p->flush);
	uv_timer_init(p->loop, &p->life);
	uv_timer_init(p->loop, &p->announce);
	uv_timer_init(p->loop, &p->resize);
	p->io.data = p->status.data = p->flush.data = p->life.data = p->announce.data = p;
	p->resize.data = p;
	p->open_handles += 4;
	pane_update_io(p);
}

static struct pane *
make(uv_loop_t *loop, const struct pane_callbacks *cb, void *arg)
{
	struct pane *p = xcalloc(1, sizeof *p);

	p->loop = loop;
	p->cb = *cb;
	p->arg = arg;
	p->master = p->status_fd = p->exit_status = -1;
	buf_init(&p->input, PANE_INPUT_MAX);
	return p;
}

static void
use_memory(struct pane *p, struct memory *m)
{
	p->memory = m;
	p->birth = memory_birth(m);
	p->ring = memory_ring(m);
	p->cols = memory_state(m)->cols;
	p->rows = memory_state(m)->rows;
}

int
pane_new(uv_loop_t *loop, const struct pane_spec *spec, const struct pane_callbacks *cb,
    void *arg, struct pane **out, char **cause)
{
	struct memory_birth birth = {
	    .id = spec->id,
	    .name = spec->name,
	    .cwd = spec->cwd,
	    .origin = spec->origin,
	    .argv = spec->argv,
	    .cols = spec->cols,
	    .rows = spec->rows,
	    .created_ms = clock_wall_ms(),
	    .ring_size = spec->ring_size,
	    .history_bytes = spec->record->bytes,
	    .private = spec->private,
	};
	struct pty_spec how = {
	    spec->argv, spec->envp, spec->cwd, spec->cols, spec->rows, spec->number};
	struct pty pty = {.master = -1, .status_fd = -1};
	struct memory *m;
	struct pane *p;
	int rc;

	if ((rc = memory_new(&birth, &m, cause)) != 0)
		return rc;
	if (spec->remote == NULL && (rc = pty_spawn(&how, &pty)) != 0) {
		memory_free(m);
		return err_sys(cause, rc, "a new terminal");
	}
	p = make(loop, cb, arg);
	use_memory(p, m);
	memory_state(m)->unarchived = spec->unarchived;
	p->pid = pty.pid;
	p->master = pty.master;
	p->status_fd = pty.status_fd;
	p->remote = spec->remote;
	if (p->remote != NULL)
		p->state = PANE_RUNNING;
	p->record = record_new(m, spec->record, callbacks_of(p), p);
	init_handles(p);
	*out = p;
	return 0;
}

/* What was left by another process. */

/* A pane whose memory cannot be used begins anew, with what its terminal says of it. */
static int
fresh_record(struct pane *p, const struct pane_found *found)
{
	static char unknown[] = "?";
	char *argv[] = {unknown, NULL};
	struct memory_birth birth = {
	    .id = found->id,
	    .argv = argv,
	    .cols = 80,
	    .rows = 24,
	    .created_ms = clock_wall_ms(),
	    .ring_size = found->ring_size,
	    .history_bytes = found->record->bytes,
	};
	struct memory *m;
	int rc;

	if (found->master >= 0)
		pty_size(found->master, &birth.cols, &birth.rows);
	if ((rc = memory_new(&birth, &m, NULL)) != 0)
		return rc;
	use_memory(p, m);
	p->record = record_new(m, found->record, callbacks_of(p), p);
	return 0;
}

/* -EINVAL and a warning when nothing can be made of the memory that was found. */
static int
old_record(struct pane *p, const struct pane_found *found, char **warning)
{
	bool blank = found->crashes > 1;
	struct memory *m;
	int rc;

	if (found->crashes > 3) {
		close(found->memory);
		return err_set(warning, -EINVAL, "it has ended two workers");
	}
	if ((rc = memory_open(found->memory, &m, warning)) != 0)
		return rc;
	if (found->id != NULL && strcmp(memory_birth(m)->id, found->id) != 0)
		rc = err_set(warning, -EINVAL, "its memory is another pane's");
	if ((found->remote != NULL) != (memory_birth(m)->origin != NULL))
		rc = err_set(warning, -EINVAL, "its memory is not of that kind");
	use_memory(p, m);
	if (rc == 0 && (rc = record_restore(m, found->record, blank, callbacks_of(p), p,
			    &p->record, warning)) != 0)
		err_set(warning, rc, "its memory is damaged");
	if (rc != 0) {
		memory_free(m);
		return rc;
	}
	/* One that ended in the midst of a resize may have changed one of the two. */
	use_memory(p, m);
	if (p->master >= 0)
		pty_resize(p->master, p->cols, p->rows);
	return 0;
}

static void
settle_state(struct pane *p, const struct pane_found *found)
{
	const struct memory_state *state = memory_state(p->memory);

	p->state = state->ended ? PANE_EXITED : PANE_RUNNING;
	p->reaped = found->reaped || state->ended;
	p->drained = p->master < 0 && p->remote == NULL;
	if (state->ended)
		p->exit_status = state->status;
	else if (found->reaped)
		p->exit_status = pane_decode_status(found->wait_status);
	if (state->ended && p->master >= 0)
		pane_close_fd(&p->io, &p->master);
}

int
pane_restore(uv_loop_t *loop, const struct pane_found *found, const struct pane_callbacks *cb,
    void *arg, struct pane **out, bool *fresh, char **warning)
{
	struct pane *p = make(loop, cb, arg);
	int rc;

	*warning = NULL;
	*out = NULL;
	p->pid = found->pid;
	p->master = found->master;
	p->remote = found->remote;
	p->paused = true;
	init_handles(p); /* a replay may have input to write */
	rc = old_record(p, found, warning);
	*fresh = rc != 0;
	/* What a remote pane was, its memory alone said: it is found again, as a new one. */
	if (*fresh && (p->remote != NULL || (rc = fresh_record(p, found)) != 0)) {
		p->state = PANE_EXITED; /* nothing that is known of the process is signalled */
		pane_free(p);
		return rc;
	}
	settle_state(p, found);
	*out = p;
	return 0;
}
