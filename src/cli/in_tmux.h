/*
 * For commands that run inside tmux, or for somebody who does.
 *
 * The daemon calls a pane of tmux t%3, or t-NAME%3 for one of a server other than the default
 * one; %3 is what tmux itself calls it.
 */
#ifndef CLI_IN_TMUX_H
#define CLI_IN_TMUX_H

#include <stdbool.h>

/* Is this process in tmux? */
bool in_tmux(void);

/* Is that the daemon's id of a pane of tmux? */
bool in_tmux_is_pane(const char *id);

/* The client that somebody looks at, as tmux names it, for the caller to free; NULL when it
 * cannot be told. Runs tmux. */
char *in_tmux_client(void);

/* The daemon's id of the pane that the surrounding tmux server calls `ref`, for the caller to
 * free; for any other ref a copy of it. An exit status: what is wrong has been printed. */
int in_tmux_resolve(const char *ref, char **id);

#endif
