#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "net/auth.h"

static enum auth_access
may(struct auth *a, const char *token, int64_t now)
{
	struct auth_token t;

	return auth_check(a, token, now, &t) == AUTH_GOOD ? t.access : AUTH_NONE;
}

static int
mint(struct auth *a, enum auth_access access, int64_t expires, char out[AUTH_TOKEN_LEN + 1])
{
	struct auth_token t = {.access = access, .expires_ms = expires};

	return auth_mint(a, &t, out);
}

static int
load(struct auth *a, const char *text, int64_t now)
{
	return auth_load(a, text, strlen(text), 7, now);
}

static void
a_token_opens_until_it_ends(void **state)
{
	struct auth *a = auth_new();
	char rw[AUTH_TOKEN_LEN + 1], ro[AUTH_TOKEN_LEN + 1];

	(void)state;
	assert_int_equal(mint(a, AUTH_WRITE, 0, rw), 0);
	assert_int_equal(mint(a, AUTH_READ, 1000, ro), 0);
	assert_int_equal(strlen(rw), AUTH_TOKEN_LEN);
	assert_string_not_equal(rw, ro);
	assert_int_equal(may(a, rw, INT64_MAX), AUTH_WRITE);
	assert_int_equal(may(a, ro, 999), AUTH_READ);
	assert_int_equal(may(a, ro, 1000), AUTH_NONE);
	auth_free(a);
}

static void
anything_else_is_denied(void **state)
{
	struct auth *a = auth_new();
	char token[AUTH_TOKEN_LEN + 1], longer[AUTH_TOKEN_LEN + 2], huge[5000];

	(void)state;
	assert_int_equal(may(a, "", 0), AUTH_NONE);
	assert_int_equal(mint(a, AUTH_WRITE, 0, token), 0);
	snprintf(longer, sizeof longer, "%sx", token);
	memset(huge, 'a', sizeof huge);
	huge[sizeof huge - 1] = '\0';
	assert_int_equal(may(a, "", 0), AUTH_NONE);
	assert_int_equal(may(a, longer, 0), AUTH_NONE);
	assert_int_equal(may(a, huge, 0), AUTH_NONE);
	token[0] ^= 1;
	assert_int_equal(may(a, token, 0), AUTH_NONE);
	auth_free(a);
}

static void
only_digests_are_kept(void **state)
{
	struct auth *a = auth_new(), *b = auth_new();
	char keep[AUTH_TOKEN_LEN + 1], gone[AUTH_TOKEN_LEN + 1], *text;

	(void)state;
	assert_int_equal(mint(a, AUTH_READ, 0, keep), 0);
	assert_int_equal(mint(a, AUTH_WRITE, 500, gone), 0);
	assert_int_equal(auth_accept(a, "a-token-from-a-file", "file"), 0);
	text = auth_dump(a, 7);
	assert_null(strstr(text, keep));
	assert_null(strstr(text, "a-token-from-a-file"));
	assert_int_equal(load(b, text, 600), 0);
	assert_int_equal(auth_count(b), 1);
	assert_int_equal(may(b, keep, 600), AUTH_READ);
	assert_int_equal(may(b, "a-token-from-a-file", 600), AUTH_NONE);
	assert_int_equal(may(a, "a-token-from-a-file", 600), AUTH_WRITE);
	free(text);
	auth_free(a);
	auth_free(b);
}

static void
who_has_known_a_token_does_not_guess(void **state)
{
	struct auth *a = auth_new(), *b = auth_new();
	char ended[AUTH_TOKEN_LEN + 1], expired[AUTH_TOKEN_LEN + 1], *text;
	struct auth_token t;

	(void)state;
	assert_int_equal(mint(a, AUTH_WRITE, 0, ended), 0);
	assert_int_equal(mint(a, AUTH_WRITE, 500, expired), 0);
	assert_int_equal(auth_end(a, auth_at(a, 0)->id), 0);
	assert_int_equal(auth_check(a, expired, 500, &t), AUTH_ENDED);
	assert_int_equal(auth_expire(a, 500), 1);
	text = auth_dump(a, 7);
	assert_int_equal(load(b, text, 600), 0);
	for (int i = 0; i < 2; i++) {
		struct auth *each = i == 0 ? a : b;

		assert_int_equal(auth_count(each), 0);
		assert_int_equal(auth_check(each, expired, 600, &t), AUTH_ENDED);
		assert_int_equal(auth_check(each, ended, 600, &t), AUTH_ENDED);
		assert_int_equal(
		    auth_check(each, "never-was-one-of-these", 600, &t), AUTH_WRONG);
	}
	free(text);
	auth_free(a);
	auth_free(b);
}

