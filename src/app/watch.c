#include "config.h"

#include "app/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "app/events.h"
#include "app/lookout.h"
#include "app/job_panes.h"
#include "app/mux.h"
#include "app/search_json.h"
#include "app/webhook.h"
#include "agent/secrets.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "os/spawn.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "pane/env.h"
#include "proto/json.h"
#include "search/captures.h"
#include "search/pattern.h"

#define WATCHES_FILE "watches.json"

enum {
	FILE_MAX = 32 * 1024 * 1024, /* more than all that can be kept, escapes included */
	COMMAND_MAX = 4096,
	COMMAND_ARGS = 64,
	TEXT_MAX = 4096,   /* bytes of a line that a command is given */
	EVERY_MS = 1000,   /* default */
	EVERY_MAX = 86400, /* s */
};

struct watch {
	struct watch *prev, *next;
	struct app *app;
	uint64_t id;
	char *pane, *url; /* or NULL */
	char **argv;      /* what is run, or NULL */
	cJSON *wish;      /* as it was asked for: what is kept */
	struct pattern *pattern;
	uint64_t every_ms;
	struct post *posts;         /* utlist */
	uint64_t fired, suppressed; /* suppressed: sooner than every_ms */
	int64_t last_ms;            /* wall clock; 0: never */
	char *last_text;
	bool removed;
};

/* One watch at one pane. */
struct post {
	struct post *prev, *next;
	struct watch *watch;
	struct lookout *lookout;
};

struct watches {
	struct watch *list; /* utlist */
	unsigned count;
	uint64_t last_id;
	pid_t commands[COMMANDS_MAX]; /* that run, or tickets (os/spawn.h); 0: none */
};

/* What it does. */

static void
run_command(struct watch *w, const struct sighting *s)
{
	struct watches *all = w->app->watches;
	char *extra[] = {xasprintf("PANESCRY_WATCH=w%llu", (unsigned long long)w->id),
	    xasprintf("PANESCRY_LINE=%llu", (unsigned long long)s->line),
	    xasprintf("PANESCRY_TEXT=%.*s", utf8_prefix(s->text, TEXT_MAX), s->text), NULL};
	struct env_spec env = {s->pane, w->app->socket_path, NULL, extra};
	unsigned i = 0;
	int rc;

	while (i < COMMANDS_MAX && all->commands[i] != 0)
		i++;
	if (i == COMMANDS_MAX) {
		log_warn("watch", "w%llu: %d commands run already: this one is left out",
		    (unsigned long long)w->id, COMMANDS_MAX);
	} else {
		char **envp = env_make(&env);
		struct spawn_spec how = {
		    .argv = w->argv, .envp = envp, .in = -1, .out = -1, .err = -1};

		if ((rc = spawn_process(&how, &all->commands[i])) != 0) {
			all->commands[i] = 0;
			log_warn("watch", "w%llu: no command: %s", (unsigned long long)w->id,
			    strerror(-rc));
		}
		env_free(envp);
	}
	for (char **e = extra; *e != NULL; e++)
		free(*e);
}

void
watches_reaped(struct app *a, pid_t pid)
{
	for (unsigned i = 0; i < COMMANDS_MAX; i++)
		if (a->watches->commands[i] == pid)
			a->watches->commands[i] = 0;
}

static char *
id_of(const struct watch *w)
{
	return xasprintf("w%llu", (unsigned long long)w->id);
}

/* It is shown on pages and may leave the machine. A part of the line that is not in it any more was
 * in a secret, or around one. */
static void
mask_match(cJSON *match)
{
	cJSON *item;
	char *masked = secrets_masked(json_string(match, "content"));

	if (masked == NULL)
		return;
	cJSON_ReplaceItemInObjectCaseSensitive(match, "content", cJSON_CreateString(masked));
	cJSON_ReplaceItemInObjectCaseSensitive(match, "spans", json_array());
	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(match, "captures"))
		if (cJSON_IsString(item) && strstr(masked, item->valuestring) == NULL)
			cJSON_SetValuestring(item, SECRETS_MASK);
	free(masked);
}

static cJSON *
fired_json(const struct watch *w, const struct sighting *s)
{
	cJSON *o = json_object(), *match = sighting_json(s);
	char *id = id_of(w);

	mask_match(match);
	cJSON_AddStringToObject(o, "type", "fired");
	cJSON_AddStringToObject(o, "watch", id);
	cJSON_AddNumberToObject(o, "suppressed", (double)w->suppressed);
	cJSON_AddItemToObject(o, "match", match);
	free(id);
	return o;
}

