/* recent: what the service has counted in the last seconds: a survey each second, of which RECENT_SURVEYS are kept, and a row of
 * numbers for the last minute.
 *
 * Owned by the master, one for its life. Memory is bounded by what the board has room for. Surveys are taken only when a reader can ask
 * for them (is_on).
 */
#ifndef MOONGATE_MASTER_RECENT_H
#define MOONGATE_MASTER_RECENT_H

#include "base/survey.h"
#include "master/store_rows.h"
#include <ev.h>
#include <stdbool.h>

enum { RECENT_SURVEYS = 11, RECENT_POINTS = 60 };

enum recent_state { RECENT_READY, RECENT_DEGRADED, RECENT_DOWN };

/* A survey, the stores at that time, and since when each server in it has had its state: as process_clock, 0 where its beginning was not seen. By the order of
 * the servers in the survey. */
struct recent_moment {
    struct survey *survey;
    struct store_rows stores;
    double *since;
};

/* One second of the past. NAN: nothing to tell. */
struct recent_point {
    double requests, errors, hit_rate; /* a second; a second; 0..1 */
    double p50, p99;                   /* seconds that a request took */
};

/* The oldest first. Invariant: moments_n <= RECENT_SURVEYS, points_n <= RECENT_POINTS. */
struct recent {
    struct ev_loop *loop;
    const struct board *board;
    const struct storage *storage; /* NULL: the service has no stores */
    bool is_on;
    size_t moments_n, points_n;
    struct recent_moment moments[RECENT_SURVEYS];
    struct recent_point points[RECENT_POINTS];
    ev_timer look;
};

/* Rates over a window. What cannot be said is NAN: without requests there is no latency. */
struct recent_rates {
    double requests, errors;          /* a second */
    double bytes_read, bytes_written; /* a second; NAN for commands */
    double hit_rate;                  /* of the keys that were asked for, 0..1 */
    double p50, p99;                  /* seconds */
};

/* Takes a survey at once and one each second from now on, if is_on. */
void recent_init(struct recent *r, struct ev_loop *loop, const struct board *board, bool is_on);

/* Takes a survey now: the oldest goes. What the timer does each second. */
void recent_take(struct recent *r);

/* The newest moment, NULL: there is none. */
const struct recent_moment *recent_now(const struct recent *r);

/* Seconds from the oldest survey to the newest; 0: there are not two. */
double recent_window(const struct recent *r);

/* The rates of an entry of the newest survey, or of all clients' requests together, over the window. */
struct recent_rates recent_entry_rates(const struct recent *r, enum survey_kind kind, size_t i);
struct recent_rates recent_all_rates(const struct recent *r);

/* By how much a counter of that entry has grown over the window; NAN: there is no window yet. */
double recent_growth(const struct recent *r, enum survey_kind kind, size_t i, const char *cell);

/* Rates of a store of the newest moment, since the oldest one that has it. */
struct recent_store_rates {
    double gets, sets,
        evictions;   /* a second: keys asked for, values to be stored, items that went for others */
    double hit_rate; /* of those gets, 0..1 */
    double used;     /* of its bytes, 0..1 */
};
struct recent_store_rates recent_store_rates(const struct recent *r, size_t i);

/* Of the waits of a lease that have ended in the window, those that were in vain: their time was over, and they got a miss or an old
 * value; 0..1, NAN: none has ended. */
double recent_waits_in_vain(const struct recent *r, size_t i);

/* All connections of all workers serve, some do, none does. */
enum recent_state recent_server_state(const struct survey_entry *server);

/* All its servers answer, some do, none does. */
enum recent_state recent_pool_state(const struct survey_entry *pool);

/* `ready`, `degraded`, `down` */
const char *recent_state_word(enum recent_state state);

/* Stops the timer: at the end, and in each forked child. */
void recent_stop(struct recent *r);

/* After recent_stop. */
void recent_release(struct recent *r);

#endif
