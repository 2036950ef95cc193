/* Routes put together at random, before two real servers, one of which dies now and then, and a dead one: every request has its
 * one answer, in order, and every value belongs to its key (I1, I2). COMPOSITIONS says how many; SEED where to begin. */
#include "lib/address.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 3, ROUNDS = 12, BATCH = 24, KEYS = 12, ROUTE_MAX = 32 * 1024 };

static unsigned seed;

/* --- routes ------------------------------------------------------------------------------------ */

/* How a route is made of others: each % is one. */
static const char *const forms[] = {
    "mg.failover { %, %, on = { 'error', 'miss' } }",
    "mg.failover { %, %, %, order = 'shuffled' }",
    "mg.all_sync { %, % }",
    "mg.all_fastest { %, %, hit = true }",
    "mg.all_initial { %, % }",
    "mg.all_majority { %, %, % }",
    "mg.coalesce { % }",
    "mg.hedge { %, %, least = 0.001, most = 0.001 }",
    "mg.compare { %, %, share = 1, again = 0.002, most = 3 }",
    "mg.delay { %, before = 0.001, after = 0.001 }",
    "mg.outstanding_limit { %, 2, over = % }",
    "mg.negative_cache { %, 0.005 }",
    "mg.lease { asked(%), ttl = 30, wait = 0.005 }", /* not every route may be there */
    "mg.by_prefix { { ['k:1'] = %, ['k:'] = % }, default = % }",
    "mg.by_command { get = %, delete = %, default = % }",
    "mg.modify_key { %, add = 'p:' }",
    "mg.cap_ttl { %, 100 }",
    "mg.rate_limit { %, rate = 500, over = % }",
    "mg.shadow { %, to = %, share = 0.5, most = 3 }",
    "mg.key_split { %, 3, first_hit = true }",
    "mg.hash { %, % }",
    "mg.random { %, % }",
    "asked(%)",
    "waiting(%, %)",
};

static void add(char *to, const char *bytes, size_t len)
{
    size_t used = strlen(to);
    if (used + len >= ROUTE_MAX) stage_fails("a route of more than %d bytes", ROUTE_MAX);
    memcpy(to + used, bytes, len);
    to[used + len] = '\0';
}

static void add_route(char *to, unsigned depth)
{
    static const char leaves[] = "aabd";
    const char *form = forms[random_below(&seed, sizeof forms / sizeof *forms)];
    if (depth == 0) {
        add(to, &leaves[random_below(&seed, 4)], 1);
        return;
    }
    for (const char *end; (end = strchr(form, '%')); form = end + 1) {
        add(to, form, (size_t)(end - form));
        add_route(to, depth - 1 - random_below(&seed, depth));
    }
    add(to, form, strlen(form));
}

static const char *script_at_random(struct memcached *const servers[2])
{
    char *route = stage_memory(ROUTE_MAX);
    add_route(route, 1 + random_below(&seed, 5));
    return textf(
        MG "local a, b, d = mg.pool { '%s', timeout = 5 }, mg.pool { '%s', timeout = 5 },\n"
           "  mg.pool { '%s' }\n"
           "local function asked(route) return function() return route end end\n"
           "local function waiting(first, second)\n"
           "  return mg.async(function(req)\n"
           "    local res = mg.call(first, req)\n"
           "    return res:is_hit() and res or mg.call(second, req, 0.1)\n"
           "  end)\n"
           "end\n"
           "return %s\n",
        memcached_address(servers[0]), memcached_address(servers[1]), address_of_nobody(), route);
}

/* --- requests ---------------------------------------------------------------------------------- */

struct asked {
    enum { GET, LINE, META } what;
    unsigned keys[8], n;
};

/* A value that tells its key and its length. */
static char *value_of(unsigned key, size_t len)
{
    char *value = stage_memory(len + 1);
    for (size_t i = 0; i < len; i++) value[i] = (char)('a' + (key * 7 + len + i) % 26);
    return value;
}

static const char *ask_get(struct asked *q, unsigned n)
{
    const char *text = "get";
    q->what = GET;
    for (q->n = 0; q->n < n; q->n++) {
        q->keys[q->n] = random_below(&seed, KEYS);
        text = textf("%s k:%u", text, q->keys[q->n]);
    }
    return textf("%s\r\n", text);
}

