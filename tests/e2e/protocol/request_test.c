/* Requests as scripts have them: a slot of the turn, the request of a function that waits, and one that the script made have the
 * same fields and methods. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Scripts that do the same to a request `r` of each sort, and answer with what `body` returns. */
enum sort { SLOT, KEPT, BUILT, SORTS };

static const char *over_a_request(const struct backend *b, enum sort sort, const char *made,
                                  const char *body)
{
    const char *opening =
        sort == SLOT   ? "return function(req)\n  local r = req\n"
        : sort == KEPT ? "return mg.async(function(req)\n  local r = req\n"
                       : textf("return mg.async(function(req)\n  local r = mg.request.%s\n", made);
    return textf(MG "local pool = mg.pool { '%s' }\n"
                    "local function send(r) return mg.call(pool, r) end\n"
                    "%s  %s\nend%s\n",
                 backend_address(b), opening, body, sort == SLOT ? "" : ")");
}

/* What is asked, and the request that the script makes in its stead. */
struct asked {
    const char *sent, *made;
};

static const struct asked set = {"set user:1:x 7 100 3\r\nabc\r\n",
                                 "set('user:1:x', 'abc', 7, 100)"};
static const struct asked get = {"get user:1:x\r\n", "get 'user:1:x'"};
static const struct asked cas = {"cas k 1 2 1 18446744073709551615\r\nv\r\n",
                                 "cas('k', 'v', '18446744073709551615', 1, 2)"};
static const struct asked wide = {"set k 18446744073709551615 4294967295 1\r\nv\r\n",
                                  "set('k', 'v', '18446744073709551615', -1)"};
static const struct asked incr = {"incr k 12\r\n", "incr('k', 12)"};
static const struct asked gat = {"gat 30 k\r\n", "gat('k', 30)"};
static const struct asked mg = {"mg k v t T30 Oab\r\n", "meta_get('k', 'v t T30 Oab')"};
static const struct asked ms = {"ms k 2 F7 T30\r\nhi\r\n", "meta_set('k', 'hi', 'F7 T30')"};
static const struct asked binary = {"mg Zm9vIGJhcg== b v\r\n", "meta_get('foo bar', 'b v')"};

