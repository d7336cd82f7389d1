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

#include "answer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NO_LIMIT ((size_t)1 << 20)
#define BEFORE   "what was there before\n"

static const struct {
	const char *id; /* NULL = none */
	struct answer answer;
	const char *text;
} answers[] = {
    {"1",
        {.code = ANSWER_LINK_LOST,
            .delivered = ANSWER_MAYBE_SENT,
            .message = "The link to ws://x/ was lost.",
            .reason = "closed with 1006"},
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-31001,\"message\":\"The link to "
        "ws://x/ was lost.\",\"data\":{\"source\":\"wsmcp\",\"delivered\":\"unknown\","
        "\"reason\":\"closed with 1006\"}}}"},
    {NULL, {.code = ANSWER_NOT_JSON, .message = "m"},
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"m\","
        "\"data\":{\"source\":\"wsmcp\"}}}"},
    {"null", {.code = ANSWER_NOT_JSONRPC, .message = ""},
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"\","
        "\"data\":{\"source\":\"wsmcp\"}}}"},
    {"\"\\u00e9\"", {.code = ANSWER_NO_LINK, .delivered = ANSWER_NOT_SENT, .message = "m"},
        "{\"jsonrpc\":\"2.0\",\"id\":\"\\u00e9\",\"error\":{\"code\":-31002,\"message\":\"m\","
        "\"data\":{\"source\":\"wsmcp\",\"delivered\":\"no\"}}}"},
    {"9007199254740993", {.code = ANSWER_TIMED_OUT, .message = "m", .reason = ""},
        "{\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"error\":{\"code\":-31003,"
        "\"message\":\"m\",\"data\":{\"source\":\"wsmcp\",\"reason\":\"\"}}}"},
    {"-1.50e+2", {.code = ANSWER_TOO_LARGE, .message = "m", .size = 3000000001, .limit = 67108864},
        "{\"jsonrpc\":\"2.0\",\"id\":-1.50e+2,\"error\":{\"code\":-31004,\"message\":\"m\","
        "\"data\":{\"source\":\"wsmcp\",\"size\":3000000001,\"limit\":67108864}}}"},
    {"\"\"", {.code = ANSWER_TOO_LARGE, .message = "m", .size = 1},
        "{\"jsonrpc\":\"2.0\",\"id\":\"\",\"error\":{\"code\":-31004,\"message\":\"m\","
        "\"data\":{\"source\":\"wsmcp\",\"size\":1}}}"},
    {"0",
        {.code = ANSWER_MALFORMED,
            .message = "a \"b\" \\ \n \x01 \xC3\xA9 \xF0\x9F\x98\x80",
            .reason = "\t\""},
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"error\":{\"code\":-31005,\"message\":\"a \\\"b\\\" \\\\ "
        "\\n \\u0001 \xC3\xA9 \xF0\x9F\x98\x80\",\"data\":{\"source\":\"wsmcp\",\"reason\":"
        "\"\\t\\\"\"}}}"},
};

static const struct {
	const char *id, *reason, *text;
} cancels[] = {
    {"7", "the link was lost",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":7,"
        "\"reason\":\"the link was lost\"}}"},
    {"\"\\u00e9\"", "a \"b\"\n",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":"
        "\"\\u00e9\",\"reason\":\"a \\\"b\\\"\\n\"}}"},
    {"9007199254740993", "",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":"
        "9007199254740993,\"reason\":\"\"}}"},
};

static void assert_text(const struct buf *b, const char *expected)
{
	if (b->len != strlen(expected) || memcmp(b->data, expected, b->len) != 0)
		fail_msg("%.*s\nis not\n%s", (int)b->len, (const char *)b->data, expected);
}

/* Ids are no strings: a byte more than their length is there, and must not be read. */
static int append_answer(struct buf *out, const char *id, const struct answer *answer)
{
	char raw[64];

	if (id == NULL)
		return answer_append(out, NULL, 0, answer);
	(void)snprintf(raw, sizeof(raw), "%s,", id);
	return answer_append(out, raw, strlen(id), answer);
}

