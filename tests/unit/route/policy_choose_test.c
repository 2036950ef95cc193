/* policies that choose one route for each request: which, and what they make of the request. */
#include "unit/route/policy_host.h"

#include "protocol/request.h"
#include <math.h>
#include <time.h>

/* --- by_prefix --------------------------------------------------------------------------------- */

static const struct journey prefixes[] = {
    {"mg.by_prefix { { ['user:'] = a, ['user:vip:'] = b }, default = c }", GET, "user:1", "a"},
    {NULL, GET, "user:vip:1", "b"},
    {NULL, GET, "user:vip:", "b"},
    {NULL, GET, "user:vip", "a"},
    {NULL, GET, "user:", "a"},
    {NULL, GET, "user", "c"},
    {NULL, GET, "users:1", "c"},
    {NULL, GET, "zebra", "c"},
    {NULL, GET, "a", "c"},
    {NULL, SET, "\xff\xfe", "c"},
    {"mg.by_prefix { { a = a, ['\\255'] = b, abc = b } }", GET, "ab", "a"},
    {NULL, GET, "abcd", "b"},
    {NULL, GET, "abd", "a"},
    {NULL, GET, "\xff", "b"},
    {NULL, GET, "b", "!no route for this key"},
    {"mg.by_prefix { { x = mg.by_prefix { { ['x:1'] = a }, default = b } }, default = c }", GET,
     "x:12", "a"},
    {NULL, GET, "x:2", "b"},
    {NULL, GET, "y", "c"},
    {"mg.by_prefix { { user = a, ['user:vip'] = b, page = c }, separator = ':' }", GET, "user:1",
     "a"},
    {NULL, GET, "user:vip:1", "a"},
    {NULL, GET, "page:", "c"},
    {NULL, GET, "user", "!no route for this key"},
    {NULL, GET, "users:1", "!no route for this key"},
    {NULL, GET, ":user", "!no route for this key"},
    {"mg.by_prefix { { ['user:vip'] = b }, separator = ':', parts = 2, default = c }", GET,
     "user:vip:1", "b"},
    {NULL, GET, "user:vip", "c"},
    {NULL, GET, "user:1:vip", "c"},
    {"mg.by_prefix { { pool = a }, separator = '/', anchor = '/svc/', default = c }", GET,
     "/svc/pool/k", "a"},
    {NULL, GET, "/svc/pool", "c"},
    {NULL, GET, "/svd/pool/k", "c"},
    {NULL, GET, "/svc/", "c"},
    {"mg.by_prefix { { a = a }, separator = '::', default = c }", GET, "a::b", "a"},
    {NULL, GET, "a:b", "c"},
};

static void the_longest_prefix_counts(void **state)
{
    journeys(prefixes, COUNT(prefixes));
}

/* Prefixes of up to five letters out of two, and all keys of up to six, beside a search through all; also behind a beginning that
 * all have, so that they part around their eighth byte. */
static void any_prefixes_are_found_as_by_hand(void **state)
{
    char text[3000], key[16];
    for (unsigned seed = 1; seed < 40; seed++) {
        char names[20][16];
        const char *front = seed % 2 ? "" : "common";
        size_t begin = strlen(front);
        unsigned n = 0;
        size_t len = (size_t)snprintf(text, sizeof text, "mg.by_prefix { { ");
        srand48(seed);
        for (unsigned i = 0; i < 20; i++) {
            unsigned letters = 1 + (unsigned)lrand48() % 5, known = 0;
            strcpy(names[n], front);
            for (unsigned k = 0; k < letters; k++) names[n][begin + k] = "ab"[lrand48() % 2];
            names[n][begin + letters] = 0;
            for (unsigned k = 0; k < n; k++) known += strcmp(names[k], names[n]) == 0;
            if (known) continue;
            len += (size_t)snprintf(text + len, sizeof text - len, "%s = mg.error '%s', ", names[n],
                                    names[n]);
            n++;
        }
        snprintf(text + len, sizeof text - len, "}, default = mg.null() }");
        load_route(text);
        for (unsigned letters = 1; letters <= 6; letters++) {
            for (unsigned bits = 0; bits < 1u << letters; bits++) {
                const char *best = NULL;
                char wanted[24];
                strcpy(key, front);
                for (unsigned k = 0; k < letters; k++) key[begin + k] = "ab"[bits >> k & 1];
                key[begin + letters] = 0;
                for (unsigned k = 0; k < n; k++) {
                    bool fits = strncmp(key, names[k], strlen(names[k])) == 0;
                    if (fits && (!best || strlen(names[k]) > strlen(best))) best = names[k];
                }
                snprintf(wanted, sizeof wanted, "%s%s", best ? "!" : "miss", best ? best : "");
                assert_goes(&(struct journey){text, GET, key, wanted, NULL});
            }
        }
    }
}

