#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "pool.h"

#define SMALL_MAX ((size_t)10000)
#define LARGE_MAX (8 * POOL_LARGE)
#define NO_LIMIT  ((size_t)1 << 30)

/* Allocations that are refused return NULL under AddressSanitizer, too. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* Under AddressSanitizer every block comes from malloc and goes back there. */
static bool keeps(void)
{
	struct pool *p = pool_new(SMALL_MAX, LARGE_MAX);
	size_t size = 100, again = 100;
	void *block = pool_take(p, &size);

	pool_give(p, block, size);
	void *next = pool_take(p, &again);
	bool kept = again > 100 && next == block;
	pool_give(p, next, again);
	pool_end(p);
	return kept;
}

static void *take(struct pool *p, size_t wanted, size_t *size)
{
	unsigned char *block;

	*size = wanted;
	block = pool_take(p, size);
	assert_non_null(block);
	assert_in_range(*size, wanted, wanted < 64 ? 80 : 2 * wanted);
	memset(block, 0xa5, *size); /* all of it is there */
	return block;
}

static void a_block_serves_again(void **state)
{
	struct pool *p = pool_new(NO_LIMIT, NO_LIMIT);
	size_t size;

	(void)state;
	for (size_t wanted = 1; wanted < 4 * POOL_LARGE; wanted += wanted / 7 + 1) {
		void *block = take(p, wanted, &size), *other;
		size_t first = size;
		pool_give(p, block, size);
		other = take(p, wanted, &size);
		if (keeps()) {
			assert_ptr_equal(other, block);
			assert_int_equal(size, first);
		}
		pool_give(p, other, size);
	}
	pool_end(p);
}

/* What realloc made of a block does not fill its class. */
static void a_block_that_is_too_small_is_not_given(void **state)
{
	struct pool *p = pool_new(SMALL_MAX, LARGE_MAX);
	size_t size, small;
	void *block, *other;

	(void)state;
	block = take(p, 1000, &size);
	block = realloc(block, 1001);
	assert_non_null(block);
	pool_give(p, block, 1001);
	other = take(p, 1010, &size); /* of the same class */
	assert_in_range(size, 1010, 2020);
	pool_give(p, other, size);
	block = take(p, 990, &small);
	if (keeps())
		assert_int_equal(small, 1001);
	pool_give(p, block, small);
	block = take(p, 100, &small); /* nor one that is far too large: take() sees to that */
	pool_give(p, block, small);
	pool_end(p);
}

/* The latest block that was kept is the first to be given. */
static void check_kept(size_t size, size_t count, size_t kept)
{
	struct pool *p = pool_new(SMALL_MAX, LARGE_MAX);
	void *blocks[64], *next;
	size_t real = 0;

	for (size_t i = 0; i < count; i++)
		blocks[i] = take(p, size, &real);
	for (size_t i = 0; i < count; i++)
		pool_give(p, blocks[i], real);
	next = take(p, size, &real);
	assert_ptr_equal(next, blocks[kept - 1]);
	pool_give(p, next, real);
	pool_end(p);
}

static void no_more_is_kept_than_allowed(void **state)
{
	(void)state;
	if (!keeps())
		return;
	check_kept(1024, 5, 5);
	check_kept(1024, 20, SMALL_MAX / 1024);
	check_kept(POOL_LARGE, 8, 8);
	check_kept(POOL_LARGE, 20, LARGE_MAX / POOL_LARGE);
}

static void blocks_outlive_the_pool(void **state)
{
	struct pool *p = pool_new(SMALL_MAX, LARGE_MAX);
	size_t a_size, b_size;
	char *a = take(p, 300, &a_size), *b = take(p, 2 * POOL_LARGE, &b_size);

	(void)state;
	pool_end(p);
	memset(a, 1, a_size);
	memset(b, 2, b_size);
	pool_give(p, a, a_size);
	pool_give(p, NULL, 0);
	pool_give(p, b, b_size); /* the pool goes with it */
}

