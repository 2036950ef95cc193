/* A move from twemproxy keeps the cache: what was written through nutcracker is read through a pool that is
 * `like = "twemproxy"`, from the same server, and the other way round. nutcracker is the oracle; there is no other.
 *
 * Every hash with every distribution but `random`, which places no key, over server lists of all kinds.
 */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/nutcracker.h"
#include "lib/octets.h"
#include "lib/program.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const char *const hashes[] = {"one_at_a_time", "md5",     "crc16",    "crc32",
                                     "crc32a",        "fnv1_64", "fnv1a_64", "fnv1_32",
                                     "fnv1a_32",      "hsieh",   "murmur",   "jenkins"};
static const char *const distributions[] = {"ketama", "modula"};

/* --- servers --------------------------------------------------------------------------------- */

/* The first are on free ports, then some on memcached's own port, which a ring does not name, then
 * some on unix sockets. */
enum { SERVERS = 30, FIRST_ON_11211 = 18, FIRST_ON_UNIX = 25 };

struct farm {
    struct memcached *servers[SERVERS];
};

/* An address of the loopback net that is hardly anyone else's. */
static struct memcached *start_on_11211(unsigned number)
{
    unsigned own = (unsigned)getpid() % (250 * 250);
    const char *address = textf("127.%u.%u.%u:11211", 1 + own / 250, 1 + own % 250, number);
    struct memcached *s = memcached_start_at(address, "-m", "8", NULL);
    if (!s) stage_fails("%s is taken: end what listens on port 11211 of all addresses", address);
    return s;
}

static void start_farm(struct farm *farm)
{
    const char *folder = program_folder();
    for (unsigned i = 0; i < SERVERS; i++) {
        if (i < FIRST_ON_11211)
            farm->servers[i] = memcached_start("-m", "8", NULL);
        else if (i < FIRST_ON_UNIX)
            farm->servers[i] = start_on_11211(i);
        else
            farm->servers[i] = memcached_start_at(textf("unix:%s/%u", folder, i), "-m", "8", NULL);
        if (!farm->servers[i]) stage_fails("memcached does not start");
    }
}

static unsigned long statistic(struct farm *farm, const char *name)
{
    unsigned long sum = 0;
    for (unsigned i = 0; i < SERVERS; i++) {
        struct client *c = client_connects_to(memcached_address(farm->servers[i]));
        const char *start = textf("STAT %s ", name), *line;
        client_sends(c, "stats\r\n");
        while (strcmp(line = client_sees_line(c), "END") != 0)
            if (strncmp(line, start, strlen(start)) == 0)
                sum += strtoul(line + strlen(start), NULL, 10);
        client_closes(c);
    }
    return sum;
}

/* --- lists of servers ------------------------------------------------------------------------ */

enum names { UNNAMED, NAMED, SOME_NAMED };

static const struct layout {
    const char *about;
    unsigned first, n;
    bool weighted;
    enum names names;
    const char *tag; /* "": none */
} layouts[] = {
    {"one server", 3, 1, false, UNNAMED, ""},
    {"two servers with weights", 0, 2, true, UNNAMED, ""},
    {"three unix sockets", 25, 3, false, UNNAMED, ""},
    {"three unix sockets with weights and names, tag {}", 25, 3, true, NAMED, "{}"},
    {"seven servers with weights and names", 4, 7, true, NAMED, ""},
    {"seven servers, some on port 11211, tag {}", 15, 7, false, UNNAMED, "{}"},
    {"seven servers of all kinds with weights, tag $$", 20, 7, true, UNNAMED, "$$"},
    {"25 equal servers", 0, 25, false, UNNAMED, ""},
    {"30 servers of all kinds with weights, some with names, tag {}", 0, 30, true, SOME_NAMED,
     "{}"},
};

/* Orders of their own: by length, by bytes, and as they are written. One is as long as may be. */
static const char *name_of(enum names names, unsigned server)
{
    enum { LONG_NAMED = 9 };
    static const char *const starts[] = {"zeta", "b", "yy", "a", "cache-"};
    if (names == UNNAMED || (names == SOME_NAMED && server % 3)) return "";
    if (server == LONG_NAMED) return textf(" %0255u", server);
    return textf(" %s%u", starts[server % COUNT(starts)], server * 97 % 31);
}

/* The lightest get no point on a ring. */
static unsigned weight_of(bool weighted, unsigned server)
{
    static const unsigned weights[] = {3, 1, 250, 40, 7, 90, 1000, 12};
    return weighted ? weights[server % COUNT(weights)] : 1;
}

/* `127.0.0.1:4711:3 name`, `unix:/path:3 name`. */
static const char *server_text(const struct farm *farm, const struct layout *l, unsigned i)
{
    unsigned server = l->first + i;
    return textf("%s:%u%s", memcached_address(farm->servers[server]),
                 weight_of(l->weighted, server), name_of(l->names, server));
}

/* --- pools ----------------------------------------------------------------------------------- */

struct pool {
    const struct layout *layout;
    const char *hash, *distribution;
};

