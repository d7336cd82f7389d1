/* Growable bytes: limits, growth, removal; and a long random run against a plain array. */
#include "buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* AddressSanitizer ends a program that asks for too much, unless told to say no. */
const char *__asan_default_options(void); /* NOLINT: the name is not ours to choose */

const char *__asan_default_options(void) /* NOLINT */
{
	return "allocator_may_return_null=1";
}

static void check_bytes(const struct buf *b, const char *expected)
{
	assert_int_equal(b->len, strlen(expected));
	assert_true(b->len <= b->cap && b->cap <= b->max);
	assert_memory_equal(b->data, expected, b->len);
}

static void test_empty_allocates_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.cap, 0);
	assert_int_equal(b.max, 100);
	assert_int_equal(buf_append(&b, NULL, 0), BUF_OK);
	assert_int_equal(buf_append_str(&b, ""), BUF_OK);
	assert_int_equal(buf_reserve(&b, 0), BUF_OK);
	buf_consume(&b, 0);
	assert_null(b.data);
	buf_free(&b);
	buf_free(&b);
	buf_free(NULL);
}

static void test_append(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_append(&b, "one", 3), BUF_OK);
	assert_int_equal(buf_append_str(&b, " two"), BUF_OK);
	check_bytes(&b, "one two");
	buf_free(&b);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.max, 100);
}

static void test_reserve_and_fill(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(buf_reserve(&b, 700), BUF_OK);
	assert_int_equal(b.len, 0);
	assert_true(b.cap >= 700);
	memset(b.data, 'x', 700);
	b.len += 700;
	assert_int_equal(buf_reserve(&b, 300), BUF_OK);
	assert_int_equal(b.cap, 1000);
	assert_int_equal(b.data[699], 'x');
	buf_free(&b);
}

static void test_maximum_is_exact(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_append_str(&b, "12345"), BUF_OK);
	assert_int_equal(buf_append_str(&b, "6789"), BUF_FULL);
	check_bytes(&b, "12345");
	assert_int_equal(buf_append_str(&b, "678"), BUF_OK);
	check_bytes(&b, "12345678");
	assert_int_equal(buf_append_str(&b, "9"), BUF_FULL);
	assert_int_equal(buf_reserve(&b, 1), BUF_FULL);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), BUF_FULL);
	assert_int_equal(buf_reserve(&b, 0), BUF_OK);
	check_bytes(&b, "12345678");
	buf_free(&b);
}

static void test_maximum_zero(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	assert_int_equal(buf_append_str(&b, "1"), BUF_FULL);
	assert_int_equal(buf_append_str(&b, ""), BUF_OK);
	assert_null(b.data);
	buf_free(&b);
}

static void test_no_memory_changes_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	assert_int_equal(buf_append_str(&b, "kept"), BUF_OK);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), BUF_NOMEM);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.data, "kept", 4);
	assert_int_equal(buf_append_str(&b, " on"), BUF_OK);
	check_bytes(&b, "kept on");
	buf_free(&b);
}

static void test_consume_and_clear(void **state)
{
	struct buf b;
	size_t cap;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_append_str(&b, "abcdef"), BUF_OK);
	buf_consume(&b, 2);
	check_bytes(&b, "cdef");
	buf_consume(&b, 4);
	assert_int_equal(b.len, 0);
	cap = b.cap;
	assert_int_equal(buf_append_str(&b, "x"), BUF_OK);
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.cap, cap);
	buf_free(&b);
}

static void test_growth_is_geometric(void **state)
{
	struct buf b;
	size_t moves = 0;

	(void)state;
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < 1 << 20; i++) {
		size_t cap = b.cap;

		assert_int_equal(buf_append(&b, "x", 1), BUF_OK);
		moves += b.cap != cap;
	}
	assert_true(moves <= 21);
	assert_int_equal(b.cap, b.max);
	buf_free(&b);
}

static uint64_t seed = 1;

static size_t random_below(size_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed % n);
}

/* Whatever the order of calls, the buffer holds what a fixed array would. */
static void test_random_calls(void **state)
{
	enum { MAX = 3000 };
	static unsigned char plain[MAX], piece[MAX];
	size_t len = 0;
	struct buf b;

	(void)state;
	buf_init(&b, MAX);
	for (int i = 0; i < 20000; i++) {
		size_t n = random_below(random_below(4) == 0 ? MAX : 40);

		if (random_below(3) > 0) {
			int expected = n > MAX - len ? BUF_FULL : BUF_OK;

			memset(piece, (int)random_below(256), n);
			assert_int_equal(buf_append(&b, piece, n), expected);
			if (expected == BUF_OK) {
				memcpy(plain + len, piece, n);
				len += n;
			}
		} else {
			n = n > len ? len : n;
			buf_consume(&b, n);
			len -= n;
			memmove(plain, plain + n, len);
		}
		assert_int_equal(b.len, len);
		assert_true(len <= b.cap && b.cap <= MAX);
		if (len > 0)
			assert_memory_equal(b.data, plain, len);
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty_allocates_nothing),
	    cmocka_unit_test(test_append),
	    cmocka_unit_test(test_reserve_and_fill),
	    cmocka_unit_test(test_maximum_is_exact),
	    cmocka_unit_test(test_maximum_zero),
	    cmocka_unit_test(test_no_memory_changes_nothing),
	    cmocka_unit_test(test_consume_and_clear),
	    cmocka_unit_test(test_growth_is_geometric),
	    cmocka_unit_test(test_random_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
