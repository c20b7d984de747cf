#include "config.h"

#include "door.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "app/app.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "fuzz.h"
#include "net/server.h"

enum {
	INPUTS = 300,        /* of one daemon */
	QUIET_TURNS = 3,     /* after which nothing more is expected */
	PATIENCE_US = 20000, /* for what comes from a thread */
	SEND_TURNS = 1000,
};

static struct door {
	char dir[64], socket[96], token[96];
	uv_loop_t loop;
	struct app *app;
	struct sockaddr_in tcp;
	unsigned inputs;
} door;

/* Nothing is to be executed that is in an input. */
static void
forbid_exec(void)
{
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 1, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void
remove_tree(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) != 0)
			remove_tree(dirfd(d), e->d_name);
	}
	if (d != NULL)
		closedir(d);
	unlinkat(at, name, AT_REMOVEDIR);
}

static void
remove_dir(void)
{
	remove_tree(AT_FDCWD, door.dir);
}

static void
make_dir(void)
{
	int fd;

	snprintf(door.dir, sizeof door.dir, "%s/panescry-fuzz-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(door.dir) != NULL);
	snprintf(door.socket, sizeof door.socket, "%s/sock", door.dir);
	snprintf(door.token, sizeof door.token, "%s/token", door.dir);
	fd = open(door.token, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, DOOR_TOKEN "\n", sizeof DOOR_TOKEN) == sizeof DOOR_TOKEN);
	close(fd);
}

static void
start(void)
{
	struct app_config cfg = {.host = "127.0.0.1",
	    .state_dir = door.dir,
	    .socket_path = door.socket,
	    .token_file = door.token,
	    .daemon_pid = getpid(),
	    .daemon_started_ms = clock_wall_ms(),
	    .first = true,
	    .limits = APP_LIMITS};
	socklen_t len = sizeof door.tcp;

	make_dir();
	cfg.limits.tmux_mode = MUX_OFF;
	must(uv_loop_init(&door.loop) == 0);
	must(listen_tcp("127.0.0.1:0", &cfg.tcp_fd, &cfg.loopback, NULL) == 0);
	must(getsockname(cfg.tcp_fd, (struct sockaddr *)&door.tcp, &len) == 0);
	must(listen_unix(door.socket, &cfg.unix_fd, NULL) == 0);
	must(app_new(&door.loop, &cfg, &door.app, NULL) == 0);
}

static void
stop(void)
{
	app_stop(door.app);
	uv_run(&door.loop, UV_RUN_DEFAULT);
	app_free(door.app);
	must(uv_loop_close(&door.loop) == 0);
	remove_dir();
	door.app = NULL;
}

static void
stop_at_exit(void)
{
	if (door.app != NULL)
		stop();
}

void
door_begin(void)
{
	if (door.inputs == 0) {
		signal(SIGPIPE, SIG_IGN);
		log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERROR);
		setenv("HOME", "/nonexistent", 1);
		forbid_exec();
		atexit(stop_at_exit);
	}
	if (door.inputs++ % INPUTS != 0)
		return;
	if (door.app != NULL)
		stop();
	start();
}

static void
turn(void)
{
	uv_run(&door.loop, UV_RUN_NOWAIT);
}

int
door_connect(bool local, unsigned *port)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const struct sockaddr *to =
	    local ? (const struct sockaddr *)&un : (const struct sockaddr *)&door.tcp;
	int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof un.sun_path, "%s", door.socket);
	must(fd >= 0);
	/* It is to be gone when it is closed, as its port is needed again within a minute. */
	must(local || setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
			  sizeof(struct linger)) == 0);
	must(connect(fd, to, local ? sizeof un : sizeof door.tcp) == 0);
	must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	if (port != NULL)
		*port = ntohs(door.tcp.sin_port);
	turn();
	return fd;
}

void
door_send(int fd, const void *data, size_t len)
{
	const char *p = data;

	for (int i = 0; len != 0 && i < SEND_TURNS; i++) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
		turn();
	}
}

bool
door_read(int fd, struct buf *b, bool patient)
{
	uint64_t end = clock_mono_us() + PATIENCE_US;
	char piece[16384];
	size_t before = b->len;

	for (int quiet = 0; quiet < QUIET_TURNS;) {
		ssize_t n;

		turn();
		n = recv(fd, piece, sizeof piece, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n > 0) {
			buf_append(b, piece, (size_t)n);
			quiet = 0;
		} else if (patient && b->len == before && clock_mono_us() < end) {
			poll(NULL, 0, 1);
		} else {
			quiet++;
		}
	}
	return true;
}

void
door_ask(const char *method, const char *path, const void *body, size_t len, struct buf *b)
{
	int fd = door_connect(true, NULL);
	struct buf request;

	buf_init(&request, BUF_NO_MAX);
	buf_printf(&request,
	    "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\nConnection: "
	    "close\r\n\r\n",
	    method, path, len);
	buf_append(&request, body, len);
	door_send(fd, request.data, request.len);
	door_read(fd, b, true);
	close(fd);
	turn();
	buf_release(&request);
}
