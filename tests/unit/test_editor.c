/* For posix_openpt. */
#define _XOPEN_SOURCE 700

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "editor.h"

/* The owner of an editor, and whoever sits at its terminal. */
static struct person {
	const char *keys; /* still to be pressed, each as soon as one is waited for */
	int draft_at;     /* a draft is kept when this many are left; -1 = never */
	int hide_at;      /* the line is hidden and shown then */
	struct editor_completion completion;
	char completed[256]; /* what stood in front of the cursor */
	struct editor *editor;
} person;

static int master, saved_in, saved_out;

static bool press_key(void *context)
{
	struct person *p = context;
	const int left = (int)strlen(p->keys);

	if (left == p->hide_at) {
		editor_hide(p->editor);
		editor_hide(p->editor);
		editor_show(p->editor);
	}
	if (left == p->draft_at) {
		editor_keep_draft(p->editor);
		return false;
	}
	if (left == 0)
		return false;
	return write(master, p->keys++, 1) == 1;
}

static void complete(void *context, const char *line, struct editor_completion *out)
{
	struct person *p = context;

	(void)snprintf(p->completed, sizeof p->completed, "%s", line);
	*out = p->completion;
	p->completion = (struct editor_completion){0};
}

static const struct editor_owner owner = {&person, press_key, complete};

/* Makes a new terminal stdin and stdout, and an editor on it. */
static int set_up(void **state)
{
	const struct winsize size = {.ws_row = 24, .ws_col = 40};
	int slave;

	(void)state;
	(void)fflush(stdout);
	(void)setenv("TERM", "linux", 1); /* for others ncurses keeps a few bytes to itself */
	(void)setenv("HOME", "/nonexistent", 1);
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
		return -1;
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	saved_in = dup(STDIN_FILENO);
	saved_out = dup(STDOUT_FILENO);
	if (slave < 0 || ioctl(slave, TIOCSWINSZ, &size) != 0 || dup2(slave, STDIN_FILENO) < 0 ||
	    dup2(slave, STDOUT_FILENO) < 0)
		return -1;
	(void)close(slave);
	person = (struct person){.keys = "", .draft_at = -1, .hide_at = -1};
	person.editor = editor_new(&owner);
	return person.editor != NULL ? 0 : -1;
}

/* The test's own output must not go where the editor's went. */
static void leave_terminal(void)
{
	if (person.editor == NULL)
		return;
	editor_free(person.editor);
	person.editor = NULL;
	(void)fflush(stdout);
	(void)dup2(saved_in, STDIN_FILENO);
	(void)dup2(saved_out, STDOUT_FILENO);
}

static int tear_down(void **state)
{
	(void)state;
	leave_terminal();
	(void)close(saved_in);
	(void)close(saved_out);
	return close(master);
}

/* Reads a line that is typed as ${keys}; "" for none. The caller frees it. */
static char *type(const char *keys, bool recall, enum editor_end *end)
{
	char *line = NULL;

	person.keys = keys;
	*end = editor_read(person.editor, "demo> ", recall, &line);
	return line != NULL ? line : strdup("");
}

#define LINES_MAX 12

static void lines_are_edited(void **state)
{
	static const struct {
		const char *keys;
		enum editor_end end;
		const char *line;
	} cases[LINES_MAX] = {
	    {"hello\r", EDITOR_LINE, "hello"}, {"\r", EDITOR_LINE, ""},
	    {"helo\x02l\r", EDITOR_LINE, "hello"},       /* Ctrl-B */
	    {"ac\033[Db\r", EDITOR_LINE, "abc"},         /* left */
	    {"bc\033[Ha\033[Fd\r", EDITOR_LINE, "abcd"}, /* home, end */
	    {"abx\x7f"
	     "c\r",
	        EDITOR_LINE, "abc"},                          /* backspace */
	    {"one two\x17three\r", EDITOR_LINE, "one three"}, /* Ctrl-W */
	    {"gr\xc3\xbc\xc3\x9f"
	     "e\x7f\x7fx\r",
	        EDITOR_LINE, "gr\xc3\xbcx"},
	    {"a\xff\xc3(\xe2\x82"
	     "b\r",
	        EDITOR_LINE, "a(b"},  /* bytes that are no characters */
	    {"\x04", EDITOR_END, ""}, /* Ctrl-D */
	    {"half", EDITOR_STOPPED, ""},
	    {"\x12", EDITOR_STOPPED, ""}, /* Ctrl-R, and nothing to search */
	};
	enum editor_end ends[LINES_MAX];
	char *lines[LINES_MAX];

	(void)state;
	for (size_t i = 0; i < LINES_MAX; i++)
		lines[i] = type(cases[i].keys, true, &ends[i]);
	leave_terminal();
	for (size_t i = 0; i < LINES_MAX; i++) {
		assert_int_equal(ends[i], cases[i].end);
		assert_string_equal(lines[i], cases[i].line);
		free(lines[i]);
	}
}

