/* What runs in C costs Lua's collector nothing: each policy that does not wait, beside how much memory Lua says it has. */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/program.h"
#include "lib/scene.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM = 20, TURNS = 60, A_TURN = 100, MAY_GROW = 16 * 1024 };

/* As a user would write them; all is well with a and b. */
static const char *const routes[] = {
    "mg.all_async { a, b }",
    "mg.allow { ['user:bob'] = b, otherwise = a }",
    "mg.all_fastest { a, b }",
    "mg.all_initial { a, b }",
    "mg.all_majority { a, b }",
    "mg.all_sync { a, b }",
    "mg.by_command { get = a, default = b }",
    "mg.by_prefix { { ['user:'] = a, ['k'] = b }, default = a }",
    "mg.by_route_prefix { { ['/x/a/'] = a, ['/x/b/'] = b }, default = '/x/a/' }",
    "mg.cap_ttl { a, 60 }",
    "mg.coalesce { a }",
    "mg.compare { a, b, share = 0.5 }",
    "mg.delay { a, 0.001 }",
    "mg.deny { a, commands = 'delete' }",
    "mg.error 'no'",
    "mg.failover { a, b }",
    "mg.failover_with_exptime { a, b, 60 }",
    "mg.hash { a, b }",
    "mg.hedge { a, b }",
    "mg.key_split { a, replicas = 4 }",
    "mg.latest { a, b }",
    "mg.lease { a, ttl = 30, wait = 0.001 }",
    "mg.log_requests { a }",
    "mg.migrate { a, b, start = os.time() - 10, interval = 3600 }",
    "mg.modify_key { a, add = 'v2:' }",
    "mg.near { mg.store { size = '1m', name = 'near' }, a, ttl = 0.05 }",
    "mg.negative_cache { a, 0.05 }",
    "mg.null()",
    "mg.outstanding_limit { a, 10000 }",
    "mg.random { a, b }",
    "mg.rate_limit { a, rate = 1e6 }",
    "mg.set_ttl { a, 60 }",
    "mg.shadow { a, to = b, share = 0.5 }",
    "mg.spool_deletes { a, dir = spool }",
    "mg.zone_failover { here = 'x', zones = { x = a, y = b } }",
};

/* They wait, which takes a coroutine (migrate does for deletes, and with writes = "both" for all writes). */
static const char waiting[] = " big_value l1_l2 staging warm_up ";

/* A turn's requests at once, until the last is answered. */
static void asks(struct client *c)
{
    static char requests[A_TURN * 64];
    size_t len = 0;
    for (unsigned i = 0; i < A_TURN; i++) {
        char *to = requests + len;
        size_t room = sizeof requests - len;
        len += (size_t)(i % 10 ? snprintf(to, room, "get user:%u\r\n", i / 2)
                               : snprintf(to, room, "set user:%u 0 0 1\r\nx\r\n", i / 2));
    }
    client_sends(c, textf("%smn\r\n", requests));
    while (strcmp(client_sees_line(c), "MN") != 0) {
    }
}

static double bytes_of_lua(struct client *c)
{
    client_sends(c, "get how:much\r\n");
    const char *line = client_sees_line(c);
    assert_memory_equal(line, "SERVER_ERROR ", 13);
    return strtod(line + 13, NULL) * 1024;
}

static void policies_that_do_not_wait_make_nothing_in_lua(void **state)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct memcached *a = memcached_start(NULL), *b = memcached_start(NULL);
        const char *script =
            textf(MG "local a, b = mg.pool { '%s' }, mg.pool { '%s' }\n"
                     "local spool = '%s/spool'\n"
                     "local function how(req)\n"
                     "  if req.key == 'how:stop' then collectgarbage() collectgarbage 'stop' end\n"
                     "  return mg.reply.error(tostring(collectgarbage 'count'))\n"
                     "end\n"
                     "return mg.by_prefix { { ['how:'] = how }, default = %s }\n",
                  memcached_address(a), memcached_address(b), program_folder(), routes[i]);
        struct client *c = client_connects(moongate_start(script, "--unsafe-lua", NULL));
        for (int turn = 0; turn < WARM; turn++) asks(c);
        client_sends(c, "get how:stop\r\n");
        client_sees_line(c);
        double before = bytes_of_lua(c);
        for (int turn = 0; turn < TURNS; turn++) asks(c);
        double more = bytes_of_lua(c) - before;
        if (more > MAY_GROW)
            stage_fails("%s: %.0f bytes for %d requests", routes[i], more, TURNS * A_TURN);
        stage_clears();
    }
}

static void no_policy_is_left_out(void **state)
{
    glob_t files;
    assert_int_equal(glob("lua/moongate/routes/*.lua", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *file = strrchr(files.gl_pathv[i], '/') + 1;
        const char *policy = textf("%.*s", (int)strcspn(file, "."), file);
        bool is_known = strstr(waiting, textf(" %s ", policy)) != NULL;
        for (size_t k = 0; k < sizeof routes / sizeof *routes; k++)
            is_known |= strncmp(routes[k], textf("mg.%s", policy), strlen(policy) + 3) == 0;
        if (!is_known) stage_fails("mg.%s is not measured", policy);
    }
    globfree(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(policies_that_do_not_wait_make_nothing_in_lua),
        play(no_policy_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