static void
on_found(struct lookout *l, const struct sighting *s, void *arg)
{
	struct watch *w = ((struct post *)arg)->watch;
	int64_t now = clock_wall_ms();
	char *text;

	(void)l;
	if (w->removed)
		return;
	if (w->last_ms != 0 && now >= w->last_ms &&
	    (uint64_t)(now - w->last_ms) < w->every_ms) {
		w->suppressed++;
		return;
	}
	w->fired++;
	w->last_ms = now;
	free(w->last_text);
	w->last_text = secrets_masked(s->text);
	if (w->last_text == NULL)
		w->last_text = xstrdup(s->text);
	if (w->argv != NULL)
		run_command(w, s);
	if (w->url != NULL) {
		text = json_print_take(fired_json(w, s));
		webhook_post(w->app->loop, w->url, w->app->cfg.limits.webhooks_remote, text);
		free(text);
	}
	events_add(w->app, "watches", fired_json(w, s));
	w->suppressed = 0;
}

/* Where it looks. */

static void
free_watch(struct watch *w)
{
	pattern_free(w->pattern);
	cJSON_Delete(w->wish);
	free(w->pane);
	for (char **arg = w->argv; arg != NULL && *arg != NULL; arg++)
		free(*arg);
	free(w->argv);
	free(w->url);
	free(w->last_text);
	free(w);
}

static void
on_freed(void *arg)
{
	struct post *p = arg;
	struct watch *w = p->watch;

	DL_DELETE(w->posts, p);
	free(p);
	if (w->removed && w->posts == NULL)
		free_watch(w);
}

static void
on_over(struct lookout *l, void *arg)
{
	(void)arg;
	lookout_free(l, on_freed);
}

static void
post(struct watch *w, struct entry *e)
{
	static const struct lookout_callbacks callbacks = {on_found, on_over};
	struct post *p;

	if (pane_state(e->pane) == PANE_EXITED || mux_catching_up(e) ||
	    (e->job != NULL && !job_panes_glob(w->pane)) ||
	    (w->pane != NULL && !entry_matches(e, w->pane)))
		return;
	p = xcalloc(1, sizeof *p);
	p->watch = w;
	DL_APPEND(w->posts, p);
	p->lookout = lookout_new(e, w->pattern, 0, NULL, &callbacks, p);
}

void
watches_pane(struct entry *e)
{
	struct watch *w;

	DL_FOREACH (e->app->watches->list, w)
		post(w, e);
}

/* Making and removing. */

/* An array is run as it is; a text is the shell's, and nothing of a line is ever put into it. */
static const char *
read_command(struct watch *w, const cJSON *o)
{
	static const char wrong[] =
	    "command must be a string of 1 to 4096 bytes, or an array of up to 64 such, "
	    "4096 bytes in all";
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, "command"), *arg;
	int n = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 1;
	size_t bytes = 0;
	char **to;

	if (item == NULL || cJSON_IsNull(item))
		return NULL;
	if (n == 0 || n > COMMAND_ARGS)
		return wrong;
	to = w->argv = xcalloc((size_t)n + 3, sizeof *w->argv);
	if (!cJSON_IsArray(item)) {
		if (!cJSON_IsString(item) || *item->valuestring == '\0' ||
		    strlen(item->valuestring) > COMMAND_MAX)
			return wrong;
		*to++ = xstrdup("/bin/sh");
		*to++ = xstrdup("-c");
		*to = xstrdup(item->valuestring);
		return NULL;
	}
	cJSON_ArrayForEach (arg, item) {
		if (!cJSON_IsString(arg) ||
		    (bytes += strlen(arg->valuestring) + 1) > COMMAND_MAX)
			return wrong;
		*to++ = xstrdup(arg->valuestring);
	}
	return *w->argv[0] != '\0' ? NULL : wrong;
}

