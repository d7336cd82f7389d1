#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NO_LIMIT ((size_t)1 << 30)
#define BOM      "\xEF\xBB\xBF"
#define REQUEST  "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"a\":[1,2]}}"
#define ONE_MEGA ((size_t)1 << 20)

/* Allocations that are refused return NULL under AddressSanitizer, too. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static struct message *from_text(const char *text)
{
	struct message *m = message_new(text, strlen(text));

	assert_non_null(m);
	return m;
}

static void assert_span(const struct message *m, struct jsonrpc_span span, const char *expected)
{
	size_t len;
	const char *raw = message_span(m, span, &len);

	assert_int_equal(len, strlen(expected));
	if (len == 0)
		assert_null(raw);
	else
		assert_memory_equal(raw, expected, len);
}

static void assert_text(const struct message *m, const char *expected)
{
	assert_int_equal(m->text.len, strlen(expected));
	assert_memory_equal(m->text.data, expected, m->text.len);
	assert_true(m->text.cap > m->text.len);
}

/* --- messages ------------------------------------------------------------------------------ */

static void new_copies_and_scans(void **state)
{
	char text[] = REQUEST;
	struct message *m = message_new(text, strlen(text));

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_text(m, REQUEST);
	assert_int_equal(m->size, strlen(REQUEST));
	assert_int_equal(m->envelope.kind, JSONRPC_REQUEST);
	assert_int_equal(m->progress, MESSAGE_QUEUED);
	assert_false(m->digest);
	assert_span(m, m->envelope.id, "7");
	assert_span(m, m->envelope.method, "\"tools/call\"");
	assert_span(m, m->envelope.params, "{\"a\":[1,2]}");
	assert_span(m, m->envelope.result, "");
	m->text.data[m->text.len] = '\n'; /* the spare byte is ours to write */
	message_free(m);
	message_free(NULL);
}

static void new_of_nothing(void **state)
{
	struct message *m = message_new(NULL, 0);

	(void)state;
	assert_non_null(m);
	assert_text(m, "");
	assert_int_equal(m->envelope.kind, JSONRPC_NOT_JSON);
	m->text.data[0] = '\n';
	message_free(m);
}

static void adopt_takes_the_buffer(void **state)
{
	struct message *m;
	struct buf b;

	(void)state;
	buf_init(&b, strlen(REQUEST)); /* wholly full */
	assert_int_equal(buf_append_str(&b, REQUEST), BUF_OK);
	m = message_adopt(&b);
	assert_non_null(m);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.cap, 0);
	assert_text(m, REQUEST);
	assert_span(m, m->envelope.id, "7");
	m->text.data[m->text.len] = '\n';
	message_free(m);
	assert_int_equal(buf_append_str(&b, "again"), BUF_OK);
	buf_free(&b);
}

static void adopt_gives_back_unused_memory(void **state)
{
	struct message *m;
	struct buf b;

	(void)state;
	buf_init(&b, NO_LIMIT);
	assert_int_equal(buf_reserve(&b, ONE_MEGA), BUF_OK);
	assert_int_equal(buf_append_str(&b, REQUEST), BUF_OK);
	m = message_adopt(&b);
	assert_true(message_cost(m) < 1024);
	assert_true(message_cost(m) > sizeof(*m) + strlen(REQUEST));
	assert_text(m, REQUEST);
	message_free(m);

	buf_init(&b, 0);
	m = message_adopt(&b);
	assert_text(m, "");
	message_free(m);
}

