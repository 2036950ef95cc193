/* The requests of a rehearsal: those that came last, as they came, from every worker and at every listener. */
#include "e2e/service/rehearse.h"

static void every_kind_of_request_is_asked_as_it_came(void **state)
{
    struct moongate *m = moongate_start(answering(""), NULL);
    struct client *c = client_connects(m);

    client_asks(c, "get g1 g\x01\x80\xff g3\r\n", "END\r\n");
    client_asks(c, "gets g\r\ngat 30 g\r\ngats 30 g\r\n", "END\r\nEND\r\nEND\r\n");
    client_asks(c, "set s 7 60 5\r\nhello\r\nadd s 0 0 0\r\n\r\n", "NOT_STORED\r\nNOT_STORED\r\n");
    client_asks(c, "cas s 0 0 1 99\r\nx\r\nappend s 0 0 1\r\nx\r\n", "NOT_FOUND\r\nNOT_STORED\r\n");
    client_asks(c, "incr i 18\r\ndecr i 1\r\ntouch t 30\r\n",
                "NOT_FOUND\r\nNOT_FOUND\r\nNOT_FOUND\r\n");
    client_asks(c, "delete d\r\nset quiet 0 0 1 noreply\r\nx\r\n", "NOT_FOUND\r\n");
    client_asks(c, "mg m v t Oabc\r\nmg AP8B b v\r\nms m 3 T30 F5\r\nabc\r\n",
                "EN Oabc\r\nEN\r\nNS\r\n");
    client_asks(c, "md m q\r\nma m N60 J1\r\nmn\r\n", "NF\r\nNF\r\nMN\r\n");
    const char *line = refuses(
        m, MG "local expected = {\n"
              "    ['get g1'] = 0, ['get g\\1\\128\\255'] = 0, ['get g3'] = 0, ['gets g'] = 0,\n"
              "    ['gat g 30'] = 0, ['gats g 30'] = 0, ['set s 60 xxxxx'] = 7, ['add s '] = 0,\n"
              "    ['cas s x'] = 0, ['append s x'] = 0, ['incr i'] = 0, ['decr i'] = 0,\n"
              "    ['touch t 30'] = 0, ['delete d'] = 0, ['set quiet x'] = 0, ['mg m vtO'] = 0,\n"
              "    ['mg \\0\\255\\1 v'] = 0, ['ms m 30 xxx'] = 5, ['md m'] = 0, ['ma m NJ'] = 0 }\n"
              "local n = 0\n"
              "return function(req)\n"
              "    local text = req.command .. ' ' .. req.key\n"
              "    if req.exptime ~= 0 then text = text .. ' ' .. req.exptime end\n"
              "    if req.value then text = text .. ' ' .. req.value end\n"
              "    local flags = ''\n"
              "    for _, f in ipairs { 'v', 't', 'O', 'N', 'J' } do\n"
              "        if req:flag(f) then flags = flags .. f end\n"
              "    end\n"
              "    if flags ~= '' then text = text .. ' ' .. flags end\n"
              "    if expected[text] ~= req.flags then error('not sent: ' .. text) end\n"
              "    expected[text] = nil\n"
              "    n = n + 1\n"
              "    if n == 20 then error 'all were asked' end\n"
              "    return mg.reply.miss()\n"
              "end\n");
    line_has(line, "1 of 20 requests fail");
    line_has(line, "all were asked");
}

static void a_request_is_asked_once_and_the_last_ones_are(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), "--rehearse", "3", NULL);
    struct client *c = client_connects(m);

    client_hears(c, "a", "old");
    for (int i = 0; i < 3; i++) client_hears(c, "b", "old");
    line_has(refuses(m, saying("new", "error 'any'")), "2 of 2 requests fail");
    /* Now and then one is taken: in the end each was. */
    for (int i = 0; i < 2000; i++) {
        client_sends(c, textf("get n%d\r\n", i % 3));
        client_sees(c, "SERVER_ERROR old\r\n");
    }
    line_has(refuses(m, saying("new", "if #req.key == 2 then error 'last' end")),
             "3 of 3 requests fail");
}

