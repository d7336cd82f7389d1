#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "clock.h"
#include "method.h"
#include "random.h"
#include "scene.h"
#include "session.h"

#define URIS  4 /* file:///0 .. 2, and the one that subscriptions/listen is about */
#define LISTS 3
/* Requests whose answer the bridge must remember. */
#define REMEMBERED (METHOD_INITIALIZE | METHOD_SET_LEVEL | METHOD_SUBSCRIBE | METHOD_UNSUBSCRIBE)
#define STAINS     256

static const unsigned lists[LISTS] = {
    METHOD_ASKS_TOOLS, METHOD_ASKS_RESOURCES, METHOD_ASKS_PROMPTS};

/* How often something must have been told, at least and at most, and was. */
struct tally {
	unsigned least, most, seen;
};

/* The link there is, or the last one. */
struct on_link {
	unsigned number;
	bool open, ready, strict;
	int64_t opened_at, ready_at, carried_at;
	uint64_t replay; /* number of the initialize that must be replayed, 0 = none */
	enum reason_kind rejected;
	bool replay_heard;
	bool rest_due; /* what follows the replayed initialize is still to come */
	unsigned initializes, initialized;
	uint64_t level; /* numbers of what is to be replayed */
	uint64_t subscriptions[URIS];
	bool initialized_due, initialized_may;
	uint64_t last; /* number of the last message that was heard */
};

static struct book {
	struct said *said;
	size_t said_count, said_cap;
	struct told *told;
	size_t told_count, told_cap;
	size_t first_open;
	char stains[STAINS][80];
	size_t stain_count;

	struct on_link link;
	bool drained, ended, ended_drained, stopped, closing;
	bool closed_ready; /* there was a link of use when closing began */
	bool ever_lingered;
	size_t ready_links;
	unsigned over_link; /* its linger time was over at the step before */
	int64_t ended_at, last_taken;
	bool owed_unsure; /* both happened at once */
	bool owed_failed; /* a request that was owed at the end got no answer of the server */
	uint64_t nulls_expected, nulls;
	uint64_t last_seen;

	/* what the bridge must remember */
	bool unsure;
	uint64_t initialize;
	char version[24];
	uint64_t initialized;
	uint64_t level, subscriptions[URIS];
	struct tally lists[LISTS], updated[URIS];

	/* attempts */
	bool too_large; /* some link was closed with 1009 */
	bool attempted, gave_up, refused, was_refused, ever_ready, mended;
	int64_t attempt_at, end_at, delay_least, delay_most;
	unsigned retries;
} book;

/* --- books ------------------------------------------------------------- */

void check_begin(void)
{
	struct said *said = book.said;
	struct told *told = book.told;
	size_t said_cap = book.said_cap, told_cap = book.told_cap;

	memset(&book, 0, offsetof(struct book, stains));
	memset(&book.stain_count, 0, sizeof book - offsetof(struct book, stain_count));
	book.said = said;
	book.told = told;
	book.said_cap = said_cap;
	book.told_cap = told_cap;
	book.first_open = 1;
	book.drained = true;
}

void check_end(void)
{
	for (size_t i = 1; i <= book.said_count; i++)
		free(book.said[i].text);
	for (size_t i = 1; i <= book.told_count; i++)
		free(book.told[i].text);
	book.said_count = book.told_count = 0;
}

void check_fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "seed %llu fails at %lld ms: ", (unsigned long long)scene.seed,
	    (long long)scene.now - 1000000);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; replay: sim --log --seed %llu\n", (unsigned long long)scene.seed);
	_Exit(1);
}

static void *grow(void *array, size_t *cap, size_t need, size_t size)
{
	if (need < *cap)
		return array;
	*cap = need * 2 + 64;
	array = realloc(array, *cap * size);
	if (!array)
		abort();
	return array;
}

uint64_t check_say(enum what what, const char *method, const char *id)
{
	char raw[80];

	book.said = grow(book.said, &book.said_cap, book.said_count + 2, sizeof(struct said));
	uint64_t n = ++book.said_count;
	struct said *s = &book.said[n];
	memset(s, 0, sizeof *s);
	s->what = what;
	s->first = n;
	s->waits = -1;
	snprintf(s->id, sizeof s->id, "%s", id);
	if (method) {
		int len = snprintf(raw, sizeof raw, "\"%s\"", method);
		s->traits = method_traits(raw, (size_t)len);
	}
	return n;
}

struct said *check_said(uint64_t n)
{
	if (n == 0 || n > book.said_count)
		check_fail("a message that the host never said");
	return &book.said[n];
}

uint64_t check_said_count(void)
{
	return book.said_count;
}

uint64_t check_tell(enum what what, const char *id)
{
	book.told = grow(book.told, &book.told_cap, book.told_count + 2, sizeof(struct told));
	uint64_t m = ++book.told_count;
	struct told *t = &book.told[m];
	memset(t, 0, sizeof *t);
	t->what = what;
	t->link = wire_link();
	snprintf(t->id, sizeof t->id, "%s", id);
	return m;
}

struct told *check_told(uint64_t m)
{
	if (m == 0 || m > book.told_count)
		check_fail("a message that the server never told");
	return &book.told[m];
}

uint64_t check_told_count(void)
{
	return book.told_count;
}

static bool same_id(const char *a, const char *b)
{
	return jsonrpc_id_equal(a, strlen(a), b, strlen(b));
}

void check_stain(const char *id)
{
	if (book.stain_count < STAINS)
		snprintf(book.stains[book.stain_count++], sizeof book.stains[0], "%s", id);
}

static bool is_stained(const char *id)
{
	for (size_t i = 0; i < book.stain_count; i++) {
		if (same_id(book.stains[i], id))
			return true;
	}
	return book.stain_count == STAINS;
}

uint64_t check_number(const char *text, size_t len, const char *key)
{
	struct jsonrpc_span span;

	/* What is not JSON has no keys. */
	if (len == 0 || text[0] != '{')
		return 0;
	span = jsonrpc_find_key(text, len, key);
	return span.len > 0 ? strtoull(text + span.at, NULL, 10) : 0;
}

bool check_next_element(const struct message *m, size_t *at, struct check_element *e)
{
	const char *text = (const char *)m->text.data;
	size_t from = *at;

	if (m->envelope.kind != JSONRPC_BATCH) {
		*e = (struct check_element){text, m->text.len, m->envelope};
		*at = 1;
		return from == 0;
	}
	if (!jsonrpc_batch_next(m->text.data, m->text.len, at, &e->envelope))
		return false;
	while (text[from] != '{')
		from++;
	e->text = text + from;
	e->len = *at - from;
	while (e->len > 0 && e->text[e->len - 1] != '}')
		e->len--;
	return true;
}

