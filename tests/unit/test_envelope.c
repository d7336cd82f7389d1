#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "envelope.h"

static void check(struct buf *b, const char *expected)
{
	assert_int_equal(b->len, strlen(expected));
	assert_memory_equal(b->data, expected, b->len);
	buf_clear(b);
}

static void test_texts(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX / 2);
	assert_true(envelope_append_request(&b, 9007199254740993, "a/\"b\"", NULL, 0));
	check(&b, "{\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"method\":\"a/\\\"b\\\"\"}");
	assert_true(envelope_append_request(&b, 1, "m", "[ 1.0 ]x", 7));
	check(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":[ 1.0 ]}");
	assert_true(envelope_append_notification(&b, "n", NULL, 0));
	check(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"n\"}");
	assert_true(envelope_append_notification(&b, "n", "{}", 2));
	check(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"n\",\"params\":{}}");
	assert_true(envelope_append_result(&b, "\"\\u00e9\"", 8, "{ }", 3));
	check(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"\\u00e9\",\"result\":{ }}");
	assert_true(envelope_append_error(&b, "1.50", 4, -32601, "no \"such\" thing"));
	check(&b, "{\"jsonrpc\":\"2.0\",\"id\":1.50,"
	          "\"error\":{\"code\":-32601,\"message\":\"no \\\"such\\\" thing\"}}");
	buf_free(&b);
}

static void test_no_memory(void **state)
{
	(void)state;
	for (size_t max = 0; max < 30; max++) {
		struct buf b;
		buf_init(&b, max);
		assert_false(envelope_append_request(&b, 1, "method", "{}", 2));
		buf_clear(&b);
		assert_false(envelope_append_notification(&b, "method", "{}", 2));
		buf_clear(&b);
		assert_false(envelope_append_result(&b, "1", 1, "{}", 2));
		buf_clear(&b);
		assert_false(envelope_append_error(&b, "1", 1, 1, "message"));
		assert_true(b.len <= max);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
