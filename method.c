#include "method.h"

#include <string.h>

#include "jsonrpc.h"

#define METHOD(name, traits)                                                                       \
	{                                                                                          \
		name, sizeof(name) - 1, traits                                                     \
	}

static const struct method {
	const char *name;
	size_t len;
	unsigned traits;
} methods[] = {
    METHOD("tools/call", 0),
    METHOD("notifications/progress", 0),
    METHOD("initialize", METHOD_SAFE | METHOD_INITIALIZE),
    METHOD("notifications/initialized", METHOD_INITIALIZED),
    METHOD("notifications/cancelled", METHOD_CANCELLED),
    METHOD("ping", METHOD_SAFE | METHOD_PING),
    METHOD("tools/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_TOOLS),
    METHOD("resources/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_RESOURCES),
    METHOD("resources/templates/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_RESOURCES),
    METHOD("resources/read", METHOD_SAFE),
    METHOD("resources/subscribe", METHOD_SAFE | METHOD_SUBSCRIBE),
    METHOD("resources/unsubscribe", METHOD_SAFE | METHOD_UNSUBSCRIBE),
    METHOD("prompts/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_PROMPTS),
    METHOD("prompts/get", METHOD_SAFE),
    METHOD("completion/complete", METHOD_SAFE),
    METHOD("logging/setLevel", METHOD_SAFE | METHOD_SET_LEVEL),
    METHOD("tasks/get", METHOD_SAFE),
    METHOD("tasks/list", METHOD_SAFE | METHOD_PAGED),
    METHOD("tasks/result", METHOD_SAFE),
    METHOD("subscriptions/listen", METHOD_SAFE | METHOD_LISTEN),
    METHOD("notifications/subscriptions/acknowledged", METHOD_ACKNOWLEDGED),
    METHOD("server/discover", METHOD_DISCOVER),
};

/* Nobody escapes what need not be escaped, but it is legal. */
static unsigned traits_of_escaped(const char *raw, size_t len)
{
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		if (jsonrpc_string_is(raw, len, methods[i].name))
			return methods[i].traits;
	}
	return 0;
}

unsigned method_traits(const char *raw, size_t len)
{
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		const struct method *m = &methods[i];
		if (len == m->len + 2 && memcmp(raw + 1, m->name, m->len) == 0)
			return m->traits;
	}
	return memchr(raw, '\\', len) ? traits_of_escaped(raw, len) : 0;
}
