#include "tools/rate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool rate_read(const char *text, double *to)
{
    char *end;
    *to = INFINITY;
    if (!text || strcmp(text, "max") == 0) return true;
    *to = strtod(text, &end);
    if (*end == 'k')
        *to *= 1e3, end++;
    else if (*end == 'm')
        *to *= 1e6, end++;
    if (strcmp(end, "/s") == 0) end += 2;
    if (end > text && !*end && *to >= 1 && *to <= 1e9) return true;
    fprintf(stderr, "moongate: --rate: not a rate: %s: give one such as 20k/s, 500/s or max\n",
            text);
    return false;
}
