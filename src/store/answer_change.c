/* What changes items: stores of all kinds, and counters. The rules are those of memcached 1.6.18. */
#include <assert.h>

#include "store/answering.h"

void answer_note_change(struct store_op *op, struct store_item *item)
{
    bool was_fetched = store_item_marks(item) & STORE_FETCHED;
    store_use(op, item);
    if (!was_fetched) store_set_marks(op, item, 0, STORE_FETCHED);
}

/* --- stores -------------------------------------------------------------------------------------------- */

static void finish(struct store_op *op, struct store_item *made, struct answer_storing *how)
{
    store_set_flags(op, made, how->flags);
    store_set_expires(op, made, how->expires);
    if (how->marks) store_set_marks(op, made, how->marks, 0);
    store_put(op, made);
    if (how->new_cas) store_set_cas(op, made, how->new_cas);
    how->item = made;
}

static enum answer_stored put_new(struct store_op *op, struct answer_storing *how)
{
    struct store_item *made = store_make(op, how->value_len);
    if (!made) return ANSWERED_NO_MEMORY;
    store_value_write(op, made, 0, how->value, how->value_len);
    finish(op, made, how);
    return ANSWERED_STORED;
}

/* The old value's bytes into `made`, from `to` on. An operation remembers its place in one value; so a second one reads. */
static void copy_value(struct store_op *op, const struct store_item *old, struct store_item *made,
                       size_t to)
{
    struct store_op reader = *op;
    const uint8_t *bytes;
    size_t len = store_item_value_len(old);
    for (size_t at = 0, n; at < len; at += n) {
        n = store_value_span(&reader, old, at, &bytes);
        store_value_write(op, made, to + at, bytes, n);
    }
}

/* The new value is longer, so it is a new item, which has the old one's flags and lifetime. What does not fit leaves the old one. */
static enum answer_stored join(struct store_op *op, struct store_item *old,
                               struct answer_storing *how)
{
    bool is_behind = how->command == COMMAND_APPEND;
    size_t old_len = store_item_value_len(old);
    store_keep(op, old);
    struct store_item *made = store_make(op, (uint64_t)old_len + how->value_len);
    if (!made) return ANSWERED_NOT_STORED;
    copy_value(op, old, made, is_behind ? 0 : how->value_len);
    store_value_write(op, made, is_behind ? old_len : 0, how->value, how->value_len);
    how->flags = store_item_flags(old);
    how->expires = store_item_expires(old);
    how->marks = 0;
    finish(op, made, how);
    return ANSWERED_STORED;
}

/* A cas that is lower than the item's: the value is replaced, but the next client that looks is told to renew it. */
static enum answer_stored put_stale(struct store_op *op, const struct store_item *old,
                                    struct answer_storing *how)
{
    how->expires = store_item_expires(old);
    how->marks |= (uint8_t)(STORE_STALE | (store_item_marks(old) & STORE_WON));
    return put_new(op, how);
}

static enum answer_stored compare_and_put(struct store_op *op, const struct store_item *old,
                                          struct answer_storing *how)
{
    if (!old) {
        store_count(op, STORE_COUNT_cas_misses);
        return ANSWERED_NOT_FOUND;
    }
    uint64_t cas = store_item_cas(old);
    bool is_lower = how->may_be_stale && how->cas && how->cas < cas;
    bool is_same = how->cas == cas;
    store_count(op, is_same || is_lower ? STORE_COUNT_cas_hits : STORE_COUNT_cas_badval);
    if (is_same) return put_new(op, how);
    return is_lower ? put_stale(op, old, how) : ANSWERED_EXISTS;
}

static enum answer_stored join_if(struct store_op *op, struct store_item *old,
                                  struct answer_storing *how)
{
    if (!old) return ANSWERED_NOT_STORED;
    if (how->cas && how->cas != store_item_cas(old)) return ANSWERED_EXISTS;
    return join(op, old, how);
}

/* memcached finds room for the value before it looks whether there is an item. An old value that was to be replaced must not be read
 * again. */
static enum answer_stored refuse(struct store_op *op, const struct answer_storing *how,
                                 enum answer_stored why)
{
    struct store_item *old =
        how->always_drops || how->command == COMMAND_SET ? store_find(op) : NULL;
    store_count(op, why == ANSWERED_TOO_LARGE ? STORE_COUNT_store_too_large
                                              : STORE_COUNT_store_no_memory);
    if (old) store_remove(op, old);
    return why;
}

