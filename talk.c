#include "talk.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "completion.h"
#include "dialog.h"
#include "editor.h"
#include "helper.h"
#include "log.h"
#include "recall.h"
#include "show.h"
#include "signals.h"
#include "terminal.h"

#define READ_SIZE      65536
#define CONNECT_EXTRA  30000 /* ms beyond the offline timeout, for the server's answer */
#define INVALID_PARAMS (-32602)

enum slot {
	SLOT_SIGNALS,
	SLOT_TERMINAL,
	SLOT_INPUT,
	SLOT_CLIENT,
	SLOTS = SLOT_CLIENT + WSMCP_POLL_MAX
};

/* Something that the server asks the person. */
struct question {
	struct question *next;
	int64_t ticket;
	char *params;
};

struct talk {
	const struct options *o;
	struct wsmcp *client;
	struct console *console;
	struct editor_owner owner; /* that is us */
	struct editor *editor;     /* NULL for a script */
	char *recall;              /* path; NULL = no history is kept */
	int signals, terminal;     /* to poll; -1 = none */
	int ending;
	bool interrupted;
	bool connecting, tracing;

	/* what is waited for */
	int64_t call; /* 0 = nothing */
	bool answered;
	struct talk_answer *answer;

	/* what the server asks */
	struct question *questions;
	int64_t asking; /* ticket; 0 = nothing */
	bool withdrawn;

	/* its lists */
	struct catalog catalog;
	bool stale[CATALOG_KINDS];
	int fetching; /* the kind that is being fetched; -1 = none */
	const char *const *subscriptions;

	/* a script */
	struct buf input;
	size_t looked_at; /* of the input: no newline in front of that */
	bool input_ended, skipping;
};

int talk_ending(const struct talk *t)
{
	return t->ending;
}

struct console *talk_console(struct talk *t)
{
	return t->console;
}

struct wsmcp *talk_client(struct talk *t)
{
	return t->client;
}

struct catalog *talk_catalog(struct talk *t)
{
	return &t->catalog;
}

void talk_trace(struct talk *t, bool on)
{
	t->tracing = on;
}

void talk_set_subscriptions(struct talk *t, const char *const *uris)
{
	t->subscriptions = uris;
}

static void end_with(struct talk *t, int status)
{
	if (t->ending < 0)
		t->ending = status;
}

/* --- what the log says --------------------------------------------------------------------- */

static void on_log(void *context, enum log_level level, const char *text)
{
	static const struct {
		const char *prefix;
		enum console_tone tone;
	} looks[] = {
	    [LOG_ERROR] = {"error: ", CONSOLE_BAD},
	    [LOG_WARNING] = {"warning: ", CONSOLE_WARNING},
	    [LOG_NOTICE] = {"", CONSOLE_DIM},
	    [LOG_INFO] = {"", CONSOLE_DIM},
	    [LOG_DEBUG] = {"", CONSOLE_DIM},
	};
	struct talk *t = context;
	struct output *out = console_aside(t->console);

	console_tone(t->console, out, looks[level].tone);
	output_str(out, looks[level].prefix);
	output_str(out, text);
	console_tone(t->console, out, CONSOLE_PLAIN);
	output_str(out, "\n");
}

/* --- what the client tells ----------------------------------------------------------------- */

static void on_notification(void *context, const char *method, const char *params)
{
	struct talk *t = context;

	/*
	 * These are about calls, and tell nothing new: late progress, and questions that were
	 * withdrawn.
	 */
	if (strcmp(method, "notifications/progress") == 0 ||
	    strcmp(method, "notifications/cancelled") == 0)
		return;
	show_notification(t->console, method, params);
	for (int kind = 0; kind < CATALOG_KINDS; kind++)
		if (catalog_changes((enum catalog_kind)kind, method))
			t->stale[kind] = true;
}

static void on_progress(
    void *context, int64_t call, double progress, double total, const char *message)
{
	struct talk *t = context;

	if (call == t->call && t->asking == 0)
		console_progress(t->console, progress, total, message);
}

