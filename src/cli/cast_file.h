/* Casts (proto/cast.h) as files: read line by line, and what their options have in common. */
#ifndef CLI_CAST_FILE_H
#define CLI_CAST_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/cast.h"

struct cast_file {
	int fd; /* not owned */
	struct cast_reader reader;
	struct buf in;
	size_t at;     /* in `in` */
	uint64_t good; /* bytes of the file up to the end of the last line that was taken */
	bool ended, cut;
};

void cast_file_init(struct cast_file *f, int fd);
void cast_file_release(struct cast_file *f);

/*
 * The next event: 1, or 0 at the end; -EINVAL for what is no cast, -errno for what cannot be read.
 * A last line without a newline that is no event is where a recording was cut off: it is passed over
 * (`cut`). A file without a header is none.
 */
int cast_file_next(struct cast_file *f, struct cast_event *e, char **cause);

/* "v2", "v3"; 0 for anything else. */
unsigned cast_version(const char *name);

/* Seconds with a fraction, 0 to a year, in microseconds. -EINVAL. */
int cast_seconds(const char *s, int64_t *us);

#endif
