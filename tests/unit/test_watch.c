/* Changes below directories, as every system's os_watch has to tell them. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "os/os.h"

enum { TOLD_MAX = 512, PATIENCE_MS = 20000 };

struct told {
	struct os_watch *watch;
	char dir[64];
	char *paths[TOLD_MAX];
	bool directories[TOLD_MAX];
	unsigned n;
	bool follow; /* directories that are made are added */
};

static void
on_change(const char *path, bool directory, void *arg)
{
	struct told *t = arg;

	assert_true(t->n < TOLD_MAX);
	t->paths[t->n] = xstrdup(path);
	t->directories[t->n++] = directory;
	if (directory && t->follow)
		assert_int_equal(os_watch_add(t->watch, path), 0);
}

static char *
path_of(const struct told *t, const char *name)
{
	return xasprintf("%s/%s", t->dir, name);
}

static unsigned
count(const struct told *t, const char *name, bool directory)
{
	char *path = path_of(t, name);
	unsigned n = 0;

	for (unsigned i = 0; i < t->n; i++)
		n += strcmp(t->paths[i], path) == 0 && t->directories[i] == directory;
	free(path);
	return n;
}

/* Until it is told of, for as long as a machine under load may take. */
static void
await(struct told *t, const char *name, bool directory)
{
	uint64_t until = clock_mono_us() + PATIENCE_MS * 1000;

	while (count(t, name, directory) == 0) {
		if (clock_mono_us() >= until)
			fail_msg("nothing was told of %s", name);
		if (os_watch_wait(t->watch, 100) > 0)
			os_watch_read(t->watch, on_change, t);
	}
}

static void
forget(struct told *t)
{
	for (unsigned i = 0; i < t->n; i++)
		free(t->paths[i]);
	t->n = 0;
}

static void
append(const struct told *t, const char *name, const char *text)
{
	char *path = path_of(t, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	free(path);
}

static void
make(const struct told *t, const char *name)
{
	char *path = path_of(t, name);

	assert_int_equal(mkdir(path, 0700), 0);
	free(path);
}

static void
move(const struct told *t, const char *from, const char *to)
{
	char *a = path_of(t, from), *b = path_of(t, to);

	assert_int_equal(rename(a, b), 0);
	free(a);
	free(b);
}

static int
set_up(void **state)
{
	struct told *t = xcalloc(1, sizeof *t);

	strcpy(t->dir, "/tmp/panescry-watch-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	t->watch = os_watch_new();
	assert_non_null(t->watch);
	*state = t;
	return 0;
}

static int
tear_down(void **state)
{
	struct told *t = *state;
	char *command = xasprintf("rm -rf %s", t->dir);

	forget(t);
	os_watch_free(t->watch);
	assert_int_equal(system(command), 0);
	free(command);
	free(t);
	return 0;
}

static void
a_file_that_is_made_and_grows_is_told(void **state)
{
	struct told *t = *state;

	assert_int_equal(os_watch_add(t->watch, t->dir), 0);
	assert_int_equal(os_watch_add(t->watch, t->dir), 0);
	append(t, "new", "one\n");
	await(t, "new", false);
	for (int i = 0; i < 5; i++) {
		forget(t);
		append(t, "new", "more\n");
		await(t, "new", false);
	}
	assert_int_equal(count(t, "new", true), 0);
}

static void
a_file_that_was_there_before_is_told_when_it_grows(void **state)
{
	struct told *t = *state;

	append(t, "old", "one\n");
	append(t, "other", "one\n");
	assert_int_equal(os_watch_add(t->watch, t->dir), 0);
	append(t, "old", "two\n");
	await(t, "old", false);
	assert_int_equal(count(t, "other", false), 0);
}

static void
a_file_that_is_moved_over_another_is_told(void **state)
{
	struct told *t = *state;

	append(t, "file", "one\n");
	append(t, "file.new", "two\n");
	assert_int_equal(os_watch_add(t->watch, t->dir), 0);
	move(t, "file.new", "file");
	await(t, "file", false);
	forget(t);
	append(t, "file", "three\n");
	await(t, "file", false);
}

static void
a_directory_is_told_and_can_be_added_then(void **state)
{
	struct told *t = *state;

	t->follow = true;
	make(t, "before");
	assert_int_equal(os_watch_add(t->watch, t->dir), 0);
	make(t, "sub");
	await(t, "sub", true);
	assert_int_equal(count(t, "before", true), 0);
	append(t, "sub/deep", "one\n");
	await(t, "sub/deep", false);
	make(t, "sub/sub");
	await(t, "sub/sub", true);
	append(t, "sub/sub/deeper", "one\n");
	await(t, "sub/sub/deeper", false);
}

/* Of the same name, or of another. */
static void
a_directory_that_is_made_anew_is_told_again(void **state)
{
	struct told *t = *state;
	char *sub = path_of(t, "sub");

	t->follow = true;
	assert_int_equal(os_watch_add(t->watch, t->dir), 0);
	make(t, "sub");
	await(t, "sub", true);
	for (int i = 0; i < 3; i++) {
		forget(t);
		assert_int_equal(rmdir(sub), 0);
		make(t, "sub");
		await(t, "sub", true);
		append(t, "sub/file", "one\n");
		await(t, "sub/file", false);
		move(t, "sub/file", "file");
		await(t, "file", false);
	}
	forget(t);
	move(t, "sub", "elsewhere");
	await(t, "elsewhere", true);
	append(t, "elsewhere/file", "one\n");
	await(t, "elsewhere/file", false);
	free(sub);
}

static void
many_files_are_told_each(void **state)
{
	struct told *t = *state;
	char name[32];

	assert_int_equal(os_watch_add(t->watch, t->dir), 0);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "f%d", i);
		append(t, name, "one\n");
	}
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "f%d", i);
		await(t, name, false);
	}
}

static void
what_is_no_directory_is_refused(void **state)
{
	struct told *t = *state;
	char *file = path_of(t, "file"), *none = path_of(t, "none"), *link = path_of(t, "link");

	append(t, "file", "one\n");
	assert_int_equal(symlink(t->dir, link), 0);
	assert_int_equal(os_watch_add(t->watch, file), -ENOTDIR);
	assert_int_equal(os_watch_add(t->watch, none), -ENOENT);
	assert_true(os_watch_add(t->watch, link) < 0);
	free(file);
	free(none);
	free(link);
}

static void *
wake(void *arg)
{
	os_watch_wake(arg);
	return NULL;
}

static void
another_thread_wakes(void **state)
{
	struct told *t = *state;
	uint64_t began = clock_mono_us();
	pthread_t thread;

	assert_int_equal(os_watch_add(t->watch, t->dir), 0);
	assert_int_equal(os_watch_wait(t->watch, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, wake, t->watch), 0);
	assert_int_equal(os_watch_wait(t->watch, PATIENCE_MS), 0);
	assert_true(clock_mono_us() - began < PATIENCE_MS * 1000);
	pthread_join(thread, NULL);
	/* Once: the next one waits again. */
	began = clock_mono_us();
	assert_int_equal(os_watch_wait(t->watch, 50), 0);
	assert_true(clock_mono_us() - began >= 40000);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(a_file_that_is_made_and_grows_is_told),
	    TEST(a_file_that_was_there_before_is_told_when_it_grows),
	    TEST(a_file_that_is_moved_over_another_is_told),
	    TEST(a_directory_is_told_and_can_be_added_then),
	    TEST(a_directory_that_is_made_anew_is_told_again),
	    TEST(many_files_are_told_each),
	    TEST(what_is_no_directory_is_refused),
	    TEST(another_thread_wakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
