#include "config.h"

#include "app/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "app/keep.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "os/spawn.h"
#include "proto/spawn.h"

enum { LOOK_MS = 50, QUIET_MS = 5000, TICKET_FIRST = 2, TICKET_LAST = 0x7ffffffe };

/* A request for a pane or a job of which the keeper has not been told yet; duplicates. */
struct held {
	struct held *prev, *next;
	struct keep_packet packet; /* without text */
	size_t len;
	int fds[KEEP_SPAWN_FDS];
	unsigned nfds;
};

struct worker_spawner {
	struct spawner how;
	struct keep *keep;
	int32_t last;      /* ticket */
	struct held *held; /* utlist; one at most, but for what failed in between */

	pthread_mutex_t mutex; /* for what follows */
	int look;              /* -1: none */
	uint32_t serial;
	uint64_t quiet_until_us; /* monotonic */
};

/* Starting. */

static void
close_all(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void
forget(struct worker_spawner *s, struct held *h)
{
	DL_DELETE(s->held, h);
	close_all(h->fds, h->nfds);
	free(h);
}

static void
hold(struct worker_spawner *s, const struct keep_packet *p, size_t len, const int *fds,
    unsigned nfds)
{
	struct held *h = xcalloc(1, sizeof *h);

	memcpy(&h->packet.m, &p->m, sizeof p->m);
	h->len = len;
	for (unsigned i = 0; i < nfds; i++)
		if ((h->fds[h->nfds] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0)) >= 0)
			h->nfds++;
	if (h->nfds == nfds) {
		DL_APPEND(s->held, h);
		return;
	}
	close_all(h->fds, h->nfds); /* the pipe for reports comes to its end with this */
	free(h);
}

void
spawner_born(struct worker_spawner *s, uint64_t number)
{
	struct held *h, *next;

	DL_FOREACH_SAFE (s->held, h, next) {
		if (h->packet.m.pane != number)
			continue;
		keep_send(s->keep, &h->packet, h->len, h->fds, h->nfds);
		forget(s, h);
	}
}

/* The request, as a file that nobody can change; -errno. */
static int
write_request(const struct spawn_spec *spec)
{
	struct spawn_wish w = {spec->program, spec->cwd, spec->argv, spec->envp};
	struct buf b;
	int rc;

	buf_init(&b, SPAWN_BYTES_MAX);
	rc = spawn_pack(&w, &b);
	if (rc == 0)
		rc = os_memory_sealed("panescry-spawn", b.data, b.len);
	buf_release(&b);
	return rc;
}

static int
start(void *arg, const struct spawn_spec *spec, pid_t *ticket)
{
	struct worker_spawner *s = arg;
	struct keep_packet p = {.m = {.pane = spec->number}};
	int mine[KEEP_SPAWN_FDS - 1] = {-1, -1, spec->in, spec->out, spec->err};
	int fds[KEEP_SPAWN_FDS];
	unsigned nfds;
	size_t len;

	if (!keep_spawns(s->keep))
		return -EPERM;
	if ((fds[0] = write_request(spec)) < 0)
		return fds[0];
	s->last = s->last < TICKET_LAST ? s->last + 1 : TICKET_FIRST;
	p.m.number = (uint64_t)s->last;
	if (spec->number == 0)
		p.m.pane = KEEP_HELPER | (uint64_t)s->last;
	mine[0] = spec->status_fd > 0 ? spec->status_fd : -1;
	mine[1] = spec->tty > 0 ? spec->tty : -1;
	nfds = 1 + keep_pack_spawn(mine, &p.m.flags, fds + 1);
	len = keep_pack(&p, KEEP_SPAWN, NULL, 0);
	if (spec->number == 0)
		keep_send(s->keep, &p, len, fds, nfds);
	else
		hold(s, &p, len, fds, nfds);
	close(fds[0]);
	*ticket = -s->last;
	return 0;
}

static int
send_signal(void *arg, pid_t ticket, int sig, bool group)
{
	struct worker_spawner *s = arg;
	struct keep_packet p = {.m = {.number = (uint64_t) - (int64_t)ticket,
				    .status = sig,
				    .flags = group ? KEEP_GROUP : 0}};

	keep_send(s->keep, &p, keep_pack(&p, KEEP_SIGNAL, NULL, 0), NULL, 0);
	return 0;
}

pid_t
spawner_ticket(const struct keep_message *m)
{
	return m->number >= TICKET_FIRST && m->number <= INT32_MAX ? -(pid_t)m->number : 0;
}

/* Looking. */

/* One answer, if it comes in time: the length of the path, or -errno. */
static ssize_t
receive(int fd, uint32_t serial, uint64_t until_us, char *buf, size_t size)
{
	struct {
		struct keep_look q;
		char path[4096];
	} a;

	for (;;) {
		uint64_t now = clock_mono_us();
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (now >= until_us || poll(&pfd, 1, (int)((until_us - now) / 1000 + 1)) == 0)
			return -ETIMEDOUT;
		n = recv(fd, &a, sizeof a, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return -EPIPE;
		if (n < (ssize_t)sizeof a.q || a.q.serial != serial)
			continue; /* of one that was too late */
		n -= (ssize_t)sizeof a.q;
		if (n == 0 || (size_t)n >= size)
			return -ESRCH;
		memcpy(buf, a.path, (size_t)n);
		buf[n] = '\0';
		return n;
	}
}

static int
look(void *arg, pid_t pid, char *buf, size_t size)
{
	struct worker_spawner *s = arg;
	struct keep_look q = {.pid = pid};
	uint64_t now = clock_mono_us();
	ssize_t n = -EAGAIN;

	pthread_mutex_lock(&s->mutex);
	q.serial = ++s->serial;
	if (s->look >= 0 && now >= s->quiet_until_us) {
		n = send(s->look, &q, sizeof q, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof q
			? receive(s->look, q.serial, now + LOOK_MS * 1000, buf, size)
			: -EPIPE;
		if (n == -ETIMEDOUT || n == -EPIPE)
			s->quiet_until_us = clock_mono_us() + QUIET_MS * 1000;
	}
	pthread_mutex_unlock(&s->mutex);
	return n < 0 ? (int)n : 0;
}

void
spawner_greeted(struct worker_spawner *s)
{
	struct keep_packet p = {0};
	int ends[2];

	pthread_mutex_lock(&s->mutex);
	if (s->look >= 0)
		close(s->look);
	s->look = -1;
	s->quiet_until_us = 0;
	if (!keep_spawns(s->keep)) {
		log_error("app", "this keeper starts no processes: nothing can be started");
	} else if (os_packet_pair(ends) == 0) {
		s->look = ends[0];
		keep_send(s->keep, &p, keep_pack(&p, KEEP_LOOK, NULL, 0), &ends[1], 1);
		close(ends[1]);
	}
	pthread_mutex_unlock(&s->mutex);
}

/* Coming and going. */

struct worker_spawner *
spawner_new(struct keep *k)
{
	struct worker_spawner *s = xcalloc(1, sizeof *s);

	s->keep = k;
	s->last = TICKET_FIRST - 1;
	s->look = -1;
	pthread_mutex_init(&s->mutex, NULL);
	s->how = (struct spawner){start, send_signal, s};
	spawn_via(&s->how);
	os_process_cwd_via(look, s);
	spawner_greeted(s);
	return s;
}

void
spawner_free(struct worker_spawner *s)
{
	if (s == NULL)
		return;
	os_process_cwd_via(NULL, NULL);
	spawn_via(NULL);
	while (s->held != NULL)
		forget(s, s->held);
	if (s->look >= 0)
		close(s->look);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}
