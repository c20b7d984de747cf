/*
 * The scripts with which bash, zsh and fish complete command lines of panescry: a fixed part for
 * each, around the tables (completions_tables.h).
 *
 * What a daemon has is asked for while one types, by `panescry completions KIND`, which is silent
 * where there is none. It may be called anything, so the scripts never expand or evaluate it.
 */
#ifndef CLI_COMPLETIONS_H
#define CLI_COMPLETIONS_H

#include <stdbool.h>

struct buf;

/* Appends the script for "bash", "zsh" or "fish"; false for any other name. */
bool completions_script(struct buf *b, const char *shell);

/* Appends what the daemon has of a kind, a line each: the word, and perhaps a tab and what it
 * is; nothing when no daemon answers within a second. "panes", "jobs", "sessions", "flows",
 * "watches" or "tokens"; false for any other name. */
bool completions_ask(struct buf *b, const char *kind);

#endif
