/*
 * The text is gone through by runs of the characters that keys and names consist of. Each run is
 * looked at once: what it begins with, and at its end what it is the name of. What is read ahead
 * behind a run is bounded, or is skipped when it is a secret, or ends where the next could begin.
 */
#include "config.h"

#include "agent/secrets.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/secrets_priv.h"
#include "base/buf.h"

enum {
	USER_MAX = 256, /* bytes between :// and @ */
	PAD_MAX = 8,    /* blanks, quotes and backslashes around = */
	PEM_LINE = 40,  /* characters in a row that prose does not have */
	PEM_ROW = 16,   /* the same where the line that ends it is there as well */
	PEM_MAX = 64 * 1024,
	HOOK_MIN = 20, /* characters of a webhook's address that are a secret */
};

struct scan {
	const char *p;    /* what is next */
	const char *end;  /* of the text */
	const char *from; /* what is not copied yet */
	struct buf *out;
	const char *text;
	bool found;
	bool curl; /* that was a word of this command line */
};

/* [A-Za-z0-9_-] */
static bool
is_key(char c)
{
	return (unsigned)((c | 0x20) - 'a') < 26 || (unsigned)(c - '0') < 10 || c == '_' ||
	       c == '-';
}

static const char *
key_end(const char *s, const char *end)
{
	while (s < end && is_key(*s))
		s++;
	return s;
}

static bool
starts_nocase(const char *s, const char *end, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(end - s) >= n && strncasecmp(s, what, n) == 0;
}

/* From `from` to `to` it is a secret. */
static void
mask(struct scan *s, const char *from, const char *to)
{
	buf_append(s->out, s->from, (size_t)(from - s->from));
	buf_puts(s->out, SECRETS_MASK);
	s->from = s->p = to;
	s->found = true;
}

/* Keys with a beginning of their own. */

enum shape {
	ANY,   /* of [A-Za-z0-9_-] */
	ALNUM, /* with no '-' in it */
	UPPER, /* capitals and digits */
	MIXED, /* with a long piece of letters and digits: others begin so, too */
};

static const struct kind {
	const char *prefix;
	size_t min, max; /* characters behind it */
	enum shape shape;
} kinds[] = {
    {"AKIA", 16, 16, UPPER},
    {"ASIA", 16, 16, UPPER},
    {"ABIA", 16, 16, UPPER},
    {"ACCA", 16, 16, UPPER},
    {"ghp_", 30, 255, ALNUM},
    {"gho_", 30, 255, ALNUM},
    {"ghu_", 30, 255, ALNUM},
    {"ghs_", 30, 255, ALNUM},
    {"ghr_", 30, 255, ALNUM},
    {"github_pat_", 22, 255, ALNUM},
    {"glpat-", 20, 255, ANY},
    {"gldt-", 20, 255, ANY},
    {"glrt-", 20, 255, ANY},
    {"glptt-", 20, 255, ANY},
    {"xoxa-", 10, 255, ANY},
    {"xoxb-", 10, 255, ANY},
    {"xoxc-", 10, 255, ANY},
    {"xoxd-", 10, 255, ANY},
    {"xoxe-", 10, 255, ANY},
    {"xoxo-", 10, 255, ANY},
    {"xoxp-", 10, 255, ANY},
    {"xoxr-", 10, 255, ANY},
    {"xoxs-", 10, 255, ANY},
    {"xapp-", 10, 255, ANY},
    {"sk_live_", 16, 255, ALNUM},
    {"sk_test_", 16, 255, ALNUM},
    {"rk_live_", 16, 255, ALNUM},
    {"rk_test_", 16, 255, ALNUM},
    {"whsec_", 24, 255, ALNUM},
    {"sk-ant-", 16, 1024, ANY},
    {"sk-proj-", 20, 1024, ANY},
    {"sk-svcacct-", 20, 1024, ANY},
    {"sk-or-", 20, 1024, ANY},
    {"sk-", 20, 1024, MIXED},
    {"AIza", 35, 64, ANY},
    {"npm_", 36, 64, ALNUM},
    {"pypi-", 50, 1024, ANY},
    {"hf_", 30, 64, ALNUM},
    {"gsk_", 40, 128, ALNUM},
    {"xai-", 40, 128, ANY},
    {"dckr_pat_", 20, 64, ANY},
    {"dop_v1_", 60, 128, ALNUM},
    {"shpat_", 30, 64, ALNUM},
    {"shpss_", 30, 64, ALNUM},
    {"glcbt-", 20, 255, ANY},
    {"glft-", 20, 255, ANY},
    {"glsa_", 32, 255, ALNUM},
    {"nvapi-", 40, 128, ANY},
    {"pplx-", 40, 128, ALNUM},
    {"lin_api_", 32, 64, ALNUM},
    {"rubygems_", 40, 64, ALNUM},
    {"AGE-SECRET-KEY-1", 50, 64, UPPER},
};

