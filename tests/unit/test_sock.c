#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sock.h"

#define BIG     (1 << 20) /* a receive buffer that nobody could take for a clamped one */
#define CLAMPED 131072    /* bytes asked for; Linux reports the double */

/* Two ends of one connection. Nobody has set anything on them but on ${client} a big buffer. */
struct pair {
	int client, server;
};

static int receive_buffer(int fd)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len), 0);
	return bytes;
}

/* Asks for a big buffer; returns what came of it. */
static int enlarge(int fd)
{
	int bytes = BIG;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
	bytes = receive_buffer(fd);
	assert_true(bytes > 2 * CLAMPED);
	return bytes;
}

union any_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static union any_address address_of(int family, const char *text, uint16_t port)
{
	union any_address a;

	memset(&a, 0, sizeof(a));
	a.any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		a.v4.sin_port = htons(port);
		assert_int_equal(inet_pton(family, text, &a.v4.sin_addr), 1);
	} else {
		a.v6.sin6_port = htons(port);
		assert_int_equal(inet_pton(family, text, &a.v6.sin6_addr), 1);
	}
	return a;
}

/* Connects to ${to}, where somebody listens at ${at}; false if we have no such address. */
static bool connect_tcp(struct pair *p, int family, const char *at, const char *to)
{
	union any_address a = address_of(family, at, 0);
	socklen_t len = family == AF_INET ? sizeof(a.v4) : sizeof(a.v6);
	int listener = socket(family, SOCK_STREAM, 0), off = 0;

	p->client = p->server = -1;
	if (listener < 0)
		return false;
	if (family == AF_INET6)
		(void)setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(listener, &a.any, len) != 0) {
		close(listener);
		return false;
	}
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, &a.any, &len), 0);
	a = address_of(family, to, ntohs(family == AF_INET ? a.v4.sin_port : a.v6.sin6_port));
	p->client = socket(family, SOCK_STREAM, 0);
	assert_true(p->client >= 0);
	assert_int_equal(connect(p->client, &a.any, len), 0);
	p->server = accept(listener, NULL, NULL);
	assert_true(p->server >= 0);
	close(listener);
	return true;
}

static struct pair tcp_pair(void)
{
	struct pair p;

	assert_true(connect_tcp(&p, AF_INET, "127.0.0.1", "127.0.0.1"));
	return p;
}

static void close_pair(struct pair *p)
{
	close(p->client);
	close(p->server);
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Waits until there is something to read, be it the end. */
static void wait_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 30000), 1);
}

static bool is_empty(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0 &&
	       (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* --- the clamp ----------------------------------------------------------------------------- */

static void assert_clamped(int fd)
{
	enlarge(fd);
	sock_clamp_receive(fd);
	assert_in_range(receive_buffer(fd), CLAMPED / 2, 2 * CLAMPED);
}

static void loopback_is_clamped(void **state)
{
	static const struct {
		int family;
		const char *at, *to;
	} cases[] = {
	    {AF_INET, "127.0.0.1", "127.0.0.1"},
	    {AF_INET, "0.0.0.0", "127.0.0.1"},
	    {AF_INET6, "::1", "::1"},
	    {AF_INET6, "::", "::ffff:127.0.0.1"},
	};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* A machine may have no IPv6. */
		if (!connect_tcp(&p, cases[i].family, cases[i].at, cases[i].to)) {
			assert_int_equal(cases[i].family, AF_INET6);
			continue;
		}
		assert_clamped(p.client);
		assert_clamped(p.server);
		close_pair(&p);
	}
}

/* Bytes that are there already stay, and the connection goes on. */
static void a_clamp_loses_nothing(void **state)
{
	static char sent[100000], received[sizeof(sent)];
	struct pair p = tcp_pair();
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i % 251);
	enlarge(p.client);
	assert_int_equal(send(p.server, sent, sizeof(sent), MSG_NOSIGNAL), sizeof(sent));
	wait_readable(p.client);
	sock_clamp_receive(p.client);
	while (at < sizeof(received)) {
		ssize_t n = recv(p.client, received + at, sizeof(received) - at, 0);

		assert_true(n > 0);
		at += (size_t)n;
	}
	assert_memory_equal(sent, received, sizeof(sent));
	close_pair(&p);
}

