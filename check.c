#include "check.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checklist.h"
#include "clock.h"
#include "config.h"
#include "helper.h"
#include "log.h"
#include "phrase.h"
#include "pretty.h"
#include "screen.h"
#include "signals.h"
#include "target.h"
#include "wsmcp.h"

#define DETAIL_SIZE 4096
#define JSON_MAX    ((size_t)32 << 20)
#define PONG_WAIT                                                                                  \
	2000 /* ms for the answer to a WebSocket ping, after everything else was answered */

struct check {
	const struct options *o;
	struct output *out;
	struct checklist list;
	struct wsmcp *client;
	int signals; /* to poll */
	int ended_by;
	enum wsmcp_status worst;

	int64_t began, opened; /* us: when it began, and when the target was open */
	int64_t asked,
	    heard;       /* when the first message went to the server, and when the last one came */
	bool configured; /* that step was told */
	char *lost, *lost_cause; /* why the first link ended that was open */

	/* what is waited for */
	bool done, late;
	enum wsmcp_status status;
	char *result;
};

/* --- telling ------------------------------------------------------------ */

/* The first step that failed is what it ends with. */
static void fail(struct check *c, enum wsmcp_status status, const char *step, const char *error,
    const char *cause)
{
	if (!checklist_failed(&c->list))
		c->worst = status;
	checklist_fail(&c->list, step, error, cause);
}

static void tell_failed(struct check *c, enum wsmcp_status status, const char *step, int64_t us,
    const char *error, const char *cause)
{
	struct checklist_step s;

	checklist_step_begin(&s, step, false, us);
	checklist_step_end(&c->list, &s, error);
	fail(c, status, step, error, cause);
}

/* What the layers below say would stand between the lines; why it failed is told anyway. */
static void on_log(void *context, enum log_level level, const char *text)
{
	struct check *c = context;

	if (level == LOG_WARNING)
		checklist_warn(&c->list, text);
	else if (level > LOG_WARNING)
		(void)fprintf(stderr, "wsmcp: %s\n", text);
}

/* Adds the text of a string member, if there is one. */
static void add_member(struct phrase *p, const char *before, struct value object, const char *key)
{
	char *text = value_string(value_member(object, key), NULL);

	if (text && *text)
		phrase_add(p, "%s%s", before, text);
	free(text);
}

/* Adds ", " and the next of a list, or ${before} and the first one. */
static void add_item(struct phrase *p, const char *before, bool first, struct value string)
{
	char *text = value_string(string, NULL);

	phrase_add(p, "%s%s", first ? before : ", ", text ? text : "");
	free(text);
}

/* --- the configuration -------------------------------------------------- */

static void tell_server(struct phrase *detail, struct object *o, const struct server *s)
{
	phrase_add(
	    detail, "%s in %s:%u (%s), ", s->name, s->file, s->line, config_place_name(s->place));
	object_text(o, "name", s->name);
	object_text(o, "file", s->file);
	object_number(o, "line", s->line);
	object_text(o, "place", config_place_name(s->place));
}

static void tell_headers(struct phrase *detail, struct object *o, struct value report)
{
	struct value headers = value_member(report, "headers"), name;
	bool first = true;
	size_t at = 0;

	while (value_next(headers, &at, &name)) {
		add_item(detail, "; headers ", first, name);
		first = false;
	}
	object_value(o, "headers", headers.len ? headers : value_of("[]"));
}

/* The proxy is known only once it is used: variables of the environment are libcurl's affair. */
static void tell_proxy(
    const struct check *c, struct phrase *detail, struct object *o, struct value report)
{
	char *proxy = value_string(value_member(report, "proxy"), NULL);
	char *variable = value_string(value_member(report, "proxy_variable"), NULL);
	const char *given = c->o->server.proxy ? "--proxy" : "the configuration";
	char from[128];

	(void)snprintf(from, sizeof from, "%s%s", variable ? "the environment's " : given,
	    variable ? variable : "");
	if (proxy) {
		phrase_add(detail, "; through %s (%s)", proxy, from);
		object_text(o, "proxy", proxy);
		object_text(o, "proxy_from", from);
	}
	free(proxy);
	free(variable);
}

