/* Scripts may call what they like with whatever they like, when they like: they get Lua errors, and no worker dies of it.
 *
 * The script is api_fuzz.lua; API_FUZZ_SEED and API_FUZZ_SECONDS choose where it begins and how long it goes on: 4 s. That it
 * has called all there is, is compared with the types for editors, which are compared with what there is by tests/unit/script/meta_test.c. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 4, A_RELOAD = 400 };

static unsigned long asked(const char *name, unsigned long fallback)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : fallback;
}

/* The script with that seed over a real server. */
static const char *script_with(unsigned seed, const struct memcached *s)
{
    static const char path[] = "tests/e2e/scripts/api_fuzz.lua";
    char *text = stage_memory(64 * 1024);
    FILE *file = fopen(path, "re");
    if (!file) stage_fails("%s cannot be read: run the tests from the top of the tree", path);
    size_t n = fread(text, 1, 64 * 1024 - 1, file);
    fclose(file);
    text[n] = '\0';
    char *seed_at = strstr(text, "= SEED"), *rest = seed_at + strlen("= SEED");
    const char *whole = textf("%.*s= %u%s", (int)(seed_at - text), text, seed, rest);
    while ((rest = strstr(whole, "{ SERVERS")))
        whole = textf("%.*s{ '%s'%s", (int)(rest - whole), whole, memcached_address(s),
                      rest + strlen("{ SERVERS"));
    return whole;
}

/* "done:Request:flag" is answered with what was done with it: "live finished". Nothing else goes on: there may be a thousand timers
 * before. */
static const char *calm_script(const struct memcached *s, unsigned number)
{
    return textf(
        MG "local pool = mg.pool { '%s' }\n"
           "local done = mg.shared('done', '64k')\n"
           "return function(req)\n"
           "  if req.key == 'alive' or req:has_prefix 'own:' then return pool end\n"
           "  if req.key == 'done:calm' then return mg.reply.error 'calm %u' end\n"
           "  local kinds = {}\n"
           "  for _, kind in ipairs { 'live', 'finished', 'foreign' } do\n"
           "    if done:get(req.key:sub(6) .. ':' .. kind) then kinds[#kinds + 1] = kind end\n"
           "  end\n"
           "  return mg.reply.error(#kinds > 0 and table.concat(kinds, ' ') or 'nothing')\n"
           "end\n",
        memcached_address(s), number);
}

static const char *some_command(unsigned *random)
{
    static const char *const commands[] = {"get k\r\n",
                                           "gets k user:1\r\n",
                                           "get a b c d e f\r\n",
                                           "set k 1 2 3\r\nabc\r\n",
                                           "set long 0 0 5\r\nhello\r\n",
                                           "add n 0 0 1\r\n1\r\n",
                                           "cas k 0 0 1 7\r\nx\r\n",
                                           "append k 0 0 1 noreply\r\nz\r\n",
                                           "incr n 1\r\n",
                                           "decr n 2 noreply\r\n",
                                           "delete k\r\n",
                                           "touch k 9\r\n",
                                           "gat 9 k user:1\r\n",
                                           "mg k v t f c k O1\r\n",
                                           "mg user:1 v q\r\n",
                                           "ms k 2 T9 F3\r\nhi\r\n",
                                           "ms Zm9vIGJhcg== 2 b k q\r\nhi\r\n",
                                           "mg Zm9vIGJhcg== b v k\r\n",
                                           "md k q\r\n",
                                           "ma n N9 J1 v\r\n",
                                           "me k\r\n",
                                           "mn\r\n"};
    return commands[random_below(random, sizeof commands / sizeof *commands)];
}

/* Clients that nobody answers go, some with a word and some without. */
static struct client *replaced(struct client *c, struct moongate *m, unsigned *random)
{
    if (random_below(random, 2))
        client_resets(c);
    else
        client_closes(c);
    return client_connects(m);
}

/* --- what there is to call --------------------------------------------------------------------- */

/* A class in the types for editors, what api_fuzz.lua calls it, and the states that its objects can have. */
static const struct sort {
    const char *type, *class, *states;
    bool has_fields;
} sorts[] = {
    {"moongate", "mg", "live", false},
    {"moongate.replies", "replies", "live", false},
    {"moongate.requests", "requests", "live", false},
    {"moongate.timers", "timers", "live", false},
    {"moongate.log", "log", "live", false},
    {"moongate.Request", "Request", "live finished foreign", true},
    {"moongate.Response", "Response", "live finished foreign", true},
    {"moongate.Counter", "Counter", "live foreign", false},
    {"moongate.Gauge", "Gauge", "live foreign", false},
    {"moongate.Histogram", "Histogram", "live foreign", false},
    {"moongate.Shared", "Shared", "live foreign", false},
    {"moongate.Timer", "Timer", "live finished foreign", false},
};

