/* mg, ms, md, ma, me: their flags are looked at one after the other, and answered in that order, as memcached does. Of newer versions than
 * 1.6.18 it has what that refuses or ignores to the client's loss: README.md has the table. */
#include "protocol/echo.h"
#include "store/meta.h"

/* The letters of flags; others are refused. */
static const char KNOWN[] = "CDEFIJLMNOPRTbcfhklqstuv";

/* --- flags that ask for something ---------------------------------------------------------------------- */

static bool read_seconds(struct meta *m, const uint8_t *at, size_t len, int64_t *to)
{
    if (text_read_signed(at, len, to)) return true;
    m->error = ANSWER_BAD_TOKEN;
    return false;
}

static bool read_positive(struct meta *m, const uint8_t *at, size_t len, uint64_t *to,
                          enum answer_line error)
{
    if (text_read_unsigned(at, len, to)) return true;
    m->error = error;
    return false;
}

/* A script may have changed T. */
static void take_ttl(struct meta *m, const uint8_t *at, size_t n)
{
    m->has_ttl = true;
    if (m->r->meta & META_EXPTIME)
        m->ttl = request_exptime(m->r);
    else
        (void)read_seconds(m, at, n, &m->ttl);
}

static void take_flag(struct meta *m, const uint8_t *flag, size_t len)
{
    const uint8_t *at = flag + 1;
    size_t n = len - 1;
    switch (*flag) {
    case 'v': m->wants_value = true; break;
    case 'T': take_ttl(m, at, n); break;
    case 'N': m->vivifies = read_seconds(m, at, n, &m->vivify_ttl); break;
    case 'R': (void)read_seconds(m, at, n, &m->recache_below); break;
    case 'C': m->has_cas = read_positive(m, at, n, &m->cas, ANSWER_BAD_TOKEN); break;
    case 'E': (void)read_positive(m, at, n, &m->new_cas, ANSWER_BAD_TOKEN); break;
    case 'J': (void)read_positive(m, at, n, &m->initial, ANSWER_BAD_INITIAL); break;
    case 'D': (void)read_positive(m, at, n, &m->delta, ANSWER_BAD_DELTA); break;
    case 'I': m->invalidates = true; break;
    case 'u': m->changes_nothing = true; break;
    case 'c':
    case 's': m->wants_facts = true; break;
    case 'x':
        m->drops_value = m->r->command_id == COMMAND_META_DELETE;
        if (!m->drops_value) m->error = ANSWER_BAD_FLAG;
        break;
    case 'M':
        if (n != 1)
            m->error = ANSWER_BAD_MODE_LENGTH;
        else
            m->mode = (char)*at;
        break;
    case 'O':
        if (len > OPAQUE_MAX) m->error = ANSWER_BAD_OPAQUE;
        break;
    default:
        if (!memchr(KNOWN, *flag, sizeof KNOWN - 1)) m->error = ANSWER_BAD_FLAG;
        break;
    }
}

/* md and ma have one error for nearly all that can be wrong. A script may have given an ms a lifetime that the client did not. */
static void take_flags(struct meta *m)
{
    const uint8_t *at = (const uint8_t *)m->r->args_at, *end = at + m->r->args_len, *flag;
    size_t len;
    while (m->error == ANSWER_NONE && request_next_flag(&at, end, &flag, &len))
        take_flag(m, flag, len);
    bool is_strict =
        m->r->command_id == COMMAND_META_DELETE || m->r->command_id == COMMAND_META_ARITHMETIC;
    if (m->error != ANSWER_NONE && m->error != ANSWER_BAD_OPAQUE && is_strict)
        m->error = ANSWER_BAD_FLAGS;
    if (m->r->command_id != COMMAND_META_SET || m->has_ttl || m->r->exptime == 0) return;
    m->ttl = request_exptime(m->r);
    m->has_ttl = true;
}

/* --- the answer's line --------------------------------------------------------------------------------- */

void meta_begin_line(struct meta *m, const char *word, const size_t *value_len)
{
    size_t keys = m->r->meta & META_KEY ? KEY_WIRE_ROOM + sizeof " k b" : 0;
    m->at = answer_begin(m->by, META_LINE_ROOM + m->r->args_len + keys, value_len ? *value_len : 0);
    m->at = answer_put(m->at, word, 2);
    if (!value_len) return;
    *m->at++ = ' ';
    m->at = answer_put_number(m->at, *value_len);
}

