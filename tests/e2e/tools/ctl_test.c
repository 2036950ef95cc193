/* `moongate ctl`: what it prints, its exit codes and how it finds the socket; and `moongate completion`. */
#include "lib/backend.h"
#include "lib/desk.h"
#include "lib/moongate.h"
#include "lib/program.h"
#include "lib/said.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DONE = 0, REFUSED = 1, USAGE = 2, NO_SOCKET = 3, NO_ANSWER = 4 };

static struct moongate *starts(const char *path, struct backend **a, struct backend **b)
{
    *a = backend_listens();
    *b = backend_listens();
    return moongate_start(textf(MG "return mg.pool { name = 'all', '%s', '%s' }\n",
                                backend_address(*a), backend_address(*b)),
                          "--admin", textf("unix:%s", path), NULL);
}

static void it_prints_what_the_socket_answers(void **state)
{
    const char *path = desk_path("a.sock");
    struct backend *a, *b;
    struct moongate *m = starts(path, &a, &b);
    struct run run = moongate_runs("ctl", "-s", path, "status", NULL);
    exits(run, DONE);
    has(run.out, "state         running\n");
    assert_null(strstr(run.out, "END"));
    run = moongate_runs("ctl", "--socket", textf("unix:%s", path), "--json", "servers", NULL);
    exits(run, DONE);
    has(run.out, "{\"type\":\"server\",\"pool\":\"all\"");
    assert_null(strstr(run.out, "\"ok\""));
    run = moongate_runs("ctl", "-s", path, "watch", "--key", "", "--pool", "errors", NULL);
    exits(run, REFUSED);
    has(run.err, "watch: a word is empty");
    exits(moongate_runs("ctl", "-s", path, "drain", backend_address(a), NULL), DONE);
    run = moongate_runs("ctl", "-s", path, "drain", backend_address(b), NULL);
    exits(run, REFUSED);
    is_said(run.out, "");
    has(run.err, "moongate: ctl: ");
    has(run.err, "is the last server of pool all");
    run = moongate_runs("ctl", "--json", "-s", path, "drain", "none", NULL);
    exits(run, REFUSED);
    has(run.out, "{\"ok\":false,\"error\":\"no pool has a server 'none'");
    run = moongate_runs("ctl", "-s", path, "explain", "get", "a\"b\\c", NULL);
    exits(run, DONE);
    has(run.out, "request       get a\"b\\c\n");
    moongate_gets_script(m, "return 1 +\n");
    run = moongate_runs("ctl", "-s", path, "reload", NULL);
    exits(run, REFUSED);
    has(run.err, "script.lua:");
    run = moongate_runs("ctl", "-s", path, "quit", NULL);
    exits(run, DONE);
    moongate_exits(m, 0);
    run = moongate_runs("ctl", "-s", path, "status", NULL);
    exits(run, NO_SOCKET);
    has(run.err, "No such file or directory: start moongate with --admin unix:/path");
}

static void it_waits_for_an_upgrade(void **state)
{
    const char *path = desk_path("a.sock");
    struct backend *a, *b;
    upgrade_begins();
    struct moongate *m = starts(path, &a, &b);
    struct run run = moongate_runs("ctl", "-s", path, "upgrade", NULL);
    exits(run, DONE);
    has(run.out, " serves\n");
    moongate_becomes_new(m, 1);
    exits(moongate_runs("ctl", "-s", path, "status", NULL), DONE);
}

static void it_gets_its_answer_whenever_an_upgrade_comes(void **state)
{
    const char *path = desk_path("a.sock");
    struct backend *a, *b;
    upgrade_begins();
    struct moongate *m = starts(path, &a, &b);
    moongate_signal(m, SIGUSR2);
    while (moongate_log_count(m, " has ended") == 0)
        exits(moongate_runs("ctl", "-s", path, "log-level", NULL), DONE);
    moongate_becomes_new(m, 1);
}

static void it_finds_the_socket_of_the_service(void **state)
{
    const char *folder = program_folder();
    struct backend *a, *b;
    starts(textf("%s/admin.sock", folder), &a, &b);
    setenv("RUNTIME_DIRECTORY", textf("%s:/other", folder), 1);
    struct run run = moongate_runs("ctl", "status", NULL);
    unsetenv("RUNTIME_DIRECTORY");
    exits(run, DONE);
    has(run.out, "running");
}