static void a_request_is_asked_at_the_listener_that_it_came_by(void **state)
{
    struct moongate *m =
        moongate_start(saying("old", ""), "-b", "one=127.0.0.1:0", "-b", "two=127.0.0.2:0", NULL);
    struct client *two = client_connects_to(moongate_listener(m, "127.0.0.2:"));
    struct client *one = client_connects_to(moongate_listener(m, "127.0.0.1:"));

    client_hears(one, "k", "old");
    client_hears(two, "k", "old");
    client_hears(two, "l", "old");
    const char *line = refuses(m, saying("new", "error('by ' .. req.listener .. req.key)"));
    line_has(line, "3 of 3 requests fail");
    line = refuses(m, saying("new", "if req.listener == 'two' then error 'two' end"));
    line_has(line, "2 of 3 requests fail");
    line = refuses(m, saying("new", "if req.listener == 'one' then error 'one' end"));
    line_has(line, "1 of 3 requests fail");
}

/* --- workers ------------------------------------------------------------------------------------- */

static void requests_of_all_workers_are_asked_also_of_one_that_has_died(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), "-j", "2", NULL);
    struct client *a = client_connects(m);
    client_hears(a, "a", "old");
    struct client *b = client_connects(m); /* the other worker's: that has fewer clients */
    pid_t workers[2];

    client_hears(b, "b", "old");
    client_hears(b, "a", "old");
    line_has(refuses(m, saying("new", "error 'all'")), "2 of 2 requests fail");
    moongate_workers(m, workers, 2);
    for (int i = 0; i < 2; i++) kill(workers[i], SIGKILL);
    client_sees_closed(a);
    client_sees_closed(b);
    a = client_connects(m);
    client_hears(a, "c", "old");
    stat_becomes(a, "proxy", "ready", "2");
    line_has(refuses(m, saying("new", "if req.key == 'b' then error 'all' end")),
             "1 of 3 requests fail, 0 with the script in use");
    client_hears(a, "a", "old");
}

static void the_error_is_read_from_the_log_also_as_json(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), "--log-format", "json", NULL);
    struct client *c = client_connects(m);

    client_hears(c, "k", "old");
    line_has(refuses(m, saying("new", "error 'boom'")), "first 'get k': ");
    line_has(moongate_log_line(m, REFUSED), ": boom\\nstack traceback:");
}

static void what_the_script_writes_to_the_log_is_not_taken_for_its_error(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), NULL);
    struct client *c = client_connects(m);

    client_hears(c, "k", "old");
    line_has(refuses(m, saying("new", "for i = 1, 3 do print(('a'):rep(2000)) end "
                                      "mg.log.error 'b' error 'boom'")),
             textf("first 'get k': %s:2: boom\\nstack traceback:", moongate_script_path(m)));
    line_has(refuses(m, MG "local route = mg.async(function() error 'hidden' end)\n"
                           "return mg.async(function(req)\n"
                           "    mg.call(route, req) print 'later' return mg.reply.miss()\n"
                           "end)\n"),
             textf("first 'get k': %s:2: hidden\\nstack traceback:", moongate_script_path(m)));
}

static void what_is_hot_is_hot_in_the_rehearsal_too(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), "-j", "2", NULL);
    struct client *c = client_connects(m);

    client_hears(c, "cold", "old");
    for (int i = 0; i < 50; i++) client_hears(c, "hot", "old");
    line_has(refuses(m, saying("new", "if req:heat() > 0.5 then error(req.key) end")),
             "1 of 2 requests fail");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_kind_of_request_is_asked_as_it_came),
        play(a_request_is_asked_once_and_the_last_ones_are),
        play(a_request_is_asked_at_the_listener_that_it_came_by),
        play(requests_of_all_workers_are_asked_also_of_one_that_has_died),
        play(what_is_hot_is_hot_in_the_rehearsal_too),
        play(the_error_is_read_from_the_log_also_as_json),
        play(what_the_script_writes_to_the_log_is_not_taken_for_its_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
