#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tool.h"

#define TOOLS                                                                                      \
	"[{\"name\":\"echo\",\"inputSchema\":{\"properties\":{\"message\":{\"type\":\"string\"},"  \
	"\"times\":{\"type\":\"integer\"},\"tempo\":{}},\"required\":[\"message\"]}},"             \
	"{\"name\":\"add\"},{\"name\":7},{\"name\":\"\\u001b[31m\\u202e\"},{\"title\":\"x\"}]"

static void tools_are_found(void **state)
{
	struct value tools = value_of(TOOLS);

	(void)state;
	assert_true(value_is(value_member(tool_find(tools, "add"), "name"), "add"));
	assert_int_equal(tool_find(tools, "Add").len, 0);
	assert_int_equal(tool_find(tools, "").len, 0);
	assert_int_equal(tool_find(VALUE_NOTHING, "add").len, 0);
}

static void unknown_tools_are_named_with_those_there_are(void **state)
{
	char error[TOOL_ERROR_SIZE];

	(void)state;
	tool_unknown(value_of(TOOLS), "ad", error);
	assert_string_equal(
	    error, "the server has no tool \"ad\"; it has \"add\", \"echo\", \"\\x1b[31m\\u202e\"");
	tool_unknown(value_of("[]"), "a\"\x1b\xff", error);
	assert_string_equal(error, "the server has no tool \"a\"\\x1b\\xff\"; it has none");
}

static void sentences_are_bounded(void **state)
{
	char error[TOOL_ERROR_SIZE + 1], name[3000], *tools = malloc(5000 * 120);
	size_t at = 0;

	(void)state;
	assert_non_null(tools);
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	for (int i = 0; i < 5000; i++)
		at += (size_t)snprintf(
		    tools + at, 120, "%s{\"name\":\"%.90s%d\"}", i > 0 ? "," : "[", name, i);
	strcpy(tools + at, "]");
	error[TOOL_ERROR_SIZE] = 'x';
	tool_unknown(value_of(tools), name, error);
	assert_int_equal(error[TOOL_ERROR_SIZE], 'x');
	assert_true(strlen(error) < TOOL_ERROR_SIZE && strlen(error) > TOOL_ERROR_SIZE - 120);
	assert_string_equal(error + strlen(error) - 3, "...");
	free(tools);
}

static void parameters_are_said(void **state)
{
	char error[TOOL_ERROR_SIZE];
	struct tool_sentence s = {.text = error};
	struct value tool = tool_find(value_of(TOOLS), "echo");

	(void)state;
	assert_true(tool_say(&s, "no"));
	tool_say_parameters(&s, tool, NULL);
	assert_string_equal(error,
	    "no; its parameters: \"message\" (string, required), \"times\" (integer), "
	    "\"tempo\" (any value)");
	s.len = 0;
	tool_say_parameters(&s, tool, "time");
	assert_string_equal(error, "; its parameters: \"times\" (integer), \"tempo\" (any value), "
	                           "\"message\" (string, required)");
	s.len = 0;
	tool_say_parameters(&s, tool_find(value_of(TOOLS), "add"), "x");
	assert_string_equal(error, "; it has no parameters");
}

static void quotes_are_bounded_and_escaped(void **state)
{
	char error[TOOL_ERROR_SIZE + 4], text[500];
	struct tool_sentence s = {.text = error};

	(void)state;
	memset(text, 'a', sizeof text);
	assert_true(tool_quote(&s, "x\n\x7f", 3));
	assert_string_equal(error, "\"x\\x0a\\x7f\"");
	s.len = 0;
	assert_true(tool_quote(&s, text, sizeof text));
	assert_true(strlen(error) <= 102);
	assert_string_equal(error + strlen(error) - 5, "a...\"");
	while (tool_say(&s, "0123456"))
		;
	assert_true(strlen(error) < TOOL_ERROR_SIZE);
	assert_string_equal(error + strlen(error) - 4, "6...");
	s.len = 0;
	error[TOOL_ERROR_SIZE] = 'x';
	while (tool_say(&s, "0"))
		;
	assert_int_equal(error[TOOL_ERROR_SIZE], 'x');
	assert_int_equal(strlen(error), TOOL_ERROR_SIZE - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tools_are_found),
	    cmocka_unit_test(unknown_tools_are_named_with_those_there_are),
	    cmocka_unit_test(sentences_are_bounded),
	    cmocka_unit_test(parameters_are_said),
	    cmocka_unit_test(quotes_are_bounded_and_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
