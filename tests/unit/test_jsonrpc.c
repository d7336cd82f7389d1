/*
 * The scanner against a table of texts, against a slow reading of the same
 * rules that shares nothing with it, and against cJSON.
 *
 * Whatever text a test comes by goes through check_text: whole, byte by byte,
 * cut in two at every position, with a digest, and from memory without a byte
 * to spare.
 */
#include "jsonrpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <cjson/cJSON.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define T(text)      text, sizeof(text) - 1

/* ---- chance that repeats itself ---- */

static uint64_t seed;

static uint64_t random_word(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static size_t below(size_t n)
{
	return (size_t)(random_word() % n);
}

/* ---- the slow reading ---- */

struct slow {
	const unsigned char *text;
	size_t len, at, depth, deepest;
};

static int slow_peek(const struct slow *r)
{
	return r->at < r->len ? r->text[r->at] : -1;
}

static bool slow_take(struct slow *r, int c)
{
	if (c < 0 || slow_peek(r) != c)
		return false;
	r->at++;
	return true;
}

static bool slow_among(const struct slow *r, const char *set)
{
	int c = slow_peek(r);

	return c > 0 && strchr(set, c) != NULL;
}

static void slow_space(struct slow *r)
{
	while (slow_among(r, " \t\r\n"))
		r->at++;
}

static bool slow_digits(struct slow *r)
{
	size_t from = r->at;

	while (slow_among(r, "0123456789"))
		r->at++;
	return r->at > from;
}

static bool slow_number(struct slow *r)
{
	slow_take(r, '-');
	if (!slow_take(r, '0') && !slow_digits(r))
		return false;
	if (slow_take(r, '.') && !slow_digits(r))
		return false;
	if (!slow_take(r, 'e') && !slow_take(r, 'E'))
		return true;
	if (!slow_take(r, '+'))
		slow_take(r, '-');
	return slow_digits(r);
}

/* One character by the definition of UTF-8: the value must need the bytes it has. */
static bool slow_char(struct slow *r, unsigned long *value)
{
	static const unsigned long least[] = {0, 0x80, 0x800, 0x10000};
	unsigned long c = r->text[r->at++];
	size_t tails = c < 0x80 ? 0 : c < 0xC0 ? 9 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : c < 0xF8 ? 3 : 9;

	if (tails == 9)
		return false;
	if (tails > 0)
		c &= 0x3Fu >> tails;
	for (size_t i = 0; i < tails; i++) {
		if (slow_peek(r) < 0x80 || slow_peek(r) > 0xBF)
			return false;
		c = c * 64 + r->text[r->at++] % 64;
	}
	*value = c;
	return c >= least[tails] && c < 0x110000 && c / 0x800 != 0xD800 / 0x800;
}

static bool slow_escape(struct slow *r)
{
	if (!slow_take(r, 'u')) {
		if (!slow_among(r, "\"\\/bfnrt"))
			return false;
		r->at++;
		return true;
	}
	for (int i = 0; i < 4; i++) {
		if (!slow_among(r, "0123456789abcdefABCDEF"))
			return false;
		r->at++;
	}
	return true;
}

static bool slow_string(struct slow *r)
{
	unsigned long c;

	if (!slow_take(r, '"'))
		return false;
	while (!slow_take(r, '"')) {
		if (slow_take(r, '\\')) {
			if (!slow_escape(r))
				return false;
		} else if (slow_peek(r) < 0x20 || !slow_char(r, &c)) {
			return false;
		}
	}
	return true;
}

static bool slow_value(struct slow *r);

static bool slow_members(struct slow *r, bool object)
{
	slow_space(r);
	if (slow_take(r, object ? '}' : ']'))
		return true;
	do {
		slow_space(r);
		if (object) {
			if (!slow_string(r))
				return false;
			slow_space(r);
			if (!slow_take(r, ':'))
				return false;
			slow_space(r);
		}
		if (!slow_value(r))
			return false;
		slow_space(r);
	} while (slow_take(r, ','));
	return slow_take(r, object ? '}' : ']');
}

static bool slow_word(struct slow *r, const char *word)
{
	size_t n = strlen(word);

	if (r->len - r->at < n || memcmp(r->text + r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static bool slow_value(struct slow *r)
{
	bool ok, object = slow_peek(r) == '{';

	if (slow_peek(r) == '"')
		return slow_string(r);
	if (slow_among(r, "-0123456789"))
		return slow_number(r);
	if (!slow_take(r, '{') && !slow_take(r, '['))
		return slow_word(r, "true") || slow_word(r, "false") || slow_word(r, "null");
	if (++r->depth > r->deepest)
		r->deepest = r->depth;
	ok = r->depth <= JSONRPC_DEPTH_MAX && slow_members(r, object);
	r->depth--;
	return ok;
}

static void slow_begin(struct slow *r, const void *text, size_t len)
{
	memset(r, 0, sizeof(*r));
	r->text = text;
	r->len = len;
	slow_word(r, "\xEF\xBB\xBF");
	slow_space(r);
}

static bool slow_json(const void *text, size_t len, size_t *deepest)
{
	struct slow r;

	slow_begin(&r, text, len);
	if (!slow_value(&r))
		return false;
	slow_space(&r);
	*deepest = r.deepest;
	return r.at == r.len;
}

/* The UTF-16 code units a valid raw string stands for. */
static size_t slow_units(const char *raw, size_t len, uint16_t *units)
{
	struct slow r = {(const unsigned char *)raw, len - 1, 1, 0, 0};
	size_t n = 0;

	while (r.at < r.len) {
		unsigned long c = 0;

		if (slow_take(&r, '\\')) {
			static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
			char hex[5] = "";

			if (!slow_take(&r, 'u')) {
				units[n++] =
				    (unsigned char)values[strchr(names, slow_peek(&r)) - names];
				r.at++;
				continue;
			}
			memcpy(hex, r.text + r.at, 4);
			r.at += 4;
			units[n++] = (uint16_t)strtoul(hex, NULL, 16);
			continue;
		}
		slow_char(&r, &c);
		if (c >= 0x10000) {
			units[n++] = (uint16_t)(0xD800 + (c - 0x10000) / 0x400);
			c = 0xDC00 + (c - 0x10000) % 0x400;
		}
		units[n++] = (uint16_t)c;
	}
	return n;
}

static const char *const six_keys[] = {"jsonrpc", "id", "method", "params", "result", "error"};
enum { K_JSONRPC, K_ID, K_METHOD, K_PARAMS, K_RESULT, K_ERROR, K_COUNT };

static int slow_key(const char *raw, size_t len)
{
	static uint16_t units[1 << 16];
	size_t n = slow_units(raw, len, units);

	for (int k = 0; k < K_COUNT; k++) {
		size_t i = 0;

		while (i < n && units[i] == (unsigned char)six_keys[k][i] && units[i] != 0)
			i++;
		if (i == n && six_keys[k][i] == '\0')
			return k;
	}
	return K_COUNT;
}

/* The envelope of the object at r->at, by the words of jsonrpc.h; moves behind it. */
static void slow_envelope(struct slow *r, struct jsonrpc_envelope *e)
{
	struct jsonrpc_span found[K_COUNT + 1] = {{0, 0}}, id;
	int times[K_COUNT + 1] = {0}, worst = 0;
	int first;

	memset(e, 0, sizeof(*e));
	e->structured = true;
	while (r->at++, slow_space(r), slow_peek(r) != '}') {
		size_t key = r->at, value;
		int k;

		if (!slow_string(r))
			break; /* an empty object */
		k = slow_key((const char *)r->text + key, r->at - key);
		slow_space(r);
		slow_take(r, ':');
		slow_space(r);
		value = r->at;
		slow_value(r);
		found[k] = (struct jsonrpc_span){value, r->at - value};
		times[k]++;
		slow_space(r);
		if (slow_peek(r) == '}')
			break;
	}
	r->at++;
	for (int k = 0; k < K_COUNT; k++)
		worst = times[k] > worst ? times[k] : worst;
	id = found[K_ID];
	first = times[K_ID] > 0 ? r->text[id.at] : 0;
	if (times[K_ID] == 1 && strchr("{[tf", first) == NULL && id.len <= JSONRPC_ID_MAX)
		e->id = id;
	if (worst > 1 || (times[K_ID] > 0 && e->id.len == 0))
		e->kind = JSONRPC_INVALID;
	else if (times[K_METHOD] > 0 && r->text[found[K_METHOD].at] == '"')
		e->kind = times[K_ID] ? JSONRPC_REQUEST : JSONRPC_NOTIFICATION;
	else if (times[K_ID] && (times[K_RESULT] || times[K_ERROR]))
		e->kind = JSONRPC_RESPONSE;
	else
		e->kind = JSONRPC_INVALID;
	if (e->kind == JSONRPC_INVALID)
		return;
	e->params = found[K_PARAMS];
	if (e->kind != JSONRPC_RESPONSE) {
		e->method = found[K_METHOD];
		return;
	}
	e->is_error = times[K_ERROR] > 0;
	e->result = found[e->is_error ? K_ERROR : K_RESULT];
}

#define BATCH_MAX 4096

/* What a valid text must be found to be, and its elements if it is an array of objects. */
static void slow_message(const void *text, size_t len, struct jsonrpc_envelope *whole,
    struct jsonrpc_envelope *elements, size_t *count)
{
	struct slow r;
	bool bad = false;

	slow_begin(&r, text, len);
	*count = 0;
	if (slow_peek(&r) == '{') {
		slow_envelope(&r, whole);
		return;
	}
	memset(whole, 0, sizeof(*whole));
	whole->kind = JSONRPC_INVALID;
	whole->structured = slow_peek(&r) == '[';
	if (!whole->structured)
		return;
	while (r.at++, slow_space(&r), slow_peek(&r) != ']') {
		if (slow_peek(&r) == '{' && *count < BATCH_MAX) {
			slow_envelope(&r, &elements[*count]);
			bad |= elements[*count].kind == JSONRPC_INVALID;
		} else {
			slow_value(&r);
			bad = true;
		}
		++*count;
		slow_space(&r);
		if (slow_peek(&r) == ']')
			break;
	}
	if (!bad && *count > 0)
		whole->kind = JSONRPC_BATCH;
}

/* Whether a CR or LF stands in valid JSON, where it can only be between tokens. */
static bool slow_newline(const char *text, size_t len)
{
	return memchr(text, '\n', len) != NULL || memchr(text, '\r', len) != NULL;
}

/* ---- saying which text it was ---- */

static char shown[400];

static const char *show(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < sizeof(shown) - 8; i++) {
		unsigned char c = (unsigned char)text[i];

		n += (size_t)snprintf(
		    shown + n, 8, c >= 0x20 && c < 0x7F ? "%c" : "\\x%02x", (unsigned int)c);
	}
	return shown;
}

static const char *current;
static size_t current_len;

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg(                                                                  \
			    "%s\n    for the text: %s", #condition, show(current, current_len));   \
	} while (0)

/* ---- the checks every text goes through ---- */

static bool same_span(struct jsonrpc_span a, struct jsonrpc_span b)
{
	return a.len == b.len && (a.len == 0 || a.at == b.at);
}

static bool same_envelope(const struct jsonrpc_envelope *a, const struct jsonrpc_envelope *b)
{
	return a->kind == b->kind && a->structured == b->structured && a->is_error == b->is_error &&
	       same_span(a->id, b->id) && same_span(a->method, b->method) &&
	       same_span(a->params, b->params) && same_span(a->result, b->result);
}

/* Scans with cuts at two places; a ${digest} is made if it is not NULL. */
static void scan_cut(const char *text, size_t len, size_t first, size_t second, struct buf *digest,
    struct jsonrpc_envelope *out)
{
	struct jsonrpc_scan s;

	memset(&s, 0xA5, sizeof(s)); /* begin must not count on what was there */
	jsonrpc_scan_begin(&s, digest);
	jsonrpc_scan_feed(&s, text, first);
	jsonrpc_scan_feed(&s, text + first, second - first);
	jsonrpc_scan_feed(&s, text + second, len - second);
	jsonrpc_scan_end(&s, out);
}

static void scan_bytewise(
    const char *text, size_t len, struct buf *digest, struct jsonrpc_envelope *out)
{
	struct jsonrpc_scan s;
	bool alive = true;

	memset(&s, 0x5A, sizeof(s));
	jsonrpc_scan_begin(&s, digest);
	for (size_t i = 0; i < len; i++) {
		bool was = alive;
		char byte = text[i]; /* the bytes before it are gone */

		alive = jsonrpc_scan_feed(&s, &byte, 1);
		REQUIRE(was || !alive);
		REQUIRE(alive == jsonrpc_scan_feed(&s, "", 0));
	}
	jsonrpc_scan_end(&s, out);
	REQUIRE(alive || out->kind == JSONRPC_NOT_JSON);
}

static void check_cuts(const char *text, size_t len, const struct jsonrpc_envelope *whole)
{
	struct jsonrpc_envelope e;
	size_t stride = len > 400 ? len / 97 : 1;

	for (size_t cut = 0; cut <= len; cut += stride) {
		scan_cut(text, len, cut, cut, NULL, &e);
		REQUIRE(same_envelope(&e, whole) && e.has_newline == whole->has_newline);
		scan_cut(text, len, cut / 2, cut, NULL, &e);
		REQUIRE(same_envelope(&e, whole) && e.has_newline == whole->has_newline);
	}
	scan_bytewise(text, len, NULL, &e);
	REQUIRE(same_envelope(&e, whole) && e.has_newline == whole->has_newline);
}

static struct jsonrpc_envelope elements[BATCH_MAX];

static void check_batch(const char *text, size_t len, size_t count)
{
	struct jsonrpc_envelope e;
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		REQUIRE(jsonrpc_batch_next(text, len, &at, &e));
		REQUIRE(same_envelope(&e, &elements[i]));
	}
	REQUIRE(!jsonrpc_batch_next(text, len, &at, &e));
	REQUIRE(!jsonrpc_batch_next(text, len, &at, &e));
}

static void check_reading(const char *text, size_t len, const struct jsonrpc_envelope *whole)
{
	struct jsonrpc_envelope e;
	size_t count, deepest;

	if (!slow_json(text, len, &deepest)) {
		REQUIRE(whole->kind == JSONRPC_NOT_JSON);
		REQUIRE(!whole->structured && !whole->is_error);
		return;
	}
	slow_message(text, len, &e, elements, &count);
	REQUIRE(same_envelope(whole, &e));
	REQUIRE(whole->has_newline == slow_newline(text, len));
	if (whole->kind == JSONRPC_BATCH && count <= BATCH_MAX)
		check_batch(text, len, count);
	if (whole->kind == JSONRPC_REQUEST) {
		REQUIRE(same_span(jsonrpc_find(text, len, "id"), whole->id));
		REQUIRE(same_span(jsonrpc_find(text, len, "method"), whole->method));
		REQUIRE(same_span(jsonrpc_find(text, len, "params"), whole->params));
	}
}

static bool is_lone_surrogate(const char *text, size_t len, size_t i)
{
	static uint16_t units[2];
	char pair[] = "\"\\u0000\\u0000\"";

	memcpy(pair + 1, text + i, 6);
	slow_units(pair, 8 + 6, units);
	if (units[0] / 0x400 != 0xD800 / 0x400)
		return units[0] / 0x400 == 0xDC00 / 0x400;
	if (len - i < 12 || text[i + 6] != '\\' || text[i + 7] != 'u')
		return true;
	memcpy(pair + 7, text + i + 6, 6);
	slow_units(pair, 8 + 6, units);
	return units[1] / 0x400 != 0xDC00 / 0x400;
}

/*
 * What cJSON refuses although it is JSON: lone surrogates, numbers that do not
 * fit its buffer of 64 bytes, depth over 1000. The text is known to be valid.
 */
static bool cjson_is_blind(const char *text, size_t len, size_t deepest)
{
	size_t digits = 0;

	for (size_t i = 0; i < len; i++) {
		digits = text[i] != '\0' && strchr("+-.eE0123456789", text[i]) ? digits + 1 : 0;
		if (digits > 60)
			return true;
		if (text[i] != '\\')
			continue;
		if (text[i + 1] != 'u') {
			i++;
			continue;
		}
		if (is_lone_surrogate(text, len, i))
			return true;
		i += text[i + 2] == 'd' || text[i + 2] == 'D'
		         ? (strchr("89abAB", text[i + 3]) ? 11 : 5)
		         : 5;
	}
	return deepest > 1000;
}

static void check_cjson(const char *text, size_t len, enum jsonrpc_kind kind)
{
	const char *end = NULL;
	size_t mark = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	size_t deepest;
	cJSON *tree;

	if (kind == JSONRPC_NOT_JSON || !slow_json(text, len, &deepest) ||
	    cjson_is_blind(text, len, deepest))
		return;
	tree = cJSON_ParseWithLengthOpts(text + mark, len - mark, &end, 0);
	REQUIRE(tree != NULL);
	while (end < text + len && strchr(" \t\r\n", *end) != NULL)
		end++;
	REQUIRE(end == text + len);
	cJSON_Delete(tree);
}

static bool same_raw(const char *a, struct jsonrpc_span s, const char *b, struct jsonrpc_span t)
{
	return s.len == t.len && (s.len == 0 || memcmp(a + s.at, b + t.at, s.len) == 0);
}

/* ${d} is the envelope of ${digest} that stands for ${e} of ${text}. */
static void check_same_message(const char *text, const struct jsonrpc_envelope *e,
    const char *digest, const struct jsonrpc_envelope *d)
{
	REQUIRE(e->kind == d->kind && e->is_error == d->is_error);
	REQUIRE(same_raw(text, e->id, digest, d->id));
	REQUIRE(d->params.len == 0);
	REQUIRE(d->result.len == (e->kind == JSONRPC_RESPONSE ? 4 : 0));
	if (e->method.len <= JSONRPC_METHOD_MAX) {
		REQUIRE(same_raw(text, e->method, digest, d->method));
		return;
	}
	REQUIRE(d->method.len <= JSONRPC_METHOD_MAX && d->method.len > JSONRPC_METHOD_MAX - 12);
	REQUIRE(memcmp(text + e->method.at, digest + d->method.at, d->method.len - 1) == 0);
}

static void check_same_batch(const char *text, size_t len, const char *digest, size_t digest_len)
{
	struct jsonrpc_envelope e, d;
	size_t at = 0, digest_at = 0;

	while (jsonrpc_batch_next(text, len, &at, &e)) {
		REQUIRE(jsonrpc_batch_next(digest, digest_len, &digest_at, &d));
		check_same_message(text, &e, digest, &d);
	}
	REQUIRE(!jsonrpc_batch_next(digest, digest_len, &digest_at, &d));
}

static void check_digest(const char *text, size_t len, const struct jsonrpc_envelope *whole)
{
	struct jsonrpc_envelope e;
	struct buf digest, again;

	buf_init(&digest, JSONRPC_DIGEST_MAX);
	buf_init(&again, JSONRPC_DIGEST_MAX);
	scan_bytewise(text, len, &again, &e);
	REQUIRE(same_envelope(&e, whole));
	for (size_t cut = 0; cut <= len; cut += len / 5 + 1) {
		buf_clear(&digest);
		scan_cut(text, len, cut / 3, cut, &digest, &e);
		REQUIRE(same_envelope(&e, whole));
		REQUIRE(digest.len == again.len);
		REQUIRE(digest.len == 0 || memcmp(digest.data, again.data, digest.len) == 0);
	}
	if (whole->kind == JSONRPC_NOT_JSON || whole->kind == JSONRPC_INVALID) {
		REQUIRE(digest.len == 0);
	} else {
		const char *d = (const char *)digest.data;

		REQUIRE(jsonrpc_scan_text(d, digest.len, &e) == whole->kind);
		if (whole->kind == JSONRPC_BATCH)
			check_same_batch(text, len, d, digest.len);
		else
			check_same_message(text, whole, d, &e);
	}
	buf_free(&digest);
	buf_free(&again);
}

/* Everything that must hold for any text at all. */
static struct jsonrpc_envelope check_text(const char *text, size_t len)
{
	struct jsonrpc_envelope whole, e;
	char *exact = malloc(len > 0 ? len : 1);

	assert_non_null(exact);
	memcpy(exact, text, len);
	current = text;
	current_len = len;
	REQUIRE(jsonrpc_scan_text(exact, len, &whole) == whole.kind);
	check_cuts(exact, len, &whole);
	check_reading(exact, len, &whole);
	check_cjson(exact, len, whole.kind);
	check_digest(exact, len, &whole);
	for (size_t at = 0; jsonrpc_batch_next(exact, len, &at, &e);)
		REQUIRE(at <= len);
	jsonrpc_find(exact, len, "params.a.b");
	free(exact);
	return whole;
}

/* ---- the table: single values ---- */

struct value_row {
	const char *text;
	size_t len;
	bool json;
	bool alone; /* says nothing within other text */
};

#define YES(text)                                                                                  \
	{                                                                                          \
		T(text), true, false                                                               \
	}
#define NO(text)                                                                                   \
	{                                                                                          \
		T(text), false, false                                                              \
	}
#define YES_TOP(text)                                                                              \
	{                                                                                          \
		T(text), true, true                                                                \
	}
#define NO_TOP(text)                                                                               \
	{                                                                                          \
		T(text), false, true                                                               \
	}

/* clang-format off */
static const struct value_row values[] = {
	/* literals */
	YES("true"), YES("false"), YES("null"), NO("True"), NO("TRUE"), NO("nul"), NO("nulll"),
	NO("n"), NO("t"), NO("tru"), NO("truefalse"), NO("true false"), NO("fals"), NO("falsey"),
	NO("NaN"), NO("Infinity"), NO("-Infinity"), NO("undefined"), NO("None"), NO("nan"),
	NO("true\\"), NO("\\u0074rue"), NO("tr\nue"),
	/* numbers */
	YES("0"), YES("-0"), YES("1"), YES("-1"), YES("9"), YES("10"), YES("1234567890"),
	YES("0.0"), YES("0.1"), YES("-0.1"), YES("1.5"), YES("123.456"), YES("1e1"), YES("1E1"),
	YES("1e+1"), YES("1e-1"), YES("1.5e10"), YES("0e0"), YES("0e+00"), YES("0.00e-00"),
	YES("-0.0E-0"), YES("1e0000000000001"), YES("1e99999999999999999999"),
	YES("1e-99999999999999999999"), YES("9007199254740993"), YES("18446744073709551616"),
	YES("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
	YES("0.000000000000000000000000000000000000000000000000000000000000000000000000001"),
	NO("00"), NO("01"), NO("-00"), NO("-01"), NO("007"), NO("0x10"), NO("0b1"), NO("1."),
	NO("-1."), NO("0."), NO(".5"), NO("-.5"), NO("."), NO("-"), NO("--1"), NO("+1"), NO("+"),
	NO("1.e1"), NO("1..2"), NO("1.2.3"), NO("1e"), NO("1E"), NO("1e+"), NO("1e-"), NO("1e+-1"),
	NO("1e1.5"), NO("1e1e1"), NO("1ee1"), NO("e1"), NO("E"), NO("0e"), NO("1_000"), NO("1 000"),
	NO("1a"), NO("-a"), NO("1-"), NO("1+1"), NO("0-"), NO("1'"), NO("1L"), NO("0.1f"),
	NO("1\x00"), NO("- 1"), NO("\xEF\xBC\x91"), NO("\xD9\xA1"),
	/* strings */
	YES("\"\""), YES("\"a\""), YES("\"abcdefg\""), YES("\"abcdefgh\""), YES("\"abcdefghi\""),
	YES("\"0123456789012345678901234567890123456789\""), YES("\" \""), YES("\"\x7F\""),
	YES("\"'\""), YES("\"/\""), YES("\"//\""), YES("\"{[]}:,\""), YES("\"}\""), YES("\"]\""),
	YES("\"\\\"\""), YES("\"\\\\\""), YES("\"\\/\""), YES("\"\\b\\f\\n\\r\\t\""),
	YES("\"\\\\\\\\\""), YES("\"\\\\\\\"\""), YES("\"abcdef\\\"\""), YES("\"abcdefg\\\"\""),
	YES("\"abcdefgh\\\"h\""), NO("\""), NO("\"a"), NO("\"\\\""), NO("\"\\\\\\\""), NO("'a'"),
	NO("a"), NO("`a`"), NO("\"a\"\"b\""), NO("\"a\" \"b\""), NO("\"a\"b"), NO("a\"b\""),
	NO("\"\\a\""), NO("\"\\v\""), NO("\"\\0\""), NO("\"\\x41\""), NO("\"\\'\""), NO("\"\\ \""),
	NO("\"\\\n\""), NO("\"\\U0041\""), NO("\"\\N\""), NO("\"\\"), NO("\"\\e\""), NO("\"\\1\""),
	NO("\"\\\x00\""), NO("\"\\\xC3\xA9\""),
	/* controls */
	NO("\"\x00\""), NO("\"\x01\""), NO("\"\x08\""), NO("\"\t\""), NO("\"\n\""), NO("\"\r\""),
	NO("\"\x1F\""), NO("\"abcdefgh\x1F\""), NO("\"abc\ndef\""), NO("\"0123456789abcdef\n\""),
	YES("\"\\u0000\""), YES("\"\\u001f\""), YES("\"abcdefgh\x7F\""),
	/* \u */
	YES("\"\\u0041\""), YES("\"\\uabcd\""), YES("\"\\uABCD\""), YES("\"\\uffff\""),
	YES("\"\\uFFFE\""), YES("\"\\u00e9\\u00E9\""), YES("\"\\ud83d\\ude00\""),
	YES("\"\\uD83D\\uDE00\""), YES("\"\\u005C\""), YES("\"\\u0022\""), NO("\"\\u\""),
	NO("\"\\u1\""), NO("\"\\u12\""), NO("\"\\u123\""), NO("\"\\u123g\""), NO("\"\\ug123\""),
	NO("\"\\u 123\""), NO("\"\\u+123\""), NO("\"\\u{41}\""), NO("\"\\u00\\u0041\""),
	NO("\"\\u00"), NO("\"\\u004"), NO("\"\\u0041"), NO("\"\\u-001\""),
	NO("\"\\u\xC3\xA9""00\""), NO("\"\\u00\xC3\xA9\""), NO("\"\\u`123\""), NO("\"\\u@123\""),
	NO("\"\\u/123\""), NO("\"\\u:123\""), NO("\"\\uG123\""),
	/* lone surrogates are grammatical */
	YES("\"\\ud800\""), YES("\"\\udfff\""), YES("\"\\ud800\\ud800\""),
	YES("\"\\ude00\\ud83d\""), YES("\"\\ud800a\""), YES("\"\\ud800\\n\""),
	YES("\"\\ud800\\u0041\""),
	/* UTF-8 */
	YES("\"\xC2\x80\""), YES("\"\xC3\xA9\""), YES("\"\xDF\xBF\""), YES("\"\xE0\xA0\x80\""),
	YES("\"\xE2\x82\xAC\""), YES("\"\xED\x9F\xBF\""), YES("\"\xEE\x80\x80\""),
	YES("\"\xEF\xBB\xBF\""), YES("\"\xEF\xBF\xBE\""), YES("\"\xEF\xBF\xBF\""),
	YES("\"\xF0\x90\x80\x80\""), YES("\"\xF0\x9F\x98\x80\""), YES("\"\xF4\x8F\xBF\xBF\""),
	YES("\"abcdefg\xC3\xA9\""), YES("\"abcdefgh\xE2\x82\xAC" "ijklmnop\xF0\x9F\x98\x80q\""),
	YES("\"\xC3\xA9\\\"\xC3\xA9\\n\xC3\xA9\""), YES("\"\xE2\x80\xA8\xE2\x80\xA9\""),
	YES("\"\xC2\x85\""), NO("\"\x80\""), NO("\"\xBF\""), NO("\"\xC0\x80\""), NO("\"\xC0\xAF\""),
	NO("\"\xC1\xBF\""), NO("\"\xC2\""), NO("\"\xC2"), NO("\"\xC3\xC3\""), NO("\"\xC3(\""),
	NO("\"\xE0\x80\x80\""), NO("\"\xE0\x9F\xBF\""), NO("\"\xE2\x82\""), NO("\"\xE2\x28\xA1\""),
	NO("\"\xE2\x82\x28\""), NO("\"\xED\xA0\x80\""), NO("\"\xED\xBF\xBF\""),
	NO("\"\xED\xA0\xBD\xED\xB8\x80\""), NO("\"\xF0\x80\x80\x80\""), NO("\"\xF0\x8F\xBF\xBF\""),
	NO("\"\xF0\x9F\x98\""), NO("\"\xF0\x9F\""), NO("\"\xF0\""), NO("\"\xF4\x90\x80\x80\""),
	NO("\"\xF5\x80\x80\x80\""), NO("\"\xF8\x88\x80\x80\x80\""),
	NO("\"\xFC\x84\x80\x80\x80\x80\""), NO("\"\xFE\""), NO("\"\xFF\""), NO("\"\xE9\""),
	NO("\"abcdefgh\xFFijklmnop\""), NO("\"\xC3\xA9\x80\""), NO("\"\xC3\\n\""),
	NO("\"\xE2\x82\\u00ac\""), NO("\"\xC3\n\""), NO("\"\xC3\xA9\n\""), NO("\xC3\xA9"),
	NO("\xC2\xA0""1"), NO("1\xC2\xA0"), NO("\xE2\x80\xA8""1"), NO("\xE2\x80\x8B"), NO("\xFF"),
	/* arrays */
	YES("[]"), YES("[ ]"), YES("[\t\n\r ]"), YES("[1]"), YES("[ 1 ]"), YES("[1,2]"),
	YES("[1 , 2]"), YES("[[]]"), YES("[[],[]]"), YES("[[[[]]]]"), YES("[[1],[2,[3]]]"),
	YES("[true,false,null]"), YES("[\"a\",1,{}]"), YES("[{}]"), YES("[{},{}]"), YES("[-0]"),
	NO("["), NO("[1"), NO("[1,"), NO("[1,]"), NO("[,]"), NO("[,1]"), NO("[1,,2]"), NO("[1 2]"),
	NO("[1;2]"), NO("[1:2]"), NO("[\"a\":1]"), NO("[}"), NO("[1}"), NO("[[]"), NO("[]]"),
	NO("[][]"), NO("[[1]"), NO("[1]]"), NO("[]1"), NO("[\"a\"b]"), NO("[01]"), NO("[1.]"),
	NO("[-]"), NO("[nul]"), NO("[\"]"), NO("[1\x00]"), NO("[\x0C]"), NO("[\x0B]"), NO("[{]"),
	NO("[{]}"), NO("(1)"),
	/* objects */
	YES("{}"), YES("{ }"), YES("{\"a\":1}"), YES("{ \"a\" : 1 }"), YES("{\"a\":1,\"b\":2}"),
	YES("{\"a\":{\"b\":{\"c\":[]}}}"), YES("{\"\":0}"), YES("{\"a\":1,\"a\":2}"),
	YES("{\"\\u0061\":1}"), YES("{\"a\\\"b\":1}"), YES("{\"\xC3\xA9\":1}"),
	YES("{\"a\":[{\"b\":[{}]}]}"), YES("{\"a\":\"}\"}"), NO("{"), NO("{\"a\""), NO("{\"a\":"),
	NO("{\"a\":1"), NO("{\"a\":1,"), NO("{\"a\":1,}"), NO("{,}"), NO("{\"a\"}"), NO("{\"a\":}"),
	NO("{\"a\" 1}"), NO("{\"a\",1}"), NO("{\"a\":1 \"b\":2}"), NO("{a:1}"), NO("{'a':1}"),
	NO("{1:1}"), NO("{null:1}"), NO("{\"a\"::1}"), NO("{\"a\":1:2}"), NO("{\"a\":1]"), NO("{]"),
	NO("{}}"), NO("{}{}"), NO("{\"a\":1}}"), NO("{[]:1}"), NO("{{}:1}"),
	NO("{\"a\":1,,\"b\":2}"), NO("{,\"a\":1}"), NO("{\"a\":1;\"b\":2}"), NO("{\"a\"=1}"),
	NO("{\"a\":1/**/}"), NO("{:1}"), NO("{\"a\xFF\":1}"), NO("{\"\n\":1}"), NO("{\"\\q\":1}"),
	NO("{\"a\":01}"),
	/* between tokens, and around the text */
	YES(" 1"), YES("1 "), YES("\t\r\n 1\t\r\n "), YES("                  1                  "),
	YES_TOP("\xEF\xBB\xBF" "1"), YES_TOP("\xEF\xBB\xBF {}"), YES_TOP("\xEF\xBB\xBF[\n]\n"),
	NO_TOP(""), NO_TOP(" "), NO_TOP("\n"), NO_TOP("\xEF\xBB\xBF"), NO_TOP("\xEF"),
	NO_TOP("\xEF\xBB"), NO_TOP("\xEF\xBB" "1"), NO_TOP("\xEF" "1"), NO_TOP("\xEF\xBB\xBE" "1"),
	NO_TOP("\xBB\xBF" "1"), NO_TOP(" \xEF\xBB\xBF" "1"), NO_TOP("\xEF\xBB\xBF\xEF\xBB\xBF" "1"),
	NO_TOP("1\xEF\xBB\xBF"), NO_TOP("\xFE\xFF\x00" "1"), NO_TOP("\xFF\xFE" "1\x00"),
	NO_TOP("\x00"), NO_TOP("1\x00"), NO_TOP("{}\x00"), NO_TOP("\x00{}"), NO_TOP("1,2"),
	NO_TOP("1 2"), NO_TOP("{},{}"), NO_TOP("{} {}"), NO_TOP("{}\n{}"), NO_TOP("]"), NO_TOP("}"),
	NO_TOP(","), NO_TOP(":"), NO_TOP("{}x"), NO_TOP("{}]"), NO_TOP("[1],"), NO_TOP("\"a\","),
	NO_TOP("\"a\":1"), NO_TOP("Content-Length: 2"), NO("\x0B" "1"), NO("\x0C" "1"), NO("1\x0C"),
	NO("\x08" "1"), NO("\x1E{}"), NO("// c\n1"), NO("/* c */1"), NO("1 # c"), NO("1;"), NO("*"),
	NO("<a/>"), NO("\\n"), NO("\x7F"), NO("1\x1F"),
};
/* clang-format on */

/* The row's text between two others. */
static struct jsonrpc_envelope check_within(
    const char *before, const struct value_row *row, const char *after)
{
	static char text[1000];
	size_t len = 0;

	memcpy(text, before, strlen(before));
	len += strlen(before);
	memcpy(text + len, row->text, row->len);
	len += row->len;
	memcpy(text + len, after, strlen(after));
	len += strlen(after);
	return check_text(text, len);
}

static void test_values(void **state)
{
	(void)state;
	assert_true(COUNT(values) > 250);
	for (size_t i = 0; i < COUNT(values); i++) {
		const struct value_row *row = &values[i];
		struct jsonrpc_envelope e = check_text(row->text, row->len);

		REQUIRE((e.kind != JSONRPC_NOT_JSON) == row->json);
		if (row->alone)
			continue;
		e = check_within("[", row, "]");
		REQUIRE((e.kind != JSONRPC_NOT_JSON) == row->json);
		e = check_within("{\"id\":1,\"result\":", row, "}");
		REQUIRE(e.kind == (row->json ? JSONRPC_RESPONSE : JSONRPC_NOT_JSON));
		e = check_within(
		    "{\"method\":\"m\",\"params\":{\"a\":[0,", row, ",0]},\"id\":\"x\"}");
		REQUIRE(e.kind == (row->json ? JSONRPC_REQUEST : JSONRPC_NOT_JSON));
		e = check_within("[{\"method\":\"m\",\"x\":", row, ",\"id\":2}]");
		REQUIRE(e.kind == (row->json ? JSONRPC_BATCH : JSONRPC_NOT_JSON));
		check_within("{\"id\":", row, ",\"method\":\"m\"}");
		check_within("{\"id\":0,\"method\":", row, "}");
	}
}

/* Each byte at each place of a string: what ends a word of plain text does so anywhere. */
static void test_every_byte_in_strings(void **state)
{
	(void)state;
	for (unsigned int c = 0; c < 256; c++) {
		for (size_t at = 1; at < 50; at++) {
			char text[64];
			struct jsonrpc_envelope e;

			memset(text, at % 3 ? '!' : 'z', 60);
			text[0] = text[59] = '"';
			text[at] = (char)c;
			e = check_text(text, 60);
			if (c >= 0x20 && c < 0x7F && c != '"' && c != '\\')
				REQUIRE(e.kind == JSONRPC_INVALID);
			else
				REQUIRE((e.kind == JSONRPC_NOT_JSON) == (c != 0x7F));
		}
	}
}

/* Each pair of bytes in one word: the first one must not hide the second, nor be made up by it. */
static void test_byte_pairs_in_strings(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 0x10000; i++) {
		char text[24];
		struct jsonrpc_envelope e;
		size_t deepest;

		memset(text, 'a', sizeof(text));
		text[0] = text[23] = '"';
		text[4] = (char)(i >> 8);
		text[5] = (char)i;
		current = text;
		current_len = sizeof(text);
		jsonrpc_scan_text(text, sizeof(text), &e);
		REQUIRE((e.kind != JSONRPC_NOT_JSON) == slow_json(text, sizeof(text), &deepest));
	}
}

/* ---- the table: messages ---- */

struct message_row {
	const char *text;
	size_t len;
	enum jsonrpc_kind kind;
	const char *id, *method, *params, *result; /* NULL = not there */
};

#define REQ   JSONRPC_REQUEST
#define NOTE  JSONRPC_NOTIFICATION
#define RESP  JSONRPC_RESPONSE
#define BAD   JSONRPC_INVALID
#define BATCH JSONRPC_BATCH
#define NOT   JSONRPC_NOT_JSON

/* clang-format off */
static const struct message_row messages[] = {
	/* requests */
	{T("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a/b\",\"params\":{\"x\":[1]}}"),
	    REQ, "1", "\"a/b\"", "{\"x\":[1]}", NULL},
	{T("{\"id\":1,\"method\":\"m\"}"), REQ, "1", "\"m\"", NULL, NULL},
	{T("{\"method\":\"m\",\"id\":\"a\"}"), REQ, "\"a\"", "\"m\"", NULL, NULL},
	{T("{\"method\":\"m\",\"id\":null}"), REQ, "null", "\"m\"", NULL, NULL},
	{T("{\"method\":\"\",\"id\":\"\"}"), REQ, "\"\"", "\"\"", NULL, NULL},
	{T("{\"params\":[],\"id\":-1.5e3,\"method\":\"m\"}"), REQ, "-1.5e3", "\"m\"", "[]", NULL},
	{T("{\"params\":7,\"id\":9007199254740993 ,\"method\":\"m\"}"),
	    REQ, "9007199254740993", "\"m\"", "7", NULL},
	{T(" { \"id\" : 1 , \"method\" : \"m\" , \"params\" : { } } "),
	    REQ, "1", "\"m\"", "{ }", NULL},
	{T("\xEF\xBB\xBF{\"id\":1,\"method\":\"m\"}"), REQ, "1", "\"m\"", NULL, NULL},
	{T("\r\n{\n\"id\"\n:\n1\n,\r\"method\":\"m\"}\n"), REQ, "1", "\"m\"", NULL, NULL},
	{T("{\"\\u0069d\":1,\"m\\u0065thod\":\"m\"}"), REQ, "1", "\"m\"", NULL, NULL},
	{T("{\"\\u0069\\u0064\":1,\"\\u006D\\u0065\\u0074\\u0068\\u006F\\u0064\":\"\\u006d\"}"),
	    REQ, "1", "\"\\u006d\"", NULL, NULL},
	{T("{\"id\":1,\"method\":\"m\",\"result\":2}"), REQ, "1", "\"m\"", NULL, NULL},
	{T("{\"id\":1,\"error\":3,\"method\":\"m\"}"), REQ, "1", "\"m\"", NULL, NULL},
	{T("{\"jsonrpc\":1.0,\"id\":1,\"method\":\"m\"}"), REQ, "1", "\"m\"", NULL, NULL},
	{T("{\"id\":1,\"method\":\"m\",\"params\":{\"id\":2,\"id\":3,\"method\":4,\"method\":5}}"),
	    REQ, "1", "\"m\"", "{\"id\":2,\"id\":3,\"method\":4,\"method\":5}", NULL},
	{T("{\"x\":{\"id\":2},\"x\":{\"id\":3},\"id\":1,\"method\":\"m\"}"),
	    REQ, "1", "\"m\"", NULL, NULL},
	{T("{\"ID\":2,\"Id\":3,\"id\":1,\"method\":\"m\",\"i\":4,\"id2\":5,\"\":6}"),
	    REQ, "1", "\"m\"", NULL, NULL},
	{T("{\"id\\u0000\":2,\"id\":1,\"method\":\"m\",\"\\u0000id\":3}"),
	    REQ, "1", "\"m\"", NULL, NULL},
	{T("{\"id\":\"a\\\"b\\\\\",\"method\":\"\\\"}\"}"),
	    REQ, "\"a\\\"b\\\\\"", "\"\\\"}\"", NULL, NULL},
	{T("{\"id\":\"\xC3\xA9\",\"method\":\"\xE2\x82\xAC\"}"),
	    REQ, "\"\xC3\xA9\"", "\"\xE2\x82\xAC\"", NULL, NULL},
	{T("{\"id\":\"\\ud800\",\"method\":\"\\udc00\"}"),
	    REQ, "\"\\ud800\"", "\"\\udc00\"", NULL, NULL},
	/* notifications */
	{T("{\"method\":\"notifications/initialized\"}"),
	    NOTE, NULL, "\"notifications/initialized\"", NULL, NULL},
	{T("{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":null}"),
	    NOTE, NULL, "\"m\"", "null", NULL},
	{T("{\"method\":\"m\",\"result\":1}"), NOTE, NULL, "\"m\"", NULL, NULL},
	{T("{\"method\":\"m\",\"params\":{\"id\":1}}"), NOTE, NULL, "\"m\"", "{\"id\":1}", NULL},
	/* responses */
	{T("{\"id\":1,\"result\":{}}"), RESP, "1", NULL, NULL, "{}"},
	{T("{\"id\":1,\"result\":null}"), RESP, "1", NULL, NULL, "null"},
	{T("{\"result\":\"\",\"id\":\"x\"}"), RESP, "\"x\"", NULL, NULL, "\"\""},
	{T("{\"id\":1,\"error\":{\"code\":-1,\"message\":\"m\"}}"),
	    RESP, "1", NULL, NULL, "{\"code\":-1,\"message\":\"m\"}"},
	{T("{\"id\":null,\"error\":{}}"), RESP, "null", NULL, NULL, "{}"},
	{T("{\"id\":1,\"result\":2,\"error\":3}"), RESP, "1", NULL, NULL, "3"},
	{T("{\"id\":1,\"error\":3,\"result\":2}"), RESP, "1", NULL, NULL, "3"},
	{T("{\"id\":1,\"method\":5,\"result\":2}"), RESP, "1", NULL, NULL, "2"},
	{T("{\"id\":1,\"result\":[{\"result\":1,\"result\":2}],\"params\":0}"),
	    RESP, "1", NULL, "0", "[{\"result\":1,\"result\":2}]"},
	/* JSON, but not JSON-RPC */
	{T("{}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"id\":1}"), BAD, "1", NULL, NULL, NULL},
	{T("{\"id\":null}"), BAD, "null", NULL, NULL, NULL},
	{T("{\"result\":1}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"error\":1}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"id\":1,\"method\":5}"), BAD, "1", NULL, NULL, NULL},
	{T("{\"id\":1,\"method\":null}"), BAD, "1", NULL, NULL, NULL},
	{T("{\"id\":1,\"method\":[\"m\"],\"params\":{}}"), BAD, "1", NULL, NULL, NULL},
	{T("{\"id\":\"a\",\"params\":{}}"), BAD, "\"a\"", NULL, NULL, NULL},
	{T("{\"id\":true,\"method\":\"m\"}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"id\":false,\"result\":1}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"id\":{},\"method\":\"m\"}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"id\":[1],\"result\":\"m\"}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"id\":{\"id\":1},\"result\":\"m\"}"), BAD, NULL, NULL, NULL, NULL},
	{T("1"), BAD, NULL, NULL, NULL, NULL},
	{T("-0.5"), BAD, NULL, NULL, NULL, NULL},
	{T("\"method\""), BAD, NULL, NULL, NULL, NULL},
	{T("null"), BAD, NULL, NULL, NULL, NULL},
	/* a key twice */
	{T("{\"id\":1,\"id\":1,\"method\":\"m\"}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"id\":1,\"\\u0069d\":1,\"method\":\"m\"}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"\\u0069\\u0064\":1,\"\\u0069d\":1,\"method\":\"m\"}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"id\":{},\"id\":1,\"method\":\"m\"}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"id\":1,\"id\":2,\"id\":3,\"method\":\"m\"}"), BAD, NULL, NULL, NULL, NULL},
	{T("{\"id\":1,\"method\":\"m\",\"method\":\"m\"}"), BAD, "1", NULL, NULL, NULL},
	{T("{\"id\":1,\"method\":\"m\",\"\\u006Dethod\":\"m\"}"), BAD, "1", NULL, NULL, NULL},
	{T("{\"id\":1,\"method\":5,\"method\":\"m\"}"), BAD, "1", NULL, NULL, NULL},
	{T("{\"id\":1,\"method\":\"m\",\"params\":1,\"params\":2}"), BAD, "1", NULL, NULL, NULL},
	{T("{\"id\":1,\"result\":1,\"result\":1}"), BAD, "1", NULL, NULL, NULL},
	{T("{\"id\":1,\"error\":1,\"error\":1}"), BAD, "1", NULL, NULL, NULL},
	{T("{\"jsonrpc\":\"2.0\",\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}"),
	    BAD, "1", NULL, NULL, NULL},
	{T("{\"jsonrpc\":\"2.0\",\"\\u006a\\u0073\\u006F\\u006e\\u0072\\u0070\\u0063\":0,"
	   "\"id\":1,\"method\":\"m\"}"),
	    BAD, "1", NULL, NULL, NULL},
	{T("{\"method\":\"m\",\"method\":\"m\"}"), BAD, NULL, NULL, NULL, NULL},
	/* batches */
	{T("[{\"id\":1,\"method\":\"m\"}]"), BATCH, NULL, NULL, NULL, NULL},
	{T("[{\"method\":\"m\"}]"), BATCH, NULL, NULL, NULL, NULL},
	{T("[{\"id\":1,\"result\":1},{\"id\":2,\"error\":2}]"), BATCH, NULL, NULL, NULL, NULL},
	{T(" [ { \"id\":1,\"method\":\"m\" } , {\"method\":\"n\"}\n]\n"),
	    BATCH, NULL, NULL, NULL, NULL},
	{T("\xEF\xBB\xBF[{\"id\":1,\"method\":\"m\",\"params\":[[{\"id\":1,\"id\":2}]]}]"),
	    BATCH, NULL, NULL, NULL, NULL},
	{T("[{\"id\":1,\"method\":\"m\"},{\"id\":1,\"method\":\"m\"}]"),
	    BATCH, NULL, NULL, NULL, NULL},
	{T("[]"), BAD, NULL, NULL, NULL, NULL},
	{T("[ \n ]"), BAD, NULL, NULL, NULL, NULL},
	{T("[1]"), BAD, NULL, NULL, NULL, NULL},
	{T("[null]"), BAD, NULL, NULL, NULL, NULL},
	{T("[[]]"), BAD, NULL, NULL, NULL, NULL},
	{T("[{}]"), BAD, NULL, NULL, NULL, NULL},
	{T("[[{\"id\":1,\"method\":\"m\"}]]"), BAD, NULL, NULL, NULL, NULL},
	{T("[{\"id\":1,\"method\":\"m\"},2]"), BAD, NULL, NULL, NULL, NULL},
	{T("[2,{\"id\":1,\"method\":\"m\"}]"), BAD, NULL, NULL, NULL, NULL},
	{T("[{\"id\":1,\"method\":\"m\"},[]]"), BAD, NULL, NULL, NULL, NULL},
	{T("[{\"id\":1,\"method\":\"m\"},[\"id\",1]]"), BAD, NULL, NULL, NULL, NULL},
	{T("[{\"id\":1,\"method\":\"m\"},\"x\"]"), BAD, NULL, NULL, NULL, NULL},
	{T("[{\"id\":1,\"method\":\"m\"},{\"id\":2}]"), BAD, NULL, NULL, NULL, NULL},
	{T("[{\"id\":1,\"id\":1,\"method\":\"m\"}]"), BAD, NULL, NULL, NULL, NULL},
	{T("[{\"id\":[],\"method\":\"m\"}]"), BAD, NULL, NULL, NULL, NULL},
	{T("[{\"id\":1},{\"method\":\"m\"}]"), BAD, NULL, NULL, NULL, NULL},
	/* not JSON: the id is told if it was read to its end */
	{T("{\"id\":1,"), NOT, "1", NULL, NULL, NULL},
	{T("{\"id\":1 "), NOT, "1", NULL, NULL, NULL},
	{T("{\"id\":1"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":12.5e3x}"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":1true}"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":1\"\"}"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":1:"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":1[]}"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":1 x}"), NOT, "1", NULL, NULL, NULL},
	{T("{\"id\":\"a"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":\"a\""), NOT, "\"a\"", NULL, NULL, NULL},
	{T("{\"id\":nul"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":null"), NOT, "null", NULL, NULL, NULL},
	{T("{\"id\":[1,"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":[1],\"result\":\"\xFF\"}"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":7,\"result\":\"\xFF\"}"), NOT, "7", NULL, NULL, NULL},
	{T("{\"result\":\"\xFF\",\"id\":7}"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"result\":{\"id\":5,\"x\":"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":7,\"result\":{\"a\":NaN}}"), NOT, "7", NULL, NULL, NULL},
	{T("{\"id\":7,\"result\":{}"), NOT, "7", NULL, NULL, NULL},
	{T("{\"id\":7,\"result\":{}}}"), NOT, "7", NULL, NULL, NULL},
	{T("{\"id\":7,\"result\":{}}{\"id\":8,\"result\":{}}"), NOT, "7", NULL, NULL, NULL},
	{T("{\"id\":7,\"result\":{}}\x00"), NOT, "7", NULL, NULL, NULL},
	{T("{\"id\":7,\"id\":8,\"result\":"), NOT, NULL, NULL, NULL, NULL},
	{T("{\"id\":7,\"\\u0069d\":8,\"result\":"), NOT, NULL, NULL, NULL, NULL},
	{T("[{\"id\":7,\"result\":{}}"), NOT, NULL, NULL, NULL, NULL},
	{T("[{\"id\":7,\"result\":}]"), NOT, NULL, NULL, NULL, NULL},
	{T("\xEF\xBB\xBF{\"id\":7,"), NOT, "7", NULL, NULL, NULL},
};
/* clang-format on */

static bool span_is(const char *text, struct jsonrpc_span span, const char *expected)
{
	if (expected == NULL)
		return span.len == 0;
	return span.len == strlen(expected) && memcmp(text + span.at, expected, span.len) == 0;
}

static void check_row(const struct message_row *row, const struct jsonrpc_envelope *e)
{
	REQUIRE(e->kind == row->kind);
	REQUIRE(span_is(row->text, e->id, row->id));
	REQUIRE(span_is(row->text, e->method, row->method));
	REQUIRE(span_is(row->text, e->params, row->params));
	REQUIRE(span_is(row->text, e->result, row->result));
}

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		const struct message_row *row = &messages[i];
		struct jsonrpc_envelope e = check_text(row->text, row->len);

		check_row(row, &e);
		REQUIRE(
		    e.is_error == (row->kind == RESP && strstr(row->text, "\"error\"") != NULL));
		if (row->kind != NOT)
			REQUIRE(e.structured == (strpbrk(row->text, "{[") != NULL));
	}
}

