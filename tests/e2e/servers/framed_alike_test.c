/* Servers that are spoken to in the binary protocol: clients of the text protocol see what a server of that protocol answers them. Random
 * streams are compared with a real memcached; so is memcached -S, which asks for a password in that protocol.
 */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const char *const KEYS[] = {"a", "b", "c", "none"};
static const char *const VALUES[] = {"",        "7",       "word",
                                     "1000500", "END\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"};

/* K is a key, N the length of the value that follows a store. */
static const char *const LINES[] = {"get K",
                                    "gets K",
                                    "get a K b",
                                    "gat 100 K",
                                    "gats 100 K b",
                                    "get K K",
                                    "touch K 100",
                                    "delete K",
                                    "delete K noreply",
                                    "touch K 0 noreply",
                                    "mg K v f",
                                    "mg K v k O1 s",
                                    "mg K c v",
                                    "mg K T30",
                                    "mg K v T60 q",
                                    "mg K q",
                                    "md K",
                                    "md K q k O1",
                                    "mg K f c k",
                                    "set K 5 0 N",
                                    "add K 1 100 N",
                                    "replace K 2 0 N",
                                    "append K 0 0 N",
                                    "prepend K 0 0 N",
                                    "cas K 0 0 N 1",
                                    "set K 0 0 N noreply",
                                    "cas K 0 0 N 18446744073709551615",
                                    "ms K N",
                                    "ms K N T30 F9 k",
                                    "ms K N ME O1 k",
                                    "ms K N MR q",
                                    "ms K N MA c",
                                    "ms K N MP",
                                    "ms K N c",
                                    "ms K N C7",
                                    "add K 1 0 N",
                                    "incr n 1",
                                    "decr n 3",
                                    "incr n 0 noreply",
                                    "ma n v",
                                    "ma n D5 c v",
                                    "ma n MD q",
                                    "ma n N0 J1000500 v",
                                    "ma m J5",
                                    "ma n N30 J1000500 k O1",
                                    "incr a 1"};

static const char *a_request(unsigned *seed)
{
    const char *key = KEYS[random_below(seed, COUNT(KEYS))];
    const char *value = VALUES[random_below(seed, COUNT(VALUES))];
    const char *line = LINES[random_below(seed, COUNT(LINES))], *said = "";
    bool stores = false;
    for (const char *at = line; *at; at++) {
        bool is_word = (at[1] == ' ' || !at[1]) && at > line && at[-1] == ' ';
        stores = stores || (*at == 'N' && is_word);
        if (*at == 'K' && is_word)
            said = textf("%s%s", said, key);
        else if (*at == 'N' && is_word)
            said = textf("%s%zu", said, strlen(value));
        else
            said = textf("%s%c", said, *at);
    }
    return stores ? textf("%s\r\n%s\r\n", said, value) : textf("%s\r\n", said);
}

/* A cas is another one on each server: each number of 10 digits at most behind ` c`, or at the end of a VALUE, is left out. */
static void take_out_cas(char *line)
{
    char *last = strrchr(line, ' '), *flag;
    int spaces = 0;
    for (const char *at = line; *at; at++) spaces += *at == ' ';
    if (strncmp(line, "VALUE ", 6) == 0 && spaces == 4) *last = '\0';
    if (strncmp(line, "HD", 2) != 0 && strncmp(line, "VA ", 3) != 0 && strncmp(line, "N", 1) != 0 &&
        strncmp(line, "EX", 2) != 0)
        return;
    if ((flag = strstr(line, " c")) && flag[2] >= '0' && flag[2] <= '9') {
        char *end = flag + 2 + strspn(flag + 2, "0123456789");
        memmove(flag, end, strlen(end) + 1);
    }
}

