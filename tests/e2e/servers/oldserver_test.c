/* The small memcached of lib/oldserver is as the real ones are: the same answers as the installed memcached to what all versions
 * answer alike, the same answers as 1.6.9 to an early form of ms (and, where 1.6.9 is at hand, as 1.6.9 itself); and it records what
 * it executed.
 */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/oldserver.h"
#include "lib/scene.h"
#include "lib/servers.h"
#include "lib/stream.h"

#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* To bytes that end with a quit, and nothing behind it: a close with unread input costs answers. */
static struct octets answer_to(const char *address, const char *bytes, size_t n)
{
    struct octets answer = {0};
    struct client *c = client_connects_to(address);
    client_sends_bytes(c, bytes, n);
    client_sees_end(c, &answer);
    client_closes(c);
    return answer;
}

static struct octets answer_to_text(const char *address, const char *text)
{
    const char *sent = textf("%squit\r\n", text);
    return answer_to(address, sent, strlen(sent));
}

static void both_answer_alike(const char *one, const char *other, const char *bytes, size_t n)
{
    struct octets of_one = answer_to(one, bytes, n), of_other = answer_to(other, bytes, n);
    if (octets_n(&of_one) != octets_n(&of_other) ||
        memcmp(octets_at(&of_one), octets_at(&of_other), octets_n(&of_one)) != 0)
        stage_fails("sent      %s\n  %s says %s\n  %s says %s", octets_escape(bytes, n), one,
                    octets_escape(octets_at(&of_one), octets_n(&of_one)), other,
                    octets_escape(octets_at(&of_other), octets_n(&of_other)));
    octets_release(&of_one);
    octets_release(&of_other);
}

static void texts_are_answered_alike(const char *one, const char *other, const char *text)
{
    const char *sent = textf("%squit\r\n", text);
    both_answer_alike(one, other, sent, strlen(sent));
}

/* What is not known to an oldserver, or answered in more ways than one. */
static bool is_for_real_servers_alone(const char *head)
{
    static const char *const starts[] = {"m",    "ver",   "shut", "stats", "incr",
                                         "decr", "flush", "gat",  NULL};
    for (size_t i = 0; starts[i]; i++)
        if (strncmp(head, starts[i], strlen(starts[i])) == 0) return true;
    return false;
}

/* cas numbers agree, as both count each store that succeeds. */
static void random_streams_are_answered_as_memcached_does(void **state)
{
    struct memcached *real = memcached_start_of("memcached", "-m", "512", NULL);
    struct oldserver *old = oldserver_listens(OLDSERVER_1_5_22);
    struct stream *s = stage_memory(sizeof *s);
    for (unsigned seed = 1; seed <= 400; seed++) {
        struct octets bytes = {0};
        stream_make(s, seed);
        for (size_t i = s->n; i-- > 0;)
            if (is_for_real_servers_alone(s->commands[i].head)) stream_drop(s, i, 1);
        stream_render(s, seed, seed, &bytes);
        both_answer_alike(memcached_address(real), oldserver_address(old), octets_at(&bytes),
                          octets_n(&bytes));
        octets_release(&bytes);
    }
}

static void requests_are_answered_as_memcached_does(void **state)
{
    static const char *const requests[] = {
        "set n 0 0 1\r\n5\r\nincr n 7\r\nincr n x\r\nincr none 1\r\ndecr n 2\r\nincr n 1 "
        "noreply\r\nget n\r\n",
        "set w 0 0 4\r\nword\r\nincr w 1\r\nincr n\r\nincr\r\nincr n 18446744073709551616\r\n",
        "set g 3 0 1\r\nx\r\ngat 100 g\r\ngats -1 g none\r\nget g\r\ngat x g\r\ngat\r\n",
        "set t 3 0 1\r\nx\r\ntouch t -1\r\nget t\r\ntouch t 0\r\ntouch t x\r\ntouch t\r\n",
        "set e 0 -1 1\r\nx\r\nget e\r\nadd e 0 0 1\r\ny\r\nget e\r\n",
        "set k 0 0 2\r\nabc\r\nget k\r\nset k 0 0 2 noreply\r\nabc\r\nset k 0 0 -1\r\nset k x 0 "
        "1\r\nmn1\r\n",
        "set k 0 0 1 a b\r\nzz\r\nset k 0 0\r\nset k 4294967297 0 4294967297\r\nx\r\nget k\r\n",
        "set k 0 0 1\r\nx\r\nflush_all\r\nget k\r\nflush_all x\r\nflush_all 0 noreply\r\nget k\r\n",
    };
    struct memcached *real = memcached_start_of("memcached", NULL);
    struct oldserver *old = oldserver_listens(OLDSERVER_1_5_22);
    for (size_t i = 0; i < COUNT(requests); i++)
        texts_are_answered_alike(memcached_address(real), oldserver_address(old), requests[i]);
    static const char head[] = "set large 0 0 2097152\r\n";
    struct octets bytes = {0};
    octets_add(&bytes, head, sizeof head - 1);
    char *value = noise(2097152, 2);
    octets_add(&bytes, value, 2097152);
    octets_add(&bytes, "\r\nget large\r\nquit\r\n", 19);
    both_answer_alike(memcached_address(real), oldserver_address(old), octets_at(&bytes),
                      octets_n(&bytes));
    octets_release(&bytes);
}

