/*
 * A client for one command: connects, asks, waits. While it waits, progress is drawn on stderr if
 * that is a terminal, and a signal that asks to end cancels what is in flight.
 */
#ifndef WSMCP_ONESHOT_H
#define WSMCP_ONESHOT_H

#include "options.h"
#include "wsmcp.h"

struct oneshot;

/*
 * Takes the signals of the process (signals.h) and connects to ${target}. Sets ${*out}, also on
 * failure, so that oneshot_error can tell it; NULL only if memory is out. ${o} must outlive it.
 */
enum wsmcp_status oneshot_open(struct oneshot **out, const struct options *o, const char *target);

/* Cancels what is in flight, disconnects, frees. NULL is fine. */
void oneshot_close(struct oneshot *s);

/*
 * As the functions of these names in wsmcp.h; ${*result} is to be freed, and set also when a tool
 * says isError. After a signal the status is WSMCP_CANCELLED.
 */
enum wsmcp_status oneshot_list(
    struct oneshot *s, const char *method, const char *member, char **result);
enum wsmcp_status oneshot_call_tool(
    struct oneshot *s, const char *tool, const char *arguments, char **result);
enum wsmcp_status oneshot_request(
    struct oneshot *s, const char *method, const char *params, char **result);

/* The signal that asked to end; 0 = none. */
int oneshot_signal(const struct oneshot *s);

/* The client, for what is known and what went wrong last. */
struct wsmcp *oneshot_client(struct oneshot *s);

#endif
