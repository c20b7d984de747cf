/* replay FILE-OR-DIRECTORY...: runs the inputs of a fuzz target without libFuzzer; without
 * arguments those of CORPUS that are in the source. */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "fuzz.h"

#ifndef CORPUS
#define CORPUS "term"
#endif

static unsigned done;

static void
replay(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[1024], *data;
	size_t len;

	if (d == NULL) {
		if (file_read(path, 16 * 1024 * 1024, &data, &len) != 0)
			return;
		LLVMFuzzerTestOneInput((const uint8_t *)data, len);
		free(data);
		done++;
		return;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		replay(name);
	}
	closedir(d);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char path[1024];

	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	for (int i = 0; argc == 1 && i < 2; i++) {
		snprintf(path, sizeof path, "%s/tests/fuzz/%s-%s", top != NULL ? top : ".",
		    i == 0 ? "corpus" : "regress", CORPUS);
		replay(path);
	}
	printf("%u inputs\n", done);
	return done == 0;
}
