#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "compat.h"
#include "log.h"
#include "utf8.h"

#define BUFFER_SIZE ((size_t)65536)

struct trace {
	int fd; /* -1 once a write has failed */
	size_t used;
	char buffer[BUFFER_SIZE];
};

/* ${path} with its "%p" and "%%" replaced, to be freed; NULL if memory is out. */
static char *expand_path(const char *path)
{
	char pid[24], *out, *at;
	size_t room = 1;

	(void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
	for (const char *c = path; *c != '\0'; c++)
		room += *c == '%' ? strlen(pid) : 1;
	out = malloc(room);
	if (out == NULL)
		return NULL;
	for (at = out; *path != '\0'; path++) {
		const char next = *path == '%' ? path[1] : '\0';

		if (next == 'p') {
			memcpy(at, pid, strlen(pid));
			at += strlen(pid);
		} else {
			*at++ = *path;
		}
		if (next == 'p' || next == '%')
			path++;
	}
	*at = '\0';
	return out;
}

/* Whether nobody but us can read what goes into the file, whatever it was before. */
static bool is_private(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & 07777 & ~(mode_t)0600) == 0 && st.st_nlink == 1;
}

/* Opens the file. Returns its descriptor, or -1 with errno set. */
static int open_private(const char *path)
{
	/* Non-blocking, lest a FIFO in the file's place makes us wait for its reader. */
	const int flags =
	    O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	int fd = open(path, flags, 0600);

	if (fd < 0 || is_private(fd))
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

struct trace *trace_open(const char *path)
{
	char *real = expand_path(path);
	struct trace *t = malloc(sizeof *t);
	int error = ENOMEM;

	if (real != NULL && t != NULL) {
		t->used = 0;
		t->fd = open_private(real);
		error = errno;
	}
	free(real);
	if (t == NULL || real == NULL || t->fd < 0) {
		free(t);
		errno = error;
		return NULL;
	}
	return t;
}

static void flush(struct trace *t)
{
	size_t at = 0;
	ssize_t n;

	while (t->fd >= 0 && at < t->used) {
		n = write(t->fd, t->buffer + at, t->used - at);
		if (n >= 0) {
			at += (size_t)n;
		} else if (errno != EINTR) {
			log_warning("the trace ends here: %s", strerror(errno));
			close(t->fd);
			t->fd = -1;
		}
	}
	t->used = 0;
}

static void put(struct trace *t, const void *bytes, size_t len)
{
	const char *from = bytes;

	while (len > 0 && t->fd >= 0) {
		size_t n = BUFFER_SIZE - t->used;

		if (n > len)
			n = len;
		memcpy(t->buffer + t->used, from, n);
		t->used += n;
		from += n;
		len -= n;
		if (len > 0)
			flush(t);
	}
}

static PRINTF_LIKE(2, 3) void put_format(struct trace *t, const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	put(t, text, strlen(text));
}

/* The length of the character at ${s} if it may stand in a JSON string as it is, else 0. */
static size_t plain_length(const unsigned char *s, size_t len)
{
	struct utf8 u = {0};
	size_t n = 0;

	if (*s < 0x80)
		return *s >= 0x20 && *s != '"' && *s != '\\';
	do
		if (n == len || !utf8_feed(&u, s + n, 1))
			return 0;
	while (n++, !utf8_complete(&u));
	return n;
}

static void put_escape(struct trace *t, unsigned char c)
{
	static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";
	const char *simple = c == '\0' ? NULL : strchr(from, c);

	if (simple != NULL)
		put_format(t, "\\%c", to[simple - from]);
	else
		put_format(t, "\\u%04x", c < 0x80 ? c : 0xdc00U + c);
}

static void put_string(struct trace *t, const unsigned char *s, size_t len)
{
	const unsigned char *plain = s, *end = len > 0 ? s + len : s;
	size_t n;

	put(t, "\"", 1);
	while (s < end && t->fd >= 0) {
		n = plain_length(s, (size_t)(end - s));
		if (n > 0) {
			s += n;
			continue;
		}
		put(t, plain, (size_t)(s - plain));
		put_escape(t, *s);
		plain = ++s;
	}
	put(t, plain, (size_t)(s - plain));
	put(t, "\"", 1);
}

void trace_message(struct trace *t, enum trace_direction direction, const struct message *m)
{
	static const char *const directions[] = {
	    [TRACE_TO_SERVER] = "to-server",
	    [TRACE_TO_HOST] = "to-host",
	    [TRACE_ANSWERED] = "answered",
	};
	char time[CLOCK_UTC_SIZE];

	if (t == NULL || t->fd < 0)
		return;
	put_format(t,
	    "{\"time\":\"%s\",\"direction\":\"%s\",\"size\":%zu,\"text\":", clock_utc(time),
	    directions[direction], m->size);
	if (m->digest)
		put(t, "null", 4);
	else
		put_string(t, m->text.data, m->text.len);
	put(t, "}\n", 2);
	flush(t);
}

void trace_close(struct trace *t)
{
	if (t != NULL && t->fd >= 0)
		close(t->fd);
	free(t);
}
