#include "run.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "pretty.h"
#include "screen.h"

void run_begin(struct run *r, const struct options *o, bool object, char *error)
{
	*r = (struct run){.o = o, .object = object, .error = error};
	r->terminal = isatty(STDOUT_FILENO);
	r->screen = r->terminal && !o->json;
	output_to_fd(&r->out, STDOUT_FILENO);
}

int run_end(struct run *r, int status)
{
	if (output_end(&r->out) != 0) {
		status = status != WSMCP_OK ? status : WSMCP_CONNECTION_ERROR;
		if (*r->error == '\0')
			(void)snprintf(r->error, RUN_ERROR_SIZE, "cannot write to stdout: %s",
			    strerror(errno));
	}
	if (r->server != NULL && oneshot_signal(r->server) != 0)
		status = 128 + oneshot_signal(r->server);
	oneshot_close(r->server);
	free(r->tools);
	free(r->result);
	return status;
}

/* --- JSON -------------------------------------------------------------- */

/* What a terminal gets: for people, or with --json on one line. */
static unsigned style_of(const struct run *r)
{
	if (!r->screen)
		return PRETTY_SAFE | PRETTY_LINE;
	return PRETTY_SAFE | (screen_colours(STDOUT_FILENO) ? PRETTY_COLOUR : 0);
}

void run_print(struct run *r, struct value v)
{
	if (r->terminal)
		pretty_put(&r->out, v, style_of(r));
	else
		value_put(&r->out, v);
	output_str(&r->out, "\n");
}

void run_line_begin(struct run_line *l, struct run *r)
{
	l->run = r;
	l->out = &r->out;
	buf_init(&l->text, RUN_MAX);
	if (r->terminal) {
		l->out = &l->made;
		output_to_buf(l->out, &l->text);
	}
}

void run_line_end(struct run_line *l)
{
	if (!l->run->terminal)
		output_str(&l->run->out, "\n");
	else if (output_end(l->out) == 0)
		run_print(l->run, (struct value){(const char *)l->text.data, l->text.len});
	else
		log_error("out of memory");
	buf_free(&l->text);
}

/* --- failures ---------------------------------------------------------- */

static const char *type_of(int status)
{
	static const char *const types[] = {
	    [WSMCP_TOOL_ERROR] = "ToolError",
	    [WSMCP_CONFIGURATION_ERROR] = "ConfigurationError",
	    [WSMCP_CONNECTION_ERROR] = "ConnectionError",
	    [WSMCP_DEPENDENCY_ERROR] = "DependencyError",
	};

	return types[status];
}

void run_put_failure(struct object *o, const struct run *r, struct value text, int status)
{
	object_bool(o, "success", false);
	if (text.len > 0)
		object_value(o, "error", text);
	else
		object_text(o, "error", r->error);
	object_text(o, "error_type", type_of(status));
}

int run_fail(struct run *r, int status, struct value text, struct value code)
{
	struct object o;
	struct run_line l;

	if (!r->object)
		return status;
	run_line_begin(&l, r);
	object_begin(&o, l.out);
	run_put_failure(&o, r, text, status);
	if (code.len > 0)
		object_value(&o, "code", code);
	object_end(&o);
	run_line_end(&l);
	r->error[0] = '\0';
	return status;
}

int run_fail_of_client(struct run *r, enum wsmcp_status status)
{
	struct wsmcp *client = r->server != NULL ? oneshot_client(r->server) : NULL;
	const char *text = client != NULL ? wsmcp_error(client) : "";
	struct value code = VALUE_NOTHING;

	if (status == WSMCP_CANCELLED)
		return WSMCP_OK; /* run_end knows better */
	(void)snprintf(r->error, RUN_ERROR_SIZE, "%s", *text != '\0' ? text : "out of memory");
	if (status == WSMCP_WRONG_USAGE)
		return WSMCP_WRONG_USAGE;
	if (status == WSMCP_NO_MEMORY)
		status = WSMCP_CONNECTION_ERROR;
	if (client != NULL)
		code = value_member(value_of(wsmcp_error_object(client)), "code");
	return run_fail(
	    r, (int)status, VALUE_NOTHING, value_type(code) == VALUE_NUMBER ? code : VALUE_NOTHING);
}
