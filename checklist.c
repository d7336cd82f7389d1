#include "checklist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define STEP_MAX   ((size_t)1 << 20) /* bytes */
#define SHOWN_SIZE 16384

void checklist_begin(struct checklist *l, struct output *out, bool json)
{
	*l = (struct checklist){.out = out, .json = json};
}

void checklist_free(struct checklist *l)
{
	for (size_t i = 0; i < l->step_count; i++)
		buf_free(&l->steps[i]);
	for (size_t i = 0; i < l->warning_count; i++)
		free(l->warnings[i]);
	free(l->error);
	free(l->cause);
	*l = (struct checklist){0};
}

/* --- lines -------------------------------------------------------------- */

static void print(struct checklist *l, const char *text)
{
	char shown[SHOWN_SIZE];

	log_escape(shown, sizeof shown, text, strlen(text));
	output_str(l->out, shown);
}

/* Of three decimals one is shown. */
static void print_head(struct checklist *l, const char *name, const char *word, struct value ms)
{
	char line[96];

	(void)snprintf(line, sizeof line, "%-14.40s %-6s %8.*s %s  ", name, word,
	    ms.len > 2 ? (int)ms.len - 2 : 0, ms.text, ms.len ? "ms" : "  ");
	output_str(l->out, line);
}

static void print_warning(struct checklist *l, const char *text)
{
	l->warned = true;
	if (l->json)
		return;
	print_head(l, "", "", VALUE_NOTHING);
	output_str(l->out, "warning: ");
	print(l, text);
	output_str(l->out, "\n");
	(void)output_end(l->out);
}

static void print_step(struct checklist *l, struct value step)
{
	bool ok = value_is_true(value_member(step, "ok"));
	char *name = value_string(value_member(step, "step"), NULL);
	char *detail = value_string(value_member(step, "detail"), NULL);
	char *warning = value_string(value_member(step, "warning"), NULL);

	if (!l->json) {
		print_head(l, name ? name : "", ok ? "ok" : "FAILED", value_member(step, "ms"));
		print(l, detail ? detail : "");
		output_str(l->out, "\n");
	}
	if (warning)
		print_warning(l, warning);
	(void)output_end(l->out); /* people wait for it */
	free(name);
	free(detail);
	free(warning);
}

void checklist_end(struct checklist *l)
{
	if (*l->failed) {
		output_str(l->out, "failed at ");
		output_str(l->out, l->failed);
		output_str(l->out, ": ");
		print(l, l->error ? l->error : "");
		output_str(l->out, l->cause && *l->cause ? ". " : "");
		print(l, l->cause ? l->cause : "");
	} else {
		output_str(l->out, l->warned ? "all well, with warnings" : "all well");
	}
	output_str(l->out, "\n");
}

/* --- what is told ------------------------------------------------------- */

static struct value step_of(const struct buf *b)
{
	return (struct value){(const char *)b->data, b->len};
}

static struct buf *find_step(struct checklist *l, struct value step)
{
	struct value name = value_member(step, "step");

	for (size_t i = 0; i < l->step_count; i++) {
		if (value_equal(value_member(step_of(&l->steps[i]), "step"), name))
			return &l->steps[i];
	}
	return NULL;
}

void checklist_tell(struct checklist *l, struct value step)
{
	struct buf *known = find_step(l, step), copy;
	bool ok = value_is_true(value_member(step, "ok"));

	if (known && (ok || !value_is_true(value_member(step_of(known), "ok"))))
		return;
	print_step(l, step);
	buf_init(&copy, STEP_MAX);
	if ((!known && l->step_count == CHECKLIST_STEPS) ||
	    buf_append(&copy, step.text, step.len) != BUF_OK) {
		buf_free(&copy);
		return;
	}
	if (!known)
		known = &l->steps[l->step_count++];
	buf_free(known);
	*known = copy;
}

void checklist_warn(struct checklist *l, const char *text)
{
	char *copy = l->warning_count < CHECKLIST_WARNINGS ? strdup(text) : NULL;

	if (copy)
		l->warnings[l->warning_count++] = copy;
	print_warning(l, text);
}

void checklist_fail(struct checklist *l, const char *step, const char *error, const char *cause)
{
	if (*l->failed)
		return;
	(void)snprintf(l->failed, sizeof l->failed, "%s", step);
	l->error = strdup(error);
	l->cause = strdup(cause);
}

bool checklist_failed(const struct checklist *l)
{
	return *l->failed;
}

void checklist_put(const struct checklist *l, struct object *o)
{
	object_bool(o, "ok", !*l->failed);
	object_key(o, "steps");
	output_str(o->out, "[");
	for (size_t i = 0; i < l->step_count; i++) {
		output_str(o->out, i ? "," : "");
		value_put(o->out, step_of(&l->steps[i]));
	}
	output_str(o->out, "]");
	object_key(o, "warnings");
	output_str(o->out, "[");
	for (size_t i = 0; i < l->warning_count; i++) {
		output_str(o->out, i ? "," : "");
		value_put_string(o->out, l->warnings[i], strlen(l->warnings[i]));
	}
	output_str(o->out, "]");
	if (!*l->failed)
		return;
	object_text(o, "failed", l->failed);
	object_text(o, "error", l->error ? l->error : "");
	object_text(o, "cause", l->cause ? l->cause : "");
}

/* --- a step in the making ----------------------------------------------- */

void checklist_step_begin(struct checklist_step *s, const char *name, bool ok, int64_t us)
{
	buf_init(&s->text, STEP_MAX);
	output_to_buf(&s->out, &s->text);
	object_begin(&s->object, &s->out);
	object_text(&s->object, "step", name);
	object_bool(&s->object, "ok", ok);
	object_ms(&s->object, "ms", us);
}

void checklist_step_end(struct checklist *l, struct checklist_step *s, const char *detail)
{
	object_text(&s->object, "detail", detail);
	object_end(&s->object);
	if (output_end(&s->out) == 0)
		checklist_tell(l, step_of(&s->text));
	buf_free(&s->text);
}
