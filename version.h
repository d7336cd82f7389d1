/* The version of the program and of its library. */
#ifndef WSMCP_VERSION_H
#define WSMCP_VERSION_H

#define WSMCP_VERSION "0.1.0"

#endif
