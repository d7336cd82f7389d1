#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "form.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A form with one question "q" of the schema ${schema}, which must be answered. */
static struct form *one_question(const char *schema, bool required)
{
	char params[1024], error[FORM_ERROR_SIZE];

	(void)snprintf(params, sizeof params,
	    "{\"message\":\"m\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"q\":%s}%"
	    "s}}",
	    schema, required ? ",\"required\":[\"q\"]" : "");
	struct form *f = form_new(params, error);
	assert_non_null(f);
	return f;
}

/* What becomes of an answer: the content as JSON, or the error. */
static void check(const char *schema, bool required, const char *answer, const char *expected)
{
	struct form *f = one_question(schema, required);
	char error[FORM_ERROR_SIZE] = "";

	if (!form_answer(f, 0, answer, error)) {
		assert_string_equal(error, expected);
	} else {
		char *content = form_content(f);
		assert_string_equal(content, expected);
		free(content);
	}
	form_free(f);
}

#define TEXT    "{\"type\":\"string\"}"
#define SHORT   "{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}"
#define PRESET  "{\"type\":\"string\",\"default\":\"x y\"}"
#define EMPTY   "{\"type\":\"string\",\"default\":\"\"}"
#define EMAIL   "{\"type\":\"string\",\"format\":\"email\"}"
#define URI     "{\"type\":\"string\",\"format\":\"uri\"}"
#define DATE    "{\"type\":\"string\",\"format\":\"date\"}"
#define TIME    "{\"type\":\"string\",\"format\":\"date-time\"}"
#define ODD     "{\"type\":\"string\",\"format\":\"odd\"}"
#define NUMBER  "{\"type\":\"number\",\"minimum\":-1.5,\"maximum\":10}"
#define INTEGER "{\"type\":\"integer\",\"minimum\":1,\"default\":3}"
#define ANY_INT "{\"type\":\"integer\"}"
#define YES_NO  "{\"type\":\"boolean\"}"
#define YES     "{\"type\":\"boolean\",\"default\":true}"
#define ONE     "{\"type\":\"string\",\"enum\":[\"red\",\"2\",\"blue\"],\"enumNames\":[\"Red!\"]}"
#define TITLED                                                                                     \
	"{\"type\":\"string\",\"default\":\"b\",\"oneOf\":[{\"const\":\"a\",\"title\":\"First\"}," \
	"{\"const\":\"b\",\"title\":\"Second\"}]}"
#define SOME                                                                                       \
	"{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"a\",\"b\",\"c, d\"]},"     \
	"\"minItems\":1,\"maxItems\":2}"
#define SOME_TITLED                                                                                \
	"{\"type\":\"array\",\"items\":{\"anyOf\":[{\"const\":\"a\",\"title\":\"A a\"},"           \
	"{\"const\":\"b\",\"title\":\"B b\"}]},\"default\":[\"b\",\"a\"]}"

