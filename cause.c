#include "cause.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "phrase.h"

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* How the scheme of the URL and what the port speaks fit together. */
static const char *other_scheme(const struct report *r)
{
	return r->tls ? "ws://" : "wss://";
}

static bool is_short_name(const char *host)
{
	return !has(host, ".") && !has(host, ":");
}

static void explain_dns(const struct report *r, struct phrase *t)
{
	if (r->reason.kind == REASON_PROXY) {
		phrase_add(t,
		    "The name of the proxy %s is not known here: check --proxy, or the "
		    "environment.",
		    r->proxy);
		return;
	}
	if (r->reason.kind == REASON_TIMED_OUT)
		phrase_add(
		    t, "No name server answers: check the network, or a VPN that should be up.");
	else if (is_short_name(r->host))
		phrase_add(t,
		    "\"%s\" is a short name, known only where the resolver's search list "
		    "completes it, or in a container's own network: use the whole name, or its "
		    "address.",
		    r->host);
	else if (strlen(r->host) > 6 && strcmp(r->host + strlen(r->host) - 6, ".local") == 0)
		phrase_add(t,
		    "\".local\" names are found by multicast, which needs its own resolver "
		    "(nss-mdns): use the address.");
	else
		phrase_add(t,
		    "Check the spelling of \"%s\", and the network; a name inside a company may "
		    "need its VPN, or its proxy (--proxy), which looks names up itself.",
		    r->host);
}

static void explain_unix_socket(const struct report *r, struct phrase *t)
{
	if (r->os_error == ENOENT)
		phrase_add(
		    t, "There is no such socket: is the server running, and is the path right?");
	else if (r->os_error == EACCES)
		phrase_add(t, "You may not use that socket: look at its owner and mode.");
	else
		phrase_add(t, "Nobody listens on that socket: is the server running?");
}

static void explain_tcp(const struct report *r, struct phrase *t)
{
	if (*r->unix_socket)
		explain_unix_socket(r, t);
	else if (*r->proxy)
		phrase_add(t,
		    "The proxy %s does not answer: check --proxy%s%s, or go round it with "
		    "--noproxy %s.",
		    r->proxy, *r->proxy_variable ? " or the environment's " : "", r->proxy_variable,
		    r->host);
	else if (r->reason.kind == REASON_TIMED_OUT)
		phrase_add(t,
		    "Nothing comes back from %s: a firewall drops it, the address is wrong, or a "
		    "VPN is not up.",
		    *r->tried ? r->tried : r->host);
	else if (r->os_error == ENETUNREACH || r->os_error == EHOSTUNREACH)
		phrase_add(
		    t, "There is no way to that address from here: check the network, or a VPN.");
	else if (r->loopback)
		phrase_add(t,
		    "Nothing listens on port %s of this machine: the server is not running, or "
		    "uses another port. In a container, %s is the container itself.",
		    r->port, r->host);
	else
		phrase_add(t,
		    "Nothing listens on port %s there, or a firewall says no: is the server "
		    "running, and the port right? A server that listens on 127.0.0.1 only cannot "
		    "be reached from elsewhere.",
		    r->port);
}

static void explain_proxy(const struct report *r, struct phrase *t)
{
	const char *challenge = r->proxy_answer.fields[REPORT_CHALLENGE];
	char around[512] = "";

	if (*r->proxy_variable)
		snprintf(around, sizeof around,
		    " It comes from the environment's %s: --noproxy %s goes round it.",
		    r->proxy_variable, r->host);
	if (r->reason.kind == REASON_UNTRUSTED) {
		phrase_add(t, "The proxy's own certificate is not trusted.%s", around);
		return;
	}
	switch (r->proxy_answer.code) {
	case 0:
		phrase_add(t,
		    "What answers at %s may not be a proxy of that kind, or does not allow "
		    "CONNECT.%s",
		    r->proxy, around);
		break;
	case 407:
		phrase_add(t,
		    "The proxy wants credentials%s%s: --proxy http://USER:PASSWORD@HOST:PORT.%s",
		    *challenge ? ", " : "", challenge, around);
		break;
	case 403:
		phrase_add(t, "The proxy does not allow connections to %s:%s.%s", r->host, r->port,
		    around);
		break;
	case 502:
	case 503:
	case 504:
		phrase_add(t,
		    "The proxy cannot reach %s:%s: the server is not running, or the proxy does "
		    "not know its name.%s",
		    r->host, r->port, around);
		break;
	default:
		phrase_add(t, "The proxy refuses CONNECT to %s:%s, or is none.%s", r->host, r->port,
		    around);
	}
}

