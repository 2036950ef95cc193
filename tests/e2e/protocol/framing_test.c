/* Where a request ends: what a client sends can be misread neither by moongate nor by any server behind it. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define FORMAT       "CLIENT_ERROR bad command line format\r\n"
#define FLAG         "CLIENT_ERROR invalid flag\r\n"

/* --- refused, with a value behind it ----------------------------------------------------------- */

/* Lines that are refused, and the five bytes that they speak of. */
static const struct {
    const char *line, *error;
} certain[] = {
    {"set a b 0 5 5", FORMAT},
    {"set a b 0 x 5", FORMAT},
    {"set k x 0 5", FORMAT},
    {"set k 0 0 5 x y", "ERROR\r\n"},
    {"set k 0 0 5 noreply x", "ERROR\r\n"},
    {"set k x 0 5 noreply", ""},
    {"set a b 0 5 noreply", ""},
    {"append k 0 0 5 x y", "ERROR\r\n"},
    {"set  0 0 5", "ERROR\r\n"},
    {"cas k 0 0 5", "ERROR\r\n"},
    {"cas k 0 0 5 x", FORMAT},
    {"cas a b 0 5 5 99", FORMAT},
    {"ms a b 5", FORMAT},
    {"ms k S5", FORMAT},
    {"ms k 5 5", FLAG},
    {"ms k 5 !", FLAG},
    {"ms k 5 T0 -x", FLAG},
    {"ms k 5 \xff", FLAG},
    {"ms k 5 Fx", FORMAT},
    {"ms k 5 Tx", "CLIENT_ERROR bad token in command line format\r\n"},
    {"ms k 5 q q", "CLIENT_ERROR duplicate flag\r\n"},
};

/* The error comes before the value does; then that is swallowed, and the connection goes on. */
static void a_refused_value_is_swallowed_where_its_length_is_certain(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));
    for (size_t i = 0; i < COUNT(certain); i++) {
        client_sends(c, textf("%s\r\n", certain[i].line));
        client_sees(c, certain[i].error);
        client_sends(c, "mn\r\nx\r\n");
        client_sees_nothing_more(c);
    }
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n"); /* the first thing it hears */
}

/* Two lengths, each of which may be meant. */
static const struct {
    const char *line, *error;
} uncertain[] = {
    {"set a b 0 300 5", FORMAT},
    {"set a b 0 0 5", FORMAT},
    {"add a b 0 0 5", FORMAT},
    {"append a b 0 0 5", FORMAT},
    {"set a b c 0 0 5", "ERROR\r\n"},
    {"set a b 0 0 5 noreply", "ERROR\r\n"},
    {"cas a b 0 0 5 99", FORMAT},
    {"ms a b 0 5", FORMAT},
    {"ms k 0 5", FLAG},
    {"set k 0 0 99999999999", FORMAT},
};

/* Nothing is wrong with the line, but the value of its length has no end there. */
static void a_wrong_value_may_be_a_right_one_of_another_length(void **state)
{
    static const char *const both[] = {"set a 1 0 0 36", "append a 1 0 3 36", "cas a 1 0 0 36 7"};
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    for (size_t i = 0; i < COUNT(both); i++) {
        struct client *c = client_connects(m);
        client_sends(c, textf("%s\r\nset k 0 0 1\r\nx\r\ndelete k\r\nflush_all\r\n", both[i]));
        client_sees(c, "CLIENT_ERROR bad data chunk\r\n");
        client_sees_closed(c);
    }
    struct client *c = client_connects(m);
    client_sends(c, "set k 0 0 3 word\r\nabcd\r\nset k 0 0 3 3\r\nabcd\r\n"); /* one length alone */
    client_sees(c,
                "CLIENT_ERROR bad data chunk\r\nERROR\r\nCLIENT_ERROR bad data chunk\r\nERROR\r\n");
    get_finds(c, "k", b, "k", "x"); /* the first thing it hears */
}

