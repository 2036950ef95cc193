/* dns: queries for names, to /etc/hosts and to name servers, by c-ares on the worker's loop.
 *
 * A struct inside the resolver, its only user; one for each worker. Nothing blocks: the loop watches sockets and timeouts.
 * A query cannot be cancelled: its `done` is called once, perhaps before dns_query returns, and at the latest by
 * dns_release. `done` runs within c-ares: it may note the answer and start or free what is the resolver's, but must not
 * call the resolver's users.
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
    double timeout;      /* seconds for the first try of a server; doubled with each retry */
    uint32_t tries;      /* of each server */
};

enum dns_kind { DNS_IPV4, DNS_IPV6, DNS_SRV };

enum { DNS_NAME_MAX = 256, DNS_RECORDS_MAX = 4096 };

/* Unused bytes are zero, so that records can be compared and sorted as bytes. */
union dns_record {
    struct addr addr; /* of DNS_IPV4 and DNS_IPV6: with port 0 */
    struct dns_srv {
        char host[DNS_NAME_MAX]; /* without a dot at the end */
        uint16_t priority, weight, port;
    } srv;
};

enum dns_status {
    DNS_GOOD,   /* there are records */
    DNS_EMPTY,  /* a name server has answered that there are none; `reason` says how */
    DNS_FAILED, /* there is no answer; `reason` says why */
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
    ares_channel hosts;   /* /etc/hosts only */
    ares_channel servers; /* name servers only */
    const char *wrong;    /* NULL, or why there is no channel */
    struct dns_socket *sockets;
    ev_timer timer;
    uint32_t open;       /* queries to name servers without an answer yet */
    uint64_t conf_stamp; /* of /etc/resolv.conf when it was read */
};

/* settings->servers must live as long as d. When c-ares cannot start, that is logged, and queries fail with the reason. */
void dns_init(struct dns *d, struct ev_loop *loop, const struct dns_settings *settings);

/* Open queries are answered with DNS_FAILED first. */
void dns_release(struct dns *d);

/* Queries the name servers. name: 1 to DNS_NAME_MAX - 1 bytes. */
void dns_query(struct dns *d, const char *name, enum dns_kind kind, dns_done_fn *done, void *owner);

/* Looks up addresses of both kinds in /etc/hosts, without waiting. True: `done` has been called. False: it has not, the
 * name is not there. A literal address is its own answer. */
bool dns_query_hosts(struct dns *d, const char *name, dns_done_fn *done, void *owner);

/* Reads the records of a response to a query for SRV: at most `max`, and their least TTL in seconds. False when the bytes
 * are not such a response. */
bool dns_read_srv(const uint8_t *bytes, int len, union dns_record *records, uint32_t max,
                  uint32_t *n, double *ttl);

/* Sorts records by their bytes (IPv4 before IPv6), and drops duplicates. Returns how many remain. */
uint32_t dns_sort(union dns_record *records, uint32_t n);

/* Prints "10.0.0.1, 10.0.0.2", or "cache1.example:11211, ...", for the log: the first ones of many. */
enum { DNS_LIST_MAX = 512 };
void dns_list(const union dns_record *records, uint32_t n, bool is_srv, char *text);

#endif
