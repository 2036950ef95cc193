/* I6: a request's line is as long as memcached lets it be; a client whose line does not end is closed, the others are served. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

enum { MIB = 1 << 20 };

/* memcached says why before it closes, or does not: either is fine. */
static void client_is_sent_away(struct client *c)
{
    struct octets last = {0};
    client_sees_end(c, &last);
    if (octets_n(&last) > 0 && !strstr(octets_at(&last), "ERROR"))
        stage_fails("sent away with: %s", octets_at(&last));
    octets_release(&last);
}

static void client_sends_a_line_start(struct client *c, const char *start, char filler, size_t n)
{
    char *line = stage_memory(n + 1);
    memset(line, filler, n);
    memcpy(line, start, strlen(start));
    client_sends_bytes(c, line, n);
}

static void a_line_without_end_closes_only_its_client(void **state)
{
    struct moongate *m = moongate_start(script_of_one(address_of_nobody(), ""), NULL);
    static const char *const starts[] = {"", "set ", "delete ", "getx", " "};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        struct client *c = client_connects(m);
        client_sends_a_line_start(c, starts[i], 'a', 2049);
        client_is_sent_away(c);
    }
    struct client *spaces = client_connects(m);
    client_sends_a_line_start(spaces, "", ' ', 70000);
    client_is_sent_away(spaces);
    client_sees_nothing_more(client_connects(m));
}

static void a_get_may_be_long_but_not_without_end(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), ""), NULL);
    struct client *c = client_connects(m), *endless = client_connects(m);

    for (int i = 0; i < 2000; i++) {
        client_sends(c, i ? " key-of-about-twenty-bytes" : "get k");
    }
    client_sends(c, "\r\n");
    client_sees(c, "END\r\n");
    client_sends_a_line_start(endless, "get ", ' ', 4 * MIB + 1);
    client_sees(endless, "CLIENT_ERROR line too long\r\n");
    client_sees_closed(endless);
    client_sees_nothing_more(c);
}

/* As memcached does, which has no bound at all. */
static void a_get_of_millions_of_bytes_is_answered(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), "timeout = 60"), NULL);
    struct client *c = client_connects(m);
    struct octets line = {0};
    client_sends(c, "set last 0 0 1\r\nx\r\n");
    client_sees(c, "STORED\r\n");
    octets_add(&line, "get", 3);
    for (unsigned i = 0; octets_n(&line) < 3 * MIB; i++) {
        const char *key = textf(" key-of-some-bytes-%u", i);
        octets_add(&line, key, strlen(key));
    }
    octets_add(&line, " last\r\n", 7);
    client_sends_bytes(c, octets_at(&line), octets_n(&line));
    octets_release(&line);
    client_sees(c, hit_and_end("last", "x"));
    client_sees_nothing_more(c);
}

static void spaces_before_keys_do_no_harm(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), ""), NULL);
    for (int n = 1; n <= 2000; n += n < 4 ? 1 : 199) {
        struct client *c = client_connects(m);
        client_sends(c, textf("get%*sk1 k2\r\n", n, ""));
        const char *line = client_sees_line(c);
        if (strcmp(line, "END") != 0 && strncmp(line, "CLIENT_ERROR ", 13) != 0)
            stage_fails("%d: %s", n, line);
        client_sees_nothing_more(c);
        client_closes(c);
    }
}

static void http_is_closed(void **state)
{
    static const char *const requests[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                           "POST /k HTTP/1.1\r\nHost: x\r\n\r\nset k 0 0 1\r\n"};
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct client *c = client_connects(m);
        client_sends(c, requests[i]);
        client_sees_closed(c);
    }
    backend_has_nothing_yet(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_line_without_end_closes_only_its_client),
        play(a_get_may_be_long_but_not_without_end),
        play(a_get_of_millions_of_bytes_is_answered),
        play(spaces_before_keys_do_no_harm),
        play(http_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
