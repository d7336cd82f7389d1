#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "completion.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct catalog catalog;

static int set_up(void **state)
{
	(void)state;
	catalog_set(&catalog, CATALOG_TOOLS,
	    strdup("[{\"name\":\"echo\",\"inputSchema\":{\"type\":\"object\",\"properties\":{"
	           "\"message\":{\"type\":\"string\"},\"mode\":{\"enum\":[\"slow\",\"very fast\"]},"
	           "\"loud\":{\"type\":\"boolean\"}}}},"
	           "{\"name\":\"echo_all\"},{\"name\":\"my tool\"},"
	           "{\"name\":\"gr\\u00fc\\u00df\"},{\"name\":\"gr\\u00fcn\"},"
	           "{\"name\":\"evil\\u001b[2J\"},{\"name\":\"evil\\u202etxt\"},{\"name\":1}]"));
	catalog_set(&catalog, CATALOG_RESOURCES,
	    strdup("[{\"uri\":\"file:///a b\"},{\"uri\":\"test://one\"}]"));
	catalog_set(&catalog, CATALOG_TEMPLATES, strdup("[{\"uriTemplate\":\"test://{id}\"}]"));
	catalog_set(&catalog, CATALOG_PROMPTS,
	    strdup("[{\"name\":\"review\",\"arguments\":[{\"name\":\"code\"},{\"name\":\"style\"}]}"
	           "]"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	catalog_free(&catalog);
	return 0;
}

/* Completes ${line}; gives the line that comes of it, "?" and the candidates if it is not clear. */
static void complete(char *out, const char *line)
{
	static const char *const subscriptions[] = {"test://one", "test://two", NULL};
	struct completion c;

	completion_find(&c, line, &catalog, subscriptions);
	if (c.insert != NULL) {
		(void)sprintf(out, "%.*s%s", (int)c.at, line, c.insert);
	} else {
		(void)sprintf(out, "?");
		for (size_t i = 0; i < c.count; i++)
			(void)sprintf(out + strlen(out), " %s", c.candidates[i]);
	}
	completion_free(&c);
}

static void lines_are_completed(void **state)
{
	static const struct {
		const char *line, *completed;
	} cases[] = {
	    {"pi", "ping "},
	    {"  pi", "  ping "},
	    {"ping", "ping "},
	    {"to", "tool"},
	    {"tool", "? tools tool"},
	    {"re", "? resources read"},
	    {"res", "resources "},
	    {"xyz", "?"},
	    {"tools ", "?"},
	    {"nothing x", "?"},
	    {"help su", "help subscribe "},
	    {"tool m", "tool \"my tool\" "},
	    {"tool \"my", "tool \"my tool\" "},
	    {"tool my\\ t", "tool \"my tool\" "},
	    {"tool echo x", "?"},
	    {"call ec", "call echo"},
	    {"call echo", "? echo echo_all"},
	    {"call g", "call gr\xc3\xbc"},
	    {"call ev", "?"},
	    {"call echo ", "? message= mode= loud="},
	    {"call echo me", "call echo message="},
	    {"call echo message=x ", "? mode= loud="},
	    {"call echo message=x m", "call echo message=x mode="},
	    {"call echo message:=1 mode@f ", "call echo message:=1 mode@f loud="},
	    {"call echo mode=", "? mode=slow mode=very fast"},
	    {"call echo mode=s", "call echo mode=slow "},
	    {"call echo mode=v", "call echo \"mode=very fast\" "},
	    {"call echo loud=t", "call echo loud=true "},
	    {"call echo message=", "?"},
	    {"call nobody ", "?"},
	    {"read f", "read \"file:///a b\" "},
	    {"subscribe t", "subscribe test://one "},
	    {"unsubscribe t", "unsubscribe test://"},
	    {"unsubscribe test://tw", "unsubscribe test://two "},
	    {"prompt r", "prompt review "},
	    {"prompt review ", "? code= style="},
	    {"prompt review code=x ", "prompt review code=x style="},
	    {"complete ", "? prompt resource"},
	    {"complete p", "complete prompt "},
	    {"complete prompt r", "complete prompt review "},
	    {"complete resource t", "complete resource test://{id} "},
	    {"complete resource test://{id} x", "?"},
	    {"log de", "log debug "},
	    {"trace o", "? on off"},
	    {"trace of", "trace off "},
	    {"send {", "?"},
	};
	char out[512];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		complete(out, cases[i].line);
		assert_string_equal(out, cases[i].completed);
	}
	complete(out, "");
	assert_non_null(strstr(out, "? tools tool call"));
}

static void nothing_is_known_yet(void **state)
{
	static const struct catalog empty;
	static const char *const lines[] = {
	    "tool ", "call x ", "read ", "prompt x ", "unsubscribe ", "complete resource "};
	struct completion c;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		completion_find(&c, lines[i], &empty, NULL);
		assert_null(c.insert);
		assert_int_equal(c.count, 0);
		completion_free(&c);
	}
}

static void candidates_are_listed_in_columns(void **state)
{
	struct completion c;
	char *list;

	(void)state;
	completion_find(&c, "call echo", &catalog, NULL);
	list = completion_list(&c, 80);
	assert_string_equal(list, "echo      echo_all\n");
	free(list);
	list = completion_list(&c, 18);
	assert_string_equal(list, "echo      echo_all\n");
	free(list);
	list = completion_list(&c, 17);
	assert_string_equal(list, "echo\necho_all\n");
	free(list);
	completion_free(&c);
	completion_find(&c, "log de", &catalog, NULL);
	assert_null(completion_list(&c, 80));
	completion_free(&c);
}

static void a_long_list_is_cut(void **state)
{
	struct completion c;
	char *tools = malloc(30 * 12000), *at = tools, *list;

	(void)state;
	at += sprintf(at, "[");
	for (int i = 0; i < 12000; i++)
		at += sprintf(at, "%s{\"name\":\"t%05d\"}", i > 0 ? "," : "", i);
	(void)sprintf(at, "]");
	catalog_set(&catalog, CATALOG_TOOLS, tools);
	completion_find(&c, "tool t", &catalog, NULL);
	assert_int_equal(c.count, COMPLETION_MAX);
	assert_string_equal(c.insert, "t0");
	list = completion_list(&c, 80);
	assert_non_null(strstr(list, "t00199\n... and 9800 more\n"));
	free(list);
	completion_free(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lines_are_completed),
	    TEST(nothing_is_known_yet),
	    TEST(candidates_are_listed_in_columns),
	    TEST(a_long_list_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
