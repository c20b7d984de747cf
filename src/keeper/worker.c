/* One worker: starting it, what it is told, what it says, and what follows from its end. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "keeper/keeper.h"
#include "os/os.h"

enum {
	UPGRADE_MS = 5000, /* for each of: to start, to yield, to restore */
	RESTORE_MS = 60000,
	LEAVE_MS = 2000,
	STOP_MS = 12000, /* more than panes get to end */
	CRASH_WINDOW_MS = 60000,
	BACKOFF_MS = 50, /* times 4 for each that did not come up, up to BACKOFF_MAX_MS */
	BACKOFF_MAX_MS = 5000,
};

static bool
is_due(const struct worker *w, enum keep_type type)
{
	return (w->due >> type & 1) != 0;
}

static void
set_due(struct worker *w, enum keep_type type)
{
	w->due |= 1u << type;
}

static void
enter(struct worker *w, enum worker_state state, uint64_t timeout_ms)
{
	w->state = state;
	w->deadline_ms = timeout_ms != 0 ? keeper_now() + timeout_ms : 0;
}

/* One that was told to stop before it came to serve has only so long, too. */
static void
enter_serving(const struct keeper *k, struct worker *w)
{
	enter(w, SERVING, k->stopping ? STOP_MS : 0);
}

/* Starting. */

bool
keeper_serves_tls(const struct keeper *k)
{
	for (size_t i = 1; k->worker_argv[i] != NULL; i++)
		if (strcmp(k->worker_argv[i], "--tls-cert") == 0)
			return true;
	return false;
}

static _Noreturn void
child(struct keeper *k, const char *program, int fd)
{
	char number[16];
	sigset_t none;

	snprintf(number, sizeof number, "%d", fd);
	setenv(KEEP_ENV, number, 1);
	fcntl(fd, F_SETFD, 0);
	signal(SIGCHLD, SIG_DFL);
	if (keeper_serves_tls(k))
		signal(SIGHUP, SIG_IGN); /* until it can act upon it */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(program, k->worker_argv);
	log_error("keeper", "%s: %s", program, strerror(errno));
	_exit(127);
}

