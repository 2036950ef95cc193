/* The new process starts as any moongate does: it reads its options, checks the script, takes the sockets, forks workers. All of
 * that may fail, and the old master then serves on. When the first workers are ready it asks (TAKEOVER_READY) and waits; the old
 * master stops accepting, and answers (TAKEOVER_GO). From then on this process is in charge. Meanwhile clients wait in the
 * sockets' backlogs.
 *
 * The old master may die at any moment. Then its end of the channel closes, and this process is in charge without an answer: the
 * sockets and the workers are here. Clients of its workers are closed when these have drained.
 *
 * The house of the old master on the board is free again when all of its processes have ended; the next upgrade needs it. */
#include "master/takeover.h"

#include "backend/steering.h"
#include "base/log.h"
#include "base/process.h"
#include "net/inherited.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double LOOK = 0.1;
enum { CLIENTS_A_TURN = 64 };

/* --- what was inherited ----------------------------------------------------------------------- */

/* `name=number`. False: word is something else. */
static bool read_number(const char *word, const char *name, int *number)
{
    size_t len = strlen(name);
    if (strncmp(word, name, len) != 0 || word[len] != '=') return false;
    *number = atoi(word + len + 1);
    return true;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

/* A decision about a server, in which %20 stands for a space. One that cannot be read is left out. */
static void read_steer(struct inherited *in, const char *word)
{
    char text[STEER_TEXT_MAX];
    struct steer steer;
    size_t n = 0;
    for (; *word && n < sizeof text - 1; word++) {
        bool escape = word[0] == '%' && word[1] && word[2];
        text[n++] = escape ? (char)(hex(word[1]) * 16 + hex(word[2])) : word[0];
        if (escape) word += 2;
    }
    text[n] = '\0';
    if (!in->steering) in->steering = calloc(1, sizeof *in->steering);
    if (!in->steering || !steer_read(&steer, text)) return;
    (void)!steering_set(in->steering, &steer);
}

/* A word that is not known comes from a later version and is left out. False: a socket cannot be used. */
static bool read_word(struct inherited *in, struct passed *passed, const char *word)
{
    int number;
    if (strncmp(word, "socket=", 7) == 0) return inherited_read(passed, word + 7);
    if (strncmp(word, "admin=", 6) == 0) return inherited_read(&in->admin, word + 6);
    if (strncmp(word, "metrics=", 8) == 0) return inherited_read(&in->metrics, word + 8);
    if (strncmp(word, "stats=", 6) == 0) return inherited_read(&in->stats, word + 6);
    if (strncmp(word, "steer=", 6) == 0) read_steer(in, word + 6);
    if (read_number(word, "pid", &number)) in->pid = number;
    if (read_number(word, "house", &number)) in->house = number == 1;
    if (read_number(word, "channel", &number)) in->channel = number;
    if (read_number(word, "board", &number)) in->files.board = number;
    if (read_number(word, "shared", &number)) in->files.shared = number;
    if (read_number(word, "writes", &number)) in->files.writes = number;
    if (read_number(word, "tickets", &number)) in->tickets = number;
    if (read_number(word, "stores", &number)) in->stores = number;
    return true;
}

static bool keep_from_children(int fd)
{
    return fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* The first word is the version of all that follows. */
static const char *read_all(struct inherited *in, struct passed *passed, char *text)
{
    char *rest = text, *word = strsep(&rest, " ");
    if (strcmp(word, "1") != 0)
        return "the process before is of a version that this one cannot upgrade";
    while ((word = strsep(&rest, " ")))
        if (!read_word(in, passed, word)) return "a listening socket cannot be taken over";
    if (!inherited_is_channel(in->channel, in->pid))
        return "it has no channel to the process that it names";
    if (!keep_from_children(in->files.board) || !keep_from_children(in->files.shared) ||
        !keep_from_children(in->files.writes) || !keep_from_children(in->tickets) ||
        !keep_from_children(in->stores))
        return "a descriptor that it names is not open";
    return NULL;
}

bool inherited_take(struct inherited *in, struct passed *passed)
{
    const char *given = getenv("MOONGATE_UPGRADE");
    *in = (struct inherited){.channel = -1, .files = {-1, -1, -1}, .tickets = -1, .stores = -1};
    if (!given) return true;
    char *text = strdup(given);
    const char *wrong = text ? read_all(in, passed, text) : "out of memory";
    free(text);
    unsetenv("MOONGATE_UPGRADE");
    if (!wrong) return true;
    fprintf(stderr, "moongate: MOONGATE_UPGRADE: %s: it is for SIGUSR2 alone: unset it\n", wrong);
    return false;
}

void inherited_release(struct inherited *in)
{
    int *const all[] = {&in->channel,      &in->files.board, &in->files.shared,
                        &in->files.writes, &in->tickets,     &in->stores};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (*all[i] >= 0) close(*all[i]);
        *all[i] = -1;
    }
    passed_release(&in->admin);
    passed_release(&in->metrics);
    passed_release(&in->stats);
    free(in->steering);
    in->steering = NULL;
}

/* --- taking over ------------------------------------------------------------------------------ */

static void close_channel(struct takeover *t)
{
    ev_io_stop(t->loop, &t->io);
    if (t->channel >= 0) close(t->channel);
    t->channel = -1;
}

static void begin(struct takeover *t, uint32_t number)
{
    if (t->is_in_charge) return;
    assert(t->has_asked);
    t->is_in_charge = true;
    t->tell(t->arg, TAKEOVER_BEGINS, number, NULL, -1);
}

/* The last of the old master's processes is gone. What a process that was killed has left on the board is cleared. */
static void look(struct takeover *t)
{
    if (t->channel >= 0 || t->before == 0 || board_has_neighbours(t->board)) return;
    ev_timer_stop(t->loop, &t->look);
    board_clear_neighbours(t->board, process_clock());
    log_info("upgrade: process %d has ended", (int)t->before);
    t->before = 0;
    t->tell(t->arg, TAKEOVER_ENDS, 0, NULL, -1);
}

static void on_look(struct ev_loop *loop, ev_timer *w, int events)
{
    look(w->data);
}

/* The old master has ended, as it should after it has drained, or has died. */
static void on_closed(struct takeover *t)
{
    close_channel(t);
    if (!t->is_in_charge)
        log_warn("upgrade: process %d is gone: this one takes its place", (int)t->before);
    ev_timer_start(t->loop, &t->look);
    if (t->has_asked) begin(t, 0);
    look(t);
}

static void take_client(struct takeover *t, const struct channel_message *m, int fd)
{
    if (fd >= 0)
        t->tell(t->arg, TAKEOVER_BRINGS, m->number, m, fd);
    else
        log_warn("client: lost in the upgrade: no descriptor is free; raise the limit (ulimit -n)");
}

static void take_message(struct takeover *t, const struct channel_message *m, int fd)
{
    if ((int)m->type == TAKEOVER_CLIENT) {
        take_client(t, m, fd);
        return;
    }
    if (fd >= 0) close(fd);
    if ((int)m->type == TAKEOVER_GO && t->has_asked) begin(t, m->number);
}

static void on_channel(struct ev_loop *loop, ev_io *w, int events)
{
    struct takeover *t = w->data;
    for (int i = 0; i < CLIENTS_A_TURN && t->channel >= 0; i++) {
        struct channel_message message;
        int fd;
        enum channel_status status = channel_receive(t->channel, &message, &fd);
        if (status == CHANNEL_AGAIN) return;
        if (status == CHANNEL_CLOSED)
            on_closed(t);
        else
            take_message(t, &message, fd);
    }
}

void takeover_init(struct takeover *t, struct ev_loop *loop, struct board *board,
                   struct inherited *in, takeover_tell *tell, void *arg)
{
    *t = (struct takeover){.loop = loop,
                           .board = board,
                           .tell = tell,
                           .arg = arg,
                           .before = in->pid,
                           .channel = in->channel};
    in->channel = -1;
    ev_timer_init(&t->look, on_look, LOOK, LOOK);
    ev_io_init(&t->io, on_channel, t->channel, EV_READ);
    t->look.data = t->io.data = t;
    if (t->channel >= 0) ev_io_start(loop, &t->io);
}

/* Without an old master there is nobody to ask. Otherwise a full channel cannot be: this is its first message. */
void takeover_ask(struct takeover *t)
{
    if (t->has_asked) return;
    t->has_asked = true;
    if (t->channel < 0)
        begin(t, 0);
    else
        (void)channel_send_text(t->channel, (enum channel_message_type)TAKEOVER_READY,
                                (uint32_t)getpid(), TAKEOVER_KNOWS);
}

void takeover_stop(struct takeover *t)
{
    ev_timer_stop(t->loop, &t->look);
    close_channel(t);
}
