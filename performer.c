#include "performer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "clock.h"
#include "compat.h"
#include "log.h"
#include "nearest.h"
#include "screen.h"
#include "show.h"
#include "source.h"
#include "tool.h"
#include "verb.h"
#include "words.h"

_Static_assert(SOURCE_ERROR_SIZE <= TOOL_ERROR_SIZE, "what one writes must fit in the other's");

#define SUBSCRIPTIONS_MAX 1000
#define HELP_COLUMN       24 /* where the texts begin */

/* A resource whose updates are wanted. */
struct subscription {
	struct performer *owner;
	char *uri;
	int64_t listen; /* the request that brings them, in 2026-07-28; 0 = none */
};

struct performer {
	struct talk *talk;
	struct console *console;
	const struct options *o;
	struct subscription *subscriptions[SUBSCRIPTIONS_MAX];
	const char *uris[SUBSCRIPTIONS_MAX + 1]; /* the same, for completion */
	size_t subscription_count;
};

/* One line that is being done. */
struct task {
	struct performer *p;
	const char *line;
	struct words words;
	enum verb verb;
};

/* --- failures ------------------------------------------------------------------------------ */

static PRINTF_LIKE(2, 3) enum wsmcp_status fail(enum wsmcp_status status, const char *format, ...)
{
	char text[TOOL_ERROR_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_error("%s", text);
	return status;
}

/* Tells how a request failed; what the server adds to its error, too. */
static enum wsmcp_status fail_with(struct task *t, struct talk_answer *a)
{
	struct value data = value_member(value_of(a->error_object), "data");
	const enum wsmcp_status status = a->status;

	if (talk_ending(t->p->talk) >= 0)
		return status; /* the end says why itself */
	if (status == WSMCP_CANCELLED) {
		log_notice("cancelled");
		return status;
	}
	log_error("%s", a->error != NULL ? a->error : "out of memory");
	if (data.len > 0 && value_type(data) != VALUE_NULL)
		console_json(t->p->console, console_aside(t->p->console), data);
	return status;
}

/* --- requests ------------------------------------------------------------------------------ */

/* A JSON object in the making. */
struct params {
	struct buf text;
	struct output out;
};

static void params_begin(struct params *p)
{
	buf_init(&p->text, SIZE_MAX / 2);
	output_to_buf(&p->out, &p->text);
	output_str(&p->out, "{");
}

/* "KEY": with a comma in front where one belongs; the value is the caller's */
static void params_key(struct params *p, const char *before, const char *key)
{
	output_str(&p->out, before);
	value_put_string(&p->out, key, strlen(key));
	output_str(&p->out, ":");
}

static void params_string(struct params *p, const char *before, const char *key, const char *value)
{
	params_key(p, before, key);
	value_put_string(&p->out, value, strlen(value));
}

/* Ends it, asks, and frees it. */
static void ask(struct task *t, const char *method, struct params *p, struct talk_answer *a)
{
	output_put(&p->out, "}", sizeof "}");
	if (output_end(&p->out) == 0)
		talk_request(t->p->talk, method, (const char *)p->text.data, a);
	else
		*a = (struct talk_answer){.status = WSMCP_NO_MEMORY};
	buf_free(&p->text);
}

/* Shows an answer with ${show}, or says what went wrong. */
static enum wsmcp_status finish(
    struct task *t, struct talk_answer *a, void (*show)(struct console *c, struct value result))
{
	enum wsmcp_status status = a->status;

	if (status == WSMCP_OK)
		show(t->p->console, value_of(a->result));
	else
		status = fail_with(t, a);
	talk_answer_free(a);
	return status;
}

/* Asks for one of the server's lists; it is then in the catalog. */
static enum wsmcp_status list(struct task *t, enum catalog_kind kind)
{
	struct talk_answer a;
	enum wsmcp_status status;

	talk_list(t->p->talk, catalog_method(kind), catalog_member(kind), &a);
	status = a.status;
	if (status == WSMCP_OK) {
		catalog_set(talk_catalog(t->p->talk), kind, a.result);
		a.result = NULL;
	} else {
		status = fail_with(t, &a);
	}
	talk_answer_free(&a);
	return status;
}

/* --- tools --------------------------------------------------------------------------------- */

static enum wsmcp_status do_tools(struct task *t)
{
	enum wsmcp_status status = list(t, CATALOG_TOOLS);

	if (status == WSMCP_OK)
		show_tools(t->p->console, catalog_items(talk_catalog(t->p->talk), CATALOG_TOOLS));
	return status;
}

/*
 * The tool of this name. If it is not in the list as we know it, the list is asked for once more.
 */
static enum wsmcp_status find_tool(struct task *t, const char *name, struct value *tool)
{
	const struct catalog *catalog = talk_catalog(t->p->talk);
	char error[TOOL_ERROR_SIZE];
	enum wsmcp_status status;

	*tool = catalog_find(catalog, CATALOG_TOOLS, name);
	if (tool->len > 0)
		return WSMCP_OK;
	status = list(t, CATALOG_TOOLS);
	if (status != WSMCP_OK)
		return status;
	*tool = catalog_find(catalog, CATALOG_TOOLS, name);
	if (tool->len > 0)
		return WSMCP_OK;
	tool_unknown(catalog_items(catalog, CATALOG_TOOLS), name, error);
	return fail(WSMCP_TOOL_ERROR, "%s", error);
}

static enum wsmcp_status do_tool(struct task *t)
{
	struct value tool;
	enum wsmcp_status status = find_tool(t, t->words.items[1], &tool);

	if (status == WSMCP_OK)
		show_tool(t->p->console, tool);
	return status;
}

static enum wsmcp_status show_called(struct task *t, struct talk_answer *a)
{
	enum wsmcp_status status = a->status;

	if (status == WSMCP_TOOL_ERROR && a->result != NULL) {
		log_error("the tool says that it failed");
		show_call(t->p->console, value_of(a->result));
	} else if (status == WSMCP_OK) {
		show_call(t->p->console, value_of(a->result));
	} else {
		status = fail_with(t, a);
	}
	talk_answer_free(a);
	return status;
}

/* {"key": ...} for all arguments, as it stands in the line */
static int read_object(const struct task *t, struct value tool, struct buf *out, char *error)
{
	const char *text = t->line + t->words.at[2];
	struct value object;

	if (!value_read(&object, text, strlen(text)) || value_type(object) != VALUE_OBJECT) {
		(void)snprintf(
		    error, TOOL_ERROR_SIZE, "the arguments are not a JSON object in UTF-8");
		return -1;
	}
	if (arguments_check(object, tool, error) != 0)
		return -1;
	if (buf_append(out, object.text, object.len) == BUF_OK)
		return 0;
	(void)snprintf(error, TOOL_ERROR_SIZE, "out of memory");
	return -1;
}

static int read_words(const struct task *t, struct value tool, struct buf *out, char *error)
{
	struct arguments arguments = {0};
	int result = 0;

	for (size_t i = 2; i < t->words.count && result == 0; i++)
		result = arguments_add(
		    &arguments, t->words.items[i], source_file, t->p->o->server.max_message, error);
	if (result == 0)
		result = arguments_object(&arguments, tool, out, error);
	arguments_free(&arguments);
	return result;
}

static enum wsmcp_status do_call(struct task *t)
{
	const bool whole = t->words.count > 2 && t->line[t->words.at[2]] == '{';
	char error[TOOL_ERROR_SIZE];
	struct talk_answer a;
	struct value tool;
	struct buf object;
	enum wsmcp_status status = find_tool(t, t->words.items[1], &tool);

	if (status != WSMCP_OK)
		return status;
	buf_init(&object, SIZE_MAX / 2);
	if ((whole ? read_object : read_words)(t, tool, &object, error) != 0) {
		status = fail(WSMCP_TOOL_ERROR, "%s", error);
	} else if (buf_append(&object, "", 1) != BUF_OK) {
		status = fail(WSMCP_NO_MEMORY, "out of memory");
	} else {
		talk_call_tool(t->p->talk, t->words.items[1], (const char *)object.data, &a);
		status = show_called(t, &a);
	}
	buf_free(&object);
	return status;
}

/* --- resources ----------------------------------------------------------------------------- */

static enum wsmcp_status do_resources(struct task *t)
{
	const struct catalog *catalog = talk_catalog(t->p->talk);
	enum wsmcp_status status = list(t, CATALOG_RESOURCES);
	struct talk_answer a;

	if (status != WSMCP_OK)
		return status;
	/* Some servers with resources do not know of templates at all. */
	talk_list(
	    t->p->talk, catalog_method(CATALOG_TEMPLATES), catalog_member(CATALOG_TEMPLATES), &a);
	if (a.status == WSMCP_OK) {
		catalog_set(talk_catalog(t->p->talk), CATALOG_TEMPLATES, a.result);
		a.result = NULL;
	} else if (a.status != WSMCP_TOOL_ERROR) {
		status = fail_with(t, &a);
	}
	talk_answer_free(&a);
	if (status == WSMCP_OK)
		show_resources(t->p->console, catalog_items(catalog, CATALOG_RESOURCES),
		    catalog_items(catalog, CATALOG_TEMPLATES));
	return status;
}

/* Asks ${method} with {"uri": the first word}. */
static void ask_uri(struct task *t, const char *method, struct talk_answer *a)
{
	struct params params;

	params_begin(&params);
	params_string(&params, "", "uri", t->words.items[1]);
	ask(t, method, &params, a);
}

static enum wsmcp_status do_read(struct task *t)
{
	struct talk_answer a;

	ask_uri(t, "resources/read", &a);
	return finish(t, &a, show_contents);
}

/* --- subscriptions ------------------------------------------------------------------------- */

static struct subscription *find_subscription(const struct performer *p, const char *uri)
{
	for (size_t i = 0; i < p->subscription_count; i++)
		if (strcmp(p->subscriptions[i]->uri, uri) == 0)
			return p->subscriptions[i];
	return NULL;
}

static void note_subscriptions(struct performer *p)
{
	for (size_t i = 0; i < p->subscription_count; i++)
		p->uris[i] = p->subscriptions[i]->uri;
	p->uris[p->subscription_count] = NULL;
}

/* NULL if there are too many, or memory is out. */
static struct subscription *add_subscription(struct performer *p, const char *uri)
{
	struct subscription *s = NULL;

	if (p->subscription_count < SUBSCRIPTIONS_MAX)
		s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->owner = p;
	s->uri = strdup(uri);
	if (s->uri == NULL) {
		free(s);
		return NULL;
	}
	p->subscriptions[p->subscription_count++] = s;
	note_subscriptions(p);
	return s;
}

/* NULL is fine. */
static void drop_subscription(struct subscription *s)
{
	struct performer *p = s != NULL ? s->owner : NULL;

	if (s == NULL)
		return;
	for (size_t i = 0; i < p->subscription_count; i++)
		if (p->subscriptions[i] == s)
			p->subscriptions[i] = p->subscriptions[--p->subscription_count];
	note_subscriptions(p);
	free(s->uri);
	free(s);
}

static bool is_modern(const struct task *t)
{
	const char *version = wsmcp_protocol_version(talk_client(t->p->talk));

	return version != NULL && strcmp(version, "2026-07-28") >= 0;
}

/* The request that brought updates has ended. */
static void on_listened(void *context, enum wsmcp_status status, const char *result)
{
	struct subscription *s = context;
	const char *why = wsmcp_error(talk_client(s->owner->talk));

	(void)result;
	if (status != WSMCP_CANCELLED)
		log_warning(
		    "the subscription to %s has ended%s%s", s->uri, *why != '\0' ? ": " : "", why);
	drop_subscription(s);
}

/* {"notifications": {"resourceSubscriptions": [URI]}}, answered when it ends */
static enum wsmcp_status listen_to(struct task *t, struct subscription *s)
{
	struct wsmcp *client = talk_client(t->p->talk);
	struct params p;

	params_begin(&p);
	params_key(&p, "", "notifications");
	output_str(&p.out, "{");
	params_key(&p, "", "resourceSubscriptions");
	output_str(&p.out, "[");
	value_put_string(&p.out, s->uri, strlen(s->uri));
	output_put(&p.out, "]}}", sizeof "]}}");
	if (output_end(&p.out) == 0)
		s->listen = wsmcp_start_request(
		    client, "subscriptions/listen", (const char *)p.text.data, -1, on_listened, s);
	buf_free(&p.text);
	if (s->listen != 0)
		return WSMCP_OK;
	drop_subscription(s);
	return fail(WSMCP_CONNECTION_ERROR, "%s", wsmcp_error(client));
}

static void show_subscribed(struct console *c, struct value result)
{
	(void)result;
	output_str(console_result(c), "ok\n");
}

static enum wsmcp_status do_subscribe(struct task *t)
{
	const char *uri = t->words.items[1];
	struct subscription *s = find_subscription(t->p, uri);
	struct talk_answer a;

	if (s == NULL)
		s = add_subscription(t->p, uri);
	if (s == NULL)
		return fail(WSMCP_WRONG_USAGE, "there are too many subscriptions");
	if (is_modern(t))
		return s->listen != 0 ? WSMCP_OK : listen_to(t, s);
	ask_uri(t, "resources/subscribe", &a);
	if (a.status != WSMCP_OK)
		drop_subscription(s);
	return finish(t, &a, show_subscribed);
}

static enum wsmcp_status do_unsubscribe(struct task *t)
{
	struct subscription *s = find_subscription(t->p, t->words.items[1]);
	struct talk_answer a;

	if (is_modern(t)) {
		if (s == NULL)
			return fail(
			    WSMCP_TOOL_ERROR, "there is no subscription to %s", t->words.items[1]);
		wsmcp_cancel(talk_client(t->p->talk), s->listen);
		return WSMCP_OK;
	}
	ask_uri(t, "resources/unsubscribe", &a);
	if (a.status == WSMCP_OK)
		drop_subscription(s);
	return finish(t, &a, show_subscribed);
}

/* --- prompts ------------------------------------------------------------------------------- */

static enum wsmcp_status do_prompts(struct task *t)
{
	enum wsmcp_status status = list(t, CATALOG_PROMPTS);

	if (status == WSMCP_OK)
		show_prompts(
		    t->p->console, catalog_items(talk_catalog(t->p->talk), CATALOG_PROMPTS));
	return status;
}

/*
 * Puts the words from ${first} on, each key=value, as an object of strings. Returns false with the
 * usage told.
 */
static bool put_pairs(struct task *t, struct params *p, size_t first)
{
	output_str(&p->out, "{");
	for (size_t i = first; i < t->words.count; i++) {
		char *word = t->words.items[i], *equals = strchr(word, '=');

		if (equals == NULL) {
			(void)fail(WSMCP_WRONG_USAGE, "\"%.100s\" is not key=value", word);
			return false;
		}
		*equals = '\0';
		params_string(p, i > first ? "," : "", word, equals + 1);
		*equals = '=';
	}
	output_str(&p->out, "}");
	return true;
}

static enum wsmcp_status do_prompt(struct task *t)
{
	struct talk_answer a;
	struct params p;

	params_begin(&p);
	params_string(&p, "", "name", t->words.items[1]);
	if (t->words.count > 2) {
		params_key(&p, ",", "arguments");
		if (!put_pairs(t, &p, 2)) {
			buf_free(&p.text);
			return WSMCP_WRONG_USAGE;
		}
	}
	ask(t, "prompts/get", &p, &a);
	return finish(t, &a, show_prompt);
}

/* complete prompt|resource NAME ARG [VALUE [key=value...]] */
static enum wsmcp_status do_complete(struct task *t)
{
	char *const *words = t->words.items;
	const bool prompt = strcmp(words[1], "prompt") == 0;
	struct talk_answer a;
	struct params p;

	if (!prompt && strcmp(words[1], "resource") != 0)
		return fail(WSMCP_WRONG_USAGE, "usage: %s", verb_row(t->verb)->usage);
	params_begin(&p);
	params_key(&p, "", "ref");
	output_str(&p.out, "{");
	params_string(&p, "", "type", prompt ? "ref/prompt" : "ref/resource");
	params_string(&p, ",", prompt ? "name" : "uri", words[2]);
	output_str(&p.out, "}");
	params_key(&p, ",", "argument");
	output_str(&p.out, "{");
	params_string(&p, "", "name", words[3]);
	params_string(&p, ",", "value", t->words.count > 4 ? words[4] : "");
	output_str(&p.out, "}");
	if (t->words.count > 5) {
		params_key(&p, ",", "context");
		output_str(&p.out, "{");
		params_key(&p, "", "arguments");
		if (!put_pairs(t, &p, 5)) {
			buf_free(&p.text);
			return WSMCP_WRONG_USAGE;
		}
		output_str(&p.out, "}");
	}
	ask(t, "completion/complete", &p, &a);
	return finish(t, &a, show_completion);
}

/* --- the rest ------------------------------------------------------------------------------ */

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words != NULL && strcmp(*words, word) != 0)
		words++;
	return *words != NULL;
}

