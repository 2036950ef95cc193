/* mcrouter_keys: what mcrouter answers a client that asks it by a key, `get __mcrouter__.version`. Answered while the script in use comes
 * from a configuration of mcrouter; else such a key is one like others. Owns nothing.
 *
 * For the files of this floor; the functions behind `follow` are those of mcrouter_keys.c and mcrouter_config.c alone.
 */
#ifndef MOONGATE_WORKER_MCROUTER_KEYS_H
#define MOONGATE_WORKER_MCROUTER_KEYS_H

#include <stdbool.h>
#include <stdio.h>

#include "net/io.h"

struct bundle_file;
struct client;
struct pool;
struct script;
struct worker;

/* s is the script in use from now on. */
void mcrouter_keys_follow(struct worker *w, const struct script *s);

/* One question. */
struct mcrouter_asked {
    struct worker *w;
    const struct client *c;
    struct span arguments[2];
    unsigned n; /* of arguments, of which the first two are kept */
    FILE *to;
};

/* The answer is an error. */
void mcrouter_fail(const struct mcrouter_asked *a, const char *what);

/* A server of a pool in mcrouter's words, and a newline. */
void mcrouter_put_host(FILE *to, const struct pool *p, const char *server);

/* The file that the script was made from, in its bundle. False: there is none. */
bool mcrouter_main_file(const struct script *s, struct bundle_file *file);

typedef void mcrouter_answer_fn(const struct mcrouter_asked *a);
mcrouter_answer_fn mcrouter_preprocessed_config, mcrouter_global_params, mcrouter_config_file,
    mcrouter_config_md5_digest, mcrouter_config_age, mcrouter_config_sources_info, mcrouter_pools;

#endif
