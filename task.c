#include "task.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "json.h"

/* --- one task ---------------------------------------------------------- */

static enum task_status status_of(const char *raw, size_t len)
{
	static const struct {
		const char *word;
		enum task_status status;
	} table[] = {
	    {"working", TASK_WORKING},
	    {"input_required", TASK_INPUT_REQUIRED},
	    {"completed", TASK_COMPLETED},
	    {"failed", TASK_FAILED},
	    {"cancelled", TASK_CANCELLED},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (jsonrpc_string_is(raw, len, table[i].word))
			return table[i].status;
	}
	return TASK_UNKNOWN;
}

static int64_t poll_of(const char *object, size_t len)
{
	struct jsonrpc_span span = jsonrpc_find_key(object, len, "pollIntervalMs");
	double ms;

	if (span.len == 0)
		span = jsonrpc_find_key(object, len, "pollInterval");
	if (!json_number(object + span.at, span.len, &ms))
		return TASK_POLL_DEFAULT;
	if (!(ms > TASK_POLL_MIN))
		return TASK_POLL_MIN;
	return ms < TASK_POLL_MAX ? (int64_t)ms : TASK_POLL_MAX;
}

bool task_read(struct task_state *t, const char *object, size_t len)
{
	*t = (struct task_state){.poll = poll_of(object, len),
	    .id = jsonrpc_find_key(object, len, "taskId"),
	    .word = jsonrpc_find_key(object, len, "status"),
	    .message = jsonrpc_find_key(object, len, "statusMessage"),
	    .inputs = jsonrpc_find_key(object, len, "inputRequests"),
	    .result = jsonrpc_find_key(object, len, "result"),
	    .error = jsonrpc_find_key(object, len, "error")};
	t->status = status_of(object + t->word.at, t->word.len);
	return t->id.len > 0 && object[t->id.at] == '"';
}

/* --- tools that must be one -------------------------------------------- */

/* The name of a tool that must be a task; NULL if it need not. */
static const char *required_name(const cJSON *tool)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(tool, "name");
	const cJSON *execution = cJSON_GetObjectItemCaseSensitive(tool, "execution");
	const cJSON *support = cJSON_GetObjectItemCaseSensitive(execution, "taskSupport");

	return cJSON_IsString(support) && strcmp(support->valuestring, "required") == 0
	           ? cJSON_GetStringValue(name)
	           : NULL;
}

bool task_tools_learn(struct task_tools *t, const char *tools, size_t len)
{
	cJSON *array = cJSON_ParseWithLength(tools, len);
	const cJSON *tool;

	task_tools_forget(t);
	t->names = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof *t->names);
	t->known = t->names != NULL;
	cJSON_ArrayForEach(tool, array)
	{
		const char *name = required_name(tool);
		if (!t->known || !name)
			continue;
		t->names[t->count] = strdup(name);
		if (t->names[t->count])
			t->count++;
		else
			t->known = false;
	}
	cJSON_Delete(array);
	return t->known;
}

bool task_tools_has(const struct task_tools *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->names[i], name) == 0)
			return true;
	}
	return false;
}

void task_tools_forget(struct task_tools *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->names[i]);
	free(t->names);
	*t = (struct task_tools){0};
}
