/*
 * Lines, from the owner into slabs of their pane's.
 *
 * The ids of styles become local to each slab: only those that it uses are on record. While one
 * is filled, `local` has for each id of the pane's table the local one, if its stamp is that of
 * now; for a slab of another pane, or of another call, it is set up anew from the slab's own list.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "store/archive_priv.h"

/* Of a slab that has any lines: its first and its last page, and what administers it. */
enum { SLAB_OVERHEAD = 10 * 1024, STYLE_BYTES = sizeof(struct style) + sizeof(uint16_t) };

struct local {
	uint32_t stamp;
	uint16_t id;
};

static struct slab_header *
map_slab(void)
{
	void *p =
	    mmap(NULL, SLAB_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void
pending_free(struct archive *a, struct pending *p)
{
	a->queued -= p->bytes;
	munmap(p->slab, SLAB_SIZE);
	free(p->styles);
	free(p->ids);
	source_unref(a, p->source);
	free(p);
}

void
pending_seal(struct archive *a, struct pending *p)
{
	DL_DELETE(a->open, p);
	p->source->open = NULL;
	DL_APPEND(a->queue, p);
	pthread_cond_signal(&a->work);
}

void
pending_seal_all(struct archive *a, struct source *only)
{
	struct pending *p, *next;

	DL_FOREACH_SAFE (a->open, p, next)
		if (only == NULL || p->source == only)
			pending_seal(a, p);
}

static void
set_local(struct archive *a, uint16_t id, unsigned local)
{
	a->local[id] = (struct local){a->stamp, (uint16_t)local};
}

static void
load_local(struct archive *a, const struct pending *p)
{
	if (a->local == NULL)
		a->local = xcalloc(STYLE_MAX, sizeof *a->local);
	if (++a->stamp == 0) {
		memset(a->local, 0, STYLE_MAX * sizeof *a->local);
		a->stamp = 1;
	}
	for (unsigned i = 0; p != NULL && i < p->nstyles; i++)
		set_local(a, p->ids[i], i);
}

static uint16_t
localize(struct archive *a, struct pending *p, const struct styles *styles, uint16_t id)
{
	struct style style;

	if (a->local[id].stamp == a->stamp)
		return a->local[id].id;
	if (id >= style_count(styles) || p->nstyles >= STYLE_MAX)
		return 0;
	if (p->nstyles == p->cap) {
		p->cap += p->cap / 2 + 8;
		p->styles = xreallocarray(p->styles, p->cap, sizeof *p->styles);
		p->ids = xreallocarray(p->ids, p->cap, sizeof *p->ids);
	}
	style = *style_get(styles, id);
	style.link = 0;
	p->bytes += STYLE_BYTES;
	a->queued += STYLE_BYTES;
	p->styles[p->nstyles] = style;
	p->ids[p->nstyles] = id;
	set_local(a, id, p->nstyles);
	return (uint16_t)p->nstyles++;
}

/* A line that is being put, its runs in a->runs. */
struct put {
	struct source *source;
	const struct styles *styles;
	struct archive_line line;
};

static struct pending *
open_pending(struct archive *a, struct put *put)
{
	struct source *s = put->source;
	struct slab_header *slab = map_slab();
	struct pending *p;

	if (slab == NULL)
		return NULL;
	p = xcalloc(1, sizeof *p);
	p->slab = slab;
	slab_init(slab, put->line.number, put->line.time_ms, put->line.offset);
	p->source = s;
	p->since_us = clock_mono_us();
	p->bytes = SLAB_OVERHEAD;
	a->queued += p->bytes;
	if (put->line.number > s->taken + 1) {
		p->gap_first = s->taken + 1;
		p->gap_lines = put->line.number - p->gap_first;
	}
	s->refs++;
	s->open = p;
	DL_APPEND(a->open, p);
	/* A writer that sleeps does not know yet when this one is due. */
	if (p->prev == p)
		pthread_cond_signal(&a->work);
	load_local(a, NULL);
	localize(a, p, put->styles, 0);
	return p;
}

/* As history_push: what is too long is cut, and time does not go back. */
static bool
append(struct archive *a, struct pending *p, const struct put *put)
{
	const struct slab_extent *e = slab_extent(p->slab);
	uint32_t used = e->text + e->meta;
	struct archive_line l = put->line;
	struct style_run *runs = a->runs;

	for (size_t i = 0; i < l.nruns; i++)
		runs[i] = (struct style_run){
		    l.runs[i].len, localize(a, p, put->styles, l.runs[i].style)};
	if (l.time_ms < e->time_ms)
		l.time_ms = e->time_ms;
	if (l.offset < e->offset)
		l.offset = e->offset;
	if (!slab_append(p->slab, l.text, l.len, runs, l.nruns, l.time_ms, l.offset, l.flags))
		return false;
	e = slab_extent(p->slab);
	p->bytes += e->text + e->meta - used;
	a->queued += e->text + e->meta - used;
	return true;
}

static bool
has_room(struct archive *a, const struct archive_line *l)
{
	/* A run takes at most 8 bytes, and perhaps a style; a line at most 32. */
	size_t need = SLAB_OVERHEAD + l->len + 32 + l->nruns * (8 + STYLE_BYTES);

	return a->queued == 0 || (a->queued <= a->config.queue_bytes &&
				     need <= a->config.queue_bytes - a->queued);
}

static int
put_line(struct archive *a, struct put *put)
{
	struct source *s = put->source;
	struct pending *p = s->open;

	if (put->line.number <= s->taken)
		return 0;
	if (!has_room(a, &put->line))
		return -ENOSPC;
	if (p != NULL && (put->line.number != s->taken + 1 || !append(a, p, put))) {
		pending_seal(a, p);
		p = NULL;
	}
	if (p == NULL) {
		if ((p = open_pending(a, put)) == NULL)
			return -ENOSPC;
		append(a, p, put);
	}
	s->taken = put->line.number;
	return 0;
}

/* Once there is no room, what waits for its time or for more lines makes some. */
static void
make_room(struct archive *a)
{
	pending_seal_all(a, NULL);
}

static int
begin_put(struct archive *a, const struct archive_run *run, const char *id,
    const struct styles *styles, struct put *put)
{
	struct source_key k;

	if (a == NULL)
		return -EROFS;
	if (!str_id_valid(id))
		return -EINVAL;
	if (run == NULL)
		run = &a->config.run;
	source_key_init(&k, run->started_ms, run->pid, id);
	if (a->runs == NULL)
		a->runs = xcalloc(HISTORY_RUNS_MAX, sizeof *a->runs);
	*put = (struct put){.styles = styles};
	pthread_mutex_lock(&a->mutex);
	if (!a->opened || a->has_ended) {
		pthread_mutex_unlock(&a->mutex);
		return -EAGAIN;
	}
	put->source = source_get(a, &k);
	put->source->alive = true;
	load_local(a, put->source->open);
	return 0;
}

static int
put_view(struct archive *a, const struct history_view *v, struct put *put)
{
	struct style_run *runs = xcalloc(HISTORY_RUNS_MAX, sizeof *runs);
	struct history_reader r;
	struct slab_line l;
	int rc = 0;

	history_read(&r, v, put->source->taken + 1);
	while (rc == 0 && history_next(&r, &l)) {
		put->line = (struct archive_line){l.number, l.text, l.len, runs,
		    history_runs(&r, &l, runs, HISTORY_RUNS_MAX), l.time_ms, l.offset, l.flags};
		rc = put_line(a, put);
	}
	free(runs);
	return rc;
}

int
archive_put(struct archive *a, const struct archive_run *run, const char *id,
    const struct history_view *v, const struct styles *styles, uint64_t *last)
{
	struct put put;
	int rc = begin_put(a, run, id, styles, &put);

	if (last != NULL)
		*last = 0;
	if (rc != 0)
		return rc;
	if ((rc = put_view(a, v, &put)) == -ENOSPC)
		make_room(a);
	if (last != NULL)
		*last = put.source->taken;
	pthread_mutex_unlock(&a->mutex);
	return rc;
}

int
archive_put_line(struct archive *a, const struct archive_run *run, const char *id,
    const struct archive_line *line, const struct styles *styles)
{
	struct put put;
	int rc = begin_put(a, run, id, styles, &put);

	if (rc != 0)
		return rc;
	put.line = *line;
	if (put.line.len > HISTORY_LINE_MAX)
		put.line.len = HISTORY_LINE_MAX;
	if (put.line.nruns > HISTORY_RUNS_MAX)
		put.line.nruns = HISTORY_RUNS_MAX;
	if ((rc = put_line(a, &put)) == -ENOSPC)
		make_room(a);
	pthread_mutex_unlock(&a->mutex);
	return rc;
}
