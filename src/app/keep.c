#include "config.h"

#include "app/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>
#include <uv.h>

#include "base/err.h"
#include "base/xmalloc.h"
#include "os/os.h"

enum { HELLO_MS = 5000 };

/* A packet that waits; its descriptors are duplicates. */
struct waiting {
	struct waiting *prev, *next;
	size_t len;
	int fds[OS_FDS_MAX];
	unsigned nfds;
	struct keep_packet packet; /* only its first len bytes are allocated */
};

struct keep {
	int fd;
	uv_poll_t poll;
	bool started;
	bool jobs;   /* the keeper knows jobs */
	bool spawns; /* and starts processes */
	keep_cb *cb;
	void *arg;
	struct waiting *queue; /* utlist */
};

struct keep *
keep_new(int fd)
{
	struct keep *k = xcalloc(1, sizeof *k);

	k->fd = fd;
	/* It came over exec, and is for no command of a watch. */
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return k;
}

static void
forget(struct keep *k, struct waiting *w)
{
	DL_DELETE(k->queue, w);
	for (unsigned i = 0; i < w->nfds; i++)
		close(w->fds[i]);
	free(w);
}

void
keep_free(struct keep *k)
{
	if (k == NULL)
		return;
	while (k->queue != NULL)
		forget(k, k->queue);
	if (k->fd >= 0)
		close(k->fd);
	free(k);
}

