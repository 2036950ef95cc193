#include "lib/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/backend.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/octets.h"
#include "lib/program.h"
#include "lib/scene.h"

#define COPY_1                                                                                     \
    "function(req) if not req:has_suffix '::1' then return a end req.key = req.key:sub(1, -4) "    \
    "return b end"
#define BUSY "mg.by_prefix { { stuck = s }, default = a }"

/* clang-format off */
const struct policy_row policy_rows[] = {
    {"all_async", "mg.all_async { a, b }",                                       'a', GETS_SAME, BLIND},
    {"all_fastest", "mg.all_fastest { a, b }",                                   'a', GETS_SAME, TELLS},
    {"all_fastest", "mg.all_fastest { a, b, hit = true }",                       'a', GETS_SAME, TELLS},
    {"all_initial", "mg.all_initial { a, b }",                                   'a', GETS_SAME, TELLS},
    {"all_majority", "mg.all_majority { a, b, mg.null() }",                      'a', GETS_SAME, TELLS},
    {"allow", "mg.allow { bob = b, otherwise = a }",                             'a', NOTHING, TELLS},
    {"allow", "mg.allow { bob = b }",                                            '-', NOTHING, REFUSES},
    {"all_sync", "mg.all_sync { a, b }",                                         'a', GETS_SAME, TELLS},
    {"all_majority", "mg.all_majority { a, b, mg.null(), result = 'most_frequent' }",'a', GETS_SAME, TELLS},
    {"all_sync", "mg.all_sync { a, b, result = 'last' }",                        'a', GETS_SAME, TELLS},
    {"all_fastest", "mg.all_fastest { a, b, within = 9 }",                       'a', GETS_SAME, TELLS},
    {"big_value", "mg.big_value { a }",                                          'a', NOTHING, TELLS},
    {"by_command", "mg.by_command { get = a, update = a, default = a }",         'a', NOTHING, TELLS},
    {"by_prefix", "mg.by_prefix { { k = a }, default = b }",                     'a', NOTHING, TELLS},
    {"by_route_prefix", "mg.by_route_prefix { { ['/x/a/'] = a, ['/x/b/'] = b }, default = '/x/a/' }",'a', NOTHING, TELLS},
    {"cap_ttl", "mg.cap_ttl { a, 1000 }",                                        'a', NOTHING, TELLS},
    {"coalesce", "mg.coalesce { a }",                                            'a', NOTHING, TELLS},
    {"compare", "mg.compare { a, b, share = 1, again = 0.001 }",                 'a', IS_SPARE, TELLS},
    {"delay", "mg.delay { a, 0.001 }",                                           'a', NOTHING, TELLS},
    {"deny", "mg.deny { a, prefixes = 'k' }",                                    '-', NOTHING, REFUSES},
    {"error", "mg.error 'no'",                                                   '-', NOTHING, REFUSES},
    {"failover", "mg.failover { a, b }",                                         'a', NOTHING, TELLS},
    {"failover", "mg.failover { a, b, on = { 'error', 'miss' } }",               'a', NOTHING, TELLS},
    {"failover", "mg.failover { a, b, on = { mg = { 'error', 'miss' }, default = 'error' } }",'a', NOTHING, TELLS},
    {"failover", "mg.failover { a, b, on = { 'error', 'miss' }, within = 9 }",   'a', NOTHING, TELLS},
    {"failover", "mg.failover { mg.each(a), mg.each(b) }",                       'a', NOTHING, TELLS},
    {"failover", "mg.failover { a, b, b, on = { 'error', 'miss', 'refused' }, order = 'shuffled' }", 'a', NOTHING, TELLS},
    {"failover_with_exptime", "mg.failover_with_exptime { a, b, 60 }",           'a', NOTHING, TELLS},
    {"hash", "mg.hash { a, b }",                                                 '*', NOTHING, TELLS},
    {"hedge", "mg.hedge { a, b, least = 0.001, most = 0.001 }",                  'a', IS_SPARE, TELLS},
    {"hedge", "mg.hedge { mg.delay { a, after = 0.004 }, b, least = 0.001, most = 0.001 }", 'a', IS_SPARE, TELLS},
    {"key_split", "mg.key_split { " COPY_1 ", 2, id = 1 }",                      'a', GETS_SAME, TELLS},
    {"key_split", "mg.key_split { " COPY_1 ", 2, id = 1, all_sync = true, first_hit = true }", 'a', GETS_SAME, TELLS},
    {"l1_l2", "mg.l1_l2 { a, b, exptime = 60 }",                                 'b', GETS_DELETE, TELLS},
    {"l1_l2", "mg.l1_l2 { a, b }",                                               'b', GETS_DELETE, TELLS},
    {"latest", "mg.latest { a, b, on = { 'error', 'miss' }, host = 'y' }",       'a', NOTHING, TELLS},
    {"lease", "mg.lease { a, ttl = 30, wait = 0.01 }",                           'a', NOTHING, TELLS},
    {"lease", "mg.lease { a, ttl = 30, wait = 0.01, stale = 60, refresh = 30 }", 'a', NOTHING, TELLS},
    {"log_requests", "mg.log_requests { a }",                                    'a', NOTHING, TELLS},
    {"migrate", "mg.migrate { a, b, start = os.time() + 9999, interval = 9 }",   'a', NOTHING, TELLS},
    {"migrate", "mg.migrate { a, b, start = os.time() - 99, interval = 9e7 }",   'a', IS_LEFT, TELLS},
    {"migrate", "mg.migrate { a, b, start = os.time() - 99, interval = 9 }",     'b', NOTHING, TELLS},
    {"migrate", "mg.migrate { a, b, start = os.time() + 9999, interval = 9, writes = 'both' }",   'a', GETS_SAME, TELLS},
    {"migrate", "mg.migrate { a, b, start = os.time() - 99, interval = 9e7, writes = 'both' }",   'a', GETS_SAME, TELLS},
    {"migrate", "mg.migrate { a, b, start = os.time() - 99, interval = 9, writes = 'both' }",     'b', NOTHING, TELLS},
    {"modify_key", "mg.modify_key { a, ensure = 'k' }",                          'a', NOTHING, TELLS},
    {"near", "mg.near { mg.store { size = '1m', name = 'near' }, a, ttl = 0.3 }",    'a', NOTHING, TELLS},
    {"negative_cache", "mg.negative_cache { a }",                                'a', NOTHING, TELLS},
    {"null", "mg.null()",                                                        '-', NOTHING, BLIND},
    {"outstanding_limit", "mg.outstanding_limit { a, 9, over = b }",             'a', NOTHING, TELLS},
    {"outstanding_limit", "mg.outstanding_limit { " BUSY ", 1, over = b }",      '-', NOTHING, IS_OVER},
    {"random", "mg.random { a, b }",                                             '*', NOTHING, TELLS},
    {"rate_limit", "mg.rate_limit { a, rate = 1e6, over = b }",                  'a', NOTHING, TELLS},
    {"rate_limit", "mg.rate_limit { a, rate = 0.001, over = b }",                '-', NOTHING, IS_OVER},
    {"set_ttl", "mg.set_ttl { a, 1000 }",                                        'a', NOTHING, TELLS},
    {"shadow", "mg.shadow { a, to = b, share = 1 }",                             'a', GETS_SAME, TELLS},
    {"spool_deletes", "mg.spool_deletes { a, dir = spool }",                     'a', NOTHING, TELLS},
    {"staging", "mg.staging { a, b, exptime = 60 }",                             'a', GETS_SAME, TELLS},
    {"warm_up", "mg.warm_up { a, b, exptime = 60 }",                             'a', NOTHING, TELLS},
    {"warm_up", "mg.warm_up { a, b }",                                           'a', NOTHING, TELLS},
    {"zone_failover", "mg.zone_failover { here = 'x', zones = { x = a, y = b } }", 'a', NOTHING, TELLS},
    {"zone_failover", "mg.zone_failover { here = 'x', zones = { x = a, y = b }, on = { 'error', 'miss' } }", 'a', NOTHING, TELLS},
};
/* clang-format on */
const size_t policy_rows_n = sizeof policy_rows / sizeof *policy_rows;

