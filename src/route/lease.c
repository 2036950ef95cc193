#include "route/lease.h"

#include <stdio.h>
#include <string.h>

#include "protocol/classic.h"
#include "route/walk.h"

struct lease_terms lease_terms_of(const struct route *route)
{
    const struct route_options *o = &route->options;
    return (struct lease_terms){
        .ttl = (uint32_t)o->seconds, .stale = (uint32_t)o->after, .refresh = (uint32_t)o->before};
}

/* As the reply wants it: in base64 where the request has it so. */
static struct call_key key_of(struct turn *t, const struct request *r)
{
    struct call_key key = {.sent = (const uint8_t *)r->key_at,
                           .sent_len = r->key_len,
                           .part = r->part,
                           .is_base64 = r->meta & META_BASE64};
    key.shown = key.sent;
    key.shown_len = key.sent_len;
    if (!r->shown_key_at) return key;
    uint8_t *wire = arena_alloc(t->arena, KEY_WIRE_ROOM);
    key.shown = wire;
    key.shown_len =
        (uint16_t)request_wire_key(r, (const uint8_t *)r->shown_key_at, r->shown_key_len, wire);
    return key;
}

const struct result *lease_tell(struct turn *t, const struct request *r, struct response response,
                                struct blob *blob, struct lease_told *told)
{
    told->response = response;
    told->news = (struct call_news){
        .event = CALL_ANSWERED, .response = &told->response, .blob = blob, .key = key_of(t, r)};
    told->result = result_from_news(&told->news);
    return &told->result;
}

const struct result *lease_tell_absent(struct turn *t, const struct request *r,
                                       struct lease_told *told)
{
    uint8_t *to = arena_alloc(t->arena, lease_absent_room(r));
    return lease_tell(t, r, lease_put_absent(r, to), NULL, told);
}

bool lease_is_lacking(const struct result *result)
{
    return result->news && classic_is_lacking(result->news->response);
}

/* `SERVER_ERROR NAME does not know meta commands: ...` */
struct result lease_tell_lacking(struct turn *t, const struct result *result)
{
    static const char WORD[] = "SERVER_ERROR ";
    static const char WHAT[] =
        " does not know meta commands, which mg.lease needs: see its option without_meta";
    const struct response *r = result->news->response;
    const uint8_t *name = r->bytes + sizeof WORD - 1,
                  *end = memmem(r->bytes, r->len, CLASSIC_LACKS, sizeof CLASSIC_LACKS - 1);
    size_t len = end > name ? (size_t)(end - name) : 0;
    uint8_t *text = arena_alloc(t->arena, len + sizeof WHAT);
    memcpy(mempcpy(text, name, len), WHAT, sizeof WHAT - 1);
    return (struct result){
        .kind = RESULT_DENIED, .text = (const char *)text, .text_len = len + sizeof WHAT - 1};
}

void lease_walk(struct walk *w, const struct route *route, const struct request *r,
                enum lease_asks what, struct walk_way way)
{
    struct lease_terms terms = lease_terms_of(route);
    struct request asked;
    uint8_t *args = arena_alloc(w->e->arena, LEASE_ARGS_ROOM);
    lease_ask(r, &terms, what, &asked, args);
    (void)walk_route(w, route->children[0], &asked, way);
}
