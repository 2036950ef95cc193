/* exercise_error: why a request failed in the rehearsal, read from the log of the process that asks. The caller owns the log, a file.
 */
#ifndef WORKER_EXERCISE_ERROR_H
#define WORKER_EXERCISE_ERROR_H

#include <stddef.h>

/* The last error of this script among the lines of the log; "" if there is none. Then the log is empty. */
void exercise_error_read(int log, const char *script, char *error, size_t size);

void exercise_error_forget(int log);

#endif
