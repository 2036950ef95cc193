/* reply: the place of one answer among a client's answers.
 *
 * Owned by its client's list from reply_create until its answer is in the client's output. When the client closes first, a
 * reply that still waits frees itself as its last call ends. One worker.
 *
 * I1: a client's replies leave in the order in which they were created, each once.
 */
#ifndef MOONGATE_CLIENT_REPLY_H
#define MOONGATE_CLIENT_REPLY_H

#include "client/tally.h"
#include "route/receiver.h"

struct reply_part;
struct sights;

enum { REPLY_ECHO_MAX = KEY_WIRE_ROOM + LINE_MAX_BYTES + 8 };

/* How its client is answered, as bits; 0: in lines. */
enum reply_manner {
    REPLY_SILENT = 1,    /* noreply: it keeps its place in the order, and answers nothing */
    REPLY_IN_FRAMES = 2, /* of the binary protocol: see binary_reply */
};

/* I1: waiting > 0 exactly while it is not complete; each event of a call, or result, is taken while waiting > 0.
 * I2: client is the one whose request this reply was created for, or NULL; it never changes to another.
 * I5: manner and quiet live here, because no server gets to see a noreply or q. */
struct reply {
    struct reply *next;
    struct client *client;        /* NULL: it has closed, and nobody reads the answer */
    uint32_t waiting;             /* keys not yet sent, and calls not yet ended */
    uint32_t parts_n;             /* keys of a multi-key get, or 0 */
    struct reply_part *parts;     /* see parts */
    struct sights *sights;        /* see sight; NULL: nobody watches it */
    size_t passed;                /* bytes of its answer that were passed on: see streaming */
    size_t held;                  /* bytes counted in client->stored for it */
    double began;                 /* when its request was parsed, as turn.now */
    struct board_command *counts; /* for its command */
    /* The complete answer, while replies before it are not complete; until then, the bytes that its parts point to. */
    struct outq store;
    union {
        struct framing framing;
        struct {
            uint32_t opaque;
            uint8_t opcode, manner;
        };
    };
    /* The line that ends a multi-key get instead of END; or NULL. */
    char *failure;
    /* Key and opaque that the answer to a meta command repeats; of stats, the word behind it; of a frame, its key; or NULL. */
    char *echo;
    uint32_t failure_len;
    uint16_t echo_len;
    uint16_t echo_room;
    uint8_t command;  /* enum command */
    bool quiet;       /* a meta command's q: its common answer is not sent */
    bool is_streamed; /* its head is in its client's output, and data follows: see streaming */
    bool fails_whole; /* of a multi-key get: its failure is the whole answer */
    bool is_own;      /* its request is moongate's own: it does not count */
    uint8_t error;    /* enum tally_error: the first that its client is told */
};

/* For its receiver. owner: struct reply. */
static inline bool reply_is_awaited(const void *owner)
{
    return ((const struct reply *)owner)->client != NULL;
}

static inline bool reply_goes_on(const void *owner)
{
    const struct client *c = ((const struct reply *)owner)->client;
    return c && c->state != CLIENT_ENDING;
}

/* A reply at the end of c's list. r: the request, its key as the client sent it. keys: 1, or how many keys a get has. */
struct reply *reply_create(struct client *c, const struct request *r, uint32_t keys);

/* What the reply is for was made by moongate, so it does not count as a client's request. */
void reply_is_own(struct reply *reply);

/* The same for a command that is not about a key. */
struct reply *reply_create_local(struct client *c, unsigned command);

/* Answers a request of that command with `len` bytes (whole lines) in c's order: now, or when the replies before it are complete. */
void reply_at_once(struct client *c, unsigned command, const char *bytes, size_t len);

/* A reply that answers `stats what`, to be completed by reply_finish with nothing. Its answer is made once everything before it is
 * answered, so that the statistics count that, too. */
struct reply *reply_stats(struct client *c, const struct request *r, const char *what, size_t len);

/* It will be completed with this line, which may be an error. */
void reply_note_line(struct reply *reply, const char *line, size_t len);

/* Completes a reply of one key with `answer`, which is empty afterwards. */
void reply_finish(struct reply *reply, struct outq *answer);

/* Where the outcomes of routed requests go; owner: struct reply. */
extern const struct receiver reply_receiver;

/* Its on_result: by that, ends of requests are known that are clients' own. */
void reply_result(void *owner, uint32_t place, const struct result *result);

/* The client closes: destroys its complete replies; the others destroy themselves as their calls end. */
void replies_abandon(struct client *c);

/* --- for those that make its bytes */

/* A reply of one key gets its answer. I1: once. False: nobody reads it, and it is freed. */
bool reply_take_answer(struct reply *reply) __attribute__((warn_unused_result));

/* Where its complete answer goes then, and that it is there, with so many bytes. */
struct outq *reply_place(struct reply *reply);
void reply_complete(struct reply *reply, size_t bytes);

/* The end of a value that was passed on; news NULL: it broke off, and `why` says why. */
void reply_end_streamed(struct reply *reply, const struct call_news *news, const char *why);

/* Frees one that waits for nothing any more, and its client has closed. */
void reply_drop(struct reply *reply);

/* Keeps what k and O make an answer repeat. */
void reply_keep_echo(struct reply *reply, const struct request *r);

/* --- for its parts */

/* Counts n bytes as held for the client. */
void reply_hold(struct reply *reply, size_t n);

/* Its client is told an error; or a response of a kind that is an error. */
void reply_note_error(struct reply *reply, enum tally_error error);
void reply_note_answer(struct reply *reply, enum response_kind kind);

/* Counts n responses of a kind as hits or misses, under memcached's names. */
void reply_count(const struct reply *reply, enum response_kind kind, uint32_t n);

#endif
