/* Long values of stores on their way to clients: they are written while the turn still runs, as much as the kernel takes. Whatever happens
 * meanwhile, a client gets whole values in the order of its requests. */
#include <stdio.h>
#include <string.h>

#include "lib/certs.h"
#include "lib/client.h"
#include "lib/frames.h"
#include "lib/moongate.h"
#include "lib/program.h"
#include "lib/scene.h"
#include "lib/secure.h"
#include "lib/stage.h"

enum { LARGE = 1 << 20, CLIENTS = 6 };

/* Each of its bytes says which value it is, and some where they belong. */
static char *value_of(char kind, size_t n)
{
    char *value = stage_memory(n + 1);
    memset(value, kind, n);
    for (size_t i = 0; i < n; i += 61) value[i] = (char)('0' + i / 61 % 10);
    return value;
}

static void stores(struct client *c, const char *key, const char *value)
{
    client_sends(c, textf("set %s 7 0 %zu\r\n", key, strlen(value)));
    client_sends(c, value);
    client_asks(c, "\r\n", "STORED\r\n");
}

static void sees_value(struct client *c, const char *key, const char *value)
{
    client_sees(c, textf("VALUE %s 7 %zu\r\n", key, strlen(value)));
    client_sees(c, value);
    client_sees(c, "\r\nEND\r\n");
}

static void gets(struct client *c, const char *key, const char *value)
{
    client_sends(c, textf("get %s\r\n", key));
    sees_value(c, key, value);
}

/* --- what happens while a value is sent -------------------------------------------------------- */

/* The socket has taken a part of it; the rest must be of the same value. */
static void a_value_that_is_replaced_while_it_is_sent_stays_whole(void **state)
{
    struct moongate *m =
        moongate_start(NULL, "--store", "64m", "--max-value", "8m", "-j", "2", NULL);
    struct client *slow[CLIENTS], *other = client_connects(m);
    const char *old = value_of('a', 8 * LARGE), *new = value_of('b', 8 * LARGE);
    stores(other, "k", old);
    for (int i = 0; i < CLIENTS; i++) {
        slow[i] = client_connects(m);
        client_stops_reading(slow[i]);
        client_sends(slow[i], "get k\r\n");
    }
    client_asks_until(other, "mg k h\r\n", "HD h1\r\n");
    for (int i = 0; i < 20; i++) stores(other, textf("other%d", i), value_of('c', LARGE));
    stores(other, "k", new);
    gets(other, "k", new);
    for (int i = 0; i < CLIENTS; i++) {
        client_reads_again(slow[i]);
        client_sees(slow[i], textf("VALUE k 7 %d\r\n", 8 * LARGE));
        char first = client_sees_some(slow[i], 2)[1]; /* its get may have come after the set */
        assert_true(first == 'a' || first == 'b');
        client_sees(slow[i], (first == 'a' ? old : new) + 2);
        client_sees(slow[i], "\r\nEND\r\n");
        client_sees_nothing_more(slow[i]);
    }
}

/* Two workers, one writes and one reads all the time. */
static void values_that_are_replaced_all_the_time_are_never_mixed(void **state)
{
    enum { TIMES = 60, LENGTH = 200000 };
    struct moongate *m = moongate_start(NULL, "--store", "4m", "-j", "2", NULL);
    struct client *reader = client_connects(m), *writer = client_connects(m);
    const char *values[] = {value_of('a', LENGTH), value_of('b', LENGTH)};
    stores(writer, "k", values[0]);
    for (int i = 0; i < TIMES; i++) {
        for (int k = 0; k < 4; k++) client_sends(reader, "get k\r\n");
        client_sends(writer, textf("set k 7 0 %d\r\n", LENGTH));
        client_sends(writer, values[i % 2]);
        client_sends(writer, "\r\n");
        for (int k = 0; k < 4; k++) {
            client_sees(reader, textf("VALUE k 7 %d\r\n", LENGTH));
            char first = client_sees_some(reader, 2)[1];
            client_sees(reader, values[first == 'b'] + 2);
            client_sees(reader, "\r\nEND\r\n");
        }
        client_sees(writer, "STORED\r\n");
    }
    client_sees_nothing_more(reader);
    client_sees_nothing_more(writer);
}

static void clients_that_go_in_the_middle_harm_nobody(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "64m", "--max-value", "8m", NULL);
    struct client *c = client_connects(m);
    const char *value = value_of('a', 8 * LARGE);
    stores(c, "k", value);
    for (int i = 0; i < 2 * CLIENTS; i++) {
        struct client *goes = client_connects(m);
        client_stops_reading(goes);
        client_sends(goes, "get k\r\nget k\r\n");
        if (i % 3 == 0) client_asks(c, "mn\r\n", "MN\r\n");
        if (i % 2)
            client_resets(goes);
        else
            client_closes(goes);
        gets(c, "k", value);
    }
    stores(c, "k", "new");
    gets(c, "k", "new");
    assert_int_equal(stat_number(c, "", "curr_items"), 1);
    client_sees_nothing_more(c);
}