static void method_is(void **state)
{
	static const struct {
		const char *text, *method;
		bool is;
	} cases[] = {
	    {REQUEST, "tools/call", true},
	    {REQUEST, "tools/cal", false},
	    {REQUEST, "tools/calls", false},
	    {"{\"method\":\"ping\"}", "ping", true},
	    {"{\"method\":\"p\\u0069ng\",\"id\":1}", "ping", true},
	    {"{\"id\":1,\"result\":{}}", "", false},
	    {"[{\"method\":\"ping\"}]", "ping", false},
	    {"{\"method\":\"\"}", "", true},
	    {"{\"method\":1}", "1", false},
	    {"{\"method\":\"ping\"", "ping", false},
	    {"", "", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct message *m = from_text(cases[i].text);

		if (message_method_is(m, cases[i].method) != cases[i].is)
			fail_msg("%s is %s?", cases[i].text, cases[i].method);
		message_free(m);
	}
}

/* --- lists --------------------------------------------------------------------------------- */

static void lists_keep_order_count_and_cost(void **state)
{
	struct message *a = from_text("{\"method\":\"a\"}"), *b = from_text("{}"),
	               *c = from_text(REQUEST);
	size_t cost = message_cost(a) + message_cost(b) + message_cost(c);
	struct message_list l = {0};

	(void)state;
	assert_null(message_list_pop(&l));
	message_list_push(&l, b);
	message_list_push_front(&l, a);
	message_list_push(&l, c);
	assert_int_equal(l.count, 3);
	assert_int_equal(l.cost, cost);
	assert_ptr_equal(l.head, a);
	assert_ptr_equal(l.tail, c);
	assert_ptr_equal(message_list_pop(&l), a);
	assert_null(a->next);
	assert_int_equal(l.cost, cost - message_cost(a));
	assert_ptr_equal(message_list_pop(&l), b);
	assert_ptr_equal(message_list_pop(&l), c);
	assert_null(message_list_pop(&l));
	assert_null(l.head);
	assert_null(l.tail);
	assert_int_equal(l.count, 0);
	assert_int_equal(l.cost, 0);

	message_list_push_front(&l, a); /* into an empty list */
	assert_ptr_equal(l.tail, a);
	message_list_push(&l, b);
	message_list_push_front(&l, c);
	message_list_free(&l);
	assert_int_equal(l.count, 0);
	assert_null(l.head);
	message_list_free(&l);
}

/* --- the intake ---------------------------------------------------------------------------- */

/* How a text is cut into pieces, and which of the two ways in it takes. */
struct feed {
	size_t step; /* bytes a piece; 0 = random */
	bool rooms;
};

static size_t piece_size(const struct feed *f, size_t left)
{
	size_t n = f->step != 0 ? f->step : 1 + (size_t)rand() % 40;

	return n < left ? n : left;
}

static void feed_piece(struct intake *in, const struct feed *f, const char *text, size_t len)
{
	size_t room;

	if (!f->rooms) {
		intake_write(in, text, len);
		return;
	}
	while (len > 0) {
		size_t want = f->step != 0 ? len : 1 + (size_t)rand() % 100;
		void *to = intake_room(in, want, &room);
		size_t n = room < len ? room : len;

		assert_in_range(room, 1, want);
		memset(to, 0xEE, room); /* all of it may be written */
		memcpy(to, text, n);
		intake_commit(in, n);
		text += n;
		len -= n;
	}
}

static struct message *take_text(
    struct intake *in, const struct feed *f, const char *text, size_t len)
{
	struct message *m;
	bool lost = true;

	for (size_t at = 0, n; at < len; at += n) {
		n = piece_size(f, len - at);
		feed_piece(in, f, text + at, n);
	}
	assert_int_equal(intake_size(in), len);
	m = intake_end(in, &lost);
	assert_false(lost);
	assert_int_equal(intake_size(in), 0);
	return m;
}

static const struct feed feeds[] = {{1, false}, {1, true}, {2, false}, {3, true}, {7, false},
    {1000000, false}, {1000000, true}, {0, false}, {0, true}, {0, false}, {0, true}};

static void text_stays_verbatim_but_for_newlines_and_mark(void **state)
{
	static const struct {
		const char *in, *out; /* NULL = no message */
		enum jsonrpc_kind kind;
	} cases[] = {
	    {REQUEST, REQUEST, JSONRPC_REQUEST},
	    {REQUEST "\n", REQUEST, JSONRPC_REQUEST},
	    {REQUEST "\r\n\r\n", REQUEST, JSONRPC_REQUEST},
	    {BOM REQUEST, REQUEST, JSONRPC_REQUEST},
	    {BOM "\r\n" REQUEST "\n", "  " REQUEST, JSONRPC_REQUEST},
	    {" \t" REQUEST " \t\r\n", " \t" REQUEST " \t", JSONRPC_REQUEST},
	    {"\n" REQUEST " \n \r\n", " " REQUEST "   ", JSONRPC_REQUEST},
	    {"{\r\n\"id\"\n:\r1,\"result\"\n:\n{}\n}", "{  \"id\" : 1,\"result\" : {} }",
	        JSONRPC_RESPONSE},
	    {"{\"method\":\"a\\nb\"}", "{\"method\":\"a\\nb\"}", JSONRPC_NOTIFICATION},
	    {"{\"id\":1,\"x\":2}", "{\"id\":1,\"x\":2}", JSONRPC_INVALID},
	    {"[1,\n2]", "[1, 2]", JSONRPC_INVALID},
	    {"7\n", "7", JSONRPC_INVALID},
	    {"[{\"method\":\"a\"}\r\n,{\"id\":1,\"error\":{}}]\r\n",
	        "[{\"method\":\"a\"}  ,{\"id\":1,\"error\":{}}]", JSONRPC_BATCH},
	    {"{\"id\":1,\n\"method\":\r\n", "{\"id\":1,\n\"method\":", JSONRPC_NOT_JSON},
	    {"{\"a\":\"x\ny\"}", "{\"a\":\"x\ny\"}", JSONRPC_NOT_JSON},
	    {"hello\r", "hello", JSONRPC_NOT_JSON},
	    {BOM "hello", "hello", JSONRPC_NOT_JSON},
	    {BOM BOM "{}", BOM "{}", JSONRPC_NOT_JSON},
	    {"\xEF\xBB", "\xEF\xBB", JSONRPC_NOT_JSON},
	    {"{\"method\":\"\xff\"}", "{\"method\":\"\xff\"}", JSONRPC_NOT_JSON},
	    {"", NULL, JSONRPC_NOT_JSON},
	    {" ", NULL, JSONRPC_NOT_JSON},
	    {"\r\n\t \n", NULL, JSONRPC_NOT_JSON},
	    {BOM, NULL, JSONRPC_NOT_JSON},
	    {BOM "\t\r\n", NULL, JSONRPC_NOT_JSON},
	};
	struct intake in;

	(void)state;
	intake_init(&in, NO_LIMIT);
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t f = 0; f < COUNT(feeds); f++) {
			struct message *m =
			    take_text(&in, &feeds[f], cases[i].in, strlen(cases[i].in));

			if (cases[i].out == NULL) {
				assert_null(m);
				continue;
			}
			assert_non_null(m);
			assert_text(m, cases[i].out);
			assert_int_equal(m->envelope.kind, cases[i].kind);
			assert_false(m->digest);
			if (m->envelope.kind != JSONRPC_NOT_JSON)
				assert_false(m->envelope.has_newline);
			message_free(m);
		}
	}
	intake_free(&in);
}