/* --- requests ---------------------------------------------------------- */

static bool is_open(const struct said *s)
{
	return s->what == A_REQUEST && s->taken && s->ours + s->theirs == 0;
}

static bool is_private_range(const char *id)
{
	return id[0] != '"' && strtod(id, NULL) > 2147480000.0 && strtod(id, NULL) < 2147483648.0;
}

static bool is_this_link(unsigned link)
{
	return book.link.open && link == book.link.number;
}

/* What was answered by the bridge, or cancelled, holds its id while the link lives. */
static bool holds_id(const struct said *s)
{
	if (s->cancelled)
		return is_this_link(s->cancelled_link);
	return is_open(s) || s->resumed || (s->ours && is_this_link(s->ours_link));
}

bool check_in_use(const char *id)
{
	if (is_private_range(id) || is_stained(id))
		return true;
	for (size_t i = 1; i <= book.said_count; i++) {
		const struct said *s = &book.said[i];
		if (s->what == A_REQUEST && s->taken && holds_id(s) && same_id(s->id, id))
			return true;
	}
	return false;
}

/* Not to be asked twice, by the specification or by the options. */
static bool is_unsafe_alone(const struct said *s)
{
	return !(s->traits & METHOD_SAFE) || s->picky || !scene.resend ||
	       s->size > SESSION_KEPT_ONE_MAX || (s->cursor && book.link.replay);
}

static bool is_unsafe(const struct said *s)
{
	if (!s->batch)
		return s->what == A_REQUEST && is_unsafe_alone(s);
	for (size_t i = s->first; i <= book.said_count && book.said[i].first == s->first; i++) {
		if (book.said[i].what == A_REQUEST && is_unsafe_alone(&book.said[i]))
			return true;
	}
	return false;
}

static bool is_patient(const struct said *s)
{
	return (s->traits & (METHOD_LISTEN | METHOD_DISCOVER)) != 0;
}

/* An open request with this id that was there at a time. */
static struct said *open_by_id(const char *id, int64_t at)
{
	for (size_t i = 1; i <= book.said_count; i++) {
		struct said *s = &book.said[i];
		if (is_open(s) && s->at <= at && same_id(s->id, id))
			return s;
	}
	return NULL;
}

/* The latest one: it has the id now. */
static struct said *last_open_by_id(const char *id, int64_t at)
{
	for (size_t i = book.said_count; i > 0; i--) {
		struct said *s = &book.said[i];
		if (is_open(s) && s->at <= at && same_id(s->id, id))
			return s;
	}
	return NULL;
}

static void take_cancel(uint64_t n)
{
	const struct said *wanted = check_said(n);

	for (size_t i = 1; i <= book.said_count; i++) {
		struct said *s = &book.said[i];
		if (!is_open(s) || !same_id(s->id, wanted->id))
			continue;
		s->cancelled = true;
		s->cancelled_link = book.link.number;
		s->gone = !book.link.open && s->begun == 0 && book.drained;
	}
}

static void take_one(uint64_t n, size_t size, bool in_use)
{
	struct said *s = check_said(n);

	s->size = size;
	s->may_be_used = in_use;
	s->taken = true;
	s->at = scene.now;
	s->waits = book.link.ready ? -1 : scene.now;
	s->pong_due = (s->traits & METHOD_PING) && !s->batch && !s->large && book.initialize &&
	              !book.unsure && !book.gave_up && !book.link.ready && book.drained;
	if (s->what == A_NOTIFICATION && s->to)
		take_cancel(s->to);
	if (s->what == A_RESPONSE) {
		s->again = check_told(s->to)->answered;
		check_told(s->to)->answered = true;
	}
	if (s->traits & METHOD_INITIALIZED)
		book.initialized = n;
	for (uint64_t i = 1; i < n && s->what == A_REQUEST; i++) {
		if (book.said[i].resumed && same_id(book.said[i].id, s->id))
			check_stain(s->id); /* its second answer may be taken for this one's */
	}
}

void check_taken(uint64_t first, unsigned count)
{
	size_t size = 0;
	bool in_use = false;

	book.last_taken = scene.now;
	for (uint64_t n = first; n < first + count; n++) {
		const struct said *s = check_said(n);
		size += strlen(s->text) + (count > 1 ? 2 : 0);
		if (s->what != A_REQUEST)
			continue;
		in_use = in_use || check_in_use(s->id);
		for (uint64_t other = first; other < n; other++)
			in_use = in_use || (check_said(other)->what == A_REQUEST &&
			                       same_id(check_said(other)->id, s->id));
	}
	for (uint64_t n = first; n < first + count; n++)
		take_one(n, size, in_use);
}

void check_null_expected(void)
{
	book.last_taken = scene.now;
	book.nulls_expected++;
}

void check_host_ended(void)
{
	book.ended = true;
	book.ended_at = scene.now;
	book.ended_drained = book.drained;
}

void check_stopped(void)
{
	book.stopped = true;
}

/* --- what the host got: of the server ---------------------------------- */

static bool same_text(const char *a, size_t len, const char *b)
{
	return strlen(b) == len && memcmp(a, b, len) == 0;
}

/* The same but for the value under ${path}, which is copied to ${shown}. */
static bool same_but_value(
    const struct check_element *e, const char *text, const char *path, char *shown, size_t size)
{
	struct jsonrpc_span a = jsonrpc_find(e->text, e->len, path);
	struct jsonrpc_span b = jsonrpc_find(text, strlen(text), path);
	size_t rest_a = e->len - a.at - a.len, rest_b = strlen(text) - b.at - b.len;

	snprintf(shown, size, "%.*s", (int)a.len, e->text + a.at);
	return a.at == b.at && rest_a == rest_b && memcmp(e->text, text, a.at) == 0 &&
	       memcmp(e->text + a.at + a.len, text + b.at + b.len, rest_a) == 0;
}

static void got_request(struct told *t, const struct check_element *e)
{
	if (!same_but_value(e, t->text, "id", t->shown, sizeof t->shown))
		check_fail("a request of the server was altered: %s", t->text);
	if (strcmp(t->shown, t->id) != 0 && strncmp(t->shown, "\"wsmcp-", 7) != 0)
		check_fail("a request of the server got a strange id: %s", t->shown);
	for (size_t i = 1; i <= book.told_count; i++) {
		const struct told *o = &book.told[i];
		if (o != t && o->what == A_REQUEST && o->seen && !o->answered && !o->over &&
		    o->link != t->link && same_id(o->shown, t->shown) && !scene.reply_twice)
			check_fail("two links ask the host under the id %s", t->shown);
	}
	if (book.ended && book.ended_drained && book.ended_at < scene.now && book.drained &&
	    t->handed && t->link == book.link.number && book.link.opened_at > book.ended_at)
		check_fail("a request of the server reached a host that has left");
}

