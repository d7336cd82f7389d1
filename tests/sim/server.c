#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "clock.h"
#include "method.h"
#include "random.h"
#include "scene.h"
#include "wire.h"

#define ASKED_MAX     64
#define PLANS_MAX     256
#define JOIN_MAX      4
#define LEFTOVERS_MAX 16

/* A request that was heard on this link. */
struct asked {
	uint64_t n;
	bool private, open,
	    integer; /* integer: of its protocolVersion, as other protocols have it */
	unsigned traits;
	char id[80];
	char version[40]; /* raw */
	unsigned answers;
};

/* What changes the session itself is not answered out of turn. */
#define ODD                                                                                        \
	(METHOD_INITIALIZE | METHOD_SET_LEVEL | METHOD_SUBSCRIBE | METHOD_UNSUBSCRIBE |            \
	    METHOD_LISTEN)

struct plan {
	int64_t at;
	size_t asked;
	bool acknowledges;
};

static struct server {
	unsigned link; /* 0 = none */
	bool deaf;     /* it has closed and does not listen any more */
	unsigned char *bytes;
	size_t len, cap;
	unsigned char *text; /* of the message whose fragments come */
	size_t text_len, text_cap;
	bool in_message;
	struct asked *asked;
	size_t asked_count, asked_cap;
	struct plan plans[PLANS_MAX];
	size_t plan_count;
	struct leftover {
		int64_t at;
		struct asked asked;
	} leftovers[LEFTOVERS_MAX]; /* of earlier links */
	size_t leftover_count;
	uint64_t own_ids;
	uint64_t own_marks[ASKED_MAX];
	size_t own_count;
	unsigned lists;
} server;

void server_begin(void)
{
	server.link = 0;
	server.len = server.asked_count = server.plan_count = server.leftover_count = 0;
	server.lists = (unsigned)random_below(8);
}

void server_end(void)
{
	server.link = 0;
}

static void reserve(void *pointer, size_t *cap, size_t need, size_t size)
{
	void *bytes;
	void *more;

	if (need <= *cap)
		return;
	memcpy(&bytes, pointer, sizeof bytes);
	*cap = need * 2;
	more = realloc(bytes, *cap * size);
	if (!more)
		abort();
	memcpy(pointer, &more, sizeof more);
}

/* --- what it says ------------------------------------------------------ */

static void push(const char *text, size_t len, uint64_t mark, unsigned count, int64_t delay)
{
	wire_push(WIRE_TEXT, text, len, 0, delay, mark, count);
}

/* One message of its own. ${text} has a %llu for the mark and room for nothing else. */
static void say(struct told *t, uint64_t mark, const char *text, int64_t delay)
{
	size_t len = strlen(text);

	t->text = strdup(text);
	push(text, len, mark, 1, delay);
}

static const char *padding(bool large)
{
	static char spaces[2100];

	if (!large)
		return "";
	memset(spaces, ' ', sizeof spaces - 1);
	return spaces;
}

static void ask(int64_t delay, unsigned large)
{
	static const char *const methods[] = {
	    "sampling/createMessage", "roots/list", "elicitation/create", "ping"};
	char id[32], text[2600];
	uint64_t m;

	snprintf(id, sizeof id, "%llu", (unsigned long long)server.own_ids++);
	m = check_tell(A_REQUEST, id);
	struct told *t = check_told(m);
	t->large = random_chance(large);
	snprintf(text, sizeof text,
	    "{\"jsonrpc\":\"2.0\",\"m\":%llu,\"id\":%s,\"method\":\"%s\"%s}", (unsigned long long)m,
	    id, methods[random_below(4)], padding(t->large));
	if (server.own_count < ASKED_MAX)
		server.own_marks[server.own_count++] = m;
	say(t, m, text, delay);
}

static void tell(int64_t delay)
{
	char text[2600];
	uint64_t m = check_tell(A_NOTIFICATION, "");
	struct told *t = check_told(m);

	t->large = random_chance(scene.large_reply / 4);
	snprintf(text, sizeof text,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"m\":%llu%s}",
	    (unsigned long long)m, padding(t->large));
	say(t, m, text, delay);
}

