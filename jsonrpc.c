/*
 * The JSON-RPC scanner.
 *
 * Structure is read by a table of actions, one row for what may come next and
 * one column for the class of a byte. Strings, numbers and literals ("tokens")
 * have loops of their own that can be left at the end of a piece and entered
 * again; nothing else needs a place to resume. Everything about JSON-RPC hangs
 * on one comparison: whether a value ends at the depth where the members
 * of the message stand.
 *
 * Raw keys, ids and methods are copied only if a digest wants them or
 * the end of a piece cuts a key; all else is offsets.
 */
#include "jsonrpc.h"

#include <stdio.h>
#include <string.h>

#include "lanes.h"

/* ---- bytes ---- */

enum byte_class {
	C_OTHER,
	C_SPACE,
	C_NEWLINE,
	C_QUOTE,
	C_ZERO,
	C_DIGIT,
	C_MINUS,
	C_PLUS,
	C_DOT,
	C_EXP,
	C_WORD, /* the first letter of a literal */
	C_COLON,
	C_COMMA,
	C_OPEN_OBJECT,
	C_OPEN_ARRAY,
	C_CLOSE_OBJECT,
	C_CLOSE_ARRAY,
	C_COUNT = 32 /* a power of two, for the tables' sake */
};

static const uint8_t classes[256] = {
    [' '] = C_SPACE,
    ['\t'] = C_SPACE,
    ['\r'] = C_NEWLINE,
    ['\n'] = C_NEWLINE,
    ['"'] = C_QUOTE,
    ['0'] = C_ZERO,
    ['1'] = C_DIGIT,
    ['2'] = C_DIGIT,
    ['3'] = C_DIGIT,
    ['4'] = C_DIGIT,
    ['5'] = C_DIGIT,
    ['6'] = C_DIGIT,
    ['7'] = C_DIGIT,
    ['8'] = C_DIGIT,
    ['9'] = C_DIGIT,
    ['-'] = C_MINUS,
    ['+'] = C_PLUS,
    ['.'] = C_DOT,
    ['e'] = C_EXP,
    ['E'] = C_EXP,
    ['t'] = C_WORD,
    ['f'] = C_WORD,
    ['n'] = C_WORD,
    [':'] = C_COLON,
    [','] = C_COMMA,
    ['{'] = C_OPEN_OBJECT,
    ['['] = C_OPEN_ARRAY,
    ['}'] = C_CLOSE_OBJECT,
    [']'] = C_CLOSE_ARRAY,
};

static const unsigned char byte_order_mark[3] = {0xEF, 0xBB, 0xBF};

/*
 * A quote, a backslash, a control or not ASCII. Exchanging 0x22 and 0x20 puts the quote next to the
 * controls, so that one comparison finds both; what is not ASCII passes it as a negative number.
 */
static inline lanes plain_stops(lanes v)
{
	return lanes_or(
	    lanes_signed_under(lanes_xor(v, lanes_fill(0x02)), 0x21), lanes_equal(v, '\\'));
}

/* The same without what is not ASCII: exchanging the halves puts the controls lowest. */
static inline lanes wide_stops(lanes v)
{
	return lanes_or(
	    lanes_signed_under(lanes_xor(v, lanes_fill(0x82)), 0x21 ^ 0x80), lanes_equal(v, '\\'));
}

static inline lanes not_spaces(lanes v)
{
	return lanes_from(lanes_xor(v, lanes_fill(' ')), 1);
}

static inline lanes not_digits(lanes v)
{
	return lanes_from(lanes_xor(v, lanes_fill('0')), 10);
}

/* Most of what is skipped is short, so the first lanes are looked at without a call. */
static LANES_INLINE const unsigned char *skip(const unsigned char *p, const unsigned char *end,
    lanes_test *test, const unsigned char *skip_rest(const unsigned char *, const unsigned char *))
{
	if (end - p >= LANES) {
		size_t at = lanes_first(test(lanes_load(p)));

		p += at;
		if (at < LANES)
			return p;
	}
	return skip_rest(p, end);
}

static const unsigned char *skip_plain_rest(const unsigned char *p, const unsigned char *end)
{
	return lanes_find(p, end, plain_stops);
}

/* Skips what a string is mostly made of: up to a quote, backslash, control or non-ASCII byte. */
static inline const unsigned char *skip_plain(const unsigned char *p, const unsigned char *end)
{
	return skip(p, end, plain_stops, skip_plain_rest);
}

static const unsigned char *skip_wide_rest(const unsigned char *p, const unsigned char *end)
{
	return lanes_find(p, end, wide_stops);
}

/* The same, but non-ASCII bytes are skipped too. */
static inline const unsigned char *skip_wide(const unsigned char *p, const unsigned char *end)
{
	return skip(p, end, wide_stops, skip_wide_rest);
}

static const unsigned char *skip_spaces_rest(const unsigned char *p, const unsigned char *end)
{
	p = lanes_find(p, end, not_spaces);
	while (p < end && classes[*p] == C_SPACE)
		p++;
	return p;
}

/* White space within a line, of which there is seldom more than one. */
static inline const unsigned char *skip_spaces(const unsigned char *p, const unsigned char *end)
{
	return p < end && classes[*p] == C_SPACE ? skip_spaces_rest(p, end) : p;
}

