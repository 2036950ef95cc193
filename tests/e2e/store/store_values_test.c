/* Values and keys of stores, as clients see them: large values and the limits for them, slow readers, gets of many keys over stores and
 * pools, the binary protocol, keys that a script has changed, and what clients ask of the whole tier. */
#include <stdio.h>
#include <string.h>

#include "lib/client.h"
#include "lib/footprint.h"
#include "lib/frames.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/stage.h"

/* A value that tells where a part of it belongs. */
static char *value_of(size_t n)
{
    char *value = stage_memory(n + 1);
    for (size_t i = 0; i < n; i++) value[i] = (char)('a' + i / 7 % 26);
    return value;
}

static void stores(struct client *c, const char *key, const char *value)
{
    client_sends(c, textf("set %s 7 0 %zu\r\n", key, strlen(value)));
    client_sends(c, value);
    client_asks(c, "\r\n", "STORED\r\n");
}

static void gets(struct client *c, const char *key, const char *value)
{
    client_sends(c, textf("get %s\r\n", key));
    client_sees(c, textf("VALUE %s 7 %zu\r\n", key, strlen(value)));
    client_sees(c, value);
    client_sees(c, "\r\nEND\r\n");
}

/* --- large values ------------------------------------------------------------------------------ */

static void values_of_all_lengths_come_back(void **state)
{
    static const size_t lengths[] = {0,     1,     2,     1023,  1024,    4095,    16383,
                                     16384, 16385, 65535, 65536, 1 << 20, 3000001, 8 << 20};
    struct moongate *m =
        moongate_start(NULL, "--store", "64m", "--max-value", "8m", "-j", "2", NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const char *value = value_of(lengths[i]), *key = textf("k%zu", i);
        stores(c, key, value);
        gets(other, key, value);
        if (lengths[i] > 4 << 20) continue;
        client_asks(c, textf("append %s 0 0 3\r\nend\r\n", key), "STORED\r\n");
        gets(other, key, textf("%send", value));
    }
    client_sees_nothing_more(c);
}

static void a_value_over_the_limits_is_refused(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "1m", NULL);
    struct client *c = client_connects(m);
    stores(c, "half", value_of(400 * 1024));
    stores(c, "k", "old");
    client_sends(c, textf("set k 0 0 %d\r\n", 600 * 1024)); /* more than half of the store */
    client_sends(c, value_of(600 * 1024));
    client_asks(c, "\r\n", "SERVER_ERROR object too large for cache\r\n");
    client_asks(c, "get k\r\n", "END\r\n"); /* as in memcached the old value is gone, too */
    client_sends(c, textf("set k 0 0 %d\r\n", (1 << 20) + 1)); /* more than --max-value */
    client_sends(c, value_of((1 << 20) + 1));
    client_asks(c, "\r\n", "SERVER_ERROR object too large for cache\r\n");
    client_sees_nothing_more(c);
}

/* max_value of mg.options counts where it stands before. */
static void a_script_may_allow_larger_values(void **state)
{
    struct moongate *m = moongate_start(
        MG "mg.options { max_value = '4m' }\nreturn mg.store { size = '16m' }\n", NULL);
    struct client *c = client_connects(m);
    const char *value = value_of(4 << 20);
    stores(c, "k", value);
    gets(c, "k", value);
}

enum { SLOW = 20, LARGE = 1 << 20 };

/* I6: while 256 KiB wait for a client, no more of its requests are taken: so it holds a value and not --client-buffer, which is 8 MiB. */
static void slow_readers_hold_little_memory(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "64m", NULL);
    struct client *c = client_connects(m), *slow[SLOW];
    const char *value = value_of(LARGE);
    stores(c, "k", value);
    gets(c, "k", value);
    pid_t worker = moongate_worker(m);
    size_t before = program_rss_kib(worker);
    for (int i = 0; i < SLOW; i++) {
        slow[i] = client_connects(m);
        client_stops_reading(slow[i]);
        for (int k = 0; k < 50; k++) client_sends(slow[i], "get k\r\n");
    }
    for (int i = 0; i < 20; i++) gets(c, "k", value); /* others are served */
    if (!stage_is_sanitized()) assert_true(program_rss_kib(worker) < before + SLOW * 3 * 1024);
    for (int i = 0; i < SLOW; i++) {
        client_reads_again(slow[i]);
        for (int k = 0; k < 50; k++) {
            client_sees(slow[i], textf("VALUE k 7 %d\r\n", LARGE));
            client_sees(slow[i], value);
            client_sees(slow[i], "\r\nEND\r\n");
        }
        client_sees_nothing_more(slow[i]);
    }
}

