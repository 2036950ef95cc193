/* crowd: many clients at once: some that stay and ask without a pause, and newcomers that connect at a rate, ask and go. Each byte that
 * they get is checked.
 *
 * Belongs to the stage, which closes them when the test ends. A client that is closed, refused or gets no answer within 30 seconds fails the
 * test, unless it may be lost. Those who stay store, read, store with noreply, and send requests in two pieces; newcomers ask at once, in
 * two pieces, a moment after they have connected, or twice.
 */
#ifndef TESTS_LIB_CROWD_H
#define TESTS_LIB_CROWD_H

#include "lib/moongate.h"

struct crowd;

/* The script that the crowd needs: one server, and the key `who` has the worker's number. */
const char *crowd_script(const char *server);

/* For how many there are descriptors. */
unsigned crowd_most(void);

struct crowd *crowd_gathers(struct moongate *m, unsigned lasting, unsigned newcomers_a_second);

/* They ask until the condition holds, or for so long. Fails the test when the condition does not hold in time. */
void crowd_plays_until(struct crowd *c, stage_condition *condition, void *what);
void crowd_plays(struct crowd *c, double seconds);

/* Worker number `worker`, or one that is not known (-1), is killed now: the clients that it serves may be lost once, and so may newcomers that are not answered yet. Who is lost
 * connects again. */
void crowd_loses(struct crowd *c, int worker);

/* No newcomer comes any more; waits until all have their answers. Prints the counts, with what was done meanwhile. */
void crowd_rests(struct crowd *c, const char *what);

unsigned crowd_lost(const struct crowd *c); /* lasting ones that may have been */
unsigned crowd_held(const struct crowd *c,
                    int worker); /* lasting ones that this worker serves, as it said */

/* How many of the newcomers that connected after crowd_counts_from_now have had their answer. */
void crowd_counts_from_now(struct crowd *c);
unsigned crowd_answered_since(const struct crowd *c);

#endif
