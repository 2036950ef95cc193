/* What moongate is: its addresses, its process, its workers. */
#include "lib/moongate_state.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *moongate_address(const struct moongate *m)
{
    return m->listeners[0];
}

const char *moongate_listener(const struct moongate *m, const char *start)
{
    for (size_t i = 0; i < LISTENERS_MAX && m->listeners[i]; i++)
        if (strncmp(m->listeners[i], start, strlen(start)) == 0) return m->listeners[i];
    stage_fails("moongate does not listen on %s...", start);
}

const char *moongate_script_path(const struct moongate *m)
{
    return m->script_path;
}

const char *moongate_called(const char *name)
{
    const char *link = textf("%s/%s", program_folder(), name);
    char *own = realpath(getenv("MOONGATE"), NULL);
    if (!own || symlink(own, link) != 0) stage_fails("cannot make a link");
    free(own);
    return link;
}

pid_t moongate_pid(const struct moongate *m)
{
    return m->program.pid;
}

struct wanted_workers {
    const struct moongate *m;
    pid_t *workers;
    size_t n;
};

static bool has_workers(void *what)
{
    const struct wanted_workers *w = what;
    pid_t found[64];
    size_t n = program_children(w->m->program.pid, found, 64);
    if (n != w->n) return false;
    memcpy(w->workers, found, n * sizeof *found);
    return true;
}

void moongate_workers(struct moongate *m, pid_t *workers, size_t n)
{
    struct wanted_workers w = {m, workers, n};
    if (m->is_single)
        workers[0] = m->program.pid;
    else if (!stage_waits(has_workers, &w))
        stage_fails("moongate has not got %zu workers", n);
}

pid_t moongate_worker(struct moongate *m)
{
    pid_t worker;
    moongate_workers(m, &worker, 1);
    return worker;
}
