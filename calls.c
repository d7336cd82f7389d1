#include "calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "clock.h"
#include "envelope.h"
#include "json.h"

#define FORGET_TIME 30000 /* ms for the answer to what nobody waits for any more */

unsigned calls_features(const struct wsmcp *w)
{
	return (w->callbacks.elicit ? (unsigned)PROTOCOL_ELICITS : 0) |
	       (w->callbacks.sample ? (unsigned)PROTOCOL_SAMPLES : 0) |
	       (w->options.roots.count ? (unsigned)PROTOCOL_HAS_ROOTS : 0);
}

struct call_world calls_world(struct wsmcp *w)
{
	return (struct call_world){.protocol = &w->protocol,
	    .tools = &w->tools,
	    .features = calls_features(w),
	    .now = clock_now()};
}

static void no_memory(struct call *c)
{
	call_fail(c, WSMCP_NO_MEMORY, "out of memory");
}

/* --- to the server ----------------------------------------------------- */

bool calls_say(struct wsmcp *w, struct buf *text, enum jsonrpc_kind kind)
{
	struct message *m = message_adopt(text);

	if (!m)
		return false;
	if (m->envelope.kind != kind) {
		message_free(m);
		return false;
	}
	for (size_t i = 0; m->envelope.has_newline && i < m->text.len; i++) {
		if (m->text.data[i] == '\n' || m->text.data[i] == '\r')
			m->text.data[i] = ' '; /* some servers split at them */
	}
	connection_host_said(w->connection, m, clock_now());
	w->said = true;
	return true;
}

static void say_cancelled(struct wsmcp *w, int64_t request, const char *reason)
{
	char id[24];
	struct buf text;

	(void)snprintf(id, sizeof id, "%" PRId64, request);
	buf_init(&text, SIZE_MAX / 2);
	if (answer_append_cancel(&text, id, strlen(id), reason) == 0)
		(void)calls_say(w, &text, JSONRPC_NOTIFICATION);
	else
		buf_free(&text);
}

static void say_initialized(struct wsmcp *w)
{
	struct buf text;

	buf_init(&text, SIZE_MAX / 2);
	if (envelope_append_notification(&text, "notifications/initialized", NULL, 0))
		(void)calls_say(w, &text, JSONRPC_NOTIFICATION);
	else
		buf_free(&text);
}

/* --- calls that nobody waits for --------------------------------------- */

static void forget(struct wsmcp *w, struct call *c, int64_t request)
{
	c->request = request;
	c->deadline = clock_add(clock_now(), FORGET_TIME);
	c->next = w->forgotten;
	w->forgotten = c;
	w->call_count++;
}

static void forget_wholly(struct wsmcp *w, struct call **slot)
{
	struct call *c = *slot;

	*slot = c->next;
	w->call_count--;
	call_free(c);
}

static bool append_cancel_task(struct wsmcp *w, struct buf *text, const char *task, size_t len)
{
	const struct json_member member = {"taskId", task, len};
	struct buf params, whole;
	bool ok;

	buf_init(&params, SIZE_MAX / 2);
	buf_init(&whole, SIZE_MAX / 2);
	ok = json_append_object(&params, NULL, 0, &member, 1) &&
	     protocol_append_params(&whole, w->protocol.modern, calls_features(w),
	         (const char *)params.data, params.len, 0) &&
	     envelope_append_request(
	         text, ++w->last_request, "tasks/cancel", (const char *)whole.data, whole.len);
	buf_free(&params);
	buf_free(&whole);
	return ok;
}

/* Tells the server to stop working on the task with this raw id. */
static void cancel_task(struct wsmcp *w, const char *task, size_t len)
{
	struct call *c = w->protocol.task_cancel ? call_new_request("tasks/cancel", NULL) : NULL;
	struct buf text;

	if (!c)
		return;
	buf_init(&text, SIZE_MAX / 2);
	if (append_cancel_task(w, &text, task, len) && calls_say(w, &text, JSONRPC_REQUEST))
		forget(w, c, w->last_request);
	else
		call_free(c);
	buf_free(&text);
}

/* The answer to one. If it made a task, nobody wants that any more. */
static void answered_forgotten(struct wsmcp *w, struct call **slot, const struct call_answer *a)
{
	struct jsonrpc_span id = {0};

	if (call_makes_task(*slot) && !a->is_error)
		id = jsonrpc_find(a->text, a->len, "task.taskId");
	forget_wholly(w, slot);
	if (id.len)
		cancel_task(w, a->text + id.at, id.len);
}

static void tick_forgotten(struct wsmcp *w, int64_t now)
{
	struct call **slot = &w->forgotten;

	while (*slot) {
		if (now < (*slot)->deadline) {
			slot = &(*slot)->next;
			continue;
		}
		if (!call_makes_task(*slot))
			say_cancelled(w, (*slot)->request, "the answer is not waited for");
		forget_wholly(w, slot);
	}
}

void calls_forget_all(struct wsmcp *w)
{
	while (w->forgotten)
		forget_wholly(w, &w->forgotten);
	ask_free(&w->asks);
	protocol_free(&w->protocol);
	task_tools_forget(&w->tools);
}

