/* admin: the admin sockets (--admin): sessions, each of which sends commands in lines and gets answers.
 *
 * Owned by the master, one for its life; the listening sockets are main's. Nothing waits, and all is bounded: ADMIN_SESSIONS at once, the
 * line, what is held for a session that does not read, how long that may last, and commands a second. A session has one command under way
 * at a time; its next lines wait.
 *
 * src/main/README.md, "The admin socket", is the protocol's reference.
 */
#ifndef MOONGATE_MASTER_ADMIN_H
#define MOONGATE_MASTER_ADMIN_H

#include "base/records.h"
#include "master/admin_commands.h"
#include "master/ask.h"
#include "master/record_order.h"
#include "master/reload.h"
#include "net/doors.h"
#include "net/lines.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct master;
struct spool_said;
struct recent;

enum { ADMIN_SESSIONS = 32, ADMIN_WORDS = 16, ADMIN_A_SECOND = 200 };

/* What a session waits for. Written by admin_waits alone. */
enum admin_wait {
    ADMIN_NOTHING,
    ADMIN_ANSWERS,  /* of workers: `ask` */
    ADMIN_STEERING, /* workers to make change `number` */
    ADMIN_RELOAD,   /* reload `number` to end */
    ADMIN_ROLLBACK, /* likewise */
    ADMIN_UPGRADE,
    ADMIN_SPOOL,  /* the spooler's answer to question `number` */
    ADMIN_RATE,   /* the next second */
    ADMIN_WATCH,  /* events, until it sends another line: `viewer` */
    ADMIN_RECORD, /* another line, or the end of its recording */
};

struct session {
    struct session *next;
    struct admin *admin;
    struct lines lines;
    bool reads_only;
    bool json; /* the command under way was asked for so */
    enum admin_wait wait;
    const struct admin_command *command; /* under way, or the last one; NULL: none yet */
    char words[ADMIN_WORDS][LINES_LINE]; /* of it */
    struct ask *ask;
    uint64_t number;
    int viewer;          /* its number among the viewers */
    uint64_t lost;       /* events that it was not shown, and not told of yet */
    struct records held; /* records to be shown once all is done */
    double used;         /* as ev_now: when its last command came */
    double second;       /* of the commands counted in `in_second` */
    unsigned in_second;
    char later[LINES_LINE]; /* a line that has ended a watch, and is read in the next second */
    size_t later_len;
    ev_timer limit; /* of the wait */
};

struct admin {
    struct master *master;
    struct listeners *listeners; /* main's; NULL: there are none */
    struct doors doors;
    struct session *sessions;
    unsigned n;
    uint64_t questions;    /* to the spooler */
    uint64_t reloads;      /* that have begun, and that were no return to an earlier script */
    uint64_t returns;      /* to an earlier script that have begun */
    bool is_reload;        /* what has begun last is one of `reloads` */
    enum reload_news last; /* how the last of either has ended */
    struct record_order record;
    struct session *records; /* whose recording it is; NULL: there is none */
    ev_timer look;           /* for sessions that do not read */
};

/* Listens only after admin_open. False: out of memory. */
bool admin_init(struct admin *a, struct master *m) __attribute__((warn_unused_result));

/* This process is the service: commands are taken from now on. */
void admin_open(struct admin *a);

/* This process has handed the service over: no session comes any more. All get `why` for an answer, whether they wait for one or not, and
 * end: so a command that was not carried out is known to be one. */
void admin_shut(struct admin *a, const char *why);

/* A reload has begun or ended. */
void admin_take_reload(struct admin *a, enum reload_news news, bool goes_back);

/* The new process is in charge, or could not be. */
void admin_take_upgrade(struct admin *a, bool is_done);

/* A worker serves. */
void admin_take_ready(struct admin *a);

/* A worker has made a change of servers. */
void admin_take_steered(struct admin *a);

/* The spooler has answered; NULL: it has ended, and answers no question that it was asked. */
void admin_take_spool(struct admin *a, struct spool_said *said);

/* The sockets are another process's from now on. */
void admin_leave_to(struct admin *a);

/* Closes all, in a forked child, too: the sockets' files stay. */
void admin_release(struct admin *a);

/* --- for the files of admin -------------------------------------------------------------------- */

/* A line has come: reads it and runs its command. In admin_commands.c. */
void session_parse(struct session *s, const char *line, size_t len);
void session_run(struct session *s);

/* What a session waits for from now on, for so many seconds (0: as long as it takes). */
void session_waits(struct session *s, enum admin_wait wait, double seconds);

/* The time of its wait is up. In admin_servers.c. */
void session_is_late(struct session *s);

/* Ends the answer: `END`, or `ERROR ` and why. */
void session_end(struct session *s);
void session_fail(struct session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Shows records: a table for each kind, or (is_list) a line for each value; or JSON. only: records of that kind; NULL: all. In
 * admin_print.c. */
void session_show(struct session *s, const struct records *r, bool is_list, const char *only);

/* The same for one text that was written. */
void session_say(struct session *s, const char *text, size_t len);

/* The log line of a command that changes something: `admin: reload by uid 0 pid 12`. */
void session_log(const struct session *s);

/* In admin_watch.c: requests that are watched, and slow ones. session_ends_watch: another line has come; what was answered before it is
 * shown. session_leaves_watch: the wait is over; nothing is said. */
void session_run_watch(struct session *s);
void session_run_slow(struct session *s);
void session_ends_watch(struct session *s);
void session_leaves_watch(struct session *s);

/* In admin_record.c: the same for a recording; session_ends_record also where its time is over, or its reader has gone: why, for the log. */
void session_run_record(struct session *s);
void session_ends_record(struct session *s, const char *why);
void session_leaves_record(struct session *s);

/* A record_order_gone_fn; arg: struct admin. */
void admin_take_gone(void *arg);

/* In admin_stores.c: appends the records of stores, near copies and leases. */
void session_record_stores(struct records *r, const struct recent *recent);

/* In admin_spool.c. */
void session_run_spool(struct session *s);
void session_spool_is_late(struct session *s);

/* In admin_servers.c: commands that ask workers, and what follows. */
void session_run_pools(struct session *s);
void session_run_compare(struct session *s);
void session_run_explain(struct session *s);
void session_run_clients(struct session *s);
void session_run_steering(struct session *s);
void session_look_steered(struct session *s);
void session_ask(struct session *s, enum ask_whom whom, const char *const *words, size_t n);

#endif
