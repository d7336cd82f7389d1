#include "call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clock.h"
#include "json.h"
#include "jsonrpc.h"
#include "log.h"

#define TOOLS_CALL "tools/call"
#define TOOLS_LIST "tools/list"

/* --- life -------------------------------------------------------------- */

static struct call *call_new(enum call_kind kind)
{
	struct call *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->kind = kind;
	c->wake = c->deadline = CLOCK_NEVER;
	buf_init(&c->params, SIZE_MAX / 2);
	buf_init(&c->served, SIZE_MAX / 2);
	pages_init(&c->pages);
	return c;
}

struct call *call_new_connect(int mode)
{
	struct call *c = call_new(CALL_CONNECT);

	if (c)
		c->mode = mode;
	return c;
}

struct call *call_new_list(const char *method, const char *member)
{
	struct call *c = call_new(CALL_LIST);

	if (!c)
		return NULL;
	c->own_method = strdup(method);
	c->member = strdup(member);
	if (c->own_method && c->member)
		return c;
	call_free(c);
	return NULL;
}

/* {"name":...,"arguments":...} */
static char *make_tool_params(const char *tool, const char *arguments)
{
	struct buf name, out;
	bool ok;

	buf_init(&name, SIZE_MAX / 2);
	buf_init(&out, SIZE_MAX / 2);
	ok = json_append_string(&name, tool);
	const struct json_member members[] = {
	    {"name", (const char *)name.data, name.len},
	    {"arguments", arguments, arguments ? strlen(arguments) : 0},
	};
	ok = ok && json_append_object(&out, NULL, 0, members, 2) &&
	     buf_append(&out, "", 1) == BUF_OK;
	buf_free(&name);
	if (!ok)
		buf_free(&out);
	return (char *)out.data;
}

struct call *call_new_tool(const char *tool, const char *arguments)
{
	struct call *c = call_new(CALL_TOOL);

	if (!c)
		return NULL;
	c->member = strdup(tool);
	c->base = make_tool_params(tool, arguments);
	if (c->member && c->base)
		return c;
	call_free(c);
	return NULL;
}

struct call *call_new_request(const char *method, const char *params)
{
	struct call *c = call_new(CALL_REQUEST);

	if (!c)
		return NULL;
	c->own_method = strdup(method);
	c->base = params ? strdup(params) : NULL;
	if (c->own_method && (c->base || !params))
		return c;
	call_free(c);
	return NULL;
}

static void free_inputs(struct call *c)
{
	for (size_t i = 0; i < c->input_count; i++) {
		free(c->inputs[i].key);
		free(c->inputs[i].params);
		free(c->inputs[i].answer);
	}
	free(c->inputs);
	c->inputs = NULL;
	c->input_count = c->unanswered = 0;
}

void call_free(struct call *c)
{
	if (!c)
		return;
	free_inputs(c);
	buf_free(&c->params);
	buf_free(&c->served);
	pages_free(&c->pages);
	free(c->result);
	free(c->error);
	free(c->error_object);
	free(c->own_method);
	free(c->member);
	free(c->base);
	free(c->state);
	free(c->task);
	free(c->first_error);
	free(c->first_object);
	free(c);
}

/* --- ends -------------------------------------------------------------- */

