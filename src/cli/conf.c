#include "config.h"

#include "cli/conf.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "app/app.h"
#include "app/bounds.h"
#include "base/err.h"
#include "base/file.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/paths.h"

enum { FILE_MAX_BYTES = 64 * 1024 };

enum kind { COUNT, SWITCH, TMUX, NAMES, PATH, SECONDS, BACKOFF, ORIGINS, PROXIES };

/* What is put into a message when it is no name of a setting. */
#define NAME_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" \
	"_-. "

#define AT(member) offsetof(struct app_limits, member)

/* Habits; the bounds have a table of their own (app/bounds.h). */
static const struct key {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct app_limits */
	uint64_t lo, hi;
} keys[] = {
    {"clear_to_history", SWITCH, AT(record.clear_to_history), 0, 1},
    {"clear_history_on_ed3", SWITCH, AT(record.clear_history_on_ed3), 0, 1},
    {"max_crashes", COUNT, AT(crashes_max), 0, 60},
    {"archive", SWITCH, AT(archive), 0, 1},
    {"harden", SWITCH, AT(harden), 0, 1},
    {"mcp_write", SWITCH, AT(mcp_write), 0, 1},
    {"webhooks_remote", SWITCH, AT(webhooks_remote), 0, 1},
    {"sessions", SWITCH, AT(sessions), 0, 1},
    {"prices", PATH, AT(prices), 0, 0},
    {"jobs_dedup", SECONDS, AT(jobs_dedup_ms), 0, 366 * 86400},
    {"jobs_backoff", BACKOFF, AT(jobs_backoff_ms), 1, 86400},
    {"tmux", TMUX, AT(tmux_mode), 0, 0},
    {"tmux_sockets", NAMES, AT(tmux_sockets), 0, 0},
    {"allow_origin", ORIGINS, AT(access), 0, 0},
    {"trust_proxy", PROXIES, AT(access), 0, 0},
};

struct load {
	struct app_limits *limits;
	const char *at; /* what has not been read */
	int line;       /* number of the last that was */
	char *wrong;    /* what is wrong with it; nothing is read behind it */
};

