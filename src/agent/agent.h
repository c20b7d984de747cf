/*
 * What agents write of themselves, as events that mean the same for all of them.
 *
 * Each agent has a format, or several: transcripts on disk, streams of headless runs. A parser takes
 * one source of one format, a line at a time or a document whole, and gives events to a sink. It
 * keeps what later lines of that source depend on, and can save that, so that a source that has
 * grown is read on from where it was. Sources: ../shared/agents/FORMATS.md and what it cites.
 *
 * Sessions are named by the agent's own id; a sub-agent's that has none is its parent's id, a slash
 * and what tells it apart. A session may go on in another source, and one source may hold several.
 *
 * The same thing may be said more than once: in one source, in copies of it, and in other
 * formats. So what is counted has a key that is the same wherever it is said, and whoever keeps
 * the events replaces by it (agent/ledger.h).
 *
 * Hostile input: a line that is no JSON or is nested too deep is passed over, with a note
 * "unreadable", and so is, without one, what has other types than expected; numbers beyond 2^53 and
 * below 0 are unknown; NUL, lone surrogates and invalid UTF-8 in strings are replaced. What an event
 * points to is borrowed until the sink returns.
 *
 * Pure, but for the databases of agent/opencode_db.h; one thread a parser.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* How the key begins of usage that a stream says in sums, where the transcript of the same session
 * has it call by call: the keys cannot meet, so it counts only while nothing else is known of the
 * session and its sub-agents (agent/ledger.h does so). */
#define AGENT_STREAM_KEY "stream:"

#define AGENT_UNKNOWN (-1) /* a count of tokens, a duration that is not said */

/* The one meaning: input excludes what was read from or written to the cache, output includes
 * reasoning. AGENT_UNKNOWN where the agent does not say. */
struct agent_usage {
	int64_t input, cache_read, cache_write_5m, cache_write_1h, output, reasoning;
	int64_t searches; /* of the web by the provider, which have a price of their own */
};

enum agent_event_type {
	AGENT_SESSION,  /* what is known of it now; fields that are NULL say nothing */
	AGENT_TURN,     /* a turn begins: id or NULL; text: the prompt */
	AGENT_TURN_END, /* id, outcome, duration_ms; text: why. Again: what was missing */
	/* id, part, role, text; message: it is a part of. The same id and part again replaces; without
	 * a text it says the role, the model, or that all parts of it are hidden now. */
	AGENT_MESSAGE,
	AGENT_TOOL_CALL, /* id, name, input; message; the same id again replaces */
	/* id, text, outcome; duration_ms where the agent measures it; input: a patch (agent/touch.h)
	 * of what it changed, where the agent says the lines. The same id again adds: what it does
	 * not say (NULL, unknown) stays. */
	AGENT_TOOL_RESULT,
	AGENT_USAGE, /* id: the key; rank; message, model, usage, cost_usd */
	AGENT_COST,  /* cost_usd: a running total of the session, as the agent states it */
	AGENT_STATE, /* state; text: what for */
	/* name: "compaction", "rate_limit", "error", "retry", "permission_denied"...; text.
	 * "rewind": what this source said of the session from `text` (a decimal `at`) to here is an
	 * abandoned branch. "unreadable": a line that was passed over. */
	AGENT_NOTE,
};

enum agent_role {
	AGENT_USER,
	AGENT_ASSISTANT,
	AGENT_THINKING,
	AGENT_SYSTEM,
	AGENT_ROLE_OF_MESSAGE, /* that of `message`, which is said elsewhere */
};

enum agent_outcome {
	AGENT_OUTCOME_UNKNOWN,
	AGENT_OK,
	AGENT_FAILED,
	AGENT_INTERRUPTED,
	AGENT_DENIED,
};

enum agent_state {
	AGENT_WORKING,
	AGENT_WAITS_INPUT,
	AGENT_WAITS_PERMISSION,
	AGENT_DONE,
	AGENT_DEAD
};

