/*
 * The escape parser: bytes in, text and control functions out.
 *
 * It follows the state machine of the DEC terminals (VT500) as ECMA-48 has the sequences, with
 * UTF-8 in place of the 8-bit sets:
 *
 * - In the ground state runs of printable ASCII and single code points go to `text` and `point`.
 *   An ill-formed part of UTF-8 is one U+FFFD (base/utf8.h); a sequence that is cut off by a
 *   control is ill-formed, one that is cut off by the end of the bytes is continued by the next.
 * - C0 controls inside an escape or control sequence act at once, CAN and SUB end the sequence,
 *   ESC begins a new one.
 * - C1 controls are taken from their UTF-8 form (U+0080 to U+009F). A lone byte 0x80 to 0x9F is
 *   ill-formed text.
 * - A control sequence has a body (between CSI and the final byte) of at most PARSER_BODY_MAX
 *   bytes, PARSER_PARAMS_MAX parameters counting sub-parameters, each at most PARSER_PARAM_MAX.
 *   A longer body makes the sequence void; what is behind the last parameter is left out.
 * - Strings (OSC, DCS, APC, PM, SOS, and the title string ESC k of screen) hold at most
 *   PARSER_STRING_MAX bytes; a longer one is swallowed to its end and does nothing. BEL ends OSC,
 *   ESC k and APC (Buildkite's logs end theirs so); ST, CAN, SUB and ESC end all, and only after
 *   CAN and SUB does the string do nothing. Other C0 controls in a string are left out.
 *
 * The result does not depend on how the bytes are split between calls.
 *
 * Embedded in its owner. One thread. The callbacks must not call parser_feed. `at` is, during
 * a callback, the byte behind the one that completed what is being reported (for `text`:
 * behind the run). What a callback is given is valid until it returns.
 */
#ifndef TERM_PARSER_H
#define TERM_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	PARSER_BODY_MAX = 256,
	PARSER_PARAMS_MAX = 32,
	PARSER_PARAM_MAX = 65535,
	PARSER_STRING_MAX = 64 * 1024,
};

/* A control sequence. A parameter that was not given is 0 and has its bit in `absent`; one that
 * came after a colon has its bit in `sub`. */
struct csi {
	unsigned n; /* parameters, sub-parameters included */
	uint32_t sub, absent;
	uint16_t p[PARSER_PARAMS_MAX];
	char prefix; /* one of < = > ? or 0 */
	char inter;  /* an intermediate byte or 0; 1 when there was more than one */
	char final;
};

enum parser_string { STRING_OSC, STRING_DCS, STRING_APC, STRING_PM, STRING_SOS, STRING_TITLE };

/* A body of at most PARSER_KEY_MAX bytes as one number: no two have the same. */
enum { PARSER_KEY_MAX = 8 };

struct parser_ops {
	void (*text)(void *arg, const char *s, size_t len); /* 0x20..0x7E only, len > 0 */
	void (*point)(void *arg, uint32_t cp);              /* U+00A0 and above */
	void (*control)(void *arg, uint8_t c);              /* C0 (not ESC) or C1 */
	void (*esc)(void *arg, char inter, char final);     /* inter as in struct csi */
	void (*csi)(void *arg, const struct csi *csi);
	/* A shortcut for SGR, by far the most frequent: its body as a key. False: let csi see
	 * it. */
	bool (*sgr)(void *arg, uint64_t body);
	void (*string)(void *arg, enum parser_string kind, const char *s, size_t len);
};

struct parser {
	const struct parser_ops *ops;
	void *arg;
	const char *at;
	uint8_t state;
	uint8_t kind;  /* of the string, enum parser_string */
	bool overflow; /* the string or body was too long */
	uint16_t seqlen;
	char
	    seq[PARSER_BODY_MAX]; /* body so far, intermediates, or the UTF-8 sequence so far */
	char lead; /* a first byte 0xC2 inside a sequence: C1 or not is for the next to say */
	struct buf string;
};

void parser_init(struct parser *p, const struct parser_ops *ops, void *arg);
void parser_release(struct parser *p);
void parser_reset(struct parser *p); /* to the ground state; what was begun is forgotten */

void parser_feed(struct parser *p, const char *s, size_t len);

/* Parses the bytes between CSI and the final byte; false when they do not have the form of
 * such. */
bool parser_body(const char *s, size_t len, char final, struct csi *c);

/* Appends bytes that bring a parser from the ground state to where this one is, without any
 * effect: the sequence that the last feed left unfinished. -ENOBUFS when b is full. */
int parser_unfinished(const struct parser *p, struct buf *b);

#endif
