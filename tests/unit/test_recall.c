#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "recall.h"

static char directory[4096];
static char path[4200];

static int set_up(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	(void)snprintf(directory, sizeof directory, "%s/recall-XXXXXX", base ? base : "/tmp");
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(path, sizeof path, "%s/history", directory);
	return 0;
}

static int tear_down(void **state)
{
	char command[4200];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command) == 0 ? 0 : -1;
}

/* What the file holds. */
static char *content(void)
{
	static char text[8000000];
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof text - 1, file);
	text[n] = '\0';
	(void)fclose(file);
	return text;
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

struct seen {
	size_t count;
	char first[RECALL_LINE_MAX + 1], last[RECALL_LINE_MAX + 1];
};

static void see(void *context, const char *line)
{
	struct seen *seen = context;

	(void)snprintf(seen->count == 0 ? seen->first : seen->last, sizeof seen->last, "%s", line);
	seen->count++;
}

static mode_t mode_of(const char *file)
{
	struct stat st;

	assert_int_equal(stat(file, &st), 0);
	return st.st_mode & 07777;
}

static void the_path_is_made(void **state)
{
	char home[4200], expected[4300];
	char *made;

	(void)state;
	(void)snprintf(home, sizeof home, "%s/home", directory);
	assert_int_equal(mkdir(home, 0755), 0);
	made = recall_path(NULL, home);
	(void)snprintf(expected, sizeof expected, "%s/.local/state/wsmcp/history", home);
	assert_string_equal(made, expected);
	free(made);
	(void)snprintf(expected, sizeof expected, "%s/.local", home);
	assert_int_equal(mode_of(expected), 0700);
	(void)snprintf(expected, sizeof expected, "%s/.local/state/wsmcp", home);
	assert_int_equal(mode_of(expected), 0700);
	assert_int_equal(mode_of(home), 0755);

	made = recall_path("relative", home);
	assert_non_null(made);
	free(made);
	(void)snprintf(expected, sizeof expected, "%s/a/b/wsmcp/history", home);
	(void)snprintf(home + strlen(home), 10, "/a/b");
	made = recall_path(home, NULL);
	assert_string_equal(made, expected);
	free(made);

	errno = 0;
	assert_null(recall_path(NULL, NULL));
	assert_int_equal(errno, ENOENT);
	assert_null(recall_path("", "home"));
	assert_null(recall_path("/dev/null", NULL));
	assert_int_equal(errno, ENOTDIR);
}

static void lines_are_added_and_loaded(void **state)
{
	struct seen seen = {0};

	(void)state;
	assert_int_equal(recall_load(path, see, &seen), 0);
	assert_int_equal(seen.count, 0);
	assert_int_equal(recall_add(path, "tools"), 0);
	assert_int_equal(recall_add(path, "call echo message='gr\xc3\xbc\xc3\x9f'"), 0);
	assert_int_equal(mode_of(path), 0600);
	assert_string_equal(content(), "tools\ncall echo message='gr\xc3\xbc\xc3\x9f'\n");
	assert_int_equal(recall_load(path, see, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.first, "tools");
	assert_string_equal(seen.last, "call echo message='gr\xc3\xbc\xc3\x9f'");
}

static void what_is_not_kept(void **state)
{
	char line[RECALL_LINE_MAX + 2];

	(void)state;
	assert_int_equal(recall_add(path, "kept"), 0);
	assert_int_equal(recall_add(path, " call login password=secret"), 0);
	assert_int_equal(recall_add(path, "\tx"), 0);
	assert_int_equal(recall_add(path, ""), 0);
	assert_int_equal(recall_add(path, "two\nlines"), 0);
	assert_int_equal(recall_add(path, "\x1b[2J"), 0);
	assert_int_equal(recall_add(path, "a\x7f"), 0);
	assert_int_equal(recall_add(path, "kept"), 0);
	memset(line, 'x', sizeof line);
	line[RECALL_LINE_MAX + 1] = '\0';
	assert_int_equal(recall_add(path, line), 0);
	assert_string_equal(content(), "kept\n");
	line[RECALL_LINE_MAX] = '\0';
	assert_int_equal(recall_add(path, line), 0);
	assert_int_equal(strlen(content()), 5 + RECALL_LINE_MAX + 1);
}

static void the_file_has_a_limit(void **state)
{
	struct seen seen = {0};
	char line[32];
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < RECALL_LINES + 5; i++) {
		(void)snprintf(line, sizeof line, "line %d", i);
		assert_int_equal(recall_add(path, line), 0);
	}
	for (const char *s = content(); (s = strchr(s, '\n')) != NULL; s++)
		lines++;
	assert_int_equal(lines, RECALL_LINES);
	assert_int_equal(strncmp(content(), "line 5\nline 6\n", 14), 0);
	assert_int_equal(recall_load(path, see, &seen), 0);
	assert_int_equal(seen.count, RECALL_LINES);
	assert_string_equal(seen.last, "line 1004");
}

