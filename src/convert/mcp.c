/* The names are those that memcached 1.6 registers: proxy_lua.c (proxy_register_libs) of the commit 02744357, and, for the functions of 1.6.12
 * to 1.6.21 that are gone since, doc/proto_proxy and the tests of those versions. What stands beside them is ours.
 */
#include "convert/mcp.h"

#include <string.h>

#include "convert/program_words.h"

/* How a name is used. */
enum where { OF_MCP, METHOD, GLOBAL };

struct function {
    enum where where;
    const char *name; /* `*` at its end: any name that begins so */
    const char *here;
};

static const struct function functions[] = {
    {GLOBAL, "mcp_config_pools",
     "not needed: a script makes its pools where it runs; settings are options of mg.pool and "
     "mg.defaults"},
    {GLOBAL, "mcp_config_routes", "not needed: the script returns its route"},
    /* making pools */
    {OF_MCP, "backend",
     "a server in mg.pool: \"HOST:PORT NAME\", or a table with an address and options of its own"},
    {OF_MCP, "pool",
     "mg.pool { servers, like = \"memcached-proxy\" }: the same keys on the same servers"},
    {OF_MCP, "dist_jump_hash", "what like = \"memcached-proxy\" takes by itself"},
    {OF_MCP, "dist_ring_hash",
     "mg.pool { like = \"memcached-proxy\", distribution = \"spymemcached\" }; for its omode see "
     "lua/README.md"},
    {OF_MCP, "hash_xxhash", "what like = \"memcached-proxy\" takes by itself"},
    {OF_MCP, "backend_connect_timeout", "mg.defaults { connect_timeout = SECONDS }, or the pool's"},
    {OF_MCP, "backend_read_timeout", "mg.defaults { timeout = SECONDS }, or the pool's"},
    {OF_MCP, "backend_retry_timeout", "mg.defaults { probe_min = SECONDS }, or the pool's"},
    {OF_MCP, "backend_retry_waittime", "mg.defaults { probe_min = SECONDS }, or the pool's"},
    {OF_MCP, "backend_failure_limit", "mg.defaults { failure_limit = NUMBER }, or the pool's"},
    {OF_MCP, "backend_flap_*",
     "mg.defaults { probe_max = SECONDS }: the wait between probes doubles by itself, up to that"},
    {OF_MCP, "backend_depth_limit", "mg.pool's depth: so many calls may wait for a server"},
    {OF_MCP, "backend_connections", "mg.pool's connections"},
    {OF_MCP, "backend_use_iothread", "nothing: moongate has processes (--workers), and no threads"},
    {OF_MCP, "backend_use_tls",
     "mg.defaults { tls = true }, or the pool's; servers are verified, unless tls = { verify = "
     "false }"},
    {OF_MCP, "init_tls", "not needed: the option tls of a pool is all that it takes"},
    {OF_MCP, "tcp_keepalive", "nothing: connections to servers always have keepalive"},
    {OF_MCP, "active_req_limit",
     "mg.outstanding_limit { ROUTE, NUMBER }; it counts in each worker"},
    {OF_MCP, "buffer_memory_limit", "--client-buffer and --input-buffer"},
    {OF_MCP, "luagc_ratio", "nothing: Lua's collector runs while the loop is idle"},
    /* routes */
    {OF_MCP, "attach",
     "mg.by_command { get = ROUTE, set = ROUTE, ROUTE }, which the script returns; with a tag: "
     "mg.listen, or req.listener"},
    {OF_MCP, "funcgen_new",
     "not needed: a function (mg.async, where it waits) keeps what it needs in locals around it"},
    {METHOD, "new_handle", "not needed: a route is called as it is"},
    {METHOD, "ready", "not needed: the function itself is the route"},
    {OF_MCP, "router_new",
     "mg.by_prefix { [\"a:\"] = ROUTE, ROUTE }, or mg.by_command for its cmap"},
    {OF_MCP, "internal",
     "nothing: moongate keeps no items; ask a memcached beside it, or keep small values with "
     "mg.shared"},
    {OF_MCP, "internal_handler",
     "nothing: moongate keeps no items; ask a memcached beside it, or keep small values with "
     "mg.shared"},
    {OF_MCP, "CMD_*",
     "the command's name in lower case: mg.by_command { get = ROUTE }, req.command == \"get\""},
    /* waiting */
    {METHOD, "enqueue",
     "mg.call_all(ROUTES, req, ...) in mg.async, which asks and waits; mg.spawn(ROUTE, req) where "
     "nobody waits"},
    {METHOD, "enqueue_and_wait",
     "mg.call(ROUTE, req) in mg.async; or return ROUTE, which asks it without waiting in Lua"},
    {METHOD, "wait_cond",
     "mg.call_all(ROUTES, req, { wait = \"all\"|\"first\"|\"hit\"|\"majority\" }) in mg.async; or "
     "mg.all_sync, mg.all_fastest, mg.failover"},
    {METHOD, "wait_handle", "mg.call(ROUTE, req) in mg.async"},
    {METHOD, "handle_set_cb",
     "look at the responses of mg.call_all: they are in the order of the routes"},
    {METHOD, "res_good", "res:is_hit()"},
    {METHOD, "res_ok", "not res:is_error()"},
    {METHOD, "res_any", "a response of mg.call_all; nil: it has not come"},
    {METHOD, "result", "what mg.call returns"},
    {METHOD, "best_result", "mg.all_fastest, or a loop over the responses of mg.call_all"},
    {METHOD, "worst_result", "mg.all_sync, which answers with the worst one"},
    {METHOD, "sleep", "mg.sleep(SECONDS) in mg.async"},
    {METHOD, "cfd", "nothing: a script knows a client by req.client, its address"},
    {METHOD, "tls_peer_cn", "nothing: clients come without TLS"},
    {METHOD, "request_new", "mg.request.set(KEY, VALUE, FLAGS, EXPTIME) and the like"},
    {METHOD, "response_new", "mg.reply.value, mg.reply.miss, mg.reply.error"},
    {OF_MCP, "WAIT_*", "the option wait of mg.call_all: all, first, hit or majority"},
    {OF_MCP, "RES_*", "the methods of a response: res:is_hit(), res:is_miss(), res:is_error()"},
    {OF_MCP, "MCMC_*", "res.kind, and res.error for an error's text"},
    {OF_MCP, "P_OK", "not res:is_error()"},
    {OF_MCP, "await", "mg.call_all(ROUTES, req, ...) in mg.async"},
    {OF_MCP, "await_logerrors", "mg.call_all in mg.async, and mg.log"},
    {OF_MCP, "AWAIT_*", "the option wait of mg.call_all: all, first, hit or majority"},
    /* requests and responses */
    {OF_MCP, "request", "mg.request.get(KEY), mg.request.set(...) and the like"},
    {METHOD, "command", "req.command"},
    {METHOD, "key", "req.key; req:has_prefix \"a:\" needs no string"},
    {METHOD, "ltrimkey", "req.key = req.key:sub(N + 1); the client still sees its own key"},
    {METHOD, "rtrimkey", "req.key = req.key:sub(1, -N - 1); the client still sees its own key"},
    {METHOD, "token", "req.key, req.flags, req.exptime"},
    {METHOD, "token_int", "req.flags, req.exptime"},
    {METHOD, "ntokens", "nothing: fields have names"},
    {METHOD, "get_rline", "nothing: fields have names"},
    {METHOD, "get_value", "req.value"},
    {METHOD, "has_flag", "req:has_flag \"t\""},
    {METHOD, "flag_*", "req:flag \"t\", req:set_flag(\"T\", 60), req:clear_flag \"T\""},
    {METHOD, "match_res", "not needed: moongate matches responses with requests itself"},
    {METHOD, "hit", "res:is_hit()"},
    {METHOD, "ok", "not res:is_error()"},
    {METHOD, "vlen", "res.size"},
    {METHOD, "code", "res.kind"},
    {METHOD, "line", "res.kind, res.error"},
    {METHOD, "elapsed", "mg.now() before and after mg.call"},
    {METHOD, "get_raw", "res.value"},
    {OF_MCP, "req_inspector_new", "req.key and its methods in a function"},
    {OF_MCP, "res_inspector_new", "the fields of a response in mg.async"},
    {OF_MCP, "req_mutator_new", "assignments to req.key, req.exptime, req.flags in a function"},
    {OF_MCP, "res_mutator_new", "mg.reply.value(...) in mg.async"},
    /* the rest */
    {OF_MCP, "log", "mg.log(TEXT)"},
    {OF_MCP, "log_req", "mg.log_requests, or `moongate ctl watch`"},
    {OF_MCP, "log_reqsample", "--slow-log, or `moongate ctl watch --sample SHARE`"},
    {OF_MCP, "stat", "a counter: mg.counter"},
    {OF_MCP, "add_stat", "a counter: mg.counter"},
    {OF_MCP, "stat_limit", "nothing: there is room for the script's counters"},
    {OF_MCP, "server_stats", "`stats`, which sums those of all servers"},
    {OF_MCP, "ratelim_tbf", "mg.rate_limit"},
    {OF_MCP, "ratelim_global_tbf", "mg.rate_limit: it counts in each worker"},
    {OF_MCP, "register_cron", "mg.timer.every(SECONDS, FUNCTION)"},
    {OF_MCP, "schedule_config_reload", "--watch, or SIGHUP"},
    {OF_MCP, "time_real_millis", "mg.time() * 1000"},
    {OF_MCP, "time_mono_millis", "mg.now() * 1000"},
    {OF_MCP, "start_arg", "mg.env \"NAME\""},
};

