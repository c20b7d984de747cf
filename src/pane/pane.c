#include "config.h"

#include "pane/pane.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "os/spawn.h"
#include "pane/pane_priv.h"
#include "pane/pty.h"

enum {
	/* Bytes a turn of the loop: one read. A PTY refills while it is read, so with more a
	 * flood would hold the loop for milliseconds, and viewers would fall out of the ring
	 * while they wait for their turn to be sent to. */
	READ_BURST = 4 * 1024,
	FLUSH_BYTES = 64 * 1024, /* gathered under a flood before viewers are woken */
	FLUSH_US = 2000,         /* or this long after they were woken last */
	LINGER_MS = 500,
	KILL_MS = 5000,
};

/* Handles are part of the pane, so it is freed when the last of them has been closed. */

static void
on_closed(uv_handle_t *h)
{
	struct pane *p = h->data;

	if (--p->open_handles != 0)
		return;
	buf_release(&p->input);
	record_free(p->record);
	free(p);
}

static void
close_handle(void *handle)
{
	uv_handle_t *h = handle;

	if (!uv_is_closing(h))
		uv_close(h, on_closed);
}

/* The handle must be closed before its descriptor, or the loop polls another one's. */
void
pane_close_fd(void *handle, int *fd)
{
	close_handle(handle);
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The end. */

static size_t on_readable(struct pane *p);

int
pane_decode_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
					: WEXITSTATUS(wait_status);
}

void
pane_finish(struct pane *p)
{
	if (p->state == PANE_EXITED)
		return;
	p->state = PANE_EXITED;
	memory_state(p->memory)->status = p->exit_status;
	memory_state(p->memory)->ended = true;
	uv_timer_stop(&p->life);
	uv_timer_stop(&p->flush);
	uv_timer_stop(&p->resize);
	if (p->master >= 0)
		pane_close_fd(&p->io, &p->master);
	buf_release(&p->input);
	p->input_at = 0;
	viewers_input_drained(p); /* the rest goes out as they acknowledge it */
	viewers_wake(p, false);
	p->cb.output(p, p->arg);
	p->cb.ended(p, p->arg);
}

/* Timers come before descriptors: after a turn that took longer than this one had, what was
 * printed meanwhile is still to be read. */
static void
on_linger(uv_timer_t *t)
{
	struct pane *p = t->data;

	if (p->paused)
		return; /* pane_check_end() comes when it goes on */
	if (p->master < 0 || on_readable(p) == 0)
		pane_finish(p);
}

/* Called after every step towards the end: reaped, end of file, more output. */
void
pane_check_end(struct pane *p)
{
	if (!p->reaped || p->state != PANE_RUNNING || p->paused)
		return;
	if (p->drained)
		pane_finish(p);
	else
		uv_timer_start(&p->life, on_linger, LINGER_MS, 0);
}

void
pane_reaped(struct pane *p, int wait_status)
{
	p->reaped = true;
	p->exit_status = pane_decode_status(wait_status);
	if (p->pid < 0)
		pane_read_status(p); /* it was told before, and goes on with this */
	else
		pane_check_end(p);
}

static void
on_kill(uv_timer_t *t)
{
	pane_signal(t->data, SIGKILL);
}

int
pane_signal(struct pane *p, int sig)
{
	pid_t front;

	if (p->state == PANE_EXITED || p->reaped || p->pid == 0)
		return -ESRCH;
	if (p->pid < 0)
		return spawn_signal(p->pid, sig, true);
	front = p->remote != NULL ? os_process_front(p->pid) : tcgetpgrp(p->master);
	if (front > 0 && front != p->pid)
		kill(-front, sig);
	return kill(-p->pid, sig) == 0 || kill(p->pid, sig) == 0 ? 0 : -errno;
}

void
pane_end(struct pane *p)
{
	if (p->remote != NULL) {
		if (p->state != PANE_EXITED)
			p->remote->end(p, p->arg);
		return;
	}
	if (p->reaped && p->state == PANE_RUNNING) {
		pane_finish(p); /* only a child of the command was keeping the terminal open */
		return;
	}
	if (pane_signal(p, SIGHUP) != 0)
		return;
	pane_signal(p, SIGCONT); /* a stopped command sees the hang-up only when it runs */
	uv_timer_start(&p->life, on_kill, KILL_MS, 0);
}

