/*
 * Live sessions with agents in the daemon (job/talk.h): jobs of kind "session" that are talked to.
 *
 * Events go to the topic "job:ID", as {"type":"talk","event":{..}}, while somebody listens and for
 * LINGER_MS after; whoever missed some asks for those behind its own number at /api/v1/talks/ID/events.
 * Clients of a talk are the listeners of its topic, and who asks for events.
 *
 * The record is channel 3 of the job, beside what the agent writes. What is on it is written on the
 * pool, in order; a message is taken (202) when it is there. Where the disk is full it is tried again,
 * and messages are answered when there is room.
 *
 * After a worker has died the next one makes the talk anew: on the pool it reads the record and what the
 * agent has written so far; what comes meanwhile it finds in the file. Until then requests are answered
 * with 503 "starting". A message that was sent at the moment of the death, and is not on record as
 * sent, is sent again; one that is, but had not reached the pipe, is lost.
 *
 * Of talks that have ended the last ENDED_MAX can still be asked for their events. Loop's thread.
 */
#ifndef APP_TALKS_H
#define APP_TALKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app;
struct http_req;
struct job;

void talks_open(struct app *a);
void talks_ready(struct app *a); /* the runner is: those that were asked for begin */
void talks_close(struct app *a); /* before the store: they use it to wait for the pool */
void talks_free(struct app *a);  /* when the loop has run out */
void talks_pause(struct app *a, bool pause);
bool talks_idle(struct app *a); /* paused, and all is on record */

/* What the runner says, for jobs of every kind. */
void talks_changed(struct app *a, struct job *j);
void talks_output(struct app *a, struct job *j, unsigned channel, uint64_t offset,
    const void *data, size_t len);
/* A job was taken up again: UINT64_MAX, what is in the files is not asked for. */
uint64_t talks_resume_offset(struct app *a, struct job *j, unsigned channel);

/* Handlers. */
void talks_create(struct http_req *r, void *arg);
void talks_get(struct http_req *r, void *arg);
void talks_events(struct http_req *r, void *arg);
void talks_message(struct http_req *r, void *arg);
void talks_permission(struct http_req *r, void *arg);
void talks_interrupt(struct http_req *r, void *arg);
void talks_model(struct http_req *r, void *arg);
void talks_end(struct http_req *r, void *arg);

#endif
