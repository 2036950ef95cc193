/* simulated_state: what the files of simulated caches share: the items and queues of a cache, which owns all of it. */
#ifndef LIB_SIMULATED_STATE_H
#define LIB_SIMULATED_STATE_H

#include "lib/simulated.h"

enum { QUEUES = 4, NONE = 0, WAYS = 8 };

/* Queues, by their numbers: of those with a queue for what is new, and of those with a segmented LRU. */
enum { IN, MAIN, WINDOW };
enum { PROBATION, PROTECTED };

struct node {
    uint64_t key;
    uint32_t newer, older, chain, bytes;
    uint8_t queue, uses;
};

struct queue {
    uint32_t newest, oldest, items;
    uint64_t bytes;
};

struct policy {
    const char *name;
    void (*init)(struct simulated *s);
    void (*hit)(struct simulated *s, uint32_t n);
    void (*miss)(struct simulated *s, uint32_t n); /* the item is new: puts it into a queue */
    void (*evict)(struct simulated *s);            /* removes an item, or moves one */
    bool has_ghosts_of_main;
};

struct simulated {
    const struct policy *policy;
    uint64_t room, used, items_most;
    uint32_t *heads, heads_n;
    struct node *nodes; /* number 0 is none */
    uint32_t unused, begun;
    struct queue queues[QUEUES];
    uint32_t hand;
    uint32_t *ghosts, ghosts_n;
    uint64_t ghosts_kept; /* so many of the last that went count */
    uint64_t clocks[2];
    uint64_t small; /* bytes that the small queue is to have */
    uint8_t *sketch;
    uint64_t sketch_n, counted;
};

void simulated_push(struct simulated *s, uint32_t n, uint8_t queue);
void simulated_move(struct simulated *s, uint32_t n, uint8_t queue);
void simulated_drop(struct simulated *s, uint32_t n);
void simulated_use(struct node *e, uint8_t most);
uint32_t simulated_power(uint64_t least);
uint64_t simulated_mixed(uint64_t x);

/* A hit in a segmented LRU. */
void simulated_slru_hit(struct simulated *s, uint32_t n);

extern const struct policy simulated_lru, simulated_slru, simulated_2q, simulated_sieve,
    simulated_tinylfu, simulated_s3fifo, simulated_adaptive;

#endif