static void cancel(const char *id, uint64_t about, uint64_t subscription)
{
	char text[300];
	uint64_t m = check_tell(A_NOTIFICATION, "");
	struct told *t = check_told(m);

	t->cancels = true;
	t->about = about;
	t->answers = subscription;
	snprintf(text, sizeof text,
	    "{\"jsonrpc\":\"2.0\",\"m\":%llu,\"method\":\"notifications/cancelled\","
	    "\"params\":{\"requestId\":%s}}",
	    (unsigned long long)m, id);
	say(t, m, text, 0);
}

/* It takes back a question, or ends a subscription. */
static void cancel_something(void)
{
	if (random_chance(500) && server.own_count > 0) {
		uint64_t m = server.own_marks[random_below(server.own_count)];
		struct told *t = check_told(m);
		if (!t->withdrawn && !t->large) {
			char id[80];
			t->withdrawn = true;
			memcpy(id, t->id, sizeof id);
			cancel(id, m, 0);
		}
		return;
	}
	for (size_t i = 0; i < server.asked_count; i++) {
		struct asked *a = &server.asked[i];
		if (a->open && (a->traits & METHOD_LISTEN) && !a->private) {
			a->open = false;
			cancel(a->id, 0, a->n);
			return;
		}
	}
}

static void close_link(void)
{
	static const int codes[] = {
	    1000, 1001, 1008, 1009, 1002, 1003, 1007, 1010, 1011, 1012, 1005, 3000, 4401, 4000};
	int code = codes[random_below(sizeof codes / sizeof *codes)];

	note("server: closes with %d", code);
	wire_push(WIRE_CLOSE, "", 0, code, random_between(0, scene.latency), 0, 0);
	server.deaf = random_chance(500);
	if (random_chance(700))
		wire_push(WIRE_END, "", 0, 0, random_between(0, 2000), 0, 0);
}

/* --- answers ----------------------------------------------------------- */

static void result_of(struct told *t, const struct asked *a, char *out, size_t size)
{
	static const char *const declared[] = {"false", "true"};

	if (!(a->traits & METHOD_INITIALIZE)) {
		snprintf(out, size, "\"result\":{\"ok\":true}");
		return;
	}
	if (a->integer) {
		snprintf(out, size, "\"result\":{\"protocolVersion\":1}");
		return;
	}
	t->lists = (server.lists & 1 ? METHOD_ASKS_TOOLS : 0) |
	           (server.lists & 2 ? METHOD_ASKS_RESOURCES : 0) |
	           (server.lists & 4 ? METHOD_ASKS_PROMPTS : 0);
	snprintf(t->version, sizeof t->version, "%.20s",
	    random_chance(scene.other_version) ? "\"2024-11-05\"" : a->version);
	snprintf(out, size,
	    "\"result\":{\"protocolVersion\":%s,\"capabilities\":{\"tools\":{\"listChanged\":%s},"
	    "\"resources\":{\"subscribe\":true,\"listChanged\":%s},"
	    "\"prompts\":{\"listChanged\":%s}}}",
	    t->version, declared[server.lists & 1], declared[server.lists >> 1 & 1],
	    declared[server.lists >> 2 & 1]);
}

/* The same value as another server might write it. */
static void respell(char *out, size_t size, const char *id)
{
	if (id[0] == '"' || strchr(id, '.') || strchr(id, 'e') || !random_chance(100))
		snprintf(out, size, "%s", id);
	else
		snprintf(out, size, "%s.0", id);
}

/* Makes the answer to ${a} as text in ${out} and in the book. Returns its mark. */
static uint64_t make_answer(struct asked *a, bool alone, char *out, size_t size)
{
	char id[100], result[400];
	struct told *t;
	uint64_t m;
	bool wrong = !a->private && random_chance(scene.wrong_id);

	if (wrong) {
		check_stain(a->id);
		snprintf(id, sizeof id, "%llu", (unsigned long long)random_below(40));
		check_stain(id);
	} else {
		respell(id, sizeof id, a->id);
	}
	m = check_tell(A_RESPONSE, id);
	t = check_told(m);
	t->answers = wrong ? 0 : a->n;
	t->private = a->private;
	t->again = a->answers > 0;
	if (!wrong)
		a->answers++;
	a->open = a->open && wrong; /* the calm makes up for it */
	t->malformed = alone && random_chance(scene.malformed);
	t->invalid = alone && !t->malformed && random_chance(scene.invalid);
	t->large = alone && !t->malformed && !t->invalid && random_chance(scene.large_reply);
	t->error = random_chance(a->private ? scene.replay_error : scene.error);
	if (t->again || t->malformed || t->invalid)
		check_stain(a->id);
	if (t->error)
		snprintf(result, sizeof result, "\"error\":{\"code\":-32001,\"message\":\"no\"}");
	else
		result_of(t, a, result, sizeof result);
	if (t->invalid)
		snprintf(result, sizeof result, "\"resul\":{}");
	if (t->malformed)
		snprintf(result, sizeof result, "\"result\":{,");
	snprintf(out, size, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"m\":%llu,%s%s}", id,
	    (unsigned long long)m, result, padding(t->large));
	t->text = strdup(out);
	return m;
}

