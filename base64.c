#include "base64.h"

#include <stdint.h>

#define GROUP 4 /* characters that make three bytes */

/* The six bits of a character, or -1. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Reads a group of which the last ${padding} characters are padding. Gives 24 bits, or -1. */
static int32_t read_group(const char *text, size_t padding)
{
	int32_t bits = 0;
	int value;

	for (size_t i = 0; i < GROUP; i++) {
		value = i < GROUP - padding ? value_of(text[i]) : 0;
		if (value < 0)
			return -1;
		bits = bits << 6 | value;
	}
	return bits;
}

bool base64_decode(unsigned char *out, size_t *out_len, const char *text, size_t len)
{
	size_t at = 0;

	if (len % GROUP != 0)
		return false;
	for (size_t i = 0; i < len; i += GROUP) {
		bool last = i + GROUP == len;
		size_t padding = !last || text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
		int32_t bits = read_group(text + i, padding);

		/*
		 * What the padding leaves over must be nought, or two texts would mean the same
		 * bytes.
		 */
		if (bits < 0 || (bits & ((1 << 8 * padding) - 1)) != 0)
			return false;
		for (size_t n = 0; n < 3 - padding; n++)
			out[at++] = (unsigned char)(bits >> (16 - 8 * n) & 0xFF);
	}
	*out_len = at;
	return true;
}