static void on_elicit(void *context, int64_t ticket, const char *params)
{
	struct talk *t = context;
	struct question *q = calloc(1, sizeof *q), **slot = &t->questions;

	if (q != NULL)
		q->params = strdup(params);
	if (q == NULL || q->params == NULL) {
		free(q);
		(void)wsmcp_answer(t->client, ticket, "{\"action\":\"cancel\"}");
		return;
	}
	q->ticket = ticket;
	while (*slot != NULL)
		slot = &(*slot)->next;
	*slot = q;
}

static void drop_question(struct question **slot)
{
	struct question *q = *slot;

	*slot = q->next;
	free(q->params);
	free(q);
}

static void on_withdrawn(void *context, int64_t ticket)
{
	struct talk *t = context;

	if (ticket == t->asking)
		t->withdrawn = true;
	for (struct question **slot = &t->questions; *slot != NULL; slot = &(*slot)->next)
		if ((*slot)->ticket == ticket) {
			drop_question(slot);
			return;
		}
}

/* The log tells what becomes of the connection. */
static void on_event(void *context, enum wsmcp_event event, const char *text)
{
	struct talk *t = context;

	(void)text;
	if (event == WSMCP_EVENT_LOST && t->o->server.no_reconnect)
		end_with(t, WSMCP_CONNECTION_ERROR);
}

static void on_message(void *context, bool to_server, const char *text, size_t len)
{
	struct talk *t = context;

	if (t->tracing)
		show_message(t->console, to_server, text, len);
}

/* --- lists for completion ------------------------------------------------------------------ */

static void on_list(void *context, enum wsmcp_status status, const char *result)
{
	struct talk *t = context;
	const enum catalog_kind kind = (enum catalog_kind)t->fetching;
	char *copy = status == WSMCP_OK ? strdup(result) : NULL;

	t->fetching = -1;
	if (copy != NULL)
		catalog_set(&t->catalog, kind, copy);
}

static bool is_capable(const struct talk *t, enum catalog_kind kind)
{
	struct value capabilities =
	    value_member(value_of(wsmcp_server_result(t->client)), "capabilities");

	return value_member(capabilities, catalog_capability(kind)).len > 0;
}

/*
 * Asks for one of the lists that may have changed, so that it is there when somebody presses Tab.
 */
static void fetch_lists(struct talk *t)
{
	for (int i = 0; t->editor != NULL && i < CATALOG_KINDS && t->fetching < 0; i++) {
		const enum catalog_kind kind = (enum catalog_kind)i;

		if (!t->stale[i])
			continue;
		t->stale[i] = false;
		if (!is_capable(t, kind))
			continue;
		t->fetching = i;
		if (wsmcp_start_list(
		        t->client, catalog_method(kind), catalog_member(kind), -1, on_list, t) == 0)
			t->fetching = -1;
	}
}

/* --- one turn of the loop ------------------------------------------------------------------ */

static void take_signals(struct talk *t)
{
	bool counters;
	const int signal = signals_take(&counters);

	if (signal != 0)
		end_with(t, 128 + signal);
}

/* As Ctrl-Z does: the terminal as it was, until somebody wants us again. */
static void stop(struct talk *t)
{
	console_forget_progress(t->console);
	editor_pause(t->editor);
	terminal_restore();
	terminal_stop();
	editor_resume(t->editor);
}

static void take_terminal_events(struct talk *t)
{
	const unsigned events = terminal_take();

	if (events & TERMINAL_INTERRUPT)
		t->interrupted = true;
	if (events & TERMINAL_QUIT)
		end_with(t, 128 + SIGQUIT);
	if (events & TERMINAL_STOP)
		stop(t);
	else if (events & TERMINAL_CONTINUED)
		editor_resume(t->editor);
	if (events & TERMINAL_RESIZED)
		editor_resize(t->editor);
}

static int earlier(int timeout, int64_t deadline)
{
	const int other = clock_poll_timeout(deadline, clock_now());

	return timeout < 0 || (other >= 0 && other < timeout) ? other : timeout;
}

