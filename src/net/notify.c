/* libsystemd's sd_notify waits when the manager's socket is full, and the master may not wait for anything. So the few lines of the protocol
 * are here, and every write has MSG_DONTWAIT. */
#include "net/notify.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* --- what is wanted --------------------------------------------------------------------------- */

/* A path, or @ and a name that is in no file system. False: it is neither, or too long. */
static bool read_socket(struct notify *n, const char *text)
{
    size_t len = strlen(text);
    if ((text[0] != '/' && text[0] != '@') || len < 2 || len >= sizeof n->to.sun_path) return false;
    n->to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(n->to.sun_path, text, len);
    n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/'));
    if (text[0] == '@') n->to.sun_path[0] = '\0';
    return true;
}

/* At most 18 digits, which fit. 0: it is no number. */
static uint64_t read_number(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= 18 && strspn(text, "0123456789") == len ? strtoull(text, NULL, 10) : 0;
}

static double read_watchdog(const struct notify_wanted *wanted)
{
    if (!wanted->watchdog) return 0;
    if (wanted->pid && read_number(wanted->pid) != (uint64_t)getpid()) return 0;
    return (double)read_number(wanted->watchdog) / 1e6;
}

void notify_init(struct notify *n, const struct notify_wanted *wanted)
{
    *n = (struct notify){.fd = -1};
    if (!wanted->socket) return;
    if (!read_socket(n, wanted->socket)) {
        log_warn("service manager: not told anything: NOTIFY_SOCKET %s is not the path of a socket",
                 wanted->socket);
        return;
    }
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (n->fd < 0) log_warn("service manager: not told anything: %s", strerror(errno));
    if (n->fd >= 0) n->watchdog = read_watchdog(wanted);
}

void notify_take(struct notify *n)
{
    struct notify_wanted wanted = {getenv("NOTIFY_SOCKET"), getenv("WATCHDOG_USEC"),
                                   getenv("WATCHDOG_PID")};
    notify_init(n, &wanted);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static bool set_number(const char *name, unsigned long long number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", number);
    return setenv(name, text, 1) == 0;
}

bool notify_pass(const struct notify *n)
{
    char path[sizeof n->to.sun_path + 1];
    if (n->fd < 0) return true;
    size_t len = n->to_len - offsetof(struct sockaddr_un, sun_path);
    memcpy(path, n->to.sun_path, len);
    path[len] = '\0';
    if (path[0] == '\0') path[0] = '@';
    if (setenv("NOTIFY_SOCKET", path, 1) != 0) return false;
    if (n->watchdog == 0) return true;
    return set_number("WATCHDOG_USEC", (unsigned long long)llround(n->watchdog * 1e6)) &&
           set_number("WATCHDOG_PID", (unsigned long long)getpid());
}

/* --- saying it -------------------------------------------------------------------------------- */

/* False: not now. An error that lasts costs a try a second, and a manager that is started again is heard by then. */
static bool put(const struct notify *n, const char *text)
{
    const struct sockaddr *to = (const struct sockaddr *)&n->to;
    return sendto(n->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, to, n->to_len) >= 0;
}

static void drop_first(struct notify *n)
{
    assert(n->owed_n > 0);
    n->owed_n--;
    memmove(n->owed[0], n->owed[1], n->owed_n * sizeof n->owed[0]);
}

void notify_catch_up(struct notify *n)
{
    if (n->fd < 0) return;
    while (n->owed_n > 0 && put(n, n->owed[0])) drop_first(n);
}

/* The newest message is the one that counts, so it always finds a place. */
void notify_say(struct notify *n, const char *format, ...)
{
    if (n->fd < 0) return;
    if (n->owed_n == NOTIFY_OWED_MAX) drop_first(n);
    va_list args;
    va_start(args, format);
    vsnprintf(n->owed[n->owed_n++], NOTIFY_TEXT_MAX, format, args);
    va_end(args);
    notify_catch_up(n);
}

void notify_ping(struct notify *n)
{
    if (n->fd >= 0) (void)put(n, "WATCHDOG=1");
}

void notify_release(struct notify *n)
{
    if (n->fd >= 0) close(n->fd);
    n->fd = -1;
}
