#include "config.h"

#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <unistd.h>

#include "in_pty.h"
#include "kept.h"
#include "os/os.h"

enum { WAIT_MS = 20000, STEP_MS = 10, TEXT_MAX = 512 };

#define DIR_ENV "PANESCRY_KEPT_DIR"

enum order_kind { RUN, RUN_PTY, REAP, QUIT };

struct order {
	enum order_kind kind;
	pid_t pid; /* answers, too; with a status for REAP */
	int status;
	char script[TEXT_MAX];
};

/* The worker. */

static void
in_child(const char *script)
{
	setpgid(0, 0);
	execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	_exit(127);
}

static void
run(int control, struct order *o)
{
	int in[2], out[2], err[2], mine[KEEP_FDS];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 ||
	    pipe2(err, O_CLOEXEC) != 0)
		_exit(3);
	o->pid = fork();
	if (o->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		in_child(o->script);
	}
	setpgid(o->pid, o->pid);
	mine[0] = in[1];
	mine[1] = out[0];
	mine[2] = err[0];
	os_send(control, o, sizeof *o, mine, KEEP_FDS);
	for (unsigned i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
		close(err[i]);
	}
}

static void
run_pty(int control, struct order *o)
{
	int master;

	o->pid = fork_in_pty(&master);
	if (o->pid == 0)
		in_child(o->script);
	os_send(control, o, sizeof *o, &master, 1);
	close(master);
}

static _Noreturn void
be_worker(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int line = atoi(getenv(KEEP_ENV));
	struct order o = {.pid = getpid()};

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s/w", path);
	if (connect(control, (struct sockaddr *)&sa, sizeof sa) != 0 || chdir(path) != 0 ||
	    os_send(control, &o, sizeof o, &line, 1) != 0)
		_exit(3);
	close(line);
	while (recv(control, &o, sizeof o, 0) == sizeof o) {
		if (o.kind == RUN)
			run(control, &o);
		else if (o.kind == RUN_PTY)
			run_pty(control, &o);
		else if (o.kind == QUIT)
			_exit(0);
		else if (waitpid(o.pid, &o.status, 0) == o.pid)
			os_send(control, &o, sizeof o, NULL, 0);
	}
	_exit(0);
}

void
kept_main(void)
{
	const char *dir = getenv(DIR_ENV);

	if (dir != NULL && getenv(KEEP_ENV) != NULL)
		be_worker(dir);
}

/* The keeper. */

