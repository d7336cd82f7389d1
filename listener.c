#include "listener.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "calls.h"
#include "envelope.h"
#include "json.h"
#include "verdict.h"

#define METHOD_NOT_FOUND (-32601)
#define INVALID_PARAMS   (-32602)
#define INTERNAL_ERROR   (-32603)

/* A piece of a message: the text, and where things stand in it. */
struct heard {
	const char *text;
	const struct jsonrpc_envelope *e;
};

static struct jsonrpc_span find_in_params(const struct heard *h, const char *key)
{
	struct jsonrpc_span params = h->e->params, span = {0};

	if (params.len)
		span = jsonrpc_find_key(h->text + params.at, params.len, key);
	span.at += params.at;
	return span;
}

/* The span as an integer that may be a number of ours; 0 if it is none. */
static int64_t number_of(const struct heard *h, struct jsonrpc_span span)
{
	double number;

	/* Beyond that not every integer is a double. */
	if (!json_number(h->text + span.at, span.len, &number) ||
	    !(number >= 1 && number <= 9e15) || number != (double)(int64_t)number)
		return 0;
	return (int64_t)number;
}

/* --- answers ----------------------------------------------------------- */

/* An end that the server may have made because it did not understand what was sent. */
static bool was_not_understood(const struct wsmcp *w, const char *error, size_t len)
{
	struct jsonrpc_span code = jsonrpc_find_key(error, len, "code");
	double number;

	return json_number(error + code.at, code.len, &number) && (int)number == ANSWER_LINK_LOST &&
	       verdict_of(connection_reason(w->connection), false, false) == VERDICT_RETRY;
}

static void hear_answer(struct wsmcp *w, const struct heard *h, bool ours)
{
	struct call_answer a = {.is_error = h->e->is_error,
	    .ours = ours,
	    .text = h->text + h->e->result.at,
	    .len = h->e->result.len};
	int64_t request = number_of(h, h->e->id);

	a.lost = ours && a.is_error && was_not_understood(w, a.text, a.len);
	if (request)
		calls_answered(w, request, &a);
}

/* --- notifications ----------------------------------------------------- */

/* Returns false if it is of no call in flight. */
static bool hear_progress(struct wsmcp *w, const struct heard *h)
{
	const struct call *c = calls_find(w, number_of(h, find_in_params(h, "progressToken")));
	struct jsonrpc_span now = find_in_params(h, "progress"), all = find_in_params(h, "total");
	struct jsonrpc_span said = find_in_params(h, "message");
	double progress, total;

	if (!c || !w->callbacks.progress || !json_number(h->text + now.at, now.len, &progress))
		return false;
	if (!json_number(h->text + all.at, all.len, &total) || total < 0)
		total = -1;
	char *message = json_decode(h->text + said.at, said.len);
	w->inside++;
	w->callbacks.progress(
	    w->callbacks.context, c->blocking ? 0 : c->number, progress, total, message);
	w->inside--;
	free(message);
	return true;
}

/* The server does not want an answer any more, or ends a subscription. */
static void hear_cancelled(struct wsmcp *w, const struct heard *h)
{
	struct jsonrpc_span id = find_in_params(h, "requestId");
	struct ask *a = NULL;

	if (id.len && id.len <= JSONRPC_ID_MAX)
		a = ask_find_id(&w->asks, h->text + id.at, id.len);
	if (a)
		calls_withdraw(w, a);
	else
		calls_refused(w, number_of(h, id));
}

static void pass_notification(struct wsmcp *w, const char *method, const struct heard *h)
{
	struct jsonrpc_span span = h->e->params;
	char *params = NULL;

	if (!w->callbacks.notification)
		return;
	if (span.len && (params = strndup(h->text + span.at, span.len)) == NULL)
		return;
	w->inside++;
	w->callbacks.notification(w->callbacks.context, method, params);
	w->inside--;
	free(params);
}

static void hear_notification(struct wsmcp *w, const struct heard *h)
{
	char *method = json_decode(h->text + h->e->method.at, h->e->method.len);

	if (!method)
		return;
	if (strcmp(method, "notifications/cancelled") == 0)
		hear_cancelled(w, h);
	else if (strcmp(method, "notifications/tools/list_changed") == 0)
		task_tools_forget(&w->tools);
	if (strcmp(method, "notifications/progress") != 0 || !hear_progress(w, h))
		pass_notification(w, method, h);
	free(method);
}

/* --- requests ---------------------------------------------------------- */

