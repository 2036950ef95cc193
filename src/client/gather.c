/* One call for each server, at once; each has a part as its owner, and all parts lead to the gather. A gather also waits for
 * itself while it sends, so that servers that refuse at once cannot end it before all have been called. */
#include "client/gather.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/slab.h"
#include "client/reply.h"
#include "client/stores.h"
#include "client/tally.h"
#include "client/totals.h"
#include "protocol/text.h"

enum {
    LINE_ROOM = 512,
    FAILURE_MAX = LINE_ROOM - 32,
    TIMEOUT = 2,          /* seconds */
    NAMES_MAX = 64 * 1024 /* of all servers: sizes and connections have many */
};

/* Invariant: waiting calls have this gather's parts as their owners. */
struct gather {
    struct reply *reply; /* NULL: noreply */
    enum gather_kind kind;
    uint32_t waiting;
    uint32_t parts_n;
    struct totals totals;
    char failure[LINE_ROOM];
    struct gather_part *parts;
};

/* One server's part: the owner of its call. */
struct gather_part {
    struct gather *gather;
    const struct backend *backend; /* read for its name while its call is outstanding */
};

static void gather_destroy(struct gather *g)
{
    totals_release(&g->totals);
    slab_return(g->parts, sizeof *g->parts * (g->parts_n + 1));
    slab_return(g, sizeof *g);
}

/* flush_all has one line for an answer: OK, or the first failure. Statistics are shown as far as they have come. */
static void finish(struct gather *g)
{
    struct outq answer = {0};
    assert(g->waiting == 0);
    if (!g->reply) {
        gather_destroy(g);
        return;
    }
    if (g->kind != GATHER_OK) {
        totals_print(&g->totals, NULL, &answer);
        outq_append(&answer, "END\r\n", 5);
    } else if (g->failure[0]) {
        reply_note_line(g->reply, g->failure, strlen(g->failure));
        if (g->reply->sights) sight_line(g->reply->sights->set, g->failure, strlen(g->failure));
        outq_append(&answer, g->failure, strlen(g->failure));
    } else {
        outq_append(&answer, "OK\r\n", 4);
    }
    reply_finish(g->reply, &answer);
    gather_destroy(g);
}

/* --- lines ------------------------------------------------------------------------------------- */

/* `STAT name value` */
static void take_line(struct gather_part *part, const struct response *r)
{
    const char *name = (const char *)r->bytes + strlen("STAT ");
    const char *end = (const char *)r->bytes + r->len - 2;
    const char *space = memchr(name, ' ', (size_t)(end - name));
    char named[LINE_ROOM];
    if (!space) space = end;
    const char *value = space < end ? space + 1 : end;
    if (part->gather->kind != GATHER_NAMED) {
        totals_add(&part->gather->totals, name, (size_t)(space - name), value,
                   (size_t)(end - value));
        return;
    }
    int n =
        snprintf(named, sizeof named, "%s:%.*s", part->backend->name, (int)(space - name), name);
    size_t len = (size_t)n < sizeof named ? (size_t)n : sizeof named - 1;
    totals_add(&part->gather->totals, named, len, value, (size_t)(end - value));
}

/* text: the server's name and the reason, or the server's error line; FAILURE_MAX bytes of it are shown. The line of a failure has
 * more than one word behind the name, since gomemcache (memcached_exporter) takes a name with colons and one word for a slab class,
 * and fails. */
static void note_failure(struct gather_part *part, const char *word, const char *text, size_t len)
{
    struct gather *g = part->gather;
    char name[LINE_ROOM], value[LINE_ROOM];
    if (len > FAILURE_MAX) len = FAILURE_MAX;
    if (g->kind == GATHER_OK) {
        if (!g->failure[0])
            snprintf(g->failure, sizeof g->failure, "%s%.*s\r\n", word, (int)len, text);
        return;
    }
    size_t known = strlen(part->backend->name);
    bool is_named = len > known && memcmp(text, part->backend->name, known) == 0;
    if (is_named) text += known + 1, len -= known + 1;
    int name_len = snprintf(name, sizeof name, "error:%s", part->backend->name);
    int value_len = snprintf(value, sizeof value, "failed: %.*s", (int)len, text);
    totals_add(&g->totals, name, (size_t)name_len, value, (size_t)value_len);
}

