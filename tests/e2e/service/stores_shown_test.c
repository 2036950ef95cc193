/* Stores, near copies and leases wherever pools are shown: stats, metrics, the status document, the page, `ctl status`, `top`. After a known
 * play each has the same numbers; in a service without them nothing of it is shown. */
#include "lib/client.h"
#include "lib/desk.h"
#include "lib/http.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

static const char *path;

static struct moongate *starts(const char *script)
{
    path = desk_path("a.sock");
    return moongate_start(script, "-j", "2", "--metrics", "127.0.0.1:0", "--admin",
                          textf("unix:%s", path), NULL);
}

/* --- the document ------------------------------------------------------------------------------ */

/* It must be JSON, as strict as can be, and nothing behind it. The caller gives it back. */
static struct json_object *document(const char *text)
{
    struct json_tokener *t = json_tokener_new();
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *value = json_tokener_parse_ex(t, text, (int)strlen(text) + 1);
    if (!value) stage_fails("no JSON: %s", text);
    json_tokener_free(t);
    return value;
}

/* The first of that list. */
static struct json_object *first(const struct json_object *of, const char *list)
{
    struct json_object *all = json_object_object_get(of, list);
    if (json_object_array_length(all) == 0) stage_fails("%s is empty", list);
    return json_object_array_get_idx(all, 0);
}

static void has_cell(const struct json_object *entry, const char *cell, int number)
{
    struct json_object *cells = json_object_object_get(entry, "cells"), *value;
    if (!json_object_object_get_ex(cells, cell, &value)) stage_fails("no cell %s", cell);
    if (json_object_get_int(value) != number)
        stage_fails("%s is %d, not %d", cell, json_object_get_int(value), number);
}

static void has_name(const struct json_object *entry, const char *name)
{
    is_said(json_object_get_string(json_object_object_get(entry, "name")), name);
}

/* The service is looked at once a second. */
static const char *shows(struct moongate *m, const char *page, const char *part)
{
    double end = stage_now() + 3 * stage_deadline();
    const char *text;
    while (!strstr(text = http_gets(m, page).body, part)) {
        if (stage_now() > end) stage_fails("never %s in: %s", part, text);
        stage_turns(100);
    }
    return text;
}

/* --- the plays --------------------------------------------------------------------------------- */

static const char *script_over(const char *server)
{
    return textf(
        MG "local users = mg.pool { '%s', name = 'users' }\n"
           "local near = mg.near { mg.store { size = '128k', name = 'copies' }, users, ttl = 60 }\n"
           "local lease = mg.lease { users, ttl = 30, wait = 0.01, name = 'dear' }\n"
           "return mg.by_prefix { { ['s:'] = mg.store { size = '64k', name = 'sessions' },\n"
           "  ['l:'] = lease }, default = near }\n",
        server);
}

