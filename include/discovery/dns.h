/* dns: questions about names, put to /etc/hosts and to name servers by c-ares on the worker's loop.
 *
 * Owned by the resolver, which alone uses it; one a worker. Nothing here waits: sockets and time limits are watched by the
 * loop. A question cannot be taken back: its `done` is called once, at the latest by dns_release, and it may be called before
 * dns_ask returns. It must not call back into this module's users: it notes the answer and returns.
 */
#ifndef MOONGATE_DISCOVERY_DNS_H
#define MOONGATE_DISCOVERY_DNS_H

#include <ares.h>
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

struct dns_settings {
    const char *servers; /* `address[:port],...`; NULL: those of /etc/resolv.conf */
    double timeout;      /* seconds for the first try of a server; doubled with each further one */
    uint32_t tries;      /* of each server */
};

enum dns_kind { DNS_IPV4, DNS_IPV6, DNS_SRV };

enum { DNS_NAME_MAX = 256, DNS_RECORDS_MAX = 4096 };

/* All bytes that are not used are zero, so that records can be compared and sorted as bytes. */
union dns_record {
    struct addr addr; /* of DNS_IPV4 and DNS_IPV6: with port 0 */
    struct dns_srv {
        char host[DNS_NAME_MAX]; /* without a dot at the end */
        uint16_t priority, weight, port;
    } srv;
};

enum dns_status {
    DNS_GOOD,   /* there are records */
    DNS_EMPTY,  /* a name server says that there are none; `reason` says how */
    DNS_FAILED, /* nothing is known; `reason` says why */
};

/* Valid while `done` runs. */
struct dns_answer {
    enum dns_status status;
    union dns_record *records;
    uint32_t n;
    double ttl; /* seconds: the least of all records that led here */
    const char *reason;
};

typedef void dns_done_fn(void *owner, enum dns_kind kind, const struct dns_answer *answer);

struct dns_socket;

struct dns {
    struct ev_loop *loop;
    struct dns_settings settings;
    ares_channel hosts;   /* asks /etc/hosts only */
    ares_channel servers; /* asks name servers only */
    const char *wrong;    /* NULL, or why there is no channel */
    struct dns_socket *sockets;
    ev_timer timer;
    uint32_t open;       /* questions without an answer yet */
    uint64_t conf_stamp; /* of /etc/resolv.conf when it was read */
};

/* settings->servers must live as long as d. */
void dns_init(struct dns *d, struct ev_loop *loop, const struct dns_settings *settings);
void dns_release(struct dns *d);

/* Asks the name servers. */
void dns_ask(struct dns *d, const char *name, enum dns_kind kind, dns_done_fn *done, void *owner);

/* Asks /etc/hosts for addresses of both kinds, which takes no time: `done` was called when this returns true, and was not
 * when it returns false: the name does not stand there. A literal address stands everywhere. */
bool dns_ask_hosts(struct dns *d, const char *name, dns_done_fn *done, void *owner);

/* Reads the records of a reply to a question for SRV: at most `max`, and their least TTL. False when the bytes make no sense. */
bool dns_read_srv(const uint8_t *bytes, int len, union dns_record *records, uint32_t max,
                  uint32_t *n, double *ttl);

/* Sorts records, and leaves each once. Returns how many are left. */
uint32_t dns_sort(union dns_record *records, uint32_t n);

/* Prints "10.0.0.1, 10.0.0.2", or "cache1.example:11211, ...", for the log: the first ones of many. */
enum { DNS_LIST_MAX = 512 };
void dns_list(const union dns_record *records, uint32_t n, bool is_srv, char *text);

#endif
