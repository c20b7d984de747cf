/*
 * A pane's memory that is damaged anywhere: it is refused, or a record is restored from it; never
 * more than that. The memory is always the same pane's, with coloured history, links, commands and
 * both slots. Input: a byte of options, then six bytes for each damage (struct damage). With the
 * sums made anew even what they protect gets through.
 *
 * What was restored is read in every way that the product has, fed, saved, and restored again, which
 * must succeed and end with the same line. The blocks of history are read once more where the
 * sanitizers see what lies beyond one.
 */
#include "config.h"

/* For its layout and its sums, which no header has. */
#include "pane/memory.c" /* NOLINT */

#include "base/buf.h"
#include "base/clock.h"
#include "fuzz.h"
#include "pane/record_priv.h"
#include "proto/attach.h"
#include "term/term.h"

enum {
	SUMS = 1,   /* are made anew */
	BLANK = 2,  /* as after a crash */
	SECOND = 4, /* restored twice without having gone on */
	WHOLE = 8,  /* both screens with all of the history, as long as that takes */
	RING = 16 * 1024,
	DAMAGES = 64,
	SOME_LINES = 40,
};

enum area {
	HEADER,
	STATE,
	SLOTS,
	BIRTH,
	STYLES,
	LINKS,
	SLOT_0,
	SLOT_1,
	RING_HEADER,
	RING_DATA,
	SLAB_HEADERS,
	SLAB_META,
	SLAB_TEXT,
	AREAS,
};

struct damage {
	uint8_t area, kind, value, at[3];
};

static struct image {
	struct layout at;
	char *data; /* all of the file in use, one piece after the other */
	size_t size;
	struct piece {
		size_t at, len;
	} pieces[4096];
	size_t npieces;
	size_t slabs[16], nslabs; /* where those in use are */
} image;

static void
on_reply(const char *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	(void)arg;
}

static void
on_title(const char *title, void *arg)
{
	(void)title;
	(void)arg;
}

static void
on_bell(void *arg)
{
	(void)arg;
}

static const struct record_callbacks callbacks = {on_reply, on_title, on_bell};
static const struct record_options options = {
    .lines = 20000, .bytes = HISTORY_BYTES_MIN, .clear_to_history = true};

/* The pane. */

static void
feed(struct record *r, const char *data, size_t len, int64_t now)
{
	while (len > 0) {
		size_t n = len < 4096 ? len : 4096;

		ring_append(memory_ring(r->memory), data, n);
		record_feed(r, data, n, now);
		data += n;
		len -= n;
	}
}

static void
some_output(struct buf *b, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++) {
		buf_printf(b, "\033[3%um%u\033[48;2;%u;2;3m some words of it \033[0m", i % 8, i,
		    i % 50);
		/* Few lines fill a block, as reading costs by the line. */
		for (unsigned k = 0; k < 8; k++)
			buf_puts(b, "and what is a long line without colours, of no use but ");
		if (i % 7 == 0)
			buf_printf(b,
			    "\033]8;id=a;https://a.example/%u\033\\link\033]8;;\033\\", i % 90);
		if (i % 11 == 0)
			buf_puts(
			    b, "\344\270\255\346\226\207 e\314\201 wraps to more than one row");
		for (unsigned k = 0; i % 97 == 0 && k < 600; k++)
			buf_printf(b, "\033[%um.", k % 2 * 7);
		if (i % 40 == 0)
			buf_printf(
			    b, "\033]133;A\007$ \033]133;B\007make %u\r\n\033]133;C\007", i);
		if (i % 40 == 20)
			buf_puts(b, "\033]133;D;1\007");
		buf_puts(b, "\r\n");
	}
}

