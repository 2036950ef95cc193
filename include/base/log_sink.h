/* log_sink: where the log's lines go, without ever waiting for whoever reads them.
 *
 * Process-wide, one descriptor; forked processes share what it is connected to. Standard error may be shared with programs
 * that know nothing of us, so O_NONBLOCK is never set on it: a pipe or a terminal is opened once more, and only that
 * description does not block; a socket is told with each message. A file takes all.
 */
#ifndef MOONGATE_BASE_LOG_SINK_H
#define MOONGATE_BASE_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>

/* Standard error, and waits there: what tools want, and what it is at first. */
void log_sink_plain(void);

/* Standard error, and never waits. */
void log_sink_open(void);

/* The syslog that listens on that socket. True also while nobody does: it is tried again with each line. */
void log_sink_syslog(const char *path);

/* A whole line. head: what syslog wants before it, else "". False: it is lost, all of it or its end. errno says why. */
bool log_sink_write(const char *head, const char *bytes, size_t n);

#endif
