#include "config.h"

#include "term/style.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/xmalloc.h"

const struct style_flag style_flags[STYLE_FLAGS] = {{STYLE_BOLD, "bold"}, {STYLE_DIM, "dim"},
    {STYLE_ITALIC, "italic"}, {STYLE_BLINK, "blink"}, {STYLE_INVERSE, "inverse"},
    {STYLE_HIDDEN, "hidden"}, {STYLE_STRIKE, "strike"}, {STYLE_OVERLINE, "overline"}};
const char *const underline_names[UNDERLINES] = {
    "none", "single", "double", "curly", "dotted", "dashed"};

/* Records from which on only coarser styles are added. The last tier has 17 * 17 colours times 8
 * attributes = 2312 members, which fit behind its start. */
enum {
	TIER_NO_LINK = 49152,
	TIER_PALETTE = 55296,
	TIER_BASIC = 62464,
	HASH_FIRST = 64,
};

struct link {
	uint32_t uri, id; /* where in the text they begin; each ends with a NUL */
};

struct styles {
	struct style *records;
	unsigned count, cap;
	uint16_t *
	    hash; /* open addressing; 0 is empty, which is right as style 0 is never looked up */
	unsigned mask;
	struct link *links;
	unsigned nlinks, linkcap;
	uint16_t *linkhash; /* link numbers, 0 empty */
	unsigned linkmask;
	struct buf text;
};

struct styles *
styles_new(void)
{
	struct styles *s = xcalloc(1, sizeof *s);

	s->cap = 16;
	s->records = xcalloc(s->cap, sizeof *s->records);
	s->count = 1;
	s->mask = HASH_FIRST - 1;
	s->hash = xcalloc(HASH_FIRST, sizeof *s->hash);
	buf_init(&s->text, STYLE_LINKS_BYTES);
	return s;
}

void
styles_free(struct styles *s)
{
	if (s == NULL)
		return;
	free(s->records);
	free(s->hash);
	free(s->links);
	free(s->linkhash);
	buf_release(&s->text);
	free(s);
}

unsigned
style_count(const struct styles *s)
{
	return s->count;
}

const struct style *
style_get(const struct styles *s, unsigned id)
{
	return &s->records[id < s->count ? id : 0];
}

size_t
styles_memory(const struct styles *s)
{
	size_t n = sizeof *s + s->cap * sizeof *s->records + (s->mask + 1) * sizeof *s->hash;

	n += s->linkcap * sizeof *s->links + s->text.cap;
	return n + (s->linkhash != NULL ? (s->linkmask + 1) * sizeof *s->linkhash : 0);
}

static uint32_t
mix(uint64_t v)
{
	v *= 0x9E3779B97F4A7C15u;
	return (uint32_t)(v >> 32);
}

static uint32_t
style_hash(const struct style *st)
{
	uint64_t lo = (uint64_t)st->fg << 32 | st->bg;
	uint64_t hi = (uint64_t)st->ul << 32 | (uint32_t)st->attrs << 16 | st->link;

	return mix(lo ^ mix(hi) * 0xD6E8FEB86659FD93u);
}

