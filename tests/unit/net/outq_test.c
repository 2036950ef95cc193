/* outq: what goes in comes out of the descriptor, in order and once, however little the kernel takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/octets.h"
#include "net/outq.h"
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONG = 20000 }; /* long enough to be referenced, not copied */

/* A connection that takes little at a time, and the bytes that should have come out of it. */
struct socket_pair {
    int in, out;
    struct octets wanted, seen;
    unsigned seed;
};

static int make(void **state)
{
    static struct socket_pair p;
    int fds[2], small = 1; /* the kernel's own least */
    p = (struct socket_pair){.seed = 1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    p.in = fds[0];
    p.out = fds[1];
    *state = &p;
    return 0;
}

static int forget(void **state)
{
    struct socket_pair *p = *state;
    close(p->in);
    if (p->out >= 0) close(p->out);
    octets_release(&p->wanted);
    octets_release(&p->seen);
    return 0;
}

static void drain(struct socket_pair *p, size_t most)
{
    char bytes[4096];
    ssize_t n = read(p->out, bytes, most < sizeof bytes ? most : sizeof bytes);
    if (n > 0) octets_add(&p->seen, bytes, (size_t)n);
}

static void write_all(struct socket_pair *p, struct outq *q)
{
    enum io_status status;
    while ((status = outq_write(q, &(struct stream){.fd = p->in, .state = STREAM_PLAIN})) ==
           IO_AGAIN) {
        assert_false(outq_is_empty(q));
        drain(p, 1 + (unsigned)rand_r(&p->seed) % 4096);
    }
    assert_int_equal(status, IO_OK);
    assert_true(outq_is_empty(q) && !q->head && !q->tail);
    while (octets_n(&p->seen) < octets_n(&p->wanted)) drain(p, 4096);
    drain(p, 4096);
    assert_int_equal(octets_n(&p->seen), octets_n(&p->wanted));
    assert_memory_equal(octets_at(&p->seen), octets_at(&p->wanted), octets_n(&p->wanted));
}

/* n bytes that differ from their neighbours; the same for the same n. */
static const uint8_t *pattern(size_t n)
{
    static uint8_t bytes[1 << 17];
    for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)(i * 31 + i / 251 + n);
    return bytes;
}

static struct blob *blob_of(size_t n)
{
    struct blob *blob = blob_create(n);
    memcpy(blob->bytes, pattern(n), n);
    blob->len = n;
    return blob;
}

static void an_empty_queue_owns_nothing_and_writes_nothing(void **state)
{
    struct socket_pair *p = *state;
    struct outq q = {0};
    outq_append(&q, "", 0);
    outq_append_alone(&q, "", 0);
    assert_true(outq_is_empty(&q));
    assert_null(q.head);
    write_all(p, &q);
    outq_release(&q);
}

static void copies_of_all_sizes_come_out_in_order(void **state)
{
    struct socket_pair *p = *state;
    struct outq q = {0};
    for (size_t n = 1; n < 70000; n = n * 3 / 2 + 1) {
        outq_append(&q, pattern(n), n);
        octets_add(&p->wanted, pattern(n), n);
        outq_append(&q, "\r\n", 2);
        octets_add(&p->wanted, "\r\n", 2);
    }
    assert_int_equal(q.bytes, octets_n(&p->wanted));
    write_all(p, &q);
}

static void long_bytes_of_a_blob_are_referenced_and_short_ones_copied(void **state)
{
    struct socket_pair *p = *state;
    struct outq q = {0};
    struct blob *blob = blob_of(LONG);
    outq_append(&q, "VALUE ", 6);
    outq_append_blob(&q, blob, blob->bytes, LONG);
    assert_int_equal(blob->counts, 2);
    outq_append_blob(&q, blob, blob->bytes + 5, 10);
    assert_int_equal(blob->counts, 2);
    outq_append_blob(&q, blob, blob->bytes + 100, LONG - 100);
    assert_int_equal(blob->counts, 3);
    octets_add(&p->wanted, "VALUE ", 6);
    octets_add(&p->wanted, blob->bytes, LONG);
    octets_add(&p->wanted, blob->bytes + 5, 10);
    octets_add(&p->wanted, blob->bytes + 100, LONG - 100);
    write_all(p, &q);
    assert_int_equal(blob->counts, 1);
    blob_give(blob);
}

static void bytes_without_a_blob_are_copied(void **state)
{
    struct socket_pair *p = *state;
    struct outq q = {0};
    uint8_t *bytes = malloc(LONG);
    memcpy(bytes, pattern(LONG), LONG);
    outq_append_blob(&q, NULL, bytes, LONG);
    free(bytes);
    octets_add(&p->wanted, pattern(LONG), LONG);
    write_all(p, &q);
}

static void a_release_gives_back_every_count(void **state)
{
    struct outq q = {0};
    struct blob *blob = blob_of(LONG);
    for (int i = 0; i < 5; i++) outq_append_blob(&q, blob, blob->bytes, LONG);
    assert_int_equal(blob->counts, 6);
    outq_append(&q, "x", 1);
    outq_release(&q);
    assert_int_equal(blob->counts, 1);
    assert_true(outq_is_empty(&q) && !q.head && !q.tail);
    blob_give(blob);
}

