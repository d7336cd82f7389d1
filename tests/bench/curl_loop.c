/*
 * The limit of libcurl: copies bytes between stdin, stdout and a connection that libcurl has made,
 * with curl_easy_send and curl_easy_recv, and does nothing else. No frames, no JSON.
 *
 *	curl-loop http://HOST:PORT | https://HOST:PORT [CAFILE]
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include <curl/curl.h>

#define PIECE ((size_t)256 * 1024)

struct buffer {
	size_t at, len;
	char bytes[PIECE];
};

struct loop {
	CURL *curl;
	curl_socket_t socket;
	struct buffer up, down;
	bool over;
	bool more; /* libcurl may hold what poll does not tell of */
};

static void read_stdin(struct loop *l)
{
	ssize_t n = read(0, l->up.bytes, PIECE);

	l->up.at = 0;
	l->up.len = n > 0 ? (size_t)n : 0;
	l->over = l->over || n == 0 || (n < 0 && errno != EAGAIN);
}

static void write_stdout(struct loop *l)
{
	ssize_t n = write(1, l->down.bytes + l->down.at, l->down.len);

	l->over = l->over || (n < 0 && errno != EAGAIN);
	if (n > 0) {
		l->down.at += (size_t)n;
		l->down.len -= (size_t)n;
	}
}

/* As long as it takes something: that is as often as the kernel has room. */
static void send_up(struct loop *l)
{
	CURLcode code = CURLE_OK;

	while (code == CURLE_OK && l->up.len > 0) {
		size_t n = 0;
		code = curl_easy_send(l->curl, l->up.bytes + l->up.at, l->up.len, &n);
		l->up.at += n;
		l->up.len -= n;
	}
	l->over = l->over || (code != CURLE_OK && code != CURLE_AGAIN);
}

/* Fills the buffer, or takes all there is: a call gives one record of TLS at most. */
static void receive_down(struct loop *l)
{
	CURLcode code = CURLE_OK;
	size_t n = 1;

	l->down.at = 0;
	while (code == CURLE_OK && n > 0 && l->down.len < PIECE) {
		n = 0;
		code =
		    curl_easy_recv(l->curl, l->down.bytes + l->down.len, PIECE - l->down.len, &n);
		l->down.len += n;
	}
	l->more = code == CURLE_OK;
	l->over = l->over || (code != CURLE_AGAIN && l->down.len == 0);
}

/* What was read is written at once: there mostly is room. */
static void move(struct loop *l, bool in, bool writable, bool readable, bool out)
{
	if (l->up.len == 0 && in) {
		read_stdin(l);
		writable = true;
	}
	if (l->up.len > 0 && writable)
		send_up(l);
	if (l->down.len == 0 && readable) {
		receive_down(l);
		out = true;
	}
	if (l->down.len > 0 && out)
		write_stdout(l);
}

static bool run(struct loop *l)
{
	while (!l->over) {
		bool more = l->more && l->down.len == 0;
		struct pollfd wait[] = {{.fd = l->up.len > 0 ? -1 : 0, .events = POLLIN},
		    {.fd = l->socket,
		        .events = (short)((l->up.len > 0 ? POLLOUT : 0) |
		                          (l->down.len > 0 ? 0 : POLLIN))},
		    {.fd = l->down.len > 0 ? 1 : -1, .events = POLLOUT}};
		if (poll(wait, 3, more ? 0 : -1) < 0 && errno != EINTR)
			return false;
		move(l, wait[0].revents != 0, wait[1].revents & POLLOUT,
		    more || wait[1].revents & (POLLIN | POLLHUP | POLLERR), wait[2].revents != 0);
	}
	return true;
}

static bool set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static bool connect_to(struct loop *l, const char *url, const char *authority)
{
	l->curl = curl_easy_init();
	return l->curl && curl_easy_setopt(l->curl, CURLOPT_URL, url) == CURLE_OK &&
	       curl_easy_setopt(l->curl, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
	       curl_easy_setopt(l->curl, CURLOPT_PROXY, "") == CURLE_OK &&
	       (!authority || curl_easy_setopt(l->curl, CURLOPT_CAINFO, authority) == CURLE_OK) &&
	       curl_easy_perform(l->curl) == CURLE_OK &&
	       curl_easy_getinfo(l->curl, CURLINFO_ACTIVESOCKET, &l->socket) == CURLE_OK;
}

int main(int argc, char **argv)
{
	static struct loop l;
	bool good;

	if (argc < 2 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 2;
	good = connect_to(&l, argv[1], argc > 2 ? argv[2] : NULL) && set_nonblocking(0) &&
	       set_nonblocking(1) && run(&l);
	curl_easy_cleanup(l.curl);
	curl_global_cleanup();
	return good ? 0 : 1;
}
