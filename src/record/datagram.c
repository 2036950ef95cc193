#include "record/datagram.h"

#include <string.h>

#include "record/take.h"

_Static_assert(sizeof(struct datagram_head) == 56, "a head without holes");

const uint8_t *datagram_read(const void *bytes, size_t len, struct datagram_head *head,
                             size_t *body_len, const char **why)
{
    *why = "a datagram of another version of moongate: use the ctl of the version that runs";
    if (len < sizeof *head || len > DATAGRAM_MAX) return NULL;
    memcpy(head, bytes, sizeof *head);
    *body_len = len - sizeof *head;
    if (head->layout != DATAGRAM_LAYOUT || head->mark != take_mark()) return NULL;
    *why = "a datagram whose numbers are not possible";
    if (head->first > *body_len || head->share == 0) return NULL;
    return (const uint8_t *)bytes + sizeof *head;
}
