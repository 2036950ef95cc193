/* The log must neither stop the service nor lie. What follows from that:
 *
 * - A line is composed in memory and goes out with one write(2), so lines of several processes do not mix. LINE_MAX_BYTES is
 *   PIPE_BUF, the most that a pipe takes in one piece.
 * - A daemon never waits for the reader of its log (see log_sink.c). A line for which there is no room is lost and counted. Once
 *   a line was lost, every later one is lost too until the line with their number is written: a reader sees the gap where it is.
 * - A message holds bytes that peers chose: keys, answers of servers, names. They are escaped, so no peer can forge a line, and a
 *   line is cut at LINE_MAX_BYTES, so no peer can fill the disk with one.
 * - What can happen for each request or each connection has a budget of lines a second (log_allows).
 *
 * errno stays as it was, as callers log what failed and then look at why. */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log_sink.h"
#include "base/log_tail.h"
#include "base/utf8.h"

enum {
    LINE_MAX_BYTES = 4096, /* PIPE_BUF: what one write(2) to a pipe takes whole */
    LINE_TAIL = 9,         /* room for what ends a line: `..."}` and newlines */
    SYSLOG_DAEMON = 3,     /* the facility, as syslog numbers it */
};

static struct {
    enum log_format format;
    int verbosity;
    int from; /* the level set by log_show_from, + 1; 0: none */
    bool to_syslog;
    char role[32];
    uint64_t lost; /* lines lost since the last line that was written */
} settings = {.role = "moongate"};

static const struct {
    const char *text;
    int verbosity, priority;
} levels[] = {
#define X(name, text, verbosity, priority) {text, verbosity, priority},
    LOG_LEVELS(X)
#undef X
};

/* --- a line under construction ---------------------------------------------------------------- */

/* Invariant: len <= LINE_MAX_BYTES - LINE_TAIL until line_end. */
struct line {
    size_t len;
    char bytes[LINE_MAX_BYTES];
};

/* Adds all of it or nothing. */
static bool line_add(struct line *line, const char *bytes, size_t n)
{
    assert(line->len <= sizeof line->bytes - LINE_TAIL);
    if (n > sizeof line->bytes - LINE_TAIL - line->len) return false;
    memcpy(line->bytes + line->len, bytes, n);
    line->len += n;
    return true;
}

/* The same for a text with a NUL. */
static bool line_add_text(struct line *line, const char *text)
{
    return line_add(line, text, strlen(text));
}

/* The end of a line fits always: LINE_TAIL is kept for it. */
static void line_end(struct line *line, const char *text)
{
    size_t n = strlen(text);
    assert(line->len + n < sizeof line->bytes);
    memcpy(line->bytes + line->len, text, n);
    line->len += n;
}

/* One byte that may not stand in a line as it is. JSON has no notation for a byte that is not a character, so it reads as it does
 * in text, \xff, with the backslash escaped. */
static bool line_add_escaped(struct line *line, unsigned char byte, bool json)
{
    char text[8];
    switch (byte) {
    case '\n': return line_add(line, "\\n", 2);
    case '\r': return line_add(line, "\\r", 2);
    case '\t': return line_add(line, "\\t", 2);
    }
    if (!json)
        snprintf(text, sizeof text, "\\x%02x", byte);
    else if (byte < 0x80)
        snprintf(text, sizeof text, "\\u%04x", byte);
    else
        snprintf(text, sizeof text, "\\\\x%02x", byte);
    return line_add_text(line, text);
}

/* The character at p; *used says how many bytes it was. False when the line is full. */
static bool line_add_character(struct line *line, const unsigned char *p, size_t n, bool json,
                               size_t *used)
{
    size_t len = utf8_length(p, n);
    *used = 1;
    if (len == 0 || utf8_is_control(p, len)) return line_add_escaped(line, p[0], json);
    if (json && (p[0] == '"' || p[0] == '\\')) {
        char pair[2] = {'\\', (char)p[0]};
        return line_add(line, pair, 2);
    }
    *used = len;
    return line_add(line, (const char *)p, len);
}

/* Adds as many whole characters as fit. cut: the message was longer before it came here. */
static void line_add_message(struct line *line, const char *message, bool cut, bool json)
{
    const unsigned char *p = (const unsigned char *)message;
    size_t n = strlen(message);
    while (n > 0) {
        size_t used;
        if (!line_add_character(line, p, n, json, &used)) {
            cut = true;
            break;
        }
        p += used;
        n -= used;
    }
    if (cut) line_end(line, "...");
}

/* --- lines ------------------------------------------------------------------------------------ */

/* UTC with milliseconds, as RFC 3339 writes it: lines of several hosts sort as text. */
static void line_add_time(struct line *line)
{
    struct timespec now;
    struct tm parts;
    char text[48];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + n, sizeof text - n, ".%03ldZ", now.tv_nsec / 1000000);
    line_add_text(line, text);
}

/* 2026-01-31T12:00:00.000Z warn  worker 2[123]: message */
static void line_compose_text(struct line *line, enum log_level level, const char *message,
                              bool cut)
{
    char head[80];
    if (settings.to_syslog) { /* which adds time, level and process itself */
        snprintf(head, sizeof head, "%s: ", settings.role);
    } else {
        line_add_time(line);
        snprintf(head, sizeof head, " %-5s %s[%d]: ", levels[level].text, settings.role,
                 (int)getpid());
    }
    line_add_text(line, head);
    line_add_message(line, message, cut, false);
}

