/*
 * Following a channel of a job over HTTP: GET /api/v1/jobs/ID/channels/N, also of streams.
 *
 * The answer is what the channel's file has from an offset on, at most `limit` bytes of it, read on
 * the pool; one that waits for what comes next is given that as it is written. With wait_ms it comes when there is at least one byte, the channel is closed, or the
 * time is over; one that waits holds no thread, but a place in a list of READERS_MAX. A channel of
 * a command is closed when its job is terminal: another try may write on.
 *
 *	offset=N, limit=1..READ_MAX (1 MiB), wait_ms=0..30000
 *	Range: bytes=A-B, A- or -N, in place of offset; others, and several, are passed over.
 *	    The answer, 206, has no more than `limit` of it: its Content-Range says what
 *
 *	X-Panescry-Offset: where the bytes begin
 *	X-Panescry-End: 1 when the channel is closed and this reaches its end
 *
 * An offset beyond the end is 416. Loop's thread.
 */
#ifndef APP_JOB_CHANNELS_H
#define APP_JOB_CHANNELS_H

#include <stddef.h>
#include <stdint.h>

struct app;
struct http_req;

enum {
	JOB_READERS_MAX = 512,
	JOB_READ_MAX = 8 * 1024 * 1024,
	JOB_READ = 1024 * 1024,
	JOB_WAIT_MAX_MS = 30 * 1000,
};

void jobs_channel_get(struct http_req *r, void *arg);

/* There is more in the file: these bytes, borrowed, at this offset. */
void job_channels_grew(struct app *a, uint64_t job, unsigned channel, uint64_t offset,
    const void *data, size_t len);
/* No more will be; of a job, when it is terminal and on record. */
void job_channels_closed(struct app *a, uint64_t job);
void job_channels_stop(struct app *a); /* those that wait are answered */

#endif
