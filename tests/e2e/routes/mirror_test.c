/* mg.migrate with writes = "both", and mg.staging: after any commands, of one client or of many at once, the second place has what the
 * first one has, or lacks it; it never keeps what is older. SEED: another stream of commands; MIRROR_SECONDS: so long. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/stage.h"

enum { KEYS = 6, CLIENTS = 6, MOST = 12, ROUNDS = 40, ALONE = 400, LIFETIME_MOST = 2 };

static struct client *places[2];
static bool has_meta;
static unsigned seed;

static const char *const policies[] = {
    "mg.migrate { a, b, start = os.time() + 9999, interval = 9, writes = 'both' }",
    "mg.migrate { a, b, start = os.time() - 99, interval = 3e8, writes = 'both' }",
    "mg.staging { a, b }",
};

/* --- commands ----------------------------------------------------------------------------------- */

/* %k: the key; %b: in base64; %n: a small number; %v: a value of two bytes; %t: an exptime. */
static const char *const classic[] = {
    "set %k %n %t 2\r\n%v\r\n",
    "set %k 0 %t 2\r\n%v\r\n",
    "add %k %n %t 2\r\n%v\r\n",
    "replace %k 5 %t 2\r\n%v\r\n",
    "append %k 0 0 2\r\n%v\r\n",
    "prepend %k 0 0 2\r\n%v\r\n",
    "incr %k %n\r\n",
    "decr %k %n\r\n",
    "touch %k %t\r\n",
    "gat %t %k\r\n",
    "gats %t %k\r\n",
    "delete %k\r\n",
    "get %k\r\n",
    "gets %k\r\n",
    "cas %k 1 %t 2 %n\r\n%v\r\n",
};
static const char *const meta[] = {
    "ms %k 2 T%t F%n\r\n%v\r\n",
    "ms %k 2 ME T%t\r\n%v\r\n",
    "ms %k 2 MR T%t\r\n%v\r\n",
    "ms %k 2 MA\r\n%v\r\n",
    "ms %k 2 MP\r\n%v\r\n",
    "ms %k 2 MA N%t\r\n%v\r\n",
    "ms %k 2 C%n\r\n%v\r\n",

    "ma %k D%n\r\n",
    "ma %k N%t J%n v\r\n",
    "ma %k MD T%t\r\n",
    "md %k\r\n",
    "md %k C%n\r\n",
    "mg %k T%t v\r\n",
    "ms %b 2 b T%t F%n\r\n%v\r\n",
    "ms %b 2 b MP\r\n%v\r\n",
    "md %b b\r\n",
    "mg %b b T%t v\r\n",
    "ma %b b N0 J7\r\n",
    "mg %k v f t c\r\n",
};
/* These leave what only the first place has, or an item that is stale. */
static const char *const odd[] = {"mg %k N30 v\r\n", "md %k I\r\n", "md %k I T30\r\n",
                                  "ms %k 2 C%n I\r\n%v\r\n", "mg %k v R900\r\n"};

#define ONE_OF(list) list[random_below(&seed, sizeof(list) / sizeof *(list))]

static const char *fill_in(const char *form, const char *key)
{
    static const char *const encoded[KEYS] = {
        "a2V5MA==", "a2V5MQ==", "a2V5Mg==", "a2V5Mw==", "a2V5NA==", "a2V5NQ=="};
    static const char *const times[] = {"0", "100", "1000"};
    char *text = stage_memory(200), *to = text;
    for (; *form; form++) {
        if (*form != '%')
            *to++ = *form;
        else if (*++form == 'k')
            to += sprintf(to, "%s", key);
        else if (*form == 'b')
            to += sprintf(to, "%s", encoded[key[3] - '0']);
        else if (*form == 't')
            to += sprintf(to, "%s", ONE_OF(times));
        else if (*form == 'n')
            to += sprintf(to, "%u", random_below(&seed, 9));
        else
            to += sprintf(to, "%02u", random_below(&seed, 100));
    }
    return text;
}

