/*
 * Messages through the intake, in pieces and by both ways in, held against what message.h says of
 * the whole text.
 *
 * Input: a byte for the limit, two that decide how the texts are cut, then the texts, each ended by
 * a byte 0, or by a byte 1 if it is to be dropped. A byte 2 and one more repeat what came just
 * before, so that short inputs make long texts.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sanitizer/allocator_interface.h>

#include "jsonrpc.h"
#include "message.h"

#define NO_LIMIT  ((size_t)1 << 20)
#define LONG_TEXT ((size_t)40000) /* bytes; more would only take time */
#define WASTE     64 /* bytes a finished message may hold unused, and its size once more */
#define MARK      "\xEF\xBB\xBF"
#define MARK_LEN  ((size_t)3)

/* Not assert: it must hold whatever NDEBUG is. */
#define REQUIRE(condition) require((condition), #condition, __LINE__)

static void require(bool holds, const char *what, int line)
{
	if (holds)
		return;
	fprintf(stderr, "line %d: not so: %s\n", line, what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- how the texts are cut ----------------------------------------------------------------- */

struct cutter {
	uint32_t seed;
	size_t piece, room; /* bytes at most */
	bool write, rooms;  /* which ways in it takes */
};

static size_t pick(struct cutter *c, size_t below)
{
	c->seed = c->seed * 1664525u + 1013904223u;
	return (c->seed >> 8) % below;
}

static struct cutter cutter_of(const uint8_t bytes[2])
{
	static const size_t pieces[] = {1, 2, 8, 64, 1000, 20000, 100000, 3};
	static const size_t rooms[] = {1, 3, 70, 20000};

	return (struct cutter){.seed = bytes[0],
	    .piece = pieces[bytes[1] & 7],
	    .room = rooms[bytes[1] >> 3 & 3],
	    .write = (bytes[1] & 0x60) != 0x20,
	    .rooms = (bytes[1] & 0x60) != 0x40};
}

static void feed_by_room(struct intake *in, struct cutter *c, const uint8_t *p, size_t len)
{
	while (len > 0) {
		size_t want = pick(c, c->room + 1), room = 0, n;
		uint8_t *to = intake_room(in, want, &room);

		REQUIRE(to != NULL && room >= 1 && room <= (want > 0 ? want : 1));
		memset(to, '"', room); /* all of it may be written */
		n = pick(c, 8) == 0 ? 0 : 1 + pick(c, room < len ? room : len);
		memcpy(to, p, n);
		intake_commit(in, n);
		p += n;
		len -= n;
	}
}

static size_t heap(void)
{
	return __sanitizer_get_current_allocated_bytes();
}

/* The limit, the byte that exceeds it, a newline, the spare one; or a digest, at most doubled. */
static size_t memory_limit(const struct intake *in, size_t fed)
{
	size_t digest = 4 * fed + 512;

	return sizeof(struct message) + (in->over ? digest : in->max + 3);
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void feed(struct intake *in, const struct cutter *usual, const uint8_t *text, size_t len)
{
	struct cutter c = *usual;
	size_t before = heap();

	/* Long texts in tiny pieces only take time. */
	c.piece = larger(c.piece, len / 100);
	c.room = larger(c.room, len / 100);
	for (size_t at = 0, n; at < len; at += n) {
		n = 1 + pick(&c, c.piece < len - at ? c.piece : len - at);
		if (!c.rooms || (c.write && pick(&c, 2) == 0))
			intake_write(in, text + at, n);
		else
			feed_by_room(in, &c, text + at, n);
		REQUIRE(intake_size(in) == at + n);
		REQUIRE(heap() - before <= memory_limit(in, at + n));
	}
}

/* --- what should come out ------------------------------------------------------------------ */

struct text {
	const uint8_t *p;
	size_t len;
};

static bool is_newline(uint8_t c)
{
	return c == '\r' || c == '\n';
}

static bool is_blank(struct text t)
{
	while (t.len > 0 && (is_newline(*t.p) || *t.p == ' ' || *t.p == '\t'))
		t.p++, t.len--;
	return t.len == 0;
}

static struct text without_newlines(struct text t)
{
	while (t.len > 0 && is_newline(t.p[t.len - 1]))
		t.len--;
	return t;
}

static bool has_mark(struct text t)
{
	return t.len >= MARK_LEN && memcmp(t.p, MARK, MARK_LEN) == 0;
}

static void require_within(const struct message *m, struct jsonrpc_span s)
{
	REQUIRE(s.len <= m->text.len && s.at <= m->text.len - s.len);
}

/* ${a} in ${m} is what ${b} is in ${t}. */
static void require_same_bytes(
    const struct message *m, struct jsonrpc_span a, struct text t, struct jsonrpc_span b)
{
	REQUIRE(a.len == b.len);
	REQUIRE(a.len == 0 || memcmp(m->text.data + a.at, t.p + b.at, a.len) == 0);
}

/* Newlines outside of strings are the only bytes that may differ, and those only in valid JSON. */
static void require_clean(const struct message *m, struct text t)
{
	bool json = m->envelope.kind != JSONRPC_NOT_JSON;

	REQUIRE(m->text.len == t.len);
	REQUIRE(!json || !m->envelope.has_newline);
	if (memcmp(m->text.data, t.p, t.len) == 0) {
		REQUIRE(!json ||
		        (memchr(t.p, '\r', t.len) == NULL && memchr(t.p, '\n', t.len) == NULL));
		return;
	}
	for (size_t i = 0; i < t.len; i++)
		REQUIRE(m->text.data[i] == (json && is_newline(t.p[i]) ? ' ' : t.p[i]));
}

static void require_same_spans(const struct jsonrpc_envelope *a, const struct jsonrpc_envelope *b)
{
	REQUIRE(a->id.at == b->id.at && a->id.len == b->id.len);
	REQUIRE(a->method.at == b->method.at && a->method.len == b->method.len);
	REQUIRE(a->params.at == b->params.at && a->params.len == b->params.len);
	REQUIRE(a->result.at == b->result.at && a->result.len == b->result.len);
}

static void require_kept(
    const struct message *m, struct text all, const struct jsonrpc_envelope *expected)
{
	struct text kept = without_newlines(all);
	struct jsonrpc_envelope again;

	REQUIRE(!m->digest);
	REQUIRE(m->size == kept.len);
	if (has_mark(kept)) {
		kept.p += MARK_LEN;
		kept.len -= MARK_LEN;
	}
	require_clean(m, kept);
	REQUIRE(m->text.cap > m->text.len);
	REQUIRE(m->text.cap <= m->text.len + 1 + WASTE + m->text.len);
	require_same_bytes(m, m->envelope.id, all, expected->id);
	if (m->envelope.kind == JSONRPC_NOT_JSON)
		return;
	REQUIRE(jsonrpc_scan_text(m->text.data, m->text.len, &again) == m->envelope.kind);
	REQUIRE(again.structured == m->envelope.structured);
	REQUIRE(again.is_error == m->envelope.is_error);
	if (m->envelope.kind != JSONRPC_INVALID)
		require_same_spans(&again, &m->envelope);
}

/* ${e} of the digest stands for ${original} of the text. */
static void require_stands_for(const struct message *m, const struct jsonrpc_envelope *e,
    struct text all, const struct jsonrpc_envelope *original)
{
	REQUIRE(e->kind == original->kind);
	REQUIRE(e->is_error == original->is_error);
	require_same_bytes(m, e->id, all, original->id);
	if (original->method.len <= JSONRPC_METHOD_MAX)
		require_same_bytes(m, e->method, all, original->method);
	else
		REQUIRE(e->method.len <= JSONRPC_METHOD_MAX &&
		        memcmp(m->text.data + e->method.at, all.p + original->method.at,
		            e->method.len - 1) == 0);
	REQUIRE(e->params.len == 0);
	REQUIRE(e->result.len == 0 || memcmp(m->text.data + e->result.at, "null", 4) == 0);
}

static void require_batch_stands_for(const struct message *m, struct text all)
{
	struct jsonrpc_envelope e, original;
	size_t at = 0, from = 0;

	while (jsonrpc_batch_next(all.p, all.len, &from, &original)) {
		REQUIRE(jsonrpc_batch_next(m->text.data, m->text.len, &at, &e));
		require_stands_for(m, &e, all, &original);
	}
	REQUIRE(!jsonrpc_batch_next(m->text.data, m->text.len, &at, &e));
}

static void require_digest(
    const struct message *m, struct text all, const struct jsonrpc_envelope *expected)
{
	const struct jsonrpc_envelope *e = &m->envelope;

	REQUIRE(m->digest);
	REQUIRE(m->size == without_newlines(all).len);
	REQUIRE(m->text.cap > m->text.len && m->text.cap <= m->text.len + 1 + WASTE);
	REQUIRE(e->structured == expected->structured);
	if (e->kind == JSONRPC_NOT_JSON || e->kind == JSONRPC_INVALID) {
		require_same_bytes(m, e->id, all, expected->id);
		REQUIRE(e->id.at == 0 && e->id.len == m->text.len);
		return;
	}
	require_stands_for(m, e, all, expected);
	if (e->kind == JSONRPC_BATCH)
		require_batch_stands_for(m, all);
}

static void require_right(const struct message *m, struct text all, size_t max)
{
	struct jsonrpc_envelope expected;
	struct text kept = without_newlines(all);
	bool over = kept.len > max;

	if (!over && has_mark(kept)) {
		kept.p += MARK_LEN;
		kept.len -= MARK_LEN;
	}
	REQUIRE((m == NULL) == (is_blank(all) || (!over && is_blank(kept))));
	if (m == NULL)
		return;
	REQUIRE(m->envelope.kind == jsonrpc_scan_text(all.p, all.len, &expected));
	REQUIRE(m->progress == MESSAGE_QUEUED);
	require_within(m, m->envelope.id);
	require_within(m, m->envelope.method);
	require_within(m, m->envelope.params);
	require_within(m, m->envelope.result);
	if (over)
		require_digest(m, all, &expected);
	else
		require_kept(m, all, &expected);
}

/* --- the target ---------------------------------------------------------------------------- */

static void end_text(struct intake *in, const struct cutter *c, struct text t, bool drop)
{
	struct message *m;
	bool lost = true;

	feed(in, c, t.p, t.len);
	if (drop) {
		intake_drop(in);
	} else {
		m = intake_end(in, &lost);
		REQUIRE(!lost);
		require_right(m, t, in->max);
		message_free(m);
	}
	REQUIRE(intake_size(in) == 0);
}

/* Repeats the last 1 to 16 bytes of a text, up to 32768 times. Takes what it adds off ${*left}. */
static size_t repeat(uint8_t *text, size_t len, uint8_t how, size_t *left)
{
	size_t n = (size_t)(how & 15) + 1;

	for (size_t times = (size_t)1 << (how >> 4); times > 0; times--) {
		if (n > len || n > LONG_TEXT - len || n > *left)
			break;
		memcpy(text + len, text + len - n, n);
		len += n;
		*left -= n;
	}
	return len;
}

static size_t limit_of(uint8_t byte)
{
	return byte < 200 ? byte : byte < 255 ? (size_t)(byte - 200) * 2000 : NO_LIMIT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t text[LONG_TEXT];
	size_t before = heap(), len = 0, left = LONG_TEXT;
	struct cutter c;
	struct intake in;

	if (size < 3)
		return 0;
	c = cutter_of(data + 1);
	intake_init(&in, limit_of(data[0]));
	for (size_t i = 3; i < size; i++) {
		if (data[i] <= 1) {
			end_text(&in, &c, (struct text){text, len}, data[i] == 1);
			len = 0;
		} else if (data[i] == 2 && i + 1 < size) {
			len = repeat(text, len, data[++i], &left);
		} else if (len < LONG_TEXT) {
			text[len++] = data[i];
		}
	}
	if (len % 2 == 0)
		end_text(&in, &c, (struct text){text, len}, false);
	else
		feed(&in, &c, text, len); /* freed unfinished */
	intake_free(&in);
	REQUIRE(heap() == before);
	return 0;
}