static void spans_count_from_the_text_kept(void **state)
{
	static const char text[] = BOM "\n{\"params\":[1],\n\"id\":\"x\",\"method\":\"m\"}\r\n";
	struct message *m;
	struct intake in;

	(void)state;
	intake_init(&in, NO_LIMIT);
	for (size_t f = 0; f < COUNT(feeds); f++) {
		m = take_text(&in, &feeds[f], text, strlen(text));
		assert_text(m, " {\"params\":[1], \"id\":\"x\",\"method\":\"m\"}");
		assert_span(m, m->envelope.id, "\"x\"");
		assert_span(m, m->envelope.method, "\"m\"");
		assert_span(m, m->envelope.params, "[1]");
		message_free(m);
		m = take_text(&in, &feeds[f], BOM "{\"id\":12,\"error\":{\"code\":1}}", 31);
		assert_span(m, m->envelope.id, "12");
		assert_span(m, m->envelope.result, "{\"code\":1}");
		assert_true(m->envelope.is_error);
		message_free(m);
		/* Not JSON in the end, but with an id to answer. */
		m = take_text(&in, &feeds[f], BOM "{\"id\":12,\"method\":", 20);
		assert_int_equal(m->envelope.kind, JSONRPC_NOT_JSON);
		assert_span(m, m->envelope.id, "12");
		message_free(m);
	}
	intake_free(&in);
}

