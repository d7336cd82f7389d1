#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "template.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void variables_are_measured(void **state)
{
	static const struct {
		const char *text;
		size_t len, name;
	} cases[] = {
	    {"${A}", 4, 1},
	    {"${A}b", 4, 1},
	    {"${_a9}", 6, 3},
	    {"${AB:-}", 7, 2},
	    {"${AB:-c}d", 8, 2},
	    {"${A:-${B}}}", 10, 1},
	    {"${A:-${B:-${C}}x}y", 17, 1},
	    {"${A:-$}", 7, 1},
	    {"${A:-{}", 7, 1},
	    {"", 0, 0},
	    {"a", 0, 0},
	    {"$A", 0, 0},
	    {"{A}", 0, 0},
	    {"${", 0, 0},
	    {"${}", 0, 0},
	    {"${9}", 0, 0},
	    {"${-}", 0, 0},
	    {"${A", 0, 1},
	    {"${A-b}", 0, 1},
	    {"${A:b}", 0, 1},
	    {"${A:-b", 0, 1},
	    {"${A:-${B}", 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t name = 99;

		assert_int_equal(template_variable(cases[i].text, &name), cases[i].len);
		assert_int_equal(name, cases[i].name);
	}
}

static void nesting_ends_somewhere(void **state)
{
	char text[256] = "";
	size_t name, depth;

	(void)state;
	for (depth = 0; depth < 16; depth++)
		strcat(text, "${A:-");
	for (depth = 0; depth < 16; depth++)
		strcat(text, "}");
	assert_int_equal(template_variable(text, &name), strlen(text));
	memmove(text + 5, text, strlen(text) + 1);
	strcat(text, "}");
	assert_int_equal(template_variable(text, &name), 0);
}

static void urls_are_shown_without_secrets(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
	    {"wss://example.com/mcp", "wss://example.com/mcp"},
	    {"WSS://u:p@example.com:1/mcp?token=x#y", "wss://example.com:1/mcp?..."},
	    {"wss://${HOST}/mcp", "wss://${HOST}/mcp"},
	    {"wss://${HOST:-example.com}/mcp", "wss://${HOST:-example.com}/mcp"},
	    {"wss://${HOST:-${OTHER}}/mcp", "wss://${HOST:-...}/mcp"},
	    {"ws://h:${PORT}/", "ws://h:${PORT}/"},
	    {"ws://h:${PORT:-8080}", "ws://h:${PORT:-8080}"},
	    {"ws://${H}:${P}/${A}/x/${B}", "ws://${H}:${P}/${A}/x/${B}"},
	    {"ws://a${B}c.${D}", "ws://a${B}c.${D}"},
	    {"ws://${U}:${P}@h/", "ws://h/"},
	    {"ws://user:${P}@h/", "ws://h/"},
	    {"ws://user:sec${P}ret@h:9/", "ws://h:9/"},
	    {"ws://h/?token=${T}", "ws://h/?..."},
	    {"ws://h/${A}?secret&t=${T}", "ws://h/${A}?..."},
	    {"ws://h/?t=${T:-secret}", "ws://h/?..."},
	    {"ws://h/#${F}", "ws://h/"},
	    {"${URL}", "${URL}"},
	    {"${URL:-wss://u:p@h/?secret}", "${URL:-...}"},
	    {"${BASE}/mcp?x=secret", "${BASE}/mcp?..."},
	    {"${BASE:-ws://h}/mcp", "${BASE:-...}/mcp"},
	    {"${SCHEME}://user:secret@h/x?y", "${SCHEME}://h/x?..."},
	    {"${SCHEME:-wss}://h", "${SCHEME:-wss}://h"},
	    {"${A}${B}", "${A}${B}"},
	    {"${A}user:secret@h/", "h/"},
	    {"ws://to/ken${A}secret@h/", "ws://..."},
	    {"ws://${A}/secret@h/", "ws://..."},
	    {"${A}/secret@h/", "..."},
	    {"ws://h/q000004q/${A}", "ws://h/q000004q/${A}"},
	    {"ws://h:59004/${A}", "ws://h:59004/${A}"},
	    {"ws://h/${A", "(not a URL)"},
	    {"ws://h/${9}", "(not a URL)"},
	    {"ws://h:8${P}/", "(not a URL)"},
	    {"secret", "(not a URL)"},
	    {"", "(not a URL)"},
	    {"ws://h/\x1b[31m${A}", "ws://h/%1B[31m${A}"},
	};
	char shown[256];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(
		    template_display(shown, sizeof shown, cases[i].text), cases[i].shown);
}

static void what_is_too_long_is_cut(void **state)
{
	static const char text[] = "ws://example.com/${ABC}/def";
	char shown[sizeof text + 1], expected[sizeof text + 1];

	(void)state;
	for (size_t size = 0; size <= sizeof text; size++) {
		memset(shown, '!', sizeof shown);
		assert_ptr_equal(template_display(shown, size, text), shown);
		assert_int_equal(shown[size], '!');
		if (size == 0)
			continue;
		assert_true(strlen(shown) < size);
		if (size < 5)
			continue;
		snprintf(expected, sizeof expected, "%.*s", (int)size - 1, text);
		if (size < sizeof text)
			memcpy(expected + size - 4, "...", 3);
		assert_string_equal(shown, expected);
	}
}

static void long_urls_are_no_trouble(void **state)
{
	static char text[URL_MAX + 2], shown[4 * URL_MAX];

	(void)state;
	for (size_t step = 1; step < 9; step++) {
		strcpy(text, "ws://h/");
		while (strlen(text) + 5 + step <= URL_MAX) {
			strcat(text, "${A}");
			for (size_t i = 0; i < step; i++)
				strcat(text, "\xc3");
		}
		template_display(shown, sizeof shown, text);
		assert_non_null(strstr(shown, "${A}%C3"));
	}
	memset(text, 'x', sizeof text - 1);
	memcpy(text, "ws://h/${A}", 11);
	assert_string_equal(template_display(shown, sizeof shown, text), "(not a URL)");
}

static void urls_are_read(void **state)
{
	static const struct {
		const char *text;
		bool good, userinfo, query;
	} cases[] = {
	    {"ws://${H}/", true, false, false},
	    {"ws://${U}@${H}:${P}/?${Q}", true, true, true},
	    {"ws://h/${A:-?x}", true, false, false},
	    {"ws://${A:-u@h}/", true, false, false},
	    {"${U}", true, false, false},
	    {"${S}://u@h", true, true, false},
	    {"${B}?x", true, false, true},
	    {"http://${H}/", false, false, false},
	    {"${H", false, false, false},
	    {"x", false, false, false},
	};
	struct url url;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *fault = template_parse(&url, cases[i].text);

		assert_int_equal(fault == NULL, cases[i].good);
		if (fault)
			continue;
		assert_int_equal(url.has_userinfo, cases[i].userinfo);
		assert_int_equal(url.has_query, cases[i].query);
	}
	assert_null(template_parse(&url, "wss://example.com:1/${A}"));
	assert_string_equal(url.host, "example.com");
	assert_true(template_has_variable("a${"));
	assert_false(template_has_variable("a$b{c}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(variables_are_measured),
	    cmocka_unit_test(nesting_ends_somewhere),
	    cmocka_unit_test(urls_are_shown_without_secrets),
	    cmocka_unit_test(what_is_too_long_is_cut),
	    cmocka_unit_test(long_urls_are_no_trouble),
	    cmocka_unit_test(urls_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