/* --- by_command -------------------------------------------------------------------------------- */

static const struct journey commands[] = {
    {"mg.by_command { get = a, update = b, default = c }", GET, "k", "a"},
    {NULL, COMMAND_GETS, "k", "a"},
    {NULL, COMMAND_META_GET, "k", "a"},
    {NULL, COMMAND_META_DEBUG, "k", "a"},
    {NULL, SET, "k", "b"},
    {NULL, COMMAND_CAS, "k", "b"},
    {NULL, COMMAND_APPEND, "k", "b"},
    {NULL, COMMAND_META_SET, "k", "b"},
    {NULL, COMMAND_DELETE, "k", "c"},
    {NULL, COMMAND_GAT, "k", "c"},
    {"mg.by_command { meta = b, get = a, gets = c, ma = a }", COMMAND_META_GET, "k", "b"},
    {NULL, COMMAND_META_ARITHMETIC, "k", "a"},
    {NULL, COMMAND_GETS, "k", "c"},
    {NULL, GET, "k", "a"},
    {NULL, SET, "k", "!no route for this command"},
    {"mg.by_command { arithmetic = a, delete = b, touch = c }", COMMAND_INCR, "k", "a"},
    {NULL, COMMAND_DECR, "k", "a"},
    {NULL, COMMAND_META_ARITHMETIC, "k", "a"},
    {NULL, COMMAND_DELETE, "k", "b"},
    {NULL, COMMAND_META_DELETE, "k", "b"},
    {NULL, COMMAND_TOUCH, "k", "c"},
    {NULL, COMMAND_GATS, "k", "c"},
};

static void commands_and_their_groups_have_routes(void **state)
{
    journeys(commands, COUNT(commands));
}

/* --- functions among policies ------------------------------------------------------------------ */

static const struct journey functions[] = {
    {"mg.by_prefix { { f = function(req) req.key = req.key .. '!' return b end }, default = a }",
     GET, "f1", "b", "f1!"},
    {NULL, GET, "x", "a"},
    {"function(req) return KEEP end", GET, "k", "!script error"},
    {"(function() local p = mg.by_prefix { { x = function() return b end }, default = a }\n"
     "  return function() return p end end)()",
     GET, "x", "b"},
    {NULL, GET, "y", "a"},
    {"mg.by_command { get = mg.by_prefix { { x = function() return mg.reply.miss() end }, default "
     "= a } }",
     GET, "x", "miss"},
    {"mg.set_ttl { mg.reply.error 'no', 5 }", GET, "x", "!no"},
    {"mg.modify_key { function(req) return req:has_prefix 'v2:' and b or a end, add = 'v2:' }", GET,
     "x", "b", "v2:x"},
    {"mg.set_ttl { function() error 'mine' end, 5 }", GET, "x", "!script error"},
};

static void functions_may_stand_below_policies_and_policies_below_functions(void **state)
{
    for (size_t i = 0; i < COUNT(functions); i++) {
        if (functions[i].route) load_route(functions[i].route);
        capture_begin(STDERR_FILENO);
        assert_goes(&functions[i]);
        capture_end();
    }
}

