/* What the files of ingest share. Not for others. */
#ifndef AGENT_INGEST_PRIV_H
#define AGENT_INGEST_PRIV_H

#include "agent/agent.h"
#include "store/sessions.h"

/* Events of one agent into rows of a batch. */
struct rows {
	struct sessions_batch *batch;
	const char *agent;
	char *session; /* that the last event was of, and its number in the batch */
	unsigned number;
	bool (*baseline)(
	    void *arg, const char *agent, const char *session, struct agent_usage *total);
	void *arg;
};

/* A sink whose arg is a struct rows. */
void rows_event(void *arg, const struct agent_event *e);
bool rows_baseline(void *arg, const char *session, struct agent_usage *total);
void rows_release(struct rows *r); /* the batch stays */
void rows_begin(struct rows *r, struct sessions_batch *batch, const char *agent);

#endif
