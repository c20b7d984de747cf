/*
 * What one keeper passes to the next: a struct state, then its panes, then the socket's path, in
 * a file of memory. Both structs are only ever added to at the end; each says how long it is, so
 * that a keeper can be replaced by a newer or an older one.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "keeper/keeper.h"

enum { STATE_MAGIC = 0x314b5350 /* "PSK1" */, STATE_MAX = 16 * 1024 * 1024 };

struct state {
	uint32_t magic, size, pane_size, npanes;
	int32_t tcp, local, worker_fd, worker_pid;
	uint32_t crashes_max, crashes, upgrades, upgrades_failed;
	int32_t last_status;
	uint32_t socket; /* bytes of its path */
	uint64_t last_id, started_ms;
	int64_t started_wall_ms;
};

int
state_write(const struct keeper *k)
{
	struct state s = {STATE_MAGIC, sizeof s, sizeof(struct pane), (uint32_t)k->npanes,
	    k->tcp, k->local, k->worker.fd, k->worker.pid, k->crashes_max, k->crashes,
	    k->upgrades, k->upgrades_failed, k->last_status, (uint32_t)strlen(k->socket),
	    k->last_id, k->started_ms, k->started_wall_ms};
	int fd = memfd_create("panescry-keeper", MFD_CLOEXEC), rc = -EIO;
	struct buf b;

	buf_init(&b, STATE_MAX);
	buf_append(&b, &s, sizeof s);
	buf_append(&b, k->panes, k->npanes * sizeof *k->panes);
	if (fd >= 0 && buf_puts(&b, k->socket) == 0 &&
	    write(fd, b.data, b.len) == (ssize_t)b.len)
		rc = fd;
	else
		close_fd(&fd);
	buf_release(&b);
	return rc;
}

static bool
is_open(int fd)
{
	return fd == -1 || fcntl(fd, F_GETFD) >= 0;
}

static bool
take(struct keeper *k, const struct state *s, const char *panes)
{
	size_t known = s->pane_size < sizeof(struct pane) ? s->pane_size : sizeof(struct pane);

	k->tcp = s->tcp;
	k->local = s->local;
	k->crashes_max = s->crashes_max;
	k->crashes = s->crashes;
	k->upgrades = s->upgrades;
	k->upgrades_failed = s->upgrades_failed;
	k->last_status = s->last_status;
	k->started_ms = s->started_ms;
	k->started_wall_ms = s->started_wall_ms;
	k->socket = xstrndup(panes + (size_t)s->npanes * s->pane_size, s->socket);
	k->worker = (struct worker){.state = SERVING, .pid = s->worker_pid, .fd = s->worker_fd};
	k->worker.hello = k->worker.panes = true;
	for (uint32_t i = 0; i < s->npanes; i++) {
		struct pane p = {0};

		memcpy(&p, panes + (size_t)i * s->pane_size, known);
		if (!is_open(p.memory) || !is_open(p.master))
			return false;
		*panes_add(k, p.id) = p;
	}
	k->last_id = s->last_id;
	k->first = false;
	return is_open(k->tcp) && is_open(k->local) && is_open(k->worker.fd);
}

int
state_read(struct keeper *k, int fd)
{
	char *data = xmalloc(STATE_MAX);
	ssize_t n = pread(fd, data, STATE_MAX, 0);
	struct state s = {0};
	bool ok = n > (ssize_t)(4 * sizeof(uint32_t));

	if (ok) {
		memcpy(&s, data, (size_t)n < sizeof s ? (size_t)n : sizeof s);
		ok = s.magic == STATE_MAGIC && s.size <= (size_t)n &&
		     s.size + (uint64_t)s.npanes * s.pane_size + s.socket <= (size_t)n;
	}
	ok = ok && take(k, &s, data + s.size);
	free(data);
	return ok ? 0 : -EINVAL;
}

static void
pass(int fd, bool on)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, on ? 0 : FD_CLOEXEC);
}

void
state_pass(const struct keeper *k, bool on)
{
	pass(k->tcp, on);
	pass(k->local, on);
	pass(k->report, on);
	pass(k->worker.fd, on);
	for (size_t i = 0; i < k->npanes; i++) {
		pass(k->panes[i].memory, on);
		pass(k->panes[i].master, on);
	}
}
