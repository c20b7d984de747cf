/*
 * What came from a pane, an agent, a file or the daemon, on standard output.
 *
 * On a terminal it is harmless (cli/columns.h); to a pipe or a file it goes byte by byte.
 */
#ifndef CLI_PUT_H
#define CLI_PUT_H

#include <stddef.h>
#include <stdio.h>

struct buf;

/* A line (NULL: an empty one), and lines as they are; tabs stay. */
void put_line(const char *text);
void put_lines(const char *text, size_t len);

/* JSON, which means the same everywhere: what a terminal could take for a control (DEL, C1, what
 * turns the direction of writing) is escaped, as C0 always is. */
void put_json_line(const char *json);
void put_json(FILE *to, const char *json);
void put_json_to(struct buf *b, const char *json, size_t len);

#endif
