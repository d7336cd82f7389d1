/*
 * UTF-8 validation over a text that comes in pieces.
 *
 * Whole characters within a piece are checked without touching the state; only
 * one that is cut by the end of a piece goes byte by byte.
 */
#include "utf8.h"

#include <stdint.h>
#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

static const unsigned char *skip_ascii(const unsigned char *p, const unsigned char *end)
{
	uint64_t word;

	for (; end - p >= (ptrdiff_t)sizeof(word); p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		if (word & HIGH_BITS)
			break;
	}
	while (p < end && *p < 0x80)
		p++;
	return p;
}

static bool is_tail(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

/* What must follow a first byte; the ranges exclude overlong forms and surrogates. */
static bool begin_char(struct utf8 *u, unsigned char c)
{
	if (c < 0xC2 || c > 0xF4)
		return false;
	u->need = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
	u->low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
	u->high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
	return true;
}

static bool continue_char(struct utf8 *u, unsigned char c)
{
	if (u->low != 0 ? c < u->low || c > u->high : !is_tail(c))
		return false;
	u->need--;
	u->low = 0;
	u->high = 0;
	return true;
}

/* The length of the valid character (not ASCII) at ${p}, of which 4 bytes can be read; or 0. */
static size_t char_length(const unsigned char *p)
{
	if (p[0] < 0xE0)
		return p[0] >= 0xC2 && is_tail(p[1]) ? 2 : 0;
	if (!is_tail(p[1]) || !is_tail(p[2]))
		return 0;
	if (p[0] < 0xF0) {
		bool bad = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F);

		return bad ? 0 : 3;
	}
	if (!is_tail(p[3]) || p[0] > 0xF4)
		return 0;
	return (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F) ? 0 : 4;
}

/* Checks whole characters; stops at ASCII, near the end, or (false) at an invalid one. */
static bool skip_chars(const unsigned char **at, const unsigned char *end)
{
	const unsigned char *p = *at;

	while (end - p >= 4 && *p >= 0x80) {
		size_t n = char_length(p);

		if (n == 0)
			return false;
		p += n;
	}
	*at = p;
	return true;
}

bool utf8_feed(struct utf8 *u, const void *bytes, size_t len)
{
	const unsigned char *p = bytes, *end = len > 0 ? p + len : p;

	while (p < end) {
		if (u->need > 0) {
			if (!continue_char(u, *p++))
				return false;
		} else if (*p < 0x80) {
			p = skip_ascii(p, end);
		} else if (end - p >= 4) {
			if (!skip_chars(&p, end))
				return false;
		} else if (!begin_char(u, *p++)) {
			return false;
		}
	}
	return true;
}

bool utf8_complete(const struct utf8 *u)
{
	return u->need == 0;
}
