/* The command line: exit codes, and errors of one line that say what and what to do. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SCRIPT = 1, USAGE = 2, BIND = 3 };

static void says_one_line(struct run run, int code, const char *word)
{
    const char *end = strchr(run.err, '\n');
    if (run.code != code) stage_fails("exit %d expected, got %d: %s", code, run.code, run.err);
    if (!end || end[1] != '\0') stage_fails("one line expected, got: %s", run.err);
    if (strncmp(run.err, "moongate: ", 10) != 0)
        stage_fails("does not begin with its name: %s", run.err);
    if (!strstr(run.err, word)) stage_fails("no \"%s\" in: %s", word, run.err);
}

static const char *good_script(void)
{
    return moongate_script_file(script_of_one("127.0.0.1:1", ""));
}

static void an_unknown_option_is_named(void **state)
{
    says_one_line(moongate_runs("--nonsense", good_script(), NULL), USAGE, "--nonsense");
    says_one_line(moongate_runs("-Z", good_script(), NULL), USAGE, "Z");
}

static void a_bad_number_is_named(void **state)
{
    static const char *const bad[][2] = {
        {"-p", "70000"},
        {"-p", "x"},
        {"-p", "-1"},
        {"-p", ""},
        {"-p", "11211x"},
        {"-j", "0"},
        {"-j", "257"},
        {"-j", "two"},
        {"-n", "0"},
        {"-n", "1025"},
        {"-c", "0"},
        {"-c", "-5"},
        {"--max-value", "1x"},
        {"--max-value", "1"},
        {"--max-value", "129m"},
        {"--client-buffer", "lots"},
        {"--drain-timeout", "x"},
        {"--drain-timeout", "-1"},
        {"--log-format", "xml"},
        {"-p", "99999999999999999999"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        says_one_line(moongate_runs(bad[i][0], bad[i][1], good_script(), NULL), USAGE, bad[i][1]);
}

static void a_missing_argument_is_a_usage_error(void **state)
{
    says_one_line(moongate_runs(good_script(), "-p", NULL), USAGE, "p");
    says_one_line(moongate_runs(good_script(), "--max-value", NULL), USAGE, "max-value");
}

static void a_flag_takes_no_value(void **state)
{
    says_one_line(moongate_runs("--check=yes", good_script(), NULL), USAGE, "check");
}

static void script_and_servers_exclude_each_other(void **state)
{
    says_one_line(moongate_runs("-p", "0", "-s", "127.0.0.1:1", good_script(), NULL), USAGE, "");
    says_one_line(moongate_runs("-p", "0", NULL), USAGE, "");
    says_one_line(moongate_runs("-p", "0", good_script(), good_script(), NULL), USAGE, "");
}

static void a_missing_script_is_named(void **state)
{
    says_one_line(moongate_runs("-p", "0", "/nonexistent/script.lua", NULL), SCRIPT,
                  "/nonexistent/script.lua: No such file or directory: give the path of a "
                  "readable file\n");
    says_one_line(moongate_runs("frobnicate", NULL), SCRIPT,
                  "frobnicate: No such file or directory: give the path of a readable file, or a "
                  "command: 'moongate help' lists them\n");
}

static void a_broken_script_is_not_served(void **state)
{
    struct run run =
        moongate_runs("-p", "0", moongate_script_file("local x\nlocal y\nerror 'no'\n"), NULL);
    assert_int_equal(run.code, SCRIPT);
    assert_non_null(strstr(run.err, "script.lua:3: no"));
}

static void a_port_in_use_is_named(void **state)
{
    struct backend *b = backend_listens();
    const char *port = strchr(backend_address(b), ':') + 1;
    says_one_line(moongate_runs("-p", port, good_script(), NULL), BIND, port);
    says_one_line(moongate_runs("-p", "0", "-b", backend_address(b), good_script(), NULL), BIND,
                  port);
}

static void an_address_that_is_not_ours_cannot_be_bound(void **state)
{
    says_one_line(moongate_runs("-p", "0", "-b", "192.0.2.1", good_script(), NULL), BIND,
                  "192.0.2.1");
    says_one_line(moongate_runs("-p", "0", "-b", "unix:/nonexistent/socket", good_script(), NULL),
                  BIND, "/nonexistent/socket");
}

static void the_version_is_printed(void **state)
{
    struct run run = moongate_runs("-V", NULL);
    assert_int_equal(run.code, 0);
    if (!isdigit((unsigned char)run.out[strcspn(run.out, "0123456789")]))
        stage_fails("no version: %s", run.out);
    assert_int_equal(moongate_runs("--version", NULL).code, 0);
}

static void help_lists_every_option(void **state)
{
    static const char *const options[] = {"--servers",        "--port",          "--bind",
                                          "--connections",    "--workers",       "--max-conns",
                                          "--check",          "--daemonize",     "--pid-file",
                                          "--user",           "--verbose",       "--log-format",
                                          "--max-value",      "--client-buffer", "--drain-timeout",
                                          "--single-process", "--no-jit",        "--lua-dir",
                                          "--print-script",   "--version",       "--help"};
    struct run run = moongate_runs("-h", NULL);
    assert_int_equal(run.code, 0);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (!strstr(run.out, options[i]))
            stage_fails("help does not know %s: %s", options[i], run.out);
    assert_string_equal(moongate_runs("--help", NULL).out, run.out);
}

/* --- -t -------------------------------------------------------------------------------------- */

