#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/os.h"
#include "pane/memory.h"
#include "pane/record_priv.h"

enum { RING = 64 * 1024, KIB = 1024 };

static char shell[] = "sh", option[] = "-c", script[] = "echo \303\244; exec \"$0\"";
static char *const argv[] = {shell, option, script, NULL};

static const struct record_options options = {
    .lines = 1000000, .bytes = HISTORY_BYTES_MIN, .clear_to_history = true};
static const struct record_options clearing = {
    .lines = 1000000, .bytes = HISTORY_BYTES_MIN, .clear_history_on_ed3 = true};

static unsigned replies;

static void
on_reply(const char *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	(void)arg;
	replies++;
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

static struct memory *
make_kind(bool private)
{
	struct memory_birth birth = {.id = "p7",
	    .name = "a name",
	    .argv = argv,
	    .cols = 80,
	    .rows = 24,
	    .created_ms = 123456,
	    .ring_size = RING,
	    .history_bytes = HISTORY_BYTES_MIN,
	    .private = private};
	struct memory *m;

	assert_int_equal(memory_new(&birth, &m, NULL), 0);
	return m;
}

static struct memory *
make(void)
{
	return make_kind(false);
}

static struct memory *
reopen(const struct memory *m)
{
	struct memory *other;
	char *cause = NULL;

	assert_int_equal(memory_open(dup(memory_fd(m)), &other, &cause), 0);
	assert_null(cause);
	return other;
}

/* Opens what has been made of a memory's file, which must be refused. */
static void
refused(const struct memory *m, const char *why)
{
	struct memory *other;
	char *cause = NULL;

	assert_int_equal(memory_open(dup(memory_fd(m)), &other, &cause), -EINVAL);
	assert_null(other);
	assert_non_null(strstr(cause, why));
	free(cause);
}

static void
flip(const struct memory *m, off_t at)
{
	unsigned char c;

	assert_int_equal(pread(memory_fd(m), &c, 1, at), 1);
	c ^= 0x40;
	assert_int_equal(pwrite(memory_fd(m), &c, 1, at), 1);
}

/* Where those bytes are in the file, behind `from`. */
static off_t
find(const struct memory *m, off_t from, const char *what, size_t len)
{
	off_t at = from, end;
	char *data, *p;

	while ((at = lseek(memory_fd(m), at, SEEK_DATA)) >= 0) {
		end = lseek(memory_fd(m), at, SEEK_HOLE);
		data = malloc((size_t)(end - at));
		assert_int_equal(pread(memory_fd(m), data, (size_t)(end - at), at), end - at);
		p = memmem(data, (size_t)(end - at), what, len);
		if (p != NULL)
			at += p - data;
		free(data);
		if (p != NULL)
			return at;
		at = end;
	}
	fail_msg("%.*s is not there", (int)len, what);
	return -1;
}

/* As the product feeds. */
static void
feed(struct record *r, const char *data, size_t len, int64_t now)
{
	struct ring *ring = memory_ring(record_memory(r));
	struct iovec iov[2];

	while (len > 0) {
		size_t n = len < 4096 ? len : 4096;

		ring_space(ring, iov);
		if (iov[0].iov_len > n)
			iov[0].iov_len = n;
		memcpy(iov[0].iov_base, data, iov[0].iov_len);
		memcpy(iov[1].iov_base, data + iov[0].iov_len, n - iov[0].iov_len);
		ring_commit(ring, n);
		record_feed(r, iov[0].iov_base, iov[0].iov_len, now);
		if (n > iov[0].iov_len)
			record_feed(r, iov[1].iov_base, n - iov[0].iov_len, now);
		data += n;
		len -= n;
	}
}

static void
put_at(struct record *r, const char *text, int64_t now)
{
	feed(r, text, strlen(text), now);
}

static void
put(struct record *r, const char *text)
{
	put_at(r, text, 200000);
}

static void
put_lines(struct record *r, unsigned from, unsigned n, size_t len)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	for (unsigned i = from; i < from + n; i++) {
		buf_printf(&b, "line %u ", i);
		for (size_t k = 0; k < len; k++)
			buf_putc(&b, (char)('a' + k % 26));
		buf_puts(&b, "\r\n");
	}
	feed(r, b.data, b.len, 200000);
	buf_release(&b);
}

static struct record *
fresh(const struct record_options *how)
{
	return record_new(make(), how, &callbacks, NULL);
}