/* Each valid message of the table again as an element of a batch, between two others. */
static void test_messages_in_batches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		const struct message_row *row = &messages[i];
		const struct value_row value = {row->text, row->len, true, false};
		struct jsonrpc_envelope e;

		if (memcmp(row->text, "\xEF", 1) == 0 || row->kind == NOT)
			continue;
		e = check_within("[{\"method\":\"a\"},", &value, ",{\"id\":1,\"result\":0}]");
		REQUIRE(e.kind == (row->kind == BAD || row->kind == BATCH ? BAD : BATCH));
		REQUIRE(e.structured && e.id.len == 0);
	}
}

static void test_newlines(void **state)
{
	static const struct {
		const char *text;
		bool newline;
	} rows[] = {
	    {"{\"id\":1,\"method\":\"m\"}", false},
	    {"{\"id\":1,\"method\":\"m\\n\\r\"}", false},
	    {"{\"id\":1,\"method\":\"m\"}\n", true},
	    {"\r{\"id\":1,\"method\":\"m\"}", true},
	    {"{\"id\":1,\"method\":\"m\",\"params\":[[1,\n2]]}", true},
	    {"{\"id\":1\r\n,\"method\":\"m\",\"params\":[]}", true},
	    {"[\n{\"id\":1,\"method\":\"m\"},{\"id\":1,\"method\":\"m\"}]", true},
	    {"[{\"id\":1,\"method\":\"m\"},{\"id\":1,\"method\":\"m\"}]", false},
	    {" \t 1 \t ", false},
	    {"1\n", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct jsonrpc_envelope e = check_text(rows[i].text, strlen(rows[i].text));

		REQUIRE(e.has_newline == rows[i].newline);
	}
}

static void test_mark_counts_in_spans(void **state)
{
	struct jsonrpc_envelope e = check_text(T("\xEF\xBB\xBF {\"id\":1,\"method\":\"m\"}"));

	(void)state;
	assert_int_equal(e.id.at, 3 + 7);
	assert_int_equal(e.method.at, 3 + 18);
}

/* ---- limits ---- */

static char large[3 * JSONRPC_DEPTH_MAX];

static struct jsonrpc_envelope check_depth(
    const char *before, const char *after, size_t depth, bool objects)
{
	size_t len = 0, each = objects ? 5 : 1;
	static char text[6 * JSONRPC_DEPTH_MAX + 100];

	memcpy(text, before, strlen(before));
	len += strlen(before);
	for (size_t i = 0; i < depth; i++, len += each)
		memcpy(text + len, objects ? "{\"a\":" : "[", each);
	if (objects)
		text[len++] = '0';
	memset(text + len, objects ? '}' : ']', depth);
	len += depth;
	memcpy(text + len, after, strlen(after));
	return check_text(text, len + strlen(after));
}

static void test_depth(void **state)
{
	static const char before[] = "{\"id\":1,\"result\":", *after = "}";

	(void)state;
	assert_int_equal(check_depth("", "", JSONRPC_DEPTH_MAX, false).kind, BAD);
	assert_int_equal(check_depth("", "", JSONRPC_DEPTH_MAX + 1, false).kind, NOT);
	assert_int_equal(check_depth("", "", JSONRPC_DEPTH_MAX, true).kind, BAD);
	assert_int_equal(check_depth("", "", JSONRPC_DEPTH_MAX + 1, true).kind, NOT);
	assert_int_equal(check_depth(before, after, 1000 - 1, false).kind, RESP);
	assert_int_equal(check_depth(before, after, 1000 - 1, true).kind, RESP);
	assert_int_equal(check_depth(before, after, JSONRPC_DEPTH_MAX - 1, false).kind, RESP);
	assert_int_equal(check_depth(before, after, JSONRPC_DEPTH_MAX, false).kind, NOT);
	assert_int_equal(check_depth(before, ",\"x\":]}", JSONRPC_DEPTH_MAX - 1, true).kind, NOT);
	assert_int_equal(
	    check_depth(before, ",\"x\":[{}]}", JSONRPC_DEPTH_MAX - 1, true).kind, RESP);
}

/* Which container is closed is remembered at each depth, whatever the pattern. */
static void test_mixed_depth(void **state)
{
	(void)state;
	seed = 11;
	for (int round = 0; round < 20; round++) {
		static char text[6 * 1200];
		char closing[1200];
		size_t depth = 1 + below(1000), len = 0;

		for (size_t i = 0; i < depth; i++) {
			bool object = below(2) == 0;

			memcpy(text + len, object ? "{\"a\":" : "[0,", object ? 5 : 3);
			len += object ? 5 : 3;
			closing[depth - 1 - i] = object ? '}' : ']';
		}
		text[len++] = '1';
		memcpy(text + len, closing, depth);
		assert_true(check_text(text, len + depth).kind != NOT);
		len += below(depth);
		text[len] = text[len] == '}' ? ']' : '}';
		memcpy(large, text, len + 1);
		assert_true(check_text(large, len + 1).kind == NOT);
	}
}

/* A request whose id or method has a given length. */
static struct jsonrpc_envelope check_long(
    const char *before, const char *unit, size_t units, const char *after)
{
	size_t len = strlen(before), n = strlen(unit);

	memcpy(large, before, len);
	for (size_t i = 0; i < units; i++, len += n)
		memcpy(large + len, unit, n);
	memcpy(large + len, after, strlen(after));
	return check_text(large, len + strlen(after));
}

static void test_id_length(void **state)
{
	struct jsonrpc_envelope e;

	(void)state;
	e = check_long("{\"method\":\"m\",\"id\":\"", "x", JSONRPC_ID_MAX - 2, "\"}");
	assert_int_equal(e.kind, REQ);
	assert_int_equal(e.id.len, JSONRPC_ID_MAX);
	e = check_long("{\"method\":\"m\",\"id\":\"", "x", JSONRPC_ID_MAX - 1, "\"}");
	assert_int_equal(e.kind, BAD);
	assert_int_equal(e.id.len, 0);
	e = check_long("{\"method\":\"m\",\"id\":", "9", JSONRPC_ID_MAX, "}");
	assert_int_equal(e.kind, REQ);
	assert_int_equal(e.id.len, JSONRPC_ID_MAX);
	e = check_long("{\"method\":\"m\",\"id\":", "9", JSONRPC_ID_MAX + 1, "}");
	assert_int_equal(e.kind, BAD);
	e = check_long("[{\"method\":\"m\",\"id\":", "9", JSONRPC_ID_MAX + 1, "}]");
	assert_int_equal(e.kind, BAD);
	e = check_long("{\"method\":\"m\",\"id\":\"", "x", JSONRPC_ID_MAX - 1, "\",\"id\":1}");
	assert_int_equal(e.kind, BAD);
	assert_int_equal(e.id.len, 0);
}

static void test_long_keys_and_methods(void **state)
{
	static const char *const units[] = {"x", "\\n", "\\u00e9", "\\ud83d\\ude00", "\xC3\xA9",
	    "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};

	(void)state;
	for (size_t i = 0; i < COUNT(units); i++) {
		for (size_t n = 1; n < 300; n += n < 60 ? 1 : 31) {
			struct jsonrpc_envelope e;

			e = check_long("{\"id\":1,\"method\":\"", units[i], n, "\"}");
			assert_int_equal(e.kind, REQ);
			assert_int_equal(e.method.len, 2 + n * strlen(units[i]));
			e = check_long("{\"", units[i], n, "id\":1,\"method\":\"m\"}");
			assert_int_equal(e.kind, NOTE);
			e = check_long("{\"id", units[i], n, "\":1,\"method\":\"m\"}");
			assert_int_equal(e.kind, NOTE);
		}
	}
}

static void test_struct_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct jsonrpc_scan) <= 4096);
}

