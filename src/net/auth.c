/*
 * The file: {"version":2,"run","tokens":[...],"narrow":[...],"ended":[digests]}. A worker of
 * version 1 reads `tokens` alone, and of each its digest, its end and whether it only reads: so
 * what is to be less than that, one pane's or a code, is in `narrow`, which it does not know.
 */
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
enum { USE_MS = 60 * 1000 }; /* how exactly the file says when a token was used */

struct token {
	char digest[DIGEST_HEX + 1];
	struct auth_token t;
};

struct auth {
	struct token *tokens; /* oldest first */
	size_t count;
	char ended[AUTH_ENDED_MAX][DIGEST_HEX + 1]; /* a ring */
	size_t nended;                              /* that there ever were */
	bool used;
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

void
auth_take(struct auth *a, struct auth *from)
{
	free(a->tokens);
	*a = *from;
	free(from);
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
same(const char *a, const char *b)
{
	return str_equal_ct(a, DIGEST_HEX, b, DIGEST_HEX);
}

static bool
expired(const struct token *t, int64_t now_ms)
{
	return t->t.expires_ms != 0 && t->t.expires_ms <= now_ms;
}

static void
remember(struct auth *a, const char *hex)
{
	memcpy(a->ended[a->nended++ % AUTH_ENDED_MAX], hex, DIGEST_HEX + 1);
}

static size_t
remembered(const struct auth *a)
{
	return a->nended < AUTH_ENDED_MAX ? a->nended : AUTH_ENDED_MAX;
}

static void
drop(struct auth *a, size_t i)
{
	remember(a, a->tokens[i].digest);
	memmove(&a->tokens[i], &a->tokens[i + 1], (--a->count - i) * sizeof *a->tokens);
}

unsigned
auth_expire(struct auth *a, int64_t now_ms)
{
	unsigned n = 0;

	for (size_t i = a->count; i-- > 0;) {
		if (!expired(&a->tokens[i], now_ms))
			continue;
		drop(a, i);
		n++;
	}
	return n;
}

static struct token *
by_id(const struct auth *a, const char *id)
{
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->tokens[i].t.id, id) == 0)
			return &a->tokens[i];
	return NULL;
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

static int
make_id(const struct auth *a, char out[AUTH_ID_LEN + 1])
{
	unsigned char raw[AUTH_ID_LEN / 2];
	int rc;

	do {
		if ((rc = os_random(raw, sizeof raw)) != 0)
			return rc;
		str_hex(raw, sizeof raw, out);
	} while (by_id(a, out) != NULL);
	return 0;
}

int
auth_mint(struct auth *a, struct auth_token *t, char out[AUTH_TOKEN_LEN + 1])
{
	int64_t now = clock_wall_ms();
	struct token made;
	int rc;

	if (*t->name != '\0' && auth_find(a, t->name, now) != NULL)
		return -EEXIST;
	if ((rc = auth_random(out)) != 0 || (rc = make_id(a, t->id)) != 0)
		return rc;
	if (a->count == AUTH_TOKENS_MAX)
		auth_expire(a, now);
	t->kept = true;
	t->created_ms = now;
	t->used_ms = 0;
	made.t = *t;
	digest(out, made.digest);
	return add(a, &made);
}

void
auth_make_room(struct auth *a)
{
	size_t first = a->count;

	for (size_t i = 0; i < a->count; i++) {
		int64_t expires = a->tokens[i].t.expires_ms;

		if (expires != 0 &&
		    (first == a->count || expires < a->tokens[first].t.expires_ms))
			first = i;
	}
	if (a->count == AUTH_TOKENS_MAX && first != a->count)
		drop(a, first);
}

static int
accept_any(struct auth *a, const char *token, const char *name)
{
	struct token t = {.t = {.access = AUTH_WRITE}};
	int rc;

	if ((rc = make_id(a, t.t.id)) != 0)
		return rc;
	if (auth_find(a, name, 0) == NULL)
		strncpy(t.t.name, name, sizeof t.t.name - 1);
	digest(token, t.digest);
	return add(a, &t);
}

int
auth_accept(struct auth *a, const char *token, const char *name)
{
	if (strlen(token) < OFFERED_MIN || strlen(token) > OFFERED_MAX)
		return -EINVAL;
	return accept_any(a, token, name);
}

int
auth_accept_basic(struct auth *a, const char *credential)
{
	unsigned char text[OFFERED_MAX + 4];
	size_t len = strlen(credential);

	if ((len + 2) / 3 * 4 > OFFERED_MAX)
		return -EINVAL;
	EVP_EncodeBlock(text, (const unsigned char *)credential, (int)len);
	return accept_any(a, (const char *)text, "credential");
}

/* Looks at all of them, whatever it finds: the time it takes says nothing. */
static struct token *
find_digest(const struct auth *a, const char *hex, bool *was)
{
	struct token *found = NULL;

	*was = false;
	for (size_t i = 0; i < a->count; i++)
		if (same(a->tokens[i].digest, hex))
			found = &a->tokens[i];
	for (size_t i = 0; i < remembered(a); i++)
		*was |= same(a->ended[i], hex);
	return found;
}

enum auth_verdict
auth_check(struct auth *a, const char *token, int64_t now_ms, struct auth_token *out)
{
	char offered[DIGEST_HEX + 1];
	struct token *t;
	bool was;

	if (strlen(token) > OFFERED_MAX)
		return AUTH_WRONG;
	digest(token, offered);
	t = find_digest(a, offered, &was);
	if (t == NULL)
		return was ? AUTH_ENDED : AUTH_WRONG;
	if (t->t.once || expired(t, now_ms))
		return AUTH_ENDED;
	a->used |= now_ms / USE_MS != t->t.used_ms / USE_MS;
	t->t.used_ms = now_ms;
	*out = t->t;
	return AUTH_GOOD;
}

enum auth_verdict
auth_redeem(struct auth *a, const char *code, int64_t now_ms, char out[AUTH_TOKEN_LEN + 1])
{
	char offered[DIGEST_HEX + 1];
	struct token *t;
	bool was;

	if (strlen(code) > OFFERED_MAX)
		return AUTH_WRONG;
	digest(code, offered);
	t = find_digest(a, offered, &was);
	if (t == NULL || !t->t.once)
		return was ? AUTH_ENDED : AUTH_WRONG;
	if (expired(t, now_ms) || auth_random(out) != 0)
		return AUTH_ENDED;
	remember(a, t->digest);
	digest(out, t->digest);
	t->t.once = false;
	t->t.expires_ms = t->t.then_ms;
	t->t.then_ms = 0;
	return AUTH_GOOD;
}

const struct auth_token *
auth_find(const struct auth *a, const char *ref, int64_t now_ms)
{
	const struct token *found = by_id(a, ref);

	for (size_t i = 0; found == NULL && i < a->count; i++)
		if (strcmp(a->tokens[i].t.name, ref) == 0 && !expired(&a->tokens[i], now_ms))
			found = &a->tokens[i];
	return *ref != '\0' && found != NULL && !expired(found, now_ms) ? &found->t : NULL;
}

const struct auth_token *
auth_at(const struct auth *a, size_t n)
{
	return n < a->count ? &a->tokens[n].t : NULL;
}

int
auth_end(struct auth *a, const char *id)
{
	struct token *t = by_id(a, id);

	if (t == NULL)
		return -ENOENT;
	drop(a, (size_t)(t - a->tokens));
	return 0;
}

unsigned
auth_end_pane(struct auth *a, const char *pane)
{
	unsigned n = 0;

	for (size_t i = a->count; i-- > 0;) {
		if (strcmp(a->tokens[i].t.pane, pane) != 0)
			continue;
		drop(a, i);
		n++;
	}
	return n;
}

bool
auth_was_used(const struct auth *a)
{
	return a->used;
}

/* The file. */

char *
auth_dump(struct auth *a, int64_t run)
{
	cJSON *o = json_object(), *wide, *narrow, *ended;

	cJSON_AddNumberToObject(o, "version", 2);
	cJSON_AddNumberToObject(o, "run", (double)run);
	wide = cJSON_AddArrayToObject(o, "tokens");
	narrow = cJSON_AddArrayToObject(o, "narrow");
	ended = cJSON_AddArrayToObject(o, "ended");
	for (size_t i = 0; i < a->count; i++) {
		const struct auth_token *t = &a->tokens[i].t;
		cJSON *e;

		if (!t->kept)
			continue;
		e = json_object();
		cJSON_AddStringToObject(e, "id", t->id);
		cJSON_AddStringToObject(e, "sha256", a->tokens[i].digest);
		cJSON_AddStringToObject(e, "name", t->name);
		cJSON_AddStringToObject(e, "pane", t->pane);
		cJSON_AddBoolToObject(e, "read_only", t->access == AUTH_READ);
		cJSON_AddBoolToObject(e, "once", t->once);
		cJSON_AddNumberToObject(e, "created_ms", (double)t->created_ms);
		cJSON_AddNumberToObject(e, "expires_ms", (double)t->expires_ms);
		cJSON_AddNumberToObject(e, "used_ms", (double)t->used_ms);
		cJSON_AddNumberToObject(e, "then_ms", (double)t->then_ms);
		cJSON_AddItemToArray(*t->pane != '\0' || t->once ? narrow : wide, e);
	}
	for (size_t i = 0; i < remembered(a); i++)
		json_add_item(
		    ended, a->ended[(a->nended - remembered(a) + i) % AUTH_ENDED_MAX]);
	a->used = false;
	return json_print_take(o);
}

static bool
is_digest(const char *hex)
{
	return hex != NULL && strlen(hex) == DIGEST_HEX &&
	       strspn(hex, "0123456789abcdef") == DIGEST_HEX;
}

/* -EINVAL where it is there and no id; "" and missing are the same. */
static int
read_word(const cJSON *e, const char *key, char out[ID_MAX + 1])
{
	const char *text = json_string(e, key);

	if (text == NULL || *text == '\0')
		return 0;
	if (!str_id_valid(text))
		return -EINVAL;
	strcpy(out, text);
	return 0;
}

static int
read_time(const cJSON *e, const char *key, bool needed, int64_t *out)
{
	uint64_t ms = 0;
	int rc = json_u64(e, key, 0, JSON_INT_MAX, &ms);

	*out = (int64_t)ms;
	return rc == -ENOENT && !needed ? 0 : rc;
}

/* Version 1 gave no ids. A part of the digest stays the same from start to start, and the rest
 * of it is still a secret. */
static int
read_token(const struct auth *a, const cJSON *e, struct token *t)
{
	const char *hex = json_string(e, "sha256"), *id = json_string(e, "id");

	*t = (struct token){.t = {.kept = true}};
	if (!is_digest(hex) || (id != NULL && (strlen(id) != AUTH_ID_LEN || !str_id_valid(id))))
		return -EINVAL;
	strcpy(t->digest, hex);
	strcpy(t->t.id, id != NULL ? id : hex + DIGEST_HEX - AUTH_ID_LEN);
	if (by_id(a, t->t.id) != NULL && make_id(a, t->t.id) != 0)
		return -EINVAL;
	t->t.access = cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(e, "read_only"))
			  ? AUTH_WRITE
			  : AUTH_READ;
	t->t.once = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(e, "once"));
	if (read_word(e, "name", t->t.name) != 0 || read_word(e, "pane", t->t.pane) != 0 ||
	    read_time(e, "created_ms", false, &t->t.created_ms) != 0 ||
	    read_time(e, "used_ms", false, &t->t.used_ms) != 0 ||
	    read_time(e, "then_ms", false, &t->t.then_ms) != 0)
		return -EINVAL;
	return read_time(e, "expires_ms", true, &t->t.expires_ms);
}