static void got_answer(struct told *t, const struct check_element *e)
{
	struct said *s = t->answers && !t->again ? check_said(t->answers) : NULL;

	if (t->private)
		check_fail("the answer to a request of the bridge reached the host: %s", t->text);
	if (t->malformed || t->large)
		check_fail("an answer that cannot be used reached the host: %s", t->text);
	if (!same_text(e->text, e->len, t->text))
		check_fail("an answer was altered: %s", t->text);
	if (!s || (s->ours + s->theirs > 0 && is_stained(s->id))) {
		s = open_by_id(t->id, t->handed_at);
		if (s)
			s->theirs++;
		return;
	}
	if (is_stained(s->id)) {
		if (t->resumed && last_open_by_id(t->id, t->handed_at))
			s = last_open_by_id(t->id, t->handed_at);
		s->theirs++;
		return;
	}
	if (s->ours > 0)
		check_fail("the host got two answers, ours and the server's: %s", t->text);
	if (++s->theirs > 1)
		check_fail("the host got the server's answer twice: %s", t->text);
}

static void got_told(uint64_t m, const struct check_element *e)
{
	struct told *t = check_told(m);
	char shown[80];

	if (!t->handed)
		check_fail("the host got what the bridge never received: %s", t->text);
	if (t->seen++ > 0)
		check_fail("the host got this twice: %s", t->text);
	if (m < book.last_seen)
		check_fail("the host got this out of order: %s", t->text);
	book.last_seen = m;
	if (t->what == A_REQUEST)
		got_request(t, e);
	else if (t->what == A_RESPONSE)
		got_answer(t, e);
	else if (t->large)
		check_fail("a notification over the limit reached the host");
	else if (t->cancels && t->about) {
		if (!same_but_value(e, t->text, "params.requestId", shown, sizeof shown))
			check_fail("a cancellation was altered: %s", t->text);
		if (check_told(t->about)->seen && !check_told(t->about)->answered && !book.ended &&
		    strcmp(check_told(t->about)->shown, shown) != 0)
			check_fail("a cancellation names another request: %s", t->text);
	} else if (!same_text(e->text, e->len, t->text)) {
		check_fail("a notification was altered: %s", t->text);
	}
}

/* --- what the host got: of the bridge ---------------------------------- */

/* The request that an answer of the bridge is for: no two are spelled alike. */
static struct said *answered_by_us(const char *id)
{
	for (size_t i = 1; i <= book.said_count; i++) {
		struct said *s = &book.said[i];
		if (is_open(s) && strcmp(s->id, id) == 0)
			return s;
	}
	return NULL;
}

static bool waited_enough(const struct said *s)
{
	return s->waits >= 0 && scene.now >= clock_add(s->waits, scene.offline_timeout);
}

/* When the linger time of the link there is ends. */
static int64_t linger_end(void)
{
	if (!book.ended || !book.link.ready)
		return CLOCK_NEVER;
	return clock_add(
	    book.ended_at > book.link.ready_at ? book.ended_at : book.link.ready_at, scene.linger);
}

static bool lingered(void)
{
	book.ever_lingered = book.ever_lingered || scene.now >= linger_end();
	return book.ever_lingered;
}

/* After the end, without a link, nothing waits longer than this. */
static int64_t patience_end(const struct said *s)
{
	int64_t wait = scene.linger > scene.offline_timeout ? scene.linger : scene.offline_timeout;

	if (!book.ended || s->waits < 0)
		return CLOCK_NEVER;
	return clock_add(book.ended_at > s->waits ? book.ended_at : s->waits, wait);
}

static void judge_link_lost(const struct said *s)
{
	bool over =
	    book.refused || book.was_refused || book.gave_up || !book.drained || book.unsure;

	if (s->begun == 0)
		check_fail("-31001 for a request that was never begun: %s", s->text);
	if (over || s->batch || s->cursor || is_unsafe(s) || s->begun >= 2 || waited_enough(s) ||
	    lingered())
		return;
	/* Close codes that may be charged to it are rare enough to be left out. */
	if (book.link.rejected == REASON_CLOSED)
		return;
	check_fail("-31001 for a request that could have been sent again: %s", s->text);
}

static void judge_no_link(const struct said *s)
{
	if (s->begun > 0)
		check_fail("-31002 for a request that was begun: %s", s->text);
	if (book.refused || book.was_refused || book.gave_up || !book.drained)
		return;
	if (!waited_enough(s) && !book.unsure)
		check_fail("-31002 before the offline time was over: %s", s->text);
	if (is_patient(s) && !s->batch && !book.ended)
		check_fail("-31002 for a request that waits for ever: %s", s->text);
	if ((s->traits & METHOD_LISTEN) && !s->batch)
		check_fail("-31002 for a subscription: %s", s->text);
}

static void judge_timeout(const struct said *s)
{
	bool timed = scene.request_timeout > 0 && scene.now >= s->at + scene.request_timeout;

	if (!timed && !lingered())
		check_fail("-31003 too early: %s", s->text);
	if (!lingered() && (s->traits & METHOD_LISTEN))
		check_fail("-31003 for a subscription: %s", s->text);
}

static void judge_delivered(struct said *s, const struct check_element *e)
{
	struct jsonrpc_span span = jsonrpc_find(e->text, e->len, "error.data.delivered");
	bool no = span.len == 4 && memcmp(e->text + span.at, "\"no\"", 4) == 0;

	s->said_no = no;
	if (span.len == 0)
		check_fail("no word on whether it was delivered: %.*s", (int)e->len, e->text);
	if (no && (s->heard > 0 || s->sent > 0))
		check_fail("\"not delivered\", but it was: %s", s->text);
	if (!no && s->code == ANSWER_NO_LINK)
		check_fail("perhaps delivered, but never begun: %s", s->text);
	if (!no && s->code == ANSWER_LINK_LOST && s->sent == 0)
		check_fail("perhaps delivered, but never sent: %s", s->text);
}