/* Neither the value nor what follows it is taken for a request, whether it came with the line or later. */
static void a_refused_value_of_uncertain_length_ends_the_connection(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    for (size_t i = 0; i < 2 * COUNT(uncertain); i++) {
        struct client *c = client_connects(m);
        client_sends(c, textf("%s\r\n%s", uncertain[i / 2].line,
                              i % 2 ? "" : "flush_all\r\ndelete k\r\nset k 0 0 1\r\nx\r\n"));
        client_sees(c, uncertain[i / 2].error);
        client_sees_closed(c);
        client_closes(c);
    }
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n"); /* the first thing it hears */
}

/* --- words with a second meaning --------------------------------------------------------------- */

static const char *const words[] = {"noreply", "0",  "1",  "00", "-1",     "1.5", "k",
                                    "q",       "v",  "b",  "S1", "T0",     "END", "get",
                                    "VALUE",   "HD", "\t", "\1", "NOREPLY"};

/* Around the word as a key, and once as an opaque: with an answer, and with none. */
static const char *const asking[][2] = {
    {"get ", ""},
    {"get a ", ""},
    {"gets ", " "},
    {"gat 0 ", ""},
    {"gats 0 a ", ""},
    {"delete ", ""},
    {"delete ", " "},
    {"delete ", " 0"},
    {"incr ", " 1"},
    {"decr ", " 1"},
    {"touch ", " 0"},
    {"add ", " 0 0 1\r\nx"},
    {"set ", " 0 0 1\r\nx"},
    {"append ", " 0 0 1\r\nx"},
    {"cas ", " 0 0 1 1\r\nx"},
};
static const char *const silent[][2] = {
    {"delete ", " noreply"},  {"delete ", " 0 noreply"},       {"incr ", " 1 noreply"},
    {"touch ", " 0 noreply"}, {"set ", " 0 0 1 noreply\r\nx"}, {"cas ", " 0 0 1 1 noreply\r\nx"},
};
static const char *const meta[][2] = {
    {"mg ", ""}, {"mg ", " v"},      {"mg ", " k v"},      {"mg a k O", ""},
    {"md ", ""}, {"md ", " k"},      {"ma ", ""},          {"ma ", " N0 v"},
    {"me ", ""}, {"ms ", " 1\r\nx"}, {"ms ", " 1 k\r\nx"}, {"ms a 1 O", "\r\nx"},
};
static const char *const quiet[][2] = {{"md ", " q"}, {"ms ", " 1 q\r\nx"}};

/* Reads one whole answer. */
static void client_sees_an_answer(struct client *c)
{
    const char *line = client_sees_line(c);
    if (strncmp(line, "VA ", 3) == 0) client_sees_line(c);
    while (strncmp(line, "VALUE ", 6) == 0) {
        client_sees_line(c);
        line = client_sees_line(c);
    }
}

static void words_are_keys(struct client *c, const char *const around[][2], size_t n, bool answers)
{
    client_sends(c, "set witness 0 0 4\r\nseen\r\n");
    client_sees(c, "STORED\r\n");
    for (size_t i = 0; i < n * COUNT(words); i++) {
        const char *const *form = around[i / COUNT(words)], *word = words[i % COUNT(words)];
        client_sends(c, textf("%s%s%s\r\nget witness\r\n", form[0], word, form[1]));
        if (answers) client_sees_an_answer(c);
        client_sees(c, hit_and_end("witness", "seen"));
    }
    client_sees_nothing_more(c);
}

/* Each gets its answer, and nobody else's is shifted by it. */
static void no_word_is_taken_for_an_option(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), ""), NULL);
    words_are_keys(client_connects(m), asking, COUNT(asking), true);
    words_are_keys(client_connects(m), silent, COUNT(silent), false);
}

static void no_word_of_a_meta_command_is_taken_for_an_option(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), ""), NULL);
    words_are_keys(client_connects(m), meta, COUNT(meta), true);
    words_are_keys(client_connects(m), quiet, COUNT(quiet), false);
}

