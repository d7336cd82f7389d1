#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expand.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int lookups;

/* A fresh answer each time, in memory that the next call overwrites, as getenv() may. */
static char *lookup(const char *name)
{
	static const char *const variables[][2] = {
	    {"A", "alpha"},
	    {"B", "${A}"},
	    {"EMPTY", ""},
	    {"_x1", "underscore"},
	    {"SECRET", "SECRET"},
	    {"CLOSE", "}"},
	};
	static char value[64];

	lookups++;
	memset(value, '!', sizeof value - 1);
	for (size_t i = 0; i < COUNT(variables); i++)
		if (strcmp(variables[i][0], name) == 0) {
			memcpy(value, variables[i][1], strlen(variables[i][1]) + 1);
			return value;
		}
	return NULL;
}

static void texts_are_expanded(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"${A}", "alpha"},
	    {"x${A}y${A}z", "xalphayalphaz"},
	    {"${_x1}", "underscore"},
	    /* Values are not expanded again. */
	    {"${B}", "${A}"},
	    {"${CLOSE}}", "}}"},
	    /* A dollar sign stands for itself. */
	    {"$", "$"},
	    {"a$", "a$"},
	    {"$A", "$A"},
	    {"$$", "$$"},
	    {"$${A}", "$alpha"},
	    {"$ {A}", "$ {A}"},
	    {"$(A)", "$(A)"},
	    {"{A}", "{A}"},
	    {"}", "}"},
	    {"a:-b", "a:-b"},
	    /* Defaults. */
	    {"${A:-no}", "alpha"},
	    {"${UNSET:-yes}", "yes"},
	    {"${EMPTY:-yes}", "yes"},
	    {"${EMPTY}", ""},
	    {"${UNSET:-}", ""},
	    {"${UNSET:-a:-b $ {c}}", "a:-b $ {c}"},
	    {"${UNSET:-$}", "$"},
	    {"${UNSET:-:-}", ":-"},
	    {"[${UNSET:-${A}}]", "[alpha]"},
	    {"${UNSET:-${UNSET:-${EMPTY:-x${A}y}}z}", "xalphayz"},
	    {"${UNSET:-${A}${A}}", "alphaalpha"},
	    /* What is not needed may be unset. */
	    {"${A:-${UNSET}}", "alpha"},
	    {"${A:-x${UNSET:-y}z}w", "alphaw"},
	    {"\xc3\xa9${A}\xff", "\xc3\xa9"
	                         "alpha\xff"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char error[EXPAND_ERROR_SIZE];
		char *out = expand(cases[i].in, lookup, 1000, error);

		assert_non_null(out);
		assert_string_equal(out, cases[i].out);
		free(out);
	}
}

static void errors_name_the_place_and_no_value(void **state)
{
	static const struct {
		const char *in, *error;
	} cases[] = {
	    {"x${UNSET}SECRET", "the variable UNSET is not set"},
	    {"${UNSET:-${MISSING}}", "the variable MISSING is not set"},
	    {"${SECRET}${UNSET}", "the variable UNSET is not set"},
	    {"${", "the \"${\" at byte 1 is not closed"},
	    {"ab${A", "the \"${\" at byte 3 is not closed"},
	    {"${A:-", "the \"${\" at byte 1 is not closed"},
	    {"${A:-SECRET", "the \"${\" at byte 1 is not closed"},
	    {"${A:-${A}", "the \"${\" at byte 1 is not closed"},
	    {"${UNSET:-${A}", "the \"${\" at byte 1 is not closed"},
	    {"${UNSET:-${A", "the \"${\" at byte 1 is not closed"},
	    {"${A}${SECRET", "the \"${\" at byte 5 is not closed"},
	    {"${}", "the \"${\" at byte 1 is not followed by a variable's name"},
	    {"${:-x}", "the \"${\" at byte 1 is not followed by a variable's name"},
	    {"${1A}", "the \"${\" at byte 1 is not followed by a variable's name"},
	    {"${SECRET-x}", "the \"${\" at byte 1 is not followed by a variable's name"},
	    {"${SECRET:x}", "the \"${\" at byte 1 is not followed by a variable's name"},
	    {"${SECRET x}", "the \"${\" at byte 1 is not followed by a variable's name"},
	    {"${ A}", "the \"${\" at byte 1 is not followed by a variable's name"},
	    {"${${A}}", "the \"${\" at byte 1 is not followed by a variable's name"},
	    {"${\xc3\xa9}", "the \"${\" at byte 1 is not followed by a variable's name"},
	    /* Also where it is not needed. */
	    {"${A:-${!}}", "the \"${\" at byte 6 is not followed by a variable's name"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char error[EXPAND_ERROR_SIZE] = "";

		assert_null(expand(cases[i].in, lookup, 1000, error));
		assert_memory_equal(error, cases[i].error, strlen(cases[i].error));
		assert_null(strstr(error, "SECRET"));
	}
}

static void names_have_a_limit(void **state)
{
	char text[300] = "${", error[EXPAND_ERROR_SIZE];

	(void)state;
	memset(text + 2, 'N', 200);
	memcpy(text + 202, "}", 2);
	assert_null(expand(text, lookup, 1000, error));
	assert_non_null(strstr(error, "NN is not set"));
	assert_true(strlen(error) > 200);
	memset(text + 2, 'N', 201);
	memcpy(text + 203, "}", 2);
	assert_null(expand(text, lookup, 1000, error));
	assert_non_null(strstr(error, "not followed by a variable's name"));
}

static void nesting_has_a_limit(void **state)
{
	char text[300], error[EXPAND_ERROR_SIZE], *out;

	(void)state;
	for (size_t depth = 15; depth <= 18; depth++) {
		text[0] = '\0';
		for (size_t i = 1; i < depth; i++)
			strcat(text, "${UNSET:-");
		strcat(text, "${A}");
		for (size_t i = 1; i < depth; i++)
			strcat(text, "}");
		out = expand(text, lookup, 1000, error);
		if (depth <= 16) {
			assert_non_null(out);
			assert_string_equal(out, "alpha");
		} else {
			assert_null(out);
			assert_string_equal(error, "the \"${\" at byte 145 is nested too deeply");
		}
		free(out);
	}
}

static void results_have_a_limit(void **state)
{
	static const struct {
		const char *in;
		size_t len;
	} cases[] = {{"plain", 5}, {"${A}", 5}, {"a${A}b", 7}, {"${UNSET:-abc}", 3}, {"", 0}};
	char error[EXPAND_ERROR_SIZE], *out;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		out = expand(cases[i].in, lookup, cases[i].len, error);
		assert_non_null(out);
		assert_int_equal(strlen(out), cases[i].len);
		free(out);
		out = expand(cases[i].in, lookup, SIZE_MAX, error);
		assert_non_null(out);
		free(out);
		if (cases[i].len == 0)
			continue;
		assert_null(expand(cases[i].in, lookup, cases[i].len - 1, error));
		assert_non_null(strstr(error, "longer than"));
		assert_null(strstr(error, "alpha"));
	}
}

static void only_what_is_needed_is_looked_up(void **state)
{
	char error[EXPAND_ERROR_SIZE];

	(void)state;
	lookups = 0;
	free(expand("${A:-${UNSET}${A}}", lookup, 1000, error));
	assert_int_equal(lookups, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_are_expanded),
	    cmocka_unit_test(errors_name_the_place_and_no_value),
	    cmocka_unit_test(names_have_a_limit),
	    cmocka_unit_test(nesting_has_a_limit),
	    cmocka_unit_test(results_have_a_limit),
	    cmocka_unit_test(only_what_is_needed_is_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
