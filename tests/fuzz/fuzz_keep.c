/*
 * The keeper and what workers say to it, and a worker and what the keeper says. Nothing crashes, no
 * descriptor is lost or closed twice, nobody is signalled but who is the keeper's to signal, a worker is
 * told things in the order of proto/keep.h, and what one keeper writes down for the next is read as it
 * was. Processes are the only thing that is not real: those that the keeper starts are numbers here, and
 * signals to them are only looked at.
 *
 * Input: which of these; for the keeper then steps of a byte each, some with arguments; for the worker
 * pieces of a byte of length and a packet; for the state its bytes; for a request for a process those.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "app/keep.h"
#include "fuzz.h"
#include "os/os.h"

enum { FIRST_PID = 1 << 30, ENDS_MAX = 64, CHILDREN = 1024 };

/* What the keeper started, by number. */
static struct {
	int ends[ENDS_MAX]; /* the worker's of each socket pair */
	unsigned n, ended;
	unsigned children; /* that it was asked for, numbered behind the workers */
	bool seen_hello, seen_panes, is_here, knows_jobs; /* of the newest */
	uint64_t now_ms;
} world;

static int
fuzz_socketpair(int domain, int type, int protocol, int ends[2])
{
	if (world.n == ENDS_MAX)
		return -1;
	if (socketpair(domain, type, protocol, ends) != 0)
		return -1;
	world.ends[world.n] = fcntl(ends[1], F_DUPFD_CLOEXEC, 0);
	return 0;
}

static pid_t
fuzz_fork(void)
{
	return (pid_t)(FIRST_PID + world.n++);
}

static pid_t
fuzz_fork_child(void)
{
	if (world.children == CHILDREN) {
		errno = EAGAIN;
		return -1;
	}
	return (pid_t)(FIRST_PID + ENDS_MAX + world.children++);
}

static int
fuzz_kill(pid_t pid, int sig)
{
	pid_t who = pid < 0 ? -pid : pid;

	must(who > 1 && sig >= 0 && sig < NSIG);
	errno = ESRCH;
	if (who >= (pid_t)(FIRST_PID + ENDS_MAX))
		return who < (pid_t)(FIRST_PID + ENDS_MAX) + (pid_t)world.children ? 0 : -1;
	return who >= (pid_t)FIRST_PID && who < (pid_t)(FIRST_PID + world.n) ? 0 : -1;
}

static int
fuzz_raise(int sig)
{
	must(sig == SIGTERM);
	return 0;
}

#define socketpair fuzz_socketpair
#define fork fuzz_fork
#define kill fuzz_kill
#define raise fuzz_raise
#include "keeper/panes.c"  /* NOLINT */
#include "keeper/worker.c" /* NOLINT */
#undef fork
#define fork fuzz_fork_child
#include "keeper/spawn.c" /* NOLINT */
#undef socketpair
#undef fork
#undef kill
#undef raise

uint64_t
keeper_now(void)
{
	return world.now_ms;
}

/* The keeper. */

struct input {
	const uint8_t *data;
	size_t size;
};

static unsigned
next_byte(struct input *in)
{
	if (in->size == 0)
		return 0;
	in->size--;
	return *in->data++;
}

/* A pane's or a job's, of few, so that the same comes again. */
static uint64_t
next_pane(struct input *in)
{
	unsigned b = next_byte(in);
	uint64_t kind = b >> 6 == 1 ? KEEP_JOB : b >> 6 == 2 ? KEEP_REMOTE : 0;

	return b >> 6 == 3 ? (b & 1 ? UINT64_MAX : 0) : kind | (b & 15);
}

static void
check_told(const struct keep_packet *p, unsigned nfds)
{
	switch (p->m.type) {
	case KEEP_HELLO:
		must(nfds >= 2 && !world.seen_hello);
		world.seen_hello = true;
		break;
	case KEEP_PANE:
		must(world.is_here && !world.seen_panes);
		must(world.knows_jobs || !keep_is_job(p->m.pane));
		must(keep_is_job(p->m.pane) || nfds >= 1);
		break;
	case KEEP_PANES:
		must(world.is_here && !world.seen_panes);
		world.seen_panes = true;
		break;
	case KEEP_GO:
		must(world.seen_panes);
		break;
	default:
		must(p->m.type <= KEEP_STATUS && world.seen_hello);
	}
}

/* What came for a worker; only of the newest it is known what it has been told before. */
static void
hear(unsigned worker)
{
	struct keep_packet p;
	int fds[OS_FDS_MAX];
	unsigned nfds;
	ssize_t n;

	while ((n = os_receive(world.ends[worker], &p, sizeof p, fds, OS_FDS_MAX, &nfds)) > 0) {
		must(keep_unpack(&p, (size_t)n) == 0);
		if (worker == world.n - 1)
			check_told(&p, nfds);
		for (unsigned i = 0; i < nfds; i++)
			close(fds[i]);
	}
}

