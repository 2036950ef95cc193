/* question: a connection of its own to a server, for one question whose answer has any number of lines: a dump of keys, statistics.
 *
 * Embedded in its owner, who opens it, gets each line, and closes it. It carries no call, proves nothing and counts for nothing:
 * the server's health and its other connections do not notice it. I6: it holds QUESTION_ROOM bytes while it is open; an owner that
 * has no room for more lines pauses it, and TCP slows the server down. One worker.
 */
#ifndef MOONGATE_BACKEND_QUESTION_H
#define MOONGATE_BACKEND_QUESTION_H

#include "backend/data.h"
#include "net/stream.h"

enum {
    QUESTION_ROOM = 16 * 1024, /* bytes that are read at a time, with the cut line before them */
    QUESTION_MOST = 253,       /* bytes of the question */
    QUESTION_MAX =
        1024 /* bytes of the question, with its CRLF and the command before it that logs in */
};

/* Gets one line with its end, valid until it returns: LF, or CR and LF. False: no further line is wanted, and the owner has closed
 * it. */
typedef bool question_take_fn(void *owner, const uint8_t *line, size_t len);

/* The connection has ended, by itself or because of what came on it (I3); it is closed already. reason: what happened, without the
 * server's name, valid until the function returns. */
typedef void question_end_fn(void *owner, const char *reason);

/* Invariant (question_sane): the stream is open exactly while buffer is there; used <= QUESTION_ROOM; asked <= question_len. */
struct question {
    ev_io io;
    ev_timer timer;
    ev_timer
        again; /* a TLS stream holds bytes that came: they are read although the socket has none */
    struct ev_loop *loop;
    question_take_fn *take;
    question_end_fn *end;
    void *owner;
    struct stream stream;
    double patience; /* seconds */
    uint8_t *buffer; /* of QUESTION_ROOM bytes: `used` of them are a line that is cut */
    size_t used;
    size_t asked;      /* bytes of the question that the socket has taken */
    bool is_connected; /* by what the kernel says */
    bool is_paused;
    bool logs_in; /* the first line answers user and password; nothing is asked before it */
    size_t login_len, question_len; /* of the command that logs in; of that and the question */
    char question[QUESTION_MAX];
};

/* Connects to b and asks. question: one line without its end, of QUESTION_MOST bytes at most. patience: seconds without any
 * progress while it is not paused, then it ends. take, end and owner are set by the caller before. Returns NULL, or why it is not
 * open: then no function is called. */
const char *question_open(struct question *l, struct backend *b, const char *question,
                          double patience);

static inline bool question_is_open(const struct question *l)
{
    return l->buffer;
}

/* Stops reading, or goes on. */
void question_pause(struct question *l, bool pause);

/* At any time, from its functions too. Calls none. */
void question_close(struct question *l);

#endif
