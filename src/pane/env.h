/*
 * The environment of a pane's command: the daemon's own, without what describes another
 * terminal, with what describes this one. Strings that a caller gives come last and win.
 */
#ifndef PANE_ENV_H
#define PANE_ENV_H

#include <stddef.h>

struct env_spec {
	const char *pane;   /* PANESCRY_PANE */
	const char *socket; /* PANESCRY_SOCKET, or NULL */
	const char *cwd;    /* PWD, or NULL */
	char *const *extra; /* "NAME=value", NULL-terminated, or NULL */
};

/* A NULL-terminated array for execve, to be given back with env_free. */
char **env_make(const struct env_spec *spec);
void env_free(char **env);

/* "NAME=value" with a name of letters, digits and underscores that starts with no digit. */
int env_valid(const char *assignment);

#endif
