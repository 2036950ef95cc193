/* The page of --metrics and the status document beside it: what they show is what the service does; names never become markup; keys
 * and log lines are for readers on the same machine. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/http.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* The body that a reader on that address gets. */
static const char *gets(const char *address, const char *path)
{
    return http_asks(address,
                     textf("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path))
        .body;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part)) stage_fails("no %s in: %s", part, text);
}

static void has_not(const char *text, const char *part)
{
    if (strstr(text, part)) stage_fails("%s in: %s", part, text);
}

/* The service is looked at once a second, so what has happened is shown a little later. */
static const char *shows(const char *address, const char *path, const char *part)
{
    double end = stage_now() + 3 * stage_deadline();
    const char *text;
    while (!strstr(text = gets(address, path), part)) {
        if (stage_now() > end) stage_fails("never %s in: %s", part, text);
        stage_turns(100);
    }
    return text;
}

static struct moongate *starts(const char *script, const char *option)
{
    return moongate_start(script, "--metrics", "127.0.0.1:0", "-j", "1", option, NULL);
}

static void the_page_and_the_document_show_what_stats_counts(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = starts(script_of_one(memcached_address(s), "name = 'users'"), NULL);
    const char *at = http_address(m);
    struct client *c = client_connects(m);
    client_sends(c, "set a 0 0 1\r\nx\r\nget a\r\nget none\r\nget a\r\nget a\r\n");
    client_sees(c, "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\nEND\r\nVALUE a 0 1\r\nx\r\nEND\r\n"
                   "VALUE a 0 1\r\nx\r\nEND\r\n");
    const char *page =
        shows(at, "/", textf("id=\"c-get_hits\">%lu<", stat_number(c, "", "get_hits")));
    const char *headers = http_gets(m, "/").headers;
    has(headers, "HTTP/1.1 200 ");
    has(headers, "Content-Type: text/html; charset=utf-8\r\n");
    has(headers, "Content-Security-Policy: default-src 'none'; style-src 'sha256-");
    has(headers, "frame-ancestors 'none'");
    has(headers, "X-Content-Type-Options: nosniff\r\n");
    has(headers, "Cache-Control: no-store\r\n");
    has(page, "id=\"c-get_hits\">3<");
    has(page, textf("id=\"c-get_misses\">%lu<", stat_number(c, "", "get_misses")));
    has(page, "<b class=\"badge good\">running</b>");
    has(page, textf("<bdi>%s</bdi>", memcached_address(s)));
    has(page, "<bdi>users</bdi>");
    has(page, "<bdi>127.0.0.1</bdi>"); /* the listener, as -b names it */
    has(page, "1 ready");
    has(page, "<b class=\"badge good\">started</b>");
    has(page, "75.0 %"); /* of the last seconds, which are all */

    const char *text =
        shows(at, "/status.json", "\"pools\":[{\"name\":\"users\",\"state\":\"ready\",");
    has(http_gets(m, "/status.json").headers, "Content-Type: application/json\r\n");
    has(text, "\"state\":\"running\",\"workers\":1,\"workers_ready\":1,\"generation\":1,");
    has(text, "\"get_hits\":3,\"get_misses\":1,");
    has(text, textf("\"servers\":[{\"name\":\"%s\",\"state\":\"ready\",", memcached_address(s)));
    has(text, "\"commands\":[{\"name\":\"");
    has(text, "\"outcome\":\"started\",\"times\":1,\"reason\":\"\"}]");
    has(text, "\"keys_shown\":true,");
}

