#include "link.h"

#include <curl/curl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

#include "clock.h"
#include "fd.h"
#include "frame.h"
#include "handshake.h"
#include "keepalive.h"
#include "log.h"
#include "outbox.h"
#include "sock.h"
#include "url.h"
#include "utf8.h"
#include "version.h"

#define OLDEST_LIBCURL   0x080e00             /* first with CURLWS_NOAUTOPONG */
#define SCRATCH_SIZE     ((size_t)65536)      /* first read of a frame */
#define DIRECT_MAX       ((size_t)1 << 20)    /* later reads, straight into the message */
#define RECEIVE_BUDGET   ((size_t)1 << 18)    /* bytes a call of link_receive takes at most */
#define WRITE_BUDGET     ((size_t)1 << 17)    /* bytes written before somebody else has a turn */
#define ROOM_MARK        ((size_t)256 * 1024) /* bytes waiting in the outbox */
#define CLOSE_WAIT       1000                 /* ms for the peer's part of the closing handshake */
#define ANSWER_FIELD_MAX 1024

#define CLOSE_PROTOCOL_ERROR 1002
#define CLOSE_NO_CODE        1005 /* never on the wire (RFC 6455, section 7.1.5) */
#define CLOSE_NOT_UTF8       1007

/* The header fields of an answer that matter. */
enum answer_field {
	FIELD_UPGRADE,
	FIELD_CONNECTION,
	FIELD_ACCEPT,
	FIELD_EXTENSIONS,
	FIELD_PROTOCOL,
	FIELD_LOCATION,
	FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_UPGRADE] = "Upgrade",
    [FIELD_CONNECTION] = "Connection",
    [FIELD_ACCEPT] = "Sec-WebSocket-Accept",
    [FIELD_EXTENSIONS] = "Sec-WebSocket-Extensions",
    [FIELD_PROTOCOL] = "Sec-WebSocket-Protocol",
    [FIELD_LOCATION] = "Location",
};

/* The last header block the server sent: a 101 may follow a 100 or 103. */
struct answer {
	char status[128]; /* the status line */
	char fields[FIELD_COUNT][ANSWER_FIELD_MAX];
	bool has[FIELD_COUNT];
	bool complete; /* its empty line came */
};

struct link {
	struct link_options opt;
	struct url url;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers, *resolve;
	bool added; /* easy is in multi */
	char error[CURL_ERROR_SIZE];

	enum link_state state;
	struct reason reason;
	struct report *report; /* NULL = nobody has asked for one */
	bool probing;          /* the attempt has failed, and its report is completed */
	int64_t began_us;
	int64_t connect_by;
	char key[HANDSHAKE_KEY_SIZE];
	struct answer answer;

	int fd;
	struct outbox *outbox;
	struct intake intake;
	struct keepalive keepalive;
	struct link_stats stats;

	struct utf8 utf8;
	bool in_message, is_text;
	size_t frame_left; /* payload still to come of the data frame being received */
	unsigned char control[FRAME_CONTROL_MAX];
	bool readable; /* there may be more to receive without asking poll */
	bool blocked;  /* the socket took less than offered */
	bool deaf;     /* the peer broke the protocol: its bytes mean nothing any more */
	bool send_failed;
	bool close_received;
	int receive_errors; /* in a row */
	int64_t close_by;
	int64_t suspect_until; /* CLOCK_NEVER = trusted */
	unsigned long pings_seen;
	int64_t ping_left_us;
	unsigned char scratch[SCRATCH_SIZE];
};

/* --- the library ------------------------------------------------------- */

const char *link_unsupported(void)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	bool ws = false, wss = false;

	for (const char *const *p = info->protocols; p && *p; p++) {
		ws = ws || strcmp(*p, "ws") == 0;
		wss = wss || strcmp(*p, "wss") == 0;
	}
	if (!ws || !wss)
		return "the libcurl found at run time was built without WebSocket (ws and wss): "
		       "install libcurl 8.14 or newer with WebSocket";
	if (info->version_num < OLDEST_LIBCURL)
		return "the libcurl found at run time is too old: install libcurl 8.14 or newer";
	return NULL;
}

const char *link_library(void)
{
	return curl_version();
}

void link_random(void *bytes, size_t len)
{
	unsigned char *to = bytes;

	while (len > 0) {
		size_t n = len < 256 ? len : 256; /* what getentropy gives at once */
		if (getentropy(to, n) != 0) {
			/* No kernel this runs on fails here; going on with guessable masks would be worse. */
			log_error("the system has no random numbers: %s", strerror(errno));
			abort();
		}
		to += n;
		len -= n;
	}
}

/* --- life -------------------------------------------------------------- */

struct link *link_new(size_t max_message)
{
	struct link *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->fd = -1;
	l->stats.ping_rtt_us = -1;
	intake_init(&l->intake, max_message);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		goto fail;
	l->easy = curl_easy_init();
	l->multi = curl_multi_init();
	if (!l->easy || !l->multi)
		goto fail;
#if LIBCURL_VERSION_NUM >= 0x081400
	/* Else the clean-up waits for a DNS look-up that hangs. */
	curl_multi_setopt(l->multi, CURLMOPT_QUICK_EXIT, 1L);
#endif
	return l;
fail:
	link_free(l);
	return NULL;
}

static void leave_multi(struct link *l)
{
	if (l->added)
		curl_multi_remove_handle(l->multi, l->easy); /* closes the connection */
	l->added = false;
	l->fd = -1;
}

void link_free(struct link *l)
{
	if (!l)
		return;
	leave_multi(l);
	curl_easy_cleanup(l->easy);
	curl_multi_cleanup(l->multi);
	curl_slist_free_all(l->headers);
	curl_slist_free_all(l->resolve);
	outbox_free(l->outbox);
	intake_free(&l->intake);
	free(l->report);
	free(l);
}

enum link_state link_state(const struct link *l)
{
	return l->state;
}

const struct reason *link_reason(const struct link *l)
{
	return &l->reason;
}

const struct link_stats *link_stats(const struct link *l)
{
	return &l->stats;
}

const struct report *link_report(const struct link *l)
{
	return l->report;
}

