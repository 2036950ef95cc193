/* rate: the option --rate of commands that ask servers beside their clients. Owns nothing. */
#ifndef MOONGATE_TOOLS_RATE_H
#define MOONGATE_TOOLS_RATE_H

#include <stdbool.h>

/* NUMBER[k|m][/s], or max (also NULL): INFINITY. False after a complaint. */
bool rate_read(const char *text, double *to);

#endif
