/*
 * serve: the daemon.
 *
 * Everything that can fail for a reason that a person should see fails before the first
 * process goes away: in the background, a pipe carries either the link or the reason.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "app/app.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/conf.h"
#include "cli/paths.h"
#include "cli/qr.h"
#include "net/server.h"

#define DEFAULT_LISTEN "127.0.0.1:7263" /* "pane" on a phone's keys */

enum {
	O_LISTEN,
	O_SOCKET,
	O_STATE_DIR,
	O_TOKEN_FILE,
	O_TLS_CERT,
	O_TLS_KEY,
	O_NO_AUTH,
	O_QR,
	O_NO_TMUX,
	O_FOREGROUND
};

static const struct cli_option serve_options[] = {
    {"listen", 'l', "ADDR:PORT", "where the page is served (default " DEFAULT_LISTEN ")"},
    {"socket", 'S', "PATH", "the socket that commands talk to"},
    {"state-dir", 'd', "DIR", "where tokens and the log are kept"},
    {"token-file", 't', "FILE", "accept the token in FILE; made there if missing"},
    {"tls-cert", 'c', "FILE", "serve https with this certificate (PEM)"},
    {"tls-key", 'k', "FILE", "and its key"},
    {"no-auth", 0, NULL, "ask for no token (loopback addresses only)"},
    {"qr", 'q', NULL, "show the link as a QR code, too"},
    {"no-tmux", 0, NULL, "connect to no tmux server"},
    {"foreground", 'f', NULL, "stay in the foreground and log to standard error"},
    {0},
};

struct serve {
	const char *listen;
	char *socket, *state_dir;
	const char *token_file, *tls_cert, *tls_key;
	bool no_auth, qr, foreground;
	struct app_config cfg;
	char *host;
	uv_loop_t loop;
	struct app *app;
	uv_signal_t term, interrupt;
};

static void
serve_option(struct serve *s, int option, const char *arg)
{
	switch (option) {
	case O_LISTEN:
		s->listen = arg;
		break;
	case O_SOCKET:
		free(s->socket);
		s->socket = xstrdup(arg);
		break;
	case O_STATE_DIR:
		free(s->state_dir);
		s->state_dir = xstrdup(arg);
		break;
	case O_TOKEN_FILE:
		s->token_file = arg;
		break;
	case O_TLS_CERT:
		s->tls_cert = arg;
		break;
	case O_TLS_KEY:
		s->tls_key = arg;
		break;
	case O_NO_AUTH:
		s->no_auth = true;
		break;
	case O_QR:
		s->qr = true;
		break;
	case O_FOREGROUND:
		s->foreground = true;
		break;
	default: /* no tmux server is connected to yet, with or without --no-tmux */
		break;
	}
}

/* What the link says; an address that means "all" cannot be opened. */
static char *
link_host(const char *listen)
{
	size_t n = strlen(listen) - strlen(strrchr(listen, ':'));
	char *host = xstrndup(listen, n);

	if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "[::]") == 0) {
		free(host);
		host = xstrdup("localhost");
	}
	return host;
}

/* A relative path would mean another file after the change to "/". */
static int
absolute(char **path, char **cause)
{
	char *cwd, *joined;

	if (**path == '/')
		return 0;
	if ((cwd = getcwd(NULL, 0)) == NULL)
		return err_sys(cause, -errno, "the current directory");
	joined = xasprintf("%s/%s", cwd, *path);
	free(cwd);
	free(*path);
	*path = joined;
	return 0;
}

static int
check_safety(const struct serve *s, char **cause)
{
	if ((s->tls_cert == NULL) != (s->tls_key == NULL))
		return err_set(cause, -EINVAL, "--tls-cert and --tls-key go together");
	if (s->tls_cert != NULL && access(s->tls_cert, R_OK) != 0)
		return err_sys(cause, -errno, "certificate %s", s->tls_cert);
	if (s->tls_key != NULL && access(s->tls_key, R_OK) != 0)
		return err_sys(cause, -errno, "key %s", s->tls_key);
	if (s->cfg.loopback)
		return 0;
	if (s->no_auth)
		return err_set(
		    cause, -EINVAL, "--no-auth: %s can be reached from elsewhere", s->listen);
	if (s->tls_cert == NULL)
		return err_set(cause, -EINVAL,
		    "listen on %s: tokens would cross the network in the clear; give "
		    "--tls-cert and --tls-key",
		    s->listen);
	return 0;
}

/* Directories and sockets, while there is still a terminal to complain to. */
static int
prepare(struct serve *s, char **cause)
{
	int rc;

	s->cfg.tcp_fd = s->cfg.unix_fd = -1;
	s->cfg.limits = (struct app_limits)APP_LIMITS;
	if ((rc = conf_load(&s->cfg.limits, cause)) != 0)
		return rc;
	if ((rc = absolute(&s->socket, cause)) != 0 ||
	    (rc = absolute(&s->state_dir, cause)) != 0)
		return rc;
	if ((rc = file_make_dirs(s->state_dir)) != 0)
		return err_sys(cause, rc, "make the directory %s", s->state_dir);
	if ((rc = paths_prepare_socket_dir(s->socket, cause)) != 0)
		return rc;
	if ((rc = listen_tcp(s->listen, &s->cfg.tcp_fd, &s->cfg.loopback, cause)) != 0)
		return rc;
	if ((rc = check_safety(s, cause)) != 0)
		return rc;
	return listen_unix(s->socket, &s->cfg.unix_fd, cause);
}

