/* What each memcached at hand answers to odd stores, and whether their values run as commands: moongate relies on these facts
 * when it shares a connection. No moongate takes part.
 *
 * A version that is in no column is held against the one before it; what differs is printed, and is no failure.
 */
#include "e2e/servers/refusals.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/scene.h"
#include "lib/servers.h"
#include "lib/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* The column for a version: its own, or of the last one before it. */
static int column_of(const char *version, bool *is_own)
{
    int column = 0;
    for (int i = 0; i < REFUSALS_VERSIONS; i++)
        if (versions_compare(refusals_versions[i], version) <= 0) column = i;
    *is_own = versions_compare(refusals_versions[column], version) == 0;
    return column;
}

static const char *answer_in(const struct refusal *r, int column)
{
    const char *answer = r->answers[0];
    for (int i = 1; i <= column && i < REFUSALS_VERSIONS; i++)
        if (r->answers[i]) answer = r->answers[i];
    return answer;
}

/* `<12*k>`: the letter 12 times. */
static void add_written(struct octets *bytes, const char *text)
{
    while (*text) {
        char *letter;
        unsigned long times = *text == '<' ? strtoul(text + 1, &letter, 10) : 0;
        if (times == 0) {
            octets_add(bytes, text++, 1);
            continue;
        }
        while (times-- > 0) octets_add(bytes, letter + 1, 1);
        text = letter + 3;
    }
}

static struct octets answer_to(const char *address, const struct octets *bytes)
{
    struct octets answer = {0};
    struct client *c = client_connects_to(address);
    client_sends_bytes(c, octets_at(bytes), octets_n(bytes));
    client_sees_end(c, &answer);
    client_closes(c);
    return answer;
}

static const char CLEAN[] = "delete k 0 noreply\r\ndelete noreply 0 noreply\r\n";

/* The answers to the odd store and to what ran of its value. */
static char *answer_to_store(const char *address, const char *sent)
{
    struct octets bytes = {0};
    octets_add(&bytes, CLEAN, sizeof CLEAN - 1);
    add_written(&bytes, sent);
    octets_add(&bytes, "\r\nmn\r\nquit\r\n", 12);
    struct octets answer = answer_to(address, &bytes);
    char *text = textf("%s", octets_at(&answer));
    octets_release(&bytes);
    octets_release(&answer);
    return text;
}

static char *escaped(const char *text)
{
    return octets_escape(text, strlen(text));
}

/* Returns how many rows differ from what this column says. */
static unsigned rows_that_differ(const char *address, const char *version, int column, bool is_own)
{
    unsigned bad = 0;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const char *expected = answer_in(&refusals[i], column);
        const char *got = answer_to_store(address, refusals[i].sent);
        if (strcmp(expected, got) == 0) continue;
        printf("%s | %s | %s | %s | %s\n", is_own ? "differs" : "to look at", version,
               refusals[i].sent, escaped(expected), escaped(got));
        bad += is_own;
    }
    return bad;
}

static void odd_stores_are_answered_as_they_were(void **state)
{
    struct server all[SERVERS_MAX];
    size_t n = servers_at_hand(all);
    unsigned bad = 0;
    for (size_t i = 0; i < n; i++) {
        struct memcached *s = memcached_start_of(all[i].path, NULL);
        bool is_own;
        int column = column_of(memcached_version(s), &is_own);
        printf("memcached %s (%s)\n", memcached_version(s), all[i].suite);
        bad += rows_that_differ(memcached_address(s), memcached_version(s), column, is_own);
        memcached_kill(s);
    }
    if (bad > 0) stage_fails("%u rows differ", bad);
}

/* Whatever its store's name, and quiet or not. */
static void a_value_that_is_too_large_is_swallowed(void **state)
{
    static const char
        *const stores[] =
            {
                "set k 0 0 2097152",   "add k 0 0 2097152", "append k 0 0 2097152",
                "cas k 0 0 2097152 1", "ms k 2097152",      "ms k 2097152 q T0",
                "ms k S2097152", /* of 1.6.9, in place of those two */
            };
    static const char answer[] = "SERVER_ERROR object too large for cache\r\nMN\r\n";
    enum { SIZE = 2097152 };
    struct server all[SERVERS_MAX];
    size_t n = servers_at_hand(all);
    char *value = stage_memory(SIZE + 1);
    memset(value, 'x', SIZE);
    for (size_t i = 0; i < n * COUNT(stores); i++) {
        const struct server *at = &all[i / COUNT(stores)];
        const char *store = stores[i % COUNT(stores)];
        struct memcached *s = memcached_start_of(at->path, NULL);
        bool is_early = versions_compare(memcached_version(s), "1.6.10") < 0;
        bool is_of_early = strstr(store, " S") != NULL;
        if (store[0] != 'm' || is_early == is_of_early) {
            struct octets bytes = {0};
            octets_add(&bytes, textf("%s\r\n", store), strlen(store) + 2);
            octets_add(&bytes, value, SIZE);
            octets_add(&bytes, "\r\nmn\r\nquit\r\n", 12);
            struct octets got = answer_to(memcached_address(s), &bytes);
            if (strcmp(octets_at(&got), answer) != 0)
                stage_fails("%s: %s: %s", memcached_version(s), store, escaped(octets_at(&got)));
            octets_release(&bytes);
            octets_release(&got);
        }
        memcached_kill(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(odd_stores_are_answered_as_they_were),
        play(a_value_that_is_too_large_is_swallowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
