/* trend: the last minute of a number, as the path of a small SVG drawing and in words. Pure functions; the stream is the caller's, who
 * owns it.
 *
 * The drawing is 118 wide, two for each second, and 36 high; now is at its right edge.
 */
#ifndef MOONGATE_MASTER_TREND_H
#define MOONGATE_MASTER_TREND_H

#include "master/recent.h"
#include <stddef.h>
#include <stdio.h>

/* The points of r by the member of struct recent_point at that offset. most: what is at the upper edge. NAN leaves a gap. */
struct trend {
    const struct recent *r;
    size_t member;
    double most;
};

/* The largest number of the minute; 0 where there is none. */
double trend_most(const struct recent *r, size_t member);

/* The value of the attribute d: the line, or the area below it. */
void trend_line(const struct trend *t, FILE *out);
void trend_area(const struct trend *t, FILE *out);

/* `0.5 to 12 in the last minute`; put writes a number. */
void trend_words(const struct trend *t, void (*put)(FILE *out, double number), FILE *out);

#endif
