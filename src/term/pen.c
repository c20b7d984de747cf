#include "config.h"

#include <string.h>

#include "term/sgr.h"
#include "term/state.h"

void
pen_reset(struct term *t)
{
	uint16_t link = t->link;

	memset(&t->pen.style, 0, sizeof t->pen.style);
	t->pen.style.link = link;
	t->pen.stale = true;
}

void
pen_refresh(struct term *t)
{
	struct style fill = {.bg = t->pen.style.bg};

	t->pen.id = style_add(t->styles, &t->pen.style);
	t->pen.fill = fill.bg != COLOUR_DEFAULT ? style_add(t->styles, &fill) : 0;
	t->pen.stale = false;
	t->pen.exact = style_equal(style_get(t->styles, t->pen.id), &t->pen.style);
}

void
pen_sgr(struct term *t, const struct csi *c)
{
	sgr_apply(&t->pen.style, c);
	t->pen.stale = true;
}

static struct sgr_memo *
memo_of(struct term *t, uint64_t body)
{
	uint64_t h = (body ^ (uint64_t)t->pen.id << 48) * 0x9E3779B97F4A7C15u;

	return &t->memos[h >> 57];
}

/* Parses the body that is `body` and keeps what comes of it. */
static void
memorize(struct term *t, uint64_t body)
{
	struct sgr_memo m = {.body = body, .from = t->pen.id, .set = true};
	char text[PARSER_KEY_MAX];
	struct csi c;
	unsigned n = 0;

	for (int shift = 56; shift >= 0; shift -= 8)
		if (body >> shift & 0xFF)
			text[n++] = (char)(body >> shift);
	if (!parser_body(text, n, 'm', &c) || (c.prefix | c.inter) != 0)
		return;
	pen_sgr(t, &c);
	pen_refresh(t);
	if (!t->pen.exact)
		return;
	m.style = t->pen.style;
	m.id = t->pen.id;
	m.fill = t->pen.fill;
	t->pen.id = m.from;
	*memo_of(t, body) = m;
	t->pen.id = m.id;
}

bool
pen_sgr_again(void *arg, uint64_t body)
{
	struct term *t = arg;
	struct sgr_memo *m;

	t->repeatable = false;
	if (t->pen.stale || !t->pen.exact) {
		/* A style that nothing was written in does not have to be known. */
		if (body != 0 && body != '0')
			return false;
		pen_reset(t);
		pen_refresh(t);
		return true;
	}
	m = memo_of(t, body);
	if (!m->set || m->body != body || m->from != t->pen.id) {
		memorize(t, body);
		return true;
	}
	t->pen.style = m->style;
	t->pen.id = m->id;
	t->pen.fill = m->fill;
	return true;
}