/* The same for one get, whose answer is put together before it goes. */
static void a_get_of_many_large_values_holds_little_memory(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "64m", "--client-buffer", "1m", NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    const char *value = value_of(LARGE), *line = "get";
    stores(c, "k", value);
    pid_t worker = moongate_worker(m);
    size_t before = program_peak_kib(worker);
    for (int i = 0; i < 200; i++) line = textf("%s k", line);
    client_sends(c, textf("%s\r\n", line));
    for (int i = 0; i < 2; i++) {
        client_sees(c, textf("VALUE k 7 %d\r\n", LARGE));
        client_sees(c, value);
        client_sees(c, "\r\n");
    }
    client_sees(c,
                "SERVER_ERROR the answer is larger than --client-buffer: ask for fewer keys\r\n");
    client_sees_nothing_more(c);
    gets(other, "k", value);
    if (!stage_is_sanitized()) assert_true(program_peak_kib(worker) < before + 20 * 1024);
}

/* Without a flow, and in another worker: so negative_cache has only the table of writes to go by. */
static void a_write_to_a_store_counts_for_policies_of_all_workers(void **state)
{
    struct moongate *m =
        moongate_start(MG "local s = mg.store { size = '1m' }\n"
                          "return mg.by_command {\n"
                          "  get = mg.negative_cache { s, ttl = 60 }, default = s }\n",
                       "-j", "2", NULL);
    struct client *c[8];
    for (int i = 0; i < 8; i++) c[i] = client_connects(m);
    for (int i = 0; i < 8; i++) client_asks(c[i], "get k\r\n", "END\r\n");
    client_stores_value(c[0], "k", "there");
    for (int i = 0; i < 8; i++) client_gets_value(c[i], "k", "there");
}

/* A store never takes more than its size: old items go. */
static void a_full_store_keeps_what_is_asked_for(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "1m", NULL);
    struct client *c = client_connects(m);
    const char *value = value_of(1000);
    for (int i = 0; i < 5000; i++) {
        client_asks(c, textf("set k%d 0 0 1000\r\n%s\r\n", i, value), "STORED\r\n");
        if (i % 50 == 0) client_asks(c, "set often 0 0 1\r\n1\r\n", "STORED\r\n");
        if (i % 10 == 0) client_asks(c, "get often\r\n", "VALUE often 0 1\r\n1\r\nEND\r\n");
    }
    assert_true(stat_number(c, "", "evictions") > 3000);
    assert_true(stat_number(c, "", "curr_items") > 500);
    assert_true(stat_number(c, "", "bytes") <= 1 << 20);
    assert_int_equal(stat_number(c, "", "limit_maxbytes"), 1 << 20);
    assert_int_equal(stat_number(c, "", "total_items"), 5100);
    client_asks(c, "stats reset\r\n", "RESET\r\n");
    assert_int_equal(stat_number(c, "", "evictions"), 0);
    assert_int_equal(stat_number(c, "", "total_items"), 0);
    assert_true(stat_number(c, "", "curr_items") > 500);
    client_stores_value(c, "k", "x");
    assert_int_equal(stat_number(c, "", "total_items"), 1);
}

/* --- many keys --------------------------------------------------------------------------------- */

/* Keys that begin with s and t are in two stores, t under another key; all others in a pool. */
static struct moongate *starts_mixed(void)
{
    const char *server = memcached_address(memcached_start(NULL));
    return moongate_start(
        textf(MG "local s = mg.store { size = '1m', name = 's' }\n"
                 "local t = mg.store { size = '1m', name = 't' }\n"
                 "local p = mg.pool { '%s' }\n"
                 "return mg.by_prefix { {\n"
                 "  s = s, t = mg.modify_key { t, add = 'long:' } }, default = p }\n",
              server),
        NULL);
}

enum { KEYS = 100 };

static void a_get_of_many_keys_over_stores_and_pools(void **state)
{
    struct moongate *m = starts_mixed();
    struct client *c = client_connects(m);
    const char *line = "get", *answer = "";
    for (int i = 0; i < KEYS; i++) {
        const char *key = textf("%c%d", "stp"[i % 3], i);
        line = textf("%s %s", line, key);
        if (i % 5 == 4) continue; /* a miss */
        client_stores_value(c, key, textf("value %d", i));
        answer = textf("%sVALUE %s 0 %d\r\nvalue %d\r\n", answer, key, i < 10 ? 7 : 8, i);
    }
    client_asks(c, textf("%s\r\n", line), textf("%sEND\r\n", answer));
    client_asks(c, textf("gets s0\r\n%s\r\n", line),
                textf("VALUE s0 0 7 1\r\nvalue 0\r\nEND\r\n%sEND\r\n", answer));
    client_sees_nothing_more(c);
}

/* The client sees its own key, in the form in which it wrote it. */
static void a_key_that_is_changed_is_shown_as_it_came(void **state)
{
    struct client *c = client_connects(starts_mixed());
    client_asks(c, "ms dGtleQ== 1 b k c\r\nx\r\n", "HD kdGtleQ== b c1\r\n"); /* tkey */
    client_asks(c, "mg tkey v k O7\r\n", "VA 1 ktkey O7\r\nx\r\n");
    client_asks(c, "mg dGtleQ== b v k\r\n", "VA 1 kdGtleQ== b\r\nx\r\n");
    client_asks(c, "get tkey\r\n", "VALUE tkey 0 1\r\nx\r\nEND\r\n");
    client_asks(c, "mg tnone v k O7\r\n", "EN ktnone O7\r\n");
    client_asks(c, "md tkey q\r\nmd tkey q\r\nmn\r\n", "NF\r\nMN\r\n");
    client_sees_nothing_more(c);
}

