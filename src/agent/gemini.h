/* What Gemini's chats and streams say in the same way. */
#ifndef AGENT_GEMINI_H
#define AGENT_GEMINI_H

#include "agent/source.h"

/* Of a chat's {input, output, cached, thoughts, tool} or a document's {prompt, candidates...}. */
struct agent_usage gemini_usage(const cJSON *tokens);

#endif
