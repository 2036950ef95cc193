/* What keeps l1_l2 from making copies, and for how long: workers that die with writes in flight, a flush_all that is to come. */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <string.h>

/* Two servers, moongate with two workers over l1_l2 of both, and a client of the near one. */
struct stand {
    struct memcached *near, *far;
    struct moongate *m;
    struct client *c, *to_near;
};

static struct stand stand_up(void)
{
    struct stand s = {.near = memcached_start(NULL), .far = memcached_start(NULL)};
    s.m = moongate_start(textf(MG "local near = mg.pool { '%s' }\n"
                                  "local far = mg.pool { '%s', probe_min = 0.05 }\n"
                                  "return mg.l1_l2 { near, far, exptime = 60 }\n",
                               memcached_address(s.near), memcached_address(s.far)),
                         "-j", "2", NULL);
    s.c = client_connects(s.m);
    s.to_near = client_connects_to(memcached_address(s.near));
    client_sends(s.c, "set k 0 0 1\r\nx\r\n");
    client_sees(s.c, "STORED\r\n");
    return s;
}

static void passes(double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) stage_turns(10);
}

/* The near server forgets the key, and a client asks for it. True when it is there again. */
static bool is_copied(struct stand *s, struct client *c)
{
    const char *line;
    client_sends(s->to_near, "delete k\r\n");
    client_sees_line(s->to_near);
    client_sends(c, "get k\r\n");
    do line = client_sees_line(c);
    while (strcmp(line, "END") != 0 && strncmp(line, "SERVER_ERROR", 12) != 0);
    passes(0.05); /* the copy is on its way behind the answer */
    client_sends(s->to_near, "mg k\r\n");
    return strcmp(client_sees_line(s->to_near), "HD") == 0;
}

static void is_copied_before_long(struct stand *s, struct client *c, double seconds)
{
    double until = stage_now() + seconds;
    while (!is_copied(s, c)) {
        if (stage_now() > until) stage_fails("no copy is made any more");
    }
}

/* --- the plays ---------------------------------------------------------------------------------- */

static void a_worker_that_dies_leaves_no_slot_closed(void **state)
{
    struct stand s = stand_up();
    struct client *other = client_connects(s.m);
    pid_t workers[2];
    is_copied_before_long(&s, s.c, 10);
    moongate_workers(s.m, workers, 2);
    memcached_freezes(s.far);
    client_sends(s.c, "touch k 0\r\n");
    client_sends(other, "touch k 0\r\n");
    passes(0.2); /* until they are in flight: nothing of it can be seen from outside */
    for (int i = 0; i < 2; i++) kill(workers[i], SIGKILL);
    client_sees_closed(s.c);
    client_sees_closed(other);
    memcached_thaws(s.far);
    moongate_sees_log_times(s.m, "gone: signal 9", 2);
    is_copied_before_long(&s, client_connects(s.m), 10);
}

static void no_copy_is_made_around_the_time_of_a_flush(void **state)
{
    struct stand s = stand_up();
    is_copied_before_long(&s, s.c, 10);
    client_sends(s.c, "flush_all 2\r\n");
    client_sees(s.c, "OK\r\n");
    double at = stage_now() + 2;
    while (stage_now() < at - 0.2) assert_false(is_copied(&s, s.c));
    passes(0.4);
    client_sends(s.c, "set k 0 0 1\r\ny\r\n");
    client_sees(s.c, "STORED\r\n");
    is_copied_before_long(&s, s.c, 10);
    assert_true(stage_now() > at + 0.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_worker_that_dies_leaves_no_slot_closed),
        play(no_copy_is_made_around_the_time_of_a_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
