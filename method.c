#include "method.h"

#include <string.h>

#include "jsonrpc.h"

static const struct {
	const char *name;
	unsigned traits;
} methods[] = {
    {"tools/call", 0}, /* by far the most frequent: found first */
    {"notifications/progress", 0},
    {"initialize", METHOD_SAFE | METHOD_INITIALIZE},
    {"notifications/initialized", METHOD_INITIALIZED},
    {"notifications/cancelled", METHOD_CANCELLED},
    {"ping", METHOD_SAFE | METHOD_PING},
    {"tools/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_TOOLS},
    {"resources/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_RESOURCES},
    {"resources/templates/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_RESOURCES},
    {"resources/read", METHOD_SAFE},
    {"resources/subscribe", METHOD_SAFE | METHOD_SUBSCRIBE},
    {"resources/unsubscribe", METHOD_SAFE | METHOD_UNSUBSCRIBE},
    {"prompts/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_PROMPTS},
    {"prompts/get", METHOD_SAFE},
    {"completion/complete", METHOD_SAFE},
    {"logging/setLevel", METHOD_SAFE | METHOD_SET_LEVEL},
    {"tasks/get", METHOD_SAFE},
    {"tasks/list", METHOD_SAFE | METHOD_PAGED},
    {"tasks/result", METHOD_SAFE},
    {"subscriptions/listen", METHOD_SAFE | METHOD_LISTEN},
    {"notifications/subscriptions/acknowledged", METHOD_ACKNOWLEDGED},
    {"server/discover", METHOD_DISCOVER},
};

unsigned method_traits(const char *raw, size_t len)
{
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		/* An escape makes the raw text longer than the name, never shorter. */
		if (len >= strlen(methods[i].name) + 2 &&
		    jsonrpc_string_is(raw, len, methods[i].name))
			return methods[i].traits;
	}
	return 0;
}
