/*
 * Tokens on disk: STATE_DIR/tokens.json holds their digests, mode 0600, replaced whole.
 *
 * Loading happens before the loop runs; saving on the thread pool.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/xmalloc.h"
#include "proto/json.h"

enum { FILE_MAX_BYTES = 1024 * 1024, TOKEN_FILE_MAX = 4096 };

#define TOKENS_FILE "tokens.json"

static char *
tokens_path(const struct app *a)
{
	return xasprintf("%s/" TOKENS_FILE, a->state_dir);
}

/* A damaged file must not lock its owner out for good: all links end instead. */
static int
load_state(struct app *a, char **cause)
{
	char *path = tokens_path(a), *text = NULL;
	size_t len;
	int rc = file_read(path, FILE_MAX_BYTES, &text, &len);

	if (rc == 0 && auth_load(a->auth, text, len, clock_wall_ms()) != 0)
		saves_set_aside(path, "old links no longer work");
	else if (rc != 0 && rc != -ENOENT)
		err_sys(cause, rc, "read %s", path);
	free(text);
	free(path);
	return rc == -ENOENT ? 0 : rc;
}

/* The token in --token-file; made there when the file does not exist. */
static int
load_token_file(struct app *a, char **cause)
{
	char *text = NULL, made[AUTH_TOKEN_LEN + 2];
	size_t len;
	int rc = file_read(a->token_file, TOKEN_FILE_MAX, &text, &len);

	if (rc == -ENOENT) {
		if ((rc = auth_random(made)) == 0) {
			strcat(made, "\n");
			rc = file_replace(a->token_file, made, strlen(made));
			text = xstrdup(made);
		}
	}
	if (rc != 0) {
		err_sys(cause, rc, "token file %s", a->token_file);
	} else {
		text[strcspn(text, " \t\r\n")] = '\0';
		if ((rc = auth_accept(a->auth, text)) != 0)
			err_set(cause, rc, "token file %s: a token has 16 to 512 characters",
			    a->token_file);
	}
	free(text);
	return rc;
}

int
tokens_load(struct app *a, char **cause)
{
	int rc = load_state(a, cause);

	if (rc == 0 && a->token_file != NULL)
		rc = load_token_file(a, cause);
	return rc;
}

static char *
dump(struct app *a)
{
	return auth_dump(a->auth);
}

void
tokens_save(struct app *a, void (*done)(int err, void *), void *arg)
{
	saves_add(a, TOKENS_FILE, dump, done, arg);
}

/* POST /api/v1/tokens: the answer waits until the token is on disk. */
void
tokens_create(struct http_req *r, void *arg)
{
	struct app *a = arg;
	cJSON *o = http_body_json(r), *answer;
	char token[AUTH_TOKEN_LEN + 1], iso[CLOCK_ISO_LEN], *link;
	uint64_t seconds = 0;
	int64_t expires = 0;
	bool read_only;

	if (o == NULL)
		return;
	read_only = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "read_only"));
	if (json_u64(o, "expires_in", 1, 100ull * 365 * 86400, &seconds) == -EINVAL) {
		cJSON_Delete(o);
		http_reply_error(
		    r, 400, "bad_params", "expires_in must be a number of seconds");
		return;
	}
	cJSON_Delete(o);
	if (seconds != 0)
		expires = clock_wall_ms() + (int64_t)seconds * 1000;
	if (auth_mint(a->auth, read_only, expires, token) != 0) {
		http_reply_error(
		    r, 429, "too_many_tokens", "there are %d tokens already", AUTH_TOKENS_MAX);
		return;
	}
	answer = json_object();
	link = app_make_link(a, token);
	cJSON_AddStringToObject(answer, "token", token);
	cJSON_AddStringToObject(answer, "link", link);
	cJSON_AddBoolToObject(answer, "read_only", read_only);
	clock_iso(expires, iso);
	json_add_text(answer, "expires", expires != 0 ? iso : NULL);
	free(link);
	saves_answer(a, TOKENS_FILE, dump, r, 201, answer);
}