enum { FUNCTIONS_N = sizeof functions / sizeof *functions, UNKNOWN_MOST = 64, LINES_SHOWN = 12 };

/* --- finding ----------------------------------------------------------------------------------- */

static bool is_named(const struct function *f, const char *word, size_t len)
{
    size_t name_len = strlen(f->name);
    if (name_len > 0 && f->name[name_len - 1] == '*')
        return len >= name_len && memcmp(f->name, word, name_len - 1) == 0;
    return len == name_len && memcmp(f->name, word, len) == 0;
}

static const struct function *find(enum where where, const char *word, size_t len)
{
    for (size_t i = 0; i < FUNCTIONS_N; i++)
        if (functions[i].where == where && is_named(&functions[i], word, len)) return &functions[i];
    return NULL;
}

/* A use of a function. */
struct use {
    struct program_words words; /* at its name */
    enum where where;
    const struct function *function; /* NULL: mcp has none of that name that is known here */
};

/* Goes to the next use. `u->words` must be at the beginning, or at a use. */
static bool next_use(struct use *u)
{
    struct program_words *w = &u->words;
    bool after_mcp = false;
    char mark = 0; /* the dot or colon before the word */
    while (program_words_next(w)) {
        bool is_name = w->before == '.' || w->before == ':';
        if (mark && is_name) {
            u->where = mark == '.' && after_mcp ? OF_MCP : METHOD;
            u->function = mark == ':' || after_mcp ? find(u->where, w->word, w->len) : NULL;
            if (u->function || u->where == OF_MCP) return true;
        } else if ((u->function = find(GLOBAL, w->word, w->len))) {
            u->where = GLOBAL;
            return true;
        }
        bool is_mark = program_word_is(w, ".") || program_word_is(w, ":");
        if (!is_mark) after_mcp = program_word_is(w, "mcp") && !mark;
        mark = is_mark ? *w->word : 0;
    }
    return false;
}

