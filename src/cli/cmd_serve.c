/*
 * serve: the daemon.
 *
 * Everything that can fail for a reason that a person should see fails before the first
 * process goes away: in the background, a pipe carries either the link or the reason.
 *
 * This process checks what it was given and makes the listening sockets; it then becomes, or
 * in the background starts, the keeper, which starts workers: this program again, with the
 * same options and KEEP_ENV in its environment.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/app.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/conf.h"
#include "cli/daemon.h"
#include "cli/harden.h"
#include "cli/paths.h"
#include "cli/serve.h"
#include "cli/upgrade.h"
#include "net/server.h"
#include "os/os.h"
#include "os/spawn.h"
#include "proto/keep.h"

#define DEFAULT_LISTEN "127.0.0.1:7263" /* "pane" on a phone's keys */

static const struct cli_option serve_options[] = {
    {"listen", 'l', "ADDR:PORT", "where the page is served (default " DEFAULT_LISTEN ")"},
    {"socket", 'S', "PATH", "the socket that commands talk to"},
    {"state-dir", 'd', "DIR", "where tokens and the log are kept"},
    {"token-file", 't', "FILE", "accept the token in FILE; made there if missing"},
    {"tls-cert", 'c', "FILE", "serve https with this certificate (PEM)"},
    {"tls-key", 'k', "FILE", "and its key"},
    {"no-auth", 0, NULL, "ask for no token (loopback addresses only)"},
    {"insecure-http", 0, NULL, "serve http on an address that others reach, in the clear"},
    {"allow-origin", 'o', "URL", "serve and let in this origin, too, as https://host:port"},
    {"trust-proxy", 'p', "ADDR[/BITS],...",
	"believe X-Forwarded-For, -Proto, -Host from there"},
    {"base-path", 'b', "PATH", "everything is below PATH, as /x"},
    {"qr", 'q', NULL, "show the link as a QR code, too"},
    {"no-tmux", 0, NULL, "connect to no tmux server"},
    {"tmux-socket", 0, "NAME|PATH", "follow this tmux server, too (as tmux -L, -S)"},
    {"foreground", 'f', NULL, "stay in the foreground and log to standard error"},
    {"harden", 0, NULL, "leave the worker only what it needs of files and system calls"},
    {"no-keeper", 0, NULL, "run as one process; panes end with it"},
    {"upgrade", 'u', NULL, "replace the running daemon's worker by this program"},
    {"ttyd", 0, NULL, "first: share a command as ttyd does; --ttyd --help has its options"},
    {0},
};

struct serve {
	struct daemon daemon;
	bool upgrade, ttyd;
};

static void
serve_option(struct serve *s, const char *name, const char *arg)
{
	if (strcmp(name, "upgrade") == 0)
		s->upgrade = true;
	else if (strcmp(name, "ttyd") == 0)
		s->ttyd = true;
	else if (!daemon_option(&s->daemon, name, arg))
		abort(); /* an option of ours that nobody takes */
}

/* A relative path would mean another file in another directory. */
static int
absolute(char **path, char **cause)
{
	char *cwd, *joined;

	if (*path == NULL || **path == '/')
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
absolute_paths(struct daemon *d, char **cause)
{
	char **paths[] = {&d->socket, &d->state_dir, &d->token_file, &d->tls_cert, &d->tls_key};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof paths / sizeof *paths; i++)
		rc = absolute(paths[i], cause);
	return rc;
}

static int
check_safety(const struct daemon *d, char **cause)
{
	int rc;

	if ((d->tls_cert == NULL) != (d->tls_key == NULL))
		return err_set(cause, -EINVAL, "--tls-cert and --tls-key go together");
	if (d->tls_cert != NULL && access(d->tls_cert, R_OK) != 0)
		return err_sys(cause, -errno, "certificate %s", d->tls_cert);
	if (d->tls_key != NULL && access(d->tls_key, R_OK) != 0)
		return err_sys(cause, -errno, "key %s", d->tls_key);
	if (d->tls_cert != NULL && (rc = server_check_tls(d->tls_cert, d->tls_key, cause)) != 0)
		return rc;
	if (d->cfg.loopback)
		return 0;
	if (d->no_auth)
		return err_set(
		    cause, -EINVAL, "--no-auth: %s can be reached from elsewhere", d->listen);
	if (d->tls_cert == NULL && !d->insecure_http)
		return err_set(cause, -EINVAL,
		    "listen on %s: tokens would cross the network in the clear; give "
		    "--tls-cert and --tls-key, or --insecure-http",
		    d->listen);
	return 0;
}

/* Whoever writes there makes tokens. */
static int
check_state_dir(const char *dir, char **cause)
{
	struct stat st;

	if (stat(dir, &st) != 0)
		return err_sys(cause, -errno, "the directory %s", dir);
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(
		    cause, -EPERM, "others may write to the state directory %s", dir);
	return 0;
}