static struct record *
first_pane(void)
{
	static char shell[] = "sh", *argv[] = {shell, NULL};
	struct memory_birth birth = {.id = "p1",
	    .name = "name",
	    .argv = argv,
	    .cols = 40,
	    .rows = 10,
	    .created_ms = 1000,
	    .ring_size = RING,
	    .history_bytes = HISTORY_BYTES_MIN};
	struct record *r;
	struct memory *m;
	struct buf b;

	if (memory_new(&birth, &m, NULL) != 0)
		abort();
	r = record_new(m, &options, &callbacks, NULL);
	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "\033]2;title\033\\");
	some_output(&b, 1, 1400);
	feed(r, b.data, b.len, 2000);
	record_save(r);
	record_resize(r, 44, 12, 3000);
	buf_reset(&b);
	some_output(&b, 5000, 30);
	/* A line of which the beginning has left the screen. */
	for (unsigned i = 0; i < 200; i++)
		buf_puts(&b, "\033[1ma long line \033[m");
	buf_puts(&b, "\033[?1049h\033[5;5Hthe other screen");
	feed(r, b.data, b.len, 4000);
	buf_release(&b);
	return r;
}

static void
take_image(void)
{
	struct record *r = first_pane();
	struct memory *m = r->memory;
	off_t at = 0, end;

	image.at = m->at;
	for (; (at = lseek(m->fd, at, SEEK_DATA)) >= 0; at = end) {
		size_t len = (size_t)((end = lseek(m->fd, at, SEEK_HOLE)) - at);

		image.data = xrealloc(image.data, image.size + len);
		memcpy(image.data + image.size, m->base + at, len);
		image.pieces[image.npieces++] = (struct piece){(size_t)at, len};
		image.size += len;
	}
	for (size_t i = 0; i < m->at.nslabs && image.nslabs < 16; i++) {
		size_t slab = m->at.slabs + i * SLAB_SIZE;
		bool used = false;

		for (size_t k = 0; k < image.npieces; k++)
			used |= image.pieces[k].at <= slab &&
				slab < image.pieces[k].at + image.pieces[k].len;
		if (used && *(uint32_t *)slab_at(m, i) == SLAB_MAGIC)
			image.slabs[image.nslabs++] = slab;
	}
	record_free(r);
	if (image.nslabs < 2)
		abort();
}

/* Damaging it. */

static void
place(const char *base, const struct damage *d, size_t at, size_t *from, size_t *len)
{
	const struct memory_header *h = (const struct memory_header *)base;
	size_t slab = image.slabs[at % image.nslabs];
	const struct slab_extent *e = slab_extent((const struct slab_header *)(base + slab));
	size_t text = sizeof(struct slab_header) + SLAB_STRIDES * sizeof(struct slab_stride);
	const struct {
		size_t from, len;
	} areas[AREAS] = {
	    [HEADER] = {0, sizeof *h},
	    [STATE] = {offsetof(struct memory_header, state), sizeof h->state},
	    [SLOTS] = {offsetof(struct memory_header, slots), sizeof h->slots},
	    [BIRTH] = {image.at.birth, 256},
	    [STYLES] = {image.at.styles, 400 * sizeof(struct style)},
	    [LINKS] = {image.at.links, 4096},
	    [SLOT_0] = {image.at.slots, 16384},
	    [SLOT_1] = {image.at.slots + SLOT_SIZE, 16384},
	    [RING_HEADER] = {image.at.ring, 64},
	    [RING_DATA] = {image.at.ring + 64, RING + RING_SLACK},
	    [SLAB_HEADERS] = {slab, text},
	    [SLAB_META] = {slab + SLAB_SIZE - (e->meta <= SLAB_SIZE ? e->meta : 0),
		e->meta <= SLAB_SIZE ? e->meta : 0},
	    [SLAB_TEXT] = {slab + text, e->text <= SLAB_SIZE - text ? e->text : 0},
	};

	*from = areas[d->area % AREAS].from;
	*len = areas[d->area % AREAS].len;
}

static void
apply(char *base, const struct damage *d)
{
	size_t at = d->at[0] | (size_t)d->at[1] << 8 | (size_t)d->at[2] << 16, from, len, n;
	uint32_t word;
	char *p;

	place(base, d, at, &from, &len);
	if (len < 8)
		return;
	at = at / 4 % (len - 7);
	p = base + from + at;
	switch (d->kind % 6) {
	case 0:
		*p ^= (char)d->value;
		break;
	case 1:
		*p = (char)d->value;
		break;
	case 2:
		memset(p, d->value, 4);
		break;
	case 3:
		memset(p, d->value, 8);
		break;
	case 4: /* a number a little different */
		memcpy(&word, base + from + (at & ~(size_t)3), sizeof word);
		word += (uint32_t)(int8_t)d->value;
		memcpy(base + from + (at & ~(size_t)3), &word, sizeof word);
		break;
	default: /* from here on nothing, as if it had been cut off */
		n = (size_t)d->value * d->value + 8;
		memset(p, 0, n < len - at ? n : len - at);
	}
}