/* The envelope is the one that a scan of the text kept would give. */
static void envelope_equals_a_scan_of_the_text(void **state)
{
	static const char *const pieces[] = {"{", "}", "[", "]", ",", ":", "\"id\"", "\"method\"",
	    "\"params\"", "\"result\"", "1", "\"x\"", "\n", "\r\n", " ", "null", "{\"id\":1,",
	    "\"method\":\"m\"}", "\"result\":[]}", "[{\"id\":1,"};
	char text[512];
	struct intake in;

	(void)state;
	srand(1);
	intake_init(&in, NO_LIMIT);
	for (int round = 0; round < 20000; round++) {
		const struct feed *f = &feeds[(size_t)rand() % COUNT(feeds)];
		struct jsonrpc_envelope e;
		struct message *m;
		size_t len = 0;

		for (int n = rand() % 8; n >= 0; n--)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
			    pieces[(size_t)rand() % COUNT(pieces)]);
		m = take_text(&in, f, text, len);
		if (m == NULL)
			continue;
		assert_int_equal(
		    jsonrpc_scan_text(m->text.data, m->text.len, &e), m->envelope.kind);
		if (e.kind != JSONRPC_NOT_JSON)
			assert_memory_equal(&e, &m->envelope, sizeof(e));
		else
			assert_null(strchr("\r\n", m->text.data[m->text.len - 1]));
		message_free(m);
	}
	intake_free(&in);
}

static void newlines_become_spaces_in_long_texts(void **state)
{
	size_t len = 100000;
	char *text = malloc(len + 1), *expected = malloc(len + 1);
	struct message *m;
	struct intake in;

	(void)state;
	assert_non_null(text);
	assert_non_null(expected);
	for (size_t i = 0; i <= len; i++) {
		text[i] = i % 7 == 0 ? '\r' : i % 5 == 0 ? '\n' : i % 3 == 0 ? '\t' : ' ';
		expected[i] = i % 7 == 0 || i % 5 == 0 ? ' ' : text[i];
	}
	text[3] = expected[3] = '[';
	text[len - 1] = expected[len - 1] = ']';
	expected[len] = text[len] = '\0';
	intake_init(&in, NO_LIMIT);
	for (size_t cut = 0; cut < 70; cut++) { /* every length modulo the block */
		text[len - 1 - cut] = expected[len - 1 - cut] = ']';
		text[len - cut] = expected[len - cut] = '\0';
		m = take_text(&in, &feeds[0], text, strlen(text));
		assert_int_equal(m->envelope.kind, JSONRPC_INVALID);
		assert_text(m, expected);
		message_free(m);
	}
	intake_free(&in);
	free(text);
	free(expected);
}

/* --- limits -------------------------------------------------------------------------------- */

