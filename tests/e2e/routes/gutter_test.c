/* A pool and its gutter: the gutter answers what the pool's server fails to answer. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

static void an_error_of_the_server_sends_the_get_to_the_gutter(void **state)
{
    struct backend *users = backend_listens(), *gutter = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "return mg.failover { mg.pool { '%s' }, mg.pool { '%s' } }\n",
                             backend_address(users), backend_address(gutter)),
                       NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get k\r\n");
    backend_sees(users, "get k\r\n");
    backend_answers(users, "SERVER_ERROR out of memory\r\n");
    backend_sees(gutter, "get k\r\n");
    backend_answers(gutter, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sees_nothing_more(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(an_error_of_the_server_sends_the_get_to_the_gutter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
