/*
 * Events: what happens, told to whoever listens at /ws/events (panescry.events.v1).
 *
 * Every event has a number; numbers only grow, also over restarts of the worker, since they
 * begin at the time of its start in microseconds. The last EVENTS_KEPT are kept. A listener is a
 * position in them and the topics it wants, with nothing queued for it: one that is slow, or was
 * away, and asks for an event that has gone, is told so ("reset") and given the present state.
 * They take no more bytes than events_bytes of panescry.conf(5) says; beyond that the oldest go
 * sooner. So many may listen as max_subscribers says; more are closed with 1013.
 *
 * Topics of sessions (app/live.h) and of jobs (app/job_events.h) are told only while somebody
 * listens. The present state of one session, or one job, comes from the store and from files, and
 * later than that of others: events of it that were made before are in it, and are passed over.
 *
 * Loop's thread.
 */
#ifndef APP_EVENTS_H
#define APP_EVENTS_H

#include <stddef.h>
#include <stdint.h>

struct app;
struct events;
typedef struct cJSON cJSON;

enum {
	EVENTS_KEPT = 10000,
	EVENT_TOPICS_MAX = 32,
	EVENT_TOPIC_MAX = 80,          /* bytes, with the NUL */
	EVENT_MESSAGE_MAX = 16 * 1024, /* of a listener */
};

#define EVENTS_SUBPROTOCOL "panescry.events.v1"

struct events *events_new(void);
void events_free(struct events *e);

/* Takes an object with a member "type"; topic is static or copied. */
void events_add(struct app *a, const char *topic, cJSON *take);

/* The same for who listens to `alias` as well; NULL: none. */
void events_add_alias(struct app *a, const char *topic, const char *alias, cJSON *take);

unsigned events_listeners(const struct app *a, const char *topic); /* connections */

uint64_t events_next(const struct app *a); /* number of the event that comes */

#endif
