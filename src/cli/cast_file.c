#include "config.h"

#include "cli/cast_file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

enum { PIECE = 256 * 1024 };

void
cast_file_init(struct cast_file *f, int fd)
{
	*f = (struct cast_file){.fd = fd};
	cast_reader_init(&f->reader);
	buf_init(&f->in, CAST_LINE_MAX + 2 * PIECE);
}

void
cast_file_release(struct cast_file *f)
{
	cast_reader_release(&f->reader);
	buf_release(&f->in);
}

/* Reads on until there is a whole line, or no more. */
static int
fill(struct cast_file *f, size_t *len)
{
	size_t seen = f->at;
	char *nl;

	for (;;) {
		ssize_t n;

		nl =
		    f->in.len > seen ? memchr(f->in.data + seen, '\n', f->in.len - seen) : NULL;
		seen = f->in.len;
		if (nl != NULL || f->ended || seen - f->at > CAST_LINE_MAX)
			break;
		if (f->at != 0) {
			buf_drain(&f->in, f->at);
			seen -= f->at;
			f->at = 0;
		}
		n = read(f->fd, buf_reserve(&f->in, PIECE), PIECE);
		if (n < 0 && errno != EINTR)
			return -errno;
		f->ended = n == 0;
		if (n > 0)
			buf_commit(&f->in, (size_t)n);
	}
	*len = nl != NULL ? (size_t)(nl - f->in.data) - f->at : f->in.len - f->at;
	return nl != NULL;
}

int
cast_file_next(struct cast_file *f, struct cast_event *e, char **cause)
{
	size_t len = 0;

	for (;;) {
		int whole = fill(f, &len), rc;
		char *line = f->in.data + f->at;

		if (whole < 0)
			return err_sys(cause, whole, "read");
		if (!whole && len == 0 && f->reader.header.version == 0)
			return err_set(cause, -EINVAL, "line 1: it is empty");
		if (!whole && len == 0)
			return 0;
		rc = cast_read_line(&f->reader, line, len, e, cause);
		if (rc < 0 && !whole && f->reader.header.version != 0 && len <= CAST_LINE_MAX) {
			if (cause != NULL)
				free(*cause);
			f->cut = true;
			return 0;
		}
		if (rc < 0)
			return rc;
		f->at += len + (whole ? 1 : 0);
		f->good += len + (whole ? 1 : 0);
		if (rc == 1)
			return 1;
	}
}

unsigned
cast_version(const char *name)
{
	static const char prefix[] = "asciicast-";

	if (strncmp(name, prefix, sizeof prefix - 1) == 0)
		name += sizeof prefix - 1;
	return strcmp(name, "v2") == 0 ? 2 : strcmp(name, "v3") == 0 ? 3 : 0;
}

int
cast_seconds(const char *s, int64_t *us)
{
	char *end;
	double v;

	if (*s == '\0' || strspn(s, "0123456789.") != strlen(s))
		return -EINVAL;
	v = strtod(s, &end);
	if (*end != '\0' || !(v * 1e6 <= (double)CAST_TIME_MAX))
		return -EINVAL;
	*us = llround(v * 1e6);
	return 0;
}
