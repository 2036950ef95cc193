/* as_other: command lines of nutcracker and mcrouter, and what they become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/capture.h"
#include "main/as_other.h"
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 32, TEXT_MAX = 4096 };

/* What a line becomes: words with blanks between them. Remarks stand behind it, one a line, and what is said of what is wrong. */
static char became[TEXT_MAX], remarks[TEXT_MAX], said[TEXT_MAX];
static bool ends;
static int code;
static char log_from[16];

static void translate(const char *line)
{
    static char words[TEXT_MAX];
    char *argv[WORDS_MAX + 1] = {NULL}, *rest = strcpy(words, line);
    struct as_other as;
    int argc = 0;
    for (char *word; argc < WORDS_MAX && (word = strsep(&rest, " "));)
        if (*word) argv[argc++] = word;
    capture_begin(STDERR_FILENO);
    as_other_read(&as, argc, argv);
    snprintf(said, sizeof said, "%s", capture_end());
    became[0] = remarks[0] = '\0';
    for (int i = 0; i < as.argc; i++) {
        if (i) strcat(became, " ");
        strcat(became, as.argv[i]);
    }
    if (as.program) assert_null(as.argv[as.argc]);
    for (size_t i = 0; i < as.remarks_n; i++) {
        strcat(remarks, as.remarks[i]);
        strcat(remarks, "\n");
    }
    snprintf(log_from, sizeof log_from, "%s", as.log_from ? as.log_from : "");
    ends = as.ends;
    code = as.code;
    as_other_release(&as);
}

static void becomes(const char *line, const char *wanted)
{
    translate(line);
    assert_string_equal(said, "");
    assert_string_equal(became, wanted);
    assert_false(ends);
}

static void is_wrong(const char *line, const char *wanted)
{
    translate(line);
    if (!strstr(said, wanted)) fail_msg("%s: said '%s', not '%s'", line, said, wanted);
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); /* one line */
    assert_true(ends);
    assert_int_equal(code, 2);
}

#define STATS " --nutcracker-stats=127.0.0.1:22222"

static void moongate_by_its_own_name_has_its_own_flags(void **state)
{
    becomes("moongate -c 5 s.lua", "moongate -c 5 s.lua");
    becomes("/usr/bin/nutcracker2 -c x", "/usr/bin/nutcracker2 -c x");
    becomes("", "");
}

static void nutcrackers_flags_become_moongates(void **state)
{
    becomes("nutcracker -c n.yml", "nutcracker --twemproxy=n.yml" STATS);
    becomes("/usr/sbin/nutcracker -d -c /etc/n.yml -o /var/log/n -p /run/n.pid -s 2222 -v 6",
            "/usr/sbin/nutcracker --daemonize --log-file=/var/log/n --pid-file=/run/n.pid "
            "--twemproxy=/etc/n.yml --nutcracker-stats=127.0.0.1:2222");
    becomes("nutcracker --conf-file=n.yml --output=l --pid-file=p --stats-port=1 "
            "--stats-addr=0.0.0.0 --daemonize",
            "nutcracker --log-file=l --pid-file=p --daemonize --twemproxy=n.yml "
            "--nutcracker-stats=0.0.0.0:1");
    becomes("nutcracker -cn.yml -a::1 -s65535",
            "nutcracker --twemproxy=n.yml --nutcracker-stats=[::1]:65535");
    becomes("nutcracker -t -c n.yml", "nutcracker --check --twemproxy=n.yml" STATS);
    becomes("nutcracker --test-conf -c n.yml", "nutcracker --check --twemproxy=n.yml" STATS);
    becomes("nutcracker --conf x", "nutcracker --twemproxy=x" STATS);
}

static void nutcrackers_levels_are_those_that_are_nearest(void **state)
{
    static const struct {
        const char *level, *verbose, *from;
    } levels[] = {{"0", "", "error"},
                  {"3", "", "error"},
                  {"4", "", "warn"},
                  {"5", "", ""},
                  {"6", "", ""},
                  {"7", " --verbose", ""},
                  {"8", " --verbose --verbose", ""},
                  {"11", " --verbose --verbose", ""},
                  {"12", " --verbose --verbose", ""}};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        char line[64], wanted[256];
        snprintf(line, sizeof line, "nutcracker -v %s -c n", levels[i].level);
        snprintf(wanted, sizeof wanted, "nutcracker%s --twemproxy=n" STATS, levels[i].verbose);
        becomes(line, wanted);
        assert_string_equal(log_from, levels[i].from);
    }
}

