/* ms, md and ma. */
#include "store/meta.h"

/* --- ms ------------------------------------------------------------------------------------------------ */

/* COMMAND_NONE: there is no such mode. */
static enum command command_of_mode(char mode)
{
    switch (mode) {
    case 0:
    case 'S': return COMMAND_SET;
    case 'E': return COMMAND_ADD;
    case 'A': return COMMAND_APPEND;
    case 'P': return COMMAND_PREPEND;
    case 'R': return COMMAND_REPLACE;
    default: return COMMAND_NONE;
    }
}

/* An append that may make the item stores its value alone. */
static enum answer_stored store(struct meta *m, struct answer_storing *how)
{
    bool joins = how->command == COMMAND_APPEND || how->command == COMMAND_PREPEND;
    if (joins && m->vivifies && !store_find(m->op)) {
        how->command = COMMAND_SET;
        how->expires = meta_expiry(m, m->vivify_ttl);
    }
    return answer_store(m->op, how);
}

static void say_stored(struct meta *m, enum answer_stored stored, const struct store_item *item)
{
    static const struct {
        enum answer_line line;
        enum response_kind kind;
        char word[4];
    } words[] = {[ANSWERED_STORED] = {ANSWER_HD, RESPONSE_HD, "HD"},
                 [ANSWERED_NOT_STORED] = {ANSWER_NS, RESPONSE_NS, "NS"},
                 [ANSWERED_EXISTS] = {ANSWER_EX, RESPONSE_EX, "EX"},
                 [ANSWERED_NOT_FOUND] = {ANSWER_NF, RESPONSE_NF, "NF"}};
    const uint8_t *at = (const uint8_t *)m->r->args_at, *end = at + m->r->args_len, *flag;
    size_t len;
    if (!m->wants_facts) {
        meta_say(m, words[stored].line, words[stored].kind);
        return;
    }
    meta_begin_line(m, words[stored].word, NULL);
    while (request_next_flag(&at, end, &flag, &len)) {
        if (*flag == 'c') meta_put_number(m, 'c', item ? store_item_cas(item) : 0);
        if (*flag == 's')
            meta_put_number(m, 's', item ? store_item_value_len(item) : m->r->value_len);
        meta_put_echo(m, flag, len);
    }
    answer_end(m->by, words[stored].kind, answer_put(m->at, "\r\n", 2));
}

void meta_set(struct meta *m)
{
    struct answer_storing how = {.value = (const void *)m->r->value_at,
                                 .value_len = m->r->value_len,
                                 .cas = m->has_cas ? m->cas : 0,
                                 .new_cas = m->new_cas,
                                 .expires = m->has_ttl ? meta_expiry(m, m->ttl) : 0,
                                 .flags = (uint32_t)m->r->client_flags,
                                 .command = (uint8_t)command_of_mode(m->mode),
                                 .may_be_stale = m->invalidates,
                                 .always_drops = true,
                                 .marks = m->r->meta & META_BASE64 ? STORE_BINARY : 0};
    if (how.command == COMMAND_NONE) {
        answer_say(m->by, ANSWER_BAD_SET_MODE);
        return;
    }
    if (m->has_cas && (how.command == COMMAND_SET || how.command == COMMAND_REPLACE))
        how.command = COMMAND_CAS;
    enum answer_stored stored = store(m, &how);
    if (stored == ANSWERED_TOO_LARGE)
        answer_say(m->by, ANSWER_TOO_LARGE);
    else if (stored == ANSWERED_NO_MEMORY)
        answer_say(m->by, ANSWER_NO_MEMORY);
    else
        say_stored(m, stored, how.item);
}

/* --- md ------------------------------------------------------------------------------------------------ */

/* An item without value, flags and lifetime in its place, as memcached 1.6.38 makes it. NULL: there is no room, and nothing has changed. */
static struct store_item *empty(struct meta *m, struct store_item *item)
{
    store_keep(m->op, item);
    struct store_item *made = store_make(m->op, 0);
    if (!made) return NULL;
    if (m->has_ttl) store_set_expires(m->op, made, meta_expiry(m, m->ttl));
    store_put(m->op, made);
    if (m->new_cas) store_set_cas(m->op, made, m->new_cas);
    return made;
}