static void
hear_all(void)
{
	for (unsigned i = 0; i < world.n; i++)
		if (world.ends[i] >= 0)
			hear(i);
}

static void
say_something(struct keeper *k, struct input *in, unsigned worker, enum keep_type type)
{
	struct keep_packet p = {.m = {.pane = next_pane(in)}};
	int file = type == KEEP_BORN ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
	int fds[OS_FDS_MAX] = {file, file, file, file};
	unsigned how = next_byte(in);
	size_t len;

	p.m.pid = how & 16 ? (int)next_byte(in) - 3 : (int)how * 1000;
	p.m.status = how & 8 ? KEEP_INPUT : (int)how;
	p.m.flags = (how & 7) * KEEP_FD | (how & 32 ? KEEP_JOBS : 0);
	p.m.number = how & 64 ? how : KEEP_VERSION;
	if (type == KEEP_HERE && worker == world.n - 1 && p.m.number == KEEP_VERSION) {
		world.is_here = true;
		world.knows_jobs = (p.m.flags & KEEP_JOBS) != 0;
	}
	len = keep_pack(&p, type, "/some/program", how & 128 ? 13 : 0);
	if (how == 255)
		p.m.size = next_byte(in);
	os_send(world.ends[worker], &p, len, fds, file >= 0 ? how % (OS_FDS_MAX + 1) : 0);
	if (file >= 0)
		close(file);
	(void)k;
}

