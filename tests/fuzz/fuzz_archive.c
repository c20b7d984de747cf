/*
 * The files of an archive, damaged anywhere or cut short: it opens all the same, gives nothing that was
 * not written, and goes on. The files are always the same two segments, of two panes, with styles and a
 * gap. Input: a byte of options, then six bytes for each damage (struct damage), which with sums made
 * anew gets through to what the sums protect; or, with RAW, the bytes of the last segment behind its head.
 *
 * Without sums made anew each record that is read is one that was written, to the byte, and none of the
 * first segment's is missing but where it was damaged. In all cases what is put then is on record when
 * the archive is opened again.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "fuzz.h"
#include "store/archive.h"
#include "store/archive_file.h"
#include "store/archive_sum.h"

enum {
	SUMS = 1, /* are made anew, of heads and of what follows them */
	RAW = 2,
	SEGMENTS = 2,
	RECORDS_MAX = 64,
	DAMAGES = 32,
	WAIT_S = 20,
};

struct damage {
	uint8_t segment, kind, value, at[3];
};

static struct image {
	char *data[SEGMENTS];
	size_t size[SEGMENTS];
	struct made {
		char id[ID_MAX + 1];
		uint64_t first, lines;
		int64_t first_ms, last_ms;
		uint32_t sum; /* of its text */
	} made[RECORDS_MAX];
	size_t nmade;
} image;

static const struct archive_run run = {1700000000000, 42};
static char dir[64];
static struct styles *styles;

/* The owner's side: the writer wakes it. */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static unsigned notices;

static void
on_notice(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&mutex);
	notices++;
	pthread_cond_signal(&change);
	pthread_mutex_unlock(&mutex);
}

static void
await(bool (*so)(struct archive *, void *), struct archive *a, void *arg)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += WAIT_S;
	for (;;) {
		unsigned seen;

		pthread_mutex_lock(&mutex);
		seen = notices;
		pthread_mutex_unlock(&mutex);
		if (so(a, arg))
			return;
		pthread_mutex_lock(&mutex);
		while (seen == notices)
			must(pthread_cond_timedwait(&change, &mutex, &ts) == 0);
		pthread_mutex_unlock(&mutex);
	}
}

static bool
is_ready(struct archive *a, void *arg)
{
	struct archive_status st;
	bool ready;

	(void)arg;
	archive_status(a, &st);
	ready = st.state == ARCHIVE_READY;
	must(st.state != ARCHIVE_FULL);
	archive_status_release(&st);
	return ready;
}

static struct archive *
opened(void)
{
	struct archive_config config = {.dir = dir,
	    .run = run,
	    .notify = on_notice,
	    .max_age_ms = INT64_MAX / 4,
	    .flush_ms = 60000,
	    .retry_ms = 1};
	struct archive *a;

	must(archive_open(&config, &a, NULL) == 0);
	await(is_ready, a, NULL);
	return a;
}

struct durable {
	const char *id;
	uint64_t line;
};

static void
on_durable(const char *id, uint64_t last, void *arg)
{
	struct durable *d = arg;

	if (strcmp(id, d->id) == 0 && last >= d->line)
		d->line = 0;
}

static bool
is_durable(struct archive *a, void *arg)
{
	archive_collect(a, on_durable, arg);
	return ((struct durable *)arg)->line == 0;
}

/* Lines. */

static void
put(struct archive *a, const char *id, uint64_t from, uint64_t to)
{
	struct durable d = {id, to};
	char text[400];

	for (uint64_t n = from; n <= to; n++) {
		struct style_run runs[] = {{2, (uint16_t)(n % 5)}, {3, (uint16_t)(n % 7)}};
		struct archive_line l = {.number = n,
		    .text = text,
		    .runs = runs,
		    .nruns = n % 3,
		    .time_ms = 1700000000000 + (int64_t)n * 10,
		    .offset = n * 50,
		    .flags = n & 3};

		l.len =
		    (size_t)snprintf(text, sizeof text, "%s: line %llu of the archive: %0*d",
			id, (unsigned long long)n, (int)(n * 37 % 300), 7);
		if (n % 29 == 0)
			l.len = l.nruns = 0;
		must(archive_put_line(a, NULL, id, &l, styles) == 0);
	}
	archive_flush(a, id);
	await(is_durable, a, &d);
}

static uint32_t
sum_of(const struct archive_block *b)
{
	return archive_sum(slab_text(b->slab), slab_extent(b->slab)->text);
}