static void acknowledge(struct asked *a)
{
	char text[400];
	uint64_t m = check_tell(A_NOTIFICATION, "");
	struct told *t = check_told(m);

	t->acknowledges = true;
	t->answers = a->n;
	snprintf(text, sizeof text,
	    "{\"jsonrpc\":\"2.0\",\"m\":%llu,\"method\":\"notifications/subscriptions/"
	    "acknowledged\","
	    "\"params\":{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":%s},"
	    "\"notifications\":{\"toolsListChanged\":true,\"resourceSubscriptions\":[\"file:///"
	    "l\"]}}}",
	    (unsigned long long)m, a->id);
	say(t, m, text, random_between(0, scene.latency));
}

static void plan(size_t asked, int64_t delay, bool acknowledges)
{
	if (server.plan_count < PLANS_MAX)
		server.plans[server.plan_count++] =
		    (struct plan){scene.now + delay, asked, acknowledges};
}

static void plan_answer(size_t i)
{
	struct asked *a = &server.asked[i];
	int64_t delay = random_between(0, scene.latency);

	if (a->traits & METHOD_LISTEN) {
		if (!random_chance(scene.never))
			plan(i, delay, true);
		if (random_chance(scene.twice))
			plan(i, delay + 1, true);
		return;
	}
	if (random_chance(
	        a->private && (a->traits & METHOD_INITIALIZE) ? scene.replay_never : scene.never))
		return;
	if (random_chance(scene.late))
		delay += random_between(0, random_chance(200) ? 60000 : 3000);
	plan(i, delay, false);
	if (random_chance(scene.twice))
		plan(i, delay + random_between(0, 50), false);
}

/* Several answers at once may go out as one array, as those to a batch do. */
static void answer_due(const struct plan *due, size_t count)
{
	char text[JOIN_MAX * 3000], one[3000];
	size_t len = 0;
	uint64_t first = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t m = make_answer(&server.asked[due[i].asked], count == 1, one, sizeof one);
		if (i == 0)
			first = m;
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s",
		    count == 1 ? ""
		    : i == 0   ? "[ "
		               : " ,",
		    one);
	}
	if (count > 1)
		len += (size_t)snprintf(text + len, sizeof text - len, " ]");
	push(text, len, first, (unsigned)count, 0);
}

/* A server that has resumed its session says what it could not say on the link that was lost. */
static void answer_leftovers(void)
{
	char text[3000];

	for (size_t i = 0; i < server.leftover_count && server.link;) {
		struct leftover *l = &server.leftovers[i];
		if (l->at > scene.now) {
			i++;
			continue;
		}
		uint64_t m = make_answer(&l->asked, true, text, sizeof text);
		struct told *t = check_told(m);
		t->resumed = t->answers != 0;
		push(text, strlen(text), m, 1, 0);
		*l = server.leftovers[--server.leftover_count];
	}
}

/* Once a link, though it may have meant to answer twice. */
static void leave_over(const struct plan *p, size_t of_this_link)
{
	const struct asked *a = &server.asked[p->asked];

	for (size_t i = of_this_link; i < server.leftover_count; i++) {
		if (server.leftovers[i].asked.n == a->n)
			return;
	}
	if (p->acknowledges || a->private || !a->open || (a->traits & ODD) ||
	    server.leftover_count == LEFTOVERS_MAX || !random_chance(scene.resumes))
		return;
	server.leftovers[server.leftover_count++] =
	    (struct leftover){scene.now + random_between(0, random_chance(500) ? 0 : 5000), *a};
}

