/* mg.compare: what the new route is asked for, what differs, and what a client notices of it: nothing. The servers are played. */
#include "e2e/routes/compared.h"

#include <string.h>

/* What was sent before has been acted on, and nothing of it has reached that server. */
static void gets_nothing(struct backend *of, struct client *c)
{
    client_sends(c, "mn\r\n");
    client_sees(c, "MN\r\n");
    backend_has_nothing_yet(of);
}

/* --- what is compared ---------------------------------------------------------------------------- */

/* A request, what the new route gets for it, both answers, and the cell that counts. */
static const struct {
    const char *asked, *of_new, *old, *new, *cell;
} ANSWERS[] = {
    {"get k", "get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "VALUE k 5 1\r\nx\r\nEND\r\n", "equal_hits"},
    {"get k", "get k", "END\r\n", "END\r\n", "equal_misses"},
    {"get k", "get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "END\r\n", "only_old"},
    {"get k", "get k", "END\r\n", "VALUE k 5 1\r\nx\r\nEND\r\n", "only_new"},
    {"get k", "get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "VALUE k 5 1\r\ny\r\nEND\r\n",
     "values_differ"},
    {"get k", "get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "VALUE k 5 2\r\nxx\r\nEND\r\n",
     "values_differ"},
    {"get k", "get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "VALUE k 6 1\r\nx\r\nEND\r\n",
     "flags_differ"},
    {"get k", "get k", "VALUE k 5 0\r\n\r\nEND\r\n", "VALUE k 5 0\r\n\r\nEND\r\n", "equal_hits"},
    {"gets k", "get k", "VALUE k 5 1 77\r\nx\r\nEND\r\n", "VALUE k 5 1\r\nx\r\nEND\r\n",
     "equal_hits"},
    {"mg k v", "mg k v", "VA 1\r\nx\r\n", "VA 1\r\nx\r\n", "equal_hits"},
    {"mg k v", "mg k v", "VA 1\r\nx\r\n", "VA 1\r\ny\r\n", "values_differ"},
    {"mg k", "mg k", "HD\r\n", "EN\r\n", "only_old"},
    {"mg k v c f k O5 s", "mg k v f", "VA 1 c9 f5 kk O5 s1\r\nx\r\n", "VA 1 f5\r\nx\r\n",
     "equal_hits"},
    {"mg k f", "mg k f", "HD f5\r\n", "HD f6\r\n", "flags_differ"},
    {"mg azk= b v k", "mg azk= b v", "VA 1 kazk= b\r\nx\r\n", "VA 1 b\r\nx\r\n", "equal_hits"},
    {"mg k t v", "mg k v t", "VA 1 t100\r\nx\r\n", "VA 1 t102\r\nx\r\n", "equal_hits"},
    {"mg k t v", "mg k v t", "VA 1 t100\r\nx\r\n", "VA 1 t103\r\nx\r\n", "lifetimes_differ"},
    {"mg k t v", "mg k v t", "VA 1 t-1\r\nx\r\n", "VA 1 t1\r\nx\r\n", "lifetimes_differ"},
    {"mg k t v", "mg k v t", "VA 1 t-1\r\nx\r\n", "VA 1 t-1\r\nx\r\n", "equal_hits"},
    {"get k", "get k", "SERVER_ERROR full\r\n", "END\r\n", "old_errors"},
    {"get k", "get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "SERVER_ERROR full\r\n", "new_errors"},
    {"get k", "get k", "SERVER_ERROR full\r\n", "SERVER_ERROR full\r\n", "old_errors"},
};

/* The order in which the servers answer makes no difference. */
static void each_kind_of_difference_is_counted(void **state)
{
    struct moongate *m = moongate_compares(", again = 0");
    struct client *c = client_connects(m), *other = client_connects(m);
    const char *from = textf("%s:responses", backend_address(new));
    client_sends(c, "get k\r\n");
    both_have("END\r\n", "END\r\n");
    client_sees(c, "END\r\n");
    for (size_t i = 0; i < 2 * sizeof ANSWERS / sizeof *ANSWERS; i++) {
        size_t row = i / 2;
        const char *cell = ANSWERS[row].cell;
        all_are_counted(other);
        unsigned long before = stat_number(other, "comparisons", textf("x:%s", cell));
        client_sends(c, textf("%s\r\n", ANSWERS[row].asked));
        backend_sees(old, textf("%s\r\n", ANSWERS[row].asked));
        backend_sees(new, textf("%s\r\n", ANSWERS[row].of_new));
        if (i % 2) {
            unsigned long responses = stat_number(other, "servers", from);
            backend_answers(new, ANSWERS[row].new);
            stat_becomes(other, "servers", from, textf("%lu", responses + 1));
            client_has_nothing_yet(c);
        }
        backend_answers(old, ANSWERS[row].old);
        client_sees(c, ANSWERS[row].old);
        if (i % 2 == 0) backend_answers(new, ANSWERS[row].new);
        counts(other, cell, textf("%lu", before + 1));
    }
    all_are_counted(other);
    client_sees_nothing_more(c);
    backend_has_nothing_yet(old);
    backend_has_nothing_yet(new);
}

static void what_may_change_something_goes_to_the_old_route_alone(void **state)
{
    static const char sent[] =
        "set k 0 0 1\r\nx\r\ngat 5 k\r\ngats 5 k\r\ntouch k 5\r\ndelete k\r\nincr k 1\r\ncas k 0 0 "
        "1 7\r\ny\r\n"
        "mg k N30 v\r\nmg k R30 v\r\nmg k T30 v\r\nms k 1\r\nx\r\nmd k\r\nma k\r\n";
    struct client *c = client_connects(moongate_compares(""));
    client_sends(c, sent);
    backend_sees(old, sent);
    static const char answers[] =
        "STORED\r\nEND\r\nEND\r\nNOT_FOUND\r\nNOT_FOUND\r\nNOT_FOUND\r\nNOT_FOUND\r\n"
        "EN\r\nEN\r\nEN\r\nHD\r\nNF\r\nNF\r\n";
    backend_answers(old, answers);
    client_sees(c, answers);
    gets_nothing(new, c);
}

static void keys_of_one_get_are_compared_one_by_one(void **state)
{
    struct client *c = client_connects(moongate_compares(", again = 0"));
    client_sends(c, "get k none j\r\n");
    for (int i = 0; i < 3; i++) {
        struct backend *of[] = {old, new};
        for (int side = 0; side < 2; side++) {
            const char *line = backend_sees_line(of[side]);
            bool has = strcmp(line, "get none") != 0;
            backend_answers(of[side],
                            has ? hit_and_end(line + 4, side && i == 2 ? "y" : "x") : "END\r\n");
        }
    }
    client_sees(c, textf("%s%sEND\r\n", hit("k", "x"), hit("j", "x")));
    counts(c, "equal_hits", "1");
    counts(c, "equal_misses", "1");
    counts(c, "values_differ", "1");
    all_are_counted(c);
}

/* --- a second look -------------------------------------------------------------------------------- */

static void a_difference_that_is_gone_at_the_second_look_has_settled(void **state)
{
    struct client *c = client_connects(moongate_compares(", again = 0.02"));
    client_sends(c, "get k\r\n");
    both_have(hit_and_end("k", "1"), hit_and_end("k", "2"));
    client_sees(c, hit_and_end("k", "1"));
    both_have(hit_and_end("k", "2"), hit_and_end("k", "2"));
    counts(c, "settled", "1");
    counts(c, "values_differ", "0");
    all_are_counted(c);
}

/* What counts is what the second look finds. */
static void a_difference_that_stays_counts(void **state)
{
    struct client *c = client_connects(moongate_compares(", again = 0.02"));
    client_sends(c, "gets k\r\n");
    backend_sees(old, "gets k\r\n");
    backend_sees(new, "get k\r\n");
    backend_answers(old, "VALUE k 0 1 9\r\n1\r\nEND\r\n");
    backend_answers(new, "END\r\n");
    client_sees(c, "VALUE k 0 1 9\r\n1\r\nEND\r\n");
    both_have(hit_and_end("k", "1"), hit_and_end("k", "2"));
    counts(c, "values_differ", "1");
    counts(c, "only_old", "0");
    all_are_counted(c);
    client_sends(c, "get k\r\n");
    both_have("END\r\n", hit_and_end("k", "2"));
    client_sees(c, "END\r\n");
    both_have("SERVER_ERROR full\r\n", hit_and_end("k", "2"));
    counts(c, "old_errors", "1");
    all_are_counted(c);
    client_sees_nothing_more(c);
}

/* The answer with W that a client gets is its own; of every other one the right is returned. */
static void a_win_that_no_client_sees_is_returned(void **state)
{
    struct client *c = client_connects(moongate_compares(", again = 0.02"));
    client_sends(c, "mg k v\r\n");
    backend_sees(new, "mg k v\r\n");
    backend_answers(new, "VA 1 W X\r\ny\r\n");
    backend_sees(old, "mg k v\r\n");
    backend_answers(old, "VA 1 W X\r\nx\r\n");
    client_sees(c, "VA 1 W X\r\nx\r\n");
    backend_sees(new, "md k I\r\nmg k v\r\n");
    backend_sees(old, "mg k v\r\n");
    backend_answers(new, "HD\r\nVA 1 W X\r\ny\r\n");
    backend_answers(old, "VA 1 W X\r\nx\r\n");
    backend_sees(new, "md k I\r\n");
    backend_sees(old, "md k I\r\n");
    backend_answers(new, "HD\r\n");
    backend_answers(old, "HD\r\n");
    counts(c, "values_differ", "1");
    all_are_counted(c);
    client_sees_nothing_more(c);
}

/* --- a client notices nothing ----------------------------------------------------------------------- */

static void nobody_waits_for_the_new_route(void **state)
{
    struct client *c = client_connects(moongate_compares(""));
    for (int i = 0; i < 3; i++) {
        client_sends(c, "get k\r\nset k 0 0 1\r\nx\r\n");
        backend_sees(old, "get k\r\nset k 0 0 1\r\nx\r\n");
        backend_answers(old, textf("%sSTORED\r\n", hit_and_end("k", "x")));
        client_sees(c, textf("%sSTORED\r\n", hit_and_end("k", "x")));
    }
    counts(c, "waiting", "3");
    client_sees_nothing_more(c);
} /* and moongate ends while they wait */

static void a_new_route_that_is_dead_costs_nothing_but_a_count(void **state)
{
    struct moongate *m = moongate_compares("");
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(old, "get k\r\n");
    backend_sees(new, "get k\r\n");
    backend_stops_listening(new);
    backend_closes(new);
    backend_answers(old, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    counts(c, "new_errors", "1");
    get_finds(c, "k", old, "k", "x");
    counts(c, "new_errors", "2");
    all_are_counted(c);
    client_sees_nothing_more(c);
}

static void an_old_route_that_is_dead_fails_and_the_new_one_is_not_asked(void **state)
{
    struct moongate *m = moongate_compares("");
    struct client *c = client_connects(m);
    backend_stops_listening(old);
    backend_closes(old);
    stat_becomes(c, "servers", textf("%s:down", backend_address(old)), "1");
    client_sends(c, "get k\r\n");
    client_sees_line_starting(c, failure_of(backend_address(old)));
    gets_nothing(new, c);
    counts(c, "old_errors", "1");
    all_are_counted(c);
}

static void a_client_that_goes_leaves_its_comparison_to_end(void **state)
{
    struct moongate *m = moongate_compares(", again = 0");
    struct client *gone = client_connects(m), *stays = client_connects(m);
    client_sends(gone, "get k\r\n");
    backend_sees(old, "get k\r\n");
    backend_sees(new, "get k\r\n");
    client_resets(gone);
    client_sees_nothing_more(stays);
    backend_answers(new, "END\r\n");
    backend_answers(old, hit_and_end("k", "x"));
    counts(stays, "only_old", "1");
    all_are_counted(stays);
}

static void more_than_may_wait_are_not_compared(void **state)
{
    struct client *c = client_connects(moongate_compares(", most = 2"));
    client_sends(c, "get 1\r\nget 2\r\nget 3\r\n");
    backend_sees(old, "get 1\r\nget 2\r\nget 3\r\n");
    backend_answers(old, "END\r\nEND\r\nEND\r\n");
    client_sees(c, "END\r\nEND\r\nEND\r\n");
    backend_sees(new, "get 1\r\nget 2\r\n");
    gets_nothing(new, c);
    counts(c, "left_out", "1");
    counts(c, "waiting", "2");
    backend_answers(new, "END\r\n");
    counts(c, "waiting", "1");
    client_sends(c, "get 4\r\n");
    backend_sees(old, "get 4\r\n");
    backend_sees(new, "get 4\r\n");
    backend_answers(old, "END\r\n");
    client_sees(c, "END\r\n");
    backend_answers(new, "END\r\nEND\r\n");
    counts(c, "equal_misses", "3");
    all_are_counted(c);
}

static void a_comparison_ends_after_a_reload_and_its_name_goes_on_counting(void **state)
{
    struct moongate *m = moongate_compares(", again = 0.02");
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(old, "get k\r\n");
    backend_sees(new, "get k\r\n");
    backend_answers(old, hit_and_end("k", "1"));
    client_sees(c, hit_and_end("k", "1"));
    moongate_reloads(m, script_comparing(", again = 0"));
    backend_answers(new, hit_and_end("k", "2"));
    both_have(hit_and_end("k", "1"), hit_and_end("k", "2"));
    counts(c, "values_differ", "1");
    client_sends(c, "get k\r\n");
    both_have(hit_and_end("k", "1"), hit_and_end("k", "2"));
    client_sees(c, hit_and_end("k", "1"));
    counts(c, "values_differ", "2");
    all_are_counted(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_kind_of_difference_is_counted),
        play(what_may_change_something_goes_to_the_old_route_alone),
        play(keys_of_one_get_are_compared_one_by_one),
        play(a_difference_that_is_gone_at_the_second_look_has_settled),
        play(a_difference_that_stays_counts),
        play(a_win_that_no_client_sees_is_returned),
        play(nobody_waits_for_the_new_route),
        play(a_new_route_that_is_dead_costs_nothing_but_a_count),
        play(an_old_route_that_is_dead_fails_and_the_new_one_is_not_asked),
        play(a_client_that_goes_leaves_its_comparison_to_end),
        play(more_than_may_wait_are_not_compared),
        play(a_comparison_ends_after_a_reload_and_its_name_goes_on_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
