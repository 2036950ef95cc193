/* policies that spread requests: over routes by their hash, at random, by share and by host. */
#include "unit/route/policy_host.h"

/* --- spreading --------------------------------------------------------------------------------- */

static unsigned counts[3];

/* Of `keys` keys, how many go to a, b and c. */
static void spread(unsigned keys_n)
{
    char key[16];
    memset(counts, 0, sizeof counts);
    for (unsigned i = 0; i < keys_n; i++) {
        snprintf(key, sizeof key, "key:%u", i);
        route_one(GET, key, NULL);
        counts[place_of(0)[0] - 'a']++;
        end_turn();
    }
}

static void keys_are_hashed_over_routes_as_a_pool_hashes_them_over_servers(void **state)
{
    static const char *const options[] = {"distribution = 'jump'",
                                          "distribution = 'modula', hash = 'crc32a'",
                                          "distribution = 'ketama', hash_tag = '{}'",
                                          "distribution = 'rendezvous', hash_stop = '|#|'"};
    char text[1024], pool[1024], key[32];
    for (size_t i = 0; i < COUNT(options); i++) {
        char places[200];
        snprintf(pool, sizeof pool, "mg.pool { '127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3', %s }",
                 options[i]);
        load_route(pool);
        for (unsigned k = 0; k < COUNT(places); k++) {
            snprintf(key, sizeof key, "k%u{%u}x|#|%u", k, k / 2, k);
            route_one(GET, key, NULL);
            struct pool *p = script_routes(w.script)->routes[w.answers[0].route]->pool;
            const char *name = pool_pick(p, key, strlen(key))->backend->name;
            places[k] = (char)('a' + name[strlen(name) - 1] - '1');
        }
        snprintf(text, sizeof text,
                 "mg.hash { a, b, c, names = { '127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3' }, %s }",
                 options[i]);
        load_route(text);
        for (unsigned k = 0; k < COUNT(places); k++) {
            snprintf(key, sizeof key, "k%u{%u}x|#|%u", k, k / 2, k);
            route_one(GET, key, NULL);
            if (place_of(0)[0] != places[k]) fail_msg("%s: %s: %s", options[i], key, place_of(0));
        }
    }
}

static void a_salt_and_weights_move_keys(void **state)
{
    char plain[100], key[16];
    unsigned moved = 0;
    load_route("mg.hash { a, b, c }");
    for (unsigned i = 0; i < COUNT(plain); i++) {
        snprintf(key, sizeof key, "key:%u", i);
        route_one(GET, key, NULL);
        plain[i] = place_of(0)[0];
    }
    load_route("mg.hash { a, b, c, salt = 's' }");
    for (unsigned i = 0; i < COUNT(plain); i++) {
        snprintf(key, sizeof key, "key:%u", i);
        route_one(GET, key, NULL);
        moved += plain[i] != place_of(0)[0];
    }
    assert_in_range(moved, 40, 95);
    load_route("mg.hash { a, b, c, weights = { 4, 1, 1 } }");
    spread(2000);
    assert_in_range(counts[0], 1000, 1600);
}

static void any_route_is_drawn_at_random(void **state)
{
    load_route("mg.random { a, b, c }");
    spread(3000);
    for (unsigned i = 0; i < 3; i++) assert_in_range(counts[i], 850, 1150);
}

static bool is_shadowed(const char *key)
{
    route_one(GET, key, NULL);
    bool both = strstr(place_of(0), "all_initial(") != NULL;
    if (!both) assert_string_equal(place_of(0), "a");
    return both;
}

static void a_share_of_requests_is_shadowed(void **state)
{
    unsigned n = 0;
    load_route("mg.shadow { a, to = b, share = 0.25 }");
    for (unsigned i = 0; i < 4000; i++) n += is_shadowed("k");
    assert_in_range(n, 850, 1150);
}

static void a_share_of_keys_is_shadowed_the_same_ones_always(void **state)
{
    static const char *const parts[] = {"0.25", "{ 0, 0.5 }", "{ 0.5, 1 }"};
    bool is[COUNT(parts)][1000];
    char text[128], key[16];
    for (unsigned p = 0; p < COUNT(parts); p++) {
        unsigned n = 0;
        snprintf(text, sizeof text, "mg.shadow { a, to = b, keys = %s }", parts[p]);
        load_route(text);
        for (unsigned i = 0; i < 1000; i++) {
            snprintf(key, sizeof key, "key:%u", i);
            is[p][i] = is_shadowed(key);
            assert_int_equal(is[p][i], is_shadowed(key));
            n += is[p][i];
        }
        assert_in_range(n, p ? 430 : 200, p ? 570 : 300);
    }
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(is[1][i] != is[2][i]);
        assert_true(!is[0][i] || is[1][i]);
    }
}

/* --- by host ----------------------------------------------------------------------------------- */

static void each_host_has_its_own_latest_and_keeps_it(void **state)
{
    char text[128], first[60], last[60];
    memset(counts, 0, sizeof counts);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned host = 0; host < COUNT(first); host++) {
            snprintf(text, sizeof text, "mg.latest { a, b, c, host = 'host%u' }", host);
            load_route(text);
            assert_goes(&(struct journey){text, GET, "k", "failover(", NULL});
            route_one(GET, "k", NULL);
            char *letter = strchr(place_of(0), ' ');
            if (pass == 0) {
                first[host] = letter[1];
                counts[letter[1] - 'a']++;
            }
            last[host] = letter[1];
        }
    }
    assert_memory_equal(first, last, sizeof first);
    for (unsigned i = 0; i < 3; i++) assert_in_range(counts[i], 8, 32);
}

static void a_hosts_copy_is_read_and_all_copies_are_written(void **state)
{
    static const struct journey copies[] = {
        {"mg.key_split { a, replicas = 3, id = 4 }", GET, "k", "a", "k::1"},
        {NULL, COMMAND_GAT, "k", "a", "k::1"},
        {NULL, COMMAND_META_GET, "k", "a", "k::1"},
        {NULL, SET, "k", "all_initial(", NULL},
        {NULL, COMMAND_DELETE, "k", "all_initial(", NULL},
        {"mg.key_split { a, 3, id = 6 }", GET, "k", "a", NULL},
        {"mg.key_split { a, 1000, id = 1999 }", GET, "k", "a", "k::999"},
        {"mg.key_split { a, replicas = 2, id = 1, all_sync = true, first_hit = true }", GET, "k",
         "failover(", NULL},
        {NULL, SET, "k", "all_sync(", NULL},
    };
    journeys(copies, COUNT(copies));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(keys_are_hashed_over_routes_as_a_pool_hashes_them_over_servers),
        alone(a_salt_and_weights_move_keys),
        alone(any_route_is_drawn_at_random),
        alone(a_share_of_requests_is_shadowed),
        alone(a_share_of_keys_is_shadowed_the_same_ones_always),
        alone(each_host_has_its_own_latest_and_keeps_it),
        alone(a_hosts_copy_is_read_and_all_copies_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
