#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "save.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char directory[] = "/tmp/wsmcp-test-save-XXXXXX";

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	return mkdtemp(directory) == NULL;
}

static int remove_directory(void **state)
{
	DIR *d = opendir(directory);
	struct dirent *entry;

	(void)state;
	while (d != NULL && (entry = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), entry->d_name, 0);
	if (d != NULL)
		closedir(d);
	return rmdir(directory);
}

static int count_files(void)
{
	DIR *d = opendir(directory);
	int count = -2; /* "." and ".." */

	assert_non_null(d);
	while (readdir(d) != NULL)
		count++;
	closedir(d);
	return count;
}

static struct content_item item_of(const char *mime, const char *base64)
{
	return (struct content_item){
	    .kind = CONTENT_IMAGE, .base64 = value_of(base64), .mime = value_of(mime)};
}

/* Saves one item for a tool; gives what its path is behind the directory. */
static const char *save_one(const char *tool, const char *mime, const char *base64)
{
	static char name[300];
	struct content_item item = item_of(mime, base64);
	char error[SAVE_ERROR_SIZE], *path;
	struct save s;

	assert_int_equal(save_open(&s, directory, tool, error), 0);
	assert_int_equal(save_item(&s, &item, &path, error), SAVE_OK);
	save_close(&s);
	assert_memory_equal(path, directory, strlen(directory));
	(void)snprintf(name, sizeof name, "%s", path + strlen(directory));
	free(path);
	return name;
}

static void assert_file(const char *name, const char *bytes, size_t len)
{
	char path[400], text[100];
	struct stat st;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s%s", directory, name);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fread(text, 1, sizeof text, f), len);
	assert_memory_equal(text, bytes, len);
	fclose(f);
}

static void bytes_are_written(void **state)
{
	(void)state;
	umask(0);
	assert_string_equal(save_one("tiny", "\"image/png\"", "\"AAECAw==\""), "/tiny-1.png");
	assert_file("/tiny-1.png", "\0\1\2\3", 4);
	assert_string_equal(save_one("empty", "\"image/png\"", "\"\""), "/empty-1.png");
	assert_file("/empty-1.png", "", 0);
	assert_string_equal(save_one("slash", "\"text/plain\"", "\"\\/\\/8=\""), "/slash-1.txt");
	assert_file("/slash-1.txt", "\xff\xff", 2);
	umask(022);
}

