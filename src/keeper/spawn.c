/*
 * What the keeper does for a worker that may not do it itself: it starts processes, signals them,
 * and says where processes are.
 *
 * Who asks may have been taken over by somebody else. A request is therefore copied out of a
 * file that cannot be changed, and read by proto/spawn.h; a pane or job must be one that was
 * told of and has no process yet; tickets name nobody else's processes; the counts are bounded; and
 * nothing that comes with a request is read from, waited for or written to by this process.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "keeper/keeper.h"
#include "os/os.h"
#include "os/spawn.h"
#include "proto/spawn.h"

enum { LOOKS_A_TURN = 64, LOOK_PATH_MAX = 4096 };

/* The table. */

static struct child *
by_ticket(const struct keeper *k, pid_t worker, uint64_t ticket)
{
	for (size_t i = 0; i < k->nchildren; i++)
		if (k->children[i].worker == worker && k->children[i].ticket == ticket)
			return &k->children[i];
	return NULL;
}

static void
drop(struct keeper *k, struct child *c)
{
	*c = k->children[--k->nchildren];
}

static void
note(struct keeper *k, const struct worker *w, const struct keep_packet *p, pid_t pid)
{
	k->children = xreallocarray(k->children, k->nchildren + 1, sizeof *k->children);
	k->children[k->nchildren++] = (struct child){.id = p->m.pane,
	    .ticket = p->m.number,
	    .pid = pid,
	    .worker = w->pid,
	    .tell = pid < 0,
	    .status = -1};
}

/* Starting. */

/* Whether such a process may be started now; or why not. */
static const char *
refusal(const struct keeper *k, const struct worker *w, const struct keep_packet *p)
{
	struct pane *pane = panes_find((struct keeper *)k, p->m.pane);
	size_t helpers = 0;

	if (p->m.number < 2 || p->m.number > INT32_MAX ||
	    by_ticket(k, w->pid, p->m.number) != NULL)
		return "its ticket is none";
	if (k->nchildren >= CHILDREN_MAX)
		return "too many processes run";
	if (!keep_is_helper(p->m.pane)) {
		if (pane == NULL || (p->m.pane & KEEP_REMOTE) != 0)
			return "there is no such pane or job";
		return pane->pid > 0 || pane->reaped ? "it has a process already" : NULL;
	}
	for (size_t i = 0; i < k->nchildren; i++)
		helpers += keep_is_helper(k->children[i].id);
	return helpers >= HELPERS_MAX ? "too many helpers run" : NULL;
}

/* The bytes of a request, which nobody can change meanwhile; NULL: it is no such file. */
static char *
read_request(int fd, size_t *len)
{
	const int sealed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	char *data;

	if (seals < 0 || (seals & sealed) != sealed || fstat(fd, &st) != 0 || st.st_size <= 0 ||
	    st.st_size > SPAWN_BYTES_MAX)
		return NULL;
	*len = (size_t)st.st_size;
	data = xmalloc(*len);
	if (pread(fd, data, *len, 0) == (ssize_t)*len)
		return data;
	free(data);
	return NULL;
}

static pid_t
start(const struct spawn_spec *spec)
{
	struct spawn_report r = {.step = SPAWN_PID};
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	r.err = getpid();
	if (spec->status_fd > 0 && write(spec->status_fd, &r, sizeof r) != sizeof r)
		_exit(127); /* who asked has gone: nobody would hear of it */
	spawn_child(spec);
}

/* Returns the process, or -1 with a reason. */
static pid_t
start_wish(int request, const int fds[KEEP_SPAWN_FDS - 1], const char **why)
{
	struct spawn_wish wish;
	size_t len;
	char *data = read_request(request, &len);
	struct spawn_spec spec = {.status_fd = fds[0] >= 0 ? fds[0] : 0,
	    .tty = fds[1] >= 0 ? fds[1] : 0,
	    .in = fds[2],
	    .out = fds[3],
	    .err = fds[4]};
	pid_t pid;

	if (data == NULL || spawn_unpack(data, len, &wish) != 0) {
		*why = "the request is none";
		free(data);
		return -1;
	}
	spec.argv = wish.argv;
	spec.envp = wish.envp;
	spec.cwd = wish.cwd;
	spec.program = wish.program;
	if ((pid = start(&spec)) < 0)
		*why = strerror(errno);
	spawn_wish_release(&wish);
	free(data);
	return pid;
}

