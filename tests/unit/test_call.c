#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "call.h"
#include "clock.h"

#define NOW      1000
#define FEATURES (PROTOCOL_ELICITS | PROTOCOL_SAMPLES | PROTOCOL_HAS_ROOTS)

static struct protocol protocol;
static struct task_tools tools;
static const struct call_world world = {
    .protocol = &protocol, .tools = &tools, .features = FEATURES, .now = NOW};

static int clean(void **state)
{
	(void)state;
	protocol_free(&protocol);
	task_tools_forget(&tools);
	return 0;
}

/* The call wants to send this. */
static void expect_send(struct call *c, const char *method, const char *params)
{
	if (c->step == CALL_DONE)
		print_error("ended: %s\n", c->error ? c->error : "");
	assert_int_equal(c->step, CALL_SEND);
	assert_string_equal(c->method, method);
	assert_int_equal(c->params.len, strlen(params));
	if (c->params.len)
		assert_memory_equal(c->params.data, params, c->params.len);
	c->request = 1;
}

static void result(struct call *c, const char *text)
{
	c->request = 0;
	call_answered(c, &world, &(struct call_answer){.text = text, .len = strlen(text)});
}

static void error(struct call *c, const char *text)
{
	c->request = 0;
	call_answered(
	    c, &world, &(struct call_answer){.is_error = true, .text = text, .len = strlen(text)});
}

static void error_of_ours(struct call *c, const char *text, bool lost)
{
	c->request = 0;
	call_answered(c, &world,
	    &(struct call_answer){
	        .is_error = true, .ours = true, .lost = lost, .text = text, .len = strlen(text)});
}

static void expect_wait(struct call *c, int64_t ms)
{
	assert_int_equal(c->step, CALL_WAIT);
	assert_int_equal(c->wake, NOW + ms);
	call_woken(c, &world);
}

/* It has ended so; frees it. */
static void expect_end(struct call *c, enum wsmcp_status status, const char *text)
{
	assert_int_equal(c->step, CALL_DONE);
	if (c->status != status)
		print_error("%s\n", c->error ? c->error : "");
	assert_int_equal(c->status, status);
	if (status == WSMCP_OK && text)
		assert_string_equal(c->result, text);
	else if (text && !strstr(c->error, text))
		fail_msg("%s: it is: %s", text, c->error);
	if (status == WSMCP_OK)
		assert_null(c->error);
	call_free(c);
}

static struct call *begin(struct call *c)
{
	assert_non_null(c);
	call_begin(c, &world);
	return c;
}

/* --- connecting -------------------------------------------------------- */

static void expect_initialize(struct call *c)
{
	assert_int_equal(c->step, CALL_SEND);
	assert_string_equal(c->method, "initialize");
	assert_non_null(memchr(c->params.data, '{', c->params.len));
}

static void test_connecting(void **state)
{
	(void)state;
	struct call *c = begin(call_new_connect(WSMCP_PROTOCOL_AUTO));
	expect_initialize(c);
	result(c, "{\"protocolVersion\":\"2025-06-18\"}");
	assert_string_equal(protocol.version, "2025-06-18");
	expect_end(c, WSMCP_OK, NULL);

	c = begin(call_new_connect(WSMCP_PROTOCOL_LEGACY));
	expect_initialize(c);
	result(c, "{\"protocolVersion\":\"1\"}");
	expect_end(c, WSMCP_CONNECTION_ERROR, "MCP version 1;");

	c = begin(call_new_connect(WSMCP_PROTOCOL_LEGACY));
	result(c, "[]");
	expect_end(c, WSMCP_CONNECTION_ERROR, "no object");

	c = begin(call_new_connect(WSMCP_PROTOCOL_MODERN));
	expect_send(c, "server/discover", "");
	result(c, "{\"supportedVersions\":[\"2026-07-28\"]}");
	assert_true(protocol.modern);
	expect_end(c, WSMCP_OK, NULL);
}

