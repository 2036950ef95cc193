/* Configurations of mcrouter, run as they are: files that they import, texts on the command line, mcrouter's flags. */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *pool_of(const char *server)
{
    return textf(
        "{ \"type\": \"PoolRoute\", \"pool\": { \"name\": \"A\", \"servers\": [ \"%s\" ] } }",
        server);
}

static const char *server(void)
{
    return memcached_address(memcached_start(NULL));
}

/* The imported file is no part of the first one, but of what is loaded. */
static void an_imported_file_is_watched_and_its_errors_have_its_place(void **state)
{
    const char *folder = program_folder(), *main = textf("%s/main.json", folder),
               *part = textf("%s/part.json", folder);
    const char *first = server(), *second = server();
    file_becomes(main, textf("{ // imports\n  \"route\": \"@import(file:%s)\",\n}\n", part));
    file_becomes(part, pool_of(first));
    struct moongate *m = moongate_start(NULL, "--mcrouter", main, "--watch", "--rehearse", "0",
                                        "--probation", "0", "-j", "2", NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "k", "first");
    file_becomes(part, "{ \"type\": }");
    moongate_sees_log(m, "not loaded");
    moongate_sees_log(m, part);
    client_gets_value(c, "k", "first");
    file_becomes(part, pool_of(second));
    moongate_sees_log(m, "reloaded: generation 2");
    client_stores_value(c, "k", "second");
    client_gets_value(client_connects_to(second), "k", "second");
    client_gets_value(client_connects_to(first), "k", "first");
    client_sees_nothing_more(c);
}

static void a_text_on_the_command_line_is_run_and_can_be_loaded_again(void **state)
{
    struct moongate *m = moongate_start(NULL, "--mcrouter-text",
                                        textf("{ \"route\": %s }", pool_of(server())), NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "k", "v");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    client_gets_value(c, "k", "v");
    client_sees_nothing_more(c);
    struct run run = moongate_runs("-t", "--mcrouter-text", "{ \"route\": }", NULL);
    exits(run, 1);
    has(run.err, "(command line):1: ");
}

/* Flags that mcrouter has beside its file reach the reader by each way. */
static void a_route_prefix_is_that_of_the_flag(void **state)
{
    const char *file = textf("%s/m.json", program_folder());
    file_becomes(file,
                 "{ \"pools\": { \"A\": { \"servers\": [ \"127.0.0.1:11\" ] }, \"B\": { "
                 "\"servers\": [ \"127.0.0.1:12\" ] } },\n"
                 "  \"routes\": [ { \"aliases\": [ \"/a/x/\" ], \"route\": \"PoolRoute|A\" },\n"
                 "              { \"aliases\": [ \"/b/x/\" ], \"route\": \"PoolRoute|B\" } ] }\n");
    has(moongate_runs("explain", "--route-prefix", "/a/x/", file, "get k", NULL).out,
        "127.0.0.1:11");
    has(moongate_runs("explain", "--route-prefix", "/b/x/", file, "get k", NULL).out,
        "127.0.0.1:12");
    const char *script =
        moongate_script_file(moongate_runs("convert", "--route-prefix", "/b/x/", file, NULL).out);
    has(moongate_runs("explain", script, "get k", NULL).out, "127.0.0.1:12");
    exits(moongate_runs("-t", "--mcrouter", file, "--route-prefix", "/b/x/", NULL), 0);
}

/* --- under another name ------------------------------------------------------------------------- */

static struct run runs(const char *program, const char *flags)
{
    return shell_runs(textf("'%s' %s", program, flags));
}

static void mcrouters_flags_start_it(void **state)
{
    const char *file = textf("%s/m.json", program_folder());
    file_becomes(file, textf("{ \"route\": %s }", pool_of(server())));
    struct moongate *m =
        moongate_start_as(moongate_called("mcrouter"), "-p", "0", "--listen-addresses", "127.0.0.1",
                          "-f", file, "--stats-root=/nowhere", "--num-proxies", "1", NULL);
    moongate_sees_log(m, "called as mcrouter: --stats-root: it has no meaning here");
    struct client *c = client_connects(m);
    client_stores_value(c, "k", "v");
    client_gets_value(c, "k", "v");
    client_sends(c, "flush_all\r\n");
    client_sees_line_starting(c, "CLIENT_ERROR flush_all is not allowed");
    client_sees_nothing_more(c);
}

/* What a server comes back with was deleted meanwhile. */
static void mcrouters_asynclog_is_kept_and_replayed(void **state)
{
    const char *file = textf("%s/m.json", program_folder());
    struct memcached *s = memcached_start(NULL);
    file_becomes(file, textf("{ \"route\": %s }", pool_of(memcached_address(s))));
    struct moongate *m = moongate_start_as(
        moongate_called("mcrouter"), "-p", "0", "--listen-addresses", "127.0.0.1", "-f", file, "-t",
        "200", "--num-proxies", "1", "-a", textf("%s/spool", program_folder()), NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "k", "old");
    memcached_freezes(s);
    client_asks(c, "delete k\r\n", "NOT_FOUND\r\n");
    memcached_thaws(s);
    client_asks_until(c, "get k\r\n", "END\r\n"); /* and no value before */
    client_asks(client_connects_to(memcached_address(s)), "get k\r\n", "END\r\n");
}

static void mcrouters_validation_says_what_is_wrong(void **state)
{
    const char *file = textf("%s/m.json", program_folder());
    file_becomes(file, textf("{ \"route\": %s }", pool_of("127.0.0.1:1")));
    const char *mcrouter = moongate_called("mcrouter"),
               *flags = textf("--validate-config=exit -f %s", file);
    exits(runs(mcrouter, flags), 0);
    file_becomes(file, "{\n \"route\": \"PoolRoute|none\" }");
    struct run run = runs(mcrouter, flags);
    exits(run, 1);
    has(run.err, textf("%s:2: ", file));
    exits(runs(mcrouter, textf("-f %s --no-such-flag", file)), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(an_imported_file_is_watched_and_its_errors_have_its_place),
        play(a_text_on_the_command_line_is_run_and_can_be_loaded_again),
        play(a_route_prefix_is_that_of_the_flag),
        play(mcrouters_flags_start_it),
        play(mcrouters_asynclog_is_kept_and_replayed),
        play(mcrouters_validation_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
