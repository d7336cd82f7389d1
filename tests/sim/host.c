#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "clock.h"
#include "method.h"
#include "random.h"
#include "scene.h"

#define REPLIES_MAX 64
#define INBOX_ROOM  3 /* lines that a host which does not read still leaves room for */
#define HUGE_MAX    ((size_t)1 << 21)
#define VALUES_MAX  4096 /* ids of one run, by value */
#define USES_MAX    28   /* of one of them */
#define SMALL_VALUE 100000

struct line {
	struct line *next;
	char *text;
	size_t len;
	uint64_t first; /* number of its first element, 0 = garbage */
	unsigned count;
};

struct reply {
	int64_t at;
	uint64_t to;
	char id[80];
};

static struct host {
	struct line *lines, *last;
	struct message_list inbox;
	struct intake intake;
	struct reply replies[REPLIES_MAX];
	size_t reply_count;
	int64_t next_action, stalled_until;
	unsigned actions;
	uint64_t values; /* ids used so far */
	uint8_t uses[VALUES_MAX], odd_uses[12];
	uint64_t probe, probes;
	bool said_initialize, initialized, wants_end, told_end, wants_stop, ended;
	char *element; /* of the line being made */
	size_t element_cap;
} host;

/* --- lines ------------------------------------------------------------- */

static void add_line(const char *text, size_t len, uint64_t first, unsigned count)
{
	struct line *l = malloc(sizeof *l);

	if (!l)
		abort();
	*l = (struct line){.text = malloc(len + 1), .len = len, .first = first, .count = count};
	memcpy(l->text, text, len);
	l->text[len] = '\0';
	if (host.last)
		host.last->next = l;
	else
		host.lines = l;
	host.last = l;
}

static void drop_line(void)
{
	struct line *l = host.lines;

	host.lines = l->next;
	if (!host.lines)
		host.last = NULL;
	free(l->text);
	free(l);
}

/* --- ids --------------------------------------------------------------- */

/*
 * A number in the ${v}th of the ways to write it, each another text: "107", "107e-0", "1070e-1" ...
 */
static void spell_number(char *out, size_t size, uint64_t value, unsigned v)
{
	unsigned zeros = v % 4;

	if (v == 0)
		snprintf(out, size, "%llu", (unsigned long long)value);
	else
		snprintf(out, size, "%llu%.*se-%.*s%u", (unsigned long long)value, (int)zeros,
		    "000", (int)(v / 4), "00000000000000000000", zeros);
}

/* The same for a string: every bit says of one character whether it is escaped. */
static void spell_string(char *out, size_t size, uint64_t value, unsigned v)
{
	char digits[24];
	int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
	size_t len = (size_t)snprintf(
	    out, size, "\"%s%s", v & 1 ? "\\u0069" : "i", v & 2 ? "\\u00e9" : "\xc3\xa9");

	for (int i = 0; i < count; i++)
		len += (size_t)snprintf(out + len, size - len,
		    v >> (i + 2) & 1 ? "\\u00%02x" : "%c", (unsigned)digits[i]);
	snprintf(out + len, size - len, "\"");
}

/* No two requests have an id that is written alike, so that every answer can be told whose it is. */
static void spell(char *out, size_t size, uint64_t value, uint8_t *uses)
{
	if (value % 2 == 0 || value > SMALL_VALUE)
		spell_number(out, size, value, *uses);
	else
		spell_string(out, size, value, *uses);
	++*uses;
}

static void new_id(char *out, size_t size)
{
	uint64_t back = random_below(host.values < 8 ? host.values : 8), which = random_below(6);
	uint64_t value = host.values - back;

	if (random_chance(scene.reuses / 20) && host.odd_uses[which] < USES_MAX) {
		spell(out, size, 2147483647 - which, &host.odd_uses[which]);
	} else if (random_chance(20) && host.odd_uses[6 + which] < USES_MAX) {
		spell(out, size, 9007199254740990 + which, &host.odd_uses[6 + which]);
	} else {
		if (host.values == 0 || !random_chance(scene.reuses) ||
		    host.uses[value] >= USES_MAX)
			value = ++host.values;
		if (value >= VALUES_MAX)
			abort();
		spell(
		    out, size, value + 100, &host.uses[value]); /* servers get those below wrong */
	}
}

/* --- elements ---------------------------------------------------------- */

struct method {
	const char *name;
	const char *params; /* NULL = none; # becomes a digit */
	unsigned weight, legacy, modern;
	bool cursor, picky, task;
};

