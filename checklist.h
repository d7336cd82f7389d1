/*
 * The steps that something goes through, told as they are done: a line each for people, or all in
 * one JSON object at the end. Text of others is escaped in lines.
 */
#ifndef WSMCP_CHECKLIST_H
#define WSMCP_CHECKLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "object.h"
#include "output.h"
#include "value.h"

#define CHECKLIST_STEPS    16
#define CHECKLIST_WARNINGS 16

/* Its members are private. */
struct checklist {
	struct output *out;
	bool json;
	struct buf steps[CHECKLIST_STEPS];
	size_t step_count;
	char *warnings[CHECKLIST_WARNINGS];
	size_t warning_count;
	bool warned;     /* in a step, too */
	char failed[32]; /* "" = none */
	char *error, *cause;
};

void checklist_begin(struct checklist *l, struct output *out, bool json);
void checklist_free(struct checklist *l);

/*
 * Tells a step, an object with "step", "ok", "ms" (if it takes time; with three decimals),
 * "detail", "warning" (if there is one), and what else there is for programs. One that was told
 * before is not told again, unless it has failed after all.
 */
void checklist_tell(struct checklist *l, struct value step);

/* Something that is not of one step. */
void checklist_warn(struct checklist *l, const char *text);

/* Remembers what it all ends with; the first failure counts. */
void checklist_fail(struct checklist *l, const char *step, const char *error, const char *cause);

bool checklist_failed(const struct checklist *l);

/* The last line: all well, or which step failed, why, and what may help. */
void checklist_end(struct checklist *l);

/* The members "ok", "steps" and "warnings", and after a failure "failed", "error" and "cause". */
void checklist_put(const struct checklist *l, struct object *o);

/* A step in the making. */
struct checklist_step {
	struct buf text;
	struct output out;
	struct object object; /* for further members */
};

void checklist_step_begin(struct checklist_step *s, const char *name, bool ok, int64_t us);
void checklist_step_end(struct checklist *l, struct checklist_step *s, const char *detail);

#endif
