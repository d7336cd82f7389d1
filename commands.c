#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "clock.h"
#include "content.h"
#include "listing.h"
#include "log.h"
#include "object.h"
#include "output.h"
#include "pretty.h"
#include "run.h"
#include "save.h"
#include "screen.h"
#include "source.h"
#include "tool.h"
#include "value.h"

_Static_assert(RUN_ERROR_SIZE <= COMMANDS_ERROR_SIZE && TOOL_ERROR_SIZE <= COMMANDS_ERROR_SIZE &&
                   SOURCE_ERROR_SIZE <= TOOL_ERROR_SIZE && SAVE_ERROR_SIZE <= COMMANDS_ERROR_SIZE,
    "what one writes must fit in the other's");

static int wrong_usage(char *error, const char *what)
{
	(void)snprintf(error, COMMANDS_ERROR_SIZE, "%s", what);
	return WSMCP_WRONG_USAGE;
}

/* Tells the failure that r->error names. */
static int fail(struct run *r, int status)
{
	return run_fail(r, status, VALUE_NOTHING, VALUE_NOTHING);
}

/* Prints JSON and a newline: as it came; to a terminal nothing that it may obey. */
static void print_unchanged(struct run *r, struct value v)
{
	unsigned style = PRETTY_SAFE | (screen_colours(STDOUT_FILENO) ? PRETTY_COLOUR : 0);

	if (isatty(STDOUT_FILENO))
		pretty_put(&r->out, v, style);
	else
		value_put(&r->out, v);
	output_str(&r->out, "\n");
}

/* --- tools ------------------------------------------------------------- */

static void print_tools(struct run *r, struct value tools)
{
	const bool bold = screen_colours(STDOUT_FILENO);

	if (listing_put_tools(&r->out, tools, screen_columns(STDOUT_FILENO), bold) == 0)
		log_notice("the server has no tools");
}

static int run_tools(struct run *r)
{
	enum wsmcp_status status = oneshot_open(&r->server, r->o, r->o->operands[0]);

	if (status == WSMCP_OK)
		status = oneshot_list(r->server, "tools/list", "tools", &r->tools);
	if (status != WSMCP_OK)
		return run_fail_of_client(r, status);
	if (r->o->json) {
		print_unchanged(r, value_of(r->tools));
	} else {
		print_tools(r, value_of(r->tools));
	}
	return WSMCP_OK;
}

int commands_tools(const struct options *o, char *error)
{
	struct run r;

	if (o->operand_count != 1)
		return wrong_usage(error, "one TARGET is wanted");
	run_begin(&r, o, o->json, error);
	return run_end(&r, run_tools(&r));
}

/* --- request ----------------------------------------------------------- */

/* Reads PARAMS; sets ${*text}, to be freed, NULL if there are none. */
static int read_params(struct run *r, char **text)
{
	struct value params;
	size_t len;

	*text = NULL;
	if (r->o->operand_count < 3)
		return WSMCP_OK;
	*text = source_text(r->o->operands[2], r->o->server.max_message, &len, r->error);
	if (*text == NULL)
		return WSMCP_TOOL_ERROR;
	if (value_read(&params, *text, len) &&
	    (value_type(params) == VALUE_OBJECT || value_type(params) == VALUE_ARRAY)) {
		memmove(*text, params.text, params.len);
		(*text)[params.len] = '\0';
		return WSMCP_OK;
	}
	(void)snprintf(
	    r->error, COMMANDS_ERROR_SIZE, "PARAMS must be a JSON object or array in UTF-8");
	return WSMCP_TOOL_ERROR;
}

static int run_request(struct run *r)
{
	enum wsmcp_status status;
	char *params;

	if (read_params(r, &params) != WSMCP_OK) {
		free(params);
		return fail(r, WSMCP_TOOL_ERROR);
	}
	status = oneshot_open(&r->server, r->o, r->o->operands[0]);
	if (status == WSMCP_OK)
		status = oneshot_request(r->server, r->o->operands[1], params, &r->result);
	free(params);
	if (status != WSMCP_OK)
		return run_fail_of_client(r, status);
	run_print(r, value_of(r->result));
	return WSMCP_OK;
}