/* Measured on 1.6.9. The value is `mn`: MN says that it ran as a command. */
static const char *const early_sets[][2] = {
    {"ms k S2", "OK \r\n"},
    {"ms k S2 T0 F5 q", ""},
    {"ms k S2 k Oabc", "OK  kk Oabc\r\n"},
    {"ms k S2 C1", "NF \r\n"},
    {"ms k S2 MA", "NS \r\n"},
    {"ms k S2 Tx", "CLIENT_ERROR bad token in command line format\r\n"},
    {"ms k S2 Fx", "CLIENT_ERROR bad command line format\r\n"},
    {"ms k S2 e", "CLIENT_ERROR invalid flag\r\n"},
    {"ms k S2 b", "CLIENT_ERROR invalid flag\r\n"},
    {"ms k S2 T1 T2", "CLIENT_ERROR duplicate flag\r\n"},
    {"ms k S1", "CLIENT_ERROR bad data chunk\r\nERROR\r\n"},
    {"ms k S02", "OK \r\n"},
    {"ms k Sx", "CLIENT_ERROR bad command line format\r\nMN\r\n"},
    {"ms k S-1", "CLIENT_ERROR invalid length\r\nMN\r\n"},
    {"ms k T0", "SERVER_ERROR object too large for cache\r\nMN\r\n"},
    {"ms k 2", "CLIENT_ERROR invalid flag\r\nMN\r\n"},
    {"ms k 2 T0 F0", "CLIENT_ERROR invalid flag\r\nMN\r\n"},
    {"ms k", "CLIENT_ERROR bad command line format\r\nMN\r\n"},
    {"ms", "ERROR\r\nMN\r\n"},
    {"ms k S2 a b c d e f g h i j k l m n o p q", "CLIENT_ERROR options flags too long\r\nMN\r\n"},
};

static void early_sets_are_answered_so(const char *address)
{
    for (size_t i = 0; i < COUNT(early_sets); i++) {
        struct octets got =
            answer_to_text(address, textf("delete k noreply\r\n%s\r\nmn\r\n", early_sets[i][0]));
        if (strcmp(octets_at(&got), early_sets[i][1]) != 0)
            stage_fails("%s\n  expected %s\n  got %s", early_sets[i][0],
                        octets_escape(early_sets[i][1], strlen(early_sets[i][1])),
                        octets_escape(octets_at(&got), octets_n(&got)));
        octets_release(&got);
    }
}

/* With 1.6.9 at hand, the table is held against it, too. */
static void early_sets_are_answered_as_they_were(void **state)
{
    struct server all[SERVERS_MAX];
    size_t n = servers_at_hand(all);
    early_sets_are_answered_so(oldserver_address(oldserver_listens(OLDSERVER_1_6_6)));
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].suite, "bullseye") == 0)
            early_sets_are_answered_so(memcached_address(memcached_start_of(all[i].path, NULL)));
}

