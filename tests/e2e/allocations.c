/*
 * Preloaded into the bridge: counts its allocations, for each place that calls for one. The counts
 * stand in a file that ALLOCATIONS names, which the test maps, too: pairs of the address behind the
 * call (0: unused) and how often it was made. What happens before the file is mapped is not counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PLACES 4096

struct place {
	_Atomic uint64_t address;
	_Atomic uint64_t count;
};

static struct place *_Atomic places;

__attribute__((constructor)) static void map_places(void)
{
	const char *file = getenv("ALLOCATIONS");
	int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
	void *mapped = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, PLACES * sizeof(struct place)) == 0)
		mapped = mmap(
		    NULL, PLACES * sizeof(struct place), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		abort(); /* a count of nothing would look like a success */
	close(fd);
	places = mapped;
}

static void note(const void *caller)
{
	uint64_t address = (uint64_t)(uintptr_t)caller;
	size_t start = (size_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> 40), i;
	struct place *all = places;

	if (!all)
		return;
	for (i = 0; i < PLACES; i++) {
		struct place *place = &all[(start + i) % PLACES];
		uint64_t none = 0;
		if (atomic_compare_exchange_strong(&place->address, &none, address) ||
		    none == address) {
			place->count++;
			return;
		}
	}
	abort(); /* too many places: what is not counted must not pass */
}

/* Not done ahead: other libraries allocate before this one's constructor runs. */
#define REAL(name)                                                                                 \
	static void *_Atomic found;                                                                \
	void *at = found;                                                                          \
	if (!at)                                                                                   \
		found = at = dlsym(RTLD_NEXT, #name);                                              \
	*(void **)&real = at;                                                                      \
	note(__builtin_return_address(0))

void *malloc(size_t size)
{
	void *(*real)(size_t);

	REAL(malloc);
	return real(size);
}

void *calloc(size_t count, size_t size)
{
	void *(*real)(size_t, size_t);

	REAL(calloc);
	return real(count, size);
}

void *realloc(void *old, size_t size)
{
	void *(*real)(void *, size_t);

	REAL(realloc);
	return real(old, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
	void *(*real)(void *, size_t, size_t);

	REAL(reallocarray);
	return real(old, count, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	void *(*real)(size_t, size_t);

	REAL(aligned_alloc);
	return real(alignment, size);
}

int posix_memalign(void **to, size_t alignment, size_t size)
{
	int (*real)(void **, size_t, size_t);

	REAL(posix_memalign);
	return real(to, alignment, size);
}

/* Made here, since what the C library allocates for its own would not be seen as the caller's. */
static char *copy(void *(*allocate)(size_t), const char *text, size_t len)
{
	char *made = allocate(len + 1);

	if (!made)
		return NULL;
	made[len] = '\0';
	return memcpy(made, text, len);
}

char *strdup(const char *text)
{
	void *(*real)(size_t);

	REAL(malloc);
	return copy(real, text, strlen(text));
}

char *strndup(const char *text, size_t max)
{
	void *(*real)(size_t);

	REAL(malloc);
	return copy(real, text, strnlen(text, max));
}
