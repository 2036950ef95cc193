/* The spooler and workers that the test plays: what is answered when, whose turn it is to replay, and what happens when either of them goes. */
#include "unit/spool/spooler_host.h"

/* KEEP of the first delete for a server: the state, then KEPT. */
static void keeps_first(struct worker *w, const char *line)
{
    keeps_line(w, SERVER, line);
    sees_state(w, SERVER, 1);
    sees_kept(w, w->number);
}

static void keeps_next(struct worker *w, const char *line)
{
    keeps_line(w, SERVER, line);
    sees_kept(w, w->number);
}

/* A GIVE of the lines from..to; the place of the last one. */
static uint64_t sees_lines(struct worker *w, unsigned from, unsigned to)
{
    struct spool_said said = sees(w, SPOOL_GIVE, SERVER);
    struct spool_item item = {.number = 0};
    for (unsigned i = from; i <= to; i++) {
        assert_true(spool_said_next(&said, &item));
        assert_int_equal(number_of(&item), i);
    }
    uint64_t place = item.number;
    assert_false(spool_said_next(&said, &item));
    return place;
}

static void a_worker_learns_at_the_beginning_what_waits(void **state)
{
    struct process p = usual_spooler();
    struct worker a = fresh_worker();
    keeps_first(&a, line_of(0));
    keeps_next(&a, line_of(1));
    keeps_next(&a, line_of(1)); /* it waits already */
    struct worker b = worker_connects();
    sees_state(&b, SERVER, 2);
    (void)sees(&b, SPOOL_READY, "");
    spooler_ends(&p);
    sees_end(&a);
    sees_end(&b);
    p = usual_spooler();
    a = worker_connects();
    sees_state(&a, SERVER, 1); /* or more: the spool is not read yet */
    (void)sees(&a, SPOOL_READY, "");
    says(&a, SPOOL_TAKE, 0, SERVER);
    (void)sees_lines(&a, 0, 1);
    worker_goes(&a);
    spooler_ends(&p);
}

static void what_comes_while_the_disk_is_busy_is_one_group(void **state)
{
    enum { EACH = 100 };
    struct process p = usual_spooler();
    struct worker w[3];
    for (int i = 0; i < 3; i++) w[i] = fresh_worker();
    kill(p.pid, SIGSTOP);
    for (unsigned i = 0; i < EACH; i++)
        for (int j = 0; j < 3; j++) keeps_line(&w[j], SERVER, line_of(3 * i + (unsigned)j));
    for (int i = 0; i < 3; i++) sees_nothing(&w[i]);
    kill(p.pid, SIGCONT);
    for (int i = 0; i < 3; i++) {
        struct spool_said said;
        unsigned packets = 0;
        uint64_t kept = 0;
        while (kept < EACH) {
            assert_true(hears(&w[i], &said, PATIENCE));
            if (said.head.word == SPOOL_KEPT) kept = said.head.number;
            packets++;
        }
        assert_true(packets <= EACH / 4); /* some KEEPs have an answer in common */
    }
    assert_int_equal(p.counted->kept, 3 * EACH);
    assert_int_equal(p.counted->pending, 3 * EACH);
    for (int i = 0; i < 3; i++) worker_goes(&w[i]);
    spooler_ends(&p);
}

static void deletes_for_many_servers_come_to_the_disk_together(void **state)
{
    enum { MANY = 60 };
    struct process p = usual_spooler();
    struct worker w = fresh_worker();
    struct spool_said said;
    char name[32];
    uint64_t kept = 0;
    kill(p.pid, SIGSTOP);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "10.0.1.%u:11211", i);
        keeps_line(&w, name, line_of(i));
    }
    kill(p.pid, SIGCONT);
    while (kept < MANY) {
        assert_true(hears(&w, &said, PATIENCE));
        if (said.head.word == SPOOL_KEPT) kept = said.head.number;
    }
    spooler_is_killed(&p);
    sees_end(&w);
    struct folder *f = opened();
    assert_int_equal(f->spools_n, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "10.0.1.%u:11211", i);
        assert_replays(spool_of(f, name), i, 1);
    }
    folder_destroy(f);
}

static void one_worker_replays_and_all_learn_when_it_is_done(void **state)
{
    struct process p = usual_spooler();
    struct worker a = fresh_worker(), b = fresh_worker();
    keeps_first(&a, line_of(0));
    keeps_next(&a, line_of(1));
    sees_state(&b, SERVER, 1);
    says(&b, SPOOL_TAKE, 0, SERVER);
    uint64_t place = sees_lines(&b, 0, 1);
    says(&a, SPOOL_TAKE, 0, SERVER);
    (void)sees(&a, SPOOL_LEASED, SERVER);
    keeps_next(&a, line_of(2)); /* comes behind, and so does one that was given out */
    keeps_next(&a, line_of(0));
    says(&b, SPOOL_DONE, place, SERVER);
    struct spool_said said = sees(&b, SPOOL_GIVE, SERVER);
    struct spool_item item;
    assert_true(spool_said_next(&said, &item) && number_of(&item) == 2);
    assert_true(spool_said_next(&said, &item) && number_of(&item) == 0);
    says(&b, SPOOL_DONE, item.number, SERVER);
    sees_state(&a, SERVER, 0);
    sees_state(&b, SERVER, 0);
    assert_int_equal(p.counted->replayed, 4);
    says(&a, SPOOL_TAKE, 0, SERVER); /* nothing is left */
    sees_state(&a, SERVER, 0);
    worker_goes(&a);
    worker_goes(&b);
    spooler_ends(&p);
    assert_null(last_file());
}