/* What a new process makes of it. */
static struct record *
restored(struct record *r, const struct record_options *how, const char *warning)
{
	struct memory *m = reopen(record_memory(r));
	struct record *other;
	char *text = NULL;

	assert_int_equal(record_restore(m, how, false, &callbacks, NULL, &other, &text), 0);
	if (warning == NULL)
		assert_string_equal(text != NULL ? text : "", "");
	else
		assert_string_equal(text != NULL ? text : "", warning);
	free(text);
	return other;
}

static struct record *
replace(struct record *r, const struct record_options *how)
{
	struct record *other = restored(r, how, NULL);

	record_free(r);
	return other;
}

static void
assert_line(struct record *r, uint64_t number, const char *text)
{
	struct slab_line l;

	assert_true(history_get(r->history, number, &l, NULL, 0, NULL));
	assert_int_equal(l.len, strlen(text));
	assert_memory_equal(l.text, text, l.len);
}

static void
assert_same_snapshot(struct record *a, struct record *b)
{
	struct buf x, y;

	buf_init(&x, BUF_NO_MAX);
	buf_init(&y, BUF_NO_MAX);
	assert_int_equal(record_snapshot(a, 100, &x), record_snapshot(b, 100, &y));
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.data, y.data, x.len);
	buf_release(&x);
	buf_release(&y);
}

/* Cases */

static void
what_was_written_is_read(void **state)
{
	struct memory *m = make(), *n = reopen(m);
	const struct memory_birth *b = memory_birth(n);

	(void)state;
	assert_string_equal(b->id, "p7");
	assert_string_equal(b->name, "a name");
	assert_null(b->cwd);
	for (unsigned i = 0; i < 4; i++) {
		if (argv[i] != NULL)
			assert_string_equal(b->argv[i], argv[i]);
		else
			assert_null(b->argv[i]);
	}
	assert_int_equal(b->cols, 80);
	assert_int_equal(b->rows, 24);
	assert_int_equal(b->created_ms, 123456);
	assert_int_equal(b->ring_size, RING);
	assert_int_equal(b->history_bytes, HISTORY_BYTES_MIN);
	assert_int_equal(memory_state(n)->cols, 80);
	assert_int_equal(memory_state(n)->active_ms, 123456);
	memory_state(m)->status = 3;
	assert_int_equal(memory_state(n)->status, 3);
	ring_append(memory_ring(m), "bytes", 5);
	assert_int_equal(ring_end(memory_ring(n)), 5);
	memory_free(n);
	memory_free(m);
}

static void
the_size_is_sealed(void **state)
{
	struct memory *m = make(), *other;
	off_t size = lseek(memory_fd(m), 0, SEEK_END);
	char *cause = NULL;
	int fd;

	(void)state;
	assert_int_equal(ftruncate(memory_fd(m), size - 4096), -1);
	assert_int_equal(ftruncate(memory_fd(m), size + 4096), -1);
	assert_int_equal(fcntl(memory_fd(m), F_ADD_SEALS, F_SEAL_WRITE), -1);
	/* One without seals could shrink under its reader. */
	fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(memory_open(fd, &other, &cause), -EINVAL);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	free(cause);
	memory_free(m);
}

static void
what_is_no_memory_is_refused(void **state)
{
	static const struct {
		off_t at;
		const char *why;
	} flips[] = {{0, "no pane's memory"}, {8, "another version"}, {16, "sizes"},
	    {25, "do not fit"}, {40, "started as"}, {8192 + 5, "started as"}};
	struct memory *m = make();
	void *map;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
		flip(m, flips[i].at);
		refused(m, flips[i].why);
		flip(m, flips[i].at);
	}
	memory_state(m)->fed = 1;
	refused(m, "ring");
	memory_state(m)->fed = 0;
	memory_state(m)->active_ms = -1;
	refused(m, "state");
	memory_state(m)->active_ms = 1;
	memory_state(m)->cleared = UINT64_MAX;
	refused(m, "state");
	memory_state(m)->cleared = 0;
	memory_free(reopen(m));
	memory_free(m);
	/* Shorter than a header. */
	assert_int_equal(os_memory_create("small", 100, &fd, &map), 0);
	os_memory_unmap(map, 100);
	assert_int_equal(memory_open(fd, &m, NULL), -EINVAL);
}

static void
a_command_line_that_is_too_long(void **state)
{
	size_t len = (size_t)3 << 20;
	char *text = malloc(len + 1), *list[] = {text, NULL}, *cause = NULL;
	struct memory_birth birth = {
	    .id = "p1", .argv = list, .cols = 1, .rows = 1, .ring_size = RING};
	struct memory *m;

	(void)state;
	memset(text, 'x', len);
	text[len] = '\0';
	assert_int_equal(memory_new(&birth, &m, &cause), -E2BIG);
	assert_null(m);
	free(cause);
	text[1 << 20] = '\0';
	assert_int_equal(memory_new(&birth, &m, NULL), 0);
	assert_int_equal(strlen(memory_birth(m)->argv[0]), 1 << 20);
	memory_free(m);
	free(text);
}