struct agent_event {
	enum agent_event_type type;
	const char *session; /* never NULL */
	int64_t time_ms;     /* wall clock; 0: not said */
	uint64_t at;         /* where in the source its line begins */
	const char *id, *message;
	unsigned part; /* of a message: 0, 1... */
	enum agent_role role;
	enum agent_outcome outcome;
	enum agent_state state;
	const char *name;  /* of a tool, or of a note */
	const char *text;  /* UTF-8 */
	const char *input; /* of a tool: JSON, or text */
	const char *model; /* as the agent names it */
	bool fast;         /* billed at the model's fast rate */
	bool hidden; /* on an abandoned branch, or said to the model only: counted, not shown */
	int64_t duration_ms;

	/* Usage. Of several with one key the one of the highest rank counts, of equals the first.
	 * An input and output of 0 mean that what has this key is counted in other rows. */
	struct agent_usage usage;
	uint64_t rank;
	double cost_usd; /* stated by the agent for this; below 0: not */

	/* Sessions. */
	const char *parent; /* the session that started or was forked into this one */
	bool fork;          /* it is a fork of it, not a sub-agent */
	const char *cwd, *title, *mode, *version, *branch;
};

struct agent_sink {
	void (*event)(void *arg, const struct agent_event *e);
	/* Totals that were counted for a session before this source; false: none, as where it is NULL.
	 * For formats that say running totals. */
	bool (*baseline)(void *arg, const char *session, struct agent_usage *total);
	void *arg;
};

struct agent_parser;

enum agent_layout {
	AGENT_LINES,    /* JSON Lines; read on when it grows */
	AGENT_DOCUMENT, /* one JSON document; read again when it changes */
};

struct agent_format {
	const char *name;  /* "claude-transcript" */
	const char *agent; /* "claude" */
	enum agent_layout layout;
	/* Its usage is of sums, which nothing ties to the requests that another format of the same
	 * session has one by one: where both are read, these rows are not to be counted. */
	bool sums;
	/* Whether a path below one of the agent's directories is one of its sources. */
	bool (*is_source)(const char *path);
	/* Whether this line, the first one that is JSON, begins such a stream; NULL: never by itself. */
	bool (*is_stream)(const char *line, size_t len);
	struct agent_parser *(*open)(const char *path, const struct agent_sink *sink);
	/* A line without its newline, or a document. `at`: where it begins. */
	void (*feed)(struct agent_parser *p, const char *data, size_t len, uint64_t at);
	/* The source has no more, as far as is known: what waits for more lines is given. */
	void (*flush)(struct agent_parser *p);
	/* What feed depends on, as JSON, appended to b; and a parser that goes on from it. False: it
	 * is of another version, and the source is read from its beginning. */
	void (*save)(const struct agent_parser *p, struct buf *b);
	bool (*restore)(struct agent_parser *p, const char *json, size_t len);
	void (*close)(struct agent_parser *p);
	/* Lines that were passed over; NULL: not counted. */
	uint64_t (*passed)(const struct agent_parser *p);
};

/* All of them, ends with NULL. */
extern const struct agent_format *const agent_formats[];
const struct agent_format *agent_format_find(const char *name);
const struct agent_format *agent_format_of_path(const char *agent, const char *path);
const struct agent_format *agent_format_of_stream(const char *line, size_t len);

/* Where the agents keep their transcripts, for this environment and home: directories that need not be there. */
struct agent_place {
	const char *agent;
	char *dir;
};
size_t agent_places(const char *home, char *const *env, struct agent_place **out);
void agent_places_free(struct agent_place *places, size_t n);

/* An event in which nothing is said but this. */
struct agent_event agent_event_of(
    enum agent_event_type type, const char *session, int64_t time_ms, uint64_t at);

/* a + b, where unknown and known is what is known. */
void agent_usage_add(struct agent_usage *a, const struct agent_usage *b);
extern const struct agent_usage agent_usage_unknown;

#endif
