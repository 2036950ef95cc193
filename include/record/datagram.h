/* datagram: how recorded requests come from the workers of a service to the program that reads them.
 *
 * The answer to `record` on an admin socket begins with a line that has a descriptor attached (SCM_RIGHTS): the reader's end of a
 * SOCK_SEQPACKET pair, whose other end all workers share. It ends, as a socket does, once the last worker has let go of its end: after the
 * recording, or with the service. A worker sends datagrams. Each has a head, and behind it bytes of a stream that is that worker's alone: its
 * takes (record/take.h). Nearly all datagrams hold whole takes; a take that is longer than a datagram goes on in the next ones.
 * Both ends are processes of one host, so the head is sent as it lies in memory. Owns nothing. Pure functions.
 */
#ifndef MOONGATE_RECORD_DATAGRAM_H
#define MOONGATE_RECORD_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DATAGRAM_LAYOUT = 1,      /* of the head */
    DATAGRAM_MAX = 60 * 1024, /* bytes, the head's among them */
};

struct datagram_head {
    uint32_t layout; /* DATAGRAM_LAYOUT */
    uint32_t mark;   /* take_mark() of the worker */
    int32_t pid;     /* of the worker: a stream is that of a process */
    uint32_t worker; /* its number in the service, from 0 on */
    uint64_t number; /* of this stream's datagrams, from 1 on: where one is missing, it was lost */
    uint32_t
        first; /* bytes behind the head that belong to a take that began earlier; all, where none begins here. The `time` of
                         take_decode is 0 at `first`, in each datagram, so one that is lost spoils no other */
    uint32_t takes; /* that begin here */
    uint64_t
        lost; /* requests that were to be recorded and are not, from the stream's beginning up to here */
    double at; /* when it was made: seconds since 1970 */
    uint32_t
        share; /* of UINT32_MAX: so many of all keys are recorded here (UINT32_MAX: all); above 0 */
    uint32_t is_last; /* 1: the worker has recorded all that it was to */
};

/* What follows the head. NULL: these bytes are no datagram of this layout and mark; *why says what is wrong, for people. */
const uint8_t *datagram_read(const void *bytes, size_t len, struct datagram_head *head,
                             size_t *body_len, const char **why);

#endif
