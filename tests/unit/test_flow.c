/* Definitions of flows: what is wrong with which step, rules, conditions, what is put in, hashes. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "job/flow.h"
#include "job/flow_expr.h"
#include "proto/json.h"

static struct flow *
parse(const char *text, struct flow_error *error)
{
	cJSON *o = json_parse(text, strlen(text));
	struct flow *f;
	int rc;

	assert_non_null(o);
	*error = (struct flow_error){0};
	rc = flow_parse(o, &f, error);
	assert_true((rc == 0) == (f != NULL));
	cJSON_Delete(o);
	return f;
}

static struct flow *
good(const char *text)
{
	struct flow_error error;
	struct flow *f = parse(text, &error);

	if (f == NULL)
		fail_msg("%s", error.text);
	return f;
}

#define FLOW(steps) "{\"name\":\"t\",\"steps\":[" steps "]}"
#define CMD "\"command\":[\"true\"]"
#define STEP(name, more) "{\"name\":\"" name "\"," CMD more "}"
#define AFTER(...) ",\"depends_on\":[" __VA_ARGS__ "]"
#define TWO(more) FLOW(STEP("a", "") "," STEP("b", AFTER("\"a\"") more))
#define THREE(more) \
	FLOW(STEP("a", "") "," STEP("b", "") "," STEP("c", AFTER("\"a\",\"b\"") more))

/* The step that is blamed, and words that tell what is wrong. */
static const struct {
	const char *text, *step, *words;
} wrong[] = {
    {"{}", NULL, "no name"},
    {"{\"name\":\"t\"}", NULL, "no steps"},
    {"{\"name\":\"t\",\"steps\":[]}", NULL, "at least one"},
    {"{\"name\":7,\"steps\":[]}", NULL, "name must be a text"},
    {"{\"name\":\"a\\nb\",\"steps\":[]}", NULL, "control character"},
    {"{\"name\":\"t\",\"colour\":1,\"steps\":[" STEP("a", "") "]}", NULL, "no member colour"},
    {"{\"name\":\"t\",\"concurrency\":65,\"steps\":[" STEP("a", "") "]}", NULL, "1 to 64"},
    {"{\"name\":\"t\",\"concurrency\":0,\"steps\":[" STEP("a", "") "]}", NULL, "1 to 64"},
    {"{\"name\":\"t\",\"token_budget\":1.5,\"steps\":[" STEP("a", "") "]}", NULL,
	"token_budget"},
    {"{\"name\":\"t\",\"cost_budget_usd\":-1,\"steps\":[" STEP("a", "") "]}", NULL,
	"cost_budget"},
    {FLOW("{\"command\":[\"true\"]}"), NULL, "step 1: its name"},
    {FLOW(STEP("a.b", "")), NULL, "step 1: its name"},
    {FLOW("7"), NULL, "step 1: its name"},
    {FLOW(STEP("a", "") "," STEP("a", "")), "a", "same name"},
    {FLOW("{\"name\":\"a\"}"), "a", "no command"},
    {FLOW(STEP("a", ",\"shell\":1")), "a", "no member shell"},
    {FLOW(STEP("a", ",\"timeout_s\":1,\"timeout_s\":2")), "a", "timeout_s is there twice"},
    {FLOW("{\"name\":\"a\",\"command\":\"true\"}"), "a", "command must be an array"},
    {FLOW("{\"name\":\"a\",\"command\":[]}"), "a", "command must be an array"},
    {FLOW("{\"name\":\"a\",\"command\":[\"\"]}"), "a", "begins with an empty"},
    {FLOW("{\"name\":\"a\",\"command\":[1]}"), "a", "array of texts"},
    {FLOW(STEP("a", ",\"type\":\"shell\"")), "a", "command, agent or approval"},
    {FLOW(STEP("a", ",\"trigger\":\"never\"")), "a", "all_success, one_success or all_done"},
    {FLOW(STEP("a", ",\"result\":\"xml\"")), "a", "text, json or lines"},
    {FLOW(STEP("a", ",\"trigger\":\"all_done\"")), "a", "depends on nothing"},
    {FLOW(STEP("a", AFTER("\"x\""))), "a", "x, which is no step"},
    {FLOW(STEP("a", AFTER("\"a\""))), "a", "depends on itself"},
    {FLOW(STEP("a", "") "," STEP("b", AFTER("\"a\",\"a\""))), "b", "a twice"},
    {FLOW(STEP("a", AFTER("7"))), "a", "array of names"},
    {FLOW(
	 STEP("a", AFTER("\"c\"")) "," STEP("b", AFTER("\"a\"")) "," STEP("c", AFTER("\"b\""))),
	"a", "a -> c -> b -> a"},
    {FLOW(STEP("a", "") "," STEP("b", AFTER("\"a\",\"c\"")) "," STEP("c", AFTER("\"b\""))), "b",
	"b -> c -> b"},
    {FLOW("{\"name\":\"a\",\"type\":\"agent\",\"prompt\":\"x\"}"), "a", "names no agent"},
    {FLOW("{\"name\":\"a\",\"agent\":\"claude\"}"), "a", "neither prompt nor command"},
    {FLOW("{\"name\":\"a\",\"agent\":\"hal\",\"prompt\":\"x\"}"), "a", "agent hal"},
    {FLOW("{\"name\":\"a\",\"agent\":\"claude\",\"prompt\":\"x\",\"model\":\"-m\"}"), "a",
	"model begins"},
    {FLOW("{\"name\":\"a\",\"type\":\"command\",\"agent\":\"claude\"," CMD "}"), "a",
	"agent is of no use to a step of type command"},
    {FLOW(STEP("a", ",\"message\":\"x\"")), "a", "message is of no use"},
    {FLOW(STEP("a", ",\"type\":\"approval\"")), "a", "command is of no use"},
    {FLOW("{\"name\":\"a\",\"type\":\"approval\",\"max_retries\":1}"), "a",
	"max_retries is of no"},
    {FLOW(STEP("a", ",\"timeout_s\":0")), "a", "1 to 604800"},
    {FLOW(STEP("a", ",\"timeout_s\":604801")), "a", "1 to 604800"},
    {FLOW(STEP("a", ",\"timeout_s\":1.5")), "a", "whole number"},
    {FLOW(STEP("a", ",\"timeout_s\":1e300")), "a", "whole number"},
    {FLOW(STEP("a", ",\"timeout_s\":10,\"idle_timeout_s\":11")), "a", "ends it after 10"},
    {FLOW(STEP("a", ",\"idle_timeout_s\":301")), "a", "ends it after 300"},
    {FLOW(STEP("a", ",\"max_retries\":11")), "a", "0 to 10"},
    {FLOW(STEP("a", ",\"cache\":0")), "a", "cache must be true or false"},
    {FLOW("{\"name\":\"a\",\"type\":\"approval\",\"cache\":true}"), "a", "cache is of no use"},
    {FLOW(STEP("a", ",\"retry_on\":[1]")), "a", "no max_retries"},
    {FLOW(STEP("a", ",\"backoff_s\":[1]")), "a", "no max_retries"},
    {FLOW(STEP("a", ",\"max_retries\":1,\"retry_on\":[0]")), "a", "1 to 255"},
    {FLOW(STEP("a", ",\"max_retries\":1,\"retry_on\":[]")), "a", "1 to 16"},
    {FLOW(STEP("a", ",\"max_retries\":1,\"backoff_s\":[-1]")), "a", "0 to 86400"},
    {FLOW(STEP("a", ",\"env\":{\"A=B\":\"x\"}")), "a", "names of variables"},
    {FLOW(STEP("a", ",\"env\":{\"A\":1}")), "a", "object of texts"},
    {FLOW(STEP("a", ",\"env\":{\"A\":\"1\",\"B\":\"2\",\"A\":\"3\"}")), "a", "A twice"},
    {TWO(",\"cwd\":\"${steps.x.result}\""), "b", "x, which is no step"},
    {FLOW(STEP("a", "") "," STEP("b", ",\"cwd\":\"${steps.a.result}\"")), "b",
	"does not depend"},
    {TWO(",\"cwd\":\"${steps.b.result}\""), "b", "does not depend"},
    {TWO(",\"env\":{\"A\":\"${steps.a.colour}\"}"), "b", "is no reference"},
    {TWO(",\"env\":{\"A\":\"${steps.a.result.x}\"}"), "b", "which is a text"},
    {TWO(",\"env\":{\"A\":\"${steps.a.session}\"}"), "b", "no agent's"},
    {TWO(",\"env\":{\"A\":\"${steps.a.result\"}"), "b", "no } at its end"},
    {TWO(",\"env\":{\"A\":\"${}\"}"), "b", "is no reference"},
    {TWO(",\"env\":{\"A\":\"${env.}\"}"), "b", "is no reference"},
    {TWO(",\"env\":{\"A\":\"${run.ids}\"}"), "b", "is no reference"},
    {TWO(",\"env\":{\"A\":\"${steps.a.result..x}\"}"), "b", "is no reference"},
    {TWO(",\"condition\":\"${steps.a.result} ==\""), "b", "nothing where a value is due"},
    {TWO(",\"condition\":\"(1 == 1\""), "b", "no )"},
    {TWO(",\"condition\":\"1 == 1 2\""), "b", "unexpected"},
    {TWO(",\"condition\":\"'x\""), "b", "without an end"},
    {TWO(",\"condition\":\"1 == 1 == 1\""), "b", "unexpected"},
    {TWO(",\"condition\":\"1.2.3\""), "b", "no number"},
    {TWO(",\"condition\":\"maybe\""), "b", "no value"},
    {TWO(",\"condition\":\"1 == 2\""), "b", "never be true"},
    {TWO(",\"condition\":\"${steps.a.state} == 'done'\""), "b", "no state of a step"},
    {TWO(",\"condition\":\"'failed' == ${steps.a.state}\""), "b", "never be true"},
    {TWO(",\"condition\":\"${steps.a.exit_status} > 0\""), "b", "never be true"},
    {THREE(",\"trigger\":\"one_success\",\"condition\":\"${steps.a.state} == 'completed' and "
	   "${steps.b.state} == 'completed'\""),
	"c", "needs a"},
    {THREE(",\"trigger\":\"one_success\",\"condition\":\"${steps.b.result} contains 'x'\""),
	"c", "needs b"},
};