static void
pages_are_counted(void **state)
{
	struct memory *m = make();
	struct history_allocator a = memory_allocator(m);
	size_t before = memory_taken(m);
	char *x, *y, *z;

	(void)state;
	/* The header's pages, birth's and the ring's first: no more than was written to. */
	assert_true(before >= 3 * 4096 && before <= 4 * 4096);
	x = a.alloc(a.arg);
	y = a.alloc(a.arg);
	z = a.alloc(a.arg);
	assert_int_equal(memory_taken(m), before);
	memset(x, 1, SLAB_SIZE);
	memset(y, 1, SLAB_SIZE);
	memset(z, 1, SLAB_SIZE);
	assert_int_equal(memory_taken(m), before + 3 * SLAB_SIZE);
	/* One stays warm, and is the next to be taken. */
	a.free(a.arg, x);
	assert_int_equal(memory_taken(m), before + 3 * SLAB_SIZE);
	a.free(a.arg, y);
	assert_int_equal(memory_taken(m), before + 2 * SLAB_SIZE);
	assert_ptr_equal(a.alloc(a.arg), x);
	a.free(a.arg, x);
	a.free(a.arg, z);
	assert_int_equal(memory_taken(m), before + SLAB_SIZE);
	memory_free(m);
}

static void
blocks_run_out(void **state)
{
	struct memory *m = make();
	struct history_allocator a = memory_allocator(m);
	char *first = a.alloc(a.arg), *last = first, *p;
	unsigned n = 1;

	(void)state;
	for (; (p = a.alloc(a.arg)) != NULL; n++) {
		assert_ptr_equal(p, last + SLAB_SIZE);
		last = p;
	}
	assert_int_equal(n, 2 * (HISTORY_BYTES_MIN / SLAB_SIZE) + 64);
	/* The end of the last is the end of the file. */
	last[SLAB_SIZE - 1] = 1;
	a.free(a.arg, last);
	assert_ptr_equal(a.alloc(a.arg), last);
	memory_free(m);
}

static void
what_a_process_left_warm_is_given_back(void **state)
{
	struct record *r = fresh(&clearing);
	size_t before, after;

	(void)state;
	put_lines(r, 1, 20000, 60);
	assert_true(history_first(r->history) > 1);
	put(r, "\033[3J");
	record_save(r);
	before = memory_taken(record_memory(r));
	r = replace(r, &clearing);
	after = memory_taken(record_memory(r));
	assert_int_equal(after, before - SLAB_SIZE);
	record_free(r);
}

static void
evicted_blocks_are_given_back(void **state)
{
	struct record *r = fresh(&options);
	size_t taken;

	(void)state;
	put_lines(r, 1, 10000, 60);
	taken = memory_taken(record_memory(r));
	put_lines(r, 10001, 30000, 60);
	/* Two full ones, the warm one, and no more. */
	assert_true(memory_taken(record_memory(r)) <= taken + SLAB_SIZE);
	assert_line(r, 39000,
	    "line 39000 abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
	    "abcdefgh");
	history_clear(r->history);
	assert_true(memory_taken(record_memory(r)) <= taken - SLAB_SIZE);
	record_free(r);
}

static void
styles_come_back_with_their_ids(void **state)
{
	struct memory *m = make(), *n;
	struct styles *s = styles_new(), *t = styles_new();
	struct style st = {.attrs = STYLE_BOLD};
	const char *id;

	(void)state;
	for (unsigned i = 1; i <= 300; i++) {
		char uri[32];

		snprintf(uri, sizeof uri, "https://a.example/%u", i);
		st.link = style_link_add(s, uri, strlen(uri), "x", i % 2);
		st.fg = COLOUR_RGB | i;
		assert_int_equal(style_add(s, &st), i);
		if (i % 50 == 0)
			memory_save_styles(m, s);
	}
	n = reopen(m);
	assert_int_equal(memory_load_styles(n, t), 0);
	assert_int_equal(style_count(t), 301);
	assert_int_equal(style_link_count(t), 300);
	assert_string_equal(style_link(t, 299, &id), "https://a.example/299");
	assert_string_equal(id, "x");
	assert_string_equal(style_link(t, 300, &id), "https://a.example/300");
	assert_string_equal(id, "");
	for (unsigned i = 0; i <= 300; i++)
		assert_true(style_equal(style_get(s, i), style_get(t, i)));
	styles_free(s);
	styles_free(t);
	memory_free(n);
	memory_free(m);
}

