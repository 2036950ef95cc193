/* player: one script under a replay: a worker of the daemon, with the clients of the recording and, unless it has real servers, a
 * fake behind each server that it connects to.
 *
 * Owned by the engine, which creates and destroys it, and runs its loop: nothing happens but in player_turn. It frees a request that all sides have
 * answered. One process; the other ends of all connections are in it.
 */
#ifndef MOONGATE_REPLAY_PLAYER_H
#define MOONGATE_REPLAY_PLAYER_H

#include "replay/asked.h"
#include "replay/fake_server.h"
#include "replay/heard.h"
#include "worker/options.h"
#include "worker/worker_tools.h"

struct guest;
struct link;
struct wire;
struct as_client;

/* What answers are told to. on_value: of each key that was found, before the answer is told as a whole; seconds: since it was sent. */
struct player_ears {
    heard_value_fn *on_value;
    void (*on_answer)(void *about, struct asked *a, const struct hearing *h, double seconds);
    void *about;
};

/* A server of the script in memory. */
struct fake {
    struct fake *next;
    char *name;
    struct fake_server server;
};

enum { GUEST_PLACES = 4096, PLAYER_READ = 256 * 1024 };

/* Invariant: waiting is the number of requests in the lists of all guests. */
struct player {
    unsigned side;
    bool has_fakes;
    struct options options; /* of its worker */
    struct worker *worker;
    struct worker_parts parts;
    struct as_client *as; /* the engine's: names of listeners */
    struct player_ears ears;
    int epoll;
    struct wire *dirty;                       /* have something to write */
    struct guest *gone;                       /* have ended in this turn */
    struct link *links;                       /* all */
    struct guest *guests[GUEST_PLACES];       /* by a hash of their numbers */
    struct guest *guests_first, *guests_last; /* by use: the first was used last */
    uint32_t guests_n, guests_most;
    struct fake *fakes;
    uint64_t fake_memory;
    double wall; /* of the recording: what fakes take for now */
    uint32_t waiting;
    double now; /* replay_clock when the answers came that are read */
    uint8_t bytes[PLAYER_READ];
};

struct player_how {
    unsigned side;
    const struct options *options; /* script, kind of file, limits */
    struct as_client *as;
    bool has_fakes;
    uint64_t fake_memory;
    uint32_t guests_most; /* connections that are open at a time */
    struct player_ears ears;
};

/* Loads the script and connects. NULL, and the reason in error (SCRIPT_ERROR_MAX bytes). */
struct player *player_create(const struct player_how *how, char *error);
void player_destroy(struct player *p);

/* Sends it, as its client. p frees the request once it is the last that waits for it. */
void player_send(struct player *p, struct asked *a);

/* Runs the loop once, without sleeping. False: nothing has happened. */
bool player_turn(struct player *p);

/* Waits at most so long until something happens at one of the n players. */
void player_wait(struct player *const *players, unsigned n, double seconds);

/* What still waits gets no answer: that error is its answer. */
void player_give_up(struct player *p, const char *why);

/* The fake behind a server of that name, made if need be. */
struct fake_server *player_fake(struct player *p, const char *server);

/* How often its script was interrupted. */
uint64_t player_timeouts(const struct player *p);

/* Seconds by which latencies are measured: real ones, and those by which a clock that is played was moved. */
double replay_clock(bool is_played);

#endif
