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

/* --- section by section ------------------------------------------------------------------------------ */

/* Requests one after another, each about one thing; `@n`: so many seconds pass. %s: a long value of LONG bytes. */
enum { LONG = 1040000 };
static const char *const sections[][24] = {
    /* counters: they wrap, stop at 0, are padded, get longer */
    {"set n 5 0 20\r\n18446744073709551615\r\n",
     "incr n 1\r\n",
     "gets n\r\n",
     "incr n 9\r\n",
     "incr n 1\r\n",
     "get n\r\n",
     "decr n 100\r\n",
     "get n\r\n",
     "set n 7 0 1\r\n9\r\n",
     "incr n 1\r\n",
     "gets n\r\n",
     "decr n 1\r\n",
     "gets n\r\n",
     "incr n x\r\n",
     "incr n -1\r\n",
     "ma n D90 v t\r\n",
     "mg n f t s v\r\n",
     "ma n MD D1000 v\r\n",
     "mg n s v\r\n",
     "append n 0 0 1\r\n1\r\n",
     "incr n 1\r\n"},
    /* lifetimes */
    {"set e 0 10 1\r\nx\r\n",
     "@9",
     "mg e t h\r\n",
     "touch e 5\r\n",
     "@4",
     "get e\r\n",
     "@1",
     "get e\r\n",
     "add e 0 -1 1\r\ny\r\n",
     "get e\r\n",
     "set e 0 2592000 1\r\nx\r\n",
     "mg e t\r\n",
     "set e 0 2592001 1\r\nx\r\n",
     "mg e t\r\n",
     "set e 0 0 1\r\nx\r\n",
     "gat 3 e nothing\r\n",
     "@2",
     "gats 3 e\r\n",
     "@2",
     "mg e T100 t\r\n",
     "@99",
     "mg e t\r\n",
     "@1",
     "mg e t\r\n"},
    {"ms e 1 T4\r\nx\r\n", "append e 0 900 1\r\ny\r\n", "mg e t s\r\n", "@4",
     "append e 0 0 1\r\ny\r\n", "set c 0 4 1\r\n5\r\n", "incr c 1\r\n", "incr c 90\r\n",
     "mg c t v\r\n", "@4", "incr c 1\r\n", "replace c 0 0 1\r\n1\r\n", "cas c 0 0 1 1\r\n1\r\n",
     "delete c\r\n", "touch c 0\r\n"},
    /* flush_all, also later */
    {"set f 0 0 1\r\nx\r\n",
     "flush_all\r\n",
     "get f\r\n",
     "set f 0 0 1\r\nx\r\n",
     "get f\r\n",
     "flush_all 10\r\n",
     "get f\r\n",
     "@8",
     "get f\r\n",
     "set g 0 0 1\r\nx\r\n",
     "@2",
     "get f g\r\n",
     "set f 0 0 1\r\nx\r\n",
     "get f\r\n",
     "@20",
     "get f\r\n",
     "flush_all 5 noreply\r\n",
     "flush_all 60\r\n",
     "@10",
     "get f\r\n",
     "flush_all x\r\n",
     "@51",
     "get f\r\n"},
    /* who is to renew an item */
    {"ms s 1 T50\r\nx\r\n",
     "md s I T30\r\n",
     "mg s v t c\r\n",
     "mg s v t\r\n",
     "gets s\r\n",
     "ms s 1 C1 I c\r\ny\r\n",
     "mg s v\r\n",
     "ms s 1\r\nz\r\n",
     "mg s v R60\r\n",
     "ms s 1 T50\r\nz\r\n",
     "mg s v R60\r\n",
     "mg s v R60\r\n",
     "@30",
     "mg s v R10 t\r\n",
     "mg v N30 v t\r\n",
     "mg v v t\r\n",
     "add v 0 0 1\r\nx\r\n",
     "incr v 1\r\n",
     "append v 0 0 1\r\nx\r\n",
     "mg v v t N99\r\n",
     "md v q\r\n",
     "md v q\r\n"},
    /* long values */
    {"set l 3 0 1040000\r\n%s\r\n", "get l\r\n", "gets l\r\n", "mg l v s f t c k\r\n",
     "incr l 1\r\n", "append l 0 0 3\r\nabc\r\n", "get l\r\n", "prepend l 0 0 4\r\nabcd\r\n",
     "mg l v\r\n", "append l 0 0 1040000\r\n%s\r\n", "mg l s\r\n", "gat 10 l\r\n",
     "ms l 1040000 MA\r\n%s\r\n", "mg l s\r\n", "ms l 1040000 ME\r\n%s\r\n",
     "ms l 1040000 MS T9\r\n%s\r\n", "mg l s t v\r\n", "delete l\r\n", "get l\r\n"},
    /* no answers; keys in base64 */
    {"set q 0 0 1 noreply\r\nx\r\n",
     "add q 0 0 1 noreply\r\ny\r\n",
     "get q\r\n",
     "incr q 1 noreply\r\n",
     "append q 0 0 1 noreply\r\ny\r\n",
     "get q\r\n",
     "touch q 1 noreply\r\n",
     "delete q noreply\r\n",
     "get q\r\n",
     "mg q v q\r\n",
     "ms q 1 q\r\nx\r\n",
     "mg q v q\r\n",
     "ma q q\r\n",
     "ms cQ== 1 b k\r\n7\r\n",
     "mg q k b v\r\n",
     "mg cQ== b k v O9\r\n",
     "ma cQ== b k v\r\n",
     "mg cQ== b k\r\n",
     "md cQ== b k q\r\n",
     "mg q\r\n"},
};

