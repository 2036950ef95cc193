/* text: reads and writes the numbers of protocol lines. Pure functions of any process; they own nothing. */
#ifndef MOONGATE_PROTOCOL_TEXT_H
#define MOONGATE_PROTOCOL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a number as memcached does: white space, a sign, decimal digits, then the end or white space. Returns false for anything
 * else and for a number of more than 64 bits. The unsigned form takes a minus only where the wrapped value is not negative as a
 * signed number (memcached's rule). */
bool text_read_signed(const uint8_t *at, size_t len, int64_t *out);
bool text_read_unsigned(const uint8_t *at, size_t len, uint64_t *out);

/* Reads plain decimal digits, as servers write lengths. False for anything else and for a number of more than 64 bits. */
bool text_read_digits(const uint8_t *at, size_t len, uint64_t *out);

enum {
    TEXT_NUMBER_ROOM = 20,
    TEXT_DIGITS_SAFE = 19 /* any number of so many digits has 64 bits at most */
};

/* Writes decimal digits (and a minus) to `to`, which has TEXT_NUMBER_ROOM bytes. Returns their number. */
size_t text_write_unsigned(uint8_t *to, uint64_t number);
size_t text_write_signed(uint8_t *to, int64_t number);

#endif
