#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/codex_priv.h"
#include "agent/formats.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"

enum {
	STATE_VERSION = 1,
	GAP_MS = 1000,     /* no replay takes that long from line to line */
	TYPE_WITHIN = 160, /* where in a line its type is */
};

static void
replace(char **to, const char *s)
{
	char *copy = s == NULL ? NULL : xstrdup(s);

	free(*to);
	*to = copy;
}

int64_t
codex_uuid_ms(const char *id)
{
	char hex[13];

	if (id == NULL || strlen(id) != 36 || id[8] != '-' || id[13] != '-' || id[14] != '7')
		return 0;
	snprintf(hex, sizeof hex, "%.8s%.4s", id, id + 9);
	return strspn(hex, "0123456789abcdefABCDEF") == 12 ? strtoll(hex, NULL, 16) : 0;
}

/* rollout-2026-11-21T02-36-44-01a1fbf6-9794-7fe2-a395-d2e34a15cb23 */
static void
name_by_file(struct agent_parser *p)
{
	size_t n = strlen(p->s.session);
	char *id;

	if (!str_starts(p->s.session, "rollout-") || n < 8 + 20 + 36 ||
	    p->s.session[n - 37] != '-')
		return;
	id = xstrdup(p->s.session + n - 36);
	source_name(&p->s, id);
	free(id);
}

static struct agent_parser *
codex_open(const char *path, const struct agent_sink *sink)
{
	struct agent_parser *p = xcalloc(1, sizeof *p);

	source_open(&p->s, path, sink);
	name_by_file(p);
	return p;
}

static void
codex_close(struct agent_parser *p)
{
	source_close(&p->s);
	free(p->model);
	free(p->turn);
	free(p->parent);
	free(p);
}

static void
give_session(const struct agent_parser *p, const cJSON *meta)
{
	struct agent_event e = source_event(&p->s, AGENT_SESSION);

	e.parent = p->parent;
	e.fork = p->parent != NULL && !cJSON_IsObject(get(get(meta, "source"), "subagent"));
	e.cwd = get_string(meta, "cwd");
	e.version = get_string(meta, "cli_version");
	e.branch = get_string(get(meta, "git"), "branch");
	e.title = get_string(meta, "agent_nickname");
	source_give(&p->s, &e);
}

/* The first one is the session's own. Those of a parent follow it where its lines are replayed. */
static void
take_meta(struct agent_parser *p, const cJSON *meta)
{
	const cJSON *sub = get(get(meta, "source"), "subagent");
	const char *id = get_string(meta, "id"), *mode = get_string(meta, "history_mode");
	const char *parent = get_string(get(sub, "thread_spawn"), "parent_thread_id");
	const char *source = get_string(meta, "source");

	if (p->named && id != NULL && strcmp(id, p->s.session) != 0) {
		p->replay = REPLAY_LINES;
		p->replay_ms = p->s.time_ms;
		if (p->parent == NULL) {
			replace(&p->parent, id);
			give_session(p, NULL);
		}
		return;
	}
	if (parent == NULL)
		parent = get_string(meta, "forked_from_id");
	source_name(&p->s, id);
	if (parent != NULL)
		replace(&p->parent, parent);
	give_session(p, meta);
	if (p->named)
		return;
	p->named = true;
	p->exec = source != NULL && strcmp(source, "exec") == 0;
	p->created_ms = get_time(meta, "timestamp");
	if (p->created_ms == 0)
		p->created_ms = p->s.time_ms;
	p->replay_ms = p->s.time_ms;
	p->inherits = get(meta, "forked_from_ordinal_exclusive") != NULL ||
		      cJSON_IsObject(get(meta, "history_base")) ||
		      (mode != NULL && strcmp(mode, "paginated") == 0 &&
			  get(meta, "forked_from_id") != NULL);
	if (p->parent != NULL && !p->inherits)
		p->replay = REPLAY_MAYBE;
}

/* Whether the parent's lines end before this one: it is of a turn that began after the child
 * did, or, where turns say nothing of when they began, much later than the one before it. */
static bool
is_own(const struct agent_parser *p, const char *type, const cJSON *payload)
{
	bool is_context = strcmp(type, "turn_context") == 0;
	bool is_task =
	    !is_context && strcmp(type, "event_msg") == 0 &&
	    strcmp(get_string(payload, "type") != NULL ? get_string(payload, "type") : "",
		"task_started") == 0;
	int64_t turn_ms =
	    is_context || is_task ? codex_uuid_ms(get_string(payload, "turn_id")) : 0;
	int64_t started_ms = is_task ? get_time(payload, "started_at") : 0;

	if (turn_ms != 0)
		return turn_ms >= p->created_ms;
	if (started_ms != 0)
		return started_ms / 1000 >= p->created_ms / 1000;
	return p->s.time_ms - p->replay_ms >= GAP_MS;
}

