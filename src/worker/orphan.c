/* The kernel, or an operator in a hurry, may kill the master at any moment. Then nobody accepts for this worker, replaces it, or
 * kills it when it hangs. Its clients get what they are owed, as in any drain, and it ends; a service manager starts a new
 * master, which has other workers.
 *
 * A worker notices by its channel, which closes. One that does not turn, because its script is in a C function that does not end,
 * reads no channel; so the kernel sends a signal when the parent dies (PR_SET_PDEATHSIG), whose handler sets an alarm that ends
 * the process when a drain would be over.
 */
#include "worker/orphan.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/worker_state.h"

enum { DEATH_SIGNAL = SIGVTALRM, LONGER = 1 }; /* seconds that an alarm comes after a drain's end */

static const struct worker *prepared; /* a signal handler gets no argument */
static pid_t master;

/* Anybody else who sends it means nothing by it. */
static void on_death(int number)
{
    (void)number;
    if (getppid() == master) return;
    signal(SIGALRM, SIG_DFL);
    alarm((unsigned)prepared->options.drain_timeout + LONGER);
}

void orphan_prepare(struct worker *w)
{
    struct sigaction action = {.sa_handler = on_death, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    prepared = w;
    master = getppid();
    sigaction(DEATH_SIGNAL, &action, NULL);
    if (prctl(PR_SET_PDEATHSIG, DEATH_SIGNAL) != 0)
        log_debug("the death of the master is noticed by the channel alone");
}

void orphan_begin(struct worker *w, const char *why)
{
    double limit = w->options.drain_timeout;
    ev_io_stop(w->loop, &w->channel);
    log_warn("master: %s: this worker drains, at most %g s", why, limit);
    script_stop_timers(w->succession.script);
    w->drain.is_orphan = true;
    drain_begin(w, limit);
}
