/* The routes under /api/v1/panes but for the one that makes a pane (pane_new.c). */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "app/job_panes.h"
#include "app/live.h"
#include "app/mux.h"
#include "app/pane_json.h"
#include "base/clock.h"
#include "base/str.h"
#include "pane/record.h"
#include "proto/json.h"
#include "tmux/tmux.h"

static void
add_time(cJSON *o, const char *name, int64_t ms)
{
	char iso[CLOCK_ISO_LEN];

	clock_iso(ms, iso);
	cJSON_AddStringToObject(o, name, iso);
}

cJSON *
pane_json(const struct entry *e)
{
	const struct record *record = pane_record(e->pane);
	const struct pane *p = e->pane;
	const struct tmux_pane *t = mux_pane(e);
	const char *title =
	    *record_title(record) == '\0' && t != NULL ? mux_title(t) : record_title(record);
	bool exited = pane_state(p) == PANE_EXITED;
	cJSON *o = json_object();
	char text[PATH_MAX];

	cJSON_AddStringToObject(o, "id", pane_id(p));
	cJSON_AddStringToObject(o, "kind",
	    e->job != NULL      ? "job"
	    : pane_is_remote(p) ? "tmux"
				: "native");
	json_add_text(o, "name", entry_name(e));
	json_add_text(o, "title", *title != '\0' ? title : NULL);
	cJSON_AddItemToObject(o, "command", json_texts(pane_argv(p)));
	json_add_text(o, "program", pane_program(p, text, sizeof text) ? text : NULL);
	json_add_text(o, "cwd", pane_cwd(p, text, sizeof text) ? text : pane_birth_cwd(p));
	cJSON_AddNumberToObject(o, "pid", pane_pid(p));
	cJSON_AddNumberToObject(o, "cols", pane_cols(p));
	cJSON_AddNumberToObject(o, "rows", pane_rows(p));
	cJSON_AddStringToObject(o, "state", exited ? "exited" : "running");
	if (exited && pane_exit_status(p) >= 0)
		cJSON_AddNumberToObject(o, "exit_status", pane_exit_status(p));
	else
		cJSON_AddNullToObject(o, "exit_status");
	cJSON_AddNumberToObject(o, "offset", (double)ring_end(pane_ring(p)));
	cJSON_AddNumberToObject(o, "ring_start", (double)ring_start(pane_ring(p)));
	cJSON_AddNumberToObject(o, "first_line", (double)record_first_line(record));
	cJSON_AddNumberToObject(o, "last_line", (double)record_last_line(record));
	cJSON_AddNumberToObject(o, "viewers", pane_viewers(p));
	add_time(o, "created", pane_created(p));
	add_time(o, "last_activity", pane_last_activity(p));
	live_pane_json(e, o);
	mux_pane_json(e, o);
	job_pane_json(e, o);
	return o;
}

struct entry *
panes_resolve(struct http_req *r, struct app *a)
{
	const char *ref = http_param(r, 0);
	struct entry *e;
	int rc;

	if (!str_id_valid(ref)) {
		http_reply_error(
		    r, 400, "bad_id", "a pane is named by 1 to 64 of A-Z a-z 0-9 _ . %% -");
		return NULL;
	}
	rc = registry_find(a, ref, &e);
	if (rc == -ENOENT)
		http_reply_error(r, 404, "no_such_pane", "there is no pane %s", ref);
	else if (rc != 0)
		http_reply_error(r, 409, "ambiguous", "more than one pane begins with %s", ref);
	return rc == 0 ? e : NULL;
}

void
panes_list(struct http_req *r, void *arg)
{
	struct app *a = arg;
	const char *jobs = http_query(r, "jobs");
	bool all = jobs != NULL && strcmp(jobs, "1") == 0;
	cJSON *o = json_object(), *list = cJSON_AddArrayToObject(o, "panes"), *alarms;
	struct entry *e;

	DL_FOREACH (a->entries, e) {
		if (*http_pane(r) != '\0' && strcmp(http_pane(r), pane_id(e->pane)) != 0)
			continue;
		if (e->listed || (all && e->job != NULL))
			cJSON_AddItemToArray(list, pane_json(e));
	}
	alarms = cJSON_AddArrayToObject(o, "alarms");
	if (*http_pane(r) == '\0')
		app_alarms(a, alarms);
	cJSON_AddStringToObject(
	    o, "access", http_access(r) >= AUTH_WRITE ? "read_write" : "read_only");
	json_add_text(o, "only", *http_pane(r) != '\0' ? http_pane(r) : NULL);
	http_reply_json_take(r, 200, o);
}

