/* The examples are the user's manual: each runs before four real servers and does what its first line says. */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

enum { SERVERS = 4 };

static const char *servers[SERVERS];

static char *read_example(const char *name)
{
    char *text = stage_memory(4096);
    FILE *file = fopen(textf("examples/%s.lua", name), "r");
    if (!file)
        stage_fails("examples/%s.lua cannot be read: run the tests from the top of the tree", name);
    text[fread(text, 1, 4095, file)] = '\0';
    fclose(file);
    return text;
}

/* The example with the addresses of servers of our own in place of 127.0.0.1:11311 .. 11314. */
static const char *moved(const char *text)
{
    static const char written[] = "127.0.0.1:1131";
    char *to = stage_memory(8192);
    size_t n = 0;
    while (*text) {
        unsigned which = strncmp(text, written, sizeof written - 1)
                             ? SERVERS
                             : (unsigned)(text[sizeof written - 1] - '1');
        if (which < SERVERS) {
            n += (size_t)sprintf(to + n, "%s", servers[which]);
            text += sizeof written;
        } else {
            to[n++] = *text++;
        }
    }
    return to;
}

static struct client *client_of_example(const char *name)
{
    for (int i = 0; i < SERVERS; i++) servers[i] = memcached_address(memcached_start(NULL));
    return client_connects(moongate_start(moved(read_example(name)), NULL));
}

static struct client *client_of_server(int i)
{
    return client_connects_to(servers[i]);
}

/* How many of the servers from `first` to `last` have the key. */
static int holders(const char *key, int first, int last)
{
    int n = 0;
    for (int i = first; i <= last; i++) {
        struct client *c = client_of_server(i);
        client_sends(c, textf("append %s 0 0 0\r\n\r\n", key));
        n += strcmp(client_sees_line(c), "STORED") == 0;
    }
    return n;
}

static void client_sets(struct client *c, const char *key)
{
    client_sends(c, textf("set %s 0 0 5\r\nhello\r\n", key));
    client_sees(c, "STORED\r\n");
}

static void example_01_puts_every_key_on_one_server(void **state)
{
    struct client *c = client_of_example("01-minimal");
    for (int i = 0; i < 20; i++) {
        const char *key = textf("key:%d", i);
        client_sets(c, key);
        assert_int_equal(holders(key, 0, 3), 1);
        client_sends(c, textf("get %s\r\n", key));
        client_sees(c, textf("VALUE %s 0 5\r\nhello\r\nEND\r\n", key));
    }
}

static void example_02_puts_users_and_pages_on_servers_of_their_own(void **state)
{
    struct client *c = client_of_example("02-two-pools");
    for (int i = 0; i < 10; i++) {
        client_sets(c, textf("user:%d", i));
        assert_int_equal(holders(textf("user:%d", i), 0, 1), 1);
        client_sets(c, textf("page:%d", i));
        assert_int_equal(holders(textf("page:%d", i), 2, 3), 1);
    }
    client_sends(c, "get user:1 page:1 user:2\r\n");
    client_sees(c, "VALUE user:1 0 5\r\nhello\r\nVALUE page:1 0 5\r\nhello\r\n"
                   "VALUE user:2 0 5\r\nhello\r\nEND\r\n");
}

static void example_03_rewrites_times_and_keys(void **state)
{
    struct client *c = client_of_example("03-rewriting");
    client_sets(c, "page:1");
    client_sends(c, "get page:1\r\n");
    client_sees(c, "VALUE page:1 0 5\r\nhello\r\nEND\r\n");
    assert_int_equal(holders("v2:page:1", 0, 3), 1);
    assert_int_equal(holders("page:1", 0, 3), 0);
    client_sets(c, "tmp:1");
    client_sets(c, "other");
    client_sends(c, "mg tmp:1 t\r\nmg other t\r\n");
    unsigned left = 0;
    assert_int_equal(sscanf(client_sees_line(c), "HD t%u", &left), 1);
    assert_in_range(left, 1, 60);
    client_sees(c, "HD t-1\r\n");
}

static void example_04_refuses_and_misses(void **state)
{
    struct client *c = client_of_example("04-refusing");
    client_sends(c, "set retired:1 0 0 1\r\na\r\nget retired:1\r\n");
    client_sees(c, "NOT_STORED\r\nEND\r\n");
    client_sends(c, "set frozen:1 0 0 1\r\na\r\nget frozen:1\r\n");
    client_sees(c, "SERVER_ERROR this cache is read-only for now\r\nEND\r\n");
    client_sets(c, "k");
    assert_int_equal(holders("k", 0, 3), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(example_01_puts_every_key_on_one_server),
        play(example_02_puts_users_and_pages_on_servers_of_their_own),
        play(example_03_rewrites_times_and_keys),
        play(example_04_refuses_and_misses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
