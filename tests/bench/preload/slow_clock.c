/* slow_clock: a library to preload, with which a program's clocks go slower from its first look at them on: SLOWER times, of the
 * environment, or 1,000 times.
 *
 * What the program does once a second is then not among the instructions that are counted for its requests, however long the
 * count takes on a busy machine. Owns nothing.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum { CLOCKS = 16 };

static const int64_t SECOND = 1000000000;

typedef int clock_fn(clockid_t clock, struct timespec *t);

static int64_t begun[CLOCKS];

/* The names in the library's header are reserved. NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t clock, struct timespec *t)
{
    static clock_fn *real;
    static int64_t slower;
    if (!real) {
        const char *wanted = getenv("SLOWER");
        slower = wanted && atoi(wanted) > 0 ? atoi(wanted) : 1000;
        real = (clock_fn *)dlsym(RTLD_NEXT, "clock_gettime");
    }
    int failed = real(clock, t);
    if (failed || clock < 0 || clock >= CLOCKS) return failed;
    int64_t now = t->tv_sec * SECOND + t->tv_nsec;
    if (!begun[clock]) begun[clock] = now;
    now = begun[clock] + (now - begun[clock]) / slower;
    *t = (struct timespec){.tv_sec = now / SECOND, .tv_nsec = now % SECOND};
    return 0;
}
