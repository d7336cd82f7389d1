#include "servers.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ascii.h"
#include "config.h"
#include "headers.h"
#include "log.h"
#include "pretty.h"
#include "screen.h"
#include "target.h"
#include "template.h"

#define GAP        2   /* columns between two cells */
#define CELL_SIZE  768 /* bytes; what is longer is cut */
#define PATH_SHOWN 512
#define URL_SHOWN  (4 * URL_MAX)
#define JSON_MAX   ((size_t)1 << 30)

enum column { COLUMN_NAME, COLUMN_URL, COLUMN_SOURCE, COLUMNS };

struct row {
	char cells[COLUMNS][CELL_SIZE];
};

/* The next that is to be shown, ${server} itself or one behind it. */
static const struct server *next_shown(const struct server *server, const char *pattern)
{
	while (server != NULL && pattern != NULL && !ascii_contains(server->name, pattern))
		server = server->next;
	return server;
}

/* --- for people ---------------------------------------------------------------------------- */

/* The path as people write it, "~" for the home directory. */
static void shorten(char *out, size_t size, const char *path)
{
	const char *home = getenv("HOME");
	size_t len = home != NULL ? strlen(home) : 0;

	if (len > 1 && strncmp(path, home, len) == 0 && path[len] == '/')
		(void)snprintf(out, size, "~%s", path + len);
	else
		(void)snprintf(out, size, "%s", path);
}

static void fill_source(char *out, const struct server *server)
{
	char path[PATH_SHOWN], other[PATH_SHOWN] = "", text[2 * PATH_SHOWN + 128];

	shorten(path, sizeof path, server->file);
	if (server->shadow != NULL)
		shorten(other, sizeof other, server->shadow->file);
	(void)snprintf(text, sizeof text, "%s (%s%s)%s%s%s", path, config_place_name(server->place),
	    server->foreign ? ", not trusted" : "", *other ? "; not used, " : "", other,
	    *other ? " has one of this name" : "");
	(void)log_escape(out, CELL_SIZE, text, strlen(text));
}

static void fill_row(struct row *row, const struct server *server)
{
	(void)log_escape(row->cells[COLUMN_NAME], CELL_SIZE, server->name, strlen(server->name));
	(void)template_display(row->cells[COLUMN_URL], CELL_SIZE, server->url);
	fill_source(row->cells[COLUMN_SOURCE], server);
}

static size_t width_of(const char *text)
{
	return screen_width(text, strlen(text));
}

static void print_line(struct output *out, const struct row *row, const size_t *widths)
{
	for (int i = 0; i < COLUMNS; i++) {
		output_str(out, row->cells[i]);
		if (i < COLUMNS - 1)
			output_spaces(out, widths[i] + GAP - width_of(row->cells[i]));
	}
	output_str(out, "\n");
}

/* One below the other, for a terminal in which lines of a table would break. */
static void print_block(struct output *out, const struct row *row)
{
	for (int i = 0; i < COLUMNS; i++) {
		output_spaces(out, i > 0 ? 2 * GAP : 0);
		output_str(out, row->cells[i]);
		output_str(out, "\n");
	}
}

static void measure(const struct row *row, size_t *widths)
{
	for (int i = 0; i < COLUMNS; i++) {
		size_t width = width_of(row->cells[i]);

		widths[i] = width > widths[i] ? width : widths[i];
	}
}

static void print_table(struct output *out, const struct server *first, const char *pattern)
{
	static const struct row head = {{"NAME", "URL", "FROM"}};
	size_t widths[COLUMNS] = {0}, total = (COLUMNS - 1) * GAP;
	struct row row;

	measure(&head, widths);
	for (const struct server *s = first; s != NULL; s = next_shown(s->next, pattern)) {
		fill_row(&row, s);
		measure(&row, widths);
	}
	for (int i = 0; i < COLUMNS; i++)
		total += widths[i];
	/* Nothing but a terminal breaks lines. */
	bool wide = !isatty(STDOUT_FILENO) || total <= screen_columns(STDOUT_FILENO);

	if (wide && first != NULL)
		print_line(out, &head, widths);
	for (const struct server *s = first; s != NULL; s = next_shown(s->next, pattern)) {
		fill_row(&row, s);
		if (wide)
			print_line(out, &row, widths);
		else
			print_block(out, &row);
	}
}

/* --- for programs -------------------------------------------------------------------------- */

