/* log_sink: where the log's lines go, without waiting for their reader.
 *
 * Owns one descriptor for the whole process; forked processes share what it is connected to. Standard error may be shared with
 * other programs, so O_NONBLOCK is never set on it: see src/base/log_sink.c. For base/log.c only.
 */
#ifndef MOONGATE_BASE_LOG_SINK_H
#define MOONGATE_BASE_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>

/* Standard error; writes wait for room. For tools, and the state at start. */
void log_sink_plain(void);

/* Standard error; writes do not wait. */
void log_sink_open(void);

/* The syslog daemon that listens on that socket. While none does, each line tries to connect again. */
void log_sink_syslog(const char *path);

/* The file at path, which fd is open on for appending. Takes over fd; the path must stay. False, with errno: nothing has changed. */
bool log_sink_file(const char *path, int fd) __attribute__((warn_unused_result));

/* The descriptor; -1: none. */
int log_sink_descriptor(void);

/* The log file's path; NULL when lines go somewhere else. */
const char *log_sink_path(void);

/* Only with a log file: opens the path again, and makes every other process do so in log_sink_follow. False, with errno: every process
 * goes on with the file that it has. */
bool log_sink_reopen(void) __attribute__((warn_unused_result));

/* Opens the log file again if another process has done so. False, with errno: it goes on with the file that it has. */
bool log_sink_follow(void) __attribute__((warn_unused_result));

/* Writes a whole line of n bytes. head: what syslog wants before it, else "". False, with errno: the line, or its end, is
 * lost. */
bool log_sink_write(const char *head, const char *bytes, size_t n);

#endif
