/* Meta requests in front of servers that do not know meta commands are answered as by one that knows them: random streams are compared with a
 * real memcached. What goes wrong: classic_test.
 */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/oldserver.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const char *const KEYS[] = {"a", "b", "c", "bm9uZQ== b", "YQ== b"};
static const char *const NUMBERS[] = {"n", "bg== b"};

static const char *const GETS[] = {"v", "v f", "s v", "k v O1", "f s k",  "O9",
                                   "k", "v q", "q k", "T0",     "T300 k", "T-1"};
static const char *const GATS[] = {"T30 v f", "T-1 v k", "T0 s O1", "v T9999 q"};
static const char *const SETS[] = {"MA",     "MP k",
                                   "MA q",   "",
                                   "F7",     "T30",
                                   "T-1",    "F4294967295 k",
                                   "ME",     "ME k O1",
                                   "MR",     "MS q",
                                   "C1",     "C18446744073709551615 k",
                                   "MS O77", "T0 F1 MR q"};
static const char *const DELETES[] = {"", "k", "q", "O1 k", "k q O2"};
static const char *const COUNTS[] = {"",       "v",   "D5 v",   "MD v", "M- D3",
                                     "v k O1", "q v", "MI v q", "MX",   "Dx"};
static const char *const VALUES[] = {"", "7", "word", "1000000", "END\r\n", "18446744073709551615"};

static const char *a_store(const char *key, const char *flags, const char *value)
{
    return textf("ms %.*s %zu%s %s\r\n%s\r\n", (int)strcspn(key, " "), key, strlen(value),
                 strchr(key, ' ') ? " b" : "", flags, value);
}

/* A number that gets no other length: memcached pads one that becomes shorter with spaces, unless an answer that is not sent yet holds
 * the item, and a get holds it where an mg does not. */
static const char *about_a_number(unsigned *seed)
{
    const char *key = NUMBERS[random_below(seed, 2)];
    if (random_below(seed, 3) == 0)
        return a_store(key, SETS[3 + random_below(seed, COUNT(SETS) - 3)], "1000500");
    return textf("ma %s %s\r\n", key, COUNTS[random_below(seed, COUNT(COUNTS))]);
}

/* What a server takes besides, as bits. */
enum { TAKES_GAT = 1, TAKES_PAST = 2 };

/* A random request that classic commands can say to a server of that kind. Several versions of memcached show what a time in the past
 * has done in a second only, so an item that such a request may leave is deleted. */
static const char *a_request(unsigned *seed, unsigned takes)
{
    const char *key = KEYS[random_below(seed, COUNT(KEYS))], *request;
    switch (random_below(seed, takes & TAKES_GAT ? 7 : 6)) {
    case 0:
    case 1: request = textf("mg %s %s\r\n", key, GETS[random_below(seed, COUNT(GETS))]); break;
    case 2:
        request = a_store(key, SETS[random_below(seed, COUNT(SETS))],
                          VALUES[random_below(seed, COUNT(VALUES))]);
        break;
    case 3: return textf("md %s %s\r\n", key, DELETES[random_below(seed, COUNT(DELETES))]);
    case 4:
    case 5: request = about_a_number(seed); break;
    default: request = textf("mg %s %s\r\n", key, GATS[random_below(seed, COUNT(GATS))]); break;
    }
    if (strstr(request, "T-1") && !(takes & TAKES_PAST)) return "md none\r\n";
    return strstr(request, "T-1")
               ? textf("%sdelete a\r\ndelete b\r\ndelete c\r\ndelete none\r\ndelete n\r\n", request)
               : request;
}

/* The key in the form in which it was asked for: the other server answers in that in which the item was stored, as a word by itself or
 * with b behind it. */
static void take_out_keys(char *answer)
{
    static const char *const forms[] = {" kbm9uZQ== b", " kYQ== b", " kbg== b", " ka",
                                        " kb",          " kc",      " knone",   " kn"};
    for (size_t i = 0; i < COUNT(forms); i++) {
        for (char *at = answer; (at = strstr(at, forms[i]));) {
            char *behind = at + strlen(forms[i]);
            if (*behind != ' ' && *behind != '\r') {
                at++;
                continue;
            }
            memcpy(at, " K", 2);
            memmove(at + 2, behind, strlen(behind) + 1);
        }
    }
}