int commands_request(const struct options *o, char *error)
{
	struct run r;

	if (o->operand_count < 2 || o->operand_count > 3)
		return wrong_usage(error, "TARGET, METHOD and at most one PARAMS are wanted");
	run_begin(&r, o, o->json, error);
	return run_end(&r, run_request(&r));
}

/* --- call -------------------------------------------------------------- */

struct call {
	struct run run;
	const char *tool;
	struct arguments words;
	char *given;       /* --args; NULL = none */
	struct buf object; /* the arguments, with a NUL behind them */
	struct save save;  /* its fd is -1 without --save */
	int saving;        /* the status of what could not be saved */
};

static void free_call(struct call *c)
{
	arguments_free(&c->words);
	free(c->given);
	buf_free(&c->object);
	save_close(&c->save);
}

/* All that can be known of the arguments before the tool is. */
static int read_arguments(struct call *c)
{
	const struct options *o = c->run.o;
	size_t max = o->server.max_message, len;
	struct value object;

	for (size_t i = 2; i < o->operand_count; i++)
		if (arguments_add(&c->words, o->operands[i], source_file, max, c->run.error) != 0)
			return WSMCP_TOOL_ERROR;
	if (o->args == NULL)
		return WSMCP_OK;
	c->given = source_text(o->args, max, &len, c->run.error);
	if (c->given == NULL)
		return WSMCP_TOOL_ERROR;
	if (!value_read(&object, c->given, len) || value_type(object) != VALUE_OBJECT) {
		(void)snprintf(
		    c->run.error, COMMANDS_ERROR_SIZE, "--args must be a JSON object in UTF-8");
		return WSMCP_TOOL_ERROR;
	}
	memmove(c->given, object.text, object.len);
	c->given[object.len] = '\0';
	return WSMCP_OK;
}

static int prepare(struct call *c)
{
	const struct options *o = c->run.o;

	if (read_arguments(c) != WSMCP_OK)
		return WSMCP_TOOL_ERROR;
	if (o->save != NULL && save_open(&c->save, o->save, c->tool, c->run.error) != 0)
		return WSMCP_CONFIGURATION_ERROR;
	return WSMCP_OK;
}

/* Checks tool and arguments against what the server says of them, and makes the object to send. */
static int check_arguments(struct call *c)
{
	struct value tools = value_of(c->run.tools), tool = tool_find(tools, c->tool);
	char *error = c->run.error;
	int rc;

	if (tool.len == 0) {
		tool_unknown(tools, c->tool, error);
		return WSMCP_TOOL_ERROR;
	}
	if (c->given != NULL)
		rc = arguments_check(value_of(c->given), tool, error);
	else
		rc = arguments_object(&c->words, tool, &c->object, error);
	if (rc != 0)
		return WSMCP_TOOL_ERROR;
	c->object.max++; /* for the NUL */
	if (c->given == NULL && buf_append(&c->object, "", 1) != BUF_OK) {
		(void)snprintf(error, COMMANDS_ERROR_SIZE, "out of memory");
		return WSMCP_CONNECTION_ERROR;
	}
	return WSMCP_OK;
}

/* --- what a tool gave --------------------------------------------------- */

/* "KEY":"TEXT"; NULL if memory is out. */
static char *make_member(const char *key, const char *text)
{
	struct output out;
	struct buf b;

	buf_init(&b, RUN_MAX);
	output_to_buf(&out, &b);
	value_put_string(&out, key, strlen(key));
	output_str(&out, ":");
	value_put_string(&out, text, strlen(text));
	output_put(&out, "", 1);
	if (output_end(&out) == 0)
		return (char *)b.data;
	buf_free(&b);
	return NULL;
}

/* "image/png, 1234 bytes" */
static void describe_item(char *out, size_t size, const struct content_item *item)
{
	char *mime = value_string(item->mime, NULL), shown[80];

	log_escape(shown, sizeof shown, mime != NULL ? mime : "unknown type",
	    mime != NULL ? strlen(mime) : sizeof "unknown type" - 1);
	(void)snprintf(out, size, "%s, %zu bytes", shown, content_size(item));
	free(mime);
}

/*
 * Saves an item. Returns its path, to be freed; NULL if it is not saved, and what is wrong is
 * then noted.
 */
