/* Why a stack, and not a state for each kind of work: what takes long when a script is loaded is Lua's parser, the script's own code, its
 * allocations, and what they call in C, all below each other. None of it can return in the middle and come back. With a stack of its
 * own it stops anywhere, and what called it last is found as it was.
 *
 * What a job works on must not be touched by others while it pauses. That holds for the Lua state of a script that is being loaded, or
 * closed: nobody else has it yet, or any more.
 *
 * The clock is that of time that passes: a process without a processor pauses early, which does no harm. It is not the one that `moongate
 * test` plays with. */
#include "base/job.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <unistd.h>
#endif

/* Bytes of address space: as the main stack (script/depth.c). What is not touched takes no memory. */
static const size_t STACK = (size_t)64 << 20, GUARD = 64 * 1024;

enum { OFTEN = 32 };

struct job *job_running;
static uint32_t rests;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- changing stacks --------------------------------------------------------------------------- */

/* The sanitizer must know on which stack the process is. `saved` is where it keeps what it knows of the one that is left; NULL: that
 * one is left for good. */
static void leave_stack(void **saved, const void *bottom, size_t size)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(saved, bottom, size);
#else
    (void)saved, (void)bottom, (void)size;
#endif
}

static void enter_stack(void *saved, const void **bottom, size_t *size)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(saved, bottom, size);
#else
    (void)saved;
    if (bottom) *bottom = NULL;
    if (size) *size = 0;
#endif
}

/* The sanitizer writes a warning at the first change of stacks of a process. It would wait for a log that nobody reads. */
static void hush_warning(void)
{
#if defined(__SANITIZE_ADDRESS__)
    static bool is_over;
    static ucontext_t here, back;
    if (is_over) return;
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    __sanitizer_set_report_fd((void *)(intptr_t)nowhere);
    getcontext(&here); /* returns a second time, from swapcontext */
    if (!is_over) {
        is_over = true;
        swapcontext(&back, &here);
    }
    __sanitizer_set_report_fd((void *)(intptr_t)STDERR_FILENO);
    close(nowhere);
#endif
}

/* The stack from which jobs are run, for the sanitizer. */
static const void *main_bottom;
static size_t main_size;

/* What a job's stack begins with: makecontext passes no pointers. */
static void run(void)
{
    struct job *j = job_running;
    enter_stack(NULL, &main_bottom, &main_size);
    j->fn(j->arg);
    j->has_ended = true;
    leave_stack(NULL, main_bottom, main_size);
    setcontext(&j->back);
    abort();
}

bool job_begin(struct job *j, job_fn *fn, void *arg)
{
    assert(!j->stack);
    void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return false;
    if (mprotect(stack, GUARD, PROT_NONE) != 0) {
        munmap(stack, STACK);
        return false;
    }
    hush_warning();
    *j = (struct job){.fn = fn, .arg = arg, .stack = stack};
    getcontext(&j->here);
    j->here.uc_stack.ss_sp = j->stack;
    j->here.uc_stack.ss_size = STACK;
    j->here.uc_link = NULL;
    makecontext(&j->here, run, 0);
    return true;
}

/* --- slices ------------------------------------------------------------------------------------ */

static void slice(struct job *j, double until)
{
    void *saved = NULL;
    assert(j->stack && !j->has_ended && !job_running);
    j->until = until;
    j->slices++;
    job_running = j;
    leave_stack(&saved, j->stack, STACK);
    swapcontext(&j->back, &j->here);
    enter_stack(saved, NULL, NULL);
    job_running = NULL;
    if (!j->has_ended) return;
    munmap(j->stack, STACK);
    j->stack = NULL;
}

bool job_go_on(struct job *j, double seconds)
{
    slice(j, now() + seconds);
    return !j->stack;
}

void job_finish(struct job *j)
{
    while (j->stack) slice(j, (double)INT64_MAX);
}

void job_give_up(struct job *j)
{
    j->is_unwanted = true;
}

bool job_is_unwanted(void)
{
    return job_running && job_running->is_unwanted;
}

void job_pause(void)
{
    struct job *j = job_running;
    void *saved = NULL;
    if (now() < j->until) return;
    leave_stack(&saved, main_bottom, main_size);
    swapcontext(&j->here, &j->back);
    enter_stack(saved, NULL, NULL);
}

void job_pause_sometimes(void)
{
    if (++rests % OFTEN == 0) job_pause();
}

uintptr_t job_stack(size_t *bytes)
{
    if (!job_running) return 0;
    *bytes = STACK - GUARD;
    return (uintptr_t)job_running->stack + STACK;
}