bool mcp_is_used(const char *bytes, size_t len)
{
    struct use u = {.words = program_words_begin(bytes, len)};
    while (next_use(&u))
        if (u.where != METHOD && u.function) return true;
    return false;
}

/* --- printing ---------------------------------------------------------------------------------- */

static const char *head_of(enum where where)
{
    return where == OF_MCP ? "mcp." : where == METHOD ? ":" : "";
}

static bool is_same(const struct use *a, const struct use *b)
{
    return a->where == b->where && a->words.len == b->words.len &&
           memcmp(a->words.word, b->words.word, a->words.len) == 0;
}

/* All lines in which that function is used. */
static void print_lines(const struct use *wanted, const char *bytes, size_t len, FILE *out)
{
    struct use u = {.words = program_words_begin(bytes, len)};
    uint32_t last = 0, n = 0;
    while (next_use(&u)) {
        if (!is_same(&u, wanted) || u.words.line == last) continue;
        last = u.words.line;
        if (++n <= LINES_SHOWN) fprintf(out, "%s%u", n == 1 ? " " : ", ", last);
    }
    if (n > LINES_SHOWN) fprintf(out, " and %u more", n - LINES_SHOWN);
}

/* The functions that have been printed, where each is used first. */
struct seen {
    struct use uses[FUNCTIONS_N + UNKNOWN_MOST];
    size_t n;
};

static bool was_seen(const struct seen *seen, const struct use *u)
{
    for (size_t i = 0; i < seen->n; i++)
        if (is_same(&seen->uses[i], u)) return true;
    return false;
}

void mcp_print(const char *path, const char *bytes, size_t len, FILE *out)
{
    struct use u = {.words = program_words_begin(bytes, len)};
    struct seen seen = {.n = 0};
    fprintf(
        out,
        "-- %s is a program for memcached's proxy. It is not converted: what it does is up to its\n"
        "-- functions. Below is what each function of the proxy that it uses would be in a script "
        "of moongate.\n",
        path);
    while (seen.n < FUNCTIONS_N + UNKNOWN_MOST && next_use(&u)) {
        if (was_seen(&seen, &u)) continue;
        seen.uses[seen.n++] = u;
        fprintf(out, "\n-- %s%.*s, line", head_of(u.where), (int)u.words.len, u.words.word);
        print_lines(&u, bytes, len, out);
        fprintf(out, "\n--     %s\n",
                u.function ? u.function->here
                           : "not known: memcached 1.6 has no function of that name");
    }
}