/* One request; what it asked for goes to q. */
static const char *ask(struct asked *q)
{
    static const size_t sizes[] = {0, 1, 60, 1200, 9000};
    unsigned key = q->keys[0] = random_below(&seed, KEYS);
    size_t size = sizes[random_below(&seed, sizeof sizes / sizeof *sizes)];
    q->what = LINE;
    q->n = 1;
    switch (random_below(&seed, 6)) {
    case 0: return ask_get(q, 1);
    case 1: return ask_get(q, 2 + random_below(&seed, 6));
    case 2: return textf("delete k:%u\r\n", key);
    case 3: q->what = META; return textf("mg k:%u v k Oq\r\n", key);
    case 4:
        q->n = 0;
        return textf("set k:%u 0 0 %zu noreply\r\n%s\r\n", key, size, value_of(key, size));
    default: return textf("set k:%u 0 0 %zu\r\n%s\r\n", key, size, value_of(key, size));
    }
}

/* --- answers ----------------------------------------------------------------------------------- */

static void sees_value(struct client *c, unsigned key, size_t len)
{
    client_sees_bytes(c, value_of(key, len), len);
    client_sees(c, "\r\n");
}

/* The values of the keys that are there, in the order in which they were asked for. */
static void sees_get(struct client *c, const struct asked *q)
{
    unsigned at = 0, key;
    size_t len;
    for (;;) {
        const char *line = client_sees_line(c);
        if (strcmp(line, "END") == 0 || strncmp(line, "SERVER_ERROR ", 13) == 0) return;
        if (sscanf(line, "VALUE k:%u 0 %zu", &key, &len) != 2) stage_fails("a get gets: %s", line);
        while (at < q->n && q->keys[at] != key) at++;
        if (at++ == q->n) stage_fails("key %u was not asked for, or not there", key);
        sees_value(c, key, len);
    }
}

static void sees_meta(struct client *c, const struct asked *q)
{
    const char *line = client_sees_line(c);
    unsigned key;
    size_t len;
    if (strncmp(line, "SERVER_ERROR ", 13) == 0 || strcmp(line, "EN") == 0 ||
        strcmp(line, textf("EN kk:%u Oq", q->keys[0])) == 0)
        return;
    if (sscanf(line, "VA %zu kk:%u Oq", &len, &key) != 2 || key != q->keys[0])
        stage_fails("mg k:%u gets: %s", q->keys[0], line);
    sees_value(c, key, len);
}

static void sees_line(struct client *c)
{
    static const char *const lines[] = {"STORED", "NOT_STORED", "DELETED", "NOT_FOUND"};
    const char *line = client_sees_line(c);
    bool is_known = strncmp(line, "SERVER_ERROR ", 13) == 0;
    for (unsigned i = 0; i < 4; i++) is_known |= strcmp(line, lines[i]) == 0;
    if (!is_known) stage_fails("a write gets: %s", line);
}

static void sees_answer(struct client *c, const struct asked *q)
{
    if (q->n == 0) return; /* noreply */
    switch (q->what) {
    case GET: sees_get(c, q); break;
    case META: sees_meta(c, q); break;
    default: sees_line(c); break;
    }
}

/* --- plays ------------------------------------------------------------------------------------- */

/* Every client sends a batch; then all answers are looked at. */
static void round_of_requests(struct client *const clients[CLIENTS])
{
    struct asked asked[CLIENTS][BATCH];
    unsigned n[CLIENTS];
    for (unsigned c = 0; c < CLIENTS; c++) {
        n[c] = 1 + random_below(&seed, BATCH);
        for (unsigned i = 0; i < n[c]; i++) client_sends(clients[c], ask(&asked[c][i]));
    }
    for (unsigned c = 0; c < CLIENTS; c++) {
        for (unsigned i = 0; i < n[c]; i++) sees_answer(clients[c], &asked[c][i]);
    }
}

static void composition(unsigned number)
{
    struct memcached *servers[2] = {memcached_start(NULL), memcached_start(NULL)};
    struct client *clients[CLIENTS], *gone;
    seed = number * 2654435761u;
    const char *script = script_at_random(servers);
    print_message("composition %u: %s", number, strstr(script, "\nreturn") + 1);
    struct moongate *m = moongate_start(script, NULL);
    for (unsigned c = 0; c < CLIENTS; c++) clients[c] = client_connects(m);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct asked dropped;
        gone = client_connects(m);
        client_sends(gone, ask(&dropped));
        client_resets(gone);
        if (i == ROUNDS / 3) memcached_kill(servers[1]);
        if (i == ROUNDS / 2) moongate_reloads(m, script_at_random(servers));
        if (i == ROUNDS * 2 / 3) memcached_starts_again(servers[1]);
        round_of_requests(clients);
    }
    for (unsigned c = 0; c < CLIENTS; c++) client_sees_nothing_more(clients[c]);
}

static unsigned number_in(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void routes_put_together_at_random_keep_their_promises(void **state)
{
    unsigned first = number_in("SEED", 1), n = number_in("COMPOSITIONS", 20);
    for (unsigned i = first; i < first + n; i++) {
        composition(i);
        stage_clears();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(routes_put_together_at_random_keep_their_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
