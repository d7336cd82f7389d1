#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "frame.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const unsigned char key[4] = {0x37, 0xfa, 0x21, 0x3d};

static void header_has_the_shortest_length_form(void **state)
{
	static const struct {
		uint64_t len;
		size_t bytes;
		unsigned char expected[FRAME_HEADER_MAX - 4];
	} cases[] = {
	    {0, 2, {0x81, 0x80}},
	    {1, 2, {0x81, 0x81}},
	    {125, 2, {0x81, 0xFD}},
	    {126, 4, {0x81, 0xFE, 0, 126}},
	    {255, 4, {0x81, 0xFE, 0, 255}},
	    {0x1234, 4, {0x81, 0xFE, 0x12, 0x34}},
	    {65535, 4, {0x81, 0xFE, 0xFF, 0xFF}},
	    {65536, 10, {0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0}},
	    {UINT64_C(0x0123456789ABCDEF), 10,
	        {0x81, 0xFF, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char out[FRAME_HEADER_MAX + 1];
		size_t n;

		memset(out, 0xEE, sizeof(out));
		n = frame_header(out, FRAME_TEXT, true, cases[i].len, key);
		assert_int_equal(n, cases[i].bytes + 4);
		assert_memory_equal(out, cases[i].expected, cases[i].bytes);
		assert_memory_equal(out + cases[i].bytes, key, 4);
		assert_int_equal(out[n], 0xEE);
	}
}

static void header_has_opcode_and_fin(void **state)
{
	static const struct {
		enum frame_opcode opcode;
		bool fin;
		unsigned char first;
	} cases[] = {
	    {FRAME_CONTINUATION, false, 0x00},
	    {FRAME_CONTINUATION, true, 0x80},
	    {FRAME_TEXT, false, 0x01},
	    {FRAME_TEXT, true, 0x81},
	    {FRAME_BINARY, true, 0x82},
	    {FRAME_CLOSE, true, 0x88},
	    {FRAME_PING, true, 0x89},
	    {FRAME_PONG, true, 0x8A},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char out[FRAME_HEADER_MAX];

		frame_header(out, cases[i].opcode, cases[i].fin, 5, key);
		assert_int_equal(out[0], cases[i].first);
		assert_int_equal(out[1], 0x85);
	}
}

/* RFC 6455, section 5.7: a single-frame masked text message. */
static void example_of_the_rfc(void **state)
{
	static const unsigned char expected[] = {
	    0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
	unsigned char out[sizeof(expected)];
	size_t n;

	(void)state;
	n = frame_header(out, FRAME_TEXT, true, 5, key);
	frame_mask(out + n, (const unsigned char *)"Hello", 5, key, 0);
	assert_memory_equal(out, expected, sizeof(expected));
}

static void mask_of_every_length_offset_and_alignment(void **state)
{
	unsigned char from[256], to[256 + 32];

	(void)state;
	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (unsigned char)(i * 7 + 3);
	for (size_t len = 0; len <= 130; len++) {
		for (size_t variant = 0; variant < 8 * 8 * 8; variant++) {
			size_t offset = variant % 8, in = variant / 8 % 8, out = variant / 64;

			memset(to, 0xEE, sizeof(to));
			frame_mask(to + 1 + out, from + in, len, key, offset);
			for (size_t i = 0; i < len; i++)
				assert_int_equal(
				    to[1 + out + i], from[in + i] ^ key[(offset + i) % 4]);
			assert_int_equal(to[out], 0xEE);
			assert_int_equal(to[1 + out + len], 0xEE);
		}
	}
}

static void mask_in_pieces_is_the_mask_of_the_whole(void **state)
{
	unsigned char from[300], whole[300], pieces[300];

	(void)state;
	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (unsigned char)(i * 31);
	frame_mask(whole, from, sizeof(from), key, 0);
	for (size_t step = 1; step < 100; step++) {
		memset(pieces, 0, sizeof(pieces));
		for (size_t at = 0; at < sizeof(from); at += step) {
			size_t len = sizeof(from) - at < step ? sizeof(from) - at : step;

			frame_mask(pieces + at, from + at, len, key, at);
		}
		assert_memory_equal(pieces, whole, sizeof(whole));
	}
}

static void mask_offset_beyond_four_gigabytes(void **state)
{
	unsigned char to[4];

	(void)state;
	frame_mask(to, (const unsigned char *)"\0\0\0\0", 4, key, SIZE_MAX - 2);
	/* SIZE_MAX - 2 is 1 modulo 4. */
	assert_memory_equal(to, "\xfa\x21\x3d\x37", 4);
}

static void close_codes(void **state)
{
	static const unsigned valid[] = {
	    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014};

	(void)state;
	for (unsigned code = 0; code < 70000; code++) {
		bool expected = code >= 3000 && code <= 4999;

		for (size_t i = 0; i < COUNT(valid); i++)
			expected = expected || code == valid[i];
		assert_int_equal(frame_close_code_valid(code), expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(header_has_the_shortest_length_form),
	    cmocka_unit_test(header_has_opcode_and_fin),
	    cmocka_unit_test(example_of_the_rfc),
	    cmocka_unit_test(mask_of_every_length_offset_and_alignment),
	    cmocka_unit_test(mask_in_pieces_is_the_mask_of_the_whole),
	    cmocka_unit_test(mask_offset_beyond_four_gigabytes),
	    cmocka_unit_test(close_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