static void
test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct flow_error error;
		struct flow *f = parse(wrong[i].text, &error);

		if (f != NULL)
			fail_msg("taken: %s", wrong[i].text);
		if (strstr(error.text, wrong[i].words) == NULL)
			fail_msg("%s: %s", wrong[i].text, error.text);
		if (wrong[i].step == NULL) {
			assert_null(error.step);
		} else {
			assert_non_null(error.step);
			assert_string_equal(error.step, wrong[i].step);
			assert_non_null(strstr(error.text, wrong[i].step));
		}
		flow_error_release(&error);
	}
}

static void
test_right(void **state)
{
	struct flow *f = good(
	    "{\"name\":\"all of it\",\"concurrency\":2,\"token_budget\":1000,"
	    "\"cost_budget_usd\":0.5,\"steps\":["
	    "{\"name\":\"late\",\"command\":[\"echo\",\"$${x}\",\"${steps.ask.result}\"],"
	    "\"depends_on\":[\"ask\",\"think\"],\"trigger\":\"all_done\",\"condition\":"
	    "\"${steps.think.state} == 'failed' or ${steps.think.result.n} > 3\"},"
	    "{\"name\":\"ask\",\"type\":\"approval\",\"message\":\"${run.id} ${env.HOME}?\"},"
	    "{\"name\":\"think\",\"agent\":\"codex\",\"prompt\":\"go\",\"result\":\"json\","
	    "\"max_retries\":3,\"retry_on\":[1,2],\"backoff_s\":[0],\"timeout_s\":9,"
	    "\"env\":{\"B\":\"2\",\"A\":\"1\"}}]}");

	(void)state;
	assert_int_equal(f->nsteps, 3);
	assert_int_equal(f->concurrency, 2);
	assert_int_equal(f->token_budget, 1000);
	assert_int_equal(f->steps[0].ndepends, 2);
	assert_int_equal(f->steps[0].timeout_s, FLOW_TIMEOUT_S);
	assert_int_equal(f->steps[1].timeout_s, 0);
	assert_int_equal(f->steps[2].type, FLOW_AGENT);
	assert_int_equal(f->steps[2].timeout_s, 9);
	assert_string_equal(f->steps[2].env[0], "A");
	assert_int_equal(flow_find(f, "think"), 2);
	assert_int_equal(flow_find(f, "thin"), -ENOENT);
	flow_free(f);
	flow_free(good(TWO(",\"condition\":\"${steps.a.state} != 'failed'\"")));
	flow_free(good(
	    TWO(",\"trigger\":\"all_done\",\"condition\":\"${steps.a.exit_status} > 0\"")));
	flow_free(good(THREE(",\"trigger\":\"one_success\",\"condition\":\"${steps.a.state} == "
			     "'completed' or ${steps.b.state} == 'completed'\"")));
	/* At second hand. */
	flow_free(good(FLOW(STEP("a", "") "," STEP("b", AFTER("\"a\"")) "," STEP(
	    "c", AFTER("\"b\"") ",\"cwd\":\"${steps.a.result}\""))));
}

