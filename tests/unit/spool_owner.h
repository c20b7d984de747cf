/*
 * The owner of a spool: a loop, a directory of its own, and what each channel was given, which is
 * compared with its file as it comes.
 */
#ifndef TESTS_SPOOL_OWNER_H
#define TESTS_SPOOL_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "job/spool.h"

struct owner {
	uv_loop_t loop;
	uv_timer_t tick; /* ends a turn of the loop in which nothing comes */
	char dir[64];
	struct spool *spool;
};

/* A channel and what was heard of it. */
struct ear {
	struct owner *owner;
	struct spool_channel *channel;
	uint64_t job;
	unsigned number;
	bool began;
	uint64_t from, to; /* what was given */
	bool ended;
	enum spool_end how;
	int err, stuck; /* stuck: as was told last */
	unsigned ends, stucks;
	unsigned delay_us;              /* for each piece */
	void (*on_data)(struct ear *e); /* or NULL */
	void (*on_end)(struct ear *e);  /* or NULL */
	void *arg;
};

int spool_setup(void **state);
int spool_teardown(void **state);
#define CASE(name) cmocka_unit_test_setup_teardown(name, spool_setup, spool_teardown)

void owner_open(struct owner *o, const char *dir); /* without a directory of its own */
void owner_close(struct owner *o);

void listen_to(struct owner *o, struct ear *e, uint64_t job, unsigned channel, int fd,
    uint64_t from, struct spool_limit *limit);
void listen_to_pty(struct owner *o, struct ear *e, uint64_t job, int fd);

/* Turns the loop until something is so; fails after a long time. */
void turn_until(struct owner *o, bool (*is)(void *arg), void *arg);
void await_end(struct ear *e);
void await_given(struct ear *e, uint64_t to);

uint64_t length_of(struct owner *o, uint64_t job, unsigned channel);
void put_file(struct owner *o, uint64_t job, unsigned channel, const void *data, size_t len);
unsigned files_in(const char *dir);
void wait_for_child(pid_t pid); /* that ends well */

/* A stream in which every 8 bytes are the number of those before it, in eights. */
void fill_numbers(
    char *data, size_t len, uint64_t offset); /* len and offset are multiples of 8 */
void assert_numbers(struct owner *o, uint64_t job, unsigned channel, uint64_t len);

/* Whole, to a descriptor that blocks; false when nobody reads. */
bool put(int fd, const void *data, size_t len);

#endif