static void got_our_answer(const struct check_element *e, const char *id)
{
	struct jsonrpc_span span = jsonrpc_find(e->text, e->len, "error.code");
	struct jsonrpc_span source = jsonrpc_find(e->text, e->len, "error.data.source");
	int code = span.len ? (int)strtol(e->text + span.at, NULL, 10) : 0;

	if (strcmp(id, "null") == 0) {
		if (++book.nulls > book.nulls_expected)
			check_fail("an answer without id to nothing: %.*s", (int)e->len, e->text);
		return;
	}
	struct said *s = answered_by_us(id);
	if (!s)
		check_fail("an answer to no open request: %.*s", (int)e->len, e->text);
	s->ours++;
	s->ours_link = book.link.number;
	s->code = code;
	if (book.stopped)
		return; /* what the server says goes nowhere any more */
	if (book.ended && code != ANSWER_NOT_JSONRPC) {
		book.owed_failed = book.owed_failed || s->at < book.ended_at;
		book.owed_unsure = book.owed_unsure || s->at == book.ended_at;
	}
	if (code == 0) {
		if (!(s->traits & METHOD_PING) || (!book.initialize && !book.unsure))
			check_fail("the bridge answered in the server's name: %s", s->text);
		return;
	}
	if (source.len != 7 || memcmp(e->text + source.at, "\"wsmcp\"", 7) != 0)
		check_fail("an error without its source: %.*s", (int)e->len, e->text);
	if (s->answered && !is_stained(s->id) && !check_told(s->answer)->large &&
	    code != ANSWER_NOT_JSONRPC)
		check_fail("the server's answer was here, but the host got ours: %s", s->text);
	if (code == ANSWER_NOT_JSONRPC) {
		if (!s->may_be_used && !is_stained(id))
			check_fail("its id is free, but was refused: %s", s->text);
		return;
	}
	if (is_stained(id))
		return;
	if (s->pong_due)
		check_fail("%d for a ping that the bridge answers: %s", code, s->text);
	judge_delivered(s, e);
	switch (code) {
	case ANSWER_LINK_LOST:
		judge_link_lost(s);
		break;
	case ANSWER_NO_LINK:
		judge_no_link(s);
		break;
	case ANSWER_TIMED_OUT:
		judge_timeout(s);
		break;
	case ANSWER_TOO_LARGE:
		if (!s->large && !(s->answer && check_told(s->answer)->large) &&
		    !(book.too_large && s->begun))
			check_fail("-31004 without a reason: %s", s->text);
		break;
	case ANSWER_MALFORMED:
		check_fail("-31005 without a reason: %s", s->text);
	default:
		check_fail("a code that the bridge has not: %.*s", (int)e->len, e->text);
	}
}

static struct told *taken_back(const char *id, bool answered)
{
	for (size_t i = book.told_count; i > 0; i--) {
		struct told *t = &book.told[i];
		if (t->what == A_REQUEST && t->seen && t->answered == answered && !t->taken_back &&
		    !t->over && !(book.link.open && t->link == book.link.number) &&
		    strcmp(t->shown, id) == 0)
			return t;
	}
	return NULL;
}

static void got_taken_back(const char *id)
{
	struct told *t = taken_back(id, false);

	/* An answer may cross what the host had not read yet. */
	if (!t && !book.drained)
		t = taken_back(id, true);
	if (t) {
		t->taken_back = true;
		return;
	}
	if (!scene.reply_twice)
		check_fail("the bridge takes back what nobody asks: %s", id);
}

static void got_our_notification(const struct check_element *e, const char *method)
{
	static const char *const changed[LISTS] = {"\"notifications/tools/list_changed\"",
	    "\"notifications/resources/list_changed\"", "\"notifications/prompts/list_changed\""};
	static const char uris[URIS] = {'0', '1', '2', 'l'};
	struct jsonrpc_span uri = jsonrpc_find(e->text, e->len, "params.uri");
	struct jsonrpc_span id = jsonrpc_find(e->text, e->len, "params.requestId");
	char text[80];

	if (strcmp(method, "\"notifications/cancelled\"") == 0) {
		snprintf(text, sizeof text, "%.*s", (int)id.len, e->text + id.at);
		got_taken_back(text);
		return;
	}
	for (size_t i = 0; i < LISTS; i++) {
		if (strcmp(method, changed[i]) == 0) {
			book.lists[i].seen++;
			return;
		}
	}
	if (strcmp(method, "\"notifications/resources/updated\"") != 0 || uri.len != 11)
		check_fail("a strange notification: %.*s", (int)e->len, e->text);
	for (size_t i = 0; i < URIS; i++) {
		if (e->text[uri.at + 9] == uris[i])
			book.updated[i].seen++;
	}
}

void check_host_got(const struct message *m)
{
	const char *all = (const char *)m->text.data;
	struct check_element e;
	size_t at = 0;

	if (memchr(all, '\n', m->text.len))
		check_fail("a line with a newline in it");
	while (check_next_element(m, &at, &e)) {
		uint64_t mark = check_number(e.text, e.len, "m");
		struct jsonrpc_span span =
		    e.envelope.kind == JSONRPC_NOTIFICATION ? e.envelope.method : e.envelope.id;
		char raw[80];
		snprintf(raw, sizeof raw, "%.*s", (int)span.len, all + span.at);
		if (mark)
			got_told(mark, &e);
		else if (e.envelope.kind == JSONRPC_RESPONSE)
			got_our_answer(&e, raw);
		else if (e.envelope.kind == JSONRPC_NOTIFICATION)
			got_our_notification(&e, raw);
		else
			check_fail("a strange line: %.*s", (int)e.len, e.text);
	}
}

/* --- what the bridge received ------------------------------------------ */

static void tally_add(struct tally *t, bool least, bool most)
{
	t->least += least;
	t->most += most;
}

static void expect_missed(const struct told *t)
{
	for (size_t i = 0; i < LISTS; i++) {
		bool declared = (t->lists & lists[i]) != 0, asked = false, heard = false;
		for (size_t n = 1; n <= book.said_count; n++) {
			const struct said *s = &book.said[n];
			if (s->what != A_REQUEST || !(s->traits & lists[i]) || !s->taken)
				continue;
			asked = true;
			heard = heard || s->heard > 0;
		}
		tally_add(&book.lists[i], declared && heard, declared && asked);
	}
	for (size_t i = 0; i < URIS; i++)
		tally_add(&book.updated[i], book.subscriptions[i] && !book.unsure,
		    book.subscriptions[i] || book.unsure);
}

static void become_ready(void)
{
	book.link.ready = true;
	book.link.ready_at = scene.now;
	book.ever_ready = true;
	book.ready_links++;
	book.refused = false;
	for (size_t i = 1; i <= book.said_count; i++)
		book.said[i].expired = book.said[i].expired || waited_enough(&book.said[i]);
}

