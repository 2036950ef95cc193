/* histories: the routes that histories_test plays, and what each promises, by its section in lua/README.md.
 *
 * Included once, by histories_test; owns nothing. Pools: a, b, c, of one server each.
 */
#ifndef TESTS_UNIT_HISTORIES_H
#define TESTS_UNIT_HISTORIES_H

/* What may happen in three of four schedules; in the fourth nothing does. */
enum {
    BREAKS = 1,  /* connections to servers break, and what came by them may be carried out later */
    KILLS = 2,   /* workers die */
    RELOADS = 4, /* all workers use another script, which does the same */
    ANYTHING = BREAKS | KILLS | RELOADS,
};

/* What clients do, and what they may see. */
enum {
    STRICT = 1,     /* where nothing happens, a miss says that there is no item */
    PLAIN = 2,      /* clients change items by set and delete alone */
    ONE_WRITER = 4, /* of two writes of a key, the second begins when the first has an answer */
    REGULAR =
        8,     /* until a write has ended, a read may still find what was before it (timeline.h) */
    LONG = 16, /* the values of key 0 are in parts */
    SLOW = 32, /* a schedule takes a second: keys move in it */
    LOOKS_ASIDE = 64 /* what b has when all has ended is what a client could find */
};

/* Servers that have items before a schedule begins: such as clients have stored; or such as no client may see. */
enum { A = 1, B = 2, FOREIGN_B = 4 };

/* Any value that was once stored. */
#define ANY 3600

#define S(name) "mg.store { size = '1m', name = '" name "' }"