static void names_and_keys_never_become_markup(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = starts(textf(MG "local p = mg.pool { '%s' }\n"
                                         "local odd = mg.pool { 'unix:/tmp/<b>\"&' }\n"
                                         "return function(req)\n"
                                         "print(req.key)\n"
                                         "return req.key == 'odd' and odd or p end\n",
                                      backend_address(b)),
                                NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get <i>\x1b\xff'\"&\r\n");
    backend_sees(b, "get <i>\x1b\xff'\"&\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    const char *at = http_address(m);
    const char *page = shows(at, "/", "&lt;i&gt;\\x1b\\xff&#39;&quot;&amp;");
    page = shows(at, "/", "<bdi>unix:/tmp/&lt;b&gt;&quot;&amp;</bdi>");
    has_not(page, "<i>\x1b");
    has_not(page, "/tmp/<b>");
    has(gets(at, "/status.json"), "{\"name\":\"unix:/tmp/<b>\\\"&\",\"state\":");
    has(gets(at, "/status.json"), "<i>\\u001b\\ufffd'\\\"&");
}

static void a_server_that_is_down_is_shown_with_how_long(void **state)
{
    struct memcached *good = memcached_start(NULL), *bad = memcached_start(NULL);
    struct moongate *m = starts(
        textf(MG "return mg.pool { '%s', '%s', name = 'both', probe_min = 0.1, probe_max = 0.2 }\n",
              memcached_address(good), memcached_address(bad)),
        NULL);
    const char *at = http_address(m);
    memcached_kill(bad);
    const char *page =
        shows(at, "/", "<b class=\"badge fair\">degraded</b> <small>1 of 2 servers</small>");
    has(page, "1 ready, 1 down");
    has(page, "1 server is down.");
    has(page, textf("<bdi>%s</bdi></th><td class=\"s\"><b class=\"badge bad\">down</b> <small>for ",
                    memcached_address(bad)));
    memcached_starts_again(bad);
    has_not(shows(at, "/", "2 ready"), "server is down.");
}

/* Comparisons have other counters than what the page and the document have rates of. */
static void comparisons_leave_the_page_as_it_is(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = starts(textf(MG "local p = mg.pool { '%s' }\n"
                                         "return mg.compare { p, mg.null(), share = 1 }\n",
                                      backend_address(b)),
                                NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get a\r\n");
    backend_sees(b, "get a\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    shows(http_address(m), "/", "<th scope=\"row\">get</th>");
    shows(http_address(m), "/status.json", "\"commands\":[{\"name\":\"get\",");
}

static void accepted_and_refused_scripts_are_shown_and_counted(void **state)
{
    struct backend *b = backend_listens();
    const char *good = script_of_one(backend_address(b), "");
    struct moongate *m = starts(good, "--probation=0");
    struct client *c = client_connects(m);
    const char *at = http_address(m);
    has(gets(at, "/"), ">started<");
    moongate_gets_script(m, "return '<u>' .. nil\n");
    moongate_signal(m, SIGHUP);
    const char *page = shows(at, "/", "<b class=\"badge bad\">refused</b>");
    has(page, "attempt to concatenate a nil value");
    has(page, "The last reload was refused; generation 1 goes on.");
    stat_becomes(c, "proxy", "reloads_refused", "1");
    moongate_reloads(m, good);
    page = shows(at, "/", "<b class=\"badge good\">accepted</b>");
    has_not(page, "The last reload was refused");
    stat_becomes(c, "proxy", "reloads_accepted", "1");
    has(gets(at, "/status.json"), "\"generation\":2,\"outcome\":\"accepted\",\"times\":1,"
                                  "\"reason\":\"SIGHUP\"},{");
}

static void a_script_that_was_rolled_back_is_shown_with_the_reason(void **state)
{
    struct moongate *m =
        moongate_start(MG "return function() return mg.reply.error 'good' end\n", "--metrics",
                       "127.0.0.1:0", "--rehearse", "0", "--probation", "60", NULL);
    struct client *c = client_connects(m);
    for (int i = 0; i < 120; i++) {
        client_sends(c, "get k\r\n");
        client_sees(c, "SERVER_ERROR good\r\n");
    }
    moongate_gets_script(m, "return function() error '<x>' end\n");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    for (int i = 0; i < 100; i++) {
        client_sends(c, "get k\r\n");
        client_sees_line_starting(c, "SERVER_ERROR ");
    }
    const char *page = shows(http_address(m), "/", "<b class=\"badge fair\">rolled back</b>");
    has(page, "generation 2 fails: script errors: 100 in 100 requests since the switch");
    has(page, "The last good script runs, and not what is in the script&#39;s file.");
}

/* The body for a reader on loopback who sends these header lines. */
static const char *gets_as(const char *address, const char *headers)
{
    const char *request = textf("GET / HTTP/1.1\r\n%s\r\nConnection: close\r\n\r\n", headers);
    return http_asks(address, request).body;
}

/* A site whose name leads to 127.0.0.1 is read by a browser on this machine; a proxy on this machine has readers elsewhere. */
static void other_sites_and_proxies_on_the_machine_get_no_keys(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = starts(script_of_one(backend_address(b), ""), NULL);
    const char *at = http_address(m);
    has(gets_as(at, "Host: localhost"), "id=\"h-log\"");
    has(gets_as(at, "Host: LOCALHOST:9100"), "id=\"h-log\"");
    has(gets_as(at, "Host: 127.0.0.1:9100"), "id=\"h-log\"");
    has(gets_as(at, "Host: [::1]:9100"), "id=\"h-log\"");
    has_not(gets_as(at, "Host: evil.example:9100"), "id=\"h-log\"");
    has_not(gets_as(at, "Host: localhost.evil.example"), "id=\"h-log\"");
    has_not(gets_as(at, "Host: 127.0.0.1.evil.example"), "id=\"h-log\"");
    has_not(gets_as(at, "Host: localhost\r\nX-Forwarded-For: 203.0.113.9"), "id=\"h-log\"");
    has_not(gets_as(at, "Host: localhost\r\nForwarded: for=203.0.113.9"), "id=\"h-log\"");
    has_not(gets_as(at, "Host: localhost\r\nVia: 1.1 proxy"), "id=\"h-log\"");
}

/* An address of this machine that is not loopback; NULL: it has none. */
static const char *own_address(void)
{
    struct ifaddrs *all, *i;
    const char *found = NULL;
    if (getifaddrs(&all) != 0) return NULL;
    for (i = all; i && !found; i = i->ifa_next) {
        char text[INET_ADDRSTRLEN];
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || i->ifa_flags & IFF_LOOPBACK)
            continue;
        const struct sockaddr_in *in = (const void *)i->ifa_addr;
        found = textf("%s", inet_ntop(AF_INET, &in->sin_addr, text, sizeof text));
    }
    freeifaddrs(all);
    return found;
}

static void keys_and_log_lines_are_for_the_same_machine(void **state)
{
    struct backend *b = backend_listens();
    const char *own = own_address(), *script = script_of_one(backend_address(b), "");
    struct moongate *m = moongate_start(script, "--metrics", "0.0.0.0:0", NULL);
    const char *port = strrchr(http_address(m), ':');
    has(gets(textf("127.0.0.1%s", port), "/"), "id=\"h-log\"");
    if (!own) return; /* tests/unit/master/page_answers_test.c has the decision */
    const char *page = gets(textf("%s%s", own, port), "/");
    has_not(page, "id=\"h-log\"");
    has(page, "--metrics-keys");
    has(gets(textf("%s%s", own, port), "/status.json"), "\"keys_shown\":false}");
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    m = moongate_start(script, "--metrics", "0.0.0.0:0", "--metrics-keys", NULL);
    port = strrchr(http_address(m), ':');
    has(gets(textf("%s%s", own, port), "/"), "id=\"h-log\"");
}

static void an_upgrade_is_shown_and_counters_go_on(void **state)
{
    struct backend *b = backend_listens();
    upgrade_begins();
    struct moongate *m = starts(script_of_one(backend_address(b), ""), "--probation=0");
    const char *at = http_address(m);
    moongate_reloads(m, script_of_one(backend_address(b), ""));
    shows(at, "/", "id=\"c-reloads_accepted\">1<");
    int pid = (int)moongate_pid(m);
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    const char *page = shows(at, "/", textf("upgrade of process %d", pid));
    has(page, "id=\"c-reloads_accepted\">1<");
    shows(at, "/", "id=\"c-upgrades\">1<");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(the_page_and_the_document_show_what_stats_counts),
        play(names_and_keys_never_become_markup),
        play(a_server_that_is_down_is_shown_with_how_long),
        play(comparisons_leave_the_page_as_it_is),
        play(accepted_and_refused_scripts_are_shown_and_counted),
        play(a_script_that_was_rolled_back_is_shown_with_the_reason),
        play(keys_and_log_lines_are_for_the_same_machine),
        play(other_sites_and_proxies_on_the_machine_get_no_keys),
        play(an_upgrade_is_shown_and_counters_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
