/* The formats that the table of agent.h has, each in a file of its own. */
#ifndef AGENT_FORMATS_H
#define AGENT_FORMATS_H

#include "agent/agent.h"

extern const struct agent_format claude_transcript;
extern const struct agent_format claude_stream;
extern const struct agent_format codex_rollout, codex_exec;
extern const struct agent_format gemini_chat, gemini_document, gemini_stream, gemini_json;
extern const struct agent_format opencode_stream, opencode_storage;
extern const struct agent_format vibe_messages, vibe_meta;
extern const struct agent_format grok_history, grok_summary, grok_stream, grok_json;
extern const struct agent_format pi_session;
extern const struct agent_format copilot_events;

#endif
