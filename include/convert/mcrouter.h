/* mcrouter: what the files of the reader of mcrouter's configurations share: one reading, its text, its routes and its pools.
 *
 * A struct mc lives during one call of mcrouter_read, on that function's stack. It owns all memory that mc_alloc gives, and frees it at
 * once in the end. A route is the text of a Lua expression. Functions that return bool have filled out->error where they return false.
 */
#ifndef MOONGATE_CONVERT_MCROUTER_H
#define MOONGATE_CONVERT_MCROUTER_H

#include "convert/tree.h"

/* What bounds a script: items in a list of routes, and all of them; bytes of names and the like; routes in routes. */
enum { MC_LIST_MAX = 1000, MC_ITEMS_MAX = 1000 * 1000, MC_NAME_MAX = 255, MC_DEPTH_MAX = 200 };

struct mc_chunk;
struct mc_stream;
struct mc_pool;
struct mc_named;

/* A note that was given. */
struct mc_said {
    struct mc_said *next;
    uint32_t line;
    const char *text;
};

struct mc {
    const struct convert_input *in;
    struct convert_output *out;
    const struct convert_flags *flags; /* never NULL */
    const struct tree_node *root;
    struct mc_chunk *chunks; /* the memory */
    struct mc_stream *streams;
    FILE *pools, *servers,
        *routes; /* statements of the script, in the order in which they are written */
    FILE *notes; /* comments at its head */
    struct mc_pool *first_pool; /* those that routes use, the last one first */
    struct mc_named *first_named;
    const struct tree_node
        *named_handles; /* an object: they are made when they are used; or NULL */
    struct mc_said *said;
    uint32_t notes_n, items_n, routes_n;
    uint32_t names_n;    /* of pools that have their names in the script */
    uint32_t depth;      /* of the route that is being made */
    bool *is_taken;      /* of each of named_handles: it was made, or is being made */
    bool has_routes;     /* the script has the table `routes` */
    bool has_unexpected; /* the script needs the function `unexpected` */
};

/* An expression. `denies`: among the routes in it is an error of the configuration's own. Of a server of a pool, `each` is the expression
 * of a list of all of its `of` servers, and this is the one at `at`; else it is NULL. */
struct mc_route {
    const char *text;
    uint32_t depth;
    bool denies;
    const char *each;
    uint32_t at, of;
};

/* Routes, as children are. */
struct mc_list {
    struct mc_route *items;
    uint32_t n, room;
};

/* --- memory and text ---------------------------------------------------------------------------- */

void *mc_alloc(struct mc *m, size_t n) __attribute__((returns_nonnull));
const char *mc_text(struct mc *m, const char *form, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));
const char *mc_text_of(struct mc *m, const char *form, va_list arguments)
    __attribute__((format(printf, 2, 0), returns_nonnull));
/* As a Lua string; as a number that reads back the same; as `.name` or `["name"]`. */
const char *mc_quoted(struct mc *m, struct tree_text text);
const char *mc_number(struct mc *m, double number);
const char *mc_field(struct mc *m, struct tree_text name);

/* A stream into memory, and its text when it is closed. One that is still open when the reading ends is closed by mc_release. */
FILE *mc_open(struct mc *m) __attribute__((returns_nonnull));
const char *mc_close(struct mc *m, FILE *stream) __attribute__((returns_nonnull));
void mc_release(struct mc *m);

/* A call of a function with a table, or a table alone (name ""). Items are written in their order. */
struct mc_call {
    struct mc *m;
    const char *name;
    const char **items;
    uint32_t n, room;
    size_t len;
    uint32_t depth;
    bool denies, is_long;
};

struct mc_call mc_call(struct mc *m, const char *name);
void mc_item(struct mc_call *c, const char *form, ...) __attribute__((format(printf, 2, 3)));
void mc_child(struct mc_call *c, struct mc_route route);                    /* route */
void mc_option(struct mc_call *c, const char *name, struct mc_route route); /* name = route */
void mc_children(struct mc_call *c, const struct mc_list *list);
struct mc_route mc_done(struct mc_call *c);
struct mc_route mc_plain(const char *text);
/* The route as a name: what is used several times, or in a function, is made once, by a statement before. */
struct mc_route mc_once(struct mc *m, struct mc_route route);
/* An expression for the whole list, where nothing stands beside it: `mg.all_sync(mg.each(pools.a))`. */
struct mc_route mc_over(struct mc *m, const char *name, const struct mc_list *list);

