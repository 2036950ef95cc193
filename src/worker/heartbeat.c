/* How a worker answers while its script runs. Nothing of the worker's own runs then, so the question is a signal, and its handler
 * copies what there is to the board. The handler interrupts anything: it allocates nothing, takes no lock, calls no Lua. turn.in says
 * that a script runs, and so that what the handler reads stands still; where no script runs it reads nothing.
 */
#include "worker/heartbeat.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/process.h"
#include "script/doing.h"

static struct worker *answering; /* a signal handler gets no argument */

static void on_question(int number)
{
    struct worker *w = answering;
    struct heartbeat *h = w->heartbeat;
    const void *router = w->turn.in;
    int saved = errno;
    (void)number;
    if (router)
        script_doing(router, &h->doing);
    else
        h->doing = (struct heartbeat_doing){.key_len = 0};
    h->doing.mark = h->doing.mark * 31 + w->row->requests + w->row->keys_routed;
    h->doing.cpu = process_cpu(getpid());
    __atomic_store_n(&h->answered, h->asked, __ATOMIC_RELEASE);
    errno = saved; /* what was interrupted may be about to look at it */
}

/* Either way the worker has come on: what it did before does not count. The sum stays odd or even. */
void heartbeat_loads(struct worker *w, uint32_t generation)
{
    w->heartbeat->loads = generation;
    __atomic_store_n(&w->heartbeat->turns, w->heartbeat->turns + 2, __ATOMIC_RELEASE);
}

void heartbeat_answers(struct worker *w)
{
    struct sigaction action = {.sa_handler = on_question, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    answering = w;
    sigaction(HEARTBEAT_SIGNAL, &action, NULL);
}
