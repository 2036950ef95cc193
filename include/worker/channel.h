/* channel: how the master talks to one worker: a SOCK_SEQPACKET pair, one struct a message.
 *
 * The master owns one end and the worker the other; both ends are non-blocking. Down go clients (with their
 * descriptor) and orders; up go reports, and the clients of a worker that is replaced. A closed channel means that the other process is gone.
 */
#ifndef MOONGATE_WORKER_CHANNEL_H
#define MOONGATE_WORKER_CHANNEL_H

#include <stdint.h>

struct newcomer;

/* name, direction, meaning of `number` */
#define CHANNEL_MESSAGES(X)                                                                        \
    X(CLIENT, "down", "a client to take or decline, its listener; see channel_send_client")        \
    X(LOAD, "down", "load the script whose text comes along, beside the one in use; generation")   \
    X(SWITCH, "down", "use what was loaded from now on; its generation")                           \
    X(DROP, "down", "forget what was loaded; its generation")                                      \
    X(DRAIN, "down", "answer what is in flight, then exit 0; milliseconds at most, 0 = no limit")  \
    X(RETIRE, "down", "as DRAIN, but clients that are owed nothing are given back")                \
    X(QUIT, "down", "exit at once")                                                                \
    X(ASK, "down", "answer the question in the text (see worker/answers.h); its number")           \
    X(STEER, "down",                                                                               \
      "treat a server as the text says (see backend/steering.h); the change's number")             \
    X(LEAVING, "up", "the worker was told to end: it serves until another one is in its place")    \
    X(TAKEN, "up", "clients that were offered are taken or declined, as the board says")           \
    X(GIVEN, "up", "a client for another worker, its listener; see channel_send_client")           \
    X(READY, "up", "the worker serves; generation of its script")                                  \
    X(LOADED, "up", "the new script waits for SWITCH or DROP; its generation")                     \
    X(KEPT, "up", "the new script did not load, the text says why; generation it would be")        \
    X(SWITCHED, "up", "generation now in use")                                                     \
    X(PIECE, "up", "a piece of an answer; the question's number")                                  \
    X(ANSWERED, "up", "the answer is whole, or the text says why there is none; likewise")         \
    X(STEERED, "up", "the change of that number, and all before it, hold from now on")             \
    X(RECORD, "down",                                                                              \
      "record requests as the text says, and send them to the descriptor; no descriptor: record "  \
      "nothing more")

enum channel_message_type {
#define X(name, direction, meaning) CHANNEL_##name,
    CHANNEL_MESSAGES(X)
#undef X
};

enum { CHANNEL_TEXT_MAX = 4096 };

struct channel_message {
    uint32_t type; /* enum channel_message_type */
    uint32_t number;
    char text[CHANNEL_TEXT_MAX]; /* of most: empty */
    uint32_t len;                /* of the text; of several, each with its end but for the last */
};

enum channel_status {
    CHANNEL_OK,
    CHANNEL_AGAIN,  /* nothing to receive, or no room to send: try later */
    CHANNEL_CLOSED, /* the other process is gone */
};

/* Makes the pair: ends[0] for the master, ends[1] for the worker. Returns 0, or -1 with errno. */
int channel_create(int ends[2]);

/* fd < 0: no descriptor. On CHANNEL_OK the receiver will have its own copy; the caller still owns fd. What was sent and not
 * received is lost with the receiver (see offers). */
enum channel_status channel_send(int end, enum channel_message_type type, uint32_t number, int fd);

/* With a text, which is cut to CHANNEL_TEXT_MAX - 1 bytes. */
enum channel_status channel_send_text(int end, enum channel_message_type type, uint32_t number,
                                      const char *text);

/* With both; fd < 0: without a descriptor. */
enum channel_status channel_send_both(int end, enum channel_message_type type, uint32_t number,
                                      const char *text, int fd);

/* A client, which the caller still owns. Its texts: the label of its listener (net/labels.h; "": it is one of --bind), the rules, who it is
 * (net/who.h). A receiver of a version that knows the label alone reads that. */
enum { CLIENT_LABEL, CLIENT_RULES, CLIENT_WHO, CLIENT_TEXTS };
enum channel_status channel_send_client(int end, enum channel_message_type type,
                                        const struct newcomer *n, const char *label);

/* One of the texts of a message. NULL: the sender has sent fewer. */
const char *channel_text(const struct channel_message *m, uint32_t at);

/* *fd becomes the descriptor that came along (close-on-exec), or -1. A CLIENT message whose descriptor got lost
 * because this process has no more room for one comes with -1. */
enum channel_status channel_receive(int end, struct channel_message *message, int *fd);

#endif
