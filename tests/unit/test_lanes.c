/* Lanes as this machine has them, and what looks at them. */
#include "frame.h"
#include "jsonrpc.h"
#include "lanes.h"
#include "utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#include "lanes_cases.h"

int main(void)
{
	return run_lanes_cases();
}
