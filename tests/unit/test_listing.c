#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "listing.h"
#include "screen.h"

static const char *list(const char *tools, size_t columns, bool bold)
{
	static char text[1 << 16];
	struct output out;
	struct buf b;

	buf_init(&b, sizeof text - 1);
	output_to_buf(&out, &b);
	(void)listing_put_tools(&out, value_of(tools), columns, bold);
	assert_int_equal(output_end(&out), 0);
	memcpy(text, b.len > 0 ? (const char *)b.data : "", b.len);
	text[b.len] = '\0';
	buf_free(&b);
	return text;
}

static void tools_are_listed(void **state)
{
	(void)state;
	assert_string_equal(
	    list(
	        "[{\"name\":\"echo\",\"description\":\"Says it "
	        "again.\",\"inputSchema\":{\"type\":\"object\","
	        "\"properties\":{\"message\":{\"type\":\"string\",\"description\":\"What to say\"},"
	        "\"n\":{\"type\":\"integer\",\"default\":1}},\"required\":[\"message\"]}},"
	        "{\"name\":\"bare\"}]",
	        80, false),
	    "echo\n"
	    "  Says it again.\n"
	    "    message  string, required\n"
	    "             What to say\n"
	    "    n        integer, default 1\n"
	    "\n"
	    "bare\n");
	assert_string_equal(list("[]", 80, false), "");
	assert_string_equal(list("[{\"name\":\"a\"}]", 80, true), "\x1b[1ma\x1b[0m\n");
}

static void odd_parameters(void **state)
{
	(void)state;
	assert_string_equal(
	    list("[{\"name\":\"t\",\"description\":\"\",\"inputSchema\":{\"properties\":{"
	         "\"a_name_that_is_longer_than_the_column\":{\"enum\":[\"a\",\"b\"],"
	         "\"description\":\"d\"},"
	         "\"x\":{},\"l\":{\"type\":\"array\",\"default\":[1]},\"s\":{\"type\":\"string\","
	         "\"default\":\"\"}}}}]",
	        80, false),
	    "t\n"
	    "    a_name_that_is_longer_than_the_column  one of \"a\", \"b\"\n"
	    "       d\n"
	    "    x  any value\n"
	    "    l  array\n"
	    "    s  string, default \"\"\n");
}

static void nothing_steers_the_terminal(void **state)
{
	const char *shown = list("[{\"name\":\"\\u001b[2J\",\"description\":\"\\u202e "
	                         "\\u009b\\r\\u0007\",\"inputSchema\":"
	                         "{\"properties\":{\"\\u001b]0;x\":{\"enum\":[\"\xe2\x80\xae\"],"
	                         "\"description\":\"\\u007f\","
	                         "\"default\":\"\xc2\x9b\"}}}}]",
	    80, false);

	(void)state;
	for (const char *p = shown; *p != '\0'; p++)
		assert_true((*p >= 0x20 && *p < 0x7f) || *p == '\n');
	assert_non_null(strstr(shown, "\\x1b[2J\n"));
}

static void lines_are_as_wide_as_the_screen(void **state)
{
	static const char tools[] = "[{\"name\":\"tool\",\"description\":\"A description that goes "
	                            "on and on for so long that it must be "
	                            "broken, whatever the screen, for it has more words than "
	                            "anybody would want to read in one line.\","
	                            "\"inputSchema\":{\"properties\":{\"parameter\":{\"enum\":["
	                            "\"one\",\"two\",\"three\",\"four\",\"five\","
	                            "\"six\",\"seven\",\"eight\"],\"description\":\"And so does "
	                            "this one, which is about a parameter, and "
	                            "begins where the types begin.\"}}}}]";
	static const size_t columns[] = {1, 40, 60, 80, 120, 500};

	(void)state;
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		size_t most = 0, limit = columns[i] < 40 ? 40 : columns[i] > 120 ? 120 : columns[i];
		const char *p = list(tools, columns[i], false);

		while (*p != '\0') {
			size_t len = strcspn(p, "\n");

			most = len > most ? len : most;
			p += len + 1;
		}
		assert_true(most <= limit && most > limit - 15);
	}
}

static void what_is_no_tool_is_survived(void **state)
{
	static const char *const cases[] = {"[1]", "[{}]",
	    "[{\"name\":7,\"description\":[],\"inputSchema\":true}]",
	    "[{\"name\":\"t\",\"inputSchema\":{\"properties\":[1]}}]", "{}", "",
	    "[{\"name\":\"t\",\"inputSchema\":{\"properties\":{\"\":1}}}]"};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		(void)list(cases[i], 80, false);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tools_are_listed),
	    cmocka_unit_test(odd_parameters),
	    cmocka_unit_test(nothing_steers_the_terminal),
	    cmocka_unit_test(lines_are_as_wide_as_the_screen),
	    cmocka_unit_test(what_is_no_tool_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