static void flags_without_a_meaning_are_named_once(void **state)
{
    becomes("nutcracker -m 512 -m 512 -i 1000 -c n", "nutcracker --twemproxy=n" STATS);
    assert_string_equal(
        remarks,
        "--mbuf-size: it has no meaning here: see --client-buffer and --input-buffer of moongate\n"
        "--stats-interval: it has no meaning here: statistics are those of the moment\n");
    becomes("nutcracker alpha -c n beta", "nutcracker --twemproxy=n" STATS);
    assert_string_equal(remarks, "alpha: a word that belongs to no flag has no meaning here\n"
                                 "beta: a word that belongs to no flag has no meaning here\n");
    becomes("mcrouter -p 1 -f f --unix-domain-sock s --stats-root=/x --stats-root /y "
            "--use-asynclog-version2 --listen-addresses h",
            "mcrouter --mcrouter=f --watch --allow-flush=no --bind=unix:s --bind=h:1");
    assert_string_equal(remarks, "--stats-root: it has no meaning here\n"
                                 "--use-asynclog-version2: it has no meaning here\n");
}

static void what_nutcracker_would_not_take_is_refused(void **state)
{
    is_wrong("nutcracker -c", "called as nutcracker: --conf-file: a value is missing");
    is_wrong("nutcracker -x", "called as nutcracker: -x: it is not one of its flags");
    is_wrong("nutcracker --stats=5",
             "--stats=5: it is not one of its flags, or more than one begins so");
    is_wrong("nutcracker --daemonize=1", "it takes no value");
    is_wrong("nutcracker -v x", "--verbose: not a level: give a number, 0 to 11");
    is_wrong("nutcracker -s 0", "--stats-port: not a port");
    is_wrong("nutcracker -s 65536", "--stats-port: not a port");
    is_wrong("nutcracker -m 5", "--mbuf-size: not a size");
    is_wrong("nutcracker -i 0", "--stats-interval: not a number");
}

/* The addresses to listen on without --listen-addresses depend on the machine. */
static void bound_everywhere(const char *port, char *to)
{
    bool has_v6 = access("/proc/net/if_inet6", F_OK) == 0;
    sprintf(to + strlen(to), " --bind=0.0.0.0:%s", port);
    if (has_v6) sprintf(to + strlen(to), " --bind=[::]:%s", port);
}

static void mcrouters_flags_become_moongates(void **state)
{
    char wanted[TEXT_MAX] = "mcrouter --mcrouter=/etc/m.json --watch --allow-flush=no";
    bound_everywhere("5000", wanted);
    becomes("mcrouter -p 5000 --config-file=/etc/m.json", wanted);
    becomes("mcrouter -p5000 -f /etc/m.json", wanted);
    becomes("mcrouter --config file:/etc/m.json --port=5000", wanted);
    becomes("mcrouter -f other --config=file:/etc/m.json --config-str {} --port=5000", wanted);
    strcpy(wanted, "mcrouter --mcrouter-text={\"route\":\"NullRoute\"} --allow-flush=no");
    bound_everywhere("1", wanted);
    bound_everywhere("2", wanted);
    becomes("mcrouter -p 1,2 --config-str={\"route\":\"NullRoute\"}", wanted);
    becomes("mcrouter -p 1,2 --config={\"route\":\"NullRoute\"} -f x", wanted);
    becomes("mcrouter -R /a/b/ --send-invalid-route-to-default --timeouts-until-tko=5 -r 100 "
            "--num-proxies 4 -t 250 "
            "--disable-tko-tracking --enable-flush-cmd --disable-reload-configs -f x -p 1 "
            "--listen-addresses 127.0.0.1,::1 "
            "-v 1 -L /log --max-conns 500 --async-dir /spool --asynclog-disable=0",
            "mcrouter --route-prefix=/a/b/ --send-invalid-route-to-default --timeouts-until-tko=5 "
            "--probe-timeout-initial=100 --workers=4 --server-timeout-ms=250 "
            "--disable-tko-tracking --verbose "
            "--log-file=/log --max-conns=500 --mcrouter=x --async-dir=/spool --allow-flush=yes "
            "--bind=127.0.0.1:1 "
            "--bind=[::1]:1");
}

static void a_toggle_of_mcrouter_may_be_turned_off(void **state)
{
    becomes("mcrouter -f x --unix-domain-sock=/s --send-invalid-route-to-default=0 "
            "--disable-tko-tracking=false "
            "--enable-flush-cmd=0 --disable-reload-configs=1",
            "mcrouter --mcrouter=x --allow-flush=no --bind=unix:/s");
    becomes("mcrouter -f x --unix-domain-sock=/s --proxy-threads=auto --retry-timeout=7 "
            "--validate-config=run --server-timeout-ms=9 -a /spool --asynclog-disable",
            "mcrouter --probe-timeout-initial=7 --server-timeout-ms=9 --mcrouter=x --watch "
            "--allow-flush=no --bind=unix:/s");
}