static void
close_all(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int
keep_hello(struct keep *k, struct keep_hello *hello, char **cause)
{
	struct pollfd pfd = {.fd = k->fd, .events = POLLIN};
	struct keep_packet p;
	int fds[OS_FDS_MAX];
	unsigned nfds = 0;
	ssize_t n = -ETIMEDOUT;

	if (poll(&pfd, 1, HELLO_MS) == 1)
		n = os_receive(k->fd, &p, sizeof p, fds, OS_FDS_MAX, &nfds);
	if (n <= 0 || keep_unpack(&p, (size_t)n) != 0 || p.m.type != KEEP_HELLO || nfds < 2) {
		close_all(fds, nfds);
		return err_sys(cause, n < 0 ? (int)n : -EPROTO, "the keeper");
	}
	*hello = (struct keep_hello){.tcp_fd = fds[0],
	    .unix_fd = fds[1],
	    .report_fd = nfds > 2 ? fds[2] : -1,
	    .first = (p.m.flags & KEEP_FIRST) != 0,
	    .spawns = (p.m.flags & KEEP_SPAWNS) != 0,
	    .last_pane = p.m.number,
	    .pid = p.m.pid,
	    .started_ms = p.m.time_ms};
	keep_greeted(k, &p.m);
	close_all(fds + 3, nfds > 3 ? nfds - 3 : 0);
	return 0;
}

/* Sending. */

static void on_ready(uv_poll_t *h, int status, int events);

static void
update_poll(struct keep *k)
{
	if (k->started)
		uv_poll_start(
		    &k->poll, UV_READABLE | (k->queue != NULL ? UV_WRITABLE : 0), on_ready);
}

static void
put_off(struct keep *k, const struct keep_packet *p, size_t len, const int *fds, unsigned nfds)
{
	struct waiting *w = xcalloc(1, offsetof(struct waiting, packet) + len);

	memcpy(&w->packet, p, len);
	w->len = len;
	for (unsigned i = 0; i < nfds; i++) {
		int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			break; /* what is missing must be the last */
		w->fds[w->nfds++] = fd;
	}
	DL_APPEND(k->queue, w);
	update_poll(k);
}

static bool
is_full(int rc)
{
	return rc == -EAGAIN || rc == -ENOBUFS || rc == -ETOOMANYREFS;
}

void
keep_send(
    struct keep *k, const struct keep_packet *p, size_t len, const int *fds, unsigned nfds)
{
	if (k->fd < 0)
		return;
	if (k->queue != NULL || is_full(os_send(k->fd, p, len, fds, nfds)))
		put_off(k, p, len, fds, nfds);
}

static void
send_waiting(struct keep *k)
{
	while (k->queue != NULL) {
		struct waiting *w = k->queue;

		if (is_full(os_send(k->fd, &w->packet, w->len, w->fds, w->nfds)))
			return;
		forget(k, w);
	}
	update_poll(k);
}

bool
keep_sent(const struct keep *k)
{
	return k->queue == NULL;
}

void
keep_say(struct keep *k, enum keep_type type)
{
	keep_say_text(k, type, 0, "");
}

void
keep_say_pane(struct keep *k, enum keep_type type, uint64_t pane, int status)
{
	struct keep_packet p = {.m = {.pane = pane, .status = status}};

	keep_send(k, &p, keep_pack(&p, type, NULL, 0), NULL, 0);
}

void
keep_say_text(struct keep *k, enum keep_type type, uint64_t number, const char *text)
{
	struct keep_packet p = {.m = {.number = number}};

	keep_send(k, &p, keep_pack(&p, type, text, strlen(text)), NULL, 0);
}

void
keep_say_born(struct keep *k, uint64_t pane, pid_t pid, int memory, int master)
{
	struct keep_packet p = {.m = {.pane = pane, .pid = pid > 0 ? pid : 0}};
	int fds[] = {memory, master};

	keep_send(k, &p, keep_pack(&p, KEEP_BORN, NULL, 0), fds, master >= 0 ? 2 : 1);
}

void
keep_say_here(struct keep *k, const char *keeper_program)
{
	struct keep_packet p = {.m = {.number = KEEP_VERSION, .flags = KEEP_JOBS}};

	keep_send(
	    k, &p, keep_pack(&p, KEEP_HERE, keeper_program, strlen(keeper_program)), NULL, 0);
}

void
keep_say_job(struct keep *k, uint64_t number, pid_t pid, const int fds[KEEP_FDS])
{
	struct keep_packet p = {.m = {.pane = number, .pid = pid > 0 ? pid : 0}};
	int out[KEEP_FDS];
	unsigned n = keep_pack_fds(fds, &p.m.flags, out);

	if (k->jobs)
		keep_send(k, &p, keep_pack(&p, KEEP_BORN, NULL, 0), out, n);
}

bool
keep_greeted(struct keep *k, const struct keep_message *hello)
{
	bool knew = k->jobs;

	k->jobs = (hello->flags & KEEP_JOBS) != 0;
	k->spawns = (hello->flags & KEEP_SPAWNS) != 0;
	return k->jobs && !knew;
}

bool
keep_spawns(const struct keep *k)
{
	return k->spawns;
}

/* Receiving. */

static void
lose(struct keep *k)
{
	keep_stop(k);
	k->cb(k->arg, NULL, NULL, 0);
}

static void
on_ready(uv_poll_t *h, int status, int events)
{
	struct keep *k = h->data;

	(void)status;
	if (events & UV_WRITABLE)
		send_waiting(k);
	while (k->started) {
		struct keep_packet p;
		int fds[OS_FDS_MAX];
		unsigned nfds;
		ssize_t n = os_receive(k->fd, &p, sizeof p, fds, OS_FDS_MAX, &nfds);

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			lose(k);
			return;
		}
		if (keep_unpack(&p, (size_t)n) == 0)
			k->cb(k->arg, &p, fds, nfds);
		close_all(fds, nfds);
	}
}

void
keep_start(struct keep *k, uv_loop_t *loop, keep_cb *cb, void *arg)
{
	k->cb = cb;
	k->arg = arg;
	uv_poll_init(loop, &k->poll, k->fd);
	k->poll.data = k;
	k->started = true;
	update_poll(k);
}

void
keep_stop(struct keep *k)
{
	if (!k->started)
		return;
	k->started = false;
	uv_close((uv_handle_t *)&k->poll, NULL);
}
