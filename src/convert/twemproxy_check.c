/* What holds for a pool as a whole, and for all pools: nutcracker's own checks, in its order, then what moongate cannot do. */
#include "convert/twemproxy.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/server.h"

/* --- two of one name ----------------------------------------------------------------------------- */

struct named {
    const char *name;
    uint32_t line;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    if (order) return order;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* Sorts, and returns the first of two with the same name; NULL: all differ. */
static const struct named *find_twice(struct named *all, size_t n)
{
    qsort(all, n, sizeof *all, compare_named);
    for (size_t i = 1; i < n; i++)
        if (strcmp(all[i - 1].name, all[i].name) == 0) return &all[i - 1];
    return NULL;
}

static struct named *make_list(size_t n)
{
    assert(n > 0);
    struct named *all = calloc(n, sizeof *all);
    if (!all) abort();
    return all;
}

static bool check_server_names(struct twem *t, const struct twem_pool *p)
{
    struct named *all = make_list(p->n);
    for (size_t i = 0; i < p->n; i++)
        all[i] = (struct named){p->servers[i].name, p->servers[i].text.line};
    const struct named *twice = find_twice(all, p->n);
    if (twice)
        convert_fail(
            t->out, t->path, twice[1].line,
            "pool \"%.100s\" has two servers called \"%.100s\" (the other is in line %u), which "
            "nutcracker refuses: give one another name",
            p->name.at, twice->name, twice->line);
    free(all);
    return !twice;
}

/* One for each pool; frees the list. What two pools share is an error: what they do, and what one needs another of. */
static bool pools_differ(struct twem *t, struct named *all, const char *what, const char *thing)
{
    const struct named *twice = find_twice(all, t->n);
    if (twice)
        convert_fail(
            t->out, t->path, twice[1].line,
            "two pools %s \"%.100s\" (the other is in line %u), which nutcracker refuses: give one "
            "another %s",
            what, twice->name, twice->line, thing);
    free(all);
    return !twice;
}

static bool check_listeners(struct twem *t)
{
    struct named *all = make_list(t->n);
    for (size_t i = 0; i < t->n; i++)
        all[i] = (struct named){t->pools[i].listen.at, t->pools[i].listen.line};
    return pools_differ(t, all, "listen on", "port");
}

/* Not nutcracker's: it reads such a file, and then cannot bind the second one. */
static bool check_addresses(struct twem *t)
{
    enum { LISTENERS_MAX = 128 };
    struct named *all = make_list(t->n);
    for (size_t i = 0; i < t->n; i++)
        all[i] = (struct named){t->pools[i].address, t->pools[i].listen.line};
    const struct named *twice = find_twice(all, t->n);
    if (twice)
        convert_fail(
            t->out, t->path, twice[1].line,
            "nutcracker accepts two pools at %.100s (the other is in line %u), and can bind one: "
            "give one another port",
            twice->name, twice->line);
    free(all);
    if (twice) return false;
    if (t->n <= LISTENERS_MAX) return true;
    return convert_fail(
        t->out, t->path, t->pools[LISTENERS_MAX].name.line,
        "nutcracker accepts %zu pools, moongate listens on %d addresses at most: spread them "
        "over several files and processes",
        t->n, LISTENERS_MAX);
}

static bool check_pool_names(struct twem *t)
{
    struct named *all = make_list(t->n);
    for (size_t i = 0; i < t->n; i++)
        all[i] = (struct named){t->pools[i].name.at, t->pools[i].name.line};
    return pools_differ(t, all, "are called", "name");
}

/* --- nutcracker's checks of one pool -------------------------------------------------------------- */

static bool is_redis(const struct twem_pool *p)
{
    return p->numbers[TWEM_REDIS];
}

static bool check_pool(struct twem *t, const struct twem_pool *p)
{
    if (!p->lines[TWEM_LISTEN])
        return convert_fail(t->out, t->path, p->name.line,
                            "pool \"%.100s\" has no \"listen\": write listen: HOST:PORT",
                            p->name.at);
    if (p->lines[TWEM_SERVER_CONNECTIONS] && p->numbers[TWEM_SERVER_CONNECTIONS] == 0)
        return convert_fail(
            t->out, t->path, p->lines[TWEM_SERVER_CONNECTIONS],
            "\"server_connections\" is 0, which nutcracker refuses: write 1 or more");
    if (p->lines[TWEM_REDIS_AUTH] && !is_redis(p))
        return convert_fail(
            t->out, t->path, p->lines[TWEM_REDIS_AUTH],
            "\"redis_auth\" stands in a pool for memcache, which nutcracker refuses: "
            "take it out");
    if (p->n == 0)
        return convert_fail(t->out, t->path, p->name.line,
                            "pool \"%.100s\" has no servers: write \"servers:\" and each one as '- "
                            "HOST:PORT:WEIGHT' below it",
                            p->name.at);
    return check_server_names(t, p);
}

/* --- what moongate makes of it -------------------------------------------------------------------- */

/* modula has a slot for each 1 of weight; the selector takes 16 million. */
static bool check_slots(struct twem *t, const struct twem_pool *p)
{
    enum { SLOTS_MAX = 1 << 24 };
    uint64_t slots = 0;
    bool is_modula = p->distribution && strcmp(p->distribution, "modula") == 0;
    for (size_t i = 0; i < p->n; i++) slots += p->servers[i].weight;
    if (!is_modula || slots <= SLOTS_MAX) return true;
    return convert_fail(
        t->out, t->path, p->lines[TWEM_SERVERS],
        "nutcracker accepts pool \"%.100s\", but its weights are %llu in all, and moongate's "
        "modula takes %d: write smaller ones",
        p->name.at, (unsigned long long)slots, SLOTS_MAX);
}

static bool check_length(struct twem *t, const struct twem_pool *p)
{
    enum { SERVERS_MAX = 4096 };
    if (p->n <= SERVERS_MAX) return true;
    return convert_fail(
        t->out, t->path, p->servers[SERVERS_MAX].text.line,
        "nutcracker accepts %zu servers in pool \"%.100s\", moongate %d: take some out", p->n,
        p->name.at, SERVERS_MAX);
}

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || byte == '-';
}

