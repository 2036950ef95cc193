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

/* Writes a whole line of n bytes. head: what syslog wants before it, else "". False, with errno: the line, or its end, is
 * lost. */
bool log_sink_write(const char *head, const char *bytes, size_t n);

#endif