enum { POOLS_A_HASH = COUNT(distributions) * COUNT(layouts), POOLS = COUNT(hashes) * POOLS_A_HASH };

static struct pool pool_of(size_t number)
{
    return (struct pool){&layouts[number % COUNT(layouts)], hashes[number / POOLS_A_HASH],
                         distributions[number / COUNT(layouts) % COUNT(distributions)]};
}

static const char *text_of(struct octets *made)
{
    const char *text = textf("%s", octets_at(made));
    octets_release(made);
    return text;
}

static void add(struct octets *to, const char *text)
{
    octets_add(to, text, strlen(text));
}

/* The defaults of both are left to them. */
static bool is_default(const struct pool *p)
{
    return strcmp(p->hash, "fnv1a_64") == 0 && strcmp(p->distribution, "ketama") == 0;
}

static const char *pool_for_nutcracker(const struct farm *farm, const struct pool *p)
{
    struct octets yaml = {0};
    if (!is_default(p))
        add(&yaml, textf("  hash: %s\n  distribution: %s\n", p->hash, p->distribution));
    if (p->layout->tag[0]) add(&yaml, textf("  hash_tag: \"%s\"\n", p->layout->tag));
    add(&yaml, "  servers:\n");
    for (unsigned i = 0; i < p->layout->n; i++) {
        const char *server = server_text(farm, p->layout, i);
        add(&yaml, textf("   - %s\n", server + (strncmp(server, "unix:", 5) == 0 ? 5 : 0)));
    }
    return text_of(&yaml);
}

static const char *pool_for_moongate(const struct farm *farm, const struct pool *p)
{
    struct octets lua = {0};
    add(&lua, "  mg.pool { like = 'twemproxy',");
    if (!is_default(p))
        add(&lua, textf(" hash = '%s', distribution = '%s',", p->hash, p->distribution));
    if (p->layout->tag[0]) add(&lua, textf(" hash_tag = '%s',", p->layout->tag));
    for (unsigned i = 0; i < p->layout->n; i++)
        add(&lua, textf("\n    '%s',", server_text(farm, p->layout, i)));
    add(&lua, "\n  },\n");
    return text_of(&lua);
}

static struct nutcracker *start_nutcracker(const struct farm *farm, size_t first)
{
    const char *pools[POOLS_A_HASH];
    for (size_t i = 0; i < POOLS_A_HASH; i++) {
        struct pool p = pool_of(first + i);
        pools[i] = pool_for_nutcracker(farm, &p);
    }
    return nutcracker_start(pools, POOLS_A_HASH);
}

/* Keys are the same for nutcracker and moongate, so they cannot say which pool is meant: `get pool:N`
 * does, for all that follow. Nothing here is about time, so a slow machine gets a lot of it. */
static struct moongate *start_moongate(const struct farm *farm)
{
    struct octets script = {0};
    add(&script, MG "mg.defaults { timeout = 60, connect_timeout = 60, stall_timeout = 60 }\n"
                    "local pools = {\n");
    for (size_t i = 0; i < POOLS; i++) {
        struct pool p = pool_of(i);
        add(&script, pool_for_moongate(farm, &p));
    }
    add(&script, "}\nlocal pool\n"
                 "return function(req)\n"
                 "  local number = req.key:match '^pool:(%d+)$'\n"
                 "  if not number then return pool end\n"
                 "  pool = pools[number + 1]\n"
                 "  return mg.reply.miss()\n"
                 "end\n");
    return moongate_start(text_of(&script), NULL);
}

/* --- keys ------------------------------------------------------------------------------------ */

enum { KEYS = 1000, KEY_MAX = 250 };

/* Each # is the number of the key. */
static const char *const patterns[] = {
    "user:#",        "key-#-of-many", "\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87:#",
    "\xe2\x82\xac#", "{t#}a",         "a{t#}",
    "a{t#}b{c}",     "{}#",           "a{}b{c#}",
    "a{#",           "}#{",           "}{t#}",
    "{{t#}}",        "a{\xc3\xa9#}",  "$t#$a",
    "a$t#$b$c",      "$$#",           "a$$b$c#$",
    "a$#",           "#$$",
};

/* Any byte that is neither space nor control byte, and often one that is negative on x86. */
static char random_byte(unsigned *seed)
{
    unsigned byte = random_below(seed, 0x7f - 0x21 + 0x80);
    return (char)(byte < 0x7f - 0x21 ? 0x21 + byte : 0x80 + byte - (0x7f - 0x21));
}

static const char *numbered(const char *pattern, unsigned i)
{
    const char *at = strchr(pattern, '#');
    return textf("%.*s%u%s", (int)(at - pattern), pattern, i, at + 1);
}