static void received_replay(const struct told *t)
{
	struct on_link *l = &book.link;

	if (l->ready || l->rejected != REASON_NONE || !l->replay ||
	    !(check_said(t->answers)->traits & METHOD_INITIALIZE))
		return;
	if (t->error || t->large || t->malformed || t->invalid || !t->version[0]) {
		l->rejected = REASON_REPLAY;
	} else if (strcmp(t->version, book.version) != 0) {
		l->rejected = REASON_VERSION;
	} else {
		l->rest_due = true;
		if (book.initialized > book.initialize) {
			l->initialized_due = check_said(book.initialized)->sent > 0;
			l->initialized_may = check_said(book.initialized)->begun > 0;
		}
		l->level = book.level;
		memcpy(l->subscriptions, book.subscriptions, sizeof l->subscriptions);
		expect_missed(t);
		become_ready();
	}
}

/* The digit of the resource or level in its params. */
static size_t digit_of(const struct said *s)
{
	const char *at = strstr(s->text, s->traits & METHOD_SET_LEVEL ? "\"l" : "file:///");

	return at ? (size_t)(at[s->traits & METHOD_SET_LEVEL ? 2 : 8] - '0') % URIS : 0;
}

static void learn(const struct told *t, const struct said *s, bool alone)
{
	if (t->error || t->invalid || t->malformed || t->large || s->batch || !alone || s->ours > 0)
		return;
	if (s->size > SESSION_KEPT_ONE_MAX)
		return; /* too large to be remembered */
	if ((!book.drained || is_stained(s->id) || s->cancelled) && (s->traits & REMEMBERED)) {
		book.unsure = true;
		return;
	}
	if ((s->traits & METHOD_INITIALIZE) && t->version[0]) {
		book.initialize = t->answers;
		memcpy(book.version, t->version, sizeof book.version);
		book.level = 0;
		memset(book.subscriptions, 0, sizeof book.subscriptions);
	} else if (s->traits & METHOD_SET_LEVEL) {
		book.level = t->answers;
	} else if (s->traits & METHOD_SUBSCRIBE) {
		book.subscriptions[digit_of(s)] = t->answers;
	} else if (s->traits & METHOD_UNSUBSCRIBE) {
		book.subscriptions[digit_of(s)] = 0;
	}
}

static void received_answer(uint64_t m, bool alone)
{
	struct told *t = check_told(m);

	if (t->private) {
		received_replay(t);
		return;
	}
	struct said *s =
	    t->answers && !t->again ? check_said(t->answers) : open_by_id(t->id, scene.now);
	if (!t->answers || t->again) {
		/* It is taken as the answer to whatever has this id now. */
		book.unsure = book.unsure || (s && (s->traits & REMEMBERED));
		return;
	}
	if (t->resumed) {
		s->resumed = true;
		if (is_open(s) && !s->batch && !book.link.ready && book.drained)
			s->done_link = t->link;
		for (size_t i = t->answers + 1; i <= book.said_count; i++) {
			if (book.said[i].what == A_REQUEST && same_id(book.said[i].id, t->id))
				check_stain(t->id); /* it may be taken as the answer to that one */
		}
	}
	if (s->answered || s->answered_late)
		return; /* to what it heard on another link */
	s->answered = book.drained && !t->malformed;
	s->answered_late = !book.drained;
	s->answer = m;
	learn(t, s, alone);
}

static void received_acknowledgement(const struct told *t)
{
	struct said *s = check_said(t->answers);
	bool sure = is_open(s) && !s->cancelled && book.drained && !is_stained(s->id);

	if (!is_open(s) || s->live_link == t->link)
		return;
	if (s->live_link > 0) {
		tally_add(&book.lists[0], sure && s->live, true);
		tally_add(&book.updated[3], sure && s->live, true);
	}
	s->live = sure;
	s->live_link = t->link;
}

void check_bridge_received(const struct wire_item *item)
{
	if (book.link.carried_at < 0)
		book.link.carried_at = scene.now;
	for (uint64_t m = item->mark; m < item->mark + item->count; m++) {
		struct told *t = check_told(m);
		t->handed = true;
		t->handed_at = scene.now;
		if (t->what == A_RESPONSE)
			received_answer(m, item->count == 1);
		else if (t->acknowledges)
			received_acknowledgement(t);
		else if (t->about)
			check_told(t->about)->over = true;
		else if (t->cancels)
			take_cancel(t->answers); /* a subscription ends */
	}
}

/* --- attempts and links ------------------------------------------------ */

static bool is_mendable(const struct reason *r)
{
	if (r->kind == REASON_HTTP)
		return r->status == 401 || r->status == 403;
	return r->kind == REASON_CLOSED && (r->close_code == 1008 || r->close_code == 3000 ||
	                                       r->close_code == 4401 || r->close_code == 4403);
}

/* Of what the network does here. */
static bool is_refusal(const struct reason *r)
{
	if (r->kind == REASON_HTTP)
		return r->status != 429 && r->status < 500;
	return r->kind == REASON_UNTRUSTED || r->kind == REASON_VERSION || is_mendable(r);
}

static void expect_retry(int64_t retry_after)
{
	int64_t most = book.retries == 0 ? 100 : 250;

	for (unsigned i = 1; i < book.retries && most < scene.retry_delay_max; i++)
		most *= 2;
	book.retries++;
	book.delay_most = clock_min(most, scene.retry_delay_max);
	book.delay_least = clock_min(retry_after, scene.retry_delay_max);
	if (book.delay_most < book.delay_least)
		book.delay_most = book.delay_least;
}

static void expect_attempt(const struct reason *r, bool was_ready)
{
	book.end_at = scene.now;
	if (was_ready && !scene.reconnect) {
		book.gave_up = true;
	} else if (is_mendable(r) && scene.command && !book.mended) {
		book.mended = true;
		book.delay_least = book.delay_most = 0;
	} else if (is_refusal(r)) {
		book.gave_up = book.gave_up || !book.ever_ready;
		book.refused = true;
		book.delay_least = book.delay_most = scene.retry_delay_max;
	} else {
		expect_retry(r->retry_after);
	}
}

void check_attempt(bool command)
{
	int64_t delay = scene.now - book.end_at;

	if (scene.command && !command)
		return;
	if (book.gave_up)
		check_fail("an attempt although it was given up");
	if (book.unsure)
		; /* a replay may have been answered with another version than is known here */
	else if (book.attempted && delay < book.delay_least &&
	         (book.refused || book.delay_least > 0))
		check_fail("an attempt after %lld ms, too early", (long long)delay);
	else if (book.attempted && delay > book.delay_most && scene.slept_at < book.end_at)
		check_fail("an attempt after %lld ms, too late", (long long)delay);
	book.attempted = true;
	book.attempt_at = scene.now;
}

