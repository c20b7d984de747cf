/* Operations on the record of jobs, for tests: each is waited for. */
#ifndef TESTS_JOBS_OWNER_H
#define TESTS_JOBS_OWNER_H

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "store/jobs.h"
#include "store_owner.h"

#define REC_SPEC "{\"kind\":\"command\",\"command\":[\"make\",\"all\"],\"name\":\"build\"}"

void rec_open(struct owner *o); /* with the program's own tables */
sqlite3 *rec_reader(struct owner *o);

/* For an operation's `done`, and what it came to. */
void rec_done(int rc, void *arg);
void rec_on_expired(int rc, uint64_t *take_ids, size_t n, void *arg);
int rec_outcome(struct owner *o);
extern uint64_t *rec_expired; /* the test's to free */
extern size_t rec_nexpired;

struct jobs_row rec_queued(uint64_t id, char *spec);
int rec_add_row(struct owner *o, const struct jobs_row *row);
int rec_add(struct owner *o, uint64_t id);
int rec_begin(struct owner *o, uint64_t id, unsigned n, int64_t ms);
int rec_end(struct owner *o, uint64_t id, int state, int64_t ms);
struct jobs_row rec_read(struct owner *o, uint64_t id);

/* What a list gave; `answer` is what it is answered. */
struct rec_seen {
	unsigned n;
	uint64_t ids[64];
	unsigned tries, channels;
	int answer;
};
int rec_on_row(void *arg, const struct jobs_row *row);

#endif
