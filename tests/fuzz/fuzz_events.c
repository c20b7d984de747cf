/*
 * Who listens to events, and what is told: frames of any form over a WebSocket to a whole daemon, in
 * which things happen between. Nothing crashes; what comes back is whole text frames, each a JSON object
 * with a type; numbers never go back but after a reset; a topic that was not asked for is not told. Input:
 * pieces of a byte that says what, a byte of length and so many bytes: a message (0), a frame of that
 * opcode and that end (1), raw bytes (2), or something that happens, by its letter (3).
 */
#include "config.h"

#include <stdbool.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "door.h"
#include "fuzz.h"

enum { PIECES = 64 };

static const char upgrade[] = "GET /ws/events HTTP/1.1\r\nHost: localhost\r\n"
			      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			      "Sec-WebSocket-Version: 13\r\n"
			      "Sec-WebSocket-Protocol: panescry.events.v1\r\n\r\n";

struct client {
	int fd;
	bool open, raw; /* raw: it has sent what is no message */
	struct buf in;
	size_t read;
	double seq;
	bool has_seq;
	struct buf sent; /* all that it sent, in which topics must be */
};

static void
send_frame(struct client *c, unsigned first, const void *data, size_t len)
{
	unsigned char head[8] = {(unsigned char)first};
	size_t n = 2;

	if (len < 126) {
		head[1] = (unsigned char)(0x80 | len);
	} else {
		head[1] = 0x80 | 126;
		head[2] = (unsigned char)(len >> 8);
		head[3] = (unsigned char)len;
		n = 4;
	}
	door_send(c->fd, head, n);
	door_send(c->fd, "\0\0\0\0", 4); /* a mask that changes nothing */
	door_send(c->fd, data, len);
	buf_append(&c->sent, data, len);
}

static void
take_message(struct client *c, const char *data, size_t len)
{
	const cJSON *type, *seq, *topic;
	const char *end = NULL;
	cJSON *o;

	must(utf8_valid(data, len));
	o = cJSON_ParseWithLengthOpts(data, len, &end, false);
	must(o != NULL && end == data + len && cJSON_IsObject(o));
	type = cJSON_GetObjectItemCaseSensitive(o, "type");
	seq = cJSON_GetObjectItemCaseSensitive(o, "seq");
	topic = cJSON_GetObjectItemCaseSensitive(o, "topic");
	must(cJSON_IsString(type) && cJSON_IsNumber(seq));
	/* A new subscription may ask for what was told before. */
	if (strcmp(type->valuestring, "reset") != 0 && c->has_seq && !c->raw &&
	    memmem(c->sent.data, c->sent.len, "after", 5) == NULL)
		must(seq->valuedouble >= c->seq);
	c->has_seq = true;
	c->seq = seq->valuedouble;
	/* By its first letters, as who listens to "job:1" is told some of "jobs". */
	if (cJSON_IsString(topic) && !c->raw && memchr(c->sent.data, '\\', c->sent.len) == NULL)
		must(memmem(c->sent.data, c->sent.len, topic->valuestring,
			 strnlen(topic->valuestring, 3)) != NULL);
	cJSON_Delete(o);
}

static void
take_frames(struct client *c)
{
	while (c->in.len - c->read >= 2) {
		const unsigned char *p = (unsigned char *)c->in.data + c->read;
		size_t left = c->in.len - c->read, n = p[1] & 127, head = 2;

		must((p[1] & 0x80) == 0 && (p[0] & 0x70) == 0);
		if (n == 126 && left >= 4) {
			n = (size_t)p[2] << 8 | p[3];
			head = 4;
		} else if (n == 127 && left >= 10) {
			n = 0;
			for (int i = 2; i < 10; i++)
				n = n << 8 | p[i];
			head = 10;
		} else if (n >= 126) {
			return;
		}
		must(n < 1 << 28);
		if (left < head + n)
			return;
		must((p[0] & 15) == 1 || (p[0] & 15) >= 8);
		must((p[0] & 0x80) != 0);
		if ((p[0] & 15) == 1)
			take_message(c, (const char *)p + head, n);
		else if ((p[0] & 15) == 8)
			c->open = false;
		c->read += head + n;
	}
}

static void
listen_to(struct client *c, bool patient)
{
	if (!door_read(c->fd, &c->in, patient))
		c->open = false;
	take_frames(c);
}

static bool
client_open(struct client *c)
{
	const char *end;

	*c = (struct client){.fd = door_connect(true, NULL), .open = true};
	buf_init(&c->in, BUF_NO_MAX);
	buf_init(&c->sent, BUF_NO_MAX);
	buf_puts(&c->in, "");
	buf_puts(&c->sent, "");
	door_send(c->fd, upgrade, sizeof upgrade - 1);
	door_read(c->fd, &c->in, true);
	end = memmem(c->in.data, c->in.len, "\r\n\r\n", 4);
	if (end == NULL)
		return false;
	must(strncmp(c->in.data, "HTTP/1.1 101", 12) == 0);
	c->read = (size_t)(end - c->in.data) + 4;
	return true;
}

static void
happen(char what)
{
	static const char watch[] = "{\"pattern\":\"x\",\"pane\":\"*\",\"name\":\"w\"}";
	static const char job[] = "{\"command\":[\"/nonexistent\"]}";
	static const char session[] = "{\"agent\":\"mine\",\"title\":\"a title\"}";
	static const char stream[] = "{\"name\":\"s\"}";
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	switch (what & 7) {
	case 0:
		door_ask("POST", "/api/v1/watches", watch, sizeof watch - 1, &b);
		break;
	case 1:
		door_ask("DELETE", "/api/v1/watches/w1", "", 0, &b);
		break;
	case 2:
		door_ask("POST", "/api/v1/jobs", job, sizeof job - 1, &b);
		break;
	case 3:
		door_ask("POST", "/api/v1/sessions", session, sizeof session - 1, &b);
		break;
	case 4:
		door_ask("POST", "/api/v1/streams", stream, sizeof stream - 1, &b);
		break;
	default:
		door_ask("DELETE", "/api/v1/jobs/j1", "", 0, &b);
		break;
	}
	buf_release(&b);
}

static void
act(struct client *c, unsigned what, const uint8_t *data, size_t n)
{
	switch (what & 3) {
	case 0:
		send_frame(c, 0x81, data, n);
		break;
	case 1:
		c->raw = true;
		send_frame(c, what >> 2 << 2 | 1, data, n);
		break;
	case 2:
		c->raw = true;
		door_send(c->fd, data, n);
		break;
	default:
		happen(n != 0 ? (char)data[0] : 0);
	}
	listen_to(c, false);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client c;
	bool open;

	if (size < 2 || size > 8192)
		return 0;
	door_begin();
	open = client_open(&c);
	for (int i = 0; open && c.open && i < PIECES && size >= 2; i++) {
		unsigned what = data[0];
		size_t n = data[1] < size - 2 ? data[1] : size - 2;

		act(&c, what, data + 2, n);
		data += 2 + n;
		size -= 2 + n;
	}
	close(c.fd);
	buf_release(&c.in);
	buf_release(&c.sent);
	return 0;
}