static void
full_tables_come_back(void **state)
{
	struct memory *m = make(), *n;
	struct styles *s = styles_new(), *t = styles_new();
	char uri[STYLE_LINK_MAX + 1];
	struct style st = {0};
	unsigned i;

	(void)state;
	memset(uri, 'u', sizeof uri);
	uri[600] = '\0';
	for (i = 0; i < 9000; i++) {
		snprintf(uri, 8, "%07u", i);
		uri[7] = 'u';
		if (style_link_add(s, uri, i < 100 ? 600 : 120, "", 0) == 0)
			break;
	}
	assert_true(i < 9000);
	for (i = 0; i < 200000; i++) {
		st.fg = COLOUR_RGB | i * 77;
		st.bg = COLOUR_PALETTE | i % 256;
		st.attrs = (uint16_t)(i % 2048 & ~STYLE_UNDERLINE_MASK);
		st.link = (uint16_t)(i % 2 ? i % style_link_count(s) : 0);
		style_add(s, &st);
		if (i % 1000 == 0)
			memory_save_styles(m, s);
	}
	assert_true(style_count(s) > 60000);
	memory_save_styles(m, s);
	n = reopen(m);
	assert_int_equal(memory_load_styles(n, t), 0);
	assert_int_equal(style_count(t), style_count(s));
	assert_int_equal(style_link_count(t), style_link_count(s));
	for (i = 0; i < style_count(s); i++)
		assert_true(style_equal(style_get(s, i), style_get(t, i)));
	styles_free(s);
	styles_free(t);
	memory_free(n);
	memory_free(m);
}

static void
damaged_tables_are_refused(void **state)
{
	struct record *r = fresh(&options), *other;
	struct style red = {.fg = COLOUR_PALETTE | 1};
	struct memory *m;
	char *text;
	off_t at;

	(void)state;
	put(r, "\033[31mred\033[32mgreen\033[m\r\n");
	put_lines(r, 1, 30, 10);
	at = find(record_memory(r), 2 * 1024 * 1024, (char *)&red, sizeof red);
	/* Red becomes green: the second is no new style then. */
	assert_int_equal(
	    pwrite(memory_fd(record_memory(r)), &(uint32_t){COLOUR_PALETTE | 2}, 4, at), 4);
	m = reopen(record_memory(r));
	assert_int_equal(
	    record_restore(m, &options, false, &callbacks, NULL, &other, &text), -EINVAL);
	free(text);
	memory_free(m);
	record_free(r);
}

/* A byte that cuts a link in two: what is appended later would be read as another. */
static void
links_must_be_all_there_is(void **state)
{
	struct memory *m = make(), *n;
	struct styles *s = styles_new(), *t = styles_new();
	off_t at;

	(void)state;
	style_link_add(s, "https://a.example/", 18, "", 0);
	style_link_add(s, "https://b.example/", 18, "", 0);
	style_add(s, &(struct style){.link = 2});
	memory_save_styles(m, s);
	at = find(m, 0, "https://a.", 10);
	assert_int_equal(pwrite(memory_fd(m), "", 1, at + 4), 1);
	n = reopen(m);
	assert_int_equal(memory_load_styles(n, t), -EINVAL);
	styles_free(s);
	styles_free(t);
	memory_free(n);
	memory_free(m);
}

static void
save(struct memory *m, uint64_t offset, const char *screen)
{
	struct memory_saved s = {.offset = offset,
	    .lines = offset,
	    .cols = 80,
	    .rows = 24,
	    .screen = screen,
	    .screen_len = strlen(screen),
	    .tail = "tail",
	    .tail_len = 4};

	memory_save(m, &s);
}

static void
assert_saved(const struct memory *m, uint64_t offset, const char *screen)
{
	struct memory *n = reopen(m);
	struct memory_saved s;

	assert_true(memory_saved(n, &s));
	assert_int_equal(s.offset, offset);
	assert_int_equal(s.lines, offset);
	assert_int_equal(s.screen_len, strlen(screen));
	assert_memory_equal(s.screen, screen, s.screen_len);
	assert_int_equal(s.tail_len, 4);
	assert_memory_equal(s.tail, "tail", 4);
	memory_free(n);
}

