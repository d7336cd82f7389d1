/*
 * The session in scripts: what either side says and what the link does, line by line, and what
 * must come out. One test a promise of the session's header.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "session.h"

#define INIT                                                                                       \
	"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":" \
	"\"2025-11-25\"}}"
#define INIT_ANSWER                                                                                \
	"{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-06-18\","            \
	"\"capabilities\":{\"tools\":{\"listChanged\":true},\"resources\":{\"listChanged\":"       \
	"true}}}}"
#define INIT_AGAIN                                                                                 \
	"{\"jsonrpc\":\"2.0\",\"id\":2147483647,\"method\":\"initialize\",\"params\":{"            \
	"\"protocolVersion\":\"2025-06-18\"}}"
#define INIT_AGAIN_ANSWER                                                                          \
	"{\"jsonrpc\":\"2.0\",\"id\":2147483647,\"result\":{\"protocolVersion\":\"2025-06-18\","   \
	"\"capabilities\":{\"tools\":{\"listChanged\":true}}}}"
#define INITIALIZED "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"
#define CALL(id)    "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"tools/call\",\"params\":{}}"
#define LIST(id)    "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"tools/list\"}"
#define RESULT(id)  "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"result\":{}}"

static struct session *s;
static int64_t now;

static void begin(const struct session_options *options)
{
	now = 1000;
	s = session_new(options, now);
	assert_non_null(s);
}

static int set_up(void **state)
{
	(void)state;
	begin(&(struct session_options){.server = "ws://x/",
	    .max_message = 1000,
	    .max_reply = 2000,
	    .linger = 60000,
	    .offline_timeout = 20000,
	    .replay_timeout = 10000,
	    .resend = true});
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	session_free(s);
	return 0;
}

static struct message *message(const char *text)
{
	struct message *m = message_new(text, strlen(text));

	assert_non_null(m);
	return m;
}

static void host(const char *text)
{
	session_host_said(s, message(text), now);
}

static void server(const char *text)
{
	session_server_said(s, message(text), now);
}

static void up(void)
{
	session_link_up(s, now);
}

static void down_by(enum reason_kind kind, int close_code)
{
	struct reason reason;

	reason_set(&reason, kind, "the cable broke");
	reason.close_code = close_code;
	session_link_down(s, &reason, now);
}

static void down(void)
{
	down_by(REASON_LOST, 0);
}

/* Pulls the next message for the server, which must be ${text}; it stays in the caller's hands. */
static struct message *pull(const char *text)
{
	struct message *m = session_next_for_server(s);

	assert_non_null(m);
	assert_string_equal((m->text.data[m->text.len] = '\0', (char *)m->text.data), text);
	return m;
}

static void reclaim(struct message *m, enum message_progress progress)
{
	m->progress = progress;
	session_reclaimed(s, m);
}

/* The link sends the next message, which must be ${text}. */
static void sends(const char *text)
{
	reclaim(pull(text), MESSAGE_SENT);
}

static void sends_nothing(void)
{
	assert_null(session_next_for_server(s));
}

/* The host is given a message that holds each of the texts (the last is NULL). */
static void hears(const char *text, ...)
{
	bool ours;
	struct message *m = session_next_for_host(s, &ours);
	va_list more;

	assert_non_null(m);
	m->text.data[m->text.len] = '\0';
	va_start(more, text);
	for (; text; text = va_arg(more, const char *)) {
		if (!strstr((char *)m->text.data, text))
			fail_msg("%s is not in %s", text, (char *)m->text.data);
	}
	va_end(more);
	message_free(m);
}

static void hears_nothing(void)
{
	bool ours;
	struct message *m = session_next_for_host(s, &ours);

	if (m)
		fail_msg("unexpected: %.*s", (int)m->text.len, (char *)m->text.data);
}

/* A session with initialize and initialized done on a first link. */
static void initialize(void)
{
	up();
	host(INIT);
	sends(INIT);
	server(INIT_ANSWER);
	hears(INIT_ANSWER, NULL);
	host(INITIALIZED);
	sends(INITIALIZED);
}