void call_fail(struct call *c, enum wsmcp_status status, const char *format, ...)
{
	char text[CALL_ERROR_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	free(c->error);
	c->error = strdup(text);
	c->status = status;
	c->step = CALL_DONE;
}

static void no_memory(struct call *c)
{
	call_fail(c, WSMCP_NO_MEMORY, "out of memory");
}

/* A raw JSON string for a person, escaped; "" if it is none. */
static char *show(char *out, size_t size, const char *raw, size_t len)
{
	char *plain = json_decode(raw, len);

	out[0] = '\0';
	if (plain)
		log_escape(out, size, plain, strlen(plain));
	free(plain);
	return out;
}

/* Fails with what a server, or we, said in an error object. */
static void fail_with_object(struct call *c, enum wsmcp_status status, const char *text, size_t len)
{
	struct jsonrpc_span message = jsonrpc_find_key(text, len, "message");
	struct jsonrpc_span code = jsonrpc_find_key(text, len, "code");
	char shown[CALL_ERROR_SIZE];

	if (*show(shown, sizeof shown, text + message.at, message.len))
		call_fail(c, status, "%s", shown);
	else
		call_fail(c, status,
		    "the server answered with an error without a message (code %.*s)",
		    code.len < 32 ? (int)code.len : 0, text + code.at);
	free(c->error_object);
	c->error_object = strndup(text, len);
}

static void fail_with_answer(struct call *c, const struct call_answer *a)
{
	enum wsmcp_status status =
	    a->ours || c->kind == CALL_CONNECT ? WSMCP_CONNECTION_ERROR : WSMCP_TOOL_ERROR;

	fail_with_object(c, status, a->text, a->len);
	if (a->ours) {
		free(c->error_object);
		c->error_object = NULL;
	}
}

static bool calls_tool(const struct call *c)
{
	return c->kind == CALL_TOOL || (c->own_method && strcmp(c->own_method, TOOLS_CALL) == 0);
}

/* What a tool that failed says in its first text. */
static void fail_with_result(struct call *c, const char *text, size_t len)
{
	struct jsonrpc_span content = jsonrpc_find_key(text, len, "content");
	cJSON *items = cJSON_ParseWithLength(text + content.at, content.len);
	const cJSON *item;
	const char *said = NULL;
	char shown[CALL_ERROR_SIZE];

	cJSON_ArrayForEach(item, items)
	{
		const cJSON *part = cJSON_GetObjectItemCaseSensitive(item, "text");
		if (!said && cJSON_IsString(part))
			said = part->valuestring;
	}
	if (said && *said)
		call_fail(
		    c, WSMCP_TOOL_ERROR, "%s", log_escape(shown, sizeof shown, said, strlen(said)));
	else
		call_fail(c, WSMCP_TOOL_ERROR, "the tool failed and does not say why");
	cJSON_Delete(items);
}

static void succeed(struct call *c, const char *text, size_t len)
{
	struct jsonrpc_span error = jsonrpc_find_key(text, len, "isError");

	c->step = CALL_DONE;
	c->status = WSMCP_OK;
	if (calls_tool(c) && error.len == 4 && memcmp(text + error.at, "true", 4) == 0)
		fail_with_result(c, text, len);
	c->result = strndup(text, len);
	if (!c->result)
		no_memory(c);
}

/* --- sending ----------------------------------------------------------- */

static void send(struct call *c, enum call_phase phase, const char *method, bool ok)
{
	c->phase = phase;
	c->method = method;
	c->step = CALL_SEND;
	if (!ok)
		no_memory(c);
}

static bool set_object(
    struct call *c, const char *base, const struct json_member *members, size_t count)
{
	buf_clear(&c->params);
	return json_append_object(&c->params, base, base ? strlen(base) : 0, members, count);
}

static void send_initialize(struct call *c, const struct call_world *w)
{
	buf_clear(&c->params);
	send(c, CALL_INITIALIZING, "initialize",
	    protocol_append_initialize(&c->params, w->features));
}

static void send_discover(struct call *c)
{
	buf_clear(&c->params);
	send(c, CALL_DISCOVERING, "server/discover", true);
}

static void send_page(struct call *c, enum call_phase phase, const char *method)
{
	struct json_member cursor = {.key = "cursor"};
	bool ok = true;

	cursor.value = pages_cursor(&c->pages, &cursor.len);
	buf_clear(&c->params);
	if (cursor.value)
		ok = set_object(c, NULL, &cursor, 1);
	send(c, phase, method, ok);
}

static void wait_for(struct call *c, const struct call_world *w, int64_t ms)
{
	c->step = CALL_WAIT;
	c->wake = clock_add(w->now, ms);
}

/* The request itself; asked back, with what was asked for. */
static void send_request(struct call *c, bool as_task)
{
	const char *method = c->kind == CALL_TOOL ? TOOLS_CALL : c->own_method;
	const struct json_member task = {"task", "{}", 2};
	bool ok = true;

	buf_clear(&c->params);
	if (as_task)
		ok = set_object(c, c->base, &task, 1);
	else if (c->base)
		ok = buf_append_str(&c->params, c->base) == BUF_OK;
	send(c, as_task ? CALL_CREATING : CALL_REQUESTING, method, ok);
}

static void send_task(struct call *c, enum call_phase phase, const char *method)
{
	const struct json_member id = {"taskId", c->task, strlen(c->task)};

	send(c, phase, method, set_object(c, NULL, &id, 1));
}

/* --- inputs ------------------------------------------------------------ */

static bool is_declared(enum ask_kind kind, unsigned features)
{
	static const unsigned wanted[] = {[ASK_ROOTS] = PROTOCOL_HAS_ROOTS,
	    [ASK_ELICIT] = PROTOCOL_ELICITS,
	    [ASK_SAMPLE] = PROTOCOL_SAMPLES};

	return kind >= ASK_ROOTS && (features & wanted[kind]);
}

static bool was_served(const struct call *c, const char *key, size_t len)
{
	const char *all = (const char *)c->served.data;

	for (size_t at = 0; at < c->served.len;) {
		const char *end = memchr(all + at, '\n', c->served.len - at);
		size_t n = (size_t)(end - (all + at));
		if (n == len && memcmp(all + at, key, len) == 0)
			return true;
		at += n + 1;
	}
	return false;
}

/* Returns false if the call has ended. */
static bool add_input(struct call *c, const struct call_world *w, const char *key, size_t key_len,
    const char *text, size_t len)
{
	struct jsonrpc_span method = jsonrpc_find_key(text, len, "method");
	struct jsonrpc_span params = jsonrpc_find_key(text, len, "params");
	struct call_input *input = &c->inputs[c->input_count];
	char shown[128];

	input->kind = ask_kind(text + method.at, method.len);
	if (!is_declared(input->kind, w->features) ||
	    (input->kind == ASK_ELICIT && !ask_mode_known(text + params.at, params.len))) {
		call_fail(c, WSMCP_TOOL_ERROR, "the server asks for %s, which is not done here",
		    show(shown, sizeof shown, text + method.at, method.len));
		return false;
	}
	c->input_count++;
	c->unanswered++;
	input->key = strndup(key, key_len);
	input->params = params.len ? strndup(text + params.at, params.len) : NULL;
	if (!input->key || (params.len && !input->params)) {
		no_memory(c);
		return false;
	}
	return true;
}

/* Gathers what the raw object ${text} of inputs wishes for. Returns false if the call has ended. */
static bool gather_inputs(struct call *c, const struct call_world *w, const char *text, size_t len)
{
	struct jsonrpc_span key, value;
	size_t at = 0;

	free_inputs(c);
	c->inputs = calloc(CALL_INPUTS_MAX, sizeof *c->inputs);
	if (!c->inputs) {
		no_memory(c);
		return false;
	}
	while (jsonrpc_member_next(text, len, &at, &key, &value)) {
		if (was_served(c, text + key.at, key.len))
			continue;
		if (c->input_count == CALL_INPUTS_MAX) {
			call_fail(
			    c, WSMCP_TOOL_ERROR, "the server asks for too much input at once");
			return false;
		}
		if (!add_input(c, w, text + key.at, key.len, text + value.at, value.len))
			return false;
	}
	return true;
}

static bool count_round(struct call *c)
{
	if (++c->rounds <= CALL_ROUNDS_MAX)
		return true;
	call_fail(c, WSMCP_TOOL_ERROR, "the server asks for input again and again");
	return false;
}

/* The result says that input is required. */
static void ask_back(struct call *c, const struct call_world *w, const char *text, size_t len)
{
	struct jsonrpc_span inputs = jsonrpc_find_key(text, len, "inputRequests");
	struct jsonrpc_span state = jsonrpc_find_key(text, len, "requestState");

	free(c->state);
	c->state = state.len ? strndup(text + state.at, state.len) : NULL;
	if (!count_round(c))
		return;
	if (state.len && !c->state) {
		no_memory(c);
	} else if (!inputs.len && !state.len) {
		call_fail(c, WSMCP_TOOL_ERROR, "the server asks for input and does not say which");
	} else if (gather_inputs(c, w, text + inputs.at, inputs.len)) {
		c->step = CALL_ASK;
		if (c->input_count == 0)
			wait_for(c, w, CALL_RETRY_WAIT);
	}
}

/* Appends {key: answer, ...}. */
static bool append_responses(struct buf *out, const struct call *c)
{
	bool ok = buf_append_str(out, "{") == BUF_OK;

	for (size_t i = 0; ok && i < c->input_count; i++)
		ok = (i == 0 || buf_append_str(out, ",") == BUF_OK) &&
		     buf_append_str(out, c->inputs[i].key) == BUF_OK &&
		     buf_append_str(out, ":") == BUF_OK &&
		     buf_append_str(out, c->inputs[i].answer) == BUF_OK;
	return ok && buf_append_str(out, "}") == BUF_OK;
}

/* The request again, with the answers and the state as the server gave it. */
static void send_again(struct call *c)
{
	struct buf responses;
	bool ok;

	buf_init(&responses, SIZE_MAX / 2);
	ok = append_responses(&responses, c);
	const struct json_member members[] = {
	    {"inputResponses", c->input_count ? (const char *)responses.data : NULL, responses.len},
	    {"requestState", c->state, c->state ? strlen(c->state) : 0},
	};
	ok = ok && set_object(c, c->base, members, 2);
	buf_free(&responses);
	send(c, CALL_REQUESTING, c->method, ok);
	free_inputs(c);
}

/* --- tasks ------------------------------------------------------------- */

static void remember_served(struct call *c)
{
	bool ok = true;

	for (size_t i = 0; ok && i < c->input_count; i++)
		ok = buf_append_str(&c->served, c->inputs[i].key) == BUF_OK &&
		     buf_append_str(&c->served, "\n") == BUF_OK;
	if (!ok)
		no_memory(c);
}

static void send_update(struct call *c)
{
	struct buf responses;
	bool ok;

	buf_init(&responses, SIZE_MAX / 2);
	ok = append_responses(&responses, c);
	const struct json_member members[] = {
	    {"taskId", c->task, strlen(c->task)},
	    {"inputResponses", (const char *)responses.data, responses.len},
	};
	ok = ok && set_object(c, NULL, members, 2);
	buf_free(&responses);
	send(c, CALL_UPDATING, "tasks/update", ok);
	remember_served(c);
	free_inputs(c);
}

static void ask_for_task(
    struct call *c, const struct call_world *w, const char *text, const struct task_state *t)
{
	if (!gather_inputs(c, w, text + t->inputs.at, t->inputs.len))
		return;
	if (c->input_count == 0) {
		wait_for(c, w, t->poll);
	} else if (count_round(c)) {
		c->phase = CALL_POLLING;
		c->step = CALL_ASK;
	}
}

static void end_task(struct call *c, const char *text, const struct task_state *t)
{
	char shown[CALL_ERROR_SIZE / 2];

	if (t->status == TASK_COMPLETED && t->result.len) {
		succeed(c, text + t->result.at, t->result.len);
	} else if (t->status == TASK_FAILED && t->error.len) {
		fail_with_object(c, WSMCP_TOOL_ERROR, text + t->error.at, t->error.len);
	} else {
		const char *word =
		    t->status == TASK_CANCELLED ? "was cancelled" : "ended without a result";
		show(shown, sizeof shown, text + t->message.at, t->message.len);
		call_fail(c, WSMCP_TOOL_ERROR, "the task %s%s%s", word, *shown ? ": " : "", shown);
	}
}

static void follow_task(
    struct call *c, const struct call_world *w, const char *text, const struct task_state *t)
{
	bool modern = w->protocol->modern;
	char shown[128];

	c->phase = CALL_POLLING;
	if (t->status == TASK_UNKNOWN)
		call_fail(c, WSMCP_TOOL_ERROR, "the task has a status that is not known here: %s",
		    show(shown, sizeof shown, text + t->word.at, t->word.len));
	else if (t->status == TASK_WORKING)
		wait_for(c, w, t->poll);
	else if (!modern)
		/* Also if input is required: the server asks while tasks/result waits. */
		send_task(c, CALL_FETCHING, "tasks/result");
	else if (t->status == TASK_INPUT_REQUIRED)
		ask_for_task(c, w, text, t);
	else
		end_task(c, text, t);
}

/* The raw object ${text} of a task that was made. */
static void begin_task(struct call *c, const struct call_world *w, const char *text, size_t len)
{
	struct task_state t;

	if (!task_read(&t, text, len)) {
		call_fail(c, WSMCP_TOOL_ERROR, "the server made a task without an id");
		return;
	}
	c->task = strndup(text + t.id.at, t.id.len);
	if (!c->task)
		no_memory(c);
	else if (w->protocol->modern && t.status == TASK_INPUT_REQUIRED)
		wait_for(c, w, TASK_POLL_MIN); /* which, only tasks/get says */
	else
		follow_task(c, w, text, &t);
	if (c->step != CALL_DONE && c->phase != CALL_FETCHING)
		c->phase = CALL_POLLING;
}

/* --- answers ----------------------------------------------------------- */

static void judge_result(struct call *c, const struct call_world *w, const char *text, size_t len)
{
	struct jsonrpc_span type = jsonrpc_find_key(text, len, "resultType");
	const char *raw = text + type.at;
	char shown[128];

	if (!w->protocol->modern || !type.len || jsonrpc_string_is(raw, type.len, "complete"))
		succeed(c, text, len);
	else if (jsonrpc_string_is(raw, type.len, "input_required"))
		ask_back(c, w, text, len);
	else if (jsonrpc_string_is(raw, type.len, "task") && calls_tool(c))
		begin_task(c, w, text, len);
	else
		call_fail(c, WSMCP_TOOL_ERROR, "the result is of a type that is not known here: %s",
		    show(shown, sizeof shown, raw, type.len));
}

static void answered_initialize(
    struct call *c, const struct call_world *w, const struct call_answer *a)
{
	char error[PROTOCOL_ERROR_SIZE];

	if (!a->is_error) {
		c->step = CALL_DONE;
		if (!protocol_learn_initialize(w->protocol, a->text, a->len, error))
			call_fail(c, WSMCP_CONNECTION_ERROR, "%s", error);
		return;
	}
	fail_with_answer(c, a);
	if (c->mode == WSMCP_PROTOCOL_AUTO && (!a->ours || a->lost)) {
		c->first_error = c->error;
		c->first_object = c->error_object;
		c->error = c->error_object = NULL;
		c->status = WSMCP_OK;
		send_discover(c);
	}
}

/* Neither kind of beginning is understood. */
static void fail_twice(struct call *c)
{
	char *second = c->error;

	c->error = NULL;
	call_fail(c, WSMCP_CONNECTION_ERROR, "initialize: %.*s; server/discover: %.*s",
	    CALL_ERROR_SIZE / 3, c->first_error ? c->first_error : "failed", CALL_ERROR_SIZE / 3,
	    second ? second : "failed");
	free(second);
	if (c->first_object) {
		free(c->error_object);
		c->error_object = c->first_object;
		c->first_object = NULL;
	}
}

static void answered_discover(
    struct call *c, const struct call_world *w, const struct call_answer *a)
{
	char error[PROTOCOL_ERROR_SIZE];

	if (a->is_error) {
		fail_with_answer(c, a);
		if (c->first_error)
			fail_twice(c);
		return;
	}
	c->step = CALL_DONE;
	if (!protocol_learn_discover(w->protocol, a->text, a->len, error))
		call_fail(c, WSMCP_CONNECTION_ERROR, "%s", error);
}

/* Returns whether all pages are there; if not, the next is asked for, or the call has ended. */
static bool add_page(struct call *c, const struct call_world *w, const struct call_answer *a,
    const char *method, const char *member)
{
	struct jsonrpc_span type = jsonrpc_find_key(a->text, a->len, "resultType");
	char error[PAGES_ERROR_SIZE];

	if (w->protocol->modern && type.len &&
	    !jsonrpc_string_is(a->text + type.at, type.len, "complete")) {
		judge_result(c, w, a->text, a->len);
		if (c->step != CALL_DONE)
			call_fail(c, WSMCP_TOOL_ERROR,
			    "the server asks for input before it gives a list");
		return false;
	}
	switch (pages_add(&c->pages, a->text, a->len, member, error)) {
	case PAGES_MORE:
		send_page(c, c->phase, method);
		return false;
	case PAGES_BAD:
		call_fail(
		    c, WSMCP_TOOL_ERROR, "the answer to %.100s is no list: %s", method, error);
		return false;
	case PAGES_END:
		break;
	}
	return true;
}

static void answered_page(struct call *c, const struct call_world *w, const struct call_answer *a)
{
	size_t len;

	if (a->is_error) {
		fail_with_answer(c, a);
	} else if (add_page(c, w, a, c->own_method, c->member)) {
		c->step = CALL_DONE;
		c->result = pages_take(&c->pages, &len);
		if (!c->result)
			no_memory(c);
	}
}

static void send_tool(struct call *c, const struct call_world *w)
{
	send_request(c, w->protocol->task_calls && task_tools_has(w->tools, c->member));
}

static void answered_tools(struct call *c, const struct call_world *w, const struct call_answer *a)
{
	char *tools;
	size_t len;

	if (a->is_error) {
		fail_with_answer(c, a);
	} else if (add_page(c, w, a, TOOLS_LIST, "tools")) {
		tools = pages_take(&c->pages, &len);
		if (tools && task_tools_learn(w->tools, tools, len))
			send_tool(c, w);
		else
			no_memory(c);
		free(tools);
	}
}

static void answered_request(
    struct call *c, const struct call_world *w, const struct call_answer *a)
{
	if (a->is_error)
		fail_with_answer(c, a);
	else
		judge_result(c, w, a->text, a->len);
}

static void answered_create(struct call *c, const struct call_world *w, const struct call_answer *a)
{
	struct jsonrpc_span task = {0};

	if (!a->is_error)
		task = jsonrpc_find_key(a->text, a->len, "task");
	if (task.len)
		begin_task(c, w, a->text + task.at, task.len);
	else
		answered_request(c, w, a);
}

static void answered_poll(struct call *c, const struct call_world *w, const struct call_answer *a)
{
	struct task_state t;

	if (a->is_error)
		fail_with_answer(c, a);
	else if (!task_read(&t, a->text, a->len) && t.status == TASK_UNKNOWN)
		call_fail(c, WSMCP_TOOL_ERROR, "the answer to tasks/get is no task");
	else
		follow_task(c, w, a->text, &t);
}

static void answered_fetch(struct call *c, const struct call_world *w, const struct call_answer *a)
{
	(void)w;
	if (a->is_error)
		fail_with_answer(c, a);
	else
		succeed(c, a->text, a->len);
}

static void answered_update(struct call *c, const struct call_world *w, const struct call_answer *a)
{
	if (a->is_error) {
		fail_with_answer(c, a);
	} else {
		c->phase = CALL_POLLING;
		wait_for(c, w, TASK_POLL_MIN);
	}
}

void call_answered(struct call *c, const struct call_world *w, const struct call_answer *a)
{
	static void (*const by_phase[])(
	    struct call *, const struct call_world *, const struct call_answer *) = {
	    [CALL_INITIALIZING] = answered_initialize,
	    [CALL_DISCOVERING] = answered_discover,
	    [CALL_PAGING] = answered_page,
	    [CALL_LEARNING] = answered_tools,
	    [CALL_REQUESTING] = answered_request,
	    [CALL_CREATING] = answered_create,
	    [CALL_POLLING] = answered_poll,
	    [CALL_FETCHING] = answered_fetch,
	    [CALL_UPDATING] = answered_update,
	};

	if (!a->is_error && json_kind_of_valid(a->text, a->len) != JSON_OBJECT &&
	    c->kind != CALL_REQUEST)
		call_fail(c, c->kind == CALL_CONNECT ? WSMCP_CONNECTION_ERROR : WSMCP_TOOL_ERROR,
		    "the result of %.100s is no object", c->method);
	else
		by_phase[c->phase](c, w, a);
}

/* --- the other events -------------------------------------------------- */

void call_begin(struct call *c, const struct call_world *w)
{
	switch (c->kind) {
	case CALL_CONNECT:
		if (c->mode == WSMCP_PROTOCOL_MODERN)
			send_discover(c);
		else
			send_initialize(c, w);
		break;
	case CALL_LIST:
		send_page(c, CALL_PAGING, c->own_method);
		break;
	case CALL_TOOL:
		if (w->protocol->task_calls && !w->tools->known)
			send_page(c, CALL_LEARNING, TOOLS_LIST);
		else
			send_tool(c, w);
		break;
	case CALL_REQUEST:
		send_request(c, false);
		break;
	}
}

void call_woken(struct call *c, const struct call_world *w)
{
	(void)w;
	c->wake = CLOCK_NEVER;
	if (c->task)
		send_task(c, CALL_POLLING, "tasks/get");
	else
		send_again(c);
}

void call_give_input(struct call *c, const struct call_world *w, size_t input, const char *answer)
{
	(void)w;
	if (input >= c->input_count || c->inputs[input].answer)
		return;
	c->inputs[input].answer = strdup(answer);
	if (!c->inputs[input].answer) {
		no_memory(c);
		return;
	}
	if (--c->unanswered > 0)
		return;
	if (c->task)
		send_update(c);
	else
		send_again(c);
}

bool call_can_cancel(const struct call *c)
{
	return c->request && c->kind != CALL_CONNECT && !c->task && c->phase != CALL_CREATING;
}

const char *call_task(const struct call *c)
{
	return c->task;
}

bool call_makes_task(const struct call *c)
{
	return c->request && c->phase == CALL_CREATING;
}
