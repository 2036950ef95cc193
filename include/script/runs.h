/* runs: the calls that a function makes in several runs, each with other answers, and what they tell together.
 *
 * follow.c makes one for a function, fills it run by run, and destroys it. It holds a copy of each request. It knows no Lua.
 */
#ifndef MOONGATE_SCRIPT_RUNS_H
#define MOONGATE_SCRIPT_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "route/kept.h"
#include "route/walk.h"

/* I6. A run is a bit of a number. */
enum { RUNS_MOST = 64, RUN_CALLS_MOST = 64, RUN_ROWS_MOST = 48, RUN_SAMPLE_MOST = 256 };
enum { RUN_CONDITION_MOST = 512 };

/* How a call is answered. NO: a miss; of commands that store, that it was not stored. SAMPLE: a hit of a special value. */
enum run_answer { RUN_NO, RUN_HIT, RUN_ERROR, RUN_SAMPLE, RUN_ANSWERS };

/* A value that a function treats in a way of its own, such as the index of mg.big_value. */
struct run_sample {
    uint32_t function; /* its number */
    uint32_t flags;
    char value[RUN_SAMPLE_MOST];
    char name[64]; /* "a hit (an index)" */
};

/* A call: the same request through the same route, for the nth time in a run. */
struct run_row {
    int32_t route;
    struct kept *kept;
    uint64_t hash; /* of the request's line */
    uint32_t nth;
    bool is_spawned;
    uint64_t in;                    /* the runs that it is made in, a bit each */
    uint64_t answered[RUN_ANSWERS]; /* those in which it is answered so */
};

struct run_call {
    uint8_t row;
    uint8_t answer;
    uint8_t choices; /* bits of enum run_answer; 0: nothing depends on it */
    uint8_t seen;    /* so many calls of the run were answered before it was made */
};

struct run {
    struct run_call calls[RUN_CALLS_MOST];
    uint32_t n;
    uint32_t seen;
    /* Answers to give: those of run `like` before call `at`, then `with`. */
    uint32_t like, at;
    enum run_answer with;
};

struct runs {
    const struct run_sample *sample; /* or NULL */
    uint8_t command;                 /* of the function's own request */
    struct run all[RUNS_MOST];
    uint32_t n;      /* begun; the last one runs */
    uint32_t queued; /* all[n..queued) are to be run */
    struct run_row rows[RUN_ROWS_MOST];
    uint32_t rows_n;
    bool is_cut; /* there were more runs or calls */
};

struct runs *runs_create(const struct request *r, const struct run_sample *sample);
void runs_destroy(struct runs *runs);

/* Begins the next run; the first time, the one in which all calls miss. False: all were made. */
bool runs_next(struct runs *runs);

/* In a run: a call, and how it is answered; is_fixed: nothing depends on that. A request that nobody waits for. And: the function
 * waits, so it knows all answers. */
enum run_answer runs_call(struct runs *runs, int32_t route, const struct request *r, bool is_fixed);
void runs_spawn(struct runs *runs, int32_t route, const struct request *r);
void runs_wait(struct runs *runs);

/* When all runs were made. Writes under which answers row `at` is called to text: "on a miss of pages"; "": always. And what its
 * answer means for a client that has sent r. */
void runs_condition(const struct runs *runs, uint32_t at, struct route *const *routes,
                    struct walk *w, char *text, size_t room);
enum walk_role runs_role(const struct runs *runs, uint32_t at, const struct request *r);

#endif