/* A second link, with its replay. */
static void replays(void)
{
	up();
	sends(INIT_AGAIN);
	sends_nothing();
	server(INIT_AGAIN_ANSWER);
	sends(INITIALIZED);
}

/* --- order and waiting ------------------------------------------------- */

static void test_what_comes_before_a_link_waits_in_order(void **state)
{
	(void)state;
	host(CALL(1));
	host("{\"method\":\"x\"}");
	host(LIST(2));
	sends_nothing();
	up();
	sends(CALL(1));
	sends("{\"method\":\"x\"}");
	sends(LIST(2));
	server(RESULT(2));
	server(RESULT(1));
	hears(RESULT(2), NULL);
	hears(RESULT(1), NULL);
	hears_nothing();
}

static void test_offline_time_runs_from_arrival(void **state)
{
	(void)state;
	host(CALL(1));
	now += 10000;
	host("{\"method\":\"x\"}");
	host(CALL(2));
	assert_int_equal(session_deadline(s), 21000);
	now = 21000;
	session_tick(s, now);
	hears("-31002", "\"id\":1", "\"delivered\":\"no\"", NULL);
	hears_nothing();
	now = 31000;
	session_tick(s, now);
	hears("\"id\":2", NULL);
	up();
	sends_nothing();
}

static void test_offline_time_does_not_restart_on_links_that_die(void **state)
{
	(void)state;
	host(CALL(1));
	now += 15000;
	up();
	reclaim(pull(CALL(1)), MESSAGE_QUEUED);
	down();
	assert_int_equal(session_deadline(s), 21000);
}

static void test_initialized_waits_without_limit(void **state)
{
	(void)state;
	host(INIT);
	host(INITIALIZED);
	now += 100000;
	session_tick(s, now);
	hears("-31002", NULL);
	up();
	sends(INITIALIZED);
}

/* --- ids --------------------------------------------------------------- */

static void test_an_id_in_flight_is_refused_by_value(void **state)
{
	(void)state;
	host(CALL(1));
	host(CALL(1.0));
	hears("-32600", "\"id\":1.0", NULL);
	host("{\"id\":\"\\u00e9\",\"method\":\"a\"}");
	host("{\"id\":\"\xc3\xa9\",\"method\":\"a\"}");
	hears("-32600", NULL);
	host("{\"id\":\"1\",\"method\":\"a\"}");
	hears_nothing();
}

static void test_a_late_answer_is_dropped(void **state)
{
	(void)state;
	session_free(s);
	begin(
	    &(struct session_options){.server = "x", .request_timeout = 500, .offline_timeout = 9});
	up();
	host(CALL(7));
	sends(CALL(7));
	now += 500;
	session_tick(s, now);
	hears("-31003", "\"id\":7", "unknown", NULL);
	sends("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
	      "cancelled\",\"params\":{\"requestId\":7,"
	      "\"reason\":\"the request timed out\"}}");
	host(CALL(7));
	hears("-32600", NULL);
	server(RESULT(7));
	hears_nothing();
	host(CALL(7));
	sends(CALL(7));
	server(RESULT(8));
	hears(RESULT(8), NULL);
}

/* --- the end of a link ------------------------------------------------- */

static void test_a_sent_call_is_answered_and_never_sent_again(void **state)
{
	(void)state;
	initialize();
	host(CALL(1));
	sends(CALL(1));
	down();
	hears("-31001", "\"id\":1", "unknown", "the cable broke", NULL);
	replays();
	sends_nothing();
}

static void test_an_unsent_call_is_sent_again(void **state)
{
	(void)state;
	initialize();
	host(CALL(1));
	host(CALL(2));
	struct message *one = pull(CALL(1)), *two = pull(CALL(2));
	reclaim(one, MESSAGE_BEGUN);
	reclaim(two, MESSAGE_QUEUED);
	down();
	hears_nothing();
	replays();
	sends(CALL(1));
	sends(CALL(2));
}