static void
slots_alternate(void **state)
{
	struct memory *m = make();
	struct memory_saved s;

	(void)state;
	assert_false(memory_saved(m, &s));
	ring_append(memory_ring(m), "0123456789", 10);
	memory_state(m)->fed = 10;
	save(m, 3, "screen three");
	assert_saved(m, 3, "screen three");
	save(m, 5, "screen five");
	assert_saved(m, 5, "screen five");
	/* The newer is damaged: the older is still there. */
	flip(m, find(m, 0, "screen five", 11));
	assert_saved(m, 3, "screen three");
	flip(m, find(m, 0, "screen three", 12));
	assert_false(memory_saved(m, &s));
	save(m, 7, "screen seven");
	assert_saved(m, 7, "screen seven");
	/* What the ring does not reach (any more) is of no use. */
	save(m, 11, "screen eleven");
	assert_saved(m, 7, "screen seven");
	memory_free(m);
}

static void
a_screen_that_does_not_fit(void **state)
{
	struct memory *m = make();
	size_t len = (size_t)65 << 20, taken;
	char *screen = calloc(1, len);
	struct memory_saved s = {.cols = 80, .rows = 24, .screen = screen, .tail = ""};

	(void)state;
	s.screen_len = (size_t)64 << 20;
	taken = memory_taken(m);
	memory_save(m, &s);
	assert_int_equal(memory_taken(m), taken + s.screen_len);
	assert_true(memory_saved(m, &s));
	assert_int_equal(s.screen_len, 64 << 20);
	s.screen = screen;
	s.screen_len = len;
	memory_save(m, &s);
	assert_true(memory_saved(m, &s));
	assert_int_equal(s.screen_len, 0);
	/* A small one where the big one was: its pages are given back. */
	s.screen = screen;
	s.screen_len = 4096;
	memory_save(m, &s);
	assert_int_equal(memory_taken(m), taken + 4096);
	free(screen);
	memory_free(m);
}

/* Pages are given back by the length of what was there before: not those of the ring behind. */
static void
a_slot_that_says_it_is_huge(void **state)
{
	struct memory *m = make();
	uint32_t huge = 1325402918;
	uint64_t number = 7;
	off_t at;

	(void)state;
	ring_append(memory_ring(m), "0123456789", 10);
	memory_state(m)->fed = 10;
	save(m, 7, "one");
	save(m, 8, "two");
	at = find(m, 0, (char *)&number, sizeof number);
	/* offset, lines, cols, rows, screen_len, tail_len */
	assert_int_equal(pwrite(memory_fd(m), &huge, 4, at + 28), 4);
	save(m, 9, "three");
	assert_saved(m, 9, "three");
	memory_free(m);
}

static void
changes_of_size(void **state)
{
	struct memory *m = make(), *n;
	struct memory_saved s;

	(void)state;
	save(m, 0, "one");
	for (unsigned i = 0; i < MEMORY_RESIZES; i++)
		assert_true(memory_add_resize(m, &(struct memory_resize){0, 10 + i, 5}));
	assert_false(memory_add_resize(m, &(struct memory_resize){0, 99, 5}));
	n = reopen(m);
	assert_true(memory_saved(n, &s));
	assert_int_equal(s.nresizes, MEMORY_RESIZES);
	for (unsigned i = 0; i < MEMORY_RESIZES; i++)
		assert_int_equal(memory_resize_at(n, i).cols, 10 + i);
	save(m, 0, "two");
	assert_true(memory_saved(m, &s));
	assert_int_equal(s.nresizes, 0);
	memory_free(n);
	memory_free(m);
}

static void
times_of_marks(void **state)
{
	struct memory *m = make();
	int64_t ms = 0;

	(void)state;
	save(m, 0, "one");
	assert_false(memory_mark_time(m, 5, &ms));
	for (unsigned i = 0; i < MEMORY_MARKS; i++) {
		assert_false(memory_mark_time(m, 1000, &ms));
		assert_true(memory_add_mark_time(m, 10 + i, 5000 + i));
	}
	assert_false(memory_add_mark_time(m, 1000, 9000));
	assert_true(memory_mark_time(m, 12, &ms));
	assert_int_equal(ms, 5002);
	assert_false(memory_mark_time(m, 9, &ms));
	assert_true(memory_mark_time(m, 1000, &ms));
	assert_int_equal(ms, 5000 + MEMORY_MARKS - 1);
	save(m, 0, "two");
	assert_false(memory_mark_time(m, 12, &ms));
	memory_free(m);
}