static void
each_record(
    struct archive *a, void (*cb)(struct archive_snapshot *s, const struct archive_record *,
			   struct archive_block *, int rc))
{
	struct archive_query q = {.gaps = true};
	struct archive_block b = {0};
	struct archive_snapshot s;

	archive_snapshot(a, &q, &s);
	for (size_t i = 0; i < s.n; i++) {
		char *cause = NULL;
		int rc = archive_read(&s, &s.records[i], &b, &cause);

		must(rc == 0 || cause != NULL);
		free(cause);
		cb(&s, &s.records[i], &b, rc);
	}
	archive_block_release(&b);
	archive_snapshot_release(&s);
}

/* The image. */

static void
note(
    struct archive_snapshot *s, const struct archive_record *r, struct archive_block *b, int rc)
{
	struct made *m = &image.made[image.nmade++];

	(void)s;
	must(image.nmade <= RECORDS_MAX && (rc == 0 || r->gap));
	*m = (struct made){.first = r->first,
	    .lines = r->lines,
	    .first_ms = r->first_ms,
	    .last_ms = r->last_ms,
	    .sum = rc == 0 ? sum_of(b) : 0};
	memcpy(m->id, r->id, sizeof m->id);
}

static void
path_of(char path[PATH_MAX], unsigned segment)
{
	snprintf(path, PATH_MAX, "%s/archive/%016d.seg", dir, (int)segment + 1);
}

static void
clear_dir(void)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "%s/archive", dir);
	if ((d = opendir(path)) == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

static void
remove_dir(void)
{
	char path[PATH_MAX];

	clear_dir();
	snprintf(path, sizeof path, "%s/archive", dir);
	rmdir(path);
	rmdir(dir);
}

/* Takes what one archive wrote as the segment with that number. */
static void
take_segment(unsigned segment)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "%s/archive", dir);
	must((d = opendir(path)) != NULL);
	while ((e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);
		int fd;

		if (n < 5 || strcmp(e->d_name + n - 4, ".seg") != 0)
			continue;
		must((fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC)) >= 0);
		image.data[segment] = xmalloc(1 << 20);
		image.size[segment] = (size_t)read(fd, image.data[segment], 1 << 20);
		must(image.size[segment] > 1000 && image.size[segment] < 1 << 20);
		close(fd);
	}
	closedir(d);
	must(image.size[segment] != 0);
}

static void
take_image(void)
{
	struct archive *a;

	log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERROR); /* damage is expected */
	snprintf(dir, sizeof dir, "%s/panescry-fuzz-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(dir) != NULL);
	atexit(remove_dir);
	styles = styles_new();
	for (uint32_t i = 1; i < 7; i++)
		style_add(
		    styles, &(struct style){.fg = COLOUR_PALETTE | i, .attrs = STYLE_BOLD});
	for (unsigned segment = 0; segment < SEGMENTS; segment++) {
		uint64_t from = segment * 200 + 1;

		a = opened();
		put(a, "p1", from, from + 60);
		put(a, "t%3", from, from + 20);
		put(a, "p1", from + 70, from + 150); /* behind a gap */
		put(a, "p1", from + 151, from + 160);
		each_record(a, note);
		archive_close(a, 60000);
		take_segment(segment);
		clear_dir();
	}
}

/* Damaging it. */

static void
sum_again(char *data, size_t size)
{
	struct record_head h;

	for (size_t at = sizeof(struct segment_head); size - at >= sizeof h; at += h.size) {
		memcpy(&h, data + at, sizeof h);
		if (h.size >= sizeof h && h.size <= size - at)
			h.data_sum = archive_sum(data + at + sizeof h, h.size - sizeof h);
		h.sum = record_head_sum(&h);
		memcpy(data + at, &h, sizeof h);
		if (h.size < sizeof h || h.size > size - at)
			break;
	}
}

static void
apply(char *data, size_t *size, const struct damage *d)
{
	size_t at = d->at[0] | (size_t)d->at[1] << 8 | (size_t)d->at[2] << 16;
	uint64_t number;

	if (*size < 16)
		return;
	at %= *size - 8;
	switch (d->kind % 6) {
	case 0:
		data[at] ^= (char)d->value;
		break;
	case 1:
		memset(data + at, d->value, 4);
		break;
	case 2:
		memset(data + at, d->value, 8);
		break;
	case 3: /* a number a little different, where numbers are */
		memcpy(&number, data + (at & ~(size_t)7), sizeof number);
		number += (uint64_t)(int64_t)(int8_t)d->value;
		memcpy(data + (at & ~(size_t)7), &number, sizeof number);
		break;
	case 4: /* torn */
		*size = at;
		break;
	default: /* a page that was never written */
		memset(data + (at & ~(size_t)511), 0,
		    *size - (at & ~(size_t)511) < 512 ? *size - (at & ~(size_t)511) : 512);
	}
}