/* A run that is made up. */

struct world {
	struct flow_known steps[8];
	struct flow_context c;
};

static void
world_step(void *arg, unsigned n, struct flow_known *out)
{
	*out = ((struct world *)arg)->steps[n];
}

static const char *
world_env(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "WHO") == 0 ? "${flow.name}; rm -rf /" : NULL;
}

static void
world_init(struct world *w, const struct flow *f)
{
	memset(w, 0, sizeof *w);
	for (int i = 0; i < 8; i++)
		w->steps[i].exit_status = -1;
	w->c = (struct flow_context){f, "f3", "/srv", w, world_step, world_env};
}

static void
test_triggers(void **state)
{
	static const struct {
		const char *trigger;
		int a, b;
		enum flow_turn turn;
	} rows[] = {
	    {"all_success", FLOW_COMPLETED, FLOW_COMPLETED, FLOW_TURN_GO},
	    {"all_success", FLOW_COMPLETED, FLOW_RUNNING, FLOW_TURN_WAIT},
	    {"all_success", FLOW_PENDING, FLOW_WAITING, FLOW_TURN_WAIT},
	    {"all_success", FLOW_COMPLETED, FLOW_FAILED, FLOW_TURN_SKIP},
	    {"all_success", FLOW_RUNNING, FLOW_SKIPPED, FLOW_TURN_SKIP},
	    {"all_success", FLOW_COMPLETED, FLOW_CANCELLED, FLOW_TURN_SKIP},
	    {"one_success", FLOW_COMPLETED, FLOW_RUNNING, FLOW_TURN_GO},
	    {"one_success", FLOW_FAILED, FLOW_RUNNING, FLOW_TURN_WAIT},
	    {"one_success", FLOW_FAILED, FLOW_COMPLETED, FLOW_TURN_GO},
	    {"one_success", FLOW_FAILED, FLOW_SKIPPED, FLOW_TURN_SKIP},
	    {"all_done", FLOW_FAILED, FLOW_SKIPPED, FLOW_TURN_GO},
	    {"all_done", FLOW_CANCELLED, FLOW_COMPLETED, FLOW_TURN_GO},
	    {"all_done", FLOW_FAILED, FLOW_RUNNING, FLOW_TURN_WAIT},
	    {"all_done", FLOW_COMPLETED, FLOW_WAITING, FLOW_TURN_WAIT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *text = xasprintf(THREE(",\"trigger\":\"%s\""), rows[i].trigger);
		struct flow *f = good(text);
		struct world w;

		world_init(&w, f);
		w.steps[0].state = rows[i].a;
		w.steps[1].state = rows[i].b;
		assert_int_equal(flow_turn(&w.c, 2), rows[i].turn);
		assert_int_equal(flow_turn(&w.c, 0), FLOW_TURN_GO);
		flow_free(f);
		free(text);
	}
}

#define MADE \
	FLOW(STEP("a", \
	    ",\"result\":\"json\"") "," \
				    "{\"name\":\"g\",\"agent\":\"claude\",\"prompt\":\"x\"}" \
				    "," STEP("b", \
					AFTER("\"a\",\"g\"") ",\"trigger\":\"all_done\""))

static void
made_world(struct world *w, const struct flow *f, cJSON **result)
{
	static const char text[] =
	    "{\"n\":10,\"s\":\"7\",\"word\":\"good day\",\"list\":[1,\"two\",{\"k\":"
	    "true}],\"none\":null,\"no\":false}";

	world_init(w, f);
	*result = json_parse(text, strlen(text));
	assert_non_null(*result);
	w->steps[0] = (struct flow_known){FLOW_COMPLETED, 0, *result, NULL, NULL};
	w->steps[1] = (struct flow_known){FLOW_FAILED, 3, NULL, "s-1", NULL};
}

static const struct {
	const char *text;
	bool yes;
} conditions[] = {
    {"true", true},
    {"not true", false},
    {"not not 1", true},
    {"''", false},
    {"0", false},
    {"null", false},
    {"1 == 1.0", true},
    {"'1' == 1", true},
    {"'01' == '1'", true},
    {"'a' == \"a\"", true},
    {"'a' < 'b'", true},
    {"'10' < '9'", false},
    {"'x10' < 'x9'", true},
    {"1 < 'a'", false},
    {"1 >= 'a'", false},
    {"null == null", true},
    {"null == ''", false},
    {"'it\\'s' contains '\\''", true},
    {"false or true and false", false},
    {"(false or true) and true", true},
    {"not false and false", false},
    {"not (false and false)", true},
    {"trueish == 1", false},
    {"${steps.a.result.n} > 9", true},
    {"${steps.a.result.s} < ${steps.a.result.n}", true},
    {"${steps.a.result.word} contains 'od d'", true},
    {"${steps.a.result.word} contains 'night'", false},
    {"${steps.a.result.list} contains 'two'", true},
    {"${steps.a.result.list} contains 2", false},
    {"${steps.a.result.list.2.k}", true},
    {"${steps.a.result.list.9} == null", true},
    {"${steps.a.result} contains 'word'", true},
    {"${steps.a.result.no}", false},
    {"${steps.a.exit_status} == 0", true},
    {"${steps.g.exit_status} == 3 and ${steps.g.state} == 'failed'", true},
    {"${steps.g.session} == 's-1'", true},
    {"${steps.g.result} == null", true},
    {"${env.WHO} contains 'rm'", true},
    {"${env.NOBODY} == null", true},
    {"${flow.name} == 't' and ${run.id} == 'f3'", true},
};

static void
test_conditions(void **state)
{
	struct flow *f = good(MADE);
	struct world w;
	cJSON *result;

	(void)state;
	made_world(&w, f, &result);
	for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
		struct flow_expr *e;
		char *cause = NULL;

		if (flow_expr_parse(conditions[i].text, &e, &cause) != 0) {
			assert_false(conditions[i].yes);
			free(cause);
			continue;
		}
		if (flow_expr_true(e, &w.c) != conditions[i].yes)
			fail_msg("%s", conditions[i].text);
		flow_expr_free(e);
	}
	cJSON_Delete(result);
	flow_free(f);
}

