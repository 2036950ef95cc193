/* report: what a replay has found, as one page for people: `moongate replay --report FILE.html`.
 *
 * Owns nothing. The page stands alone: its style and its plots are in it, nothing is fetched, and no program runs in it. Whatever texts the
 * results have, none becomes a part of the page's own HTML.
 */
#ifndef MOONGATE_REPLAY_REPORT_H
#define MOONGATE_REPLAY_REPORT_H

#include <stdio.h>

#include "replay/results.h"

/* Errors of the stream show when it is flushed. */
void report_write(const struct replay_results *r, FILE *out);

#endif
