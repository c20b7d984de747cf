#include "config.h"

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "spool_owner.h"

enum { PATIENCE_US = 120 * 1000 * 1000, TICK_MS = 20 };

static void
on_data(void *user, uint64_t offset, const void *data, size_t len)
{
	struct ear *e = user;
	char *in_file = xmalloc(len);

	assert_false(e->ended);
	assert_in_range(len, 1, SPOOL_PIECE);
	if (!e->began)
		e->from = e->to = offset;
	e->began = true;
	assert_int_equal(offset, e->to);
	assert_int_equal(spool_size(e->channel), offset + len);
	assert_int_equal(
	    spool_read(e->owner->dir, e->job, e->number, offset, in_file, len), (ssize_t)len);
	assert_memory_equal(in_file, data, len);
	free(in_file);
	e->to += len;
	if (e->delay_us != 0)
		usleep(e->delay_us);
	if (e->on_data != NULL)
		e->on_data(e);
}

static void
on_end(void *user, enum spool_end how, int err)
{
	struct ear *e = user;

	e->ended = true;
	e->ends++;
	e->how = how;
	e->err = err;
	if (e->on_end != NULL)
		e->on_end(e);
}

static void
on_stuck(void *user, int err)
{
	struct ear *e = user;

	assert_true((e->stuck != 0) != (err != 0));
	e->stuck = err;
	e->stucks++;
}

static void
on_tick(uv_timer_t *t)
{
	(void)t;
}

void
owner_open(struct owner *o, const char *dir)
{
	static const struct spool_callbacks cb = {on_data, on_end, on_stuck};

	if (dir != o->dir)
		snprintf(o->dir, sizeof o->dir, "%s", dir);
	assert_int_equal(uv_loop_init(&o->loop), 0);
	uv_timer_init(&o->loop, &o->tick);
	uv_timer_start(&o->tick, on_tick, TICK_MS, TICK_MS);
	assert_int_equal(spool_new(&o->loop, dir, &cb, &o->spool, NULL), 0);
}

void
owner_close(struct owner *o)
{
	spool_free(o->spool);
	uv_close((uv_handle_t *)&o->tick, NULL);
	uv_run(&o->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&o->loop), 0);
}

int
spool_setup(void **state)
{
	struct owner *o = xcalloc(1, sizeof *o);

	snprintf(o->dir, sizeof o->dir, "/tmp/panescry-spool-XXXXXX");
	assert_non_null(mkdtemp(o->dir));
	owner_open(o, o->dir);
	*state = o;
	return 0;
}

static unsigned
each_file(const char *dir, bool remove)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	unsigned n = 0;

	assert_non_null(d);
	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (remove)
			unlinkat(dirfd(d), entry->d_name, 0);
	}
	closedir(d);
	return n;
}

unsigned
files_in(const char *dir)
{
	return each_file(dir, false);
}

int
spool_teardown(void **state)
{
	struct owner *o = *state;

	owner_close(o);
	each_file(o->dir, true);
	assert_int_equal(rmdir(o->dir), 0);
	free(o);
	return 0;
}

void
listen_to(struct owner *o, struct ear *e, uint64_t job, unsigned channel, int fd, uint64_t from,
    struct spool_limit *limit)
{
	e->owner = o;
	e->job = job;
	e->number = channel;
	e->channel = spool_add(o->spool, job, channel, fd, false, from, limit, e);
}

void
listen_to_pty(struct owner *o, struct ear *e, uint64_t job, int fd)
{
	e->owner = o;
	e->job = job;
	e->number = 1;
	e->channel = spool_add(o->spool, job, 1, fd, true, 0, NULL, e);
}

void
turn_until(struct owner *o, bool (*is)(void *arg), void *arg)
{
	uint64_t until = clock_mono_us() + PATIENCE_US;

	while (!is(arg)) {
		assert_true(clock_mono_us() < until);
		uv_run(&o->loop, UV_RUN_ONCE);
	}
}

static bool
has_ended(void *arg)
{
	return ((struct ear *)arg)->ended;
}

void
await_end(struct ear *e)
{
	turn_until(e->owner, has_ended, e);
}

static bool
is_given(void *arg)
{
	const struct ear *e = arg;

	return e->to >= (uint64_t)(uintptr_t)e->arg;
}

void
await_given(struct ear *e, uint64_t to)
{
	e->arg = (void *)(uintptr_t)to;
	turn_until(e->owner, is_given, e);
}

uint64_t
length_of(struct owner *o, uint64_t job, unsigned channel)
{
	uint64_t len;

	assert_int_equal(spool_length(o->dir, job, channel, &len), 0);
	return len;
}

void
put_file(struct owner *o, uint64_t job, unsigned channel, const void *data, size_t len)
{
	assert_int_equal(spool_write(o->dir, job, channel, 0, data, len), 0);
}

void
wait_for_child(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

void
fill_numbers(char *data, size_t len, uint64_t offset)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t n = (offset + i) / 8;

		memcpy(data + i, &n, 8);
	}
}

void
assert_numbers(struct owner *o, uint64_t job, unsigned channel, uint64_t len)
{
	static char is[SPOOL_PIECE], should[SPOOL_PIECE];
	uint64_t at = 0;
	ssize_t n;

	assert_int_equal(length_of(o, job, channel), len);
	while ((n = spool_read(o->dir, job, channel, at, is, sizeof is)) > 0) {
		fill_numbers(should, sizeof should, at);
		assert_memory_equal(is, should, (size_t)n);
		at += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, len);
}

bool
put(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len != 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}
