#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "task.h"

static bool read(struct task_state *t, const char *object)
{
	return task_read(t, object, strlen(object));
}

static void test_status(void **state)
{
	static const struct {
		const char *word;
		enum task_status status;
	} rows[] = {
	    {"\"working\"", TASK_WORKING},
	    {"\"input_required\"", TASK_INPUT_REQUIRED},
	    {"\"completed\"", TASK_COMPLETED},
	    {"\"failed\"", TASK_FAILED},
	    {"\"cancelled\"", TASK_CANCELLED},
	    {"\"c\\u0061ncelled\"", TASK_CANCELLED},
	    {"\"Working\"", TASK_UNKNOWN},
	    {"1", TASK_UNKNOWN},
	    {"null", TASK_UNKNOWN},
	};
	struct task_state t;
	char object[100];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(object, sizeof object, "{\"taskId\":\"a\",\"status\":%s}", rows[i].word);
		assert_true(read(&t, object));
		assert_int_equal(t.status, rows[i].status);
		assert_int_equal(t.poll, TASK_POLL_DEFAULT);
	}
	assert_false(read(&t, "{\"status\":\"working\"}"));
	assert_int_equal(t.status, TASK_WORKING);
	assert_false(read(&t, "{\"taskId\":1}"));
	assert_false(read(&t, "[]"));
}

static void test_poll(void **state)
{
	static const struct {
		const char *members;
		int64_t poll;
	} rows[] = {
	    {"\"pollInterval\":250", 250},
	    {"\"pollIntervalMs\":250.9", 250},
	    {"\"pollIntervalMs\":300,\"pollInterval\":250", 300},
	    {"\"pollInterval\":0", TASK_POLL_MIN},
	    {"\"pollInterval\":-5", TASK_POLL_MIN},
	    {"\"pollInterval\":1e300", TASK_POLL_MAX},
	    {"\"pollInterval\":-1e300", TASK_POLL_MIN},
	    {"\"pollInterval\":\"250\"", TASK_POLL_DEFAULT},
	    {"\"pollInterval\":null", TASK_POLL_DEFAULT},
	};
	struct task_state t;
	char object[100];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(object, sizeof object, "{\"taskId\":\"a\",%s}", rows[i].members);
		assert_true(read(&t, object));
		assert_int_equal(t.poll, rows[i].poll);
	}
}

static void test_spans(void **state)
{
	const char object[] = "{\"taskId\":\"a\\n\",\"result\":{\"x\":1},\"error\":[],"
	                      "\"inputRequests\":{},\"statusMessage\":\"m\"}";
	struct task_state t;

	(void)state;
	assert_true(read(&t, object));
	assert_memory_equal(object + t.id.at, "\"a\\n\"", t.id.len);
	assert_memory_equal(object + t.result.at, "{\"x\":1}", t.result.len);
	assert_memory_equal(object + t.error.at, "[]", t.error.len);
	assert_memory_equal(object + t.inputs.at, "{}", t.inputs.len);
	assert_memory_equal(object + t.message.at, "\"m\"", t.message.len);
	assert_int_equal(t.word.len, 0);
}

static bool learn(struct task_tools *t, const char *tools)
{
	return task_tools_learn(t, tools, strlen(tools));
}

static void test_tools(void **state)
{
	struct task_tools t = {0};

	(void)state;
	assert_false(task_tools_has(&t, "a"));
	assert_true(learn(&t,
	    "[{\"name\":\"a\",\"execution\":{\"taskSupport\":\"required\"}},"
	    "{\"name\":\"b\",\"execution\":{\"taskSupport\":\"optional\"}},{\"name\":\"c\"},"
	    "{\"name\":5,\"execution\":{\"taskSupport\":\"required\"}},17,null,"
	    "{\"name\":\"d\",\"execution\":[]},"
	    "{\"name\":\"\\u00e9\",\"execution\":{\"taskSupport\":\"required\"}}]"));
	assert_true(t.known);
	assert_true(task_tools_has(&t, "a") && task_tools_has(&t, "\xc3\xa9"));
	assert_false(task_tools_has(&t, "b") || task_tools_has(&t, "c") || task_tools_has(&t, "d"));
	assert_true(learn(&t, "[]"));
	assert_true(t.known);
	assert_false(task_tools_has(&t, "a"));
	task_tools_forget(&t);
	assert_false(t.known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_status),
	    cmocka_unit_test(test_poll),
	    cmocka_unit_test(test_spans),
	    cmocka_unit_test(test_tools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