static void answer(struct wsmcp *w, const struct heard *h, const char *result, size_t len)
{
	struct buf text;

	buf_init(&text, SIZE_MAX / 2);
	if (envelope_append_result(&text, h->text + h->e->id.at, h->e->id.len, result, len))
		(void)calls_say(w, &text, JSONRPC_RESPONSE);
	buf_free(&text);
}

static void refuse(struct wsmcp *w, const struct heard *h, int code, const char *message)
{
	struct buf text;

	buf_init(&text, SIZE_MAX / 2);
	if (envelope_append_error(&text, h->text + h->e->id.at, h->e->id.len, code, message))
		(void)calls_say(w, &text, JSONRPC_RESPONSE);
	buf_free(&text);
}

static void answer_roots(struct wsmcp *w, const struct heard *h)
{
	struct buf roots;

	buf_init(&roots, SIZE_MAX / 2);
	if (ask_append_roots(&roots, w->roots))
		answer(w, h, (const char *)roots.data, roots.len);
	buf_free(&roots);
}

static void tell(struct wsmcp *w, enum ask_kind kind, int64_t ticket, const char *params)
{
	void (*callback)(void *, int64_t, const char *) =
	    kind == ASK_ELICIT ? w->callbacks.elicit : w->callbacks.sample;

	w->inside++;
	callback(w->callbacks.context, ticket, params);
	w->inside--;
}

static bool handles(const struct wsmcp *w, enum ask_kind kind)
{
	return kind == ASK_ELICIT   ? w->callbacks.elicit != NULL
	       : kind == ASK_SAMPLE ? w->callbacks.sample != NULL
	                            : kind == ASK_ROOTS && w->options.roots.count > 0;
}

static void hand_over(struct wsmcp *w, enum ask_kind kind, const struct heard *h)
{
	struct jsonrpc_span span = h->e->params;
	char *params = span.len ? strndup(h->text + span.at, span.len) : strdup("{}");
	struct ask *a =
	    params ? ask_add(&w->asks, h->text + h->e->id.at, h->e->id.len, 0, 0) : NULL;

	if (a) {
		a->told = true;
		tell(w, kind, a->ticket, params);
	} else {
		refuse(w, h, INTERNAL_ERROR, "too many requests at once");
	}
	free(params);
}

static void hear_request(struct wsmcp *w, const struct heard *h)
{
	enum ask_kind kind = ask_kind(h->text + h->e->method.at, h->e->method.len);
	struct jsonrpc_span params = h->e->params;

	if (kind == ASK_PING)
		answer(w, h, "{}", 2);
	else if (!handles(w, kind))
		refuse(w, h, METHOD_NOT_FOUND, "this client does not do that");
	else if (kind == ASK_ROOTS)
		answer_roots(w, h);
	else if (kind == ASK_ELICIT && !ask_mode_known(h->text + params.at, params.len))
		refuse(w, h, INVALID_PARAMS, "this mode of elicitation is not known here");
	else
		hand_over(w, kind, h);
}

void listener_tell(struct wsmcp *w)
{
	struct ask *a;

	while ((a = ask_find_untold(&w->asks)) != NULL) {
		struct call *c = calls_find(w, a->call);
		enum ask_kind kind = c->inputs[a->input].kind;
		const char *text = c->inputs[a->input].params;
		char *params = strdup(text ? text : "{}");

		a->told = true;
		if (params)
			tell(w, kind, a->ticket, params);
		else
			calls_abort(w, c, WSMCP_NO_MEMORY, "out of memory");
		free(params);
	}
}

/* --- all of it --------------------------------------------------------- */

static void hear_one(struct wsmcp *w, const struct heard *h, bool ours)
{
	switch (h->e->kind) {
	case JSONRPC_RESPONSE:
		hear_answer(w, h, ours);
		break;
	case JSONRPC_NOTIFICATION:
		hear_notification(w, h);
		break;
	case JSONRPC_REQUEST:
		hear_request(w, h);
		break;
	default:
		break; /* what is no JSON-RPC means nothing to a client */
	}
}

void listener_hear(struct wsmcp *w, const struct message *m, bool ours)
{
	struct jsonrpc_envelope e = m->envelope;
	const struct heard h = {(const char *)m->text.data, &e};
	size_t at = 0;

	if (m->envelope.kind != JSONRPC_BATCH) {
		hear_one(w, &h, ours);
		return;
	}
	while (w->state != HANDLE_LEAVING && jsonrpc_batch_next(h.text, m->text.len, &at, &e))
		hear_one(w, &h, ours);
}
