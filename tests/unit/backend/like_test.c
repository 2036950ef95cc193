/* like: pools that place keys as other proxies do, and what options of theirs are called here. The clients' maps:
 * select_clients_test.c, and their libraries at work: tests/placement. */
#include "unit/script/script_host.h"

/* A pool of n servers, 127.0.0.1:31411 and up, as the script's route; `name` makes a server's of its port, in Lua. */
static struct pool *pool_like(const char *options, unsigned n, const char *name)
{
    char script[512];
    snprintf(script, sizeof script,
             MG "local servers = { %s }\n"
                "for port = 31411, 31410 + %u do\n"
                "  servers[#servers + 1] = { '127.0.0.1:' .. port, name = %s }\n"
                "end\n"
                "return mg.pool(servers)\n",
             options, n, name);
    load(script);
    route_one(COMMAND_GET, "a", NULL);
    return w.pools[0];
}

static unsigned place_of(struct pool *p, const char *key)
{
    return (unsigned)(pool_pick(p, key, strlen(key)) - p->members);
}

/* --- memcached's proxy --------------------------------------------------------------------------- */

#define PROXY "like = 'memcached-proxy'"
#define RING  PROXY ", distribution = 'spymemcached', "

/* The key of a number, one function a kind of keys. */
#define KEYS(name, ...)                                                                            \
    static const char *name(unsigned k)                                                            \
    {                                                                                              \
        static char key[64];                                                                       \
        snprintf(key, sizeof key, __VA_ARGS__);                                                    \
        return key;                                                                                \
    }
KEYS(user, "user:%u", k)
KEYS(tagged, "a%u{t%u}b", k, k)
KEYS(empty_tag, "a%u{}b", k)
KEYS(open_tag, "a%u{b", k)
KEYS(stopped, "s%u|#|%u", k % 20, k)

/* The servers of keys 0, 1 ..., as memcached 1.6.18's proxy had them stored over seven servers on these ports. */
static const struct {
    const char *options;
    const char *(*key)(unsigned);
    const char *servers, *name;
} proxied[] = {
    {PROXY, user, "214213622450135516056326345325646365524164112310202621415051"},
    {PROXY ", seed = 'some seed'", user,
     "140230560532145126303436601004445466246404402452230140613202"},
    {PROXY ", seed = ''", user, "362035040411455140204606411436223340624162041360265220436101"},
    {PROXY ", hash_tag = '{}'", tagged, "40331333402132032566"},
    {PROXY ", hash_tag = '{}'", empty_tag, "00000000000000000000"},
    {PROXY ", hash_tag = '{}'", open_tag, "01353266005341255536"},
    {PROXY ", hash_stop = '|#|'", stopped,
     "265531305116135226442655313051161352264426553130511613522644"},
    {RING "naming = 'host_port', hash = 'md5'", user,
     "116633061250430442415360662164524643405455352626336410516641"},
    {RING "naming = 'host', seed = 'q'", user,
     "256533203145414660036363556265636224223245050164564456304164"},
    {RING "hash = 'md5'", user, "320124634065200546150463431533313656330152240606056502254604",
     "'127.0.0.1/127.0.0.1:' .. port"}, /* as EVCache calls them */
};

static void keys_lie_where_memcacheds_proxy_puts_them(void **state)
{
    for (size_t i = 0; i < COUNT(proxied); i++) {
        struct pool *p =
            pool_like(proxied[i].options, 7, proxied[i].name ? proxied[i].name : "nil");
        for (unsigned k = 0; proxied[i].servers[k]; k++) {
            const char *key = proxied[i].key(k);
            if (place_of(p, key) != (unsigned)(proxied[i].servers[k] - '0'))
                fail_msg("%s: '%s' on %u", proxied[i].options, key, place_of(p, key));
        }
    }
}

static void the_later_seed_counts_be_it_a_number_or_a_text(void **state)
{
    load(MG "mg.defaults { seed = 'some seed' }\n"
            "local a = mg.pool { '127.0.0.1:1', '127.0.0.1:2' }\n"
            "local b = mg.pool { '127.0.0.1:1', '127.0.0.1:2', seed = 7 }\n"
            "mg.defaults { seed = 7 }\n"
            "local c = mg.pool { '127.0.0.1:1', '127.0.0.1:2', seed = 'some seed' }\n"
            "return a\n");
    route_one(COMMAND_GET, "a", NULL);
    uint64_t hashed = w.pools[0]->settings.selector.seed;
    assert_true(hashed > UINT32_MAX);
    assert_int_equal(w.pools[1]->settings.selector.seed, 7);
    assert_int_equal(w.pools[2]->settings.selector.seed, hashed);
}

/* --- mcrouter ------------------------------------------------------------------------------------ */

#define MCROUTER "like = 'mcrouter'"

static void keys_lie_where_mcrouter_puts_them(void **state)
{
    static const struct {
        const char *key;
        unsigned server;
    } rows[] = {{"apple", 3},       {"foo:bar", 2},  {"a", 4}, {"key1", 2}, {"user:1000", 2},
                {"apple|#|any", 3}, {"a|#|1|#|", 4}, {"", 6},  {"|#|x", 6}};
    struct pool *p = pool_like(MCROUTER, 7, "nil");
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(place_of(p, rows[i].key), rows[i].server);
}