void server_run(void)
{
	struct plan due[JOIN_MAX];
	size_t count = 0, most = random_chance(scene.joins) ? JOIN_MAX : 1;

	answer_leftovers();
	for (size_t i = 0; i < server.plan_count;) {
		struct plan p = server.plans[i];
		if (p.at > scene.now) {
			i++;
			continue;
		}
		server.plans[i] = server.plans[--server.plan_count];
		if (p.acknowledges) {
			if (server.asked[p.asked].open)
				acknowledge(&server.asked[p.asked]);
			continue;
		}
		if (server.asked[p.asked].traits & METHOD_INITIALIZE) {
			answer_due(&p, 1);
			continue;
		}
		due[count++] = p;
		if (count == most) {
			answer_due(due, count);
			count = 0;
		}
	}
	if (count > 0)
		answer_due(due, count);
}

int64_t server_next(void)
{
	int64_t at = CLOCK_NEVER;

	for (size_t i = 0; i < server.plan_count; i++)
		at = clock_min(at, server.plans[i].at);
	for (size_t i = 0; i < server.leftover_count && server.link; i++)
		at = clock_min(at, server.leftovers[i].at);
	return at;
}

static bool is_planned(size_t asked)
{
	for (size_t i = 0; i < server.plan_count; i++) {
		if (server.plans[i].asked == asked)
			return true;
	}
	return false;
}

void server_calm(void)
{
	server.leftover_count = 0;
	for (size_t i = 0; server.link && i < server.asked_count; i++) {
		struct asked *a = &server.asked[i];
		if (a->answers == 0 && a->open && !is_planned(i))
			plan(i, 0, (a->traits & METHOD_LISTEN) != 0);
	}
}

/* --- what it hears ----------------------------------------------------- */

static void copy_raw(char *out, size_t size, const char *text, struct jsonrpc_span span)
{
	size_t len = span.len < size ? span.len : size - 1;

	memcpy(out, text + span.at, len);
	out[len] = '\0';
}

/* The host takes back a request: most servers then do not answer it. */
static void hear_cancel(const char *text, size_t len)
{
	struct jsonrpc_span id = jsonrpc_find(text, len, "params.requestId");

	for (size_t i = 0; i < server.asked_count; i++) {
		struct asked *a = &server.asked[i];
		if (!a->open || !jsonrpc_id_equal(a->id, strlen(a->id), text + id.at, id.len))
			continue;
		if (scene.calm || random_chance(700)) {
			a->open = false;
			for (size_t p = 0; p < server.plan_count;) {
				if (server.plans[p].asked == i)
					server.plans[p] = server.plans[--server.plan_count];
				else
					p++;
			}
		}
		return;
	}
}

static void hear_request(
    const char *all, const struct check_element *e, uint64_t n, bool private, unsigned traits)
{
	struct jsonrpc_span version = jsonrpc_find(e->text, e->len, "params.protocolVersion");

	reserve(&server.asked, &server.asked_cap, server.asked_count + 1, sizeof(struct asked));
	struct asked *a = &server.asked[server.asked_count++];
	*a = (struct asked){.n = n, .private = private, .open = true, .traits = traits};
	copy_raw(a->id, sizeof a->id, all, e->envelope.id);
	copy_raw(a->version, sizeof a->version, e->text, version);
	a->integer = a->version[0] != '"';
	for (size_t i = 0; i + 1 < server.asked_count; i++) {
		const struct asked *b = &server.asked[i];
		if (b->open && b->answers == 0 &&
		    jsonrpc_id_equal(a->id, strlen(a->id), b->id, strlen(b->id)) &&
		    !check_said(n)->may_be_used)
			check_fail("two requests with the id %s are in flight on one link", a->id);
	}
	plan_answer(server.asked_count - 1);
}

static void act_up(void)
{
	if (random_chance(scene.asks))
		ask(random_between(0, scene.latency), scene.large_asks / 4);
	if (random_chance(scene.tells))
		tell(random_between(0, scene.latency));
	if (random_chance(scene.cancels_own))
		cancel_something();
	if (random_chance(scene.spoils))
		wire_push(WIRE_GARBAGE, "", 0, 0, 0, 0, 0);
	if (random_chance(scene.closes))
		close_link();
}

