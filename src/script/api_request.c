/* The bodies of requests.h: how scripts read and rewrite requests. Nothing here enters Lua.
 *
 * A script may keep a request, and use it when it is over. For one that the turn has routed, r->key_at is 0 (turn_forget),
 * and each function looks at that first.
 *
 * I4: what is written is checked as if a client had sent it. I5: a script can neither add nor remove the flag by which a
 * client asks for no reply (q). It cannot change one by one those by which the client knows the reply again (k, O, b). A
 * key may be rewritten: shown_key_at then has the one that the client sent, and the reply shows that.
 */
#include "script/requests.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/clients.h"
#include "client/state.h"
#include "placement/hash.h"
#include "protocol/flags.h"
#include "protocol/place.h"
#include "protocol/text.h"
#include "script/state.h"

/* --- reading ----------------------------------------------------------------------------------- */

/* Keys are compared in place, since a Lua string of each key would cost an allocation for each request. */

bool mg_request_has_prefix(const struct request *r, const char *prefix, size_t len)
{
    return r->key_at && r->key_len >= len && memcmp((const void *)r->key_at, prefix, len) == 0;
}

bool mg_request_has_suffix(const struct request *r, const char *suffix, size_t len)
{
    return r->key_at && r->key_len >= len &&
           memcmp((const uint8_t *)r->key_at + r->key_len - len, suffix, len) == 0;
}

/* The part's bytes are still the request's: Lua compares them, or makes a string of them if it must. */
bool mg_request_part(const struct request *r, const char *separator, size_t len, uint32_t n,
                     struct mg_bytes *out)
{
    const uint8_t *at = (const uint8_t *)r->key_at, *end = at + r->key_len;
    while (at) {
        const uint8_t *next = memmem(at, (size_t)(end - at), separator, len);
        if (--n == 0) {
            *out = (struct mg_bytes){(uintptr_t)at, (uint32_t)((next ? next : end) - at)};
            return true;
        }
        at = next ? next + len : NULL;
    }
    return false;
}

double mg_request_hash(const struct request *r, uint32_t hash)
{
    return r->key_at ? hash_bytes((enum hash)hash, (const void *)r->key_at, r->key_len) : 0;
}

/* 53 bits of the hash, as a number from 0 to below 1. With another salt, other keys are in the share. */
bool mg_request_in_share(const struct request *r, double share, const char *salt, size_t len)
{
    uint64_t seed = len ? hash_bytes64(HASH_XXH3, salt, len, 0) : 0;
    if (!r->key_at) return false;
    uint64_t hash = hash_bytes64(HASH_XXH3, (const void *)r->key_at, r->key_len, seed);
    return (double)(hash >> 11) * 0x1p-53 < share;
}

double mg_request_heat(const struct script *s, const struct request *r)
{
    if (!r->key_at || !s->host.heat) return 0;
    if (r->shown_key_at)
        return heat_share(s->host.heat, (const void *)r->shown_key_at, r->shown_key_len);
    return heat_share(s->host.heat, (const void *)r->key_at, r->key_len);
}

static bool has_flags(const struct request *r)
{
    unsigned shape = command_info(r->command_id)->shape;
    return shape == SHAPE_META || shape == SHAPE_META_STORE;
}

bool mg_request_flag(const struct request *r, uint32_t letter, struct mg_bytes *out)
{
    const uint8_t *token;
    size_t len;
    if (!r->key_at || !has_flags(r) || !request_find_flag(r, (uint8_t)letter, &token, &len))
        return false;
    *out = (struct mg_bytes){(uintptr_t)token, (uint32_t)len};
    return true;
}

int32_t mg_request_place(const struct request *r)
{
    return r->key_at ? (int32_t)request_place(r) : 0;
}

bool mg_request_has_only_flags(const struct request *r, const char *letters)
{
    return r->key_at && has_flags(r) && request_flags_are_among(r, letters);
}

static bool has_delta(const struct request *r)
{
    return command_info(r->command_id)->shape == SHAPE_ARITHMETIC;
}

/* uint64_t does not fit into a Lua number, so these write to a place of Lua's. */
bool mg_request_cas(const struct request *r, uint64_t *out)
{
    *out = r->number;
    return r->command_id == COMMAND_CAS;
}

bool mg_request_delta(const struct request *r, uint64_t *out)
{
    *out = r->number;
    return has_delta(r);
}

bool mg_read_number(const char *digits, size_t len, uint64_t *out)
{
    return text_read_digits((const uint8_t *)digits, len, out);
}

/* --- the client -------------------------------------------------------------------------------- */

