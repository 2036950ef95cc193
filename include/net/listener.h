/* listener: the sockets that clients connect to. main creates and destroys them; the master (or the single process) accepts from
 * them.
 *
 * Bound at start from --bind, --port and the script's mg.listen, or passed by the service manager; a reload may change those of the script
 * (net/relisten.h). Workers never touch them. The process that made a unix socket's file removes it.
 * The file belongs to the owner that --bind names, or to --user.
 */
#ifndef MOONGATE_NET_LISTENER_H
#define MOONGATE_NET_LISTENER_H

#include "net/addr.h"
#include "net/bind.h"
#include "net/labels.h"
#include "net/passed.h"
#include "net/rules.h"
#include "net/socket_file.h"
#include <stdbool.h>
#include <stddef.h>

/* COMES: bound for a script that is not in use yet; nobody can connect. GOES: that script does not want it. */
enum listener_phase { LISTENER_SERVES, LISTENER_COMES, LISTENER_GOES };

/* What a script on trial wants of a listener that is there. */
struct listener_change {
    bool is_wanted, is_changed; /* is_changed: access and backlog are what it had */
    uint32_t number;
    struct bind_access access;
    int backlog;
    struct rules *rules; /* a reference; NULL unless it is wanted */
};

struct listener {
    int fd;           /* non-blocking, close-on-exec, listening; -1 once closed */
    struct addr addr; /* as bound: port 0 is resolved to the real one */
    uint32_t number;  /* of its item of --bind, 0..; extra passed sockets have the numbers behind
                        them; those of mg.listen that of their label */
    uint32_t own;     /* of an extra one: its number while no script names it */
    bool is_passed;   /* the service manager's: it also owns the file */
    bool is_extra;    /* no item of --bind stands for it */
    bool is_lent;     /* inherited, and the file still belongs to the moongate before */
    char name[PASSED_NAME_MAX]; /* of one that was passed */
    struct socket_file file;    /* of a unix socket; else all zero */
    struct bind_access access;  /* that its file was given; of one that was passed unknown */
    int backlog;
    struct rules *rules; /* what it asks of clients, a reference; NULL: it comes */
    enum listener_phase phase;
    struct listener_change next; /* while a reload is under way */
};

struct listeners {
    struct listener *items;
    size_t n;
    struct labels labels; /* of those of scripts */
};

/* What they are for: that decides what the log and complaints say. Sockets of --admin, whose items stand without `read-only` here, have
 * the mode 0600 unless they say otherwise. */
enum listeners_use { LISTEN_CLIENTS, LISTEN_ADMIN, LISTEN_METRICS, LISTEN_SCRIPT, LISTEN_STATS };

enum { LISTENERS_WHY = 512 }; /* bytes of a complaint */

/* What --bind, --port and --user say. A plain value; the caller owns the strings, which listeners_create alone reads. */
struct listeners_wanted {
    const char *const *bind; /* bind_n of them, see bind.h */
    size_t bind_n;
    const char *const *script;    /* items of mg.listen, likewise; script_n of them */
    const char *const *addresses; /* what each of those stands for: addresses, a line each */
    size_t script_n;
    uint16_t port;         /* for items without a port */
    const char *rules;     /* for all, where an item says nothing else: see net/rules.h; or NULL */
    const char *user;      /* owner of unix sockets' files for items without owner=; or NULL */
    struct passed *passed; /* sockets from the service manager; or NULL */
    enum listeners_use use;
};

/* Binds and listens on all items, but takes the passed socket where one has the address of an item; then it takes those that are left,
 * in their order, and sets their is_extra. It logs `listening on ADDRESS` (with its label, and whether it was passed) for each. On failure it prints one line on
 * stderr (address, reason, what to do), closes everything again, and returns NULL; the caller exits with EXIT_BIND. */
struct listeners *listeners_create(const struct listeners_wanted *wanted);

/* Logs `listening on ADDRESS`. */
void listener_announce(const struct listeners *all, const struct listener *l,
                       const struct listeners_wanted *wanted);

/* Room for one more, which is not counted yet. NULL: out of memory. */
struct listener *listeners_room(struct listeners *l);

/* Closes one, as listeners_close does all. */
void listener_close(struct listener *l, bool unlink_file);

/* What was inherited belongs to this process from now on: it removes the files of unix sockets at its end. Those of scripts get the mode, owner
 * and backlog that this process's script wants. */
void listeners_own(struct listeners *l);

/* Stops listening: closes the sockets and, with unlink_files, removes the files of unix sockets. A forked process must not remove
 * them. To drain, call it before listeners_destroy; a second call does nothing. */
void listeners_close(struct listeners *l, bool unlink_files);

/* After the process has become another user: logs which files of unix sockets it cannot remove, and the cure. */
void listeners_check_files(const struct listeners *l);

/* Closes as above and frees. NULL is allowed. */
void listeners_destroy(struct listeners *l, bool unlink_files);

/* The result of accepting one client. */
enum accept_status {
    ACCEPT_OK,    /* *fd is the client, the caller's: non-blocking, close-on-exec, TCP_NODELAY */
    ACCEPT_AGAIN, /* no client waits */
    ACCEPT_PAUSE, /* out of descriptors or memory: do not accept for a while; errno says why */
};

/* Accepts one client; *from is its address. Never waits. */
enum accept_status listener_accept(const struct listener *l, int *fd, struct addr *from);

/* Whether a client from that address may come in: by its rules' allow_from. Of one whose PROXY header is waited for, the worker decides
 * by its real address. A unix socket has no such rule: its file says who may connect. */
bool listener_admits(const struct listener *l, const struct addr *from);

#define LISTENER_REFUSAL "ERROR Too many open connections\r\n"

/* Sends `ERROR Too many open connections`, as memcached does, and closes fd; without a word where the rules ask for TLS. Never waits. */
void listener_refuse(int fd, const struct rules *rules);

/* The same, but for close: the caller closes it. */
void listener_tell_refused(int fd);

#endif