static char *answers_to(struct client *c, const char *requests)
{
    struct octets all = {0};
    client_sends(c, textf("%smn\r\n", requests));
    for (;;) {
        const char *line = client_sees_line(c);
        if (strcmp(line, "MN") == 0) break;
        octets_add(&all, line, strlen(line));
        octets_add(&all, "\r\n", 2);
    }
    octets_add(&all, "", 1);
    char *text = stage_memory(octets_n(&all));
    memcpy(text, octets_at(&all), octets_n(&all));
    octets_release(&all);
    take_out_keys(text);
    return text;
}

static void are_answered_alike(struct client *one, struct client *other, const char *requests)
{
    const char *seen = answers_to(one, requests), *got = answers_to(other, requests);
    if (strcmp(seen, got) != 0)
        stage_fails("sent\n%s\n--- the server:\n%s\n--- through moongate:\n%s", requests, seen,
                    got);
}

/* Half of the streams are pipelined. */
static void answers_are_alike(const char *known, const char *unknown, const char *options,
                              unsigned takes, unsigned streams)
{
    struct client *one = client_connects_to(known);
    struct client *other = client_connects(moongate_start(script_of_one(unknown, options), NULL));
    stat_becomes(other, "servers", textf("%s:state", unknown), "ready");
    for (unsigned stream = 1; stream <= streams; stream++) {
        unsigned seed = stream;
        const char *all = "";
        for (int i = 0; i < 10; i++) {
            const char *request = a_request(&seed, takes);
            if (stream % 2)
                are_answered_alike(one, other, request);
            else
                all = textf("%s%s", all, request);
        }
        are_answered_alike(one, other, all);
    }
}

/* With probe = connect a server is not asked whether it knows meta commands. */
static void a_real_server_asked_in_classic_words_answers_alike(void **state)
{
    if (!memcached_at_hand_has_meta()) return;
    answers_are_alike(memcached_address(memcached_start(NULL)),
                      memcached_address(memcached_start(NULL)), "probe = 'connect'",
                      TAKES_GAT | TAKES_PAST, 200);
}

static void old_servers_answer_alike(void **state)
{
    static const enum oldserver_kind kinds[] = {OLDSERVER_1_4_25,     OLDSERVER_1_5_22,
                                                OLDSERVER_1_6_6,      OLDSERVER_FOREIGN,
                                                OLDSERVER_NUTCRACKER, OLDSERVER_LF};
    if (!memcached_at_hand_has_meta()) return;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        bool has_gat = kinds[i] == OLDSERVER_1_5_22 || kinds[i] == OLDSERVER_1_6_6;
        unsigned takes =
            (has_gat ? TAKES_GAT : 0) | (kinds[i] == OLDSERVER_NUTCRACKER ? 0 : TAKES_PAST);
        struct oldserver *old = oldserver_listens(kinds[i]);
        answers_are_alike(memcached_address(memcached_start(NULL)), oldserver_address(old), "",
                          takes, 40);
        oldserver_never_executed(old, "m[gsda] *");
        stage_clears();
    }
}

/* The rows that differ: a cas that is not known is 0, and a key is answered in the form in which it was asked for. */
static void what_differs_is_as_documented(void **state)
{
    struct client *c = client_connects(moongate_start(
        script_of_one(memcached_address(memcached_start(NULL)), "probe = 'connect'"), NULL));
    client_asks(c, "ms k 1 c\r\n5\r\n", "HD c0\r\n");
    client_asks(c, "ma k c v\r\n", "VA 1 c0\r\n6\r\n");
    client_asks(c, "mg aw== b k v\r\n", "VA 1 kaw== b\r\n6\r\n");
    client_sends(c, "gets k\r\n");
    unsigned long cas = strtoul(strrchr(client_sees_line(c), ' '), NULL, 10);
    client_sees(c, "6\r\nEND\r\n");
    client_asks(c, "mg k c\r\n", textf("HD c%lu\r\n", cas));
    client_asks(c, textf("ms k 1 C%lu\r\n7\r\n", cas + 1), "EX\r\n");
    client_asks(c, textf("ms k 1 C%lu\r\n7\r\n", cas), "HD\r\n");
    client_asks(c, "mg k v\r\n", "VA 1\r\n7\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_real_server_asked_in_classic_words_answers_alike),
        play(old_servers_answer_alike),
        play(what_differs_is_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
