/*
 * Removing sessions: those that somebody names, those that are older than sessions_days of
 * panescry.conf(5), and those beyond max_sessions. They are looked for when the daemon starts and
 * again when all transcripts that were there have been read; then the former once a day, the latter
 * every ten minutes.
 *
 * What is only old may come back (store/sessions_remove.h): the place up to which its transcript has
 * been read stays, so what an agent adds to it, as when it resumes the session, is read on.
 */
#ifndef APP_AGENTS_REMOVE_H
#define APP_AGENTS_REMOVE_H

struct app;
struct http_req;

void retention_open(struct app *a);
void retention_close(struct app *a); /* before the store; again does nothing */

/* Handlers: DELETE sessions/ID, and DELETE sessions?before=TIME. */
void sessions_delete(struct http_req *r, void *arg);
void sessions_delete_before(struct http_req *r, void *arg);

#endif
