#include "output.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void output_to_fd(struct output *o, int fd)
{
	o->fd = fd;
	o->buf = NULL;
	o->error = 0;
	o->len = 0;
}

void output_to_buf(struct output *o, struct buf *b)
{
	output_to_fd(o, -1);
	o->buf = b;
}

/* One write, once the descriptor takes something. Returns the bytes taken, or -1 with errno set. */
static ssize_t write_some(int fd, const char *bytes, size_t len)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	ssize_t n;

	for (;;) {
		n = write(fd, bytes, len);
		if (n >= 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK))
			return n;
		if (errno != EINTR && poll(&wait, 1, -1) < 0 && errno != EINTR)
			return -1;
	}
}

static void write_all(struct output *o, const char *bytes, size_t len)
{
	while (len > 0 && o->error == 0) {
		ssize_t n = write_some(o->fd, bytes, len);

		if (n < 0) {
			o->error = errno;
		} else {
			bytes += n;
			len -= (size_t)n;
		}
	}
}

static void flush(struct output *o)
{
	write_all(o, o->piece, o->len);
	o->len = 0;
}

static void put_in_buf(struct output *o, const void *bytes, size_t len)
{
	int rc = buf_append(o->buf, bytes, len);

	if (rc != BUF_OK)
		o->error = rc == BUF_FULL ? EFBIG : ENOMEM;
}

void output_put(struct output *o, const void *bytes, size_t len)
{
	if (o->error != 0 || len == 0)
		return;
	if (o->buf != NULL) {
		put_in_buf(o, bytes, len);
		return;
	}
	if (len > sizeof o->piece - o->len)
		flush(o);
	if (len > sizeof o->piece) {
		write_all(o, bytes, len);
	} else {
		memcpy(o->piece + o->len, bytes, len);
		o->len += len;
	}
}

void output_str(struct output *o, const char *s)
{
	output_put(o, s, strlen(s));
}

void output_spaces(struct output *o, size_t count)
{
	static const char spaces[] = "                                ";
	const size_t most = sizeof spaces - 1;

	for (; count > most; count -= most)
		output_put(o, spaces, most);
	output_put(o, spaces, count);
}

int output_end(struct output *o)
{
	flush(o);
	if (o->error == 0)
		return 0;
	errno = o->error;
	return -1;
}
