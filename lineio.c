#include "lineio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"

#define READ_SIZE   ((size_t)1 << 19) /* more than a Linux pipe holds, unless it was made larger */
#define LONG_LINE   ((size_t)1 << 15) /* from here on a line is read straight into its message */
#define PIPE_SIZE   ((size_t)1 << 16) /* a line as long as that does not fit into a Linux pipe */
#define GATHER      256               /* messages in one write */
#define GATHER_SIZE ((size_t)1 << 20) /* bytes written before somebody else has a turn */

/* --- the reader ------------------------------------------------------------------------------ */

struct line_reader {
	int fd;
	bool eof;
	bool line_over; /* the line in the intake is complete */
	bool widened;   /* the pipe was made wider, if it was one */
	size_t at, end; /* what of buffer was read and not split yet */
	struct intake intake;
	unsigned char buffer[READ_SIZE];
};

struct line_reader *line_reader_new(int fd, size_t max)
{
	struct line_reader *r = malloc(sizeof(*r));

	if (r == NULL)
		return NULL;
	r->fd = fd;
	r->eof = r->line_over = r->widened = false;
	r->at = r->end = 0;
	intake_init(&r->intake, max);
	return r;
}

void line_reader_free(struct line_reader *r)
{
	if (r == NULL)
		return;
	intake_free(&r->intake);
	free(r);
}

void line_reader_prepare(const struct line_reader *r, struct pollfd *p, bool want)
{
	p->fd = want && !r->eof ? r->fd : -1;
	p->events = POLLIN;
	p->revents = 0;
}

/* One read. Returns what came; 0 if that was nothing, be it for now or for ever. */
static size_t read_some(struct line_reader *r, void *to, size_t size)
{
	ssize_t n = read(r->fd, to, size);

	if (n > 0)
		return (size_t)n;
	/* Any other error is an end, too: a terminal that was closed gives EIO. */
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		r->eof = true;
	return 0;
}

/*
 * The next piece of a long line goes straight into its message. What was read beyond the line's end
 * is moved to the buffer, as if it had been read there.
 */
static void read_long_line(struct line_reader *r)
{
	const unsigned char *newline;
	unsigned char *to;
	size_t room, n;

	if (!r->widened && intake_size(&r->intake) >= PIPE_SIZE) {
		fd_widen(r->fd);
		r->widened = true;
	}
	to = intake_room(&r->intake, READ_SIZE, &room);
	n = read_some(r, to, room);
	newline = n > 0 ? memchr(to, '\n', n) : NULL;
	if (newline != NULL) {
		size_t line = (size_t)(newline - to);

		r->at = 0;
		r->end = n - line - 1;
		memcpy(r->buffer, newline + 1, r->end);
		r->line_over = true;
		n = line;
	}
	intake_commit(&r->intake, n);
}

void line_reader_process(struct line_reader *r, short revents)
{
	if (revents == 0 || r->eof || r->line_over || r->at < r->end)
		return;
	if (intake_size(&r->intake) >= LONG_LINE) {
		read_long_line(r);
		return;
	}
	r->at = 0;
	r->end = read_some(r, r->buffer, sizeof(r->buffer));
}

/* Moves the buffer up to the end of the line, or all of it, to the intake. */
static void split_line(struct line_reader *r)
{
	const unsigned char *line = r->buffer + r->at;
	size_t left = r->end - r->at;
	const unsigned char *newline = memchr(line, '\n', left);
	size_t len = newline != NULL ? (size_t)(newline - line) : left;

	if (newline != NULL)
		intake_expect(&r->intake, len);
	intake_write(&r->intake, line, len);
	r->at += newline != NULL ? len + 1 : len;
	r->line_over = newline != NULL;
}

struct message *line_reader_take(struct line_reader *r)
{
	struct message *m = NULL;
	bool lost;

