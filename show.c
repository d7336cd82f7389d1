#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "listing.h"
#include "log.h"
#include "screen.h"

#define INDENT 2

/* --- pieces -------------------------------------------------------------------------------- */

static void put_toned(struct console *c, struct output *out, enum console_tone tone, struct value v)
{
	console_tone(c, out, tone);
	console_string(out, v);
	console_tone(c, out, CONSOLE_PLAIN);
}

/* A text over as many lines as it has, with a newline behind it. */
static void put_lines(struct output *out, struct value string)
{
	size_t len;
	char *text = value_string(string, &len);

	if (text == NULL)
		return;
	while (len > 0 && text[len - 1] == '\n')
		len--;
	screen_put(out, text, len);
	output_str(out, "\n");
	free(text);
}

/* A text wrapped and indented, if there is one. */
static void put_description(
    struct console *c, struct output *out, struct value string, size_t indent)
{
	size_t len;
	char *text = value_string(string, &len);

	if (text != NULL && len > 0) {
		screen_wrap(out, text, len, 0, indent, console_columns(c));
		output_str(out, "\n");
	}
	free(text);
}

static void put_nothing(struct console *c, const char *what)
{
	struct output *out = console_result(c);

	output_str(out, "the server has no ");
	output_str(out, what);
	output_str(out, "\n");
}

static bool is_empty(struct value array)
{
	struct value item;
	size_t at = 0;

	return !value_next(array, &at, &item);
}

/* "[image/png, 1234 bytes]" for what cannot be shown */
static void put_bytes(struct output *out, const struct content_item *item)
{
	char size[40];

	output_str(out, "[");
	if (item->mime.len > 0)
		console_string(out, item->mime);
	else
		output_str(out, content_kind_name(item->kind));
	(void)snprintf(size, sizeof size, ", %zu bytes]\n", content_size(item));
	output_str(out, size);
}

/* --- lists --------------------------------------------------------------------------------- */

void show_json(struct console *c, struct value v)
{
	console_json(c, console_result(c), v);
}

void show_tools(struct console *c, struct value tools)
{
	if (is_empty(tools))
		put_nothing(c, "tools");
	else
		(void)listing_put_tools(
		    console_result(c), tools, console_columns(c), console_colours(c));
}

void show_tool(struct console *c, struct value tool)
{
	static const char *const members[] = {
	    "title", "inputSchema", "outputSchema", "annotations", "execution"};
	struct output *out = console_result(c);

	listing_put_tool(out, tool, console_columns(c), console_colours(c));
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		struct value member = value_member(tool, members[i]);

		if (member.len == 0)
			continue;
		console_tone(c, out, CONSOLE_BOLD);
		output_str(out, members[i]);
		console_tone(c, out, CONSOLE_PLAIN);
		output_str(out, ": ");
		console_json(c, out, member);
	}
}

static void put_resource(struct console *c, struct value item, const char *key)
{
	struct output *out = console_result(c);
	struct value name = value_member(item, "name"), mime = value_member(item, "mimeType");

	put_toned(c, out, CONSOLE_BOLD, value_member(item, key));
	if (value_type(name) == VALUE_STRING) {
		output_str(out, "  ");
		console_string(out, name);
	}
	if (value_type(mime) == VALUE_STRING) {
		output_str(out, " (");
		console_string(out, mime);
		output_str(out, ")");
	}
	output_str(out, "\n");
	put_description(c, out, value_member(item, "description"), INDENT);
}

static void put_resource_list(struct console *c, struct value items, const char *key)
{
	struct value item;
	size_t at = 0;

	while (value_next(items, &at, &item))
		put_resource(c, item, key);
}

void show_resources(struct console *c, struct value resources, struct value templates)
{
	if (is_empty(resources) && is_empty(templates))
		put_nothing(c, "resources");
	put_resource_list(c, resources, catalog_key(CATALOG_RESOURCES));
	put_resource_list(c, templates, catalog_key(CATALOG_TEMPLATES));
}

