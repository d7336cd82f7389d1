/*
 * How alike names are, to find the one that was meant. Pure.
 */
#ifndef WSMCP_NEAREST_H
#define WSMCP_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 64 /* bytes of a name that are looked at */

/*
 * How far ${a} is from ${b}: 0 if one begins with the other, letters compared without case, else
 * how many letters must change, come or go.
 */
size_t nearest_distance(const char *a, const char *b);

struct nearest_name {
	char *name;
	size_t distance, place; /* set by nearest_sort; place = where it stood before */
};

/* Sorts the names, those nearest to ${wanted} first, otherwise as they stood. */
void nearest_sort(struct nearest_name *names, size_t count, const char *wanted);

#endif
