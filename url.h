/*
 * What must be known of a ws:// or wss:// URL, and how to show it without its
 * secrets. Pure; libcurl does the real parsing when it connects.
 */
#ifndef WSMCP_URL_H
#define WSMCP_URL_H

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX 8192 /* bytes */

struct url {
	bool tls;      /* wss */
	bool loopback; /* the host is localhost, *.localhost, 127.0.0.0/8 or ::1 */
	bool has_userinfo, has_query;
	char host[256]; /* without brackets */
	char port[6];   /* "80" or "443" if not given */
};

/* Whether ${text} looks like a URL at all (a scheme and "://"), so that it is no server's name. */
bool url_is(const char *text);

/*
 * Reads ${text}. Returns NULL, or a clause for a person that says what is wrong with it and
 * shows nothing of it. Refused: other schemes, no host, a host with a character that no host
 * has or of 256 bytes, white space or control bytes, over URL_MAX, a port that is no port,
 * more than one "@" in front of the host, an "@" behind it that makes it likely that host and path
 * are userinfo with a "/", "?" or "#" that was not encoded.
 */
const char *url_parse(struct url *out, const char *text);

/*
 * The URL for eyes other than the server's, into ${out} (${size} bytes, always
 * NUL-terminated, cut with "..."): no userinfo, the query as "?...", no fragment, control
 * bytes and what is not ASCII percent-encoded. Works for any text: what is not a URL
 * with a host is shown as "(not a URL)", and one in which an "@" behind the host, encoded or not,
 * may make userinfo of host and path as "wss://...". Also takes http, https and socks URLs of proxies and Location headers.
 * Returns out.
 */
char *url_display(char *out, size_t size, const char *text);

#endif
