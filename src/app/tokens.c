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
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "proto/json.h"

enum {
	FILE_MAX_BYTES = 1024 * 1024,
	TOKEN_FILE_MAX = 4096,
	ONCE_S = 600,         /* that a one-time link waits */
	LOGIN_S = 30 * 86400, /* of whoever has opened it */
};

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
	int rc = file_read_own(path, FILE_MAX_BYTES, &text, &len);

	if (rc == 0 &&
	    auth_load(a->auth, text, len, a->cfg.daemon_started_ms, clock_wall_ms()) != 0)
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
		if ((rc = auth_accept(a->auth, text, "token-file")) != 0)
			err_set(cause, rc, "token file %s: a token has 16 to 512 characters",
			    a->token_file);
	}
	free(text);
	return rc;
}

int
tokens_load(struct app *a, char **cause)
{
	const char *credential = a->cfg.ttyd.credential;
	int rc;

	/* It is asked for instead: what a token of before had opened is not open. */
	if (credential != NULL)
		return auth_accept_basic(a->auth, credential) == 0
			   ? 0
			   : err_set(cause, -EINVAL, "the credential is too long");
	rc = load_state(a, cause);
	if (rc == 0 && a->token_file != NULL)
		rc = load_token_file(a, cause);
	return rc;
}

void
tokens_reload(struct app *a)
{
	struct auth *now = a->auth;
	char *cause = NULL;

	a->auth = auth_new();
	if (tokens_load(a, &cause) == 0) {
		auth_take(now, a->auth);
	} else {
		log_warn("app", "tokens are those of a moment ago: %s", cause);
		auth_free(a->auth);
		free(cause);
	}
	a->auth = now;
}

static char *
dump(struct app *a)
{
	return auth_dump(a->auth, a->cfg.daemon_started_ms);
}

/* Saving. */

enum { SAVE_MS = 60 * 1000 }; /* how late a last use may be in the file */

static void
on_save_due(uv_timer_t *t)
{
	struct app *a = t->data;

	auth_expire(a->auth, clock_wall_ms());
	if (auth_was_used(a->auth))
		tokens_save(a, NULL, NULL);
}

void
tokens_save(struct app *a, void (*done)(int err, void *), void *arg)
{
	saves_add(a, TOKENS_FILE, dump, done, arg);
}

void
tokens_start(struct app *a)
{
	uv_timer_init(a->loop, &a->token_uses);
	a->token_uses.data = a;
	uv_timer_start(&a->token_uses, on_save_due, SAVE_MS, SAVE_MS);
}

void
tokens_stop(struct app *a)
{
	if (auth_was_used(a->auth))
		saves_add(a, TOKENS_FILE, dump, NULL, NULL);
	uv_close((uv_handle_t *)&a->token_uses, NULL);
}

void
tokens_pane_gone(struct app *a, const char *pane)
{
	/* One that only the daemon takes leave of may be there for the next. */
	if (a->stopping || auth_end_pane(a->auth, pane) == 0)
		return;
	server_tokens_ended(a->server);
	tokens_save(a, NULL, NULL);
}

/* The routes. */

static bool
names(const struct app *a, const char *ref, const char *pane)
{
	struct entry *e;

	return str_id_valid(ref) && registry_find((struct app *)a, ref, &e) == 0 &&
	       strcmp(pane_id(e->pane), pane) == 0;
}

/* Whatever is not named here is not for somebody with one pane, also what is added one day. The
 * list of panes shows that one. */
bool
tokens_in_scope(const struct http_req *r, const char *pane, void *arg)
{
	const struct http_route *route = http_route(r);

	if (strcmp(route->path, "/api/v1/panes") == 0)
		return strcmp(route->method, "GET") == 0;
	return (strcmp(route->path, "/api/v1/panes/:id") == 0 ||
		   str_starts(route->path, "/api/v1/panes/:id/") ||
		   strcmp(route->path, "/p/:id/token") == 0) &&
	       names(arg, http_param(r, 0), pane);
}

bool
app_may_reveal(struct http_req *r, uint64_t *reveal)
{
	if (!http_query_u64(r, "reveal", 0, 1, 0, reveal))
		return false;
	if (*reveal == 0 || http_access(r) >= AUTH_WRITE)
		return true;
	http_reply_error(
	    r, 403, "read_only", "secrets are shown to who has read-write access alone");
	return false;
}

static void
add_time(cJSON *o, const char *name, int64_t ms)
{
	char iso[CLOCK_ISO_LEN];

	clock_iso(ms, iso);
	json_add_text(o, name, ms != 0 ? iso : NULL);
}

static void
describe(cJSON *o, const struct auth_token *t)
{
	cJSON_AddStringToObject(o, "id", t->id);
	json_add_text(o, "name", *t->name != '\0' ? t->name : NULL);
	json_add_text(o, "pane", *t->pane != '\0' ? t->pane : NULL);
	cJSON_AddBoolToObject(o, "read_only", t->access == AUTH_READ);
	cJSON_AddBoolToObject(o, "once", t->once);
	add_time(o, "created", t->created_ms);
	add_time(o, "expires", t->expires_ms);
	add_time(o, "last_used", t->used_ms);
}

/* What is not understood must not make a wider token than was asked for. */
static bool
read_switch(const cJSON *o, const char *name, bool *on)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);

	*on = cJSON_IsTrue(item);
	return item == NULL || cJSON_IsNull(item) || cJSON_IsBool(item);
}