static char *save(struct call *c, const struct content_item *item)
{
	char error[SAVE_ERROR_SIZE], *path = NULL;
	enum save_result result;

	if (c->save.fd < 0)
		return NULL;
	result = save_item(&c->save, item, &path, error);
	if (result != SAVE_OK && c->saving == WSMCP_OK) {
		c->saving = result == SAVE_FAILED ? WSMCP_CONFIGURATION_ERROR : WSMCP_TOOL_ERROR;
		(void)snprintf(c->run.error, COMMANDS_ERROR_SIZE, "%s", error);
	}
	return path;
}

/* Tells a person at a terminal what is hard to see in the output. */
static void mention(const struct content_item *item, const char *what, const char *path)
{
	char shown[512];

	if (!isatty(STDERR_FILENO))
		return;
	if (path != NULL)
		log_notice("%s: %s, saved as %s", content_kind_name(item->kind), what,
		    log_escape(shown, sizeof shown, path, strlen(path)));
	else
		log_notice("%s: %s", content_kind_name(item->kind), what);
}

/* What stands in the place of the bytes of an item; NULL = they themselves. */
static char *replace_item(struct call *c, const struct content_item *item)
{
	char what[128], *path = save(c, item), *with = NULL;

	describe_item(what, sizeof what, item);
	mention(item, what, path);
	if (path != NULL)
		with = make_member("saved", path);
	else if (c->run.screen && !c->run.o->raw)
		with = make_member("omitted", what);
	free(path);
	return with;
}

/* What is to stand in the place of what a tool gave. */
struct changes {
	struct content_change *items;
	size_t count;
};

static void free_changes(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		free(changes->items[i].with);
	free(changes->items);
}

/* Goes through what the tool gave that is no text: saves it, mentions it, notes what changes. */
static int take_items(struct call *c, struct value result, struct changes *changes)
{
	struct value content = value_member(result, "content");
	struct content_item item;
	size_t at = 0, count = 0;

	while (content_next(content, &at, &item))
		count += item.base64.len > 0;
	changes->count = 0;
	changes->items = calloc(count + 1, sizeof *changes->items);
	if (changes->items == NULL)
		return WSMCP_NO_MEMORY;
	for (at = 0; content_next(content, &at, &item);) {
		char *with = item.base64.len > 0 ? replace_item(c, &item) : NULL;

		if (with != NULL)
			changes->items[changes->count++] =
			    (struct content_change){item.member, with};
	}
	return WSMCP_OK;
}

static void put_metadata(struct object *data, const struct call *c)
{
	const struct wsmcp *client = oneshot_client(c->run.server);
	struct value own = value_member(value_of(wsmcp_server_result(client)), "serverInfo");
	char time[CLOCK_UTC_SIZE + sizeof "+00:00"];
	struct object o;

	clock_utc(time);
	memcpy(time + strcspn(time, "Z"), "+00:00", sizeof "+00:00");
	own = value_member(own, "name");

	object_key(data, "metadata");
	object_begin(&o, data->out);
	object_text(&o, "tool", c->tool);
	if (*wsmcp_name(client) == '\0' && value_type(own) == VALUE_STRING)
		object_value(&o, "server", own);
	else
		object_text(&o, "server", wsmcp_name(client));
	object_text(&o, "ws_url", wsmcp_url(client));
	object_text(&o, "timestamp", time);
	object_end(&o);
}

/* The object of a call; also of one that was good when not all could be saved. */
static void print_data(struct call *c, struct value result, const struct changes *changes)
{
	struct run *r = &c->run;
	struct object o;
	struct run_line l;

	run_line_begin(&l, r);
	object_begin(&o, l.out);
	if (c->saving == WSMCP_OK)
		object_bool(&o, "success", true);
	else
		run_put_failure(&o, r, VALUE_NOTHING, c->saving);
	object_key(&o, "data");
	content_put(l.out, content_data(result), changes->items, changes->count);
	put_metadata(&o, c);
	object_end(&o);
	run_line_end(&l);
	r->error[0] = '\0';
}

static void print_texts(struct run *r, struct value result)
{
	struct value content = value_member(result, "content");
	struct content_item item;
	size_t at = 0, len = 0;

	while (content_next(content, &at, &item)) {
		char *text = value_string(item.text, &len);

		if (text == NULL)
			continue;
		if (isatty(STDOUT_FILENO))
			screen_put(&r->out, text, len);
		else
			output_put(&r->out, text, len);
		output_str(&r->out, "\n");
		free(text);
	}
}

