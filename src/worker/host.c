#include "worker/host.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/worker_state.h"

/* The script keeps more than it may, which only a new state of it frees. The master starts a successor, as for any SIGTERM to a
 * worker; one without a master goes on, as it would end the service. */
static void replace_me(void *about, const struct script *s)
{
    const struct worker *w = about;
    if (s != w->succession.script || w->seat->channel < 0 || w->drain.is_on) return;
    log_warn("script %s: this worker is replaced", succession_name(w));
    kill(getpid(), SIGTERM);
}

/* What scripts are loaded into: the other parts are there by now. */
void host_init(struct worker *w)
{
    const struct worker_seat *seat = w->seat;
    const struct options *o = seat->options;
    options_settable(w->settable);
    w->tls = options_tls(o);
    w->host = (struct script_host){.backends = &w->backends,
                                   .arena = &w->arena,
                                   .row = w->row,
                                   .turn = &w->turn,
                                   .clients = &w->clients,
                                   .max_value = o->max_value,
                                   .strict_keys = o->strict_keys,
                                   .connections = o->connections,
                                   .servers = o->servers.items,
                                   .servers_n = o->servers.n,
                                   .listeners = w->entrances.names,
                                   .addresses = w->entrances.addresses,
                                   .listeners_n = LISTENERS_ROOM,
                                   .port = o->port,
                                   .bound = o->bind.items,
                                   .bound_n = o->bind_given,
                                   .metrics = &seat->board->parts[seat->part].metrics,
                                   .shared = seat->board->shared,
                                   .stores = seat->stores,
                                   .store_size = o->store,
                                   .heat = &seat->board->parts[seat->part].heat,
                                   .samples = w->clients.sampling.samples,
                                   .worker = seat->index,
                                   .workers = o->single_process ? 1 : o->workers,
                                   .options = w->settable,
                                   .auth_file = o->auth_file,
                                   .lua_dir = o->lua_dir,
                                   .script_timeout = o->script_timeout,
                                   .script_memory = o->script_memory,
                                   .memory_is_given = options_give_memory(o),
                                   .on_full = replace_me,
                                   .bury = succession_bury,
                                   .about = w,
                                   .tls = o->makes_contexts ? &w->tls : NULL,
                                   .tickets = seat->tickets,
                                   .jit = !o->no_jit,
                                   .unsafe = o->unsafe_lua};
    if (!o->no_jit && !script_jit_is_possible()) {
        w->host.jit = false;
        log_warn("script: compiled code is not allowed here (MemoryDenyWriteExecute?): it is "
                 "interpreted");
    }
}