static bool
has_piece(const char *s, const char *end)
{
	size_t n = 0;

	if (!secret_has_digit(s, end))
		return false;
	for (; s < end && n < 16; s++)
		n = isalnum((unsigned char)*s) ? n + 1 : 0;
	return n == 16;
}

static bool
has_shape(const char *s, const char *end, enum shape shape)
{
	if (shape == MIXED)
		return has_piece(s, end);
	for (; shape != ANY && s < end; s++)
		if (*s == '-' || (shape == UPPER && !isupper((unsigned char)*s) &&
				     !isdigit((unsigned char)*s)))
			return false;
	return true;
}

static bool
take_kind(struct scan *s, const char *run, const char *end)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const struct kind *k = &kinds[i];
		const char *rest = run + strlen(k->prefix);

		if (*run != *k->prefix || !secret_starts(run, end, k->prefix))
			continue;
		if ((size_t)(end - rest) < k->min || (size_t)(end - rest) > k->max ||
		    !has_shape(rest, end, k->shape))
			continue;
		mask(s, rest, end);
		return true;
	}
	return false;
}

/* Two parts more, each behind a dot; what is encrypted has another two. */
static bool
take_jwt(struct scan *s, const char *run, const char *end)
{
	const char *at = end;

	if (!secret_starts(run, end, "eyJ") || end - run < 12)
		return false;
	for (int i = 0; i < 2; i++) {
		const char *part = at < s->end && *at == '.' ? at + 1 : s->end;

		at = key_end(part, s->end);
		if (at - part < 10)
			return false;
	}
	for (int i = 0; i < 2 && s->end - at > 1 && *at == '.' && is_key(at[1]); i++)
		at = key_end(at + 1, s->end);
	mask(s, run + 3, at);
	return true;
}

/* Private keys. */

static bool
is_pem(char c)
{
	return isalnum((unsigned char)c) || strchr("+/=,:. \t\r\n\\\"'|>;", c) != NULL ||
	       (c & 0x80) != 0;
}

static bool
is_base64(char c)
{
	return isalnum((unsigned char)c) || c == '+' || c == '/' || c == '=';
}

/* Where the next row of dashes begins, or the text ends; *row: the longest of what a key consists
 * of until then. */
static const char *
next_dashes(const char *s, const char *end, size_t *row)
{
	size_t n = 0;

	for (; s < end && !secret_starts(s, end, "-----"); s++) {
		n = is_base64(*s) ? n + 1 : 0;
		if (n > *row)
			*row = n;
	}
	return s;
}

/* To the end of the last line that is none of prose; to `end`, where the text has been cut, if
 * nothing but a piece of such a line is behind that. */
static const char *
pem_lines(const char *s, const char *end, bool cut)
{
	const char *last = NULL;
	size_t row = 0;
	bool only = true;

	for (; s < end && *s != '\0' && (is_pem(*s) || *s == '-'); s++) {
		row = is_base64(*s) ? row + 1 : 0;
		if (row >= PEM_LINE) {
			last = s + 1;
			only = true;
		} else if (row == 0 && *s != '\n' && *s != '\r' && *s != '\\') {
			only = false;
		}
	}
	return cut && s == end && only && row != 0 ? end : last;
}

