#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "method.h"
#include "replay.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LISTS    (METHOD_ASKS_TOOLS | METHOD_ASKS_RESOURCES | METHOD_ASKS_PROMPTS)

#define INITIALIZE                                                                                 \
	"{\"id\" : 1.0, \"method\":\"initialize\",\"params\":{\"protocolVersion\" : "              \
	"\"2025-06-18\","                                                                          \
	"\"capabilities\":{\"x\":1e5}},\"jsonrpc\":\"2.0\"}"

static struct message *text(const char *s)
{
	struct message *m = message_new(s, strlen(s));

	assert_non_null(m);
	return m;
}

static void assert_text(const struct message *m, const char *expected)
{
	assert_non_null(m);
	assert_int_equal(m->text.len, strlen(expected));
	assert_memory_equal(m->text.data, expected, m->text.len);
}

/* The next of the list, which must have this text. */
static void assert_next(struct message_list *l, const char *expected)
{
	struct message *m = message_list_pop(l);

	assert_text(m, expected);
	message_free(m);
}

static bool learn_initialize(struct replay *r, const char *request, const char *response)
{
	struct message *q = text(request), *a = text(response);
	bool learnt = replay_learn_initialize(r, q, a);

	message_free(q);
	message_free(a);
	return learnt;
}

static void learn(struct replay *r, unsigned traits, const char *request)
{
	struct message *m = text(request);

	replay_learn(r, traits, m);
	message_free(m);
}

static enum replay_answer judge(struct replay *r, const char *answer)
{
	struct message *m = text(answer);
	enum replay_answer verdict = replay_judge(r, m);

	message_free(m);
	return verdict;
}

static int64_t next_id(void *user)
{
	int64_t *id = user;

	return (*id)--;
}

/* What follows the replayed initialize. */
static struct message_list rest(const struct replay *r)
{
	struct message_list out = {0};
	int64_t id = 2000;

	assert_true(replay_make_rest(r, next_id, &id, &out));
	return out;
}

static struct message_list missed(const struct replay *r)
{
	struct message_list out = {0};

	assert_true(replay_make_missed(r, &out));
	return out;
}

static struct replay initialized(const char *capabilities)
{
	struct replay r = {0};
	char answer[400];

	snprintf(answer, sizeof answer,
	    "{\"id\":1,\"result\":{\"protocolVersion\":\"2025-03-26\",\"capabilities\":%s}}",
	    capabilities);
	assert_true(learn_initialize(&r, INITIALIZE, answer));
	return r;
}

/* --- initialize ---------------------------------------------------------------------------- */

/* Everything but the version and the id stays as the host wrote it. */
static void the_agreed_version_takes_the_place_of_the_asked_one(void **state)
{
	struct replay r = initialized("{}");
	struct message *m = replay_make_initialize(&r, 2147483647);

	(void)state;
	assert_text(m,
	    "{\"id\" : 2147483647, \"method\":\"initialize\",\"params\":{\"protocolVersion\" : "
	    "\"2025-03-26\",\"capabilities\":{\"x\":1e5}},\"jsonrpc\":\"2.0\"}");
	message_free(m);
	replay_free(&r);
}

static void only_a_string_version_on_both_sides_is_remembered(void **state)
{
	static const struct pair {
		const char *request, *response;
	} pairs[] = {
	    {"{\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":1}}",
	        "{\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\"}}"},
	    {INITIALIZE, "{\"id\":1,\"result\":{\"protocolVersion\":1}}"},
	    {INITIALIZE, "{\"id\":1,\"result\":{}}"},
	    {INITIALIZE, "{\"id\":1,\"result\":null}"},
	    {INITIALIZE, "{\"id\":1,\"error\":{\"protocolVersion\":\"2025-06-18\"}}"},
	    {"{\"id\":1,\"method\":\"initialize\"}",
	        "{\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\"}}"},
	    {"{\"id\":1,\"method\":\"initialize\",\"params\":[\"2025-06-18\"]}",
	        "{\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\"}}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct replay r = {0};
		assert_false(learn_initialize(&r, pairs[i].request, pairs[i].response));
		assert_null(r.initialize);
		replay_free(&r);
	}
}

