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
	uint64_t reserved[5];
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

int
ring_open(struct ring *r, void *block, size_t len)
{
	const struct ring_header *h = block;

	if (len < sizeof *h || h->magic != RING_MAGIC)
		return -EINVAL;
	if (h->size < RING_MIN || h->size > RING_MAX || ring_block_size(h->size) > len)
		return -EINVAL;
	r->head = block;
	r->data = (unsigned char *)block + sizeof *h;
	r->size = h->size;
	return 0;
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

int
ring_space(const struct ring *r, struct iovec iov[2])
{
	return pieces(r, r->head->end, RING_SLACK, iov);
}

void
ring_commit(struct ring *r, size_t len)
{
	assert(len <= RING_SLACK);
	__atomic_store_n(&r->head->end, r->head->end + len, __ATOMIC_RELEASE);
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

uint64_t
ring_line_start(const struct ring *r, uint64_t offset)
{
	struct iovec iov[2];

	if (offset == 0 || ring_peek(r, offset, r->size, iov) < 0)
		return offset == 0 ? 0 : ring_end(r);
	for (int i = 0; i < 2; i++) {
		const char *p = iov[i].iov_base;
		const char *lf = memchr(p, '\n', iov[i].iov_len);
		if (lf != NULL)
			return offset + (uint64_t)(lf - p) + 1;
		offset += iov[i].iov_len;
	}
	return ring_end(r);
}
