#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ask.h"

static void test_kinds(void **state)
{
	static const struct {
		const char *raw;
		enum ask_kind kind;
	} rows[] = {
	    {"\"ping\"", ASK_PING},
	    {"\"roots/list\"", ASK_ROOTS},
	    {"\"elicitation/create\"", ASK_ELICIT},
	    {"\"elicit\\u0061tion\\/create\"", ASK_ELICIT},
	    {"\"sampling/createMessage\"", ASK_SAMPLE},
	    {"\"Ping\"", ASK_UNKNOWN},
	    {"\"\"", ASK_UNKNOWN},
	    {"17", ASK_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(ask_kind(rows[i].raw, strlen(rows[i].raw)), rows[i].kind);
	assert_int_equal(ask_kind("", 0), ASK_UNKNOWN);
}

static bool mode_known(const char *params)
{
	return ask_mode_known(params, strlen(params));
}

static void test_modes(void **state)
{
	(void)state;
	assert_true(ask_mode_known(NULL, 0));
	assert_true(mode_known("{}"));
	assert_true(mode_known("{\"mode\":\"form\"}"));
	assert_true(mode_known("{\"a\":1,\"mode\":\"url\"}"));
	assert_false(mode_known("{\"mode\":\"telepathy\"}"));
	assert_false(mode_known("{\"mode\":1}"));
}

static void test_roots(void **state)
{
	char *const none[] = {NULL};
	char root[] = "/", odd[] = "/a b/%\"#?\xc3\xa9~-._", bad[] = "/x/\xff";
	char *const paths[] = {root, odd, bad, NULL};
	const char expected[] = "{\"roots\":[{\"uri\":\"file:///\",\"name\":\"/\"},"
	                        "{\"uri\":\"file:///a%20b/%25%22%23%3F%C3%A9~-._\","
	                        "\"name\":\"%\\\"#?\xc3\xa9~-._\"},"
	                        "{\"uri\":\"file:///x/%FF\"}]}";
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX / 2);
	assert_true(ask_append_roots(&b, none));
	assert_int_equal(b.len, 12);
	assert_memory_equal(b.data, "{\"roots\":[]}", b.len);
	buf_clear(&b);
	assert_true(ask_append_roots(&b, paths));
	assert_int_equal(b.len, sizeof expected - 1);
	assert_memory_equal(b.data, expected, b.len);
	buf_free(&b);
	buf_init(&b, 40);
	assert_false(ask_append_roots(&b, paths));
	buf_free(&b);
}

static void test_tickets(void **state)
{
	struct ask_list l = {0};

	(void)state;
	assert_null(ask_find(&l, 0));
	assert_null(ask_find_untold(&l));
	struct ask *a = ask_add(&l, "\"x\"", 3, 0, 0), *b = ask_add(&l, NULL, 0, 7, 2);
	struct ask *c = ask_add(&l, "1.0", 3, 0, 0);
	assert_true(a->ticket > 0 && b->ticket > a->ticket && c->ticket > b->ticket);
	assert_int_equal(l.count, 3);
	assert_ptr_equal(ask_find(&l, b->ticket), b);
	assert_ptr_equal(ask_find_id(&l, "\"\\u0078\"", 8), a);
	assert_ptr_equal(ask_find_id(&l, "1", 1), c);
	assert_null(ask_find_id(&l, "\"1\"", 3));
	assert_null(ask_find_id(&l, "", 0)); /* not the input of a call */
	assert_ptr_equal(ask_find_call(&l, 7), b);
	assert_int_equal(b->input, 2);
	assert_null(ask_find_call(&l, 8));
	assert_ptr_equal(ask_find_untold(&l), a);
	a->told = true;
	assert_ptr_equal(ask_find_untold(&l), b);
	int64_t gone = b->ticket, last = c->ticket;
	ask_remove(&l, b);
	assert_null(ask_find(&l, gone));
	assert_int_equal(l.count, 2);
	/* A ticket is never given twice. */
	assert_true(ask_add(&l, "2", 1, 0, 0)->ticket > last);
	ask_free(&l);
	assert_int_equal(l.count, 0);
}

static void test_too_many(void **state)
{
	struct ask_list l = {0};

	(void)state;
	for (size_t i = 0; i < ASK_MAX; i++)
		assert_non_null(ask_add(&l, "1", 1, 0, 0));
	assert_null(ask_add(&l, "1", 1, 0, 0));
	ask_remove(&l, ask_find(&l, 1));
	assert_non_null(ask_add(&l, "1", 1, 0, 0));
	ask_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_modes),
	    cmocka_unit_test(test_roots),
	    cmocka_unit_test(test_tickets),
	    cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
