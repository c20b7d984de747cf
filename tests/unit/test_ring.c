#include "config.h"

#include "unit.h"

#include <errno.h>

#include "history/ring.h"

struct fixture {
	struct ring ring;
	void *block;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->block = calloc(1, ring_block_size(RING_MIN));
	ring_init(&f->ring, f->block, RING_MIN);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	free(f->block);
	free(f);
	return 0;
}

/* The byte that belongs at an offset: a prime period, so that no wrap can hide. */
static unsigned char
byte_at(uint64_t offset)
{
	return (unsigned char)(offset % 251);
}

static void
put(struct ring *r, size_t n)
{
	unsigned char *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = byte_at(ring_end(r) + i);
	ring_append(r, p, n);
	free(p);
}

static void
keeps_the_newest_bytes(void **state)
{
	struct ring *r = &((struct fixture *)*state)->ring;
	unsigned char out[RING_MIN];

	assert_int_equal(ring_end(r), 0);
	for (int i = 1; i < 2000; i++) {
		put(r, (size_t)(i * 37) % 5000);
		uint64_t start = ring_start(r), end = ring_end(r);
		assert_true(end - start <= RING_MIN);
		assert_true(end < RING_MIN || end - start == RING_MIN);
		assert_int_equal(ring_read(r, start, out, sizeof out), end - start);
		for (uint64_t o = start; o < end; o++)
			assert_int_equal(out[o - start], byte_at(o));
	}
}

static void
offsets_outside_are_refused(void **state)
{
	struct ring *r = &((struct fixture *)*state)->ring;
	struct iovec iov[2];

	put(r, RING_MIN + 100);
	assert_int_equal(ring_peek(r, 99, 10, iov), -ERANGE);
	assert_int_equal(ring_peek(r, 100, 10, iov), 10);
	assert_int_equal(ring_peek(r, ring_end(r), 10, iov), 0);
	assert_int_equal(ring_peek(r, ring_end(r) + 1, 10, iov), -ERANGE);
	assert_int_equal(ring_peek(r, UINT64_MAX, 10, iov), -ERANGE);
}

/* What a read in flight overwrites is never a byte that the ring still promises. */
static void
space_spares_what_is_kept(void **state)
{
	struct ring *r = &((struct fixture *)*state)->ring;
	unsigned char out[RING_MIN];
	struct iovec iov[2];

	for (int i = 0; i < 300; i++) {
		put(r, 777);
		int n = ring_space(r, iov);
		size_t sum = 0;
		for (int k = 0; k < n; k++) {
			memset(iov[k].iov_base, 0xFF, iov[k].iov_len);
			sum += iov[k].iov_len;
		}
		assert_int_equal(sum, RING_READ);
		uint64_t start = ring_start(r);
		int64_t got = ring_read(r, start, out, sizeof out);
		for (int64_t k = 0; k < got; k++)
			assert_int_equal(out[k], byte_at(start + (uint64_t)k));
	}
}

static void
a_block_is_taken_up_again(void **state)
{
	struct fixture *f = *state;
	struct ring again;

	put(&f->ring, 9000);
	assert_int_equal(ring_open(&again, f->block, ring_block_size(RING_MIN)), 0);
	assert_int_equal(ring_end(&again), 9000);
	assert_int_equal(ring_open(&again, f->block, ring_block_size(RING_MIN) - 1), -EINVAL);
	assert_int_equal(ring_open(&again, f->block, 8), -EINVAL);
	((char *)f->block)[0] ^= 1;
	assert_int_equal(ring_open(&again, f->block, ring_block_size(RING_MIN)), -EINVAL);
}

/* Dies as if killed within read(2), after it took `len` bytes; checks what the next one finds. */
static void
die_reading(struct fixture *f, const char *data, size_t len, size_t found)
{
	struct ring *r = &f->ring, again;
	uint64_t end = ring_end(r);
	unsigned char got[RING_READ];
	struct iovec iov[2];

	ring_space(r, iov);
	for (size_t i = 0; i < len; i++)
		*((char *)iov[i >= iov[0].iov_len].iov_base +
		    (i >= iov[0].iov_len ? i - iov[0].iov_len : i)) = data[i];
	assert_int_equal(ring_open(&again, f->block, ring_block_size(RING_MIN)), 0);
	assert_int_equal(ring_end(&again), end + found);
	assert_int_equal(ring_read(&again, end, got, sizeof got), found);
	assert_memory_equal(got, data, found);
}

static void
a_read_in_flight_is_not_lost(void **state)
{
	struct fixture *f = *state;
	char data[RING_READ];

	memset(data, 'x', sizeof data);
	for (int i = 0; i < 100; i++) {
		die_reading(f, data, 0, 0);
		die_reading(f, "a", 1, 1);
		die_reading(f, "\0\0\0", 3, 3);
		die_reading(f, "a\377b\377", 4, 3);
		die_reading(f, data, sizeof data, sizeof data);
		ring_append(&f->ring, data, 1);
		die_reading(f, data, 1000, 1000);
		die_reading(f, "", 0, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(keeps_the_newest_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(offsets_outside_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(space_spares_what_is_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_block_is_taken_up_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_read_in_flight_is_not_lost, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