static int
parse_switch(const char *value, uint64_t *out)
{
	static const char *const yes[] = {"on", "yes", "true", "1"}, *const no[] = {"off", "no",
									 "false", "0"};

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
			*out = strcmp(value, yes[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

/* A number, where it counts bytes with K, M or G behind it if wanted. */
static int
parse_number(const char *value, bool bytes, uint64_t lo, uint64_t hi, uint64_t *out)
{
	static const char suffixes[] = "KMG";
	size_t n = strlen(value);
	const char *suffix = bytes && n > 1 ? strchr(suffixes, value[n - 1]) : NULL;
	unsigned shift = suffix != NULL ? 10 * (unsigned)(suffix - suffixes + 1) : 0;
	char *digits = xstrndup(value, suffix != NULL ? n - 1 : n);
	int rc = str_u64(digits, lo >> shift, hi >> shift, out);

	free(digits);
	*out <<= shift;
	return rc == 0 && *out < lo ? -ERANGE : rc;
}

static int
parse_tmux(const char *value, struct app_limits *limits)
{
	uint64_t on;

	if (strcmp(value, "capture") == 0)
		limits->tmux_mode = MUX_CAPTURE;
	else if (parse_switch(value, &on) == 0)
		limits->tmux_mode = on ? MUX_ON : MUX_OFF;
	else
		return -EINVAL;
	return 0;
}

int
conf_add_socket(struct app_limits *limits, const char *name)
{
	size_t used = strlen(limits->tmux_sockets);
	size_t room = sizeof limits->tmux_sockets - used;

	if (*name == '\0' || strchr(name, '\n') != NULL || strlen(name) + 2 > room)
		return -EINVAL;
	if (*name != '/' && strchr(name, '/') != NULL)
		return -EINVAL;
	snprintf(limits->tmux_sockets + used, room, "%s\n", name);
	return 0;
}

int
conf_add_origin(struct app_limits *limits, const char *text)
{
	return server_access_origin(&limits->access, text);
}

int
conf_add_proxy(struct app_limits *limits, const char *text)
{
	return server_access_proxy(&limits->access, text);
}

int
conf_add_each(
    struct app_limits *limits, const char *list, int (*add)(struct app_limits *, const char *))
{
	char *copy = xstrdup(list), *at = copy, *word;
	int rc = 0;

	while (rc == 0 && (word = strsep(&at, ", \t")) != NULL)
		rc = *word != '\0' ? add(limits, word) : 0;
	free(copy);
	return rc;
}

static int
parse_names(const char *value, struct app_limits *limits)
{
	limits->tmux_sockets[0] = '\0';
	return conf_add_each(limits, value, conf_add_socket);
}

/* From the root, or from the home directory. */
static int
parse_path(const char *value, struct app_limits *limits)
{
	const char *home = getenv("HOME");
	bool tilde = str_starts(value, "~/") && home != NULL;
	int n;

	if (*value != '/' && !tilde)
		return -EINVAL;
	n = snprintf(limits->prices, sizeof limits->prices, "%s%s", tilde ? home : "",
	    tilde ? value + 1 : value);
	return n < (int)sizeof limits->prices ? 0 : -ENAMETOOLONG;
}

/* Seconds, separated by blanks or commas. */
static int
parse_backoff(const char *value, const struct key *k, struct app_limits *limits)
{
	enum { MOST = sizeof limits->jobs_backoff_ms / sizeof *limits->jobs_backoff_ms };
	char *copy = xstrdup(value), *at = copy, *word;
	int64_t ms[MOST] = {0};
	uint64_t s;
	size_t n = 0;
	int rc = 0;

	while (rc == 0 && (word = strsep(&at, ", \t")) != NULL) {
		if (*word == '\0')
			continue;
		rc = n == MOST ? -E2BIG : str_u64(word, k->lo, k->hi, &s);
		if (rc == 0)
			ms[n++] = (int64_t)s * 1000;
	}
	free(copy);
	if (rc != 0 || n == 0)
		return -EINVAL;
	memcpy(limits->jobs_backoff_ms, ms, sizeof ms);
	limits->jobs_nbackoff = n;
	return 0;
}

static void
store(struct app_limits *limits, const struct key *k, uint64_t v)
{
	char *at = (char *)limits + k->offset;

	switch (k->kind) {
	case COUNT:
		*(unsigned *)at = (unsigned)v;
		break;
	case SWITCH:
		*(bool *)at = v != 0;
		break;
	case SECONDS:
		*(int64_t *)at = (int64_t)v * 1000;
		break;
	case TMUX: /* stored as they are parsed */
	case NAMES:
	case PATH:
	case BACKOFF:
	case ORIGINS:
	case PROXIES:
		break;
	}
}

static void
not_a_number(struct load *l, const char *name, uint64_t lo, uint64_t hi)
{
	l->wrong = xasprintf("%s must be a number from %llu to %llu", name,
	    (unsigned long long)lo, (unsigned long long)hi);
}

/* As inih wants it: 1 when it was taken. */
static int
on_bound(struct load *l, const struct bound *b, const char *value)
{
	bool bytes = b->kind == BOUND_SIZE || b->kind == BOUND_BYTES;
	uint64_t v;

	if (parse_number(value, bytes, b->least, b->most, &v) != 0) {
		not_a_number(l, b->name, b->least, b->most);
		return 0;
	}
	bound_set(b, l->limits, v);
	return 1;
}

static int
on_key(void *user, const char *section, const char *name, const char *value)
{
	struct load *l = user;
	const struct key *k = keys, *end = keys + sizeof keys / sizeof *keys;
	uint64_t v = 0;
	int rc;

	if (*section == '\0' && bound_find(name) != NULL)
		return on_bound(l, bound_find(name), value);
	while (k != end && strcmp(k->name, name) != 0)
		k++;
	if (*section != '\0' || k == end) {
		bool fit = name[strspn(name, NAME_CHARS)] == '\0';

		l->wrong = xasprintf("there is no setting %s", fit ? name : "of that name");
		return 0;
	}
	if (k->kind == SWITCH)
		rc = parse_switch(value, &v);
	else if (k->kind == TMUX)
		rc = parse_tmux(value, l->limits);
	else if (k->kind == NAMES)
		rc = parse_names(value, l->limits);
	else if (k->kind == PATH)
		rc = parse_path(value, l->limits);
	else if (k->kind == ORIGINS)
		rc = conf_add_each(l->limits, value, conf_add_origin);
	else if (k->kind == PROXIES)
		rc = conf_add_each(l->limits, value, conf_add_proxy);
	else if (k->kind == BACKOFF)
		rc = parse_backoff(value, k, l->limits);
	else
		rc = parse_number(value, false, k->lo, k->hi, &v);
	if (rc == 0) {
		store(l->limits, k, v);
		return 1;
	}
	if (k->kind == SWITCH)
		l->wrong = xasprintf("%s must be on or off", name);
	else if (k->kind == TMUX)
		l->wrong = xasprintf("%s must be on, off or capture", name);
	else if (k->kind == NAMES)
		l->wrong = xasprintf("%s has names, or paths from the root", name);
	else if (k->kind == PATH)
		l->wrong = xasprintf("%s must be a path from the root, or from ~/", name);
	else if (k->kind == ORIGINS)
		l->wrong = xasprintf(
		    "%s has up to %d origins, as https://host:port", name, SERVER_ORIGINS_MAX);
	else if (k->kind == PROXIES)
		l->wrong = xasprintf("%s has up to %d addresses, or networks as 10.0.0.0/8",
		    name, SERVER_PROXIES_MAX);
	else if (k->kind == BACKOFF)
		l->wrong = xasprintf("%s has up to 8 numbers of seconds", name);
	else
		not_a_number(l, name, k->lo, k->hi);
	return 0;
}

/* For inih, which goes on behind a line that is wrong, and takes what does not fit for a line. */
static char *
read_line(char *line, int size, void *user)
{
	struct load *l = user;
	size_t n = strcspn(l->at, "\n");

	if (l->wrong != NULL || *l->at == '\0')
		return NULL;
	l->line++;
	if (n + 2 > (size_t)size) {
		l->wrong = xasprintf("the line is longer than %d bytes", size - 2);
		return NULL;
	}
	memcpy(line, l->at, n);
	memcpy(line + n, "\n", 2);
	l->at += n + (l->at[n] == '\n');
	return line;
}

static int
load_text(const char *path, const char *text, struct app_limits *limits, char **cause)
{
	struct load l = {.limits = limits, .at = text};
	int line = ini_parse_stream(read_line, &l, on_key, &l), rc = 0;

	if (l.wrong != NULL && (line == 0 || line == l.line))
		rc = err_set(cause, -EINVAL, "%s:%d: %s", path, l.line, l.wrong);
	else if (line != 0)
		rc = err_set(
		    cause, -EINVAL, "%s:%d: %s", path, line, "not of the form key = value");
	free(l.wrong);
	return rc;
}

int
conf_load(struct app_limits *limits, char **cause)
{
	const char *named = getenv("PANESCRY_CONFIG");
	char *path = named != NULL ? xstrdup(named) : paths_config(), *text = NULL;
	size_t len;
	int rc = file_read(path, FILE_MAX_BYTES, &text, &len);

	if (rc == 0)
		rc = load_text(path, text, limits, cause);
	else if ((rc == -ENOENT || rc == -ENOTDIR) && named == NULL) /* a home that is none */
		rc = 0;
	else
		err_sys(cause, rc, "%s", path);
	free(text);
	free(path);
	return rc;
}
