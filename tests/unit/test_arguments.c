#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arguments.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MAX      ((size_t)1 << 20)

#define TOOL                                                                                       \
	"{\"name\":\"t\",\"inputSchema\":{\"type\":\"object\",\"properties\":{"                    \
	"\"s\":{\"type\":\"string\"},\"i\":{\"type\":\"integer\"},\"n\":{\"type\":\"number\"},"    \
	"\"b\":{\"type\":\"boolean\"},\"z\":{\"type\":\"null\"},"                                  \
	"\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"o\":{\"type\":\"object\"},"  \
	"\"any\":{},\"sn\":{\"type\":[\"number\",\"string\"]},\"nn\":{\"type\":[\"null\","         \
	"\"number\"]},"                                                                            \
	"\"u\":{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]},"                          \
	"\"e\":{\"enum\":[\"red\",\"green\",2]},\"c\":{\"const\":\"only\"},"                       \
	"\"r\":{\"$ref\":\"#/$defs/colour\"},\"d.e\":{\"type\":\"string\"},"                       \
	"\"ia\":{\"type\":[\"integer\",\"array\"]},\"l\":{\"$ref\":\"#/$defs/loop\"}},"            \
	"\"$defs\":{\"colour\":{\"type\":\"string\",\"enum\":[\"blue\"]},"                         \
	"\"loop\":{\"$ref\":\"#/$defs/loop\"}}}}"

#define OPEN "{\"name\":\"open\",\"inputSchema\":{\"type\":\"object\"}}"
#define CLOSED                                                                                     \
	"{\"name\":\"closed\",\"inputSchema\":{\"properties\":{},\"additionalProperties\":false}}"
#define REQUIRED                                                                                   \
	"{\"name\":\"req\",\"inputSchema\":{\"properties\":{\"x\":{\"type\":\"string\"},"          \
	"\"y\":{\"type\":\"number\"},\"z\":{}},\"required\":[\"x\",\"y\"]}}"
#define NUMBERS                                                                                    \
	"{\"name\":\"numbers\",\"inputSchema\":{\"properties\":{\"x\":{}},"                        \
	"\"additionalProperties\":{\"type\":\"number\"}}}"

static char *read_file(const char *path, size_t max, size_t *len, char *error)
{
	static const struct {
		const char *path, *text;
		size_t len;
	} files[] = {
	    {"hello", "hello\n", 6},
	    {"seventeen", "17", 2},
	    {"nul", "a\0b", 3},
	    {"binary", "a\xff", 2},
	    {"a=b", "odd", 3},
	    {"", "empty", 5},
	};
	char *text;

	for (size_t i = 0; i < COUNT(files); i++)
		if (strcmp(path, files[i].path) == 0 && files[i].len <= max) {
			text = malloc(files[i].len + 1);
			assert_non_null(text);
			memcpy(text, files[i].text, files[i].len);
			text[files[i].len] = '\0';
			*len = files[i].len;
			return text;
		}
	(void)snprintf(error, TOOL_ERROR_SIZE, "cannot read it");
	return NULL;
}

/* What the words (up to NULL) become for a tool, or the error behind "!". */
static const char *make(const char *tool, const char *const *words)
{
	static char result[8192];
	char error[TOOL_ERROR_SIZE] = "";
	struct arguments a = {0};
	struct buf out;
	int rc = 0;

	buf_init(&out, MAX);
	for (; rc == 0 && *words != NULL; words++)
		rc = arguments_add(&a, *words, read_file, MAX, error);
	if (rc == 0)
		rc = arguments_object(&a, value_of(tool), &out, error);
	if (rc == 0)
		(void)snprintf(result, sizeof result, "%.*s", (int)out.len, (char *)out.data);
	else
		(void)snprintf(result, sizeof result, "!%s", error);
	arguments_free(&a);
	buf_free(&out);
	return result;
}

static const char *make_one(const char *tool, const char *word)
{
	const char *const words[] = {word, NULL};

	return make(tool, words);
}