/* What an expression over a request gives. */
static const struct {
    const struct asked *asked;
    const char *expression, *value;
} readings[] = {
    {&set, "r.key", "user:1:x"},
    {&set, "r.command", "set"},
    {&set, "r.value", "abc"},
    {&set, "r.size", "3"},
    {&set, "r.flags", "7"},
    {&set, "r.exptime", "100"},
    {&set, "r.cas", "nil"},
    {&set, "r.delta", "nil"},
    {&set, "r:has_prefix 'user:'", "true"},
    {&set, "r:has_prefix 'user:1:xy'", "false"},
    {&set, "r:has_suffix ':x'", "true"},
    {&set, "r:has_suffix ''", "true"},
    {&set, "r:has_suffix 'yuser:1:x'", "false"},
    {&set, "r:key_part(':', 1)", "user"},
    {&set, "r:key_part(':', 2)", "1"},
    {&set, "r:key_part(':', 3)", "x"},
    {&set, "r:key_part(':', 4)", "nil"},
    {&set, "r:key_part('er:', 2)", "1:x"},
    {&set, "r:key_part('|', 1)", "user:1:x"},
    {&set, "r:key_part('x', 2)", ""},
    {&set, "r:hash() == r:hash 'xxh3'", "true"},
    {&set, "r:hash 'crc32a'", "1181816696"},
    {&set, "r:hash 'md5'", "900866431"},
    {&set, "r:in_share(0)", "false"},
    {&set, "r:in_share(1)", "true"},
    {&set, "r:has_flag 't'", "false"},
    {&set, "r:flag 't'", "nil"},
    {&set, "r:has_only_flags ''", "false"},
    {&set, "r:compares_cas()", "false"},
    {&set, "r:asks_cas()", "false"},
    {&cas, "r:compares_cas()", "true"},
    {&cas, "r:asks_cas()", "false"},
    {&mg, "r:has_only_flags 'vtTOk'", "true"},
    {&mg, "r:has_only_flags 'tT'", "false"},
    {&mg, "pcall(r.has_only_flags, r, 't T')", "false"},
    {&get, "r.value", "nil"},
    {&get, "r.size", "nil"},
    {&get, "r.exptime", "0"},
    {&cas, "r.cas", "18446744073709551615"},
    {&cas, "r.delta", "nil"},
    {&incr, "r.delta", "12"},
    {&incr, "r.cas", "nil"},
    {&gat, "r.exptime", "30"},
    {&mg, "r.command", "mg"},
    {&mg, "r:has_flag 't'", "true"},
    {&mg, "r:flag 't'", ""},
    {&mg, "r:flag 'T'", "30"},
    {&mg, "r:flag 'O'", "ab"},
    {&mg, "r:flag 'k'", "nil"},
    {&mg, "r.exptime", "30"},
    {&wide, "r.flags", "18446744073709551615"},
    {&wide, "type(r.flags)", "string"},
    {&wide, "r.exptime", "-1"},
    {&set, "type(r.flags)", "number"},
    {&ms, "r.flags", "7"},
    {&ms, "r.value", "hi"},
    {&binary, "r.key", "foo bar"},
    {&binary, "r:key_part(' ', 2)", "bar"},
    {&set, "tostring(r)", "request: set"},
    {&set, "type(getmetatable(r))", "string"},
    {&set, "pcall(function() return r.nosuch end)", "false"},
    {&set, "pcall(function() return r.has_prefix(nil, 'x') end)", "false"},
    {&set, "pcall(function() return r.flag({}, 'x') end)", "false"},
    {&set, "pcall(r.has_prefix, r, nil)", "false"},
    {&set, "pcall(r.key_part, r, '', 1)", "false"},
    {&set, "pcall(r.key_part, r, ':', 0)", "false"},
    {&set, "pcall(r.hash, r, 'nosuch')", "false"},
    {&set, "pcall(r.in_share, r, 2)", "false"},
    {&set, "pcall(r.flag, r, 'tt')", "false"},
};

static void every_sort_of_request_is_read_alike(void **state)
{
    for (size_t i = 0; i < COUNT(readings); i++) {
        for (enum sort sort = 0; sort < SORTS; sort++) {
            struct backend *b = backend_listens();
            struct client *c = client_connects(
                moongate_start(over_a_request(b, sort, readings[i].asked->made,
                                              textf("return mg.reply.error('=' .. tostring((%s)))",
                                                    readings[i].expression)),
                               NULL));
            client_sends(c, readings[i].asked->sent);
            const char *line = client_sees_line(c);
            if (strcmp(line, textf("SERVER_ERROR =%s", readings[i].value)) != 0)
                stage_fails("%s of sort %u: %s", readings[i].expression, sort, line);
            stage_clears();
        }
    }
}