static void mcrouters_crc32_is_its_modula(void **state)
{
    struct pool *p = pool_like(MCROUTER ", distribution = 'modula'", 100, "nil");
    assert_int_equal(place_of(p, "sample"), 7);
    assert_int_equal(place_of(p, "sample|#|other"), 7);
}

/* Weights {1, 1, 0.7} share 1,000 keys as mcrouter's own test has it. */
static void mcrouters_weights_are_parts_of_1(void **state)
{
    unsigned counts[3] = {0};
    load(MG "return mg.pool { " MCROUTER ", distribution = 'weighted_ch3', '127.0.0.1:1:1',\n"
            "  { '127.0.0.1:2', weight = 1 }, { '127.0.0.1:3', weight = 0.7 } }\n");
    route_one(COMMAND_GET, "a", NULL);
    for (unsigned i = 0; i < 1000; i++) {
        char key[8];
        snprintf(key, sizeof key, "%u", i);
        counts[place_of(w.pools[0], key)]++;
    }
    assert_int_equal(counts[0], 341);
    assert_int_equal(counts[1], 371);
    assert_int_equal(counts[2], 288);
}

static void a_server_without_a_weight_has_what_is_usual_there(void **state)
{
    static const struct {
        const char *options;
        double weights[3];
    } pools[] = {{MCROUTER ", distribution = 'weighted_ch3'", {0.5, 0, 1}},
                 {"distribution = 'weighted_ch3'", {0.5, 0, 1}},
                 {MCROUTER ", distribution = 'rendezvous'", {1, 0, 1}}};
    for (size_t i = 0; i < COUNT(pools); i++) {
        char script[256];
        snprintf(script, sizeof script,
                 MG "return mg.pool { '127.0.0.1:1', '127.0.0.1:2:0', '127.0.0.1:3:1', %s }\n",
                 pools[i].options);
        load(script);
        route_one(COMMAND_GET, "a", NULL);
        for (unsigned k = 0; k < 3; k++)
            assert_true(w.pools[0]->members[k].weight == pools[i].weights[k]);
    }
}

static void a_server_of_weight_0_takes_no_key_that_another_takes(void **state)
{
    static const char *const distributions[] = {"weighted_ch3", "rendezvous"};
    for (size_t i = 0; i < COUNT(distributions); i++) {
        char script[256];
        snprintf(script, sizeof script,
                 MG "return mg.pool { '127.0.0.1:1:1', '127.0.0.1:2:0', '127.0.0.1:3:1',\n"
                    "  distribution = '%s' }\n",
                 distributions[i]);
        load(script);
        route_one(COMMAND_GET, "a", NULL);
        for (unsigned k = 0; k < 1000; k++) {
            char key[8];
            snprintf(key, sizeof key, "%u", k);
            assert_int_not_equal(place_of(w.pools[0], key), 1);
        }
    }
}

/* --- defaults ------------------------------------------------------------------------------------ */

/* mg.defaults is for pools of all kinds: what is of no use to one is passed over. */
static void defaults_apply_where_they_fit(void **state)
{
    load(MG "mg.defaults { points = 40, hash = 'md5', seed = 3 }\n"
            "local ring = mg.pool { '127.0.0.1:1', '127.0.0.1:2', distribution = 'fast_ketama' }\n"
            "local ch3 = mg.pool { '127.0.0.1:1', '127.0.0.1:2', distribution = 'ch3' }\n"
            "local ketama = mg.pool { '127.0.0.1:1', '127.0.0.1:2' }\n"
            "return ch3\n");
    route_one(COMMAND_GET, "a", NULL);
    assert_int_equal(w.pools[0]->settings.selector.hash, HASH_MD5);
    assert_int_equal(w.pools[0]->selector.ring.points_n, 2 * 40);
    assert_int_equal(w.pools[2]->selector.ring.points_n, 2 * 160);
    fails(MG "mg.defaults { points = 40 }\n"
             "local p = mg.pool { '127.0.0.1:1', distribution = 'ch3', points = 40 }\n",
          "script.lua:3:", "option 'points' goes");
    fails(MG "mg.defaults { distribution = 'ch3' }\n"
             "local p = mg.pool { '127.0.0.1:1', hash = 'md5' }\n",
          "script.lua:3:", "option 'hash' goes");
    fails(MG "local p = mg.pool { '127.0.0.1:1', hash = 'md5', seed = 'x' }\n",
          "script.lua:2:", "option 'seed' goes");
    fails(MG "local p = mg.pool { '127.0.0.1:1', like = 'mcrouter', seed = 1 }\n",
          "script.lua:2:", "option 'seed' goes");
    fails(MG "mg.defaults { points = 0.5 }\n" ANY, "script.lua:2:", "a whole number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(keys_lie_where_memcacheds_proxy_puts_them),
        alone(the_later_seed_counts_be_it_a_number_or_a_text),
        alone(keys_lie_where_mcrouter_puts_them),
        alone(mcrouters_crc32_is_its_modula),
        alone(mcrouters_weights_are_parts_of_1),
        alone(a_server_without_a_weight_has_what_is_usual_there),
        alone(a_server_of_weight_0_takes_no_key_that_another_takes),
        alone(defaults_apply_where_they_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
