/* keepalive: how a TCP socket notices that its peer is gone without a word: a machine that lost its power, a NAT or a firewall that
 * forgot the connection. Owns nothing; any process. */
#ifndef MOONGATE_NET_KEEPALIVE_H
#define MOONGATE_NET_KEEPALIVE_H

#include <stdbool.h>

/* The kernel asks the peer after so many seconds of silence, then three times more within half that time, and ends the connection;
 * so it does when what was written is not acknowledged for as long. 0: the kernel's own times, two hours. False, with errno, when
 * the socket is no TCP socket or the kernel refuses. */
bool keepalive_set(int fd, double seconds);

#endif
