/* The bodies of abi.h. Nothing here may enter Lua. */
#include "script/abi.h"

#include <stdlib.h>
#include <string.h>

#include "script/state.h"

uint32_t mg_abi_version(void)
{
    return MG_ABI_VERSION;
}

const char *mg_command_text(uint32_t command)
{
    return command < COMMAND_COUNT ? command_info(command)->text : NULL;
}

/* --- requests ---------------------------------------------------------------------------------- */

bool mg_request_has_prefix(const struct request *r, const char *prefix, size_t len)
{
    return r->key_at && r->key_len >= len && memcmp((const void *)r->key_at, prefix, len) == 0;
}

static uintptr_t copy_to_turn(struct script *s, const char *bytes, size_t len)
{
    uint8_t *to = arena_alloc(s->host.arena, len ? len : 1);
    memcpy(to, bytes, len);
    return (uintptr_t)to;
}

int mg_request_set_key(struct script *s, struct request *r, const char *key, size_t len)
{
    if (!r->key_at) return MG_EDIT_OVER;
    if (!request_key_is_valid((const uint8_t *)key, len)) return MG_EDIT_BAD_KEY;
    if (r->meta & META_BASE64 && len > KEY_MAX_BASE64) return MG_EDIT_BAD_KEY;
    if (!r->shown_key_at) {
        r->shown_key_at = r->key_at;
        r->shown_key_len = r->key_len;
    }
    r->key_at = copy_to_turn(s, key, len);
    r->key_len = (uint16_t)len;
    return MG_EDIT_OK;
}

int mg_request_set_value(struct script *s, struct request *r, const char *value, size_t len)
{
    if (!r->key_at) return MG_EDIT_OVER;
    if (!r->value_at) return MG_EDIT_NO_VALUE;
    if (len > s->host.max_value) return MG_EDIT_TOO_LARGE;
    r->value_at = copy_to_turn(s, value, len);
    r->value_len = (uint32_t)len;
    r->value_blob = 0;
    return MG_EDIT_OK;
}

void mg_refuse(struct script *s, uint32_t at, const char *text, size_t len)
{
    if (at >= s->batch.capacity) return;
    s->batch.answers[at] =
        (struct answer){ANSWER_REFUSE, (uint32_t)len, copy_to_turn(s, text, len)};
}

void mg_step(struct script *s, const char *text, size_t len)
{
    if (s->path_taken) path_add(s->path_taken, text, len);
}

/* --- pools ------------------------------------------------------------------------------------- */

void mg_pool_defaults(struct script *s, struct mg_pool_options *o)
{
    *o = (struct mg_pool_options){.timeout = 1.0,
                                  .connect_timeout = 0.5,
                                  .stall_timeout = 3.0,
                                  .depth = 16384,
                                  .connections = s->host.connections,
                                  .distribution = DISTRIBUTION_KETAMA,
                                  .hash = HASH_XXH3,
                                  .on_failure = ON_FAILURE_ERROR};
}

static int32_t known(unsigned number, unsigned count)
{
    return number < count ? (int32_t)number : -1;
}

int32_t mg_find_distribution(const char *name, size_t len)
{
    return known(distribution_find(name, len), DISTRIBUTION_COUNT);
}

int32_t mg_find_hash(const char *name, size_t len)
{
    return known(hash_find(name, len), HASH_COUNT);
}

int32_t mg_find_on_failure(const char *name, size_t len)
{
#define X(id, text, meaning)                                                                       \
    if (strlen(text) == len && memcmp(text, name, len) == 0) return ON_FAILURE_##id;
    ON_FAILURES(X)
#undef X
    return -1;
}

int32_t mg_pool_open(struct script *s, const struct mg_pool_options *o)
{
    struct pool_settings settings = {
        .selector = {.distribution = (enum distribution)o->distribution,
                     .hash = (enum hash)o->hash},
        .on_failure = (enum on_failure)o->on_failure,
        .timeout = o->timeout,
        .backend = {o->connect_timeout, o->stall_timeout, o->depth, o->connections}};
    if (o->name_len < sizeof settings.name && o->name_len)
        memcpy(settings.name, o->name, o->name_len);
    else
        snprintf(settings.name, sizeof settings.name, "pool%u", s->pools_n + 1);
    s->pools = reallocarray(s->pools, s->pools_n + 1, sizeof *s->pools);
    if (!s->pools) abort();
    s->pools[s->pools_n] = pool_create(&settings);
    return (int32_t)s->pools_n++;
}

const char *mg_pool_add(struct script *s, int32_t pool, const char *server, size_t len)
{
    return pool_add_server(s->pools[pool], s->host.backends, server, len);
}

void mg_pool_close(struct script *s, int32_t pool)
{
    pool_close(s->pools[pool]);
}

const char *mg_server(struct script *s, uint32_t at)
{
    return at < s->host.servers_n ? s->host.servers[at] : NULL;
}

/* --- the log ----------------------------------------------------------------------------------- */

void mg_log(struct script *s, const char *text, size_t len)
{
    if (log_allows(&s->log, s->host.backends->now))
        log_info("script %s: %.*s", s->path, (int)(len < 4096 ? len : 4096), text);
}