static const struct sort *find_sort(const char *type)
{
    for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++)
        if (strcmp(sorts[i].type, type) == 0) return &sorts[i];
    return NULL;
}

/* Which state of its objects that was not done in; NULL when it was done in all. */
static const char *not_done_in(struct client *c, const struct sort *sort, const char *name,
                               bool is_field)
{
    client_sends(c, textf("get done:%s:%s\r\n", sort->class, name));
    const char *line = client_sees_line(c);
    static const char *const states[] = {"live", "finished", "foreign"};
    for (size_t i = 0; i < 3; i++) {
        bool is_wanted = strstr(sort->states, states[i]) && !(is_field && i == 2);
        if (is_wanted && !strstr(line, states[i])) return states[i];
    }
    return NULL;
}

/* Every function of a file of types, and the fields of requests and responses: more than `least`. Returns what was not done yet, or
 * NULL. */
static const char *what_is_left(struct client *c, const char *path, unsigned least)
{
    const char *left = NULL;
    unsigned n = 0;
    char line[4096], name[64], owner[64], type[64] = "";
    FILE *file = fopen(path, "re");
    if (!file) stage_fails("%s cannot be read: run the tests from the top of the tree", path);
    while (fgets(line, sizeof line, file)) {
        const struct sort *sort = find_sort(type);
        bool is_field = sort && sort->has_fields && sscanf(line, "---@field %63[a-z_]", name) == 1;
        bool is_function =
            sscanf(line, "function %63[A-Za-z]%*[.:]%63[a-z_0-9](", owner, name) == 2;
        if (is_function && !sort) stage_fails("%s: nobody calls what a %s has", path, type);
        const char *state = is_field || is_function ? not_done_in(c, sort, name, is_field) : NULL;
        if (state) left = textf("%s of a %s %s", name, state, type);
        n += is_field || is_function;
        if (sscanf(line, "---@class %63[A-Za-z1-9_.]", name) == 1) strcpy(type, name);
    }
    fclose(file);
    assert_true(n > least);
    return left;
}

struct fuzz {
    const struct memcached *server;
    struct moongate *m;
    struct client *clients[CLIENTS], *pacer;
    const char *rest[CLIENTS]; /* of a request that the client has sent a part of, or NULL */
    unsigned seed, random, sent, reloads, calm;
};

static void fuzz_loads(struct fuzz *f, const char *script)
{
    moongate_gets_script(f->m, script);
    moongate_signal(f->m, SIGHUP);
}

/* One of the clients sends a request, or half of one, or the rest of that; or another takes its place. */
static void fuzz_sends(struct fuzz *f)
{
    unsigned at = random_below(&f->random, CLIENTS);
    struct client **c = &f->clients[at];
    const char *text = f->rest[at] ? f->rest[at] : some_command(&f->random);
    size_t len = strlen(text);
    if (!f->rest[at] && random_below(&f->random, 6) == 0)
        len = random_below(&f->random, (unsigned)len);
    client_sends(*c, textf("%.*s", (int)len, text));
    f->rest[at] = text[len] ? text + len : NULL;
    if (random_below(&f->random, 40)) return;
    *c = replaced(*c, f->m, &f->random);
    f->rest[at] = NULL;
}

/* The next line is that text; or, on a busy machine, an error of the server's. True when it was the text. */
static bool comes(struct client *c, const char *text)
{
    const char *line = client_sees_line(c);
    if (strcmp(line, text) == 0) return true;
    if (strncmp(line, "SERVER_ERROR 127.0.0.1:", 23) != 0)
        stage_fails("wanted %s, got %s", text, line);
    return false;
}

/* Nobody else's bytes come, whatever scripts do with what they keep of these requests. */
static void fuzz_looks_at_its_own(struct fuzz *f)
{
    struct client *c = f->pacer;
    const char *key = textf("own:%u:%u", f->seed, f->sent), *value = textf("<%s>", key);
    const char *first = textf("VALUE %s 7 %zu", key, strlen(value));
    client_sends(c, textf("set %s 7 0 %zu\r\n%s\r\n", key, strlen(value), value));
    if (!comes(c, "STORED")) return;
    client_sends(c, textf("get %s %s\r\n", key, key));
    for (int i = 0; i < 2; i++) {
        if (!comes(c, first)) return;
        if (!comes(c, value)) stage_fails("an error in the place of a value");
    }
    if (!comes(c, "END")) return;
    client_sends(c, textf("delete %s\r\n", key));
    comes(c, "DELETED");
}

