/* slow_clock: a library to preload, with which a program's clocks go 1,000 times slower from its first look at them on.
 *
 * What the program does once a second is then not among the instructions that are counted for its requests, however long the
 * count takes on a busy machine. Owns nothing.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <time.h>

enum { SLOWER = 1000, CLOCKS = 16 };

static const int64_t SECOND = 1000000000;

typedef int clock_fn(clockid_t clock, struct timespec *t);

static int64_t begun[CLOCKS];

int clock_gettime(clockid_t clock, struct timespec *t)
{
    static clock_fn *real;
    if (!real) real = (clock_fn *)dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, t);
    if (failed || clock < 0 || clock >= CLOCKS) return failed;
    int64_t now = t->tv_sec * SECOND + t->tv_nsec;
    if (!begun[clock]) begun[clock] = now;
    now = begun[clock] + (now - begun[clock]) / SLOWER;
    *t = (struct timespec){.tv_sec = now / SECOND, .tv_nsec = now % SECOND};
    return 0;
}
