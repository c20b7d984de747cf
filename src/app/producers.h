/*
 * Sessions of producers that send their own events (agent/producer.h).
 *
 * A request is checked on the pool, whole, before anything of it is written, and written in one
 * operation of the store: the answer comes when it is on record. So many bytes are with the store at a
 * time, the others wait for their turn. Loop's thread.
 */
#ifndef APP_PRODUCERS_H
#define APP_PRODUCERS_H

#include <stddef.h>

struct app;
struct http_req;

enum { PRODUCERS_BODY = 8 * 1024 * 1024, PRODUCERS_LINE = 2 * 1024 * 1024 };

void producers_open(struct app *a);
void producers_free(struct app *a); /* when the loop has run out */

/* Handlers: POST sessions, POST sessions/ID/events. */
void sessions_create(struct http_req *r, void *arg);
void sessions_events(struct http_req *r, void *arg);

#endif