static void values_are_typed_by_the_schema(void **state)
{
	static const char *const cases[][2] = {
	    {"s=text", "{\"s\":\"text\"}"},
	    {"s=", "{\"s\":\"\"}"},
	    {"s=17", "{\"s\":\"17\"}"},
	    {"s=true", "{\"s\":\"true\"}"},
	    {"s={\"a\":1}", "{\"s\":\"{\\\"a\\\":1}\"}"},
	    {"s=\"quoted\"\n", "{\"s\":\"\\\"quoted\\\"\\n\"}"},
	    {"s=a=b:=c@d", "{\"s\":\"a=b:=c@d\"}"},
	    {"s=@hello", "{\"s\":\"@hello\"}"},
	    {"s==x", "{\"s\":\"=x\"}"},
	    {"s=\xc3\xa9", "{\"s\":\"\xc3\xa9\"}"},
	    {"d.e=x", "{\"d.e\":\"x\"}"},
	    {"i=17", "{\"i\":17}"},
	    {"i=-0", "{\"i\":-0}"},
	    {"i=9007199254740993", "{\"i\":9007199254740993}"},
	    {"i=123456789012345678901234567890", "{\"i\":123456789012345678901234567890}"},
	    {"i=5.0", "{\"i\":5.0}"},
	    {"n=1.50", "{\"n\":1.50}"},
	    {"n=1E400", "{\"n\":1E400}"},
	    {"n=7", "{\"n\":7}"},
	    {"b=true", "{\"b\":true}"},
	    {"b=false", "{\"b\":false}"},
	    {"z=null", "{\"z\":null}"},
	    {"any=17", "{\"any\":\"17\"}"},
	    {"l=17", "{\"l\":\"17\"}"},
	    {"sn=17", "{\"sn\":\"17\"}"}, /* a string wins */
	    {"nn=17", "{\"nn\":17}"},
	    {"nn=null", "{\"nn\":null}"},
	    {"u=17", "{\"u\":17}"},
	    {"u=null", "{\"u\":null}"},
	    {"ia=17", "{\"ia\":17}"},
	    {"e=red", "{\"e\":\"red\"}"},
	    {"e=2", "{\"e\":2}"},
	    {"c=only", "{\"c\":\"only\"}"},
	    {"r=blue", "{\"r\":\"blue\"}"},
	    /* JSON, as it stands. */
	    {"i:=9007199254740993", "{\"i\":9007199254740993}"},
	    {"s:=\"\\u00e9\"", "{\"s\":\"\\u00e9\"}"},
	    {"a:=[ \"x\" ]", "{\"a\":[ \"x\" ]}"},
	    {"o:= {\"a\":1} ", "{\"o\":{\"a\":1}}"},
	    {"any:=[1,{}]", "{\"any\":[1,{}]}"},
	    {"sn:=17", "{\"sn\":17}"},
	    {"ia:=[]", "{\"ia\":[]}"},
	    /* Files. */
	    {"s@hello", "{\"s\":\"hello\\n\"}"},
	    {"s@nul", "{\"s\":\"a\\u0000b\"}"},
	    {"s@a=b", "{\"s\":\"odd\"}"},
	    {"s@", "{\"s\":\"empty\"}"},
	    {"i@seventeen", "{\"i\":17}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(make_one(TOOL, cases[i][0]), cases[i][1]);
}

static void wrong_values_are_refused(void **state)
{
	static const struct {
		const char *word, *expected, *got;
	} cases[] = {
	    {"i=x", "integer", "x"},
	    {"i=", "integer", ""},
	    {"i=1.5", "integer", "1.5"},
	    {"i=01", "integer", "01"},
	    {"i=0x10", "integer", "0x10"},
	    {"i=+1", "integer", "+1"},
	    {"i=1 ", "integer", "1 "},
	    {"i=NaN", "integer", "NaN"},
	    {"i=true", "integer", "true"},
	    {"n=one", "number", "one"},
	    {"n=\"1\"", "number", "\"1\""},
	    {"n=.5", "number", ".5"},
	    {"b=yes", "boolean", "yes"},
	    {"b=1", "boolean", "1"},
	    {"b=True", "boolean", "True"},
	    {"z=", "null", ""},
	    {"e=blue", "one of \"red\", \"green\", 2", "blue"},
	    {"e=3", "one of \"red\", \"green\", 2", "3"},
	    {"c=other", "\"only\"", "other"},
	    {"r=red", "one of \"blue\"", "red"},
	    {"u=x", "integer or null", "x"},
	    {"i@hello", "integer", "hello\\x0a"},
	    {"i:=\"1\"", "integer", "\"1\""},
	    {"s:=1", "string", "1"},
	    {"a:={}", "array of strings", "{}"},
	    {"b=\x1b[31m", "boolean", "\\x1b[31m"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *error = make_one(TOOL, cases[i].word);
		char wanted[300];

		(void)snprintf(wanted, sizeof wanted,
		    "!argument \"%.*s\" of tool \"t\": expected %s, got \"%s\"",
		    (int)strcspn(cases[i].word, "=@:"), cases[i].word, cases[i].expected,
		    cases[i].got);
		assert_memory_equal(error, wanted, strlen(wanted));
		assert_non_null(strstr(error, "; its parameters: \"s\" (string), "));
	}
}

static void containers_are_json(void **state)
{
	static const char *const words[] = {"a=[]", "a=x", "o={}", "ia=[1]"};

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++)
		assert_non_null(
		    strstr(make_one(TOOL, words[i]), "arrays and objects are given as NAME:=JSON"));
	assert_null(strstr(make_one(TOOL, "i=x"), "NAME:=JSON"));
	assert_null(strstr(make_one(TOOL, "a:=1"), "NAME:=JSON"));
}

static void words_that_are_none(void **state)
{
	static const char *const cases[][2] = {
	    {"text", "!the argument \"text\" is none of NAME=VALUE, NAME@FILE, NAME:=JSON"},
	    {"", "!the argument \"\" is none of NAME=VALUE, NAME@FILE, NAME:=JSON"},
	    {"=x", "!the argument \"=x\" is none of NAME=VALUE, NAME@FILE, NAME:=JSON"},
	    {"@file", "!the argument \"@file\" is none of NAME=VALUE, NAME@FILE, NAME:=JSON"},
	    {":=1", "!the argument \":=1\" is none of NAME=VALUE, NAME@FILE, NAME:=JSON"},
	    {"\x1b", "!the argument \"\\x1b\" is none of NAME=VALUE, NAME@FILE, NAME:=JSON"},
	    {"s:=text", "!the value of \"s\" is not JSON; "},
	    {"s:=", "!the value of \"s\" is not JSON; "},
	    {"s:={\"a\":1,}", "!the value of \"s\" is not JSON; "},
	    {"s=\xff", "!the value of \"s\" is not UTF-8"},
	    {"s=\xc3", "!the value of \"s\" is not UTF-8"},
	    {"\xff=1", "!the name of the argument \"\\xff=1\" is not UTF-8"},
	    {"s@binary", "!the value of \"s\" is not UTF-8"},
	    {"s@missing", "!cannot read it"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *error = make_one(TOOL, cases[i][0]);

		if (strncmp(error, cases[i][1], strlen(cases[i][1])) != 0)
			fail_msg("%s: %s", cases[i][0], error);
	}
}

static void several_words(void **state)
{
	static const char *const three[] = {"s=x", "i=1", "a:=[]", NULL};
	static const char *const twice[] = {"s=x", "i=1", "s=y", NULL};
	static const char *const none[] = {NULL};

	(void)state;
	assert_string_equal(make(TOOL, three), "{\"s\":\"x\",\"i\":1,\"a\":[]}");
	assert_string_equal(make(TOOL, twice), "!the argument \"s\" is given twice");
	assert_string_equal(make(TOOL, none), "{}");
}

static void unknown_names(void **state)
{
	static const char *const both[] = {"x=1", "y=2", NULL};

	(void)state;
	assert_string_equal(make_one(OPEN, "what=1"), "{\"what\":\"1\"}");
	assert_string_equal(make_one("{\"name\":\"bare\"}", "what=1"), "{\"what\":\"1\"}");
	assert_string_equal(make_one(CLOSED, "what=1"),
	    "!tool \"closed\" has no parameter \"what\"; it has no parameters");
	assert_string_equal(make(NUMBERS, both), "{\"x\":\"1\",\"y\":2}");
	assert_string_equal(make_one(REQUIRED, "q=1"),
	    "!tool \"req\" has no parameter \"q\"; its parameters: \"x\" (string, required), "
	    "\"y\" (number, required), \"z\" (any value)");
	assert_string_equal(make_one(REQUIRED, "zz=1"),
	    "!tool \"req\" has no parameter \"zz\"; its parameters: \"z\" (any value), "
	    "\"x\" (string, required), \"y\" (number, required)");
}

static void missing_names(void **state)
{
	static const char *const none[] = {NULL}, *const one[] = {"y=1", NULL},
	                         *const all[] = {"y=1", "x=", NULL};

	(void)state;
	assert_string_equal(make(REQUIRED, none),
	    "!missing for tool \"req\": \"x\", \"y\"; its parameters: \"x\" (string, required), "
	    "\"y\" (number, required), \"z\" (any value)");
	assert_non_null(strstr(make(REQUIRED, one), "!missing for tool \"req\": \"x\"; its"));
	assert_string_equal(make(REQUIRED, all), "{\"y\":1,\"x\":\"\"}");
}

static void whole_objects_are_checked(void **state)
{
	static const struct {
		const char *object, *error; /* NULL = good */
	} cases[] = {
	    {"{\"x\":\"a\",\"y\":1}", NULL},
	    {"{\"\\u0078\":\"a\",\"y\":1,\"z\":[]}", NULL},
	    {"{\"x\":\"a\"}", "missing for tool \"req\": \"y\""},
	    {"{\"x\":\"a\",\"y\":\"1\"}",
	        "argument \"y\" of tool \"req\": expected number, got \"\"1\"\""},
	    {"{\"x\":\"a\",\"y\":1,\"w\":1}", "tool \"req\" has no parameter \"w\""},
	    {"[]", "the arguments of a tool are a JSON object"},
	};
	char error[TOOL_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int rc = arguments_check(value_of(cases[i].object), value_of(REQUIRED), error);

		assert_int_equal(rc, cases[i].error == NULL ? 0 : -1);
		if (rc != 0)
			assert_memory_equal(error, cases[i].error, strlen(cases[i].error));
	}
}

static void what_is_too_large_is_refused(void **state)
{
	char error[TOOL_ERROR_SIZE];
	struct arguments a = {0};
	struct buf out;

	(void)state;
	assert_int_equal(arguments_add(&a, "s=1234567890", read_file, MAX, error), 0);
	for (size_t max = 0; max <= 18; max++) {
		buf_init(&out, max);
		if (max < 18) { /* {"s":"1234567890"} */
			assert_int_equal(arguments_object(&a, value_of(TOOL), &out, error), -1);
			assert_non_null(strstr(error, "--max-message"));
		} else {
			assert_int_equal(arguments_object(&a, value_of(TOOL), &out, error), 0);
		}
		buf_free(&out);
	}
	arguments_free(&a);
	assert_int_equal(arguments_add(&a, "s@hello", read_file, 5, error), -1);
	arguments_free(&a);
}

static void what_was_there_before_stays(void **state)
{
	char error[TOOL_ERROR_SIZE];
	struct arguments a = {0};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(buf_append_str(&out, "before"), BUF_OK);
	assert_int_equal(arguments_add(&a, "e=2", read_file, MAX, error), 0);
	assert_int_equal(arguments_object(&a, value_of(TOOL), &out, error), 0);
	assert_int_equal(out.len, 13);
	assert_memory_equal(out.data, "before{\"e\":2}", 13);
	buf_free(&out);
	arguments_free(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_are_typed_by_the_schema),
	    cmocka_unit_test(wrong_values_are_refused),
	    cmocka_unit_test(containers_are_json),
	    cmocka_unit_test(words_that_are_none),
	    cmocka_unit_test(several_words),
	    cmocka_unit_test(unknown_names),
	    cmocka_unit_test(missing_names),
	    cmocka_unit_test(whole_objects_are_checked),
	    cmocka_unit_test(what_is_too_large_is_refused),
	    cmocka_unit_test(what_was_there_before_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
