/* options: command lines that are taken, and what is said of those that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "lib/capture.h"
#include "main/command_line.h"
#include "main/help.h"
#include "net/bind.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEN "1234567890"

enum { WORDS_MAX = 24 };

/* Options point into the words: they live until the next call. */
static char line_words[512];

static bool parse(struct options *o, const char *line)
{
    char *argv[WORDS_MAX + 2] = {"moongate"};
    int argc = 1;
    char *rest = strcpy(line_words, line);
    for (char *word; argc <= WORDS_MAX && (word = strsep(&rest, " "));)
        if (*word) argv[argc++] = word;
    return command_line_read(o, argc, argv);
}

static void parse_good(struct options *o, const char *line)
{
    capture_begin(STDERR_FILENO);
    bool taken = parse(o, line);
    assert_string_equal(capture_end(), "");
    assert_true(taken);
}

static void defaults_stand_where_nothing_is_said(void **state)
{
    struct options o;
    parse_good(&o, "s.lua");
    assert_string_equal(o.script, "s.lua");
    assert_int_equal(o.port, 11211);
    assert_int_equal(o.bind.n, 1);
    assert_string_equal(o.bind.items[0], "127.0.0.1");
    assert_int_equal(o.servers.n, 0);
    assert_int_equal(o.connections, 1);
    assert_in_range(o.workers, 1, 256);
    assert_int_equal(o.max_conns, 10000);
    assert_int_equal(o.max_value, 1 << 20);
    assert_int_equal(o.client_buffer, 8 << 20);
    assert_int_equal(o.input_buffer, 256 << 20);
    assert_true(o.drain_timeout == 10 && o.upgrade_timeout == 30);
    assert_int_equal(o.resolver.n, 0);
    assert_true(o.resolve_min == 1 && o.resolve_max == 300 && o.resolve_timeout == 1);
    assert_true(o.discover_wait == 3);
    assert_int_equal(o.log_format, LOG_AS_TEXT);
    assert_int_equal(o.verbose, 0);
    assert_null(o.pid_file);
    assert_false(o.check || o.daemonize || o.single_process || o.no_jit);
    options_release(&o);
}

static void letters_and_long_names_mean_the_same(void **state)
{
    static const char *const lines[] = {
        "-p 5 -n 3 -j 7 -c 9 -t -d -P pid -u me -v -v s.lua",
        "--port 5 --connections=3 --workers 7 --max-conns=9 --check --daemonize --pid-file pid "
        "--user=me --verbose --verbose s.lua",
        "s.lua -p5 -n3 -j7 -c9 -tdvv -Ppid -ume",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct options o;
        parse_good(&o, lines[i]);
        assert_int_equal(o.port, 5);
        assert_int_equal(o.connections, 3);
        assert_int_equal(o.workers, 7);
        assert_int_equal(o.max_conns, 9);
        assert_true(o.check && o.daemonize);
        assert_string_equal(o.pid_file, "pid");
        assert_string_equal(o.user, "me");
        assert_int_equal(o.verbose, 2);
        assert_string_equal(o.script, "s.lua");
        options_release(&o);
    }
}

static void servers_split_at_commas_and_bind_repeats(void **state)
{
    struct options o;
    parse_good(&o, "-s a:1,b:2:3 -s [::1]:3 -b 127.0.0.2:0 -b unix:/tmp/a,b -b ::1");
    assert_int_equal(o.servers.n, 3);
    assert_string_equal(o.servers.items[0], "a:1");
    assert_string_equal(o.servers.items[1], "b:2:3");
    assert_string_equal(o.servers.items[2], "[::1]:3");
    assert_int_equal(o.bind.n, 3);
    assert_string_equal(o.bind.items[1], "unix:/tmp/a,b");
    assert_null(o.script);
    options_release(&o);
}

static void what_all_listeners_ask_is_one_text(void **state)
{
    struct options o;
    parse_good(&o, "--allow-from 10.0.0.0/8,::1 --allow-from unix --protocol binary s.lua");
    assert_string_equal(o.rules, "protocol=binary,allow-from=10.0.0.0/8+::1+unix");
    options_release(&o);
    parse_good(&o, "s.lua");
    assert_string_equal(o.rules, "");
    options_release(&o);
}

