/*
 * Any text at all through the scanner. The first byte of the input chooses how the
 * text is cut, the second how much room a digest gets; the rest is the text.
 *
 *   whole text, pieces and single bytes are found to be the same;
 *   what is accepted, cJSON accepts too;
 *   a digest stands for its text;
 *   nothing is read outside of the text: it is always in memory of its exact size.
 */
#include "jsonrpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void *copy_exactly(const void *bytes, size_t len)
{
	void *copy = malloc(len > 0 ? len : 1);

	CHECK(copy != NULL);
	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

static bool same_span(struct jsonrpc_span a, struct jsonrpc_span b)
{
	return a.len == b.len && (a.len == 0 || a.at == b.at);
}

static void check_same(const struct jsonrpc_envelope *a, const struct jsonrpc_envelope *b)
{
	CHECK(a->kind == b->kind);
	CHECK(a->structured == b->structured);
	CHECK(a->is_error == b->is_error);
	CHECK(a->has_newline == b->has_newline);
	CHECK(same_span(a->id, b->id));
	CHECK(same_span(a->method, b->method));
	CHECK(same_span(a->params, b->params));
	CHECK(same_span(a->result, b->result));
}

/* Scans in pieces of up to ${longest} bytes, each in memory of its own. */
static void scan_pieces(const uint8_t *text, size_t len, size_t longest, unsigned int seed,
    struct buf *digest, struct jsonrpc_envelope *out)
{
	struct jsonrpc_scan s;
	bool alive = true;
	size_t n;

	memset(&s, 0xA5, sizeof(s));
	jsonrpc_scan_begin(&s, digest);
	for (size_t at = 0; at < len; at += n) {
		void *piece;

		seed = seed * 1103515245 + 12345;
		n = 1 + (seed >> 16) % longest;
		n = n > len - at ? len - at : n;
		piece = copy_exactly(text + at, n);
		alive = jsonrpc_scan_feed(&s, piece, n);
		free(piece);
	}
	jsonrpc_scan_end(&s, out);
	CHECK(alive || out->kind == JSONRPC_NOT_JSON);
}

static void check_span(struct jsonrpc_span span, size_t len)
{
	CHECK(span.at <= len && span.len <= len - span.at);
}

static void check_envelope(const char *text, size_t len, const struct jsonrpc_envelope *e)
{
	check_span(e->id, len);
	check_span(e->method, len);
	check_span(e->params, len);
	check_span(e->result, len);
	CHECK(e->id.len <= JSONRPC_ID_MAX);
	CHECK(e->is_error ? e->kind == JSONRPC_RESPONSE : true);
	if (e->id.len > 0)
		CHECK(jsonrpc_id_equal(text + e->id.at, e->id.len, text + e->id.at, e->id.len));
	if (e->method.len > 0)
		jsonrpc_string_is(text + e->method.at, e->method.len, "tools/call");
}

/* An id has its own value wherever it stands; two ids in a row equal each other or do not. */
static void check_ids(const char *text, struct jsonrpc_span a, struct jsonrpc_span b)
{
	char *x = copy_exactly(text + a.at, a.len), *y = copy_exactly(text + b.at, b.len);
	bool equal = jsonrpc_id_equal(x, a.len, y, b.len);

	CHECK(equal == jsonrpc_id_equal(y, b.len, x, a.len));
	CHECK(equal == (jsonrpc_id_hash(x, a.len, 42) == jsonrpc_id_hash(y, b.len, 42)));
	free(x);
	free(y);
}

static size_t check_batch(const char *text, size_t len, bool valid)
{
	struct jsonrpc_envelope e;
	struct jsonrpc_span last = {0, 0};
	size_t at = 0, before = 0, count = 0;

	for (; jsonrpc_batch_next(text, len, &at, &e); before = at, count++) {
		CHECK(at > before && at <= len);
		CHECK(!valid || e.kind > JSONRPC_INVALID);
		check_envelope(text, len, &e);
		if (valid && last.len > 0 && e.id.len > 0)
			check_ids(text, last, e.id);
		if (e.id.len > 0)
			last = e.id;
	}
	CHECK(!valid || count > 0);
	return count;
}

static void check_find(const char *text, size_t len, const struct jsonrpc_envelope *e)
{
	check_span(jsonrpc_find(text, len, "params._meta.progressToken"), len);
	check_span(jsonrpc_find(text, len, "a.a.a"), len);
	if (e->kind < JSONRPC_NOTIFICATION || e->kind == JSONRPC_BATCH)
		return;
	CHECK(same_span(jsonrpc_find(text, len, "id"), e->id));
	CHECK(same_span(jsonrpc_find(text, len, "params"), e->params));
	if (e->method.len > 0)
		CHECK(same_span(jsonrpc_find(text, len, "method"), e->method));
	if (e->result.len > 0)
		CHECK(same_span(
		    jsonrpc_find(text, len, e->is_error ? "error" : "result"), e->result));
}

static long unit_at(const char *p)
{
	char hex[5] = "";

	if (p[0] != '\\' || p[1] != 'u')
		return -1;
	memcpy(hex, p + 2, 4);
	return strtol(hex, NULL, 16);
}

/* The bytes of the escape at ${p} in a valid string; 0 if it is a lone surrogate. */
static size_t escape_length(const char *p)
{
	long unit = unit_at(p), low;

	if (unit < 0)
		return 2;
	if (unit < 0xD800 || unit > 0xDFFF)
		return 6;
	low = unit_at(p + 6);
	return unit < 0xDC00 && low >= 0xDC00 && low <= 0xDFFF ? 12 : 0;
}

/*
 * What cJSON may refuse in valid JSON: lone surrogates, numbers longer than its
 * buffer of 64 bytes, more than 1000 arrays and objects within each other.
 */
static bool cjson_is_blind(const char *text, size_t len)
{
	size_t digits = 0, depth = 0, deepest = 0;
	bool quoted = false;

	for (size_t i = 0, n; i < len; i += n) {
		n = quoted && text[i] == '\\' ? escape_length(text + i) : 1;
		if (n == 0)
			return true;
		if (text[i] == '"')
			quoted = !quoted;
		digits = !quoted && strchr("+-.eE0123456789", text[i]) ? digits + 1 : 0;
		depth += !quoted && (text[i] == '[' || text[i] == '{');
		depth -= !quoted && (text[i] == ']' || text[i] == '}');
		deepest = depth > deepest ? depth : deepest;
		if (digits > 60 || deepest > 1000)
			return true;
	}
	return false;
}

static void check_cjson(const char *text, size_t len)
{
	size_t mark = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	const char *end = NULL;
	cJSON *tree;

	if (cjson_is_blind(text, len))
		return;
	tree = cJSON_ParseWithLengthOpts(text + mark, len - mark, &end, 0);
	CHECK(tree != NULL);
	while (end < text + len && strchr(" \t\r\n", *end) != NULL)
		end++;
	CHECK(end == text + len);
	cJSON_Delete(tree);
}

static void check_same_raw(
    const char *a, struct jsonrpc_span s, const char *b, struct jsonrpc_span t)
{
	CHECK(s.len == t.len);
	CHECK(s.len == 0 || memcmp(a + s.at, b + t.at, s.len) == 0);
}

static void check_stands_for(const char *digest, const struct jsonrpc_envelope *d, const char *text,
    const struct jsonrpc_envelope *e)
{
	CHECK(d->kind == e->kind && d->is_error == e->is_error);
	check_same_raw(digest, d->id, text, e->id);
	if (e->method.len <= JSONRPC_METHOD_MAX)
		check_same_raw(digest, d->method, text, e->method);
	else
		CHECK(d->method.len > 0);
}

/* A ${digest} that may have run out of room stands for the text's first messages. */
static void check_digest(const struct buf *digest, bool whole, const char *text, size_t len,
    const struct jsonrpc_envelope *e)
{
	struct jsonrpc_envelope d, x;
	size_t at = 0, digest_at = 0;
	char *copy;

	if (e->kind == JSONRPC_NOT_JSON || e->kind == JSONRPC_INVALID || digest->len == 0) {
		CHECK(digest->len == 0);
		CHECK(!whole || e->kind == JSONRPC_NOT_JSON || e->kind == JSONRPC_INVALID);
		return;
	}
	copy = copy_exactly(digest->data, digest->len);
	CHECK(jsonrpc_scan_text(copy, digest->len, &d) == e->kind);
	if (e->kind != JSONRPC_BATCH) {
		check_stands_for(copy, &d, text, e);
	} else {
		while (jsonrpc_batch_next(copy, digest->len, &digest_at, &d)) {
			CHECK(jsonrpc_batch_next(text, len, &at, &x));
			check_stands_for(copy, &d, text, &x);
		}
		CHECK(!whole || !jsonrpc_batch_next(text, len, &at, &x));
	}
	free(copy);
}

static void check_digests(const uint8_t *text, size_t len, const uint8_t *choice, const char *exact,
    const struct jsonrpc_envelope *whole)
{
	struct buf digest, bytewise, small;
	struct jsonrpc_envelope e;

	buf_init(&digest, JSONRPC_DIGEST_MAX);
	buf_init(&bytewise, JSONRPC_DIGEST_MAX);
	buf_init(&small, choice[1]);
	scan_pieces(text, len, 16, choice[0], &digest, &e);
	check_same(&e, whole);
	scan_pieces(text, len, 1, 0, &bytewise, &e);
	check_same(&e, whole);
	scan_pieces(text, len, 64, choice[0], &small, &e);
	check_same(&e, whole);
	CHECK(digest.len == bytewise.len);
	CHECK(digest.len == 0 || memcmp(digest.data, bytewise.data, digest.len) == 0);
	check_digest(&digest, true, exact, len, whole);
	check_digest(&small, false, exact, len, whole);
	buf_free(&digest);
	buf_free(&bytewise);
	buf_free(&small);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jsonrpc_envelope whole, e;
	const uint8_t *text = data + 2;
	size_t len = size - 2;
	char *exact;

	if (size < 2)
		return 0;
	exact = copy_exactly(text, len);
	CHECK(jsonrpc_scan_text(exact, len, &whole) == whole.kind);
	check_envelope(exact, len, &whole);
	scan_pieces(text, len, 1 + data[0] % 40, data[0], NULL, &e);
	check_same(&e, &whole);
	scan_pieces(text, len, 1, 0, NULL, &e);
	check_same(&e, &whole);
	check_batch(exact, len, whole.kind == JSONRPC_BATCH);
	check_find(exact, len, &whole);
	if (whole.kind != JSONRPC_NOT_JSON)
		check_cjson(exact, len);
	check_digests(text, len, data, exact, &whole);
	free(exact);
	return 0;
}
