/* nutcracker's configuration as a script: what is refused, with its place and what to do; what is noted; what is written.
 *
 * That nutcracker itself takes and refuses the same is what nutcracker_files_test.c shows. Sources of the rules: nutcracker 0.5.0 as it
 * runs; twemproxy's src/nc_conf.c (conf_validate_structure, conf_add_server, conf_set_listen, conf_validate_pool). */
#include "unit/convert/twemproxy_host.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define HEAD         "p:\n  listen: 127.0.0.1:22121\n"
#define TAIL         "  servers:\n   - 10.0.0.1:11211:1\n"

/* --- refused ----------------------------------------------------------------------------------- */

static const struct {
    const char *text, *error; /* the error begins so, behind "f.yml:" */
} refused[] = {
    {"", " there are no pools: write"},
    {"# nothing\n", " there are no pools"},
    {"p\n", "1: this is no pool: write its name"},
    {"- p\n", "1: nutcracker takes a list as an option's value alone"},
    {"p:\n", "1: pool \"p\" has no options: write them below it"},
    {"p: x\n", "1: pool \"p\" has no options"},
    {"p:\n- x\n", "2: pool \"p\" has no options"},
    {"p:\nlisten: a\n", "1: pool \"p\" has no options"},
    {"---\n" HEAD TAIL, "1: nutcracker refuses '---': take the line out"},
    {HEAD TAIL "...\n", "5: nutcracker refuses '...': take the line out"},
    {"%YAML 1.1\n---\n" HEAD TAIL, "1: nutcracker refuses directives ('%')"},
    {HEAD "  hash_tag: {}\n" TAIL, "3: nutcracker refuses '[', ']', '{' and '}' outside of quotes"},
    {HEAD "  servers: [ 10.0.0.1:11211:1 ]\n", "3: nutcracker refuses '['"},
    {HEAD "  hash: &h md5\n" TAIL, "3: nutcracker refuses anchors ('&')"},
    {HEAD "  hash: *h\n" TAIL, "3: nutcracker refuses aliases ('*')"},
    {HEAD "  hash: !!str md5\n" TAIL, "3: nutcracker refuses tags ('!')"},
    {HEAD "\thash: md5\n" TAIL,
     "3: this is not YAML: while scanning a plain scalar: found a tab character that "
     "violates indentation: there is a tab here: indent with blanks"},
    {HEAD "  hash: \"md5\n" TAIL,
     "6: this is not YAML: while scanning a quoted scalar: found unexpected end"},
    {HEAD "  hash: \xff\n" TAIL,
     "3: this is not YAML: invalid leading UTF-8 octet: save the file as UTF-8"},
    {HEAD,
     "1: pool \"p\" has no list, which nutcracker refuses: write \"servers:\" and each server"},
    {HEAD "  servers: 10.0.0.1:11211:1\n", "1: pool \"p\" has no list"},
    {HEAD "  timeout:\n   - 400\n", "1: pool \"p\" has no servers: write \"servers:\""},
    {HEAD TAIL TAIL,
     "6: pool \"p\" has a second list (the first is in line 4), which nutcracker refuses"},
    {HEAD "  servers:\n   - - 10.0.0.1:11211:1\n",
     "4: nutcracker takes a list as an option's value alone"},
    {HEAD "  servers:\n   - 10.0.0.1: 1\n",
     "4: \"servers\" has options of its own, which nutcracker refuses"},
    {HEAD "  timeout:\n    ms: 400\n" TAIL, "4: \"timeout\" has options of its own"},
    {HEAD "  timeout:\n" TAIL, "3: \"timeout\" has an empty value, which nutcracker refuses"},
    {HEAD "  servers:\n   - ''\n", "4: \"servers\" has an empty value"},
    {HEAD "  '': 1\n" TAIL, "3: a name is missing, which nutcracker refuses"},
    {"? a: b\n: c\n", "1: a map stands where a name is wanted"},
    {HEAD "  timeouts: 1\n" TAIL,
     "3: \"timeouts\" is no option of nutcracker: it has listen, servers, hash,"},
    {HEAD "  Timeout: 1\n" TAIL, "3: \"Timeout\" is no option"},
    {HEAD "  hash: md5\n  hash: md5\n" TAIL,
     "4: \"hash\" stands in line 3 already, which nutcracker refuses"},
    {HEAD "  timeout: 400ms\n" TAIL,
     "3: \"timeout\" is not a number for nutcracker: write digits alone"},
    {HEAD "  timeout: -1\n" TAIL, "3: \"timeout\" is not a number"},
    {HEAD "  timeout: 2147483648\n" TAIL, "3: \"timeout\" is not a number"},
    {HEAD "  preconnect: yes\n" TAIL,
     "3: \"preconnect\" is neither true nor false: write one of these"},
    {HEAD "  preconnect: True\n" TAIL, "3: \"preconnect\" is neither true nor false"},
    {HEAD "  hash: MD5\n" TAIL,
     "3: \"MD5\" is no hash of nutcracker: it has one_at_a_time, md5, crc16,"},
    {HEAD "  distribution: jump\n" TAIL,
     "3: \"jump\" is no distribution of nutcracker: it has ketama, modula and random"},
    {HEAD "  hash_tag: abc\n" TAIL, "3: \"hash_tag\" is not two bytes"},
    {HEAD "  hash_tag: a\n" TAIL, "3: \"hash_tag\" is not two bytes"},
    {HEAD "  server_connections: 0\n" TAIL,
     "3: \"server_connections\" is 0, which nutcracker refuses"},
    {HEAD "  redis_auth: x\n" TAIL, "3: \"redis_auth\" stands in a pool for memcache"},
    {"p:\n" TAIL, "1: pool \"p\" has no \"listen\": write listen: HOST:PORT"},
    {"p:\n  listen: 22121\n" TAIL, "2: \"22121\" is no address to listen on: write HOST:PORT"},
    {"p:\n  listen: 127.0.0.1:0\n" TAIL, "2: the port of \"127.0.0.1:0\" is not in 1..65535"},
    {"p:\n  listen: 127.0.0.1:65536\n" TAIL,
     "2: the port of \"127.0.0.1:65536\" is not in 1..65535"},
    {"p:\n  listen: ':22121'\n" TAIL, "2: nutcracker cannot look up the host of \":22121\": the "
                                      "host is missing: write HOST:PORT, with 0.0.0.0"},
    {"p:\n  listen: 127.0.0.1 x:22121\n" TAIL,
     "2: nutcracker cannot look up the host of \"127.0.0.1 x:22121\": the host holds a space"},
    {"p:\n  listen: '[::1]:22121'\n" TAIL,
     "2: nutcracker cannot look up the host of \"[::1]:22121\": an IPv6 address is written without "
     "brackets"},
    {"p:\n  listen: /tmp/a 1777\n" TAIL,
     "2: \"1777\" is no mode of a socket: write three octal digits"},
    {"p:\n  listen: /tmp/a 7777777777777777777777777\n" TAIL, "2: \"77777777777777777777777"},
    {HEAD "  servers:\n   - 10.0.0.1:11211\n",
     "4: \"10.0.0.1:11211\" is no server: write HOST:PORT:WEIGHT"},
    {HEAD "  servers:\n   - /tmp/a\n", "4: \"/tmp/a\" is no server"},
    {HEAD "  servers:\n   - /tmp/a:1:1\n", "4: \"/tmp/a:1:1\" is no server"},
    {HEAD "  servers:\n   - 10.0.0.1:11211:0\n",
     "4: the weight of \"10.0.0.1:11211:0\" is 0, which nutcracker"},
    {HEAD "  servers:\n   - 10.0.0.1:11211:1  a\n",
     "4: the weight of \"10.0.0.1:11211:1  a\" is not a number"},
    {HEAD "  servers:\n   - 10.0.0.1:11211:1 a b\n",
     "4: the weight of \"10.0.0.1:11211:1 a b\" is not"},
    {HEAD "  servers:\n   - 10.0.0.1:11211:-1\n", "4: the weight of"},
    {HEAD "  servers:\n   - 10.0.0.1:0:1\n", "4: the port of \"10.0.0.1:0:1\" is not in 1..65535"},
    {HEAD TAIL "   - 10.0.0.1:11211:2\n", "5: pool \"p\" has two servers called \"10.0.0.1\" (the "
                                          "other is in line 4), which nutcracker refuses"},
    {HEAD TAIL "   - 10.0.0.2:11211:1 10.0.0.1\n",
     "5: pool \"p\" has two servers called \"10.0.0.1\""},
    {HEAD TAIL "q:\n  listen: 127.0.0.1:22121\n" TAIL,
     "6: two pools listen on \"127.0.0.1:22121\" (the other is in line 2), which nutcracker"},
    {HEAD TAIL "p:\n  listen: 127.0.0.1:22122\n" TAIL,
     "5: two pools are called \"p\" (the other is in line 1), which nutcracker refuses"},
};

