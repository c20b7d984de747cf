#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "net/auth.h"

static void
a_token_opens_until_it_ends(void **state)
{
	struct auth *a = auth_new();
	char rw[AUTH_TOKEN_LEN + 1], ro[AUTH_TOKEN_LEN + 1];

	(void)state;
	assert_int_equal(auth_mint(a, false, 0, rw), 0);
	assert_int_equal(auth_mint(a, true, 1000, ro), 0);
	assert_int_equal(strlen(rw), AUTH_TOKEN_LEN);
	assert_string_not_equal(rw, ro);
	assert_int_equal(auth_check(a, rw, INT64_MAX), AUTH_WRITE);
	assert_int_equal(auth_check(a, ro, 999), AUTH_READ);
	assert_int_equal(auth_check(a, ro, 1000), AUTH_NONE);
	auth_free(a);
}

static void
anything_else_is_denied(void **state)
{
	struct auth *a = auth_new();
	char token[AUTH_TOKEN_LEN + 1], longer[AUTH_TOKEN_LEN + 2], huge[5000];

	(void)state;
	assert_int_equal(auth_check(a, "", 0), AUTH_NONE);
	assert_int_equal(auth_mint(a, false, 0, token), 0);
	snprintf(longer, sizeof longer, "%sx", token);
	memset(huge, 'a', sizeof huge);
	huge[sizeof huge - 1] = '\0';
	assert_int_equal(auth_check(a, NULL, 0), AUTH_NONE);
	assert_int_equal(auth_check(a, "", 0), AUTH_NONE);
	assert_int_equal(auth_check(a, longer, 0), AUTH_NONE);
	assert_int_equal(auth_check(a, huge, 0), AUTH_NONE);
	token[0] ^= 1;
	assert_int_equal(auth_check(a, token, 0), AUTH_NONE);
	auth_free(a);
}

static void
only_digests_are_kept(void **state)
{
	struct auth *a = auth_new(), *b = auth_new();
	char keep[AUTH_TOKEN_LEN + 1], gone[AUTH_TOKEN_LEN + 1], *text;

	(void)state;
	assert_int_equal(auth_mint(a, true, 0, keep), 0);
	assert_int_equal(auth_mint(a, false, 500, gone), 0);
	assert_int_equal(auth_accept(a, "a-token-from-a-file"), 0);
	text = auth_dump(a);
	assert_null(strstr(text, keep));
	assert_null(strstr(text, "a-token-from-a-file"));
	assert_int_equal(auth_load(b, text, strlen(text), 600), 0);
	assert_int_equal(auth_count(b), 1);
	assert_int_equal(auth_check(b, keep, 600), AUTH_READ);
	assert_int_equal(auth_check(b, "a-token-from-a-file", 600), AUTH_NONE);
	assert_int_equal(auth_check(a, "a-token-from-a-file", 600), AUTH_WRITE);
	free(text);
	auth_free(a);
	auth_free(b);
}

static void
files_that_are_none(void **state)
{
	static const char *const bad[] = {"", "{}", "[]", "{\"tokens\":1}", "{\"tokens\":[1]}",
	    "{\"tokens\":[{\"sha256\":\"00\",\"expires_ms\":0}]}", "{\"tokens\":[{}]}"};
	struct auth *a = auth_new();

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(auth_load(a, bad[i], strlen(bad[i]), 0), -EINVAL);
	assert_int_equal(auth_accept(a, "short"), -EINVAL);
	auth_free(a);
}

static void
tokens_are_bounded(void **state)
{
	struct auth *a = auth_new();
	char token[AUTH_TOKEN_LEN + 1];

	(void)state;
	for (int i = 0; i < AUTH_TOKENS_MAX; i++)
		assert_int_equal(auth_mint(a, false, 0, token), 0);
	assert_int_equal(auth_mint(a, false, 0, token), -ENOSPC);
	auth_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_token_opens_until_it_ends),
	    cmocka_unit_test(anything_else_is_denied),
	    cmocka_unit_test(only_digests_are_kept),
	    cmocka_unit_test(files_that_are_none),
	    cmocka_unit_test(tokens_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
