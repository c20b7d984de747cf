/* Requests for processes: what is packed comes back, and what nobody packed is refused. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/xmalloc.h"
#include "proto/spawn.h"

static char sh[] = "sh", c[] = "-c", empty[] = "", home[] = "HOME=/root",
	    odd[] = "no equals sign";

static struct buf
packed(const struct spawn_wish *w)
{
	struct buf b;

	buf_init(&b, SPAWN_BYTES_MAX);
	assert_int_equal(spawn_pack(w, &b), 0);
	return b;
}

static struct buf
a_request(void)
{
	char *argv[] = {sh, c, empty, NULL}, *envp[] = {home, odd, NULL};
	struct spawn_wish w = {"/bin/sh", "/tmp", argv, envp};

	return packed(&w);
}

static void
what_is_packed_comes_back(void **state)
{
	struct buf b = a_request();
	struct spawn_wish w;

	(void)state;
	assert_int_equal(spawn_unpack(b.data, b.len, &w), 0);
	assert_string_equal(w.program, "/bin/sh");
	assert_string_equal(w.cwd, "/tmp");
	assert_string_equal(w.argv[0], sh);
	assert_string_equal(w.argv[2], "");
	assert_null(w.argv[3]);
	assert_string_equal(w.envp[1], odd);
	assert_null(w.envp[2]);
	spawn_wish_release(&w);
	buf_release(&b);
}

static void
nothing_is_nothing(void **state)
{
	char *argv[] = {sh, NULL}, *none[] = {NULL}, *blank[] = {empty, NULL};
	struct spawn_wish w = {NULL, NULL, argv, none}, back;
	struct buf b = packed(&w);

	(void)state;
	assert_int_equal(spawn_unpack(b.data, b.len, &back), 0);
	assert_null(back.program);
	assert_null(back.cwd);
	assert_null(back.envp[0]);
	spawn_wish_release(&back);
	buf_reset(&b);
	w.argv = none;
	assert_int_equal(spawn_pack(&w, &b), -EINVAL);
	w.argv = blank;
	assert_int_equal(spawn_pack(&w, &b), -EINVAL);
	w.argv = argv;
	w.cwd = "relative";
	assert_int_equal(spawn_pack(&w, &b), -EINVAL);
	buf_release(&b);
}

static void
bounds_are_kept(void **state)
{
	char *s = xmalloc(SPAWN_STRING_MAX + 1);
	char **argv = xcalloc(SPAWN_ARGV_MAX + 2, sizeof *argv);
	struct spawn_wish w = {NULL, NULL, argv, argv + 1};
	struct buf b;

	(void)state;
	memset(s, 'x', SPAWN_STRING_MAX);
	s[SPAWN_STRING_MAX] = '\0';
	buf_init(&b, SPAWN_BYTES_MAX);
	argv[0] = s;
	assert_int_equal(spawn_pack(&w, &b), -E2BIG);
	buf_reset(&b);
	s[SPAWN_STRING_MAX - 1] = '\0'; /* with its NUL it is as long as may be */
	assert_int_equal(spawn_pack(&w, &b), 0);
	buf_reset(&b);
	for (size_t i = 0; i <= SPAWN_ARGV_MAX; i++)
		argv[i] = sh;
	assert_int_equal(spawn_pack(&w, &b), -E2BIG);
	buf_reset(&b);
	argv[SPAWN_ARGV_MAX] = NULL;
	w.envp = &argv[SPAWN_ARGV_MAX];
	assert_int_equal(spawn_pack(&w, &b), 0);
	buf_reset(&b);
	for (size_t i = 0; i < 17; i++) /* 17 times 128 KiB */
		argv[i] = s;
	assert_int_equal(spawn_pack(&w, &b), -E2BIG);
	buf_release(&b);
	free(argv);
	free(s);
}

/* Whatever becomes of a byte or of the end, nothing is read beyond what there is: each attempt has
 * memory of its own size, which the sanitizers watch. */
static void
a_damaged_one_is_refused_or_whole(void **state)
{
	struct buf b = a_request();

	(void)state;
	for (size_t len = 0; len < b.len; len++) {
		char *copy = xmalloc(len + 1);
		struct spawn_wish w;

		memcpy(copy, b.data, len);
		copy = xreallocarray(copy, len != 0 ? len : 1, 1);
		assert_int_equal(spawn_unpack(copy, len, &w), -EPROTO);
		assert_null(w.argv);
		free(copy);
	}
	for (size_t i = 0; i < b.len * 8; i++) {
		char *copy = xmalloc(b.len);
		struct spawn_wish w;

		memcpy(copy, b.data, b.len);
		copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
		if (spawn_unpack(copy, b.len, &w) == 0) {
			assert_true(w.argv[0][0] != '\0');
			assert_true(w.cwd == NULL || w.cwd[0] == '/');
			spawn_wish_release(&w);
		}
		free(copy);
	}
	buf_release(&b);
}

static void
counts_that_lie_are_refused(void **state)
{
	struct buf b = a_request();
	struct spawn_wish w;
	uint32_t n;

	(void)state;
	for (n = 0; n < 4; n++) { /* argc: 3 */
		uint32_t wrong = n < 3 ? n : UINT32_MAX;
		memcpy(b.data + 4, &wrong, sizeof wrong);
		assert_int_equal(spawn_unpack(b.data, b.len, &w), -EPROTO);
	}
	n = 5; /* the environment's strings are taken for arguments: then none are left */
	memcpy(b.data + 4, &n, sizeof n);
	assert_int_equal(spawn_unpack(b.data, b.len, &w), -EPROTO);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_packed_comes_back),
	    cmocka_unit_test(nothing_is_nothing),
	    cmocka_unit_test(bounds_are_kept),
	    cmocka_unit_test(a_damaged_one_is_refused_or_whole),
	    cmocka_unit_test(counts_that_lie_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