static void explain_other_host(const struct report *r, struct phrase *t)
{
	phrase_add(t, "The certificate is not for \"%s\"", r->host);
	if (*r->certificate.names)
		phrase_add(t, " but for %s", r->certificate.names);
	phrase_add(t,
	    ": use a name it is for in the URL (--resolve NAME:%s:ADDRESS says where that is), or "
	    "have it issued anew.",
	    r->port);
}

static void explain_time(const struct report *r, struct phrase *t)
{
	const struct report_certificate *c = &r->certificate;
	char date[PHRASE_DATE_SIZE], now[PHRASE_DATE_SIZE];

	phrase_time(now, r->clock);
	if (c->until >= 0 && c->until <= r->clock)
		phrase_add(t,
		    "The certificate expired on %s: the server needs a new one. Or this machine's "
		    "clock is wrong; it says %s.",
		    phrase_day(date, c->until), now);
	else if (c->from > r->clock)
		phrase_add(t,
		    "The certificate is good from %s on: this machine's clock is most likely "
		    "wrong; it says %s.",
		    phrase_day(date, c->from), now);
	else
		phrase_add(t,
		    "The certificate, or one above it, is out of its time, or this machine's "
		    "clock is wrong; it says %s.",
		    now);
}

static void explain_self_signed(const struct report *r, struct phrase *t)
{
	(void)r;
	phrase_add(t,
	    "The server has signed its certificate itself: get that certificate in a way you trust "
	    "and name it with --cacert FILE.");
}

static void explain_authority(const struct report *r, struct phrase *t)
{
	const char *issuer = *r->certificate.issuer ? r->certificate.issuer : "its authority";

	if (r->has_authority)
		phrase_add(t,
		    "%s is not in the file of --cacert, or the server does not send the "
		    "certificates between.",
		    issuer);
	else
		phrase_add(t,
		    "%s is not known on this machine: a private authority (or a proxy that looks "
		    "into TLS) must be named with --cacert FILE. Or the server does not send the "
		    "certificates between its own and a known one.",
		    issuer);
}

static void explain_untrusted(const struct report *r, struct phrase *t)
{
	/* OpenSSL 1.1 and LibreSSL write "self signed". */
	static const struct {
		const char *part;
		void (*explain)(const struct report *, struct phrase *);
	} table[] = {
	    {"has expired", explain_time},
	    {"not yet valid", explain_time},
	    {"in certificate chain", explain_authority},
	    {"self-signed", explain_self_signed},
	    {"self signed", explain_self_signed},
	    {"issuer certificate", explain_authority},
	    {"the first certificate", explain_authority},
	    {"subject name", explain_other_host},
	    {"match", explain_other_host},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (has(r->reason.text, table[i].part)) {
			table[i].explain(r, t);
			return;
		}
	}
	if (r->certificate.until >= 0 &&
	    (r->certificate.until <= r->clock || r->certificate.from > r->clock))
		explain_time(r, t);
	else
		phrase_add(t, "%s", reason_hint(&r->reason));
}

static void explain_client_certificate(const struct report *r, struct phrase *t)
{
	if (!r->has_certificate)
		phrase_add(
		    t, "The server wants a certificate of yours: --cert FILE and --key FILE.");
	else if (has(r->reason.text, "unknown ca"))
		phrase_add(t, "The server does not know the authority that signed your certificate "
		              "(--cert).");
	else if (has(r->reason.text, "expired"))
		phrase_add(t, "Your certificate (--cert) has expired.");
	else
		phrase_add(t, "The server does not accept your certificate (--cert).");
}