static void every_sort_of_request_is_written_alike(void **state)
{
    static const struct {
        const struct asked *asked;
        const char *body, *seen;
    } cases[] = {
        {&set, "r.key = 'other'", "set other 7 100 3\r\nabc\r\n"},
        {&set, "r.key, r.flags, r.exptime, r.value = 'o', 1, -1, 'x'", "set o 1 -1 1\r\nx\r\n"},
        {&set, "r.value = ('long'):rep(1000) r.value = ''", "set user:1:x 7 100 0\r\n\r\n"},
        {&set, "r.flags = 2 ^ 53", "set user:1:x 9007199254740992 100 3\r\nabc\r\n"},
        {&set, "r.flags = '9007199254740993'", "set user:1:x 9007199254740993 100 3\r\nabc\r\n"},
        {&wide, "r.flags, r.exptime = r.flags, 9", "set k 18446744073709551615 9 1\r\nv\r\n"},
        {&wide, "r.exptime = 5", "set k 18446744073709551615 5 1\r\nv\r\n"},
        {&get, "r.key = '\\1\\t\\127'", "get \x01\t\x7f\r\n"},
        {&set, "r.key = '\\1\\t\\127'", "set \x01\t\x7f 7 100 3\r\nabc\r\n"},
        {&cas, "r.cas = 5", "cas k 1 2 1 5\r\nv\r\n"},
        {&cas, "r.cas = r.cas", "cas k 1 2 1 18446744073709551615\r\nv\r\n"},
        {&incr, "r.delta = '9223372036854775808'", "incr k 9223372036854775808\r\n"},
        {&gat, "r.exptime = 31", "gat 31 k\r\n"},
        {&mg, "r:set_flag('T', 60)", "mg k v t Oab T60\r\n"},
        {&mg, "r.exptime = 60", "mg k v t T60 Oab\r\n"},
        {&mg, "r.exptime = 60 r:set_flag 'c'", "mg k v t T60 Oab c\r\n"},
        {&mg, "r:set_flag 'c' r:set_flag('N', '30') r:clear_flag 't'", "mg k v T30 Oab c N30\r\n"},
        {&mg, "r:clear_flag 'T' r:clear_flag 'T'", "mg k v t Oab\r\n"},
        {&ms, "r:set_flag('F', 9) r.value = 'ho!'", "ms k 3 T30 F9\r\nho!\r\n"},
        {&ms, "r.flags = 9", "ms k 2 F9 T30\r\nhi\r\n"},
        {&binary, "r.key = r.key .. '\\0\\r\\n'", "mg Zm9vIGJhcgANCg== b v\r\n"},
        {&binary, "r.key = ('\\255'):rep(186)", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (enum sort sort = 0; sort < SORTS; sort++) {
            struct backend *b = backend_listens();
            struct client *c = client_connects(
                moongate_start(over_a_request(b, sort, cases[i].asked->made,
                                              textf("%s return %s", cases[i].body,
                                                    sort == SLOT ? "pool" : "send(r)")),
                               NULL));
            client_sends(c, cases[i].asked->sent);
            backend_turns_to_input(b); /* odd numbers travel apart */
            const char *line = backend_sees_line(b);
            if (cases[i].seen && strncmp(line, cases[i].seen, strcspn(cases[i].seen, "\r")) != 0)
                stage_fails("%s of sort %u: %s", cases[i].body, sort, line);
            if (cases[i].seen) backend_sees(b, strchr(cases[i].seen, '\n') + 1);
            if (!cases[i].seen) assert_int_equal(strlen(line), strlen("mg  b v") + 248);
            stage_clears();
        }
    }
}

/* What cannot be sent is an error of that request, and no byte of it goes out. */
static void what_cannot_be_sent_is_an_error_of_every_sort(void **state)
{
    static const struct {
        const struct asked *asked;
        const char *body;
    } cases[] = {
        {&get, "r.key = 'a b'"},
        {&get, "r.key = 'a\\r\\nflush_all'"},
        {&get, "r.key = 'a\\0'"},
        {&get, "r.key = 'a\\rb'"},
        {&get, "r.key = ' '"},
        {&get, "r.key = ''"},
        {&get, "r.key = ('k'):rep(251)"},
        {&get, "r.key = 5"},
        {&get, "r.key = {}"},
        {&get, "r.value = 'x'"},
        {&get, "r.cas = 1"},
        {&get, "r:set_flag 't'"},
        {&get, "r.command = 'set'"},
        {&get, "r.size = 3"},
        {&set, "r.value = ('x'):rep(1025)"},
        {&set, "r.value = 1"},
        {&set, "r.exptime = 0/0"},
        {&set, "r.exptime = 2 ^ 31"},
        {&set, "r.flags = 0.5"},
        {&set, "r.flags = 2 ^ 54"},
        {&set, "r.flags = '18446744073709551616'"},
        {&set, "r.flags = -1"},
        {&ms, "r:set_flag('F', 'x')"},
        {&ms, "r:set_flag('T', '')"},
        {&ms, "r:set_flag('C', -1)"},
        {&set, "r.flags = {}"},
        {&cas, "r.cas = -1"},
        {&cas, "r.cas = 2 ^ 60"},
        {&cas, "r.cas = '18446744073709551616'"},
        {&cas, "r.cas = '1 noreply'"},
        {&incr, "r.delta = 1.5"},
        {&mg, "r:set_flag('v', 'x\\r\\nflush_all')"},
        {&mg, "r:set_flag('v', 'a b')"},
        {&mg, "r:set_flag('q')"},
        {&mg, "r:set_flag('k')"},
        {&mg, "r:set_flag('O', 'x')"},
        {&mg, "r:clear_flag 'O'"},
        {&mg, "r:set_flag('E', ('9'):rep(2000))"},
        {&mg, "r:set_flag('vv')"},
        {&mg, "r:set_flag('v', {})"},
        {&mg, "r.key = 'foo bar'"},
        {&mg, "for c in ('abcdefghijklmnoprstuvwxyz'):gmatch '[^bkq]' do r:set_flag(c) end"},
        {&binary, "r.key = ('k'):rep(187)"},
        {&binary, "r.key = ''"},
        {&binary, "r:clear_flag 'b'"},
    };
    for (enum sort sort = 0; sort < SORTS; sort++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct backend *b = backend_listens();
            struct client *c = client_connects(moongate_start(
                over_a_request(b, sort, cases[i].asked->made,
                               textf("if req.key == 'good' then return pool end %s return %s",
                                     cases[i].body, sort == SLOT ? "pool" : "send(r)")),
                "--max-value", "1024", NULL));
            client_sends(c, cases[i].asked->sent);
            client_sends(c, "get good\r\n");
            const char *line = client_sees_line(c);
            if (strcmp(line, "SERVER_ERROR script error") != 0)
                stage_fails("%s of sort %u: %s", cases[i].body, sort, line);
            backend_sees(b, "get good\r\n");
            stage_clears();
        }
    }
}

