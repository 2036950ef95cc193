/* `moongate repl`: a prompt, also for a pipe: where requests go, what comes back, and errors that do not end it. */
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"

#include <string.h>

enum { OK = 0, BAD = 1, USAGE = 2 };

static const char SCRIPT[] =
    MG "local near = mg.pool { '10.0.0.1:11211', name = 'near', timeout = 0.5 }\n"
       "local far = mg.pool { '10.0.1.1:11211', name = 'far' }\n"
       "local both = mg.failover { near, far }\n"
       "return function(req)\n"
       "  if req:has_prefix 'oops' then error 'mine' end\n"
       "  if req:has_prefix 'tmp:' and req.exptime == 0 then req.exptime = 60 end\n"
       "  return both\n"
       "end\n";

static struct run typed(const char *options, const char *script, const char *lines)
{
    return shell_runs(
        textf("printf '%s' | $MOONGATE repl %s %s", lines, options, moongate_script_file(script)));
}

static void a_script_that_looks_at_its_clients_can_be_asked(void **state)
{
    const char *script =
        MG "local one, two = mg.pool { '10.0.0.1:11211' }, mg.pool { '10.0.0.2:11211' }\n"
           "return function(req)\n"
           "  return (req.listener == 'admin' or req.client == '10.9.8.7:1') and two or one\n"
           "end\n";
    has(typed("--fake", script, "get a\\n").out, "  sent          10.0.0.1:11211 <- get a\n");
    struct run run = typed("--fake --listener admin", script, "get a\\n");
    has(run.out, "  server        10.0.0.2:11211\n");
    has(run.out, "  sent          10.0.0.2:11211 <- get a\n");
    run = typed("--fake --client 10.9.8.7:1", script, "get a\\n");
    has(run.out, "  server        10.0.0.2:11211\n");
    has(run.out, "  sent          10.0.0.2:11211 <- get a\n");
}

static void a_request_shows_its_way_and_its_reply(void **state)
{
    struct run run = typed("--fake", SCRIPT, "set tmp:a 0 0 5\\nhello\\nget tmp:a\\n");
    exits(run, OK);
    has(run.out, "script.lua:5 -> failover(pool near, pool far) -> pool near\n"
                 "  server        10.0.0.1:11211\n"
                 "  request       set tmp:a 0 60 5\n"
                 "  place 1       near 10.0.0.1:11211: set tmp:a 0 60 5\n"
                 "  place 2       far 10.0.1.1:11211, on an error of near: set tmp:a 0 60 5\n"
                 "  sent          10.0.0.1:11211 <- set tmp:a 0 60 5\n"
                 "STORED\n");
    has(run.out, "VALUE tmp:a 0 5\nhello\nEND\n");
    has_not(run.out, "\n> ");
}

static void keys_show_their_control_bytes_as_escapes(void **state)
{
    struct run run = typed("--fake", SCRIPT, "set a\\001\\tb 0 0 3\\nv\\001w\\nget a\\001\\tb\\n");
    exits(run, OK);
    has(run.out, "  request       set a\\x01\\x09b 0 0 3\n"
                 "  place 1       near 10.0.0.1:11211: set a\\x01\\x09b 0 0 3\n"
                 "  place 2       far 10.0.1.1:11211, on an error of near: set a\\x01\\x09b 0 0 3\n"
                 "  sent          10.0.0.1:11211 <- set a\\x01\\x09b 0 0 3\n"
                 "STORED\n");
    has(run.out, "VALUE a\\x01\\x09b 0 3\nv\\x01w\nEND\n");
    has_not(run.out, "\x01");
    has_not(run.out, "\t");
}

static void real_servers_answer(void **state)
{
    struct memcached *server = memcached_start(NULL);
    const char *script = textf(MG "return mg.pool { '%s' }\n", memcached_address(server));
    struct run run = typed("", script, "set a 7 0 3\\nabc\\nget a\\nincr a 1\\nversion\\n");
    exits(run, OK);
    has(run.out, textf("  server        %s\n  request       get a\nVALUE a 7 3\nabc\nEND\n",
                       memcached_address(server)));
    has(run.out, "CLIENT_ERROR cannot increment or decrement non-numeric value\nVERSION 1.6.18\n");
}

static void servers_may_come_from_the_command_line(void **state)
{
    const char *address = memcached_address(memcached_start(NULL));
    struct run run = typed(textf("-s %s", address), MG "return mg.pool(mg.servers)\n",
                           "= mg.servers\\nget a\\n");
    exits(run, OK);
    begins_with(run.out, textf("{ \"%s\" }\n", address));
    has(run.out, "\nEND\n");
}

static void a_value_may_have_lines_of_its_own(void **state)
{
    struct run run = typed("--fake", SCRIPT,
                           "set a 0 0 7\\nabc\\ndef\\nget a\\nset a 0 0 3\\ntoo long\\nget a\\n");
    exits(run, OK);
    has(run.out, "VALUE a 0 7\nabc\ndef\nEND\n");
    has(run.out, "CLIENT_ERROR bad data chunk\n");
}