/* ---- digests ---- */

static const char *digest_of(const char *text, struct buf *digest)
{
	struct jsonrpc_scan s;
	struct jsonrpc_envelope e;

	jsonrpc_scan_begin(&s, digest);
	jsonrpc_scan_feed(&s, text, strlen(text));
	jsonrpc_scan_end(&s, &e);
	assert_int_equal(buf_append(digest, "", 1), BUF_OK);
	return (const char *)digest->data;
}

static void test_digest_text(void **state)
{
	static const char *const rows[][2] = {
	    {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1,\"params\":{\"a\":[1,2]}}",
	        "{\"id\":1,\"method\":\"m\"}"},
	    {"{\"method\" : \"m\\n\", \"params\":[]}", "{\"method\":\"m\\n\"}"},
	    {"{\"id\": 1.50e1 ,\"result\":{\"x\":1}}", "{\"id\":1.50e1,\"result\":null}"},
	    {"{\"error\":{\"code\":1},\"id\":\"\\u00e9\"}", "{\"id\":\"\\u00e9\",\"error\":null}"},
	    {"[{\"id\":1,\"method\":\"m\"} , {\"id\":2,\"result\":0},{\"method\":\"n\"}]",
	        "[{\"id\":1,\"method\":\"m\"},{\"id\":2,\"result\":null},{\"method\":\"n\"}]"},
	    {"[{\"id\":1,\"method\":\"m\"},3]", ""},
	    {"{\"id\":1,\"method\":\"m\"}x", ""},
	    {"{\"id\":1}", ""},
	    {"[]", ""},
	    {"5", ""},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf digest;

		buf_init(&digest, 1000);
		assert_string_equal(digest_of(rows[i][0], &digest), rows[i][1]);
		buf_free(&digest);
	}
}

