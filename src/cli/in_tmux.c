#include "config.h"

#include "cli/in_tmux.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "proto/json.h"

bool
in_tmux(void)
{
	const char *tmux = getenv("TMUX");

	return tmux != NULL && *tmux != '\0';
}

/* %3 and nothing behind it. */
static bool
is_number(const char *s)
{
	if (s == NULL || *s != '%' || s[1] == '\0')
		return false;
	for (s++; *s != '\0'; s++) {
		if (!isdigit((unsigned char)*s))
			return false;
	}
	return true;
}

bool
in_tmux_is_pane(const char *id)
{
	return *id == 't' && (id[1] == '%' || id[1] == '-') && is_number(strrchr(id, '%'));
}

char *
in_tmux_client(void)
{
	char line[256], *name = NULL;
	FILE *f = popen("exec tmux -u display-message -p '#{client_name}' 2>/dev/null", "re");

	if (f == NULL)
		return NULL;
	if (fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		name = *line != '\0' ? xstrdup(line) : NULL;
	}
	if (pclose(f) != 0) {
		free(name);
		return NULL;
	}
	return name;
}

/* Of the server around this process: TMUX is its path, a process id and a session's number. */
static char *
server_socket(void)
{
	char *path = xstrdup(getenv("TMUX")), *comma;

	for (int i = 0; i < 2; i++) {
		if ((comma = strrchr(path, ',')) != NULL)
			*comma = '\0';
	}
	return path;
}

static bool
same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static char *
find(const cJSON *panes, const char *ref, const char *socket)
{
	const char *id, *end, *path;
	const cJSON *o;

	cJSON_ArrayForEach (o, panes) {
		id = json_string(o, "id");
		path = json_string(cJSON_GetObjectItemCaseSensitive(o, "tmux"), "socket");
		end = id != NULL ? strrchr(id, '%') : NULL;
		if (end != NULL && path != NULL && strcmp(end, ref) == 0 &&
		    same_file(path, socket))
			return xstrdup(id);
	}
	return NULL;
}

int
in_tmux_resolve(const char *ref, char **id)
{
	struct buf out;
	char *socket;
	cJSON *o;
	int rc;

	*id = NULL;
	if (!in_tmux() || !is_number(ref)) {
		*id = xstrdup(ref);
		return CLI_DONE;
	}
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("GET", "/api/v1/panes", NULL, &out);
	if (rc == CLI_DONE) {
		socket = server_socket();
		o = json_parse(out.data, out.len);
		*id = find(cJSON_GetObjectItemCaseSensitive(o, "panes"), ref, socket);
		cJSON_Delete(o);
		if (*id == NULL)
			rc = cli_error(
			    "the daemon does not know the pane %s of tmux at %s", ref, socket);
		free(socket);
	}
	buf_release(&out);
	return rc;
}
