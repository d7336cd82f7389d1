#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reason.h"
#include "utf8.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A reason whose every byte is wrong until it is set. */
static struct reason dirty(void)
{
	struct reason r;

	memset(&r, 0x5A, sizeof(r));
	return r;
}

static bool is_utf8(const char *text)
{
	struct utf8 u = {0};

	return utf8_feed(&u, text, strlen(text)) && utf8_complete(&u);
}

/* --- the text ------------------------------------------------------------------------------ */

static void set_fills_and_clears(void **state)
{
	struct reason r = dirty();

	(void)state;
	reason_set(&r, REASON_HTTP, "the server answered %d %s", 503, "Busy");
	assert_int_equal(r.kind, REASON_HTTP);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.close_code, 0);
	assert_int_equal(r.retry_after, 0);
	assert_string_equal(r.text, "the server answered 503 Busy");

	r.status = 503;
	r.close_code = 1006;
	r.retry_after = 1000;
	reason_set(&r, REASON_LOST, "%s", "");
	assert_int_equal(r.kind, REASON_LOST);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.close_code, 0);
	assert_int_equal(r.retry_after, 0);
	assert_string_equal(r.text, "");
}

static void a_text_may_be_made_of_the_one_it_replaces(void **state)
{
	struct reason r = dirty();

	(void)state;
	reason_set(&r, REASON_LOST, "reset");
	reason_set(&r, REASON_LOST, "%s, and again %s", r.text, r.text);
	assert_string_equal(r.text, "reset, and again reset");
}

