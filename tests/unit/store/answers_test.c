/* What a store answers, beside a memcached whose clock is moved with the store's: random requests of every kind, one by one, get the same
 * bytes; and what both have counted afterwards is the same.
 *
 * SEED names the first play, PLAYS how many there are, LONG_SECONDS when to stop. */
#include "e2e/protocol/differential.h"
#include "lib/asked_store.h"
#include "lib/clocked.h"
#include "lib/scene.h"
#include "lib/versions.h"
#include "replay/fake_server.h"
#include "store/shard.h"

enum { REQUESTS = 120, SHOWN = 16 };

struct beside {
    struct clocked *memcached;
    struct fake_server server;
    struct fake_talk talk;
    struct octets history[SHOWN]; /* the last requests */
    unsigned long done;
    unsigned seed; /* of this play */
};

static struct beside *begin(void)
{
    struct beside *b = stage_memory(sizeof *b);
    b->memcached = clocked_start();
    struct store_settings settings = {512 << 20, 1024 * 1024, STORE_POLICY_LRU};
    fake_server_init(&b->server, STORE_LEAST);
    store_destroy(b->server.store);
    b->server.store = store_create(&settings);
    assert_non_null(b->server.store);
    b->server.max_value = settings.max_value;
    b->server.now = clocked_now(b->memcached);
    return b;
}

static void end(struct beside *b)
{
    assert_true(store_is_sane(b->server.store));
    for (int i = 0; i < SHOWN; i++) octets_release(&b->history[i]);
    fake_server_release(&b->server);
}

static void ask_store(struct beside *b, const char *bytes, size_t n, struct octets *answer)
{
    struct outq out = {0};
    char *copy = malloc(n + 1); /* what is read behind its end is found */
    memcpy(copy, bytes, n);
    size_t taken = fake_server_take(&b->server, &b->talk, (const uint8_t *)copy, n, &out);
    free(copy);
    if (taken != n) stage_fails("%zu of %zu bytes were taken", taken, n);
    for (struct outq_segment *at = out.head; at; at = at->next)
        octets_add(answer, (const char *)at->at, (size_t)(at->end - at->at));
    outq_release(&out);
}

static void move(struct beside *b, int64_t seconds)
{
    clocked_moves(b->memcached, seconds);
    b->server.now += seconds;
    assert_int_equal(b->server.now, clocked_now(b->memcached));
}

static void print(const char *name, const struct octets *o)
{
    char *text = octets_escape(octets_at(o), octets_n(o) < 200 ? octets_n(o) : 200);
    fprintf(stderr, "  %-9s %s\n", name, text);
    free(text);
}

/* The time to live of what has just ended is 32 bits of a number below 0 for memcached, and 0 for a store. */
static void mend_ttl(struct octets *answer)
{
    const char *at = octets_at(answer);
    struct octets mended = {0};
    for (const char *found; (found = strstr(at, " t"));) {
        size_t digits = strspn(found + 2, "0123456789");
        bool has_wrapped = digits == 10 && strtoul(found + 2, NULL, 10) > INT32_MAX;
        octets_add(&mended, at, (size_t)(found - at));
        octets_add(&mended, found, has_wrapped ? 2 : digits + 2);
        if (has_wrapped) octets_add(&mended, "0", 1);
        at = found + 2 + digits;
    }
    octets_add(&mended, at, octets_n(answer) - (size_t)(at - octets_at(answer)));
    octets_release(answer);
    *answer = mended;
}

static void show_history(const struct beside *b)
{
    fprintf(stderr, "SEED=%u PLAYS=1\n", b->seed);
    for (unsigned long i = b->done < SHOWN ? 0 : b->done - SHOWN; i < b->done; i++)
        print("before", &b->history[i % SHOWN]);
}

static void compare(struct beside *b, struct octets *request)
{
    struct octets server = {0}, ours = {0};
    clocked_asks(b->memcached, octets_at(request), octets_n(request), &server);
    mend_ttl(&server);
    ask_store(b, octets_at(request), octets_n(request), &ours);
    if (!are_equal(&server, &ours)) {
        show_history(b);
        print("sent", request);
        print("memcached", &server);
        print("store", &ours);
        stage_fails("the answers differ");
    }
    octets_release(&b->history[b->done % SHOWN]);
    b->history[b->done++ % SHOWN] = *request;
    *request = (struct octets){0};
    octets_release(&server);
    octets_release(&ours);
}

static unsigned long long cas_of(const struct octets *answer)
{
    unsigned long long cas = 0;
    const char *line = strstr(octets_at(answer), "VALUE probe 0 1 ");
    if (!line || sscanf(line, "VALUE probe 0 1 %llu", &cas) != 1) stage_fails("no cas");
    return cas;
}

/* Stores until both have given out the same cas number. */
static unsigned long long align(struct beside *b)
{
    static const char store[] = "set probe 0 0 1\r\nx\r\ngets probe\r\n";
    unsigned long long direct = 0, ours = 0;
    do {
        struct octets answer = {0};
        if (direct <= ours) {
            clocked_asks(b->memcached, store, sizeof store - 1, &answer);
            direct = cas_of(&answer);
        } else {
            ask_store(b, store, sizeof store - 1, &answer);
            ours = cas_of(&answer);
        }
        octets_release(&answer);
    } while (direct != ours);
    return direct;
}

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
    ask_store(b, "stats\r\n", 7, &ours);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unsigned long long direct = stat_of(&server, names[i]) - stat_of(server_before, names[i]);
        unsigned long long counted = stat_of(&ours, names[i]) - stat_of(store_before, names[i]);
        if (i == STORE_COUNT_get_flushed || i == STORE_COUNT_get_expired) continue;
        if (i == STORE_COUNT_store_too_large) continue; /* the parser has refused most of them */
        if (direct == counted || (i == STORE_COUNT_N && direct < counted)) continue;
        show_history(b);
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
    align(b);
    clocked_asks(b->memcached, "stats\r\n", 7, &server);
    ask_store(b, "stats\r\n", 7, &ours);
    for (int i = 0; i < REQUESTS; i++) {
        struct octets request = {0};
        a.now = b->server.now;
        a.cas = b->server.store->cas;
        if (random_below(&a.seed, 25) == 0) move(b, 1 + random_below(&a.seed, 6));
        if (random_below(&a.seed, 5000) == 0) move(b, 2000000);
        bool is_flush = asked_store_make(&a, &request);
        compare(b, &request);
        if (!is_flush) continue;
        compare_counts(b, &server, &ours);
        align(b);
        octets_release(&server);
        octets_release(&ours);
        clocked_asks(b->memcached, "stats\r\n", 7, &server);
        ask_store(b, "stats\r\n", 7, &ours);
    }
    compare_counts(b, &server, &ours);
    octets_release(&server);
    octets_release(&ours);
}

static void a_store_answers_as_memcached_does(void **state)
{
    struct beside *b = begin();
    unsigned first = number_from("SEED", 1), plays = number_from("PLAYS", 150);
    unsigned seconds = number_from("LONG_SECONDS", 0);
    double until = stage_now() + seconds;
    if (strcmp(memcached_version(clocked_memcached(b->memcached)), STORE_ANSWERS_AS) != 0)
        plays = 0;
    for (unsigned i = 0; i < plays && (seconds == 0 || stage_now() < until); i++) {
        play_one(b, first + i);
    }
    end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_store_answers_as_memcached_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