static void test_falling_back(void **state)
{
	static const char said[] = "{\"code\":-32601,\"message\":\"what?\"}";

	(void)state;
	struct call *c = begin(call_new_connect(WSMCP_PROTOCOL_AUTO));
	error(c, said);
	expect_send(c, "server/discover", "");
	result(c, "{\"supportedVersions\":[\"2026-07-28\"]}");
	expect_end(c, WSMCP_OK, NULL);

	c = begin(call_new_connect(WSMCP_PROTOCOL_AUTO));
	error_of_ours(c, said, true);
	expect_send(c, "server/discover", "");
	error(c, "{\"code\":1,\"message\":\"never heard\"}");
	assert_non_null(c->error_object);
	expect_end(c, WSMCP_CONNECTION_ERROR, "initialize: what?; server/discover: never heard");

	c = begin(call_new_connect(WSMCP_PROTOCOL_AUTO));
	error(c, said);
	error_of_ours(c, "{\"message\":\"lost\"}", true);
	assert_string_equal(c->error_object, said);
	expect_end(c, WSMCP_CONNECTION_ERROR, "server/discover: lost");

	/* No connection is no reason for another protocol, and an order is an order. */
	c = begin(call_new_connect(WSMCP_PROTOCOL_AUTO));
	error_of_ours(c, said, false);
	assert_null(c->error_object);
	expect_end(c, WSMCP_CONNECTION_ERROR, "what?");
	c = begin(call_new_connect(WSMCP_PROTOCOL_LEGACY));
	error(c, said);
	assert_string_equal(c->error_object, said);
	expect_end(c, WSMCP_CONNECTION_ERROR, "what?");
	c = begin(call_new_connect(WSMCP_PROTOCOL_MODERN));
	error(c, said);
	expect_end(c, WSMCP_CONNECTION_ERROR, "what?");
}

/* --- requests ---------------------------------------------------------- */

static void test_requests(void **state)
{
	(void)state;
	struct call *c = begin(call_new_request("a/b", NULL));
	expect_send(c, "a/b", "");
	assert_true(call_can_cancel(c));
	result(c, " 17 ");
	expect_end(c, WSMCP_OK, " 17 ");

	c = begin(call_new_request("a/b", "[ 1 ]"));
	expect_send(c, "a/b", "[ 1 ]");
	error(c, "{\"code\":-5}");
	assert_string_equal(c->error_object, "{\"code\":-5}");
	expect_end(c, WSMCP_TOOL_ERROR, "code -5");

	c = begin(call_new_request("a/b", NULL));
	error(c, "\"no object at all\"");
	expect_end(c, WSMCP_TOOL_ERROR, "without a message");

	c = begin(call_new_request("a/b", NULL));
	error_of_ours(c, "{\"code\":-31002,\"message\":\"No connection\"}", false);
	assert_null(c->error_object);
	expect_end(c, WSMCP_CONNECTION_ERROR, "No connection");

	/* Only tools have isError, and only 2026-07-28 has kinds of results. */
	c = begin(call_new_request("a/b", NULL));
	result(c, "{\"isError\":true,\"resultType\":\"input_required\"}");
	expect_end(c, WSMCP_OK, "{\"isError\":true,\"resultType\":\"input_required\"}");
}

static void test_tools(void **state)
{
	(void)state;
	struct call *c = begin(call_new_tool("a\"b", "{ \"x\":1.0 }"));
	expect_send(c, "tools/call", "{\"name\":\"a\\\"b\",\"arguments\":{ \"x\":1.0 }}");
	result(c, "{\"isError\":false}");
	expect_end(c, WSMCP_OK, "{\"isError\":false}");

	c = begin(call_new_tool("a", NULL));
	expect_send(c, "tools/call", "{\"name\":\"a\"}");
	result(
	    c, "{\"isError\":true,\"content\":[{\"type\":\"text\",\"text\":\"it\\u001b broke\"}]}");
	assert_non_null(c->result);
	expect_end(c, WSMCP_TOOL_ERROR, "it\\x1b broke");

	c = begin(call_new_request("tools/call", "{\"name\":\"a\"}"));
	result(c, "{\"isError\":true}");
	expect_end(c, WSMCP_TOOL_ERROR, "does not say why");

	c = begin(call_new_tool("a", NULL));
	result(c, "null");
	expect_end(c, WSMCP_TOOL_ERROR, "no object");
}

