/* call: one request sent to one backend, waiting in its connection's FIFO for the response.
 *
 * Owned by the connection from call_create until the connection destroys it, after the last event. The owner (the reply on
 * the client's side) hears of it through `done`; with no owner (noreply, deadline passed) the response is read and
 * dropped, so that the stream stays in step (invariants I2, I5).
 */
#ifndef MOONGATE_BACKEND_CALL_H
#define MOONGATE_BACKEND_CALL_H

#include <stdbool.h>

#include "base/blob.h"
#include "base/writes.h"
#include "net/outq.h"
#include "protocol/request.h"
#include "protocol/response.h"

struct arena;
struct call;

enum call_event {
    CALL_VALUE, /* a value for one of several keys, or a line of statistics; more events follow */
    CALL_ANSWERED, /* the response, or the end of one; the last event */
    CALL_FAILED,   /* there will be no response; the last event */
};

/* Why there will be no response. */
enum call_failure {
    FAILURE_DOWN,    /* the server is down */
    FAILURE_BUSY,    /* too much waits for it */
    FAILURE_TIMEOUT, /* the deadline passed */
    FAILURE_LOST,    /* the connection ended while the call was in flight */
};

/* A key as it was sent (base64 if it was sent so), with what the owner needs to put the answer in its place. */
struct call_key {
    const uint8_t *sent;
    const uint8_t *shown; /* what the client shall see; == sent unless the script rewrote it */
    uint16_t sent_len;
    uint16_t shown_len;
    uint32_t part;  /* which key of the client's get */
    bool is_base64; /* both of them */
};

struct call_news {
    enum call_event event;
    enum call_failure why;           /* FAILED */
    const struct response *response; /* VALUE, ANSWERED */
    struct blob *blob;   /* that the response lies in, or NULL: it lies in the turn's arena */
    struct call_key key; /* VALUE, and ANSWERED with a value */
    const char *failure; /* FAILED: the backend's name and the reason, without CRLF */
};

/* Tells the owner, which may send other calls from there. */
typedef void call_done_fn(void *owner, const struct call_news *news);

/* What a connection must know of a call besides, as bits. */
enum call_mark {
    CALL_HIDES_KEY = 2,  /* its answer gets the key here; see protocol/echo.h */
    CALL_EXPIRED = 4,    /* its deadline passed */
    CALL_SENT_AGAIN = 8, /* a get that was lost with its connection once */
    CALL_HEARD = 16,     /* a byte of its answer has come */
};

/* Invariant: keys_seen < keys_n until the last event; the key records are in bytes[0..used). */
struct call {
    struct call *next; /* in the connection's FIFO */
    call_done_fn *done;
    void *owner; /* NULL: nobody waits */
    double deadline;
    double sent;        /* as backends.now; 0: not yet */
    double exptime;     /* of a gat, so that only equal ones are joined */
    struct outq *wire;  /* its request, while the connection holds it back (see held); else NULL */
    writes_pair writes; /* that end with it; WRITES_NONE: it only reads */
    uint8_t command;
    uint8_t
        repeats; /* META_KEY, META_OPAQUE, META_BASE64: what the answer to a meta command repeats, and how */
    uint8_t opaque_len; /* of a meta command; its bytes are at opaque_at */
    uint8_t marks;      /* enum call_mark */
    uint8_t traits;     /* enum dialect_trait, those that its request has by itself */
    uint8_t
        letters_len; /* of a call that hides its key: the last bytes are the letters of the flags before k */
    uint32_t affinity; /* the client's number */
    uint32_t opaque_at;
    uint32_t value_len;
    uint32_t line_len; /* bytes of a get's line so far */
    uint32_t keys_n;
    uint32_t keys_seen; /* records that the response has gone past */
    uint32_t seen;      /* offset of the first record not gone past */
    uint32_t used;
    uint32_t room;
    uint8_t *bytes; /* == inside, or borrowed from the slab */
    uint8_t inside[];
};

struct call *call_create(const struct request *r, double deadline, call_done_fn *done, void *owner);

/* What it holds goes, too. */
void call_destroy(struct call *call);

/* A get or gets that somebody waits for, of whose answer nobody has heard yet. */
bool call_may_be_sent_again(const struct call *call);

/* Writes the line of such a call again, without its end, to `to`, which gets more room where need be. */
void call_write_again(const struct call *call, struct outq *to);

void call_add_key(struct call *call, const struct request *r);

/* The next key not gone past; false when there is none. */
bool call_key(const struct call *call, struct call_key *key);

/* Goes past keys until `key` is the one; false when it is none of them: the answer is to some other request. */
bool call_seek_key(struct call *call, const uint8_t *name, size_t len, struct call_key *key);

/* Goes past the key that call_key gives. */
void call_pass_key(struct call *call);

/* True when key and opaque of an answer to a meta command are those of this call. They may be left out where nothing was
 * found or done: some memcached have no more than EN and NF to say. */
bool call_fits(const struct call *call, const struct response *r);

/* Of an answer that lacks the key (CALL_HIDES_KEY), or has it raw: puts it in, as it was sent. The result lies in memory of
 * `arena`. */
void call_put_key(const struct call *call, struct response *r, struct arena *arena);

/* The raw key of the only key that was sent as base64, to `raw`, which has KEY_MAX bytes. Returns its length. */
size_t call_raw_key(const struct call *call, uint8_t *raw);

/* The news of a call whose command the server does not know: its answer is ERROR. */
struct call_news call_news_unknown(void);

/* Gives news to the owner, if there is one. */
void call_tell(const struct call *call, const struct call_news *news);

#endif
