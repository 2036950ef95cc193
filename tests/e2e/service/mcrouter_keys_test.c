/* `get __mcrouter__.X`: what mcrouter answers itself, while a configuration of mcrouter is run. Names, formats and errors are those of
 * mcrouter/ServiceInfo-inl.h (facebook/mcrouter, 2026-08: commands_ from line 268 on, handleRequest at 465). */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next value, which is that of this key. */
static const char *value_of(struct client *c, const char *what)
{
    unsigned long flags, len;
    const char *head = client_sees_line(c), *key = textf("VALUE __mcrouter__.%s ", what);
    has(head, key);
    assert_int_equal(sscanf(head + strlen(key), "%lu %lu", &flags, &len), 2);
    assert_int_equal(flags, 0);
    const char *value = textf("%.*s", (int)len, client_sees_some(c, len));
    client_sees(c, "\r\n");
    return value;
}

static const char *asked(struct client *c, const char *what)
{
    client_sends(c, textf("get __mcrouter__.%s\r\n", what));
    const char *value = value_of(c, what);
    client_sees(c, "END\r\n");
    return value;
}

/* Two servers and what is in front of them. */
struct stand {
    const char *one, *two, *folder, *path;
    struct moongate *m;
    struct client *c;
};

static const char *configuration(const struct stand *s, const char *more)
{
    return textf("{ // two pools\n"
                 "\"pools\": {\"A\": {\"servers\": [\"%s\"]}, \"B\": {\"servers\": [\"%s\"],}},%s\n"
                 "\"routes\": [\n"
                 "  {\"aliases\": [\"/r/a/\"], \"route\": {\"type\": \"MissFailoverRoute\", "
                 "\"children\": [\"PoolRoute|A\", \"PoolRoute|B\"]}},\n"
                 "  {\"aliases\": [\"/r/b/\"], \"route\": \"PoolRoute|B\"}]}\n",
                 s->one, s->two, more);
}

static struct stand stand_up(const char *more)
{
    struct stand s = {.one = memcached_address(memcached_start(NULL)),
                      .two = memcached_address(memcached_start(NULL)),
                      .folder = program_folder()};
    s.path = textf("%s/mcrouter.json", s.folder);
    file_becomes(s.path, configuration(&s, more));
    s.m = moongate_start(NULL, "--mcrouter", s.path, "--route-prefix", "r/a", "--rehearse", "0",
                         "--probation", "0", NULL);
    s.c = client_connects(s.m);
    return s;
}

static void each_question_has_its_answer(void **state)
{
    struct stand s = stand_up("");
    has(asked(s.c, "version"), " moongate");
    assert_in_range(strtol(asked(s.c, "config_age"), NULL, 10), 0, 60);
    assert_string_equal(asked(s.c, "config_file"), s.path);
    assert_int_equal(strlen(asked(s.c, "config_md5_digest")), 32);
    assert_string_equal(asked(s.c, "verbosity"), "0");
    assert_string_equal(asked(s.c, "failure_domains(A)"), "{}");
    assert_string_equal(asked(s.c, "get_bucket(k)"), "");
    assert_true(strtoul(asked(s.c, "hostid"), NULL, 10) > 0);
    has(asked(s.c, "commands"), "config_age\nconfig_file\n");
    has(asked(s.c, "global_params"), "\"default-route\": \"/r/a/\"");
    has(asked(s.c, "preprocessed_config"),
        "{\n  \"pools\": {\n    \"A\": {\n      \"servers\": [\n");
    has(asked(s.c, "pools"),
        textf("  \"B\": [\n    \"host|pool=B|id=0|ap=%s:ascii:plain|timeout=1000ms|", s.two));
    has(asked(s.c, "config_sources_info"),
        textf("{\n  \"config_file\": \"%s\",\n  \"mcrouter_config\": \"%s\"\n}", s.path,
              asked(s.c, "config_md5_digest")));
    client_sees_nothing_more(s.c);
}