static void explain_tls(const struct report *r, struct phrase *t)
{
	const char *text = r->reason.text;

	if (r->reason.kind == REASON_UNTRUSTED)
		explain_untrusted(r, t);
	else if (r->reason.kind == REASON_CERTIFICATE)
		explain_client_certificate(r, t);
	else if (has(text, "wrong version") || has(text, "http request") ||
	         has(text, "packet length") || has(text, "record layer failure"))
		phrase_add(t, "The port does not speak TLS: use %s.", other_scheme(r));
	else if (r->reason.kind == REASON_TIMED_OUT || r->reason.kind == REASON_TRUNCATED)
		phrase_add(t,
		    "The port may not speak TLS at all: try %s. Or a firewall lets the connection "
		    "through but not what follows.",
		    other_scheme(r));
	else if (has(text, "unrecognized name"))
		phrase_add(
		    t, "The server has no certificate for \"%s\": check the host name.", r->host);
	else if (has(text, "protocol version") || has(text, "unsupported protocol") ||
	         has(text, "no protocols"))
		phrase_add(t,
		    "The server speaks only TLS versions that are no longer taken here: it must "
		    "be brought up to date.");
	else if (has(text, "handshake failure") && !r->has_certificate)
		phrase_add(t,
		    "The two have no cipher in common, or the server wants a certificate of "
		    "yours (--cert, --key).");
	else
		phrase_add(t, "%s", reason_hint(&r->reason));
}

static void explain_credentials(const struct report *r, struct phrase *t)
{
	const char *challenge = r->answer.fields[REPORT_CHALLENGE];

	if (r->has_credentials)
		phrase_add(t, "The credentials that were sent are wrong or have expired");
	else
		phrase_add(t, "No credentials were sent");
	if (*challenge)
		phrase_add(t, "; the server asks for %s", challenge);
	if (strncmp(challenge, "Basic", 5) == 0)
		phrase_add(t, ": put USER:PASSWORD@ in front of the URL's host.");
	else
		phrase_add(t, ": --bearer-env VAR, or -H \"Authorization: ...\".");
}

static void explain_redirect(const struct report *r, struct phrase *t)
{
	const char *to = r->answer.fields[REPORT_LOCATION], *rest = strstr(to, "://");
	bool secure = strncmp(to, "https:", 6) == 0 || strncmp(to, "wss:", 4) == 0;

	if (!rest)
		phrase_add(t, "The server points elsewhere: check the URL.");
	else
		phrase_add(t,
		    "The server points to another place: if that is where it is, use ws%s%s.",
		    secure ? "s" : "", rest);
}

static void explain_page(const struct report *r, struct phrase *t)
{
	const char *type = r->answer.fields[REPORT_CONTENT_TYPE];

	if (strncmp(type, "text/html", 9) == 0)
		phrase_add(t,
		    "That is a web page, not a WebSocket: check the path of the URL; a log-in page "
		    "in between looks like that, too.");
	else if (strncmp(type, "text/event-stream", 17) == 0)
		phrase_add(t,
		    "That is MCP over HTTP, not over WebSocket: the server may have another path "
		    "for that, or none.");
	else
		phrase_add(t,
		    "Something answers there, but not with WebSocket: check the path of the URL; "
		    "the server may speak MCP over HTTP instead.");
}

static void explain_status(const struct report *r, struct phrase *t)
{
	const char *retry = r->answer.fields[REPORT_RETRY_AFTER];
	int code = r->reason.status;

	if (r->speaks_tls) {
		phrase_add(t, "The port speaks TLS: use wss://.");
		return;
	}
	switch (code) {
	case 400:
	case 426:
		phrase_add(t,
		    "The server wants a different handshake: another subprotocol (%s%s), or a "
		    "header "
		    "that is missing; the path may also be that of something else.",
		    *r->offered ? "offered: " : "none was offered", r->offered);
		return;
	case 401:
		explain_credentials(r, t);
		return;
	case 403:
		if (!r->has_credentials)
			phrase_add(t, "No credentials were sent, and the server may want some. ");
		phrase_add(t,
		    "It may also look at the Host (%s), or at the Origin, of which none was "
		    "sent unless you gave it (-H \"Origin: ...\").",
		    r->host);
		return;
	case 404:
	case 405:
	case 410:
	case 501:
		phrase_add(t,
		    "There is no WebSocket at that path: check the path of the URL (/mcp, /ws, "
		    "/message and / are common).");
		return;
	case 421:
		phrase_add(
		    t, "The server is not responsible for \"%s\": check the host name.", r->host);
		return;
	case 502:
	case 503:
	case 504:
		phrase_add(t, "%s cannot reach the server behind it: is that running?",
		    *r->answer.fields[REPORT_SERVER] ? r->answer.fields[REPORT_SERVER]
		                                     : "A proxy before the server");
		break;
	default:
		if (code >= 200 && code < 300)
			explain_page(r, t);
		else if (code >= 300 && code < 400)
			explain_redirect(r, t);
		else
			phrase_add(t, "%s", reason_hint(&r->reason));
	}
	if (*retry)
		phrase_add(t, " It asks to wait (Retry-After: %s).", retry);
}

