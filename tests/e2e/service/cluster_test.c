/* Clients that ask for the nodes of a cluster, as ElastiCache's do, are told where moongate listens. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* c asks, and is told these nodes alone, in ElastiCache's form; gives the version. */
static unsigned long is_told(struct client *c, const char *nodes)
{
    unsigned long version;
    size_t len;
    client_sends(c, "config get cluster\r\n");
    const char *line = client_sees_line(c);
    if (sscanf(line, "CONFIG cluster 0 %zu", &len) != 1) stage_fails("%s", line);
    const char *config = client_sees_some(c, len);
    char *end;
    version = strtoul(config, &end, 10);
    if (strlen(config) != len || strcmp(end, textf("\n%s\n", nodes)) != 0)
        stage_fails("not %s: %s", nodes, config);
    client_sees(c, "\r\nEND\r\n");
    client_sees_nothing_more(c);
    return version;
}

static const char *node_at(const char *host, const char *address)
{
    return textf("%s|%s|%s", host, host, strrchr(address, ':') + 1);
}

/* Whatever the listener's address is, the client has reached it by the one that it is told. */
static void a_client_is_told_the_address_that_it_has_reached(void **state)
{
    struct moongate *m =
        moongate_start(MG "return mg.reply.miss()", "-b", "0.0.0.0:0", "-b", "[::1]:0", NULL);
    const char *port = strrchr(moongate_listener(m, "0.0.0.0"), ':') + 1;
    (void)state;
    is_told(client_connects_to(textf("127.0.0.1:%s", port)), textf("127.0.0.1|127.0.0.1|%s", port));
    is_told(client_connects_to(textf("127.3.2.1:%s", port)), textf("127.3.2.1|127.3.2.1|%s", port));
    const char *v6 = moongate_listener(m, "[::1]");
    is_told(client_connects_to(v6), node_at("::1", v6));
}

static void advertised_nodes_are_told_instead(void **state)
{
    struct moongate *m = moongate_start(MG "return mg.reply.miss()", "-b", "127.0.0.1:0", "-b",
                                        textf("unix:%s/s", program_folder()), "-p", "11311",
                                        "--advertise", "10.0.0.7:11211,localhost:11212,10.0.0.8",
                                        "--advertise", "[fd00::1]:5", NULL);
    const char *nodes = "10.0.0.7|10.0.0.7|11211 localhost|127.0.0.1|11212 10.0.0.8|10.0.0.8|11311 "
                        "fd00::1|fd00::1|5";
    struct client *c = client_connects(m);
    (void)state;
    is_told(c, nodes);
    is_told(client_connects_to(moongate_listener(m, "unix:")), nodes);
    assert_string_equal(stat_text(c, "settings", "advertise"),
                        "10.0.0.7:11211,localhost:11212,10.0.0.8,[fd00::1]:5");
    assert_int_equal(stat_number(c, "commands", "config:requests"), 2);
}

/* Nobody else could connect to the end of a Unix socket: what memcached answers says that this is no configuration endpoint. */
static void a_unix_socket_is_no_node(void **state)
{
    struct moongate *m = moongate_start(MG "return mg.reply.miss()", "-b",
                                        textf("unix:%s/s", program_folder()), NULL);
    struct client *c = client_connects(m);
    (void)state;
    client_asks(c, "config get cluster\r\n", "ERROR\r\n");
    client_sees_nothing_more(c);
}

static void other_words_are_unknown_as_memcached_has_them(void **state)
{
    static const char *const words[] = {"",
                                        " get",
                                        " get clusters",
                                        " get cluster x",
                                        " cluster",
                                        " Get cluster",
                                        " get cluster noreply",
                                        " noreply",
                                        " set cluster",
                                        " delete cluster"};
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "--advertise",
                                        "10.0.0.7:11211", NULL);
    struct client *c = client_connects(m);
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        client_asks(c, textf("config%s\r\n", words[i]), "ERROR\r\n");
        client_sees_nothing_more(c);
    }
    /* Older clients' name of it is a key like others: a server may have it. */
    get_finds(c, "AmazonElastiCache:cluster", b, "AmazonElastiCache:cluster", "v");
}

