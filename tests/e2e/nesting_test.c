/* Policies nested at random, script after script in one moongate, while applications check every byte they get and the
 * servers behind it fail: no value of another key, one reply a request in its order (I1, I2), and afterwards moongate is
 * as it was.
 *
 * Values may be old or missing where the routes permit it. Every key that a script makes still tells which key it was
 * made of, so that two keys of a client never meet; what policies put beside values (N., B.) has keys that only they read.
 *
 * COMPOSE_SECONDS: how long (7); SEED: of scripts, faults and requests, to play one again (it is printed).
 */
#include "lib/application.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/relay.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    SERVERS = 5,
    APPLICATIONS = 10,
    WORKERS = 2,
    DEEPEST = 4,
    ROUTES_MAX = 100, /* a Lua function has 200 locals at most */
    TEXT_ROOM = 32768
};

static const double PATIENCE = 1.5; /* seconds that a request may wait for servers, by the script */
static const double POOL_TIMEOUT = 0.12; /* of its calls */

/* What a route may be. @ stands for a route, <a|b> for one of a and b. */
static const char *const forms[] = {
    "mg.failover { @, @ }",
    "mg.failover { @, @, on = { 'error'<|, 'miss'|, 'refused'> } }",
    "mg.failover { @, @, @, on = { 'error', 'miss' }, order = "
    "'<as_written|shuffled|least_failures>' }",
    "mg.failover { @, @, @, order = 'least_failures', <tries = 2|share = 0.3, burst = 2> }",
    "mg.failover_with_exptime { @, @, <0|5|600> }",
    "mg.zone_failover { here = '<a|b>', zones = { a = @, b = @, c = @ }<|, on = { 'error', 'miss' "
    "}> }",
    "mg.all_<sync|async|initial|fastest|majority> { @, @<|, @> }",
    "mg.all_<sync|initial|majority> { @, @, @ }",
    "mg.all_fastest { @, @, hit = true }",
    "mg.by_prefix { { ['f:1'] = @, ['r:'] = @, ['f:12'] = @ }<|, default = @> }",
    "mg.by_prefix { { f = @, r = @ }, separator = ':', default = @ }",
    "mg.by_command { get = @, update = @, <delete|touch|mg|gets|meta> = @, default = @ }",
    "mg.hash { @, @<|, @><|, salt = 'x'|, distribution = 'jump'|, distribution = 'rendezvous'> }",
    "mg.random { @, @ }",
    "mg.latest { mg.delay { @, after = 0.001 }, @ }",
    "mg.key_split { @, replicas = <2|3><|, all_sync = true><|, first_hit = true><|, id = 1> }",
    "mg.coalesce { @ }",
    "mg.coalesce { @ }",
    "mg.hedge { @, @, least = 0.001, most = <0.002|0.02|0.1> }",
    "mg.hedge { @, @, percentile = 0.5 }",
    "mg.negative_cache { @, ttl = <0.01|1>, keys = <8|1000> }",
    "mg.delay { @, <before|after> = <0.001|0.02> }",
    "mg.delay { @, before = 0.005, after = 0.005 }",
    "mg.outstanding_limit { @, <1|5|100><|, over = 'miss'|, over = @> }",
    "mg.rate_limit { @, rate = <10|1000><|, over = 'miss'|, over = @|, update = 50> }",
    "mg.shadow { @, to = @, <share = 0.5|keys = 0.3|keys = { 0.2, 0.8 }><|, most = 4> }",
    "mg.set_ttl { @, <0|2|100> }",
    "mg.cap_ttl { @, <1|100> }",
    "mg.modify_key { @, <add = 'p.'|ensure = 'e.'|suffix = '.s'|add = 'l.', suffix = '.l'> }",
    "mg.modify_key { @, <replace = { 'f:', 'F:' }|strip = 'f:'|strip = 'p.'> }",
    "mg.deny { @, <commands = 'delete'|prefixes = 'r:1'|keys = { 'f:3', 'r:4' }> }",
    "mg.log_requests { @, share = 0.01, per_second = 1 }",
    "<mg.null()|mg.error 'no'>",
    "function(req) if req:has_prefix 'f:1' then return @ end return @ end",
    "function(req) req.key = 'q.' .. req.key return @ end",
    "function(req) if req.exptime == 0 then req.exptime = 100 end return @ end",
    "function(req) if math.random() > 0.9 then return <mg.reply.miss()|mg.reply.error 'x'> end "
    "return @ end",
    "function(req) mg.spawn(@, req) return @ end",
    "mg.async(function(req) local res = mg.call(@, req<|, 0.03>) "
    "if res:is_miss() or res:is_error() then return mg.call(@, req) end return res end)",
    "mg.async(function(req) local all = mg.call_all({ @, @<|, @> }, req, "
    "{ wait = <'all'|'first'|'hit'|'majority'|1|2><|, timeout = 0.03> }) "
    "for i = 1, #all do if all[i] and not all[i]:is_error() then return all[i] end end return @ "
    "end)",
    "mg.async(function(req) local all = mg.call_all({ @, @ }, req, { wait = <'first'|'hit'|1> }) "
    "return all[1] or all[2] end)",
    "mg.async(function(req) local res = mg.call(@, req) if res:is_hit() and req.command == 'get' "
    "then "
    "mg.spawn(@, mg.request.add(req.key, res.value, res.flags, 100)) end return res end)",
    "mg.async(function(req) mg.sleep(<0.001|0.01>) return @ end)",
    "mg.async(function(req) if req.command ~= 'get' then return @ end "
    "local res = mg.call(@, mg.request.get(req.key)) if res:is_hit() then return res end return "
    "mg.reply.miss() end)",
    "mg.async(function(req) req.key = 'w.' .. req.key mg.call(@, req) return @ end)",
    "mg.async(function(req) local key = req.key mg.call(@, mg.request.delete(key)) "
    "req.key = 'y.' .. key return mg.call(@, req) end)",
    "mg.async(function(req) return mg.call(@, req):is_hit() and @ or mg.reply.miss() end)",
    "mg.async(function(req) local good, res = pcall(mg.call, @, req, 0.01) return good and res or "
    "@ end)",
    "mg.async(function(req) if req.command ~= 'get' then return @ end "
    "local res = mg.call(@, req) if not res:is_hit() then return res end "
    "return mg.reply.value(res.value, res.flags) end)",
    "mg.l1_l2 { @, @<|, exptime = 1|, exptime = 60> }",
    "mg.l1_l2 { mg.modify_key { @, add = 'N.' }, @, negative = 1<|, exptime = 60> }",
    "mg.warm_up { @, @<|, exptime = 60> }",
    "mg.staging { @, @<|, exptime = 60> }",
    "mg.migrate { @, @, start = os.time() - <-5|0|1|100>, interval = <1|3> }",
    "mg.modify_key { mg.big_value { @, threshold = <1024|16384> }, add = 'B.' }",
    "mg.modify_key { mg.big_value { @, threshold = <1024|16384> }, add = 'B.' }",
    "mg.async(function(req) mg.spawn(@, req) mg.sleep(0.001) mg.spawn(@, req) return mg.call(@, "
    "req) end)",
};
enum { FORMS = sizeof forms / sizeof *forms };