static void a_failed_one_leaves_the_old_one_alone(void **state)
{
	struct replay r = initialized("{}");

	(void)state;
	r.initialized = true;
	assert_false(learn_initialize(&r, INITIALIZE, "{\"id\":1,\"result\":{}}"));
	assert_non_null(r.initialize);
	assert_true(r.initialized);
	replay_free(&r);
}

static void a_new_one_forgets_what_the_old_one_left(void **state)
{
	struct replay r = initialized("{\"tools\":{\"listChanged\":true}}");

	(void)state;
	r.initialized = true;
	learn(&r, METHOD_SET_LEVEL, "{\"id\":2,\"method\":\"logging/setLevel\"}");
	learn(&r, METHOD_SUBSCRIBE, "{\"id\":3,\"method\":\"s\",\"params\":{\"uri\":\"a\"}}");
	assert_true(learn_initialize(
	    &r, INITIALIZE, "{\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\"}}"));
	struct message_list l = rest(&r);
	assert_int_equal(l.count, 0);
	assert_int_equal(r.lists_declared, 0);
	replay_free(&r);
	replay_free(&r);
}

static void the_answer_decides(void **state)
{
	static const struct row {
		const char *answer;
		enum replay_answer verdict;
	} rows[] = {
	    {"{\"id\":9,\"result\":{\"protocolVersion\":\"2025-03-26\"}}", REPLAY_ACCEPTED},
	    {"{\"id\":9,\"result\":{\"protocolVersion\":\"2025-06-18\"}}", REPLAY_OTHER_VERSION},
	    {"{\"id\":9,\"result\":{\"protocolVersion\":\"2025-03-2\"}}", REPLAY_OTHER_VERSION},
	    {"{\"id\":9,\"result\":{\"protocolVersion\":1}}", REPLAY_FAILED},
	    {"{\"id\":9,\"result\":{}}", REPLAY_FAILED},
	    {"{\"id\":9,\"error\":{\"code\":-32602,\"message\":\"no\"}}", REPLAY_FAILED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct replay r = initialized("{}");
		if (judge(&r, rows[i].answer) != rows[i].verdict)
			fail_msg("%s", rows[i].answer);
		replay_free(&r);
	}
}

static void a_digest_is_no_answer(void **state)
{
	struct replay r = initialized("{}");
	struct message *m = text("{\"id\":9,\"result\":{\"protocolVersion\":\"2025-03-26\"}}");

	(void)state;
	m->digest = true;
	assert_int_equal(replay_judge(&r, m), REPLAY_FAILED);
	message_free(m);
	replay_free(&r);
}

/* --- what follows it ----------------------------------------------------------------------- */

static void the_rest_comes_in_order_under_private_ids(void **state)
{
	struct replay r = initialized("{}");

	(void)state;
	r.initialized = true;
	learn(&r, METHOD_SUBSCRIBE, "{\"id\":\"s\",\"method\":\"sub\",\"params\":{\"uri\":\"a\"}}");
	learn(
	    &r, METHOD_SET_LEVEL, "{\"id\":5,\"method\":\"lev\",\"params\":{\"level\":\"info\"}}");
	learn(
	    &r, METHOD_SET_LEVEL, "{\"id\":6,\"method\":\"lev\",\"params\":{\"level\":\"debug\"}}");
	learn(&r, METHOD_SUBSCRIBE, "{\"params\":{\"uri\":\"b\"},\"method\":\"sub\",\"id\":null}");
	struct message_list l = rest(&r);
	assert_next(&l, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
	assert_next(&l, "{\"id\":2000,\"method\":\"lev\",\"params\":{\"level\":\"debug\"}}");
	assert_next(&l, "{\"id\":1999,\"method\":\"sub\",\"params\":{\"uri\":\"a\"}}");
	assert_next(&l, "{\"params\":{\"uri\":\"b\"},\"method\":\"sub\",\"id\":1998}");
	assert_int_equal(l.count, 0);
	replay_free(&r);
}

static void initialized_follows_only_if_the_host_said_it(void **state)
{
	struct replay r = initialized("{}");
	struct message_list l = rest(&r);

	(void)state;
	assert_int_equal(l.count, 0);
	replay_free(&r);
}

static void a_subscription_lives_until_it_is_ended(void **state)
{
	struct replay r = initialized("{}");

	(void)state;
	learn(&r, METHOD_SUBSCRIBE, "{\"id\":1,\"method\":\"s\",\"params\":{\"uri\":\"a\"}}");
	learn(&r, METHOD_SUBSCRIBE, "{\"id\":2,\"method\":\"s\",\"params\":{\"uri\":\"a\"}}");
	learn(&r, METHOD_SUBSCRIBE, "{\"id\":3,\"method\":\"s\",\"params\":{\"uri\":\"b\"}}");
	learn(&r, METHOD_UNSUBSCRIBE, "{\"id\":4,\"method\":\"u\",\"params\":{\"uri\":\"b\"}}");
	learn(&r, METHOD_UNSUBSCRIBE, "{\"id\":5,\"method\":\"u\",\"params\":{\"uri\":\"c\"}}");
	learn(&r, METHOD_UNSUBSCRIBE, "{\"id\":6,\"method\":\"u\"}");
	struct message_list l = rest(&r);
	assert_next(&l, "{\"id\":2000,\"method\":\"s\",\"params\":{\"uri\":\"a\"}}");
	assert_int_equal(l.count, 0);
	replay_free(&r);
}

static void subscriptions_are_bounded(void **state)
{
	struct replay r = initialized("{}");
	char request[100];

	(void)state;
	for (size_t i = 0; i < REPLAY_SUBSCRIPTIONS_MAX + 5; i++) {
		snprintf(request, sizeof request,
		    "{\"id\":1,\"method\":\"s\",\"params\":{\"uri\":\"%zu\"}}", i);
		learn(&r, METHOD_SUBSCRIBE, request);
	}
	assert_int_equal(r.subscription_count, REPLAY_SUBSCRIPTIONS_MAX);
	replay_free(&r);
}

/* --- what the host may have missed --------------------------------------------------------- */

static void lists_that_were_declared_and_asked_for(void **state)
{
	static const char *const names[] = {
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}",
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/list_changed\"}",
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/prompts/list_changed\"}"};
	static const unsigned asks[] = {
	    METHOD_ASKS_TOOLS, METHOD_ASKS_RESOURCES, METHOD_ASKS_PROMPTS};

	(void)state;
	for (unsigned bits = 0; bits < 64; bits++) {
		char capabilities[200];
		snprintf(capabilities, sizeof capabilities,
		    "{\"tools\":{\"listChanged\":%s},\"resources\":{%s},\"prompts\":{"
		    "\"listChanged\":%s}}",
		    bits & 1 ? "true" : "false", bits & 2 ? "\"listChanged\" :true" : "",
		    bits & 4 ? "true" : "1");
		struct replay r = initialized(capabilities);
		for (unsigned i = 0; i < 3; i++)
			r.lists_asked |= bits >> (3 + i) & 1 ? asks[i] : 0;
		struct message_list l = missed(&r);
		for (unsigned i = 0; i < 3; i++) {
			if ((bits >> i & 1) && (bits >> (3 + i) & 1))
				assert_next(&l, names[i]);
		}
		assert_int_equal(l.count, 0);
		replay_free(&r);
	}
}

/* A server that was exchanged for another one counts as that one. */
static void the_new_server_declares(void **state)
{
	struct replay r = initialized("{\"tools\":{\"listChanged\":true}}");

	(void)state;
	r.lists_asked = LISTS;
	judge(&r, "{\"id\":9,\"result\":{\"protocolVersion\":\"2025-03-26\","
	          "\"capabilities\":{\"prompts\":{\"listChanged\":true}}}}");
	struct message_list l = missed(&r);
	assert_next(&l, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/prompts/list_changed\"}");
	assert_int_equal(l.count, 0);
	replay_free(&r);
}

static void every_subscription_may_have_news(void **state)
{
	struct replay r = initialized("{}");

	(void)state;
	learn(
	    &r, METHOD_SUBSCRIBE, "{\"id\":1,\"method\":\"s\",\"params\":{\"uri\":\"a\\u00e9\"}}");
	struct message_list l = missed(&r);
	assert_next(&l, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\","
	                "\"params\":{\"uri\":\"a\\u00e9\"}}");
	assert_int_equal(l.count, 0);
	replay_free(&r);
}

/* --- subscriptions/listen -------------------------------------------------------------------- */

#define ACKNOWLEDGED(filter)                                                                       \
	"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/"                           \
	"acknowledged\",\"params\":{"                                                              \
	"\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":\"s1\"},\"notifications\":" filter  \
	"}}"

static struct message_list missed_by(const char *acknowledgement)
{
	struct message *m = text(acknowledgement);
	struct message_list out = {0};

	assert_true(replay_make_missed_by(m, &out));
	message_free(m);
	return out;
}

static void what_was_acknowledged_may_have_been_missed(void **state)
{
	struct message_list l =
	    missed_by(ACKNOWLEDGED("{\"promptsListChanged\":true,"
	                           "\"toolsListChanged\":true,\"resourcesListChanged\":false,"
	                           "\"resourceSubscriptions\":[\"file:///a\",7,\"b\"]}"));

	(void)state;
	assert_next(&l,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\",\"params\":{"
	    "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":\"s1\"}}}");
	assert_next(&l,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/prompts/list_changed\",\"params\":{"
	    "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":\"s1\"}}}");
	assert_next(&l,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{"
	    "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":\"s1\"},"
	    "\"uri\":\"file:///a\"}}");
	assert_next(&l,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{"
	    "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":\"s1\"},\"uri\":\"b\"}}");
	assert_int_equal(l.count, 0);
}

static void an_acknowledgement_of_nothing_means_nothing(void **state)
{
	static const char *const texts[] = {ACKNOWLEDGED("{}"), ACKNOWLEDGED("null"),
	    "{\"method\":\"x\"}",
	    "{\"method\":\"x\",\"params\":{\"notifications\":{\"toolsListChanged\":true}}}"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct message_list l = missed_by(texts[i]);
		assert_int_equal(l.count, 0);
	}
}

static void the_subscription_id_is_found(void **state)
{
	struct message *m = text(ACKNOWLEDGED("{}"));
	size_t len;
	const char *raw = message_span(m, replay_subscription_id(m), &len);

	(void)state;
	assert_int_equal(len, 4);
	assert_memory_equal(raw, "\"s1\"", 4);
	message_free(m);
	m = text("{\"method\":\"x\",\"params\":{\"_meta\":{\"other\":1}}}");
	assert_int_equal(replay_subscription_id(m).len, 0);
	message_free(m);
	m = text("{\"method\":\"x\"}");
	assert_int_equal(replay_subscription_id(m).len, 0);
	message_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_agreed_version_takes_the_place_of_the_asked_one),
	    cmocka_unit_test(only_a_string_version_on_both_sides_is_remembered),
	    cmocka_unit_test(a_failed_one_leaves_the_old_one_alone),
	    cmocka_unit_test(a_new_one_forgets_what_the_old_one_left),
	    cmocka_unit_test(the_answer_decides),
	    cmocka_unit_test(a_digest_is_no_answer),
	    cmocka_unit_test(the_rest_comes_in_order_under_private_ids),
	    cmocka_unit_test(initialized_follows_only_if_the_host_said_it),
	    cmocka_unit_test(a_subscription_lives_until_it_is_ended),
	    cmocka_unit_test(subscriptions_are_bounded),
	    cmocka_unit_test(lists_that_were_declared_and_asked_for),
	    cmocka_unit_test(the_new_server_declares),
	    cmocka_unit_test(every_subscription_may_have_news),
	    cmocka_unit_test(what_was_acknowledged_may_have_been_missed),
	    cmocka_unit_test(an_acknowledgement_of_nothing_means_nothing),
	    cmocka_unit_test(the_subscription_id_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
