/* An explanation must say what would happen, so it is made by what makes it happen: the request is parsed as a client's is, the
 * router decides for it in a slot of its own, choosers rewrite it, and the pool chooses. Only the last step, the call, is left
 * out; walk.c follows every way to it. A script cannot tell the difference, and what it keeps of the request is cleared as at the
 * end of a turn. */
#include "route/explain.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define ERROR_CHUNK    "CLIENT_ERROR bad data chunk"
#define ERROR_COMMAND  "ERROR"
#define ERROR_DECODING "CLIENT_ERROR error decoding key"
#define ERROR_KEY      "CLIENT_ERROR bad command line format"
#define NOT_ABOUT_KEYS                                                                             \
    "not about a key: moongate answers it itself, or asks every server of every pool"

/* --- one key ----------------------------------------------------------------------------------- */

/* A line of request_encode_line, which for a retrieval is left open. */
static size_t put_line(const struct request *r, char *to)
{
    size_t len = request_encode_line(r, (uint8_t *)to);
    return len >= 2 && to[len - 2] == '\r' ? len - 2 : len;
}

/* asked: the client's request, for one key. */
static void explain_one(const struct explainer *e, const struct request *asked,
                        explain_told_fn *told, void *to)
{
    struct walk *w = calloc(1, sizeof *w);
    struct explanation x = {.key = (const uint8_t *)asked->key_at, .key_len = asked->key_len};
    if (!w) abort();
    w->e = e;
    struct request r = *asked;
    x.asked_len = put_line(asked, x.asked);
    r.affinity = e->affinity;
    r.function_id = e->entrance;
    walk_request(w, &r);
    x.path = w->path;
    x.route = w->end;
    x.places = w->places;
    x.places_n = w->places_n;
    x.is_cut = w->is_cut;
    x.pool = w->pool;
    x.choice = w->choice;
    x.is_drawn = w->is_drawn;
    x.sent_key = w->sent_key;
    x.sent_key_len = w->sent_key_len;
    assert(x.pool == (x.places_n ? x.places[0].pool : NULL));
    told(to, &x);
    free(w);
    /* A script that kept the request must find nothing in it (as at the end of a turn). */
    memset(&e->slots[e->at], 0, sizeof e->slots[e->at]);
}

/* --- a line ------------------------------------------------------------------------------------ */

/* The request as a client sends it, with its value, in the arena; *len becomes its length. */
static const uint8_t *whole_request(const struct explainer *e, const char *line, size_t *len,
                                    struct explain_value value)
{
    struct request r;
    size_t head = *len + 2;
    uint8_t *bytes = arena_alloc(e->arena, head + value.len + 2);
    memcpy(bytes, line, *len);
    memcpy(bytes + *len, "\r\n", 2);
    *len = head;
    struct request_parse p = request_parse(bytes, head, &e->rules, &r);
    if (p.status != REQUEST_AGAIN || p.need < head + 2) return bytes;
    if (!value.at) { /* as many x as the line says */
        uint8_t *filled = arena_alloc(e->arena, p.need);
        memcpy(filled, bytes, head);
        memset(filled + head, 'x', p.need - head - 2);
        bytes = filled;
        *len = p.need;
    } else {
        memcpy(bytes + head, value.at, value.len);
        *len = head + value.len + 2;
    }
    memcpy((uint8_t *)bytes + *len - 2, "\r\n", 2);
    return bytes;
}

/* The error that a client gets that sends this, without CRLF. */
static const char *refusal(const struct explainer *e, const struct request_parse *p)
{
    if (p->status == REQUEST_AGAIN) return ERROR_CHUNK;
    if (!p->error) return "nothing: the connection is closed";
    size_t len = strcspn(p->error, "\r");
    char *text = (char *)arena_alloc(e->arena, len + 1);
    memcpy(text, p->error, len);
    text[len] = '\0';
    return text;
}

static const char *explain_single(const struct explainer *e, struct request *r,
                                  explain_told_fn *told, void *to)
{
    if (r->meta & META_BASE64 && !request_decode_key(r, arena_alloc(e->arena, KEY_MAX)))
        return ERROR_DECODING;
    explain_one(e, r, told, to);
    return NULL;
}

/* A line may be a multi-key get, whose keys are explained one by one, as they are routed. It is one request: where bytes are left
 * behind it, because it brought more of a value than its length says, it is refused. */
const char *explain_request(const struct explainer *e, const char *line, size_t len,
                            struct explain_value value, explain_told_fn *told, void *to)
{
    struct request r;
    if (len > 0 && line[len - 1] == '\r') len--;
    if (len == 0) return ERROR_COMMAND;
    const uint8_t *bytes = whole_request(e, line, &len, value);
    struct request_parse p = request_parse(bytes, len, &e->rules, &r);
    if (p.status == REQUEST_OK && p.consumed < len)
        return "more than one request in a line: give each by itself";
    switch (p.status) {
    case REQUEST_OK: return p.keys ? explain_single(e, &r, told, to) : NOT_ABOUT_KEYS;
    case REQUEST_KEYS:
        for (const uint8_t *at = (const uint8_t *)r.key_at;
             request_next_key(&at, bytes + p.keys_end, &r);)
            explain_one(e, &r, told, to);
        return NULL;
    default: return refusal(e, &p);
    }
}