static bool is_called(const struct twem *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->pools[i].called, name) == 0) return true;
    return false;
}

/* A name for which moongate has other rules. The first to come keeps its own, so that one without a need to change never does. */
static void call_pool(struct twem *t, struct twem_pool *p, bool is_second_round)
{
    char called[sizeof p->called];
    size_t len = strlen(p->name.at), n = len < sizeof called ? len : sizeof called - 1;
    for (size_t i = 0; i < n; i++) called[i] = is_name_byte(p->name.at[i]) ? p->name.at[i] : '_';
    called[n] = 0;
    if (strcmp(called, p->name.at) == 0) {
        strcpy(p->called, called);
        return;
    }
    if (!is_second_round) return;
    for (unsigned number = 2; is_called(t, called); number++) {
        char end[16];
        int end_len = snprintf(end, sizeof end, "-%u", number);
        size_t kept =
            n < sizeof called - 1 - (size_t)end_len ? n : sizeof called - 1 - (size_t)end_len;
        memcpy(called + kept, end, (size_t)end_len + 1);
    }
    strcpy(p->called, called);
    convert_note(t->out, t->path, p->name.line,
                 "pool \"%.100s\" is called \"%.100s\" here: a name has at most 63 letters, "
                 "digits, '_', '.' "
                 "and '-'",
                 p->name.at, p->called);
}

static void note_dropped(struct twem *t, const struct twem_pool *p)
{
    static const struct {
        enum twem_option option;
        const char *why;
    } dropped[] = {
        {TWEM_CLIENT_CONNECTIONS,
         "nutcracker 0.5.0 reads it and does not use it; moongate's limit is --max-conns"},
        {TWEM_REDIS_DB, "it has no effect in a pool for memcache"},
        {TWEM_REUSEPORT,
         "nutcracker 0.5.0 refuses it, later ones do not; moongate needs none, since its "
         "workers get their clients from one process"},
    };
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (p->lines[dropped[i].option])
            convert_note(t->out, t->path, p->lines[dropped[i].option], "\"%.100s\" is left out: %s",
                         twem_option_word(dropped[i].option), dropped[i].why);
}

/* No key has such a byte, so the tag is in none. */
static void check_hash_tag(struct twem *t, struct twem_pool *p)
{
    bool is_seen = true;
    for (size_t i = 0; i < 2 && p->hash_tag[0]; i++) {
        if (strchr(" \r\n", p->hash_tag[i])) is_seen = false;
    }
    if (is_seen) return;
    p->hash_tag[0] = 0;
    convert_note(t->out, t->path, p->lines[TWEM_HASH_TAG],
                 "\"hash_tag\" is left out: no key has a blank or the end of a line");
}

static bool fit_pool(struct twem *t, struct twem_pool *p)
{
    call_pool(t, p, true);
    note_dropped(t, p);
    check_hash_tag(t, p);
    if (!twem_place_listener(t, p)) return false;
    for (size_t i = 0; i < p->n; i++)
        if (!twem_place_server(t, &p->servers[i])) return false;
    return check_slots(t, p) && check_length(t, p);
}

static bool leave_redis_out(struct twem *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct twem_pool *p = &t->pools[i];
        if (is_redis(p)) {
            convert_note(
                t->out, t->path, p->name.line,
                "pool \"%.100s\" is left out: it is for Redis, which moongate does not speak",
                p->name.at);
            twem_release_pool(p);
        } else {
            if (n != i) t->pools[n] = *p;
            n++;
        }
    }
    t->n = n;
    if (n) return true;
    return convert_fail(
        t->out, t->path, 0,
        "all pools are for Redis, which nutcracker accepts and moongate does not speak: leave "
        "them to nutcracker");
}

bool twem_check(struct twem *t)
{
    if (t->n == 0)
        return convert_fail(
            t->out, t->path, 0,
            "there are no pools: write a name and ':', and its options below, indented");
    for (size_t i = 0; i < t->n; i++)
        if (!check_pool(t, &t->pools[i])) return false;
    if (!check_listeners(t) || !check_pool_names(t) || !leave_redis_out(t)) return false;
    for (size_t i = 0; i < t->n; i++) call_pool(t, &t->pools[i], false);
    for (size_t i = 0; i < t->n; i++)
        if (!fit_pool(t, &t->pools[i])) return false;
    return check_addresses(t);
}
