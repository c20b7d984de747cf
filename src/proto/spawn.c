#include "config.h"

#include "proto/spawn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"

enum { SPAWN_MAGIC = 0x31535350 /* "PSS1" */ };

struct head {
	uint32_t magic, argc, envc, reserved;
};

/* Packing. */

static int
put(struct buf *b, const char *s, size_t max)
{
	size_t len = strlen(s) + 1;

	return len > max || buf_append(b, s, len) != 0 ? -E2BIG : 0;
}

static size_t
count(char *const *v)
{
	size_t n = 0;

	while (v[n] != NULL)
		n++;
	return n;
}

int
spawn_pack(const struct spawn_wish *w, struct buf *out)
{
	size_t argc = count(w->argv), envc = count(w->envp);
	struct head h = {SPAWN_MAGIC, (uint32_t)argc, (uint32_t)envc, 0};
	int rc = 0;

	if (argc > SPAWN_ARGV_MAX || envc > SPAWN_ENV_MAX)
		return -E2BIG;
	if (argc == 0 || w->argv[0][0] == '\0' || (w->cwd != NULL && w->cwd[0] != '/'))
		return -EINVAL;
	if (buf_append(out, &h, sizeof h) != 0)
		return -E2BIG;
	rc = put(out, w->program != NULL ? w->program : "", SPAWN_PATH_MAX);
	if (rc == 0)
		rc = put(out, w->cwd != NULL ? w->cwd : "", SPAWN_PATH_MAX);
	for (size_t i = 0; i < argc && rc == 0; i++)
		rc = put(out, w->argv[i], SPAWN_STRING_MAX);
	for (size_t i = 0; i < envc && rc == 0; i++)
		rc = put(out, w->envp[i], SPAWN_STRING_MAX);
	return rc == 0 && out->len > SPAWN_BYTES_MAX ? -E2BIG : rc;
}

/* Unpacking. */

struct rest {
	char *at;
	size_t len;
};

/* NULL: there is none, or it is too long. */
static char *
take(struct rest *r, size_t max)
{
	char *s = r->at, *end = memchr(s, '\0', r->len < max ? r->len : max);

	if (end == NULL)
		return NULL;
	r->len -= (size_t)(end + 1 - s);
	r->at = end + 1;
	return s;
}

static char **
take_list(struct rest *r, uint32_t n)
{
	char **v;

	if (n > r->len) /* each has a NUL at least */
		return NULL;
	v = xcalloc((size_t)n + 1, sizeof *v);
	for (uint32_t i = 0; i < n; i++) {
		if ((v[i] = take(r, SPAWN_STRING_MAX)) == NULL) {
			free(v);
			return NULL;
		}
	}
	return v;
}

int
spawn_unpack(char *data, size_t len, struct spawn_wish *out)
{
	struct rest r = {data, len};
	char *program, *cwd, **argv, **envp = NULL;
	struct head h;

	*out = (struct spawn_wish){0};
	if (len < sizeof h || len > SPAWN_BYTES_MAX)
		return -EPROTO;
	memcpy(&h, data, sizeof h);
	r.at += sizeof h;
	r.len -= sizeof h;
	if (h.magic != SPAWN_MAGIC || h.argc == 0 || h.argc > SPAWN_ARGV_MAX ||
	    h.envc > SPAWN_ENV_MAX)
		return -EPROTO;
	program = take(&r, SPAWN_PATH_MAX);
	cwd = program != NULL ? take(&r, SPAWN_PATH_MAX) : NULL;
	argv = cwd != NULL ? take_list(&r, h.argc) : NULL;
	envp = argv != NULL ? take_list(&r, h.envc) : NULL;
	if (envp == NULL || r.len != 0 || argv[0][0] == '\0' || (*cwd != '\0' && *cwd != '/')) {
		free(argv);
		free(envp);
		return -EPROTO;
	}
	*out = (struct spawn_wish){
	    *program != '\0' ? program : NULL, *cwd != '\0' ? cwd : NULL, argv, envp};
	return 0;
}

void
spawn_wish_release(struct spawn_wish *w)
{
	free((void *)w->argv);
	free((void *)w->envp);
	*w = (struct spawn_wish){0};
}
