/* keepalive: how a TCP socket notices that its peer is gone without closing: a machine that lost its power, a NAT or a firewall
 * that forgot the connection. Owns nothing; any process. */
#ifndef MOONGATE_NET_KEEPALIVE_H
#define MOONGATE_NET_KEEPALIVE_H

#include <stdbool.h>

/* After so many seconds of silence the kernel sends a probe to the peer, more of them within half that time, and then ends the
 * connection. It also ends it when written bytes are not acknowledged for as long as all that takes. 0: the kernel's own times,
 * two hours. Whole seconds; a part counts as one. False, with errno, when fd is not a TCP socket or the kernel refuses. */
bool keepalive_set(int fd, double seconds);

#endif