static void every_request_can_be_made(void **state)
{
    static const struct {
        const char *made, *seen;
    } cases[] = {
        {"get 'k'", "get k\r\n"},
        {"gets 'k'", "gets k\r\n"},
        {"gat('k', 5)", "gat 5 k\r\n"},
        {"gats('k', 5)", "gats 5 k\r\n"},
        {"touch('k', 5)", "touch k 5\r\n"},
        {"touch 'k'", "touch k 0\r\n"},
        {"delete 'k'", "delete k\r\n"},
        {"incr 'k'", "incr k 1\r\n"},
        {"decr('k', 3)", "decr k 3\r\n"},
        {"set('k', 'v')", "set k 0 0 1\r\nv\r\n"},
        {"set('k', 'v\\r\\n', 1, 2)", "set k 1 2 3\r\nv\r\n\r\n"},
        {"add('k', 'v', 1)", "add k 1 0 1\r\nv\r\n"},
        {"replace('k', 'v', 1, 2)", "replace k 1 2 1\r\nv\r\n"},
        {"append('k', 'v')", "append k 0 0 1\r\nv\r\n"},
        {"prepend('k', 'v')", "prepend k 0 0 1\r\nv\r\n"},
        {"cas('k', 'v', 7, 1, 2)", "cas k 1 2 1 7\r\nv\r\n"},
        {"meta_get('k', 'v t')", "mg k v t\r\n"},
        {"meta_get 'k'", "mg k\r\n"},
        {"meta_set('k', 'v', 'T5')", "ms k 1 T5\r\nv\r\n"},
        {"meta_delete('k', 'I')", "md k I\r\n"},
        {"meta_arithmetic('k', 'N0 J1')", "ma k N0 J1\r\n"},
        {"meta_debug 'k'", "me k\r\n"},
        {"meta_debug('a b', 'b')", "me YSBi b\r\n"},
        {"meta_set('a b', 'v', 'b')", "ms YSBi 1 b\r\nv\r\n"},
    };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);
    for (size_t i = 0; i < COUNT(cases); i++) {
        moongate_reloads(
            m, over_a_request(b, BUILT, cases[i].made, "mg.spawn(pool, r) return mg.reply.miss()"));
        client_sends(c, "get k\r\n");
        client_sees(c, "END\r\n");
        backend_sees(b, cases[i].seen);
        backend_answers(b, "SERVER_ERROR fits any\r\n");
    }
}