static const char *addresses[2], *silent, *folder;
static const double DELAYED = 0.006; /* seconds: more than any row's delay */

/* --- opening ----------------------------------------------------------------------------------- */

bool places_are_stores(void)
{
    static const char end[] = "_stores_test";
    const char *wanted = getenv("PLACES"), *name = program_invocation_short_name;
    size_t len = strlen(name);
    if (wanted) return strcmp(wanted, "stores") == 0;
    return len >= strlen(end) && strcmp(name + len - strlen(end), end) == 0;
}

bool places_take(const struct policy_row *row)
{
    bool wants_pools = strstr(row->route, "mg.each") || strstr(row->route, "mg.spool_deletes");
    return !wants_pools || !places_are_stores();
}

/* Each store has a listener of its own. */
static const char *script_of_stores(const struct policy_row *row, char dead)
{
    return textf(
        MG "local function place(name, is_dead)\n"
           "  local store = mg.store { size = '1m', name = name }\n"
           "  mg.listen { 'unix:%s/' .. name .. '.sock', store }\n"
           "  return is_dead and mg.pool { '%s', name = name } or store\n"
           "end\n"
           "local a, b = place('a', %s), place('b', %s)\n"
           "local s = mg.pool { '%s', timeout = 999, stall_timeout = 999 }\n"
           "mg.listen { 'unix:%s/by.sock', mg.by_prefix { { ['settle:a'] = a, ['settle:b'] = b },\n"
           "  default = %s } }\n",
        folder, address_of_nobody(), dead == 'a' ? "true" : "false", dead == 'b' ? "true" : "false",
        silent, folder, row ? row->route : "a");
}

