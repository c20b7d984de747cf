#include "config.h"

#include "wsproto.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int
hello_none(char *buf, size_t cap, unsigned cols, unsigned rows)
{
	(void)buf, (void)cap, (void)cols, (void)rows;
	return 0;
}

static int
hello_ttyd(char *buf, size_t cap, unsigned cols, unsigned rows)
{
	return snprintf(
	    buf, cap, "{\"AuthToken\":\"\",\"columns\":%u,\"rows\":%u}", cols, rows);
}

static const struct ws_proto protos[] = {
    {"panescry", "panescry.attach.v1", ATTACH_INPUT, ATTACH_OUTPUT, true, hello_none},
    {"ttyd", "tty", '0', '0', false, hello_ttyd},
    {"plain", "", -1, -1, false, hello_none},
};

const struct ws_proto *
ws_proto_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof protos / sizeof *protos; i++)
		if (strcmp(protos[i].name, name) == 0)
			return &protos[i];
	return NULL;
}

static void
base64(const unsigned char *s, size_t n, char *out)
{
	static const char set[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t v;
	size_t i;

	for (i = 0; i < n; i += 3) {
		v = (uint32_t)s[i] << 16;
		if (i + 1 < n)
			v |= (uint32_t)s[i + 1] << 8;
		if (i + 2 < n)
			v |= s[i + 2];
		*out++ = set[v >> 18];
		*out++ = set[v >> 12 & 63];
		*out++ = i + 1 < n ? set[v >> 6 & 63] : '=';
		*out++ = i + 2 < n ? set[v & 63] : '=';
	}
	*out = '\0';
}

static uint32_t
rotl(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static void
sha1_round(uint32_t s[5], uint32_t f, uint32_t k, uint32_t w)
{
	uint32_t x = rotl(s[0], 5) + f + s[4] + k + w;

	s[4] = s[3];
	s[3] = s[2];
	s[2] = rotl(s[1], 30);
	s[1] = s[0];
	s[0] = x;
}

static void
sha1_block(uint32_t h[5], const unsigned char *p)
{
	uint32_t w[80], s[5];
	int i;

	for (i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	for (; i < 80; i++)
		w[i] = rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	memcpy(s, h, sizeof s);
	for (i = 0; i < 20; i++)
		sha1_round(s, (s[1] & s[2]) | (~s[1] & s[3]), 0x5A827999, w[i]);
	for (; i < 40; i++)
		sha1_round(s, s[1] ^ s[2] ^ s[3], 0x6ED9EBA1, w[i]);
	for (; i < 60; i++)
		sha1_round(s, (s[1] & s[2]) | (s[1] & s[3]) | (s[2] & s[3]), 0x8F1BBCDC, w[i]);
	for (; i < 80; i++)
		sha1_round(s, s[1] ^ s[2] ^ s[3], 0xCA62C1D6, w[i]);
	for (i = 0; i < 5; i++)
		h[i] += s[i];
}

/* Of at most 119 bytes: enough for a key and its suffix. */
static void
sha1(const char *m, size_t n, unsigned char out[20])
{
	uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
	unsigned char b[128] = {0};
	size_t total = n + 9 <= 64 ? 64 : 128, i;

	memcpy(b, m, n);
	b[n] = 0x80;
	b[total - 2] = (unsigned char)(n * 8 >> 8);
	b[total - 1] = (unsigned char)(n * 8);
	for (i = 0; i < total; i += 64)
		sha1_block(h, b + i);
	for (i = 0; i < 20; i++)
		out[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

void
ws_key(const unsigned char random[16], char out[WS_KEY_LEN])
{
	base64(random, 16, out);
}

void
ws_accept(const char *key, char out[WS_ACCEPT_LEN])
{
	char text[WS_KEY_LEN + 37];
	unsigned char hash[20];
	int n;

	n = snprintf(
	    text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", WS_KEY_LEN - 1, key);
	sha1(text, (size_t)n, hash);
	base64(hash, sizeof hash, out);
}