static void test_digest_is_appended(void **state)
{
	struct buf digest;

	(void)state;
	buf_init(&digest, 1000);
	assert_int_equal(buf_append_str(&digest, "before "), BUF_OK);
	assert_string_equal(digest_of("[{\"id\":1,\"method\":\"m\"}]", &digest),
	    "before [{\"id\":1,\"method\":\"m\"}]");
	digest.len = strlen("before ");
	assert_string_equal(digest_of("[{\"id\":1,\"method\":\"m\"},0]", &digest), "before ");
	buf_free(&digest);
}

/* The longest digest that fits is one byte short of the maximum away from the next shorter one. */
static void test_digest_maximum(void **state)
{
	static const char text[] =
	    "[{\"id\":1,\"method\":\"m\"},{\"id\":2,\"method\":\"n\"},{\"method\":\"o\"}]";
	static const char *const steps[] = {"", "[{\"id\":1,\"method\":\"m\"}]",
	    "[{\"id\":1,\"method\":\"m\"},{\"id\":2,\"method\":\"n\"}]", text};

	(void)state;
	for (size_t max = 0; max < 100; max++) {
		struct jsonrpc_scan s;
		struct jsonrpc_envelope e;
		struct buf digest;
		size_t step = COUNT(steps) - 1;

		while (strlen(steps[step]) > max)
			step--;
		buf_init(&digest, max);
		jsonrpc_scan_begin(&s, &digest);
		jsonrpc_scan_feed(&s, text, strlen(text));
		assert_int_equal(jsonrpc_scan_end(&s, &e), JSONRPC_BATCH);
		assert_int_equal(digest.len, strlen(steps[step]));
		if (digest.len > 0)
			assert_memory_equal(digest.data, steps[step], digest.len);
		buf_free(&digest);
	}
}

