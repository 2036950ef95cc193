/* `moongate --store` in the place of one memcached: what clients get for stores that are refused, and for commands that tune a memcached.
 * memcached 1.6.18 is the oracle, where that is the version at hand. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/client.h"
#include "lib/exporter.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/octets.h"
#include "lib/scene.h"
#include "lib/stage.h"
#include "lib/upgrade.h"

struct pair {
    struct memcached *memcached;
    struct moongate *moongate;
};

/* False: another version is at hand. */
static bool is_pair(struct pair *p)
{
    p->memcached = memcached_start("-m", "64", NULL);
    p->moongate = moongate_start(NULL, "--store", "64m", NULL);
    return strcmp(memcached_version(p->memcached), "1.6.18") == 0;
}

static void plays(const char *address, const char *bytes, struct octets *answer)
{
    struct client *c = client_connects_to(address);
    client_sends(c, bytes);
    client_sees_end(c, answer);
    client_closes(c);
}

/* --- stores that are refused ------------------------------------------------------------------- */

static const char *const commands[] = {"set", "add", "replace", "append", "prepend", "cas"};
static const char *const values[] = {"x", "two\r\nlines", "", "\r\n\r\n", "one\nend of a line"};
static const char *const wrong[] = {"x", "-1", "1x", "4294967295", "2147483648", "1 2", ""};

enum {
    COMMANDS_N = sizeof commands / sizeof *commands,
    VALUES_N = sizeof values / sizeof *values,
    WRONG_N = sizeof wrong / sizeof *wrong,
    WORDS = 7
};

struct tally {
    unsigned played, doubtful;
};

/* A client in doubt is closed where memcached runs what comes next, the mn. */
static bool is_closed_before(const struct octets *whole, const struct octets *part, const char *end)
{
    size_t n = octets_n(part), len = strlen(end);
    return octets_n(whole) == n + len && memcmp(octets_at(whole), octets_at(part), n) == 0 &&
           memcmp(octets_at(whole) + n, end, len) == 0;
}

static void is_answered_alike(struct pair *p, struct tally *tally, const char *line,
                              const char *value)
{
    struct octets theirs = {0}, ours = {0};
    const char *bytes = textf("%s\r\n%s\r\nmn\r\nquit\r\n", line, value);
    plays(memcached_address(p->memcached), bytes, &theirs);
    plays(moongate_address(p->moongate), bytes, &ours);
    bool is_same = octets_n(&theirs) == octets_n(&ours) &&
                   memcmp(octets_at(&theirs), octets_at(&ours), octets_n(&ours)) == 0;
    bool is_doubtful = !is_same && is_closed_before(&theirs, &ours, "MN\r\n");
    if (!is_same && !is_doubtful)
        stage_fails("%s\nmemcached: %s\nmoongate: %s", octets_escape(bytes, strlen(bytes)),
                    octets_escape(octets_at(&theirs), octets_n(&theirs)),
                    octets_escape(octets_at(&ours), octets_n(&ours)));
    tally->played++;
    tally->doubtful += is_doubtful;
    octets_release(&theirs);
    octets_release(&ours);
}

/* The first n words of a right line, with another one in one place (0: all are right). */
static const char *line_of(const char *command, const char *value, size_t n, size_t place,
                           const char *other)
{
    const char *const words[] = {command, "key",     "0", "0", textf("%zu", strlen(value)),
                                 "1",     "noreply", "9"};
    const char *line = "";
    for (size_t i = 0; i < n; i++)
        line = textf("%s%s%s", line, i ? " " : "", place && i == place ? other : words[i]);
    return line;
}

static void stores_of_any_number_of_words_are_answered_as_by_memcached(void **state)
{
    struct pair p;
    struct tally tally = {0};
    if (!is_pair(&p)) return;
    for (size_t c = 0; c < COMMANDS_N; c++)
        for (size_t v = 0; v < VALUES_N; v++)
            for (size_t n = 1; n <= WORDS + 1; n++)
                is_answered_alike(&p, &tally, line_of(commands[c], values[v], n, 0, ""), values[v]);
    printf("%u lines, %u in doubt\n", tally.played, tally.doubtful);
    assert_int_equal(tally.played, COMMANDS_N * VALUES_N * (WORDS + 1));
}

static void stores_with_a_wrong_word_are_answered_as_by_memcached(void **state)
{
    struct pair p;
    struct tally tally = {0};
    if (!is_pair(&p)) return;
    for (size_t c = 0; c < COMMANDS_N; c++)
        for (size_t w = 0; w < WRONG_N; w++)
            for (size_t place = 2; place <= 4 + (c == COMMANDS_N - 1); place++)
                is_answered_alike(
                    &p, &tally,
                    line_of(commands[c], "x", 5 + (c == COMMANDS_N - 1), place, wrong[w]), "x");
    printf("%u lines, %u in doubt\n", tally.played, tally.doubtful);
    assert_true(tally.doubtful < tally.played / 2);
}

