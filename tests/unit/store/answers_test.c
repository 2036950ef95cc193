/* What a store answers, beside a memcached: random requests of every kind, one by one, as time passes, get the same bytes; and what both
 * have counted afterwards is the same.
 *
 * SEED names the first play, STREAMS how many there are, LONG_SECONDS when to stop. */
#include "unit/store/beside.h"

#include "lib/asked_store.h"
#include "lib/scene.h"
#include "store/shard.h"

enum { REQUESTS = 120 };

/* --- what was counted -------------------------------------------------------------------------------- */

static unsigned long long stat_of(const struct octets *stats, const char *name)
{
    const char *line = strstr(octets_at(stats), textf("STAT %s ", name));
    if (!line) stage_fails("no statistic %s", name);
    return strtoull(strchr(line + 5, ' ') + 1, NULL, 10);
}

/* But for those that `align` has counted. A memcached without its threads removes some of what has expired or was flushed before anyone
 * looks for it. A number in a long value is stored again, which memcached changes in place. */
static void compare_counts(struct beside *b, const struct octets *server_before,
                           const struct octets *store_before)
{
    static const char *const names[] = {
#define X(name, meaning) #name,
        STORE_COUNTS(X)
#undef X
            "total_items"};
    struct octets server = {0}, ours = {0};
    clocked_asks(b->memcached, "stats\r\n", 7, &server);
    beside_ask_store(b, "stats\r\n", 7, &ours);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unsigned long long direct = stat_of(&server, names[i]) - stat_of(server_before, names[i]);
        unsigned long long counted = stat_of(&ours, names[i]) - stat_of(store_before, names[i]);
        if (i == STORE_COUNT_get_flushed || i == STORE_COUNT_get_expired) continue;
        if (i == STORE_COUNT_store_too_large) continue; /* the parser has refused most of them */
        if (direct == counted || (i == STORE_COUNT_N && direct < counted)) continue;
        beside_show_history(b);
        stage_fails("%s: memcached has counted %llu, the store %llu", names[i], direct, counted);
    }
    octets_release(&server);
    octets_release(&ours);
}

/* --- plays ------------------------------------------------------------------------------------------- */

static void play_one(struct beside *b, unsigned seed)
{
    struct asked_store a = {.seed = seed * 2654435761u + 1, .play = seed};
    struct octets server = {0}, ours = {0};
    b->seed = seed;
    beside_align(b);
    clocked_asks(b->memcached, "stats\r\n", 7, &server);
    beside_ask_store(b, "stats\r\n", 7, &ours);
    for (int i = 0; i < REQUESTS; i++) {
        struct octets request = {0};
        a.now = b->server.now;
        a.cas = b->server.store->cas;
        if (random_below(&a.seed, 25) == 0) beside_move(b, 1 + random_below(&a.seed, 6));
        if (random_below(&a.seed, 5000) == 0) beside_move(b, 2000000);
        bool is_flush = asked_store_make(&a, &request);
        beside_compare(b, &request);
        if (!is_flush) continue;
        compare_counts(b, &server, &ours);
        beside_align(b);
        octets_release(&server);
        octets_release(&ours);
        clocked_asks(b->memcached, "stats\r\n", 7, &server);
        beside_ask_store(b, "stats\r\n", 7, &ours);
    }
    compare_counts(b, &server, &ours);
    octets_release(&server);
    octets_release(&ours);
}

static void a_store_answers_as_memcached_does(void **state)
{
    struct beside *b;
    unsigned first = number_from("SEED", 1), plays = number_from("STREAMS", 150);
    unsigned seconds = number_from("LONG_SECONDS", 0);
    double until = stage_now() + seconds;
    if (!beside_begin_as(&b)) plays = 0;
    for (unsigned i = 0; i < plays && (seconds == 0 || stage_now() < until); i++) {
        play_one(b, first + i);
    }
    beside_end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {play(a_store_answers_as_memcached_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
