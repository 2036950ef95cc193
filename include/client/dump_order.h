/* dump_order: which keys a client wants to see: the words of `stats cachedump`, `lru_crawler metadump` and `mgdump`, and the lines
 * that answer them.
 *
 * A plain value. Pure functions.
 */
#ifndef MOONGATE_CLIENT_DUMP_ORDER_H
#define MOONGATE_CLIENT_DUMP_ORDER_H

#include "client/arguments.h"

enum dump_kind {
    DUMP_CACHE, /* stats cachedump CLASS LIMIT */
    DUMP_META,  /* lru_crawler metadump all|hash|CLASS,... */
    DUMP_MG,    /* lru_crawler mgdump, likewise */
};

struct dump_order {
    enum dump_kind kind;
    bool is_hash;
    uint64_t classes; /* a bit for each slab class; 0: all of them */
    uint64_t limit;   /* of CACHE: lines; 0: no limit */
};

/* Reads the words behind `stats` or `lru_crawler`. Returns NULL, or memcached's error line for what they are. */
const char *dump_order_read(struct dump_order *o, enum dump_kind kind, const struct arguments *w);

/* The error line for a client that may not dump. */
const char *dump_order_refusal(enum dump_kind kind);

/* Writes the question for one server, without its line end. limit: lines that are still wanted; 0: no limit. */
void dump_order_write(const struct dump_order *o, uint64_t limit, char *to, size_t size);

/* True: as many lines as it asks for have been passed on. */
static inline bool dump_order_has_enough(const struct dump_order *o, uint64_t passed)
{
    return o->limit > 0 && passed >= o->limit;
}

/* An item of a store of moongate's own. Times in seconds since 1970; expires 0: never. */
struct dump_item {
    const uint8_t *key;
    size_t key_len, value_len, bytes; /* bytes: that it takes in all */
    int64_t expires, used;
    uint64_t cas;
    bool was_fetched, is_base64;
};

/* Writes its line, as memcached 1.6.18 does, to `to`. Returns how long it is; 0: such a line cannot show its key, or it is in none of the
 * classes: stores have one, class 1. */
enum { DUMP_ITEM_ROOM = 3 * KEY_MAX + 200 };
size_t dump_order_item(const struct dump_order *o, const struct dump_item *item,
                       char to[DUMP_ITEM_ROOM]);

enum dump_line {
    DUMP_LINE_KEY,     /* names a key: it may be passed on */
    DUMP_LINE_OK,      /* begins the answer of newer servers */
    DUMP_LINE_END,     /* ends the answer */
    DUMP_LINE_BUSY,    /* another dump runs there, or its hash table grows */
    DUMP_LINE_REFUSED, /* an error */
    DUMP_LINE_WRONG,   /* nothing that memcached would send here */
};

/* What a line of len bytes, its end included, is in the answer to a dump of that kind. I3: a KEY line has a key of at most KEY_MAX
 * bytes, and no byte that could be taken for another line. */
enum dump_line dump_line_of(enum dump_kind kind, const uint8_t *line, size_t len);

#endif
