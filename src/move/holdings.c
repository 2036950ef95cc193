/* How the keys come: all lines of a file, or what the servers list, one server after the other. Either goes through a file without a name
 * (keyfile.h), from which keys are taken as fast as the servers are to be asked. A list that may miss keys that are used meanwhile is asked
 * for until it names no new one (sieve.h), and none is taken meanwhile. */
#include "move/holdings.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "move/holdings_state.h"

/* Seconds. */
static const double TICK = 0.002, BURST = 0.01;

void holdings_make_room(struct holdings *h)
{
    struct holdings_counts *n = h->counts;
    uint32_t servers = h->tier->servers_n;
    if (servers <= n->servers_n) return;
    n->servers = reallocarray(n->servers, servers, sizeof *n->servers);
    h->uses_get = reallocarray(h->uses_get, servers, sizeof *h->uses_get);
    if (!n->servers || !h->uses_get) abort();
    memset(n->servers + n->servers_n, 0, (servers - n->servers_n) * sizeof *n->servers);
    memset(h->uses_get + n->servers_n, 0, (servers - n->servers_n) * sizeof *h->uses_get);
    n->servers_n = servers;
}

void holdings_counts_release(struct holdings_counts *counts)
{
    free(counts->servers);
    counts->servers = NULL;
}

/* --- keys of a file ----------------------------------------------------------------------------- */

static void complain(struct holdings *h, const char *about, const char *why)
{
    progress_clear(&h->progress);
    fprintf(stderr, "moongate: verify: %s: %s\n", about, why);
    h->has_failed = true;
}

static void put_line(struct holdings *h, const char *line, size_t len)
{
    struct dump_key key = {.exptime = -2};
    if (len > KEY_MAX || !request_key_is_valid((const uint8_t *)line, len, false)) {
        h->counts->strays++;
        return;
    }
    key.key.len = (uint16_t)len;
    memcpy(key.key.bytes, line, len);
    int error = keyfile_put(&h->keys, &key);
    if (error) complain(h, "keys are not kept", strerror(error));
    h->total++;
}

static void read_file(struct holdings *h, const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    if (!in) {
        complain(h, path, strerror(errno));
        return;
    }
    errno = 0;
    while (!h->has_failed && (n = getline(&line, &room, in)) >= 0) {
        size_t len = (size_t)n;
        if (len > 0 && line[len - 1] == '\n') len--;
        if (len > 0 && line[len - 1] == '\r') len--;
        if (len > 0) put_line(h, line, len);
    }
    if (ferror(in)) complain(h, path, strerror(errno));
    free(line);
    if (in != stdin) fclose(in);
}

/* --- keys of servers ---------------------------------------------------------------------------- */

/* A dump_begun_fn. */
static void on_begun(void *owner)
{
    struct holdings *h = owner;
    if (h->sieved.lists == 1) h->total += h->dump.about.items;
}

/* A dump_key_fn. */
static void on_key(void *owner, const struct dump_key *key)
{
    struct holdings *h = owner;
    if (!h->dump.is_ordered && !sieved_put(&h->sieved, &key->key, h->dump.about.items)) return;
    int error = keyfile_put(&h->keys, key);
    if (error)
        complain(h, "keys are not kept: set TMPDIR to a folder that has room", strerror(error));
}

/* A dump_end_fn. */
static void on_end(void *owner, const char *why, bool cannot)
{
    struct holdings *h = owner;
    (void)cannot;
    if (!why && !h->dump.is_ordered && !h->has_failed && !h->was_stopped &&
        sieved_again(&h->sieved, h->dump.about.items)) {
        dump_begin(&h->dump, h->tier, h->source);
        return;
    }
    sieved_close(&h->sieved);
    h->is_listing = false;
    if (!why) return;
    progress_clear(&h->progress);
    fprintf(stderr, "moongate: %s: its keys are not known: %s\n", h->tier->servers[h->source].name,
            why);
    h->counts->unread++;
}

/* The next server, when all keys of the one before have been taken. False: there is none. */
static bool list_next(struct holdings *h)
{
    if (h->how->keys || h->source + 1 >= h->tier->servers_n) return false;
    h->source++;
    h->is_listing = true;
    h->dump.begun = on_begun;
    h->dump.take = on_key;
    h->dump.end = on_end;
    h->dump.owner = h;
    sieved_begin(&h->sieved);
    dump_begin(&h->dump, h->tier, h->source);
    return true;
}

/* --- the loop ----------------------------------------------------------------------------------- */

static void take_key(struct holdings *h, const struct dump_key *key)
{
    struct tier_key client;
    if (h->how->keys)
        holding_begin(h, &key->key, UINT32_MAX);
    else if (holding_client_of(h, &key->key, &client))
        holding_begin(h, &client, h->source);
    else
        h->counts->strays++;
    arena_reset(&h->tier->arena);
}

