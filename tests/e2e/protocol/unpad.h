/* unpad: answers with numbers that memcached pads or not, made comparable. Owns nothing. */
#ifndef TESTS_E2E_UNPAD_H
#define TESTS_E2E_UNPAD_H

#include "lib/octets.h"
#include "lib/stage.h"

#include <stdio.h>
#include <string.h>

/* How many blanks stand behind a value of nothing but digits. */
static inline size_t padding(const char *value, size_t n)
{
    size_t digits = strspn(value, "0123456789"), blanks = strspn(value + digits, " ");
    return digits > 0 && digits + blanks == n ? blanks : 0;
}

/* Adds a line (n bytes) and the value behind it, if there is one, to `to`: a number without what pads it. Returns how many
 * bytes these were. */
static inline size_t add_unpadded(const char *line, size_t n, size_t left, struct octets *to)
{
    char word[16], key[512], rest[512] = "";
    size_t size;
    unsigned long flags;
    bool is_value =
        n < 400 && sscanf(line, "VALUE %511s %lu %zu%511[^\r]", key, &flags, &size, rest) >= 3;
    bool is_meta = !is_value && n < 400 &&
                   sscanf(line, "%15s %zu%511[^\r]", word, &size, rest) >= 2 &&
                   strcmp(word, "VA") == 0;
    size_t blanks = 0;
    if ((is_value || is_meta) && size <= left - n) blanks = padding(line + n, size);
    if (blanks == 0) {
        octets_add(to, line, n);
        return n;
    }
    const char *head = is_value ? textf("VALUE %s %lu %zu%s\r\n", key, flags, size - blanks, rest)
                                : textf("VA %zu%s\r\n", size - blanks, rest);
    octets_add(to, head, strlen(head));
    octets_add(to, line + n, size - blanks);
    return n + size;
}

/* memcached pads a number that becomes shorter with blanks, or not, depending on whether an answer that holds it has left: both
 * are the same answer here. */
static inline void unpad(const struct octets *answer, struct octets *to)
{
    const char *at = octets_at(answer), *end = at + octets_n(answer);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = newline ? (size_t)(newline + 1 - at) : (size_t)(end - at);
        at += add_unpadded(at, n, (size_t)(end - at), to);
    }
}

#endif