/* Behind the line that begins one: to the line that ends it, which belongs to it, or as far as it
 * looks like a key. Goes no further than the next row of dashes, which begins a run. */
static const char *
pem_end(const char *s, const char *end)
{
	size_t row = 0, left;
	const char *dashes = next_dashes(s, end, &row), *to;

	if (row < PEM_ROW || dashes - s > PEM_MAX || !secret_starts(dashes, end, "-----END"))
		return pem_lines(s, dashes, dashes == end);
	left = (size_t)(end - dashes - 8);
	to = memchr(dashes + 8, '-', left < 64 ? left : 64);
	return to != NULL && secret_starts(to, end, "-----") ? to + 5 : dashes;
}

/* At the dashes. */
static bool
take_pem(struct scan *s, const char *run)
{
	const char *at = run + 11, *to;
	size_t n = (size_t)(s->end - run) < 80 ? (size_t)(s->end - run) : 80;

	if (!secret_starts(run, s->end, "-----BEGIN") || at >= s->end)
		return false;
	to = memchr(at, '-', n - 11);
	if (to == NULL || !secret_starts(to, s->end, "-----") || to - at < 11)
		return false;
	if (memcmp(to - 11, "PRIVATE KEY", 11) != 0 &&
	    (to - at < 17 || memcmp(to - 17, "PRIVATE KEY BLOCK", 17) != 0))
		return false;
	at = to + 5;
	to = pem_end(at, s->end);
	if (to == NULL)
		return false;
	mask(s, at, to);
	return true;
}

/* Values of names. */

/* Over blanks, quotes and backslashes before quotes; *quote: the last quote, 0 for none. */
static const char *
skip_pad(const char *s, const char *end, char *quote, bool *blank)
{
	for (int i = 0; i < PAD_MAX && s < end; i++, s++) {
		if (*s == '"' || *s == '\'')
			*quote = *s;
		else if (*s == ' ' || *s == '\t')
			*blank = true;
		else if (*s != '\\' || s + 1 == end || (s[1] != '"' && s[1] != '\\'))
			break;
	}
	return s;
}

/* Over blanks, and the quote that a value begins with. */
static const char *
skip_quote(const char *s, const char *end, char *quote, bool *blank)
{
	for (int i = 0; i < PAD_MAX && s < end && (*s == ' ' || *s == '\t'); i++, s++)
		*blank = true;
	while (s + 1 < end && *s == '\\' && (s[1] == '\\' || s[1] == '"' || s[1] == '\''))
		s++;
	if (s < end && (*s == '"' || *s == '\''))
		*quote = *s++;
	return s;
}

/* The sign behind a name; NULL: it is none. Most runs are followed by something else. */
static const char *
find_sign(const char *end, const struct scan *s, struct secret_value *v)
{
	const char *at;

	if (end == s->end || strchr("=: \t\"'\\", *end) == NULL)
		return NULL;
	at = skip_pad(end, s->end, &v->quote, &v->blank);
	if (at == s->end || (*at != '=' && *at != ':') || secret_starts(at, s->end, "=="))
		return NULL;
	v->sign = *at;
	v->quote = 0;
	return at + 1;
}

static bool
take_value(struct scan *s, const char *run, const char *end, struct secret_value *v)
{
	enum secret_name name = secret_name_of(run, end);

	if (name == SECRET_NO_NAME)
		return false;
	if (v->s < s->end && *v->s == '>') /* => */
		v->s++;
	v->s = skip_quote(v->s, s->end, &v->quote, &v->blank);
	v->end = secret_value_end(v->s, secret_look_end(v->s, s->end), v->quote);
	/* The same word on both sides is code. */
	if (v->end - v->s == end - run && strncasecmp(v->s, run, (size_t)(end - run)) == 0)
		return false;
	if (!secret_looks_so(name, secret_is_capitals(run, end), v))
		return false;
	mask(s, v->s, secret_value_end(v->end, s->end, v->quote));
	return true;
}