static void expressions_have_a_value(void **state)
{
    struct run run =
        typed("--fake", SCRIPT,
              "= 1 + 1, \"two\"\\n= { 3, a = { true } }\\n= nil\\n=near\\n= x = 5\\n= x\\n"
              "= 1 +\\n= error \"mine\"\\n= type(mg.pool)\\n= mg.pool { \"a\" }\\n= io\\n");
    exits(run, OK);
    has(run.out, "2, \"two\"\n{ 3, a = { true } }\nnil\n");
    has(run.out,
        "global 'near' is not defined\n5\n"); /* a local of the script; a global of the prompt */
    has(run.out, "unexpected symbol near '<eof>'\nmine\n\"function\"\n");
    has(run.out, "mg.pool can only be called while the script loads");
    has(run.out, "io is not for scripts: start moongate with --unsafe-lua");
}

static void errors_do_not_end_it(void **state)
{
    struct run run = typed(
        "--fake", SCRIPT,
        "get oops\\nbogus\\nget\\n:bogus\\n:down nowhere\\n:advance x\\nquit\\n\\nget fine\\n");
    exits(run, OK);
    has(run.out, "  error         ");
    has(run.out, "script.lua:6: mine\nSERVER_ERROR script error\nERROR\nERROR\n"
                 ":bogus is not a command: :help lists them\n"
                 "the script has no server 'nowhere'; it has: 10.0.0.1:11211, 10.0.1.1:11211\n"
                 ":advance takes seconds\n(closed)\n");
    has(run.out, "get fine\nEND\n");
    has(run.err, "script.lua:6: mine");
}

static void fakes_obey(void **state)
{
    struct run run =
        typed("--fake", SCRIPT,
              ":down 10.0.0.1:11211\\nset a 0 0 1\\nx\\n:up 10.0.0.1:11211\\n:advance 20\\nget a\\n"
              ":silent 10.0.0.1:11211\\nget a\\n:pools\\n");
    exits(run, OK);
    has(run.out, "sent          10.0.1.1:11211 <- set a 0 0 1\nSTORED\n");
    has(run.out, "sent          10.0.0.1:11211 <- get a\nEND\n");
    has(run.out, "sent          10.0.0.1:11211 <- get a\n  sent          10.0.1.1:11211 <- get "
                 "a\nVALUE a 0 1\n");
    has(run.out,
        "pool far: ketama, xxh3, timeout 1 s, 1 server\n  server 10.0.1.1:11211: 1 connection\n");
}

static void it_is_left_by_its_end_or_a_word(void **state)
{
    has_not(typed("--fake", SCRIPT, ":quit\\nget a\\n").out, "END");
    has_not(typed("--fake", SCRIPT, ":q\\nget a\\n").out, "END");
    is_said(typed("--fake", SCRIPT, "").out, "");
    struct run run = typed("--fake", SCRIPT, ":help");
    has(run.out, "its locals are not\n");
    has(run.out, ":advance SECONDS");
    has_not(typed("", MG "return mg.pool { '127.0.0.1:1' }\n", ":help\\n").out, ":advance");
}

/* A pipe by name, so that the file changes between two lines. */
static void a_script_may_be_reloaded(void **state)
{
    const char *path = moongate_script_file(SCRIPT), *folder = program_folder();
    struct run run = shell_runs(textf(
        "cd %s && mkfifo in out && ($MOONGATE repl --fake %s <in >out 2>err &) && exec 3>in 4<out\n"
        "echo get a >&3; while read -r line <&4 && [ \"$line\" != END ]; do echo \"$line\"; done\n"
        "sed -i 's/return both/return far/' %s; echo :reload >&3\n"
        "echo get a >&3; while read -r line <&4 && [ \"$line\" != END ]; do echo \"$line\"; done\n"
        "echo nonsense >>%s; echo :reload >&3; echo get a >&3\n"
        "exec 3>&-; cat <&4\n",
        folder, path, path, path));
    exits(run, OK);
    has(run.out, "pool near\nserver        10.0.0.1:11211\nrequest       get a\n"
                 "place 1       near 10.0.0.1:11211: get a\n"
                 "place 2       far 10.0.1.1:11211, on an error of near: get a\n"
                 "sent          10.0.0.1:11211 <- get a\nroute         function at ");
    has(run.out, "-> pool far\nserver        10.0.1.1:11211\nrequest       get a\n"
                 "sent          10.0.1.1:11211 <- get a\n");
    has(run.out, "'<eof>' expected near 'nonsense'\n");
    has(run.out, "  sent          10.0.1.1:11211 <- get a\nEND\n");
}

static void what_cannot_begin_says_why(void **state)
{
    struct run run = moongate_runs("repl", NULL);
    exits(run, USAGE);
    has(run.err, "repl: no script: give SCRIPT.lua\n");
    run = moongate_runs("repl", "/nowhere.lua", NULL);
    exits(run, BAD);
    has(run.err, "/nowhere.lua: No such file or directory");
    run = moongate_runs("repl", moongate_script_file("return 5\n"), NULL);
    exits(run, BAD);
    has(run.err, "script.lua: a script returns a route");
    has(moongate_runs("repl", "--help", NULL).out, "--fake");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_script_that_looks_at_its_clients_can_be_asked),
        play(a_request_shows_its_way_and_its_reply),
        play(real_servers_answer),
        play(servers_may_come_from_the_command_line),
        play(a_value_may_have_lines_of_its_own),
        play(expressions_have_a_value),
        play(errors_do_not_end_it),
        play(fakes_obey),
        play(keys_show_their_control_bytes_as_escapes),
        play(it_is_left_by_its_end_or_a_word),
        play(a_script_may_be_reloaded),
        play(what_cannot_begin_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
