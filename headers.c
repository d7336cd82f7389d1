#include "headers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ascii.h"
#include "buf.h"
#include "compat.h"
#include "expand.h"

#define SHOWN_MAX                                                                                  \
	100 /* bytes of a name or path in an error, so that the reason has room behind it */
#define READ_PIECE ((size_t)4096)

static PRINTF_LIKE(2, 3) int fail(char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, HEADERS_ERROR_SIZE, format, args);
	va_end(args);
	return -1;
}

static int check_name(const char *name, char *error)
{
	static const char own[] = "Sec-WebSocket-"; /* a prefix */
	static const char *const others[] = {
	    "Upgrade", "Connection", "Content-Length", "Transfer-Encoding"};
	bool refused = ascii_begins(name, own);

	/* It is not shown: who forgets the name of a header writes its value here. */
	if (!ascii_is_token(name))
		return fail(error, "a header's name is empty or has a character that no name has");
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		refused = refused || ascii_same(name, others[i]);
	if (refused)
		return fail(error, "header %.*s belongs to the handshake and cannot be given",
		    SHOWN_MAX, name);
	return 0;
}

/* RFC 9110, section 5.5: no server need take them. */
static bool has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			return true;
	return false;
}

static int check_value(const char *name, const char *value, char *error)
{
	if (strpbrk(value, "\r\n") != NULL)
		return fail(
		    error, "the value of header %.*s has a line break in it", SHOWN_MAX, name);
	if (has_control(value))
		return fail(error, "the value of header %.*s has a control character in it",
		    SHOWN_MAX, name);
	if (strlen(name) + strlen(": ") + strlen(value) > HEADERS_LINE_MAX)
		return fail(error, "header %.*s is longer than %zu bytes", SHOWN_MAX, name,
		    HEADERS_LINE_MAX);
	return 0;
}

static struct header *find(const struct headers *h, const char *name)
{
	for (size_t i = 0; i < h->count; i++)
		if (ascii_same(h->list[i].name, name))
			return &h->list[i];
	return NULL;
}

/* Where the header ${name} goes: its old place or a new, empty one. NULL with ${error} filled. */
static struct header *place(struct headers *h, const char *name, char *error)
{
	struct header *header = find(h, name);

	if (header != NULL)
		return header;
	if (h->count == HEADERS_MAX) {
		(void)fail(error, "there are more than %d headers", HEADERS_MAX);
		return NULL;
	}
	header = realloc(h->list, (h->count + 1) * sizeof *h->list);
	if (header == NULL) {
		(void)fail(error, "out of memory");
		return NULL;
	}
	h->list = header;
	header += h->count++;
	*header = (struct header){NULL, NULL};
	return header;
}

int headers_set(struct headers *h, const char *name, const char *value, char *error)
{
	struct header made, *header;

	if (check_name(name, error) != 0 || check_value(name, value, error) != 0)
		return -1;
	made.name = strdup(name);
	made.value = strdup(value);
	if (made.name == NULL || made.value == NULL) {
		(void)fail(error, "out of memory");
		goto failed;
	}
	header = place(h, name, error);
	if (header == NULL)
		goto failed;
	free(header->name);
	free(header->value);
	*header = made;
	return 0;
failed:
	free(made.name);
	free(made.value);
	return -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* ${value} without the white space around it, which is cut off in place. */
static char *trim(char *value)
{
	size_t len = strlen(value);

	while (len > 0 && is_blank(value[len - 1]))
		len--;
	value[len] = '\0';
	while (is_blank(*value))
		value++;
	return value;
}

int headers_set_expanded(struct headers *h, const char *name, const char *value, char *error)
{
	char why[EXPAND_ERROR_SIZE];
	int result;

	/* First, because an error of the value shows the name. */
	if (check_name(name, error) != 0)
		return -1;
	char *text = expand(value, getenv, HEADERS_LINE_MAX, why);
	if (text == NULL)
		return fail(error, "header %.*s: %s", SHOWN_MAX, name, why);
	result = headers_set(h, name, trim(text), error);
	free(text);
	return result;
}

int headers_set_variable(
    struct headers *h, const char *name, const char *prefix, const char *variable, char *error)
{
	const char *value = getenv(variable);
	struct buf text;
	int result = -1;

	if (check_name(name, error) != 0)
		return -1;
	if (value == NULL || *value == '\0')
		return fail(error, "header %.*s: the environment variable %.*s is not set",
		    SHOWN_MAX, name, SHOWN_MAX, variable);
	buf_init(&text, 2 * HEADERS_LINE_MAX);
	if (buf_append(&text, prefix, strlen(prefix)) != BUF_OK ||
	    buf_append(&text, value, strlen(value) + 1) != BUF_OK)
		(void)fail(error, "header %.*s is longer than %zu bytes", SHOWN_MAX, name,
		    HEADERS_LINE_MAX);
	else
		result = headers_set(h, name, trim((char *)text.data), error);
	buf_free(&text);
	return result;
}

/* Adds "name: value", which is taken apart in place. */
static int add_line(struct headers *h, char *line, bool expanded, char *error)
{
	char *colon = strchr(line, ':'), *value;

	if (colon == NULL)
		return fail(error, "a header has no \":\" behind its name");
	*colon = '\0';
	value = trim(colon + 1);
	return expanded ? headers_set_expanded(h, line, value, error)
	                : headers_set(h, line, value, error);
}

/* Reads the file, at most HEADERS_FILE_MAX bytes, and puts a NUL behind it. */
static int read_file(struct buf *b, const char *path, char *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), saved;
	struct stat file;
	ssize_t n = 1;

	if (fd < 0)
		return fail(error, "cannot open %.*s: %s", SHOWN_MAX, path, strerror(errno));
	/* A pipe would be empty when the next attempt reads it, and could block this one. */
	if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
		close(fd);
		return fail(error, "%.*s is no regular file: it is read again at each attempt",
		    SHOWN_MAX, path);
	}
	while (n != 0 && b->len <= HEADERS_FILE_MAX) {
		if (buf_reserve(b, READ_PIECE) != BUF_OK) {
			close(fd);
			return fail(error, "out of memory");
		}
		n = read(fd, b->data + b->len, READ_PIECE);
		if (n > 0)
			b->len += (size_t)n;
		else if (n < 0 && errno != EINTR)
			break;
	}
	saved = errno;
	close(fd);
	if (n < 0)
		return fail(error, "cannot read %.*s: %s", SHOWN_MAX, path, strerror(saved));
	if (b->len > HEADERS_FILE_MAX)
		return fail(
		    error, "%.*s is longer than %zu bytes", SHOWN_MAX, path, HEADERS_FILE_MAX);
	if (buf_append(b, "", 1) != BUF_OK)
		return fail(error, "out of memory");
	b->len--;
	return 0;
}

