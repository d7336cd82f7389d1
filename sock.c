#include "sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#define CLAMP_BYTES  131072 /* the largest buffer that kept one read loop short, measured */
#define UNSENT_BYTES 131072
#define NEAR_RTT_US  2000
#define DRAIN_ROUNDS 64 /* of 16 KiB: a flood must not hold the loop */

static bool ipv4_is_loopback(uint32_t a)
{
	return a >> 24 == 127;
}

#ifndef TCP_INFO
static bool ipv4_is_private(uint32_t a)
{
	return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 16 == 0xa9fe;
}
#endif

/* An address as IPv4 in host order, also when it comes mapped into IPv6; 0 if it is not IPv4. */
static uint32_t ipv4_of(const struct sockaddr_storage *from)
{
	if (from->ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)from)->sin_addr.s_addr);
	if (from->ss_family == AF_INET6) {
		const struct in6_addr *a =
		    &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(a))
			return (uint32_t)a->s6_addr[12] << 24 | (uint32_t)a->s6_addr[13] << 16 |
			       (uint32_t)a->s6_addr[14] << 8 | a->s6_addr[15];
	}
	return 0;
}

static bool peer_is_loopback(const struct sockaddr_storage *peer)
{
	if (ipv4_is_loopback(ipv4_of(peer)))
		return true;
	return peer->ss_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr);
}

static bool peer_is_near(int fd, const struct sockaddr_storage *peer)
{
#ifdef TCP_INFO
	struct tcp_info info;
	socklen_t len = sizeof info;

	(void)peer;
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_rtt < NEAR_RTT_US;
#else
	(void)fd;
	if (peer->ss_family == AF_INET6) {
		const struct in6_addr *a =
		    &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
		if (IN6_IS_ADDR_LINKLOCAL(a) || (a->s6_addr[0] & 0xfe) == 0xfc)
			return true;
	}
	return ipv4_is_private(ipv4_of(peer));
#endif
}

void sock_clamp_receive(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;
	int bytes = CLAMP_BYTES;

	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return;
	if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6)
		return;
	if (peer_is_loopback(&peer) || peer_is_near(fd, &peer))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

void sock_bound_unsent(int fd)
{
#ifdef TCP_NOTSENT_LOWAT
	int bytes = UNSENT_BYTES;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
#else
	(void)fd;
#endif
}

bool sock_drain(int fd)
{
	char waste[16384];

	for (int i = 0; i < DRAIN_ROUNDS; i++) {
		ssize_t n = recv(fd, waste, sizeof waste, MSG_DONTWAIT);
		if (n == 0)
			return false;
		if (n < 0 && errno != EINTR)
			return errno == EAGAIN || errno == EWOULDBLOCK;
	}
	return true;
}

bool sock_peer(int fd, char *out, size_t size)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer, type_len = sizeof(int);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	int type;

	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 ||
	    (peer.ss_family != AF_INET && peer.ss_family != AF_INET6) ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 || type != SOCK_STREAM ||
	    getnameinfo((struct sockaddr *)&peer, len, host, sizeof host, port, sizeof port,
	        NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	(void)snprintf(out, size, peer.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return true;
}

void sock_shut_write(int fd)
{
	(void)shutdown(fd, SHUT_WR);
}