/* --- lists ------------------------------------------------------------- */

static void test_lists(void **state)
{
	(void)state;
	struct call *c = begin(call_new_list("x/list", "xs"));
	expect_send(c, "x/list", "");
	result(c, "{\"xs\":[1],\"nextCursor\":\"\\u0061\"}");
	expect_send(c, "x/list", "{\"cursor\":\"\\u0061\"}");
	result(c, "{\"xs\":[2.0]}");
	expect_end(c, WSMCP_OK, "[1,2.0]");

	c = begin(call_new_list("x/list", "xs"));
	result(c, "{\"ys\":[1]}");
	expect_end(c, WSMCP_TOOL_ERROR, "x/list is no list");

	c = begin(call_new_list("x/list", "xs"));
	result(c, "{\"xs\":[],\"nextCursor\":\"a\"}");
	error(c, "{\"message\":\"enough\"}");
	expect_end(c, WSMCP_TOOL_ERROR, "enough");

	protocol.modern = true;
	c = begin(call_new_list("x/list", "xs"));
	result(c, "{\"resultType\":\"complete\",\"xs\":[]}");
	expect_end(c, WSMCP_OK, "[]");
	c = begin(call_new_list("x/list", "xs"));
	result(c, "{\"resultType\":\"input_required\",\"requestState\":\"s\",\"xs\":[]}");
	expect_end(c, WSMCP_TOOL_ERROR, "input");
	c = begin(call_new_list("x/list", "xs"));
	result(c, "{\"resultType\":\"odd\",\"xs\":[]}");
	expect_end(c, WSMCP_TOOL_ERROR, "odd");
}

/* --- inputs ------------------------------------------------------------ */

static void test_inputs(void **state)
{
	(void)state;
	protocol.modern = true;
	struct call *c = begin(call_new_tool("t", "{\"n\":1.0}"));
	result(c, "{\"resultType\":\"input_required\",\"requestState\":\"\\/s\",\"inputRequests\":{"
	          "\"a\":{\"method\":\"elicitation/create\",\"params\":{ \"mode\":\"url\"}},"
	          "\"\\u0062\":{\"method\":\"roots/list\"}}}");
	assert_int_equal(c->step, CALL_ASK);
	assert_false(call_can_cancel(c));
	assert_int_equal(c->input_count, 2);
	assert_int_equal(c->inputs[0].kind, ASK_ELICIT);
	assert_string_equal(c->inputs[0].params, "{ \"mode\":\"url\"}");
	assert_int_equal(c->inputs[1].kind, ASK_ROOTS);
	assert_null(c->inputs[1].params);
	call_give_input(c, &world, 1, "{\"roots\":[]}");
	call_give_input(c, &world, 1, "{\"twice\":1}");
	call_give_input(c, &world, 5, "{}");
	assert_int_equal(c->step, CALL_ASK);
	call_give_input(c, &world, 0, "{ \"action\":\"accept\"}");
	expect_send(c, "tools/call",
	    "{\"name\":\"t\",\"arguments\":{\"n\":1.0},\"inputResponses\":{"
	    "\"a\":{ "
	    "\"action\":\"accept\"},\"\\u0062\":{\"roots\":[]}},\"requestState\":\"\\/s\"}");
	/* A state alone; and then neither of the old ones may come again. */
	result(c, "{\"resultType\":\"input_required\",\"requestState\":\"t\"}");
	expect_wait(c, CALL_RETRY_WAIT);
	expect_send(
	    c, "tools/call", "{\"name\":\"t\",\"arguments\":{\"n\":1.0},\"requestState\":\"t\"}");
	result(c, "{\"resultType\":\"input_required\",\"inputRequests\":{"
	          "\"a\":{\"method\":\"sampling/createMessage\"}}}");
	call_give_input(c, &world, 0, "{}");
	expect_send(c, "tools/call",
	    "{\"name\":\"t\",\"arguments\":{\"n\":1.0},\"inputResponses\":{\"a\":{}}}");
	result(c, "{\"content\":[]}");
	expect_end(c, WSMCP_OK, "{\"content\":[]}");
}

