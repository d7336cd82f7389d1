#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dialog.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A person who has made up her mind; NULL behind the last line, which ends as told. */
struct person {
	const char *const *lines;
	enum dialog_end end;
	struct console *console;
};

static enum dialog_end read_line(void *context, const char *prompt, char **line)
{
	struct person *p = context;

	output_str(console_aside(p->console), prompt);
	if (*p->lines == NULL) {
		output_str(console_aside(p->console), "\n");
		return p->end;
	}
	*line = strdup(*p->lines++);
	output_str(console_aside(p->console), *line);
	output_str(console_aside(p->console), "\n");
	return DIALOG_LINE;
}

/* Runs a dialog, with stdout going to ${shown}. Returns its result, NULL as "". */
static char *run(const char *params, const char *const *lines, enum dialog_end end, char *shown,
    size_t size, char *error)
{
	struct person person = {.lines = lines, .end = end};
	struct dialog d = {.read = read_line, .context = &person};
	FILE *file = tmpfile();
	const int saved = dup(STDOUT_FILENO);
	char *result;
	size_t len;

	assert_true(file != NULL && saved >= 0);
	(void)fflush(stdout);
	assert_int_equal(dup2(fileno(file), STDOUT_FILENO), STDOUT_FILENO);
	d.console = person.console = console_new(true);
	result = dialog_run(&d, params, error);
	(void)console_settle(d.console);
	console_free(d.console);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(saved);
	rewind(file);
	len = fread(shown, 1, size - 1, file);
	shown[len] = '\0';
	(void)fclose(file);
	return result != NULL ? result : strdup("");
}

static void check(const char *params, const char *const *lines, enum dialog_end end,
    const char *expected, const char *result)
{
	char shown[8192], error[DIALOG_ERROR_SIZE];
	char *got = run(params, lines, end, shown, sizeof shown, error);

	assert_string_equal(got, result);
	assert_string_equal(shown, expected);
	assert_string_equal(error, "");
	free(got);
}

#define FORM                                                                                       \
	"{\"message\":\"Who\\u001b[2J?\",\"requestedSchema\":{\"properties\":{"                    \
	"\"name\":{\"type\":\"string\",\"title\":\"N\\u202eame\",\"description\":\"as\\rever\"},"  \
	"\"n\":{\"type\":\"integer\",\"default\":3}},\"required\":[\"name\"]}}"
#define HEAD                                                                                       \
	"\nThe server asks you:\n  Who\\x1b[2J?\nCtrl-D declines, Ctrl-C cancels.\n"               \
	"\nN\\u202eame (text; required)\n  as ever\n"

static void a_form_is_filled(void **state)
{
	static const char *const lines[] = {"", "Bob", "x", "", "perhaps", "", "ACC", NULL};

	(void)state;
	check(FORM, lines, DIALOG_CANCEL,
	    HEAD "answer: \nAn answer is needed (\"\" is an empty one).\nanswer: Bob\n"
	         "\nn (integer; may be left out)\n  Enter takes: 3\n"
	         "answer: x\nAn integer is needed, like 42.\nanswer: \n"
	         "\nYour answers:\n{\n  \"name\": \"Bob\",\n  \"n\": 3\n}\n"
	         "accept, decline or cancel? perhaps\naccept, decline or cancel? \n"
	         "accept, decline or cancel? ACC\n",
	    "{\"action\":\"accept\",\"content\":{\"name\":\"Bob\",\"n\":3}}");
}

static void a_form_is_not_sent_without_consent(void **state)
{
	static const char *const decline[] = {"Bob", "1", "d", NULL};
	static const char *const none[] = {"Bob", "1", NULL};
	static const char *const tail = "answer: Bob\n\nn (integer; may be left out)\n"
	                                "  Enter takes: 3\nanswer: 1\n\nYour answers:\n"
	                                "{\n  \"name\": \"Bob\",\n  \"n\": 1\n}\n"
	                                "accept, decline or cancel? ";
	char expected[2048];

	(void)state;
	(void)snprintf(expected, sizeof expected, "%s%sd\n", HEAD, tail);
	check(FORM, decline, DIALOG_CANCEL, expected, "{\"action\":\"decline\"}");
	(void)snprintf(expected, sizeof expected, "%s%s\n", HEAD, tail);
	check(FORM, none, DIALOG_CANCEL, expected, "{\"action\":\"cancel\"}");
	check(FORM, none, DIALOG_DECLINE, expected, "{\"action\":\"decline\"}");
	check(FORM, none, DIALOG_GONE, expected, "");
}

