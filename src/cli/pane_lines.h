/*
 * All that the daemon still has of a pane, line by line: the archive, the history, the screen.
 *
 * What is wanted of it is said once; the lines come in order, the newest last. A pane that is gone has
 * what the archive has. Blocks; errors have been printed, and are exit statuses (cli/cli.h).
 */
#ifndef CLI_PANE_LINES_H
#define CLI_PANE_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/pane_page.h"

struct pane_wanted {
	const char *pane, *run;     /* run: of an earlier daemon, the archive alone; or NULL */
	uint64_t history;           /* lines above the screen; UINT64_MAX: all of the history */
	bool ranged;                /* by time instead, from the archive too */
	int64_t since_ms, until_ms; /* 0: no end. The screen is of now */
	bool main_screen;           /* also while the alternate one is up */
	/* A page for each screen: with both, the main one and then the alternate one. */
	bool both_screens;
};

struct pane_facts {
	char *id, *name, *command; /* may be NULL */
	bool gone, exited;
	int exit_status;
	int64_t created_ms;  /* 0: not known */
	int64_t active_ms;   /* when it printed last; 0: not known */
	uint64_t ring_start; /* the first byte that it wrote and that is there still */
	unsigned cols, rows; /* 0: not known */
};

/* Any may be NULL. `screen` comes behind the lines, once or twice. Anything but 0 ends it and is
 * returned. */
struct pane_taker {
	int (*facts)(void *arg, const struct pane_facts *f);
	int (*line)(void *arg, const struct pane_line *l);
	int (*screen)(void *arg, const struct pane_page *screen, bool alternate);
	void *arg;
};

int pane_lines(const struct pane_wanted *w, struct styles *styles, const struct pane_taker *to);

#endif