/* One object on one line, with the same parts. A cut message ends in "..." and the object still closes. */
static void line_compose_json(struct line *line, enum log_level level, const char *message,
                              bool cut)
{
    char head[128];
    line_add_text(line, "{\"time\":\"");
    line_add_time(line);
    snprintf(head, sizeof head, "\",\"level\":\"%s\",\"role\":\"%s\",\"pid\":%d,\"message\":\"",
             levels[level].text, settings.role, (int)getpid());
    line_add_text(line, head);
    line_add_message(line, message, cut, true);
    line_end(line, "\"}");
}

static void line_compose(struct line *line, enum log_level level, const char *message, bool cut)
{
    line->len = 0;
    if (settings.format == LOG_AS_JSON)
        line_compose_json(line, level, message, cut);
    else
        line_compose_text(line, level, message, cut);
}

/* What syslog(3) puts before a message: priority, local time, program. syslog(3) itself would wait for a full socket. */
static void syslog_head(enum log_level level, char *head, size_t size)
{
    char when[32];
    struct tm parts;
    time_t now = time(NULL);
    localtime_r(&now, &parts);
    strftime(when, sizeof when, "%b %e %T", &parts);
    snprintf(head, size, "<%d>%s moongate[%d]: ", SYSLOG_DAEMON << 3 | levels[level].priority, when,
             (int)getpid());
}

/* Ends the line and writes it. False: it is lost. */
static bool line_write(struct line *line, enum log_level level)
{
    char head[80] = "";
    if (settings.to_syslog)
        syslog_head(level, head, sizeof head);
    else
        line_end(line, "\n");
    return log_sink_write(head, line->bytes, line->len);
}

/* The master has opened the log file again. */
static void follow(void)
{
    if (!log_sink_follow())
        log_warn("log file %s: not opened again by this process: %s: it goes on in the old file",
                 log_sink_path(), strerror(errno));
}

int log_descriptor(void)
{
    return log_sink_descriptor();
}

/* The number of lost lines is kept until its own line went out. */
void log_catch_up(void)
{
    struct line line;
    char message[80];
    follow();
    if (settings.lost == 0) return;
    snprintf(message, sizeof message, "log: %llu lines lost: there was no room for them",
             (unsigned long long)settings.lost);
    line_compose(&line, LOG_WARN, message, false);
    if (line_write(&line, LOG_WARN)) settings.lost = 0;
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!log_shows(level)) return;
    int saved = errno;
    char message[LINE_MAX_BYTES] = "";
    va_list args;
    va_start(args, format);
    int n = vsnprintf(message, sizeof message, format, args);
    va_end(args);

    struct line line;
    log_catch_up();
    line_compose(&line, level, message, n >= (int)sizeof message);
    log_tail_note(level, settings.role, message);
    if (settings.lost > 0 || !line_write(&line, level)) settings.lost++;
    errno = saved;
}

const char *log_level_word(enum log_level level)
{
    return levels[level].text;
}

bool log_shows(enum log_level level)
{
    if (settings.from) return (int)level < settings.from;
    return levels[level].verbosity <= settings.verbosity;
}

bool log_show_from(const char *text)
{
    int n = sizeof levels / sizeof *levels;
    int from = 0;
    if (strcmp(text, "reset") != 0) {
        while (from < n && strcmp(levels[from].text, text) != 0) from++;
        if (from++ == n) return false;
    }
    settings.from = from;
    return true;
}

const char *log_shown_from(void)
{
    int level = sizeof levels / sizeof *levels - 1;
    while (level > 0 && !log_shows((enum log_level)level)) level--;
    return levels[level].text;
}

/* A second begins with its first line. A clock that goes back begins a new one. */
bool log_allows(struct log_limit *limit, double now)
{
    if (now - limit->second >= 1 || now < limit->second) {
        limit->second = now;
        limit->used = 0;
    }
    if (limit->used >= limit->burst) {
        limit->left_out++;
        return false;
    }
    limit->used++;
    if (limit->left_out > 0) log_warn("%u more like the next line were left out", limit->left_out);
    limit->left_out = 0;
    return true;
}

/* --- settings --------------------------------------------------------------------------------- */

void log_setup(enum log_format format, int verbosity)
{
    settings.format = format;
    settings.verbosity = verbosity;
}

void log_to_stderr(bool waits)
{
    if (waits)
        log_sink_plain();
    else
        log_sink_open();
    settings.to_syslog = false;
}

void log_to_syslog(const char *path)
{
    log_sink_syslog(path);
    settings.to_syslog = true;
}

bool log_to_file(const char *path, int fd)
{
    if (!log_sink_file(path, fd)) return false;
    settings.to_syslog = false;
    return true;
}

void log_reopen(void)
{
    const char *path = log_sink_path();
    if (!path) return;
    if (log_sink_reopen())
        log_info("log file %s: opened again", path);
    else
        log_error("log file %s: not opened again: %s: the old file is written to as before", path,
                  strerror(errno));
}

/* After each fork, so that a line says which process wrote it. */
void log_role(const char *role)
{
    snprintf(settings.role, sizeof settings.role, "%s", role);
}
