/* From a spec to a process, and what it is held by. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xmalloc.h"
#include "job/runner_priv.h"
#include "os/os.h"
#include "os/spawn.h"
#include "pane/env.h"
#include "pane/pty.h"
#include "proto/keep.h"

enum { FDS = 3 };

static void
close_fds(int fds[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static char **
environment(const struct job *j)
{
	struct env_spec spec = {.socket = j->runner->socket_path, .cwd = j->spec.cwd};
	char *own = xasprintf("PANESCRY_JOB=%s", j->id), **extra, **env;
	size_t n = 0;

	while (j->spec.env != NULL && j->spec.env[n] != NULL)
		n++;
	extra = xcalloc(n + 2, sizeof *extra);
	for (size_t i = 0; i < n; i++)
		extra[i] = j->spec.env[i];
	extra[n] = own;
	spec.extra = extra;
	env = env_make(&spec);
	free(extra);
	free(own);
	return env;
}

/* Ours is not to block; the child's end of a pipe is another description. */
static int
make_pipe(int *ours, int *theirs, bool reads)
{
	int fds[2], rc = os_pipe(fds);

	if (rc != 0)
		return rc;
	*ours = fds[reads ? 0 : 1];
	*theirs = fds[reads ? 1 : 0];
	fcntl(*ours, F_SETFL, O_NONBLOCK);
	return 0;
}

/* What spawning said does not tell a directory from a program. */
static int
explain(const struct job *j, int rc, char **cause)
{
	struct stat st;

	if (stat(j->spec.cwd, &st) != 0)
		return err_sys(cause, -errno, "cannot change to %s", j->spec.cwd);
	if (!S_ISDIR(st.st_mode))
		return err_sys(cause, -ENOTDIR, "cannot change to %s", j->spec.cwd);
	return err_sys(cause, rc, "cannot execute %s", j->spec.argv[0]);
}

