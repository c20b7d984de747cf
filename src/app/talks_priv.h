/* What the files talks*.c share. Not for others. */
#ifndef APP_TALKS_PRIV_H
#define APP_TALKS_PRIV_H

#include <uv.h>

#include "app/app_priv.h"
#include "app/talks.h"
#include "base/buf.h"
#include "job/job.h"
#include "job/talk.h"

/* A request for events that waits for some. */
struct talk_poll {
	struct talk_poll *prev, *next; /* utlist */
	struct talking *talking;
	struct http_req *req;
	uint64_t after, until; /* until: loop time */
};

/* An answer that waits until the record is written. */
struct talk_answer {
	struct talk_answer *prev, *next; /* utlist, in order */
	struct http_req *req;            /* NULL: the client has gone */
	uint64_t at;                     /* the record's length by then */
	cJSON *body;
};

struct talking {
	struct talking *prev, *next; /* utlist, oldest first */
	struct app *app;
	uint64_t number;
	char id[JOB_ID_MAX];
	struct talk *talk;
	int phase; /* that was told last, enum talk_phase */
	bool ended;
	bool forgotten; /* it goes when nothing of it is on the pool */

	/* The record. */
	uv_work_t write;
	bool writing;
	int write_rc;
	struct buf pending, under_way;
	uint64_t recorded; /* bytes in the file */
	bool told_stuck;
	uint64_t retry_at; /* loop time; 0: not */
	struct talk_answer *answers;

	/* It is made from the files. */
	uv_work_t load;
	bool loading, begun;
	uint64_t loaded; /* talk_offset by the last time */
	int load_rc;

	struct talk_poll *polls;
	unsigned npolls;
	uint64_t asked_at;    /* loop time of the last request */
	uint64_t listened_at; /* loop time at which somebody listened */
};

struct talks {
	struct talking *all;
	struct talk_creation *creations; /* talks_routes.c's: that wait for the runner */
	uv_timer_t tick;
	char *dir;
	unsigned ended;
	bool paused, closed;
};

enum { TALK_RECORD = 3, POLLS_MAX = 64 };

/* talks.c */
struct talking *talks_find(struct app *a, uint64_t number);
struct talking *talks_add(struct app *a, uint64_t number, const struct talk_config *config);
struct talking *talks_of(struct app *a, const struct job *j); /* it may be loading; or NULL */
void talks_forget(struct talking *l);                         /* nobody is told */
struct job *talks_job(const struct talking *l);
unsigned talks_clients(const struct talking *l);
void talks_answer_polls(struct talking *l, bool all);
/* Answers with 202 when all that is on record now has been written. */
void talks_answer_recorded(struct talking *l, struct http_req *r, cJSON *take);

/* talks_routes.c */
void talks_drop_creations(struct app *a);

/* talks_record.c */
void talks_record(void *arg, const char *line, size_t len);
void talks_record_go_on(struct talking *l);
void talks_load(struct talking *l);
bool talks_record_full(const struct talking *l);
void talks_loaded(struct talking *l);  /* talks.c: it is what its files say */
void talks_settled(struct talking *l); /* nothing of it is on the pool */

#endif