enum answer_stored answer_store(struct store_op *op, struct answer_storing *how)
{
    if (how->value_len > op->store->largest) return refuse(op, how, ANSWERED_TOO_LARGE);
    struct store_item *old = store_find(op);
    enum answer_stored stored;
    store_count(op, STORE_COUNT_cmd_set);
    switch (how->command) {
    case COMMAND_ADD:
        if (old) answer_note_change(op, old);
        stored = old ? ANSWERED_NOT_STORED : put_new(op, how);
        break;
    case COMMAND_REPLACE: stored = old ? put_new(op, how) : ANSWERED_NOT_STORED; break;
    case COMMAND_CAS: stored = compare_and_put(op, old, how); break;
    case COMMAND_APPEND:
    case COMMAND_PREPEND: stored = join_if(op, old, how); break;
    default: stored = put_new(op, how); break;
    }
    return stored == ANSWERED_NO_MEMORY ? refuse(op, how, stored) : stored;
}

/* --- counters ------------------------------------------------------------------------------------------ */

enum { NUMBER_MOST = 512 * 1024 }; /* bytes, with blanks */

bool answer_may_be_number(const struct store_item *item)
{
    size_t len = store_item_value_len(item);
    return len > 0 && len <= NUMBER_MOST;
}

/* Digits, with white space around them. Of a long value the first piece: digits behind hundreds of blanks are not found. */
static bool read_number(struct store_op *op, const struct store_item *item, uint64_t *number)
{
    const uint8_t *bytes;
    if (!answer_may_be_number(item)) return false;
    size_t n = store_value_span(op, item, 0, &bytes);
    return text_read_unsigned(bytes, n, number);
}

/* Another item of that length, of which all but the number is blank. */
static struct store_item *write_again(struct store_op *op, struct store_item *old, size_t value_len,
                                      const uint8_t *digits, size_t len)
{
    static const uint8_t blanks[256] = {[0 ... 255] = ' '};
    store_keep(op, old);
    struct store_item *made = store_make(op, value_len);
    if (!made) return NULL;
    store_value_write(op, made, 0, digits, len);
    for (size_t n; len < value_len; len += n) {
        n = value_len - len < sizeof blanks ? value_len - len : sizeof blanks;
        store_value_write(op, made, len, blanks, n);
    }
    store_set_flags(op, made, store_item_flags(old));
    store_set_expires(op, made, store_item_expires(old));
    return made;
}

/* In place: blanks take the place of digits that are gone. */
static void write_over(struct store_op *op, struct store_item *item, const uint8_t *digits,
                       size_t len)
{
    uint8_t all[STORE_CHANGE_MOST];
    size_t value_len = store_item_value_len(item);
    memset(all, ' ', sizeof all);
    memcpy(all, digits, len);
    store_value_change(op, item, 0, all, value_len);
    store_set_cas(op, item, store_next_cas(op));
    answer_note_change(op, item);
}

enum answer_counted answer_count(struct store_op *op, const struct answer_counting *how,
                                 struct store_item **item, uint64_t *number)
{
    uint8_t digits[TEXT_NUMBER_ROOM];
    struct store_item *old = *item;
    if (!read_number(op, old, number)) return ANSWERED_NO_NUMBER;
    store_count(op, how->is_down ? STORE_COUNT_decr_hits : STORE_COUNT_incr_hits);
    if (how->is_down)
        *number = *number > how->delta ? *number - how->delta : 0;
    else
        *number += how->delta; /* wraps, as memcached's does */
    size_t len = text_write_unsigned(digits, *number), value_len = store_item_value_len(old);
    bool fits = len <= value_len;
    if (fits && value_len <= STORE_CHANGE_MOST) {
        write_over(op, old, digits, len);
    } else {
        uint8_t marks =
            fits ? store_item_marks(old) & (STORE_FETCHED | STORE_STALE | STORE_WON | STORE_BINARY)
                 : 0;
        *item = write_again(op, old, fits ? value_len : len, digits, len);
        if (!*item) return ANSWERED_NO_ROOM;
        if (marks) store_set_marks(op, *item, marks, 0);
        store_put(op, *item);
    }
    if (how->new_cas) store_set_cas(op, *item, how->new_cas);
    return ANSWERED_COUNTED;
}