static void test_no_message_is_begun_on_a_third_link(void **state)
{
	(void)state;
	initialize();
	host(CALL(1));
	host("{\"method\":\"note\"}");
	struct message *call = pull(CALL(1)), *note = pull("{\"method\":\"note\"}");
	reclaim(call, MESSAGE_BEGUN);
	reclaim(note, MESSAGE_BEGUN);
	down();
	replays();
	call = pull(CALL(1));
	note = pull("{\"method\":\"note\"}");
	reclaim(call, MESSAGE_BEGUN);
	reclaim(note, MESSAGE_BEGUN);
	down();
	hears("-31001", "\"id\":1", "\"delivered\":\"no\"", NULL);
	hears_nothing();
	replays();
	sends_nothing();
}

static void test_safe_requests_are_sent_again_in_order(void **state)
{
	(void)state;
	initialize();
	host(LIST(1));
	sends(LIST(1));
	host("{\"id\":2,\"method\":\"resources/read\",\"params\":{\"uri\":\"a\"}}");
	sends("{\"id\":2,\"method\":\"resources/read\",\"params\":{\"uri\":\"a\"}}");
	host(CALL(3));
	reclaim(pull(CALL(3)), MESSAGE_BEGUN);
	down();
	host(CALL(4));
	replays();
	sends(LIST(1));
	sends("{\"id\":2,\"method\":\"resources/read\",\"params\":{\"uri\":\"a\"}}");
	sends(CALL(3));
	sends(CALL(4));
	hears("tools/list_changed", NULL);
	hears_nothing();
	server(RESULT(1));
	hears(RESULT(1), NULL);
}

static void test_resend_none(void **state)
{
	(void)state;
	session_free(s);
	begin(&(struct session_options){.server = "x", .offline_timeout = 1000});
	up();
	host(LIST(1));
	sends(LIST(1));
	down();
	hears("-31001", "\"id\":1", NULL);
}

static void test_what_is_not_safe_all_the_same(void **state)
{
	static const char *const texts[] = {
	    "{\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":\"x\"}}",
	    "{\"id\":2,\"method\":\"prompts/get\",\"params\":{\"requestState\":\"x\"}}",
	    "{\"id\":3,\"method\":\"resources/read\",\"params\":{\"inputResponses\":{}}}",
	};

	(void)state;
	initialize();
	for (size_t i = 0; i < 3; i++) {
		host(texts[i]);
		sends(texts[i]);
	}
	down();
	for (size_t i = 0; i < 3; i++)
		hears("-31001", NULL);
	hears_nothing();
}

static void test_a_batch_is_sent_again_whole_or_answered_as_one(void **state)
{
	static const char safe[] = "[{\"id\":1,\"method\":\"tools/list\"},{\"id\":2,\"method\":"
	                           "\"ping\"}]";
	static const char mixed[] = "[{\"id\":3,\"method\":\"tools/list\"},{\"id\":4,\"method\":"
	                            "\"tools/call\"}]";

	(void)state;
	initialize();
	host(safe);
	host(mixed);
	sends(safe);
	sends(mixed);
	down();
	hears("[{", "\"id\":3", "\"id\":4", NULL);
	hears_nothing();
	replays();
	sends(safe);
	server("[" RESULT(1) "," RESULT(2) "]");
	hears("list_changed", NULL);
	hears("[" RESULT(1), NULL);
}

static void test_discover_is_never_sent_twice(void **state)
{
	static const char discover[] = "{\"id\":1,\"method\":\"server/discover\"}";

	(void)state;
	host(discover);
	now += 60000;
	session_tick(s, now);
	hears_nothing();
	up();
	reclaim(pull(discover), MESSAGE_BEGUN);
	down();
	hears("-31001", "\"id\":1", NULL);
}

/* --- charges ----------------------------------------------------------- */

