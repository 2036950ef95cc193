/* call: one request sent to one backend, waiting in its connection's FIFO for the response.
 *
 * call_create makes it; the connection owns it from fifo_push on and destroys it after its last event. Its owner (the reply on
 * the client's side, or a leg of a flow) gets the events through `done`. Without an owner (noreply, a deadline that passed) the
 * response is read and dropped, so that the stream stays in step (I2, I5).
 */
#ifndef MOONGATE_BACKEND_CALL_H
#define MOONGATE_BACKEND_CALL_H

#include <stdbool.h>

#include "base/blob.h"
#include "base/tables.h"
#include "base/writes.h"
#include "net/outq.h"
#include "protocol/request.h"
#include "protocol/response.h"

struct arena;
struct call;
struct sharers;
struct streamed;

enum call_event {
    CALL_BEGUN, /* may_stream: a long value begins: `response` has its head alone. The owner takes it, or not: see streamed */
    CALL_DATA,  /* bytes of a value that it took: `data`, or `piped` of them in `pipe` */
    CALL_VALUE, /* a value for one of several keys, or a line of statistics; more events follow */
    CALL_ANSWERED, /* the response, or the end of one; the last event */
    CALL_FAILED,   /* there will be no response; the last event */
};

/* The place of calls that no pool sent; those of pools are below it. */
enum { BACKEND_NO_POOL = BOARD_POOLS };

/* Why there will be no response. */
enum call_failure {
    FAILURE_DOWN,    /* the server is down */
    FAILURE_BUSY,    /* too much waits for it */
    FAILURE_TIMEOUT, /* the deadline passed */
    FAILURE_LOST,    /* the connection ended while the call was in flight */
};

/* A key as it was sent, in base64 if so, with what the owner needs to answer its client. The bytes are the call's. */
struct call_key {
    const uint8_t *sent;
    const uint8_t *shown; /* what the client sees; == sent unless the script rewrote it */
    uint16_t sent_len;
    uint16_t shown_len;
    uint32_t part;  /* index of the key in the client's get */
    bool is_base64; /* both of them */
};

struct call_news {
    enum call_event event;
    enum call_failure why; /* FAILED */
    const struct response
        *response;       /* VALUE, ANSWERED, BEGUN; of a value that was taken: its end alone */
    struct blob *blob;   /* holds the response's bytes; NULL: the turn's arena does */
    struct call_key key; /* VALUE, BEGUN, and ANSWERED with a value */
    const char *failure; /* FAILED: what the client is told, without CRLF: see texts.h */
    bool is_whole;       /* FAILED: of one key of several, too, it is the whole answer */
    struct streamed *streamed; /* BEGUN */
    struct span data;          /* DATA */
    struct pipe *pipe;         /* DATA: take a reference; NULL: they are in `data` */
    size_t piped;              /* DATA */
    size_t gone;   /* ANSWERED: bytes that its owner has written, before those of `response` */
    double paused; /* ANSWERED, of a value that was taken: seconds that its client was waited for */
};

/* Takes one event of a call for its owner, which may send other calls from there. The news are valid until it returns. It must
 * not free connections or servers. */
typedef void call_done_fn(void *owner, const struct call_news *news);

/* What else a connection must know of a call, as bits. */
enum call_mark {
    CALL_LATE = 1,       /* the deadline of one of its owners passed */
    CALL_HIDES_KEY = 2,  /* moongate puts the key into its answer; see protocol/echo.h */
    CALL_EXPIRED = 4,    /* its deadline passed */
    CALL_SENT_AGAIN = 8, /* a get whose first connection ended before its answer */
    CALL_HEARD = 16,     /* a byte of its answer has come */
    CALL_ASKED_MG = 32,  /* a get that was written as mg; see protocol/reword.h */
    CALL_RETURNS = 64,   /* it hands a win back; see wins.h */
    CALL_SINGLE = 128,   /* a get of one key, which others may share; see share.h */
};

/* Invariant (call_sane): keys_seen <= keys_n; seen <= used <= room; the key records are in bytes[0..used).
 * I2: the owner alone gets what the response brings; it is NULL after the deadline.
 * I11: all keys of a call have the same owner, deadline and exptime; see shares_fate in send.c. But for a get that several owners
 * share: then owner, done, deadline, pool and affinity are those of the first one, and the others are in `sharers`. */
