#include "replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "jsonrpc.h"
#include "method.h"

#define SUBSCRIPTION_ID "io.modelcontextprotocol/subscriptionId"

struct replay_subscription {
	struct message *request;
};

/* The lists, what changes of them are called, and where a server declares that it tells. */
static const struct list {
	unsigned asked;
	const char *notification;
	const char *declared; /* in the result of initialize */
	const char *listened; /* in the filter of a subscription */
} lists[] = {
    {METHOD_ASKS_TOOLS, "notifications/tools/list_changed", "result.capabilities.tools.listChanged",
        "toolsListChanged"},
    {METHOD_ASKS_RESOURCES, "notifications/resources/list_changed",
        "result.capabilities.resources.listChanged", "resourcesListChanged"},
    {METHOD_ASKS_PROMPTS, "notifications/prompts/list_changed",
        "result.capabilities.prompts.listChanged", "promptsListChanged"},
};

#define LISTS (sizeof lists / sizeof *lists)

static const char *find(const struct message *m, const char *path, size_t *len)
{
	return message_span(m, jsonrpc_find(m->text.data, m->text.len, path), len);
}

static bool is_string(const char *raw, size_t len)
{
	return raw && len >= 2 && raw[0] == '"';
}

static struct message *copy(const struct message *m)
{
	return message_new(m->text.data, m->text.len);
}

/* --- learning ---------------------------------------------------------- */

static void forget_subscriptions(struct replay *r)
{
	for (size_t i = 0; i < r->subscription_count; i++)
		message_free(r->subscriptions[i].request);
	free(r->subscriptions);
	r->subscriptions = NULL;
	r->subscription_count = 0;
}

void replay_free(struct replay *r)
{
	message_free(r->initialize);
	message_free(r->level);
	free(r->version);
	forget_subscriptions(r);
	*r = (struct replay){0};
}

static void learn_declared(struct replay *r, const struct message *response)
{
	size_t len;

	r->lists_declared = 0;
	for (size_t i = 0; i < LISTS; i++) {
		const char *value = find(response, lists[i].declared, &len);
		if (value && len == 4 && memcmp(value, "true", 4) == 0)
			r->lists_declared |= lists[i].asked;
	}
}

bool replay_learn_initialize(
    struct replay *r, const struct message *request, const struct message *response)
{
	size_t asked_len, version_len;
	const char *asked = find(request, "params.protocolVersion", &asked_len);
	const char *version = find(response, "result.protocolVersion", &version_len);

	if (!is_string(asked, asked_len) || !is_string(version, version_len))
		return false; /* somebody else's initialize: nothing is known of its replay */
	struct message *kept = copy(request);
	char *text = malloc(version_len + 1);
	if (!kept || !text) {
		message_free(kept);
		free(text);
		return false;
	}
	memcpy(text, version, version_len);
	text[version_len] = '\0';
	replay_free(r);
	r->initialize = kept;
	r->version = text;
	learn_declared(r, response);
	return true;
}

static bool same_uri(const struct message *a, const struct message *b)
{
	size_t a_len, b_len;
	const char *a_uri = find(a, "params.uri", &a_len);
	const char *b_uri = find(b, "params.uri", &b_len);

	return a_uri && b_uri && a_len == b_len && memcmp(a_uri, b_uri, a_len) == 0;
}

static void unsubscribe(struct replay *r, const struct message *request)
{
	for (size_t i = 0; i < r->subscription_count; i++) {
		if (!same_uri(r->subscriptions[i].request, request))
			continue;
		message_free(r->subscriptions[i].request);
		r->subscriptions[i] = r->subscriptions[--r->subscription_count];
		return;
	}
}

static void subscribe(struct replay *r, const struct message *request)
{
	unsubscribe(r, request); /* one live subscription a resource */
	if (r->subscription_count >= REPLAY_SUBSCRIPTIONS_MAX)
		return;
	struct replay_subscription *more = realloc(
	    r->subscriptions, (r->subscription_count + 1) * sizeof(struct replay_subscription));
	if (!more)
		return;
	r->subscriptions = more;
	more[r->subscription_count].request = copy(request);
	if (more[r->subscription_count].request)
		r->subscription_count++;
}

void replay_learn(struct replay *r, unsigned traits, const struct message *request)
{
	if (traits & METHOD_SET_LEVEL) {
		struct message *level = copy(request);
		if (!level)
			return;
		message_free(r->level);
		r->level = level;
	} else if (traits & METHOD_SUBSCRIBE) {
		subscribe(r, request);
	} else if (traits & METHOD_UNSUBSCRIBE) {
		unsubscribe(r, request);
	}
}

/* --- for the server ---------------------------------------------------- */

static struct message *under_id(const struct message *m, int64_t id)
{
	char text[24];
	int len = snprintf(text, sizeof text, "%" PRId64, id);

	return message_splice(m, m->envelope.id, text, (size_t)len);
}

struct message *replay_make_initialize(const struct replay *r, int64_t id)
{
	const struct message *old = r->initialize;
	struct jsonrpc_span asked =
	    jsonrpc_find(old->text.data, old->text.len, "params.protocolVersion");
	struct message *versioned = message_splice(old, asked, r->version, strlen(r->version));

	if (!versioned)
		return NULL;
	struct message *m = under_id(versioned, id);
	message_free(versioned);
	return m;
}