static void put_prompt_argument(struct console *c, struct output *out, struct value argument)
{
	output_spaces(out, 2 * INDENT);
	console_string(out, value_member(argument, "name"));
	if (value_is_true(value_member(argument, "required")))
		output_str(out, "  required");
	output_str(out, "\n");
	put_description(c, out, value_member(argument, "description"), 3 * INDENT);
}

void show_prompts(struct console *c, struct value prompts)
{
	struct value prompt, argument;
	size_t at = 0, inner;

	if (is_empty(prompts))
		put_nothing(c, "prompts");
	while (value_next(prompts, &at, &prompt)) {
		struct output *out = console_result(c);

		put_toned(c, out, CONSOLE_BOLD, value_member(prompt, "name"));
		output_str(out, "\n");
		put_description(c, out, value_member(prompt, "description"), INDENT);
		inner = 0;
		while (value_next(value_member(prompt, "arguments"), &inner, &argument))
			put_prompt_argument(c, out, argument);
	}
}

/* --- results ------------------------------------------------------------------------------- */

/*
 * One item of a content: the text of a text, a word about what is no text, else the JSON that it
 * is.
 */
static void put_item(
    struct console *c, struct value item, const struct content_item *what, bool skip_texts)
{
	struct output *out = console_result(c);
	struct value resource = value_member(item, "resource");

	if (what->kind == CONTENT_TEXT) {
		if (!skip_texts)
			put_lines(out, what->text);
	} else if (what->kind != CONTENT_OTHER) {
		put_bytes(out, what);
	} else if (value_type(value_member(resource, "text")) == VALUE_STRING) {
		put_toned(c, out, CONSOLE_DIM, value_member(resource, "uri"));
		output_str(out, "\n");
		put_lines(out, value_member(resource, "text"));
	} else {
		console_json(c, out, item);
	}
}

void show_call(struct console *c, struct value result)
{
	struct value structured = value_member(result, "structuredContent");
	struct value content = value_member(result, "content"), item;
	const bool has_data = structured.len > 0 && value_type(structured) != VALUE_NULL;
	struct content_item what;
	size_t at = 0, raw_at = 0;

	if (has_data)
		show_json(c, structured);
	while (content_next(content, &at, &what) && value_next(content, &raw_at, &item))
		put_item(c, item, &what, has_data);
	if (!has_data && at == 0)
		output_str(console_result(c), "(no content)\n");
}

void show_contents(struct console *c, struct value result)
{
	struct value contents = value_member(result, "contents"), item;
	size_t at = 0;

	if (is_empty(contents))
		output_str(console_result(c), "(no content)\n");
	while (value_next(contents, &at, &item)) {
		struct output *out = console_result(c);
		struct value blob = value_member(item, "blob"), text = value_member(item, "text");
		const struct content_item bytes = {
		    .kind = CONTENT_BLOB, .base64 = blob, .mime = value_member(item, "mimeType")};

		if (value_type(text) == VALUE_STRING)
			put_lines(out, text);
		else if (value_type(blob) == VALUE_STRING)
			put_bytes(out, &bytes);
		else
			console_json(c, out, item);
	}
}

/*
 * A message has one item of content where a tool's result has an array: it is shown as if it were
 * one.
 */
static void put_message(struct console *c, struct value message)
{
	struct value content = value_member(message, "content");
	struct content_item what;
	struct output out;
	struct buf text;
	size_t at = 0;

	put_toned(c, console_result(c), CONSOLE_BOLD, value_member(message, "role"));
	output_str(console_result(c), ":\n");
	buf_init(&text, SIZE_MAX / 2);
	output_to_buf(&out, &text);
	output_str(&out, "[");
	value_put(&out, content);
	output_str(&out, "]");
	if (output_end(&out) == 0 &&
	    content_next((struct value){(const char *)text.data, text.len}, &at, &what))
		put_item(c, content, &what, false);
	buf_free(&text);
}