static void tell_files(const struct wsmcp_options *options, const struct server *s,
    struct phrase *detail, struct object *o)
{
	const struct {
		const char *name, *given, *configured;
	} files[] = {
	    {"cacert", options->cacert, s ? s->cacert : NULL},
	    {"cert", options->cert, s ? s->cert : NULL},
	    {"key", options->key, s ? s->key : NULL},
	};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		const char *path = files[i].given ? files[i].given : files[i].configured;
		if (!path)
			continue;
		phrase_add(detail, "; %s %s", files[i].name, path);
		object_text(o, files[i].name, path);
	}
}

static bool has_command(const struct check *c, const struct server *s)
{
	return c->o->server.header_command || (s && s->header_command);
}

/* ${report} may be nothing, if there was no attempt. */
static void tell_configuration(struct check *c, struct value report)
{
	const char *name = wsmcp_name(c->client);
	struct config *config = *name ? target_config(&c->o->server) : NULL;
	char error[CONFIG_ERROR_SIZE], text[DETAIL_SIZE];
	const struct server *s = config ? config_find(config, name, error) : NULL;
	struct phrase detail = phrase_in(text, sizeof text);
	struct checklist_step step;

	c->configured = true;
	checklist_step_begin(&step, "configuration", true, c->opened - c->began);
	if (s)
		tell_server(&detail, &step.object, s);
	phrase_add(&detail, "%s", wsmcp_url(c->client));
	object_text(&step.object, "url", wsmcp_url(c->client));
	tell_headers(&detail, &step.object, report);
	tell_proxy(c, &detail, &step.object, report);
	tell_files(&c->o->server, s, &detail, &step.object);
	checklist_step_end(&c->list, &step, text);
	if (has_command(c, s) && report.len) {
		checklist_step_begin(&step, "headers", true, clock_now_us() - c->opened);
		checklist_step_end(&c->list, &step, "the header command gave them");
	}
	config_free(config);
}

/* --- waiting ------------------------------------------------------------ */

/* Tells what the report has new. */
static void follow(struct check *c)
{
	struct value report = value_of(wsmcp_report(c->client)), step;
	size_t at = 0;

	if (report.len && !c->configured)
		tell_configuration(c, report);
	while (value_next(value_member(report, "steps"), &at, &step))
		checklist_tell(&c->list, step);
}

static void on_done(void *context, enum wsmcp_status status, const char *result)
{
	struct check *c = context;

	c->done = true;
	c->status = status;
	c->result = result ? strdup(result) : NULL;
	if (result && !c->result)
		c->status = WSMCP_NO_MEMORY;
}

static void on_message(void *context, bool to_server, const char *text, size_t len)
{
	struct check *c = context;

	(void)text;
	(void)len;
	if (!to_server)
		c->heard = clock_now_us();
	else if (c->asked == 0)
		c->asked = clock_now_us();
}

/* Of a server that ends every link, the first end tells most; the next attempt has a report of its
 * own. */
static void note_loss(struct check *c)
{
	struct value report = value_of(wsmcp_report(c->client));

	if (c->lost || !value_is(value_member(report, "failed"), "link"))
		return;
	c->lost = value_string(value_member(report, "error"), NULL);
	c->lost_cause = value_string(value_member(report, "cause"), NULL);
}

static void on_event(void *context, enum wsmcp_event event, const char *text)
{
	struct check *c = context;
	char line[DETAIL_SIZE];

	note_loss(c);
	(void)snprintf(line, sizeof line, "the connection was lost, and is made again: %s", text);
	if (event == WSMCP_EVENT_LOST)
		checklist_warn(&c->list, line);
}

/* Until ${until} at most. */
static void turn(struct check *c, int64_t until)
{
	struct pollfd fds[WSMCP_POLL_MAX + 1] = {{.fd = c->signals, .events = POLLIN}};
	int timeout, ours = clock_poll_timeout(until, clock_now());
	size_t count = wsmcp_fds(c->client, fds + 1, WSMCP_POLL_MAX, &timeout);
	bool counters;

	if (timeout < 0 || (ours >= 0 && ours < timeout))
		timeout = ours;
	if (poll(fds, (nfds_t)count + 1, timeout) < 0) {
		for (size_t i = 0; i <= count; i++)
			fds[i].revents = 0;
	}
	if (fds[0].revents)
		c->ended_by = signals_take(&counters);
	wsmcp_process(c->client, fds + 1, count);
}