void check_closing(unsigned code)
{
	if (code == 1000 && !book.closing) {
		book.closing = true;
		book.closed_ready = book.link.ready;
	}
	if (code != 1000 && book.link.open && !book.link.ready && book.link.rejected == REASON_NONE)
		book.link.rejected = REASON_REPLAY;
}

void check_command_failed(void)
{
	struct reason r = {.kind = REASON_COMMAND};

	expect_attempt(&r, false);
}

void check_link_open(unsigned link)
{
	book.link = (struct on_link){.number = link,
	    .open = true,
	    .opened_at = scene.now,
	    .carried_at = -1,
	    .strict = book.drained && !book.unsure};
	book.link.replay = book.initialize;
	if (!book.link.replay)
		become_ready();
}

void check_link_down(const struct reason *reason, bool was_up)
{
	struct on_link *l = &book.link;
	struct reason r = *reason;
	bool was_ready = was_up && l->ready;

	l->open = l->ready = false;
	book.too_large = book.too_large || reason->close_code == 1009;
	if (book.stopped || book.closing)
		return;
	if (was_up && !was_ready && l->rejected == REASON_NONE && reason->kind == REASON_STOPPED)
		l->rejected = REASON_REPLAY;
	if (was_up && l->rejected != REASON_NONE &&
	    !(l->rejected == REASON_REPLAY && r.kind == REASON_CLOSED))
		r.kind = l->rejected;
	if (was_up)
		l->rejected = r.kind;
	for (size_t i = 1; i <= book.said_count; i++) {
		struct said *s = &book.said[i];
		if (s->waits < 0 && (is_open(s) || (s->what == A_NOTIFICATION && s->begun == 0)))
			s->waits = scene.now;
	}
	if (was_up && l->carried_at >= 0 && scene.now - l->carried_at >= 5000) {
		book.retries = 0;
		book.mended = false;
	}
	expect_attempt(&r, was_ready);
}

/* Whether a message with the number of ${s} is the bridge's own copy of it. */
static bool is_replay(const struct said *s, const char *id)
{
	return strcmp(id, s->id) != 0 ||
	       (is_private_range(id) && s->theirs > 0 && (s->traits & REMEMBERED));
}

static void left_bridge(struct said *s, enum message_progress progress)
{
	if (s->begun_link != book.link.number || s->begun == 0)
		s->begun++;
	s->begun_link = book.link.number;
	s->waits = book.link.open ? -1 : scene.now;
	if (progress == MESSAGE_SENT)
		s->sent++;
	if (s->begun > 2 && !(s->traits & METHOD_LISTEN))
		check_fail("begun on three links: %s", s->text);
	if (s->sent > 1 && is_unsafe(s))
		check_fail("sent twice: %s", s->text);
	if (s->sent > 1 && (s->traits & METHOD_DISCOVER))
		check_fail("server/discover was sent twice");
}

void check_reclaimed(const struct message *m)
{
	struct check_element e;
	size_t at = 0;
	char raw[80];

	if (m->progress == MESSAGE_QUEUED)
		return;
	while (check_next_element(m, &at, &e)) {
		uint64_t n = check_number(e.text, e.len, "n");
		const char *id = (const char *)m->text.data + e.envelope.id.at;
		if (!n)
			continue;
		struct said *s = check_said(n);
		snprintf(raw, sizeof raw, "%.*s", (int)e.envelope.id.len, id);
		if (e.envelope.kind == JSONRPC_REQUEST && is_replay(s, raw))
			continue;
		left_bridge(s, m->progress);
	}
}

/* --- what the server heard --------------------------------------------- */

static bool heard_on_link(unsigned link, const char *id, unsigned without, bool *task)
{
	for (size_t i = book.said_count; i > 0; i--) {
		const struct said *s = &book.said[i];
		if (s->what == A_REQUEST && s->heard > 0 && s->heard_link == link &&
		    !(s->traits & without) && same_id(s->id, id)) {
			*task = s->task;
			return true;
		}
	}
	return false;
}

/* How many the host has said; one that says several at once cannot tell their "initialized" apart. */
static unsigned count_initializes(void)
{
	unsigned count = 0;

	for (size_t i = 1; i <= book.said_count; i++)
		count +=
		    book.said[i].what == A_REQUEST && (book.said[i].traits & METHOD_INITIALIZE);
	return count;
}

/* A message without a number: the bridge made it. */
static void heard_ours(
    unsigned link, const char *text, size_t len, const struct jsonrpc_envelope *e)
{
	struct jsonrpc_span id = jsonrpc_find(text, len, "params.requestId");
	char raw[80];
	bool task = false;

	if (e->kind == JSONRPC_RESPONSE) {
		id = jsonrpc_find(text, len, "id");
		snprintf(raw, sizeof raw, "%.*s", (int)id.len, text + id.at);
		for (size_t i = 1; i <= book.told_count; i++) {
			struct told *t = &book.told[i];
			if (t->what == A_REQUEST && t->link == link && t->handed && !t->refused &&
			    same_id(t->id, raw)) {
				t->refused = true;
				return;
			}
		}
		check_fail("the bridge answers what this link never asked: %.*s", (int)len, text);
	}
	if (e->kind != JSONRPC_NOTIFICATION)
		check_fail("a strange message of the bridge: %.*s", (int)len, text);
	if (id.len == 0) {
		if (!book.link.rest_due && book.link.strict && !scene.pipelines)
			check_fail("notifications/initialized out of place");
		if (!book.link.initialized_may && book.link.strict && !scene.pipelines &&
		    count_initializes() == 1)
			check_fail("notifications/initialized that the host never sent");
		book.link.initialized_due = false;
		if (book.link.initialized++ > 0 && count_initializes() == 1)
			check_fail("notifications/initialized twice on one link");
		return;
	}
	snprintf(raw, sizeof raw, "%.*s", (int)id.len, text + id.at);
	if (!heard_on_link(link, raw, METHOD_INITIALIZE, &task))
		check_fail("the bridge cancels what this link never heard: %.*s", (int)len, text);
	if (task)
		check_fail("the bridge cancels a task: %.*s", (int)len, text);
}

