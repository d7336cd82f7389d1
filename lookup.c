/*
 * The functions of wsmcp.h that need no client: options, and servers that are configured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "expand.h"
#include "target.h"
#include "url.h"
#include "wsmcp.h"

void wsmcp_options_init(struct wsmcp_options *options)
{
	*options = (struct wsmcp_options){.connect_timeout = 10000,
	    .offline_timeout = 20000,
	    .request_timeout = -1,
	    .ping_interval = 20000,
	    .ping_timeout = 20000,
	    .retry_delay_max = 30000,
	    .resend = WSMCP_RESEND_SAFE,
	    .max_message = (uint64_t)64 << 20,
	    .max_reply = (uint64_t)64 << 20,
	    .protocol = WSMCP_PROTOCOL_AUTO};
}

/* The URL for people. What stands for a variable that is not set, or may not be read, stays as it is. */
static char *display(const struct server *s)
{
	char why[EXPAND_ERROR_SIZE], shown[URL_MAX];
	char *url = s->foreign ? NULL : expand(s->url, getenv, URL_MAX, why);

	(void)url_display(shown, sizeof shown, url ? url : s->url);
	free(url);
	return strdup(shown);
}

static bool copy_header_names(struct wsmcp_server *out, const struct server *s)
{
	out->header_names = calloc(s->header_count + 1, sizeof *out->header_names);
	while (out->header_names && out->header_count < s->header_count) {
		char *name = strdup(s->headers[out->header_count].name);
		if (!name)
			return false;
		out->header_names[out->header_count++] = name;
	}
	return out->header_names != NULL;
}

static struct wsmcp_server *copy_server(const struct server *s)
{
	struct wsmcp_server *out = calloc(1, sizeof *out);

	if (!out)
		return NULL;
	out->name = strdup(s->name);
	out->file = strdup(s->file);
	out->url = display(s);
	if (out->name && out->file && out->url && copy_header_names(out, s))
		return out;
	wsmcp_server_free(out);
	return NULL;
}

enum wsmcp_status wsmcp_find_server(struct wsmcp_server **out, const char *pattern,
    const struct wsmcp_options *options, char *error, size_t size)
{
	struct wsmcp_options defaults;
	char why[CONFIG_ERROR_SIZE] = "";
	enum wsmcp_status status = WSMCP_NO_MEMORY;

	wsmcp_options_init(&defaults);
	struct config *config = target_config(options ? options : &defaults);
	const struct server *s = config ? config_find(config, pattern, why) : NULL;
	*out = s ? copy_server(s) : NULL;
	if (*out)
		status = WSMCP_OK;
	else if (config && !s)
		status = WSMCP_CONFIGURATION_ERROR;
	config_free(config);
	if (status != WSMCP_OK)
		(void)snprintf(
		    error, size, "%s", status == WSMCP_NO_MEMORY ? "out of memory" : why);
	return status;
}

void wsmcp_server_free(struct wsmcp_server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < server->header_count; i++)
		free(server->header_names[i]);
	free(server->header_names);
	free(server->name);
	free(server->url);
	free(server->file);
	free(server);
}
