/* The bodies of abi.h: refusing, and pools. Nothing here enters Lua (see the head of script.c).
 *
 * A script makes pools while it loads: Lua forbids it afterwards (check_loading in routes.lua). moongate's Lua modules have
 * checked every option before it comes here; numbers of pools are those that C returned, and scripts never see one. So a
 * wrong number is a defect of moongate, and is asserted. What a script can get wrong (an address, a name, a weight) is
 * returned as text.
 */
#include "script/abi.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "backend/conn.h"
#include "backend/credential.h"
#include "backend/twins.h"
#include "route/kinds.h"
#include "script/state.h"

int32_t mg_abi_version(void)
{
    return MG_ABI_VERSION;
}

const char *mg_command_text(uint32_t command)
{
    return command < COMMAND_COUNT ? command_info(command)->text : NULL;
}

/* --- refusing ---------------------------------------------------------------------------------- */

/* A refused slot is answered before the turn ends, so its text may lie in the turn's arena. Lua's string may be collected
 * earlier. */
static uintptr_t copy_to_turn(struct script *s, const char *bytes, size_t len)
{
    uint8_t *to = arena_alloc(s->host.arena, len ? len : 1);
    memcpy(to, bytes, len);
    return (uintptr_t)to;
}

/* For the slot that is routed, and for functions that cannot be started (async_create). */
void mg_refuse(struct script *s, uint32_t at, const char *text, size_t len)
{
    if (at >= s->batch.capacity) return;
    s->batch.answers[at] =
        (struct answer){ANSWER_REFUSE, (uint32_t)len, copy_to_turn(s, text, len)};
}

/* Only while explain runs (follow.c). boot.lua calls it in trace alone, so routing pays nothing for it. */
void mg_step(struct script *s, const char *text, size_t len)
{
    if (s->path_taken) path_add(s->path_taken, text, len);
}

/* --- pools ------------------------------------------------------------------------------------- */

/* Lua fills in what a script gives, and hands the struct back to mg_pool_open. -1 and NONE mean "as the text or the
 * distribution says", which is decided later. */
void mg_pool_defaults(struct script *s, struct mg_pool_options *o)
{
    *o = (struct mg_pool_options){.server = {.weight = SERVER_WEIGHT_NONE,
                                             .timeout = 1,
                                             .backend = backend_settings_default()},
                                  .eject_floor = 0.5,
                                  .eject_retry = 30,
                                  .discover_interval = discovery_settings_default.interval,
                                  .discover_timeout = discovery_settings_default.timeout,
                                  .discover_debounce = discovery_settings_default.debounce,
                                  .discover_shrink = discovery_settings_default.shrink,
                                  .distribution = DISTRIBUTION_KETAMA,
                                  .hash = -1,
                                  .naming = NAMING_HOST,
                                  .order = ORDER_GIVEN,
                                  .on_failure = ON_FAILURE_ERROR,
                                  .weighted = true};
    o->server.backend.connections = s->host.connections;
}

/* The names of each choice, in the order of its enum; two of the tables name their members by the identifier itself. A row
 * ends with NULL: none has 32 names. */
#define NAME_TEXT(id, text, ...)     text,
#define NAME_WORD(id, text, meaning) #text,
static const char *const choice_names[][32] = {
    [MG_DISTRIBUTION] = {DISTRIBUTIONS(NAME_WORD)},
    [MG_HASH] = {HASHES(NAME_TEXT)},
    [MG_NAMING] = {NAMINGS(NAME_TEXT)},
    [MG_ORDER] = {ORDERS(NAME_TEXT)},
    [MG_ON_FAILURE] = {ON_FAILURES(NAME_TEXT)},
    [MG_LEVEL] = {LOG_LEVELS(NAME_TEXT)},
    [MG_PROBE] = {PROBES(NAME_TEXT)},
    [MG_REQUESTS] = {REQUESTS(NAME_TEXT)},
    [MG_PROTOCOL] = {PROTOCOLS(NAME_TEXT)},
    [MG_ASK] = {ASKS(NAME_TEXT)},
    [MG_TEXTS] = {TEXTS(NAME_TEXT)},
    [MG_EJECT] = {EJECTS(NAME_TEXT)},
};

const char *mg_choice_name(uint32_t choice, uint32_t at)
{
    assert(choice < sizeof choice_names / sizeof *choice_names);
    return at < 32 ? choice_names[choice][at] : NULL;
}