/* NULL: it has gone, or the request has none. */
static const struct client *client_of(const struct script *s, const struct request *r)
{
    return s->host.clients ? clients_find(s->host.clients, r->affinity) : NULL;
}

int32_t mg_request_client(struct script *s, const struct request *r, char *text)
{
    const struct client *c = client_of(s, r);
    if (!c && s->host.as_client) return snprintf(text, ADDR_TEXT_MAX, "%s", s->host.as_client);
    return c && client_has_address(c, text) ? (int32_t)strlen(text) : 0;
}

int32_t mg_request_listener(struct script *s, const struct request *r)
{
    const struct client *c = client_of(s, r);
    return c ? (int32_t)c->listener : s->host.as_listener - 1;
}

bool mg_request_is_binary(const struct script *s, const struct request *r)
{
    const struct client *c = client_of(s, r);
    return c && c->front == FRONT_BINARY;
}

const char *mg_request_identity(const struct script *s, const struct request *r)
{
    const char *who = turn_identity(s->host.turn, r);
    return *who ? who : NULL;
}

bool mg_request_is_from(const struct script *s, const struct request *r, const char *name,
                        size_t len)
{
    const char *who = turn_identity(s->host.turn, r);
    return identity_is(who, name, len);
}

const char *mg_listener(struct script *s, uint32_t at)
{
    const char *name = listens_name(s, at);
    if (name) return name;
    return at < s->host.listeners_n ? s->host.listeners[at] : NULL;
}

/* --- writing ----------------------------------------------------------------------------------- */

/* The key is empty, not NULL, which would mean that it is over. */
void mg_request_make(struct request *r, uint32_t command)
{
    assert(command < COMMAND_COUNT);
    static const char NO_KEY[] = "";
    *r = (struct request){.command_id = (uint8_t)command, .key_at = (uintptr_t)NO_KEY};
}

int mg_request_set_number(struct request *r, uint64_t number)
{
    if (!r->key_at) return MG_EDIT_OVER;
    if (r->command_id != COMMAND_CAS && !has_delta(r)) return MG_EDIT_NO_NUMBER;
    r->number = number;
    return MG_EDIT_OK;
}

int mg_request_set_flags(struct request *r, uint64_t flags)
{
    if (!r->key_at) return MG_EDIT_OVER;
    r->client_flags = flags;
    return MG_EDIT_OK;
}

/* With --strict-keys without control bytes, as for clients. */
bool mg_key_is_valid(const struct script *s, const char *key, size_t len)
{
    return request_key_is_valid((const uint8_t *)key, len, s->host.strict_keys);
}

/* A copy of bytes that lives as long as the request they are for: see enum mg_holder. NULL: the function would hold too
 * much. */
static const uint8_t *hold(struct script *s, const char *bytes, size_t len, uint32_t at,
                           uint32_t serial)
{
    if (at == MG_BY_LUA) return (const uint8_t *)bytes;
    const struct async *a = s->coroutines.running;
    if (at == MG_BY_TURN && a)
        return async_hold(s, a->at, s->asyncs.slots[a->at].serial, bytes, len);
    if (at != MG_BY_TURN) return async_hold(s, at, serial, bytes, len);
    return memcpy(arena_alloc(s->host.arena, len ? len : 1), bytes, len);
}

/* Flags that a client needs back in the reply, or that change whether there is one. */
static bool is_clients(uint8_t letter)
{
    return letter == 'q' || letter == 'b' || letter == 'k' || letter == 'O';
}

/* Writes the flags to the script's scratch, with one of them added, replaced or removed. */
static size_t edit_flags(struct script *s, const struct request *r, uint32_t part, const char *flag,
                         size_t len)
{
    uint8_t *to = s->scratch;
    assert(r->args_len + len < sizeof s->scratch - 1);
    size_t n = request_flags_without(r, (uint8_t)flag[0], to);
    if (part == MG_NO_FLAG) return n;
    if (n > 0) to[n++] = ' ';
    memcpy(to + n, flag, len);
    return n + len;
}

/* Takes a text as r's flags; r is as before when they cannot be sent. The exptime (T) and the client flags (F) may have
 * been set as numbers, so they are kept, unless their own flag is rewritten. The client's q stays as it was (I5). */
static int put_flags(struct request *r, const uint8_t *text, size_t len, uint8_t letter)
{
    struct request before = *r;
    size_t tokens = command_info(r->command_id)->shape == SHAPE_META_STORE ? 3 : 2;
    r->meta = 0;
    if (request_take_flags(r, text, len, tokens) || r->meta & META_QUIET) {
        *r = before;
        return MG_EDIT_BAD_FLAGS;
    }
    r->meta |= before.meta & META_QUIET;
    if (letter && letter != 'T') {
        r->exptime = before.exptime;
        r->asked_exptime = before.asked_exptime;
    }
    if (letter && letter != 'F') r->client_flags = before.client_flags;
    return MG_EDIT_OK;
}

