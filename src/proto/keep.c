#include "config.h"

#include "proto/keep.h"

#include <errno.h>
#include <string.h>

size_t
keep_pack(struct keep_packet *p, enum keep_type type, const void *text, size_t len)
{
	if (len > KEEP_TEXT_MAX)
		len = KEEP_TEXT_MAX;
	p->m.size = sizeof p->m;
	p->m.type = type;
	p->m.text = (uint32_t)len;
	if (len != 0 && text != p->text)
		memcpy(p->text, text, len);
	return sizeof p->m + len;
}

int
keep_unpack(struct keep_packet *p, size_t len)
{
	uint32_t size = p->m.size, known = size < sizeof p->m ? size : sizeof p->m;
	size_t text;

	if (len < 2 * sizeof(uint32_t) || size < 2 * sizeof(uint32_t) || size > len ||
	    len > sizeof *p)
		return -EPROTO;
	text = len - size;
	if (text >= KEEP_TEXT_MAX)
		return -EPROTO;
	memmove(p->text, (char *)p + size, text);
	memset((char *)&p->m + known, 0, sizeof p->m - known);
	p->text[text] = '\0';
	p->m.text = (uint32_t)text;
	return 0;
}

bool
keep_is_job(uint64_t pane)
{
	return (pane & (KEEP_REMOTE | KEEP_JOB)) == KEEP_JOB;
}

bool
keep_is_helper(uint64_t pane)
{
	return (pane & (KEEP_REMOTE | KEEP_JOB | KEEP_HELPER)) == KEEP_HELPER;
}

/* Descriptors of which those that there are travel, in order, with a bit of flags for each. */

static unsigned
pack(const int *fds, unsigned max, uint32_t first, uint32_t *flags, int *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < max; i++) {
		if (fds[i] < 0)
			continue;
		*flags |= first << i;
		out[n++] = fds[i];
	}
	return n;
}

static void
unpack(uint32_t flags, uint32_t first, int *fds, unsigned nfds, unsigned max, int *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < max; i++) {
		out[i] = -1;
		if ((flags & first << i) == 0 || n == nfds)
			continue;
		out[i] = fds[n];
		fds[n++] = -1;
	}
}

unsigned
keep_pack_fds(const int fds[KEEP_FDS], uint32_t *flags, int out[KEEP_FDS])
{
	return pack(fds, KEEP_FDS, KEEP_FD, flags, out);
}

void
keep_unpack_fds(uint32_t flags, int *fds, unsigned nfds, int out[KEEP_FDS])
{
	unpack(flags, KEEP_FD, fds, nfds, KEEP_FDS, out);
}

unsigned
keep_pack_spawn(const int fds[KEEP_SPAWN_FDS - 1], uint32_t *flags, int *out)
{
	return pack(fds, KEEP_SPAWN_FDS - 1, KEEP_SPAWN_STATUS, flags, out);
}

void
keep_unpack_spawn(uint32_t flags, int *fds, unsigned nfds, int out[KEEP_SPAWN_FDS - 1])
{
	unpack(flags, KEEP_SPAWN_STATUS, fds, nfds, KEEP_SPAWN_FDS - 1, out);
}

void
keep_read_status(const struct keep_packet *p, struct keep_status *s)
{
	size_t n = p->m.text < sizeof *s ? p->m.text : sizeof *s;

	memset(s, 0, sizeof *s);
	memcpy(s, p->text, n);
	s->last_failure[sizeof s->last_failure - 1] = '\0';
}
