/* Sources fed to parsers, and what they give: rows of usage by key, and counts of events. */
#ifndef TESTS_AGENTS_SAMPLE_H
#define TESTS_AGENTS_SAMPLE_H

#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"

#define CHECK(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
			exit(1); \
		} \
	} while (0)

struct row {
	char *key, *session;
	struct agent_usage usage;
	double cost;
	uint64_t rank;
};

enum { ROLES = AGENT_ROLE_OF_MESSAGE + 1, TYPES = AGENT_NOTE + 1 };

struct tally {
	struct row *rows;
	size_t n, room;
	size_t shown[ROLES], types[TYPES];
	size_t failed, parents, hidden;
	uint64_t digest; /* of all events */
	uint64_t passed;
	size_t longest; /* text */
};

enum manner { PLAIN, SAVED, CUT };

void tally_free(struct tally *t);
struct agent_usage tally_sum(const struct tally *t, const char *session, double *cost);
struct agent_sink tally_sink(struct tally *t);

/* SAVED: with a new parser for each line. CUT: `lines` of them and a half. */
void feed(struct tally *t, const char *format, const char *path, const char *data, size_t len,
    enum manner manner, size_t lines);
char *slurp(const char *path, size_t *len);

void check_db(void);
void check_rules(void);
int read_db(struct tally *t, const char *path, int64_t *since);
void check_hostile(const char *const *formats, char *const *datas, size_t n);

#endif
