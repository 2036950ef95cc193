/* Deletes on the disk: they are given in order, survive a new process at any moment, and are kept once. */
#include "unit/spool/spool_host.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

static void what_was_kept_is_given_in_order_by_the_next_process(void **state)
{
    struct folder *f = opened();
    struct spool *s = spool_of(f, SERVER);
    for (unsigned i = 0; i < 20000; i++) assert_int_equal(add(s, line_of(i)), SPOOL_ADDED);
    assert_int_equal(brought_to_disk(f, s), 0);
    folder_destroy(f);

    f = opened();
    s = folder_find(f, SERVER, strlen(SERVER));
    assert_non_null(s);
    assert_int_equal(spool_pending(s), 20000);
    assert_int_equal(s->oldest, NOW);
    assert_replays(s, 0, 20000);
    assert_null(last_file());
    assert_int_equal(f->room.bytes, 0);
    keep(f, s, line_of(7)); /* it goes on */
    assert_replays(s, 7, 1);
    folder_destroy(f);
}

static void what_is_not_synced_is_not_given(void **state)
{
    struct folder *f = opened();
    struct spool *s = spool_of(f, SERVER);
    keep(f, s, line_of(0));
    assert_int_equal(add(s, line_of(1)), SPOOL_ADDED);
    struct spool_said said = given(s);
    assert_int_equal(said.head.items, 1);
    assert_int_equal(brought_to_disk(f, s), 0);
    assert_int_equal(spool_done(s, 1), 1);
    assert_replays(s, 1, 1);
    folder_destroy(f);
}

static void a_new_process_goes_on_behind_what_is_done(void **state)
{
    struct folder *f = opened();
    struct spool *s = spool_of(f, SERVER);
    for (unsigned i = 0; i < 5000; i++) assert_int_equal(add(s, line_of(i)), SPOOL_ADDED);
    assert_int_equal(brought_to_disk(f, s), 0);
    struct spool_said said = given(s);
    unsigned n = said.head.items;
    assert_true(n > 100 && n < 5000);
    assert_int_equal(spool_done(s, n / 2), n / 2);
    assert_int_equal(spool_pending(s), 5000 - n / 2);
    assert_int_equal(spool_done(s, n + 1), 0); /* not given out */
    assert_int_equal(spool_done(s, n), n - n / 2);
    assert_int_equal(spool_done(s, n), 0); /* again */
    (void)given(s);                        /* given out, and not done */
    folder_destroy(f);

    f = opened();
    s = folder_find(f, SERVER, strlen(SERVER));
    assert_int_equal(spool_pending(s), 5000 - n);
    assert_replays(s, n, 5000 - n);
    folder_destroy(f);
}

static void a_spool_counts_before_it_is_read(void **state)
{
    struct folder *f = opened();
    struct spool *s = spool_of(f, SERVER);
    for (unsigned i = 0; i < 3; i++) keep(f, s, line_of(i));
    folder_destroy(f);

    struct spool_place place = usual();
    f = folder_create(&place, (int32_t)getpid());
    assert_int_equal(folder_look(f, 0), FOLDER_OPEN);
    s = folder_find(f, SERVER, strlen(SERVER));
    assert_non_null(s);
    assert_false(spool_is_loaded(s));
    assert_int_equal(spool_pending(s), 1);
    folder_sweep(f);
    assert_int_equal(f->spools_n, 1);
    spool_load(s);
    spool_load(s);
    assert_int_equal(spool_pending(s), 3);
    assert_replays(s, 0, 3);
    folder_destroy(f);
}

static void what_is_returned_is_given_again(void **state)
{
    struct folder *f = opened();
    struct spool *s = spool_of(f, SERVER);
    for (unsigned i = 0; i < 10; i++) keep(f, s, line_of(i));
    assert_int_equal(given(s).head.items, 10);
    keep(f, s, line_of(10));
    assert_int_equal(spool_done(s, 4), 4);
    spool_return(s);
    assert_int_equal(spool_pending(s), 11);
    assert_replays(s, 0, 11);
    folder_destroy(f);
}

static void the_same_line_is_kept_once_until_it_is_given_out(void **state)
{
    struct folder *f = opened();
    struct spool *s = spool_of(f, SERVER);
    keep(f, s, line_of(0));
    assert_int_equal(add(s, line_of(1)), SPOOL_ADDED);
    assert_int_equal(add(s, line_of(0)), SPOOL_KNOWN); /* on the disk */
    assert_int_equal(add(s, line_of(1)), SPOOL_KNOWN); /* in the buffer */
    assert_int_equal(brought_to_disk(f, s), 0);
    assert_int_equal(spool_pending(s), 2);
    (void)given(s);
    assert_int_equal(add(s, line_of(0)), SPOOL_ADDED); /* the server may have answered the first */
    assert_int_equal(brought_to_disk(f, s), 0);
    folder_destroy(f);

    f = opened();
    s = folder_find(f, SERVER, strlen(SERVER));
    assert_int_equal(spool_pending(s), 3);
    assert_int_equal(add(s, line_of(1)), SPOOL_KNOWN); /* of the process before */
    assert_int_equal(add(s, line_of(2)), SPOOL_ADDED);
    assert_int_equal(brought_to_disk(f, s), 0);
    assert_int_equal(spool_pending(s), 4);
    folder_destroy(f);
}

