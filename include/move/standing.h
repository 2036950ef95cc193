/* standing: how the service holds the tier's servers at one moment: whether they are up in all its workers, and how many calls to them have
 * failed so far. Of two of them it says whether writes of clients may have been dropped in between.
 *
 * A plain value that owns its list; begin with all zero, standing_release frees it.
 */
#ifndef MOONGATE_MOVE_STANDING_H
#define MOONGATE_MOVE_STANDING_H

#include "move/tier.h"

enum { STANDING_SERVICE = 256, STANDING_TEXT = 512 };

/* What is asked, on the admin socket. */
#define STANDING_QUESTION "status\njson servers\n"

struct standing_server {
    uint64_t failed; /* calls to it that ended without a response, ever */
    bool is_named;   /* the service has it */
    bool is_up;      /* in all workers, and it says so */
};

struct standing {
    char service[STANDING_SERVICE];  /* its process, workers and generation, as it says them */
    struct standing_server *servers; /* owned: by their numbers in the tier */
    uint32_t n;
};

/* Reads the whole answer, which it takes apart. NULL; or why nothing can be read: it lives as long as the answer. */
const char *standing_read(struct standing *to, const struct tier *t, char *answer);

/* The first server of the tier that the service has and does not hold as up; UINT32_MAX: none. */
uint32_t standing_down(const struct standing *s);

/* True: between the two, or at one of them, calls failed or could have; `text` says where. */
bool standing_differs(const struct standing *before, const struct standing *after,
                      const struct tier *t, char text[STANDING_TEXT]);

void standing_release(struct standing *s);

#endif
