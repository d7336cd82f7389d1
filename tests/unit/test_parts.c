/*
 * The parts of a message: what is read of them, and what is left when some of them go or change.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "method.h"
#include "parts.h"

/* What the judge below is told: of each part in turn k(ept), d(ropped) or c(hanged). */
struct session {
	const char *fates;
	size_t asked;
};

static struct message *message(const char *text)
{
	struct message *m = message_new(text, strlen(text));

	assert_non_null(m);
	return m;
}

static void assert_text(struct message *m, const char *text)
{
	assert_int_equal(m->text.len, strlen(text));
	assert_memory_equal(m->text.data, text, m->text.len);
}

static enum part_fate judge(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with)
{
	switch (s->fates[s->asked++]) {
	case 'k':
		return PART_KEPT;
	case 'd':
		return PART_DROPPED;
	case 'c':
		assert_int_equal(buf_append_str(with, "\"new\""), BUF_OK);
		return PART_CHANGED;
	default: /* the method */
		*span = e->method;
		assert_true(span->at + span->len <= m->text.len);
		assert_int_equal(buf_append_str(with, "\"b\""), BUF_OK);
		return PART_CHANGED;
	}
}

/* What is made of ${text}; NULL = nothing. */
static void becomes(const char *text, const char *fates, const char *expected)
{
	struct session s = {.fates = fates};
	struct message *m = message(text), *before = m;
	uint64_t lost = 0;

	m->size = 7;
	m->arrived = 8;
	m->waits_since = 9;
	m->links = 1;
	m->serial = 10;
	m = parts_rebuild(m, judge, &s, &lost);
	assert_int_equal(s.asked, strlen(fates));
	assert_int_equal(lost, 0);
	if (!expected) {
		assert_null(m);
		return;
	}
	assert_non_null(m);
	if (strspn(fates, "k") == strlen(fates))
		assert_ptr_equal(m, before);
	assert_text(m, expected);
	/* What is known of the message stays known. */
	assert_int_equal(m->size, 7);
	assert_int_equal(m->arrived, 8);
	assert_int_equal(m->waits_since, 9);
	assert_int_equal(m->links, 1);
	assert_int_equal(m->serial, 10);
	message_free(m);
}

#define A "{\"id\":1,\"method\":\"a\"}"
#define B "{\"id\": 2 ,\"result\":[{}, {}]}"
#define C "{\"method\":\"c\"}"

static void test_parts_are_walked(void **state)
{
	struct message *batch = message("[" A ", " B "," C "]"), *single = message(C);
	struct jsonrpc_envelope e;
	size_t at = 0, len;

	(void)state;
	assert_true(parts_next(batch, &at, &e));
	assert_int_equal(e.kind, JSONRPC_REQUEST);
	const char *id = parts_id(batch, &e, &len);
	assert_int_equal(len, 1);
	assert_memory_equal(id, "1", 1);
	assert_true(parts_next(batch, &at, &e));
	assert_int_equal(e.kind, JSONRPC_RESPONSE);
	assert_int_equal(parts_traits(batch, &e), 0);
	assert_true(parts_next(batch, &at, &e));
	assert_int_equal(e.kind, JSONRPC_NOTIFICATION);
	assert_null(parts_id(batch, &e, &len));
	assert_false(parts_next(batch, &at, &e));
	assert_false(parts_is_one_way(batch));

	at = 0;
	assert_true(parts_next(single, &at, &e));
	assert_int_equal(e.kind, JSONRPC_NOTIFICATION);
	assert_false(parts_next(single, &at, &e));
	assert_true(parts_is_one_way(single));
	message_free(batch);
	message_free(single);
}

static void test_what_a_cancellation_names(void **state)
{
	static const struct {
		const char *params, *id;
	} rows[] = {
	    {"{\"reason\":\"x\",\"requestId\":\"7\"}", "\"7\""},
	    {"{\"requestId\":7}", "7"},
	    {"{}", NULL},
	    {"[7]", NULL},
	};
	struct pending_table *t = pending_table_new(10, 10, 0);
	struct jsonrpc_envelope e;
	char text[200];

	(void)state;
	struct pending *p = pending_add(t, "7", 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t at = 0, len;
		strcpy(text, "[{\"method\":\"notifications/cancelled\",\"params\":");
		strcat(text, rows[i].params);
		strcat(text, "}]");
		struct message *m = message(text);
		assert_true(parts_next(m, &at, &e));
		assert_int_equal(parts_traits(m, &e), METHOD_CANCELLED);
		struct jsonrpc_span span = parts_cancelled(m, &e);
		const char *id = message_span(m, span, &len);
		assert_int_equal(len, rows[i].id ? strlen(rows[i].id) : 0);
		if (rows[i].id)
			assert_memory_equal(id, rows[i].id, len);
		assert_ptr_equal(parts_find(t, m, span), i == 1 ? p : NULL);
		message_free(m);
	}
	pending_table_free(t);
}

static void test_nobody_has_an_id_that_long(void **state)
{
	static char text[JSONRPC_ID_MAX + 100];
	struct jsonrpc_envelope e;
	size_t at = 0;

	(void)state;
	strcpy(text, "{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"");
	memset(text + strlen(text), 'x', JSONRPC_ID_MAX);
	strcat(text, "\"}}");
	struct message *m = message(text);
	assert_true(parts_next(m, &at, &e));
	assert_int_equal(parts_cancelled(m, &e).len, 0);
	message_free(m);
}

static void test_parts_of_a_batch_go_and_change(void **state)
{
	static const char batch[] = " [ " A " , " B ",\t" C " ] ";

	(void)state;
	becomes(batch, "kkk", batch);
	becomes(batch, "dkk", "[" B "," C "]");
	becomes(batch, "kdk", "[" A "," C "]");
	becomes(batch, "kkd", "[" A "," B "]");
	becomes(batch, "ddk", "[" C "]");
	becomes(batch, "ddd", NULL);
	becomes(batch, "kck", "[" A ",{\"id\": \"new\" ,\"result\":[{}, {}]}," C "]");
	becomes(batch, "mdm", "[{\"id\":1,\"method\":\"b\"},{\"method\":\"b\"}]");
}

static void test_so_does_a_message_that_is_none(void **state)
{
	(void)state;
	becomes(A, "k", A);
	becomes(A, "d", NULL);
	becomes(A, "c", "{\"id\":\"new\",\"method\":\"a\"}");
	becomes(C, "m", "{\"method\":\"b\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parts_are_walked),
	    cmocka_unit_test(test_what_a_cancellation_names),
	    cmocka_unit_test(test_nobody_has_an_id_that_long),
	    cmocka_unit_test(test_parts_of_a_batch_go_and_change),
	    cmocka_unit_test(test_so_does_a_message_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