static void a_long_outage_keeps_each_key_once(void **state)
{
    struct folder *f = opened();
    struct spool *s = spool_of(f, SERVER);
    for (unsigned i = 0; i < 60000; i++) (void)add(s, line_of(i % 5000));
    assert_int_equal(brought_to_disk(f, s), 0);
    assert_true(spool_pending(s) < 5100); /* a few find no room near their place */
    assert_true(f->room.bytes < 5100 * 40);
    folder_destroy(f);
}

/* --- bounds ------------------------------------------------------------------------------------ */

static void a_full_spool_refuses_and_keeps_what_it_has(void **state)
{
    struct spool_place place = usual();
    place.max_size = SPOOL_SIZE_LEAST;
    place.max_total = SPOOL_SIZE_LEAST + SPOOL_SIZE_LEAST / 2;
    struct folder *f = opened_as(&place);
    struct spool *s = spool_of(f, SERVER), *other = spool_of(f, "10.0.0.2:11211");
    unsigned n = 0, m = 0;
    while (add(s, line_of(n)) == SPOOL_ADDED) n++;
    assert_int_equal(add(s, line_of(n)), SPOOL_FULL);
    assert_int_equal(add(s, line_of(0)), SPOOL_KNOWN); /* that one is kept already */
    while (add(other, line_of(m)) == SPOOL_ADDED) m++;
    assert_int_equal(add(other, line_of(m)), SPOOL_TOTAL_FULL);
    assert_int_equal(brought_to_disk(f, s), 0);
    assert_int_equal(brought_to_disk(f, other), 0);
    assert_true(n > 1000 && m > 400 && f->room.bytes <= place.max_total);
    assert_replays(s, 0, n);
    assert_int_equal(add(other, line_of(m)), SPOOL_ADDED); /* there is room again */
    assert_int_equal(brought_to_disk(f, other), 0);
    assert_replays(other, 0, m + 1);
    assert_int_equal(f->room.bytes, 0);
    folder_destroy(f);
}

static void what_the_disk_does_not_take_is_taken_back(void **state)
{
    struct rlimit before, least;
    struct folder *f = opened();
    struct spool *s = spool_of(f, SERVER);
    keep(f, s, line_of(0));
    uint64_t bytes = s->bytes;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    least = before;
    least.rlim_cur = bytes + 100; /* a part of what follows fits */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &least), 0);
    for (unsigned i = 1; i < 50; i++) assert_int_equal(add(s, line_of(i)), SPOOL_ADDED);
    assert_int_equal(brought_to_disk(f, s), EFBIG);
    assert_int_equal(spool_pending(s), 1);
    assert_int_equal(s->bytes, bytes);
    assert_int_equal(add(s, line_of(1)), SPOOL_ADDED); /* it is not taken for one that is kept */
    assert_int_equal(brought_to_disk(f, s), 0);
    struct spool *other = spool_of(f, "other");
    least.rlim_cur = 100; /* not even a head */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &least), 0);
    assert_int_equal(add(other, line_of(5)), SPOOL_FAILED);
    assert_int_equal(brought_to_disk(f, other), EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(spool_pending(other), 0);
    assert_int_equal(f->room.bytes, s->bytes);
    keep(f, other, line_of(6));
    folder_destroy(f);
    f = opened();
    assert_replays(spool_of(f, SERVER), 0, 2);
    assert_replays(spool_of(f, "other"), 6, 1);
    folder_destroy(f);
}

static void deletes_that_are_too_old_go(void **state)
{
    struct spool_place place = usual();
    place.max_age = 160;
    struct folder *f = opened_as(&place);
    struct spool *s = spool_of(f, SERVER);
    static struct spool_packet packet;
    keep(f, s, line_of(0));
    assert_int_equal(spool_add(s, line_of(0), strlen(line_of(0)), NOW + 10), SPOOL_KNOWN);
    assert_int_equal(spool_add(s, line_of(0), strlen(line_of(0)), NOW + 11), SPOOL_ADDED);
    assert_int_equal(brought_to_disk(f, s), 0);
    spool_expire(s, NOW + 170);
    assert_int_equal(spool_pending(s), 2);
    assert_true(spool_give(s, &packet, NOW + 171)); /* the first is too old */
    assert_int_equal(spool_packet_items(&packet), 1);
    spool_return(s);
    spool_expire(s, NOW + 182);
    assert_int_equal(spool_pending(s), 0);
    assert_null(last_file());
    folder_destroy(f);
}

