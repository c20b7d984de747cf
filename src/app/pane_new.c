/* POST /api/v1/panes: from a JSON object to a running command, or a reason why not. */
#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "app/app_priv.h"
#include "app/archiver.h"
#include "app/events.h"
#include "app/live.h"
#include "app/mux.h"
#include "app/watch.h"
#include "app/lookout.h"
#include "app/pane_json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "pane/env.h"
#include "proto/json.h"

enum {
	DEFAULT_COLS = 80,
	DEFAULT_ROWS = 24,
};

struct wish {
	char **argv, **env;     /* NULL-terminated, owned */
	const char *name, *cwd; /* borrowed from the JSON */
	uint64_t cols, rows;
	bool unarchived;
	bool tmux, shell;    /* in tmux; its command is the default one */
	const char *session; /* of tmux, or NULL */
};

static void
free_strings(char **list)
{
	for (char **s = list; s != NULL && *s != NULL; s++)
		free(*s);
	free(list);
}

static void
push(char ***list, size_t *n, char *take)
{
	*list = xreallocarray(*list, *n + 2, sizeof **list);
	(*list)[(*n)++] = take;
	(*list)[*n] = NULL;
}

static char *
default_shell(void)
{
	const char *shell = getenv("SHELL");
	const struct passwd *pw;

	if (shell != NULL && *shell == '/')
		return xstrdup(shell);
	pw = getpwuid(getuid());
	return xstrdup(pw != NULL && *pw->pw_shell == '/' ? pw->pw_shell : "/bin/sh");
}

static const char *
read_command(const cJSON *o, struct wish *w)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, "command"), *item;
	size_t n = 0;

	if (list != NULL && !cJSON_IsArray(list))
		return "command must be an array of strings";
	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item) || n == PANE_ARGS_MAX)
			return "command must be an array of at most 4096 strings";
		push(&w->argv, &n, xstrdup(item->valuestring));
	}
	w->shell = n == 0;
	if (n == 0)
		push(&w->argv, &n, default_shell());
	return w->argv[0][0] != '\0' ? NULL : "the command's first word is empty";
}

static const char *
read_env(const cJSON *o, struct wish *w)
{
	const cJSON *env = cJSON_GetObjectItemCaseSensitive(o, "env"), *item;
	size_t n = 0;

	if (env != NULL && !cJSON_IsObject(env))
		return "env must be an object of strings";
	cJSON_ArrayForEach (item, env) {
		if (!cJSON_IsString(item) || n == PANE_ENV_MAX)
			return "env must be an object of at most 1024 strings";
		push(&w->env, &n, xasprintf("%s=%s", item->string, item->valuestring));
		if (!env_valid(w->env[n - 1]))
			return "env has a name that is none";
	}
	return NULL;
}

static const char *
read_number(const cJSON *o, const char *name, uint64_t fallback, uint64_t *out)
{
	*out = fallback;
	return json_u64(o, name, 1, PANE_SIZE_MAX, out) != -EINVAL
		   ? NULL
		   : "cols and rows must be numbers from 1 to 2000";
}

static const char *
read_strings(const cJSON *o, struct wish *w)
{
	static const char *const names[] = {"name", "cwd"};
	const char **to[] = {&w->name, &w->cwd};

	for (int i = 0; i < 2; i++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, names[i]);
		if (item == NULL || cJSON_IsNull(item))
			continue;
		if (!cJSON_IsString(item))
			return "name and cwd must be strings";
		*to[i] = item->valuestring;
	}
	if (w->name != NULL && !str_id_valid(w->name))
		return "a name has 1 to 64 of the characters A-Z a-z 0-9 _ . % -";
	return NULL;
}

/* A word that is not understood must not be taken for its default: a pane that was not to be
 * archived would be. */
static const char *
read_place(const cJSON *o, struct wish *w)
{
	const cJSON *tmux = cJSON_GetObjectItemCaseSensitive(o, "tmux");
	const cJSON *archive = cJSON_GetObjectItemCaseSensitive(o, "archive");

	if (tmux != NULL && !cJSON_IsNull(tmux) && !cJSON_IsBool(tmux) && !cJSON_IsString(tmux))
		return "tmux must be true, false or the name of a session";
	if (archive != NULL && !cJSON_IsNull(archive) && !cJSON_IsBool(archive))
		return "archive must be true or false";
	w->session = json_string(o, "tmux");
	w->tmux = w->session != NULL || cJSON_IsTrue(tmux);
	w->unarchived = cJSON_IsFalse(archive);
	if (w->tmux && w->unarchived)
		return "a pane of tmux is kept out by its option @panescry, of the history, "
		       "too";
	if (w->session != NULL && !str_id_valid(w->session))
		return "a session has 1 to 64 of the characters A-Z a-z 0-9 _ . % -";
	return NULL;
}

/* NULL, or what is wrong with the object. */
static const char *
read_wish(const cJSON *o, struct wish *w)
{
	const char *wrong = read_command(o, w);

	if (wrong == NULL)
		wrong = read_env(o, w);
	if (wrong == NULL)
		wrong = read_number(o, "cols", DEFAULT_COLS, &w->cols);
	if (wrong == NULL)
		wrong = read_number(o, "rows", DEFAULT_ROWS, &w->rows);
	if (wrong == NULL)
		wrong = read_strings(o, w);
	if (wrong == NULL)
		wrong = read_place(o, w);
	return wrong;
}