/* Slots that are decided without Lua stay as they are when another one's function errs. */
static void an_error_below_a_policy_costs_its_own_request(void **state)
{
    load_route("mg.by_prefix { { x = function() error 'mine' end }, default = a }");
    request_at(0, GET, "k", NULL);
    request_at(1, GET, "x1", NULL);
    request_at(2, GET, "k", NULL);
    request_at(3, GET, "x2", NULL);
    assert_non_null(strstr(logged_while_routing(4), "mine"));
    assert_string_equal(place_of(0), "a");
    assert_refused(1, "script error");
    assert_string_equal(place_of(2), "a");
    assert_refused(3, "script error");
    assert_int_equal(w.part.row.script_errors, 2);
}

static void endless_answers_of_functions_and_policies_end(void **state)
{
    load(POOLS "local box = {}\n"
               "local p = mg.set_ttl { function() return box[1] end, 5 }\n"
               "box[1] = p\nreturn p\n");
    request_at(0, GET, "k", NULL);
    assert_non_null(strstr(logged_while_routing(1), "without end"));
    assert_refused(0, "script error");
}

/* --- rewriting --------------------------------------------------------------------------------- */

#define K60 "123456789012345678901234567890123456789012345678901234567890"

static const struct journey keys[] = {
    {"mg.modify_key { a, add = 'v2:' }", GET, "k", "a", "v2:k"},
    {NULL, GET, "v2:k", "a", "v2:v2:k"},
    {"mg.modify_key { a, ensure = 'v2:' }", GET, "k", "a", "v2:k"},
    {NULL, GET, "v2:k", "a", NULL},
    {NULL, GET, "v2", "a", "v2:v2"},
    {"mg.modify_key { a, strip = 'v2:' }", GET, "k", "a", NULL},
    {NULL, GET, "v2:k", "a", "k"},
    {NULL, GET, "v2:", "!the key that a policy made is empty or too long", NULL},
    {"mg.modify_key { a, replace = { 'user:', 'u:' } }", GET, "user:1", "a", "u:1"},
    {NULL, GET, "users:1", "a", NULL},
    {NULL, GET, "user:", "a", "u:"},
    {"mg.modify_key { a, suffix = '::1' }", GET, "k", "a", "k::1"},
    {"mg.modify_key { a, strip = 'v2:', suffix = '!' }", GET, "v2:k", "a", "k!"},
    {NULL, GET, "k", "a", "k!"},
    {"mg.modify_key { mg.modify_key { a, add = 'x' }, add = 'y' }", GET, "k", "a", "xyk"},
    {"mg.modify_key { a, add = '" K60 K60 K60 "' }", GET, K60 "1234567890", "a",
     K60 K60 K60 K60 "1234567890"},
    {NULL, GET, K60 "12345678901", "!the key that a policy made is empty or too long", NULL},
};

static void keys_are_rewritten(void **state)
{
    journeys(keys, COUNT(keys));
}

static void a_base64_key_is_rewritten_by_what_it_stands_for(void **state)
{
    load_route("mg.modify_key { a, add = 'p:' }");
    request_at(0, COMMAND_META_GET, "a b\n", NULL)->meta = META_BASE64;
    char text[186] = "";
    memset(text, 'x', 185);
    request_at(1, COMMAND_META_GET, text, NULL)->meta = META_BASE64;
    route(2);
    assert_key(&w.slots[0], "p:a b\n");
    assert_string_equal(place_of(0), "a");
    assert_string_equal(place_of(1), "!the key that a policy made is empty or too long");
}