/* How long one answer may take. */
static int64_t patience(const struct check *c)
{
	int64_t given = c->o->server.request_timeout;

	return given > 0 ? given : CHECK_PATIENCE;
}

/*
 * Waits for what was begun as ${call}. Returns whether it went well. The first thing is to connect,
 * which may take its time; what is said to the server then, not.
 */
static bool wait_for(struct check *c, int64_t call)
{
	bool beginning = c->asked == 0;
	int64_t until = CLOCK_NEVER;

	free(c->result);
	c->result = NULL;
	c->done = false;
	c->status = WSMCP_CONNECTION_ERROR; /* of what could not be begun; wsmcp_error knows why */
	while (call && !c->done && c->ended_by == 0) {
		turn(c, until);
		follow(c);
		if (beginning && c->asked && until == CLOCK_NEVER)
			until = clock_add(clock_now(), patience(c));
		if (!c->done && clock_now() >= until) {
			c->late = true;
			wsmcp_cancel(c->client, call);
		}
	}
	return c->status == WSMCP_OK && c->ended_by == 0;
}

/* --- initialize --------------------------------------------------------- */

static void tell_capabilities(struct phrase *detail, struct object *o, struct value capabilities)
{
	struct value name, value;
	bool first = true;
	size_t at = 0;

	object_key(o, "capabilities");
	output_str(o->out, "[");
	while (value_next_member(capabilities, &at, &name, &value)) {
		add_item(detail, "; capabilities ", first, name);
		output_str(o->out, first ? "" : ",");
		value_put(o->out, name);
		first = false;
	}
	output_str(o->out, "]");
	if (first)
		phrase_add(detail, "; no capabilities");
}

static void tell_initialized(struct check *c)
{
	struct value server = value_of(wsmcp_server_result(c->client));
	struct value info = value_member(server, "serverInfo");
	const char *version = wsmcp_protocol_version(c->client);
	char text[DETAIL_SIZE];
	struct phrase detail = phrase_in(text, sizeof text);
	struct checklist_step step;

	checklist_step_begin(&step, "initialize", true, c->heard - c->asked);
	add_member(&detail, "", info, "name");
	add_member(&detail, " ", info, "version");
	phrase_add(&detail, "%sprotocol %s", detail.len ? "; " : "", version);
	object_value(&step.object, "server", info);
	object_text(&step.object, "protocol", version);
	tell_capabilities(&detail, &step.object, value_member(server, "capabilities"));
	checklist_step_end(&c->list, &step, text);
}

static const char *cause_of_silence(const struct check *c)
{
	return c->heard
	           ? "It sends messages, but not the answer: it does not speak MCP, or changes "
	             "the ids of requests (--trace FILE shows what it says)."
	           : "It took the WebSocket but says nothing: it may be no MCP server, or wait "
	             "for something behind it; its log may say.";
}

/* Between the open link and the agreement on a protocol. */
static void tell_not_initialized(struct check *c)
{
	int64_t took = clock_now_us() - c->asked;
	char late[80];

	(void)snprintf(late, sizeof late, "not answered within %" PRId64 " ms", patience(c));
	if (c->late)
		tell_failed(
		    c, WSMCP_CONNECTION_ERROR, "initialize", took, late, cause_of_silence(c));
	else if (wsmcp_error_object(c->client))
		tell_failed(c, c->status, "initialize", took, wsmcp_error(c->client),
		    "The server knows neither initialize nor server/discover, or does not want to "
		    "begin with us: it may be no MCP server, or want other credentials.");
	else
		tell_failed(c, c->status, "initialize", took,
		    c->lost ? c->lost : wsmcp_error(c->client), c->lost_cause ? c->lost_cause : "");
}