static void ports_of_mcrouter_for_tls_become_listeners(void **state)
{
    becomes("mcrouter -f x -p 1 --ssl-port 2,3 --pem-cert-path c --pem-key-path=k "
            "--listen-addresses ::1",
            "mcrouter --mcrouter=x --watch --allow-flush=no --bind=notls:[::1]:1 --tls-cert=c "
            "--tls-key=k --bind=tls:[::1]:2 --bind=tls:[::1]:3");
    becomes("mcrouter -f x --ssl-port 2 --pem-cert-path c --pem-key-path k --pem-ca-path a "
            "--listen-addresses 127.0.0.1",
            "mcrouter --mcrouter=x --watch --allow-flush=no --tls-cert=c --tls-key=k --tls-ca=a "
            "--tls-verify=request --bind=tls:127.0.0.1:2");
    becomes("mcrouter -f x --ssl-port 2 --pem-cert-path c --pem-key-path k --pem-ca-path a "
            "--listen-addresses 127.0.0.1 --ssl-require-peer-certs",
            "mcrouter --mcrouter=x --watch --allow-flush=no --tls-cert=c --tls-key=k --tls-ca=a "
            "--tls-verify=require --bind=tls:127.0.0.1:2");
    becomes("mcrouter -f x --unix-domain-sock=/s --pem-ca-path a",
            "mcrouter --mcrouter=x --watch --allow-flush=no --bind=unix:/s");
}

static void a_configuration_of_mcrouter_is_checked_without_a_port(void **state)
{
    becomes("mcrouter --validate-config -f x",
            "mcrouter --check --mcrouter=x --watch --allow-flush=no");
    becomes("mcrouter --validate-config=exit -f x",
            "mcrouter --check --mcrouter=x --watch --allow-flush=no");
}

static void what_mcrouter_would_not_take_is_refused(void **state)
{
    is_wrong("mcrouter -p 1",
             "called as mcrouter: the flags: there is no configuration: give -f FILE");
    is_wrong("mcrouter -f x", "there is no port to listen on: give -p PORT");
    is_wrong("mcrouter -f x -p 1,y", "--port is not a port, or a list of them");
    is_wrong("mcrouter -f x -p 70000", "--port is not a port");
    is_wrong("mcrouter -f x -p 1 --num-proxies 0", "--num-proxies: not a number of proxies");
    is_wrong("mcrouter -f x -p 1 --nonsense", "--nonsense: it is not one of its flags");
    is_wrong("mcrouter -f x -p 1 -v z", "-v: not a level");
    is_wrong("mcrouter -f x -p 1 flavor", "flavor: a word that belongs to no flag");
    is_wrong("mcrouter --config= -p 1", "--config: it is empty");
    is_wrong("mcrouter --validate-config=later -f x", "--validate-config: not one of its words");
    is_wrong("mcrouter -f x -p 1 --max-conns=many", "--max-conns: not a number");
    is_wrong("mcrouter -f x --ssl-port y --pem-cert-path c --pem-key-path k",
             "--ssl-port is not a port");
    is_wrong("mcrouter -f x --ssl-port 1 --pem-cert-path c",
             "--ssl-port needs a certificate: give --pem-cert-path FILE and --pem-key-path FILE");
    is_wrong("mcrouter -f x --ssl-port 1 --pem-cert-path c --pem-key-path k "
             "--ssl-require-peer-certs",
             "--ssl-require-peer-certs needs to know who signs them: give --pem-ca-path FILE");
}

/* What it prints comes to the standard output. */
static void help_and_version_end_well(void **state)
{
    static const struct {
        const char *name, *flag, *says;
    } cases[] = {{"nutcracker", "-h", "-c, --conf-file VALUE"},
                 {"nutcracker", "--version", MOONGATE_VERSION},
                 {"nutcracker", "-D", "server_ejected_at"},
                 {"mcrouter", "--help", "--probe-timeout-initial"},
                 {"mcrouter", "-V", MOONGATE_VERSION}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[16], flag[16], *argv[] = {name, flag, NULL};
        struct as_other as;
        strcpy(name, cases[i].name);
        strcpy(flag, cases[i].flag);
        capture_begin(STDOUT_FILENO);
        as_other_read(&as, 2, argv);
        fflush(stdout);
        const char *out = capture_end();
        if (!strstr(out, cases[i].says)) fail_msg("%s %s: %s", name, flag, out);
        assert_true(as.ends);
        assert_int_equal(as.code, 0);
        as_other_release(&as);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moongate_by_its_own_name_has_its_own_flags),
        cmocka_unit_test(nutcrackers_flags_become_moongates),
        cmocka_unit_test(nutcrackers_levels_are_those_that_are_nearest),
        cmocka_unit_test(flags_without_a_meaning_are_named_once),
        cmocka_unit_test(what_nutcracker_would_not_take_is_refused),
        cmocka_unit_test(mcrouters_flags_become_moongates),
        cmocka_unit_test(a_toggle_of_mcrouter_may_be_turned_off),
        cmocka_unit_test(ports_of_mcrouter_for_tls_become_listeners),
        cmocka_unit_test(a_configuration_of_mcrouter_is_checked_without_a_port),
        cmocka_unit_test(what_mcrouter_would_not_take_is_refused),
        cmocka_unit_test(help_and_version_end_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
