#include "config.h"

#include "cli/queries.h"

#include <string.h>

#include "base/utf8.h"

enum { CSI_MAX = 256, ENQ = 0x05, BEL = 0x07, CAN = 0x18, SUB = 0x1A, ESC = 0x1B };

enum {
	GROUND,
	ESCAPE,
	ESCAPE_MORE, /* behind an intermediate byte */
	CSI,
	OSC,
	DCS,
	SIXEL,    /* goes on as it comes */
	SWALLOW,  /* a string, until ST */
	SWALLOWS, /* or until BEL */
};

static void take(struct queries *q, uint32_t cp, const char *s, size_t n, struct buf *out);

void
queries_init(struct queries *q)
{
	*q = (struct queries){.state = GROUND};
	buf_init(&q->seq, QUERIES_STRING_MAX);
}

void
queries_release(struct queries *q)
{
	buf_release(&q->seq);
}

static void
begin(struct queries *q, uint8_t state)
{
	q->state = state;
	q->over = false;
	buf_reset(&q->seq);
}

static void
keep(struct queries *q, const char *s, size_t n, size_t max)
{
	if (q->seq.len + n > max || buf_append(&q->seq, s, n) != 0)
		q->over = true;
}

/* Control sequences */

enum { ANY = 0x7F };

/* prefix 0: any; '.': none. inter 0: none; ANY: any, which means nothing but to a terminal that passes
 * over what it does not know. */
static const struct {
	char final, prefix, inter;
} asking[] = {{'c', 0, ANY}, {'n', '.', ANY}, {'n', '?', ANY}, {'n', '<', ANY}, {'n', '=', ANY},
    {'p', 0, '$'}, {'x', 0, 0}, {'x', 0, '&'}, {'u', '?', 0}, {'u', 0, '$'}, {'u', 0, '&'},
    {'u', 0, ','}, {'y', 0, 0}, {'y', 0, '*'}, {'w', 0, '$'}, {'w', 0, '\''}, {'|', 0, '\''},
    {'|', 0, '#'}, {'R', 0, '#'}, {'S', '?', 0}, {'S', 0, '#'}, {'q', '>', 0}, {'m', '?', 0},
    {'g', '?', 0}, {'g', '>', 0}, {'v', 0, '"'}, {'z', 0, '*'}, {'i', 0, 0}};

/* Modes: those that change what bytes mean, and one that reports as soon as it is on. */
static const struct {
	const char *number;
	char final;
} modes[] = {{"2", 'l'}, {"38", 'h'}, {"2048", 'h'}};

/* The parts of what stands between CSI and the final byte. */
struct body {
	char prefix, inter;
	const char *p; /* parameters */
	size_t n;
};

static bool
read_body(const char *s, size_t len, struct body *b)
{
	*b = (struct body){.prefix = '.'};
	if (len != 0 && *s >= '<' && *s <= '?') {
		b->prefix = *s++;
		len--;
	}
	b->p = s;
	while (b->n < len && s[b->n] >= '0' && s[b->n] <= ';')
		b->n++;
	if (len - b->n > 1)
		return false;
	b->inter = len > b->n ? s[b->n] : '\0';
	return b->inter < 0x30;
}

static bool
has_parameter(const struct body *b, const char *number)
{
	size_t at = 0, n;

	for (; at <= b->n; at += n + 1) {
		const char *p = b->p + at;

		n = 0;
		while (at + n < b->n && p[n] != ';')
			n++;
		while (n > 1 && *p == '0') { /* a number may have zeros before it */
			p++;
			at++;
			n--;
		}
		if (n == strlen(number) && memcmp(p, number, n) == 0)
			return true;
	}
	return false;
}

/* Of what is done to a window only the stack of titles is silent, and stays within it. */
static bool
is_title_stack(const struct body *b)
{
	return b->prefix == '.' && b->n >= 2 && b->p[0] == '2' &&
	       (b->p[1] == '2' || b->p[1] == '3') && (b->n == 2 || b->p[2] == ';');
}

static bool
is_silent(const char *s, size_t len, char final)
{
	struct body b;

	if (!read_body(s, len, &b))
		return false;
	for (size_t i = 0; i < sizeof asking / sizeof *asking; i++)
		if (asking[i].final == final &&
		    (asking[i].inter == ANY || asking[i].inter == b.inter) &&
		    (asking[i].prefix == 0 || asking[i].prefix == b.prefix))
			return false;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (modes[i].final == final && b.prefix == '?' &&
		    has_parameter(&b, modes[i].number))
			return false;
	if (final == 't' && b.inter == '\0')
		return is_title_stack(&b);
	/* xterm stops until it is told which text to mark (five parameters). */
	return final != 'T' || b.n == 0 || memchr(b.p, ';', b.n) == NULL;
}