/* A shorter element must not slip in behind one that was left out. */
static void test_digest_keeps_order(void **state)
{
	static const char text[] =
	    "[{\"method\":\"m\"},{\"id\":\"long long long\",\"method\":\"n\"},{\"method\":\"o\"}]";
	struct jsonrpc_scan s;
	struct jsonrpc_envelope e;
	struct buf digest;

	(void)state;
	buf_init(&digest, 45);
	jsonrpc_scan_begin(&s, &digest);
	jsonrpc_scan_feed(&s, text, strlen(text));
	assert_int_equal(jsonrpc_scan_end(&s, &e), JSONRPC_BATCH);
	assert_int_equal(digest.len, strlen("[{\"method\":\"m\"}]"));
	assert_memory_equal(digest.data, "[{\"method\":\"m\"}]", digest.len);
	buf_free(&digest);
}

static void test_digest_limit(void **state)
{
	static const char one[] = "{\"id\":123456,\"method\":\"tools/call\",\"params\":[]},";
	struct jsonrpc_scan s;
	struct jsonrpc_envelope e;
	struct buf digest;
	size_t at = 0, count = 0;

	(void)state;
	buf_init(&digest, SIZE_MAX);
	jsonrpc_scan_begin(&s, &digest);
	jsonrpc_scan_feed(&s, "[", 1);
	for (int i = 0; i < 50000; i++)
		jsonrpc_scan_feed(&s, one, strlen(one));
	jsonrpc_scan_feed(&s, "{\"method\":\"m\"}]", 15);
	assert_int_equal(jsonrpc_scan_end(&s, &e), JSONRPC_BATCH);
	assert_true(digest.len <= JSONRPC_DIGEST_MAX);
	assert_true(digest.len > JSONRPC_DIGEST_MAX - sizeof(one));
	assert_int_equal(jsonrpc_scan_text(digest.data, digest.len, &e), JSONRPC_BATCH);
	while (jsonrpc_batch_next(digest.data, digest.len, &at, &e))
		count++;
	assert_int_equal(
	    count, (JSONRPC_DIGEST_MAX - 1) / strlen("{\"id\":123456,\"method\":\"tools/call\"},"));
	buf_free(&digest);
}

