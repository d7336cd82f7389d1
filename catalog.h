/*
 * What a server has: its lists of tools, resources, resource templates and prompts, as it gave
 * them. Pure.
 */
#ifndef WSMCP_CATALOG_H
#define WSMCP_CATALOG_H

#include <stdbool.h>

#include "value.h"

enum catalog_kind {
	CATALOG_TOOLS,
	CATALOG_RESOURCES,
	CATALOG_TEMPLATES,
	CATALOG_PROMPTS,
	CATALOG_KINDS
};

/* All zero = nothing is known yet. */
struct catalog {
	char *lists[CATALOG_KINDS]; /* JSON arrays; NULL = not known */
};

void catalog_free(struct catalog *c);

/*
 * How a kind is asked for: the method, the member of its result that is the list, and the
 * capability that promises it. Static.
 */
const char *catalog_method(enum catalog_kind kind);
const char *catalog_member(enum catalog_kind kind);
const char *catalog_capability(enum catalog_kind kind);

/* The member that an item goes by: "name", "uri" or "uriTemplate". Static. */
const char *catalog_key(enum catalog_kind kind);

/* Takes over a list (NULL = not known any more). */
void catalog_set(struct catalog *c, enum catalog_kind kind, char *list);

/* The list; nothing if it is not known. It lives until the next catalog_set. */
struct value catalog_items(const struct catalog *c, enum catalog_kind kind);

/* The item of this name; nothing if there is none. */
struct value catalog_find(const struct catalog *c, enum catalog_kind kind, const char *name);

/* Whether the notification ${method} says that a list of this kind has changed. */
bool catalog_changes(enum catalog_kind kind, const char *method);

#endif