static char *answers_to(struct client *c, const char *requests)
{
    struct octets all = {0};
    client_sends(c, textf("%smn\r\n", requests));
    for (;;) {
        char *line = client_sees_line(c);
        if (strcmp(line, "MN") == 0) break;
        take_out_cas(line);
        octets_add(&all, line, strlen(line));
        octets_add(&all, "\r\n", 2);
    }
    octets_add(&all, "", 1);
    char *text = stage_memory(octets_n(&all));
    memcpy(text, octets_at(&all), octets_n(&all));
    octets_release(&all);
    return text;
}

static void answers_are_alike(const char *text, const char *framed, const char *options)
{
    struct client *one = client_connects_to(text);
    struct client *other = client_connects(moongate_start(script_of_one(framed, options), NULL));
    stat_becomes(other, "servers", textf("%s:state", framed), "ready");
    for (unsigned stream = 1; stream <= 150; stream++) {
        unsigned seed = stream;
        const char *all = "set n 0 0 7\r\n1000500\r\n";
        for (int i = 0; i < 12; i++) all = textf("%s%s", all, a_request(&seed));
        const char *seen = answers_to(one, all), *got = answers_to(other, all);
        if (strcmp(seen, got) != 0)
            stage_fails("stream %u\n%s\n--- the server:\n%s\n--- through moongate:\n%s", stream,
                        all, seen, got);
    }
}

static void a_server_asked_in_frames_answers_alike(void **state)
{
    static const char *const speaks[] = {"auto", "binary"};
    if (!memcached_at_hand_has_meta()) return;
    for (size_t i = 0; i < COUNT(speaks); i++) {
        answers_are_alike(memcached_address(memcached_start(NULL)),
                          memcached_address(memcached_start("-B", speaks[i], NULL)),
                          "protocol = 'binary'");
        stage_clears();
    }
}

static void long_values_come_and_go(void **state)
{
    static const size_t lengths[] = {1, 1000, 70000, 900000};
    const char *address = memcached_address(memcached_start("-B", "binary", NULL));
    struct client *c =
        client_connects(moongate_start(script_of_one(address, "protocol = 'binary'"), NULL));
    for (size_t i = 0; i < COUNT(lengths); i++) {
        char *value = noise(lengths[i], (unsigned)i);
        client_sends(c, textf("ms k %zu F7\r\n", lengths[i]));
        client_sends_bytes(c, value, lengths[i]);
        client_sends(c, "\r\nget k\r\nmg k v f\r\n");
        client_sees(c, textf("HD\r\nVALUE k 7 %zu\r\n", lengths[i]));
        client_sees_bytes(c, value, lengths[i]);
        client_sees(c, textf("\r\nEND\r\nVA %zu f7\r\n", lengths[i]));
        client_sees_bytes(c, value, lengths[i]);
        client_sees(c, "\r\n");
    }
    char *large = noise(1100000, 9);
    client_sends(c, "set k 0 0 1100000\r\n");
    client_sends_bytes(c, large, 1100000);
    client_sends(c, "\r\nget none\r\n");
    client_sees(c, "SERVER_ERROR object too large for cache\r\nEND\r\n");
    assert_int_equal(stat_number(c, "servers", textf("%s:closes", address)), 0);
}