/*
 * Waits for something to happen, and lets it. Returns whether there is input, if ${input} is
 * wanted.
 */
static bool turn(struct talk *t, bool input)
{
	struct pollfd fds[SLOTS];
	int timeout;
	size_t count;

	if (!t->connecting)
		fetch_lists(t);
	if (!console_settle(t->console))
		end_with(t, WSMCP_OK);
	if (t->ending >= 0)
		return false;
	fds[SLOT_SIGNALS] = (struct pollfd){.fd = t->signals, .events = POLLIN};
	fds[SLOT_TERMINAL] = (struct pollfd){.fd = t->terminal, .events = POLLIN};
	/* A terminal is looked at also when nothing is read: it may have gone. */
	fds[SLOT_INPUT] = (struct pollfd){
	    .fd = input || t->editor != NULL ? STDIN_FILENO : -1, .events = input ? POLLIN : 0};
	count = wsmcp_fds(t->client, &fds[SLOT_CLIENT], WSMCP_POLL_MAX, &timeout);
	if (poll(fds, (nfds_t)(SLOT_CLIENT + count),
	        earlier(timeout, console_deadline(t->console))) < 0)
		for (size_t i = 0; i < SLOT_CLIENT + count; i++)
			fds[i].revents = 0;
	if (fds[SLOT_SIGNALS].revents != 0) /* first: there are 80 ms to go */
		take_signals(t);
	/*
	 * Also one that came while poll returned: its key was in front of those that can be read
	 * now.
	 */
	if (t->editor != NULL)
		take_terminal_events(t);
	wsmcp_process(t->client, &fds[SLOT_CLIENT], count);
	if (!input && fds[SLOT_INPUT].revents != 0)
		end_with(t, WSMCP_OK); /* hung up */
	return input && fds[SLOT_INPUT].revents != 0;
}

/* --- questions of the server --------------------------------------------------------------- */

static enum dialog_end read_answer(void *context, const char *prompt, char **line)
{
	struct talk *t = context;

	(void)console_settle(t->console); /* above the prompt */
	switch (editor_read(t->editor, prompt, false, line)) {
	case EDITOR_LINE:
		return DIALOG_LINE;
	case EDITOR_END:
		return t->ending >= 0 ? DIALOG_GONE : DIALOG_DECLINE;
	case EDITOR_STOPPED:
		break;
	}
	if (!t->interrupted || t->withdrawn || t->ending >= 0)
		return DIALOG_GONE;
	t->interrupted = false;
	return DIALOG_CANCEL;
}

/*
 * Asks the person; NULL with the error filled if that is not possible, "" if the server does not
 * want it any more.
 */
static char *ask_person(struct talk *t, const char *params, char *error)
{
	const struct dialog d = {.console = t->console, .read = read_answer, .context = t};
	char *result = dialog_run(&d, params, error);

	if (t->withdrawn)
		log_notice("the server does not want an answer any more");
	return result;
}

static void serve_question(struct talk *t)
{
	char error[DIALOG_ERROR_SIZE] = "", *result = NULL;
	const int64_t ticket = t->questions->ticket;
	char *params = t->questions->params;

	t->questions->params = NULL;
	drop_question(&t->questions);
	t->asking = ticket;
	t->withdrawn = false;
	if (t->editor != NULL) {
		terminal_forget_keys(); /* they were meant for something else */
		result = ask_person(t, params, error);
	} else {
		log_warning("the server asks for input, and there is nobody to ask: cancelled");
		result = strdup("{\"action\":\"cancel\"}");
	}
	t->asking = 0;
	free(params);
	if (*error != '\0')
		log_warning("the server asks something that cannot be asked: %s", error);
	if (result != NULL)
		(void)wsmcp_answer(t->client, ticket, result);
	else
		(void)wsmcp_refuse(t->client, ticket, INVALID_PARAMS,
		    *error != '\0' ? error : "there is no answer");
	free(result);
}

/* --- waiting for an answer ----------------------------------------------------------------- */

static char *copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

