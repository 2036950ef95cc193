/* beside: a store that answers beside a memcached whose clock is moved together with the store's.
 *
 * A struct beside is of the stage's memory; beside_begin makes what it owns, beside_end frees it. One process.
 */
#ifndef TESTS_UNIT_STORE_BESIDE_H
#define TESTS_UNIT_STORE_BESIDE_H

#include "e2e/protocol/differential.h"
#include "lib/clocked.h"
#include "replay/fake_server.h"

enum { SHOWN = 16 };

struct beside {
    struct clocked *memcached;
    struct fake_server server;
    struct fake_talk talk;
    struct octets history[SHOWN]; /* the last requests */
    unsigned long done;
    unsigned seed; /* of this play */
};

static inline struct beside *beside_begin(void)
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

static inline void beside_end(struct beside *b)
{
    assert_true(store_is_sane(b->server.store));
    for (int i = 0; i < SHOWN; i++) octets_release(&b->history[i]);
    fake_server_release(&b->server);
}

static inline void beside_ask_store(struct beside *b, const char *bytes, size_t n,
                                    struct octets *answer)
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

static inline void beside_move(struct beside *b, int64_t seconds)
{
    clocked_moves(b->memcached, seconds);
    b->server.now += seconds;
    assert_int_equal(b->server.now, clocked_now(b->memcached));
}

static inline void print(const char *name, const struct octets *o)
{
    char *text = octets_escape(octets_at(o), octets_n(o) < 200 ? octets_n(o) : 200);
    fprintf(stderr, "  %-9s %s\n", name, text);
    free(text);
}

/* The time to live of what has just ended is 32 bits of a number below 0 for memcached, and 0 for a store. */
static inline void mend_ttl(struct octets *answer)
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

static inline void beside_show_history(const struct beside *b)
{
    fprintf(stderr, "SEED=%u STREAMS=1\n", b->seed);
    for (unsigned long i = b->done < SHOWN ? 0 : b->done - SHOWN; i < b->done; i++)
        print("before", &b->history[i % SHOWN]);
}

static inline void beside_compare(struct beside *b, struct octets *request)
{
    struct octets server = {0}, ours = {0};
    clocked_asks(b->memcached, octets_at(request), octets_n(request), &server);
    mend_ttl(&server);
    beside_ask_store(b, octets_at(request), octets_n(request), &ours);
    if (!are_equal(&server, &ours)) {
        beside_show_history(b);
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

static inline unsigned long long cas_of(const struct octets *answer)
{
    unsigned long long cas = 0;
    const char *line = strstr(octets_at(answer), "VALUE probe 0 1 ");
    if (!line || sscanf(line, "VALUE probe 0 1 %llu", &cas) != 1) stage_fails("no cas");
    return cas;
}

/* Stores until both have given out the same cas number. */
static inline unsigned long long beside_align(struct beside *b)
{
    static const char store[] = "set probe 0 0 1\r\nx\r\ngets probe\r\n";
    unsigned long long direct = 0, ours = 0;
    do {
        struct octets answer = {0};
        if (direct <= ours) {
            clocked_asks(b->memcached, store, sizeof store - 1, &answer);
            direct = cas_of(&answer);
        } else {
            beside_ask_store(b, store, sizeof store - 1, &answer);
            ours = cas_of(&answer);
        }
        octets_release(&answer);
    } while (direct != ours);
    return direct;
}

static inline bool beside_begin_as(struct beside **b)
{
    *b = beside_begin();
    return strcmp(memcached_version(clocked_memcached((*b)->memcached)), STORE_ANSWERS_AS) == 0;
}

#endif