static void
take_context(struct agent_parser *p, const cJSON *context)
{
	struct agent_event e = source_event(&p->s, AGENT_SESSION);
	uint64_t h = 1469598103934665603u;

	if (get_string(context, "model") != NULL)
		replace(&p->model, get_string(context, "model"));
	if (p->replay == REPLAY_LINES)
		return;
	e.cwd = get_string(context, "cwd");
	e.mode = get_string(context, "approval_policy");
	e.model = p->model;
	h = hash_text(h, e.cwd == NULL ? "" : e.cwd);
	h = hash_text(h, e.mode == NULL ? "/" : e.mode);
	h = hash_text(h, e.model == NULL ? "/" : e.model) >> 12;
	if (h != p->context)
		source_give(&p->s, &e);
	p->context = h;
}

static void
begin_turn(struct agent_parser *p, const cJSON *payload)
{
	const char *by = get_string(get(payload, "turn_attribution"), "turn_trigger");

	if (p->pending)
		codex_turn_shown(p, NULL);
	p->tasks = p->pending = true;
	if (by != NULL)
		p->exec = strcmp(by, "exec") == 0;
	replace(&p->turn, get_string(payload, "turn_id"));
	source_state(&p->s, AGENT_WORKING);
}

static void
end_turn(struct agent_parser *p, const cJSON *payload, bool aborted)
{
	struct agent_event e = source_event(&p->s, AGENT_TURN_END);
	const cJSON *error = get(payload, "error");
	const char *id = get_string(payload, "turn_id");

	if (p->pending)
		codex_turn_shown(p, NULL);
	e.id = id != NULL ? id : p->turn;
	e.outcome = aborted ? AGENT_INTERRUPTED : AGENT_OK;
	e.text = aborted ? get_string(payload, "reason") : NULL;
	if (cJSON_IsObject(error)) {
		e.outcome = AGENT_FAILED;
		e.text = get_string(error, "message");
		source_note(&p->s, "error", e.text);
	}
	e.duration_ms = get_count(payload, "duration_ms");
	source_give(&p->s, &e);
	source_state(&p->s, AGENT_WAITS_INPUT);
	if (p->exec)
		codex_cancel_total(p);
}

/* A thread that this one started. */
static void
take_spawn(struct agent_parser *p, const cJSON *payload)
{
	struct agent_event e = source_event(&p->s, AGENT_SESSION);

	e.session = get_string(payload, "new_thread_id");
	e.parent = get_string(payload, "sender_thread_id");
	e.title = get_string(payload, "new_agent_nickname");
	if (e.parent == NULL)
		e.parent = p->s.session;
	if (e.session != NULL)
		source_give(&p->s, &e);
}

static void
take_event(struct agent_parser *p, const cJSON *payload)
{
	const char *type = get_string(payload, "type");

	if (type == NULL)
		return;
	if (strcmp(type, "token_count") == 0)
		codex_count(p, payload);
	else if (p->replay == REPLAY_LINES)
		return;
	else if (strcmp(type, "task_started") == 0 || strcmp(type, "turn_started") == 0)
		begin_turn(p, payload);
	else if (strcmp(type, "task_complete") == 0 || strcmp(type, "turn_complete") == 0)
		end_turn(p, payload, false);
	else if (strcmp(type, "turn_aborted") == 0)
		end_turn(p, payload, true);
	else if (strcmp(type, "error") == 0 || strcmp(type, "warning") == 0)
		source_note(&p->s, type, get_string(payload, "message"));
	else if (strcmp(type, "stream_error") == 0)
		source_note(&p->s, "retry", get_string(payload, "message"));
	else if (strcmp(type, "thread_rolled_back") == 0)
		source_note(&p->s, "rewind", NULL);
	else if (strcmp(type, "collab_agent_spawn_end") == 0)
		take_spawn(p, payload);
	else
		codex_item_event(p, type, payload);
}