/* With twice the work for each level this would not come to an end. */
static void
test_deep_equals(void **state)
{
	struct flow *f = good(MADE);
	struct world w;
	struct buf deep, text;
	cJSON *result;

	(void)state;
	made_world(&w, f, &result);
	buf_init(&deep, BUF_NO_MAX);
	buf_init(&text, BUF_NO_MAX);
	for (int i = 0; i < JSON_DEPTH_MAX - 2; i++)
		buf_printf(&deep, "{\"k\":1,\"in\":");
	for (int i = 0; i < JSON_DEPTH_MAX - 1; i++)
		buf_printf(&deep, i == 0 ? "[]" : "}");
	buf_printf(
	    &text, "{\"a\":%s,\"b\":%s,\"c\":{\"k\":1,\"in\":{}}}", deep.data, deep.data);
	cJSON_Delete(result);
	result = json_parse(text.data, text.len);
	assert_non_null(result);
	w.steps[0].result = result;
	for (int i = 0; i < 2; i++) {
		char *cause = NULL;
		struct flow_expr *e;

		assert_int_equal(
		    flow_expr_parse(i == 0 ? "${steps.a.result.a} == ${steps.a.result.b}"
					   : "${steps.a.result.a} != ${steps.a.result.c}",
			&e, &cause),
		    0);
		assert_true(flow_expr_true(e, &w.c));
		flow_expr_free(e);
	}
	buf_release(&deep);
	buf_release(&text);
	cJSON_Delete(result);
	flow_free(f);
}