static void test_1009_is_charged_to_the_largest(void **state)
{
	static const char large[] = "{\"id\":2,\"method\":\"tools/list\",\"params\":{\"filler\":"
	                            "\"......................................\"}}";

	(void)state;
	initialize();
	host(LIST(1));
	host(large);
	sends(LIST(1));
	reclaim(pull(large), MESSAGE_BEGUN);
	down_by(REASON_CLOSED, 1009);
	hears("-31004", "\"id\":2", NULL);
	hears_nothing();
	replays();
	sends(LIST(1));
}

static void test_1007_is_charged_only_to_the_only_one(void **state)
{
	(void)state;
	initialize();
	host(LIST(1));
	host(LIST(2));
	sends(LIST(1));
	sends(LIST(2));
	down_by(REASON_CLOSED, 1007);
	hears_nothing();
	replays();
	sends(LIST(1));
	sends(LIST(2));
	server(RESULT(1));
	hears("list_changed", NULL);
	hears(RESULT(1), NULL);
	down_by(REASON_CLOSED, 1007);
	hears("-31001", "\"id\":2", NULL);
}

/* --- the replay -------------------------------------------------------- */

static void test_replay_of_level_and_subscriptions(void **state)
{
	static const char level[] =
	    "{\"id\":1,\"method\":\"logging/setLevel\",\"params\":{\"level\":"
	    "\"debug\"}}";
	static const char subscribe[] = "{\"id\":2,\"method\":\"resources/subscribe\",\"params\":{"
	                                "\"uri\":\"a:b\"}}";

	(void)state;
	initialize();
	host(level);
	sends(level);
	host(subscribe);
	sends(subscribe);
	server(RESULT(1));
	server(RESULT(2));
	hears(RESULT(1), NULL);
	hears(RESULT(2), NULL);
	down();
	replays();
	sends(
	    "{\"id\":2147483646,\"method\":\"logging/setLevel\",\"params\":{\"level\":\"debug\"}}");
	sends(
	    "{\"id\":2147483645,\"method\":\"resources/subscribe\",\"params\":{\"uri\":\"a:b\"}}");
	hears("notifications/resources/updated", "\"uri\":\"a:b\"", NULL);
	server(RESULT(2147483646));
	server(RESULT(2147483645));
	hears_nothing();
}

static void test_replay_refused_or_of_another_version(void **state)
{
	(void)state;
	initialize();
	down();
	up();
	sends(INIT_AGAIN);
	server("{\"id\":2147483647,\"result\":{\"protocolVersion\":\"2024-11-05\"}}");
	assert_non_null(session_rejects(s));
	assert_int_equal(session_rejects(s)->kind, REASON_VERSION);
	down();
	up();
	reclaim(session_next_for_server(s), MESSAGE_SENT);
	assert_null(session_rejects(s));
	now += 10000;
	session_tick(s, now);
	assert_int_equal(session_rejects(s)->kind, REASON_REPLAY);
	sends_nothing();
}

static void test_unanswered_initialize_goes_again_as_it_was(void **state)
{
	(void)state;
	up();
	host(INIT);
	sends(INIT);
	down();
	up();
	sends(INIT);
	server(INIT_ANSWER);
	hears(INIT_ANSWER, NULL);
	host(INITIALIZED);
	reclaim(pull(INITIALIZED), MESSAGE_BEGUN);
	down();
	up();
	sends(INIT_AGAIN);
	server(INIT_AGAIN_ANSWER);
	sends(INITIALIZED); /* the host's own, once */
	sends_nothing();
}

static void test_somebody_elses_initialize_is_not_replayed(void **state)
{
	static const char acp[] =
	    "{\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
	    "1}}";

	(void)state;
	up();
	host(acp);
	sends(acp);
	server("{\"id\":0,\"result\":{\"protocolVersion\":1}}");
	hears("protocolVersion", NULL);
	down();
	up();
	sends_nothing();
	host(CALL(1));
	sends(CALL(1));
}

static void test_ping_is_answered_here_while_offline(void **state)
{
	(void)state;
	initialize();
	down();
	host("{\"id\":9,\"method\":\"ping\"}");
	hears("{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}", NULL);
	replays();
	host("{\"id\":9,\"method\":\"ping\"}");
	sends("{\"id\":9,\"method\":\"ping\"}");
}