static const char *key_name(unsigned i)
{
    return textf("key%u", i);
}

static const char *any_key(void)
{
    return key_name(random_below(&seed, KEYS));
}

static const char *command(const char *key, bool with_odd)
{
    unsigned kind = random_below(&seed, 10);
    const char *form = kind < 5 || !has_meta   ? ONE_OF(classic)
                       : kind < 9 || !with_odd ? ONE_OF(meta)
                                               : ONE_OF(odd);
    return fill_in(form, key);
}

/* All lines of the answers, until that of the version: each server and moongate answer that last. */
static const char *answers(struct client *c)
{
    const char *all = "", *line;
    while (strncmp(line = client_sees_line(c), "VERSION", 7) != 0) all = textf("%s%s|", all, line);
    return all;
}

static const char *asks(struct client *c, const char *request)
{
    client_sends(c, textf("%sversion\r\n", request));
    return answers(c);
}

/* A cas that the first place has: so that some comparisons hit. */
static const char *command_with_cas(struct client *c, const char *key)
{
    static const char *const forms[] = {"cas %k 3 100 2 #\r\n%v\r\n", "ms %k 2 C# T100\r\n%v\r\n",
                                        "md %k C#\r\n", "ma %k C# D5\r\n",
                                        "ms %k 2 C# MA\r\n%v\r\n"};
    unsigned long cas = 1;
    sscanf(asks(c, textf("gets %s\r\n", key)), "VALUE %*s %*u %*u %lu", &cas);
    const char *form = has_meta ? ONE_OF(forms) : forms[0];
    const char *hash = strchr(form, '#');
    return fill_in(textf("%.*s%lu%s", (int)(hash - form), form, cas, hash + 1), key);
}

/* --- what the places hold ------------------------------------------------------------------------- */

struct item {
    bool is_there;
    unsigned flags;
    long ttl;
    char value[200];
};

/* Without blanks: memcached may pad a number that gets shorter with some, or not, depending on who else holds the item. */
static struct item item_of(struct client *c, const char *key)
{
    struct item item = {.is_there = false};
    const char *form = has_meta ? "mg %k f t v\r\n" : "get %k\r\n";
    const char *text = asks(c, fill_in(form, key));
    if (has_meta)
        item.is_there =
            sscanf(text, "VA %*u f%u t%ld%*[^|]|%199[^|]", &item.flags, &item.ttl, item.value) >=
                2 ||
            sscanf(text, "VA %*u f%u t%ld|%199[^|]", &item.flags, &item.ttl, item.value) >= 2;
    else
        item.is_there = sscanf(text, "VALUE %*s %u %*u|%199[^|]", &item.flags, item.value) >= 1;
    if (!item.is_there) return item;
    char *to = item.value;
    for (const char *from = strchr(text, '|') + 1; *from != '|' && *from; from++)
        if (*from != ' ') *to++ = *from;
    *to = '\0';
    return item;
}

static bool are_same(const struct item *one, const struct item *other)
{
    return one->is_there == other->is_there && one->flags == other->flags &&
           labs(one->ttl - other->ttl) <= LIFETIME_MOST && (one->ttl < 0) == (other->ttl < 0) &&
           strcmp(one->value, other->value) == 0;
}

struct look {
    const char *key;
    struct item first, second;
    bool may_lack;
};

static bool is_right(void *what)
{
    struct look *l = what;
    l->first = item_of(places[0], l->key);
    l->second = item_of(places[1], l->key);
    return (l->may_lack && !l->second.is_there) || are_same(&l->first, &l->second);
}

/* Whether the second place must have what the first has: in a moment; or may lack it. */
enum wanted { SOON, MAY_LACK };