static void print_raw(struct run *r, struct value result, const struct changes *changes)
{
	struct output out;
	struct buf b;

	if (!isatty(STDOUT_FILENO)) {
		content_put(&r->out, result, changes->items, changes->count);
		output_str(&r->out, "\n");
		return;
	}
	/* What is changed must be whole before it can be made safe. */
	buf_init(&b, RUN_MAX);
	output_to_buf(&out, &b);
	content_put(&out, result, changes->items, changes->count);
	if (output_end(&out) == 0)
		print_unchanged(r, (struct value){(const char *)b.data, b.len});
	else
		log_error("out of memory");
	buf_free(&b);
}

static int print_result(struct call *c)
{
	struct run *r = &c->run;
	struct value result = value_of(r->result);
	struct changes changes;

	if (take_items(c, result, &changes) != WSMCP_OK) {
		(void)snprintf(r->error, COMMANDS_ERROR_SIZE, "out of memory");
		return fail(r, WSMCP_CONNECTION_ERROR);
	}
	if (r->o->text) {
		print_texts(r, result);
	} else if (r->o->raw) {
		print_raw(r, result, &changes);
	} else {
		print_data(c, result, &changes);
	}
	free_changes(&changes);
	return c->saving;
}

/* The tool itself says that it failed, and ${text} (a raw string) why. */
static int tell_tool_error(struct call *c, struct value text)
{
	char *plain;

	if (c->run.object)
		return run_fail(&c->run, WSMCP_TOOL_ERROR, text, VALUE_NOTHING);
	plain = value_string(text, NULL);
	(void)snprintf(c->run.error, COMMANDS_ERROR_SIZE, "%s", plain != NULL ? plain : "");
	free(plain);
	return WSMCP_TOOL_ERROR;
}

static int print_tool_error(struct call *c)
{
	static const char silent[] = "\"the tool failed, and does not say why\"";
	struct value result = value_of(c->run.result);
	struct output out;
	struct buf b;
	int status;

	if (c->run.o->raw) {
		print_unchanged(&c->run, result);
		return WSMCP_TOOL_ERROR;
	}
	buf_init(&b, RUN_MAX);
	output_to_buf(&out, &b);
	if (content_put_texts(&out, result) && output_end(&out) == 0)
		status = tell_tool_error(c, (struct value){(const char *)b.data, b.len});
	else
		status = tell_tool_error(c, value_of(silent));
	buf_free(&b);
	return status;
}

static int call(struct call *c)
{
	struct run *r = &c->run;
	enum wsmcp_status status = oneshot_open(&r->server, r->o, r->o->operands[0]);
	int checked;

	if (status == WSMCP_OK)
		status = oneshot_list(r->server, "tools/list", "tools", &r->tools);
	if (status != WSMCP_OK)
		return run_fail_of_client(r, status);
	checked = check_arguments(c);
	if (checked != WSMCP_OK)
		return fail(r, checked);
	status = oneshot_call_tool(r->server, c->tool,
	    c->given != NULL ? c->given : (const char *)c->object.data, &r->result);
	if (status == WSMCP_TOOL_ERROR && r->result != NULL)
		return print_tool_error(c);
	return status == WSMCP_OK ? print_result(c) : run_fail_of_client(r, status);
}

int commands_call(const struct options *o, char *error)
{
	struct call c = {.save = {.fd = -1}};
	int status;

	if (o->operand_count < 2)
		return wrong_usage(error, "TARGET and TOOL are wanted");
	if (o->args != NULL && o->operand_count > 2)
		return wrong_usage(error, "--args stands for all arguments: give them there");
	if (o->text && (o->raw || o->json))
		return wrong_usage(error, "--text is no JSON: give it without --raw and --json");
	run_begin(&c.run, o, !o->text, error);
	c.tool = o->operands[1];
	buf_init(&c.object, o->server.max_message);
	status = prepare(&c);
	status = status == WSMCP_OK ? call(&c) : fail(&c.run, status);
	status = run_end(&c.run, status);
	free_call(&c);
	return status;
}
