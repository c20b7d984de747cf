/*
 * Events: what happens, told to whoever listens at /ws/events (panescry.events.v1).
 *
 * Every event has a number; numbers only grow, also over restarts of the worker, since they
 * begin at the time of its start in microseconds. The last EVENTS_KEPT are kept. A listener is a
 * position in them and the topics it wants, with nothing queued for it: one that is slow, or was
 * away, and asks for an event that has gone, is told so ("reset") and given the present state.
 *
 * Loop's thread.
 */
#ifndef APP_EVENTS_H
#define APP_EVENTS_H

#include <stddef.h>

struct app;
struct events;
typedef struct cJSON cJSON;

enum { EVENTS_KEPT = 10000, EVENT_TOPICS_MAX = 32 };

#define EVENTS_SUBPROTOCOL "panescry.events.v1"

struct events *events_new(void);
void events_free(struct events *e);

/* Takes an object with a member "type"; topic is static or copied. */
void events_add(struct app *a, const char *topic, cJSON *take);

#endif