/* --- scripts --------------------------------------------------------------------------------- */

/* A script that is being written. */
struct composition {
    unsigned *seed;
    char *text;
    size_t n;
    unsigned routes;
    double waits[ROUTES_MAX]; /* each route, for servers, at most */
    unsigned long *used;      /* each form so far */
};

static void write_line(struct composition *c, const char *line)
{
    int n = snprintf(c->text + c->n, TEXT_ROOM - c->n, "%s\n", line);
    if (n < 0 || c->n + (size_t)n >= TEXT_ROOM) stage_fails("a script has no room");
    c->n += (size_t)n;
}

/* The text from `<` on without all but one of what it may be; behind it in *end. */
static const char *one_of(unsigned *seed, const char *from, const char **end)
{
    const char *at = from + 1;
    unsigned n = 1;
    *end = strchr(from, '>') + 1;
    for (const char *p = from; p < *end; p++) n += *p == '|';
    for (unsigned skip = random_below(seed, n); skip > 0; skip--) at = strchr(at, '|') + 1;
    return textf("%.*s", (int)strcspn(at, "|>"), at);
}

static const char *decided(unsigned *seed, const char *form)
{
    const char *text = "", *from;
    for (; (from = strchr(form, '<')); form = strchr(from, '>') + 1) {
        const char *end, *one = one_of(seed, from, &end);
        text = textf("%s%.*s%s", text, (int)(from - form), form, one);
    }
    return textf("%s%s", text, form);
}

