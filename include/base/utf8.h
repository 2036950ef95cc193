/* utf8: which bytes are characters, for code that shows bytes chosen by others. Pure functions of any process; they own
 * nothing. */
#ifndef MOONGATE_BASE_UTF8_H
#define MOONGATE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length in bytes of the well-formed UTF-8 character at p, of n > 0 bytes; 0 when there is none. */
size_t utf8_length(const unsigned char *p, size_t n);

/* True for a character of len bytes that a terminal obeys instead of showing it. U+0080..U+009F are such: they act as ESC
 * does. So are those that turn the order of the text around, as U+202E does. At most three bytes. */
bool utf8_is_control(const unsigned char *p, size_t len);

/* Writes n bytes to `to` in a form that is safe to show, with a NUL at the end: control characters and bytes that are not UTF-8
 * become \x1b and the like. Leaves out what does not fit into `room` bytes (> 0). Returns the length without the NUL. */
size_t utf8_show(char *to, size_t room, const void *bytes, size_t n);

#endif