/* The attempt itself failed, or there was none. */
static void tell_not_connected(struct check *c)
{
	struct value report = value_of(wsmcp_report(c->client));
	char *failed = value_string(value_member(report, "failed"), NULL);
	char *error = value_string(value_member(report, "error"), NULL);
	char *cause = value_string(value_member(report, "cause"), NULL);

	if (!c->configured)
		tell_configuration(c, VALUE_NOTHING);
	if (failed)
		fail(c, c->status, failed, error ? error : "", cause ? cause : "");
	else
		tell_failed(c, c->status, "headers", clock_now_us() - c->opened,
		    wsmcp_error(c->client), "");
	free(failed);
	free(error);
	free(cause);
}

/* Longer than any attempt, its header command and its report may take. */
static int64_t longest_attempt(const struct check *c)
{
	const struct wsmcp_options *o = &c->o->server;
	int64_t attempt = o->connect_timeout > 0 ? o->connect_timeout : CHECK_PATIENCE;
	int64_t offline = o->offline_timeout > 0 ? o->offline_timeout : 0;

	return clock_add(clock_add(attempt, offline), clock_add(CHECK_PATIENCE, patience(c)));
}

static void check_connection(struct check *c)
{
	bool ok = wait_for(c, wsmcp_start_connect(c->client, longest_attempt(c), on_done, c));

	if (c->ended_by)
		return;
	if (ok)
		tell_initialized(c);
	else if (c->asked)
		tell_not_initialized(c);
	else
		tell_not_connected(c);
}

/* --- tools, ping -------------------------------------------------------- */

static void tell_tools(struct check *c, bool declared, int64_t took)
{
	struct value tools = value_of(c->result), tool;
	char detail[64] = "the server declares none";
	struct checklist_step step;
	int64_t count = 0;
	size_t at = 0;

	while (declared && value_next(tools, &at, &tool))
		count++;
	if (declared)
		(void)snprintf(
		    detail, sizeof detail, "%" PRId64 " tool%s", count, count == 1 ? "" : "s");
	checklist_step_begin(&step, "tools", true, took);
	object_number(&step.object, "tools", count);
	checklist_step_end(&c->list, &step, detail);
}

static void check_tools(struct check *c)
{
	struct value capabilities =
	    value_member(value_of(wsmcp_server_result(c->client)), "capabilities");
	bool declared = value_member(capabilities, "tools").len > 0;
	int64_t began = clock_now_us();

	if (!declared || wait_for(c, wsmcp_start_list(c->client, "tools/list", "tools", patience(c),
	                                 on_done, c)))
		tell_tools(c, declared, clock_now_us() - began);
	else if (c->ended_by == 0)
		tell_failed(c, c->status, "tools", clock_now_us() - began, wsmcp_error(c->client),
		    "The connection is good; what is wrong is in the server: its log may say.");
}

/* The WebSocket ping left when the link was made. */
static struct value wait_for_pong(struct check *c)
{
	int64_t until = clock_add(clock_now(), PONG_WAIT);
	struct value pong;

	for (;;) {
		pong = value_member(value_of(wsmcp_report(c->client)), "ping_ms");
		if (pong.len || c->ended_by || clock_now() >= until)
			return pong;
		turn(c, until);
	}
}

/* ${took} is negative if MCP's own ping was not answered. */
static void tell_ping(struct check *c, bool asked, int64_t took, struct value pong)
{
	char text[128], warning[DETAIL_SIZE];
	struct phrase detail = phrase_in(text, sizeof text);
	struct checklist_step step;

	checklist_step_begin(&step, "ping", true, took);
	if (asked && took >= 0) {
		phrase_add(
		    &detail, "MCP %" PRId64 ".%02d ms", took / 1000, (int)(took % 1000 / 10));
	} else if (asked) {
		(void)snprintf(warning, sizeof warning, "the server does not answer MCP's ping: %s",
		    wsmcp_error(c->client));
		object_text(&step.object, "warning", warning);
	}
	if (pong.len) {
		phrase_add(&detail, "%sWebSocket %.*s ms", detail.len ? ", " : "",
		    (int)pong.len - 1, pong.text);
		object_value(&step.object, "websocket_ms", pong);
	} else if (!asked || took >= 0) {
		object_text(&step.object, "warning",
		    "the server does not answer WebSocket pings: when it has nothing to say it "
		    "will "
		    "be taken for dead (--ping-interval 0 turns that off)");
	}
	checklist_step_end(&c->list, &step, text);
}