static unsigned children_in(const char *form)
{
    unsigned n = 0;
    for (; *form; form++) n += *form == '@';
    return n;
}

/* A route that is there already and waits no longer than that; or `routes`. */
static unsigned known_route(struct composition *c, double patience)
{
    unsigned at = random_below(c->seed, c->routes);
    return c->waits[at] <= patience ? at : c->routes;
}

/* Writes a route and those it is made of; returns its number. */
static unsigned write_route(struct composition *c, unsigned depth, double patience)
{
    unsigned known = known_route(c, patience), form = random_below(c->seed, FORMS);
    bool is_leaf = depth == 0 || patience < 2 * POOL_TIMEOUT || c->routes > ROUTES_MAX - 20;
    if (known < c->routes && (is_leaf || random_below(c->seed, 5) == 0)) return known;
    if (is_leaf) return random_below(c->seed, SERVERS);
    const char *at = decided(c->seed, forms[form]), *text = "", *child;
    unsigned children = children_in(at);
    double waits = 0.05; /* what it does itself */
    for (; (child = strchr(at, '@')); at = child + 1) {
        unsigned route = write_route(c, depth - 1, patience / children);
        waits += c->waits[route];
        text = textf("%s%.*sr%u", text, (int)(child - at), at, route);
    }
    write_line(c, textf("local r%u = %s%s", c->routes, text, at));
    c->used[form]++;
    c->waits[c->routes] = waits;
    return c->routes++;
}

static void write_pools(struct composition *c, const char *const *addresses)
{
    static const char *const options = "timeout = <0.04|0.12>, connections = <1|2><|, on_failure = "
                                       "'miss'|, on_failure = 'rehash'>";
    for (c->routes = 0; c->routes < SERVERS; c->routes++) {
        const char *list = textf("'%s'", addresses[c->routes]);
        for (unsigned more = random_below(c->seed, 3); more > 0; more--)
            list = textf("%s, '%s'", list, addresses[(c->routes + more) % SERVERS]);
        write_line(c, textf("local r%u = mg.pool { name = 'pool%u', %s, %s }", c->routes, c->routes,
                            list, decided(c->seed, options)));
        c->waits[c->routes] = POOL_TIMEOUT;
    }
}

static const char *const first_lines =
    MG "mg.defaults { connect_timeout = 0.2, stall_timeout = 0.5, probe_min = 0.02, "
       "probe_max = 0.2, probe_settle = 0.5 }";

/* --- what goes on ---------------------------------------------------------------------------- */

struct drama {
    struct actor clock; /* first */
    struct relay *relays[SERVERS];
    const char *addresses[SERVERS];
    double sick_until[SERVERS];
    struct moongate *m;
    struct client *c; /* asks for statistics */
    struct application *applications[APPLICATIONS];
    unsigned seed, first_seed;
    const char *script;
    unsigned long used[FORMS];
    unsigned long harms[HARM_COUNT];
    unsigned scripts, applications_n;
    struct tally sum;
    bool are_well;
};

static void server_falls_ill(struct drama *d, unsigned i)
{
    static const unsigned most[HARM_COUNT] = {
        [HARM_DELAY] = 300, [HARM_SLOW] = 200, [HARM_CUT] = 5000, [HARM_GARBAGE] = 1000000};
    enum harm harm = (enum harm)(1 + random_below(&d->seed, HARM_COUNT - 1));
    d->harms[harm]++;
    d->sick_until[i] = stage_now() + (20 + random_below(&d->seed, 500)) / 1000.0;
    relay_does(d->relays[i], harm, 1 + random_below(&d->seed, most[harm] + 1));
}