enum replay_answer replay_judge(struct replay *r, const struct message *answer)
{
	size_t len;
	const char *version = find(answer, "result.protocolVersion", &len);

	if (answer->digest || answer->envelope.is_error || !is_string(version, len))
		return REPLAY_FAILED;
	if (len != strlen(r->version) || memcmp(version, r->version, len) != 0)
		return REPLAY_OTHER_VERSION;
	learn_declared(r, answer);
	return REPLAY_ACCEPTED;
}

static bool push(struct message_list *out, struct message *m)
{
	if (m)
		message_list_push(out, m);
	return m != NULL;
}

struct message *replay_make_initialized(void)
{
	static const char text[] = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}";

	return message_new(text, sizeof text - 1);
}

bool replay_make_rest(
    const struct replay *r, int64_t (*next_id)(void *user), void *user, struct message_list *out)
{
	if (r->initialized && !push(out, replay_make_initialized()))
		return false;
	if (r->level && !push(out, under_id(r->level, next_id(user))))
		return false;
	for (size_t i = 0; i < r->subscription_count; i++) {
		if (!push(out, under_id(r->subscriptions[i].request, next_id(user))))
			return false;
	}
	return true;
}

/* --- for the host ------------------------------------------------------ */

/* {"jsonrpc":"2.0","method":METHOD,"params":{"_meta":{SUBSCRIPTION_ID:ID},"uri":URI}}, as far as they are given (raw). */
static bool push_notification(
    struct message_list *out, const char *method, const char *subscription, const char *uri)
{
	cJSON *root = cJSON_CreateObject();
	char *text = NULL;
	bool ok = root && cJSON_AddStringToObject(root, "jsonrpc", "2.0") &&
	          cJSON_AddStringToObject(root, "method", method);
	cJSON *params =
	    ok && (subscription || uri) ? cJSON_AddObjectToObject(root, "params") : NULL;

	if (ok && subscription) {
		cJSON *meta = cJSON_AddObjectToObject(params, "_meta");
		ok = meta && cJSON_AddRawToObject(meta, SUBSCRIPTION_ID, subscription);
	}
	if (ok && uri)
		ok = cJSON_AddRawToObject(params, "uri", uri) != NULL;
	if (ok)
		text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	if (!text)
		return false;
	ok = push(out, message_new(text, strlen(text)));
	cJSON_free(text);
	return ok;
}

static char *raw_text(const char *raw, size_t len)
{
	char *text = raw ? malloc(len + 1) : NULL;

	if (text) {
		memcpy(text, raw, len);
		text[len] = '\0';
	}
	return text;
}

bool replay_make_missed(const struct replay *r, struct message_list *out)
{
	for (size_t i = 0; i < LISTS; i++) {
		if ((r->lists_declared & r->lists_asked & lists[i].asked) &&
		    !push_notification(out, lists[i].notification, NULL, NULL))
			return false;
	}
	for (size_t i = 0; i < r->subscription_count; i++) {
		size_t len;
		const char *raw = find(r->subscriptions[i].request, "params.uri", &len);
		char *uri = raw_text(raw, len);
		bool ok =
		    uri && push_notification(out, "notifications/resources/updated", NULL, uri);
		free(uri);
		if (!ok)
			return false;
	}
	return true;
}

/* The filter is small and rare: a tree is the simplest way to read it. */
static bool missed_by_filter(
    const cJSON *filter, const char *subscription, struct message_list *out)
{
	const cJSON *uri;

	for (size_t i = 0; i < LISTS; i++) {
		if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(filter, lists[i].listened)) &&
		    !push_notification(out, lists[i].notification, subscription, NULL))
			return false;
	}
	cJSON_ArrayForEach(uri, cJSON_GetObjectItemCaseSensitive(filter, "resourceSubscriptions"))
	{
		if (!cJSON_IsString(uri))
			continue;
		char *raw = cJSON_PrintUnformatted(uri);
		bool ok = raw && push_notification(
		                     out, "notifications/resources/updated", subscription, raw);
		cJSON_free(raw);
		if (!ok)
			return false;
	}
	return true;
}

struct jsonrpc_span replay_subscription_id(const struct message *m)
{
	/* The key has dots in it, so it is no path for jsonrpc_find. */
	struct jsonrpc_span meta = jsonrpc_find(m->text.data, m->text.len, "params._meta");
	if (meta.len == 0)
		return meta;
	struct jsonrpc_span id =
	    jsonrpc_find_key(m->text.data + meta.at, meta.len, SUBSCRIPTION_ID);
	if (id.len > 0)
		id.at += meta.at;
	return id;
}

bool replay_make_missed_by(const struct message *acknowledgement, struct message_list *out)
{
	size_t len, id_len;
	const char *filter = find(acknowledgement, "params.notifications", &len);
	const char *id =
	    message_span(acknowledgement, replay_subscription_id(acknowledgement), &id_len);
	bool ok = true;

	if (!filter || !id)
		return true;
	char *subscription = raw_text(id, id_len);
	cJSON *tree = cJSON_ParseWithLength(filter, len);
	if (!subscription)
		ok = false;
	else if (tree)
		ok = missed_by_filter(tree, subscription, out);
	cJSON_Delete(tree);
	free(subscription);
	return ok;
}
