#include "config.h"

#include "term/parser.h"

#include <errno.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/utf8.h"

enum state {
	GROUND,
	UTF8, /* in the midst of a code point; the bytes are in seq */
	ESCAPE,
	CSI,
	STRING,
};

enum { NUL = 0, BEL = 7, CAN = 0x18, SUB = 0x1A, ESC = 0x1B, DEL = 0x7F };

void
parser_init(struct parser *p, const struct parser_ops *ops, void *arg)
{
	*p = (struct parser){.ops = ops, .arg = arg};
	buf_init(&p->string, PARSER_STRING_MAX);
}

void
parser_release(struct parser *p)
{
	buf_release(&p->string);
}

void
parser_reset(struct parser *p)
{
	p->state = GROUND;
	p->seqlen = 0;
	p->lead = 0;
	p->overflow = false;
	buf_release(&p->string);
}

static void
enter(struct parser *p, enum state state)
{
	p->state = (uint8_t)state;
	p->seqlen = 0;
	p->lead = 0;
	p->overflow = false;
}

static void
begin_string(struct parser *p, enum parser_string kind)
{
	enter(p, STRING);
	p->kind = (uint8_t)kind;
	buf_reset(&p->string);
}

static void
end_string(struct parser *p, bool good)
{
	enum parser_string kind = p->kind;
	bool whole = good && !p->overflow;

	enter(p, GROUND);
	if (whole)
		p->ops->string(
		    p->arg, kind, p->string.len != 0 ? p->string.data : "", p->string.len);
	/* A big one should not stay with a pane for ever. */
	if (p->string.cap > 4096)
		buf_release(&p->string);
}

/* A C1 control in any state: some begin a sequence, the rest act. */
static void
c1(struct parser *p, uint8_t c)
{
	if (p->state == STRING)
		end_string(p, c == 0x9C);
	enter(p, GROUND);
	switch (c) {
	case 0x90:
		begin_string(p, STRING_DCS);
		break;
	case 0x98:
		begin_string(p, STRING_SOS);
		break;
	case 0x9B:
		enter(p, CSI);
		break;
	case 0x9C:
		break;
	case 0x9D:
		begin_string(p, STRING_OSC);
		break;
	case 0x9E:
		begin_string(p, STRING_PM);
		break;
	case 0x9F:
		begin_string(p, STRING_APC);
		break;
	default:
		p->ops->control(p->arg, c);
	}
}

/* Control sequences */

static bool
is_final(unsigned char c)
{
	return c >= 0x40 && c <= 0x7E;
}

static const char *
parse_params(struct csi *c, const char *s, const char *end)
{
	bool digits = false, sub = false;
	unsigned v = 0;

	for (; s < end && *s >= '0' && *s <= ';'; s++) {
		if (*s <= '9') {
			v = v * 10 + (unsigned)(*s - '0');
			if (v > PARSER_PARAM_MAX)
				v = PARSER_PARAM_MAX;
			digits = true;
			continue;
		}
		if (c->n < PARSER_PARAMS_MAX) {
			c->absent |= (uint32_t)!digits << c->n;
			c->sub |= (uint32_t)sub << c->n;
			c->p[c->n++] = (uint16_t)v;
		}
		sub = *s == ':';
		digits = false;
		v = 0;
	}
	if (c->n < PARSER_PARAMS_MAX) {
		c->absent |= (uint32_t)!digits << c->n;
		c->sub |= (uint32_t)sub << c->n;
		c->p[c->n++] = (uint16_t)v;
	}
	return s;
}

bool
parser_body(const char *s, size_t len, char final, struct csi *c)
{
	const char *end = s + len;

	c->n = 0;
	c->sub = c->absent = 0;
	c->prefix = c->inter = 0;
	c->final = final;
	if (s < end && *s >= '<' && *s <= '?')
		c->prefix = *s++;
	s = parse_params(c, s, end);
	for (; s < end && *s >= 0x20 && *s <= 0x2F; s++)
		c->inter = c->inter != 0 ? 1 : *s;
	return s == end;
}

static void
dispatch_csi(struct parser *p, const char *s, size_t len, char final)
{
	struct csi c;

	if (parser_body(s, len, final, &c))
		p->ops->csi(p->arg, &c);
}

/* Bodies hold no NUL, so that a shorter one is another number. */
static uint64_t
key_of(const char *s, const char *end)
{
	uint64_t key = 0;

	while (s < end)
		key = key << 8 | (unsigned char)*s++;
	return key;
}

/* A whole control sequence behind ESC [ at s, without anything odd in it; returns what is behind
 * its final byte, or NULL when the state machine has to have a look. */
static const char *
csi_at_once(struct parser *p, const char *s, const char *end)
{
	const char *body = s;

	if ((size_t)(end - s) > PARSER_BODY_MAX)
		end = s + PARSER_BODY_MAX;
	while (s < end && *s >= 0x20 && *s <= 0x3F)
		s++;
	if (s == end || !is_final((unsigned char)*s))
		return NULL;
	p->at = s + 1;
	if (*s != 'm' || s - body > PARSER_KEY_MAX || !p->ops->sgr(p->arg, key_of(body, s)))
		dispatch_csi(p, body, (size_t)(s - body), *s);
	return s + 1;
}