static void
sum_again(char *base)
{
	struct memory_header *h = (struct memory_header *)base;
	struct memory m = {.head = h, .base = base, .at = image.at};

	if (h->birth_len <= BIRTH_SIZE)
		h->birth_sum = sum_bytes(SUM_SEED, base + image.at.birth, h->birth_len);
	for (unsigned i = 0; i < 2; i++)
		if ((uint64_t)h->slots[i].screen_len + h->slots[i].tail_len <= SLOT_SIZE)
			h->slots[i].sum = slot_sum(&m, i);
}

static int
make_damaged(const uint8_t *data, size_t size, unsigned how)
{
	const char *from = image.data;
	struct damage d;
	void *map;
	int fd;

	if (os_memory_create("damaged", image.at.size, &fd, &map) != 0)
		abort();
	for (size_t i = 0; i < image.npieces; i++) {
		memcpy((char *)map + image.pieces[i].at, from, image.pieces[i].len);
		from += image.pieces[i].len;
	}
	for (; size >= sizeof d; data += sizeof d, size -= sizeof d) {
		memcpy(&d, data, sizeof d);
		apply(map, &d);
	}
	if (how & SUMS)
		sum_again(map);
	os_memory_unmap(map, image.at.size);
	return fd;
}

/* Reading it. */

static volatile uint64_t sink;

static void
read_line(const struct slab_line *l, const struct style_run *runs, uint32_t nruns,
    const struct styles *styles, struct buf *b)
{
	char iso[CLOCK_ISO_LEN];
	cJSON *o = json_object();

	buf_reset(b);
	term_line_write(styles, l->text, l->len, runs, nruns, b);
	clock_iso(l->time_ms, iso);
	json_add_text(o, "time", iso);
	free(json_print_take(o));
	sink += b->len + l->number + l->offset + l->flags;
}

/* All lines and runs are read; written for a person are those that damage shows in, and some of the
 * others, of which there are many and which take the most time. */
static bool
is_shown(const struct slab_line *l, const struct style_run *runs, uint32_t n,
    const struct styles *styles)
{
	bool odd = l->number % 16 == 0 || l->len > 2000 || n > 8;

	for (uint32_t i = 0; i < n && !odd; i++)
		odd = runs[i].style >= style_count(styles);
	return odd;
}

static void
read_view(struct record *r, bool main_screen)
{
	static struct style_run runs[HISTORY_RUNS_MAX];
	struct history_reader reader;
	struct record_view v;
	struct slab_line l;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	record_view(r, UINT64_MAX, main_screen, true, &v);
	history_read(&reader, &v.history, v.history.first);
	while (history_next(&reader, &l)) {
		uint32_t n = history_runs(&reader, &l, runs, HISTORY_RUNS_MAX);

		if (is_shown(&l, runs, n, v.styles))
			read_line(&l, runs, n, v.styles, &b);
		sink += l.len != 0 ? (unsigned char)l.text[l.len - 1] : 0;
	}
	for (size_t i = 0; i < v.screen.nlines; i++) {
		const struct term_text_line *s = &v.screen.lines[i];

		l = (struct slab_line){.text = v.screen.text + s->text, .len = s->len};
		read_line(&l, v.screen.runs + s->run, s->nruns, v.styles, &b);
	}
	record_view_release(&v);
	buf_release(&b);
}

