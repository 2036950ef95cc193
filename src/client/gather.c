/* One call for each server, at once; each has a part as its owner, and all parts lead to the gather. A gather also waits for
 * itself while it sends, so that servers that refuse at once cannot end it before all have been called.
 *
 * A server may have many lines of statistics, and all servers have them in about the same order. So a search begins behind the
 * statistic found last (hint), and mostly ends there. */
#include "client/gather.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slab.h"
#include "client/reply.h"
#include "client/stat_rule.h"
#include "client/tally.h"
#include "protocol/text.h"

enum { LINE_ROOM = 512, FAILURE_MAX = LINE_ROOM - 32, TIMEOUT = 2, VALUES_MAX = 1024 };

/* One statistic: its name, and the values so far, combined by its rule: as a number, or as text. */
struct gathered {
    struct gathered *next;
    enum stat_rule rule; /* STAT_EACH: it is in `value`; else in `number` */
    uint64_t number;
    char *value; /* value_len bytes */
    uint32_t value_len;
    uint16_t name_len;
    char name[];
};

/* Invariant: waiting calls have this gather's parts as their owners. */
struct gather {
    struct reply *reply; /* NULL: noreply */
    enum gather_kind kind;
    uint32_t waiting;
    uint32_t parts_n;
    struct gathered *first, **end;
    struct gathered *hint; /* the one found last */
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
    while (g->first) {
        struct gathered *s = g->first;
        g->first = s->next;
        free(s->value);
        slab_return(s, sizeof *s + s->name_len);
    }
    slab_return(g->parts, sizeof *g->parts * (g->parts_n + 1));
    slab_return(g, sizeof *g);
}

/* Appended in pieces: a server's line may be of any length that a response may have. */
static void print_lines(const struct gather *g, struct outq *to)
{
    uint8_t number[TEXT_NUMBER_ROOM];
    for (const struct gathered *s = g->first; s; s = s->next) {
        outq_append(to, "STAT ", 5);
        outq_append(to, s->name, s->name_len);
        outq_append(to, " ", 1);
        if (s->rule == STAT_EACH)
            outq_append(to, s->value, s->value_len);
        else
            outq_append(to, number, text_write_unsigned(number, s->number));
        outq_append(to, "\r\n", 2);
    }
    outq_append(to, "END\r\n", 5);
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
        print_lines(g, &answer);
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

/* From behind the hint to the end, then from the beginning up to it. */
static struct gathered *find(const struct gather *g, const char *name, size_t len)
{
    struct gathered *from = g->hint ? g->hint->next : NULL;
    for (struct gathered *s = from; s; s = s->next) {
        if (s->name_len == len && memcmp(s->name, name, len) == 0) return s;
    }
    for (struct gathered *s = g->first; s != from; s = s->next) {
        if (s->name_len == len && memcmp(s->name, name, len) == 0) return s;
    }
    return NULL;
}

/* Numbers, and most versions, in their order: the shorter one first. */
static int compare_values(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len != b_len ? (a_len > b_len) - (a_len < b_len) : memcmp(a, b, a_len);
}

/* Where in the list a value belongs; *found: where it is already. */
static size_t place_of(const struct gathered *s, const char *value, size_t len, bool *found)
{
    size_t at = 0;
    *found = false;
    while (at <= s->value_len) {
        const char *here = s->value + at, *comma = memchr(here, ',', s->value_len - at);
        size_t n = comma ? (size_t)(comma - here) : s->value_len - at;
        int order = compare_values(value, len, here, n);
        *found = order == 0;
        if (order <= 0) break;
        at += n + 1;
    }
    return at;
}

/* Sorted, because servers answer in any order and the answer should not depend on it. I6: values that do not fit into
 * VALUES_MAX bytes are left out. */
static void add_value(struct gathered *s, const char *value, size_t len)
{
    bool is_first = !s->value, found = false;
    size_t at = is_first ? 0 : place_of(s, value, len, &found), had = s->value_len;
    if (found || (!is_first && had + len + 1 > VALUES_MAX)) return;
    s->value = realloc(s->value, had + len + 2);
    if (!s->value) abort();
    s->value_len += (uint32_t)(len + !is_first);
    if (at > had) {
        s->value[had] = ','; /* behind all others */
    } else if (!is_first) {
        memmove(s->value + at + len + 1, s->value + at, had - at);
        s->value[at + len] = ',';
    }
    memcpy(s->value + at, value, len);
}

/* Where one server has text for a statistic that is a number elsewhere, all values are shown as text. */
static void become_text(struct gathered *s)
{
    uint8_t number[TEXT_NUMBER_ROOM];
    s->rule = STAT_EACH;
    add_value(s, (const char *)number, text_write_unsigned(number, s->number));
}

/* A number for sums and maxima, text for all others. */
static void combine(struct gathered *s, const char *value, size_t len)
{
    uint64_t number = 0;
    bool is_number = text_read_digits((const uint8_t *)value, len, &number);
    if (s->rule != STAT_EACH && !is_number) become_text(s);
    switch (s->rule) {
    case STAT_EACH: add_value(s, value, len); break;
    case STAT_SUM: s->number += number; break;
    case STAT_MOST:
        if (number > s->number) s->number = number;
        break;
    }
}

static struct gathered *append(struct gather *g, const char *name, size_t len, bool is_number)
{
    struct gathered *s = slab_borrow(sizeof *s + len);
    enum stat_rule rule = is_number ? stat_rule_of(name, len, NULL) : STAT_EACH;
    *s = (struct gathered){.rule = rule, .name_len = (uint16_t)len};
    memcpy(s->name, name, len);
    *g->end = s;
    g->end = &s->next;
    return s;
}

static void add(struct gather *g, const char *name, size_t name_len, const char *value,
                size_t value_len)
{
    uint64_t ignored;
    struct gathered *s = find(g, name, name_len);
    if (!s)
        s = append(g, name, name_len,
                   text_read_digits((const uint8_t *)value, value_len, &ignored));
    combine(s, value, value_len);
    g->hint = s;
}

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
        add(part->gather, name, (size_t)(space - name), value, (size_t)(end - value));
        return;
    }
    int n =
        snprintf(named, sizeof named, "%s:%.*s", part->backend->name, (int)(space - name), name);
    size_t len = (size_t)n < sizeof named ? (size_t)n : sizeof named - 1;
    add(part->gather, named, len, value, (size_t)(end - value));
}

