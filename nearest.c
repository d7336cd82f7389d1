#include "nearest.h"

#include <stdlib.h>
#include <string.h>

#include "ascii.h"

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t nearest_distance(const char *a, const char *b)
{
	size_t line[NEAREST_MAX + 1], corner, above, common = 0;
	const size_t a_len = least(strlen(a), NEAREST_MAX), b_len = least(strlen(b), NEAREST_MAX);

	while (common < least(a_len, b_len) && ascii_lower(a[common]) == ascii_lower(b[common]))
		common++;
	if (common > 0 && common == least(a_len, b_len))
		return 0;

	for (size_t i = 0; i <= a_len; i++)
		line[i] = i;
	for (size_t j = 0; j < b_len; j++) {
		corner = line[0];
		line[0] = j + 1;
		for (size_t i = 1; i <= a_len; i++) {
			above = line[i];
			line[i] = least(corner + (ascii_lower(a[i - 1]) != ascii_lower(b[j])),
			    least(above, line[i - 1]) + 1);
			corner = above;
		}
	}
	return line[a_len];
}

static int compare(const void *a, const void *b)
{
	const struct nearest_name *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

void nearest_sort(struct nearest_name *names, size_t count, const char *wanted)
{
	for (size_t i = 0; i < count; i++) {
		names[i].distance = nearest_distance(wanted, names[i].name);
		names[i].place = i;
	}
	if (count > 0)
		qsort(names, count, sizeof *names, compare);
}
