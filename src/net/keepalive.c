/* Without this, a client whose machine vanished keeps its place for hours, and a call to a server whose host vanished is found
 * out by its timeout alone, while the connection stays open for the next calls to wait on.
 *
 * TCP_KEEPIDLE and its like act while nothing is unacknowledged. Bytes that were written stop them, and the kernel would send
 * those again for a quarter of an hour; TCP_USER_TIMEOUT ends that after the same time. See tcp(7). */
#include "net/keepalive.h"

#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { PROBES = 3 };

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

bool keepalive_set(int fd, double seconds)
{
    int idle = (int)ceil(seconds), between = (idle + 5) / 6;
    if (!set(fd, SOL_SOCKET, SO_KEEPALIVE, 1)) return false;
    if (seconds <= 0) return true;
    return set(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle) &&
           set(fd, IPPROTO_TCP, TCP_KEEPINTVL, between) &&
           set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES) &&
           set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (idle + PROBES * between) * 1000);
}
