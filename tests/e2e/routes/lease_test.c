/* mg.lease, case by case as in lua/README.md, in front of a real memcached: what clients see of a key that nobody has, that one of them is
 * to store, that is old. A case is a list of steps:
 *
 *     a, b, c   the client asks and sees that answer; d: one that does not come through the policy
 *     A, B, C   the client sends that; or, without a request, sees that answer
 */
#include "lib/client.h"
#include "lib/frames.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

enum { STEPS = 24 };

/* Waiting takes longer than any test, or hardly any time. */
#define LONG     "ttl = 30, wait = 20"
#define SHORT    "ttl = 30, wait = 0.01"
#define OLD      "ttl = 30, wait = 0.01, stale = 60"
#define OLD_LONG "ttl = 30, wait = 20, stale = 60"
#define EARLY    "ttl = 30, wait = 0.01, refresh = 30"

#define GET        "get k\r\n"
#define MISS       "END\r\n"
#define HIT(v)     "VALUE k 3 1\r\n" v "\r\nEND\r\n"
#define SET(v)     "set k 3 0 1\r\n" v "\r\n"
#define STORED     "STORED\r\n"
#define NO         "NOT_FOUND\r\n"
#define NOT_STORED "NOT_STORED\r\n"
#define VOID_CAS   "9223372036854775807"
#define EMPTY      "VALUE k 0 0\r\n\r\nEND\r\n" /* a placeholder, seen by another way */

struct step {
    char who;
    const char *request, *answer;
};

struct row {
    const char *about, *options;
    struct step steps[STEPS];
};

