/* report_plots: the plots of a replay's page. Owns nothing. */
#ifndef MOONGATE_REPLAY_REPORT_PLOTS_H
#define MOONGATE_REPLAY_REPORT_PLOTS_H

#include "replay/report_plot.h"
#include "replay/results.h"

void report_plots_write(const struct replay_results *r, FILE *out);

#endif
