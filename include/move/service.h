/* service: whether the moongate that clients use now sends the sets and deletes of keys that move to their old place and to the new ones.
 *
 * The caller owns it and closes it. It asks the service's admin socket, in the tier's loop, about a sample of the keys that it is
 * offered: soon, and again every few seconds, since another script may be loaded at any time. Nothing waits.
 */
#ifndef MOONGATE_MOVE_SERVICE_H
#define MOONGATE_MOVE_SERVICE_H

#include <ev.h>

#include "move/standing.h"

enum {
    SERVICE_KEYS = 64,                  /* keys that are asked about in each round */
    SERVICE_PLACES = 8,                 /* places of a key that are looked for */
    SERVICE_ANSWER = (4 << 20) + 65536, /* as much as the longest list of servers */
    SERVICE_TROUBLE = 1024,
};

/* A place that has a key, or is to have it. */
struct service_place {
    uint32_t server;     /* of the tier */
    struct tier_key key; /* as it is sent there */
};

/* Connects to the admin socket; returns a descriptor, or -1 and why in `error`, which has SERVICE_TROUBLE bytes. */
typedef int service_connect_fn(void *about, char *error);

enum service_step {
    SERVICE_RESTS,  /* until the next round */
    SERVICE_PAUSES, /* until the next question */
    SERVICE_ASKS_SET,
    SERVICE_ASKS_DELETE,
    SERVICE_ASKS_STANDING,
    SERVICE_STOPPED, /* there is trouble, or it is closed */
};

/* A key of the sample. */
struct service_key {
    struct tier_key client; /* as clients call it */
    struct service_place places[SERVICE_PLACES];
    uint32_t places_n;
    bool was_asked;
};

/* Invariant: fd >= 0 exactly while an answer is waited for, or between two questions of one round. */
struct service {
    struct tier *tier;
    service_connect_fn *connect;
    void *about;
    ev_io io;
    ev_timer timer;
    int fd;
    enum service_step step;
    struct service_key *keys; /* owned: SERVICE_KEYS of them */
    uint32_t keys_n, next;    /* next: the one that is asked about */
    uint64_t offered;
    uint32_t refused;          /* attempts to get an answer that have failed, in a row */
    struct standing *standing; /* what is to be asked for next, its caller's; NULL: nothing */
    char *answer;              /* owned: what has come of it, SERVICE_ANSWER bytes */
    size_t answer_len;
    char trouble[SERVICE_TROUBLE]; /* "": none */
};

/* Begins. The tier's loop is to be run. */
void service_open(struct service *s, struct tier *t, service_connect_fn *connect, void *about);
void service_close(struct service *s);

/* A key that moves, as clients call it, and the places that should get what is written. One in a few is kept; those in base64 are not. */
void service_offer(struct service *s, const struct tier_key *client,
                   const struct service_place *places, uint32_t n);

/* True: each key that was offered and kept has been asked about at least once. */
bool service_has_asked(const struct service *s);

/* Asks how the servers stand now; *to is filled when service_asks_standing is false. If there is trouble, that never comes. */
void service_ask_standing(struct service *s, struct standing *to);
bool service_asks_standing(const struct service *s);

/* NULL: all is well so far; else what is wrong and what to do, one sentence. It stays. */
const char *service_trouble(const struct service *s);

#endif
