/* Commands that look at scripts, and a script with stores: what explain, diff and -t show; and that none of them touches the stores of a
 * service. */
#include <signal.h>

#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/stage.h"

#define POOL MG "local far = mg.pool { '127.0.0.1:1', name = 'far' }\n"

static const char mixed[] = POOL
    "local near = mg.store { size = '1m', name = 'near' }\n"
    "return mg.by_prefix { { ['s:'] = near }, default = mg.l1_l2 { near, far, exptime = 60 } }\n";

static void explain_shows_stores_as_places(void **state)
{
    const char *path = moongate_script_file(mixed);
    struct run run = moongate_runs("explain", path, "get s:1", "get k", "set k 0 0 1", NULL);
    exits(run, 0);
    has(run.out, "get s:1\n"
                 "  route         by_prefix(l1_l2, store near) -> store near\n"
                 "  store         near\n"
                 "  request       get s:1\n\n");
    has(run.out,
        "  place 1       store near: get k\n"
        "  place 2       far 127.0.0.1:1, on a miss or an error of store near: get k\n"
        "  place 3       store near, in the background, on a miss or an error of store near, on a "
        "hit of far: add k 0 60 1\n");
    has(run.out, "  place 1       far 127.0.0.1:1: set k 0 0 1\n"
                 "  place 2       store near, on a hit of far: set k 0 60 1\n"
                 "  place 3       store near, on an error of far: delete k\n");
    run = moongate_runs("explain", "--json", path, "get k", NULL);
    exits(run, 0);
    has(run.out,
        "\"store\":\"near\",\"request\":\"get k\",\"places\":[{\"store\":\"near\",\"role\":"
        "\"main\"");
    has(run.out, "{\"pool\":\"far\",\"server\":\"127.0.0.1:1\",\"role\":\"on miss\"");
    run = moongate_runs("explain", "--wire", "1.6.18", path, "get k", NULL);
    exits(run, 0);
    has(run.out, "  wire 2        ");
    has_not(run.out, "  wire 1        ");
}

static void keys_are_counted_for_stores(void **state)
{
    const char *path = moongate_script_file(mixed), *keys = moongate_script_file("s:1\nk\n");
    struct run run = moongate_runs("explain", path, "--keys", keys, NULL);
    exits(run, 0);
    is_said(run.out, "s:1\t-\tstore near\nk\t-\tstore near\n");
    run = moongate_runs("explain", path, "--summary", "--keys", keys, NULL);
    exits(run, 0);
    has(run.out, "store near: 2 keys, 100.0 %\n");
    run = moongate_runs("diff", moongate_script_file(POOL "return far\n"), path, "--keys", keys,
                        NULL);
    has(run.out, "2 keys: 1 move");
    has(run.out, "  127.0.0.1:1 -> store near: 1");
}

static void a_check_shows_stores(void **state)
{
    struct run run = moongate_runs("-t", moongate_script_file(mixed), NULL);
    exits(run, 0);
    has(run.out, "store near: size 1m, values up to 512k\n");
    run = moongate_runs("-t", "--store", "64m", NULL);
    exits(run, 0);
    has(run.out, "store store: size 64m, values up to 1m\nroute: store store\n");
    run = moongate_runs("--print-script", "--store", "64m", NULL);
    exits(run, 0);
    has(run.out, "return mg.store { size = mg.store_size }\n");
}

static void what_is_wrong_with_a_store_is_said(void **state)
{
    static const char *const wrong[][2] = {
        {"mg.store {}", "option 'size' is missing: give it, as in size = \"64m\""},
        {"mg.store '64m'", "takes a table of options, as in mg.store { size = \"64m\" }"},
        {"mg.store { '127.0.0.1:1', size = '1m' }", "takes options alone"},
        {"mg.store { size = 1 }", "option 'size' takes a number from 65536 to "},
        {"mg.store { size = '513g' }", "; give 64k to 512g, as in size = \"64m\""},
        {"mg.store { size = '1m', name = 'a b' }", "option 'name' takes 1 to 63 letters"},
        {"mg.store { size = '1m', policy = 'lru' }",
         "unknown option 'policy'; there are: name, size"},
        {"mg:store { size = '1m' }", "is called with a dot"},
        {"mg.failover { mg.store { size = '1m' }, mg.store { size = '1m' } }",
         "has a store without a name already: give each store a name"},
        {"mg.failover { mg.store { size = '1m' }, mg.store { size = '2m', name = 'store' } }",
         "has a store 'store' of 1048576 bytes already: give this one another name, or the same "
         "size"},
        {"mg.store { size = '64m' }",
         "there is not enough room left: give more with --store-memory"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *path = moongate_script_file(textf(MG "return %s\n", wrong[i][0]));
        struct run run = moongate_runs("-t", "--store-memory", "8m", path, NULL);
        exits(run, 1);
        has(run.err, "script.lua:2: mg.store");
        has(run.err, wrong[i][1]);
    }
}

/* The rehearsal asks the new script what clients have sent: of these a set, which must reach no store. */
static void a_rehearsal_touches_no_store(void **state)
{
    struct moongate *m = moongate_start(MG "return mg.store { size = '1m' }\n", "-j", "1", NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "a", "by a client");
    client_asks(c, "delete a\r\n", "DELETED\r\n");
    client_asks(c, "append a 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
    moongate_reloads(m, MG "return mg.store { size = '1m' } -- again\n");
    moongate_sees_log(m, "requests asked, 0 failed");
    client_asks(c, "get a\r\n", "END\r\n");
    client_sees_nothing_more(c);
}

/* Only the service has them: a copy or a check of servers that said nothing would look whole. */
static void copy_and_verify_tell_that_they_leave_stores_out(void **state)
{
    const char *path = moongate_script_file(MG "return mg.store { size = '1m', name = 'one' }\n");
    const char *other = moongate_script_file(MG "return mg.near { mg.store { size = '1m' }, "
                                                "mg.pool { '127.0.0.1:1' }, ttl = 1 }\n");
    struct run run = moongate_runs("verify", path, "--dump", NULL);
    has(run.err, "script.lua keeps items in store one: the service alone has them");
    run = moongate_runs("copy", path, path, "--dry-run", NULL);
    has(run.err, "script.lua keeps items in store one: the service alone has them");
    run = moongate_runs("verify", other, "--dump", NULL);
    has_not(run.err, "keeps items"); /* they are copies */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(explain_shows_stores_as_places), play(keys_are_counted_for_stores),
        play(a_check_shows_stores),           play(what_is_wrong_with_a_store_is_said),
        play(a_rehearsal_touches_no_store),   play(copy_and_verify_tell_that_they_leave_stores_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