/* White space where a line begins. */
static inline const unsigned char *skip_indentation(
    const unsigned char *p, const unsigned char *end)
{
	return skip_spaces(skip(p, end, not_spaces, skip_spaces_rest), end);
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static const unsigned char *skip_digits_rest(const unsigned char *p, const unsigned char *end)
{
	while (p < end && is_digit(*p))
		p++;
	return p;
}

static inline const unsigned char *skip_digits(const unsigned char *p, const unsigned char *end)
{
	return skip(p, end, not_digits, skip_digits_rest);
}

static const unsigned char *skip_mark(const unsigned char *p, const unsigned char *end)
{
	size_t n = sizeof(byte_order_mark);

	return (size_t)(end - p) >= n && memcmp(p, byte_order_mark, n) == 0 ? p + n : p;
}

/* ---- raw strings ---- */

/* What a character behind a backslash stands for; 0 = nothing. */
static const unsigned char escapes[256] = {
    ['"'] = '"',
    ['\\'] = '\\',
    ['/'] = '/',
    ['b'] = '\b',
    ['f'] = '\f',
    ['n'] = '\n',
    ['r'] = '\r',
    ['t'] = '\t',
};

/* The value of a hexadecimal digit, or -1. */
static int hex_value(unsigned char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of the \uXXXX at ${p}, or -1 if there is none. */
static long read_unit(const unsigned char *p, const unsigned char *end)
{
	long unit = 0;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		int digit = hex_value(p[i]);

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

/*
 * Encodes a code point. A lone surrogate gets the three bytes it would have; valid
 * UTF-8 never has these, so that it equals only itself.
 */
static size_t encode_char(long c, unsigned char out[4])
{
	static const unsigned char first[5] = {0, 0, 0xC0, 0xE0, 0xF0};
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (unsigned char)(0x80 | (c & 0x3F));
	out[0] = (unsigned char)(n == 1 ? c : first[n] | c);
	return n;
}

/* Decodes the \uXXXX or pair of them at ${*at}, if it is one, and moves behind it. */
static size_t decode_unicode(
    const unsigned char **at, const unsigned char *end, unsigned char out[4])
{
	long c = read_unit(*at, end), low;

	if (c < 0)
		return 0;
	*at += 6;
	if (c >= 0xD800 && c < 0xDC00) {
		low = read_unit(*at, end);
		if (low >= 0xDC00 && low < 0xE000) {
			*at += 6;
			c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
		}
	}
	return encode_char(c, out);
}

/* Decodes the next byte or escape of the inside of a string; gives its 1 to 4 bytes. */
static size_t decode_next(const unsigned char **at, const unsigned char *end, unsigned char out[4])
{
	size_t n;

	out[0] = **at;
	if (**at != '\\' || end - *at < 2) {
		++*at;
		return 1;
	}
	n = decode_unicode(at, end, out);
	if (n > 0)
		return n;
	out[0] = escapes[(*at)[1]];
	*at += 2;
	return 1;
}

/* The inside of a raw string; false if it is none. */
static bool string_inside(const void *raw, size_t len, const unsigned char **in, size_t *in_len)
{
	const unsigned char *p = raw;

	if (len < 2 || p[0] != '"' || p[len - 1] != '"')
		return false;
	*in = p + 1;
	*in_len = len - 2;
	return true;
}

static bool string_equals(const void *raw, size_t len, const char *plain, size_t plain_len)
{
	const unsigned char *p, *end;
	size_t n;

	if (!string_inside(raw, len, &p, &n))
		return false;
	/* An escape is longer than what it stands for. */
	if (n <= plain_len)
		return n == plain_len && memcmp(p, plain, n) == 0 && memchr(p, '\\', n) == NULL;
	if (memchr(p, '\\', n) == NULL)
		return false;
	end = p + n;
	while (p < end) {
		unsigned char c[4];

		n = decode_next(&p, end, c);
		if (n > plain_len || memcmp(plain, c, n) != 0)
			return false;
		plain += n;
		plain_len -= n;
	}
	return plain_len == 0;
}

bool jsonrpc_string_is(const char *raw, size_t len, const char *plain)
{
	return string_equals(raw, len, plain, strlen(plain));
}

/* ---- ids by value ---- */

/*
 * The canonical form of an id is equal bytes for equal values: of a string its quoted
 * unescaped text; of an integer of at most PLAIN_DIGITS digits these digits; of any
 * other number its digits without zeros at either end, "e" and the exponent.
 * Most ids are their own canonical form and are not copied.
 */
#define CANONICAL_MAX (JSONRPC_ID_MAX + 32)
#define PLAIN_DIGITS  20

/* Exponents of more digits are calculated with as text. */
#define SMALL_EXPONENT_DIGITS 17

/* A number taken to pieces: +-digits * 10^(+-exponent + shift). */
struct decimal {
	bool negative;
	char digits[JSONRPC_ID_MAX];
	size_t digits_len; /* 0 = the number is zero */
	long shift;
	bool exponent_negative;
	const unsigned char *exponent; /* its digits, without leading zeros */
	size_t exponent_len;
};

static bool is_plain_integer(const unsigned char *p, size_t len)
{
	size_t sign = len > 0 && p[0] == '-' ? 1 : 0;

	if (len == sign || len > sign + PLAIN_DIGITS || (sign == 1 && p[1] == '0'))
		return false;
	return skip_digits(p + sign, p + len) == p + len;
}

static const unsigned char *read_digits(
    struct decimal *d, const unsigned char *p, const unsigned char *end, bool fraction)
{
	for (; p < end && is_digit(*p); p++) {
		if (d->digits_len > 0 || *p != '0')
			d->digits[d->digits_len++] = (char)*p;
		if (fraction)
			d->shift--;
	}
	return p;
}

static void read_decimal(struct decimal *d, const unsigned char *p, const unsigned char *end)
{
	d->negative = p < end && *p == '-';
	d->digits_len = 0;
	d->shift = 0;
	p = read_digits(d, d->negative ? p + 1 : p, end, false);
	if (p < end && *p == '.')
		p = read_digits(d, p + 1, end, true);
	for (; d->digits_len > 0 && d->digits[d->digits_len - 1] == '0'; d->shift++)
		d->digits_len--;

	if (p < end)
		p++;
	d->exponent_negative = p < end && *p == '-';
	if (p < end && !is_digit(*p))
		p++;
	while (p < end && *p == '0')
		p++;
	d->exponent = p;
	d->exponent_len = (size_t)(skip_digits(p, end) - p);
}

/* Adds ${n} to the ${len} digits of a number that is larger; room for one digit more is there. */
static size_t add_to_digits(char *digits, size_t len, long n)
{
	for (size_t i = len; n != 0 && i-- > 0;) {
		long sum = digits[i] - '0' + n, carry = (sum - (sum < 0 ? 9 : 0)) / 10;

		digits[i] = (char)('0' + (sum - carry * 10));
		n = carry;
	}
	if (n > 0) {
		memmove(digits + 1, digits, len);
		digits[0] = (char)('0' + n);
		return len + 1;
	}
	if (digits[0] == '0')
		memmove(digits, digits + 1, --len);
	return len;
}

static size_t write_large_exponent(const struct decimal *d, char *out)
{
	size_t n = 0;

	out[n++] = 'e';
	if (d->exponent_negative)
		out[n++] = '-';
	memcpy(out + n, d->exponent, d->exponent_len);
	return n +
	       add_to_digits(out + n, d->exponent_len, d->exponent_negative ? -d->shift : d->shift);
}

static long long small_exponent(const struct decimal *d)
{
	long long e = 0;

	for (size_t i = 0; i < d->exponent_len; i++)
		e = e * 10 + (d->exponent[i] - '0');
	return (d->exponent_negative ? -e : e) + d->shift;
}

static size_t write_exponent(const struct decimal *d, char *out)
{
	long long e;

	if (d->exponent_len > SMALL_EXPONENT_DIGITS)
		return write_large_exponent(d, out);
	e = small_exponent(d);
	if (e < 0 || e + (long long)d->digits_len > PLAIN_DIGITS)
		return (size_t)snprintf(out, CANONICAL_MAX - JSONRPC_ID_MAX, "e%lld", e);
	memset(out, '0', (size_t)e);
	return (size_t)e;
}

static size_t write_number(const unsigned char *raw, size_t len, char *out)
{
	struct decimal d;
	size_t n = 0;

	read_decimal(&d, raw, raw + len);
	if (d.digits_len == 0) {
		out[0] = '0';
		return 1;
	}
	if (d.negative)
		out[n++] = '-';
	memcpy(out + n, d.digits, d.digits_len);
	n += d.digits_len;
	return n + write_exponent(&d, out + n);
}

static size_t write_string(const unsigned char *raw, size_t len, char *out)
{
	const unsigned char *p = raw, *end = raw + len;
	size_t n = 0;

	while (p < end) {
		unsigned char c[4];
		size_t got = decode_next(&p, end, c);

		memcpy(out + n, c, got);
		n += got;
	}
	return n;
}

size_t jsonrpc_string_decode(const char *raw, size_t len, char *out)
{
	const unsigned char *inside;

	return string_inside(raw, len, &inside, &len) ? write_string(inside, len, out) : 0;
}

/* Whether an id is its own canonical form. What is too long for an id may be taken for any. */
static bool is_canonical(const unsigned char *raw, size_t len)
{
	if (len > JSONRPC_ID_MAX || len == 0)
		return true;
	if (raw[0] == '-' || is_digit(raw[0]))
		return is_plain_integer(raw, len);
	return memchr(raw, '\\', len) == NULL;
}

/* Writes the canonical form of an id that has another to ${out}, CANONICAL_MAX bytes. */
static size_t write_canonical(const unsigned char *raw, size_t len, char *out)
{
	return raw[0] == '-' || is_digit(raw[0]) ? write_number(raw, len, out)
	                                         : write_string(raw, len, out);
}

static bool canonical_equal(
    const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	char a_store[CANONICAL_MAX], b_store[CANONICAL_MAX];
	const void *x = a, *y = b;

	if (!is_canonical(a, a_len)) {
		a_len = write_canonical(a, a_len, a_store);
		x = a_store;
	}
	if (!is_canonical(b, b_len)) {
		b_len = write_canonical(b, b_len, b_store);
		y = b_store;
	}
	return a_len == b_len && memcmp(x, y, a_len) == 0;
}

bool jsonrpc_id_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
	const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;

	if (a_len == b_len && memcmp(a, b, a_len) == 0)
		return true;
	return canonical_equal(x, a_len, y, b_len);
}

/* SipHash-1-3: a peer that does not know the seed cannot aim at a bucket. */
static inline uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static inline void sip_add(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

static uint64_t hash_bytes(const unsigned char *p, size_t len, uint64_t key0, uint64_t key1)
{
	uint64_t v[4] = {key0 ^ UINT64_C(0x736f6d6570736575), key1 ^ UINT64_C(0x646f72616e646f6d),
	    key0 ^ UINT64_C(0x6c7967656e657261), key1 ^ UINT64_C(0x7465646279746573)};
	uint64_t last = (uint64_t)len << 56;
	size_t words = len / 8;

	for (size_t i = 0; i < words; i++)
		sip_add(v, lanes_word(p + i * 8));
	sip_add(v, last | lanes_part_word(p + words * 8, len % 8));
	v[2] ^= 0xFF;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t hash(const unsigned char *p, size_t len, uint64_t seed)
{
	return hash_bytes(p, len, seed, rotate(seed, 32) ^ UINT64_C(0x5A5A5A5A5A5A5A5A));
}

static uint64_t hash_canonical(const unsigned char *raw, size_t len, uint64_t seed)
{
	char store[CANONICAL_MAX];

	len = write_canonical(raw, len, store);
	return hash((const unsigned char *)store, len, seed);
}

uint64_t jsonrpc_id_hash(const char *raw, size_t len, uint64_t seed)
{
	const unsigned char *p = (const unsigned char *)raw;

	return is_canonical(p, len) ? hash(p, len, seed) : hash_canonical(p, len, seed);
}

/* ---- the envelope ---- */

enum key {
	KEY_OTHER,
	KEY_JSONRPC,
	KEY_ID,
	KEY_METHOD,
	KEY_PARAMS,
	KEY_RESULT,
	KEY_ERROR,
	KEY_COUNT
};

/* In the set of keys seen, the bit of KEY_OTHER marks an object that cannot be JSON-RPC. */
#define SEEN(key) (1u << (key))
#define SEEN_BAD  SEEN(KEY_OTHER)

enum value_type { TYPE_OBJECT, TYPE_ARRAY, TYPE_STRING, TYPE_NUMBER, TYPE_NULL, TYPE_BOOLEAN };

static const struct {
	char name[8]; /* with zeros behind it, as lanes_part_word has them */
	size_t len;
} keys[KEY_COUNT] = {
    [KEY_OTHER] = {"", 0},
    [KEY_JSONRPC] = {"jsonrpc", 7},
    [KEY_ID] = {"id", 2},
    [KEY_METHOD] = {"method", 6},
    [KEY_PARAMS] = {"params", 6},
    [KEY_RESULT] = {"result", 6},
    [KEY_ERROR] = {"error", 5},
};

static enum key which_escaped_key(const unsigned char *raw, size_t len)
{
	if (len > JSONRPC_KEY_MAX || memchr(raw, '\\', len) == NULL)
		return KEY_OTHER;
	for (int i = KEY_JSONRPC; i < KEY_COUNT; i++) {
		if (string_equals(raw, len, keys[i].name, keys[i].len))
			return (enum key)i;
	}
	return KEY_OTHER;
}

/* Which of the six a raw key is. Their first letters all differ. */
static inline enum key which_key(const unsigned char *raw, size_t len)
{
	static const uint8_t by_letter[256] = {
	    ['j'] = KEY_JSONRPC,
	    ['i'] = KEY_ID,
	    ['m'] = KEY_METHOD,
	    ['p'] = KEY_PARAMS,
	    ['r'] = KEY_RESULT,
	    ['e'] = KEY_ERROR,
	};
	enum key key = (enum key)by_letter[raw[1]];
	const unsigned char *name = (const unsigned char *)keys[key].name;

	if (key != KEY_OTHER && len == keys[key].len + 2 &&
	    lanes_part_word(raw + 1, len - 2) == lanes_word(name))
		return key;
	return which_escaped_key(raw, len);
}

static const struct jsonrpc_span no_span = {0, 0};

static void take_id(
    struct jsonrpc_envelope *e, uint8_t *seen, enum value_type type, struct jsonrpc_span span)
{
	if ((type == TYPE_STRING || type == TYPE_NUMBER || type == TYPE_NULL) &&
	    span.len <= JSONRPC_ID_MAX)
		e->id = span;
	else
		*seen |= SEEN_BAD;
}

/* Notes one member of the message; ${seen} is what the object has had before. */
static void take_member(struct jsonrpc_envelope *e, uint8_t *seen, enum key key,
    enum value_type type, struct jsonrpc_span span)
{
	if (key == KEY_OTHER)
		return;
	if (*seen & SEEN(key)) {
		*seen |= SEEN_BAD;
		if (key == KEY_ID)
			e->id = no_span;
		return;
	}
	*seen |= (uint8_t)SEEN(key);
	if (key == KEY_ID)
		take_id(e, seen, type, span);
	else if (key == KEY_METHOD && type == TYPE_STRING)
		e->method = span;
	else if (key == KEY_PARAMS)
		e->params = span;
	else if (key == KEY_ERROR || (key == KEY_RESULT && !(*seen & SEEN(KEY_ERROR))))
		e->result = span;
}

static enum jsonrpc_kind kind_of(const struct jsonrpc_envelope *e, unsigned int seen)
{
	if (seen & SEEN_BAD)
		return JSONRPC_INVALID;
	if (e->method.len > 0)
		return e->id.len > 0 ? JSONRPC_REQUEST : JSONRPC_NOTIFICATION;
	if (e->id.len > 0 && (seen & (SEEN(KEY_RESULT) | SEEN(KEY_ERROR))))
		return JSONRPC_RESPONSE;
	return JSONRPC_INVALID;
}

/* All members of the object were taken. */
static void judge(struct jsonrpc_envelope *e, unsigned int seen)
{
	e->structured = true;
	e->kind = kind_of(e, seen);
	e->is_error = e->kind == JSONRPC_RESPONSE && (seen & SEEN(KEY_ERROR));
	if (e->kind != JSONRPC_RESPONSE)
		e->result = no_span;
	if (e->kind == JSONRPC_INVALID) {
		e->method = no_span;
		e->params = no_span;
	}
}

/* ---- reading text that is wholly there and known to be valid ---- */

/*
 * A place in a text. The functions trust the text to be JSON, and on any other may
 * find nonsense, but never outside of it.
 */
struct reader {
	const unsigned char *p, *end;
};

struct raw {
	const unsigned char *p;
	size_t len;
};

static bool at_byte(const struct reader *r, unsigned char c)
{
	return r->p < r->end && *r->p == c;
}

static void read_space(struct reader *r)
{
	while (r->p < r->end && (classes[*r->p] == C_SPACE || classes[*r->p] == C_NEWLINE))
		r->p++;
}

static bool read_string(struct reader *r)
{
	if (!at_byte(r, '"'))
		return false;
	r->p = skip_wide(r->p + 1, r->end);
	while (at_byte(r, '\\') && r->end - r->p >= 2)
		r->p = skip_wide(r->p + 2, r->end);
	if (!at_byte(r, '"'))
		return false;
	r->p++;
	return true;
}

/* Which bytes matter to somebody looking for the end of a container. */
static const uint8_t nesting[256] = {
    ['"'] = C_QUOTE,
    ['{'] = C_OPEN_OBJECT,
    ['['] = C_OPEN_OBJECT,
    ['}'] = C_CLOSE_OBJECT,
    [']'] = C_CLOSE_OBJECT,
};

static bool read_container(struct reader *r)
{
	size_t depth = 0;

	do {
		while (r->p < r->end && nesting[*r->p] == 0)
			r->p++;
		if (r->p == r->end)
			return false;
		if (nesting[*r->p] == C_QUOTE) {
			if (!read_string(r))
				return false;
			continue;
		}
		if (nesting[*r->p] == C_OPEN_OBJECT)
			depth++;
		else
			depth--;
		r->p++;
	} while (depth > 0);
	return true;
}

static bool ends_scalar(uint8_t class)
{
	return class == C_SPACE || class == C_NEWLINE || class == C_COMMA ||
	       class == C_CLOSE_OBJECT || class == C_CLOSE_ARRAY;
}

/* Moves behind the value that begins here. */
static bool read_value(struct reader *r)
{
	const unsigned char *start = r->p;

	if (at_byte(r, '"'))
		return read_string(r);
	if (at_byte(r, '{') || at_byte(r, '['))
		return read_container(r);
	while (r->p < r->end && !ends_scalar(classes[*r->p]))
		r->p++;
	return r->p > start;
}

/*
 * Reads the next key of an object and stops where its value begins. The place is
 * the object's brace before the first one, and behind the last value
 * before each other. False at the closing brace.
 */
static bool read_key(struct reader *r, struct raw *key)
{
	read_space(r);
	if (!at_byte(r, '{') && !at_byte(r, ','))
		return false;
	r->p++;
	read_space(r);
	key->p = r->p;
	if (!read_string(r))
		return false;
	key->len = (size_t)(r->p - key->p);
	read_space(r);
	if (!at_byte(r, ':'))
		return false;
	r->p++;
	read_space(r);
	return true;
}

/* Moves to the value of a member of the object that begins here. */
static bool find_member(struct reader *r, const char *name, size_t len)
{
	struct raw key;

	if (!at_byte(r, '{'))
		return false;
	while (read_key(r, &key)) {
		if (string_equals(key.p, key.len, name, len))
			return true;
		if (!read_value(r))
			return false;
	}
	return false;
}

static struct jsonrpc_span span_of_value(struct reader *r, const unsigned char *start)
{
	const unsigned char *value = r->p;

	if (!read_value(r))
		return no_span;
	return (struct jsonrpc_span){(size_t)(value - start), (size_t)(r->p - value)};
}

struct jsonrpc_span jsonrpc_find_key(const void *text, size_t len, const char *key)
{
	const unsigned char *start = text;
	struct reader r = {start, len > 0 ? start + len : start};

	r.p = skip_mark(r.p, r.end);
	read_space(&r);
	return find_member(&r, key, strlen(key)) ? span_of_value(&r, start) : no_span;
}

bool jsonrpc_member_next(
    const void *text, size_t len, size_t *at, struct jsonrpc_span *key, struct jsonrpc_span *value)
{
	const unsigned char *start = text;
	struct reader r = {start, len > 0 ? start + len : start};
	struct raw raw;

	r.p = *at > 0 ? start + *at : skip_mark(r.p, r.end);
	read_space(&r);
	if (!at_byte(&r, *at > 0 ? ',' : '{') || !read_key(&r, &raw))
		return false;
	*key = (struct jsonrpc_span){(size_t)(raw.p - start), raw.len};
	*value = span_of_value(&r, start);
	*at = (size_t)(r.p - start);
	return value->len > 0;
}

struct jsonrpc_span jsonrpc_find(const void *text, size_t len, const char *path)
{
	const unsigned char *start = text;
	struct reader r = {start, len > 0 ? start + len : start};
	size_t n;

	r.p = skip_mark(r.p, r.end);
	read_space(&r);
	for (;; path += n + 1) {
		n = strcspn(path, ".");
		if (!find_member(&r, path, n))
			return no_span;
		if (path[n] == '\0')
			return span_of_value(&r, start);
	}
}

static enum value_type type_of(unsigned char first)
{
	switch (classes[first]) {
	case C_OPEN_OBJECT:
		return TYPE_OBJECT;
	case C_OPEN_ARRAY:
		return TYPE_ARRAY;
	case C_QUOTE:
		return TYPE_STRING;
	case C_WORD:
		return first == 'n' ? TYPE_NULL : TYPE_BOOLEAN;
	default:
		return TYPE_NUMBER;
	}
}

/* Reads one element of a batch into ${out}, whose spans count from ${start}. */
static bool read_element(struct reader *r, const unsigned char *start, struct jsonrpc_envelope *out)
{
	struct raw key;
	uint8_t seen = 0;

	if (!at_byte(r, '{'))
		return false;
	while (read_key(r, &key)) {
		const unsigned char *value = r->p;
		struct jsonrpc_span span = {(size_t)(value - start), 0};

		if (!read_value(r))
			return false;
		span.len = (size_t)(r->p - value);
		take_member(out, &seen, which_key(key.p, key.len), type_of(*value), span);
	}
	if (!at_byte(r, '}'))
		return false;
	r->p++;
	judge(out, seen);
	return true;
}

bool jsonrpc_batch_next(const void *text, size_t len, size_t *at, struct jsonrpc_envelope *out)
{
	const unsigned char *start = text;
	struct reader r = {start + *at, start + len};
	bool found;

	memset(out, 0, sizeof(*out));
	if (*at == 0)
		r.p = skip_mark(r.p, r.end);
	read_space(&r);
	if (!at_byte(&r, *at == 0 ? '[' : ','))
		return false;
	r.p++;
	read_space(&r);
	found = read_element(&r, start, out);
	*at = (size_t)(r.p - start);
	return found;
}

/* ---- the digest ---- */

/* One message of a digest being put together. DIGEST_NAMES is room for all but id and method. */
#define DIGEST_NAMES 48

struct digest_item {
	size_t len;
	char text[DIGEST_NAMES + JSONRPC_ID_MAX + JSONRPC_METHOD_MAX];
};

static void put(struct digest_item *item, const char *text, size_t len)
{
	memcpy(item->text + item->len, text, len);
	item->len += len;
}

static void put_str(struct digest_item *item, const char *text)
{
	put(item, text, strlen(text));
}

/* How much of a raw string that is cut to ${len} can stand: whole characters and escapes. */
static size_t whole_part(const char *raw, size_t len)
{
	const unsigned char *p = (const unsigned char *)raw;
	size_t n = 1, next;

	for (; n < len; n = next) {
		if (p[n] == '\\')
			next = n + (n + 1 < len && p[n + 1] == 'u' ? 6 : 2);
		else
			next = n + (p[n] < 0xC0 ? 1 : p[n] < 0xE0 ? 2 : p[n] < 0xF0 ? 3 : 4);
		if (next > len)
			break;
	}
	return n;
}

static void put_method(struct digest_item *item, const struct jsonrpc_scan *s)
{
	put_str(item, "\"method\":");
	if (s->found.method.len <= JSONRPC_METHOD_MAX) {
		put(item, s->kept_method, s->found.method.len);
	} else {
		put(item, s->kept_method, whole_part(s->kept_method, JSONRPC_METHOD_MAX - 1));
		put_str(item, "\"");
	}
}

static void put_message(struct digest_item *item, const struct jsonrpc_scan *s)
{
	put_str(item, "{");
	if (s->found.id.len > 0) {
		put_str(item, "\"id\":");
		put(item, s->kept_id, s->found.id.len);
		put_str(item, ",");
	}
	if (s->found.method.len > 0)
		put_method(item, s);
	else
		put_str(item, s->found.is_error ? "\"error\":null" : "\"result\":null");
	put_str(item, "}");
}

/* Leaves behind what stands for the valid object that is over. */
static void digest_message(struct jsonrpc_scan *s)
{
	struct digest_item item;
	struct buf *b = s->digest;
	size_t used = b->len - s->digest_at, need;
	bool batch = s->level == 2;

	if (s->digest_full)
		return;
	item.len = 0;
	if (batch)
		put_str(&item, used == 0 ? "[" : ",");
	put_message(&item, s);

	need = item.len + (batch ? 1 : 0);
	if (need > JSONRPC_DIGEST_MAX - used || buf_reserve(b, need) != BUF_OK) {
		/* A shorter one may not follow either: messages are left out only at the end. */
		s->digest_full = true;
		return;
	}
	buf_append(b, item.text, item.len);
}

static void digest_end(struct jsonrpc_scan *s, enum jsonrpc_kind kind)
{
	struct buf *b = s->digest;

	if (b == NULL)
		return;
	if (kind == JSONRPC_NOT_JSON || kind == JSONRPC_INVALID)
		b->len = s->digest_at;
	else if (kind == JSONRPC_BATCH && b->len > s->digest_at)
		buf_append_str(b, "]"); /* reserved with each message */
}

/* ---- the scanner ---- */

/* What may come next, between tokens. */
enum state {
	S_FAILED,
	S_VALUE,
	S_FIRST_VALUE, /* or the end of the array */
	S_FIRST_KEY,   /* or the end of the object */
	S_KEY,
	S_COLON,
	S_ARRAY_NEXT,  /* a comma or the end */
	S_OBJECT_NEXT, /* likewise */
	S_END,
	S_COUNT
};

enum action {
	A_FAIL,
	A_SPACE,
	A_NEWLINE,
	A_KEY,
	A_STRING,
	A_NUMBER,
	A_LITERAL,
	A_OBJECT,
	A_ARRAY,
	A_NEXT, /* a comma or a colon */
	A_CLOSE_OBJECT,
	A_CLOSE_ARRAY
};

#define SPACES [C_SPACE] = A_SPACE, [C_NEWLINE] = A_NEWLINE
#define VALUES                                                                                     \
	[C_QUOTE] = A_STRING, [C_ZERO] = A_NUMBER, [C_DIGIT] = A_NUMBER, [C_MINUS] = A_NUMBER,     \
	[C_WORD] = A_LITERAL, [C_OPEN_OBJECT] = A_OBJECT, [C_OPEN_ARRAY] = A_ARRAY

static const uint8_t actions[S_COUNT][C_COUNT] = {
    [S_VALUE] = {SPACES, VALUES},
    [S_FIRST_VALUE] = {SPACES, VALUES, [C_CLOSE_ARRAY] = A_CLOSE_ARRAY},
    [S_FIRST_KEY] = {SPACES, [C_QUOTE] = A_KEY, [C_CLOSE_OBJECT] = A_CLOSE_OBJECT},
    [S_KEY] = {SPACES, [C_QUOTE] = A_KEY},
    [S_COLON] = {SPACES, [C_COLON] = A_NEXT},
    [S_ARRAY_NEXT] = {SPACES, [C_COMMA] = A_NEXT, [C_CLOSE_ARRAY] = A_CLOSE_ARRAY},
    [S_OBJECT_NEXT] = {SPACES, [C_COMMA] = A_NEXT, [C_CLOSE_OBJECT] = A_CLOSE_OBJECT},
    [S_END] = {SPACES},
};

/* What may come behind a comma or a colon. */
static const uint8_t behind_next[S_COUNT] = {
    [S_COLON] = S_VALUE,
    [S_ARRAY_NEXT] = S_VALUE,
    [S_OBJECT_NEXT] = S_KEY,
};

/* What is being read when a piece ends. */
enum token {
	TOKEN_NONE,
	TOKEN_MARK, /* a byte order mark, if there is one */
	TOKEN_STRING,
	TOKEN_NUMBER,
	TOKEN_LITERAL
};

/* How far a number is. */
enum number {
	N_START,
	N_MINUS,
	N_ZERO,
	N_DOT,
	N_EXP,
	N_SIGN,
	N_INTEGER, /* from here on any digits may follow */
	N_FRACTION,
	N_EXPONENT,
	N_STATES,
	N_OVER /* the byte belongs to what follows */
};

#define NUMBER_ENDS                                                                                \
	[C_SPACE] = N_OVER, [C_NEWLINE] = N_OVER, [C_COMMA] = N_OVER, [C_CLOSE_OBJECT] = N_OVER,   \
	[C_CLOSE_ARRAY] = N_OVER

/* Nothing leads back to N_START, so that it stands for "not a number". */
static const uint8_t number_next[N_STATES][C_COUNT] = {
    [N_START] = {[C_MINUS] = N_MINUS, [C_ZERO] = N_ZERO, [C_DIGIT] = N_INTEGER},
    [N_MINUS] = {[C_ZERO] = N_ZERO, [C_DIGIT] = N_INTEGER},
    [N_ZERO] = {[C_DOT] = N_DOT, [C_EXP] = N_EXP, NUMBER_ENDS},
    [N_INTEGER] = {[C_ZERO] = N_INTEGER,
        [C_DIGIT] = N_INTEGER,
        [C_DOT] = N_DOT,
        [C_EXP] = N_EXP,
        NUMBER_ENDS},
    [N_DOT] = {[C_ZERO] = N_FRACTION, [C_DIGIT] = N_FRACTION},
    [N_FRACTION] = {[C_ZERO] = N_FRACTION, [C_DIGIT] = N_FRACTION, [C_EXP] = N_EXP, NUMBER_ENDS},
    [N_EXP] =
        {[C_PLUS] = N_SIGN, [C_MINUS] = N_SIGN, [C_ZERO] = N_EXPONENT, [C_DIGIT] = N_EXPONENT},
    [N_SIGN] = {[C_ZERO] = N_EXPONENT, [C_DIGIT] = N_EXPONENT},
    [N_EXPONENT] = {[C_ZERO] = N_EXPONENT, [C_DIGIT] = N_EXPONENT, NUMBER_ENDS},
};

/* How far a string is, beyond 0: behind a backslash, or so many hexadecimal digits to go. */
#define ESCAPE_BEGUN 5

static const struct literal {
	const char *text;
	size_t len;
	enum value_type type;
} literals[] = {{"true", 4, TYPE_BOOLEAN}, {"false", 5, TYPE_BOOLEAN}, {"null", 4, TYPE_NULL}};

/* What is known of the elements of a batch. */
#define BATCH_HAS_ELEMENTS 1
#define BATCH_HAS_BAD      2

static const unsigned char *fail(struct jsonrpc_scan *s, const unsigned char *end)
{
	s->state = S_FAILED;
	s->token = TOKEN_NONE;
	return end;
}

static size_t offset(const struct jsonrpc_scan *s, const unsigned char *p)
{
	return s->at + (size_t)(p - s->piece);
}

static void keep(char *store, size_t max, uint16_t *len, const unsigned char *p, size_t n)
{
	if (n > max - *len)
		n = max - *len;
	memcpy(store + *len, p, n);
	*len = (uint16_t)(*len + n);
}

/* Copies what this piece has of the key, id or method being read, which ends at ${end}. */
static void keep_token(struct jsonrpc_scan *s, const unsigned char *end)
{
	const unsigned char *p = s->token_at > s->at ? s->piece + (s->token_at - s->at) : s->piece;
	size_t n = (size_t)(end - p);

	if (s->in_key)
		keep(s->kept_key, sizeof(s->kept_key), &s->key_len, p, n);
	else if (s->digest != NULL && s->key == KEY_ID && !(s->seen & SEEN(KEY_ID)))
		keep(s->kept_id, sizeof(s->kept_id), &s->id_len, p, n);
	else if (s->digest != NULL && s->key == KEY_METHOD)
		keep(s->kept_method, sizeof(s->kept_method), &s->method_len, p, n);
}

static inline void take_key(struct jsonrpc_scan *s, const unsigned char *raw, size_t len)
{
	s->key = (uint8_t)which_key(raw, len);
	s->id_len = 0;
	s->method_len = 0;
}

/* A key of the message that was not simply there is over. */
static void note_key(struct jsonrpc_scan *s, const unsigned char *end)
{
	size_t len = offset(s, end) - s->token_at;

	if (s->token_at >= s->at) {
		take_key(s, s->piece + (s->token_at - s->at), len);
	} else {
		keep_token(s, end);
		take_key(s, (const unsigned char *)s->kept_key, len);
	}
}

/*
 * A value at the depth of the message's members, or around it, is over. In an
 * array within a batch what looks like a member is none; but then nothing is left of it.
 */
static void note_value(struct jsonrpc_scan *s, const unsigned char *end, enum value_type type)
{
	if (s->level == 0)
		return;
	if (s->depth == s->level) {
		if (s->digest != NULL && type != TYPE_OBJECT && type != TYPE_ARRAY)
			keep_token(s, end);
		if (s->key != KEY_OTHER)
			take_member(&s->found, &s->seen, (enum key)s->key, type,
			    (struct jsonrpc_span){s->token_at, offset(s, end) - s->token_at});
	} else if (s->depth + 1 == s->level) {
		s->found.kind = JSONRPC_INVALID;
		if (type == TYPE_OBJECT)
			judge(&s->found, s->seen);
		if (s->found.kind == JSONRPC_INVALID)
			s->batch |= BATCH_HAS_BAD;
		else if (s->digest != NULL)
			digest_message(s);
		s->batch |= BATCH_HAS_ELEMENTS;
	}
}

static inline const unsigned char *value_over(
    struct jsonrpc_scan *s, const unsigned char *p, enum value_type type)
{
	s->state = s->after;
	if (s->depth <= s->level)
		note_value(s, p, type);
	return p;
}

static inline const unsigned char *key_over(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	/* What nearly always comes next is not worth another step. */
	if (p < end && *p == ':') {
		s->state = S_VALUE;
		return p + 1;
	}
	s->state = S_COLON;
	return p;
}

static const unsigned char *string_over(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	s->token = TOKEN_NONE;
	if (!s->in_key)
		return value_over(s, p, TYPE_STRING);
	if (s->depth == s->level)
		note_key(s, p);
	s->in_key = false;
	return key_over(s, p, end);
}

/* The rest of an escape, behind its backslash. */
static const unsigned char *escape_run(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	if (p < end && s->sub == ESCAPE_BEGUN) {
		s->sub = *p == 'u' ? 4 : 0;
		if (*p != 'u' && escapes[*p] == 0)
			return fail(s, end);
		p++;
	}
	for (; p < end && s->sub > 0 && s->sub < ESCAPE_BEGUN; p++, s->sub--) {
		if (hex_value(*p) < 0)
			return fail(s, end);
	}
	return p;
}

/* Text with non-ASCII characters, up to the next special byte. */
static const unsigned char *wide_run(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	const unsigned char *stop = skip_wide(p, end);

	if (!utf8_feed(&s->utf8, p, (size_t)(stop - p)))
		return fail(s, end);
	if (stop < end && !utf8_complete(&s->utf8))
		return fail(s, end);
	return stop;
}

/*
 * Skips text and the escapes of one letter, as far as whole blocks go. An escape takes its
 * backslash and what stands behind it out of the block's stops, so that nothing is loaded twice.
 */
static const unsigned char *skip_blocks(const unsigned char *p, const unsigned char *end)
{
	while (end - p > LANES_BLOCK) {
		uint64_t stops = lanes_block(p, plain_stops);

		while (stops != 0) {
			size_t at = lanes_lowest(stops);

			if (p[at] != '\\' || escapes[p[at + 1]] == 0)
				return p + at;
			/* A jump, so that the next block need not wait for where this stop is. */
			if (at == LANES_BLOCK - 1) {
				p++;
				break;
			}
			stops &= stops - 1;
			stops &= ~(UINT64_C(2) << at);
		}
		p += LANES_BLOCK;
	}
	return p;
}

static bool is_unit(const unsigned char *p)
{
	return p[0] == '\\' && p[1] == 'u' &&
	       (hex_value(p[2]) | hex_value(p[3]) | hex_value(p[4]) | hex_value(p[5])) >= 0;
}

/* An escape that stands whole in the piece needs no state; of \uXXXX there are often more. */
static const unsigned char *begin_escape(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	const unsigned char *start = p;

	if (end - p > 1 && escapes[p[1]] != 0)
		return p + 2;
	while (end - p >= 6 && is_unit(p))
		p += 6;
	if (p > start)
		return p;
	s->sub = ESCAPE_BEGUN;
	return escape_run(s, p + 1, end);
}

/* The rest of a string. */
static const unsigned char *string_run(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	for (;;) {
		p = skip_plain(skip_blocks(p, end), end);
		if (p == end)
			return p;
		if (*p == '"')
			return string_over(s, p + 1, end);
		if (*p == '\\')
			p = begin_escape(s, p, end);
		else if (*p >= 0x80)
			p = wide_run(s, p, end);
		else
			return fail(s, end);
	}
}

static const unsigned char *number_run(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	uint8_t at = s->sub;

	while (p < end) {
		uint8_t next = number_next[at][classes[*p]];

		if (next == N_OVER) {
			s->token = TOKEN_NONE;
			return value_over(s, p, TYPE_NUMBER);
		}
		if (next == N_START)
			return fail(s, end);
		p++;
		if (next >= N_INTEGER)
			p = skip_digits(p, end);
		at = next;
	}
	s->sub = at;
	return p;
}

static const unsigned char *literal_run(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	const struct literal *l = &literals[s->literal];

	for (; p < end; p++) {
		if (l->text[s->sub] == '\0')
			break;
		if (*p != (unsigned char)l->text[s->sub])
			return fail(s, end);
		s->sub++;
	}
	if (l->text[s->sub] != '\0')
		return p;
	s->token = TOKEN_NONE;
	return value_over(s, p, l->type);
}

static const unsigned char *mark_run(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	if (s->sub > 0 || *p == byte_order_mark[0]) {
		for (; p < end && s->sub < sizeof(byte_order_mark); p++) {
			if (*p != byte_order_mark[s->sub++])
				return fail(s, end);
		}
		if (s->sub < sizeof(byte_order_mark))
			return p;
	}
	s->token = TOKEN_NONE;
	return p;
}

/* Goes on with the token that the last piece ended in. */
static const unsigned char *resume(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	switch (s->token) {
	case TOKEN_MARK:
		return mark_run(s, p, end);
	case TOKEN_STRING:
		if (!utf8_complete(&s->utf8))
			p = wide_run(s, p, end);
		else
			p = escape_run(s, p, end);
		return string_run(s, p, end);
	case TOKEN_NUMBER:
		return number_run(s, p, end);
	case TOKEN_LITERAL:
		return literal_run(s, p, end);
	default:
		return p;
	}
}

static inline void mark(struct jsonrpc_scan *s, const unsigned char *p)
{
	if (s->depth == s->level)
		s->token_at = offset(s, p);
}

static inline void begin_token(struct jsonrpc_scan *s, enum token token, unsigned int sub)
{
	s->token = (uint8_t)token;
	s->sub = (uint8_t)sub;
}

/* Most strings are whole in the piece and without escapes; these need no state. */
static const unsigned char *begin_key(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	const unsigned char *stop = skip_plain(p + 1, end);

	if (stop < end && *stop == '"') {
		if (s->depth == s->level)
			take_key(s, p, (size_t)(stop + 1 - p));
		return key_over(s, stop + 1, end);
	}
	mark(s, p);
	s->in_key = true;
	s->key_len = 0;
	begin_token(s, TOKEN_STRING, 0);
	return string_run(s, stop, end);
}

static const unsigned char *begin_string(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	const unsigned char *stop = skip_plain(p + 1, end);

	mark(s, p);
	if (stop < end && *stop == '"')
		return value_over(s, stop + 1, TYPE_STRING);
	begin_token(s, TOKEN_STRING, 0);
	return string_run(s, stop, end);
}

static const unsigned char *begin_number(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	mark(s, p);
	if (*p >= '1') {
		p = skip_digits(p + 1, end);
		if (p < end && number_next[N_INTEGER][classes[*p]] == N_OVER)
			return value_over(s, p, TYPE_NUMBER);
		begin_token(s, TOKEN_NUMBER, N_INTEGER);
	} else {
		begin_token(s, TOKEN_NUMBER, N_START);
	}
	return number_run(s, p, end);
}

static const unsigned char *begin_literal(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	uint8_t which = *p == 't' ? 0 : *p == 'f' ? 1 : 2; /* as in the table */
	const struct literal *l = &literals[which];

	mark(s, p);
	/* The first byte is right, and of the others there are at most four. */
	if (end - p >= (ptrdiff_t)l->len && memcmp(p + l->len - 4, l->text + l->len - 4, 4) == 0)
		return value_over(s, p + l->len, l->type);
	s->literal = which;
	begin_token(s, TOKEN_LITERAL, 0);
	return literal_run(s, p, end);
}

/* The first container decides whether members stand at depth 1 or, in a batch, at 2. */
static void begin_message(struct jsonrpc_scan *s, bool object)
{
	if (s->level == 0)
		s->level = object ? 1 : 2;
	if (object && s->depth == s->level) {
		memset(&s->found, 0, sizeof(s->found));
		s->seen = 0;
	}
}

static const unsigned char *open_container(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end, bool object)
{
	uint8_t bit = (uint8_t)(1u << (s->depth % 8)), *bits = &s->stack[s->depth / 8];

	if (s->depth == JSONRPC_DEPTH_MAX)
		return fail(s, end);
	mark(s, p);
	*bits = (uint8_t)(object ? *bits | bit : *bits & ~bit);
	s->depth++;
	s->state = object ? S_FIRST_KEY : S_FIRST_VALUE;
	s->after = object ? S_OBJECT_NEXT : S_ARRAY_NEXT;
	if (s->depth <= 2)
		begin_message(s, object);
	return p + 1;
}

static const unsigned char *close_container(
    struct jsonrpc_scan *s, const unsigned char *p, enum value_type type)
{
	s->depth--;
	if (s->depth == 0) {
		s->after = S_END;
	} else {
		size_t parent = s->depth - 1;
		bool object = (s->stack[parent / 8] >> (parent % 8)) & 1;

		s->after = object ? S_OBJECT_NEXT : S_ARRAY_NEXT;
	}
	return value_over(s, p + 1, type);
}

/* One token or structural byte, or as much of it as the piece has. */
static inline const unsigned char *step(
    struct jsonrpc_scan *s, const unsigned char *p, const unsigned char *end)
{
	uint8_t action = actions[s->state][classes[*p]];

	if (action == A_NEXT) {
		s->state = behind_next[s->state];
		if (++p == end)
			return p;
		action = actions[s->state][classes[*p]];
	}
	switch ((enum action)action) {
	case A_SPACE:
		return skip_spaces(p + 1, end);
	case A_NEWLINE:
		s->newline = true;
		return skip_indentation(p + 1, end);
	case A_KEY:
		return begin_key(s, p, end);
	case A_STRING:
		return begin_string(s, p, end);
	case A_NUMBER:
		return begin_number(s, p, end);
	case A_LITERAL:
		return begin_literal(s, p, end);
	case A_OBJECT:
		return open_container(s, p, end, true);
	case A_ARRAY:
		return open_container(s, p, end, false);
	case A_CLOSE_OBJECT:
		return close_container(s, p, TYPE_OBJECT);
	case A_CLOSE_ARRAY:
		return close_container(s, p, TYPE_ARRAY);
	case A_NEXT:
	case A_FAIL:
		break;
	}
	return fail(s, end);
}

void jsonrpc_scan_begin(struct jsonrpc_scan *s, struct buf *digest)
{
	/* Not the whole of it: what is kept and the stack are written before they are read. */
	memset(s, 0, offsetof(struct jsonrpc_scan, kept_key));
	s->digest = digest;
	s->digest_at = digest != NULL ? digest->len : 0;
	s->state = S_VALUE;
	s->after = S_END;
	s->token = TOKEN_MARK;
}

bool jsonrpc_scan_feed(struct jsonrpc_scan *s, const void *text, size_t len)
{
	const unsigned char *p = text, *end;

	if (s->state == S_FAILED)
		return false;
	if (len == 0)
		return true;
	end = p + len;
	s->piece = p;
	if (s->token != TOKEN_NONE)
		p = resume(s, p, end);
	while (p < end)
		p = step(s, p, end);
	if (s->token != TOKEN_NONE && s->depth == s->level)
		keep_token(s, end);
	s->at += len;
	return s->state != S_FAILED;
}

/* A number at the top level is the one token that only the end of the text ends. */
static void end_number(struct jsonrpc_scan *s)
{
	static const unsigned char space[1] = {' '};

	s->piece = space;
	number_run(s, space, space + 1);
}

enum jsonrpc_kind jsonrpc_scan_end(struct jsonrpc_scan *s, struct jsonrpc_envelope *out)
{
	if (s->token == TOKEN_NUMBER && s->depth == 0)
		end_number(s);
	memset(out, 0, sizeof(*out));
	if (s->state != S_END) {
		out->kind = JSONRPC_NOT_JSON;
		out->id = s->level == 1 ? s->found.id : no_span;
	} else if (s->level == 1) {
		*out = s->found;
	} else {
		out->kind = s->batch == BATCH_HAS_ELEMENTS ? JSONRPC_BATCH : JSONRPC_INVALID;
		out->structured = s->level == 2;
	}
	out->has_newline = s->newline;
	digest_end(s, out->kind);
	return out->kind;
}

enum jsonrpc_kind jsonrpc_scan_text(const void *text, size_t len, struct jsonrpc_envelope *out)
{
	struct jsonrpc_scan s;

	jsonrpc_scan_begin(&s, NULL);
	jsonrpc_scan_feed(&s, text, len);
	return jsonrpc_scan_end(&s, out);
}
