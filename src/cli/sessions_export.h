/*
 * One session of an agent as a document: everything of it as JSON, or what was said and done in
 * the order in which it was, as Markdown or as a page of HTML that needs nothing else.
 *
 * It is asked for page by page, and written as it comes. Text of agents is escaped, in HTML all of
 * it; control characters are replaced.
 */
#ifndef CLI_SESSIONS_EXPORT_H
#define CLI_SESSIONS_EXPORT_H

#include <stdbool.h>

/* format: "json", "md" or "html"; path: where to (mode 0600), or NULL for standard output. Returns
 * an exit status after an error has been printed. */
int sessions_export(const char *id, const char *format, const char *path, bool reveal);
bool sessions_export_knows(const char *format);

/* sessions rm: those, or with none those before a time. */
int sessions_rm(char *const *ids, int n, const char *older_than);

#endif
