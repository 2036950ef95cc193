/* Every place that a request may touch, as explain shows it, for each policy. That it is the truth is seen by
 * tests/lua/explain_truth_test.lua, which sends the requests. */
#include "e2e/tools/shows.h"

#include <glob.h>

/* --- each policy ------------------------------------------------------------------------------- */

struct row {
    const char *policy; /* the file in lua/moongate/routes */
    const char *route;
    const char *request;
    const char *places; /* pool@port, conditions: request; -: none */
};

/* clang-format off */
static const struct row rows[] = {
    {"all_async", "mg.all_async { a, b }", "get k",
     "a@1, in the background: get k\n"
     "b@2, in the background: get k\n"},
    {"all_async", "mg.all_async { a, b }", "cas k 0 0 1 7",
     "a@1, in the background: cas k 0 0 1 7\n"
     "b@2, in the background, on a hit of a: set k 0 0 1\n"},
    {"all_fastest", "mg.all_fastest { a, b }", "get k",
     "a@1: get k\n"
     "b@2: get k\n"},
    {"all_fastest", "mg.all_fastest { a, b }", "mg k v N60",
     "a@1: mg k v N60\n"
     "b@2, on an error of a: mg k v N60\n"},
    {"all_fastest", "mg.all_fastest { a, b, hit = true }", "get k",
     "a@1: get k\n"
     "b@2: get k\n"},
    {"all_fastest", "mg.all_fastest { a, b, hit = true }", "mg k v N60",
     "a@1: mg k v\n"
     "b@2, on a miss or a refusal or an error of a: mg k v N60\n"},
    {"all_initial", "mg.all_initial { a, b }", "get k",
     "a@1: get k\n"
     "b@2, in the background: get k\n"},
    {"all_majority", "mg.all_majority { a, b, c }", "get k",
     "a@1: get k\n"
     "b@2: get k\n"
     "c@3: get k\n"},
    {"all_sync", "mg.all_sync { a, b }", "set k 0 0 1",
     "a@1: set k 0 0 1\n"
     "b@2: set k 0 0 1\n"},
    {"all_sync", "mg.all_sync { a, b }", "cas k 0 0 1 7",
     "a@1: cas k 0 0 1 7\n"
     "b@2, on a hit of a: set k 0 0 1\n"},
    {"big_value", "mg.big_value { a, threshold = 1024 }", "get k",
     "a@1: get k\n"
     "a@1, on a hit (an index) of a (get): get k:0000000000000000:1\n"
     "a@1, on a hit (an index) of a (get): get k:0000000000000000:2\n"},
    {"big_value", "mg.big_value { a, threshold = 1024 }", "set k 0 0 3",
     "a@1: set k 0 0 3\n"},
    {"by_command", "mg.by_command { get = a, default = b }", "get k",
     "a@1: get k\n"},
    {"by_command", "mg.by_command { get = a, default = b }", "set k 0 0 1",
     "b@2: set k 0 0 1\n"},
    {"by_prefix", "mg.by_prefix { { k = a }, default = b }", "get k",
     "a@1: get k\n"},
    {"by_prefix", "mg.by_prefix { { k = a }, default = b }", "get l",
     "b@2: get l\n"},
    {"by_route_prefix",
     "mg.by_route_prefix { { ['/r/a/'] = a, ['/r/b/'] = b }, default = '/r/b/' }", "get /r/a/k",
     "a@1: get k\n"},
    {"by_route_prefix",
     "mg.by_route_prefix { { ['/r/a/'] = a, ['/r/b/'] = b }, default = '/r/b/' }", "delete /r/*/k",
     "b@2: delete k\n"
     "a@1, in the background: delete k\n"},
    {"allow", "mg.allow { bob = a, otherwise = b }", "get k",
     "b@2: get k\n"},
    {"allow", "mg.allow { bob = a }", "get k",
     "-\n"},
    {"cap_ttl", "mg.cap_ttl { a, 1000 }", "set k 0 5000 1",
     "a@1: set k 0 1000 1\n"},
    {"coalesce", "mg.coalesce { a }", "get k",
     "a@1, unless the same get is in flight: get k\n"},
    {"coalesce", "mg.coalesce { a }", "set k 0 0 1",
     "a@1: set k 0 0 1\n"},
    {"delay", "mg.delay { a, 0.5 }", "get k",
     "a@1, after 0.5 s: get k\n"},
    {"deny", "mg.deny { a, prefixes = 'k' }", "get k",
     "-\n"},
    {"deny", "mg.deny { a, prefixes = 'k' }", "get l",
     "a@1: get l\n"},
    {"error", "mg.error 'no'", "get k",
     "-\n"},
    {"failover", "mg.failover { a, b, c }", "get k",
     "a@1: get k\n"
     "b@2, on an error of a: get k\n"
     "c@3, on an error of b: get k\n"},
    {"failover", "mg.failover { a, b, c }", "cas k 0 0 1 7",
     "a@1: cas k 0 0 1 7\n"},
    {"failover", "mg.failover { a, b, on = { 'error', 'miss' } }", "get k",
     "a@1: get k\n"
     "b@2, on a miss or an error of a: get k\n"},
    {"failover", "mg.failover { a, b, on = { 'error', 'miss' } }", "mg k v N60",
     "a@1: mg k v\n"
     "b@2, on a miss or an error of a: mg k v N60\n"},
    {"failover", "mg.failover { a, b, on = 'timeout', share = 0.1 }", "get k",
     "a@1: get k\n"
     "b@2, on 'timeout' of a, for at most 10 % of requests: get k\n"},
    {"failover", "mg.failover { a, b, c, order = 'shuffled' }", "get k",
     "a@1: get k\n"
     "b@2, on an error of a, in a random order: get k\n"
     "c@3, on an error of a, in a random order: get k\n"},
    {"failover_with_exptime", "mg.failover_with_exptime { a, b, 60 }", "set k 0 0 1",
     "a@1: set k 0 0 1\n"
     "b@2, on an error of a: set k 0 60 1\n"},
    {"hash", "mg.hash { a, b }", "get k",
     "a@1: get k\n"},
    {"compare", "mg.compare { a, b, share = 1 }", "gets k",
     "a@1: gets k\n"
     "b@2, in the background, to compare its answer with that of a: get k\n"
     "a@1, in the background, again, when the answers differ: get k\n"},
    {"compare", "mg.compare { a, b, share = 1 }", "get k",
     "a@1: get k\n"
     "b@2, in the background, to compare its answer with that of a: get k\n"},
    {"compare", "mg.compare { a, b }", "mg k k v c O5",
     "a@1: mg k k v c O5\n"
     "b@2, 5 % of requests, in the background, to compare its answer with that of a: mg k v\n"
     "a@1, 5 % of requests, in the background, again, when the answers differ: mg k v\n"},
    {"compare", "mg.compare { a, b, share = 1 }", "set k 0 0 1",
     "a@1: set k 0 0 1\n"},
    {"hedge", "mg.hedge { a, b }", "get k",
     "a@1: get k\n"
     "b@2, on an error of a or when it is slow (1 to 250 ms, by its usual times): get k\n"},
    {"hedge", "mg.hedge { a, b }", "set k 0 0 1",
     "a@1: set k 0 0 1\n"},
    {"key_split", "mg.key_split { a, 2, id = 1 }", "get k",
     "a@1: get k::1\n"},
    {"key_split", "mg.key_split { a, 2, id = 1 }", "set k 0 0 1",
     "a@1: set k::1 0 0 1\n"
     "a@1, in the background: set k 0 0 1\n"},
    {"key_split", "mg.key_split { a, 2, id = 1 }", "gets k",
     "a@1: gets k\n"},
    {"l1_l2", "mg.l1_l2 { a, b, exptime = 60 }", "get k",
     "a@1: get k\n"
     "b@2, on a miss or an error of a: get k\n"
     "a@1, in the background, on a miss or an error of a, on a hit of b: add k 0 60 1\n"},
    {"l1_l2", "mg.l1_l2 { a, b, exptime = 60 }", "set k 0 0 1",
     "b@2: set k 0 0 1\n"
     "a@1, on a hit of b: set k 0 60 1\n"
     "a@1, on an error of b: delete k\n"},
    {"l1_l2", "mg.l1_l2 { a, b, exptime = 60 }", "incr k 1",
     "b@2: incr k 1\n"
     "a@1: delete k\n"},
    {"latest", "mg.latest { a, b, host = 'y' }", "get k",
     "a@1: get k\n"
     "b@2, on an error of a: get k\n"},
    {"lease", "mg.lease { a, ttl = 30 }", "get k",
     "a@1: get k\n"
     "a@1, on a miss of a: mg k v f c t k N30\n"},
    {"lease", "mg.lease { a, ttl = 30, stale = 60, refresh = 9 }", "get k",
     "a@1: mg k v f c t k\n"
     "a@1, on a miss of a: mg k v f c t k N30 R70\n"},
    {"lease", "mg.lease { a, ttl = 30, stale = 60 }", "set k 0 5 1",
     "a@1: set k 0 65 1\n"
     "a@1, in the background, on an error of a: mg k s f c t k\n"},
    {"lease", "mg.lease { a, ttl = 30 }", "append k 0 0 1",
     "a@1: mg k s f c t k\n"
     "a@1, on a hit of a: ms k 1 MA C0\n"},
    {"lease", "mg.lease { a, ttl = 30 }", "add k 0 0 1",
     "a@1: add k 0 0 1\n"
     "a@1, on a refusal of a: mg k s f c t k\n"},
    {"log_requests", "mg.log_requests { a, share = 0.5 }", "get k",
     "a@1: get k\n"},
    {"migrate", "mg.migrate { a, b, start = os.time() - 99, interval = 3e8 }", "delete k",
     "a@1: delete k\n"
     "b@2: delete k\n"},
    {"migrate", "mg.migrate { a, b, start = os.time() + 9999, interval = 9, writes = 'both' }", "set k 0 0 1",
     "a@1: set k 0 0 1\n"
     "b@2, on a hit of a: set k 0 0 1\n"
     "b@2, after some answers of the others: delete k\n"},
    {"migrate", "mg.migrate { a, b, start = os.time() + 9999, interval = 9, writes = 'both' }", "delete k",
     "a@1: delete k\n"
     "b@2: delete k\n"},
    {"modify_key", "mg.modify_key { a, add = 'x' }", "get k",
     "a@1: get xk\n"},
    {"near", "mg.near { mg.store { size = '1m', name = 'near' }, a, ttl = 0.5 }", "get k",
     "a@1, unless there is a copy of the last 0.5 s in store near: get k\n"},
    {"near", "mg.near { mg.store { size = '1m', name = 'near' }, a }", "mg k v t",
     "a@1: mg k v t\n"},
    {"near", "mg.near { mg.store { size = '1m', name = 'near' }, a }", "gets k",
     "a@1: gets k\n"},
    {"negative_cache", "mg.negative_cache { a }", "get k",
     "a@1, unless a miss of the last 0.05 s is remembered: get k\n"},
    {"null", "mg.null()", "get k",
     "-\n"},
    {"outstanding_limit", "mg.outstanding_limit { a, 9, over = b }", "get k",
     "a@1, while fewer than 9 are in flight: get k\n"
     "b@2, while 9 are in flight: get k\n"},
    {"random", "mg.random { a, a, a, b }", "gets k",
     "a@1: gets k\n"},
    {"rate_limit", "mg.rate_limit { a, rate = 5, by = 'identity' }", "get k",
     "a@1, up to 5 a second of an identity: get k\n"},
    {"rate_limit", "mg.rate_limit { a, rate = 5, over = b }", "get k",
     "a@1, up to 5 a second: get k\n"
     "b@2, above 5 a second: get k\n"},
    {"set_ttl", "mg.set_ttl { a, 60 }", "set k 0 0 1",
     "a@1: set k 0 60 1\n"},
    {"shadow", "mg.shadow { a, to = b, share = 1 }", "get k",
     "a@1: get k\n"
     "b@2, in the background, while fewer than 1000 are in flight: get k\n"},
    {"spool_deletes", "mg.spool_deletes { a, dir = '/var/spool/m' }", "get k",
     "a@1: get k\n"},
    {"spool_deletes", "mg.spool_deletes { a, dir = '/var/spool/m' }", "md k q",
     "a@1, and kept in /var/spool/m while the server is down: md k\n"},
    {"spool_deletes", "mg.spool_deletes { a, dir = '/var/spool/m' }", "md k C7",
     "a@1: md k C7\n"},
    {"staging", "mg.staging { a, b, exptime = 60 }", "get k",
     "a@1: get k\n"
     "b@2, in the background, on a miss or an error of a: get k\n"
     "b@2, in the background, on a hit of a: get k\n"
     "b@2, in the background, on a hit of a, on a miss of b (get): add k 0 60 1\n"},
    {"staging", "mg.staging { a, b, exptime = 60 }", "add k 0 0 1",
     "a@1: add k 0 0 1\n"
     "b@2, in the background, on a hit of a: set k 0 0 1\n"
     "b@2, in the background, on an error of a: delete k\n"},
    {"staging", "mg.staging { a, b, exptime = 60 }", "set k 0 0 1",
     "a@1: set k 0 0 1\n"
     "b@2, in the background, on a hit of a: set k 0 0 1\n"
     "b@2, in the background, on an error of a: delete k\n"},
    {"staging", "mg.staging { a, b, exptime = 60 }", "delete k",
     "a@1: delete k\n"
     "b@2, in the background: delete k\n"},
    {"warm_up", "mg.warm_up { a, b }", "get k",
     "a@1: get k\n"
     "b@2, on a miss or an error of a: get k\n"
     "b@2, in the background, on a hit of b: mg k t\n"
     "a@1, in the background, on a hit of b, on a hit of b (mg): add k 0 0 1\n"},
    {"warm_up", "mg.warm_up { a, b }", "gets k",
     "a@1: gets k\n"
     "b@2, on a miss or an error of a: get k\n"
     "b@2, on a hit of b (get): mg k t\n"
     "a@1, on a hit of b (get): gets k\n"
     "a@1, on a hit of b (mg): add k 0 0 1\n"},
    {"warm_up", "mg.warm_up { a, b }", "set k 0 0 1",
     "a@1: set k 0 0 1\n"},
    {"zone_failover", "mg.zone_failover { here = 'x', zones = { x = a, y = b } }", "get k",
     "a@1: get k\n"
     "b@2, on an error of a: get k\n"},
};
/* clang-format on */

