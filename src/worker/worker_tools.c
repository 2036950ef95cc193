#include "worker/worker_tools.h"

#include "script/tester.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "worker/source.h"
#include "worker/store_memory.h"
#include "worker/worker_state.h"

/* A worker with its seat, for a command. */
struct opened {
    struct worker worker; /* first: what the caller has is this one's address, too */
    struct worker_seat seat;
};

struct worker *worker_open(const struct options *options, backend_dial_fn *dial, void *dials_for)
{
    struct opened *o = calloc(1, sizeof *o);
    if (!o) abort();
    o->seat = (struct worker_seat){.options = options,
                                   .board = board_create(1, options->shared_memory),
                                   .stores = store_memory_map(options, NULL),
                                   .script_fd = -1,
                                   .channel = -1};
    if (!o->seat.board) {
        store_region_destroy(o->seat.stores);
        free(o);
        return NULL;
    }
    worker_init(&o->worker, &o->seat, !dial);
    o->worker.backends.loop = o->worker.loop;
    o->worker.backends.dial = dial;
    o->worker.backends.dials_for = dials_for;
    o->worker.backends.asks_plainly = dial != NULL;
    worker_watch_loop(&o->worker);
    return &o->worker;
}

void worker_close(struct worker *w)
{
    struct opened *o = (struct opened *)w;
    worker_release(w);
    board_destroy(o->seat.board);
    store_region_destroy(o->seat.stores);
    free(o);
}

bool worker_use(struct worker *w, const struct tester_script *script, char *error)
{
    struct script_host host = w->host;
    uint32_t generation = w->succession.script ? script_generation(w->succession.script) + 1 : 1;
    host.servers = script->servers;
    host.servers_n = script->servers_n;
    host.bundle = script->bundle;
    struct script_file file = options_script(w->seat->options);
    file.path = script->path;
    struct script *s = converted_load(&host, &file, script->text, script->len, generation, error);
    if (s)
        succession_adopt(w, s);
    else
        backends_sweep(&w->backends);
    return s;
}

struct script *worker_load(struct worker *w, const struct script_file *file, char *error)
{
    int fd = source_open(file->path);
    if (fd < 0) {
        snprintf(error, SCRIPT_ERROR_MAX, "%s: give the path of a readable file", strerror(errno));
        return NULL;
    }
    struct script *s = source_load(&w->host, file, fd, 1, error);
    close(fd);
    if (!s) backends_sweep(&w->backends);
    return s;
}

void worker_connect(struct worker *w)
{
    worker_look_at_clock(w);
    backends_start(&w->backends);
}

uint32_t worker_discovers(const struct worker *w)
{
    return discoveries_open(&w->names.discoveries);
}

void worker_name_listeners(struct worker *w, const char *const *names, size_t n)
{
    w->host.listeners = names;
    w->host.addresses = NULL;
    w->host.listeners_n = n;
    w->clients.scripts_from = 1;
}

void worker_learn_listeners(struct worker *w, const struct labels *labels)
{
    for (uint32_t i = LISTENERS_BOUND; i < LISTENERS_ROOM; i++)
        entrances_learn(w, i, labels_text(labels, i));
}

/* The parts stay the worker's. */
struct worker_parts worker_parts(struct worker *w)
{
    return (struct worker_parts){.clients = &w->clients,
                                 .loop = w->loop,
                                 .backends = &w->backends,
                                 .turn = &w->turn,
                                 .script = w->succession.script,
                                 .shared = w->host.shared,
                                 .heat = &w->seat->board->parts[w->seat->part].heat,
                                 .options = &w->options};
}

int worker_rehearse(const struct options *options, worker_act_fn *act, void *arg)
{
    struct board *board = board_create(1, options->shared_memory);
    struct worker_seat seat = {.options = options,
                               .board = board,
                               .stores = board ? store_memory_map(options, NULL) : NULL,
                               .channel = -1};
    struct worker w;
    if (!board) {
        fprintf(stderr, "moongate: counters: not mapped: %s: give the process more memory\n",
                strerror(errno));
        return EXIT_SYSTEM;
    }
    worker_init(&w, &seat, false);
    int code = act(arg, &w.host, &w.turn);
    worker_release(&w);
    board_destroy(board);
    store_region_destroy(seat.stores);
    return code;
}