/* --- the end ----------------------------------------------------------- */

void calls_withdraw(struct wsmcp *w, struct ask *a)
{
	int64_t ticket = a->ticket;
	bool told = a->told;

	ask_remove(&w->asks, a);
	if (!told || !w->callbacks.withdrawn)
		return;
	w->inside++;
	w->callbacks.withdrawn(w->callbacks.context, ticket);
	w->inside--;
}

static void withdraw_all(struct wsmcp *w, int64_t call)
{
	struct ask *a;

	while ((a = ask_find_call(&w->asks, call)) != NULL)
		calls_withdraw(w, a);
}

static void connect_ended(struct wsmcp *w, const struct call *c)
{
	if (c->status == WSMCP_OK) {
		w->state = HANDLE_CONNECTED;
		if (!w->protocol.modern)
			say_initialized(w);
	} else {
		w->state = HANDLE_LEAVING;
		w->said = true;
		protocol_free(&w->protocol);
	}
}

static void unlink_call(struct wsmcp *w, struct call *c)
{
	struct call **slot = &w->calls;

	while (*slot != c)
		slot = &(*slot)->next;
	*slot = c->next;
	w->call_count--;
}

void calls_put_ended(struct wsmcp *w, struct call *c)
{
	c->next = NULL;
	*w->ended_tail = c;
	w->ended_tail = &c->next;
}

static void end_call(struct wsmcp *w, struct call *c)
{
	unlink_call(w, c);
	c->request = 0;
	if (c->kind == CALL_CONNECT)
		connect_ended(w, c);
	calls_put_ended(w, c);
	withdraw_all(w, c->number);
}

/*
 * A task is being made whose id is not known yet: the call itself waits for that. Returns what is to end in its place.
 */
static struct call *split(struct wsmcp *w, struct call *c)
{
	struct call *end = call_new_request("", NULL);
	struct call **slot = &w->calls;

	if (!end)
		return c;
	end->number = c->number;
	end->done = c->done;
	end->context = c->context;
	end->blocking = c->blocking;
	end->next = c->next;
	while (*slot != c)
		slot = &(*slot)->next;
	*slot = end;
	forget(w, c, c->request);
	return end;
}

/* Tells the server that nobody waits for it any more. Returns what is to end in its place. */
static struct call *abandon(struct wsmcp *w, struct call *c, const char *reason)
{
	const char *task = call_task(c);

	if (task)
		cancel_task(w, task, strlen(task));
	else if (call_makes_task(c))
		return split(w, c);
	else if (call_can_cancel(c))
		say_cancelled(w, c->request, reason);
	return c;
}

void calls_abort(struct wsmcp *w, struct call *c, enum wsmcp_status status, const char *error)
{
	c = abandon(w, c, error);
	call_fail(c, status, "%s", error);
	end_call(w, c);
}

void calls_cancel_all(struct wsmcp *w)
{
	bool before = w->closing;

	w->closing = true;
	while (w->calls)
		calls_abort(w, w->calls, WSMCP_CANCELLED, "cancelled");
	withdraw_all(w, 0);
	w->closing = before;
}

static void take_error(struct wsmcp *w, struct call *c)
{
	free(w->error);
	free(w->error_object);
	w->status = c->status;
	w->error = c->error;
	w->error_object = c->error_object;
	c->error = c->error_object = NULL;
}

static void deliver(struct wsmcp *w, struct call *c)
{
	struct handle_outcome *outcome = c->context;

	if (c->blocking) {
		*outcome = (struct handle_outcome){true, c->status, c->result};
		c->result = NULL;
	} else if (c->done) {
		w->inside++;
		c->done(c->context, c->status, c->result);
		w->inside--;
	}
}

void calls_deliver(struct wsmcp *w)
{
	struct call *c;

	while ((c = w->ended) != NULL) {
		w->ended = c->next;
		if (!w->ended)
			w->ended_tail = &w->ended;
		take_error(w, c);
		deliver(w, c);
		call_free(c);
	}
}

/* --- the steps --------------------------------------------------------- */

/* The params with what every request carries. */
static bool append_params(struct wsmcp *w, struct buf *out, const struct call *c)
{
	bool modern = w->protocol.modern || c->phase == CALL_DISCOVERING;
	bool itself = c->phase == CALL_REQUESTING || c->phase == CALL_CREATING;
	int64_t token = itself && w->callbacks.progress ? c->number : 0;

	return protocol_append_params(out, modern, calls_features(w),
	    c->params.len ? (const char *)c->params.data : NULL, c->params.len, token);
}

