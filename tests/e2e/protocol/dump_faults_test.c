/* A dump of keys that lacks some does not look whole. */
#include "e2e/protocol/dumps.h"

#include <string.h>

enum { LONG_LINE = 64 * 1024 };

/* What a server sends that ends the dump, and why. */
static const struct {
    const char *sent, *reason;
} faults[] = {
    {"", "closed by the server"},
    {KEY_A, "closed by the server"},
    {KEY_A "key=b exp=", "closed by the server"},
    {KEY_A "nonsense\r\n", "sends what is no line of a dump"},
    {KEY_A "VALUE k 0 1\r\n", "sends what is no line of a dump"},
    {KEY_A "key= exp=-1\n", "sends what is no line of a dump"},
    {KEY_A "key=a b exp=-1\n", "sends what is no line of a dump"},
    {KEY_A "key=a exp=x\n", "sends what is no line of a dump"},
    {KEY_A "\r\n", "sends what is no line of a dump"},
    {KEY_A "EN\r\n", "sends what is no line of a dump"},
    {KEY_A "END\n", "sends what is no line of a dump"},
    {KEY_A "OK\r\n", "sends what is no line of a dump"},
    {KEY_A BUSY, "sends what is no line of a dump"},
    {KEY_A "SERVER_ERROR out of memory\r\n", "sends what is no line of a dump"},
    {"SERVER_ERROR out of memory\r\n", "answers: SERVER_ERROR out of memory"},
};

/* For a dump by lru_crawler the client is closed, because programs wait for END alone. */
static void a_dump_that_lacks_keys_does_not_end_like_a_whole_one(void **state)
{
    struct scene s = scene_of_one();
    struct backend *b = s.servers[0];
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct client *c = client_connects(s.m);
        bool has_key = strncmp(faults[i].sent, KEY_A, strlen(KEY_A)) == 0;
        client_sends(c, METADUMP);
        is_asked(b, METADUMP);
        backend_answers(b, faults[i].sent);
        if (strstr(faults[i].reason, "closed"))
            backend_closes(b);
        else
            backend_sees_closed(b);
        client_sees(c, textf("%s%s", has_key ? KEY_A : "", error_of(b, faults[i].reason)));
        client_sees_closed(c);
    }
    the_next_one_works(&s);
}

static void a_line_without_an_end_is_not_kept(void **state)
{
    struct scene s = scene_of_one();
    struct backend *b = s.servers[0];
    char *line = stage_memory(LONG_LINE + 1);
    memset(line, 'a', LONG_LINE);
    memcpy(line, "key=", 4);
    client_sends(s.c, METADUMP);
    is_asked(b, METADUMP);
    backend_begins_to_answer(b, line, LONG_LINE);
    client_sees(s.c, error_of(b, "sends a line that is too long"));
    client_sees_closed(s.c);
}

/* libmemcached reads an ERROR as such; a SERVER_ERROR would end the whole program, and a CLIENT_ERROR look like the end. */
static void a_dump_of_a_class_that_lacks_keys_ends_with_an_error_and_the_client_stays(void **state)
{
    struct scene s = scene_of(2, "1.6.18", NULL, NULL);
    client_sends(s.c, "stats cachedump 1 0\r\n");
    is_asked(s.servers[0], "stats cachedump 1 0\r\n");
    backend_answers(s.servers[0], ITEM_A);
    client_sees(s.c, ITEM_A);
    backend_resets(s.servers[0]);
    client_sees(s.c, error_of(s.servers[0], "Connection reset by peer"));
    client_sends(s.c, "stats cachedump 1 0\r\n");
    is_asked(s.servers[0], "stats cachedump 1 0\r\n");
    tells_all(s.servers[0], "SERVER_ERROR out of memory\r\n");
    client_sees(s.c, error_of(s.servers[0], "answers: SERVER_ERROR out of memory"));
    client_sees_nothing_more(s.c);
    backend_has_nothing_anywhere(s.servers[1]);
}

static void nothing_is_dumped_while_a_server_is_down(void **state)
{
    struct scene s = scene_of(2, "1.6.18", NULL, NULL);
    backend_stops_listening(s.servers[1]);
    backend_closes(s.servers[1]);
    stat_becomes(s.c, "pools", "all:answering", "1");
    client_sends(s.c, "stats cachedump 1 0\r\n" METADUMP);
    client_sees(s.c, error_of(s.servers[1], "is down"));
    client_sees(s.c, error_of(s.servers[1], "is down"));
    client_sees_closed(s.c);
    backend_has_nothing_anywhere(s.servers[0]);
}

static void a_refusal_is_the_answer_as_long_as_there_is_no_other(void **state)
{
    struct scene s = scene_of(2, "1.6.18", NULL, NULL);
    client_sends(s.c, MGDUMP);
    is_asked(s.servers[0], MGDUMP);
    tells_all(s.servers[0], "ERROR\r\n");
    client_sees(s.c, "ERROR\r\n");
    client_sends(s.c, MGDUMP);
    is_asked(s.servers[0], MGDUMP);
    tells_all(s.servers[0], "mg a\r\nEN\r\n");
    is_asked(s.servers[1], MGDUMP);
    tells_all(s.servers[1], "ERROR\r\n");
    client_sees(s.c, textf("mg a\r\n%s", error_of(s.servers[1], "answers: ERROR")));
    client_sees_closed(s.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_dump_that_lacks_keys_does_not_end_like_a_whole_one),
        play(a_line_without_an_end_is_not_kept),
        play(a_dump_of_a_class_that_lacks_keys_ends_with_an_error_and_the_client_stays),
        play(nothing_is_dumped_while_a_server_is_down),
        play(a_refusal_is_the_answer_as_long_as_there_is_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
