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
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

static char path[] = "/tmp/wsmcp-test-source-XXXXXX";

static int write_file(void **state)
{
	int fd;

	(void)state;
	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	return fd < 0 || write(fd, "one\0two\n", 8) != 8 || close(fd) != 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void files_are_read(void **state)
{
	char error[SOURCE_ERROR_SIZE] = "", given[sizeof path + 1], *text;
	size_t len = 0;

	(void)state;
	text = source_file(path, 100, &len, error);
	assert_non_null(text);
	assert_int_equal(len, 8);
	assert_memory_equal(text, "one\0two\n", 9); /* and the NUL behind it */
	free(text);
	(void)snprintf(given, sizeof given, "@%s", path);
	text = source_text(given, 100, &len, error);
	assert_non_null(text);
	assert_int_equal(len, 8);
	free(text);
}

static void the_limit_is_exact(void **state)
{
	char error[SOURCE_ERROR_SIZE] = "", *text;
	size_t len;

	(void)state;
	text = source_file(path, 8, &len, error);
	assert_non_null(text);
	assert_int_equal(len, 8);
	free(text);
	for (size_t max = 0; max < 8; max++) {
		assert_null(source_file(path, max, &len, error));
		assert_non_null(strstr(error, "over the size limit (--max-message)"));
		assert_non_null(strstr(error, path));
	}
	text = source_file(path, SIZE_MAX, &len, error);
	assert_non_null(text);
	free(text);
	text = source_file("/dev/null", 0, &len, error);
	assert_non_null(text);
	assert_int_equal(len, 0);
	free(text);
	assert_null(source_file("/dev/zero", 300000, &len, error));
}

static void what_cannot_be_read_is_told(void **state)
{
	char error[SOURCE_ERROR_SIZE] = "";
	size_t len;

	(void)state;
	assert_null(source_file("/no/such\x1b/file", 100, &len, error));
	assert_string_equal(error, "cannot read /no/such\\x1b/file: No such file or directory");
	assert_null(source_file("/tmp", 100, &len, error));
	assert_string_equal(error, "cannot read /tmp: Is a directory");
	assert_null(source_text("@", 100, &len, error));
	assert_string_equal(error, "cannot read : No such file or directory");
}

/* Puts a pipe with ${text} in it where stdin is. */
static void feed_stdin(const char *text)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
}

static void stdin_is_read(void **state)
{
	char error[SOURCE_ERROR_SIZE] = "", *text;
	size_t len = 0;

	(void)state;
	feed_stdin("{\"a\": 1}\n");
	text = source_text("-", 100, &len, error);
	assert_non_null(text);
	assert_string_equal(text, "{\"a\": 1}\n");
	free(text);
	text = source_file("-", 100, &len, error); /* it is still open, and at its end */
	assert_non_null(text);
	assert_int_equal(len, 0);
	free(text);
}

static void other_text_is_itself(void **state)
{
	char error[SOURCE_ERROR_SIZE] = "", *text;
	size_t len = 0;

	(void)state;
	text = source_text("{\"a\": 1}", 3, &len, error); /* what fits in argv is no danger */
	assert_non_null(text);
	assert_string_equal(text, "{\"a\": 1}");
	assert_int_equal(len, 8);
	free(text);
	text = source_text("", 3, &len, error);
	assert_non_null(text);
	assert_int_equal(len, 0);
	free(text);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, write_file, remove_file)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    WITH_FILE(files_are_read),
	    WITH_FILE(the_limit_is_exact),
	    cmocka_unit_test(what_cannot_be_read_is_told),
	    cmocka_unit_test(stdin_is_read),
	    cmocka_unit_test(other_text_is_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