void meta_put_key(struct meta *m, bool in_base64)
{
    struct request as = {.meta = in_base64 ? META_BASE64 : 0};
    struct response *r = &m->by->a->response;
    meta_put_letter(m, 'k');
    r->key = m->at;
    m->at += request_wire_key(&as, meta_key(m), m->r->key_len, m->at);
    r->key_len = (uint16_t)(m->at - r->key);
    r->rest = m->at;
    if (in_base64) meta_put_letter(m, 'b');
}

void meta_put_opaque(struct meta *m, const uint8_t *flag, size_t len)
{
    struct response *r = &m->by->a->response;
    *m->at++ = ' ';
    r->opaque = m->at + 1;
    r->opaque_len = (uint16_t)(len - 1);
    m->at = answer_put(m->at, flag, len);
}

void meta_put_echo(struct meta *m, const uint8_t *flag, size_t len)
{
    if (*flag == 'k') meta_put_key(m, m->r->meta & META_BASE64);
    if (*flag == 'O') meta_put_opaque(m, flag, len);
}

/* What has just ended has no second left; memcached gives a number that has wrapped. */
void meta_put_ttl(struct meta *m, const struct store_item *item)
{
    int64_t expires = store_item_expires(item), left = expires - m->op->now;
    meta_put_letter(m, 't');
    m->at += text_write_signed(m->at, expires == 0 ? -1 : left < 0 ? 0 : left);
}

void meta_say(struct meta *m, enum answer_line line, enum response_kind kind)
{
    const uint8_t *at = (const uint8_t *)m->r->args_at, *end = at + m->r->args_len, *flag;
    const uint8_t *word;
    size_t len;
    answer_say(m->by, line);
    if (!(m->r->meta & (META_KEY | META_OPAQUE))) return;
    word = m->by->a->response.bytes;
    m->by->a->response = (struct response){0};
    meta_begin_line(m, (const char *)word, NULL);
    while (request_next_flag(&at, end, &flag, &len)) meta_put_echo(m, flag, len);
    answer_end(m->by, kind, answer_put(m->at, "\r\n", 2));
}

/* --- mg ------------------------------------------------------------------------------------------------ */

static struct store_item *vivify(struct meta *m)
{
    struct store_item *item = store_make(m->op, 0);
    if (!item) return NULL;
    store_put(m->op, item);
    if (m->new_cas) store_set_cas(m->op, item, m->new_cas);
    m->was_made = m->has_won = m->by->a->has_made = true;
    return item;
}

/* A server repeats the key in the item's own form. One with white space in it would end the answer's line or a word of it, so the client gets
 * that as it wrote it, as behind a proxy (protocol/echo.h). */
static bool shows_base64(const struct meta *m, const struct store_item *item)
{
    if (store_item_marks(item) & STORE_BINARY) return true;
    return m->r->meta & META_BASE64 && echo_breaks_lines(meta_key(m), m->r->key_len);
}

static bool is_to_be_renewed(const struct meta *m, const struct store_item *item)
{
    int64_t expires = store_item_expires(item);
    return !(store_item_marks(item) & STORE_WON) && !m->was_made && expires != 0 &&
           expires < meta_expiry(m, m->recache_below);
}

/* N and T count where they stand among the flags. */
static void put_get_flag(struct meta *m, struct store_item *item, const uint8_t *flag, size_t len)
{
    switch (*flag) {
    case 'O': meta_put_opaque(m, flag, len); return;
    case 'k': meta_put_key(m, shows_base64(m, item)); return;
    case 'T': store_set_expires(m->op, item, meta_expiry(m, m->ttl)); return;
    case 'N':
        if (m->was_made) store_set_expires(m->op, item, meta_expiry(m, m->vivify_ttl));
        return;
    case 's': meta_put_number(m, 's', store_item_value_len(item)); return;
    case 't': meta_put_ttl(m, item); return;
    case 'c': meta_put_number(m, 'c', store_item_cas(item)); return;
    case 'f': meta_put_number(m, 'f', store_item_flags(item)); return;
    case 'l': meta_put_number(m, 'l', (uint64_t)(m->op->now - store_item_used(item))); return;
    case 'h': meta_put_number(m, 'h', (store_item_marks(item) & STORE_FETCHED) != 0); return;
    case 'R': m->has_won |= is_to_be_renewed(m, item); return;
    default: return;
    }
}