static void endings(void **state)
{
	static const char *const cases[][2] = {
	    {"\"image/jpeg\"", "/t-1.jpg"},
	    {"\"IMAGE/PNG\"", "/t-1.png"},
	    {"\"text/plain; charset=utf-8\"", "/t-1.txt"},
	    {"\"audio/wav\"", "/t-1.wav"},
	    {"\"application/gzip\"", "/t-1.gz"},
	    {"\"image/pngx\"", "/t-1.bin"},
	    {"\"image/pn\"", "/t-1.bin"},
	    {"\"x/../../y\"", "/t-1.bin"},
	    {"\"\"", "/t-1.bin"},
	    {"", "/t-1.bin"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *name = save_one("t", cases[i][0], "\"AAAA\"");
		char path[400];

		assert_string_equal(name, cases[i][1]);
		(void)snprintf(path, sizeof path, "%s%s", directory, name);
		assert_int_equal(unlink(path), 0);
	}
}

static void names_are_made_of_what_cannot_do_harm(void **state)
{
	static const char *const cases[][2] = {
	    {"get-tiny_image.2", "/get-tiny_image.2-1.png"},
	    {"../../etc/passwd", "/_._.._etc_passwd-1.png"},
	    {"/abs", "/_abs-1.png"},
	    {".hidden", "/_hidden-1.png"},
	    {"-rf", "/_rf-1.png"},
	    {"a b\n\x1b[31m\xc3\xa9", "/a_b___31m__-1.png"},
	    {"", "/_-1.png"},
	    {"..", "/_.-1.png"},
	    {"0123456789012345678901234567890123456789012345678901234567890123tail",
	        "/0123456789012345678901234567890123456789012345678901234567890123-1.png"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(
		    save_one(cases[i][0], "\"image/png\"", "\"AAAA\""), cases[i][1]);
	assert_int_equal(count_files(), COUNT(cases));
}

static void nothing_is_written_over(void **state)
{
	char path[400], target[400];
	int fd;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/t-1.png", directory);
	(void)snprintf(target, sizeof target, "%s/target", directory);
	assert_int_equal(symlink(target, path), 0); /* leads to nothing, and is not followed */
	(void)snprintf(path, sizeof path, "%s/t-2.png", directory);
	fd = open(path, O_CREAT | O_WRONLY, 0400);
	assert_true(fd >= 0);
	close(fd);
	assert_string_equal(save_one("t", "\"image/png\"", "\"AAAA\""), "/t-3.png");
	assert_string_equal(save_one("t", "\"image/png\"", "\"AAAA\""), "/t-4.png");
	assert_string_equal(save_one("t", "\"image/gif\"", "\"AAAA\""), "/t-1.gif");
	assert_int_equal(access(target, F_OK), -1);
}

static void numbers_go_on(void **state)
{
	struct content_item png = item_of("\"image/png\"", "\"AAAA\""),
	                    gif = item_of("\"image/gif\"", "\"AAAA\"");
	char error[SAVE_ERROR_SIZE], *path, slash[sizeof directory + 1];
	struct save s;

	(void)state;
	(void)snprintf(slash, sizeof slash, "%s/", directory);
	assert_int_equal(save_open(&s, slash, "t", error), 0);
	assert_int_equal(save_item(&s, &png, &path, error), SAVE_OK);
	assert_string_equal(path + sizeof directory, "t-1.png"); /* one slash */
	free(path);
	assert_int_equal(save_item(&s, &gif, &path, error), SAVE_OK);
	assert_string_equal(path + sizeof directory, "t-2.gif");
	free(path);
	save_close(&s);
	save_close(&s);
}

static void what_is_not_base64_makes_no_file(void **state)
{
	struct content_item item = item_of("\"image/png\"", "\"AAA\"");
	char error[SAVE_ERROR_SIZE] = "", *path = error;
	struct save s;

	(void)state;
	assert_int_equal(save_open(&s, directory, "t", error), 0);
	assert_int_equal(save_item(&s, &item, &path, error), SAVE_NOT_BASE64);
	assert_null(path);
	assert_string_equal(error, "the image is not valid base64");
	assert_int_equal(count_files(), 0);
	save_close(&s);
}

static void a_directory_that_is_none(void **state)
{
	char error[SAVE_ERROR_SIZE] = "";
	struct save s;

	(void)state;
	assert_int_equal(save_open(&s, "/no/such\x1b/directory", "t", error), -1);
	assert_string_equal(
	    error, "cannot save to /no/such\\x1b/directory: No such file or directory");
	assert_int_equal(save_open(&s, "/dev/null", "t", error), -1);
	assert_non_null(strstr(error, "Not a directory"));
}

static void half_a_file_is_none(void **state)
{
	const struct rlimit none = {2, RLIM_INFINITY};
	struct content_item item = item_of("\"image/png\"", "\"AAAA\"");
	char error[SAVE_ERROR_SIZE] = "", *path;
	struct rlimit before;
	struct save s;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(save_open(&s, directory, "t", error), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(save_item(&s, &item, &path, error), SAVE_FAILED);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_null(path);
	assert_non_null(strstr(error, "File too large"));
	assert_int_equal(count_files(), 0);
	save_close(&s);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    IN_DIRECTORY(bytes_are_written),
	    IN_DIRECTORY(endings),
	    IN_DIRECTORY(names_are_made_of_what_cannot_do_harm),
	    IN_DIRECTORY(nothing_is_written_over),
	    IN_DIRECTORY(numbers_go_on),
	    IN_DIRECTORY(what_is_not_base64_makes_no_file),
	    cmocka_unit_test(a_directory_that_is_none),
	    IN_DIRECTORY(half_a_file_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