static void
more_changes_of_size_than_fit(void **state)
{
	struct record *r = fresh(&options), *other;

	(void)state;
	put_lines(r, 1, 50, 200);
	for (unsigned i = 0; i < 3 * MEMORY_RESIZES; i++) {
		record_resize(r, 60 + i % 40, 10 + i % 20, 1);
		put_lines(r, 100 + i, 1, 90);
	}
	other = restored(r, &options, NULL);
	assert_int_equal(memory_state(record_memory(other))->cols, 60 + 95 % 40);
	assert_int_equal(history_last(other->history), history_last(r->history));
	assert_same_snapshot(r, other);
	record_free(other);
	record_free(r);
}

/* Killed between what record_resize notes and what it does. */
static void
a_change_of_size_that_was_only_noted(void **state)
{
	struct record *r = fresh(&options), *other;
	struct memory_resize change = {0, 100, 30};

	(void)state;
	put_lines(r, 1, 50, 200);
	change.offset = memory_state(record_memory(r))->fed;
	assert_true(memory_add_resize(record_memory(r), &change));
	memory_state(record_memory(r))->cols = 100;
	other = restored(r, &options, NULL);
	assert_int_equal(memory_state(record_memory(other))->cols, 100);
	assert_int_equal(memory_state(record_memory(other))->rows, 30);
	record_resize(r, 100, 30, 1);
	assert_same_snapshot(r, other);
	record_free(other);
	record_free(r);
}

static void
a_huge_screen(void **state)
{
	struct record *r = fresh(&options), *other;

	(void)state;
	record_resize(r, TERM_SIZE_MAX, TERM_SIZE_MAX, 1);
	put(r, "\033#8\033[1500;1500Hhere");
	record_save(r);
	put(r, "\033[31mand on");
	other = restored(r, &options, NULL);
	assert_same_snapshot(r, other);
	record_free(other);
	record_free(r);
}

static void
a_small_ring_has_the_terminal_always(void **state)
{
	struct record *r = fresh(&options), *other;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		put_lines(r, 1 + i * 100, 100, 61 + i);
		put(r, "\033[33mstill yellow: ");
		other = restored(r, &options, NULL);
		assert_same_snapshot(r, other);
		assert_int_equal(record_last_line(r), record_last_line(other));
		record_free(other);
	}
	record_free(r);
}

static void
the_older_slot_and_half_a_ring(void **state)
{
	struct record *r = fresh(&options), *other;
	static const char text[] = "the newest screen";

	(void)state;
	put_lines(r, 1, 300, 30);
	record_save(r);
	put_lines(r, 301, 200, 30);
	put(r, text);
	record_save(r);
	put(r, " and more\r\n");
	/* Behind the ring's and the slots' beginning: the slot's own text. */
	flip(record_memory(r), find(record_memory(r), 0, text, sizeof text - 1));
	other = restored(r, &options, NULL);
	assert_int_equal(record_last_line(r), record_last_line(other));
	assert_same_snapshot(r, other);
	record_free(other);
	record_free(r);
}

static void
without_slots_the_history_goes_on(void **state)
{
	struct record *r = fresh(&options), *other;
	uint64_t last;
	off_t at;

	(void)state;
	put_lines(r, 1, 100, 30);
	record_save(r);
	put(r, "a mark to find");
	record_save(r);
	last = history_last(r->history);
	at = find(record_memory(r), 0, "line 99 ", 8);
	flip(record_memory(r), at);
	flip(record_memory(r), find(record_memory(r), at, "line 99 ", 8));
	other = restored(r, &options, "its screen is lost");
	record_free(r);
	assert_int_equal(history_last(other->history), last);
	assert_line(other, 1, "line 1 abcdefghijklmnopqrstuvwxyzabcd");
	put_lines(other, 1000, 30, 0);
	assert_line(other, last + 1, "line 1000 ");
	other = replace(other, &options);
	assert_line(other, last + 1, "line 1000 ");
	record_free(other);
}

static void
a_history_that_is_damaged_is_begun_anew(void **state)
{
	struct record *r = fresh(&options), *other;
	struct slab_header header;
	uint64_t last;
	off_t at;

	(void)state;
	put_lines(r, 1, 3000, 40);
	record_save(r);
	last = history_last(r->history);
	memset(&header, 0, sizeof header);
	header.magic = SLAB_MAGIC;
	at = find(record_memory(r), 2 << 20, (char *)&header.magic, 4);
	flip(record_memory(r), at + (off_t)offsetof(struct slab_header, commit) + 3);
	flip(record_memory(r), at + (off_t)offsetof(struct slab_header, commit) + 3 +
				   (off_t)sizeof(struct slab_extent));
	other = restored(r, &options, "its history is lost");
	record_free(r);
	assert_int_equal(history_last(other->history), last);
	assert_int_equal(history_first(other->history), last + 1);
	put_lines(other, 5000, 30, 0);
	other = replace(other, &options);
	assert_int_equal(history_first(other->history), last + 1);
	record_free(other);
}

