/*
 * hook: one event of an agent, to the daemon.
 *
 * The agent waits for this, so nothing here may block: the event is appended to a file that the
 * daemon takes, and the daemon is told, for no longer than NOTICE_MS. Whatever goes wrong, an agent is
 * not to be kept from its work: the exit status is 0 and nothing is printed.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/hook.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/cmd_hook.h"
#include "cli/paths.h"

enum {
	EVENT_MAX = 32 * 1024 * 1024,
	EVENT_MS = 2000, /* for the agent to say it */
	NOTICE_MS = 4,
	SPOOL_MAX = 48 * 1024 * 1024, /* with a daemon that never comes */
	TRIES = 8,
};

enum option { YES };

static const struct cli_option hook_options[] = {
    [YES] = {"yes", 'y', NULL, "install, uninstall: do not ask"},
    {0},
};

/* All of standard input, or as much as came in time. */
static void
read_event(struct buf *b)
{
	uint64_t end = clock_mono_us() + EVENT_MS * 1000;
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char *at;

	for (;;) {
		uint64_t now = clock_mono_us();
		ssize_t n;

		if (now >= end || poll(&p, 1, (int)((end - now) / 1000) + 1) <= 0)
			return;
		at = buf_reserve(b, 65536);
		if (at == NULL)
			return;
		n = read(STDIN_FILENO, at, 65536);
		if (n <= 0)
			return;
		buf_commit(b, (size_t)n);
	}
}

static int
open_spool(const char *path)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = open(path, flags, 0600);

	if (fd < 0 && errno == ENOENT) {
		char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

		if (file_make_dirs(dir) == 0)
			fd = open(path, flags, 0600);
		free(dir);
	}
	return fd;
}

/* One write a line, so that lines of several agents do not mix. When the daemon took the file in
 * between, it may have read it before, and the line is written again to the next. */
static void
append(const char *path, const struct buf *line)
{
	for (int i = 0; i < TRIES; i++) {
		int fd = open_spool(path);
		struct stat ours, there;
		bool over = fd < 0 || fstat(fd, &ours) != 0 || !S_ISREG(ours.st_mode) ||
			    ours.st_size > SPOOL_MAX ||
			    write(fd, line->data, line->len) != (ssize_t)line->len ||
			    (stat(path, &there) == 0 && there.st_ino == ours.st_ino &&
				there.st_dev == ours.st_dev);

		if (fd >= 0)
			close(fd);
		if (over)
			return;
	}
}

static void
notice(const char *socket_path)
{
	static const char request[] = "POST /api/v1/hooks HTTP/1.1\r\nHost: localhost\r\n"
				      "Connection: close\r\nContent-Length: 0\r\n\r\n";
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct pollfd p = {.events = POLLIN};

	if (strlen(socket_path) >= sizeof un.sun_path)
		return;
	memcpy(un.sun_path, socket_path, strlen(socket_path));
	p.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (p.fd < 0)
		return;
	fcntl(p.fd, F_SETFL, O_NONBLOCK);
	/* It has read the request before the answer comes, and need not be there for it. */
	if (connect(p.fd, (struct sockaddr *)&un, sizeof un) == 0 &&
	    send(p.fd, request, sizeof request - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		poll(&p, 1, NOTICE_MS);
	close(p.fd);
}

/* "/tmp/tmux-1000/default,1234,0" */
static char *
tmux_socket(void)
{
	const char *tmux = getenv("TMUX");

	return tmux != NULL && *tmux == '/' ? xstrndup(tmux, strcspn(tmux, ",")) : NULL;
}

static int
run_event(const char *agent, const char *json)
{
	char *socket_path = paths_socket(), *spool = paths_hooks(socket_path);
	char *server = tmux_socket();
	const struct hook_place where = {getenv("PANESCRY_PANE"), getenv("TMUX_PANE"), server};
	struct buf event, line;

	buf_init(&event, EVENT_MAX);
	buf_init(&line, BUF_NO_MAX);
	if (json != NULL)
		buf_puts(&event, json);
	else
		read_event(&event);
	if (event.len != 0 &&
	    hook_write(&line, agent, event.data, event.len, &where, clock_wall_ms())) {
		append(spool, &line);
		notice(socket_path);
	}
	buf_release(&event);
	buf_release(&line);
	free(server);
	free(spool);
	free(socket_path);
	return CLI_DONE;
}

static int
run_hook(int argc, char **argv)
{
	struct cli_walk w = {&cmd_hook, argc, argv, NULL, 0};
	bool yes = false;
	const char *verb;
	int option, left;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		yes = true;
	}
	left = argc - w.operand;
	verb = left > 0 ? argv[w.operand] : "";
	for (int i = 0; hook_agents[i] != NULL; i++)
		if (strcmp(hook_agents[i], verb) == 0)
			return run_event(verb, left > 1 ? argv[w.operand + 1] : NULL);
	if (left == 2 && strcmp(argv[w.operand + 1], "claude") == 0) {
		if (strcmp(verb, "install") == 0)
			return hook_install(yes);
		if (strcmp(verb, "uninstall") == 0)
			return hook_uninstall(yes);
	}
	return cli_usage(
	    &cmd_hook, "claude, codex or gemini; or install claude, uninstall claude");
}

const struct cli_command cmd_hook = {"hook",
    "claude | codex JSON | gemini | install claude | uninstall claude",
    "Take one event of an agent, or make Claude Code send them", hook_options, run_hook, 0};
