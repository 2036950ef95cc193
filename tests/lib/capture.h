/* capture: what a function under test writes on a descriptor (stderr, stdout), as text.
 *
 * Only one capture runs at a time. It owns the text, which stays valid until the next one begins.
 */
#ifndef TESTS_LIB_CAPTURE_H
#define TESTS_LIB_CAPTURE_H

/* From now on what goes to fd goes to a scratch file. */
void capture_begin(int fd);

/* Gives the descriptor back and returns what was written, at most 64 KiB. */
const char *capture_end(void);

#endif
