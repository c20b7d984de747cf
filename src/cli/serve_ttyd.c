/*
 * serve --ttyd: a command for each client, with ttyd's options for those who know them.
 *
 * It is one process, in the foreground: what a client started ends with the client, so that there is
 * nothing for a keeper to keep. State and socket are its own, named by its port, so that it runs beside
 * a user's other daemon.
 */
#include "config.h"

#include "cli/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/daemon.h"
#include "cli/paths.h"
#include "net/server.h"
#include "os/spawn.h"
#include "proto/json.h"
#include "proto/tty.h"

enum { PORT = 7681, CREDENTIAL_MAX = 256, PASSWORD_MIN = 8 };

enum {
	O_PORT,
	O_INTERFACE,
	O_WRITABLE,
	O_CREDENTIAL,
	O_CLIENT_OPTION,
	O_MAX_CLIENTS,
	O_ONCE,
	O_BASE_PATH,
	O_CWD,
	O_SSL,
	O_SSL_CERT,
	O_SSL_KEY,
	O_CHECK_ORIGIN,
	O_NO_AUTH,
	O_INSECURE_HTTP,
	O_TOKEN_FILE,
	O_ALLOW_ORIGIN,
	O_TRUST_PROXY,
	O_SOCKET,
	O_STATE_DIR
};

static const struct cli_option ttyd_options[] = {
    {"port", 'p', "PORT", "where to listen (default 7681; 0: any that is free)"},
    {"interface", 'i', "ADDR|NAME", "and on which address (default 127.0.0.1)"},
    {"writable", 'W', NULL, "clients may type"},
    {"credential", 'c', "USER:PASSWORD", "ask for these (Basic), and for no token"},
    {"client-option", 't', "KEY=VALUE", "a preference of clients' terminals; repeat for more"},
    {"max-clients", 'm', "N", "no more than these at a time (default 0: any number)"},
    {"once", 'o', NULL, "one client, and end when it leaves"},
    {"base-path", 'b', "PATH", "everything is below PATH, as /x"},
    {"cwd", 'w', "DIR", "where commands are started"},
    {"ssl", 'S', NULL, "serve https, which the next two say by themselves"},
    {"ssl-cert", 'C', "FILE", "with this certificate (PEM)"},
    {"ssl-key", 'K', "FILE", "and its key"},
    {"check-origin", 'O', NULL, "is always so"},
    {"no-auth", 0, NULL, "ask for nothing (loopback addresses only)"},
    {"insecure-http", 0, NULL, "serve http on an address that others reach, in the clear"},
    {"token-file", 0, "FILE", "accept the token in FILE; made there if missing"},
    {"allow-origin", 0, "URL", "serve and let in this origin, too, as https://host:port"},
    {"trust-proxy", 0, "ADDR[/BITS],...", "believe X-Forwarded-For, -Proto, -Host from there"},
    {"socket", 0, "PATH", "the socket that commands talk to"},
    {"state-dir", 0, "DIR", "where tokens are kept"},
    {0},
};

static int run_ttyd(int argc, char **argv);

static const struct cli_command cmd_ttyd = {"serve --ttyd", "COMMAND [ARG...]",
    "Share a command over the web as ttyd does, one for each client", ttyd_options, run_ttyd,
    1};

struct wish {
	struct daemon daemon;
	const char *interface;
	cJSON *preferences;
	uint64_t port, clients;
	bool ssl;
};

/* KEY=VALUE, where a value that is no JSON is a text. */
static int
add_preference(cJSON *to, const char *arg)
{
	const char *equals = strchr(arg, '=');
	char *key, *text;
	cJSON *o, *value;

	if (equals == NULL || equals == arg)
		return -EINVAL;
	key = xstrndup(arg, (size_t)(equals - arg));
	text = xasprintf("{\"v\":%s}", equals + 1);
	o = json_parse(text, strlen(text));
	value =
	    cJSON_GetArraySize(o) == 1 ? cJSON_DetachItemFromObjectCaseSensitive(o, "v") : NULL;
	cJSON_DeleteItemFromObjectCaseSensitive(to, key);
	if (value != NULL)
		cJSON_AddItemToObject(to, key, value);
	else
		json_add_text(to, key, equals + 1);
	cJSON_Delete(o);
	free(text);
	free(key);
	return 0;
}

/* NULL, or what is wrong. */
static const char *
read_number(const char *arg, uint64_t max, uint64_t *out)
{
	return str_u64(arg, 0, max, out) == 0 ? NULL : "no number that it takes";
}

static const char *
read_credential(const char *arg)
{
	const char *colon = strchr(arg, ':');

	if (colon == NULL || colon == arg || colon[1] == '\0' || strlen(arg) > CREDENTIAL_MAX)
		return "not USER:PASSWORD";
	return NULL;
}

/* NULL, or what is wrong with the argument. */
static const char *
ttyd_option(struct wish *w, int option, const char *arg)
{
	struct app_ttyd *t = &w->daemon.cfg.ttyd;

	switch (option) {
	case O_PORT:
		return read_number(arg, 65535, &w->port);
	case O_INTERFACE:
		w->interface = arg;
		return NULL;
	case O_WRITABLE:
		t->writable = true;
		return NULL;
	case O_CREDENTIAL:
		t->credential = arg;
		return read_credential(arg);
	case O_CLIENT_OPTION:
		return add_preference(w->preferences, arg) == 0 ? NULL : "not KEY=VALUE";
	case O_MAX_CLIENTS:
		return read_number(arg, 1000000, &w->clients);
	case O_ONCE:
		t->once = true;
		return NULL;
	case O_CWD:
		t->cwd = arg;
		return NULL;
	case O_SSL:
		w->ssl = true;
		return NULL;
	case O_CHECK_ORIGIN:
		return NULL;
	default: /* what `serve` has, too */
		if (!daemon_option(&w->daemon, ttyd_options[option].name, arg))
			abort(); /* an option of ours that nobody takes */
		return NULL;
	}
}

