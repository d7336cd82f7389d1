#include "frame.h"

#include <string.h>

#include "lanes.h"

#define FIN       0x80
#define MASKED    0x80
#define LENGTH_16 126 /* the length follows in 2 bytes ... */
#define LENGTH_64 127 /* ... or in 8 */

size_t frame_header(unsigned char *out, enum frame_opcode opcode, bool fin, uint64_t payload_len,
    const unsigned char mask[4])
{
	size_t n = 2, length_bytes = 0;

	out[0] = (unsigned char)((fin ? FIN : 0) | (unsigned)opcode);
	if (payload_len < LENGTH_16) {
		out[1] = (unsigned char)(MASKED | payload_len);
	} else if (payload_len <= UINT16_MAX) {
		out[1] = MASKED | LENGTH_16;
		length_bytes = 2;
	} else {
		out[1] = MASKED | LENGTH_64;
		length_bytes = 8;
	}
	while (length_bytes > 0)
		out[n++] = (unsigned char)(payload_len >> (8 * --length_bytes));
	memcpy(out + n, mask, 4);
	return n + 4;
}

/* The key as it is ${n} bytes further on; the byte that comes first is the lowest. */
static uint32_t turn(uint32_t key, size_t n)
{
	unsigned int bits = (unsigned int)(n % 4) * 8;

	return key >> bits | key << (32 - bits) % 32;
}

static void mask_lanes(unsigned char *to, const unsigned char *from, lanes key)
{
	lanes_store(to, lanes_xor(lanes_load(from), key));
}

/*
 * What is left behind the last whole lanes is masked together with some bytes before it, which
 * were masked already: from the same bytes come the same.
 */
void frame_mask(unsigned char *to, const unsigned char *from, size_t len,
    const unsigned char mask[4], size_t offset)
{
	uint32_t word = (uint32_t)mask[0] | (uint32_t)mask[1] << 8 | (uint32_t)mask[2] << 16 |
	                (uint32_t)mask[3] << 24;
	uint32_t key = turn(word, offset);
	lanes wide = lanes_repeat(key);
	size_t at = 0;

	for (; len - at >= LANES_BLOCK; at += LANES_BLOCK) {
		mask_lanes(to + at, from + at, wide);
		mask_lanes(to + at + LANES, from + at + LANES, wide);
		mask_lanes(to + at + 2 * LANES, from + at + 2 * LANES, wide);
		mask_lanes(to + at + 3 * LANES, from + at + 3 * LANES, wide);
	}
	for (; len - at >= LANES; at += LANES)
		mask_lanes(to + at, from + at, wide);
	if (at < len && len >= LANES) {
		at = len - LANES;
		mask_lanes(to + at, from + at, lanes_repeat(turn(key, at)));
		return;
	}
	for (; at < len; at++)
		to[at] = from[at] ^ (unsigned char)(key >> at % 4 * 8);
}

bool frame_close_code_valid(unsigned code)
{
	static const struct {
		unsigned first, last;
	} valid[] = {
	    {1000, 1003}, /* 1004 is reserved; 1005 and 1006 are for reporting only */
	    {1007, 1014}, /* 1015 is for reporting only */
	    {3000, 4999}, /* registered, and private */
	};

	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		if (code >= valid[i].first && code <= valid[i].last)
			return true;
	}
	return false;
}