/* ESC and what may follow it */

static void
dispatch_esc(struct parser *p, char final)
{
	char inter = p->seqlen == 0 ? 0 : p->seqlen == 1 ? p->seq[0] : 1;

	enter(p, GROUND);
	p->ops->esc(p->arg, inter, final);
}

static void
escape_byte(struct parser *p, unsigned char c)
{
	if (c >= 0x20 && c <= 0x2F) {
		if (p->seqlen < 2)
			p->seq[p->seqlen++] = (char)c;
		return;
	}
	if (p->seqlen == 0 && c >= 0x40 && c <= 0x5F)
		c1(p, (uint8_t)(c + 0x40));
	else if (p->seqlen == 0 && c == 'k')
		begin_string(p, STRING_TITLE);
	else
		dispatch_esc(p, (char)c);
}

static void
csi_byte(struct parser *p, unsigned char c)
{
	if (is_final(c)) {
		bool whole = !p->overflow;
		char body[PARSER_BODY_MAX];
		size_t len = p->seqlen;

		memcpy(body, p->seq, len);
		enter(p, GROUND);
		if (whole)
			dispatch_csi(p, body, len, (char)c);
	} else if (p->seqlen < PARSER_BODY_MAX - 1) {
		p->seq[p->seqlen++] = (char)c;
	} else {
		p->overflow = true;
	}
}

/* One byte of an escape or control sequence. False when it does not belong to it and has to be
 * looked at again in the ground state. */
static bool
sequence_byte(struct parser *p, unsigned char c)
{
	if (p->lead != 0) {
		p->lead = 0;
		if (c >= 0x80 && c <= 0x9F) {
			c1(p, c);
			return true;
		}
		/* Text ends the sequence. */
		enter(p, GROUND);
		p->ops->point(p->arg, c >= 0xA0 && c <= 0xBF ? c : UTF8_REPLACEMENT);
		return c >= 0xA0 && c <= 0xBF;
	}
	if (c == 0xC2) {
		p->lead = (char)c;
	} else if (c >= 0x80) {
		enter(p, GROUND);
		return false;
	} else if (c == ESC) {
		enter(p, ESCAPE);
	} else if (c == CAN || c == SUB) {
		enter(p, GROUND);
	} else if (c < 0x20) {
		p->ops->control(p->arg, c);
	} else if (c != DEL) {
		if (p->state == ESCAPE)
			escape_byte(p, c);
		else
			csi_byte(p, c);
	}
	return true;
}

/* Strings */

static void
string_append(struct parser *p, const char *s, size_t len)
{
	if (!p->overflow && buf_append(&p->string, s, len) != 0) {
		p->overflow = true;
		buf_release(&p->string);
	}
}

static bool
ends_by_bell(enum parser_string kind)
{
	return kind == STRING_OSC || kind == STRING_APC || kind == STRING_TITLE;
}

static void
string_control(struct parser *p, unsigned char c)
{
	if (c == ESC) {
		end_string(p, true);
		enter(p, ESCAPE);
	} else if (c == CAN || c == SUB) {
		end_string(p, false);
	} else if (c == BEL && ends_by_bell(p->kind)) {
		end_string(p, true);
	}
}

static bool
string_plain(unsigned char c)
{
	return c >= 0x20 && c != 0xC2 && c != DEL;
}

/* Takes what it can of a string and returns where it stopped. */
static const char *
string_bytes(struct parser *p, const char *s, const char *end)
{
	const char *from = s;

	if (p->lead != 0) {
		unsigned char c = (unsigned char)*s;

		p->lead = 0;
		if (c >= 0x80 && c <= 0x9F) {
			p->at = s + 1;
			c1(p, c);
			return s + 1;
		}
		/* Alone it must not stay in the string, where a snapshot's reader would wait
		 * for what follows. The byte behind may be a control, or another lead. */
		if (c >= 0xA0 && c <= 0xBF)
			string_append(p, "\xC2", 1);
		else
			string_append(p, "\xEF\xBF\xBD", 3);
		return s;
	}
	while (s < end && string_plain((unsigned char)*s))
		s++;
	if (s != from)
		string_append(p, from, (size_t)(s - from));
	if (s == end)
		return s;
	p->at = s + 1;
	if ((unsigned char)*s == 0xC2)
		p->lead = *s;
	else
		string_control(p, (unsigned char)*s);
	return s + 1;
}

/* Ground */

