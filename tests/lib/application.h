/* application: a client that sends random requests at some depth and checks every byte that comes back.
 *
 * Belongs to the stage. Its values say which key they are for (lib/value.h), so a wrong one is noticed, and so is a reply
 * too many, too few, or in another's place. What a cache may do is allowed: misses, and SERVER_ERROR in place of any answer.
 */
#ifndef TESTS_LIB_APPLICATION_H
#define TESTS_LIB_APPLICATION_H

#include "lib/moongate.h"

/* name, meaning: what applications count */
#define TALLIES(X)                                                                                 \
    X(requests, "sent")                                                                            \
    X(replies, "came, those to requests that have none left out")                                  \
    X(hits, "values that were right")                                                              \
    X(misses, "keys that were not there")                                                          \
    X(stored, "sets that were carried out")                                                        \
    X(errors, "SERVER_ERROR")                                                                      \
    X(closed, "connections that moongate closed")                                                  \
    X(lost, "requests that had no reply then")

struct tally {
#define X(name, meaning) unsigned long name;
    TALLIES(X)
#undef X
};

struct application;

/* `prefix` begins each of its keys; applications may share them. At most `depth` requests are under way. */
struct application *application_connects(struct moongate *m, const char *prefix, unsigned depth,
                                         unsigned seed);

/* NOT_STORED and NS are right answers to its sets: a route may say so. ERROR is one to its meta commands: a server that tells
 * lies when it is asked `mn` gets none. */
void application_may_be_refused(struct application *a);

/* Moongate may close its connection: then it connects again, and goes on. */
void application_may_be_closed(struct application *a);

/* From now on it sends requests once in so many seconds, at most `depth` each time. */
void application_paces(struct application *a, double seconds);

/* Its end of the connection. */
int application_descriptor(const struct application *a);

/* The longest time that a reply was the next one, since this was asked last. */
double application_slowest(struct application *a);

/* For how long the reply that it waits for has been the next one. */
double application_waits(const struct application *a);

/* Sends no new requests; waits until all have been answered and nothing else comes. */
void application_rests(struct application *a);

struct tally application_tally(const struct application *a);

/* Closes the connection; the tally stays. */
void application_leaves(struct application *a);

/* Adds up what applications counted, and prints it. */
void tally_add(struct tally *sum, const struct application *a);
void tally_print(const struct tally *sum);

#endif