static void
take_line(struct agent_parser *p, const char *type, const cJSON *payload)
{
	if (strcmp(type, "session_meta") == 0) {
		take_meta(p, payload);
		return;
	}
	if (p->replay == REPLAY_LINES && is_own(p, type, payload))
		p->replay = REPLAY_NONE;
	if (p->replay == REPLAY_LINES && p->s.time_ms != 0)
		p->replay_ms = p->s.time_ms;
	if (strcmp(type, "turn_context") == 0)
		take_context(p, payload);
	else if (strcmp(type, "event_msg") == 0)
		take_event(p, payload);
	else if (strcmp(type, "token_usage_record") == 0)
		codex_record(p, payload);
	else if (p->replay == REPLAY_LINES)
		return;
	else if (strcmp(type, "response_item") == 0)
		codex_item(p, payload);
	else if (strcmp(type, "compacted") == 0)
		source_note(&p->s, "compaction", get_string(payload, "message"));
}

/* These are large, often, and say nothing that is wanted. */
static bool
is_idle(const char *data, size_t len)
{
	static const char type[] = "\"type\":\"world_state\"";

	return memmem(data, len < TYPE_WITHIN ? len : TYPE_WITHIN, type, sizeof type - 1) !=
	       NULL;
}

static void
codex_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	const char *type;
	cJSON *o;

	if (is_idle(data, len) || (o = source_line(&p->s, data, len, at)) == NULL)
		return;
	p->s.time_ms = get_time(o, "timestamp");
	if ((type = get_string(o, "type")) != NULL && cJSON_IsObject(get(o, "payload")))
		take_line(p, type, get(o, "payload"));
	cJSON_Delete(o);
}

static void
codex_flush(struct agent_parser *p)
{
	if (p->pending)
		codex_turn_shown(p, NULL);
}

static void
codex_save(const struct agent_parser *p, struct buf *b)
{
	cJSON *o = source_save(&p->s, STATE_VERSION);

	json_add_text(o, "model", p->model);
	json_add_text(o, "turn", p->turn);
	json_add_text(o, "parent", p->parent);
	cJSON_AddNumberToObject(o, "context", (double)p->context);
	cJSON_AddNumberToObject(o, "limits", (double)p->limits);
	cJSON_AddBoolToObject(o, "named", p->named);
	cJSON_AddBoolToObject(o, "tasks", p->tasks);
	cJSON_AddBoolToObject(o, "pending", p->pending);
	cJSON_AddBoolToObject(o, "exec", p->exec);
	cJSON_AddBoolToObject(o, "bare", p->bare);
	cJSON_AddNumberToObject(o, "replay", p->replay);
	cJSON_AddNumberToObject(o, "created", (double)p->created_ms);
	cJSON_AddNumberToObject(o, "replayed", (double)p->replay_ms);
	cJSON_AddBoolToObject(o, "inherits", p->inherits);
	if (p->has_total)
		usage_put(o, "total", &p->total);
	source_print(o, b);
}

static bool
codex_restore(struct agent_parser *p, const char *json, size_t len)
{
	cJSON *o = source_restore(&p->s, STATE_VERSION, json, len);
	int64_t replay;

	if (o == NULL)
		return false;
	replay = get_count(o, "replay");
	replace(&p->model, get_string(o, "model"));
	replace(&p->turn, get_string(o, "turn"));
	replace(&p->parent, get_string(o, "parent"));
	p->context = (uint64_t)get_or_0(o, "context");
	p->limits = (uint64_t)get_or_0(o, "limits");
	p->named = get_true(o, "named");
	p->tasks = get_true(o, "tasks");
	p->pending = get_true(o, "pending");
	p->exec = get_true(o, "exec");
	p->bare = get_true(o, "bare");
	p->replay = replay > REPLAY_LINES || replay < 0 ? REPLAY_NONE : (enum replay)replay;
	p->created_ms = get_or_0(o, "created");
	p->replay_ms = get_or_0(o, "replayed");
	p->inherits = get_true(o, "inherits");
	p->has_total = get(o, "total") != NULL;
	p->total = usage_get(o, "total");
	cJSON_Delete(o);
	return true;
}

static bool
codex_is_source(const char *path)
{
	char *name = path_above(path, 0);
	bool is = path_ends(name, ".jsonl") &&
		  (str_starts(name, "rollout-") || path_has(path, "/sessions/") ||
		      path_has(path, "/archived_sessions/"));

	free(name);
	return is;
}

const struct agent_format codex_rollout = {
    .name = "codex-rollout",
    .agent = "codex",
    .layout = AGENT_LINES,
    .is_source = codex_is_source,
    .open = codex_open,
    .feed = codex_feed,
    .flush = codex_flush,
    .save = codex_save,
    .restore = codex_restore,
    .close = codex_close,
    .passed = source_passed,
};