static void test_inputs_of_a_request_without_params(void **state)
{
	(void)state;
	protocol.modern = true;
	struct call *c = begin(call_new_request("prompts/get", NULL));
	result(c, "{\"resultType\":\"input_required\",\"requestState\":\"s\"}");
	expect_wait(c, CALL_RETRY_WAIT);
	expect_send(c, "prompts/get", "{\"requestState\":\"s\"}");
	call_free(c);
}

static void test_inputs_that_are_not_done(void **state)
{
	static const struct {
		unsigned features;
		const char *result, *text;
	} rows[] = {
	    {FEATURES, "{\"resultType\":\"input_required\"}", "which"},
	    {FEATURES, "{\"resultType\":\"input_required\",\"inputRequests\":{\"a\":{}}}",
	        "not done"},
	    {FEATURES,
	        "{\"resultType\":\"input_required\",\"inputRequests\":{\"a\":{\"method\":\"ping\"}}"
	        "}",
	        "ping"},
	    {FEATURES & ~(unsigned)PROTOCOL_SAMPLES,
	        "{\"resultType\":\"input_required\",\"inputRequests\":"
	        "{\"a\":{\"method\":\"sampling/createMessage\"}}}",
	        "sampling/createMessage"},
	    {FEATURES,
	        "{\"resultType\":\"input_required\",\"inputRequests\":"
	        "{\"a\":{\"method\":\"elicitation/create\",\"params\":{\"mode\":\"x\"}}}}",
	        "elicitation"},
	    {FEATURES, "{\"resultType\":\"novel\"}", "novel"},
	    {FEATURES, "{\"resultType\":null}", "not known"},
	    {FEATURES, "{\"resultType\":\"task\",\"taskId\":\"a\"}", "task"},
	};

	(void)state;
	protocol.modern = true;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct call_world w = world;
		struct call *c = begin(call_new_request("resources/read", NULL));
		w.features = rows[i].features;
		call_answered(c, &w,
		    &(struct call_answer){.text = rows[i].result, .len = strlen(rows[i].result)});
		expect_end(c, WSMCP_TOOL_ERROR, rows[i].text);
	}
}

static void test_endless_rounds(void **state)
{
	(void)state;
	protocol.modern = true;
	struct call *c = begin(call_new_tool("t", NULL));
	for (int i = 0; i < CALL_ROUNDS_MAX; i++) {
		result(c, "{\"resultType\":\"input_required\",\"requestState\":\"s\"}");
		expect_wait(c, CALL_RETRY_WAIT);
	}
	result(c, "{\"resultType\":\"input_required\",\"requestState\":\"s\"}");
	expect_end(c, WSMCP_TOOL_ERROR, "again and again");
}

/* --- tasks ------------------------------------------------------------- */

#define TASK "\"taskId\":\"T\\n\",\"pollInterval\":250,\"status\":"

