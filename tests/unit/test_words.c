#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "words.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The words with "|" behind each, then what was left open. */
static void split(char *out, const char *line, bool partial)
{
	struct words w;
	char *copy = malloc(strlen(line) + 1); /* without its NUL, for the sanitizer to see */

	memcpy(copy, line, strlen(line));
	assert_int_equal(words_split(&w, copy, strlen(line), partial), 0);
	out[0] = '\0';
	for (size_t i = 0; i < w.count; i++) {
		strcat(out, w.items[i]);
		strcat(out, "|");
	}
	assert_null(w.items[w.count]);
	if (w.open != 0)
		strncat(out, &w.open, 1);
	words_free(&w);
	free(copy);
}

static void lines_are_split_as_a_shell_does(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
	    {"", ""},
	    {"   ", ""},
	    {"tools", "tools|"},
	    {"  call  echo\tmessage=hi ", "call|echo|message=hi|"},
	    {"a b c", "a|b|c|"},
	    {"message='two words'", "message=two words|"},
	    {"\"two words\" x", "two words|x|"},
	    {"a''b", "ab|"},
	    {"'' \"\"", "||"},
	    {"two\\ words", "two words|"},
	    {"\\'x\\\"", "'x\"|"},
	    {"'a\\b'", "a\\b|"},
	    {"\"a\\\"b\\\\c\\d\"", "a\"b\\c\\d|"},
	    {"'a\"b' \"c'd\"", "a\"b|c'd|"},
	    {"x:='{\"a\": [1, 2]}'", "x:={\"a\": [1, 2]}|"},
	    {"$HOME `x` * ~ # !", "$HOME|`x`|*|~|#|!|"},
	    {"gr\xc3\xbc\xc3\x9f"
	     "e",
	        "gr\xc3\xbc\xc3\x9f"
	        "e|"},
	    {"'open words", "open words|'"},
	    {"a \"open \\\"", "a|open \"|\""},
	    {"a\\", "a|\\"},
	    {"\"a\\", "a\\|\""},
	};
	char out[256];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		split(out, cases[i].line, false);
		assert_string_equal(out, cases[i].words);
	}
}

static void a_partial_line_ends_in_the_word_being_typed(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
	    {"", "|"},
	    {" ", "|"},
	    {"to", "to|"},
	    {"tool ", "tool||"},
	    {"tool  ec", "tool|ec|"},
	    {"call 'my ", "call|my |'"},
	    {"call my\\ ", "call|my |"},
	    {"call 'my tool'", "call|my tool|"},
	    {"call 'my tool' ", "call|my tool||"},
	};
	char out[256];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		split(out, cases[i].line, true);
		assert_string_equal(out, cases[i].words);
	}
}

static void words_know_where_they_begin(void **state)
{
	static const char line[] = "  call 'a b' {\"x\": 1}";
	struct words w;

	(void)state;
	assert_int_equal(words_split(&w, line, strlen(line), false), 0);
	assert_int_equal(w.count, 4);
	assert_int_equal(w.at[0], 2);
	assert_int_equal(w.at[1], 7);
	assert_int_equal(w.at[2], 13);
	assert_string_equal(line + w.at[2], "{\"x\": 1}");
	words_free(&w);
	words_free(&w);
}

static void there_is_room_for_the_shortest_words(void **state)
{
	char line[2001], expected[3000] = "", out[3000];

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		memcpy(line + 2 * i, "x ", 3);
		strcat(expected, "x|");
	}
	split(out, line, false);
	assert_string_equal(out, expected);
	split(out, line, true);
	strcat(expected, "|");
	assert_string_equal(out, expected);
}

static void what_is_quoted_is_read_back(void **state)
{
	static const struct {
		const char *text, *closed, *open;
	} cases[] = {
	    {"echo", "echo", "echo"},
	    {"a=b:c/d?e&f*", "a=b:c/d?e&f*", "a=b:c/d?e&f*"},
	    {"", "\"\"", "\""},
	    {"two words", "\"two words\"", "\"two words"},
	    {"it's", "\"it's\"", "\"it's"},
	    {"say \"x\"\\", "\"say \\\"x\\\"\\\\\"", "\"say \\\"x\\\"\\\\"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *closed = words_quote(cases[i].text, true);
		char *open = words_quote(cases[i].text, false);
		struct words w;

		assert_string_equal(closed, cases[i].closed);
		assert_string_equal(open, cases[i].open);
		assert_int_equal(words_split(&w, closed, strlen(closed), false), 0);
		assert_int_equal(w.count, 1);
		assert_int_equal(w.open, 0);
		assert_string_equal(w.items[0], cases[i].text);
		words_free(&w);
		free(closed);
		free(open);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_split_as_a_shell_does),
	    cmocka_unit_test(a_partial_line_ends_in_the_word_being_typed),
	    cmocka_unit_test(words_know_where_they_begin),
	    cmocka_unit_test(there_is_room_for_the_shortest_words),
	    cmocka_unit_test(what_is_quoted_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
