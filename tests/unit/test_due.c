#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "due.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SERVER   "ws://example/"

static struct due_queue queue(void)
{
	return (struct due_queue){.server = SERVER};
}

static void add(struct due_queue *q, enum due_kind kind, const char *id, struct due_extra extra)
{
	assert_true(due_add(q, kind, id, id ? strlen(id) : 0, extra));
}

/* The next answer, which must be valid JSON-RPC, as a tree. */
static cJSON *pull(struct due_queue *q, enum jsonrpc_kind kind)
{
	assert_true(due_waiting(q));
	struct message *m = due_pull(q);
	assert_non_null(m);
	assert_int_equal(m->envelope.kind, kind);
	cJSON *tree = cJSON_ParseWithLength((const char *)m->text.data, m->text.len);
	assert_non_null(tree);
	message_free(m);
	return tree;
}

static const cJSON *at(const cJSON *tree, const char *a, const char *b, const char *c)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(tree, a);

	if (b)
		found = cJSON_GetObjectItemCaseSensitive(found, b);
	return c ? cJSON_GetObjectItemCaseSensitive(found, c) : found;
}

static const struct row {
	const char *name;
	enum due_kind kind;
	int code;
	bool names_server;
} rows[] = {
    {"not JSON", DUE_NOT_JSON, -32700, false},
    {"not JSON-RPC", DUE_NOT_JSONRPC, -32600, false},
    {"id in use", DUE_ID_IN_USE, -32600, false},
    {"too many", DUE_TOO_MANY, -31002, true},
    {"link lost", DUE_LINK_LOST, -31001, true},
    {"no link", DUE_NO_LINK, -31002, true},
    {"linger", DUE_LINGER, -31003, true},
    {"timeout", DUE_TIMEOUT, -31003, true},
    {"message too large", DUE_MESSAGE_TOO_LARGE, -31004, true},
    {"reply too large", DUE_REPLY_TOO_LARGE, -31004, true},
    {"refused for its size", DUE_SERVER_REFUSED_SIZE, -31004, true},
    {"malformed", DUE_MALFORMED, -31005, true},
};

static void every_kind_has_its_code_and_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct due_queue q = queue();
		add(&q, rows[i].kind, "7", (struct due_extra){.delivered = ANSWER_NOT_SENT});
		cJSON *tree = pull(&q, JSONRPC_RESPONSE);
		const char *message = at(tree, "error", "message", NULL)->valuestring;
		if (at(tree, "error", "code", NULL)->valueint != rows[i].code ||
		    (strstr(message, SERVER) != NULL) != rows[i].names_server ||
		    message[strlen(message) - 1] != '.')
			fail_msg("%s: %s", rows[i].name, message);
		assert_string_equal(at(tree, "error", "data", "source")->valuestring, "wsmcp");
		assert_string_equal(at(tree, "error", "data", "delivered")->valuestring, "no");
		assert_null(at(tree, "error", "data", "reason"));
		assert_null(at(tree, "error", "data", "size"));
		assert_int_equal(at(tree, "id", NULL, NULL)->valueint, 7);
		cJSON_Delete(tree);
		assert_false(due_waiting(&q));
	}
}

static void what_is_known_is_told(void **state)
{
	struct due_queue q = queue();
	struct reason reason;

	(void)state;
	reason_set(&reason, REASON_UNREACHABLE, "no connection: refused");
	struct why *why = why_new(&reason);
	add(&q, DUE_NO_LINK, "\"a\"",
	    (struct due_extra){
	        .delivered = ANSWER_MAYBE_SENT, .why = why, .size = 5000000000, .limit = 42});
	why_release(why); /* the answer is a user of its own */
	cJSON *tree = pull(&q, JSONRPC_RESPONSE);
	assert_string_equal(at(tree, "error", "data", "delivered")->valuestring, "unknown");
	assert_string_equal(
	    at(tree, "error", "data", "reason")->valuestring, "no connection: refused");
	assert_true(at(tree, "error", "data", "size")->valuedouble == 5e9);
	assert_int_equal(at(tree, "error", "data", "limit")->valueint, 42);
	const char *message = at(tree, "error", "message", NULL)->valuestring;
	assert_non_null(strstr(message, ": no connection: refused. "));
	assert_non_null(strstr(message, reason_hint(&reason)));
	cJSON_Delete(tree);
}

static void an_id_is_given_back_as_it_was_written(void **state)
{
	static const char *const ids[] = {
	    "1", "1.0", "1e0", "9007199254740993", "\"\\u00e9\"", "\"\"", "-0", "null"};

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct due_queue q = queue();
		add(&q, DUE_TIMEOUT, ids[i], (struct due_extra){0});
		struct message *m = due_pull(&q);
		size_t len;
		const char *raw = message_span(m, m->envelope.id, &len);
		assert_int_equal(len, strlen(ids[i]));
		assert_memory_equal(raw, ids[i], len);
		message_free(m);
	}
}

static void without_an_id_it_is_null(void **state)
{
	struct due_queue q = queue();

	(void)state;
	add(&q, DUE_NOT_JSON, NULL, (struct due_extra){0});
	cJSON *tree = pull(&q, JSONRPC_RESPONSE);
	assert_true(cJSON_IsNull(at(tree, "id", NULL, NULL)));
	assert_null(at(tree, "error", "data", "delivered"));
	cJSON_Delete(tree);
}

