/* mg.listen: what it takes and refuses, and which route the clients of a listener get. */
#include "unit/script/script_host.h"

#include "base/bundle.h"
#include "net/labels.h"

#define ROUTE "mg.reply.error 'x'"

/* The part of a script behind MG, and what is wrong in its second line. */
static const struct {
    const char *text, *why;
} wrong[] = {
    {"mg.listen '127.0.0.1:1'",
     "mg.listen takes a table: mg.listen { \"127.0.0.1:11211\", route }"},
    {"mg.listen(mg.null())", "mg.listen takes a table"},
    {"mg:listen { '127.0.0.1:1' }", "mg.listen is called with a dot, not a colon"},
    {"mg.listen {}", "mg.listen takes an address first, such as \"127.0.0.1:11211\", not nil"},
    {"mg.listen { mg.null(), '127.0.0.1:1' }", "mg.listen takes the address first, then the route"},
    {"mg.listen { 7 }", "mg.listen takes an address first, such as \"127.0.0.1:11211\", not 7"},
    {"mg.listen { '127.0.0.1:1\\n' }", "not '127.0.0.1:1?'"},
    {"mg.listen { '127.0.0.1:1', 'x' }", "mg.listen: item 2 takes a route, not a string"},
    {"mg.listen { '127.0.0.1:1', mg.null(), mg.null() }", "one address and one route"},
    {"mg.listen { '127.0.0.1:1', nmae = 'x' }",
     "mg.listen: unknown option 'nmae'; there are: allow_from, auth, backlog, group, mode, name, "
     "owner, protocol, proxy_protocol, tls"},
    {"mg.listen { 'unix:/s', mode = 660 }", "option 'mode' takes a string of octal digits, such as "
                                            "\"0660\": 660 without quotes is a decimal"},
    {"mg.listen { 'unix:/s', mode = '0680' }",
     "option 'mode' takes octal digits, such as \"0660\""},
    {"mg.listen { 'unix:/s', mode = '1777' }", "mg.listen: unix:/s: mode= takes 0777 at most"},
    {"mg.listen { 'unix:/s', owner = '' }",
     "option 'owner' takes a name of 1 to 63 bytes, or a number"},
    {"mg.listen { 'unix:/s', group = 'a,mode=0777' }",
     "option 'group' takes a name of 1 to 63 bytes"},
    {"mg.listen { 'unix:/s', group = -1 }", "option 'group' takes a name of 1 to 63 bytes"},
    {"mg.listen { '127.0.0.1:1', mode = '0660' }",
     "mg.listen: 127.0.0.1:1: mode=, owner= and group= are for unix sockets"},
    {"mg.listen { '127.0.0.1:1', backlog = 0 }", "option 'backlog' takes a number from 1 to 65535"},
    {"mg.listen { '127.0.0.1:1', backlog = 65536 }",
     "option 'backlog' takes a number from 1 to 65535"},
    {"mg.listen { '127.0.0.1:1', name = 'a b' }", "option 'name' takes 1 to 63 letters, digits"},
    {"mg.listen { '127.0.0.1:70000' }",
     "mg.listen: 127.0.0.1:70000: port 70000 is not in 0..65535"},
    {"mg.listen { '127.0.0.1:0' }", "port 0 would be another one after each start: name one"},
    {"mg.listen { '127.0.0.1' }", "port 0 would be another one"}, /* --port is 0 here */
    {"mg.listen { 'web=127.0.0.1:1' }", "web=127.0.0.1:1"},
    {"mg.listen { 'unix:/s,mode=0660' }",
     "mode, owner, group, backlog and name are options, not a part of the address"},
    {"mg.listen { 'unix:' }", "mg.listen: unix:"},
    {"mg.listen { '127.0.0.1:1' } mg.listen { '127.0.0.1:1', name = 'b' }",
     "mg.listen: 127.0.0.1:1: this address is listened on already"},
    {"mg.listen { '[::0001]:1' } mg.listen { '[::1]:1', name = 'b' }", "is listened on already"},
    {"mg.listen { '127.0.0.1:1', name = 'b' } mg.listen { '127.0.0.1:2', name = 'b' }",
     "mg.listen: 127.0.0.1:2: another listener has the name b"},
    {"mg.listen { '127.0.0.1:1', tls = 1 }",
     "option 'tls' takes true, false, \"mutual\" or a table of options, not 1"},
    {"mg.listen { '127.0.0.1:1', tls = { 'c' } }",
     "option 'tls' takes a table of options: tls = { cert = \"FILE\", key = \"FILE\" }"},
    {"mg.listen { '127.0.0.1:1', tls = { crt = 'c' } }",
     "option 'tls' has a table with unknown option 'crt'; there are: ca, cert, ciphers, key, min, "
     "verify"},
    {"mg.listen { '127.0.0.1:1', tls = { cert = '' } }", "option 'cert' takes the path of a file"},
    {"mg.listen { '127.0.0.1:1', tls = { ca = 'a\\0b' } }", "option 'ca' takes the path of a file"},
    {"mg.listen { '127.0.0.1:1', tls = { key = 'k' } }",
     "option 'tls' has a key and no cert: the certificate that it is for"},
    {"mg.listen { '127.0.0.1:1', tls = { verify = true } }",
     "option 'verify' takes \"none\", \"request\" or \"require\", not true"},
    {"mg.listen { '127.0.0.1:1', tls = { min = 1.2 } }",
     "option 'min' takes \"1.2\" or \"1.3\", not 1.2"},
    {"mg.listen { '127.0.0.1:1', protocol = 'memcache' }",
     "option 'protocol' takes \"auto\", \"text\" or \"binary\", not memcache"},
    {"mg.listen { '127.0.0.1:1', auth = true }", "option 'auth' takes \"off\""},
    {"mg.listen { '127.0.0.1:1', allow_from = {} }",
     "option 'allow_from' takes at least one network"},
    {"mg.listen { '127.0.0.1:1', allow_from = 7 }", "option 'allow_from' takes a list, not 7"},
    {"mg.listen { '127.0.0.1:1', allow_from = { '10.0.0.0/8', 7 } }",
     "takes networks such as \"10.0.0.0/8\"; item 2 is 7"},
    {"mg.listen { '127.0.0.1:1', allow_from = '::1,auth=off' }", "item 1 is ::1,auth=off"},
    {"mg.listen { '127.0.0.1:1', allow_from = { '10.0.0.0/8+::1' } }", "item 1 is 10.0.0.0/8+::1"},
    {"mg.listen { '127.0.0.1:1', allow_from = '10.0.0.1/8' }",
     "mg.listen: 127.0.0.1:1: allow-from= 10.0.0.1/8: its address has bits set"},
    {"mg.listen { 'unix:/s', allow_from = '10.0.0.0/8' }",
     "allow-from= says nothing of a unix socket"},
    {"mg.listen { '127.0.0.1:1', proxy_protocol = true }",
     "option 'proxy_protocol' takes whose headers are believed: { from"},
    {"mg.listen { '127.0.0.1:1', proxy_protocol = { '10.0.0.0/8' } }",
     "option 'proxy_protocol' takes whose headers are believed: { from"},
    {"mg.listen { '127.0.0.1:1', proxy_protocol = { from = '::1', to = 1 } }",
     "option 'proxy_protocol' has from alone, and no 'to'"},
    {"mg.listen { 'tls:127.0.0.1:1' }", "mg.listen: tls:127.0.0.1:1: "},
    {"mg.listen { '127.0.0.1:1', protocol = 'text' } mg.listen { '127.0.0.1:1', name = 'b' }",
     "this address is listened on already"},
};

