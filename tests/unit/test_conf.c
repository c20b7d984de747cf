#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/app.h"
#include "base/file.h"
#include "cli/conf.h"

static const struct app_limits defaults = APP_LIMITS;

static int
load(const char *text, struct app_limits *limits, char **cause)
{
	char path[] = "/tmp/panescry-conf-XXXXXX";
	int fd = mkstemp(path), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	setenv("PANESCRY_CONFIG", path, 1);
	memcpy(limits, &defaults, sizeof *limits);
	rc = conf_load(limits, cause);
	unlink(path);
	return rc;
}

static void
refused(const char *text, const char *message)
{
	struct app_limits limits;
	char *cause = NULL;

	assert_int_equal(load(text, &limits, &cause), -EINVAL);
	assert_non_null(strchr(cause, ':'));
	assert_string_equal(strchr(cause, ':') + 1, message);
	free(cause);
}

static void
settings_are_taken(void **state)
{
	struct app_limits limits;

	(void)state;
	assert_int_equal(
	    load("# a comment\n\nmax_panes = 3\narchive = off\nring_bytes = 2M", &limits, NULL),
	    0);
	assert_int_equal(limits.panes_max, 3);
	assert_false(limits.archive);
	assert_int_equal(limits.ring_size, 2 << 20);
}

static void
the_first_line_that_is_wrong_is_named(void **state)
{
	(void)state;
	refused(
	    "max_panes = 3\nmax_panel = 4\nmax_pane = 5\n", "2: there is no setting max_panel");
	refused("this\nmax_panel = 4\n", "1: not of the form key = value");
	refused("max_panel = 4\nthis\n", "1: there is no setting max_panel");
	refused("\x1B[2J\x9F = 1\n", "1: there is no setting of that name");
	refused("[a]\narchive = on\n", "2: there is no setting archive");
	refused("archive = perhaps\narchive = 7\n", "1: archive must be on or off");
}

/* What does not fit into inih's buffer would be taken for a line of its own. */
static void
a_line_has_an_end(void **state)
{
	char text[400] = "max_panes = 3\ntmux_sockets = ";
	struct app_limits limits;

	(void)state;
	memset(text + strlen(text), 'a', 180);
	strcat(text, "\nmax_viewers = 5\n");
	assert_int_equal(load(text, &limits, NULL), 0);
	assert_int_equal(strlen(limits.tmux_sockets), 181);
	assert_int_equal(limits.viewers_max, 5);
	memset(text + 29, 'a', 190);
	strcpy(text + 219, " b\n");
	refused(text, "2: the line is longer than 198 bytes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(settings_are_taken),
	    cmocka_unit_test(the_first_line_that_is_wrong_is_named),
	    cmocka_unit_test(a_line_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