static void
read_record(struct record *r, bool whole)
{
	struct history_stats stats;
	struct slab_line l;
	struct buf b;
	size_t terminal;

	buf_init(&b, BUF_NO_MAX);
	record_snapshot(r, whole ? ATTACH_SNAPSHOT_LINES : SOME_LINES, &b);
	buf_release(&b);
	read_view(r, true);
	if (whole)
		read_view(r, false);
	record_stats(r, &stats, &terminal);
	for (uint64_t n = record_first_line(r), i = 0; i < 100; i++, n += 97)
		sink += history_get(r->history, n, &l, NULL, 0, NULL) ? l.len : 0;
	sink += history_find_time(r->history, 3000) + history_find_offset(r->history, 5000);
	for (size_t i = 0; i < record_command_count(r); i++) {
		const struct record_command *c = record_command(r, i);

		sink += strlen(c->text) + c->prompt_line + (uint64_t)c->started_ms;
	}
	sink += strlen(record_title(r)) + stats.lines + terminal + record_last_line(r);
}

/* In a block of its own, of which the sanitizers know the bounds. */
static void
read_block(const void *block)
{
	static struct style_run runs[HISTORY_RUNS_MAX];
	struct slab_header *s = xmalloc(SLAB_SIZE);
	const struct slab_extent *e;
	struct slab_cursor c;
	struct slab_line l;

	memcpy(s, block, SLAB_SIZE);
	if (slab_plausible(s)) {
		e = slab_extent(s);
		sink += slab_valid(s);
		for (uint32_t i = 0; i < 6; i++) {
			slab_seek(&c, s, e, (uint32_t)((uint64_t)e->lines * i / 5));
			if (slab_next(&c, &l))
				sink += slab_runs(s, e, &l, runs, HISTORY_RUNS_MAX) +
					(unsigned char)l.text[l.len];
			slab_seek_text(&c, s, e, (uint32_t)((uint64_t)e->text * i / 5));
			sink += slab_next(&c, &l) ? l.len : 0;
		}
		slab_seek(&c, s, e, 0);
		while (slab_next(&c, &l))
			sink += slab_runs(s, e, &l, runs, HISTORY_RUNS_MAX);
		slab_append(s, "x", 1, NULL, 0, INT64_MAX, UINT64_MAX, 0);
	}
	free(s);
}

static void
read_blocks(int fd, const uint8_t *data, size_t size_of_data)
{
	bool damaged = false;
	size_t size;
	void *map;

	for (size_t i = 0; i + sizeof(struct damage) <= size_of_data;
	     i += sizeof(struct damage))
		damaged |= data[i] % AREAS >= SLAB_HEADERS;
	if (!damaged)
		return;

	if (os_memory_map(fd, &size, &map) != 0)
		abort();
	for (size_t i = 0; i < image.nslabs; i++)
		read_block((char *)map + image.slabs[i]);
	os_memory_unmap(map, size);
}

/* NULL when it is refused. */
static struct record *
restore(int fd, bool blank)
{
	struct record *r = NULL;
	struct memory *m;
	char *text = NULL;

	if (memory_open(dup(fd), &m, &text) == 0 &&
	    record_restore(m, &options, blank, &callbacks, NULL, &r, &text) != 0)
		memory_free(m);
	free(text);
	return r;
}

static void
go_on(struct record *r)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	some_output(&b, 7000, 100);
	feed(r, b.data, b.len, 5000);
	record_resize(r, 70, 20, 5000);
	feed(r, b.data, 3000, 6000);
	record_save(r);
	feed(r, b.data, 3000, 7000);
	buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record *r;
	uint64_t last;
	int fd;

	if (!os_has_keeper() || size < 1 || size > 1 + DAMAGES * sizeof(struct damage))
		return 0;
	if (image.size == 0)
		take_image();
	fd = make_damaged(data + 1, size - 1, data[0]);
	read_blocks(fd, data + 1, size - 1);
	r = restore(fd, data[0] & BLANK);
	/* Whole as it was. */
	if (r == NULL && size == 1)
		abort();
	if (r != NULL) {
		read_record(r, data[0] & WHOLE);
		if (!(data[0] & SECOND))
			go_on(r);
		last = record_last_line(r);
		record_free(r);
		r = restore(fd, false);
		if (r == NULL || record_last_line(r) != last)
			abort();
		if (data[0] & WHOLE)
			read_record(r, false);
		record_free(r);
	}
	close(fd);
	return 0;
}
