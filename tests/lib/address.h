/* address: where tests connect and listen, read from the text that moongate reads too.
 *
 * A plain value; owns nothing.
 */
#ifndef TESTS_LIB_ADDRESS_H
#define TESTS_LIB_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address {
    int family;
    socklen_t n;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } as;
};

/* `127.0.0.1:11211`, `[::1]:11211`, `unix:/path`; fails the test on anything else. */
struct address address_read(const char *text);

/* A TCP port of 127.0.0.1 that nobody listens on now. */
int address_free_port(void);

/* `127.0.0.1:PORT` that refuses connections until the end of the test. */
const char *address_of_nobody(void);

/* `127.0.0.1:PORT` where connecting takes for ever, until the end of the test: its listener has a full queue. */
const char *address_of_a_full_queue(void);

#endif