static void sizes_and_seconds_are_read(void **state)
{
    struct options o;
    parse_good(
        &o, "--max-value 128m --client-buffer 4G --drain-timeout 0.25 --log-format json -- -s.lua");
    assert_int_equal(o.max_value, 128 << 20);
    assert_true(o.client_buffer == 4ull << 30);
    assert_true(o.drain_timeout == 0.25);
    assert_int_equal(o.log_format, LOG_AS_JSON);
    assert_string_equal(o.script, "-s.lua");
    options_release(&o);
    parse_good(&o, "--version-answer=" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN " s.lua");
    assert_int_equal(strlen(o.version_answer), 100);
    options_release(&o);
    parse_good(&o, "--max-value 1024 --client-buffer 64K --drain-timeout 0 s.lua");
    assert_int_equal(o.max_value, 1024);
    assert_int_equal(o.client_buffer, 65536);
    assert_true(o.drain_timeout == 0);
    options_release(&o);
}

/* command line, what the complaint must say */
static const char *const refused[][2] = {
    {"", "no script: give SCRIPT.lua"},
    {"a.lua b.lua", "two scripts, a.lua and b.lua"},
    {"-s a:1 a.lua", "a script (a.lua) and --servers"},
    {"--store 64m a.lua", "a script (a.lua) and --store: give one of them; a script has mg.store"},
    {"--store 64m -s a:1", "--servers and --store: give one of them"},
    {"--store 64m --watch", "--watch and --store"},
    {"--store 63k", "--store '63k' is out of range: give a size in 64k..512g"},
    {"--store 513g", "is out of range"},
    {"--store-memory 1k a.lua", "give a size in 1m..4096g"},
    {"--sever a:1", "unknown option --sever: moongate -h"},
    {"-x a.lua", "unknown option -x: moongate -h"},
    {"-vx a.lua", "unknown option -x"},
    {"--max 1 a.lua", "ambiguous option --max"},
    {"--max=1 a.lua", "ambiguous option --max=1"},
    {"--check=yes a.lua", "--check takes no value"},
    {"a.lua -p", "--port needs NUMBER"},
    {"a.lua --bind", "--bind needs ADDRESS"},
    {"-p abc a.lua", "--port 'abc' is not a number: give a number in 0..65535"},
    {"-p 12k a.lua", "'12k' is not a number"},
    {"-p -1 a.lua", "'-1' is not a number"},
    {"-p 0x10 a.lua", "is not a number"},
    {"-p 65536 a.lua", "'65536' is out of range: give a number in 0..65535"},
    {"-p 18446744073709551617 a.lua", "is out of range"},
    {"-n 0 a.lua", "give a number in 1..1024"},
    {"-n 1025 a.lua", "out of range"},
    {"-j 257 a.lua", "give a number in 1..256"},
    {"-j processors a.lua", "is not a number"},
    {"-c 1000001 a.lua", "give a number in 1..1000000"},
    {"--max-value 1023 a.lua", "give a size in 1k..128m"},
    {"--max-value 129m a.lua", "out of range"},
    {"--max-value 99999999999g a.lua", "out of range"},
    {"--max-value 1t a.lua", "is not a size"},
    {"--max-value 1mb a.lua", "is not a size"},
    {"--client-buffer 5g a.lua", "give a size in 64k..4g"},
    {"--drain-timeout nan a.lua", "is not a time"},
    {"--drain-timeout 1e3 a.lua", "is not a time"},
    {"--drain-timeout 1.2.3 a.lua", "is not a time"},
    {"--drain-timeout . a.lua", "is not a time"},
    {"--drain-timeout 86401 a.lua", "give seconds in 0..86400, such as 2.5, 50ms or 1m"},
    {"--log-format xml a.lua", "give one of text|json"},
    {"--resolver 127.0.0.1,dns.test a.lua", "--resolver 'dns.test' is not an address: give it in"},
    {"--resolver unix:/x a.lua", "--resolver 'unix:/x' is not an address"},
    {"--resolver 127.0.0.1:0 a.lua", "is not an address: port 0 is no port"},
    {"--resolver ::%a:1 a.lua", "is not an address: it is neither host:port nor"},
    {"--resolve-min 5 --resolve-max 4 a.lua", "--resolve-min 5 is above --resolve-max 4"},
    {"--discover-wait 9 a.lua", "give seconds in 0..8"},
    {"--version-answer= a.lua", "--version-answer '' is empty: give 1 to 100 bytes"},
    {"--version-answer=1.6\r a.lua", "holds a control byte: give 1 to 100 bytes"},
    {"--version-answer=1\x7f a.lua", "holds a control byte"},
    {"--version-answer=" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "1 a.lua", "is too long: give 1"},
    {"-b [::1 a.lua", "--bind '[::1' is not an address"},
    {"-b h:99999 a.lua", "port 99999 is not in 0..65535"},
    {"-s a:1,,b:2", "--servers '' is not an address"},
    {"-s a:0", "--servers 'a:0' is not an address: port 0"},
    {"-s a:1:2:3", "is not an address: it is neither host:port nor"},
    {"-s a:1:1000001", "is not an address: the weight is not in"},
    {"-s a%b:1", "is not an address: a host has letters"},
    {"-b a%b a.lua", "is not an address: a host has letters"},
    {"-b ::%:1 a.lua", "is not an address: it is neither host:port nor"},
    {"-b h:1:2 a.lua", "is not an address: it is neither host:port nor"},
    {"-b 127.0.0.1:1,mode=0660 a.lua", "mode=, owner= and group= are for unix sockets"},
    {"-b web=[::1]:1,owner=app a.lua", "mode=, owner= and group= are for unix sockets"},
    {"-b unix:/s,mode=8 a.lua", "mode= takes octal digits"},
    {"-b unix:/s,mode= a.lua", "mode= takes octal digits"},
    {"-b unix:/s,mode=07777 a.lua", "mode= takes octal digits"},
    {"-b unix:/s,mode=1777 a.lua", "mode= takes 0777 at most"},
    {"-b unix:/s,mode=660,mode=600 a.lua", "mode= is given twice"},
    {"-b unix:/s,owner=a,owner=b a.lua", "owner= is given twice"},
    {"-b unix:/s,owner= a.lua", "owner= takes a name or a number"},
    {"-b unix:/s,group=,mode=600 a.lua", "group= takes a name or a number"},
    {"-b unix:/s,mod=0660 a.lua", "'mod=0660' is none of mode=, owner=, group="},
    {"-b unix:/s,mode=0660, a.lua", "'' is none of mode=, owner=, group="},
    {"-b unix:,mode=0660 a.lua", "the path after unix: is missing"},
};