static enum wsmcp_status do_log(struct task *t)
{
	const char *level = t->words.items[1];
	struct talk_answer a;
	struct params p;

	if (!is_one_of(level, verb_levels()))
		return fail(WSMCP_WRONG_USAGE,
		    "the levels are debug, info, notice, warning, error, critical, alert and "
		    "emergency");
	params_begin(&p);
	params_string(&p, "", "level", level);
	ask(t, "logging/setLevel", &p, &a);
	return finish(t, &a, show_subscribed);
}

static enum wsmcp_status do_ping(struct task *t)
{
	const int64_t began = clock_now_us();
	struct talk_answer a;
	char text[80];

	talk_request(t->p->talk, "ping", NULL, &a);
	if (a.status == WSMCP_OK) {
		const int64_t us = clock_now_us() - began;
		(void)snprintf(text, sizeof text, "answered after %" PRId64 ".%" PRId64 " ms\n",
		    us / 1000, us / 100 % 10);
		output_str(console_result(t->p->console), text);
		talk_answer_free(&a);
		return WSMCP_OK;
	}
	return finish(t, &a, show_json);
}

/*
 * A raw value as a text of its own, to be freed; NULL for none. Sets ${*failed} if memory is out.
 */
static char *copy_value(struct value v, bool *failed)
{
	char *text = v.len > 0 ? strndup(v.text, v.len) : NULL;

	*failed = *failed || (v.len > 0 && text == NULL);
	return text;
}