/* What is over was not touched, and nobody's request was another's. */
static void fuzz_finds_nothing_wrong(const struct fuzz *f)
{
    if (moongate_log_count(f->m, "WRONG") > 0)
        stage_fails("see WRONG in the log: API_FUZZ_SEED=%u", f->seed);
}

/* Sends for so long, seconds, and loads again and again; no faster than the worker takes it, as what waits in sockets tests nothing
 * and would have to be worked off before anything else. */
static void fuzz_goes_on(struct fuzz *f, double seconds)
{
    double until = stage_now() + seconds;
    fuzz_loads(f, script_with(f->seed + ++f->reloads, f->server));
    while (stage_now() < until) {
        fuzz_sends(f);
        if (++f->sent % A_RELOAD == 0) {
            fuzz_finds_nothing_wrong(f);
            fuzz_loads(f, script_with(f->seed + ++f->reloads, f->server));
        }
        if (f->sent % 8) continue;
        client_sends(f->pacer, "delete alive\r\n");
        client_sees_line(f->pacer);
        fuzz_looks_at_its_own(f);
    }
}

/* What was not called yet, or NULL. */
static const char *fuzz_leaves(struct fuzz *f)
{
    /* By its number: an earlier calm script may serve while a wild one is being loaded. */
    fuzz_loads(f, calm_script(f->server, ++f->calm));
    client_asks_until(f->pacer, "get done:calm\r\n", textf("SERVER_ERROR calm %u\r\n", f->calm));
    client_asks_until(f->pacer, "delete alive\r\n", "NOT_FOUND\r\n");
    static const struct {
        const char *path;
        unsigned least;
    } types[] = {{"lua/moongate/_meta.lua", 30},
                 {"lua/moongate/_meta_requests.lua", 50},
                 {"lua/moongate/_meta_policies.lua", 30}};
    const char *left = NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const char *one = what_is_left(f->pacer, types[i].path, types[i].least);
        if (!left) left = one;
    }
    return left;
}

static void nothing_that_a_script_calls_kills_a_worker(void **state)
{
    unsigned seed = (unsigned)asked("API_FUZZ_SEED", 1);
    struct fuzz f = {.server = memcached_start(NULL), .seed = seed, .random = seed};
    /* Scripts that fail at random are to be used anyway. */
    f.m = moongate_start(script_with(seed, f.server), "--rehearse", "0", "--probation", "0",
                         "--drain-timeout", "0.5", "--max-value", "2k", "--client-buffer", "64k",
                         NULL);
    pid_t before, after;
    moongate_workers(f.m, &before, 1);
    for (int i = 0; i < CLIENTS; i++) f.clients[i] = client_connects(f.m);
    f.pacer = client_connects(f.m);
    fuzz_goes_on(&f, (double)asked("API_FUZZ_SECONDS", 4));
    /* what a slow machine did not come to */
    const char *left;
    double most = stage_now() + (stage_is_sanitized() ? 200 : 60);
    for (double on = 1; (left = fuzz_leaves(&f)) && stage_now() < most; on *= 1.5)
        fuzz_goes_on(&f, on);
    if (left) stage_fails("api_fuzz.lua did not do %s: API_FUZZ_SEED=%u", left, seed);
    moongate_workers(f.m, &after, 1);
    if (before != after || moongate_log_count(f.m, "gone:") > 0)
        stage_fails("the worker was replaced: API_FUZZ_SEED=%u", seed);
    assert_true(moongate_log_count(f.m, "outside of a protected call") == 0);
    fuzz_finds_nothing_wrong(&f);
    assert_true(f.sent > 100);
    moongate_signal(f.m, SIGTERM);
    moongate_exits(f.m, 0);
}

/* The same for what tests of scripts may call; it looks itself whether it has called all. */
static void nothing_that_a_test_calls_ends_it(void **state)
{
    struct run run = moongate_runs("test", "--unsafe-lua", "--timeout", "60",
                                   "tests/e2e/scripts/test_api_fuzz.lua", NULL);
    if (run.code != 0) stage_fails("exit %d: %s%s", run.code, run.out, run.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(nothing_that_a_script_calls_kills_a_worker),
        play(nothing_that_a_test_calls_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
