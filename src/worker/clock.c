/* Tests of scripts (moongate test) play with time: a test that waits an hour takes no time at all. So does the rehearsal of a script. libev, the log and the scripts all ask
 * the C library for the time; this file defines clock_gettime and time in the program, so that they ask here. A daemon never calls
 * clock_take, and so gets the real time.
 */
#include "worker/clock.h"

#include <assert.h>
#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

static const double BEGIN = 1000; /* what the monotonic clock shows from clock_take on */

static struct {
    bool is_taken;
    double wall;    /* seconds since 1970 when it was taken over */
    double begin;   /* what the monotonic clock showed then */
    double elapsed; /* since then */
} played;

void clock_take(double wall)
{
    played.is_taken = true;
    played.wall = wall;
    played.begin = BEGIN;
    played.elapsed = 0;
}

void clock_advance(double seconds)
{
    assert(played.is_taken && seconds >= 0);
    played.elapsed += seconds;
}

static struct timespec as_time(double seconds)
{
    double whole = floor(seconds);
    return (struct timespec){(time_t)whole, (long)((seconds - whole) * 1e9)};
}

/* The C library's own, for what is not taken over: processor times, and everything in a daemon. */
static int real_time(clockid_t clock_id, struct timespec *tp)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    return real(clock_id, tp);
}

int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
    if (played.is_taken) {
        switch (clock_id) {
        case CLOCK_MONOTONIC:
        case CLOCK_MONOTONIC_COARSE: *tp = as_time(played.begin + played.elapsed); return 0;
        case CLOCK_REALTIME:
        case CLOCK_REALTIME_COARSE: *tp = as_time(played.wall + played.elapsed); return 0;
        default: break;
        }
    }
    return real_time(clock_id, tp);
}

static double seconds(clockid_t clock_id)
{
    struct timespec now;
    clock_gettime(clock_id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void clock_hold(void)
{
    double begin = seconds(CLOCK_MONOTONIC);
    clock_take(seconds(CLOCK_REALTIME));
    played.begin = begin;
}

double clock_wall(void)
{
    return seconds(CLOCK_REALTIME);
}

time_t time(time_t *timer)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (timer) *timer = now.tv_sec;
    return now.tv_sec;
}
