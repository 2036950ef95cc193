/* What a script should change, though it works: `-t` says it, and the log says it once for the service. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

static const char *script_with(const struct backend *b, int timeout)
{
    return textf(MG "return mg.pool { '%s', timeout = %d }\n", backend_address(b), timeout);
}

static void the_log_says_it_once_at_the_start_and_at_each_reload(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_with(b, 400), "-j", "3", NULL);
    const char *path = moongate_script_path(m);
    const char *said = textf("%s:2: mg.pool option 'timeout': 400 is 400 seconds", path);

    moongate_sees_log(m, said);
    assert_int_equal(moongate_log_count(m, said), 1);
    assert_non_null(strstr(moongate_log_line(m, said), "warn"));
    moongate_reloads(m, script_with(b, 400));
    moongate_sees_log_times(m, said, 2);
    moongate_reloads(m, script_with(b, 4));
    assert_int_equal(moongate_log_count(m, said), 2);
}

static void the_check_shows_it(void **state)
{
    struct backend *b = backend_listens();
    const char *path = moongate_script_file(script_with(b, 400));
    struct run run = moongate_runs("-t", path, NULL);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, textf("\nwarning: %s:2: mg.pool option 'timeout': 400 is 400 "
                                          "seconds; 400 milliseconds are 0.4\n",
                                          path)));
    run = moongate_runs("-t", moongate_script_file(script_with(b, 4)), NULL);
    assert_null(strstr(run.out, "warning"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(the_log_says_it_once_at_the_start_and_at_each_reload),
        play(the_check_shows_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
