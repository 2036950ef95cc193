/* The marks come last in an answer, in an order of the server's own; the other words in the order in which they were asked for. `t` is
 * that of before a T of the same request takes effect, as it stands before it. */
#include "protocol/lease.h"

#include <assert.h>
#include <string.h>

#include "protocol/classic.h"
#include "protocol/flags.h"
#include "protocol/place.h"
#include "protocol/text.h"

enum { LONGEST = 60 * 60 * 24 * 30 }; /* memcached takes a larger exptime for a date */

static uint8_t *put(uint8_t *to, const void *bytes, size_t len)
{
    if (len) memcpy(to, bytes, len);
    return to + len;
}

#define PUT(to, text) put(to, text, sizeof text - 1)

static uint8_t *put_number(uint8_t *to, const char *before, size_t len, uint64_t number)
{
    to = put(to, before, len);
    return to + text_write_unsigned(to, number);
}

#define NUMBER(to, text, number) put_number(to, text, sizeof text - 1, number)

/* --- what an answer shows ------------------------------------------------------------------------ */

struct marks {
    bool won, stale, taken;
};

/* The first line, without its end. */
static const uint8_t *line_end(const struct response *r)
{
    const uint8_t *end = memchr(r->bytes, '\r', r->len);
    return end ? end : r->bytes + r->len;
}

static const uint8_t *flags_of(const struct response *r)
{
    const uint8_t *at = r->bytes + 2;
    if (r->kind != RESPONSE_VA) return at;
    while (*++at != ' ' && *at != '\r') continue;
    return at;
}

/* Also the size (s) of an answer without a value. */
static struct marks read_marks(const struct response *r, size_t *size)
{
    struct marks marks = {0};
    const uint8_t *at = flags_of(r), *end = line_end(r), *flag;
    uint64_t number;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        if (len == 1) {
            marks.won |= *flag == 'W';
            marks.stale |= *flag == 'X';
            marks.taken |= *flag == 'Z';
        } else if (*flag == 's' && text_read_digits(flag + 1, len - 1, &number)) {
            *size = number;
        }
    }
    return marks;
}

bool lease_may_be_taken(const struct response *r)
{
    size_t size;
    if (!(r->kind & (RESPONSE_VA | RESPONSE_HD))) return false;
    struct marks marks = read_marks(r, &size);
    return marks.taken && !marks.stale;
}

bool lease_has_marks(const struct response *r)
{
    size_t size;
    if (!(r->kind & (RESPONSE_VA | RESPONSE_HD))) return false;
    struct marks marks = read_marks(r, &size);
    return marks.won || marks.stale || marks.taken;
}

struct lease_item lease_see(const struct response *r, const struct lease_terms *t)
{
    struct lease_item item = {.sight = LEASE_ABSENT};
    if (!(r->kind & (RESPONSE_VA | RESPONSE_HD))) return item;
    item.v = response_read(r);
    struct marks marks = read_marks(r, &item.v.len);
    bool is_empty = item.v.len == 0 && item.v.flags == 0;
    bool has_end = item.v.ttl >= 0;
    bool is_over = t->stale && has_end && item.v.ttl <= (int64_t)t->stale;
    bool is_due = t->refresh && has_end && item.v.ttl <= (int64_t)t->stale + (int64_t)t->refresh;
    item.is_marked = marks.stale;
    item.is_made = is_empty && (marks.won || marks.taken || marks.stale);
    item.is_live = !item.is_made && !(marks.stale && t->stale) && !is_over;
    if (marks.won)
        item.sight = LEASE_WON;
    else if (item.is_made)
        item.sight = LEASE_TAKEN;
    else if (item.is_live)
        item.sight = is_due && !marks.taken ? LEASE_DUE : LEASE_LIVE;
    else
        item.sight = marks.taken ? LEASE_OLD : LEASE_OVER;
    return item;
}

/* --- requests ------------------------------------------------------------------------------------ */

bool lease_may_read(const struct request *r)
{
    return r->command_id == COMMAND_META_GET && request_flags_are_among(r, "bcfhkOlqstv");
}

static struct request about_key(const struct request *r, enum command command, const uint8_t *args,
                                const uint8_t *end)
{
    return (struct request){.key_at = r->key_at,
                            .key_len = r->key_len,
                            .shown_key_at = r->shown_key_at,
                            .shown_key_len = r->shown_key_len,
                            .command_id = (uint8_t)command,
                            .meta = r->meta & META_BASE64,
                            .args_at = (uintptr_t)args,
                            .args_len = (uint16_t)(end - args),
                            .owner = r->owner,
                            .receiver = r->receiver,
                            .part = r->part,
                            .affinity = r->affinity,
                            .depth = r->depth};
}

/* The key in the answer shows that it is the answer to this request (I3); but a base64 key may come back raw. N alone does not renew an
 * item that is old by its time. */
