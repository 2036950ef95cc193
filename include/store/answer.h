/* answer: what memcached 1.6.18 would answer to a request, from the items of a store. No loop, no sockets.
 *
 * A struct store_answer is a plain value of the caller: its response is as response_parse makes it of a server's bytes (kind, key with the
 * byte behind it, opaque), and points into the caller's arena, into constants, or into a blob whose reference the caller owns. Any process
 * that has the store; it holds the lock of the key's shard while it answers, and waits for nothing else.
 */
#ifndef MOONGATE_STORE_ANSWER_H
#define MOONGATE_STORE_ANSWER_H

#include <sys/uio.h>

#include "base/arena.h"
#include "base/blob.h"
#include "protocol/request.h"
#include "protocol/response.h"
#include "store/counts.h"
#include "store/store.h"

/* Whose answers these are: src/store/README.md has what newer ones do otherwise. */
#define STORE_ANSWERS_AS "1.6.18"

/* A value of that many bytes or more is written into a blob, so that the reply takes a reference to it and does not copy it. */
enum { ANSWER_BLOB_LEAST = 8 * 1024 };

/* A longer one may be written to where it goes, from where it lies: at most so many bytes while the shard is locked. */
enum { ANSWER_WRITE_LEAST = 32 * 1024, ANSWER_WRITE_MOST = 1 << 20 };

/* The response of a get has the END behind its value, as news of calls have it. */
struct store_answer {
    struct response response;
    /* Holds the bytes, for the caller to give. NULL: the arena has them, or they are constants. */
    struct blob *blob;
    size_t gone;   /* bytes of the answer that were written: the response has those behind them */
    bool has_made; /* a meta command made the item: q of ma does not leave that out */
};

/* Answers r: any command that carries a key, with a base64 key decoded. r is not changed; its noreply and q are the caller's to
 * follow. The answer of mg and its like repeats the key of r as its client would write it. now: seconds since 1970. */
void store_answer(struct store *s, const struct request *r, int64_t now, struct arena *arena,
                  struct store_answer *a);

/* Takes the first bytes of an answer, which lie in n pieces, to where it goes: as many as it says; 0: it must go another way. The shard is
 * locked meanwhile. So it does not wait, and calls nothing of the store. */
typedef size_t store_write_fn(void *owner, const struct iovec *pieces, int n);

/* As store_answer; the long value of a get, gets, gat or gats goes to `write` first, if that is not NULL. */
void store_answer_to(struct store *s, const struct request *r, int64_t now, struct arena *arena,
                     store_write_fn *write, void *owner, struct store_answer *a);

/* The same while the caller has the shard of r's key locked, by store_begin with that key. */
void store_answer_begun(struct store_op *op, const struct request *r, struct arena *arena,
                        struct store_answer *a);

/* A value for r's key was too large for the parser: the old one must not be read again. r has its key decoded, as above. */
void store_answer_too_large(struct store *s, const struct request *r, int64_t now);

/* The numbers of store/counts.h, summed over all shards. Never waits: while others count, they may be of several moments. */
void store_counts(struct store *s, uint64_t counts[STORE_COUNT_N]);

/* When an item ends to which a client gives that time, as memcached reads it: 0 never, below 0 at once, up to 30 days from now on, else
 * seconds since 1970. As an item's `expires`. */
int64_t store_expiry(int64_t asked, int64_t now);

#endif
