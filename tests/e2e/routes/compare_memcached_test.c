/* mg.compare in front of real servers, and of an old one: which share is compared, and that what goes to both is the same in both. */
#include "lib/client.h"
#include "lib/frames.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/oldserver.h"
#include "lib/scene.h"

#include <string.h>

enum { GET = 0x00, NOT_FOUND = 0x01 };

/* Writes go to both, reads are compared. */
static const char *script_moving(const char *old, const char *new, const char *options)
{
    return textf(MG "local old, new = mg.pool { '%s' }, mg.pool { '%s' }\n"
                    "local reads = mg.compare { old, new, name = 'x'%s }\n"
                    "return mg.by_command { get = reads, gets = reads, mg = reads,\n"
                    "  default = mg.all_initial { old, new } }\n",
                 old, new, options);
}

static unsigned long counted(struct client *c, const char *cell)
{
    return stat_number(c, "comparisons", textf("x:%s", cell));
}

static void has_no_difference(struct client *c)
{
    static const char *const cells[] = {"only_old",     "only_new",         "values_differ",
                                        "flags_differ", "lifetimes_differ", "old_errors",
                                        "new_errors",   "left_out"};
    stat_becomes(c, "comparisons", "x:waiting", "0");
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (counted(c, cells[i])) stage_fails("%s: %lu", cells[i], counted(c, cells[i]));
}

/* One of many requests, about one of a few keys, with a value that is short or longer than what is streamed. Meta commands for
 * servers that know them. */
static const char *some_request(unsigned *seed, bool with_meta)
{
    static const char *const forms[][2] = {{"get", ""},    {"gets", ""},     {"delete", ""},
                                           {"incr", " 1"}, {"mg", " v t f"}, {"mg", " k s"},
                                           {"mg", " v q"}};
    static char value[70001];
    unsigned form = random_below(seed, with_meta ? 12 : 9), key = random_below(seed, 12);
    unsigned n = random_below(seed, 20) ? random_below(seed, 40) : sizeof value - 1;
    if (!with_meta && form >= 4) form += 3;
    if (form < sizeof forms / sizeof *forms)
        return textf("%s k%u%s\r\n", forms[form][0], key, forms[form][1]);
    memset(value, '0' + (int)random_below(seed, 10), n);
    value[n] = '\0';
    return textf("set k%u %u 60 %u\r\n%s\r\n", key, random_below(seed, 9), n, value);
}

/* The next one is sent before the answers to the last ones have come. */
static void asks_much(struct client *c, unsigned seed, bool with_meta)
{
    for (int i = 0; i < 40; i++) {
        const char *all = "";
        for (int k = 0; k < 10; k++) all = textf("%s%s", all, some_request(&seed, with_meta));
        client_sends(c, textf("%sversion\r\n", all));
        while (strncmp(client_sees_line(c), "VERSION ", 8) != 0) continue;
    }
}

/* Reads race with writes of other clients: that settles. */
static void what_goes_to_both_is_the_same_in_both(void **state)
{
    const char *old = memcached_address(memcached_start("-m", "64", NULL));
    const char *new = memcached_address(memcached_start("-m", "64", NULL));
    struct moongate *m =
        moongate_start(script_moving(old, new, ", share = 1, again = 0.3"), "-j", "2", NULL);
    struct client *c[3];
    for (int i = 0; i < 3; i++) {
        c[i] = client_connects(m);
        asks_much(c[i], 11 + (unsigned)i, memcached_at_hand_has_meta());
    }
    has_no_difference(c[0]);
    assert_true(counted(c[0], "equal_hits") > 100 && counted(c[0], "equal_misses") > 10);
    struct client *direct = client_connects_to(new);
    client_asks(c[0], "set only 0 0 1\r\nx\r\n", "STORED\r\n");
    client_asks_until(direct, "delete only\r\n", "DELETED\r\n"); /* once it has come there */
    client_gets_value(c[0], "only", "x");
    stat_becomes(c[0], "comparisons", "x:only_old", "1");
}

static void a_new_server_without_meta_commands_is_compared_too(void **state)
{
    static const enum oldserver_kind kinds[] = {OLDSERVER_1_4_25, OLDSERVER_1_6_6};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *old = memcached_address(memcached_start(NULL));
        struct oldserver *new = oldserver_listens(kinds[i]);
        struct client *c = client_connects(moongate_start(
            script_moving(old, oldserver_address(new), ", share = 1, again = 0.05"), NULL));
        client_asks(c, "set k 5 0 3\r\nabc\r\n", "STORED\r\n");
        client_asks(c, "get k none\r\n", "VALUE k 5 3\r\nabc\r\nEND\r\n");
        client_asks(c, "mg k v f k O9\r\n", "VA 3 f5 kk O9\r\nabc\r\n");
        client_asks(c, "mg none v\r\n", "EN\r\n");
        stat_becomes(c, "comparisons", "x:equal_hits", "2");
        stat_becomes(c, "comparisons", "x:equal_misses", "2");
        has_no_difference(c);
        oldserver_never_executed(new, "mg *");
        stage_clears();
    }
}

static void gets_frame(struct client *c, const char *key, const char *value)
{
    client_sends_frame(c, frame_of(GET, key));
    client_sees_frame(c, (struct frame){.magic = 0x81,
                                        .opcode = GET,
                                        .cas = UINT64_MAX,
                                        .extras = "\0\0\0",
                                        .extras_n = 4,
                                        .value = value});
}

static void frames_are_compared_as_lines_are(void **state)
{
    const char *old = memcached_address(memcached_start(NULL));
    const char *new = memcached_address(memcached_start(NULL));
    struct moongate *m = moongate_start(script_moving(old, new, ", share = 1"), NULL);
    struct client *c = client_connects(m), *looks = client_connects(m);
    client_stores_value(looks, "k", "abc");
    gets_frame(c, "k", "abc");
    client_asks_frame(c, frame_of(GET, "none"), NOT_FOUND, "Not found");
    stat_becomes(looks, "comparisons", "x:equal_hits", "1");
    stat_becomes(looks, "comparisons", "x:equal_misses", "1");
    client_asks(client_connects_to(new), "delete k\r\n", "DELETED\r\n");
    gets_frame(c, "k", "abc");
    stat_becomes(looks, "comparisons", "x:only_old", "1");
}

static void a_share_of_the_reads_is_compared(void **state)
{
    static const struct {
        const char *share;
        unsigned long least, most;
    } shares[] = {{", share = 0.5", 850, 1150}, {"", 50, 170}, {", share = 0", 0, 0}};
    const char *old = memcached_address(memcached_start(NULL));
    const char *new = memcached_address(memcached_start(NULL));
    char gets[16 * 2000] = "";
    for (int i = 0; i < 2000; i++) strcat(gets + 7 * i, "get k\r\n");
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        struct client *c =
            client_connects(moongate_start(script_moving(old, new, shares[i].share), NULL));
        client_sends(c, gets);
        for (int k = 0; k < 2000; k++) client_sees(c, "END\r\n");
        unsigned long n = shares[i].most ? counted(c, "requests") : 0;
        if (n < shares[i].least || n > shares[i].most) stage_fails("%lu of 2000", n);
        client_sends(c, "stats comparisons\r\n");
        if (!shares[i].most) client_sees(c, "END\r\n");
        stage_clears();
        old = memcached_address(memcached_start(NULL));
        new = memcached_address(memcached_start(NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(what_goes_to_both_is_the_same_in_both),
        play(a_new_server_without_meta_commands_is_compared_too),
        play(frames_are_compared_as_lines_are),
        play(a_share_of_the_reads_is_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
