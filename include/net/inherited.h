/* inherited: how a moongate names its listening sockets to the process that an upgrade starts (see master/upgrade.h), and how
 * that one reads it.
 *
 * Owns nothing: what is read becomes an item of struct passed. A text has no space: FD,NUMBER,KIND,DEVICE,INODE,NAME.
 */
#ifndef MOONGATE_NET_INHERITED_H
#define MOONGATE_NET_INHERITED_H

#include "net/listener.h"
#include "net/passed.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { INHERITED_TEXT_MAX = 96 + PASSED_NAME_MAX };

/* Returns text, which has INHERITED_TEXT_MAX bytes. */
const char *inherited_print(const struct listener *l, char *text);

/* True when fd is one end of a pair of sockets that the process pid has made. Makes it close-on-exec. */
bool inherited_is_channel(int fd, pid_t pid);

/* Adds the socket to p, which then owns it. False: the text is wrong, the descriptor is no listening socket, or p is full. */
bool inherited_read(struct passed *p, const char *text);

#endif
