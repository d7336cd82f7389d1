#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "trace.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char directory[] = "/tmp/wsmcp-test-XXXXXX";
static char path[64]; /* a name in it */

static int make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(path, sizeof path, "%s/trace", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

/* What is in the file, to be freed. */
static char *read_file(const char *name, size_t *len)
{
	struct stat st;
	char *text;
	int fd = open(name, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	text = malloc(*len + 1);
	assert_non_null(text);
	assert_int_equal(read(fd, text, *len), *len);
	text[*len] = '\0';
	close(fd);
	return text;
}

static void write_message(
    struct trace *t, enum trace_direction direction, const void *bytes, size_t len)
{
	struct message m = {.size = len};

	/* A copy of the pointer: text is not const. */
	memcpy(&m.text.data, &bytes, sizeof bytes);
	m.text.len = m.text.cap = m.text.max = len;
	trace_message(t, direction, &m);
}

/* Whether ${line} begins with {"time":"2026-07-28T12:34:56.789Z", and what follows. */
static const char *behind_time(const char *line)
{
	const char *form = "{\"time\":\"0000-00-00T00:00:00.000Z\",";

	for (; *form != '\0'; form++, line++)
		assert_true(*form == '0' ? *line >= '0' && *line <= '9' : *line == *form);
	return line;
}

static void lines_have_the_format_of_the_header(void **state)
{
	struct trace *t = trace_open(path);
	struct message digest = {.size = 5000000000, .digest = true};
	unsigned char kept[] = "{}";
	char *text, *line[5];
	size_t len;

	(void)state;
	assert_non_null(t);
	write_message(t, TRACE_TO_SERVER, "{\"id\":1}", 8);
	write_message(t, TRACE_TO_HOST, "[]", 2);
	write_message(t, TRACE_ANSWERED, NULL, 0);
	digest.text.data = kept;
	digest.text.len = 2;
	trace_message(t, TRACE_TO_HOST, &digest);
	trace_close(t);
	text = read_file(path, &len);
	line[0] = text;
	for (size_t i = 0; i < 4; i++) {
		line[i + 1] = strchr(line[i], '\n');
		assert_non_null(line[i + 1]);
		*line[i + 1]++ = '\0';
	}
	assert_ptr_equal(line[4], text + len);
	assert_string_equal(behind_time(line[0]),
	    "\"direction\":\"to-server\",\"size\":8,\"text\":\"{\\\"id\\\":1}\"}");
	assert_string_equal(
	    behind_time(line[1]), "\"direction\":\"to-host\",\"size\":2,\"text\":\"[]\"}");
	assert_string_equal(
	    behind_time(line[2]), "\"direction\":\"answered\",\"size\":0,\"text\":\"\"}");
	assert_string_equal(
	    behind_time(line[3]), "\"direction\":\"to-host\",\"size\":5000000000,\"text\":null}");
	free(text);
}

/* The text of the only line in the file, as it stands between its quotes; to be freed. */
static char *only_text(void)
{
	size_t len;
	char *text = read_file(path, &len), *start = strstr(text, "\"text\":\"");

	assert_non_null(start);
	assert_int_equal(strlen(text), len);
	assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	assert_string_equal(text + len - 3, "\"}\n");
	text[len - 3] = '\0';
	memmove(text, start + 8, strlen(start + 8) + 1);
	return text;
}

static void texts_are_escaped(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} cases[] = {
	    {"a/b \x7f ~", 7, "a/b \x7f ~"},
	    {"\"\\\n\r\t", 5, "\\\"\\\\\\n\\r\\t"},
	    {"\0\x01\x08\x1f", 4, "\\u0000\\u0001\\u0008\\u001f"},
	    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x80\xa8", 12,
	        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x80\xa8"},
	    {"\x80\xff", 2, "\\udc80\\udcff"},
	    {"\xc0\xaf\xed\xa0\x80", 5, "\\udcc0\\udcaf\\udced\\udca0\\udc80"},
	    {"\xe2\x82", 2, "\\udce2\\udc82"},
	    {"\xe2\x82\xc3\xa9", 4, "\\udce2\\udc82\xc3\xa9"},
	    {"\xf0\x9f\x98\"", 4, "\\udcf0\\udc9f\\udc98\\\""},
	    {"\\udc80", 6, "\\\\udc80"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct trace *t = trace_open(path);
		char *text;

		assert_non_null(t);
		write_message(t, TRACE_TO_HOST, cases[i].in, cases[i].len);
		trace_close(t);
		text = only_text();
		assert_string_equal(text, cases[i].out);
		free(text);
		unlink(path);
	}
}

/* Undoes the escapes in place. Returns the length. */
static size_t unescape(char *text)
{
	static const char from[] = "\"\\nrt", to[] = "\"\\\n\r\t";
	char *out = text, *in = text;

	while (*in != '\0') {
		unsigned code;

		if (*in != '\\') {
			*out++ = *in++;
			continue;
		}
		if (in[1] == 'u') {
			char digits[5] = {in[2], in[3], in[4], in[5]};

			assert_int_equal(strspn(digits, "0123456789abcdef"), 4);
			code = (unsigned)strtoul(digits, NULL, 16);
			assert_true(code < 0x20 || (code >= 0xdc80 && code <= 0xdcff));
			*out++ = (char)code;
			in += 6;
			continue;
		}
		assert_true(in[1] != '\0' && strchr(from, in[1]) != NULL);
		*out++ = to[strchr(from, in[1]) - from];
		in += 2;
	}
	return (size_t)(out - text);
}

/* Texts of every kind, most of them longer than what is written at once. */
static void texts_can_be_had_back(void **state)
{
	static const size_t sizes[] = {1, 65400, 65536, 65537, 131072, 1000003};
	static const char some[] = "ab\"\\\n\x01\x80\xff\xc3\xa9\xe2\x82\xac\xf0\x9f\x98";
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		char *in = malloc(sizes[i]), *text;
		struct trace *t = trace_open(path);

		assert_non_null(in);
		assert_non_null(t);
		for (size_t at = 0; at < sizes[i]; at++) {
			seed = seed * 1664525 + 1013904223;
			in[at] = (seed >> 30) == 0 ? (char)(seed >> 20) : some[(seed >> 24) & 15];
		}
		write_message(t, TRACE_TO_SERVER, in, sizes[i]);
		trace_close(t);
		text = only_text();
		assert_int_equal(unescape(text), sizes[i]);
		assert_memory_equal(text, in, sizes[i]);
		free(text);
		free(in);
		unlink(path);
	}
}

static void the_file_is_private_and_appended_to(void **state)
{
	mode_t mask = umask(0);
	struct trace *t;
	struct stat st;
	size_t len, more;
	char *text;
	int next = dup(0);

	(void)state;
	close(next);
	t = trace_open(path);
	assert_non_null(t);
	umask(mask);
	assert_int_equal(fcntl(next, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 0);
	write_message(t, TRACE_TO_HOST, "1", 1);
	trace_close(t);
	assert_int_equal(fcntl(next, F_GETFD), -1);
	free(read_file(path, &len));
	t = trace_open(path);
	assert_non_null(t);
	write_message(t, TRACE_TO_HOST, "2", 1);
	trace_close(t);
	text = read_file(path, &more);
	assert_int_equal(more, 2 * len);
	assert_non_null(strstr(text, "\"1\"}\n{\"time\""));
	free(text);
}

static void the_name_can_hold_the_process_id(void **state)
{
	static const struct {
		const char *given, *real; /* "#" stands for the process id */
	} cases[] = {{"t-%p", "t-#"}, {"%p%p%%p", "##%p"}, {"%x%", "%x%"}, {"%%%p", "%#"}};
	char given[128], real[128], pid[24];

	(void)state;
	(void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct trace *t;

		(void)snprintf(given, sizeof given, "%s/%s", directory, cases[i].given);
		(void)snprintf(real, sizeof real, "%s/", directory);
		for (const char *c = cases[i].real; *c != '\0'; c++)
			strncat(real, *c == '#' ? pid : c, *c == '#' ? sizeof pid : 1);
		t = trace_open(given);
		assert_non_null(t);
		trace_close(t);
		assert_int_equal(unlink(real), 0);
	}
}

static void make_file(mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void other_peoples_files_are_refused(void **state)
{
	static const mode_t refused[] = {0640, 0660, 0602, 0604, 0601, 0700, 0666, 04600};
	static const mode_t fine[] = {0600, 0200};
	struct trace *t;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		make_file(refused[i]);
		assert_null(trace_open(path));
		assert_int_equal(errno, EPERM);
		unlink(path);
	}
	for (size_t i = 0; i < COUNT(fine); i++) {
		make_file(fine[i]);
		t = trace_open(path);
		assert_non_null(t);
		trace_close(t);
		unlink(path);
	}
	if (geteuid() == 0) {
		make_file(0600);
		assert_int_equal(chown(path, 1, (gid_t)-1), 0);
		assert_null(trace_open(path));
		assert_int_equal(errno, EPERM);
		unlink(path);
	}
}

static void other_kinds_of_files_are_refused(void **state)
{
	char other[80];
	int reader;

	(void)state;
	assert_null(trace_open(directory));
	assert_int_equal(errno, EISDIR);
	assert_null(trace_open("/nonexistent/trace"));
	assert_int_equal(errno, ENOENT);
	assert_null(trace_open("/dev/null"));
	assert_int_equal(errno, EPERM);
	/* A FIFO, without a reader and with one. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(trace_open(path));
	assert_int_equal(errno, ENXIO);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	assert_null(trace_open(path));
	assert_int_equal(errno, EPERM);
	close(reader);
	unlink(path);
	/* Links of both kinds, to what would be fine itself. */
	(void)snprintf(other, sizeof other, "%s-link", path);
	make_file(0600);
	assert_int_equal(symlink(path, other), 0);
	assert_null(trace_open(other));
	assert_int_equal(errno, ELOOP);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(link(path, other), 0);
	assert_null(trace_open(other));
	assert_int_equal(errno, EPERM);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(symlink("/nonexistent/target", other), 0);
	assert_null(trace_open(other));
	assert_int_equal(errno, ELOOP);
	assert_int_equal(unlink(other), 0);
}

static void a_failed_write_is_told_of_once_and_ends_it(void **state)
{
	struct trace *t = trace_open(path);
	struct rlimit unlimited, limit;
	char told[4096] = {0}, *big = calloc(1, 300000), *text;
	int p[2], own_stderr;
	size_t len;

	(void)state;
	assert_non_null(t);
	assert_non_null(big);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
	limit = unlimited;
	limit.rlim_cur = 100000;
	write_message(t, TRACE_TO_HOST, "good", 4);
	own_stderr = dup(STDERR_FILENO);
	(void)dup2(p[1], STDERR_FILENO);
	log_set_level(LOG_WARNING);
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	write_message(t, TRACE_TO_HOST, big, 300000);
	(void)setrlimit(RLIMIT_FSIZE, &unlimited);
	write_message(t, TRACE_TO_HOST, "late", 4);
	write_message(t, TRACE_TO_HOST, big, 300000);
	(void)dup2(own_stderr, STDERR_FILENO);
	close(own_stderr);
	trace_close(t);
	assert_in_range(read(p[0], told, sizeof told - 1), 1, sizeof told - 1);
	assert_string_equal(told, "wsmcp: warning: the trace ends here: File too large\n");
	text = read_file(path, &len);
	assert_int_equal(len, 100000);
	assert_non_null(strstr(text, "\"good\"}\n"));
	assert_null(strstr(text, "late"));
	free(text);
	free(big);
	close(p[0]);
	close(p[1]);
}

static void no_trace_is_fine(void **state)
{
	(void)state;
	write_message(NULL, TRACE_TO_HOST, "x", 1);
	trace_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(lines_have_the_format_of_the_header, remove_file),
	    cmocka_unit_test_teardown(texts_are_escaped, remove_file),
	    cmocka_unit_test_teardown(texts_can_be_had_back, remove_file),
	    cmocka_unit_test_teardown(the_file_is_private_and_appended_to, remove_file),
	    cmocka_unit_test_teardown(the_name_can_hold_the_process_id, remove_file),
	    cmocka_unit_test_teardown(other_peoples_files_are_refused, remove_file),
	    cmocka_unit_test_teardown(other_kinds_of_files_are_refused, remove_file),
	    cmocka_unit_test_teardown(a_failed_write_is_told_of_once_and_ends_it, remove_file),
	    cmocka_unit_test(no_trace_is_fine),
	};

	/* As main() does. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return 1;
	alarm(60);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
