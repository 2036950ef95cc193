/* asked: one request of a recording, as it is sent again: a get of several keys is one.
 *
 * Made from takes by a struct asked_maker, which is a part of its owner. An asked is one piece of memory from malloc; who is the last that
 * waits for it frees it. One process.
 */
#ifndef MOONGATE_REPLAY_ASKED_H
#define MOONGATE_REPLAY_ASKED_H

#include "protocol/command.h"
#include "record/take.h"
#include "replay/results.h"

struct asked_key {
    const uint8_t *at; /* the key itself; in base64 it is on the wire alone */
    uint64_t hash;
    uint32_t prefix; /* its number in the table of prefixes */
    uint32_t bytes;  /* of the recorded answer */
    uint16_t len;
    uint8_t result; /* recorded: enum live_result */
    uint8_t found;  /* a bit for each side on which it was a hit */
};

/* On its way under one script. */
struct asked_way {
    struct asked *next; /* of the same client */
    double sent;        /* replay_clock */
};

struct asked {
    struct asked_way ways[REPLAY_SIDES];
    uint64_t client;  /* the recording's: its worker and its number there */
    uint64_t number;  /* in the order of the recording */
    double at;        /* seconds from the first request that was recorded; below 0: earlier */
    uint64_t us;      /* recorded */
    uint32_t waiting; /* sides that have not answered */
    uint8_t command;
    bool reads;      /* get, gets */
    bool changes;    /* it may change what is stored */
    bool is_refill;  /* no request of the recording: a client stores what it has not found again */
    bool refills;    /* it may become such a one */
    bool is_made_up; /* its value was not recorded */
    bool is_quiet;   /* there may be no answer, so `mn` is sent behind it */
    bool vivifies;   /* mg with N: a miss is answered as a hit without a value */
    bool is_base64;  /* its one key is on the wire in base64 */
    uint8_t listener_len;
    const uint8_t *listener;
    const uint8_t *bytes; /* as a client sends it */
    size_t line_len;      /* of its first line, without its end */
    size_t len;
    size_t cas_at, cas_len; /* of a cas: where its number stands; else 0 */
    uint32_t keys_n;
    struct asked_key keys[];
};

/* Bytes that grow. */
struct asked_bytes {
    uint8_t *at;
    size_t n, room;
};

struct asked_maker {
    uint64_t began_us;    /* of the recording */
    uint32_t value_bytes; /* of values whose size is not known */
    struct asked_bytes bytes;
    struct asked_key *keys; /* `at` is an offset yet */
    size_t keys_n, keys_room;
    struct asked head;
    struct take take; /* the last one, without its texts */
    uint8_t listener[TAKE_LISTENER];
    uint8_t own_key[TAKE_KEY]; /* of a request in base64 */
};

void asked_maker_release(struct asked_maker *m);

/* False: such a request is not sent again: it asks moongate itself, and is not about keys; or no client can have sent it. */
bool asked_can_be(const struct take *t);

/* Begins a request with a take; the next takes may join it. */
void asked_begin(struct asked_maker *m, const struct take *t);
bool asked_joins(const struct asked_maker *m, const struct take *t);
void asked_join(struct asked_maker *m, const struct take *t);

/* The request; the maker is empty afterwards. */
struct asked *asked_make(struct asked_maker *m);

/* A set of one of its keys, by the same client, with a made-up value of so many bytes. A key in base64 is set by `ms`. */
struct asked *asked_refill(const struct asked *a, uint32_t key, uint32_t value_bytes);

/* One of its keys as a request of its own, without CRLF and value. The line is cut at room. Returns its length. */
size_t asked_line(const struct asked *a, uint32_t key, char *line, size_t room);

/* The bytes of a value that was recorded, as far as the size of the answer tells. */
uint32_t asked_value_bytes(const struct asked_key *key);

/* A made-up value: the same for the same key and length. Short ones are numbers. */
void asked_make_value(uint8_t *to, size_t len, uint64_t hash);

#endif
