/* octets: bytes that grow at the end and are taken from the front, as a socket's input is.
 *
 * A struct octets owns its memory; {0} is empty and ready. octets_release gives the memory back.
 * Running out of memory ends the test program: tests have nothing better to do.
 */
#ifndef TESTS_LIB_OCTETS_H
#define TESTS_LIB_OCTETS_H

#include <stddef.h>

struct octets {
    char *memory;
    size_t begin; /* what was taken already: memory[0..begin) */
    size_t end;   /* what is here: memory[begin..end) */
    size_t room;
};

/* The bytes that wait; a NUL follows them, so that text can be searched. */
const char *octets_at(const struct octets *o);
size_t octets_n(const struct octets *o);

void octets_add(struct octets *o, const void *bytes, size_t n);
void octets_take(struct octets *o, size_t n);
void octets_release(struct octets *o);

/* Makes room for n more bytes and tells where they go; octets_grow then counts those that came. */
char *octets_reserve(struct octets *o, size_t n);
void octets_grow(struct octets *o, size_t n);

/* The bytes as C would write them, in double quotes; a long middle is left out. Caller frees. */
char *octets_escape(const void *bytes, size_t n);

#endif