static void what_is_wrong_is_said_with_its_line(void **state)
{
    char text[512];
    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(text, sizeof text, MG "%s\nreturn mg.null()\n", wrong[i].text);
        fails(text, "script.lua:2: ", wrong[i].why);
    }
    load(MG "return function() mg.listen { '127.0.0.1:1' } end\n");
    request_at(0, COMMAND_GET, "k", NULL);
    assert_non_null(
        strstr(logged_while_routing(1), "mg.listen can only be called while the script loads"));
}

static void a_script_may_return_nothing_where_all_have_routes(void **state)
{
    load(MG "mg.listen { '127.0.0.1:1', " ROUTE " }\n");
    route_one(COMMAND_GET, "k", NULL);
    assert_refused(0, "x"); /* the only one */
    load(MG "mg.listen { '127.0.0.1:1', " ROUTE ", name = 'a' } mg.listen { '127.0.0.1:2', " ROUTE
            " }\n");
    route_one(COMMAND_GET, "k", NULL);
    assert_refused(0, "no listener is named (--listener): choose one of a, 127.0.0.1:2");
    fails(MG "mg.listen { '127.0.0.1:1', " ROUTE " } mg.listen { '127.0.0.1:2' }\n", "script.lua: ",
          "mg.listen: 127.0.0.1:2 has no route: give it one, or let the script return one");
    fails(MG,
          "script.lua: ", "a script returns a route (a pool, a policy or a function), not nothing");
    fails(MG "mg.listen { '127.0.0.1:1', " ROUTE " } return 7\n", "script.lua: ", "not a number");
}