static const struct method methods[] = {
    {.name = "tools/call", .params = "{\"name\":\"t\"}", .weight = 30},
    {.name = "tools/list", .weight = 10},
    {.name = "tools/list", .params = "{\"cursor\":\"c\"}", .weight = 4, .cursor = true},
    {.name = "resources/list", .weight = 4},
    {.name = "resources/templates/list", .weight = 1},
    {.name = "prompts/list", .weight = 4},
    {.name = "resources/read", .params = "{\"uri\":\"file:///r\"}", .weight = 5},
    {.name = "resources/read", .params = "{\"requestState\":\"s\"}", .weight = 3, .picky = true},
    {.name = "prompts/get", .params = "{\"inputResponses\":{}}", .weight = 2, .picky = true},
    {.name = "ping", .weight = 6},
    {.name = "completion/complete", .weight = 2},
    {.name = "tasks/get", .params = "{\"taskId\":\"x\"}", .weight = 2},
    {.name = "tools/call", .params = "{\"name\":\"t\",\"task\":{}}", .weight = 3, .task = true},
    {.name = "x/unknown", .params = "[1,2]", .weight = 3},
    {.name = "resources/subscribe", .params = "{\"uri\":\"file:///#\"}", .legacy = 6},
    {.name = "resources/unsubscribe", .params = "{\"uri\":\"file:///#\"}", .legacy = 3},
    {.name = "logging/setLevel", .params = "{\"level\":\"l#\"}", .legacy = 4},
    {.name = "server/discover", .modern = 4},
    {.name = "subscriptions/listen", .params = "{\"notifications\":{}}", .modern = 5},
};

#define METHODS (sizeof methods / sizeof *methods)

static char *element_room(size_t need)
{
	if (need > host.element_cap) {
		free(host.element);
		host.element_cap = need * 2;
		host.element = malloc(host.element_cap);
		if (!host.element)
			abort();
	}
	return host.element;
}

static size_t padding(bool alone, bool *large)
{
	*large = alone && random_chance(scene.large);
	if (*large)
		return scene.max_message;
	if (alone && random_chance(scene.huge)) {
		size_t most = scene.max_message < HUGE_MAX ? scene.max_message - 500 : HUGE_MAX;
		return random_chance(100) ? random_below(most) : random_below(most / 8);
	}
	return 0;
}

static uint64_t make_request(const struct method *m, bool alone)
{
	char id[80], params[100] = "";
	bool large;
	size_t pad = padding(alone, &large);
	uint64_t n;

	new_id(id, sizeof id);
	n = check_say(A_REQUEST, m->name, id);
	struct said *s = check_said(n);
	s->cursor = m->cursor;
	s->picky = m->picky;
	s->task = m->task;
	s->large = large;
	if (m->params) {
		snprintf(params, sizeof params, ",\"params\":%s", m->params);
		char *digit = strchr(params, '#');
		if (digit)
			*digit = (char)('0' + random_below(3));
	}
	char *out = element_room(pad + 500);
	int len =
	    snprintf(out, 500, "{\"jsonrpc\":\"2.0\",\"n\":%llu,\"id\":%s,\"method\":\"%s\"%s",
	        (unsigned long long)n, id, m->name, params);
	memset(out + len, ' ', pad);
	memcpy(out + (size_t)len + pad, "}", 2);
	s->text = strdup(out);
	return n;
}

static uint64_t make_some_request(bool alone)
{
	unsigned weights[METHODS];

	for (size_t i = 0; i < METHODS; i++)
		weights[i] =
		    methods[i].weight + (scene.legacy ? methods[i].legacy : methods[i].modern);
	return make_request(&methods[random_weighted(weights, METHODS)], alone);
}

static uint64_t make_initialize(void)
{
	static const struct method string = {.name = "initialize",
	    .params = "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}}"};
	static const struct method integer = {
	    .name = "initialize", .params = "{\"protocolVersion\":1}"};

	host.said_initialize = true;
	return make_request(random_chance(60) ? &integer : &string, true);
}

static uint64_t make_notification(const char *method)
{
	uint64_t n = check_say(A_NOTIFICATION, method, "");
	char *out = element_room(300);

	snprintf(out, 300, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"n\":%llu}", method,
	    (unsigned long long)n);
	check_said(n)->text = strdup(out);
	return n;
}

static uint64_t make_reply(const struct reply *r)
{
	uint64_t n = check_say(A_RESPONSE, NULL, r->id);
	struct said *s = check_said(n);
	char *out = element_room(400);

	s->to = r->to;
	snprintf(out, 400, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"n\":%llu,\"to\":%llu,\"result\":{}}",
	    r->id, (unsigned long long)n, (unsigned long long)r->to);
	s->text = strdup(out);
	return n;
}

