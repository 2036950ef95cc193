/* Dumps of keys of real servers: together, what each of them shows. */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/octets.h"
#include "lib/scene.h"

#include <stdlib.h>
#include <string.h>

enum { SERVERS = 3, KEYS = 3000, CLASSES = 64 };

struct scene {
    struct memcached *servers[SERVERS];
    struct client *direct[SERVERS], *c;
    struct moongate *m;
};

/* With keys of several classes. Items stay where they are: cachedump shows the cold ones alone, and the maintainer moves them there. */
static struct scene scene_with(int keys)
{
    struct scene s;
    const char *list = "";
    for (int i = 0; i < SERVERS; i++) {
        s.servers[i] = memcached_start("-m", "64", "-o", "no_lru_maintainer", NULL);
        s.direct[i] = client_connects_to(memcached_address(s.servers[i]));
        list = textf("%s'%s', ", list, memcached_address(s.servers[i]));
    }
    s.m = moongate_start(textf(MG "return mg.pool { %s}\n", list), NULL);
    s.c = client_connects(s.m);
    for (int i = 0; i < keys; i++) {
        int len = i % 10 * 37 + 1;
        client_sends(s.c, textf("set key:%d 0 0 %d noreply\r\n%0*d\r\n", i, len, len, 0));
    }
    client_sends(s.c, "get nothing\r\n");
    client_sees(s.c, "END\r\n");
    return s;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The lines of an answer that name keys, up to its end. `first`: the answer begins with OK. */
static size_t take_keys(struct client *c, const char *command, struct octets *to, bool *says_ok)
{
    size_t n = 0;
    *says_ok = false;
    client_sends(c, textf("%s\r\n", command));
    for (;;) {
        const char *line = client_sees_line(c);
        if (strcmp(line, "END") == 0 || strcmp(line, "EN") == 0) return n;
        if (n == 0 && strcmp(line, "OK") == 0) {
            *says_ok = true;
            continue;
        }
        if (!begins(line, "ITEM ") && !begins(line, "key=") && !begins(line, "mg "))
            stage_fails("%s: %s", command, line);
        octets_add(to, line, strlen(line));
        octets_add(to, "\n", 1);
        n++;
    }
}

/* The lines of all servers, one after the other, are those that moongate passes on, and the form is theirs. */
static size_t is_what_the_servers_say(struct scene *s, const char *command)
{
    struct octets direct = {0}, through = {0};
    bool says_ok, server_says_ok;
    size_t n = 0;
    for (int i = 0; i < SERVERS; i++)
        n += take_keys(s->direct[i], command, &direct, &server_says_ok);
    if (take_keys(s->c, command, &through, &says_ok) != n) stage_fails("%s: other keys", command);
    assert_int_equal(says_ok, server_says_ok);
    assert_int_equal(octets_n(&through), octets_n(&direct));
    if (n > 0) assert_memory_equal(octets_at(&through), octets_at(&direct), octets_n(&direct));
    octets_release(&direct);
    octets_release(&through);
    return n;
}

static void a_class_of_all_servers(void **state)
{
    struct scene s = scene_with(KEYS);
    size_t n = 0;
    for (int class = 0; class < CLASSES; class ++)
        n += is_what_the_servers_say(&s, textf("stats cachedump %d 0", class));
    assert_int_equal(n, KEYS);
}

static bool has_mgdump(const struct memcached *s)
{
    const char *version = memcached_version(s);
    return !begins(version, "1.6.") || atoi(version + 4) >= 38;
}

static void all_keys_of_all_servers(void **state)
{
    struct scene s = scene_with(KEYS);
    assert_int_equal(is_what_the_servers_say(&s, "lru_crawler metadump all"), KEYS);
    if (has_mgdump(s.servers[0])) /* an older one is not asked for it */
        assert_int_equal(is_what_the_servers_say(&s, "lru_crawler metadump hash"), KEYS);
    assert_true(is_what_the_servers_say(&s, "lru_crawler metadump 1,2") > 0);
}

static void all_keys_as_meta_gets(void **state)
{
    struct scene s = scene_with(KEYS);
    if (has_mgdump(s.servers[0])) {
        assert_int_equal(is_what_the_servers_say(&s, "lru_crawler mgdump all"), KEYS);
        return;
    }
    client_sends(s.c, "lru_crawler mgdump all\r\n");
    client_sees(s.c, "ERROR\r\n");
    client_sees_nothing_more(s.c);
}

/* Requests that are refused are refused as the server does it. */
static void errors_are_memcacheds(void **state)
{
    static const char *const wrong[] = {
        "stats cachedump",         "stats cachedump 1",         "stats cachedump x 1",
        "stats cachedump 64 1",    "stats cachedump 1 -2",      "lru_crawler metadump",
        "lru_crawler metadump 0",  "lru_crawler metadump x",    "lru_crawler metadump 1,x",
        "lru_crawler metadump 99", "lru_crawler metadump all 2"};
    struct scene s = scene_with(1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        client_sends(s.direct[0], textf("%s\r\n", wrong[i]));
        client_sends(s.c, textf("%s\r\n", wrong[i]));
        assert_string_equal(client_sees_line(s.c), client_sees_line(s.direct[0]));
    }
    client_sees_nothing_more(s.c);
}

/* A server that dies in the middle of the tier: the keys of the others are no whole dump. */
static void a_dead_server_makes_no_whole_dump(void **state)
{
    struct scene s = scene_with(10);
    const char *address = memcached_address(s.servers[1]);
    memcached_kill(s.servers[1]);
    stat_becomes(s.c, "servers", textf("%s:state", address), "down");
    client_sends(s.c, "stats cachedump 1 0\r\nlru_crawler metadump all\r\n");
    client_sees(s.c, textf("ERROR %s is down\r\nERROR %s is down\r\n", address, address));
    client_sees_closed(s.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_class_of_all_servers),
        play(all_keys_of_all_servers),
        play(all_keys_as_meta_gets),
        play(errors_are_memcacheds),
        play(a_dead_server_makes_no_whole_dump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
