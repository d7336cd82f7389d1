#include "object.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void object_begin(struct object *o, struct output *out)
{
	*o = (struct object){.out = out};
	output_str(out, "{");
}

void object_end(struct object *o)
{
	output_str(o->out, "}");
}

void object_key(struct object *o, const char *key)
{
	output_str(o->out, o->any ? ",\"" : "\"");
	output_str(o->out, key);
	output_str(o->out, "\":");
	o->any = true;
}

void object_text(struct object *o, const char *key, const char *text)
{
	object_key(o, key);
	value_put_string(o->out, text, strlen(text));
}

void object_text_if(struct object *o, const char *key, const char *text)
{
	if (*text)
		object_text(o, key, text);
}

void object_bool(struct object *o, const char *key, bool value)
{
	object_key(o, key);
	output_str(o->out, value ? "true" : "false");
}

void object_number(struct object *o, const char *key, int64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRId64, number);
	object_key(o, key);
	output_str(o->out, text);
}

void object_ms(struct object *o, const char *key, int64_t us)
{
	char text[32];

	/* No %f: in some locales its point is a comma. */
	us = us < 0 ? 0 : us;
	(void)snprintf(text, sizeof text, "%" PRId64 ".%03d", us / 1000, (int)(us % 1000));
	object_key(o, key);
	output_str(o->out, text);
}

void object_list(struct object *o, const char *key, const char *list, const char *between)
{
	object_key(o, key);
	output_str(o->out, "[");
	while (*list) {
		const char *end = strstr(list, between);
		size_t len = end ? (size_t)(end - list) : strlen(list);

		value_put_string(o->out, list, len);
		list += len + (end ? strlen(between) : 0);
		output_str(o->out, *list ? "," : "");
	}
	output_str(o->out, "]");
}

void object_value(struct object *o, const char *key, struct value v)
{
	object_key(o, key);
	value_put(o->out, v.len ? v : value_of("null"));
}
