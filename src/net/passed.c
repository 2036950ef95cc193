/* What comes from outside is checked whole before anything uses it: a descriptor that is no listening stream socket would fail
 * later, at the first accept(2), where nobody sees why. */
#include "net/passed.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the environment -------------------------------------------------------------------------- */

static const char LABEL[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

/* At most nine digits. -1: it is no number. */
static long read_number(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len == 0 || len > 9 || strspn(text, "0123456789") < len) return -1;
    return strtol(text, NULL, 10);
}

/* A name that cannot be a label is left out, and so is "unknown", which stands for none. */
static void read_name(struct passed_socket *s, const char *name, size_t len)
{
    if (len == 0 || len >= sizeof s->name || strspn(name, LABEL) < len) return;
    if (len == 7 && memcmp(name, "unknown", len) == 0) return;
    memcpy(s->name, name, len);
}

const char *passed_parse(struct passed *p, const struct passed_wanted *wanted)
{
    const char *name = wanted->names ? wanted->names : "";
    *p = (struct passed){.n = 0};
    if (!wanted->fds || read_number(wanted->pid) != (long)getpid()) return NULL;
    long n = read_number(wanted->fds);
    if (n < 0) return "LISTEN_FDS is not a number";
    if (n > PASSED_MAX) return "LISTEN_FDS is above 64";
    for (p->n = 0; p->n < (size_t)n; p->n++) {
        struct passed_socket *s = &p->items[p->n];
        size_t len = strcspn(name, ":");
        s->fd = PASSED_FIRST + (int)p->n;
        read_name(s, name, len);
        name += len + (name[len] == ':');
    }
    return NULL;
}

/* --- the sockets ------------------------------------------------------------------------------ */

static int option_of(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

/* A name in no file system has no text that -b could give: it is refused. */
static bool has_good_address(const struct addr *addr)
{
    int family = addr->sa.any.sa_family;
    return family == AF_INET || family == AF_INET6 ||
           (family == AF_UNIX && addr->sa.un.sun_path[0] != '\0');
}

/* Length and bytes as addr.c has them, so that addresses compare. */
static void normalize(struct addr *addr)
{
    if (addr_is_unix(addr))
        addr->len =
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(addr->sa.un.sun_path) + 1);
}

const char *passed_look_at(struct passed_socket *s)
{
    if (fcntl(s->fd, F_GETFD) < 0) return "it is not open";
    if (option_of(s->fd, SO_TYPE) != SOCK_STREAM || option_of(s->fd, SO_ACCEPTCONN) != 1)
        return "it is not a listening stream socket";
    s->addr = (struct addr){.len = sizeof s->addr.sa - 1}; /* a path keeps its NUL */
    if (getsockname(s->fd, &s->addr.sa.any, &s->addr.len) != 0) return strerror(errno);
    if (!has_good_address(&s->addr))
        return "it is neither an IP socket nor a unix socket with a path";
    normalize(&s->addr);
    int flags = fcntl(s->fd, F_GETFL);
    if (flags < 0 || fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(s->fd, F_SETFD, FD_CLOEXEC) < 0)
        return strerror(errno);
    return NULL;
}

static bool look_at_all(struct passed *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const char *wrong = passed_look_at(&p->items[i]);
        if (!wrong) continue;
        fprintf(stderr,
                "moongate: descriptor %d, passed by LISTEN_FDS: %s: correct the socket unit\n",
                p->items[i].fd, wrong);
        return false;
    }
    return true;
}

bool passed_take(struct passed *p)
{
    struct passed_wanted wanted = {getenv("LISTEN_PID"), getenv("LISTEN_FDS"),
                                   getenv("LISTEN_FDNAMES")};
    const char *wrong = passed_parse(p, &wanted);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!wrong) return look_at_all(p);
    fprintf(stderr, "moongate: passed sockets: %s: correct the socket unit\n", wrong);
    return false;
}

bool passed_have_extra(const struct passed *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].is_extra || !p->items[i].is_inherited) return true;
    return false;
}

struct passed_socket *passed_find(struct passed *p, const struct addr *addr)
{
    for (size_t i = 0; i < p->n; i++) {
        struct passed_socket *s = &p->items[i];
        if (s->fd >= 0 && s->addr.len == addr->len &&
            memcmp(&s->addr.sa, &addr->sa, addr->len) == 0)
            return s;
    }
    return NULL;
}

const char *passed_print(const struct passed_socket *s, char *text)
{
    char address[ADDR_TEXT_MAX];
    addr_print(&s->addr, address);
    snprintf(text, PASSED_TEXT_MAX, "%s%s%s", s->name, s->name[0] ? "=" : "", address);
    return text;
}

void passed_release(struct passed *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].fd >= 0) close(p->items[i].fd);
    p->n = 0;
}
