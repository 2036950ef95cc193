/* client: a connection that we accepted, and the set of all clients of a worker. Its way through this floor:
 * src/client/client.c.
 *
 * Owned by its set from client_create until the end of the turn in which it closed. While it is idle it holds this struct and
 * nothing else: bytes are read into the turn's arena, and buffers exist only while a request is cut or a reply waits. One
 * worker, no locks.
 */
#ifndef MOONGATE_CLIENT_CLIENT_H
#define MOONGATE_CLIENT_CLIENT_H

#include <stdio.h>

#include "base/heat.h"
#include "base/log.h"
#include "client/dumps.h"
#include "client/feed.h"
#include "client/handshake.h"
#include "client/sampling.h"
#include "client/sight.h"
#include "client/tier.h"
#include "client/waits.h"
#include "net/inbuf.h"
#include "net/newcomer.h"
#include "net/outq.h"
#include "net/stream.h"
#include "net/who.h"
#include "protocol/foreign.h"
#include "route/turn.h"

struct board;
struct presence;
struct binary_steps;
struct reply;
struct tls_context;
struct users;

enum { CLIENTS_NUMBERS = 1024 }; /* buckets of clients' numbers */

/* Written by client_set_state alone. */
enum client_state {
    CLIENT_OPEN,      /* reads requests and answers them */
    CLIENT_DRAINING,  /* reads only what completes a request that it has begun, or its first one */
    CLIENT_MOVING,    /* the same; then another worker gets it */
    CLIENT_ENDING,    /* reads no more; closes once all is answered (quit, end of input) */
    CLIENT_LINGERING, /* all is answered and our side shut; input is dropped until it closes */
    CLIENT_CLOSED,    /* its memory is freed at the end of the turn */
};

/* How replies are made; copied into each. All 0: in lines. */
struct framing {
    uint32_t opaque; /* of a frame, as it came */
    uint8_t opcode;  /* of a frame */
    uint8_t manner;  /* bits of enum reply_manner */
};

/* I1: its replies are a list in the order of its requests; only the head's bytes go to `out`.
 * I6: what it holds is counted in `stored`, `out` and `unfinished`, and bounded by the set's limits.
 * Invariant (client_sane): the stream is open unless CLOSED; owed is the length of the list of replies, and stored the sum of what they
 * hold; waiting only while in.kept is there.
 * A fleet has many idle clients: fields are in an order that leaves no holes, and
 * tests/e2e/service/limits_test.c bounds what each takes. */
struct client {
    ev_io io;
    struct turn *turn;
    struct clients *set;
    struct client *next, **prev;   /* in set->all */
    struct client *next_dirty;     /* in set->dirty, later in set->closed */
    struct client *next_numbered;  /* in set->numbered */
    struct board_listener *counts; /* of its listener */
    struct rules *rules;           /* what that asks of it, a reference; NULL: nothing */
    struct who *who;               /* owned; NULL: nothing is known but its socket */
    struct stream stream;
    uint32_t affinity;      /* its number */
    uint16_t listener;      /* that it came through: its place in --bind, or its label's number */
    bool by_listener;       /* the script says where that is, and may have a route for it */
    uint32_t owed;          /* replies in its list */
    struct framing framing; /* of the frame that is taken */
    uint64_t handover;      /* the number of its hand-over; 0: it was accepted here */
    struct inbuf in;
    uint32_t unfinished; /* bytes that `in` and its TLS hold, as counted in set->unfinished */
    uint32_t progress;   /* bytes that it has sent since busy_at */
    double busy_at;      /* as turn.now: when it came; then see unfinished */
    uint64_t swallow;    /* bytes of input to drop: the value of a refused store */
    struct outq out;
    struct streamed *streamed; /* the value of the first reply, while it is passed on; or NULL */
    struct reply *head, *tail; /* replies not yet in out, in order */
    size_t stored;             /* bytes held in them */
    size_t usual;              /* bytes of its larger replies lately: what one more may take */
    uint64_t heated;           /* bytes that its heat knows of: see heating.c */
    uint8_t name[17];          /* its address, likewise */
    uint8_t name_len;          /* 0: not asked for yet */
    bool dirty;
    bool answers_lines;  /* each line end in `swallow` is answered with ERROR */
    bool in_doubt;       /* what it sends may be a value: nothing of it is run, see request_parse */
    bool is_shaking;     /* its next step of the TLS handshake is due: see handshake.h */
    bool waiting;        /* in.kept holds whole requests that wait for room for replies */
    uint8_t entry;       /* enum client_entry: how far it has come; written by client_enter alone */
    uint8_t front;       /* enum client_front: what it speaks */
    uint32_t mark;       /* heat_mark of its name */
    uint32_t idle_bytes; /* bytes_read when it was last looked at: see waits.h */
    uint32_t idle_since; /* likewise */
    uint16_t address_place; /* where its address and identity are counted: see crowd.h */
    uint16_t identity_place;
    enum client_state state;
    bool
        has_resumed; /* what waited was taken since the loop has looked at it last: see may_resume */
    bool is_cut;     /* its answer has ended in the middle of a value: it is to be closed */
    double since; /* as turn.now: when it came to this worker; what follows counts from then on */
    uint64_t requests, bytes_read, bytes_written;
    const char *reason; /* why it is ending */
    const char *
        as; /* the address to show, of a client in memory; owned by who made it; NULL: its socket's */
};

/* Who may do what an option is about, in the order of its words. */
enum clients_allow {
    ALLOW_NEAR, /* clients that came over loopback or a unix socket */
    ALLOW_YES,
    ALLOW_NO
};

