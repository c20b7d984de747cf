/*
 * What transcripts and streams of Claude Code have in common: messages of the API.
 *
 * An API message is written as several lines, one for each block of it, all with its id; and lines
 * are written again with another uuid. So a block's part is found by what is in it, among the
 * last ones.
 */
#ifndef AGENT_CLAUDE_COMMON_H
#define AGENT_CLAUDE_COMMON_H

#include "agent/agent.h"
#include "agent/jv.h"

typedef struct cJSON cJSON;

enum { CLAUDE_BLOCKS = 64 };

struct claude_block {
	uint64_t message, content; /* hashes */
	unsigned part;
};

/* What events are made of. */
struct claude_out {
	struct agent_sink sink;
	const char *session; /* of the line that is read */
	uint64_t at;
	int64_t time_ms;
	struct claude_block blocks[CLAUDE_BLOCKS]; /* a ring */
	unsigned blocks_n;
};

/* Of a message. */
struct claude_message {
	const char *id;
	enum agent_role role;
	bool hidden;
	struct jv content, result; /* result: of the tool, as the agent keeps it for itself */
};

struct agent_event claude_event(const struct claude_out *o, enum agent_event_type type);
void claude_emit(const struct claude_out *o, const struct agent_event *e);
void claude_note(const struct claude_out *o, const char *name, const char *text);
void claude_state(const struct claude_out *o, enum agent_state state, const char *text);

/* Its blocks: messages, calls of tools and their results. */
void claude_content(struct claude_out *o, const struct claude_message *m);

/* The text of a content: a string's, or that of the first block of text; to be freed, or NULL. */
char *claude_first_text(struct jv content);

/* Whether a content has a block whose type is, or ends with, this. */
bool claude_has_block(struct jv content, const char *type);

/* False: it says nothing. */
bool claude_usage(struct jv usage, struct agent_usage *u);

/* Notes what a message that is of no model says: an error of the API. */
void claude_api_error(const struct claude_out *o, struct jv error, struct jv content);

/* Sets *to, to be freed, to a copy of the string, where it is one and another; whether it was. */
bool claude_set(char **to, struct jv v);

void claude_save_blocks(const struct claude_out *o, cJSON *to);
void claude_restore_blocks(struct claude_out *o, const cJSON *from);

#endif