static void what_is_wrong_is_said_in_one_line(void **state)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct options o;
        capture_begin(STDERR_FILENO);
        bool taken = parse(&o, refused[i][0]);
        const char *said = capture_end();
        assert_false(taken);
        assert_int_equal(strncmp(said, "moongate: ", 10), 0);
        assert_non_null(strstr(said, refused[i][1]));
        assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    }
}

static void help_version_and_print_script_need_no_script(void **state)
{
    static const char *const lines[] = {"-h", "--help", "-V", "--print-script"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct options o;
        parse_good(&o, lines[i]);
        assert_true(o.help || o.version || o.print_script);
        options_release(&o);
    }
}

static void the_environment_changes_nothing(void **state)
{
    struct options o;
    setenv("POSIXLY_CORRECT", "1", 1);
    parse_good(&o, "s.lua -p 5");
    assert_int_equal(o.port, 5);
    options_release(&o);
    unsetenv("POSIXLY_CORRECT");
}

static void help_names_every_option_and_default(void **state)
{
    capture_begin(STDOUT_FILENO);
    help_print(stdout);
    const char *said = capture_end();
#define X(field, type, letter, name, argument, fallback, meaning)                                  \
    assert_non_null(strstr(said, "--" name));                                                      \
    assert_non_null(strstr(said, meaning));                                                        \
    if (*fallback) assert_non_null(strstr(said, "[" fallback "]"));
    OPTIONS(X)
#undef X
}

