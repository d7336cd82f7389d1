/*
 * The texts of a client's own messages. Pure.
 */
#ifndef WSMCP_ENVELOPE_H
#define WSMCP_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * Each appends one message to ${out}; raw values are put in as they are (params NULL = none). Returns false if memory
 * is out.
 */
bool envelope_append_request(
    struct buf *out, int64_t id, const char *method, const char *params, size_t len);
bool envelope_append_notification(
    struct buf *out, const char *method, const char *params, size_t len);
bool envelope_append_result(
    struct buf *out, const char *id, size_t id_len, const char *result, size_t len);
bool envelope_append_error(
    struct buf *out, const char *id, size_t id_len, int code, const char *message);

#endif