static struct call *begin_task(void)
{
	protocol.task_calls = protocol.task_cancel = true;
	struct call *c = begin(call_new_tool("slow", "{}"));
	expect_send(c, "tools/list", "");
	assert_true(call_can_cancel(c));
	result(c, "{\"tools\":[{\"name\":\"quick\"}],\"nextCursor\":\"2\"}");
	expect_send(c, "tools/list", "{\"cursor\":\"2\"}");
	result(c, "{\"tools\":[{\"name\":\"slow\",\"execution\":{\"taskSupport\":\"required\"}}]}");
	expect_send(c, "tools/call", "{\"name\":\"slow\",\"arguments\":{},\"task\":{}}");
	assert_true(call_makes_task(c));
	assert_false(call_can_cancel(c));
	assert_null(call_task(c));
	return c;
}

static void test_a_task(void **state)
{
	(void)state;
	struct call *c = begin_task();
	result(c, "{\"task\":{" TASK "\"working\"}}");
	assert_string_equal(call_task(c), "\"T\\n\"");
	assert_false(call_makes_task(c));
	expect_wait(c, 250);
	expect_send(c, "tasks/get", "{\"taskId\":\"T\\n\"}");
	assert_false(call_can_cancel(c));
	result(c, "{" TASK "\"working\"}");
	expect_wait(c, 250);
	result(c, "{\"status\":\"input_required\"}");
	expect_send(c, "tasks/result", "{\"taskId\":\"T\\n\"}");
	result(c, "{\"content\":[]}");
	expect_end(c, WSMCP_OK, "{\"content\":[]}");

	/* The tools are known by now. */
	c = begin(call_new_tool("quick", NULL));
	expect_send(c, "tools/call", "{\"name\":\"quick\"}");
	call_free(c);
	c = begin(call_new_tool("slow", NULL));
	expect_send(c, "tools/call", "{\"name\":\"slow\",\"task\":{}}");
	result(c, "{\"content\":[]}"); /* a server that makes none after all */
	expect_end(c, WSMCP_OK, "{\"content\":[]}");
}

static void test_tasks_that_fail(void **state)
{
	(void)state;
	struct call *c = begin_task();
	result(c, "{\"task\":{\"status\":\"working\"}}");
	expect_end(c, WSMCP_TOOL_ERROR, "without an id");

	c = begin(call_new_tool("slow", NULL));
	error(c, "{\"message\":\"no tasks today\"}");
	expect_end(c, WSMCP_TOOL_ERROR, "no tasks today");

	c = begin(call_new_tool("slow", NULL));
	result(c, "{\"task\":{" TASK "\"dreaming\"}}");
	expect_end(c, WSMCP_TOOL_ERROR, "dreaming");

	c = begin(call_new_tool("slow", NULL));
	result(c, "{\"task\":{" TASK "\"failed\"}}");
	expect_send(c, "tasks/result", "{\"taskId\":\"T\\n\"}");
	error(c, "{\"message\":\"it broke\"}");
	expect_end(c, WSMCP_TOOL_ERROR, "it broke");

	c = begin(call_new_tool("slow", NULL));
	result(c, "{\"task\":{" TASK "\"working\"}}");
	call_woken(c, &world);
	result(c, "{}");
	expect_end(c, WSMCP_TOOL_ERROR, "no task");

	c = begin(call_new_tool("slow", NULL));
	result(c, "{\"task\":{" TASK "\"working\"}}");
	call_woken(c, &world);
	error_of_ours(c, "{\"message\":\"lost\"}", true);
	expect_end(c, WSMCP_CONNECTION_ERROR, "lost");

	/* Tools that cannot be learned. */
	task_tools_forget(&tools);
	c = begin(call_new_tool("slow", NULL));
	error(c, "{\"message\":\"no list\"}");
	expect_end(c, WSMCP_TOOL_ERROR, "no list");
	c = begin(call_new_tool("slow", NULL));
	result(c, "{}");
	expect_end(c, WSMCP_TOOL_ERROR, "no array");
}