static void heard_replay(uint64_t n, const char *id)
{
	struct on_link *l = &book.link;
	const struct said *s = check_said(n);

	if (!is_private_range(id))
		check_fail("a request was altered: %s as %s", s->text, id);
	for (size_t i = 1; i <= book.said_count; i++) {
		const struct said *o = &book.said[i];
		if (is_open(o) && !o->may_be_used && !o->cancelled && same_id(o->id, id))
			check_fail("the private id %s is one of the host", id);
	}
	if (!l->strict)
		return;
	if (s->traits & METHOD_INITIALIZE) {
		if (n != l->replay || l->replay_heard)
			check_fail("the wrong initialize was replayed: %s", s->text);
		l->replay_heard = true;
		l->initializes++;
		return;
	}
	if (!l->rest_due || l->initialized_due)
		check_fail("replayed out of place: %s", s->text);
	if ((s->traits & METHOD_SET_LEVEL) && n == l->level)
		l->level = 0;
	else if ((s->traits & METHOD_SUBSCRIBE) && n == l->subscriptions[digit_of(s)])
		l->subscriptions[digit_of(s)] = 0;
	else
		check_fail("this was not to be replayed: %s", s->text);
}

static void end_of_replay(void)
{
	struct on_link *l = &book.link;

	if (!l->rest_due || !l->strict)
		return;
	l->rest_due = false;
	if (l->initialized_due)
		check_fail("notifications/initialized was not replayed");
	if (l->level)
		check_fail("not replayed: %s", check_said(l->level)->text);
	for (size_t i = 0; i < URIS; i++) {
		if (l->subscriptions[i])
			check_fail("not replayed: %s", check_said(l->subscriptions[i])->text);
	}
}

static void heard_response(unsigned link, const struct said *s, const char *id)
{
	const struct told *t = check_told(s->to);

	if (s->again || scene.reply_twice)
		return; /* whose it is can no longer be known */
	if (t->link != link)
		check_fail("the answer to a question of link %u went to link %u: %s", t->link, link,
		    s->text);
	if (!same_id(t->id, id))
		check_fail("the answer to %s went out as %s", t->id, id);
}

static void heard_request(unsigned link, struct said *s)
{
	if (s->heard > 0 && s->heard_link == link)
		check_fail("heard twice on one link: %s", s->text);
	if (s->heard > 0 && is_unsafe(s))
		check_fail("heard twice: %s", s->text);
	if (s->heard > 0 && (s->traits & METHOD_DISCOVER))
		check_fail("server/discover was heard twice");
	if (s->done_link == link && !is_stained(s->id))
		check_fail("answered, and heard after that: %s", s->text);
	if (s->gone)
		check_fail("cancelled before it left, but heard: %s", s->text);
	if (s->ours > 0 &&
	    (s->said_no || s->code == ANSWER_LINK_LOST || s->code == ANSWER_NO_LINK ||
	        s->code == 0) &&
	    !is_stained(s->id))
		check_fail("answered with %d and heard after that: %s", s->code, s->text);
}

/* Answers to this link, of the host or in its place, are not overtaken, either. */
static void check_answers(unsigned link, const struct said *s)
{
	for (size_t i = book.told_count; i > 0 && book.told[i].link == link; i--) {
		const struct told *t = &book.told[i];
		if (t->what == A_REQUEST && t->large && t->handed && !t->refused &&
		    t->handed_at < s->at)
			check_fail("not refused: %s", t->text);
	}
	for (size_t i = s->first; i > 0 && !scene.reply_twice; i--) {
		const struct said *r = &book.said[i];
		if (r->what == A_RESPONSE && r->at < s->at && r->heard == 0 && !r->again &&
		    !r->large && !r->batch && check_told(r->to)->link == link &&
		    !check_told(r->to)->withdrawn)
			check_fail("not heard: %s", r->text);
	}
}

static void heard_cancel(unsigned link, const struct said *s)
{
	bool task;

	if (!heard_on_link(link, check_said(s->to)->id, 0, &task))
		check_fail("a cancellation of what this link never heard: %s", s->text);
}

bool check_server_heard(unsigned link, uint64_t n, const char *text, size_t len,
    const struct jsonrpc_envelope *e, bool first_of_message)
{
	struct on_link *l = &book.link;
	struct jsonrpc_span span = jsonrpc_find(text, len, "id");
	char id[80];

	if (link != l->number)
		check_fail("a link that is gone is heard");
	if (!n) {
		heard_ours(link, text, len, e);
		return false;
	}
	struct said *s = check_said(n);
	snprintf(id, sizeof id, "%.*s", (int)span.len, text + span.at);
	if (e->kind == JSONRPC_REQUEST && is_replay(s, id)) {
		heard_replay(n, id);
		return true;
	}
	if (l->replay && !l->ready && l->strict)
		check_fail("heard before the replay was answered: %s", s->text);
	end_of_replay();
	check_answers(link, s);
	if (first_of_message && s->what != A_RESPONSE && !s->batch) {
		if (n <= l->last)
			check_fail("out of order: %s", s->text);
		l->last = n;
	}
	if (e->kind == JSONRPC_RESPONSE)
		heard_response(link, s, id);
	else if (!same_text(text, len, s->text))
		check_fail("altered: %s", s->text);
	if (s->what == A_REQUEST)
		heard_request(link, s);
	else if (s->to && s->what == A_NOTIFICATION)
		heard_cancel(link, s);
	if (s->traits & METHOD_INITIALIZE)
		l->initializes++;
	if ((s->traits & METHOD_INITIALIZED) && l->initialized++ >= l->initializes && l->strict &&
	    !scene.pipelines && count_initializes() == 1)
		check_fail("more initialized than initialize on one link");
	s->heard++;
	s->heard_link = link;
	return false;
}

/* --- after each step --------------------------------------------------- */

static void check_waiting(const struct said *s)
{
	bool patient = false;

	if (!is_open(s) || s->cancelled || is_stained(s->id))
		return;
	for (size_t i = s->first; i <= book.said_count && book.said[i].first == s->first; i++)
		patient = patient || is_patient(&book.said[i]);
	if (book.gave_up)
		check_fail("given up, and not answered: %s", s->text);
	if (book.refused && !book.link.ready && !book.unsure && !(s->traits & METHOD_LISTEN))
		check_fail("refused, and not answered: %s", s->text);
	if (s->large)
		check_fail("too large, and not answered: %s", s->text);
	if (!book.link.ready && waited_enough(s) && !patient)
		check_fail("not answered at the end of the offline time: %s", s->text);
	if (scene.request_timeout && scene.now >= s->at + scene.request_timeout &&
	    !(s->traits & METHOD_LISTEN))
		check_fail("not answered at the end of the request time: %s", s->text);
	/* For one more turn the link may take what is queued. */
	if (scene.now >= linger_end() && book.over_link == book.link.number && !book.unsure &&
	    !(s->traits & METHOD_LISTEN))
		check_fail("not answered at the end of the linger time: %s", s->text);
	if (!book.link.ready && scene.now >= patience_end(s) && !(s->traits & METHOD_LISTEN))
		check_fail("not answered long after the end of the input: %s", s->text);
}