static void set_state(struct link *l, enum link_state state)
{
	static const char *const names[] = {
	    [LINK_IDLE] = "idle",
	    [LINK_CONNECTING] = "connecting",
	    [LINK_OPEN] = "open",
	    [LINK_CLOSING] = "closing",
	    [LINK_DOWN] = "down",
	};

	if (l->state == state)
		return;
	log_info("link: %s -> %s", names[l->state], names[state]);
	l->state = state;
}

static void end_report(struct link *l)
{
	l->report->reason = l->reason;
	if (l->report->ended == 0)
		l->report->ended = clock_now_us() - l->began_us;
}

/* The one way down. What was put goes back, the reason is the first one that was known. */
static void go_down(struct link *l)
{
	if (l->reason.kind == REASON_NONE)
		reason_set(&l->reason, REASON_LOST, "the connection was lost");
	if (l->report)
		end_report(l);
	leave_multi(l);
	if (l->outbox)
		outbox_stop(l->outbox);
	intake_drop(&l->intake);
	l->in_message = false;
	l->readable = false;
	set_state(l, LINK_DOWN);
}

/* --- how far the attempt is -------------------------------------------- */

static bool uses_proxy(const struct link *l)
{
	long used = 0;

	return curl_easy_getinfo(l->easy, CURLINFO_USED_PROXY, &used) == CURLE_OK && used;
}

/*
 * Whether the attempt's TCP connection is there, and whom it leads to. libcurl tells the time of
 * that only when proxy and TLS are done, too.
 */
static bool is_connected(const struct link *l, char *peer, size_t size)
{
	struct curl_waitfd wait[LINK_POLL_MAX];
	unsigned count = 0;

	if (curl_multi_waitfds(l->multi, wait, LINK_POLL_MAX, &count) != CURLM_OK)
		return false;
	for (unsigned i = 0; i < count; i++) {
		if (sock_peer(wait[i].fd, peer, size))
			return true;
	}
	return false;
}

static bool has_come_to(const struct link *l, CURLINFO point)
{
	curl_off_t took = 0;

	return curl_easy_getinfo(l->easy, point, &took) == CURLE_OK && took > 0;
}

/* What the attempt is doing. */
static const char *phase(const struct link *l)
{
	long answer_of_proxy = 0;
	char peer[64];

	if (!has_come_to(l, CURLINFO_NAMELOOKUP_TIME_T))
		return "while looking up the host";
	if (!has_come_to(l, CURLINFO_CONNECT_TIME_T)) {
		if (!is_connected(l, peer, sizeof peer))
			return "while connecting";
		curl_easy_getinfo(l->easy, CURLINFO_HTTP_CONNECTCODE, &answer_of_proxy);
		if (uses_proxy(l) && answer_of_proxy == 0)
			return "while connecting through the proxy";
	}
	if (l->url.tls && !has_come_to(l, CURLINFO_APPCONNECT_TIME_T))
		return "in the TLS handshake";
	return "while waiting for the answer to the WebSocket handshake";
}

/* --- the report -------------------------------------------------------- */

/* libcurl tells that it uses a proxy, but names only variables that are not the one (8.14). */
static void note_proxy(struct link *l)
{
	static const char *const variables[2][7] = {
	    {"ws_proxy", "WS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY", NULL},
	    {"wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
	        NULL},
	};
	const char *const *name = variables[l->url.tls], *value = l->opt.proxy;

	if (*l->report->proxy || !uses_proxy(l))
		return;
	while (!value && *name) {
		value = getenv(*name);
		if (value && !*value)
			value = NULL;
		name += !value;
	}
	if (value)
		report_proxy(l->report, value, l->opt.proxy ? "" : *name);
}

static int on_debug(CURL *easy, curl_infotype type, char *text, size_t len, void *user)
{
	struct link *l = user;

	(void)easy;
	if (type == CURLINFO_TEXT)
		report_text(l->report, text, len);
	if (type != CURLINFO_HEADER_IN)
		return 0;
	note_proxy(l);
	report_header(l->report, text, len, clock_now_us() - l->began_us);
	return 0;
}

static bool begin_report(struct link *l, const struct headers *headers)
{
	free(l->report);
	l->report = NULL;
	l->probing = false;
	if (!l->opt.report)
		return true;
	struct report *r = l->report = malloc(sizeof *l->report);
	if (!r)
		return false;
	l->began_us = clock_now_us();
	report_begin(r, l->opt.url, l->opt.subprotocol, (int64_t)time(NULL));
	r->insecure = l->opt.insecure;
	r->has_authority = l->opt.cacert;
	r->has_certificate = l->opt.cert;
	if (l->opt.unix_socket)
		snprintf(r->unix_socket, sizeof r->unix_socket, "%s", l->opt.unix_socket);
	for (size_t i = 0; i < headers->count; i++)
		report_sent(r, headers->list[i].name);
	return true;
}

static void read_certificate(struct link *l)
{
	struct curl_certinfo *chain = NULL;

	if (*l->report->certificate.subject ||
	    curl_easy_getinfo(l->easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || !chain ||
	    chain->num_of_certs < 1)
		return;
	for (const struct curl_slist *s = chain->certinfo[0]; s; s = s->next)
		report_certificate_field(l->report, s->data);
}

/* How far the attempt has come. */
static void update_report(struct link *l)
{
	struct report *r = l->report;
	const struct {
		CURLINFO info;
		int64_t *at;
	} times[] = {
	    {CURLINFO_NAMELOOKUP_TIME_T, &r->resolved},
	    {CURLINFO_CONNECT_TIME_T, &r->connected},
	    {CURLINFO_APPCONNECT_TIME_T, &r->secured},
	};
	long os_error = 0;

	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		curl_off_t took = 0;
		if (curl_easy_getinfo(l->easy, times[i].info, &took) == CURLE_OK && took > 0)
			*times[i].at = took;
	}
	note_proxy(l);
	if (!*r->address && r->resolved && is_connected(l, r->address, sizeof r->address) &&
	    r->connected == 0)
		r->connected = clock_now_us() - l->began_us;
	if (curl_easy_getinfo(l->easy, CURLINFO_OS_ERRNO, &os_error) == CURLE_OK)
		r->os_error = (int)os_error;
	if (r->secured)
		read_certificate(l);
}

