/* arguments: the words behind an admin command. A plain value that points into the request; owns nothing. */
#ifndef MOONGATE_CLIENT_ARGUMENTS_H
#define MOONGATE_CLIENT_ARGUMENTS_H

#include <stdbool.h>
#include <string.h>

#include "net/io.h"
#include "protocol/request.h"

enum { ARGUMENTS_MAX = 4 };

/* Without a `noreply` at their end, if r->noreply says that there is one. */
struct arguments {
    struct span word[ARGUMENTS_MAX];
    size_t n; /* all of them, also those that did not fit */
};

static inline struct arguments arguments_split(const struct request *r)
{
    struct arguments w = {.n = 0};
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *word;
    size_t len;
    while (request_next_flag(&at, end, &word, &len)) {
        if (w.n < ARGUMENTS_MAX) w.word[w.n] = (struct span){word, len};
        w.n++;
    }
    if (r->noreply) w.n--;
    return w;
}

static inline bool argument_is(const struct span *word, const char *text)
{
    return word->len == strlen(text) && memcmp(word->at, text, word->len) == 0;
}

#endif
