#include "config.h"

#include "cli/talk.h"

#include "cli/cli.h"

int
cli_talk(const char *id)
{
	return cli_error("%s", id);
}
