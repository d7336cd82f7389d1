#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base64.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void texts_are_decoded(void **state)
{
	static const struct {
		const char *text, *bytes;
		size_t len;
	} cases[] = {
	    {"", "", 0},
	    /* RFC 4648, section 10. */
	    {"Zg==", "f", 1},
	    {"Zm8=", "fo", 2},
	    {"Zm9v", "foo", 3},
	    {"Zm9vYg==", "foob", 4},
	    {"Zm9vYmE=", "fooba", 5},
	    {"Zm9vYmFy", "foobar", 6},
	    {"AAAA", "\0\0\0", 3},
	    {"/+/+", "\xff\xef\xfe", 3},
	    {"//8=", "\xff\xff", 2},
	    {"AAECAwQF", "\0\1\2\3\4\5", 6},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char out[16];
		size_t len = 99;

		assert_true(base64_decode(out, &len, cases[i].text, strlen(cases[i].text)));
		assert_int_equal(len, cases[i].len);
		assert_memory_equal(out, cases[i].bytes, len);
	}
}

static void what_is_not_strict_is_refused(void **state)
{
	static const char *const cases[] = {
	    "Z",
	    "Zg",
	    "Zg=",
	    "Zm9",
	    "=",
	    "==",
	    "===",
	    "====",
	    "Zg===",
	    "Z===",
	    "Zg==Zg==",
	    "Zm8=Zm8=",
	    "Zm9v\n",
	    "Zm9v Zm9v",
	    "Zm9vZm9v\n",
	    " Zm9v",
	    "Zm9-",
	    "Zm9_",
	    "Zm.v",
	    "Zh==", /* bits left over */
	    "Zm9=",
	    "Z=9v",
	    "Zg=v",
	    "=m9v",
	    "Zm9\x80",
	    "Zm\xff=",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char out[16];
		size_t len;

		if (base64_decode(out, &len, cases[i], strlen(cases[i])))
			fail_msg("taken: \"%s\"", cases[i]);
	}
}

static void all_bytes_decoded_in_place(void **state)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char text[256 / 3 * 4 + 4];
	size_t at = 0, len;

	(void)state;
	for (unsigned b = 0; b < 255; b += 3) {
		unsigned bits = b << 16 | (b + 1) << 8 | (b + 2);

		for (int shift = 18; shift >= 0; shift -= 6)
			text[at++] = (unsigned char)digits[bits >> shift & 63];
	}
	assert_true(base64_decode(text, &len, (const char *)text, at));
	assert_int_equal(len, 255);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(text[i], i);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_are_decoded),
	    cmocka_unit_test(what_is_not_strict_is_refused),
	    cmocka_unit_test(all_bytes_decoded_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