/* Keys that are read may be missed by a dump that goes by the lists of LRU. */
static bool may_ask(const struct holdings *h)
{
    if (h->is_listing && sieved_waits(&h->sieved, &h->dump)) return false;
    if (h->was_stopped || h->has_failed || h->in_flight >= HOLDINGS_WINDOW) return false;
    return h->asks.left > 0 || isinf(h->asks.rate);
}

static void on_pump(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    struct holdings *h = prepare->data;
    struct dump_key key;
    int error = 0;
    (void)loop;
    (void)events;
    while (may_ask(h) && keyfile_take(&h->keys, &key, &error)) take_key(h, &key);
    if (error) complain(h, "keys are not kept", strerror(error));
}

static bool is_over(struct holdings *h)
{
    if (h->open > 0) return false;
    if (h->was_stopped || h->has_failed) return true;
    return h->keys.keys == 0 && !h->is_listing && !list_next(h);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct holdings *h = timer->data;
    double now = tier_now(h->tier), rate = h->how->rate * load_look(&h->load, now);
    (void)events;
    if (h->asks.rate != rate) allowance_set(&h->asks, rate, BURST, now);
    (void)allowance_look(&h->asks, now);
    uint64_t done = h->counts->keys + h->counts->strays;
    progress_step(&h->progress, done, h->how->keys ? h->total : 0, 0);
    if (is_over(h)) ev_break(loop, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *loop, ev_signal *signal, int events)
{
    (void)loop;
    (void)events;
    ((struct holdings *)signal->data)->was_stopped = true;
}

static void run(struct holdings *h)
{
    struct ev_loop *loop = h->tier->loop;
    ev_timer_init(&h->tick, on_tick, 0, TICK);
    ev_prepare_init(&h->pump, on_pump);
    ev_set_priority(&h->pump, EV_MAXPRI); /* before the worker writes what is sent */
    ev_signal_init(&h->interrupted, on_signal, SIGINT);
    ev_signal_init(&h->terminated, on_signal, SIGTERM);
    h->tick.data = h->pump.data = h->interrupted.data = h->terminated.data = h;
    ev_timer_start(loop, &h->tick);
    ev_prepare_start(loop, &h->pump);
    ev_signal_start(loop, &h->interrupted);
    ev_signal_start(loop, &h->terminated);
    ev_run(loop, 0);
    ev_timer_stop(loop, &h->tick);
    ev_prepare_stop(loop, &h->pump);
    ev_signal_stop(loop, &h->interrupted);
    ev_signal_stop(loop, &h->terminated);
}

/* --- from outside ------------------------------------------------------------------------------- */

static enum holdings_end judge(const struct holdings *h)
{
    const struct holdings_counts *n = h->counts;
    bool is_wrong = n->differing > 0 || n->unread > 0 || n->states[HOLDINGS_UNKNOWN] > 0;
    for (uint32_t i = 0; i < n->servers_n; i++) {
        const struct holdings_server *s = &n->servers[i];
        is_wrong |= s->unknown > 0 || s->cleaned < s->duplicates;
        if (s->unknown > 0)
            fprintf(stderr, "moongate: %s: %llu keys not known: %s\n", h->tier->servers[i].name,
                    (unsigned long long)s->unknown, s->why);
    }
    if (h->has_failed) return HOLDINGS_REFUSED;
    if (h->was_stopped) return HOLDINGS_STOPPED;
    return is_wrong ? HOLDINGS_WRONG : HOLDINGS_RIGHT;
}

enum holdings_end holdings_run(struct tier *t, const struct holdings_how *how,
                               struct holdings_counts *counts)
{
    struct holdings h = {.tier = t, .how = how, .counts = counts, .source = UINT32_MAX};
    *counts = (struct holdings_counts){.keys = 0};
    load_init(&h.load, how->most_load, tier_now(t));
    h.spots = calloc(2, sizeof *h.spots);
    if (!h.spots) abort();
    holdings_make_room(&h);
    h.began = tier_now(t);
    int error = keyfile_open(&h.keys);
    if (error)
        complain(&h, "keys are not kept: set TMPDIR to a folder that has room", strerror(error));
    if (!error && how->keys) read_file(&h, how->keys);
    if (!how->quiet) progress_begin(&h.progress, progress_terminal(), "verify", "keys");
    if (!h.has_failed) run(&h);
    progress_clear(&h.progress);
    counts->seconds = tier_now(t) - h.began;
    enum holdings_end end = judge(&h);
    assert(h.open == 0);
    dump_close(&h.dump);
    sieved_close(&h.sieved);
    keyfile_close(&h.keys);
    load_release(&h.load);
    free(h.spots);
    free(h.uses_get);
    return end;
}
