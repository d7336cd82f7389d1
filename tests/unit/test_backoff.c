#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoff.h"

static const int64_t maxima[] = {
    1, 20, 99, 100, 101, 249, 250, 251, 1000, 30000, INT64_C(86400000)};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The largest delay of the nth retry, as the contract has it. */
static int64_t bound(unsigned n, int64_t max)
{
	int64_t below = n == 0 ? 100 : 250;

	for (unsigned i = 1; i < n && below < max; i++)
		below *= 2;
	return below < max ? below : max;
}

static uint32_t spread(uint32_t i)
{
	return i * UINT32_C(2654435761);
}

static void delays_stay_below_a_doubling_cap(void **state)
{
	(void)state;
	for (size_t m = 0; m < COUNT(maxima); m++) {
		for (uint32_t i = 0; i < 500; i++) {
			struct backoff b;
			backoff_init(&b, maxima[m]);
			for (unsigned n = 0; n < 40; n++) {
				int64_t delay = backoff_next(&b, spread(i * 41 + n), 0);
				assert_in_range(delay, 0, bound(n, maxima[m]));
			}
		}
	}
}

/* Clients that lost one server must not come back in step. */
static void delays_use_the_whole_range(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 8; n++) {
		int64_t least = INT64_MAX, most = 0;
		for (uint32_t i = 0; i < 20000; i++) {
			struct backoff b;
			backoff_init(&b, 30000);
			for (unsigned skip = 0; skip < n; skip++)
				backoff_next(&b, 0, 0);
			int64_t delay = backoff_next(&b, spread(i), 0);
			least = delay < least ? delay : least;
			most = delay > most ? delay : most;
		}
		assert_true(least <= bound(n, 30000) / 100);
		assert_true(most >= bound(n, 30000) * 99 / 100);
	}
}

static void a_server_that_asks_for_time_gets_it_up_to_the_maximum(void **state)
{
	struct backoff b;

	(void)state;
	backoff_init(&b, 30000);
	assert_int_equal(backoff_next(&b, 7, 5000), 5000);
	assert_int_equal(backoff_next(&b, 7, 90000), 30000);
	assert_int_equal(backoff_next(&b, 7, 30001), 30000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_in_range(backoff_next(&b, spread(i), 20000), 20000, 30000);
	backoff_init(&b, 200);
	assert_int_equal(backoff_next(&b, 7, 5000), 200);
}

static void a_maximum_below_one_is_one(void **state)
{
	struct backoff b;

	(void)state;
	backoff_init(&b, 0);
	for (uint32_t i = 0; i < 100; i++)
		assert_in_range(backoff_next(&b, spread(i), 0), 0, 1);
	backoff_init(&b, -5);
	assert_in_range(backoff_next(&b, 3, 0), 0, 1);
}

static void run_up(struct backoff *b)
{
	backoff_init(b, 30000);
	for (int n = 0; n < 12; n++)
		backoff_next(b, 0, 0);
	assert_int_equal(b->cap, 30000);
}

static void it_starts_over_after_a_useful_link(void **state)
{
	struct backoff b;

	(void)state;
	run_up(&b);
	backoff_carried(&b, 1000);
	assert_true(backoff_link_down(&b, 1000 + BACKOFF_RESET));
	assert_in_range(backoff_next(&b, UINT32_MAX, 0), 0, 100);
}

static void a_link_that_ended_too_soon_counts_for_nothing(void **state)
{
	struct backoff b;

	(void)state;
	run_up(&b);
	backoff_carried(&b, 1000);
	backoff_carried(&b, 5000); /* it is the first message that counts ... */
	assert_false(backoff_link_down(&b, 1000 + BACKOFF_RESET - 1));
	assert_int_equal(b.cap, 30000);
	backoff_carried(&b, 10000); /* ... of this link */
	assert_false(backoff_link_down(&b, 12000));
}

static void a_link_that_carried_nothing_counts_for_nothing(void **state)
{
	struct backoff b;

	(void)state;
	run_up(&b);
	assert_false(backoff_link_down(&b, 1000000));
	assert_int_equal(b.cap, 30000);
	backoff_carried(&b, 0); /* zero is a time like any other */
	assert_true(backoff_link_down(&b, BACKOFF_RESET));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(delays_stay_below_a_doubling_cap),
	    cmocka_unit_test(delays_use_the_whole_range),
	    cmocka_unit_test(a_server_that_asks_for_time_gets_it_up_to_the_maximum),
	    cmocka_unit_test(a_maximum_below_one_is_one),
	    cmocka_unit_test(it_starts_over_after_a_useful_link),
	    cmocka_unit_test(a_link_that_ended_too_soon_counts_for_nothing),
	    cmocka_unit_test(a_link_that_carried_nothing_counts_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
