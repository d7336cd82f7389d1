/*
 * Drives libwsmcp as a test tells it: a JSON object a line on stdin is what to do, a JSON object a line on
 * stdout what came of it or what the library told. Several clients can be open at once ("client": 0 to 3).
 * Blocking calls block; meanwhile, and for everything begun with "start_", callbacks do what "on" has said.
 * Texts of JSON are passed as strings, so that they stay as they are.
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "wsmcp.h"

#define CLIENTS 4

static struct client {
	struct wsmcp *w;
	int number;
	cJSON *opened; /* the command, whose strings the options point to */
	const char *lists[2][16];
} clients[CLIENTS];

static cJSON *reactions; /* event -> array of commands */
static unsigned long turns;
static bool quit;

static void act(const cJSON *command);

/* --- telling ----------------------------------------------------------- */

static cJSON *line(const char *kind, const char *what, const struct client *c)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, kind, what);
	if (c)
		cJSON_AddNumberToObject(o, "client", c->number);
	return o;
}

static void print(cJSON *o)
{
	char *text = cJSON_PrintUnformatted(o);

	puts(text);
	fflush(stdout);
	cJSON_free(text);
	cJSON_Delete(o);
}

static void add_text(cJSON *o, const char *name, const char *text)
{
	if (text)
		cJSON_AddStringToObject(o, name, text);
}

static void add_error(cJSON *o, const struct wsmcp *w)
{
	cJSON_AddStringToObject(o, "error", wsmcp_error(w));
	cJSON_AddStringToObject(o, "type", wsmcp_error_type(w));
	add_text(o, "object", wsmcp_error_object(w));
}

/* What a command came to. */
static void told(const struct client *c, const char *what, int status, char *result)
{
	cJSON *o = line("did", what, c);

	cJSON_AddNumberToObject(o, "status", status);
	add_text(o, "result", result);
	add_error(o, c->w);
	free(result);
	print(o);
}

/* --- what the library tells -------------------------------------------- */

static void react(const char *event, int64_t number)
{
	const cJSON *each;

	cJSON_ArrayForEach(each, cJSON_GetObjectItemCaseSensitive(reactions, event))
	{
		cJSON *command = cJSON_Duplicate(each, true);
		if (!cJSON_GetObjectItemCaseSensitive(command, "ticket"))
			cJSON_AddNumberToObject(command, "ticket", (double)number);
		if (!cJSON_GetObjectItemCaseSensitive(command, "call"))
			cJSON_AddNumberToObject(command, "call", (double)number);
		act(command);
		cJSON_Delete(command);
	}
}

static void on_notification(void *context, const char *method, const char *params)
{
	cJSON *o = line("event", "notification", context);

	add_text(o, "method", method);
	add_text(o, "params", params);
	print(o);
	react("notification", 0);
}

static void on_progress(
    void *context, int64_t call, double progress, double total, const char *message)
{
	cJSON *o = line("event", "progress", context);

	cJSON_AddNumberToObject(o, "call", (double)call);
	cJSON_AddNumberToObject(o, "progress", progress);
	cJSON_AddNumberToObject(o, "total", total);
	add_text(o, "message", message);
	print(o);
	react("progress", call);
}

static void asked(void *context, const char *what, int64_t ticket, const char *params)
{
	cJSON *o = line("event", what, context);

	cJSON_AddNumberToObject(o, "ticket", (double)ticket);
	add_text(o, "params", params);
	print(o);
	react(what, ticket);
}

static void on_elicit(void *context, int64_t ticket, const char *params)
{
	asked(context, "elicit", ticket, params);
}

static void on_sample(void *context, int64_t ticket, const char *params)
{
	asked(context, "sample", ticket, params);
}

static void on_withdrawn(void *context, int64_t ticket)
{
	asked(context, "withdrawn", ticket, NULL);
}

static void on_event(void *context, enum wsmcp_event event, const char *text)
{
	static const char *const names[] = {"lost", "back", "log"};
	cJSON *o = line("event", names[event], context);

	add_text(o, "text", text);
	print(o);
	react(names[event], 0);
}

