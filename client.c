#include "handle.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "clock.h"
#include "diagnosis.h"
#include "envelope.h"
#include "json.h"
#include "listener.h"

#define ENOUGH   30000 /* ms for connecting and lists */
#define FAREWELL 1000  /* ms for a closing handshake */

_Static_assert(CONNECTION_POLL_MAX <= WSMCP_POLL_MAX, "every slot of a connection fits");

/* --- errors ------------------------------------------------------------ */

static void clear_error(struct wsmcp *w)
{
	free(w->error);
	free(w->error_object);
	w->error = w->error_object = NULL;
	w->status = WSMCP_OK;
}

static PRINTF_LIKE(3, 4) enum wsmcp_status
    fail(struct wsmcp *w, enum wsmcp_status status, const char *format, ...)
{
	char text[CALL_ERROR_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	clear_error(w);
	w->error = strdup(text);
	w->status = status;
	return status;
}

static enum wsmcp_status no_memory(struct wsmcp *w)
{
	return fail(w, WSMCP_NO_MEMORY, "out of memory");
}

const char *wsmcp_error(const struct wsmcp *w)
{
	if (w && w->status == WSMCP_OK)
		return "";
	return w && w->error ? w->error : "out of memory";
}

const char *wsmcp_error_type(const struct wsmcp *w)
{
	static const char *const names[] = {
	    [WSMCP_OK] = "",
	    [WSMCP_TOOL_ERROR] = "ToolError",
	    [WSMCP_WRONG_USAGE] = "UsageError",
	    [WSMCP_CONFIGURATION_ERROR] = "ConfigurationError",
	    [WSMCP_CONNECTION_ERROR] = "ConnectionError",
	    [WSMCP_DEPENDENCY_ERROR] = "DependencyError",
	    [WSMCP_CANCELLED] = "Cancelled",
	    [WSMCP_NO_MEMORY] = "OutOfMemory",
	};

	return names[w ? w->status : WSMCP_NO_MEMORY];
}

const char *wsmcp_error_object(const struct wsmcp *w)
{
	return w ? w->error_object : NULL;
}

/* --- life -------------------------------------------------------------- */

/* Relative ones would mean another directory once the program has changed its own. */
static enum wsmcp_status resolve_roots(struct wsmcp *w)
{
	const struct wsmcp_list *list = &w->options.roots;

	w->roots = calloc(list->count + 1, sizeof *w->roots);
	if (!w->roots)
		return no_memory(w);
	for (size_t i = 0; i < list->count; i++) {
		w->roots[i] = realpath(list->items[i], NULL);
		if (!w->roots[i])
			return fail(w, WSMCP_CONFIGURATION_ERROR, "the root %s: %s", list->items[i],
			    strerror(errno));
	}
	return WSMCP_OK;
}

static void tap(void *context, bool to_server, const struct message *m)
{
	struct wsmcp *w = context;

	if (!w->callbacks.message)
		return;
	w->inside++;
	w->tapping = true;
	w->callbacks.message(
	    w->callbacks.context, to_server, (const char *)m->text.data, m->text.len);
	w->tapping = false;
	w->inside--;
}

/* Request timeouts are ours: they are of what the program wants, not of each request for it. */
static void make_plan(struct wsmcp *w)
{
	target_connection(w->target, &w->plan);
	w->request_timeout = w->plan.request_timeout > 0 ? w->plan.request_timeout : CLOCK_NEVER;
	w->plan.request_timeout = 0;
	w->plan.once = w->options.offline_timeout < 0;
	if (w->plan.once)
		w->plan.offline_timeout = CLOCK_NEVER;
	w->plan.tap = tap;
	w->plan.tap_context = w;
}

static enum wsmcp_status open_target(struct wsmcp *w, const char *target)
{
	char error[TARGET_ERROR_SIZE];
	enum wsmcp_status status = target_open(&w->target, target, &w->options, error);

	if (status != WSMCP_OK)
		return fail(w, status, "%s", error);
	make_plan(w);
	return resolve_roots(w);
}

enum wsmcp_status wsmcp_open(
    struct wsmcp **client, const char *target, const struct wsmcp_options *options)
{
	struct wsmcp *w = calloc(1, sizeof *w);

	*client = w;
	if (!w)
		return WSMCP_NO_MEMORY;
	w->ended_tail = &w->ended;
	if (options)
		w->options = *options;
	else
		wsmcp_options_init(&w->options);
	w->opened = open_target(w, target);
	return w->opened;
}

void wsmcp_close(struct wsmcp *w)
{
	if (!w || w->inside)
		return;
	wsmcp_disconnect(w);
	target_close(w->target);
	for (size_t i = 0; w->roots && w->roots[i]; i++)
		free(w->roots[i]);
	free(w->roots);
	free(w->report);
	clear_error(w);
	free(w);
}

void wsmcp_set_callbacks(struct wsmcp *w, const struct wsmcp_callbacks *callbacks)
{
	w->callbacks = *callbacks;
}

const char *wsmcp_name(const struct wsmcp *w)
{
	return w->target ? target_name(w->target) : "";
}

const char *wsmcp_url(const struct wsmcp *w)
{
	return w->target ? target_url(w->target) : "";
}

const char *wsmcp_protocol_version(const struct wsmcp *w)
{
	return w->protocol.version;
}

const char *wsmcp_server_result(const struct wsmcp *w)
{
	return w->protocol.result;
}

/* --- the connection ---------------------------------------------------- */

/* What is known of the last attempt, also when its connection is gone. */
static void make_report(struct wsmcp *w)
{
	const struct report *r = w->connection ? connection_report(w->connection) : NULL;
	struct output out;
	struct buf text;

	if (!r)
		return;
	buf_init(&text, SIZE_MAX / 2);
	output_to_buf(&out, &text);
	diagnosis_put(&out, r);
	output_put(&out, "", 1);
	if (output_end(&out) == 0) {
		free(w->report);
		w->report = (char *)text.data;
	} else {
		buf_free(&text);
	}
}

const char *wsmcp_report(struct wsmcp *w)
{
	make_report(w);
	return w->report;
}

static void drop_connection(struct wsmcp *w)
{
	make_report(w);
	connection_free(w->connection);
	w->connection = NULL;
	w->state = HANDLE_IDLE;
	w->said = w->was_ready = w->lost = false;
	w->ends = 0;
	calls_forget_all(w);
}

/* What was there before is over, or is not to be waited for. */
static bool open_connection(struct wsmcp *w)
{
	int64_t now = clock_now();

	if (w->connection) {
		calls_cancel_all(w);
		drop_connection(w);
	}
	w->connection = connection_new(&w->plan, now);
	if (!w->connection) {
		(void)no_memory(w);
		return false;
	}
	w->state = HANDLE_CONNECTING;
	connection_start(w->connection, now);
	return true;
}

static void tell_event(struct wsmcp *w, enum wsmcp_event event, const char *text)
{
	if (!w->callbacks.event)
		return;
	w->inside++;
	w->callbacks.event(w->callbacks.context, event, text);
	w->inside--;
}

/* Tells what has become of the connection since it was looked at last. */
static void follow_connection(struct wsmcp *w)
{
	const struct reason *reason = connection_reason(w->connection);
	bool ready = connection_is_ready(w->connection), connected = w->state == HANDLE_CONNECTED;
	bool ended = connection_ends(w->connection) != w->ends;
	char text[REASON_TEXT_SIZE + 600];

	if (ended && connected && w->was_ready) {
		w->lost = true;
		tell_event(w, WSMCP_EVENT_LOST, reason->text);
	} else if (ended) {
		(void)snprintf(text, sizeof text, "cannot connect to %.500s: %s", w->plan.server,
		    reason->text);
		tell_event(w, WSMCP_EVENT_LOG, text);
	}
	if (ready && connected && w->lost) {
		w->lost = false;
		tell_event(w, WSMCP_EVENT_BACK, "");
	}
	w->ends = connection_ends(w->connection);
	w->was_ready = ready;
}

/* Whether the server may say more: one that asks and asks without reading answers must not fill our memory with them. */
static bool has_room(const struct wsmcp *w)
{
	return connection_accepts(w->connection);
}

static void hear_all(struct wsmcp *w)
{
	struct message *m;
	bool ours;

	while (w->state != HANDLE_LEAVING && (m = connection_take(w->connection, &ours)) != NULL) {
		listener_hear(w, m, ours);
		message_free(m);
	}
}

static void process_connection(struct wsmcp *w, const struct pollfd *fds, size_t count, int64_t now)
{
	w->said = false;
	if (w->state == HANDLE_LEAVING)
		connection_finish(w->connection, now);
	connection_process(w->connection, fds, count, has_room(w), now);
	if (w->state != HANDLE_LEAVING) {
		follow_connection(w);
		hear_all(w);
	} else if (connection_outcome(w->connection, now) != SESSION_GOES_ON) {
		drop_connection(w);
	}
}

size_t wsmcp_fds(struct wsmcp *w, struct pollfd *fds, size_t max, int *timeout)
{
	struct pollfd slots[CONNECTION_POLL_MAX];
	int64_t now = clock_now(), deadline = calls_deadline(w);
	size_t count = 0;

	if (w->connection)
		count = connection_prepare(w->connection, slots, has_room(w), &deadline, now);
	if (w->said || w->ended || ask_find_untold(&w->asks))
		deadline = now;
	*timeout = clock_poll_timeout(deadline, now);
	if (count > max)
		count = max;
	for (size_t i = 0; i < count; i++)
		fds[i] = slots[i];
	return count;
}

void wsmcp_process(struct wsmcp *w, const struct pollfd *fds, size_t count)
{
	int64_t now = clock_now();

	if (w->inside)
		return;
	if (w->connection)
		process_connection(w, fds, count, now);
	calls_tick(w, now);
	listener_tell(w);
	calls_deliver(w);
}

/* --- beginning calls --------------------------------------------------- */

/* Whether a new call is possible at all; clears the last error. */
static bool may_begin(struct wsmcp *w)
{
	if (w->opened != WSMCP_OK)
		return false; /* the error still says why */
	clear_error(w);
	if (w->closing)
		(void)fail(w, WSMCP_CANCELLED, "the connection is being closed");
	else if (w->call_count >= CALLS_MAX)
		(void)fail(w, WSMCP_WRONG_USAGE, "too many calls are in flight");
	return w->status == WSMCP_OK;
}

static bool may_request(struct wsmcp *w)
{
	if (!may_begin(w))
		return false;
	if (w->state != HANDLE_CONNECTED)
		(void)fail(
		    w, WSMCP_CONNECTION_ERROR, "there is no connection to %s", w->plan.server);
	else if (connection_waiting(w->connection) > w->plan.max_message)
		(void)fail(
		    w, WSMCP_CONNECTION_ERROR, "too much waits for %s already", w->plan.server);
	return w->status == WSMCP_OK;
}

static bool params_fit(struct wsmcp *w, const char *params)
{
	enum json_kind kind = params ? json_kind(params, strlen(params)) : JSON_OBJECT;

	if (kind == JSON_OBJECT || kind == JSON_ARRAY)
		return true;
	(void)fail(w, WSMCP_WRONG_USAGE, "params must be a JSON object or array");
	return false;
}

/* Stands for the end of a blocking call, whose context is its outcome. */
static void blocks(void *context, enum wsmcp_status status, const char *result)
{
	(void)context;
	(void)status;
	(void)result;
}

/* Takes the call (NULL: memory is out) and gives it its number. */
static int64_t begin(struct wsmcp *w, struct call *c, int64_t timeout, int64_t standard,
    wsmcp_done *done, void *context)
{
	int64_t number = ++w->last_number;

	if (!c) {
		(void)no_memory(w);
		return 0;
	}
	c->number = number;
	/* The clock cuts off parts of a millisecond; nothing ends too early for that. */
	c->deadline = clock_add(clock_add(clock_now(), timeout < 0 ? standard : timeout), 1);
	c->done = done;
	c->context = context;
	c->blocking = done == blocks;
	if (c->kind == CALL_CONNECT && w->state == HANDLE_CONNECTED)
		calls_put_ended(w, c);
	else
		calls_begin(w, c);
	return number;
}

int64_t wsmcp_start_connect(struct wsmcp *w, int64_t timeout, wsmcp_done *done, void *context)
{
	if (!may_begin(w))
		return 0;
	if (w->state == HANDLE_CONNECTING || w->tapping) {
		(void)fail(w, WSMCP_WRONG_USAGE,
		    w->tapping ? "the message callback must not connect"
		               : "a connection is being made already");
		return 0;
	}
	if (w->state == HANDLE_CONNECTED &&
	    connection_outcome(w->connection, clock_now()) != SESSION_GOES_ON)
		w->state = HANDLE_LEAVING; /* it was given up */
	if (w->state != HANDLE_CONNECTED && !open_connection(w))
		return 0;
	return begin(w, call_new_connect(w->options.protocol), timeout, ENOUGH, done, context);
}

int64_t wsmcp_start_list(struct wsmcp *w, const char *method, const char *member, int64_t timeout,
    wsmcp_done *done, void *context)
{
	if (!may_request(w))
		return 0;
	return begin(w, call_new_list(method, member), timeout, ENOUGH, done, context);
}

int64_t wsmcp_start_call_tool(struct wsmcp *w, const char *tool, const char *arguments,
    int64_t timeout, wsmcp_done *done, void *context)
{
	if (!may_request(w))
		return 0;
	if (arguments && json_kind(arguments, strlen(arguments)) != JSON_OBJECT) {
		(void)fail(w, WSMCP_WRONG_USAGE, "the arguments of a tool must be a JSON object");
		return 0;
	}
	return begin(w, call_new_tool(tool, arguments), timeout, w->request_timeout, done, context);
}

int64_t wsmcp_start_request(struct wsmcp *w, const char *method, const char *params,
    int64_t timeout, wsmcp_done *done, void *context)
{
	bool endless = strcmp(method, CALL_SUBSCRIPTION) == 0;

	if (!may_request(w) || !params_fit(w, params))
		return 0;
	return begin(w, call_new_request(method, params), timeout,
	    endless ? CLOCK_NEVER : w->request_timeout, done, context);
}

void wsmcp_cancel(struct wsmcp *w, int64_t call)
{
	struct call *c = calls_find(w, call ? call : w->blocking);

	if (c)
		calls_abort(w, c, WSMCP_CANCELLED, "cancelled");
}

enum wsmcp_status wsmcp_notify(struct wsmcp *w, const char *method, const char *params)
{
	struct buf text;
	bool ok;

	if (!may_request(w) || !params_fit(w, params))
		return w->status;
	buf_init(&text, SIZE_MAX / 2);
	ok = envelope_append_notification(&text, method, params, params ? strlen(params) : 0);
	if (!ok)
		(void)no_memory(w);
	else if (!calls_say(w, &text, JSONRPC_NOTIFICATION))
		(void)fail(w, WSMCP_WRONG_USAGE,
		    "the notification cannot be sent: a text is not UTF-8, or JSON is nested too "
		    "deep");
	buf_free(&text);
	/* Not from within a callback: that may be one of the connection's own. */
	if (w->status == WSMCP_OK && !w->inside)
		connection_process(w->connection, NULL, 0, has_room(w), clock_now());
	return w->status;
}

/* --- answers of the program -------------------------------------------- */

static void answer_input(struct wsmcp *w, struct ask *a, const char *result)
{
	struct call_world world = calls_world(w);
	struct call *c = calls_find(w, a->call);
	size_t input = a->input;

	ask_remove(&w->asks, a);
	call_give_input(c, &world, input, result);
	if (c->step != CALL_ASK)
		calls_advance(w, c);
}

/* Takes the text of an answer, made or not. */
static enum wsmcp_status say_answer(struct wsmcp *w, struct ask *a, struct buf *text, bool made)
{
	enum wsmcp_status status = WSMCP_OK;

	ask_remove(&w->asks, a);
	if (!made)
		status = no_memory(w);
	else if (!calls_say(w, text, JSONRPC_RESPONSE))
		status = fail(w, WSMCP_WRONG_USAGE,
		    "the answer cannot be sent: a text is not UTF-8, or JSON is nested too deep");
	buf_free(text);
	return status;
}

enum wsmcp_status wsmcp_answer(struct wsmcp *w, int64_t ticket, const char *result)
{
	struct ask *a = ask_find(&w->asks, ticket);
	struct buf text;

	if (json_kind(result, strlen(result)) != JSON_OBJECT)
		return fail(w, WSMCP_WRONG_USAGE, "a result must be a JSON object");
	if (!a)
		return WSMCP_OK;
	if (a->call) {
		answer_input(w, a, result);
		return WSMCP_OK;
	}
	buf_init(&text, SIZE_MAX / 2);
	bool made = envelope_append_result(&text, a->id, a->id_len, result, strlen(result));
	return say_answer(w, a, &text, made);
}

enum wsmcp_status wsmcp_refuse(struct wsmcp *w, int64_t ticket, int code, const char *message)
{
	struct ask *a = ask_find(&w->asks, ticket);
	char error[CALL_ERROR_SIZE];
	struct buf text;

	if (!a)
		return WSMCP_OK;
	if (a->call) {
		/* There is no error that a request made again could carry. */
		struct call *c = calls_find(w, a->call);
		(void)snprintf(
		    error, sizeof error, "what the server asked for was refused: %s", message);
		ask_remove(&w->asks, a);
		calls_abort(w, c, WSMCP_TOOL_ERROR, error);
		return WSMCP_OK;
	}
	buf_init(&text, SIZE_MAX / 2);
	bool made = envelope_append_error(&text, a->id, a->id_len, code, message);
	return say_answer(w, a, &text, made);
}

/* --- blocking calls ---------------------------------------------------- */

static void turn(struct wsmcp *w, int64_t longest)
{
	struct pollfd fds[WSMCP_POLL_MAX];
	int timeout;
	size_t count = wsmcp_fds(w, fds, WSMCP_POLL_MAX, &timeout);

	if (longest >= 0 && (timeout < 0 || timeout > longest))
		timeout = (int)longest;
	if (poll(fds, (nfds_t)count, timeout) < 0) {
		for (size_t i = 0; i < count; i++)
			fds[i].revents = 0;
	}
	wsmcp_process(w, fds, count);
}

/* Whether a call may block; says why not. */
static bool may_block(struct wsmcp *w, char **result)
{
	if (result)
		*result = NULL;
	if (w->inside)
		(void)fail(w, WSMCP_WRONG_USAGE, "a callback must not make blocking calls");
	return !w->inside;
}

/* Waits for the call that was begun with this number; 0: it was not. */
static enum wsmcp_status wait_for(
    struct wsmcp *w, int64_t number, struct handle_outcome *outcome, char **result)
{
	if (!number)
		return w->status;
	w->blocking = number;
	while (!outcome->there)
		turn(w, -1);
	w->blocking = 0;
	if (result)
		*result = outcome->result;
	else
		free(outcome->result);
	return outcome->status;
}

enum wsmcp_status wsmcp_connect(struct wsmcp *w, int64_t timeout)
{
	struct handle_outcome outcome = {0};

	if (!may_block(w, NULL))
		return w->status;
	return wait_for(w, wsmcp_start_connect(w, timeout, blocks, &outcome), &outcome, NULL);
}

enum wsmcp_status wsmcp_list(
    struct wsmcp *w, const char *method, const char *member, int64_t timeout, char **items)
{
	struct handle_outcome outcome = {0};

	if (!may_block(w, items))
		return w->status;
	return wait_for(
	    w, wsmcp_start_list(w, method, member, timeout, blocks, &outcome), &outcome, items);
}

enum wsmcp_status wsmcp_list_tools(struct wsmcp *w, int64_t timeout, char **tools)
{
	return wsmcp_list(w, "tools/list", "tools", timeout, tools);
}

enum wsmcp_status wsmcp_call_tool(
    struct wsmcp *w, const char *tool, const char *arguments, int64_t timeout, char **result)
{
	struct handle_outcome outcome = {0};

	if (!may_block(w, result))
		return w->status;
	return wait_for(w, wsmcp_start_call_tool(w, tool, arguments, timeout, blocks, &outcome),
	    &outcome, result);
}

enum wsmcp_status wsmcp_request(
    struct wsmcp *w, const char *method, const char *params, int64_t timeout, char **result)
{
	struct handle_outcome outcome = {0};

	if (!may_block(w, result))
		return w->status;
	return wait_for(
	    w, wsmcp_start_request(w, method, params, timeout, blocks, &outcome), &outcome, result);
}

void wsmcp_disconnect(struct wsmcp *w)
{
	int64_t now = clock_now(), until = now + FAREWELL;

	if (w->inside)
		return;
	w->closing = true;
	calls_cancel_all(w);
	if (w->connection) {
		w->state = HANDLE_LEAVING;
		w->said = true;
	}
	while (w->connection && now < until) {
		turn(w, until - now);
		now = clock_now();
	}
	if (w->connection)
		drop_connection(w);
	calls_deliver(w);
	w->closing = false;
}