static void each_kind_refuses_in_its_way(void **state)
{
    static const struct {
        enum oldserver_kind kind;
        const char *sent, *answer;
    } rows[] = {
        {OLDSERVER_1_4_25, "version\r\nmn\r\ngat 0 k\r\n", "VERSION 1.4.25\r\nERROR\r\nERROR\r\n"},
        {OLDSERVER_1_4_25, "ms k 12\r\nset v 0 0 1\r\nx\r\nget v\r\n",
         "ERROR\r\nSTORED\r\nVALUE v 0 1\r\nx\r\nEND\r\n"},
        {OLDSERVER_1_5_22, "version\r\nmg k v\r\ngat 0 k\r\n",
         "VERSION 1.5.22\r\nERROR\r\nEND\r\n"},
        {OLDSERVER_1_6_6, "version\r\nmn\r\nma k\r\n", "VERSION 1.6.6\r\nMN\r\nERROR\r\n"},
        {OLDSERVER_1_6_6, "set k 7 0 1\r\nx\r\nmg k v f k O1\r\nmg k s\r\nmg no v\r\nmg no v q\r\n",
         "STORED\r\nVA 1 f7 kk O1\r\nx\r\nOK s1\r\nEN\r\n"},
        {OLDSERVER_1_6_6, "ms k S1\r\nx\r\nmd k q\r\nmd k k\r\nget k\r\n",
         "OK \r\nNF  kk\r\nEND\r\n"},
        {OLDSERVER_FOREIGN, "version\r\nmn\r\nset k 0 0 1\r\nx\r\nget k\r\n",
         "ERROR\r\nERROR\r\nSTORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n"},
        {OLDSERVER_NUTCRACKER, "version\r\nset k 0 0 1\r\nx\r\nmn\r\nget k\r\n",
         "VERSION 1.6.18\r\nSTORED\r\n"},
        {OLDSERVER_NUTCRACKER, "gat 0 k\r\nversion\r\n", ""},
        {OLDSERVER_NUTCRACKER, "mg k v\r\nversion\r\n", ""},
        {OLDSERVER_NUTCRACKER, "delete k noreply\r\nset k 0 1 1\r\nx\r\n", "STORED\r\n"},
        {OLDSERVER_NUTCRACKER, "delete k 0\r\nversion\r\n", ""},
        {OLDSERVER_NUTCRACKER, "set k 0 -1 1\r\nx\r\nversion\r\n", ""},
        {OLDSERVER_LF, "version\r\nget k\r\n", "\nEND\r\n"},
        {OLDSERVER_WORD, "version\r\nget k\r\n", "VERSION\r\nEND\r\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct oldserver *s = oldserver_listens(rows[i].kind);
        struct octets got = answer_to_text(oldserver_address(s), rows[i].sent);
        if (strcmp(octets_at(&got), rows[i].answer) != 0)
            stage_fails("%s: %s\n  got %s", oldserver_name(rows[i].kind), rows[i].sent,
                        octets_escape(octets_at(&got), octets_n(&got)));
        octets_release(&got);
    }
}

static void it_tells_what_it_executed(void **state)
{
    struct oldserver *s = oldserver_listens(OLDSERVER_1_5_22);
    struct client *c = client_connects_to(oldserver_address(s));
    client_sends(c, "ms k 14\r\ndelete victim\r\nset a 0 0 8\r\ndelete b\r\nget a\r\n");
    client_sees(c, "ERROR\r\nNOT_FOUND\r\nSTORED\r\nVALUE a 0 8\r\ndelete b\r\nEND\r\n");
    oldserver_executed_times(s, "delete victim", 1);
    oldserver_never_executed(s, "delete b");
    assert_int_equal(oldserver_executed(s, "*"), 4);
    assert_string_equal(oldserver_value(s, "a"), "delete b");
    assert_null(oldserver_value(s, "k"));
    oldserver_forgets(s);
    oldserver_never_executed(s, "*");
    assert_int_equal(oldserver_open_links(s), 1);
    oldserver_closes_links(s);
    client_sees_closed(c);
    assert_int_equal(oldserver_open_links(s), 0);
    oldserver_becomes(s, OLDSERVER_1_6_6);
    c = client_connects_to(oldserver_address(s));
    client_sends(c, "version\r\n");
    client_sees(c, "VERSION 1.6.6\r\n");
    assert_int_equal(oldserver_links(s), 2);
}

/* As a server behind moongate. */
static void it_serves_behind_moongate(void **state)
{
    struct oldserver *s = oldserver_listens(OLDSERVER_1_4_25);
    struct moongate *m = moongate_start(script_of_one(oldserver_address(s), ""), NULL);
    struct client *c = client_connects(m);
    client_sends(c, "set k 5 0 3\r\nabc\r\nget k none\r\nincr k 1\r\ndelete k\r\nget k\r\n");
    client_sees(c,
                "STORED\r\nVALUE k 5 3\r\nabc\r\nEND\r\nCLIENT_ERROR cannot increment or decrement "
                "non-numeric value\r\nDELETED\r\nEND\r\n");
    client_sees_nothing_more(c);
    oldserver_executed_times(s, "get k*", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(random_streams_are_answered_as_memcached_does),
        play(requests_are_answered_as_memcached_does),
        play(early_sets_are_answered_as_they_were),
        play(each_kind_refuses_in_its_way),
        play(it_tells_what_it_executed),
        play(it_serves_behind_moongate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
