/*
 * search -I: choose a line while typing.
 *
 * Full-screen on the controlling terminal, whatever standard input and output are. One loop;
 * each change of the query, after a short rest, asks the daemon anew, and gives up what it was
 * asked before; when nothing changes it asks again every second. Selected is the first hit,
 * until one is chosen by moving; from then on it is that line, wherever it goes.
 */
#ifndef CLI_PICKER_H
#define CLI_PICKER_H

#include <stdbool.h>

struct search_query;

enum { PICKER_HITS = 200 }; /* where the user gives no limit */

struct picker_options {
	const struct search_query *query; /* at most one pattern, to begin with */
	bool color;
	const char *exec;   /* a shell's command that takes this process's place, or NULL */
	bool show;          /* a line of a pane of tmux is shown there, unless there is exec */
	const char *client; /* the client that shows it, or NULL: to be found out */
};

/* Shows the line that was chosen, prints `pane line` of it, or runs the command; an exit
 * status. */
int picker_run(const struct picker_options *o);

#endif