static void one_less(struct gather *g)
{
    assert(g->waiting > 0);
    if (--g->waiting == 0) finish(g);
}

/* A call_done_fn. owner: struct gather_part. I9: an error of one server is a line in the answer, not the end of it. */
static void part_news(void *owner, const struct call_news *news)
{
    struct gather_part *part = owner;
    struct gather *g = part->gather;
    switch (news->event) {
    case CALL_BEGUN: /* its calls bring no values */
    case CALL_DATA: return;
    case CALL_VALUE: take_line(part, news->response); return;
    case CALL_FAILED:
        note_failure(part, "SERVER_ERROR ", news->failure, strlen(news->failure));
        break;
    case CALL_ANSWERED:
        if (news->response->kind & RESPONSE_ANY_ERROR)
            note_failure(part, "", (const char *)news->response->bytes, news->response->len - 2);
        break;
    }
    one_less(g);
}

/* --- sending ----------------------------------------------------------------------------------- */

/* Servers that a pool names; the others are on their way out. Two pools that use one server with different settings have a
 * struct backend each: a flush goes to both, behind what was sent there before; statistics are asked of one. */
static bool is_asked(const struct backend *b, enum gather_kind kind)
{
    return b->counts > 0 && (kind == GATHER_OK || backend_is_first(b));
}

static uint32_t count_backends(const struct backends *set, enum gather_kind kind)
{
    uint32_t n = 0;
    for (const struct backend *b = set->first; b; b = b->next) n += is_asked(b, kind);
    return n;
}

/* With a fixed timeout: timeouts belong to pools, and this call goes through none. */
static void send_part(struct gather_part *part, struct backend *b, const struct request *r,
                      double now)
{
    struct backend_call how = {
        .deadline = now + TIMEOUT, .pool = BACKEND_NO_POOL, .done = part_news, .owner = part};
    const char *reason;
    if (backend_send(b, r, &how, &reason) != BACKEND_REFUSED) return;
    note_failure(part, "SERVER_ERROR ", reason, strlen(reason));
    part->gather->waiting--;
}

static bool is_about(const struct request *r, const char *what)
{
    return r->args_len == strlen(what) && memcmp((const void *)r->args_at, what, r->args_len) == 0;
}

/* What the script's own stores do and say. */
static void take_stores(struct gather *g, struct turn *t, const struct request *r)
{
    int64_t delay = 0;
    if (g->kind == GATHER_OK) {
        (void)text_read_signed((const uint8_t *)r->args_at, r->args_len, &delay);
        stores_flush(t, delay);
    } else if (is_about(r, "items")) {
        stores_add_items(t, &g->totals);
    } else if (is_about(r, "slabs")) {
        stores_add_slabs(t, &g->totals);
    } else if (is_about(r, "sizes")) {
        stores_add_sizes(t, &g->totals);
    }
}

/* The turn routes first, so that a flush_all does not overtake what its client sent before it. r is copied before that, because
 * it may lie in a slot, which the turn uses again. */
void gather_send(struct client *c, const struct request *r, enum gather_kind kind)
{
    struct backends *set = c->turn->backends;
    struct request mine = *r;
    mine.affinity = c->affinity;
    turn_route(c->turn); /* what came before goes first */
    struct gather *g = slab_borrow(sizeof *g);
    uint32_t at = 0;
    *g = (struct gather){.kind = kind, .parts_n = count_backends(set, kind)};
    totals_init(&g->totals, NAMES_MAX);
    if (r->noreply)
        tally_unanswered(c, r->command_id);
    else
        g->reply = reply_create(c, r, 1);
    g->parts = slab_borrow(sizeof *g->parts * (g->parts_n + 1)); /* there may be no server */
    g->waiting = g->parts_n + 1;                                 /* one for the gather itself */
    for (struct backend *b = set->first; b; b = b->next) {
        if (!is_asked(b, kind)) continue;
        g->parts[at] = (struct gather_part){g, b};
        send_part(&g->parts[at++], b, &mine, c->turn->now);
    }
    assert(at == g->parts_n);
    take_stores(g, c->turn, &mine);
    one_less(g);
}