/* A script's keys are no others. */
static void a_delete_of_the_key_noreply_has_a_number_behind_it(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        script_routing(b, "  if req.key == 'k' then req.key = 'noreply' end\n  return pool"), NULL);
    struct client *c = client_connects(m);
    client_sends(c, "delete noreply\r\ndelete k noreply\r\ndelete other\r\n");
    backend_sees(b, "delete noreply 0\r\ndelete noreply 0\r\ndelete other\r\n");
    backend_answers(b, "DELETED\r\nNOT_FOUND\r\nDELETED\r\n");
    client_sees(c, "DELETED\r\nDELETED\r\n");
    client_sees_nothing_more(c);
}

/* --- numbers ----------------------------------------------------------------------------------- */

/* What servers differ in is theirs to judge. */
static void numbers_go_on_as_they_came(void **state)
{
    static const char *const lines[][2] = {
        {"set k 18446744073709551615 9223372036854775807 1\r\nx\r\n", "STORED\r\n"},
        {"set k 4294967296 -9223372036854775808 1\r\nx\r\n", "STORED\r\n"},
        {"ms k 1 F18446744073709551615 T4294967296\r\nx\r\n", "HD\r\n"},
        {"touch k 4294967296\r\n", "CLIENT_ERROR invalid exptime argument\r\n"},
        {"gat 9007199254740993 k\r\n", "CLIENT_ERROR invalid exptime argument\r\n"},
        {"mg k T4294967296 v\r\n", "CLIENT_ERROR bad token in command line format\r\n"},
        {"mg k !\r\n", "CLIENT_ERROR bad command line format\r\n"},
        {"ma k N4294967296 D18446744073709551615\r\n", "NF\r\n"},
    };
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));
    for (size_t i = 0; i < COUNT(lines); i++) {
        client_sends(c, lines[i][0]);
        backend_turns_to_input(b); /* odd ones go on a connection of their own */
        backend_sees(b, lines[i][0]);
        backend_answers(b, lines[i][1]);
        client_sees(c, lines[i][1]);
    }
}

static void client_flags_of_64_bits_come_back(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        script_waiting(b, "  local res = mg.call(pool, req)\n"
                          "  if req.key == 'read' then return mg.reply.error(type(res.flags) .. "
                          "' ' .. res.flags) end\n"
                          "  if req.key == 'own' then return mg.reply.value('x', res.flags) end\n"
                          "  if req.key == 'more' then res.flags = '9007199254740993' end\n"
                          "  return res"),
        NULL));
    static const char *const seen[][2] = {
        {"plain", "VALUE plain 18446744073709551615 1\r\nv\r\nEND\r\n"},
        {"read", "SERVER_ERROR string 18446744073709551615\r\n"},
        {"own", "VALUE own 18446744073709551615 1\r\nx\r\nEND\r\n"},
        {"more", "VALUE more 9007199254740993 1\r\nv\r\nEND\r\n"},
    };
    for (size_t i = 0; i < COUNT(seen); i++) {
        client_sends(c, textf("get %s\r\n", seen[i][0]));
        backend_sees(b, textf("get %s\r\n", seen[i][0]));
        backend_answers(b, textf("VALUE %s 18446744073709551615 1\r\nv\r\nEND\r\n", seen[i][0]));
        client_sees(c, seen[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_refused_value_is_swallowed_where_its_length_is_certain),
        play(a_refused_value_of_uncertain_length_ends_the_connection),
        play(a_wrong_value_may_be_a_right_one_of_another_length),
        play(no_word_is_taken_for_an_option),
        play(no_word_of_a_meta_command_is_taken_for_an_option),
        play(a_delete_of_the_key_noreply_has_a_number_behind_it),
        play(numbers_go_on_as_they_came),
        play(client_flags_of_64_bits_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