static void explain_http(const struct report *r, struct phrase *t)
{
	if (r->reason.kind == REASON_HTTP)
		explain_status(r, t);
	else if (r->speaks_tls)
		phrase_add(t, "The port speaks TLS: use wss://.");
	else if (r->answer.code == 101)
		phrase_add(t,
		    "It is no WebSocket server, or something between changes the answer%s%s: try "
		    "without it.",
		    *r->answer.fields[REPORT_VIA] ? ", Via: " : "", r->answer.fields[REPORT_VIA]);
	else if (r->reason.kind == REASON_TIMED_OUT)
		phrase_add(t,
		    "Something listens there but does not answer HTTP: the server hangs, or the "
		    "port is that of another protocol.");
	else if (r->reason.kind == REASON_NOT_WEBSOCKET)
		phrase_add(t, "The port is that of another protocol: check the port of the URL.");
	else
		phrase_add(t,
		    "The server hung up on the request: it is no WebSocket server, it crashed (its "
		    "log may say), or something between does not let WebSocket through.");
}

static void explain_subprotocol(const struct report *r, struct phrase *t)
{
	const char *accepted = r->answer.fields[REPORT_PROTOCOL];

	phrase_add(t,
	    "The server chose \"%s\", which was not offered (%s): --subprotocol %s, if that is "
	    "what "
	    "it speaks.",
	    accepted, *r->offered ? r->offered : "none was", accepted);
}

static void explain_setup(const struct report *r, struct phrase *t)
{
	phrase_add(t, "%s", reason_hint(&r->reason));
}

static void explain_loss(const struct report *r, struct phrase *t)
{
	if (r->reason.kind == REASON_SILENT)
		phrase_add(t, "%s", reason_hint(&r->reason));
	else if (r->reason.kind == REASON_LOST)
		phrase_add(t, "The server crashed (its log may say), or something between cut the "
		              "connection.");
	else if (r->reason.kind != REASON_STOPPED)
		phrase_add(t,
		    "The server breaks the WebSocket protocol: its log may say more, and its "
		    "maker should know.");
}

static void explain_close(const struct report *r, struct phrase *t)
{
	static const struct {
		int code;
		const char *text;
	} table[] = {
	    {1001, "The server is shutting down."},
	    {1002, "The server thinks that we break the WebSocket protocol: something between may "
	           "have changed what was sent."},
	    {1003, "The server does not take text messages: it may be no MCP server."},
	    {1007, "The server could not read what it got: it may be no MCP server."},
	    {1009, "The message was too large for the server."},
	    {1011, "The server failed at it: its log may say."},
	    {1012, "The server restarts: try again."},
	    {1013, "The server has too much to do: try again later."},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (table[i].code == r->reason.close_code) {
			phrase_add(t, "%s", table[i].text);
			return;
		}
	}
	if (r->reason.close_code == 1008 || r->reason.close_code == 3000 ||
	    r->reason.close_code == 4401 || r->reason.close_code == 4403)
		phrase_add(t, "The server does not want us: %s.",
		    r->has_credentials ? "the credentials that were sent are wrong or have expired"
		                       : "no credentials were sent (--bearer-env VAR, or -H)");
	else
		phrase_add(t,
		    "The server did not like what it was told: it may be no MCP server, or one "
		    "that wants something before (its log may say).");
}

char *cause_of(const struct report *r, char out[CAUSE_SIZE])
{
	static void (*const table[REPORT_STEPS])(const struct report *, struct phrase *) = {
	    [REPORT_STEP_SETUP] = explain_setup,
	    [REPORT_STEP_DNS] = explain_dns,
	    [REPORT_STEP_TCP] = explain_tcp,
	    [REPORT_STEP_PROXY] = explain_proxy,
	    [REPORT_STEP_TLS] = explain_tls,
	    [REPORT_STEP_HTTP] = explain_http,
	    [REPORT_STEP_SUBPROTOCOL] = explain_subprotocol,
	};
	enum report_step failed = report_failed(r);
	struct phrase t = phrase_in(out, CAUSE_SIZE);

	if (failed != REPORT_STEPS)
		table[failed](r, &t);
	else if (r->reason.kind == REASON_CLOSED)
		explain_close(r, &t);
	else if (r->reason.kind != REASON_NONE)
		explain_loss(r, &t);
	return out;
}
