/* The same as neighbours_test in front of old servers, and of programs that are no memcached: each says what it ran. */
#include "lib/beside.h"
#include "lib/oldserver.h"
#include "lib/rogue.h"
#include "lib/stage.h"

static void ran_no_value(void *what)
{
    struct oldserver *s = what;
    oldserver_never_executed(s, "*" ROGUE_EVIL " *");
    oldserver_never_executed(s, "flush_all*");
    oldserver_never_executed(s, "md " ROGUE_OTHERS "*");
    oldserver_never_executed(s, "delete " ROGUE_OTHERS "*");
    oldserver_forgets(s);
}

static void plays_before(enum oldserver_kind kind)
{
    struct oldserver *s = oldserver_listens(kind);
    struct beside b = {.server = oldserver_address(s),
                       .name = oldserver_name(kind),
                       .looks = ran_no_value,
                       .what = s,
                       .streams = stage_is_sanitized() ? 40 : 150,
                       .streams_part = 1,
                       .seconds_part = OLDSERVER_KINDS};
    beside_plays(&b);
}

static void no_request_harms_another_before_1_4_25(void **state)
{
    plays_before(OLDSERVER_1_4_25);
}

static void no_request_harms_another_before_1_5_22(void **state)
{
    plays_before(OLDSERVER_1_5_22);
}

static void no_request_harms_another_before_1_6_6(void **state)
{
    plays_before(OLDSERVER_1_6_6);
}

static void no_request_harms_another_before_a_foreign_server(void **state)
{
    plays_before(OLDSERVER_FOREIGN);
}

static void no_request_harms_another_before_nutcracker(void **state)
{
    plays_before(OLDSERVER_NUTCRACKER);
}

static void no_request_harms_another_before_a_server_that_says_lf(void **state)
{
    plays_before(OLDSERVER_LF);
}

static void no_request_harms_another_before_a_server_that_says_a_word(void **state)
{
    plays_before(OLDSERVER_WORD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(no_request_harms_another_before_1_4_25),
        play(no_request_harms_another_before_1_5_22),
        play(no_request_harms_another_before_1_6_6),
        play(no_request_harms_another_before_a_foreign_server),
        play(no_request_harms_another_before_nutcracker),
        play(no_request_harms_another_before_a_server_that_says_lf),
        play(no_request_harms_another_before_a_server_that_says_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