/* --- the server's requests --------------------------------------------- */

static void test_an_old_links_question_is_cancelled_and_its_answer_dropped(void **state)
{
	(void)state;
	initialize();
	server("{\"id\":0,\"method\":\"roots/list\"}");
	hears("roots/list", NULL);
	down();
	hears("notifications/cancelled", "\"requestId\":0", NULL);
	replays();
	server("{\"id\":0,\"method\":\"roots/list\"}");
	hears("\"wsmcp-1\"", "roots/list", NULL);
	host(RESULT(0));
	sends_nothing();
	host("{\"jsonrpc\":\"2.0\",\"id\":\"wsmcp-1\",\"result\":{}}");
	sends(RESULT(0));
}

static void test_a_renamed_question_is_taken_back_by_its_new_name(void **state)
{
	(void)state;
	initialize();
	server("{\"id\":5,\"method\":\"roots/list\"}");
	hears("roots/list", NULL);
	down();
	hears("cancelled", NULL);
	replays();
	server("{\"id\":5,\"method\":\"roots/list\"}");
	hears("\"wsmcp-1\"", NULL);
	server("{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":5}}");
	hears("\"requestId\":\"wsmcp-1\"", NULL);
}

static void test_an_answer_that_waits_is_not_given_to_a_new_link(void **state)
{
	(void)state;
	initialize();
	server("{\"id\":0,\"method\":\"roots/list\"}");
	hears("roots/list", NULL);
	host(RESULT(0));
	down();
	replays();
	sends_nothing();
}

/* --- cancellation ------------------------------------------------------ */

#define CANCEL(id) "{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":" #id "}}"

static void test_cancelling_what_waits_removes_it(void **state)
{
	(void)state;
	host(CALL(1));
	host(CALL(2));
	host(CANCEL(1));
	up();
	sends(CALL(2));
	sends_nothing();
	hears_nothing();
}

static void test_cancelling_what_was_sent(void **state)
{
	(void)state;
	up();
	host(CALL(1));
	sends(CALL(1));
	host(CANCEL(1));
	sends(CANCEL(1));
	server(RESULT(1));
	hears(RESULT(1), NULL);
	host(CANCEL(1));
	sends_nothing();
}

static void test_a_cancelled_request_is_not_sent_again(void **state)
{
	(void)state;
	initialize();
	host(LIST(1));
	sends(LIST(1));
	host(CANCEL(1));
	down();
	replays();
	sends_nothing();
	hears("list_changed", NULL);
	hears_nothing();
}

/* --- subscriptions of 2026-07-28 --------------------------------------- */

static void test_a_listen_lives_on_and_tells_what_may_have_been_missed(void **state)
{
	static const char listen[] = "{\"id\":1,\"method\":\"subscriptions/listen\",\"params\":{}}";
	static const char ack[] =
	    "{\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{\"_meta\":{"
	    "\"io.modelcontextprotocol/subscriptionId\":1},\"notifications\":{\"toolsListChanged\":"
	    "true,\"resourceSubscriptions\":[\"file:///a\"]}}}";

	(void)state;
	up();
	host(listen);
	sends(listen);
	server(ack);
	hears(ack, NULL);
	for (int i = 0; i < 4; i++) {
		down();
		hears_nothing();
		up();
		sends(listen);
		server(ack);
		hears(ack, NULL);
		hears("tools/list_changed", "\"io.modelcontextprotocol/subscriptionId\":1", NULL);
		hears("resources/updated", "file:///a", "subscriptionId\":1", NULL);
		hears_nothing();
	}
	session_host_ended(s, now);
	assert_int_equal(session_outcome(s, now), SESSION_COMPLETE);
}

/* --- refused, given up, ended ------------------------------------------ */