/* Adds the lines of a file's text, which is taken apart in place. */
static int add_lines(
    struct headers *h, struct buf *text, const char *path, bool expanded, char *error)
{
	char *at = (char *)text->data, *end = at + text->len, *line, *stop;
	char why[HEADERS_ERROR_SIZE];

	for (size_t number = 1; at < end; number++) {
		line = at;
		stop = memchr(line, '\n', (size_t)(end - line));
		if (stop == NULL)
			stop = end;
		at = stop + 1;
		if (stop > line && stop[-1] == '\r')
			stop--;
		*stop = '\0';
		if (strlen(line) != (size_t)(stop - line))
			return fail(error, "%.*s, line %zu: there is a NUL byte in it", SHOWN_MAX,
			    path, number);
		if (*line == '#' || *trim(line) == '\0')
			continue;
		if (add_line(h, line, expanded, why) != 0)
			return fail(error, "%.*s, line %zu: %s", SHOWN_MAX, path, number, why);
	}
	return 0;
}

int headers_merge(struct headers *h, const struct headers *from, char *error)
{
	for (size_t i = 0; i < from->count; i++)
		if (headers_set(h, from->list[i].name, from->list[i].value, error) != 0)
			return -1;
	return 0;
}

static int add_file(struct headers *h, const char *path, bool expanded, char *error)
{
	struct headers next = {NULL, 0};
	struct buf text;
	int result = -1;

	if (*path == '\0')
		return fail(error, "there is no file name behind \"@\"");
	buf_init(&text, HEADERS_FILE_MAX + 2 * READ_PIECE);
	/* Into a copy, so that a file with an error in its last line changes nothing. */
	if (read_file(&text, path, error) == 0 && headers_merge(&next, h, error) == 0 &&
	    add_lines(&next, &text, path, expanded, error) == 0) {
		headers_free(h);
		*h = next;
		next = (struct headers){NULL, 0};
		result = 0;
	}
	headers_free(&next);
	buf_free(&text);
	return result;
}

int headers_add(struct headers *h, const char *line, bool expanded, char *error)
{
	char *text;
	int result;

	if (*line == '@')
		return add_file(h, line + 1, expanded, error);
	text = strdup(line);
	if (text == NULL)
		return fail(error, "out of memory");
	result = add_line(h, text, expanded, error);
	free(text);
	return result;
}

const char *headers_get(const struct headers *h, const char *name)
{
	const struct header *header = find(h, name);

	return header == NULL ? NULL : header->value;
}

void headers_free(struct headers *h)
{
	for (size_t i = 0; i < h->count; i++) {
		free(h->list[i].name);
		free(h->list[i].value);
	}
	free(h->list);
	*h = (struct headers){NULL, 0};
}
