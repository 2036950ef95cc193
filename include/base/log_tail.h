/* log_tail: the last lines of the log of all processes of the service, for readers that do not have the log itself.
 *
 * Process-wide, as the log's settings are. The master owns the memory, maps and unmaps it; processes that are forked meanwhile share it.
 * To keep a line never waits and never fails; under a flood of lines some are lost. What a reader gets is bounded, and may hold any
 * bytes.
 */
#ifndef MOONGATE_BASE_LOG_TAIL_H
#define MOONGATE_BASE_LOG_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

enum { LOG_TAIL_LINES = 100, LOG_TAIL_ROLE = 16, LOG_TAIL_TEXT = 448 };

struct log_tail_line {
    uint64_t time_ms; /* since 1970 */
    int32_t pid;
    enum log_level level;
    char role[LOG_TAIL_ROLE];
    char text[LOG_TAIL_TEXT]; /* cut */
};

/* From now on lines are kept. False, with errno: they are not. */
bool log_tail_begin(void);

/* Unmaps it, in this process. */
void log_tail_end(void);

/* Keeps a line, if lines are kept. For base/log.c. */
void log_tail_note(enum log_level level, const char *role, const char *text);

/* Copies the newest lines, at most n, the newest first. Returns how many. */
size_t log_tail_read(struct log_tail_line *to, size_t n);

#endif
