/* datagram: how recorded requests come from the workers of a service to the program that reads them.
 *
 * A worker sends datagrams over a SOCK_SEQPACKET socket that all workers share. Each has a head, and then bytes of one stream, that
 * worker's: its records (record/take.h), one behind the other. A record may begin in one datagram and end in a later one. Both ends are
 * processes of one build on one host, so numbers lie in memory as they are. Owns nothing. Pure functions.
 */
#ifndef MOONGATE_RECORD_DATAGRAM_H
#define MOONGATE_RECORD_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DATAGRAM_MAGIC = 0x6d677231, /* changes with the layout of the head */
    DATAGRAM_MAX = 60 * 1024,    /* bytes of the head and what follows */
};

/* In front of each datagram. The last one of a worker that ends in good order has is_last. */
struct datagram_head {
    uint32_t magic;
    int32_t pid;      /* of the worker: with it a stream begins */
    uint32_t worker;  /* its number in the service, from 0 on */
    uint32_t first;   /* bytes behind the head that end an earlier record; all of them, where none begins here */
    uint64_t number;  /* of this worker's datagrams, from 1 on: a gap means that some are missing */
    uint64_t records; /* that it has recorded before this datagram, the ones that were lost not among them */
    uint64_t lost;    /* requests that were to be recorded and are not, since it began, by this datagram */
    double share;     /* of keys that is recorded here: above 0, at most 1 */
    double at;        /* when it was sent: seconds since 1970 */
    uint8_t is_last;
    uint8_t zero[7];
};

/* False: bytes[0..len) is no datagram of this build. *body: what follows the head. */
bool datagram_read(const void *bytes, size_t len, struct datagram_head *head, const uint8_t **body,
                   size_t *body_len);

#endif
