/*
 * Where a browser would go with a URL: its host, found as browsers do and not as it looks at first
 * sight. Pure.
 */
#ifndef WSMCP_URI_H
#define WSMCP_URI_H

#include <stdbool.h>
#include <stddef.h>

/*
 * It is in the text, with the brackets of an IPv6 address, without user and port; len 0 = there is
 * none. An odd one has characters, plain or encoded, by which hosts are made to look like others.
 */
struct uri_host {
	size_t at, len;
	bool odd;
};

struct uri_host uri_host(const char *text);

#endif