static void check_ping(struct check *c)
{
	/* MCP has had no ping since 2026-07-28. */
	bool asked = strcmp(wsmcp_protocol_version(c->client), "2026") < 0, ok = false;
	int64_t began = clock_now_us(), took;

	if (asked)
		ok = wait_for(
		    c, wsmcp_start_request(c->client, "ping", NULL, patience(c), on_done, c));
	took = clock_now_us() - began;
	if (c->ended_by)
		return;
	if (asked && !ok && c->status != WSMCP_TOOL_ERROR) {
		tell_failed(c, c->status, "ping", took, wsmcp_error(c->client),
		    "The server was there a moment ago: its log may say why it is not now.");
		return;
	}
	tell_ping(c, asked, ok || !asked ? took : -1, wait_for_pong(c));
}

/* --- all of it ---------------------------------------------------------- */

static const char *type_of(enum wsmcp_status status)
{
	static const char *const names[] = {
	    [WSMCP_TOOL_ERROR] = "ToolError",
	    [WSMCP_WRONG_USAGE] = "UsageError",
	    [WSMCP_CONFIGURATION_ERROR] = "ConfigurationError",
	    [WSMCP_CONNECTION_ERROR] = "ConnectionError",
	    [WSMCP_DEPENDENCY_ERROR] = "DependencyError",
	};

	return status < sizeof names / sizeof *names && names[status] ? names[status] : "Error";
}

static void print_json(struct check *c)
{
	struct buf text;
	struct output out;
	struct object o;
	unsigned style = isatty(STDOUT_FILENO) ? PRETTY_SAFE : PRETTY_PLAIN;

	if (screen_colours(STDOUT_FILENO))
		style |= PRETTY_COLOUR;
	buf_init(&text, JSON_MAX);
	output_to_buf(&out, &text);
	object_begin(&o, &out);
	object_text(&o, "target", wsmcp_url(c->client));
	object_ms(&o, "ms", clock_now_us() - c->began);
	checklist_put(&c->list, &o);
	if (checklist_failed(&c->list))
		object_text(&o, "error_type", type_of(c->worst));
	object_end(&o);
	if (output_end(&out) == 0)
		pretty_put(c->out, (struct value){(const char *)text.data, text.len}, style);
	output_str(c->out, "\n");
	buf_free(&text);
}

/* Runs in a signal handler: the header command must not outlive us. */
static void last_act(void *nothing)
{
	(void)nothing;
	helper_abandon();
}

/* Returns false if the program cannot go on at all. */
static bool begin(struct check *c)
{
	const struct wsmcp_callbacks callbacks = {
	    .context = c, .message = on_message, .event = on_event};
	struct wsmcp_options options = c->o->server;
	enum wsmcp_status status;

	options.report = true;
	c->began = clock_now_us();
	status = wsmcp_open(&c->client, c->o->operands[0], &options);
	c->opened = clock_now_us();
	if (!c->client)
		return false;
	if (status != WSMCP_OK)
		tell_failed(
		    c, status, "configuration", c->opened - c->began, wsmcp_error(c->client), "");
	wsmcp_set_callbacks(c->client, &callbacks);
	c->signals = signals_begin(last_act, NULL);
	return c->signals >= 0;
}

static void check_all(struct check *c)
{
	if (!checklist_failed(&c->list))
		check_connection(c);
	if (!checklist_failed(&c->list) && c->ended_by == 0)
		check_tools(c);
	if (c->worst <= WSMCP_TOOL_ERROR && c->ended_by == 0)
		check_ping(c);
	if (c->ended_by)
		return;
	if (c->o->json)
		print_json(c);
	else
		checklist_end(&c->list);
}

int check_run(struct output *out, const struct options *o)
{
	struct check c = {.o = o, .out = out, .signals = -1};
	int status = WSMCP_NO_MEMORY;

	checklist_begin(&c.list, out, o->json);
	log_set_sink(on_log, &c);
	if (begin(&c)) {
		check_all(&c);
		status = c.ended_by ? 128 + c.ended_by : (int)c.worst;
	}
	wsmcp_close(c.client);
	log_set_sink(NULL, NULL);
	checklist_free(&c.list);
	free(c.result);
	free(c.lost);
	free(c.lost_cause);
	return status;
}