static void a_file_that_grew_elsewhere_is_cut(void **state)
{
	struct seen seen = {0};
	char *text = malloc(6000000);

	(void)state;
	memset(text, 'x', 6000000);
	for (size_t i = 4095; i < 6000000; i += 4096)
		text[i] = '\n';
	memcpy(text + 5999000, "\nlast one", 10); /* without a newline */
	write_file(text);
	free(text);
	assert_int_equal(recall_load(path, see, &seen), 0);
	assert_true(seen.count > 990 && seen.count <= RECALL_LINES);
	assert_string_equal(seen.last, "last one");
	assert_int_equal(recall_add(path, "last one"), 0);
	assert_int_equal(recall_add(path, "new"), 0);
	assert_true(strlen(content()) < 4100000);
	assert_non_null(strstr(content(), "x\nlast one\nnew\n"));
}

static void lines_that_cannot_be_ours_are_not_loaded(void **state)
{
	struct seen seen = {0};

	(void)state;
	write_file("good\n\x1b[31mbad\n\n hidden\nfine\n");
	assert_int_equal(recall_load(path, see, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.last, "fine");
}

static void files_that_are_not_ours_are_left_alone(void **state)
{
	struct seen seen = {0};
	char other[4300];

	(void)state;
	(void)snprintf(other, sizeof other, "%s/other", directory);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(recall_add(path, "x"), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(recall_load(path, see, &seen), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(recall_add(path, "x"), -1);
	assert_int_equal(recall_load(path, see, &seen), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(recall_add(path, "x"), -1);
	assert_int_equal(rmdir(path), 0);

	write_file("mine\n");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(recall_add(path, "x"), 0);
	assert_int_equal(mode_of(path), 0600);
}

/* Two programs add at the same time to a file that is full: no line is torn. */
static void programs_take_turns(void **state)
{
	static const char *const words[] = {"aaaaaaaaaa", "bbb", "cccccccccccccccccccc", "ddddddd"};
	char full[4 * RECALL_LINES + 1];
	size_t lines = 0;
	int status;
	pid_t child;

	(void)state;
	for (size_t i = 0; i < RECALL_LINES; i++)
		memcpy(full + 4 * i, "bbb\n", 5);
	write_file(full);
	child = fork();
	for (int i = 0; i < 1000; i++)
		if (recall_add(path, words[(child == 0 ? 0 : 2) + i % 2]) != 0 && errno != EAGAIN)
			_exit(1);
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (const char *s = content(); *s != '\0'; s = strchr(s, '\n') + 1, lines++) {
		const char *word = words[(*s - 'a') & 3];
		assert_int_equal(strcspn(s, "\n"), strlen(word));
		assert_memory_equal(s, word, strlen(word));
	}
	assert_int_equal(lines, RECALL_LINES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_path_is_made),
	    TEST(lines_are_added_and_loaded),
	    TEST(what_is_not_kept),
	    TEST(the_file_has_a_limit),
	    TEST(a_file_that_grew_elsewhere_is_cut),
	    TEST(lines_that_cannot_be_ours_are_not_loaded),
	    TEST(files_that_are_not_ours_are_left_alone),
	    TEST(programs_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
