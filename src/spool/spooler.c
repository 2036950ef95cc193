/* The loop. One turn: wait for words; read a bounded number of packets of each peer; bring to the disk what came (words_settle), which may take
 * as long as the disk likes; answer; flush. Meanwhile nobody waits for this process: workers and the master send without blocking.
 */
#include "spool/spooler.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "spool/spooler_state.h"

static const double READ_DELAY = 0.3; /* seconds */

/* --- reading ----------------------------------------------------------------------------------- */

static void read_control(struct spooler *s)
{
    struct spool_said said;
    for (int i = 0; i < SPOOLER_PACKETS && peer_receive(&s->control, &said); i++) {
        if (said.name)
            control_take(s, &said);
        else
            peer_close(s, &s->control, NULL);
    }
}

static void read_peer(struct spooler *s, struct peer *p)
{
    struct spool_said said;
    for (int i = 0; i < SPOOLER_PACKETS && s->group_n < SPOOLER_GROUP; i++) {
        if (!peer_receive(p, &said)) return;
        if (said.name)
            words_take(s, p, &said);
        else
            peer_close(s, p, NULL);
    }
}

/* --- waiting ----------------------------------------------------------------------------------- */

/* Milliseconds until something is to be done that no descriptor tells; -1: nothing is. */
static int patience(const struct spooler *s)
{
    double wait = s->has_unread ? fmax(0, s->read_at - s->now) : -1;
    for (const struct folder *f = s->folders; f; f = f->next) {
        double one = -1;
        if (f->state != FOLDER_OPEN) one = f->next_try > s->now ? f->next_try - s->now : 0;
        if (f->state == FOLDER_OPEN && f->place.max_age && f->spools) one = 1;
        if (one >= 0 && (wait < 0 || one < wait)) wait = one;
    }
    return wait < 0 ? -1 : wait > 0 ? (int)(wait * 1000) + 1 : 0;
}

/* A list of what is waited for: the control socket, the folders, the peers; from malloc. */
static struct pollfd *watched(const struct spooler *s, nfds_t *n)
{
    size_t room = 1 + s->peers_n;
    for (const struct folder *f = s->folders; f; f = f->next) room++;
    struct pollfd *all = calloc(room, sizeof *all);
    if (!all) abort();
    *n = 0;
    all[(*n)++] = (struct pollfd){s->control.fd, POLLIN | (s->control.first ? POLLOUT : 0), 0};
    for (const struct folder *f = s->folders; f; f = f->next)
        all[(*n)++] = (struct pollfd){f->listener, POLLIN, 0};
    for (const struct peer *p = s->peers; p; p = p->next)
        all[(*n)++] = (struct pollfd){p->fd, POLLIN | (p->first ? POLLOUT : 0), 0};
    return all;
}

/* Peers first: the lists grow behind what was watched only. */
static void act(struct spooler *s, const struct pollfd *all)
{
    const struct pollfd *at = all + 1, *folders = at;
    for (const struct folder *f = s->folders; f; f = f->next) at++;
    for (struct peer *p = s->peers; p; p = p->next, at++) {
        if (at->revents & POLLOUT) peer_flush(p);
        if (at->revents & ~POLLOUT) read_peer(s, p);
    }
    for (struct folder *f = s->folders; f; f = f->next, folders++)
        if (folders->revents) peers_accept(s, f);
    if (all->revents & POLLOUT) peer_flush(&s->control);
    if (all->revents & ~POLLOUT) read_control(s);
}

static void wait_and_act(struct spooler *s)
{
    nfds_t n;
    struct pollfd *all = watched(s, &n);
    int ready = poll(all, n, patience(s));
    s->now = process_clock();
    s->time = (uint32_t)time(NULL);
    if (ready > 0) act(s, all);
    free(all);
}

/* --- folders ----------------------------------------------------------------------------------- */

static void close_folder(struct spooler *s, struct folder *f)
{
    for (struct peer *p = s->peers; p; p = p->next)
        if (p->folder == f) peer_close(s, p, NULL);
    peers_sweep(s, false);
    folder_close(f);
}

/* Reads one of the spools that were found when their folder was opened; in between others get their turn. Workers connect first, and learn at
 * once which servers have a spool: so they do not wait for what may take seconds. */
static void read_one(struct spooler *s)
{
    s->has_unread = false;
    for (struct folder *f = s->folders; f; f = f->next)
        for (struct spool *spool = f->spools; spool; spool = spool->next) {
            if (spool_is_loaded(spool)) continue;
            if (s->has_unread) return;
            s->has_unread = true;
            spool_load(spool);
        }
    s->has_unread = false;
}

/* Spools of a folder that an operator has removed are gone with it. True: one was opened. */
static bool look_at_folders(struct spooler *s)
{
    bool has_opened = false;
    for (struct folder *f = s->folders; f; f = f->next) {
        if (f->state == FOLDER_OPEN && f->room.is_gone) {
            log_error(
                "spool folder %s: it was removed, and what was in it is lost: it is made again",
                f->place.dir);
            close_folder(s, f);
        }
        if (f->state != FOLDER_OPEN && folder_look(f, s->now) == FOLDER_OPEN) has_opened = true;
    }
    if (has_opened) {
        s->has_unread = true;
        s->read_at = s->now + READ_DELAY;
    }
    return has_opened;
}

/* --- life -------------------------------------------------------------------------------------- */

static void release(struct spooler *s)
{
    peers_sweep(s, true);
    peer_close(s, &s->control, NULL);
    for (struct folder *f = s->folders, *next; f; f = next) {
        next = f->next;
        folder_destroy(f);
    }
    free(s->group);
    free(s);
}

int spooler_run(int control, int32_t master, const struct spooler_counts *counts)
{
    struct spooler *s = calloc(1, sizeof *s);
    if (!s) abort();
    s->master = master;
    s->counts = counts;
    s->control.fd = control;
    s->control.last = &s->control.first;
    s->now = process_clock();
    s->time = (uint32_t)time(NULL);
    while (s->control.fd >= 0) {
        words_settle(s);
        if (look_at_folders(s)) words_settle(s);
        peers_sweep(s, false);
        log_catch_up();
        wait_and_act(s);
        if (s->has_unread && s->now >= s->read_at) read_one(s);
    }
    words_settle(s);
    *counts->pending = 0; /* the next one counts them, perhaps another master's */
    release(s);
    return EXIT_OK;
}