/* W: this client is to renew it. X: it was invalidated. Z: another client was told to renew it. */
static void put_wins(struct meta *m, struct store_item *item)
{
    bool was_won = store_item_marks(item) & STORE_WON;
    if (was_won) meta_put_letter(m, 'Z');
    if (store_item_marks(item) & STORE_STALE) {
        meta_put_letter(m, 'X');
        m->has_won |= !was_won;
    }
    if (!m->has_won) return;
    meta_put_letter(m, 'W');
    if (!was_won) store_set_marks(m->op, item, STORE_WON, 0);
}

static void count_get(struct meta *m, const struct store_item *item)
{
    bool touches = item && m->has_ttl;
    store_count(m->op, touches ? STORE_COUNT_cmd_touch : STORE_COUNT_cmd_get);
    store_count(m->op, touches ? STORE_COUNT_touch_hits
                       : item  ? STORE_COUNT_get_hits
                               : STORE_COUNT_get_misses);
}

static void get(struct meta *m)
{
    const uint8_t *at = (const uint8_t *)m->r->args_at, *end = at + m->r->args_len, *flag;
    struct store_item *item = store_find(m->op);
    size_t len, value_len;
    if (!item && m->vivifies) item = vivify(m);
    count_get(m, item);
    if (!item) {
        META_SAY(m, EN);
        return;
    }
    if (m->has_cas && m->cas == store_item_cas(item)) m->wants_value = false; /* it has it */
    value_len = store_item_value_len(item);
    meta_begin_line(m, m->wants_value ? "VA" : "HD", m->wants_value ? &value_len : NULL);
    while (request_next_flag(&at, end, &flag, &len)) put_get_flag(m, item, flag, len);
    put_wins(m, item);
    m->at = answer_put(m->at, "\r\n", 2);
    if (m->wants_value) m->at = answer_put_value(m->by, item, m->at);
    answer_end(m->by, m->wants_value ? RESPONSE_VA : RESPONSE_HD, m->at);
    if (!m->changes_nothing) store_use(m->op, item);
}

/* --- me ------------------------------------------------------------------------------------------------ */

static void put_fact(struct meta *m, const char *name, int64_t number)
{
    m->at = answer_put(m->at, name, strlen(name));
    m->at += text_write_signed(m->at, number);
}

/* There are no slab classes here: cls is always 1. */
static void debug(struct meta *m)
{
    enum { FACTS = 32 + 5 * (8 + TEXT_NUMBER_ROOM) };
    const struct store_item *item = store_find(m->op);
    struct response *r = &m->by->a->response;
    store_count(m->op, STORE_COUNT_cmd_meta);
    if (!item) {
        answer_say(m->by, ANSWER_EN);
        return;
    }
    bool in_base64 = m->r->meta & META_BASE64 && echo_breaks_lines(meta_key(m), m->r->key_len);
    struct request as = {.meta = in_base64 ? META_BASE64 : 0};
    int64_t expires = store_item_expires(item);
    m->at = answer_put(answer_begin(m->by, FACTS + KEY_WIRE_ROOM, 0), "ME ", 3);
    r->key = m->at;
    m->at += request_wire_key(&as, meta_key(m), m->r->key_len, m->at);
    r->key_len = (uint16_t)(m->at - r->key);
    r->rest = m->at;
    put_fact(m, " exp=", expires ? expires - m->op->now : -1);
    put_fact(m, " la=", m->op->now - store_item_used(item));
    m->at = answer_put(m->at, " cas=", 5);
    m->at = answer_put_number(m->at, store_item_cas(item));
    m->at = answer_put(m->at, " fetch=", 7);
    bool was_fetched = store_item_marks(item) & STORE_FETCHED;
    m->at = answer_put(m->at, was_fetched ? "yes" : "no", was_fetched ? 3 : 2);
    put_fact(m, " cls=1 size=", (int64_t)store_item_bytes(item));
    answer_end(m->by, RESPONSE_ME, answer_put(m->at, "\r\n", 2));
}

/* --- any of them --------------------------------------------------------------------------------------- */

void answer_meta(struct answering *by)
{
    struct meta m = {.by = by, .op = by->op, .r = by->r, .error = ANSWER_NONE, .delta = 1};
    if (by->r->command_id != COMMAND_META_DEBUG) take_flags(&m);
    if (m.error != ANSWER_NONE) {
        answer_say(by, m.error);
        return;
    }
    switch (by->r->command_id) {
    case COMMAND_META_GET: get(&m); return;
    case COMMAND_META_SET: meta_set(&m); return;
    case COMMAND_META_DELETE: meta_delete(&m); return;
    case COMMAND_META_ARITHMETIC: meta_count(&m); return;
    default: debug(&m); return;
    }
}
