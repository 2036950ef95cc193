#include "net/keepalive.h"

#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { QUESTIONS = 3 };

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
           set(fd, IPPROTO_TCP, TCP_KEEPCNT, QUESTIONS) &&
           set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (idle + QUESTIONS * between) * 1000);
}
