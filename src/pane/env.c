#include "config.h"

#include "pane/env.h"

#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "os/os.h"

/* Set by a terminal or a multiplexer for its own children, wrong for ours. */
static const char *const foreign[] = {"TERM", "COLORTERM", "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION", "TMUX", "TMUX_PANE", "STY", "WINDOW", "WINDOWID", "COLUMNS",
    "LINES", "TERMCAP", "VTE_VERSION", "KONSOLE_VERSION", "ITERM_SESSION_ID", "ZELLIJ",
    "PANESCRY_PANE", "PANESCRY_SOCKET", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "PWD",
    "OLDPWD", "SHLVL", "_"};

struct env {
	char **list;
	size_t count;
};

static size_t
name_len(const char *assignment)
{
	return strcspn(assignment, "=");
}

static void
set(struct env *e, const char *assignment)
{
	size_t n = name_len(assignment) + 1;

	for (size_t i = 0; i < e->count; i++) {
		if (strncmp(e->list[i], assignment, n) == 0) {
			free(e->list[i]);
			e->list[i] = xstrdup(assignment);
			return;
		}
	}
	e->list = xreallocarray(e->list, e->count + 2, sizeof *e->list);
	e->list[e->count++] = xstrdup(assignment);
	e->list[e->count] = NULL;
}

static void
set_pair(struct env *e, const char *name, const char *value)
{
	char *s;

	if (value == NULL)
		return;
	s = xasprintf("%s=%s", name, value);
	set(e, s);
	free(s);
}

static int
is_foreign(const char *assignment)
{
	size_t n = name_len(assignment);

	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		if (strlen(foreign[i]) == n && memcmp(foreign[i], assignment, n) == 0)
			return 1;
	}
	return 0;
}

/* A daemon started at boot has none of these, and a shell misbehaves without them. */
static void
set_missing(struct env *e)
{
	const struct passwd *pw = NULL;

	if (getenv("PATH") == NULL)
		set(e, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin");
	if (getenv("LC_ALL") == NULL && getenv("LC_CTYPE") == NULL && getenv("LANG") == NULL)
		set(e, "LANG=C.UTF-8");
	/* The file that says it is read only where something is missing. */
	if (getenv("HOME") == NULL || getenv("USER") == NULL || getenv("LOGNAME") == NULL ||
	    getenv("SHELL") == NULL)
		pw = getpwuid(getuid());
	if (pw == NULL)
		return;
	if (getenv("HOME") == NULL)
		set_pair(e, "HOME", pw->pw_dir);
	if (getenv("USER") == NULL)
		set_pair(e, "USER", pw->pw_name);
	if (getenv("LOGNAME") == NULL)
		set_pair(e, "LOGNAME", pw->pw_name);
	if (getenv("SHELL") == NULL)
		set_pair(e, "SHELL", *pw->pw_shell != '\0' ? pw->pw_shell : "/bin/sh");
}

char **
env_make(const struct env_spec *spec)
{
	struct env e = {xcalloc(1, sizeof(char *)), 0};

	for (char **p = environ; *p != NULL; p++) {
		if (strchr(*p, '=') != NULL && !is_foreign(*p))
			set(&e, *p);
	}
	set_missing(&e);
	set(&e, "TERM=xterm-256color");
	set(&e, "COLORTERM=truecolor");
	set_pair(&e, "PANESCRY_PANE", spec->pane);
	set_pair(&e, "PANESCRY_SOCKET", spec->socket);
	set_pair(&e, "PWD", spec->cwd);
	for (char *const *p = spec->extra; p != NULL && *p != NULL; p++)
		set(&e, *p);
	return e.list;
}

void
env_free(char **env)
{
	for (char **p = env; p != NULL && *p != NULL; p++)
		free(*p);
	free(env);
}

int
env_valid(const char *assignment)
{
	size_t n = name_len(assignment);

	if (n == 0 || assignment[n] != '=' || isdigit((unsigned char)assignment[0]))
		return 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)assignment[i];
		if (c >= 0x80 || (!isalnum(c) && c != '_'))
			return 0;
	}
	return 1;
}
