/* What changes items: stores of all kinds, and counters. The rules are those of memcached 1.6.18. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"
#include "protocol/text.h"
#include "replay/fake_server.h"

/* --- stores -------------------------------------------------------------------------------------- */

static enum fake_stored put_new(struct fake_store *s, const uint8_t *key, size_t len,
                                struct fake_storing *how)
{
    how->item = fake_store_put(s, key, len, how->value_len);
    if (!how->item) return FAKE_NO_ROOM;
    if (how->value_len) memcpy(fake_item_value(how->item), how->value, how->value_len);
    how->item->flags = how->flags;
    how->item->expires = how->expires;
    how->item->marks = how->marks;
    return FAKE_STORED;
}

/* The new value is longer, so it is a new item, which has the old one's flags and lifetime. */
static enum fake_stored join(struct fake_store *s, const uint8_t *key, size_t len,
                             const struct fake_item *old, struct fake_storing *how)
{
    struct fake_storing whole = *how;
    size_t before = how->command == COMMAND_PREPEND ? how->value_len : old->value_len;
    const uint8_t *old_value = old->bytes + old->key_len;
    whole.value_len = old->value_len + how->value_len;
    whole.flags = old->flags;
    whole.expires = old->expires;
    whole.marks = 0;
    uint8_t *both = malloc(whole.value_len + 1);
    if (!both) abort();
    memcpy(both, how->command == COMMAND_PREPEND ? how->value : old_value, before);
    memcpy(both + before, how->command == COMMAND_PREPEND ? old_value : how->value,
           whole.value_len - before);
    whole.value = both;
    enum fake_stored stored = put_new(s, key, len, &whole);
    free(both);
    how->item = whole.item;
    return stored;
}

/* A cas that is lower than the item's: the value is replaced, but the next client that looks is told to renew it. */
static enum fake_stored put_stale(struct fake_store *s, const uint8_t *key, size_t len,
                                  const struct fake_item *old, struct fake_storing *how)
{
    how->expires = old->expires;
    how->marks |= FAKE_STALE | (old->marks & FAKE_WON);
    return put_new(s, key, len, how);
}

enum fake_stored fake_store_as(struct fake_store *s, const uint8_t *key, size_t len,
                               struct fake_storing *how)
{
    struct fake_item *old = fake_store_find(s, key, len);
    bool joins = how->command == COMMAND_APPEND || how->command == COMMAND_PREPEND;
    switch (how->command) {
    case COMMAND_ADD:
        if (old) fake_store_use(s, old);
        return old ? FAKE_NOT_STORED : put_new(s, key, len, how);
    case COMMAND_REPLACE: return old ? put_new(s, key, len, how) : FAKE_NOT_STORED;
    case COMMAND_CAS:
        if (!old) return FAKE_NOT_FOUND;
        if (how->cas == old->cas) return put_new(s, key, len, how);
        if (how->may_be_stale && how->cas < old->cas) return put_stale(s, key, len, old, how);
        return FAKE_EXISTS;
    default: break;
    }
    if (!joins) return put_new(s, key, len, how);
    if (!old) return FAKE_NOT_STORED;
    if (how->cas && how->cas != old->cas) return FAKE_EXISTS;
    return join(s, key, len, old, how);
}

/* --- counters ------------------------------------------------------------------------------------ */

/* Digits, with white space around them. */
static bool read_number(const struct fake_item *item, uint64_t *number)
{
    const uint8_t *at = item->bytes + item->key_len;
    size_t len = item->value_len;
    return len > 0 && text_read_unsigned(at, len, number);
}

/* In place where it fits: blanks take the place of digits that are gone. */
static void write_over(struct fake_store *s, struct fake_item *item, const uint8_t *digits,
                       size_t len)
{
    memcpy(fake_item_value(item), digits, len);
    memset(fake_item_value(item) + len, ' ', item->value_len - len);
    item->cas = ++s->cas;
}

enum fake_counted fake_count(struct fake_store *s, struct fake_item **item, bool down,
                             uint64_t delta, uint64_t *number)
{
    uint8_t digits[TEXT_NUMBER_ROOM], key[KEY_MAX];
    struct fake_item *old = *item;
    if (!read_number(old, number)) return FAKE_NO_NUMBER;
    if (down)
        *number = *number > delta ? *number - delta : 0;
    else
        *number += delta; /* wraps, as memcached's does */
    size_t len = text_write_unsigned(digits, *number);
    if (len <= old->value_len) {
        write_over(s, old, digits, len);
        return FAKE_COUNTED;
    }
    struct fake_storing how = {.value = digits,
                               .value_len = len,
                               .expires = old->expires,
                               .flags = old->flags,
                               .command = COMMAND_SET};
    assert(old->key_len <= sizeof key);
    memcpy(key, old->bytes, old->key_len);
    if (fake_store_as(s, key, old->key_len, &how) != FAKE_STORED) return FAKE_NO_MEMORY;
    *item = how.item;
    return FAKE_COUNTED;
}
