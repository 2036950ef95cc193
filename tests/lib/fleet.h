/* fleet: moongates of several machines, with several workers each, in this process, over servers in memory; the test decides which of
 * them does something next, and moves the clock.
 *
 * A worker is the daemon's own (worker/worker_state.h), but for its sockets, which are pairs within the process, and its master, which
 * is the test. Workers of one machine share their board and their stores, as processes do. A server is a store (store/store.h) that
 * answers as memcached; a request to it is carried out when the test says so, and answered when the test says so. The caller owns the
 * fleet and destroys it. Nothing here waits.
 */
#ifndef TESTS_LIB_FLEET_H
#define TESTS_LIB_FLEET_H

#include <stdbool.h>
#include <stddef.h>

struct fleet;

enum { FLEET_ANSWER = 4096 };

/* Takes the process's clock. Each worker uses the script. Fails the test if that cannot be loaded. */
struct fleet *fleet_create(unsigned machines, unsigned workers_each, const char *script);
void fleet_destroy(struct fleet *f);

/* All workers use another script. */
void fleet_reloads(struct fleet *f, const char *script);

/* The worker is killed: its connections end, and its master learns of it and puts a new one in its place. Its clients are gone.
 * Its memory is never freed: a test that kills many plays each fleet in a process of its own. */
void fleet_kills(struct fleet *f, unsigned machine, unsigned worker, const char *script);

/* The worker runs until it has nothing more to do at this moment. */
void fleet_runs(struct fleet *f, unsigned machine, unsigned worker);
void fleet_runs_all(struct fleet *f);

void fleet_waits(double seconds);
double fleet_now(void); /* seconds */

/* Clients, by number: 0.. */
unsigned fleet_connects(struct fleet *f, unsigned machine, unsigned worker);
void fleet_sends(struct fleet *f, unsigned client, const char *text);

/* What it has been answered so far, at most FLEET_ANSWER bytes, is taken away. False: its connection has ended. */
bool fleet_hears(struct fleet *f, unsigned client, char *text);
void fleet_hangs_up(struct fleet *f, unsigned client);

/* Connections to servers: how many there are; their numbers change as they come and go. What can be done with one: */
unsigned fleet_links(const struct fleet *f);
bool fleet_may_carry_out(const struct fleet *f,
                         unsigned link); /* a request has come that is not carried out */
bool fleet_may_answer(const struct fleet *f, unsigned link); /* one is, and is not answered */
void fleet_carries_out(struct fleet *f, unsigned link);
void fleet_answers(struct fleet *f, unsigned link);

/* The connection breaks. What was not carried out yet may still be, within a second: see fleet_late. */
void fleet_breaks(struct fleet *f, unsigned link);

/* Requests of broken connections: one of them is carried out, or is forgotten. False: there is none. */
bool fleet_late(struct fleet *f, bool is_carried_out);

/* Everything that waits at servers is carried out and answered, and all workers run, until nothing is left. */
void fleet_settles(struct fleet *f);

/* Items of servers are gone. */
void fleet_empties(struct fleet *f);

#endif
