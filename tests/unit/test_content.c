#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "content.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void assert_value(struct value v, const char *text)
{
	if (v.len != strlen(text) || memcmp(v.text, text, v.len) != 0)
		fail_msg("\"%.*s\" is not \"%s\"", (int)v.len, v.text, text);
}

static void items(void **state)
{
	static const struct {
		const char *item;
		enum content_kind kind;
		const char *text, *base64, *mime, *member;
	} cases[] = {
	    {"{\"type\":\"text\",\"text\":\"a\\n\"}", CONTENT_TEXT, "\"a\\n\"", "", "", NULL},
	    {"{\"type\":\"image\",\"data\" : \"AA==\",\"mimeType\":\"image/png\"}", CONTENT_IMAGE,
	        "", "\"AA==\"", "\"image/png\"", "\"data\" : \"AA==\""},
	    {"{\"mimeType\":7,\"d\\u0061ta\":\"\",\"type\":\"audio\"}", CONTENT_AUDIO, "", "\"\"",
	        "", "\"d\\u0061ta\":\"\""},
	    {"{\"type\":\"resource\",\"resource\":{\"uri\":\"x:y\",\"blob\":\"AAAA\",\"mimeType\":"
	     "\"a/b\"}}",
	        CONTENT_BLOB, "", "\"AAAA\"", "\"a/b\"", "\"blob\":\"AAAA\""},
	    {"{\"type\":\"resource\",\"resource\":{\"uri\":\"x:y\",\"text\":\"t\"}}", CONTENT_OTHER,
	        "", "", "", NULL},
	    {"{\"type\":\"resource\",\"blob\":\"AAAA\"}", CONTENT_OTHER, "", "", "", NULL},
	    {"{\"type\":\"resource_link\",\"uri\":\"x:y\"}", CONTENT_OTHER, "", "", "", NULL},
	    {"{\"type\":\"text\"}", CONTENT_OTHER, "", "", "", NULL},
	    {"{\"type\":\"text\",\"text\":7}", CONTENT_OTHER, "", "", "", NULL},
	    {"{\"type\":\"image\",\"data\":null}", CONTENT_OTHER, "", "", "", NULL},
	    {"{\"text\":\"a\"}", CONTENT_OTHER, "", "", "", NULL},
	    {"17", CONTENT_OTHER, "", "", "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct content_item item;
		char result[400];
		size_t at = 0;

		(void)snprintf(result, sizeof result, "[ %s ,1]", cases[i].item);
		assert_true(content_next(value_of(result), &at, &item));
		assert_int_equal(item.kind, cases[i].kind);
		assert_value(item.text, cases[i].text);
		assert_value(item.base64, cases[i].base64);
		assert_value(item.mime, cases[i].mime);
		if (cases[i].member != NULL)
			assert_value(item.member, cases[i].member);
		assert_true(content_next(value_of(result), &at, &item));
		assert_false(content_next(value_of(result), &at, &item));
	}
}

static void many_items(void **state)
{
	enum { MANY = 100000 };
	struct output out;
	struct buf b, texts;
	struct value result;

	(void)state;
	buf_init(&b, SIZE_MAX / 2);
	output_to_buf(&out, &b);
	output_str(&out, "{\"content\":[");
	for (int i = 0; i < MANY; i++)
		output_str(&out, "{\"type\":\"text\",\"text\":\"a\"},");
	output_str(&out, "1]}");
	assert_int_equal(output_end(&out), 0);
	result = (struct value){(const char *)b.data, b.len};
	buf_init(&texts, SIZE_MAX / 2);
	output_to_buf(&out, &texts);
	assert_true(content_put_texts(&out, result));
	assert_int_equal(output_end(&out), 0);
	assert_int_equal(texts.len, 3 * MANY); /* quotes, and "\\n" between two */
	buf_free(&texts);
	buf_free(&b);
}

static void sizes(void **state)
{
	static const struct {
		const char *base64;
		size_t size;
	} cases[] = {{"\"\"", 0}, {"\"AA==\"", 1}, {"\"AAA=\"", 2}, {"\"AAAA\"", 3},
	    {"\"AAAAAA==\"", 4}, {"\"\\/\\/\\/\\/\"", 3}, {"\"=\"", 0}, {"\"====\"", 3}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct content_item item = {.base64 = value_of(cases[i].base64)};

		assert_int_equal(content_size(&item), cases[i].size);
	}
}

static void what_a_result_comes_to(void **state)
{
	static const char *const cases[][2] = {
	    {"{\"content\":[{\"type\":\"text\",\"text\":\"a\\u00e9\"}]}", "\"a\\u00e9\""},
	    {"{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"structuredContent\":{\"n\":1.0}}",
	        "{\"n\":1.0}"},
	    {"{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"structuredContent\":null}",
	        "\"a\""},
	    {"{\"content\":[],\"structuredContent\":[9007199254740993]}", "[9007199254740993]"},
	    {"{\"content\":[]}", "null"},
	    {"{}", "null"},
	    {"{\"content\":7}", "null"},
	    {"{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]"
	     "}",
	        "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]"},
	    {"{\"content\":[{\"type\":\"image\",\"data\":\"\"}]}",
	        "[{\"type\":\"image\",\"data\":\"\"}]"},
	    {"{\"content\":[{\"type\":\"text\"}]}", "[{\"type\":\"text\"}]"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_value(content_data(value_of(cases[i][0])), cases[i][1]);
}

static void texts_are_put_together(void **state)
{
	static const char *const cases[][2] = {
	    {"{\"content\":[{\"type\":\"text\",\"text\":\"a\\u00e9\"}]}", "\"a\\u00e9\""},
	    {"{\"content\":[{\"type\":\"text\",\"text\":\"a\\n\"},{\"type\":\"image\",\"data\":"
	     "\"x\"},"
	     "{\"type\":\"text\",\"text\":\"\"},{\"type\":\"text\",\"text\":\"b\"}]}",
	        "\"a\\n\\n\\nb\""},
	    {"{\"content\":[{\"type\":\"image\",\"data\":\"x\"}]}", NULL},
	    {"{}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct output out;
		struct buf b;

		buf_init(&b, 100);
		output_to_buf(&out, &b);
		assert_int_equal(
		    content_put_texts(&out, value_of(cases[i][0])), cases[i][1] != NULL);
		assert_int_equal(output_end(&out), 0);
		assert_int_equal(b.len > 0, cases[i][1] != NULL);
		if (cases[i][1] != NULL)
			assert_value((struct value){(const char *)b.data, b.len}, cases[i][1]);
		buf_free(&b);
	}
}

static void pieces_are_replaced(void **state)
{
	static char one[] = "ONE", two[] = "", three[] = "THREE";
	static const char text[] = "0123456789", other[] = "0123456789";
	const struct content_change changes[] = {
	    {{text, 1}, one},
	    {{other + 2, 2}, three}, /* of another text: stays out */
	    {{text + 3, 2}, two},
	    {{text + 9, 1}, three},
	};
	struct output out;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	output_to_buf(&out, &b);
	content_put(&out, (struct value){text, 10}, changes, 4);
	output_str(&out, " ");
	content_put(&out, (struct value){text + 2, 3}, changes, 4);
	output_str(&out, " ");
	content_put(&out, (struct value){text + 4, 3}, changes, 4); /* not all of one is in it */
	output_str(&out, " ");
	content_put(&out, (struct value){text, 4}, changes, 4);
	output_str(&out, " ");
	content_put(&out, (struct value){text, 10}, NULL, 0);
	assert_int_equal(output_end(&out), 0);
	assert_value(
	    (struct value){(const char *)b.data, b.len}, "ONE125678THREE 2 456 ONE123 0123456789");
	buf_free(&b);
}

static void kinds_have_names(void **state)
{
	(void)state;
	assert_string_equal(content_kind_name(CONTENT_IMAGE), "image");
	assert_string_equal(content_kind_name(CONTENT_BLOB), "resource");
	assert_string_equal(content_kind_name(CONTENT_OTHER), "item");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(items),
	    cmocka_unit_test(many_items),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(what_a_result_comes_to),
	    cmocka_unit_test(texts_are_put_together),
	    cmocka_unit_test(pieces_are_replaced),
	    cmocka_unit_test(kinds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