/* --- order ------------------------------------------------------------------------------------- */

/* I1: long ones are written at once, short ones at the end of the turn. */
static void long_and_short_answers_keep_their_order(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "16m", NULL);
    struct client *c = client_connects(m);
    const char *values[] = {value_of('a', 10), value_of('b', 70000), value_of('c', 200000),
                            value_of('d', 9000)};
    enum { VALUES = sizeof values / sizeof *values, ROUNDS = 12 };
    for (int i = 0; i < VALUES; i++) stores(c, textf("k%d", i), values[i]);
    const char *asked = "";
    for (int i = 0; i < ROUNDS; i++)
        asked = textf("%sget k%d\r\nmn\r\nget none\r\nget k%d\r\nget k%d k2\r\nset s 0 0 1 "
                      "noreply\r\nx\r\nmg k2 s f k v\r\nmg k1 v q\r\nget k2\r\n",
                      asked, i % VALUES, (i + 2) % VALUES, (i + 1) % VALUES);
    client_sends(c, asked);
    for (int i = 0; i < ROUNDS; i++) {
        sees_value(c, textf("k%d", i % VALUES), values[i % VALUES]);
        client_sees(c, "MN\r\nEND\r\n");
        sees_value(c, textf("k%d", (i + 2) % VALUES), values[(i + 2) % VALUES]);
        const char *value = values[(i + 1) % VALUES];
        client_sees(c, textf("VALUE k%d 7 %zu\r\n", (i + 1) % VALUES, strlen(value)));
        client_sees(c, value);
        client_sees(c, "\r\n");
        sees_value(c, "k2", values[2]);
        client_sees(c, "VA 200000 s200000 f7 kk2\r\n");
        client_sees(c, values[2]);
        client_sees(c, "\r\nVA 70000\r\n");
        client_sees(c, values[1]);
        client_sees(c, "\r\n");
        sees_value(c, "k2", values[2]);
    }
    client_sees_nothing_more(c);
    uint64_t written = stat_number(c, "", "bytes_written");
    assert_true(written > ROUNDS * 4 * 200000ULL); /* what is written early counts, too */
}

/* --- who asks ---------------------------------------------------------------------------------- */

static const size_t lengths[] = {8191,  8192,  32767, 32768, 32769,   65535,
                                 65536, 65537, 99999, 98304, 1048575, 1048576};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

static void gets_each(struct client *c)
{
    for (size_t i = 0; i < LENGTHS; i++) gets(c, textf("k%zu", i), value_of('x', lengths[i]));
    for (size_t i = 0; i < LENGTHS; i++) client_sends(c, textf("get k%zu\r\n", i));
    for (size_t i = 0; i < LENGTHS; i++) sees_value(c, textf("k%zu", i), value_of('x', lengths[i]));
    client_sees_nothing_more(c);
}

static void stores_each(struct client *c)
{
    for (size_t i = 0; i < LENGTHS; i++) stores(c, textf("k%zu", i), value_of('x', lengths[i]));
}

static void clients_of_all_kinds_get_them_whole(void **state)
{
    const char *path = textf("unix:%s/near", program_folder());
    struct moongate *m =
        moongate_start(NULL, "--store", "32m", "-b", "127.0.0.1", "-b", path, NULL);
    struct client *c = client_connects(m), *near = client_connects_to(path);
    stores_each(c);
    gets_each(c);
    gets_each(near);
    stores_each(near);
    gets_each(c);
    struct client *binary = client_connects(m);
    for (size_t i = 0; i < LENGTHS; i++) {
        client_sends_frame(binary, frame_of(0, textf("k%zu", i)));
        client_sees_frame(binary, (struct frame){.cas = UINT64_MAX,
                                                 .extras = "\0\0\0\7",
                                                 .extras_n = 4,
                                                 .value = value_of('x', lengths[i])});
    }
}

static void a_tls_client_gets_them_whole(void **state)
{
    const struct cert *own = cert_ca("moongate");
    const char *both = cert_file("both.pem", cert_pem(own), cert_key_pem(own));
    struct moongate *m = moongate_start(NULL, "--store", "32m", "--tls-cert", both, "--tls-key",
                                        both, "-b", "127.0.0.1", NULL);
    struct client *c = client_connects_secure(m, &(struct secure_wanted){0});
    stores_each(c);
    gets_each(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_value_that_is_replaced_while_it_is_sent_stays_whole),
        play(values_that_are_replaced_all_the_time_are_never_mixed),
        play(clients_that_go_in_the_middle_harm_nobody),
        play(long_and_short_answers_keep_their_order),
        play(clients_of_all_kinds_get_them_whole),
        play(a_tls_client_gets_them_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
