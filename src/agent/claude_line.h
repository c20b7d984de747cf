/* A line of a transcript of Claude Code: the members that are looked at. Pure. */
#ifndef AGENT_CLAUDE_LINE_H
#define AGENT_CLAUDE_LINE_H

#include "agent/jv.h"

enum claude_field {
	F_TYPE,
	F_SUBTYPE,
	F_UUID,
	F_PARENT_UUID,
	F_SESSION_ID,
	F_TIMESTAMP,
	F_MESSAGE,
	F_SIDECHAIN,
	F_AGENT_ID,
	F_META,
	F_COMPACT_SUMMARY,
	F_API_ERROR,
	F_ERROR,
	F_COST,
	F_RESULT,
	F_REQUEST_ID,
	F_CWD,
	F_VERSION,
	F_BRANCH,
	F_MODE,
	F_PROMPT_ID,
	F_FORKED_FROM,
	F_SUMMARY,
	F_LEAF,
	F_AI_TITLE,
	F_CUSTOM_TITLE,
	F_TOTAL_COST,
	F_ATTACHMENT,
	F_CONTENT,
	F_DURATION,
	F_LEVEL,
	FIELDS
};

struct claude_line {
	struct jv whole, f[FIELDS];
};

/* False: it is no JSON object. */
bool claude_line_read(const char *data, size_t len, struct claude_line *l);

#endif