/* --- the whole tier ---------------------------------------------------------------------------- */

static void the_tier_is_its_stores_and_servers(void **state)
{
    struct client *c = client_connects(starts_mixed());
    for (const char *k = "stp"; *k; k++) client_stores_value(c, textf("%ckey", *k), "x");
    assert_int_equal(stat_number(c, "", "curr_items"), 3);
    assert_int_equal(stat_number(c, "", "limit_maxbytes"), (2 << 20) + (64 << 20));
    assert_int_equal(stat_number(c, "settings", "maxbytes"), (2 << 20) + (64 << 20));
    assert_int_equal(stat_number(c, "items", "items:1:number"), 3);
    assert_int_equal(stat_number(c, "stores", "s:items"), 1);
    assert_int_equal(stat_number(c, "stores", "t:cmd_set"), 1);
    client_asks(c, "stats sizes\r\n", "STAT sizes_status disabled\r\nEND\r\n");
    client_sends(c, "lru_crawler metadump all\r\n");
    client_sees_line_starting(c, "key=skey exp=-1 la=");
    client_sees_line_starting(c, "key=long%3Atkey exp=-1 la=");
    client_sees_line_starting(c, "key=pkey exp=-1 la=");
    client_sees(c, "END\r\n");
    client_asks(c, "stats cachedump 1 1\r\n", "ITEM skey [1 b; 0 s]\r\nEND\r\n");
    client_asks(c, "flush_all\r\n", "OK\r\n");
    client_asks(c, "get skey tkey\r\n", "END\r\n");
    client_sees_nothing_more(c);
}

/* A dump is longer than what is held for a client that does not read. */
static void a_dump_waits_for_its_reader(void **state)
{
    enum { ITEMS = 20000 };
    struct moongate *m = moongate_start(NULL, "--store", "16m", NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    static bool seen[ITEMS];
    for (int i = 0; i < ITEMS; i++)
        client_sends(c, textf("set key-of-some-length-%d 0 0 1 noreply\r\nx\r\n", i));
    client_sees_nothing_more(c);
    client_stops_reading(c);
    client_sends(c, "lru_crawler mgdump all\r\nmn\r\n");
    for (int i = 0; i < 100; i++) client_asks(other, "get nothing\r\n", "END\r\n");
    client_reads_again(c);
    for (int i = 0, n; i < ITEMS; i++) {
        assert_int_equal(sscanf(client_sees_line(c), "mg key-of-some-length-%d", &n), 1);
        assert_false(seen[n]);
        seen[n] = true;
    }
    client_sees(c, "EN\r\nMN\r\n");
    client_sees_nothing_more(c);
}

/* --- the binary protocol ----------------------------------------------------------------------- */

enum {
    GET = 0x00,
    SET = 0x01,
    DELETE = 0x04,
    INCREMENT = 0x05,
    FLUSH = 0x08,
    OK = 0,
    NONE = 1,
    EXISTS = 2
};

static void a_client_of_the_binary_protocol(void **state)
{
    struct client *c = client_connects(moongate_start(NULL, "--store", "1m", NULL));
    client_asks_frame(c, frame_of(GET, "k"), NONE, "Not found");
    struct frame set = frame_store(SET, "k", "value");
    client_sends_frame(c, set);
    client_sees_frame(c, (struct frame){.opcode = SET, .cas = UINT64_MAX});
    client_sends_frame(c, frame_of(GET, "k"));
    client_sees_frame(
        c,
        (struct frame){
            .opcode = GET, .cas = UINT64_MAX, .extras = "\0\0\0", .extras_n = 4, .value = "value"});
    set.cas = 77;
    client_asks_frame(c, set, EXISTS, "Data exists for key.");
    client_asks_frame(c, frame_of(DELETE, "k"), OK, "");
    client_asks_frame(c, frame_of(DELETE, "k"), NONE, "Not found");
    client_asks_frame(c, set, NONE, "Not found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(values_of_all_lengths_come_back),
        play(a_value_over_the_limits_is_refused),
        play(a_script_may_allow_larger_values),
        play(slow_readers_hold_little_memory),
        play(a_get_of_many_large_values_holds_little_memory),
        play(a_write_to_a_store_counts_for_policies_of_all_workers),
        play(a_full_store_keeps_what_is_asked_for),
        play(a_get_of_many_keys_over_stores_and_pools),
        play(a_key_that_is_changed_is_shown_as_it_came),
        play(the_tier_is_its_stores_and_servers),
        play(a_dump_waits_for_its_reader),
        play(a_client_of_the_binary_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
