/* A move from nutcracker with its own file: keys are written through nutcracker, then moongate runs the same nutcracker.yml on the
 * same sockets, and finds each of them.
 *
 * The files are random: how many servers, how their addresses are written, weights, names, hashes, distributions, tags. SEED names the
 * first, MOVES says how many. */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/nutcracker.h"
#include "lib/octets.h"
#include "lib/program.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { SERVERS = 12, ON_UNIX = 4, POOLS = 8, KEYS = 200 };

struct farm {
    struct memcached *servers[SERVERS];
};

static unsigned seed;

static unsigned below(unsigned n)
{
    return random_below(&seed, n);
}

static void add(struct octets *to, const char *text)
{
    octets_add(to, text, strlen(text));
}

static void start_farm(struct farm *farm)
{
    const char *folder = program_folder();
    for (unsigned i = 0; i < SERVERS; i++)
        farm->servers[i] = i < ON_UNIX
                               ? memcached_start_at(textf("unix:%s/%u", folder, i), "-m", "8", NULL)
                               : memcached_start("-m", "8", NULL);
}

/* --- files --------------------------------------------------------------------------------------- */

/* 127.0.0.1:4711 in one of the ways in which nutcracker takes it; each is another name on its ring. */
static const char *spelled(const char *address)
{
    const char *colon = strrchr(address, ':');
    if (strncmp(address, "unix:", 5) == 0) return address + 5;
    switch (below(6)) {
    case 0: return textf("%.*s:0%s", (int)(colon - address), address, colon + 1);
    case 1: return textf("127.1%s", colon);
    case 2: return textf("0x7f000001%s", colon);
    default: return address;
    }
}

static const char *name_of(unsigned server)
{
    static const char *const forms[] = {
        "", "", "", " n%u", " \"n%u\"", " %u", " a-longer-name-%u:1"};
    const char *form = forms[below(COUNT(forms))];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return textf(form, server);
#pragma GCC diagnostic pop
}

static void add_servers(struct octets *to, const struct farm *farm)
{
    static const unsigned weights[] = {1, 1, 1, 2, 3, 10, 200};
    unsigned n = 1 + below(SERVERS), first = below(SERVERS), is_weighted = below(2);
    add(to, "  servers:\n");
    for (unsigned i = 0; i < n; i++) {
        unsigned server = (first + i) % SERVERS;
        add(to, textf("    - %s:%u%s\n", spelled(memcached_address(farm->servers[server])),
                      is_weighted ? weights[below(COUNT(weights))] : 1, name_of(server)));
    }
}

static const char *pool_text(const struct farm *farm)
{
    static const char *const hashes[] = {"one_at_a_time", "md5",     "crc16",    "crc32",
                                         "crc32a",        "fnv1_64", "fnv1a_64", "fnv1_32",
                                         "fnv1a_32",      "hsieh",   "murmur",   "jenkins"};
    static const char *const tags[] = {"\"{}\"", "'{}'", "$$", "\"[]\""};
    static const char *const ejects[] = {
        "", "  auto_eject_hosts: false\n  server_failure_limit: 1\n",
        "  auto_eject_hosts: true\n  server_retry_timeout: 2000\n"};
    static const char *const others[] = {"  timeout: 20000\n", "  preconnect: true\n",
                                         "  backlog: 64\n", "  server_connections: 2\n",
                                         "  tcpkeepalive: true\n"};
    struct octets made = {0};
    if (below(5)) add(&made, textf("  hash: %s\n", hashes[below(COUNT(hashes))]));
    if (below(2)) add(&made, below(2) ? "  distribution: modula\n" : "  distribution: ketama\n");
    if (below(2)) add(&made, textf("  hash_tag: %s\n", tags[below(COUNT(tags))]));
    add_servers(&made, farm);
    for (unsigned i = 0; i < COUNT(others); i++)
        if (below(4) == 0) add(&made, others[i]);
    add(&made, ejects[below(COUNT(ejects))]);
    const char *text = textf("%s", octets_at(&made));
    octets_release(&made);
    return text;
}

/* --- keys ---------------------------------------------------------------------------------------- */

/* Each pool has its own: servers are shared. */
static const char *key_of(unsigned pool, unsigned i)
{
    static const char *const forms[] = {"p%u:user:%u",   "p%u:{%u}:a",   "{p%u}%u",
                                        "p%u$%u$x",      "p%u[%u]{}$$x", "p%u:\xd0\xba%u",
                                        "p%u:{}%u[a]$b", "%u:%u"};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return textf(forms[i % COUNT(forms)], pool, i);
#pragma GCC diagnostic pop
}

static void write_keys(const struct nutcracker *n, unsigned pool)
{
    struct client *c = client_connects_to(nutcracker_address(n, pool));
    struct octets requests = {0};
    for (unsigned i = 0; i < KEYS; i++)
        add(&requests, textf("set %s 0 0 2\r\n%02u\r\n", key_of(pool, i), pool));
    client_sends_bytes(c, octets_at(&requests), octets_n(&requests));
    octets_release(&requests);
    for (unsigned i = 0; i < KEYS; i++) client_sees(c, "STORED\r\n");
    client_closes(c);
}

static unsigned count_misses(const struct nutcracker *n, unsigned pool)
{
    struct client *c = client_connects_to(nutcracker_address(n, pool));
    struct octets requests = {0};
    unsigned misses = 0;
    for (unsigned i = 0; i < KEYS; i++) add(&requests, textf("get %s\r\n", key_of(pool, i)));
    client_sends_bytes(c, octets_at(&requests), octets_n(&requests));
    octets_release(&requests);
    for (unsigned i = 0; i < KEYS; i++) {
        const char *line = client_sees_line(c);
        if (strcmp(line, "END") == 0) {
            misses++;
            continue;
        }
        assert_string_equal(line, textf("VALUE %s 0 2", key_of(pool, i)));
        client_sees(c, textf("%02u\r\nEND\r\n", pool));
    }
    client_closes(c);
    return misses;
}

static unsigned number_from(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void every_key_is_found_where_nutcracker_has_put_it(void **state)
{
    unsigned moves = number_from("MOVES", 3);
    seed = number_from("SEED", 14);
    for (unsigned move = 0; move < moves; move++) {
        struct farm farm;
        const char *pools[POOLS];
        unsigned before = seed;
        start_farm(&farm);
        for (unsigned i = 0; i < POOLS; i++) pools[i] = pool_text(&farm);
        struct nutcracker *n = nutcracker_start(pools, POOLS);
        for (unsigned i = 0; i < POOLS; i++) write_keys(n, i);
        nutcracker_kill(n);

        struct moongate *m = moongate_start(NULL, "--twemproxy", nutcracker_file(n), NULL);
        moongate_sees_log(m, "ready: ");
        for (unsigned i = 0; i < POOLS; i++) {
            unsigned misses = count_misses(n, i);
            if (misses)
                stage_fails("SEED=%u: %u of %u keys are not where nutcracker has put them:\n%s",
                            before, misses, KEYS, pools[i]);
        }
        stage_clears();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_key_is_found_where_nutcracker_has_put_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
