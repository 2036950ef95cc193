/* news: what a connection reports to the code that decides for its server. A plain value on the stack of the connection's
 * function.
 *
 * Calls go down (backend to closing, retry, events, connect, fifo, conn); news are the one way up. They are for what happens
 * rarely: a request and its response cause none.
 */
#ifndef MOONGATE_BACKEND_NEWS_H
#define MOONGATE_BACKEND_NEWS_H

struct conn;

enum conn_event {
    NEWS_READY,     /* the server is proved: the state is READY, and calls may be written */
    NEWS_LOST,      /* the connection must go: `loss` and `reason` say why; nothing is closed yet */
    NEWS_NO_SOCKET, /* no attempt could begin: `reason` says why; the state is as before */
    NEWS_NO_ADDRESS, /* RESOLVING has lasted for connect_timeout */
    NEWS_RETRY,      /* WAITING is over */
    NEWS_LATE, /* so many calls in a row passed their deadline that the server counts as down */
    NEWS_ROOM, /* the socket takes bytes again while calls are held back */
    NEWS_CALL_ENDED, /* a call has left the FIFO while the server's connections apart hold back calls */
};

/* Who or what ended a connection. */
enum conn_loss {
    LOST_TO_TIME,    /* moongate: something did not happen in time */
    LOST_TO_PEER,    /* the server, or the network */
    LOST_TO_ANOMALY, /* moongate: bytes that should not have come (invariant I3) */
    LOST_TO_REFUSAL, /* moongate: a client's value may have been left in the stream */
};

struct conn_news {
    enum conn_event event;
    enum conn_loss loss; /* LOST */
    const char *reason;  /* LOST, NO_SOCKET: without CRLF; valid during the call */
};

/* Takes one event of c. It may hang up, connect again, fail or write calls, and so run the owners of calls, which may send
 * others. It never frees c. The caller returns to the loop, or looks at c's state again before it goes on. CALL_ENDED only
 * puts connections on the list of those to be written. */
typedef void conn_news_fn(struct conn *c, const struct conn_news *news);

#endif
