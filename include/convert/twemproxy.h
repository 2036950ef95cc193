/* twemproxy: nutcracker's configuration as its own rules read it, between YAML and a script.
 *
 * A struct twem owns all texts below it; twem_release frees them. One reading makes it, in one process. The rules are nutcracker
 * 0.5.0's, found by running it (tests/e2e/servers/nutcracker_files_test.c does that again) and named in src/convert/README.md.
 */
#ifndef MOONGATE_CONVERT_TWEMPROXY_H
#define MOONGATE_CONVERT_TWEMPROXY_H

#include "convert/convert.h"

/* Each option of a pool, and what its value is. */
#define TWEM_OPTIONS(X)                                                                            \
    X(LISTEN, "listen", twem_take_listen)                                                          \
    X(SERVERS, "servers", twem_take_server)                                                        \
    X(HASH, "hash", twem_take_hash)                                                                \
    X(HASH_TAG, "hash_tag", twem_take_hash_tag)                                                    \
    X(DISTRIBUTION, "distribution", twem_take_distribution)                                        \
    X(TIMEOUT, "timeout", twem_take_number)                                                        \
    X(BACKLOG, "backlog", twem_take_number)                                                        \
    X(PRECONNECT, "preconnect", twem_take_flag)                                                    \
    X(AUTO_EJECT_HOSTS, "auto_eject_hosts", twem_take_flag)                                        \
    X(SERVER_CONNECTIONS, "server_connections", twem_take_number)                                  \
    X(SERVER_RETRY_TIMEOUT, "server_retry_timeout", twem_take_number)                              \
    X(SERVER_FAILURE_LIMIT, "server_failure_limit", twem_take_number)                              \
    X(CLIENT_CONNECTIONS, "client_connections", twem_take_number)                                  \
    X(TCPKEEPALIVE, "tcpkeepalive", twem_take_flag)                                                \
    X(REUSEPORT, "reuseport", twem_take_flag)                                                      \
    X(REDIS, "redis", twem_take_flag)                                                              \
    X(REDIS_AUTH, "redis_auth", twem_take_text)                                                    \
    X(REDIS_DB, "redis_db", twem_take_number)

enum twem_option {
#define X(name, text, take) TWEM_##name,
    TWEM_OPTIONS(X)
#undef X
        TWEM_OPTIONS_N
};

/* A value of the file. The bytes end in a NUL that len does not count, and have no other. */
struct twem_text {
    char *at;
    size_t len;
    uint32_t line;
};

/* nutcracker's reading of HOST:PORT:WEIGHT [NAME] or /PATH:WEIGHT [NAME]. */
struct twem_server {
    struct twem_text text; /* as it stands there; it begins with the host or the path */
    size_t host_len;       /* of the host or the path */
    uint16_t port;         /* 0: of a path */
    uint32_t weight;
    char *name;  /* what the ring hashes: the given name, or the one that nutcracker makes */
    char *shown; /* the server as mg.pool takes it; NULL until twem_check */
};

struct twem_pool {
    struct twem_text name;
    char called
        [64]; /* its name for moongate: letters, digits, '_', '.', '-'; no other pool has it */
    uint32_t lines[TWEM_OPTIONS_N];  /* where the option stands; 0: nowhere */
    int32_t numbers[TWEM_OPTIONS_N]; /* of numbers and flags that stand somewhere */
    const char *hash, *distribution; /* NULL: none was given */
    char hash_tag[3];
    struct twem_text listen; /* as it stands there; it begins with the host or the path */
    size_t listen_len;       /* of the host or the path */
    uint16_t port;           /* 0: a path */
    unsigned mode;           /* of a path; 0: the umask's */
    char *address;           /* the same as mg.listen takes it; NULL until twem_check */
    struct twem_server *servers;
    size_t n, room;
};

struct twem {
    const char *path;
    struct convert_output *out; /* gets errors and notes */
    struct twem_pool *pools;
    size_t n, room;
};

/* Reads all of the file. False: out->error says why not. */
bool twem_parse(struct twem *t, const char *bytes, size_t len);

/* Takes one value of an option, or one item of its list. False: out->error says why not. */
bool twem_take(struct twem *t, struct twem_pool *p, const struct twem_text *name,
               const struct twem_text *value);

/* What a take function gets: the option is known, and its line is noted. */
typedef bool twem_take_fn(struct twem *t, struct twem_pool *p, enum twem_option option,
                          const struct twem_text *value);
twem_take_fn twem_take_listen, twem_take_server, twem_take_hash, twem_take_hash_tag,
    twem_take_distribution, twem_take_number, twem_take_flag, twem_take_text;

/* The word of an option, for messages. */
const char *twem_option_word(enum twem_option option);

/* What nutcracker makes of digits: 32 bits that wrap, which is noted. False: it takes them for no number. */
bool twem_read_number(struct twem *t, uint32_t line, const char *text, size_t len, int32_t *number);

/* What can be said when all pools are there. Pools for Redis are released and left out. False: out->error says why the file is
 * refused. */
bool twem_check(struct twem *t);

/* The address of a listener, or a server, as moongate writes it: fills in address, or shown. False: moongate has no such thing, and
 * out->error says why. */
bool twem_place_listener(struct twem *t, struct twem_pool *p);
bool twem_place_server(struct twem *t, struct twem_server *s);

/* Writes the script. */
void twem_write(const struct twem *t, FILE *to);

/* A new pool, or a server of one, all zero; valid until the next one. */
struct twem_pool *twem_add_pool(struct twem *t);
struct twem_server *twem_add_server(struct twem_pool *p);

/* A copy that the caller owns. */
struct twem_text twem_copy(const char *bytes, size_t len, uint32_t line);

void twem_release_pool(struct twem_pool *p);
void twem_release(struct twem *t);

#endif