static const char *script(const struct policy_row *row, char dead)
{
    if (places_are_stores()) return script_of_stores(row, dead);
    const char *a = dead == 'a' ? address_of_nobody() : addresses[0];
    const char *b = dead == 'b' ? address_of_nobody() : addresses[1];
    return textf(MG "local a = mg.pool { '%s', name = 'a', timeout = 30, connect_timeout = 30 }\n"
                    "local b = mg.pool { '%s', name = 'b', timeout = 30, connect_timeout = 30 }\n"
                    "local s = mg.pool { '%s', timeout = 999, stall_timeout = 999 }\n"
                    "local settles = { ['settle:a'] = a, ['settle:b'] = b }\n"
                    "local spool = '%s/spool'\n"
                    "return mg.by_prefix { settles, default = %s }\n",
                 a, b, silent, folder, row ? row->route : "a");
}

static struct client *connects(const struct places *p)
{
    return places_are_stores() ? client_connects_to(textf("unix:%s/by.sock", folder))
                               : client_connects(p->m);
}

/* The second server has stored much more: its cas counter is far ahead. */
struct places *places_open(void)
{
    struct places *p = stage_memory(sizeof *p);
    bool are_stores = places_are_stores();
    silent = backend_address(backend_listens());
    folder = program_folder();
    for (int i = 0; i < 2; i++)
        addresses[i] = are_stores ? textf("unix:%s/%c.sock", folder, 'a' + i)
                                  : memcached_address(memcached_start(NULL));
    p->m = moongate_start(script(NULL, 0), NULL);
    for (int i = 0; i < 2; i++) p->of[i] = client_connects_to(addresses[i]);
    for (int i = 0; i < 5000; i++) client_sends(p->of[1], "set x 0 0 1 noreply\r\nx\r\n");
    client_sees_nothing_more(p->of[1]);
    p->by = connects(p);
    return p;
}

/* One request is in flight for as long as the test goes on, or has taken the only token: then b is asked, where no cas is
 * compared. The one that is to stay may come while another is in flight, and go to b itself. */
static void fill_up(struct places *p)
{
    struct client *stays = connects(p);
    double end = stage_now() + stage_deadline();
    do {
        client_sends(stays, "get stuck\r\n");
        if (stage_now() > end) stage_fails("%s is never over", p->row->route);
    } while (strncmp(places_ask(p->by, "cas x 0 0 1 1\r\nx\r\n"), "SERVER_ERROR", 12) != 0);
}

void places_have(struct places *p, const struct policy_row *row, char dead)
{
    p->row = row;
    moongate_reloads(p->m, script(row, dead));
    if (row->tells == IS_OVER) fill_up(p);
}

/* --- asking ------------------------------------------------------------------------------------ */

static const char *encoded(const char *key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = stage_memory(strlen(key) / 3 * 4 + 1), *to = text;
    for (; *key; key += 3) {
        unsigned bits = (unsigned)key[0] << 16 | (unsigned)key[1] << 8 | (unsigned)key[2];
        for (int shift = 18; shift >= 0; shift -= 6) *to++ = digits[bits >> shift & 63];
    }
    return text;
}