/* A listener that answers nothing, as a process that is stopped. */
static void an_answer_that_does_not_come_is_not_waited_for_for_ever(void **state)
{
    const char *path = desk_path("dead.sock");
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    strncpy(addr.sun_path, path, sizeof addr.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    struct run run = moongate_runs("ctl", "-s", path, "status", NULL);
    exits(run, NO_SOCKET);
    has(run.err, "Connection refused: the moongate that made it has ended");
    assert_int_equal(listen(fd, 1), 0);
    run = moongate_runs("ctl", "-s", path, "--timeout", "0.2", "status", NULL);
    exits(run, NO_ANSWER);
    has(run.err, "no answer in time: --timeout gives it more");
    close(fd);
}

static void wrong_words_are_usage_errors(void **state)
{
    static const char *const wrong[][4] = {
        {NULL},
        {"nope"},
        {"status", "now"},
        {"drain"},
        {"weight", "x"},
        {"--frob"},
        {"--timeout", "soon", "status"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct run run =
            moongate_runs("ctl", wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], NULL);
        exits(run, USAGE);
        has(run.err, "moongate: ");
    }
    struct run run = moongate_runs("ctl", "-h", NULL);
    exits(run, DONE);
    has(run.out, "  weight SERVER [POOL] NUMBER|reset\n");
    has(run.out, "--socket PATH");
    exits(moongate_runs("ctl", "-s", "relative/and/none", "status", NULL), NO_SOCKET);
}

/* What bash offers behind a line. */
static const char *offered(const char *line)
{
    const char *text =
        textf("eval \"$(\"$MOONGATE\" completion bash)\"\n"
              "COMP_LINE=%s COMP_WORDS=(\"$MOONGATE\") COMP_WORDBREAKS=$' \\t\\n\"><=;|&(:'\n"
              "COMP_POINT=${#COMP_LINE}\n_moongate\necho \"${COMPREPLY[*]}\"\n",
              line);
    const char *argv[] = {"bash", "-c", text, NULL};
    struct run run = program_run(argv);
    exits(run, 0);
    is_said(run.err, "");
    return run.out;
}

static void bash_completes_commands_options_and_the_names_of_servers(void **state)
{
    const char *path = desk_path("a.sock");
    struct backend *a, *b;
    starts(path, &a, &b);
    has(offered("'moongate exp'"), "explain");
    is_said(offered("'moongate --log-for'"), "--log-format\n");
    is_said(offered("'moongate --log-format '"), "json text\n");
    has(offered("'moongate ctl '"), "rollback");
    is_said(offered("'moongate ctl --js'"), "--json\n");
    is_said(offered("'moongate ctl log-level d'"), "debug\n");
    const char *both = offered(textf("'moongate ctl -s %s drain 127.0.0.1:'", path));
    has(both, strchr(backend_address(a), ':') + 1);
    has(both, strchr(backend_address(b), ':') + 1);
    is_said(offered(textf("'moongate ctl -s %s weight %s '", path, backend_address(a))),
            "all reset\n");
    is_said(offered("'moongate ctl -s /nowhere drain '"), "\n");
    exits(moongate_runs("completion", "fish", NULL), USAGE);
}

/* A server's name is text, whatever a shell would make of it. */
static void bash_does_not_carry_out_what_a_name_says(void **state)
{
    const char *path = desk_path("a.sock"), *mark = desk_path("mark");
    const char *name = textf("/tmp/$(>%s)`>%s`*", mark, mark);
    moongate_start(textf(MG "return mg.pool { 'unix:%s' }\n", name), "--admin",
                   textf("unix:%s", path), NULL);
    is_said(offered(textf("'moongate ctl -s %s drain u'", path)), textf("unix:%s\n", name));
    is_said(offered(textf("'moongate ctl -s %s drain unix:/'", path)), textf("%s\n", name));
    assert_int_not_equal(access(mark, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(it_prints_what_the_socket_answers),
        play(it_waits_for_an_upgrade),
        play(it_gets_its_answer_whenever_an_upgrade_comes),
        play(it_finds_the_socket_of_the_service),
        play(an_answer_that_does_not_come_is_not_waited_for_for_ever),
        play(wrong_words_are_usage_errors),
        play(bash_completes_commands_options_and_the_names_of_servers),
        play(bash_does_not_carry_out_what_a_name_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