static void
a_cleared_history_stays_cleared(void **state)
{
	struct record *r = fresh(&clearing), *other;
	uint64_t last;

	(void)state;
	put_lines(r, 1, 500, 40);
	last = history_last(r->history);
	put(r, "\033[3J");
	assert_int_equal(history_first(r->history), last + 1);
	other = restored(r, &clearing, NULL);
	assert_int_equal(history_first(other->history), last + 1);
	assert_int_equal(history_last(other->history), last);
	assert_same_snapshot(r, other);
	record_free(other);
	put_lines(r, 501, 60, 40);
	r = replace(r, &clearing);
	assert_int_equal(history_first(r->history), last + 1);
	assert_int_equal(history_last(r->history), last + 60);
	put(r, "\033[3J");
	record_save(r);
	r = replace(r, &clearing);
	assert_int_equal(history_first(r->history), last + 61);
	record_free(r);
}

/* Killed when it was noted, before the first block was freed. */
static void
a_clearing_that_was_only_noted(void **state)
{
	struct record *r = fresh(&clearing);
	uint64_t last;

	(void)state;
	put_lines(r, 1, 5000, 40);
	record_save(r);
	last = history_last(r->history);
	memory_state(record_memory(r))->cleared = last + 1;
	r = replace(r, &clearing);
	assert_int_equal(history_first(r->history), last + 1);
	assert_int_equal(history_last(r->history), last);
	record_free(r);
}

static void
views_keep_their_blocks(void **state)
{
	struct record *r = fresh(&options), *other;
	struct record_view v;

	(void)state;
	put_lines(r, 1, 6000, 40);
	record_view(r, UINT64_MAX, true, true, &v);
	put_lines(r, 6001, 30000, 40);
	assert_true(history_first(r->history) > v.history.last);
	/* A new process has the lines that the old one had, not those that it only held. */
	other = restored(r, &options, NULL);
	assert_int_equal(history_first(other->history), history_first(r->history));
	assert_int_equal(history_last(other->history), history_last(r->history));
	record_free(other);
	record_free(r);
	record_view_release(&v);
}

static void
views_outlive_their_record(void **state)
{
	struct record *r = fresh(&options);
	struct history_reader reader;
	struct record_view v;
	struct slab_line l;
	uint64_t n;

	(void)state;
	put_lines(r, 1, 6000, 40);
	record_view(r, UINT64_MAX, true, true, &v);
	put_lines(r, 6001, 30000, 40);
	record_free(r);
	n = v.history.first;
	history_read(&reader, &v.history, n);
	for (; history_next(&reader, &l); n++) {
		char text[32];
		int len = snprintf(text, sizeof text, "line %u ", (unsigned)n);

		assert_int_equal(l.number, n);
		assert_memory_equal(l.text, text, (size_t)len);
	}
	assert_int_equal(n, v.history.last + 1);
	record_view_release(&v);
}

static void
long_lines(void **state)
{
	struct record *r = fresh(&options), *other;
	size_t len = 150 * KIB;
	char *text = malloc(len);
	struct slab_line l;

	(void)state;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i % 23);
	feed(r, text, len, 1);
	/* In the midst of it, twice. */
	other = restored(r, &options, NULL);
	assert_same_snapshot(r, other);
	record_free(other);
	feed(r, text, 100, 1);
	r = replace(r, &options);
	put(r, "\r\n");
	put_lines(r, 1, 30, 0);
	r = replace(r, &options);
	len += 100;
	for (uint64_t n = 1; len > 0; n++) {
		assert_true(history_get(r->history, n, &l, NULL, 0, NULL));
		assert_true(l.len <= HISTORY_LINE_MAX && l.len <= len);
		len -= l.len;
		assert_int_equal(!(l.flags & TERM_LINE_SPLIT), len == 0);
	}
	free(text);
	record_free(r);
}

static void
no_answer_is_given_twice(void **state)
{
	struct record *r = fresh(&options);

	(void)state;
	replies = 0;
	put(r, "\033[c\033[6n");
	assert_int_equal(replies, 2);
	r = replace(r, &options);
	assert_int_equal(replies, 2);
	record_save(r);
	/* Killed when the first of two had been answered, and nothing was counted as fed. */
	ring_append(memory_ring(record_memory(r)), "\033[c\033[6n", 7);
	memory_state(record_memory(r))->replies++;
	r = replace(r, &options);
	assert_int_equal(replies, 3);
	put(r, "\033[c");
	assert_int_equal(replies, 4);
	record_free(r);
}