static void hear(const unsigned char *bytes, size_t len)
{
	struct message *m = message_new(bytes, len);
	struct check_element e;
	size_t at = 0;
	bool first = true;

	if (!m)
		abort();
	note("server %u: hears %.*s", server.link, (int)(len < 300 ? len : 300),
	    (const char *)bytes);
	if (m->envelope.kind <= JSONRPC_INVALID)
		check_fail("the server got what is not JSON-RPC");
	while (check_next_element(m, &at, &e)) {
		const char *all = (const char *)m->text.data;
		uint64_t n = check_number(e.text, e.len, "n");
		bool private =
		    check_server_heard(server.link, n, e.text, e.len, &e.envelope, first);
		unsigned traits = e.envelope.method.len ? method_traits(all + e.envelope.method.at,
		                                              e.envelope.method.len)
		                                        : 0;
		first = false;
		if (e.envelope.kind == JSONRPC_REQUEST)
			hear_request(all, &e, n, private, traits);
		else if (traits & METHOD_CANCELLED)
			hear_cancel(e.text, e.len);
	}
	message_free(m);
	act_up();
}

/* --- the decoder (RFC 6455, section 5.2) ------------------------------- */

static void hear_data(unsigned opcode, bool fin, const unsigned char *payload, size_t len)
{
	if ((opcode == 0) != server.in_message)
		check_fail("a fragment where none belongs");
	if (opcode == 0 || !fin) {
		reserve(&server.text, &server.text_cap, server.text_len + len + 1, 1);
		memcpy(server.text + server.text_len, payload, len);
		server.text_len += len;
	}
	server.in_message = !fin;
	if (!fin)
		return;
	if (opcode == 0)
		hear(server.text, server.text_len);
	else
		hear(payload, len);
	server.text_len = 0;
}

static void hear_control(unsigned opcode, const unsigned char *payload, size_t len)
{
	if (opcode == 0x8) {
		note("server %u: hears a close frame", server.link);
		wire_push(WIRE_END, "", 0, 0, random_between(0, scene.latency), 0, 0);
		server.deaf = true;
	} else if (opcode == 0x9) {
		wire_push(WIRE_PONG, (const char *)payload, len, 0,
		    random_between(0, scene.latency), 0, 0);
	}
}

/* Takes one whole frame; returns its length, 0 if it is not all there. */
static size_t take_frame(unsigned char *f, size_t have)
{
	size_t header = 2, len;
	unsigned opcode;

	if (have < 2)
		return 0;
	opcode = f[0] & 0x0f;
	len = f[1] & 0x7f;
	if ((f[0] & 0x70) || !(f[1] & 0x80) || (opcode >= 8 && (len > 125 || !(f[0] & 0x80))))
		check_fail("a frame that breaks RFC 6455");
	if (len >= 126)
		header += len == 126 ? 2 : 8;
	if (have < header)
		return 0;
	if (len >= 126) {
		len = 0;
		for (size_t i = 2; i < header; i++)
			len = len << 8 | f[i];
	}
	if (have < header + 4 + len)
		return 0;
	for (size_t i = 0; i < len; i++)
		f[header + 4 + i] ^= f[header + (i & 3)];
	if (opcode >= 8)
		hear_control(opcode, f + header + 4, len);
	else
		hear_data(opcode, f[0] & 0x80, f + header + 4, len);
	return header + 4 + len;
}

void server_bytes(const unsigned char *bytes, size_t len)
{
	size_t at = 0, took;

	if (server.deaf)
		return;
	reserve(&server.bytes, &server.cap, server.len + len, 1);
	memcpy(server.bytes + server.len, bytes, len);
	server.len += len;
	while (!server.deaf && (took = take_frame(server.bytes + at, server.len - at)) > 0)
		at += took;
	memmove(server.bytes, server.bytes + at, server.len - at);
	server.len -= at;
}

void server_link_opened(unsigned link)
{
	server.link = link;
	server.deaf = server.in_message = false;
	server.len = server.text_len = server.asked_count = server.plan_count = 0;
	server.own_ids = 0;
	server.own_count = 0;
	if (random_chance(scene.other_lists))
		server.lists = (unsigned)random_below(8);
	if (random_chance(scene.greets)) {
		if (random_chance(500))
			ask(0, scene.large_asks);
		if (random_chance(500))
			tell(0);
		if (random_chance(scene.closes))
			close_link();
	}
}

void server_link_ended(void)
{
	size_t before = server.leftover_count;

	for (size_t i = 0; i < server.plan_count; i++)
		leave_over(&server.plans[i], before);
	server.plan_count = 0;
	server.link = 0;
	server.deaf = true;
}
