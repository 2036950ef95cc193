/* text: numbers in and out of protocol lines. Pure functions; own nothing. */
#ifndef MOONGATE_PROTOCOL_TEXT_H
#define MOONGATE_PROTOCOL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a number as memcached's C library does: white space, a sign, decimal digits, then the end or white space. Each
 * returns false for anything else and for what 64 bits do not hold. The unsigned form takes a minus only where the wrapped
 * value is not negative as a signed number (memcached's rule, which in effect lets "-0" pass). */
bool text_read_signed(const uint8_t *at, size_t len, int64_t *out);
bool text_read_unsigned(const uint8_t *at, size_t len, uint64_t *out);

/* Reads plain decimal digits whose value 64 bits hold, as backends write lengths: nothing else is taken. */
bool text_read_digits(const uint8_t *at, size_t len, uint64_t *out);

enum {
    TEXT_NUMBER_ROOM = 20,
    TEXT_DIGITS_SAFE = 19 /* any number of so many digits fits 64 bits */
};

/* Writes decimal digits (and a minus) to `to`, which has TEXT_NUMBER_ROOM bytes. Returns how many. */
size_t text_write_unsigned(uint8_t *to, uint64_t number);
size_t text_write_signed(uint8_t *to, int64_t number);

#endif
