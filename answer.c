#include "answer.h"

#include <inttypes.h>
#include <stdio.h>

#include <cjson/cJSON.h>

/* ${head} ID ${middle} JSON ${tail}; on failure out keeps its old length. */
static int append_parts(struct buf *out, const char *head, const char *id, size_t id_len,
    const char *middle, const char *json)
{
	size_t before = out->len;
	int rc = buf_append_str(out, head);

	if (rc == BUF_OK)
		rc = id ? buf_append(out, id, id_len) : buf_append_str(out, "null");
	if (rc == BUF_OK)
		rc = buf_append_str(out, middle);
	if (rc == BUF_OK)
		rc = buf_append_str(out, json);
	if (rc == BUF_OK)
		rc = buf_append_str(out, "}");
	if (rc == BUF_OK)
		return 0;
	out->len = before;
	return -1;
}

/* Adds bytes in digits: cJSON's numbers are doubles, printed with 15 of them. 0 is left out. */
static bool add_size(cJSON *data, const char *name, uint64_t bytes)
{
	char digits[sizeof "18446744073709551615"];

	(void)snprintf(digits, sizeof digits, "%" PRIu64, bytes);
	return bytes == 0 || cJSON_AddRawToObject(data, name, digits);
}

static bool add_data(cJSON *data, const struct answer *a)
{
	static const char *const words[] = {
	    [ANSWER_UNSAID] = NULL,
	    [ANSWER_NOT_SENT] = "no",
	    [ANSWER_MAYBE_SENT] = "unknown",
	};
	const char *delivered = words[a->delivered];

	return cJSON_AddStringToObject(data, "source", "wsmcp") &&
	       (!delivered || cJSON_AddStringToObject(data, "delivered", delivered)) &&
	       (!a->reason || cJSON_AddStringToObject(data, "reason", a->reason)) &&
	       add_size(data, "size", a->size) && add_size(data, "limit", a->limit);
}

static char *print_error(const struct answer *a)
{
	cJSON *error = cJSON_CreateObject();
	cJSON *data;
	char *text = NULL;

	if (error && cJSON_AddNumberToObject(error, "code", a->code) &&
	    cJSON_AddStringToObject(error, "message", a->message) &&
	    (data = cJSON_AddObjectToObject(error, "data")) != NULL && add_data(data, a))
		text = cJSON_PrintUnformatted(error);
	cJSON_Delete(error);
	return text;
}

int answer_append(struct buf *out, const char *id, size_t id_len, const struct answer *answer)
{
	char *error = print_error(answer);

	if (!error)
		return -1;
	int rc =
	    append_parts(out, "{\"jsonrpc\":\"2.0\",\"id\":", id, id_len, ",\"error\":", error);
	cJSON_free(error);
	return rc;
}

int answer_append_empty(struct buf *out, const char *id, size_t id_len)
{
	return append_parts(out, "{\"jsonrpc\":\"2.0\",\"id\":", id, id_len, ",\"result\":", "{}");
}

int answer_append_cancel(struct buf *out, const char *id, size_t id_len, const char *reason)
{
	cJSON *text = cJSON_CreateString(reason);
	char *quoted = text ? cJSON_PrintUnformatted(text) : NULL;

	cJSON_Delete(text);
	if (!quoted)
		return -1;
	size_t before = out->len;
	int rc = append_parts(out,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
	    "cancelled\",\"params\":{\"requestId\":",
	    id, id_len, ",\"reason\":", quoted);
	cJSON_free(quoted);
	if (rc == 0 && buf_append_str(out, "}") != BUF_OK) {
		out->len = before;
		rc = -1;
	}
	return rc;
}
