/* labels: what listeners of scripts (mg.listen) are called, by the numbers that clients come with.
 *
 * The master owns one for its life, in its listeners; each worker owns a copy from when it was forked, and learns what came later
 * with the first client. A label is `name=address`, or the address alone. It keeps its number, also when the script that named it has
 * gone: its clients stay.
 */
#ifndef MOONGATE_NET_LABELS_H
#define MOONGATE_NET_LABELS_H

#include <stdbool.h>
#include <stdint.h>

/* Numbers below LISTENERS_BOUND are places in --bind. */
enum { LISTENERS_BOUND = 1024, LABELS_MOST = 256, LISTENERS_ROOM = LISTENERS_BOUND + LABELS_MOST };
enum { LABEL_MAX = 320 }; /* bytes, with the end */

struct labels {
    char *texts[LABELS_MOST]; /* owned; those that have come, from the first on */
};

/* The number of that label, a new one where there is none. 0: there are too many, or it is too long. */
uint32_t labels_number(struct labels *l, const char *text);

/* The same for an item of mg.listen, in the form of --bind: the label is its name and address, without prefix and words, which may
 * change while its clients stay. */
uint32_t labels_of_item(struct labels *l, const char *item);

/* A complaint, and what to do. */
#define LABELS_FULL                                                                                \
    "this process has had 256 other listeners of scripts", "send SIGUSR2, or restart moongate"

/* The label with that number; "": there is none. */
const char *labels_text(const struct labels *l, uint32_t number);

/* Another process has given it that number. False: it cannot be that. */
bool labels_put(struct labels *l, uint32_t number, const char *text);

/* Where the address begins in a label. */
const char *label_address(const char *text);

void labels_release(struct labels *l);

#endif
