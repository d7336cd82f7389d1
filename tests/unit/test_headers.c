#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "headers.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TEXT(s)  (s), sizeof(s) - 1

/* Fails the test unless ${h} is exactly the NULL-terminated names and values that follow. */
static void assert_headers(const struct headers *h, ...)
{
	const char *name;
	size_t i = 0;
	va_list args;

	va_start(args, h);
	while ((name = va_arg(args, const char *)) != NULL) {
		assert_true(i < h->count);
		assert_string_equal(h->list[i].name, name);
		assert_string_equal(h->list[i].value, va_arg(args, const char *));
		i++;
	}
	va_end(args);
	assert_int_equal(h->count, i);
}

static void lines_are_taken_apart(void **state)
{
	static const struct {
		const char *line, *name, *value;
	} cases[] = {
	    {"Name: value", "Name", "value"},
	    {"Name:value", "Name", "value"},
	    {"Name: \t two words\t ", "Name", "two words"},
	    {"Name:", "Name", ""},
	    {"Name: ", "Name", ""},
	    {"X-A: a:b: c", "X-A", "a:b: c"},
	    {"!#$%&'*+-.^_`|~09azAZ: x", "!#$%&'*+-.^_`|~09azAZ", "x"},
	    {"X: \xc3\xa9 \"q\" \tt", "X", "\xc3\xa9 \"q\" \tt"},
	    {"X: @file", "X", "@file"},
	    {"Host: other", "Host", "other"},
	    {"Origin: null", "Origin", "null"},
	    {"Sec-WebSocke: x", "Sec-WebSocke", "x"},
	    {"Upgrade-Insecure-Requests: 1", "Upgrade-Insecure-Requests", "1"},
	    {"Connection-Id: 1", "Connection-Id", "1"},
	    {"X: ${HOME", "X", "${HOME"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct headers h = {NULL, 0};
		char error[HEADERS_ERROR_SIZE];

		assert_int_equal(headers_add(&h, cases[i].line, false, error), 0);
		assert_headers(&h, cases[i].name, cases[i].value, NULL);
		headers_free(&h);
	}
}

static void bad_lines_are_refused(void **state)
{
	static const struct {
		const char *line, *error;
	} cases[] = {
	    {"", "no \":\""},
	    {"SECRET", "no \":\""},
	    {"Name;", "no \":\""},
	    {":SECRET", "name is empty"},
	    {": SECRET", "name is empty"},
	    {"Bearer SECRET: x", "no name has"},
	    {"Name : SECRET", "no name has"},
	    {" Name: SECRET", "no name has"},
	    {"Na\tme: SECRET", "no name has"},
	    {"Na\xc3\xa9: SECRET", "no name has"},
	    {"Na(me): SECRET", "no name has"},
	    {"A\r\nB: SECRET", "no name has"},
	    {"A: x\r\nB: SECRET", "value of header A has a line break"},
	    {"A: SECRET\n", "value of header A has a line break"},
	    {"A: SECRET\r", "value of header A has a line break"},
	    {"A: SECRET\x01", "value of header A has a control character"},
	    {"A: \x7fSECRET", "value of header A has a control character"},
	    {"Upgrade: SECRET", "header Upgrade belongs to the handshake"},
	    {"CONNECTION: SECRET", "header CONNECTION belongs"},
	    {"content-length: 1", "header content-length belongs"},
	    {"Transfer-Encoding: SECRET", "header Transfer-Encoding belongs"},
	    {"Sec-WebSocket-Key: SECRET", "header Sec-WebSocket-Key belongs"},
	    {"sec-websocket-: SECRET", "header sec-websocket- belongs"},
	    {"SEC-WEBSOCKET-PROTOCOL:SECRET", "header SEC-WEBSOCKET-PROTOCOL belongs"},
	    {"@", "no file name"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct headers h = {NULL, 0};
		char error[HEADERS_ERROR_SIZE] = "";

		assert_int_equal(headers_set(&h, "A", "old", error), 0);
		assert_int_equal(headers_add(&h, cases[i].line, true, error), -1);
		assert_non_null(strstr(error, cases[i].error));
		assert_null(strstr(error, "SECRET"));
		assert_headers(&h, "A", "old", NULL);
		headers_free(&h);
	}
}

static void later_headers_replace_earlier_ones_in_place(void **state)
{
	struct headers h = {NULL, 0};
	char error[HEADERS_ERROR_SIZE];

	(void)state;
	assert_int_equal(headers_add(&h, "A: 1", false, error), 0);
	assert_int_equal(headers_add(&h, "B: 2", false, error), 0);
	assert_int_equal(headers_add(&h, "AB: 3", false, error), 0);
	assert_int_equal(headers_add(&h, "a: 4", false, error), 0);
	assert_headers(&h, "a", "4", "B", "2", "AB", "3", NULL);
	assert_string_equal(headers_get(&h, "A"), "4");
	assert_string_equal(headers_get(&h, "ab"), "3");
	assert_null(headers_get(&h, "C"));
	assert_null(headers_get(&h, ""));
	headers_free(&h);
	assert_headers(&h, NULL);
	assert_null(headers_get(&h, "A"));
	headers_free(&h);
}

static void variables_are_expanded_if_wanted(void **state)
{
	struct headers h = {NULL, 0};
	char error[HEADERS_ERROR_SIZE];

	(void)state;
	setenv("WSMCP_TEST_TOKEN", " SECRET ", 1);
	setenv("WSMCP_TEST_BREAK", "SECRET\r\nX: y", 1);
	unsetenv("WSMCP_TEST_UNSET");
	assert_int_equal(headers_add(&h, "A:${WSMCP_TEST_TOKEN}", true, error), 0);
	assert_int_equal(headers_add(&h, "B: Bearer ${WSMCP_TEST_UNSET:-no one}", true, error), 0);
	assert_int_equal(headers_add(&h, "C: ${WSMCP_TEST_TOKEN}", false, error), 0);
	assert_headers(&h, "A", "SECRET", "B", "Bearer no one", "C", "${WSMCP_TEST_TOKEN}", NULL);
	assert_int_equal(
	    headers_add(&h, "A: ${WSMCP_TEST_TOKEN} ${WSMCP_TEST_UNSET}", true, error), -1);
	assert_string_equal(error, "header A: the variable WSMCP_TEST_UNSET is not set");
	assert_int_equal(headers_add(&h, "A: ${WSMCP_TEST_BREAK}", true, error), -1);
	assert_string_equal(error, "the value of header A has a line break in it");
	assert_int_equal(headers_add(&h, "${WSMCP_TEST_TOKEN}: x", true, error), -1);
	assert_string_equal(headers_get(&h, "A"), "SECRET");
	headers_free(&h);
}

static void final_headers_are_set_as_they_are(void **state)
{
	struct headers h = {NULL, 0};
	char error[HEADERS_ERROR_SIZE];

	(void)state;
	assert_int_equal(headers_set(&h, "A", " ${HOME} @x:", error), 0);
	assert_int_equal(headers_set(&h, "B", "", error), 0);
	assert_int_equal(headers_set(&h, "b", "2", error), 0);
	assert_headers(&h, "A", " ${HOME} @x:", "b", "2", NULL);
	assert_int_equal(headers_set(&h, "", "SECRET", error), -1);
	assert_int_equal(headers_set(&h, "A b", "SECRET", error), -1);
	assert_int_equal(headers_set(&h, "A", "x\nSECRET", error), -1);
	assert_string_equal(error, "the value of header A has a line break in it");
	assert_int_equal(headers_set(&h, "Connection", "SECRET", error), -1);
	assert_headers(&h, "A", " ${HOME} @x:", "b", "2", NULL);
	headers_free(&h);
}

static void limits_hold(void **state)
{
	struct headers h = {NULL, 0};
	char error[HEADERS_ERROR_SIZE], line[32], *value = malloc(HEADERS_LINE_MAX + 1);

	(void)state;
	assert_non_null(value);
	for (int i = 0; i < HEADERS_MAX; i++) {
		(void)snprintf(line, sizeof line, "X-%d: %d", i, i);
		assert_int_equal(headers_add(&h, line, false, error), 0);
	}
	assert_int_equal(headers_add(&h, "X-new: SECRET", false, error), -1);
	assert_string_equal(error, "there are more than 100 headers");
	assert_int_equal(h.count, HEADERS_MAX);
	assert_int_equal(headers_add(&h, "X-99: again", false, error), 0);
	assert_string_equal(headers_get(&h, "X-99"), "again");
	/* "A: " and the value. */
	memset(value, 'v', HEADERS_LINE_MAX);
	value[HEADERS_LINE_MAX - 5] = '\0';
	assert_int_equal(headers_set(&h, "X-1", value, error), 0);
	assert_int_equal(strlen(headers_get(&h, "X-1")), HEADERS_LINE_MAX - 5);
	strcat(value, "w");
	assert_int_equal(headers_set(&h, "X-1", value, error), -1);
	assert_string_equal(error, "header X-1 is longer than 65536 bytes");
	assert_int_equal(strlen(headers_get(&h, "X-1")), HEADERS_LINE_MAX - 5);
	/* Expanded. */
	setenv("WSMCP_TEST_LONG", value, 1);
	assert_int_equal(headers_add(&h, "X-1: ${WSMCP_TEST_LONG}", true, error), -1);
	assert_int_equal(
	    headers_add(&h, "X-1: ${WSMCP_TEST_LONG}${WSMCP_TEST_LONG}", true, error), -1);
	assert_non_null(strstr(error, "header X-1: the text is longer than 65536 bytes"));
	unsetenv("WSMCP_TEST_LONG");
	/* A long name is shown in part, with the reason behind it. */
	memset(value, 'n', 1000);
	value[1000] = '\0';
	assert_int_equal(headers_set(&h, value, "\n", error), -1);
	assert_non_null(strstr(error, "nnn has a line break in it"));
	headers_free(&h);
	free(value);
}

/* Makes a file of ${len} bytes and writes "@" and its name to ${at} (64 bytes). */
static void make_file(char *at, const void *bytes, size_t len)
{
	int fd;

	strcpy(at, "@/tmp/wsmcp-test-XXXXXX");
	fd = mkstemp(at + 1);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static int add_file(struct headers *h, const char *text, size_t len, bool expand, char *error)
{
	char at[64];
	int result;

	make_file(at, text, len);
	result = headers_add(h, at, expand, error);
	unlink(at + 1);
	return result;
}

static void files_have_a_header_a_line(void **state)
{
	static const struct {
		const char *text, *name, *value;
	} cases[] = {
	    {"A: 1", "A", "1"},
	    {"A: 1\n", "A", "1"},
	    {"A:1\r\n", "A", "1"},
	    {"\n\r\n  \t\nA: 1\n\n", "A", "1"},
	    {"#B: 2\nA: 1\n# x", "A", "1"},
	    {"A: #1\n", "A", "#1"},
	    {"A: 0\na: 1\n", "a", "1"},
	    {"A:\n", "A", ""},
	};
	struct headers h = {NULL, 0};
	char error[HEADERS_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    add_file(&h, cases[i].text, strlen(cases[i].text), false, error), 0);
		assert_headers(&h, cases[i].name, cases[i].value, NULL);
		headers_free(&h);
	}
	assert_int_equal(add_file(&h, TEXT(""), false, error), 0);
	assert_headers(&h, NULL);
	setenv("WSMCP_TEST_TOKEN", "t", 1);
	assert_int_equal(headers_add(&h, "B: 0", false, error), 0);
	assert_int_equal(add_file(&h, TEXT("A: ${WSMCP_TEST_TOKEN}\r\nB:2"), true, error), 0);
	assert_headers(&h, "B", "2", "A", "t", NULL);
	headers_free(&h);
}

static void bad_files_change_nothing_and_are_named_by_line(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *error;
	} cases[] = {
	    {TEXT("B: 1\n@other\n"), ", line 2: a header has no \":\""},
	    {TEXT("B: 1\n\n#\nSECRET"), ", line 4: a header has no \":\""},
	    {TEXT("B: 1\n folded\n"), ", line 2: a header has no \":\""},
	    {TEXT("B: 1\n folded:x\n"), ", line 2: a header's name"},
	    {TEXT("B: 1\r\rC: 2\n"), ", line 1: the value of header B has a line break"},
	    {TEXT("B: 1\nC: a\0SECRET\n"), ", line 2: there is a NUL byte"},
	    {TEXT("\0"), ", line 1: there is a NUL byte"},
	    {TEXT("B: 1\nUpgrade: x\n"), ", line 2: header Upgrade belongs"},
	    {TEXT("B: ${WSMCP_TEST_UNSET}"),
	        ", line 1: header B: the variable WSMCP_TEST_UNSET is not set"},
	};
	struct headers h = {NULL, 0};
	char error[HEADERS_ERROR_SIZE];

	(void)state;
	unsetenv("WSMCP_TEST_UNSET");
	assert_int_equal(headers_set(&h, "B", "old", error), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(add_file(&h, cases[i].text, cases[i].len, true, error), -1);
		assert_memory_equal(error, "/tmp/wsmcp-test-", 16);
		assert_non_null(strstr(error, cases[i].error));
		assert_null(strstr(error, "SECRET"));
		assert_headers(&h, "B", "old", NULL);
	}
	headers_free(&h);
}

static void files_have_limits(void **state)
{
	struct headers h = {NULL, 0};
	char error[HEADERS_ERROR_SIZE], *text = malloc(HEADERS_FILE_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', HEADERS_FILE_MAX + 1);
	memcpy(text + HEADERS_FILE_MAX - 5, "A: 1\n", 5);
	assert_int_equal(add_file(&h, text, HEADERS_FILE_MAX, false, error), 0);
	assert_headers(&h, "A", "1", NULL);
	assert_int_equal(add_file(&h, text, HEADERS_FILE_MAX + 1, false, error), -1);
	assert_non_null(strstr(error, "is longer than 1048576 bytes"));
	assert_headers(&h, "A", "1", NULL);
	/* 99 more do, and one more does not. */
	text[0] = '\0';
	for (int i = 0; i < HEADERS_MAX; i++)
		(void)sprintf(text + strlen(text), "X-%d:\n", i);
	assert_int_equal(add_file(&h, text, strlen(text), false, error), -1);
	assert_non_null(strstr(error, ", line 100: there are more than 100 headers"));
	assert_int_equal(h.count, 1);
	*strstr(text, "X-99") = '\0';
	assert_int_equal(add_file(&h, text, strlen(text), false, error), 0);
	assert_int_equal(h.count, 100);
	headers_free(&h);
	free(text);
}

static void files_that_cannot_be_read_are_named(void **state)
{
	struct headers h = {NULL, 0};
	char error[HEADERS_ERROR_SIZE];

	(void)state;
	assert_int_equal(headers_add(&h, "@/nonexistent/file", false, error), -1);
	assert_string_equal(error, "cannot open /nonexistent/file: No such file or directory");
	assert_int_equal(headers_add(&h, "@/tmp", false, error), -1);
	assert_string_equal(error, "/tmp is no regular file: it is read again at each attempt");
	assert_headers(&h, NULL);
}

static void values_come_from_variables(void **state)
{
	static const struct {
		const char *name, *value, *error;
	} cases[] = {
	    {"A", NULL, "header A: the environment variable WSMCP_TEST_V is not set"},
	    {"A", "", "header A: the environment variable WSMCP_TEST_V is not set"},
	    {"A", "SECRET\nB: 1", "value of header A has a line break"},
	    {"Upgrade", "SECRET", "header Upgrade belongs to the handshake"},
	    {"A B", "SECRET", "no name has"},
	};
	struct headers h = {NULL, 0};
	char error[HEADERS_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (cases[i].value)
			setenv("WSMCP_TEST_V", cases[i].value, 1);
		else
			unsetenv("WSMCP_TEST_V");
		assert_int_equal(
		    headers_set_variable(&h, cases[i].name, "", "WSMCP_TEST_V", error), -1);
		assert_non_null(strstr(error, cases[i].error));
		assert_null(strstr(error, "SECRET"));
		assert_headers(&h, NULL);
	}
	setenv("WSMCP_TEST_V", " a ${HOME} b\t", 1);
	assert_int_equal(headers_set_variable(&h, "A", "", "WSMCP_TEST_V", error), 0);
	assert_int_equal(headers_set_variable(&h, "B", "Bearer ", "WSMCP_TEST_V", error), 0);
	assert_headers(&h, "A", "a ${HOME} b", "B", "Bearer  a ${HOME} b", NULL);
	headers_free(&h);
}

static void headers_are_merged_by_name(void **state)
{
	struct headers h = {NULL, 0}, other = {NULL, 0};
	char error[HEADERS_ERROR_SIZE];

	(void)state;
	assert_int_equal(headers_set(&h, "A", "1", error), 0);
	assert_int_equal(headers_set(&h, "B", "2", error), 0);
	assert_int_equal(headers_set(&other, "b", "3", error), 0);
	assert_int_equal(headers_set_expanded(&other, "C", "${WSMCP_TEST_NONE:-4}", error), 0);
	assert_int_equal(headers_merge(&h, &other, error), 0);
	assert_headers(&h, "A", "1", "b", "3", "C", "4", NULL);
	assert_headers(&other, "b", "3", "C", "4", NULL);
	headers_free(&h);
	headers_free(&other);
}

static void pipes_are_refused(void **state)
{
	struct headers h = {NULL, 0};
	char error[HEADERS_ERROR_SIZE], at[32];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "A: 1\nB:2", 8), 8);
	close(p[1]);
	(void)snprintf(at, sizeof at, "@/dev/fd/%d", p[0]);
	assert_int_equal(headers_add(&h, at, false, error), -1);
	assert_non_null(strstr(error, "no regular file"));
	assert_headers(&h, NULL);
	close(p[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_taken_apart),
	    cmocka_unit_test(bad_lines_are_refused),
	    cmocka_unit_test(later_headers_replace_earlier_ones_in_place),
	    cmocka_unit_test(variables_are_expanded_if_wanted),
	    cmocka_unit_test(final_headers_are_set_as_they_are),
	    cmocka_unit_test(limits_hold),
	    cmocka_unit_test(files_have_a_header_a_line),
	    cmocka_unit_test(bad_files_change_nothing_and_are_named_by_line),
	    cmocka_unit_test(files_have_limits),
	    cmocka_unit_test(files_that_cannot_be_read_are_named),
	    cmocka_unit_test(pipes_are_refused),
	    cmocka_unit_test(values_come_from_variables),
	    cmocka_unit_test(headers_are_merged_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