/* nutcracker runs with these; moongate has no such thing, and says so. */
static const struct {
    const char *text, *error;
} refused_here[] = {
    {HEAD TAIL "q:\n  listen: 127.1:22121\n" TAIL,
     "6: nutcracker accepts two pools at 127.0.0.1:22121 (the other is in line 2)"},
    {HEAD "  hash: \"m\\0\"\n" TAIL,
     "3: nutcracker accepts a NUL byte, and reads beyond it: take it out"},
    {HEAD "  redis: true\n" TAIL,
     " all pools are for Redis, which nutcracker accepts and moongate does not speak"},
    {HEAD "  servers:\n   - $CACHE:11211:1\n",
     "4: \"$CACHE:11211:1\": a host has letters, digits, '-', '_' and "
     "'.' only: nutcracker accepts this, moongate does not"},
    {HEAD "  servers:\n   - ':11211:1'\n",
     "4: \":11211:1\": the host is missing: nutcracker accepts this"},
    {HEAD "  servers:\n   - '10.0.0.1:11211:1 '\n",
     "4: \"10.0.0.1:11211:1 \": the name is missing: nutcracker"},
    {HEAD "  servers:\n   - 10.0.0.1:11211:1000001\n",
     "4: nutcracker accepts the weight of \"10.0.0.1:11211:1000001\", but it is above 1000000"},
    {HEAD
     "  distribution: modula\n  servers:\n   - a:1:1000000\n   - b:1:1000000\n   - c:1:1000000\n   "
     "- "
     "d:1:1000000\n   - e:1:1000000\n   - f:1:1000000\n   - g:1:1000000\n   - h:1:1000000\n   - "
     "i:1:1000000\n   - j:1:1000000\n   - k:1:1000000\n   - l:1:1000000\n   - m:1:1000000\n   - "
     "n:1:1000000\n   - o:1:1000000\n   - p:1:1000000\n   - q:1:1000000\n",
     "5: nutcracker accepts pool \"p\", but its weights are 17000000 in all"},
    {"p:\n  listen: \"/tmp/\\x01\"\n" TAIL,
     "2: \"/tmp/?\": the path of the unix socket holds a control byte"},
};