static void
write_segments(const uint8_t *data, size_t size, unsigned how)
{
	for (unsigned i = 0; i < SEGMENTS; i++) {
		size_t len = image.size[i];
		char *copy = xmalloc(len + size), path[PATH_MAX];
		struct damage d;
		int fd;

		memcpy(copy, image.data[i], len);
		if ((how & RAW) && i == SEGMENTS - 1) {
			len = sizeof(struct segment_head) + size;
			memcpy(copy + sizeof(struct segment_head), data, size);
		}
		for (size_t at = 0; !(how & RAW) && size - at >= sizeof d; at += sizeof d) {
			memcpy(&d, data + at, sizeof d);
			if (d.segment % SEGMENTS == i)
				apply(copy, &len, &d);
		}
		if ((how & SUMS) && len > sizeof(struct segment_head))
			sum_again(copy, len);
		path_of(path, i);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		must(fd >= 0 && write(fd, copy, len) == (ssize_t)len);
		close(fd);
		free(copy);
	}
}

/* Reading it. */

static volatile uint64_t sink;
static bool forged;

static void
read_lines(const struct archive_block *b)
{
	static struct style_run runs[HISTORY_RUNS_MAX];
	struct slab_cursor c;
	struct slab_line l;

	must(b->nstyles >= 1 && b->nstyles <= STYLE_MAX);
	slab_seek(&c, b->slab, slab_extent(b->slab), 0);
	while (slab_next(&c, &l)) {
		sink += slab_runs(b->slab, slab_extent(b->slab), &l, runs, HISTORY_RUNS_MAX);
		for (uint32_t i = 0; i < l.len; i++)
			sink += (unsigned char)l.text[i];
		sink += (uint64_t)l.time_ms + l.offset + l.number;
	}
}

static void
check(
    struct archive_snapshot *s, const struct archive_record *r, struct archive_block *b, int rc)
{
	bool known = forged;

	must(rc == 0 || rc == -EBADMSG || (r->gap && rc == -ENOENT));
	must(archive_may_contain(s, r, "archive", 7, true) >= 0 || rc != 0);
	if (rc == 0)
		read_lines(b);
	for (size_t i = 0; i < image.nmade && !known; i++) {
		const struct made *m = &image.made[i];

		known = strcmp(m->id, r->id) == 0 && m->first == r->first &&
			m->lines == r->lines && m->first_ms == r->first_ms &&
			m->last_ms == r->last_ms && (rc != 0 || m->sum == sum_of(b));
	}
	must(known);
}

static unsigned whole;

static void
count(
    struct archive_snapshot *s, const struct archive_record *r, struct archive_block *b, int rc)
{
	check(s, r, b, rc);
	whole += rc == 0 || r->gap;
}

static uint64_t last_seen;
static bool seen;

static void
look_for_last(
    struct archive_snapshot *s, const struct archive_record *r, struct archive_block *b, int rc)
{
	(void)s;
	(void)b;
	if (rc == 0 && strcmp(r->id, "p9") == 0 && r->first + r->lines - 1 == last_seen)
		seen = true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct archive *a;
	uint64_t last;

	if (size < 1 || size > 64 * 1024)
		return 0;
	if (image.nmade == 0)
		take_image();
	forged = data[0] & (SUMS | RAW);
	if (!(data[0] & RAW) && size > 1 + DAMAGES * sizeof(struct damage))
		return 0;
	write_segments(data + 1, size - 1, data[0]);
	a = opened();
	whole = 0;
	each_record(a, count);
	if (size == 1 && !(data[0] & RAW))
		must(whole == image.nmade);
	must(archive_last_line(a, NULL, "p9", &last) == 0);
	if (last < UINT64_MAX - 10) {
		put(a, "p9", last + 1, last + 3);
		archive_close(a, 60000);
		last_seen = last + 3;
		seen = false;
		a = opened();
		each_record(a, look_for_last);
		must(seen);
		must(archive_last_line(a, NULL, "p9", &last) == 0 && last == last_seen);
	}
	archive_close(a, 60000);
	clear_dir();
	return 0;
}
