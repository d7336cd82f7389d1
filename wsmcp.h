/*
 * libwsmcp: a client for MCP servers that speak WebSocket.
 *
 * Build with: cc program.c $(pkg-config --cflags --libs wsmcp)
 *
 *	struct wsmcp *w;
 *	char *result = NULL;
 *
 *	if (wsmcp_open(&w, "my-server", NULL) == WSMCP_OK && wsmcp_connect(w, -1) == WSMCP_OK &&
 *	    wsmcp_call_tool(w, "echo", "{\"message\":\"hello\"}", -1, &result) == WSMCP_OK)
 *		puts(result);
 *	else
 *		fprintf(stderr, "%s: %s\n", wsmcp_error_type(w), wsmcp_error(w));
 *	free(result);
 *	wsmcp_close(w);
 *
 * A session goes on over lost connections as the bridge's does: what the server must hear again is told again,
 * what is safe to repeat is repeated, a tools/call is never sent twice.
 *
 * Texts are UTF-8 and NUL-terminated, JSON texts hold one value. Times are milliseconds. What a function
 * gives in a char ** was allocated with malloc and is the caller's to free(). Strings and structures
 * that a function takes need to live as long as the call, unless it says otherwise.
 *
 * A handle is used by one thread at a time; different handles are independent, once
 * wsmcp_open has returned in one thread. SIGPIPE is to be ignored by the program, or handled. No
 * function may be called in a signal handler. The library itself prints nothing.
 *
 * A callback may begin, cancel and answer (wsmcp_start_*, wsmcp_cancel, wsmcp_notify, wsmcp_answer,
 * wsmcp_refuse), but not block: blocking calls fail in it, wsmcp_disconnect and wsmcp_close do
 * nothing.
 */
#ifndef WSMCP_H
#define WSMCP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default) /* of the library nothing else can be seen */
#endif

/* How something ended. The numbers are the exit statuses of the program. */
enum wsmcp_status {
	WSMCP_OK = 0,
	WSMCP_TOOL_ERROR =
	    1, /* unknown tool, wrong argument, a JSON-RPC error, a result with isError */
	WSMCP_WRONG_USAGE =
	    2, /* the call itself is wrong: text that is no JSON, a URL that is none */
	WSMCP_CONFIGURATION_ERROR =
	    3,                      /* unknown server, bad file, unset variable, refused header */
	WSMCP_CONNECTION_ERROR = 4, /* no connection, a lost one, or no answer in time */
	WSMCP_DEPENDENCY_ERROR = 5, /* a libcurl without WebSocket or too old */
	WSMCP_CANCELLED = 6,        /* by wsmcp_cancel or wsmcp_close */
	WSMCP_NO_MEMORY = 7
};

/* --- how to connect ------------------------------------------------------------------------- */

struct wsmcp_list {
	const char **items;
	size_t count;
};

/* Which generation of MCP is spoken. */
enum wsmcp_protocol {
	WSMCP_PROTOCOL_AUTO,   /* initialize, and server/discover if that fails */
	WSMCP_PROTOCOL_LEGACY, /* with initialize: 2024-11-05 to 2025-11-25 */
	WSMCP_PROTOCOL_MODERN  /* with server/discover: 2026-07-28 */
};

/* Which requests are sent again after a lost connection. */
enum wsmcp_resend { WSMCP_RESEND_SAFE, WSMCP_RESEND_NONE };

/*
 * The options of the command line, by the same names; --help and the manual page tell more. To be filled by
 * wsmcp_options_init first. NULL = not given, times in ms, sizes in bytes.
 */
