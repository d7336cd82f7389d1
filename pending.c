#include "pending.h"

#include <stdlib.h>
#include <string.h>

#include "jsonrpc.h"
#include "pool.h"

#define FIRST_BUCKETS 64                /* a power of two, as are all that follow */
#define ENTRIES_KEPT  ((size_t)1 << 20) /* bytes of entries that are kept for the next ones */

struct pending_list {
	struct pending *head, *tail;
	size_t count;
};

struct pending_table {
	struct pending **buckets;
	size_t bucket_count;
	size_t max, max_settled;
	uint64_t seed;
	struct pending_list owed, settled;
	struct pool *pool; /* of entries */
};

struct pending_batch *pending_batch_new(void)
{
	struct pending_batch *batch = calloc(1, sizeof *batch);

	if (batch)
		batch->users = 1;
	return batch;
}

void pending_batch_release(struct pending_batch *batch)
{
	if (!batch || --batch->users > 0)
		return;
	message_free(batch->kept);
	free(batch);
}

static void list_push(struct pending_list *l, struct pending *p)
{
	p->next = NULL;
	p->prev = l->tail;
	if (l->tail)
		l->tail->next = p;
	else
		l->head = p;
	l->tail = p;
	l->count++;
}

static void list_unlink(struct pending_list *l, struct pending *p)
{
	if (p->prev)
		p->prev->next = p->next;
	else
		l->head = p->next;
	if (p->next)
		p->next->prev = p->prev;
	else
		l->tail = p->prev;
	l->count--;
}

static struct pending_list *list_of(struct pending_table *t, const struct pending *p)
{
	return p->state == PENDING_OWED ? &t->owed : &t->settled;
}

struct pending_table *pending_table_new(size_t max, size_t max_settled, uint64_t seed)
{
	struct pending_table *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->buckets = calloc(FIRST_BUCKETS, sizeof(struct pending *));
	if (!t->buckets) {
		free(t);
		return NULL;
	}
	t->pool = pool_new(ENTRIES_KEPT, 0);
	t->bucket_count = FIRST_BUCKETS;
	t->max = max;
	t->max_settled = max_settled;
	t->seed = seed;
	return t;
}

void pending_table_free(struct pending_table *t)
{
	if (!t)
		return;
	while (t->owed.head)
		pending_remove(t, t->owed.head);
	pending_forget_settled(t);
	pool_end(t->pool);
	free(t->buckets);
	free(t);
}

static struct pending **bucket(const struct pending_table *t, uint64_t hash)
{
	return &t->buckets[hash & (t->bucket_count - 1)];
}

struct pending *pending_find(const struct pending_table *t, const char *id, size_t len)
{
	/* Some tables are empty most of the time, and asked for every message. */
	if (t->owed.count + t->settled.count == 0)
		return NULL;
	uint64_t hash = jsonrpc_id_hash(id, len, t->seed);
	for (struct pending *p = *bucket(t, hash); p; p = p->chain) {
		if (p->hash == hash && jsonrpc_id_equal(p->id, p->id_len, id, len))
			return p;
	}
	return NULL;
}

static void rechain(struct pending_table *t, struct pending_list *l)
{
	for (struct pending *p = l->head; p; p = p->next) {
		struct pending **b = bucket(t, p->hash);
		p->chain = *b;
		*b = p;
	}
}

/* Without memory for more buckets the chains just grow longer. */
static void grow(struct pending_table *t)
{
	size_t count = t->bucket_count * 2;
	struct pending **buckets = calloc(count, sizeof(struct pending *));

	if (!buckets)
		return;
	free(t->buckets);
	t->buckets = buckets;
	t->bucket_count = count;
	rechain(t, &t->owed);
	rechain(t, &t->settled);
}

bool pending_has_room(const struct pending_table *t, size_t count)
{
	return count <= t->max - t->owed.count;
}

struct pending *pending_add(struct pending_table *t, const char *id, size_t len)
{
	if (!pending_has_room(t, 1))
		return NULL;
	size_t size = sizeof(struct pending) + len;
	struct pending *p = pool_take(t->pool, &size);
	if (!p)
		return NULL;
	if (t->owed.count + t->settled.count >= t->bucket_count)
		grow(t);
	*p = (struct pending){.state = PENDING_OWED,
	    .hash = jsonrpc_id_hash(id, len, t->seed),
	    .room = size,
	    .id_len = len};
	memcpy(p->id, id, len);
	struct pending **b = bucket(t, p->hash);
	p->chain = *b;
	*b = p;
	list_push(&t->owed, p);
	return p;
}

bool pending_set_alias(struct pending *p, const char *alias, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return false;
	memcpy(copy, alias, len);
	copy[len] = '\0';
	free(p->alias);
	p->alias = copy;
	p->alias_len = len;
	return true;
}

void pending_settle(struct pending_table *t, struct pending *p, enum pending_state state)
{
	list_unlink(list_of(t, p), p);
	p->state = state;
	list_push(&t->settled, p);
	if (t->settled.count > t->max_settled)
		pending_remove(t, t->settled.head);
}

void pending_remove(struct pending_table *t, struct pending *p)
{
	struct pending **at = bucket(t, p->hash);

	while (*at != p)
		at = &(*at)->chain;
	*at = p->chain;
	list_unlink(list_of(t, p), p);
	pending_batch_release(p->batch);
	message_free(p->kept);
	message_free(p->copy);
	free(p->alias);
	pool_give(t->pool, p, p->room);
}

void pending_forget_settled(struct pending_table *t)
{
	while (t->settled.head)
		pending_remove(t, t->settled.head);
}

void pending_outlive_link(struct pending_table *t)
{
	for (struct pending *p = t->settled.head; p; p = p->next)
		p->state = PENDING_GONE;
}

struct pending *pending_first_owed(const struct pending_table *t)
{
	return t->owed.head;
}

size_t pending_owed(const struct pending_table *t)
{
	return t->owed.count;
}