/* Returns how many the second place lacks. What is done in the background may take a moment, so it is waited for. */
static unsigned see_both(const char *policy, enum wanted wanted)
{
    unsigned lacks = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        struct look l = {.key = key_name(i), .may_lack = wanted == MAY_LACK};
        if (wanted == SOON && stage_waits_for(is_right, &l, 0.5)) continue;
        l.may_lack = true;
        if (!stage_waits_for(is_right, &l, 3))
            stage_fails("%s: %s: the first has %d '%s' flags %u for %ld s, "
                        "the second %d '%s' flags %u for %ld s",
                        policy, l.key, l.first.is_there, l.first.value, l.first.flags, l.first.ttl,
                        l.second.is_there, l.second.value, l.second.flags, l.second.ttl);
        lacks += l.first.is_there && !l.second.is_there;
    }
    return lacks;
}

/* --- plays ------------------------------------------------------------------------------------------ */

/* The pools' timeout is long: on a machine that is very busy a write that timed out may still be carried out later, and nobody promises
 * what both places have then. */
static struct moongate *open(const char *policy)
{
    const char *a = memcached_address(memcached_start(NULL));
    const char *b = memcached_address(memcached_start(NULL));
    has_meta = memcached_at_hand_has_meta();
    places[0] = client_connects_to(a);
    places[1] = client_connects_to(b);
    return moongate_start(textf(MG "local a = mg.pool { '%s', name = 'a', timeout = 20 }\n"
                                   "local b = mg.pool { '%s', name = 'b', timeout = 20 }\n"
                                   "return %s\n",
                                a, b, policy),
                          "-j", "2", NULL);
}

static double seconds(void)
{
    const char *text = getenv("MIRROR_SECONDS");
    return text ? atof(text) / 6 : 0;
}

/* One command after the other: whatever the first place has, the second has, too, where the server knows meta commands. */
static void after_each_command_of_one_client_both_places_have_the_same(void **state)
{
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) {
        struct moongate *m = open(policies[p]);
        struct client *c = client_connects(m);
        double end = stage_now() + seconds();
        for (unsigned i = 0; i < ALONE || stage_now() < end; i++) {
            const char *key = any_key();
            const char *text =
                random_below(&seed, 8) == 0 ? command_with_cas(c, key) : command(key, false);
            asks(c, text);
            struct look l = {.key = key, .may_lack = !has_meta};
            if (!stage_waits_for(is_right, &l, 3))
                stage_fails(
                    "%s: after %s the first has %d '%s' for %ld s, the second %d '%s' for %ld s",
                    policies[p], text, l.first.is_there, l.first.value, l.first.ttl,
                    l.second.is_there, l.second.value, l.second.ttl);
        }
        stage_clears();
    }
}

/* Many commands of each client are on their way at once. Returns how many items the second place lacked, of so many. */
static unsigned many(const char *policy, bool with_odd, unsigned *items)
{
    struct moongate *m = open(policy);
    struct client *c[CLIENTS];
    double end = stage_now() + seconds();
    unsigned lacks = 0;
    *items = 0;
    for (unsigned i = 0; i < CLIENTS; i++) c[i] = client_connects(m);
    for (unsigned round = 0; round < ROUNDS || stage_now() < end; round++) {
        for (unsigned i = 0; i < CLIENTS; i++) {
            const char *all = "";
            for (unsigned n = random_below(&seed, MOST); n > 0; n--)
                all = textf("%s%s", all, command(any_key(), with_odd));
            client_sends(c[i], textf("%sversion\r\n", all));
        }
        for (unsigned i = 0; i < CLIENTS; i++) answers(c[i]);
        lacks += see_both(policy, with_odd || !has_meta ? MAY_LACK : SOON);
        *items += KEYS;
    }
    stage_clears();
    return lacks;
}

