#include "config.h"

#include "cli/daemon.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uv.h>

#include "app/keep.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/conf.h"
#include "cli/harden.h"
#include "cli/paths.h"
#include "cli/put.h"
#include "cli/qr.h"
#include "net/server.h"
#include "os/os.h"

void
daemon_set_path(char **path, const char *arg)
{
	free(*path);
	*path = xstrdup(arg);
}

static void
add_word(const char **list, size_t max, const char *word)
{
	for (size_t i = 0; i < max; i++) {
		if (list[i] == NULL) {
			list[i] = word;
			return;
		}
	}
}

enum kind { FLAG, TEXT, PATH, WORDS };

#define AT(field) offsetof(struct daemon, field)

static const struct setting {
	const char *name;
	enum kind kind;
	size_t at;
	size_t max; /* of words */
} settings[] = {
    {"listen", TEXT, AT(listen), 0},
    {"socket", PATH, AT(socket), 0},
    {"state-dir", PATH, AT(state_dir), 0},
    {"token-file", PATH, AT(token_file), 0},
    {"tls-cert", PATH, AT(tls_cert), 0},
    {"tls-key", PATH, AT(tls_key), 0},
    {"ssl-cert", PATH, AT(tls_cert), 0},
    {"ssl-key", PATH, AT(tls_key), 0},
    {"no-auth", FLAG, AT(no_auth), 0},
    {"insecure-http", FLAG, AT(insecure_http), 0},
    {"allow-origin", WORDS, AT(origins), SERVER_ORIGINS_MAX + 1},
    {"trust-proxy", WORDS, AT(proxies), SERVER_PROXIES_MAX + 1},
    {"base-path", TEXT, AT(base), 0},
    {"qr", FLAG, AT(qr), 0},
    {"no-tmux", FLAG, AT(no_tmux), 0},
    {"tmux-socket", WORDS, AT(tmux_sockets), SOCKETS_MAX},
    {"foreground", FLAG, AT(foreground), 0},
    {"harden", FLAG, AT(harden), 0},
    {"no-keeper", FLAG, AT(no_keeper), 0},
};

bool
daemon_option(struct daemon *d, const char *name, const char *arg)
{
	const struct setting *o = settings,
			     *end = settings + sizeof settings / sizeof *settings;
	void *field;

	while (o < end && strcmp(o->name, name) != 0)
		o++;
	if (o == end)
		return false;
	field = (char *)d + o->at;
	if (o->kind == FLAG)
		*(bool *)field = true;
	else if (o->kind == TEXT)
		*(const char **)field = arg;
	else if (o->kind == PATH)
		daemon_set_path(field, arg);
	else
		add_word(field, o->max, arg);
	return true;
}

void
daemon_release(struct daemon *d)
{
	char **paths[] = {&d->socket, &d->state_dir, &d->token_file, &d->tls_cert, &d->tls_key};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		free(*paths[i]);
		*paths[i] = NULL;
	}
}

struct run {
	const struct daemon *d;
	uv_loop_t loop;
	struct app *app;
	uv_signal_t term, interrupt, hangup;
	int report;
	bool tell; /* the link is wanted */
	int status;
};

