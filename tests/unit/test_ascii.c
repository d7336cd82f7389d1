#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ascii.h"

static void letters_are_those_of_ascii(void **state)
{
	(void)state;
	for (int c = -128; c < 128; c++) {
		bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';

		assert_int_equal(ascii_lower((char)c), upper ? c + 'a' - 'A' : c);
		assert_int_equal(ascii_is_letter((char)c), upper || lower);
		assert_int_equal(ascii_is_digit((char)c), c >= '0' && c <= '9');
	}
}

static void case_does_not_count(void **state)
{
	(void)state;
	assert_true(ascii_same("", ""));
	assert_true(ascii_same("Name", "nAME"));
	assert_false(ascii_same("Name", "Nam"));
	assert_false(ascii_same("Nam", "Name"));
	assert_false(ascii_same("\xc3\x89", "\xc3\xa9"));
	assert_false(ascii_same("[", "{"));
	assert_true(ascii_begins("WSS://x", "wss://"));
	assert_true(ascii_begins("x", ""));
	assert_false(ascii_begins("ws:/", "ws://"));
	assert_true(ascii_contains("my-GitHub", "github"));
	assert_true(ascii_contains("aab", "ab"));
	assert_false(ascii_contains("my-github", "gitlab"));
	assert_false(ascii_contains("git", "github"));
	assert_false(ascii_contains("git", ""));
	assert_false(ascii_contains("", "g"));
}

static void tokens_are_those_of_http(void **state)
{
	char one[2] = "";

	(void)state;
	for (int c = 1; c < 256; c++) {
		one[0] = (char)c;
		assert_int_equal(
		    ascii_is_token(one), c > ' ' && c < 127 && !strchr("\"(),/:;<=>?@[\\]{}", c));
	}
	assert_true(ascii_is_token("X-Api_Key.2"));
	assert_false(ascii_is_token(""));
	assert_false(ascii_is_token("a b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(letters_are_those_of_ascii),
	    cmocka_unit_test(case_does_not_count),
	    cmocka_unit_test(tokens_are_those_of_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