void
spares_hold(struct keeper *k)
{
	for (int i = 0; i < SPARES; i++)
		if (k->spares[i] < 0)
			k->spares[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
spares_give(struct keeper *k)
{
	for (int i = 0; i < SPARES; i++)
		close_fd(&k->spares[i]);
}

void
worker_start(struct keeper *k, struct worker *w, const char *program)
{
	bool upgrade = w == &k->next;
	int ends[2] = {-1, -1};

	spares_give(k);
	*w = (struct worker){.fd = -1, .look = -1, .pid = -1, .first = k->first};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0)
		w->pid = fork();
	if (w->pid == 0)
		child(k, program, ends[1]);
	close_fd(&ends[1]);
	spares_hold(k);
	if (w->pid < 0) {
		log_error("keeper", "no worker can be started: %s", strerror(errno));
		close_fd(&ends[0]);
		k->start_at_ms = upgrade ? k->start_at_ms : keeper_now() + BACKOFF_MAX_MS;
		return;
	}
	k->first = false;
	w->fd = ends[0];
	enter(w, STARTING, upgrade ? UPGRADE_MS : RESTORE_MS);
	worker_send(k, w);
}

/* What it is told. */

/* Any failure but a full socket is a worker that has gone, of which SIGCHLD tells. */
int
worker_say(
    struct worker *w, enum keep_type type, struct keep_packet *p, const int *fds, unsigned nfds)
{
	const struct keep_status *s = (const struct keep_status *)p->text;
	size_t len = keep_pack(p, type, s, type == KEEP_STATUS ? sizeof *s : 0);
	int rc = os_send(w->fd, p, len, fds, nfds);

	return rc == -EAGAIN || rc == -ENOBUFS || rc == -ETOOMANYREFS ? -EAGAIN : 0;
}

static int
say_hello(struct keeper *k, struct worker *w)
{
	struct keep_packet p = {
	    .m = {.number = k->kept.last_pane,
		.count = (uint32_t)(k->npanes - panes_jobs(k)),
		.pid = getpid(),
		.time_ms = k->kept.started_wall_ms,
		.flags = KEEP_JOBS | KEEP_SPAWNS | (w->first ? KEEP_FIRST : 0)}};
	int fds[KEEP_FDS] = {k->kept.tcp, k->kept.local, k->report};
	unsigned n = w->first && k->report >= 0 ? 3 : 2;

	if (worker_say(w, KEEP_HELLO, &p, fds, n) != 0)
		return -EAGAIN;
	if (n == 3)
		close_fd(&k->report);
	w->hello = true;
	return 0;
}

static unsigned
pack_fds(const struct pane *pane, uint32_t *flags, int out[KEEP_FDS])
{
	int fds[KEEP_FDS] = {pane->memory, pane->master, pane->error};

	if (keep_is_job(pane->id))
		return keep_pack_fds(fds, flags, out);
	out[0] = pane->memory;
	out[1] = pane->master;
	return pane->master >= 0 ? 2 : 1;
}

/* All there is to know of a pane, or, while the worker serves, that it was reaped. */
static int
say_pane(struct worker *w, enum keep_type type, struct pane *pane)
{
	struct keep_packet p = {.m = {.pane = pane->id,
				    .pid = pane->pid,
				    .status = pane->status,
				    .flags = pane->reaped ? KEEP_ENDED : 0,
				    .count = pane->tries}};
	int fds[KEEP_FDS];
	unsigned n = type == KEEP_EXITED ? 0 : pack_fds(pane, &p.m.flags, fds);

	if (worker_say(w, type, &p, fds, n) != 0)
		return -EAGAIN;
	pane->tell = false;
	return 0;
}

static int
say_panes(struct keeper *k, struct worker *w)
{
	for (; w->next_pane < k->npanes; w->next_pane++) {
		struct pane *pane = &k->panes[w->next_pane];

		if ((w->jobs || !keep_is_job(pane->id)) && say_pane(w, KEEP_PANE, pane) != 0)
			return -EAGAIN;
	}
	w->panes = true;
	set_due(w, KEEP_PANES);
	if (w->state == STARTING)
		w->state = RESTORING;
	return 0;
}

static void
fill_status(const struct keeper *k, struct keep_packet *p)
{
	struct keep_status s = k->kept.said;

	s.size = sizeof s;
	s.pid = getpid();
	s.jobs = (uint32_t)panes_jobs(k);
	s.panes = (uint32_t)k->npanes - s.jobs;
	s.descriptors = os_open_descriptors();
	s.resident = os_resident_bytes();
	s.uptime_ms = keeper_now() - k->kept.started_ms;
	memcpy(p->text, &s, sizeof s);
}

static int
say_due(struct keeper *k, struct worker *w)
{
	for (unsigned type = KEEP_HELLO; type <= KEEP_STATUS; type++) {
		struct keep_packet p = {0};

		if (!is_due(w, type))
			continue;
		if (type == KEEP_STATUS)
			fill_status(k, &p);
		if (worker_say(w, type, &p, NULL, 0) != 0)
			return -EAGAIN;
		w->due &= ~(1u << type);
	}
	return 0;
}

/* An upgrade's worker is told of the panes only when the one before has let go of them. */
static bool
wants_panes(const struct keeper *k, const struct worker *w)
{
	return !w->panes && w->state == (w == &k->next ? RESTORING : STARTING);
}

bool
worker_has_due(const struct keeper *k, const struct worker *w)
{
	if (w->state == NO_WORKER)
		return false;
	if (!w->hello || !w->here)
		return !w->hello;
	if (w->due != 0 || wants_panes(k, w))
		return true;
	for (size_t i = 0; w->state == SERVING && i < k->npanes; i++)
		if (k->panes[i].tell)
			return true;
	return spawn_has_ended(k, w);
}

void
worker_send(struct keeper *k, struct worker *w)
{
	if (w->state == NO_WORKER || (!w->hello && say_hello(k, w) != 0) || !w->here ||
	    (wants_panes(k, w) && say_panes(k, w) != 0) || say_due(k, w) != 0)
		return;
	for (size_t i = 0; w->state == SERVING && i < k->npanes; i++)
		if (k->panes[i].tell && say_pane(w, KEEP_EXITED, &k->panes[i]) != 0)
			return;
	spawn_tell(k, w);
}

/* Upgrades. */

static void
upgrade_failed(struct keeper *k, const char *why)
{
	struct worker *old = &k->worker;

	snprintf(k->kept.said.last_failure, sizeof k->kept.said.last_failure, "%s", why);
	log_error("keeper", "the upgrade failed: %s", why);
	k->kept.said.upgrades_failed++;
	free(k->next_program);
	k->next_program = NULL;
	if (old->state == YIELDING || old->state == YIELDED) {
		set_due(old, KEEP_RESUME);
		enter_serving(k, old);
	}
}

void
upgrade_start(struct keeper *k, const char *program)
{
	if (k->stopping)
		return;
	if (k->next.state == LEAVING) { /* the one of the upgrade before: then */
		free(k->next_program);
		k->next_program = xstrdup(program);
	}
	if (k->next.state != NO_WORKER)
		return;
	if (k->worker.state == NO_WORKER) { /* none is left to take over from */
		k->down = false;
		k->ncrashes = k->failures = 0;
		k->start_at_ms = keeper_now();
		return;
	}
	if (*program == '\0')
		program = k->worker_argv[0];
	log_info("keeper", "upgrading to %s", program);
	free(k->next_program);
	k->next_program = xstrdup(program);
	worker_start(k, &k->next, k->next_program);
	if (k->next.state == NO_WORKER)
		upgrade_failed(k, "no process could be started");
}

/* The new worker serves: the old one can go. Its end is awaited in k->next's place. */
static void
take_over(struct keeper *k)
{
	struct worker old = k->worker;

	k->worker = k->next;
	k->next = old;
	if (old.state != NO_WORKER) {
		set_due(&k->next, KEEP_QUIT);
		enter(&k->next, LEAVING, LEAVE_MS);
	}
	free(k->program);
	k->worker_argv[0] = k->program = k->next_program;
	k->next_program = NULL;
	k->down = false; /* the old one may have died once too often meanwhile */
	k->ncrashes = 0;
	k->kept.said.upgrades++;
	k->exec_due = true;
	log_info("keeper", "worker %d has taken over", (int)k->worker.pid);
}

/* What it says. */

static void
is_here(struct keeper *k, struct worker *w, const struct keep_packet *p)
{
	if (p->m.number != KEEP_VERSION) {
		log_error("keeper", "worker %d speaks version %llu, not %d", (int)w->pid,
		    (unsigned long long)p->m.number, KEEP_VERSION);
		kill(w->pid, SIGKILL);
		return;
	}
	free(w->keeper);
	w->keeper = xstrdup(p->text);
	w->here = true;
	w->jobs = (p->m.flags & KEEP_JOBS) != 0;
	if (w != &k->next || w->state != STARTING)
		return;
	enter(w, WAITING, UPGRADE_MS);
	if (k->worker.state == SERVING) {
		set_due(&k->worker, KEEP_YIELD);
		enter(&k->worker, YIELDING, UPGRADE_MS);
	} else {
		kill(w->pid, SIGKILL); /* it is just being restarted anyway */
	}
}

static void
is_ready(struct keeper *k, struct worker *w)
{
	if (w->state != RESTORING)
		return;
	w->trying = 0;
	for (size_t i = 0; i < k->npanes; i++)
		k->panes[i].tries = 0;
	if (w == &k->next) {
		take_over(k);
		w = &k->worker;
	}
	k->failures = 0;
	set_due(w, KEEP_GO);
	enter_serving(k, w);
}

static void
has_yielded(struct keeper *k, struct worker *w)
{
	if (w != &k->worker || w->state != YIELDING)
		return;
	enter(w, YIELDED, 0);
	if (k->next.state == WAITING)
		enter(&k->next, RESTORING, UPGRADE_MS);
}

static void
on_born(struct keeper *k, const struct keep_packet *p, int *fds, unsigned nfds)
{
	bool job = keep_is_job(p->m.pane);
	struct pane *pane;
	int held[KEEP_FDS];

	if (p->m.pane == 0)
		return;
	if (!job && nfds < (p->m.pane & KEEP_REMOTE ? 1 : 2))
		log_error("keeper",
		    "no descriptor is left for pane %llu, which would end with its worker",
		    (unsigned long long)(p->m.pane & ~KEEP_REMOTE));
	if (nfds == 0 && !job)
		return;
	pane = panes_add(k, p->m.pane);
	panes_drop(pane);
	if (p->m.pid > 0 || pane->pid == 0) /* it may be this process that has it to start */
		pane->pid = p->m.pid;
	keep_unpack_fds(job ? p->m.flags : KEEP_FD | KEEP_FD << 1, fds, nfds, held);
	pane->memory = held[0];
	pane->master = held[1];
	pane->error = held[2];
}

static void
about_pane(struct keeper *k, struct worker *w, const struct keep_packet *p)
{
	struct pane *pane = panes_find(k, p->m.pane);

	if (pane == NULL)
		return;
	switch (p->m.type) {
	case KEEP_TRY:
		w->trying = p->m.pane;
		break;
	case KEEP_REAPED:
		pane->reaped = true;
		pane->status = p->m.status;
		/* The next worker may have been told of it as of one that runs. */
		pane->tell = w->state == YIELDED || w->state == LEAVING;
		break;
	case KEEP_DRAINED:
		if (!keep_is_job(pane->id))
			close_fd(&pane->master);
		else if (p->m.status == KEEP_INPUT)
			close_fd(&pane->memory);
		else
			panes_drop(pane);
		break;
	default:
		panes_remove(k, p->m.pane);
		break;
	}
}

static void
on_packet(struct keeper *k, struct worker *w, struct keep_packet *p, int *fds, unsigned nfds)
{
	switch (p->m.type) {
	case KEEP_HERE:
		is_here(k, w, p);
		break;
	case KEEP_READY:
		is_ready(k, w);
		break;
	case KEEP_BORN:
		on_born(k, p, fds, nfds);
		break;
	case KEEP_TRY:
	case KEEP_REAPED:
	case KEEP_DRAINED:
	case KEEP_GONE:
		about_pane(k, w, p);
		break;
	case KEEP_YIELDED:
		has_yielded(k, w);
		break;
	case KEEP_STOPPED: /* its end follows; that of one that was to take over is a failure */
		if (w == &k->worker || w->state == LEAVING)
			enter(w, LEAVING, LEAVE_MS);
		break;
	case KEEP_UPGRADE:
		upgrade_start(k, p->text);
		break;
	case KEEP_END:
		raise(SIGTERM);
		break;
	case KEEP_ASK:
		set_due(w, KEEP_STATUS);
		break;
	case KEEP_SPAWN:
		spawn_start(k, w, p, fds, nfds);
		break;
	case KEEP_SIGNAL:
		spawn_send_signal(k, w, p);
		break;
	case KEEP_LOOK:
		spawn_look(w, fds, nfds);
		break;
	default: /* of a later version */
		break;
	}
}

void
worker_receive(struct keeper *k, struct worker *w)
{
	while (w->fd >= 0) {
		struct keep_packet p;
		int fds[OS_FDS_MAX];
		unsigned nfds;
		ssize_t n = os_receive(w->fd, &p, sizeof p, fds, OS_FDS_MAX, &nfds);

		if (n == -EAGAIN)
			return;
		if (n <= 0) { /* its end, of which SIGCHLD tells */
			close_fd(&w->fd);
			return;
		}
		if (keep_unpack(&p, (size_t)n) == 0)
			on_packet(k, w, &p, fds, nfds);
		for (unsigned i = 0; i < nfds; i++)
			close_fd(&fds[i]);
		/* Taking over exchanges the two, and this one is now the other. */
		if (p.m.type == KEEP_READY)
			return;
	}
}

/* Its end. */

/* True when it is one too many in a minute. */
static bool
note_crash(struct keeper *k)
{
	uint64_t now = keeper_now();
	unsigned n = k->ncrashes++, max = k->kept.crashes_max;

	k->kept.said.crashes++;
	k->crash_ms[n % CRASHES_MAX] = now;
	return max != 0 && n + 1 >= max &&
	       now - k->crash_ms[(n + 1 - max) % CRASHES_MAX] < CRASH_WINDOW_MS;
}

static uint64_t
backoff(const struct keeper *k)
{
	uint64_t ms = BACKOFF_MS;

	if (k->failures == 0)
		return 0; /* the last one served: it can be replaced at once */
	for (unsigned i = 1; i < k->failures && ms < BACKOFF_MAX_MS; i++)
		ms *= 4;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

static void
crashed(struct keeper *k, const struct worker *w, int status)
{
	struct pane *pane = w->trying != 0 ? panes_find(k, w->trying) : NULL;
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	k->kept.said.last_status = status;
	/* Somebody may just have killed it: that says half as much against the pane. */
	if (pane != NULL)
		pane->tries += sig == SIGKILL ? 1 : 2;
	if (w->state < SERVING)
		k->failures++;
	log_error("keeper", "worker %d ended with %s %d (%s)", (int)w->pid,
	    sig != 0 ? "signal" : "status", sig != 0 ? sig : WEXITSTATUS(status),
	    sig != 0 ? strsignal(sig) : "it gave up");
	k->down = note_crash(k);
	if (k->down)
		log_error("keeper",
		    "that was the %u. in a minute: %zu panes and jobs are kept, but no "
		    "worker is started until SIGUSR2 to process %d or panescry serve --upgrade",
		    k->kept.crashes_max, k->npanes, (int)getpid());
	else
		k->start_at_ms = keeper_now() + backoff(k);
}

static struct worker *
by_pid(struct keeper *k, pid_t pid)
{
	if (k->worker.state != NO_WORKER && k->worker.pid == pid)
		return &k->worker;
	return k->next.state != NO_WORKER && k->next.pid == pid ? &k->next : NULL;
}

bool
worker_died(struct keeper *k, pid_t pid, int status)
{
	struct worker *w = by_pid(k, pid), was;

	if (w == NULL)
		return false;
	worker_receive(k, w); /* what it still said, by which it may have taken over */
	w = by_pid(k, pid);
	was = *w;
	close_fd(&w->fd);
	close_fd(&w->look);
	*w = (struct worker){.fd = -1, .look = -1};
	spawn_forget(k, pid);
	free(was.keeper);
	if (w == &k->next) {
		if (was.state != LEAVING)
			upgrade_failed(k, "the new worker ended before it could take over");
		if (k->worker.state == NO_WORKER && !k->down && !k->stopping)
			k->start_at_ms = keeper_now();
	} else if (was.first && was.state < SERVING) {
		/* It has said why, to the terminal or the report. */
		k->stopping = k->first_failed = true;
		k->kept.said.last_status = status;
	} else if (!k->stopping) {
		crashed(k, &was, status);
		if (k->next.state == WAITING || k->next.state == RESTORING) {
			k->start_at_ms = 0; /* what it was to yield to is there */
			enter(&k->next, RESTORING, UPGRADE_MS);
		}
	}
	return true;
}

void
worker_timed_out(struct keeper *k, struct worker *w)
{
	w->deadline_ms = 0;
	if (w == &k->worker && w->state == YIELDING && k->next.state != NO_WORKER) {
		kill(k->next.pid, SIGKILL); /* it goes on with the old one */
		return;
	}
	log_warn("keeper", "worker %d does not answer: it is ended", (int)w->pid);
	kill(w->pid, SIGKILL);
}