static void bind_counts_beside(void **state)
{
    static const char *const bound[] = {"web=127.0.0.1:5", "unix:/s,mode=0660"};
    w.host.bound = bound;
    w.host.bound_n = COUNT(bound);
    fails(MG "mg.listen { '127.0.0.1:5' } return mg.null()\n",
          "script.lua:2: ", "--bind has this address, too: leave it out there or here");
    fails(MG "mg.listen { 'unix:/s' } return mg.null()\n",
          "script.lua:2: ", "--bind has this address");
    fails(MG "mg.listen { '127.0.0.1:6', name = 'web' } return mg.null()\n",
          "script.lua:2: ", "--bind has this name, too");
    fails(MG "mg.listen { '127.0.0.1:6', " ROUTE " }\n",
          "script.lua: ", "--bind listens, too: let the script return a route for its clients");
    load(MG "mg.listen { '127.0.0.1:6' } return mg.null()\n");
}

static void there_are_128_at_most(void **state)
{
    load(MG "for i = 1, 128 do mg.listen { '127.0.0.1:' .. i } end return mg.null()\n");
    fails(MG "for i = 1, 129 do mg.listen { '127.0.0.1:' .. i } end return mg.null()\n",
          "script.lua:2: ", "a script listens on 128 addresses at most");
}

static void items_are_those_of_bind(void **state)
{
    const char *name;
    w.host.port = 77;
    load(MG "mg.listen { '127.0.0.1', name = 'a', backlog = 9 }\n"
            "mg.listen { 'unix:/s', mode = '660', owner = 7, group = 'g' }\n"
            "mg.listen { 'localhost' }\n"
            "mg.listen { '[0::1]:5' }\n"
            "return mg.null()\n");
    assert_string_equal(script_listener(w.script, 0, &name), "a=127.0.0.1:77,backlog=9");
    assert_string_equal(name, "a");
    assert_string_equal(script_listener(w.script, 1, &name), "unix:/s,mode=660,owner=7,group=g");
    assert_string_equal(name, "unix:/s");
    assert_string_equal(script_listener(w.script, 2, NULL), "localhost:77");
    assert_string_equal(script_listener(w.script, 3, NULL), "[::1]:5");
    assert_null(script_listener(w.script, 4, &name));
}

/* --- routes --------------------------------------------------------------------------------------- */

enum { NUMBERS = 6 };

/* As a worker knows them: 0 is one of --bind, 5 has no name yet. */
static const char *names[NUMBERS] = {"127.0.0.1:9", "a", "b", "127.0.0.1:3", "gone", NULL};
static const char *addresses[NUMBERS] = {"127.0.0.1:9", "127.0.0.1:1", "127.0.0.1:22",
                                         "127.0.0.1:3", "127.0.0.1:4", NULL};

static void knows_listeners(void)
{
    w.host.listeners = names;
    w.host.addresses = addresses;
    w.host.listeners_n = NUMBERS;
}

/* The slots 0.. come by the listeners of these numbers. */
static void come_by(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        request_at(i, COMMAND_GET, "k", NULL)->function_id = REQUEST_BY_LISTENER | i;
    route(n);
    for (uint32_t i = 0; i < n; i++)
        assert_true((w.slots[i].function_id & REQUEST_BY_LISTENER) == 0);
}