static const char *
read_wish(struct watch *w, const cJSON *o)
{
	static const char *const names[] = {"pane", "url"};
	char **to[] = {&w->pane, &w->url};
	const char *wrong;
	uint64_t every = 0;
	int rc;

	for (int i = 0; i < 2; i++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, names[i]);
		if (item == NULL || cJSON_IsNull(item))
			continue;
		if (!cJSON_IsString(item) || strlen(item->valuestring) > COMMAND_MAX ||
		    *item->valuestring == '\0')
			return "pane and url must be strings of 1 to 4096 bytes";
		*to[i] = xstrdup(item->valuestring);
	}
	if ((wrong = read_command(w, o)) != NULL)
		return wrong;
	rc = json_u64(o, "every_s", 0, EVERY_MAX, &every);
	if (rc == -EINVAL)
		return "every_s must be a number of seconds, at most a day's";
	w->every_ms = rc == 0 ? every * 1000 : EVERY_MS;
	if (w->url != NULL)
		return webhook_check(w->url, w->app->cfg.limits.webhooks_remote);
	return NULL;
}

static void
keep_member(cJSON *to, const cJSON *from, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, name);

	if (item != NULL)
		cJSON_AddItemToObject(to, name, cJSON_Duplicate(item, true));
}

static cJSON *
kept_json(const struct watch *w, const cJSON *from)
{
	static const char *const names[] = {
	    "pattern", "icase", "fixed", "pane", "command", "url", "every_s"};
	cJSON *o = json_object();
	char *id = id_of(w);

	cJSON_AddStringToObject(o, "id", id);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		keep_member(o, from, names[i]);
	free(id);
	return o;
}

static void
add(struct app *a, struct watch *w, const cJSON *o)
{
	struct entry *e;

	w->wish = kept_json(w, o);
	DL_APPEND(a->watches->list, w);
	a->watches->count++;
	DL_FOREACH (a->entries, e) {
		if (e->listed || e->job != NULL)
			post(w, e);
	}
}

static char *
dump(struct app *a)
{
	cJSON *o = json_object(), *list;
	const struct watch *w;

	cJSON_AddNumberToObject(o, "last_id", (double)a->watches->last_id);
	list = cJSON_AddArrayToObject(o, "watches");
	DL_FOREACH (a->watches->list, w)
		cJSON_AddItemToArray(list, cJSON_Duplicate(w->wish, true));
	return json_print_take(o);
}

static void
take_down(struct watch *w)
{
	struct post *p, *next;

	DL_DELETE(w->app->watches->list, w);
	w->app->watches->count--;
	w->removed = true;
	if (w->posts == NULL) {
		free_watch(w);
		return;
	}
	DL_FOREACH_SAFE (w->posts, p, next) {
		/* The last one frees the watch, and with it the list. */
		bool last = next == NULL;
		lookout_free(p->lookout, on_freed);
		if (last)
			break;
	}
}

/* The file. */

static bool
is_taken(const struct app *a, uint64_t id)
{
	const struct watch *w;

	DL_FOREACH (a->watches->list, w) {
		if (w->id == id)
			return true;
	}
	return false;
}

static void
load_one(struct app *a, const cJSON *o)
{
	struct watch *w = xcalloc(1, sizeof *w);
	const char *id = json_string(o, "id"), *text = json_string(o, "pattern"), *wrong;
	unsigned flags = pattern_flags_from_json(o);

	w->app = a;
	if (id == NULL || *id != 'w' || text == NULL || *text == '\0' ||
	    str_u64(id + 1, 1, JSON_INT_MAX, &w->id) != 0)
		wrong = "it has no id or no pattern";
	else if (is_taken(a, w->id) || a->watches->count >= a->cfg.limits.watches_max)
		wrong = "there is one of that id, or too many";
	else if ((wrong = read_wish(w, o)) == NULL &&
		 pattern_new(&w->pattern, text, strlen(text), flags, NULL, NULL) != 0)
		wrong = "its pattern does not compile";
	if (wrong != NULL) {
		log_warn("watch", "%s is left out: %s", id != NULL ? id : "a watch", wrong);
		free_watch(w);
		return;
	}
	if (w->id > a->watches->last_id)
		a->watches->last_id = w->id;
	add(a, w, o);
}

