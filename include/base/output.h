/* output: the standard descriptors of a process, and what a command wrote to its standard output. Owns nothing; main and the
 * child that checks a script use it, at their beginning and their end.
 */
#ifndef MOONGATE_BASE_OUTPUT_H
#define MOONGATE_BASE_OUTPUT_H

#include <stdbool.h>

/* Occupies each of the descriptors 0, 1 and 2 that is closed, so that no socket and no file gets its number. What reads or writes
 * it still fails with EBADF. Call it before anything is opened. */
void output_begin(void);

/* Flushes the standard output, for a reader that waits. False when that fails; output_finish says why. */
bool output_flush(void);

/* Flushes it for the last time. Returns code, or EXIT_SYSTEM after a complaint on stderr when a part of the output could not be
 * written, now or before. */
int output_finish(int code);

#endif