static void
end_csi(struct queries *q, char final, struct buf *out)
{
	const char *body = q->seq.data != NULL ? q->seq.data : "";

	if (!q->over && is_silent(body, q->seq.len, final)) {
		buf_append(out, "\033[", 2);
		buf_append(out, body, q->seq.len);
		buf_putc(out, final);
	}
	begin(q, GROUND);
}

/* Strings */

static bool
is_base64(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z') ||
			(s[i] >= '0' && s[i] <= '9') || s[i] == '+' || s[i] == '/' ||
			s[i] == '='))
			return false;
	return true;
}

static bool
begins(const char *s, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(s, with, strlen(with)) == 0;
}

/* Behind "9;": a notification or the progress; other numbers are commands to some terminals. */
static bool
is_notice(const char *s, size_t len)
{
	return len != 0 && (*s < '0' || *s > '9' || begins(s, len, "4;"));
}

static bool
is_silent_osc(const char *s, size_t len)
{
	const char *semi = memchr(s, ';', len), *rest;
	size_t n = semi != NULL ? (size_t)(semi - s) : len, left;
	unsigned number = 0;

	if (n == 0 || n > 4)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		number = 10 * number + (unsigned)(s[i] - '0');
	}
	rest = semi != NULL ? semi + 1 : s + len;
	left = (size_t)(s + len - rest);
	switch (number) {
	case 0:
	case 1:
	case 2:
	case 7:
	case 8:
	case 104:
	case 105:
	case 133:
		return true;
	case 9:
		return is_notice(rest, left);
	case 52:
		semi = memchr(rest, ';', left);
		return semi != NULL && is_base64(semi + 1, (size_t)(s + len - semi - 1));
	case 777:
		return begins(rest, left, "notify;");
	default:
		return (number == 4 || number == 5 || (number >= 10 && number <= 19) ||
			   number == 22 || (number >= 110 && number <= 119)) &&
		       memchr(rest, '?', left) == NULL;
	}
}

/* By BEL or ST: some terminals answer, and some programs look, for the same. */
static void
end_osc(struct queries *q, bool bel, struct buf *out)
{
	if (!q->over && q->seq.len != 0 && is_silent_osc(q->seq.data, q->seq.len)) {
		buf_append(out, "\033]", 2);
		buf_append(out, q->seq.data, q->seq.len);
		buf_puts(out, bel ? "\a" : "\033\\");
	}
	begin(q, GROUND);
}

/* Only what has no intermediate byte and no prefix: sixel. */
static void
in_dcs(struct queries *q, uint32_t cp, const char *s, size_t n, struct buf *out)
{
	if ((cp >= '0' && cp <= '9') || cp == ';') {
		keep(q, s, n, CSI_MAX);
	} else if (cp >= 0x20 && cp != 0x7F) {
		bool sixel = cp == 'q' && !q->over;

		if (sixel) {
			buf_append(out, "\033P", 2);
			buf_append(out, q->seq.data, q->seq.len);
			buf_putc(out, 'q');
		}
		begin(q, sixel ? SIXEL : SWALLOW);
	}
}

/* What ends whatever was begun, as ST and any ESC do. */
static void
end_string(struct queries *q, struct buf *out)
{
	if (q->state == OSC)
		end_osc(q, false, out);
	else if (q->state == SIXEL)
		buf_append(out, "\033\\", 2);
	begin(q, GROUND);
}

/* Escape sequences */

static void
in_escape(struct queries *q, uint32_t cp, const char *s, size_t n, struct buf *out)
{
	static const struct {
		char c;
		uint8_t state;
	} strings[] = {{'[', CSI}, {']', OSC}, {'P', DCS}, {'X', SWALLOW}, {'^', SWALLOW},
	    {'_', SWALLOWS}, {'k', SWALLOWS}};

	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		if (cp == (unsigned char)strings[i].c) {
			begin(q, strings[i].state);
			return;
		}
	if (cp < 0x20) {
		if (cp != ENQ)
			buf_append(out, s, n);
	} else if (cp < 0x30) {
		keep(q, s, n, 3);
		q->state = ESCAPE_MORE;
	} else if (cp < 0x7F) {
		bool silent = !q->over && cp != 'Z' && cp != '\\' &&
			      (q->seq.len == 0 || strchr("% ", q->seq.data[0]) == NULL);

		if (silent) {
			buf_putc(out, '\033');
			buf_append(out, q->seq.data, q->seq.len);
			buf_append(out, s, n);
		}
		begin(q, GROUND);
	} else if (cp > 0x7F) {
		begin(q, GROUND);
		buf_append(out, s, n);
	}
}

