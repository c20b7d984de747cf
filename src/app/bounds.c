#include "config.h"

#include "app/bounds.h"

#include <string.h>

#include "app/app.h"
#include "app/events.h"
#include "app/imports.h"
#include "app/job_channels.h"
#include "app/search.h"
#include "app/streams.h"
#include "app/watch.h"
#include "base/str.h"
#include "history/history.h"
#include "history/ring.h"
#include "job/flow_run.h"
#include "job/job.h"
#include "job/talk.h"
#include "mcp/mcp.h"
#include "net/auth.h"
#include "net/guard.h"
#include "net/server.h"
#include "pane/pane.h"
#include "pane/record.h"
#include "proto/attach.h"
#include "proto/http_head.h"
#include "proto/json.h"
#include "search/pattern.h"
#include "search/query.h"

#define AT(member) offsetof(struct app_limits, member)
#define FIXED(name, value, unit, beyond) \
	{ \
		name, BOUND_FIXED, 0, value, value, unit, beyond \
	}

enum { K = 1024, M = 1024 * K, DAYS_MOST = 36500 };

#define G ((uint64_t)1024 * M)

const struct bound bounds[] = {
    /* Panes and what they wrote. */
    {"max_panes", BOUND_COUNT, AT(panes_max), 1, 10000, "panes", "429 too_many_panes"},
    {"history_lines", BOUND_NUMBER, AT(record.lines), 1, 100000000, "lines", "the oldest go"},
    {"history_bytes", BOUND_BYTES, AT(record.bytes), HISTORY_BYTES_MIN, 64 * G, "bytes",
	"the oldest go"},
    {"ring_bytes", BOUND_SIZE, AT(ring_size), 64 * K, RING_MAX, "bytes", "the oldest go"},
    {"archive_bytes", BOUND_BYTES, AT(archive_bytes), M, G *M, "bytes", "the oldest go"},
    {"archive_days", BOUND_COUNT, AT(archive_days), 1, DAYS_MOST, "days", "the oldest go"},
    FIXED("columns or rows", ATTACH_SIZE_MAX, "cells", "400 bad_params"),
    FIXED("line of history", HISTORY_LINE_MAX, "bytes", "it goes on in the next"),
    FIXED("marked commands of a pane", RECORD_COMMANDS, "commands", "the oldest go"),
    FIXED("arguments of a pane", PANE_ARGS_MAX, "arguments", "400 bad_params"),
    FIXED("environment of a pane", PANE_ENV_MAX, "variables", "400 bad_params"),
    FIXED("input that waits for a pane", PANE_INPUT_MAX, "bytes", "503 input_full"),
    FIXED("resizes of a pane, apart", PANE_RESIZE_MS, "ms", "the last one counts"),
    FIXED("id or name", ID_MAX, "bytes", "400 bad_params"),
    /* Who watches. */
    {"max_viewers", BOUND_COUNT, AT(viewers_max), 1, 1000000, "viewers", "close 1013"},
    {"max_subscribers", BOUND_COUNT, AT(subscribers_max), 1, 100000, "connections",
	"close 1013"},
    {"events_bytes", BOUND_SIZE, AT(events_bytes), 64 * K, G, "bytes", "the oldest go"},
    FIXED("events", EVENTS_KEPT, "events", "the oldest go"),
    FIXED("topics of a subscriber", EVENT_TOPICS_MAX, "topics", "an event of type error"),
    FIXED("message of a viewer", ATTACH_MESSAGE_MAX, "bytes", "close 1009"),
    FIXED("message of a subscriber", EVENT_MESSAGE_MAX, "bytes", "close 1009"),
    FIXED("output not acknowledged", ATTACH_WINDOW, "bytes", "the viewer waits"),
    /* Who asks. */
    {"max_waits", BOUND_COUNT, AT(waits_max), 1, 100000, "requests", "503 too_many_waits"},
    {"max_watches", BOUND_COUNT, AT(watches_max), 1, 10000, "watches", "429 too_many_watches"},
    FIXED("commands of watches at work", COMMANDS_MAX, "commands", "it is not run"),
    FIXED("searches that wait", SEARCH_WAITING, "searches", "429 too_many_searches"),
    FIXED("pattern", PATTERN_MAX, "bytes", "400 bad_params"),
    FIXED("matches of a search", QUERY_LIMIT_MAX, "matches", "400 bad_params"),
    FIXED("access tokens", AUTH_TOKENS_MAX, "tokens", "429 too_many_tokens"),
    {"max_wrong_tokens", BOUND_COUNT, AT(wrong_tokens_max), 1, 1000000, "tokens",
	"429 too_many_attempts"},
    FIXED("addresses that guess", GUARD_CLIENTS, "addresses", "the oldest go"),
    {"max_connections", BOUND_COUNT, AT(server.connections), 16, 60000, "connections",
	"503 too_many_connections"},
    {"max_connections_per_address", BOUND_COUNT, AT(server.per_address), 8, 60000,
	"connections", "429 too_many_connections"},
    {"max_half_open", BOUND_COUNT, AT(server.half_open), 8, 60000, "connections",
	"the oldest is closed"},
    {"max_requests", BOUND_COUNT, AT(server.requests), 1, 60000, "requests",
	"503 too_many_requests"},
    {"max_requests_per_connection", BOUND_COUNT, AT(server.requests_each), 1, 1000000000,
	"requests", "the connection ends"},
    {"header_seconds", BOUND_SECONDS, AT(server.header_seconds), 1, 300, "seconds",
	"408 header_timeout"},
    {"body_seconds", BOUND_SECONDS, AT(server.body_seconds), 1, 3600, "seconds",
	"408 body_timeout"},
    {"send_seconds", BOUND_SECONDS, AT(server.send_seconds), 1, 3600, "seconds",
	"the connection ends"},
    {"max_answer_bytes", BOUND_BYTES, AT(server.answer_bytes), M, 64 * G, "bytes",
	"503 answers_full"},
    FIXED("head of a request", SERVER_HEADERS_MAX, "bytes", "431 headers_too_large"),
    FIXED("headers of a request", HTTP_HEAD_LINES, "lines", "431 headers_too_large"),
    FIXED("arguments of a query", HTTP_HEAD_ARGS, "arguments", "431 headers_too_large"),
    FIXED("depth of JSON", JSON_DEPTH_MAX, "levels", "400 bad_json"),
    {"max_log_bytes", BOUND_BYTES, AT(log_bytes), 64 * K, 64 * G, "bytes", "it begins anew"},
    /* Agents. */
    {"sessions_days", BOUND_COUNT, AT(sessions_days), 0, DAYS_MOST, "days", "the oldest go"},
    {"max_sessions", BOUND_COUNT, AT(sessions_max), 1, 10000000, "sessions", "the oldest go"},
    FIXED("transcript in one request", IMPORTS_BODY, "bytes", "413 too_large"),
    FIXED("transcript in pieces", IMPORTS_MAX, "bytes", "413 too_large"),
    /* Jobs. */
    {"jobs_running", BOUND_COUNT, AT(jobs_running), 1, 1000, "jobs", "the job waits"},
    {"jobs_queue", BOUND_COUNT, AT(jobs_queue), 1, 100000, "jobs", "429 queue_full"},
    {"jobs_days", BOUND_COUNT, AT(jobs_days), 0, DAYS_MOST, "days", "the oldest go"},
    {"jobs_max_output", BOUND_BYTES, AT(jobs_max_output), 4096, K *G, "bytes",
	"the job is ended"},
    {"jobs_bytes", BOUND_BYTES, AT(jobs_bytes), M, K *G, "bytes", "the oldest go"},
    FIXED("arguments of a job", JOB_ARGS_MAX, "arguments", "400 bad_params"),
    FIXED("description of a job", JOB_SPEC_MAX, "bytes", "413 too_large"),
    FIXED("readers of channels", JOB_READERS_MAX, "requests", "429 too_many_readers"),
    FIXED("streams", STREAMS_MAX, "streams", "429 too_many_streams"),
    FIXED("piece of a stream", STREAM_PIECE_MAX, "bytes", "413 too_large"),
    FIXED("runs of flows", FLOW_RUNS_MAX, "runs", "429 too_many_flows"),
    FIXED("messages that wait in a talk", TALK_QUEUE_MAX, "messages", "429 queue_full"),
    /* The Model Context Protocol. */
    FIXED("message of MCP", MCP_MESSAGE_MAX, "bytes", "413 too_large"),
    FIXED("batch of MCP", MCP_BATCH_MAX, "messages", "an error -32600"),
    FIXED("requests of MCP under way", MCP_REQUESTS_MAX, "requests", "an error -32000"),
    FIXED("subscriptions of MCP", MCP_SUBSCRIPTIONS_MAX, "subscriptions", "an error -32000"),
    {0},
};

