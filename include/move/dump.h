/* dump: the keys of one server of a tier, as it lists them itself.
 *
 * Embedded in its owner, who begins it, gets what the server says of itself, each key, and the end; and closes it. It has a connection of
 * its own, so no request waits for it. A server that is busy with another dump is asked again for a while. The words are those that the server
 * knows: mgdump, else metadump; by its hash table if it can, so that a key that stays there is listed once and never missed.
 */
#ifndef MOONGATE_MOVE_DUMP_H
#define MOONGATE_MOVE_DUMP_H

#include "backend/question.h"
#include "client/dump_order.h"
#include "move/tier.h"

/* What a server's `stats` says; 0 where it does not. */
struct dump_about {
    uint64_t items; /* curr_items */
    uint64_t pid, uptime, hash_power;
    int64_t time; /* its clock, seconds since 1970 */
    char version[32];
};

/* One key. exptime: seconds since 1970 by the server's clock; -1: it does not expire; -2: not known. */
struct dump_key {
    struct tier_key key;
    int64_t exptime;
};

/* Gets one key, valid until it returns. It may close the dump. It must not take long, see move/keyfile.h. */
typedef void dump_key_fn(void *owner, const struct dump_key *key);

/* `about` has been filled: keys come next. */
typedef void dump_begun_fn(void *owner);

/* It has ended, and is closed. why NULL: all keys were listed; else what went wrong, without the server's name, valid during the call.
 * cannot: it will go wrong again, because the server is one that cannot list its keys. */
typedef void dump_end_fn(void *owner, const char *why, bool cannot);

enum dump_step { DUMP_CLOSED, DUMP_STATS, DUMP_KEYS };

struct dump {
    struct question lines;
    ev_timer timer; /* until the next question */
    struct tier *tier;
    dump_begun_fn *begun; /* the owner's: these four are set before dump_begin */
    dump_key_fn *take;
    dump_end_fn *end;
    void *owner;
    uint32_t server;
    enum dump_step step;
    uint32_t words; /* which question is asked, see dump.c */
    bool
        is_ordered; /* by the hash table: the next dump has the same order while the table is the same */
    double busy_since; /* as tier_now; 0: it is not busy */
    struct dump_about about;
};

/* Begins. The end comes later, never from in here. */
void dump_begin(struct dump *d, struct tier *t, uint32_t server);
void dump_close(struct dump *d);

/* Reads a line that names a key (dump_line_of). False: it is no key that could be asked for. */
bool dump_read_line(enum dump_kind kind, const uint8_t *line, size_t len, struct dump_key *to);

#endif