static void on_message(void *context, bool to_server, const char *text, size_t len)
{
	cJSON *o = line("event", to_server ? "to_server" : "from_server", context);
	char *copy = strndup(text, len);

	add_text(o, "text", copy);
	free(copy);
	print(o);
	react(to_server ? "to_server" : "from_server", 0);
}

static void on_done(void *context, enum wsmcp_status status, const char *result)
{
	struct client *c = context;
	cJSON *o = line("event", "done", c);

	cJSON_AddNumberToObject(o, "status", status);
	add_text(o, "result", result);
	add_error(o, c->w);
	print(o);
	react("done", 0);
}

/* --- what is to be done ------------------------------------------------ */

static const char *text_of(const cJSON *command, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(command, name));
}

static int64_t number_of(const cJSON *command, const char *name, int64_t otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(command, name);

	return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : otherwise;
}

static struct wsmcp_list list_of(const cJSON *command, const char *name, const char **items)
{
	struct wsmcp_list list = {.items = items};
	const cJSON *each;

	cJSON_ArrayForEach(each, cJSON_GetObjectItemCaseSensitive(command, name))
	{
		if (list.count < 16)
			items[list.count++] = each->valuestring;
	}
	return list;
}

static void read_options(struct client *c, struct wsmcp_options *o)
{
	const cJSON *command = c->opened;

	wsmcp_options_init(o);
	o->headers = list_of(command, "headers", c->lists[0]);
	o->roots = list_of(command, "roots", c->lists[1]);
	o->config = text_of(command, "config");
	o->trace = text_of(command, "trace");
	o->header_command = text_of(command, "header_command");
	o->cacert = text_of(command, "cacert");
	o->connect_timeout = number_of(command, "connect_timeout", o->connect_timeout);
	o->offline_timeout = number_of(command, "offline_timeout", o->offline_timeout);
	o->request_timeout = number_of(command, "request_timeout", o->request_timeout);
	o->retry_delay_max = number_of(command, "retry_delay_max", o->retry_delay_max);
	o->max_message = (uint64_t)number_of(command, "max_message", (int64_t)o->max_message);
	o->max_reply = (uint64_t)number_of(command, "max_reply", (int64_t)o->max_reply);
	o->protocol = (int)number_of(command, "protocol", o->protocol);
	o->no_reconnect = number_of(command, "no_reconnect", 0) != 0;
}

static void do_open(struct client *c, const cJSON *command)
{
	struct wsmcp_options options;

	cJSON_Delete(c->opened);
	c->opened = cJSON_Duplicate(command, true);
	read_options(c, &options);
	int status = (int)wsmcp_open(&c->w, text_of(c->opened, "target"), &options);
	told(c, "open", status, NULL);
}

/* "callbacks": the names of those that are set; all if it is not there. */
static void do_callbacks(struct client *c, const cJSON *command)
{
	const cJSON *names = cJSON_GetObjectItemCaseSensitive(command, "names"), *name;
	struct wsmcp_callbacks b = {.context = c};

	cJSON_ArrayForEach(name, names)
	{
		const char *n = name->valuestring;
		if (strcmp(n, "notification") == 0)
			b.notification = on_notification;
		else if (strcmp(n, "progress") == 0)
			b.progress = on_progress;
		else if (strcmp(n, "elicit") == 0)
			b.elicit = on_elicit;
		else if (strcmp(n, "sample") == 0)
			b.sample = on_sample;
		else if (strcmp(n, "withdrawn") == 0)
			b.withdrawn = on_withdrawn;
		else if (strcmp(n, "event") == 0)
			b.event = on_event;
		else if (strcmp(n, "message") == 0)
			b.message = on_message;
	}
	wsmcp_set_callbacks(c->w, &b);
	told(c, "callbacks", 0, NULL);
}

static void do_connect(struct client *c, const cJSON *command)
{
	told(c, "connect", (int)wsmcp_connect(c->w, number_of(command, "timeout", -1)), NULL);
}

static void do_list(struct client *c, const cJSON *command)
{
	char *items = NULL;
	const char *method = text_of(command, "method");
	int64_t timeout = number_of(command, "timeout", -1);
	int status =
	    (int)(method ? wsmcp_list(c->w, method, text_of(command, "member"), timeout, &items)
	                 : wsmcp_list_tools(c->w, timeout, &items));

	told(c, "list", status, items);
}