/* Listening. */

static bool
address_text(const struct sockaddr *sa, char *out, size_t size)
{
	if (sa == NULL)
		return false;
	if (sa->sa_family == AF_INET)
		return inet_ntop(AF_INET,
			   &((const struct sockaddr_in *)(const void *)sa)->sin_addr, out,
			   (socklen_t)size) != NULL;
	return false;
}

/* The IPv4 address of an interface, as ttyd takes its name; anything else as it is. */
static char *
address_of(const char *name)
{
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *all = NULL;
	char *found = NULL;

	if (getifaddrs(&all) == 0) {
		for (struct ifaddrs *i = all; i != NULL && found == NULL; i = i->ifa_next)
			if (strcmp(i->ifa_name, name) == 0 &&
			    address_text(i->ifa_addr, text, sizeof text))
				found = xstrdup(text);
		freeifaddrs(all);
	}
	if (found == NULL && strchr(name, ':') != NULL && *name != '[')
		found = xasprintf("[%s]", name);
	return found != NULL ? found : xstrdup(name);
}

/* *take is the daemon's address from then on. */
static int
listen_there(struct wish *w, char **take, char **cause)
{
	struct daemon *d = &w->daemon;
	char *host = address_of(w->interface), *dir;
	unsigned port;
	int rc;

	*take = xasprintf("%s:%u", host, (unsigned)w->port);
	free(host);
	d->listen = *take;
	if ((rc = listen_tcp(d->listen, &d->cfg.tcp_fd, &d->cfg.loopback, cause)) != 0)
		return rc;
	port = (unsigned)server_port_of(d->cfg.tcp_fd);
	if (d->state_dir == NULL) {
		dir = paths_state_dir();
		d->state_dir = xasprintf("%s/ttyd-%u", dir, port);
		free(dir);
	}
	if (d->socket == NULL) {
		dir = paths_runtime_dir();
		d->socket = xasprintf("%s/ttyd-%u.sock", dir, port);
		free(dir);
	}
	return 0;
}

static int
check(const struct wish *w, const char *preferences, char **cause)
{
	const struct daemon *d = &w->daemon;
	const char *credential = d->cfg.ttyd.credential;
	struct stat st;

	if (credential != NULL && (d->no_auth || d->token_file != NULL))
		return err_set(
		    cause, -EINVAL, "-c goes neither with --no-auth nor --token-file");
	if (credential != NULL && !d->cfg.loopback &&
	    strlen(strchr(credential, ':') + 1) < PASSWORD_MIN)
		return err_set(cause, -EINVAL,
		    "-c: a password has %d characters or more where others can reach it",
		    PASSWORD_MIN);
	if (w->ssl && d->tls_cert == NULL)
		return err_set(cause, -EINVAL, "--ssl needs --ssl-cert and --ssl-key");
	if (strlen(preferences) >= TTY_INITIAL_MAX)
		return err_set(cause, -EINVAL, "-t: that is more than clients take");
	if (d->cfg.ttyd.cwd != NULL &&
	    (stat(d->cfg.ttyd.cwd, &st) != 0 || !S_ISDIR(st.st_mode)))
		return err_set(cause, -EINVAL, "-w %s: no directory", d->cfg.ttyd.cwd);
	return 0;
}

static int
start(struct wish *w)
{
	struct daemon *d = &w->daemon;
	char *preferences = json_print_take(w->preferences), *listen = NULL, *cause = NULL;
	char cwd[4096];
	int rc;

	w->preferences = NULL;
	d->cfg.ttyd.preferences = preferences;
	d->cfg.ttyd.clients_max = (unsigned)w->clients;
	if (d->cfg.ttyd.cwd == NULL)
		d->cfg.ttyd.cwd = getcwd(cwd, sizeof cwd);
	rc = listen_there(w, &listen, &cause);
	if (rc == 0)
		rc = check(w, preferences, &cause);
	rc = rc == 0 ? serve_start(d) : cli_error("serve --ttyd: %s", cause);
	free(cause);
	free(listen);
	free(preferences);
	return rc;
}

static int
run_ttyd(int argc, char **argv)
{
	struct cli_walk walk = {&cmd_ttyd, argc, argv, NULL, 0};
	struct wish w = {.interface = "127.0.0.1",
	    .port = PORT,
	    .preferences = json_object(),
	    .daemon = {.given = {.tcp_fd = -1, .unix_fd = -1},
		.cfg = {.tcp_fd = -1, .unix_fd = -1},
		.no_tmux = true,
		.foreground = true,
		.no_keeper = true}};
	const char *wrong = NULL;
	int option, rc = CLI_ERROR;

	w.daemon.umask = umask(077);
	spawn_umask(w.daemon.umask);
	while (wrong == NULL && (option = cli_next(&walk)) >= 0)
		if ((wrong = ttyd_option(&w, option, walk.arg)) != NULL)
			cli_error("serve --ttyd: --%s: %s", ttyd_options[option].name, wrong);
	if (wrong == NULL && option == CLI_END) {
		w.daemon.cfg.ttyd.argv = argv + walk.operand;
		rc = walk.operand == argc ? cli_usage(&cmd_ttyd, "needs a command") : start(&w);
	}
	cJSON_Delete(w.preferences);
	daemon_release(&w.daemon);
	return rc;
}

int
serve_ttyd(int argc, char **argv)
{
	return cmd_ttyd.run(argc, argv);
}