static void
commands_keep_their_times_and_lines(void **state)
{
	struct record *r = fresh(&options);
	const struct record_command *c;

	(void)state;
	put_at(r, "\033]133;A\007$ \033]133;B\007make \\\r\n", 130000);
	/* More than a screen between: the first part has long left it. */
	for (unsigned i = 0; i < 30; i++)
		put(r, "x \\\r\n");
	r = replace(r, &options);
	put_at(r, "all\r\n\033]133;C\007", 140000);
	put_at(r, "done\r\n\033]133;D;2\007", 150000);
	put_lines(r, 1, 100, 10);
	r = replace(r, &options);
	assert_int_equal(record_command_count(r), 1);
	c = record_command(r, 0);
	assert_int_equal(c->started_ms, 140000);
	assert_int_equal(c->finished_ms, 150000);
	assert_int_equal(c->exit_status, 2);
	assert_int_equal(strlen(c->text), strlen("make \\\n") + 30 * strlen("x \\\n") + 3);
	assert_memory_equal(c->text, "make \\\nx \\\nx \\\n", 15);
	assert_string_equal(c->text + strlen(c->text) - 8, "\nx \\\nall");
	record_free(r);
}

static void
private_memory_is_in_no_file(void **state)
{
	struct record *r = record_new(make_kind(true), &options, &callbacks, NULL);
	struct history_stats stats;
	size_t screen;
	char text[64];

	(void)state;
	assert_int_equal(memory_fd(record_memory(r)), -1);
	assert_int_equal(memory_taken(record_memory(r)), 0);
	/* More marks in all than a slot has times for, and more lines than the history keeps. */
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof text,
		    "\033]133;A\007$ \033]133;C\007x\r\n\033]133;D;%d\007", i);
		put_at(r, text, 1000 + i);
		if (i == 19)
			put_lines(r, 1, 40000, 100);
	}
	assert_int_equal(record_command_count(r), 40);
	for (int i = 0; i < 40; i++) {
		const struct record_command *c = record_command(r, (size_t)i);

		assert_int_equal(c->exit_status, i);
		assert_int_equal(c->finished_ms, 1000 + i);
	}
	record_stats(r, &stats, &screen);
	assert_true(stats.lines > 0 && stats.lines < 40000);
	assert_true(record_first_line(r) > 1);
	record_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_written_is_read),
	    cmocka_unit_test(the_size_is_sealed),
	    cmocka_unit_test(private_memory_is_in_no_file),
	    cmocka_unit_test(what_is_no_memory_is_refused),
	    cmocka_unit_test(a_command_line_that_is_too_long),
	    cmocka_unit_test(pages_are_counted),
	    cmocka_unit_test(blocks_run_out),
	    cmocka_unit_test(what_a_process_left_warm_is_given_back),
	    cmocka_unit_test(evicted_blocks_are_given_back),
	    cmocka_unit_test(styles_come_back_with_their_ids),
	    cmocka_unit_test(full_tables_come_back),
	    cmocka_unit_test(damaged_tables_are_refused),
	    cmocka_unit_test(links_must_be_all_there_is),
	    cmocka_unit_test(slots_alternate),
	    cmocka_unit_test(a_screen_that_does_not_fit),
	    cmocka_unit_test(a_slot_that_says_it_is_huge),
	    cmocka_unit_test(changes_of_size),
	    cmocka_unit_test(times_of_marks),
	    cmocka_unit_test(more_changes_of_size_than_fit),
	    cmocka_unit_test(a_change_of_size_that_was_only_noted),
	    cmocka_unit_test(a_huge_screen),
	    cmocka_unit_test(a_small_ring_has_the_terminal_always),
	    cmocka_unit_test(the_older_slot_and_half_a_ring),
	    cmocka_unit_test(without_slots_the_history_goes_on),
	    cmocka_unit_test(a_history_that_is_damaged_is_begun_anew),
	    cmocka_unit_test(a_cleared_history_stays_cleared),
	    cmocka_unit_test(a_clearing_that_was_only_noted),
	    cmocka_unit_test(views_keep_their_blocks),
	    cmocka_unit_test(views_outlive_their_record),
	    cmocka_unit_test(long_lines),
	    cmocka_unit_test(no_answer_is_given_twice),
	    cmocka_unit_test(commands_keep_their_times_and_lines),
	};

	/* Memory that outlives its process goes with a keeper. */
	if (!os_has_keeper())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