/* Appends the answer to `stats what` (len bytes; 0: the general statistics) to out, END included; or does `stats reset`. False
 * when there are no such statistics. Owned by this floor; the worker floor implements it, and the two below. */
typedef bool clients_stats_fn(void *about, const char *what, size_t len, struct outq *out);

/* Answers what a client asks moongate itself by a key (own_keys.h): `what` is the key without its beginning. */
typedef void clients_own_key_fn(void *about, const struct client *c, const char *what, size_t len,
                                FILE *to);

/* Passes the descriptor of a client that is owed no reply, and has begun no request, to another process; the caller still
 * closes its own. False: not now. */
typedef bool clients_give_fn(void *about, const struct newcomer *n);

/* Closes the descriptor of a client. handover: the number of its hand-over, since the process that handed it over may hold a
 * copy; 0: there was none. */
typedef void clients_shut_fn(void *about, int fd, uint64_t handover);

/* With what c begins, by its listener: *to is what it is secured with, and stays who said it. Owned by this floor; the worker floor
 * implements it. */
enum clients_secures { CLIENTS_PLAIN, CLIENTS_SECURE, CLIENTS_CANNOT_SECURE /* it must be */ };
typedef enum clients_secures clients_secures_fn(void *about, const struct client *c,
                                                struct tls_context **to);

/* As the options say. */
struct clients_limits {
    enum clients_allow allow_flush;
    enum clients_allow allow_dump;
    size_t client_buffer; /* bytes of replies held for a client, above one value */
    size_t input_buffer;  /* bytes of unfinished requests held for all clients */
    double keepalive;     /* of clients' sockets, see net/keepalive.h */
    double slow_log;      /* seconds: requests that take longer are logged; 0: none */
    double idle_timeout;  /* seconds that a client may be idle; 0: for ever */
    uint32_t conns_per_address, conns_per_identity; /* clients at once; 0: any number */
    const char *version_answer; /* to `version`; NULL: the lowest version among the servers */
    const char *nodes;          /* of `config get cluster`, see cluster.h; NULL: its own end */
    uint64_t nodes_version;
};

/* I6: unfinished is bounded by limits.input_buffer (see unfinished), what each client holds by limits.client_buffer
 * (client_settle).
 * Invariant: n is the length of `all`; unfinished is the sum over all of them. */
struct clients {
    struct turn *turn;
    struct clients_limits limits;
    clients_stats_fn *stats;
    void *about;
    clients_own_key_fn *own_keys; /* NULL: such keys are keys like others */
    void *own_keys_for;
    clients_give_fn *give; /* NULL while clients stay */
    void *gives_for;
    clients_secures_fn *secures; /* NULL: all are plain */
    void *secures_for;
    struct handshakes handshakes;
    clients_shut_fn *shut; /* closes the descriptor alone, where clients are not handed over */
    void *shuts_for;
    struct client *all;
    struct client *numbered[CLIENTS_NUMBERS]; /* all, by their numbers */
    struct client *dirty;                     /* those with something to write or to decide */
    struct binary_steps *due;                 /* requests of binary clients that follow others */
    struct client *closed;                    /* those whose memory goes at the end of the turn */
    uint32_t n;
    uint32_t last_number;
    size_t unfinished;   /* bytes of requests that have come in part, of all clients */
    struct users *users; /* whom it lets in; NULL: everybody. A reference */
    struct log_limit log, login_lines, entry_lines, crowd_lines;
    struct log_limit foreign_lines[FOREIGN_COUNT];
    struct waits waits;
    const struct board *board;         /* the service's; NULL: this worker is alone */
    struct presence *presence;         /* this worker's part of that; NULL: they are not counted */
    struct tier tier;                  /* what the servers say of themselves */
    struct dumps dumps;                /* of keys, that run or wait */
    double explained;                  /* seconds that explanations have taken in this turn */
    const char *const *listener_names; /* listener_names_n, by client.listener; NULL: no name */
    uint32_t listener_names_n;
    struct sighting sighting; /* notes nothing, unless the worker says where */
    struct feed feed;         /* of what is recorded: nothing, until it begins */
    struct sampling sampling; /* keeps nothing, unless the worker says where */
    struct heat_writer heat;  /* likewise: see heating.h */
    struct latency_span span; /* of the request that was answered last */
    struct board_command *commands[COMMAND_COUNT]; /* counters, from the first request of each on */
    struct board_listener **listeners; /* counters, by the listeners' places; the worker's */
    uint32_t listeners_n;
    uint32_t scripts_from; /* from this number on, listeners may have a route of their own */
    struct board_listener no_listener; /* counters of clients that came through none of these */
};

/* What its requests begin with in function_id. */
static inline uint32_t client_entrance(const struct client *c)
{
    return c->by_listener ? REQUEST_BY_LISTENER | (uint32_t)c->listener : 0;
}

/* Takes over n, whose descriptor is non-blocking. The client is in the set afterwards. */
struct client *client_create(struct clients *set, struct newcomer n);

/* At once: drops the replies that are owed. The peer sees the end, even if another process still holds a copy of the
 * descriptor. */
void client_close(struct client *c, const char *reason);

/* Answers what was received, then shuts the connection (the worker drains). */
void client_drain(struct client *c);

/* Finishes what the client has begun, then passes it to another worker, which reads on where this one stopped. A TLS client, whose keys no
 * other process has, is drained instead. To be called again for one that
 * could not be passed on. */
void client_move(struct client *c);

/* For the set, at the end of a turn: writes, resumes what waits for room, closes what is done, and derives what to watch for. */
void client_settle(struct client *c);

/* For the set: frees a CLOSED client. */
void client_destroy(struct client *c);

#endif
