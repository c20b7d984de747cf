/*
 * What an agent's screen says, where nothing better does: hooks and transcripts come first.
 *
 * Only what is certain counts: a permission prompt of Claude Code or of Codex that is the last
 * thing on the screen, with its question, its numbered choices, one of them pointed at, the first
 * a yes and the last a no. The same words in a conversation have an input line below them. Pure;
 * any thread.
 */
#ifndef AGENT_SCREEN_H
#define AGENT_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a screen from its end that matter. */
enum { AGENT_SCREEN_MAX = 16 * 1024 };

/* text: the screen's rows, each with its newline, UTF-8. */
bool agent_screen_asks(const char *agent, const char *text, size_t len);

#endif