static void is_refused(const char *text, const char *error, bool is_own)
{
    struct reading r = read_text(text);
    const char *wanted = textf("f.yml:%s", error);
    if (r.is_accepted || strncmp(r.error, wanted, strlen(wanted)) != 0)
        stage_fails("%s\n  gives: %s\n  not:   %s...", text, r.is_accepted ? r.script : r.error,
                    wanted);
    assert_null(strchr(r.error, '\n'));
    assert_int_equal(is_own, strstr(r.error, "nutcracker accepts") != NULL);
}

static void what_nutcracker_refuses_is_refused_with_its_place_and_what_to_do(void **state)
{
    for (size_t i = 0; i < COUNT(refused); i++)
        is_refused(refused[i].text, refused[i].error, false);
}

static void what_moongate_cannot_do_is_refused_and_said_to_be_its_own(void **state)
{
    for (size_t i = 0; i < COUNT(refused_here); i++)
        is_refused(refused_here[i].text, refused_here[i].error, true);
}

/* --- notes --------------------------------------------------------------------------------------- */

static const struct {
    const char *text, *note;
} noted[] = {
    {HEAD "  client_connections: 7\n" TAIL,
     "3: \"client_connections\" is left out: nutcracker 0.5.0 reads it"},
    {HEAD "  redis_db: 7\n" TAIL,
     "3: \"redis_db\" is left out: it has no effect in a pool for memcache"},
    {HEAD "  reuseport: true\n" TAIL, "3: \"reuseport\" is left out: nutcracker 0.5.0 refuses it"},
    {HEAD TAIL "r:\n  listen: 127.0.0.1:22122\n  redis: true\n  redis_auth: x\n" TAIL,
     "5: pool \"r\" is left out: it is for Redis, which moongate does not speak"},
    {HEAD "  timeout: 4294967696\n" TAIL,
     "3: nutcracker reads 4294967696 as 400, since its numbers end at"},
    {HEAD "  timeout: 3600001\n" TAIL,
     "3: \"timeout\" becomes 3600000: moongate takes 0 to 3600000"},
    {HEAD "  server_connections: 1025\n" TAIL,
     "3: \"server_connections\" becomes 1024: moongate takes 1 to"},
    {HEAD "  backlog: 0\n" TAIL, "3: \"backlog\" becomes 1: moongate takes 1 to 65535"},
    {HEAD "  hash_tag: ' x'\n" TAIL, "3: \"hash_tag\" is left out: no key has a blank"},
    {"p:\n  listen: '*:22121'\n" TAIL,
     "2: nutcracker takes '*' for localhost, not for all addresses"},
    {"p:\n  listen: /tmp/a b\n" TAIL,
     "2: nutcracker takes \"b\", behind the last blank, for the mode"},
    {HEAD "  servers:\n   - '[::1]:11211:1'\n",
     "4: nutcracker cannot look up an IPv6 address in brackets"},
    {"a pool:\n  listen: 127.0.0.1:22121\n" TAIL, "1: pool \"a pool\" is called \"a_pool\" here"},
};