int
watches_load(struct app *a, char **cause)
{
	char *path = xasprintf("%s/" WATCHES_FILE, a->state_dir), *text = NULL;
	const cJSON *list, *item;
	size_t len = 0;
	cJSON *o = NULL;
	int rc;

	a->watches = xcalloc(1, sizeof *a->watches);
	rc = file_read_own(path, FILE_MAX, &text, &len);
	if (rc == 0)
		o = json_parse(text, len);
	list = cJSON_GetObjectItemCaseSensitive(o, "watches");
	if (rc == -EFBIG || (rc == 0 && !cJSON_IsArray(list))) {
		saves_set_aside(path, "there are no watches");
		rc = 0;
	}
	json_u64(o, "last_id", 0, JSON_INT_MAX, &a->watches->last_id);
	cJSON_ArrayForEach (item, list)
		load_one(a, item);
	if (rc != 0 && rc != -ENOENT)
		err_sys(cause, rc, "read %s", path);
	cJSON_Delete(o);
	free(text);
	free(path);
	return rc == -ENOENT ? 0 : rc;
}

void
watches_free(struct app *a)
{
	struct watch *w, *next;

	if (a->watches == NULL)
		return;
	DL_FOREACH_SAFE (a->watches->list, w, next)
		take_down(w);
	free(a->watches);
	a->watches = NULL;
}

/* Routes. */

static cJSON *
watch_json(const struct watch *w)
{
	cJSON *o = cJSON_Duplicate(w->wish, true);
	char iso[CLOCK_ISO_LEN];

	cJSON_AddNumberToObject(o, "fired", (double)w->fired);
	clock_iso(w->last_ms, iso);
	json_add_text(o, "last_fired", w->last_ms != 0 ? iso : NULL);
	json_add_text(o, "last_content", w->last_text);
	return o;
}

cJSON *
watches_json(struct app *a)
{
	cJSON *list = json_array();
	const struct watch *w;

	DL_FOREACH (a->watches->list, w)
		cJSON_AddItemToArray(list, watch_json(w));
	return list;
}

unsigned
watches_count(const struct app *a, unsigned *fired)
{
	const struct watch *w;

	*fired = 0;
	DL_FOREACH (a->watches->list, w)
		*fired += w->fired != 0;
	return a->watches->count;
}

void
watches_list(struct http_req *r, void *arg)
{
	cJSON *o = json_object();

	cJSON_AddItemToObject(o, "watches", watches_json(arg));
	http_reply_json_take(r, 200, o);
}

static void
changed(struct app *a, struct http_req *r, int status, const char *type, cJSON *take)
{
	cJSON *event = json_object();

	cJSON_AddStringToObject(event, "type", type);
	cJSON_AddItemToObject(event, "watch", cJSON_Duplicate(take, true));
	events_add(a, "watches", event);
	saves_answer(a, WATCHES_FILE, dump, r, status, take);
}

void
watches_create(struct http_req *r, void *arg)
{
	struct app *a = arg;
	cJSON *o = http_body_json(r);
	struct watch *w;
	const char *wrong;

	if (o == NULL)
		return;
	if (a->watches->count >= a->cfg.limits.watches_max) {
		http_reply_error(r, 429, "too_many_watches", "there are %u watches already",
		    a->watches->count);
		cJSON_Delete(o);
		return;
	}
	w = xcalloc(1, sizeof *w);
	w->app = a;
	if ((wrong = read_wish(w, o)) != NULL)
		http_reply_error(r, 400, "bad_params", "%s", wrong);
	else if ((w->pattern = pattern_from_json(r, o)) != NULL) {
		w->id = ++a->watches->last_id;
		add(a, w, o);
		changed(a, r, 201, "created", watch_json(w));
		w = NULL;
	}
	if (w != NULL)
		free_watch(w);
	cJSON_Delete(o);
}

void
watches_delete(struct http_req *r, void *arg)
{
	struct app *a = arg;
	const char *id = http_param(r, 0);
	struct watch *w;
	uint64_t n = 0;
	cJSON *o;

	if (*id == 'w')
		str_u64(id + 1, 1, JSON_INT_MAX, &n);
	DL_FOREACH (a->watches->list, w) {
		if (w->id == n)
			break;
	}
	if (w == NULL) {
		http_reply_error(r, 404, "no_such_watch", "there is no watch %s", id);
		return;
	}
	o = watch_json(w);
	take_down(w);
	changed(a, r, 200, "removed", o);
}

void
watches_pane_gone(struct app *a, const char *id)
{
	struct watch *w, *next;
	bool any = false;

	DL_FOREACH_SAFE (a->watches->list, w, next) {
		if (w->pane == NULL || strcmp(w->pane, id) != 0)
			continue;
		take_down(w);
		any = true;
	}
	if (any)
		saves_add(a, WATCHES_FILE, dump, NULL, NULL);
}
