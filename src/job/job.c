#include "config.h"

#include "job/job.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[] = {
    "queued", "running", "completed", "failed", "cancelled", "timed_out", "orphaned"};
static const char *const channel_states[] = {
    "proposed", "streaming", "resolved", "failed", "cancelled"};
static const char *const kinds[] = {"command", "session", "stream"};

const char *
job_state_name(enum job_state s)
{
	return states[s];
}

bool
job_state_parse(const char *name, enum job_state *out)
{
	for (unsigned i = 0; i < sizeof states / sizeof *states; i++)
		if (strcmp(name, states[i]) == 0) {
			*out = (enum job_state)i;
			return true;
		}
	return false;
}

const char *
channel_state_name(enum channel_state s)
{
	return channel_states[s];
}

const char *
job_kind_name(enum job_kind k)
{
	return kinds[k];
}

bool
job_id_parse(const char *id, uint64_t *number)
{
	char *end;

	if (*id == 'j')
		id++;
	if (!isdigit((unsigned char)*id) || strlen(id) > 15)
		return false;
	*number = strtoull(id, &end, 10);
	return *end == '\0' && *number != 0;
}
