/* membership: parsers of texts that list the servers of a pool: a file, the answer of an ElastiCache configuration
 * endpoint; and of the URLs of all sources.
 *
 * Pure functions, which own and allocate nothing: bytes in, values out. Sentences that say what is wrong are static or
 * thread-local.
 */
#ifndef MOONGATE_DISCOVERY_MEMBERSHIP_H
#define MOONGATE_DISCOVERY_MEMBERSHIP_H

#include "discovery/server.h"

enum member_status { MEMBER_OK, MEMBER_END, MEMBER_WRONG };

/* Invariant: at <= len. */
struct member_reader {
    const char *bytes;
    size_t len, at;
    uint32_t line;     /* of the member read last, from 1; of a configuration: its node */
    const char *wrong; /* with MEMBER_WRONG: a sentence about that line */
};

/* The next server of a file: one on each line, but for empty lines and those that begin with #. A last line without an end
 * is an error: the file may still be being written. */
enum member_status member_next_in_file(struct member_reader *r, struct server_spec *spec);

enum config_status {
    CONFIG_OK,      /* `nodes` are the bytes for member_next_in_config */
    CONFIG_AGAIN,   /* more bytes are needed */
    CONFIG_UNKNOWN, /* the server does not know the command */
    CONFIG_WRONG,   /* `wrong` says what is wrong */
};

/* I6: bytes of an answer. */
enum { CONFIG_MAX = 256 * 1024 };

/* The answer to `config get cluster` or `get AmazonElastiCache:cluster`. */
struct config_answer {
    const char *nodes;
    size_t nodes_len;
    const char *wrong;
};

enum config_status config_parse(const char *bytes, size_t len, struct config_answer *a);

/* The next node of `host|ip|port host|ip|port ...`: its address is the ip if there is one, and then its name is the host. */
enum member_status member_next_in_config(struct member_reader *r, struct server_spec *spec);

/* name, scheme, what fills the pool */
#define DISCOVERY_KINDS(X)                                                                         \
    X(SRV, "dns+srv://", "the SRV records of a name")                                              \
    X(DNS, "dns://", "the addresses of a name")                                                    \
    X(FILE, "file://", "the lines of a file")                                                      \
    X(ELASTICACHE, "elasticache://", "what a configuration endpoint answers")                      \
    X(ETCD, "etcd://", "the keys of etcd below a prefix")

enum discovery_kind {
#define X(name, scheme, meaning) DISCOVERY_##name,
    DISCOVERY_KINDS(X)
#undef X
};

enum { DISCOVERY_HOSTS_MAX = 8, ETCD_PORT = 2379 };

struct discovery_host {
    char host[ADDR_HOST_MAX];
    uint16_t port;
};

struct discovery_url {
    enum discovery_kind kind;
    char host[ADDR_HOST_MAX]; /* of SRV, DNS and ELASTICACHE */
    uint16_t port;            /* of DNS and ELASTICACHE */
    char path[512]; /* of FILE; of ETCD the prefix of the keys: it begins and ends with a slash */
    struct discovery_host hosts[DISCOVERY_HOSTS_MAX]; /* of ETCD: its endpoints */
    uint32_t hosts_n;
};

/* NULL, or a sentence that says what is wrong. */
const char *discovery_url_parse(struct discovery_url *url, const char *text, size_t len);

#endif
