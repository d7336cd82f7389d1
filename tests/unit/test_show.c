#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "show.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char shown[65536];
static FILE *file;
static int saved = -1;
static struct console *console;

/* From here to end(), stdout is kept in shown. */
static void begin(void)
{
	file = tmpfile();
	saved = dup(STDOUT_FILENO);
	assert_true(file != NULL && saved >= 0);
	(void)fflush(stdout);
	assert_int_equal(dup2(fileno(file), STDOUT_FILENO), STDOUT_FILENO);
	console = console_new(true);
}

static void end(void)
{
	size_t len;

	(void)console_settle(console);
	console_free(console);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(saved);
	rewind(file);
	len = fread(shown, 1, sizeof shown - 1, file);
	shown[len] = '\0';
	(void)fclose(file);
}

struct example {
	const char *json, *expected;
};

static void check(
    void (*show)(struct console *c, struct value v), const struct example *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		begin();
		show(console, value_of(cases[i].json));
		end();
		assert_string_equal(shown, cases[i].expected);
	}
}

static void results_of_calls_are_shown(void **state)
{
	static const struct example cases[] = {
	    {"{}", "(no content)\n"},
	    {"{\"content\":[]}", "(no content)\n"},
	    {"{\"content\":[{\"type\":\"text\",\"text\":\"one\\ntwo\\n\\n\"}]}", "one\ntwo\n"},
	    {"{\"content\":[{\"type\":\"text\",\"text\":\"\\u001b[2J\\u202e\"}]}",
	        "\\x1b[2J\\u202e\n"},
	    {"{\"content\":[{\"type\":\"image\",\"data\":\"AAEC\"}]}", "[image, 3 bytes]\n"},
	    {"{\"content\":[{\"type\":\"resource\",\"resource\":{\"uri\":\"x:\\r\",\"text\":\"t\"}}"
	     "]}",
	        "x:\\x0d\nt\n"},
	    {"{\"content\":[{\"type\":\"text\"}]}", "{\n  \"type\": \"text\"\n}\n"},
	    {"{\"content\":[{\"type\":\"text\",\"text\":\"same\"}],\"structuredContent\":{\"n\":1."
	     "0}}",
	        "{\n  \"n\": 1.0\n}\n"},
	    {"{\"content\":[{\"type\":\"text\",\"text\":\"t\"}],\"structuredContent\":null}",
	        "t\n"},
	};

	(void)state;
	check(show_call, cases, COUNT(cases));
}

static void contents_of_resources_are_shown(void **state)
{
	static const struct example cases[] = {
	    {"{\"contents\":[]}", "(no content)\n"},
	    {"{\"contents\":[{\"uri\":\"a\",\"text\":\"t\\u009b\"},{\"uri\":\"b\",\"blob\":\"AA=="
	     "\"}]}",
	        "t\\u009b\n[resource, 1 bytes]\n"},
	    {"{\"contents\":[{\"uri\":\"a\"}]}", "{\n  \"uri\": \"a\"\n}\n"},
	};

	(void)state;
	check(show_contents, cases, COUNT(cases));
}

static void prompts_are_shown(void **state)
{
	static const struct example cases[] = {
	    {"{\"messages\":[]}", "(no messages)\n"},
	    {"{\"description\":\"d\",\"messages\":[{\"role\":\"user\",\"content\":{\"type\":"
	     "\"text\","
	     "\"text\":\"hi\"}},{\"role\":\"assistant\",\"content\":{\"type\":\"audio\","
	     "\"data\":\"AAEC\",\"mimeType\":\"audio/wav\"}}]}",
	        "d\nuser:\nhi\nassistant:\n[audio/wav, 3 bytes]\n"},
	    {"{\"messages\":[{\"role\":1}]}", "1:\n"},
	};

	(void)state;
	check(show_prompt, cases, COUNT(cases));
}

static void completions_are_shown(void **state)
{
	static const struct example cases[] = {
	    {"{}", "(no values)\n"},
	    {"{\"completion\":{\"values\":[\"a\",\"b\\u001b\"]}}", "a\nb\\x1b\n"},
	    {"{\"completion\":{\"values\":[\"a\"],\"hasMore\":true}}", "a\n... and more\n"},
	    {"{\"completion\":{\"values\":[\"a\"],\"hasMore\":true,\"total\":9}}",
	        "a\n... and more, 9 in all\n"},
	};

	(void)state;
	check(show_completion, cases, COUNT(cases));
}

