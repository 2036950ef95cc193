/* Commands that are about the inside of one server, or would harm all of its users: none gets through to a server, each is answered with an
 * error, and the connection goes on. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

/* Which start of an answer each gets, as memcached 1.6 without these features answers, or with what to do. */
static const struct {
    const char *command, *answer;
} denied[] = {
    {"shutdown", "ERROR: shutdown not enabled"},
    {"shutdown graceful", "ERROR: shutdown not enabled"},
    {"debugtime p", "ERROR"},
    {"debugitem lock k", "ERROR"},
    {"misbehave", "ERROR"},
    {"refresh_certs", "ERROR"},
    {"extstore recache_rate 1", "ERROR"},
    {"watch fetchers", "CLIENT_ERROR this command is for a single server"},
    {"watch mutations evictions", "CLIENT_ERROR this command is for a single server"},
    {"lru_crawler enable", "CLIENT_ERROR this command is for a single server"},
    {"lru_crawler crawl all", "CLIENT_ERROR this command is for a single server"},
    {"lru_crawler", "CLIENT_ERROR this command is for a single server"},
    {"lru_crawler tocrawl 5", "CLIENT_ERROR this command is for a single server"},
    {"lru_crawler metadump", "ERROR"},
    {"lru_crawler metadump all 5", "ERROR"},
    {"lru_crawler metadump 0", "BADCLASS invalid class id"},
    {"lru_crawler metadump 1,x", "BADCLASS invalid class id"},
    {"lru_crawler mgdump 64", "BADCLASS invalid class id"},
    {"lru mode flat", "CLIENT_ERROR this command is for a single server"},
    {"slabs reassign 1 2", "CLIENT_ERROR this command is for a single server"},
    {"slabs automove 1", "CLIENT_ERROR this command is for a single server"},
    {"cache_memlimit 64", "CLIENT_ERROR this command is for a single server"},
    {"stats cachedump", "CLIENT_ERROR bad command line"},
    {"stats cachedump 1", "CLIENT_ERROR bad command line"},
    {"stats cachedump x 1", "CLIENT_ERROR bad command line format"},
    {"stats cachedump 1 -2", "CLIENT_ERROR bad command line format"},
    {"stats cachedump 64 0", "CLIENT_ERROR Illegal slab id"},
};

static void none_of_them_reaches_a_server(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        client_sends(c, textf("%s\r\n", denied[i].command));
        const char *line = client_sees_line(c);
        if (strncmp(line, denied[i].answer, strlen(denied[i].answer)) != 0)
            stage_fails("%s: %s", denied[i].command, line);
        client_sees_nothing_more(c);
        backend_has_nothing_anywhere(b);
    }
    get_finds(c, "k", b, "k", "v");
}

/* In the middle of others they are answered in their place. */
static void they_are_answered_in_their_place(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        client_sends(c, textf("get before\r\n%s\r\nget after\r\n", denied[i].command));
        backend_sees(b, "get before\r\nget after\r\n");
        backend_answers(b, "END\r\nEND\r\n");
        client_sees(c, "END\r\n");
        client_sees_line_starting(c, denied[i].answer);
        client_sees(c, "END\r\n");
    }
}

/* --allow-flush says who may empty all servers. */
static void flush_all_is_refused_where_it_is_not_allowed(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--allow-flush", "no", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "flush_all\r\nflush_all 10\r\nflush_all noreply\r\n");
    client_sees_line_starting(c, "CLIENT_ERROR ");
    client_sees_line_starting(c, "CLIENT_ERROR ");
    client_sees_nothing_more(c);
    backend_has_nothing_anywhere(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(none_of_them_reaches_a_server),
        play(they_are_answered_in_their_place),
        play(flush_all_is_refused_where_it_is_not_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
