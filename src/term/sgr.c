#include "config.h"

#include "term/sgr.h"

/* Fields of an extended colour (SGR 38, 48, 58) that begins at parameter i: colon form, all its
 * sub-parameters; else those that the kind asks for. Returns how many parameters it takes. */
static unsigned
extended_colour(const struct csi *c, unsigned i, uint32_t *colour)
{
	unsigned n = 1, kind, at;
	bool colon = i + 1 < c->n && (c->sub >> (i + 1) & 1);

	while (colon && i + n < c->n && (c->sub >> (i + n) & 1))
		n++;
	if (i + 1 >= c->n)
		return 1;
	kind = c->p[i + 1];
	if (!colon)
		n = kind == 2 ? 5 : kind == 5 ? 3 : 2;
	if (i + n > c->n)
		return c->n - i;
	/* 38:2::R:G:B has a colour space before the components, 38:2:R:G:B has not. */
	at = i + (colon && n >= 6 ? 3 : 2);
	if (kind == 5 && n >= 3 && c->p[i + 2] <= 255)
		*colour = COLOUR_PALETTE | c->p[i + 2];
	else if (kind == 2 && n >= 5 && c->p[at] <= 255 && c->p[at + 1] <= 255 &&
		 c->p[at + 2] <= 255)
		*colour = COLOUR_RGB | (uint32_t)c->p[at] << 16 | (uint32_t)c->p[at + 1] << 8 |
			  c->p[at + 2];
	return n;
}

static void
set_underline(struct style *s, unsigned kind)
{
	if (kind > UNDERLINE_DASHED)
		kind = UNDERLINE_SINGLE;
	s->attrs =
	    (uint16_t)((s->attrs & ~STYLE_UNDERLINE_MASK) | kind << STYLE_UNDERLINE_SHIFT);
}

/* SGR 1..9 and 21..29, 53, 55: bits to clear, then bits to set. */
static const struct {
	uint16_t clear, set;
} attributes[56] = {
    [1] = {0, STYLE_BOLD},
    [2] = {0, STYLE_DIM},
    [3] = {0, STYLE_ITALIC},
    [5] = {0, STYLE_BLINK},
    [6] = {0, STYLE_BLINK},
    [7] = {0, STYLE_INVERSE},
    [8] = {0, STYLE_HIDDEN},
    [9] = {0, STYLE_STRIKE},
    [21] = {STYLE_UNDERLINE_MASK, UNDERLINE_DOUBLE << STYLE_UNDERLINE_SHIFT},
    [22] = {STYLE_BOLD | STYLE_DIM, 0},
    [23] = {STYLE_ITALIC, 0},
    [24] = {STYLE_UNDERLINE_MASK, 0},
    [25] = {STYLE_BLINK, 0},
    [27] = {STYLE_INVERSE, 0},
    [28] = {STYLE_HIDDEN, 0},
    [29] = {STYLE_STRIKE, 0},
    [53] = {0, STYLE_OVERLINE},
    [55] = {STYLE_OVERLINE, 0},
};

static void
set_basic(struct style *s, unsigned v)
{
	if (v >= 30 && v <= 37)
		s->fg = COLOUR_PALETTE | (v - 30);
	else if (v >= 40 && v <= 47)
		s->bg = COLOUR_PALETTE | (v - 40);
	else if (v >= 90 && v <= 97)
		s->fg = COLOUR_PALETTE | (v - 90 + 8);
	else if (v >= 100 && v <= 107)
		s->bg = COLOUR_PALETTE | (v - 100 + 8);
	else if (v == 39)
		s->fg = COLOUR_DEFAULT;
	else if (v == 49)
		s->bg = COLOUR_DEFAULT;
	else if (v == 59)
		s->ul = COLOUR_DEFAULT;
	else if (v < sizeof attributes / sizeof *attributes)
		s->attrs = (uint16_t)((s->attrs & ~attributes[v].clear) | attributes[v].set);
}

/* Parameter i; returns how many it takes together with what belongs to it. */
static unsigned
sgr_param(struct style *s, const struct csi *c, unsigned i)
{
	unsigned v = c->p[i], n = 1;

	if (v == 38 || v == 48 || v == 58)
		return extended_colour(c, i, v == 38 ? &s->fg : v == 48 ? &s->bg : &s->ul);
	while (i + n < c->n && (c->sub >> (i + n) & 1))
		n++;
	if (v == 0)
		*s = (struct style){.link = s->link};
	else if (v == 4)
		set_underline(s, n > 1 ? c->p[i + 1] : UNDERLINE_SINGLE);
	else
		set_basic(s, v);
	return n;
}

void
sgr_apply(struct style *s, const struct csi *c)
{
	for (unsigned i = 0; i < c->n;)
		i += sgr_param(s, c, i);
}