static enum wsmcp_status send_message(
    struct task *t, const char *method, const char *params, bool has_id)
{
	struct wsmcp *client = talk_client(t->p->talk);
	struct talk_answer a;

	if (!has_id && strncmp(method, "notifications/", strlen("notifications/")) == 0) {
		enum wsmcp_status status = wsmcp_notify(client, method, params);
		return status == WSMCP_OK ? WSMCP_OK : fail(status, "%s", wsmcp_error(client));
	}
	talk_request(t->p->talk, method, params, &a);
	return finish(t, &a, show_json);
}

static enum wsmcp_status do_send(struct task *t)
{
	const char *text = t->line + t->words.at[1];
	char *method = NULL, *params = NULL;
	bool failed = false;
	struct value message;
	enum wsmcp_status status;

	if (!value_read(&message, text, strlen(text)) || value_type(message) != VALUE_OBJECT ||
	    value_type(value_member(message, "method")) != VALUE_STRING)
		return fail(WSMCP_WRONG_USAGE,
		    "a JSON object is wanted, like {\"method\": \"tools/list\", \"params\": {}}");
	method = value_string(value_member(message, "method"), NULL);
	params = copy_value(value_member(message, "params"), &failed);
	if (method == NULL || failed)
		status = fail(WSMCP_NO_MEMORY, "out of memory");
	else
		status = send_message(t, method, params, value_member(message, "id").len > 0);
	free(method);
	free(params);
	return status;
}

