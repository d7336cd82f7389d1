#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pending.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MANY     ((size_t)100000)

/* Allocations that are refused return NULL under AddressSanitizer, too. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static struct pending_table *new_table(size_t max, size_t max_settled)
{
	struct pending_table *t = pending_table_new(max, max_settled, 0x243f6a8885a308d3);

	assert_non_null(t);
	return t;
}

static struct pending *find(const struct pending_table *t, const char *id)
{
	return pending_find(t, id, strlen(id));
}

static struct pending *add(struct pending_table *t, const char *id)
{
	return pending_add(t, id, strlen(id));
}

/* The same numbers on every machine, whatever its rand() is. */
static uint32_t random_below(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

/* --- entries ------------------------------------------------------------------------------- */

static void an_entry_begins_owed_and_blank(void **state)
{
	struct pending_table *t = new_table(10, 10);
	char id[] = "\"abc\"";
	struct pending *p = add(t, id);

	(void)state;
	assert_non_null(p);
	assert_int_equal(p->state, PENDING_OWED);
	assert_int_equal(p->flags, 0);
	assert_int_equal(p->serial, 0);
	assert_int_equal(p->arrived, 0);
	assert_null(p->batch);
	assert_null(p->next);
	memset(id, 'x', sizeof(id)); /* the id is a copy */
	assert_int_equal(p->id_len, 5);
	assert_memory_equal(p->id, "\"abc\"", 5);
	assert_ptr_equal(find(t, "\"abc\""), p);
	assert_ptr_equal(pending_first_owed(t), p);
	assert_int_equal(pending_owed(t), 1);
	pending_table_free(t);
	pending_table_free(NULL);
}

static void ids_are_equal_by_value(void **state)
{
	static const struct {
		const char *kept, *asked;
		bool same;
	} cases[] = {
	    {"1", "1.0", true},
	    {"1", "10e-1", true},
	    {"1e2", "100", true},
	    {"-0", "0", true},
	    {"1", "\"1\"", false},
	    {"1", "-1", false},
	    {"1", "11", false},
	    {"9007199254740993", "9007199254740992", false},
	    {"9007199254740993", "9007199254740993.0", true},
	    {"\"\\u00e9\"", "\"\xC3\xA9\"", true},
	    {"\"\xC3\xA9\"", "\"\\u00E9\"", true},
	    {"\"a\"", "\"A\"", false},
	    {"\"\"", "\" \"", false},
	    {"null", "null", true},
	    {"null", "\"null\"", false},
	    {"null", "0", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pending_table *t = new_table(1, 1);
		struct pending *p = add(t, cases[i].kept);

		assert_non_null(p);
		if (find(t, cases[i].asked) != (cases[i].same ? p : NULL))
			fail_msg("%s and %s", cases[i].kept, cases[i].asked);
		/* The text it came with stays. */
		assert_int_equal(p->id_len, strlen(cases[i].kept));
		assert_memory_equal(p->id, cases[i].kept, p->id_len);
		pending_table_free(t);
	}
}

static void the_longest_ids_fit(void **state)
{
	struct pending_table *t = new_table(10, 10);
	char a[JSONRPC_ID_MAX], b[JSONRPC_ID_MAX];
	struct pending *p, *q;

	(void)state;
	memset(a, '7', sizeof(a));
	memcpy(b, a, sizeof(a));
	b[sizeof(b) - 1] = '8';
	p = pending_add(t, a, sizeof(a));
	assert_non_null(p);
	assert_null(pending_find(t, b, sizeof(b)));
	q = pending_add(t, b, sizeof(b));
	assert_ptr_equal(pending_find(t, a, sizeof(a)), p);
	assert_ptr_equal(pending_find(t, b, sizeof(b)), q);
	pending_table_free(t);
}

/* --- limits -------------------------------------------------------------------------------- */

static void only_owed_entries_fill_the_table(void **state)
{
	struct pending_table *t = new_table(3, 100);
	struct pending *a = add(t, "1"), *b = add(t, "2");

	(void)state;
	assert_true(pending_has_room(t, 0));
	assert_true(pending_has_room(t, 1));
	assert_false(pending_has_room(t, 2));
	assert_false(pending_has_room(t, SIZE_MAX));
	assert_non_null(add(t, "3"));
	assert_true(pending_has_room(t, 0));
	assert_false(pending_has_room(t, 1));
	assert_null(add(t, "4"));
	assert_null(find(t, "4"));
	assert_int_equal(pending_owed(t), 3);

	pending_settle(t, a, PENDING_CANCELLED);
	assert_non_null(add(t, "4"));
	assert_null(add(t, "5"));
	pending_settle(t, b, PENDING_ANSWERED);
	assert_non_null(add(t, "5"));
	assert_null(add(t, "6"));
	pending_remove(t, find(t, "4"));
	assert_non_null(add(t, "6"));
	assert_int_equal(pending_owed(t), 3);
	assert_int_equal(find(t, "1")->state, PENDING_CANCELLED);
	assert_int_equal(find(t, "2")->state, PENDING_ANSWERED);
	pending_table_free(t);

	t = new_table(0, 0);
	assert_true(pending_has_room(t, 0));
	assert_false(pending_has_room(t, 1));
	assert_null(add(t, "1"));
	pending_table_free(t);
}

static void the_latest_settled_are_kept(void **state)
{
	struct pending_table *t = new_table(10, 2);
	struct pending *a = add(t, "1"), *b = add(t, "2"), *c = add(t, "3"), *d = add(t, "4");

	(void)state;
	/* What counts is when they were settled, not when they came. */
	pending_settle(t, c, PENDING_ANSWERED);
	pending_settle(t, a, PENDING_CANCELLED);
	assert_ptr_equal(find(t, "3"), c);
	pending_settle(t, d, PENDING_ANSWERED);
	assert_null(find(t, "3"));
	assert_ptr_equal(find(t, "1"), a);
	assert_ptr_equal(find(t, "4"), d);
	assert_ptr_equal(pending_first_owed(t), b);
	assert_null(b->next);

	/* Room made by a removal is used again. */
	pending_remove(t, a);
	pending_settle(t, b, PENDING_CANCELLED);
	assert_ptr_equal(find(t, "4"), d);
	assert_ptr_equal(find(t, "2"), b);
	assert_null(pending_first_owed(t));
	pending_table_free(t);

	t = new_table(10, 0);
	pending_settle(t, add(t, "1"), PENDING_ANSWERED);
	assert_null(find(t, "1"));
	assert_int_equal(pending_owed(t), 0);
	pending_table_free(t);
}

static void settled_ids_are_forgotten_together(void **state)
{
	struct pending_table *t = new_table(10, 10);
	struct pending *b;

	(void)state;
	pending_forget_settled(t);
	pending_settle(t, add(t, "1"), PENDING_ANSWERED);
	b = add(t, "2");
	pending_settle(t, add(t, "3"), PENDING_CANCELLED);
	pending_forget_settled(t);
	assert_null(find(t, "1"));
	assert_ptr_equal(find(t, "2"), b);
	assert_null(find(t, "3"));
	pending_forget_settled(t);
	assert_non_null(add(t, "1"));
	assert_ptr_equal(pending_first_owed(t), b);
	pending_table_free(t);
}

static void what_outlives_its_link_is_gone_but_known(void **state)
{
	struct pending_table *t = new_table(10, 2);
	struct pending *owed;

	(void)state;
	pending_settle(t, add(t, "1"), PENDING_ANSWERED);
	owed = add(t, "2");
	pending_settle(t, add(t, "3"), PENDING_CANCELLED);
	pending_outlive_link(t);
	assert_int_equal(find(t, "1")->state, PENDING_GONE);
	assert_int_equal(find(t, "2")->state, PENDING_OWED);
	assert_int_equal(find(t, "3")->state, PENDING_GONE);
	/* Settled once more it is the latest again. */
	pending_settle(t, find(t, "1"), PENDING_GONE);
	pending_settle(t, owed, PENDING_ANSWERED);
	assert_null(find(t, "3"));
	assert_non_null(find(t, "1"));
	pending_table_free(t);
}

static void no_memory_leaves_the_table_as_it_was(void **state)
{
	struct pending_table *t = new_table(10, 10);
	struct pending *p = add(t, "1");

	(void)state;
	assert_null(pending_add(t, "2", SIZE_MAX / 4)); /* more than there can be */
	assert_int_equal(pending_owed(t), 1);
	assert_ptr_equal(find(t, "1"), p);
	assert_null(p->next);
	pending_table_free(t);
}

/* --- against a naive table ----------------------------------------------------------------- */

/* The ids of one row are equal by value. */
static const char *const same_ids[][4] = {
    {"0", "-0", "0.0", "0e7"},
    {"1", "1.0", "10e-1", "0.1e1"},
    {"10", "1e1", "10.00", "1E+1"},
    {"-1", "-1.0", "-10e-1", "-0.1e1"},
    {"\"1\"", "\"\\u0031\"", "\"1\"", "\"\\u0031\""},
    {"\"\"", "\"\"", "\"\"", "\"\""},
    {"null", "null", "null", "null"},
    {"\"null\"", "\"n\\u0075ll\"", "\"nul\\u006C\"", "\"nul\\u006c\""},
    {"\"\xC3\xA9\"", "\"\\u00e9\"", "\"\\u00E9\"", "\"\xC3\xA9\""},
    {"\"\xF0\x9F\x98\x80\"", "\"\\ud83d\\ude00\"", "\"\\uD83D\\uDE00\"", "\"\\ud83D\\uDe00\""},
    {"\"/\"", "\"\\/\"", "\"\\u002f\"", "\"\\u002F\""},
    {"9007199254740993", "9007199254740993.0", "90071992547409930e-1", "9.007199254740993e15"},
    {"9007199254740992", "9007199254740992.0", "90071992547409920e-1", "9.007199254740992e15"},
    {"1e400", "10e399", "0.1e401", "1E+400"},
    {"1e-400", "10e-401", "0.1e-399", "1E-400"},
    {"1e401", "10e400", "0.1e402", "1E+401"},
};

#define NAIVE_IDS         COUNT(same_ids)
#define NAIVE_MAX         10
#define NAIVE_MAX_SETTLED 3

/* What is known of the ids, in an order in which those of each state stand in theirs. */
struct naive {
	struct naive_entry {
		size_t id; /* index of same_ids */
		enum pending_state state;
		uint64_t serial;
		struct pending *entry;
	} entries[NAIVE_IDS];
	size_t count;
};

static size_t naive_find(const struct naive *n, size_t id)
{
	size_t i = 0;

	while (i < n->count && n->entries[i].id != id)
		i++;
	return i;
}

static size_t naive_count(const struct naive *n, bool owed)
{
	size_t count = 0;

	for (size_t i = 0; i < n->count; i++)
		count += (n->entries[i].state == PENDING_OWED) == owed;
	return count;
}

static void naive_remove(struct naive *n, size_t i)
{
	n->count--;
	memmove(&n->entries[i], &n->entries[i + 1], (n->count - i) * sizeof(n->entries[0]));
}

static void naive_forget_settled(struct naive *n, size_t keep)
{
	size_t settled = naive_count(n, false);

	for (size_t i = 0; i < n->count && settled > keep;) {
		if (n->entries[i].state == PENDING_OWED) {
			i++;
			continue;
		}
		naive_remove(n, i);
		settled--;
	}
}

static void naive_settle(struct naive *n, size_t i, enum pending_state state)
{
	struct naive_entry settled = n->entries[i];

	settled.state = state;
	naive_remove(n, i);
	n->entries[n->count++] = settled;
	naive_forget_settled(n, NAIVE_MAX_SETTLED);
}

static void assert_as_naive(const struct pending_table *t, const struct naive *n, uint64_t *seed)
{
	struct pending *p = pending_first_owed(t), *before = NULL;
	size_t owed = naive_count(n, true);

	assert_int_equal(pending_owed(t), owed);
	assert_true(pending_has_room(t, NAIVE_MAX - owed));
	assert_false(pending_has_room(t, NAIVE_MAX - owed + 1));
	for (size_t i = 0; i < n->count; i++) {
		if (n->entries[i].state != PENDING_OWED)
			continue;
		assert_ptr_equal(p, n->entries[i].entry);
		assert_ptr_equal(p->prev, before);
		before = p;
		p = p->next;
	}
	assert_null(p);
	for (size_t id = 0; id < NAIVE_IDS; id++) {
		size_t i = naive_find(n, id);

		p = find(t, same_ids[id][random_below(seed, 4)]);
		assert_ptr_equal(p, i < n->count ? n->entries[i].entry : NULL);
		if (p != NULL) {
			assert_int_equal(p->state, n->entries[i].state);
			assert_int_equal(p->serial, n->entries[i].serial);
		}
	}
}

static void random_add(struct pending_table *t, struct naive *n, uint64_t serial, uint64_t *seed)
{
	size_t id = random_below(seed, NAIVE_IDS), owed = naive_count(n, true);
	const char *raw = same_ids[id][random_below(seed, 4)];
	struct pending *p;

	if (naive_find(n, id) < n->count)
		return;
	p = add(t, raw);
	if (owed == NAIVE_MAX) {
		assert_null(p);
		return;
	}
	assert_non_null(p);
	assert_int_equal(p->state, PENDING_OWED);
	p->serial = serial;
	n->entries[n->count++] = (struct naive_entry){id, PENDING_OWED, serial, p};
}

static void random_step(struct pending_table *t, struct naive *n, uint64_t serial, uint64_t *seed)
{
	size_t i = n->count > 0 ? random_below(seed, (uint32_t)n->count) : 0;
	uint32_t what = random_below(seed, 100);
	bool filling = serial / 50 % 2 == 0;

	if (random_below(seed, 100) < (filling ? 80 : 30)) {
		random_add(t, n, serial, seed);
	} else if (n->count == 0) {
		return;
	} else if (what < 50 && n->entries[i].state == PENDING_OWED) {
		enum pending_state to = what % 2 == 0 ? PENDING_CANCELLED : PENDING_ANSWERED;

		pending_settle(t, n->entries[i].entry, to);
		naive_settle(n, i, to);
	} else if (what < 97) {
		pending_remove(t, n->entries[i].entry);
		naive_remove(n, i);
	} else {
		pending_forget_settled(t);
		naive_forget_settled(n, 0);
	}
}

static void behaves_like_a_naive_table(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < 20; round++) {
		struct pending_table *t =
		    pending_table_new(NAIVE_MAX, NAIVE_MAX_SETTLED, round * 0x9e3779b97f4a7c15);
		struct naive n = {.count = 0};
		uint64_t seed = round;
		bool was_full = false;

		assert_non_null(t);
		for (uint64_t serial = 1; serial <= 500; serial++) {
			random_step(t, &n, serial, &seed);
			assert_as_naive(t, &n, &seed);
			was_full = was_full || naive_count(&n, true) == NAIVE_MAX;
		}
		assert_true(was_full); /* else the steps are chosen badly */
		pending_table_free(t);
	}
}

/* --- many ---------------------------------------------------------------------------------- */

/*
 * Constant time, counted and not measured: how many entries a search may have to look at. The sum
 * over all entries of those behind each in its chain is small if the chains are short everywhere.
 */
static void assert_short_chains(struct pending *const *entries, size_t count)
{
	size_t sum = 0, longest = 0;

	for (size_t i = 0; i < count; i++) {
		size_t len = 0;

		for (const struct pending *p = entries[i]; p != NULL; p = p->chain)
			len++;
		sum += len;
		longest = len > longest ? len : longest;
	}
	assert_true(sum <= 2 * count);
	assert_true(longest <= 16);
}

static int id_text(char *text, size_t size, size_t i)
{
	/* Hosts count; some of them in strings. */
	return snprintf(text, size, i % 2 == 0 ? "%zu" : "\"%zu\"", i);
}

static struct pending *find_nth(const struct pending_table *t, size_t i, const char *number_end)
{
	char id[32];
	int len = id_text(id, sizeof(id), i);

	if (i % 2 == 0)
		len += snprintf(id + len, sizeof(id) - (size_t)len, "%s", number_end);
	return pending_find(t, id, (size_t)len);
}

static void grows_to_many(void **state)
{
	struct pending_table *t = new_table(MANY, MANY);
	struct pending **entries = calloc(MANY, sizeof(*entries)), *p;
	char id[32];

	(void)state;
	assert_non_null(entries);
	for (size_t i = 0; i < MANY; i++) {
		int len = id_text(id, sizeof(id), i);

		entries[i] = pending_add(t, id, (size_t)len);
		assert_non_null(entries[i]);
		entries[i]->serial = i;
		if ((i & (i + 1)) == 0)
			assert_short_chains(entries, i + 1);
		if (i % 3 == 1) /* settled ones count for the chains, too */
			pending_settle(t, entries[i - 1], PENDING_ANSWERED);
	}
	assert_short_chains(entries, MANY);
	p = pending_first_owed(t);
	for (size_t i = 0; i < MANY; i++) {
		assert_ptr_equal(find_nth(t, i, ".0"), entries[i]);
		if (i % 3 == 0 && i + 1 < MANY)
			continue;
		assert_ptr_equal(p, entries[i]);
		p = p->next;
	}
	pending_table_free(t);
	free(entries);
}

static void many_go_in_any_order(void **state)
{
	struct pending_table *t = new_table(MANY, MANY);
	size_t *order = calloc(MANY, sizeof(*order)), i;
	uint64_t seed = 1;
	char id[32];

	(void)state;
	assert_non_null(order);
	for (i = 0; i < MANY; i++) {
		size_t at = random_below(&seed, (uint32_t)i + 1);

		order[i] = order[at];
		order[at] = i;
		assert_non_null(pending_add(t, id, (size_t)id_text(id, sizeof(id), i)));
	}
	assert_false(pending_has_room(t, 1));
	assert_null(add(t, "-1"));
	for (i = 0; i < MANY; i++) {
		struct pending *p = find_nth(t, order[i], "");

		assert_non_null(p);
		pending_remove(t, p);
		assert_null(find_nth(t, order[i], ""));
		assert_int_equal(pending_owed(t), MANY - 1 - i);
	}
	assert_null(pending_first_owed(t));
	pending_table_free(t);
	free(order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_entry_begins_owed_and_blank),
	    cmocka_unit_test(ids_are_equal_by_value),
	    cmocka_unit_test(the_longest_ids_fit),
	    cmocka_unit_test(only_owed_entries_fill_the_table),
	    cmocka_unit_test(the_latest_settled_are_kept),
	    cmocka_unit_test(settled_ids_are_forgotten_together),
	    cmocka_unit_test(what_outlives_its_link_is_gone_but_known),
	    cmocka_unit_test(no_memory_leaves_the_table_as_it_was),
	    cmocka_unit_test(behaves_like_a_naive_table),
	    cmocka_unit_test(grows_to_many),
	    cmocka_unit_test(many_go_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
