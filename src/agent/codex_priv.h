/* The parser of rollouts, in parts. */
#ifndef AGENT_CODEX_PRIV_H
#define AGENT_CODEX_PRIV_H

#include "agent/codex.h"

/* Lines of a parent that were written again into the file of its fork or sub-agent. */
enum replay {
	REPLAY_NONE,
	REPLAY_MAYBE, /* a child that may begin with the parent's totals */
	REPLAY_LINES, /* the line is the parent's */
};

struct agent_parser {
	struct source s;
	char *model, *turn, *parent;
	uint64_t context; /* hash of what was said of the session last */
	uint64_t limits;  /* the same, of rate limits */

	bool named;   /* by a session_meta */
	bool tasks;   /* turns are said to begin and end */
	bool pending; /* a turn began, and its prompt is still to come */
	bool exec;    /* of a headless run, whose stream may be followed, too */
	bool bare;    /* the last reasoning had no text */

	enum replay replay;
	int64_t created_ms; /* the session, by its own clock */
	int64_t replay_ms;  /* the last line of a replay, or the session_meta */

	bool inherits; /* totals begin with the parent's, which are not in the file */
	bool has_total;
	struct agent_usage total;
};

void codex_count(struct agent_parser *p, const cJSON *payload);  /* token_count */
void codex_record(struct agent_parser *p, const cJSON *payload); /* token_usage_record */
void codex_cancel_total(const struct agent_parser *p);
void codex_item(struct agent_parser *p, const cJSON *payload); /* response_item */
void codex_item_event(struct agent_parser *p, const char *type, const cJSON *payload);
void codex_turn_shown(struct agent_parser *p, const char *prompt);

/* The milliseconds in a UUID of version 7; 0: it is none. */
int64_t codex_uuid_ms(const char *id);

#endif
