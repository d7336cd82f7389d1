/*
 * The cases of test_lanes.c and test_lanes_portable.c: lanes against what each function is said to
 * do byte by byte, and what looks at lanes (the scanner, the UTF-8 check, the mask) against the
 * same fed byte by byte. Every text stands at the very end or beginning of a page with no access
 * beyond it, so that a read outside of it ends the test.
 */
#ifndef TESTS_LANES_CASES_H
#define TESTS_LANES_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define LONGEST 300 /* bytes of a text */

static uint64_t seed = 88172645463325252;

static size_t below(size_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (size_t)(seed % n);
}

/* ---- memory with an end ---- */

struct page {
	unsigned char *start;
	size_t len;
};

static struct page page_new(void)
{
	size_t len = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *p = mmap(NULL, 3 * len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	assert_int_equal(mprotect(p + len, len, PROT_READ | PROT_WRITE), 0);
	return (struct page){p + len, len};
}

static void page_free(struct page page)
{
	assert_int_equal(munmap(page.start - page.len, 3 * page.len), 0);
}

/* The text at the end of the page and at its start; with all lengths these are all alignments. */
static unsigned char *page_put(struct page page, const unsigned char *text, size_t len, bool at_end)
{
	unsigned char *p = at_end ? page.start + page.len - len : page.start;

	memset(page.start, 0xFF, page.len);
	memcpy(p, text, len);
	return p;
}

/* ---- lanes ---- */

static lanes some_hits(unsigned char bytes[LANES])
{
	for (size_t i = 0; i < LANES; i++)
		bytes[i] = (unsigned char)(below(4) == 0 ? 0x80 : 0);
	return lanes_load(bytes);
}

static void check_hits(lanes hits, const bool expected[LANES])
{
	uint64_t bits = lanes_gather(hits, lanes_fill(0), lanes_fill(0), hits);
	size_t first = LANES;

	for (size_t i = LANES; i-- > 0;) {
		assert_int_equal(bits >> i & 1, expected[i]);
		assert_int_equal(bits >> (3 * LANES + i) & 1, expected[i]);
		first = expected[i] ? i : first;
	}
	assert_int_equal(bits >> LANES & ((UINT64_C(1) << 2 * LANES) - 1), 0);
	assert_int_equal(lanes_first(hits), first);
	assert_int_equal(lanes_any(hits), first < LANES);
	if (first < LANES)
		assert_int_equal(lanes_lowest(bits), first);
}

/* Every byte against every other, with neighbours that would show a borrow from lane to lane. */
static void test_comparisons(void **state)
{
	(void)state;
	for (unsigned int v = 0; v < 256; v++) {
		for (unsigned int c = 0; c < 256; c++) {
			bool equal[LANES], from[LANES], under[LANES];
			unsigned char bytes[LANES];
			lanes w;

			for (size_t i = 0; i < LANES; i++) {
				unsigned int b = (i + v) % 3 == 0 ? v : (unsigned int)below(256);

				bytes[i] = (unsigned char)b;
				equal[i] = b == c;
				from[i] = b >= c;
				under[i] = (b ^ 0x80) < (c ^ 0x80);
			}
			w = lanes_load(bytes);
			check_hits(lanes_equal(w, (unsigned char)c), equal);
			check_hits(lanes_from(w, (unsigned char)c), from);
			check_hits(lanes_signed_under(w, (unsigned char)c), under);
		}
	}
}

/* Hits are the highest bits alone; a byte may do as one. */
static void test_bytes_as_hits(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		unsigned char bytes[LANES];
		bool expected[LANES];

		for (size_t i = 0; i < LANES; i++) {
			bytes[i] = (unsigned char)below(below(2) ? 0x80 : 0x100);
			expected[i] = bytes[i] >= 0x80;
		}
		check_hits(lanes_load(bytes), expected);
	}
}

static void check_bytes(lanes v, const unsigned char expected[LANES])
{
	unsigned char out[LANES + 2];

	memset(out, 0xEE, sizeof(out));
	lanes_store(out + 1, v);
	assert_memory_equal(out + 1, expected, LANES);
	assert_int_equal(out[0], 0xEE);
	assert_int_equal(out[LANES + 1], 0xEE);
}

static void check_behind(lanes v, const unsigned char bytes[LANES], size_t n)
{
	unsigned char expected[LANES] = {0};

	memcpy(expected + n, bytes, LANES - n);
	check_bytes(v, expected);
}

