/* lines: a peer on a unix socket that sends lines and gets lines, such as a person with `nc -U`, or a program.
 *
 * Embedded in its owner, which calls lines_close. Nothing waits. I6: a line has LINES_LINE bytes at most, and LINES_HELD bytes are held for a
 * peer that does not read; beyond either it is closed. While LINES_BUSY bytes wait, or the owner has paused it, no line is handed out and
 * nothing more is read than one buffer.
 */
#ifndef MOONGATE_NET_LINES_H
#define MOONGATE_NET_LINES_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "net/outq.h"

enum { LINES_LINE = 2048, LINES_BUSY = 64 * 1024, LINES_HELD = 8 * 1024 * 1024 };

struct lines;

/* A line without its end (LF or CR LF), with a NUL behind it. The callee may pause or end it, and must not close it. */
typedef void lines_line_fn(void *arg, char *line, size_t len);

/* It is over: the owner closes it. why: for the log. */
typedef void lines_over_fn(void *arg, const char *why);

struct lines {
    struct ev_loop *loop;
    int fd; /* owned; -1 once closed */
    lines_line_fn *line;
    lines_over_fn *over;
    void *arg;
    uid_t uid; /* of the process that connected */
    pid_t pid;
    char in[LINES_LINE + 2];
    size_t held; /* bytes in `in` */
    bool is_paused;
    bool has_ended; /* the peer sends no more, or is not to be read any more */
    struct outq out;
    double stuck; /* as ev_now: since when the peer has taken nothing of what is held */
    ev_io io;
    ev_timer again; /* runs at once where something is to be done that no event brings */
};

/* Takes over fd, which is non-blocking. */
void lines_open(struct lines *l, struct ev_loop *loop, int fd, lines_line_fn *line,
                lines_over_fn *over, void *arg);

/* Queues text, and writes what the peer takes. */
void lines_say(struct lines *l, const char *text, size_t len);

/* Writes text with a descriptor attached, which stays the caller's. False: not done, because earlier text waits or the connection has broken. */
bool lines_pass(struct lines *l, const char *text, size_t len, int fd)
    __attribute__((warn_unused_result));

/* Queues text, which is written when the loop turns: for many texts at a time. */
void lines_add(struct lines *l, const char *text, size_t len);

/* Whether lines are handed out: not while an answer is in the making, so that answers keep the order of the lines. */
void lines_pause(struct lines *l, bool paused);

/* It is over once all is written that is queued; no line comes any more. */
void lines_end(struct lines *l);

/* Seconds since the peer took something, while it should. */
double lines_stuck(const struct lines *l);

/* Closes the descriptor at once and frees what is queued. Allowed twice. */
void lines_close(struct lines *l);

#endif
