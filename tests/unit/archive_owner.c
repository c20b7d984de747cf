#include "config.h"

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive_owner.h"
#include "base/clock.h"
#include "base/file.h"

enum { LONG_EVERY = 5000 };

struct owner *
owner_new(void)
{
	struct owner *o = calloc(1, sizeof *o);

	strcpy(o->dir, "/tmp/panescry-archive-XXXXXX");
	owner_make_dir(o->dir);
	owner_make_wake(o->wake);
	o->time_ms = clock_wall_ms() - 1000000;
	o->config = (struct archive_config){.dir = o->dir,
	    .run = {1700000000000, 42},
	    .notify = owner_notify,
	    .arg = o->wake,
	    .flush_ms = 5,
	    .retry_ms = 5};
	o->styles = styles_new();
	style_link_add(o->styles, "http://example.org/", 19, "", 0);
	for (unsigned i = 1; i < OWNER_STYLES; i++) {
		const struct style s = {.fg = COLOUR_RGB | (i * 77),
		    .bg = COLOUR_PALETTE | i,
		    .attrs = STYLE_BOLD,
		    .link = i == 3};

		assert_int_equal(style_add(o->styles, &s), i);
	}
	return o;
}

void
owner_free(struct owner *o)
{
	char path[96];

	owner_close(o);
	snprintf(path, sizeof path, "%s/archive", o->dir);
	owner_remove_dir(path);
	owner_remove_dir(o->dir);
	close(o->wake[0]);
	close(o->wake[1]);
	styles_free(o->styles);
	free(o);
}

void
owner_start(struct owner *o)
{
	assert_int_equal(archive_open(&o->config, &o->archive, NULL), 0);
}

void
owner_open(struct owner *o)
{
	owner_start(o);
	assert_true(owner_await_state(o, ARCHIVE_READY));
}

void
owner_close(struct owner *o)
{
	archive_close(o->archive, OWNER_PATIENCE_MS);
	o->archive = NULL;
}

void
owner_reopen(struct owner *o)
{
	owner_close(o);
	owner_open(o);
}

static void
note(const char *id, uint64_t last, void *arg)
{
	struct owner *o = arg;
	unsigned pane = (unsigned)atoi(id + 1) - 1;

	assert_true(pane < OWNER_PANES);
	assert_true(last > o->durable[pane] || last == o->durable[pane]);
	o->durable[pane] = last;
}

void
owner_turn(struct owner *o)
{
	owner_await_notice(o->wake);
	archive_collect(o->archive, note, o);
}

struct archive_status
owner_status(struct owner *o)
{
	struct archive_status st;

	archive_status(o->archive, &st);
	archive_status_release(&st);
	return st;
}

bool
owner_await_state(struct owner *o, enum archive_state state)
{
	uint64_t end = clock_mono_us() + OWNER_PATIENCE_MS * 1000ull;

	while (owner_status(o).state != state) {
		if (clock_mono_us() > end)
			return false;
		owner_turn(o);
	}
	archive_collect(o->archive, note, o);
	return true;
}

bool
owner_await_durable(struct owner *o, unsigned pane, uint64_t line)
{
	uint64_t end = clock_mono_us() + OWNER_PATIENCE_MS * 1000ull;

	while (o->durable[pane - 1] < line) {
		if (clock_mono_us() > end)
			return false;
		owner_turn(o);
	}
	return true;
}

/* A line from its number. */

struct made {
	char text[HISTORY_LINE_MAX + 1];
	size_t len;
	struct style_run runs[64];
	size_t nruns;
	int64_t time_ms;
	unsigned flags;
};

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9E3779B97F4A7C15ull;
	x ^= x >> 29;
	x *= 0xBF58476D1CE4E5B9ull;
	return x ^ x >> 32;
}

static void
make_text(struct made *m, unsigned pane, uint64_t n, bool big)
{
	static const char *const words[] = {"error", "Warning:", "compiling",
	    "src/ma\xC3\xAFn.c", "\xE4\xB8\xAD\xE6\x96\x87", "0x7f", "linked", "-O2",
	    "\xF0\x9F\x98\x80", "done"};
	uint64_t r = mix(n * 8 + pane);
	size_t want = n % 17 == 0 ? 0 : r % 200;

	if (big && n % LONG_EVERY == LONG_EVERY / 2)
		want = HISTORY_LINE_MAX;
	m->len = 0;
	if (want == 0)
		return;
	m->len = (size_t)sprintf(m->text, "p%u %llu", pane, (unsigned long long)n);
	while (m->len + 16 < want) {
		r = mix(r);
		m->len += (size_t)sprintf(m->text + m->len, " %s", words[r % 10]);
	}
	while (m->len < want)
		m->text[m->len++] = 'x';
}

static void
make_line(struct made *m, unsigned pane, uint64_t n, const struct owner *o)
{
	size_t left;

	make_text(m, pane, n, o->big);
	m->nruns = 0;
	m->flags = n % 4;
	m->time_ms = o->time_ms + (int64_t)n / 3;
	left = m->len;
	while (left != 0 && m->nruns < n % 5) {
		size_t len = m->nruns == 3 ? left : left / 2 + 1;

		m->runs[m->nruns] = (struct style_run){
		    (uint32_t)len, (uint16_t)((n + m->nruns) % OWNER_STYLES)};
		m->nruns++;
		left -= len;
	}
}