static void
raise_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return;
	rl.rlim_cur = rl.rlim_max < 65536 ? rl.rlim_max : 65536;
	setrlimit(RLIMIT_NOFILE, &rl);
}

static void
on_end_signal(uv_signal_t *h, int signum)
{
	struct serve *s = h->data;

	(void)signum;
	app_stop(s->app);
	uv_close((uv_handle_t *)&s->term, NULL);
	uv_close((uv_handle_t *)&s->interrupt, NULL);
}

static int
start(struct serve *s, char **link, char **cause)
{
	int rc;

	raise_descriptors();
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&s->loop);
	s->cfg.host = s->host;
	s->cfg.no_auth = s->no_auth;
	s->cfg.tls_cert = s->tls_cert;
	s->cfg.tls_key = s->tls_key;
	s->cfg.token_file = s->token_file;
	s->cfg.state_dir = s->state_dir;
	s->cfg.socket_path = s->socket;
	if ((rc = app_new(&s->loop, &s->cfg, &s->app, cause)) != 0) {
		uv_loop_close(&s->loop);
		return rc;
	}
	if ((rc = app_link(s->app, link, cause)) != 0)
		return rc;
	uv_signal_init(&s->loop, &s->term);
	uv_signal_init(&s->loop, &s->interrupt);
	s->term.data = s->interrupt.data = s;
	uv_signal_start(&s->term, on_end_signal, SIGTERM);
	uv_signal_start(&s->interrupt, on_end_signal, SIGINT);
	return 0;
}

static int
run(struct serve *s)
{
	uv_run(&s->loop, UV_RUN_DEFAULT);
	app_free(s->app);
	uv_loop_close(&s->loop);
	unlink(s->socket);
	return CLI_DONE;
}

static void
announce(const struct serve *s, const char *link)
{
	puts(link);
	if (s->qr)
		qr_print(link);
	fflush(stdout);
}

static int
serve_foreground(struct serve *s)
{
	char *link, *cause = NULL;

	log_open(STDERR_FILENO, LOG_INFO);
	if (start(s, &link, &cause) != 0) {
		unlink(s->socket);
		cli_error("serve: %s", cause);
		free(cause);
		return CLI_ERROR;
	}
	announce(s, link);
	free(link);
	return run(s);
}

/* Background. */

static int
detach(const struct serve *s)
{
	char *path = xasprintf("%s/panescry.log", s->state_dir);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	free(path);
	if (null < 0 || log < 0)
		return -errno;
	setsid();
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	close(null);
	log_open(log, LOG_INFO);
	return 0;
}

/* One byte, then text: what the first process is to print. */
static void
report(int fd, char kind, const char *text)
{
	char *line = xasprintf("%c%s", kind, text);

	if (write(fd, line, strlen(line)) < 0)
		log_warn("serve", "nobody is left to tell: %s", text);
	free(line);
	close(fd);
}

static int
background(struct serve *s, int fd)
{
	char *link, *cause = NULL;
	int rc = detach(s);

	if (rc != 0)
		err_sys(&cause, rc, "the log in %s", s->state_dir);
	else
		rc = start(s, &link, &cause);
	if (rc != 0) {
		unlink(s->socket);
		report(fd, 'E', cause);
		return CLI_ERROR;
	}
	report(fd, 'L', link);
	free(link);
	if (chdir("/") != 0)
		log_warn("serve", "cannot leave the current directory");
	return run(s);
}

static int
serve_background(struct serve *s)
{
	char text[4096];
	size_t len = 0;
	int fds[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		return cli_error("serve: %s", strerror(errno));
	if (pid == 0) {
		close(fds[0]);
		_exit(background(s, fds[1]));
	}
	close(fds[1]);
	while ((n = read(fds[0], text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	if (text[0] == 'L') {
		announce(s, text + 1);
		return CLI_DONE;
	}
	return cli_error(
	    "serve: %s", len != 0 ? text + 1 : "the daemon ended at once; see its log");
}

static int
run_serve(int argc, char **argv)
{
	struct cli_walk w = {&cmd_serve, argc, argv, NULL, 0};
	struct serve s = {
	    .listen = DEFAULT_LISTEN, .socket = paths_socket(), .state_dir = paths_state_dir()};
	char *cause = NULL;
	int option, rc;

	umask(077);
	while ((option = cli_next(&w)) >= 0)
		serve_option(&s, option, w.arg);
	if (option == CLI_BAD) {
		rc = CLI_ERROR;
	} else if (w.operand != argc) {
		rc = cli_usage(&cmd_serve, "takes no operand");
	} else if (prepare(&s, &cause) != 0) {
		rc = cli_error("serve: %s", cause);
	} else {
		s.host = link_host(s.listen);
		rc = s.foreground ? serve_foreground(&s) : serve_background(&s);
	}
	free(cause);
	free(s.host);
	free(s.socket);
	free(s.state_dir);
	return rc;
}

const struct cli_command cmd_serve = {
    "serve", "", "Start the daemon and print the page's link", serve_options, run_serve, 0};
