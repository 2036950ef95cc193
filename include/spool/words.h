/* words: what a worker and the spooler say to each other, one packet of a SOCK_SEQPACKET socket each. Pure functions of bytes.
 *
 * The socket is SPOOL_SOCKET in the folder (spool/place.h); it belongs to the spooler, which listens on it. A packet is a struct
 * spool_head, the name of a server, and items: a number and bytes each. Numbers are as this machine has them.
 *
 *   worker                              spooler
 *   HELLO version                  ->
 *                                  <-   STATE server, n    for each server that has deletes on the disk
 *                                  <-   READY version      all others have none
 *   KEEP server, items             ->                      each item: its number, the request's line with its CRLF
 *                                  <-   STATE server, n    to all workers, when it had none before
 *                                  <-   REFUSED server, items: the number of each, and why
 *                                  <-   KEPT number        all KEEPs up to it are on the disk, but those that were refused
 *   TAKE server                    ->                      a lease: it will replay what the server has missed
 *                                  <-   GIVE server, items each item: its place, and the request's line
 *   DONE server, place             ->                      all up to this place have been answered
 *                                  <-   GIVE ...           the next, when all of the last GIVE is done
 *                                  <-   STATE server, 0    to all workers: all are done, and the lease has ended
 *   LEAVE server                   ->                      it cannot: the lease ends; what is not done stays
 *                                  <-   STATE server, n    to all workers: a lease is free
 *
 * Rules. Numbers of KEEPs grow by one from 1 on, over all servers, on each connection. A worker counts a server as pending from the
 * moment when it sends a KEEP for it, until it gets STATE 0 *after* the KEPT or REFUSED of that KEEP. A TAKE that is not the first gets LEASED:
 * another worker replays; STATE says when it is free, or done. A TAKE of a server that has nothing gets STATE 0, and so does a REFUSED KEEP.
 * A lease ends with its connection; then all get STATE n. What is kept while a lease lasts comes behind, in a later GIVE of the same lease. A line that waits on the disk already is kept once.
 *
 * Versions: a worker says its own in HELLO, a spooler its own in READY, and both speak the older one. There is one so far. Words that a side
 * does not know it skips; a packet that is malformed ends the connection.
 */
#ifndef MOONGATE_SPOOL_WORDS_H
#define MOONGATE_SPOOL_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPOOL_VERSION = 1 };

enum {
    SPOOL_NAME_MAX = 255,     /* bytes of a server's name */
    SPOOL_LINE_MAX = 4096,    /* of a request's line */
    SPOOL_PACKET = 60 * 1024, /* of a packet */
};

/* name, who says it, what it means */
#define SPOOL_WORDS(X)                                                                             \
    X(HELLO, "worker", "number: the version that it speaks; its first packet")                     \
    X(KEEP, "worker", "the server's deletes: their numbers and lines")                             \
    X(TAKE, "worker", "it wants the lease of the server")                                          \
    X(DONE, "worker", "number: the place up to which all has been answered")                       \
    X(LEAVE, "worker", "it gives the lease back")                                                  \
    X(STATE, "spooler", "number: deletes that wait for the server, about; nobody has its lease")   \
    X(READY, "spooler",                                                                            \
      "number: the version that it speaks; all STATEs of the beginning are sent")                  \
    X(KEPT, "spooler", "number: up to it")                                                         \
    X(REFUSED, "spooler", "the numbers of KEEPs, and why")                                         \
    X(GIVE, "spooler", "places and lines, to the worker with the lease")                           \
    X(LEASED, "spooler", "the answer to TAKE: another worker has the lease")                       \
    X(OPEN, "master", "the name is a folder; an item with its bounds (spool/place.h)")             \
    X(SHOW, "master", "number: of the question")                                                   \
    X(DROP, "master", "number: of the question; the name of a server, or all")                     \
    X(ROWS, "spooler",                                                                             \
      "to the master; number: of the question; items: a record each (base/records.h)")             \
    X(ANSWERED, "spooler",                                                                         \
      "to the master; number: of the question; an item: how many were dropped, and what went "     \
      "wrong")

enum spool_word {
#define X(name, from, meaning) SPOOL_##name,
    SPOOL_WORDS(X)
#undef X
        SPOOL_WORDS_N
};

struct spool_head {
    uint32_t word; /* enum spool_word, or one of a later version */
    uint16_t name_len;
    uint16_t items; /* how many */
    uint64_t number;
};

/* A packet that is being written. */
struct spool_packet {
    size_t len;
    unsigned char bytes[SPOOL_PACKET];
};

/* A packet that was read: points into the bytes that came. Items are read one after the other. */
struct spool_said {
    struct spool_head head;
    const char *name; /* head.name_len bytes, without a NUL */
    const unsigned char *items;
    size_t items_len;
};

struct spool_item {
    uint64_t number;
    const char *bytes; /* without a NUL; not aligned */
    size_t len;
};

/* Begins a packet; name_len <= SPOOL_NAME_MAX; name may be NULL when it is 0. */
void spool_packet_begin(struct spool_packet *p, enum spool_word word, uint64_t number,
                        const char *name, size_t name_len);

/* Adds an item of len <= SPOOL_LINE_MAX bytes. False: there is no room; send it, and begin another one. */
bool spool_packet_add(struct spool_packet *p, uint64_t number, const void *bytes, size_t len)
    __attribute__((warn_unused_result));

/* How many items it has. */
uint32_t spool_packet_items(const struct spool_packet *p);

/* False: it is malformed. All of its items are checked, so that spool_said_next may be trusted. */
bool spool_packet_read(const void *bytes, size_t len, struct spool_said *to)
    __attribute__((warn_unused_result));

/* The next item; false after the last one. */
bool spool_said_next(struct spool_said *said, struct spool_item *to);

/* That server's name. */
bool spool_said_names(const struct spool_said *said, const char *name);

#endif
