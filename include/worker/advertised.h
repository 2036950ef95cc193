/* advertised: the nodes that clients with auto-discovery are told (--advertise).
 *
 * main looks the names up once, before there is a worker; workers inherit the text, which options_release frees.
 */
#ifndef MOONGATE_WORKER_ADVERTISED_H
#define MOONGATE_WORKER_ADVERTISED_H

#include <stdbool.h>
#include <stdint.h>

struct option_list;

struct advertised {
    char *nodes;      /* as client/cluster.h wants them; NULL: no node is advertised */
    uint64_t version; /* grows when they may have changed */
};

/* NULL, or a sentence that says why no client could connect to this item of --advertise. Names are not looked up. */
const char *advertised_wrong(const char *item);

/* Fills `to` from the items. port: of those that name none. May block. False after a complaint. */
bool advertised_look_up(struct advertised *to, const struct option_list *items, uint16_t port)
    __attribute__((warn_unused_result));

void advertised_release(struct advertised *a);

#endif
