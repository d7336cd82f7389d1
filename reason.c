#include "reason.h"

#include <stdarg.h>
#include <stdio.h>

#include "log.h"

void reason_set(struct reason *r, enum reason_kind kind, const char *format, ...)
{
	char text[2 * REASON_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n < 0)
		n = 0;
	else if ((size_t)n >= sizeof text)
		n = (int)sizeof text - 1;
	*r = (struct reason){.kind = kind};
	log_escape(r->text, sizeof r->text, text, (size_t)n);
}

static const struct hint {
	enum reason_kind kind;
	int low, high; /* of the status; 0, 0 = whatever it is */
	const char *text;
} hints[] = {
    {REASON_UNRESOLVED, 0, 0, "Check the host name and the network."},
    {REASON_UNREACHABLE, 0, 0, "Check that the server is running and that the port is right."},
    {REASON_TIMED_OUT, 0, 0, "Check the address, a firewall, or raise --connect-timeout."},
    {REASON_HTTP, 401, 401, "Check the credentials (-H)."},
    {REASON_HTTP, 403, 403, "Check the credentials and what they allow."},
    {REASON_HTTP, 404, 404, "Check the path of the URL."},
    {REASON_HTTP, 300, 399, "Use the URL it points to."},
    {REASON_HTTP, 408, 408, "Try again later."},
    {REASON_HTTP, 425, 429, "Try again later."},
    {REASON_HTTP, 500, 599, "Check the server, and the proxies before it."},
    {REASON_HTTP, 0, 0, "Check the URL, and the subprotocol if the server wants another one."},
    {REASON_PROXY, 407, 407, "Check the proxy's credentials."},
    {REASON_PROXY, 0, 0, "Check the proxy, or go round it with --noproxy."},
    {REASON_NOT_WEBSOCKET, 0, 0, "Check the URL and --subprotocol."},
    {REASON_TLS, 0, 0, "Check that the port speaks TLS: ws:// or wss://?"},
    {REASON_UNTRUSTED, 0, 0, "Name the authority that signed it with --cacert."},
    {REASON_CERTIFICATE, 0, 0, "Check --cert and --key."},
    {REASON_SILENT, 0, 0, "Check the server, or the proxies between; see --ping-timeout."},
};

const char *reason_hint(const struct reason *r)
{
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		const struct hint *h = &hints[i];
		if (h->kind == r->kind &&
		    (h->low == 0 || (r->status >= h->low && r->status <= h->high)))
			return h->text;
	}
	return "";
}
