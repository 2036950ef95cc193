/* membership: texts that say who belongs to a pool, read as pure functions: a file with servers, the
 * answer of an ElastiCache configuration endpoint, and the URLs of all these.
 *
 * Nothing is owned or allocated here: bytes in, values out. Sentences that say what is wrong are static or thread-local.
 */
#ifndef MOONGATE_DISCOVERY_MEMBERSHIP_H
#define MOONGATE_DISCOVERY_MEMBERSHIP_H

#include "discovery/server.h"

enum member_status { MEMBER_OK, MEMBER_END, MEMBER_WRONG };

/* Invariant: at <= len. */
struct member_reader {
    const char *bytes;
    size_t len, at;
    uint32_t line;     /* of the member read last, from 1 */
    const char *wrong; /* with MEMBER_WRONG: a sentence about that line */
};

/* The next server of a file: one a line, empty lines and those that begin with # aside. A file whose last line has no end
 * is wrong: somebody is still writing it. */
enum member_status member_next_in_file(struct member_reader *r, struct server_spec *spec);

enum config_status {
    CONFIG_OK,      /* `nodes` is what a reader of nodes reads */
    CONFIG_AGAIN,   /* more bytes */
    CONFIG_UNKNOWN, /* the server does not know the command */
    CONFIG_WRONG,   /* `wrong` says what */
};

enum { CONFIG_MAX = 256 * 1024 }; /* bytes that an answer may have */

/* What `config get cluster` and `get AmazonElastiCache:cluster` are answered with. */
struct config_answer {
    const char *nodes;
    size_t nodes_len;
    const char *wrong;
};

enum config_status config_parse(const char *bytes, size_t len, struct config_answer *a);

/* The next node of `host|ip|port host|ip|port ...`: its address is the ip where there is one, its name the host. */
enum member_status member_next_in_config(struct member_reader *r, struct server_spec *spec);

/* name, scheme, what fills the pool */
#define DISCOVERY_KINDS(X)                                                                         \
    X(SRV, "dns+srv://", "the SRV records of a name")                                              \
    X(DNS, "dns://", "the addresses of a name")                                                    \
    X(FILE, "file://", "the lines of a file")                                                      \
    X(ELASTICACHE, "elasticache://", "what a configuration endpoint answers")

enum discovery_kind {
#define X(name, scheme, meaning) DISCOVERY_##name,
    DISCOVERY_KINDS(X)
#undef X
};

struct discovery_url {
    enum discovery_kind kind;
    char host[ADDR_HOST_MAX]; /* of all but FILE */
    uint16_t port;            /* of DNS and ELASTICACHE */
    char path[512];           /* of FILE */
};

/* NULL, or a sentence that says what is wrong. */
const char *discovery_url_parse(struct discovery_url *url, const char *text, size_t len);

#endif