/* --- a command and a key ----------------------------------------------------------------------- */

/* A command about one key, or COMMAND_NONE. */
static unsigned find_command(const char *name, size_t len)
{
    for (unsigned i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
        const struct command_info *c = command_info(i);
        if (c->shape < SHAPE_ADMIN && c->text_len == len && memcmp(c->text, name, len) == 0)
            return i;
    }
    return COMMAND_NONE;
}

/* Without a line, for many keys with the same command: only what the line's parser would refuse is checked here. */
const char *explain_key(const struct explainer *e, const char *command, size_t command_len,
                        const char *key, size_t len, struct explain_value value,
                        explain_told_fn *told, void *to)
{
    struct request r = {.command_id = (uint8_t)find_command(command, command_len),
                        .key_at = (uintptr_t)key,
                        .key_len = (uint16_t)len};
    unsigned shape = command_info(r.command_id)->shape;
    if (r.command_id == COMMAND_NONE) return ERROR_COMMAND;
    if (!request_key_is_valid((const uint8_t *)key, len, e->rules.strict_keys)) return ERROR_KEY;
    if (value.len > e->rules.max_value) return "SERVER_ERROR object too large for cache";
    if (shape == SHAPE_STORE || shape == SHAPE_META_STORE) {
        r.value_at = (uintptr_t)(value.at ? value.at : "");
        r.value_len = (uint32_t)value.len;
    }
    explain_one(e, &r, told, to);
    return NULL;
}

/* --- in words ---------------------------------------------------------------------------------- */

enum { TEXT_ROOM = 4 * (REQUEST_LINE_ROOM + 4096) + 1 }; /* every byte as \xff */

const char *explain_hash_name(const struct explanation *x)
{
    const struct selector_settings *s = &x->pool->settings.selector;
    if (!x->choice.was_hashed) return "";
    return distribution_hashes_itself(s->distribution) ? distribution_name(s->distribution)
                                                       : hash_name(s->hash);
}

const char *explain_server(const struct explanation *x)
{
    if (x->is_drawn) return "any";
    return x->choice.member ? x->choice.member->backend->name : "none";
}

const char *explain_store(const struct explanation *x)
{
    return x->places_n && !x->pool ? x->places[0].server : NULL;
}

const char *explain_number(uint64_t number, char text[EXPLAIN_NUMBER_ROOM])
{
    snprintf(text, EXPLAIN_NUMBER_ROOM, "0x%0*llx", number > UINT32_MAX ? 16 : 8,
             (unsigned long long)number);
    return text;
}

bool explain_is_part_hashed(const struct explanation *x)
{
    return x->choice.was_hashed && x->choice.hashed_len != x->sent_key_len;
}

static void tell_bytes(explain_field_fn *tell, void *to, const char *name, const void *bytes,
                       size_t len)
{
    char text[TEXT_ROOM];
    utf8_show(text, sizeof text, bytes, len);
    tell(to, name, text);
}

/* The steps with arrows between them, made printable: names come from the script. */
static void tell_path(const struct path *path, explain_field_fn *tell, void *to)
{
    char line[PATH_ROOM * 3]; /* the shortest steps */
    size_t len = 0;
    for (const char *step = path_next(path, NULL); step; step = path_next(path, step))
        len += (size_t)snprintf(line + len, sizeof line - len, "%s%s", len ? " -> " : "", step);
    tell_bytes(tell, to, "route", line, len);
}

/* The message, then where it was raised: a line each, without the indentation. */
static void tell_failure(const char *failure, explain_field_fn *tell, void *to)
{
    static const char title[] = "stack traceback:";
    const char *name = "error";
    while (*failure) {
        failure += strspn(failure, "\t\r\n ");
        size_t len = strcspn(failure, "\n");
        bool is_title = len == sizeof title - 1 && memcmp(failure, title, len) == 0;
        if (len && !is_title) tell_bytes(tell, to, name, failure, len);
        failure += len;
        name = "traceback";
    }
}

/* Where a pool leaves out servers, a key may be on another one than usual. */
static void tell_ring(const struct pool *p, explain_field_fn *tell, void *to)
{
    char text[64];
    uint32_t ejected = 0, drained = 0;
    for (uint32_t i = 0; i < p->members_n; i++) {
        drained += p->members[i].drained;
        ejected += p->members[i].ejected && !p->members[i].drained;
    }
    if (ejected + drained == 0) return;
    snprintf(text, sizeof text, "%u of %u servers (%u ejected, %u drained)", p->living_n,
             p->members_n, ejected, drained);
    tell(to, "ring", text);
}

