#include "worker/arrivals.h"

#include <assert.h>
#include <unistd.h>

void arrivals_init(struct arrivals *a, struct handover *handover)
{
    *a = (struct arrivals){.handover = handover};
}

/* Both sides decide by the same atomic word: exactly one of take, decline and withdraw happens. */
bool arrivals_take(struct arrivals *a, bool wanted)
{
    assert(a->handover);
    enum handover_state state = wanted ? HANDOVER_TAKEN : HANDOVER_DECLINED;
    return handover_decide(a->handover, ++a->offered, state) && wanted;
}

void arrivals_close(void *about, int fd, uint64_t number)
{
    struct arrivals *a = about;
    assert(fd >= 0 && a->closing_n <= HANDOVERS);
    if (handover_is_held(a->handover, number) && a->closing_n < HANDOVERS) {
        a->closing[a->closing_n].fd = fd;
        a->closing[a->closing_n++].number = number;
    } else {
        close(fd);
    }
}

void arrivals_look(struct arrivals *a)
{
    for (uint32_t i = 0; i < a->closing_n;) {
        if (handover_is_held(a->handover, a->closing[i].number)) {
            i++;
            continue;
        }
        close(a->closing[i].fd);
        a->closing[i] = a->closing[--a->closing_n];
    }
}