static void a_check_prints_what_the_script_would_do(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    struct run run = moongate_runs(
        "-t",
        moongate_script_file(textf(MG "local users = mg.pool { '%s', name = 'users' }\n"
                                      "local rest = mg.pool { '%s', distribution = 'modula' }\n"
                                      "return function() return users or rest end",
                                   backend_address(a), backend_address(b))),
        NULL);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, backend_address(a)));
    assert_non_null(strstr(run.out, backend_address(b)));
    assert_non_null(strstr(run.out, "users"));
    assert_non_null(strstr(run.out, "function"));
    stage_turns(0);
    assert_int_equal(backend_links(a), 0); /* it connects nowhere */
}

static void a_check_of_a_pool_says_so(void **state)
{
    struct run run = moongate_runs("-t", good_script(), NULL);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "127.0.0.1:1"));
    assert_non_null(strstr(run.out, "pool"));
}

static void a_check_of_a_broken_script_names_the_place(void **state)
{
    static const struct {
        const char *text, *place;
    } broken[] = {
        {"\n\nerror 'no'\n", "script.lua:3: no"},
        {"local x =\n\nreturn x x\n", "script.lua:3:"},
        {MG "\nreturn mg.pool { '127.0.0.1:1', tiemout = 3 }\n", "script.lua:3:"},
        {MG "\nreturn mg.pool { '127.0.0.1:1', tiemout = 3 }\n", "tiemout"},
        {MG "return mg.pool { '127.0.0.1:1', timeout = -1 }\n", "script.lua:2:"},
        {MG "return mg.pool { '127.0.0.1:1', timeout = 'long' }\n", "script.lua:2:"},
        {MG "return mg.pool { '127.0.0.1:1', hash = 'crc7' }\n", "crc7"},
        {MG "return mg.pool { 11211 }\n", "script.lua:2:"},
        {MG "return mg.pool {}\n", "script.lua:2:"},
        {MG "return mg.pool()\n", "script.lua:2:"},
        {MG "return mg.nosuchthing()\n", "script.lua:2:"},
        {"x = 1\n", "script.lua:1:"},
        {"\nreturn undefined\n", "script.lua:2:"},
        {"return\n", "script.lua"},
        {"return 'pool'\n", "script.lua"},
        {"local s = ('x'):rep(10)\nlocal t = nil\nt.x = s\n", "script.lua:3:"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct run run = moongate_runs("-t", moongate_script_file(broken[i].text), NULL);
        if (run.code != SCRIPT) stage_fails("exit %d for: %s", run.code, broken[i].text);
        if (!strstr(run.err, broken[i].place))
            stage_fails("no \"%s\" in: %s", broken[i].place, run.err);
    }
}

/* --- -s and the log -------------------------------------------------------------------------- */

static void servers_alone_are_routed_over(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    struct moongate *m =
        moongate_start(NULL, "-s", textf("%s,%s", backend_address(a), backend_address(b)), NULL);
    struct client *c = client_connects(m);
    struct octets request = {0};
    unsigned keys = 0;

    backend_sees_links(a, 1);
    backend_sees_links(b, 1);
    octets_add(&request, "get", 3);
    for (int i = 0; i < 50; i++) octets_add(&request, textf(" k%02d", i), 4);
    octets_add(&request, "\r\n", 2);
    client_sends_bytes(c, octets_at(&request), octets_n(&request));
    octets_release(&request);
    keys += (unsigned)strlen(backend_sees_line(a));
    keys += (unsigned)strlen(backend_sees_line(b));
    assert_int_equal(keys, 2 * 3 + 50 * 4); /* each key went to one of them */
    backend_answers(a, "END\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
}

static void the_servers_option_may_be_repeated(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    moongate_start(NULL, "--servers", backend_address(a), "-s", backend_address(b), NULL);
    backend_sees_links(a, 1);
    backend_sees_links(b, 1);
}

static void the_built_in_script_can_be_read_and_copied(void **state)
{
    struct run run = moongate_runs("--print-script", NULL);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "mg.pool"));
}

