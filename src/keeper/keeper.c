/* The loop: signals, children, stopping, and this process's own upgrade. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "keeper/keeper.h"
#include "os/os.h"

enum { HUP_MS = 5000, STOP_MS = 12000, BACKLOG = 1024 };

static volatile sig_atomic_t got_child, got_end, got_upgrade, got_hangup;

uint64_t
keeper_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
on_signal(int signum)
{
	if (signum == SIGCHLD)
		got_child = 1;
	else if (signum == SIGUSR2)
		got_upgrade = 1;
	else if (signum == SIGHUP)
		got_hangup = 1;
	else
		got_end = 1;
}

/* Blocked from here on, but for the time of the poll. */
static void
catch_signals(void)
{
	static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR2};
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		sigaction(signals[i], &sa, NULL);
		sigaddset(&set, signals[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

/* Stopping. */

static void
stop(struct keeper *k)
{
	if (k->stopping)
		return;
	k->stopping = true;
	k->start_at_ms = 0;
	if (k->next.state != NO_WORKER)
		kill(k->next.pid, SIGKILL);
	if (k->worker.state == NO_WORKER)
		return;
	/* One that is still restoring gets it when it is done, or not in time. */
	k->worker.due |= 1u << KEEP_STOP;
	k->worker.deadline_ms = keeper_now() + STOP_MS;
}

/* What the worker has left, if anything: true when no pane is there any more. */
static bool
end_panes(struct keeper *k)
{
	uint64_t now = keeper_now();

	if (k->kill_at_ms == 0) {
		k->kill_at_ms = now + HUP_MS;
		/* Jobs may have some last words, and get no signal from a pipe that breaks. */
		for (size_t i = 0; i < k->npanes; i++)
			if (!keep_is_job(k->panes[i].id))
				close_fd(&k->panes[i].master);
		return panes_signal(k, SIGHUP) == 0;
	}
	return panes_signal(k, now >= k->kill_at_ms ? SIGKILL : 0) == 0;
}

static bool
has_stopped(struct keeper *k)
{
	if (!k->stopping || k->worker.state != NO_WORKER || k->next.state != NO_WORKER)
		return false;
	return end_panes(k);
}

/* Children. */

static void start_next_keeper(struct keeper *k, int status);

static void
reap(struct keeper *k)
{
	struct pane *p;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		/* A child of a worker comes to us when that has died: what it still said of the
		 * child is in the socket. */
		worker_receive(k, &k->worker);
		worker_receive(k, &k->next);
		if (worker_died(k, pid, status))
			continue;
		if (pid == k->checker) {
			start_next_keeper(k, status);
			continue;
		}
		if (spawn_reaped(k, pid, status) || (p = panes_by_pid(k, pid)) == NULL)
			continue;
		p->reaped = p->tell = true;
		p->status = status;
	}
}

static void
forget_refused(struct keeper *k)
{
	for (size_t i = 0; i < REFUSED_MAX; i++)
		close_fd(&k->refused[i]);
}

/* While there is no worker and none will come, clients hear so. They are not read from; one that
 * is still sending would not see the answer if its connection was closed, so the last few are
 * left open. */
static void
refuse(struct keeper *k, int listener)
{
	static const char answer[] =
	    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Connection: close\r\nContent-Length: 114\r\n\r\n"
	    "{\"error\":\"no_worker\",\"message\":\"the worker kept failing: see the log, then "
	    "run panescry serve --upgrade\"}        \n";
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (write(fd, answer, sizeof answer - 1) < 0)
		log_warn("keeper", "a client could not be told that there is no worker");
	shutdown(fd, SHUT_WR);
	close_fd(&k->refused[k->next_refused]);
	k->refused[k->next_refused] = fd;
	k->next_refused = (k->next_refused + 1) % REFUSED_MAX;
}

/* This process's own upgrade: the next keeper is first asked whether it understands the state. */

static void
exec_next(const struct keeper *k, const char *verb, int state_fd)
{
	char fd[16], *program = k->worker.keeper, **argv;
	size_t n = 0;

	while (k->worker_argv[n] != NULL)
		n++;
	snprintf(fd, sizeof fd, "%d", state_fd);
	argv = xcalloc(n + 4, sizeof *argv);
	argv[0] = program;
	argv[1] = (char *)verb;
	argv[2] = fd;
	memcpy(argv + 3, k->worker_argv, n * sizeof *argv);
	state_pass(k, true);
	fcntl(state_fd, F_SETFD, 0);
	execv(program, argv);
	log_error("keeper", "%s: %s", program, strerror(errno));
	state_pass(k, false);
	free(argv);
}

static void
check_next_keeper(struct keeper *k)
{
	k->exec_due = false;
	if (k->worker.keeper == NULL)
		return;
	/* It is of the worker's build. */
	if (!k->worker.jobs && panes_jobs(k) != 0) {
		log_warn("keeper", "the new keeper knows no jobs: this one goes on");
		return;
	}
	if ((k->state_fd = state_write(k)) < 0)
		return;
	k->checker = fork();
	if (k->checker == 0) {
		exec_next(k, "check", k->state_fd);
		_exit(127);
	}
}

static void
start_next_keeper(struct keeper *k, int status)
{
	int fd;

	k->checker = 0;
	close_fd(&k->state_fd);
	if (status != 0 || k->stopping || k->worker.keeper == NULL) {
		log_warn("keeper", "the new keeper does not take this state: this one goes on");
		return;
	}
	/* The worker may have said more since, and what it asked is answered here or never; and the
	 * old one may still be leaving. */
	worker_send(k, &k->worker);
	k->exec_due = k->next.state != NO_WORKER || k->next_program != NULL ||
		      k->worker.state != SERVING || k->worker.due != 0;
	if (k->exec_due || (fd = state_write(k)) < 0)
		return;
	exec_next(k, "resume", fd);
	close(fd);
}

/* The loop. */

static void
earlier(uint64_t *when, uint64_t other)
{
	if (other != 0 && (*when == 0 || other < *when))
		*when = other;
}

static int
wait_for_events(struct keeper *k)
{
	struct pollfd fds[6];
	uint64_t when = 0, now = keeper_now();
	struct timespec ts = {0};
	nfds_t n = 0;
	sigset_t none;
	struct worker *workers[] = {&k->worker, &k->next};

	for (int i = 0; i < 2; i++) {
		const struct worker *w = workers[i];

		earlier(&when, w->state != NO_WORKER ? w->deadline_ms : 0);
		if (w->state != NO_WORKER && w->fd >= 0)
			fds[n++] = (struct pollfd){
			    w->fd, (short)(POLLIN | (worker_has_due(k, w) ? POLLOUT : 0)), 0};
	}
	for (int i = 0; i < 2; i++)
		if (workers[i]->look >= 0)
			fds[n++] = (struct pollfd){workers[i]->look, POLLIN, 0};
	if (k->down) {
		fds[n++] = (struct pollfd){k->kept.tcp, POLLIN, 0};
		fds[n++] = (struct pollfd){k->kept.local, POLLIN, 0};
	}
	earlier(&when, k->start_at_ms);
	if (k->stopping)
		earlier(&when, now + 100); /* panes that are no children of ours may end */
	if (when > now) {
		ts.tv_sec = (time_t)((when - now) / 1000);
		ts.tv_nsec = (long)((when - now) % 1000) * 1000000;
	}
	sigemptyset(&none);
	return ppoll(fds, n, when != 0 ? &ts : NULL, &none);
}

/* With a certificate SIGHUP is for the worker, which reads that again. */
static void
hang_up(struct keeper *k)
{
	if (!keeper_serves_tls(k))
		stop(k);
	else if (k->worker.state != NO_WORKER)
		kill(k->worker.pid, SIGHUP);
}

static void
take_signals(struct keeper *k)
{
	if (got_end)
		stop(k);
	if (got_hangup)
		hang_up(k);
	got_hangup = 0;
	if (got_upgrade)
		upgrade_start(k, "");
	got_end = got_upgrade = 0;
	if (got_child) {
		got_child = 0;
		reap(k);
	}
}

static void
turn(struct keeper *k)
{
	struct worker *workers[] = {&k->worker, &k->next};
	uint64_t now = keeper_now();

	for (int i = 0; i < 2; i++) {
		worker_receive(k, workers[i]);
		spawn_looks(workers[i]);
		if (workers[i]->state != NO_WORKER && workers[i]->deadline_ms != 0 &&
		    now >= workers[i]->deadline_ms)
			worker_timed_out(k, workers[i]);
	}
	if (k->start_at_ms != 0 && now >= k->start_at_ms) {
		k->start_at_ms = 0;
		worker_start(k, &k->worker, k->worker_argv[0]);
	}
	if (k->next_program != NULL && k->next.state == NO_WORKER) {
		char *program = k->next_program;

		k->next_program = NULL;
		upgrade_start(k, program);
		free(program);
	}
	worker_send(k, &k->worker);
	worker_send(k, &k->next);
	if (k->exec_due && k->next.state == NO_WORKER && k->worker.due == 0 && k->checker == 0)
		check_next_keeper(k);
	if (k->down) {
		refuse(k, k->kept.tcp);
		refuse(k, k->kept.local);
	} else {
		forget_refused(k);
	}
}

static int
run(struct keeper *k)
{
	while (!has_stopped(k)) {
		wait_for_events(k);
		take_signals(k);
		turn(k);
	}
	if (k->socket != NULL && *k->socket != '\0')
		unlink(k->socket);
	if (k->first_failed)
		return WIFEXITED(k->kept.said.last_status)
			   ? WEXITSTATUS(k->kept.said.last_status)
			   : 2;
	log_info("keeper", "ended");
	return 0;
}

/* Starting. */

/*
 * start TCP UNIX REPORT CRASHES SOCKET WORKER... begins; REPORT may be -1, and SOCKET empty where the
 * socket's path is not to be removed at the end.
 * resume FD WORKER... goes on with the state in the file, check FD WORKER... says whether it can.
 * Returns the index of WORKER, or 0 when this is no such thing.
 */
static int
read_arguments(struct keeper *k, int argc, char **argv, int *state)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "start") == 0 && argc > 7) {
		k->kept.tcp = atoi(argv[2]);
		k->kept.local = atoi(argv[3]);
		k->report = atoi(argv[4]);
		k->kept.crashes_max = (unsigned)atoi(argv[5]);
		k->socket = xstrdup(argv[6]);
		return 7;
	}
	if ((strcmp(verb, "resume") != 0 && strcmp(verb, "check") != 0) || argc < 4)
		return 0;
	*state = atoi(argv[2]);
	return state_read(k, *state) == 0 ? 3 : 0;
}

