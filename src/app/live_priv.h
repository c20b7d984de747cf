/* What the files live*.c share. Not for other files. */
#ifndef APP_LIVE_PRIV_H
#define APP_LIVE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>
#include <uv.h>

#include "store/sessions.h"

struct app;
struct live;
struct look;
typedef struct cJSON cJSON;

enum {
	LINGER_MS = 60 * 1000,
	FRESH_MS = 10 * 60 * 1000,
	LIVE_MAX = 4096,
	TELLINGS_MAX = 1024, /* that linger only while there are fewer */
	TEXT_MAX = 64 * 1024,
};

/* What came last in a session. */
enum live_last { LAST_NONE, LAST_PROMPT, LAST_THOUGHT, LAST_ANSWER, LAST_RESULT };

struct live_session {
	int64_t id;
	struct sessions_brief b;
	enum live_last last;
	uint64_t n; /* of the last delta; 0: not told */
	uint64_t written_us;

	/* live_look.c */
	uint64_t look_us,
	    look_after_us;      /* when it is looked at again, and how long after that */
	int64_t process;        /* its id, once it was seen */
	uint64_t gone_us;       /* since when its process or its pane has gone; 0: not */
	uint64_t screen_offset; /* of the output that was looked at */
	bool asks;              /* its screen says so, and its state by that */
	bool left;              /* its process ended; none was seen in the pane since */
	bool restored;          /* of a worker before this one, and not seen since */
	UT_hash_handle hh;
};

/* A topic that is told. */
struct telling {
	char *topic;
	unsigned listeners;
	uint64_t from;    /* number of the first event that it covers */
	uint64_t idle_us; /* since when nobody listens */
	UT_hash_handle hh;
};

/* A pane and its agent. */
struct seat {
	char *pane;
	int64_t session; /* 0: none */
	char *told;      /* JSON */
	UT_hash_handle hh;
};

struct live {
	struct app *app;
	struct live_session *sessions; /* by id */
	struct telling *tellings;      /* by topic */
	struct seat *seats;            /* by pane */
	uv_timer_t tick;
	struct look *look; /* under way, or NULL */
	unsigned ops;      /* of the store, that will call back */
	bool closed, handle;
};

void live_release(struct live *l); /* when nothing will call back any more */

/* live.c */
struct live_session *live_find(struct live *l, int64_t id);
/* It, or a new one in no state yet. */
struct live_session *live_known(struct live *l, const struct sessions_brief *b);
void live_took(struct live *l, struct live_session *s); /* it is another than it was */
bool live_told(struct live *l, const struct sessions_brief *b);
bool live_told_topic(struct live *l, const char *topic);
bool live_over(const struct sessions_brief *b);
struct entry *live_entry(struct live *l, const char *pane); /* NULL: it is not there */
cJSON *live_session_json(const struct live_session *s);
const char *live_phase(int state, enum live_last last);
void live_sweep(struct live *l);

void live_set_state(struct live *l, const struct sessions_brief *b, int state, const char *why,
    int64_t time_ms);

/* live_events.c: what a batch holds goes to who listens; `live` and the batch are as they were before. */
void live_tell(struct live *l, const struct sessions_batch *b);

/* live_look.c */
void live_look_start(struct live *l); /* there is something to look at */
void live_look_close(struct live *l);

#endif