/* --- what a value is ----------------------------------------------------------------------------- */

bool mc_fail(struct mc *m, const struct tree_node *at, const char *form, ...)
    __attribute__((format(printf, 3, 4)));
void mc_note(struct mc *m, const struct tree_node *at, const char *form, ...)
    __attribute__((format(printf, 3, 4)));

/* Each reads the option `name` of `of` (a route handle, for messages). Where it is not there, *to stays and the answer is true. */
bool mc_get_whole(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                  int64_t least, int64_t most, int64_t *to);
bool mc_get_real(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                 double *to);
bool mc_get_truth(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                  bool *to);
bool mc_get_text(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                 struct tree_text *to);
/* A string of up to MC_NAME_MAX bytes. */
bool mc_get_name(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                 struct tree_text *to);
bool mc_get_list(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                 const struct tree_node **to);
double mc_real(const struct tree_node *node); /* of a number */
bool mc_is_number(const struct tree_node *node);
/* An option that must be there. NULL: there is none, and the error says so. */
const struct tree_node *mc_want(struct mc *m, const struct tree_node *node, const char *of,
                                const char *name);
bool mc_same(struct tree_text a, const char *b);
struct tree_text mc_str(const char *text);

/* Options that a kind of object has, as words with a blank between them. "~word": known, without a meaning here, which a note says.
 * "^word": the same unless --async-dir was given. "!word": refused unless it is false or null. Others get a note: mcrouter ignores them, and so does moongate. */
bool mc_check_options(struct mc *m, const struct tree_node *node, const char *of,
                      const char *options);
/* The word of `words` that looks most like this one. NULL: none does. */
const char *mc_nearest(struct mc *m, struct tree_text word, const char *words);

/* --- routes --------------------------------------------------------------------------------------- */

/* Makes a route handle. The node is its object; or what follows "Type|", as a string; or null for "Type" alone. */
typedef bool mc_handle_fn(struct mc *m, const struct tree_node *node, struct mc_list *to);

void mc_add(struct mc *m, struct mc_list *to, struct mc_route route);
/* mcrouter's order of making things decides which names are known: these make them in that order. */
bool mc_make_list(struct mc *m, const struct tree_node *node, struct mc_list *to);
bool mc_make(struct mc *m, const struct tree_node *node, struct mc_route *to); /* exactly one */
/* The option `name`, which must be there, made. */
bool mc_make_option(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                    struct mc_route *to);
/* Its children: those of an object, or what the string or the list says. At most `most`. */
bool mc_make_children(struct mc *m, const struct tree_node *node, const char *of, uint32_t most,
                      struct mc_list *to);
/* What to do with a list that needs no wrapper: none is null, one is that one. False: it needs one. */
bool mc_is_plain(struct mc *m, const struct mc_list *list, struct mc_list *to);
bool mc_register_handles(struct mc *m);

struct mc_route mc_null(void);
struct mc_route mc_error(struct mc *m, struct tree_text text);

/* The top of a route, where alone PrefixSelectorRoute may stand. */
bool mc_make_top(struct mc *m, const struct tree_node *node, struct mc_route *to);

mc_handle_fn mc_all_async, mc_all_fastest, mc_all_initial, mc_all_majority, mc_all_sync;
mc_handle_fn mc_operation_selector, mc_hash_route, mc_random, mc_latest, mc_host_id,
    mc_routing_group;
mc_handle_fn mc_failover, mc_failover_with_exptime, mc_miss_failover;
mc_handle_fn mc_modify_exptime, mc_modify_key, mc_key_split;
mc_handle_fn mc_warm_up, mc_staging, mc_migrate, mc_l1l2;
mc_handle_fn mc_error_route, mc_null_route, mc_logging, mc_rate_limit, mc_latency;
mc_handle_fn mc_pool_list, mc_pool_route, mc_shadow_route;

/* --- hashes and pools ------------------------------------------------------------------------------ */

