/*
 * A few bytes side by side, compared in one step: SSE2, NEON or, where there is neither, a word of
 * plain C. -DLANES_PORTABLE takes the word everywhere.
 *
 * Lane 0 is the byte at the lowest address. The comparisons give hits: lanes whose highest bit
 * tells whether the comparison holds. Their other bits say nothing, so hits may be joined with
 * each other (lanes_or, lanes_and, lanes_xor), but not with bytes.
 */
#ifndef WSMCP_LANES_H
#define WSMCP_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(LANES_PORTABLE) && defined(__GNUC__) && defined(__SSE2__)
#define LANES_SSE2
#elif !defined(LANES_PORTABLE) && defined(__GNUC__) && defined(__aarch64__) &&                     \
    defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define LANES_NEON
#endif

/* Eight bytes, the first one lowest on every machine; compilers make one load of it. */
static inline uint64_t lanes_word(const unsigned char *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

/* The same of ${n} bytes, at most 8, with zeros behind them. */
static inline uint64_t lanes_part_word(const unsigned char *p, size_t n)
{
	if (n >= 8)
		return lanes_word(p);
	if (n >= 4) {
		uint64_t low = (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
		               (uint64_t)p[3] << 24;
		const unsigned char *q = p + n - 4;
		uint64_t high = (uint64_t)q[0] | (uint64_t)q[1] << 8 | (uint64_t)q[2] << 16 |
		                (uint64_t)q[3] << 24;

		return low | high << (n - 4) * 8;
	}
	if (n == 0)
		return 0;
	return (uint64_t)p[0] | (uint64_t)p[n / 2] << n / 2 * 8 | (uint64_t)p[n - 1] << (n - 1) * 8;
}

/*
 * lanes_fill         all lanes alike
 * lanes_repeat       the four bytes of a word, the lowest first, again and again
 * lanes_behind       v, moved back by n lanes (a constant); the first n are 0
 * lanes_equal        v == c
 * lanes_from         v >= c
 * lanes_signed_under v < c, both as two's complement: 0x80 is the least byte, 0x7F the highest
 * lanes_of           two words (the portable one has room for the first alone), lane 0 lowest
 * lanes_gather       the hits of four in a row as bits, that of lane 0 of the first lowest
 * lanes_lowest       the index of the lowest bit, of which there is one
 * lanes_any          whether there is a hit
 * lanes_first        the index of the first hit; LANES if there is none
 */

#if defined(LANES_SSE2)

#include <emmintrin.h>

#define LANES              16
#define lanes_behind(v, n) _mm_slli_si128(v, n)

typedef __m128i lanes;

static inline lanes lanes_load(const unsigned char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline void lanes_store(unsigned char *p, lanes v)
{
	_mm_storeu_si128((__m128i *)(void *)p, v);
}

static inline lanes lanes_fill(unsigned char c)
{
	return _mm_set1_epi8((char)c);
}

static inline lanes lanes_repeat(uint32_t word)
{
	return _mm_set1_epi32((int)word);
}

static inline lanes lanes_or(lanes a, lanes b)
{
	return _mm_or_si128(a, b);
}

static inline lanes lanes_and(lanes a, lanes b)
{
	return _mm_and_si128(a, b);
}

static inline lanes lanes_xor(lanes a, lanes b)
{
	return _mm_xor_si128(a, b);
}

static inline lanes lanes_equal(lanes v, unsigned char c)
{
	return _mm_cmpeq_epi8(v, lanes_fill(c));
}

static inline lanes lanes_from(lanes v, unsigned char c)
{
	return _mm_cmpeq_epi8(_mm_max_epu8(v, lanes_fill(c)), v);
}

static inline lanes lanes_signed_under(lanes v, unsigned char c)
{
	return _mm_cmplt_epi8(v, lanes_fill(c));
}

static inline bool lanes_any(lanes hits)
{
	return _mm_movemask_epi8(hits) != 0;
}

static inline size_t lanes_first(lanes hits)
{
	return (size_t)__builtin_ctz((unsigned int)_mm_movemask_epi8(hits) | 1u << LANES);
}

static inline uint64_t lanes_gather(lanes a, lanes b, lanes c, lanes d)
{
	uint32_t low = (uint32_t)_mm_movemask_epi8(a) | (uint32_t)_mm_movemask_epi8(b) << LANES;
	uint32_t high = (uint32_t)_mm_movemask_epi8(c) | (uint32_t)_mm_movemask_epi8(d) << LANES;

	return low | (uint64_t)high << 2 * LANES;
}

static inline size_t lanes_lowest(uint64_t bits)
{
	return (size_t)__builtin_ctzll(bits);
}

static inline lanes lanes_of(uint64_t low, uint64_t high)
{
	return _mm_set_epi64x((long long)high, (long long)low);
}

#elif defined(LANES_NEON)

#include <arm_neon.h>

#define LANES              16
#define lanes_behind(v, n) vextq_u8(vdupq_n_u8(0), v, LANES - (n))

typedef uint8x16_t lanes;

static inline lanes lanes_load(const unsigned char *p)
{
	return vld1q_u8(p);
}

static inline void lanes_store(unsigned char *p, lanes v)
{
	vst1q_u8(p, v);
}

static inline lanes lanes_fill(unsigned char c)
{
	return vdupq_n_u8(c);
}

static inline lanes lanes_repeat(uint32_t word)
{
	return vreinterpretq_u8_u32(vdupq_n_u32(word));
}

static inline lanes lanes_or(lanes a, lanes b)
{
	return vorrq_u8(a, b);
}

static inline lanes lanes_and(lanes a, lanes b)
{
	return vandq_u8(a, b);
}

static inline lanes lanes_xor(lanes a, lanes b)
{
	return veorq_u8(a, b);
}

static inline lanes lanes_equal(lanes v, unsigned char c)
{
	return vceqq_u8(v, lanes_fill(c));
}

static inline lanes lanes_from(lanes v, unsigned char c)
{
	return vcgeq_u8(v, lanes_fill(c));
}

static inline lanes lanes_signed_under(lanes v, unsigned char c)
{
	return vcltq_s8(vreinterpretq_s8_u8(v), vreinterpretq_s8_u8(lanes_fill(c)));
}

static inline bool lanes_any(lanes hits)
{
	return vmaxvq_u8(hits) >= 0x80;
}

/* There is no instruction that gathers the highest bits; this one leaves four of each lane. */
static inline size_t lanes_first(lanes hits)
{
	uint8x16_t full = vreinterpretq_u8_s8(vshrq_n_s8(vreinterpretq_s8_u8(hits), 7));
	uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(full), 4);
	uint64_t bits = vget_lane_u64(vreinterpret_u64_u8(nibbles), 0);

	return bits != 0 ? (size_t)__builtin_ctzll(bits) / 4 : LANES;
}

/* Each lane keeps a bit of its own; adding neighbours three times makes a byte of eight of them. */
static inline uint64_t lanes_gather(lanes a, lanes b, lanes c, lanes d)
{
	static const int8_t shifts[LANES] = {
	    -7, -6, -5, -4, -3, -2, -1, 0, -7, -6, -5, -4, -3, -2, -1, 0};
	int8x16_t shift = vld1q_s8(shifts);
	uint8x16_t high = vdupq_n_u8(0x80);
	uint8x16_t ab =
	    vpaddq_u8(vshlq_u8(vandq_u8(a, high), shift), vshlq_u8(vandq_u8(b, high), shift));
	uint8x16_t cd =
	    vpaddq_u8(vshlq_u8(vandq_u8(c, high), shift), vshlq_u8(vandq_u8(d, high), shift));
	uint8x16_t all = vpaddq_u8(ab, cd);

	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
}

static inline size_t lanes_lowest(uint64_t bits)
{
	return (size_t)__builtin_ctzll(bits);
}

static inline lanes lanes_of(uint64_t low, uint64_t high)
{
	return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
}

#else

#define LANES              8
#define LANES_EACH(byte)   (UINT64_C(0x0101010101010101) * (byte))
#define LANES_HIGH         LANES_EACH(0x80)
#define lanes_behind(v, n) ((v) << 8 * (n))

typedef uint64_t lanes;

static inline lanes lanes_load(const unsigned char *p)
{
	return lanes_word(p);
}

static inline void lanes_store(unsigned char *p, lanes v)
{
	p[0] = (unsigned char)v;
	p[1] = (unsigned char)(v >> 8);
	p[2] = (unsigned char)(v >> 16);
	p[3] = (unsigned char)(v >> 24);
	p[4] = (unsigned char)(v >> 32);
	p[5] = (unsigned char)(v >> 40);
	p[6] = (unsigned char)(v >> 48);
	p[7] = (unsigned char)(v >> 56);
}

static inline lanes lanes_fill(unsigned char c)
{
	return LANES_EACH(c);
}

static inline lanes lanes_repeat(uint32_t word)
{
	return word | (uint64_t)word << 32;
}

static inline lanes lanes_or(lanes a, lanes b)
{
	return a | b;
}

static inline lanes lanes_and(lanes a, lanes b)
{
	return a & b;
}

static inline lanes lanes_xor(lanes a, lanes b)
{
	return a ^ b;
}

/* With its highest bit set no lane borrows from the next; what that bit was is settled apart. */
static inline lanes lanes_from(lanes v, unsigned char c)
{
	lanes low = (v | LANES_HIGH) - LANES_EACH(c & 0x7Fu);

	return (c < 0x80 ? low | v : low & v) & LANES_HIGH;
}

static inline lanes lanes_equal(lanes v, unsigned char c)
{
	return lanes_from(v ^ LANES_EACH(c), 1) ^ LANES_HIGH;
}

static inline lanes lanes_signed_under(lanes v, unsigned char c)
{
	return lanes_from(v ^ LANES_HIGH, c ^ 0x80u) ^ LANES_HIGH;
}

static inline bool lanes_any(lanes hits)
{
	return (hits & LANES_HIGH) != 0;
}

/* The bytes of the product that count are sums of what stands below them. */
static inline size_t lanes_first(lanes hits)
{
	uint64_t bits = (hits & LANES_HIGH) >> 7;
	uint64_t below = (bits & (0 - bits)) - 1;

	return (size_t)(((below & LANES_EACH(1)) * LANES_EACH(1)) >> 56);
}

/* The product moves the bit of lane i to place 56 + i; no two bits of it meet. */
static inline uint64_t lanes_bits(lanes hits)
{
	return (((hits & LANES_HIGH) >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

static inline uint64_t lanes_gather(lanes a, lanes b, lanes c, lanes d)
{
	return lanes_bits(a) | lanes_bits(b) << LANES | lanes_bits(c) << 2 * LANES |
	       lanes_bits(d) << 3 * LANES;
}

static inline size_t lanes_lowest(uint64_t bits)
{
	size_t n = 0;

	for (; (bits & 0xFF) == 0; bits >>= 8)
		n += 8;
	for (; (bits & 1) == 0; bits >>= 1)
		n++;
	return n;
}

static inline lanes lanes_of(uint64_t low, uint64_t high)
{
	(void)high;
	return low;
}

#endif

/* The ${n} bytes at ${p}, fewer than LANES, with zeros behind them. */
static inline lanes lanes_part(const unsigned char *p, size_t n)
{
	if (n <= 8)
		return lanes_of(lanes_part_word(p, n), 0);
	return lanes_of(lanes_word(p), lanes_part_word(p + 8, n - 8));
}

/* What is looked for, as hits. */
typedef lanes lanes_test(lanes v);

/* A loop over tests is worth nothing if it calls them. */
#if defined(__GNUC__)
#define LANES_INLINE inline __attribute__((always_inline))
#else
#define LANES_INLINE inline
#endif

#define LANES_BLOCK (4 * LANES)

/* Which of the LANES_BLOCK bytes at ${p} pass the test: that of the first is the lowest bit. */
static LANES_INLINE uint64_t lanes_block(const unsigned char *p, lanes_test *test)
{
	return lanes_gather(test(lanes_load(p)), test(lanes_load(p + LANES)),
	    test(lanes_load(p + 2 * LANES)), test(lanes_load(p + 3 * LANES)));
}

/* The first byte from ${p} on that passes the test, or ${end}. */
static LANES_INLINE const unsigned char *lanes_find(
    const unsigned char *p, const unsigned char *end, lanes_test *test)
{
	size_t at;

	for (; end - p >= LANES_BLOCK; p += LANES_BLOCK) {
		lanes a = test(lanes_load(p)), b = test(lanes_load(p + LANES));
		lanes c = test(lanes_load(p + 2 * LANES)), d = test(lanes_load(p + 3 * LANES));

		if (lanes_any(lanes_or(lanes_or(a, b), lanes_or(c, d))))
			return p + lanes_lowest(lanes_gather(a, b, c, d));
	}
	for (; end - p >= LANES; p += LANES) {
		at = lanes_first(test(lanes_load(p)));
		if (at < LANES)
			return p + at;
	}
	at = lanes_first(test(lanes_part(p, (size_t)(end - p))));
	return at < (size_t)(end - p) ? p + at : end;
}

#endif