static void an_operator_drops_what_waits(void **state)
{
    struct folder *f = opened();
    struct spool *s = spool_of(f, SERVER);
    for (unsigned i = 0; i < 10; i++) keep(f, s, line_of(i));
    (void)given(s);
    assert_int_equal(spool_drop(s), 10);
    assert_null(last_file());
    assert_int_equal(spool_done(s, 10), 0); /* who replays does not know yet */
    keep(f, s, line_of(0));
    assert_replays(s, 0, 1);
    folder_destroy(f);
}

static void each_server_has_files_of_its_own(void **state)
{
    static const char *const names[] = {
        "10.0.0.1:11211", "10.0.0.1_11211", "unix:/tmp/a/../b", "..", "[::1]:11211", "Ä\tß \"x\""};
    enum { N = sizeof names / sizeof *names };
    char longest[SPOOL_NAME_MAX + 1];
    memset(longest, 'x', SPOOL_NAME_MAX);
    longest[SPOOL_NAME_MAX] = '\0';
    struct folder *f = opened();
    for (unsigned i = 0; i < N; i++) keep(f, spool_of(f, names[i]), line_of(i));
    keep(f, spool_of(f, longest), line_of(N));
    folder_destroy(f);
    f = opened();
    assert_int_equal(f->spools_n, N + 1);
    for (unsigned i = 0; i < N; i++) assert_replays(spool_of(f, names[i]), i, 1);
    assert_replays(spool_of(f, longest), N, 1);
    assert_int_equal(f->spools_n, N + 1);
    folder_sweep(f);
    assert_int_equal(f->spools_n, 0);
    folder_destroy(f);
}

/* --- at random --------------------------------------------------------------------------------- */

enum { KEYS = 400 };

/* Of each key: a delete was kept and is not done; one was added since the last sync; one may be on the disk: it was added when
 * the process was killed, or is done. */
static bool owed[KEYS], added[KEYS], perhaps[KEYS];

static void replays_some(struct spool *s, bool returns)
{
    static struct spool_packet packet;
    struct spool_said said;
    struct spool_item item;
    if (!spool_give(s, &packet, NOW)) return;
    assert_true(spool_packet_read(packet.bytes, packet.len, &said));
    uint64_t last = 0;
    while (spool_said_next(&said, &item)) last = item.number;
    if (returns) {
        spool_return(s);
        return;
    }
    assert_true(spool_packet_read(packet.bytes, packet.len, &said));
    while (spool_said_next(&said, &item)) {
        owed[number_of(&item)] = false;
        perhaps[number_of(&item)] = true;
    }
    (void)spool_done(s, last);
}

static void at_random_nothing_that_was_kept_is_lost(void **state)
{
    struct spool_place place = usual();
    place.max_size = 1 << 20;
    place.max_total = 1 << 20;
    struct folder *f = opened_as(&place);
    struct spool *s = spool_of(f, SERVER);
    srand48(11);
    for (int step = 0; step < 20000; step++) {
        unsigned key = (unsigned)(lrand48() % KEYS), what = (unsigned)(lrand48() % 200);
        if (what < 150) {
            enum spool_added how = add(s, line_of(key));
            bool is_there = owed[key] || added[key] || perhaps[key];
            assert_true(how == SPOOL_ADDED || (how == SPOOL_KNOWN && is_there));
            added[key] = added[key] || how == SPOOL_ADDED;
            owed[key] = owed[key] || (how == SPOOL_KNOWN && !added[key]);
        } else if (what < 190) {
            assert_int_equal(brought_to_disk(f, s), 0);
            for (int i = 0; i < KEYS; i++) owed[i] = owed[i] || added[i];
            memset(added, 0, sizeof added);
        } else if (what < 196) {
            replays_some(s, what < 193);
        } else {
            for (int i = 0; i < KEYS; i++) perhaps[i] = perhaps[i] || added[i];
            memset(added, 0, sizeof added); /* killed */
            folder_destroy(f);
            f = opened_as(&place);
            s = spool_of(f, SERVER);
        }
    }
    assert_int_equal(brought_to_disk(f, s), 0);
    while (spool_pending(s)) replays_some(s, false);
    for (int i = 0; i < KEYS; i++) assert_false(owed[i]);
    assert_int_equal(f->room.bytes, 0);
    folder_destroy(f);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, folder_comes, folder_goes)
    const struct CMUnitTest tests[] = {
        test(what_was_kept_is_given_in_order_by_the_next_process),
        test(what_is_not_synced_is_not_given),
        test(a_new_process_goes_on_behind_what_is_done),
        test(a_spool_counts_before_it_is_read),
        test(what_is_returned_is_given_again),
        test(the_same_line_is_kept_once_until_it_is_given_out),
        test(a_long_outage_keeps_each_key_once),
        test(a_full_spool_refuses_and_keeps_what_it_has),
        test(what_the_disk_does_not_take_is_taken_back),
        test(deletes_that_are_too_old_go),
        test(an_operator_drops_what_waits),
        test(each_server_has_files_of_its_own),
        test(at_random_nothing_that_was_kept_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
