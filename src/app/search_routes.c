/*
 * GET /api/v1/search, /api/v1/panes/ID/search, and the older
 * /api/term/sessions/SID/panes/PID/search: from arguments to a search.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "app/app_priv.h"
#include "app/mux.h"
#include "app/search.h"
#include "app/search_hits.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "proto/json.h"
#include "tmux/tmux.h"

enum { OLDER_PATTERN_MAX = 200, OLDER_LIMIT_MAX = 500, NAME_LEN_MAX = 256 };

/* A reason why an argument is wrong is sent by whoever finds it: false then. */

static bool
read_switch(struct http_req *r, const char *name, unsigned flag, unsigned *flags)
{
	static const char *const yes[] = {"1", "true", "yes", ""}, *const no[] = {
								       "0", "false", "no"};
	const char *value = http_query(r, name);

	if (value == NULL)
		return true;
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (strcmp(value, no[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (strcmp(value, yes[i]) == 0) {
			*flags |= flag;
			return true;
		}
	http_reply_error(r, 400, "bad_params", "%s must be 0 or 1", name);
	return false;
}

static bool
read_patterns(struct http_req *r, struct search_spec *spec)
{
	const char *p;

	while ((p = http_query_nth(r, "pattern", spec->npatterns)) != NULL) {
		if (spec->npatterns == PATTERN_LIST_MAX - 1) {
			http_reply_error(
			    r, 400, "bad_params", "pattern: at most %d", PATTERN_LIST_MAX - 1);
			return false;
		}
		if (*p == '\0' || strlen(p) > PATTERN_MAX) {
			http_reply_error(r, 400, "bad_params",
			    "pattern must have 1 to %d bytes", PATTERN_MAX);
			return false;
		}
		spec->patterns[spec->npatterns++] = p;
	}
	if (spec->npatterns != 0)
		return true;
	http_reply_error(r, 400, "bad_params", "pattern is missing");
	return false;
}

static bool
read_sources(struct http_req *r, struct search_spec *spec)
{
	static const struct {
		const char *name;
		unsigned sources;
	} table[] = {{"auto", SEARCH_RING | SEARCH_ARCHIVE | SEARCH_FALLBACK},
	    {"ring", SEARCH_RING}, {"capture", SEARCH_CAPTURE}, {"archive", SEARCH_ARCHIVE},
	    {"past", SEARCH_ARCHIVE | SEARCH_FALLBACK | SEARCH_PAST},
	    {"sessions", SEARCH_SESSIONS}};
	const char *value = http_query(r, "source");

	spec->sources = table[0].sources;
	if (value == NULL)
		return true;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(value, table[i].name) == 0) {
			spec->sources = table[i].sources;
			return true;
		}
	http_reply_error(r, 400, "bad_params",
	    "source must be auto, ring, capture, archive, past or sessions");
	return false;
}

/* Sessions. */

static bool
read_roles(struct http_req *r, struct search_spec *spec)
{
	const char *p = http_query(r, "role");
	unsigned role;

	while (p != NULL) {
		size_t n = strcspn(p, ",");

		for (role = 0; role < SESSION_ROLES; role++)
			if (strlen(session_role_name(role)) == n &&
			    strncmp(session_role_name(role), p, n) == 0)
				break;
		if (role == SESSION_ROLES) {
			http_reply_error(r, 400, "bad_params",
			    "role must be some of user, assistant, thinking, system and tool,"
			    " with commas between");
			return false;
		}
		spec->sessions.roles |= 1U << role;
		p = p[n] == ',' ? p + n + 1 : NULL;
	}
	return true;
}

static bool
read_name(struct http_req *r, const char *name, const char **out)
{
	*out = http_query(r, name);
	if (*out == NULL || (**out != '\0' && strlen(*out) <= NAME_LEN_MAX))
		return true;
	http_reply_error(
	    r, 400, "bad_params", "%s must have 1 to %d bytes", name, NAME_LEN_MAX);
	return false;
}

static bool
read_sessions(struct http_req *r, struct search_spec *spec)
{
	static const char *const names[] = {"role", "tool", "session", "agent"};
	struct search_sessions_filter *f = &spec->sessions;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!(spec->sources & SEARCH_SESSIONS) && http_query(r, names[i]) != NULL) {
			http_reply_error(
			    r, 400, "bad_params", "%s goes with source=sessions", names[i]);
			return false;
		}
	if (!read_roles(r, spec) || !read_name(r, "tool", &f->tool) ||
	    !read_name(r, "session", &f->session) || !read_name(r, "agent", &f->agent))
		return false;
	if (f->tool == NULL || f->roles == 0 || (f->roles & 1U << SESSION_ROLE_TOOL))
		return true;
	http_reply_error(r, 400, "bad_params", "tool goes with the role tool only");
	return false;
}

static bool
read_jobs(struct http_req *r, struct search_spec *spec)
{
	unsigned jobs = 0;

	if (!read_switch(r, "jobs", 1, &jobs))
		return false;
	spec->jobs = jobs != 0;
	if (!spec->jobs || !(spec->sources & SEARCH_SESSIONS))
		return true;
	http_reply_error(r, 400, "bad_params", "jobs does not go with source=sessions");
	return false;
}

static bool
read_time(struct http_req *r, const char *name, int64_t *ms)
{
	const char *value = http_query(r, name);

	if (value == NULL || clock_parse(value, clock_wall_ms(), ms) == 0)
		return true;
	http_reply_error(r, 400, "bad_params",
	    "%s must be a time as 2026-11-21T02:03:04Z, or how long ago as 10m", name);
	return false;
}

static bool
read_order(struct http_req *r, struct search_spec *spec)
{
	const char *value = http_query(r, "order");

	spec->options.newest_first = value != NULL ? strcmp(value, "newest") == 0
						   : (spec->sources & SEARCH_SESSIONS) != 0;
	if (value == NULL || spec->options.newest_first || strcmp(value, "oldest") == 0)
		return true;
	http_reply_error(r, 400, "bad_params", "order must be oldest or newest");
	return false;
}

static bool
read_bounds(struct http_req *r, struct search_spec *spec, uint64_t limit_max)
{
	uint64_t limit, context;

	if (!http_query_u64(r, "limit", 1, limit_max, QUERY_LIMIT, &limit) ||
	    !http_query_u64(r, "context", 0, QUERY_CONTEXT_MAX, 0, &context))
		return false;
	spec->options.limit = (unsigned)limit;
	spec->options.context = (unsigned)context;
	return true;
}

static bool
read_spec(struct http_req *r, struct search_spec *spec)
{
	spec->options = QUERY_OPTIONS_INIT;
	return read_patterns(r, spec) && read_switch(r, "icase", PATTERN_ICASE, &spec->flags) &&
	       read_switch(r, "smart", PATTERN_SMART_CASE, &spec->flags) &&
	       read_switch(r, "fixed", PATTERN_FIXED, &spec->flags) &&
	       read_switch(r, "word", PATTERN_WORD, &spec->flags) && read_sources(r, spec) &&
	       read_sessions(r, spec) && read_jobs(r, spec) &&
	       read_time(r, "since", &spec->options.since_ms) &&
	       read_time(r, "until", &spec->options.until_ms) && read_order(r, spec) &&
	       read_bounds(r, spec, QUERY_LIMIT_MAX);
}

void
search_all(struct http_req *r, void *arg)
{
	struct search_spec spec = {.pane = http_query(r, "pane")};

	if (spec.pane != NULL && (*spec.pane == '\0' || strlen(spec.pane) > ID_MAX)) {
		http_reply_error(r, 400, "bad_params", "pane must have 1 to %d bytes", ID_MAX);
		return;
	}
	if (read_spec(r, &spec))
		search_start(arg, r, &spec);
}

void
search_pane(struct http_req *r, void *arg)
{
	struct entry *e = panes_resolve(r, arg);
	struct search_spec spec = {.one = true};

	if (e == NULL)
		return;
	spec.pane = pane_id(e->pane);
	if (!read_spec(r, &spec))
		return;
	/* The archive and the sessions know panes of earlier runs by the same id. */
	if (*http_pane(r) != '\0')
		spec.sources &= SEARCH_RING | SEARCH_CAPTURE | SEARCH_FALLBACK;
	if (spec.sources == 0)
		http_reply_error(
		    r, 403, "other_pane", "this token is for the pane alone, not for its past");
	else
		search_start(arg, r, &spec);
}

/* The older shape. */

static void
older_error(struct http_req *r, const char *code, const char *message, const char *details)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "error", code);
	cJSON_AddStringToObject(o, "message", message);
	cJSON_AddStringToObject(o, "details", details);
	http_reply_json_take(r, 400, o);
}