void talk_answer_free(struct talk_answer *a)
{
	free(a->result);
	free(a->error);
	free(a->error_object);
	*a = (struct talk_answer){0};
}

static void take_error(struct talk *t, struct talk_answer *a)
{
	a->error = copy(wsmcp_error(t->client));
	a->error_object = copy(wsmcp_error_object(t->client));
}

static void on_done(void *context, enum wsmcp_status status, const char *result)
{
	struct talk *t = context;

	if (t->answer == NULL)
		return;
	t->answer->status = status;
	t->answer->result = copy(result);
	if (status != WSMCP_OK)
		take_error(t, t->answer);
	else if (result != NULL && t->answer->result == NULL)
		t->answer->status = WSMCP_NO_MEMORY;
	t->answered = true;
}

/* The status that goes with the last error, of what could not even be begun. */
static enum wsmcp_status status_of_error(const struct talk *t)
{
	static const struct {
		const char *type;
		enum wsmcp_status status;
	} types[] = {
	    {"ToolError", WSMCP_TOOL_ERROR},
	    {"UsageError", WSMCP_WRONG_USAGE},
	    {"ConfigurationError", WSMCP_CONFIGURATION_ERROR},
	    {"DependencyError", WSMCP_DEPENDENCY_ERROR},
	    {"OutOfMemory", WSMCP_NO_MEMORY},
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(wsmcp_error_type(t->client), types[i].type) == 0)
			return types[i].status;
	return WSMCP_CONNECTION_ERROR;
}

/* Waits for the end of ${call}; its done function is on_done, which fills t->answer. */
static void wait_for(struct talk *t, int64_t call)
{
	if (call == 0) {
		t->answer->status = status_of_error(t);
		take_error(t, t->answer);
		t->answer = NULL;
		return;
	}
	t->call = call;
	t->answered = t->interrupted = false;
	while (!t->answered && t->ending < 0) {
		(void)turn(t, false);
		while (t->questions != NULL && t->ending < 0)
			serve_question(t);
		if (t->interrupted)
			wsmcp_cancel(t->client, call);
		t->interrupted = false;
	}
	if (!t->answered)
		t->answer->status = WSMCP_CANCELLED;
	console_forget_progress(t->console);
	t->call = 0;
	t->answer = NULL;
}

/* Prepares for an answer; what follows begins a call and gives it to wait_for. */
static void expect(struct talk *t, struct talk_answer *a)
{
	*a = (struct talk_answer){0};
	t->answer = a;
}

void talk_connect(struct talk *t, struct talk_answer *a)
{
	const int64_t offline = t->o->server.offline_timeout;

	expect(t, a);
	t->connecting = true;
	wait_for(t, wsmcp_start_connect(t->client,
	                clock_add(offline > 0 ? offline : 0, CONNECT_EXTRA), on_done, t));
	t->connecting = false;
	for (int kind = 0; kind < CATALOG_KINDS; kind++)
		t->stale[kind] = a->status == WSMCP_OK;
}

void talk_list(struct talk *t, const char *method, const char *member, struct talk_answer *a)
{
	expect(t, a);
	wait_for(t, wsmcp_start_list(t->client, method, member, -1, on_done, t));
}

void talk_call_tool(struct talk *t, const char *tool, const char *arguments, struct talk_answer *a)
{
	expect(t, a);
	wait_for(t, wsmcp_start_call_tool(t->client, tool, arguments, -1, on_done, t));
}

void talk_request(struct talk *t, const char *method, const char *params, struct talk_answer *a)
{
	expect(t, a);
	wait_for(t, wsmcp_start_request(t->client, method, params, -1, on_done, t));
}

/* --- a person's lines ---------------------------------------------------------------------- */