static void lists_are_shown(void **state)
{
	static const struct example tools[] = {
	    {"[]", "the server has no tools\n"},
	    {"[{\"name\":\"a\"}]", "a\n"},
	};
	static const struct example prompts[] = {
	    {"[]", "the server has no prompts\n"},
	    {"[{\"name\":\"p\\u001b\",\"description\":\"d\",\"arguments\":[{\"name\":\"x\","
	     "\"required\":true,\"description\":\"why\"},{\"name\":\"y\"}]}]",
	        "p\\x1b\n  d\n    x  required\n      why\n    y\n"},
	};

	(void)state;
	check(show_tools, tools, COUNT(tools));
	check(show_prompts, prompts, COUNT(prompts));
	begin();
	show_resources(console, value_of("[{\"uri\":\"u\",\"name\":\"n\",\"mimeType\":\"m\"}]"),
	    value_of("[{\"uriTemplate\":\"t\",\"description\":\"d\"}]"));
	end();
	assert_string_equal(shown, "u  n (m)\nt\n  d\n");
	begin();
	show_resources(console, value_of("[]"), VALUE_NOTHING);
	end();
	assert_string_equal(shown, "the server has no resources\n");
}

static void notifications_are_shown_on_a_line(void **state)
{
	static const struct {
		const char *method, *params, *expected;
	} cases[] = {
	    {"notifications/message", "{\"level\":\"info\",\"data\":\"a\\nb\"}",
	        "* log info: a\\x0ab\n"},
	    {"notifications/message",
	        "{\"level\":\"error\",\"logger\":\"l\\u001b\",\"data\":{\"k\":[1]}}",
	        "* log error (l\\x1b): {\"k\":[1]}\n"},
	    {"notifications/message", NULL, "* log : \n"},
	    {"notifications/resources/updated", "{\"uri\":\"u\\u2066\"}",
	        "* resource updated: u\\u2066\n"},
	    {"notifications/prompts/list_changed", NULL, "* the list of prompts has changed\n"},
	    {"own\x1b", NULL, "* own\\x1b\n"},
	    {"own", "{\"a\":\"\xc2\x9b\"}", "* own {\"a\":\"\\u009b\"}\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		begin();
		show_notification(console, cases[i].method, cases[i].params);
		end();
		assert_string_equal(shown, cases[i].expected);
	}
}

/* Pieces that are escaped one by one: characters must not be cut in two between them. */
static void long_messages_stay_whole(void **state)
{
	char text[5000], expected[5100];

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		size_t len = shift;

		memset(text, 'x', shift);
		for (; len + 4 <= sizeof text - 1; len += 4)
			memcpy(text + len, "\xf0\x9f\x98\x80", 4);
		text[len] = '\0';
		begin();
		show_message(console, true, text, len);
		end();
		(void)snprintf(expected, sizeof expected, "-> %s\n", text);
		assert_string_equal(shown, expected);
	}
	begin();
	show_message(console, false, "{\"a\":\n1}\x7f", 9);
	end();
	assert_string_equal(shown, "<- {\"a\":\\x0a1}\\x7f\n");
}

static void a_tool_is_shown_whole(void **state)
{
	(void)state;
	begin();
	show_tool(console, value_of("{\"name\":\"t\",\"title\":\"T\",\"inputSchema\":{\"type\":"
	                            "\"object\"},\"annotations\":{\"readOnlyHint\":true}}"));
	end();
	assert_string_equal(shown, "t\ntitle: \"T\"\ninputSchema: {\n  \"type\": \"object\"\n}\n"
	                           "annotations: {\n  \"readOnlyHint\": true\n}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(results_of_calls_are_shown),
	    cmocka_unit_test(contents_of_resources_are_shown),
	    cmocka_unit_test(prompts_are_shown),
	    cmocka_unit_test(completions_are_shown),
	    cmocka_unit_test(lists_are_shown),
	    cmocka_unit_test(notifications_are_shown_on_a_line),
	    cmocka_unit_test(long_messages_stay_whole),
	    cmocka_unit_test(a_tool_is_shown_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
