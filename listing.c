#include "listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "schema.h"
#include "screen.h"

#define NARROWEST  40 /* columns; nothing is readable in fewer */
#define WIDEST     120
#define INDENT     2
#define PARAMETER  4  /* where the name of a parameter begins */
#define NAMES_MOST 24 /* columns for names; longer ones push their types */

struct page {
	struct output *out;
	size_t columns;
};

/* Writes a raw string, wrapped. */
static void put_wrapped(const struct page *p, struct value string, size_t at, size_t indent)
{
	size_t len = 0;
	char *text = value_string(string, &len);

	if (text != NULL)
		screen_wrap(p->out, text, len, at, indent, p->columns);
	free(text);
}

static size_t width_of(struct value string)
{
	char *text = value_string(string, NULL), shown[4 * NAMES_MOST];
	size_t width;

	log_escape(shown, sizeof shown, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
	width = screen_width(shown, strlen(shown));
	free(text);
	return width;
}

/* How many columns the names of parameters get. */
static size_t name_columns(struct value root)
{
	struct schema_property property;
	size_t at = 0, most = 0, width;

	while (schema_next_property(root, &at, &property)) {
		width = width_of(property.name);
		if (width <= NAMES_MOST && width > most)
			most = width;
	}
	return most;
}

/* "string, required", "integer, default 10" */
static void describe(
    char *out, size_t size, struct value root, const struct schema_property *p, bool required)
{
	struct value preset = value_member(p->schema, "default");
	char shown[64] = "";
	size_t len;

	schema_describe(out, size / 2, root, p->schema);
	len = strlen(out);
	if (preset.len > 0 && value_type(preset) >= VALUE_STRING)
		log_escape(shown, sizeof shown, preset.text, preset.len);
	(void)snprintf(out + len, size - len, "%s%s%s", required ? ", required" : "",
	    *shown != '\0' ? ", default " : "", shown);
}

static void put_parameter(const struct page *p, struct value root,
    const struct schema_property *property, bool required, size_t names)
{
	const size_t column = PARAMETER + names + 2;
	const size_t width = width_of(property->name);
	char types[400];

	output_spaces(p->out, PARAMETER);
	put_wrapped(p, property->name, PARAMETER, PARAMETER);
	output_spaces(p->out, width < names ? names - width + 2 : 2);
	describe(types, sizeof types, root, property, required);
	screen_wrap(p->out, types, strlen(types), width < names ? column : PARAMETER + width + 2,
	    column, p->columns);
	output_str(p->out, "\n");
	if (property->description.len > 2) {
		put_wrapped(p, property->description, 0, column);
		output_str(p->out, "\n");
	}
}

static bool is_in(const struct schema_names *names, struct value name)
{
	char *text = value_string(name, NULL);
	bool found = text != NULL && schema_names_have(names, text);

	free(text);
	return found;
}

void listing_put_tool(struct output *out, struct value tool, size_t columns, bool bold)
{
	struct page p = {.out = out};
	struct value description = value_member(tool, "description");
	struct value root = value_member(tool, "inputSchema");
	const size_t names = name_columns(root);
	struct schema_property property;
	struct schema_names required;
	size_t at = 0;

	p.columns = columns < NARROWEST ? NARROWEST : columns > WIDEST ? WIDEST : columns;
	output_str(out, bold ? "\x1b[1m" : "");
	put_wrapped(&p, value_member(tool, "name"), 0, 0);
	output_str(out, bold ? "\x1b[0m\n" : "\n");
	if (value_type(description) == VALUE_STRING && description.len > 2) {
		put_wrapped(&p, description, 0, INDENT);
		output_str(out, "\n");
	}
	schema_names_read(&required, root);
	while (schema_next_property(root, &at, &property))
		put_parameter(&p, root, &property, is_in(&required, property.name), names);
	schema_names_free(&required);
}

size_t listing_put_tools(struct output *out, struct value tools, size_t columns, bool bold)
{
	size_t at = 0, count = 0;
	struct value tool;

	for (; value_next(tools, &at, &tool); count++) {
		output_str(out, count > 0 ? "\n" : "");
		listing_put_tool(out, tool, columns, bold);
	}
	return count;
}