static void put_string(struct output *json, const char *before, const char *text)
{
	output_str(json, before);
	value_put_string(json, text, strlen(text));
}

static void put_flag(struct output *json, const char *before, bool flag)
{
	output_str(json, before);
	output_str(json, flag ? "true" : "false");
}

/* What is refused as a name may be a value at the wrong place, and is not shown. */
static void put_header_names(struct output *json, const struct server *server)
{
	struct headers sent = {NULL, 0};
	char why[HEADERS_ERROR_SIZE];

	output_str(json, ",\"headers\":[");
	for (size_t i = 0; i < server->header_count; i++)
		(void)headers_set(&sent, server->headers[i].name, "", why);
	for (size_t i = 0; i < sent.count; i++)
		put_string(json, i > 0 ? "," : "", sent.list[i].name);
	output_str(json, "]");
	headers_free(&sent);
}

static void put_object(struct output *json, const struct server *server)
{
	char url[URL_SHOWN];

	put_string(json, "{\"name\":", server->name);
	put_string(json, ",\"url\":", template_display(url, sizeof url, server->url));
	put_string(json, ",\"source\":", server->file);
	put_header_names(json, server);
	put_flag(json, ",\"trusted\":", !server->foreign);
	put_flag(json, ",\"shadowed\":", server->shadow != NULL);
	output_str(json, "}");
}

/* False if memory is out. */
static bool print_json(struct output *out, const struct server *first, const char *pattern)
{
	struct output json;
	struct buf text;
	struct value array;

	buf_init(&text, JSON_MAX);
	output_to_buf(&json, &text);
	output_str(&json, "[");
	for (const struct server *s = first; s != NULL; s = next_shown(s->next, pattern)) {
		output_str(&json, s != first ? "," : "");
		put_object(&json, s);
	}
	output_str(&json, "]");
	bool done = output_end(&json) == 0 && value_read(&array, (const char *)text.data, text.len);
	if (done) {
		pretty_put(out, array, PRETTY_SAFE);
		output_str(out, "\n");
	}
	buf_free(&text);
	return done;
}

/* --- both ---------------------------------------------------------------------------------- */

/* The directory that the variable ${name} tells, or ${otherwise}. */
static void put_directory(char *out, size_t size, const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	if (value != NULL && *value != '\0')
		shorten(out, size, value);
	else
		(void)snprintf(out, size, "%s", otherwise);
}

/* Where there is nothing: what was looked at. */
static void say_none(const struct options *options, const char *pattern)
{
	char own[PATH_SHOWN], claude[PATH_SHOWN], settings[PATH_SHOWN];

	if (pattern != NULL) {
		log_notice("no configured server has %s in its name", pattern);
		return;
	}
	if (options->server.config != NULL) {
		log_notice("there is no WebSocket server in %s", options->server.config);
		return;
	}
	put_directory(own, sizeof own, "XDG_CONFIG_HOME", "~/.config");
	put_directory(claude, sizeof claude, "CLAUDE_CONFIG_DIR", "~");
	put_directory(settings, sizeof settings, "CLAUDE_CONFIG_DIR", "~/.claude");
	log_notice("there is no WebSocket server in %s/wsmcp/servers.json, %s/.claude.json, "
	           "%s/settings.json and %s/settings.local.json, nor in this directory's "
	           ".claude/settings.json, .claude/settings.local.json and .mcp.json",
	    own, claude, settings, settings);
}

/* Returns how many there are. */
static size_t say_faults(const struct config *config)
{
	const char *fault;
	size_t count = 0;

	while ((fault = config_fault(config, count)) != NULL) {
		log_warning("%s", fault);
		count++;
	}
	return count;
}

enum wsmcp_status servers_print(
    struct output *out, const struct options *options, const char *pattern)
{
	struct config *config = target_config(&options->server);
	enum wsmcp_status status = WSMCP_OK;

	if (config == NULL)
		return WSMCP_NO_MEMORY;
	const struct server *first = next_shown(config_servers(config), pattern);

	if (!options->json)
		print_table(out, first, pattern);
	else if (!print_json(out, first, pattern))
		status = WSMCP_NO_MEMORY;
	(void)output_end(out); /* before what is said of it; the caller asks again */
	if (first == NULL)
		say_none(options, pattern);
	if (say_faults(config) > 0 && status == WSMCP_OK)
		status = WSMCP_CONFIGURATION_ERROR;
	config_free(config);
	return status;
}
