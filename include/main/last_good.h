/* last_good: what a start has to do with --state-dir: whether it can be written, and the script that is in it.
 *
 * Owns nothing; called by main, once each. What is wrong is on stderr.
 */
#ifndef MOONGATE_MAIN_LAST_GOOD_H
#define MOONGATE_MAIN_LAST_GOOD_H

#include "worker/options.h"

/* The script of --state-dir takes the place of the given one, which does not load. False: there is none. */
bool last_good_take(struct options *o);

/* False: the user that the process has become cannot keep a script there. */
bool last_good_check_dir(const struct options *o);

#endif