static void a_lease_goes_on_when_its_worker_leaves_or_dies(void **state)
{
    struct process p = usual_spooler();
    struct worker a = fresh_worker(), b = fresh_worker();
    keeps_first(&a, line_of(0));
    keeps_next(&a, line_of(1));
    sees_state(&b, SERVER, 1);
    says(&a, SPOOL_TAKE, 0, SERVER);
    uint64_t place = sees_lines(&a, 0, 1);
    says(&a, SPOOL_DONE, place - 1, SERVER);
    says(&a, SPOOL_LEAVE, 0, SERVER); /* a GIVE is done as a whole, or given again */
    sees_state(&a, SERVER, 2);
    sees_state(&b, SERVER, 2);
    says(&a, SPOOL_TAKE, 0, SERVER);
    (void)sees(&a, SPOOL_GIVE, SERVER);
    worker_goes(&a); /* as one that is killed */
    sees_state(&b, SERVER, 2);
    says(&b, SPOOL_TAKE, 0, SERVER);
    place = sees_lines(&b, 0, 1);
    says(&b, SPOOL_DONE, place, SERVER);
    sees_state(&b, SERVER, 0);
    worker_goes(&b);
    spooler_ends(&p);
}

static void a_full_spool_refuses_and_says_why(void **state)
{
    struct spool_place place = usual();
    place.max_size = place.max_total = SPOOL_SIZE_LEAST;
    struct process p = spooler_of(&place);
    struct worker w = fresh_worker();
    struct spool_said said;
    struct spool_item item;
    unsigned n = 0;
    keeps_first(&w, line_of(n++));
    for (;;) {
        keeps_line(&w, SERVER, line_of(n++));
        assert_true(hears(&w, &said, PATIENCE));
        if (said.head.word != SPOOL_KEPT) break;
    }
    assert_int_equal(said.head.word, SPOOL_REFUSED);
    assert_true(spool_said_next(&said, &item) && item.number == n);
    assert_non_null(memmem(item.bytes, item.len, "max_size", 8));
    sees_kept(&w, n);
    assert_int_equal(p.counted->refused, 1);
    keeps_next(&w, line_of(0)); /* that one is there */
    says(&w, SPOOL_TAKE, 0, SERVER);
    unsigned given_n = 0;
    for (;;) {
        uint64_t last = 0;
        assert_true(hears(&w, &said, PATIENCE));
        if (said.head.word != SPOOL_GIVE) break;
        for (; spool_said_next(&said, &item); given_n++) last = item.number;
        says(&w, SPOOL_DONE, last, SERVER);
    }
    assert_true(said.head.word == SPOOL_STATE && said.head.number == 0);
    assert_int_equal(given_n, n - 1);
    keeps_first(&w, line_of(9)); /* there is room again */
    worker_goes(&w);
    spooler_ends(&p);
}

static void a_worker_that_breaks_the_rules_is_closed_and_no_other(void **state)
{
    struct process p = usual_spooler();
    struct worker good = fresh_worker();
    struct worker bad = fresh_worker();
    bad.number = 7; /* numbers begin at 1 */
    keeps_line(&bad, SERVER, line_of(0));
    sees_end(&bad);
    bad = fresh_worker();
    assert_int_equal(send(bad.fd, "what?", 5, MSG_NOSIGNAL), 5);
    sees_end(&bad);
    bad.fd = connect_once();
    assert_true(bad.fd >= 0);
    says(&bad, SPOOL_TAKE, 0, SERVER); /* before HELLO */
    sees_end(&bad);
    bad = fresh_worker();
    says(&bad, SPOOL_DONE, 5, SERVER); /* of nothing */
    says(&bad, SPOOL_LEAVE, 0, "nobody");
    says(&bad, (enum spool_word)99, 0, ""); /* of a later version */
    keeps_first(&good, line_of(1));
    sees_state(&bad, SERVER, 1);
    says(&bad, SPOOL_DONE, 1, SERVER); /* without a lease */
    keeps_next(&good, line_of(2));
    assert_int_equal(p.counted->pending, 2);
    worker_goes(&bad);
    worker_goes(&good);
    spooler_ends(&p);
}

static void a_worker_that_does_not_read_is_closed_and_no_other(void **state)
{
    struct spool_place place = usual();
    place.max_size = place.max_total = SPOOL_SIZE_LEAST;
    struct process p = spooler_of(&place);
    struct worker good = fresh_worker(), bad = fresh_worker();
    static struct spool_packet packet;
    do {
        spool_packet_begin(&packet, SPOOL_KEEP, 0, SERVER, strlen(SERVER));
        for (;;) {
            const char *line = line_of((unsigned)bad.number);
            if (!spool_packet_add(&packet, bad.number + 1, line, strlen(line))) break;
            bad.number++;
        }
        assert_true(bad.number < 10 * 1000 * 1000);
    } while (is_sent(&bad, &packet));
    worker_goes(&bad);
    assert_true(sees(&good, SPOOL_STATE, SERVER).head.number > 0);
    keeps_next(&good, line_of(0)); /* it is there already */
    worker_goes(&good);
    spooler_ends(&p);
}