static void log_lines_have_their_form(void **state)
{
    struct moongate *m = moongate_start(script_of_one(address_of_nobody(), ""), NULL);
    const char *line = moongate_log_line(m, "ready: 1 worker");
    char level[8], role[32];
    int year, pid, at = 0;
    if (sscanf(line, "%d-%*d-%*dT%*d:%*d:%*d.%*dZ %7s %31[^[][%d]: %n", &year, level, role, &pid,
               &at) != 4)
        stage_fails("not a log line: %s", line);
    assert_string_equal(level, "info");
    assert_string_equal(role, "master");
    assert_int_equal(pid, moongate_pid(m));
    assert_memory_equal(line + at, "ready: 1 worker", 15);
}

static void the_log_can_be_json(void **state)
{
    static const char *const keys[] = {
        "\"time\":", "\"level\":", "\"role\":", "\"pid\":", "\"message\":"};
    struct moongate *m =
        moongate_start(script_of_one(address_of_nobody(), ""), "--log-format", "json", NULL);
    const char *line = moongate_log_line(m, "ready: ");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strstr(line, keys[i])) stage_fails("no %s in: %s", keys[i], line);
    assert_int_equal(line[0], '{');
    assert_int_equal(line[strlen(line) - 1], '}');
    client_sees_nothing_more(client_connects(m));
}

static void more_is_logged_on_request(void **state)
{
    struct moongate *m = moongate_start(script_of_one(address_of_nobody(), ""), "-vv", NULL);
    client_sees_nothing_more(client_connects(m));
    moongate_sees_log(m, " debug ");
}

/* --- the script's reference ------------------------------------------------------------------- */

/* The error for a pool with these fields lists what there is: the list behind `mark`. */
static const char *what_there_is(const char *fields, const char *mark)
{
    struct run run = moongate_runs(
        "-t", moongate_script_file(textf(MG "return mg.pool { %s, '127.0.0.1:1' }", fields)), NULL);
    const char *list = strstr(run.err, mark);
    if (!list) stage_fails("no \"%s\" in: %s", mark, run.err);
    list += strlen(mark);
    return textf("%.*s", (int)strcspn(list, ";\n"), list);
}

static void the_reference_names_all(const char *reference, const char *list, const char *as)
{
    unsigned n = 0;
    while (*list) {
        size_t len = strcspn(list, ", ");
        const char *name = textf("%s%.*s%s", as, (int)len, list, as);
        if (!strstr(reference, name)) stage_fails("lua/README.md does not know %s", name);
        list += len;
        list += strspn(list, ", ");
        n++;
    }
    assert_true(n > 1);
}

/* moongate lists all options and choices when it is given one that does not exist. */
static void the_reference_knows_every_option_and_choice_of_a_pool(void **state)
{
    static const char *const choices[] = {"like",   "distribution", "hash",
                                          "naming", "order",        "on_failure"};
    enum { ROOM = 1 << 20 };
    char *reference = stage_memory(ROOM);
    FILE *file = fopen("lua/README.md", "r");
    if (!file) stage_fails("lua/README.md cannot be read: run the tests from the top of the tree");
    reference[fread(reference, 1, ROOM - 1, file)] = '\0';
    fclose(file);

    the_reference_names_all(reference, what_there_is("nosuch = 1", "there are: "), "`");
    the_reference_names_all(reference, what_there_is("{ nosuch = 1 }", "there are: "), "`");
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        the_reference_names_all(
            reference, what_there_is(textf("%s = 'nosuch'", choices[i]), "takes one of "), "\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(an_unknown_option_is_named),
        play(a_bad_number_is_named),
        play(a_missing_argument_is_a_usage_error),
        play(a_flag_takes_no_value),
        play(script_and_servers_exclude_each_other),
        play(a_missing_script_is_named),
        play(a_broken_script_is_not_served),
        play(a_port_in_use_is_named),
        play(an_address_that_is_not_ours_cannot_be_bound),
        play(the_version_is_printed),
        play(help_lists_every_option),
        play(a_check_prints_what_the_script_would_do),
        play(a_check_of_a_pool_says_so),
        play(a_check_of_a_broken_script_names_the_place),
        play(servers_alone_are_routed_over),
        play(the_servers_option_may_be_repeated),
        play(the_built_in_script_can_be_read_and_copied),
        play(log_lines_have_their_form),
        play(the_log_can_be_json),
        play(more_is_logged_on_request),
        play(the_reference_knows_every_option_and_choice_of_a_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
