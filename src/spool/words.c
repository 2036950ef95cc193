#include "spool/words.h"

#include <assert.h>
#include <string.h>

struct item_head {
    uint64_t number;
    uint32_t len;
};

enum { ITEM_HEAD = 12 }; /* bytes of a struct item_head in a packet, where nothing is aligned */

void spool_packet_begin(struct spool_packet *p, enum spool_word word, uint64_t number,
                        const char *name, size_t name_len)
{
    struct spool_head head = {
        .word = (uint32_t)word, .name_len = (uint16_t)name_len, .number = number};
    assert(name_len <= SPOOL_NAME_MAX);
    memcpy(p->bytes, &head, sizeof head);
    if (name_len) memcpy(p->bytes + sizeof head, name, name_len);
    p->len = sizeof head + name_len;
}

uint32_t spool_packet_items(const struct spool_packet *p)
{
    struct spool_head head;
    assert(p->len >= sizeof head);
    memcpy(&head, p->bytes, sizeof head);
    return head.items;
}

bool spool_packet_add(struct spool_packet *p, uint64_t number, const void *bytes, size_t len)
{
    struct item_head item = {number, (uint32_t)len};
    struct spool_head head;
    assert(len <= SPOOL_LINE_MAX && p->len >= sizeof head);
    memcpy(&head, p->bytes, sizeof head);
    if (ITEM_HEAD + len > sizeof p->bytes - p->len || head.items == UINT16_MAX) return false;
    memcpy(p->bytes + p->len, &item.number, sizeof item.number);
    memcpy(p->bytes + p->len + sizeof item.number, &item.len, sizeof item.len);
    if (len) memcpy(p->bytes + p->len + ITEM_HEAD, bytes, len);
    p->len += ITEM_HEAD + len;
    head.items++;
    memcpy(p->bytes, &head, sizeof head);
    return true;
}

/* Takes one item off the front. False: it does not fit. */
static bool item_take(const unsigned char **at, size_t *left, struct spool_item *to)
{
    uint32_t len;
    if (*left < ITEM_HEAD) return false;
    memcpy(&to->number, *at, sizeof to->number);
    memcpy(&len, *at + sizeof to->number, sizeof len);
    if (len > SPOOL_LINE_MAX || len > *left - ITEM_HEAD) return false;
    to->bytes = (const char *)*at + ITEM_HEAD;
    to->len = len;
    *at += ITEM_HEAD + len;
    *left -= ITEM_HEAD + len;
    return true;
}

bool spool_packet_read(const void *bytes, size_t len, struct spool_said *to)
{
    struct spool_item item;
    if (len < sizeof to->head) return false;
    memcpy(&to->head, bytes, sizeof to->head);
    if (to->head.name_len > SPOOL_NAME_MAX || to->head.name_len > len - sizeof to->head)
        return false;
    to->name = (const char *)bytes + sizeof to->head;
    to->items = (const unsigned char *)to->name + to->head.name_len;
    to->items_len = len - sizeof to->head - to->head.name_len;
    const unsigned char *at = to->items;
    size_t left = to->items_len;
    for (uint32_t i = 0; i < to->head.items; i++)
        if (!item_take(&at, &left, &item)) return false;
    return left == 0;
}

bool spool_said_next(struct spool_said *said, struct spool_item *to)
{
    return said->items_len > 0 && item_take(&said->items, &said->items_len, to);
}

bool spool_said_names(const struct spool_said *said, const char *name)
{
    return strlen(name) == said->head.name_len &&
           memcmp(name, said->name, said->head.name_len) == 0;
}