static void what_nobody_needs_is_freed(void **state)
{
	struct pool *p = pool_new(SMALL_MAX, LARGE_MAX);
	size_t size;
	void *block, *small;
	int64_t at;

	(void)state;
	assert_true(pool_rest(p, 0) == CLOCK_NEVER);
	small = take(p, 500, &size);
	pool_give(p, small, size);
	assert_true(pool_rest(p, 0) == CLOCK_NEVER);
	block = take(p, POOL_LARGE, &size);
	assert_true(pool_rest(p, 0) == CLOCK_NEVER);
	pool_give(p, block, size);
	if (!keeps()) {
		assert_true(pool_rest(p, 0) == CLOCK_NEVER);
		pool_end(p);
		return;
	}
	assert_int_equal(pool_rest(p, 5000), 6000);
	assert_int_equal(pool_rest(p, 5999), 6000);
	/* In use at least once a second: it stays. */
	for (at = 6000; at < 20000; at = pool_rest(p, at)) {
		void *again = take(p, POOL_LARGE, &size);
		assert_ptr_equal(again, block);
		pool_give(p, again, size);
	}
	/* From the last use on a second, in which nobody needed it. */
	at = pool_rest(p, at);
	assert_true(at == CLOCK_NEVER || pool_rest(p, at) == CLOCK_NEVER);
	assert_ptr_equal(take(p, 500, &size), small); /* small ones stay */
	pool_give(p, small, size);
	pool_end(p);
}

/* What is kept must not lie beside as much again. */
static void what_does_not_serve_makes_way(void **state)
{
	struct pool *p = pool_new(SMALL_MAX, LARGE_MAX);
	void *first, *second;
	size_t size, larger;

	(void)state;
	first = take(p, 5 * POOL_LARGE, &size);
	pool_give(p, first, size);
	second = take(p, 8 * POOL_LARGE, &larger);
	assert_true(pool_rest(p, 0) == CLOCK_NEVER); /* nothing large is kept */
	pool_give(p, second, larger);
	pool_end(p);
}

/* Of two blocks, one of which is in use all the time. */
static void what_is_needed_stays(void **state)
{
	struct pool *p = pool_new(SMALL_MAX, LARGE_MAX);
	void *a, *b;
	size_t size;

	(void)state;
	a = take(p, POOL_LARGE, &size);
	b = take(p, POOL_LARGE, &size);
	pool_give(p, a, size);
	pool_give(p, b, size);
	for (int64_t at = 0; at < 10000 && keeps(); at += 1000) {
		void *again = take(p, POOL_LARGE, &size);
		assert_true(again == a || again == b);
		pool_give(p, again, size);
		assert_int_equal(pool_rest(p, at), at + 1000);
	}
	pool_end(p);
}

static void without_a_pool_it_is_malloc(void **state)
{
	size_t size = 123;
	void *block = pool_take(NULL, &size);

	(void)state;
	assert_non_null(block);
	assert_int_equal(size, 123);
	pool_give(NULL, block, size);
	pool_end(NULL);
	assert_true(pool_rest(NULL, 0) == CLOCK_NEVER);
}

static void what_cannot_be_had_is_told(void **state)
{
	struct pool *p = pool_new(SMALL_MAX, LARGE_MAX);
	size_t size = SIZE_MAX / 8;

	(void)state;
	assert_null(pool_take(p, &size));
	assert_int_equal(size, SIZE_MAX / 8);
	pool_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_block_serves_again),
	    cmocka_unit_test(a_block_that_is_too_small_is_not_given),
	    cmocka_unit_test(no_more_is_kept_than_allowed),
	    cmocka_unit_test(blocks_outlive_the_pool),
	    cmocka_unit_test(what_nobody_needs_is_freed),
	    cmocka_unit_test(what_does_not_serve_makes_way),
	    cmocka_unit_test(what_is_needed_stays),
	    cmocka_unit_test(without_a_pool_it_is_malloc),
	    cmocka_unit_test(what_cannot_be_had_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
