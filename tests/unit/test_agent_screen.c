#include "config.h"

#include "unit.h"

#include "agent/program.h"
#include "agent/screen.h"

/* Screens as the agents draw them. */
#define CLAUDE_BASH \
	"● Bash(rm -rf build)\n" \
	"  ⎿  Running…\n" \
	"\n" \
	"────────────────────────────────────────\n" \
	" Bash command\n" \
	"\n" \
	"   rm -rf build\n" \
	"   Remove the build directory\n" \
	"\n" \
	" Do you want to proceed?\n"
#define CLAUDE_CHOICES \
	" ❯ 1. Yes\n" \
	"   2. Yes, and don't ask again for rm commands in\n" \
	"      /home/me/project\n" \
	"   3. No, and tell Claude what to do differently (esc)\n"
#define CODEX_TITLE "  Would you like to run the following command?\n\n"
#define CODEX_COMMAND \
	"  Reason: need filesystem access\n\n" \
	"  $ cat /tmp/readme.txt\n\n"
#define CODEX_CHOICES \
	"› 1. Yes, proceed (y)\n" \
	"  2. No, and tell Codex what to do differently (esc)\n" \
	"\n" \
	"  Press enter to confirm or esc to cancel\n"
#define INPUT "\n╭──────────────╮\n│ >            │\n╰──────────────╯\n  ? for shortcuts\n"

static bool
asks(const char *agent, const char *text)
{
	return agent_screen_asks(agent, text, strlen(text));
}

static void
prompts_of_claude_ask(void **state)
{
	(void)state;
	assert_true(asks("claude", CLAUDE_BASH CLAUDE_CHOICES));
	assert_true(asks("claude", CLAUDE_BASH CLAUDE_CHOICES "\n\n"));
	assert_true(asks("claude",
	    " Do you want to make this edit to main.c?\n   1. Yes\n ❯ 2. Yes, allow all edits "
	    "during this session (shift+tab)\n   3. No\n\n Esc to cancel · Tab to amend\n"));
	assert_true(asks("claude", "╭─────────────────────────────╮\n"
				   "│ Do you want to create a.c?  │\n"
				   "│ ❯ 1. Yes                    │\n"
				   "│   2. No, and tell Claude    │\n"
				   "│      what to do differently │\n"
				   "╰─────────────────────────────╯\n"));
}

static void
prompts_of_codex_ask(void **state)
{
	(void)state;
	assert_true(asks("codex", CODEX_TITLE CODEX_COMMAND CODEX_CHOICES));
	/* The command is longer than the screen. */
	assert_true(asks("codex", CODEX_COMMAND CODEX_CHOICES));
	assert_true(
	    asks("codex", "  Do you want to approve network access to \"example.com\"?\n\n"
			  "› 1. Yes, just this once (y)\n"
			  "  2. Yes, and allow this host for this conversation (a)\n"
			  "  3. No, and block this host in the future (d)\n\n"
			  "  Press enter to confirm or esc to cancel\n"));
}

static void
what_only_looks_like_one_does_not(void **state)
{
	(void)state;
	assert_false(asks("claude", ""));
	assert_false(asks("claude", "\n\n\n"));
	assert_false(asks("claude", CLAUDE_BASH));
	assert_false(asks("claude", CLAUDE_CHOICES));
	/* It was answered, and more came. */
	assert_false(asks("claude", CLAUDE_BASH CLAUDE_CHOICES "● Done\n" INPUT));
	/* Nothing is pointed at: somebody quotes one. */
	assert_false(asks("claude", " Do you want to proceed?\n 1. Yes\n 2. No\n"));
	assert_false(asks("claude", " Do you want to proceed?\n ❯ 1. Yes\n ❯ 2. No\n"));
	/* Another question of the agent's, and a list with a hole. */
	assert_false(asks("claude", " Which one?\n ❯ 1. Yes\n   2. No\n"));
	assert_false(asks("claude", " Do you want to know?\n ❯ 1. Red\n   2. Blue\n"));
	assert_false(asks("claude", " Do you want to proceed?\n ❯ 1. Yes\n   3. No\n"));
	assert_false(asks("codex", CLAUDE_BASH CLAUDE_CHOICES));
	assert_false(asks("claude", CODEX_TITLE CODEX_COMMAND CODEX_CHOICES));
	assert_false(asks("pi", CLAUDE_BASH CLAUDE_CHOICES));
	assert_false(asks("codex", "› Ask Codex to do anything\n  100% context left\n"));
}

/* Cut anywhere, it is read within its bounds; and only the whole one asks. */
static void
screens_may_be_cut_anywhere(void **state)
{
	static const char whole[] = CLAUDE_BASH CLAUDE_CHOICES;
	size_t from = sizeof CLAUDE_BASH CLAUDE_CHOICES - sizeof CLAUDE_CHOICES;

	(void)state;
	for (size_t i = 0; i < sizeof whole - 1; i++) {
		char *part = malloc(i + 1);

		memcpy(part, whole, i);
		if (i < from)
			assert_false(agent_screen_asks("claude", part, i));
		else
			agent_screen_asks("claude", part, i);
		free(part);
	}
}

#define PROGRAM(args) agent_of_program(args, sizeof args)

static void
programs_are_known_by_their_names(void **state)
{
	(void)state;
	assert_string_equal(PROGRAM("claude"), "claude");
	assert_string_equal(PROGRAM("/usr/local/bin/codex\0exec\0hello"), "codex");
	assert_string_equal(PROGRAM("node\0/usr/bin/gemini"), "gemini");
	assert_string_equal(
	    PROGRAM("/usr/bin/node\0--no-warnings\0--max-old-space-size=1\0/x/bin/copilot.js"),
	    "copilot");
	assert_string_equal(PROGRAM("python3\0/usr/bin/vibe\0-p"), "vibe");
	assert_string_equal(PROGRAM("pi"), "pi");
	assert_null(PROGRAM("ping"));
	assert_null(PROGRAM("vim\0claude"));
	assert_null(PROGRAM("claude-monitor"));
	assert_null(PROGRAM("node"));
	assert_null(PROGRAM("node\0--claude"));
	assert_null(PROGRAM("node\0server.js\0claude"));
	assert_null(PROGRAM("/home/claude/"));
	assert_null(PROGRAM(""));
	assert_null(agent_of_program("", 0));
	assert_null(agent_of_program("claude", 6)); /* without its NUL: not a command line */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(prompts_of_claude_ask),
	    cmocka_unit_test(prompts_of_codex_ask),
	    cmocka_unit_test(what_only_looks_like_one_does_not),
	    cmocka_unit_test(screens_may_be_cut_anywhere),
	    cmocka_unit_test(programs_are_known_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