void lease_ask(const struct request *r, const struct lease_terms *t, enum lease_asks what,
               struct request *to, uint8_t *args)
{
    bool is_base64 = r->meta & META_BASE64;
    uint32_t renews = t->refresh + (t->stale ? t->stale + 1 : 0);
    uint8_t *p = what == LEASE_LOOKS ? PUT(args, "s f c t") : PUT(args, "v f c t");
    p = is_base64 ? PUT(p, " b") : PUT(p, " k");
    if (what == LEASE_MAKES) {
        p = NUMBER(p, " N", t->ttl);
        if (renews) p = NUMBER(p, " R", renews);
    }
    assert(p - args <= LEASE_ARGS_ROOM);
    *to = about_key(r, COMMAND_META_GET, args, p);
    if (!is_base64) to->meta |= META_KEY;
}

void lease_append(struct request *r, const char *words, size_t words_len, uint8_t *args)
{
    uint8_t *p = put(args, (const void *)r->args_at, r->args_len);
    if (r->args_len) *p++ = ' ';
    p = put(p, words, words_len);
    r->args_at = (uintptr_t)args;
    r->args_len = (uint16_t)(p - args);
}

void lease_ask_as(const struct request *r, struct request *to, uint8_t *args)
{
    static const char needed[] = "sft";
    uint8_t *p = put(args, (const void *)r->args_at, r->args_len);
    const uint8_t *token;
    size_t len;
    *to = *r;
    for (const char *flag = needed; *flag; flag++) {
        if (request_find_flag(r, (uint8_t)*flag, &token, &len)) continue;
        if (p > args) *p++ = ' ';
        *p++ = (uint8_t)*flag;
    }
    to->args_at = (uintptr_t)args;
    to->args_len = (uint16_t)(p - args);
}

void lease_remove(const struct request *r, uint64_t cas, bool marks, uint32_t stays,
                  struct request *to, uint8_t *args)
{
    uint8_t *p = NUMBER(args, "C", cas);
    if (marks) p = PUT(p, " I");
    if (marks && stays) p = NUMBER(p, " T", stays);
    if (r->meta & META_BASE64) p = PUT(p, " b");
    assert(p - args <= LEASE_ARGS_ROOM);
    *to = about_key(r, COMMAND_META_DELETE, args, p);
    if (!marks || !stays) return;
    to->meta |= META_EXPTIME;
    to->exptime = stays;
    to->asked_exptime = stays;
}

/* A relative time stays one: 30 days are the most. What lives for ever, or is to go at once, does so. */
static int64_t longer(int64_t exptime, uint32_t stale)
{
    if (exptime <= 0) return exptime;
    if (exptime > LONGEST) return exptime + stale;
    return exptime + stale < LONGEST ? exptime + stale : LONGEST;
}

static int64_t as_server_reads(int64_t exptime)
{
    return (int32_t)(uint32_t)(uint64_t)exptime;
}

void lease_prolong(struct request *r, const struct lease_terms *t, uint8_t *args)
{
    const uint8_t *token;
    size_t len;
    int64_t number;
    if (!t->stale) return;
    int64_t exptime = longer(as_server_reads(request_exptime(r)), t->stale);
    if (exptime > 0) {
        r->exptime = (double)exptime;
        r->asked_exptime = exptime;
    }
    if (command_info(r->command_id)->shape != SHAPE_META &&
        command_info(r->command_id)->shape != SHAPE_META_STORE)
        return;
    if (!request_find_flag(r, 'N', &token, &len) || !text_read_signed(token, len, &number)) return;
    size_t n = request_flags_without(r, 'N', args);
    uint8_t *p = args + n;
    if (n) *p++ = ' ';
    *p++ = 'N';
    p += text_write_signed(p, longer(as_server_reads(number), t->stale));
    r->args_at = (uintptr_t)args;
    r->args_len = (uint16_t)(p - args);
}

/* --- answers for a client ------------------------------------------------------------------------ */

size_t lease_value_room(const struct lease_item *item, size_t key_len)
{
    return sizeof "VALUE " + key_len + 3 * (TEXT_NUMBER_ROOM + 1) + item->v.len +
           sizeof "\r\n\r\nEND\r\n";
}

struct response lease_put_value(const struct lease_item *item, const uint8_t *key, size_t key_len,
                                bool with_cas, uint8_t *to)
{
    uint8_t *p = put(PUT(to, "VALUE "), key, key_len);
    struct response r = {.kind = RESPONSE_VALUE,
                         .key_len = (uint16_t)key_len,
                         .bytes = to,
                         .key = p - key_len,
                         .rest = p};
    p = NUMBER(p, " ", item->v.flags);
    p = NUMBER(p, " ", item->v.len);
    if (with_cas) p = NUMBER(p, " ", item->is_live ? item->v.cas : PLACE_NO_CAS);
    p = put(PUT(p, "\r\n"), item->v.at, item->v.len);
    r.len = (size_t)(PUT(p, "\r\nEND\r\n") - to);
    assert(item->v.at && r.len <= lease_value_room(item, key_len));
    return r;
}