struct wsmcp_options {
	struct wsmcp_list headers; /* "Name: value", or "@FILE" with one a line */
	const char *bearer_env; /* the variable whose value goes behind "Authorization: Bearer " */
	struct wsmcp_list header_env; /* "NAME=VARIABLE" */
	const char *header_command;
	const char
	    *subprotocol; /* comma-separated; NULL = the configured one, else mcp; "" = none */
	const char *cacert, *cert, *key, *proxy, *noproxy, *unix_socket;
	struct wsmcp_list resolve; /* "HOST:PORT:ADDRESS" */
	bool insecure;
	int64_t connect_timeout; /* 10 000; 0 = none */
	int64_t offline_timeout; /* 20 000; 0 = do not wait; -1 = until an attempt fails */
	int64_t request_timeout; /* -1 = the configured one, else none; 0 = none */
	int64_t ping_interval;   /* 20 000; 0 = no pings */
	int64_t ping_timeout;    /* 20 000; 0 = never dead */
	int64_t retry_delay_max; /* 30 000; at least 1 */
	bool no_reconnect;
	int resend;                      /* enum wsmcp_resend */
	uint64_t max_message, max_reply; /* 64 MiB */
	const char *trace;               /* a file that gets every message */
	const char *config;              /* read this file only */
	struct wsmcp_list trust_project; /* directories whose configuration may be used */
	struct wsmcp_list roots;         /* directories told to a server that asks for roots */
	int protocol;                    /* enum wsmcp_protocol */
	bool report;                     /* see wsmcp_report */
};

void wsmcp_options_init(struct wsmcp_options *options);

/* --- servers that are configured ------------------------------------------------------------ */

struct wsmcp_server {
	char *name;
	char *url;           /* without its secrets: for people, not for connecting */
	char *file;          /* that names it */
	char **header_names; /* never values */
	size_t header_count;
};

/*
 * The configured server that ${pattern} means: of exactly this name, or the only one with it in its name. With
 * ${options} (NULL = defaults) for config and trust_project. Sets ${*out}, to be freed with wsmcp_server_free; on failure
 * NULL, with ${error} (${size} bytes) filled.
 */
enum wsmcp_status wsmcp_find_server(struct wsmcp_server **out, const char *pattern,
    const struct wsmcp_options *options, char *error, size_t size);
void wsmcp_server_free(struct wsmcp_server *server); /* NULL is fine */

/* --- a client ------------------------------------------------------------------------------- */

struct wsmcp;

/*
 * Prepares a client of ${target}, a ws:// or wss:// URL or the name of a configured server. Nothing is
 * sent yet. ${options} (NULL = defaults) are copied, the strings they point to are not: those
 * must outlive the client. ${*client} is a handle also after an error, so that wsmcp_error can tell it (NULL only if memory is
 * out); wsmcp_close frees it.
 */
enum wsmcp_status wsmcp_open(
    struct wsmcp **client, const char *target, const struct wsmcp_options *options);

/* Disconnects (wsmcp_disconnect) and frees the client. NULL is fine. */
void wsmcp_close(struct wsmcp *w);

/* What went wrong last, one sentence without secrets; "" if nothing did. Lives until the next call. */
const char *wsmcp_error(const struct wsmcp *w);

/*
 * Its kind: "ToolError", "UsageError", "ConfigurationError", "ConnectionError", "DependencyError", "Cancelled" or "OutOfMemory"; ""
 * if none. Static.
 */
const char *wsmcp_error_type(const struct wsmcp *w);

/* The JSON-RPC error object of it as the server sent it; NULL if it was none. Lives until the next call. */
const char *wsmcp_error_object(const struct wsmcp *w);

/* --- blocking calls ------------------------------------------------------------------------- */

/*
 * Each returns when it is done, or after ${timeout} ms with WSMCP_CONNECTION_ERROR, the request then
 * cancelled at the server. -1 = what the options say: request_timeout for a request, 30 000 for connecting and lists. While one
 * waits, the callbacks below are called. None may be called from a callback.
 */

/*
 * Connects and agrees on a protocol: initialize with 2025-11-25, any older version that the server answers
 * taken; if it answers with an error or closes, server/discover and 2026-07-28. A second call does nothing. Whatever
 * goes wrong up to here is a WSMCP_CONNECTION_ERROR, and nothing is left of the connection.
 */