/* Each line of what was refused has its answer, and none is run; the client goes on behind it. */
static void no_line_of_a_refused_value_is_run(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "16m", NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "k", "kept");
    client_asks(c, "cas k 0 0 26\r\ndelete k\r\nset k 0 0 1\r\nxyz\r\nget k\r\n",
                "ERROR\r\nERROR\r\nERROR\r\nERROR\r\nVALUE k 0 4\r\nkept\r\nEND\r\n");
    client_asks(c, "set k x 0 11\r\nflush_all\r\n\r\nget k\r\n",
                "CLIENT_ERROR bad command line format\r\nERROR\r\nERROR\r\n"
                "VALUE k 0 4\r\nkept\r\nEND\r\n");
    client_asks(c, "set k x 0 8 noreply\r\ndelete k\r\nget k\r\n",
                "ERROR\r\nVALUE k 0 4\r\nkept\r\nEND\r\n");
    client_sees_nothing_more(c);
}

/* Nobody knows where the value of such a line ends. */
static void a_client_in_doubt_runs_nothing_any_more(void **state)
{
    static const char *const lines[] = {
        "delete k", "set k 0 0 1\r\nx", "get k k", "get k", "flush_all", "quit", "md k"};
    struct moongate *m = moongate_start(NULL, "--store", "16m", NULL);
    struct client *other = client_connects(m);
    client_stores_value(other, "k", "kept");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct client *c = client_connects(m);
        client_asks(c, "set k 0 0 4294967295\r\nset k 0 0 2147483647\r\nfoo\r\nincr k x\r\n",
                    "CLIENT_ERROR bad command line format\r\nCLIENT_ERROR bad command line "
                    "format\r\nERROR\r\nCLIENT_ERROR invalid numeric delta argument\r\n");
        client_sends(c, textf("%s\r\n", lines[i]));
        client_sees_closed(c);
        client_gets_value(other, "k", "kept");
    }
    struct client *c = client_connects(m);
    client_sends(c, "set k 0 0 4294967295\r\nset k 0 0 2000000\r\n"); /* else it would delete k */
    client_sees(c, "CLIENT_ERROR bad command line format\r\n");
    client_sees(c, "SERVER_ERROR object too large for cache\r\n");
    client_sees_closed(c);
    client_gets_value(other, "k", "kept");
}