static void times_are_set_and_capped(void **state)
{
    static const struct {
        const char *route;
        enum command command;
        double given, wanted; /* wanted: NAN: as given */
    } times[] = {
        {"mg.set_ttl { a, 60 }", COMMAND_SET, 0, 60},
        {"mg.set_ttl { a, 60 }", COMMAND_SET, 30, 60},
        {"mg.set_ttl { a, 60 }", COMMAND_TOUCH, 90, 60},
        {"mg.set_ttl { a, 60 }", COMMAND_SET, -1, -1},
        {"mg.set_ttl { a, 0 }", COMMAND_SET, 30, 0},
        {"mg.set_ttl { a, ttl = 2592000 }", COMMAND_GAT, 30, 2592000},
        {"mg.cap_ttl { a, 60 }", COMMAND_SET, 0, 60},
        {"mg.cap_ttl { a, 60 }", COMMAND_SET, 59, 59},
        {"mg.cap_ttl { a, 60 }", COMMAND_SET, 60, 60},
        {"mg.cap_ttl { a, 60 }", COMMAND_SET, 61, 60},
        {"mg.cap_ttl { a, 60 }", COMMAND_SET, 2592000, 60},
        {"mg.cap_ttl { a, 60 }", COMMAND_SET, -1, -1},
        {"mg.cap_ttl { a, 60 }", COMMAND_SET, 2592001, 2592001}, /* in 1970: it is over */
        {"mg.cap_ttl { a, 60 }", COMMAND_SET, 4e9 - 2147483648.0, 1852516352},
    };
    for (size_t i = 0; i < COUNT(times); i++) {
        load_route(times[i].route);
        struct request *r = request_at(0, times[i].command, "k", "v");
        r->exptime = times[i].given;
        route(1);
        double now = (double)time(NULL);
        double wanted = times[i].wanted > now ? 60 : times[i].wanted;
        if (r->exptime != wanted)
            fail_msg("%s: %.0f becomes %.0f", times[i].route, times[i].given, r->exptime);
    }
    load_route("mg.cap_ttl { a, 60 }");
    struct request *r = request_at(0, COMMAND_SET, "k", "v");
    r->exptime = (double)time(NULL) + 1000;
    route(1);
    assert_true(r->exptime == 60);
    r = request_at(0, COMMAND_SET, "k", "v");
    double soon = r->exptime = (double)time(NULL) + 30;
    route(1);
    assert_true(r->exptime == soon);
}

/* A meta command's T is one of its flags, and its line is made again. */
static void a_meta_commands_time_is_written_to_its_flags(void **state)
{
    static const struct {
        enum command command;
        const char *args;
        double exptime;
        const char *line;
    } lines[] = {
        {COMMAND_META_SET, "c T0 k", 0, "ms k 1 c T60 k\r\n"},
        {COMMAND_META_SET, "c k", 0, "ms k 1 c k T60\r\n"},
        {COMMAND_META_GET, "v T500", 500, "mg k v T60\r\n"},
        {COMMAND_META_GET, "v", 0, "mg k v\r\n"},
        {COMMAND_META_DELETE, "I T30", 30, "md k I T30\r\n"},
        {COMMAND_META_ARITHMETIC, "N0 v", 0, "ma k v N60\r\n"},
        {COMMAND_META_ARITHMETIC, "v", 0, "ma k v\r\n"},
        {COMMAND_META_GET, "N0 T500 v", 500, "mg k T60 v N60\r\n"},
    };
    load_route("mg.cap_ttl { a, 60 }");
    for (size_t i = 0; i < COUNT(lines); i++) {
        uint8_t line[REQUEST_LINE_ROOM];
        struct request *r = request_at(0, lines[i].command, "k", "v");
        r->args_at = (uintptr_t)lines[i].args;
        r->args_len = (uint16_t)strlen(lines[i].args);
        r->exptime = lines[i].exptime;
        if (strchr(lines[i].args, 'T')) r->meta = META_EXPTIME;
        route(1);
        size_t len = request_encode_line(r, line);
        assert_int_equal(len, strlen(lines[i].line));
        assert_memory_equal(line, lines[i].line, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(the_longest_prefix_counts),
        alone(any_prefixes_are_found_as_by_hand),
        alone(commands_and_their_groups_have_routes),
        alone(functions_may_stand_below_policies_and_policies_below_functions),
        alone(an_error_below_a_policy_costs_its_own_request),
        alone(endless_answers_of_functions_and_policies_end),
        alone(keys_are_rewritten),
        alone(a_base64_key_is_rewritten_by_what_it_stands_for),
        alone(times_are_set_and_capped),
        alone(a_meta_commands_time_is_written_to_its_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