/* sessions: 2 sets, 3 gets, 2 found. users: 1 read of 3 is passed on. dear: a win, and a wait in vain. */
static void play_all(struct moongate *m)
{
    struct client *c = client_connects(m), *d = client_connects(m);
    client_asks(c, "set s:a 0 0 1\r\n1\r\nset s:b 0 0 1\r\n2\r\n", "STORED\r\nSTORED\r\n");
    client_asks(c, "get s:a s:b s:c\r\n", "VALUE s:a 0 1\r\n1\r\nVALUE s:b 0 1\r\n2\r\nEND\r\n");
    client_asks(c, "set k 0 0 1\r\n1\r\n", "STORED\r\n");
    for (int i = 0; i < 3; i++) client_asks(c, "get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
    client_asks(c, "get l:a\r\n", "END\r\n");
    client_asks(d, "get l:a\r\n", "END\r\n");
}

static void all_faces_have_the_same_numbers(void **state)
{
    if (!memcached_at_hand_has_meta()) skip();
    struct memcached *server = memcached_start(NULL);
    struct moongate *m = starts(script_over(memcached_address(server)));
    struct client *c = client_connects(m);
    play_all(m);
    assert_int_equal(stat_number(c, "stores", "sessions:get_hits"), 2);
    assert_int_equal(stat_number(c, "near", "users:hits"), 2);
    assert_int_equal(stat_number(c, "leases", "dear:waits_missed"), 1);

    const char *metrics = http_gets(m, "/metrics").body;
    has(metrics, "\nmoongate_store_get_hits_total{store=\"sessions\"} 2\n");
    has(metrics, "\nmoongate_store_size_bytes{store=\"sessions\"} 65536\n");
    has(metrics, "\nmoongate_store_items{store=\"copies\"} 1\n");
    has(metrics, "\nmoongate_near_hits_total{near=\"users\"} 2\n");
    has(metrics, "\nmoongate_near_passed_seconds_count{near=\"users\"} 1\n");
    has(metrics, "\nmoongate_lease_waits_missed_total{lease=\"dear\"} 1\n");
    has(metrics, "\nmoongate_lease_wait_seconds_count{lease=\"dear\"} 1\n");
    has(metrics, "\nmoongate_lease_wins_total{lease=\"dear\"} 1\n");

    struct json_object *d = document(shows(m, "/status.json", "\"waits_missed\":1,"));
    struct json_object *stores = json_object_object_get(d, "stores");
    assert_int_equal(json_object_array_length(stores), 2);
    for (size_t i = 0; i < 2; i++) {
        struct json_object *store = json_object_array_get_idx(stores, i);
        bool is_copies =
            strcmp(json_object_get_string(json_object_object_get(store, "name")), "copies") == 0;
        has_cell(store, "size", is_copies ? 128 << 10 : 64 << 10);
        has_cell(store, "items", is_copies ? 1 : 2);
        has_cell(store, "cmd_set", is_copies ? 0 : 2);
        has_cell(store, "get_hits", 2);
        has_cell(store, "get_misses", 1);
        assert_true(json_object_get_double(json_object_object_get(store, "used")) > 0);
    }
    has_name(first(d, "near"), "users");
    has_cell(first(d, "near"), "requests", 3);
    has_cell(first(d, "near"), "misses", 1);
    has_cell(first(d, "near"), "copies", 1);
    has_name(first(d, "leases"), "dear");
    has_cell(first(d, "leases"), "wins", 1);
    has_cell(first(d, "leases"), "waits", 1);
    json_object_put(d);

    const char *page = shows(m, "/", "<bdi>sessions</bdi>");
    has(page, "<h2 id=\"h-stores\">Stores</h2>");
    has(page, "<td class=\"n\" data-h=\"Size\">65.5 kB</td>");
    has(page, "<h2 id=\"h-near\">Near copies</h2>");
    has(page, "<h2 id=\"h-leases\">Leases</h2>");
    has(page, "<bdi>dear</bdi>");

    struct client *desk = desk_opens(path);
    desk_asks_until(desk, "status", "\nevictions_per_second  0.0\n");
    const char *status = desk_asks(desk, "status");
    has(status, "\nstore                 sessions\n");
    has(status, "\nsize                  65536\n");
    has(status, "\nitems                 2\n");
    has(status, "\nnear                 users\n");
    has(status, "\nlease                dear\n");
    has(status, "\nwaiting              0\n");

    struct run top = moongate_runs("top", "-s", path, "--once", NULL);
    exits(top, 0);
    has(top.out, "\nsessions ");
    has(top.out, "\nnear  ");
    has(top.out, "\nlease  ");
    has(top.out, "\ndear ");
}

/* Plays until an operator sees that: rates are those of the last seconds alone. */
static const char *plays_until(struct moongate *m, const char *page, const char *part)
{
    double end = stage_now() + 3 * stage_deadline();
    const char *text = "";
    do {
        if (stage_now() > end) stage_fails("never %s in: %s", part, text);
        play_all(m);
        stage_turns(100);
        text = page ? http_gets(m, page).body : desk_asks(desk_opens(path), "status");
    } while (!strstr(text, part));
    return text;
}

/* Each play has the same shares. */
static void rates_are_those_of_the_play(void **state)
{
    if (!memcached_at_hand_has_meta()) skip();
    struct memcached *server = memcached_start(NULL);
    struct moongate *m = starts(script_over(memcached_address(server)));
    shows(m, "/status.json", "\"name\":\"sessions\",\"used\":0,\"gets_per_second\":0,");
    const char *text = plays_until(m, "/status.json", "\"waits_in_vain\":1,");
    struct json_object *d = document(text), *lease = first(d, "leases");
    assert_true(json_object_get_double(json_object_object_get(lease, "waits_per_second")) > 0);
    json_object_put(d);
    plays_until(m, "/status.json", "\"hit_rate\":0.666667,\"cells\":{\"size\":65536,");
    plays_until(m, NULL, "\nin_vain_percent      100.0\n");
    plays_until(m, "/", "<td class=\"n\" data-h=\"In vain\">100.0 %</td>");
    plays_until(m, "/", "data-h=\"Hit rate\">66.6 %</td>");
}

static void a_service_without_them_shows_none(void **state)
{
    struct memcached *server = memcached_start(NULL);
    struct moongate *m = starts(script_of_one(memcached_address(server), ""));
    const char *text = shows(m, "/status.json", "\"window\":1");
    has(text, "\"stores\":[],\"near\":[],\"leases\":[],");
    const char *page = http_gets(m, "/").body;
    has_not(page, "h-stores");
    has_not(page, "h-near");
    has_not(page, "h-leases");
    has_not(desk_asks(desk_opens(path), "status"), "store");
    struct run top = moongate_runs("top", "-s", path, "--once", NULL);
    has_not(top.out, "store");
    has_not(top.out, "lease");
    has_not(http_gets(m, "/metrics").body, "{store=");
}

/* Another size is another store; the page has one of that name, and no rate that is not its own. */
static void a_store_of_another_size_takes_the_place(void **state)
{
    static const char script[] = MG "return mg.store { size = '%s', name = 'sessions' }\n";
    struct moongate *m = starts(textf(script, "64k"));
    struct client *c = client_connects(m);
    client_asks(c, "set a 0 0 1\r\n1\r\nget a\r\n", "STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n");
    shows(m, "/status.json", "\"cmd_get\":1,");
    moongate_reloads(m, textf(script, "128k"));
    client_asks(c, "get a\r\n", "END\r\n");
    struct json_object *d = document(shows(m, "/status.json", "\"size\":131072,"));
    assert_int_equal(json_object_array_length(json_object_object_get(d, "stores")), 1);
    json_object_put(d);
    has(shows(m, "/", "131 kB"), "<bdi>sessions</bdi>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(all_faces_have_the_same_numbers),
        play(rates_are_those_of_the_play),
        play(a_service_without_them_shows_none),
        play(a_store_of_another_size_takes_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
