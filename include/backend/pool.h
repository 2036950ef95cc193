/* pool: named backends and a selector. Owned by the script that made it; holds a count of each backend. */
#ifndef MOONGATE_BACKEND_POOL_H
#define MOONGATE_BACKEND_POOL_H

#include "backend/backend.h"
#include "backend/selector.h"

/* name, text, what a retrieval gets when its backend fails */
#define ON_FAILURES(X)                                                                             \
    X(ERROR, "error", "SERVER_ERROR with the backend and the reason")                              \
    X(MISS, "miss", "a miss; other commands still get the error")

enum on_failure {
#define X(name, text, meaning) ON_FAILURE_##name,
    ON_FAILURES(X)
#undef X
};

enum { POOL_NAME_MAX = 64 };

struct pool_settings {
    char name[POOL_NAME_MAX];
    struct selector_settings selector;
    enum on_failure on_failure;
    double timeout; /* seconds for a call, from routing to the whole response */
    struct backend_settings backend;
};

/* Invariant: servers_n > 0 once it is closed. */
struct pool {
    struct pool_settings settings;
    struct backend **servers;
    struct selector_server *names; /* what the selector was built from; strings owned here */
    uint32_t servers_n;
    struct selector selector;
};

struct pool *pool_create(const struct pool_settings *settings);

/* Looks `text` (host, host:port, [v6]:port, unix:/path) up and adds it. NULL, or a sentence that says what is wrong. */
const char *pool_add_server(struct pool *p, struct backends *set, const char *text, size_t len);

/* No more servers: builds the selector. At least one was added. */
void pool_close(struct pool *p);

void pool_destroy(struct pool *p);

struct backend *pool_pick(const struct pool *p, const void *key, size_t len);

/* The same, and how it was found. */
struct pool_choice {
    const struct backend *backend;
    uint32_t number;    /* which of the pool's servers */
    const char *hashed; /* the part of the key that was, in the key */
    size_t hashed_len;
    bool was_hashed; /* false: there was no choice */
    struct selector_choice how;
};
struct pool_choice pool_explain(const struct pool *p, const void *key, size_t len);

#endif