static void foreign_text_is_escaped(void **state)
{
	static const struct {
		const char *foreign, *text;
	} cases[] = {
	    {"bye", "bye"},
	    {"\x1b[2J", "\\x1b[2J"},
	    {"a\r\nwsmcp: error: b", "a\\x0d\\x0awsmcp: error: b"},
	    {"\x7f\t", "\\x7f\\x09"},
	    {"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80",
	        "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
	    {"\xC2\x9B", "\\u009b"}, /* C1: as good as ESC [ */
	    {"\xE2\x80\xAE"
	     "evil",
	        "\\u202eevil"}, /* right to left from here */
	    {"\xFF\xC3", "\\xff\\xc3"},
	    {"100%", "100%"},
	    {"%s%n", "%s%n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reason r = dirty();
		char expected[100];

		reason_set(&r, REASON_CLOSED, "<%s>", cases[i].foreign);
		(void)snprintf(expected, sizeof(expected), "<%s>", cases[i].text);
		assert_string_equal(r.text, expected);
	}
}

/* A cut text is whole units, as many as fit, and "..." for the rest. */
static void assert_cut(const char *text, const char *unit)
{
	size_t len = strlen(text), unit_len = strlen(unit);

	assert_in_range(len, REASON_TEXT_SIZE - 3 - unit_len, REASON_TEXT_SIZE - 1);
	assert_true(is_utf8(text));
	assert_string_equal(text + len - 3, "...");
	for (size_t at = 0; at < len - 3; at += unit_len)
		assert_memory_equal(text + at, unit, unit_len);
}

static void long_texts_are_cut_at_characters(void **state)
{
	static const struct {
		const char *foreign, *shown;
	} units[] = {
	    {"a", "a"},
	    {"\xC3\xA9", "\xC3\xA9"},
	    {"\xE2\x82\xAC", "\xE2\x82\xAC"},
	    {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
	    {"\x1b", "\\x1b"},
	    {"\xE2\x80\xAE", "\\u202e"},
	    {"\xFF", "\\xff"},
	};
	static char text[4 * REASON_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(units); i++) {
		size_t len = strlen(units[i].foreign);

		for (size_t at = 0; at + len < sizeof(text); at += len)
			memcpy(text + at, units[i].foreign, len + 1);
		/* They may end anywhere, also within a character. */
		for (size_t n = REASON_TEXT_SIZE; n < sizeof(text); n += n < 1000 ? 1 : 100) {
			struct reason r = dirty();

			reason_set(&r, REASON_CLOSED, "%.*s", (int)n, text);
			assert_cut(r.text, units[i].shown);
		}
	}
}

static void the_longest_text_is_not_cut(void **state)
{
	char text[REASON_TEXT_SIZE + 1];
	struct reason r = dirty();

	(void)state;
	memset(text, 'a', sizeof(text));
	text[REASON_TEXT_SIZE - 1] = '\0';
	reason_set(&r, REASON_CLOSED, "%s", text);
	assert_string_equal(r.text, text);

	text[REASON_TEXT_SIZE - 1] = 'a';
	text[REASON_TEXT_SIZE] = '\0';
	reason_set(&r, REASON_CLOSED, "%s", text);
	memcpy(text + REASON_TEXT_SIZE - 4, "...", 4);
	assert_string_equal(r.text, text);
}

/* --- hints --------------------------------------------------------------------------------- */

static const char *hint_of(enum reason_kind kind, int status)
{
	struct reason r;

	reason_set(&r, kind, "x");
	r.status = status;
	return reason_hint(&r);
}

static void hints_name_what_may_help(void **state)
{
	static const struct {
		enum reason_kind kind;
		int status;
		const char *named; /* a word of the hint, NULL = there is none */
	} cases[] = {
	    {REASON_NONE, 0, NULL},
	    {REASON_UNRESOLVED, 0, "host name"},
	    {REASON_UNREACHABLE, 0, "port"},
	    {REASON_TIMED_OUT, 0, "--connect-timeout"},
	    {REASON_TRUNCATED, 0, NULL},
	    {REASON_HTTP, 401, "credentials"},
	    {REASON_HTTP, 403, "credentials"},
	    {REASON_HTTP, 404, "path"},
	    {REASON_HTTP, 400, "subprotocol"},
	    {REASON_PROXY, 407, "credentials"},
	    {REASON_PROXY, 502, "--noproxy"},
	    {REASON_PROXY, 0, "--noproxy"},
	    {REASON_NOT_WEBSOCKET, 0, "--subprotocol"},
	    {REASON_TLS, 0, "wss://"},
	    {REASON_UNTRUSTED, 0, "--cacert"},
	    {REASON_CERTIFICATE, 0, "--key"},
	    {REASON_CLOSED, 0, NULL},
	    {REASON_LOST, 0, NULL},
	    {REASON_SILENT, 0, "--ping-timeout"},
	    {REASON_VIOLATION, 0, NULL},
	    {REASON_NOT_UTF8, 0, NULL},
	    {REASON_STOPPED, 0, NULL},
	    {REASON_SETUP, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *hint = hint_of(cases[i].kind, cases[i].status);
		bool good =
		    cases[i].named == NULL ? *hint == '\0' : strstr(hint, cases[i].named) != NULL;

		if (!good)
			fail_msg(
			    "kind %d, status %d: %s", (int)cases[i].kind, cases[i].status, hint);
	}
}

static void hints_are_sentences(void **state)
{
	(void)state;
	for (int kind = REASON_NONE; kind <= REASON_SETUP; kind++) {
		for (int status = 0; status < 600; status++) {
			const char *hint = hint_of((enum reason_kind)kind, status);
			size_t len = strlen(hint);

			if (len == 0)
				continue;
			assert_true(hint[0] >= 'A' && hint[0] <= 'Z');
			assert_true(hint[len - 1] == '.' || hint[len - 1] == '?');
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(set_fills_and_clears),
	    cmocka_unit_test(a_text_may_be_made_of_the_one_it_replaces),
	    cmocka_unit_test(foreign_text_is_escaped),
	    cmocka_unit_test(long_texts_are_cut_at_characters),
	    cmocka_unit_test(the_longest_text_is_not_cut),
	    cmocka_unit_test(hints_name_what_may_help),
	    cmocka_unit_test(hints_are_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
