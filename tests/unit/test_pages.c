#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pages.h"

static char error[PAGES_ERROR_SIZE];

static enum pages_result add(struct pages *p, const char *result)
{
	error[0] = '\0';
	return pages_add(p, result, strlen(result), "tools", error);
}

static void check_cursor(const struct pages *p, const char *expected)
{
	size_t len;
	const char *cursor = pages_cursor(p, &len);

	if (!expected) {
		assert_null(cursor);
		assert_int_equal(len, 0);
		return;
	}
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(cursor, expected, len);
}

static void check_all(struct pages *p, const char *expected)
{
	size_t len;
	char *all = pages_take(p, &len);

	assert_non_null(all);
	assert_string_equal(all, expected);
	assert_int_equal(len, strlen(expected));
	free(all);
}

static void test_one(void **state)
{
	struct pages p;

	(void)state;
	pages_init(&p);
	check_cursor(&p, NULL);
	assert_int_equal(add(&p, "{\"tools\":[]}"), PAGES_END);
	check_all(&p, "[]");
	pages_init(&p);
	assert_int_equal(add(&p, "{\"x\":[1],\"tools\": [ 1.50 , {\"a\": 2} ]}"), PAGES_END);
	check_all(&p, "[1.50 , {\"a\": 2}]");
	check_all(&p, "[]"); /* gone */
}

static void test_many(void **state)
{
	struct pages p;

	(void)state;
	pages_init(&p);
	assert_int_equal(add(&p, "{\"tools\":[1],\"nextCursor\":\"a\\n\"}"), PAGES_MORE);
	check_cursor(&p, "\"a\\n\"");
	assert_int_equal(add(&p, "{\"nextCursor\":\"b\",\"tools\":[ ]}"), PAGES_MORE);
	check_cursor(&p, "\"b\"");
	assert_int_equal(add(&p, "{\"tools\":[2],\"nextCursor\":\"ab\"}"), PAGES_MORE);
	check_cursor(&p, "\"ab\"");
	assert_int_equal(add(&p, "{\"tools\":[3],\"nextCursor\":null}"), PAGES_END);
	check_cursor(&p, NULL);
	check_all(&p, "[1,2,3]");
	pages_init(&p);
	assert_int_equal(add(&p, "{\"tools\":[1],\"nextCursor\":\"\"}"), PAGES_END);
	pages_free(&p);
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
	    "{}",
	    "{\"tools\":null}",
	    "{\"tools\":{}}",
	    "{\"tools\":[],\"nextCursor\":1}",
	    "{\"tools\":[],\"nextCursor\":{}}",
	    "{\"tools\":[],\"nextCursor\":\"first\"}",
	    "{\"tools\":[],\"nextCursor\":\"second\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct pages p;
		pages_init(&p);
		assert_int_equal(add(&p, "{\"tools\":[],\"nextCursor\":\"first\"}"), PAGES_MORE);
		assert_int_equal(add(&p, "{\"tools\":[],\"nextCursor\":\"second\"}"), PAGES_MORE);
		assert_int_equal(add(&p, bad[i]), PAGES_BAD);
		assert_true(error[0] != '\0');
		pages_free(&p);
	}
}

static void test_too_many(void **state)
{
	struct pages p;
	char page[64];

	(void)state;
	pages_init(&p);
	for (int i = 1; i < PAGES_MAX; i++) {
		snprintf(page, sizeof page, "{\"tools\":[],\"nextCursor\":\"%d\"}", i);
		assert_int_equal(add(&p, page), PAGES_MORE);
	}
	assert_int_equal(add(&p, "{\"tools\":[],\"nextCursor\":\"x\"}"), PAGES_BAD);
	pages_free(&p);
}

static void test_too_large(void **state)
{
	const size_t size = 20 << 20;
	const char head[] = "{\"tools\":[\"", tail[] = "\"],\"nextCursor\":\"";
	char *page = malloc(size + 100);
	struct pages p;

	(void)state;
	assert_non_null(page);
	memcpy(page, head, sizeof head - 1);
	memset(page + sizeof head - 1, 'x', size);
	memcpy(page + sizeof head - 1 + size, tail, sizeof tail);
	char *cursor = page + sizeof head - 1 + size + sizeof tail - 1;
	pages_init(&p);
	for (int i = 0; i < 3; i++) {
		snprintf(cursor, 10, "%d\"}", i);
		assert_int_equal(add(&p, page), PAGES_MORE);
	}
	assert_int_equal(add(&p, page), PAGES_BAD);
	pages_free(&p);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