static void test_bytes(void **state)
{
	(void)state;
	for (int round = 0; round < 1000; round++) {
		unsigned char a[LANES], b[LANES], out[LANES];
		bool either[LANES], both[LANES], one[LANES];
		lanes x, y;

		for (size_t i = 0; i < LANES; i++)
			a[i] = (unsigned char)below(256);
		x = lanes_load(a);
		check_bytes(x, a);
		check_behind(lanes_behind(x, 1), a, 1);
		check_behind(lanes_behind(x, 2), a, 2);
		check_behind(lanes_behind(x, 3), a, 3);
		for (size_t i = 0; i < LANES; i++)
			out[i] = a[i % 4];
		check_bytes(lanes_repeat((uint32_t)lanes_part_word(a, 4)), out);
		memset(out, a[0], sizeof(out));
		check_bytes(lanes_fill(a[0]), out);

		x = some_hits(a);
		y = some_hits(b);
		for (size_t i = 0; i < LANES; i++) {
			either[i] = a[i] || b[i];
			both[i] = a[i] && b[i];
			one[i] = a[i] != b[i];
		}
		check_hits(lanes_or(x, y), either);
		check_hits(lanes_and(x, y), both);
		check_hits(lanes_xor(x, y), one);
	}
}

static void test_lowest(void **state)
{
	(void)state;
	for (size_t i = 0; i < LANES_BLOCK; i++) {
		assert_int_equal(lanes_lowest(UINT64_C(1) << i), i);
		assert_int_equal(lanes_lowest(UINT64_MAX << i), i);
	}
}

static void test_part(void **state)
{
	unsigned char text[LANES], expected[LANES];
	struct page page = page_new();

	(void)state;
	for (size_t i = 0; i < LANES; i++)
		text[i] = (unsigned char)(0x81 + i * 7);
	for (size_t n = 0; n < LANES; n++) {
		memset(expected, 0, sizeof(expected));
		memcpy(expected, text, n);
		check_bytes(lanes_part(page_put(page, text, n, true), n), expected);
		check_bytes(lanes_part(page_put(page, text, n, false), n), expected);
	}
	page_free(page);
}

static inline lanes is_comma(lanes v)
{
	return lanes_equal(v, ',');
}

static void test_find_and_block(void **state)
{
	unsigned char text[LONGEST];
	struct page page = page_new();

	(void)state;
	for (size_t len = 0; len <= LONGEST; len++) {
		for (int round = 0; round < 8; round++) {
			size_t hit = below(len + len / 8 + 1), first = hit < len ? hit : len;
			const unsigned char *p;

			for (size_t i = 0; i < len; i++)
				text[i] = (unsigned char)(i < first ? below(',') : below(256));
			if (first < len)
				text[first] = ',';
			p = page_put(page, text, len, round % 2 == 0);
			assert_ptr_equal(lanes_find(p, p + len, is_comma), p + first);
			if (len < LANES_BLOCK)
				continue;
			for (size_t i = 0; i < LANES_BLOCK; i++)
				assert_int_equal(lanes_block(p, is_comma) >> i & 1, p[i] == ',');
		}
	}
	page_free(page);
}

/* ---- what looks at lanes ---- */

static bool utf8_by_byte(const unsigned char *p, size_t len, bool *complete)
{
	struct utf8 u = {0};
	bool valid = true;

	for (size_t i = 0; i < len && valid; i++)
		valid = utf8_feed(&u, p + i, 1);
	*complete = utf8_complete(&u);
	return valid;
}

static void check_utf8(const unsigned char *p, size_t len)
{
	struct utf8 u = {0}, v = {0};
	size_t cut = below(len + 1);
	bool complete, valid = utf8_by_byte(p, len, &complete);

	assert_int_equal(utf8_feed(&u, p, len), valid);
	assert_int_equal(utf8_feed(&v, p, cut) && utf8_feed(&v, p + cut, len - cut), valid);
	if (!valid)
		return;
	assert_int_equal(utf8_complete(&u), complete);
	assert_int_equal(utf8_complete(&v), complete);
}

static const char *const characters[] = {"a", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80",
    "\xE4\xB8\xAD", "\xED\x9F\xBF", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF0\x9F\x98\x80",
    "\xF4\x8F\xBF\xBF"};