/* How keys are spread: what HashRoute, and `hash` of PoolRoute, say. All zero: Ch3. */
struct mc_hash {
    const struct tree_node *func, *weights, *tags, *salt; /* NULL: not given */
    const struct tree_node *at;                           /* for errors */
};

bool mc_read_hash(struct mc *m, const struct tree_node *node, struct mc_hash *to);
/* A route over the list, spread so; for `from`, whose failover options Latest takes. */
bool mc_spread(struct mc *m, const struct mc_hash *hash, const struct tree_node *from,
               const struct mc_list *list, struct mc_route *to);
/* Options that say the same of mg.pool, each with a comma before it. *refused: mg.pool cannot say it, and mg.hash can. */
bool mc_pool_options(struct mc *m, const struct mc_hash *hash, uint32_t n, const char **options,
                     bool *refused);
/* Whether weights decide where keys go. */
bool mc_counts_weights(const struct mc_hash *hash);
/* The weight of the i-th of n: 0.5 where none is given. */
double mc_weight(const struct tree_node *weights, uint32_t i);

/* A pool that a route uses. */
struct mc_pool {
    struct mc_pool *next;
    struct tree_text name;
    const struct tree_node *node;    /* an object */
    const struct mc_pool *parent;    /* that it inherits from; or NULL */
    const struct tree_node *servers; /* a list of strings */
    const char **texts;              /* the servers as moongate writes them */
    bool *tls;                       /* of each: it is spoken to by TLS */
    const char *options, *weights;   /* as its first PoolRoute spreads keys; NULL: there is none */
    struct mc_hash hash;
    const char *shown; /* its name in the script */
    const char *route,
        *each;           /* expressions: the pool, and the list of its servers, which may be NULL */
    const char *spooled; /* an expression: the pool, whose deletes are kept; NULL: it is not used */
};

/* The pool of that node: a name, or an object with one. NULL: refused. */
struct mc_pool *mc_find_pool(struct mc *m, const struct tree_node *node);
/* An option of a pool, also of those that it inherits from. */
const struct tree_node *mc_pool_get(const struct mc_pool *p, const char *name);
/* Whether its PoolRoute `node` keeps deletes for servers that are down (asynclog). False: refused. */
bool mc_keeps_deletes(struct mc *m, const struct tree_node *node, bool *keeps);
/* The route to the pool, or to one of its servers, whose deletes are kept. */
struct mc_route mc_keeping(struct mc *m, struct mc_pool *p, struct mc_route route);
/* Its servers, as routes. */
void mc_pool_servers(struct mc *m, struct mc_pool *p, struct mc_list *to);
/* Writes the statements of all pools that routes use to m->pools. */
bool mc_write_pools(struct mc *m);
/* Options that all pools have: a call of mg.defaults. */
void mc_write_defaults(struct mc *m, FILE *to);

/* A server as moongate writes it, in *to. *tls: what its pool says, and then what it says. */
bool mc_server(struct mc *m, const struct tree_node *node, struct tree_text protocol,
               const char **to, bool *tls);

/* How connections are secured: false: refused. */
bool mc_read_security(struct mc *m, const struct tree_node *node, struct tree_text text, bool *tls);

/* The route over a pool, which keys are spread over by that hash, with the shadows of `node`. keeps: it keeps deletes. */
bool mc_shadow_pool(struct mc *m, const struct tree_node *node, struct mc_pool *p,
                    const struct mc_hash *hash, bool keeps, struct mc_route *route);
bool mc_limit_rates(struct mc *m, const struct tree_node *node, const struct tree_node *rates,
                    struct mc_route target, const struct mc_route *over, struct mc_route *to);

/* LatestRoute over a list, with the options of the node. */
bool mc_latest_over(struct mc *m, const struct tree_node *node, const struct mc_list *list,
                    struct mc_list *to);
/* The option `weights`, for n routes. */
bool mc_add_weights(struct mc_call *c, const struct tree_node *weights, uint32_t n,
                    bool may_be_zero);

/* Results after which a failover goes on: lists for mg.failover; "" for none. */
struct mc_errors {
    const char *gets, *updates, *deletes, *others;
};
bool mc_read_errors(struct mc *m, const struct tree_node *node, const char *of, bool denies,
                    struct mc_errors *to);

#endif
