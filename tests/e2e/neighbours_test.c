/* A client that sends anything at all, in front of the memcached at hand, while another one asks for what it knows: see
 * lib/beside.h. */
#include "lib/beside.h"
#include "lib/memcached.h"
#include "lib/stage.h"

static void no_request_harms_another_clients(void **state)
{
    struct memcached *s = memcached_start("-m", "1024", NULL);
    bool has_meta = memcached_at_hand_has_meta();
    struct beside b = {.server = memcached_address(s),
                       .name = textf("memcached %s", memcached_version(s)),
                       .knows = {.has_meta = has_meta, .has_gat = true}};
    beside_plays(&b, stage_is_sanitized() ? 300 : 1500, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(no_request_harms_another_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