static void the_limit_is_exact_and_newlines_do_not_count(void **state)
{
	static const char *const ends[] = {
	    "", "\n", "\r\n", "\r\n\r\n", "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"};
	size_t len = strlen(REQUEST);
	char text[200];
	struct message *m;
	struct intake in;

	(void)state;
	for (size_t e = 0; e < COUNT(ends); e++) {
		for (size_t f = 0; f < COUNT(feeds); f++) {
			snprintf(text, sizeof(text), "%s%s", REQUEST, ends[e]);
			intake_init(&in, len);
			m = take_text(&in, &feeds[f], text, strlen(text));
			assert_false(m->digest);
			assert_int_equal(m->size, len);
			assert_text(m, REQUEST);
			message_free(m);
			intake_free(&in);

			intake_init(&in, len - 1);
			m = take_text(&in, &feeds[f], text, strlen(text));
			assert_true(m->digest);
			assert_int_equal(m->size, len);
			assert_text(m, "{\"id\":7,\"method\":\"tools/call\"}");
			message_free(m);
			intake_free(&in);

			/* Once something follows, newlines count like anything else. */
			snprintf(text, sizeof(text), "%s%s ", REQUEST, ends[e]);
			intake_init(&in, len);
			m = take_text(&in, &feeds[f], text, strlen(text));
			assert_true(m->digest);
			assert_int_equal(m->size, strlen(text));
			assert_int_equal(m->envelope.kind, JSONRPC_REQUEST);
			message_free(m);
			intake_free(&in);
		}
	}
}

static void newlines_beyond_the_limit_still_count_as_text(void **state)
{
	struct message *m;
	struct intake in;

	(void)state;
	intake_init(&in, 2);
	for (size_t f = 0; f < COUNT(feeds); f++) {
		/* Two numbers, not one: the newlines dropped on the way part them. */
		m = take_text(&in, &feeds[f], "12\n\n\n\n\n\n34", 10);
		assert_true(m->digest);
		assert_int_equal(m->envelope.kind, JSONRPC_NOT_JSON);
		assert_int_equal(m->size, 10);
		message_free(m);
	}
	intake_free(&in);
}

static void a_digest_has_the_kind_of_the_original(void **state)
{
	static const struct {
		const char *text;
		const char *id, *method;
		enum jsonrpc_kind kind;
		bool is_error;
	} cases[] = {
	    {"{\"method\":\"m\",\"id\":\"a\\u00e9\",\"params\":[11111111111111]}", "\"a\\u00e9\"",
	        "\"m\"", JSONRPC_REQUEST, false},
	    {"{\"params\":[11111111111111111111],\"method\":\"m\"}", "", "\"m\"",
	        JSONRPC_NOTIFICATION, false},
	    {"{\"result\":[11111111111111111111],\"id\":3}", "3", "", JSONRPC_RESPONSE, false},
	    {"{\"id\":1e3,\"error\":[11111111111111111111]}", "1e3", "", JSONRPC_RESPONSE, true},
	    {BOM "{\r\n\"id\":4,\r\n\"error\":[1111111111111111]}\r\n", "4", "", JSONRPC_RESPONSE,
	        true},
	    {"[{\"id\":1,\"method\":\"a\"},{\"id\":2,\"method\":\"b\",\"params\":{}}]", "", "",
	        JSONRPC_BATCH, false},
	    /* Not JSON-RPC: an id, if there was one. */
	    {"{\"id\":55,\"x\":\"11111111111111111111111\"}", "55", "", JSONRPC_INVALID, false},
	    {"{\"x\":\"11111111111111111111111\",\"id\":\"q\"}", "\"q\"", "", JSONRPC_INVALID,
	        false},
	    {"{\"id\":1,\"id\":2,\"method\":\"mmmmmmmmmmmmmmm\"}", "", "", JSONRPC_INVALID, false},
	    {"{\"id\":55,\"method\":\"11111111111111111111111\"", "55", "", JSONRPC_NOT_JSON,
	        false},
	    {"{\"id\":56,\"method\":\"11111111111\"}{\"id\":57}", "56", "", JSONRPC_NOT_JSON,
	        false},
	    {"[{\"id\":55,\"x\":\"1111111111111111111111\"}]", "", "", JSONRPC_INVALID, false},
	    {"hello, this is certainly not JSON at all", "", "", JSONRPC_NOT_JSON, false},
	};
	struct message *m;
	struct intake in;

	(void)state;
	intake_init(&in, 24);
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t f = 0; f < COUNT(feeds); f++) {
			size_t len = strlen(cases[i].text);

			m = take_text(&in, &feeds[f], cases[i].text, len);
			assert_non_null(m);
			assert_true(m->digest);
			if (cases[i].text[len - 1] == '\n')
				len -= 2;
			assert_int_equal(m->size, len);
			assert_int_equal(m->envelope.kind, cases[i].kind);
			assert_int_equal(m->envelope.is_error, cases[i].is_error);
			assert_span(m, m->envelope.id, cases[i].id);
			assert_span(m, m->envelope.method, cases[i].method);
			assert_true(m->text.cap > m->text.len);
			assert_true(m->text.len <= 64);
			if (m->envelope.kind == JSONRPC_BATCH) {
				struct jsonrpc_envelope e;
				size_t at = 0, n = 0;

				while (jsonrpc_batch_next(m->text.data, m->text.len, &at, &e))
					n += e.kind == JSONRPC_REQUEST;
				assert_int_equal(n, 2);
			}
			message_free(m);
		}
	}
	intake_free(&in);
}

