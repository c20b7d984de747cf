#include "config.h"

#include "net/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "proto/json.h"

enum { DIGEST = 32, DIGEST_HEX = 2 * DIGEST, OFFERED_MIN = 16, OFFERED_MAX = 512 };

struct token {
	char digest[DIGEST_HEX + 1];
	int64_t expires_ms; /* 0: never */
	bool read_only;
	bool kept; /* goes to the file */
};

struct auth {
	struct token *tokens;
	size_t count;
};

struct auth *
auth_new(void)
{
	return xcalloc(1, sizeof(struct auth));
}

void
auth_free(struct auth *a)
{
	if (a == NULL)
		return;
	free(a->tokens);
	free(a);
}

static void
digest(const char *token, char out[DIGEST_HEX + 1])
{
	unsigned char raw[DIGEST];

	if (EVP_Digest(token, strlen(token), raw, NULL, EVP_sha256(), NULL) != 1)
		abort(); /* out of memory */
	str_hex(raw, sizeof raw, out);
}

static bool
expired(const struct token *t, int64_t now_ms)
{
	return t->expires_ms != 0 && t->expires_ms <= now_ms;
}

static void
drop(struct auth *a, size_t i)
{
	memmove(&a->tokens[i], &a->tokens[i + 1], (--a->count - i) * sizeof *a->tokens);
}

static void
drop_expired(struct auth *a, int64_t now_ms)
{
	for (size_t i = a->count; i-- > 0;) {
		if (expired(&a->tokens[i], now_ms))
			drop(a, i);
	}
}

static int
add(struct auth *a, const struct token *t)
{
	if (a->count == AUTH_TOKENS_MAX)
		return -ENOSPC;
	a->tokens = xreallocarray(a->tokens, a->count + 1, sizeof *a->tokens);
	a->tokens[a->count++] = *t;
	return 0;
}

int
auth_random(char out[AUTH_TOKEN_LEN + 1])
{
	unsigned char raw[AUTH_TOKEN_LEN / 2];
	int rc = os_random(raw, sizeof raw);

	if (rc == 0)
		str_hex(raw, sizeof raw, out);
	return rc;
}

int
auth_mint(struct auth *a, bool read_only, int64_t expires_ms, char out[AUTH_TOKEN_LEN + 1])
{
	struct token t = {.read_only = read_only, .expires_ms = expires_ms, .kept = true};
	int rc = auth_random(out);

	if (rc != 0)
		return rc;
	if (a->count == AUTH_TOKENS_MAX)
		drop_expired(a, clock_wall_ms());
	digest(out, t.digest);
	return add(a, &t);
}

void
auth_make_room(struct auth *a)
{
	size_t first = a->count;

	for (size_t i = 0; i < a->count; i++) {
		if (a->tokens[i].expires_ms != 0 &&
		    (first == a->count ||
			a->tokens[i].expires_ms < a->tokens[first].expires_ms))
			first = i;
	}
	if (a->count == AUTH_TOKENS_MAX && first != a->count)
		drop(a, first);
}

int
auth_accept(struct auth *a, const char *token)
{
	struct token t = {0};

	if (strlen(token) < OFFERED_MIN || strlen(token) > OFFERED_MAX)
		return -EINVAL;
	digest(token, t.digest);
	return add(a, &t);
}

enum auth_access
auth_check(const struct auth *a, const char *token, int64_t now_ms)
{
	enum auth_access access = AUTH_NONE;
	char offered[DIGEST_HEX + 1];

	if (token == NULL || strlen(token) > OFFERED_MAX)
		return AUTH_NONE;
	digest(token, offered);
	for (size_t i = 0; i < a->count; i++) {
		const struct token *t = &a->tokens[i];
		bool same = str_equal_ct(t->digest, DIGEST_HEX, offered, DIGEST_HEX);
		if (same && !expired(t, now_ms))
			access = t->read_only ? AUTH_READ : AUTH_WRITE;
	}
	return access;
}

char *
auth_dump(const struct auth *a)
{
	cJSON *o = json_object(), *list = cJSON_AddArrayToObject(o, "tokens");

	cJSON_AddNumberToObject(o, "version", 1);
	for (size_t i = 0; i < a->count; i++) {
		const struct token *t = &a->tokens[i];
		if (!t->kept)
			continue;
		cJSON *e = json_object();
		cJSON_AddStringToObject(e, "sha256", t->digest);
		cJSON_AddBoolToObject(e, "read_only", t->read_only);
		cJSON_AddNumberToObject(e, "expires_ms", (double)t->expires_ms);
		cJSON_AddItemToArray(list, e);
	}
	return json_print_take(o);
}

int
auth_load(struct auth *a, const char *text, size_t len, int64_t now_ms)
{
	const cJSON *e, *list;
	cJSON *o = json_parse(text, len);
	int rc = -EINVAL;

	list = cJSON_GetObjectItemCaseSensitive(o, "tokens");
	if (!cJSON_IsArray(list))
		goto out;
	cJSON_ArrayForEach (e, list) {
		struct token t = {.kept = true};
		const char *hex = json_string(e, "sha256");
		uint64_t expires;

		if (hex == NULL || strlen(hex) != DIGEST_HEX ||
		    json_u64(e, "expires_ms", 0, JSON_INT_MAX, &expires) != 0)
			goto out;
		strcpy(t.digest, hex);
		t.expires_ms = (int64_t)expires;
		t.read_only = !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(e, "read_only"));
		if (!expired(&t, now_ms) && (rc = add(a, &t)) != 0)
			goto out;
	}
	rc = 0;
out:
	cJSON_Delete(o);
	return rc;
}

unsigned
auth_count(const struct auth *a)
{
	return (unsigned)a->count;
}
