#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "utf8.h"

static enum log_level shown;
static bool silent = true; /* a library says nothing until it is told to */
static log_sink *to_sink;
static void *sink_context;
static int file = -1;

static unsigned long dropped; /* lines stderr did not take */
static unsigned long untold;  /* how many of them nobody was told about */

/* The end of a line of which stderr took the beginning, as sockets and terminals may. */
static char rest[LOG_LINE_MAX];
static size_t rest_at, rest_len;

void log_set_level(enum log_level level)
{
	shown = level;
	silent = false;
}

void log_set_sink(log_sink *sink, void *context)
{
	to_sink = sink;
	sink_context = context;
}

unsigned long log_dropped(void)
{
	return dropped;
}

int log_open(const char *path)
{
	/* Non-blocking for the sake of a FIFO; a regular file does not mind. */
	int fd =
	    open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0)
		return -1;
	if (file >= 0)
		close(file);
	file = fd;
	return 0;
}

static ssize_t write_some(struct fd_out *out, const char *bytes, size_t len)
{
	char piece[LOG_LINE_MAX];
	struct iovec iov = {.iov_base = piece, .iov_len = len};

	memcpy(piece, bytes, len); /* iov_base cannot point to const */
	return fd_out_writev(out, &iov, 1);
}

static bool finish_rest(struct fd_out *out)
{
	ssize_t n;

	while (rest_len > 0) {
		n = write_some(out, rest + rest_at, rest_len);
		if (n <= 0)
			return false;
		rest_at += (size_t)n;
		rest_len -= (size_t)n;
	}
	return true;
}

/*
 * Whether stderr takes the line, to be written whole even if it takes only the beginning at
 * once. It is prepared anew for each line: these are few, and so whatever must be changed on a
 * shared description is never left behind by a program that is killed.
 */
static bool stderr_takes(const char *line, size_t len)
{
	struct fd_out out;
	bool taken = false;
	ssize_t n;

	fd_out_begin(&out, STDERR_FILENO);
	if (finish_rest(&out)) {
		n = write_some(&out, line, len);
		taken = n > 0;
		if (taken && (size_t)n < len) {
			rest_at = 0;
			rest_len = len - (size_t)n;
			memcpy(rest, line + n, rest_len);
		}
	}
	fd_out_end(&out);
	return taken;
}

/* Returns 0, or -1 with errno set if the file is of no more use. */
static int file_write(const char *line, size_t len)
{
	char text[CLOCK_UTC_SIZE + 1 + LOG_LINE_MAX];
	size_t n;
	ssize_t written;

	clock_utc(text);
	n = strlen(text);
	text[n++] = ' ';
	memcpy(text + n, line, len);
	n += len;
	do
		written = write(file, text, n);
	while (written < 0 && errno == EINTR);
	if (written < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
	if ((size_t)written < n) {
		errno = ENOSPC; /* what stops a write to a regular file halfway */
		return -1;
	}
	return 0;
}

static void to_file(const char *line, size_t len)
{
	int error;

	if (file < 0 || file_write(line, len) == 0)
		return;
	error = errno;
	close(file);
	file = -1;
	log_warning("the log file ends here: %s", strerror(error));
}

static const char *const prefixes[] = {
    [LOG_ERROR] = "wsmcp: error: ",
    [LOG_WARNING] = "wsmcp: warning: ",
    [LOG_NOTICE] = "wsmcp: ",
    [LOG_INFO] = "wsmcp: ",
    [LOG_DEBUG] = "wsmcp: ",
};

/* Makes a line of ${text} in ${out} (LOG_LINE_MAX + 1 bytes). Returns its length. */
static size_t compose(char *out, enum log_level level, const char *text)
{
	size_t n = strlen(prefixes[level]);

	memcpy(out, prefixes[level], n);
	log_escape(out + n, LOG_LINE_MAX - n, text, strlen(text));
	n += strlen(out + n);
	out[n++] = '\n';
	return n;
}

/* Returns false if stderr does not take the line. */
static bool say(enum log_level level, char *line, size_t len)
{
	if (!to_sink)
		return stderr_takes(line, len);
	line[len - 1] = '\0';
	to_sink(sink_context, level, line + strlen(prefixes[level]));
	return true;
}

static void tell_dropped(void)
{
	char text[96], line[LOG_LINE_MAX + 1];
	size_t len;

	(void)snprintf(text, sizeof text, "%lu earlier line%s lost, nobody read stderr", untold,
	    untold == 1 ? " was" : "s were");
	len = compose(line, LOG_WARNING, text);
	if (!stderr_takes(line, len))
		return;
	untold = 0;
	to_file(line, len);
}

void log_line(enum log_level level, const char *format, ...)
{
	/* One byte more than a line has, so that log_escape sees what must be cut. */
	char text[LOG_LINE_MAX + 1], line[LOG_LINE_MAX + 1];
	size_t len;
	int saved = errno;
	va_list args;

	if (silent || level > shown)
		return;
	va_start(args, format);
	if (vsnprintf(text, sizeof text, format, args) < 0)
		text[0] = '\0';
	va_end(args);
	if (untold > 0 && !to_sink)
		tell_dropped();
	len = compose(line, level, text);
	to_file(line, len);
	if (!say(level, line, len)) {
		dropped++;
		untold++;
	}
	errno = saved;
}

void log_close(void)
{
	struct fd_out out;

	if (file >= 0)
		close(file);
	file = -1;
	fd_out_begin(&out, STDERR_FILENO);
	(void)finish_rest(&out);
	fd_out_end(&out);
}

/* The length and code point of the character that ${s} begins with, or 0 if it is not valid. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *code)
{
	static const unsigned char bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	struct utf8 u = {0};
	size_t n = 0;

	do
		if (n == len || !utf8_feed(&u, s + n, 1))
			return 0;
	while (n++, !utf8_complete(&u));
	*code = s[0] & bits[n];
	for (size_t i = 1; i < n; i++)
		*code = *code << 6 | (s[i] & 0x3f);
	return n;
}

/* Control characters, Unicode's Bidi_Control, and U+2028 and U+2029, which end a line. */
static bool steers(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e ||
	       code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

char *log_escape(char *out, size_t size, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t at = 0, cut = 0, used;

	if (size == 0)
		return out;
	for (; len > 0; s += used, len -= used) {
		char escape[sizeof "\\u202e"];
		const void *piece = s;
		uint32_t code = 0;
		size_t n;

		n = used = decode(s, len, &code);
		if (used == 0 || (steers(code) && code < 0x80)) {
			n = (size_t)snprintf(escape, sizeof escape, "\\x%02x", *s);
			piece = escape;
			used = 1;
		} else if (steers(code)) {
			n = (size_t)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)code);
			piece = escape;
		}
		if (n > size - 1 - at) {
			at = cut;
			n = size - 1 - at < 3 ? size - 1 - at : 3;
			memcpy(out + at, "...", n);
			at += n;
			break;
		}
		memcpy(out + at, piece, n);
		at += n;
		if (size - 1 - at >= 3)
			cut = at;
	}
	out[at] = '\0';
	return out;
}
