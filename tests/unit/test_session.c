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

static void begin_with_timeout(void)
{
	session_free(s);
	begin(&(struct session_options){.server = "x",
	    .request_timeout = 500,
	    .offline_timeout = 20000,
	    .linger = 60000,
	    .resend = true});
}

static void test_a_late_answer_on_the_next_link_is_dropped(void **state)
{
	(void)state;
	up();
	host(CALL(1));
	sends(CALL(1));
	down();
	hears("-31001", "\"id\":1", NULL);
	up();
	server(RESULT(1));
	hears_nothing();
	host(CALL(1)); /* an ordinary request again */
	sends(CALL(1));
	server(RESULT(1));
	hears(RESULT(1), NULL);
}

static void test_so_is_one_to_a_request_that_timed_out_before(void **state)
{
	(void)state;
	begin_with_timeout();
	up();
	host(CALL(1));
	host(CALL(2));
	sends(CALL(1));
	sends(CALL(2));
	now += 500;
	session_tick(s, now);
	hears("-31003", "\"id\":1", NULL);
	hears("-31003", "\"id\":2", NULL);
	down();
	down();
	host(CALL(2));
	up();
	server(RESULT(1));
	hears_nothing();
	sends(CALL(2));
	server(RESULT(2));
	hears(RESULT(2), NULL);
	hears_nothing();
}

static void test_a_late_answer_after_several_links_is_dropped(void **state)
{
	(void)state;
	up();
	host(CALL(1));
	sends(CALL(1));
	for (int i = 0; i < 3; i++) {
		down();
		up();
	}
	hears("-31001", NULL);
	server("[" RESULT(1) "," RESULT(7) "]");
	hears("[" RESULT(7) "]", NULL);
	hears_nothing();
}

static void test_what_was_heard_on_two_links_is_answered_once(void **state)
{
	(void)state;
	up();
	host(LIST(1));
	sends(LIST(1));
	down();
	up();
	sends(LIST(1));
	server(RESULT(1));
	hears(RESULT(1), NULL);
	server(RESULT(1)); /* to the first of the two */
	hears_nothing();
	host(LIST(1));
	sends(LIST(1));
	server(RESULT(1));
	hears(RESULT(1), NULL);
}

static void test_what_was_answered_meanwhile_is_not_sent_again(void **state)
{
	(void)state;
	up();
	host(LIST(1));
	sends(LIST(1));
	down();
	up();
	server(RESULT(1)); /* by a server that has resumed its session */
	hears(RESULT(1), NULL);
	sends_nothing();
}

static void test_what_waits_cannot_be_answered_yet(void **state)
{
	(void)state;
	up();
	host(CALL(1));
	server(RESULT(1)); /* perhaps a second answer to one that had this id before */
	server("{\"id\":1,\"result\":");
	server("{\"id\":1,\"resul\":0}");
	hears_nothing();
	sends(CALL(1));
	server(RESULT(1));
	hears(RESULT(1), NULL);
}

static void test_the_id_of_a_lost_request_is_cancelled_nowhere(void **state)
{
	(void)state;
	up();
	host(CALL(1));
	sends(CALL(1));
	down();
	hears("-31001", NULL);
	up();
	host("{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}");
	sends_nothing();
	server(RESULT(1));
	hears_nothing();
}

static void test_a_refused_batch_leaves_what_was_known_of_its_ids(void **state)
{
	(void)state;
	up();
	host(CALL(1));
	sends(CALL(1));
	down();
	hears("-31001", NULL);
	up();
	host("[" CALL(1) "," CALL(2) "," CALL(2) "]");
	hears("-32600", NULL);
	server(RESULT(1));
	hears_nothing();
	host(CALL(1));
	sends(CALL(1));
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

static void test_what_is_left_of_a_batch_is_sent_again(void **state)
{
	static const char batch[] = "[{\"id\":1,\"method\":\"a\"},{\"id\":2,\"method\":\"b\"},"
	                            "{\"method\":\"note\"}]";

	(void)state;
	up();
	host(batch);
	struct message *m = pull(batch);
	host("{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":2}}");
	reclaim(m, MESSAGE_BEGUN);
	down();
	up();
	sends("[{\"id\":1,\"method\":\"a\"},{\"method\":\"note\"}]");
	sends_nothing();
}

static void test_what_is_left_of_a_batch_that_timed_out(void **state)
{
	(void)state;
	begin_with_timeout();
	host("[{\"id\":1,\"method\":\"a\"},{\"id\":2,\"method\":\"b\"},{\"method\":\"note\"}]");
	now += 500;
	session_tick(s, now);
	hears("[", "-31003", "\"id\":1", "\"id\":2", NULL);
	up();
	sends("[{\"method\":\"note\"}]");
}

