/* value: a value that says for which key it is, so that a value of another key, a torn one or one with a byte too many is noticed.
 *
 * "KEY NUMBER LENGTH " and LENGTH bytes that follow from those two numbers. Owns nothing.
 */
#ifndef TESTS_LIB_VALUE_H
#define TESTS_LIB_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/octets.h"

/* A length: mostly small, some over a read or two, few that fill buffers. */
unsigned value_length(unsigned *seed);

/* Appends the value. */
void value_write(struct octets *out, const char *key, unsigned number, unsigned length);

/* These n bytes are a whole value of the key. */
bool value_is_of(const char *key, const char *at, size_t n);

#endif
