/* moongate copy and verify in front of a server that the test plays: how it is asked for its keys, and what it may answer. */
#include "lib/backend.h"
#include "lib/moving.h"

#include <string.h>

#define STATS                                                                                      \
    "STAT pid 7\r\nSTAT uptime 100\r\nSTAT version 1.6.18\r\nSTAT curr_items 3\r\n"                \
    "STAT hash_power_level 16\r\nEND\r\n"
#define MGDUMP     "lru_crawler mgdump hash\r\n"
#define BY_LISTS   "lru_crawler metadump all\r\n"
#define FETCH(key) "mg " key " v f t c u\r\n"

#define LINE(key) "key=" key " exp=-1 la=1 cas=1 fetch=no cls=1 size=60\n"

/* The old script has the server that the test plays, the new one a real one. */
struct played {
    struct backend *b;
    struct moving s;
    struct running *copy;
};

static struct played plays(const char *stats, const char *options)
{
    struct played p = {.b = backend_listens()};
    p.s.b = memcached_start(NULL);
    p.s.at_b = client_connects_to(memcached_address(p.s.b));
    backend_is(p.b, 2, "VERSION 1.6.18\r\n", "MN\r\n");
    backend_tells(p.b, stats, NULL);
    p.s.old = moongate_script_file(textf(MG "return mg.pool { '%s' }\n", backend_address(p.b)));
    p.s.new = moongate_script_file(textf(MG "return %s\n", pool_of(p.s.b)));
    p.copy = begins_to_copy(&p.s, textf("--rate max %s", options));
    return p;
}

static void is_asked(struct played *p, const char *question)
{
    (void)backend_turns_to_input(p->b);
    backend_sees(p->b, question);
}

static void is_asked_and_answers(struct played *p, const char *question, const char *answer)
{
    is_asked(p, question);
    backend_answers(p->b, answer);
}

/* A list by LRU may miss keys, so it is asked for until it names nothing new, and at least twice. */
static void words_are_tried_until_the_server_knows_them(void **state)
{
    struct played p = plays(STATS, "");
    for (int i = 0; i < 6; i++) { /* it has items, but names none */
        is_asked_and_answers(&p, MGDUMP, "ERROR\r\n");
        is_asked_and_answers(&p, BY_LISTS, "END\r\n");
    }
    struct run run = copy_ends(p.copy);
    exits(run, WHOLE);
    copy_counts(run, "listed", 0);
}

static void a_server_that_cannot_list_its_keys_is_named(void **state)
{
    struct played p = plays(
        "STAT pid 7\r\nSTAT uptime 9\r\nSTAT version 1.4.25\r\nSTAT curr_items 3\r\nEND\r\n", "");
    is_asked_and_answers(&p, MGDUMP, "ERROR\r\n");
    is_asked_and_answers(&p, BY_LISTS, "ERROR\r\n");
    struct run run = copy_ends(p.copy);
    exits(run, LOSES);
    copy_counts(run, "unread_servers", 1);
    copy_counts(run, "lost", 3);
    has(run.err, "memcached 1.4.25 cannot list its keys, 1.4.31 and later can");
}

static void a_server_that_may_not_list_its_keys_is_named(void **state)
{
    struct played p = plays(STATS, "");
    is_asked_and_answers(&p, MGDUMP, "ERROR key dump not allowed\r\n");
    struct run run = copy_ends(p.copy);
    exits(run, LOSES);
    has(run.err, "does not allow dumps of its keys: start it without -X");
}

static void a_busy_server_is_asked_again(void **state)
{
    struct played p = plays(STATS, "");
    is_asked_and_answers(&p, MGDUMP, "BUSY currently processing crawler request\r\n");
    is_asked_and_answers(&p, MGDUMP, "OK\r\nERROR locked try again later\r\n");
    is_asked_and_answers(&p, MGDUMP, "OK\r\nEN\r\n");
    struct run run = copy_ends(p.copy);
    exits(run, WHOLE);
    copy_counts(run, "listed", 0);
}