/* Options: what an argument of their own says. */

/* "--token x"; the dashes are before `word`. */
static bool
take_option(struct scan *s, const char *word, const char *end)
{
	struct secret_value v = {.sign = ' '};
	enum secret_name name;

	if (end == s->end || (*end != ' ' && *end != '\t'))
		return false;
	name = secret_name_of(word, end);
	if (name != SECRET_KEY && name != SECRET_PASSWORD)
		return false;
	v.s = skip_quote(end, s->end, &v.quote, &v.blank);
	v.end = secret_value_end(v.s, secret_look_end(v.s, s->end), v.quote);
	if (v.s == v.end || *v.s == '-' || !secret_looks_so(name, false, &v))
		return false;
	mask(s, v.s, secret_value_end(v.end, s->end, v.quote));
	return true;
}

/* "curl -u user:password", "-uuser:password", "--user=user:password". */
static bool
take_user(struct scan *s, const char *run, const char *end)
{
	bool glued = end - run > 2 && run[0] == '-' && (run[1] == 'u' || run[1] == 'U');
	const char *at = end, *colon, *to;
	char quote = 0;
	bool blank;

	if (end == s->end)
		return false;
	if (!secrets_is_user_option(run, (size_t)(end - run))) {
		if (!glued || *end != ':')
			return false;
	} else if (*end == ' ' || *end == '\t') {
		at = skip_quote(end, s->end, &quote, &blank);
	} else if (*end == '=') {
		at = skip_quote(end + 1, s->end, &quote, &blank);
	} else {
		return false;
	}
	to = secret_value_end(at, secret_look_end(at, s->end), quote);
	colon = memchr(at, ':', (size_t)(to - at));
	if (colon == NULL || !secret_is_password(colon + 1, to, quote))
		return false;
	mask(s, colon + 1, secret_value_end(to, s->end, quote));
	return true;
}

/* Headers. */

static const char *
token_end(const char *s, const char *end)
{
	while (s < end && *s != '\0' && (is_key(*s) || strchr("._~+/=:", *s) != NULL))
		s++;
	return s;
}

static bool
take_scheme(struct scan *s, const char *at, size_t min)
{
	static const char *const schemes[] = {"bearer ", "basic ", "token ", "apikey "};
	bool scheme = false;
	const char *to;

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes && !scheme; i++)
		if ((scheme = starts_nocase(at, s->end, schemes[i])))
			at += strlen(schemes[i]);
	to = token_end(at, secret_look_end(at, s->end));
	if ((size_t)(to - at) < min || (min > 8 && !secret_has_digit(at, to)))
		return false;
	if (!scheme && !secret_has_digit(at, to))
		return false;
	mask(s, at, token_end(to, s->end));
	return true;
}

/* A run that something follows: "Bearer x", "Authorization: Bearer x", "name=x". */
static bool
take_named(struct scan *s, const char *run, const char *end)
{
	struct secret_value v = {0};

	if (end - run == 6 && (*run | 0x20) == 'b' && strncasecmp(run, "bearer", 6) == 0 &&
	    end < s->end && *end == ' ')
		return take_scheme(s, run, 16);
	if ((v.s = find_sign(end, s, &v)) == NULL)
		return false;
	if (secret_ends_with(run, end, "authorization"))
		return take_scheme(s, skip_quote(v.s, s->end, &v.quote, &v.blank), 6);
	return take_value(s, run, end, &v);
}