static void what_is_changed_or_left_out_is_noted(void **state)
{
    for (size_t i = 0; i < COUNT(noted); i++) {
        struct reading r = read_text(noted[i].text);
        if (!r.is_accepted || strncmp(r.notes, noted[i].note, strlen(noted[i].note)) != 0)
            stage_fails("%s\n  %s\n  notes: %s\n  not:   %s...", noted[i].text, r.error, r.notes,
                        noted[i].note);
    }
    assert_string_equal(read_text(HEAD TAIL).notes, "");
}

/* --- scripts ------------------------------------------------------------------------------------- */

static const struct {
    const char *text, *line; /* a part of the script */
} written[] = {
    {HEAD TAIL, "mg.listen { \"127.0.0.1:22121\", pools[\"p\"], name = \"p\" }\n"},
    {HEAD TAIL,
     "\n    timeout = 0, connect_timeout = 60, stall_timeout = 0, -- 0: none, as there\n"},
    {HEAD "  timeout: 0\n" TAIL,
     "\n    timeout = 0, connect_timeout = 60, stall_timeout = 0, -- 0"},
    {HEAD "  timeout: 400\n" TAIL, "\n    timeout = 0.4,\n"},
    {HEAD "  timeout: \"0007\"\n" TAIL, "\n    timeout = 0.007,\n"},
    {HEAD "  timeout: 2500\n" TAIL, "\n    timeout = 2.5, connect_timeout = 2.5,\n"},
    {HEAD "  timeout: 10000\n" TAIL,
     "\n    timeout = 10, connect_timeout = 10, stall_timeout = 10,\n"},
    {HEAD "  timeout:\n   - 400\n  servers: a:1:1\n", "\n    \"a:1:1\",\n"},
    {HEAD "  servers: a:1:1\n" TAIL, "\n    \"a:1:1\",\n    \"10.0.0.1:11211:1\",\n"},
    {HEAD "  hash: md5\n  distribution: modula\n  hash_tag: \"{}\"\n" TAIL,
     "\n    hash = \"md5\",\n    distribution = \"modula\",\n    hash_tag = \"{}\",\n"},
    {HEAD "  hash_tag: '\"\"'\n" TAIL, "\n    hash_tag = \"\\\"\\\"\",\n"},
    {HEAD "  auto_eject_hosts: true\n" TAIL,
     "\n    eject = \"twemproxy\", failure_limit = 2, eject_retry = 30,\n"},
    {HEAD
     "  auto_eject_hosts: true\n  server_retry_timeout: 1500\n  server_failure_limit: 7\n" TAIL,
     "\n    eject = \"twemproxy\", failure_limit = 7, eject_retry = 1.5,\n"},
    {HEAD "  auto_eject_hosts: false\n  server_failure_limit: 7\n" TAIL,
     "\n    texts = \"twemproxy\",\n    \"10.0.0.1"},
    {HEAD "  timeout: 100000\n" TAIL,
     "\n    timeout = 100, connect_timeout = 60, stall_timeout = 100,\n"},
    {HEAD "  server_connections: 12\n" TAIL, "\n    connections = 12,\n"},
    {HEAD "  backlog: 1024\n" TAIL, " name = \"p\", backlog = 1024 }"},
    {"p:\n  listen: /tmp/a.sock 0660\n" TAIL,
     "{ \"unix:/tmp/a.sock\", pools[\"p\"], name = \"p\", mode = \"0660\" }"},
    {"p:\n  listen: /tmp/a.sock 666\n" TAIL, ", mode = \"0666\" }"},
    {"p:\n  listen: /tmp/a.sock\n" TAIL, "{ \"unix:/tmp/a.sock\", pools[\"p\"], name = \"p\" }"},
    {"p:\n  listen: ::1:22121\n" TAIL, "{ \"[::1]:22121\","},
    {"p:\n  listen: 0:22121\n" TAIL, "{ \"0.0.0.0:22121\","},
    {"p:\n  listen: 127.1:022121\n" TAIL, "{ \"127.0.0.1:22121\","},
    {"p:\n  listen: 127.0.0.1:4294989417\n" TAIL, "{ \"127.0.0.1:22121\","},
    {HEAD "  servers:\n   - a:11211:3 n1\n", "\n    \"a:11211:3 n1\",\n"},
    {HEAD "  servers:\n   - a:11211:3 \"n1\"\n", "\n    \"a:11211:3 \\\"n1\\\"\",\n"},
    {HEAD "  servers:\n   - a:11211:3 \xc3\xa9\n", "\n    \"a:11211:3 \\195\\169\",\n"},
    {HEAD "  servers:\n   - a:011211:1\n", "\n    \"a:11211:1\",\n"},
    {HEAD "  servers:\n   - a:080:01\n", "\n    \"a:80:1 a:080\",\n"},
    {HEAD "  servers:\n   - 127.1:11211:1\n", "\n    \"127.0.0.1:11211:1 127.1\",\n"},
    {HEAD "  servers:\n   - ::1:11212:1\n", "\n    \"[::1]:11212:1\",\n"},
    {HEAD "  servers:\n   - /tmp/a:1\n", "\n    \"unix:/tmp/a:1\",\n"},
    {HEAD "  servers:\n   - /tmp/a:1 x:y\n", "\n    \"unix:/tmp/a:1 x:y\",\n"},
    {"a\"b:\n  listen: 127.0.0.1:22121\n" TAIL,
     "\npools[\"a_b\"] = mg.pool {\n    name = \"a_b\", like = \"twemproxy\",\n"},
    {"a b:\n  listen: 127.0.0.1:1\n" TAIL "a_b:\n  listen: 127.0.0.1:2\n" TAIL,
     "\npools[\"a_b-2\"] = mg.pool {\n"},
    {"\xef\xbb\xbfp:\r\n  listen: 127.0.0.1:22121\r\n  servers:\r\n   - a:1:1\r\n",
     "\n    \"a:1:1\",\n"},
};

