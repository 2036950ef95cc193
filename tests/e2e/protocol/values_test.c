/* Keys and values at their limits. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

static void client_stores(struct client *c, const char *key, const char *data, size_t n)
{
    client_sends(c, textf("set %s 0 0 %zu\r\n", key, n));
    client_sends_bytes(c, data, n);
    client_sends(c, "\r\n");
}

static void client_reads_back(struct client *c, const char *key, const char *data, size_t n)
{
    client_sends(c, textf("get %s\r\n", key));
    client_sees(c, textf("VALUE %s 0 %zu\r\n", key, n));
    client_sees_bytes(c, data, n);
    client_sees(c, "\r\nEND\r\n");
}

static void values_of_every_small_size_come_back_whole(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), ""), NULL));
    const char *data = noise(70000, 3);

    for (size_t n = 0; n < 70000; n += n < 300 ? 1 : n / 7) {
        client_stores(c, "k", data, n);
        client_sees(c, "STORED\r\n");
        client_reads_back(c, "k", data, n);
    }
    client_sees_nothing_more(c);
}

static void values_around_buffer_sizes_come_back_whole(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), ""), NULL));
    const char *data = noise(300000, 4);

    for (size_t size = 1024; size <= 262144; size *= 2) {
        for (size_t n = size - 40; n <= size + 2; n++) {
            client_stores(c, "k", data, n);
            client_sees(c, "STORED\r\n");
            client_reads_back(c, "k", data, n);
        }
    }
    client_sees_nothing_more(c);
}

static void a_value_of_one_mebibyte_is_accepted(void **state)
{
    struct memcached *s = memcached_start("-I", "2m", NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), ""), NULL));
    const char *data = noise(1 << 20, 5);

    client_stores(c, "k", data, 1 << 20);
    client_sees(c, "STORED\r\n");
    client_reads_back(c, "k", data, 1 << 20);
    client_sees_nothing_more(c);
}

static void a_value_over_the_limit_is_refused_and_swallowed(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));
    const char *data = noise(2 << 20, 6);

    client_stores(c, "k", data, (1 << 20) + 1);
    client_sees(c, "SERVER_ERROR object too large for cache\r\n");
    backend_sees(b, "delete k\r\n"); /* as memcached drops what the set would have replaced */
    backend_answers(b, "DELETED\r\n");
    get_misses(c, "k", b, "k");
    for (int i = 0; i < 3; i++) {
        client_stores(c, "k", data, 2 << 20);
        client_sees(c, "SERVER_ERROR object too large for cache\r\n");
    }
    client_sees_nothing_more(c);
}

/* Its base64 is another key. */
static void so_is_one_of_a_key_in_base64(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));
    enum { LARGE = (1 << 20) + 1 };

    client_sends(c, textf("ms YSBi %d b\r\n", LARGE));
    client_sends_bytes(c, noise(LARGE, 6), LARGE);
    client_sends(c, "\r\n");
    client_sees(c, "SERVER_ERROR object too large for cache\r\n");
    backend_sees(b, "md YSBi b\r\n");
    backend_answers(b, "HD\r\n");
    client_sees_nothing_more(c);
}

static void the_limit_is_an_option(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m =
        moongate_start(script_of_one(memcached_address(s), ""), "--max-value", "1k", NULL);
    struct client *c = client_connects(m);
    const char *data = noise(2048, 7);

    client_stores(c, "k", data, 1024);
    client_sees(c, "STORED\r\n");
    client_stores(c, "k", data, 1025);
    client_sees(c, "SERVER_ERROR object too large for cache\r\n");
    client_sees_nothing_more(c);
}

static void a_value_of_64_mebibytes_passes_in_bounded_memory(void **state)
{
    enum { SIZE = 64 << 20 };
    struct memcached *s = memcached_start("-I", "128m", "-m", "1024", NULL);
    struct moongate *m =
        moongate_start(script_of_one(memcached_address(s), "timeout = 20, stall_timeout = 20"),
                       "--max-value", "128m", NULL);
    struct client *c = client_connects(m);
    const char *data = noise(SIZE, 8);

    client_stores(c, "k", data, SIZE);
    client_sees(c, "STORED\r\n");
    client_reads_back(c, "k", data, SIZE);
    client_sees_nothing_more(c);
    pid_t worker = moongate_worker(m);
    if (!stage_is_sanitized()) assert_in_range(program_peak_kib(worker), 1, 3 * (SIZE / 1024));
}

static void keys_of_up_to_250_bytes_are_accepted(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), ""), NULL));

    for (int n = 1; n <= 250; n += n < 248 ? 13 : 1) {
        char *key = stage_memory(252);
        memset(key, 'k', (size_t)n);
        client_stores(c, key, "x", 1);
        client_sees(c, "STORED\r\n");
        client_reads_back(c, key, "x", 1);
    }
    client_sees_nothing_more(c);
}

static void a_key_of_251_bytes_is_a_client_error(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));
    char key[252] = "";
    memset(key, 'k', 251);

    client_sends(c, textf("get %s\r\ndelete %s\r\nget ok %s\r\n", key, key, key));
    client_sees_line_starting(c, "CLIENT_ERROR ");
    client_sees_line_starting(c, "CLIENT_ERROR ");
    client_sees_line_starting(c, "CLIENT_ERROR ");
    client_sees_nothing_more(c);
    backend_has_nothing_yet(b);
}