static void
check_filled(const char *text, const char *want)
{
	char *all = xasprintf(
	    FLOW(STEP("a",
		",\"result\":\"json\"") ","
					"{\"name\":\"g\",\"agent\":\"claude\",\"prompt\":\"x\"}"
					","
					"{\"name\":\"b\",\"command\":[\"echo\",\"%s\"]" AFTER(
					    "\"a\",\"g\"") ",\"trigger\":\"all_done\"}"),
	    text);
	struct flow *f = good(all);
	struct flow_ready r;
	struct world w;
	char *cause = NULL;
	cJSON *result;

	made_world(&w, f, &result);
	if (want == NULL) {
		assert_int_equal(flow_ready(&w.c, 2, &r, &cause), -EINVAL);
		assert_non_null(cause);
		free(cause);
	} else {
		assert_int_equal(flow_ready(&w.c, 2, &r, &cause), 0);
		assert_string_equal(r.argv[1], want);
		assert_null(r.argv[2]);
		flow_ready_release(&r);
	}
	cJSON_Delete(result);
	flow_free(f);
	free(all);
}

static void
test_filling(void **state)
{
	(void)state;
	check_filled("plain $ {x} $x", "plain $ {x} $x");
	check_filled("$${env.WHO}", "${env.WHO}");
	check_filled("<${env.WHO}>", "<${flow.name}; rm -rf />");
	check_filled("${env.NOBODY}", "");
	check_filled("${flow.name}/${run.id}", "t/f3");
	check_filled("${steps.a.result.n}${steps.a.result.word}", "10good day");
	check_filled("${steps.a.result.list}", "[1,\"two\",{\"k\":true}]");
	check_filled("${steps.a.result.none}|${steps.a.result.no}", "|false");
	check_filled("${steps.a.result.list.1}", "two");
	check_filled("${steps.g.result}|${steps.g.exit_status}|${steps.g.state}", "|3|failed");
	check_filled("${steps.a.result.gone}", NULL);
	check_filled("${steps.a.result.list.3}", NULL);
	check_filled("${steps.a.result.n.x}", NULL);
}