enum wsmcp_status wsmcp_connect(struct wsmcp *w, int64_t timeout);

/* All pages of tools/list as one JSON array of tools. */
enum wsmcp_status wsmcp_list_tools(struct wsmcp *w, int64_t timeout, char **tools);

/*
 * All pages of a list as one JSON array: ${method} "resources/list", ${member} "resources", and so on. At most
 * 1 000 pages and 64 MiB; a list that never ends is a WSMCP_TOOL_ERROR.
 */
enum wsmcp_status wsmcp_list(
    struct wsmcp *w, const char *method, const char *member, int64_t timeout, char **items);

/*
 * Calls a tool with ${arguments}, a JSON object (NULL = none). ${*result} gets the result object as the
 * server sent it; with its "isError" true the status is WSMCP_TOOL_ERROR, and there is a result all the same. A
 * tool that must run as a task runs as one, and its result is fetched (of a server that declares such tools, tools/list is asked for first). A
 * server of 2026-07-28 that needs input gets it by the callbacks below.
 */
enum wsmcp_status wsmcp_call_tool(
    struct wsmcp *w, const char *tool, const char *arguments, int64_t timeout, char **result);

/*
 * Sends any request; ${params} is a JSON object or array (NULL = none). ${*result} gets its result. What the protocol wants in
 * "_meta" is added there, unless params have it. subscriptions/listen has no timeout.
 */
enum wsmcp_status wsmcp_request(
    struct wsmcp *w, const char *method, const char *params, int64_t timeout, char **result);

/* Sends a notification: it has left, or waits for a connection, when this returns. */
enum wsmcp_status wsmcp_notify(struct wsmcp *w, const char *method, const char *params);

/* Cancels what is in flight and closes the connection, one second at most. wsmcp_connect begins anew. */
void wsmcp_disconnect(struct wsmcp *w);

/* --- what the server says unasked ------------------------------------------------------------ */

enum wsmcp_event {
	WSMCP_EVENT_LOST, /* the connection is gone, and being made again; the text says why */
	WSMCP_EVENT_BACK, /* it is there again */
	WSMCP_EVENT_LOG   /* something for a log: an attempt that failed, and why */
};

/* All may be NULL. They are called from within calls of this library, in the same thread. */
struct wsmcp_callbacks {
	void *context; /* first argument of each */

	/* A notification; ${params} is a JSON text or NULL. Progress of calls comes as progress. */
	void (*notification)(void *context, const char *method, const char *params);

	/*
	 * Progress of a call: ${call} as given by wsmcp_start, 0 for a blocking call. ${total} is
	 * negative if not known, ${message} may be NULL.
	 */
	void (*progress)(
	    void *context, int64_t call, double progress, double total, const char *message);

	/*
	 * The server asks the user something ("elicitation/create") or a model ("sampling/createMessage"). To be
	 * answered once, now or later, with wsmcp_answer or wsmcp_refuse and ${ticket}. A callback that is
	 * NULL is a capability that is not declared; such a request is refused. ${params} is a JSON text. At
	 * most 1 000 tickets are open, further requests are refused.
	 */
	void (*elicit)(void *context, int64_t ticket, const char *params);
	void (*sample)(void *context, int64_t ticket, const char *params);

	/* A request that was handed to elicit or sample is not wanted any more: its ticket is void. */
	void (*withdrawn)(void *context, int64_t ticket);

	void (*event)(void *context, enum wsmcp_event event, const char *text);

	/* Every message as it was, ${len} bytes, not NUL-terminated. It must not connect. */
	void (*message)(void *context, bool to_server, const char *text, size_t len);
};

/* To be set before wsmcp_connect. Copied. */
void wsmcp_set_callbacks(struct wsmcp *w, const struct wsmcp_callbacks *callbacks);

