/*
 * Transcripts and streams that are handed over (agent/import.h).
 *
 * They come in pieces, as long as the stream goes on: each is appended to a file, the spool, in the
 * state directory, and what is new of it becomes rows, before the answer. Whoever sends them names the
 * stream and says where a piece begins; what is there already is not appended again. So nothing of
 * what has been answered is lost when either side ends: after a crash the spool is read
 * again, which changes nothing. With the end of the stream its spool goes; one that never ended goes
 * after a day.
 *
 * Loop's thread; files and parsers are on the pool.
 */
#ifndef APP_IMPORTS_H
#define APP_IMPORTS_H

struct app;
struct http_req;

enum { IMPORTS_BODY = 8 * 1024 * 1024, IMPORTS_MAX = 256 * 1024 * 1024 };

void imports_free(struct app *a); /* when the loop has run out */

/* Handler: POST sessions/import. */
void sessions_import(struct http_req *r, void *arg);

#endif
