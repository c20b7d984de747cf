#include "config.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "app/archiver.h"
#include "app/events.h"
#include "app/job_panes.h"
#include "app/lookout.h"
#include "app/mux.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "tmux/tmux.h"
#include "proto/json.h"

struct entry *
registry_add(struct app *a, struct pane *p)
{
	struct entry *e = xcalloc(1, sizeof *e);

	e->app = a;
	e->pane = p;
	DL_APPEND(a->entries, e);
	a->entry_count++;
	return e;
}

void
registry_unlist(struct entry *e)
{
	cJSON *o;

	if (!e->listed)
		return;
	e->listed = false;
	if (e->app->closed)
		return;
	tokens_pane_gone(e->app, pane_id(e->pane));
	o = json_object();
	cJSON_AddStringToObject(o, "type", "removed");
	cJSON_AddStringToObject(o, "id", pane_id(e->pane));
	events_add(e->app, "panes", o);
}

void
registry_remove(struct entry *e)
{
	struct app *a = e->app;

	DL_DELETE(a->entries, e);
	a->entry_count--;
	if (e->tty != NULL)
		tty_pane_gone(e->tty);
	if (e->pane != NULL) {
		if (e->job == NULL)
			a->output_gone += ring_end(pane_ring(e->pane));
		worker_gone(e);
		registry_unlist(e);
		mux_entry_gone(e);
		lookouts_gone(e);
		archiver_gone(e);
		job_pane_gone(e);
		pane_free(e->pane);
	}
	free(e);
}

const char *
entry_name(const struct entry *e)
{
	const struct tmux_pane *t = mux_pane(e);

	return t != NULL && *t->name != '\0' ? t->name : pane_name(e->pane);
}

bool
entry_matches(const struct entry *e, const char *glob)
{
	const char *name = entry_name(e);
	const struct tmux_pane *t = mux_pane(e);
	char *target;
	bool yes;

	if (e->job != NULL)
		return fnmatch(glob, pane_id(e->pane), 0) == 0;
	if (fnmatch(glob, pane_id(e->pane), 0) == 0 ||
	    (name != NULL && fnmatch(glob, name, 0) == 0))
		return true;
	if (t == NULL)
		return false;
	target = xasprintf("%s:%u.%u", t->session_name, t->window_index, t->pane_index);
	yes = fnmatch(glob, target, 0) == 0;
	free(target);
	return yes;
}

static bool
has_name(const struct entry *e, const char *name)
{
	return entry_name(e) != NULL && strcmp(entry_name(e), name) == 0;
}

/* "p7", "t%7": it means that pane and, once that is gone, none; never p70, which it begins. */
static bool
is_whole_id(const char *ref)
{
	const char *percent = strrchr(ref, '%');

	if (percent != NULL && percent[1] != '\0' &&
	    percent[1 + strspn(percent + 1, "0123456789")] == '\0')
		return true;
	return ref[0] == 'p' && ref[1] != '\0' &&
	       ref[1 + strspn(ref + 1, "0123456789")] == '\0';
}

static bool
has_prefix(const struct entry *e, const char *prefix)
{
	const char *name = entry_name(e);

	return str_starts(pane_id(e->pane), prefix) ||
	       (name != NULL && str_starts(name, prefix));
}

int
registry_find(struct app *a, const char *ref, struct entry **out)
{
	struct entry *e, *found = NULL;
	unsigned count = 0;

	DL_FOREACH (a->entries, e) {
		if ((e->listed || e->job != NULL) && strcmp(pane_id(e->pane), ref) == 0)
			goto exact;
	}
	DL_FOREACH (a->entries, e) {
		if (e->listed && has_name(e, ref))
			goto exact;
		if ((e->listed && !is_whole_id(ref) && has_prefix(e, ref)) ||
		    job_pane_named(e, ref)) {
			found = e;
			count++;
		}
	}
	*out = found;
	if (count == 0)
		return -ENOENT;
	return count == 1 ? 0 : -EEXIST;
exact:
	*out = e;
	return 0;
}

struct entry *
registry_by_pid(struct app *a, pid_t pid)
{
	struct entry *e;

	DL_FOREACH (a->entries, e) {
		if (pane_pid(e->pane) == pid && pane_state(e->pane) != PANE_EXITED)
			return e;
	}
	return NULL;
}

bool
registry_name_taken(const struct app *a, const char *name)
{
	const struct entry *e;

	DL_FOREACH (a->entries, e) {
		if ((e->job == NULL && has_name(e, name)) ||
		    strcmp(pane_id(e->pane), name) == 0)
			return true;
	}
	return false;
}

bool
registry_may_go(struct entry *e)
{
	/* A job's pane goes so soon that nobody may have looked at what it printed last. */
	return e->remove && pane_state(e->pane) == PANE_EXITED && pane_viewers(e->pane) == 0 &&
	       (e->job == NULL || e->lookouts == NULL) && archiver_has_all(e);
}

void
registry_sweep(struct app *a)
{
	struct entry *e, *next;

	DL_FOREACH_SAFE (a->entries, e, next) {
		if (registry_may_go(e))
			registry_remove(e);
	}
}

bool
registry_make_room(struct app *a)
{
	struct entry *e;

	if (a->entry_count - job_panes_count(a) < a->cfg.limits.panes_max)
		return true;
	DL_FOREACH (a->entries, e) {
		if (e->job == NULL && pane_state(e->pane) == PANE_EXITED &&
		    pane_viewers(e->pane) == 0) {
			registry_remove(e);
			return true;
		}
	}
	return false;
}
