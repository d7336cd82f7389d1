#include "ask.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "jsonrpc.h"

static const struct {
	const char *method;
	enum ask_kind kind;
} kinds[] = {
    {"ping", ASK_PING},
    {"roots/list", ASK_ROOTS},
    {"elicitation/create", ASK_ELICIT},
    {"sampling/createMessage", ASK_SAMPLE},
};

enum ask_kind ask_kind(const char *method, size_t len)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (jsonrpc_string_is(method, len, kinds[i].method))
			return kinds[i].kind;
	}
	return ASK_UNKNOWN;
}

bool ask_mode_known(const char *params, size_t len)
{
	struct jsonrpc_span mode = {0};

	if (params)
		mode = jsonrpc_find_key(params, len, "mode");
	return mode.len == 0 || jsonrpc_string_is(params + mode.at, mode.len, "form") ||
	       jsonrpc_string_is(params + mode.at, mode.len, "url");
}

/* --- roots ------------------------------------------------------------- */

/* RFC 3986: what may stand in a path as it is. */
static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~/!$&'()*+,;=:@", c));
}

static bool append_encoded(struct buf *out, const char *path)
{
	static const char digits[] = "0123456789ABCDEF";
	bool ok = true;

	for (; ok && *path; path++) {
		const unsigned char c = (unsigned char)*path;
		const char escape[] = {'%', digits[c >> 4], digits[c & 15]};
		ok = is_plain(*path) ? buf_append(out, path, 1) == BUF_OK
		                     : buf_append(out, escape, sizeof escape) == BUF_OK;
	}
	return ok;
}

/* The last part of the path: file names may be anything but UTF-8, names of roots may not. */
static bool append_name(struct buf *out, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash && slash[1] ? slash + 1 : path;
	struct utf8 u = {0};

	if (!utf8_feed(&u, name, strlen(name)) || !utf8_complete(&u))
		return true;
	return buf_append_str(out, ",\"name\":") == BUF_OK && json_append_string(out, name);
}

bool ask_append_roots(struct buf *out, char *const *paths)
{
	bool ok = buf_append_str(out, "{\"roots\":[") == BUF_OK;

	for (size_t i = 0; ok && paths[i]; i++)
		ok = (i == 0 || buf_append_str(out, ",") == BUF_OK) &&
		     buf_append_str(out, "{\"uri\":\"file://") == BUF_OK &&
		     append_encoded(out, paths[i]) && buf_append_str(out, "\"") == BUF_OK &&
		     append_name(out, paths[i]) && buf_append_str(out, "}") == BUF_OK;
	return ok && buf_append_str(out, "]}") == BUF_OK;
}

/* --- tickets ----------------------------------------------------------- */

struct ask *ask_add(struct ask_list *l, const char *id, size_t id_len, int64_t call, size_t input)
{
	struct ask *a = l->count < ASK_MAX ? malloc(sizeof *a + id_len) : NULL;

	if (!a)
		return NULL;
	*a = (struct ask){
	    .next = l->head, .ticket = ++l->last, .call = call, .input = input, .id_len = id_len};
	if (id_len > 0)
		memcpy(a->id, id, id_len);
	l->head = a;
	l->count++;
	return a;
}

struct ask *ask_find(const struct ask_list *l, int64_t ticket)
{
	struct ask *a = l->head;

	while (a && a->ticket != ticket)
		a = a->next;
	return a;
}

struct ask *ask_find_id(const struct ask_list *l, const char *id, size_t len)
{
	struct ask *a = l->head;

	while (a && (a->call || !jsonrpc_id_equal(a->id, a->id_len, id, len)))
		a = a->next;
	return a;
}

struct ask *ask_find_call(const struct ask_list *l, int64_t call)
{
	struct ask *a = l->head;

	while (a && a->call != call)
		a = a->next;
	return a;
}

struct ask *ask_find_untold(const struct ask_list *l)
{
	struct ask *oldest = NULL;

	for (struct ask *a = l->head; a; a = a->next)
		oldest = a->told ? oldest : a;
	return oldest;
}

void ask_remove(struct ask_list *l, struct ask *a)
{
	struct ask **slot = &l->head;

	while (*slot != a)
		slot = &(*slot)->next;
	*slot = a->next;
	l->count--;
	free(a);
}

void ask_free(struct ask_list *l)
{
	while (l->head)
		ask_remove(l, l->head);
}