/* A socket that was given is as it is, whatever the options say. */
static int
take_given(struct daemon *d, char **cause)
{
	int rc = activation_take(&d->given, cause);

	if (rc != 0)
		return rc;
	d->cfg.tcp_fd = d->given.tcp_fd;
	d->cfg.unix_fd = d->given.unix_fd;
	if (d->given.tcp_fd >= 0) {
		d->listen = d->given.listen;
		d->cfg.loopback = listen_is_loopback(d->listen);
	}
	if (d->given.unix_fd >= 0)
		daemon_set_path(&d->socket, d->given.socket);
	return 0;
}

static int
make_sockets(struct daemon *d, char **cause)
{
	int rc = 0;

	if (d->cfg.tcp_fd < 0)
		rc = listen_tcp(d->listen, &d->cfg.tcp_fd, &d->cfg.loopback, cause);
	if (rc == 0)
		rc = check_safety(d, cause);
	if (rc == 0 && d->cfg.unix_fd < 0)
		rc = listen_unix(d->socket, &d->cfg.unix_fd, cause);
	return rc;
}

/* Directories and sockets, while there is still a terminal to complain to. */
static int
prepare(struct daemon *d, char **cause)
{
	int rc;

	if (d->cfg.ttyd.argv == NULL && (rc = take_given(d, cause)) != 0)
		return rc;
	d->cfg.limits = (struct app_limits)APP_LIMITS;
	if ((rc = conf_load(&d->cfg.limits, cause)) != 0 ||
	    (rc = daemon_set_limits(d, cause)) != 0)
		return rc;
	if (d->cfg.ttyd.argv != NULL)
		app_limits_ttyd(&d->cfg.limits);
	if ((rc = absolute_paths(d, cause)) != 0)
		return rc;
	if ((d->harden || d->cfg.limits.harden) && (rc = harden_check(d, cause)) != 0)
		return rc;
	if ((rc = file_make_dirs(d->state_dir)) != 0)
		return err_sys(cause, rc, "make the directory %s", d->state_dir);
	if ((rc = check_state_dir(d->state_dir, cause)) != 0)
		return rc;
	if ((rc = paths_prepare_socket_dir(d->socket, cause)) != 0)
		return rc;
	return make_sockets(d, cause);
}

/* The keeper. */

struct args {
	char **v;
	size_t n;
};

static void
add(struct args *a, char *take)
{
	a->v = xreallocarray(a->v, a->n + 2, sizeof *a->v);
	a->v[a->n++] = take;
	a->v[a->n] = NULL;
}

static void
add_option(struct args *a, const char *name, const char *value)
{
	if (value == NULL)
		return;
	add(a, xstrdup(name));
	add(a, xstrdup(value));
}

static void
add_options(struct args *a, const char *name, const char *const *values)
{
	for (size_t i = 0; values[i] != NULL; i++)
		add_option(a, name, values[i]);
}

static void
add_flag(struct args *a, const char *name, bool set)
{
	if (set)
		add(a, xstrdup(name));
}

static void
add_worker(struct args *a, const struct daemon *d, const char *self)
{
	add(a, xstrdup(self));
	add(a, xstrdup("serve"));
	add_option(a, "--listen", d->listen);
	add_option(a, "--socket", d->socket);
	add_option(a, "--state-dir", d->state_dir);
	add_option(a, "--token-file", d->token_file);
	add_option(a, "--tls-cert", d->tls_cert);
	add_option(a, "--tls-key", d->tls_key);
	add_flag(a, "--no-auth", d->no_auth);
	add_flag(a, "--insecure-http", d->insecure_http);
	add_options(a, "--allow-origin", d->origins);
	add_options(a, "--trust-proxy", d->proxies);
	add_option(a, "--base-path", d->base);
	add_flag(a, "--qr", d->qr);
	add_flag(a, "--no-tmux", d->no_tmux);
	add_options(a, "--tmux-socket", d->tmux_sockets);
	add_flag(a, "--foreground", d->foreground);
	add_flag(a, "--harden", d->harden);
}

