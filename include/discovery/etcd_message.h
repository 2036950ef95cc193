/* etcd_message: what etcd's JSON gateway answers, and what it is asked.
 *
 * A struct etcd_reader owns its memory, which etcd_reader_release frees; a struct etcd_message lives in its reader until the next
 * call for that. No descriptor, no loop, no log. Nothing of an answer is trusted: what is not as etcd writes it is refused in a sentence.
 *
 * An answer is one JSON object, a watch a stream of them, with or without line ends between them:
 *
 *   range   {"header":{"cluster_id":"1","revision":"7"},"kvs":[{"key":BASE64,"value":BASE64}],"more":true,"count":"9"}
 *   watch   {"result":{"header":...,"created":true}}
 *           {"result":{"header":...,"events":[{"kv":{...}},{"type":"DELETE","kv":{"key":BASE64}}]}}
 *           {"result":{"header":...,"canceled":true,"cancel_reason":TEXT,"compact_revision":"5"}}
 *   auth    {"header":...,"token":TEXT}
 *   error   {"error":TEXT,"message":TEXT,"code":3}     of a range
 *           {"error":{"message":TEXT,"grpc_code":3}}   within a stream
 *
 * 64-bit numbers are strings. What is 0, false or empty is left out.
 */
#ifndef MOONGATE_DISCOVERY_ETCD_MESSAGE_H
#define MOONGATE_DISCOVERY_ETCD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;
struct json_tokener;

/* I6: bytes of a message, and of all keys and values of a list. */
enum { ETCD_BYTES_MAX = 4 * 1024 * 1024 };

struct etcd_reader {
    struct json_tokener *tokener;
    struct json_object *object; /* of the message read last */
    uint8_t *decoded;           /* of the pair read last */
    size_t room;
    size_t taken; /* bytes of the message that is being read */
};

void etcd_reader_init(struct etcd_reader *r);
void etcd_reader_release(struct etcd_reader *r);

/* Forgets the part of a message that was read: another stream begins. */
void etcd_reader_reset(struct etcd_reader *r);

enum etcd_status {
    ETCD_OK,
    ETCD_AGAIN, /* all bytes were taken, and the message is not whole yet */
    ETCD_WRONG, /* `wrong` says why; the stream is of no use any more */
};

/* wrong and token point into the reader, or are static or thread-local. */
struct etcd_message {
    const char *wrong; /* with ETCD_WRONG; with ETCD_OK: etcd's own error; NULL: none */
    uint64_t cluster;  /* 0: it is not said */
    int64_t revision;  /* 0: it is not said */
    int64_t count;     /* of a range: all keys, also those that are not in it */
    bool created;      /* of a watch */
    bool is_canceled;  /* likewise; `why` says why, and is "" if etcd does not */
    const char *why;   /* not NULL */
    bool is_compacted; /* canceled: what it would begin with is not there any more */
    const char *token; /* of auth; NULL: there is none */
    uint32_t pairs;    /* keys of a range, or events */
};

/* Reads the next message of the bytes, and says how many of them it took. */
enum etcd_status etcd_next(struct etcd_reader *r, const char *bytes, size_t len, size_t *used,
                           struct etcd_message *m);

/* The same for an answer that ends with its bytes: never ETCD_AGAIN. */
enum etcd_status etcd_whole(struct etcd_reader *r, const char *bytes, size_t len,
                            struct etcd_message *m);

/* Valid until the next call. */
struct etcd_pair {
    const char *key, *value;
    size_t key_len, value_len;
    bool is_deleted;
};

/* Copies the token of an answer. NULL, or what is wrong with it. `room` is 2048. */
const char *etcd_token(const struct etcd_message *m, char *to, size_t room);

/* at < m->pairs, of the message read last. NULL, or what is wrong. */
const char *etcd_pair_at(struct etcd_reader *r, uint32_t at, struct etcd_pair *pair);

/* --- requests: printed into text of ETCD_ASK_MAX bytes; they return their length. --------------------- */

enum { ETCD_ASK_MAX = 4096 };

/* The keys that begin with prefix, which ends with a slash and has at most 511 bytes: at most `limit` of them. limit 0: their count
 * alone. */
size_t etcd_ask_range(char *text, const char *prefix, uint32_t limit);

/* Their changes from that revision on. */
size_t etcd_ask_watch(char *text, const char *prefix, int64_t revision);

/* A token. Both have at most 255 bytes, of any kind. */
size_t etcd_ask_token(char *text, const char *user, const char *password);

#endif