	while (m == NULL) {
		if (!r->line_over && r->at < r->end)
			split_line(r);
		if (!r->line_over && (!r->eof || intake_size(&r->intake) == 0))
			return NULL;
		r->line_over = false;
		m = intake_end(&r->intake, &lost);
		if (lost)
			log_warning("out of memory: a message from the host is lost");
	}
	return m;
}

int64_t line_reader_rest(struct line_reader *r, int64_t now)
{
	return intake_rest(&r->intake, now);
}

bool line_reader_ended(const struct line_reader *r)
{
	return r->eof && !r->line_over && r->at == r->end && intake_size(&r->intake) == 0;
}

/* --- the writer ------------------------------------------------------------------------------ */

struct line_writer {
	struct fd_out out;
	struct message_list queue; /* its head is being written */
	size_t written;            /* bytes of the head's line */
	bool blocked;              /* the last write was not taken whole */
	bool widened;              /* the pipe was made wider, if it was one */
};

struct line_writer *line_writer_new(int fd)
{
	struct line_writer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	fd_out_begin(&w->out, fd);
	return w;
}

void line_writer_free(struct line_writer *w)
{
	if (w == NULL)
		return;
	message_list_free(&w->queue);
	fd_out_end(&w->out);
	free(w);
}

void line_writer_prepare(const struct line_writer *w, struct pollfd *p)
{
	p->fd = w->out.fd;
	p->events = w->queue.head != NULL ? POLLOUT : 0;
	p->revents = 0;
}

/* Describes the lines to be written next. Their newlines go into the spare byte behind the text. */
static int gather(const struct line_writer *w, struct iovec iov[GATHER], size_t *total)
{
	size_t skip = w->written;
	int n = 0;

	*total = 0;
	for (struct message *m = w->queue.head; m != NULL && n < GATHER; m = m->next) {
		size_t left = GATHER_SIZE - *total, len = m->text.len + 1 - skip;

		if (left == 0)
			break;
		m->text.data[m->text.len] = '\n';
		iov[n].iov_base = m->text.data + skip;
		iov[n].iov_len = len < left ? len : left;
		*total += iov[n++].iov_len;
		skip = 0;
	}
	return n;
}

/* ${n} more bytes were taken: frees the messages that are written. */
static void advance(struct line_writer *w, size_t n)
{
	w->written += n;
	while (w->queue.head != NULL && w->written > w->queue.head->text.len) {
		w->written -= w->queue.head->text.len + 1;
		message_free(message_list_pop(&w->queue));
	}
}

/* Writes until nothing more is taken, or until somebody else should have a turn. */
static int write_lines(struct line_writer *w)
{
	struct iovec iov[GATHER];
	size_t sum = 0, total;
	ssize_t n;
	int count;

	while (w->queue.head != NULL && !w->blocked && sum < GATHER_SIZE) {
		count = gather(w, iov, &total);
		n = fd_out_writev(&w->out, iov, count);
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET ? 1 : -1;
		advance(w, (size_t)n);
		w->blocked = (size_t)n < total;
		sum += (size_t)n;
	}
	return 0;
}

int line_writer_process(struct line_writer *w, short revents)
{
	if (revents & POLLNVAL) {
		errno = EBADF;
		return -1;
	}
	/* POLLERR is said by a pipe, POLLHUP by a socket or terminal whose other end was closed. */
	if (revents & (POLLERR | POLLHUP))
		return 1;
	if (revents & POLLOUT)
		w->blocked = false;
	return write_lines(w);
}

void line_writer_put(struct line_writer *w, struct message *m)
{
	if (!w->widened && m->text.len >= PIPE_SIZE) {
		fd_widen(w->out.fd);
		w->widened = true;
	}
	message_list_push(&w->queue, m);
}

size_t line_writer_waiting(const struct line_writer *w)
{
	return w->queue.head != NULL ? w->queue.cost - message_cost(w->queue.head) : 0;
}

bool line_writer_idle(const struct line_writer *w)
{
	return w->queue.head == NULL;
}

void line_writer_restore(struct line_writer *w)
{
	fd_out_end(&w->out);
}
