/*
 * What one keeper passes to the next: a struct state, then its panes, then the socket's path, in
 * a file of memory. The structs are only ever added to at the end, and their sizes are said, so
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
#include "base/xmalloc.h"
#include "keeper/keeper.h"

enum { STATE_MAGIC = 0x314b5350 /* "PSK1" */, STATE_MAX = 16 * 1024 * 1024 };

struct state {
	uint32_t magic, size, pane_size, npanes;
	uint32_t socket; /* bytes of its path */
	int32_t worker_fd, worker_pid;
	uint32_t pad;
	struct kept kept;
};

int
state_write(const struct keeper *k)
{
	struct state s = {STATE_MAGIC, sizeof s, sizeof(struct pane), (uint32_t)k->npanes,
	    (uint32_t)strlen(k->socket), k->worker.fd, k->worker.pid, 0, k->kept};
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

	for (uint32_t i = 0; i < s->npanes; i++) {
		struct pane p = {0};

		memcpy(&p, panes + (size_t)i * s->pane_size, known);
		if (!is_open(p.memory) || !is_open(p.master))
			return false;
		*panes_add(k, p.id) = p;
	}
	k->kept = s->kept;
	k->socket = xstrndup(panes + (size_t)s->npanes * s->pane_size, s->socket);
	k->worker = (struct worker){.state = SERVING,
	    .pid = s->worker_pid,
	    .fd = s->worker_fd,
	    .hello = true,
	    .panes = true};
	k->first = false;
	return is_open(k->kept.tcp) && is_open(k->kept.local) && is_open(k->worker.fd);
}

int
state_read(struct keeper *k, int fd)
{
	char *data = xmalloc(STATE_MAX);
	ssize_t n = pread(fd, data, STATE_MAX, 0);
	struct state s = {0};
	bool ok = n > (ssize_t)sizeof s / 2; /* data is longer than any state */

	if (ok) {
		memcpy(&s, data, 4 * sizeof(uint32_t));
		memcpy(&s, data, s.size < sizeof s && s.size <= (size_t)n ? s.size : sizeof s);
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
	pass(k->kept.tcp, on);
	pass(k->kept.local, on);
	pass(k->report, on);
	pass(k->worker.fd, on);
	for (size_t i = 0; i < k->npanes; i++) {
		pass(k->panes[i].memory, on);
		pass(k->panes[i].master, on);
	}
}