/* One of every byte that a key may hold, by all ways to name one. */
static void keys_hold_every_byte_that_servers_keep(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), ""), NULL));
    for (int byte = 1; byte < 256; byte++) {
        if (byte == ' ' || byte == '\r' || byte == '\n') continue;
        const char *key = textf("a%cb", byte);
        client_sends(c, textf("set %s 5 0 1\r\n1\r\nget %s\r\ngets x %s\r\n", key, key, key));
        client_sees(c, textf("STORED\r\nVALUE %s 5 1\r\n1\r\nEND\r\n", key));
        client_sees_line_starting(c, textf("VALUE %s 5 1 ", key));
        client_sees(c, "1\r\nEND\r\n");
        client_sends(c, textf("gat 0 %s\r\ntouch %s 0\r\nincr %s 1\r\n", key, key, key));
        client_sees(c, textf("VALUE %s 5 1\r\n1\r\nEND\r\nTOUCHED\r\n2\r\n", key));
        client_sends(c, textf("delete %s\r\nget %s\r\n", key, key));
        client_sees(c, "DELETED\r\nEND\r\n");
    }
    client_sends_bytes(c, "get a\0b\r\nget a\rb\r\n", 18);
    client_sees(c, "CLIENT_ERROR bad command line format\r\n"
                   "CLIENT_ERROR bad command line format\r\n");
    client_sees_nothing_more(c);
}

static void meta_commands_name_every_byte_too(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), ""), NULL));
    for (int byte = 1; byte < 256; byte++) {
        if (byte == ' ' || byte == '\r' || byte == '\n') continue;
        const char *key = textf("a%cb", byte);
        client_sends(
            c, textf("ms %s 1 k\r\n1\r\nma %s k v\r\nmg %s k v\r\nme %s\r\n", key, key, key, key));
        client_sees(c, textf("HD k%s\r\nVA 1 k%s\r\n2\r\nVA 1 k%s\r\n2\r\n", key, key, key));
        client_sees_line_starting(c, textf("ME %s ", key));
        client_sends(c, textf("md %s k\r\nmg %s\r\n", key, key));
        client_sees(c, textf("HD k%s\r\nEN\r\n", key));
    }
    client_sees_nothing_more(c);
}

static void scripts_keep_to_strict_keys_too(void **state)
{
    struct backend *b = backend_listens();
    const char *script = textf(MG "local pool = mg.pool { '%s' }\n"
                                  "local tab = mg.modify_key { pool, add = 'a\\tb' }\n"
                                  "return function(req)\n"
                                  "  if req.key == 'tab' then return tab end\n"
                                  "  if req.key == 'own' then req.key = 'a\\1b' end\n"
                                  "  return pool\n"
                                  "end\n",
                               backend_address(b));
    struct client *c = client_connects(moongate_start(script, "--strict-keys", NULL));
    client_sends(c, "get tab\r\nget own\r\n");
    client_sees_line_starting(c, "SERVER_ERROR ");
    client_sees(c, "SERVER_ERROR script error\r\n");
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n"); /* the first thing it hears */
    struct client *loose = client_connects(moongate_start(script, NULL));
    client_sends(loose, "get tab\r\n");
    backend_sees_links(b, 2);
    backend_turns_to_input(b);
    backend_sees(b, "get a\tbtab\r\n");
}

static void keys_with_control_bytes_are_client_errors_where_keys_are_strict(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(
        moongate_start(script_of_one(backend_address(b), ""), "--strict-keys", NULL));
    int errors = 0;

    for (int byte = 0; byte < 256; byte++) {
        char line[] = "get a?b\r\n";
        line[5] = (char)byte;
        if (byte == ' ' || byte == '\n' || (byte > ' ' && byte != 0x7f)) continue;
        client_sends_bytes(c, line, sizeof line - 1);
        client_sees_line_starting(c, "CLIENT_ERROR ");
        errors++;
    }
    assert_int_equal(errors, 32);
    client_sends(c, "get \200\377\303\244\r\n");
    backend_sees(b, "get \200\377\303\244\r\n"); /* the first thing it hears */
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
}

static void impossible_lengths_are_refused_and_not_forwarded(void **state)
{
    static const char *const lengths[] = {
        "-1",
        "-0x1",
        "abc",
        "1e3",
        "2147483647",
        "2147483648",
        "4294967295",
        "4294967296",
        "4294967297",
        "99999999999",
        "18446744073709551615",
        "18446744073709551616",
        "123456789012345678901234567890",
    };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct client *c = client_connects(m);
        client_sends(c, textf("set k 0 0 %s\r\n", lengths[i]));
        const char *line = client_sees_line(c);
        if (strncmp(line, "CLIENT_ERROR ", 13) != 0 && strncmp(line, "SERVER_ERROR ", 13) != 0)
            stage_fails("length %s: %s", lengths[i], line);
        client_closes(c);
    }
    struct client *last = client_connects(m);
    client_sends(last, "get k\r\n");
    backend_sees(b, "get k\r\n"); /* the first thing it hears */
    backend_answers(b, "END\r\n");
    client_sees(last, "END\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(values_of_every_small_size_come_back_whole),
        play(values_around_buffer_sizes_come_back_whole),
        play(a_value_of_one_mebibyte_is_accepted),
        play(a_value_over_the_limit_is_refused_and_swallowed),
        play(so_is_one_of_a_key_in_base64),
        play(the_limit_is_an_option),
        play(a_value_of_64_mebibytes_passes_in_bounded_memory),
        play(keys_of_up_to_250_bytes_are_accepted),
        play(a_key_of_251_bytes_is_a_client_error),
        play(keys_hold_every_byte_that_servers_keep),
        play(meta_commands_name_every_byte_too),
        play(keys_with_control_bytes_are_client_errors_where_keys_are_strict),
        play(scripts_keep_to_strict_keys_too),
        play(impossible_lengths_are_refused_and_not_forwarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
