#include "frame.h"

#include <string.h>

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

/*
 * The loop goes 32 bytes at a time through memcpy, which is how C says "an unaligned word";
 * compilers turn it into vector instructions. The key repeats every 4 bytes, so words of any
 * multiple of 4 work once it is turned to where this piece begins.
 */
void frame_mask(unsigned char *to, const unsigned char *from, size_t len,
    const unsigned char mask[4], size_t offset)
{
	unsigned char key[8];
	uint64_t word, w[4];
	size_t i;

	for (i = 0; i < sizeof(key); i++)
		key[i] = mask[(offset + i) % 4];
	memcpy(&word, key, sizeof(word));
	for (; len >= sizeof(w); len -= sizeof(w)) {
		memcpy(w, from, sizeof(w));
		w[0] ^= word;
		w[1] ^= word;
		w[2] ^= word;
		w[3] ^= word;
		memcpy(to, w, sizeof(w));
		from += sizeof(w);
		to += sizeof(w);
	}
	for (i = 0; i < len; i++)
		to[i] = from[i] ^ key[i % 4];
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