static bool begins_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

const char *places_request(const struct places *p, const char *form, unsigned long cas)
{
    const char *text = "";
    for (size_t n; *form; form += n + (form[n] != '\0')) {
        n = strcspn(form, "%$#");
        const char *put = form[n] == '%' ? p->key : form[n] == '$' ? p->base64 : "";
        if (form[n] == '#') put = textf("%lu", cas);
        text = textf("%s%.*s%s", text, (int)n, form, put);
    }
    return text;
}

const char *places_ask(struct client *c, const char *request)
{
    const char *all = "", *line;
    client_sends(c, textf("%smn\r\n", request));
    while (strcmp(line = client_sees_line(c), "MN") != 0) all = textf("%s%s|", all, line);
    return all;
}

const char *places_without_key(const struct places *p, const char *answer)
{
    for (;;) {
        const char *at = strstr(answer, p->key);
        if (!at && !(at = strstr(answer, p->base64))) return answer;
        size_t len = begins_with(at, p->key) ? strlen(p->key) : strlen(p->base64);
        answer = textf("%.*s%%%s", (int)(at - answer), answer, at + len);
    }
}

/* The pools, and so their connections, are those of the route: what a server was asked before has been answered. */
static void step(struct places *p)
{
    places_ask(p->by, "get settle:a\r\nget settle:b\r\n");
}

static bool is_compared(struct places *p)
{
    const char *waiting = strstr(places_ask(p->by, "stats comparisons\r\n"), ":waiting ");
    return waiting && strncmp(waiting, ":waiting 0|", 11) != 0;
}

/* Each step is one further: what moongate does upon the answers of the one before is on its way. A comparison that differs asks again
 * after a pause; where a route delays answers, they have come after the first step, and their time must pass. Only then the steps count. */
void places_settle(struct places *p)
{
    enum { STEPS = 4 }; /* one more than any policy takes behind its answer */
    if (!strstr(p->row->route, " b")) return;
    step(p);
    double now = stage_now(), delayed = strstr(p->row->route, "mg.delay") ? now + DELAYED : now;
    while (stage_now() < delayed) step(p);
    while (strstr(p->row->route, "mg.compare") && is_compared(p)) {
        if (stage_now() > now + stage_deadline()) stage_fails("the comparison is never over");
        step(p);
    }
    for (int i = 1; i < STEPS; i++) step(p);
}

void places_cell(struct places *p, const char *in)
{
    p->key = textf("k%05u", p->keys++);
    p->base64 = encoded(p->key);
    for (; *in; in++) {
        int place = *in - 'a';
        places_ask(p->of[place], textf("set %s 0 0 2\r\n%d\r\n", p->key, 10 + 10 * place));
    }
}

struct place_item places_item(struct places *p, int place)
{
    struct place_item item = {.cas = 0};
    const char *answer = places_ask(p->of[place], textf("gets %s\r\n", p->key));
    if (strncmp(answer, "VALUE ", 6) != 0) return item;
    item.cas = places_shown_cas(answer);
    sscanf(strchr(answer, '|') + 1, "%15[^|]", item.value);
    return item;
}

/* By the key: see the value that gets finds. */
int places_judge(struct places *p)
{
    if (p->row->judge != '*') return p->row->judge - 'a';
    return strstr(places_ask(p->by, places_request(p, "gets %\r\n", 0)), "|20|") != NULL;
}

unsigned long places_shown_cas(const char *answer)
{
    unsigned long cas = 0;
    const char *c = strstr(answer, " c");
    if (sscanf(answer, "VALUE %*s %*u %*u %lu", &cas) == 1) return cas;
    if (c && strncmp(answer, "VALUE", 5) != 0) sscanf(c, " c%lu", &cas);
    return cas;
}

void places_fail(struct places *p, const char *request, const char *answer, const char *why)
{
    enum { SHOWN = 30 };
    if (++p->failures > SHOWN) return;
    fprintf(stderr, "%s\n  asked   %s\n  answer  %s\n  %s\n", p->row->route,
            octets_escape(request, strlen(request)), answer, why);
}

void places_close(struct places *p)
{
    if (p->failures) stage_fails("%u cells failed", p->failures);
}