static void a_server_without_text_has_no_dumps_and_says_so_at_once(void **state)
{
    const char *address = memcached_address(memcached_start("-B", "binary", NULL));
    struct client *c =
        client_connects(moongate_start(script_of_one(address, "protocol = 'binary'"), NULL));
    client_asks(c, "stats cachedump 1 0\r\n", textf("ERROR %s closed by the server\r\n", address));
    client_asks(c, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
}

static void commands_for_all_servers_work(void **state)
{
    struct memcached *s = memcached_start("-B", "auto", NULL);
    struct client *c = client_connects(
        moongate_start(script_of_one(memcached_address(s), "protocol = 'binary'"), NULL));
    client_asks(c, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    client_sends(c, "stats items\r\n");
    client_sees_line_starting(c, "STAT items:1:number 1");
    while (strcmp(client_sees_line(c), "END") != 0) continue;
    client_asks(c, "flush_all\r\n", "OK\r\n");
    client_asks(c, "get k\r\n", "END\r\n");
    client_asks(c, "version\r\n", textf("VERSION %s\r\n", memcached_version(s)));
    stat_becomes(c, "", "curr_items", "0");
    client_sends(
        c,
        "stats conns\r\n"); /* the binary protocol has none: others' requests wait on that connection */
    client_sees_line_starting(c, "STAT error:");
    client_sees(c, "END\r\n");
    assert_int_equal(stat_number(c, "servers", textf("%s:closes", memcached_address(s))), 0);
}

/* --- memcached -S ------------------------------------------------------------------------------ */

typedef int sasl_init_fn(const void *callbacks, const char *name);
typedef int sasl_new_fn(const char *service, const char *host, const char *realm, const char *local,
                        const char *remote, const void *callbacks, unsigned flags, void **to);
typedef int sasl_set_fn(void *conn, const char *user, const char *password, unsigned len,
                        const char *old, unsigned old_len, unsigned flags);
typedef void sasl_dispose_fn(void **conn);
typedef void sasl_done_fn(void);

/* The library that memcached itself uses makes its file of users. */
static void makes_users(const char *folder, const char *user, const char *password)
{
    file_becomes(
        textf("%s/memcached.conf", folder),
        textf("mech_list: plain\nauxprop_plugin: sasldb\nsasldb_path: %s/users\n", folder));
    setenv("SASL_CONF_PATH", folder, 1);
    void *library = dlopen("libsasl2.so.2", RTLD_NOW), *conn = NULL;
    if (!library) stage_fails("%s", dlerror());
    sasl_init_fn *init = (sasl_init_fn *)dlsym(library, "sasl_server_init");
    sasl_new_fn *create = (sasl_new_fn *)dlsym(library, "sasl_server_new");
    sasl_set_fn *set = (sasl_set_fn *)dlsym(library, "sasl_setpass");
    sasl_dispose_fn *dispose = (sasl_dispose_fn *)dlsym(library, "sasl_dispose");
    sasl_done_fn *done = (sasl_done_fn *)dlsym(library, "sasl_done");
    assert_true(init && create && set && dispose && done);
    assert_int_equal(init(NULL, "memcached"), 0);
    assert_int_equal(create("memcached", NULL, NULL, NULL, NULL, NULL, 0, &conn), 0);
    assert_int_equal(set(conn, user, password, (unsigned)strlen(password), NULL, 0, 1), 0);
    dispose(&conn);
    done();
}

static void a_server_with_sasl_serves(void **state)
{
    const char *folder = program_folder(), *file = textf("%s/credentials", folder);
    makes_users(folder, "moon", "gate:1");
    struct memcached *s = memcached_start("-S", NULL);
    const char *address = memcached_address(s);
    const char *script =
        script_of_one(address, textf("auth = { file = '%s', mechanism = 'sasl' }", file));
    file_becomes(file, "moon:wrong\n");
    struct moongate *m = moongate_start(script, "--rehearse", "0", "--probation", "0", NULL);
    struct client *c = client_connects(m);
    client_asks_until(
        c, "get k\r\n",
        textf("%sauthentication failed: see the file of the option auth\r\n", failure_of(address)));
    file_becomes(file, "moon:gate:1\n");
    moongate_reloads(m, script);
    client_asks_until(c, "get k\r\n", "END\r\n");
    client_stores_value(c, "k", "x");
    client_gets_value(c, "k", "x");
    client_asks(c, "mg k v f\r\n", "VA 1 f0\r\nx\r\n");
    assert_int_equal(moongate_log_count(m, "gate:1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_server_asked_in_frames_answers_alike),
        play(long_values_come_and_go),
        play(a_server_without_text_has_no_dumps_and_says_so_at_once),
        play(commands_for_all_servers_work),
        play(a_server_with_sasl_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