/* The next worker would run its lines. */
static void a_client_in_doubt_is_closed_where_others_move(void **state)
{
    upgrade_begins();
    struct moongate *m = moongate_start(NULL, "--store", "16m", "-j", "1", NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    client_stores_value(other, "k", "kept");
    client_asks(c, "set k 0 0 4294967295\r\nfoo\r\n",
                "CLIENT_ERROR bad command line format\r\nERROR\r\n");
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    client_sees_closed(c);
    client_gets_value(other, "k", "kept");
}

/* More lines than a client may be owed replies, in pieces, by a client that reads late. */
static void a_refused_value_of_many_lines_is_answered_to_its_end(void **state)
{
    enum { LINES = 200000 };
    struct moongate *m = moongate_start(NULL, "--store", "16m", NULL);
    struct client *c = client_connects(m);
    char *value = stage_memory(LINES + 1);
    memset(value, '\n', LINES);
    client_sends(c, textf("set k x 0 %d\r\n", LINES));
    client_sends(c, value);
    client_sends(c, "\r\nmn\r\n");
    client_sees(c, "CLIENT_ERROR bad command line format\r\n");
    for (int i = 0; i < LINES + 1; i++) client_sees(c, "ERROR\r\n");
    client_asks(c, "", "MN\r\n");
}

/* --- commands that tune a memcached ------------------------------------------------------------ */

static const char TUNING[] =
    "slabs\r\nslabs foo\r\nslabs automove\r\nslabs automove 0\r\nslabs automove 1\r\nslabs "
    "automove "
    "2\r\nslabs automove 3\r\nslabs automove invalid\r\nslabs automove 1 noreply\r\nslabs automove "
    "ratio\r\nslabs automove ratio 0.7\r\nslabs automove ratio x\r\nslabs reassign\r\nslabs "
    "reassign 1 2\r\nslabs reassign -1 1\r\nslabs reassign 1 1\r\nslabs reassign 1 99\r\nslabs "
    "reassign 1 x\r\nslabs reassign 1 2 noreply\r\nlru\r\nlru foo\r\nlru mode\r\nlru "
    "tune\r\nlru_crawler\r\nlru_crawler foo\r\nlru_crawler foo bar\r\nlru_crawler sleep 100\r\n"
    "lru_crawler sleep 1000001\r\nlru_crawler sleep x\r\nlru_crawler tocrawl 5\r\nlru_crawler "
    "tocrawl "
    "x\r\nlru_crawler crawl 0\r\nlru_crawler crawl 64\r\nlru_crawler crawl x\r\nlru_crawler crawl "
    "1 "
    "noreply\r\ncache_memlimit\r\ncache_memlimit x\r\ncache_memlimit 4\r\ncache_memlimit 64\r\n"
    "cache_memlimit 64 noreply\r\ncache_memlimit 2000000000\r\ncache_memlimit 1 2 "
    "3\r\nverbosity\r\n"
    "verbosity x\r\nverbosity 1\r\nshutdown\r\nmn\r\nquit\r\n";

static void tuning_is_answered_as_by_memcached(void **state)
{
    struct pair p;
    struct octets theirs = {0}, ours = {0};
    if (!is_pair(&p)) return;
    plays(memcached_address(p.memcached), TUNING, &theirs);
    plays(moongate_address(p.moongate), TUNING, &ours);
    octets_add(&theirs, "", 1);
    octets_add(&ours, "", 1);
    assert_string_equal(octets_at(&ours), octets_at(&theirs));
    octets_release(&theirs);
    octets_release(&ours);
}

static void what_a_store_cannot_do_gets_an_error(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "64m", NULL);
    struct client *c = client_connects(m);
    client_asks(c, "cache_memlimit 100\r\n",
                "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n");
    client_asks(c, "lru_crawler enable\r\n", "OK\r\n");
    client_asks(c, "lru_crawler crawl all\r\nlru_crawler crawl 1,2\r\n", "OK\r\nOK\r\n");
    client_asks(c, "lru_crawler disable\r\n", "ERROR failed to stop lru crawler thread\r\n");
    static const char no_lru[] =
        "CLIENT_ERROR a store has no LRU to tune: it finds by itself which items to keep\r\n";
    client_asks(c, "lru mode flat\r\n", no_lru);
    client_asks(c, "lru temp_ttl 10\r\n", no_lru);
    client_asks(c, "lru tune 10 25 0.1 2.0\r\n", no_lru);
    client_asks(c, "lru mode flat noreply\r\n", "");
    client_asks(c, "watch\r\n",
                "CLIENT_ERROR watch commands not allowed: use moongate ctl watch\r\n");
    client_sees_nothing_more(c);
}

/* Where the script has a server, these are about servers. */
static void beside_a_server_tuning_is_for_that(void **state)
{
    const char *address = memcached_address(memcached_start("-m", "64", NULL));
    struct moongate *m = moongate_start(textf(MG "return mg.by_prefix { { a = mg.store { size = "
                                                 "'1m' } }, default = mg.pool { '%s' } }\n",
                                              address),
                                        NULL);
    client_asks(
        client_connects(m), "slabs automove 1\r\nlru_crawler enable\r\n",
        "CLIENT_ERROR this command is for a single server: send it to the server itself\r\n"
        "CLIENT_ERROR this command is for a single server: send it to the server itself\r\n");
}

/* --- programs that read statistics ------------------------------------------------------------- */

static void an_exporter_reads_a_store(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "16m", NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "k", "v");
    struct readings *seen = exporter_reads(c);
    if (!seen->up) stage_fails("memcached_up 0: %s", seen->why);
    assert_true(seen->n > 20);
}

/* As in memcached, what was flushed counts when something else is stored in its place. */
static void what_takes_the_place_of_a_flushed_item_reclaims_it(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "16m", NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "k", "v");
    assert_true(stat_number(c, "", "reclaimed") == 0);
    client_asks(c, "flush_all\r\n", "OK\r\n");
    client_stores_value(c, "k", "w");
    stat_becomes(c, "", "reclaimed", "1");
    stat_becomes(c, "items", "items:1:reclaimed", "1");
    client_gets_value(c, "k", "w");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(stores_of_any_number_of_words_are_answered_as_by_memcached),
        play(stores_with_a_wrong_word_are_answered_as_by_memcached),
        play(no_line_of_a_refused_value_is_run),
        play(a_client_in_doubt_runs_nothing_any_more),
        play(a_client_in_doubt_is_closed_where_others_move),
        play(a_refused_value_of_many_lines_is_answered_to_its_end),
        play(tuning_is_answered_as_by_memcached),
        play(what_a_store_cannot_do_gets_an_error),
        play(beside_a_server_tuning_is_for_that),
        play(an_exporter_reads_a_store),
        play(what_takes_the_place_of_a_flushed_item_reclaims_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
