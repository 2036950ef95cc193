/* log: one line per event on stderr (or syslog once daemonized, or a file), as text or JSON.
 *
 * Owns nothing but its settings, which are process-wide: set them before the first worker is forked. A line is written with one
 * write(2), so lines of several processes never mix. A daemon does not wait when there is no room for a line: the line is lost,
 * and a later line gives the number of lost lines. A message reads: noun, event, reason, numbers: `backend 10.0.0.1:11211:
 * closed: timeout (37 in flight)`. Control bytes in a message are escaped and a message over 4 KiB is cut: peers cannot forge
 * lines.
 */
#ifndef MOONGATE_BASE_LOG_H
#define MOONGATE_BASE_LOG_H

#include <stdbool.h>

/* name, the number of -v that shows it, syslog priority */
#define LOG_LEVELS(X)                                                                              \
    X(ERROR, "error", 0, 3)                                                                        \
    X(WARN, "warn", 0, 4)                                                                          \
    X(INFO, "info", 0, 6)                                                                          \
    X(DEBUG, "debug", 1, 7)                                                                        \
    X(TRACE, "trace", 2, 7)

enum log_level {
#define X(name, text, verbosity, priority) LOG_##name,
    LOG_LEVELS(X)
#undef X
};

enum log_format { LOG_AS_TEXT, LOG_AS_JSON };

/* verbosity: how many -v were given. */
void log_setup(enum log_format format, int verbosity);

/* From now on lines of that level and above are shown, whatever log_setup says: "error", "warn", "info", "debug", "trace". "reset": as
 * log_setup says. False: text is no level. */
bool log_show_from(const char *text);

/* The lowest level that is shown. */
const char *log_shown_from(void);

/* Lines go to standard error. waits: a write waits until the reader has made room, as it does at first; a daemon must not. */
void log_to_stderr(bool waits);

/* From now on lines go to the syslog daemon that listens on the socket `path`, not to standard error. */
#define LOG_SYSLOG "/dev/log"
void log_to_syslog(const char *path);

/* From now on lines go to the file at path, which fd is open on for appending. Takes over fd; the path must stay. Processes that are
 * forked later write to the same file. False, with errno: nothing has changed. */
bool log_to_file(const char *path, int fd) __attribute__((warn_unused_result));

/* Opens the log file again, after it was renamed; the other processes follow with their next line, or when they next call
 * log_catch_up. When that fails, a line in the old file says so, and lines go there as before. Without a log file nothing happens. */
void log_reopen(void);

/* Logs how many lines were lost, if there is room for it. Call it from time to time. */
void log_catch_up(void);

/* What it writes to; -1: nothing is open now. For a child that closes all other descriptors. */
int log_descriptor(void);

/* Names this process in every line: "master", "worker 2". The string is copied. */
void log_role(const char *role);

/* `warn` */
const char *log_level_word(enum log_level level);

/* True when a line of that level would be written: guards costly arguments. */
bool log_shows(enum log_level level);

/* Writes a line, when log_shows(level). Leaves errno as it is. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_shows(LOG_DEBUG)) log_line(LOG_DEBUG, __VA_ARGS__);                                \
    } while (0)
#define log_trace(...)                                                                             \
    do {                                                                                           \
        if (log_shows(LOG_TRACE)) log_line(LOG_TRACE, __VA_ARGS__);                                \
    } while (0)

/* A budget of lines for one kind of event: `if (log_allows(&limit, now)) log_warn(...)`. Owned by the caller.
 * At most `burst` lines a second. Before the first line of a later second log_allows itself logs how many were left out: "N more
 * like the next line were left out". */
struct log_limit {
    double second;     /* start of the current second, in the caller's clock */
    unsigned burst;    /* lines allowed a second; set by the owner */
    unsigned used;     /* lines written in this second */
    unsigned left_out; /* lines not written since the last one that was */
};

/* True when the event may be logged. now: seconds of any monotonic clock. */
bool log_allows(struct log_limit *limit, double now);

#endif
