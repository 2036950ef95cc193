/* inbuf: messages come whole out of a stream that is cut anywhere, in the order and with the bytes sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/octets.h"
#include "net/inbuf.h"
#include "protocol/request.h"
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A reader as client.c and conn.c are: it takes whole requests and keeps the cut one. */
struct reader {
    struct inbuf in;
    struct arena arena;
    int to, from;
    size_t most;         /* bytes asked for with each read */
    struct octets taken; /* all requests, one behind the other */
    unsigned requests;
    unsigned in_blobs; /* how many of them came as a blob of their own */
    struct blob *held; /* a count of the last such blob */
    struct octets held_bytes;
};

static int make(void **state)
{
    static struct reader r;
    int fds[2];
    r = (struct reader){.most = 64 * 1024};
    arena_init(&r.arena, 4096);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    r.to = fds[0];
    r.from = fds[1];
    *state = &r;
    return 0;
}

static int forget(void **state)
{
    struct reader *r = *state;
    inbuf_release(&r->in);
    arena_release(&r->arena);
    if (r->held) blob_give(r->held);
    octets_release(&r->taken);
    octets_release(&r->held_bytes);
    if (r->to >= 0) close(r->to);
    close(r->from);
    return 0;
}

static struct request_parse parse(const uint8_t *at, size_t len)
{
    struct request request;
    static const struct request_rules rules = {.max_value = (size_t)64 << 20};
    return request_parse(at, len, &rules, &request);
}

/* What stands behind a span may be written over, without harm to what is read or kept. */
static void use_spare(struct span span)
{
    if (span.len) memset((uint8_t *)(uintptr_t)span.at + span.len, '\n', INBUF_SPARE);
}

/* Takes the requests in a span; returns how many bytes are left at its end, and how long the cut request will be. */
static size_t take(struct reader *r, struct span span, size_t *need)
{
    *need = 0;
    while (span.len > 0) {
        struct request_parse p = parse(span.at, span.len);
        assert_true(p.status == REQUEST_OK || p.status == REQUEST_KEYS ||
                    p.status == REQUEST_AGAIN);
        *need = p.need;
        if (p.status == REQUEST_AGAIN) break;
        octets_add(&r->taken, span.at, p.consumed);
        r->requests++;
        span.at += p.consumed;
        span.len -= p.consumed;
    }
    return span.len;
}

/* The blob that holds a whole message is kept beyond the turn. */
static void hold(struct reader *r, const struct inbuf_input *input)
{
    size_t need;
    assert_non_null(input->blob);
    assert_int_equal(take(r, input->whole, &need), 0);
    r->in_blobs++;
    if (r->held) blob_give(r->held);
    octets_take(&r->held_bytes, octets_n(&r->held_bytes));
    r->held = blob_take(input->blob);
    octets_add(&r->held_bytes, input->whole.at, input->whole.len);
    assert_true(input->whole.at >= r->held->bytes && input->whole.len <= r->held->len);
}

static enum io_status read_once(struct reader *r)
{
    struct inbuf_input input;
    size_t need;
    enum io_status status = inbuf_read(
        &r->in, &(struct stream){.fd = r->from, .state = STREAM_PLAIN}, &r->arena, r->most, &input);
    if (status != IO_OK) {
        assert_int_equal(input.whole.len + input.rest.len + input.bytes, 0);
        return status;
    }
    assert_true(input.bytes > 0);
    use_spare(input.whole);
    use_spare(input.rest);
    if (input.whole.len) hold(r, &input);
    size_t left = take(r, input.rest, &need);
    inbuf_keep(&r->in, &r->arena, input.rest.at + input.rest.len - left, left, need);
    return status;
}

/* One turn: reads all there is, then forgets the arena. */
static void turn(struct reader *r)
{
    enum io_status status;
    while ((status = read_once(r)) == IO_OK) continue;
    assert_int_equal(status, IO_AGAIN);
    arena_reset(&r->arena);
}

static void sends(struct reader *r, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t went = write(r->to, bytes, n < 20000 ? n : 20000);
        assert_true(went > 0);
        turn(r);
        bytes += went;
        n -= (size_t)went;
    }
}

static void saw(const struct reader *r, const char *bytes, size_t n)
{
    assert_int_equal(octets_n(&r->taken), n);
    assert_memory_equal(octets_at(&r->taken), bytes, n);
}

static void owns_nothing(const struct reader *r)
{
    assert_null(r->in.kept);
    assert_int_equal(r->in.need, 0);
    assert_int_equal(r->arena.used, 0);
    assert_null(r->arena.adopted);
}

static const char stream[] =
    "get a\r\nset k 0 0 5\r\nhello\r\nget b c\r\nset e 0 0 0\r\n\r\nset nl 0 0 4\r\n\r\n\r\n\r\n"
    "delete k noreply\r\nversion\r\nset f 1 2 30 noreply\r\n012345678901234567890123456789\r\n"
    "incr n 1\r\n";

