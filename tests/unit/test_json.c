#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What is in the buffer is this; empties it. */
static void check(struct buf *b, const char *expected)
{
	assert_int_equal(b->len, strlen(expected));
	assert_memory_equal(b->data, expected, b->len);
	buf_clear(b);
}

static void test_kind(void **state)
{
	static const struct {
		const char *text;
		enum json_kind kind;
	} rows[] = {
	    {"{}", JSON_OBJECT},
	    {" \t\r\n{\"a\":1}\n", JSON_OBJECT},
	    {"[]", JSON_ARRAY},
	    {"[1,{}]", JSON_ARRAY},
	    {"1", JSON_OTHER},
	    {"\"{\"", JSON_OTHER},
	    {"null", JSON_OTHER},
	    {"", JSON_NONE},
	    {"  ", JSON_NONE},
	    {"{", JSON_NONE},
	    {"{}}", JSON_NONE},
	    {"{'a':1}", JSON_NONE},
	    {"[01]", JSON_NONE},
	    {"\"\xff\"", JSON_NONE},
	    {"\xEF\xBB\xBF{}", JSON_NONE},
	    /* What a message may not have, a value may. */
	    {"{\"id\":1,\"id\":2}", JSON_OBJECT},
	    {"{\"method\":\"m\",\"id\":[]}", JSON_OBJECT},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(json_kind(rows[i].text, strlen(rows[i].text)), rows[i].kind);
	assert_int_equal(json_kind_of_valid("", 0), JSON_NONE);
	assert_int_equal(json_kind_of_valid(" [", 2), JSON_ARRAY);
}

static void test_string(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX / 2);
	assert_true(json_append_string(&b, ""));
	check(&b, "\"\"");
	assert_true(json_append_string(&b, "a\"b\\c/\n\x01\x1f\x7f\xc3\xa9"));
	check(&b, "\"a\\\"b\\\\c/\\u000a\\u0001\\u001f\x7f\xc3\xa9\"");
	buf_free(&b);
	buf_init(&b, 3);
	assert_false(json_append_string(&b, "ab"));
	assert_true(b.len <= 3);
	buf_free(&b);
}

static void test_object(void **state)
{
	static const struct {
		const char *base;
		struct json_member members[3];
		size_t count;
		const char *expected;
	} rows[] = {
	    {NULL, {{0}}, 0, "{}"},
	    {"{}", {{0}}, 0, "{}"},
	    {" { } ", {{"a", "1", 1}}, 1, "{\"a\":1}"},
	    {NULL, {{"a", "1", 1}, {"b", NULL, 0}, {"c\"", "[]x", 2}}, 3, "{\"a\":1,\"c\\\"\":[]}"},
	    /* What is there stays as it is, but for what is set or taken out. */
	    {"{ \"x\" : 1.50 , \"\\u0061\":\"old\",\"y\":{ },\"a\":2,\"z\":9007199254740993}",
	        {{"a", "\"new\"", 5}, {"y", NULL, 0}}, 2,
	        "{\"x\" : 1.50,\"z\":9007199254740993,\"a\":\"new\"}"},
	    {"{\"a\":1}", {{"a", NULL, 0}}, 1, "{}"},
	    {"{\"a\":1,\"b\":2}", {{"a", NULL, 0}}, 1, "{\"b\":2}"},
	    {"{\"b\":2,\"a\":1}", {{"a", NULL, 0}}, 1, "{\"b\":2}"},
	};
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX / 2);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *base = rows[i].base;
		assert_true(json_append_object(
		    &b, base, base ? strlen(base) : 0, rows[i].members, rows[i].count));
		check(&b, rows[i].expected);
	}
	buf_free(&b);
	buf_init(&b, 8);
	assert_false(json_append_object(&b, "{\"abc\":1234}", 12, NULL, 0));
	buf_free(&b);
}

static void test_decode(void **state)
{
	static const struct {
		const char *raw, *plain;
	} rows[] = {
	    {"\"\"", ""},
	    {"\"a\\n\\\"\\u00e9\"", "a\n\"\xc3\xa9"},
	    {"\"\\u0000\"", "\xEF\xBF\xBD"},
	    {"\"a\\u0000\\u0000b\"", "a\xEF\xBF\xBD\xEF\xBF\xBD"
	                             "b"},
	    {"\"\\ud800\"", "\xEF\xBF\xBD"},
	    {"\"\\udc00x\"", "\xEF\xBF\xBDx"},
	    {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
	    {"\"\xed\x9f\xbf\"", "\xed\x9f\xbf"},
	    {"\"\xee\x80\x80\"", "\xee\x80\x80"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *plain = json_decode(rows[i].raw, strlen(rows[i].raw));
		assert_non_null(plain);
		assert_string_equal(plain, rows[i].plain);
		free(plain);
	}
	assert_null(json_decode("", 0));
	assert_null(json_decode("1", 1));
	assert_null(json_decode("null", 4));
	assert_null(json_decode("{}", 2));
}

static void test_number(void **state)
{
	double d = 7;

	(void)state;
	assert_true(json_number("1.5e1", 5, &d));
	assert_true(d > 14.9 && d < 15.1);
	assert_true(json_number("-0", 2, &d));
	assert_true(json_number("12", 1, &d));
	assert_true(d > 0.9 && d < 1.1);
	assert_false(json_number("", 0, &d));
	assert_false(json_number("\"1\"", 3, &d));
	assert_false(json_number("null", 4, &d));
	assert_false(json_number("[1]", 3, &d));
	char large[100];
	memset(large, '1', sizeof large);
	assert_false(json_number(large, sizeof large, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kind),
	    cmocka_unit_test(test_string),
	    cmocka_unit_test(test_object),
	    cmocka_unit_test(test_decode),
	    cmocka_unit_test(test_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
