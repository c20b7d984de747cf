/* Records: a slab and its styles, as one frame of zstd. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/xmalloc.h"
#include "store/archive_file.h"
#include "store/archive_filter.h"
#include "store/archive_sum.h"

enum { LEVEL = 3 };

struct codec {
	ZSTD_CCtx *cctx; /* made when first needed */
	ZSTD_DCtx *dctx;
	struct buf raw;  /* what is, or was, in the frame */
	struct buf data; /* a record as read */
	unsigned char filter[ARCHIVE_FILTER_MAX];
};

static const size_t raw_max = SLAB_SIZE + STYLE_MAX * sizeof(struct style);

struct codec *
codec_new(void)
{
	struct codec *c = xcalloc(1, sizeof *c);

	buf_init(&c->raw, raw_max + 1);
	buf_init(&c->data, RECORD_MAX + 1);
	return c;
}

void
codec_free(struct codec *c)
{
	if (c == NULL)
		return;
	ZSTD_freeCCtx(c->cctx);
	ZSTD_freeDCtx(c->dctx);
	buf_release(&c->raw);
	buf_release(&c->data);
	free(c);
}

static uint32_t
front_size(const struct slab_header *slab)
{
	return (uint32_t)(slab_text(slab) - (const char *)slab) + slab_extent(slab)->text;
}

static void
sum_head(struct record_head *h, const char *data)
{
	h->data_sum = archive_sum(data, h->size - sizeof *h);
	h->sum = record_head_sum(h);
}

static int
compress(struct codec *c, struct buf *b)
{
	size_t room = ZSTD_compressBound(c->raw.len), n;
	char *to = buf_reserve(b, room);

	if (to == NULL)
		return -ENOBUFS;
	if (c->cctx == NULL && (c->cctx = ZSTD_createCCtx()) == NULL)
		return -ENOMEM;
	n = ZSTD_compressCCtx(c->cctx, to, room, c->raw.data, c->raw.len, LEVEL);
	if (ZSTD_isError(n))
		return -EIO;
	buf_commit(b, n);
	return 0;
}

int
codec_put(struct codec *c, const struct record_head *as, const struct slab_header *slab,
    const struct style *styles, unsigned nstyles, struct buf *b)
{
	const struct slab_extent *e = slab_extent(slab);
	struct record_head h = *as;
	struct slab_cursor cursor;
	struct slab_line line;
	size_t at = b->len;
	int rc;

	h.magic = RECORD_MAGIC;
	h.kind = RECORD_LINES;
	h.front = front_size(slab);
	h.meta = e->meta;
	h.nstyles = nstyles;
	h.text = e->text;
	h.first = slab->first;
	h.lines = e->lines;
	slab_seek(&cursor, slab, e, 0);
	h.first_ms = slab_next(&cursor, &line) ? line.time_ms : slab->time_ms;
	h.last_ms = e->time_ms;
	h.filter = (uint32_t)archive_filter_make(c->filter, slab_text(slab), e->text);

	buf_reset(&c->raw);
	buf_append(&c->raw, slab, h.front);
	buf_append(&c->raw, (const char *)slab + SLAB_SIZE - e->meta, e->meta);
	buf_append(&c->raw, styles, nstyles * sizeof *styles);
	buf_append(b, &h, sizeof h);
	buf_append(b, c->filter, h.filter);
	if ((rc = compress(c, b)) != 0) {
		b->len = at;
		return rc;
	}
	h.size = (uint32_t)(b->len - at);
	sum_head(&h, b->data + at + sizeof h);
	memcpy(b->data + at, &h, sizeof h);
	return 0;
}

void
codec_put_gap(const struct record_head *as, uint64_t first, uint64_t lines, int64_t time_ms,
    struct buf *b)
{
	struct record_head h = *as;

	h.magic = RECORD_MAGIC;
	h.kind = RECORD_GAP;
	h.size = sizeof h;
	h.first = first;
	h.lines = lines;
	h.first_ms = h.last_ms = time_ms;
	sum_head(&h, NULL);
	buf_append(b, &h, sizeof h);
}

/* Reads a whole record into data. */
static int
load(struct codec *c, int fd, uint64_t at, uint32_t size, struct record_head *h)
{
	char *p;
	int rc;

	if (size < sizeof *h || size > RECORD_MAX)
		return -EBADMSG;
	buf_reset(&c->data);
	p = buf_reserve(&c->data, size);
	if ((rc = segment_read(fd, p, size, at)) != 0)
		return rc;
	buf_commit(&c->data, size);
	memcpy(h, p, sizeof *h);
	if (h->magic != RECORD_MAGIC || h->size != size || h->sum != record_head_sum(h) ||
	    h->data_sum != archive_sum(p + sizeof *h, size - sizeof *h))
		return -EBADMSG;
	return 0;
}

int
codec_check(struct codec *c, int fd, uint64_t at, uint32_t size)
{
	struct record_head h;

	return load(c, fd, at, size, &h);
}

/* Puts the slab together from `raw`; false when its parts do not make one. */
static bool
assemble(const struct record_head *h, const char *raw, struct archive_block *block)
{
	char *slab = (char *)block->slab;

	memcpy(slab, raw, h->front);
	memset(slab + h->front, 0, SLAB_SIZE - h->front - h->meta);
	memcpy(slab + SLAB_SIZE - h->meta, raw + h->front, h->meta);
	memcpy(block->styles, raw + h->front + h->meta, h->nstyles * sizeof(struct style));
	block->nstyles = h->nstyles;
	return slab_plausible(block->slab) && front_size(block->slab) == h->front &&
	       slab_extent(block->slab)->meta == h->meta && block->slab->first == h->first &&
	       slab_extent(block->slab)->lines == h->lines;
}

int
codec_read(struct codec *c, int fd, uint64_t at, uint32_t size, struct archive_block *block)
{
	struct record_head h;
	const char *frame;
	size_t want;
	int rc;

	if ((rc = load(c, fd, at, size, &h)) != 0)
		return rc;
	if (h.kind != RECORD_LINES || h.filter > size - sizeof h || h.front > SLAB_SIZE ||
	    h.meta > SLAB_SIZE - h.front || h.front < sizeof(struct slab_header) ||
	    h.nstyles == 0 || h.nstyles > STYLE_MAX)
		return -EBADMSG;
	want = (size_t)h.front + h.meta + h.nstyles * sizeof(struct style);
	frame = c->data.data + sizeof h + h.filter;
	buf_reset(&c->raw);
	if (c->dctx == NULL && (c->dctx = ZSTD_createDCtx()) == NULL)
		return -ENOMEM;
	if (ZSTD_decompressDCtx(c->dctx, buf_reserve(&c->raw, want), want, frame,
		size - sizeof h - h.filter) != want)
		return -EBADMSG;
	if (block->slab == NULL)
		block->slab = xmalloc(SLAB_SIZE);
	block->styles = xreallocarray(block->styles, h.nstyles, sizeof *block->styles);
	return assemble(&h, c->raw.data, block) ? 0 : -EBADMSG;
}