static int
listen_at(const char *dir, const char *name, int type)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s/%s", dir, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static int
listen_tcp(void)
{
	struct sockaddr_in sa = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

/* A program of the build directory, where this one is in tests/unit/. */
static void
program_path(const char *name, char *buf, size_t size)
{
	char self[4000];

	assert_int_equal(os_program_path(self, sizeof self), 0);
	for (unsigned i = 0; i < 3; i++)
		*strrchr(self, '/') = '\0';
	snprintf(buf, size, "%s/%s", self, name);
}

/* Workers are started as the daemon's are. */
static _Noreturn void
be_keeper(const struct kept_keeper *k, int tcp, int local)
{
	char self[4096], keeper[4096], numbers[2][16], path[80];

	if (os_program_path(self, sizeof self) != 0)
		_exit(127);
	program_path("panescry-keeper", keeper, sizeof keeper);
	snprintf(numbers[0], sizeof *numbers, "%d", tcp);
	snprintf(numbers[1], sizeof *numbers, "%d", local);
	snprintf(path, sizeof path, "%s/s", k->dir);
	fcntl(tcp, F_SETFD, 0);
	fcntl(local, F_SETFD, 0);
	dup2(k->log, 2);
	setenv(DIR_ENV, k->dir, 1);
	setenv("HOME", k->dir, 1);
	setenv("XDG_CONFIG_HOME", k->dir, 1);
	execl(keeper, keeper, "start", numbers[0], numbers[1], "-1", "0", path, self, "serve",
	    "--foreground", "--no-tmux", "--listen", "127.0.0.1:0", "--socket", path,
	    "--state-dir", k->dir, (char *)NULL);
	_exit(127);
}

int
kept_setup(void **state)
{
	struct kept_keeper *k = calloc(1, sizeof *k);
	char path[80];
	int tcp, local;

	*state = k;
	/* What outlives the keeper comes here, and can be awaited. */
	os_become_reaper();
	snprintf(k->dir, sizeof k->dir, "/tmp/panescry-kept-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	k->listener = listen_at(k->dir, "w", SOCK_SEQPACKET);
	snprintf(path, sizeof path, "%s/log", k->dir);
	k->log = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_true(k->log >= 0);
	tcp = listen_tcp();
	local = listen_at(k->dir, "s", SOCK_STREAM);
	k->pid = fork();
	if (k->pid == 0)
		be_keeper(k, tcp, local);
	close(tcp);
	close(local);
	return k->pid > 0 ? 0 : -1;
}

/* What the keeper had is this process's now. */
static void
end_child(pid_t who)
{
	pid_t pid;

	while ((pid = waitpid(who, NULL, WNOHANG)) > 0)
		;
	if (pid == 0)
		kill(who, SIGKILL);
	while (waitpid(who, NULL, 0) > 0)
		;
}

static void
note(struct kept_keeper *k, pid_t pid)
{
	assert_true(k->npids < KEPT_MAX);
	k->pids[k->npids++] = pid;
}

int
kept_teardown(void **state)
{
	struct kept_keeper *k = *state;
	char command[96];

	close(k->listener);
	close(k->log);
	if (k->pid > 0)
		kill(k->pid, SIGKILL);
	if (k->pid > 0)
		waitpid(k->pid, NULL, 0);
	for (unsigned i = 0; i < k->npids; i++)
		end_child(k->pids[i]);
	snprintf(command, sizeof command, "rm -r %s", k->dir);
	if (system(command) != 0)
		return -1;
	free(k);
	return 0;
}

/* Talking. */

static ssize_t
receive(int fd, void *data, size_t len, int *fds, unsigned max, unsigned *nfds)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	return os_receive(fd, data, len, fds, max, nfds);
}

static void
order(struct kept_worker *w, struct order *o, int *fds, unsigned *nfds)
{
	assert_int_equal(os_send(w->control, o, sizeof *o, NULL, 0), 0);
	assert_int_equal(receive(w->control, o, sizeof *o, fds, KEEP_FDS, nfds), sizeof *o);
}

void
kept_accept(struct kept_keeper *k, struct kept_worker *w, struct kept_message *m)
{
	struct pollfd pfd = {.fd = k->listener, .events = POLLIN};
	struct kept_message hello;
	struct order o;
	unsigned n;

	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	w->keeper = k;
	w->control = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(w->control >= 0);
	assert_int_equal(receive(w->control, &o, sizeof o, &w->fd, 1, &n), sizeof o);
	assert_int_equal(n, 1);
	w->pid = o.pid;
	note(k, w->pid);
	m = m != NULL ? m : &hello;
	kept_hear(w, KEEP_HELLO, m);
	assert_int_equal(m->nfds, 2);
	close(m->fds[0]);
	close(m->fds[1]);
}

void
kept_say(struct kept_worker *w, struct keep_packet *p, enum keep_type type, const int *fds,
    unsigned nfds)
{
	size_t len = keep_pack(p, type, p->text, p->m.text);

	assert_int_equal(os_send(w->fd, p, len, fds, nfds), 0);
}

void
kept_here(struct kept_worker *w, bool jobs)
{
	struct keep_packet p = {.m = {.number = KEEP_VERSION, .flags = jobs ? KEEP_JOBS : 0}};
	char link[64];
	ssize_t n;

	/* Its own program is what replaces it. */
	snprintf(link, sizeof link, "/proc/%d/exe", (int)w->keeper->pid);
	n = readlink(link, p.text, sizeof p.text);
	assert_true(n > 0);
	p.m.text = (uint32_t)n;
	kept_say(w, &p, KEEP_HERE, NULL, 0);
}

void
kept_say_pane(struct kept_worker *w, enum keep_type type, uint64_t pane, int status)
{
	struct keep_packet p = {.m = {.pane = pane, .status = status}};

	kept_say(w, &p, type, NULL, 0);
}

void
kept_say_job(struct kept_worker *w, uint64_t number, pid_t pid, const int fds[KEEP_FDS])
{
	struct keep_packet p = {.m = {.pane = number, .pid = pid}};
	int out[KEEP_FDS];
	unsigned n = keep_pack_fds(fds, &p.m.flags, out);

	kept_say(w, &p, KEEP_BORN, out, n);
}

void
kept_hear(struct kept_worker *w, enum keep_type type, struct kept_message *m)
{
	ssize_t n = receive(w->fd, &m->p, sizeof m->p, m->fds, OS_FDS_MAX, &m->nfds);

	assert_true(n > 0);
	assert_int_equal(keep_unpack(&m->p, (size_t)n), 0);
	assert_int_equal(m->p.m.type, type);
}

void
kept_upgrade_to_daemon(struct kept_worker *w)
{
	struct keep_packet p = {0};
	struct kept_message m;

	program_path("panescry", p.text, sizeof p.text);
	p.m.text = (uint32_t)strlen(p.text);
	kept_say(w, &p, KEEP_UPGRADE, NULL, 0);
	kept_hear(w, KEEP_YIELD, &m);
	kept_say_pane(w, KEEP_YIELDED, 0, 0);
}

void
kept_serve(struct kept_worker *w)
{
	struct kept_message m;

	kept_hear(w, KEEP_PANES, &m);
	kept_say_pane(w, KEEP_READY, 0, 0);
	kept_hear(w, KEEP_GO, &m);
}

struct keep_status
kept_status(struct kept_worker *w)
{
	struct kept_message m;
	struct keep_status s;

	kept_say_pane(w, KEEP_ASK, 0, 0);
	kept_hear(w, KEEP_STATUS, &m);
	keep_read_status(&m.p, &s);
	return s;
}

/* Dying. */

void
kept_gone(pid_t pid)
{
	for (int ms = 0; ms < WAIT_MS && kill(pid, 0) == 0; ms += STEP_MS)
		poll(NULL, 0, STEP_MS);
	assert_int_equal(kill(pid, 0), -1);
}

void
kept_group_gone(pid_t pid)
{
	for (int ms = 0; ms < WAIT_MS && kill(-pid, 0) == 0; ms += STEP_MS) {
		waitpid(-pid, NULL, WNOHANG);
		poll(NULL, 0, STEP_MS);
	}
	assert_int_equal(kill(-pid, 0), -1);
}

static void
forget(struct kept_worker *w)
{
	close(w->fd);
	close(w->control);
	kept_gone(w->pid);
}

void
kept_kill(struct kept_worker *w)
{
	assert_int_equal(kill(w->pid, SIGKILL), 0);
	forget(w);
}

void
kept_quit(struct kept_worker *w)
{
	struct order o = {.kind = QUIT};

	assert_int_equal(os_send(w->control, &o, sizeof o, NULL, 0), 0);
	forget(w);
}

/* Commands. */

pid_t
kept_run(struct kept_worker *w, const char *script, bool pty, int fds[KEEP_FDS])
{
	struct order o = {.kind = pty ? RUN_PTY : RUN};
	unsigned n;

	assert_true(strlen(script) < sizeof o.script);
	memcpy(o.script, script, strlen(script));
	fds[0] = fds[2] = -1;
	order(w, &o, pty ? fds + 1 : fds, &n);
	assert_int_equal(n, pty ? 1 : KEEP_FDS);
	note(w->keeper, -o.pid);
	return o.pid;
}

int
kept_reap(struct kept_worker *w, pid_t pid)
{
	struct order o = {.kind = REAP, .pid = pid};
	unsigned n;

	order(w, &o, NULL, &n);
	return o.status;
}

const char *
kept_read(int fd, const char *text)
{
	static char got[64 * 1024];
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	ssize_t n;

	*got = '\0';
	while (text == NULL || strstr(got, text) == NULL) {
		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		n = read(fd, got + len, sizeof got - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		got[len] = '\0';
	}
	assert_true(text == NULL || strstr(got, text) != NULL);
	return got;
}

void
kept_touch(struct kept_keeper *k, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/%s", k->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

void
kept_logs(struct kept_keeper *k, const char *text)
{
	char log[8192];

	for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
		ssize_t n = pread(k->log, log, sizeof log - 1, 0);

		log[n > 0 ? n : 0] = '\0';
		if (strstr(log, text) != NULL)
			return;
		poll(NULL, 0, STEP_MS);
	}
	fail_msg("the keeper's log lacks \"%s\":\n%s", text, log);
}

bool
kept_is(struct kept_keeper *k, const char *verb)
{
	char path[64], args[8192] = "";
	int fd;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)k->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, args, sizeof args - 1) > 0);
	close(fd);
	return strcmp(args + strlen(args) + 1, verb) == 0;
}

void
kept_ended(struct kept_keeper *k, int status)
{
	int how = -1;

	for (int ms = 0; ms < WAIT_MS && waitpid(k->pid, &how, WNOHANG) != k->pid;
	     ms += STEP_MS)
		poll(NULL, 0, STEP_MS);
	assert_int_equal(how, status);
	k->pid = -1;
}