int
main(int argc, char **argv)
{
	/* Static, so that what it holds at the end is no leak. */
	static struct keeper k = {.report = -1, .state_fd = -1, .first = true};
	int state = -1, worker;

	k.worker.fd = k.next.fd = k.worker.look = k.next.look = -1;
	memset(k.spares, -1, sizeof k.spares);
	spares_hold(&k);
	memset(k.refused, -1, sizeof k.refused);
	k.kept.started_ms = keeper_now();
	k.kept.started_wall_ms = clock_wall_ms();
	log_open(STDERR_FILENO, LOG_INFO);
	if ((worker = read_arguments(&k, argc, argv, &state)) == 0) {
		log_error("keeper", "this program is started by panescry serve");
		return 2;
	}
	if (strcmp(argv[1], "check") == 0)
		return 0;
	k.worker_argv = argv + worker;
	catch_signals();
	os_become_reaper();
	state_pass(&k, false);
	if (state < 0) {
		k.start_at_ms = k.kept.started_ms;
	} else {
		close(state);
		got_child = 1; /* what was reaped in between would not be told again */
		log_info("keeper", "goes on as version %s", PACKAGE_VERSION);
	}
	/* Whoever connects learns from the socket which process keeps it. */
	listen(k.kept.local, BACKLOG);
	return run(&k);
}