/* The end of the run of printable ASCII that begins at s. */
static const char *
ascii_run(const char *s, const char *end)
{
#ifdef __SSE2__
	const __m128i low = _mm_set1_epi8(0x1F), del = _mm_set1_epi8(DEL);

	for (; end - s >= 16; s += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)s);
		/* Signed: bytes from 0x80 are below 0x20, too. */
		__m128i good = _mm_andnot_si128(_mm_cmpeq_epi8(v, del), _mm_cmpgt_epi8(v, low));
		unsigned mask = (unsigned)_mm_movemask_epi8(good);

		if (mask != 0xFFFF)
			return s + __builtin_ctz(~mask);
	}
#else
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;

	for (; end - s >= 8; s += 8) {
		uint64_t v, del;

		memcpy(&v, s, 8);
		del = v ^ ones * DEL;
		if ((((v - ones * 0x20) & ~v) | v | ((del - ones) & ~del)) & high)
			break;
	}
#endif
	while (s < end && *s >= 0x20 && *s < DEL)
		s++;
	return s;
}

static void
point(struct parser *p, uint32_t cp)
{
	if (cp >= 0xA0)
		p->ops->point(p->arg, cp);
	else
		c1(p, (uint8_t)cp);
}

/* Goes on with a code point that the end of the last bytes cut off. */
static const char *
utf8_continue(struct parser *p, const char *s, const char *end)
{
	uint32_t cp;
	size_t n;

	while (s < end) {
		p->seq[p->seqlen++] = *s;
		n = utf8_decode(p->seq, p->seqlen, &cp);
		if (n == 0) {
			s++;
			continue;
		}
		/* A byte that does not fit is not part of the ill-formed one. */
		if (n == p->seqlen)
			s++;
		p->at = s;
		enter(p, GROUND);
		point(p, cp);
		return s;
	}
	return s;
}

static const char *
ground_high(struct parser *p, const char *s, const char *end)
{
	uint32_t cp;
	size_t n;

	while (s < end && (*s & 0x80)) {
		n = utf8_decode(s, (size_t)(end - s), &cp);
		if (n == 0) {
			enter(p, UTF8);
			return utf8_continue(p, s, end);
		}
		s += n;
		p->at = s;
		point(p, cp);
		if (p->state != GROUND)
			break;
	}
	return s;
}

static const char *
ground(struct parser *p, const char *s, const char *end)
{
	while (s < end) {
		const char *run = s;
		unsigned char c = (unsigned char)*s;

		if (c >= 0x20 && c < DEL) {
			s = ascii_run(s + 1, end);
			p->at = s;
			p->ops->text(p->arg, run, (size_t)(s - run));
		} else if (c == ESC) {
			const char *behind = NULL;

			if (end - s > 2 && s[1] == '[')
				behind = csi_at_once(p, s + 2, end);
			if (behind == NULL) {
				enter(p, ESCAPE);
				return s + 1;
			}
			s = behind;
		} else if (c >= 0x80) {
			s = ground_high(p, s, end);
			if (p->state != GROUND)
				return s;
		} else {
			p->at = ++s;
			if (c != DEL)
				p->ops->control(p->arg, c);
		}
	}
	return s;
}

void
parser_feed(struct parser *p, const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		switch ((enum state)p->state) {
		case GROUND:
			s = ground(p, s, end);
			break;
		case UTF8:
			s = utf8_continue(p, s, end);
			break;
		case ESCAPE:
		case CSI:
			p->at = s + 1;
			if (sequence_byte(p, (unsigned char)*s))
				s++;
			break;
		case STRING:
			s = string_bytes(p, s, end);
			break;
		}
	}
}

/* Snapshots */

static int
unfinished_string(const struct parser *p, struct buf *b)
{
	static const char introducers[] = {[STRING_OSC] = ']',
	    [STRING_DCS] = 'P',
	    [STRING_APC] = '_',
	    [STRING_PM] = '^',
	    [STRING_SOS] = 'X',
	    [STRING_TITLE] = 'k'};
	char intro[2] = {ESC, introducers[p->kind]};
	int rc = buf_append(b, intro, 2);

	/* One that is void already must stay so: a string that nobody knows. */
	if (rc == 0 && p->overflow)
		rc = buf_puts(b, p->kind == STRING_DCS ? "0!" : "99999;");
	else if (rc == 0)
		rc = buf_append(b, p->string.data, p->string.len);
	return rc;
}

int
parser_unfinished(const struct parser *p, struct buf *b)
{
	int rc = 0;

	switch ((enum state)p->state) {
	case GROUND:
		return 0;
	case UTF8:
		return buf_append(b, p->seq, p->seqlen);
	case ESCAPE:
	case CSI:
		rc = buf_puts(b, p->state == CSI ? "\033[" : "\033");
		if (rc == 0)
			rc = buf_append(b, p->seq, p->seqlen);
		/* Of a body that is too long, one byte more than fits. */
		if (rc == 0 && p->overflow)
			rc = buf_putc(b, '0');
		break;
	case STRING:
		rc = unfinished_string(p, b);
		break;
	}
	if (rc == 0 && p->lead != 0)
		rc = buf_putc(b, p->lead);
	return rc;
}