void
panes_get(struct http_req *r, void *arg)
{
	struct entry *e = panes_resolve(r, arg);

	if (e != NULL)
		http_reply_json_take(r, 200, pane_json(e));
}

/* Those of jobs end with them, and are signalled as jobs. */
static struct entry *
resolve_own(struct http_req *r, struct app *a)
{
	struct entry *e = panes_resolve(r, a);

	if (e == NULL || e->job == NULL)
		return e;
	http_reply_error(r, 409, "job_pane", "%s is a channel of a job: that is what to name",
	    pane_id(e->pane));
	return NULL;
}

void
panes_delete(struct http_req *r, void *arg)
{
	struct entry *e = resolve_own(r, arg);
	cJSON *o;

	if (e == NULL)
		return;
	e->remove = true;
	pane_set_removed(e->pane);
	o = pane_json(e);
	if (pane_state(e->pane) == PANE_EXITED) {
		registry_unlist(e);
		registry_sweep(e->app);
	} else {
		pane_end(e->pane);
	}
	http_reply_json_take(r, 200, o);
}

void
panes_input(struct http_req *r, void *arg)
{
	struct entry *e = panes_resolve(r, arg);
	const char *data;
	size_t len;
	int rc;

	if (e == NULL)
		return;
	data = http_body(r, &len);
	rc = pane_input(e->pane, data, len);
	if (rc == -ENOBUFS)
		http_reply_error(r, 503, "input_full", "the command does not read its input");
	else if (rc != 0 && e->job != NULL)
		http_reply_error(r, 409, "no_input", "the job takes no input, or has ended");
	else if (rc != 0 && pane_state(e->pane) != PANE_EXITED)
		http_reply_error(r, 503, "no_tmux", "its tmux server is not connected");
	else if (rc != 0)
		http_reply_error(r, 409, "pane_exited", "the pane has ended");
	else
		http_reply(r, 204, NULL, NULL, 0);
}

/* With the size that it was given, also where that waits for others. */
static cJSON *
resized_json(const struct entry *e, uint64_t cols, uint64_t rows)
{
	cJSON *o = pane_json(e);

	cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(o, "cols"), (double)cols);
	cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(o, "rows"), (double)rows);
	return o;
}

void
panes_resize(struct http_req *r, void *arg)
{
	struct entry *e = panes_resolve(r, arg);
	cJSON *o = e != NULL ? http_body_json(r) : NULL;
	uint64_t cols, rows;

	if (o == NULL)
		return;
	if (json_u64(o, "cols", 1, PANE_SIZE_MAX, &cols) != 0 ||
	    json_u64(o, "rows", 1, PANE_SIZE_MAX, &rows) != 0)
		http_reply_error(r, 400, "bad_params",
		    "cols and rows must be numbers from 1 to %d", PANE_SIZE_MAX);
	else if (pane_is_remote(e->pane) && e->job == NULL)
		mux_resize(e, (unsigned)cols, (unsigned)rows, r);
	else if (pane_resize(e->pane, (unsigned)cols, (unsigned)rows) != 0)
		http_reply_error(r, 409, "pane_exited",
		    e->job != NULL ? "it has no terminal, or has ended" : "the pane has ended");
	else
		http_reply_json_take(r, 200, resized_json(e, cols, rows));
	cJSON_Delete(o);
}

static int
signal_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} table[] = {{"HUP", SIGHUP}, {"INT", SIGINT}, {"QUIT", SIGQUIT}, {"KILL", SIGKILL},
	    {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"STOP", SIGSTOP},
	    {"CONT", SIGCONT}, {"TSTP", SIGTSTP}, {"WINCH", SIGWINCH}, {"ALRM", SIGALRM}};

	if (str_starts(name, "SIG"))
		name += 3;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (strcmp(table[i].name, name) == 0)
			return table[i].number;
	}
	return 0;
}

int
signal_from_json(const cJSON *o)
{
	const char *name = json_string(o, "signal");

	return name != NULL ? signal_number(name) : 0;
}

void
panes_signal(struct http_req *r, void *arg)
{
	struct entry *e = resolve_own(r, arg);
	cJSON *o = e != NULL ? http_body_json(r) : NULL;
	int sig;

	if (o == NULL)
		return;
	sig = signal_from_json(o);
	if (sig == 0)
		http_reply_error(r, 400, "bad_params",
		    "signal must be one of HUP INT QUIT KILL TERM USR1 USR2 STOP CONT TSTP "
		    "WINCH ALRM");
	else if (pane_signal(e->pane, sig) != 0)
		http_reply_error(r, 409, "pane_exited", "the pane has ended");
	else
		http_reply_json_take(r, 200, pane_json(e));
	cJSON_Delete(o);
}