/* A flag is one token. Its bound leaves room for others in a line. */
static bool is_flag(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)bytes[i] <= ' ' || bytes[i] == 0x7f) return false;
    }
    return len > 0 && len < LINE_MAX_BYTES / 4;
}

/* All flags, or one of them. A q of the client's is removed from the text: r->meta has it, and put_flags refuses a text
 * that has it. */
static int set_flags(struct script *s, struct request *r, uint32_t part, const char *bytes,
                     size_t len, uint32_t at, uint32_t serial)
{
    const char *text = bytes;
    if (!has_flags(r)) return MG_EDIT_NO_FLAGS;
    if (part != MG_FLAGS) {
        if (!is_flag(bytes, len) || is_clients((uint8_t)bytes[0])) return MG_EDIT_BAD_FLAGS;
        struct request plain = *r;
        uint8_t without[LINE_MAX_BYTES];
        plain.args_len = (uint16_t)request_flags_without(r, 'q', without);
        plain.args_at = (uintptr_t)without;
        if (plain.args_len + len >= LINE_MAX_BYTES / 2) return MG_EDIT_BAD_FLAGS;
        len = edit_flags(s, &plain, part, bytes, len);
        text = (const char *)s->scratch;
    }
    if (len >= LINE_MAX_BYTES / 2) return MG_EDIT_BAD_FLAGS;
    const uint8_t *held = at == MG_BY_LUA ? (const uint8_t *)text : hold(s, text, len, at, serial);
    if (!held) return MG_EDIT_TOO_MUCH;
    return put_flags(r, held, len, part == MG_FLAGS ? 0 : (uint8_t)bytes[0]);
}

/* request_may_have_key knows what the command takes: with the flag b, a meta command's key may have any bytes. */
static int set_key(struct script *s, struct request *r, const char *key, size_t len, uint32_t at,
                   uint32_t serial)
{
    if (!request_may_have_key(r, (const uint8_t *)key, len, s->host.strict_keys))
        return MG_EDIT_BAD_KEY;
    const uint8_t *held = hold(s, key, len, at, serial);
    if (!held) return MG_EDIT_TOO_MUCH;
    request_put_key(r, held, len, s->host.strict_keys);
    if (at == MG_BY_LUA) r->shown_key_at = r->shown_key_len = 0; /* no client has sent another */
    return MG_EDIT_OK;
}

static bool has_value(const struct request *r)
{
    unsigned shape = command_info(r->command_id)->shape;
    return shape == SHAPE_STORE || shape == SHAPE_META_STORE;
}

/* value_blob 0: the value is not in a blob any more, and is copied by what keeps the request. */
static int set_value(struct script *s, struct request *r, const char *value, size_t len,
                     uint32_t at, uint32_t serial)
{
    if (!has_value(r)) return MG_EDIT_NO_VALUE;
    if (len > s->host.max_value) return MG_EDIT_TOO_LARGE;
    const uint8_t *held = hold(s, value, len, at, serial);
    if (!held) return MG_EDIT_TOO_MUCH;
    r->value_at = (uintptr_t)held;
    r->value_len = (uint32_t)len;
    r->value_blob = 0;
    return MG_EDIT_OK;
}

int mg_request_edit(struct script *s, struct request *r, uint32_t part, const char *bytes,
                    size_t len, uint32_t at, uint32_t serial)
{
    if (!r->key_at) return MG_EDIT_OVER;
    switch (part) {
    case MG_KEY: return set_key(s, r, bytes, len, at, serial);
    case MG_VALUE: return set_value(s, r, bytes, len, at, serial);
    default: return set_flags(s, r, part, bytes, len, at, serial);
    }
}

/* A long value is in a blob: r gets its address, and what sends r takes a reference. So large values are forwarded without
 * a copy. */
int mg_request_borrow(struct script *s, struct request *r, uint32_t at, uint32_t serial,
                      int32_t call, uint32_t from, uint32_t len)
{
    struct async_value v;
    if (!has_value(r)) return MG_EDIT_NO_VALUE;
    if (!async_value(s, at, serial, call, &v)) return MG_EDIT_OVER;
    if (from > v.len) from = v.len;
    if (len > v.len - from) len = v.len - from;
    if (len > s->host.max_value) return MG_EDIT_TOO_LARGE;
    r->value_at = (uintptr_t)v.at + from;
    r->value_len = len;
    r->value_blob = (uintptr_t)v.blob;
    return MG_EDIT_OK;
}
