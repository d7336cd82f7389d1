/*
 * What is known of MCP's methods, as one table. Pure.
 */
#ifndef WSMCP_METHOD_H
#define WSMCP_METHOD_H

#include <stddef.h>

enum method_trait {
	METHOD_SAFE = 1 << 0,  /* may be asked twice, by the specification */
	METHOD_PAGED = 1 << 1, /* ... unless it continues a list (params.cursor) */
	METHOD_INITIALIZE = 1 << 2,
	METHOD_INITIALIZED = 1 << 3,
	METHOD_DISCOVER = 1 << 4, /* never asked twice: an error means "an older server" */
	METHOD_LISTEN = 1 << 5,   /* answered only when the subscription ends */
	METHOD_PING = 1 << 6,
	METHOD_SET_LEVEL = 1 << 7,
	METHOD_SUBSCRIBE = 1 << 8,
	METHOD_UNSUBSCRIBE = 1 << 9,
	METHOD_CANCELLED = 1 << 10,
	METHOD_ACKNOWLEDGED = 1 << 11,
	METHOD_ASKS_TOOLS = 1 << 12, /* has seen the list that list_changed is about */
	METHOD_ASKS_RESOURCES = 1 << 13,
	METHOD_ASKS_PROMPTS = 1 << 14
};

/* The traits of the method with this raw JSON string (with quotes); 0 for a method not known. */
unsigned method_traits(const char *raw, size_t len);

#endif
