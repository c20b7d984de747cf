/*
 * A pane's size. To change it lays the whole screen out anew and is told to every viewer, so a
 * client that asks for one size after the other would hold the loop. Each resize is paid for with
 * RESIZE_US: as long as no more than BURST are owed it is done at once, else the last one waits
 * until it is paid for. Who drags a window sees each step; a flood is one resize every RESIZE_US.
 */
#include "config.h"

#include <errno.h>

#include "base/clock.h"
#include "pane/pane_priv.h"
#include "pane/pty.h"

enum { RESIZE_US = PANE_RESIZE_MS * 1000, BURST = 8 };

static int
resize(struct pane *p, unsigned cols, unsigned rows)
{
	int rc;

	if (p->remote != NULL && p->state != PANE_EXITED)
		return p->remote->resize(p, cols, rows, p->arg);
	if (p->master < 0)
		return -EPIPE;
	if (cols == p->cols && rows == p->rows)
		return 0;
	if ((rc = pty_resize(p->master, cols, rows)) != 0)
		return rc;
	p->cols = cols;
	p->rows = rows;
	record_resize(p->record, cols, rows, clock_wall_ms());
	viewers_resized(p);
	return 0;
}

static int
resize_paid(struct pane *p, unsigned cols, unsigned rows, uint64_t now)
{
	int rc = resize(p, cols, rows);

	if (rc == 0)
		p->resizes_us = (p->resizes_us > now ? p->resizes_us : now) + RESIZE_US;
	return rc;
}

void
pane_resize_now(struct pane *p)
{
	if (!uv_is_active((uv_handle_t *)&p->resize))
		return;
	uv_timer_stop(&p->resize);
	resize_paid(p, p->wish_cols, p->wish_rows, clock_mono_us());
}

static void
on_due(uv_timer_t *t)
{
	struct pane *p = t->data;

	resize_paid(p, p->wish_cols, p->wish_rows, clock_mono_us());
}

int
pane_resize(struct pane *p, unsigned cols, unsigned rows)
{
	uint64_t now = clock_mono_us(), due;
	bool waits = uv_is_active((uv_handle_t *)&p->resize);

	if (p->freed || (p->master < 0 && (p->remote == NULL || p->state == PANE_EXITED)))
		return -EPIPE;
	if (!waits && p->remote == NULL && cols == p->cols && rows == p->rows)
		return 0;
	due = p->resizes_us > (uint64_t)BURST * RESIZE_US
		  ? p->resizes_us - (uint64_t)BURST * RESIZE_US
		  : 0;
	if (p->paused || (!waits && due <= now))
		return resize_paid(p, cols, rows, now);
	p->wish_cols = cols;
	p->wish_rows = rows;
	if (!waits)
		uv_timer_start(&p->resize, on_due, (due - now) / 1000 + 1, 0);
	return 0;
}