/* Output. */

static void
flush(struct pane *p, uint64_t now_us)
{
	bool now = p->unflushed <= READ_BURST;

	p->unflushed = 0;
	p->flushed_us = now_us;
	viewers_wake(p, now);
	p->cb.output(p, p->arg);
}

static void
on_flush(uv_timer_t *t)
{
	struct pane *p = t->data;

	if (p->unflushed != 0)
		flush(p, clock_mono_us());
}

void
pane_output_arrived(struct pane *p, size_t n)
{
	uint64_t now = clock_mono_us();

	p->unflushed += n;
	if (p->unflushed >= FLUSH_BYTES || now - p->flushed_us >= FLUSH_US)
		flush(p, now);
	else if (!uv_is_active((uv_handle_t *)&p->flush))
		uv_timer_start(&p->flush, on_flush, FLUSH_US / 1000, 0);
}

/* The screen sees the bytes where they lie in the ring. */
static void
feed(struct pane *p, const struct iovec *iov, size_t n, int64_t now_ms)
{
	size_t first = n < iov[0].iov_len ? n : iov[0].iov_len;

	record_feed(p->record, iov[0].iov_base, first, now_ms);
	if (n > first)
		record_feed(p->record, iov[1].iov_base, n - first, now_ms);
}

/* Reads until the PTY is empty or the burst is used up; returns the bytes read. */
static size_t
read_burst(struct pane *p)
{
	struct iovec iov[2];
	int64_t now = clock_wall_ms();
	size_t sum = 0;

	while (sum < READ_BURST) {
		int pieces = ring_space(p->ring, iov);
		ssize_t n = readv(p->master, iov, pieces);
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0) {
			ring_commit(p->ring, (size_t)n);
			feed(p, iov, (size_t)n, now);
			sum += (size_t)n;
			continue;
		}
		/* Linux says EIO when the last other end is closed, others 0. */
		p->drained = n == 0 || errno != EAGAIN;
		break;
	}
	return sum;
}

static size_t
on_readable(struct pane *p)
{
	size_t n = read_burst(p);

	if (n != 0)
		pane_output_arrived(p, n);
	if (p->drained)
		pane_close_fd(&p->io, &p->master);
	if (n != 0 || p->drained)
		pane_check_end(p);
	return n;
}

/* Input. */

size_t
pane_input_pending(const struct pane *p)
{
	if (p->remote != NULL && p->state != PANE_EXITED)
		return p->remote->pending(p, p->arg);
	return p->input.len - p->input_at;
}

/* Returns the bytes that the PTY took; 0 when it takes none now or never again. */
static size_t
write_some(struct pane *p, const char *data, size_t len)
{
	size_t sum = 0;

	while (sum < len) {
		ssize_t n = write(p->master, data + sum, len - sum);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		sum += (size_t)n;
	}
	return sum;
}

static void
on_writable(struct pane *p)
{
	size_t before = pane_input_pending(p);

	p->input_at += write_some(p, p->input.data + p->input_at, before);
	if (pane_input_pending(p) == 0 || p->input_at > PANE_INPUT_MAX / 2) {
		buf_drain(&p->input, p->input_at);
		p->input_at = 0;
	}
	if (pane_input_pending(p) == 0)
		buf_release(&p->input);
	pane_update_io(p);
	if (before > PANE_INPUT_LOW && pane_input_pending(p) <= PANE_INPUT_LOW)
		viewers_input_drained(p);
}

int
pane_input(struct pane *p, const void *data, size_t len)
{
	const char *bytes = data;
	size_t n = 0;

	if (p->remote != NULL && p->state != PANE_EXITED)
		return p->remote->input(p, data, len, p->arg);
	if (p->master < 0 || p->state == PANE_EXITED)
		return -EPIPE;
	if (len > PANE_INPUT_MAX - pane_input_pending(p))
		return -ENOBUFS;
	if (pane_input_pending(p) == 0)
		n = write_some(p, bytes, len);
	if (n == len)
		return 0;
	buf_drain(&p->input, p->input_at);
	p->input_at = 0;
	buf_append(&p->input, bytes + n, len - n);
	pane_update_io(p);
	return 0;
}

