#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "jsonrpc.h"
#include "value.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void assert_value(struct value v, const char *text)
{
	if (v.len != strlen(text) || memcmp(v.text, text, v.len) != 0)
		fail_msg("\"%.*s\" is not \"%s\"", (int)v.len, v.text, text);
}

static void texts_are_read(void **state)
{
	static const struct {
		const char *in, *out; /* NULL = refused */
	} cases[] = {
	    {"1", "1"},
	    {" [1 , 2]\r\n", "[1 , 2]"},
	    {"\t\"a b\" ", "\"a b\""},
	    {"\xef\xbb\xbf {}", "{}"},
	    {"null", "null"},
	    {"9007199254740993", "9007199254740993"},
	    {"\"\\u00e9\"", "\"\\u00e9\""},
	    {"", NULL},
	    {" ", NULL},
	    {"{", NULL},
	    {"01", NULL},
	    {"1 2", NULL},
	    {"nul", NULL},
	    {"'a'", NULL},
	    {"\"\xff\"", NULL},
	    {"\"a\nb\"", NULL},
	    {"{\"a\":1,}", NULL},
	    {"text", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct value v;
		bool good = value_read(&v, cases[i].in, strlen(cases[i].in));

		assert_int_equal(good, cases[i].out != NULL);
		assert_value(v, good ? cases[i].out : "");
	}
}

static void types(void **state)
{
	static const struct {
		const char *text;
		enum value_type type;
	} cases[] = {
	    {"{}", VALUE_OBJECT},
	    {"[]", VALUE_ARRAY},
	    {"\"\"", VALUE_STRING},
	    {"-1", VALUE_NUMBER},
	    {"0.5", VALUE_NUMBER},
	    {"true", VALUE_BOOLEAN},
	    {"false", VALUE_BOOLEAN},
	    {"null", VALUE_NULL},
	    {"", VALUE_MISSING},
	    {NULL, VALUE_MISSING},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(value_type(value_of(cases[i].text)), cases[i].type);
	assert_true(value_is_true(value_of("true")));
	assert_false(value_is_true(value_of("false")));
	assert_false(value_is_true(value_of("\"tr\"")));
	assert_false(value_is_true(VALUE_NOTHING));
}

static void members(void **state)
{
	struct value v = value_of(
	                 "{ \"a\" : 1, \"b.c\":[2, {\"x\":3}],\"\\u0064\": \"}\", \"a\":4 }"),
	             key, value;
	static const char *const expected[] = {
	    "\"a\"", "1", "\"b.c\"", "[2, {\"x\":3}]", "\"\\u0064\"", "\"}\"", "\"a\"", "4"};
	size_t at = 0, i = 0;

	(void)state;
	assert_value(value_member(v, "a"), "1");
	assert_value(value_member(v, "b.c"), "[2, {\"x\":3}]");
	assert_value(value_member(v, "d"), "\"}\"");
	assert_value(value_member(v, "x"), "");
	assert_value(value_member(value_member(v, "x"), "y"), "");
	assert_value(value_member(value_of("[1]"), "x"), "");
	assert_value(value_member(value_of("\"{\""), "x"), "");
	for (; value_next_member(v, &at, &key, &value); i += 2) {
		assert_value(key, expected[i]);
		assert_value(value, expected[i + 1]);
	}
	assert_int_equal(i, COUNT(expected));
	at = 0;
	assert_false(value_next_member(value_of("{ }"), &at, &key, &value));
	assert_false(value_next_member(value_of("[1]"), &at, &key, &value));
	assert_false(value_next_member(VALUE_NOTHING, &at, &key, &value));
}

static void elements(void **state)
{
	static const struct {
		const char *array;
		const char *elements[6];
	} cases[] = {
	    {"[]", {NULL}},
	    {"[ \n]", {NULL}},
	    {"[1]", {"1"}},
	    {" [ 1 , -2.5e3,true ] ", {"1", "-2.5e3", "true"}},
	    {"[\"a\",\"]\",\",\",\"\\\"]\",\"\\\\\"]",
	        {"\"a\"", "\"]\"", "\",\"", "\"\\\"]\"", "\"\\\\\""}},
	    {"[[1,[2]],{\"a\":[3,4]},[ ],null]", {"[1,[2]]", "{\"a\":[3,4]}", "[ ]", "null"}},
	    {"{\"a\":1}", {NULL}},
	    {"\"[1]\"", {NULL}},
	    {"", {NULL}},
	    /* Not JSON: nonsense may come out, but nothing outside of it is read. */
	    {"[1", {"1"}},
	    {"[\"a", {"\"a"}},
	    {"[\"a\\", {"\"a\\"}},
	    {"[{", {"{"}},
	    {"[", {NULL}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		/* Behind the text there is nothing that may be looked at. */
		size_t len = strlen(cases[i].array), at = 0, n = 0;
		char *text = malloc(len + 1);
		struct value array, element;

		assert_non_null(text);
		memcpy(text, cases[i].array, len);
		array = (struct value){text, len};
		while (len > 0 && *array.text == ' ')
			array.text++, array.len--;
		for (; value_next(array, &at, &element); n++) {
			assert_true(n < 6 && cases[i].elements[n] != NULL);
			assert_value(element, cases[i].elements[n]);
		}
		assert_true(n == 6 || cases[i].elements[n] == NULL);
		free(text);
	}
}

static void scalars_are_compared_by_value(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
	    {"1", "1", true},
	    {"1", "1.0", true},
	    {"100", "1e2", true},
	    {"9007199254740993", "9007199254740992", false},
	    {"\"a\"", "\"\\u0061\"", true},
	    {"\"a\"", "\"A\"", false},
	    {"1", "\"1\"", false},
	    {"true", "true", true},
	    {"true", "false", false},
	    {"null", "null", true},
	    {"null", "false", false},
	    {"[1]", "[2]", true}, /* not looked into */
	    {"[1]", "{}", false},
	    {"", "", true},
	    {"", "1", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct value a = value_of(cases[i].a), b = value_of(cases[i].b);

		if (value_equal(a, b) != cases[i].equal || value_equal(b, a) != cases[i].equal)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
	}
	assert_true(value_is(value_of("\"\\u0061b\""), "ab"));
	assert_false(value_is(value_of("\"abc\""), "ab"));
	assert_false(value_is(value_of("1"), "1"));
	assert_false(value_is(VALUE_NOTHING, ""));
}

static void long_scalars_are_compared_as_they_are_written(void **state)
{
	char a[JSONRPC_ID_MAX + 100], b[JSONRPC_ID_MAX + 100];

	(void)state;
	memset(a, 'x', sizeof a);
	a[0] = a[sizeof a - 1] = '"';
	memcpy(b, a, sizeof a);
	assert_true(value_equal((struct value){a, sizeof a}, (struct value){b, sizeof b}));
	b[50] = 'y';
	assert_false(value_equal((struct value){a, sizeof a}, (struct value){b, sizeof b}));
}

static void integers(void **state)
{
	static const char *const yes[] = {"0", "-0", "5", "-17", "9007199254740993",
	    "123456789012345678901234567890", "5.0", "5.000", "50e-1", "1e3", "1E+3", "1.5e1",
	    "0.0", "0e-5", "0.00e-999999999999", "1.25e2", "100e-2", "1e99999999999999999999",
	    "-3.0e0"};
	static const char *const no[] = {"0.5", "5.01", "-0.1", "1e-1", "15e-2", "1.25e1", "100e-3",
	    "1e-99999999999999999999", "\"5\"", "true", "null", "[]", ""};

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++)
		if (!value_is_integer(value_of(yes[i])))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < COUNT(no); i++)
		if (value_is_integer(value_of(no[i])))
			fail_msg("%s", no[i]);
}

static void strings_are_decoded(void **state)
{
	static const struct {
		const char *raw, *text;
		size_t len;
	} cases[] = {
	    {"\"\"", "", 0}, {"\"a\\n\\\"\\u00e9\\/\"", "a\n\"\xc3\xa9/", 6},
	    {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4}, {"\"a\\u0000b\"", "a\0b", 3},
	    {"\"\\ud800\"", "\xef\xbf\xbd", 3},
	    {"\"x\\udc00\\ud800y\"", "x\xef\xbf\xbd\xef\xbf\xbdy", 8},
	    {"\"\xed\x9f\xbf\"", "\xed\x9f\xbf", 3}, /* U+D7FF, which is none */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = 99;
		char *text = value_string(value_of(cases[i].raw), &len);

		assert_non_null(text);
		assert_int_equal(len, cases[i].len);
		assert_memory_equal(text, cases[i].text, len + 1);
		free(text);
	}
	assert_null(value_string(value_of("1"), NULL));
	assert_null(value_string(VALUE_NOTHING, NULL));
}

static void strings_are_written(void **state)
{
	static const struct {
		const char *text, *raw;
		size_t len;
	} cases[] = {
	    {"", "\"\"", 0},
	    {"plain", "\"plain\"", 5},
	    {"\"\\/\b\f\n\r\t", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"", 8},
	    {"\0\x01\x1f\x7f", "\"\\u0000\\u0001\\u001f\x7f\"", 4},
	    {"\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\"", 6},
	    {"a\xff"
	     "b",
	        "\"a\xef\xbf\xbd"
	        "b\"",
	        3},
	    {"\xc3", "\"\xef\xbf\xbd\"", 1},
	    {"\xc3x", "\"\xef\xbf\xbdx\"", 2},
	    {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 3},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct output out;
		struct value v;
		struct buf b;

		buf_init(&b, 100);
		output_to_buf(&out, &b);
		value_put_string(&out, cases[i].text, cases[i].len);
		assert_int_equal(output_end(&out), 0);
		assert_value((struct value){(const char *)b.data, b.len}, cases[i].raw);
		assert_true(value_read(&v, (const char *)b.data, b.len));
		buf_free(&b);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_are_read),
	    cmocka_unit_test(types),
	    cmocka_unit_test(members),
	    cmocka_unit_test(elements),
	    cmocka_unit_test(scalars_are_compared_by_value),
	    cmocka_unit_test(long_scalars_are_compared_as_they_are_written),
	    cmocka_unit_test(integers),
	    cmocka_unit_test(strings_are_decoded),
	    cmocka_unit_test(strings_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