/* clang-format off */
static const struct row rows[] = {
    {"a key that is there", LONG,
     {{'d', SET("1"), STORED}, {'a', GET, HIT("1")}, {'a', "mg k v f t s k Oq\r\n", "VA 1 f3 t-1 s1 kk Oq\r\n1\r\n"}}},
    {"one gets the miss, another waits and gets what the first one stores", LONG,
     {{'a', GET, MISS}, {'d', GET, EMPTY}, {'B', GET, NULL}, {'C', "mg k v\r\n", NULL}, {'a', SET("1"), STORED},
      {'B', NULL, HIT("1")}, {'C', NULL, "VA 1\r\n1\r\n"}}},
    {"what anybody stores ends the wait", LONG,
     {{'a', GET, MISS}, {'B', GET, NULL}, {'d', SET("2"), STORED}, {'B', NULL, HIT("2")}}},
    {"a value that is added ends the wait", LONG,
     {{'a', GET, MISS}, {'B', "mg k v f\r\n", NULL}, {'c', "add k 3 0 1\r\n5\r\n", STORED}, {'B', NULL, "VA 1 f3\r\n5\r\n"}}},
    {"one that waits in vain gets a miss", SHORT,
     {{'a', GET, MISS}, {'b', GET, MISS}, {'b', "gets k\r\n", MISS}, {'b', "mg k v q\r\nmn\r\n", "MN\r\n"},
      {'b', "mg k v k O7\r\n", "EN kk O7\r\n"}, {'a', SET("1"), STORED}, {'b', GET, HIT("1")}}},
    {"several keys, each for itself", SHORT,
     {{'a', "get k j\r\n", MISS}, {'d', SET("1"), STORED}, {'b', "get j k i\r\n", HIT("1")}}},
    {"while one waits the key is deleted: the next look wins", LONG,
     {{'a', GET, MISS}, {'B', GET, NULL}, {'c', "delete k\r\n", NO}, {'B', NULL, MISS}, {'d', GET, EMPTY}}},
    {"the winner stores late, after a delete", SHORT,
     {{'a', GET, MISS}, {'b', "delete k\r\n", NO}, {'d', GET, MISS}, {'a', SET("1"), STORED}, {'b', GET, HIT("1")}}},
    {"the winner's set fails: the next client wins", LONG,
     {{'a', GET, MISS}, {'B', GET, NULL}, {'a', "cas k 0 0 1 999999\r\nx\r\n", NO}, {'c', "delete k\r\n", NO}, {'B', NULL, MISS}}},
    {"a placeholder is absent to classic commands", SHORT,
     {{'a', GET, MISS}, {'a', "replace k 0 0 1\r\nx\r\n", NOT_STORED}, {'a', "append k 0 0 1\r\nx\r\n", NOT_STORED},
      {'a', "prepend k 0 0 1\r\nx\r\n", NOT_STORED}, {'a', "incr k 1\r\n", NO}, {'a', "decr k 1\r\n", NO},
      {'a', "touch k 90\r\n", NO}, {'a', "gat 90 k\r\n", MISS}, {'a', "gats 90 k\r\n", MISS},
      {'a', "cas k 0 0 1 999999\r\nx\r\n", NO}, {'a', "get k j\r\n", MISS}, {'d', GET, EMPTY}, {'a', "delete k\r\n", NO},
      {'d', GET, MISS}, {'a', "delete k\r\n", NO}}},
    {"a placeholder is absent to meta commands", SHORT,
     {{'a', GET, MISS}, {'a', "ms k 1 MR k Ox\r\nx\r\n", "NS kk Ox\r\n"}, {'a', "ms k 1 MA\r\nx\r\n", "NS\r\n"},
      {'a', "ms k 1 MP k\r\nx\r\n", "NS kk\r\n"}, {'a', "ms k 1 C999999 k\r\nx\r\n", "NF kk\r\n"}, {'a', "ma k O1\r\n", "NF O1\r\n"},
      {'a', "ma k MD k\r\n", "NF kk\r\n"}, {'a', "mg k T90 v k\r\n", "EN kk\r\n"}, {'a', "mg k\r\n", "EN\r\n"},
      {'a', "me k\r\n", "EN\r\n"}, {'d', GET, EMPTY}, {'a', "md k k Oab\r\n", "NF kk Oab\r\n"}, {'d', GET, MISS}}},
    {"add stores over a placeholder", SHORT,
     {{'a', GET, MISS}, {'b', "add k 3 0 1\r\n7\r\n", STORED}, {'b', "add k 3 0 1\r\n8\r\n", NOT_STORED}, {'a', GET, HIT("7")}}},
    {"ms with ME stores over a placeholder", SHORT,
     {{'a', GET, MISS}, {'b', "ms k 1 F3 ME k\r\n7\r\n", "HD kk\r\n"}, {'b', "ms k 1 ME\r\n8\r\n", "NS\r\n"}, {'a', GET, HIT("7")}}},
    {"ma with N counts over a placeholder", SHORT,
     {{'a', GET, MISS}, {'b', "ma k N0 J5 v\r\n", "VA 1\r\n5\r\n"}, {'b', "ma k N0 J5 v\r\n", "VA 1\r\n6\r\n"}}},
    {"an item that is there is changed as ever", SHORT,
     {{'a', "set k 3 0 1\r\n5\r\n", STORED}, {'a', "incr k 3\r\n", "8\r\n"}, {'a', "decr k 6\r\n", "2\r\n"},
      {'a', "append k 9 9 1\r\n1\r\n", STORED}, {'a', "prepend k 9 9 1\r\n4\r\n", STORED},
      {'a', GET, "VALUE k 3 3\r\n421\r\nEND\r\n"}, {'a', "mg k t\r\n", "HD t-1\r\n"}, {'a', "replace k 3 0 1\r\n9\r\n", STORED},
      {'a', GET, HIT("9")}, {'a', "touch k 500\r\n", "TOUCHED\r\n"}, {'a', "mg k t\r\n", "HD t500\r\n"},
      {'a', "gat 700 k\r\n", HIT("9")}, {'a', "mg k t\r\n", "HD t700\r\n"}, {'a', "mg k T900 v\r\n", "VA 1\r\n9\r\n"},
      {'a', "mg k t\r\n", "HD t900\r\n"}, {'a', "ma k D5 v t\r\n", "VA 2 t900\r\n14\r\n"}, {'a', "md k k\r\n", "HD kk\r\n"},
      {'d', GET, MISS}}},
    {"a word that is no number stays one", SHORT,
     {{'a', SET("x"), STORED}, {'a', "incr k 1\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
      {'a', "ma k\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"}, {'a', GET, HIT("x")}}},
    {"an empty value is a value", SHORT,
     {{'d', "set k 0 0 0\r\n\r\n", STORED}, {'a', GET, EMPTY}, {'b', "mg k v f\r\n", "VA 0 f0\r\n\r\n"}, {'a', "add k 0 0 0\r\n\r\n", NOT_STORED},
      {'a', "append k 0 0 1\r\nx\r\n", STORED}, {'a', "mg k v s\r\n", "VA 1 s1\r\nx\r\n"}, {'a', "set k 0 0 0\r\n\r\n", STORED},
      {'a', "touch k 0\r\n", "TOUCHED\r\n"}, {'a', "delete k\r\n", "DELETED\r\n"}, {'d', "set k 3 0 0\r\n\r\n", STORED},
      {'a', GET, "VALUE k 3 0\r\n\r\nEND\r\n"}}},
    {"a client that takes part by itself sees the marks", SHORT,
     {{'a', "mg k v N30\r\n", "VA 0 W\r\n\r\n"}, {'b', GET, MISS}, {'b', "mg k v N30\r\n", "VA 0 Z\r\n\r\n"}, {'a', SET("1"), STORED},
      {'b', GET, HIT("1")}}},
    {"noreply", SHORT,
     {{'a', GET, MISS}, {'a', "append k 0 0 1 noreply\r\nx\r\nincr k 1 noreply\r\nadd k 3 0 1 noreply\r\n6\r\nget k\r\n", HIT("6")},
      {'a', "delete k noreply\r\ntouch k 1 noreply\r\nmn\r\n", "MN\r\n"}, {'d', GET, MISS}}},
    {"keys in base64", SHORT,
     {{'a', "mg ayBr b v\r\n", "EN\r\n"}, {'b', "mg ayBr b v k\r\n", "EN kayBr b\r\n"}, {'b', "ms ayBr 1 b MR k\r\nx\r\n", "NS kayBr b\r\n"},
      {'b', "ms ayBr 1 b ME k\r\nx\r\n", "HD kayBr b\r\n"}, {'a', "mg ayBr b v k f\r\n", "VA 1 kayBr b f0\r\nx\r\n"},
      {'a', "md ayBr b k\r\n", "HD kayBr b\r\n"}}},
    {"without stale, a delete deletes, and a mark of a meta client is left alone", SHORT,
     {{'d', SET("1"), STORED}, {'d', "md k I T60\r\n", "HD\r\n"}, {'a', GET, HIT("1")}, 
      {'a', "touch k 50\r\n", "TOUCHED\r\n"},
      {'b', "mg k v\r\n", "VA 1 X W\r\n1\r\n"},
      {'b', "mg k v\r\n", "VA 1 Z X\r\n1\r\n"}, {'b', "delete k\r\n", "DELETED\r\n"}, {'d', GET, MISS}, {'d', SET("1"), STORED}, {'b', "delete k\r\n", "DELETED\r\n"}, {'d', GET, MISS}}},

    {"an item lives as long as its client says", OLD,
     {{'a', "set k 3 100 1\r\n1\r\n", STORED}, {'a', "mg k t v\r\n", "VA 1 t100\r\n1\r\n"}, {'d', "mg k t\r\n", "HD t160\r\n"},
      {'a', "touch k 200\r\n", "TOUCHED\r\n"}, {'a', "mg k t\r\n", "HD t200\r\n"}, {'a', "gats 300 j\r\n", MISS},
      {'a', "gat 300 k\r\n", HIT("1")}, {'d', "mg k t\r\n", "HD t360\r\n"}, {'a', "ms k 1 T50\r\n1\r\n", "HD\r\n"},
      {'a', "mg k t\r\n", "HD t50\r\n"}, {'a', "mg k T70\r\n", "HD\r\n"}, {'a', "mg k t\r\n", "HD t70\r\n"},
      {'a', "ma c N80 J1\r\n", "HD\r\n"}, {'a', "mg c t\r\n", "HD t80\r\n"}, {'a', "set k 3 2592000 1\r\n1\r\n", STORED},
      {'d', "mg k t\r\n", "HD t2592000\r\n"}, {'a', "set k 3 0 1\r\n1\r\n", STORED}, {'a', "mg k t\r\n", "HD t-1\r\n"},
      {'a', "set k 3 -1 1\r\n1\r\n", STORED}, {'a', GET, MISS}}},
    {"what is deleted is kept for those that wait in vain", OLD,
     {{'a', SET("1"), STORED}, {'a', "delete k\r\n", "DELETED\r\n"}, {'d', GET, HIT("1")}, {'a', GET, MISS}, {'b', GET, HIT("1")},
      {'b', "gets k\r\n", "VALUE k 3 1 " VOID_CAS "\r\n1\r\nEND\r\n"}, {'b', "mg k v f t c\r\n", "VA 1 f3 t0 c" VOID_CAS "\r\n1\r\n"},
      {'a', SET("2"), STORED}, {'b', GET, HIT("2")}}},
    {"an item whose time is over is kept so, too", OLD,
     {{'d', "set k 3 50 1\r\n1\r\n", STORED}, {'a', GET, MISS}, {'b', GET, HIT("1")}, {'a', "mg k v t\r\n", "VA 1 t0\r\n1\r\n"},
      {'a', SET("2"), STORED}, {'b', GET, HIT("2")}}},
    {"an old item is absent to classic commands", OLD,
     {{'d', "set k 3 50 1\r\n1\r\n", STORED}, {'a', "replace k 0 0 1\r\nx\r\n", NOT_STORED}, {'a', "append k 0 0 1\r\nx\r\n", NOT_STORED},
      {'a', "incr k 1\r\n", NO}, {'a', "decr k 1\r\n", NO}, {'a', "touch k 90\r\n", NO}, {'a', "gat 90 k\r\n", MISS},
      {'a', "cas k 0 0 1 " VOID_CAS "\r\nx\r\n", NO}, {'a', "delete k\r\n", NO}, {'d', GET, HIT("1")},
      {'a', "add k 3 90 1\r\n9\r\n", STORED}, {'a', GET, HIT("9")}, {'d', "mg k t\r\n", "HD t150\r\n"}}},
    {"what was deleted is absent to classic commands", OLD,
     {{'a', "set k 3 90 1\r\n1\r\n", STORED}, {'a', "delete k\r\n", "DELETED\r\n"}, {'a', "replace k 0 0 1\r\nx\r\n", NOT_STORED},
      {'a', "append k 0 0 1\r\nx\r\n", NOT_STORED}, {'a', "incr k 1\r\n", NO}, {'a', "touch k 90\r\n", NO},
      {'a', "cas k 0 0 1 " VOID_CAS "\r\nx\r\n", NO}, {'a', "delete k\r\n", NO}, {'d', GET, HIT("1")}, {'a', GET, MISS},
      {'b', GET, HIT("1")}, {'a', "add k 3 90 1\r\n9\r\n", STORED}, {'a', GET, HIT("9")}}},
    {"what was deleted is absent to meta commands", OLD,
     {{'a', "ms k 1 F3\r\n1\r\n", "HD\r\n"}, {'a', "md k k\r\n", "HD kk\r\n"}, {'a', "ms k 1 MR\r\nx\r\n", "NS\r\n"},
      {'a', "ms k 1 MP\r\nx\r\n", "NS\r\n"}, {'a', "ms k 1 C5\r\nx\r\n", "NF\r\n"}, {'a', "ma k\r\n", "NF\r\n"},
      {'a', "mg k T90\r\n", "EN\r\n"}, {'a', "me k\r\n", "EN\r\n"}, {'a', "md k\r\n", "NF\r\n"}, {'d', GET, HIT("1")},
      {'a', "ms k 1 ME F3\r\n2\r\n", "HD\r\n"}, {'b', GET, HIT("2")}}},
    {"an item that is there is changed as ever, also where old ones are kept", OLD,
     {{'a', "set k 3 0 1\r\n5\r\n", STORED}, {'a', "incr k 3\r\n", "8\r\n"}, {'a', "decr k 6\r\n", "2\r\n"}, {'a', "incr k 0\r\n", "2\r\n"},
      {'a', "append k 9 9 1\r\n1\r\n", STORED}, {'a', "prepend k 9 9 1\r\n4\r\n", STORED},
      {'a', GET, "VALUE k 3 3\r\n421\r\nEND\r\n"}, {'a', "replace k 3 0 1\r\n9\r\n", STORED}, {'a', "ma k D5 v t\r\n", "VA 2 t-1\r\n14\r\n"},
      {'a', "ms k 1 MA\r\n0\r\n", "HD\r\n"}, {'a', "add k 0 0 1\r\nx\r\n", NOT_STORED}, {'a', "ms k 1 ME\r\nx\r\n", "NS\r\n"},
      {'a', "ms k 1 MR F3\r\nx\r\n", "HD\r\n"}, {'a', "incr k 1\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
      {'a', GET, HIT("x")}, {'a', "md k q\r\nmn\r\n", "MN\r\n"}, {'a', "delete k\r\n", NO}}},
    {"a delete that says what it wants has its way", OLD,
     {{'a', SET("1"), STORED}, {'a', "md k I T300\r\n", "HD\r\n"}, {'d', "mg k t\r\n", "HD t300 X W\r\n"}, {'a', SET("1"), STORED},
      {'a', "md k C1\r\n", "EX\r\n"}, {'a', GET, HIT("1")}}},
    {"one that waits for an old item gets what is stored meanwhile", OLD_LONG,
     {{'a', SET("1"), STORED}, {'a', "delete k\r\n", "DELETED\r\n"}, {'a', GET, MISS}, {'B', GET, NULL}, {'C', "mg k v\r\n", NULL},
      {'a', SET("2"), STORED}, {'B', NULL, HIT("2")}, {'C', NULL, "VA 1\r\n2\r\n"}}},
    {"a placeholder is nothing old", OLD,
     {{'a', GET, MISS}, {'b', GET, MISS}, {'b', "delete k\r\n", NO}, {'d', GET, MISS}, {'a', GET, MISS}, {'d', "md k I\r\n", "HD\r\n"},
      {'a', GET, MISS}, {'b', GET, MISS}}},

    {"in its last seconds one client is to renew an item, the others get it", EARLY,
     {{'a', "set k 3 100 1\r\n1\r\n", STORED}, {'a', GET, HIT("1")}, {'b', GET, HIT("1")}, {'a', "set k 3 20 1\r\n1\r\n", STORED},
      {'a', GET, MISS}, {'b', GET, HIT("1")}, {'a', GET, HIT("1")}, {'b', "mg k v f\r\n", "VA 1 f3\r\n1\r\n"}, {'b', "append k 0 0 1\r\n2\r\n", STORED},
      {'b', "delete k\r\n", "DELETED\r\n"}, {'d', GET, MISS}}},
    {"a meta client may be the one to renew it", EARLY,
     {{'a', "set k 3 20 1\r\n1\r\n", STORED}, {'a', "mg k v\r\n", "EN\r\n"}, {'b', "mg k v t\r\n", "VA 1 t20\r\n1\r\n"}, {'b', "touch k 500\r\n", "TOUCHED\r\n"},
      {'b', GET, HIT("1")}, {'b', "mg k t\r\n", "HD t500\r\n"}}},
    {"gat gives an item that is to be renewed its new time", EARLY,
     {{'a', "set k 3 20 1\r\n1\r\n", STORED}, {'a', GET, MISS}, {'b', "gat 400 k\r\n", HIT("1")}, {'b', "mg k t\r\n", "HD t400\r\n"}}},
};
/* clang-format on */

static struct client *clients[4];

static struct moongate *over(const struct memcached *s, const char *options)
{
    return moongate_start(textf(MG "return mg.lease { mg.pool { '%s' }, name = 'x', %s }\n",
                                memcached_address(s), options),
                          NULL);
}

static void take_step(const struct step *step)
{
    struct client *c = clients[(step->who | 0x20) - 'a'];
    if (step->request) client_sends(c, step->request);
    if (step->answer) client_sees(c, step->answer);
}

static unsigned long counted(struct client *c, const char *cell)
{
    return stat_number(c, "leases", textf("x:%s", cell));
}

/* Each read has one outcome, and each wait. */
static void counts_add_up(struct moongate *m)
{
    struct client *c = client_connects(m);
    unsigned long waiting = counted(c, "waiting");
    assert_int_equal(counted(c, "requests"),
                     counted(c, "hits") + counted(c, "misses") + counted(c, "errors") + waiting);
    assert_int_equal(counted(c, "waits"), counted(c, "waits_value") + counted(c, "waits_stale") +
                                              counted(c, "waits_won") + counted(c, "waits_missed") +
                                              counted(c, "waits_failed") + waiting);
    assert_true(counted(c, "misses") >=
                counted(c, "wins") + counted(c, "refreshes") + counted(c, "shed"));
}

static void every_case_is_as_the_table_says(void **state)
{
    if (!memcached_at_hand_has_meta()) skip();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct memcached *s = memcached_start(NULL);
        printf("%s\n", rows[i].about); /* the last one is the one that fails */
        struct moongate *m = over(s, rows[i].options);
        for (int j = 0; j < 3; j++) clients[j] = client_connects(m);
        clients[3] = client_connects_to(memcached_address(s));
        for (size_t j = 0; j < STEPS && rows[i].steps[j].who; j++) take_step(&rows[i].steps[j]);
        counts_add_up(m);
        stage_clears();
    }
}

/* The client is shown its own key, whichever way its answer was made. */
static void a_key_that_was_changed_on_the_way_is_shown_as_it_came(void **state)
{
    static const char *const options[] = {LONG, OLD_LONG};
    if (!memcached_at_hand_has_meta()) skip();
    for (int i = 0; i < 2; i++) {
        struct memcached *s = memcached_start(NULL);
        struct moongate *m = moongate_start(
            textf(MG "return mg.modify_key { mg.lease { mg.pool { '%s' }, %s }, add = 'v:' }\n",
                  memcached_address(s), options[i]),
            NULL);
        struct client *a = client_connects(m), *b = client_connects(m), *c = client_connects(m);
        client_asks(a, GET, MISS);
        client_sends(b, "get k j\r\n");
        client_sends(c, "mg k v k f\r\n");
        client_asks(a, SET("1"), STORED);
        client_sees(b, HIT("1"));
        client_sees(c, "VA 1 kk f3\r\n1\r\n");
        client_asks(a, "mg ayBr b k v\r\n", "EN kayBr b\r\n");
        client_asks(a, "ms ayBr 1 b k MR\r\nx\r\n", "NS kayBr b\r\n");
        client_asks(a, "get k k\r\n", "VALUE k 3 1\r\n1\r\n" HIT("1"));
        client_asks(a, "delete k\r\n", "DELETED\r\n");
        stage_clears();
    }
}

static const char *wins_by_a_flag(struct client *c)
{
    client_sends(c, "mg k N30 c\r\n");
    client_sees(c, "HD c");
    const char *line = client_sees_line(c);
    assert_true(strlen(line) > strlen(" W") &&
                strcmp(line + strlen(line) - strlen(" W"), " W") == 0);
    return textf("%.*s", (int)(strlen(line) - strlen(" W")), line);
}

static void who_wins_by_a_flag_of_its_own_may_store_by_the_cas(void **state)
{
    static const char *const options[] = {SHORT, OLD};
    if (!memcached_at_hand_has_meta()) skip();
    for (int i = 0; i < 2; i++) {
        struct memcached *s = memcached_start(NULL);
        struct moongate *m = moongate_start(textf(MG "return mg.lease { mg.pool { '%s' }, %s }\n",
                                                  memcached_address(s), options[i]),
                                            NULL);
        struct client *a = client_connects(m), *b = client_connects(m);
        const char *cas = wins_by_a_flag(a);
        client_asks(b, GET, MISS);
        client_asks(a, textf("ms k 1 C%s0\r\nx\r\ncas k 0 0 1 %s0\r\nx\r\n", cas, cas),
                    "NF\r\n" NO);
        client_asks(a, textf("ms k 1 F3 C%s\r\n1\r\n", cas), "HD\r\n");
        client_asks(b, GET, HIT("1"));
        client_asks(a, textf("ms k 1 C%s\r\nx\r\n", cas), "EX\r\n");
        client_asks(a, "flush_all\r\n", "OK\r\n");
        cas = wins_by_a_flag(a);
        client_asks(a, textf("cas k 3 0 1 %s\r\n2\r\n", cas), STORED);
        client_asks(b, GET, HIT("2"));
        stage_clears();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_case_is_as_the_table_says),
        play(a_key_that_was_changed_on_the_way_is_shown_as_it_came),
        play(who_wins_by_a_flag_of_its_own_may_store_by_the_cas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