static void blank_over_the_limit_is_nothing(void **state)
{
	struct intake in;

	(void)state;
	intake_init(&in, 4);
	for (size_t f = 0; f < COUNT(feeds); f++)
		assert_null(take_text(&in, &feeds[f], "    \t\t\t\t    \r\n", 14));
	intake_free(&in);
}

static void over_the_limit_nothing_is_kept(void **state)
{
	static const char head[] = "{\"id\":1,\"method\":\"m\",\"params\":\"";
	unsigned char piece[INTAKE_SCRATCH];
	struct message *m;
	struct intake in;
	size_t room;
	bool lost;

	(void)state;
	memset(piece, 'p', sizeof(piece));
	intake_init(&in, ONE_MEGA);
	intake_write(&in, head, strlen(head));
	for (size_t i = 0; i < 200; i++) {
		intake_write(&in, piece, sizeof(piece));
		assert_true(in.message == NULL || in.message->text.cap <= ONE_MEGA + 3);
	}
	assert_null(in.message);
	for (size_t i = 0; i < 200; i++) {
		memset(intake_room(&in, NO_LIMIT, &room), 'p', 100);
		assert_in_range(room, 100, INTAKE_SCRATCH);
		intake_commit(&in, 100);
	}
	assert_true(in.digest.cap < 4096);
	intake_write(&in, "\"}", 2);
	m = intake_end(&in, &lost);
	assert_false(lost);
	assert_true(m->digest);
	assert_int_equal(m->size, strlen(head) + 200 * sizeof(piece) + 200 * 100 + 2);
	assert_int_equal(m->envelope.kind, JSONRPC_REQUEST);
	assert_true(message_cost(m) < 4096);
	message_free(m);
	/* The next message is kept again. */
	m = take_text(&in, &feeds[0], REQUEST, strlen(REQUEST));
	assert_false(m->digest);
	assert_text(m, REQUEST);
	message_free(m);
	intake_free(&in);
}

static void no_memory_is_like_over_the_limit(void **state)
{
	struct message *m;
	struct intake in;
	size_t room;
	void *to;
	bool lost;

	(void)state;
	intake_init(&in, SIZE_MAX);
	to = intake_room(&in, SIZE_MAX / 8, &room); /* more than there can be */
	assert_in_range(room, 1, INTAKE_SCRATCH);
	memcpy(to, REQUEST, 5);
	intake_commit(&in, 5);
	intake_write(&in, &REQUEST[5], strlen(REQUEST) - 5);
	m = intake_end(&in, &lost);
	assert_false(lost);
	assert_true(m->digest);
	assert_int_equal(m->size, strlen(REQUEST));
	assert_text(m, "{\"id\":7,\"method\":\"tools/call\"}");
	message_free(m);

	/* In the middle of a message: what was kept is not lost to the digest. */
	intake_write(&in, REQUEST, 63); /* with the spare byte no room is left */
	to = intake_room(&in, SIZE_MAX / 8, &room);
	memcpy(to, &REQUEST[63], 1);
	intake_commit(&in, 1);
	intake_write(&in, &REQUEST[64], strlen(REQUEST) - 64);
	m = intake_end(&in, &lost);
	assert_true(m->digest);
	assert_int_equal(m->size, strlen(REQUEST));
	assert_text(m, "{\"id\":7,\"method\":\"tools/call\"}");
	message_free(m);
	intake_free(&in);
}

