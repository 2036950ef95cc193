/* job: long work that is done in slices, between the turns of a loop, so that it holds up nobody for long.
 *
 * A job runs its function on a stack of its own. Where that function, or what it calls, may stop for a while, it calls job_rest: there the
 * job pauses once its slice is over, and job_go_on continues it later. Outside of a job, job_rest does nothing.
 *
 * A struct inside its owner, in a worker; one job of the process runs at a time. job_begin maps the stack, and the end of the
 * function unmaps it. A job that was begun must be brought to its end: nothing takes it down in the middle. */
#ifndef MOONGATE_BASE_JOB_H
#define MOONGATE_BASE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

typedef void job_fn(void *arg);

/* Invariant: stack is set from job_begin until the function has returned. A struct that is all zero is a job that was not begun. */
struct job {
    job_fn *fn;
    void *arg;
    uint8_t *stack;        /* mapped; NULL: there is nothing to go on with */
    ucontext_t here, back; /* where the job pauses; where job_go_on was called */
    double until;          /* when its slice is over */
    uint32_t slices;       /* how many it has had */
    bool is_unwanted, has_ended;
};

/* Of the process: the job that runs now, or NULL. */
extern struct job *job_running;

/* Nothing runs before job_go_on. False: there is no memory for a stack. */
bool job_begin(struct job *j, job_fn *fn, void *arg);

/* The job goes on for a slice of so many seconds. True: it has ended. Not inside a job. */
bool job_go_on(struct job *j, double seconds);

/* To its end at once. */
void job_finish(struct job *j);

/* True from job_begin until the job has ended. */
static inline bool job_is_open(const struct job *j)
{
    return j->stack;
}

/* Nobody waits for what the job makes any more. What it runs may ask (job_is_unwanted), and end early. */
void job_give_up(struct job *j);
bool job_is_unwanted(void);

/* The job that runs pauses here if its slice is over. It looks at the clock. */
void job_pause(void);

static inline void job_rest(void)
{
    if (job_running) job_pause();
}

/* The same, for what takes less than a microsecond: it looks at the clock now and then. */
void job_pause_sometimes(void);

static inline void job_rest_often(void)
{
    if (job_running) job_pause_sometimes();
}

/* Where the stack of the job that runs begins, which is its highest address, and how many bytes it has; 0: no job runs. */
uintptr_t job_stack(size_t *bytes);

#endif
