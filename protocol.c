#include "protocol.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "json.h"
#include "jsonrpc.h"
#include "log.h"
#include "version.h"

#define META         "io.modelcontextprotocol/"
#define CLIENT_INFO  "{\"name\":\"wsmcp\",\"version\":\"" WSMCP_VERSION "\"}"
#define VERSIONS_MAX 200 /* bytes of a list of them in an error */

static const char *const legacy[] = {"2024-11-05", "2025-03-26", "2025-06-18", PROTOCOL_LEGACY};

void protocol_free(struct protocol *p)
{
	free(p->version);
	free(p->result);
	*p = (struct protocol){0};
}

/* --- what we say ------------------------------------------------------- */

static const struct {
	unsigned feature; /* 0 = always */
	bool modern_only;
	const char *text;
} capabilities[] = {
    {PROTOCOL_ELICITS, false, "\"elicitation\":{\"form\":{},\"url\":{}}"},
    {PROTOCOL_SAMPLES, false, "\"sampling\":{}"},
    {PROTOCOL_HAS_ROOTS, false, "\"roots\":{}"},
    {0, true, "\"extensions\":{\"" META "tasks\":{}}"},
};

static bool append_capabilities(struct buf *out, bool modern, unsigned features)
{
	bool ok = buf_append_str(out, "{") == BUF_OK, first = true;

	for (size_t i = 0; ok && i < sizeof capabilities / sizeof *capabilities; i++) {
		if ((features & capabilities[i].feature) != capabilities[i].feature ||
		    (capabilities[i].modern_only && !modern))
			continue;
		ok = (first || buf_append_str(out, ",") == BUF_OK) &&
		     buf_append_str(out, capabilities[i].text) == BUF_OK;
		first = false;
	}
	return ok && buf_append_str(out, "}") == BUF_OK;
}

bool protocol_append_initialize(struct buf *out, unsigned features)
{
	return buf_append_str(out,
	           "{\"protocolVersion\":\"" PROTOCOL_LEGACY "\",\"capabilities\":") == BUF_OK &&
	       append_capabilities(out, false, features) &&
	       buf_append_str(out, ",\"clientInfo\":" CLIENT_INFO "}") == BUF_OK;
}

/* The member, if the object does not have it yet. */
static void set_missing(struct json_member *list, size_t *count, const char *object, size_t len,
    struct json_member member)
{
	if (!object || jsonrpc_find_key(object, len, member.key).len == 0)
		list[(*count)++] = member;
}

static bool append_meta(
    struct buf *out, bool modern, unsigned features, const char *meta, size_t len, int64_t token)
{
	struct json_member members[4];
	struct buf able;
	char digits[24];
	size_t count = 0;
	bool ok = true;

	buf_init(&able, SIZE_MAX / 2);
	if (modern) {
		ok = append_capabilities(&able, true, features);
		set_missing(members, &count, meta, len,
		    (struct json_member){META "protocolVersion", "\"" PROTOCOL_MODERN "\"",
		        sizeof PROTOCOL_MODERN + 1});
		set_missing(members, &count, meta, len,
		    (struct json_member){META "clientInfo", CLIENT_INFO, sizeof CLIENT_INFO - 1});
		set_missing(members, &count, meta, len,
		    (struct json_member){
		        META "clientCapabilities", (const char *)able.data, able.len});
	}
	if (token) {
		int n = snprintf(digits, sizeof digits, "%" PRId64, token);
		set_missing(members, &count, meta, len,
		    (struct json_member){"progressToken", digits, (size_t)n});
	}
	ok = ok && json_append_object(out, meta, len, members, count);
	buf_free(&able);
	return ok;
}

bool protocol_append_params(
    struct buf *out, bool modern, unsigned features, const char *params, size_t len, int64_t token)
{
	struct json_member member = {.key = "_meta"};
	struct jsonrpc_span span = {0};
	struct buf meta;
	bool ok;

	if ((!modern && !token) || (params && json_kind_of_valid(params, len) != JSON_OBJECT))
		return !params || buf_append(out, params, len) == BUF_OK;
	if (params)
		span = jsonrpc_find_key(params, len, member.key);
	if (span.len > 0 && json_kind_of_valid(params + span.at, span.len) != JSON_OBJECT)
		return buf_append(out, params, len) == BUF_OK;
	buf_init(&meta, SIZE_MAX / 2);
	ok = append_meta(
	    &meta, modern, features, span.len ? params + span.at : NULL, span.len, token);
	member.value = (const char *)meta.data;
	member.len = meta.len;
	ok = ok && json_append_object(out, params, len, &member, 1);
	buf_free(&meta);
	return ok;
}