static void
test_too_long(void **state)
{
	struct flow *f = good(TWO(",\"env\":{\"A\":\"${steps.a.result}${steps.a.result}\"}"));
	char *big = xmalloc(FLOW_TEXT_MAX + 1), *cause = NULL;
	struct flow_ready r;
	struct world w;
	cJSON *result;

	(void)state;
	memset(big, 'x', FLOW_TEXT_MAX);
	big[FLOW_TEXT_MAX] = '\0';
	result = cJSON_CreateString(big);
	world_init(&w, f);
	w.steps[0] = (struct flow_known){FLOW_COMPLETED, 0, result, NULL, NULL};
	assert_int_equal(flow_ready(&w.c, 1, &r, &cause), -EINVAL);
	assert_non_null(strstr(cause, "env has more than"));
	free(cause);
	cJSON_Delete(result);
	free(big);
	flow_free(f);
}

static void
hash_of(const char *text, const char *result, unsigned char out[FLOW_HASH_SIZE])
{
	struct flow *f = good(text);
	cJSON *v = cJSON_Parse(result);
	struct flow_ready r;
	struct world w;

	world_init(&w, f);
	for (unsigned i = 0; i + 1 < f->nsteps; i++)
		w.steps[i] = (struct flow_known){FLOW_COMPLETED, 0, v, NULL, NULL};
	assert_int_equal(flow_ready(&w.c, f->nsteps - 1, &r, NULL), 0);
	memcpy(out, r.hash, FLOW_HASH_SIZE);
	flow_ready_release(&r);
	cJSON_Delete(v);
	flow_free(f);
}