/* --- old names --------------------------------------------------------------------------------- */

struct named {
    uint32_t most;
    bool quiet;
    struct option_given given;
};

#define NAMED_OPTIONS(X)                                                                           \
    X(quiet, FLAG, 'q', "quiet", NULL, "", "say nothing")                                          \
    X(most, COUNT, 'm', "most", "NUMBER", "3", "so many at most")

static const struct option_row named_rows[] = {
#define X(...) OPTION_ROW(struct named, __VA_ARGS__)
    NAMED_OPTIONS(X)
#undef X
};

static bool take_nothing(void *to, const char *word)
{
    return false;
}

/* What is said on standard error while a command line of these words (second: may be NULL) is read. */
static const char *said_of(struct named *to, bool taken, char *first, char *second)
{
    static const struct option_range ranges[] = {{offsetof(struct named, most), 1, 9, "1..9"}};
    static const struct option_old olds[] = {{"silent", "quiet"}, {"limit", "most"}};
    static const struct option_table t = {.program = "moongate try",
                                          .rows = named_rows,
                                          .rows_n = 2,
                                          .olds = olds,
                                          .olds_n = 2,
                                          .ranges = ranges,
                                          .ranges_n = 1,
                                          .take = take_nothing,
                                          .given = offsetof(struct named, given)};
    char *argv[] = {"try", first, second, NULL};
    *to = (struct named){.most = 0};
    capture_begin(STDERR_FILENO);
    bool good = option_table_read(&t, to, second ? 3 : 2, argv);
    const char *said = capture_end();
    assert_int_equal(good, taken);
    return said;
}

static void an_old_name_is_its_option_and_warns(void **state)
{
    struct named o;
    assert_string_equal(said_of(&o, true, "--most=5", "--quiet"), "");
    assert_true(o.most == 5 && o.quiet && o.given.bits[0] == 3);
    assert_string_equal(said_of(&o, true, "--limit", "7"),
                        "moongate: --limit is now --most: give that, the next version removes the "
                        "old name\n");
    assert_true(o.most == 7 && !o.quiet && o.given.bits[0] == 2);
    assert_string_equal(said_of(&o, true, "--silent", "--most=2"),
                        "moongate: --silent is now --quiet: give that, the next version removes "
                        "the old name\n");
    assert_true(o.most == 2 && o.quiet && o.given.bits[0] == 3);
}

static void a_wrong_value_of_an_old_name_is_said_of_the_new_one(void **state)
{
    struct named o;
    assert_non_null(strstr(said_of(&o, false, "--limit", "10"), "--most '10' is out of range"));
    assert_non_null(strstr(said_of(&o, false, "--limit", NULL), "--most needs NUMBER"));
    assert_non_null(strstr(said_of(&o, false, "--silent=1", NULL), "--quiet takes no value"));
    assert_non_null(strstr(said_of(&o, false, "--limits=1", NULL), "unknown option --limits=1"));
}

/* The place of a name among the options that scripts may set. */
static uint32_t settable(const char *name, struct script_option *about)
{
    struct script_option all[SCRIPT_OPTIONS];
    options_settable(all);
    for (uint32_t at = 0; all[at].name; at++) {
        if (strcmp(all[at].name, name) != 0) continue;
        *about = all[at];
        return at;
    }
    fail_msg("%s cannot be set", name);
    return 0;
}

