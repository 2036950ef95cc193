/* server_end: which process has the other end of a connection.
 *
 * Owns nothing: it looks into /proc.
 */
#ifndef TESTS_LIB_SERVER_END_H
#define TESTS_LIB_SERVER_END_H

#include "lib/moongate.h"

/* The worker that has the other end of this TCP connection (IPv4); waits until one has it. */
pid_t worker_of_connection(struct moongate *m, int fd);

#endif