/* A PATH of its own decides where its program is found. */
static char *
find_program(const struct job *j, char *const *env)
{
	const char *path = NULL, *name = j->spec.argv[0];

	for (; *env != NULL; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			path = *env + 5;
	if (strchr(name, '/') != NULL || path == NULL)
		return NULL;
	while (*path != '\0') {
		size_t n = strcspn(path, ":");
		char *s = xasprintf("%.*s/%s", (int)n, path, name);

		if (n != 0 && access(s, X_OK) == 0)
			return s;
		free(s);
		path += n + (path[n] == ':');
	}
	return NULL;
}

/* What tells whether the command could be executed. */

static void
close_status(struct job_priv *p)
{
	uv_close((uv_handle_t *)p->status_poll, (uv_close_cb)free);
	p->status_poll = NULL;
	close(p->status_fd);
	p->status_fd = -1;
}

/* The process id comes first, where another process starts the command; the end of the pipe
 * without that is one that could not. */
void
process_status(struct job *j)
{
	struct job_priv *p = j->priv;
	struct spawn_report f = {0};
	ssize_t n = 0;
	char *why = NULL;

	while (p->status_fd >= 0 && (n = read(p->status_fd, &f, sizeof f)) == sizeof f &&
	       f.step == SPAWN_PID) {
		j->pid = f.err;
		jobs_pid(j->runner->cfg.store, j->number, j->pid);
	}
	if (p->status_fd < 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	close_status(p);
	if (n == (ssize_t)sizeof f) {
		if (j->spec.pty)
			err_sys(&why, -f.err, "cannot %s", spawn_step_name(f.step));
		else if (f.step == SPAWN_CHDIR)
			err_sys(&why, -f.err, "cannot change to %s", j->spec.cwd);
		else
			err_sys(&why, -f.err, "cannot execute %s", j->spec.argv[0]);
		p->lost |= !j->spec.pty; /* it never was one: it has no status */
		run_failed(j, CAUSE_SPAWN, why);
	} else if (j->pid < 0) {
		p->lost = true;
		run_failed(
		    j, CAUSE_SPAWN, xstrdup("the keeper started no process: see the log"));
		run_reaped(j, 127 << 8); /* nobody else will say so */
	}
}

static void
on_status(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	process_status(h->data);
}

static void
watch_status(struct job *j, int fd)
{
	struct job_priv *p = j->priv;

	p->status_fd = fd;
	p->status_poll = xcalloc(1, sizeof *p->status_poll);
	uv_poll_init(j->runner->cfg.loop, p->status_poll, p->status_fd);
	p->status_poll->data = j;
	uv_poll_start(p->status_poll, UV_READABLE, on_status);
}

static int
start_pipes(struct job *j, char **env, pid_t *pid, int fds[FDS], char **cause)
{
	int theirs[FDS] = {-1, -1, -1}, status[2] = {-1, -1}, rc = 0;
	char *program = find_program(j, env);
	struct spawn_spec spec = {.argv = j->spec.argv,
	    .envp = env,
	    .cwd = j->spec.cwd,
	    .number = KEEP_JOB | held_number(j)};

	if (j->spec.input)
		rc = make_pipe(&fds[0], &theirs[0], false);
	for (int i = 1; i < FDS && rc == 0; i++)
		rc = make_pipe(&fds[i], &theirs[i], true);
	if (rc == 0 && spawn_elsewhere())
		rc = make_pipe(&status[0], &status[1], true);
	if (rc != 0) {
		rc = err_sys(cause, rc, "no pipe could be made");
	} else {
		spec.in = theirs[0];
		spec.out = theirs[1];
		spec.err = theirs[2];
		spec.program = program;
		spec.status_fd = status[1] >= 0 ? status[1] : 0;
		if ((rc = spawn_process(&spec, pid)) != 0)
			rc = explain(j, rc, cause);
	}
	close_fds(theirs, FDS);
	close_fds(status + 1, 1);
	if (rc != 0) {
		close_fds(fds, FDS);
		close_fds(status, 1);
	} else if (status[0] >= 0) {
		watch_status(j, status[0]);
	}
	free(program);
	return rc;
}

static int
start_pty(struct job *j, char **env, pid_t *pid, int fds[FDS], char **cause)
{
	struct pty_spec spec = {j->spec.argv, env, j->spec.cwd, j->spec.cols, j->spec.rows,
	    KEEP_JOB | held_number(j)};
	struct pty pty;
	int rc = pty_spawn(&spec, &pty);

	if (rc != 0)
		return err_sys(cause, rc, "no terminal could be made");
	*pid = pty.pid;
	fds[1] = pty.master;
	watch_status(j, pty.status_fd);
	return 0;
}

static void
open_channels(struct job *j, const int fds[FDS])
{
	struct runner *r = j->runner;
	struct job_priv *p = j->priv;

	for (unsigned i = 0; i < JOB_CHANNELS; i++) {
		struct job_channel *c = &j->channels[i];

		if (fds[i + 1] < 0)
			continue;
		c->spool = spool_add(r->spool, j->number, i + 1, fds[i + 1], j->spec.pty,
		    c->bytes, &p->limit, &p->users[i]);
	}
}

void
process_replay(struct job *j)
{
	for (unsigned i = 0; i < JOB_CHANNELS; i++) {
		struct job_channel *c = &j->channels[i];

		if (c->state != CHANNEL_PROPOSED)
			c->spool = spool_add(j->runner->spool, j->number, i + 1, -1, false,
			    c->bytes, &j->priv->limit, &j->priv->users[i]);
	}
}

/* Its standard input; under a PTY that is the master, of which the spool has the other. */
static void
open_input(struct job *j, int in, int master)
{
	struct job_priv *p = j->priv;

	p->in = in;
	if (master >= 0)
		p->in = fcntl(master, F_DUPFD_CLOEXEC, 0);
	p->input_ends = false;
	buf_init(&p->input, RUNNER_INPUT_MAX);
}

int
process_start(struct job *j, char **cause)
{
	struct runner *r = j->runner;
	char **env = environment(j);
	int fds[FDS] = {-1, -1, -1}, rc;

	rc = j->spec.pty ? start_pty(j, env, &j->pid, fds, cause)
			 : start_pipes(j, env, &j->pid, fds, cause);
	env_free(env);
	if (rc != 0)
		return rc;
	r->cfg.held(r->cfg.arg, held_number(j), j->pid, fds);
	j->priv->held = true;
	open_input(j, fds[0], j->spec.pty ? fds[1] : -1);
	open_channels(j, fds);
	return 0;
}

void
process_adopt(struct job *j, pid_t pid, int fds[FDS])
{
	j->pid = pid;
	j->priv->held = true;
	open_input(j, fds[0], j->spec.pty ? fds[1] : -1);
	open_channels(j, fds);
	fds[0] = fds[1] = fds[2] = -1;
}

/* Its group; a PTY's command may have made others, of which one is in the foreground. */
void
process_signal(struct job *j, int sig)
{
	if (j->pid != 0)
		spawn_signal(j->pid, sig, true);
}

void
process_close(struct job *j)
{
	struct job_priv *p = j->priv;

	if (p->in_poll != NULL)
		uv_close((uv_handle_t *)p->in_poll, (uv_close_cb)free);
	if (p->status_poll != NULL)
		close_status(p);
	p->in_poll = NULL;
	if (p->in >= 0)
		close(p->in);
	p->in = -1;
	buf_release(&p->input);
	buf_init(&p->input, RUNNER_INPUT_MAX);
}

/* Input. */

static void write_input(struct job *j);

static void
on_writable(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	write_input(h->data);
}

static void
wait_writable(struct job *j)
{
	struct job_priv *p = j->priv;

	if (p->in_poll != NULL)
		return;
	p->in_poll = xcalloc(1, sizeof *p->in_poll);
	if (uv_poll_init(j->runner->cfg.loop, p->in_poll, p->in) != 0) {
		free(p->in_poll);
		p->in_poll = NULL;
		return;
	}
	p->in_poll->data = j;
	uv_poll_start(p->in_poll, UV_WRITABLE, on_writable);
}

static void
shut_input(struct job *j)
{
	struct job_priv *p = j->priv;

	if (p->in_poll != NULL)
		uv_close((uv_handle_t *)p->in_poll, (uv_close_cb)free);
	p->in_poll = NULL;
	/* The other end of a PTY is told by a character. */
	if (j->spec.pty && p->input_ends && write(p->in, "\004", 1) < 0) {
		/* It has gone. */
	}
	close(p->in);
	p->in = -1;
	if (!j->spec.pty)
		j->runner->cfg.input_ends(j->runner->cfg.arg, held_number(j));
}

static void
write_input(struct job *j)
{
	struct job_priv *p = j->priv;

	while (p->in >= 0 && p->input.len != 0) {
		ssize_t n = write(p->in, p->input.data, p->input.len);

		if (n > 0) {
			buf_drain(&p->input, (size_t)n);
		} else if (errno == EAGAIN) {
			wait_writable(j);
			return;
		} else if (errno != EINTR) {
			buf_reset(&p->input);
			p->input_ends = false;
			shut_input(j); /* nobody reads it */
			return;
		}
	}
	if (p->in_poll != NULL)
		uv_close((uv_handle_t *)p->in_poll, (uv_close_cb)free);
	p->in_poll = NULL;
	if (p->in >= 0 && p->input_ends)
		shut_input(j);
}

int
job_write(struct job *j, const void *data, size_t len)
{
	struct job_priv *p = j->priv;

	if (p->in < 0 || p->input_ends)
		return -EPIPE;
	if (buf_append(&p->input, data, len) != 0)
		return -ENOBUFS;
	if (p->in_poll == NULL)
		write_input(j);
	return 0;
}

void
job_end_input(struct job *j)
{
	struct job_priv *p = j->priv;

	if (p->in < 0 || p->input_ends)
		return;
	p->input_ends = true;
	if (p->in_poll == NULL)
		write_input(j);
}

int
job_resize(struct job *j, unsigned cols, unsigned rows)
{
	if (!j->spec.pty || j->priv->in < 0)
		return -ENOTTY;
	j->spec.cols = cols;
	j->spec.rows = rows;
	return pty_resize(j->priv->in, cols, rows);
}

int
job_signal(struct job *j, int sig)
{
	if (j->pid == 0 || j->priv->reaped)
		return -ESRCH;
	return spawn_signal(j->pid, sig, true);
}
