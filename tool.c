#include "tool.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "nearest.h"
#include "schema.h"

#define CUT        "..."
#define CUT_LEN    (sizeof CUT - 1)
#define QUOTED_MAX 100   /* bytes */
#define NAMES_MAX  10000 /* names of a list that are looked at */

bool tool_say(struct tool_sentence *s, const char *words)
{
	size_t len = strlen(words);

	/* There is always room for what tells that something is missing. */
	if (len > TOOL_ERROR_SIZE - 1 - CUT_LEN - s->len) {
		memcpy(s->text + s->len, CUT, CUT_LEN + 1);
		return false;
	}
	memcpy(s->text + s->len, words, len + 1);
	s->len += len;
	return true;
}

bool tool_quote(struct tool_sentence *s, const char *text, size_t len)
{
	char shown[QUOTED_MAX + 3];

	shown[0] = '"';
	log_escape(shown + 1, QUOTED_MAX + 1, text, len);
	memcpy(shown + strlen(shown), "\"", 2);
	return tool_say(s, shown);
}

struct value tool_find(struct value tools, const char *name)
{
	struct value tool;
	size_t at = 0;

	while (value_next(tools, &at, &tool))
		if (value_is(value_member(tool, "name"), name))
			return tool;
	return VALUE_NOTHING;
}

/* --- names ------------------------------------------------------------- */

struct names {
	struct nearest_name *items;
	size_t count;
};

static bool add_name(struct names *n, struct value raw)
{
	struct nearest_name *more;

	/* Grows by doubling at every power of two. */
	if ((n->count & (n->count - 1)) == 0) {
		more = realloc(n->items, (n->count > 0 ? 2 * n->count : 1) * sizeof *more);
		if (more == NULL)
			return false;
		n->items = more;
	}
	n->items[n->count].name = value_string(raw, NULL);
	if (n->items[n->count].name == NULL)
		return value_type(raw) != VALUE_STRING;
	return ++n->count < NAMES_MAX;
}

static void free_names(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->items[i].name);
	free(n->items);
}

/* Whose parameters are said. */
struct context {
	struct value root, properties;
	struct schema_names required;
};

/* Adds all names, the nearest first, as ${say} says each; stops when there is no more room. */
static void say_names(struct tool_sentence *s, struct names *n, const char *wanted,
    bool (*say)(struct tool_sentence *s, const char *name, const struct context *context),
    const struct context *context)
{
	if (wanted != NULL)
		nearest_sort(n->items, n->count, wanted);
	for (size_t i = 0; i < n->count; i++)
		if ((i > 0 && !tool_say(s, ", ")) || !say(s, n->items[i].name, context))
			break;
}

static bool say_tool(struct tool_sentence *s, const char *name, const struct context *context)
{
	(void)context;
	return tool_quote(s, name, strlen(name));
}

void tool_unknown(struct value tools, const char *name, char *error)
{
	struct tool_sentence s = {.text = error};
	struct names names = {0};
	struct value tool;
	size_t at = 0;

	while (value_next(tools, &at, &tool) && add_name(&names, value_member(tool, "name")))
		;
	(void)tool_say(&s, "the server has no tool ");
	(void)tool_quote(&s, name, strlen(name));
	(void)tool_say(&s, names.count > 0 ? "; it has " : "; it has none");
	say_names(&s, &names, name, say_tool, NULL);
	free_names(&names);
}

static bool say_parameter(struct tool_sentence *s, const char *name, const struct context *context)
{
	struct value schema = value_member(context->properties, name);
	char types[QUOTED_MAX];

	schema_describe(types, sizeof types, context->root, schema);
	return tool_quote(s, name, strlen(name)) && tool_say(s, " (") && tool_say(s, types) &&
	       tool_say(s, schema_names_have(&context->required, name) ? ", required)" : ")");
}

void tool_say_parameters(struct tool_sentence *s, struct value tool, const char *wanted)
{
	struct context context = {.root = value_member(tool, "inputSchema")};
	struct schema_property property;
	struct names names = {0};
	size_t at = 0;

	context.properties = value_member(context.root, "properties");
	schema_names_read(&context.required, context.root);
	while (
	    schema_next_property(context.root, &at, &property) && add_name(&names, property.name))
		;
	(void)tool_say(s, names.count > 0 ? "; its parameters: " : "; it has no parameters");
	say_names(s, &names, wanted, say_parameter, &context);
	schema_names_free(&context.required);
	free_names(&names);
}