/* The editor waits for a key. */
static bool wait_for_key(void *context)
{
	struct talk *t = context;

	for (;;) {
		const bool key = turn(t, true);
		const bool other =
		    t->asking != 0 ? t->withdrawn : t->questions != NULL && !t->interrupted;

		if (t->interrupted || t->ending >= 0) {
			editor_abandon(t->editor, t->interrupted ? "^C" : "");
			return false;
		}
		if (other) {
			if (t->asking == 0)
				editor_keep_draft(t->editor);
			editor_hide(t->editor);
			return false;
		}
		if (key) {
			if (!console_settle(t->console))
				end_with(t, WSMCP_OK);
			return true;
		}
	}
}

static void complete(void *context, const char *line, struct editor_completion *out)
{
	struct talk *t = context;
	struct completion found;

	completion_find(&found, line, &t->catalog, t->subscriptions);
	out->at = found.at;
	out->insert = found.insert;
	found.insert = NULL;
	if (out->insert == NULL)
		out->list = completion_list(&found, console_columns(t->console));
	completion_free(&found);
}

static void remember(struct talk *t, const char *line)
{
	if (*line == '\0' || *line == ' ' || *line == '\t')
		return;
	editor_remember(t->editor, line);
	if (t->recall == NULL || recall_add(t->recall, line) == 0 || errno == EAGAIN)
		return;
	log_warning("no history is kept in %s: %s", t->recall, strerror(errno));
	free(t->recall);
	t->recall = NULL;
}

static enum talk_input read_person(struct talk *t, const char *prompt, char **line)
{
	while (t->ending < 0) {
		enum editor_end end;

		t->interrupted = false;
		(void)console_settle(t->console);
		end = editor_read(t->editor, prompt, true, line);
		if (end == EDITOR_LINE) {
			remember(t, *line);
			return TALK_LINE;
		}
		if (end == EDITOR_END) {
			output_str(console_result(t->console), "\n");
			return TALK_END;
		}
		while (t->questions != NULL && t->ending < 0)
			serve_question(t);
	}
	return TALK_END;
}

/* --- a script's lines ---------------------------------------------------------------------- */

static char *take_line(struct talk *t, size_t len)
{
	char *line = malloc(len + 1);

	if (line == NULL) {
		log_error("out of memory");
		end_with(t, WSMCP_CONNECTION_ERROR);
		return NULL;
	}
	memcpy(line, t->input.data, len);
	line[len] = '\0';
	if (len > 0 && line[len - 1] == '\r')
		line[len - 1] = '\0';
	return line;
}

/* Reads what there is. A line that has no room is read, but not kept. */
static void read_input(struct talk *t)
{
	ssize_t n;

	if (buf_reserve(&t->input, READ_SIZE) != BUF_OK) {
		t->skipping = true;
		buf_clear(&t->input);
		t->looked_at = 0;
		if (buf_reserve(&t->input, READ_SIZE) != BUF_OK) {
			t->input_ended = true;
			return;
		}
	}
	n = read(STDIN_FILENO, t->input.data + t->input.len, READ_SIZE);
	if (n > 0)
		t->input.len += (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK))
		t->input_ended = true;
}

static enum talk_input read_script(struct talk *t, char **line)
{
	for (;;) {
		const unsigned char *newline = NULL;
		size_t len = t->input.len;

		if (t->looked_at < len)
			newline = memchr(t->input.data + t->looked_at, '\n', len - t->looked_at);
		t->looked_at = len;
		if (newline != NULL)
			len = (size_t)(newline - t->input.data);
		if (newline != NULL || (t->input_ended && len > 0)) {
			const bool skipped = t->skipping;

			*line = skipped ? NULL : take_line(t, len);
			buf_consume(&t->input, newline != NULL ? len + 1 : len);
			t->looked_at = 0;
			t->skipping = false;
			return skipped ? TALK_TOO_LONG : *line != NULL ? TALK_LINE : TALK_END;
		}
		if (t->input_ended)
			return TALK_END;
		if (turn(t, true))
			read_input(t);
		if (t->ending >= 0)
			return TALK_END;
		while (t->questions != NULL)
			serve_question(t);
	}
}

enum talk_input talk_read(struct talk *t, const char *prompt, char **line)
{
	*line = NULL;
	return t->editor != NULL ? read_person(t, prompt, line) : read_script(t, line);
}