void explain_fields(const struct explanation *x, explain_field_fn *tell, void *to)
{
    char hash[64], number[EXPLAIN_NUMBER_ROOM];
    tell_path(&x->path, tell, to);
    tell_failure(x->path.failure, tell, to);
    if (explain_store(x)) {
        tell(to, "store", explain_store(x) + strlen("store "));
        tell_bytes(tell, to, "request", x->places[0].sent, x->places[0].sent_len);
    }
    if (!x->pool) return;
    const struct pool_choice *choice = &x->choice;
    tell(to, "pool", x->pool->settings.name);
    tell(to, "distribution", distribution_name(x->pool->settings.selector.distribution));
    if (choice->was_hashed)
        snprintf(hash, sizeof hash, "%s %s", explain_hash_name(x),
                 explain_number(choice->how.hash, number));
    else
        snprintf(hash, sizeof hash, "none");
    tell(to, "hash", hash);
    if (explain_is_part_hashed(x))
        tell_bytes(tell, to, "hashed", choice->hashed, choice->hashed_len);
    if (choice->how.has_point) tell(to, "point", explain_number(choice->how.point, number));
    tell_ring(x->pool, tell, to);
    tell(to, "server", explain_server(x));
    tell_bytes(tell, to, "request", x->places[0].sent, x->places[0].sent_len);
}

/* --- all places -------------------------------------------------------------------------------- */

/* A request that just goes to one server is told by the first fields. */
static bool has_more(const struct explanation *x)
{
    const struct touched *first = x->places;
    if (x->is_cut || x->places_n != 1) return x->is_cut || x->places_n > 1;
    return first->role != WALK_MAIN || first->when[0] || first->share < 1;
}

static const char CUT[] = "there may be more places: explain has not followed all";

/* place:NUMBER:WHAT */
static void tell_of(explain_field_fn *tell, void *to, uint32_t number, const char *what,
                    const char *text)
{
    char name[48];
    snprintf(name, sizeof name, "place:%u:%s", number, what);
    tell(to, name, text);
}

static void tell_place(const struct touched *p, uint32_t number, explain_field_fn *tell, void *to)
{
    char text[TEXT_ROOM], share[16];
    if (p->pool) {
        utf8_show(text, sizeof text, p->pool->settings.name, strlen(p->pool->settings.name));
        tell_of(tell, to, number, "pool", text);
        tell_of(tell, to, number, "server", p->server);
    } else {
        tell_of(tell, to, number, "store", p->server + strlen("store "));
    }
    tell_of(tell, to, number, "role", walk_role_name(p->role));
    utf8_show(text, sizeof text, p->when, strlen(p->when));
    tell_of(tell, to, number, "when", p->when[0] ? text : "always");
    snprintf(share, sizeof share, "%.4g", p->share);
    if (p->share < 1) tell_of(tell, to, number, "share", share);
    utf8_show(text, sizeof text, p->sent, p->sent_len);
    tell_of(tell, to, number, "request", text);
}

void explain_places(const struct explanation *x, explain_field_fn *tell, void *to)
{
    if (!has_more(x)) return;
    for (uint32_t i = 0; i < x->places_n; i++) tell_place(&x->places[i], i + 1, tell, to);
    if (x->is_cut) tell(to, "more", CUT);
}

/* "10 % of requests, in the background, on a miss of a" */
static void put_conditions(const struct touched *p, char *text, size_t room)
{
    size_t len = 0;
    text[0] = '\0';
    if (p->share < 1) len = (size_t)snprintf(text, room, ", %.4g %% of requests", 100 * p->share);
    if (p->role == WALK_BACKGROUND)
        len += (size_t)snprintf(text + len, room - len, ", in the background");
    if (p->when[0]) snprintf(text + len, room - len, ", %s", p->when);
}

void explain_place_lines(const struct explanation *x, explain_field_fn *tell, void *to)
{
    enum { ROOM = 2 * POOL_NAME_MAX + 2048 };
    char text[ROOM + REQUEST_LINE_ROOM], conditions[ROOM], name[24];
    if (!has_more(x)) return;
    for (uint32_t i = 0; i < x->places_n; i++) {
        const struct touched *p = &x->places[i];
        put_conditions(p, conditions, sizeof conditions);
        size_t len = (size_t)snprintf(text, ROOM, "%s%s%s%s: ", p->pool ? touched_pool(p) : "",
                                      p->pool ? " " : "", p->server, conditions);
        if (len >= ROOM) len = ROOM - 1;
        memcpy(text + len, p->sent, p->sent_len);
        snprintf(name, sizeof name, "place %u", i + 1);
        tell_bytes(tell, to, name, text, len + p->sent_len);
    }
    if (x->is_cut) tell(to, "more", CUT);
}

/* --- advice ------------------------------------------------------------------------------------ */

/* For a key without its command, and for a request whose words the shell has parted. */
const char *explain_hint(const char *wrong)
{
    if (strcmp(wrong, ERROR_COMMAND) == 0)
        return "not a request: give a whole one in quotes, such as 'get user:1'";
    return NULL;
}