/* What a body wishes for. False: an error has been sent. */
static bool
read_wish(struct http_req *r, struct app *a, const cJSON *o, struct auth_token *t)
{
	const char *name = json_string(o, "name"), *pane = json_string(o, "pane");
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, "name"),
		    *p = cJSON_GetObjectItemCaseSensitive(o, "pane");
	int64_t now = clock_wall_ms();
	uint64_t seconds = 0;
	struct entry *e;
	bool read_only;

	if (!read_switch(o, "read_only", &read_only) || !read_switch(o, "once", &t->once)) {
		http_reply_error(
		    r, 400, "bad_params", "read_only and once must be true or false");
		return false;
	}
	t->access = read_only ? AUTH_READ : AUTH_WRITE;
	if (json_u64(o, "expires_in", 1, 100ull * 365 * 86400, &seconds) == -EINVAL) {
		http_reply_error(
		    r, 400, "bad_params", "expires_in must be a number of seconds");
		return false;
	}
	if ((n != NULL && !cJSON_IsNull(n) && (name == NULL || !str_id_valid(name))) ||
	    (p != NULL && !cJSON_IsNull(p) && (pane == NULL || !str_id_valid(pane)))) {
		http_reply_error(r, 400, "bad_params",
		    "name and pane have 1 to %d of A-Z a-z 0-9 _ . %% -", ID_MAX);
		return false;
	}
	if (pane != NULL && registry_find(a, pane, &e) != 0) {
		http_reply_error(r, 404, "no_such_pane", "there is no pane %s", pane);
		return false;
	}
	if (name != NULL)
		strcpy(t->name, name);
	if (pane != NULL)
		strcpy(t->pane, pane_id(e->pane));
	if (seconds == 0 && t->once)
		seconds = LOGIN_S;
	if (seconds != 0)
		t->expires_ms = t->then_ms = now + (int64_t)seconds * 1000;
	if (t->once && seconds > ONCE_S)
		t->expires_ms = now + ONCE_S * 1000;
	return true;
}

static void
answer_saved(struct app *a, struct http_req *r, int status, cJSON *take)
{
	saves_answer(a, TOKENS_FILE, dump, r, status, take);
}

/* POST /api/v1/tokens. */
void
tokens_create(struct http_req *r, void *arg)
{
	struct app *a = arg;
	cJSON *o = http_body_json(r), *made;
	char token[AUTH_TOKEN_LEN + 1], *link;
	struct auth_token t = {0};
	bool good;
	int rc;

	if (o == NULL)
		return;
	good = read_wish(r, a, o, &t);
	cJSON_Delete(o);
	if (!good)
		return;
	if ((rc = auth_mint(a->auth, &t, token)) == -EEXIST) {
		http_reply_error(r, 409, "name_taken", "there is a token %s already", t.name);
		return;
	}
	if (rc != 0) {
		http_reply_error(
		    r, 429, "too_many_tokens", "there are %d tokens already", AUTH_TOKENS_MAX);
		return;
	}
	made = json_object();
	link = app_make_link(a, token, t.pane);
	json_add_text(made, "token", t.once ? NULL : token);
	cJSON_AddStringToObject(made, "link", link);
	describe(made, &t);
	free(link);
	answer_saved(a, r, 201, made);
}

void
tokens_list(struct http_req *r, void *arg)
{
	struct app *a = arg;
	cJSON *o = json_object(), *list = cJSON_AddArrayToObject(o, "tokens");
	const struct auth_token *t;

	auth_expire(a->auth, clock_wall_ms());
	for (size_t i = 0; (t = auth_at(a->auth, i)) != NULL; i++) {
		cJSON *e = json_object();

		describe(e, t);
		cJSON_AddItemToArray(list, e);
	}
	http_reply_json_take(r, 200, o);
}

/* DELETE /api/v1/tokens/ID, or NAME: at once, and on disk when it is answered. */
void
tokens_delete(struct http_req *r, void *arg)
{
	struct app *a = arg;
	const struct auth_token *t = auth_find(a->auth, http_param(r, 0), clock_wall_ms());
	cJSON *o;

	if (t == NULL) {
		http_reply_error(r, 404, "no_such_token", "there is no such token");
		return;
	}
	if (!t->kept) {
		http_reply_error(r, 409, "token_file",
		    "this token is that of --token-file, and ends with the daemon");
		return;
	}
	log_info("app", "token %s is ended", t->id);
	o = json_object();
	cJSON_AddStringToObject(o, "id", t->id);
	auth_end(a->auth, t->id);
	answer_saved(a, r, 200, o);
	server_tokens_ended(a->server);
}

/* The link. */

/* The token leaves the address bar at once: a cookie is set and the page asked for again. A code
 * is a token from here on, and the code is none any more, also after a restart. */
void
tokens_login(struct http_req *r, struct app *a, const char *token, const char *page)
{
	char made[AUTH_TOKEN_LEN + 1];
	struct auth_token t;
	int64_t now = clock_wall_ms();
	enum auth_verdict verdict;
	bool code;

	http_add_header(r, "cache-control", "no-store");
	if (!http_may_offer(r))
		return;
	code = auth_redeem(a->auth, token, now, made) == AUTH_GOOD;
	verdict = auth_check(a->auth, code ? made : token, now, &t);
	if (verdict == AUTH_WRONG && *token != '\0')
		http_offered_wrong(r, token);
	if (verdict != AUTH_GOOD) {
		page_refuse_link(r);
		return;
	}
	http_login(r, code ? made : token);
	http_add_header(r, "location", page);
	if (code) {
		answer_saved(a, r, 303, NULL);
		return;
	}
	http_reply(r, 303, NULL, NULL, 0);
}
