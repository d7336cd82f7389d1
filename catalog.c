#include "catalog.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *method, *member, *capability, *key, *changed;
} kinds[] = {
    [CATALOG_TOOLS] = {"tools/list", "tools", "tools", "name", "notifications/tools/list_changed"},
    [CATALOG_RESOURCES] = {"resources/list", "resources", "resources", "uri",
        "notifications/resources/list_changed"},
    [CATALOG_TEMPLATES] = {"resources/templates/list", "resourceTemplates", "resources",
        "uriTemplate", "notifications/resources/list_changed"},
    [CATALOG_PROMPTS] = {"prompts/list", "prompts", "prompts", "name",
        "notifications/prompts/list_changed"},
};

void catalog_free(struct catalog *c)
{
	for (int kind = 0; kind < CATALOG_KINDS; kind++)
		catalog_set(c, (enum catalog_kind)kind, NULL);
}

const char *catalog_method(enum catalog_kind kind)
{
	return kinds[kind].method;
}

const char *catalog_member(enum catalog_kind kind)
{
	return kinds[kind].member;
}

const char *catalog_capability(enum catalog_kind kind)
{
	return kinds[kind].capability;
}

const char *catalog_key(enum catalog_kind kind)
{
	return kinds[kind].key;
}

void catalog_set(struct catalog *c, enum catalog_kind kind, char *list)
{
	free(c->lists[kind]);
	c->lists[kind] = list;
}

struct value catalog_items(const struct catalog *c, enum catalog_kind kind)
{
	return value_of(c->lists[kind]);
}

struct value catalog_find(const struct catalog *c, enum catalog_kind kind, const char *name)
{
	struct value items = catalog_items(c, kind), item;
	size_t at = 0;

	while (value_next(items, &at, &item))
		if (value_is(value_member(item, kinds[kind].key), name))
			return item;
	return VALUE_NOTHING;
}

bool catalog_changes(enum catalog_kind kind, const char *method)
{
	return strcmp(kinds[kind].changed, method) == 0;
}