enum { STREAM = sizeof stream - 1 };

static void a_stream_cut_at_any_place_gives_the_same_messages(void **state)
{
    struct reader *r = *state;
    for (size_t cut = 0; cut <= STREAM; cut++) {
        octets_take(&r->taken, octets_n(&r->taken));
        sends(r, stream, cut);
        sends(r, stream + cut, STREAM - cut);
        saw(r, stream, STREAM);
        owns_nothing(r);
    }
}

static void a_stream_cut_at_any_two_places_gives_the_same_messages(void **state)
{
    struct reader *r = *state;
    for (size_t first = 0; first < STREAM; first++) {
        for (size_t second = first; second < STREAM; second += 3) {
            octets_take(&r->taken, octets_n(&r->taken));
            sends(r, stream, first);
            sends(r, stream + first, second - first);
            sends(r, stream + second, STREAM - second);
            saw(r, stream, STREAM);
        }
    }
    owns_nothing(r);
}

static void reads_of_any_size_give_the_same_messages(void **state)
{
    struct reader *r = *state;
    for (r->most = 1; r->most < 80; r->most++) {
        octets_take(&r->taken, octets_n(&r->taken));
        sends(r, stream, STREAM);
        saw(r, stream, STREAM);
        owns_nothing(r);
    }
}

static void bytes_that_come_one_by_one_give_the_same_messages(void **state)
{
    struct reader *r = *state;
    for (size_t i = 0; i < STREAM; i++) sends(r, stream + i, 1);
    saw(r, stream, STREAM);
    owns_nothing(r);
}

/* A line that takes many reads, then a short one, then a value: `step` bytes at a time. */
static void long_line(struct reader *r, size_t step)
{
    struct octets bytes = {0};
    octets_add(&bytes, "get", 3);
    for (unsigned i = 0; i < 5000; i++) octets_add(&bytes, " key", 4);
    octets_add(&bytes, "\r\nget b\r\nset k 0 0 3\r\nabc\r\n", 27);
    const char *at = octets_at(&bytes);
    size_t n = octets_n(&bytes);
    octets_take(&r->taken, octets_n(&r->taken));
    for (size_t done = 0; done < n; done += step)
        sends(r, at + done, n - done < step ? n - done : step);
    saw(r, at, n);
    owns_nothing(r);
    octets_release(&bytes);
}

static void a_long_line_comes_whole_however_it_is_cut(void **state)
{
    static const size_t steps[] = {1, 7, 100, 1021, 4095, 4096, 4097, 19999};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) long_line(*state, steps[i]);
    struct reader *r = *state;
    r->most = 10;
    long_line(r, 5000);
}

/* A store of n bytes, sent in pieces. */
static void long_value(struct reader *r, size_t n, size_t step)
{
    struct octets bytes = {0};
    char line[64];
    octets_add(&bytes, "get a\r\n", 7);
    octets_add(&bytes, line, (size_t)snprintf(line, sizeof line, "set k 0 0 %zu\r\n", n));
    for (size_t i = 0; i < n; i++) octets_add(&bytes, &"\r\nget x\n"[i * 7 % 8], 1);
    octets_add(&bytes, "\r\nget b\r\n", 9);
    const char *at = octets_at(&bytes);
    size_t all = octets_n(&bytes);
    octets_take(&r->taken, octets_n(&r->taken));
    for (size_t done = 0; done < all; done += step)
        sends(r, at + done, all - done < step ? all - done : step);
    saw(r, at, all);
    owns_nothing(r);
    octets_release(&bytes);
}

static void a_long_value_comes_whole_in_a_blob_of_its_own(void **state)
{
    struct reader *r = *state;
    long_value(r, 100000, 20000);
    assert_int_equal(r->in_blobs, 1);
    long_value(r, 100000, 77);
    long_value(r, 5000, 1);
    r->most = 100;
    long_value(r, 100000, 20000);
    assert_int_equal(r->in_blobs, 4);
    assert_int_equal(r->requests, 4 * 3);
}

static void a_counted_blob_outlives_the_turn(void **state)
{
    struct reader *r = *state;
    long_value(r, 50000, 9999);
    assert_non_null(r->held);
    assert_int_equal(r->held->counts, 1);
    arena_alloc(&r->arena, 4000);
    assert_memory_equal(r->held->bytes, octets_at(&r->held_bytes), octets_n(&r->held_bytes));
}