static void test_a_modern_task(void **state)
{
	static const char input[] =
	    "{" TASK
	    "\"input_required\",\"inputRequests\":{\"a\":{\"method\":\"elicitation/create\"},"
	    "\"b\":{\"method\":\"elicitation/create\"}}}";

	(void)state;
	protocol.modern = true;
	struct call *c = begin(call_new_tool("t", NULL));
	expect_send(c, "tools/call", "{\"name\":\"t\"}");
	assert_false(call_makes_task(c));
	result(c, "{\"resultType\":\"task\"," TASK "\"input_required\"}");
	expect_wait(c, TASK_POLL_MIN);
	expect_send(c, "tasks/get", "{\"taskId\":\"T\\n\"}");
	result(c, input);
	assert_int_equal(c->step, CALL_ASK);
	call_give_input(c, &world, 0, "{\"x\":1}");
	call_give_input(c, &world, 1, "{}");
	expect_send(c, "tasks/update",
	    "{\"taskId\":\"T\\n\",\"inputResponses\":{\"a\":{\"x\":1},\"b\":{}}}");
	result(c, "{\"resultType\":\"complete\"}");
	expect_wait(c, TASK_POLL_MIN);
	result(c, input); /* asked once is enough */
	expect_wait(c, 250);
	result(c,
	    "{" TASK "\"input_required\",\"inputRequests\":{\"c\":{\"method\":\"roots/list\"}}}");
	assert_int_equal(c->step, CALL_ASK);
	assert_int_equal(c->input_count, 1);
	call_give_input(c, &world, 0, "{}");
	expect_send(c, "tasks/update", "{\"taskId\":\"T\\n\",\"inputResponses\":{\"c\":{}}}");
	error(c, "{\"message\":\"unknown task\"}");
	expect_end(c, WSMCP_TOOL_ERROR, "unknown task");
}

static void test_ends_of_modern_tasks(void **state)
{
	static const struct {
		const char *task;
		enum wsmcp_status status;
		const char *text;
	} rows[] = {
	    {"{" TASK "\"completed\",\"result\":{\"n\":1.0}}", WSMCP_OK, "{\"n\":1.0}"},
	    {"{" TASK "\"completed\"}", WSMCP_TOOL_ERROR, "without a result"},
	    {"{" TASK "\"completed\",\"result\":{\"isError\":true}}", WSMCP_TOOL_ERROR, "why"},
	    {"{" TASK "\"failed\",\"error\":{\"message\":\"m\"}}", WSMCP_TOOL_ERROR, "m"},
	    {"{" TASK "\"failed\",\"statusMessage\":\"s\"}", WSMCP_TOOL_ERROR, "result: s"},
	    {"{" TASK "\"cancelled\"}", WSMCP_TOOL_ERROR, "was cancelled"},
	};

	(void)state;
	protocol.modern = true;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct call *c = begin(call_new_tool("t", NULL));
		result(c, "{\"resultType\":\"task\"," TASK "\"working\"}");
		expect_wait(c, 250);
		result(c, rows[i].task);
		expect_end(c, rows[i].status, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_connecting, clean),
	    cmocka_unit_test_teardown(test_falling_back, clean),
	    cmocka_unit_test_teardown(test_requests, clean),
	    cmocka_unit_test_teardown(test_tools, clean),
	    cmocka_unit_test_teardown(test_lists, clean),
	    cmocka_unit_test_teardown(test_inputs, clean),
	    cmocka_unit_test_teardown(test_inputs_of_a_request_without_params, clean),
	    cmocka_unit_test_teardown(test_inputs_that_are_not_done, clean),
	    cmocka_unit_test_teardown(test_endless_rounds, clean),
	    cmocka_unit_test_teardown(test_a_task, clean),
	    cmocka_unit_test_teardown(test_tasks_that_fail, clean),
	    cmocka_unit_test_teardown(test_a_modern_task, clean),
	    cmocka_unit_test_teardown(test_ends_of_modern_tasks, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
