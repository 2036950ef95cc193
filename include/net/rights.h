/* rights: descriptors that come along with a message of a unix socket. Owns nothing: what is found is its caller's to close. */
#ifndef MOONGATE_NET_RIGHTS_H
#define MOONGATE_NET_RIGHTS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Takes the first descriptor out of what recvmsg has filled, and closes all others: a truncated message may hold some, and because the kernel
 * rounds the room up, two may come where one was expected. Not wanted: closes it, too. -1: there is none, or some got lost. */
int rights_take(struct msghdr *header, bool wanted);

#endif