char *
daemon_keeper_program(void)
{
	char self[PATH_MAX], *path;
	const char *slash;

	if (!os_has_keeper() || os_program_path(self, sizeof self) != 0 ||
	    (slash = strrchr(self, '/')) == NULL)
		return NULL;
	for (size_t i = 0; i < 2; i++) {
		path = i == 0 ? xasprintf("%.*s/panescry-keeper", (int)(slash - self), self)
			      : xstrdup(KEEPER_PROGRAM);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

/* Reports: one byte, then text: what the first process is to print. */

static void
announce(const struct daemon *d, const char *link)
{
	put_line(link);
	if (d->qr)
		qr_print(link);
	fflush(stdout);
}

static void
report(struct run *r, char kind, const char *text)
{
	char *line;

	if (r->report < 0) {
		if (kind == 'L')
			announce(r->d, text);
		else
			cli_error("serve: %s", text);
		return;
	}
	line = xasprintf("%c%s", kind, text);
	if (write(r->report, line, strlen(line)) < 0)
		log_warn("serve", "nobody is left to tell: %s", text);
	free(line);
	close(r->report);
	r->report = -1;
}

int
daemon_read_report(const struct daemon *d, int fd)
{
	char text[4096];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	if (text[0] == 'L') {
		announce(d, text + 1);
		return CLI_DONE;
	}
	return cli_error(
	    "serve: %s", len != 0 ? text + 1 : "the daemon ended at once; see its log");
}

static int
report_error(struct run *r, const char *text)
{
	log_error("serve", "%s", text);
	if (r->tell)
		report(r, 'E', text);
	return CLI_ERROR;
}

/* Running. */

void
daemon_remove_socket(const struct daemon *d)
{
	if (d->given.unix_fd < 0)
		unlink(d->socket);
}

void
daemon_raise_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return;
	rl.rlim_cur = rl.rlim_max < 65536 ? rl.rlim_max : 65536;
	setrlimit(RLIMIT_NOFILE, &rl);
}

static void
stop_signals(struct run *r)
{
	if (!uv_is_closing((uv_handle_t *)&r->term))
		uv_close((uv_handle_t *)&r->term, NULL);
	if (!uv_is_closing((uv_handle_t *)&r->interrupt))
		uv_close((uv_handle_t *)&r->interrupt, NULL);
	if (!uv_is_closing((uv_handle_t *)&r->hangup))
		uv_close((uv_handle_t *)&r->hangup, NULL);
}

static void
on_end_signal(uv_signal_t *h, int signum)
{
	struct run *r = h->data;

	/* ^C on a terminal goes to the keeper as well, which decides. */
	if (signum == SIGINT && r->d->cfg.keep != NULL)
		return;
	app_end(r->app);
}

static void
on_hangup(uv_signal_t *h, int signum)
{
	struct run *r = h->data;

	(void)signum;
	app_reload(r->app);
}

static void
on_link(const char *link, const char *cause, void *arg)
{
	struct run *r = arg;

	if (link != NULL) {
		report(r, 'L', link);
		return;
	}
	report(r, 'E', cause);
	r->status = CLI_ERROR;
	app_end(r->app);
}

static void
on_started(void *arg)
{
	struct run *r = arg;

	if (r->tell)
		app_link(r->app, on_link, r);
	r->tell = false;
}

static void
start_signals(struct run *r)
{
	uv_signal_init(&r->loop, &r->term);
	uv_signal_init(&r->loop, &r->interrupt);
	uv_signal_init(&r->loop, &r->hangup);
	r->term.data = r->interrupt.data = r->hangup.data = r;
	uv_signal_start(&r->term, on_end_signal, SIGTERM);
	uv_signal_start(&r->interrupt, on_end_signal, SIGINT);
	if (r->d->tls_cert != NULL)
		uv_signal_start(&r->hangup, on_hangup, SIGHUP);
	/* They must not keep the loop alive when the app has ended. */
	uv_unref((uv_handle_t *)&r->term);
	uv_unref((uv_handle_t *)&r->interrupt);
	uv_unref((uv_handle_t *)&r->hangup);
}

static int
on_harden(void *arg, char **cause)
{
	return harden_worker(((struct run *)arg)->d, cause);
}

static int
run(struct run *r, struct app_config *cfg)
{
	char *cause = NULL;

	daemon_raise_descriptors();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* what it was for is told by EFBIG */
	uv_loop_init(&r->loop);
	cfg->started = on_started;
	cfg->arg = r;
	if (app_new(&r->loop, cfg, &r->app, &cause) != 0) {
		report(r, 'E', cause);
		free(cause);
		uv_loop_close(&r->loop);
		return CLI_ERROR;
	}
	start_signals(r);
	if (cfg->keep == NULL)
		on_started(r);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	stop_signals(r);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	app_free(r->app);
	uv_loop_close(&r->loop);
	return r->status;
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

static int
run_with(struct daemon *d, struct run *r)
{
	char *host = link_host(d->listen), *hooks = paths_hooks(d->socket);
	int rc;

	os_heap_return();
	d->cfg.host = host;
	d->cfg.no_auth = d->no_auth;
	d->cfg.loopback = listen_is_loopback(d->listen);
	d->cfg.tls_cert = d->tls_cert;
	d->cfg.tls_key = d->tls_key;
	d->cfg.token_file = d->token_file;
	d->cfg.state_dir = d->state_dir;
	d->cfg.socket_path = d->socket;
	d->cfg.hooks_spool = hooks;
	rc = run(r, &d->cfg);
	free(hooks);
	free(host);
	return rc;
}

int
daemon_run(struct daemon *d, int report_fd)
{
	struct run r = {.d = d, .report = report_fd, .tell = true};
	int rc;

	d->cfg.first = true;
	d->cfg.daemon_pid = getpid();
	d->cfg.daemon_started_ms = clock_wall_ms();
	rc = run_with(d, &r);
	daemon_remove_socket(d);
	return rc;
}

static int
set_access(struct daemon *d, char **cause)
{
	for (int i = 0; d->origins[i] != NULL; i++)
		if (conf_add_origin(&d->cfg.limits, d->origins[i]) != 0)
			return err_set(cause, -EINVAL,
			    "--allow-origin %s is no origin as https://host:port, or there are "
			    "too "
			    "many",
			    d->origins[i]);
	for (int i = 0; d->proxies[i] != NULL; i++)
		if (conf_add_each(&d->cfg.limits, d->proxies[i], conf_add_proxy) != 0)
			return err_set(cause, -EINVAL,
			    "--trust-proxy %s: no address, no network as 10.0.0.0/8, or too "
			    "many",
			    d->proxies[i]);
	if (d->base != NULL && server_access_base(&d->cfg.limits.access, d->base) != 0)
		return err_set(cause, -EINVAL,
		    "--base-path %s is no path as /x, or one of the daemon's own", d->base);
	return 0;
}

int
daemon_set_limits(struct daemon *d, char **cause)
{
	if (d->no_tmux)
		d->cfg.limits.tmux_mode = MUX_OFF;
	for (int i = 0; d->tmux_sockets[i] != NULL; i++)
		if (conf_add_socket(&d->cfg.limits, d->tmux_sockets[i]) != 0)
			return err_set(cause, -EINVAL,
			    "%s is neither a tmux server's name nor a path from the root",
			    d->tmux_sockets[i]);
	return set_access(d, cause);
}

/* A worker that follows another must come up, whatever has become of the file since. */
static int
load_limits(struct daemon *d, struct run *r)
{
	char *cause = NULL;

	d->cfg.limits = (struct app_limits)APP_LIMITS;
	if (conf_load(&d->cfg.limits, &cause) == 0)
		return 0;
	if (r->tell) {
		report(r, 'E', cause);
		free(cause);
		return -EINVAL;
	}
	log_error("serve", "the defaults are used: %s", cause);
	free(cause);
	d->cfg.limits = (struct app_limits)APP_LIMITS;
	return 0;
}

int
daemon_run_worker(struct daemon *d, int keeper_fd)
{
	struct run r = {.d = d, .report = -1};
	struct keep_hello hello;
	char *cause = NULL, *program;
	int rc;

	unsetenv(KEEP_ENV);
	log_open(STDERR_FILENO, LOG_INFO);
	d->cfg.keep = keep_new(keeper_fd);
	if (keep_hello(d->cfg.keep, &hello, &cause) != 0) {
		log_error("serve", "%s", cause);
		free(cause);
		return CLI_ERROR;
	}
	r.report = hello.report_fd;
	r.tell = hello.first;
	d->cfg.tcp_fd = hello.tcp_fd;
	d->cfg.unix_fd = hello.unix_fd;
	d->cfg.last_pane = hello.last_pane;
	d->cfg.first = hello.first;
	d->cfg.daemon_pid = hello.pid;
	d->cfg.daemon_started_ms = hello.started_ms;
	if (load_limits(d, &r) != 0)
		return CLI_ERROR;
	daemon_set_limits(d, NULL);
	if (d->harden || d->cfg.limits.harden) {
		if (!hello.spawns)
			return report_error(
			    &r, "--harden: this keeper is of a build that starts no processes");
		d->cfg.harden = on_harden;
	}
	program = daemon_keeper_program();
	d->cfg.keeper_program = program != NULL ? program : "";
	rc = run_with(d, &r);
	free(program);
	return rc;
}