static void
on_io(uv_poll_t *h, int status, int events)
{
	struct pane *p = h->data;

	/* An error shows again in read(2), which says which. */
	if (status < 0 && !p->paused)
		events = UV_READABLE;
	if (events & UV_WRITABLE)
		on_writable(p);
	if (events & UV_READABLE)
		on_readable(p);
}

void
pane_update_io(struct pane *p)
{
	int events = UV_READABLE | (pane_input_pending(p) != 0 ? UV_WRITABLE : 0);

	if (p->paused)
		events &= ~UV_READABLE;
	if (p->master < 0 || events == p->io_events)
		return;
	p->io_events = events;
	if (events != 0)
		uv_poll_start(&p->io, events, on_io);
	else
		uv_poll_stop(&p->io);
}

void
pane_pause(struct pane *p, bool pause)
{
	if (pause)
		pane_resize_now(p); /* whoever goes on with it knows of no wish */
	p->paused = pause;
	pane_update_io(p);
	if (!pause)
		pane_check_end(p);
}

void
pane_free(struct pane *p)
{
	if (p == NULL || p->freed)
		return;
	p->freed = true;
	if (p->state != PANE_EXITED && p->remote == NULL)
		pane_signal(p, SIGKILL);
	viewers_gone(p);
	if (p->master >= 0)
		pane_close_fd(&p->io, &p->master);
	if (p->status_fd >= 0)
		pane_close_fd(&p->status, &p->status_fd);
	close_handle(&p->flush);
	close_handle(&p->life);
	close_handle(&p->announce);
	close_handle(&p->resize);
}

void
pane_snapshot(const struct pane *p, unsigned lines, struct buf *b, uint64_t *offset)
{
	*offset = record_snapshot(p->record, lines, b);
}

int
pane_memory(const struct pane *p)
{
	return memory_fd(p->memory);
}

int
pane_master(const struct pane *p)
{
	return p->master;
}

void
pane_set_removed(struct pane *p)
{
	memory_state(p->memory)->removed = true;
}

bool
pane_removed(const struct pane *p)
{
	return memory_state(p->memory)->removed != 0;
}

bool
pane_unarchived(const struct pane *p)
{
	return memory_state(p->memory)->unarchived != 0;
}

const char *
pane_birth_cwd(const struct pane *p)
{
	return p->birth->cwd;
}

size_t
pane_memory_taken(const struct pane *p)
{
	return memory_taken(p->memory);
}

struct record *
pane_record(struct pane *p)
{
	return p->record;
}

const char *
pane_id(const struct pane *p)
{
	return p->birth->id;
}

const char *
pane_name(const struct pane *p)
{
	return p->birth->name;
}

char *const *
pane_argv(const struct pane *p)
{
	return p->birth->argv;
}

const struct ring *
pane_ring(const struct pane *p)
{
	return p->ring;
}

enum pane_state
pane_state(const struct pane *p)
{
	return p->state;
}

int
pane_exit_status(const struct pane *p)
{
	return p->state == PANE_EXITED ? p->exit_status : -1;
}

pid_t
pane_pid(const struct pane *p)
{
	return p->pid;
}

unsigned
pane_cols(const struct pane *p)
{
	return p->cols;
}

unsigned
pane_rows(const struct pane *p)
{
	return p->rows;
}

unsigned
pane_viewers(const struct pane *p)
{
	return p->viewer_count;
}

int64_t
pane_created(const struct pane *p)
{
	return p->birth->created_ms;
}

int64_t
pane_last_activity(const struct pane *p)
{
	return memory_state(p->memory)->active_ms;
}

bool
pane_cwd(const struct pane *p, char *buf, size_t size)
{
	return !p->reaped && p->pid > 0 && os_process_cwd(p->pid, buf, size) == 0;
}

bool
pane_program(const struct pane *p, char *buf, size_t size)
{
	pid_t front = p->remote != NULL ? os_process_front(p->pid)
		      : p->master >= 0  ? tcgetpgrp(p->master)
					: 0;

	return os_process_program(front, buf, size) == 0;
}