static void an_early_end_is_an_answer_too(void **state)
{
	static const char *const none[] = {NULL};

	(void)state;
	check(FORM, none, DIALOG_DECLINE, HEAD "answer: \n", "{\"action\":\"decline\"}");
	check(FORM, none, DIALOG_CANCEL, HEAD "answer: \n", "{\"action\":\"cancel\"}");
	check(FORM, none, DIALOG_GONE, HEAD "answer: \n", "");
}

static void choices_are_listed(void **state)
{
	static const char *const lines[] = {"7", "1", "accept", NULL};

	(void)state;
	check("{\"requestedSchema\":{\"properties\":{\"c\":{\"type\":\"string\",\"oneOf\":["
	      "{\"const\":\"r\",\"title\":\"R\\u001bed\"},{\"const\":\"g\",\"title\":\"g\"},"
	      "{\"const\":\"b\"}]}}}}",
	    lines, DIALOG_CANCEL,
	    "\nThe server asks you:\n\nCtrl-D declines, Ctrl-C cancels.\n"
	    "\nc (one of these; may be left out)\n    1  R\\x1bed (r)\n    2  g\n    3  b\n"
	    "answer: 7\nPlease answer with a number from 1 to 3.\nanswer: 1\n"
	    "\nYour answers:\n{\n  \"c\": \"r\"\n}\naccept, decline or cancel? accept\n",
	    "{\"action\":\"accept\",\"content\":{\"c\":\"r\"}}");
}

#define URL_HEAD                                                                                   \
	"\nThe server asks you:\n  Log in\nCtrl-D declines, Ctrl-C cancels.\n"                     \
	"\nIt wants you to visit\n"
#define URL_TAIL "wsmcp does not open it. If you trust it, accept, and open it in a browser.\n"

static void a_url_is_shown_with_its_host(void **state)
{
	static const struct {
		const char *url, *shown;
	} cases[] = {
	    {"https://example.com/a?b", "  https://example.com/a?b\n  host: example.com\n"},
	    {"https://good.com@evil.com/", "  https://good.com@evil.com/\n  host: evil.com\n"},
	    {"https://x\\u001b[8m.com/", "  https://x\\x1b[8m.com/\n  host: x\\x1b[8m.com\n"
	                                 "  This host may only look like the one you think of.\n"},
	    {"mailto:me", "  mailto:me\n  host: none\n"},
	};
	static const char *const lines[] = {"no", "decline", NULL};
	char params[256], expected[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(params, sizeof params,
		    "{\"mode\":\"url\",\"message\":\"Log in\",\"url\":\"%s\"}", cases[i].url);
		(void)snprintf(expected, sizeof expected,
		    URL_HEAD "%s" URL_TAIL
		             "accept, decline or cancel? no\naccept, decline or cancel? decline\n",
		    cases[i].shown);
		check(params, lines, DIALOG_CANCEL, expected, "{\"action\":\"decline\"}");
	}
}

static void a_url_that_is_accepted_is_shown_again(void **state)
{
	static const char *const lines[] = {"a", NULL};

	(void)state;
	check("{\"mode\":\"url\",\"message\":\"Log in\",\"url\":\"https://a.b/\\u202e\"}", lines,
	    DIALOG_CANCEL,
	    URL_HEAD "  https://a.b/\\u202e\n  host: a.b\n" URL_TAIL
	             "accept, decline or cancel? a\nNow open https://a.b/\\u202e\n",
	    "{\"action\":\"accept\"}");
}

static void what_cannot_be_asked_is_said(void **state)
{
	static const char *const none[] = {NULL};
	char shown[256], error[DIALOG_ERROR_SIZE];
	char *got = run("{\"requestedSchema\":{\"properties\":{\"a\":{\"type\":\"object\"}}}}",
	    none, DIALOG_CANCEL, shown, sizeof shown, error);

	(void)state;
	assert_string_equal(got, "");
	assert_string_equal(shown, "");
	assert_string_equal(error, "a question is neither text, number, yes or no, nor a choice");
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_form_is_filled),
	    cmocka_unit_test(a_form_is_not_sent_without_consent),
	    cmocka_unit_test(an_early_end_is_an_answer_too),
	    cmocka_unit_test(choices_are_listed),
	    cmocka_unit_test(a_url_is_shown_with_its_host),
	    cmocka_unit_test(a_url_that_is_accepted_is_shown_again),
	    cmocka_unit_test(what_cannot_be_asked_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