static void clock_acts(struct actor *actor, short revents)
{
    struct drama *d = (struct drama *)(void *)actor;
    uint64_t ticks;
    (void)revents;
    if (read(actor->fd, &ticks, sizeof ticks) < 0) return;
    for (unsigned i = 0; i < SERVERS; i++) {
        bool is_sick = d->sick_until[i] != 0;
        if (is_sick && (d->are_well || stage_now() > d->sick_until[i])) {
            relay_does(d->relays[i], HARM_NONE, 0);
            d->sick_until[i] = 0;
        } else if (!is_sick && !d->are_well && random_below(&d->seed, 40) == 0) {
            server_falls_ill(d, i);
        }
    }
}

static bool clock_leaves(struct actor *actor)
{
    close(actor->fd);
    return true;
}

static void drama_tells(struct actor *actor)
{
    const struct drama *d = (struct drama *)(void *)actor;
    fprintf(stderr, "  SEED=%u, script %u:\n%s", d->first_seed, d->scripts, d->script);
}

static struct application *another_application(struct drama *d)
{
    unsigned n = d->applications_n++;
    struct application *a =
        application_connects(d->m, n % 2 ? "r:" : "f:", 1U << n % 7, d->first_seed + n * 7919U);
    application_may_be_refused(a);
    return a;
}

static void applications_connect(struct drama *d)
{
    d->sum = (struct tally){0};
    for (unsigned i = 0; i < APPLICATIONS; i++) d->applications[i] = another_application(d);
}

static void application_ends(struct drama *d, struct application *a)
{
    struct tally one = application_tally(a);
#define X(name, meaning) d->sum.name += one.name;
    TALLIES(X)
#undef X
    application_leaves(a);
}

/* They get their last answers, which are counted, and go. */
static struct tally applications_end(struct drama *d)
{
    for (int i = 0; i < APPLICATIONS; i++) {
        application_rests(d->applications[i]);
        application_ends(d, d->applications[i]);
    }
#define X(name, meaning) printf("%lu " #name ", ", d->sum.name);
    TALLIES(X)
#undef X
    printf("0 wrong\n");
    return d->sum;
}

/* Every request is answered before long, whatever becomes of it. Now and then an application goes with what it is owed, and
 * another one comes. */
static void plays_on(struct drama *d, double seconds)
{
    double bound = 2 * PATIENCE + stage_deadline();
    for (double end = stage_now() + seconds; stage_now() < end;) {
        stage_turns(10);
        for (unsigned i = 0; i < APPLICATIONS; i++)
            if (application_waits(d->applications[i]) > bound)
                stage_fails("application %u waits for a reply for over %g s", i, bound);
        if (d->are_well || random_below(&d->seed, 1000) != 0) continue;
        unsigned i = random_below(&d->seed, APPLICATIONS);
        application_ends(d, d->applications[i]);
        d->applications[i] = another_application(d);
    }
}

static const char *compose(struct drama *d)
{
    struct composition c = {.seed = &d->seed, .text = stage_memory(TEXT_ROOM), .used = d->used};
    write_line(&c, first_lines);
    write_pools(&c, d->addresses);
    unsigned root = SERVERS;
    while (root >= c.routes || c.routes < SERVERS + 4) root = write_route(&c, DEEPEST, PATIENCE);
    write_line(&c, textf("return r%u", root));
    return c.text;
}

static void next_script(struct drama *d)
{
    d->scripts++;
    d->script = compose(d);
    struct run checked = moongate_runs("-t", moongate_script_file(d->script), NULL);
    if (checked.code != 0) stage_fails("moongate -t refuses a script: %s", checked.err);
    moongate_reloads(d->m, d->script);
}

/* --- before and after ------------------------------------------------------------------------ */

/* One pool of all servers. */
static const char *plain_script(const struct drama *d)
{
    const char *list = "";
    for (int i = 0; i < SERVERS; i++) list = textf("%s, '%s'", list, d->addresses[i]);
    return textf("%s\nreturn mg.pool { timeout = 1%s }\n", first_lines, list);
}

