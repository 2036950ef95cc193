/* utf8: which bytes are characters, for whoever shows bytes that others chose. Pure functions; own nothing. */
#ifndef MOONGATE_BASE_UTF8_H
#define MOONGATE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed UTF-8 character at p, which has n > 0 of them; 0 when there is none. */
size_t utf8_length(const unsigned char *p, size_t n);

/* True for a character that a terminal obeys instead of showing: U+0080..U+009F are obeyed as ESC is. */
bool utf8_is_control(const unsigned char *p, size_t len);

/* Writes the bytes as people may see them, with a NUL at the end: control characters and what is no UTF-8 as \x1b. What does
 * not fit into `room` (> 0) is left out. Returns the length. */
size_t utf8_show(char *to, size_t room, const void *bytes, size_t n);

#endif
