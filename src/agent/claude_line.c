#include "config.h"

#include "agent/claude_line.h"

#include <string.h>

#define NAME(s) \
	{ \
		sizeof(s) - 1, s \
	}

static const struct {
	size_t len;
	const char *name;
} names[FIELDS] = {
    [F_TYPE] = NAME("type"),
    [F_SUBTYPE] = NAME("subtype"),
    [F_UUID] = NAME("uuid"),
    [F_PARENT_UUID] = NAME("parentUuid"),
    [F_SESSION_ID] = NAME("sessionId"),
    [F_TIMESTAMP] = NAME("timestamp"),
    [F_MESSAGE] = NAME("message"),
    [F_SIDECHAIN] = NAME("isSidechain"),
    [F_AGENT_ID] = NAME("agentId"),
    [F_META] = NAME("isMeta"),
    [F_COMPACT_SUMMARY] = NAME("isCompactSummary"),
    [F_API_ERROR] = NAME("isApiErrorMessage"),
    [F_ERROR] = NAME("error"),
    [F_COST] = NAME("costUSD"),
    [F_RESULT] = NAME("toolUseResult"),
    [F_REQUEST_ID] = NAME("requestId"),
    [F_CWD] = NAME("cwd"),
    [F_VERSION] = NAME("version"),
    [F_BRANCH] = NAME("gitBranch"),
    [F_MODE] = NAME("permissionMode"),
    [F_PROMPT_ID] = NAME("promptId"),
    [F_FORKED_FROM] = NAME("forkedFrom"),
    [F_SUMMARY] = NAME("summary"),
    [F_LEAF] = NAME("leafUuid"),
    [F_AI_TITLE] = NAME("aiTitle"),
    [F_CUSTOM_TITLE] = NAME("customTitle"),
    [F_TOTAL_COST] = NAME("totalCostUSD"),
    [F_ATTACHMENT] = NAME("attachment"),
    [F_CONTENT] = NAME("content"),
    [F_DURATION] = NAME("durationMs"),
    [F_LEVEL] = NAME("level"),
};

bool
claude_line_read(const char *data, size_t len, struct claude_line *l)
{
	struct jv at, name, v;

	memset(l, 0, sizeof *l);
	if (!jv_object(data, len, &l->whole))
		return false;
	at = l->whole;
	while (jv_next(&at, &name, &v)) {
		size_t n = (size_t)(name.e - name.s) - 2;
		for (int i = 0; i < FIELDS; i++)
			if (names[i].len == n && l->f[i].s == NULL &&
			    memcmp(names[i].name, name.s + 1, n) == 0)
				l->f[i] = v;
	}
	return true;
}