static void check_tally(const struct tally *t, const char *what, size_t i)
{
	if (t->seen < t->least || t->seen > t->most)
		check_fail(
		    "%s %zu was told %u times, not %u to %u", what, i, t->seen, t->least, t->most);
}

static void check_taken_back(void)
{
	for (size_t i = 1; i <= book.told_count; i++) {
		const struct told *t = &book.told[i];
		if (t->what == A_REQUEST && t->seen && !t->answered && !t->taken_back && !t->over &&
		    !(book.link.open && t->link == book.link.number) && !scene.reply_twice)
			check_fail("its link is gone, and the host was not told: %s", t->text);
	}
}

void check_step(bool drained)
{
	book.drained = drained;
	(void)lingered();
	book.was_refused = book.refused;
	if (!drained || book.stopped)
		return;
	while (book.first_open <= book.said_count && book.said[book.first_open].taken &&
	       !is_open(&book.said[book.first_open]))
		book.first_open++;
	for (size_t i = book.first_open; i <= book.said_count; i++)
		check_waiting(&book.said[i]);
	book.over_link = scene.now >= linger_end() ? book.link.number : 0;
	for (size_t i = 0; i < LISTS && !book.unsure; i++)
		check_tally(&book.lists[i], "a changed list", i);
	for (size_t i = 0; i < URIS && !book.unsure; i++)
		check_tally(&book.updated[i], "a changed resource", i);
	if (!book.ended)
		check_taken_back();
}

/* --- the end ----------------------------------------------------------- */

bool check_is_over(void)
{
	return book.gave_up;
}

bool check_is_ready(void)
{
	return book.link.ready || (book.unsure && book.link.open);
}

bool check_is_unsure(void)
{
	return book.unsure;
}

unsigned check_owed(void)
{
	unsigned owed = 0;

	for (size_t i = book.first_open; i <= book.said_count; i++) {
		const struct said *s = &book.said[i];
		if (s->what == A_REQUEST && s->ours + s->theirs == 0 && !s->cancelled &&
		    !(s->traits & METHOD_LISTEN))
			owed++;
	}
	return owed;
}

const char *check_first_owed(void)
{
	for (size_t i = book.first_open; i <= book.said_count; i++) {
		const struct said *s = &book.said[i];
		if (s->what == A_REQUEST && s->ours + s->theirs == 0 && !s->cancelled &&
		    !(s->traits & METHOD_LISTEN))
			return s->text;
	}
	return "nothing";
}

void check_kept(size_t in_flight, size_t of_server, size_t queued)
{
	size_t asked = 0, told = 0;

	for (size_t i = 1; i <= book.said_count; i++) {
		const struct said *s = &book.said[i];
		asked += is_open(s) && !s->cancelled;
	}
	for (size_t i = 1; i <= book.told_count; i++) {
		const struct told *t = &book.told[i];
		told +=
		    t->what == A_REQUEST && t->seen && !t->answered && !t->taken_back && !t->over;
	}
	if (book.stain_count == 0 && in_flight != asked)
		check_fail("%zu requests are kept, %zu are open", in_flight, asked);
	if (!scene.reply_twice && of_server != told)
		check_fail("%zu requests of the server are kept, %zu are open", of_server, told);
	if (book.link.ready && !book.unsure && queued > 0)
		check_fail("%zu messages do not leave", queued);
}

void check_reconnects(size_t count)
{
	size_t links = book.ready_links;

	if (!book.unsure && count != (links > 0 ? links - 1 : 0))
		check_fail("%zu reconnects are counted, %zu links were of use", count, links);
}

void check_quiet(void)
{
	const struct on_link *l = &book.link;

	for (size_t i = 1; i <= book.said_count && !book.gave_up && l->ready; i++) {
		const struct said *s = &book.said[i];
		if (s->what == A_NOTIFICATION && s->begun == 0 && !s->to && !s->large &&
		    !s->expired && !book.unsure)
			check_fail("it never left: %s", s->text);
	}
	for (size_t i = 1; i <= book.told_count; i++) {
		const struct told *t = &book.told[i];
		if (t->what == A_REQUEST && t->large && t->handed && !t->refused && l->ready &&
		    t->link == l->number)
			check_fail("the server waits for ever: %s", t->text);
	}
	if (book.nulls != book.nulls_expected)
		check_fail("%llu answers without id are missing",
		    (unsigned long long)(book.nulls_expected - book.nulls));
	if (book.gave_up || !l->ready || !l->strict || !book.initialize || book.unsure)
		return;
	if (l->initializes == 0)
		check_fail("the last link never heard initialize");
	if (book.initialized > book.initialize && check_said(book.initialized)->taken &&
	    l->initialized == 0)
		check_fail("the last link never heard notifications/initialized");
}

static bool may_exit(void)
{
	if (book.ended || scene.now >= book.last_taken + SESSION_GIVE_UP_WAIT)
		return true;
	for (size_t i = 1; i <= book.said_count; i++) {
		const struct said *s = &book.said[i];
		if ((s->traits & METHOD_INITIALIZE) && s->ours + s->theirs > 0)
			return true;
	}
	return false;
}

/* What waits for a link may wait longer; what has one leaves with it, if it can. */
static void check_nothing_waits(void)
{
	bool had_link = book.link.ready || book.closed_ready || book.ever_lingered;

	if (had_link && !(scene.smooth && book.closed_ready))
		return;
	for (size_t i = 1; i <= book.said_count; i++) {
		const struct said *s = &book.said[i];
		if (s->what == A_NOTIFICATION && s->taken && !s->to && !s->large && s->begun == 0 &&
		    !(s->traits & METHOD_INITIALIZED) &&
		    (had_link ? s->waits < 0 : !waited_enough(s)))
			check_fail("the bridge left although this waits: %s", s->text);
	}
}

void check_outcome(bool complete)
{
	if (book.gave_up) {
		if (complete)
			check_fail("given up, and called complete");
		if (!may_exit())
			check_fail("given up, and gone before the host could see why");
		return;
	}
	if (!book.ended)
		check_fail("the bridge left by itself");
	if (check_owed() > 0)
		check_fail("the bridge left although something is owed");
	check_nothing_waits();
	if (book.ended_drained && !book.owed_unsure && complete == book.owed_failed)
		check_fail("called %s, but it was not so", complete ? "complete" : "failed");
}
