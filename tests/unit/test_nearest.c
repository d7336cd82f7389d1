#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nearest.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void distances(void **state)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} cases[] = {
	    {"echo", "echo", 0},
	    {"echo", "ECHO", 0},
	    {"ec", "echo", 0}, /* begun */
	    {"echos", "echo", 0},
	    {"ecko", "echo", 1}, /* changed */
	    {"cho", "echo", 1},  /* left out */
	    {"xecho", "echo", 1},
	    {"kitten", "sitting", 3},
	    {"", "", 0},
	    {"", "abc", 3},
	    {"abc", "", 3},
	    {"abc", "xyz", 3},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(nearest_distance(cases[i].a, cases[i].b), cases[i].distance);
		assert_int_equal(nearest_distance(cases[i].b, cases[i].a), cases[i].distance);
	}
}

static void long_names_are_cut(void **state)
{
	char a[5000], b[5000];

	(void)state;
	memset(a, 'a', sizeof a - 1);
	a[sizeof a - 1] = '\0';
	memset(b, 'b', sizeof b - 1);
	b[sizeof b - 1] = '\0';
	assert_int_equal(nearest_distance(a, b), NEAREST_MAX);
	assert_int_equal(nearest_distance(a, "x"), NEAREST_MAX);
}

static void names_are_sorted(void **state)
{
	static char zebra[] = "zebra", echo[] = "echo", apple[] = "apple", ecko[] = "ecko";
	struct nearest_name names[] = {
	    {.name = zebra}, {.name = apple}, {.name = echo}, {.name = ecko}};

	(void)state;
	nearest_sort(names, 4, "ecko");
	assert_string_equal(names[0].name, "ecko");
	assert_string_equal(names[1].name, "echo");
	assert_string_equal(names[2].name, "zebra"); /* as far as apple, but it stood before it */
	assert_string_equal(names[3].name, "apple");
	nearest_sort(names, 4, "0123456789"); /* like none of them: they stay */
	assert_string_equal(names[0].name, "ecko");
	assert_string_equal(names[1].name, "echo");
	assert_string_equal(names[2].name, "zebra");
	assert_string_equal(names[3].name, "apple");
	nearest_sort(NULL, 0, "x");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(distances),
	    cmocka_unit_test(long_names_are_cut),
	    cmocka_unit_test(names_are_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