/* --- the attempt ------------------------------------------------------- */

static int on_socket(void *user, curl_socket_t fd, curlsocktype purpose)
{
	(void)user;
	(void)purpose;
	/* libcurl before 8.19 leaves sockets open in the programs we start. */
	(void)fd_cloexec(fd);
	return CURL_SOCKOPT_OK;
}

static void answer_field(struct answer *a, enum answer_field field, const char *value, size_t len)
{
	char *to = a->fields[field];
	size_t used = strlen(to);

	while (len > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	while (len > 0 && strchr(" \t\r\n", value[len - 1]))
		len--;
	/* Cut values cannot pass the checks they are for. */
	snprintf(to + used, ANSWER_FIELD_MAX - used, "%s%.*s", a->has[field] ? ", " : "", (int)len,
	    value);
	a->has[field] = true;
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
	struct answer *a = user;
	size_t len = size * count;

	if (len >= 5 && strncmp(line, "HTTP/", 5) == 0) {
		memset(a, 0, sizeof *a);
		snprintf(a->status, sizeof a->status, "%.*s", (int)strcspn(line, "\r\n"), line);
		return len;
	}
	if (len > 0 && (line[0] == '\r' || line[0] == '\n')) {
		a->complete = true;
		return len;
	}
	for (int i = 0; i < FIELD_COUNT; i++) {
		size_t n = strlen(field_names[i]);
		if (len > n && line[n] == ':' && strncasecmp(line, field_names[i], n) == 0)
			answer_field(a, (enum answer_field)i, line + n + 1, len - n - 1);
	}
	return len;
}

static bool add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return false;
	*list = longer;
	return true;
}

static bool add_header(struct link *l, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 3;
	char *line = malloc(size);

	if (!line)
		return false;
	/* libcurl's own spelling: "Name;" is a header with nothing in it. */
	if (*value)
		snprintf(line, size, "%s: %s", name, value);
	else
		snprintf(line, size, "%s;", name);
	bool ok = add_line(&l->headers, line);
	free(line);
	return ok;
}

static bool build_headers(struct link *l, const struct headers *headers)
{
	unsigned char random[16];

	curl_slist_free_all(l->headers);
	l->headers = NULL;
	link_random(random, sizeof random);
	handshake_key(l->key, random);
	if (!add_header(l, "Sec-WebSocket-Key", l->key))
		return false;
	if (l->opt.subprotocol && !add_header(l, "Sec-WebSocket-Protocol", l->opt.subprotocol))
		return false;
	if (!headers_get(headers, "Accept") && !add_line(&l->headers, "Accept:"))
		return false;
	if (!headers_get(headers, "User-Agent") &&
	    !add_header(l, "User-Agent", "wsmcp/" WSMCP_VERSION))
		return false;
	for (size_t i = 0; i < headers->count; i++) {
		if (!add_header(l, headers->list[i].name, headers->list[i].value))
			return false;
	}
	return true;
}

static bool build_resolve(struct link *l)
{
	curl_slist_free_all(l->resolve);
	l->resolve = NULL;
	for (size_t i = 0; i < l->opt.resolve_count; i++) {
		if (!add_line(&l->resolve, l->opt.resolve[i]))
			return false;
	}
	return true;
}

/* An environment variable made for the Internet must not send loopback traffic to a proxy. */
static const char *proxy_to_set(const struct link *l)
{
	if (!l->opt.proxy && (l->url.loopback || l->opt.unix_socket))
		return "";
	return l->opt.proxy;
}

static CURLcode set_strings(struct link *l)
{
	const struct {
		CURLoption option;
		const char *value;
	} table[] = {
	    {CURLOPT_URL, l->opt.url},
	    {CURLOPT_PROTOCOLS_STR, "ws,wss"},
	    {CURLOPT_CAINFO, l->opt.cacert},
	    {CURLOPT_SSLCERT, l->opt.cert},
	    {CURLOPT_SSLKEY, l->opt.key},
	    {CURLOPT_KEYPASSWD, ""}, /* else OpenSSL would ask for it on the terminal */
	    {CURLOPT_PROXY, proxy_to_set(l)},
	    {CURLOPT_NOPROXY, l->opt.noproxy},
	    {CURLOPT_UNIX_SOCKET_PATH, l->opt.unix_socket},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (!table[i].value)
			continue;
		CURLcode rc = curl_easy_setopt(l->easy, table[i].option, table[i].value);
		if (rc != CURLE_OK)
			return rc;
	}
	return CURLE_OK;
}