static void scripts_have_the_pools_as_they_stand(void **state)
{
    for (size_t i = 0; i < COUNT(written); i++) {
        struct reading r = read_text(written[i].text);
        if (!r.is_accepted || !strstr(r.script, written[i].line))
            stage_fails("%s\n  gives: %s%s\n  without: %s", written[i].text, r.error, r.script,
                        written[i].line);
    }
}

static void a_whole_script(void **state)
{
    struct reading r = read_text("alpha:\n"
                                 "  listen: 127.0.0.1:22121\n"
                                 "  hash: fnv1a_64\n"
                                 "  auto_eject_hosts: true\n"
                                 "  timeout: 400\n"
                                 "  servers:\n"
                                 "   - 10.0.0.1:11211:1 one\n"
                                 "   - 10.0.0.2:11211:1 two\n");
    assert_string_equal(r.error, "");
    assert_string_equal(r.script,
                        "-- nutcracker's pools, each with its listener. Keys are where nutcracker "
                        "puts them. Made from \"f.yml\"\n"
                        "--\n"
                        "-- With eject = \"twemproxy\" a server returns without a probe, and all "
                        "servers of a pool may go. Better, if "
                        "nutcracker's\n"
                        "-- own way is not needed: on_failure = \"rehash\" in place of eject and "
                        "eject_retry. It probes a server first, "
                        "and keeps half.\n"
                        "local mg = require \"moongate\"\n"
                        "local pools = {}\n"
                        "\n"
                        "pools[\"alpha\"] = mg.pool {\n"
                        "    name = \"alpha\", like = \"twemproxy\",\n"
                        "    hash = \"fnv1a_64\",\n"
                        "    timeout = 0.4,\n"
                        "    eject = \"twemproxy\", failure_limit = 2, eject_retry = 30,\n"
                        "    \"10.0.0.1:11211:1 one\",\n"
                        "    \"10.0.0.2:11211:1 two\",\n"
                        "}\n"
                        "mg.listen { \"127.0.0.1:22121\", pools[\"alpha\"], name = \"alpha\" }\n");
}