static void
test_hash(void **state)
{
#define BASE TWO(",\"env\":{\"A\":\"1\",\"B\":\"2\"}")
	static const struct {
		const char *text, *result;
		bool same;
	} rows[] = {
	    {BASE, "{\"x\":1,\"y\":[2]}", true},
	    {BASE, "{\"y\":[2],\"x\":1}", true},
	    {BASE, "{\"x\":1,\"y\":[3]}", false},
	    {TWO(",\"env\":{\"B\":\"2\",\"A\":\"1\"}"), "{\"x\":1,\"y\":[2]}", true},
	    {TWO(",\"env\":{\"B\":\"2\",\"A\":\"2\"}"), "{\"x\":1,\"y\":[2]}", false},
	    {TWO(",\"env\":{\"B\":\"2\",\"A\":\"1\"},\"timeout_s\":7,\"max_retries\":2"),
		"{\"x\":1,\"y\":[2]}", true},
	    {TWO(",\"env\":{\"B\":\"2\",\"A\":\"1\"},\"cwd\":\"/tmp\""), "{\"x\":1,\"y\":[2]}",
		false},
	    {TWO(",\"env\":{\"B\":\"2\",\"A\":\"1\"},\"result\":\"lines\""),
		"{\"x\":1,\"y\":[2]}", false},
	};
	unsigned char first[FLOW_HASH_SIZE], other[FLOW_HASH_SIZE];
	struct flow_ready r, r2;
	struct world w;
	struct flow *f;

	(void)state;
	hash_of(rows[0].text, rows[0].result, first);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		hash_of(rows[i].text, rows[i].result, other);
		if ((memcmp(first, other, sizeof first) == 0) != rows[i].same)
			fail_msg("%s %s", rows[i].text, rows[i].result);
	}
	/* Another directory is another step. */
	f = good(FLOW(STEP("a", "")));
	world_init(&w, f);
	assert_int_equal(flow_ready(&w.c, 0, &r, NULL), 0);
	w.c.dir = "/tmp";
	assert_int_equal(flow_ready(&w.c, 0, &r2, NULL), 0);
	assert_memory_not_equal(r.hash, r2.hash, sizeof r.hash);
	flow_ready_release(&r);
	flow_ready_release(&r2);
	flow_free(f);
	/* Which of them came first is chance. */
	hash_of(THREE(",\"trigger\":\"one_success\""), "1", first);
	hash_of(THREE(",\"trigger\":\"one_success\""), "2", other);
	assert_memory_equal(first, other, sizeof first);
}

static void
test_agents(void **state)
{
	static const char *const names[] = {"claude", "codex", "gemini", "opencode"};
	static const char *const want[] = {
	    "claude -p --output-format stream-json --verbose --model m -- --evil ",
	    "codex exec --json --model m -- --evil ",
	    "gemini -o stream-json --model m --prompt=--evil ",
	    "opencode run --format json --model m -- --evil ",
	};

	(void)state;
	for (int i = 0; i < 4; i++) {
		char **argv = flow_agent_argv(names[i], "m", "--evil");
		struct buf b;

		buf_init(&b, BUF_NO_MAX);
		for (char **a = argv; *a != NULL; a++)
			buf_printf(&b, "%s ", *a);
		assert_string_equal(b.data, want[i]);
		buf_release(&b);
		flow_argv_free(argv);
	}
	assert_null(flow_agent_argv("hal", NULL, "x"));
}

