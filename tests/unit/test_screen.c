#define _XOPEN_SOURCE 700 /* posix_openpt */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "screen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What a function wrote, as text. */
static char *taken(struct output *out, struct buf *b)
{
	static char text[1 << 16];

	assert_int_equal(output_end(out), 0);
	assert_true(b->len < sizeof text);
	memcpy(text, b->len > 0 ? (const char *)b->data : "", b->len);
	text[b->len] = '\0';
	buf_free(b);
	return text;
}

static char *wrap(const char *text, size_t at, size_t indent, size_t columns)
{
	struct output out;
	struct buf b;

	buf_init(&b, 1 << 16);
	output_to_buf(&out, &b);
	screen_wrap(&out, text, strlen(text), at, indent, columns);
	return taken(&out, &b);
}

static void widths(void **state)
{
	static const struct {
		const char *text;
		size_t width;
	} cases[] = {
	    {"", 0}, {"abc", 3}, {"\xc3\xa9", 1}, /* é */
	    {"e\xcc\x81", 1},                     /* e and a combining acute accent */
	    {"\xe4\xbd\xa0\xe5\xa5\xbd", 4},      /* 你好 */
	    {"\xed\x95\x9c", 2},                  /* 한 */
	    {"\xef\xbc\xa1", 2},                  /* fullwidth A */
	    {"\xf0\x9f\x98\x80", 2},              /* a face */
	    {"\xe2\x80\x94", 1},                  /* a dash */
	    {"\xe2\x9c\x85\xef\xb8\x8f", 2},      /* an emoji and what makes it one */
	    {"a\xe2\x80\x8b"
	     "b",
	        2},                  /* a space of no width */
	    {"\xf0\xa0\x80\x80", 2}, /* plane 2 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(
		    screen_width(cases[i].text, strlen(cases[i].text)), cases[i].width);
}

static void what_fits(void **state)
{
	static const struct {
		const char *text;
		size_t columns, bytes;
	} cases[] = {
	    {"abc", 2, 2},
	    {"abc", 3, 3},
	    {"abc", 9, 3},
	    {"abc", 0, 0},
	    {"\xe4\xbd\xa0\xe5\xa5\xbd", 3, 3}, /* half of a character is none */
	    {"e\xcc\x81x", 1, 3},               /* marks belong to what is in front of them */
	    {"", 5, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(screen_fit(cases[i].text, strlen(cases[i].text), cases[i].columns),
		    cases[i].bytes);
}

static void lines_are_broken_between_words(void **state)
{
	static const struct {
		const char *text;
		size_t at, indent, columns;
		const char *out;
	} cases[] = {
	    {"", 0, 0, 10, ""},
	    {"one two three", 0, 0, 20, "one two three"},
	    {"one two three", 0, 0, 13, "one two three"},
	    {"one two three", 0, 0, 12, "one two\nthree"},
	    {"one two three", 0, 0, 5, "one\ntwo\nthree"},
	    {"one two", 0, 2, 10, "  one two"},
	    {"one two", 0, 2, 7, "  one\n  two"},
	    {"one two", 4, 2, 11, "one two"},
	    {"one two", 4, 2, 10, "one\n  two"},
	    {"  one \t two  ", 0, 0, 20, "one two"},
	    {"a\nb", 0, 2, 20, "  a\n  b"},
	    {"a\n\nb", 0, 2, 20, "  a\n\n  b"},
	    {"\n\na\n \n\n\nb\n\n", 0, 2, 20, "  a\n\n  b"},
	    {"a\r\nb", 0, 0, 20, "a\nb"},
	    /* A word that fits nowhere is broken. */
	    {"abcdefghij", 0, 0, 4, "abcd\nefgh\nij"},
	    {"x abcdefghij y", 0, 1, 5, " x\n abcd\n efgh\n ij y"},
	    {"abc", 0, 3, 3, "   a\n   b\n   c"}, /* no room at all */
	    {"\xe4\xbd\xa0\xe5\xa5\xbd", 0, 0, 3, "\xe4\xbd\xa0\n\xe5\xa5\xbd"},
	    {"\xe4\xbd\xa0", 0, 0, 1, "\xe4\xbd\xa0"},
	    /* What steers a terminal is escaped, and counts as it is shown. */
	    {"\x1b[31m \xe2\x80\xae\xff", 0, 0, 20, "\\x1b[31m \\u202e\\xff"},
	    {"ab \x1b", 0, 0, 6, "ab\n\\x1b"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(
		    wrap(cases[i].text, cases[i].at, cases[i].indent, cases[i].columns),
		    cases[i].out);
}

static void long_words_lose_nothing(void **state)
{
	char word[2000], *out;
	size_t n = 0;

	(void)state;
	for (size_t offset = 0; offset < 4; offset++) { /* characters lie across pieces */
		memset(word, 'a', offset);
		for (size_t i = offset; i + 3 < sizeof word; i += 3)
			memcpy(word + i, "\xe4\xbd\xa0", 4);
		out = wrap(word, 0, 2, 72);
		n = 0;
		for (char *line = strtok(out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
			assert_memory_equal(line, "  ", 2);
			assert_true(screen_width(line, strlen(line)) <= 72);
			assert_memory_equal(line + 2, word + n, strlen(line) - 2);
			n += strlen(line) - 2;
		}
		assert_int_equal(n, strlen(word));
	}
}

static void text_keeps_its_lines(void **state)
{
	static const char text[] = "a\tb\r\n\x1b[2J\n\xc2\x9b\xc3\xa9\n\0z";
	char wide[1500], *shown;
	struct output out;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	output_to_buf(&out, &b);
	screen_put(&out, text, sizeof text - 1);
	assert_string_equal(taken(&out, &b), "a\tb\n\\x1b[2J\n\\u009b\xc3\xa9\n\\x00z");

	for (size_t i = 0; i < sizeof wide; i += 3)
		memcpy(wide + i, "\xe4\xbd\xa0", 3);
	buf_init(&b, 1 << 16);
	output_to_buf(&out, &b);
	screen_put(&out, wide, sizeof wide);
	shown = taken(&out, &b);
	assert_int_equal(strlen(shown), sizeof wide);
	assert_memory_equal(shown, wide, sizeof wide);
}

static void terminals(void **state)
{
	const struct winsize size = {.ws_col = 47, .ws_row = 5};
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, null = open("/dev/null", O_RDWR);

	(void)state;
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0 && null >= 0);
	assert_int_equal(screen_columns(slave), 80); /* not known */
	assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
	assert_int_equal(screen_columns(slave), 47);
	assert_int_equal(screen_columns(null), 80);

	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	assert_true(screen_draws(slave) && screen_colours(slave));
	assert_false(screen_draws(null) || screen_colours(null));
	setenv("NO_COLOR", "", 1);
	assert_true(screen_colours(slave));
	setenv("NO_COLOR", "1", 1);
	assert_true(screen_draws(slave));
	assert_false(screen_colours(slave));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	assert_false(screen_draws(slave) || screen_colours(slave));
	unsetenv("TERM");
	assert_false(screen_draws(slave) || screen_colours(slave));
	close(slave);
	close(master);
	close(null);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(widths),
	    cmocka_unit_test(what_fits),
	    cmocka_unit_test(lines_are_broken_between_words),
	    cmocka_unit_test(long_words_lose_nothing),
	    cmocka_unit_test(text_keeps_its_lines),
	    cmocka_unit_test(terminals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