/* text: the server's name and the reason, or the server's error line; FAILURE_MAX bytes of it are shown. */
static void note_failure(struct gather *g, const char *word, const char *text, size_t len)
{
    char name[LINE_ROOM];
    if (len > FAILURE_MAX) len = FAILURE_MAX;
    if (g->kind == GATHER_OK) {
        if (!g->failure[0])
            snprintf(g->failure, sizeof g->failure, "%s%.*s\r\n", word, (int)len, text);
        return;
    }
    const char *space = memchr(text, ' ', len);
    size_t first = space ? (size_t)(space - text) : len;
    int n = snprintf(name, sizeof name, "error:%.*s", (int)first, text);
    add(g, name, (size_t)n, space ? space + 1 : "", space ? len - first - 1 : 0);
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
    case CALL_VALUE: take_line(part, news->response); return;
    case CALL_FAILED: note_failure(g, "SERVER_ERROR ", news->failure, strlen(news->failure)); break;
    case CALL_ANSWERED:
        if (news->response->kind & RESPONSE_ANY_ERROR)
            note_failure(g, "", (const char *)news->response->bytes, news->response->len - 2);
        break;
    }
    one_less(g);
}

/* --- sending ----------------------------------------------------------------------------------- */

/* Servers that a pool names; the others are on their way out. */
static uint32_t count_backends(const struct backends *set)
{
    uint32_t n = 0;
    for (const struct backend *b = set->first; b; b = b->next) n += b->counts > 0;
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
    note_failure(part->gather, "SERVER_ERROR ", reason, strlen(reason));
    part->gather->waiting--;
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
    *g = (struct gather){.kind = kind, .parts_n = count_backends(set)};
    g->end = &g->first;
    if (r->noreply)
        tally_unanswered(c, r->command_id);
    else
        g->reply = reply_create(c, r, 1);
    g->parts = slab_borrow(sizeof *g->parts * (g->parts_n + 1)); /* there may be no server */
    g->waiting = g->parts_n + 1;                                 /* one for the gather itself */
    for (struct backend *b = set->first; b; b = b->next) {
        if (b->counts == 0) continue;
        g->parts[at] = (struct gather_part){g, b};
        send_part(&g->parts[at++], b, &mine, c->turn->now);
    }
    assert(at == g->parts_n);
    one_less(g);
}