static struct drama *drama_begins(void)
{
    struct drama *d = stage_memory(sizeof *d);
    const char *asked = getenv("SEED");
    struct timespec tick = {.tv_nsec = 10 * 1000000L};
    d->first_seed = asked ? (unsigned)strtoul(asked, NULL, 10) : (unsigned)(stage_now() * 1e6);
    d->seed = d->first_seed;
    d->are_well = true;
    printf("SEED=%u\n", d->first_seed);
    fflush(stdout);
    for (int i = 0; i < SERVERS; i++) {
        d->relays[i] = relay_before(memcached_address(memcached_start(NULL)));
        d->addresses[i] = relay_address(d->relays[i]);
    }
    d->script = plain_script(d);
    d->clock = (struct actor){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                              .rank = RANK_CLIENT,
                              .acts = clock_acts,
                              .leaves = clock_leaves,
                              .tells = drama_tells};
    timerfd_settime(d->clock.fd, 0, &(struct itimerspec){tick, tick}, NULL);
    stage_enter(&d->clock);
    d->m = moongate_start(d->script, "-j", "2", NULL);
    d->c = client_connects(d->m);
    return d;
}

struct footprint {
    pid_t workers[WORKERS];
    size_t sockets, kib;
};

static bool has_no_clients(void *what)
{
    struct drama *d = what;
    return stat_number(d->c, "", "curr_connections") == 1;
}

/* With nobody there: one connection a server and worker, and nothing under way on it. */
static struct footprint footprint_of(struct drama *d)
{
    struct footprint f = {0};
    if (!stage_waits(has_no_clients, d)) stage_fails("clients stay");
    for (int i = 0; i < SERVERS; i++) {
        stat_becomes(d->c, "servers", textf("%s:ready", d->addresses[i]), textf("%d", WORKERS));
        stat_becomes(d->c, "servers", textf("%s:in_flight", d->addresses[i]), "0");
        stat_becomes(d->c, "servers", textf("%s:down", d->addresses[i]), "0");
    }
    moongate_workers(d->m, f.workers, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        f.sockets += program_sockets(f.workers[i]);
        f.kib += program_rss_kib(f.workers[i]);
    }
    return f;
}

static void print_counts(const struct drama *d)
{
    unsigned unused = 0;
    for (int i = 0; i < FORMS; i++) unused += d->used[i] == 0;
    printf("%u scripts, %u of %d forms of routes", d->scripts, FORMS - unused, FORMS);
    for (int i = 1; i < HARM_COUNT; i++) printf(", %s %lu", harm_name((enum harm)i), d->harms[i]);
    printf("\n");
}

/* --- the play -------------------------------------------------------------------------------- */

static void nested_policies_lose_nothing_and_mix_nothing_up(void **state)
{
    const char *asked = getenv("COMPOSE_SECONDS");
    double seconds = asked ? strtod(asked, NULL) : 7;
    struct drama *d = drama_begins();

    applications_connect(d);
    plays_on(d, 0.5);
    applications_end(d);
    struct footprint before = footprint_of(d);
    applications_connect(d);
    d->are_well = false;
    for (double end = stage_now() + seconds; stage_now() < end;) {
        next_script(d);
        plays_on(d, (1 + random_below(&d->seed, 150)) / 100.0);
    }
    d->are_well = true;
    plays_on(d, 0.2);
    struct tally tally = applications_end(d);
    print_counts(d);
    assert_int_not_equal(tally.hits, 0);
    assert_int_not_equal(tally.stored, 0);
    d->script = plain_script(d);
    moongate_reloads(d->m, d->script);
    struct footprint after = footprint_of(d);
    printf("RSS %zu KiB, then %zu KiB\n", before.kib, after.kib);
    assert_memory_equal(before.workers, after.workers, sizeof before.workers);
    assert_int_equal(moongate_log_count(d->m, "gone:"), 0);
    assert_int_equal(stat_number(d->c, "proxy", "script_errors"), 0);
    assert_int_equal(before.sockets, after.sockets);
    if (!stage_is_sanitized()) assert_in_range(after.kib, 1, before.kib + 32 * 1024);
    applications_connect(d);
    plays_on(d, 0.5);
    tally = applications_end(d);
    assert_in_range(tally.errors, 0, tally.requests / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(nested_policies_lose_nothing_and_mix_nothing_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
