/* evloop: a libev loop that turns while the stage does, for tests of what lives on one; and how long its longest turn took.
 *
 * One a test program; evloop_set makes it, evloop_clear frees it (cmocka's setup and teardown, around the stage's).
 */
#ifndef TESTS_LIB_EVLOOP_H
#define TESTS_LIB_EVLOOP_H

#include "lib/stage.h"
#include <ev.h>

#define play_on_loop(f) cmocka_unit_test_setup_teardown(f, evloop_set, evloop_clear)

int evloop_set(void **state);
int evloop_clear(void **state);

struct ev_loop *evloop(void);

/* Turns both until the condition holds; false when the deadline passed first, or after so many seconds. */
bool evloop_waits(stage_condition *condition, void *what);
bool evloop_waits_for(stage_condition *condition, void *what, double seconds);

/* Turns both for so long. For what must not happen. */
void evloop_turns(double seconds);

/* Seconds of the longest turn since the test began: what is on the loop must never wait. */
double evloop_longest(void);

#endif
