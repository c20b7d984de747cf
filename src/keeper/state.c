/*
 * What one keeper passes to the next: a struct state, then its panes, then the socket's path, then
 * a struct more, the jobs and the children, in a file of memory. The structs are only ever added to at the end,
 * and their sizes are said, so that a keeper can be replaced by a newer or an older one: jobs are
 * behind what an older one reads, as it would take them for panes. (One that holds jobs does not
 * let itself be replaced by such a one.)
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
	uint32_t more; /* bytes behind the path */
	struct kept kept;
};

struct more {
	uint32_t size, njobs;           /* a job is of pane_size, too */
	uint32_t child_size, nchildren; /* behind the jobs */
};

static int
put(struct buf *b, const struct keeper *k, bool jobs)
{
	int rc = 0;

	for (size_t i = 0; i < k->npanes; i++)
		if (keep_is_job(k->panes[i].id) == jobs)
			rc |= buf_append(b, &k->panes[i], sizeof *k->panes);
	return rc;
}

int
state_write(const struct keeper *k)
{
	uint32_t njobs = (uint32_t)panes_jobs(k);
	struct more more = {sizeof more, njobs, sizeof(struct child), (uint32_t)k->nchildren};
	size_t children = k->nchildren * sizeof(struct child);
	struct state s = {STATE_MAGIC, sizeof s, sizeof(struct pane),
	    (uint32_t)k->npanes - njobs, (uint32_t)strlen(k->socket), k->worker.fd,
	    k->worker.pid, (uint32_t)(sizeof more + njobs * sizeof(struct pane) + children),
	    k->kept};
	int fd = memfd_create("panescry-keeper", MFD_CLOEXEC), rc = -EIO;
	struct buf b;

	buf_init(&b, STATE_MAX);
	buf_append(&b, &s, sizeof s);
	if (fd >= 0 && put(&b, k, false) == 0 && buf_puts(&b, k->socket) == 0 &&
	    buf_append(&b, &more, sizeof more) == 0 && put(&b, k, true) == 0 &&
	    buf_append(&b, k->children, children) == 0 &&
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
take_panes(struct keeper *k, const char *panes, uint32_t n, size_t size)
{
	size_t known = size < sizeof(struct pane) ? size : sizeof(struct pane);

	for (uint32_t i = 0; i < n; i++) {
		struct pane p = {.error = -1};

		memcpy(&p, panes + i * size, known);
		if (!is_open(p.memory) || !is_open(p.master) || !is_open(p.error))
			return false;
		*panes_add(k, p.id) = p;
	}
	return true;
}

static void
take_children(struct keeper *k, const char *children, uint32_t n, size_t size)
{
	size_t known = size < sizeof(struct child) ? size : sizeof(struct child);

	k->children = n != 0 ? xcalloc(n, sizeof *k->children) : NULL;
	k->nchildren = n;
	for (uint32_t i = 0; i < n; i++)
		memcpy(&k->children[i], children + i * size, known);
}

static bool
take_jobs(struct keeper *k, const struct state *s, const char *data)
{
	struct more more = {0};
	uint64_t jobs;

	if (s->more < offsetof(struct more, child_size))
		return s->more == 0; /* it held none */
	memcpy(&more.size, data, sizeof more.size);
	if (more.size > s->more || more.size < offsetof(struct more, child_size))
		return false;
	memcpy(&more, data, more.size < sizeof more ? more.size : sizeof more);
	jobs = more.size + (uint64_t)more.njobs * s->pane_size;
	if (jobs > s->more || more.nchildren > CHILDREN_MAX ||
	    (uint64_t)more.nchildren * more.child_size > s->more - jobs)
		return false;
	take_children(k, data + jobs, more.nchildren, more.child_size);
	return take_panes(k, data + more.size, more.njobs, s->pane_size);
}

static bool
take(struct keeper *k, const struct state *s, const char *panes)
{
	const char *socket = panes + (size_t)s->npanes * s->pane_size;

	if (!take_panes(k, panes, s->npanes, s->pane_size) ||
	    !take_jobs(k, s, socket + s->socket))
		return false;
	k->kept = s->kept;
	k->socket = xstrndup(socket, s->socket);
	k->worker = (struct worker){.state = SERVING,
	    .pid = s->worker_pid,
	    .fd = s->worker_fd,
	    .look = -1, /* it hears HELLO again, and gives another */
	    .panes = true,
	    .here = true}; /* to another keeper: it hears HELLO from this one */
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
		     s.size + (uint64_t)s.npanes * s.pane_size + s.socket + s.more <= (size_t)n;
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
		pass(k->panes[i].error, on);
	}
}