const struct bound *
bound_find(const char *name)
{
	for (const struct bound *b = bounds; b->name != NULL; b++) {
		if (b->kind != BOUND_FIXED && strcmp(b->name, name) == 0)
			return b;
	}
	return NULL;
}

uint64_t
bound_value(const struct bound *b, const struct app_limits *limits)
{
	const char *at = (const char *)limits + b->offset;

	switch (b->kind) {
	case BOUND_COUNT:
	case BOUND_SECONDS:
		return *(const unsigned *)(const void *)at;
	case BOUND_SIZE:
		return *(const size_t *)(const void *)at;
	case BOUND_NUMBER:
	case BOUND_BYTES:
		return *(const uint64_t *)(const void *)at;
	case BOUND_FIXED:
		break;
	}
	return b->most;
}

void
bound_set(const struct bound *b, struct app_limits *limits, uint64_t value)
{
	char *at = (char *)limits + b->offset;

	switch (b->kind) {
	case BOUND_COUNT:
	case BOUND_SECONDS:
		*(unsigned *)(void *)at = (unsigned)value;
		break;
	case BOUND_SIZE:
		*(size_t *)(void *)at = value;
		break;
	case BOUND_NUMBER:
	case BOUND_BYTES:
		*(uint64_t *)(void *)at = value;
		break;
	case BOUND_FIXED:
		break;
	}
}