/* A key of whose slot others are written again and again may be left out, so a few are allowed. */
static void after_commands_of_many_clients_both_places_have_the_same(void **state)
{
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) {
        unsigned items, lacks = many(policies[p], false, &items);
        if (has_meta && lacks * 20 > items)
            stage_fails("%s: the second place lacked %u of %u items", policies[p], lacks, items);
    }
}

static void with_stale_items_and_empty_ones_the_second_place_has_nothing_older(void **state)
{
    unsigned items;
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) many(policies[p], true, &items);
}

/* --- requests that are wrong for a server --------------------------------------------------------- */

static unsigned long stat_of(struct client *c, const char *name)
{
    const char *text = strstr(asks(c, "stats\r\n"), textf("STAT %s ", name));
    unsigned long n = 0;
    if (!text || sscanf(text, "STAT %*s %lu", &n) != 1) stage_fails("no %s", name);
    return n;
}

/* The first set, and the one that puts right what may have changed. */
static bool has_two_sets(void *what)
{
    return stat_of(what, "cmd_set") >= 2;
}

static void what_the_first_place_finds_wrong_takes_no_item_from_the_second(void **state)
{
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) {
        struct moongate *m = open(policies[p]);
        struct client *c = client_connects(m);
        struct look l = {.key = key_name(0)};
        if (!has_meta) return;
        client_asks(c, "set key0 7 0 4\r\ntext\r\n", "STORED\r\n");
        if (!stage_waits_for(is_right, &l, stage_deadline())) stage_fails("%s", policies[p]);
        client_asks(c, "incr key0 2\r\n",
                    "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
        if (!stage_waits_for(has_two_sets, places[1], stage_deadline()))
            stage_fails("%s: the second place was not looked after", policies[p]);
        assert_true(is_right(&l) && l.second.is_there);
        assert_int_equal(stat_of(places[1], "delete_hits"), 0);
        stage_clears();
    }
}

/* Pools that share servers: a key that stays is written once. */
static void where_both_routes_lead_to_one_server_it_gets_a_write_once(void **state)
{
    static const char *const routes[] = {
        "mg.staging { a, mg.pool { '%s', name = 'again' } }",
        "mg.staging { a, function(req) return inner end }",
        "mg.staging { a, mg.set_ttl { a, 60 } }",
        "mg.migrate { a, a, start = os.time() + 99, interval = 9, writes = 'both' }",
    };
    const char *a = memcached_address(memcached_start(NULL));
    struct moongate *m = moongate_start(script_of_one(a, ""), NULL);
    struct client *c = client_connects(m);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const char *at = strstr(routes[i], "%s");
        const char *route =
            at ? textf("%.*s%s%s", (int)(at - routes[i]), routes[i], a, at + 2) : routes[i];
        moongate_reloads(m, textf(MG "local a = mg.pool { '%s' }\n"
                                     "local inner = mg.by_prefix { { x = a }, default = a }\n"
                                     "return %s\n",
                                  a, route));
        client_asks(c, "set key0 7 100 1\r\n5\r\n", "STORED\r\n");
        client_asks(c, "incr key0 2\r\n", "7\r\n");
        client_asks(c, "append key0 0 0 1\r\n1\r\n", "STORED\r\n");
        client_asks(c, "incr key0 1\r\n", "72\r\n");
        client_asks(c, "get key0\r\n", "VALUE key0 7 2\r\n72\r\nEND\r\n");
    }
}

int main(void)
{
    const char *text = getenv("SEED");
    seed = text ? (unsigned)strtoul(text, NULL, 10) : (unsigned)getpid();
    printf("SEED=%u\n", seed);
    const struct CMUnitTest tests[] = {
        play(after_each_command_of_one_client_both_places_have_the_same),
        play(after_commands_of_many_clients_both_places_have_the_same),
        play(what_the_first_place_finds_wrong_takes_no_item_from_the_second),
        play(where_both_routes_lead_to_one_server_it_gets_a_write_once),
        play(with_stale_items_and_empty_ones_the_second_place_has_nothing_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
