/* What looks at lanes, compiled once more with the portable ones; not linked with the others. */
#ifndef TESTS_PORTABLE_H
#define TESTS_PORTABLE_H

#define LANES_PORTABLE 1

#include "frame.c"
#include "utf8.c"
#include "jsonrpc.c"

#endif