/* --- what it does ------------------------------------------------------ */

static void say(uint64_t n)
{
	const struct said *s = check_said(n);

	add_line(s->text, strlen(s->text), n, 1);
}

static void say_batch(void)
{
	unsigned count = (unsigned)random_between(1, 4);
	uint64_t first = check_said_count() + 1;
	static char text[4000];
	size_t len = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t n;
		if (random_chance(150))
			n = make_notification("notifications/progress");
		else if (random_chance(300) && host.reply_count > 0)
			n = make_reply(&host.replies[--host.reply_count]);
		else
			n = make_some_request(false);
		struct said *s = check_said(n);
		s->batch = true;
		s->first = first;
		len += (size_t)snprintf(
		    text + len, sizeof text - len, "%s%s", i ? ", " : "[", s->text);
	}
	len += (size_t)snprintf(text + len, sizeof text - len, "]");
	add_line(text, len, first, count);
}

static void say_garbage(void)
{
	static const char *const lines[] = {"{\"jsonrpc\":", "42", "[]", "[1]",
	    "{\"jsonrpc\":\"2.0\"}", "{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":[]}", "nonsense",
	    "\"\xff\"", "[{\"jsonrpc\":\"2.0\",\"method\":\"x\"},{}]"};
	const char *text = lines[random_below(sizeof lines / sizeof *lines)];

	add_line(text, strlen(text), 0, 0);
}

static void say_cancel(void)
{
	uint64_t count = check_said_count(), n = 0;

	for (int tries = 0; tries < 8 && count > 0; tries++) {
		uint64_t at = count - random_below(count < 12 ? count : 12);
		const struct said *s = check_said(at);
		if (s->what == A_REQUEST && !s->cancelled && s->ours + s->theirs == 0 &&
		    !s->large && !(s->traits & METHOD_INITIALIZE)) {
			n = at;
			break;
		}
	}
	if (n == 0)
		return;
	char id[80];
	memcpy(id, check_said(n)->id, sizeof id);
	uint64_t c = check_say(A_NOTIFICATION, "notifications/cancelled", "");
	struct said *s = check_said(c);
	s->to = n;
	char *out = element_room(400);
	snprintf(out, 400,
	    "{\"jsonrpc\":\"2.0\",\"n\":%llu,\"method\":\"notifications/cancelled\","
	    "\"params\":{\"requestId\":%s}}",
	    (unsigned long long)c, id);
	s->text = strdup(out);
	say(c);
}

static bool may_speak(void)
{
	return !scene.legacy || host.initialized || scene.early;
}

static void speak(void)
{
	if (random_chance(scene.garbage))
		say_garbage();
	else if (random_chance(scene.batches) && scene.legacy)
		say_batch();
	else if (random_chance(scene.cancels))
		say_cancel();
	else if (random_chance(100))
		say(make_notification("notifications/progress"));
	else
		say(make_some_request(true));
}

static void initialize(void)
{
	say(make_initialize());
	if (scene.pipelines)
		say(make_notification("notifications/initialized"));
}

static void act(void)
{
	host.actions++;
	if (scene.legacy && (!host.said_initialize || random_chance(scene.again / 4)) &&
	    !(scene.early && random_chance(500)))
		initialize();
	else if (may_speak())
		for (int64_t n = random_chance(150) ? random_between(2, 6) : 1; n > 0; n--)
			speak();
	if (random_chance(scene.stalls))
		host.stalled_until =
		    scene.now + random_between(1, random_chance(200) ? 40000 : 2000);
	if (random_chance(scene.ends_early))
		host.wants_end = true;
	if (random_chance(scene.stopped))
		host.wants_stop = true;
}

static bool is_stalled(void)
{
	return scene.now < host.stalled_until;
}

/* --- what it hears ----------------------------------------------------- */

static void plan_reply(uint64_t m)
{
	const struct told *t = check_told(m);
	struct reply r = {.at = scene.now + random_between(0, 30), .to = m};

	if (random_chance(scene.reply_never) || host.reply_count + 2 > REPLIES_MAX)
		return;
	memcpy(r.id, t->shown, sizeof r.id);
	if (random_chance(scene.reply_late))
		r.at += random_between(0, 8000);
	host.replies[host.reply_count++] = r;
	if (random_chance(scene.reply_twice)) {
		r.at += random_between(0, 3000);
		host.replies[host.reply_count++] = r;
	}
}