static void memory_stays_close_to_the_text(void **state)
{
	unsigned char piece[5000];
	struct message *m;
	struct intake in;
	size_t room;
	bool lost;

	(void)state;
	memset(piece, ' ', sizeof(piece));
	piece[0] = '1';
	intake_init(&in, NO_LIMIT);
	m = take_text(&in, &feeds[5], REQUEST "\r\n", strlen(REQUEST) + 2);
	assert_in_range(
	    m->text.cap, strlen(REQUEST) + 1, strlen(REQUEST) + 3 + strlen(REQUEST) / 4);
	message_free(m);

	memcpy(intake_room(&in, ONE_MEGA, &room), REQUEST, strlen(REQUEST));
	intake_commit(&in, strlen(REQUEST));
	m = intake_end(&in, &lost);
	assert_in_range(m->text.cap, strlen(REQUEST) + 1, 2 * strlen(REQUEST));
	message_free(m);

	for (size_t i = 0; i < 400; i++) {
		intake_write(&in, piece, sizeof(piece));
		assert_true(in.message->text.cap <= 2 * in.message->text.len + sizeof(piece));
		piece[0] = ' ';
	}
	m = intake_end(&in, &lost);
	assert_int_equal(m->text.len, 400 * sizeof(piece));
	assert_in_range(m->text.cap, m->text.len + 1, 2 * m->text.len + 65);
	message_free(m);
	intake_free(&in);
}

static void a_dropped_message_leaves_no_trace(void **state)
{
	struct message *m;
	struct intake in;
	size_t room;
	bool lost = true;

	(void)state;
	intake_init(&in, 40);
	intake_drop(&in);
	intake_write(&in, "{\"id\":9,", 8);
	intake_drop(&in);
	assert_int_equal(intake_size(&in), 0);
	assert_null(intake_end(&in, &lost));
	assert_false(lost);
	intake_write(&in, REQUEST, strlen(REQUEST)); /* over the limit */
	intake_drop(&in);
	intake_room(&in, 10, &room); /* and never used */
	assert_null(intake_end(&in, &lost));
	m = take_text(&in, &feeds[0], "{\"method\":\"m\"}", 14);
	assert_text(m, "{\"method\":\"m\"}");
	assert_int_equal(m->envelope.kind, JSONRPC_NOTIFICATION);
	message_free(m);
	intake_write(&in, REQUEST, 20); /* freed unfinished */
	intake_free(&in);
	intake_init(&in, 4);
	intake_write(&in, REQUEST, strlen(REQUEST));
	intake_free(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(new_copies_and_scans),
	    cmocka_unit_test(new_of_nothing),
	    cmocka_unit_test(adopt_takes_the_buffer),
	    cmocka_unit_test(adopt_gives_back_unused_memory),
	    cmocka_unit_test(method_is),
	    cmocka_unit_test(lists_keep_order_count_and_cost),
	    cmocka_unit_test(text_stays_verbatim_but_for_newlines_and_mark),
	    cmocka_unit_test(spans_count_from_the_text_kept),
	    cmocka_unit_test(envelope_equals_a_scan_of_the_text),
	    cmocka_unit_test(newlines_become_spaces_in_long_texts),
	    cmocka_unit_test(the_limit_is_exact_and_newlines_do_not_count),
	    cmocka_unit_test(newlines_beyond_the_limit_still_count_as_text),
	    cmocka_unit_test(a_digest_has_the_kind_of_the_original),
	    cmocka_unit_test(blank_over_the_limit_is_nothing),
	    cmocka_unit_test(over_the_limit_nothing_is_kept),
	    cmocka_unit_test(no_memory_is_like_over_the_limit),
	    cmocka_unit_test(memory_stays_close_to_the_text),
	    cmocka_unit_test(a_dropped_message_leaves_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
