#include "config.h"

#include "agent/formats.h"

#include <string.h>

const struct agent_format *const agent_formats[] = {
    &claude_transcript,
    &claude_stream,
    &codex_rollout,
    &codex_exec,
    &gemini_chat,
    &gemini_document,
    &gemini_stream,
    &gemini_json,
    &opencode_stream,
    &opencode_storage,
    &vibe_messages,
    &vibe_meta,
    &grok_history,
    &grok_summary,
    &grok_stream,
    &grok_json,
    &pi_session,
    &copilot_events,
    NULL,
};

const struct agent_usage agent_usage_unknown = {AGENT_UNKNOWN, AGENT_UNKNOWN, AGENT_UNKNOWN,
    AGENT_UNKNOWN, AGENT_UNKNOWN, AGENT_UNKNOWN, AGENT_UNKNOWN};

const struct agent_format *
agent_format_find(const char *name)
{
	for (const struct agent_format *const *f = agent_formats; *f != NULL; f++)
		if (strcmp((*f)->name, name) == 0)
			return *f;
	return NULL;
}

const struct agent_format *
agent_format_of_path(const char *agent, const char *path)
{
	for (const struct agent_format *const *f = agent_formats; *f != NULL; f++)
		if ((*f)->is_source != NULL && strcmp((*f)->agent, agent) == 0 &&
		    (*f)->is_source(path))
			return *f;
	return NULL;
}

const struct agent_format *
agent_format_of_stream(const char *line, size_t len)
{
	for (const struct agent_format *const *f = agent_formats; *f != NULL; f++)
		if ((*f)->is_stream != NULL && (*f)->is_stream(line, len))
			return *f;
	return NULL;
}

struct agent_event
agent_event_of(enum agent_event_type type, const char *session, int64_t time_ms, uint64_t at)
{
	return (struct agent_event){.type = type,
	    .session = session,
	    .time_ms = time_ms,
	    .at = at,
	    .duration_ms = AGENT_UNKNOWN,
	    .usage = agent_usage_unknown,
	    .cost_usd = -1};
}

static void
add(int64_t *a, int64_t b)
{
	if (b != AGENT_UNKNOWN)
		*a = *a == AGENT_UNKNOWN ? b : b > INT64_MAX - *a ? INT64_MAX : *a + b;
}

void
agent_usage_add(struct agent_usage *a, const struct agent_usage *b)
{
	add(&a->input, b->input);
	add(&a->cache_read, b->cache_read);
	add(&a->cache_write_5m, b->cache_write_5m);
	add(&a->cache_write_1h, b->cache_write_1h);
	add(&a->output, b->output);
	add(&a->reasoning, b->reasoning);
	add(&a->searches, b->searches);
}