static void earlier_lines_can_be_fetched_back(void **state)
{
	enum editor_end ends[3];
	char *lines[3];

	(void)state;
	editor_remember(person.editor, "first");
	editor_remember(person.editor, "second");
	lines[0] = type("\033[A\033[A\r", true, &ends[0]);
	lines[1] = type("\x12"
	                "sec\r",
	    true, &ends[1]);
	lines[2] = type("\033[Ax\r", false, &ends[2]);
	leave_terminal();
	assert_string_equal(lines[0], "first");
	assert_string_equal(lines[1], "second");
	assert_string_equal(lines[2], "x");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ends[i], EDITOR_LINE);
		free(lines[i]);
	}
}

static void a_draft_waits_for_the_next_line_of_its_kind(void **state)
{
	enum editor_end ends[4];
	char *lines[4];

	(void)state;
	person.draft_at = 2;
	lines[0] = type("hallo\x02\x02..", true, &ends[0]); /* the cursor is on the second l */
	person.draft_at = -1;
	lines[1] = type("answer\r", false, &ends[1]);
	lines[2] = type("-\r", true, &ends[2]);
	lines[3] = type("new\r", true, &ends[3]);
	leave_terminal();
	assert_int_equal(ends[0], EDITOR_STOPPED);
	assert_string_equal(lines[1], "answer");
	assert_string_equal(lines[2], "hal-lo");
	assert_string_equal(lines[3], "new");
	for (int i = 0; i < 4; i++)
		free(lines[i]);
}

static void a_draft_is_no_search(void **state)
{
	enum editor_end end;
	char *lines[2];

	(void)state;
	editor_remember(person.editor, "find me");
	person.draft_at = 1;
	lines[0] = type("\x12"
	                "me.",
	    true, &end);
	person.draft_at = -1;
	lines[1] = type("\r", true, &end);
	leave_terminal();
	assert_string_equal(lines[1], "find me");
	free(lines[0]);
	free(lines[1]);
}

static void words_are_completed(void **state)
{
	enum editor_end end;
	char *lines[2];

	(void)state;
	person.completion = (struct editor_completion){.at = 5,
	    .insert = strdup("\xc3\xa9"
	                     "cho "),
	    .list = strdup("a list\n")};
	lines[0] = type("call \xc3\xa9!\x02\tx\r", true, &end);
	lines[1] = type("none\t\r", true, &end);
	leave_terminal();
	assert_string_equal(lines[0], "call \xc3\xa9"
	                              "cho x!");
	assert_string_equal(lines[1], "none");
	assert_string_equal(person.completed, "none");
	free(lines[0]);
	free(lines[1]);
}

/* What the terminal got, without escape sequences for attributes. */
static void read_screen(char *out, size_t size)
{
	struct pollfd p = {.fd = master, .events = POLLIN};
	size_t len = 0;

	while (len < size - 1 && poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0) {
		ssize_t n = read(master, out + len, size - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	out[len] = '\0';
}

/* 40 columns: the prompt and 50 characters end in the second row. */
static void a_line_is_taken_from_the_screen_and_put_back(void **state)
{
	static const char text[] = "01234567890123456789012345678901234567890123456789";
	char keys[80], screen[4096];
	enum editor_end end;
	char *line;

	(void)state;
	(void)snprintf(keys, sizeof keys, "%s\r", text);
	person.hide_at = 1; /* all but the return */
	line = type(keys, true, &end);
	(void)fflush(stdout);
	read_screen(screen, sizeof screen);
	leave_terminal();
	assert_string_equal(line, text);
	free(line);
	/* One row up, to its beginning, all below erased; then prompt and text again. */
	char *hidden = strstr(screen, "\x1b[1A\r\x1b[J");
	assert_non_null(hidden);
	assert_non_null(strstr(hidden, "demo>"));
	assert_non_null(strstr(hidden, "0123456789012345678901234567890123"));
}

static void an_empty_terminal_is_an_end(void **state)
{
	enum editor_end end;
	char *line;

	(void)state;
	(void)close(master); /* hung up */
	master = open("/dev/null", O_WRONLY);
	line = type("xxxx", true, &end);
	leave_terminal();
	assert_int_equal(end, EDITOR_END);
	free(line);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lines_are_edited),
	    TEST(earlier_lines_can_be_fetched_back),
	    TEST(a_draft_waits_for_the_next_line_of_its_kind),
	    TEST(a_draft_is_no_search),
	    TEST(words_are_completed),
	    TEST(a_line_is_taken_from_the_screen_and_put_back),
	    TEST(an_empty_terminal_is_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