static CURLcode set_numbers(struct link *l)
{
	const struct {
		CURLoption option;
		long value;
	} table[] = {
	    {CURLOPT_CONNECT_ONLY, 2},
	    {CURLOPT_WS_OPTIONS, (long)CURLWS_NOAUTOPONG},
	    {CURLOPT_NOSIGNAL, 1},
	    {CURLOPT_QUICK_EXIT, 1},      /* never wait for a resolver thread */
	    {CURLOPT_HTTPPROXYTUNNEL, 1}, /* before 8.21 ws:// would be a plain GET to the proxy */
	    {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
	    {CURLOPT_TCP_KEEPALIVE, 1},
	    {CURLOPT_DNS_CACHE_TIMEOUT,
	        0}, /* a server that moved must be found at its new address */
	    {CURLOPT_SSL_VERIFYPEER, !l->opt.insecure},
	    {CURLOPT_SSL_VERIFYHOST, l->opt.insecure ? 0 : 2},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		CURLcode rc = curl_easy_setopt(l->easy, table[i].option, table[i].value);
		if (rc != CURLE_OK)
			return rc;
	}
	return CURLE_OK;
}

static CURLcode set_rest(struct link *l)
{
	CURLcode rc = curl_easy_setopt(l->easy, CURLOPT_ERRORBUFFER, l->error);

	if (rc == CURLE_OK)
		rc = curl_easy_setopt(l->easy, CURLOPT_HTTPHEADER, l->headers);
	if (rc == CURLE_OK && l->resolve)
		rc = curl_easy_setopt(l->easy, CURLOPT_RESOLVE, l->resolve);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(l->easy, CURLOPT_HEADERFUNCTION, on_header);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(l->easy, CURLOPT_HEADERDATA, &l->answer);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(l->easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	return rc;
}

static CURLcode set_report(struct link *l)
{
	CURLcode rc = curl_easy_setopt(l->easy, CURLOPT_CERTINFO, 1L);

	if (rc == CURLE_OK)
		rc = curl_easy_setopt(l->easy, CURLOPT_DEBUGFUNCTION, on_debug);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(l->easy, CURLOPT_DEBUGDATA, l);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(l->easy, CURLOPT_VERBOSE, 1L);
	return rc;
}

static CURLcode set_all(struct link *l)
{
	CURLcode rc;

	curl_easy_reset(l->easy);
	rc = set_strings(l);
	if (rc == CURLE_OK)
		rc = set_numbers(l);
	if (rc == CURLE_OK)
		rc = set_rest(l);
	return rc;
}

static void setup_failed(struct link *l, const char *what)
{
	reason_set(&l->reason, REASON_SETUP, "%s", what);
	go_down(l);
}

static bool is_tls(const struct link *l)
{
	return l->url.tls || (l->opt.proxy && strncasecmp(l->opt.proxy, "https://", 8) == 0);
}

static void forget_last_link(struct link *l)
{
	leave_multi(l);
	outbox_free(l->outbox);
	l->outbox = outbox_new(is_tls(l), link_random);
	reason_set(&l->reason, REASON_NONE, "%s", "");
	memset(&l->answer, 0, sizeof l->answer);
	memset(&l->utf8, 0, sizeof l->utf8);
	l->error[0] = '\0';
	l->in_message = l->readable = l->blocked = l->deaf = false;
	l->send_failed = l->close_received = false;
	l->frame_left = 0;
	l->receive_errors = 0;
	l->pings_seen = 0;
	l->close_by = l->suspect_until = CLOCK_NEVER;
}

void link_connect(
    struct link *l, const struct link_options *options, const struct headers *headers, int64_t now)
{
	const char *fault = url_parse(&l->url, options->url);

	l->opt = *options;
	forget_last_link(l);
	set_state(l, LINK_CONNECTING);
	l->connect_by =
	    l->opt.connect_timeout ? clock_add(now, l->opt.connect_timeout) : CLOCK_NEVER;
	bool reported = begin_report(l, headers);
	if (fault) {
		setup_failed(l, fault);
		return;
	}
	if (!reported || !l->outbox || !build_headers(l, headers) || !build_resolve(l)) {
		setup_failed(l, "out of memory");
		return;
	}
	CURLcode rc = set_all(l);
	if (rc == CURLE_OK && l->report)
		rc = set_report(l);
	if (rc != CURLE_OK) {
		setup_failed(l, curl_easy_strerror(rc));
		return;
	}
	if (curl_multi_add_handle(l->multi, l->easy) != CURLM_OK) {
		setup_failed(l, "libcurl does not take the connection");
		return;
	}
	l->added = true;
}

/* --- the probe --------------------------------------------------------- */

/*
 * Whether the report wants to know what the failed attempt could not tell: what is wrong with a
 * certificate that was not looked at any further, or whether a server that does not answer in
 * plaintext waits for TLS.
 */
static bool wants_probe(const struct link *l)
{
	const struct report *r = l->report;

	if (!r || l->probing || r->connected == 0)
		return false;
	if (l->url.tls)
		return l->reason.kind == REASON_UNTRUSTED && !*r->certificate.subject;
	if (*r->proxy && r->tunnelled == 0)
		return false;
	return l->reason.kind == REASON_TRUNCATED || l->reason.kind == REASON_NOT_WEBSOCKET ||
	       l->reason.kind == REASON_TIMED_OUT ||
	       (l->reason.kind == REASON_HTTP && l->reason.status == 400);
}

static CURLcode set_probe(struct link *l)
{
	char url[sizeof l->url.host + 32];
	bool ipv6 = strchr(l->url.host, ':') != NULL;
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
	    {CURLOPT_CONNECT_ONLY, 1}, /* the TLS handshake is the last that happens */
	    {CURLOPT_CERTINFO, 1},
	    {CURLOPT_SSL_VERIFYPEER, 0},
	    {CURLOPT_SSL_VERIFYHOST, 0},
	};
	CURLcode rc = set_all(l);

	snprintf(url, sizeof url, "wss://%s%s%s:%s/", ipv6 ? "[" : "", l->url.host, ipv6 ? "]" : "",
	    l->url.port);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(l->easy, CURLOPT_URL, url);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(l->easy, CURLOPT_HTTPHEADER, NULL);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(l->easy, CURLOPT_SSLCERT, NULL);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(l->easy, CURLOPT_SSLKEY, NULL);
	for (size_t i = 0; rc == CURLE_OK && i < sizeof numbers / sizeof *numbers; i++)
		rc = curl_easy_setopt(l->easy, numbers[i].option, numbers[i].value);
	return rc;
}

/* An attempt has failed, for l->reason. */
static void attempt_over(struct link *l, int64_t now)
{
	if (wants_probe(l)) {
		l->report->ended = clock_now_us() - l->began_us;
		leave_multi(l);
		l->probing = l->added = set_probe(l) == CURLE_OK &&
		                        curl_multi_add_handle(l->multi, l->easy) == CURLM_OK;
		bool is_there = l->url.tls && l->opt.connect_timeout;
		l->connect_by = now + (is_there ? l->opt.connect_timeout : LINK_PROBE_TIME);
	}
	if (!l->probing)
		go_down(l);
}

static void probe_done(struct link *l, CURLcode rc)
{
	if (rc == CURLE_OK && l->report) {
		l->report->speaks_tls = true;
		read_certificate(l);
	}
	go_down(l);
}

/* --- why an attempt failed --------------------------------------------- */

static const struct {
	CURLcode code;
	enum reason_kind kind;
} attempt_kinds[] = {
    {CURLE_COULDNT_RESOLVE_HOST, REASON_UNRESOLVED},
    {CURLE_COULDNT_RESOLVE_PROXY, REASON_PROXY},
    {CURLE_PROXY, REASON_PROXY},
    {CURLE_COULDNT_CONNECT, REASON_UNREACHABLE},
    {CURLE_OPERATION_TIMEDOUT, REASON_TIMED_OUT},
    {CURLE_HTTP_RETURNED_ERROR, REASON_HTTP},
    {CURLE_UNSUPPORTED_PROTOCOL, REASON_NOT_WEBSOCKET},
    {CURLE_WEIRD_SERVER_REPLY, REASON_NOT_WEBSOCKET},
    {CURLE_GOT_NOTHING, REASON_TRUNCATED},
    {CURLE_RECV_ERROR, REASON_TRUNCATED},
    {CURLE_SEND_ERROR, REASON_TRUNCATED},
    {CURLE_PARTIAL_FILE, REASON_TRUNCATED},
    {CURLE_PEER_FAILED_VERIFICATION, REASON_UNTRUSTED},
    {CURLE_SSL_CONNECT_ERROR, REASON_TLS},
    {CURLE_SSL_CERTPROBLEM, REASON_CERTIFICATE},
};

/* libcurl has one code for many TLS failures; what OpenSSL said tells them apart. */
static enum reason_kind tls_kind(const char *error, enum reason_kind otherwise)
{
	static const struct {
		const char *part;
		enum reason_kind kind;
	} table[] = {
	    /* What a server says whose connection was cut in the middle of our words. */
	    {"alert decode error", REASON_TRUNCATED},
	    {"alert certificate", REASON_CERTIFICATE},
	    {"alert bad certificate", REASON_CERTIFICATE},
	    {"alert unknown ca", REASON_CERTIFICATE},
	    {"alert handshake failure", REASON_TLS},
	    {"alert", REASON_TLS},
	    {"SSL_ERROR_SYSCALL", REASON_TRUNCATED},
	    {"unexpected eof", REASON_TRUNCATED},
	    {"reset by peer", REASON_TRUNCATED},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (strstr(error, table[i].part))
			return table[i].kind;
	}
	return otherwise;
}

static enum reason_kind attempt_kind(const struct link *l, CURLcode rc)
{
	for (size_t i = 0; i < sizeof attempt_kinds / sizeof *attempt_kinds; i++) {
		if (attempt_kinds[i].code != rc)
			continue;
		if (rc == CURLE_SSL_CONNECT_ERROR || rc == CURLE_RECV_ERROR)
			return tls_kind(l->error, attempt_kinds[i].kind);
		return attempt_kinds[i].kind;
	}
	return REASON_SETUP;
}

/* Where a redirect points, made absolute, and shown without what may be secret. */
static void describe_location(const struct link *l, char *out, size_t size)
{
	CURLU *u = curl_url();
	char *whole = NULL, shown[400];

	if (u && curl_url_set(u, CURLUPART_URL, l->opt.url, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_URL, l->answer.fields[FIELD_LOCATION],
	        CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
		(void)curl_url_get(u, CURLUPART_URL, &whole, 0);
	snprintf(out, size, " and pointed to %s",
	    url_display(shown, sizeof shown, whole ? whole : l->answer.fields[FIELD_LOCATION]));
	curl_free(whole);
	curl_url_cleanup(u);
}

static void describe_http(struct link *l, long status)
{
	curl_off_t wait = 0;
	const char *words = strchr(l->answer.status, ' ');
	char where[512] = "";

	if (l->answer.has[FIELD_LOCATION])
		describe_location(l, where, sizeof where);
	reason_set(&l->reason, REASON_HTTP, "the server answered HTTP %s instead of 101%s",
	    words ? words + 1 : "nothing known", where);
	l->reason.status = (int)status;
	if (curl_easy_getinfo(l->easy, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0 &&
	    wait < INT32_MAX)
		l->reason.retry_after = wait * 1000;
}

/* libcurl's own words, unless they quote a URL, which may have a password in it. */
static const char *what_was_said(const struct link *l, CURLcode rc)
{
	bool quotes = strchr(l->error, '@') || strstr(l->error, "://");

	return l->error[0] && !quotes ? l->error : curl_easy_strerror(rc);
}

static void describe_unreachable(struct link *l, const char *said)
{
	long os_error = 0;

	curl_easy_getinfo(l->easy, CURLINFO_OS_ERRNO, &os_error);
	reason_set(&l->reason, REASON_UNREACHABLE, "%s", os_error ? strerror((int)os_error) : said);
}

static void attempt_failed(struct link *l, CURLcode rc, int64_t now)
{
	long status = 0, proxy_status = 0;
	const char *said = what_was_said(l, rc);

	curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(l->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	enum reason_kind kind = attempt_kind(l, rc);
	if (proxy_status >= 300) {
		reason_set(&l->reason, REASON_PROXY, "the proxy answered HTTP %ld", proxy_status);
		l->reason.status = (int)proxy_status;
	} else if (kind == REASON_HTTP) {
		describe_http(l, status);
	} else if (kind == REASON_UNREACHABLE) {
		describe_unreachable(l, said);
	} else if (kind == REASON_TRUNCATED) {
		reason_set(
		    &l->reason, kind, "the server closed the connection during the handshake");
	} else if (kind == REASON_NOT_WEBSOCKET) {
		reason_set(&l->reason, kind, "what answered does not speak WebSocket (%s)", said);
	} else {
		reason_set(&l->reason, kind, "%s", said);
	}
	attempt_over(l, now);
}

static void attempt_timed_out(struct link *l, int64_t now)
{
	reason_set(&l->reason, REASON_TIMED_OUT, "timed out after %lld ms %s",
	    (long long)l->opt.connect_timeout, phase(l));
	attempt_over(l, now);
}

/* --- the 101 ----------------------------------------------------------- */

/* What libcurl calls a success may still be no WebSocket. */
static bool answer_is_good(struct link *l)
{
	const struct answer *a = &l->answer;
	long status = 0;

	curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 0 || !a->complete) {
		reason_set(&l->reason, REASON_TRUNCATED,
		    "the server closed the connection during the handshake");
		return false;
	}
	if (strncmp(a->status, "HTTP/1.1 ", 9) != 0) {
		reason_set(&l->reason, REASON_NOT_WEBSOCKET,
		    "what answered does not speak WebSocket (%.8s)", a->status);
		return false;
	}
	if (status != 101) {
		describe_http(l, status);
		return false;
	}
	const char *f[FIELD_COUNT];
	for (int i = 0; i < FIELD_COUNT; i++)
		f[i] = a->has[i] ? a->fields[i] : NULL;
	enum handshake_verdict verdict =
	    handshake_check(&(struct handshake_answer){.upgrade = f[FIELD_UPGRADE],
	                        .connection = f[FIELD_CONNECTION],
	                        .accept = f[FIELD_ACCEPT],
	                        .extensions = f[FIELD_EXTENSIONS],
	                        .protocol = f[FIELD_PROTOCOL]},
	        l->key, l->opt.subprotocol);
	if (verdict != HANDSHAKE_OK) {
		reason_set(&l->reason, REASON_NOT_WEBSOCKET, "%s", handshake_text(verdict));
		return false;
	}
	return true;
}

static void send_ping(struct link *l)
{
	unsigned long payload = l->pings_seen + 1;

	outbox_ping(l->outbox, &payload, sizeof payload);
}

static void open_reported(struct link *l)
{
	l->report->open = clock_now_us() - l->began_us;
	curl_easy_setopt(l->easy, CURLOPT_VERBOSE, 0L);
	send_ping(l);
}

static void attempt_done(struct link *l, CURLcode rc, int64_t now)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (rc != CURLE_OK) {
		attempt_failed(l, rc, now);
		return;
	}
	if (!answer_is_good(l)) {
		attempt_over(l, now);
		return;
	}
	curl_easy_getinfo(l->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (fd == CURL_SOCKET_BAD) {
		reason_set(&l->reason, REASON_TRUNCATED,
		    "the server closed the connection during the handshake");
		go_down(l);
		return;
	}
	l->fd = fd;
	sock_bound_unsent(l->fd);
	if (!is_tls(l))
		sock_clamp_receive(l->fd);
	keepalive_begin(&l->keepalive, l->opt.ping_interval, l->opt.ping_timeout, now);
	l->readable = true; /* frames may have come with the 101 */
	set_state(l, LINK_OPEN);
	if (l->report)
		open_reported(l);
}

static void drive_attempt(struct link *l, int64_t now)
{
	int running = 0, left = 0;
	CURLMcode rc = curl_multi_perform(l->multi, &running);

	if (rc != CURLM_OK) {
		setup_failed(l, curl_multi_strerror(rc));
		return;
	}
	CURLMsg *msg = curl_multi_info_read(l->multi, &left);
	bool done = msg && msg->msg == CURLMSG_DONE;
	CURLcode result = done ? msg->data.result : CURLE_OPERATION_TIMEDOUT;
	if (l->report && !l->probing)
		update_report(l);
	if (!done && now < l->connect_by)
		return;
	if (l->probing)
		probe_done(l, result);
	else if (done)
		attempt_done(l, result, now);
	else
		attempt_timed_out(l, now);
}

/* --- writing ----------------------------------------------------------- */

static void note_pings(struct link *l, int64_t now)
{
	unsigned long sent = outbox_pings_sent(l->outbox);

	if (sent == l->pings_seen)
		return;
	l->pings_seen = sent;
	l->ping_left_us = clock_now_us();
	keepalive_ping_left(&l->keepalive, now);
}

/* The peer may have said why it stopped taking: whatever it sent is still to be read. */
static void writing_failed(struct link *l, int64_t now)
{
	l->send_failed = true;
	l->readable = true;
	l->close_by = clock_min(l->close_by, now + CLOSE_WAIT);
}

static void write_out(struct link *l, int64_t now)
{
	const unsigned char *run;
	size_t len, moved = 0;

	l->blocked = false;
	while (moved < WRITE_BUDGET && (run = outbox_run(l->outbox, &len)) != NULL) {
		size_t n = 0;
		CURLcode rc = curl_easy_send(l->easy, run, len, &n);
		if (n > 0)
			outbox_accepted(l->outbox, n);
		moved += n;
		if (rc == CURLE_AGAIN || (rc == CURLE_OK && n == 0)) {
			l->blocked = true;
			break;
		}
		if (rc != CURLE_OK) {
			writing_failed(l, now);
			break;
		}
	}
	l->stats.bytes_out += moved;
	keepalive_output(&l->keepalive, l->blocked, moved > 0, now);
	if (moved > 0 && l->state == LINK_CLOSING && !l->send_failed)
		l->close_by = now + CLOSE_WAIT;
	note_pings(l, now);
}

static bool is_up(const struct link *l)
{
	return l->state == LINK_OPEN || l->state == LINK_CLOSING;
}

void link_flush(struct link *l, int64_t now)
{
	if (is_up(l) && !l->blocked && !l->send_failed && outbox_pending(l->outbox))
		write_out(l, now);
}

void link_put(struct link *l, struct message *m)
{
	l->stats.messages_out++;
	outbox_put(l->outbox, m);
}

bool link_has_room(const struct link *l)
{
	return l->state == LINK_OPEN && l->suspect_until == CLOCK_NEVER &&
	       outbox_waiting(l->outbox) < ROOM_MARK;
}

struct message *link_reclaim(struct link *l)
{
	return l->outbox ? outbox_reclaim(l->outbox) : NULL;
}

/* --- closing ----------------------------------------------------------- */

static void begin_closing(struct link *l, unsigned code, const char *reason, bool last, int64_t now)
{
	outbox_close(l->outbox, code, reason, last);
	l->close_by = now + CLOSE_WAIT;
	set_state(l, LINK_CLOSING);
	link_flush(l, now);
}

void link_close(struct link *l, unsigned code, const char *reason, bool last, int64_t now)
{
	if (l->state == LINK_CONNECTING) {
		if (!l->probing)
			reason_set(&l->reason, REASON_STOPPED, "stopped while connecting");
		go_down(l);
	} else if (l->state == LINK_OPEN) {
		reason_set(&l->reason, REASON_STOPPED, "closed by us");
		begin_closing(l, code, reason, last, now);
	}
}

/* The peer broke the rules: say so, and do not believe another byte. */
static void violated(struct link *l, unsigned code, const char *what, int64_t now)
{
	bool utf8 = code == CLOSE_NOT_UTF8;

	intake_drop(&l->intake);
	l->in_message = false;
	l->deaf = true;
	l->readable = false;
	reason_set(&l->reason, utf8 ? REASON_NOT_UTF8 : REASON_VIOLATION, "%s (closed with %u)",
	    what, code);
	begin_closing(l, code, utf8 ? "text is not UTF-8" : "protocol error", false, now);
}

static void close_came(struct link *l, const unsigned char *body, size_t len, int64_t now)
{
	unsigned code = CLOSE_NO_CODE;
	struct utf8 utf8 = {0};

	if (len == 1) {
		violated(l, CLOSE_PROTOCOL_ERROR, "a close frame with one byte", now);
		return;
	}
	if (len >= 2) {
		code = (unsigned)body[0] << 8 | body[1];
		if (!frame_close_code_valid(code)) {
			violated(l, CLOSE_PROTOCOL_ERROR,
			    "a close frame with a code that must not be sent", now);
			return;
		}
		if (!utf8_feed(&utf8, body + 2, len - 2) || !utf8_complete(&utf8)) {
			violated(l, CLOSE_NOT_UTF8, "a close reason that is not UTF-8", now);
			return;
		}
	}
	l->close_received = true;
	intake_drop(&l->intake);
	l->in_message = false;
	if (l->reason.kind == REASON_NONE) {
		char text[FRAME_CONTROL_MAX + 1] = "";
		if (len > 2)
			snprintf(text, sizeof text, "%.*s", (int)(len - 2), (const char *)body + 2);
		reason_set(&l->reason, REASON_CLOSED, "the server closed the connection (%u%s%s)",
		    code, *text ? ": " : "", text);
		l->reason.close_code = (int)code;
	}
	begin_closing(l, len >= 2 ? code : 0, NULL, false, now);
}

/* --- reading ----------------------------------------------------------- */

static void pong_came(struct link *l, size_t len)
{
	if (len != sizeof l->pings_seen || memcmp(l->control, &l->pings_seen, len) != 0)
		return; /* unsolicited or late: alive, but no measure */
	l->stats.ping_rtt_us = clock_now_us() - l->ping_left_us;
	if (l->report && l->report->ping < 0)
		l->report->ping = l->stats.ping_rtt_us;
}

/* A control frame may come in pieces; PONG must carry the whole payload of its PING. */
static void control_came(struct link *l, const unsigned char *bytes, size_t n,
    const struct curl_ws_frame *meta, int64_t now)
{
	size_t at = (size_t)meta->offset;

	if (at > sizeof l->control || n > sizeof l->control - at) {
		violated(l, CLOSE_PROTOCOL_ERROR, "a control frame over 125 bytes", now);
		return;
	}
	memmove(l->control + at, bytes, n);
	if (meta->bytesleft > 0)
		return;
	if (meta->flags & CURLWS_CLOSE)
		close_came(l, l->control, at + n, now);
	else if (meta->flags & CURLWS_PING)
		outbox_pong(l->outbox, l->control, at + n);
	else
		pong_came(l, at + n);
}

/* Returns a message when this piece completed one. */
static struct message *data_came(struct link *l, const unsigned char *bytes, size_t n, bool direct,
    const struct curl_ws_frame *meta, int64_t now)
{
	bool lost = false;

	if (!l->in_message) {
		l->in_message = true;
		l->is_text = (meta->flags & CURLWS_TEXT) != 0;
		l->utf8 = (struct utf8){0};
	}
	l->frame_left = (size_t)meta->bytesleft;
	bool end = meta->bytesleft == 0 && !(meta->flags & CURLWS_CONT);
	if (l->is_text && (!utf8_feed(&l->utf8, bytes, n) || (end && !utf8_complete(&l->utf8)))) {
		violated(l, CLOSE_NOT_UTF8, "a text message that is not UTF-8", now);
		return NULL;
	}
	if (!direct)
		intake_expect(&l->intake, n + l->frame_left);
	if (direct)
		intake_commit(&l->intake, n);
	else
		intake_write(&l->intake, bytes, n);
	if (!end)
		return NULL;
	l->in_message = false;
	struct message *m = intake_end(&l->intake, &lost);
	if (m)
		l->stats.messages_in++;
	else if (lost)
		log_warning("a message from the server was dropped: out of memory");
	else
		l->stats.dropped_empty++;
	return m;
}

static void input_ended(struct link *l)
{
	if (l->reason.kind == REASON_NONE)
		reason_set(&l->reason, REASON_LOST,
		    "the connection ended without a close frame%s%s%s%s",
		    l->in_message ? ", in the middle of a message" : "", l->error[0] ? " (" : "",
		    l->error, l->error[0] ? ")" : "");
	go_down(l);
}

static void receive_failed(struct link *l, CURLcode rc, int64_t now)
{
	if (rc == CURLE_AGAIN) {
		l->readable = false;
	} else if (rc == CURLE_BAD_FUNCTION_ARGUMENT) {
		/* No WebSocket behind the handle: the handshake did not really end. */
		reason_set(&l->reason, REASON_TRUNCATED,
		    "the server closed the connection during the handshake");
		go_down(l);
	} else if (rc == CURLE_RECV_ERROR && strncmp(l->error, "[WS]", 4) == 0) {
		if (l->close_received) {
			/* Whatever follows a close frame is waste, garbage or not. */
			l->deaf = true;
			l->readable = false;
			return;
		}
		violated(
		    l, CLOSE_PROTOCOL_ERROR, "a frame that breaks the WebSocket protocol", now);
	} else if (++l->receive_errors >= 2) {
		/* After a first error whole frames may still be in libcurl's buffer. */
		input_ended(l);
	}
}

/* One curl_ws_recv. Mid-frame it goes straight into the message. */
static struct message *receive_piece(struct link *l, size_t *budget, int64_t now)
{
	unsigned char *to = l->scratch;
	size_t room = sizeof l->scratch, n = 0;
	const struct curl_ws_frame *meta = NULL;
	bool direct = l->in_message && l->frame_left > 0;

	if (direct)
		to = intake_room(
		    &l->intake, l->frame_left < DIRECT_MAX ? l->frame_left : DIRECT_MAX, &room);
	l->error[0] = '\0';
	CURLcode rc = curl_ws_recv(l->easy, to, room, &n, &meta);
	if (rc != CURLE_OK) {
		receive_failed(l, rc, now);
		return NULL;
	}
	l->receive_errors = 0;
	l->stats.bytes_in += n;
	*budget -= n < *budget ? n : *budget;
	keepalive_heard(&l->keepalive, now);
	l->suspect_until = CLOCK_NEVER;
	if (l->close_received)
		return NULL; /* nothing counts after a close frame (RFC 6455, section 5.5.1) */
	if (meta->flags & (CURLWS_CLOSE | CURLWS_PING | CURLWS_PONG)) {
		control_came(l, to, n, meta, now);
		return NULL;
	}
	return data_came(l, to, n, direct, meta, now);
}

struct message *link_receive(struct link *l, int64_t now)
{
	size_t budget = RECEIVE_BUDGET;
	struct message *m = NULL;
	int pieces = 0;

	/* Tiny frames cost calls, not bytes: both are bounded, so that no peer holds the loop. */
	while (!m && l->readable && is_up(l) && budget > 0 && pieces++ < 4096)
		m = receive_piece(l, &budget, now);
	return m;
}

int64_t link_rest(struct link *l, int64_t now)
{
	return intake_rest(&l->intake, now);
}

/* --- the loop ---------------------------------------------------------- */

static size_t prepare_attempt(struct link *l, struct pollfd *fds, size_t max)
{
	struct curl_waitfd wait[LINK_POLL_MAX];
	unsigned count = 0;

	if (max > LINK_POLL_MAX)
		max = LINK_POLL_MAX;
	if (curl_multi_waitfds(l->multi, wait, (unsigned)max, &count) != CURLM_OK)
		return 0; /* too many for the slots: libcurl's timer goes on */
	for (unsigned i = 0; i < count; i++) {
		short events = 0;
		if (wait[i].events & CURL_WAIT_POLLIN)
			events |= POLLIN;
		if (wait[i].events & CURL_WAIT_POLLOUT)
			events |= POLLOUT;
		fds[i] = (struct pollfd){.fd = wait[i].fd, .events = events};
	}
	return count;
}

size_t link_prepare(struct link *l, struct pollfd *fds, size_t max, bool want_read, int64_t now)
{
	short events = 0;

	if (l->state == LINK_CONNECTING)
		return prepare_attempt(l, fds, max);
	if (!is_up(l) || max == 0)
		return 0;
	keepalive_reading(&l->keepalive, want_read || l->deaf, now);
	if (want_read || l->deaf)
		events |= POLLIN;
	if (l->blocked && !l->send_failed)
		events |= POLLOUT;
	if (events == 0)
		return 0;
	fds[0] = (struct pollfd){.fd = l->fd, .events = events};
	return 1;
}

int64_t link_deadline(const struct link *l, int64_t now)
{
	if (l->state == LINK_CONNECTING) {
		long ms = -1;
		curl_multi_timeout(l->multi, &ms);
		return clock_min(l->connect_by, ms < 0 ? CLOCK_NEVER : now + ms);
	}
	if (!is_up(l))
		return CLOCK_NEVER;
	if (l->readable && l->keepalive.paused_since < 0)
		return now;
	if (!l->blocked && !l->send_failed && outbox_pending(l->outbox))
		return now;
	if (l->state == LINK_CLOSING)
		return l->close_by;
	return clock_min(
	    clock_min(l->close_by, l->suspect_until), keepalive_deadline(&l->keepalive));
}

/* Returns true if the socket is ready in any way. */
static bool look_at_events(struct link *l, const struct pollfd *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i].fd != l->fd || fds[i].revents == 0)
			continue;
		/* Over TLS either direction may wait for the other: any event is a chance for both. */
		if (fds[i].revents & (POLLIN | POLLERR | POLLHUP) || is_tls(l))
			l->readable = !l->deaf;
		return true;
	}
	return false;
}

/* Bytes that came are life, also those that we had no time to read before the clock was looked at. */
static bool has_come(const struct link *l, const struct pollfd *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i].fd == l->fd && fds[i].revents & POLLIN)
			return true;
	}
	return false;
}