static bool
older_number(const char *value, uint64_t lo, uint64_t hi, uint64_t fallback, unsigned *out)
{
	uint64_t n = fallback;

	if (value != NULL && str_u64(value, lo, hi, &n) != 0)
		return false;
	*out = (unsigned)n;
	return true;
}

static size_t
characters(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xC0) != 0x80;
	return n;
}

/* A pane of tmux by its own id (%3) or ours, in the session of that name. */
static bool
older_find(struct app *a, const char *sid, const char *pid, struct entry **out)
{
	char *id = *pid == '%' ? xasprintf("t%s", pid) : xstrdup(pid);
	int rc = registry_find(a, id, out);
	const struct tmux_pane *t = rc == 0 ? mux_pane(*out) : NULL;

	free(id);
	return rc == 0 && (t == NULL || strcmp(t->session_name, sid) == 0);
}

void
search_older(struct http_req *r, void *arg)
{
	const char *sid = http_param(r, 0), *pid = http_param(r, 1),
		   *pattern = http_query(r, "pattern");
	struct search_spec spec = {.sources = SEARCH_RING | SEARCH_FALLBACK,
	    .older = true,
	    .one = true,
	    .npatterns = 1};
	struct entry *e;

	spec.options = QUERY_OPTIONS_INIT;
	if (!str_id_valid(sid) || !str_id_valid(pid)) {
		older_error(r, "bad_id_format", "the session or the pane is not an id",
		    "1 to 64 of A-Z a-z 0-9 _ . % -");
	} else if (pattern == NULL || *pattern == '\0' ||
		   characters(pattern) > OLDER_PATTERN_MAX || strlen(pattern) > PATTERN_MAX) {
		older_error(r, "bad_params", "pattern is missing or too long",
		    "pattern: 1 to 200 characters");
	} else if (!older_number(http_query(r, "limit"), 1, OLDER_LIMIT_MAX, QUERY_LIMIT,
		       &spec.options.limit)) {
		older_error(r, "bad_params", "limit is out of range", "limit: 1 to 500");
	} else if (!older_number(http_query(r, "context"), 0, QUERY_CONTEXT_MAX, 0,
		       &spec.options.context)) {
		older_error(r, "bad_params", "context is out of range", "context: 0 to 50");
	} else if (!older_find(arg, sid, pid, &e)) {
		http_reply_error(r, 404, "no_such_pane", "there is no pane %s", pid);
	} else {
		spec.patterns[0] = pattern;
		spec.pane = pane_id(e->pane);
		search_start(arg, r, &spec);
	}
}
