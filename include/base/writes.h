/* writes: which keys are being written, and which copies are being made, by any worker of this machine; see src/base/writes.c.
 *
 * One table of slots, which keys share by their hashes, in memory that the master maps before it forks; the board owns it. Each
 * worker also counts in its row what it has in flight, so that the master can subtract that when the worker dies.
 */
#ifndef MOONGATE_BASE_WRITES_H
#define MOONGATE_BASE_WRITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Seconds that a write whose outcome is unknown keeps its slot closed. */
enum { WRITES_LINGER = 1 };

struct writes;

/* A worker's access to the table. A plain value. */
struct writer {
    struct writes *all;
    uint32_t worker; /* its row: the number of its part of the board */
};

/* The slots of a request: the slot of its key, and the slot of the key that the client sent where a script has changed the
 * key. */
typedef uint32_t writes_pair;
enum { WRITES_NONE = 0, WRITES_ALL = 0x8001 }; /* flush_all: every key */

/* Maps a table with so many rows. fd: as region_create. NULL when out of memory. */
struct writes *writes_create(uint32_t workers, int *fd);

/* Maps the table that another process made in that file; it has so many rows at least. NULL: it is another kind of table. */
struct writes *writes_adopt(int fd, uint32_t workers);

/* How many it has. */
uint32_t writes_rows(const struct writes *all);

/* Unmaps it, in this process. NULL is allowed. */
void writes_destroy(struct writes *all);

/* A table that no other process shares, one for the process: for tests and tools without a board. Never freed. */
struct writer writer_private(void);

/* The slots of a key, and of the key `shown` that the client sent (NULL: they are the same). */
writes_pair writes_pair_of(const void *key, size_t len, const void *shown, size_t shown_len);

/* The slots will be looked at soon: fetches them from memory. */
void writes_fetch(const struct writer *w, writes_pair pair);

/* begin: a write is about to be sent. end: it was answered. lose: its connection has ended, so the server may still carry it out.
 * Each begin has one end or one lose. `now` in monotonic seconds, as everywhere here. */
void writes_begin(const struct writer *w, writes_pair pair);
void writes_end(const struct writer *w, writes_pair pair);
void writes_lose(const struct writer *w, writes_pair pair, double now);

/* A write that has no end here: its slots stay closed until `until`. */
void writes_close(const struct writer *w, writes_pair pair, double until);

/* A policy begins, and ends, its work for a write; in between it may send parts of the write. */
void plans_begin(const struct writer *w, writes_pair pair);
void plans_end(const struct writer *w, writes_pair pair);

/* A flush_all that servers carry out `delay` seconds from now. In addition to writes_begin and writes_end. */
void writes_flush_later(const struct writer *w, double delay, double now);

/* A number that changes with every write and plan that begins or ends in the slots; never 0. */
uint64_t writes_mark(const struct writer *w, writes_pair pair, double now);

/* True when a copy of what was read since the mark may be made: the mark has not changed, and nothing is in flight but the
 * caller's own `plans` plans. */
bool writes_allow(const struct writer *w, writes_pair pair, uint64_t mark, uint32_t plans,
                  double now);

/* The same for writes alone, without plans: for a caller whose own writes are plans. sends_of_one: by how much one write changes
 * the mark from its beginning to its end. */
uint64_t sends_mark(const struct writer *w, writes_pair pair, double now);
bool sends_allow(const struct writer *w, writes_pair pair, uint64_t mark, double now);
uint64_t sends_of_one(writes_pair pair);

/* The slots of a key's copies in one place. place: any number that differs from place to place. */
writes_pair copies_pair(writes_pair pair, uint32_t place);

/* begin and end: a copy is being made, until it is known to be right or deleted. doubt: a copy that may be old may stay until
 * `until`. */
void copies_begin(const struct writer *w, writes_pair pair);
void copies_end(const struct writer *w, writes_pair pair);
void copies_doubt(const struct writer *w, writes_pair pair, double until);

/* A number that changes with every copy that begins or ends; and whether a copy that was read since that mark may be an old
 * value. */
uint64_t copies_mark(const struct writer *w, writes_pair pair);
bool copies_are_doubtful(const struct writer *w, writes_pair pair, uint64_t mark, double now);

/* The worker is gone: what it had in flight counts as lost. Only for the master. */
void writes_forget(struct writes *all, uint32_t worker, double now);

#endif
