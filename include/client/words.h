/* words: the words behind an admin command. A plain value that points into the request; owns nothing. */
#ifndef MOONGATE_CLIENT_WORDS_H
#define MOONGATE_CLIENT_WORDS_H

#include <stdbool.h>
#include <string.h>

#include "net/io.h"
#include "protocol/request.h"

enum { WORDS = 4 };

/* Without a `noreply` at their end, if r->noreply says that there is one. */
struct words {
    struct span word[WORDS];
    size_t n; /* all of them, also those that did not fit */
};

static inline struct words words_split(const struct request *r)
{
    struct words w = {.n = 0};
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *word;
    size_t len;
    while (request_next_flag(&at, end, &word, &len)) {
        if (w.n < WORDS) w.word[w.n] = (struct span){word, len};
        w.n++;
    }
    if (r->noreply) w.n--;
    return w;
}

static inline bool word_is(const struct span *word, const char *text)
{
    return word->len == strlen(text) && memcmp(word->at, text, word->len) == 0;
}

#endif