static void no_more_is_read_beyond_a_message_than_asked_for(void **state)
{
    struct reader *r = *state;
    struct inbuf_input input;
    sends(r, "set k 0 0 5\r\nhe", 15);
    assert_int_equal(r->in.need, 20);
    assert_int_equal(write(r->to, "llo\r\nget a\r\nget b\r\n", 19), 19);
    assert_int_equal(inbuf_read(&r->in, &(struct stream){.fd = r->from, .state = STREAM_PLAIN},
                                &r->arena, 3, &input),
                     IO_OK);
    assert_int_equal(input.whole.len, 20);
    assert_memory_equal(input.whole.at, "set k 0 0 5\r\nhello\r\n", 20);
    assert_int_equal(input.rest.len, 3);
    assert_memory_equal(input.rest.at, "get", 3);
    assert_int_equal(input.bytes, 8);
    inbuf_keep(&r->in, &r->arena, input.rest.at, 3, 0);
    turn(r);
    saw(r, "get a\r\nget b\r\n", 14);
}

static void the_end_of_input_and_errors_are_told_and_lose_nothing(void **state)
{
    struct reader *r = *state;
    struct inbuf_input input;
    sends(r, "set k 0 0 5\r\nhe", 15);
    assert_int_equal(inbuf_read(&r->in, &(struct stream){.fd = r->from, .state = STREAM_PLAIN},
                                &r->arena, 100, &input),
                     IO_AGAIN);
    assert_int_equal(inbuf_read(&r->in, &STREAM_NONE, &r->arena, 100, &input), IO_ERROR);
    assert_int_equal(errno, EBADF);
    close(r->to);
    r->to = -1;
    assert_int_equal(inbuf_read(&r->in, &(struct stream){.fd = r->from, .state = STREAM_PLAIN},
                                &r->arena, 100, &input),
                     IO_END);
    assert_non_null(r->in.kept);
    assert_int_equal(r->in.kept->len, 15);
    assert_memory_equal(r->in.kept->bytes, "set k 0 0 5\r\nhe", 15);
    assert_int_equal(r->arena.used, 0);
}

static void an_announced_value_costs_only_what_was_sent(void **state)
{
    struct reader *r = *state;
    sends(r, "set k 0 0 60000000\r\nab", 22);
    assert_non_null(r->in.kept);
    assert_int_equal(r->in.kept->len, 22);
    assert_int_equal(r->in.need, 60000000 + 22);
}

/* For who must not take a byte of what comes next. */
static void what_completes_a_message_is_known_before_it_is_read(void **state)
{
    struct reader *r = *state;
    sends(r, "set k 0 0 5\r\nhe", 15);
    assert_int_equal(
        inbuf_missing(&r->in, &(struct stream){.fd = r->from, .state = STREAM_PLAIN}, 100), 0);
    sends(r, "llo\r\nget lo", 11);
    assert_int_equal(
        inbuf_missing(&r->in, &(struct stream){.fd = r->from, .state = STREAM_PLAIN}, 100),
        1); /* nothing is there to be seen */
    assert_int_equal(write(r->to, "ng", 2), 2);
    assert_int_equal(
        inbuf_missing(&r->in, &(struct stream){.fd = r->from, .state = STREAM_PLAIN}, 100), 2);
    assert_int_equal(write(r->to, "er\r\nget next\r\n", 14), 14);
    assert_int_equal(
        inbuf_missing(&r->in, &(struct stream){.fd = r->from, .state = STREAM_PLAIN}, 100), 6);
    assert_int_equal(
        inbuf_missing(&r->in, &(struct stream){.fd = r->from, .state = STREAM_PLAIN}, 4), 4);
}

static void what_a_message_holds_is_what_was_written_and_a_page(void **state)
{
    struct reader *r = *state;
    assert_int_equal(inbuf_held(&r->in), 0);
    sends(r, "set k 0 0 60000000\r\nab", 22);
    assert_in_range(inbuf_held(&r->in), 22, 22 + 2 * 4096);
    inbuf_release(&r->in);
    sends(r, "set k 0 0 5\r\nhe", 15);
    assert_in_range(inbuf_held(&r->in), 20, 20 + sizeof(struct blob) + INBUF_SPARE);
}

#define connected(test) cmocka_unit_test_setup_teardown(test, make, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        connected(a_stream_cut_at_any_place_gives_the_same_messages),
        connected(a_stream_cut_at_any_two_places_gives_the_same_messages),
        connected(reads_of_any_size_give_the_same_messages),
        connected(bytes_that_come_one_by_one_give_the_same_messages),
        connected(a_long_line_comes_whole_however_it_is_cut),
        connected(a_long_value_comes_whole_in_a_blob_of_its_own),
        connected(a_counted_blob_outlives_the_turn),
        connected(no_more_is_read_beyond_a_message_than_asked_for),
        connected(the_end_of_input_and_errors_are_told_and_lose_nothing),
        connected(an_announced_value_costs_only_what_was_sent),
        connected(what_completes_a_message_is_known_before_it_is_read),
        connected(what_a_message_holds_is_what_was_written_and_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