/*
 * Answers a request of the server with a result (a JSON object), or with a JSON-RPC error. A void ticket is fine. In 2026-07-28 no
 * error can be told; to refuse ends the call that needed the answer.
 */
enum wsmcp_status wsmcp_answer(struct wsmcp *w, int64_t ticket, const char *result);
enum wsmcp_status wsmcp_refuse(struct wsmcp *w, int64_t ticket, int code, const char *message);

/* --- for programs with a loop of their own --------------------------------------------------- */

/*
 * The end of what wsmcp_start began: ${result} is a JSON text, NULL unless ${status} is WSMCP_OK, or WSMCP_TOOL_ERROR for a tool's
 * isError; wsmcp_error tells more. Called once, not from within wsmcp_start.
 */
typedef void wsmcp_done(void *context, enum wsmcp_status status, const char *result);

/*
 * Each begins what the blocking call of its name does and returns a number for it, at least 1, or 0
 * if that is not possible (wsmcp_error says why). At most 10 000 are in flight.
 */
int64_t wsmcp_start_connect(struct wsmcp *w, int64_t timeout, wsmcp_done *done, void *context);
int64_t wsmcp_start_list(struct wsmcp *w, const char *method, const char *member, int64_t timeout,
    wsmcp_done *done, void *context);
int64_t wsmcp_start_call_tool(struct wsmcp *w, const char *tool, const char *arguments,
    int64_t timeout, wsmcp_done *done, void *context);
int64_t wsmcp_start_request(struct wsmcp *w, const char *method, const char *params,
    int64_t timeout, wsmcp_done *done, void *context);

/*
 * Ends it with WSMCP_CANCELLED (its end is told in wsmcp_process, as every other), and tells the server (notifications/cancelled, or tasks/cancel for a task). Its
 * number may be one that has ended; 0 = the blocking call that waits, which may be cancelled from a callback.
 */
void wsmcp_cancel(struct wsmcp *w, int64_t call);

/* Most slots that wsmcp_fds fills. */
#define WSMCP_POLL_MAX 24

/*
 * Fills ${fds} (${max} slots) for poll and returns how many; ${*timeout} gets the longest time to wait, as poll takes it (-1 =
 * for ever). Then wsmcp_process does what can be done without blocking, and calls callbacks. Both belong into each
 * turn of the loop: what anything else of the library has begun shows in them.
 */
size_t wsmcp_fds(struct wsmcp *w, struct pollfd *fds, size_t max, int *timeout);
void wsmcp_process(struct wsmcp *w, const struct pollfd *fds, size_t count);

/* --- what is known --------------------------------------------------------------------------- */

/* All live until the next call with the same client. */
const char *wsmcp_name(const struct wsmcp *w); /* the configured name, "" for a URL */
const char *wsmcp_url(const struct wsmcp *w);  /* without secrets */

/* Of a connected client: the version spoken, and what the server said of itself as a JSON object: "serverInfo",
 * "capabilities", "instructions" as in the result of initialize. NULL before. */
const char *wsmcp_protocol_version(const struct wsmcp *w);
const char *wsmcp_server_result(const struct wsmcp *w);

/*
 * What the last attempt to connect has found so far, for people who ask why it does not work:
 *	{"url": "wss://...", "headers": ["Authorization"],
 *	 "proxy": "http://...", "proxy_variable": "https_proxy",
 *	 "steps": [{"step": "dns", "ok": true, "ms": 1.234, "detail": "..."}, ...],
 *	 "failed": "tls", "error": "...", "cause": "...", "ping_ms": 0.345}
 * of which only "url", "headers" and "steps" are always there. Steps are setup, dns, tcp, proxy,
 * tls, http and subprotocol, as far as it came; "failed" may also be "link", one that was open and
 * was lost. No secrets. NULL before the first attempt, and without the option report, which costs a
 * little: a PING once connected, and sometimes a second TLS handshake after a failed one. Lives
 * until the next call.
 */
const char *wsmcp_report(struct wsmcp *w);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
