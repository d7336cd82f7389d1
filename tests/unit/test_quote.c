#include "quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEN          "0123456789"
#define EURO         "\xE2\x82\xAC"

static void names_are_quoted_as_a_shell_takes_them(void **state)
{
	static const struct {
		const char *name, *shown;
	} rows[] = {
	    {"", "\"\""},
	    {"a", "\"a\""},
	    {"my server's", "\"my server's\""},
	    {"say \"hi\"", "'say \"hi\"'"},
	    {"$HOME", "'$HOME'"},
	    {"`x`", "'`x`'"},
	    {"a\\b", "'a\\b'"},
	    {"wow!", "'wow!'"},
	    {"$ 'a'", "'$ '\\''a'\\'''"},
	    {"caf\xC3\xA9", "\"caf\xC3\xA9\""},
	};
	char out[QUOTE_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(quote_name(out, rows[i].name), rows[i].shown);
}

/* Whatever is cut, it ends with "..." and the quote, whole characters before that. */
static void long_names_are_cut(void **state)
{
	static const char *const pieces[] = {"x", "\xC3\xA9", EURO, "\xF0\x9F\x98\x80", "'", "$"};
	char name[1000], out[QUOTE_NAME_SIZE + 1];

	(void)state;
	for (size_t p = 0; p < COUNT(pieces); p++) {
		for (size_t before = 0; before < 6; before++) {
			size_t len;

			*name = '\0';
			for (size_t i = 0; i < before; i++)
				strcat(name, "$");
			while (strlen(name) < 300)
				strcat(name, pieces[p]);
			out[QUOTE_NAME_SIZE] = 'x';
			quote_name(out, name);
			len = strlen(out);
			assert_int_equal(out[QUOTE_NAME_SIZE], 'x');
			assert_true(len < QUOTE_NAME_SIZE && len > QUOTE_NAME_SIZE - 8);
			assert_memory_equal(out + len - 4, "...", 3);
			assert_int_equal(out[len - 1], out[0]);
			assert_memory_equal(
			    out + len - 4 - strlen(pieces[p]), pieces[p], strlen(pieces[p]));
		}
	}
	/* Bytes that are no characters are cut like others. */
	memset(name, 0xFF, sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_true(strlen(quote_name(out, name)) < QUOTE_NAME_SIZE);
}

static void long_paths_lose_their_beginning(void **state)
{
	char path[1000] = "/", out[QUOTE_PATH_SIZE];
	size_t len;

	(void)state;
	assert_string_equal(quote_path(out, "/a b/'c"), "/a b/'c");
	assert_string_equal(quote_path(out, ""), "");
	while (strlen(path) < QUOTE_PATH_SIZE - 1)
		strcat(path, "a");
	assert_string_equal(quote_path(out, path), path);
	strcat(path, "b");
	quote_path(out, path);
	assert_int_equal(strlen(out), QUOTE_PATH_SIZE - 1);
	assert_memory_equal(out, "...aaa", 6);
	assert_int_equal(out[QUOTE_PATH_SIZE - 2], 'b');
	for (size_t shift = 0; shift < 3; shift++) {
		*path = '\0';
		while (strlen(path) < 600)
			strcat(path, EURO);
		memset(path + strlen(path), 'x', shift);
		path[600 + shift] = '\0';
		len = strlen(quote_path(out, path));
		assert_true(len < QUOTE_PATH_SIZE && len > QUOTE_PATH_SIZE - 4);
		assert_memory_equal(out, "..." EURO, 6);
	}
}

static void words_are_as_a_shell_takes_them(void **state)
{
	static const struct {
		const char *text, *word;
	} rows[] = {
	    {"", "''"},
	    {"/home/me/a-b_c.d", "/home/me/a-b_c.d"},
	    {"a,b:c+d@e", "a,b:c+d@e"},
	    {"my dir", "'my dir'"},
	    {"it's", "'it'\\''s'"},
	    {"'", "''\\'''"},
	    {"~", "'~'"},
	    {"a=b", "'a=b'"},
	    {"$x`\"\\\n*?[](){}<>|&;!#", "'$x`\"\\\n*?[](){}<>|&;!#'"},
	    {EURO, EURO},
	};
	char out[64], small[64];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t need = strlen(rows[i].word) + 1;

		assert_true(quote_word(out, sizeof out, rows[i].text));
		assert_string_equal(out, rows[i].word);
		for (size_t size = 0; size <= need; size++) {
			memset(small, 'x', sizeof small);
			assert_true(quote_word(small, size, rows[i].text) == (size == need));
			assert_int_equal(small[size], 'x');
		}
	}
}

static void a_shell_takes_them(void **state)
{
	static const char *const texts[] = {
	    "a b", "it's", "$HOME", "`id`", "a\\b", "\"", "'\"'", "a'b\"c"};
	char word[256], command[600], line[256];

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(texts); i++) {
		const char *text = texts[i / 2];
		FILE *f;

		if (i % 2 == 0)
			quote_name(word, text);
		else
			assert_true(quote_word(word, sizeof word, text));
		(void)snprintf(command, sizeof command, "printf '%%s\\n' %s", word);
		f = popen(command, "r");
		assert_non_null(f);
		assert_non_null(fgets(line, sizeof line, f));
		assert_int_equal(pclose(f), 0);
		line[strcspn(line, "\n")] = '\0';
		assert_string_equal(line, text);
	}
}

static void directories_are_those_of_files(void **state)
{
	char out[64];

	(void)state;
	assert_true(quote_directory(out, sizeof out, "/a/b/.mcp.json"));
	assert_string_equal(out, "/a/b");
	assert_true(quote_directory(out, sizeof out, "/a b/.mcp.json"));
	assert_string_equal(out, "'/a b'");
	assert_true(quote_directory(out, sizeof out, "/.mcp.json"));
	assert_string_equal(out, "/");
	assert_true(quote_directory(out, sizeof out, "x.json"));
	assert_string_equal(out, ".");
	assert_false(quote_directory(out, 4, "/a/b/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_quoted_as_a_shell_takes_them),
	    cmocka_unit_test(long_names_are_cut),
	    cmocka_unit_test(long_paths_lose_their_beginning),
	    cmocka_unit_test(words_are_as_a_shell_takes_them),
	    cmocka_unit_test(a_shell_takes_them),
	    cmocka_unit_test(directories_are_those_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