static void
in_escape_more(struct queries *q, uint32_t cp, const char *s, size_t n, struct buf *out)
{
	/* What begins a string behind ESC is the end of it here: ESC ( P. */
	if (cp < 0x30 || cp > 0x7E) {
		in_escape(q, cp, s, n, out);
		return;
	}
	if (!q->over && strchr("% ", q->seq.data[0]) == NULL) {
		buf_putc(out, '\033');
		buf_append(out, q->seq.data, q->seq.len);
		buf_append(out, s, n);
	}
	begin(q, GROUND);
}

static void
in_csi(struct queries *q, uint32_t cp, const char *s, size_t n, struct buf *out)
{
	if (cp < 0x20) {
		if (cp != ENQ)
			buf_append(out, s, n); /* acts at once */
	} else if (cp < 0x40) {
		keep(q, s, n, CSI_MAX);
	} else if (cp < 0x7F) {
		end_csi(q, (char)cp, out);
	} else if (cp > 0x7F) {
		begin(q, GROUND);
		buf_append(out, s, n);
	}
}

static void
in_state(struct queries *q, uint32_t cp, const char *s, size_t n, struct buf *out)
{
	switch (q->state) {
	case ESCAPE:
		in_escape(q, cp, s, n, out);
		break;
	case ESCAPE_MORE:
		in_escape_more(q, cp, s, n, out);
		break;
	case CSI:
		in_csi(q, cp, s, n, out);
		break;
	case OSC:
		if (cp == BEL)
			end_osc(q, true, out);
		else if (cp >= 0x20 && cp != 0x7F)
			keep(q, s, n, QUERIES_STRING_MAX);
		break;
	case DCS:
		in_dcs(q, cp, s, n, out);
		break;
	case SIXEL:
		if ((cp >= 0x20 && cp < 0x7F) || cp == '\r' || cp == '\n')
			buf_append(out, s, n);
		break;
	case SWALLOWS:
		if (cp == BEL)
			begin(q, GROUND);
		break;
	case SWALLOW:
		break;
	default:
		if (cp != ENQ)
			buf_append(out, s, n);
	}
}

/* One character, whose bytes are s. */
static void
take(struct queries *q, uint32_t cp, const char *s, size_t n, struct buf *out)
{
	if (cp == ESC) {
		end_string(q, out);
		q->state = ESCAPE;
	} else if (cp == CAN || cp == SUB) {
		/* A string has come to nothing; one that is shown already has to be told. */
		if (q->state == SIXEL || q->state == GROUND)
			buf_append(out, s, n);
		begin(q, GROUND);
	} else if (cp >= 0x80 && cp < 0xA0) {
		char letter = (char)(cp - 0x40);

		end_string(q, out);
		q->state = ESCAPE;
		in_escape(q, (unsigned char)letter, &letter, 1, out);
	} else {
		in_state(q, cp, s, n, out);
	}
}

static void
take_byte(struct queries *q, char c, struct buf *out)
{
	char part[sizeof q->part];
	size_t n, len;
	uint32_t cp;

	if (q->npart == 0 && (unsigned char)c < 0x80) {
		take(q, (unsigned char)c, &c, 1, out);
		return;
	}
	q->part[q->npart++] = c;
	if ((n = utf8_decode(q->part, q->npart, &cp)) == 0)
		return;
	len = q->npart;
	memcpy(part, q->part, len);
	q->npart = 0;
	if (cp == UTF8_REPLACEMENT)
		take(q, cp, "\xEF\xBF\xBD", 3, out);
	else
		take(q, cp, part, n, out);
	/* An ill-formed part ends before the byte that shows it. */
	for (; n < len; n++)
		take_byte(q, part[n], out);
}

void
queries_remove(struct queries *q, const char *data, size_t len, struct buf *out)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = 0;
		while (q->state == GROUND && q->npart == 0 && i + n < len &&
		       data[i + n] >= 0x20 && data[i + n] < 0x7F)
			n++;
		if (n != 0) {
			buf_append(out, data + i, n);
		} else {
			take_byte(q, data[i], out);
			n = 1;
		}
	}
}

void
queries_reset(struct queries *q, struct buf *out)
{
	if (q->state == SIXEL)
		buf_putc(out, CAN);
	q->npart = 0;
	begin(q, GROUND);
}
