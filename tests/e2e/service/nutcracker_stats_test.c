/* --nutcracker-stats: what reads nutcracker's statistics reads moongate's. The real nutcracker serves beside moongate. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/nutcracker.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *stats_address(struct moongate *m)
{
    static const char before[] = "nutcracker-stats: listening on ";
    const char *line = strstr(moongate_log_line(m, before), before) + sizeof before - 1;
    return textf("%.*s", (int)strcspn(line, " \n"), line);
}

static const char *document_at(const char *address)
{
    struct octets all = {0};
    client_sees_end(client_connects_to(address), &all);
    const char *text = textf("%.*s", (int)octets_n(&all), octets_at(&all));
    octets_release(&all);
    return text;
}

/* Its members and their types: no blanks, each number is 0, each text that is a value is empty. */
static const char *shape_of(const char *document)
{
    char *shape = stage_memory(strlen(document) + 1), *to = shape;
    for (const char *at = document; *at;) {
        bool is_value = to > shape && to[-1] == ':';
        if (*at == '"') {
            size_t len = strcspn(at + 1, "\"") + 2;
            if (!is_value) to = mempcpy(to, at, len);
            if (is_value) to = stpcpy(to, "\"\"");
            at += len;
        } else if (isdigit((unsigned char)*at)) {
            *to++ = '0';
            at += strspn(at, "0123456789");
        } else {
            if (!isspace((unsigned char)*at)) *to++ = *at;
            at++;
        }
    }
    *to = '\0';
    return shape;
}

/* Servers of every form of name: a given one, an address with the usual port, another one, a unix socket. */
static void members_names_and_types_are_those_of_nutcracker(void **state)
{
    static const char *const pool =
        "  servers:\n   - 127.0.0.1:11311:1 one\n   - 127.0.0.2:11211:1\n"
        "   - 127.0.0.2:11312:2\n   - /tmp/nobody.sock:1\n";
    struct nutcracker *n = nutcracker_start(&pool, 1);
    const char *folder = program_folder(), *path = textf("%s/nutcracker.yml", folder);
    FILE *file = fopen(path, "we");
    if (!file) stage_fails("cannot write %s", path);
    fprintf(file, "pool0:\n  listen: %s/socket\n%s", folder, pool);
    fclose(file);
    struct moongate *m =
        moongate_start(NULL, "--twemproxy", path, "--nutcracker-stats", "127.0.0.1:0", NULL);
    const char *real = shape_of(document_at(nutcracker_stats_address(n)));
    const char *ours = shape_of(document_at(stats_address(m)));
    assert_string_equal(ours, real);
    assert_non_null(strstr(real, "\"/tmp/nobody.sock:\":{\"server_eof\":0,"));
}

static void requests_are_counted_as_they_come(void **state)
{
    struct memcached *server = memcached_start(NULL);
    struct moongate *m = moongate_start(
        textf(MG "return mg.pool { name = 'alpha', '%s' }\n", memcached_address(server)), "-j", "2",
        "-b", "alpha=127.0.0.1:0", "--nutcracker-stats", "0", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "set k 0 0 1\r\nx\r\n");
    client_sees(c, "STORED\r\n");
    client_sends(c, "get k\r\n");
    client_sees(c, hit_and_end("k", "x"));
    const char *document = document_at(stats_address(m));
    assert_non_null(strstr(document, "\"curr_connections\":1,"));
    assert_non_null(
        strstr(document, "\"alpha\":{\"client_eof\":0,\"client_err\":0,\"client_connections\":1,"));
    assert_non_null(strstr(document, "\"requests\":2,"));
    assert_non_null(strstr(document, "\"responses\":2,"));
    client_sees_nothing_more(c);
}

/* One that takes no byte holds a place, and each that comes after the last place takes the oldest one's. */
static void readers_that_do_not_read_keep_nobody_out(void **state)
{
    struct memcached *server = memcached_start(NULL);
    struct moongate *m =
        moongate_start(textf(MG "return mg.pool { '%s' }\n", memcached_address(server)),
                       "--nutcracker-stats", "0", NULL);
    const char *address = stats_address(m);
    struct client *first = client_connects_to(address);
    client_stops_reading(first);
    for (int i = 0; i < 100; i++) client_stops_reading(client_connects_to(address));
    assert_non_null(strstr(document_at(address), "\"service\":\"nutcracker\""));
    struct client *c = client_connects_to(address); /* what it sends is not looked at */
    client_sends(c, "get k\r\nstats\r\n");
    client_half_closes(c);
    client_sees_line_starting(c, "{\"service\":\"nutcracker\",");
    client_sees_closed(c);
}

/* While the worker is stopped, readers wait for its answer. */
static void the_oldest_reader_makes_room_for_the_next_one(void **state)
{
    struct memcached *server = memcached_start(NULL);
    struct moongate *m =
        moongate_start(textf(MG "return mg.pool { '%s' }\n", memcached_address(server)),
                       "--nutcracker-stats", "0", NULL);
    const char *address = stats_address(m);
    pid_t worker = moongate_worker(m);
    kill(worker, SIGSTOP);
    struct client *first = client_connects_to(address), *second = client_connects_to(address);
    for (int i = 0; i < 31; i++) client_connects_to(address);
    client_sees_closed(first);
    kill(worker, SIGCONT);
    client_sees_line_starting(second, "{\"service\":\"nutcracker\",");
}

static void a_port_that_is_taken_ends_the_start(void **state)
{
    struct backend *b = backend_listens();
    struct run r = moongate_runs("--servers", "127.0.0.1:1", "-p", "0", "--nutcracker-stats",
                                 backend_address(b), NULL);
    assert_int_equal(r.code, 3);
    assert_non_null(strstr(r.err, "--nutcracker-stats"));
}

static void an_upgrade_hands_its_socket_on(void **state)
{
    upgrade_begins();
    struct memcached *server = memcached_start(NULL);
    struct moongate *m =
        moongate_start(textf(MG "return mg.pool { '%s' }\n", memcached_address(server)),
                       "--nutcracker-stats", "0", NULL);
    const char *address = stats_address(m);
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    assert_non_null(strstr(document_at(address), "\"service\":\"nutcracker\""));
}

static void wrong_addresses_are_usage_errors(void **state)
{
    assert_int_equal(moongate_runs("--servers", "a:1", "--nutcracker-stats", "host", NULL).code, 2);
    assert_int_equal(
        moongate_runs("--servers", "a:1", "--nutcracker-stats", "1", "--single-process", NULL).code,
        2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(members_names_and_types_are_those_of_nutcracker),
        play(requests_are_counted_as_they_come),
        play(readers_that_do_not_read_keep_nobody_out),
        play(the_oldest_reader_makes_room_for_the_next_one),
        play(a_port_that_is_taken_ends_the_start),
        play(an_upgrade_hands_its_socket_on),
        play(wrong_addresses_are_usage_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
