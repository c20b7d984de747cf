/* Panes of another program's terminals: what that program tells of them. */
#include "config.h"

#include "base/clock.h"
#include "pane/pane_priv.h"

enum {
	CHUNK = 16 * 1024, /* bytes that are given to ring and record at a time */
	CHUNK_SHARE = 4,   /* and never more than this part of the ring */
};

bool
pane_is_remote(const struct pane *p)
{
	return p->remote != NULL;
}

const char *
pane_origin(const struct pane *p)
{
	return p->birth->origin;
}

void
pane_set_pid(struct pane *p, pid_t pid)
{
	p->pid = pid;
}

void
pane_output(struct pane *p, const void *data, size_t len)
{
	size_t most = p->birth->ring_size / CHUNK_SHARE;
	int64_t now = clock_wall_ms();
	const char *bytes = data;

	if (most > CHUNK)
		most = CHUNK;
	while (len > 0 && p->state == PANE_RUNNING) {
		size_t n = len < most ? len : most;

		ring_append(p->ring, bytes, n);
		record_feed(p->record, bytes, n, now);
		pane_output_arrived(p, n);
		bytes += n;
		len -= n;
	}
}

void
pane_redraw(struct pane *p, const void *reset, size_t len, uint64_t line)
{
	ring_append(p->ring, reset, len);
	record_redraw(p->record, reset, len, line, clock_wall_ms());
	pane_output_arrived(p, len);
}

void
pane_resized(struct pane *p, unsigned cols, unsigned rows)
{
	if (p->state == PANE_EXITED || (cols == p->cols && rows == p->rows))
		return;
	p->cols = cols;
	p->rows = rows;
	record_resize(p->record, cols, rows, clock_wall_ms());
	viewers_resized(p);
}

void
pane_input_drained(struct pane *p)
{
	viewers_input_drained(p);
}

void
pane_gone(struct pane *p)
{
	pane_finish(p);
}
