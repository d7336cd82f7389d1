#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "jsonrpc.h"
#include "utf8.h"

#define BOM         "\xEF\xBB\xBF"
#define REPLACEMENT "\xEF\xBF\xBD"

#define NUMBER_MAX 64 /* bytes of a raw number that is of use */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

enum json_kind json_kind_of_valid(const char *raw, size_t len)
{
	size_t at = 0;

	while (at < len && is_space(raw[at]))
		at++;
	if (at == len)
		return JSON_NONE;
	return raw[at] == '{' ? JSON_OBJECT : raw[at] == '[' ? JSON_ARRAY : JSON_OTHER;
}

enum json_kind json_kind(const char *text, size_t len)
{
	struct jsonrpc_envelope e;

	/* A mark in front is no part of the value, and would stand in the middle of a message. */
	if (len >= sizeof BOM - 1 && memcmp(text, BOM, sizeof BOM - 1) == 0)
		return JSON_NONE;
	if (jsonrpc_scan_text(text, len, &e) == JSONRPC_NOT_JSON)
		return JSON_NONE;
	return json_kind_of_valid(text, len);
}

static const char *escape_of(unsigned char c, char out[8])
{
	if (c == '"' || c == '\\')
		(void)snprintf(out, 8, "\\%c", c);
	else
		(void)snprintf(out, 8, "\\u%04x", c);
	return out;
}

bool json_append_string(struct buf *out, const char *text)
{
	char escape[8];
	bool ok = buf_append_str(out, "\"") == BUF_OK;

	while (ok && *text) {
		size_t n = 0;
		while ((unsigned char)text[n] >= 0x20 && text[n] != '"' && text[n] != '\\')
			n++;
		ok = buf_append(out, text, n) == BUF_OK;
		text += n;
		if (ok && *text)
			ok = buf_append_str(out, escape_of((unsigned char)*text++, escape)) ==
			     BUF_OK;
	}
	return ok && buf_append_str(out, "\"") == BUF_OK;
}

/* --- objects ----------------------------------------------------------- */

static bool is_set(const char *raw, size_t len, const struct json_member *members, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (jsonrpc_string_is(raw, len, members[i].key))
			return true;
	}
	return false;
}

static bool append_comma(struct buf *out, bool *first)
{
	bool ok = *first || buf_append_str(out, ",") == BUF_OK;

	*first = false;
	return ok;
}

static bool append_rest(struct buf *out, const char *base, size_t len,
    const struct json_member *members, size_t count, bool *first)
{
	struct jsonrpc_span key, value;
	size_t at = 0;

	while (jsonrpc_member_next(base, len, &at, &key, &value)) {
		if (is_set(base + key.at, key.len, members, count))
			continue;
		if (!append_comma(out, first) ||
		    buf_append(out, base + key.at, value.at + value.len - key.at) != BUF_OK)
			return false;
	}
	return true;
}

bool json_append_object(struct buf *out, const char *base, size_t base_len,
    const struct json_member *members, size_t count)
{
	bool first = true;
	bool ok = buf_append_str(out, "{") == BUF_OK &&
	          (!base || append_rest(out, base, base_len, members, count, &first));

	for (size_t i = 0; ok && i < count; i++) {
		const struct json_member *m = &members[i];
		if (m->value)
			ok = append_comma(out, &first) && json_append_string(out, m->key) &&
			     buf_append_str(out, ":") == BUF_OK &&
			     buf_append(out, m->value, m->len) == BUF_OK;
	}
	return ok && buf_append_str(out, "}") == BUF_OK;
}

/* --- values ------------------------------------------------------------ */

/* Half of a pair stands there as the three bytes ED A0..BF xx. */
static bool is_half(const char *s, size_t len)
{
	return len >= 3 && (unsigned char)s[0] == 0xED && (unsigned char)s[1] >= 0xA0;
}

char *json_decode(const char *raw, size_t len)
{
	if (len < 2 || raw[0] != '"')
		return NULL;
	/* A NUL was written with six bytes. */
	char *out = malloc(len + 1), *plain = malloc(len);
	size_t n = plain ? jsonrpc_string_decode(raw, len, plain) : 0, at = 0;

	for (size_t i = 0; out && plain && i < n; i++) {
		bool half = is_half(plain + i, n - i);
		if (half || plain[i] == '\0') {
			memcpy(out + at, REPLACEMENT, sizeof REPLACEMENT - 1);
			at += sizeof REPLACEMENT - 1;
			i += half ? 2 : 0;
		} else {
			out[at++] = plain[i];
		}
	}
	if (out && plain)
		out[at] = '\0';
	if (!plain) {
		free(out);
		out = NULL;
	}
	free(plain);
	return out;
}

bool json_number(const char *raw, size_t len, double *out)
{
	cJSON *number;
	bool ok;

	/* strtod would read it by the locale. */
	if (len == 0 || len > NUMBER_MAX || (raw[0] != '-' && (raw[0] < '0' || raw[0] > '9')))
		return false;
	number = cJSON_ParseWithLength(raw, len);
	ok = cJSON_IsNumber(number);
	if (ok)
		*out = number->valuedouble;
	cJSON_Delete(number);
	return ok;
}
