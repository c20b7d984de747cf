#include "config.h"

#include "history/ring.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define RING_MAGIC 0x31676e6972637370ull /* "pscring1", little-endian */

struct ring_header {
	uint64_t magic;
	uint64_t size;
	uint64_t end;
	uint64_t blank; /* from end to here nothing but RING_BLANK and what is being read */
	uint64_t reserved[4];
};

static size_t
capacity(const struct ring *r)
{
	return r->size + RING_SLACK;
}

size_t
ring_block_size(size_t size)
{
	return sizeof(struct ring_header) + size + RING_SLACK;
}

void
ring_init(struct ring *r, void *block, size_t size)
{
	assert(size >= RING_MIN && size <= RING_MAX);
	r->head = block;
	r->data = (unsigned char *)block + sizeof *r->head;
	r->size = size;
	r->head->size = size;
	r->head->end = 0;
	r->head->magic = RING_MAGIC;
}

uint64_t
ring_end(const struct ring *r)
{
	return r->head->end;
}

uint64_t
ring_start(const struct ring *r)
{
	return r->head->end > r->size ? r->head->end - r->size : 0;
}

/* The n bytes from offset on, as pieces; n is at most the capacity. */
static int
pieces(const struct ring *r, uint64_t offset, size_t n, struct iovec iov[2])
{
	size_t at = offset % capacity(r);
	size_t first = capacity(r) - at;

	if (first > n)
		first = n;
	iov[0] = (struct iovec){r->data + at, first};
	iov[1] = (struct iovec){r->data, n - first};
	return n > first ? 2 : 1;
}

/* How far behind the end it is blank; more than anybody fills is a damaged header. */
static size_t
blank_bytes(const struct ring *r)
{
	uint64_t end = r->head->end, blank = r->head->blank;

	return blank > end && blank - end <= RING_READ ? (size_t)(blank - end) : 0;
}

static void
fill_blank(struct ring *r, uint64_t from, uint64_t to)
{
	struct iovec iov[2];

	if (from >= to)
		return;
	pieces(r, from, to - from, iov);
	memset(iov[0].iov_base, RING_BLANK, iov[0].iov_len);
	memset(iov[1].iov_base, RING_BLANK, iov[1].iov_len);
	__atomic_store_n(&r->head->blank, to, __ATOMIC_RELEASE);
}

int
ring_space(struct ring *r, struct iovec iov[2])
{
	uint64_t end = r->head->end;

	fill_blank(r, end + blank_bytes(r), end + RING_READ);
	return pieces(r, end, RING_READ, iov);
}

void
ring_commit(struct ring *r, size_t len)
{
	assert(len <= RING_SLACK);
	__atomic_store_n(&r->head->end, r->head->end + len, __ATOMIC_RELEASE);
}

/* The number of bytes behind the end that somebody was reading when he died. */
static size_t
count_read(const struct ring *r)
{
	size_t n = blank_bytes(r);

	while (n != 0 && r->data[(r->head->end + n - 1) % capacity(r)] == RING_BLANK)
		n--;
	return n;
}

int
ring_open(struct ring *r, void *block, size_t len)
{
	const struct ring_header *h = block;

	if (len < sizeof *h || h->magic != RING_MAGIC)
		return -EINVAL;
	if (h->size < RING_MIN || h->size > RING_MAX || ring_block_size(h->size) > len ||
	    h->end > UINT64_MAX / 2)
		return -EINVAL;
	r->head = block;
	r->data = (unsigned char *)block + sizeof *h;
	r->size = h->size;
	ring_commit(r, count_read(r));
	return 0;
}

void
ring_append(struct ring *r, const void *data, size_t len)
{
	const unsigned char *p = data;
	struct iovec iov[2];

	while (len != 0) {
		size_t n = len < RING_SLACK ? len : RING_SLACK;
		pieces(r, r->head->end, n, iov);
		memcpy(iov[0].iov_base, p, iov[0].iov_len);
		memcpy(iov[1].iov_base, p + iov[0].iov_len, iov[1].iov_len);
		ring_commit(r, n);
		p += n;
		len -= n;
	}
}

int64_t
ring_peek(const struct ring *r, uint64_t offset, size_t max, struct iovec iov[2])
{
	uint64_t n;

	if (offset < ring_start(r) || offset > ring_end(r))
		return -ERANGE;
	n = ring_end(r) - offset;
	if (n > max)
		n = max;
	pieces(r, offset, n, iov);
	return (int64_t)n;
}

int64_t
ring_read(const struct ring *r, uint64_t offset, void *out, size_t max)
{
	struct iovec iov[2];
	int64_t n = ring_peek(r, offset, max, iov);

	if (n <= 0)
		return n;
	memcpy(out, iov[0].iov_base, iov[0].iov_len);
	memcpy((char *)out + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
	return n;
}
