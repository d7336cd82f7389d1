/*
 * Tasks: requests whose result is fetched later. Pure.
 *
 * In 2025-11-25 the client asks for one ("task" in the params; some tools demand it), polls tasks/get and
 * fetches tasks/result. In 2026-07-28 they are the extension io.modelcontextprotocol/tasks: the server answers
 * with one of its own accord (resultType "task"), and tasks/get brings the result.
 */
#ifndef WSMCP_TASK_H
#define WSMCP_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jsonrpc.h"

/* How long to wait between two looks at a task, ms: what the server wishes, within these. */
#define TASK_POLL_MIN     100
#define TASK_POLL_DEFAULT 1000
#define TASK_POLL_MAX     60000

enum task_status {
	TASK_UNKNOWN,
	TASK_WORKING,
	TASK_INPUT_REQUIRED,
	TASK_COMPLETED,
	TASK_FAILED,
	TASK_CANCELLED
};

struct task_state {
	enum task_status status;
	int64_t poll; /* ms until the next look */
	/* Raw, counting from the start of the object; len 0 = not there. */
	struct jsonrpc_span id, word, message, inputs, result, error;
};

/* Reads a raw task object of either form. Returns false if it has no string taskId. */
bool task_read(struct task_state *t, const char *object, size_t len);

/* Which tools must be called as tasks. All zero = not known yet. */
struct task_tools {
	bool known;
	char **names;
	size_t count;
};

/* Learns from a raw array of tools. Returns false if memory is out. */
bool task_tools_learn(struct task_tools *t, const char *tools, size_t len);
bool task_tools_has(const struct task_tools *t, const char *name);
void task_tools_forget(struct task_tools *t);

#endif
