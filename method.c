#include "method.h"

#include <string.h>

#include "jsonrpc.h"

#define LONGEST 40
#define OF_ONE  4 /* most names of one length, and an end */

/* By length, so that a name is compared with few others: every message is asked for its method. */
static const struct method {
	const char *name;
	unsigned traits;
} methods[LONGEST + 1][OF_ONE] = {
    [4] = {{"ping", METHOD_SAFE | METHOD_PING}},
    [9] = {{"tasks/get", METHOD_SAFE}},
    [10] = {{"tools/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_TOOLS},
        {"tasks/list", METHOD_SAFE | METHOD_PAGED},
        {"initialize", METHOD_SAFE | METHOD_INITIALIZE}},
    [11] = {{"prompts/get", METHOD_SAFE}},
    [12] = {{"prompts/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_PROMPTS},
        {"tasks/result", METHOD_SAFE}},
    [14] = {{"resources/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_RESOURCES},
        {"resources/read", METHOD_SAFE}},
    [15] = {{"server/discover", METHOD_DISCOVER}},
    [16] = {{"logging/setLevel", METHOD_SAFE | METHOD_SET_LEVEL}},
    [19] = {{"resources/subscribe", METHOD_SAFE | METHOD_SUBSCRIBE},
        {"completion/complete", METHOD_SAFE}},
    [20] = {{"subscriptions/listen", METHOD_SAFE | METHOD_LISTEN}},
    [21] = {{"resources/unsubscribe", METHOD_SAFE | METHOD_UNSUBSCRIBE}},
    [23] = {{"notifications/cancelled", METHOD_CANCELLED}},
    [24] = {{"resources/templates/list", METHOD_SAFE | METHOD_PAGED | METHOD_ASKS_RESOURCES}},
    [25] = {{"notifications/initialized", METHOD_INITIALIZED}},
    [40] = {{"notifications/subscriptions/acknowledged", METHOD_ACKNOWLEDGED}},
};

/* Nobody escapes what need not be escaped, but it is legal. */
static unsigned traits_of_escaped(const char *raw, size_t len)
{
	for (size_t i = 0; i <= LONGEST; i++) {
		for (const struct method *m = methods[i]; m->name; m++) {
			if (jsonrpc_string_is(raw, len, m->name))
				return m->traits;
		}
	}
	return 0;
}

unsigned method_traits(const char *raw, size_t len)
{
	size_t plain = len - 2; /* without its quotes */

	if (plain <= LONGEST) {
		for (const struct method *m = methods[plain]; m->name; m++) {
			if (memcmp(raw + 1, m->name, plain) == 0)
				return m->traits;
		}
	}
	return memchr(raw, '\\', len) ? traits_of_escaped(raw, len) : 0;
}