static void a_pong_is_an_empty_result(void **state)
{
	struct due_queue q = queue();

	(void)state;
	add(&q, DUE_PONG, "3", (struct due_extra){0});
	cJSON *tree = pull(&q, JSONRPC_RESPONSE);
	assert_true(cJSON_IsObject(at(tree, "result", NULL, NULL)));
	assert_int_equal(cJSON_GetArraySize(at(tree, "result", NULL, NULL)), 0);
	assert_null(at(tree, "error", NULL, NULL));
	cJSON_Delete(tree);
}

static void answers_keep_their_order(void **state)
{
	struct due_queue q = queue();
	char id[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof id, "%d", i);
		add(&q, DUE_TIMEOUT, id, (struct due_extra){0});
	}
	for (int i = 0; i < 100; i++) {
		cJSON *tree = pull(&q, JSONRPC_RESPONSE);
		assert_int_equal(at(tree, "id", NULL, NULL)->valueint, i);
		cJSON_Delete(tree);
	}
	assert_false(due_waiting(&q));
}

static void each_waits_for_its_turn(void **state)
{
	struct due_queue q = queue();

	(void)state;
	assert_false(due_ready(&q, 1000));
	add(&q, DUE_TIMEOUT, "1", (struct due_extra){.after = 2});
	assert_false(due_ready(&q, 1));
	assert_true(due_ready(&q, 2));
	assert_true(due_ready(&q, 3));
	due_free(&q);
}

/* --- batches --------------------------------------------------------------------------------- */

static void answers_to_a_batch_go_out_as_one_array(void **state)
{
	struct due_queue q = queue();
	struct pending_batch *batch = pending_batch_new();

	(void)state;
	add(&q, DUE_LINK_LOST, "1", (struct due_extra){.batch = batch});
	add(&q, DUE_TIMEOUT, "9", (struct due_extra){0}); /* alone, between them */
	add(&q, DUE_LINK_LOST, "2", (struct due_extra){.batch = batch});
	add(&q, DUE_PONG, "3", (struct due_extra){.batch = batch});
	pending_batch_release(batch);
	cJSON *array = pull(&q, JSONRPC_BATCH);
	assert_int_equal(cJSON_GetArraySize(array), 3);
	int sum = 0;
	for (int i = 0; i < 3; i++)
		sum += at(cJSON_GetArrayItem(array, i), "id", NULL, NULL)->valueint;
	assert_int_equal(sum, 1 + 2 + 3);
	cJSON_Delete(array);
	cJSON *alone = pull(&q, JSONRPC_RESPONSE);
	assert_int_equal(at(alone, "id", NULL, NULL)->valueint, 9);
	cJSON_Delete(alone);
	assert_false(due_waiting(&q));
}

static void one_answer_to_a_batch_is_an_array_too(void **state)
{
	struct due_queue q = queue();
	struct pending_batch *batch = pending_batch_new();

	(void)state;
	add(&q, DUE_TIMEOUT, "1", (struct due_extra){.batch = batch});
	cJSON *array = pull(&q, JSONRPC_BATCH);
	assert_int_equal(cJSON_GetArraySize(array), 1);
	cJSON_Delete(array);
	pending_batch_release(batch);
}

/* What comes after the host has taken the array goes into another one. */
static void late_answers_begin_a_new_array(void **state)
{
	struct due_queue q = queue();
	struct pending_batch *batch = pending_batch_new();

	(void)state;
	add(&q, DUE_TIMEOUT, "1", (struct due_extra){.batch = batch});
	cJSON_Delete(pull(&q, JSONRPC_BATCH));
	add(&q, DUE_TIMEOUT, "2", (struct due_extra){.batch = batch});
	cJSON *array = pull(&q, JSONRPC_BATCH);
	assert_int_equal(at(cJSON_GetArrayItem(array, 0), "id", NULL, NULL)->valueint, 2);
	cJSON_Delete(array);
	pending_batch_release(batch);
}

static void everything_left_is_freed(void **state)
{
	struct due_queue q = queue();
	struct pending_batch *batch = pending_batch_new();
	struct reason reason = {.kind = REASON_LOST};
	struct why *why = why_new(&reason);

	(void)state;
	for (int i = 0; i < 10; i++)
		add(&q, DUE_TIMEOUT, "1",
		    (struct due_extra){.batch = i % 2 ? batch : NULL, .why = why});
	why_release(why);
	pending_batch_release(batch);
	due_free(&q);
	due_free(&q);
	assert_false(due_waiting(&q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_kind_has_its_code_and_sentence),
	    cmocka_unit_test(what_is_known_is_told),
	    cmocka_unit_test(an_id_is_given_back_as_it_was_written),
	    cmocka_unit_test(without_an_id_it_is_null),
	    cmocka_unit_test(a_pong_is_an_empty_result),
	    cmocka_unit_test(answers_keep_their_order),
	    cmocka_unit_test(each_waits_for_its_turn),
	    cmocka_unit_test(answers_to_a_batch_go_out_as_one_array),
	    cmocka_unit_test(one_answer_to_a_batch_is_an_array_too),
	    cmocka_unit_test(late_answers_begin_a_new_array),
	    cmocka_unit_test(everything_left_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