/* ---- finding ---- */

static void test_find(void **state)
{
	static const struct {
		const char *text, *path, *value;
	} rows[] = {
	    {"{\"params\":{\"requestId\":5}}", "params.requestId", "5"},
	    {"{\"params\":{\"_meta\":{\"progressToken\":\"a\\\"b\"}}}",
	        "params._meta.progressToken", "\"a\\\"b\""},
	    {"{\"params\":{\"_meta\":{\"progressToken\":\"a\"}}}", "params._meta",
	        "{\"progressToken\":\"a\"}"},
	    {"{\"params\":{\"_meta\":{\"progressToken\":\"a\"}}}", "params._meta.x", NULL},
	    {"{\"params\":{\"_meta\":{\"progressToken\":\"a\"}}}", "params._meta.progressToken.x",
	        NULL},
	    {"{\"params\":{}}", "params.requestId", NULL},
	    {"{\"params\":[{\"a\":1}]}", "params.a", NULL},
	    {"{\"params\":[]}", "params", "[]"},
	    {"{\"params\":5}", "params.a", NULL},
	    {"{}", "a", NULL},
	    {"[]", "a", NULL},
	    {"[{\"a\":1}]", "a", NULL},
	    {"5", "a", NULL},
	    {"\"a\"", "a", NULL},
	    {"", "a", NULL},
	    {" \n{ \"b\" : [ { \"a\" : 1 } ] , \"a\" : { \"a\" : 2 , \"c\" : 3 } }", "a.c", "3"},
	    {"{\"b\":\"a\",\"a\":1}", "a", "1"},
	    {"{\"b\":{\"a\":1},\"a\":2}", "a", "2"},
	    {"{\"a\":1,\"a\":2}", "a", "1"},
	    {"{\"a\":{},\"a\":{\"b\":2}}", "a.b", NULL},
	    {"{\"\\u0061\":1,\"a\":2}", "a", "1"},
	    {"{\"\\ud83d\\ude00\":1}", "\xF0\x9F\x98\x80", "1"},
	    {"{\"a\\nb\":1}", "a\nb", "1"},
	    {"{\"a\\nb\":1}", "a\\nb", NULL},
	    {"{\"a\\u0000\":1,\"a\":2}", "a", "2"},
	    {"{\"ab\":1,\"abc\":2,\"a\":3}", "a", "3"},
	    {"{\"ab\":1,\"abc\":2,\"a\":3}", "abc", "2"},
	    {"{\"x\":\"}\",\"y\":\"]{[\",\"z\":\"\\\\\",\"a\":true}", "a", "true"},
	    {"{\"x\":[\"]\",{\"}\":\"\\\"\"}],\"a\":null}", "a", "null"},
	    {"{\"\":1}", "", "1"},
	    {"{\"\":{\"\":2}}", ".", "2"},
	    {"{\"a.b\":1,\"a\":{\"b\":2}}", "a.b", "2"},
	    {"\xEF\xBB\xBF{\"a\":-1.5e3}", "a", "-1.5e3"},
	    {"{\"a\":1 }", "a", "1"},
	    {"{\"a\":1\n,\"b\":2}", "a", "1"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = strlen(rows[i].text);
		char *exact = malloc(len + 1);
		struct jsonrpc_span span;

		assert_non_null(exact);
		memcpy(exact, rows[i].text, len);
		current = rows[i].text;
		current_len = len;
		span = jsonrpc_find(exact, len, rows[i].path);
		REQUIRE(span_is(rows[i].text, span, rows[i].value));
		free(exact);
	}
}

static void test_member_next(void **state)
{
	static const struct {
		const char *text;
		const char *members[8]; /* key, value, ... */
	} rows[] = {
	    {"{}", {NULL}},
	    {" \n{ } ", {NULL}},
	    {"[]", {NULL}},
	    {"[{\"a\":1}]", {NULL}},
	    {"5", {NULL}},
	    {"\"{\"", {NULL}},
	    {"", {NULL}},
	    {"{\"a\":1}", {"\"a\"", "1"}},
	    {"\xEF\xBB\xBF {\"a\":1}", {"\"a\"", "1"}},
	    {"{\"a\":1,\"a\":2,\"\":{}}", {"\"a\"", "1", "\"a\"", "2", "\"\"", "{}"}},
	    {" {\n\"a\\n\" : [ 1 , {\"b\":2} ] ,\t\"c\": \"},\" , \"d\":null\r}",
	        {"\"a\\n\"", "[ 1 , {\"b\":2} ]", "\"c\"", "\"},\"", "\"d\"", "null"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *text = rows[i].text;
		size_t len = strlen(text), at = 0, n = 0;
		char *exact = malloc(len + 1);
		struct jsonrpc_span key, value;

		assert_non_null(exact);
		memcpy(exact, text, len);
		current = text;
		current_len = len;
		for (; jsonrpc_member_next(exact, len, &at, &key, &value); n += 2) {
			REQUIRE(span_is(text, key, rows[i].members[n]));
			REQUIRE(span_is(text, value, rows[i].members[n + 1]));
		}
		REQUIRE(rows[i].members[n] == NULL);
		free(exact);
	}
}

static void test_string_decode(void **state)
{
	static const struct {
		const char *raw;
		size_t len;
		const char *plain;
		size_t plain_len;
	} rows[] = {
	    {T("\"\""), T("")},
	    {T("\"a\""), T("a")},
	    {T("\"\\n\\t\\r\\b\\f\\\\\\\"\\/\""), T("\n\t\r\b\f\\\"/")},
	    {T("\"x\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\""),
	        T("xA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")},
	    {T("\"\xC3\xA9\""), T("\xC3\xA9")},
	    {T("\"a\\u0000b\""), T("a\0b")},
	    {T("\"\\ud83d\""), T("\xED\xA0\xBD")},
	    {T("\"\\ud83dx\""), T("\xED\xA0\xBDx")},
	    {T("\"\\udc00\\ud800\""), T("\xED\xB0\x80\xED\xA0\x80")},
	    {T("5"), T("")},
	    {T("null"), T("")},
	    {T("\""), T("")},
	    {T(""), T("")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = rows[i].len;
		char *exact = malloc(len + 1), *out = malloc(len + 1);

		assert_non_null(exact);
		assert_non_null(out);
		memcpy(exact, rows[i].raw, len);
		memset(out, 'x', len + 1);
		current = rows[i].raw;
		current_len = len;
		REQUIRE(jsonrpc_string_decode(exact, len, out) == rows[i].plain_len);
		REQUIRE(memcmp(out, rows[i].plain, rows[i].plain_len) == 0);
		REQUIRE(out[len] == 'x');
		free(exact);
		free(out);
	}
}

static void test_string_is(void **state)
{
	static const struct {
		const char *raw;
		size_t len;
		const char *plain;
		bool same;
	} rows[] = {
	    {T("\"\""), "", true},
	    {T("\"a\""), "a", true},
	    {T("\"a\""), "b", false},
	    {T("\"a\""), "", false},
	    {T("\"a\""), "ab", false},
	    {T("\"ab\""), "a", false},
	    {T("\"tools\\/call\""), "tools/call", true},
	    {T("\"\\u0074ools/call\""), "tools/call", true},
	    {T("\"\\n\\t\\r\\b\\f\\\\\\\"\\/\""), "\n\t\r\b\f\\\"/", true},
	    {T("\"\\n\""), "\\n", false},
	    {T("\"\\u00e9\""), "\xC3\xA9", true},
	    {T("\"\xC3\xA9\""), "\xC3\xA9", true},
	    {T("\"\\u20AC\""), "\xE2\x82\xAC", true},
	    {T("\"\\uD83D\\uDE00\""), "\xF0\x9F\x98\x80", true},
	    {T("\"\\udbff\\udfff\""), "\xF4\x8F\xBF\xBF", true},
	    {T("\"\\ud83d\""), "\xED\xA0\xBD", true}, /* no valid text has these bytes */
	    {T("\"\\udc00\\udc00\""), "\xED\xB0\x80\xED\xB0\x80", true},
	    {T("\"\\ud83d\""), "\xEF\xBF\xBD", false},
	    {T("\"a\\u0000\""), "a", false},
	    {T("\"\\u0000\""), "", false},
	    {T("a"), "a", false},
	    {T("5"), "5", false},
	    {T("null"), "null", false},
	    {T("\""), "", false},
	    {T(""), "", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		current = rows[i].raw;
		current_len = rows[i].len;
		REQUIRE(jsonrpc_string_is(rows[i].raw, rows[i].len, rows[i].plain) == rows[i].same);
	}
}

/* Reading text that is not JSON at all gives nonsense, but stays inside. */
static void test_readers_stay_inside(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		for (size_t len = 0; len <= messages[i].len; len++) {
			char *exact = malloc(len > 0 ? len : 1);
			struct jsonrpc_envelope e;
			struct jsonrpc_span key, value;
			size_t at = 0, steps = 0;

			assert_non_null(exact);
			memcpy(exact, messages[i].text, len);
			while (jsonrpc_batch_next(exact, len, &at, &e)) {
				assert_true(at <= len && ++steps <= len);
				assert_true(e.id.at + e.id.len <= len);
			}
			at = 0;
			while (jsonrpc_member_next(exact, len, &at, &key, &value)) {
				assert_true(at <= len && ++steps <= 2 * len);
				assert_true(key.at + key.len <= len);
				assert_true(value.at + value.len <= len);
			}
			jsonrpc_find(exact, len, "params.x");
			jsonrpc_find(exact, len, "id");
			jsonrpc_string_is(exact, len, "x");
			free(exact);
		}
	}
}

/* ---- ids ---- */

static bool id_equal(const char *one, size_t one_len, const char *other, size_t other_len)
{
	bool equal = jsonrpc_id_equal(one, one_len, other, other_len);

	assert_true(equal == jsonrpc_id_equal(other, other_len, one, one_len));
	for (uint64_t s = 0; s < 3; s++) {
		uint64_t x = jsonrpc_id_hash(one, one_len, s * 0x9E3779B97F4A7C15), y;

		y = jsonrpc_id_hash(other, other_len, s * 0x9E3779B97F4A7C15);
		assert_true(equal == (x == y));
	}
	return equal;
}

/* clang-format off */
/* Ids of one class are all equal, those of two classes never. */
static const struct {
	int class;
	const char *id;
	size_t len;
} ids[] = {
	{0, T("null")}, {1, T("\"null\"")}, {2, T("\"\"")}, {3, T("0")}, {3, T("-0")},
	{3, T("0.0")}, {3, T("0e5")}, {3, T("-0.000E-99999999999999999999")},
	{3, T("0e99999999999999999999999")}, {4, T("1")}, {4, T("1.0")}, {4, T("1.000")},
	{4, T("10e-1")}, {4, T("0.1e1")}, {4, T("1e0")}, {4, T("1e-0")}, {4, T("1E+0")},
	{4, T("0.01E2")}, {4, T("100e-0000002")}, {5, T("-1")}, {5, T("-1.0")}, {5, T("-10e-1")},
	{6, T("\"1\"")}, {6, T("\"\\u0031\"")}, {7, T("\"1.0\"")}, {8, T("10")}, {8, T("1e1")},
	{8, T("1e0000000000000001")}, {8, T("1E+00000000000000000000000000001")}, {8, T("0.1e2")},
	{8, T("10.0")}, {8, T("100e-1")}, {8, T("0.0000001e8")}, {9, T("9007199254740993")},
	{9, T("9007199254740993.0")}, {9, T("9.007199254740993e15")}, {10, T("9007199254740992")},
	{10, T("9007199254740992.000")}, {11, T("9007199254740994")},
	{12, T("18446744073709551616")}, {12, T("1.8446744073709551616e19")},
	{13, T("18446744073709551615")}, {14, T("99999999999999999999")},
	{14, T("9999999999999999999900e-2")}, {15, T("100000000000000000000")}, {15, T("1e20")},
	{15, T("0.1e21")}, {16, T("10000000000000000000")}, {16, T("1e19")},
	{17, T("-99999999999999999999")}, {17, T("-9.9999999999999999999e19")},
	{18, T("-100000000000000000000")}, {18, T("-1e20")}, {19, T("1e21")},
	{19, T("1000000000000000000000")}, {20, T("0.1")}, {20, T("1e-1")}, {20, T("0.10")},
	{20, T("10e-2")}, {21, T("0.01")}, {21, T("1e-2")}, {22, T("1.5")}, {22, T("15e-1")},
	{22, T("0.15e1")}, {23, T("15")}, {24, T("150")}, {24, T("1.5e2")},
	{25, T("1e9223372036854775807")}, {25, T("10e9223372036854775806")},
	{25, T("0.1e9223372036854775808")}, {26, T("1e9223372036854775808")},
	{26, T("1e+0009223372036854775808")}, {27, T("1e-9223372036854775808")},
	{27, T("0.1e-9223372036854775807")}, {28, T("1e-9223372036854775809")},
	{29, T("1e18446744073709551616")}, {29, T("10.0e18446744073709551615")},
	{30, T("1e18446744073709551617")}, {31, T("1e99999999999999999")},
	{31, T("0.1e100000000000000000")}, {31, T("10e99999999999999998")},
	{32, T("1e100000000000000000")}, {32, T("10e99999999999999999")},
	{32, T("100e99999999999999998")}, {32, T("0.01e100000000000000002")},
	{33, T("1e-99999999999999999")}, {33, T("10e-100000000000000000")},
	{34, T("1e-100000000000000000")}, {34, T("0.1e-99999999999999999")},
	{34, T("0.01e-99999999999999998")}, {35, T("1e999999999999999999999999")},
	{35, T("0.1e1000000000000000000000000")}, {35, T("100e999999999999999999999997")},
	{36, T("1e1000000000000000000000000")}, {36, T("10e999999999999999999999999")},
	{37, T("-1e1000000000000000000000000")}, {38, T("1e-1000000000000000000000000")},
	{38, T("0.1e-999999999999999999999999")}, {39, T("12e5")}, {39, T("1200000")},
	{39, T("1.2e6")}, {39, T("0.0012E9")}, {40, T("12e4")}, {41, T("\"a\"")},
	{41, T("\"\\u0061\"")}, {42, T("\"A\"")}, {42, T("\"\\u0041\"")}, {43, T("\"\xC3\xA9\"")},
	{43, T("\"\\u00e9\"")}, {43, T("\"\\u00E9\"")}, {44, T("\"e\xCC\x81\"")},
	{45, T("\"\\ud83d\\ude00\"")}, {45, T("\"\xF0\x9F\x98\x80\"")},
	{45, T("\"\\uD83D\\uDE00\"")}, {46, T("\"\\ud83d\"")}, {46, T("\"\\uD83D\"")},
	{47, T("\"\\ude00\"")}, {48, T("\"\\ude00\\ud83d\"")}, {49, T("\"\\ud83d\\ud83d\\ude00\"")},
	{49, T("\"\\ud83d\xF0\x9F\x98\x80\"")}, {50, T("\"\\ufffd\"")}, {50, T("\"\xEF\xBF\xBD\"")},
	{51, T("\"\\ud83dx\"")}, {52, T("\"/\"")}, {52, T("\"\\/\"")}, {52, T("\"\\u002f\"")},
	{53, T("\"\\\\/\"")}, {54, T("\"\\\\\"")}, {54, T("\"\\u005c\"")}, {55, T("\"\\\\u0061\"")},
	{56, T("\"\\n\"")}, {56, T("\"\\u000a\"")}, {57, T("\"n\"")}, {58, T("\"\\u0000\"")},
	{59, T("\"\\u0000\\u0000\"")}, {60, T("\"\\\"\"")}, {60, T("\"\\u0022\"")},
	{61, T("\"\\\\\\\"\"")}, {62, T("\"a\\u0000b\"")}, {63, T("\"a\\u0000c\"")}, {64, T("2")},
	{65, T("-2")}, {66, T("\"-0\"")}, {67, T("\"0\"")}, {68, T("1e2")}, {68, T("100")},
	{69, T("\"1e2\"")}, {70, T("1e-20")},
	{71, T("12345678901234567890123456789012345678901234567890")},
	{71, T("1234567890123456789012345678901234567890123456789e1")},
	{71, T("12345678901234567890123456789012345678901234567890.00")},
	{72, T("12345678901234567890123456789012345678901234567891")}, {73, T("-7")},
	{73, T("-70e-1")}, {74, T("7")}, {75, T("1e-99999999999999999999999999999999")},
	{76, T("1e99999999999999999999999999999999")}, {77, T("1000000000000000000000000e-24e")},
};
/* clang-format on */

static void test_id_classes(void **state)
{
	const size_t n = COUNT(ids) - 1; /* the last one is no number, and only must do no harm */

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			bool equal = id_equal(ids[i].id, ids[i].len, ids[k].id, ids[k].len);

			if (equal != (ids[i].class == ids[k].class))
				fail_msg("%s and %s", ids[i].id, ids[k].id);
		}
	}
	jsonrpc_id_hash(ids[n].id, ids[n].len, 0);
}

/* Numbers of the full length, whose exponents have hundreds of digits. */
static void test_long_ids(void **state)
{
	static char a[JSONRPC_ID_MAX], b[JSONRPC_ID_MAX];
	const size_t max = JSONRPC_ID_MAX;

	(void)state;
	/* 1000...0 is 1e1023 */
	memset(a, '0', max);
	a[0] = '1';
	assert_true(id_equal(a, max, "1e1023", 6));
	assert_false(id_equal(a, max, "1e1022", 6));
	assert_false(id_equal(a, max - 1, a, max));
	/* 0.000...01 is 1e-1022 */
	memset(a, '0', max);
	a[1] = '.';
	a[max - 1] = '1';
	assert_true(id_equal(a, max, "1e-1022", 7));
	assert_true(id_equal(a, max - 1, "0", 1));
	/* 1e999...9 is 0.1e1000...0 */
	memset(a, '9', max);
	memcpy(a, "1e", 2);
	memset(b, '0', max);
	memcpy(b, "0.1e1", 5);
	assert_true(id_equal(a, max - 3, b, max + 0));
	assert_false(id_equal(a, max - 4, b, max));
	a[max - 4] = '8';
	assert_false(id_equal(a, max - 3, b, max));
	/* 10e-1000...0 is 1e-999...9 */
	memset(b, '0', max);
	memcpy(b, "10e-1", 5);
	memset(a, '9', max);
	memcpy(a, "1e-", 3);
	assert_true(id_equal(a, max - 2, b, max));
	/* all digits and no zeros */
	memset(a, '7', max);
	memcpy(b, a, max);
	assert_true(id_equal(a, max, b, max));
	b[max / 2] = '8';
	assert_false(id_equal(a, max, b, max));
	/* a string of nothing but escapes */
	for (size_t i = 0; i < 170; i++)
		memcpy(a + 1 + 6 * i, "\\u0041", 6);
	memset(b, 'A', max);
	a[0] = b[0] = '"';
	a[1 + 6 * 170] = b[1 + 170] = '"';
	assert_true(id_equal(a, 2 + 6 * 170, b, 2 + 170));
	b[170] = 'B';
	assert_false(id_equal(a, 2 + 6 * 170, b, 2 + 170));
}

/* A number with a small exponent as one line of digits, its point in the middle. */
#define FIXED_HALF 200

static void to_fixed(const char *number, char fixed[2 * FIXED_HALF + 2])
{
	const char *p = number, *e = strpbrk(number, "eE");
	long point, exponent = e != NULL ? strtol(e + 1, NULL, 10) : 0;
	bool zero = true;

	memset(fixed, '0', 2 * FIXED_HALF + 1);
	fixed[2 * FIXED_HALF + 1] = '\0';
	fixed[0] = *p == '-' ? '-' : '+';
	if (*p == '-')
		p++;
	point = (long)strspn(p, "0123456789") + exponent;
	for (long at = 1 + FIXED_HALF - point; *p != '\0' && p != e; p++) {
		if (*p == '.')
			continue;
		zero = zero && *p == '0';
		if (*p != '0')
			fixed[at] = *p;
		at++;
	}
	if (zero)
		fixed[0] = '+';
}

static void random_number(char *out)
{
	size_t n = 0, digits = below(4) == 0 ? 1 + below(40) : 1 + below(3);

	if (below(3) == 0)
		out[n++] = '-';
	if (below(3) == 0) {
		out[n++] = '0';
	} else {
		out[n++] = (char)('1' + below(9));
		for (size_t i = 1; i < digits; i++)
			out[n++] = "0001239"[below(7)];
	}
	if (below(2) == 0) {
		out[n++] = '.';
		for (size_t i = 0; i <= below(5); i++)
			out[n++] = "0001239"[below(7)];
	}
	out[n] = '\0';
	if (below(2) == 0)
		sprintf(out + n, "%c%s%s%zu", below(2) ? 'e' : 'E',
		    below(2)   ? "-"
		    : below(2) ? "+"
		               : "",
		    below(4) ? "" : "000", below(below(3) ? 5 : 60));
}

static void test_random_numbers(void **state)
{
	size_t equal = 0;

	(void)state;
	seed = 3;
	for (int round = 0; round < 30000; round++) {
		static char fixed[2][2 * FIXED_HALF + 2];
		char number[2][200];
		bool same;

		random_number(number[0]);
		random_number(number[1]);
		to_fixed(number[0], fixed[0]);
		to_fixed(number[1], fixed[1]);
		same = strcmp(fixed[0], fixed[1]) == 0;
		equal += same;
		if (id_equal(number[0], strlen(number[0]), number[1], strlen(number[1])) != same)
			fail_msg("%s and %s", number[0], number[1]);
	}
	assert_true(equal > 150);
}

/* Writes code units as a raw string, each as itself, a short escape or \u, as chance has it. */
static size_t write_units(const uint16_t *units, size_t n, char *raw)
{
	size_t len = 0;

	raw[len++] = '"';
	for (size_t i = 0; i < n; i++) {
		unsigned long c = units[i];
		bool pair = c / 0x400 == 0xD800 / 0x400 && i + 1 < n &&
		            units[i + 1] / 0x400 == 0xDC00 / 0x400;

		if (c == '/' && below(2) == 0) {
			len += (size_t)sprintf(raw + len, "\\/");
		} else if (c == '\n' && below(2) == 0) {
			len += (size_t)sprintf(raw + len, "\\n");
		} else if (below(3) == 0 || c < 0x20 || c == '"' || c == '\\' ||
		           (c / 0x800 == 0x1B && !pair)) {
			len += (size_t)sprintf(raw + len, below(2) ? "\\u%04lx" : "\\u%04lX", c);
			if (pair)
				len +=
				    (size_t)sprintf(raw + len, "\\u%04x", (unsigned int)units[++i]);
		} else if (pair) {
			c = 0x10000 + (c - 0xD800) * 0x400 + (units[++i] - 0xDC00u);
			len += (size_t)sprintf(raw + len, "%c%c%c%c", (int)(0xF0 | c >> 18),
			    (int)(0x80 | (c >> 12 & 63)), (int)(0x80 | (c >> 6 & 63)),
			    (int)(0x80 | (c & 63)));
		} else if (c < 0x80) {
			raw[len++] = (char)c;
		} else if (c < 0x800) {
			len += (size_t)sprintf(
			    raw + len, "%c%c", (int)(0xC0 | c >> 6), (int)(0x80 | (c & 63)));
		} else {
			len += (size_t)sprintf(raw + len, "%c%c%c", (int)(0xE0 | c >> 12),
			    (int)(0x80 | (c >> 6 & 63)), (int)(0x80 | (c & 63)));
		}
	}
	raw[len++] = '"';
	return len;
}

static void test_random_strings(void **state)
{
	static const uint16_t alphabet[] = {
	    0, '\n', '/', 'a', '"', '\\', 'u', 0xE9, 0x20AC, 0xD83D, 0xDE00, 0xDC00, 0xFFFF};
	size_t equal = 0;

	(void)state;
	seed = 5;
	for (int round = 0; round < 20000; round++) {
		uint16_t units[2][8];
		size_t n[2], len[2];
		char raw[2][100];
		bool same;

		for (int k = 0; k < 2; k++) {
			n[k] = below(6);
			for (size_t i = 0; i < n[k]; i++)
				units[k][i] = alphabet[below(COUNT(alphabet))];
		}
		if (below(2) == 0) {
			memcpy(units[1], units[0], sizeof(units[0]));
			n[1] = n[0];
		}
		if (below(4) == 0 && n[1] > 0)
			units[1][below(n[1])] = alphabet[below(COUNT(alphabet))];
		same = n[0] == n[1] && memcmp(units[0], units[1], n[0] * sizeof(uint16_t)) == 0;
		equal += same;
		for (int k = 0; k < 2; k++)
			len[k] = write_units(units[k], n[k], raw[k]);
		if (id_equal(raw[0], len[0], raw[1], len[1]) != same)
			fail_msg("%.*s and %.*s", (int)len[0], raw[0], (int)len[1], raw[1]);
	}
	assert_true(equal > 3000);
}

static void test_hash_spreads(void **state)
{
	enum { BUCKETS = 1024, EACH = 16 };
	static unsigned int load[2][BUCKETS];
	unsigned int worst = 0;

	(void)state;
	for (int i = 0; i < BUCKETS * EACH; i++) {
		char id[20];
		size_t len = (size_t)sprintf(id, "%d", i);
		uint64_t x = jsonrpc_id_hash(id, len, 1), y = jsonrpc_id_hash(id, len, 2);

		assert_true(x != y);
		load[0][x % BUCKETS]++;
		load[1][y / (UINT64_MAX / BUCKETS + 1)]++;
	}
	for (int i = 0; i < BUCKETS; i++) {
		worst = load[0][i] > worst ? load[0][i] : worst;
		worst = load[1][i] > worst ? load[1][i] : worst;
	}
	assert_true(worst < 3 * EACH);
}

/* ---- random texts ---- */

static size_t put(char *out, size_t at, const char *text)
{
	memcpy(out + at, text, strlen(text));
	return at + strlen(text);
}

static size_t random_value(char *out, size_t at, int depth)
{
	static const char *const scalars[] = {"0", "-1", "12.5e-3", "true", "false", "null", "\"\"",
	    "\"id\"", "\"\\u00e9\\n\"", "\"\xC3\xA9\xF0\x9F\x98\x80\"", "\"0123456789abcdef\"",
	    "{}", "[]", "1e999"};
	size_t n = below(4);
	bool object = below(2) == 0;

	if (depth == 0 || below(3) > 0)
		return put(out, at, scalars[below(COUNT(scalars))]);
	at = put(out, at, object ? "{" : "[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			at = put(out, at, ",");
		if (object)
			at = put(out, at, below(2) ? "\"id\":" : "\"k\" : ");
		at = random_value(out, at, depth - 1);
	}
	return put(out, at, object ? "}" : "]");
}

static size_t random_object(char *out, size_t at)
{
	static const char *const keys[] = {"\"jsonrpc\":", "\"id\":", "\"method\":", "\"params\":",
	    "\"result\":", "\"error\" :", "\"other\": ", "\"\\u0069d\":", "\"idx\":"};
	static const char *const ids_and_methods[] = {"1", "\"a\"", "\"m\"", "null", "1.50"};
	static const char *const good[] = {"{\"id\":1,\"method\":\"m\",\"params\":{\"id\":[]}}",
	    "{\"method\":\"n\"}", "{\"id\":\"a\",\"result\":{\"method\":0}}",
	    "{\"error\":{},\"id\":null}"};
	size_t n = below(6), first = below(COUNT(keys));

	if (below(2) == 0)
		return put(out, at, good[below(COUNT(good))]);
	at = put(out, at, "{");
	for (size_t i = 0; i < n; i++) {
		size_t key = below(4) ? (first + i) % COUNT(keys) : below(COUNT(keys));

		if (i > 0)
			at = put(out, at, below(4) ? "," : " ,\n");
		at = put(out, at, keys[key]);
		if (below(4) > 0 && (key == 1 || key == 2))
			at = put(out, at, ids_and_methods[below(COUNT(ids_and_methods))]);
		else
			at = random_value(out, at, 2);
	}
	return put(out, at, "}");
}

static size_t random_message(char *out)
{
	size_t n = below(4), at = 0;

	if (below(16) == 0)
		at = put(out, at, "\xEF\xBB\xBF");
	if (below(4) > 0)
		return random_object(out, at);
	at = put(out, at, "[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			at = put(out, at, ",");
		at = below(8) ? random_object(out, at) : random_value(out, at, 1);
	}
	return put(out, at, below(2) ? "]" : " ]\r\n");
}

static size_t mutate(char *text, size_t len)
{
	static const char bytes[] =
	    "{}[]:,\"\\/u0189.eE+-tfn \n\r\t\x00\x1F\x7F\x80\xBF\xC3\xE2\xED\xA0\xF0\xFF";
	size_t at = len > 0 ? below(len) : 0, n = len > 0 ? below(len - at) + 1 : 0;

	switch (below(6)) {
	case 0: /* another byte */
		if (len > 0)
			text[at] = bytes[below(sizeof(bytes) - 1)];
		return len;
	case 1: /* one more */
		memmove(text + at + 1, text + at, len - at);
		text[at] = bytes[below(sizeof(bytes) - 1)];
		return len + 1;
	case 2: /* some fewer */
		n = n > 4 ? 1 : n;
		memmove(text + at, text + at + n, len - at - n);
		return len - n;
	case 3: /* an end */
		return at;
	case 4: /* a piece twice */
		n = n > 40 ? 40 : n;
		memmove(text + at + n, text + at, len - at);
		return len + n;
	default: /* any byte at all */
		if (len > 0)
			text[at] = (char)below(256);
		return len;
	}
}

static void test_random_texts(void **state)
{
	size_t kinds[JSONRPC_BATCH + 1] = {0};

	(void)state;
	seed = 2;
	for (int round = 0; round < 6000; round++) {
		static char text[8000];
		size_t len = random_message(text);

		kinds[check_text(text, len).kind]++;
		for (size_t i = below(3); i > 0; i--)
			len = mutate(text, len);
		kinds[check_text(text, len).kind]++;
	}
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (kinds[i] < 50)
			fail_msg("only %zu of kind %zu", kinds[i], i);
	}
}

/* The table's texts, mutated; the interesting ones are close to the valid ones. */
static void test_mutated_rows(void **state)
{
	(void)state;
	seed = 9;
	for (int round = 0; round < 5000; round++) {
		size_t i = below(COUNT(values) + 3 * COUNT(messages));
		const char *row =
		    i < COUNT(values) ? values[i].text : messages[i % COUNT(messages)].text;
		size_t len = i < COUNT(values) ? values[i].len : messages[i % COUNT(messages)].len;
		char text[1000];

		memcpy(text, row, len);
		for (size_t k = below(3) + 1; k > 0; k--)
			len = mutate(text, len);
		check_text(text, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_every_byte_in_strings),
	    cmocka_unit_test(test_byte_pairs_in_strings),
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_messages_in_batches),
	    cmocka_unit_test(test_newlines),
	    cmocka_unit_test(test_mark_counts_in_spans),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_mixed_depth),
	    cmocka_unit_test(test_id_length),
	    cmocka_unit_test(test_long_keys_and_methods),
	    cmocka_unit_test(test_struct_is_small),
	    cmocka_unit_test(test_digest_text),
	    cmocka_unit_test(test_digest_is_appended),
	    cmocka_unit_test(test_digest_maximum),
	    cmocka_unit_test(test_digest_keeps_order),
	    cmocka_unit_test(test_digest_limit),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_member_next),
	    cmocka_unit_test(test_string_decode),
	    cmocka_unit_test(test_string_is),
	    cmocka_unit_test(test_readers_stay_inside),
	    cmocka_unit_test(test_id_classes),
	    cmocka_unit_test(test_long_ids),
	    cmocka_unit_test(test_random_numbers),
	    cmocka_unit_test(test_random_strings),
	    cmocka_unit_test(test_hash_spreads),
	    cmocka_unit_test(test_random_texts),
	    cmocka_unit_test(test_mutated_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