static void options_have_mcrouters_names(void **state)
{
    struct stand s = stand_up("");
    has(asked(s.c, "options"), "num_proxies 1\n");
    assert_string_equal(asked(s.c, "options(default_route)"), "/r/a/");
    assert_string_equal(asked(s.c, "options(server_timeout_ms)"), "1000");
    assert_string_equal(asked(s.c, "options(failures_until_tko)"), "3");
    assert_string_equal(asked(s.c, "options(config_file)"), s.path);
    assert_string_equal(asked(s.c, "options(config_str)"), "");
    assert_string_equal(asked(s.c, "options(none)"), "ERROR: options: option none not found");
    assert_string_equal(asked(s.c, "options(config)"), "ERROR: options: option config not found");
    assert_string_equal(asked(s.c, "options(a,b)"), "ERROR: options: 0 or 1 args expected");
    client_sees_nothing_more(s.c);
}

static void route_names_the_servers_of_a_request(void **state)
{
    struct stand s = stand_up("");
    assert_string_equal(asked(s.c, "route(get,k)"), textf("%s\r\n%s", s.one, s.two));
    assert_string_equal(asked(s.c, "route(set,k)"), s.one);
    assert_string_equal(asked(s.c, "route(get,/r/b/k,1)"), s.two);
    assert_string_equal(asked(s.c, "route(lease-get,/r/b/k)"), s.two);
    assert_string_equal(asked(s.c, "route(get,/none/b/k)"), "");
    has(asked(s.c, "route_handles(delete,/r/b/k)"),
        textf(
            "root\n by_route_prefix(failover, pool B)\n  pool B\n"
            "   host|pool=B|id=0|ap=%s:ascii:plain|timeout=1000ms|keep_routing_prefix=false|msb=0",
            s.two));
    client_sees_nothing_more(s.c);
}

static void what_cannot_be_answered_is_an_error_in_the_value(void **state)
{
    static const char *const rows[][2] = {
        {"nope", "ERROR: unknown command: nope"},
        {"nope(a,b)", "ERROR: unknown command: nope"},
        {"version(", "ERROR: unknown command: version("},
        {"route(get)", "ERROR: route: 2 args expected"},
        {"route()", "ERROR: route: 2 args expected"},
        {"route", "ERROR: route: 2 args expected"},
        {"route(get,)", "ERROR: CLIENT_ERROR bad command line format"},
        {"route(frob,k)", "ERROR: route: unknown request frob"},
        {"route(version,k)", "ERROR: route: unknown request version"},
        {"route_handles(get)", "ERROR: route_handles: 2 args expected"},
        {"failure_domains", "ERROR: failure_domains: 1 arg expected"},
        {"get_bucket(a,b,c)", "ERROR: get_bucket: 1 arg (key) expected"},
        {"verbosity(1,2)", "ERROR: expected at most 1 argument, got 2"},
        {"verbosity(3)", "ERROR: verbosity is set by --verbose, when moongate starts"},
    };
    struct stand s = stand_up("");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(asked(s.c, rows[i][0]), rows[i][1]);
    client_sees_nothing_more(s.c);
}

/* Before, between and behind keys of servers, in one get and in several. */
static void an_answer_has_its_place(void **state)
{
    struct stand s = stand_up("");
    client_sends(s.c, "set a 0 0 1\r\nx\r\nset b 0 0 1\r\ny\r\n");
    client_sees(s.c, "STORED\r\nSTORED\r\n");
    client_sends(s.c, "get a\r\nget __mcrouter__.verbosity\r\nget b\r\n"
                      "get a __mcrouter__.verbosity none b __mcrouter__.nope\r\n"
                      "get __mcrouter__.verbosity __mcrouter__.verbosity\r\n");
    client_sees(s.c, "VALUE a 0 1\r\nx\r\nEND\r\nVALUE __mcrouter__.verbosity 0 1\r\n0\r\nEND\r\n"
                     "VALUE b 0 1\r\ny\r\nEND\r\n"
                     "VALUE a 0 1\r\nx\r\nVALUE __mcrouter__.verbosity 0 1\r\n0\r\nVALUE b 0 "
                     "1\r\ny\r\nVALUE __mcrouter__.nope 0 28\r\nERROR: unknown command: nope\r\n"
                     "END\r\n"
                     "VALUE __mcrouter__.verbosity 0 1\r\n0\r\nVALUE __mcrouter__.verbosity 0 "
                     "1\r\n0\r\nEND\r\n");
    client_sends(s.c, "gets __mcrouter__.version\r\nget __mcrouter__.\r\ndelete "
                      "__mcrouter__.version\r\n");
    client_sees(s.c, "END\r\nEND\r\nNOT_FOUND\r\n");
    client_sees_nothing_more(s.c);
}