static void it_is_answered_in_its_place(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "--advertise",
                                        "10.0.0.7:11211", NULL);
    struct client *c = client_connects(m);
    (void)state;
    client_sends(c, "get before\r\nconfig get cluster\r\nget after\r\n");
    backend_sees(b, "get before\r\nget after\r\n");
    backend_answers(b, "END\r\nEND\r\n");
    client_sees(c, "END\r\n");
    client_sees_line_starting(c, "CONFIG cluster 0 ");
    client_sees_line(c);
    client_sees(c, "10.0.0.7|10.0.0.7|11211\n\r\nEND\r\nEND\r\n");
    client_sees_nothing_more(c);
}

/* I14 */
static void nobody_is_told_before_it_has_said_who_it_is(void **state)
{
    struct moongate *m = moongate_start(MG "return mg.reply.miss()", "--auth-file",
                                        moongate_script_file("us:secret\n"), NULL);
    struct client *c = client_connects(m);
    const char *address = moongate_address(m);
    (void)state;
    client_asks(c, "config get cluster\r\n", "CLIENT_ERROR unauthenticated\r\n");
    client_asks(c, "set who 0 0 9\r\nus secret\r\n", "STORED\r\n");
    is_told(c, node_at("127.0.0.1", address));
}

/* Clients connect again when the version has changed, and older ones only when it has grown. */
static void the_version_is_the_time_of_the_start(void **state)
{
    const char *script = MG "return mg.reply.miss()";
    unsigned long before = (unsigned long)time(NULL);
    struct moongate *m = moongate_start(script, "-j", "2", "--advertise", "10.0.0.7:11211",
                                        "--rehearse", "0", "--probation", "0", NULL);
    struct client *one = client_connects(m), *other = client_connects(m);
    (void)state;
    unsigned long version = is_told(one, "10.0.0.7|10.0.0.7|11211");
    assert_in_range(version, before, time(NULL));
    assert_int_equal(is_told(other, "10.0.0.7|10.0.0.7|11211"), version);
    moongate_reloads(m, MG "return mg.reply.error 'x'");
    assert_int_equal(is_told(one, "10.0.0.7|10.0.0.7|11211"), version);
    assert_int_equal(is_told(other, "10.0.0.7|10.0.0.7|11211"), version);
}

/* A moongate is a configuration endpoint for another one. */
static void another_moongate_finds_this_one(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *near = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct moongate *far =
        moongate_start(textf(MG "return mg.pool { discover = 'elasticache://%s', name = 'far' }",
                             moongate_address(near)),
                       NULL);
    struct client *c = client_connects(far);
    (void)state;
    assert_string_equal(stat_text(c, "pools", "far:server"), moongate_address(near));
    get_finds(c, "k", b, "k", "v");
}

/* --- what cannot be advertised ------------------------------------------------------------------ */

static void refuses(const char *value, int code, const char *why)
{
    struct run run = moongate_runs("-s", "127.0.0.1:1", "-p", "0", "--advertise", value, NULL);
    exits(run, code);
    has(run.err, textf("--advertise %s", code == 2 ? textf("'%s'", value) : value));
    has(run.err, why);
    assert_int_equal(lines_of(run.err), 1);
}

static void what_no_client_could_connect_to_is_refused_at_start(void **state)
{
    (void)state;
    refuses("unix:/run/s", 2, "a unix socket");
    refuses("0.0.0.0:11211", 2, "the address by which they reach moongate");
    refuses("[::]:11211", 2, "the address by which they reach moongate");
    refuses("a.test:0", 2, "port 0");
    refuses("a.test:x", 2, "is not an address");
    refuses("10.0.0.7", 4, "each node needs its port");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_client_is_told_the_address_that_it_has_reached),
        play(advertised_nodes_are_told_instead),
        play(a_unix_socket_is_no_node),
        play(other_words_are_unknown_as_memcached_has_them),
        play(it_is_answered_in_its_place),
        play(nobody_is_told_before_it_has_said_who_it_is),
        play(the_version_is_the_time_of_the_start),
        play(another_moongate_finds_this_one),
        play(what_no_client_could_connect_to_is_refused_at_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
