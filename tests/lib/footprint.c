#include "lib/footprint.h"

#include "lib/scene.h"
#include "lib/stage.h"

static bool is_alone(void *what)
{
    return stat_number(what, "", "curr_connections") == 1;
}

void clients_are_gone(struct client *c)
{
    if (!stage_waits(is_alone, c)) stage_fails("clients stay");
}

struct footprint footprint_of(struct moongate *m)
{
    struct footprint f = {0};
    moongate_workers(m, f.workers, FOOTPRINT_WORKERS);
    for (int i = 0; i < FOOTPRINT_WORKERS; i++) {
        f.sockets += program_sockets(f.workers[i]);
        f.kib += program_rss_kib(f.workers[i]);
    }
    return f;
}

struct footprint_wait {
    struct moongate *m;
    const struct footprint *before;
};

static bool has_as_many_sockets(void *what)
{
    const struct footprint_wait *w = what;
    return footprint_of(w->m).sockets == w->before->sockets;
}

struct footprint footprint_returns(struct moongate *m, const struct footprint *before)
{
    struct footprint_wait w = {m, before};
    if (!stage_waits(has_as_many_sockets, &w)) stage_fails("sockets stay");
    return footprint_of(m);
}

void footprint_stays(const struct footprint *before, const struct footprint *after, size_t more_kib)
{
    assert_memory_equal(before->workers, after->workers, sizeof before->workers);
    assert_int_equal(before->sockets, after->sockets);
    if (!stage_is_sanitized()) assert_in_range(after->kib, 1, before->kib + more_kib);
}