/* Hostile. */

static void
expect_wrong(const char *text, const char *words)
{
	struct flow_error error;
	struct flow *f = parse(text, &error);

	assert_null(f);
	if (strstr(error.text, words) == NULL)
		fail_msg("%s", error.text);
	flow_error_release(&error);
}

static char *
many_steps(unsigned n, bool chain)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "{\"name\":\"t\",\"steps\":[");
	for (unsigned i = 0; i < n; i++) {
		buf_printf(
		    &b, "%s{\"name\":\"s%u\",\"command\":[\"true\"]", i != 0 ? "," : "", i);
		if (chain && i + 1 < n)
			buf_printf(&b, ",\"depends_on\":[\"s%u\"]", i + 1);
		buf_puts(&b, "}");
	}
	buf_puts(&b, "]}");
	return buf_take(&b);
}

static char *
repeated(const char *head, const char *part, size_t n, const char *tail)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, head);
	for (size_t i = 0; i < n; i++)
		buf_puts(&b, part);
	buf_puts(&b, tail);
	return buf_take(&b);
}

static void
test_hostile(void **state)
{
#define COND \
	"{\"name\":\"t\",\"steps\":[{\"name\":\"a\",\"command\":[\"true\"],\"condition\":\""
#define ARG "{\"name\":\"t\",\"steps\":[{\"name\":\"a\",\"command\":[\"true\",\""
	char *text;

	(void)state;
	text = many_steps(10000, false);
	expect_wrong(text, "10000 steps");
	free(text);
	text = many_steps(FLOW_STEPS_MAX, true);
	flow_free(good(text));
	free(text);
	text = repeated(COND, "(", 1000, "\"}]}");
	expect_wrong(text, "too deep");
	free(text);
	text = repeated(COND, "not ", 1000, "1\"}]}");
	expect_wrong(text, "too deep");
	free(text);
	text = repeated(COND "1", " or 1", 800, "\"}]}");
	expect_wrong(text, "too many parts");
	free(text);
	text = repeated(COND, "1 or ", 100000, "1\"}]}");
	expect_wrong(text, "more than 4096 bytes");
	free(text);
	text = repeated(ARG "${steps.", "a", 60000, ".result}\"]}]}");
	expect_wrong(text, "is no reference");
	free(text);
	text = repeated(ARG, "${", 30000, "\"]}]}");
	expect_wrong(text, "no } at its end");
	free(text);
	text = repeated(ARG "${steps.a.result", ".x", 1000, "}\"]}]}");
	expect_wrong(text, "is no reference");
	free(text);
	text = repeated(ARG, "x", FLOW_TEXT_MAX + 1, "\"]}]}");
	expect_wrong(text, "65536 bytes");
	free(text);
	text = repeated("{\"name\":\"t\",\"steps\":[{\"name\":\"a\",\"command\":[\"true\"",
	    ",\"x\"", 1024, "]}]}");
	expect_wrong(text, "1 to 1024");
	free(text);
}

static void
test_canonical(void **state)
{
	cJSON *v = cJSON_Parse("{ \"b\": [1, {\"z\":null,\"a\":\"\\u00e9\"}], \"a\": 1.5 }");
	char *text = flow_canonical(v);

	(void)state;
	assert_string_equal(text, "{\"a\":1.5,\"b\":[1,{\"a\":\"\xc3\xa9\",\"z\":null}]}");
	free(text);
	cJSON_Delete(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wrong),
	    cmocka_unit_test(test_right),
	    cmocka_unit_test(test_triggers),
	    cmocka_unit_test(test_conditions),
	    cmocka_unit_test(test_deep_equals),
	    cmocka_unit_test(test_filling),
	    cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_hash),
	    cmocka_unit_test(test_agents),
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_canonical),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