/* One in ten of many keys, the same ones each time; with a salt, others. */
static void a_share_of_keys_is_that_share_and_stays_so(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        textf(MG "local pool = mg.pool { '%s' }\n"
                 "return function(req)\n"
                 "  local n, both, salted = 0, 0, 0\n"
                 "  for i = 1, 20000 do\n"
                 "    req.key = 'key:' .. i\n"
                 "    local plain, other = req:in_share(0.1), req:in_share(0.1, 'salt')\n"
                 "    assert(plain == req:in_share(0.1) and (not plain or req:in_share(0.2)))\n"
                 "    n, salted = n + (plain and 1 or 0), salted + (other and 1 or 0)\n"
                 "    both = both + (plain and other and 1 or 0)\n"
                 "  end\n"
                 "  local function near(a, b) return math.abs(a - b) < b * 0.2 end\n"
                 "  return mg.reply.error(near(n, 2000) and near(salted, 2000) and near(both, 200) "
                 "and 'near' or\n"
                 "    ('%%d %%d %%d'):format(n, salted, both))\n"
                 "end\n",
              backend_address(b)),
        NULL));
    client_sends(c, "get k\r\n");
    client_sees(c, "SERVER_ERROR near\r\n");
}

static void a_request_knows_its_client_and_listener(void **state)
{
    static const char *const ways[][2] = {{"-j", "2"}, {"--single-process", NULL}};
    for (size_t way = 0; way < COUNT(ways); way++) {
        struct backend *b = backend_listens();
        const char *path = textf("unix:%s/s", program_folder());
        struct moongate *m = moongate_start(
            textf(MG
                  "local pool = mg.pool { '%s' }\n"
                  "local function tell(req)\n"
                  "  return mg.reply.error(tostring(req.client) .. ' ' .. tostring(req.listener))\n"
                  "end\n"
                  "local slow = mg.async(function(req) mg.sleep(0.001) return tell(req) end)\n"
                  "local deep = mg.failover { slow, pool }\n"
                  "local made = mg.async(function(req) return tell(mg.request.get 'x') end)\n"
                  "local routes = { plain = tell, slow = slow, deep = deep, made = made }\n"
                  "return function(req) return routes[req.key] end\n",
                  backend_address(b)),
            "-b", "front=127.0.0.1:0", "-b", "127.0.0.2:0", "-b", textf("in.side=%s", path),
            ways[way][0], ways[way][1], NULL);
        for (int i = 0; i < 3; i++) { /* over both workers */
            static const char *const hosts[] = {"127.0.0.1:", "127.0.0.2:"}, *const names[] = {
                                                                                 "front",
                                                                                 "127.0.0.2:0"};
            for (int k = 0; k < 2; k++) {
                struct client *c = client_connects_to(moongate_listener(m, hosts[k]));
                client_sends(c, "get plain\r\nget slow\r\nget deep\r\nget made\r\n");
                const char *line = client_sees_line(c);
                unsigned port;
                assert_int_equal(sscanf(line, "SERVER_ERROR 127.0.0.1:%u ", &port), 1);
                assert_string_equal(strrchr(line, ' ') + 1, names[k]);
                client_sees(c, textf("%s\r\n%s\r\nSERVER_ERROR nil nil\r\n", line, line));
            }
            struct client *c = client_connects_to(path);
            client_sends(c, "get plain\r\n");
            client_sees(c, "SERVER_ERROR unix in.side\r\n");
        }
        stage_clears();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_sort_of_request_is_read_alike),
        play(every_sort_of_request_is_written_alike),
        play(what_cannot_be_sent_is_an_error_of_every_sort),
        play(every_request_can_be_made),
        play(a_share_of_keys_is_that_share_and_stays_so),
        play(a_request_knows_its_client_and_listener),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