static int append_cancel(struct buf *out, const char *id, const char *reason)
{
	char raw[64];

	(void)snprintf(raw, sizeof(raw), "%s,", id);
	return answer_append_cancel(out, raw, strlen(id), reason);
}

/* --- the texts ----------------------------------------------------------------------------- */

static void answers_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct buf b;

		buf_init(&b, NO_LIMIT);
		assert_int_equal(append_answer(&b, answers[i].id, &answers[i].answer), 0);
		assert_text(&b, answers[i].text);
		buf_free(&b);
	}
}

static void cancels_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cancels); i++) {
		struct buf b;

		buf_init(&b, NO_LIMIT);
		assert_int_equal(append_cancel(&b, cancels[i].id, cancels[i].reason), 0);
		assert_text(&b, cancels[i].text);
		buf_free(&b);
	}
}

static cJSON *parse(const struct buf *b)
{
	cJSON *json = cJSON_ParseWithLength((const char *)b->data, b->len);

	assert_non_null(json);
	assert_string_equal(
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "jsonrpc")), "2.0");
	return json;
}

static void assert_string_or_none(const cJSON *object, const char *key, const char *expected)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (expected == NULL)
		assert_null(item);
	else
		assert_string_equal(cJSON_GetStringValue(item), expected);
}

static void assert_number_or_none(const cJSON *object, const char *key, uint64_t expected)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (expected == 0)
		assert_null(item);
	else
		assert_true(cJSON_GetNumberValue(item) == (double)expected);
}

static void what_is_in_an_answer_can_be_read_back(void **state)
{
	static const char *const words[] = {
	    [ANSWER_UNSAID] = NULL, [ANSWER_NOT_SENT] = "no", [ANSWER_MAYBE_SENT] = "unknown"};

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		const struct answer *a = &answers[i].answer;
		const cJSON *error, *code, *data;
		struct buf b;
		cJSON *json;

		buf_init(&b, NO_LIMIT);
		assert_int_equal(append_answer(&b, answers[i].id, a), 0);
		json = parse(&b);
		assert_int_equal(cJSON_GetArraySize(json), 3);
		error = cJSON_GetObjectItemCaseSensitive(json, "error");
		assert_int_equal(cJSON_GetArraySize(error), 3);
		code = cJSON_GetObjectItemCaseSensitive(error, "code");
		assert_int_equal((int)cJSON_GetNumberValue(code), a->code);
		data = cJSON_GetObjectItemCaseSensitive(error, "data");
		assert_string_or_none(error, "message", a->message);
		assert_string_or_none(data, "source", "wsmcp");
		assert_string_or_none(data, "delivered", words[a->delivered]);
		assert_string_or_none(data, "reason", a->reason);
		assert_number_or_none(data, "size", a->size);
		assert_number_or_none(data, "limit", a->limit);
		cJSON_Delete(json);
		buf_free(&b);
	}
}

static void codes_stay_out_of_others_ranges(void **state)
{
	static const int ours[] = {
	    ANSWER_LINK_LOST, ANSWER_NO_LINK, ANSWER_TIMED_OUT, ANSWER_TOO_LARGE, ANSWER_MALFORMED};

	(void)state;
	for (size_t i = 0; i < COUNT(ours); i++)
		assert_false(ours[i] >= -32768 && ours[i] <= -32000);
}

static void large_sizes_stay_exact(void **state)
{
	static const uint64_t sizes[] = {1, 2147483647, 2147483648, 4294967295, 4294967296,
	    1000000000000000, 9007199254740993, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct answer a = {.code = ANSWER_TOO_LARGE, .message = "m", .size = sizes[i]};
		char text[200];
		struct buf b;

		buf_init(&b, NO_LIMIT);
		assert_int_equal(answer_append(&b, "1", 1, &a), 0);
		(void)snprintf(text, sizeof(text),
		    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-31004,\"message\":\"m\","
		    "\"data\":{\"source\":\"wsmcp\",\"size\":%llu}}}",
		    (unsigned long long)sizes[i]);
		assert_text(&b, text);
		buf_free(&b);
	}
}