#define LISTENS                                                                                    \
    MG "mg.listen { '127.0.0.1:1', mg.reply.error 'one', name = 'other' }\n"                       \
       "mg.listen { '127.0.0.1:2', function() return mg.reply.error 'two' end, name = 'b' }\n"     \
       "mg.listen { '127.0.0.1:3' %s}\n"                                                           \
       "%s\n"

static const char *listens(const char *third, const char *rest)
{
    static char text[1024];
    snprintf(text, sizeof text, LISTENS, third, rest);
    return text;
}

/* By the address first: it is the same listener, whatever its name; then by the name, which has moved to another address. */
static void clients_get_the_route_of_their_listener(void **state)
{
    knows_listeners();
    load(listens("", "return function() return mg.reply.error 'returned' end"));
    for (int i = 0; i < 2; i++) { /* the second time from what is known */
        come_by(NUMBERS);
        assert_refused(0, "returned");
        assert_refused(1, "one");
        assert_refused(2, "two");
        assert_refused(3, "returned");
        assert_refused(4, "returned");
        assert_refused(5, "returned");
        end_turn();
    }
}

static void without_a_returned_route_a_listener_that_is_gone_is_named(void **state)
{
    knows_listeners();
    load(listens(", mg.reply.error 'three' ", ""));
    come_by(NUMBERS);
    assert_refused(0, "the script has no listener 127.0.0.1:9: connect to another");
    assert_refused(3, "three");
    assert_refused(4, "the script has no listener gone: connect to another");
    assert_refused(5, "no listener is named (--listener): choose one of other, b, 127.0.0.1:3");
    names[5] = "b"; /* it is learnt with the first client */
    addresses[5] = "127.0.0.1:2";
    end_turn();
    come_by(NUMBERS);
    assert_refused(5, "two");
    names[5] = addresses[5] = NULL;
}

static void a_number_that_nobody_has_gets_the_returned_route(void **state)
{
    knows_listeners();
    load(listens("", "return mg.reply.error 'returned'"));
    request_at(0, COMMAND_GET, "k", NULL)->function_id = REQUEST_BY_LISTENER | 4711;
    route(1);
    assert_refused(0, "returned");
}

static void a_script_without_mg_listen_serves_them_all(void **state)
{
    knows_listeners();
    load(MG "return function(req) return mg.reply.error 'returned' end\n");
    come_by(NUMBERS);
    for (uint32_t i = 0; i < NUMBERS; i++) assert_refused(i, "returned");
}

/* --- the bundle ----------------------------------------------------------------------------------- */

static void the_check_notes_items_with_their_addresses(void **state)
{
    struct bundle_file file;
    size_t at = 0;
    w.host.port = 77;
    w.host.bundle = bundle_create();
    load(MG "mg.listen { '127.0.0.1:1' } return mg.null()\n");
    assert_false(bundle_next(w.host.bundle, &at, &file));
    w.host.bundle->records = true;
    load(MG "mg.listen { '127.0.0.1', name = 'a' } mg.listen { 'unix:/s', mode = '0600' } return "
            "mg.null()\n");
    assert_true(bundle_next(w.host.bundle, &at, &file));
    assert_int_equal(file.kind, BUNDLE_LISTENS);
    assert_int_equal(file.path_len, strlen("a=127.0.0.1:77"));
    assert_memory_equal(file.path, "a=127.0.0.1:77", file.path_len);
    assert_int_equal(file.len, strlen("127.0.0.1:77"));
    assert_memory_equal(file.bytes, "127.0.0.1:77", file.len);
    assert_true(bundle_next(w.host.bundle, &at, &file));
    assert_memory_equal(file.path, "unix:/s,mode=0600", file.path_len);
    assert_memory_equal(file.bytes, "unix:/s", file.len);
    assert_false(bundle_next(w.host.bundle, &at, &file));
    unload();
    bundle_give(w.host.bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(what_is_wrong_is_said_with_its_line),
        alone(a_script_may_return_nothing_where_all_have_routes),
        alone(bind_counts_beside),
        alone(there_are_128_at_most),
        alone(items_are_those_of_bind),
        alone(clients_get_the_route_of_their_listener),
        alone(without_a_returned_route_a_listener_that_is_gone_is_named),
        alone(a_number_that_nobody_has_gets_the_returned_route),
        alone(a_script_without_mg_listen_serves_them_all),
        alone(the_check_notes_items_with_their_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