static void scripts_set_what_the_command_line_does_not(void **state)
{
    static const struct {
        const char *name;
        double least, most;
        bool is_whole, has_words;
    } wanted[] = {
        {"max_conns", 1, 1000000, true, false},
        {"verbose", 0, 2, true, false},
        {"max_value", 1024, 128 << 20, true, false},
        {"client_buffer", 64 << 10, 4.0 * (1 << 30), true, false},
        {"input_buffer", 1 << 20, 64.0 * (1 << 30), true, false},
        {"allow_flush", 0, 0, true, true},
        {"allow_dump", 0, 0, true, true},
        {"drain_timeout", 0, 86400, false, false},
    };
    struct script_option about;
    struct options o;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        settable(wanted[i].name, &about);
        assert_true(about.least == wanted[i].least && about.most == wanted[i].most);
        assert_true(about.is_whole == wanted[i].is_whole);
        assert_int_equal(about.words != NULL, wanted[i].has_words);
    }
    parse_good(&o, "--max-value 2m -v --allow-flush=yes s.lua");
    options_set(&o, settable("max_value", &about), 4096);
    options_set(&o, settable("verbose", &about), 0);
    options_set(&o, settable("allow_flush", &about), 2);
    options_set(&o, settable("client_buffer", &about), 1 << 20);
    options_set(&o, settable("drain_timeout", &about), 2.5);
    options_set(&o, settable("max_conns", &about), 7);
    assert_int_equal(o.max_value, 2 << 20);
    assert_int_equal(o.verbose, 1);
    assert_int_equal(o.allow_flush, 1);
    assert_int_equal(o.client_buffer, 1 << 20);
    assert_true(o.drain_timeout == 2.5);
    assert_int_equal(o.max_conns, 7);
    options_release(&o);
    parse_good(&o, "s.lua");
    options_set(&o, settable("verbose", &about), 2);
    options_set(&o, settable("allow_flush", &about), 2);
    assert_int_equal(o.verbose, 2);
    assert_int_equal(o.allow_flush, 2);
    options_release(&o);
}

/* text, label, address, mode, owner, group */
static const struct {
    const char *text, *label, *address;
    int mode;
    const char *owner, *group;
} bound[] = {
    {"127.0.0.1", "", "127.0.0.1", -1, "", ""},
    {"web=127.0.0.1:1", "web", "127.0.0.1:1", -1, "", ""},
    {"unix:/s", "", "unix:/s", -1, "", ""},
    {"unix:/a,b=", "", "unix:/a", -2, "", ""},
    {"unix:/a,B=c,d", "", "unix:/a,B=c,d", -1, "", ""},
    {"unix:/s,mode=0660", "", "unix:/s", 0660, "", ""},
    {"unix:/s,mode=0,group=7", "", "unix:/s", 0, "", "7"},
    {"w-1.x_=unix:/s,group=g,owner=app,mode=777", "w-1.x_", "unix:/s", 0777, "app", "g"},
    {"owner=unix:/s,owner=a.b", "owner", "unix:/s", -1, "a.b", ""},
};

static void a_listener_has_a_label_an_address_and_who_may_connect(void **state)
{
    for (size_t i = 0; i < sizeof bound / sizeof *bound; i++) {
        struct bind_spec b;
        const char *wrong = bind_parse(&b, bound[i].text);
        if (bound[i].mode == -2) {
            assert_non_null(wrong);
            continue;
        }
        assert_null(wrong);
        assert_int_equal(b.has_label, bound[i].label[0] != '\0');
        assert_int_equal(b.address_len, strlen(bound[i].address));
        assert_memory_equal(b.address, bound[i].address, b.address_len);
        const char *name = b.has_label ? bound[i].label : bound[i].address;
        assert_int_equal(b.name_len, strlen(name));
        assert_memory_equal(b.name, name, b.name_len);
        assert_int_equal(b.mode, bound[i].mode);
        assert_string_equal(b.owner, bound[i].owner);
        assert_string_equal(b.group, bound[i].group);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_stand_where_nothing_is_said),
        cmocka_unit_test(letters_and_long_names_mean_the_same),
        cmocka_unit_test(servers_split_at_commas_and_bind_repeats),
        cmocka_unit_test(a_listener_has_a_label_an_address_and_who_may_connect),
        cmocka_unit_test(what_all_listeners_ask_is_one_text),
        cmocka_unit_test(sizes_and_seconds_are_read),
        cmocka_unit_test(what_is_wrong_is_said_in_one_line),
        cmocka_unit_test(help_version_and_print_script_need_no_script),
        cmocka_unit_test(the_environment_changes_nothing),
        cmocka_unit_test(help_names_every_option_and_default),
        cmocka_unit_test(an_old_name_is_its_option_and_warns),
        cmocka_unit_test(a_wrong_value_of_an_old_name_is_said_of_the_new_one),
        cmocka_unit_test(scripts_set_what_the_command_line_does_not),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
