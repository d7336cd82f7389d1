/* UTF-8: every sequence of up to three bytes and all borders of four, in every cut. */
#include "utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The value of the character at ${p}, by the definition of RFC 3629; -1 if it is none. */
static long decode_slowly(const unsigned char *p, size_t len, size_t *used)
{
	static const struct {
		unsigned char mask, bits;
		long least;
	} forms[] = {
	    {0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};

	for (size_t n = 0; n < 4 && n < len; n++) {
		long c = p[0] & ~forms[n].mask;

		if ((p[0] & forms[n].mask) != forms[n].bits)
			continue;
		for (size_t i = 1; i <= n; i++) {
			if ((p[i] & 0xC0) != 0x80)
				return -1;
			c = c << 6 | (p[i] & 0x3F);
		}
		*used = n + 1;
		return c < forms[n].least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) ? -1 : c;
	}
	return -1;
}

static bool valid_slowly(const unsigned char *p, size_t len)
{
	size_t used;

	for (; len > 0; p += used, len -= used) {
		if (decode_slowly(p, len, &used) < 0)
			return false;
	}
	return true;
}

static bool valid_cut(const unsigned char *p, size_t len, size_t cut)
{
	struct utf8 u = {0};

	return utf8_feed(&u, p, cut) && utf8_feed(&u, p + cut, len - cut) && utf8_complete(&u);
}

static void check(const unsigned char *p, size_t len)
{
	bool expected = valid_slowly(p, len);

	for (size_t cut = 0; cut <= len; cut++)
		assert_true(valid_cut(p, len, cut) == expected);
}

static void test_nothing(void **state)
{
	struct utf8 u = {0};

	(void)state;
	assert_true(utf8_complete(&u));
	assert_true(utf8_feed(&u, NULL, 0));
	assert_true(utf8_feed(&u, "", 0));
	assert_true(utf8_complete(&u));
}

static void test_every_two_bytes(void **state)
{
	unsigned char text[2];

	(void)state;
	for (unsigned int i = 0; i < 0x10000; i++) {
		text[0] = (unsigned char)(i >> 8);
		text[1] = (unsigned char)i;
		check(text, 1);
		check(text, 2);
	}
}

static const unsigned char borders[] = {0x00, 0x22, 0x5C, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x9F, 0xA0,
    0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5,
    0xF8, 0xFE, 0xFF};

/* Alone and inside ASCII, so that the loops for whole characters see them too. */
static void test_border_sequences(void **state)
{
	const size_t n = sizeof(borders);
	unsigned char text[12];

	(void)state;
	for (size_t i = 0; i < n * n * n * n; i++) {
		size_t rest = i;

		memset(text, 'a', sizeof(text));
		for (size_t k = 4; k < 8; k++, rest /= n)
			text[k] = borders[rest % n];
		assert_true(valid_cut(text + 4, 4, i % 5) == valid_slowly(text + 4, 4));
		assert_true(valid_cut(text, 12, i % 13) == valid_slowly(text, 12));
	}
}

static size_t encode(long c, unsigned char *out)
{
	if (c < 0x80) {
		out[0] = (unsigned char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (unsigned char)(0xC0 | c >> 6);
		out[1] = (unsigned char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (unsigned char)(0xE0 | c >> 12);
		out[1] = (unsigned char)(0x80 | (c >> 6 & 0x3F));
		out[2] = (unsigned char)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (unsigned char)(0xF0 | c >> 18);
	out[1] = (unsigned char)(0x80 | (c >> 12 & 0x3F));
	out[2] = (unsigned char)(0x80 | (c >> 6 & 0x3F));
	out[3] = (unsigned char)(0x80 | (c & 0x3F));
	return 4;
}

/* All characters there are, in one text; fed in pieces of several sizes. */
static void test_every_character(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 7, 8, 4096, SIZE_MAX};
	unsigned char *text = malloc(4 * 0x110000);
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	for (long c = 0; c < 0x110000; c++) {
		if (c < 0xD800 || c > 0xDFFF)
			len += encode(c, text + len);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct utf8 u = {0};

		for (size_t at = 0, n; at < len; at += n) {
			n = len - at < sizes[i] ? len - at : sizes[i];
			assert_true(utf8_feed(&u, text + at, n));
		}
		assert_true(utf8_complete(&u));
	}
	free(text);
}

static void test_surrogates_and_beyond(void **state)
{
	unsigned char text[4];

	(void)state;
	for (long c = 0xD800; c <= 0xDFFF; c++)
		assert_false(valid_cut(text, encode(c, text), 0));
	for (long c = 0x110000; c < 0x200000; c += 0xFFF)
		assert_false(valid_cut(text, encode(c, text), 0));
}

static void test_incomplete(void **state)
{
	static const char *const starts[] = {
	    "\xC3", "\xE2", "\xE2\x82", "\xF0", "\xF0\x9F", "\xF0\x9F\x98"};

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		struct utf8 u = {0};

		assert_true(utf8_feed(&u, "text ", 5));
		assert_true(utf8_feed(&u, starts[i], strlen(starts[i])));
		assert_false(utf8_complete(&u));
		assert_false(utf8_feed(&u, "a", 1));
	}
}

static uint64_t seed = 7;

static size_t random_below(size_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed % n);
}

/* Mixed text, mostly valid, in exact memory and at odd addresses. */
static void test_random_text(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		unsigned char text[256], *exact;
		size_t len = 0, want = random_below(200);

		while (len < want)
			len +=
			    encode((long)random_below(random_below(2) ? 0x80 : 0xD800), text + len);
		if (len > 0 && random_below(2) == 0)
			text[random_below(len)] = borders[random_below(sizeof(borders))];
		exact = malloc(len + 1);
		assert_non_null(exact);
		memcpy(exact + 1, text, len);
		assert_true(
		    valid_cut(exact + 1, len, random_below(len + 1)) == valid_slowly(text, len));
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing),
	    cmocka_unit_test(test_every_two_bytes),
	    cmocka_unit_test(test_border_sequences),
	    cmocka_unit_test(test_every_character),
	    cmocka_unit_test(test_surrogates_and_beyond),
	    cmocka_unit_test(test_incomplete),
	    cmocka_unit_test(test_random_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
