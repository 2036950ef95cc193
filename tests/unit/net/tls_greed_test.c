/* tls: what a client may make it take memory for (I6): messages that say how long they will be, and answers that nobody reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "net/tls_record.h"
#include "unit/net/tls_ends.h"

static const char TOO_LONG[] =
    "its first message is longer than 16 KiB, or its length is cut in two";

/* A ClientHello of TLS 1.3 without a share of a key, so that the server asks for another. */
static const uint8_t SHARELESS[] = {
    0x16, 0x03, 0x01, 0x00, 0x6e, 0x01, 0x00, 0x00, 0x6a, 0x03, 0x03, 0x22, 0x22, 0x22, 0x22,
    0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22,
    0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x20, 0x11,
    0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
    0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
    0x11, 0x00, 0x02, 0x13, 0x01, 0x01, 0x00, 0x00, 0x1f, 0x00, 0x2b, 0x00, 0x03, 0x02, 0x03,
    0x04, 0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x1d, 0x00, 0x0d, 0x00, 0x06, 0x00, 0x04,
    0x04, 0x03, 0x08, 0x04, 0x00, 0x33, 0x00, 0x02, 0x00, 0x00};

static void they_send(struct ends *e, const void *bytes, size_t n)
{
    assert_int_equal(write(e->theirs, bytes, n), n);
}

