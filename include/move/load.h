/* load: whether servers answer more slowly than they can, so that what is done beside their clients is to be done more slowly.
 *
 * A struct inside its owner's, which releases it. It gets the time of each answer; at the end of each window it compares what is
 * usual in it with the best window of the same server.
 */
#ifndef MOONGATE_MOVE_LOAD_H
#define MOONGATE_MOVE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

struct load_server {
    double sum;  /* seconds, of the window's answers */
    uint32_t n;  /* how many there were */
    double best; /* the lowest mean of a window; 0: none yet */
};

struct load {
    double most;                 /* times the best; 0: nothing is compared */
    double factor;               /* 0.01..1: the share of the rate at which to go on */
    double until;                /* when the window ends */
    struct load_server *servers; /* owned */
    uint32_t servers_n;
};

void load_init(struct load *l, double most, double now);
void load_release(struct load *l);

/* A server with that number has taken so many seconds to answer. */
void load_note(struct load *l, uint32_t server, double seconds);

/* To be called often. Returns the factor. */
double load_look(struct load *l, double now);

#endif