static void do_call(struct client *c, const cJSON *command)
{
	char *result = NULL;
	int status = (int)wsmcp_call_tool(c->w, text_of(command, "tool"),
	    text_of(command, "arguments"), number_of(command, "timeout", -1), &result);

	told(c, "call", status, result);
}

static void do_request(struct client *c, const cJSON *command)
{
	char *result = NULL;
	int status = (int)wsmcp_request(c->w, text_of(command, "method"),
	    text_of(command, "params"), number_of(command, "timeout", -1), &result);

	told(c, "request", status, result);
}

static void do_notify(struct client *c, const cJSON *command)
{
	told(c, "notify",
	    (int)wsmcp_notify(c->w, text_of(command, "method"), text_of(command, "params")), NULL);
}

static void do_disconnect(struct client *c, const cJSON *command)
{
	(void)command;
	wsmcp_disconnect(c->w);
	print(line("did", "disconnect", c));
}

static void do_close(struct client *c, const cJSON *command)
{
	(void)command;
	wsmcp_close(c->w);
	c->w = NULL;
	print(line("did", "close", c));
}

static void began(const struct client *c, const char *what, int64_t call)
{
	cJSON *o = line("did", what, c);

	cJSON_AddNumberToObject(o, "call", (double)call);
	add_error(o, c->w);
	print(o);
}

static void do_start_connect(struct client *c, const cJSON *command)
{
	began(c, "start_connect",
	    wsmcp_start_connect(c->w, number_of(command, "timeout", -1), on_done, c));
}

static void do_start_list(struct client *c, const cJSON *command)
{
	began(c, "start_list",
	    wsmcp_start_list(c->w, text_of(command, "method"), text_of(command, "member"),
	        number_of(command, "timeout", -1), on_done, c));
}

static void do_start_call(struct client *c, const cJSON *command)
{
	began(c, "start_call",
	    wsmcp_start_call_tool(c->w, text_of(command, "tool"), text_of(command, "arguments"),
	        number_of(command, "timeout", -1), on_done, c));
}

static void do_start_request(struct client *c, const cJSON *command)
{
	began(c, "start_request",
	    wsmcp_start_request(c->w, text_of(command, "method"), text_of(command, "params"),
	        number_of(command, "timeout", -1), on_done, c));
}

static void do_cancel(struct client *c, const cJSON *command)
{
	wsmcp_cancel(c->w, number_of(command, "call", 0));
	print(line("did", "cancel", c));
}

static void do_answer(struct client *c, const cJSON *command)
{
	told(c, "answer",
	    (int)wsmcp_answer(c->w, number_of(command, "ticket", 0), text_of(command, "result")),
	    NULL);
}

static void do_refuse(struct client *c, const cJSON *command)
{
	told(c, "refuse",
	    (int)wsmcp_refuse(c->w, number_of(command, "ticket", 0),
	        (int)number_of(command, "code", -1), text_of(command, "message")),
	    NULL);
}

static void do_on(struct client *c, const cJSON *command)
{
	const char *event = text_of(command, "event");

	(void)c;
	cJSON_DeleteItemFromObjectCaseSensitive(reactions, event);
	cJSON_AddItemToObject(reactions, event,
	    cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(command, "then"), true));
	print(line("did", "on", NULL));
}

static void do_info(struct client *c, const cJSON *command)
{
	cJSON *o = line("did", "info", c);

	(void)command;
	cJSON_AddNumberToObject(o, "turns", (double)turns);
	cJSON_AddNumberToObject(o, "cpu", (double)clock() / CLOCKS_PER_SEC);
	if (c->w) {
		add_text(o, "name", wsmcp_name(c->w));
		add_text(o, "url", wsmcp_url(c->w));
		add_text(o, "version", wsmcp_protocol_version(c->w));
		add_text(o, "server", wsmcp_server_result(c->w));
	}
	print(o);
}

