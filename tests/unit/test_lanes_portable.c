/* The same with the lanes of machines that have none. */
#include "portable.h"
#include "buf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#include "lanes_cases.h"

int main(void)
{
	return run_lanes_cases();
}