/* --- beginning and end --------------------------------------------------------------------- */

/* Runs in a signal handler: what must not outlive us, and what must not stay as we made it. */
static void last_act(void *user)
{
	(void)user;
	helper_abandon();
	terminal_restore();
}

static void load_line(void *context, const char *line)
{
	editor_remember(context, line);
}

static void load_history(struct talk *t)
{
	t->recall = recall_path(getenv("XDG_STATE_HOME"), getenv("HOME"));
	if (t->recall == NULL) {
		if (errno != ENOENT)
			log_warning("no history is kept: %s", strerror(errno));
		return;
	}
	if (recall_load(t->recall, load_line, t->editor) == 0)
		return;
	log_warning("no history is kept in %s: %s", t->recall, strerror(errno));
	free(t->recall);
	t->recall = NULL;
}

/* The terminal becomes ours. */
static bool meet_person(struct talk *t)
{
	t->owner = (struct editor_owner){t, wait_for_key, complete};
	t->terminal = terminal_begin();
	if (t->terminal < 0)
		return false;
	t->editor = editor_new(&t->owner);
	if (t->editor == NULL)
		return false;
	console_set_editor(t->console, t->editor);
	log_set_sink(on_log, t);
	load_history(t);
	return true;
}

static enum wsmcp_status open_client(struct talk *t, const char *target, char *error)
{
	const struct wsmcp_callbacks callbacks = {.context = t,
	    .notification = on_notification,
	    .progress = on_progress,
	    .elicit = on_elicit,
	    .withdrawn = on_withdrawn,
	    .event = on_event,
	    .message = on_message};
	enum wsmcp_status status = wsmcp_open(&t->client, target, &t->o->server);

	if (status != WSMCP_OK) {
		(void)snprintf(error, TALK_ERROR_SIZE, "%s", wsmcp_error(t->client));
		return status;
	}
	wsmcp_set_callbacks(t->client, &callbacks);
	return WSMCP_OK;
}

static enum wsmcp_status set_up(struct talk *t, const char *target, char *error)
{
	const bool person = terminal_is_there();
	enum wsmcp_status status = open_client(t, target, error);

	if (status != WSMCP_OK)
		return status;
	(void)snprintf(error, TALK_ERROR_SIZE, "out of memory");
	buf_init(&t->input, (size_t)t->o->server.max_message + READ_SIZE);
	t->console = console_new(person);
	if (t->console == NULL)
		return WSMCP_NO_MEMORY;
	t->signals = signals_begin(last_act, NULL);
	if (t->signals >= 0 && (!person || meet_person(t))) {
		*error = '\0';
		return WSMCP_OK;
	}
	(void)snprintf(error, TALK_ERROR_SIZE, "cannot set up the terminal: %s", strerror(errno));
	return WSMCP_CONNECTION_ERROR;
}

enum wsmcp_status talk_open(
    struct talk **out, const struct options *o, const char *target, char *error)
{
	struct talk *t = calloc(1, sizeof *t);
	enum wsmcp_status status;

	*out = NULL;
	(void)snprintf(error, TALK_ERROR_SIZE, "out of memory");
	if (t == NULL)
		return WSMCP_NO_MEMORY;
	t->o = o;
	t->signals = t->terminal = -1;
	t->ending = t->fetching = -1;
	status = set_up(t, target, error);
	if (status == WSMCP_OK)
		*out = t;
	else
		talk_close(t);
	return status;
}

void talk_close(struct talk *t)
{
	if (t == NULL)
		return;
	if (t->console != NULL) {
		(void)console_settle(t->console);
		console_set_editor(t->console, NULL);
	}
	log_set_sink(NULL, NULL);
	editor_free(t->editor);
	terminal_end();
	t->editor = NULL;
	t->answer = NULL;
	wsmcp_close(t->client);
	signals_forget();
	while (t->questions != NULL)
		drop_question(&t->questions);
	catalog_free(&t->catalog);
	console_free(t->console);
	buf_free(&t->input);
	free(t->recall);
	free(t);
}
