/*
 * A file that is written whole or not at all, mode 0600.
 *
 * What is put goes into a new file beside the one that is meant, which takes its name at the end. A
 * command that fails, or that a signal ends, leaves what was there. "-" is standard output, where there
 * is nothing to take back.
 *
 * One at a time in a process, since signals are about it.
 */
#ifndef CLI_WHOLE_H
#define CLI_WHOLE_H

#include <stdbool.h>
#include <stddef.h>

struct whole {
	const char *path; /* stays */
	char *new_path;   /* NULL: standard output */
	int fd;
	bool replace; /* what has that name already */
};

/* -EEXIST where there is something and it is not to be replaced. */
int whole_open(struct whole *w, const char *path, bool replace, char **cause);
int whole_write(struct whole *w, const void *data, size_t len, char **cause);

/* Either ends it. */
int whole_commit(struct whole *w, char **cause);
void whole_give_up(struct whole *w);

/* Writes all to a descriptor, whatever others have made of it. -errno. */
int whole_put(int fd, const void *data, size_t len);

#endif