static bool was_asked(const struct request *r, uint8_t letter)
{
    const uint8_t *token;
    size_t len;
    return request_find_flag(r, letter, &token, &len);
}

/* The time as it is for the client: without what the item is kept longer. */
static uint8_t *put_ttl(uint8_t *to, const uint8_t *flag, size_t len, uint32_t stale)
{
    uint64_t seconds;
    if (!text_read_digits(flag + 1, len - 1, &seconds)) return put(to, flag, len);
    return NUMBER(to, "t", seconds > stale ? seconds - stale : 0);
}

struct response lease_strip(const struct response *va, const struct request *r,
                            const struct lease_terms *t, uint8_t *to)
{
    const uint8_t *at = flags_of(va), *end = line_end(va), *flag;
    struct lease_item item = lease_see(va, t);
    struct response stripped;
    size_t len;
    uint8_t *p = put(to, va->bytes, (size_t)(at - va->bytes));
    while (request_next_flag(&at, end, &flag, &len)) {
        if (!was_asked(r, *flag)) continue;
        *p++ = ' ';
        if (*flag == 't')
            p = put_ttl(p, flag, len, t->stale);
        else if (*flag == 'c' && !item.is_live)
            p = NUMBER(p, "c", PLACE_NO_CAS);
        else
            p = put(p, flag, len);
    }
    p = put(p, end, (size_t)(va->bytes + va->len - end));
    enum response_status status = response_parse(to, (size_t)(p - to), va->len, &stripped);
    assert(status == RESPONSE_DONE);
    (void)status;
    return stripped;
}

/* The classic answer that means the same. */
static enum response_kind absent_kind(const struct request *r)
{
    switch (r->command_id) {
    case COMMAND_GET:
    case COMMAND_GETS:
    case COMMAND_GAT:
    case COMMAND_GATS:
    case COMMAND_META_GET:
    case COMMAND_META_DEBUG: return RESPONSE_END;
    case COMMAND_REPLACE:
    case COMMAND_APPEND:
    case COMMAND_PREPEND: return RESPONSE_NOT_STORED;
    case COMMAND_META_SET: return was_asked(r, 'C') ? RESPONSE_NOT_FOUND : RESPONSE_NOT_STORED;
    default: return RESPONSE_NOT_FOUND;
    }
}

#define LINE(of, text)                                                                             \
    ((struct response){.kind = (of), .bytes = (const uint8_t *)(text), .len = sizeof(text) - 1})

static struct response absent_line(enum response_kind kind)
{
    if (kind == RESPONSE_END) return LINE(kind, "END\r\n");
    if (kind == RESPONSE_NOT_STORED) return LINE(kind, "NOT_STORED\r\n");
    return LINE(kind, "NOT_FOUND\r\n");
}

static struct classic_ask ask_of(const struct request *r, uint8_t *key)
{
    return (struct classic_ask){
        .command = r->command_id,
        .args = (const uint8_t *)r->args_at,
        .args_len = r->args_len,
        .key = key,
        .key_len = request_wire_key(r, (const uint8_t *)r->key_at, r->key_len, key),
        .is_base64 = r->meta & META_BASE64};
}

size_t lease_absent_room(const struct request *r)
{
    return r->args_len + KEY_WIRE_ROOM + 5 * (TEXT_NUMBER_ROOM + 2) + 32;
}

struct response lease_put_absent(const struct request *r, uint8_t *to)
{
    struct response plain = absent_line(absent_kind(r)), answer;
    uint8_t key[KEY_WIRE_ROOM];
    unsigned shape = command_info(r->command_id)->shape;
    if (r->command_id == COMMAND_META_DEBUG) return LINE(RESPONSE_EN, "EN\r\n");
    if (shape != SHAPE_META && shape != SHAPE_META_STORE) return plain;
    struct classic_ask ask = ask_of(r, key);
    assert(classic_room(&ask, &plain, false) <= lease_absent_room(r));
    classic_answer(&ask, &plain, false, to, &answer);
    return answer;
}

struct response lease_put_done(const struct request *r, const struct response *answer, uint8_t *to)
{
    struct response_value v;
    switch (r->command_id) {
    case COMMAND_TOUCH: return LINE(RESPONSE_TOUCHED, "TOUCHED\r\n");
    case COMMAND_DELETE: return LINE(RESPONSE_DELETED, "DELETED\r\n");
    case COMMAND_INCR:
    case COMMAND_DECR: break;
    default: return LINE(RESPONSE_STORED, "STORED\r\n");
    }
    v = response_read(answer);
    assert(v.at && v.len <= TEXT_NUMBER_ROOM);
    uint8_t *p = PUT(put(to, v.at, v.len), "\r\n");
    return (struct response){.kind = RESPONSE_NUMBER, .bytes = to, .len = (size_t)(p - to)};
}