static const unsigned char odd_bytes[] = {0x00, 0x1F, 0x20, '"', '\\', 0x7F, 0x80, 0x8F, 0x90, 0x9F,
    0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF};

static size_t put_characters(unsigned char *text, size_t want, size_t kinds)
{
	size_t len = 0, n;

	while (len < want) {
		const char *c = characters[below(kinds)];

		n = strlen(c) < want - len ? strlen(c) : want - len; /* the last may be cut */
		memcpy(text + len, c, n);
		len += n;
	}
	return len;
}

static void test_utf8_everywhere(void **state)
{
	unsigned char text[LONGEST];
	struct page page = page_new();

	(void)state;
	for (size_t len = 0; len <= LONGEST; len++) {
		for (int round = 0; round < 40; round++) {
			put_characters(text, len, 2 + below(COUNT(characters) - 1));
			for (size_t n = len > 0 ? below(3) : 0; n > 0; n--)
				text[below(len)] = odd_bytes[below(COUNT(odd_bytes))];
			check_utf8(page_put(page, text, len, round % 2 == 0), len);
		}
	}
	page_free(page);
}

/* Each wrong sequence at each place in ASCII and in wide text. */
static void test_utf8_borders_at_every_place(void **state)
{
	static const char *const wrong[] = {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF",
	    "\xE1\x80", "\xED\xA0\x80", "\xEF\xBF", "\xF0\x8F\xBF\xBF", "\xF1\x80\x80",
	    "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC2\x80\x80", "\xF0\x90\x80\x80\x80"};
	unsigned char text[2 * LANES_BLOCK + 4];
	struct page page = page_new();
	bool complete;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		for (size_t at = 0; at + strlen(wrong[i]) <= sizeof(text); at++) {
			memset(text, 'a', sizeof(text));
			memcpy(text + at, wrong[i], strlen(wrong[i]));
			assert_false(utf8_by_byte(text, sizeof(text), &complete) && complete);
			check_utf8(page_put(page, text, sizeof(text), true), sizeof(text));

			for (size_t k = 0; k < sizeof(text); k++)
				text[k] = (unsigned char)(k % 2 == at % 2 ? 0xC3 : 0xA9);
			memcpy(text + at, wrong[i], strlen(wrong[i]));
			text[0] = at % 2 == 1 ? 'a' : text[0];
			check_utf8(page_put(page, text, sizeof(text), true), sizeof(text));
		}
	}
	page_free(page);
}

static void test_mask_everywhere(void **state)
{
	static const unsigned char key[4] = {0x37, 0xFA, 0x21, 0x3D};
	unsigned char text[LONGEST];
	struct page from = page_new(), to = page_new();

	(void)state;
	for (size_t len = 0; len <= LONGEST; len++) {
		for (size_t variant = 0; variant < 16; variant++) {
			const unsigned char *p;
			unsigned char *q;

			for (size_t i = 0; i < len; i++)
				text[i] = (unsigned char)below(256);
			p = page_put(from, text, len, variant & 4);
			q = page_put(to, text, len, variant & 8);
			frame_mask(q, p, len, key, variant % 4);
			for (size_t i = 0; i < len; i++)
				assert_int_equal(q[i], p[i] ^ key[(variant + i) % 4]);
			/* One side is checked by the machine. */
			q = variant & 8 ? q - LANES : q + len;
			for (size_t i = 0; i < LANES; i++)
				assert_int_equal(q[i], 0xFF);
		}
	}
	page_free(from);
	page_free(to);
}

/* Scans a text byte by byte. */
static void scan_bytes(const unsigned char *p, size_t len, struct jsonrpc_envelope *e)
{
	static struct jsonrpc_scan s;

	jsonrpc_scan_begin(&s, NULL);
	for (size_t i = 0; i < len; i++)
		jsonrpc_scan_feed(&s, p + i, 1);
	jsonrpc_scan_end(&s, e);
}

/* Scans it in two pieces with nothing behind them. */
static void scan_cut(
    struct page page, const unsigned char *text, size_t len, size_t cut, struct jsonrpc_envelope *e)
{
	static struct jsonrpc_scan s;

	jsonrpc_scan_begin(&s, NULL);
	jsonrpc_scan_feed(&s, page_put(page, text, cut, true), cut);
	jsonrpc_scan_feed(&s, page_put(page, text + cut, len - cut, true), len - cut);
	jsonrpc_scan_end(&s, e);
}

