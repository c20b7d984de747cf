/* The end of what the archive has of a pane, to go on behind it: the daemon was started anew, and
 * tmux was not. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "app/archiver.h"
#include "app/mux_priv.h"
#include "base/xmalloc.h"
#include "history/slab.h"
#include "store/archive.h"

enum { LINES = 2000 };

struct reading {
	uv_work_t work;
	struct app *app;
	struct archive *archive;
	struct archive_run run;
	char *id;
	struct mux_past *past;
	void (*done)(void *, struct mux_past *);
	void *arg;
};

void
mux_past_free(struct mux_past *p)
{
	if (p != NULL)
		free(p->hashes);
	free(p);
}

static bool
wanted(const struct archive_run *run, const char *id, void *arg)
{
	const struct reading *r = arg;

	return run->started_ms == r->run.started_ms && run->pid == r->run.pid &&
	       strcmp(id, r->id) == 0;
}

/* Puts the lines of a record before those that are there. */
static void
prepend(struct mux_past *p, const struct slab_header *slab)
{
	const struct slab_extent *e = slab_extent(slab);
	uint64_t *all = xcalloc(e->lines + p->n + 1, sizeof *all);
	struct slab_cursor c;
	struct slab_line line;
	size_t n = 0;

	slab_seek(&c, slab, e, 0);
	while (n < e->lines && slab_next(&c, &line))
		all[n++] = seed_hash_text(line.text, line.len);
	if (p->n != 0)
		memcpy(all + n, p->hashes, p->n * sizeof *all);
	free(p->hashes);
	p->hashes = all;
	p->n += n;
}

static void
read_work(uv_work_t *w)
{
	struct reading *r = w->data;
	struct archive_query q = {.wanted = wanted, .arg = r};
	struct archive_block block = {0};
	struct archive_snapshot s;
	uint64_t next = r->past->last + 1;

	archive_snapshot(r->archive, &q, &s);
	for (size_t i = s.n; i-- > 0 && r->past->n < LINES;) {
		const struct archive_record *record = &s.records[i];

		/* Only what ends in the newest line, without a gap. */
		if (record->gap || record->first + record->lines != next ||
		    archive_read(&s, record, &block, NULL) != 0)
			break;
		next = record->first;
		prepend(r->past, block.slab);
	}
	archive_block_release(&block);
	archive_snapshot_release(&s);
}

static void
read_done(uv_work_t *w, int status)
{
	struct reading *r = w->data;

	(void)status;
	archiver_unuse(r->app);
	r->done(r->arg, r->past);
	free(r->id);
	free(r);
}

void
mux_past_read(struct entry *e, void (*done)(void *, struct mux_past *), void *arg)
{
	struct app *a = e->app;
	struct mux_past *p = xcalloc(1, sizeof *p);
	struct reading *r;

	e->archive_known = a->archive != NULL && archive_last_line(a->archive, &e->archive_run,
						     pane_id(e->pane), &p->last) == 0;
	e->archived = p->last;
	if (p->last == 0) {
		done(arg, p);
		return;
	}
	archive_flush(a->archive, NULL); /* of a pane that has just been left */
	r = xcalloc(1, sizeof *r);
	r->work.data = r;
	r->app = a;
	r->archive = a->archive;
	archiver_use(a);
	r->run = e->archive_run;
	r->id = xstrdup(pane_id(e->pane));
	r->past = p;
	r->done = done;
	r->arg = arg;
	uv_queue_work(a->loop, &r->work, read_work, read_done);
}