static enum wsmcp_status do_trace(struct task *t)
{
	const char *word = t->words.items[1];

	if (!is_one_of(word, verb_switches()))
		return fail(WSMCP_WRONG_USAGE, "usage: %s", verb_row(t->verb)->usage);
	talk_trace(t->p->talk, strcmp(word, "on") == 0);
	return WSMCP_OK;
}

/* "  usage   what it does", wrapped; a long usage has a line of its own. */
static void put_help(struct console *c, struct output *out, const struct verb_row *row)
{
	const size_t len = strlen(row->usage);

	output_spaces(out, 2);
	output_str(out, row->usage);
	if (2 + len + 2 > HELP_COLUMN)
		output_str(out, "\n");
	else
		output_spaces(out, HELP_COLUMN - 2 - len);
	screen_wrap(out, row->help, strlen(row->help), 2 + len + 2 > HELP_COLUMN ? 0 : HELP_COLUMN,
	    HELP_COLUMN, console_columns(c));
	output_str(out, "\n");
}

static enum wsmcp_status do_help(struct task *t)
{
	static const char *const hint =
	    "Words with blanks stand in quotes. Tab completes, Ctrl-R searches earlier lines, "
	    "Ctrl-C "
	    "cancels a call, Ctrl-D leaves. A line that begins with a blank is not remembered.";
	struct console *c = t->p->console;
	struct output *out = console_result(c);
	enum verb verb = VERB_COUNT;