/* --- what the server says ---------------------------------------------- */

static bool fail(char *error, const char *before, const char *what, const char *after)
{
	char shown[VERSIONS_MAX];

	(void)snprintf(error, PROTOCOL_ERROR_SIZE, "%s%s%s", before,
	    log_escape(shown, sizeof shown, what, strlen(what)), after);
	return false;
}

static bool no_memory(struct protocol *p, char *error)
{
	protocol_free(p);
	return fail(error, "out of memory", "", "");
}

static bool is_legacy(const char *raw, size_t len)
{
	for (size_t i = 0; i < sizeof legacy / sizeof *legacy; i++) {
		if (jsonrpc_string_is(raw, len, legacy[i]))
			return true;
	}
	return false;
}

bool protocol_learn_initialize(struct protocol *p, const char *result, size_t len, char *error)
{
	struct jsonrpc_span version = jsonrpc_find_key(result, len, "protocolVersion");
	char *plain = json_decode(result + version.at, version.len);

	protocol_free(p);
	if (!plain)
		return fail(error, "the answer to initialize names no protocolVersion", "", "");
	if (!is_legacy(result + version.at, version.len)) {
		(void)fail(error, "the server wants MCP version ", plain,
		    "; spoken here are 2024-11-05 to " PROTOCOL_LEGACY ", and " PROTOCOL_MODERN
		    " without initialize");
		free(plain);
		return false;
	}
	p->version = plain;
	p->result = strndup(result, len);
	if (!p->result)
		return no_memory(p, error);
	p->task_calls = jsonrpc_find(result, len, "capabilities.tasks.requests.tools.call").len > 0;
	p->task_cancel = jsonrpc_find(result, len, "capabilities.tasks.cancel").len > 0;
	return true;
}

/* Whether the version is in the raw array; else ${list} gets all of them. */
static bool has_version(const char *raw, size_t len, const char *version, char *list)
{
	cJSON *array = cJSON_ParseWithLength(raw, len);
	const cJSON *item;
	bool found = false;
	size_t at = 0;

	list[0] = '\0';
	cJSON_ArrayForEach(item, array)
	{
		if (!cJSON_IsString(item))
			continue;
		found = found || strcmp(item->valuestring, version) == 0;
		if (at < VERSIONS_MAX - 1)
			at += (size_t)snprintf(list + at, VERSIONS_MAX - at, "%s%.40s",
			    at ? ", " : "", item->valuestring);
	}
	cJSON_Delete(array);
	return found;
}

/* What initialize would have said. */
static char *make_result(const char *result, size_t len)
{
	struct jsonrpc_span meta = jsonrpc_find_key(result, len, "_meta"), info = {0};
	struct jsonrpc_span able = jsonrpc_find_key(result, len, "capabilities");
	struct jsonrpc_span hints = jsonrpc_find_key(result, len, "instructions");
	struct buf out;

	if (meta.len > 0)
		info = jsonrpc_find_key(result + meta.at, meta.len, META "serverInfo");
	info.at += meta.at;
	if (info.len == 0)
		info = jsonrpc_find_key(result, len, "serverInfo");
	const struct json_member members[] = {
	    {"protocolVersion", "\"" PROTOCOL_MODERN "\"", sizeof PROTOCOL_MODERN + 1},
	    {"capabilities", able.len ? result + able.at : NULL, able.len},
	    {"serverInfo", info.len ? result + info.at : NULL, info.len},
	    {"instructions", hints.len ? result + hints.at : NULL, hints.len},
	};
	buf_init(&out, SIZE_MAX / 2);
	if (json_append_object(&out, NULL, 0, members, sizeof members / sizeof *members) &&
	    buf_append(&out, "", 1) == BUF_OK)
		return (char *)out.data;
	buf_free(&out);
	return NULL;
}

bool protocol_learn_discover(struct protocol *p, const char *result, size_t len, char *error)
{
	struct jsonrpc_span versions = jsonrpc_find_key(result, len, "supportedVersions");
	char list[VERSIONS_MAX];

	protocol_free(p);
	if (json_kind_of_valid(result + versions.at, versions.len) != JSON_ARRAY)
		return fail(
		    error, "the answer to server/discover names no supportedVersions", "", "");
	if (!has_version(result + versions.at, versions.len, PROTOCOL_MODERN, list))
		return fail(error, "the server speaks MCP version ", *list ? list : "(none)",
		    "; spoken here without initialize is " PROTOCOL_MODERN);
	p->modern = true;
	p->task_cancel = true;
	p->version = strdup(PROTOCOL_MODERN);
	p->result = make_result(result, len);
	return p->version && p->result ? true : no_memory(p, error);
}