static void test_a_batch_of_notifications_is_not_lost(void **state)
{
	static const char one[] = "[{\"method\":\"note\"},{\"method\":\"note\"}]";
	static const char two[] = "[{\"method\":\"other\"}]";

	(void)state;
	up();
	host(one);
	host(two);
	reclaim(pull(one), MESSAGE_BEGUN);
	down();
	up();
	reclaim(pull(one), MESSAGE_BEGUN);
	down();
	up();
	sends(two);
	sends_nothing();
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

static void refused_by(const char *text)
{
	struct reason reason;

	reason_set(&reason, REASON_HTTP, "%s", text);
	session_refused(s, &reason, now);
}

static void test_ping_is_answered_here_while_refused(void **state)
{
	(void)state;
	initialize();
	down();
	refused_by("HTTP 401");
	host("{\"id\":9,\"method\":\"ping\"}");
	hears("{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}", NULL);
	host(LIST(9));
	hears("-31002", "HTTP 401", NULL);
}

static void test_ping_is_refused_if_nothing_was_initialized_or_all_is_over(void **state)
{
	struct reason reason;

	(void)state;
	up();
	down();
	refused_by("HTTP 401");
	host("{\"id\":9,\"method\":\"ping\"}");
	hears("-31002", NULL);
	initialize();
	down();
	reason_set(&reason, REASON_HTTP, "HTTP 404");
	session_give_up(s, &reason, now);
	host("{\"id\":9,\"method\":\"ping\"}");
	hears("-31002", NULL);
}

/* --- the server's requests --------------------------------------------- */

/* A request of the server over the size limit. */
static void server_large(const char *text)
{
	struct message *m = message(text);

	m->digest = true;
	m->size = 5000;
	session_server_said(s, m, now);
}

/* A new link whose replay outlasts the offline time of what waits. */
static void replays_slowly(void (*meanwhile)(void))
{
	host("{\"method\":\"x\"}");
	now += 15000;
	up();
	sends(INIT_AGAIN);
	meanwhile();
	now += 5000;
	session_tick(s, now);
	assert_null(session_rejects(s));
	server(INIT_AGAIN_ANSWER);
	sends(INITIALIZED);
}

static void ask_too_much(void)
{
	server_large("{\"id\":5,\"method\":\"roots/list\"}");
}

static void test_an_error_of_ours_waits_for_the_end_of_the_replay(void **state)
{
	(void)state;
	initialize();
	down();
	replays_slowly(ask_too_much);
	struct message *m = session_next_for_server(s);
	assert_non_null(m);
	m->text.data[m->text.len] = '\0';
	assert_non_null(strstr((char *)m->text.data, "\"id\":5,\"error\":{\"code\":-31004"));
	reclaim(m, MESSAGE_SENT);
	sends_nothing();
}

static void test_an_error_of_ours_ends_with_its_link(void **state)
{
	struct session_stats stats;

	(void)state;
	initialize();
	down();
	up();
	sends(INIT_AGAIN);
	ask_too_much();
	down();
	replays();
	sends_nothing();
	session_stats(s, &stats);
	assert_int_equal(stats.dropped_unsent, 0); /* that is about what the host says */
}

static void ask_and_answer(void)
{
	server("{\"id\":5,\"method\":\"roots/list\"}");
	hears("roots/list", NULL);
	host(RESULT(5));
}

static void ask_and_answer_too_much(void)
{
	struct message *m = message(RESULT(5));

	server("{\"id\":5,\"method\":\"roots/list\"}");
	hears("roots/list", NULL);
	m->digest = true;
	m->size = 5000;
	session_host_said(s, m, now);
}

static void test_an_answer_of_the_host_waits_for_the_end_of_the_replay(void **state)
{
	(void)state;
	initialize();
	down();
	replays_slowly(ask_and_answer);
	sends(RESULT(5));
	down();
	replays_slowly(ask_and_answer_too_much);
	struct message *m = session_next_for_server(s);
	assert_non_null(m);
	reclaim(m, MESSAGE_SENT);
}

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

static void test_what_is_left_of_a_refused_batch_waits(void **state)
{
	(void)state;
	initialize();
	down();
	host("[{\"id\":1,\"method\":\"a\"},{\"method\":\"note\"}]");
	refused_by("HTTP 401");
	hears("[", "-31002", "\"id\":1", NULL);
	host("[{\"id\":2,\"method\":\"a\"},{\"method\":\"other\"}]");
	hears("[", "-31002", "\"id\":2", NULL);
	replays();
	sends("[{\"method\":\"note\"}]");
	sends("[{\"method\":\"other\"}]");
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

static void begin_with_linger(int64_t linger)
{
	session_free(s);
	begin(&(struct session_options){
	    .server = "x", .linger = linger, .offline_timeout = 20000, .resend = true});
}

/* What connection.c does in a turn. */
static bool goes_on(void)
{
	session_tick(s, now);
	return session_outcome(s, now) == SESSION_GOES_ON;
}

static void test_without_a_link_the_offline_time_counts_not_the_linger_time(void **state)
{
	(void)state;
	begin_with_linger(0);
	host("{\"method\":\"x\"}");
	host(CALL(1));
	session_host_ended(s, now);
	now += 19999;
	assert_true(goes_on());
	hears_nothing();
	assert_int_equal(session_deadline(s), 21000);
	now += 1;
	session_tick(s, now);
	hears("-31002", "\"id\":1", NULL);
	assert_int_equal(session_outcome(s, now), SESSION_FAILED);
}

static void test_what_waits_for_the_first_link_is_sent_whatever_the_linger_time(void **state)
{
	(void)state;
	begin_with_linger(0);
	host("{\"method\":\"x\"}");
	session_host_ended(s, now);
	now += 5000;
	assert_true(goes_on());
	up();
	session_tick(s, now);
	sends("{\"method\":\"x\"}");
	session_tick(s, now);
	assert_int_equal(session_outcome(s, now), SESSION_COMPLETE);
}

static void test_the_linger_time_runs_from_the_link(void **state)
{
	(void)state;
	begin_with_linger(1000);
	host(CALL(1));
	host(CALL(2));
	session_host_ended(s, now);
	now += 5000;
	up();
	session_tick(s, now);
	sends(CALL(1));
	sends(CALL(2));
	now += 999;
	assert_true(goes_on());
	server(RESULT(1));
	hears(RESULT(1), NULL);
	assert_int_equal(session_deadline(s), 7000);
	now += 1;
	session_tick(s, now);
	hears("-31003", "\"id\":2", NULL);
	assert_int_equal(session_outcome(s, now), SESSION_FAILED);
}

static void test_a_blocked_link_is_not_waited_for_longer_than_the_linger_time(void **state)
{
	(void)state;
	begin_with_linger(1000);
	up();
	host("{\"method\":\"x\"}");
	host("{\"method\":\"y\"}");
	struct message *m = pull("{\"method\":\"x\"}");
	session_host_ended(s, now);
	now += 1000;
	session_tick(s, now);
	/* One more turn in which it may take what is left. */
	assert_true(session_deadline(s) <= now);
	assert_false(goes_on());
	assert_int_equal(session_outcome(s, now), SESSION_COMPLETE);
	reclaim(m, MESSAGE_BEGUN);
}

static void test_what_was_owed_is_awaited_on_a_second_link(void **state)
{
	(void)state;
	begin_with_linger(1000);
	up();
	host(LIST(1));
	sends(LIST(1));
	session_host_ended(s, now);
	now += 900;
	down();
	now += 15000;
	assert_true(goes_on());
	up();
	session_tick(s, now);
	sends(LIST(1));
	now += 900;
	assert_true(goes_on());
	server(RESULT(1));
	hears(RESULT(1), NULL);
	assert_int_equal(session_outcome(s, now), SESSION_COMPLETE);
}

static void test_after_the_end_of_input_discover_does_not_wait_for_ever(void **state)
{
	static const int64_t lingers[] = {0, 60000};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin_with_linger(lingers[i]);
		host("{\"id\":1,\"method\":\"server/discover\"}");
		host("{\"id\":2,\"method\":\"subscriptions/listen\"}");
		host(INITIALIZED);
		now += 100000;
		session_host_ended(s, now);
		now += i == 0 ? 19999 : 59999;
		assert_true(goes_on());
		hears_nothing();
		assert_int_equal(session_deadline(s), now + 1);
		now++;
		session_tick(s, now);
		hears("-31002", "\"id\":1", NULL);
		hears_nothing();
		assert_int_equal(session_outcome(s, now), SESSION_FAILED);
	}
}

static void test_nor_after_a_link_that_came_and_went(void **state)
{
	(void)state;
	begin_with_linger(1000);
	up();
	host(CALL(1));
	host("{\"id\":2,\"method\":\"server/discover\"}");
	sends(CALL(1));
	session_host_ended(s, now);
	now += 30000;
	down();
	hears("-31001", NULL);
	assert_true(goes_on());
	now += 20000;
	assert_int_equal(session_deadline(s), now);
	session_tick(s, now);
	hears("-31002", "\"id\":2", NULL);
	assert_int_equal(session_outcome(s, now), SESSION_FAILED);
}

static void test_nor_in_a_replay_that_nobody_answers(void **state)
{
	(void)state;
	begin_with_linger(30000);
	initialize();
	down();
	up();
	sends(INIT_AGAIN);
	ask_and_answer();
	session_host_ended(s, now);
	now += 29999;
	assert_true(goes_on());
	now++;
	session_tick(s, now);
	assert_int_equal(session_outcome(s, now), SESSION_COMPLETE);
}

static void test_initialized_alone_is_not_waited_for_for_ever(void **state)
{
	(void)state;
	begin_with_linger(60000);
	host(INITIALIZED);
	session_host_ended(s, now);
	now += 59999;
	assert_true(goes_on());
	now++;
	session_tick(s, now);
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
	    ROW(test_a_late_answer_on_the_next_link_is_dropped),
	    ROW(test_so_is_one_to_a_request_that_timed_out_before),
	    ROW(test_a_late_answer_after_several_links_is_dropped),
	    ROW(test_what_was_heard_on_two_links_is_answered_once),
	    ROW(test_what_was_answered_meanwhile_is_not_sent_again),
	    ROW(test_what_waits_cannot_be_answered_yet),
	    ROW(test_the_id_of_a_lost_request_is_cancelled_nowhere),
	    ROW(test_a_refused_batch_leaves_what_was_known_of_its_ids),
	    ROW(test_a_sent_call_is_answered_and_never_sent_again),
	    ROW(test_an_unsent_call_is_sent_again),
	    ROW(test_no_message_is_begun_on_a_third_link),
	    ROW(test_safe_requests_are_sent_again_in_order),
	    ROW(test_resend_none),
	    ROW(test_what_is_not_safe_all_the_same),
	    ROW(test_a_batch_is_sent_again_whole_or_answered_as_one),
	    ROW(test_what_is_left_of_a_batch_is_sent_again),
	    ROW(test_what_is_left_of_a_batch_that_timed_out),
	    ROW(test_a_batch_of_notifications_is_not_lost),
	    ROW(test_discover_is_never_sent_twice),
	    ROW(test_1009_is_charged_to_the_largest),
	    ROW(test_1007_is_charged_only_to_the_only_one),
	    ROW(test_replay_of_level_and_subscriptions),
	    ROW(test_replay_refused_or_of_another_version),
	    ROW(test_unanswered_initialize_goes_again_as_it_was),
	    ROW(test_somebody_elses_initialize_is_not_replayed),
	    ROW(test_ping_is_answered_here_while_offline),
	    ROW(test_ping_is_answered_here_while_refused),
	    ROW(test_ping_is_refused_if_nothing_was_initialized_or_all_is_over),
	    ROW(test_an_old_links_question_is_cancelled_and_its_answer_dropped),
	    ROW(test_a_renamed_question_is_taken_back_by_its_new_name),
	    ROW(test_an_answer_that_waits_is_not_given_to_a_new_link),
	    ROW(test_an_error_of_ours_waits_for_the_end_of_the_replay),
	    ROW(test_an_error_of_ours_ends_with_its_link),
	    ROW(test_an_answer_of_the_host_waits_for_the_end_of_the_replay),
	    ROW(test_cancelling_what_waits_removes_it),
	    ROW(test_cancelling_what_was_sent),
	    ROW(test_a_cancelled_request_is_not_sent_again),
	    ROW(test_a_listen_lives_on_and_tells_what_may_have_been_missed),
	    ROW(test_refused_answers_at_once),
	    ROW(test_what_is_left_of_a_refused_batch_waits),
	    ROW(test_given_up),
	    ROW(test_the_end_of_input_waits_for_what_is_owed),
	    ROW(test_nothing_owed_ends_at_once),
	    ROW(test_without_a_link_the_offline_time_counts_not_the_linger_time),
	    ROW(test_what_waits_for_the_first_link_is_sent_whatever_the_linger_time),
	    ROW(test_the_linger_time_runs_from_the_link),
	    ROW(test_a_blocked_link_is_not_waited_for_longer_than_the_linger_time),
	    ROW(test_what_was_owed_is_awaited_on_a_second_link),
	    ROW(test_after_the_end_of_input_discover_does_not_wait_for_ever),
	    ROW(test_nor_after_a_link_that_came_and_went),
	    ROW(test_nor_in_a_replay_that_nobody_answers),
	    ROW(test_initialized_alone_is_not_waited_for_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