static void a_reload_is_seen(void **state)
{
    struct stand s = stand_up("");
    const char *before = asked(s.c, "config_md5_digest");
    file_becomes(textf("%s/more.json", s.folder), "{\"x\": 1}");
    file_becomes(s.path, configuration(&s, " \"more\": \"@import(more.json)\","));
    moongate_signal(s.m, SIGHUP);
    moongate_sees_log(s.m, "reloaded: generation 2");
    assert_string_not_equal(asked(s.c, "config_md5_digest"), before);
    has(asked(s.c, "preprocessed_config"), "  \"more\": {\n    \"x\": 1\n  },");
    has(asked(s.c, "config_sources_info"),
        textf("  \"config_import\": {\n    \"%s/more.json\": \"", s.folder));
    client_sees_nothing_more(s.c);
}

/* What is asked at once is held, and bounded: 300 kB are, more are not. */
static void answers_that_nobody_has_read_are_bounded(void **state)
{
    struct stand s = stand_up(" \"macros\": {}, \"more\": \"@range(@int(1), @int(30000))\",");
    client_sends(s.c, "get __mcrouter__.preprocessed_config __mcrouter__.version\r\n");
    has(value_of(s.c, "preprocessed_config"), "    30000\n  ]");
    assert_string_equal(value_of(s.c, "version"),
                        "ERROR: too much is asked at once: read the answers first");
    client_sees(s.c, "END\r\n");
    has(asked(s.c, "version"), " moongate");
    s = stand_up(" \"more\": \"@range(@int(1), @int(150000))\",");
    assert_string_equal(asked(s.c, "preprocessed_config"),
                        "ERROR: the answer is longer than 1 MiB");
    client_sees_nothing_more(s.c);
}

static void a_text_instead_of_a_file_is_known_too(void **state)
{
    const char *server = memcached_address(memcached_start(NULL));
    const char *text = textf("{\"pools\": {\"A\": {\"servers\": [\"%s\"]}}, \"route\": "
                             "\"PoolRoute|A\"}",
                             server);
    struct client *c = client_connects(moongate_start(NULL, "--mcrouter-text", text, NULL));
    assert_string_equal(asked(c, "config_file"), "ERROR: no config file found!");
    assert_string_equal(asked(c, "options(config_str)"), text);
    has(asked(c, "config_sources_info"), "{\n  \"mcrouter_config\": \"");
    assert_string_equal(asked(c, "route(set,k)"), server);
    client_sees_nothing_more(c);
}

/* In front of a script such a key belongs to servers. */
static void a_script_gets_the_key_like_any_other(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        textf(MG "return mg.pool { '%s'%s }\n", backend_address(b), scene_ask()), NULL));
    client_sends(c, "set __mcrouter__.version 0 0 1\r\nx\r\n");
    backend_sees(b, "set __mcrouter__.version 0 0 1\r\nx\r\n");
    backend_answers(b, "STORED\r\n");
    client_sees(c, "STORED\r\n");
    get_finds(c, "__mcrouter__.version", b, "__mcrouter__.version", "x");
    client_sees_nothing_more(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_question_has_its_answer),
        play(options_have_mcrouters_names),
        play(route_names_the_servers_of_a_request),
        play(what_cannot_be_answered_is_an_error_in_the_value),
        play(an_answer_has_its_place),
        play(a_reload_is_seen),
        play(answers_that_nobody_has_read_are_bounded),
        play(a_text_instead_of_a_file_is_known_too),
        play(a_script_gets_the_key_like_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
