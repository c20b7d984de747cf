/*
 * The log of agents' sessions: transcripts are read as they grow (agent/ingest.h), written to the store
 * (store/sessions.h), and asked for.
 *
 * Reading begins when the store can be read: what it knows of files is where reading goes on. All
 * questions are answered on the thread pool. Loop's thread.
 */
#ifndef APP_AGENTS_H
#define APP_AGENTS_H

struct app;
struct cJSON;
struct http_req;

void agents_open(struct app *a);
void agents_close(struct app *a); /* before the store; takes no longer than a piece of a file */

/* Adds "sessions" to what the daemon says of itself. */
void agents_json(struct app *a, struct cJSON *info);

/* Handlers: GET sessions, sessions/ID, .../messages, .../traces, .../traces/stats, .../place,
 * .../timeline, usage, usage/cache.
 * Secrets in text are masked (agent/secrets.h) unless ?reveal=1 asks for them. */
void sessions_list(struct http_req *r, void *arg);
void sessions_get(struct http_req *r, void *arg);
void sessions_messages(struct http_req *r, void *arg);
void sessions_traces(struct http_req *r, void *arg);
void sessions_trace_stats(struct http_req *r, void *arg);
void sessions_place(struct http_req *r, void *arg);
void sessions_timeline(struct http_req *r, void *arg);
void turns_at(struct http_req *r, void *arg); /* GET turns */
void usage_answer(struct http_req *r, void *arg);
void usage_cache(struct http_req *r, void *arg);

/* Answers with this session, and that status. */
void sessions_answer(
    struct http_req *r, struct app *a, int status, const char *agent, const char *native);

#endif