#ifdef TCP_INFO
/* An own address that is not loopback; its round trips are as short. */
static bool own_address(char text[INET_ADDRSTRLEN])
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next) {
		struct sockaddr_in a;

		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET)
			continue;
		if ((i->ifa_flags & IFF_LOOPBACK) != 0 || (i->ifa_flags & IFF_UP) == 0)
			continue;
		memcpy(&a, i->ifa_addr, sizeof(a));
		found = inet_ntop(AF_INET, &a.sin_addr, text, INET_ADDRSTRLEN) != NULL;
	}
	freeifaddrs(all);
	return found;
}

/* What counts is the round trip: a busy machine may take its time even here. */
static void others_are_clamped_if_they_are_near(void **state)
{
	char address[INET_ADDRSTRLEN];
	struct tcp_info info;
	socklen_t len = sizeof(info);
	struct pair p;
	int before;

	(void)state;
	if (!own_address(address) || !connect_tcp(&p, AF_INET, address, address))
		return;
	before = enlarge(p.client);
	sock_clamp_receive(p.client);
	assert_int_equal(getsockopt(p.client, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	if (info.tcpi_rtt < 2000)
		assert_true(receive_buffer(p.client) <= 2 * CLAMPED);
	else
		assert_int_equal(receive_buffer(p.client), before);
	close_pair(&p);
}
#endif

static void other_descriptors_are_left_alone(void **state)
{
	int unconnected = socket(AF_INET, SOCK_STREAM, 0), null = open("/dev/null", O_RDWR), before;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (int i = 0; i < 2; i++) {
		before = enlarge(fds[i]);
		sock_clamp_receive(fds[i]);
		assert_int_equal(receive_buffer(fds[i]), before);
		close(fds[i]);
	}
	assert_true(unconnected >= 0 && null >= 0);
	before = enlarge(unconnected);
	sock_clamp_receive(unconnected);
	assert_int_equal(receive_buffer(unconnected), before);
	close(unconnected);
	sock_clamp_receive(null);
	close(null);
	sock_clamp_receive(-1);
}

/* --- what was not sent --------------------------------------------------------------------- */

#ifdef TCP_NOTSENT_LOWAT
/* How much a connection takes whose peer reads nothing, though our buffer is big. */
static size_t bytes_taken(bool bound)
{
	static const char piece[16384];
	struct pair p = tcp_pair();
	int small = 16384, big = 4 * BIG;
	size_t total = 0;
	ssize_t n;

	assert_int_equal(setsockopt(p.server, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(setsockopt(p.client, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big)), 0);
	if (bound)
		sock_bound_unsent(p.client);
	while ((n = send(p.client, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
		total += (size_t)n;
	assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
	close_pair(&p);
	return total;
}

static void little_waits_in_the_kernel(void **state)
{
	(void)state;
	assert_true(bytes_taken(true) < bytes_taken(false));
	sock_bound_unsent(-1);
}
#endif

/* --- draining ------------------------------------------------------------------------------ */

static void drain_takes_what_is_there(void **state)
{
	struct pair p = tcp_pair();

	(void)state;
	assert_true(sock_drain(p.client)); /* and does not wait, though the socket would */
	send_text(p.server, "some bytes");
	wait_readable(p.client);
	assert_true(sock_drain(p.client));
	assert_true(is_empty(p.client));
	assert_true(sock_drain(p.client));
	close_pair(&p);
}

static void drain_sees_the_end(void **state)
{
	struct pair p = tcp_pair();

	(void)state;
	assert_int_equal(shutdown(p.server, SHUT_WR), 0);
	wait_readable(p.client);
	assert_false(sock_drain(p.client));
	assert_false(sock_drain(p.client));
	close_pair(&p);

	p = tcp_pair(); /* bytes before the end */
	send_text(p.server, "last words");
	close(p.server);
	while (sock_drain(p.client))
		wait_readable(p.client);
	close(p.client);
}

static void drain_sees_a_reset(void **state)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	struct pair p = tcp_pair();

	(void)state;
	assert_int_equal(setsockopt(p.server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	send_text(p.server, "lost words");
	close(p.server);
	while (sock_drain(p.client))
		wait_readable(p.client);
	assert_false(sock_drain(p.client));
	close(p.client);
	assert_false(sock_drain(-1));
}

static void drain_works_on_unix_sockets(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_true(sock_drain(fds[0]));
	send_text(fds[1], "some bytes");
	assert_true(sock_drain(fds[0]));
	assert_true(is_empty(fds[0]));
	close(fds[1]);
	assert_false(sock_drain(fds[0]));
	close(fds[0]);
}

/* A peer that goes on sending must not hold us: each read takes a packet here, so they count. */
static void drain_stops_after_a_while(void **state)
{
	int fds[2], packets = 0, rounds = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	while (packets < 150 && send(fds[1], "x", 1, MSG_DONTWAIT) == 1)
		packets++;
	assert_int_equal(packets, 150);
	while (!is_empty(fds[0])) {
		assert_true(sock_drain(fds[0]));
		rounds++;
	}
	assert_in_range(rounds, 2, 50);
	close(fds[0]);
	close(fds[1]);
}

/* --- shutting ------------------------------------------------------------------------------ */

static void shut_write_leaves_reading(void **state)
{
	struct pair p = tcp_pair();
	char text[8];

	(void)state;
	sock_shut_write(p.client);
	sock_shut_write(p.client);
	assert_int_equal(recv(p.server, text, sizeof(text), 0), 0);
	send_text(p.server, "still");
	assert_int_equal(recv(p.client, text, sizeof(text), 0), 5);
	assert_memory_equal(text, "still", 5);
	close_pair(&p);
	sock_shut_write(-1);
}

/* What all this is for: our last frame arrives though the peer sent what nobody will read. */
static void a_drained_end_resets_nobody(void **state)
{
	struct pair p = tcp_pair();
	char text[16];

	(void)state;
	send_text(p.server, "nobody reads this");
	wait_readable(p.client);
	send_text(p.client, "close frame");
	sock_shut_write(p.client);
	assert_true(sock_drain(p.client));
	close(p.client);
	assert_int_equal(recv(p.server, text, sizeof(text), 0), 11);
	assert_memory_equal(text, "close frame", 11);
	assert_int_equal(recv(p.server, text, sizeof(text), 0), 0);
	close(p.server);
}

/* --- sock_peer ------------------------------------------------------------------------------ */

static void a_peer_is_told_once_there_is_one(void **state)
{
	struct pair p;
	union any_address a;
	socklen_t len = sizeof(a.v4);
	char text[64] = "", expected[64];

	(void)state;
	assert_true(connect_tcp(&p, AF_INET, "127.0.0.1", "127.0.0.1"));
	assert_int_equal(getpeername(p.client, &a.any, &len), 0);
	(void)snprintf(expected, sizeof(expected), "127.0.0.1:%d", ntohs(a.v4.sin_port));
	assert_true(sock_peer(p.client, text, sizeof(text)));
	assert_string_equal(text, expected);
	close(p.client);
	close(p.server);
	if (connect_tcp(&p, AF_INET6, "::1", "::1")) {
		assert_true(sock_peer(p.client, text, sizeof(text)));
		assert_memory_equal(text, "[::1]:", 6);
		close(p.client);
		close(p.server);
	}
}

static void others_have_no_peer(void **state)
{
	union any_address a = address_of(AF_INET, "127.0.0.1", 9);
	int fd = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), local[2];
	char text[64] = "as it was";

	(void)state;
	assert_true(fd >= 0 && udp >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, local), 0);
	assert_int_equal(connect(udp, &a.any, sizeof(a.v4)), 0);
	assert_false(sock_peer(fd, text, sizeof(text)));
	assert_false(sock_peer(udp, text, sizeof(text)));
	assert_false(sock_peer(local[0], text, sizeof(text)));
	assert_false(sock_peer(-1, text, sizeof(text)));
	assert_string_equal(text, "as it was");
	close(fd);
	close(udp);
	close(local[0]);
	close(local[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(loopback_is_clamped),
	    cmocka_unit_test(a_clamp_loses_nothing),
#ifdef TCP_INFO
	    cmocka_unit_test(others_are_clamped_if_they_are_near),
#endif
	    cmocka_unit_test(other_descriptors_are_left_alone),
#ifdef TCP_NOTSENT_LOWAT
	    cmocka_unit_test(little_waits_in_the_kernel),
#endif
	    cmocka_unit_test(drain_takes_what_is_there),
	    cmocka_unit_test(drain_sees_the_end),
	    cmocka_unit_test(drain_sees_a_reset),
	    cmocka_unit_test(drain_works_on_unix_sockets),
	    cmocka_unit_test(drain_stops_after_a_while),
	    cmocka_unit_test(shut_write_leaves_reading),
	    cmocka_unit_test(a_drained_end_resets_nobody),
	    cmocka_unit_test(a_peer_is_told_once_there_is_one),
	    cmocka_unit_test(others_have_no_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
