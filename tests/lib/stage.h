/* stage: what a play stands on: one poll(2) loop over everything the running test holds, and a
 * deadline.
 *
 * Owns every actor and every text of the running test: stage_clear, the teardown of each test, also
 * of a failed one, dismisses them all. Nothing here sleeps: a test that waits names a condition, and
 * meanwhile logs are read, fake backends accept and validate, and processes are reaped.
 */
#ifndef TESTS_LIB_STAGE_H
#define TESTS_LIB_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs all of the above */

/* Who leaves first when the test ends: clients, then the backends that moongate would wait for,
 * then moongate. */
enum actor_rank { RANK_CLIENT, RANK_BACKEND, RANK_MOONGATE, RANK_PROGRAM, RANK_FOLDER, RANKS };

/* Anything the loop watches or that must be dismissed at the end; embedded first in what it stands
 * for. */
struct actor {
    int fd; /* -1: nothing to watch */
    enum actor_rank rank;
    short (*wants)(struct actor *actor);              /* poll events; NULL: POLLIN */
    void (*acts)(struct actor *actor, short revents); /* what happened to fd */
    bool (*leaves)(struct actor *actor); /* frees it; false: the test has failed after all */
    void (*tells)(struct actor *actor);  /* NULL, or prints what helps when a test fails */
    struct actor *next;
};

/* cmocka's test with a stage around it. */
#define play(f) cmocka_unit_test_setup_teardown(f, stage_set, stage_clear)

int stage_set(void **state);
int stage_clear(void **state);

/* For one play in several acts: clears the stage, and fails the test if something did not
 * end well. */
void stage_clears(void);

/* The stage owns the actor from now on: leaves() is called once, by stage_clear or
 * stage_dismiss. */
void stage_enter(struct actor *actor);
bool stage_dismiss(struct actor *actor);

typedef bool stage_condition(void *what);

/* Runs the loop until the condition holds; false when the deadline passed first. */
bool stage_waits(stage_condition *condition, void *what);

/* The same with a deadline of its own, for what is known to take long. */
bool stage_waits_for(stage_condition *condition, void *what, double seconds);

/* Runs the loop once over what is ready now, and waits at most so long for it. */
void stage_turns(int milliseconds);

double stage_deadline(void); /* seconds that one step may take */
double stage_now(void);      /* monotonic seconds */

/* Ends the test as failed: prints the sentence and what every actor has to tell. */
void stage_fails(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* printf into memory that lives as long as the test. */
char *textf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Zeroed memory that lives as long as the test. */
void *stage_memory(size_t n);

/* True when this program is sanitized, or the moongate that it tests: processes are slower and fatter. */
bool stage_is_sanitized(void);

#endif
