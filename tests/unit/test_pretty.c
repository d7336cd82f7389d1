#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pretty.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char *print(const char *text, unsigned style)
{
	static char shown[1 << 20];
	struct output out;
	struct buf b;

	buf_init(&b, sizeof shown - 1);
	output_to_buf(&out, &b);
	pretty_put(&out, (struct value){text, strlen(text)}, style);
	assert_int_equal(output_end(&out), 0);
	memcpy(shown, b.len > 0 ? (const char *)b.data : "", b.len);
	shown[b.len] = '\0';
	buf_free(&b);
	return shown;
}

static void layout(void **state)
{
	static const char *const cases[][2] = {
	    {"1", "1"},
	    {" \"a b\" ", "\"a b\""},
	    {"{}", "{}"},
	    {"[ ]", "[]"},
	    {"[1,2]", "[\n  1,\n  2\n]"},
	    {"{\"a\":1,\"b\":[],\"c\":{\"d\":[true,null]}}",
	        "{\n  \"a\": 1,\n  \"b\": [],\n  \"c\": {\n    \"d\": [\n      true,\n      null\n "
	        "   ]\n  }\n}"},
	    {"{ \"a\" :\r\n 1 }", "{\n  \"a\": 1\n}"},
	    {"[\"\\\",[\",1]", "[\n  \"\\\",[\",\n  1\n]"},
	    /* Tokens stay as they are. */
	    {"[9007199254740993,1.0,1E400,-0.0]",
	        "[\n  9007199254740993,\n  1.0,\n  1E400,\n  -0.0\n]"},
	    {"[\"\\u00e9\\/\\\"\\\\\",\"{,:}[]\"]",
	        "[\n  \"\\u00e9\\/\\\"\\\\\",\n  \"{,:}[]\"\n]"},
	    {"\"\xe2\x80\xae\x7f\"", "\"\xe2\x80\xae\x7f\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(print(cases[i][0], PRETTY_PLAIN), cases[i][1]);
}

static void nothing_steers_a_terminal(void **state)
{
	static const char *const cases[][2] = {
	    {"\"plain \xc3\xa9 \xf0\x9f\x98\x80\"", "\"plain \xc3\xa9 \xf0\x9f\x98\x80\""},
	    {"\"a\x7f"
	     "b\"",
	        "\"a\\u007fb\""},
	    {"\"\xc2\x9b\xc2\x85\"", "\"\\u009b\\u0085\""},
	    {"\"\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xe2\x80\xa8\"",
	        "\"\\u202e\\u2066\\u061c\\u2028\""},
	    {"{\"\xe2\x80\xae\":\"\\u001b[2J\"}", "{\n  \"\\u202e\": \"\\u001b[2J\"\n}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct value v;
		const char *shown = print(cases[i][0], PRETTY_SAFE);

		assert_string_equal(shown, cases[i][1]);
		assert_true(
		    value_read(&v, shown, strlen(shown))); /* still JSON, of the same value */
	}
}

static void colours(void **state)
{
	(void)state;
	assert_string_equal(print("{\"a\":[\"b\",1,true,null],\"c\":{}}", PRETTY_COLOUR),
	    "{\n  \x1b[1;34m\"a\"\x1b[0m: [\n    \x1b[32m\"b\"\x1b[0m,\n    \x1b[36m1\x1b[0m,\n"
	    "    \x1b[33mtrue\x1b[0m,\n    \x1b[33mnull\x1b[0m\n  ],\n  \x1b[1;34m\"c\"\x1b[0m: "
	    "{}\n}");
	assert_string_equal(print("[{\"a\":\"b\"},\"c\",-1]", PRETTY_COLOUR | PRETTY_SAFE),
	    "[\n  {\n    \x1b[1;34m\"a\"\x1b[0m: \x1b[32m\"b\"\x1b[0m\n  },\n  "
	    "\x1b[32m\"c\"\x1b[0m,\n"
	    "  \x1b[36m-1\x1b[0m\n]");
}

static void a_line_is_one_line(void **state)
{
	(void)state;
	assert_string_equal(
	    print(" {\"a\" : [1, {} ,\n\"\x7f, :\"] ,\"b\":null}\n", PRETTY_LINE | PRETTY_SAFE),
	    "{\"a\":[1,{},\"\\u007f, :\"],\"b\":null}");
}

static void what_is_deep_stays_on_one_line(void **state)
{
	char text[2 * 5000 + 16] = "", *shown;
	size_t deepest = 0;

	(void)state;
	memset(text, '[', 5000);
	strcpy(text + 5000, "1,{\"a\":[2]}");
	memset(text + 5000 + 11, ']', 5000);
	text[5000 + 11 + 5000 - 1] = '\0';
	strcpy(text + 5000 + 11 + 4999, "]");
	shown = print(text, PRETTY_PLAIN);
	for (char *line = strtok(shown, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		size_t indent = strspn(line, " ");

		deepest = indent > deepest ? indent : deepest;
		if (strchr(line, '1') != NULL)
			assert_non_null(strstr(line, "[[[1,{\"a\": [2]}]]]"));
	}
	assert_int_equal(deepest, 2 * PRETTY_DEPTH);
}

static void exactly_as_deep_as_is_indented(void **state)
{
	char text[2 * PRETTY_DEPTH + 8];
	struct value v;
	const char *shown;

	(void)state;
	for (size_t depth = PRETTY_DEPTH - 1; depth <= PRETTY_DEPTH + 1; depth++) {
		memset(text, '[', depth);
		memcpy(text + depth, "1,2", 3);
		memset(text + depth + 3, ']', depth);
		text[2 * depth + 3] = '\0';
		shown = print(text, PRETTY_PLAIN);
		assert_true(value_read(&v, shown, strlen(shown)));
		assert_int_equal(strstr(shown, "1,2") == NULL, depth <= PRETTY_DEPTH);
	}
}

static void keys_have_their_colour_as_deep_as_is_indented(void **state)
{
	char text[2 * PRETTY_DEPTH + 32];
	const char *shown;

	(void)state;
	for (size_t depth = PRETTY_DEPTH - 1; depth <= PRETTY_DEPTH; depth++) {
		memset(text, '[', depth);
		strcpy(text + depth, "{\"a\":1,\"b\":2}");
		memset(text + depth + 13, ']', depth);
		text[2 * depth + 13] = '\0';
		shown = print(text, PRETTY_COLOUR);
		assert_int_equal(strstr(shown, "\x1b[1;34m\"a\"") != NULL, depth < PRETTY_DEPTH);
		assert_int_equal(strstr(shown, "\x1b[1;34m\"b\"") != NULL, depth < PRETTY_DEPTH);
	}
}

/* Contents need not be valid for the printer to stay within them. */
static void texts_that_are_not_json_are_survived(void **state)
{
	static const char text[] =
	    "{\"a\":[1,\"\\u00e9\xc3\xa9\xe2\x80\xae\x7f\",{\"b\":null}],\"c\":-1.5e3}";

	(void)state;
	for (size_t from = 0; from < sizeof text; from++)
		for (size_t len = 0; from + len < sizeof text; len++) {
			char *copy = malloc(len + 1);

			assert_non_null(copy);
			memcpy(copy, text + from, len);
			copy[len] = '\0';
			(void)print(copy, PRETTY_COLOUR | PRETTY_SAFE);
			free(copy);
		}
	for (size_t at = 0; at < sizeof text; at++) {
		char copy[sizeof text];
		struct output out;
		struct buf b;

		memcpy(copy, text, sizeof text);
		copy[at] = '\0';
		buf_init(&b, 1 << 16);
		output_to_buf(&out, &b);
		pretty_put(&out, (struct value){copy, sizeof copy}, PRETTY_COLOUR | PRETTY_SAFE);
		assert_int_equal(output_end(&out), 0);
		buf_free(&b);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(layout),
	    cmocka_unit_test(nothing_steers_a_terminal),
	    cmocka_unit_test(colours),
	    cmocka_unit_test(a_line_is_one_line),
	    cmocka_unit_test(what_is_deep_stays_on_one_line),
	    cmocka_unit_test(exactly_as_deep_as_is_indented),
	    cmocka_unit_test(keys_have_their_colour_as_deep_as_is_indented),
	    cmocka_unit_test(texts_that_are_not_json_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