/* name, machines, seconds that reads may be behind, faults, rules, items before, route */
#define PARTS(X)                                                                                   \
    /* One place for each key: as a server. */                                                     \
    X("pool", 1, 0, ANYTHING, STRICT, 0, "a")                                                      \
    X("failover", 1, 0, RELOADS | KILLS, STRICT, FOREIGN_B, "mg.failover { a, b }")                \
    X("failover_with_exptime", 1, 0, RELOADS | KILLS, STRICT, FOREIGN_B,                           \
      "mg.failover_with_exptime { a, b, 1 }")                                                      \
    X("zone_failover", 1, 0, RELOADS | KILLS, STRICT, FOREIGN_B,                                   \
      "mg.zone_failover { here = 'x', zones = { x = a, y = b } }")                                 \
    X("latest", 1, 0, RELOADS | KILLS, STRICT, 0, "mg.latest { a, b, host = 'x' }")                \
    X("compare", 1, 0, ANYTHING, STRICT, FOREIGN_B,                                                \
      "mg.compare { a, b, share = 1, again = 0.01 }")                                              \
    X("shadow", 1, 0, ANYTHING, STRICT, FOREIGN_B, "mg.shadow { a, to = b, share = 0.7 }")         \
    X("all_initial", 1, 0, ANYTHING, STRICT, FOREIGN_B, "mg.all_initial { a, b }")                 \
    X("big_value", 1, 0, ANYTHING, STRICT | LONG, 0, "mg.big_value { a, threshold = 1024 }")       \
    /* Copies of what was read: never older than a write on this machine. */                       \
    X("near", 1, 0, ANYTHING, STRICT, 0, "mg.near { mg.store { size = '64k' }, a, ttl = 60 }")     \
    X("near over a policy", 1, 0, ANYTHING, 0, 0,                                                  \
      "mg.near { " S("s") ", mg.failover { a, mg.null {} , on = 'down' }, ttl = 60 }")             \
    X("near over a function", 1, 0, ANYTHING, STRICT, 0,                                           \
      "mg.near { " S("s") ", function(req) return a end, ttl = 60 }")                              \
    X("near beside writes", 1, 0, ANYTHING, STRICT, 0,                                             \
      "mg.by_command { get = mg.near { " S("s") ", a, ttl = 60 }, default = a }")                  \
    X("near below a policy", 1, 0, ANYTHING, STRICT, 0,                                            \
      "mg.coalesce { mg.near { " S("s") ", a, ttl = 60 } }")                                       \
    X("near of two machines", 2, 0.3, ANYTHING, STRICT, 0, "mg.near { " S("s") ", a, ttl = 0.3 }") \
    X("coalesce", 1, 0, ANYTHING, STRICT, 0, "mg.coalesce { a }")                                  \
    X("negative_cache", 1, 0, ANYTHING, STRICT, 0, "mg.negative_cache { a, 10 }")                  \
    X("lease", 2, 0, ANYTHING, 0, 0, "mg.lease { a, ttl = 1, wait = 0.02 }")                       \
    X("lease, renewed early", 2, 0, ANYTHING, 0, 0,                                                \
      "mg.lease { a, ttl = 1, wait = 0.02, refresh = 60 }")                                        \
    X("lease, old items", 2, 60, ANYTHING, 0, 0,                                                   \
      "mg.lease { a, ttl = 1, wait = 0.02, stale = 60 }")                                          \
    X("lease over a policy", 2, 0, ANYTHING, 0, 0,                                                 \
      "mg.lease { mg.failover { a, mg.null {}, on = 'down' }, ttl = 1, wait = 0.02 }")             \
    X("lease over a store", 1, 0, ANYTHING, 0, 0, "mg.lease { " S("s") ", ttl = 1, wait = 0.02 }") \
    X("l1_l2", 1, 0, BREAKS | RELOADS, STRICT, 0, "mg.l1_l2 { b, a, exptime = 60 }")               \
    X("l1_l2, negative", 1, 0, BREAKS | RELOADS, STRICT, 0,                                        \
      "mg.l1_l2 { b, a, exptime = 60, negative = 5 }")                                             \
    /* An error of the new pool is answered from the old one: without broken connections. */       \
    X("warm_up", 1, 0, RELOADS | KILLS, 0, A,                                                      \
      "mg.by_command { delete = mg.failover { a, b, on = { 'hit', 'miss' } }, "                    \
      "md = mg.failover { a, b, on = { 'hit', 'miss' } }, "                                        \
      "default = mg.warm_up { b, a, exptime = 60 } }")                                             \
    X("staging", 1, 0, ANYTHING, STRICT, 0, "mg.staging { a, b, exptime = 60 }")                   \
    X("staging, the trial", 1, 0, RELOADS, STRICT | LOOKS_ASIDE, 0,                                \
      "mg.staging { a, b, exptime = 60 }")                                                         \
    X("migrate", 1, 0, ANYTHING, SLOW, A, "moves 'one'")                                           \
    X("migrate, both", 1, 0, RELOADS, SLOW | ONE_WRITER | REGULAR, A | B, "moves 'both'")          \
    /* Whole copies. */                                                                            \
    X("all_sync", 1, 0, RELOADS, STRICT | ONE_WRITER | REGULAR, A | B, "mg.all_sync { a, b }")     \
    X("all_sync, one read", 1, 0, RELOADS, STRICT | ONE_WRITER | REGULAR, A | B,                   \
      "mg.by_command { get = mg.failover { b, a }, gets = both, default = both }")                 \
    X("all_sync, faults", 1, 0, ANYTHING, PLAIN | ONE_WRITER | REGULAR, A | B,                     \
      "mg.by_command { get = mg.failover { b, a }, gets = both, default = both }")                 \
    X("hedge", 1, 0, ANYTHING, PLAIN | ONE_WRITER | REGULAR, A | B,                                \
      "mg.by_command { get = mg.hedge { a, b, least = 0.001, most = 0.002 }, "                     \
      "gets = both, default = both }")                                                             \
    X("key_split, all_sync", 1, 0, RELOADS, ONE_WRITER | REGULAR, 0,                               \
      "mg.key_split { a, replicas = 2, all_sync = true, first_hit = true }")                       \
    X("key_split, faults", 1, 0, ANYTHING, PLAIN | ONE_WRITER | REGULAR, 0,                        \
      "mg.key_split { a, replicas = 2, all_sync = true, first_hit = true }")                       \
    /* These promise only what was stored once. */                                                 \
    X("key_split", 1, ANY, ANYTHING, PLAIN, 0, "mg.key_split { a, replicas = 2 }")                 \
    X("all_fastest", 1, ANY, ANYTHING, PLAIN, A | B, "mg.all_fastest { a, b }")                    \
    X("all_majority", 1, ANY, ANYTHING, PLAIN, A | B, "mg.all_majority { a, b, c }")               \
    X("failover, faults", 1, ANY, ANYTHING, PLAIN, A | B, "mg.failover { a, b }")                  \
    X("gutter, faults", 1, ANY, ANYTHING, PLAIN, A, "mg.failover_with_exptime { a, b, 1 }")        \
    X("zone_failover, faults", 1, ANY, ANYTHING, PLAIN, A | B,                                     \
      "mg.zone_failover { here = 'x', zones = { x = a, y = b } }")                                 \
    X("latest, faults", 2, ANY, ANYTHING, PLAIN, A | B, "mg.latest { a, b }")                      \
    X("warm_up, faults", 1, ANY, ANYTHING, PLAIN, A, "mg.warm_up { b, a, exptime = 60 }")          \
    X("failover to a store", 1, ANY, ANYTHING, PLAIN, A, "mg.failover { a, " S("s") " }")          \
    /* Some in others. */                                                                          \
    X("near over lease", 1, 0, ANYTHING, 0, 0,                                                     \
      "mg.near { " S("s") ", mg.lease { a, ttl = 1, wait = 0.02 }, ttl = 60 }")                    \
    X("lease over near", 1, 0, ANYTHING, 0, 0,                                                     \
      "mg.lease { mg.near { " S("s") ", a, ttl = 60 }, ttl = 1, wait = 0.02 }")                    \
    X("near over l1_l2", 1, 0, BREAKS | RELOADS, STRICT, 0,                                        \
      "mg.near { " S("s") ", mg.l1_l2 { b, a, exptime = 60 }, ttl = 60 }")                         \
    X("a store before a pool", 1, 0, BREAKS | RELOADS, STRICT, 0,                                  \
      "mg.l1_l2 { " S("s") ", a, exptime = 60, negative = 5 }")                                    \
    X("migrate between stores", 1, ANY, ANYTHING, PLAIN | SLOW, 0,                                 \
      "moves('both', " S("s") ", " S("t") ")")                                                     \
    X("near over migrate", 1, ANY, ANYTHING, PLAIN | SLOW, A | B,                                  \
      "mg.near { " S("s") ", moves 'both', ttl = 60 }")

#endif