static void a_file_has_as_many_pools_as_moongate_has_listeners(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    for (unsigned i = 1; i <= 129; i++) {
        if (i == 129) {
            fflush(to);
            assert_true(reading_of(text, len).is_accepted);
        }
        fprintf(to, "p%u:\n  listen: 127.0.0.1:%u\n" TAIL, i, i);
    }
    fclose(to);
    is_refused(text, "513: nutcracker accepts 129 pools, moongate listens on 128 addresses at most",
               true);
    free(text);
}

static void a_pool_has_as_many_servers_as_moongate_takes(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    fputs(HEAD "  servers:\n", to);
    for (unsigned i = 1; i <= 4096; i++) fprintf(to, "   - 10.0.0.1:%u:1\n", i);
    fflush(to);
    assert_true(reading_of(text, len).is_accepted);
    fputs("   - 10.0.0.1:4097:1\n", to);
    fclose(to);
    is_refused(text, "4100: nutcracker accepts 4097 servers in pool \"p\", moongate 4096", true);
    free(text);
}

/* A name of 300 bytes, a pool's of 80: long values are cut in messages, and the advice behind them stays. */
static void long_values_leave_room_for_the_advice(void **state)
{
    const char *server = textf("10.0.0.1:11211:1 %0300d", 7);
    struct reading r = read_text(textf(HEAD "  servers:\n   - %s\n", server));
    assert_non_null(strstr(r.error, "the name is longer than 255 bytes: nutcracker accepts this"));
    r = read_text(textf("%080d:\n  listen: 127.0.0.1:1\n" TAIL, 7));
    assert_true(r.is_accepted);
    assert_non_null(strstr(r.script, textf("pools[\"%063d\"]", 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(what_nutcracker_refuses_is_refused_with_its_place_and_what_to_do),
        play(what_moongate_cannot_do_is_refused_and_said_to_be_its_own),
        play(what_is_changed_or_left_out_is_noted),
        play(scripts_have_the_pools_as_they_stand),
        play(a_whole_script),
        play(a_file_has_as_many_pools_as_moongate_has_listeners),
        play(a_pool_has_as_many_servers_as_moongate_takes),
        play(long_values_leave_room_for_the_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