/* Only while a script loads, so the search may be slow. */
int32_t mg_find(uint32_t choice, const char *name, size_t len)
{
    const char *known;
    for (uint32_t i = 0; (known = mg_choice_name(choice, i)); i++) {
        if (strlen(known) == len && memcmp(known, name, len) == 0) return (int32_t)i;
    }
    return -1;
}

bool mg_hashes_itself(int32_t distribution)
{
    return distribution_hashes_itself((enum distribution)distribution);
}

bool mg_takes_points(int32_t distribution)
{
    return distribution_takes_points((enum distribution)distribution);
}

/* The table of backend/settings.h for Lua, which reads the options of servers by it. A field whose type has no fractions is
 * whole. */
const struct mg_setting *mg_setting(uint32_t at)
{
    static const struct mg_setting settings[] = {
#define X(name, type, fallback, least, most, meaning) {#name, least, most, (type)0.5 == 0},
        BACKEND_SETTINGS(X)
#undef X
    };
    return at < sizeof settings / sizeof *settings ? &settings[at] : NULL;
}

static uint64_t seed_of(const struct mg_pool_options *o)
{
    return o->seed_text ? hash_bytes64(HASH_XXH3, o->seed_text, o->seed_text_len, 0)
                        : (uint64_t)o->seed;
}

/* The texts of options have been checked for their length; one that still would not fit is left out, never cut. */
int32_t mg_pool_open(struct script *s, const struct mg_pool_options *o)
{
    struct pool_settings settings = {
        .selector = {.distribution = (enum distribution)o->distribution,
                     .hash = o->hash < 0 ? HASH_XXH3 : (enum hash)o->hash,
                     .seed = seed_of(o),
                     .points = o->points},
        .naming = (enum naming)o->naming,
        .order = (enum order)o->order,
        .unweighted = !o->weighted,
        .hash_empty_tag = o->hash_empty_tag,
        .on_failure = (enum on_failure)o->on_failure,
        .eject_floor = o->eject_floor,
        .eject_retry = o->eject_retry,
        .timeout = o->server.timeout,
        .backend = o->server.backend};
    if (o->hash_tag) memcpy(settings.hash_tag, o->hash_tag, sizeof settings.hash_tag);
    if (o->hash_stop_len < sizeof settings.hash_stop && o->hash_stop_len)
        memcpy(settings.hash_stop, o->hash_stop, o->hash_stop_len);
    if (o->unhashed_prefix_len < sizeof settings.unhashed_prefix && o->unhashed_prefix_len)
        memcpy(settings.unhashed_prefix, o->unhashed_prefix, o->unhashed_prefix_len);
    if (o->name_len < sizeof settings.name && o->name_len)
        memcpy(settings.name, o->name, o->name_len);
    else
        snprintf(settings.name, sizeof settings.name, "pool%u", s->pools_n + 1);
    s->pools = reallocarray(s->pools, s->pools_n + 1, sizeof *s->pools);
    if (!s->pools) abort();
    struct pool *pool = s->pools[s->pools_n++] = pool_create(&settings, s->host.backends);
    memory_hold(&s->memory.of, POOL_BYTES);
    return (int32_t)generation_add(&s->routes, &(struct route){.kind = ROUTE_POOL, .pool = pool},
                                   NULL, 0);
}

/* A server is one text, "host:port:weight name", or a table, { host = , port = }. What looks like a weight or a name in the
 * host of a table is a mistake. */
static const char *read_server(struct server_spec *spec, const char *text, size_t len, int32_t port)
{
    if (port == 0) return server_spec_parse(spec, text, len);
    if (port > 0) return server_spec_from_host(spec, text, len, (uint32_t)port);
    *spec = (struct server_spec){.weight = SERVER_WEIGHT_NONE};
    return addr_spec_parse(&spec->addr, text, len);
}

/* By its number, which is that of its route. */
static struct pool *pool_of(const struct script *s, int32_t pool)
{
    assert(pool >= 0 && (uint32_t)pool < s->routes.routes_n);
    assert(s->routes.routes[pool]->kind == ROUTE_POOL);
    return s->routes.routes[pool]->pool;
}