/* At the colon of "://": an address that whoever knows it may post to. */
static bool
take_webhook(struct scan *s)
{
	static const char *const hooks[] = {"hooks.slack.com/services/",
	    "hooks.slack.com/workflows/", "hooks.slack.com/triggers/",
	    "discord.com/api/webhooks/", "discordapp.com/api/webhooks/"};
	const char *at, *to;

	for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
		if (!starts_nocase(s->p + 3, s->end, hooks[i]))
			continue;
		at = to = s->p + 3 + strlen(hooks[i]);
		while (to < s->end && (is_key(*to) || *to == '/'))
			to++;
		if (to - at < HOOK_MIN || !secret_has_digit(at, to))
			return false;
		mask(s, at, to);
		return true;
	}
	return false;
}

/* At the same colon. */
static bool
take_url(struct scan *s)
{
	const char *at = s->p + 3, *colon = NULL;
	const char *max = s->end - at < USER_MAX ? s->end : at + USER_MAX;

	for (; at < max && *at != '@'; at++) {
		if (*at == ':' && colon == NULL)
			colon = at;
		if (isspace((unsigned char)*at) || *at == '\0' ||
		    strchr("/?#\"'<>\\`", *at) != NULL)
			return false;
	}
	if (at >= max || colon == NULL || at - colon < 2 || strchr("${*[%", colon[1]) != NULL)
		return false;
	mask(s, colon + 1, at);
	return true;
}

/* All of it. */

static void
take_run(struct scan *s)
{
	const char *run = s->p, *end = key_end(run, s->end), *word = run;

	if (end - run >= 10 && *run == '-' && take_pem(s, run))
		return;
	while (word < end && *word == '-')
		word++;
	if (end - word >= 12 && (take_kind(s, word, end) || take_jwt(s, word, end)))
		return;
	if (end - word >= 3 &&
	    (take_named(s, word, end) || (word != run && take_option(s, word, end))))
		return;
	if (s->curl && word != run && take_user(s, run, end))
		return;
	s->curl |= end - run == 4 && memcmp(run, "curl", 4) == 0;
	s->p = end;
}

/* Behind the parameters and the last character of a terminal's sequence. */
static const char *
sequence_end(const char *p, const char *end)
{
	while (p < end && (isdigit((unsigned char)*p) || *p == ';'))
		p++;
	return p < end ? p + 1 : p;
}

static bool
is_unicode_escape(const char *p, const char *end)
{
	if (end - p < 6 || p[1] != 'u')
		return false;
	for (int i = 2; i < 6; i++)
		if (!isxdigit((unsigned char)p[i]))
			return false;
	return true;
}

/* Over what is no run. Escapes of JSON and of terminals have letters of their own. */
static void
skip(struct scan *s)
{
	const char *p = s->p, *end = s->end;
	bool esc = *p == '\x1b';

	/* A command line goes on behind a backslash. */
	if ((*p == '\n' || secret_starts(p, end, "\\n")) && (p == s->text || p[-1] != '\\'))
		s->curl = false;
	s->p++;
	if (*p == '\\' && is_unicode_escape(p, end)) {
		esc = strncasecmp(p + 2, "001b", 4) == 0;
		s->p = p + 6;
	} else if (*p == '\\' && end - p >= 2 && p[1] != '\0' &&
		   strchr("nrtbf", p[1]) != NULL) {
		s->p = p + 2;
	}
	if (esc && s->p < end && *s->p == '[')
		s->p = sequence_end(s->p + 1, end);
}

bool
secrets_mask(const char *text, size_t len, struct buf *out)
{
	struct scan s = {.p = text, .end = text + len, .from = text, .out = out, .text = text};

	while (s.p < s.end) {
		if (is_key(*s.p))
			take_run(&s);
		else if (*s.p != ':' || !secret_starts(s.p, s.end, "://") ||
			 (!take_webhook(&s) && !take_url(&s)))
			skip(&s);
	}
	if (s.found)
		buf_append(out, s.from, (size_t)(s.end - s.from));
	return s.found;
}

char *
secrets_masked(const char *text)
{
	struct buf b;

	if (text == NULL)
		return NULL;
	buf_init(&b, BUF_NO_MAX);
	if (secrets_mask(text, strlen(text), &b))
		return buf_take(&b);
	buf_release(&b);
	return NULL;
}