static void every_policy_shows_all_its_places(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = moongate_script_file(textf(POOLS "return %s\n", rows[i].route));
        struct run run = moongate_runs("explain", path, rows[i].request, NULL);
        exits(run, 0);
        const char *places = places_of(run.out);
        if (strcmp(places, rows[i].places) != 0)
            stage_fails("%s: %s\nexpected\n%sgot\n%s", rows[i].route, rows[i].request,
                        rows[i].places, places);
    }
}

static bool has_row(const char *policy)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].policy, policy) == 0) return true;
    return false;
}

/* Also in the table of tests/lua/explain_truth_test.lua. */
static void every_policy_has_its_rows(void **state)
{
    const char *truth = shell_runs("cat tests/lua/explain_truth_test.lua").out;
    glob_t files;
    assert_int_equal(glob("lua/moongate/routes/*.lua", 0, NULL, &files), 0);
    assert_true(files.gl_pathc > 30);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *file = strrchr(files.gl_pathv[i], '/') + 1;
        const char *policy = textf("%.*s", (int)strcspn(file, "."), file);
        if (!has_row(policy)) stage_fails("mg.%s has no row here", policy);
        if (!strstr(truth, textf("mg.%s {", policy)) && !strstr(truth, textf("mg.%s(", policy)) &&
            !strstr(truth, textf("mg.%s '", policy)))
            stage_fails("mg.%s has no row in explain_truth_test.lua", policy);
    }
    globfree(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_policy_shows_all_its_places),
        play(every_policy_has_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
