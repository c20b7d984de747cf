/*
 * Which files, and which lines of them, a tool call of an agent changes.
 *
 * Tools are known by their names, whichever agent has them: those that edit (Edit, MultiEdit,
 * NotebookEdit, str_replace, replace, edit...), that write a file (Write, write_file, create...), that
 * apply a patch (apply_patch, also as a command of a shell; patch, file_change). All others change
 * nothing that is known, and what only reads is none of them.
 *
 * Lines are from 1. The range of a write is all lines, 1 to TOUCH_LAST. Of an edit it is what its
 * input says: start_line and end_line and the like, or the hunks of a patch that have numbers,
 * without the context that surrounds a change. An edit that says a text only has no range: 0, 0.
 *
 * Hostile input: what is no JSON, has other types, or is longer than TOUCH_INPUT_MAX gives nothing;
 * one call gives TOUCH_MAX ranges at the most, and those that follow are left out. Pure; any
 * thread.
 */
#ifndef AGENT_TOUCH_H
#define AGENT_TOUCH_H

#include <stddef.h>
#include <stdint.h>

enum {
	TOUCH_MAX = 256,
	TOUCH_PATH_MAX = 4096, /* bytes, with the NUL */
	TOUCH_INPUT_MAX = 8 * 1024 * 1024,
	TOUCH_LAST = INT32_MAX,
};

/* The path is absolute and has no "." and "..", and is borrowed until it returns. */
typedef void (*touch_cb)(void *arg, const char *path, int64_t first, int64_t last);

/* `input` is JSON, or the text of a patch; cwd may be NULL. Returns how many were given. */
unsigned agent_touches(
    const char *tool, const char *input, const char *cwd, touch_cb touch, void *arg);

/* The same of a patch: "*** Begin Patch", or a unified diff. */
unsigned agent_patch_touches(const char *patch, const char *cwd, touch_cb touch, void *arg);

/* Absolute, without "." and "..", "//" and a "/" at the end; above the root there is nothing. Links
 * are not looked at. To be freed; NULL when it is not absolute and cwd is not either, of another
 * system, or too long. */
char *touch_path(const char *cwd, const char *path);

#endif