static int
read_list(struct auth *a, const cJSON *list, bool same_run, int64_t now_ms)
{
	const cJSON *e;
	struct token t;
	int rc;

	cJSON_ArrayForEach (e, list) {
		if ((rc = read_token(a, e, &t)) != 0)
			return rc;
		if (expired(&t, now_ms) || (*t.t.pane != '\0' && !same_run))
			remember(a, t.digest);
		else if ((rc = add(a, &t)) != 0)
			return rc;
	}
	return 0;
}

int
auth_load(struct auth *a, const char *text, size_t len, int64_t run, int64_t now_ms)
{
	cJSON *o = json_parse(text, len);
	const cJSON *wide = cJSON_GetObjectItemCaseSensitive(o, "tokens"), *e;
	int64_t wrote = 0;
	int rc = -EINVAL;

	if (!cJSON_IsArray(wide) || read_time(o, "run", false, &wrote) != 0)
		goto out;
	cJSON_ArrayForEach (e, cJSON_GetObjectItemCaseSensitive(o, "ended"))
		if (cJSON_IsString(e) && is_digest(e->valuestring))
			remember(a, e->valuestring);
	rc = read_list(a, wide, wrote == run, now_ms);
	if (rc == 0)
		rc = read_list(
		    a, cJSON_GetObjectItemCaseSensitive(o, "narrow"), wrote == run, now_ms);
	if (rc != 0)
		a->count = a->nended = 0;
out:
	cJSON_Delete(o);
	return rc;
}

unsigned
auth_count(const struct auth *a)
{
	return (unsigned)a->count;
}