static void react(const struct message *m)
{
	struct check_element e;
	size_t at = 0;

	while (check_next_element(m, &at, &e)) {
		uint64_t mark = check_number(e.text, e.len, "m");
		const struct told *t = mark ? check_told(mark) : NULL;
		if (e.envelope.kind == JSONRPC_REQUEST && mark)
			plan_reply(mark);
		if (!t || t->what != A_RESPONSE || !t->answers || !t->version[0] || t->error ||
		    t->again || t->invalid || host.ended)
			continue;
		host.initialized = true;
		if (!scene.pipelines)
			say(make_notification("notifications/initialized"));
	}
}

static void send_replies(void)
{
	for (size_t i = 0; i < host.reply_count;) {
		struct reply r = host.replies[i];
		if (r.at > scene.now) {
			i++;
			continue;
		}
		host.replies[i] = host.replies[--host.reply_count];
		if (!check_told(r.to)->taken_back || random_chance(200))
			say(make_reply(&r));
	}
}

void host_run(void)
{
	struct message *m;

	if (!is_stalled()) {
		while ((m = message_list_pop(&host.inbox)) != NULL) {
			react(m);
			message_free(m);
		}
	}
	if (host.ended)
		return;
	send_replies();
	if (!scene.calm && scene.now >= host.next_action) {
		act();
		host.next_action = scene.now + random_between(0, scene.pace);
		if (host.actions >= scene.actions)
			host.next_action = CLOCK_NEVER;
	}
}

int64_t host_next(void)
{
	int64_t at = host.ended ? CLOCK_NEVER : host.next_action;

	for (size_t i = 0; i < host.reply_count && !host.ended; i++)
		at = clock_min(at, host.replies[i].at);
	if (is_stalled())
		at = clock_min(at, host.stalled_until);
	else if (host.inbox.head)
		at = scene.now;
	return at;
}

void host_calm(void)
{
	host.stalled_until = scene.now;
	host.next_action = CLOCK_NEVER;
}

/* --- the pipes --------------------------------------------------------- */

void host_begin(void)
{
	host = (struct host){.element = host.element, .element_cap = host.element_cap};
	intake_init(&host.intake, scene.max_message);
	host.next_action = scene.now + random_between(0, scene.pace);
}

void host_end(void)
{
	while (host.lines)
		drop_line();
	message_list_free(&host.inbox);
	intake_free(&host.intake);
}

bool host_has_line(void)
{
	return host.lines != NULL;
}

struct message *host_line(void)
{
	bool lost;

	if (!host.lines)
		return NULL;
	note("host: says %.*s", (int)(host.lines->len < 300 ? host.lines->len : 300),
	    host.lines->text);
	intake_write(&host.intake, host.lines->text, host.lines->len);
	return intake_end(&host.intake, &lost);
}

void host_was_taken(void)
{
	if (host.lines->first)
		check_taken(host.lines->first, host.lines->count);
	else
		check_null_expected();
	drop_line();
}

bool host_has_room(void)
{
	return !is_stalled() || host.inbox.count < INBOX_ROOM;
}

void host_take(struct message *m)
{
	note("host: gets %.*s", (int)(m->text.len < 400 ? m->text.len : 400),
	    (const char *)m->text.data);
	check_host_got(m);
	message_list_push(&host.inbox, m);
}

bool host_is_done(void)
{
	return !host.lines && host.next_action == CLOCK_NEVER && host.reply_count == 0 &&
	       !host.inbox.head;
}

bool host_wants_end(void)
{
	if (!host.wants_end || host.told_end || host.lines)
		return false;
	host.told_end = host.ended = true;
	return true;
}

bool host_wants_stop(void)
{
	return host.wants_stop;
}

void host_probe(void)
{
	static const struct method call = {.name = "tools/call", .params = "{\"name\":\"probe\"}"};

	char id[40];

	snprintf(id, sizeof id, "\"probe %llu\"", (unsigned long long)++host.probes);
	host.probe = check_say(A_REQUEST, call.name, id);
	struct said *s = check_said(host.probe);
	char *out = element_room(300);
	snprintf(out, 300, "{\"jsonrpc\":\"2.0\",\"n\":%llu,\"id\":%s,\"method\":\"tools/call\"}",
	    (unsigned long long)host.probe, id);
	s->text = strdup(out);
	say(host.probe);
}

bool host_probed(void)
{
	return host.probe && check_said(host.probe)->theirs > 0;
}