void link_suspect(struct link *l, int64_t wait, int64_t now)
{
	/* While we do not read, an answer could not be heard. */
	if (l->state != LINK_OPEN || l->keepalive.paused_since >= 0)
		return;
	l->suspect_until = now + wait;
	/* What was due while nobody looked proves nothing: the wait decides. */
	keepalive_begin(&l->keepalive, l->opt.ping_interval, l->opt.ping_timeout, now);
	send_ping(l);
}

static void keep_alive(struct link *l, int64_t now)
{
	enum keepalive_verdict verdict = keepalive_check(&l->keepalive, now);

	if (now >= l->suspect_until)
		verdict = KEEPALIVE_DEAD;
	switch (verdict) {
	case KEEPALIVE_PING:
		send_ping(l);
		break;
	case KEEPALIVE_DEAD:
		if (l->reason.kind == REASON_NONE)
			reason_set(&l->reason, REASON_SILENT,
			    "nothing was heard from the server for %lld ms",
			    (long long)(now - l->keepalive.heard));
		go_down(l);
		break;
	case KEEPALIVE_FINE:
		break;
	}
}

/* The closing handshake is over when both close frames went and the peer has hung up. */
static void finish_closing(struct link *l, bool ready, int64_t now)
{
	bool sent = outbox_close_sent(l->outbox);

	/* What the peer said before it stopped taking waits for a slow host as everything does. */
	if (l->send_failed && !l->close_received && l->keepalive.paused_since >= 0)
		l->close_by = now + CLOSE_WAIT;
	if (l->deaf && sent)
		sock_shut_write(l->fd);
	if (l->deaf && ready && !sock_drain(l->fd))
		go_down(l);
	else if (now >= l->close_by)
		go_down(l);
}

void link_process(struct link *l, const struct pollfd *fds, size_t count, int64_t now)
{
	if (l->state == LINK_CONNECTING)
		drive_attempt(l, now);
	if (!is_up(l))
		return;
	bool ready = look_at_events(l, fds, count);
	if (l->state == LINK_OPEN && !has_come(l, fds, count))
		keep_alive(l, now);
	if (!is_up(l))
		return;
	if (ready)
		l->blocked = false;
	link_flush(l, now);
	if (l->state == LINK_CLOSING || l->send_failed)
		finish_closing(l, ready, now);
}