/* --- the buffer ---------------------------------------------------------------------------- */

static void they_stand_behind_what_was_there(void **state)
{
	struct buf b;
	char text[1000];

	(void)state;
	buf_init(&b, NO_LIMIT);
	assert_int_equal(buf_append_str(&b, "["), BUF_OK);
	assert_int_equal(append_answer(&b, answers[0].id, &answers[0].answer), 0);
	assert_int_equal(buf_append_str(&b, ","), BUF_OK);
	assert_int_equal(append_cancel(&b, cancels[0].id, cancels[0].reason), 0);
	(void)snprintf(text, sizeof(text), "[%s,%s", answers[0].text, cancels[0].text);
	assert_text(&b, text);
	buf_free(&b);
}

/* Every maximum that is too small, and the first that is not. */
static void a_buffer_too_small_stays_as_it_was(void **state)
{
	size_t answer_len = strlen(answers[0].text), cancel_len = strlen(cancels[0].text);

	(void)state;
	for (size_t room = 0; room <= answer_len; room++) {
		struct buf b;

		buf_init(&b, strlen(BEFORE) + room);
		assert_int_equal(buf_append_str(&b, BEFORE), BUF_OK);
		assert_int_equal(append_answer(&b, answers[0].id, &answers[0].answer),
		    room < answer_len ? -1 : 0);
		b.len = room < answer_len ? b.len : b.len - answer_len;
		assert_text(&b, BEFORE);
		assert_int_equal(append_cancel(&b, cancels[0].id, cancels[0].reason),
		    room < cancel_len ? -1 : 0);
		b.len = room < cancel_len ? b.len : b.len - cancel_len;
		assert_text(&b, BEFORE);
		buf_free(&b);
	}
}

/* --- memory that is out -------------------------------------------------------------------- */

static int allocations_left, blocks;

static void *stingy_malloc(size_t size)
{
	void *p = allocations_left > 0 ? malloc(size) : NULL;

	allocations_left--;
	blocks += p != NULL;
	return p;
}

static void counting_free(void *p)
{
	blocks -= p != NULL;
	free(p);
}

static void begin_stinginess(int allocations)
{
	cJSON_Hooks hooks = {.malloc_fn = stingy_malloc, .free_fn = counting_free};

	allocations_left = allocations;
	blocks = 0;
	cJSON_InitHooks(&hooks);
}

static void end_stinginess(void)
{
	cJSON_InitHooks(NULL);
	assert_int_equal(blocks, 0); /* all was freed, also where half of it was missing */
}

static void no_memory_changes_nothing(void **state)
{
	struct answer full = answers[0].answer;
	int given = 0, rc;
	struct buf b;

	(void)state;
	full.size = full.limit = 1;
	buf_init(&b, NO_LIMIT);
	assert_int_equal(buf_append_str(&b, BEFORE), BUF_OK);
	do {
		begin_stinginess(given++);
		rc = answer_append(&b, "1", 1, &full);
		end_stinginess();
		if (rc != 0)
			assert_text(&b, BEFORE);
	} while (rc != 0);
	assert_true(given > 8); /* some were refused */

	b.len = strlen(BEFORE);
	given = 0;
	do {
		begin_stinginess(given++);
		rc = answer_append_cancel(&b, "1", 1, "why");
		end_stinginess();
		if (rc != 0)
			assert_text(&b, BEFORE);
	} while (rc != 0);
	assert_true(given > 2);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_exact),
	    cmocka_unit_test(cancels_are_exact),
	    cmocka_unit_test(what_is_in_an_answer_can_be_read_back),
	    cmocka_unit_test(codes_stay_out_of_others_ranges),
	    cmocka_unit_test(large_sizes_stay_exact),
	    cmocka_unit_test(they_stand_behind_what_was_there),
	    cmocka_unit_test(a_buffer_too_small_stays_as_it_was),
	    cmocka_unit_test(no_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