static void
keep_across_exec(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

/* Returns only when it could not be executed. */
static int
become_keeper(const struct daemon *d, const char *keeper, int report)
{
	struct args a = {0};
	char self[PATH_MAX];
	int rc = os_program_path(self, sizeof self);

	if (rc != 0)
		return rc;
	add(&a, xstrdup(keeper));
	add(&a, xstrdup("start"));
	add(&a, xasprintf("%d", d->cfg.tcp_fd));
	add(&a, xasprintf("%d", d->cfg.unix_fd));
	add(&a, xasprintf("%d", report));
	add(&a, xasprintf("%u", d->cfg.limits.crashes_max));
	/* What it is to remove at the end. */
	add(&a, xstrdup(d->given.unix_fd < 0 ? d->socket : ""));
	add_worker(&a, d, self);
	keep_across_exec(d->cfg.tcp_fd);
	keep_across_exec(d->cfg.unix_fd);
	if (report >= 0)
		keep_across_exec(report);
	daemon_raise_descriptors(); /* two a pane are the keeper's */
	umask(d->umask);            /* and through it that of what it starts */
	execv(keeper, a.v);
	rc = -errno;
	umask(077);
	return rc;
}

static int
serve_foreground(struct daemon *d, const char *keeper)
{
	int rc;

	if (keeper == NULL) {
		log_open(STDERR_FILENO, LOG_INFO);
		return daemon_run(d, -1);
	}
	rc = become_keeper(d, keeper, -1);
	daemon_remove_socket(d);
	return cli_error("serve: %s: %s", keeper, strerror(-rc));
}

/* Background: the log becomes standard error, so that a last word is not lost. */
static int
detach(const struct daemon *d)
{
	char *path = xasprintf("%s/panescry.log", d->state_dir);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	free(path);
	if (null < 0 || log < 0)
		return -errno;
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	close(null);
	close(log);
	log_open(STDERR_FILENO, LOG_INFO);
	return chdir("/") == 0 ? 0 : -errno;
}

static int
background(struct daemon *d, const char *keeper, int report)
{
	char text[512];
	int rc = detach(d);

	if (rc == 0 && keeper == NULL)
		return daemon_run(d, report);
	if (rc == 0)
		rc = become_keeper(d, keeper, report);
	snprintf(text, sizeof text, "Ethe log in %s or the keeper %s: %s", d->state_dir,
	    keeper != NULL ? keeper : "(none)", strerror(-rc));
	if (write(report, text, strlen(text)) < 0)
		log_error("serve", "%s", text + 1);
	daemon_remove_socket(d);
	return CLI_ERROR;
}

static int
serve_background(struct daemon *d, const char *keeper)
{
	int fds[2], rc;
	pid_t pid;

	if ((rc = os_pipe(fds)) != 0)
		return cli_error("serve: %s", strerror(-rc));
	if ((pid = fork()) < 0)
		return cli_error("serve: %s", strerror(errno));
	if (pid == 0) {
		close(fds[0]);
		_exit(background(d, keeper, fds[1]));
	}
	close(fds[1]);
	rc = daemon_read_report(d, fds[0]);
	if (rc != CLI_DONE)
		waitpid(pid, NULL, 0); /* its socket is gone, too, when this ends */
	return rc;
}

int
serve_start(struct daemon *d)
{
	char *cause = NULL, *keeper;
	int rc;

	if (prepare(d, &cause) != 0) {
		rc = cli_error("serve: %s", cause);
		free(cause);
		return rc;
	}
	keeper = d->no_keeper ? NULL : daemon_keeper_program();
	if (keeper == NULL && (d->harden || d->cfg.limits.harden)) {
		daemon_remove_socket(d);
		return cli_error(
		    "serve: --harden needs panescry-keeper, which is not installed");
	}
	if (keeper == NULL && !d->no_keeper && os_has_keeper())
		cli_error("serve: panescry-keeper is not installed: panes end with the daemon");
	rc = d->foreground ? serve_foreground(d, keeper) : serve_background(d, keeper);
	free(keeper);
	return rc;
}

static int
run_serve(int argc, char **argv)
{
	struct cli_walk w = {&cmd_serve, argc, argv, NULL, 0};
	struct serve s = {.daemon = {.listen = DEFAULT_LISTEN,
			      .given = {.tcp_fd = -1, .unix_fd = -1},
			      .socket = paths_socket(),
			      .state_dir = paths_state_dir()}};
	const char *keeper = getenv(KEEP_ENV);
	uint64_t fd = 0;
	int option, rc;

	if (argc > 1 && strcmp(argv[1], "--ttyd") == 0) {
		daemon_release(&s.daemon);
		return serve_ttyd(argc - 1, argv + 1);
	}
	s.daemon.umask = umask(077);
	spawn_umask(s.daemon.umask);
	while ((option = cli_next(&w)) >= 0)
		serve_option(&s, serve_options[option].name, w.arg);
	if (option == CLI_BAD)
		rc = CLI_ERROR;
	else if (s.ttyd)
		rc = cli_usage(&cmd_serve, "--ttyd comes before all else");
	else if (w.operand != argc)
		rc = cli_usage(&cmd_serve, "takes no operand");
	else if (keeper != NULL && str_u64(keeper, 3, 65535, &fd) == 0)
		rc = daemon_run_worker(&s.daemon, (int)fd);
	else
		rc = s.upgrade ? upgrade(s.daemon.socket) : serve_start(&s.daemon);
	daemon_release(&s.daemon);
	return rc;
}

const struct cli_command cmd_serve = {
    "serve", "", "Start the daemon and print the page's link", serve_options, run_serve, 0};