int
owner_put(struct owner *o, unsigned pane, uint64_t from, uint64_t to)
{
	const struct history_limits limits = {.lines = UINT32_MAX, .bytes = 1u << 30};
	struct history *h = history_new(&limits, NULL);
	struct made *m = malloc(sizeof *m);
	struct history_view v;
	char id[16];
	int rc;

	snprintf(id, sizeof id, "p%u", pane);
	history_set_next(h, from);
	for (uint64_t n = from; n <= to; n++) {
		make_line(m, pane, n, o);
		history_push(
		    h, m->text, m->len, m->runs, m->nruns, m->time_ms, n * 10, m->flags);
	}
	history_view(h, from, to, &v);
	rc = archive_put(o->archive, NULL, id, &v, o->styles, NULL);
	history_view_release(&v);
	history_free(h);
	free(m);
	return rc;
}

void
owner_put_all(struct owner *o, unsigned pane, uint64_t from, uint64_t to)
{
	int rc;

	while ((rc = owner_put(o, pane, from, to)) == -ENOSPC)
		owner_turn(o);
	assert_int_equal(rc, 0);
	archive_flush(o->archive, NULL);
	assert_true(owner_await_durable(o, pane, to));
}

/* The pane's own style by the id that was made, but for its link. */
static void
check_style(struct owner *o, const struct archive_block *b, unsigned local, unsigned made)
{
	struct style want = *style_get(o->styles, made);

	want.link = 0;
	assert_true(local < b->nstyles);
	assert_true(style_equal(&b->styles[local], &want));
}

static void
check_line(struct owner *o, const struct archive_block *b, const struct slab_line *l,
    const struct made *m)
{
	struct style_run runs[64];
	uint32_t n = slab_runs(b->slab, slab_extent(b->slab), l, runs, 64);

	assert_int_equal(l->len, m->len);
	assert_memory_equal(l->text, m->text, m->len);
	assert_int_equal(l->time_ms, m->time_ms);
	assert_int_equal(l->offset, l->number * 10);
	assert_int_equal(l->flags, m->flags);
	assert_int_equal(n, m->nruns);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(runs[i].len, m->runs[i].len);
		check_style(o, b, runs[i].style, m->runs[i].style);
	}
}

static void
check_block(struct owner *o, unsigned pane, const struct archive_record *r,
    const struct archive_block *b, struct made *m)
{
	struct slab_cursor c;
	struct slab_line l;
	uint64_t n = r->first;

	assert_int_equal(slab_extent(b->slab)->lines, r->lines);
	slab_seek(&c, b->slab, slab_extent(b->slab), 0);
	while (slab_next(&c, &l)) {
		assert_int_equal(l.number, n);
		make_line(m, pane, n++, o);
		check_line(o, b, &l, m);
	}
	assert_int_equal(n, r->first + r->lines);
	make_line(m, pane, r->first, o);
	assert_int_equal(r->first_ms, m->time_ms);
	make_line(m, pane, n - 1, o);
	assert_int_equal(r->last_ms, m->time_ms);
}

static bool
is_pane(const struct archive_run *run, const char *id, void *arg)
{
	(void)run;
	return strcmp(id, arg) == 0;
}

struct owner_found
owner_check(struct owner *o, unsigned pane, bool whole)
{
	struct archive_query q = {.gaps = true, .wanted = is_pane};
	struct made *m = malloc(sizeof *m);
	struct archive_block b = {0};
	struct owner_found f = {0};
	struct archive_snapshot s;
	char id[16];

	snprintf(id, sizeof id, "p%u", pane);
	q.arg = id;
	archive_snapshot(o->archive, &q, &s);
	for (size_t i = 0; i < s.n; i++) {
		const struct archive_record *r = &s.records[i];

		assert_string_equal(r->id, id);
		assert_true(r->first > f.last);
		if (whole && f.last != 0)
			assert_int_equal(r->first, f.last + 1);
		f.last = r->first + r->lines - 1;
		if (r->gap) {
			f.gaps++;
			f.missing += r->lines;
			continue;
		}
		if (f.records++ == 0)
			f.first = r->first;
		if (archive_read(&s, r, &b, NULL) != 0) {
			f.unreadable++;
			continue;
		}
		f.lines += r->lines;
		check_block(o, pane, r, &b, m);
	}
	archive_block_release(&b);
	archive_snapshot_release(&s);
	free(m);
	return f;
}

/* Files */

static int
compare(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

char **
owner_files(struct owner *o, size_t *n)
{
	char path[96], **files = calloc(4096, sizeof *files);
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "%s/archive", o->dir);
	d = opendir(path);
	assert_non_null(d);
	*n = 0;
	while ((e = readdir(d)) != NULL)
		if (strstr(e->d_name, ".seg") != NULL)
			assert_true(asprintf(&files[(*n)++], "%s/%s", path, e->d_name) > 0);
	closedir(d);
	qsort(files, *n, sizeof *files, compare);
	return files;
}

void
owner_free_files(char **files)
{
	for (char **p = files; *p != NULL; p++)
		free(*p);
	free(files);
}

char *
owner_slurp(const char *path, size_t *len)
{
	char *data;

	assert_int_equal(file_read(path, 1u << 30, &data, len), 0);
	return data;
}

void
owner_spill(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}