void
spawn_start(
    struct keeper *k, struct worker *w, const struct keep_packet *p, int *fds, unsigned nfds)
{
	const char *why = refusal(k, w, p);
	int got[KEEP_SPAWN_FDS - 1] = {-1, -1, -1, -1, -1};
	struct pane *pane;
	pid_t pid = -1;

	if (nfds > 0)
		keep_unpack_spawn(p->m.flags, fds + 1, nfds - 1, got);
	if (why == NULL && nfds == 0)
		why = "there is no request";
	if (why == NULL)
		pid = start_wish(fds[0], got, &why);
	for (size_t i = 0; i < sizeof got / sizeof *got; i++)
		close_fd(&got[i]);
	if (pid < 0)
		log_warn("keeper", "a process was not started: %s", why);
	if (pid > 0 || (keep_is_helper(p->m.pane) && k->nchildren < CHILDREN_MAX))
		note(k, w, p, pid);
	if (pid > 0 && (pane = panes_find(k, p->m.pane)) != NULL)
		pane->pid = pid;
}

void
spawn_send_signal(const struct keeper *k, const struct worker *w, const struct keep_packet *p)
{
	const struct child *c = by_ticket(k, w->pid, p->m.number);

	/* It has not been reaped, so that nobody else has its number. */
	if (c == NULL || c->pid <= 1 || c->tell || p->m.status <= 0 || p->m.status >= NSIG)
		return;
	if ((p->m.flags & KEEP_GROUP) == 0 || kill(-c->pid, p->m.status) != 0)
		kill(c->pid, p->m.status);
}

/* Ends. */

bool
spawn_reaped(struct keeper *k, pid_t pid, int status)
{
	for (size_t i = 0; i < k->nchildren; i++) {
		struct child *c = &k->children[i];

		if (c->pid != pid || c->tell)
			continue;
		if (keep_is_helper(c->id)) {
			c->tell = true;
			c->status = status;
			return true;
		}
		drop(k, c);
		return false; /* a pane's or a job's, of which their table says more */
	}
	return false;
}

bool
spawn_has_ended(const struct keeper *k, const struct worker *w)
{
	for (size_t i = 0; i < k->nchildren; i++)
		if (k->children[i].tell && k->children[i].worker == w->pid)
			return true;
	return false;
}

int
spawn_tell(struct keeper *k, struct worker *w)
{
	for (size_t i = 0; i < k->nchildren;) {
		struct child *c = &k->children[i];
		/* Its ticket tells the worker which it is. */
		struct keep_packet p = {.m = {.pane = c->id,
					    .number = c->ticket,
					    .pid = c->pid,
					    .status = c->status}};

		if (!c->tell || c->worker != w->pid) {
			i++;
			continue;
		}
		if (worker_say(w, KEEP_EXITED, &p, NULL, 0) != 0)
			return -EAGAIN;
		drop(k, c);
	}
	return 0;
}

void
spawn_forget(struct keeper *k, pid_t worker)
{
	for (size_t i = 0; i < k->nchildren;) {
		if (k->children[i].worker == worker)
			drop(k, &k->children[i]);
		else
			i++;
	}
}

/* Where processes are. */

void
spawn_look(struct worker *w, int *fds, unsigned nfds)
{
	if (nfds == 0)
		return;
	close_fd(&w->look);
	w->look = fds[0];
	fds[0] = -1;
}

static void
answer(int fd, const struct keep_look *q)
{
	struct {
		struct keep_look q;
		char path[LOOK_PATH_MAX];
	} a = {.q = *q};
	size_t len = sizeof a.q;

	if (q->pid > 0 && os_process_cwd(q->pid, a.path, sizeof a.path) == 0)
		len += strlen(a.path);
	/* One that does not read its answers gets none. */
	if (os_send(fd, &a, len, NULL, 0) != 0)
		log_debug("keeper", "an answer was left out");
}

void
spawn_looks(struct worker *w)
{
	for (int i = 0; w->look >= 0 && i < LOOKS_A_TURN; i++) {
		struct keep_look q;
		unsigned nfds;
		int fd;
		ssize_t n = os_receive(w->look, &q, sizeof q, &fd, 0, &nfds);

		if (n == -EAGAIN)
			return;
		if (n == sizeof q)
			answer(w->look, &q);
		else
			close_fd(&w->look);
	}
}