/* A password of text commands would never be sent. */
static const char *wrong_password(const struct script *s, const struct backend_settings *b)
{
    bool is_ascii = credential_is_of(s->host.backends, b->auth, CREDENTIAL_ASCII);
    return b->protocol == PROTOCOL_BINARY && is_ascii ? "takes no auth of mechanism \"ascii\" with "
                                                        "protocol = \"binary\": write mechanism = "
                                                        "\"sasl\""
                                                      : NULL;
}

const char *mg_pool_add(struct script *s, int32_t pool, const char *server, size_t len,
                        const struct mg_server_options *o)
{
    struct server_spec spec;
    const char *wrong = read_server(&spec, server, len, o->port);
    if (!wrong) wrong = wrong_password(s, &o->backend);
    if (!wrong && o->name) wrong = server_spec_set_name(&spec, o->name, o->name_len);
    if (wrong) return wrong;
    if (o->weight >= 0) spec.weight = o->weight;
    memory_hold(&s->memory.of, SERVER_BYTES + (o->backend.connections - 1) * sizeof(struct conn));
    return pool_add_server(pool_of(s, pool), &spec, o->timeout, &o->backend);
}

const char *mg_pool_close(struct script *s, int32_t pool)
{
    return pool_close(pool_of(s, pool));
}

const char *mg_pool_twin(struct script *s, int32_t pool)
{
    return twins_warned(pool_of(s, pool));
}

/* A connection takes a descriptor, and a worker has clients too. */
const char *mg_pool_excess(struct script *s, int32_t pool)
{
    static char text[200];
    const struct pool *p = pool_of(s, pool);
    struct rlimit files;
    uint64_t connections = 0;
    for (uint32_t i = 0; i < p->members_n; i++)
        connections += p->members[i].backend->settings.connections;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || connections < files.rlim_max) return NULL;
    snprintf(text, sizeof text,
             "wants %llu connections in each worker, and a process here may have %llu descriptors: "
             "give fewer connections, or raise the limit (ulimit -n, LimitNOFILE)",
             (unsigned long long)connections, (unsigned long long)files.rlim_max);
    return text;
}

const char *mg_pool_name(struct script *s, int32_t pool)
{
    return pool_of(s, pool)->settings.name;
}

int32_t mg_pool_size(struct script *s, int32_t route)
{
    assert(route >= 0 && (uint32_t)route < s->routes.routes_n);
    const struct route *of = s->routes.routes[route];
    if (of->kind != ROUTE_POOL) return MG_NO_POOL;
    return of->pool->discovery ? MG_DISCOVERED : (int32_t)of->pool->members_n;
}

bool mg_pool_places(struct script *s, int32_t route)
{
    return pool_of(s, route)->settings.selector.distribution != DISTRIBUTION_RANDOM;
}

const char *mg_pool_server(struct script *s, int32_t route, int32_t at)
{
    const struct pool *pool = pool_of(s, route);
    assert(at >= 0 && (uint32_t)at < pool->members_n);
    return pool->members[at].backend->name;
}

/* The pool of a pool, so it is freed with that, and is none of s->pools: it is not described, and is not asked for all its servers. */
int32_t mg_pool_one(struct script *s, int32_t route, int32_t at, const char *text)
{
    struct pool *pool = pool_of(s, route);
    struct route one = {
        .kind = ROUTE_POOL, .pool = pool_one(pool, (uint32_t)at), .text = (char *)text};
    memory_hold(&s->memory.of, POOL_BYTES);
    return (int32_t)generation_add(&s->routes, &one, NULL, 0);
}

const char *mg_pool_follow(struct script *s, int32_t pool, const struct mg_pool_options *o)
{
    struct discovery_settings settings = {.interval = o->discover_interval,
                                          .timeout = o->discover_timeout,
                                          .debounce = o->discover_debounce,
                                          .shrink = o->discover_shrink};
    struct discovery_access access = {.is_secure = false};
    const char *wrong = wrong_password(s, &o->server.backend);
    if (!wrong) wrong = script_read_access(s, o, &access);
    settings.access = &access;
    if (!wrong) {
        script_note_discovery(s, o->discover, o->discover_len);
        wrong = pool_follow(pool_of(s, pool), o->discover, o->discover_len, &settings);
    }
    access_release(&access);
    return wrong;
}

const char *mg_server(struct script *s, uint32_t at)
{
    return at < s->host.servers_n ? s->host.servers[at] : NULL;
}