	if (t->words.count > 1) {
		verb = verb_find(t->words.items[1]);
		if (verb == VERB_COUNT)
			return fail(
			    WSMCP_WRONG_USAGE, "there is no command \"%.100s\"", t->words.items[1]);
		put_help(c, out, verb_row(verb));
		return WSMCP_OK;
	}
	for (int i = 0; i < VERB_COUNT; i++)
		put_help(c, out, verb_row((enum verb)i));
	screen_wrap(out, hint, strlen(hint), 0, 0, console_columns(c));
	output_str(out, "\n");
	return WSMCP_OK;
}

/* --- lines --------------------------------------------------------------------------------- */

static enum wsmcp_status (*const deeds[])(struct task *t) = {
    [VERB_TOOLS] = do_tools,
    [VERB_TOOL] = do_tool,
    [VERB_CALL] = do_call,
    [VERB_RESOURCES] = do_resources,
    [VERB_READ] = do_read,
    [VERB_SUBSCRIBE] = do_subscribe,
    [VERB_UNSUBSCRIBE] = do_unsubscribe,
    [VERB_PROMPTS] = do_prompts,
    [VERB_PROMPT] = do_prompt,
    [VERB_COMPLETE] = do_complete,
    [VERB_LOG] = do_log,
    [VERB_PING] = do_ping,
    [VERB_SEND] = do_send,
    [VERB_TRACE] = do_trace,
    [VERB_HELP] = do_help,
    [VERB_QUIT] = NULL,
};

