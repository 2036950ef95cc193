/* spooler_host: the spooler in a child of the test, and workers that the test plays.
 *
 * Owned by the test: what it starts it ends.
 */
#ifndef TESTS_UNIT_SPOOL_SPOOLER_HOST_H
#define TESTS_UNIT_SPOOL_SPOOLER_HOST_H

#include "unit/spool/spool_host.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/process.h"
#include "spool/spooler.h"

enum { PATIENCE = 20 }; /* seconds */

/* In memory that the child shares. */
struct counted {
    uint64_t kept, replayed, refused, dropped, pending;
};

struct process {
    pid_t pid;
    int control;
    struct counted *counted;
};

/* In the child before it begins: what a test changes there. */
static void (*in_child)(void);

static struct process spooler_starts(void)
{
    struct process p;
    int ends[2];
    p.counted =
        mmap(NULL, sizeof *p.counted, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(p.counted != MAP_FAILED);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
                     0);
    pid_t master = getpid();
    fflush(NULL);
    p.pid = fork();
    assert_true(p.pid >= 0);
    if (p.pid == 0) {
        const struct spooler_counts counts = {&p.counted->kept, &p.counted->replayed,
                                              &p.counted->refused, &p.counted->dropped,
                                              &p.counted->pending};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        if (in_child) in_child();
        _exit(spooler_run(ends[1], (int32_t)master, &counts));
    }
    close(ends[1]);
    p.control = ends[0];
    return p;
}

static inline void spooler_opens(const struct process *p, const struct spool_place *place)
{
    struct spool_packet packet;
    char bounds[SPOOL_PLACE_TEXT];
    spool_place_print(place, bounds);
    spool_packet_begin(&packet, SPOOL_OPEN, 0, place->dir, strlen(place->dir));
    assert_true(spool_packet_add(&packet, 0, bounds, strlen(bounds)));
    assert_int_equal(send(p->control, packet.bytes, packet.len, 0), packet.len);
}

static inline struct process spooler_of(const struct spool_place *place)
{
    struct process p = spooler_starts();
    spooler_opens(&p, place);
    return p;
}

static inline struct process usual_spooler(void)
{
    struct spool_place place = usual();
    return spooler_of(&place);
}

static void process_is_over(struct process *p)
{
    munmap(p->counted, sizeof *p->counted);
    close(p->control);
}

/* Ends as the master ends it. */
static inline void spooler_ends(struct process *p)
{
    int status;
    assert_int_equal(shutdown(p->control, SHUT_WR), 0);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    process_is_over(p);
}

static inline void spooler_is_killed(struct process *p)
{
    kill(p->pid, SIGKILL);
    assert_int_equal(waitpid(p->pid, NULL, 0), p->pid);
    process_is_over(p);
}

/* --- a worker ---------------------------------------------------------------------------------- */

struct worker {
    int fd;
    uint64_t number; /* of its last KEEP */
    unsigned char bytes[SPOOL_PACKET];
};

/* -1: nobody listens. */
static int connect_once(void)
{
    char path[SPOOL_SOCKET_MAX];
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    spool_place_socket(dir, path);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    close(fd);
    return -1;
}

static bool is_sent(const struct worker *w, const struct spool_packet *packet)
{
    double until = process_clock() + PATIENCE;
    while (send(w->fd, packet->bytes, packet->len, MSG_NOSIGNAL) < 0) {
        struct pollfd room = {.fd = w->fd, .events = POLLOUT};
        if (errno != EAGAIN || process_clock() > until) return false;
        (void)poll(&room, 1, 100);
    }
    return true;
}

static void says(struct worker *w, enum spool_word word, uint64_t number, const char *name)
{
    struct spool_packet packet;
    spool_packet_begin(&packet, word, number, name, strlen(name));
    assert_true(is_sent(w, &packet));
}

/* It is connected, and has said HELLO; nothing is read yet. */
static struct worker worker_connects(void)
{
    struct worker w = {.fd = -1};
    double until = process_clock() + PATIENCE;
    while ((w.fd = connect_once()) < 0) {
        assert_true(process_clock() < until);
        (void)poll(NULL, 0, 2);
    }
    says(&w, SPOOL_HELLO, SPOOL_VERSION, "");
    return w;
}

static inline void worker_goes(struct worker *w)
{
    close(w->fd);
}

/* The next packet. False: the spooler has closed the connection, or (seconds) nothing has come. */
static bool hears(struct worker *w, struct spool_said *said, double seconds)
{
    struct pollfd ready = {.fd = w->fd, .events = POLLIN};
    if (poll(&ready, 1, (int)(seconds * 1000)) <= 0) return false;
    ssize_t n = recv(w->fd, w->bytes, sizeof w->bytes, 0);
    return n > 0 && spool_packet_read(w->bytes, (size_t)n, said);
}

/* The next packet is this word about that server; its number. */
static struct spool_said sees(struct worker *w, enum spool_word word, const char *server)
{
    struct spool_said said;
    assert_true(hears(w, &said, PATIENCE));
    assert_int_equal(said.head.word, word);
    assert_true(spool_said_names(&said, server));
    return said;
}

static inline void sees_state(struct worker *w, const char *server, uint64_t n)
{
    assert_int_equal(sees(w, SPOOL_STATE, server).head.number, n);
}

static inline void sees_kept(struct worker *w, uint64_t number)
{
    assert_int_equal(sees(w, SPOOL_KEPT, "").head.number, number);
}

static inline void sees_nothing(struct worker *w)
{
    struct spool_said said;
    assert_false(hears(w, &said, 0));
}

static inline void sees_end(struct worker *w)
{
    unsigned char byte;
    struct pollfd ready = {.fd = w->fd, .events = POLLIN};
    assert_true(poll(&ready, 1, PATIENCE * 1000) == 1);
    assert_true(recv(w->fd, &byte, 1, 0) <= 0);
    close(w->fd);
}

/* A worker to which the spooler has said that nothing waits. */
static inline struct worker fresh_worker(void)
{
    struct worker w = worker_connects();
    assert_int_equal(sees(&w, SPOOL_READY, "").head.number, SPOOL_VERSION);
    return w;
}

static inline void keeps_line(struct worker *w, const char *server, const char *line)
{
    struct spool_packet packet;
    spool_packet_begin(&packet, SPOOL_KEEP, 0, server, strlen(server));
    assert_true(spool_packet_add(&packet, ++w->number, line, strlen(line)));
    assert_true(is_sent(w, &packet));
}

#endif