struct call {
    struct call *next; /* in the connection's FIFO */
    call_done_fn *done;
    void *owner;             /* NULL: the response is dropped */
    double deadline;         /* this and sent as backends.now */
    double sent;             /* 0: not yet */
    double exptime;          /* of a gat: only equal ones share a line */
    struct sharers *sharers; /* owned: its further owners; NULL: none. See sharers.h */
    struct outq
        *wire; /* owned: its request, while the connection holds it back (see held); else NULL */
    writes_pair writes; /* the writes that end with it; WRITES_NONE: it only reads */
    uint8_t command;
    uint8_t repeats; /* META_KEY, META_OPAQUE, META_BASE64: what a meta command's answer repeats */
    uint8_t opaque_len; /* of a meta command; its bytes are at opaque_at */
    uint8_t marks;      /* enum call_mark */
    uint8_t traits;     /* enum dialect_trait, without LARGE */
    uint8_t
        letters_len;   /* HIDES_KEY: the last so many bytes are the letters of the flags before k */
    uint8_t pool;      /* its place in backends.pools; BACKEND_NO_POOL: no pool sent it */
    bool may_stream;   /* its owner may take a long value while it comes; see streamed.h */
    uint32_t affinity; /* the client's number */
    uint32_t
        opaque_at; /* `classic`: there all flags of the meta command are, to the end of its bytes */
    uint32_t value_len;
    uint32_t line_len; /* bytes of a get's line so far */
    uint32_t keys_n;
    uint32_t keys_seen; /* keys that were answered or skipped */
    uint32_t seen;      /* offset of the first record after those */
    uint32_t used;
    uint32_t room;
    uint8_t
        classic; /* of a meta command that is asked in classic words: their command; else 0. See translate.h */
    uint8_t opcode; /* of a framed server's: that of its frame; `classic` is what it asks. Else 0 */
    uint8_t *bytes; /* == inside, or borrowed from the slab */
    uint8_t inside[];
};

/* Copies the key of r and what its answer must repeat. owner NULL: done is not called. It is of no pool. */
struct call *call_create(const struct request *r, double deadline, call_done_fn *done, void *owner);

/* Frees what it holds too. It is in no FIFO. */
void call_destroy(struct call *call);

/* True: a get or gets that has an owner, of whose answer no byte has come, and which was sent once only. Of a line with keys of several
 * owners a part of the answer may have come: the keys that are left are sent again. */
bool call_may_be_sent_again(const struct call *call);

/* Appends the line of such a call, without its end, to `to`: the keys that were not answered or skipped yet. */
void call_write_again(const struct call *call, struct outq *to);

/* Appends the line of a get of one key in the words of mg, and marks the call. Returns how many bytes the line has. */
size_t call_write_as_mg(struct call *call, struct outq *to);

/* A meta command's call, of which `said` is what is sent. Copies the flags of r, from which the answer will be made. */
void call_become_classic(struct call *call, const struct request *r, const struct request *said);

/* A call whose request is a frame. Copies the flags of a meta command, and the words of stats. */
void call_become_framed(struct call *call, const struct request *r, unsigned classic,
                        unsigned opcode);

/* True: those are the flags, or words, that were copied. */
bool call_has_flags(const struct call *call, const char *text);

/* The command in whose words it is asked. */
static inline unsigned call_asked(const struct call *call)
{
    return call->classic ? call->classic : call->command;
}

/* Its key as it is, into `raw`, which has KEY_MAX bytes. Returns its length. */
size_t call_raw_sent(const struct call *call, uint8_t *raw);

/* True: that is its key, which it sent in base64 or as it is. */
bool call_has_raw_key(const struct call *call, const uint8_t *key, size_t len);

/* A further key, before the call is written. */
void call_add_key(struct call *call, const struct request *r);

/* True: several owners wait for its answer, or did: it must reach each of them whole. */
static inline bool call_is_shared(const struct call *call)
{
    return call->sharers != NULL;
}

/* True: a line with keys of several owners. */
static inline bool call_is_merged(const struct call *call)
{
    return call->sharers && call->keys_n > 1;
}

/* True: some owner still waits for its response. */
bool call_is_awaited(const struct call *call);

/* True: the key whose record is at that offset is sent as those bytes. */
bool call_has_key(const struct call *call, uint32_t at, const void *key, size_t len);

/* What sharers.h keeps with the key whose record is at that offset; 0 at first. */
uint32_t call_key_sharer(const struct call *call, uint32_t at);
void call_set_key_sharer(struct call *call, uint32_t at, uint32_t sharer);

/* The first key that was not answered or skipped yet; false when there is none. */
bool call_key(const struct call *call, struct call_key *key);

/* Skips keys until `key` is the one with that name; false when none is left: the answer belongs to some other request. */
bool call_seek_key(struct call *call, const uint8_t *name, size_t len, struct call_key *key);

/* Skips the key that call_key gives, which there is. */
void call_pass_key(struct call *call);

/* True when key and opaque of an answer to a meta command are those of this call. They may be left out where nothing was
 * found or done: some versions of memcached answer EN or NF alone. */
bool call_fits(const struct call *call, const struct response *r);

/* Puts the key, as it was sent, into an answer that lacks it (CALL_HIDES_KEY) or has it raw. The result lies in memory of
 * `arena`. */
void call_put_key(const struct call *call, struct response *r, struct arena *arena);

/* Decodes the key of a call that was sent in base64, into `raw`, which has KEY_MAX bytes. Returns its length. */
size_t call_raw_key(const struct call *call, uint8_t *raw);

/* The event of a call whose command the server does not know: ANSWERED with ERROR. */
struct call_news call_news_unknown(void);

/* Passes an event to the owner, if there is one. */
void call_tell(const struct call *call, const struct call_news *news);

#endif