static void of_two_spoolers_one_has_the_folder_and_the_other_follows(void **state)
{
    struct process first = usual_spooler();
    struct worker w = fresh_worker();
    struct process second = usual_spooler();
    keeps_first(&w, line_of(0));
    spooler_is_killed(&first);
    sees_end(&w);
    w = worker_connects();
    sees_state(&w, SERVER, 1);
    (void)sees(&w, SPOOL_READY, "");
    keeps_next(&w, line_of(1));
    struct process third = usual_spooler();
    spooler_ends(&second);
    sees_end(&w);
    w = worker_connects();
    sees_state(&w, SERVER, 1);
    worker_goes(&w);
    spooler_ends(&third);
}

static void a_folder_that_is_removed_is_made_again(void **state)
{
    struct process p = usual_spooler();
    struct worker w = fresh_worker();
    struct spool_said said;
    keeps_first(&w, line_of(0));
    says(&w, SPOOL_TAKE, 0, SERVER);
    uint64_t place = sees_lines(&w, 0, 0);
    says(&w, SPOOL_DONE, place, SERVER);
    sees_state(&w, SERVER, 0);
    folder_goes(NULL);
    keeps_line(&w, SERVER, line_of(1));
    while (hears(&w, &said, PATIENCE)) assert_int_not_equal(said.head.word, SPOOL_GIVE);
    worker_goes(&w);
    w = fresh_worker();
    keeps_first(&w, line_of(1));
    worker_goes(&w);
    spooler_ends(&p);
}

/* --- what the master asks ---------------------------------------------------------------------- */

/* The answer to a question, its records one after the other; how many were dropped. */
static uint64_t asks(const struct process *p, enum spool_word word, const char *name, char *text,
                     size_t room)
{
    struct worker master = {.fd = p->control};
    struct spool_said said;
    struct spool_item item;
    size_t len = 0;
    says(&master, word, 17, name);
    for (;;) {
        assert_true(hears(&master, &said, PATIENCE));
        assert_int_equal(said.head.number, 17);
        while (spool_said_next(&said, &item)) {
            assert_true(len + item.len < room);
            memcpy(text + len, item.bytes, item.len);
            len += item.len;
        }
        text[len] = '\0';
        if (said.head.word == SPOOL_ANSWERED) return item.number;
    }
}

static void an_operator_sees_and_drops_what_waits(void **state)
{
    char text[4096];
    struct process p = usual_spooler();
    struct worker a = fresh_worker();
    keeps_first(&a, line_of(0));
    keeps_next(&a, line_of(1));
    says(&a, SPOOL_TAKE, 0, SERVER);
    uint64_t place = sees_lines(&a, 0, 1);
    (void)asks(&p, SPOOL_SHOW, "", text, sizeof text);
    assert_non_null(strstr(text, "folder\tfolder="));
    assert_non_null(strstr(text, "state=open"));
    assert_non_null(strstr(text, "spool\tserver=10.0.0.1:11211\tpending#2\t"));
    assert_non_null(strstr(text, "replaying=yes"));
    (void)asks(&p, SPOOL_DROP, "10.0.0.2:11211", text, sizeof text);
    assert_non_null(strstr(text, "no deletes wait for it"));
    assert_int_equal(asks(&p, SPOOL_DROP, SERVER, text, sizeof text), 2);
    assert_string_equal(text, "");
    sees_state(&a, SERVER, 0);
    says(&a, SPOOL_DONE, place, SERVER); /* too late */
    keeps_first(&a, line_of(2));
    assert_int_equal(asks(&p, SPOOL_DROP, "all", text, sizeof text), 1);
    sees_state(&a, SERVER, 0);
    assert_int_equal(p.counted->replayed, 0);
    assert_int_equal(p.counted->dropped, 3);
    worker_goes(&a);
    spooler_ends(&p);
    assert_null(last_file());
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, folder_comes, folder_goes)
    const struct CMUnitTest tests[] = {
        test(a_worker_learns_at_the_beginning_what_waits),
        test(what_comes_while_the_disk_is_busy_is_one_group),
        test(deletes_for_many_servers_come_to_the_disk_together),
        test(one_worker_replays_and_all_learn_when_it_is_done),
        test(a_lease_goes_on_when_its_worker_leaves_or_dies),
        test(a_full_spool_refuses_and_says_why),
        test(a_worker_that_breaks_the_rules_is_closed_and_no_other),
        test(a_worker_that_does_not_read_is_closed_and_no_other),
        test(of_two_spoolers_one_has_the_folder_and_the_other_follows),
        test(a_folder_that_is_removed_is_made_again),
        test(an_operator_sees_and_drops_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
