/*
 * UTF-8 validation over a text that comes in pieces.
 *
 * Within a piece lanes of bytes are checked at once, each time from the beginning of a character;
 * only one that is cut by an end of the piece goes byte by byte.
 */
#include "utf8.h"

#include <stdint.h>
#include <string.h>

#include "lanes.h"

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

static inline lanes not_ascii(lanes v)
{
	return v;
}

/*
 * What is wrong in ${v}, which begins with a character: a byte that is a tail where none
 * must be, or the other way round; a byte that is in no character; a second byte that makes an
 * overlong form, a surrogate or more than U+10FFFF.
 */
static inline lanes wrong_bytes(lanes v)
{
	lanes first = lanes_behind(v, 1);
	lanes must = lanes_or(lanes_from(first, 0xC0),
	    lanes_or(lanes_from(lanes_behind(v, 2), 0xE0), lanes_from(lanes_behind(v, 3), 0xF0)));
	lanes wrong = lanes_xor(must, lanes_signed_under(v, 0xC0));
	lanes never =
	    lanes_or(lanes_from(v, 0xF5), lanes_equal(lanes_and(v, lanes_fill(0xFE)), 0xC0));
	lanes e0 = lanes_equal(first, 0xE0), ed = lanes_equal(first, 0xED);
	lanes f0 = lanes_equal(first, 0xF0), f4 = lanes_equal(first, 0xF4);
	lanes low3 = lanes_signed_under(v, 0xA0), low4 = lanes_signed_under(v, 0x90);
	lanes three = lanes_and(lanes_or(e0, ed), lanes_xor(low3, ed));
	lanes four = lanes_and(lanes_or(f0, f4), lanes_xor(low4, f4));

	return lanes_or(lanes_or(wrong, never), lanes_or(three, four));
}

/* How many bytes before ${end} belong to a character that is not over there. */
static inline size_t cut_off(const unsigned char *end)
{
	if (end[-1] >= 0xC0)
		return 1;
	if (end[-2] >= 0xE0)
		return 2;
	return end[-3] >= 0xF0 ? 3 : 0;
}

/* Checks whole characters; stops at lanes of ASCII, near the end, or (false) at an invalid one. */
static bool skip_chars(const unsigned char **at, const unsigned char *end)
{
	const unsigned char *p = *at;

	while (end - p >= LANES) {
		lanes v = lanes_load(p);

		if (!lanes_any(v))
			break;
		if (lanes_any(wrong_bytes(v)))
			return false;
		p += LANES - cut_off(p + LANES);
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
			p = lanes_find(p, end, not_ascii);
		} else if (end - p >= LANES) {
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
