#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "clock.h"

static void time_goes_on(void **state)
{
	int64_t us = clock_now_us(), ms = clock_now();

	(void)state;
	assert_true(us > 0);
	assert_in_range(ms, us / 1000, us / 1000 + 5000);
	while (clock_now() < ms + 2)
		;
	assert_true(clock_now_us() >= us + 1000);
}

static void time_never_goes_back(void **state)
{
	int64_t last = clock_now_us();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		int64_t now = clock_now_us();

		assert_true(now >= last);
		last = now;
	}
}

#ifdef CLOCK_BOOTTIME
static void time_asleep_is_counted(void **state)
{
	struct timespec t;
	int64_t ms;

	(void)state;
	if (clock_gettime(CLOCK_BOOTTIME, &t) != 0)
		return;
	ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
	assert_in_range(clock_now(), ms, ms + 5000);
}
#endif

static void min_is_the_earlier(void **state)
{
	(void)state;
	assert_int_equal(clock_min(1, 2), 1);
	assert_int_equal(clock_min(2, 1), 1);
	assert_int_equal(clock_min(-1, CLOCK_NEVER), -1);
	assert_true(clock_min(CLOCK_NEVER, CLOCK_NEVER) == CLOCK_NEVER);
}

static void add_saturates(void **state)
{
	(void)state;
	assert_int_equal(clock_add(5, 7), 12);
	assert_int_equal(clock_add(5, -7), -2);
	assert_true(clock_add(5, CLOCK_NEVER) == CLOCK_NEVER);
	assert_true(clock_add(CLOCK_NEVER, 5) == CLOCK_NEVER);
	assert_true(clock_add(CLOCK_NEVER, -5) == CLOCK_NEVER);
	assert_true(clock_add(INT64_MAX - 5, 6) == CLOCK_NEVER);
	assert_true(clock_add(INT64_MAX - 5, 4) == INT64_MAX - 1);
	assert_true(clock_add(INT64_MIN + 5, -6) == INT64_MIN);
	assert_true(clock_add(-6, CLOCK_NEVER - 1) == CLOCK_NEVER - 7);
}

static void poll_timeouts_fit(void **state)
{
	(void)state;
	assert_int_equal(clock_poll_timeout(100, 40), 60);
	assert_int_equal(clock_poll_timeout(40, 40), 0);
	assert_int_equal(clock_poll_timeout(39, 40), 0);
	assert_int_equal(clock_poll_timeout(INT64_MIN, INT64_MAX), 0);
	assert_int_equal(clock_poll_timeout(CLOCK_NEVER, 40), -1);
	assert_int_equal(clock_poll_timeout(CLOCK_NEVER, CLOCK_NEVER), -1);
	assert_int_equal(clock_poll_timeout((int64_t)INT_MAX + 1, 0), INT_MAX);
	assert_int_equal(clock_poll_timeout(CLOCK_NEVER - 1, INT64_MIN), INT_MAX);
}

static void utc_has_the_format_of_the_header(void **state)
{
	char out[CLOCK_UTC_SIZE];
	int year, month, day, hour, minute, second, ms, end = 0;
	time_t before = time(NULL), shown;
	struct tm tm = {0};

	(void)state;
	assert_ptr_equal(clock_utc(out), out);
	assert_int_equal(strlen(out), strlen("2026-07-28T12:34:56.789Z"));
	assert_int_equal(sscanf(out, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour,
	                     &minute, &second, &ms, &end),
	    7);
	assert_int_equal(end, strlen(out));
	/* The same second, counted by hand: mktime() would bring the time zone in. */
	assert_non_null(gmtime_r(&before, &tm));
	shown = ((time_t)tm.tm_hour * 60 + tm.tm_min) * 60 + tm.tm_sec;
	shown = ((time_t)hour * 60 + minute) * 60 + second - shown;
	if (tm.tm_mday == day) {
		assert_int_equal(tm.tm_year + 1900, year);
		assert_int_equal(tm.tm_mon + 1, month);
		assert_in_range(shown, 0, 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(time_goes_on),
	    cmocka_unit_test(time_never_goes_back),
#ifdef CLOCK_BOOTTIME
	    cmocka_unit_test(time_asleep_is_counted),
#endif
	    cmocka_unit_test(min_is_the_earlier),
	    cmocka_unit_test(add_saturates),
	    cmocka_unit_test(poll_timeouts_fit),
	    cmocka_unit_test(utc_has_the_format_of_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