static void invalidate(struct meta *m, struct store_item *item)
{
    if (m->has_ttl) store_set_expires(m->op, item, meta_expiry(m, m->ttl));
    store_set_marks(m->op, item, STORE_STALE, STORE_WON);
    store_set_cas(m->op, item, m->new_cas ? m->new_cas : store_next_cas(m->op));
}

void meta_delete(struct meta *m)
{
    struct store_item *item = store_find(m->op);
    if (!item || (m->has_cas && store_item_cas(item) != m->cas)) {
        store_count(m->op, STORE_COUNT_delete_misses);
        if (item)
            META_SAY(m, EX);
        else
            META_SAY(m, NF);
        return;
    }
    if (m->drops_value) item = empty(m, item);
    if (!item) {
        answer_say(m->by, ANSWER_NO_MEMORY);
        return;
    }
    if (m->invalidates)
        invalidate(m, item);
    else
        store_count(m->op, STORE_COUNT_delete_hits);
    if (!m->invalidates && !m->drops_value) store_remove(m->op, item);
    META_SAY(m, HD);
}

/* --- ma ------------------------------------------------------------------------------------------------ */

static struct store_item *begin_counter(struct meta *m, uint64_t *number)
{
    uint8_t digits[TEXT_NUMBER_ROOM];
    size_t len = text_write_unsigned(digits, m->initial);
    struct store_item *item = store_make(m->op, len);
    if (!item) return NULL;
    store_value_write(m->op, item, 0, digits, len);
    store_put(m->op, item);
    if (m->new_cas) store_set_cas(m->op, item, m->new_cas);
    m->was_made = m->by->a->has_made = true;
    *number = m->initial;
    return item;
}

/* N counts where it stands among the flags, as T does. */
static void say_count(struct meta *m, struct store_item *item, uint64_t number)
{
    const uint8_t *at = (const uint8_t *)m->r->args_at, *end = at + m->r->args_len, *flag;
    uint8_t digits[TEXT_NUMBER_ROOM];
    size_t len, n = text_write_unsigned(digits, number);
    meta_begin_line(m, m->wants_value ? "VA" : "HD", m->wants_value ? &n : NULL);
    while (request_next_flag(&at, end, &flag, &len)) {
        if (*flag == 'N' && m->was_made)
            store_set_expires(m->op, item, meta_expiry(m, m->vivify_ttl));
        if (*flag == 'T') store_set_expires(m->op, item, meta_expiry(m, m->ttl));
        if (*flag == 't') meta_put_ttl(m, item);
        if (*flag == 'c') meta_put_number(m, 'c', store_item_cas(item));
        meta_put_echo(m, flag, len);
    }
    m->at = answer_put(m->at, "\r\n", 2);
    if (m->wants_value) m->at = answer_put(answer_put(m->at, digits, n), "\r\n", 2);
    answer_end(m->by, m->wants_value ? RESPONSE_VA : RESPONSE_HD, m->at);
}

static void count_missing(struct meta *m, bool is_down)
{
    uint64_t number;
    struct store_item *item = m->vivifies ? begin_counter(m, &number) : NULL;
    if (!m->vivifies) {
        store_count(m->op, is_down ? STORE_COUNT_decr_misses : STORE_COUNT_incr_misses);
        META_SAY(m, NF);
    } else if (!item) {
        answer_say(m->by, ANSWER_NO_MEMORY);
    } else {
        say_count(m, item, number);
    }
}

void meta_count(struct meta *m)
{
    bool is_down = m->mode == 'D' || m->mode == '-';
    struct answer_counting how = {.is_down = is_down, .delta = m->delta, .new_cas = m->new_cas};
    uint64_t number;
    if (m->mode && !is_down && m->mode != 'I' && m->mode != '+') {
        answer_say(m->by, ANSWER_BAD_COUNT_MODE);
        return;
    }
    struct store_item *item = store_find(m->op);
    if (!item) {
        count_missing(m, is_down);
        return;
    }
    if (m->cas && store_item_cas(item) != m->cas && answer_may_be_number(item)) {
        META_SAY(m, EX);
        return;
    }
    switch (answer_count(m->op, &how, &item, &number)) {
    case ANSWERED_COUNTED: say_count(m, item, number); break;
    case ANSWERED_NO_NUMBER: answer_say(m->by, ANSWER_NO_NUMBER); break;
    case ANSWERED_NO_ROOM: answer_say(m->by, ANSWER_NO_MEMORY); break;
    }
}