static void test_refused_answers_at_once(void **state)
{
	struct reason reason;

	(void)state;
	initialize();
	down();
	host(CALL(1));
	reason_set(&reason, REASON_HTTP, "HTTP 401");
	reason.status = 401;
	session_refused(s, &reason, now);
	hears("-31002", "HTTP 401", "\"id\":1", NULL);
	host(CALL(2));
	hears("-31002", "HTTP 401", "\"id\":2", NULL);
	replays();
	host(CALL(3));
	sends(CALL(3));
}

static void test_given_up(void **state)
{
	struct reason reason;

	(void)state;
	host(CALL(1));
	reason_set(&reason, REASON_HTTP, "HTTP 404");
	session_give_up(s, &reason, now);
	hears("-31002", "\"id\":1", NULL);
	assert_int_equal(session_outcome(s, now), SESSION_GOES_ON);
	host(INIT);
	hears("-31002", "\"id\":0", NULL);
	assert_int_equal(session_outcome(s, now), SESSION_FAILED);
}

static void test_the_end_of_input_waits_for_what_is_owed(void **state)
{
	(void)state;
	up();
	host(CALL(1));
	host(CALL(2));
	sends(CALL(1));
	sends(CALL(2));
	session_host_ended(s, now);
	server("{\"id\":3,\"method\":\"roots/list\"}");
	hears_nothing();
	reclaim(session_next_for_server(s), MESSAGE_SENT);
	server(RESULT(1));
	hears(RESULT(1), NULL);
	assert_int_equal(session_outcome(s, now), SESSION_GOES_ON);
	now += 60000;
	session_tick(s, now);
	hears("-31003", "\"id\":2", NULL);
	assert_int_equal(session_outcome(s, now), SESSION_FAILED);
	struct message *m = session_next_for_server(s);
	assert_non_null(
	    strstr((m->text.data[m->text.len] = '\0', (char *)m->text.data), "cancelled"));
	reclaim(m, MESSAGE_SENT);
}

static void test_nothing_owed_ends_at_once(void **state)
{
	(void)state;
	session_host_ended(s, now);
	assert_int_equal(session_outcome(s, now), SESSION_COMPLETE);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    ROW(test_what_comes_before_a_link_waits_in_order),
	    ROW(test_offline_time_runs_from_arrival),
	    ROW(test_offline_time_does_not_restart_on_links_that_die),
	    ROW(test_initialized_waits_without_limit),
	    ROW(test_an_id_in_flight_is_refused_by_value),
	    ROW(test_a_late_answer_is_dropped),
	    ROW(test_a_sent_call_is_answered_and_never_sent_again),
	    ROW(test_an_unsent_call_is_sent_again),
	    ROW(test_no_message_is_begun_on_a_third_link),
	    ROW(test_safe_requests_are_sent_again_in_order),
	    ROW(test_resend_none),
	    ROW(test_what_is_not_safe_all_the_same),
	    ROW(test_a_batch_is_sent_again_whole_or_answered_as_one),
	    ROW(test_discover_is_never_sent_twice),
	    ROW(test_1009_is_charged_to_the_largest),
	    ROW(test_1007_is_charged_only_to_the_only_one),
	    ROW(test_replay_of_level_and_subscriptions),
	    ROW(test_replay_refused_or_of_another_version),
	    ROW(test_unanswered_initialize_goes_again_as_it_was),
	    ROW(test_somebody_elses_initialize_is_not_replayed),
	    ROW(test_ping_is_answered_here_while_offline),
	    ROW(test_an_old_links_question_is_cancelled_and_its_answer_dropped),
	    ROW(test_a_renamed_question_is_taken_back_by_its_new_name),
	    ROW(test_an_answer_that_waits_is_not_given_to_a_new_link),
	    ROW(test_cancelling_what_waits_removes_it),
	    ROW(test_cancelling_what_was_sent),
	    ROW(test_a_cancelled_request_is_not_sent_again),
	    ROW(test_a_listen_lives_on_and_tells_what_may_have_been_missed),
	    ROW(test_refused_answers_at_once),
	    ROW(test_given_up),
	    ROW(test_the_end_of_input_waits_for_what_is_owed),
	    ROW(test_nothing_owed_ends_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
