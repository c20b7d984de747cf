/*
 * Styles: what a cell looks like, as a 16-bit id into an append-only table.
 *
 * A pane has one table. Ids are handed out in order, 0 is the default style, and a record
 * never changes or goes away, since lines in the history name it by id. Records are of fixed
 * size and hold no pointers, and hyperlinks are interned in a second append-only list: a copy
 * of the first style_count() records and style_link_count() links, taken at any time, stays
 * valid for every id handed out until then, and style_add() and style_link_add() in the same
 * order rebuild the table.
 *
 * Interning never fails. The nearer the table is to its bound of 65,536 records, the coarser what
 * is added: first links are left out, then colours become those of the 256-colour palette, then
 * the 16 basic ones with bold, underline and inverse only, of which all combinations have room.
 * Links are bounded by number, by bytes together and by bytes each; one too many is no link.
 *
 * Owner: the terminal. One thread at a time. Pointers that style_get and style_link return are
 * invalid after the next call that adds.
 */
#ifndef TERM_STYLE_H
#define TERM_STYLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* A colour: COLOUR_DEFAULT, COLOUR_PALETTE | 0..255, or COLOUR_RGB | 0xRRGGBB. */
#define COLOUR_DEFAULT 0u
#define COLOUR_PALETTE 0x01000000u
#define COLOUR_RGB 0x02000000u
#define COLOUR_KIND 0xFF000000u

enum {
	STYLE_BOLD = 1 << 0,
	STYLE_DIM = 1 << 1,
	STYLE_ITALIC = 1 << 2,
	STYLE_BLINK = 1 << 3,
	STYLE_INVERSE = 1 << 4,
	STYLE_HIDDEN = 1 << 5,
	STYLE_STRIKE = 1 << 6,
	STYLE_OVERLINE = 1 << 7,
	STYLE_UNDERLINE_SHIFT = 8, /* three bits: 0 none, else as in SGR 4:n */
	STYLE_UNDERLINE_MASK = 7 << STYLE_UNDERLINE_SHIFT,
};

enum {
	UNDERLINE_NONE,
	UNDERLINE_SINGLE,
	UNDERLINE_DOUBLE,
	UNDERLINE_CURLY,
	UNDERLINE_DOTTED,
	UNDERLINE_DASHED
};

/* What these are called where styles are written out; of underlines by their number. */
enum { STYLE_FLAGS = 8, UNDERLINES = UNDERLINE_DASHED + 1 };
extern const struct style_flag {
	uint16_t bit;
	const char *name;
} style_flags[STYLE_FLAGS];
extern const char *const underline_names[UNDERLINES];

struct style {
	uint32_t fg, bg, ul; /* colours of text, background and underline */
	uint16_t attrs;      /* STYLE_* */
	uint16_t link;       /* 0 none, else 1..style_link_count() */
};

enum {
	STYLE_MAX = 65536,
	STYLE_LINKS_MAX = 8192,      /* links in a table */
	STYLE_LINK_MAX = 2048,       /* bytes of a link with its id */
	STYLE_LINKS_BYTES = 1 << 20, /* bytes of all links */
};

struct styles;

struct styles *styles_new(void);
void styles_free(struct styles *s);

unsigned style_count(const struct styles *s);
const struct style *style_get(const struct styles *s, unsigned id); /* id < style_count */

/* The id of a style that is equal, or as near as the table still has room for. */
uint16_t style_add(struct styles *s, const struct style *style);

bool style_equal(const struct style *a, const struct style *b);

/* Links have an optional id (OSC 8's id=), by which stretches that belong together are known. */
unsigned style_link_count(const struct styles *s);
const char *style_link(const struct styles *s, unsigned link, const char **id);

/* 1..style_link_count(), or 0 when there is no room or nothing to store. */
uint16_t style_link_add(
    struct styles *s, const char *uri, size_t urilen, const char *id, size_t idlen);

size_t styles_memory(const struct styles *s); /* bytes allocated */

/* Appends the SGR and OSC 8 sequences that lead from style `from` to style `to`; nothing when the
 * ids are equal. Negative when b is full. */
int style_write(const struct styles *s, unsigned from, unsigned to, struct buf *b);

/* The same for a style that is in no table, from any style without a link. */
int style_write_pen(const struct styles *s, const struct style *style, struct buf *b);

#endif