bool
style_equal(const struct style *a, const struct style *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static void
rehash(struct styles *s)
{
	unsigned slots = (s->mask + 1) * 2;

	free(s->hash);
	s->hash = xcalloc(slots, sizeof *s->hash);
	s->mask = slots - 1;
	for (unsigned id = 1; id < s->count; id++) {
		unsigned i = style_hash(&s->records[id]) & s->mask;

		while (s->hash[i] != 0)
			i = (i + 1) & s->mask;
		s->hash[i] = (uint16_t)id;
	}
}

/* Finds the style, or adds it while there are fewer than `limit` records. */
static bool
find_or_add(struct styles *s, const struct style *style, unsigned limit, uint16_t *id)
{
	unsigned i = style_hash(style) & s->mask;

	for (; s->hash[i] != 0; i = (i + 1) & s->mask) {
		if (style_equal(&s->records[s->hash[i]], style)) {
			*id = s->hash[i];
			return true;
		}
	}
	if (s->count >= limit)
		return false;
	if (s->count == s->cap) {
		s->cap *= 2;
		s->records = xreallocarray(s->records, s->cap, sizeof *s->records);
	}
	*id = (uint16_t)s->count;
	s->hash[i] = *id;
	s->records[s->count++] = *style;
	if (s->count > (s->mask + 1) / 2)
		rehash(s);
	return true;
}

static unsigned
cube_level(unsigned v)
{
	return v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
}

static uint32_t
to_palette(uint32_t c)
{
	if ((c & COLOUR_KIND) != COLOUR_RGB)
		return c;
	unsigned r = cube_level(c >> 16 & 0xFF), g = cube_level(c >> 8 & 0xFF),
		 b = cube_level(c & 0xFF);

	return COLOUR_PALETTE | (16 + 36 * r + 6 * g + b);
}

/* The basic colour of a palette colour: which of the channels are on, and how brightly. */
static uint32_t
to_basic(uint32_t c)
{
	unsigned i, r, g, b;

	c = to_palette(c);
	i = c & 0xFF;
	if ((c & COLOUR_KIND) != COLOUR_PALETTE || i < 16)
		return c;
	if (i >= 232)
		return COLOUR_PALETTE | (i < 238 ? 0 : i < 244 ? 8 : i < 250 ? 7 : 15);
	r = (i - 16) / 36;
	g = (i - 16) / 6 % 6;
	b = (i - 16) % 6;
	return COLOUR_PALETTE | (unsigned)(r > 1) | (unsigned)(g > 1) << 1 |
	       (unsigned)(b > 1) << 2 | (unsigned)(r > 3 || g > 3 || b > 3) << 3;
}

static uint16_t
basic_attrs(uint16_t attrs)
{
	uint16_t keep = attrs & (STYLE_BOLD | STYLE_INVERSE);

	if (attrs & STYLE_UNDERLINE_MASK)
		keep |= UNDERLINE_SINGLE << STYLE_UNDERLINE_SHIFT;
	return keep;
}

uint16_t
style_add(struct styles *s, const struct style *style)
{
	static const struct style none;
	struct style st = *style;
	uint16_t id = 0;

	if (style_equal(&st, &none) || find_or_add(s, &st, TIER_NO_LINK, &id))
		return id;
	st.link = 0;
	if (style_equal(&st, &none) || find_or_add(s, &st, TIER_PALETTE, &id))
		return id;
	st.fg = to_palette(st.fg);
	st.bg = to_palette(st.bg);
	st.ul = COLOUR_DEFAULT;
	if (find_or_add(s, &st, TIER_BASIC, &id))
		return id;
	st.fg = to_basic(st.fg);
	st.bg = to_basic(st.bg);
	st.attrs = basic_attrs(st.attrs);
	if (!style_equal(&st, &none))
		find_or_add(s, &st, STYLE_MAX, &id);
	return id;
}

unsigned
style_link_count(const struct styles *s)
{
	return s->nlinks;
}

const char *
style_link(const struct styles *s, unsigned link, const char **id)
{
	const struct link *l;

	if (id != NULL)
		*id = "";
	if (link == 0 || link > s->nlinks)
		return "";
	l = &s->links[link - 1];
	if (id != NULL)
		*id = s->text.data + l->id;
	return s->text.data + l->uri;
}

static uint32_t
link_hash(const char *uri, size_t urilen, const char *id, size_t idlen)
{
	uint64_t h = 0xCBF29CE484222325u;

	for (size_t i = 0; i < urilen; i++)
		h = (h ^ (unsigned char)uri[i]) * 0x100000001B3u;
	h *= 0x100000001B3u;
	for (size_t i = 0; i < idlen; i++)
		h = (h ^ (unsigned char)id[i]) * 0x100000001B3u;
	return mix(h);
}

static void
link_rehash(struct styles *s)
{
	unsigned slots = s->linkhash == NULL ? HASH_FIRST : (s->linkmask + 1) * 2;

	free(s->linkhash);
	s->linkhash = xcalloc(slots, sizeof *s->linkhash);
	s->linkmask = slots - 1;
	for (unsigned n = 1; n <= s->nlinks; n++) {
		const char *id, *uri = style_link(s, n, &id);
		unsigned i = link_hash(uri, strlen(uri), id, strlen(id)) & s->linkmask;

		while (s->linkhash[i] != 0)
			i = (i + 1) & s->linkmask;
		s->linkhash[i] = (uint16_t)n;
	}
}

static bool
link_is(const struct styles *s, unsigned n, const char *uri, size_t urilen, const char *id,
    size_t idlen)
{
	const char *i, *u = style_link(s, n, &i);

	return strlen(u) == urilen && memcmp(u, uri, urilen) == 0 && strlen(i) == idlen &&
	       memcmp(i, id, idlen) == 0;
}

static uint16_t
link_append(struct styles *s, const char *uri, size_t urilen, const char *id, size_t idlen)
{
	size_t at = s->text.len;
	char *p;

	if (s->nlinks == STYLE_LINKS_MAX ||
	    (p = buf_reserve(&s->text, urilen + idlen + 2)) == NULL)
		return 0;
	memcpy(p, uri, urilen);
	p[urilen] = '\0';
	if (idlen != 0)
		memcpy(p + urilen + 1, id, idlen);
	p[urilen + 1 + idlen] = '\0';
	buf_commit(&s->text, urilen + idlen + 2);
	if (s->nlinks == s->linkcap) {
		s->linkcap = s->linkcap != 0 ? s->linkcap * 2 : 16;
		s->links = xreallocarray(s->links, s->linkcap, sizeof *s->links);
	}
	s->links[s->nlinks++] = (struct link){(uint32_t)at, (uint32_t)(at + urilen + 1)};
	return (uint16_t)s->nlinks;
}

uint16_t
style_link_add(struct styles *s, const char *uri, size_t urilen, const char *id, size_t idlen)
{
	unsigned i;

	if (urilen == 0 || urilen + idlen > STYLE_LINK_MAX ||
	    memchr(uri, '\0', urilen) != NULL ||
	    (idlen != 0 && memchr(id, '\0', idlen) != NULL))
		return 0;
	if (s->linkhash == NULL || s->nlinks > s->linkmask / 2)
		link_rehash(s);
	i = link_hash(uri, urilen, id, idlen) & s->linkmask;
	for (; s->linkhash[i] != 0; i = (i + 1) & s->linkmask) {
		if (link_is(s, s->linkhash[i], uri, urilen, id, idlen))
			return s->linkhash[i];
	}
	s->linkhash[i] = link_append(s, uri, urilen, id, idlen);
	return s->linkhash[i];
}

static void
write_colour(struct buf *b, uint32_t c, unsigned base)
{
	unsigned v = c & 0xFF;

	if ((c & COLOUR_KIND) == COLOUR_RGB)
		buf_printf(b, ";%u;2;%u;%u;%u", base + 8, c >> 16 & 0xFF, c >> 8 & 0xFF, v);
	else if ((c & COLOUR_KIND) == COLOUR_PALETTE && v >= 16)
		buf_printf(b, ";%u;5;%u", base + 8, v);
	else if ((c & COLOUR_KIND) == COLOUR_PALETTE)
		buf_printf(b, ";%u", v < 8 ? base + v : base + 60 + v - 8);
}

/* The underline colour in its colon form: the only one that all terminals that know it take, and
 * the others skip as one parameter. */
static void
write_underline_colour(struct buf *b, uint32_t c)
{
	if ((c & COLOUR_KIND) == COLOUR_RGB)
		buf_printf(b, ";58:2::%u:%u:%u", c >> 16 & 0xFF, c >> 8 & 0xFF, c & 0xFF);
	else if ((c & COLOUR_KIND) == COLOUR_PALETTE)
		buf_printf(b, ";58:5:%u", c & 0xFF);
}

static void
write_attrs(struct buf *b, uint16_t attrs)
{
	static const struct {
		uint16_t bit;
		char sgr[4];
	} table[] = {
	    {STYLE_BOLD, ";1"},
	    {STYLE_DIM, ";2"},
	    {STYLE_ITALIC, ";3"},
	    {STYLE_BLINK, ";5"},
	    {STYLE_INVERSE, ";7"},
	    {STYLE_HIDDEN, ";8"},
	    {STYLE_STRIKE, ";9"},
	    {STYLE_OVERLINE, ";53"},
	};
	unsigned ul = (attrs & STYLE_UNDERLINE_MASK) >> STYLE_UNDERLINE_SHIFT;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (attrs & table[i].bit)
			buf_puts(b, table[i].sgr);
	if (ul == UNDERLINE_SINGLE)
		buf_puts(b, ";4");
	else if (ul != UNDERLINE_NONE)
		buf_printf(b, ";4:%u", ul);
}

static void
write_sgr(struct buf *b, const struct style *st)
{
	buf_puts(b, "\033[0");
	write_attrs(b, st->attrs);
	write_colour(b, st->fg, 30);
	write_colour(b, st->bg, 40);
	write_underline_colour(b, st->ul);
	buf_putc(b, 'm');
}

static void
write_link(const struct styles *s, unsigned link, struct buf *b)
{
	const char *id, *uri = style_link(s, link, &id);

	buf_printf(b, "\033]8;%s%s;%s\033\\", *id != '\0' ? "id=" : "", id, uri);
}

static bool
has_room(const struct buf *b)
{
	return b->max - b->len >= STYLE_LINK_MAX + 128;
}

int
style_write(const struct styles *s, unsigned from, unsigned to, struct buf *b)
{
	struct style f = *style_get(s, from), t = *style_get(s, to);
	uint16_t link = t.link;
	bool other = f.link != link;

	if (!has_room(b))
		return -ENOBUFS;
	f.link = t.link = 0;
	if (!style_equal(&f, &t))
		write_sgr(b, &t);
	if (other)
		write_link(s, link, b);
	return 0;
}

int
style_write_pen(const struct styles *s, const struct style *style, struct buf *b)
{
	if (!has_room(b))
		return -ENOBUFS;
	write_sgr(b, style);
	if (style->link != 0)
		write_link(s, style->link, b);
	return 0;
}