/* Each byte alone; each length; the longest; what people use, and hash tags of all kinds. */
static const char *make_key(unsigned i, unsigned *seed)
{
    enum { LOW = 0x7f - 0x21, SINGLE = LOW + 0x80, LENGTHS = SINGLE + KEY_MAX - 1, LONG = 100 };
    char key[KEY_MAX + 1] = "";
    if (i < SINGLE) return textf("%c", (int)(i < LOW ? 0x21 + i : 0x80 + i - LOW));
    if (i >= LENGTHS + LONG) return numbered(patterns[i % COUNT(patterns)], i);
    unsigned n = i < LENGTHS ? 2 + i - SINGLE : KEY_MAX;
    for (unsigned at = 0; at < n; at++) key[at] = random_byte(seed);
    return textf("%s", key);
}

/* --- one pool -------------------------------------------------------------------------------- */

/* Keys written by one and read by the other. */
struct round {
    const char *about;
    size_t number;
    unsigned step; /* one key in so many */
};

/* Another one in every round, so that nothing of before is taken for it. */
static const char *value_of(const struct round *round, unsigned key)
{
    static char text[64];
    snprintf(text, sizeof text, "key %u of round %zu", key, round->number);
    return text;
}

static void write_keys(struct client *c, const char *const keys[], const struct round *round)
{
    struct octets requests = {0};
    for (unsigned i = 0; i < KEYS; i += round->step) {
        char line[KEY_MAX + 128];
        const char *value = value_of(round, i);
        snprintf(line, sizeof line, "set %s 0 0 %zu\r\n%s\r\n", keys[i], strlen(value), value);
        add(&requests, line);
    }
    client_sends_bytes(c, octets_at(&requests), octets_n(&requests));
    octets_release(&requests);
    for (unsigned i = 0; i < KEYS; i += round->step) client_sees(c, "STORED\r\n");
}

/* Reads the answer to a get: true when it has that value. On a wrong server there may be one of
 * another round. */
static bool is_hit(struct client *c, const char *key, const char *value)
{
    char head[KEY_MAX + 16];
    int n = snprintf(head, sizeof head, "VALUE %s 0 ", key);
    const char *line = client_sees_line(c);
    if (strcmp(line, "END") == 0) return false;
    if (strncmp(line, head, (size_t)n) != 0) stage_fails("get %s: %s", key, line);
    bool is_right = strcmp(client_sees_line(c), value) == 0;
    client_sees(c, "END\r\n");
    return is_right;
}

static void ask_for_keys(struct client *c, const char *const keys[], const struct round *round)
{
    struct octets requests = {0};
    for (unsigned i = 0; i < KEYS; i += round->step) {
        add(&requests, "get ");
        add(&requests, keys[i]);
        add(&requests, "\r\n");
    }
    client_sends_bytes(c, octets_at(&requests), octets_n(&requests));
    octets_release(&requests);
}

static void read_keys(struct client *c, const char *const keys[], const struct round *round)
{
    unsigned misses = 0;
    const char *first = "";
    ask_for_keys(c, keys, round);
    for (unsigned i = 0; i < KEYS; i += round->step) {
        if (is_hit(c, keys[i], value_of(round, i))) continue;
        if (misses++ == 0) first = keys[i];
    }
    if (misses)
        stage_fails("%s: %u of %u keys are not where they were put, the first is %s", round->about,
                    misses, KEYS / round->step, octets_escape(first, strlen(first)));
}

/* How many of the keys are also written the other way: one in... */
enum { BACK_STEP = 10 };

static void pool_agrees(struct client *nutcracker, struct client *moongate, size_t number,
                        const char *const keys[])
{
    struct pool p = pool_of(number);
    const char *name = textf("%s, %s, %s", p.distribution, p.hash, p.layout->about);
    struct round there = {textf("%s, from nutcracker to moongate", name), 2 * number, 1};
    struct round back = {textf("%s, from moongate to nutcracker", name), 2 * number + 1, BACK_STEP};
    client_sends(moongate, textf("get pool:%zu\r\n", number));
    client_sees(moongate, "END\r\n");
    write_keys(nutcracker, keys, &there);
    read_keys(moongate, keys, &there);
    write_keys(moongate, keys, &back);
    read_keys(nutcracker, keys, &back);
}

static void every_key_is_found_where_nutcracker_puts_it(void **state)
{
    enum { OF_ONE_POOL = KEYS + KEYS / BACK_STEP };
    struct farm farm;
    const char *keys[KEYS];
    unsigned seed = 1;
    for (unsigned i = 0; i < KEYS; i++) keys[i] = make_key(i, &seed);
    start_farm(&farm);
    struct client *moongate = client_connects(start_moongate(&farm));

    for (size_t first = 0; first < POOLS; first += POOLS_A_HASH) {
        struct nutcracker *n = start_nutcracker(&farm, first);
        for (size_t i = 0; i < POOLS_A_HASH; i++) {
            struct client *c = client_connects_to(nutcracker_address(n, i));
            pool_agrees(c, moongate, first + i, keys);
            client_closes(c);
        }
        nutcracker_kill(n);
    }

    assert_int_equal(statistic(&farm, "cmd_set"), POOLS * OF_ONE_POOL);
    assert_int_equal(statistic(&farm, "get_hits"), POOLS * OF_ONE_POOL);
    assert_int_equal(statistic(&farm, "get_misses"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_key_is_found_where_nutcracker_puts_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