/* SPAWN, SIGNAL or LOOK. What is asked for is whole, nearly whole or no request. */
static void
ask_something(struct input *in, unsigned worker)
{
	char sh[] = "sh", empty[] = "", *argv[] = {sh, empty, NULL}, *envp[] = {empty, NULL};
	struct spawn_wish wish = {NULL, "/", argv, envp};
	unsigned how = next_byte(in);
	enum keep_type type = KEEP_SPAWN + how % 3;
	struct keep_packet p = {.m = {.pane = next_pane(in)}};
	int fds[OS_FDS_MAX], fd = -1, ends[2] = {-1, -1};
	struct buf b;

	buf_init(&b, SPAWN_BYTES_MAX);
	must(spawn_pack(&wish, &b) == 0);
	if (how & 16)
		b.data[next_byte(in) % b.len] = (char)next_byte(in);
	if (how & 32)
		p.m.pane = KEEP_HELPER | next_byte(in);
	p.m.number = how & 64 ? next_byte(in) : 2 + world.children;
	p.m.status = (int)next_byte(in) - 2;
	p.m.flags = next_byte(in) << 7;
	if (type == KEEP_SPAWN)
		fd = how & 128 ? open("/dev/null", O_RDONLY | O_CLOEXEC)
			       : os_memory_sealed("fuzz", b.data, b.len);
	else if (type == KEEP_LOOK)
		must(socketpair(
			 AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	for (unsigned i = 0; i < OS_FDS_MAX; i++)
		fds[i] = ends[0] >= 0 ? ends[0] : fd;
	os_send(world.ends[worker], &p, keep_pack(&p, type, NULL, 0), fds,
	    fds[0] >= 0 ? next_byte(in) % (OS_FDS_MAX + 1) : 0);
	if (ends[1] >= 0)
		os_send(ends[1], &(struct keep_look){1, 1},
		    how & 8 ? 3 : sizeof(struct keep_look), NULL, 0);
	buf_release(&b);
	close_fd(&fd);
	close_fd(&ends[0]);
	close_fd(&ends[1]);
}

static void
check_children(struct keeper *k)
{
	size_t helpers = 0;

	must(k->nchildren <= CHILDREN_MAX);
	for (size_t i = 0; i < k->nchildren; i++) {
		const struct child *c = &k->children[i];

		must(c->pid > 1 || (c->pid == -1 && c->tell));
		must(keep_is_helper(c->id) || !c->tell);
		helpers += keep_is_helper(c->id) && c->pid > 1;
	}
	must(helpers <= HELPERS_MAX);
}

static void
check_keeper(struct keeper *k)
{
	size_t held = 0;

	check_children(k);
	for (size_t i = 0; i < k->npanes; i++) {
		const struct pane *p = &k->panes[i];
		int fds[] = {p->memory, p->master, p->error};

		must(p->id != 0 && panes_find(k, p->id) == p);
		must(keep_is_job(p->id) || (p->id & KEEP_REMOTE) != 0 ||
		     p->id <= k->kept.last_pane);
		for (unsigned n = 0; n < 3; n++) {
			must(fds[n] >= -1 && (fds[n] < 0 || fcntl(fds[n], F_GETFD) >= 0));
			held += fds[n] >= 0;
		}
	}
	must(k->worker.next_pane <= k->npanes && k->next.next_pane <= k->npanes);
	must(k->worker.state != SERVING || k->next.state != SERVING);
	must(k->worker.state != WAITING && k->next.state != YIELDED);
	must(panes_jobs(k) <= k->npanes && held <= 3 * k->npanes);
}

static bool
is_same(const struct pane *a, const struct pane *b)
{
	return a->id == b->id && a->pid == b->pid && a->memory == b->memory &&
	       a->master == b->master && a->error == b->error && a->reaped == b->reaped &&
	       a->status == b->status && a->tries == b->tries && a->tell == b->tell;
}

/* What the next keeper would know. */
static void
check_state(const struct keeper *k)
{
	struct keeper next = {.report = -1, .state_fd = -1};
	int fd = state_write(k);
	size_t n = 0;

	must(fd >= 0 && state_read(&next, fd) == 0);
	must(next.nchildren == k->nchildren);
	for (size_t i = 0; i < k->nchildren; i++)
		must(next.children[i].id == k->children[i].id &&
		     next.children[i].ticket == k->children[i].ticket &&
		     next.children[i].pid == k->children[i].pid &&
		     next.children[i].worker == k->children[i].worker);
	must(next.npanes == k->npanes && strcmp(next.socket, k->socket) == 0);
	must(next.kept.last_pane == k->kept.last_pane && next.kept.tcp == k->kept.tcp);
	for (int jobs = 0; jobs < 2; jobs++)
		for (size_t i = 0; i < k->npanes; i++)
			if (keep_is_job(k->panes[i].id) == jobs)
				must(is_same(&next.panes[n++], &k->panes[i]));
	close(fd);
	free(next.children);
	free(next.panes);
	free(next.socket);
}

static void
turn(struct keeper *k)
{
	struct worker *workers[] = {&k->worker, &k->next};

	for (int i = 0; i < 2; i++) {
		worker_receive(k, workers[i]);
		spawn_looks(workers[i]);
		if (workers[i]->state != NO_WORKER && workers[i]->deadline_ms != 0 &&
		    world.now_ms >= workers[i]->deadline_ms)
			worker_timed_out(k, workers[i]);
	}
	if (k->start_at_ms != 0 && world.now_ms >= k->start_at_ms &&
	    k->worker.state == NO_WORKER) {
		k->start_at_ms = 0;
		world.seen_hello = world.seen_panes = world.is_here = world.knows_jobs = false;
		worker_start(k, &k->worker, k->worker_argv[0]);
	}
	worker_send(k, &k->worker);
	worker_send(k, &k->next);
}

static void
step(struct keeper *k, struct input *in)
{
	unsigned what = next_byte(in), worker = what & 1 ? world.n - 1 : world.n - 2;
	unsigned before = world.n;

	if (worker >= world.n)
		worker = world.n - 1;
	switch (what >> 5 == 7 ? 16 : what >> 5 == 6 ? 17 : what >> 1 & 15) {
	case 16:
		ask_something(in, worker);
		break;
	case 17: /* one that it was asked for dies */
		spawn_reaped(
		    k, (pid_t)(FIRST_PID + ENDS_MAX + next_byte(in)), (int)next_byte(in));
		break;
	case 0: /* dies */
		hear(worker);
		worker_died(k, (pid_t)(FIRST_PID + worker), (int)next_byte(in));
		break;
	case 1:
		world.now_ms += next_byte(in) * 500u;
		break;
	case 2:
		worker_died(k, (pid_t)next_byte(in), 9);
		break;
	case 3:
		panes_signal(k, what & 1 ? SIGHUP : SIGKILL);
		break;
	default:
		say_something(k, in, worker, KEEP_HERE + (what >> 1 & 15) - 4);
	}
	turn(k);
	if (world.n != before)
		world.seen_hello = world.seen_panes = world.is_here = world.knows_jobs = false;
	hear_all();
	check_keeper(k);
}

static void
try_keeper(struct input *in)
{
	static char program[] = "/some/worker";
	char *argv[] = {program, NULL};
	struct keeper k = {.report = -1, .state_fd = -1, .first = true, .worker_argv = argv};
	unsigned open_before = os_open_descriptors();

	memset(&world, 0, sizeof world);
	world.now_ms = 1000000;
	k.worker.fd = k.next.fd = k.worker.look = k.next.look = -1;
	memset(k.spares, -1, sizeof k.spares);
	k.kept.tcp = open("/dev/null", O_RDONLY | O_CLOEXEC);
	k.kept.local = open("/dev/null", O_RDONLY | O_CLOEXEC);
	k.kept.crashes_max = next_byte(in) % (CRASHES_MAX + 1);
	k.socket = xstrdup("/some/socket");
	worker_start(&k, &k.worker, k.worker_argv[0]);
	hear_all();
	for (unsigned i = 0; in->size != 0 && i < 300 && world.n < ENDS_MAX; i++)
		step(&k, in);
	check_state(&k);
	while (k.npanes != 0)
		panes_remove(&k, k.panes[0].id);
	for (unsigned i = 0; i < world.n; i++)
		close_fd(&world.ends[i]);
	close_fd(&k.worker.fd);
	close_fd(&k.next.fd);
	close_fd(&k.worker.look);
	close_fd(&k.next.look);
	close_fd(&k.kept.tcp);
	close_fd(&k.kept.local);
	for (int i = 0; i < SPARES; i++)
		close_fd(&k.spares[i]);
	must(os_open_descriptors() == open_before);
	free(k.program);
	free(k.worker.keeper);
	free(k.next.keeper);
	free(k.next_program);
	free(k.children);
	free(k.panes);
	free(k.socket);
}

/* The worker. */

static unsigned packets;

static void
on_packet_of_keeper(void *arg, const struct keep_packet *p, int fds[], unsigned nfds)
{
	struct keep_status s;

	(void)arg;
	if (p == NULL)
		return;
	packets++;
	must(nfds <= OS_FDS_MAX && p->m.text < KEEP_TEXT_MAX);
	must(p->text[p->m.text] == '\0');
	if (p->m.type == KEEP_STATUS) {
		keep_read_status(p, &s);
		must(memchr(s.last_failure, '\0', sizeof s.last_failure) != NULL);
	}
	if (p->m.type == KEEP_PANE) {
		int held[KEEP_FDS];

		keep_unpack_fds(p->m.flags, fds, nfds, held);
		for (unsigned i = 0; i < KEEP_FDS; i++)
			if (held[i] >= 0)
				close(held[i]);
	}
}

static void
try_worker(struct input *in)
{
	static uv_loop_t loop;
	struct keep_hello hello;
	struct keep *k;
	char *cause = NULL;
	unsigned open_before, n = 0;
	int ends[2], file;

	if (loop.data == NULL)
		must(uv_loop_init(&loop) == 0);
	loop.data = &loop;
	open_before = os_open_descriptors();
	must((file = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	k = keep_new(ends[0]);
	while (in->size != 0 && n++ < 32) {
		size_t len = next_byte(in) * 2u;
		int fds[OS_FDS_MAX] = {file, file, file, file};

		if (len > in->size)
			len = in->size;
		if (len != 0)
			os_send(ends[1], in->data, len, fds, in->data[len - 1] % 5);
		in->data += len;
		in->size -= len;
	}
	close(ends[1]);
	close(file);
	if (keep_hello(k, &hello, &cause) == 0) {
		must(hello.tcp_fd >= 0 && hello.unix_fd >= 0);
		close(hello.tcp_fd);
		close(hello.unix_fd);
		if (hello.report_fd >= 0)
			close(hello.report_fd);
		keep_start(k, &loop, on_packet_of_keeper, NULL);
		while (uv_run(&loop, UV_RUN_NOWAIT) != 0)
			;
	} else {
		must(cause != NULL);
	}
	free(cause);
	keep_free(k);
	must(os_open_descriptors() == open_before);
}

/* What a keeper left to the next. */
static void
try_state(const uint8_t *data, size_t size)
{
	struct keeper k = {.report = -1, .state_fd = -1};
	int fd = memfd_create("state", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (state_read(&k, fd) == 0) {
		must(fcntl(k.kept.tcp, F_GETFD) >= 0 || k.kept.tcp == -1);
		for (size_t i = 0; i < k.npanes; i++)
			must(panes_find(&k, k.panes[i].id) == &k.panes[i]);
		must(k.socket != NULL);
	}
	close(fd);
	free(k.children);
	free(k.panes);
	free(k.socket);
}

/* A request for a process, in memory of its own size. */
static void
try_request(const uint8_t *data, size_t size)
{
	char *copy = xmalloc(size);
	struct spawn_wish w;
	size_t n = 0;

	memcpy(copy, data, size);
	if (spawn_unpack(copy, size, &w) == 0) {
		must(w.argv[0][0] != '\0' && (w.cwd == NULL || w.cwd[0] == '/'));
		for (char *const *v = w.argv; *v != NULL; v++)
			n += strlen(*v) + 1;
		for (char *const *v = w.envp; *v != NULL; v++)
			n += strlen(*v) + 1;
		must(n < size);
		spawn_wish_release(&w);
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool quiet;
	struct input in = {data + 1, size - 1};

	if (size < 2 || size > 8192)
		return 0;
	if (!quiet)
		log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERROR);
	quiet = true;
	switch (data[0]) {
	case '0':
		try_keeper(&in);
		break;
	case '1':
		try_worker(&in);
		break;
	case '2':
		try_state(data + 1, size - 1);
		break;
	case '3':
		try_request(data + 1, size - 1);
		break;
	}
	return 0;
}