/* What was settled is not asked for again. */
static void a_list_that_is_cut_goes_on_behind_what_is_settled(void **state)
{
    struct played p = plays(STATS, "");
    is_asked_and_answers(&p, MGDUMP, "mg b1\r\nmg b2\r\nmg b");
    backend_closes(p.b);
    is_asked_and_answers(&p, FETCH("b1"), "EN\r\n");
    is_asked_and_answers(&p, FETCH("b2"), "EN\r\n");
    is_asked_and_answers(&p, MGDUMP, "mg b1\r\nmg b2\r\nmg b3\r\nEN\r\n");
    is_asked_and_answers(&p, FETCH("b3"), "EN\r\n");
    struct run run = copy_ends(p.copy);
    exits(run, WHOLE);
    copy_counts(run, "listed", 3);
    copy_counts(run, "gone", 3);
}

static void a_list_without_the_last_key_is_read_from_its_beginning(void **state)
{
    struct played p = plays(STATS, "");
    is_asked_and_answers(&p, MGDUMP, "mg b1\r\n");
    backend_closes(p.b);
    is_asked_and_answers(&p, FETCH("b1"), "EN\r\n");
    is_asked_and_answers(&p, MGDUMP, "mg b2\r\nEN\r\n"); /* b1 was deleted */
    is_asked_and_answers(&p, MGDUMP, "mg b2\r\nEN\r\n");
    is_asked_and_answers(&p, FETCH("b2"), "EN\r\n");
    exits(copy_ends(p.copy), WHOLE);
}

static void lines_that_name_no_key_are_a_failure(void **state)
{
    struct played p = plays(STATS, "--patience 0.2");
    is_asked_and_answers(&p, MGDUMP, "VALUE b 0 1\r\n");
    struct run run = copy_ends(p.copy);
    exits(run, LOSES);
    has(run.err, "has not listed all its keys: lists its keys with a line that names no key");
}

/* Nor does a verification take such a list for whole, and it reads nothing before the last one: what is read moves. */
static void verify_asks_for_a_list_until_it_names_all_and_nothing_new(void **state)
{
    static const char *const lists[] = {
        LINE("b1") "END\r\n", LINE("b2") LINE("b1") "END\r\n",
        LINE("b1") LINE("b2") "END\r\n", /* nothing new, but one item is not named yet */
        LINE("b3") LINE("b1") "END\r\n", LINE("b1") LINE("b2") "END\r\n"};
    struct played p = {.b = backend_listens()};
    backend_is(p.b, 2, "VERSION 1.6.18\r\n", "MN\r\n");
    backend_tells(p.b, STATS, NULL);
    const char *script =
        moongate_script_file(textf(MG "return mg.pool { '%s' }\n", backend_address(p.b)));
    p.copy = tool_begins(textf("verify %s --dump --json", script));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        is_asked_and_answers(&p, MGDUMP, "ERROR\r\n");
        is_asked_and_answers(&p, BY_LISTS, lists[i]);
    }
    (void)backend_turns_to_input(p.b);
    for (int i = 1; i <= 3; i++) {
        has(backend_sees_line(p.b), textf("mg b%d ", i));
        backend_answers(p.b, "EN\r\n");
    }
    exits(copy_ends(p.copy), WHOLE); /* they are gone meanwhile */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(words_are_tried_until_the_server_knows_them),
        play(a_server_that_cannot_list_its_keys_is_named),
        play(a_server_that_may_not_list_its_keys_is_named),
        play(a_busy_server_is_asked_again),
        play(a_list_that_is_cut_goes_on_behind_what_is_settled),
        play(a_list_without_the_last_key_is_read_from_its_beginning),
        play(lines_that_name_no_key_are_a_failure),
        play(verify_asks_for_a_list_until_it_names_all_and_nothing_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
