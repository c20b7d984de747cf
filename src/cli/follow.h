/*
 * Follows the channels of a job over HTTP, as they grow, to descriptors.
 *
 * Each channel is asked for from the byte where it stopped; a request waits in the daemon until there
 * is more. While one piece is written the next is on its way, and no more than that is held here. When
 * the daemon's worker is replaced meanwhile, it is asked again from the same byte, see cli/ask.h.
 *
 * Lives on a loop until the process ends. Loop's thread.
 */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct cJSON cJSON;

enum { FOLLOW_CHANNELS = 2 };

struct follow_config {
	uv_loop_t *loop;
	const char *socket, *id; /* stay */
	bool wait;               /* for the job's end; else what there is now */
	struct {
		unsigned channel;
		int fd;
		bool tame; /* it is a terminal, and the bytes are not to act on it */
		uint64_t from;
	} channels[FOLLOW_CHANNELS];
	size_t nchannels; /* 0, with wait: only the end is waited for */
	/* Once. 0 with the job as it ended (NULL without `wait`), or what went wrong: -ECONNREFUSED
	 * when the daemon stays away, -EPIPE when a descriptor takes no more, -EPROTO when the daemon
	 * refuses, with its words. */
	void (*done)(void *arg, int rc, const char *message, const cJSON *job);
	void *arg;
};

struct follow *follow_start(const struct follow_config *config);

#endif
