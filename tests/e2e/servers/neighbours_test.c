/* A client that sends anything at all, in front of the memcached at hand, while another one asks for what it knows: see
 * lib/beside.h. */
#include "lib/beside.h"
#include "lib/memcached.h"
#include "lib/nutcracker.h"
#include "lib/stage.h"
#include "lib/versions.h"

static unsigned streams(unsigned n)
{
    return stage_is_sanitized() ? n / 5 : n;
}

static struct beside before(const struct memcached *s)
{
    const char *version = memcached_version(s);
    bool has_meta = memcached_at_hand_has_meta();
    /* E came with 1.6.27; later versions refuse a sign */
    const char *odd_flag = versions_compare(version, "1.6.27") >= 0 ? "E77777777" : "T+1000";
    return (struct beside){.server = memcached_address(s),
                           .name = textf("memcached %s", version),
                           .knows = {has_meta, true, has_meta ? odd_flag : NULL},
                           .streams_part = 2,
                           .seconds_part = 8};
}

static void no_request_harms_another_clients(void **state)
{
    struct beside b = before(memcached_start("-m", "1024", NULL));
    b.streams = streams(1500);
    b.streams_part = 1;
    b.seconds_part = 2;
    beside_plays(&b);
}

static void no_request_harms_another_before_a_server_that_takes_one_at_a_time(void **state)
{
    struct beside b = before(memcached_start("-m", "1024", NULL));
    b.options = "requests = 'one'";
    b.streams = streams(300);
    beside_plays(&b);
}

/* Nothing is known of its version, and it refuses values of a size that others take. */
static void no_request_harms_another_before_a_small_server_that_is_not_asked(void **state)
{
    struct beside b = before(memcached_start("-m", "1024", "-I", "512k", NULL));
    b.options = "probe = 'connect'";
    b.knows = (struct neighbour_server){.has_gat = true};
    b.streams = streams(300);
    beside_plays(&b);
}

/* They may share an answer. */
static void no_request_harms_another_that_asks_for_the_same(void **state)
{
    struct beside b = before(memcached_start("-m", "1024", NULL));
    b.route = "mg.coalesce { pool }";
    b.streams = streams(300);
    beside_plays(&b);
}

/* nutcracker itself, which closes on what it does not know. */
static void no_request_harms_another_before_a_proxy(void **state)
{
    struct memcached *s = memcached_start("-m", "1024", NULL);
    struct beside b = before(s);
    const char *pool = textf("  servers:\n   - %s:1\n", memcached_address(s));
    b.name = "nutcracker";
    b.server = nutcracker_address(nutcracker_start(&pool, 1), 0);
    b.knows = (struct neighbour_server){0};
    b.streams = streams(300);
    beside_plays(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(no_request_harms_another_clients),
        play(no_request_harms_another_before_a_server_that_takes_one_at_a_time),
        play(no_request_harms_another_before_a_small_server_that_is_not_asked),
        play(no_request_harms_another_that_asks_for_the_same),
        play(no_request_harms_another_before_a_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
