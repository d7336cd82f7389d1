#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "phrase.h"

static void it_grows_and_is_cut(void **state)
{
	char out[12];
	struct phrase p;

	(void)state;
	memset(out, 'x', sizeof out);
	p = phrase_in(out, sizeof out);
	assert_string_equal(out, "");
	phrase_add(&p, "%d %s", 12, "ab");
	assert_string_equal(out, "12 ab");
	phrase_add(&p, "%s", "cdefgh");
	assert_string_equal(out, "12 abcdefgh");
	assert_int_equal(p.len, 11);
	phrase_add(&p, "%s", "i");
	phrase_add(&p, "%s", "");
	assert_string_equal(out, "12 abcdefgh");
	assert_int_equal(p.len, 11);

	p = phrase_in(out, 1);
	phrase_add(&p, "%s", "abc");
	assert_string_equal(out, "");
	assert_int_equal(p.len, 0);
}

static void dates_are_in_utc(void **state)
{
	char out[PHRASE_DATE_SIZE];

	(void)state;
	assert_int_equal(setenv("TZ", "XXX-11", 1), 0);
	assert_string_equal(phrase_day(out, 0), "1970-01-01");
	assert_string_equal(phrase_time(out, 0), "1970-01-01T00:00:00Z");
	assert_string_equal(phrase_day(out, 1785283199), "2026-07-28");
	assert_string_equal(phrase_time(out, 1785283199), "2026-07-28T23:59:59Z");
	assert_string_equal(phrase_time(out, INT64_C(253402300799)), "9999-12-31T23:59:59Z");
	(void)phrase_time(out, INT64_MAX); /* whatever it is, it has an end */
	assert_true(strlen(out) < sizeof out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_grows_and_is_cut),
	    cmocka_unit_test(dates_are_in_utc),
	};

	return cmocka_run_group_tests_name("phrase", tests, NULL, NULL);
}