static void send_call(struct wsmcp *w, struct call *c)
{
	uint64_t max = w->plan.max_message;
	struct buf params, text;
	bool ok;

	buf_init(&params, SIZE_MAX / 2);
	buf_init(&text, SIZE_MAX / 2);
	c->request = ++w->last_request;
	ok = append_params(w, &params, c) &&
	     envelope_append_request(&text, c->request, c->method,
	         params.len ? (const char *)params.data : NULL, params.len);
	buf_free(&c->params);
	buf_free(&params);
	if (!ok)
		no_memory(c);
	else if (text.len > max)
		call_fail(c, WSMCP_CONNECTION_ERROR,
		    "the request has %zu bytes, over the limit of %" PRIu64 " (--max-message)",
		    text.len, max);
	else if (!calls_say(w, &text, JSONRPC_REQUEST))
		call_fail(c, WSMCP_WRONG_USAGE,
		    "the request cannot be sent: a text is not UTF-8, or JSON is nested too deep");
	buf_free(&text);
	if (c->step == CALL_DONE)
		c->request = 0;
}

static void give_roots(struct wsmcp *w, struct call *c, size_t input)
{
	struct call_world world = calls_world(w);
	struct buf roots;

	buf_init(&roots, SIZE_MAX / 2);
	if (ask_append_roots(&roots, w->roots) && buf_append(&roots, "", 1) == BUF_OK)
		call_give_input(c, &world, input, (const char *)roots.data);
	else
		no_memory(c);
	buf_free(&roots);
}

/* Each input gets a ticket; roots are known. */
static void ask_inputs(struct wsmcp *w, struct call *c)
{
	size_t count = c->input_count;

	for (size_t i = 0; c->step == CALL_ASK && i < count; i++) {
		if (c->inputs[i].kind == ASK_ROOTS)
			give_roots(w, c, i);
		else if (!ask_add(&w->asks, NULL, 0, c->number, i))
			call_fail(c, WSMCP_TOOL_ERROR, "the server asks too much at once");
	}
}

void calls_advance(struct wsmcp *w, struct call *c)
{
	if (c->step == CALL_ASK)
		ask_inputs(w, c);
	if (c->step == CALL_SEND)
		send_call(w, c);
	if (c->step == CALL_DONE)
		end_call(w, c);
}

void calls_begin(struct wsmcp *w, struct call *c)
{
	struct call_world world = calls_world(w);

	c->next = w->calls;
	w->calls = c;
	w->call_count++;
	call_begin(c, &world);
	calls_advance(w, c);
}

struct call *calls_find(const struct wsmcp *w, int64_t number)
{
	struct call *c = w->calls;

	while (c && c->number != number)
		c = c->next;
	return c;
}

static struct call **find_request(struct call **slot, int64_t request)
{
	while (*slot && (*slot)->request != request)
		slot = &(*slot)->next;
	return slot;
}

void calls_answered(struct wsmcp *w, int64_t request, const struct call_answer *a)
{
	struct call *c = *find_request(&w->calls, request);
	struct call **slot = find_request(&w->forgotten, request);
	struct call_world world = calls_world(w);

	if (c) {
		c->request = 0;
		call_answered(c, &world, a);
		calls_advance(w, c);
	} else if (*slot) {
		answered_forgotten(w, slot, a);
	}
}

void calls_refused(struct wsmcp *w, int64_t request)
{
	struct call *c = request ? *find_request(&w->calls, request) : NULL;

	if (!c || strcmp(c->method, CALL_SUBSCRIPTION) != 0)
		return;
	call_fail(c, WSMCP_TOOL_ERROR, "the server has ended the subscription");
	end_call(w, c);
}

/* --- time -------------------------------------------------------------- */

static void time_out(struct wsmcp *w, struct call *c)
{
	const struct reason *reason = connection_reason(w->connection);
	const char *hint = reason_hint(reason);
	char text[CALL_ERROR_SIZE];

	if (connection_is_ready(w->connection) || reason->kind == REASON_NONE)
		(void)snprintf(text, sizeof text, "%s did not answer in time", w->plan.server);
	else
		(void)snprintf(text, sizeof text, "no connection to %s in time: %s.%s%s",
		    w->plan.server, reason->text, *hint ? " " : "", hint);
	calls_abort(w, c, WSMCP_CONNECTION_ERROR, text);
}

/* When it must be looked at. */
static int64_t due(const struct call *c)
{
	return c->step == CALL_WAIT ? clock_min(c->deadline, c->wake) : c->deadline;
}

static struct call *find_due(const struct wsmcp *w, int64_t now)
{
	struct call *c = w->calls;

	while (c && now < due(c))
		c = c->next;
	return c;
}

void calls_tick(struct wsmcp *w, int64_t now)
{
	struct call *c;

	tick_forgotten(w, now);
	/* From the start each time: the end of one may be told to a program that ends another. */
	while ((c = find_due(w, now)) != NULL) {
		struct call_world world = calls_world(w);
		if (now >= c->deadline) {
			time_out(w, c);
		} else {
			call_woken(c, &world);
			calls_advance(w, c);
		}
	}
}

int64_t calls_deadline(const struct wsmcp *w)
{
	int64_t at = CLOCK_NEVER;

	for (const struct call *c = w->calls; c; c = c->next)
		at = clock_min(at, due(c));
	for (const struct call *c = w->forgotten; c; c = c->next)
		at = clock_min(at, c->deadline);
	return at;
}