static void answers_are_taken_by_the_schema(void **state)
{
	static const struct {
		const char *schema;
		bool required;
		const char *answer, *expected;
	} cases[] = {
	    {TEXT, true, "hello", "{\"q\":\"hello\"}"},
	    {TEXT, true, " a ", "{\"q\":\" a \"}"},
	    {TEXT, true, "", "An answer is needed (\"\" is an empty one)."},
	    {TEXT, true, "\"\"", "{\"q\":\"\"}"},
	    {TEXT, false, "", "{}"},
	    {SHORT, true, "x", "At least 2 characters are needed."},
	    {SHORT, true, "\xc3\xa4\xc3\xb6\xc3\xbc", "{\"q\":\"\xc3\xa4\xc3\xb6\xc3\xbc\"}"},
	    {SHORT, true, "abcd", "At most 3 characters are taken."},
	    {PRESET, true, "", "{\"q\":\"x y\"}"},
	    {PRESET, false, "z", "{\"q\":\"z\"}"},
	    {EMPTY, true, "", "{\"q\":\"\"}"},

	    {EMAIL, true, "me@example.com", "{\"q\":\"me@example.com\"}"},
	    {EMAIL, true, "example.com", "That is no e-mail address."},
	    {EMAIL, true, "@example.com", "That is no e-mail address."},
	    {EMAIL, true, "me@", "That is no e-mail address."},
	    {EMAIL, true, "a@b@c", "That is no e-mail address."},
	    {EMAIL, true, "a b@c", "That is no e-mail address."},
	    {URI, true, "https://example.com/?a=b#c", "{\"q\":\"https://example.com/?a=b#c\"}"},
	    {URI, true, "urn:x", "{\"q\":\"urn:x\"}"},
	    {URI, true, "example.com", "That is no URI, like https://example.com/."},
	    {URI, true, "1a:b", "That is no URI, like https://example.com/."},
	    {URI, true, "http://a b", "That is no URI, like https://example.com/."},
	    {URI, true, "http:", "That is no URI, like https://example.com/."},
	    {DATE, true, "2024-02-29", "{\"q\":\"2024-02-29\"}"},
	    {DATE, true, "2023-02-29", "That is no date, like 2026-07-28."},
	    {DATE, true, "1900-02-29", "That is no date, like 2026-07-28."},
	    {DATE, true, "2000-02-29", "{\"q\":\"2000-02-29\"}"},
	    {DATE, true, "2026-04-31", "That is no date, like 2026-07-28."},
	    {DATE, true, "2026-13-01", "That is no date, like 2026-07-28."},
	    {DATE, true, "2026-07-28x", "That is no date, like 2026-07-28."},
	    {DATE, true, "2026-7-28", "That is no date, like 2026-07-28."},
	    {DATE, true, "2026", "That is no date, like 2026-07-28."},
	    {TIME, true, "2026-07-28T12:34:56Z", "{\"q\":\"2026-07-28T12:34:56Z\"}"},
	    {TIME, true, "2026-07-28t12:34:60.25+02:00",
	        "{\"q\":\"2026-07-28t12:34:60.25+02:00\"}"},
	    {TIME, true, "2026-07-28T24:00:00Z",
	        "That is no date and time, like 2026-07-28T12:34:56Z."},
	    {TIME, true, "2026-07-28T12:34:56",
	        "That is no date and time, like 2026-07-28T12:34:56Z."},
	    {TIME, true, "2026-07-28T12:34:56.Z",
	        "That is no date and time, like 2026-07-28T12:34:56Z."},
	    {TIME, true, "2026-07-28", "That is no date and time, like 2026-07-28T12:34:56Z."},
	    {ODD, true, "anything", "{\"q\":\"anything\"}"},

	    {NUMBER, true, "1.5", "{\"q\":1.5}"},
	    {NUMBER, true, " -1.5e0 ", "{\"q\":-1.5e0}"},
	    {NUMBER, true, "-1.6", "The smallest is -1.5."},
	    {NUMBER, true, "11", "The largest is 10."},
	    {NUMBER, true, "1.", "A number is needed, like 1.5."},
	    {NUMBER, true, "01", "A number is needed, like 1.5."},
	    {NUMBER, true, "1e", "A number is needed, like 1.5."},
	    {NUMBER, true, "0x1", "A number is needed, like 1.5."},
	    {NUMBER, true, "nan", "A number is needed, like 1.5."},
	    {NUMBER, true, "", "An answer is needed."},
	    {INTEGER, true, "", "{\"q\":3}"},
	    {INTEGER, true, "0", "The smallest is 1."},
	    {INTEGER, true, "1.5", "An integer is needed, like 42."},
	    {ANY_INT, true, "9007199254740993", "{\"q\":9007199254740993}"},
	    {ANY_INT, false, "", "{}"},

	    {YES_NO, true, "Yes", "{\"q\":true}"},
	    {YES_NO, true, "n", "{\"q\":false}"},
	    {YES_NO, true, "maybe", "Please answer yes or no."},
	    {YES_NO, false, "", "{}"},
	    {YES, false, "", "{\"q\":true}"},

	    {ONE, true, "red", "{\"q\":\"red\"}"},
	    {ONE, true, "3", "{\"q\":\"blue\"}"},
	    {ONE, true, "2", "{\"q\":\"2\"}"},
	    {ONE, true, "RED!", "{\"q\":\"red\"}"},
	    {ONE, true, "4", "Please answer with a number from 1 to 3."},
	    {ONE, true, "0", "Please answer with a number from 1 to 3."},
	    {ONE, true, "99999999999999999999999", "Please answer with a number from 1 to 3."},
	    {ONE, true, "1x", "Please answer with a number from 1 to 3."},
	    {ONE, true, "green", "Please answer with a number from 1 to 3."},
	    {TITLED, true, "first", "{\"q\":\"a\"}"},
	    {TITLED, true, "", "{\"q\":\"b\"}"},

	    {SOME, true, "a", "{\"q\":[\"a\"]}"},
	    {SOME, true, " b ,, 1,b", "{\"q\":[\"b\",\"a\"]}"},
	    {SOME, true, "c, d", "{\"q\":[\"c, d\"]}"},
	    {SOME, true, "1,2,3", "At most 2 are taken."},
	    {SOME, true, ",", "At least 1 are needed."},
	    {SOME, true, "", "An answer is needed."},
	    {SOME, false, "", "{}"},
	    {SOME, true, "a, e", "Please answer with numbers from 1 to 3, with commas between."},
	    {SOME_TITLED, true, "b B, a", "{\"q\":[\"b\",\"a\"]}"},
	    {SOME_TITLED, true, "", "{\"q\":[\"b\",\"a\"]}"},
	    {"{\"type\":\"array\",\"items\":{\"enum\":[\"a\"]}}", true, "", "{\"q\":[]}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check(cases[i].schema, cases[i].required, cases[i].answer, cases[i].expected);
}

static void hints_tell_what_may_be_answered(void **state)
{
	static const struct {
		const char *schema, *hint;
	} cases[] = {
	    {TEXT, "text"},
	    {SHORT, "text, 2 to 3 characters"},
	    {"{\"type\":\"string\",\"minLength\":1}", "text, at least 1 characters"},
	    {EMAIL, "e-mail address"},
	    {NUMBER, "number, -1.5 to 10"},
	    {INTEGER, "integer, at least 1"},
	    {YES_NO, "yes or no"},
	    {ONE, "one of these"},
	    {SOME, "some of these, with commas between, 1 to 2"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct form *f = one_question(cases[i].schema, false);
		char hint[FORM_HINT_SIZE];

		assert_string_equal(form_hint(f, 0, hint), cases[i].hint);
		form_free(f);
	}
}

static void questions_are_read(void **state)
{
	char error[FORM_ERROR_SIZE];
	struct form *f =
	    form_new("{\"message\":\"Who are you?\",\"requestedSchema\":{\"properties\":{"
	             "\"name\":{\"type\":\"string\",\"title\":\"Name\",\"description\":\"as in the "
	             "passport\"},"
	             "\"name\":{\"type\":\"integer\"},"
	             "\"colour\":" TITLED ",\"sure\":" YES "},\"required\":[1,\"colour\"]}}",
	        error);

	(void)state;
	assert_non_null(f);
	assert_string_equal(form_message(f), "Who are you?");
	assert_null(form_url(f));
	assert_int_equal(form_count(f), 3);
	const struct form_question *q = form_question(f, 0);
	assert_string_equal(q->name, "name");
	assert_string_equal(q->title, "Name");
	assert_string_equal(q->description, "as in the passport");
	assert_int_equal(q->kind, FORM_TEXT);
	assert_false(q->required);
	assert_null(q->preset);
	q = form_question(f, 1);
	assert_int_equal(q->kind, FORM_ONE_OF);
	assert_true(q->required);
	assert_null(q->title);
	assert_int_equal(q->choice_count, 2);
	assert_string_equal(q->choices[1].value, "b");
	assert_string_equal(q->choices[1].title, "Second");
	assert_string_equal(q->preset, "b");
	assert_string_equal(form_question(f, 2)->preset, "yes");
	form_free(f);
}

static void presets_that_do_not_fit_are_none(void **state)
{
	static const char *const schemas[] = {
	    "{\"type\":\"string\",\"default\":1}",
	    "{\"type\":\"string\",\"minLength\":3,\"default\":\"x\"}",
	    "{\"type\":\"integer\",\"default\":1.5}",
	    "{\"type\":\"integer\",\"default\":\"1\"}",
	    "{\"type\":\"number\",\"maximum\":1,\"default\":2}",
	    "{\"type\":\"boolean\",\"default\":\"yes\"}",
	    "{\"type\":\"string\",\"enum\":[\"a\"],\"default\":\"1\"}",
	    "{\"type\":\"array\",\"items\":{\"enum\":[\"a\"]},\"default\":[\"b\"]}",
	    "{\"type\":\"array\",\"items\":{\"enum\":[\"a\"]},\"default\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(schemas); i++) {
		struct form *f = one_question(schemas[i], false);
		char *content;

		assert_null(form_question(f, 0)->preset);
		content = form_content(f);
		assert_string_equal(content, "{}");
		free(content);
		form_free(f);
	}
}

static void a_later_answer_replaces_an_earlier_one(void **state)
{
	struct form *f = one_question(PRESET, false);
	char error[FORM_ERROR_SIZE], *result;

	(void)state;
	assert_true(form_answer(f, 0, "one", error));
	assert_true(form_answer(f, 0, "two", error));
	result = form_result(f, FORM_ACCEPT);
	assert_string_equal(result, "{\"action\":\"accept\",\"content\":{\"q\":\"two\"}}");
	free(result);
	form_free(f);
	f = one_question(TEXT, false);
	assert_true(form_answer(f, 0, "one", error));
	assert_true(form_answer(f, 0, "", error));
	result = form_result(f, FORM_ACCEPT);
	assert_string_equal(result, "{\"action\":\"accept\",\"content\":{}}");
	free(result);
	form_free(f);
}

static void only_what_is_accepted_has_content(void **state)
{
	struct form *f = one_question(PRESET, false);
	char *result;

	(void)state;
	result = form_result(f, FORM_DECLINE);
	assert_string_equal(result, "{\"action\":\"decline\"}");
	free(result);
	result = form_result(f, FORM_CANCEL);
	assert_string_equal(result, "{\"action\":\"cancel\"}");
	free(result);
	form_free(f);
}

static void a_url_is_a_form_without_questions(void **state)
{
	char error[FORM_ERROR_SIZE], *result;
	struct form *f =
	    form_new("{\"mode\":\"url\",\"message\":\"Log in\",\"elicitationId\":\"1\","
	             "\"url\":\"https://example.com/x\"}",
	        error);

	(void)state;
	assert_non_null(f);
	assert_string_equal(form_url(f), "https://example.com/x");
	assert_int_equal(form_count(f), 0);
	result = form_result(f, FORM_ACCEPT);
	assert_string_equal(result, "{\"action\":\"accept\"}");
	free(result);
	form_free(f);
}

static void what_is_no_form_is_refused(void **state)
{
	static const char *const params[] = {
	    "",
	    "[]",
	    "{",
	    "{}",
	    "{\"mode\":\"url\"}",
	    "{\"mode\":\"url\",\"url\":1}",
	    "{\"requestedSchema\":{}}",
	    "{\"requestedSchema\":{\"properties\":[]}}",
	    "{\"requestedSchema\":{\"properties\":{\"a\":{}}}}",
	    "{\"requestedSchema\":{\"properties\":{\"a\":1}}}",
	    "{\"requestedSchema\":{\"properties\":{\"a\":{\"type\":\"object\"}}}}",
	    "{\"requestedSchema\":{\"properties\":{\"a\":{\"type\":\"array\"}}}}",
	    "{\"requestedSchema\":{\"properties\":{\"a\":{\"type\":\"string\",\"enum\":[]}}}}",
	    "{\"requestedSchema\":{\"properties\":{\"a\":{\"type\":\"string\",\"enum\":[1]}}}}",
	    "{\"requestedSchema\":{\"properties\":{\"a\":{\"type\":\"string\",\"oneOf\":[{}]}}}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(params); i++) {
		char error[FORM_ERROR_SIZE] = "";

		assert_null(form_new(params[i], error));
		assert_true(strlen(error) > 0);
	}
	form_free(NULL);
}

static void there_is_a_limit_to_questions(void **state)
{
	char params[64 * (FORM_QUESTIONS_MAX + 1)] = "{\"requestedSchema\":{\"properties\":{",
	                                       error[FORM_ERROR_SIZE];
	size_t len = strlen(params);

	(void)state;
	for (int i = 0; i <= FORM_QUESTIONS_MAX; i++)
		len += (size_t)snprintf(params + len, sizeof params - len,
		    "%s\"q%d\":{\"type\":\"string\",\"default\":\"x\"}", i > 0 ? "," : "", i);
	(void)snprintf(params + len, sizeof params - len, "}}}");
	assert_null(form_new(params, error));
	assert_string_equal(error, "it has over 100 questions");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_taken_by_the_schema),
	    cmocka_unit_test(hints_tell_what_may_be_answered),
	    cmocka_unit_test(questions_are_read),
	    cmocka_unit_test(presets_that_do_not_fit_are_none),
	    cmocka_unit_test(a_later_answer_replaces_an_earlier_one),
	    cmocka_unit_test(only_what_is_accepted_has_content),
	    cmocka_unit_test(a_url_is_a_form_without_questions),
	    cmocka_unit_test(what_is_no_form_is_refused),
	    cmocka_unit_test(there_is_a_limit_to_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
