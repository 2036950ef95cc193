/* takeover: the new process's side of an upgrade (SIGUSR2): what it got from the master before, and how it takes over from it.
 *
 * struct inherited is main's; the board takes its files, and the takeover its channel. The takeover is the master's, one for its
 * life; in a process that was not started by an upgrade it is in charge from the beginning. Invariant: before it is in charge,
 * this process lets no client in, tells the service manager nothing, and owns neither the pid file nor a socket's file.
 */
#ifndef MOONGATE_MASTER_TAKEOVER_H
#define MOONGATE_MASTER_TAKEOVER_H

#include "base/board.h"
#include "net/passed.h"
#include "worker/channel.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct steering;

/* The messages between the two masters, in the place of enum channel_message_type. */
enum takeover_message {
    TAKEOVER_READY = 100, /* up: the new process could serve; its id. Its text: TAKEOVER_KNOWS */
    TAKEOVER_FAILED,      /* up, before exec(2): the binary cannot be run; the text says why */
    TAKEOVER_GO,     /* down: the old master lets no client in any more. Number: 1: reload once */
    TAKEOVER_CLIENT, /* down: a client that is owed nothing, its listener; see channel_send_client */
};

/* The new process reads all texts of TAKEOVER_CLIENT; one of an earlier version, whose READY has no text, reads the label alone. */
#define TAKEOVER_KNOWS "clients"

struct inherited {
    pid_t pid;   /* the master before; 0: this process was not started by an upgrade */
    int channel; /* to it */
    uint32_t house;
    struct board_files files;
    int tickets;               /* the keys of its TLS sessions */
    int stores;                /* where its stores lie */
    struct passed admin;       /* its admin sockets */
    struct passed metrics;     /* those of --metrics */
    struct passed stats;       /* those of --nutcracker-stats */
    struct steering *steering; /* what it has decided about servers; owned; NULL: nothing */
};

/* Reads the environment, from which it removes the variable, and adds the listening sockets to passed. Call it in the process
 * that was started, before it forks. False, after one line on stderr: what is said there cannot be used. */
bool inherited_take(struct inherited *in, struct passed *passed)
    __attribute__((warn_unused_result));

/* Closes what nobody has taken. */
void inherited_release(struct inherited *in);

enum takeover_news {
    TAKEOVER_BEGINS, /* this process is in charge; number: 1: reload once */
    TAKEOVER_BRINGS, /* a client, in the message; fd is the receiver's */
    TAKEOVER_ENDS,   /* no process of the master before lives any more */
};

/* m: the message that has brought it, or NULL. */
typedef void takeover_tell(void *arg, enum takeover_news news, uint32_t number,
                           const struct channel_message *m, int fd);

struct takeover {
    struct ev_loop *loop;
    struct board *board;
    takeover_tell *tell;
    void *arg;
    pid_t before; /* the master before; 0: there is none, or it has ended */
    int channel;  /* -1: closed */
    bool is_in_charge;
    bool has_asked; /* it has said that it could serve */
    ev_io io;
    ev_timer look; /* for processes of the master before that outlive it */
};

/* Takes the channel out of in. */
void takeover_init(struct takeover *t, struct ev_loop *loop, struct board *board,
                   struct inherited *in, takeover_tell *tell, void *arg);

/* This process could serve. TAKEOVER_BEGINS follows, at once or when the master before has answered. */
void takeover_ask(struct takeover *t);

/* Stops its watchers and closes the channel: at the end, and in each forked child. */
void takeover_stop(struct takeover *t);

#endif
