/* io: the words in which reading and writing answer. Owns nothing. */
#ifndef MOONGATE_NET_IO_H
#define MOONGATE_NET_IO_H

#include <stddef.h>
#include <stdint.h>

enum io_status {
    IO_OK,    /* reading: some bytes came; writing: all bytes went */
    IO_AGAIN, /* the kernel has no more bytes, or no more room, now */
    IO_END,   /* reading: the peer sends no more */
    IO_ERROR, /* errno says why; close */
};

/* Bytes somewhere; who holds them is said where a span is used. */
struct span {
    const uint8_t *at;
    size_t len;
};

#endif
