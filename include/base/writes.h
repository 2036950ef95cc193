/* writes: which keys are being written, and which copies are being made, by any worker of this machine; see src/base/writes.c.
 *
 * One table of slots, which keys share by their hashes, in memory that the master maps before it forks; the board owns it. Each
 * worker counts in a row of its own what it has in flight, so that the master can take that off when the worker dies.
 */
#ifndef MOONGATE_BASE_WRITES_H
#define MOONGATE_BASE_WRITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WRITES_LINGER = 1
}; /* seconds that a write whose outcome is unknown keeps its slot closed */

struct writes;

/* A worker's access to the table. */
struct writer {
    struct writes *all;
    uint32_t worker;
};

/* The slots of a request: that of its key, and that of the key that its client knows it by where that is another. */
typedef uint32_t writes_pair;
enum { WRITES_NONE = 0, WRITES_ALL = 0x8001 }; /* flush_all: every key */

/* Of `workers` rows; NULL when out of memory. */
struct writes *writes_create(uint32_t workers);
void writes_destroy(struct writes *all);

/* A table that no other process sees, one a process: for tests and tools without a board. */
struct writer writer_private(void);

/* shown NULL: the key is the one that the client sent. */
writes_pair writes_pair_of(const void *key, size_t len, const void *shown, size_t shown_len);

/* A write is about to be sent; it was answered; or it will not be: it may be carried out later, or not. `now` in monotonic seconds. */
void writes_begin(const struct writer *w, writes_pair pair);
void writes_end(const struct writer *w, writes_pair pair);
void writes_lose(const struct writer *w, writes_pair pair, double now);

/* Like writes_begin for what nobody will end: its slots stay closed until `until`. */
void writes_close(const struct writer *w, writes_pair pair, double until);

/* A policy begins, and ends, what it does for a write: it may send parts of it later. */
void plans_begin(const struct writer *w, writes_pair pair);
void plans_end(const struct writer *w, writes_pair pair);

/* A flush_all that servers carry out `delay` seconds from now. Besides writes_begin and writes_end. */
void writes_flush_later(const struct writer *w, double delay, double now);

/* What changes with every write and plan that begins or ends; never 0. */
uint64_t writes_mark(const struct writer *w, writes_pair pair, double now);

/* It has not changed, and nothing is in flight but `plans` plans of the caller's own: a copy of what was read since the mark may be
 * made. */
bool writes_allow(const struct writer *w, writes_pair pair, uint64_t mark, uint32_t plans,
                  double now);

/* The same of writes without plans, for who writes by plans of its own. And by how much one write, from its beginning to its end, changes
 * the mark. */
uint64_t sends_mark(const struct writer *w, writes_pair pair, double now);
bool sends_allow(const struct writer *w, writes_pair pair, uint64_t mark, double now);
uint64_t sends_of_one(writes_pair pair);

/* The slots of that key's copies in one place; place: any number that tells it from others. */
writes_pair copies_pair(writes_pair pair, uint32_t place);

/* A copy is being made, until it is known to be right, or to be gone; it may stay though it is old, until then. */
void copies_begin(const struct writer *w, writes_pair pair);
void copies_end(const struct writer *w, writes_pair pair);
void copies_doubt(const struct writer *w, writes_pair pair, double until);

/* What changes with every copy that begins or ends; and whether a copy that was read since then may be one that is taken back. */
uint64_t copies_mark(const struct writer *w, writes_pair pair);
bool copies_are_doubtful(const struct writer *w, writes_pair pair, uint64_t mark, double now);

/* The worker is gone: what it had in flight is lost. */
void writes_forget(struct writes *all, uint32_t worker, double now);

#endif
