/*
 * The limit of the machine: copies bytes between stdin, stdout and a TCP connection, and does
 * nothing else. No frames, no JSON, no TLS.
 *
 *	copy PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE ((size_t)256 * 1024)

/* One direction, with one buffer that is filled when it is empty. */
struct way {
	int from, to;
	size_t at, len;
	bool over;
	char bytes[PIECE];
};

static void take(struct way *w)
{
	ssize_t n = read(w->from, w->bytes, sizeof w->bytes);

	w->at = 0;
	w->len = n > 0 ? (size_t)n : 0;
	w->over = n == 0 || (n < 0 && errno != EAGAIN);
}

static void give(struct way *w)
{
	ssize_t n = write(w->to, w->bytes + w->at, w->len);

	if (n > 0) {
		w->at += (size_t)n;
		w->len -= (size_t)n;
	} else {
		w->over = errno != EAGAIN;
	}
}

/* What was read is written at once: there mostly is room. */
static void move(struct way *w, int readable, int writable)
{
	if (w->len == 0 && readable) {
		take(w);
		writable = 1;
	}
	if (w->len > 0 && writable)
		give(w);
}

static int connect_to(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((in_port_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
		return -1;
	return fd;
}

static bool set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

int main(int argc, char **argv)
{
	static struct way up, down;
	int fd = argc == 2 ? connect_to(atoi(argv[1])) : -1;

	if (fd < 0 || !set_nonblocking(0) || !set_nonblocking(1) || !set_nonblocking(fd))
		return 1;
	up.from = 0;
	up.to = down.from = fd;
	down.to = 1;
	while (!up.over && !down.over) {
		struct pollfd wait[] = {{.fd = up.len > 0 ? -1 : 0, .events = POLLIN},
		    {.fd = fd,
		        .events =
		            (short)((up.len > 0 ? POLLOUT : 0) | (down.len > 0 ? 0 : POLLIN))},
		    {.fd = down.len > 0 ? 1 : -1, .events = POLLOUT}};
		if (poll(wait, 3, -1) < 0 && errno != EINTR)
			return 1;
		move(&up, wait[0].revents, wait[1].revents & POLLOUT);
		move(&down, wait[1].revents & (POLLIN | POLLHUP | POLLERR), wait[2].revents);
	}
	return 0;
}