/* Says that there is no such command, and which may have been meant. */
static enum wsmcp_status unknown(const char *name)
{
	const char *nearest = NULL;
	size_t best = strlen(name) / 2 + 1; /* from here on nothing is alike */

	for (int i = 0; i < VERB_COUNT; i++) {
		const char *known = verb_row((enum verb)i)->name;
		size_t distance = nearest_distance(name, known);

		if (distance < best) {
			best = distance;
			nearest = known;
		}
	}
	return fail(WSMCP_WRONG_USAGE, "there is no command \"%.60s\"; %s%s\"help\" lists all",
	    name, nearest != NULL ? nearest : "", nearest != NULL ? " is the nearest, " : "");
}

static enum wsmcp_status perform_words(struct task *t, bool *quit)
{
	const struct words *w = &t->words;
	const struct verb_row *row;

	t->verb = verb_find(w->items[0]);
	if (t->verb == VERB_COUNT)
		return unknown(w->items[0]);
	row = verb_row(t->verb);
	/*
	 * JSON as it stands in the line may look like open quotes; whether it is JSON is seen
	 * there.
	 */
	if (w->open != 0 && !row->raw &&
	    !(t->verb == VERB_CALL && t->line[w->at[w->count - 1]] == '{'))
		return fail(
		    WSMCP_WRONG_USAGE, "the line ends within a word: its %c stands alone", w->open);
	if (w->count - 1 < row->least || w->count - 1 > row->most)
		return fail(WSMCP_WRONG_USAGE, "usage: %s", row->usage);
	*quit = t->verb == VERB_QUIT;
	return *quit ? WSMCP_OK : deeds[t->verb](t);
}

enum wsmcp_status performer_do(struct performer *p, const char *line, bool *quit)
{
	struct task t = {.p = p, .line = line};
	enum wsmcp_status status = WSMCP_OK;

	*quit = false;
	if (words_split(&t.words, line, strlen(line), false) != 0)
		status = fail(WSMCP_NO_MEMORY, "out of memory");
	else if (t.words.count > 0 && t.line[t.words.at[0]] != '#')
		status = perform_words(&t, quit);
	words_free(&t.words);
	return status;
}

struct performer *performer_new(struct talk *t, const struct options *o)
{
	struct performer *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->talk = t;
	p->console = talk_console(t);
	p->o = o;
	talk_set_subscriptions(t, p->uris);
	return p;
}

void performer_free(struct performer *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->subscription_count; i++) {
		free(p->subscriptions[i]->uri);
		free(p->subscriptions[i]);
	}
	free(p);
}