static void check_scan(struct page page, const unsigned char *text, size_t len, size_t cut)
{
	struct jsonrpc_envelope whole, pieces, bytes;
	const unsigned char *p;

	scan_bytes(text, len, &bytes);
	scan_cut(page, text, len, cut, &pieces);
	assert_memory_equal(&pieces, &bytes, sizeof(bytes));
	p = page_put(page, text, len, false);
	jsonrpc_scan_text(p, len, &whole);
	assert_memory_equal(&whole, &bytes, sizeof(bytes));
	p = page_put(page, text, len, true);
	jsonrpc_scan_text(p, len, &whole);
	assert_memory_equal(&whole, &bytes, sizeof(bytes));
	jsonrpc_find(p, len, "a.method");
}

static const char *const tokens[] = {"{", "}", "[", "]", ",", ":", "\"id\":1", "\"method\":\"m\"",
    "\"result\":", "1234567890123456789", "-0.5e+10", "0", "true", "false", "null", " ", "  \t",
    "\n", "                    ", "\"", "\\\"", "\\\\", "\\n", "\\u00e9", "\\", "text", "\xC3\xA9",
    "\xE4\xB8\xAD", "\xF0\x9F\x98\x80", "\xC3", "\x01"};

/* What becomes JSON now and then: the tokens of a message, in a string or around it. */
static size_t put_tokens(unsigned char *text, size_t want)
{
	static const char head[] = "{\"method\":\"a\",\"params\":[\"";
	size_t from = below(2) ? 0 : 19, first = from == 0 ? 0 : 20, len = 0, n;

	n = sizeof(head) - 1 < want ? sizeof(head) - 1 : want;
	memcpy(text, head, n);
	for (len = n; len < want; len += n) {
		const char *t = tokens[first + below(COUNT(tokens) - first - below(3))];

		n = strlen(t) < want - len ? strlen(t) : want - len;
		memcpy(text + len, t, n);
	}
	if (want > 40 && below(2))
		memcpy(text + want - 3, "\"]}", 3);
	return len;
}

static void test_scan_everywhere(void **state)
{
	unsigned char text[LONGEST];
	struct page page = page_new();

	(void)state;
	for (size_t len = 0; len <= LONGEST; len++) {
		for (int round = 0; round < 60; round++) {
			put_tokens(text, len);
			check_scan(page, text, len, below(len + 1));
		}
	}
	page_free(page);
}

/*
 * Each byte and some escapes at each place of a string that is two blocks long and a bit. It begins
 * with an escape, because blocks are counted from the first one.
 */
static void test_scan_every_byte_at_every_place(void **state)
{
	static const char *const pieces[] = {"\\\"", "\\\\", "\\\\\"", "\\\\\\\"", "\\n\\n",
	    "\\u0041", "\\u004", "\\x", "\\u00e9\\u00e9", "\xC3\xA9", "\xC3", "\xED\xA0\x80"};
	static const char head[] = "{\"method\":\"\\n";
	enum { HEAD = sizeof(head) - 1, INSIDE = 2 * LANES_BLOCK + 5 };
	unsigned char text[HEAD + INSIDE + 2];
	struct page page = page_new();

	(void)state;
	for (size_t at = 0; at < INSIDE; at++) {
		for (size_t c = 0; c < 256 + COUNT(pieces); c++) {
			char byte = (char)c;
			const char *piece = c < 256 ? &byte : pieces[c - 256];
			size_t len = c < 256 ? 1 : strlen(piece);

			memset(text, 'x', sizeof(text));
			memcpy(text, head, HEAD);
			memcpy(text + HEAD + INSIDE, "\"}", 2);
			memcpy(text + HEAD + at, piece, len < INSIDE - at ? len : INSIDE - at);
			check_scan(page, text, sizeof(text), HEAD + at + 1);
		}
	}
	page_free(page);
}

static int run_lanes_cases(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_comparisons),
	    cmocka_unit_test(test_bytes_as_hits),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_lowest),
	    cmocka_unit_test(test_part),
	    cmocka_unit_test(test_find_and_block),
	    cmocka_unit_test(test_utf8_everywhere),
	    cmocka_unit_test(test_utf8_borders_at_every_place),
	    cmocka_unit_test(test_mask_everywhere),
	    cmocka_unit_test(test_scan_everywhere),
	    cmocka_unit_test(test_scan_every_byte_at_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