static void do_find(struct client *c, const cJSON *command)
{
	struct wsmcp_options options;
	struct wsmcp_server *server = NULL;
	char error[2048] = "";
	cJSON *o = line("did", "find", c);

	cJSON_Delete(c->opened);
	c->opened = cJSON_Duplicate(command, true);
	read_options(c, &options);
	cJSON_AddNumberToObject(o, "status",
	    wsmcp_find_server(&server, text_of(command, "pattern"), &options, error, sizeof error));
	cJSON_AddStringToObject(o, "error", error);
	if (server) {
		cJSON *names = cJSON_AddArrayToObject(o, "headers");
		add_text(o, "name", server->name);
		add_text(o, "url", server->url);
		add_text(o, "file", server->file);
		for (size_t i = 0; i < server->header_count; i++)
			cJSON_AddItemToArray(names, cJSON_CreateString(server->header_names[i]));
	}
	wsmcp_server_free(server);
	print(o);
}

static void do_quit(struct client *c, const cJSON *command)
{
	(void)c;
	(void)command;
	quit = true;
}

static void act(const cJSON *command)
{
	static const struct {
		const char *name;
		void (*run)(struct client *c, const cJSON *command);
	} table[] = {
	    {"open", do_open},
	    {"callbacks", do_callbacks},
	    {"connect", do_connect},
	    {"list", do_list},
	    {"call", do_call},
	    {"request", do_request},
	    {"notify", do_notify},
	    {"disconnect", do_disconnect},
	    {"close", do_close},
	    {"start_connect", do_start_connect},
	    {"start_list", do_start_list},
	    {"start_call", do_start_call},
	    {"start_request", do_start_request},
	    {"cancel", do_cancel},
	    {"answer", do_answer},
	    {"refuse", do_refuse},
	    {"on", do_on},
	    {"info", do_info},
	    {"find", do_find},
	    {"quit", do_quit},
	};
	const char *name = text_of(command, "do");
	struct client *c = &clients[number_of(command, "client", 0)];

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (name && strcmp(name, table[i].name) == 0) {
			table[i].run(c, command);
			return;
		}
	}
	fprintf(stderr, "client_driver: what is to be done? %s\n", name ? name : "");
	exit(70);
}

/* --- the loop ---------------------------------------------------------- */

/* Lines must not hide in a buffer of stdio, or poll would not see them. */
static void read_commands(void)
{
	static char buffer[1 << 20];
	static size_t used;
	size_t at = 0;
	char *end;
	ssize_t n = read(STDIN_FILENO, buffer + used, sizeof buffer - used);

	if (n <= 0) {
		quit = true;
		return;
	}
	used += (size_t)n;
	while (!quit && (end = memchr(buffer + at, '\n', used - at)) != NULL) {
		cJSON *command = cJSON_ParseWithLength(buffer + at, (size_t)(end - (buffer + at)));
		at = (size_t)(end + 1 - buffer);
		act(command);
		cJSON_Delete(command);
	}
	used -= at;
	/* By hand: valgrind takes a fortified memmove for a memcpy. */
	for (size_t i = 0; at > 0 && i < used; i++)
		buffer[i] = buffer[at + i];
}

static void turn(void)
{
	struct pollfd fds[1 + CLIENTS * WSMCP_POLL_MAX];
	size_t counts[CLIENTS] = {0}, total = 1;
	int timeout = -1, t;

	fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	for (int i = 0; i < CLIENTS; i++) {
		if (!clients[i].w)
			continue;
		counts[i] = wsmcp_fds(clients[i].w, fds + total, WSMCP_POLL_MAX, &t);
		total += counts[i];
		if (t >= 0 && (timeout < 0 || t < timeout))
			timeout = t;
	}
	turns++;
	if (poll(fds, (nfds_t)total, timeout) < 0)
		return;
	total = 1;
	for (int i = 0; i < CLIENTS; i++) {
		if (clients[i].w)
			wsmcp_process(clients[i].w, fds + total, counts[i]);
		total += counts[i];
	}
	if (fds[0].revents)
		read_commands();
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	reactions = cJSON_CreateObject();
	for (int i = 0; i < CLIENTS; i++)
		clients[i].number = i;
	while (!quit)
		turn();
	for (int i = 0; i < CLIENTS; i++) {
		wsmcp_close(clients[i].w);
		cJSON_Delete(clients[i].opened);
	}
	cJSON_Delete(reactions);
	return 0;
}
