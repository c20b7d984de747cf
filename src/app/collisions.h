/*
 * Collisions: jobs and sessions of agents that change the same file at the same time (job/collide.h).
 *
 * Touches come from the tool calls of sessions as they are written, and what they say they have
 * changed (agent/touch.h); and from the files that change below the directories of jobs that are to
 * be watched (app/collide_watch.h). Calls that are older than the window, as those of transcripts
 * that are found late, are none.
 *
 * Who is what: a session's sub-agents are the session. A session is its job's where the job has named
 * it or runs in its pane, or else where one job only runs that agent in the session's directory and
 * began before it. A job belongs to the session and the pane that its spec names.
 *
 * Told to the listeners of the topic "collisions", and kept, in memory only, the last
 * COLLISIONS_KEPT. They are advice: nothing is held back.
 *
 *	{"type":"collision","id","kind","path","time","a":{..},"b":{..}}	b came last
 *	a, b: {"session","job","pane","agent","lines":[first,last]|null,"time"}
 *
 * Loop's thread.
 */
#ifndef APP_COLLISIONS_H
#define APP_COLLISIONS_H

struct app;
struct http_req;
struct job;
struct sessions_batch;
typedef struct cJSON cJSON;

enum { COLLISIONS_KEPT = 1000 };

void collisions_open(struct app *a);
void collisions_close(struct app *a); /* again is nothing */

/* For live.c: this has been written. */
void collisions_batch(struct app *a, const struct sessions_batch *b);

/* For jobs.c: it is new, or in another state; also one that was taken up again. */
void collisions_job(struct app *a, const struct job *j);

void collisions_status_json(struct app *a, cJSON *status); /* adds "collisions" */

void collisions_state(struct app *a, cJSON *state); /* for events.c: the same, listed */

void collisions_list(struct http_req *r, void *arg); /* handler */

#endif