static void play_section(struct beside *b, const char *const *requests, const char *long_value)
{
    align(b);
    for (size_t i = 0; i < 24 && requests[i]; i++) {
        struct octets request = {0};
        const char *hole = strstr(requests[i], "%s");
        if (requests[i][0] == '@') {
            move(b, strtol(requests[i] + 1, NULL, 10));
            continue;
        }
        octets_add(&request, requests[i],
                   hole ? (size_t)(hole - requests[i]) : strlen(requests[i]));
        if (hole) octets_add(&request, long_value, LONG);
        if (hole) octets_add(&request, hole + 2, strlen(hole + 2));
        compare(b, &request);
        if (strncmp(requests[i], "flush", 5) == 0) align(b);
    }
}

static bool begin_as(struct beside **b)
{
    *b = begin();
    return strcmp(memcached_version(clocked_memcached((*b)->memcached)), STORE_ANSWERS_AS) == 0;
}

static void each_thing_is_answered_as_memcached_does(void **state)
{
    struct beside *b;
    char *long_value = stage_memory(LONG);
    memset(long_value, 'l', LONG);
    if (begin_as(&b))
        for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
            play_section(b, sections[i], long_value);
    end(b);
}

/* --- what newer versions than 1.6.18 have ------------------------------------------------------------ */

/* As memcached 1.6.45 answers them, but for the cas number behind an E where the number gets longer, which that loses, and for T there. */
static const char *const newer[][2] = {
    {"ms e 2 E500 c\r\nxx\r\n", "HD c500\r\n"},
    {"ms e 2 C500 E300 c s\r\nxx\r\n", "HD c300 s2\r\n"},
    {"ms e 2 C500 E300 c s\r\nxx\r\n", "EX c0 s2\r\n"},
    {"ms e 2 Ex\r\nxx\r\n", "CLIENT_ERROR bad token in command line format\r\n"},
    {"ms e 1 MA E7 c s\r\ny\r\n", "HD c7 s3\r\n"},
    {"mg e C7 v c\r\nmg e C8 v c\r\nmg e C8 c\r\n", "HD c7\r\nVA 3 c7\r\nxxy\r\nHD c7\r\n"},
    {"ma n N0 J5 E77 c v\r\n", "VA 1 c77\r\n5\r\n"},
    {"ma n E78 c v\r\n", "VA 1 c78\r\n6\r\n"},
    {"ma n E79 C78 c v D100 T60\r\n", "VA 3 c79\r\n106\r\n"},
    {"mg n c t\r\n", "HD c79 t60\r\n"},
    {"md n I E90\r\nmg n c v\r\n", "HD\r\nVA 3 c90 X W\r\n106\r\n"},
    {"mg m N30 E1000 c v\r\nmg m c\r\n", "VA 0 c1000 W\r\n\r\nHD c1000 Z\r\n"},
    {"ms x 3 T50 F5\r\nabc\r\nmd x x C1\r\n", "HD\r\nEX\r\n"},
    {"md x x\r\nmg x s f t v\r\n", "HD\r\nVA 0 s0 f0 t-1\r\n\r\n"},
    {"md x x I T20 q\r\nmg x s t v\r\n", "VA 0 s0 t20 X W\r\n\r\n"},
    {"mg x x\r\n", "CLIENT_ERROR invalid flag\r\n"},
    {"md none x\r\n", "NF\r\n"},
    {"ms a 2 MA N30 F7 s\r\nab\r\nmg a t f v\r\n", "HD s2\r\nVA 2 t30 f7\r\nab\r\n"},
    {"ms a 2 MP N99 s\r\ncd\r\nmg a t v\r\n", "HD s4\r\nVA 4 t30\r\ncdab\r\n"},
    {"ms b 2 MR s\r\nab\r\n", "NS s2\r\n"},
    {"mg a T-1 t\r\n", "HD t0\r\n"},
    {"me n\r\n", "ME n exp=60 la=0 cas=90 fetch=yes cls=1 size=56\r\n"},
    {"ms IA== 1 b\r\n5\r\nma IA== b k\r\nmg IA== b k v\r\nme IA== b\r\n",
     "HD\r\nHD kIA== b\r\nVA 1 kIA== b\r\n6\r\nME IA== exp=-1 la=0 cas=15 fetch=yes cls=1 "
     "size=56\r\n"},
};

static void what_newer_versions_have_is_answered_as_they_do(void **state)
{
    struct beside b = {0};
    fake_server_init(&b.server, 1 << 20);
    b.server.now = 1767225600;
    for (size_t i = 0; i < sizeof newer / sizeof *newer; i++) {
        struct octets answer = {0};
        ask_store(&b, newer[i][0], strlen(newer[i][0]), &answer);
        if (strcmp(octets_at(&answer), newer[i][1]) != 0)
            stage_fails("%s: expected %s, not %s", newer[i][0], newer[i][1], octets_at(&answer));
        octets_release(&answer);
    }
    end(&b);
}

static void a_store_answers_as_memcached_does(void **state)
{
    struct beside *b;
    unsigned first = number_from("SEED", 1), plays = number_from("PLAYS", 150);
    unsigned seconds = number_from("LONG_SECONDS", 0);
    double until = stage_now() + seconds;
    if (!begin_as(&b)) plays = 0;
    for (unsigned i = 0; i < plays && (seconds == 0 || stage_now() < until); i++) {
        play_one(b, first + i);
    }
    end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_thing_is_answered_as_memcached_does),
        play(what_newer_versions_have_is_answered_as_they_do),
        play(a_store_answers_as_memcached_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
