/* The exit statuses, and the one table that --help prints them from. */
#ifndef WSMCP_EXIT_H
#define WSMCP_EXIT_H

enum exit_status {
	EXIT_DONE = 0,
	EXIT_TOOL_ERROR = 1,
	EXIT_USAGE = 2,
	EXIT_CONFIGURATION_ERROR = 3,
	EXIT_CONNECTION_ERROR = 4,
	EXIT_DEPENDENCY_ERROR = 5
};

#endif
