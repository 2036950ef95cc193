/* What comes from nodeproxy runs as it did: its four options, in both forms, and keys where its hash has put them. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- its command line -------------------------------------------------------------------------- */

/* Each key of a get goes to one of them, over one of the connections. */
static void both_are_used(struct client *c, struct backend *a, struct backend *b)
{
    enum { KEYS = 50, KEY = 4 };
    struct backend *both[] = {a, b};
    size_t len = 0;
    const char *request = "get";
    for (int i = 0; i < KEYS; i++) request = textf("%s k%02d", request, i);
    client_sends(c, textf("%s\r\n", request));
    for (int i = 0; i < 2; i++) {
        backend_turns_to_input(both[i]);
        len += strlen(backend_sees_line(both[i])) - strlen("get");
        backend_answers(both[i], "END\r\n");
    }
    assert_int_equal(len, KEYS * KEY);
    client_sees(c, "END\r\n");
    client_sees_nothing_more(c);
}

/* An address of the loopback net that is hardly anyone else's. */
static const char *own_address(unsigned number)
{
    unsigned own = (unsigned)getpid() % (250 * 250);
    return textf("127.%u.%u.%u", 1 + own / 250, 1 + own % 250, number);
}

static void serves(const char *servers, const char *port, const char *bind, const char *connections)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *one = own_address(101), *two = own_address(102);
    struct moongate *m =
        moongate_start(NULL, servers, textf("%s,%s", backend_address(a), backend_address(b)), port,
                       "11311", bind, one, bind, two, connections, "3", NULL);
    backend_sees_links(a, 3);
    backend_sees_links(b, 3);
    struct client *c = client_connects_to(textf("%s:11311", one));
    struct client *other = client_connects_to(textf("%s:11311", two));
    client_sees_nothing_more(c);
    both_are_used(other, a, b);
    assert_string_equal(stat_text(c, "pools", "pool1:servers"), "2");
    assert_string_equal(moongate_address(m), textf("%s:11311", one));
    stage_clears();
}

static void its_four_options_keep_their_letters_and_their_words(void **state)
{
    serves("-s", "-p", "-b", "-n");
    serves("--servers", "--port", "--bind", "--connections");
}

/* --- its hash ---------------------------------------------------------------------------------- */

/* Java's String.hashCode is over the 16-bit units of UTF-16, two of them for what is above U+FFFF. Computed by Python from
 * key.encode("utf-16-be"), with Java's remainder, to which the divisor is added where it is negative. */
static const struct {
    const char *key;
    int server; /* of five */
} keys[] = {
    {"user:1", 3},   /* -836031422 */
    {"\xc3\xa9", 3}, /* 233 */
    {"stra\xc3\x9f"
     "e:7",
     3},                                         /* 1790984563 */
    {"\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87:1", 2},   /* 1946027377 */
    {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 3}, /* 25921943 */
    {"\xf0\x9f\x98\x80", 4},                     /* 1772899, of a pair */
    {"a\xf0\x9f\x98\x80"
     "b:\xe2\x82\xac",
     3},                                 /* -241008752 */
    {"key:\xc3\xbc:with:more:bytes", 2}, /* 378839137 */
};

static void keys_of_all_kinds_are_where_its_hash_has_put_them(void **state)
{
    enum { SERVERS = 5 };
    struct backend *servers[SERVERS];
    const char *list = "";
    for (int i = 0; i < SERVERS; i++) {
        servers[i] = backend_listens();
        list = textf("%s'%s', ", list, backend_address(servers[i]));
    }
    struct moongate *m =
        moongate_start(textf(MG "return mg.pool { %s like = 'nodeproxy' }\n", list), NULL);
    struct client *c = client_connects(m);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        get_finds(c, keys[i].key, servers[keys[i].server], keys[i].key, "x");
    client_sees_nothing_more(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(its_four_options_keep_their_letters_and_their_words),
        play(keys_of_all_kinds_are_where_its_hash_has_put_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
