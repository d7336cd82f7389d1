#include "envelope.h"

#include <inttypes.h>
#include <stdio.h>

#include "json.h"

#define HEAD "{\"jsonrpc\":\"2.0\""

static bool append_call(struct buf *out, const char *method, const char *params, size_t len)
{
	return buf_append_str(out, ",\"method\":") == BUF_OK && json_append_string(out, method) &&
	       (!params || (buf_append_str(out, ",\"params\":") == BUF_OK &&
	                       buf_append(out, params, len) == BUF_OK)) &&
	       buf_append_str(out, "}") == BUF_OK;
}

bool envelope_append_request(
    struct buf *out, int64_t id, const char *method, const char *params, size_t len)
{
	char head[64];

	(void)snprintf(head, sizeof head, HEAD ",\"id\":%" PRId64, id);
	return buf_append_str(out, head) == BUF_OK && append_call(out, method, params, len);
}

bool envelope_append_notification(
    struct buf *out, const char *method, const char *params, size_t len)
{
	return buf_append_str(out, HEAD) == BUF_OK && append_call(out, method, params, len);
}

static bool append_answer_head(struct buf *out, const char *id, size_t id_len, const char *key)
{
	return buf_append_str(out, HEAD ",\"id\":") == BUF_OK &&
	       buf_append(out, id, id_len) == BUF_OK && buf_append_str(out, key) == BUF_OK;
}

bool envelope_append_result(
    struct buf *out, const char *id, size_t id_len, const char *result, size_t len)
{
	return append_answer_head(out, id, id_len, ",\"result\":") &&
	       buf_append(out, result, len) == BUF_OK && buf_append_str(out, "}") == BUF_OK;
}

bool envelope_append_error(
    struct buf *out, const char *id, size_t id_len, int code, const char *message)
{
	char head[48];

	(void)snprintf(head, sizeof head, ",\"error\":{\"code\":%d,\"message\":", code);
	return append_answer_head(out, id, id_len, head) && json_append_string(out, message) &&
	       buf_append_str(out, "}}") == BUF_OK;
}