static void
creator_gone(void *arg)
{
	((struct entry *)arg)->creator = NULL;
}

static void
pane_event(const struct entry *e, const char *type)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "type", type);
	cJSON_AddItemToObject(o, "pane", pane_json(e));
	events_add(e->app, "panes", o);
}

void
entry_started(struct entry *e)
{
	e->begun = e->listed = true;
	e->app->panes_started++;
	stored_started(e);
	pane_event(e, "started");
	log_info("app", "pane %s started, pid %d", pane_id(e->pane), (int)pane_pid(e->pane));
}

static void
on_started(struct pane *p, int err, const char *cause, void *arg)
{
	struct entry *e = arg;
	struct http_req *r = e->creator;

	e->creator = NULL;
	if (err != 0) {
		if (e->tty != NULL) {
			log_error("app", "%s: %s", pane_argv(p)[0], cause);
			tty_pane_failed(e->tty);
		}
		if (r != NULL)
			http_reply_error(
			    r, 422, "cannot_start", "%s: %s", pane_argv(p)[0], cause);
		registry_remove(e);
		return;
	}
	watches_pane(e);
	entry_started(e);
	if (e->remove && e->tty == NULL)
		pane_end(p); /* whom it was for has left already */
	if (r != NULL)
		http_reply_json_take(r, 201, pane_json(e));
}

static void
on_output(struct pane *p, void *arg)
{
	(void)p;
	lookouts_output(arg);
	archiver_output(arg);
}

static void
on_ended(struct pane *p, void *arg)
{
	struct entry *e = arg;
	struct app *a = e->app;

	log_info("app", "pane %s ended with status %d", pane_id(p), pane_exit_status(p));
	worker_drained(e);
	stored_ended(e);
	archiver_ended(e);
	live_pane_ended(e);
	pane_event(e, "exited");
	if (e->remove)
		registry_unlist(
		    e); /* it stays for the viewers that have not heard of its end */
	registry_sweep(a);
	app_check_stopped(a);
}

const struct pane_callbacks app_pane_callbacks = {on_started, on_output, on_ended};

/* NULL with a cause. */
static struct entry *
start(struct app *a, const struct wish *w, char **cause)
{
	char *id = xasprintf("p%llu", (unsigned long long)++a->next_id);
	struct env_spec env = {id, a->socket_path, w->cwd, w->env};
	char **envp = env_make(&env);
	struct pane_spec spec = {
	    .id = id,
	    .name = w->name,
	    .argv = w->argv,
	    .envp = envp,
	    .cwd = w->cwd,
	    .cols = (unsigned)w->cols,
	    .rows = (unsigned)w->rows,
	    .record = &a->cfg.limits.record,
	    .ring_size = a->cfg.limits.ring_size,
	    .unarchived = w->unarchived,
	    .number = a->next_id,
	};
	struct entry *e = registry_add(a, NULL);

	if (pane_new(a->loop, &spec, &app_pane_callbacks, e, &e->pane, cause) == 0) {
		e->number = a->next_id;
		worker_born(e);
	} else {
		registry_remove(e);
		e = NULL;
	}
	env_free(envp);
	free(id);
	return e;
}

static int
start_asked(struct app *a, struct http_req *r, const struct wish *w, char **cause)
{
	struct entry *e = start(a, w, cause);

	if (e == NULL)
		return -EAGAIN;
	e->creator = r;
	http_on_gone(r, creator_gone, e);
	return 0;
}

struct entry *
pane_start_for(struct app *a, struct tty *t, unsigned cols, unsigned rows, char **cause)
{
	const struct app_ttyd *d = &a->cfg.ttyd;
	struct wish w = {.argv = (char **)d->argv,
	    .cwd = d->cwd,
	    .cols = cols != 0 ? cols : DEFAULT_COLS,
	    .rows = rows != 0 ? rows : DEFAULT_ROWS};
	struct entry *e = start(a, &w, cause);

	if (e == NULL)
		return NULL;
	e->tty = t;
	e->remove = true;
	pane_set_removed(e->pane);
	return e;
}

static void
create_in_tmux(struct app *a, struct http_req *r, const struct wish *w)
{
	struct mux_wish wish = {w->session, w->name, w->cwd, w->argv, w->env, w->shell};

	mux_create(a, r, &wish);
}

void
panes_create(struct http_req *r, void *arg)
{
	struct app *a = arg;
	struct wish w = {0};
	cJSON *o = http_body_json(r);
	const char *wrong;
	char *cause = NULL;

	if (o == NULL)
		return;
	wrong = read_wish(o, &w);
	if (wrong != NULL)
		http_reply_error(r, 400, "bad_params", "%s", wrong);
	else if (a->stopping)
		http_reply_error(r, 503, "stopping", "the daemon is ending");
	else if (w.name != NULL && registry_name_taken(a, w.name))
		http_reply_error(r, 409, "name_taken", "there is a pane %s already", w.name);
	else if (w.tmux)
		create_in_tmux(a, r, &w);
	else if (!registry_make_room(a))
		http_reply_error(r, 429, "too_many_panes", "there are %u panes already",
		    a->cfg.limits.panes_max);
	else if (start_asked(a, r, &w, &cause) != 0)
		http_reply_error(r, 503, "no_resources", "%s", cause);
	free(cause);
	free_strings(w.argv);
	free_strings(w.env);
	cJSON_Delete(o);
}
