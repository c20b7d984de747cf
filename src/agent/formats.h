/* The formats that the table of agent.h has, each in a file of its own. */
#ifndef AGENT_FORMATS_H
#define AGENT_FORMATS_H

#include "agent/agent.h"

extern const struct agent_format claude_transcript;
extern const struct agent_format claude_stream;

#endif