void show_prompt(struct console *c, struct value result)
{
	struct value messages = value_member(result, "messages"), message;
	size_t at = 0;

	put_description(c, console_result(c), value_member(result, "description"), 0);
	if (is_empty(messages))
		output_str(console_result(c), "(no messages)\n");
	while (value_next(messages, &at, &message))
		put_message(c, message);
}

void show_completion(struct console *c, struct value result)
{
	struct value completion = value_member(result, "completion"), item;
	struct value values = value_member(completion, "values");
	struct value total = value_member(completion, "total");
	struct output *out = console_result(c);
	size_t at = 0;

	if (is_empty(values))
		output_str(out, "(no values)\n");
	while (value_next(values, &at, &item)) {
		console_string(out, item);
		output_str(out, "\n");
	}
	if (!value_is_true(value_member(completion, "hasMore")))
		return;
	output_str(out, "... and more");
	if (value_type(total) == VALUE_NUMBER) {
		output_str(out, ", ");
		console_string(out, total);
		output_str(out, " in all");
	}
	output_str(out, "\n");
}

/* --- what the server says unasked ---------------------------------------------------------- */

/* "log warning (database): the disk is nearly full" */
static void put_log(struct console *c, struct output *out, struct value params)
{
	struct value level = value_member(params, "level"), logger = value_member(params, "logger");
	const bool bad = value_is(level, "error") || value_is(level, "critical") ||
	                 value_is(level, "alert") || value_is(level, "emergency");

	output_str(out, "log ");
	put_toned(c, out,
	    bad                          ? CONSOLE_BAD
	    : value_is(level, "warning") ? CONSOLE_WARNING
	                                 : CONSOLE_PLAIN,
	    level);
	if (value_type(logger) == VALUE_STRING) {
		output_str(out, " (");
		console_string(out, logger);
		output_str(out, ")");
	}
	output_str(out, ": ");
	console_string(out, value_member(params, "data"));
}

static void put_updated(struct console *c, struct output *out, struct value params)
{
	(void)c;
	output_str(out, "resource updated: ");
	console_string(out, value_member(params, "uri"));
}

static const struct {
	const char *method, *words;
	void (*put)(struct console *c, struct output *out, struct value params); /* NULL = words */
} known[] = {
    {"notifications/message", NULL, put_log},
    {"notifications/resources/updated", NULL, put_updated},
    {"notifications/tools/list_changed", "the list of tools has changed", NULL},
    {"notifications/resources/list_changed", "the list of resources has changed", NULL},
    {"notifications/prompts/list_changed", "the list of prompts has changed", NULL},
};

void show_notification(struct console *c, const char *method, const char *params)
{
	struct output *out = console_aside(c);
	size_t i = 0;

	console_tone(c, out, CONSOLE_DIM);
	output_str(out, "* ");
	console_tone(c, out, CONSOLE_PLAIN);
	while (i < sizeof known / sizeof *known && strcmp(known[i].method, method) != 0)
		i++;
	if (i < sizeof known / sizeof *known && known[i].put != NULL) {
		known[i].put(c, out, value_of(params));
	} else if (i < sizeof known / sizeof *known) {
		output_str(out, known[i].words);
	} else {
		console_text(out, method, strlen(method));
		output_str(out, params != NULL ? " " : "");
		console_text(
		    out, params != NULL ? params : "", params != NULL ? strlen(params) : 0);
	}
	output_str(out, "\n");
}

void show_message(struct console *c, bool to_server, const char *text, size_t len)
{
	struct output *out = console_aside(c);

	console_tone(c, out, CONSOLE_DIM);
	output_str(out, to_server ? "-> " : "<- ");
	console_text(out, text, len);
	console_tone(c, out, CONSOLE_PLAIN);
	output_str(out, "\n");
}