static void
names_and_ids(void **state)
{
	struct auth_token t = {.access = AUTH_WRITE, .name = "lamp", .pane = "p3"}, again = t;
	struct auth *a = auth_new(), *b = auth_new(), *other = auth_new();
	char token[AUTH_TOKEN_LEN + 1], second[AUTH_TOKEN_LEN + 1], *text;

	(void)state;
	assert_int_equal(auth_mint(a, &t, token), 0);
	assert_int_equal(auth_mint(a, &again, second), -EEXIST);
	assert_int_equal(strlen(t.id), AUTH_ID_LEN);
	assert_string_equal(auth_find(a, "lamp", 0)->id, t.id);
	assert_string_equal(auth_find(a, t.id, 0)->name, "lamp");
	assert_null(auth_find(a, "", 0));
	text = auth_dump(a, 7);
	assert_int_equal(load(b, text, 0), 0);
	assert_string_equal(auth_find(b, t.id, 0)->pane, "p3");
	/* The p3 of another run of the daemon is another pane. */
	assert_int_equal(auth_load(other, text, strlen(text), 8, 0), 0);
	assert_int_equal(auth_count(other), 0);
	assert_int_equal(auth_end_pane(b, "p33"), 0);
	assert_int_equal(auth_end_pane(b, "p3"), 1);
	assert_int_equal(auth_end(b, t.id), -ENOENT);
	assert_int_equal(may(b, token, 0), AUTH_NONE);
	assert_int_equal(may(a, token, 0), AUTH_WRITE);
	free(text);
	auth_free(a);
	auth_free(b);
	auth_free(other);
}

static void
a_code_is_redeemed_once(void **state)
{
	struct auth_token t = {
	    .access = AUTH_READ, .once = true, .expires_ms = 500, .then_ms = 5000};
	struct auth *a = auth_new(), *b = auth_new();
	char code[AUTH_TOKEN_LEN + 1], token[AUTH_TOKEN_LEN + 1], *text;

	(void)state;
	assert_int_equal(auth_mint(a, &t, code), 0);
	assert_int_equal(auth_check(a, code, 0, &t), AUTH_ENDED);
	text = auth_dump(a, 7);
	assert_int_equal(load(b, text, 0), 0);
	assert_int_equal(auth_redeem(b, code, 500, token), AUTH_ENDED);
	assert_int_equal(auth_redeem(a, code, 499, token), AUTH_GOOD);
	assert_int_equal(auth_redeem(a, code, 499, token), AUTH_ENDED);
	assert_int_equal(auth_redeem(a, token, 499, token), AUTH_WRONG);
	assert_int_equal(auth_check(a, code, 499, &t), AUTH_ENDED);
	assert_int_equal(may(a, token, 4999), AUTH_READ);
	assert_int_equal(may(a, token, 5000), AUTH_NONE);
	free(text);
	auth_free(a);
	auth_free(b);
}

static void
the_file_of_version_1(void **state)
{
	static const char text[] =
	    "{\"version\":1,\"tokens\":[{\"sha256\":"
	    "\"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\","
	    "\"read_only\":false,\"expires_ms\":0},{\"sha256\":"
	    "\"fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9\","
	    "\"read_only\":true,\"expires_ms\":0}]}";
	struct auth *a = auth_new();

	(void)state;
	assert_int_equal(load(a, text, 0), 0);
	assert_int_equal(may(a, "foo", 0), AUTH_WRITE);
	assert_int_equal(may(a, "bar", 0), AUTH_READ);
	assert_string_equal(auth_at(a, 0)->id, "6266e7ae");
	auth_free(a);
}

static void
files_that_are_none(void **state)
{
	static const char digest[] =
	    "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
	static const char *const bad[] = {"", "{}", "[]", "{\"tokens\":1}", "{\"tokens\":[1]}",
	    "{\"tokens\":[{\"sha256\":\"00\",\"expires_ms\":0}]}", "{\"tokens\":[{}]}"};
	static const char *const worse[] = {"\"id\":\"x\"", "\"id\":\"../../..\"",
	    "\"name\":\"a b\"", "\"pane\":\"\\u001b\"", "\"created_ms\":-1", "\"used_ms\":1.5"};
	struct auth *a = auth_new();
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(load(a, bad[i], 0), -EINVAL);
	for (size_t i = 0; i < sizeof worse / sizeof *worse; i++) {
		snprintf(text, sizeof text,
		    "{\"tokens\":[{\"sha256\":\"%s\",\"expires_ms\":0},"
		    "{\"sha256\":\"%s\",\"expires_ms\":0,%s}]}",
		    digest, digest, worse[i]);
		assert_int_equal(load(a, text, 0), -EINVAL);
		assert_int_equal(auth_count(a), 0);
	}
	assert_int_equal(auth_accept(a, "short", "x"), -EINVAL);
	auth_free(a);
}

static void
tokens_are_bounded(void **state)
{
	struct auth *a = auth_new();
	char token[AUTH_TOKEN_LEN + 1];

	(void)state;
	for (int i = 0; i < AUTH_TOKENS_MAX; i++)
		assert_int_equal(mint(a, AUTH_WRITE, 0, token), 0);
	assert_int_equal(mint(a, AUTH_WRITE, 0, token), -ENOSPC);
	/* More of them end than are remembered. */
	for (int i = 0; i < AUTH_ENDED_MAX + 10; i++) {
		assert_int_equal(auth_end(a, auth_at(a, 0)->id), 0);
		assert_int_equal(mint(a, AUTH_WRITE, 0, token), 0);
	}
	assert_int_equal(auth_count(a), AUTH_TOKENS_MAX);
	assert_int_equal(may(a, token, 0), AUTH_WRITE);
	auth_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_token_opens_until_it_ends),
	    cmocka_unit_test(anything_else_is_denied),
	    cmocka_unit_test(only_digests_are_kept),
	    cmocka_unit_test(who_has_known_a_token_does_not_guess),
	    cmocka_unit_test(names_and_ids),
	    cmocka_unit_test(a_code_is_redeemed_once),
	    cmocka_unit_test(the_file_of_version_1),
	    cmocka_unit_test(files_that_are_none),
	    cmocka_unit_test(tokens_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