/* One record with the first 4 bytes of a ClientHello of so many. */
static void they_promise(struct ends *e, size_t n)
{
    const uint8_t bytes[] = {22, 3, 1, 0, 4, 1, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    they_send(e, bytes, sizeof bytes);
}

static void no_memory_is_taken_for_a_first_message_that_is_too_long(void **state)
{
    struct tls_context *context = server_context(TLS_VERIFY_NONE);
    for (size_t n = TLS_HELLO_MAX; n <= TLS_HELLO_MAX + 1; n++) {
        struct ends e = ends_open(context, NULL);
        they_promise(&e, n);
        enum stream_shake result = stream_shake(&e.ours);
        assert_int_equal(result, n > TLS_HELLO_MAX ? STREAM_SHAKE_FAILED : STREAM_SHAKE_AGAIN);
        if (n > TLS_HELLO_MAX) assert_string_equal(stream_why(&e.ours), TOO_LONG);
        ends_close(&e);
    }
    tls_context_give(context);
}

static void its_length_may_not_be_cut_by_records(void **state)
{
    struct tls_context *context = server_context(TLS_VERIFY_NONE);
    struct ends e = ends_open(context, NULL);
    they_send(&e, "\x16\x03\x01\0\3\1\1\xff", 8);
    assert_int_equal(stream_shake(&e.ours), STREAM_SHAKE_FAILED);
    assert_string_equal(stream_why(&e.ours), TOO_LONG);
    ends_close(&e);
    tls_context_give(context);
}

static void nor_for_the_one_that_the_server_has_asked_for(void **state)
{
    struct tls_context *context = server_context(TLS_VERIFY_NONE);
    struct ends e = ends_open(context, NULL);
    uint8_t answer[256];
    they_send(&e, SHARELESS, sizeof SHARELESS);
    assert_int_equal(stream_shake(&e.ours), STREAM_SHAKE_AGAIN);
    assert_true(read(e.theirs, answer, sizeof answer) > TLS_RECORD_HEAD); /* HelloRetryRequest */
    they_send(&e, "\x14\3\3\0\1\1", 6); /* as clients do for old boxes on their way */
    they_promise(&e, TLS_HELLO_MAX + 1);
    assert_int_equal(stream_shake(&e.ours), STREAM_SHAKE_FAILED);
    assert_string_equal(stream_why(&e.ours), TOO_LONG);
    ends_close(&e);
    tls_context_give(context);
}

/* The same bytes in records of `most` bytes each. */
static void recut(struct octets *records, size_t most)
{
    struct octets cut = {0};
    while (octets_n(records) > 0) {
        const uint8_t *head = (const uint8_t *)octets_at(records);
        size_t n = (size_t)head[3] << 8 | head[4];
        for (size_t at = 0; at < n; at += most) {
            size_t take = n - at < most ? n - at : most;
            const uint8_t own[] = {head[0], head[1], head[2], 0, (uint8_t)take};
            octets_add(&cut, own, sizeof own);
            octets_add(&cut, head + TLS_RECORD_HEAD + at, take);
        }
        octets_take(records, TLS_RECORD_HEAD + n);
    }
    octets_release(records);
    *records = cut;
}

static void a_first_message_in_many_records_is_taken(void **state)
{
    static const int versions[] = {TLS12, TLS13};
    struct tls_context *context = server_context(TLS_VERIFY_NONE);
    for (size_t most = 4; most < 80; most += 15) {
        for (int i = 0; i < 2; i++) {
            struct ends e = ends_open(context, &(struct secure_wanted){.version = versions[i]});
            secure_gives(e.secure, NULL, 0, &e.out);
            assert_true(octets_n(&e.out) > 100);
            recut(&e.out, most);
            shakes(&e);
            ends_close(&e);
        }
    }
    tls_context_give(context);
}

/* --- answers that nobody reads ----------------------------------------------------------------- */

enum { ASKED_AT_MOST = 40000 };

/* They ask until their socket takes no more, and read nothing. False: it has taken all. */
static bool asks_without_reading(struct ends *e, bool (*ask)(struct secure *, struct octets *))
{
    char bytes[4096];
    for (int i = 0; i < ASKED_AT_MOST; i++) {
        (void)ask(e->secure, &e->out);
        ssize_t went = send(e->theirs, octets_at(&e->out), octets_n(&e->out), MSG_NOSIGNAL);
        if (went > 0) octets_take(&e->out, (size_t)went);
        while (stream_events(&e->ours, true, false) & STREAM_WAITS_READ &&
               stream_read(&e->ours, bytes, sizeof bytes) > 0)
            continue;
        if (went < 0) return !(stream_events(&e->ours, true, false) & STREAM_WAITS_READ);
    }
    return false;
}

static void a_client_that_asks_for_new_keys_and_does_not_read_has_to_wait(void **state)
{
    struct tls_context *context = server_context(TLS_VERIFY_NONE);
    struct ends e = ends_shaken(context, &(struct secure_wanted){.version = TLS13});
    struct octets seen = {0};
    int small = 1;
    setsockopt(e.ours.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(e.theirs, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    assert_true(asks_without_reading(&e, secure_renews_keys));
    assert_int_equal(stream_events(&e.ours, true, false), STREAM_WAITS_WRITE);
    assert_false(stream_holds(&e.ours));
    secure_gives(e.secure, "get a\r\n", 7, &e.out);
    for (int i = 0; i < 100000 && octets_n(&seen) < 7; i++) {
        char bytes[64];
        (void)they_turn(&e);
        (void)stream_flush(&e.ours);
        ssize_t n = stream_read(&e.ours, bytes, sizeof bytes);
        if (n > 0) octets_add(&seen, bytes, (size_t)n);
    }
    assert_int_equal(octets_n(&seen), 7);
    assert_memory_equal(octets_at(&seen), "get a\r\n", 7);
    octets_release(&seen);
    ends_close(&e);
    tls_context_give(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_memory_is_taken_for_a_first_message_that_is_too_long),
        cmocka_unit_test(its_length_may_not_be_cut_by_records),
        cmocka_unit_test(nor_for_the_one_that_the_server_has_asked_for),
        cmocka_unit_test(a_first_message_in_many_records_is_taken),
        cmocka_unit_test(a_client_that_asks_for_new_keys_and_does_not_read_has_to_wait),
    };
    return cmocka_run_group_tests(tests, make_certificates, NULL);
}