static void reserved_room_is_in_one_piece_and_counts_when_it_is_committed(void **state)
{
    struct socket_pair *p = *state;
    struct outq q = {0};
    for (size_t n = 1; n < 9000; n = n * 2 + 1) {
        uint8_t *to = outq_reserve(&q, n);
        memcpy(to, pattern(n), n);
        outq_commit(&q, (n + 1) / 2);
        octets_add(&p->wanted, pattern(n), (n + 1) / 2);
    }
    assert_int_equal(q.bytes, octets_n(&p->wanted));
    write_all(p, &q);
}

static void a_lone_answer_may_be_followed_by_more(void **state)
{
    struct socket_pair *p = *state;
    struct outq q = {0};
    outq_append_alone(&q, "first ", 6);
    outq_append_alone(&q, "second ", 7);
    outq_append(&q, pattern(5000), 5000);
    octets_add(&p->wanted, "first second ", 13);
    octets_add(&p->wanted, pattern(5000), 5000);
    write_all(p, &q);
}

static void a_splice_moves_everything_behind(void **state)
{
    struct socket_pair *p = *state;
    struct outq q = {0};
    struct blob *blob = blob_of(LONG);
    static const size_t sizes[] = {1, 1000, 1024, 1025, 3000, 4096, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct outq from = {0};
        outq_append(&from, pattern(sizes[i]), sizes[i]);
        octets_add(&p->wanted, pattern(sizes[i]), sizes[i]);
        outq_append_blob(&from, blob, blob->bytes, LONG);
        octets_add(&p->wanted, blob->bytes, LONG);
        outq_append(&from, "END\r\n", 5);
        octets_add(&p->wanted, "END\r\n", 5);
        outq_splice(&q, &from);
        assert_true(outq_is_empty(&from) && !from.head && !from.tail);
        outq_append(&q, "-", 1);
        octets_add(&p->wanted, "-", 1);
    }
    struct outq nothing = {0};
    outq_splice(&q, &nothing);
    assert_int_equal(q.bytes, octets_n(&p->wanted));
    write_all(p, &q);
    outq_splice(&nothing, &q);
    assert_true(outq_is_empty(&nothing));
    assert_int_equal(blob->counts, 1);
    blob_give(blob);
}

static void more_pieces_than_one_write_takes_come_out_in_order(void **state)
{
    struct socket_pair *p = *state;
    struct outq q = {0};
    struct blob *blob = blob_of(LONG);
    for (unsigned i = 0; i < 150; i++) {
        size_t from = i * 7;
        outq_append(&q, &"0123456789"[i % 10], 1);
        octets_add(&p->wanted, &"0123456789"[i % 10], 1);
        outq_append_blob(&q, blob, blob->bytes + from, 8192);
        octets_add(&p->wanted, blob->bytes + from, 8192);
    }
    write_all(p, &q);
    assert_int_equal(blob->counts, 1);
    blob_give(blob);
}

static void appending_goes_on_while_the_front_is_being_written(void **state)
{
    struct socket_pair *p = *state;
    struct outq q = {0};
    struct blob *blob = blob_of(LONG);
    for (unsigned i = 0; i < 2000; i++) {
        size_t n = (unsigned)rand_r(&p->seed) % 300;
        outq_append(&q, pattern(n), n);
        octets_add(&p->wanted, pattern(n), n);
        if (i % 50 == 0) {
            outq_append_blob(&q, blob, blob->bytes, LONG);
            octets_add(&p->wanted, blob->bytes, LONG);
        }
        assert_int_not_equal(outq_write(&q, &(struct stream){.fd = p->in, .state = STREAM_PLAIN}),
                             IO_ERROR);
        drain(p, 1 + (unsigned)rand_r(&p->seed) % 1500);
    }
    write_all(p, &q);
    assert_int_equal(blob->counts, 1);
    blob_give(blob);
}

static void a_broken_connection_is_an_error_and_keeps_the_bytes(void **state)
{
    struct outq q = {0};
    outq_append(&q, "x", 1);
    assert_int_equal(outq_write(&q, &STREAM_NONE), IO_ERROR);
    assert_int_equal(errno, EBADF);
    assert_int_equal(q.bytes, 1);
    outq_release(&q);
}

#define piped(test) cmocka_unit_test_setup_teardown(test, make, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        piped(an_empty_queue_owns_nothing_and_writes_nothing),
        piped(copies_of_all_sizes_come_out_in_order),
        piped(long_bytes_of_a_blob_are_referenced_and_short_ones_copied),
        piped(bytes_without_a_blob_are_copied),
        piped(a_release_gives_back_every_count),
        piped(reserved_room_is_in_one_piece_and_counts_when_it_is_committed),
        piped(a_lone_answer_may_be_followed_by_more),
        piped(a_splice_moves_everything_behind),
        piped(more_pieces_than_one_write_takes_come_out_in_order),
        piped(appending_goes_on_while_the_front_is_being_written),
        piped(a_broken_connection_is_an_error_and_keeps_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
