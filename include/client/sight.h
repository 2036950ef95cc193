/* sight: what is noted of requests while there are viewers, while there is a slow log, or while they are recorded (client/noted.h), and what
 * comes of it: events on the board, lines in the log.
 *
 * struct sighting is a part of the set of clients, which owns it; ring and filters are the board's. A reply owns its struct sights from
 * reply_create until it is complete, and each of those is freed with it. Worker only. While nobody watches, a request costs a look at
 * turn.is_watched and a reply at its own pointer.
 */
#ifndef MOONGATE_CLIENT_SIGHT_H
#define MOONGATE_CLIENT_SIGHT_H

#include "base/live.h"
#include "base/log.h"
#include "protocol/request.h"
#include "protocol/response.h"

struct board_server;
struct clients;
struct client;
struct noted;
struct reply;
struct turn;

enum {
    SIGHT_ADDRESSES = 64,
    SIGHT_ASKED = 2,    /* calls of a request that are remembered: the last ones */
    SIGHTS_MOST = 16384 /* keys that are noted at a time; further ones are dropped, and counted */
};

/* One key that is watched. */
struct sight {
    uint32_t watchers; /* as in struct live_event, before its end is known */
    uint16_t key_len;
    uint8_t asked_n;
    bool is_routed;
    bool has_failed; /* one of several keys */
    double routed;
    char route[LIVE_ROUTE]; /* "": the script has answered itself */
    struct {
        const struct board_server *server; /* stays: it is the board's */
        double at;
        char pool[LIVE_NAME];
    } asked[SIGHT_ASKED];
    uint8_t key[];
};

/* Those of a reply: one for each key, NULL for a key that nobody watches. */
struct sights {
    struct clients *set;
    struct noted *noted; /* of those that are recorded, the last key first; or NULL */
    double began;
    uint32_t n;
    uint32_t value_len; /* of a storage command */
    uint8_t command;    /* enum command */
    uint8_t noreply;
    struct sight *of[];
};

/* Invariant: held is how many struct sight there are, at most SIGHTS_MOST (I6); is_on while a filter is active or slow > 0. */
struct sighting {
    bool is_on;
    double slow;                      /* seconds: --slow-log; 0: none */
    const struct live_filters *board; /* NULL: nobody can watch */
    struct live_filters filters;      /* a copy */
    struct live_ring *ring;           /* NULL: as above */
    uint32_t random;
    uint32_t most; /* the largest share that a filter takes; all with a slow log */
    uint32_t held;
    uint64_t begun; /* how often chance was asked: tells which requests have no reply */
    struct log_limit lines;
    struct sight *routed; /* the one that was routed last, if it is still there */
    size_t line_bytes;    /* as in sight_line */
    struct {
        enum live_result result;
        size_t len;
        char text[LIVE_TEXT];
    } outcome; /* of the reply that is being completed */
    struct {
        uint32_t affinity;
        char text[LIVE_CLIENT];
    } addresses[SIGHT_ADDRESSES]; /* of clients that were looked up lately, by their numbers */
};

/* filters, ring: NULL: only the slow log. */
void sighting_init(struct sighting *s, const struct live_filters *filters, struct live_ring *ring);

/* Finds out who watches; to be called when the loop wakes, before anything is read. */
void sighting_look(struct clients *set);

/* --- for reply.c and requests.c; all but the first only while turn.is_watched, or for a reply that has sights */

/* By chance: whether a viewer may want the next request at all; of several keys, each has its own chance. */
static inline bool sight_is_chosen(struct sighting *s, uint32_t keys)
{
    s->begun++;
    s->random ^= s->random << 13;
    s->random ^= s->random >> 17;
    s->random ^= s->random << 5;
    return keys > 1 || s->random <= s->most;
}

/* A request has come: with one key, with several (then sight_key for each), or with none. */
void sight_begin(struct reply *reply, const struct request *r, uint32_t keys);
void sight_key(struct reply *reply, struct request *r);

/* For these files: what the answer will be. */
void sight_note(struct sighting *s, enum live_result result, const void *text, size_t len);

/* What the answer will be; followed by sight_end. */
void sight_answered(struct reply *reply, const struct response *r);
void sight_missed(struct reply *reply);
void sight_failed(struct reply *reply, const char *word, const char *text, size_t len);

/* The reply is complete, with so many bytes; or is freed, and its client has gone. Frees its sights. */
void sight_end(struct reply *reply, size_t bytes);

/* The same for a reply with parts, before they are freed. */
void sight_end_parts(struct reply *reply);

/* A request that is answered, or refused, without a reply of its own: its line, when it has one, then its end. */
void sight_line(struct clients *set, const char *line, size_t len);
/* r: NULL: nothing is known but the command. */
void sight_local(struct client *c, unsigned command, const struct request *r);

#endif
